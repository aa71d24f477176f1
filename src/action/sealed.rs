//! Values that must never be seen: held in memory only, written to no screen, log, journal, argument or plan.
//!
//! What is seen of one is its number, which says that two of them are the same and nothing about what is in it. It
//! serialises as that number alone, so one that was read back is empty: what it held went with the process that held it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretSlice};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use super::plan::Request;

/// What stands in a body where a value will be.
const PLACE: &str = "(held in memory, put in when it is sent)";

/// Keys and values of a Secret; a key without a value is to be taken away.
#[derive(Clone)]
pub struct Sealed {
    number: String,
    held: Option<Arc<Values>>,
}

type Values = BTreeMap<String, Option<SecretSlice<u8>>>;

impl Sealed {
    /// Takes the values in. `None` for a key that is to be taken away.
    pub fn new(values: impl IntoIterator<Item = (String, Option<Vec<u8>>)>) -> Self {
        let held = values.into_iter().map(|(k, v)| (k, v.map(SecretSlice::from))).collect();
        Self {
            number: format!("{:016x}", fastrand::u64(..)),
            held: Some(Arc::new(held)),
        }
    }

    /// One value without a key: what somebody typed. The plan gives it its key.
    pub fn typed(text: &str) -> Self {
        Self::new([(String::new(), Some(text.as_bytes().to_vec()))])
    }

    /// The same value under this key.
    #[must_use]
    pub(super) fn under(&self, key: &str) -> Option<Self> {
        let value = self.held.as_ref()?.get("")?.as_ref()?;
        Some(Self {
            number: self.number.clone(),
            held: Some(Arc::new(BTreeMap::from([(
                key.to_owned(),
                Some(SecretSlice::from(value.expose_secret().to_vec())),
            )]))),
        })
    }

    /// Whether it was read back, and so holds nothing any more.
    pub(super) const fn is_lost(&self) -> bool {
        self.held.is_none()
    }

    /// Its keys, and how many bytes each value has.
    pub(super) fn lengths(&self) -> impl Iterator<Item = (&str, Option<usize>)> {
        let all = self.held.iter().flat_map(|held| held.iter());
        all.map(|(k, v)| (k.as_str(), v.as_ref().map(|v| v.expose_secret().len())))
    }

    /// Whether a Secret, as the server gives it, holds exactly this.
    pub(super) fn is_held_by(&self, secret: &Value) -> bool {
        let Some(held) = &self.held else { return false };
        held.iter().all(|(key, value)| {
            let there = secret.get("data").and_then(|d| d.get(key)).and_then(Value::as_str);
            there == value.as_ref().map(encoded).as_deref()
        })
    }

    /// The `data` of a body with a place for each value.
    pub(super) fn places(&self) -> Value {
        let places = self.lengths().map(|(key, length)| {
            let place = length.map_or(Value::Null, |_| json!(PLACE));
            (key.to_owned(), place)
        });
        Value::Object(places.collect())
    }
}

fn encoded(value: &SecretSlice<u8>) -> String {
    STANDARD.encode(value.expose_secret())
}

/// The body as it goes over the wire: with the values in their places. `None`: what was sealed is lost.
pub(super) fn filled(request: &Request, body: &Value) -> Option<Value> {
    let mut body = body.clone();
    let Some(sealed) = request.sealed() else {
        return Some(body);
    };
    for (key, value) in sealed.held.as_ref()?.iter() {
        if let (Some(value), Some(place)) = (value, body.pointer_mut("/data").and_then(|d| d.get_mut(key))) {
            *place = Value::String(encoded(value));
        }
    }
    Some(body)
}

/// By its number alone.
impl PartialEq for Sealed {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Sealed {}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({})", self.number)
    }
}

impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.number)
    }
}

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = String::deserialize(from)?;
        Ok(Self { number, held: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_what_is_sealed_gets_out() {
        let sealed = Sealed::new([("PASSWORD".to_owned(), Some(b"hunter2".to_vec()))]);
        let written = serde_json::to_string(&sealed).unwrap();
        for out in [written.clone(), format!("{sealed:?}"), sealed.places().to_string()] {
            assert!(!out.contains("hunter2") && !out.contains("aHVudGVyMg"), "{out}");
        }
        let back: Sealed = serde_json::from_str(&written).unwrap();
        assert!(back.is_lost() && back == sealed && !back.is_held_by(&json!({"data": {}})));
        assert!(sealed.is_held_by(&json!({"data": {"PASSWORD": "aHVudGVyMg==", "OTHER": "eA=="}})));
        assert!(!sealed.is_held_by(&json!({"data": {"PASSWORD": "eA=="}})));
    }
}
