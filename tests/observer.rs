//! Whoever only looks sees what PostgreSQL, Redis and the queues are busy with, and for whom not: no literal of a statement,
//! no payload of a job, no argument of a slow command. Marked ones are in real servers; an observer and an operator walk over
//! the same panes by the same keys. The operator sees the marks, or the walk would prove nothing. Then the answers of `qd`,
//! the journal, the log and the spool are searched.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::duplicate_mod)] // each support brings the one that starts servers

mod person_support;
mod postgres_support;
mod redis_support;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use person_support::{Deed, Hands, do_all, loaded, once};
use postgres_support::Pg;
use quarterdeck::app::Effect;
use quarterdeck::app::layers::PlanState;
use quarterdeck::panes::PaneId;
use quarterdeck::picture::{self, Paper};
use quarterdeck::sim::demo::{self, Demo};
use quarterdeck::theme::{Depth, Glyphs, Theme};
use redis_support::Server;
use tokio_postgres::Client;

/// Literals: of a session that idles in its transaction, of one that runs, of one that waits for the first, of a statement
/// that pg_stat_statements keeps as it was written, and a number.
const INSERTED: &str = "mark-inserted-7c1";
const RUNNING: &str = "mark-running-2b8";
const BLOCKED: &str = "mark-blocked-91e";
const COUNTED: &str = "mark-counted-c40";
const NUMBER: &str = "7318824401";
/// Payloads: a failed job's, what its reason quotes of it, and the key that a slow command was about.
const PAYLOAD: &str = "mark-payload-d5a";
const QUOTED: &str = "mark-quoted-08b";
const ADDRESS: &str = "mark-address-f17";
const KEY: &str = "mark-key-3e6";
/// An operator may see these in their own console.
const MAY: [&str; 9] = [
    INSERTED, RUNNING, BLOCKED, COUNTED, NUMBER, PAYLOAD, QUOTED, ADDRESS, KEY,
];
/// Nobody: the payload of a job that waits, the value that a slow command wrote, a password in a statement.
const NOBODY: [&str; 3] = ["mark-waiting-6d2", "mark-value-a90", "mark-password-1fa"];

/// Columns and rows: wide, and as a terminal comes.
const SIZES: [(u16, u16); 2] = [(160, 50), (80, 24)];

/// The platform, and the sessions that hold it up.
struct Stand {
    demo: Demo,
    pg: Pg,
    redis: Server,
    _sessions: Vec<Client>,
    homes: BTreeMap<bool, tempfile::TempDir>,
}

impl Stand {
    async fn begin() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let database = tokio::spawn(async {
            let pg = Pg::start(17, "").await;
            let sessions = sessions(&pg).await;
            (pg, sessions)
        });
        let demo = demo::start(demo::Options::default()).await.unwrap();
        let (pg, sessions) = database.await.unwrap();
        let redis = Server::start(&[]);
        jobs(&redis);
        let homes = [true, false].map(|read_only| {
            let home = tempfile::tempdir().unwrap();
            std::fs::create_dir(home.path().join("spool")).unwrap();
            (read_only, home)
        });
        Self {
            demo,
            pg,
            redis,
            _sessions: sessions,
            homes: homes.into(),
        }
    }

    fn home(&self, read_only: bool) -> &Path {
        self.homes[&read_only].path()
    }

    /// The demonstration's cluster with these servers. Every change wants a second person, who is asked through the spool.
    fn config(&self, read_only: bool) -> String {
        let text = std::fs::read_to_string(self.demo.config()).unwrap();
        let mut root: toml::Table = text.parse().unwrap();
        let platform = root["platform"][0].as_table_mut().unwrap();
        let own = format!(
            "[[postgres]]\nname = 'core'\ndsn = '{}'\n[[redis]]\nname = 'cache'\nurl = '{}'\n\
             [[queues]]\nname = 'jobs'\nredis = 'cache'\n",
            self.pg.dsn("qd"),
            self.redis.url()
        );
        platform.extend(own.parse::<toml::Table>().unwrap());
        platform.insert("classify".to_owned(), "production".into());
        let spool = self.home(read_only).join("spool");
        format!(
            "[policy]\ntwo_person_from = 'R1'\n[spool]\npath = '{}'\n{root}",
            spool.display()
        )
    }
}

