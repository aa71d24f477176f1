//! What can be chosen before a change of something that nobody watches: keys of ConfigMaps and Secrets, Services, canaries,
//! TLS Secrets, templates of Jobs. Read when somebody asks, and only by a console that may change things: a Secret's
//! values are measured and dropped where they are read.

use serde_json::Value;

use super::Actor;
use super::object::{annotation, clean, collection, flag, items, text};
use super::objects::{CANARY, CANARY_WEIGHT, looks_secret};
use super::wire;
use crate::model::{Kind, ObjectRef, Str};

/// What is to be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    ConfigKeys,
    SecretKeys,
    TlsSecrets,
    Services,
    Canaries,
    JobTemplates,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    pub object: ObjectRef,
    /// Of a ConfigMap or a Secret; the template's name.
    pub key: String,
    /// What is there now, where that may be shown.
    pub now: Option<String>,
    /// For the list.
    pub hint: String,
}

impl Actor {
    /// What there is of it in the namespace.
    ///
    /// # Errors
    /// Why it could not be read, for the operator.
    pub async fn offers(&self, what: Offer, namespace: &Str) -> Result<Vec<Offered>, String> {
        if self.planner().policy.read_only {
            return Err("this console only reads".to_owned());
        }
        let kind = match what {
            Offer::ConfigKeys => Kind::ConfigMap,
            Offer::SecretKeys | Offer::TlsSecrets => Kind::Secret,
            Offer::Services => Kind::Service,
            Offer::Canaries => Kind::Ingress,
            Offer::JobTemplates => return Ok(self.templates(namespace).await),
        };
        let list = wire::get(&self.planner().reader, &collection(kind, namespace)).await;
        // What a server answers about Secrets in trouble is not quoted.
        let list = list.map_err(|e| match (kind, e.code) {
            (Kind::Secret, 403) | (Kind::ConfigMap | Kind::Service | Kind::Ingress, _) => e.why,
            (_, 0) => "the API server did not answer".to_owned(),
            (_, code) => format!("the API server answered {code}"),
        })?;
        let mut out = Vec::new();
        for object in items(&list, "/items") {
            let reference = ObjectRef {
                kind,
                namespace: namespace.clone(),
                name: text(object, "/metadata/name").into(),
                uid: text(object, "/metadata/uid").into(),
            };
            offer(what, object, &reference, &mut out);
        }
        Ok(out)
    }

    async fn templates(&self, namespace: &Str) -> Vec<Offered> {
        let folders = &self.planner().sources.job_templates;
        let names = super::job_templates(folders).await;
        let one = |name: String| Offered {
            object: ObjectRef {
                kind: Kind::Namespace,
                namespace: "".into(),
                name: namespace.clone(),
                uid: "".into(),
            },
            hint: format!("a Job in {namespace}"),
            key: name,
            now: None,
        };
        names.into_iter().map(one).collect()
    }
}

fn offer(what: Offer, object: &Value, reference: &ObjectRef, out: &mut Vec<Offered>) {
    let one = |key: &str, now: Option<String>, hint: String| Offered {
        object: reference.clone(),
        key: key.to_owned(),
        now,
        hint: clean(&hint),
    };
    let data = object.get("data").and_then(Value::as_object);
    let kind = text(object, "/type");
    match what {
        Offer::ConfigKeys if flag(object, "/immutable") || &*reference.name == "kube-root-ca.crt" => {}
        Offer::ConfigKeys => out.extend(data.into_iter().flatten().map(|(key, value)| {
            let value = value.as_str().unwrap_or_default();
            match value.lines().count() {
                _ if looks_secret(key, value) => one(key, None, "looks like a credential: not shown".to_owned()),
                0 | 1 => one(key, Some(value.to_owned()), value.chars().take(60).collect()),
                n => one(key, None, format!("{n} lines")),
            }
        })),
        Offer::SecretKeys
            if flag(object, "/immutable")
                || matches!(
                    kind,
                    "kubernetes.io/tls" | "kubernetes.io/service-account-token" | "helm.sh/release.v1"
                ) => {}
        Offer::SecretKeys => out.extend(data.into_iter().flatten().map(|(key, value)| {
            let characters = value.as_str().map_or(0, |v| {
                let padding = v.bytes().rev().take_while(|b| *b == b'=').count();
                (v.len() * 3 / 4).saturating_sub(padding)
            });
            one(key, None, format!("{characters} bytes, not shown"))
        })),
        Offer::TlsSecrets if kind != "kubernetes.io/tls" => {}
        Offer::TlsSecrets => {
            let manager = annotation(object, "cert-manager.io/certificate-name");
            let hint = match manager {
                "" => "replaced from files".to_owned(),
                name => format!("cert-manager's Certificate {name}: renew it instead"),
            };
            out.push(one("", None, hint));
        }
        Offer::Services => {
            let selector = object.pointer("/spec/selector").and_then(Value::as_object);
            let labels: Vec<String> = selector
                .into_iter()
                .flatten()
                .map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default()))
                .collect();
            if !labels.is_empty() {
                let words = labels.join(",");
                out.push(one("", Some(words.clone()), words));
            }
        }
        Offer::Canaries if annotation(object, CANARY) != "true" => {}
        Offer::Canaries => {
            let weight = match annotation(object, CANARY_WEIGHT) {
                "" => "0",
                weight => weight,
            };
            let hosts: Vec<&str> = items(object, "/spec/rules").map(|r| text(r, "/host")).collect();
            out.push(one(
                "",
                Some(weight.to_owned()),
                format!("weight {weight} · {}", hosts.join(" ")),
            ));
        }
        Offer::JobTemplates => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn all(what: Offer, kind: Kind, object: &Value) -> Vec<Offered> {
        let mut out = Vec::new();
        let reference = ObjectRef {
            kind,
            namespace: "x".into(),
            name: "o".into(),
            uid: "u".into(),
        };
        offer(what, object, &reference, &mut out);
        out
    }

    #[test]
    fn of_a_secret_only_names_and_lengths_are_offered() {
        let secret = json!({"type": "Opaque", "data": {"PASSWORD": "aHVudGVyMg=="}});
        let offered = all(Offer::SecretKeys, Kind::Secret, &secret);
        assert_eq!(
            (offered[0].key.as_str(), offered[0].hint.as_str()),
            ("PASSWORD", "7 bytes, not shown")
        );
        assert!(offered[0].now.is_none());
        assert!(
            all(
                Offer::SecretKeys,
                Kind::Secret,
                &json!({"type": "kubernetes.io/tls", "data": {"tls.key": "x"}})
            )
            .is_empty()
        );
        let config = json!({"data": {"DB_PASSWORD": "correct-horse", "POOL": "20"}});
        let offered = all(Offer::ConfigKeys, Kind::ConfigMap, &config);
        assert_eq!((offered[0].now.clone(), offered[1].now.as_deref()), (None, Some("20")));
    }
}
