//! A local command as data: a program, its arguments, what is added to its environment.

use serde::{Deserialize, Serialize};

/// A value that is never shown or written down. It has no way to be printed, and what is read back is empty.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Hidden(String);

impl Hidden {
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// For the one place that uses it.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

impl Serialize for Hidden {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("(hidden)")
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self::default())
    }
}

/// A variable that is added to the environment of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    pub name: String,
    pub value: Hidden,
    /// Not even the plan shows its value.
    pub secret: bool,
}

impl Variable {
    /// `NAME=value`, or `NAME=(secret)`.
    pub fn shown(&self) -> String {
        let value = if self.secret {
            "(secret)".to_owned()
        } else {
            quoted(self.value.reveal())
        };
        format!("{}={value}", self.name)
    }
}

/// A program and its arguments. No shell reads them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The program first.
    pub argv: Vec<String>,
    pub env: Vec<Variable>,
    /// After so many seconds it is ended.
    pub timeout_s: u32,
    /// Exit codes that count as success.
    pub ok: Vec<i32>,
}

impl Command {
    pub fn program(&self) -> &str {
        self.argv.first().map_or("", String::as_str)
    }

    /// As it would be typed: what a shell would read otherwise stands in quotes.
    pub fn line(&self) -> String {
        let words: Vec<String> = self.argv.iter().map(|word| quoted(word)).collect();
        words.join(" ")
    }
}

/// A word as a POSIX shell reads it back.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_stands_in_no_text_and_in_no_file() {
        let variable = Variable {
            name: "PGPASSWORD".to_owned(),
            value: Hidden::new("canary"),
            secret: true,
        };
        let command = Command {
            argv: vec!["pg_dump".to_owned(), "it's".to_owned()],
            env: vec![variable],
            timeout_s: 5,
            ok: vec![0],
        };
        let texts = [
            format!("{command:?}"),
            serde_json::to_string(&command).unwrap(),
            command.line(),
            command.env[0].shown(),
        ];
        assert!(texts.iter().all(|text| !text.contains("canary")), "{texts:?}");
        assert_eq!(command.line(), "pg_dump 'it'\\''s'");
        let back: Command = serde_json::from_str(&texts[1]).unwrap();
        assert_eq!(back.env[0].value.reveal(), "");
    }
}