/// One idles in its transaction, one waits for it, one runs; and what was said before is counted.
async fn sessions(pg: &Pg) -> Vec<Client> {
    let admin = pg.admin().await;
    let sql = "CREATE ROLE shop LOGIN; GRANT pg_signal_backend TO qd; CREATE TABLE mail (id bigint PRIMARY KEY, whom text); \
         INSERT INTO mail VALUES (1, ''); GRANT ALL ON mail TO shop; GRANT SELECT ON mail TO qd";
    admin.batch_execute(sql).await.unwrap();
    // They take longest, so they come first.
    for (took, does) in [
        (0.4, format!("RAISE DEBUG '{COUNTED}'")),
        (0.6, format!("ALTER ROLE shop PASSWORD '{}'", NOBODY[2])),
    ] {
        let kept = format!("DO $$ BEGIN PERFORM pg_sleep({took}); {does}; END $$");
        admin.batch_execute(&kept).await.unwrap();
    }
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(pg.client("shop", "postgres").await.unwrap());
    }
    for sql in [
        "BEGIN".to_owned(),
        "UPDATE mail SET whom = 'x' WHERE id = 1".to_owned(),
        format!("INSERT INTO mail VALUES ({NUMBER}, '{INSERTED}')"),
    ] {
        all[0].batch_execute(&sql).await.unwrap();
    }
    let runs = [
        format!("UPDATE mail SET whom = '{BLOCKED}' WHERE id = 1"),
        format!("SELECT pg_sleep(600), '{RUNNING}' FROM mail"),
    ];
    for sql in runs {
        let client = all.pop().unwrap();
        tokio::spawn(async move { client.batch_execute(&sql).await });
    }
    all
}

/// A job that waits, one that failed, and a slow command.
fn jobs(redis: &Server) {
    let now = jiff::Timestamp::now().as_millisecond().to_string();
    let reason = format!("no box for \"{QUOTED} of us\" at <{ADDRESS}@example.org>");
    let [data, waiting] = [PAYLOAD, NOBODY[0]].map(|mark| format!("{{\"to\":\"{mark}\"}}"));
    for words in [
        vec!["HSET", "bull:mail:meta", "version", "bullmq:5.81.5"],
        vec![
            "HSET",
            "bull:mail:1",
            "name",
            "send",
            "data",
            &waiting,
            "timestamp",
            &now,
        ],
        vec!["RPUSH", "bull:mail:wait", "1"],
        vec![
            "HSET",
            "bull:mail:7",
            "name",
            "send",
            "data",
            &data,
            "failedReason",
            &reason,
            "timestamp",
            &now,
            "atm",
            "3",
        ],
        vec!["ZADD", "bull:mail:failed", &now, "7"],
        vec!["CONFIG", "SET", "slowlog-log-slower-than", "0"],
        vec!["SET", &format!("user:{KEY}"), NOBODY[1]],
        vec!["CONFIG", "SET", "slowlog-log-slower-than", "1000000"],
    ] {
        redis.cli(&words);
    }
}

/// Everything that was on a screen or left it, by where it was.
#[derive(Default)]
struct Seen(RefCell<Vec<(String, String)>>);

impl Seen {
    fn add(&self, at: &str, text: impl Into<String>) {
        self.0.borrow_mut().push((at.to_owned(), text.into()));
    }

    /// Which marks are where.
    fn holding(&self, marks: &[&str]) -> BTreeSet<String> {
        let all = self.0.borrow();
        let found = all.iter().flat_map(|(at, text)| {
            let held = marks.iter().filter(|mark| text.contains(**mark));
            held.map(move |mark| format!("{mark} in {at}"))
        });
        found.collect()
    }

    /// Every file under a folder.
    fn files(&self, folder: &Path) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.files(&path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                self.add(&path.display().to_string(), String::from_utf8_lossy(&bytes));
            }
        }
    }
}

/// Whether all that is marked was read, so far as a console may.
fn all_read(hands: &Hands<'_>) -> bool {
    let sources = &hands.app.world.sources;
    let Some(pg) = sources.postgres.get("core") else {
        return false;
    };
    let runs = |text: &str| {
        let all = pg.activity.last().into_iter().flatten();
        all.filter_map(|s| s.query.as_deref()).any(|q| q.contains(text))
    };
    let waits = pg.locks.last().is_some_and(|t| t.lines.iter().any(|w| w.depth > 0));
    let counted = pg.statements.last().is_some_and(|all| {
        let texts = all.rows.iter().filter_map(|s| s.text.as_deref());
        texts.filter(|text| text.starts_with("DO ")).count() == 2
    });
    let slow = sources.redis.get("cache").is_some_and(|r| {
        let entries = r
            .nodes
            .iter()
            .filter_map(|n| n.slow_log.last())
            .flat_map(|l| &l.entries);
        entries.into_iter().any(|e| e.command.starts_with("SET "))
    });
    let failed = sources.queues.get("jobs").is_some_and(|set| {
        let counts = set.queues.iter().filter_map(|q| q.counts.last());
        counts.into_iter().any(|c| c.failed == Some(1) && c.ready == 1)
    });
    waits && runs("INSERT INTO mail") && runs("pg_sleep") && counted && slow && failed
}

