//! What every built-in keymap promises: nothing is out of reach, nothing mutates by one key, and what the screen says of
//! keys is what they do.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use quarterdeck::app::command;
use quarterdeck::cli::KeysForm;
use quarterdeck::headless;
use quarterdeck::keys::{
    BUILT_IN, CONTEXTS, CommandRow, Keymap, MUTATE, Resolved, STACKS, Source, Vocabulary, hints, parse_sequence,
};

fn with_all<T>(mut each: impl FnMut(&str, &Keymap, Vocabulary<'_>) -> T) -> Vec<T> {
    let rows = command::rows();
    let vocabulary = Vocabulary {
        commands: &rows,
        contexts: CONTEXTS,
    };
    BUILT_IN
        .iter()
        .map(|(name, text)| {
            let file = format!("keymaps/{name}.toml");
            let (map, warnings) = Keymap::load(&[Source { name: &file, text }], vocabulary).unwrap();
            assert_eq!(warnings, []);
            each(name, &map, vocabulary)
        })
        .collect()
}

/// The commands that have a key somewhere, and those that a line of some help tells of.
fn reached<'a>(map: &'a Keymap, vocabulary: Vocabulary<'a>) -> (BTreeSet<&'a str>, BTreeSet<&'a str>) {
    let (mut keyed, mut helped) = (BTreeSet::new(), BTreeSet::new());
    for stack in STACKS {
        keyed.extend(hints::reverse(map, stack).into_keys());
        let sections = hints::help(map, vocabulary, stack);
        helped.extend(sections.iter().flat_map(|s| &s.rows).filter_map(|row| row.id));
    }
    (keyed, helped)
}

#[test]
fn in_every_keymap_every_command_is_reached_by_a_key_or_by_its_name_and_stands_in_the_help() {
    with_all(|name, map, vocabulary| {
        let (keyed, helped) = reached(map, vocabulary);
        assert_eq!(keyed, helped, "{name}");
        let nameless = hints::nameless(map, vocabulary, ":".to_owned());
        let by_name: BTreeSet<&str> = nameless.iter().flat_map(|s| &s.rows).filter_map(|r| r.id).collect();
        for row in vocabulary.commands {
            let listed = row.listed && by_name.contains(row.id);
            assert!(keyed.contains(row.id) || listed, "{name}: {}", row.id);
            assert!(
                row.doc != row.id && row.doc.split(' ').count() > 1 || row.doc == "yes",
                "{}: {}",
                row.id,
                row.doc
            );
        }
        assert!(name != "default" || by_name.is_empty(), "{by_name:?} have no key");
    });
}

/// What moves the cursor and what works a dialog makes no sense by name: it would act on the palette's own place. These
/// have a key in every keymap instead, and a line in the help; everything else has a name.
#[test]
fn only_what_moves_about_and_what_works_a_dialog_has_no_name_and_each_of_these_has_a_key() {
    with_all(|name, map, vocabulary| {
        let nameless = |row: &&CommandRow| !row.listed;
        let of_dialogs = |row: &CommandRow| ["Moving", "Dialogs"].contains(&row.group);
        let others: BTreeSet<&str> = vocabulary
            .commands
            .iter()
            .filter(nameless)
            .filter(|row| !of_dialogs(row))
            .map(|row| row.id)
            .collect();
        // The buttons of the plan: what they do is asked for there, and nowhere else.
        assert_eq!(others, BTreeSet::from(["plan.alone", "plan.press"]), "{name}");
        let (keyed, helped) = reached(map, vocabulary);
        for row in vocabulary.commands {
            assert!(!row.listed || !of_dialogs(row), "{} is found by name", row.id);
            assert!(
                row.listed || keyed.contains(row.id) && helped.contains(row.id),
                "{name}: {} is neither a name nor a key",
                row.id
            );
        }
    });
}

#[test]
fn in_no_keymap_one_bare_key_changes_anything() {
    with_all(|name, map, vocabulary| {
        let mutating: Vec<&CommandRow> = vocabulary.commands.iter().filter(|row| row.group == MUTATE).collect();
        assert!(mutating.len() > 20);
        for context in CONTEXTS.iter().filter(|c| !c.dialog) {
            for (chords, id) in map.bindings(context.name) {
                let mutates = mutating.iter().any(|row| row.id == id);
                assert!(!mutates || chords.len() > 1, "{name}: {id} in {}", context.name);
            }
        }
    });
}

