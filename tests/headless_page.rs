//! What goes out to others without a console: the page for a chat channel and the pictures, of the whole demonstration
//! platform; and what an installation brings along.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice)]

mod qd_support;

use std::process::Command;

use qd_support::Qd;
use quarterdeck::sim::demo::{self, Demo};

fn start() -> (tokio::runtime::Runtime, Demo) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let demo = runtime.block_on(demo::start(demo::Options::default())).unwrap();
    (runtime, demo)
}

/// A literal of a statement that runs on the demonstration database.
const LITERAL: &str = "'day'";

#[test]
fn a_page_and_pictures_for_others_show_the_causes_and_no_value_of_a_statement() {
    let (runtime, demo) = start();
    let qd = Qd::at(demo.config());
    let (code, text, said) = qd.run(&["status"]);
    assert_eq!((code, said.as_str()), (1, ""));
    assert!(text.starts_with("demo · LOCAL · cortex · "), "{text}");
    let at = text.find("rollout cortex-api stalled").unwrap();
    assert!(text[at..].contains("reason ImagePullBackOff"), "{text}");
    assert!(text[at..].contains("runbook stalled-rollout"), "{text}");
    assert!(text.find("CRITICAL").unwrap() < text.find("WARNING").unwrap());
    assert!(!text.contains(LITERAL), "{text}");
    let (code, page, _) = qd.json(&["status"]);
    assert_eq!(
        (code, &page["verdict"], &page["incident"]),
        (1, &"wrong".into(), &().into())
    );
    let causes = page["causes"].as_array().unwrap();
    assert!(
        causes
            .iter()
            .any(|c| c["id"] == "rollout.stalled" && c["runbook"] == "stalled-rollout")
    );

    let (code, table, said) = qd.run(&["pods", "-n", "nosuch"]);
    assert_eq!((code, table.as_str()), (2, ""), "{said}");
    assert!(said.contains("there is no namespace nosuch"), "{said}");
    let (code, _, said) = qd.run(&["rollouts", "cortex-api"]);
    assert!(code == 2 && said.contains("add --plain"), "{said}");

    let (code, deck, said) = qd.run(&["snapshot", "--size", "100x30"]);
    assert_eq!((code, said.as_str()), (0, ""), "{deck}");
    assert_eq!(deck.lines().count(), 30);
    assert!(
        deck.contains("READ-ONLY") && deck.contains("ImagePullBackOff"),
        "{deck}"
    );
    let file = qd.home.path().join("queries.png");
    let (code, _, said) = qd.run(&["snapshot", "--pane", "queries", "-o", file.to_str().unwrap()]);
    assert_eq!((code, said.as_str()), (0, ""));
    let png = std::fs::read(&file).unwrap();
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    let file = qd.home.path().join("deck.svg");
    let (code, _, said) = qd.run(&["snapshot", "-o", file.to_str().unwrap()]);
    assert_eq!((code, said.as_str()), (0, ""));
    let svg = std::fs::read_to_string(&file).unwrap();
    assert!(svg.starts_with("<svg ") && svg.contains("ImagePullBackOff"), "{svg}");
    let (_, queries, _) = qd.run(&["snapshot", "--pane", "queries", "--format", "ansi"]);
    assert!(
        queries.contains("date_trunc(") && queries.contains("\x1b["),
        "{queries}"
    );
    assert!(!queries.contains(LITERAL), "{queries}");
    assert_eq!(demo.server().requests().mutating(), 0);
    runtime.block_on(demo.stop());
}

#[test]
fn a_pane_has_one_verdict_whatever_its_form_and_a_row_says_what_its_signal_says() {
    let (runtime, demo) = start();
    let qd = Qd::at(demo.config());
    for (pane, wrong) in [
        ("pods", 1),
        ("rollouts", 1),
        ("queues", 1),
        ("queries", 1),
        ("certs", 1),
        ("redis", 1),
        ("alerts", 1),
        ("signals", 1),
        // Events are what happened; what is wrong now, the others say.
        ("events", 0),
        ("nodes", 0),
    ] {
        let (code, text, said) = qd.run(&[pane]);
        assert_eq!(code, wrong, "{pane}: {said}\n{text}");
        assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
        let (code, text, said) = qd.run(&[pane, "--plain"]);
        assert_eq!(code, wrong, "{pane}: {said}\n{text}");
        for head in ["rst:", "upd:", "rev:", "in/m:", "shows the history"] {
            assert!(!text.contains(head), "{head} cannot be said aloud\n{text}");
        }
        let (code, found, said) = qd.json(&[pane]);
        let named = match pane {
            "certs" => "certificates",
            "queries" => "postgres",
            pane => pane,
        };
        assert_eq!((code, found[named].is_array()), (wrong, true), "{pane}: {said}");
    }
    let (_, queues, _) = qd.run(&["queues"]);
    let worst = queues.lines().find(|line| line.contains("/default ")).unwrap();
    assert!(worst.contains("warning: ") || worst.contains("critical: "), "{queues}");
    assert_eq!(demo.server().requests().mutating(), 0);
    runtime.block_on(demo.stop());
}

#[test]
fn without_a_cluster_nothing_is_called_fine() {
    let qd = Qd::new("[[platform]]\nname = \"x\"\n[[platform.http]]\nname = \"h\"\nurl = \"http://127.0.0.1:1/\"\n");
    let (code, text, _) = qd.run(&["status"]);
    assert_ne!(code, 0, "{text}");
    assert!(!text.contains("nothing calls"), "{text}");
    let (code, deck, said) = qd.run(&["snapshot", "--size", "80x24"]);
    assert_eq!(code, 2, "{deck}");
    assert!(said.contains("kubeconfig"), "{said}");
}

#[test]
fn a_shell_completes_commands_contexts_and_runbooks() {
    let qd = Qd::bare();
    let kubeconfig = qd.home.path().join(".kube/config");
    std::fs::create_dir_all(kubeconfig.parent().unwrap()).unwrap();
    let text = "contexts: [{name: prod-eu, context: {cluster: a, user: b}}]\nclusters: []\nusers: []\n";
    std::fs::write(kubeconfig, text).unwrap();
    for (line, wanted) in [
        (vec!["qd", "snap"], "snapshot"),
        (vec!["qd", "runbook", "show", "work"], "worker-backlog"),
        (vec!["qd", "--context", ""], "prod-eu"),
        (vec!["qd", "snapshot", "--pane", "cert"], "certificates"),
    ] {
        let out = Command::new(env!("CARGO_BIN_EXE_qd"))
            .env_clear()
            .env("HOME", qd.home.path())
            .env("QUARTERDECK_COMPLETE", "bash")
            .env("_CLAP_COMPLETE_INDEX", (line.len() - 1).to_string())
            .arg("--")
            .args(&line)
            .output()
            .unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        assert!(text.split_whitespace().any(|w| w == wanted), "{line:?}: {text}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let (code, script, _) = qd.run(&["completions", shell]);
        assert!(code == 0 && script.contains("QUARTERDECK_COMPLETE="), "{script}");
    }
}

#[test]
fn the_manual_page_has_every_command() {
    let (code, page, _) = Qd::bare().run(&["man"]);
    assert_eq!(code, 0);
    assert!(page.contains(".TH qd 1"));
    for name in [
        "QD STATUS",
        "QD JOURNAL VERIFY",
        "QD RUNBOOK RUN",
        "QD CONFIG REFERENCE",
    ] {
        assert!(page.contains(&format!(".SH \"{name}\"")), "{name}");
    }
}
