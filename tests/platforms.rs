//! Two clusters under one configuration: whatever was seen, planned, confirmed or asked at one of them never reaches the
//! other, whose log of requests proves it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::large_futures
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use quarterdeck::action::{Class, Confirm, Outcome, Plan};
use quarterdeck::app::layers::{PlanFocus, PlanState};
use quarterdeck::app::{Activity, Connection, Effect, Layer, Msg, Strip};
use quarterdeck::cli::Options;
use quarterdeck::config::{Config, File, Inputs};
use quarterdeck::journal::{Record, RecordKind};
use quarterdeck::keys::{Chord, Key};
use quarterdeck::model::Scope;
use quarterdeck::panes::PaneId;
use quarterdeck::run::Desk;
use quarterdeck::sim::demo::{self, Demo};
use quarterdeck::sim::kube::resources::PODS;

const PATIENCE: Duration = Duration::from_secs(60);

async fn cluster(name: &'static str, calm: bool) -> Demo {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = demo::Options {
        name: Some(name),
        calm,
        ..demo::Options::default()
    };
    demo::start(options).await.unwrap()
}

/// What the demonstration's own configuration says of its platform.
fn declared(demo: &Demo) -> String {
    std::fs::read_to_string(demo.config()).unwrap()
}

/// One configuration for all of them.
fn config(home: &std::path::Path, platforms: &[String]) -> Inputs {
    let text = platforms.join("\n");
    let path = home.join("qd.toml");
    std::fs::write(&path, &text).unwrap();
    let text = Ok(Some(text));
    Inputs {
        user: Some(File {
            path: path.clone(),
            text,
        }),
        env: BTreeMap::from([
            ("HOME".to_owned(), home.display().to_string()),
            ("XDG_STATE_HOME".to_owned(), home.join("state").display().to_string()),
        ]),
        options: Options {
            platform: Some("eu".to_owned()),
            config: Some(path),
            ..Options::default()
        },
        ..Inputs::default()
    }
}

struct Person {
    desk: Desk,
    home: tempfile::TempDir,
    late: SignedDuration,
}

impl Person {
    async fn at(clusters: &[&Demo]) -> Self {
        let platforms: Vec<String> = clusters.iter().map(|d| declared(d)).collect();
        Self::among(&platforms).await
    }

    async fn among(platforms: &[String]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let loaded = Config::load(&config(home.path(), platforms));
        assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
        let mut desk = Desk::open(loaded).await.unwrap();
        desk.look().await.unwrap();
        Self {
            desk,
            home,
            late: SignedDuration::ZERO,
        }
    }