/// Waits until the jobs of the queue that is open were read.
fn job_read(hands: &mut Hands<'_>) -> bool {
    let queues = hands.app.world.sources.queues.get("jobs");
    let mut all = queues.into_iter().flat_map(|set| &set.queues);
    all.any(|q| q.failed_jobs.last().is_some_and(|f| f.jobs.len() == 1))
}

/// The keys that look at every view of a pane, and at so many of its rows as a page and by copies.
fn over(views: usize, rows: usize) -> Vec<&'static str> {
    let row = ["c r", "c k", "c c", "c n", "enter", "j j j j", "esc j"];
    let view: Vec<_> = ["g g"].into_iter().chain(row.repeat(rows)).chain(["v"]).collect();
    view.repeat(views)
}

/// Draws what is on screen.
fn draw(hands: &mut Hands<'_>, theme: &Theme, seen: &Seen) {
    let paper = Paper {
        theme,
        depth: Depth::True,
        glyphs: Glyphs::Unicode,
        title: "qd",
    };
    let frame = picture::text(&picture::draw(hands.app, paper).cells);
    seen.add(&format!("a frame of {:?}", hands.app.pane), frame);
}

/// One console, from the first look to the last: everything that it showed and gave away. Also how many rows a filter by
/// each mark leaves.
async fn walk(stand: &Stand, read_only: bool) -> (Seen, BTreeMap<&'static str, usize>) {
    let seen = &Seen::default();
    let left = &RefCell::new(BTreeMap::new());
    let theme = &Theme::built_in("dark", Depth::True);
    // While a mark is being typed it is on screen, of course.
    let typed = &Cell::new(false);
    let mut deeds: Vec<Deed<'_>> = vec![Box::new(|hands| {
        hands.app.size = SIZES[0];
        all_read(hands)
    })];
    for (size, rows) in SIZES.into_iter().zip([4, 1]) {
        for (pane, views) in [("4", 7), ("5", 6)] {
            deeds.push(once(move |hands| {
                hands.app.size = size;
                hands.press(pane);
                for keys in over(views, rows) {
                    // Where there is no such row, `esc` leaves the whole screen again.
                    if !hands.app.zoomed {
                        hands.press("z");
                    }
                    hands.press(keys);
                    draw(hands, theme, seen);
                }
                hands.press("z");
            }));
        }
        deeds.push(once(|hands| hands.press("3 g g enter")));
        deeds.push(Box::new(job_read));
        for keys in ["j j j j j j j j j j", "esc h", "esc c r", "c k"] {
            deeds.push(once(move |hands| hands.press(keys)));
        }
    }
    deeds.push(once(|hands| hands.app.size = SIZES[0]));
    // What the planner would do with the statement that runs.
    deeds.push(once(|hands| sought(hands, "pg_sleep", "e")));
    deeds.push(Box::new(|hands| {
        let drawn = hands.app.layers.last();
        drawn.is_some_and(|layer| !format!("{layer:?}").contains("Loading"))
    }));
    deeds.push(once(|hands| hands.press("esc")));
    for mark in [RUNNING, NUMBER] {
        deeds.push(once(move |hands| {
            typed.set(true);
            sought(hands, mark, "");
        }));
        deeds.push(once(move |hands| {
            let rows = hands.app.list(PaneId::Queries).rows().len();
            left.borrow_mut().insert(mark, rows);
            sought(hands, "", "");
            typed.set(false);
        }));
    }
    if !read_only {
        // A second person is asked through the spool: what they read there is not for everybody who may see it.
        deeds.push(once(|hands| sought(hands, "pg_sleep", "a c")));
        deeds.push(Box::new(|hands| {
            if matches!(hands.plan().map(|p| &p.state), Some(PlanState::Ready(_))) {
                hands.confirm();
            }
            let lies = std::fs::read_dir(stand.home(false).join("spool")).unwrap();
            lies.flatten()
                .any(|e| e.file_name().to_string_lossy().starts_with("ask."))
        }));
        deeds.push(once(|_| seen.files(&stand.home(false).join("spool"))));
    }
    deeds.push(once(|hands| hands.press("esc esc T")));
    let loaded = loaded(&stand.config(read_only), stand.home(read_only), read_only);
    do_all(loaded, deeds, |hands| {
        if typed.get() {
            return;
        }
        for effect in hands.effects() {
            match effect {
                Effect::Copy(text) => seen.add("the clipboard", text),
                other if read_only => seen.add("an effect", format!("{other:?}")),
                _ => {}
            }
        }
        draw(hands, theme, seen);
    })
    .await;
    (Seen(seen.0.take().into()), left.take())
}

