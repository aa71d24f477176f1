//! What the console costs by itself when there is much of everything: `cargo bench --bench sources`. Of 10,000 tables and
//! 5,000 statements the feed reads the 100 worst and the 200 costliest, with 4,000 characters of each text, and of the
//! indexes 200: so much the panes get here, with 500 sessions, 500 queues with 100 failed jobs each, and 2,000 certificates
//! with what is stored and served of each. `tests/measure-sources` measures the whole with real servers.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, missing_docs)]

use std::sync::Arc;

use divan::{Bencher, black_box};
use jiff::{SignedDuration, Timestamp};
use quarterdeck::app::{Access, App, Msg, Start};
use quarterdeck::keys::Chord;
use quarterdeck::model::postgres::{LockTree, Statements};
use quarterdeck::model::{
    Batch, BullLayout, Certificate, CertificateId, Certificates, Chain, Endpoint, FailedJob, FailedJobs, Freshness,
    Link, Postgres, Queue, QueueCounts, QueueRates, QueueSystem, Queues, Scope, Seen, Source, SourceId, SourceKind,
    StoredCertificate, Trust,
};
use quarterdeck::term::Screen;
use quarterdeck::theme::{Depth, Glyphs, Symbols, Theme};
use quarterdeck::ui::{self, Look};
use ratatui::Terminal;
use ratatui::layout::Size;
use serde_json::{Value, json};

const COLUMNS: u16 = 160;
const ROWS: u16 = 45;

/// The views, and the keys that open them.
const VIEWS: [(&str, &[&str]); 6] = [
    ("activity", &["4"]),
    ("statements", &["4", "v"]),
    ("tables", &["4", "v", "v"]),
    ("indexes", &["4", "v", "v", "v"]),
    ("queues", &["3"]),
    ("certificates", &["6"]),
];
const NAMES: [&str; 6] = ["activity", "statements", "tables", "indexes", "queues", "certificates"];

fn main() {
    for (name, _) in VIEWS {
        let mut deck = Deck::at(name, &[]);
        println!("{name}: {} rows", deck.app.list(deck.app.pane).rows().len());
        let (cursor, open) = (deck.key("j"), deck.key("enter"));
        println!("{name}: {cursor} bytes for a cursor move, {open} for opening a row");
    }
    divan::main();
}

fn read<T>(value: T) -> Seen<T> {
    Seen::read(value, Timestamp::now())
}

fn rows<T: serde::de::DeserializeOwned>(count: usize, row: impl Fn(usize) -> Value) -> Seen<Vec<T>> {
    read((0..count).map(|n| serde_json::from_value(row(n)).unwrap()).collect())
}

fn postgres(now: Timestamp) -> Postgres {
    let text: Arc<str> = "SELECT generated FROM somewhere WHERE id IN ($1, $2, $3) AND "
        .repeat(64)
        .into();
    let counters = |n: usize| {
        json!({"calls": n + 1, "total_ms": n as f64 * 3.7, "rows": n, "io_ms": 0.5, "blocks_hit": n, "blocks_read": 1,
            "temp_blocks": 0, "wal_bytes": 0})
    };
    let statement = |n: usize| quarterdeck::model::postgres::Statement {
        id: serde_json::from_value(
            json!({"user_id": 10, "database_id": 5, "query_id": n.to_string(), "top_level": true}),
        )
        .unwrap(),
        user: "app".into(),
        database: "core".into(),
        text: Some(format!("/* {n} */ {text}").into()),
        window: serde_json::from_value(counters(n)).unwrap(),
        ever: serde_json::from_value(counters(n)).unwrap(),
        max_ms: 90.0,
    };
    Postgres {
        activity: rows(500, |n| {
            json!({"pid": 1000 + n, "backend_type": "client backend", "database": "core", "user": "app",
                "application": "api", "client": "10.0.0.7", "state": "active", "backend_start": now, "xact_s": n,
                "query_s": n, "state_s": n, "query": format!("SELECT {n} FROM jobs WHERE state = 'ready'")})
        }),
        locks: read(LockTree::default()),
        statements: read(Statements {
            rows: (0..200).map(statement).collect(),
            window_s: Some(300.0),
            all_ms: 1e7,
            thrown_out: Some(0),
        }),
        tables: rows(100, |n| {
            json!({"oid": n, "schema": "app", "name": format!("t_{n:05}"), "live": n * 100, "dead": n * 7 % 9000,
                "modified": n, "threshold": 50.0 + n as f64 * 20.0, "autovacuum": true, "bytes": n * 8192,
                "vacuumed": now, "analyzed": null, "vacuums": 3, "frozen_age": 1000})
        }),
        indexes: rows(200, |n| {
            json!({"oid": n, "schema": "app", "table": format!("t_{n:05}"), "name": format!("t_{n:05}_owner_idx"),
                "bytes": n * 8192, "scans": 0, "invalid": n % 50 == 0, "unused": true, "duplicate_of": null})
        }),
        ..Postgres::default()
    }
}