#[test]
fn each_keymap_does_what_the_hands_expect() {
    let expected: &[(&str, &[&str], &str, &str)] = &[
        ("vim", &["pods", "list", "global"], "g g", "list.top"),
        ("vim", &["pods", "list", "global"], "l", "list.open"),
        ("vim", &["rollouts", "list", "global"], "h", "app.back"),
        ("vim", &["rollouts", "list", "global"], "g h", "rollout.history"),
        ("vim", &["pods", "list", "global"], "y y", "copy.row"),
        ("vim", &["pods", "list", "global"], "ctrl-w ctrl-w", "focus.next"),
        ("vim", &["pods", "list", "global"], "Z Z", "app.quit"),
        ("vim", &["view", "global"], "h", "view.left"),
        ("emacs", &["pods", "list", "global"], "ctrl-n", "list.down"),
        ("emacs", &["pods", "list", "global"], "ctrl-p", "list.up"),
        ("emacs", &["view", "global"], "alt-v", "view.page_up"),
        ("emacs", &["strip", "global"], "alt-x", "app.palette"),
        ("emacs", &["view", "global"], "ctrl-s", "view.search"),
        ("emacs", &["runbook", "global"], "ctrl-g", "app.back"),
        ("emacs", &["plan"], "ctrl-g", "plan.cancel"),
        ("emacs", &["queues", "list", "global"], "ctrl-x ctrl-c", "app.quit"),
        ("emacs", &["message"], "ctrl-c ctrl-c", "message.sent"),
        ("k9s", &["pods", "list", "global"], "d", "list.open"),
        ("k9s", &["pods", "list", "global"], "l", "pod.logs"),
        ("k9s", &["pods", "list", "global"], "y", "object.yaml"),
        ("k9s", &["pods", "list", "global"], "ctrl-d d", "action.delete_pod"),
        ("k9s", &["rollouts", "list", "global"], "s s", "action.scale"),
        ("k9s", &["pods", "list", "global"], "C", "sort.cpu"),
        ("k9s", &["pods", "list", "global"], "0", "namespace.pick"),
    ];
    let seen = with_all(|name, map, _| {
        let mine = expected.iter().filter(|(of, ..)| *of == name);
        mine.map(|(_, stack, keys, id)| {
            let chords = parse_sequence(keys).unwrap();
            let (last, pending) = chords.split_last().unwrap();
            assert_eq!(
                map.resolve(stack, pending, *last),
                Resolved::Found(id),
                "{name}: {keys}"
            );
        })
        .count()
    });
    assert_eq!(seen.iter().sum::<usize>(), expected.len());
}

#[test]
fn a_keymap_written_down_reads_back_as_itself() {
    with_all(|name, map, vocabulary| {
        let text = headless::keys(map, vocabulary, KeysForm::Toml, None);
        let file = Source { name, text: &text };
        let (again, _) = Keymap::load(&[file], vocabulary).unwrap_or_else(|p| panic!("{name}: {p:?}"));
        assert_eq!(again, *map, "{name}");
    });
}

#[test]
fn a_sentence_names_the_keys_of_the_keymap_in_force() {
    let shown = with_all(|_, map, _| {
        [
            hints::words(map, &["pods", "list", "global"], "app.palette"),
            hints::words(map, &["pods", "list", "global"], "pod.logs"),
            // Of another screen: as it is typed there.
            hints::words(map, &["pods", "list", "global"], "plan.cancel"),
            hints::words(map, &["pods", "list", "global"], "no.such_command"),
        ]
        .join("  ")
    });
    assert_eq!(
        shown,
        [
            ":  l  esc  : no such command",
            ":  g l  esc  : no such command",
            ":  l  esc  : no such command",
            ":  l  esc  : no such command"
        ]
    );
}

fn qd(home: &Path, args: &[&str]) -> (i32, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_qd"))
        .args(args)
        .env_clear()
        .env("HOME", home)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (out.status.code().unwrap(), text(&out.stdout), text(&out.stderr))
}

