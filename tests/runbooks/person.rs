//! A person who follows a runbook: looks at the screen, presses a key, looks again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use quarterdeck::action::Undo;
use quarterdeck::app::layers::PlanState;
use quarterdeck::app::unattended::{Leave, Unattended};
use quarterdeck::app::{Layer, Msg};
use quarterdeck::config::Config;
use quarterdeck::journal::{Record, RecordKind};
use quarterdeck::keys::{self, Chord};
use quarterdeck::model::Key;
use quarterdeck::picture::{self, Paper};
use quarterdeck::run::Desk;
use quarterdeck::runbook::engine::{Phase, Run, Status};
use quarterdeck::runbook::format::StepKind;
use quarterdeck::runbook::request;
use quarterdeck::sim::demo::{self, Demo};
use quarterdeck::theme::{Depth, Glyphs, Theme};

use crate::home;

/// Longer than anything takes on a busy machine: what is not there by then never comes.
const PATIENCE: Duration = Duration::from_secs(90);

/// The demonstration platform.
pub async fn platform(pace: u32) -> Demo {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = demo::Options {
        pace,
        ..demo::Options::default()
    };
    demo::start(options).await.unwrap()
}

pub struct Person {
    desk: Desk,
    home: tempfile::TempDir,
    theme: Theme,
    /// The keys so far came so much later than they were pressed: a person does not type as fast as this.
    late: SignedDuration,
    book: String,
    seen: usize,
    /// Lines of the journal when the run began.
    before: usize,
}

impl Person {
    /// Sits down at a console.
    pub async fn sits(demo: &Demo) -> Self {
        let home = tempfile::tempdir().unwrap();
        home::impatient(home.path());
        let desk = Desk::open(Config::load(&home::inputs(demo, home.path())))
            .await
            .unwrap();
        let mut person = Self {
            desk,
            home,
            theme: Theme::built_in("dark", Depth::True),
            late: SignedDuration::ZERO,
            book: String::new(),
            seen: 0,
            before: 0,
        };
        person.desk.look().await.unwrap();
        person
    }

    /// Starts a runbook about something, with these parameters.
    pub async fn begins(&mut self, book: &str, on: &str, params: &[(&str, &str)]) {
        while !self.desk.app.layers.is_empty() {
            self.key("esc").await;
        }
        book.clone_into(&mut self.book);
        self.desk.recorded().await;
        self.before = self.journal().lines().count();
        let given: BTreeMap<String, String> = params
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let leave = Leave {
            given,
            ..Leave::default()
        };
        let end = Instant::now() + PATIENCE;
        while let Err(why) = request::subject(&self.desk.app.world, on) {
            assert!(Instant::now() < end, "{why}");
            self.desk.turn().await;
        }
        let (_, effects) = Unattended::start(&mut self.desk.app, book, Some(on), leave).unwrap();
        self.desk.perform(effects).await;
    }

    /// Starts a runbook whose reason is not there, or not any more: it stops at its first gate, and changes nothing. What
    /// the servers were told a moment ago may not have been read yet: then it is begun anew.
    pub async fn stops(&mut self, book: &str, on: &str, params: &[(&str, &str)]) {
        let end = Instant::now() + PATIENCE;
        loop {
            self.begins(book, on, params).await;
            let gate = self.run().book().steps[0].title.clone();
            let judged = |p: &mut Self| matches!(p.run().phase(), Phase::Stopped | Phase::Showing);
            self.until("the first gate is judged", judged).await;
            let stopped = self.stands_at(&gate) && *self.run().phase() == Phase::Stopped;
            self.aborts().await;
            self.changed_nothing();
            if stopped {
                return;
            }
            assert!(Instant::now() < end, "{book} never stops at {gate}");
            for _ in 0..4 {
                self.desk.turn().await;
            }
        }
    }

    /// The run that is on screen.
    pub fn run(&self) -> &Run {
        &self.desk.app.runs.last().expect("a run").run
    }

    pub fn status(&self) -> &Status {
        self.run().status()
    }

    pub fn step(&self) -> &str {
        let run = self.desk.app.runs.last();
        run.and_then(|r| r.run.step()).map_or("", |s| s.title.as_str())
    }

