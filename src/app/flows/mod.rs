//! The console driven by its keys, on the recorded rows of a real cluster: a release that stalled, and a pod that crashes.

mod approval;
mod approve_step;
mod charts;
mod finding;
mod follow;
mod follow_file;
mod guards;
mod healthy;
mod incident;
mod jumps;
mod lists;
mod many;
mod objects;
mod palette;
mod panel;
mod places;
mod plans;
mod pointer;
mod read_only;
mod related;
mod release;
mod rollback;
mod seat;
mod sizes;
mod small;
mod sources;
mod still;
mod streams;
mod strip;
mod taste;
mod top;
mod unfinished;
mod waiting;
mod zoomed;

use std::sync::OnceLock;

use jiff::{SignedDuration, Timestamp};

use super::layers::PlanLayer;
use super::msg::HistoryRow;
use super::{Access, App, Connection, Effect, Layer, Msg, Start, Token};
use crate::action::{
    ActionId, Check, Class, Confirm, Confirmed, Outcome, Plan, PlanStep, Progress, Refusal, Request, Risk, Stage, Undo,
    Verdict, VerifySpec,
};
use crate::feed::kube::{intern::Interner, row};
use crate::keys::{CONTEXTS, Chord, Key, Keymap, Vocabulary, parse_sequence};
use crate::model::{Batch, Change, FeedId, Freshness, Kind, Place, Scope};
use crate::runbook::Library;
use serde_json::{Value, json};

fn start() -> Timestamp {
    "2026-11-21T11:30:00Z".parse().unwrap()
}

fn place(context: &str) -> Place {
    Place {
        platform: context.to_owned(),
        context: context.to_owned(),
        server: format!("{context}.example.com:6443"),
        scope: Scope::Namespaces(vec!["cortex".to_owned()]),
    }
}

/// The bodies of a recording, by the path that was asked for.
fn recording(name: &str) -> Vec<(String, Value)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/kubernetes-1.36");
    let text = std::fs::read(format!("{folder}/{name}.json")).unwrap();
    let mut all: Vec<Value> = serde_json::from_slice(&text).unwrap();
    let path = |e: &Value| e["path"].as_str().unwrap().to_owned();
    all.iter_mut().map(|e| (path(e), e["body"].take())).collect()
}

/// The rows of the cluster, through the same reader as those of a server: the namespace as it was listed, with
/// `cortex-web` as it was once its release had stalled, and one worker that ends again and again.
fn rows() -> Vec<Change> {
    static ROWS: OnceLock<Vec<Change>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let (lists, stalled) = (recording("lists"), recording("bad-image-stalled"));
        let mut changes = Vec::new();
        for kind in Kind::ALL {
            let end = format!("/cortex/{}", kind.plural());
            let Some((path, list)) = lists.iter().find(|(path, _)| path.ends_with(&end)) else {
                continue;
            };
            let mut list = list.clone();
            let items = list["items"].as_array_mut().unwrap();
            for (_, newer) in stalled
                .iter()
                .filter(|(p, b)| p.starts_with(path.as_str()) && b.is_object())
            {
                items.retain(|o| o["metadata"]["labels"]["app"] != "cortex-web" || kind == Kind::Event);
                match newer["items"].as_array() {
                    Some(more) => items.extend(more.iter().cloned()),
                    None => items.retain(|o| o["metadata"]["name"] != newer["metadata"]["name"]),
                }
                if newer["items"].is_null() {
                    items.push(newer.clone());
                }
            }
            for pod in items
                .iter_mut()
                .filter(|o| o["metadata"]["name"] == "cortex-worker-5455954757-7vwmz")
            {
                crash(pod);
            }
            let body = serde_json::to_vec(&list).unwrap();
            let page = row::page(kind, &body, &mut Interner::default()).unwrap();
            changes.extend(page.rows.into_iter().map(|r| r.change));
        }
        changes
    })
    .clone()
}

