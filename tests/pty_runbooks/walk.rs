//! A person who follows a runbook: looks at the step, presses a key, looks again.

use std::time::Duration;

use quarterdeck::journal::{Record, RecordKind};

use crate::pty_support::{Console, Home, Servers, Start, eventually};

/// One run of one runbook at 80×24, on the demonstration platform.
pub struct Walk {
    pub home: Home,
    pub console: Console,
}

impl Walk {
    /// Starts the console, brings the signal with that text on the strip, and opens the runbook that answers it.
    pub fn from_signal(servers: &Servers, book: &str, signal: &str) -> Self {
        let mut walk = Self::bring_only(servers, book, signal);
        walk.open();
        walk
    }

    /// The same without opening the runbook.
    pub fn bring_only(servers: &Servers, book: &str, signal: &str) -> Self {
        let mut walk = Self::begin(servers, book);
        walk.bring(signal);
        walk
    }

    /// Starts the console, and opens a runbook from the list of all.
    pub fn from_list(servers: &Servers, book: &str, title: &str) -> Self {
        let mut walk = Self::begin(servers, book);
        walk.send("gr");
        walk.console.see("Runbook");
        walk.console.type_in(title);
        walk.send("\r");
        walk.console.see("RUNBOOK");
        walk
    }

    /// The console, with a runbook that has less patience than the built-in one: nobody waits for a quiet minute here.
    fn begin(servers: &Servers, book: &str) -> Self {
        let home = Home::new();
        impatient(&home, book);
        let console = Start::whole(servers, &home).go();
        console.see("n next");
        Self { home, console }
    }

    /// Opens the runbook that answers the signal at hand.
    pub fn open(&mut self) {
        self.send("r");
        self.console.see("RUNBOOK");
    }

    /// Goes down the strip until that signal is on it.
    fn bring(&mut self, signal: &str) {
        self.send("!");
        // The current one is the line with the key of its runbook.
        let current = |c: &Console| {
            c.with(|s| {
                s.rows(0, s.size().1)
                    .find(|row| row.contains("→ r"))
                    .unwrap_or_default()
            })
        };
        eventually(signal, || {
            if current(&self.console).contains(signal) {
                return Some(());
            }
            self.send("n");
            std::thread::sleep(Duration::from_millis(250));
            None
        });
    }

    pub fn send(&mut self, keys: &str) {
        self.console.send(keys);
    }

    /// Waits until the run stands at a step.
    #[track_caller]
    pub fn at(&self, step: &str) {
        self.console.see(&format!("╭ {step} "));
    }

    /// At that step, goes on.
    #[track_caller]
    pub fn on(&mut self, step: &str) {
        self.at(step);
        self.console.see("↵ go on");
        self.send("\r");
    }

    /// At that step: gives what it asks for, and goes on.
    #[track_caller]
    pub fn choose(&mut self, step: &str, value: &str) {
        self.give(step, value);
        self.on(step);
    }

    /// Leaves what was opened over the panel, until it stands there at that step.
    pub fn leave_to(&mut self, step: &str) {
        self.send("\x1b");
        self.at(step);
    }

    /// At that step: writes a note, and goes on.
    pub fn note(&mut self, step: &str, text: &str) {
        self.at(step);
        self.console.see("↵ go on");
        self.send("n");
        self.console.see("esc cancel");
        self.console.type_in(text);
        self.send("\r");
        self.console.see_no("esc cancel");
        self.on(step);
    }

    /// At that step: passes over it.
    pub fn skip(&mut self, step: &str, reason: &str) {
        self.at(step);
        self.console.see("s skip");
        self.send("s");
        self.console.see("esc cancel");
        self.console.type_in(reason);
        self.send("\r");
        self.console.see_no("esc cancel");
    }

    /// At that step: gives another value than what stands there.
    #[track_caller]
    pub fn give(&mut self, step: &str, value: &str) {
        self.at(step);
        self.console.see("↵ go on");
        self.send("e");
        // Typed, or chosen from what there is.
        self.console.see("esc cancel");
        self.send("\x15");
        self.console.type_in(value);
        self.send("\r");
        self.console.see_no("esc cancel");
        self.console.see(value);
    }

    /// A plan is made: it says until when it holds, or which check forbids it.
    #[track_caller]
    pub fn planned(&self) {
        self.console.wait("the plan", |s| {
            let text = s.contents();
            text.contains("plan again") && (text.contains("until ") || text.contains(" ✗"))
        });
    }

