//! What a package brings along is what the program prints of itself: `UPDATE=1 cargo test --test package` writes it anew.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr)]

mod qd_support;

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use qd_support::Qd;

#[test]
fn completions_and_manual_page_of_the_package_are_those_that_the_program_prints() {
    let qd = Qd::bare();
    for (file, args) in [
        ("qd.bash", &["completions", "bash"][..]),
        ("qd.zsh", &["completions", "zsh"]),
        ("qd.fish", &["completions", "fish"]),
        ("qd.1", &["man"]),
    ] {
        let (code, printed, said) = qd.run(args);
        assert_eq!((code, said.as_str()), (0, ""), "{args:?}");
        let path = format!("src/package/{file}");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &printed).unwrap();
        }
        let is = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(is == printed, "{path}: UPDATE=1 cargo test --test package");
    }
}

#[test]
fn every_asset_of_the_package_is_there_and_the_readme_has_its_spool_lines() {
    let manifest: toml::Table = std::fs::read_to_string("Cargo.toml").unwrap().parse().unwrap();
    let assets = manifest["package"]["metadata"]["deb"]["assets"]
        .as_array()
        .unwrap()
        .clone();
    assert!(assets.len() > 5);
    assert_eq!(manifest["package"]["metadata"]["deb"]["profile"].as_str(), Some("dist"));
    for asset in &assets {
        let file = asset[0].as_str().unwrap();
        assert!(
            // Where cargo-deb looks for what the profile below built.
            file == "target/release/qd" || std::path::Path::new(file).exists(),
            "{file}"
        );
    }
    let (tmpfiles, sysusers) = ("src/package/tmpfiles.conf", "src/package/sysusers.conf");
    let line = |file: &str, kind: &str| {
        let text = std::fs::read_to_string(file).unwrap();
        text.lines().find(|l| l.starts_with(kind)).unwrap().to_owned()
    };
    let (folder, group) = (line(tmpfiles, "d "), line(sysusers, "g "));
    let readme = std::fs::read_to_string("README.md").unwrap();
    assert!(readme.contains(&folder) && readme.contains(&group), "{folder} {group}");
    // The folder is the group's, and the package makes both.
    assert_eq!(folder.split_whitespace().nth(4), group.split_whitespace().nth(1));
    for file in [tmpfiles, sysusers] {
        assert!(assets.iter().any(|a| a[0].as_str() == Some(file)), "{file}");
    }
}

/// Where the program is that is tested, before all others.
fn path() -> String {
    let here = Path::new(env!("CARGO_BIN_EXE_qd")).parent().unwrap();
    format!("{}:{}", here.display(), std::env::var("PATH").unwrap_or_default())
}

/// Whether the shell is installed: who builds the program need not have it; `tests/all` installs it.
fn is_there(shell: &str) -> bool {
    let found = Command::new(shell).arg("--version").output().is_ok();
    if !found {
        eprintln!("{shell} is not installed: its completions are not tried");
    }
    found
}

#[test]
fn bash_completes_with_the_packages_file() {
    if !is_there("bash") {
        return;
    }
    let script = r"
        source src/package/qd.bash
        COMP_WORDS=(qd signa) COMP_CWORD=1 COMP_TYPE=9
        _clap_complete_qd qd signa qd
        echo ${COMPREPLY[@]}";
    let out = Command::new("bash")
        .args(["--norc", "--noprofile", "-c", script])
        .env("PATH", path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert_eq!(said.trim(), "signals", "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn fish_completes_with_the_packages_file() {
    if !is_there("fish") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let script = "source src/package/qd.fish; complete -C 'qd signa'; complete -C 'qd runbook show crash-'";
    let out = Command::new("fish")
        .args(["--no-config", "-c", script])
        .env("PATH", path())
        .env("HOME", home.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    let names: Vec<&str> = said.lines().filter_map(|l| l.split('\t').next()).collect();
    assert_eq!(
        names,
        ["signals", "crash-loop"],
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
}

#[test]
fn zsh_completes_at_the_first_tab_with_the_packages_file() {
    if !is_there("zsh") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    std::fs::copy("src/package/qd.zsh", home.path().join("_qd")).unwrap();
    let pty = native_pty_system().openpty(PtySize::default()).unwrap();
    let mut zsh = CommandBuilder::new("zsh");
    zsh.args(["-f", "-i"]);
    zsh.env_clear();
    zsh.env("PATH", path());
    zsh.env("HOME", home.path());
    zsh.env("TERM", "dumb");
    let mut child = pty.slave.spawn_command(zsh).unwrap();
    let (mut reader, mut writer) = (
        pty.master.try_clone_reader().unwrap(),
        pty.master.take_writer().unwrap(),
    );
    let (sender, printed) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(n @ 1..) = reader.read(&mut bytes) {
            let _ = sender.send(String::from_utf8_lossy(&bytes[..n]).into_owned());
        }
    });
    let mut screen = String::new();
    let mut until = |what: &str| {
        let end = Instant::now() + Duration::from_secs(60);
        while !screen.contains(what) {
            let left = end.saturating_duration_since(Instant::now());
            match printed.recv_timeout(left) {
                Ok(more) => screen.push_str(&more),
                Err(why) => panic!("zsh never printed {what} ({why}): {screen}"),
            }
        }
        screen.clear();
    };
    // What is typed stands there, too, so what is waited for is put together by the shell: Ctrl-X prints the line.
    let setup = "PS1='> '; fpath=($HOME $fpath); autoload -Uz compinit; compinit -u -D; \
        show() { print -r \"is:$BUFFER.\" }; zle -N show; bindkey '^X' show; echo rea''dy\n";
    writer.write_all(setup.as_bytes()).unwrap();
    until("ready");
    writer.write_all(b"qd signa\t\x18").unwrap();
    until("is:qd signals .");
    child.kill().unwrap();
    let _ = child.wait();
}
