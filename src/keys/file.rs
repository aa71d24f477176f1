//! A keymap written down as a file that reads back as the same keymap.

use std::fmt::Write as _;

use super::{Chord, Keymap, Node, Prefix};

impl Keymap {
    /// The whole keymap as TOML that inherits nothing.
    pub fn to_toml(&self) -> String {
        let mut text = String::from("inherits = \"none\"\n");
        for (context, trie) in &self.contexts {
            table(&mut text, &mut vec![context.clone()], trie);
        }
        text
    }
}

fn table(text: &mut String, path: &mut Vec<String>, prefix: &Prefix) {
    let _ = writeln!(text, "\n[{}]", path.join("."));
    if let Some(name) = prefix.name.as_ref().filter(|_| path.len() > 1) {
        let _ = writeln!(text, "name = {}", quoted(name));
    }
    for (chord, node) in &prefix.keys {
        let _ = match node {
            Node::Command(id) => writeln!(text, "{} = {}", key(*chord), quoted(id)),
            Node::Nothing => writeln!(text, "{} = false", key(*chord)),
            Node::Prefix(_) => Ok(()),
        };
    }
    for (chord, node) in &prefix.keys {
        if let Node::Prefix(inner) = node {
            path.push(key(*chord));
            table(text, path, inner);
            path.pop();
        }
    }
}

fn key(chord: Chord) -> String {
    quoted(&chord.to_string())
}

/// As TOML writes a text: what it has no other sign for stands as `\u`.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
