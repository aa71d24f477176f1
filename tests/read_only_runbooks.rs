//! Read-only over every runbook: a whole console on the demonstration platform, in the hands of somebody who presses
//! whatever there is to be pressed in every step of every runbook. With a grant that changes something on every wire;
//! without one it changes nothing, and starts no process.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::type_complexity,
    clippy::large_futures
)]

mod person_support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use person_support::{Hands, Next, at_the_console, loaded};
use quarterdeck::action::Outcome;
use quarterdeck::app::Layer;
use quarterdeck::app::layers::{Picker, PickerFor, PlanState, Prompt, PromptFor};
use quarterdeck::runbook::Library;
use quarterdeck::runbook::engine::StepState;
use quarterdeck::runbook::format::StepKind;
use quarterdeck::runbook::request;
use quarterdeck::sim::demo::{self, Demo};
use quarterdeck::sim::kube::{Writer, resource};
use serde_json::json;

/// What a person presses in the panel of a runbook, and how often of a hundred times.
const PANEL: [(&str, u32); 16] = [
    ("enter", 40),
    ("s", 14),
    ("e", 14),
    ("t", 6),
    ("down", 5),
    ("b", 3),
    ("u", 3),
    ("a u", 2),
    ("a j", 2),
    ("y", 2),
    ("h", 2),
    ("n", 2),
    ("o", 1),
    ("v", 1),
    ("x", 1),
    ("H", 1),
];

/// What they type where something is to be typed.
const WORDS: [&str; 6] = ["3", "because", "25", "cortex", "600", "1Gi"];

/// What a person knows who wants to change something with a runbook: what it is about where no signal says so, and what
/// they give where the proposed value is not theirs.
const KNOWN: [(&str, &str, &[(&str, &str)]); 11] = [
    (
        "blue-green",
        "deployment/cortex/cortex-web",
        &[("balancer", "service/cortex/front"), ("labels", "app=cortex-api")],
    ),
    ("cache-clear", "redis/cache", &[("prefix", "cache:page:1")]),
    (
        "canary",
        "deployment/cortex/cortex-web",
        &[("ingress", "ingress/cortex/canary"), ("weight", "30")],
    ),
    (
        "migration",
        "deployment/cortex/cognition",
        &[
            ("workers", "deployment/cortex/cortex-worker"),
            ("place", "cortex"),
            ("image", "cortex/api:1.5.2"),
        ],
    ),
    ("node-drain", "node/lab-node-03", &[("remedy", "cordon")]),
    (
        "pending-pods",
        "deployment/cortex/cortex-web",
        &[("remedy", "fewer pods"), ("replicas", "2")],
    ),
    ("post-deployment", "deployment/cortex/memory-api", &[]),
    (
        "redis-memory",
        "redis/cache",
        &[("prefix", "cache:page:2"), ("remedy", "delete a cache")],
    ),
    (
        "scale-for-load",
        "deployment/cortex/cortex-api",
        &[("minimum", "4"), ("maximum", "12")],
    ),
    ("stalled-rollout", "deployment/cortex/cortex-api", &[]),
    ("high-error-rate", "deployment/cortex/cortex-web", &[]),
];

/// One begins with a backup that failed, the other with a primary that is gone: `tests/runbooks` makes both so, and follows
/// them to what they change.
const WALKED_ELSEWHERE: [&str; 2] = ["backup-restore", "database-failover"];

/// Requests so far that could have changed something, wire by wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Wires {
    kubernetes: u64,
    postgres: u64,
    redis: u64,
    alertmanager: u64,
    processes: u64,
}

impl Wires {
    fn of(demo: &Demo, home: &Path) -> Self {
        Self {
            kubernetes: demo.server().requests().mutating(),
            postgres: demo.postgres().with(|database| database.changes),
            redis: demo.redis().writes().len() as u64,
            alertmanager: demo.prometheus().changes(),
            processes: std::fs::read(home.join("ran")).map_or(0, |marks| marks.len() as u64),
        }
    }
}

