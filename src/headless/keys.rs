//! `qd keys`

use std::fmt::Write as _;

use serde_json::json;

use crate::cli::KeysForm;
use crate::keys::{Keymap, MUTATE, Vocabulary, hints};
use crate::text;

/// The keymap as a table, as JSON, or as a file. The table is Markdown, unless it is wider than `columns`.
///
/// JSON: `{"keys": [{context, title, keys: [..], command, doc, group, mutates}]}`.
pub fn keys(map: &Keymap, vocabulary: Vocabulary<'_>, form: KeysForm, columns: Option<usize>) -> String {
    match form {
        KeysForm::Table => {
            let table = hints::markdown(map, vocabulary);
            let is_wide = |columns: &usize| table.lines().any(|line| text::width(line) > *columns);
            match columns.filter(is_wide) {
                Some(columns) => narrow(map, vocabulary, columns),
                None => table,
            }
        }
        KeysForm::Toml => map.to_toml(),
        KeysForm::Json => {
            let mut rows = Vec::new();
            for context in vocabulary.contexts {
                for section in hints::help(map, vocabulary, &[context.name]) {
                    rows.extend(section.rows.into_iter().map(|row| {
                        let group = row.id.and_then(|id| vocabulary.command(id)).map(|c| c.group);
                        json!({
                            "context": section.context, "title": section.title, "keys": row.keys, "command": row.id,
                            "doc": row.doc, "group": group, "mutates": group == Some(MUTATE),
                        })
                    }));
                }
            }
            super::json(&json!({ "keys": rows }))
        }
    }
}

/// The names that a keymap file has: every context, every command.
pub fn ids(vocabulary: Vocabulary<'_>) -> String {
    let widest = vocabulary.commands.iter().map(|c| c.id.len()).max().unwrap_or(0);
    let mut out = String::from("contexts\n");
    for context in vocabulary.contexts {
        let _ = writeln!(out, "  {:widest$}  {}", context.name, context.title);
    }
    out += "\ncommands\n";
    for command in vocabulary.commands {
        let _ = writeln!(out, "  {:widest$}  {}", command.id, command.doc);
    }
    out
}

/// Columns of the keys where the table does not fit.
const KEYS: usize = 20;

/// The same for a narrow terminal: what a key does is broken between words and goes on below itself.
fn narrow(map: &Keymap, vocabulary: Vocabulary<'_>, columns: usize) -> String {
    let room = columns.saturating_sub(KEYS + 4).max(20);
    let mut lines = Vec::new();
    for context in vocabulary.contexts {
        for section in hints::help(map, vocabulary, &[context.name]) {
            lines.extend([String::new(), section.title.to_owned()]);
            for row in section.rows {
                // Both sides are broken, each below itself.
                let (keys, doc) = (broken(&row.keys.join("  "), KEYS), broken(&row.doc, room));
                for at in 0..keys.len().max(doc.len()) {
                    let part = |of: &[String]| of.get(at).cloned().unwrap_or_default();
                    let line = format!("  {}  {}", text::pad(&part(&keys), KEYS), part(&doc));
                    lines.push(line.trim_end().to_owned());
                }
            }
        }
    }
    lines.join("\n") + "\n"
}

/// Words in lines of at most so many columns; a longer word has a line of its own.
fn broken(words: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words.split(' ') {
        let last = lines.last().map_or(0, |l| text::width(l));
        match lines.last_mut() {
            Some(line) if last == 0 => line.push_str(word),
            Some(line) if last + 1 + text::width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::CONTEXTS;

    #[test]
    fn on_a_terminal_of_80_columns_no_line_breaks_and_nothing_is_left_out() {
        let rows = crate::app::command::rows();
        let vocabulary = Vocabulary {
            commands: &rows,
            contexts: CONTEXTS,
        };
        let map = Keymap::load(&[], vocabulary).unwrap().0;
        let table = |columns| keys(&map, vocabulary, KeysForm::Table, columns);
        let shown = table(Some(80));
        for line in shown.lines() {
            assert!(text::width(line) <= 80, "{line}");
        }
        let squeezed = |t: &str| t.split_whitespace().collect::<Vec<_>>().join(" ");
        for doc in [
            "close this level; on the deck ask whether to quit",
            "show every key of this screen and of the others",
        ] {
            assert!(squeezed(&shown).contains(doc), "{doc}");
        }
        assert_eq!(table(None), hints::markdown(&map, vocabulary));
        assert_eq!(table(Some(300)), table(None));
    }
}
