//! From a signal or a row of a source to the runbook that answers it.

use super::{Hands, start};
use crate::app::{Health, Layer, Msg};
use crate::model::postgres::{LockRow, LockTree, TableStat};
use crate::model::{
    Alert, Batch, Certificate, CertificateId, Certificates, Freshness, Postgres, Prometheus, Queue, QueueCounts,
    QueueRates, Queues, Seen, Source, SourceId, SourceKind,
};
use crate::panes::{self, PaneId};
use crate::runbook::facts::{About, Subject};

fn row(pid: i32, by: &[i32]) -> LockRow {
    LockRow {
        pid,
        blocked_by: by.to_vec(),
        state: Some("active".to_owned()),
        backend_start: Some(format!("start-{pid}")),
        wait_s: (!by.is_empty()).then_some(90.0),
        ..LockRow::default()
    }
}

/// One session blocks another, and a table is bloated.
fn database(hands: &mut Hands) {
    let table = TableStat {
        oid: 1,
        schema: "public".to_owned(),
        name: "jobs".to_owned(),
        live: 1000,
        dead: 900_000,
        modified: 0,
        threshold: 250.0,
        autovacuum: true,
        bytes: 1 << 20,
        vacuumed: None,
        analyzed: None,
        vacuums: 0,
        frozen_age: None,
        chunks: None,
    };
    let postgres = Postgres {
        locks: Seen::read(LockTree::of(vec![row(7, &[]), row(8, &[7])]), start()),
        tables: Seen::read(vec![table], start()),
        ..Postgres::default()
    };
    let id = SourceId {
        kind: SourceKind::Postgres,
        name: "core".into(),
    };
    hands.tell(Msg::World(Batch {
        sources: vec![(id.clone(), Source::Postgres(postgres.into()))],
        reach: vec![(id, Freshness::Fresh)],
        ..Batch::default()
    }));
    // Signals are judged at most once a second.
    hands.wait(2000);
    hands.tell(Msg::Tick);
}

#[test]
fn nothing_calls_for_attention_only_after_every_source_has_answered_or_failed_and_was_judged() {
    let mut hands = Hands::operator();
    let id = |name: &str| SourceId {
        kind: SourceKind::Redis,
        name: name.into(),
    };
    let context = "prod-eu".to_owned();
    let sources = vec![id("cache"), id("sessions")];
    hands.tell(Msg::Leaving { context, sources });
    hands.go_to("prod-eu");
    hands.wait(2000);
    hands.tell(super::batch(Vec::new()));
    assert_eq!(
        hands.app.still_looking(),
        Some(vec!["redis cache".to_owned(), "redis sessions".to_owned()])
    );
    let reach = |hands: &mut Hands, name, how: Freshness| {
        hands.tell(Msg::World(Batch {
            reach: vec![(id(name), how)],
            ..Batch::default()
        }));
    };
    hands.wait(2000);
    reach(&mut hands, "cache", Freshness::Fresh);
    assert_eq!(hands.app.still_looking(), Some(vec!["redis sessions".to_owned()]));
    // It answers within a second of the last judgement: it is not judged yet.
    let failed = Freshness::Failed {
        why: "no route to host".into(),
        retry_at: hands.now,
    };
    reach(&mut hands, "sessions", failed);
    assert_eq!(
        hands.app.still_looking(),
        Some(Vec::new()),
        "it answered, and was not judged"
    );
    hands.wait(1000);
    hands.tell(Msg::Tick);
    assert_eq!(hands.app.still_looking(), None);
}

#[test]
fn a_signal_about_a_session_opens_its_runbook_about_that_session() {
    let mut hands = Hands::operator();
    database(&mut hands);
    hands.press("!");
    for _ in 0..20 {
        let signal = hands.app.strip.current(&hands.app.judge).unwrap();
        if signal.id == "pg.blocked" {
            break;
        }
        hands.press("j");
    }
    hands.press("r");
    assert!(matches!(hands.app.layers.last(), Some(Layer::Runbook(_))));
    let run = &hands.app.runs[0].run;
    assert_eq!(run.book().id, "blocked-queries");
    let about = run.subject().about.clone().unwrap();
    assert!(matches!(about, About::Session { pid: 7, .. }), "{about:?}");
    assert_eq!(run.subject().signal.as_ref().unwrap().id, "pg.blocked");
}

#[test]
fn the_selected_row_of_a_source_opens_the_usual_runbook_about_it() {
    let mut hands = Hands::operator();
    database(&mut hands);
    hands.app.pane = PaneId::Queries;
    let about = About::Table {
        source: "core".into(),
        schema: "public".to_owned(),
        name: "jobs".to_owned(),
    };
    let what = crate::app::ItemRef::Table {
        source: "core".into(),
        schema: "public".to_owned(),
        name: "jobs".to_owned(),
    };
    let view = crate::app::layers::ItemView::new(PaneId::Queries, what);
    hands.app.layers.push(Layer::Item(view));
    let (book, subject) = hands.app.best_run().unwrap();
    assert_eq!(book, "bloated-table");
    assert_eq!(subject.about, Some(about));
    hands.app.start_run(&book, subject);
    let wanted = hands.app.needed();
    assert!(wanted.sources.contains(&SourceKind::Postgres) && wanted.tables);
}

