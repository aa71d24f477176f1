//! The program itself, with a configuration of its own and nothing of whoever runs the tests.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

pub struct Qd {
    config: Option<PathBuf>,
    pub home: tempfile::TempDir,
}

impl Qd {
    /// With this configuration.
    pub fn new(text: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join("qd.toml");
        std::fs::write(&config, text).unwrap();
        Self {
            config: Some(config),
            home,
        }
    }

    /// With a file that is there.
    pub fn at(config: &Path) -> Self {
        Self {
            config: Some(config.to_owned()),
            home: tempfile::tempdir().unwrap(),
        }
    }

    /// With none.
    pub fn bare() -> Self {
        Self {
            config: None,
            home: tempfile::tempdir().unwrap(),
        }
    }

    pub fn start(&self, args: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_qd"));
        command
            .args(args)
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Exit code, output, errors; `answer` is typed.
    pub fn typed(&self, args: &[&str], answer: &str) -> (i32, String, String) {
        ended(self.start(args), answer)
    }

    pub fn run(&self, args: &[&str]) -> (i32, String, String) {
        self.typed(args, "")
    }

    pub fn json(&self, args: &[&str]) -> (i32, Value, String) {
        let args: Vec<&str> = args.iter().copied().chain(["--output", "json"]).collect();
        let (code, text, said) = self.run(&args);
        let json = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?}: {e}: {text}{said}"));
        (code, json, said)
    }
}

/// Exit code, output, errors; `answer` is typed.
pub fn ended(mut child: Child, answer: &str) -> (i32, String, String) {
    // A program that does not ask has gone before it reads.
    let _ = child.stdin.take().unwrap().write_all(answer.as_bytes());
    let out = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code().unwrap_or(-1), text(&out.stdout), text(&out.stderr))
}