    /// At that step: opens its plan, and waits until every line of it can be judged.
    #[track_caller]
    pub fn plan(&mut self, step: &str, shows: &str) {
        self.at(step);
        self.console.see("↵ plan");
        self.send("\r");
        self.planned();
        self.console.see(shows);
        // What comes sooner counts as typed for something else.
        std::thread::sleep(Duration::from_millis(400));
    }

    /// At that step, which did not go well: a new plan.
    #[track_caller]
    pub fn plan_again(&mut self, step: &str, shows: &str) {
        self.console.see_no("may or may not");
        self.plan(step, shows);
    }

    /// Gives the run up, and sees that on record.
    #[track_caller]
    pub fn aborts(&mut self) {
        self.send("x");
        self.console.see("↵ answer");
        self.send("y");
        eventually("the end of the run is on record", || {
            let all = self.home.records(RecordKind::Run);
            all.into_iter().find(|r| r.entry.what == "aborted")
        });
    }

    /// Types the word that the plan asks for, and presses its button.
    pub fn confirm(&mut self, word: &str) {
        // Past the reason, which the runbook proposes.
        self.send("\t\t");
        self.console.type_in(word);
        self.console.type_in("\r\r");
    }

    /// Reads the last step, and sees the run end. The intents of the run, each with its result, and nothing else, are
    /// what was changed; each was found to be well.
    #[track_caller]
    pub fn ends(mut self, changes: &[(&str, &str)]) -> Home {
        self.on_last();
        self.console.see("done");
        let intents = self.home.records(RecordKind::Intent);
        let made: Vec<(&str, &str)> = intents
            .iter()
            .map(|r| (r.entry.what.as_str(), r.entry.target.as_ref().unwrap().name.as_str()))
            .collect();
        assert_eq!(made, changes);
        for intent in &intents {
            let result = self.result_of(intent);
            assert_eq!(result.entry.outcome, "applied");
            let verified = eventually("the verdict is on record", || {
                let all = self.home.records(RecordKind::Verify);
                all.into_iter().find(|r| r.entry.plan_hash == intent.entry.plan_hash)
            });
            assert!(verified.entry.outcome.contains("healthy"), "{verified:?}");
            assert!(intent.seq < result.seq && result.seq < verified.seq);
        }
        let ended = eventually("the end of the run is on record", || {
            self.home
                .records(RecordKind::Run)
                .into_iter()
                .find(|r| r.entry.what == "completed")
        });
        assert!(ended.entry.runbook.is_some());
        assert!(self.home.records(RecordKind::Error).is_empty());
        self.send("\x1b");
        self.console.see_no("RUNBOOK");
        self.home
    }

    fn on_last(&mut self) {
        self.console.see(" Tell others ");
        let last = |s: &vt100::Screen| {
            s.contents()
                .lines()
                .any(|l| l.contains("╮╭") && l.contains(" Tell others "))
        };
        self.console.wait("the last step", last);
        self.send("\r");
    }

    fn result_of(&self, intent: &Record) -> Record {
        let all = self.home.records(RecordKind::Result);
        all.into_iter().find(|r| r.entry.refers == Some(intent.seq)).unwrap()
    }
}

/// The built-in runbook with less patience: a person's file of the same id replaces it. Its changes are watched for
/// 1 s instead of 30 s, and what must hold for a minute holds for 2 s.
fn impatient(home: &Home, id: &str) {
    let path = format!("{}/src/runbook/library/{id}.md", env!("CARGO_MANIFEST_DIR"));
    let built_in = std::fs::read_to_string(path).unwrap();
    let mut book = String::new();
    for line in built_in.lines() {
        let line = if line.starts_with("for = ") {
            "for = \"2s\""
        } else {
            line
        };
        let line = line
            .replace("soak = \"30s\"", "soak = \"1s\"")
            .replace("soak = \"60s\"", "soak = \"1s\"")
            .replace("seconds('2m')", "seconds('3s')")
            .replace("deadline = \"3m\"", "deadline = \"3s\"");
        book.push_str(&line);
        book.push('\n');
    }
    home.write(&format!(".config/quarterdeck/runbooks/{id}.md"), &book);
}

/// What `psql` says to a statement of the platform's own runbooks: its rows, each field apart.
pub fn psql(servers: &Servers, sql: &str) -> Vec<Vec<String>> {
    let url = servers.demo.postgres().url();
    let out = std::process::Command::new("psql")
        .args(["-X", "-A", "-t", "-F", "\t", "-d", &url, "-c", sql])
        .output()
        .expect("psql is missing: run tests/all, which installs it");
    assert!(out.status.success(), "{out:?}");
    let text = String::from_utf8(out.stdout).unwrap();
    text.lines()
        .map(|l| l.split('\t').map(str::to_owned).collect())
        .collect()
}