#[test]
fn qd_keys_prints_the_keymap_that_is_asked_for_and_says_what_is_wrong_with_a_file() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".config/quarterdeck");
    std::fs::create_dir_all(&folder).unwrap();
    let (code, table, _) = qd(home.path(), &["keys", "--keymap", "vim"]);
    assert!(code == 0 && table.contains("`ctrl-w w`"), "{table}");
    std::fs::write(
        folder.join("keymap.toml"),
        "inherits = \"emacs\"\n[list]\n\"x\" = \"list.down\"\n",
    )
    .unwrap();
    let (code, json, _) = qd(home.path(), &["keys", "--output", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let row = json["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["command"] == "list.down")
        .unwrap();
    let keys: Vec<&str> = row["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|k| k.as_str().unwrap())
        .collect();
    assert!(code == 0 && keys.contains(&"x") && keys.contains(&"ctrl-n"), "{keys:?}");
    // A file that is wrong counts for nothing, and the exit code says so.
    std::fs::write(
        folder.join("keymap.toml"),
        "[list]\n\"x\" = \"list.down\"\n\"y y\" = \"list.wrogn\"\n",
    )
    .unwrap();
    let (code, toml, wrong) = qd(home.path(), &["keys", "-o", "toml"]);
    assert_eq!((code, toml.contains("\"x\" = \"list.down\"")), (1, false));
    assert!(wrong.contains("keymap.toml:3:9: no command `list.wrogn`"), "{wrong}");
    let (code, _, wrong) = qd(home.path(), &["keys", "--keymap", "vi"]);
    assert!(
        code == 1 && wrong.contains("there is no keymap `vi`: expected default, vim, emacs, k9s"),
        "{wrong}"
    );
}

/// A sentence that names a key takes it from the keymap in force (`App::keys_for`): hands that come from elsewhere would
/// be told to press a key that does something else there.
#[test]
fn no_sentence_names_a_key_by_a_letter_of_its_own() {
    let literal = regex::Regex::new(r#""((?:[^"\\\n]|\\.|\\\n)*)""#).unwrap();
    let sentence = regex::Regex::new("[a-z]{2,}.* |: [a-z]$| .*[a-z]{2,}").unwrap();
    let key = regex::Regex::new(concat!(
        r"(?-u:\b)(?:ctrl|alt)-[a-z](?-u:\b)|\^[a-z] ",
        r"|(?:^|[ (;,:])(?i-u:enter|esc|tab|backspace|pgdn|pgup)(?:[ ).,;:]|$)",
        // A lone letter that is neither a word nor, after a number, a unit; or two of them.
        r"|(?:^|[^}0-9%] |\()(?:[agcms] )?[b-zB-HJ-Z](?:[),;:]| (?:[a-z]+s|to) |$)",
    ))
    .unwrap();
    let rooms = [
        "app", "ui", "panes", "run", "runbook", "action", "headless", "start", "signal",
    ];
    // SQL, and a byte of the terminal that no keymap changes.
    let meant = ["DO $qd$", "esc ends waiting for it"];
    let named = |text: &str| -> Vec<String> {
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code = lines.collect::<Vec<_>>().join("\n");
        literal
            .captures_iter(&code)
            .map(|found| found.get(1).unwrap().as_str().to_owned())
            .filter(|text| sentence.is_match(text) && key.is_match(text))
            .filter(|text| !meant.iter().any(|known| text.contains(known)))
            .collect()
    };
    for caught in [
        r#""search first: press ctrl-f""#,
        r#""a table: v""#,
        r#""goes on record; R writes the report""#,
        r#""choose a namespace first (g n)""#,
        r#""it is through. Enter closes it.""#,
    ] {
        assert_eq!(named(caught).len(), 1, "{caught}");
    }
    assert_eq!(named(r#""tried again in {} s""#), [""; 0]);
    for room in rooms {
        let mut open = vec![Path::new("src").join(room)];
        open.push(Path::new("src").join(format!("{room}.rs")));
        while let Some(path) = open.pop() {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "flows" {
                open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
            let is_source = path.is_file() && path.extension().is_some_and(|e| e == "rs") && !name.contains("test");
            if is_source {
                let found = named(&std::fs::read_to_string(&path).unwrap());
                assert_eq!(found, [""; 0], "{}", path.display());
            }
        }
    }
}
