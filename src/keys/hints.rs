//! What the screen says about keys: footer, popup after a prefix, help, palette column, README table.
//!
//! Pure data, derived from the command table and the keymap; drawing it is the business of `ui`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

use super::{Chord, Keymap, Node, Resolved, STACKS, Vocabulary, format_sequence};

/// One hint of the footer: the keys and a word or two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The command; none for a prefix or a family of commands.
    pub id: Option<&'static str>,
    /// The keys as shown: `↵`, `1–6`, `a`.
    pub keys: String,
    /// What they do: `open`.
    pub label: String,
}

/// One line of the popup or the help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// All keys that do it, the shortest first: `j  down`.
    pub keys: Vec<String>,
    /// The command; none when more keys follow.
    pub id: Option<&'static str>,
    /// The command's doc, or the prefix's name.
    pub doc: String,
}

/// The help's part for one context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The context.
    pub context: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// A line per command, in the order of the command table.
    pub rows: Vec<Row>,
}

/// The footer's hints in these contexts (innermost first), in the order of `wanted`, which is the order of importance.
///
/// An item of `wanted` is a command (`list.open`), a family of commands on consecutive digits (`pane.*` → `1–6 pane`),
/// or a prefix by its name (`Actions…` → `a actions`). What has no key here is left out.
pub fn footer(
    keymap: &Keymap,
    vocabulary: Vocabulary<'_>,
    contexts: &[&str],
    wanted: &[&str],
    ascii: bool,
) -> Vec<Hint> {
    let keys = reverse(keymap, contexts);
    let shown = |sequence: &[Chord]| {
        sequence
            .iter()
            .map(|chord| chord.short(ascii))
            .collect::<Vec<_>>()
            .join(" ")
    };
    wanted
        .iter()
        .filter_map(|item| {
            if let Some(name) = item.strip_suffix('…') {
                return Some(Hint {
                    id: None,
                    keys: shown(&keymap.prefix(contexts, name)?),
                    label: name.to_lowercase(),
                });
            }
            if let Some(family) = item.strip_suffix('*') {
                let digits: Vec<char> = keys
                    .iter()
                    .filter(|(id, _)| id.starts_with(family))
                    .flat_map(|(_, sequences)| sequences)
                    .filter_map(|sequence| match sequence.as_slice() {
                        [chord] => chord.typed().filter(char::is_ascii_digit),
                        _ => None,
                    })
                    .collect();
                let (first, last) = (digits.iter().min()?, digits.iter().max()?);
                let keys = if ascii {
                    format!("{first}-{last}")
                } else {
                    format!("{first}–{last}")
                };
                return Some(Hint {
                    id: None,
                    keys,
                    label: family.trim_end_matches('.').to_owned(),
                });
            }
            let row = vocabulary.command(item)?;
            let sequence = keys.get(row.id)?.first()?;
            Some(Hint {
                id: Some(row.id),
                keys: shown(sequence),
                label: row.short.to_owned(),
            })
        })
        .collect()
}

/// As many hints as fit into `width` cells, in their order, with `gap` cells between two. The least important go first,
/// those of `stay` (the way back, the help) after all others, and the first of `stay` last of all.
pub fn fit(mut hints: Vec<Hint>, width: usize, gap: usize, stay: &[&str]) -> Vec<Hint> {
    let needed = |hints: &[Hint]| {
        let words: usize = hints
            .iter()
            .map(|hint| hint.keys.width() + 1 + hint.label.width())
            .sum();
        words + gap * hints.len().saturating_sub(1)
    };
    while needed(&hints) > width {
        // The others have no rank: they go before all of `stay`, from the end.
        let rank = |hint: &Hint| {
            stay.iter()
                .position(|id| Some(*id) == hint.id)
                .map_or(usize::MAX, |at| at)
        };
        let Some((victim, _)) = hints.iter().enumerate().max_by_key(|(_, hint)| rank(hint)) else {
            break;
        };
        hints.remove(victim);
    }
    hints
}

