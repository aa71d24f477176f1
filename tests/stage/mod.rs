//! The console in memory, before the demonstration platform: its real API server over loopback TLS, the real feeds and
//! plans, the real keys, but one clock that stands still until a test moves it. So the same keys give the same screen.

#![allow(dead_code, clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod jobs;
mod journal;
mod setting;
mod slots;
mod sources;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use quarterdeck::action::{Actor, Confirmed, Outcome, Planner, Policy, Progress, Stage as Step, Verdict, WriteGrant};
use quarterdeck::app::msg::{ContextRow, Fetch, Fetched, HistoryRow, LogBatch, LogLine, LogQuery, LogTarget};
use quarterdeck::app::{App, Connection, Effect, Msg, Wanted};
use quarterdeck::config::PrometheusSource;
use quarterdeck::feed::kube::logs::{self, LogItem, LogOf};
use quarterdeck::feed::kube::{self as feed, Cluster, ContextChoice, Demand, Feeds, Kubeconfigs};
use quarterdeck::feed::prometheus::Ranges;
use quarterdeck::feed::{Inbox, Pace, SourceContext};
use quarterdeck::journal::{Journal, Mode, Who};
use quarterdeck::keys::{Chord, Key};
use quarterdeck::model::{Batch, Change, FeedId, Freshness, Key as ObjectKey, Kind, RangeAsk, Usage};
use quarterdeck::picture::{self, Drawn};
use quarterdeck::sim::kube::{Clock, Server, ServerOptions};
use quarterdeck::sim::prometheus::Prometheus;
use quarterdeck::sim::world::{World, WorldPlatform, cortex};
use quarterdeck::theme::Theme;
use setting::{NOW, start};
#[allow(unused_imports, reason = "each test uses its part")]
pub use setting::{Setting, alone, keymap, paper};
use slots::{removal, slot};

pub struct Stage {
    pub app: App,
    setting: Setting,
    world: World,
    clock: Clock,
    server: Server,
    dir: tempfile::TempDir,
    /// Our time is so much later than the platform's last step.
    ahead: SignedDuration,
    cluster: Option<Cluster>,
    actor: Option<Actor>,
    planner: Option<Planner>,
    grant: Option<WriteGrant>,
    wanted: Wanted,
    /// Something is wanted that was not read yet.
    stale: bool,
    seen: BTreeMap<(Kind, ObjectKey), Change>,
    book: journal::Book,
    /// Confirmed, and not carried out: the test does that.
    pub confirmed: Option<Confirmed>,
}

