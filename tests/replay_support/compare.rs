//! Where what came differs from what was recorded, and which differences were reviewed and excepted.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::file;

/// Differences by JSON pointer: what was expected, what came.
pub type Differences = BTreeMap<String, (Value, Value)>;

/// Replaces a text wherever it is a whole value.
pub fn replace_text(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::String(s) if s == from => to.clone_into(s),
        Value::Array(list) => list.iter_mut().for_each(|v| replace_text(v, from, to)),
        Value::Object(map) => map.values_mut().for_each(|v| replace_text(v, from, to)),
        _ => {}
    }
}

/// Where two documents differ.
pub fn compare(expected: &Value, got: &Value) -> Differences {
    let mut out = BTreeMap::new();
    differ(expected, got, String::new(), &mut out);
    out
}

fn differ(expected: &Value, got: &Value, at: String, out: &mut Differences) {
    match (expected, got) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|k| !a.contains_key(*k))) {
                let below = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                differ(
                    a.get(key).unwrap_or(&Value::Null),
                    b.get(key).unwrap_or(&Value::Null),
                    below,
                    out,
                );
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                differ(a, b, format!("{at}/{i}"), out);
            }
        }
        _ if expected == got => {}
        // A message that quotes an object: the order of its fields is that of Go's structs, and means nothing.
        (Value::String(a), Value::String(b)) if quoted(a).is_some() && quoted(b).is_some() => {
            let ((head_a, a, tail_a), (head_b, b, tail_b)) = (quoted(a).unwrap(), quoted(b).unwrap());
            differ(
                &json!([head_a, tail_a]),
                &json!([head_b, tail_b]),
                format!("{at}/around"),
                out,
            );
            differ(&a, &b, format!("{at}/object"), out);
        }
        _ => {
            out.insert(at, (expected.clone(), got.clone()));
        }
    }
}

/// A message that quotes a JSON object, taken apart: what is before it, the object, what is after it.
pub fn quoted(message: &str) -> Option<(&str, Value, &str)> {
    let at = message.find("Invalid value: \"{")? + "Invalid value: ".len();
    let (before, rest) = message.split_at_checked(at)?;
    let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<String>();
    let object = serde_json::from_str(&stream.next()?.ok()?).ok()?;
    Some((before, object, rest.get(stream.byte_offset()..)?))
}

/// The reviewed exceptions of one scenario, and what controllers did between exchanges that no read shows.
pub struct Exceptions {
    scenario: String,
    list: Vec<(Value, bool)>,
    steps: Vec<Value>,
    left: Vec<String>,
}

impl Exceptions {
    pub fn read(scenario: &str) -> Self {
        let all = file("exceptions");
        let of = |part: &str| -> Vec<Value> {
            all[part]
                .as_array()
                .unwrap()
                .iter()
                .filter(|e| e["scenario"] == scenario)
                .cloned()
                .collect()
        };
        let list = of("exceptions").into_iter().map(|e| (e, false)).collect();
        Self {
            scenario: scenario.to_owned(),
            list,
            steps: of("steps"),
            left: Vec::new(),
        }
    }

    /// What to do before that exchange.
    pub fn steps(&self, at: usize) -> Vec<Value> {
        self.steps.iter().filter(|s| s["before"] == at).cloned().collect()
    }

    /// Takes the excepted differences out and keeps the rest for the end.
    pub fn check(&mut self, at: usize, differences: Differences) {
        for (path, (expected, got)) in differences {
            let excepted = self.list.iter_mut().find(|(e, _)| {
                (e["exchange"].is_null() || e["exchange"] == at) && covers(e["path"].as_str().unwrap(), &path)
            });
            if let Some((_, used)) = excepted {
                *used = true;
                continue;
            }
            let (expected, got) = (short(&expected), short(&got));
            self.left
                .push(format!("{} {at} {path}: expected {expected}, got {got}", self.scenario));
        }
    }

    /// A difference that no exception can cover.
    pub fn fail(&mut self, what: String) {
        self.left.push(what);
    }

    /// What is left over, exceptions that are there for nothing included.
    pub fn finish(mut self) -> Vec<String> {
        for (e, used) in self.list {
            if !used || e["reason"].as_str().is_none_or(|r| r.len() < 20) {
                self.left
                    .push(format!("this exception is not needed, or lacks a reason: {e}"));
            }
        }
        self.left
    }
}

fn short(v: &Value) -> String {
    v.to_string().chars().take(300).collect()
}

/// `*` stands for one step; a path covers what is below it.
fn covers(pattern: &str, path: &str) -> bool {
    let mut steps = path.split('/');
    pattern
        .split('/')
        .all(|p| steps.next().is_some_and(|s| p == "*" || p == s))
}
