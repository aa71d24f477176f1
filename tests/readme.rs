//! The README says what the program does. `UPDATE_README=1` writes the parts that the program prints.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clap::{Args as _, CommandFactory as _};
use quarterdeck::cli::{Check, Cli, Demo, Init, Options, PaneArgs, ReportArgs};
use quarterdeck::config::{Config, File, Inputs, Loaded};
use quarterdeck::keys::{CONTEXTS, Keymap, Vocabulary, hints};
use quarterdeck::runbook::{format, lint};

fn readme() -> String {
    std::fs::read_to_string("README.md").unwrap()
}

/// What stands between the markers of that name.
fn part(name: &str) -> String {
    let text = readme();
    let (_, rest) = text.split_once(&format!("<!-- {name} -->\n")).unwrap();
    rest.split_once(&format!("<!-- /{name} -->")).unwrap().0.to_owned()
}

/// The code block of that part, without its fences.
fn block(name: &str) -> String {
    let part = part(name);
    let lines: Vec<&str> = part.trim().lines().collect();
    lines.get(1..lines.len() - 1).unwrap().join("\n") + "\n"
}

/// Holds the part equal to what the program prints, or writes it.
fn equals(name: &str, printed: &str) {
    let printed = format!("{}\n", printed.trim_end());
    if std::env::var_os("UPDATE_README").is_some() {
        let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
        let text = readme();
        let (before, rest) = text.split_once(&open).unwrap();
        let (_, after) = rest.split_once(&close).unwrap();
        std::fs::write("README.md", format!("{before}{open}{printed}{close}{after}")).unwrap();
    } else {
        assert_eq!(
            part(name),
            printed,
            "UPDATE_README=1 cargo test --test readme -- --test-threads=1"
        );
    }
}

fn load(text: &str) -> Loaded {
    Config::load(&Inputs {
        user: Some(File {
            path: "/home/kim/.config/quarterdeck/config.toml".into(),
            text: Ok(Some(text.to_owned())),
        }),
        ..Inputs::default()
    })
}

