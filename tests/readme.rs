//! The README says what the program does. `UPDATE_README=1` writes the parts that the program prints.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::CommandFactory as _;
use quarterdeck::action::MOST_TOGETHER;
use quarterdeck::cli::{Cli, Output};
use quarterdeck::config::{Config, File, Inputs, Loaded, Policy, reference};
use quarterdeck::feed::kube::rights::Role;
use quarterdeck::feed::postgres::Env;
use quarterdeck::headless;
use quarterdeck::keys::{CONTEXTS, Keymap, Vocabulary, hints};
use quarterdeck::model::Scope;
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

/// What a command and those below it take of their own, each with its name, in their order.
fn own_options(command: &clap::Command, name: &str, into: &mut Vec<(String, String)>) {
    let alone = clap::Command::new("qd")
        .term_width(100)
        .disable_help_flag(true)
        .args(command.get_arguments().filter(|a| !a.is_global_set()))
        .help_template("{all-args}");
    let text = alone.clone().render_help().to_string();
    if name != "qd" && !text.trim().is_empty() {
        into.push((name.to_owned(), text.trim_end().to_owned()));
    }
    for sub in command.get_subcommands() {
        own_options(sub, &format!("{name} {}", sub.get_name()), into);
    }
}

#[test]
fn the_flags_are_those_of_the_program() {
    let command = Cli::command().disable_version_flag(true).disable_help_flag(true);
    let mut text = command.clone().term_width(100).render_help().to_string();
    let mut all = Vec::new();
    own_options(&command, "qd", &mut all);
    // Those that take the same are told together.
    let mut told: Vec<(Vec<&str>, &str)> = Vec::new();
    for (name, options) in &all {
        match told.iter_mut().find(|(_, o)| o == options) {
            Some((names, _)) => names.push(name.trim_start_matches("qd ")),
            None => told.push((vec![name], options)),
        }
    }
    for (names, options) in told {
        let _ = write!(text, "\n{}:\n{options}\n", names.join(", "));
    }
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    equals("help", &format!("```text\n{}\n```", lines.join("\n").trim_end()));
}

/// The keys of a section as its reader names them, without the sections below it.
fn own_keys(section: &str) -> Vec<String> {
    let under = if section.starts_with("[[platform.") {
        format!("[[platform]]\nname = \"x\"\n{section}")
    } else {
        section.to_owned()
    };
    let below: &[&str] = match section {
        "[[platform]]" => &SOURCES,
        "[policy]" => &["freeze"],
        "[incident]" => &["levels"],
        _ => &[],
    };
    keys(&under)
        .into_iter()
        .filter(|k| !below.contains(&k.as_str()))
        .collect()
}

#[test]
fn the_reference_of_the_configuration_has_every_key_and_its_true_default() {
    equals("config-reference", &reference::markdown());
    let told = reference::sections();
    let mut sections: Vec<String> = SECTIONS.map(str::to_owned).to_vec();
    sections.extend(SOURCES.map(|s| format!("[[platform.{s}]]")));
    for section in &sections {
        let row = told
            .iter()
            .find(|s| s.name == section)
            .unwrap_or_else(|| panic!("{section}"));
        let mut is: Vec<&str> = row.keys.iter().map(|k| k.name).collect();
        let mut wanted = own_keys(section);
        is.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(is, wanted, "{section}: src/config/reference.txt");
    }
    assert_eq!(told.len(), sections.len());
    // Written into a file, the defaults change nothing.
    let plain = load("");
    for section in told.iter().filter(|s| !s.name.starts_with("[[")) {
        let lines: Vec<String> = section
            .keys
            .iter()
            .filter(|k| !["none", "required"].contains(&k.default))
            .map(|k| format!("{} = {}", k.name, k.default))
            .collect();
        let said = load(&format!("{}\n{}\n", section.name, lines.join("\n")));
        assert_eq!(said.problems, [], "{}", section.name);
        let (a, b) = (&said.config, &plain.config);
        assert_eq!(
            (&a.ui, &a.signals, &a.log, &a.incident),
            (&b.ui, &b.signals, &b.log, &b.incident)
        );
        assert_eq!(a.spool, b.spool);
        assert_eq!(policy_in_force(&a.policy), policy_in_force(&b.policy));
    }
    // Of tables that come several times too, each with no more than it must have.
    for section in told.iter().filter(|s| s.name.starts_with("[[")) {
        let plain = load(&alone(section, &[]));
        assert_eq!(plain.problems, [], "{}", section.name);
        let defaults: Vec<String> = section
            .keys
            .iter()
            .filter(|k| !["none", "required"].contains(&k.default))
            .map(|k| format!("{} = {}", k.name, k.default))
            .collect();
        let said = load(&alone(section, &defaults));
        assert_eq!(said.problems, [], "{}", section.name);
        assert_eq!(
            in_force(&said),
            in_force(&plain),
            "{}: a default is not so",
            section.name
        );
        for key in section.keys.iter().filter(|k| k.default == "required") {
            let text = alone(section, &[]);
            let line = text.lines().find(|l| l.starts_with(&format!("{} = ", key.name)));
            let without = text.replace(line.unwrap_or_else(|| panic!("{} {}", section.name, key.name)), "");
            assert_ne!(
                load(&without).problems,
                [],
                "{}: {} is not required",
                section.name,
                key.name
            );
        }
    }
}

