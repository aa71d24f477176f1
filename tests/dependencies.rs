//! What is linked in: where it comes from, under which licence, and what must not be there. The same file is
//! cargo-deny's configuration, which looks for advisories, too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice)]

use std::process::Command;

use serde_json::Value;

fn policy() -> toml::Table {
    std::fs::read_to_string("tests/deny.toml").unwrap().parse().unwrap()
}

/// Every crate of the lock file, for every platform.
fn packages() -> Vec<Value> {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let metadata: Value = serde_json::from_slice(&out.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// Whether an SPDX expression can be kept with these licences: `(MIT OR Apache-2.0) AND Unicode-3.0`.
fn permits(expression: &str, allowed: &[&str]) -> bool {
    /// Splits at a word outside brackets.
    fn parts<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
        let (mut depth, mut begin, mut out) = (0, 0, Vec::new());
        for (at, c) in text.char_indices() {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            if depth == 0 && text[at..].starts_with(word) {
                out.push(&text[begin..at]);
                begin = at + word.len();
            }
        }
        out.push(&text[begin..]);
        out
    }
    // OR binds less than AND.
    let text = expression.replace(" / ", " OR ").replace('/', " OR ");
    let any = |text: &str| {
        parts(text, " OR ").iter().any(|all| {
            parts(all, " AND ").iter().all(|one| {
                let one = one.trim();
                match one.strip_prefix('(').and_then(|o| o.strip_suffix(')')) {
                    Some(inner) => permits(inner, allowed),
                    None => allowed.contains(&one),
                }
            })
        })
    };
    any(text.trim())
}

#[test]
fn expressions_of_licences_are_read_right() {
    let allowed = ["MIT", "Unicode-3.0"];
    for good in [
        "MIT",
        "GPL-3.0 OR MIT",
        "(Apache-2.0 OR MIT) AND Unicode-3.0",
        "GPL-2.0/MIT",
    ] {
        assert!(permits(good, &allowed), "{good}");
    }
    for bad in ["GPL-3.0", "MIT AND GPL-3.0", "(Apache-2.0 OR GPL-3.0) AND MIT", ""] {
        assert!(!permits(bad, &allowed), "{bad}");
    }
}

#[test]
fn every_crate_is_from_the_registry_and_under_a_licence_that_was_agreed_to() {
    let policy = policy();
    let words = |list: &toml::Value| -> Vec<String> {
        let list = list.as_array().unwrap().iter();
        list.map(|w| w.get("crate").unwrap_or(w).as_str().unwrap().to_owned())
            .collect()
    };
    let allowed = words(&policy["licenses"]["allow"]);
    let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
    let banned = words(&policy["bans"]["deny"]);
    let packages = packages();
    assert!(packages.len() > 100);
    for package in &packages {
        let name = package["name"].as_str().unwrap();
        let licence = package["license"].as_str().unwrap_or_default();
        assert!(permits(licence, &allowed), "{name}: {licence}");
        assert!(!banned.iter().any(|b| b == name), "{name} is banned");
        let registry = "registry+https://github.com/rust-lang/crates.io-index";
        let source = package["source"].as_str();
        assert!(source.is_none_or(|s| s == registry), "{name}: {source:?}");
        assert!(source.is_some() || name == "quarterdeck", "{name} has no source");
    }
}

#[test]
fn the_great_ones_are_there_once() {
    let packages = packages();
    for name in [
        "tokio",
        "hyper",
        "rustls",
        "ring",
        "kube-client",
        "ratatui",
        "http",
        "regex",
        "chrono",
        "time",
    ] {
        let versions: Vec<_> = packages
            .iter()
            .filter(|p| p["name"] == name)
            .map(|p| &p["version"])
            .collect();
        assert!(versions.len() <= 1, "{name}: {versions:?}");
    }
}