/// The runbook of a person who silences an alert, and one that starts a command: no built-in one does either.
fn own_books(home: &Path) {
    let folder = home.join(".config/quarterdeck/runbooks");
    std::fs::create_dir_all(&folder).unwrap();
    let head = |id: &str| {
        format!(
            "+++\nid = \"{id}\"\ntitle = \"{id}\"\nowner = \"us\"\nverified = \"2026-11-01\"\nuse_when = \"Always.\"\n+++\n# {id}\n\n## Act\n```step\n"
        )
    };
    let command = home.join("mark");
    std::fs::write(
        &command,
        format!("#!/bin/sh\nprintf x >> {}\n", home.join("ran").display()),
    )
    .unwrap();
    std::fs::set_permissions(&command, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let run = format!(
        "kind = \"run\"\nargv = [{:?}]\ntimeout = \"20s\"\n```\n",
        command.display().to_string()
    );
    std::fs::write(folder.join("own-command.md"), head("own-command") + &run).unwrap();
}

/// Somebody in one runbook.
struct Walk {
    random: fastrand::Rng,
    book: String,
    run: Option<u64>,
    keys: u32,
    /// Steps that were begun at least once.
    stood: BTreeSet<usize>,
    /// Plans that came on screen.
    plans: usize,
    changed: bool,
    /// What stood in the way, for who reads of a failure.
    obstacles: BTreeSet<String>,
    given: &'static [(&'static str, &'static str)],
    /// Of those, what is still to be given.
    to_give: Vec<&'static str>,
    subject: &'static str,
}

impl Walk {
    fn new(book: &str, seed: u64) -> Self {
        let known = KNOWN.iter().find(|(id, ..)| *id == book);
        let (_, subject, given) = known.copied().unwrap_or(("", "", &[]));
        Self {
            random: fastrand::Rng::with_seed(seed),
            book: book.to_owned(),
            run: None,
            keys: 0,
            stood: BTreeSet::new(),
            plans: 0,
            changed: false,
            obstacles: BTreeSet::new(),
            given,
            to_give: given.iter().map(|(name, _)| *name).collect(),
            subject,
        }
    }

    /// On the signal that it answers where there is one, else on nothing.
    fn open(&mut self, hands: &mut Hands<'_>) {
        hands.press("esc esc esc esc !");
        let here = |hands: &Hands<'_>| {
            let signal = hands.app.strip.current(&hands.app.judge);
            signal.is_some_and(|s| s.runbook == Some(&*self.book))
        };
        for _ in 0..60 {
            if here(hands) {
                break;
            }
            hands.press("n");
        }
        let best = hands.app.best_run().ok().filter(|(book, _)| *book == self.book);
        let named = request::subject(&hands.app.world, self.subject).unwrap_or_default();
        let subject = best.map_or(named, |(_, subject)| subject);
        let before = hands.app.runs.len();
        hands.does(|app| app.start_run(&self.book.clone(), subject));
        assert!(hands.app.runs.len() > before, "{}", self.book);
        self.run = hands.app.runs.last().map(|r| r.number);
    }

    /// What somebody who knows the platform gives for a parameter; else anything.
    fn value_of(&mut self, name: Option<&str>) -> &'static str {
        let known = self.given.iter().find(|(known, _)| Some(*known) == name);
        known.map_or_else(|| WORDS[self.random.usize(..WORDS.len())], |(_, value)| value)
    }

    /// Opens the parameter's field or list, where it can be changed now.
    fn edit(&mut self, hands: &mut Hands<'_>, name: &str) {
        hands.press("e");
        if let Some(Layer::Picker(picker)) = hands.app.layers.last()
            && matches!(picker.purpose, PickerFor::RunParams { .. })
        {
            hands.types(name);
            hands.press("enter");
        }
        if asked(hands) == Some(name.to_owned()) {
            self.to_give.retain(|known| *known != name);
        }
    }

    /// One key, or what a layer over the panel asks for.
    fn step(&mut self, hands: &mut Hands<'_>) {
        self.keys += 1;
        let run = hands
            .app
            .runs
            .iter()
            .find(|r| Some(r.number) == self.run)
            .map(|r| &r.run);
        match run.filter(|run| !run.status().is_over()) {
            Some(run) => {
                let begun = |state: &StepState| *state != StepState::Todo;
                let states = run.states().iter().enumerate();
                self.stood.extend(states.filter(|(_, s)| begun(s)).map(|(at, _)| at));
            }
            None => return self.open(hands),
        }
        match hands.app.layers.last() {
            Some(Layer::Runbook(_)) => {
                let mut at = self.random.u32(..100);
                for (keys, weight) in PANEL {
                    if at < weight {
                        return hands.press(keys);
                    }
                    at -= weight;
                }
            }
            Some(Layer::Prompt(_)) => {
                let word = self.value_of(asked(hands).as_deref());
                hands.press("ctrl-u");
                hands.types(word);
                hands.press("enter");
                if matches!(hands.app.layers.last(), Some(Layer::Prompt(_))) {
                    hands.press("esc");
                }
            }
            Some(Layer::Picker(_)) => {
                let name = asked(hands);
                if self.given.iter().any(|(known, _)| Some(*known) == name.as_deref()) {
                    hands.types(self.value_of(name.as_deref()));
                } else {
                    for _ in 0..self.random.u32(..3) {
                        hands.press("down");
                    }
                }
                hands.press("enter");
                if matches!(hands.app.layers.last(), Some(Layer::Picker(_))) {
                    hands.press("esc");
                }
            }
            Some(Layer::Question(_)) => hands.press(if self.random.u32(..4) == 0 { "y" } else { "n" }),
            Some(Layer::Plan(_)) => {
                self.plans += 1;
                hands.press("esc");
            }
            Some(_) => hands.press(if self.random.bool() { "enter" } else { "esc" }),
            None => hands.press("g R"),
        }
    }

    /// The same by somebody who confirms what is planned.
    fn act(&mut self, hands: &mut Hands<'_>) -> Next {
        let ours = |a: &&quarterdeck::app::Activity| a.run == self.run && self.run.is_some();
        if let Some(activity) = hands.app.activities.iter().rev().find(ours) {
            match &activity.outcome {
                None => return Next::Wait,
                Some(Outcome::Applied) => self.changed = true,
                Some(_) => {}
            }
        }
        let run = hands.app.runs.iter().find(|r| Some(r.number) == self.run);
        self.obstacles
            .extend(run.and_then(|r| r.run.notice()).map(str::to_owned));
        match hands.plan().map(|layer| &layer.state) {
            Some(PlanState::Refused(refusal)) => drop(self.obstacles.insert(refusal.what.clone())),
            Some(PlanState::Ready(plan)) => {
                let why = plan.blocked().map(|check| check.detail.clone()).or(plan.no_op.clone());
                self.obstacles.extend(why);
            }
            _ => {}
        }
        match hands.plan().map(|layer| &layer.state) {
            Some(PlanState::Planning) => Next::Wait,
            Some(PlanState::Ready(plan)) if plan.blocked().is_none() && plan.no_op.is_none() => {
                if !hands.confirm() {
                    self.keys += 1;
                }
                Next::Wait
            }
            _ => {
                let gives = matches!(hands.app.layers.last(), Some(Layer::Runbook(_))) && self.run.is_some();
                match self.random.choice(self.to_give.iter()).copied().filter(|_| gives) {
                    Some(name) if self.random.bool() => self.edit(hands, name),
                    _ => self.step(hands),
                }
                Next::Again
            }
        }
    }
}