/// Filters the queries by a text, and presses keys on the first that is left.
fn sought(hands: &mut Hands<'_>, text: &str, keys: &str) {
    hands.press("4 / ctrl-u");
    hands.types(text);
    hands.press("enter g g");
    hands.press(keys);
}

/// What the program itself says of these panes, and what it leaves behind.
fn said(stand: &Stand, read_only: bool, lines: &[&str]) -> Seen {
    let config = stand.home(read_only).join("qd.toml");
    std::fs::write(&config, stand.config(read_only)).unwrap();
    let seen = Seen::default();
    let run = &|line: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_qd"));
        command.args(line.split(' ')).arg("--config").arg(&config);
        command.args(read_only.then_some("--read-only"));
        let out = command.env_clear().env("HOME", stand.home(read_only)).output().unwrap();
        let errors = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!out.stdout.is_empty(), "{line}: {errors}");
        (
            line.to_owned(),
            String::from_utf8_lossy(&out.stdout).into_owned() + &errors,
        )
    };
    std::thread::scope(|scope| {
        // Each waits for the servers more than it computes.
        let begun: Vec<_> = lines.iter().map(|line| scope.spawn(move || run(line))).collect();
        for thread in begun {
            let (line, text) = thread.join().unwrap();
            seen.add(&line, text);
        }
    });
    for folder in [".local", "spool"] {
        seen.files(&stand.home(read_only).join(folder));
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observer_sees_no_literal_and_no_payload_and_an_operator_does() {
    let stand = Stand::begin().await;
    let none = BTreeSet::new();

    let (operator, observer) = tokio::join!(walk(&stand, false), walk(&stand, true));
    let (operator, left) = operator;
    for mark in MAY {
        let found = operator.holding(&[mark]);
        assert!(
            found.iter().any(|at| at.contains("a frame")),
            "{mark} is in no frame of the operator: {found:?}"
        );
    }
    assert!(operator.holding(&MAY).iter().any(|at| at.ends_with("the clipboard")));
    assert!(operator.holding(&["ask."]).is_empty());
    assert_eq!(operator.holding(&NOBODY), none);
    let spool: BTreeSet<String> = operator
        .holding(&MAY)
        .into_iter()
        .filter(|at| at.contains("/spool/"))
        .collect();
    assert_eq!(spool, none, "others read the spool");
    assert!(left.values().all(|n| *n > 0), "{left:?}");

    let (observer, left) = observer;
    // The same rows were on screen, without the values.
    for shown in [
        "INSERT INTO mail VALUES (?",
        "pg_sleep(?)",
        "SET whom = ?",
        "DO ?",
        "SET (2 arguments)",
        "no box for",
    ] {
        assert!(!observer.holding(&[shown]).is_empty(), "{shown} was not shown");
    }
    assert_eq!(observer.holding(&MAY), none);
    assert_eq!(observer.holding(&NOBODY), none);
    assert!(
        left.values().all(|n| *n == 0),
        "a filter tells what is hidden: {left:?}"
    );

    let lines = [
        "queries --output json",
        "queries --plain",
        "queues --output json",
        "queues --plain mail",
        "redis --output json",
        "signals --output json",
        "status",
        "status --output json",
        "snapshot --pane queries --size 160x50",
        "report --since 1h",
        "report --since 1h --output json",
        "journal export",
    ];
    let observer = said(&stand, true, &lines);
    assert_eq!(observer.holding(&[&MAY[..], &NOBODY[..]].concat()), none);
    let operator = said(&stand, false, &lines);
    let found = operator.holding(&MAY);
    assert!(
        found.contains(&format!("{RUNNING} in queries --output json")),
        "{found:?}"
    );
    // What goes to others is as an observer sees it, whoever asks; so is what is kept.
    let mine = [
        "in queries --output json",
        "in queues --output json",
        "in redis --output json",
        "in signals --output json",
    ];
    let beyond: BTreeSet<String> = found
        .into_iter()
        .filter(|at| !mine.iter().any(|own| at.ends_with(own)))
        .collect();
    assert_eq!(beyond, none);
    assert_eq!(operator.holding(&NOBODY), none);
    stand.demo.stop().await;
}
