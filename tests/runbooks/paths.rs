//! The ten runbooks that come first, on the ways that do not end well: their reason is gone, the plan is refused, no answer
//! comes, what was done is taken back. A table says for each way of each runbook which test walks it, or why there is none.

use quarterdeck::runbook::Library;
use quarterdeck::runbook::engine::{Status, StepState};
use quarterdeck::runbook::format::StepKind;
use quarterdeck::sim::demo::Demo;
use quarterdeck::sim::faults;
use quarterdeck::sim::kube::Fault;
use quarterdeck::sim::kube::faults::Rule;
use quarterdeck::sim::kube::resources::SCALEDOBJECTS;

use crate::person::{Person, platform};
use crate::world::{field, image, psql};

/// How its change goes over the wire.
#[derive(Clone, Copy)]
enum Wire {
    /// A patch of this resource, at this path.
    Patch(&'static str, &'static str),
    /// The same by PUT.
    Put(&'static str, &'static str),
    /// A statement with this text.
    Postgres(&'static str),
    /// A command.
    Redis(&'static str),
}

impl Wire {
    fn refuse(self, demo: &Demo) {
        match self {
            Self::Patch(resource, _) => demo.server().faults().refuse("patch", resource),
            Self::Put(resource, _) => demo.server().faults().refuse("update", resource),
            Self::Postgres(text) => demo.postgres().with(|db| db.fail(text, faults::Fault::Refuse)),
            Self::Redis(command) => demo.redis().fail(command, faults::Fault::Refuse),
        }
    }

    /// The connection is lost before an answer; whether it took effect cannot be told from here.
    fn lose(self, demo: &Demo) {
        match self {
            Self::Patch(_, path) => demo.server().faults().set(Rule::new("PATCH", path, 1, Fault::Drop)),
            Self::Put(_, path) => demo.server().faults().set(Rule::new("PUT", path, 1, Fault::Drop)),
            Self::Postgres(text) => demo.postgres().with(|db| db.fail(text, faults::Fault::LoseAfter)),
            Self::Redis(command) => demo.redis().fail(command, faults::Fault::LoseAfter),
        }
    }

    /// Whether the right is looked up when the plan is made.
    const fn is_asked_before(self) -> bool {
        matches!(self, Self::Patch(..) | Self::Put(..))
    }
}

/// Goes as far as the step that changes something, and gives its title.
async fn to_the_change(p: &mut Person, book: &str, on: &str) -> &'static str {
    p.begins(book, on, &[]).await;
    match book {
        "worker-backlog" => {
            p.on("What is waiting?").await;
            p.chooses("How many workers?", "6").await;
            "Raise the minimum"
        }
        "stalled-rollout" => {
            for step in ["What is the cause?", "What changed?", "Back to which one?"] {
                p.on(step).await;
            }
            "Roll back"
        }
        "high-error-rate" => {
            for step in ["How bad is it?", "What changed?", "What will you do?"] {
                p.on(step).await;
            }
            "Roll back"
        }
        "crash-loop" => {
            for step in [
                "How does it end?",
                "What does it say last?",
                "One pod or all?",
                "A release just before?",
            ] {
                p.on(step).await;
            }
            p.chooses("What will you do?", "roll back").await;
            "Roll back"
        }
        "certificate-renewal" => {
            p.on("What is wrong?").await;
            "Renew"
        }
        "blocked-queries" => {
            p.on("Who blocks whom?").await;
            p.on("What will you do?").await;
            "End the session"
        }
        "bloated-table" => {
            p.on("Why was it left?").await;
            "Vacuum the table"
        }
        "connections-exhausted" => {
            p.on("Who holds them?").await;
            p.chooses("What will you do?", "restart its workload").await;
            p.gives("Restart the workload", "memory-api").await;
            "Restart the workload"
        }
        "redis-memory" => {
            p.on("What takes it?").await;
            p.chooses("What will you do?", "delete a cache").await;
            p.chooses("Which prefix?", "cache:page:").await;
            "Delete the cache"
        }
        _ => panic!("{book} changes nothing"),
    }
}

/// Without the right to it nothing is changed, whether that is known before or only told then.
async fn is_refused(p: &mut Person, demo: &Demo, book: &str, on: &str, wire: Wire) {
    if wire.is_asked_before() {
        wire.refuse(demo);
    }
    let step = to_the_change(p, book, on).await;
    p.plan(step).await;
    if wire.is_asked_before() {
        assert!(
            p.blocked().unwrap().starts_with("permission"),
            "{book}: {:?}",
            p.blocked()
        );
        p.aborts().await;
        p.changed_nothing();
        demo.server().faults().clear();
        return;
    }
    wire.refuse(demo);
    p.confirm().await;
    p.stopped(step).await;
    assert!(
        matches!(p.run().states()[p.run().current()], StepState::Failed(_)),
        "{book}"
    );
    assert!(
        p.outcome().await.starts_with("refused"),
        "{book}: {}",
        p.outcome().await
    );
    p.aborts().await;
}

/// No answer comes: it is unknown, it is not sent again, and the run waits for a person.
async fn is_unknown(p: &mut Person, demo: &Demo, book: &str, on: &str, wire: Wire) {
    let before = demo.server().requests().mutating();
    let step = to_the_change(p, book, on).await;
    p.plan(step).await;
    wire.lose(demo);
    p.confirm().await;
    p.stopped(step).await;
    assert!(
        matches!(p.run().states()[p.run().current()], StepState::Unknown(_)),
        "{book}"
    );
    assert!(p.outcome().await.contains("unknown"), "{book}: {}", p.outcome().await);
    let patches = u64::from(wire.is_asked_before());
    assert_eq!(
        demo.server().requests().mutating(),
        before + patches,
        "{book}: sent again"
    );
    p.aborts().await;
}

/// It is done and taken back: what was there before is there again.
async fn is_taken_back(p: &mut Person, book: &str, on: &str, was: impl Fn() -> String) {
    let before = was();
    let step = to_the_change(p, book, on).await;
    p.plan(step).await;
    assert!(p.can_be_undone(), "{book}");
    p.confirm().await;
    p.until("it is done", |p| p.step() != step && !p.run().undos().is_empty())
        .await;
    assert_ne!(was(), before, "{book}");
    p.rolls_back().await;
    assert_eq!(was(), before, "{book}");
}

/// It is done and taken back to what never served: the object is as it was, and the run waits to see it serve.
async fn is_put_back(p: &mut Person, book: &str, on: &str, was: impl Fn() -> String) {
    let before = was();
    let step = to_the_change(p, book, on).await;
    p.plan(step).await;
    p.confirm().await;
    p.until("it is done", |p| p.step() != step && !p.run().undos().is_empty())
        .await;
    assert_ne!(was(), before, "{book}");
    p.key("b").await;
    p.planned().await;
    p.confirm().await;
    p.until("it is as it was", |_| was() == before).await;
    assert_eq!(*p.status(), Status::RollingBack, "{book}");
}

/// What it does cannot be taken back, and its plan says so.
async fn cannot_be_taken_back(p: &mut Person, book: &str, on: &str) {
    let step = to_the_change(p, book, on).await;
    p.plan(step).await;
    assert!(!p.can_be_undone(), "{book}");
    p.aborts().await;
    p.changed_nothing();
}

const API: &str = "deployment/cortex/cortex-api";
const MEMORY: &str = "deployment/cortex/memory-api";
const OF_API: Wire = Wire::Patch("deployments", "/apis/apps/v1/namespaces/cortex/deployments/cortex-api");
const OF_WORKER: Wire = Wire::Patch(
    "deployments",
    "/apis/apps/v1/namespaces/cortex/deployments/cortex-worker",
);

#[tokio::test(flavor = "multi_thread")]
async fn rollouts_and_crash_loops_on_their_other_paths() {
    let demo = platform(10).await;
    let api = || image(&demo, "cortex-api");
    let worker = "deployment/cortex/cortex-worker";
    // Each time somebody else, with a record of their own: who was there before would have to wait, for a roll-back may
    // not follow on another at once.
    let mut p = Person::sits(&demo).await;
    for book in ["stalled-rollout", "high-error-rate", "crash-loop"] {
        p.stops(book, MEMORY, &[]).await;
    }
    for (book, on, wire) in [
        ("stalled-rollout", API, OF_API),
        ("high-error-rate", API, OF_API),
        ("crash-loop", worker, OF_WORKER),
    ] {
        p = Person::sits(&demo).await;
        is_refused(&mut p, &demo, book, on, wire).await;
        is_unknown(&mut p, &demo, book, on, wire).await;
    }
    p = Person::sits(&demo).await;
    // Back to what crashes: whether that looks well for a minute is a matter of when it is looked at.
    is_put_back(&mut p, "crash-loop", worker, || image(&demo, "cortex-worker")).await;
    p = Person::sits(&demo).await;
    is_put_back(&mut p, "high-error-rate", API, api).await;
    let another = platform(10).await;
    p = Person::sits(&another).await;
    is_put_back(&mut p, "stalled-rollout", API, || image(&another, "cortex-api")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn backlogs_and_certificates_on_their_other_paths() {
    let demo = platform(1).await;
    let mut p = Person::sits(&demo).await;
    let queue = "queue/cortex/default";
    let keda = "/apis/keda.sh/v1alpha1/namespaces/cortex/scaledobjects/cortex-worker";
    let wire = Wire::Patch("scaledobjects", keda);
    p.stops("worker-backlog", "queue/cortex/email", &[]).await;
    is_refused(&mut p, &demo, "worker-backlog", queue, wire).await;
    is_unknown(&mut p, &demo, "worker-backlog", queue, wire).await;
    let least = || field(&demo, &SCALEDOBJECTS, "cortex-worker", "/spec/minReplicaCount");
    is_taken_back(&mut p, "worker-backlog", queue, least).await;

    let tls = "certificate/cortex/cortex-tls";
    let path = "/apis/cert-manager.io/v1/namespaces/cortex/certificates/cortex-tls/status";
    let wire = Wire::Put("certificates/status", path);
    p.stops("certificate-renewal", "certificate/cortex/memory-tls", &[])
        .await;
    is_refused(&mut p, &demo, "certificate-renewal", tls, wire).await;
    cannot_be_taken_back(&mut p, "certificate-renewal", tls).await;
    is_unknown(&mut p, &demo, "certificate-renewal", tls, wire).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_and_caches_on_their_other_paths() {
    let demo = platform(1).await;
    let mut p = Person::sits(&demo).await;
    let core = "postgres/core";
    let wire = Wire::Postgres("pg_terminate_backend");
    is_refused(&mut p, &demo, "blocked-queries", core, wire).await;
    cannot_be_taken_back(&mut p, "blocked-queries", core).await;
    is_unknown(&mut p, &demo, "blocked-queries", core, wire).await;
    // It was done all the same, and nobody did it twice.
    assert_eq!(psql(&demo, "SELECT pg_terminate_backend(4127);"), "f");

    p.stops("connections-exhausted", core, &[]).await;
    p.stops("blocked-queries", core, &[]).await;
    p.stops("wraparound", core, &[]).await;
    demo.postgres().with(|db| db.leak("memory-api", 50));
    p.until("the leak is seen", |p| p.knows_connections() > 80).await;
    let patch = "/apis/apps/v1/namespaces/cortex/deployments/memory-api";
    let wire = Wire::Patch("deployments", patch);
    is_refused(&mut p, &demo, "connections-exhausted", core, wire).await;
    cannot_be_taken_back(&mut p, "connections-exhausted", core).await;
    is_unknown(&mut p, &demo, "connections-exhausted", core, wire).await;

    let table = "table/core/public.observations";
    p.stops("bloated-table", "table/core/public.tasks", &[]).await;
    let wire = Wire::Postgres("VACUUM (");
    is_refused(&mut p, &demo, "bloated-table", table, wire).await;
    cannot_be_taken_back(&mut p, "bloated-table", table).await;
    is_unknown(&mut p, &demo, "bloated-table", table, wire).await;

    let wire = Wire::Redis("UNLINK");
    is_refused(&mut p, &demo, "redis-memory", "redis/cache", wire).await;
    cannot_be_taken_back(&mut p, "redis-memory", "redis/cache").await;
    is_unknown(&mut p, &demo, "redis-memory", "redis/cache", wire).await;
}

/// Why a way of a runbook is walked by no test.
#[derive(Clone, Copy)]
enum Way {
    /// The test of that name walks it.
    Test(&'static str),
    /// It changes nothing.
    ChangesNothing,
    /// Nothing that it does can be taken back; that test sees its plan say so.
    NoUndo(&'static str),
    /// It goes on through every gate: none of them is required.
    NoGate,
}
use Way::{ChangesNothing, NoGate, NoUndo, Test};

const ROLLOUTS: &str = "rollouts_and_crash_loops_on_their_other_paths";
const BACKLOGS: &str = "backlogs_and_certificates_on_their_other_paths";
const DATABASES: &str = "databases_and_caches_on_their_other_paths";

/// Runbook; fixed, its reason is gone, refused, unknown, taken back.
const TABLE: [(&str, [Way; 5]); 10] = [
    (
        "worker-backlog",
        [
            Test("a_backlog_is_worked_off_by_keys_though_keda_holds_the_workers"),
            Test(BACKLOGS),
            Test(BACKLOGS),
            Test(BACKLOGS),
            Test(BACKLOGS),
        ],
    ),
    (
        "stalled-rollout",
        [
            Test("the_incident_is_mended_by_keys_on_a_small_screen"),
            Test(ROLLOUTS),
            Test(ROLLOUTS),
            Test(ROLLOUTS),
            Test(ROLLOUTS),
        ],
    ),
    (
        "high-error-rate",
        [
            Test("errors_after_a_release_end_with_its_roll_back_by_keys"),
            Test(ROLLOUTS),
            Test(ROLLOUTS),
            Test(ROLLOUTS),
            Test(ROLLOUTS),
        ],
    ),
    (
        "crash-loop",
        [
            Test("a_worker_that_crashes_since_its_release_is_rolled_back_by_keys"),
            Test(ROLLOUTS),
            Test(ROLLOUTS),
            Test(ROLLOUTS),
            Test(ROLLOUTS),
        ],
    ),
    (
        "blocked-queries",
        [
            Test("blocked_queries_are_freed_by_keys"),
            Test(DATABASES),
            Test(DATABASES),
            Test(DATABASES),
            NoUndo(DATABASES),
        ],
    ),
    (
        "bloated-table",
        [
            Test("a_bloated_table_is_vacuumed_by_keys"),
            Test(DATABASES),
            Test(DATABASES),
            Test(DATABASES),
            NoUndo(DATABASES),
        ],
    ),
    (
        "connections-exhausted",
        [
            Test("connections_that_a_pool_leaked_are_given_back_by_keys"),
            Test(DATABASES),
            Test(DATABASES),
            Test(DATABASES),
            NoUndo(DATABASES),
        ],
    ),
    (
        "redis-memory",
        [
            Test("a_full_redis_is_relieved_by_keys_and_the_queues_stay"),
            Test("a_cache_is_cleared_a_statement_cancelled_and_a_table_frozen"),
            Test(DATABASES),
            Test(DATABASES),
            NoUndo(DATABASES),
        ],
    ),
    (
        "certificate-renewal",
        [
            Test("a_certificate_is_renewed_by_keys_and_served_once_the_ingress_has_restarted"),
            Test(BACKLOGS),
            Test(BACKLOGS),
            Test(BACKLOGS),
            NoUndo(BACKLOGS),
        ],
    ),
    (
        "incident-response",
        [
            Test("an_incident_is_opened_told_and_ended_by_keys"),
            NoGate,
            ChangesNothing,
            ChangesNothing,
            ChangesNothing,
        ],
    ),
];

#[test]
fn every_way_of_the_ten_runbooks_is_walked_or_cannot_be() {
    let mut code = String::new();
    for folder in ["tests", "tests/pty", "tests/pty_runbooks", "tests/runbooks"] {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|e| e == "rs") {
                code.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let library = Library::built_in();
    for (id, ways) in TABLE {
        let book = library.get(id).unwrap();
        let changes = |kind: &StepKind| matches!(kind, StepKind::Action(_) | StepKind::Run(_));
        let must = |kind: &StepKind, required| matches!(kind, StepKind::Gate { .. }) && required;
        for way in ways {
            match way {
                Test(name) | NoUndo(name) => assert!(code.contains(&format!("fn {name}(")), "{id}: no test {name}"),
                ChangesNothing => assert!(!book.steps.iter().any(|s| changes(&s.kind)), "{id}"),
                NoGate => assert!(!book.steps.iter().any(|s| must(&s.kind, s.required)), "{id}"),
            }
        }
    }
}
