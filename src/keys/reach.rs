//! What a file that is laid over a keymap takes away: keys that can no longer be typed, and commands that nobody can
//! reach any more.

use std::ops::Range;

use super::{Chord, Keymap, Resolved, STACKS, Vocabulary, format_sequence};

/// One binding of the file: its context, its chords, the command (none when it unbinds), and where it stands.
pub(super) struct Bound {
    pub context: String,
    pub chords: Vec<Chord>,
    pub command: Option<&'static str>,
    pub span: Range<usize>,
}

/// Something to tell of a place in the file.
pub(super) struct Finding {
    pub span: Range<usize>,
    pub error: bool,
    pub message: String,
}

/// Without a key for these nothing else is found, and there is no way out.
const NEEDED: [&str; 3] = ["app.palette", "app.help", "app.back"];

/// What the file's bindings did to `before`, which is `after` now.
pub(super) fn findings(before: &Keymap, after: &Keymap, bound: &[Bound], vocabulary: Vocabulary<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for b in bound {
        let Some(id) = b.command else { continue };
        if !is_typed(after, &b.context, &b.chords) {
            let by =
                taker(after, &b.context, &b.chords).map_or_else(String::new, |by| format!(": [{by}] takes it first"));
            found.push(Finding {
                span: b.span.clone(),
                error: true,
                message: format!(
                    "`{}` can never be typed in [{}]{by}",
                    format_sequence(&b.chords),
                    b.context
                ),
            });
        }
        let hidden = hidden(before, &b.context, &b.chords);
        if let Some(first) = hidden.first() {
            let more = hidden.len().saturating_sub(1);
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            found.push(Finding {
                span: b.span.clone(),
                error: false,
                message: format!(
                    "`{}` runs `{id}` here, so what began with it is gone: `{first}`{more}",
                    format_sequence(&b.chords)
                ),
            });
        }
    }
    for row in vocabulary.commands {
        let needed = !row.listed || NEEDED.contains(&row.id);
        if !needed || has_key(after, row.id) || !(has_key(before, row.id) || before.contexts.is_empty()) {
            continue;
        }
        let span = bound.iter().find(|b| took(before, b, row.id)).map(|b| b.span.clone());
        found.push(Finding {
            span: span.unwrap_or(0..0),
            error: true,
            message: format!(
                "`{}` has no key left, and nothing else reaches it: give it another",
                row.id
            ),
        });
    }
    found
}

fn stacks(context: &str) -> impl Iterator<Item = &'static [&'static str]> {
    STACKS.iter().copied().filter(move |stack| stack.contains(&context))
}

/// Whether some screen leads the keys of that context to the command that they have there.
fn is_typed(map: &Keymap, context: &str, chords: &[Chord]) -> bool {
    let (Some((last, pending)), Some(id)) = (chords.split_last(), map.command(context, chords)) else {
        return false;
    };
    // Of a context that no screen is known to have nothing can be said: a test of the house asks for its stack.
    // A key on the way that runs something of its own leads nowhere.
    let waits = |stack: &[&str]| {
        pending.iter().enumerate().all(|(n, chord)| {
            let before = pending.get(..n).unwrap_or_default();
            matches!(map.resolve(stack, before, *chord), Resolved::Pending(_))
        })
    };
    stacks(context).next().is_none()
        || stacks(context).any(|stack| waits(stack) && map.resolve(stack, pending, *last) == Resolved::Found(id))
}

/// The inner context that does something else with the beginning of these chords.
fn taker(map: &Keymap, context: &str, chords: &[Chord]) -> Option<&'static str> {
    stacks(context).find_map(|stack| {
        let inner = stack.iter().take_while(|c| **c != context);
        inner
            .copied()
            .find(|c| (1..=chords.len()).any(|n| map.knows(c, chords.get(..n).unwrap_or_default())))
    })
}

/// The sequences that began with these chords, as far as no file said so on purpose.
fn hidden(before: &Keymap, context: &str, chords: &[Chord]) -> Vec<String> {
    let mut found = Vec::new();
    for stack in stacks(context) {
        let from = stack.iter().position(|c| *c == context).unwrap_or(0);
        for (chord, _) in before.following(stack.get(from..).unwrap_or_default(), chords) {
            let mut whole = chords.to_vec();
            whole.push(chord);
            let words = format_sequence(&whole);
            if !found.contains(&words) {
                found.push(words);
            }
        }
    }
    found
}

fn has_key(map: &Keymap, id: &str) -> bool {
    // The way out of one kind of screen is none out of the others.
    let counts = |context: &&str| id != "app.back" || *context == "global";
    map.contexts().filter(counts).any(|context| {
        map.bindings(context)
            .iter()
            .any(|(chords, bound)| *bound == id && is_typed(map, context, chords))
    })
}

/// Whether this binding stands in the way of a key that the command had.
fn took(before: &Keymap, b: &Bound, id: &str) -> bool {
    before.contexts().any(|context| {
        let same = context == b.context || stacks(context).any(|stack| stack.contains(&b.context.as_str()));
        same && before
            .bindings(context)
            .iter()
            .any(|(chords, bound)| *bound == id && (chords.starts_with(&b.chords) || b.chords.starts_with(chords)))
    })
}
