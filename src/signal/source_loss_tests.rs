//! The rules on sources that are late, lost or down.

use std::sync::Arc;
use std::time::Duration;

use super::source_rule_tests::{alert, put};
use super::testing::*;
use crate::model::*;

#[test]
fn what_can_no_longer_be_seen_stays_and_is_marked() {
    let mut bench = Bench::new();
    let mut seen = Prometheus {
        alerts: Seen::read(vec![alert("X", "page", "")], t0()),
        ..Prometheus::default()
    };
    put(
        &mut bench,
        SourceKind::Prometheus,
        Source::Prometheus(Arc::new(seen.clone())),
    );
    assert_eq!(bench.look().len(), 1);
    seen.alerts.failed(Problem::Failed("connection refused".into()));
    put(
        &mut bench,
        SourceKind::Prometheus,
        Source::Prometheus(Arc::new(seen.clone())),
    );
    let lines = bench.later(3600);
    assert!(lines.len() == 1 && lines[0].ends_with("(stale)"), "{lines:?}");
    seen.alerts = Seen::read(vec![], t0());
    put(&mut bench, SourceKind::Prometheus, Source::Prometheus(Arc::new(seen)));
    bench.later(1);
    assert!(bench.later(61).is_empty());
}

#[test]
fn a_source_that_is_not_reached_is_late_and_then_lost() {
    let mut bench = Bench::new();
    let id = SourceId {
        kind: SourceKind::Prometheus,
        name: "main".into(),
    };
    let stale = Freshness::Stale {
        since: t0(),
        why: "connection refused".into(),
        retry_at: t0(),
    };
    bench.world.apply(Batch {
        reach: vec![(id.clone(), stale)],
        ..Batch::default()
    });
    assert!(bench.look().is_empty());
    assert_eq!(
        bench.later(90),
        ["warning source.lost: source prometheus main late for 1m — connection refused"]
    );
    assert_eq!(
        bench.later(300),
        ["critical source.lost: source prometheus main unreachable for 6m — connection refused"]
    );
    bench.world.apply(Batch {
        reach: vec![(id, Freshness::Fresh)],
        ..Batch::default()
    });
    bench.later(1);
    assert!(bench.later(61).is_empty());
}

#[test]
fn an_endpoint_is_down_after_three_tries() {
    let reply = |status, ms| {
        Seen::read(
            HttpReply {
                status,
                took: Duration::from_millis(ms),
                location: "".into(),
            },
            t0(),
        )
    };
    let check = |failures, slow, reply| HttpChecks {
        url: "https://api/health".into(),
        limit: Duration::from_millis(500),
        reply,
        failures,
        slow,
        bad_since: (failures > 0).then(|| ago(2)),
        slow_since: (slow > 0).then(|| ago(2)),
        ..HttpChecks::default()
    };
    let mut refused = reply(200, 1);
    refused.failed(Problem::Failed("connection refused".into()));
    for (seen, expected) in [
        (check(0, 0, reply(200, 1)), None),
        (check(2, 0, reply(500, 1)), None),
        (
            check(3, 0, reply(503, 1)),
            Some("critical http.down: http main down for 2m — status 503 https://api/health"),
        ),
        (
            check(4, 0, refused),
            Some("critical http.down: http main down for 2m — connection refused https://api/health"),
        ),
        (
            check(0, 3, reply(200, 900)),
            Some("warning http.down: http main slow for 2m — 900 ms, limit 500 ms https://api/health"),
        ),
    ] {
        let mut bench = Bench::new();
        put(&mut bench, SourceKind::Http, Source::Http(Arc::new(seen)));
        assert_eq!(bench.look(), expected.into_iter().collect::<Vec<_>>());
    }
}