fn queues(now: Timestamp) -> Queues {
    let failed = |n: i64| FailedJob {
        id: n.to_string().into(),
        name: "send".into(),
        failed_at: Some(now - SignedDuration::from_secs(n)),
        added_at: Some(now - SignedDuration::from_secs(2 * n)),
        attempts: Some(3),
        reason: "connect ECONNREFUSED 10.0.0.7:587".into(),
        payload: Some("{\"body\":\"generated\"} ".repeat(95).into()),
        has_parent: false,
    };
    let queue = |n: usize| Queue {
        name: format!("queue-{n:03}").into(),
        system: QueueSystem::BullMq(BullLayout::default()),
        counts: read(QueueCounts {
            ready: n as u64 * 3,
            active: Some(4),
            failed: Some(100),
            oldest: Some(now - SignedDuration::from_secs(n as i64)),
            workers: Some(2),
            ..QueueCounts::default()
        }),
        rates: Some(QueueRates {
            over: SignedDuration::from_secs(60),
            added: Some(60.0),
            finished: Some(55.0),
            growth: 5.0,
            failed_10m: Some(3),
            finished_10m: Some(550),
        }),
        history: (0..60).map(|m| (now, m)).collect(),
        failed_jobs: read(FailedJobs {
            jobs: (0..100).map(failed).collect(),
            total: 100,
        }),
        ..Queue::default()
    };
    Queues {
        queues: (0..500).map(queue).collect(),
        ..Queues::default()
    }
}

fn certificates(now: Timestamp) -> Certificates {
    let end = |n: usize| Some(now + SignedDuration::from_hours(24 * (n as i64 % 90)));
    let chain = |n: usize| Chain {
        leaf: Link {
            subject: format!("CN=host-{n:04}.example.com").into(),
            issuer: "CN=lab CA".into(),
            not_before: now,
            not_after: end(n).unwrap(),
            names: Arc::new([format!("host-{n:04}.example.com").into()]),
            serial: n.to_string().into(),
            is_ca: false,
            sha256: n.to_string().into(),
        },
        rest: Arc::new([]),
    };
    let managed = |n: usize| Certificate {
        id: CertificateId {
            namespace: format!("ns-{:02}", n % 40).into(),
            name: format!("host-{n:04}").into(),
            uid: n.to_string().into(),
        },
        secret: format!("host-{n:04}-tls").into(),
        shares_secret_with: Arc::new([]),
        dns_names: Arc::new([format!("host-{n:04}.example.com").into()]),
        issuer: "ClusterIssuer/letsencrypt".into(),
        ready: "True".into(),
        reason: "Ready".into(),
        message: "".into(),
        issuing: None,
        not_before: Some(now),
        not_after: end(n),
        renewal: end(n),
        revision: 1,
        failed_attempts: 0,
        last_failure: None,
        steps: Arc::new([]),
    };
    Certificates {
        managed: read((0..2000).map(managed).collect()),
        stored: read(
            (0..2000)
                .map(|n| StoredCertificate {
                    namespace: format!("ns-{:02}", n % 40).into(),
                    name: format!("host-{n:04}-tls").into(),
                    chain: Ok(chain(n)),
                })
                .collect(),
        ),
        served: read(
            (0..2000)
                .map(|n| Endpoint {
                    address: format!("host-{n:04}.example.com:443").into(),
                    name: format!("host-{n:04}.example.com").into(),
                    from: "ingress".into(),
                    secret: format!("ns-{:02}/host-{n:04}-tls", n % 40).into(),
                    chain: read(chain(n)),
                    trust: Trust::Trusted,
                    note: "".into(),
                })
                .collect(),
        ),
        gaps: Arc::new([]),
    }
}

fn ids() -> [SourceId; 3] {
    [
        (SourceKind::Postgres, "core"),
        (SourceKind::Queues, "jobs"),
        (SourceKind::Certificates, "cluster"),
    ]
    .map(|(kind, name)| SourceId {
        kind,
        name: name.into(),
    })
}

