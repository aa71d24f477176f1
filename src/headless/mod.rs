//! Panes without a screen: aligned text for people, JSON for programs, an exit code for scripts.
//!
//! The field names of the JSON are stable: a field may be added, none is renamed or removed. Times are RFC 3339 in
//! UTC; what is not known is `null`. Text from outside is clean in both forms.

mod alerts;
mod certs;
mod check;
pub mod export;
pub mod journal;
mod keys;
pub mod plain;
mod pods;
mod queries;
mod queues;
mod redis;
pub mod report;
mod role;
mod rollouts;
pub mod rows;
pub mod runbooks;
mod signals;
mod source_doubts;
mod sources;
pub mod status;
mod table;
pub mod themes;

use std::process::ExitCode;

use jiff::Timestamp;

use crate::app::{Access, App, Health, ItemRef, Msg, Start};
use crate::keys::{CONTEXTS, Keymap, Vocabulary};
use crate::model::{Freshness, Kind, SourceId, World};
use crate::panes::PaneId;

pub use alerts::alerts;
pub use certs::certs;
pub use check::{check, no_cluster};
pub use keys::{ids, keys};
pub use pods::pods;
pub use queries::queries;
pub use queues::queues;
pub use redis::redis;
pub use role::{Grants, grants};
pub use rollouts::rollouts;
pub use signals::signals;
pub use sources::source_rows;
pub use table::shrink;

/// What a command prints, and what it says of the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Ends with a line end.
    pub text: String,
    /// For the error stream: why the answer is not complete. Empty when it is.
    pub doubts: Vec<String>,
    pub verdict: Verdict,
}

impl Answer {
    /// Something is wrong, too, when another form of the same says so.
    #[must_use]
    pub fn also(mut self, other: Verdict) -> Self {
        if other == Verdict::Wrong {
            self.verdict = other;
        }
        self
    }

    /// Something is wrong, too, when the rules whose ids begin so say it: with the configuration's thresholds, so that
    /// a script hears what the screen shows.
    #[must_use]
    pub fn judged(mut self, judge: &crate::signal::Judge, rules: &[&str]) -> Self {
        let speaks = |id: &str| rules.iter().any(|rule| id.starts_with(rule));
        if judge.signals().iter().any(|s| speaks(s.id)) {
            self.verdict = Verdict::Wrong;
        }
        self
    }
}

/// A console that was shown one look at a platform: a table and the sentences of a pane say the same of it.
pub fn still(world: World, signals: crate::signal::Thresholds, sources: Vec<SourceId>, now: Timestamp) -> App {
    let rows = crate::app::command::rows();
    let vocabulary = Vocabulary {
        commands: &rows,
        contexts: CONTEXTS,
    };
    let (mut app, _) = App::new(Start {
        now,
        // Wide enough that nothing is left out for want of room.
        size: (240, 100),
        access: Access::ReadOnly {
            why: "one look".to_owned(),
        },
        keys: Keymap::load(&[], vocabulary).map(|(map, _)| map).unwrap_or_default(),
        thresholds: signals,
        books: crate::runbook::library::Library::built_in(),
        sources,
        context: None,
        scope: None,
    });
    app.world = world;
    let _ = app.update(Msg::Tick, now);
    app
}

/// What the pane says of each thing of a source.
fn signs(app: &App, id: PaneId) -> Vec<(ItemRef, Health)> {
    let pane = crate::panes::pane(id);
    let rows = (pane.rows)(app);
    let of = |row: &crate::app::Row| Some((row.item()?.what.clone(), pane.sign(app, row)));
    rows.iter().filter_map(of).collect()
}

/// What the console says of the thing that a line stands for: `critical: oldest job waits 17m`; none when it calls for
/// nothing.
fn worst(judge: &crate::signal::Judge, kind: &str, name: &str) -> Option<String> {
    let about = |s: &&crate::signal::Signal| s.subject.kind() == kind && s.subject.name() == name;
    let signal = judge.signals().iter().filter(about).max_by_key(|s| s.severity)?;
    Some(format!("{}: {}", signal.severity.word(), signal.title.state))
}

/// The exit code, worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// 0
    Fine,
    /// 1: something is wrong.
    Wrong,
    /// 2: it cannot be told, because what it rests on is not fully known.
    Unknown,
}

impl Verdict {
    pub const fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Wrong => 1,
            Self::Unknown => 2,
        }
    }

    /// Something wrong is wrong whatever else is not known; nothing wrong is fine only when all is known.
    fn of(wrong: bool, doubts: &[String]) -> Self {
        match (wrong, doubts.is_empty()) {
            (true, _) => Self::Wrong,
            (false, true) => Self::Fine,
            (false, false) => Self::Unknown,
        }
    }
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        Self::from(verdict.code())
    }
}

