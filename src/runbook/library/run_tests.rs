//! The built-in runbooks for sources, run against worlds that are made here: to their end, and to the gate that stops them.

use super::Library;
use crate::action::{ActionId, Outcome, PostgresAsk, Progress, Request, Stage, Verdict};
use crate::model::postgres::{Connections, Holder, LockRow, LockTree, Server, TableStat};
use crate::model::{
    Batch, BullLayout, Freshness, Postgres, Queue, QueueCounts, QueueRates, QueueSystem, Queues, Seen, Source,
    SourceId, SourceKind, World,
};
use crate::runbook::engine::{ActionAsk, AskId, Effect, Event, Phase, Run, Start, Status, StepState};
use crate::runbook::facts::{self, About, Subject};
use crate::runbook::format::{ActionName, StepKind};
use crate::runbook::request;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn tell(world: &mut World, kind: SourceKind, name: &str, source: Source) {
    let id = SourceId {
        kind,
        name: name.into(),
    };
    world.apply(Batch {
        sources: vec![(id, source)],
        ..Batch::default()
    });
}

/// Somebody who follows a runbook, in a world that the test changes.
struct Walk {
    world: World,
    run: Run,
    now: i64,
    plan: u64,
}

impl Walk {
    fn begin(book: &str, world: World, about: About) -> (Self, Vec<Effect>) {
        let book = Arc::clone(Library::built_in().get(book).unwrap());
        let subject = Subject::about(&world, about);
        let start = Start {
            id: "1".to_owned(),
            operator: "k.lind".to_owned(),
            subject,
            params: BTreeMap::new(),
        };
        let facts = facts::of(&world, &start.subject, at(0));
        let (run, effects) = Run::start(book, start, &facts, at(0));
        let walk = Self {
            world,
            run,
            now: 0,
            plan: 0,
        };
        (walk, effects)
    }

    fn tell(&mut self, event: Event) -> Vec<Effect> {
        self.now += 1;
        let facts = facts::of(&self.world, self.run.subject(), at(self.now));
        self.run.handle(event, &facts, at(self.now))
    }

    fn wait(&mut self, seconds: i64) {
        self.now += seconds;
        self.tell(Event::Tick);
    }

    fn step(&self) -> &str {
        self.run.step().map_or("", |step| step.title.as_str())
    }

    fn state(&self, title: &str) -> &StepState {
        let steps = &self.run.book().steps;
        let index = steps.iter().position(|step| step.title == title);
        &self.run.states()[index.unwrap_or_else(|| panic!("no step {title}"))]
    }

    /// Goes on until the run asks for a change, and gives the request that it becomes.
    fn until_plan(&mut self) -> (AskId, Request) {
        for _ in 0..20 {
            for effect in self.tell(Event::Continue) {
                if let Effect::Plan(ask) = effect {
                    let request = request::resolve(&self.world, self.run.subject(), &ask);
                    return (ask.ask, request.unwrap_or_else(|why| panic!("{why}")));
                }
            }
        }
        panic!(
            "no plan at {}: {:?} {:?}",
            self.step(),
            self.run.phase(),
            self.run.notice()
        );
    }

    /// The plan is confirmed, carried out and found healthy.
    fn carry_out(&mut self, ask: AskId) {
        self.plan += 1;
        let plan = ActionId(self.plan);
        let title = String::new();
        self.tell(Event::PlanMade { ask, plan, title });
        self.tell(Event::Confirmed { plan });
        let stage = Stage::Done {
            outcome: Outcome::Applied,
            verdict: Some(Verdict::Healthy("done".to_owned())),
            undo: None,
        };
        let at = at(self.now);
        self.tell(Event::Progress(Box::new(Progress { id: plan, at, stage })));
    }
}

fn queue(ready: u64, workers: u64, growth: f64) -> Source {
    let queue = Queue {
        name: "default".into(),
        system: QueueSystem::BullMq(BullLayout {
            major: Some(5),
            ..BullLayout::default()
        }),
        workload: Some("deployment/cortex/worker".into()),
        counts: Seen::read(
            QueueCounts {
                ready,
                active: Some(2),
                failed: Some(0),
                stalled: Some(0),
                paused: Some(false),
                oldest: (ready > 0).then(|| at(-900)),
                workers: Some(workers),
                ..QueueCounts::default()
            },
            at(0),
        ),
        rates: Some(QueueRates {
            over: SignedDuration::from_secs(60),
            added: Some(90.0),
            finished: Some(if workers > 0 { 30.0 } else { 0.0 }),
            growth,
            failed_10m: Some(0),
            finished_10m: Some(300),
        }),
        ..Queue::default()
    };
    Source::Queues(Arc::new(Queues {
        queues: vec![queue],
        ..Queues::default()
    }))
}

