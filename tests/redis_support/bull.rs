//! A real BullMQ of one version, in a node process.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

pub struct Bull {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    pub version: u8,
}

impl Drop for Bull {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Bull {
    pub fn start(version: u8, port: u16) -> Self {
        Self::with_prefix(version, port, "bull")
    }

    pub fn with_prefix(version: u8, port: u16, prefix: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = root.join(format!("target/npm/bullmq-{version}"));
        assert!(
            folder.join("node_modules/bullmq").exists(),
            "BullMQ {version} is missing: npm install --prefix {} bullmq@{version} (tests/all does it)",
            folder.display()
        );
        let mut child = super::server_support::server("node", "KILL", "nodejs")
            .arg(root.join("tests/redis_support/bull.js"))
            .arg(&folder)
            .arg(port.to_string())
            .arg(prefix)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("setpriv starts it");
        Self {
            stdin: child.stdin.take(),
            stdout: BufReader::new(child.stdout.take().unwrap()),
            child,
            version,
        }
    }

    pub fn run(&mut self, asked: Value) -> Value {
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{asked}").unwrap();
        stdin.flush().unwrap();
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{asked}: {e}: {line}"));
        assert!(answer.get("error").is_none(), "{asked}: {answer}");
        answer["ok"].clone()
    }

    pub fn add(&mut self, queue: &str, name: &str, n: usize) -> Vec<String> {
        let ids = self.run(json!({"do": "add", "queue": queue, "name": name, "n": n}));
        ids.as_array()
            .unwrap()
            .iter()
            .map(|i| i.as_str().unwrap().to_owned())
            .collect()
    }

    pub fn work(&mut self, queue: &str) {
        self.run(json!({"do": "work", "queue": queue}));
    }

    pub fn counts(&mut self, queue: &str) -> Value {
        self.run(json!({"do": "counts", "queue": queue}))
    }

    /// How often a job was processed.
    pub fn processed(&mut self, queue: &str, id: &str) -> usize {
        let all = self.run(json!({"do": "processed"}));
        let of = |p: &&Value| p["queue"] == queue && p["id"] == id;
        all.as_array().unwrap().iter().filter(of).count()
    }
}