    /// What is on screen, at 80×24.
    pub fn screen(&mut self) -> String {
        let paper = Paper {
            theme: &self.theme,
            depth: Depth::True,
            glyphs: Glyphs::Unicode,
            title: "qd",
        };
        picture::text(&picture::draw(&mut self.desk.app, paper).cells)
    }

    /// Waits until it is so.
    #[track_caller]
    pub fn until<'a>(
        &'a mut self,
        what: &'a str,
        is_so: impl Fn(&mut Self) -> bool + 'a,
    ) -> impl Future<Output = ()> + 'a {
        let place = std::panic::Location::caller();
        async move {
            let end = Instant::now() + PATIENCE;
            while !is_so(self) {
                assert!(Instant::now() < end, "{place}: never {what}\n{}", self.screen());
                self.desk.turn().await;
            }
        }
    }

    /// Waits until the console knows that a Deployment of `cortex` is to have so many pods.
    pub async fn knows(&mut self, name: &str, pods: u32) {
        let key = Key::new("cortex", name);
        let is_so = |p: &mut Self| {
            p.desk
                .app
                .world
                .deployments
                .get(&key)
                .is_some_and(|d| d.desired == pods)
        };
        self.until(name, is_so).await;
    }

    /// The database's connections, as last read.
    pub fn knows_connections(&self) -> i64 {
        let all = self.desk.app.world.sources.postgres.values();
        all.filter_map(|pg| pg.connections.last()).map(|c| c.total).sum()
    }

    /// Waits until the text is on screen.
    #[track_caller]
    pub fn see<'a>(&'a mut self, text: &'a str) -> impl Future<Output = ()> + 'a {
        self.until(text, move |p| p.screen().contains(text))
    }

    pub async fn key(&mut self, chord: &str) {
        self.press(chord.parse().unwrap()).await;
    }

    async fn press(&mut self, chord: Chord) {
        self.late += SignedDuration::from_millis(70);
        let at = Timestamp::now() + self.late;
        self.desk.tell(Msg::Key(chord), at).await;
    }

    pub async fn types(&mut self, text: &str) {
        for c in text.chars() {
            self.press(Chord::plain(keys::Key::Char(c))).await;
        }
    }

    /// Whether the panel of the run is on top, and the run at that step.
    fn stands_at(&self, step: &str) -> bool {
        matches!(self.desk.app.layers.last(), Some(Layer::Runbook(_))) && self.step() == step
    }

    /// Waits until the run stands at a step, whatever its state.
    #[track_caller]
    pub fn at<'a>(&'a mut self, step: &'a str) -> impl Future<Output = ()> + 'a {
        self.until(step, move |p| p.stands_at(step))
    }

    /// Waits until the step waits for a person. A gate on the way is tried again: what was changed a moment ago may not
    /// have been read yet.
    pub async fn shown(&mut self, step: &str) {
        let end = Instant::now() + PATIENCE;
        while !(self.stands_at(step) && *self.run().phase() == Phase::Showing) {
            assert!(
                Instant::now() < end,
                "never {step}, at {}:\n{}",
                self.step().to_owned(),
                self.screen()
            );
            let run = self.run();
            let gate = run
                .step()
                .is_some_and(|s| s.required && matches!(s.kind, StepKind::Gate { .. }));
            if gate && *run.phase() == Phase::Stopped {
                self.key("t").await;
            }
            self.desk.turn().await;
        }
    }

    /// Waits until the step did not go well.
    #[track_caller]
    pub fn stopped<'a>(&'a mut self, step: &'a str) -> impl Future<Output = ()> + 'a {
        self.until(step, move |p| p.stands_at(step) && *p.run().phase() == Phase::Stopped)
    }

    /// At that step, goes on.
    pub async fn on(&mut self, step: &str) {
        self.shown(step).await;
        self.kept();
        self.key("enter").await;
    }

    /// Writes what a step asks a person to write down, and goes on.
    pub async fn notes(&mut self, step: &str, text: &str) {
        self.shown(step).await;
        self.key("n").await;
        self.types(text).await;
        self.key("enter").await;
        self.on(step).await;
    }

    /// Gives another value than what is proposed.
    pub async fn gives(&mut self, step: &str, value: &str) {
        self.shown(step).await;
        self.key("e").await;
        self.key("ctrl-u").await;
        self.types(value).await;
        self.key("enter").await;
    }

    /// Gives what the step asks for, and goes on.
    pub async fn chooses(&mut self, step: &str, value: &str) {
        self.gives(step, value).await;
        self.on(step).await;
    }

    /// Takes one of the ways that a step offers.
    pub async fn way(&mut self, step: &str, down: usize) {
        self.shown(step).await;
        self.kept();
        for _ in 0..down {
            self.key("down").await;
        }
        self.key("enter").await;
    }

    /// At that step, asks for its plan, and waits until it is there.
    pub async fn plan(&mut self, step: &str) {
        self.shown(step).await;
        self.kept();
        self.key("enter").await;
        self.planned().await;
    }

    /// Waits until the plan can be judged.
    pub async fn planned(&mut self) {
        self.until("a plan", |p| match p.desk.app.layers.last() {
            Some(Layer::Plan(plan)) => !matches!(plan.state, PlanState::Planning),
            _ => false,
        })
        .await;
        self.kept();
        // What comes sooner counts as typed for something else.
        self.late += SignedDuration::from_millis(400);
    }

    /// The lines of the plan that block it.
    pub fn blocked(&self) -> Option<String> {
        match self.desk.app.layers.last() {
            Some(Layer::Plan(plan)) => {
                let check = plan.plan()?.blocked()?;
                Some(format!("{}: {}", check.name, check.detail))
            }
            _ => None,
        }
    }

    /// What the plan that was refused says.
    pub fn refused(&self) -> Option<String> {
        match self.desk.app.layers.last() {
            Some(Layer::Plan(plan)) => match &plan.state {
                PlanState::Refused(refusal) => Some(refusal.what.clone()),
                _ => None,
            },
            _ => None,
        }
    }

    /// Types what the plan asks for, if anything, and presses its button. What it rests on may change just then (pods come
    /// and go): it is planned again, read again, and confirmed again.
    pub async fn confirm(&mut self) {
        for _ in 0..5 {
            self.presses().await;
            match self.desk.app.layers.last() {
                Some(Layer::Plan(plan)) if matches!(plan.state, PlanState::Planning) => self.planned().await,
                Some(Layer::Plan(_)) => break,
                _ => return,
            }
        }
        panic!("not confirmed:\n{}", self.screen());
    }

    async fn presses(&mut self) {
        let word = match self.desk.app.layers.last() {
            Some(Layer::Plan(plan)) => match &plan.plan().unwrap().confirm {
                quarterdeck::action::Confirm::Typed { word, .. } => Some(word.clone()),
                quarterdeck::action::Confirm::Button => None,
            },
            _ => panic!("no plan to confirm"),
        };
        match word {
            Some(word) => {
                // Past the reason, which the runbook proposes.
                self.key("tab").await;
                self.key("tab").await;
                self.types(&word).await;
                self.late += SignedDuration::from_millis(400);
                self.key("enter").await;
            }
            None => self.key("tab").await,
        }
        self.late += SignedDuration::from_millis(400);
        self.key("enter").await;
    }

    /// Plans, confirms, and waits for the end of the step.
    pub async fn does(&mut self, step: &str) {
        self.plan(step).await;
        assert_eq!((self.blocked(), self.refused()), (None, None), "{step}");
        self.confirm().await;
    }

    /// Whether the plan on screen can be taken back once it is carried out.
    pub fn can_be_undone(&self) -> bool {
        match self.desk.app.layers.last() {
            Some(Layer::Plan(layer)) => matches!(layer.plan().unwrap().undo, Undo::By { .. }),
            _ => panic!("no plan"),
        }
    }

    /// Takes back what the run did.
    pub async fn rolls_back(&mut self) {
        self.key("b").await;
        self.planned().await;
        self.confirm().await;
        self.until("rolled back", |p| *p.status() == Status::RolledBack).await;
        self.desk.recorded().await;
        assert_eq!(self.records(RecordKind::Run).last().unwrap().entry.what, "rolled-back");
        assert_eq!(
            self.records(RecordKind::Intent).len(),
            self.records(RecordKind::Result).len()
        );
    }

    /// What became of the change that was sent last.
    pub async fn outcome(&mut self) -> String {
        self.desk.recorded().await;
        self.records(RecordKind::Result)
            .last()
            .map(|r| r.entry.outcome.clone())
            .unwrap_or_default()
    }

    /// Passes over the step.
    pub async fn skips(&mut self, step: &str, reason: &str) {
        self.at(step).await;
        self.key("s").await;
        self.types(reason).await;
        self.key("enter").await;
    }

    /// Goes on, whether a step that is not required passed or not.
    pub async fn passes(&mut self, step: &str, next: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.stands_at(next) {
            assert!(Instant::now() < end, "{step} never passed:\n{}", self.screen());
            if self.stands_at(step) && *self.run().phase() == Phase::Stopped {
                self.key("enter").await;
            }
            self.desk.turn().await;
        }
    }

    /// Gives the run up.
    pub async fn aborts(&mut self) {
        while matches!(self.desk.app.layers.last(), Some(Layer::Plan(_))) {
            self.key("esc").await;
        }
        self.key("x").await;
        self.key("y").await;
        self.until("aborted", |p| matches!(p.status(), Status::Aborted(_)))
            .await;
        self.desk.recorded().await;
        assert_eq!(self.records(RecordKind::Run).last().unwrap().entry.what, "aborted");
    }

    /// Waits for the end of the run. What was changed is what stands there: the intents on record, each with its result,
    /// and each found to be well.
    pub async fn ends(&mut self, changes: &[(&str, &str)]) {
        self.until("completed", |p| *p.status() == Status::Completed).await;
        self.desk.recorded().await;
        let intents = self.records(RecordKind::Intent);
        assert_eq!(names(&intents), changes);
        let (results, verdicts) = (self.records(RecordKind::Result), self.records(RecordKind::Verify));
        for intent in &intents {
            let result = results.iter().find(|r| r.entry.refers == Some(intent.seq)).unwrap();
            assert_eq!(result.entry.outcome, "applied", "{result:?}");
            let verdict = verdicts.iter().find(|v| v.entry.plan_hash == intent.entry.plan_hash);
            assert!(verdict.unwrap().entry.outcome.contains("healthy"), "{verdict:?}");
        }
        assert_eq!(results.len(), intents.len());
        assert_eq!(self.records(RecordKind::Run).last().unwrap().entry.what, "completed");
    }

    /// Nothing was changed, and nothing was about to be.
    pub fn changed_nothing(&self) {
        assert_eq!(names(&self.records(RecordKind::Intent)), []);
    }

    /// Writes a file under the person's home folder.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The journal of this console.
    pub fn journal(&self) -> String {
        let folder = self.home.path().join(".local/state/quarterdeck/journal");
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
            .map(|all| all.map(|e| e.unwrap().path()).collect())
            .unwrap_or_default();
        files.sort();
        files.retain(|p| p.extension().is_some_and(|e| e == "jsonl"));
        files.iter().map(|p| std::fs::read_to_string(p).unwrap()).collect()
    }

    /// Its records of that kind since the run began.
    pub fn records(&self, kind: RecordKind) -> Vec<Record> {
        let text = self.journal();
        let all = text
            .lines()
            .skip(self.before)
            .filter_map(|line| serde_json::from_str::<Record>(line).ok());
        all.filter(|r| r.entry.kind == kind).collect()
    }

    /// With `SEEN` set to a folder, what was on screen at each step is kept there, to be looked at.
    fn kept(&mut self) {
        let Some(folder) = std::env::var_os("SEEN") else { return };
        self.seen += 1;
        let file = PathBuf::from(folder).join(format!("{}-{:02}.txt", self.book, self.seen));
        let screen = self.screen();
        std::fs::write(file, screen).unwrap();
    }
}

fn names(intents: &[Record]) -> Vec<(&str, &str)> {
    intents
        .iter()
        .map(|r| (r.entry.what.as_str(), r.entry.target.as_ref().unwrap().name.as_str()))
        .collect()
}