/// A worker Deployment with two pods, and a queue that grows.
fn backlog(workers: u64) -> (World, About) {
    let mut world = crate::runbook::facts::testing::world("worker", 2);
    tell(&mut world, SourceKind::Queues, "jobs", queue(1800, workers, 60.0));
    let about = About::Queue {
        source: "jobs".into(),
        queue: "default".into(),
    };
    (world, about)
}

#[test]
fn a_backlog_with_workers_is_scaled_and_watched_until_it_is_worked_off() {
    let (world, about) = backlog(2);
    let (mut walk, _) = Walk::begin("worker-backlog", world, about);
    assert_eq!(walk.step(), "What is waiting?");
    let (ask, request) = walk.until_plan();
    // 90 a minute come, 1800 wait for half an hour at most, a pod does 15: ten pods.
    let Request::Scale { target, replicas, seen } = &request else {
        panic!("{request:?}")
    };
    assert_eq!((&*target.name, *replicas, *seen), ("worker", 10, 2));
    assert_eq!(walk.step(), "Scale the workers");
    walk.carry_out(ask);
    assert_eq!(walk.step(), "Does it shrink?", "restarting is not needed");
    tell(&mut walk.world, SourceKind::Queues, "jobs", queue(900, 10, -200.0));
    walk.wait(10);
    walk.wait(70);
    assert_eq!(walk.step(), "Is it worked off?");
    tell(&mut walk.world, SourceKind::Queues, "jobs", queue(0, 10, -200.0));
    walk.wait(10);
    assert_eq!(walk.step(), "Tell others");
    walk.tell(Event::Continue);
    assert_eq!(walk.run.status(), &Status::Completed);
}

#[test]
fn a_backlog_without_workers_is_not_scaled_but_restarted() {
    let (world, about) = backlog(0);
    let (mut walk, _) = Walk::begin("worker-backlog", world, about);
    let (_, request) = walk.until_plan();
    assert!(matches!(request, Request::Restart { .. }), "{request:?}");
    assert!(matches!(walk.state("Are workers alive?"), StepState::Failed(_)));
    assert!(matches!(walk.state("Scale the workers"), StepState::Skipped(_)));
}

#[test]
fn a_queue_that_was_read_long_ago_is_not_scaled_by() {
    let (mut world, about) = backlog(2);
    let Source::Queues(set) = queue(1800, 2, 60.0) else {
        panic!()
    };
    let mut set = (*set).clone();
    set.queues[0]
        .counts
        .failed(crate::model::Problem::TimedOut("no answer".into()));
    tell(&mut world, SourceKind::Queues, "jobs", Source::Queues(Arc::new(set)));
    let (walk, _) = Walk::begin("worker-backlog", world, about);
    assert!(matches!(walk.state("Is there a backlog?"), StepState::Unknown(_)));
    assert_eq!(walk.run.phase(), &Phase::Undecided);
}

#[test]
fn nothing_is_planned_by_a_source_that_does_not_answer() {
    let chain = vec![row(1, &[], "active"), row(2, &[1], "active")];
    let mut world = locked(chain);
    let ask = ActionAsk {
        ask: AskId(1),
        step: String::new(),
        action: ActionName::TerminateSession,
        target: "session/core/1@2026-11-21 11:01:00+00".to_owned(),
        args: Vec::new(),
        reason: String::new(),
        verify_for: None,
        soak: None,
    };
    assert!(request::resolve(&world, &Subject::default(), &ask).is_ok());
    let another = ActionAsk {
        target: "session/core/1@2026-11-21 12:00:00+00".to_owned(),
        ..ask.clone()
    };
    let ended = request::resolve(&world, &Subject::default(), &another).unwrap_err();
    assert!(ended.contains("has ended"), "the pid alone is not enough: {ended}");
    let id = SourceId {
        kind: SourceKind::Postgres,
        name: "core".into(),
    };
    let lost = Freshness::Stale {
        since: at(0),
        why: "cut".into(),
        retry_at: at(9),
    };
    world.apply(Batch {
        reach: vec![(id, lost)],
        ..Batch::default()
    });
    let stale = request::resolve(&world, &Subject::default(), &ask).unwrap_err();
    assert!(stale.contains("not fresh"), "{stale}");
}

