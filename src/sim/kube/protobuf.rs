//! Protobuf bodies of the few kinds that newer kubectl versions send so: reviews, evictions, deletions, ConfigMaps.
//!
//! Newer clients send built-in kinds as protobuf without asking first. Only requests are read; answers are JSON.

use serde_json::{Map, Value, json};

/// What a field holds.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    Bool,
    /// Text, more than once.
    Texts,
    /// `map<string, string>`
    Map,
    Message(&'static [Field]),
}

/// Number, JSON name, content. Source: `generated.proto` of `k8s.io/api` 1.36.
type Field = (u64, &'static str, Kind);

const META: &[Field] = &[
    (1, "name", Kind::Text),
    (2, "generateName", Kind::Text),
    (3, "namespace", Kind::Text),
    (5, "uid", Kind::Text),
    (6, "resourceVersion", Kind::Text),
    (11, "labels", Kind::Map),
    (12, "annotations", Kind::Map),
];
const RESOURCE_ATTRIBUTES: &[Field] = &[
    (1, "namespace", Kind::Text),
    (2, "verb", Kind::Text),
    (3, "group", Kind::Text),
    (4, "version", Kind::Text),
    (5, "resource", Kind::Text),
    (6, "subresource", Kind::Text),
    (7, "name", Kind::Text),
];
const PATH_ATTRIBUTES: &[Field] = &[(1, "path", Kind::Text), (2, "verb", Kind::Text)];
const ACCESS_SPEC: &[Field] = &[
    (1, "resourceAttributes", Kind::Message(RESOURCE_ATTRIBUTES)),
    (2, "nonResourceAttributes", Kind::Message(PATH_ATTRIBUTES)),
];
const PRECONDITIONS: &[Field] = &[(1, "uid", Kind::Text), (2, "resourceVersion", Kind::Text)];
const DELETE_OPTIONS: &[Field] = &[
    (1, "gracePeriodSeconds", Kind::Number),
    (2, "preconditions", Kind::Message(PRECONDITIONS)),
    (3, "orphanDependents", Kind::Bool),
    (4, "propagationPolicy", Kind::Text),
    (5, "dryRun", Kind::Texts),
];

fn fields(kind: &str) -> Option<&'static [Field]> {
    Some(match kind {
        "SelfSubjectAccessReview" => &[
            (1, "metadata", Kind::Message(META)),
            (2, "spec", Kind::Message(ACCESS_SPEC)),
        ],
        "SelfSubjectRulesReview" => &[
            (1, "metadata", Kind::Message(META)),
            (2, "spec", Kind::Message(&[(1, "namespace", Kind::Text)])),
        ],
        "SelfSubjectReview" => &[(1, "metadata", Kind::Message(META))],
        "Eviction" => &[
            (1, "metadata", Kind::Message(META)),
            (2, "deleteOptions", Kind::Message(DELETE_OPTIONS)),
        ],
        "DeleteOptions" => DELETE_OPTIONS,
        "ConfigMap" => &[
            (1, "metadata", Kind::Message(META)),
            (2, "data", Kind::Map),
            (4, "immutable", Kind::Bool),
        ],
        _ => return None,
    })
}

/// The object in a protobuf body, or `None` when it is none or of a kind that is not known here.
pub(crate) fn decode(body: &[u8]) -> Option<Value> {
    let envelope = message(
        body.strip_prefix(b"k8s\0")?,
        &[(
            1,
            "type",
            Kind::Message(&[(1, "apiVersion", Kind::Text), (2, "kind", Kind::Text)]),
        )],
    )?;
    let text = |k: &str| {
        envelope
            .pointer(&format!("/type/{k}"))
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let mut raw: &[u8] = &[];
    walk(body.get(4..)?, |number, data| {
        if let (2, Data::Bytes(bytes)) = (number, data) {
            raw = bytes;
        }
        Some(())
    })?;
    let mut object = message(raw, fields(text("kind"))?)?;
    let map = object.as_object_mut()?;
    map.insert("kind".to_owned(), json!(text("kind")));
    map.insert("apiVersion".to_owned(), json!(text("apiVersion")));
    Some(object)
}

enum Data<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Calls `f` with every field of a message; `None` when it is malformed.
fn walk<'a>(mut rest: &'a [u8], mut f: impl FnMut(u64, Data<'a>) -> Option<()>) -> Option<()> {
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        match tag & 7 {
            0 => f(tag >> 3, Data::Number(varint(&mut rest)?))?,
            1 => rest = rest.get(8..)?,
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                f(tag >> 3, Data::Bytes(rest.get(..length)?))?;
                rest = rest.get(length..)?;
            }
            5 => rest = rest.get(4..)?,
            _ => return None,
        }
    }
    Some(())
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn message(bytes: &[u8], fields: &[Field]) -> Option<Value> {
    let mut out = Map::new();
    walk(bytes, |number, data| {
        let Some((_, name, kind)) = fields.iter().find(|f| f.0 == number) else {
            return Some(());
        };
        let text = |b: &[u8]| String::from_utf8(b.to_vec()).ok();
        let value = match (kind, data) {
            (Kind::Text, Data::Bytes(b)) => json!(text(b)?),
            (Kind::Number, Data::Number(n)) => json!(n as i64),
            (Kind::Bool, Data::Number(n)) => json!(n != 0),
            (Kind::Message(inner), Data::Bytes(b)) => message(b, inner)?,
            (Kind::Texts, Data::Bytes(b)) => {
                let list = out.entry(*name).or_insert_with(|| json!([]));
                list.as_array_mut()?.push(json!(text(b)?));
                return Some(());
            }
            (Kind::Map, Data::Bytes(b)) => {
                let entry = message(b, &[(1, "key", Kind::Text), (2, "value", Kind::Text)])?;
                let part = |k: &str| entry.get(k).and_then(Value::as_str).unwrap_or_default().to_owned();
                let map = out.entry(*name).or_insert_with(|| json!({}));
                map.as_object_mut()?.insert(part("key"), json!(part("value")));
                return Some(());
            }
            _ => return None,
        };
        // Go writes empty texts too; JSON leaves them out.
        if value != json!("") {
            out.insert((*name).to_owned(), value);
        }
        Some(())
    })?;
    Some(Value::Object(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_review_is_read_and_rubbish_is_not() {
        let field = |n: u8, b: &[u8]| [&[n << 3 | 2, b.len() as u8][..], b].concat();
        let attributes = [
            field(1, b"cortex"),
            field(2, b"delete"),
            field(3, b""),
            field(5, b"pods"),
        ]
        .concat();
        let raw = [field(1, b""), field(2, &field(1, &attributes))].concat();
        let kind = [
            field(1, b"authorization.k8s.io/v1"),
            field(2, b"SelfSubjectAccessReview"),
        ]
        .concat();
        let body = [&b"k8s\0"[..], &field(1, &kind), &field(2, &raw)].concat();
        assert_eq!(
            decode(&body).unwrap()["spec"]["resourceAttributes"],
            json!({"namespace": "cortex", "verb": "delete", "resource": "pods"})
        );
        for cut in 0..body.len() {
            let _ = decode(&body[..cut]);
        }
        assert_eq!(decode(b"k8s\0\xff\xff"), None);
    }
}
