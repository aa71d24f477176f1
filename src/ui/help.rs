//! The help, derived from the command table and the keymap.

use crate::app::doc::Line;
use crate::app::layers::Help;
use crate::app::{App, command};
use crate::keys::{CONTEXTS, Vocabulary, hints};
use crate::text;
use crate::theme::Role;

/// The keys of the screen beneath, then those of all others, then what has no key and is found by its name.
pub fn lines(app: &App, help: &Help) -> Vec<Line> {
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
            let why = row
                .id
                .and_then(command::find)
                .and_then(|c| if c.mutates() { (c.when)(app).err() } else { None });
            let (key, doc) = if why.is_some() {
                (Role::KeyDisabled, Role::TextMuted)
            } else {
                (Role::Key, Role::Text)
            };
            let keys = row.keys.join("  ");
            let blanks = " ".repeat(17usize.saturating_sub(text::width(&keys)).max(1));
            let mut line = Line::plain("  ")
                .and(keys, key)
                .and(blanks, Role::Text)
                .and(row.doc.clone(), doc);
            if let Some(why) = why {
                line = line.and(format!("  {why}"), Role::Stale);
            }
            out.push(line);
        }
    }
    if out.is_empty() {
        out.push(Line::new("nothing matches", Role::TextMuted));
    }
    out
}