#[test]
fn each_view_of_a_pane_is_sorted_by_its_own_columns() {
    let mut hands = Hands::operator();
    database(&mut hands);
    for key in ["4", "v", "v", "s", "s", "s", "s"] {
        hands.press(key);
    }
    assert_eq!(hands.app.list(PaneId::Queries).sort.column, "dead");
}

fn source(hands: &mut Hands, kind: SourceKind, source: Source) {
    let name = "main".into();
    let id = SourceId { kind, name };
    hands.tell(Msg::World(Batch {
        sources: vec![(id.clone(), source)],
        reach: vec![(id, Freshness::Fresh)],
        ..Batch::default()
    }));
}

#[test]
fn a_queue_whose_jobs_fail_says_so_in_its_row_and_in_the_pane_s_line() {
    let mut hands = Hands::operator();
    for (failed, health, wrong) in [
        (4, Health::Good, None),
        (11, Health::Warning, Some("email 11 % fail")),
        (60, Health::Critical, Some("email 60 % fail")),
    ] {
        let counts = QueueCounts {
            workers: Some(2),
            ..QueueCounts::default()
        };
        let queue = Queue {
            name: "email".into(),
            counts: Seen::read(counts, start()),
            rates: Some(QueueRates {
                over: jiff::SignedDuration::from_mins(1),
                added: None,
                finished: None,
                growth: 0.0,
                failed_10m: Some(failed),
                finished_10m: Some(100),
            }),
            ..Queue::default()
        };
        let queues = Queues {
            queues: vec![queue],
            ..Queues::default()
        };
        source(&mut hands, SourceKind::Queues, Source::Queues(queues.into()));
        let pane = panes::pane(PaneId::Queues);
        let rows = (pane.rows)(&hands.app);
        assert_eq!((pane.health)(&hands.app, &rows[0]), health, "{failed}");
        let summary = (pane.summary)(&hands.app).wrong;
        assert_eq!(summary.first().map(|(_, words)| words.as_str()), wrong, "{failed}");
    }
}

fn certificate(name: &str, hours: i64) -> Certificate {
    Certificate {
        id: CertificateId {
            namespace: "cortex".into(),
            name: name.into(),
            uid: name.into(),
        },
        ready: "True".into(),
        not_after: Some(start() + jiff::SignedDuration::from_hours(hours)),
        ..Certificate::default()
    }
}

#[test]
fn an_alert_about_certificates_leads_to_a_runbook_about_the_one_that_ends_first() {
    let mut hands = Hands::operator();
    let managed = vec![
        certificate("late-tls", 90),
        certificate("soon-tls", 20),
        certificate("other-tls", 1),
    ];
    let certificates = Certificates {
        managed: Seen::read(managed, start()),
        ..Certificates::default()
    };
    let alert = |name: &str| Alert {
        name: "CertificateExpiringSoon".into(),
        severity: "warning".into(),
        labels: [("name".into(), name.into())].into(),
        summary: "".into(),
        runbook: "".into(),
        since: start(),
        fingerprint: name.into(),
        silenced_by: [].into(),
        inhibited: false,
    };
    let prometheus = Prometheus {
        alerts: Seen::read(vec![alert("late-tls"), alert("soon-tls")], start()),
        ..Prometheus::default()
    };
    source(
        &mut hands,
        SourceKind::Certificates,
        Source::Certificates(certificates.into()),
    );
    source(
        &mut hands,
        SourceKind::Prometheus,
        Source::Prometheus(prometheus.into()),
    );
    let about = About::Alert {
        source: "main".into(),
        name: "CertificateExpiringSoon".into(),
    };
    let subject = Subject::about(&hands.app.world, about);
    hands.app.start_run("certificate-renewal", subject);
    let run = &hands.app.runs[0].run;
    assert_eq!(run.subject().name(), "certificate cortex/soon-tls");
    assert!(!format!("{:?}", run.states()).contains("about no certificate"));

    // What is proposed stands in the list, though nothing of its namespace is looked at.
    hands.press("e");
    hands.types("ingress");
    hands.press("enter");
    let Some(Layer::Picker(picker)) = hands.app.layers.last() else {
        panic!("no list: {}", hands.told());
    };
    let proposed = &picker.choices[picker.cursor].value;
    assert_eq!(proposed, "deployment/ingress-nginx/ingress-nginx-controller");
    assert!(!picker.note.contains("nothing"), "{}", picker.note);
}

#[test]
fn the_help_says_of_each_key_what_holds_once_it_is_closed() {
    use crate::app::command;
    let mut hands = Hands::operator();
    database(&mut hands);
    hands.press("4");
    let refused = |hands: &Hands| -> Vec<(&'static str, String)> {
        let all = command::all().filter(|c| c.mutates());
        all.filter_map(|c| Some((c.id, (c.when)(&hands.app).err()?))).collect()
    };
    let closed = refused(&hands);
    hands.press("?");
    let Some(Layer::Help(help)) = hands.app.layers.last() else {
        panic!("{:?}", hands.app.layers.last());
    };
    assert_eq!(help.refused, closed);
    assert!(
        refused(&hands).len() > closed.len(),
        "with the help on top nothing is at hand"
    );
}
