//! Strict reading of TOML tables: every key is asked for by name and type, and what nobody asked for is a problem.

use super::source::Source;
use crate::runbook::cel::nearest;
use crate::runbook::value::parse_duration;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// A value with the bytes of the file that it stands in.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed<T> {
    pub value: T,
    pub at: usize,
}

/// A table that is being read.
pub(super) struct Fields<'t, 'i> {
    table: &'t DeTable<'i>,
    /// Where the table begins in the file, for keys that are missing.
    pub at: usize,
    /// What is added to the TOML text's offsets to get the file's.
    base: usize,
    asked: Vec<&'static str>,
}

impl<'t, 'i> Fields<'t, 'i> {
    pub fn new(table: &'t DeTable<'i>, at: usize, base: usize) -> Self {
        Self {
            table,
            at,
            base,
            asked: Vec::new(),
        }
    }

    /// Parses a TOML text that begins at byte `base` of the file; a syntax error becomes a problem.
    pub fn parse(source: &mut Source<'_>, text: &'i str, base: usize) -> Option<DeTable<'i>> {
        match DeTable::parse(text) {
            Ok(table) => Some(table.into_inner()),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                let message = error.message().lines().next().unwrap_or("not TOML").to_owned();
                let expected = error
                    .message()
                    .lines()
                    .nth(1)
                    .unwrap_or("TOML, such as key = \"value\"");
                source.problem(base + at, message, expected.trim_start_matches("expected ").to_owned());
                None
            }
        }
    }

    fn place(&self, span: &Range<usize>) -> usize {
        self.base + span.start
    }

    /// Where the text inside a string value begins: behind its opening quotes.
    fn text_place(&self, source: &Source<'_>, span: &Range<usize>) -> usize {
        let at = self.place(span);
        let rest = source.text.get(at..).unwrap_or_default();
        let long = rest.starts_with("\"\"\"") || rest.starts_with("'''");
        at + if long { 3 } else { 1 }
    }

    /// The raw value of a key, which from now on counts as known.
    fn raw(&mut self, key: &'static str) -> Option<(&'t DeValue<'i>, Range<usize>)> {
        self.asked.push(key);
        let (_, value) = self.table.iter().find(|(name, _)| name.get_ref() == key)?;
        Some((value.get_ref(), value.span()))
    }

    fn wrong(&self, source: &mut Source<'_>, key: &str, value: &DeValue<'_>, span: &Range<usize>, expected: &str) {
        source.problem(
            self.place(span),
            format!("`{key}` is of type {}", value.type_str()),
            expected,
        );
    }

    /// Says that a key is missing.
    pub fn missing(&self, source: &mut Source<'_>, key: &str, expected: &str) {
        source.problem(
            self.at,
            format!("`{key}` is missing"),
            format!("`{key} = …`, {expected}"),
        );
    }

    pub fn text(&mut self, source: &mut Source<'_>, key: &'static str) -> Option<Placed<String>> {
        let (value, span) = self.raw(key)?;
        match value {
            DeValue::String(text) => Some(Placed {
                value: text.to_string(),
                at: self.text_place(source, &span),
            }),
            other => {
                self.wrong(source, key, other, &span, "a text in quotes");
                None
            }
        }
    }

    pub fn required_text(&mut self, source: &mut Source<'_>, key: &'static str, doc: &str) -> Option<Placed<String>> {
        if !self.has(key) {
            self.asked.push(key);
            self.missing(source, key, doc);
            return None;
        }
        self.text(source, key)
    }

    pub fn has(&self, key: &str) -> bool {
        self.table.iter().any(|(name, _)| name.get_ref() == key)
    }

    pub fn flag(&mut self, source: &mut Source<'_>, key: &'static str, default: bool) -> bool {
        match self.raw(key) {
            None => default,
            Some((DeValue::Boolean(flag), _)) => *flag,
            Some((other, span)) => {
                self.wrong(source, key, other, &span, "true or false");
                default
            }
        }
    }

    pub fn int(&mut self, source: &mut Source<'_>, key: &'static str) -> Option<Placed<i64>> {
        let (value, span) = self.raw(key)?;
        let number = match value {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        if number.is_none() {
            self.wrong(source, key, value, &span, "an integer");
        }
        Some(Placed {
            value: number?,
            at: self.place(&span),
        })
    }

    /// A duration such as `"90s"`, in seconds.
    pub fn duration(&mut self, source: &mut Source<'_>, key: &'static str) -> Option<Placed<i64>> {
        let text = self.text(source, key)?;
        let Some(value) = parse_duration(&text.value) else {
            source.problem(
                text.at,
                format!("`{}` is not a duration", text.value),
                "a number with its unit, such as \"90s\" or \"2m\"",
            );
            return None;
        };
        Some(Placed { value, at: text.at })
    }

    pub fn texts(&mut self, source: &mut Source<'_>, key: &'static str) -> Vec<Placed<String>> {
        let Some((value, span)) = self.raw(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value else {
            self.wrong(source, key, value, &span, "a list of texts, such as [\"a\", \"b\"]");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::String(text) => {
                    texts.push(Placed {
                        value: text.to_string(),
                        at: self.text_place(source, &item.span()),
                    });
                }
                other => self.wrong(source, key, other, &item.span(), "a text in quotes"),
            }
        }
        texts
    }

    /// A text, or a number or truth value written bare, as the text a template is made of.
    pub fn template_text(&mut self, source: &mut Source<'_>, key: &'static str) -> Option<Placed<String>> {
        let (value, span) = self.raw(key)?;
        match value {
            DeValue::String(text) => Some(Placed {
                value: text.to_string(),
                at: self.text_place(source, &span),
            }),
            DeValue::Integer(number) => Some(Placed {
                value: format!("{{{{ {} }}}}", number.as_str()),
                at: self.place(&span),
            }),
            DeValue::Boolean(flag) => Some(Placed {
                value: format!("{{{{ {flag} }}}}"),
                at: self.place(&span),
            }),
            other => {
                self.wrong(source, key, other, &span, "a text, a number or `\"{{ expression }}\"`");
                None
            }
        }
    }

    /// An array of tables, such as `[[look]]`.
    pub fn tables(&mut self, source: &mut Source<'_>, key: &'static str) -> Vec<Fields<'t, 'i>> {
        let Some((value, span)) = self.raw(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value else {
            self.wrong(source, key, value, &span, &format!("tables, each under [[{key}]]"));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::Table(table) => tables.push(Fields::new(table, self.place(&item.span()), self.base)),
                other => self.wrong(source, key, other, &item.span(), &format!("a table under [[{key}]]")),
            }
        }
        tables
    }

    /// A table, such as `verify = { for = "2m" }`.
    pub fn table(&mut self, source: &mut Source<'_>, key: &'static str) -> Option<Fields<'t, 'i>> {
        let (value, span) = self.raw(key)?;
        if let DeValue::Table(table) = value {
            return Some(Fields::new(table, self.place(&span), self.base));
        }
        self.wrong(source, key, value, &span, "a table, such as { for = \"2m\" }");
        None
    }

    /// The tables inside this one in the file's order, with names and their places.
    pub fn named_tables(&self, source: &mut Source<'_>) -> Vec<(Placed<String>, Fields<'t, 'i>)> {
        let mut named = Vec::new();
        for (name, value) in self.table {
            let key = Placed {
                value: name.get_ref().to_string(),
                at: self.place(&name.span()),
            };
            match value.get_ref() {
                DeValue::Table(table) => named.push((key.clone(), Fields::new(table, key.at, self.base))),
                other => self.wrong(source, &key.value, other, &value.span(), "a table"),
            }
        }
        named.sort_by_key(|(key, _)| key.at);
        named
    }

    /// Every key with its text, in the file's order.
    pub fn named_texts(&self, source: &mut Source<'_>) -> Vec<(Placed<String>, Placed<String>)> {
        let mut named = Vec::new();
        for (name, value) in self.table {
            let key = Placed {
                value: name.get_ref().to_string(),
                at: self.place(&name.span()),
            };
            match value.get_ref() {
                DeValue::String(text) => {
                    let text = Placed {
                        value: text.to_string(),
                        at: self.text_place(source, &value.span()),
                    };
                    named.push((key, text));
                }
                other => self.wrong(source, &key.value, other, &value.span(), "a text in quotes"),
            }
        }
        named.sort_by_key(|(key, _)| key.at);
        named
    }

    /// What kind of value a key has, as TOML calls it.
    pub fn type_of(&self, key: &str) -> Option<&'static str> {
        let (_, value) = self.table.iter().find(|(name, _)| name.get_ref() == key)?;
        Some(value.get_ref().type_str())
    }

    /// A list of integers.
    pub fn ints(&mut self, source: &mut Source<'_>, key: &'static str) -> Vec<Placed<i64>> {
        let Some((value, span)) = self.raw(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value else {
            self.wrong(source, key, value, &span, "a list of integers, such as [0, 2]");
            return Vec::new();
        };
        let mut numbers = Vec::new();
        for item in items {
            let number = match item.get_ref() {
                DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
                _ => None,
            };
            match number {
                Some(value) => numbers.push(Placed {
                    value,
                    at: self.place(&item.span()),
                }),
                None => self.wrong(source, key, item.get_ref(), &item.span(), "an integer"),
            }
        }
        numbers
    }

    /// Reports every key that was not asked for.
    pub fn finish(self, source: &mut Source<'_>, what: &str) {
        let known: Vec<String> = self.asked.iter().map(|key| (*key).to_owned()).collect();
        for (name, _) in self.table {
            let key: &str = name.get_ref();
            if !self.asked.contains(&key) {
                let expected = nearest(key, known.iter()).map_or_else(
                    || format!("one of {}", known.join(", ")),
                    |near| format!("perhaps `{near}`"),
                );
                source.problem(self.place(&name.span()), format!("{what} has no `{key}`"), expected);
            }
        }
    }
}
