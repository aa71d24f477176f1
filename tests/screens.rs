//! What every view looks like, glyph by glyph and look by look, reached by the keys that a person would press. The files
//! are under `tests/screens/`; `UPDATE=1 cargo test --test screens` writes them anew. With `PICTURES=FOLDER` each view is
//! also drawn there as SVG, to be looked at.
#![allow(clippy::unwrap_used, clippy::panic, clippy::large_futures)]

#[path = "stage/access.rs"]
mod access;
#[path = "stage/contrast.rs"]
mod contrast;
#[path = "stage/golden.rs"]
mod golden;
#[path = "stage/mod.rs"]
mod stage;

use contrast::Faint;
use golden::Goldens;
use jiff::SignedDuration;
use quarterdeck::action::{Class, Stage as Step};
use quarterdeck::app::{Connection, Msg};
use quarterdeck::journal::{Entry, RecordKind, Target};
use quarterdeck::model::{Batch, FeedId, Freshness, Place, Scope};
use quarterdeck::picture;
use quarterdeck::theme::{Depth, Theme};
use stage::{Setting, Stage};

struct Show {
    stage: Stage,
    theme: Theme,
    goldens: Goldens,
    faint: Faint,
}

impl Show {
    async fn begin(setting: Setting) -> Self {
        Self {
            stage: Stage::open(setting).await,
            theme: Theme::built_in("dark", Depth::True),
            goldens: Goldens::default(),
            faint: Faint::default(),
        }
    }

    fn shot(&mut self, name: &str) {
        let drawn = self.stage.draw(&self.theme);
        access::holds(name, &mut self.stage.app, &drawn);
        self.goldens.screen(name, &drawn, &self.theme);
        self.faint.look(name, &mut self.stage.app);
    }

    fn finish(self) {
        self.goldens.finish();
        self.faint.finish();
    }

    async fn keys(&mut self, chords: &str) {
        self.stage.keys(chords).await;
    }

    async fn shot_at(&mut self, name: &str, columns: u16, rows: u16) {
        let size = self.stage.app.size;
        self.stage.resize(columns, rows).await;
        self.shot(name);
        self.stage.resize(size.0, size.1).await;
    }
}

#[tokio::test]
async fn the_deck_and_what_lies_on_it() {
    let mut s = Show::begin(Setting::default()).await;
    s.shot("deck-80x24");
    s.shot_at("deck-120x40", 120, 40).await;
    s.shot_at("deck-200x60", 200, 60).await;
    s.keys("z").await;
    s.shot_at("pods-zoomed-120x40", 120, 40).await;
    s.keys("2").await;
    s.shot("rollouts-zoomed-80x24");
    s.keys("7").await;
    s.shot("events-zoomed-80x24");
    s.keys("z 1 /").await;
    s.stage.write("work").await;
    s.shot("filter-80x24");
    s.keys("esc :").await;
    s.stage.write("roll").await;
    s.shot("palette-80x24");
    s.keys("esc ?").await;
    s.shot("help-80x24");
    s.keys("esc 2 a").await;
    s.stage.hold(400).await;
    s.shot("which-key-80x24");
    s.keys("esc C").await;
    s.shot("contexts-80x24");
    s.keys("esc ! j").await;
    s.shot("strip-80x24");
    s.keys("esc 1 w space j space q").await;
    s.shot("quit-80x24");
    s.finish();
}

#[tokio::test]
async fn one_object_in_full() {
    let mut s = Show::begin(Setting::default()).await;
    s.keys("j j j enter").await;
    s.shot("pod-80x24");
    s.shot_at("pod-120x40", 120, 40).await;
    s.keys("esc e").await;
    s.shot("pod-events-80x24");
    s.keys("esc y").await;
    s.shot("yaml-80x24");
    s.keys("esc p").await;
    s.shot("logs-previous-80x24");
    s.keys("esc 2 l").await;
    s.shot("logs-80x24");
    s.keys("esc enter").await;
    s.shot("rollout-80x24");
    s.keys("esc h").await;
    s.shot("history-80x24");
    s.keys("tab").await;
    s.shot("difference-80x24");
    s.finish();
}

