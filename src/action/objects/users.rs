//! Which workloads take something from a ConfigMap or a Secret, and whether they see it change.

use serde_json::Value;

use crate::action::draft::Draft;
use crate::action::object::{collection, field, items, text};
use crate::action::plan::Request;
use crate::action::survey::Survey;
use crate::model::{Kind, ObjectRef};

/// How a workload takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum How {
    /// As files that the kubelet brings up to date, within about a minute.
    Files,
    /// As environment variables, or as files below a subPath: as they were when the pod started.
    AtStart,
}

/// The workloads of the namespace that use it. `Err`: they could not be read.
pub(super) async fn of(survey: &Survey<'_>, what: &ObjectRef) -> Result<Vec<(ObjectRef, How)>, String> {
    let mut out = Vec::new();
    for kind in Kind::WORKLOADS {
        let list = survey
            .list(&collection(kind, &what.namespace))
            .await
            .map_err(|e| e.why)?;
        for object in &list {
            if let Some(how) = used_by(field(object, "/spec/template/spec"), what) {
                let workload = ObjectRef {
                    kind,
                    namespace: what.namespace.clone(),
                    name: text(object, "/metadata/name").into(),
                    uid: text(object, "/metadata/uid").into(),
                };
                out.push((workload, how));
            }
        }
    }
    Ok(out)
}

/// How the pods of this spec use the ConfigMap or the Secret; `None`: not at all.
fn used_by(spec: &Value, what: &ObjectRef) -> Option<How> {
    let (key_ref, from, volume, name) = match what.kind {
        Kind::Secret => ("secretKeyRef", "secretRef", "secret", "secretName"),
        _ => ("configMapKeyRef", "configMapRef", "configMap", "name"),
    };
    let is = |v: &Value, at: &str| text(v, at) == &*what.name;
    let containers = || items(spec, "/containers").chain(items(spec, "/initContainers"));
    let at_start = containers().any(|c| {
        items(c, "/env").any(|e| is(e, &format!("/valueFrom/{key_ref}/name")))
            || items(c, "/envFrom").any(|e| is(e, &format!("/{from}/name")))
    });
    if at_start {
        return Some(How::AtStart);
    }
    let volumes: Vec<&str> = items(spec, "/volumes")
        .filter(|v| {
            is(v, &format!("/{volume}/{name}"))
                || items(v, "/projected/sources").any(|s| is(s, &format!("/{volume}/name")))
        })
        .map(|v| text(v, "/name"))
        .collect();
    if volumes.is_empty() {
        return None;
    }
    let sub_path = containers()
        .flat_map(|c| items(c, "/volumeMounts"))
        .any(|m| volumes.contains(&text(m, "/name")) && !text(m, "/subPath").is_empty());
    Some(if sub_path { How::AtStart } else { How::Files })
}

/// Says who uses it, who must be restarted, and offers the first restart for when it is done.
pub(super) async fn tell(survey: &Survey<'_>, draft: &mut Draft, what: &ObjectRef) {
    let users = match of(survey, what).await {
        Ok(users) => users,
        Err(why) => {
            draft.warn(format!(
                "the workloads could not be read ({why}): who uses it is unknown"
            ));
            return;
        }
    };
    if users.is_empty() {
        draft.warn(format!("no workload of {} uses it", what.namespace));
        return;
    }
    let names = |how: How| {
        let all: Vec<String> = users
            .iter()
            .filter(|(_, h)| *h == how)
            .map(|(w, _)| w.slash())
            .collect();
        all.join(", ")
    };
    let (files, at_start) = (names(How::Files), names(How::AtStart));
    if !files.is_empty() {
        draft
            .impact
            .push(format!("{files}: mounted as files, which follow within about a minute"));
    }
    if !at_start.is_empty() {
        draft
            .impact
            .push(format!("{at_start}: read at start, so unchanged until restarted"));
        draft.verify.text = format!("{}; then restart {at_start}", draft.verify.text);
    }
    for (workload, _) in users.iter().filter(|(_, how)| *how == How::AtStart) {
        draft.also(
            format!(
                "restart {} (once this is done, so that it takes the new value)",
                workload.slash()
            ),
            Request::Restart {
                target: workload.clone(),
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn what(kind: Kind) -> ObjectRef {
        ObjectRef {
            kind,
            namespace: "x".into(),
            name: "conf".into(),
            uid: "".into(),
        }
    }

    #[test]
    fn each_way_of_use_is_found_and_told_apart() {
        let env = json!({"containers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": "conf", "key": "A"}}}]}]});
        assert_eq!(used_by(&env, &what(Kind::Secret)), Some(How::AtStart));
        assert_eq!(used_by(&env, &what(Kind::ConfigMap)), None);
        let from = json!({"initContainers": [{"envFrom": [{"configMapRef": {"name": "conf"}}]}]});
        assert_eq!(used_by(&from, &what(Kind::ConfigMap)), Some(How::AtStart));
        let mounted = |sub: &str| {
            json!({"volumes": [{"name": "v", "projected": {"sources": [{"configMap": {"name": "conf"}}]}}],
                "containers": [{"volumeMounts": [{"name": "v", "subPath": sub}]}]})
        };
        assert_eq!(used_by(&mounted(""), &what(Kind::ConfigMap)), Some(How::Files));
        assert_eq!(used_by(&mounted("a.conf"), &what(Kind::ConfigMap)), Some(How::AtStart));
        let secret = json!({"volumes": [{"name": "v", "secret": {"secretName": "conf"}}], "containers": [{}]});
        assert_eq!(used_by(&secret, &what(Kind::Secret)), Some(How::Files));
    }
}