/// Why `kinds` are not fully known: a sentence for each reason, with all that it concerns.
fn doubts(world: &World, kinds: &[Kind]) -> Vec<String> {
    use crate::model::FeedId;
    let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
    for kind in kinds {
        let why = match world.feed(FeedId::Watch(*kind)) {
            Freshness::Fresh => continue,
            Freshness::Off => "not asked for yet".to_owned(),
            Freshness::Syncing { rows } => format!("{rows} so far, the list is not complete"),
            Freshness::Stale { since, why, .. } => format!("not seen since {since}: {why}"),
            Freshness::Failed { why, .. } => why.to_string(),
            Freshness::Forbidden { why } => format!("not permitted: {why}"),
            Freshness::Absent { why } => format!("the server does not have them: {why}"),
        };
        match reasons.iter_mut().find(|(known, _)| *known == why) {
            Some((_, of)) => of.push(kind.plural()),
            None => reasons.push((why, vec![kind.plural()])),
        }
    }
    let said = reasons.iter().map(|(why, of)| format!("{}: {why}", of.join(", ")));
    said.map(|s| crate::text::clean(&s).into_owned()).collect()
}

/// Everything that is not fully known: of the cluster, where one is connected, and of the sources.
pub fn unknown(world: &World, cluster: bool) -> Vec<String> {
    let mut out = Vec::new();
    if cluster {
        out = doubts(world, &crate::signal::KINDS);
    }
    out.extend(source_doubts::all(world));
    out
}

