//! The ways that the console knows from one thing to the next, each walked by its keys: an autoscaler and what happened
//! to it, who blocks a query, who works a queue, where a certificate is served.

use super::{Hands, start};
use crate::app::{ItemRef, Layer, Msg};
use crate::model::postgres::{LockRow, LockTree, Session};
use crate::model::{
    Batch, Certificate, CertificateId, Certificates, Endpoint, Freshness, Kind, Postgres, Queue, Queues, Seen, Source,
    SourceId, SourceKind, Trust,
};
use crate::panes::PaneId;

fn id(kind: SourceKind) -> SourceId {
    SourceId {
        kind,
        name: "main".into(),
    }
}

fn session(pid: i32) -> Session {
    Session {
        pid,
        leader_pid: None,
        backend_type: Some("client backend".to_owned()),
        database: Some("cortex".to_owned()),
        user: Some("cortex".to_owned()),
        application: None,
        client: None,
        state: Some("active".to_owned()),
        wait_event_type: None,
        wait_event: None,
        query_id: None,
        // The view of sessions and that of locks do not write it alike.
        backend_start: Some(format!("2026-11-21 11:{pid}:00.5+00")),
        xact_s: Some(90.0),
        query_s: Some(90.0),
        state_s: Some(90.0),
        xmin_age: None,
        query: Some(format!("UPDATE t{pid} SET a = 1")),
    }
}

fn lock(pid: i32, by: &[i32]) -> LockRow {
    LockRow {
        pid,
        blocked_by: by.to_vec(),
        state: Some("active".to_owned()),
        user: Some("cortex".to_owned()),
        query: Some(format!("UPDATE t{pid} SET a = 1")),
        backend_start: Some(format!("2026-11-21 11:{pid}:00+00")),
        wait_s: (!by.is_empty()).then_some(90.0),
        ..LockRow::default()
    }
}

fn certificate(name: &str, secret: &str) -> Certificate {
    Certificate {
        id: CertificateId {
            namespace: "cortex".into(),
            name: name.into(),
            uid: name.into(),
        },
        secret: secret.into(),
        ready: "True".into(),
        not_after: Some(start() + jiff::SignedDuration::from_hours(2000)),
        ..Certificate::default()
    }
}

fn endpoint(host: &str, ingress: &str, secret: &str) -> Endpoint {
    Endpoint {
        address: format!("{host}:443").into(),
        name: host.into(),
        from: format!("ingress cortex/{ingress}").into(),
        secret: format!("cortex/{secret}").into(),
        chain: Seen::default(),
        trust: Trust::Unknown,
        note: "".into(),
    }
}

/// A platform whose things belong together: 31 waits for 32 and 32 for 33; one queue of two is worked by
/// `cortex-worker`; `api-tls` is served by the Ingress `shop`, the other by another.
pub(super) fn platform() -> Hands {
    let mut hands = Hands::operator();
    let postgres = Postgres {
        activity: Seen::read([31, 32, 33, 34].map(session).to_vec(), start()),
        locks: Seen::read(
            LockTree::of(vec![lock(33, &[]), lock(32, &[33]), lock(31, &[32])]),
            start(),
        ),
        ..Postgres::default()
    };
    let queue = |name: &str, workload: Option<&str>| Queue {
        name: name.into(),
        workload: workload.map(Into::into),
        ..Queue::default()
    };
    let queues = Queues {
        queues: vec![
            queue("mail", Some("deployment/cortex/cortex-worker")),
            queue("nobody-s", None),
        ],
        ..Queues::default()
    };
    let certificates = Certificates {
        managed: Seen::read(
            vec![certificate("api-tls", "api-tls"), certificate("web-tls", "web-tls")],
            start(),
        ),
        served: Seen::read(
            vec![
                endpoint("web.example", "front", "web-tls"),
                endpoint("api.example", "shop", "api-tls"),
            ],
            start(),
        ),
        ..Certificates::default()
    };
    let kinds = [SourceKind::Postgres, SourceKind::Queues, SourceKind::Certificates];
    hands.app.sources = kinds.map(id).to_vec();
    hands.tell(Msg::World(Batch {
        sources: vec![
            (id(SourceKind::Postgres), Source::Postgres(postgres.into())),
            (id(SourceKind::Queues), Source::Queues(queues.into())),
            (id(SourceKind::Certificates), Source::Certificates(certificates.into())),
        ],
        reach: kinds.map(|kind| (id(kind), Freshness::Fresh)).to_vec(),
        ..Batch::default()
    }));
    hands
}

/// Puts the cursor of the pane on that thing of a source.
fn on(hands: &mut Hands, is_it: impl Fn(&ItemRef) -> bool) {
    let rows = hands.app.list(hands.app.pane).rows();
    let row = rows.iter().find(|r| r.item().is_some_and(|i| is_it(&i.what)));
    let uid = row.expect("it has a row").uid().clone();
    let now = hands.now;
    assert!(hands.app.list_mut().select(&uid, now));
}

