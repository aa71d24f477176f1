//! Reading and writing Kubernetes objects as plain JSON, without a panic on what is absent.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

/// The text at a JSON pointer, or `""`.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

/// The integer at a JSON pointer, or 0.
pub fn int(value: &Value, pointer: &str) -> i64 {
    int_or(value, pointer, 0)
}

/// The integer at a JSON pointer, or what the API server would have set as default.
pub fn int_or(value: &Value, pointer: &str, default: i64) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or(default)
}

/// The boolean at a JSON pointer, or false.
pub fn flag(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Value::as_bool).unwrap_or(false)
}

/// The list at a JSON pointer, or an empty one.
pub fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The map at a JSON pointer, if there is one.
pub fn map<'a>(value: &'a Value, pointer: &str) -> Option<&'a Map<String, Value>> {
    value.pointer(pointer).and_then(Value::as_object)
}

/// The time at a JSON pointer.
pub fn time(value: &Value, pointer: &str) -> Option<Timestamp> {
    text(value, pointer).parse().ok()
}

/// Sets a value at a pointer made of plain keys, making the maps on the way.
pub fn set(value: &mut Value, pointer: &str, new: impl Into<Value>) {
    set_path(value, &pointer.split('/').skip(1).collect::<Vec<_>>(), new.into());
}

/// Sets a value under a path of keys, which may hold any character.
pub fn set_path(value: &mut Value, path: &[&str], new: Value) {
    let mut at = value;
    for key in path {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        let Some(map) = at.as_object_mut() else { return };
        at = map.entry((*key).to_owned()).or_insert(Value::Null);
    }
    *at = new;
}

/// Removes the key at a pointer, when it is there.
pub fn remove(value: &mut Value, pointer: &str) {
    let Some((parent, key)) = pointer.rsplit_once('/') else {
        return;
    };
    if let Some(map) = value.pointer_mut(parent).and_then(Value::as_object_mut) {
        map.remove(key);
    }
}

pub fn annotation<'a>(value: &'a Value, key: &str) -> &'a str {
    map(value, "/metadata/annotations")
        .and_then(|m| m.get(key))
        .and_then(Value::as_str)
        .unwrap_or("")
}

pub fn set_annotation(value: &mut Value, key: &str, new: &str) {
    set_path(value, &["metadata", "annotations", key], json!(new));
}

pub fn label<'a>(value: &'a Value, key: &str) -> &'a str {
    map(value, "/metadata/labels")
        .and_then(|m| m.get(key))
        .and_then(Value::as_str)
        .unwrap_or("")
}

pub fn set_label(value: &mut Value, key: &str, new: &str) {
    set_path(value, &["metadata", "labels", key], json!(new));
}

/// A time as the API server writes `metav1.Time`: whole seconds.
pub fn stamp(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

/// A time as the API server writes `metav1.MicroTime`.
pub fn micro_stamp(at: Timestamp) -> String {
    format!("{at:.6}")
}

pub fn secs(n: i64) -> SignedDuration {
    SignedDuration::from_secs(n)
}

pub fn millis(n: i64) -> SignedDuration {
    SignedDuration::from_millis(n)
}

/// Does a `metav1.LabelSelector` select these labels? An empty selector selects nothing here: that is what the
/// controllers of workloads and the disruption controller do with it.
pub fn selects(selector: &Value, object: &Value) -> bool {
    let labels = map(object, "/metadata/labels");
    let get = |key: &str| labels.and_then(|l| l.get(key)).and_then(Value::as_str);
    let exact = map(selector, "/matchLabels");
    let expressions = list(selector, "/matchExpressions");
    if exact.is_none_or(Map::is_empty) && expressions.is_empty() {
        return false;
    }
    exact.is_none_or(|m| m.iter().all(|(k, v)| get(k) == v.as_str()))
        && expressions.iter().all(|e| {
            let has = get(text(e, "/key"));
            let named = || list(e, "/values").iter().any(|v| v.as_str() == has);
            match text(e, "/operator") {
                "In" => has.is_some() && named(),
                "NotIn" => has.is_none() || !named(),
                "Exists" => has.is_some(),
                "DoesNotExist" => has.is_none(),
                _ => false,
            }
        })
}

/// `spec.x` as an absolute number: an integer, or a percentage of the whole.
pub fn int_or_percent(value: Option<&Value>, of: i64, round_up: bool) -> Option<i64> {
    match value? {
        Value::Number(n) => n.as_i64(),
        Value::String(s) => {
            let percent: i64 = s.trim_end_matches('%').parse().ok()?;
            let exact = percent * of;
            Some(if round_up { (exact + 99) / 100 } else { exact / 100 })
        }
        _ => None,
    }
}

/// A resource quantity in thousandths: `250m` is 250, `2` is 2,000, `1Ki` is 1,024,000.
pub fn milli_quantity(value: Option<&Value>) -> i64 {
    let owned;
    let text = match value {
        Some(Value::String(s)) => s.as_str(),
        Some(Value::Number(n)) => {
            owned = n.to_string();
            owned.as_str()
        }
        _ => return 0,
    };
    let split = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().unwrap_or(0.0);
    let scale = match unit {
        "n" => 1e-6,
        "u" => 1e-3,
        "m" => 1.0,
        "k" => 1e6,
        "M" => 1e9,
        "G" => 1e12,
        "T" => 1e15,
        "Ki" => 1024e3,
        "Mi" => 1024.0 * 1024e3,
        "Gi" => 1024.0 * 1024.0 * 1024e3,
        "Ti" => 1024.0 * 1024.0 * 1024.0 * 1024e3,
        _ => 1e3,
    };
    (number * scale).round() as i64
}

/// A stable hash as Kubernetes writes one into names: FNV-1a in digits, spelled in letters that make no words.
pub fn name_hash(value: &Value) -> String {
    let mut hash: u32 = 0x811c_9dc5;
    for byte in value.to_string().bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    safe_encode(&hash.to_string())
}

const SAFE: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

fn safe_encode(text: &str) -> String {
    text.bytes()
        .filter_map(|b| SAFE.get(usize::from(b) % SAFE.len()))
        .map(|b| char::from(*b))
        .collect()
}

/// A random suffix of five letters, as `generateName` appends.
pub fn suffix(rng: &mut fastrand::Rng) -> String {
    (0..5)
        .filter_map(|_| SAFE.get(rng.usize(..SAFE.len())))
        .map(|b| char::from(*b))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_in_thousandths() {
        for (text, milli) in [
            ("250m", 250),
            ("2", 2_000),
            ("0.5", 500),
            ("1Ki", 1_024_000),
            ("128Mi", 134_217_728_000),
        ] {
            assert_eq!(milli_quantity(Some(&json!(text))), milli, "{text}");
        }
    }

    #[test]
    fn a_selector_that_names_nothing_selects_nothing() {
        let pod = json!({"metadata": {"labels": {"app": "a"}}});
        assert!(!selects(&json!({}), &pod));
        assert!(selects(&json!({"matchLabels": {"app": "a"}}), &pod));
        assert!(!selects(&json!({"matchLabels": {"app": "b"}}), &pod));
        let not_in = json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["a"]}]});
        assert!(!selects(&not_in, &pod));
    }

    #[test]
    fn percentages_round_up_for_surge_and_down_for_unavailable() {
        assert_eq!(int_or_percent(Some(&json!("25%")), 5, true), Some(2));
        assert_eq!(int_or_percent(Some(&json!("25%")), 5, false), Some(1));
        assert_eq!(int_or_percent(Some(&json!(3)), 5, false), Some(3));
    }
}