/// The parameter that is asked for on top.
fn asked(hands: &Hands<'_>) -> Option<String> {
    match hands.app.layers.last()? {
        Layer::Picker(Picker {
            purpose: PickerFor::RunParam { name, .. },
            ..
        })
        | Layer::Prompt(Prompt {
            purpose: PromptFor::RunAnswer { name, .. },
            ..
        }) => Some(name.clone()),
        _ => None,
    }
}

fn steps() -> BTreeMap<String, usize> {
    Library::built_in()
        .iter()
        .map(|b| (b.id.clone(), b.steps.len()))
        .collect()
}

/// What the demonstration lacks: a Service of its own, and a canary beside it.
fn both_sides(demo: &Demo) {
    let service = json!({"metadata": {"name": "front", "namespace": "cortex"}, "spec": {"selector": {"app": "cortex-web"},
        "ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": "http"}]}});
    let canary = json!({"metadata": {"name": "canary", "namespace": "cortex", "annotations": {
            "nginx.ingress.kubernetes.io/canary": "true", "nginx.ingress.kubernetes.io/canary-weight": "10"}},
        "spec": {"rules": [{"host": "cortex.lab.example", "http": {"paths": [{"path": "/", "pathType": "Prefix",
            "backend": {"service": {"name": "front", "port": {"name": "http"}}}}]}}]}});
    for (group, plural, object) in [("", "services", service), ("networking.k8s.io", "ingresses", canary)] {
        let by = Writer::new("test");
        demo.store()
            .create(resource(group, plural).unwrap(), object, &by)
            .unwrap();
    }
}