impl Stage {
    /// Opens the console on the platform in its incident, and waits until everything is on screen.
    pub async fn open(setting: Setting) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        fastrand::seed(1);
        let (world, clock) = cortex::begin(NOW.parse().unwrap(), cortex::Options::default());
        let platform = Arc::new(WorldPlatform::new(world.store().clone(), world.scenario()));
        let options = ServerOptions {
            name: "prod-eu".to_owned(),
            ..ServerOptions::default()
        };
        let server = Server::start(world.store().clone(), platform, options).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        server.write_kubeconfig(&dir.path().join("kubeconfig")).unwrap();
        let (app, first) = App::new(start(setting, clock.now()));
        let mut stage = Self {
            app,
            setting,
            world,
            clock,
            server,
            dir,
            ahead: SignedDuration::ZERO,
            cluster: None,
            actor: None,
            planner: None,
            grant: WriteGrant::at_start(setting.read_only),
            wanted: Wanted::default(),
            stale: false,
            seen: BTreeMap::new(),
            book: journal::Book::default(),
            confirmed: None,
        };
        if let Some(resource) = setting.refused {
            stage.server.faults().refuse("list", resource);
            stage.server.faults().refuse("watch", resource);
        }
        stage.perform(first).await;
        stage.pass(0).await;
        if setting.sources {
            for minutes in (1..10).rev() {
                let batch = sources::before(stage.now(), minutes);
                stage.tell(Msg::World(batch)).await;
            }
            let batch = sources::batch(stage.now(), setting.read_only);
            stage.tell(Msg::World(batch)).await;
            // Signals are judged once a second.
            stage.pass(2).await;
        }
        stage
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now() + self.ahead
    }

    pub fn faults(&self) -> &quarterdeck::sim::kube::faults::Faults {
        self.server.faults()
    }

    fn kubeconfig(&self) -> PathBuf {
        self.dir.path().join("kubeconfig")
    }

    pub async fn tell(&mut self, msg: Msg) {
        let effects = self.app.update(msg, self.now());
        self.perform(effects).await;
    }

    /// Presses keys, named as in keymaps and parted by blanks. A little time passes before each.
    pub async fn keys(&mut self, chords: &str) {
        for chord in chords.split_whitespace() {
            // As a person does: what comes faster is taken for a paste.
            self.hold(60).await;
            self.tell(Msg::Key(chord.parse::<Chord>().unwrap())).await;
            self.catch_up().await;
        }
    }

    /// Reads what is wanted since the last key.
    async fn catch_up(&mut self) {
        if std::mem::take(&mut self.stale) {
            self.look().await;
        }
    }

    /// Types text into the field that has the focus.
    pub async fn write(&mut self, text: &str) {
        for c in text.chars() {
            self.hold(40).await;
            self.tell(Msg::Key(Chord::plain(Key::Char(c)))).await;
        }
    }

    /// Time passes for us only.
    pub async fn hold(&mut self, milliseconds: i64) {
        self.ahead += SignedDuration::from_millis(milliseconds);
        self.tell(Msg::Tick).await;
    }

    /// The platform lives on for so long, and we see what became of it.
    pub async fn pass(&mut self, seconds: i64) {
        // New names and uids must not depend on who else has drawn a number.
        fastrand::seed(self.clock.now().as_second().unsigned_abs());
        self.ahead = SignedDuration::ZERO;
        self.world.run_for(&self.clock, SignedDuration::from_secs(seconds));
        self.look().await;
        self.tell(Msg::Tick).await;
        // Signals are judged once a second.
        self.hold(1000).await;
    }

    pub async fn resize(&mut self, columns: u16, rows: u16) {
        self.tell(Msg::Resize(columns, rows)).await;
        self.catch_up().await;
    }

    pub async fn feed(&mut self, kind: Kind, state: Freshness) {
        let batch = Batch {
            feeds: vec![(FeedId::Watch(kind), state)],
            ..Batch::default()
        };
        self.tell(Msg::World(batch)).await;
    }

    pub fn draw(&mut self, theme: &Theme) -> Drawn {
        picture::draw(&mut self.app, paper(theme))
    }

    /// Lists everything that is wanted with the real feeds, and hands it over as one batch in a fixed order.
    async fn look(&mut self) {
        let Some(cluster) = self.cluster.clone() else { return };
        let inbox = Inbox::new();
        let (_demand, demanded) = tokio::sync::watch::channel(Demand {
            kinds: self.wanted.kinds.clone(),
            metrics: self.wanted.metrics,
        });
        let scope = cluster.place().scope.clone();
        let feeds = Feeds::start(cluster, scope, inbox.clone(), demanded);
        let mut changes = BTreeMap::new();
        let mut states = BTreeMap::new();
        let mut usage: [Option<Vec<(ObjectKey, Usage)>>; 2] = [None, None];
        let mut needed: Vec<FeedId> = self.wanted.kinds.iter().map(|k| FeedId::Watch(*k)).collect();
        if self.wanted.metrics {
            needed.push(FeedId::Metrics);
        }
        let settled = |s: Option<&Freshness>| !matches!(s, None | Some(Freshness::Off | Freshness::Syncing { .. }));
        while !needed.iter().all(|id| settled(states.get(id))) {
            tokio::time::timeout(Duration::from_secs(60), inbox.ready())
                .await
                .expect("the demonstration platform answers");
            let batch = inbox.drain().unwrap_or_default();
            changes.extend(batch.changes.into_iter().map(|c| (slot(&c), c)));
            states.extend(batch.feeds);
            for (kept, new) in usage.iter_mut().zip([batch.pod_usage, batch.node_usage]) {
                *kept = new.or(kept.take());
            }
        }
        drop(feeds);
        let gone = self.seen.keys().filter(|k| !changes.contains_key(k)).map(removal);
        let mut all: Vec<Change> = gone.collect();
        all.extend(changes.values().cloned());
        self.seen = changes;
        let [mut pods, mut nodes] = usage;
        for table in [&mut pods, &mut nodes].into_iter().flatten() {
            table.sort_by(|a, b| a.0.cmp(&b.0));
        }
        let batch = Batch {
            changes: all,
            feeds: states.into_iter().collect(),
            pod_usage: pods,
            node_usage: nodes,
            ..Batch::default()
        };
        self.tell(Msg::World(batch)).await;
    }

    async fn perform(&mut self, effects: Vec<Effect>) {
        let mut queue = VecDeque::from(effects);
        while let Some(effect) = queue.pop_front() {
            if let Some(msg) = self.keep(&effect) {
                queue.extend(self.app.update(msg, self.now()));
                continue;
            }
            let answer = match effect {
                Effect::Connect { .. } => {
                    for msg in self.connect().await {
                        queue.extend(self.app.update(msg, self.now()));
                    }
                    continue;
                }
                Effect::Want(wanted) => {
                    self.stale |= !wanted.kinds.is_subset(&self.wanted.kinds) || wanted.metrics && !self.wanted.metrics;
                    self.wanted = wanted;
                    continue;
                }
                Effect::ListContexts => Msg::Contexts(Ok(contexts(self.kubeconfig()).await)),
                Effect::Plan(id, request) => {
                    let now = self.now();
                    let answer = match (&self.actor, &self.planner) {
                        (Some(actor), _) => actor.plan(request, id, now).await,
                        (None, Some(planner)) => planner.plan(request, id, now).await,
                        (None, None) => panic!("a plan without a connection"),
                    };
                    Msg::Planned(id, answer.map(Box::new))
                }
                Effect::Execute(confirmed) => {
                    self.confirmed = Some(*confirmed);
                    continue;
                }
                Effect::Fetch(token, what) => Msg::Fetched(token, self.fetch(what).await),
                Effect::OpenLogs(token, query) => Msg::Logs(token, self.logs(query).await),
                _ => continue,
            };
            queue.extend(self.app.update(answer, self.now()));
        }
    }

    async fn connect(&mut self) -> Vec<Msg> {
        let choice = ContextChoice {
            kubeconfig: Some(self.kubeconfig()),
            context: self.setting.user.map(|u| format!("prod-eu-{u}")),
            platform: Some("cortex-prod".to_owned()),
            ..ContextChoice::default()
        };
        let access = if self.setting.read_only {
            feed::Access::ReadOnly
        } else {
            feed::Access::Operator
        };
        let cluster = feed::connect(choice, access).await.unwrap();
        let (place, class) = (cluster.place().clone(), self.setting.class);
        let user = self.setting.user.unwrap_or("k.lind").to_owned();
        let planner = Planner {
            reader: cluster.reader().clone(),
            place: place.clone(),
            class,
            user: user.clone(),
            policy: Policy {
                read_only: self.setting.read_only,
                ..Policy::default()
            },
            sources: quarterdeck::action::Reach::default(),
        };
        if let Some(grant) = &self.grant {
            let journal = Journal::open(&self.dir.path().join("journal"), Who::here(&user, Mode::Live)).unwrap();
            let act = cluster.act_client(grant).unwrap();
            self.actor = Some(Actor::new(grant, planner.clone(), act, journal));
        }
        self.planner = Some(planner);
        self.cluster = Some(cluster);
        vec![
            Msg::Connection(Connection::Connected { place, class }),
            Msg::WhoAmI(user),
        ]
    }

    async fn fetch(&self, what: Fetch) -> Result<Fetched, String> {
        let cluster = self.cluster.as_ref().unwrap();
        match what {
            Fetch::Plan { source, .. } => Err(format!("{source} is not asked here")),
            Fetch::Offers(..) | Fetch::States(_) => Err("nothing is offered here".to_owned()),
            Fetch::Range(ask) => self.range(&ask).await,
            Fetch::Backends(ask) => {
                let found = feed::backends::backends(cluster, &ask).await;
                found.map(Fetched::Backends).map_err(|e| e.to_string())
            }
            Fetch::Yaml(object) => {
                let view = feed::object::view(cluster, &object).await.map_err(|e| e.to_string())?;
                Ok(Fetched::Text(view.yaml))
            }
            Fetch::History(object) => {
                let found = feed::object::history(cluster, &object)
                    .await
                    .map_err(|e| e.to_string())?;
                let newest = found.iter().map(|r| r.number).max();
                let rows = found.into_iter().map(|r| HistoryRow {
                    revision: r.number,
                    current: Some(r.number) == newest,
                    name: r.name,
                    created: r.created,
                    images: r.images,
                    change_cause: r.change_cause,
                    template: feed::object::yaml(&r.template),
                });
                Ok(Fetched::History(rows.collect()))
            }
        }
    }

    /// As the demonstration's Prometheus measures the platform.
    async fn range(&self, ask: &RangeAsk) -> Result<Fetched, String> {
        let server = Prometheus::start(self.world.store().clone()).await.unwrap();
        let source = PrometheusSource {
            name: "main".to_owned(),
            url: server.url(),
            ..PrometheusSource::default()
        };
        let ranges = Ranges::new(&source, &SourceContext::alone(Pace::Slow)).unwrap();
        Ok(Fetched::Range(Box::new(ranges.ask(ask).await)))
    }

    /// What has been written so far, in the order of time.
    async fn logs(&self, query: LogQuery) -> LogBatch {
        let of = match query.target {
            LogTarget::Pod(pod) => LogOf::Pod(pod),
            LogTarget::Workload {
                namespace, selector, ..
            } => LogOf::Selector {
                namespace: namespace.to_string(),
                selector,
            },
            LogTarget::Labels { .. } => panic!("not on this stage"),
        };
        let query = logs::LogQuery {
            of,
            container: query.container,
            previous: query.previous,
            tail: Some(query.tail.min(40)),
            since: None,
            follow: false,
        };
        let mut stream = logs::open(self.cluster.as_ref().unwrap(), query);
        let mut lines = Vec::new();
        while let Some(items) = stream.next().await {
            lines.extend(items.into_iter().filter_map(|item| match item {
                LogItem::Line(l) => Some(LogLine {
                    pod: l.pod,
                    container: l.container,
                    at: l.at,
                    text: l.text,
                    note: false,
                }),
                LogItem::Note { bad: false, .. } => None,
                LogItem::Note {
                    pod, container, text, ..
                } => Some(LogLine {
                    pod,
                    container,
                    at: None,
                    text,
                    note: true,
                }),
            }));
        }
        lines.sort_by(|a, b| (a.at, &a.pod).cmp(&(b.at, &b.pod)));
        LogBatch {
            lines,
            ..LogBatch::default()
        }
    }

    /// Tells of a stage of the action that was confirmed.
    pub async fn progress(&mut self, stage: Step) {
        let id = self.confirmed.as_ref().unwrap().plan().id;
        let at = self.now();
        self.tell(Msg::Progress(Progress { id, at, stage })).await;
    }

    /// Sends what was confirmed, as the pipeline would.
    pub async fn execute(&mut self) {
        self.progress(Step::Recorded).await;
        let plan = self.confirmed.as_ref().unwrap().plan().clone();
        let act = self
            .cluster
            .as_ref()
            .unwrap()
            .act_client(self.grant.as_ref().unwrap())
            .unwrap();
        for (step, of) in plan.steps.iter().enumerate() {
            let request = http::Request::builder()
                .method(of.method.as_str())
                .uri(&of.path)
                .header(http::header::CONTENT_TYPE, &of.content_type)
                .body(of.body.to_string().into_bytes())
                .unwrap();
            act.request::<serde_json::Value>(request).await.unwrap();
            let outcome = Outcome::Applied;
            self.progress(Step::Executed { step, outcome }).await;
        }
    }

    /// It went well.
    pub async fn healthy(&mut self, text: &str) {
        let undo = Some(self.confirmed.as_ref().unwrap().plan().undo.clone());
        self.progress(Step::Done {
            outcome: Outcome::Applied,
            verdict: Some(Verdict::Healthy(text.to_owned())),
            undo,
        })
        .await;
    }
}

async fn contexts(kubeconfig: PathBuf) -> Vec<ContextRow> {
    let found = Kubeconfigs::load(Some(kubeconfig)).await.unwrap();
    let row = |c: feed::ContextInfo| ContextRow {
        name: c.name,
        cluster: c.cluster,
        user: c.user,
        namespace: c.namespace,
        current: c.current,
        platform: false,
        class: String::new(),
    };
    found.contexts().into_iter().map(row).collect()
}