/// What may follow `pending` here: for the popup after a prefix, in the order of the command table, prefixes last.
pub fn which_key(keymap: &Keymap, vocabulary: Vocabulary<'_>, contexts: &[&str], pending: &[Chord]) -> Vec<Row> {
    let mut rows: Vec<(usize, Row)> = Vec::new();
    for (chord, node) in keymap.following(contexts, pending) {
        let keys = vec![chord.to_string()];
        match node {
            Node::Command(id) => {
                if let Some((_, row)) = rows.iter_mut().find(|(_, row)| row.id == Some(*id)) {
                    row.keys.extend(keys);
                    row.keys.sort_by_key(String::len);
                    continue;
                }
                let place = vocabulary
                    .commands
                    .iter()
                    .position(|row| row.id == *id)
                    .unwrap_or(usize::MAX - 1);
                let doc = vocabulary.command(id).map_or(*id, |row| row.doc).to_owned();
                rows.push((
                    place,
                    Row {
                        keys,
                        id: Some(*id),
                        doc,
                    },
                ));
            }
            Node::Prefix(prefix) => {
                let doc = format!("{} …", prefix.name.as_deref().unwrap_or("more"));
                rows.push((usize::MAX, Row { keys, id: None, doc }));
            }
            Node::Nothing => {}
        }
    }
    rows.sort_by(|(a, left), (b, right)| a.cmp(b).then_with(|| left.keys.cmp(&right.keys)));
    rows.into_iter().map(|(_, row)| row).collect()
}

/// The help: a section for each context, in the order given (the current context first), of the keys that work in it.
/// A key that an inner context takes is not listed under the outer one.
pub fn help(keymap: &Keymap, vocabulary: Vocabulary<'_>, contexts: &[&str]) -> Vec<Section> {
    let mut sections = Vec::new();
    for (index, name) in contexts.iter().enumerate() {
        let Some(context) = vocabulary.context(name) else {
            continue;
        };
        let stack = contexts.get(..=index).unwrap_or(contexts);
        let mut found: BTreeMap<usize, Row> = BTreeMap::new();
        for (sequence, id) in keymap.bindings(name) {
            let Some((last, before)) = sequence.split_last() else {
                continue;
            };
            if keymap.resolve(stack, before, *last) != Resolved::Found(id) {
                continue;
            }
            let Some(place) = vocabulary.commands.iter().position(|row| row.id == id) else {
                continue;
            };
            let doc = vocabulary.command(id).map_or("", |row| row.doc).to_owned();
            let row = found.entry(place).or_insert_with(|| Row {
                keys: Vec::new(),
                id: Some(id),
                doc,
            });
            row.keys.push(format_sequence(&sequence));
        }
        let mut rows: Vec<Row> = found.into_values().collect();
        for row in &mut rows {
            row.keys.sort_by_key(|keys| (keys.len(), keys.clone()));
        }
        if !rows.is_empty() {
            sections.push(Section {
                context: context.name,
                title: context.title,
                rows,
            });
        }
    }
    sections
}

/// The commands without a key anywhere: the palette's keys, and the name to type there.
pub fn nameless(keymap: &Keymap, vocabulary: Vocabulary<'_>, palette: String) -> Option<Section> {
    let bound: Vec<&str> = keymap
        .contexts()
        .flat_map(|context| keymap.bindings(context))
        .map(|(_, id)| id)
        .collect();
    let rows: Vec<Row> = vocabulary
        .commands
        .iter()
        .filter(|row| !bound.contains(&row.id))
        .map(|row| Row {
            keys: vec![format!("{palette} {}", row.id.replace(['.', '_'], " "))],
            id: Some(row.id),
            doc: row.doc.to_owned(),
        })
        .collect();
    (!rows.is_empty()).then_some(Section {
        context: "",
        title: "By name",
        rows,
    })
}

/// The sequences that run each command in these contexts, the shortest first: the palette's key column.
pub fn reverse(keymap: &Keymap, contexts: &[&str]) -> BTreeMap<&'static str, Vec<Vec<Chord>>> {
    let mut map: BTreeMap<&'static str, Vec<Vec<Chord>>> = BTreeMap::new();
    for context in contexts {
        for (sequence, id) in keymap.bindings(context) {
            let Some((last, before)) = sequence.split_last() else {
                continue;
            };
            if keymap.resolve(contexts, before, *last) == Resolved::Found(id) {
                let known = map.entry(id).or_default();
                if !known.contains(&sequence) {
                    known.push(sequence);
                }
            }
        }
    }
    for sequences in map.values_mut() {
        sequences.sort_by_key(|sequence| (sequence.len(), length(sequence)));
    }
    map
}