fn server() -> Server {
    Server {
        may_signal: true,
        database: "cortex".to_owned(),
        ..Server::default()
    }
}

fn row(pid: i32, by: &[i32], state: &str) -> LockRow {
    LockRow {
        pid,
        blocked_by: by.to_vec(),
        user: Some("cortex".to_owned()),
        application: Some("migrate".to_owned()),
        state: Some(state.to_owned()),
        backend_start: Some(format!("2026-11-21 11:0{pid}:00+00")),
        xact_s: Some(300.0),
        state_s: Some(250.0),
        wait_s: (!by.is_empty()).then_some(90.0),
        query: Some("ALTER TABLE jobs ADD x int".to_owned()),
        ..LockRow::default()
    }
}

fn locked(rows: Vec<LockRow>) -> World {
    let mut world = World::default();
    let postgres = Postgres {
        server: Seen::read(server(), at(0)),
        activity: Seen::read(Vec::new(), at(0)),
        locks: Seen::read(LockTree::of(rows), at(0)),
        connections: Seen::read(Connections::default(), at(0)),
        ..Postgres::default()
    };
    tell(
        &mut world,
        SourceKind::Postgres,
        "core",
        Source::Postgres(Arc::new(postgres)),
    );
    world
}

fn session(pid: i32) -> About {
    About::Session {
        source: "core".into(),
        pid,
        backend_start: Some(format!("2026-11-21 11:0{pid}:00+00")),
    }
}

#[test]
fn the_root_of_a_chain_is_ended_whoever_of_it_was_selected() {
    let chain = vec![
        row(1, &[], "idle in transaction"),
        row(2, &[1], "active"),
        row(3, &[2], "active"),
    ];
    let (mut walk, _) = Walk::begin("blocked-queries", locked(chain), session(3));
    let (ask, request) = walk.until_plan();
    let Request::Postgres {
        ask: PostgresAsk::TerminateSession { pid, backend_start },
        ..
    } = &request
    else {
        panic!("{request:?}")
    };
    assert_eq!((*pid, backend_start.as_str()), (1, "2026-11-21 11:01:00+00"));
    walk.carry_out(ask);
    assert_eq!(walk.step(), "Do the others run?");
    walk.world = locked(Vec::new());
    walk.wait(1);
    walk.wait(25);
    assert_eq!(walk.step(), "Tell others");
}

#[test]
fn a_prepared_transaction_is_not_ended_from_here() {
    let (mut walk, _) = Walk::begin("blocked-queries", locked(vec![row(2, &[0], "active")]), session(2));
    walk.tell(Event::Continue);
    let StepState::Failed(why) = walk.state("Is it a client's?") else {
        panic!("{:?} at {}", walk.run.states(), walk.step())
    };
    assert!(why.contains("prepared transaction"), "{why}");
    assert_eq!(walk.run.phase(), &Phase::Stopped);
}

fn bloated(dead: i64, holder: Option<Holder>) -> World {
    let table = TableStat {
        oid: 1,
        schema: "public".to_owned(),
        name: "jobs".to_owned(),
        live: 100_000,
        dead,
        modified: 0,
        threshold: 20_050.0,
        autovacuum: true,
        bytes: 1 << 30,
        vacuumed: Some(at(-200_000)),
        analyzed: Some(at(-200_000)),
        vacuums: 3,
        frozen_age: Some(1000),
        chunks: None,
    };
    let postgres = Postgres {
        server: Seen::read(server(), at(0)),
        tables: Seen::read(vec![table], at(0)),
        work: Seen::read(Vec::new(), at(0)),
        horizon: Seen::read(holder.into_iter().collect(), at(0)),
        ..Postgres::default()
    };
    let mut world = World::default();
    tell(
        &mut world,
        SourceKind::Postgres,
        "core",
        Source::Postgres(Arc::new(postgres)),
    );
    world
}

fn jobs() -> About {
    About::Table {
        source: "core".into(),
        schema: "public".to_owned(),
        name: "jobs".to_owned(),
    }
}