    #[track_caller]
    fn until<'a>(&'a mut self, what: &'a str, is_so: impl Fn(&Desk) -> bool + 'a) -> impl Future<Output = ()> + 'a {
        let place = std::panic::Location::caller();
        async move {
            let end = Instant::now() + PATIENCE;
            while !is_so(&self.desk) {
                let app = &self.desk.app;
                assert!(
                    Instant::now() < end,
                    "{place}: never {what}: {:?} {:?}",
                    app.layers,
                    app.toasts
                );
                self.desk.turn().await;
            }
        }
    }

    /// One key, and what it asks for, not performed.
    fn asks(&mut self, chord: Chord) -> Vec<Effect> {
        // As fast as a person types; a dialog hears nothing of what was typed ahead of it.
        let typed = matches!(chord.key, Key::Char(_));
        self.late += SignedDuration::from_millis(if typed { 40 } else { 350 });
        self.desk.app.update(Msg::Key(chord), Timestamp::now() + self.late)
    }

    async fn press(&mut self, keys: &str) {
        for chord in quarterdeck::keys::parse_sequence(keys).unwrap() {
            let effects = self.asks(chord);
            self.desk.perform(effects).await;
        }
    }

    async fn types(&mut self, text: &str) {
        for c in text.chars() {
            let effects = self.asks(Chord::plain(Key::Char(c)));
            self.desk.perform(effects).await;
        }
    }

    async fn goes_to(&mut self, platform: &str) {
        self.desk.perform(vec![Effect::GoTo(platform.to_owned())]).await;
    }

    async fn arrives_at(&mut self, platform: &str) {
        self.late = SignedDuration::ZERO;
        self.until("connected", |d| {
            let here = matches!(&d.app.connection, Connection::Connected { place, .. } if place.platform == platform);
            here && d.seen()
        })
        .await;
    }

    /// A plan that is ready to be confirmed: cortex-web restarts.
    async fn plans_a_restart(&mut self) {
        self.finds("2", PaneId::Rollouts, "cortex-web").await;
        self.press("a r").await;
        self.is_planned().await;
    }

    /// The same for what a session of the database runs, which is cancelled.
    async fn plans_a_cancel(&mut self, pid: &str) {
        self.finds("4", PaneId::Queries, &format!("pid={pid}")).await;
        self.press("a c").await;
        self.is_planned().await;
    }

    /// Goes to a pane, and to the one row there that fits.
    async fn finds(&mut self, key: &str, pane: PaneId, text: &str) {
        self.press(key).await;
        self.press("/").await;
        self.types(text).await;
        self.press("enter").await;
        self.until("the row", |d| !d.app.list(pane).rows().is_empty()).await;
    }

    async fn is_planned(&mut self) {
        self.until(
            "planned",
            |d| matches!(d.app.layers.last(), Some(Layer::Plan(p)) if matches!(p.state, PlanState::Ready(_))),
        )
        .await;
    }

    /// Waits until all that was begun is over, and gives the newest.
    async fn is_over(&mut self) -> &Activity {
        self.until("over", |d| d.app.activities.iter().all(|a| a.ended.is_some()))
            .await;
        self.desk.app.activities.last().unwrap()
    }

    /// Connects to the same server by another context of the kubeconfig.
    async fn goes_on_as_the_operator(&mut self) {
        let other = Effect::Connect {
            context: Some("eu-operator".to_owned()),
            scope: None,
        };
        self.desk.perform(vec![other]).await;
        let arrived = |d: &Desk| {
            let here =
                matches!(&d.app.connection, Connection::Connected { place, .. } if place.context == "eu-operator");
            here && d.seen()
        };
        self.until("connected by the other context", arrived).await;
    }

    /// The plan that is on screen and ready.
    fn plan(&self) -> &Plan {
        match self.desk.app.layers.last() {
            Some(Layer::Plan(plan)) => plan.plan().unwrap(),
            other => panic!("no plan but {other:?}"),
        }
    }

    /// Does what the plan asks for, and gives what the last key asked for.
    async fn confirms(&mut self) -> Vec<Effect> {
        for _ in 0..12 {
            let Some(Layer::Plan(plan)) = self.desk.app.layers.last() else {
                panic!("no plan: {:?}", self.desk.app.layers);
            };
            let key = if plan.focus == PlanFocus::Go {
                Key::Enter
            } else {
                Key::Tab
            };
            let text = match (plan.focus, plan.plan().map(|p| &p.confirm)) {
                (PlanFocus::Reason, _) => "INC-1".to_owned(),
                (PlanFocus::Word, Some(Confirm::Typed { word, .. })) => word.clone(),
                _ => String::new(),
            };
            self.types(&text).await;
            let effects = self.asks(Chord::plain(key));
            if effects.iter().any(|e| matches!(e, Effect::Execute(_))) {
                return effects;
            }
            self.desk.perform(effects).await;
        }
        panic!("never confirmed: {:?}", self.desk.app.layers);
    }

    async fn records(&self) -> Vec<Record> {
        self.desk.recorded().await;
        let folder: PathBuf = self.home.path().join("state/quarterdeck/journal");
        let files = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
        let text: String = files
            .filter(|p| p.extension().is_some_and(|e| e == "jsonl"))
            .map(|p| std::fs::read_to_string(p).unwrap())
            .collect();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn pods_of(demo: &Demo) -> BTreeSet<String> {
    let pods = demo.store().list(&PODS, None);
    pods.iter().map(|p| p.meta.uid.to_string()).collect()
}

fn changes(demo: &Demo) -> u64 {
    demo.server().requests().mutating()
}

/// Statements so far that change something.
fn statements(demo: &Demo) -> u64 {
    demo.postgres().with(|database| database.changes)
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_signals_plans_and_answers_of_one_cluster_never_reach_the_other() {
    let (eu, us) = tokio::join!(cluster("eu", false), cluster("us", true));
    let mut person = Person::at(&[&eu, &us]).await;
    person
        .until("something is wrong in eu", |d| Strip::shown(&d.app.judge).count() > 0)
        .await;
    person.plans_a_restart().await;
    // What is confirmed here is carried out only after the console went on.
    let confirmed = person.confirms().await;
    person.goes_to("us").await;
    let app = &person.desk.app;
    assert!(app.layers.is_empty() && app.world.pods.is_empty() && app.world.deployments.is_empty());
    assert!(
        app.lists.iter().all(|l| l.rows().is_empty() && l.filter.is_empty()),
        "{:?}",
        app.place()
    );
    assert_eq!(Strip::shown(&app.judge).count(), 0);
    person.desk.perform(confirmed).await;
    person.arrives_at("us").await;
    let (ours, theirs) = (pods_of(&us), pods_of(&eu));
    let shown: BTreeSet<String> = person
        .desk
        .app
        .world
        .pods
        .values()
        .map(|p| p.meta.uid.to_string())
        .collect();
    assert!(!shown.is_empty() && shown.is_subset(&ours) && shown.is_disjoint(&theirs));
    person
        .until("refused", |d| d.app.activities.iter().all(|a| a.ended.is_some()))
        .await;
    let activity = &person.desk.app.activities[0];
    assert!(activity.line.contains("not at the cluster"), "{}", activity.line);
    assert_eq!((changes(&eu), changes(&us)), (0, 0), "nothing was sent to either");
    let served: BTreeSet<String> = us.server().requests().all().into_iter().map(|r| r.method).collect();
    assert_eq!(
        served.iter().filter(|m| *m == "PATCH").count(),
        0,
        "not even a dry run: {served:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_under_way_stays_of_the_cluster_where_it_was_begun_and_the_journal_says_which() {
    let (eu, us) = tokio::join!(cluster("eu", true), cluster("us", true));
    let mut person = Person::at(&[&eu, &us]).await;
    person.plans_a_restart().await;
    let confirmed = person.confirms().await;
    person.desk.perform(confirmed).await;
    person.until("sent", |_| changes(&eu) == 1).await;
    person.goes_to("us").await;
    person.arrives_at("us").await;
    person
        .until("answered", |d| d.app.activities.iter().all(|a| a.outcome.is_some()))
        .await;
    let app = &person.desk.app;
    let activity = &app.activities[0];
    assert_eq!(activity.place.platform, "eu");
    person.plans_a_restart().await;
    let confirmed = person.confirms().await;
    person.desk.perform(confirmed).await;
    person.until("sent", |_| changes(&us) == 1).await;
    assert_eq!((changes(&eu), changes(&us)), (1, 1));
    let intents: Vec<Record> = person
        .records()
        .await
        .into_iter()
        .filter(|r| r.entry.kind == RecordKind::Intent)
        .collect();
    let servers = [eu.server().address().to_string(), us.server().address().to_string()];
    let at: Vec<(String, String)> = intents
        .iter()
        .map(|r| {
            r.entry
                .target
                .as_ref()
                .map(|t| (t.context.clone(), t.server.clone()))
                .unwrap()
        })
        .collect();
    let expected = [("eu", &servers[0]), ("us", &servers[1])].map(|(c, s)| (c.to_owned(), s.clone()));
    assert_eq!(at, expected, "the journal names the cluster of each");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_source_never_lands_on_the_source_of_that_name_of_another_platform() {
    let (eu, us) = tokio::join!(cluster("eu", false), cluster("us", false));
    // The same cluster once more, with the other one's database.
    let text = declared(&eu);
    let again = text
        .replace("\nname = \"eu\"\n", "\nname = \"eu-again\"\n")
        .replace(&eu.postgres().url(), &us.postgres().url());
    assert!(
        again.contains("eu-again") && again.contains(&us.postgres().url()),
        "{again}"
    );
    let mut person = Person::among(&[text, declared(&us), again]).await;
    for (done, (there, pid)) in (0..).zip([("us", "4188"), ("eu-again", "4162")]) {
        // Confirmed here, and to be carried out only after the console went on: to nobody.
        person.arrives_at("eu").await;
        person.plans_a_cancel(pid).await;
        let confirmed = person.confirms().await;
        person.goes_to(there).await;
        person.desk.perform(confirmed).await;
        person.arrives_at(there).await;
        let refused = person.is_over().await;
        assert!(refused.line.contains("not at the cluster"), "{there}: {}", refused.line);
        assert_eq!((statements(&eu), statements(&us)), (done, 0), "{there}");
        // Begun here, and left alone with it: it stays of this one.
        person.goes_to("eu").await;
        person.arrives_at("eu").await;
        person.plans_a_cancel(pid).await;
        let confirmed = person.confirms().await;
        person.desk.perform(confirmed).await;
        person.goes_to(there).await;
        person.arrives_at(there).await;
        let sent = person.is_over().await;
        assert_eq!(
            (sent.place.platform.as_str(), &sent.outcome),
            ("eu", &Some(Outcome::Applied))
        );
        assert_eq!((statements(&eu), statements(&us)), (done + 1, 0), "{there}");
        person.goes_to("eu").await;
    }
    let server = eu.server().address().to_string();
    let records = person.records().await;
    let intents = records.iter().filter(|r| r.entry.kind == RecordKind::Intent);
    let at: Vec<_> = intents
        .map(|r| {
            let target = r.entry.target.as_ref().unwrap();
            (
                r.entry.data["platform"].as_str().unwrap(),
                target.server.as_str(),
                target.name.as_str(),
            )
        })
        .collect();
    let expected = [("eu", server.as_str(), "4188"), ("eu", server.as_str(), "4162")];
    assert_eq!(at, expected, "the journal names the platform of each");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_is_made_under_the_name_by_which_the_server_knows_the_user() {
    let eu = cluster("eu", false).await;
    let file = std::fs::read_to_string(eu.kubeconfig()).unwrap();
    let renamed = file
        .replace("name: admin\n", "name: somebody\n")
        .replace("user: admin\n", "user: somebody\n");
    assert_eq!(renamed.matches("somebody").count(), 2, "{renamed}");
    std::fs::write(eu.kubeconfig(), renamed).unwrap();
    let mut person = Person::at(&[&eu]).await;
    person.until("named by the server", |d| d.app.user == "admin").await;
    person.press("8").await;
    person
        .until("an alert", |d| !d.app.list(PaneId::Alerts).rows().is_empty())
        .await;
    person.press("a s").await;
    person.types("being mended").await;
    person.press("enter").await;
    person.is_planned().await;
    assert_eq!(person.plan().steps[0].body["createdBy"], "admin");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_declared_production_is_that_by_every_context_of_the_kubeconfig() {
    let eu = cluster("eu", true).await;
    let text = declared(&eu);
    assert!(text.contains("classify = \"local\""), "{text}");
    std::fs::write(
        eu.config(),
        text.replace("classify = \"local\"", "classify = \"production\""),
    )
    .unwrap();
    let mut person = Person::at(&[&eu]).await;
    person.arrives_at("eu").await;
    person.goes_on_as_the_operator().await;
    assert_eq!(person.desk.app.class(), Some(Class::Production));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_names_no_context_is_the_current_ones_server_by_every_other_context_too() {
    let eu = cluster("eu", true).await;
    let text = declared(&eu);
    assert!(text.contains("\ncontext = \"eu\"\n"), "{text}");
    let text = text
        .replace("\ncontext = \"eu\"\n", "\n")
        .replace("classify = \"local\"", "classify = \"production\"");
    let freeze = "[[policy.freeze]]\nfrom = \"2020-01-01T00:00:00Z\"\nto = \"2120-01-01T00:00:00Z\"\nreason = \"holidays\"\n\
                  platforms = [\"eu\"]\n";
    std::fs::write(eu.config(), format!("{text}\n{freeze}")).unwrap();
    let mut person = Person::at(&[&eu]).await;
    person.arrives_at("eu").await;
    person.goes_on_as_the_operator().await;
    assert_eq!(person.desk.app.class(), Some(Class::Production));
    person.plans_a_restart().await;
    let frozen = person.plan().checks.iter().find(|c| c.name == "freeze").unwrap();
    assert_eq!(frozen.passed, Some(false), "{frozen:?}");
    assert!(frozen.detail.starts_with("holidays until"), "{frozen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_is_stopped_though_the_console_went_on_to_another_namespace() {
    let eu = cluster("eu", true).await;
    let mut person = Person::at(&[&eu]).await;
    person.arrives_at("eu").await;
    person.finds("9", PaneId::Nodes, "lab-node-03").await;
    person.press("a d").await;
    let planned = |d: &Desk| match d.app.layers.last() {
        Some(Layer::Plan(p)) => !matches!(p.state, PlanState::Planning),
        _ => false,
    };
    person.until("planned", planned).await;
    // What nobody owns goes, too.
    if matches!(person.desk.app.layers.last(), Some(Layer::Plan(p)) if p.plan().is_none()) {
        person.press("m").await;
        person.until("planned again", planned).await;
    }
    let confirmed = person.confirms().await;
    person.desk.perform(confirmed).await;
    person.until("cordoned", |_| changes(&eu) > 0).await;
    let other = Effect::Connect {
        context: None,
        scope: Some(Scope::Namespaces(vec!["cortex".to_owned()])),
    };
    person.desk.perform(vec![other]).await;
    // It is on its way there still.
    person.press("a x").await;
    person
        .until("ended", |d| d.app.activities.iter().all(|a| a.ended.is_some()))
        .await;
    let line = &person.desk.app.activities[0].line;
    assert!(line.contains("stopped: "), "{line}");
}