/// Takes the way of that name.
fn jump(hands: &mut Hands, way: &str) {
    let known: Vec<&str> = hands.app.related().iter().map(|r| r.role).collect();
    assert!(known.contains(&way), "{way}: {known:?}");
    hands.press("J");
    hands.types(way);
    hands.press("enter");
}

fn pid(hands: &Hands) -> Option<i32> {
    match hands.app.item_at_hand() {
        Some(ItemRef::Session { pid, .. }) => Some(*pid),
        _ => None,
    }
}

#[test]
fn from_a_rollout_to_its_autoscaler_and_to_what_happened_to_that() {
    let mut hands = platform();
    hands.press("2");
    hands.select("cortex-api");
    jump(&mut hands, "autoscaler");
    let hpa = match hands.app.layers.last() {
        Some(Layer::Detail(d)) => d.object.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!((hpa.kind, &*hpa.name), (Kind::Hpa, "cortex-api-hpa"));
    jump(&mut hands, "events");
    assert!(matches!(hands.app.layers.last(), Some(Layer::Detail(d)) if d.object == hpa && d.events_first));
    // Its own, and those of nobody else: whoever wrote it down gave no uid.
    let drawn = hands.screen();
    let at = |text: &str| drawn.find(text).unwrap_or_else(|| panic!("no {text}:\n{drawn}"));
    assert!(at("Events") < at("New size: 4; reason"), "{drawn}");
    let others = hands.app.world.events.values().filter(|e| e.about_name != hpa.name);
    let others: Vec<_> = others.filter(|e| drawn.contains(&*e.message)).collect();
    assert!(others.is_empty(), "{others:?}\n{drawn}");
    // From there back to what it scales.
    jump(&mut hands, "rollout");
    assert_eq!(
        (hands.app.pane, hands.selected().as_str()),
        (PaneId::Rollouts, "cortex-api")
    );
}

#[test]
fn from_a_query_to_who_blocks_it_and_on_to_who_blocks_that_and_back() {
    let mut hands = platform();
    hands.press("4");
    on(&mut hands, |i| matches!(i, ItemRef::Session { pid: 31, .. }));
    for blocker in [32, 33] {
        jump(&mut hands, "blocked by");
        assert_eq!((hands.app.pane, pid(&hands)), (PaneId::Queries, Some(blocker)));
    }
    jump(&mut hands, "blocks");
    assert_eq!(pid(&hands), Some(32));
    for before in [33, 32, 31] {
        hands.press("backspace");
        assert_eq!(pid(&hands), Some(before));
    }
    // Who neither waits nor is waited for leads nowhere.
    on(&mut hands, |i| matches!(i, ItemRef::Session { pid: 34, .. }));
    assert_eq!(hands.app.related(), []);
    hands.press("J");
    assert!(hands.told().contains("related"), "{}", hands.told());
}

#[test]
fn from_a_queue_to_the_deployment_that_works_it_and_from_that_to_the_queue() {
    let mut hands = platform();
    hands.press("3");
    on(
        &mut hands,
        |i| matches!(i, ItemRef::Queue { queue, .. } if &**queue == "mail"),
    );
    jump(&mut hands, "workers");
    assert_eq!(
        (hands.app.pane, hands.selected().as_str()),
        (PaneId::Rollouts, "cortex-worker")
    );
    jump(&mut hands, "queue");
    assert_eq!((hands.app.pane, hands.selected().as_str()), (PaneId::Queues, "mail"));
    jump(&mut hands, "pods");
    assert_eq!(hands.app.pane, PaneId::Pods);
    assert!(!hands.names().is_empty() && hands.names().iter().all(|n| n.starts_with("cortex-worker-")));
    hands.press("backspace");
    on(
        &mut hands,
        |i| matches!(i, ItemRef::Queue { queue, .. } if &**queue == "nobody-s"),
    );
    assert_eq!(hands.app.related(), []);
}

#[test]
fn from_a_certificate_to_the_ingress_that_serves_it_and_no_other() {
    let mut hands = platform();
    hands.press("6");
    let of = |name: &'static str| move |i: &ItemRef| matches!(i, ItemRef::Certificate { id, .. } if &*id.name == name);
    for (name, ingress) in [("api-tls", "shop"), ("web-tls", "front")] {
        on(&mut hands, of(name));
        jump(&mut hands, "ingress");
        let Some(Layer::Detail(opened)) = hands.app.layers.last() else {
            panic!("{:?}", hands.app.layers.last());
        };
        assert_eq!((opened.object.kind, &*opened.object.name), (Kind::Ingress, ingress));
        // Of an object that no table has, nothing of anybody else's is told.
        let drawn = hands.screen();
        assert!(drawn.contains("none in the last hour"), "{drawn}");
        hands.press("backspace");
        assert!(hands.app.layers.is_empty() && hands.app.pane == PaneId::Certificates);
    }
}
