//! Protobuf bodies of the kinds that kubectl sends so: reviews, evictions, deletions, ConfigMaps, Secrets, Jobs.
//!
//! Clients send built-in kinds as protobuf without asking first, newer ones more of them. Only requests are read; answers
//! are JSON. What is not in `kubernetes.proto` is refused rather than dropped: an object must not lose a field unseen.

use std::collections::HashMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

static SCHEMA: LazyLock<HashMap<&str, Vec<Field>>> = LazyLock::new(|| parse(include_str!("protobuf/kubernetes.proto")));

/// The kinds that are taken as protobuf.
const KINDS: [&str; 8] = [
    "SelfSubjectAccessReview",
    "SelfSubjectRulesReview",
    "SelfSubjectReview",
    "Eviction",
    "DeleteOptions",
    "ConfigMap",
    "Secret",
    "Job",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// A zero is the same as nothing.
    Plain,
    Optional,
    Repeated,
    Map,
    Inline,
    Ignored,
}

#[derive(Clone, Copy, Debug)]
struct Field {
    number: u64,
    name: &'static str,
    how: How,
    /// `string`, `int32`, or the name of a message.
    of: &'static str,
}

/// Reads the file beside this one, which is ours and regular.
fn parse(text: &'static str) -> HashMap<&'static str, Vec<Field>> {
    let mut messages: HashMap<&str, Vec<Field>> = HashMap::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("\nmessage ") {
        let Some((head, tail)) = after.split_once('{') else {
            break;
        };
        let Some((body, _)) = tail.split_once('}') else { break };
        let fields = body.split(';').filter_map(field).collect();
        messages.insert(head.trim(), fields);
        rest = tail;
    }
    messages
}

/// `optional int32 parallelism = 1`
fn field(line: &'static str) -> Option<Field> {
    let (left, number) = line.trim().split_once(" = ")?;
    let (left, name) = left.rsplit_once(' ')?;
    let (how, of) = match left.split_once(' ') {
        Some(("map<string,", of)) => (How::Map, of.trim_end_matches('>')),
        Some(("optional", of)) => (How::Optional, of),
        Some(("repeated", of)) => (How::Repeated, of),
        Some(("inline", of)) => (How::Inline, of),
        Some(("ignored", of)) => (How::Ignored, of),
        _ => (How::Plain, left),
    };
    Some(Field {
        number: number.parse().ok()?,
        name,
        how,
        of,
    })
}

/// The object in a protobuf body, or `None` when it is none or of a kind or with a field that is not known here.
pub(crate) fn decode(body: &[u8]) -> Option<Value> {
    let (mut kind, mut version, mut raw) = (String::new(), String::new(), &[][..]);
    walk(body.strip_prefix(b"k8s\0")?, |number, data| {
        match (number, data) {
            (1, Data::Bytes(meta)) => walk(meta, |number, data| {
                match (number, data) {
                    (1, Data::Bytes(b)) => version = text(b)?,
                    (2, Data::Bytes(b)) => kind = text(b)?,
                    _ => {}
                }
                Some(())
            })?,
            (2, Data::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
        Some(())
    })?;
    let known = KINDS.iter().find(|k| **k == kind)?;
    let mut object = message(raw, known)?;
    object.insert("kind".to_owned(), json!(kind));
    object.insert("apiVersion".to_owned(), json!(version));
    Some(Value::Object(object))
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

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

/// Messages lie no deeper in one another than the schema does, which has no circle.
fn message(bytes: &[u8], of: &str) -> Option<Map<String, Value>> {
    let fields = SCHEMA.get(of)?;
    let mut out = Map::new();
    walk(bytes, |number, data| {
        let Some(field) = fields.iter().find(|f| f.number == number) else {
            // Of a field that we do not know, nothing is nothing.
            return matches!(data, Data::Number(0) | Data::Bytes([])).then_some(());
        };
        match (field.how, data) {
            (How::Ignored, _) => {}
            (How::Inline, Data::Bytes(inner)) => out.extend(message(inner, field.of)?),
            (How::Repeated, data) => {
                let list = out.entry(field.name).or_insert_with(|| json!([]));
                list.as_array_mut()?.push(value(data, field.of)?);
            }
            (How::Map, Data::Bytes(entry)) => {
                let (mut key, mut held) = (String::new(), None);
                walk(entry, |number, data| {
                    match (number, data) {
                        (1, Data::Bytes(b)) => key = text(b)?,
                        (2, data) => held = Some(value(data, field.of)?),
                        _ => {}
                    }
                    Some(())
                })?;
                let map = out.entry(field.name).or_insert_with(|| json!({}));
                map.as_object_mut()?.insert(key, held.unwrap_or_else(|| json!("")));
            }
            (how, data) => {
                let value = value(data, field.of)?;
                if how == How::Optional && !value.is_null() || !is_zero(&value) {
                    out.insert(field.name.to_owned(), value);
                }
            }
        }
        Some(())
    })?;
    Some(out)
}

/// What Go writes in a field that nobody set.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(n) => n.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn value(data: Data<'_>, of: &str) -> Option<Value> {
    Some(match (of, data) {
        ("string", Data::Bytes(b)) => json!(text(b)?),
        ("bytes", Data::Bytes(b)) => json!(STANDARD.encode(b)),
        ("int32" | "int64", Data::Number(n)) => json!(n.cast_signed()),
        ("bool", Data::Number(n)) => json!(n != 0),
        ("Quantity", Data::Bytes(b)) => json!(parts(b)?.text),
        ("IntOrString", Data::Bytes(b)) => {
            let parts = parts(b)?;
            match parts.first {
                0 => json!(parts.second),
                _ => json!(parts.text),
            }
        }
        ("Time" | "MicroTime", Data::Bytes(b)) => {
            let parts = parts(b)?;
            match (parts.first, parts.second) {
                (0, 0) => Value::Null,
                (seconds, nanos) => json!(Timestamp::new(seconds, i32::try_from(nanos).ok()?).ok()?.to_string()),
            }
        }
        (of, Data::Bytes(b)) => Value::Object(message(b, of)?),
        _ => return None,
    })
}

/// The fields of the few messages that JSON writes as one value.
#[derive(Default)]
struct Parts {
    first: i64,
    second: i64,
    text: String,
}

fn parts(bytes: &[u8]) -> Option<Parts> {
    let mut parts = Parts::default();
    walk(bytes, |number, data| {
        match (number, data) {
            (1, Data::Number(n)) => parts.first = n.cast_signed(),
            (2, Data::Number(n)) => parts.second = n.cast_signed(),
            (1 | 3, Data::Bytes(b)) => parts.text = text(b)?,
            _ => return None,
        }
        Some(())
    })?;
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(n: u8, b: &[u8]) -> Vec<u8> {
        [&[n << 3 | 2, b.len() as u8][..], b].concat()
    }

    fn body(version: &[u8], kind: &[u8], raw: &[u8]) -> Vec<u8> {
        let kind = [field(1, version), field(2, kind)].concat();
        [&b"k8s\0"[..], &field(1, &kind), &field(2, raw)].concat()
    }

    #[test]
    fn an_access_review_is_read_and_rubbish_is_not() {
        let attributes = [
            field(1, b"cortex"),
            field(2, b"delete"),
            field(3, b""),
            field(5, b"pods"),
        ]
        .concat();
        let raw = [field(1, b""), field(2, &field(1, &attributes))].concat();
        let body = body(b"authorization.k8s.io/v1", b"SelfSubjectAccessReview", &raw);
        assert_eq!(
            decode(&body).unwrap()["spec"]["resourceAttributes"],
            json!({"namespace": "cortex", "verb": "delete", "resource": "pods"})
        );
        for cut in 0..body.len() {
            let _ = decode(&body[..cut]);
        }
        assert_eq!(decode(b"k8s\0\xff\xff"), None);
    }

    #[test]
    fn nothing_of_an_object_is_lost_unseen() {
        let job = |spec: &[u8]| body(b"batch/v1", b"Job", &field(2, spec));
        // backoffLimit 0 is said, suspend is not; 99 is a field of nobody.
        let said = [7 << 3, 0];
        assert_eq!(decode(&job(&said)).unwrap()["spec"], json!({"backoffLimit": 0}));
        assert_eq!(decode(&job(&[0x9a, 0x06, 1, b'x'])), None);
        assert_eq!(decode(&body(b"apps/v1", b"Deployment", b"")), None, "an unknown kind");
    }

    #[test]
    fn every_message_that_is_named_is_described() {
        let leaf = ["string", "bytes", "int32", "int64", "bool"];
        let one = ["Quantity", "IntOrString", "Time", "MicroTime"];
        for field in SCHEMA.values().flatten() {
            let known = leaf.contains(&field.of) || one.contains(&field.of) || SCHEMA.contains_key(field.of);
            assert!(known, "{field:?}");
        }
        assert!(KINDS.iter().all(|kind| SCHEMA.contains_key(kind)));
    }
}
