//! The rules of the house: who may know whom, what stands where, and what every command must have.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use quarterdeck::app::command;
use quarterdeck::keys::{CONTEXTS, Keymap, MUTATE, STACKS, Vocabulary, hints};

/// Lines in a file.
const LONGEST: usize = 500;

/// All files under a folder of the project, as paths from its top.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::from(folder)];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = files(folder);
    found.retain(|path| path.extension().is_some_and(|e| e == "rs"));
    found
}

/// The code of a file: without comments, and up to its tests. Empty for a file that is only compiled for tests.
fn code(path: &Path) -> String {
    if tests_only().contains(path) {
        return String::new();
    }
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//") && !line.trim_start().starts_with("#["));
    lines.collect::<Vec<_>>().join("\n")
}

/// Files and folders that stand behind `#[cfg(test)] mod name;`.
fn tests_only() -> &'static BTreeSet<PathBuf> {
    static FOUND: std::sync::OnceLock<BTreeSet<PathBuf>> = std::sync::OnceLock::new();
    FOUND.get_or_init(|| {
        let mut found = BTreeSet::new();
        for path in sources("src") {
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.file_stem().unwrap();
            let home = match name.to_str().unwrap() {
                "mod" | "lib" | "main" => path.parent().unwrap().to_path_buf(),
                _ => path.with_extension(""),
            };
            let mut lines = text.lines().peekable();
            while let Some(line) = lines.next() {
                if line.trim() != "#[cfg(test)]" {
                    continue;
                }
                // Another attribute may stand between.
                while lines.peek().is_some_and(|l| l.trim_start().starts_with("#[")) {
                    lines.next();
                }
                let Some(name) = lines
                    .peek()
                    .and_then(|l| l.trim().strip_suffix(';')?.split("mod ").nth(1))
                else {
                    continue;
                };
                let file = home.join(format!("{name}.rs"));
                if file.is_file() {
                    found.insert(file);
                }
                if home.join(name).is_dir() {
                    found.extend(sources(home.join(name).to_str().unwrap()));
                }
            }
        }
        found
    })
}

/// The room of a file: `app` of `src/app/list.rs`, `run` of `src/run.rs`.
fn room(path: &Path) -> String {
    let inner = path.strip_prefix("src").unwrap();
    inner
        .iter()
        .next()
        .unwrap()
        .to_str()
        .unwrap()
        .trim_end_matches(".rs")
        .to_owned()
}

/// Every place in `rooms` where one of `words` stands in code.
fn hits(rooms: &[&str], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for path in sources("src") {
        if !rooms.contains(&room(&path).as_str()) {
            continue;
        }
        let code = code(&path);
        for word in words {
            for line in code.lines().filter(|line| has_word(line, word)) {
                found.push(format!("{}: {}", path.display(), line.trim()));
            }
        }
    }
    found
}

/// Whether `word` stands in the line with no letter of a longer name before it.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).unwrap().chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// Rooms that only compute: time and everything else comes in as a value.
const PURE: &[&str] = &[
    "model", "signal", "runbook", "app", "keys", "theme", "panes", "ui", "text",
];

#[test]
fn rooms_that_compute_know_neither_terminal_nor_cluster_nor_clock_nor_disk() {
    let forbidden = [
        "crossterm",
        "kube::",
        "tokio",
        "k8s_openapi",
        "reqwest",
        "redis::Client",
        "redis::cmd",
        "redis::aio",
        "hyper",
        "std::fs",
        "std::net",
        "std::process",
        "std::env",
        "std::io",
        "Instant::now",
        "SystemTime",
        "Timestamp::now",
        "Zoned::now",
        "fastrand",
    ];
    assert_eq!(hits(PURE, &forbidden), Vec::<String>::new());
}

