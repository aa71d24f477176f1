//! Reading objects as the server gives them: fields by path, owners, who set a field last.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::model::{Kind, ObjectRef};

/// Text from outside, made harmless.
pub(super) fn clean(text: &str) -> String {
    crate::text::clean(text).into_owned()
}

pub(super) fn text<'a>(v: &'a Value, pointer: &str) -> &'a str {
    v.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn int(v: &Value, pointer: &str) -> Option<i64> {
    v.pointer(pointer).and_then(Value::as_i64)
}

/// A count; absent, negative or absurd counts as `otherwise`.
pub(super) fn count(v: &Value, pointer: &str, otherwise: u32) -> u32 {
    int(v, pointer).and_then(|n| u32::try_from(n).ok()).unwrap_or(otherwise)
}

pub(super) fn flag(v: &Value, pointer: &str) -> bool {
    v.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
}

pub(super) fn items<'a>(v: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    v.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

pub(super) fn time(v: &Value, pointer: &str) -> Option<Timestamp> {
    text(v, pointer).parse().ok()
}

pub(super) fn annotation<'a>(v: &'a Value, key: &str) -> &'a str {
    let map = v.pointer("/metadata/annotations");
    map.and_then(|m| m.get(key)).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn label<'a>(v: &'a Value, key: &str) -> &'a str {
    let map = v.pointer("/metadata/labels");
    map.and_then(|m| m.get(key)).and_then(Value::as_str).unwrap_or_default()
}

/// The controlling owner reference.
pub(super) fn owner(v: &Value) -> Option<&Value> {
    items(v, "/metadata/ownerReferences").find(|o| flag(o, "/controller"))
}

pub(super) fn owned_by(v: &Value, uid: &str) -> bool {
    owner(v).is_some_and(|o| text(o, "/uid") == uid)
}

pub(super) fn condition<'a>(v: &'a Value, kind: &str) -> Option<&'a Value> {
    items(v, "/status/conditions").find(|c| text(c, "/type") == kind)
}

/// Collection path of a kind: `/apis/apps/v1/namespaces/x/deployments`.
pub(super) fn collection(kind: Kind, namespace: &str) -> String {
    let (group, version, plural) = (kind.group(), kind.version(), kind.plural());
    let root = if group.is_empty() {
        format!("/api/{version}")
    } else {
        format!("/apis/{group}/{version}")
    };
    if kind.namespaced() {
        format!("{root}/namespaces/{namespace}/{plural}")
    } else {
        format!("{root}/{plural}")
    }
}

pub(super) fn path(target: &ObjectRef) -> String {
    format!("{}/{}", collection(target.kind, &target.namespace), target.name)
}

/// A field by a readable path: `/spec/replicas`, with `[name=web]` picking from a list. `Null` when absent.
pub(super) fn field<'a>(v: &'a Value, at: &str) -> &'a Value {
    let mut here = v;
    for part in at.split('/').skip(1) {
        let part = part.replace("~1", "/");
        let next = match part
            .strip_prefix('[')
            .and_then(|p| p.strip_suffix(']'))
            .and_then(|p| p.split_once('='))
        {
            Some((key, want)) => here
                .as_array()
                .and_then(|list| list.iter().find(|x| x.get(key).and_then(Value::as_str) == Some(want))),
            None => here.get(part.as_str()),
        };
        let Some(next) = next else { return &Value::Null };
        here = next;
    }
    here
}