#[tokio::test]
async fn a_change_from_its_plan_to_its_undo() {
    let mut s = Show::begin(Setting::default()).await;
    s.keys("2 j a s").await;
    s.keys("ctrl-u").await;
    s.stage.write("6").await;
    s.keys("enter").await;
    s.stage.hold(400).await;
    s.shot("plan-scale-80x24");
    s.keys("esc esc k a b").await;
    s.keys("enter").await;
    s.stage.hold(400).await;
    s.shot("plan-80x24");
    s.shot_at("plan-120x40", 120, 40).await;
    s.keys("tab").await;
    s.stage.write("1.5.1 was never pushed").await;
    s.keys("tab").await;
    s.stage.write("prod-eu/cortex-api").await;
    s.keys("tab").await;
    s.shot("typed-80x24");
    s.keys("enter").await;
    s.stage.execute().await;
    s.shot("executing-80x24");
    s.stage.pass(4).await;
    let text = "3 of 5 updated, 2 not ready yet".to_owned();
    s.stage.progress(Step::Verifying { text, worrying: false }).await;
    s.shot("verifying-80x24");
    s.stage.pass(20).await;
    let until = s.stage.now() + SignedDuration::from_secs(60);
    s.stage.progress(Step::Soaking { until }).await;
    s.stage.pass(61).await;
    s.stage
        .healthy("5 of 5 are of revision 6 and available, 60 s without a restart")
        .await;
    s.shot("verified-80x24");
    s.keys("A").await;
    s.shot("activity-80x24");
    s.finish();
}

#[tokio::test]
async fn a_runbook_from_the_signal_to_its_end() {
    let mut s = Show::begin(Setting::default()).await;
    s.keys("r").await;
    s.shot("runbook-cause-80x24");
    s.keys("enter enter").await;
    s.shot("runbook-revision-80x24");
    s.shot_at("runbook-revision-120x40", 120, 40).await;
    s.keys("enter").await;
    s.shot("runbook-action-80x24");
    s.keys("enter").await;
    s.stage.hold(400).await;
    s.shot("runbook-plan-80x24");
    s.shot_at("runbook-plan-120x40", 120, 40).await;
    s.keys("tab tab").await;
    s.stage.write("prod-eu/cortex-api").await;
    s.keys("tab enter").await;
    s.stage.execute().await;
    s.stage.pass(4).await;
    let text = "3 of 5 updated, 2 not ready yet".to_owned();
    s.stage.progress(Step::Verifying { text, worrying: false }).await;
    s.stage.pass(30).await;
    s.stage.healthy("5 of 5 are of revision 6 and available").await;
    s.stage.pass(10).await;
    s.shot("runbook-wait-80x24");
    s.stage.pass(20).await;
    s.keys("enter").await;
    s.shot("runbook-last-80x24");
    s.finish();
}

#[tokio::test]
async fn when_something_is_missing() {
    let mut s = Show::begin(Setting {
        read_only: true,
        user: Some("viewer"),
        refused: Some("events"),
        ..Setting::default()
    })
    .await;
    s.keys("2 a").await;
    s.stage.hold(400).await;
    s.shot("read-only-80x24");
    s.keys("esc 7").await;
    s.shot("forbidden-80x24");
    s.keys("1").await;
    let retry_at = s.stage.now() + SignedDuration::from_secs(8);
    let since = s.stage.now() - SignedDuration::from_secs(42);
    let why = "the connection was closed";
    for kind in quarterdeck::signal::KINDS {
        let why = why.into();
        s.stage.feed(kind, Freshness::Stale { since, why, retry_at }).await;
    }
    s.shot("stale-80x24");
    s.shot_at("tiny-40x10", 40, 10).await;
    s.shot_at("tiny-20x5", 20, 5).await;
    s.shot_at("tiny-1x1", 1, 1).await;

    let now = s.stage.now();
    let place = Place {
        platform: "cortex-prod".to_owned(),
        context: "prod-eu".to_owned(),
        server: "10.8.0.1:6443".to_owned(),
        scope: Scope::Namespaces(vec!["cortex".to_owned()]),
    };
    let class = Class::Production;
    let connected = Connection::Connected {
        place: place.clone(),
        class,
    };
    let failed = Freshness::Failed {
        why: "10.8.0.1:6443: connection refused".into(),
        retry_at,
    };
    let missing = Connection::Missing {
        what: "no kubeconfig: looked for /root/.kube/config".to_owned(),
        hint: "It is looked for again every 5 s; qd demo shows the console at work.".to_owned(),
    };
    let login = Connection::NeedsLogin {
        place,
        argv: "kubelogin get-token --login azurecli".to_owned(),
    };
    for (name, connection, feed) in [
        ("unreachable-80x24", connected, Some(failed)),
        ("no-kubeconfig-80x24", missing, None),
        ("login-80x24", login, None),
    ] {
        let mut app = stage::alone(Setting::default(), connection);
        let feeds = quarterdeck::signal::KINDS.map(|k| feed.clone().map(|f| (FeedId::Watch(k), f)));
        let feeds = feeds.into_iter().flatten().collect();
        app.update(
            Msg::World(Batch {
                feeds,
                ..Batch::default()
            }),
            now,
        );
        let drawn = picture::draw(&mut app, stage::paper(&s.theme));
        s.goldens.screen(name, &drawn, &s.theme);
    }
    s.finish();
}

