//! What a file may say, and how its faults are told.

use super::*;
use crate::keys::{CONTEXTS, CommandRow, DEFAULT_KEYMAP, Resolved};

/// Whatever the built-in keymap names, with the actions marked as what they are.
fn rows() -> Vec<CommandRow> {
    let mut rows: Vec<CommandRow> = DEFAULT_KEYMAP
        .lines()
        .filter_map(|line| line.split_once(" = \""))
        .filter_map(|(_, rest)| rest.split_once('"').map(|(id, _)| id))
        .filter(|id| id.contains('.') && !id.contains(' '))
        .map(|id| {
            let group = if id.starts_with("action.") { MUTATE } else { "view" };
            CommandRow {
                id: Box::leak(id.to_owned().into_boxed_str()),
                doc: "",
                short: "",
                group,
                listed: id != "plan.cancel",
            }
        })
        .collect();
    rows.sort_by_key(|row| row.id);
    rows.dedup();
    rows
}

fn load(text: &str) -> Result<(Keymap, Vec<Problem>), Vec<Problem>> {
    let rows = rows();
    Keymap::load(
        &[Source {
            name: "mine.toml",
            text,
        }],
        Vocabulary {
            commands: &rows,
            contexts: CONTEXTS,
        },
    )
}

fn press<'a>(map: &'a Keymap, contexts: &[&str], keys: &str) -> Resolved<'a> {
    let chords = parse_sequence(keys).unwrap();
    let (last, pending) = chords.split_last().unwrap();
    map.resolve(contexts, pending, *last)
}

#[test]
fn the_built_in_keymap_is_sound_and_every_command_in_it_is_reachable() {
    let (map, warnings) = load("").unwrap();
    assert_eq!(warnings, []);
    for context in map.contexts() {
        for (chords, id) in map.bindings(context) {
            assert_eq!(press(&map, &[context], &format_sequence(&chords)), Resolved::Found(id));
        }
    }
}

#[test]
fn the_innermost_context_decides_and_a_prefix_may_be_spread_over_several() {
    let (map, _) = load("").unwrap();
    let pods = ["pods", "list", "global"];
    assert_eq!(press(&map, &pods, "a"), Resolved::Pending(Some("Actions")));
    assert_eq!(press(&map, &pods, "a d"), Resolved::Found("action.delete_pod"));
    assert_eq!(press(&map, &pods, "a u"), Resolved::Found("action.undo"));
    assert_eq!(press(&map, &pods, "g g"), Resolved::Found("list.top"));
    assert_eq!(press(&map, &pods, "g n"), Resolved::Found("namespace.pick"));
    assert_eq!(press(&map, &pods, "a z"), Resolved::None);
    assert_eq!(press(&map, &["strip", "global"], "r"), Resolved::Found("runbook.best"));
    assert_eq!(press(&map, &["list", "global"], "r"), Resolved::Found("runbook.best"));
    assert_eq!(press(&map, &["text"], "j"), Resolved::None);
}

#[test]
fn a_users_file_overrides_unbinds_and_may_start_afresh() {
    let (map, _) = load("[list]\nj = \"list.up\"\nG = false\n\"x y\" = \"list.top\"\n[pods]\nl = false").unwrap();
    let pods = ["pods", "list", "global"];
    assert_eq!(press(&map, &pods, "j"), Resolved::Found("list.up"));
    assert_eq!(press(&map, &pods, "k"), Resolved::Found("list.up"));
    assert_eq!(press(&map, &pods, "G"), Resolved::None);
    assert_eq!(press(&map, &pods, "x"), Resolved::Pending(None));
    assert_eq!(press(&map, &pods, "x y"), Resolved::Found("list.top"));
    assert_eq!(press(&map, &pods, "l"), Resolved::None);
    let (map, _) = load(
        "inherits = \"none\"\n[list]\nj = \"list.up\"\n[plan]\nesc = \"plan.cancel\"\n\
         [global]\n\":\" = \"app.palette\"\n\"?\" = \"app.help\"\nesc = \"app.back\"",
    )
    .unwrap();
    assert_eq!(press(&map, &pods, "j"), Resolved::Found("list.up"));
    assert_eq!(press(&map, &pods, "k"), Resolved::None);
}

#[test]
fn every_fault_is_told_with_its_place() {
    let cases = [
        (
            "[list]\nj = \"list.dwon\"",
            "mine.toml:2:5: no command `list.dwon`: did you mean `list.down`?",
        ),
        (
            "[lst]\nj = \"list.down\"",
            "mine.toml:1:2: no context `lst`: expected perhaps `list`",
        ),
        (
            "[list]\n\"ctrl-i\" = \"list.up\"\ntab = \"list.down\"",
            "mine.toml:3:1: `tab` is bound twice in [list]: first in line 2",
        ),
        (
            "[list]\ng = \"list.up\"\n\"g g\" = \"list.top\"",
            "mine.toml:3:1: `g g` can never be typed in [list]: `g` already runs `list.up` (line 2)",
        ),
        (
            "[list]\n\"hyper-x\" = \"list.up\"",
            "mine.toml:2:1: `hyper-x` is no key",
        ),
        ("[list]\nj = 3", "mine.toml:2:5: expected a command id"),
        (
            "[pods]\nD = \"action.delete_pod\"",
            "mine.toml:2:1: `action.delete_pod` changes things outside the console",
        ),
        ("j = \"list.up\"", "mine.toml:1:1: `j` stands outside a context"),
        ("[list]\nj = ", "mine.toml:2:"),
        ("inherits = \"vi\"", "mine.toml:1:12: no keymap `vi` to inherit"),
        (
            "[plan]\nesc = \"plan.next\"\n\"ctrl-c\" = false",
            "mine.toml:3:1: `plan.cancel` has no key left",
        ),
        (
            "[list]\nZ = \"list.up\"\n[global]\n\"Z Z\" = \"app.quit\"\n[strip]\nZ = \"strip.up\"\n[view]\nZ = false\n\
             [runbook]\nZ = false\n[chart]\nZ = false\n[incident]\nZ = false",
            "mine.toml:4:1: `Z Z` can never be typed in [global]: [strip] takes it first",
        ),
        (
            "[global]\nesc = \"pane.pods\"",
            "mine.toml:2:1: `app.back` has no key left",
        ),
        (
            "[list]\nj = \"list.explode\"",
            "mine.toml:2:5: no command `list.explode`: did you mean `list.",
        ),
        (
            "[global]\n\":\" = false\n\"ctrl-p\" = false",
            "mine.toml:2:1: `app.palette` has no key left",
        ),
    ];
    for (text, expected) in cases {
        let problems = load(text).unwrap_err();
        assert!(
            problems.iter().any(|p| p.to_string().starts_with(expected)),
            "{text}\n{problems:?}"
        );
    }
    assert_eq!(
        load("[pods]\n\"x d\" = \"action.delete_pod\"").map(|(_, w)| w),
        Ok(vec![])
    );
    assert!(
        load("[palette]\nspace = \"palette.run\"")
            .unwrap()
            .1
            .first()
            .unwrap()
            .message
            .contains("typed")
    );
}
