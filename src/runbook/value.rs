//! The values that facts, parameters and expressions have, and their types.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A type of a fact, a parameter or an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Bool,
    Int,
    Float,
    Text,
    /// A list of texts.
    List,
    /// Seconds, an integer in expressions, written `6m 10s` in text.
    Seconds,
}

impl Type {
    /// The name that files and error texts use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int => "an integer",
            Self::Float => "a number",
            Self::Text => "a text",
            Self::List => "a list of texts",
            Self::Seconds => "seconds",
        }
    }

    /// Whether an expression of type `given` may stand where `self` is asked for.
    pub fn accepts(self, given: Self) -> bool {
        match self {
            Self::Text => true,
            Self::Int | Self::Seconds => matches!(given, Self::Int | Self::Seconds),
            Self::Float => matches!(given, Self::Int | Self::Seconds | Self::Float),
            Self::Bool | Self::List => self == given,
        }
    }
}

/// One value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Value>),
}

impl Value {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub fn kind(&self) -> Type {
        match self {
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Float(_) => Type::Float,
            Self::Text(_) => Type::Text,
            Self::List(_) => Type::List,
        }
    }

    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(true) => f.write_str("yes"),
            Self::Bool(false) => f.write_str("no"),
            Self::Int(number) => write!(f, "{number}"),
            // Two places are enough for a person; more would only jitter.
            Self::Float(number) => {
                let text = format!("{number:.2}");
                f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
            }
            Self::Text(text) => f.write_str(text),
            Self::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{item}")?;
                }
                Ok(())
            }
        }
    }
}

/// `370` as `6m 10s`: at most two units, the way operators say it.
pub fn duration_text(seconds: i64) -> String {
    let sign = if seconds < 0 { "-" } else { "" };
    let seconds = seconds.unsigned_abs();
    let units = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let mut left = seconds;
    let mut parts = Vec::new();
    for (name, size) in units {
        let count = left / size;
        left %= size;
        if count > 0 {
            parts.push(format!("{count}{name}"));
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    if parts.is_empty() {
        "0s".to_owned()
    } else {
        format!("{sign}{}", parts.join(" "))
    }
}

/// A share of 1 as `92 %`, `1.3 %`, `0.04 %`: two digits where there are few.
pub fn percent_text(share: f64) -> String {
    let percent = share * 100.0;
    let places = match percent.abs() {
        p if p >= 9.95 || p == 0.0 => 0,
        p if p >= 0.095 => 1,
        _ => 2,
    };
    let text = format!("{percent:.places$}");
    let text = match text.split_once('.') {
        Some(_) => text.trim_end_matches('0').trim_end_matches('.'),
        None => &text,
    };
    format!("{text} %")
}

/// Seconds of `90s`, `2m`, `1h 30m`, `1d`. Nothing without a unit: a bare number is a guess.
pub fn parse_duration(text: &str) -> Option<i64> {
    let mut total: i64 = 0;
    let mut digits = String::new();
    let mut any = false;
    for letter in text.trim().chars() {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        if letter == ' ' && digits.is_empty() {
            continue;
        }
        let size = match letter {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        let count: i64 = digits.parse().ok()?;
        total = total.checked_add(count.checked_mul(size)?)?;
        digits.clear();
        any = true;
    }
    (any && digits.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_write_alike() {
        for (text, seconds) in [
            ("0s", 0),
            ("45s", 45),
            ("6m 10s", 370),
            ("2h", 7_200),
            ("1d 1h", 90_000),
        ] {
            assert_eq!(duration_text(seconds), text);
            assert_eq!(parse_duration(text), Some(seconds));
        }
        for bad in [
            "",
            "5",
            "m",
            "5x",
            "5m3",
            "99999999999999999999s",
            "9223372036854775807d",
        ] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}