#[test]
fn data_flows_from_feed_to_screen_and_intent_the_other_way() {
    // Who may use whom. What is not named here (run, start, the servers of `sim`) ties the rooms together.
    let may: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("text", &[][..]),
        ("model", &["text"]),
        ("signal", &["model", "text"]),
        ("keys", &[]),
        ("theme", &["keys"]),
        ("runbook", &["model", "action", "text"]),
        (
            "app",
            &[
                "action", "journal", "keys", "model", "panes", "runbook", "signal", "text", "theme",
            ],
        ),
        ("panes", &["app", "model", "text", "theme"]),
        (
            "ui",
            &[
                "action", "app", "journal", "keys", "model", "panes", "runbook", "signal", "text", "theme",
            ],
        ),
        ("journal", &["text"]),
        ("feed", &["action", "config", "model", "text"]),
        ("action", &["config", "feed", "journal", "model", "text"]),
        ("config", &["cli", "journal", "model", "signal", "text"]),
        ("term", &["keys", "theme"]),
        ("sim", &[]),
    ]);
    let mut wrong = Vec::new();
    for path in sources("src") {
        let room = room(&path);
        let Some(allowed) = may.get(room.as_str()) else {
            continue;
        };
        for line in code(&path).lines() {
            for (at, _) in line.match_indices("crate::") {
                let name: String = line
                    .get(at + 7..)
                    .unwrap()
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                let known = name == room || name.is_empty() || allowed.contains(&name.as_str());
                if !known {
                    wrong.push(format!("{} uses {name}: {}", path.display(), line.trim()));
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn only_the_theme_names_colours() {
    let rooms: BTreeSet<String> = sources("src").iter().map(|p| room(p)).collect();
    let rooms: Vec<&str> = rooms.iter().map(String::as_str).collect();
    // The terminal and the pictures carry colours on; they name none but the terminal's own (`Reset`).
    let elsewhere: Vec<&str> = rooms.iter().copied().filter(|r| *r != "theme").collect();
    let drawn: Vec<&str> = elsewhere
        .iter()
        .copied()
        .filter(|r| !["term", "picture"].contains(r))
        .collect();
    let mut found = hits(
        &drawn,
        &[
            "style::Color",
            "Stylize",
            ".fg(",
            ".bg(",
            "Color::Reset",
            "Color::Rgb",
            "Color::Indexed",
        ],
    );
    for name in [
        "Black", "Red", "Green", "Yellow", "Blue", "Magenta", "Cyan", "Gray", "DarkGray", "Light", "White",
    ] {
        found.extend(
            hits(&elsewhere, &[&format!("Color::{name}")])
                .into_iter()
                .filter(|f| !f.contains("term/sgr.rs")),
        );
    }
    // Values written as in a style sheet, or raw escapes for a colour.
    for path in sources("src")
        .into_iter()
        .filter(|p| !["theme", "term"].contains(&room(p).as_str()))
    {
        for line in code(&path).lines() {
            let hex = line.match_indices("\"#").any(|(at, _)| {
                let word: String = line
                    .get(at + 2..)
                    .unwrap()
                    .chars()
                    .take_while(char::is_ascii_hexdigit)
                    .collect();
                word.len() == 6
            });
            if hex || line.contains("\\x1b[3") || line.contains("\\x1b[4") {
                found.push(format!("{}: {}", path.display(), line.trim()));
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn every_stack_of_contexts_that_a_screen_has_is_known_to_the_keymaps() {
    let mut said = BTreeSet::new();
    for file in ["src/app/layer.rs", "src/app/layers/item.rs", "src/app/mod.rs"] {
        let code = code(Path::new(file)).replace("vec![", "&[");
        for (at, _) in code.match_indices("&[\"") {
            let list = code.get(at + 2..).unwrap().split(']').next().unwrap();
            let names: Vec<String> = list.split(',').map(|n| n.trim().trim_matches('"').to_owned()).collect();
            if names.iter().all(|n| CONTEXTS.iter().any(|c| c.name == n)) {
                said.insert(names);
            }
        }
    }
    for pane in &quarterdeck::panes::PANES {
        said.insert([pane.context, "list", "global"].map(str::to_owned).to_vec());
    }
    let known: BTreeSet<Vec<String>> = STACKS
        .iter()
        .map(|stack| stack.iter().map(|c| (*c).to_owned()).collect())
        .collect();
    assert_eq!(known, said);
}

#[test]
fn nothing_can_panic_on_what_came_from_outside() {
    let rooms: BTreeSet<String> = sources("src").iter().map(|p| room(p)).collect();
    let rooms: Vec<&str> = rooms.iter().map(String::as_str).collect();
    let forbidden = [
        ".unwrap()",
        ".expect(",
        "panic!(",
        "todo!(",
        "unimplemented!(",
        "unreachable!(",
        "unsafe ",
    ];
    let found: Vec<String> = [".unwrap()", ".expect("]
        .iter()
        .chain(&forbidden[2..])
        .flat_map(|word| {
            let word = word.trim_start_matches('.');
            hits(&rooms, &[word])
        })
        .collect();
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn files_can_be_read_in_one_sitting() {
    let long: Vec<String> = ["src", "tests"]
        .iter()
        .flat_map(|folder| sources(folder))
        .filter(|path| std::fs::read_to_string(path).unwrap().lines().count() > LONGEST)
        .map(|path| path.display().to_string())
        .collect();
    assert_eq!(long, Vec::<String>::new(), "longer than {LONGEST} lines");
}

#[test]
fn every_room_and_every_file_says_what_it_is_for() {
    let silent: Vec<PathBuf> = sources("src")
        .into_iter()
        .filter(|path| !tests_only().contains(path) && !std::fs::read_to_string(path).unwrap().starts_with("//!"))
        .collect();
    assert_eq!(silent, Vec::<PathBuf>::new());
}

#[test]
fn the_top_level_holds_what_was_settled_and_nothing_else() {
    let settled = [
        "Cargo.toml",
        "Cargo.lock",
        "README.md",
        "LICENSE",
        "clippy.toml",
        "rustfmt.toml",
        ".gitignore",
        ".git",
        ".ci",
        ".config",
        "benches",
        "keymaps",
        "screenshots",
        "src",
        "target",
        "tests",
        "themes",
    ];
    let strange: Vec<String> = std::fs::read_dir(".")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !settled.contains(&name.as_str()))
        .collect();
    assert_eq!(strange, Vec::<String>::new());
}

fn keymap() -> Keymap {
    let commands = command::rows();
    let vocabulary = Vocabulary {
        commands: &commands,
        contexts: CONTEXTS,
    };
    Keymap::load(&[], vocabulary).unwrap().0
}

#[test]
fn every_command_says_in_one_line_what_it_does() {
    let mut ids = BTreeSet::new();
    for c in command::all() {
        assert!(ids.insert(c.id), "{} stands twice", c.id);
        assert!(
            c.id.split_once('.')
                .is_some_and(|(group, verb)| !group.is_empty() && !verb.is_empty()),
            "{}",
            c.id
        );
        assert!(
            (3..=90).contains(&c.doc.chars().count()) && !c.doc.contains('\n'),
            "{}: {}",
            c.id,
            c.doc
        );
        assert!(
            c.doc.starts_with(|l: char| l.is_lowercase()) && !c.doc.ends_with('.'),
            "{}: {}",
            c.id,
            c.doc
        );
        assert!((1..=16).contains(&c.short.chars().count()), "{}: {}", c.id, c.short);
        assert!(!c.group.is_empty(), "{}", c.id);
    }
}

#[test]
fn every_command_has_a_key_and_stands_in_the_help() {
    let keymap = keymap();
    let commands = command::rows();
    let vocabulary = Vocabulary {
        commands: &commands,
        contexts: CONTEXTS,
    };
    let bound: BTreeSet<&str> = CONTEXTS
        .iter()
        .flat_map(|context| keymap.bindings(context.name))
        .map(|(_, id)| id)
        .collect();
    let helped: BTreeSet<&str> = CONTEXTS
        .iter()
        .flat_map(|context| hints::help(&keymap, vocabulary, &[context.name]))
        .flat_map(|section| section.rows)
        .filter_map(|row| row.id)
        .collect();
    let without: Vec<&str> = command::all().map(|c| c.id).filter(|id| !bound.contains(id)).collect();
    assert_eq!(without, Vec::<&str>::new(), "commands without a key");
    assert_eq!(bound, helped);
}

#[test]
fn what_changes_something_is_never_one_bare_key_outside_a_dialog() {
    let mutating: BTreeSet<&str> = command::all().filter(|c| c.mutates()).map(|c| c.id).collect();
    assert!(mutating.len() >= 10 && mutating.iter().all(|id| command::find(id).unwrap().group == MUTATE));
    for context in CONTEXTS.iter().filter(|c| !c.dialog) {
        for (sequence, id) in keymap().bindings(context.name) {
            assert!(!mutating.contains(id) || sequence.len() > 1, "{id} in {}", context.name);
        }
    }
    // Every verb of the pipeline that has a key is known as one that changes something.
    for c in command::all().filter(|c| c.id.starts_with("action.")) {
        assert!(c.mutates(), "{}", c.id);
    }
}

#[test]
fn every_context_of_the_screen_has_its_table() {
    let keymap = keymap();
    let tables: BTreeSet<&str> = keymap.contexts().collect();
    for pane in &quarterdeck::panes::PANES {
        assert!(CONTEXTS.iter().any(|c| c.name == pane.context), "{}", pane.title);
    }
    for context in CONTEXTS {
        // A pane, or the list of what was done, may have no keys of its own.
        let needs = context.name != "activity" && quarterdeck::panes::PANES.iter().all(|p| p.context != context.name);
        assert!(!needs || tables.contains(context.name), "{}", context.name);
    }
}