async fn platform() -> Demo {
    let _ = rustls::crypto::ring::default_provider().install_default();
    demo::start(demo::Options::default()).await.unwrap()
}

fn config(demo: &Demo) -> String {
    let text = std::fs::read_to_string(demo.config()).unwrap();
    format!("[policy]\nrun_steps = true\n{text}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_key_in_any_step_of_any_runbook_changes_anything_without_a_grant() {
    let (demo, home) = (platform().await, tempfile::tempdir().unwrap());
    own_books(home.path());
    let before = Wires::of(&demo, home.path());
    let mut books = steps();
    books.insert("own-command".to_owned(), 1);
    let mut left: Vec<(String, usize)> = books.into_iter().rev().collect();
    let mut walk: Option<Walk> = None;
    let mut seen = 0;
    at_the_console(loaded(&config(&demo), home.path(), true), |hands| {
        for _ in 0..40 {
            let Some((book, steps)) = left.last() else {
                return Next::Leave;
            };
            let on = walk.get_or_insert_with(|| Walk::new(book, 1));
            on.step(hands);
            assert_eq!(on.plans, 0, "{book}: a plan came on screen");
            assert!(on.keys < 20_000, "{book}: stood at {:?} of {steps} steps", on.stood);
            // Beyond the last step too: nobody knows which key it is that matters.
            if on.stood.len() == *steps && on.keys >= 100 {
                seen += steps;
                (walk, _) = (None, left.pop());
            }
        }
        Next::Again
    })
    .await;
    assert!(seen > 150, "only {seen} steps");
    assert_eq!(Wires::of(&demo, home.path()), before, "over {seen} steps");
    demo.stop().await;
}

/// The positive control: else a test that counts nothing would prove nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_grant_every_runbook_that_acts_changes_something() {
    let demo = platform().await;
    let mut books: Vec<String> = Library::built_in()
        .iter()
        .filter(|book| book.steps.iter().any(|step| matches!(step.kind, StepKind::Action(_))))
        .filter(|book| !WALKED_ELSEWHERE.contains(&&*book.id))
        .map(|book| book.id.clone())
        .collect();
    books.push("own-command".to_owned());
    both_sides(&demo);
    let (mut idle, mut wires) = (Vec::new(), Wires::default());
    for book in books {
        let home = tempfile::tempdir().unwrap();
        own_books(home.path());
        let mut walk = Walk::new(&book, 1);
        at_the_console(loaded(&config(&demo), home.path(), false), |hands| {
            if walk.changed || walk.keys > 2000 {
                return Next::Leave;
            }
            walk.act(hands)
        })
        .await;
        let after = Wires::of(&demo, home.path());
        if !walk.changed {
            idle.push((book, walk.obstacles));
        }
        wires.processes += after.processes;
    }
    wires = Wires {
        processes: wires.processes,
        ..Wires::of(&demo, Path::new("/nowhere"))
    };
    assert!(idle.is_empty(), "{idle:#?}");
    assert!(
        wires.kubernetes > 0 && wires.postgres > 0 && wires.redis > 0 && wires.processes > 0,
        "{wires:?}"
    );
    demo.stop().await;
}