#[test]
fn a_bloated_table_is_vacuumed_and_found_clean() {
    let (mut walk, _) = Walk::begin("bloated-table", bloated(400_000, None), jobs());
    let (ask, request) = walk.until_plan();
    let Request::Postgres {
        ask: PostgresAsk::Vacuum { table, analyze: true },
        ..
    } = &request
    else {
        panic!("{request:?}")
    };
    assert_eq!(table.to_string(), "public.jobs");
    walk.carry_out(ask);
    assert_eq!(walk.step(), "Is it clean?");
    walk.world = bloated(10, None);
    walk.wait(1);
    assert_eq!(walk.step(), "Will it come again?");
}

#[test]
fn a_table_whose_rows_a_slot_holds_is_not_vacuumed() {
    let slot = Holder {
        kind: "slot".to_owned(),
        name: "debezium".to_owned(),
        age: 5_000_000,
        database: None,
        user: None,
        state: None,
        since_s: None,
        query: None,
    };
    let (mut walk, _) = Walk::begin("bloated-table", bloated(400_000, Some(slot)), jobs());
    walk.tell(Event::Continue);
    let StepState::Failed(why) = walk.state("Can rows be removed?") else {
        panic!("{:?} at {}", walk.run.states(), walk.step())
    };
    assert!(why.starts_with("slot debezium holds"), "{why}");
}

#[test]
fn every_runbook_looks_judges_acts_or_says_why_not_and_ends_by_telling() {
    for book in Library::built_in().iter() {
        let has = |of: fn(&StepKind) -> bool| book.steps.iter().any(|step| of(&step.kind));
        let id = &book.id;
        assert!(has(|kind| matches!(kind, StepKind::Diagnose)), "{id} has no diagnose");
        assert!(has(|kind| matches!(kind, StepKind::Gate { .. })), "{id} has no gate");
        assert!(has(|kind| matches!(kind, StepKind::Wait(_))), "{id} verifies nothing");
        let acts = has(|kind| matches!(kind, StepKind::Action(_)));
        let refuses = book.appendix.iter().any(|section| section.title == "Not from here");
        assert!(acts || refuses, "{id} neither acts nor says why not");
        let last = book.steps.last().unwrap();
        assert!(
            matches!(last.kind, StepKind::Note { .. }) && last.title.starts_with("Tell"),
            "{id}"
        );
        for step in &book.steps {
            assert!(step.title.chars().count() <= 22, "{id}: {}", step.title);
        }
    }
}

#[test]
fn every_signal_that_names_a_runbook_finds_it() {
    let library = Library::built_in();
    for (signal, book) in SIGNALS {
        let answers: Vec<&str> = library.answering(signal).map(|book| book.id.as_str()).collect();
        assert_eq!(answers, [*book], "{signal}");
    }
}

/// Which runbook answers which signal.
const SIGNALS: &[(&str, &str)] = &[
    ("pod.crashloop", "crash-loop"),
    ("pod.image", "stalled-rollout"),
    ("pod.oom", "out-of-memory"),
    ("pod.restarts", "crash-loop"),
    ("pod.pending", "pending-pods"),
    ("pod.not-ready", "crash-loop"),
    ("rollout.stalled", "stalled-rollout"),
    ("rollout.unavailable", "stalled-rollout"),
    ("hpa.limit", "scale-for-load"),
    ("hpa.unable", "scale-for-load"),
    ("node.not-ready", "node-drain"),
    ("job.failed", "backup-restore"),
    ("queue.backlog", "worker-backlog"),
    ("queue.oldest", "worker-backlog"),
    ("queue.no-worker", "worker-backlog"),
    ("queue.failures", "failed-jobs"),
    ("queue.paused", "worker-backlog"),
    ("pg.blocked", "blocked-queries"),
    ("pg.long-query", "slow-queries"),
    ("pg.idle-in-tx", "blocked-queries"),
    ("pg.connections", "connections-exhausted"),
    ("pg.slow-statement", "slow-queries"),
    ("pg.dead-tuples", "bloated-table"),
    ("pg.wraparound", "wraparound"),
    ("pgbouncer.waiting", "connections-exhausted"),
    ("redis.memory", "redis-memory"),
    ("redis.evictions", "redis-memory"),
    ("redis.persistence", "redis-memory"),
    ("redis.slow", "redis-memory"),
    ("cert.expiring", "certificate-renewal"),
    ("cert.overdue", "certificate-renewal"),
    ("cert.stuck", "certificate-renewal"),
    ("cert.mismatch", "certificate-renewal"),
    ("http.down", "high-error-rate"),
    ("slo.burn", "high-error-rate"),
    ("app.errors", "high-error-rate"),
    ("app.latency", "high-latency"),
];