/// How long the keys are to say. A sign says less than a name: `esc` goes before `[`.
fn length(sequence: &[Chord]) -> usize {
    match sequence {
        [only] if only.typed().is_some_and(|c| c.is_ascii_punctuation()) => 4,
        _ => format_sequence(sequence).len(),
    }
}

/// The keys that run a command here, for a sentence (`ctrl-y`, `g w`). A command that has none here is found in the
/// screens that have it; one without any key is found by its name in the palette.
pub fn words(keymap: &Keymap, contexts: &[&str], id: &str) -> String {
    sequence(keymap, contexts, id).map_or_else(|| by_name(id), |s| format_sequence(&s))
}

/// The same as the footer shows them: `↵`, `^b`.
pub fn signs(keymap: &Keymap, contexts: &[&str], id: &str) -> String {
    let shown = |s: Vec<Chord>| s.iter().map(|chord| chord.short(false)).collect::<Vec<_>>().join(" ");
    sequence(keymap, contexts, id).map_or_else(|| by_name(id), shown)
}

/// How the palette finds a command.
fn by_name(id: &str) -> String {
    format!(": {}", id.replace(['.', '_'], " "))
}

fn sequence(keymap: &Keymap, contexts: &[&str], id: &str) -> Option<Vec<Chord>> {
    let first = |stack: &[&str]| {
        stack
            .iter()
            .flat_map(|context| keymap.bindings(context))
            .filter(|(_, bound)| *bound == id)
            .map(|(sequence, _)| sequence)
            .filter(|sequence| {
                sequence.split_last().is_some_and(|(last, before)| {
                    matches!(keymap.resolve(stack, before, *last), Resolved::Found(found) if found == id)
                })
            })
            .min_by_key(|sequence| (sequence.len(), format_sequence(sequence).len()))
    };
    first(contexts).or_else(|| STACKS.iter().find_map(|stack| first(stack)))
}

/// The table of keys, as the README has it: Markdown whose columns line up, so that it reads well as text, too.
pub fn markdown(keymap: &Keymap, vocabulary: Vocabulary<'_>) -> String {
    let mut text = String::new();
    for context in vocabulary.contexts {
        for section in help(keymap, vocabulary, &[context.name]) {
            let rows: Vec<(String, String)> = section
                .rows
                .iter()
                .map(|row| {
                    let keys: Vec<String> = row.keys.iter().map(|keys| code(keys)).collect();
                    (keys.join(" "), row.doc.clone())
                })
                .collect();
            let widest = |of: fn(&(String, String)) -> &str| rows.iter().map(|r| of(r).width()).max().unwrap_or(0);
            let (keys, docs) = (widest(|r| &r.0).max(4), widest(|r| &r.1).max(12));
            let _ = writeln!(text, "\n**{}**\n", section.title);
            let _ = writeln!(text, "| {:keys$} | {:docs$} |", "keys", "what they do");
            let _ = writeln!(text, "|{0:-<1$}|{0:-<2$}|", "", keys + 2, docs + 2);
            for (left, right) in rows {
                let _ = writeln!(text, "| {left:keys$} | {right:docs$} |");
            }
        }
    }
    text
}

