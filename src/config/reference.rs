//! Every key of the configuration: its type, its default, what it means, and how layers count. `qd config reference` and
//! the README print it; a test holds it equal to what the reader takes and to the defaults in force.

use std::fmt::Write as _;

/// A section begins at the margin, followed by its rule; below it a line a key: name, type, default, what it is.
const TEXT: &str = include_str!("reference.txt");

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub name: &'static str,
    /// In words, or the values that it takes.
    pub kind: &'static str,
    /// As it is written in the file; `none` or `required` where there is none.
    pub default: &'static str,
    pub doc: &'static str,
}

/// A table of the file.
#[derive(Clone, Debug)]
pub struct Section {
    /// `[ui]`, `[[platform.redis]]`
    pub name: &'static str,
    /// Which layer wins; empty: as said of the section above.
    pub rule: &'static str,
    pub keys: Vec<Key>,
}

/// The sections, in the order in which they are told.
pub fn sections() -> Vec<Section> {
    let mut out: Vec<Section> = Vec::new();
    for line in TEXT.lines().filter(|l| !l.is_empty()) {
        let Some(row) = line.strip_prefix("    ") else {
            let (name, rule) = line.split_once("  ").unwrap_or((line, ""));
            out.push(Section {
                name,
                rule,
                keys: Vec::new(),
            });
            continue;
        };
        let mut cells = row.splitn(4, " | ");
        let mut next = || cells.next().unwrap_or_default();
        let key = Key {
            name: next(),
            kind: next(),
            default: next(),
            doc: next(),
        };
        if let Some(section) = out.last_mut() {
            section.keys.push(key);
        }
    }
    out
}

/// The reference as Markdown: a table a section.
pub fn markdown() -> String {
    let mut out = String::new();
    for section in sections() {
        let _ = write!(out, "**`{}`** {}", section.name, section.rule);
        out.truncate(out.trim_end().len());
        out.push_str("\n\n| key | type | default | what it is |\n|---|---|---|---|\n");
        for key in section.keys {
            let default = match key.default {
                word @ ("none" | "required") => word.to_owned(),
                value => format!("`{value}`"),
            };
            let _ = writeln!(out, "| `{}` | {} | {default} | {} |", key.name, key.kind, key.doc);
        }
        out.push('\n');
    }
    out
}
