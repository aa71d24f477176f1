//! Reading keymap files: TOML in, tries out, or every fault with its place.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::built_in::{DEFAULT, below};
use super::problem::nearest;
use super::reach::{Bound, findings};
use super::{BUILT_IN, Chord, Keymap, MUTATE, Node, Prefix, Problem, Vocabulary, format_sequence, parse_sequence};

/// Longest sequence of chords.
const LONGEST: usize = 4;

/// Contexts in which a bare character is text: binding one makes it untypable.
const TYPING: &[&str] = &["text", "palette", "picker"];

/// A keymap file.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Its name as the user knows it, for error messages.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
}

impl Keymap {
    /// The built-in keymap with `files` laid over it in their order. One that says `inherits = "vim"` lies on that
    /// keymap, whatever came before it; one that says `inherits = "none"` starts afresh. Also returns warnings.
    ///
    /// # Errors
    /// Every fault of every file. Nothing is half applied: the caller keeps the map it has.
    pub fn load(files: &[Source<'_>], vocabulary: Vocabulary<'_>) -> Result<(Self, Vec<Problem>), Vec<Problem>> {
        let mut layers = vec![DEFAULT];
        let mut aside = Vec::new();
        for file in files {
            if let Some((name, span)) = inherits(file)
                && let Some(below) = below(&name)
            {
                // What a file stands on is said once: by the configuration, or by the file.
                if layers.len() > 1 && layers.iter().map(|l| l.text).ne(below.iter().map(|l| l.text)) {
                    let last = layers.last().map_or("", |l| l.name);
                    let message = format!("it lies on `{name}`, so {last} does not count");
                    aside.push(Problem::at(file.name, file.text, &span, message));
                }
                layers = below;
            }
            layers.push(*file);
        }
        let (map, mut warnings) = Self::lay(&layers, vocabulary, true)?;
        warnings.append(&mut aside);
        Ok((map, warnings))
    }

    /// One file by itself, without the built-in keymap under it.
    #[cfg(test)]
    pub(super) fn load_only(file: &Source<'_>, vocabulary: Vocabulary<'_>) -> Result<Self, Vec<Problem>> {
        Self::lay(&[*file], vocabulary, false).map(|(map, _)| map)
    }

    fn lay(
        layers: &[Source<'_>],
        vocabulary: Vocabulary<'_>,
        whole: bool,
    ) -> Result<(Self, Vec<Problem>), Vec<Problem>> {
        let mut map = Self::default();
        let (mut problems, mut warnings) = (Vec::new(), Vec::new());
        for source in layers {
            let mut reader = Reader {
                source,
                vocabulary,
                entries: BTreeMap::new(),
                problems: Vec::new(),
                warnings: Vec::new(),
            };
            if reader.read() {
                map = Self::default();
            }
            let before = map.clone();
            let mut bound = Vec::new();
            for ((context, chords), (value, span)) in std::mem::take(&mut reader.entries) {
                let trie: &mut Prefix = map.contexts.entry(context.clone()).or_default();
                let node = match value {
                    Value::Node(node) => node,
                    Value::Name(name) => {
                        trie.set_name(&chords, name);
                        continue;
                    }
                };
                let command = match node {
                    Node::Command(id) => Some(id),
                    _ => None,
                };
                trie.insert(&chords, node);
                bound.push(Bound {
                    context,
                    chords,
                    command,
                    span,
                });
            }
            for finding in findings(&before, &map, &bound, vocabulary)
                .into_iter()
                .filter(|_| whole)
            {
                let told = reader.at(&finding.span, finding.message);
                if finding.error {
                    reader.problems.push(told);
                } else {
                    reader.warnings.push(told);
                }
            }
            problems.append(&mut reader.problems);
            warnings.append(&mut reader.warnings);
        }
        problems.sort();
        problems.dedup();
        if problems.is_empty() {
            Ok((map, warnings))
        } else {
            Err(problems)
        }
    }
}

/// What a file says that it inherits, and where it says so.
fn inherits(file: &Source<'_>) -> Option<(String, Range<usize>)> {
    let (document, _) = DeTable::parse_recoverable(file.text);
    let value = document.get_ref().get("inherits")?;
    Some((value.get_ref().as_str()?.to_owned(), value.span()))
}

enum Value {
    Node(Node),
    Name(String),
}

struct Reader<'s, 'v> {
    source: &'s Source<'s>,
    vocabulary: Vocabulary<'v>,
    /// In the order of the chords, so that a prefix's name comes before what follows it.
    entries: BTreeMap<(String, Vec<Chord>), (Value, Range<usize>)>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Reader<'_, '_> {
    fn at(&self, span: &Range<usize>, message: impl Into<String>) -> Problem {
        Problem::at(self.source.name, self.source.text, span, message)
    }

    fn wrong(&mut self, span: &Range<usize>, message: impl Into<String>) {
        let problem = self.at(span, message);
        self.problems.push(problem);
    }

    /// Read the file; true when it wants nothing inherited.
    fn read(&mut self) -> bool {
        let (document, errors) = DeTable::parse_recoverable(self.source.text);
        if !errors.is_empty() {
            self.problems.extend(
                errors
                    .iter()
                    .map(|e| Problem::syntax(self.source.name, self.source.text, e)),
            );
            return false;
        }
        let mut fresh = false;
        for (key, value) in document.get_ref() {
            let name = key.get_ref().as_ref();
            match value.get_ref() {
                DeValue::String(parent) if name == "inherits" => match parent.as_ref() {
                    "none" => fresh = true,
                    name if BUILT_IN.iter().any(|(known, _)| *known == name) => {}
                    other => self.wrong(
                        &value.span(),
                        format!("no keymap `{other}` to inherit: expected {} or none", names()),
                    ),
                },
                DeValue::Table(table) => {
                    if self.vocabulary.context(name).is_some() {
                        self.table(name, &[], table);
                    } else {
                        let names: Vec<_> = self.vocabulary.contexts.iter().map(|row| row.name).collect();
                        self.wrong(
                            &key.span(),
                            format!("no context `{name}`: expected {}", suggest(name, &names)),
                        );
                    }
                }
                _ => self.wrong(
                    &key.span(),
                    format!("`{name}` stands outside a context: expected a table such as [global] or [list] before it"),
                ),
            }
        }
        self.check_prefixes();
        fresh
    }

    fn table(&mut self, context: &str, before: &[Chord], table: &DeTable<'_>) {
        for (key, value) in table {
            let written = key.get_ref().as_ref();
            if let (false, "name", DeValue::String(name)) = (before.is_empty(), written, value.get_ref()) {
                self.entries.insert(
                    (context.to_owned(), before.to_vec()),
                    (Value::Name(name.to_string()), value.span()),
                );
                continue;
            }
            let chords = match parse_sequence(written) {
                Ok(chords) => chords,
                Err(bad) => {
                    self.wrong(&key.span(), bad.to_string());
                    continue;
                }
            };
            let path: Vec<Chord> = before.iter().copied().chain(chords).collect();
            if path.len() > LONGEST {
                self.wrong(
                    &key.span(),
                    format!("{} chords in a row: at most {LONGEST} are allowed", path.len()),
                );
                continue;
            }
            match value.get_ref() {
                DeValue::Table(inner) => self.table(context, &path, inner),
                DeValue::Boolean(false) => self.bind(context, path, Node::Nothing, &key.span()),
                DeValue::String(id) => self.command(context, path, id, key, value),
                _ => self.wrong(
                    &value.span(),
                    "expected a command id such as \"list.down\", false, or a table with what may follow",
                ),
            }
        }
    }

    fn command(
        &mut self,
        context: &str,
        path: Vec<Chord>,
        id: &str,
        key: &Spanned<toml::de::DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let Some(row) = self.vocabulary.command(id).copied() else {
            let ids: Vec<_> = self.vocabulary.commands.iter().map(|row| row.id).collect();
            let expected = nearest(id, ids.iter().copied()).map_or_else(
                || {
                    // The verb may be wrong and the group right.
                    let group = id.split_once('.').map(|(group, _)| format!("{group}."));
                    let like = ids
                        .iter()
                        .filter(|known| group.as_deref().is_some_and(|g| known.starts_with(g)));
                    let like: Vec<String> = like.take(3).map(|id| format!("`{id}`")).collect();
                    match like.join(" or ") {
                        none if none.is_empty() => "see `qd keys --ids`".to_owned(),
                        like => format!("did you mean {like}? See `qd keys --ids`"),
                    }
                },
                |id| format!("did you mean `{id}`?"),
            );
            self.wrong(&value.span(), format!("no command `{id}`: {expected}"));
            return;
        };
        let dialog = self.vocabulary.context(context).is_some_and(|row| row.dialog);
        if let ([only], MUTATE, false) = (path.as_slice(), row.group, dialog) {
            self.wrong(
                &key.span(),
                format!("`{id}` changes things outside the console: one bare key (`{only}`) is not enough, put it behind a prefix such as `a`"),
            );
            return;
        }
        if let (true, Some(typed)) = (TYPING.contains(&context), path.first().and_then(|chord| chord.typed())) {
            let warning = self.at(&key.span(), format!("`{typed}` can no longer be typed in [{context}]"));
            self.warnings.push(warning);
        }
        self.bind(context, path, Node::Command(row.id), &key.span());
    }

    fn bind(&mut self, context: &str, path: Vec<Chord>, node: Node, span: &Range<usize>) {
        let slot = (context.to_owned(), path);
        if let Some((_, first)) = self.entries.get(&slot) {
            let line = self.at(first, "").line;
            let message = format!(
                "`{}` is bound twice in [{context}]: first in line {line}",
                format_sequence(&slot.1)
            );
            self.wrong(span, message);
            return;
        }
        self.entries.insert(slot, (Value::Node(node), span.clone()));
    }

    /// A sequence whose beginning is already a command can never be typed.
    fn check_prefixes(&mut self) {
        let mut found = Vec::new();
        for ((context, path), (_, span)) in &self.entries {
            for length in 1..path.len() {
                let beginning = path.get(..length).unwrap_or_default().to_vec();
                if let Some((Value::Node(node), shorter)) = self.entries.get(&(context.clone(), beginning.clone())) {
                    let what = match node {
                        Node::Command(id) => format!("runs `{id}`"),
                        _ => "is unbound".to_owned(),
                    };
                    found.push(self.at(
                        span,
                        format!(
                            "`{}` can never be typed in [{context}]: `{}` already {what} (line {})",
                            format_sequence(path),
                            format_sequence(&beginning),
                            self.at(shorter, "").line,
                        ),
                    ));
                }
            }
        }
        self.problems.append(&mut found);
    }
}

/// The names of the built-in keymaps.
fn names() -> String {
    BUILT_IN.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

fn suggest(word: &str, names: &[&str]) -> String {
    match nearest(word, names.iter().copied()) {
        Some(name) => format!("perhaps `{name}`"),
        None => format!("one of {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests;