fn batch(now: Timestamp) -> Batch {
    let [pg, jobs, cluster] = ids();
    Batch {
        sources: vec![
            (pg, Source::Postgres(Arc::new(postgres(now)))),
            (jobs, Source::Queues(Arc::new(queues(now)))),
            (cluster, Source::Certificates(Arc::new(certificates(now)))),
        ],
        reach: ids().into_iter().map(|id| (id, Freshness::Fresh)).collect(),
        ..Batch::default()
    }
}

/// The console without a terminal: its frames go to a counter.
struct Deck {
    app: App,
    terminal: Terminal<Screen<std::io::Sink>>,
    theme: Theme,
    now: Timestamp,
    news: Batch,
}

impl Deck {
    /// At a view, with these keys pressed there.
    fn at(view: &str, then: &[&str]) -> Self {
        let now = Timestamp::now();
        let keys = quarterdeck::run::keymap(&quarterdeck::config::Config::default()).map;
        let (app, _) = App::new(Start {
            sources: ids().to_vec(),
            now,
            size: (COLUMNS, ROWS),
            access: Access::Operator,
            keys,
            thresholds: quarterdeck::signal::Thresholds::default(),
            books: quarterdeck::runbook::library::Library::built_in(),
            context: None,
            scope: Some(Scope::All),
        });
        let screen = Screen::new(std::io::sink(), Size::new(COLUMNS, ROWS), Depth::True, Glyphs::Unicode);
        let mut deck = Self {
            app,
            terminal: Terminal::new(screen).unwrap(),
            theme: Theme::built_in("dark", Depth::True),
            now,
            news: batch(now),
        };
        deck.refresh();
        let (_, open) = VIEWS.iter().find(|(name, _)| *name == view).unwrap();
        for key in open.iter().chain(then) {
            deck.key(key);
        }
        deck
    }

    /// Everything is read anew.
    fn refresh(&mut self) {
        self.now += SignedDuration::from_secs(6);
        self.app.update(Msg::World(self.news.clone()), self.now);
        self.draw();
    }

    /// Draws; the bytes it took.
    fn draw(&mut self) -> u64 {
        let before = self.terminal.backend().bytes_written();
        ui::fit(&mut self.app);
        let look = Look {
            theme: &self.theme,
            symbols: Symbols::of(Glyphs::Unicode),
        };
        let app = &self.app;
        self.terminal.draw(|frame| ui::view(app, look, frame)).unwrap();
        self.terminal.backend().bytes_written() - before
    }

    /// One key, from the press to the bytes.
    fn key(&mut self, key: &str) -> u64 {
        let chord: Chord = key.parse().unwrap();
        black_box(self.app.update(Msg::Key(chord), self.now));
        self.draw()
    }
}

fn with(bencher: Bencher<'_, '_>, view: &str, then: &[&str], mut what: impl FnMut(&mut Deck, usize)) {
    let mut deck = Deck::at(view, then);
    let mut n = 0;
    bencher.bench_local(|| {
        n += 1;
        what(&mut deck, n);
    });
}

/// A cursor move, from the key to the bytes.
#[divan::bench(args = NAMES)]
fn key_cursor(bencher: Bencher<'_, '_>, view: &str) {
    with(bencher, view, &[], |deck, n| {
        deck.key(if n % 2 == 0 { "j" } else { "k" });
    });
}

/// A page on, a page back.
#[divan::bench(args = NAMES)]
fn key_page(bencher: Bencher<'_, '_>, view: &str) {
    with(bencher, view, &[], |deck, n| {
        deck.key(if n % 2 == 0 { "ctrl-f" } else { "ctrl-b" });
    });
}

/// One character more, then one less, in the filter.
#[divan::bench(args = NAMES)]
fn key_filter(bencher: Bencher<'_, '_>, view: &str) {
    with(bencher, view, &["/", "0"], |deck, n| {
        deck.key(if n % 2 == 0 { "1" } else { "backspace" });
    });
}

/// Another order of the whole table: two keys.
#[divan::bench(args = NAMES)]
fn key_sort(bencher: Bencher<'_, '_>, view: &str) {
    with(bencher, view, &[], |deck, _| {
        deck.key("s");
        deck.key("s");
    });
}

/// A row opened and closed: two keys. Of a queue that is its failed jobs.
#[divan::bench(args = NAMES)]
fn key_open_close(bencher: Bencher<'_, '_>, view: &str) {
    with(bencher, view, &["j"], |deck, _| {
        deck.key("enter");
        deck.key("q");
    });
}

/// All sources read anew at once, judged and drawn.
#[divan::bench(args = NAMES)]
fn data_all_anew(bencher: Bencher<'_, '_>, view: &str) {
    with(bencher, view, &[], |deck, _| deck.refresh());
}