/// One JSON document on indented lines.
fn json(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Output;
    use crate::feed::kube::access::{CheckRow, CheckState};
    use crate::model::{Batch, Change, FeedId, Meta, Phase, Pod};
    use crate::signal::{Judge, Thresholds};

    fn now() -> Timestamp {
        "2026-11-01T14:00:00Z".parse().unwrap()
    }

    /// Pods and their watch's state; what else there is, is fresh and empty.
    fn world(pods: Vec<Pod>, state: Freshness) -> World {
        let mut world = World::default();
        let feeds = Kind::ALL.into_iter().map(|k| (FeedId::Watch(k), Freshness::Fresh));
        let feeds = feeds.chain([(FeedId::Watch(Kind::Pod), state)]).collect();
        let changes = pods
            .into_iter()
            .map(|p| Change::Pod(p.meta.key(), Some(p.into())))
            .collect();
        world.apply(Batch {
            changes,
            feeds,
            ..Batch::default()
        });
        world
    }

    fn pod(name: &str, is_ready: bool) -> Pod {
        let created = now() - jiff::SignedDuration::from_hours(3);
        Pod {
            meta: Meta {
                namespace: "shop".into(),
                name: name.into(),
                uid: "u".into(),
                created,
                deleting: None,
                owner: None,
                labels: [].into(),
            },
            node: "n1".into(),
            phase: Phase::Running,
            status: "Running\u{1b}]52;c;eA==\u{7}".into(),
            ready: u16::from(is_ready),
            total: 1,
            restarts: 0,
            last_restart: None,
            containers: [].into(),
            is_ready,
            ready_since: Some(created),
            unschedulable: None,
            revision_hash: "".into(),
            ip: "".into(),
            qos: "Burstable".into(),
            service_account: "default".into(),
            message: "\u{202e}evil".into(),
        }
    }

    #[test]
    fn columns_line_up_and_carry_no_control_bytes() {
        let answer = pods(
            &world(vec![pod("a", true), pod("日本", true)], Freshness::Fresh),
            now(),
            Output::Table,
        );
        assert_eq!(
            answer.text,
            "NAMESPACE  NAME  READY  STATUS             RESTARTS  AGE  NODE\n\
             shop       a     1/1    Running]52;c;eA==  0         3h   n1\n\
             shop       日本  1/1    Running]52;c;eA==  0         3h   n1\n"
        );
        let answer = pods(&world(vec![pod("a", true)], Freshness::Fresh), now(), Output::Json);
        let json: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
        assert_eq!(json["pods"][0]["reason"], "evil");
        assert_eq!(json["pods"][0]["last_restart"], serde_json::Value::Null);
        assert_eq!(json["pods"][0]["created"], "2026-11-01T11:00:00Z");
    }

    #[test]
    fn the_exit_code_tells_wrong_from_unknown() {
        let forbidden = || Freshness::Forbidden {
            why: "pods is forbidden".into(),
        };
        for (ready, state, code) in [
            (true, Freshness::Fresh, 0),
            (false, Freshness::Fresh, 1),
            (false, forbidden(), 1),
            (true, forbidden(), 2),
            (true, Freshness::Syncing { rows: 1 }, 2),
        ] {
            let world = world(vec![pod("a", ready)], state);
            let answer = pods(&world, now(), Output::Table);
            assert_eq!(
                (answer.verdict.code(), answer.doubts.is_empty()),
                (code, world.feed(FeedId::Watch(Kind::Pod)).is_fresh())
            );
            let mut judge = Judge::new(Thresholds::default());
            judge.update(&world, now());
            assert_eq!(signals(&world, &judge, now(), Output::Json).verdict.code(), code);
        }
        assert_eq!(
            rollouts(&world(vec![], Freshness::Fresh), now(), Output::Json).verdict,
            Verdict::Fine
        );
    }

    #[test]
    fn a_check_fails_on_what_is_needed_only() {
        let row = |needed, state| CheckRow {
            source: "kubernetes".into(),
            what: "watch pods".into(),
            needed,
            state,
        };
        let missing = || CheckState::Missing {
            grant: "{verbs: [\"watch\"]}".into(),
        };
        let unknown = CheckState::Unknown { why: "timeout".into() };
        for (rows, verdict) in [
            (vec![row(true, CheckState::Ok), row(false, missing())], Verdict::Fine),
            (vec![row(true, missing())], Verdict::Wrong),
            (vec![row(true, unknown)], Verdict::Unknown),
            (
                vec![row(
                    false,
                    CheckState::Said {
                        what: "16 colours".into(),
                    },
                )],
                Verdict::Fine,
            ),
            (
                vec![row(
                    false,
                    CheckState::Wrong {
                        why: "keymap.toml:1:1".into(),
                    },
                )],
                Verdict::Wrong,
            ),
        ] {
            assert_eq!(check(&rows, Output::Table).verdict, verdict);
        }
        assert!(
            check(&[row(true, missing())], Output::Table)
                .text
                .ends_with("missing  grant {verbs: [\"watch\"]}\n")
        );
    }

    /// One Redis with so much of its 100 bytes used.
    fn redis_world(used: u64) -> World {
        use crate::model::{Redis, RedisInfo, RedisNode, Seen, Source, SourceKind};
        let mut info = RedisInfo::default();
        info.memory.used = used;
        info.memory.max = 100;
        info.persistence.rdb_ok = true;
        info.persistence.aof_write_ok = true;
        info.persistence.aof_rewrite_ok = true;
        let node = RedisNode {
            address: "10.0.0.1:6379".into(),
            info: Seen::read(info, now()),
            ..RedisNode::default()
        };
        let id = SourceId {
            kind: SourceKind::Redis,
            name: "cache".into(),
        };
        let redis = Redis {
            nodes: vec![node],
            ..Redis::default()
        };
        let mut world = World::default();
        world.apply(Batch {
            sources: vec![(id.clone(), Source::Redis(redis.into()))],
            reach: vec![(id, Freshness::Fresh)],
            ..Batch::default()
        });
        world
    }

    #[test]
    fn table_json_and_sentences_of_redis_agree_on_what_is_wrong() {
        for (used, verdict, word) in [
            (50, Verdict::Fine, "ok"),
            (85, Verdict::Wrong, "warning: memory fills up"),
            (95, Verdict::Wrong, "critical: memory nearly full"),
        ] {
            let app = still(redis_world(used), Thresholds::default(), Vec::new(), now());
            let table = redis(&app.world, &app.judge, Output::Table);
            assert!(table.text.trim_end().ends_with(word), "{}", table.text);
            let json = redis(&app.world, &app.judge, Output::Json);
            let sentences = plain::pane(&app, PaneId::Redis);
            assert_eq!([table.verdict, json.verdict, sentences.verdict], [verdict; 3], "{used}");
        }
    }

    #[test]
    fn one_reason_is_told_once_with_all_that_it_concerns() {
        let failed = Freshness::Failed {
            why: "no connection".into(),
            retry_at: now(),
        };
        let mut world = World::default();
        world.apply(Batch {
            feeds: Kind::ALL
                .into_iter()
                .map(|k| (FeedId::Watch(k), failed.clone()))
                .collect(),
            ..Batch::default()
        });
        assert_eq!(doubts(&world, &[Kind::Pod, Kind::Node]), ["pods, nodes: no connection"]);
    }
}
