//! The help, derived from the command table and the keymap.

use super::text::wrapped;
use crate::app::doc::Line;
use crate::app::layers::Help;
use crate::app::{App, command};
use crate::keys::{CONTEXTS, Vocabulary, hints};
use crate::text;
use crate::theme::Role;

/// Columns of the keys.
const KEYS: usize = 16;

/// Keys in lines of that many columns; a longer sequence has a line of its own.
fn in_lines(keys: &[String]) -> Vec<String> {
    let mut lines = vec![String::new()];
    for key in keys {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(key),
            Some(line) if text::width(line) + 2 + text::width(key) <= KEYS => {
                line.push_str("  ");
                line.push_str(key);
            }
            _ => lines.push(key.clone()),
        }
    }
    lines
}

/// The keys of the screen beneath, then those of all others, then what has no key and is found by its name.
pub fn lines(app: &App, help: &Help, width: usize) -> Vec<Line> {
    let rows = command::rows();
    let vocabulary = Vocabulary {
        commands: &rows,
        contexts: CONTEXTS,
    };
    let needle = help.field.text().to_lowercase();
    let mut out = Vec::new();
    let mut sections = hints::help(&app.keys, vocabulary, &help.contexts);
    for other in CONTEXTS.iter().filter(|c| !help.contexts.contains(&c.name)) {
        sections.extend(hints::help(&app.keys, vocabulary, &[other.name]));
    }
    sections.extend(hints::nameless(&app.keys, vocabulary, app.keys_for("app.palette")));
    for section in sections {
        let found: Vec<_> = section
            .rows
            .iter()
            .filter(|r| {
                needle.is_empty()
                    || r.doc.to_lowercase().contains(&needle)
                    || r.keys.iter().any(|k| k.contains(&needle))
            })
            .collect();
        if found.is_empty() {
            continue;
        }
        if !out.is_empty() {
            out.push(Line::default());
        }
        out.push(Line::new(section.title, Role::Heading));
        for row in found {
            let why = help
                .refused
                .iter()
                .find(|(id, _)| Some(*id) == row.id)
                .map(|(_, why)| why);
            let (key, doc) = if why.is_some() {
                (Role::KeyDisabled, Role::TextMuted)
            } else {
                (Role::Key, Role::Text)
            };
            let mut said = Line::new(row.doc.clone(), doc);
            if let Some(why) = why {
                said = said.and(format!("  {why}"), Role::Stale);
            }
            let said = wrapped(&[said], width.saturating_sub(KEYS + 4), true);
            let keys = in_lines(&row.keys);
            // Each side is broken below itself, so that the columns stay.
            for at in 0..keys.len().max(said.len()) {
                let keys = keys.get(at).cloned().unwrap_or_default();
                let blanks = " ".repeat((KEYS + 2).saturating_sub(text::width(&keys)).max(2));
                let mut line = Line::plain("  ").and(keys, key).and(blanks, Role::Text);
                line.0.extend(said.get(at).cloned().unwrap_or_default().0);
                out.push(line);
            }
        }
    }
    if out.is_empty() {
        out.push(Line::new("nothing matches", Role::TextMuted));
    }
    out
}
