//! Tries of chords, one per context, and the answer to "what does this key do here, now?".

use std::collections::BTreeMap;

use super::Chord;

/// What a chord leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A command's id.
    Command(&'static str),
    /// More chords.
    Prefix(Prefix),
    /// Nothing, on purpose (`false`): outer contexts are not asked.
    Nothing,
}

/// The chords that may follow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prefix {
    /// Title of the popup that lists what may follow.
    pub name: Option<String>,
    /// Where each chord leads.
    pub keys: BTreeMap<Chord, Node>,
}

/// The answer of [`Keymap::resolve`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolved<'a> {
    /// Run this command.
    Found(&'static str),
    /// A prefix: wait for more. Holds its name.
    Pending(Option<&'a str>),
    /// The keys mean nothing here.
    None,
}

/// A trie for each context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keymap {
    pub(super) contexts: BTreeMap<String, Prefix>,
}

impl Prefix {
    /// Follow `path`. The error is true when the path ends early at a [`Node::Nothing`].
    fn walk(&self, path: &[Chord]) -> Result<&Node, bool> {
        let (first, rest) = path.split_first().ok_or(false)?;
        match self.keys.get(first) {
            Some(Node::Nothing) => Err(true),
            Some(node) if rest.is_empty() => Ok(node),
            Some(Node::Prefix(prefix)) => prefix.walk(rest),
            Some(Node::Command(_)) | None => Err(false),
        }
    }

    /// Put `node` at the end of `path`; whatever stood on the way gives place.
    pub(super) fn insert(&mut self, path: &[Chord], node: Node) {
        let Some((first, rest)) = path.split_first() else {
            return;
        };
        if rest.is_empty() {
            self.keys.insert(*first, node);
            return;
        }
        self.with_child(*first, |child| child.insert(rest, node));
    }

    /// Name the prefix at the end of `path`.
    pub(super) fn set_name(&mut self, path: &[Chord], name: String) {
        match path.split_first() {
            Some((first, rest)) => self.with_child(*first, |child| child.set_name(rest, name)),
            None => self.name = Some(name),
        }
    }

    fn with_child(&mut self, chord: Chord, change: impl FnOnce(&mut Self)) {
        let mut child = match self.keys.remove(&chord) {
            Some(Node::Prefix(prefix)) => prefix,
            _ => Self::default(),
        };
        change(&mut child);
        self.keys.insert(chord, Node::Prefix(child));
    }
}

impl Keymap {
    /// What `chord` does after `pending`, in these contexts, innermost first.
    ///
    /// Each context is asked in turn, so that a prefix may be spread over several: `a u` of `global` works in a pane that
    /// has an `a` of its own.
    pub fn resolve(&self, contexts: &[&str], pending: &[Chord], chord: Chord) -> Resolved<'_> {
        let mut path = pending.to_vec();
        path.push(chord);
        let mut waits: Option<Option<&str>> = None;
        for trie in contexts.iter().filter_map(|context| self.contexts.get(*context)) {
            match trie.walk(&path) {
                Ok(Node::Command(id)) if waits.is_none() => return Resolved::Found(id),
                Ok(Node::Prefix(prefix)) => waits = Some(waits.flatten().or(prefix.name.as_deref())),
                Err(true) | Ok(Node::Nothing) => break,
                Err(false) | Ok(Node::Command(_)) => {}
            }
        }
        waits.map_or(Resolved::None, Resolved::Pending)
    }

    /// The command at the end of these chords in one context.
    pub(super) fn command(&self, context: &str, chords: &[Chord]) -> Option<&'static str> {
        match self.contexts.get(context)?.walk(chords) {
            Ok(Node::Command(id)) => Some(id),
            _ => None,
        }
    }

    /// Whether the context does anything with these chords by themselves: runs a command, or keeps them from doing so.
    pub(super) fn knows(&self, context: &str, chords: &[Chord]) -> bool {
        let node = self.contexts.get(context).map(|trie| trie.walk(chords));
        matches!(node, Some(Ok(Node::Command(_)) | Err(true)))
    }

    /// The chords of the prefix of that name in these contexts, the shortest first.
    pub fn prefix(&self, contexts: &[&str], name: &str) -> Option<Vec<Chord>> {
        fn find(prefix: &Prefix, name: &str, path: &[Chord], out: &mut Vec<Vec<Chord>>) {
            for (chord, node) in &prefix.keys {
                if let Node::Prefix(inner) = node {
                    let path: Vec<Chord> = path.iter().copied().chain([*chord]).collect();
                    if inner.name.as_deref() == Some(name) {
                        out.push(path.clone());
                    }
                    find(inner, name, &path, out);
                }
            }
        }
        let mut out = Vec::new();
        for trie in contexts.iter().filter_map(|context| self.contexts.get(*context)) {
            find(trie, name, &[], &mut out);
        }
        out.retain(|path| {
            path.split_last()
                .is_some_and(|(last, before)| matches!(self.resolve(contexts, before, *last), Resolved::Pending(_)))
        });
        out.into_iter()
            .min_by_key(|path| (path.len(), *path.first().unwrap_or(&Chord::plain(super::Key::Esc))))
    }

    /// Every sequence of one context, in the order of its keys: (chords, command id).
    pub fn bindings(&self, context: &str) -> Vec<(Vec<Chord>, &'static str)> {
        fn collect(prefix: &Prefix, path: &mut Vec<Chord>, out: &mut Vec<(Vec<Chord>, &'static str)>) {
            for (chord, node) in &prefix.keys {
                path.push(*chord);
                match node {
                    Node::Command(id) => out.push((path.clone(), *id)),
                    Node::Prefix(inner) => collect(inner, path, out),
                    Node::Nothing => {}
                }
                path.pop();
            }
        }
        let mut out = Vec::new();
        if let Some(trie) = self.contexts.get(context) {
            collect(trie, &mut Vec::new(), &mut out);
        }
        out
    }

    /// The contexts that have a table.
    pub fn contexts(&self) -> impl Iterator<Item = &str> {
        self.contexts.keys().map(String::as_str)
    }

    /// What may follow `pending` in these contexts: each chord once, with the node of the innermost context that has it.
    pub fn following<'a>(&'a self, contexts: &[&str], pending: &[Chord]) -> Vec<(Chord, &'a Node)> {
        let mut seen: BTreeMap<Chord, &Node> = BTreeMap::new();
        for context in contexts {
            let Some(trie) = self.contexts.get(*context) else {
                continue;
            };
            let prefix = match trie.walk(pending) {
                Ok(Node::Prefix(prefix)) => prefix,
                Err(true) => break,
                _ if pending.is_empty() => trie,
                _ => continue,
            };
            for (chord, node) in &prefix.keys {
                seen.entry(*chord).or_insert(node);
            }
        }
        seen.into_iter().filter(|(_, node)| **node != Node::Nothing).collect()
    }
}