fn crash(pod: &mut Value) {
    let container = &mut pod["status"]["containerStatuses"][0];
    container["ready"] = json!(false);
    container["restartCount"] = json!(12);
    container["state"] = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}});
    container["lastState"] = json!({"terminated": {"exitCode": 1, "reason": "Error",
        "startedAt": "2026-11-21T11:28:00Z", "finishedAt": "2026-11-21T11:28:02Z"}});
    for condition in pod["status"]["conditions"].as_array_mut().unwrap() {
        if condition["type"] == "Ready" || condition["type"] == "ContainersReady" {
            condition["status"] = json!("False");
        }
    }
}

/// Everything is read and fresh.
fn batch(changes: Vec<Change>) -> Msg {
    let feeds = Kind::ALL.map(|k| (FeedId::Watch(k), Freshness::Fresh)).to_vec();
    Msg::World(Batch {
        changes,
        feeds,
        ..Batch::default()
    })
}

/// A console in the hands of somebody.
struct Hands {
    app: App,
    now: Timestamp,
}

impl Hands {
    fn new(access: Access) -> Self {
        let commands = super::command::rows();
        let vocabulary = Vocabulary {
            commands: &commands,
            contexts: CONTEXTS,
        };
        let (app, _) = App::new(Start {
            now: start(),
            size: (120, 40),
            sources: Vec::new(),
            access,
            keys: Keymap::load(&[], vocabulary).unwrap().0,
            thresholds: crate::signal::Thresholds::default(),
            books: Library::built_in(),
            context: None,
            scope: None,
        });
        let mut hands = Self { app, now: start() };
        hands.go_to("prod-eu");
        hands.tell(batch(rows()));
        hands
    }

    fn operator() -> Self {
        Self::new(Access::Operator)
    }

    fn observer() -> Self {
        Self::new(Access::ReadOnly {
            why: "set by --read-only".to_owned(),
        })
    }

    fn go_to(&mut self, context: &str) -> Vec<Effect> {
        self.tell(Msg::Connection(Connection::Connected {
            place: place(context),
            class: Class::Production,
        }))
    }

    fn tell(&mut self, msg: Msg) -> Vec<Effect> {
        self.app.update(msg, self.now)
    }

    fn wait(&mut self, ms: i64) {
        self.now += SignedDuration::from_millis(ms);
    }

    /// One key without any pause before it.
    fn key(&mut self, chord: Chord) -> Vec<Effect> {
        self.tell(Msg::Key(chord))
    }

    /// Keys as the keymap writes them, half a second apart.
    fn press(&mut self, keys: &str) -> Vec<Effect> {
        let mut effects = Vec::new();
        for chord in parse_sequence(keys).unwrap() {
            self.wait(500);
            effects.extend(self.key(chord));
        }
        effects
    }

    /// Text, letter by letter.
    fn types(&mut self, text: &str) -> Vec<Effect> {
        self.wait(500);
        text.chars()
            .flat_map(|c| self.key(Chord::plain(Key::Char(c))))
            .collect()
    }

    /// Puts the cursor of the pane on the object of that name.
    fn select(&mut self, name: &str) {
        let uid = self.app.list(self.app.pane).rows().iter().find(|r| r.order().1 == name);
        let uid = uid.unwrap_or_else(|| panic!("no row {name}")).uid().clone();
        let now = self.now;
        assert!(self.app.list_mut().select(&uid, now));
    }

    fn selected(&self) -> String {
        self.app.list(self.app.pane).selected().unwrap().order().1.to_string()
    }

    fn names(&self) -> Vec<String> {
        let rows = self.app.list(self.app.pane).rows();
        rows.iter().map(|r| r.order().1.to_string()).collect()
    }

    /// What is on the screen.
    fn drawn(&mut self) -> crate::picture::Drawn {
        let theme = crate::theme::Theme::built_in("dark", crate::theme::Depth::True);
        let paper = crate::picture::Paper {
            theme: &theme,
            depth: crate::theme::Depth::True,
            glyphs: crate::theme::Glyphs::Unicode,
            title: "qd",
        };
        crate::picture::draw(&mut self.app, paper)
    }

    /// The rows of the screen.
    fn screen(&mut self) -> String {
        crate::picture::text(&self.drawn().cells)
    }

    /// The screen at another size.
    fn screen_of(&mut self, width: u16, height: u16) -> String {
        self.tell(Msg::Resize(width, height));
        self.screen()
    }