/// The policy as it holds, whoever said so.
fn policy_in_force(p: &Policy) -> impl PartialEq + std::fmt::Debug {
    let flags = (p.is_read_only(), p.two_person, p.break_glass, p.run_steps);
    let most = p.max_bulk.map_or(MOST_TOGETHER, |n| n as usize);
    (flags, p.two_person_from(), p.exec(), most, p.freezes.clone())
}

/// A table with what it must have, and these lines.
fn alone(section: &reference::Section, lines: &[String]) -> String {
    let above = if section.name.starts_with("[[platform.") {
        "[[platform]]\nname = \"above\"\n"
    } else {
        ""
    };
    let needs = section
        .keys
        .iter()
        .filter(|k| k.default == "required")
        .map(|k| match (k.name, k.kind) {
            ("url", _) => "url = \"https://x\"".to_owned(),
            ("from", _) => "from = \"2026-11-21T00:00:00Z\"".to_owned(),
            ("to", _) => "to = \"2026-11-22T00:00:00Z\"".to_owned(),
            (name, "number") => format!("{name} = 15"),
            (name, _) => format!("{name} = \"x\""),
        });
    let needs: Vec<String> = needs.collect();
    // Queues are nothing without the Redis on which they are.
    let more = if section.name == "[[platform.queues]]" {
        "redis = \"r\"\n"
    } else {
        ""
    };
    format!(
        "{above}{}\n{}\n{more}{}\n",
        section.name,
        needs.join("\n"),
        lines.join("\n")
    )
}

/// What a configuration comes to, with the values that hold where nothing is said.
fn in_force(loaded: &Loaded) -> impl PartialEq + std::fmt::Debug {
    let mut platforms = loaded.config.platforms.clone();
    for platform in &mut platforms {
        for redis in &mut platform.redis {
            redis.db = Some(redis.database());
        }
        for set in &mut platform.queues {
            set.most = Some(set.most());
        }
        for check in &mut platform.http {
            check.limit_ms = u64::try_from(check.limit().as_millis()).ok();
            check.every_s = Some(check.every().as_secs());
        }
    }
    let config = &loaded.config;
    (platforms, config.incident.clone(), config.policy.freezes.clone())
}

#[test]
fn the_example_loads() {
    assert_eq!(load(&block("example")).problems, []);
}

#[test]
fn the_role_is_what_check_prints_for_the_platform_of_the_example() {
    let loaded = load(&block("sources"));
    let platform = loaded.config.platform("eu").unwrap();
    let scope = Scope::Namespaces(vec!["cortex".to_owned()]);
    let nobody = Env {
        vars: BTreeMap::default(),
        home: None,
        user: "kim".to_owned(),
    };
    let grants = headless::grants(platform, &scope, "cortex", Role::Observer, &nobody);
    let text = grants.print(Output::Table).text;
    equals("role", &format!("```text\n{}\n```", text.trim_end()));
}

#[test]
fn every_file_that_is_named_is_there_and_every_picture_is_shown() {
    let text = readme();
    let named = text
        .split(['`', '(', ')', ' ', '\n'])
        .map(|w| w.trim_end_matches([',', '.', ':', ';', '/']));
    let ours = ["src/", "tests/", "keymaps/", "themes/", "screenshots/", ".ci/"];
    let missing: Vec<&str> = named
        .filter(|w| ours.iter().any(|o| w.starts_with(o)) && !std::path::Path::new(w).exists())
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
    for file in std::fs::read_dir("screenshots").unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(text.contains(&format!("](screenshots/{name})")), "{name} is not shown");
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