/// Keys as code in a cell of a Markdown table.
fn code(keys: &str) -> String {
    format!("`{}`", keys.replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{CONTEXTS, CommandRow, Source, parse_sequence};

    const ROWS: &[CommandRow] = &[
        CommandRow {
            id: "list.down",
            doc: "Next row",
            short: "down",
            group: "move",
            listed: true,
        },
        CommandRow {
            id: "list.open",
            doc: "Open the row",
            short: "open",
            group: "view",
            listed: true,
        },
        CommandRow {
            id: "pane.pods",
            doc: "Pods",
            short: "pods",
            group: "view",
            listed: true,
        },
        CommandRow {
            id: "pane.certs",
            doc: "Certificates",
            short: "certs",
            group: "view",
            listed: true,
        },
        CommandRow {
            id: "pod.logs",
            doc: "Logs of the pod",
            short: "logs",
            group: "view",
            listed: true,
        },
        CommandRow {
            id: "action.scale",
            doc: "Scale",
            short: "scale",
            group: crate::keys::MUTATE,
            listed: true,
        },
        CommandRow {
            id: "action.undo",
            doc: "Undo",
            short: "undo",
            group: crate::keys::MUTATE,
            listed: true,
        },
        CommandRow {
            id: "app.help",
            doc: "This help",
            short: "help",
            group: "app",
            listed: true,
        },
    ];
    const KEYS: &str = r#"
        inherits = "none"
        [global]
        "?" = "app.help"
        1 = "pane.pods"
        6 = "pane.certs"
        a = { name = "Actions", u = "action.undo" }
        l = "list.open"
        [list]
        j = "list.down"
        down = "list.down"
        enter = "list.open"
        [pods]
        l = "pod.logs"
        a = { s = "action.scale" }
    "#;
    const STACK: &[&str] = &["pods", "list", "global"];

    fn vocabulary() -> Vocabulary<'static> {
        Vocabulary {
            commands: ROWS,
            contexts: CONTEXTS,
        }
    }

    /// The built-in keymap names more commands than this table: laying `KEYS` over it would fail, so they are ignored.
    fn keymap() -> Keymap {
        Keymap::load_only(
            &Source {
                name: "test",
                text: KEYS,
            },
            vocabulary(),
        )
        .unwrap()
    }

    #[test]
    fn the_footer_shows_the_keys_that_work_here_and_drops_the_help_last() {
        let wanted = ["pane.*", "list.open", "Actions…", "action.undo", "app.help", "no.such"];
        let hints = footer(&keymap(), vocabulary(), STACK, &wanted, false);
        let text = |hints: &[Hint]| {
            hints
                .iter()
                .map(|h| format!("{} {}", h.keys, h.label))
                .collect::<Vec<_>>()
                .join("  ")
        };
        assert_eq!(text(&hints), "1–6 pane  ↵ open  a actions  a u undo  ? help");
        let stay = ["list.open", "app.help"];
        assert_eq!(text(&fit(hints.clone(), 24, 2, &stay)), "1–6 pane  ↵ open  ? help");
        assert_eq!(text(&fit(hints.clone(), 15, 2, &stay)), "↵ open  ? help");
        assert_eq!(
            text(&fit(hints.clone(), 8, 2, &stay)),
            "↵ open",
            "the way out goes last of all"
        );
        assert_eq!(text(&fit(hints.clone(), 8, 2, &["app.help"])), "? help");
        assert_eq!(fit(hints, 3, 2, &stay), []);
        assert_eq!(
            footer(&keymap(), vocabulary(), STACK, &["list.open"], true)[0].keys,
            "enter"
        );
    }

    #[test]
    fn the_popup_after_a_prefix_shows_what_every_context_offers() {
        let rows = which_key(&keymap(), vocabulary(), STACK, &parse_sequence("a").unwrap());
        let ids: Vec<_> = rows.iter().map(|row| (row.keys.join(" "), row.id)).collect();
        assert_eq!(
            ids,
            [
                ("s".to_owned(), Some("action.scale")),
                ("u".to_owned(), Some("action.undo"))
            ]
        );
        let top = which_key(&keymap(), vocabulary(), STACK, &[]);
        assert!(top.iter().any(|row| row.keys == ["j", "down"] && row.doc == "Next row"));
        assert_eq!(top.last().unwrap().id, None, "prefixes stand last");
    }

    #[test]
    fn help_and_palette_leave_out_keys_that_an_inner_context_took() {
        let sections = help(&keymap(), vocabulary(), STACK);
        assert_eq!(sections.iter().map(|s| s.context).collect::<Vec<_>>(), STACK);
        assert!(
            sections[2].rows.iter().all(|row| row.id != Some("list.open")),
            "l opens nothing in pods"
        );
        let open: Vec<String> = reverse(&keymap(), STACK)["list.open"]
            .iter()
            .map(|s| format_sequence(s))
            .collect();
        assert_eq!(open, ["enter"]);
        assert!(markdown(&keymap(), vocabulary()).contains("| `j` `down` | Next row"));
    }
}