/// A `labelSelector` query value of a workload's or a budget's selector. `None` when it selects nothing.
pub(super) fn selector_query(selector: &Value) -> Option<String> {
    let mut parts: Vec<String> = selector
        .get("matchLabels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default()))
        .collect();
    for e in items(selector, "/matchExpressions") {
        let values: Vec<&str> = items(e, "/values").filter_map(Value::as_str).collect();
        let (key, values) = (text(e, "/key"), values.join(","));
        parts.push(match text(e, "/operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            _ => return None,
        });
    }
    (!parts.is_empty()).then(|| parts.join(","))
}

/// Whether a selector matches these labels. An empty one matches nothing.
pub(super) fn selects(selector: &Value, labels: &Value) -> bool {
    let value = |key: &str| labels.get(key).and_then(Value::as_str);
    let by_label = selector.get("matchLabels").and_then(Value::as_object);
    let mut any = false;
    for (k, v) in by_label.into_iter().flatten() {
        any = true;
        if value(k) != v.as_str() {
            return false;
        }
    }
    for e in items(selector, "/matchExpressions") {
        any = true;
        let have = value(text(e, "/key"));
        let listed = have.is_some_and(|h| items(e, "/values").any(|v| v.as_str() == Some(h)));
        let holds = match text(e, "/operator") {
            "In" => listed,
            "NotIn" => !listed,
            "Exists" => have.is_some(),
            "DoesNotExist" => have.is_none(),
            _ => false,
        };
        if !holds {
            return false;
        }
    }
    any
}

/// Who set a field last, from `managedFields`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setter {
    pub manager: String,
    pub subresource: String,
    pub at: Option<Timestamp>,
}

/// `at`: path in the language of `managedFields`, such as `["f:spec", "f:replicas"]`. Of several owners, the latest.
pub(super) fn setter(v: &Value, at: &[&str]) -> Option<Setter> {
    items(v, "/metadata/managedFields")
        .filter(|m| {
            let mut here = m.get("fieldsV1");
            for part in at {
                here = here.and_then(|h| h.get(*part));
            }
            here.is_some()
        })
        .map(|m| Setter {
            manager: clean(text(m, "/manager")),
            subresource: text(m, "/subresource").to_owned(),
            at: time(m, "/time"),
        })
        .max_by_key(|s| s.at)
}

/// `replicas: hpa-controller, 2 h ago (2)`.
pub(super) fn last_set(v: &Value, what: &str, at: &[&str], value: &str, now: Timestamp) -> Option<String> {
    let s = setter(v, at)?;
    let when = s.at.map_or_else(
        || "at an unknown time".to_owned(),
        |t| format!("{} ago", ago(now.duration_since(t))),
    );
    let value = if value.is_empty() {
        String::new()
    } else {
        format!(" ({value})")
    };
    Some(format!("{what}: {}, {when}{value}", s.manager))
}

/// A length of time in one unit: `14 s`, `6 min`, `2 h`, `3 d`.
pub(super) fn ago(d: SignedDuration) -> String {
    let s = d.as_secs().max(0);
    match s {
        0..=119 => format!("{s} s"),
        120..=7199 => format!("{} min", s / 60),
        7200..=172_799 => format!("{} h", s / 3600),
        _ => format!("{} d", s / 86_400),
    }
}

/// A word for a shell: quoted where it must be.
pub(super) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_latest_of_several_owners_set_the_field() {
        let v = json!({"metadata": {"managedFields": [
            {"manager": "seed", "time": "2026-11-21T10:00:00Z", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
            {"manager": "kube-controller-manager", "subresource": "scale", "time": "2026-11-21T11:00:00Z",
             "fieldsV1": {"f:spec": {"f:replicas": {}}}},
            {"manager": "kubectl", "time": "2026-11-21T12:00:00Z", "fieldsV1": {"f:spec": {"f:paused": {}}}},
        ]}});
        let now = "2026-11-21T13:00:00Z".parse().unwrap();
        assert_eq!(
            last_set(&v, "replicas", &["f:spec", "f:replicas"], "2", now).unwrap(),
            "replicas: kube-controller-manager, 2 h ago (2)"
        );
    }

    #[test]
    fn a_field_in_a_list_is_found_by_name() {
        let v = json!({"spec": {"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]}});
        assert_eq!(field(&v, "/spec/containers/[name=b]/image"), "y");
        assert!(field(&v, "/spec/containers/[name=c]/image").is_null());
    }

    #[test]
    fn words_for_a_shell_are_quoted() {
        assert_eq!(quote("deploy/web"), "deploy/web");
        assert_eq!(quote("a b'$(x)"), r"'a b'\''$(x)'");
    }
}
