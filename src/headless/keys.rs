//! `qd keys`

use serde_json::json;

use crate::cli::KeysForm;
use crate::keys::{Keymap, MUTATE, Vocabulary, hints};

/// The keymap as a table, as JSON, or as a file.
///
/// JSON: `{"keys": [{context, title, keys: [..], command, doc, group, mutates}]}`.
pub fn keys(map: &Keymap, vocabulary: Vocabulary<'_>, form: KeysForm) -> String {
    match form {
        KeysForm::Table => hints::markdown(map, vocabulary),
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