#[tokio::test]
async fn an_incident_what_it_leaves_and_what_others_are_told() {
    let mut s = Show::begin(Setting::default()).await;
    s.stage.read_journal().await;
    s.keys("g t").await;
    s.shot("no-incident-80x24");
    s.keys("esc i").await;
    s.shot("severity-80x24");
    s.keys("down enter").await;
    s.shot("incident-title-80x24");
    s.keys("ctrl-u").await;
    s.stage.write("Digest mails are late").await;
    s.keys("enter").await;
    s.stage.hold(1000).await;
    let [intent, mut result, verify] = temporary();
    let intent = s.stage.record(intent).await;
    result.data = serde_json::json!({ "took": "yes", "intent": intent });
    s.stage.record(result).await;
    s.stage.record(verify).await;
    s.keys("f down enter").await;
    s.stage.write("Digest mails come an hour late").await;
    s.keys("enter d").await;
    s.stage.write("no deploy until it is over").await;
    s.keys("enter t").await;
    s.stage.write("tell support").await;
    s.keys("enter").await;
    s.shot("incident-80x24");
    s.shot_at("incident-120x40", 120, 40).await;
    s.keys("u enter").await;
    s.shot("message-80x24");
    s.keys("ctrl-s T").await;
    s.shot("timeline-80x24");
    s.shot_at("timeline-120x40", 120, 40).await;
    s.keys("esc x").await;
    s.shot("incident-closing-80x24");
    s.keys("esc esc").await;
    s.stage.hold(31 * 60_000).await;
    s.shot("update-due-80x24");
    s.finish();
}

/// A change that must not stay, as the pipeline records it.
fn temporary() -> [Entry; 3] {
    let about = |kind| {
        let mut entry = Entry::new(kind, "hpa-bounds");
        entry.target = Some(Target {
            context: "prod-eu".to_owned(),
            kind: "HorizontalPodAutoscaler".to_owned(),
            namespace: "cortex".to_owned(),
            name: "cortex-api-hpa".to_owned(),
            ..Target::default()
        });
        "p".clone_into(&mut entry.plan_hash);
        entry
    };
    let mut intent = about(RecordKind::Intent);
    "the backlog must go".clone_into(&mut intent.reason);
    intent.before = serde_json::json!({ "minReplicas": "2" });
    intent.after = serde_json::json!({ "minReplicas": "5" });
    intent.data = serde_json::json!({ "temporary": {
        "family": "bounds", "words": "bounds 2–8 → 5–8", "was": "2–8", "becomes": "5–8", "opens": true, "minutes": 240,
        "undo_words": "set the bounds back to 2–8",
    }});
    let result = about(RecordKind::Result);
    let mut verify = about(RecordKind::Verify);
    "the bounds hold".clone_into(&mut verify.outcome);
    [intent, result, verify]
}

#[test]
fn every_file_is_some_view_and_every_role_has_its_letter() {
    let this = include_str!("screens.rs");
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/screens")).unwrap() {
        let name = file.unwrap().path();
        let name = name.file_stem().unwrap().to_str().unwrap();
        assert!(
            this.contains(&format!("\"{name}\"")),
            "tests/screens/{name}.txt is of no view"
        );
    }
    golden::letters_are_distinct();
}