    /// What the newest note says.
    fn told(&self) -> String {
        self.app
            .toasts
            .last()
            .map_or_else(String::new, |t| t.notice.text.clone())
    }

    fn plan_layer(&self) -> &PlanLayer {
        match self.app.layers.last() {
            Some(Layer::Plan(plan)) => plan,
            other => panic!("no plan on top but {other:?}"),
        }
    }

    /// Answers what asks for a plan with one that needs a word typed.
    fn answer(&mut self, effects: &[Effect]) -> ActionId {
        let (id, request) = asked(effects);
        let plan = plan(id, &request, self.now);
        self.tell(Msg::Planned(id, Ok(Box::new(plan))));
        id
    }

    /// Does all that the plan on screen asks for.
    fn confirm(&mut self, word: &str) -> Vec<Effect> {
        self.press("tab");
        self.types("INC-214");
        self.press("enter");
        self.types(word);
        self.press("enter enter")
    }

    fn progress(&mut self, id: ActionId, stage: Stage) -> Vec<Effect> {
        let at = self.now;
        self.tell(Msg::Progress(Progress { id, at, stage }))
    }
}

/// The plan that is asked for.
fn asked(effects: &[Effect]) -> (ActionId, Request) {
    let found = effects.iter().find_map(|e| match e {
        Effect::Plan(id, request) => Some((*id, request.clone())),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no plan is asked for: {effects:?}"))
}

/// What is executed.
fn executed(effects: &[Effect]) -> Option<&Confirmed> {
    effects.iter().find_map(|e| match e {
        Effect::Execute(confirmed) => Some(&**confirmed),
        _ => None,
    })
}

fn plan(id: ActionId, request: &Request, now: Timestamp) -> Plan {
    let step = |target: &crate::model::ObjectRef| PlanStep {
        target: crate::action::Target::Object(target.clone()),
        changes: Vec::new(),
        same_as: format!("kubectl of {target}"),
        method: "PATCH".to_owned(),
        path: format!("/{}", target.name),
        content_type: "application/json".to_owned(),
        body: serde_json::Value::Null,
        rests_on: serde_json::Value::Null,
    };
    Plan {
        id,
        request: request.clone(),
        title: format!("{} for the test", request.name()),
        verb: "Do it on prod-eu".to_owned(),
        place: place("prod-eu"),
        class: Class::Production,
        steps: request.targets().into_iter().map(step).collect(),
        last_set: Vec::new(),
        impact: Vec::new(),
        warnings: Vec::new(),
        alternatives: Vec::new(),
        checks: Vec::new(),
        verify: VerifySpec {
            text: "healthy".to_owned(),
            deadline_s: 600,
            soak_s: 30,
        },
        undo: Undo::Nothing { why: String::new() },
        risk: Risk::R2,
        confirm: Confirm::Typed {
            word: format!("word{}", id.0),
            what: "the word".to_owned(),
        },
        reason_required: true,
        made_at: now,
        expires_at: now + SignedDuration::from_secs(60),
        no_op: None,
        second_person: None,
    }
}

/// The revisions of a workload as they would be read: the newest is on.
fn revisions(newest: u64) -> Vec<HistoryRow> {
    (1..=newest)
        .map(|revision| HistoryRow {
            revision,
            current: revision == newest,
            name: format!("rs-{revision}"),
            created: None,
            images: vec![format!("api:{revision}")],
            change_cause: String::new(),
            template: format!("image: api:{revision}\n"),
        })
        .collect()
}

fn refusal(what: &str) -> Refusal {
    Refusal {
        what: what.to_owned(),
        hint: "look again".to_owned(),
        alternatives: Vec::new(),
    }
}

fn failed_check(name: &str, detail: &str) -> Check {
    Check {
        name: name.to_owned(),
        passed: Some(false),
        detail: detail.to_owned(),
    }
}

fn done(outcome: Outcome, verdict: Option<Verdict>) -> Stage {
    Stage::Done {
        outcome,
        verdict,
        undo: None,
    }
}

fn fetch_token(effects: &[Effect]) -> Token {
    let found = effects.iter().find_map(|e| match e {
        Effect::Fetch(token, _) => Some(*token),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("nothing is read: {effects:?}"))
}