/// The keys that a section takes, as its reader names them.
fn keys(section: &str) -> Vec<String> {
    let loaded = load(&format!("{section}\nno_such_key = 1\n"));
    let problem = loaded.problems.first().unwrap().to_string();
    let (_, list) = problem
        .split_once("expected ")
        .unwrap_or_else(|| panic!("{section}: {problem}"));
    list.split(';')
        .next()
        .unwrap()
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// The lists of sources in a platform.
const SOURCES: [&str; 6] = ["postgres", "redis", "queues", "prometheus", "certificates", "http"];

const SECTIONS: [&str; 9] = [
    "[[platform]]",
    "[ui]",
    "[signals]",
    "[log]",
    "[incident]",
    "[[incident.levels]]",
    "[policy]",
    "[[policy.freeze]]",
    "[spool]",
];

#[test]
fn the_keys_are_those_of_the_keymap() {
    let commands = quarterdeck::app::command::rows();
    let vocabulary = Vocabulary {
        commands: &commands,
        contexts: CONTEXTS,
    };
    let (keymap, _) = Keymap::load(&[], vocabulary).unwrap();
    equals("keys", &hints::markdown(&keymap, vocabulary));
}

#[test]
fn the_flags_are_those_of_the_program() {
    let of = |command: clap::Command| {
        command
            .term_width(100)
            .disable_help_flag(true)
            .render_help()
            .to_string()
    };
    let mut text = of(Cli::command().disable_version_flag(true));
    for (name, command) in [
        ("qd demo", Demo::augment_args(clap::Command::new("qd demo"))),
        (
            "qd pods, rollouts, signals, queues, queries, redis, certs, alerts",
            PaneArgs::augment_args(clap::Command::new("qd pods")),
        ),
        ("qd report", ReportArgs::augment_args(clap::Command::new("qd report"))),
        ("qd check", Check::augment_args(clap::Command::new("qd check"))),
        ("qd init", Init::augment_args(clap::Command::new("qd init"))),
    ] {
        let help = of(command);
        let options = help.split_once("Options:\n").unwrap().1;
        let _ = write!(text, "\nOptions of {name}:\n{options}");
    }
    assert!(Options::augment_args(clap::Command::new("qd")).get_arguments().count() > 5);
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    equals("help", &format!("```text\n{}\n```", lines.join("\n").trim_end()));
}

#[test]
fn the_table_of_configuration_keys_is_complete() {
    let mut text = "| section | keys |\n|---|---|\n".to_owned();
    let mut sections: Vec<String> = SECTIONS.map(str::to_owned).to_vec();
    sections.splice(1..1, SOURCES.map(|l| format!("[[platform.{l}]]")));
    for section in sections {
        let under = if section.starts_with("[[platform.") {
            format!("[[platform]]\nname = \"x\"\n{section}")
        } else {
            section.clone()
        };
        let keys: Vec<String> = keys(&under).iter().map(|k| format!("`{k}`")).collect();
        let _ = writeln!(text, "| `{section}` | {} |", keys.join(", "));
    }
    equals("config-keys", &text);
}

#[test]
fn the_defaults_are_the_defaults_and_every_key_stands_in_an_example() {
    let loaded = load(&block("defaults"));
    assert_eq!(loaded.problems, []);
    let plain = Config::default();
    assert_eq!((loaded.config.ui, loaded.config.signals), (plain.ui, plain.signals));
    assert_eq!(loaded.config.log.level, plain.log.level);
    assert_eq!(load(&block("example")).problems, []);

    let text = block("defaults") + &block("example");
    let sources: BTreeSet<&str> = SOURCES.into();
    for section in SECTIONS {
        let (_, rest) = text
            .split_once(&format!("{section}\n"))
            .or_else(|| text.split_once(&format!("{section} ")))
            .unwrap();
        let body = rest.split("\n[").next().unwrap();
        for key in keys(section)
            .iter()
            .filter(|k| !sources.contains(k.as_str()) && !["freeze", "levels"].contains(&k.as_str()))
        {
            assert!(
                body.lines().any(|l| l.starts_with(&format!("{key} ="))),
                "{section} {key}"
            );
        }
    }
}

#[test]
fn every_key_of_every_source_stands_in_the_example_and_is_right_uncommented() {
    let text = block("sources");
    assert_eq!(load(&text).problems, []);
    for source in SOURCES {
        let section = format!("[[platform.{source}]]");
        let (_, rest) = text.split_once(&format!("{section}\n")).unwrap();
        let body: Vec<&str> = rest.split("\n[[").next().unwrap().lines().collect();
        for key in keys(&format!("[[platform]]\nname = \"x\"\n{section}")) {
            let open = body
                .iter()
                .map(|l| l.strip_prefix("# ").unwrap_or(l))
                .find(|l| l.starts_with(&format!("{key} =")))
                .unwrap_or_else(|| panic!("{section} {key}"));
            // Alone, and so without what it would contradict.
            let needed = ["name = \"x\"", "url = \"https://x\""];
            let needed = if source == "http" { &needed[..] } else { &needed[..1] };
            let alone: String = needed
                .iter()
                .filter(|n| !n.starts_with(&format!("{key} =")))
                .chain([&open])
                .fold(String::new(), |all, l| all + l + "\n");
            let loaded = load(&format!("[[platform]]\nname = \"x\"\n{section}\n{alone}\n"));
            assert_eq!(loaded.problems, [], "{section} {open}");
        }
    }
}

#[test]
fn the_runbook_is_one_that_loads() {
    let text = block("runbook");
    let problems: Vec<String> = lint::lint(&text, "README.md").iter().map(ToString::to_string).collect();
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(format::parse(&text, "README.md").unwrap().id, "restart-stuck");
}
