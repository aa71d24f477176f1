//! A real Alertmanager through the whole pipeline of changes: planned, confirmed, recorded, sent, verified, taken back.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod prometheus_support;
mod sources_support;

use prometheus_support::{RULES, alertmanager, exporter, prometheus_in, source};
use quarterdeck::action::{Outcome, Request, Undo, Verdict};
use quarterdeck::config::Endpoint;
use quarterdeck::feed::kube::Access;
use quarterdeck::feed::prometheus::Poll;
use quarterdeck::feed::{Pace, SourceContext};
use quarterdeck::model::{Alert, SourceKind};
use sources_support::{carry_out, stage, thing};

/// Asks until an alert is as wanted: it takes a moment through both servers.
async fn alert(poll: &mut Poll, what: &str, wanted: impl Fn(&Alert) -> bool) -> Alert {
    for _ in 0..400 {
        poll.round(Pace::Fast).await.unwrap();
        let all = poll.seen.alerts.fresh().cloned().unwrap_or_default();
        if let Some(found) = all.into_iter().find(&wanted) {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    }
    panic!("never {what}: {:?}", poll.seen.alerts)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_silenced_and_the_undo_ends_the_silence() {
    let manager = alertmanager().await;
    let folder = tempfile::tempdir().unwrap();
    exporter().backfill(folder.path(), "api", 7);
    let server = prometheus_in(folder, &[], RULES, Some(manager.port), &[]).await;
    let endpoint = Endpoint {
        url: manager.url(),
        ..Endpoint::default()
    };
    let mut source = source(&server.url());
    source.alertmanager = Some(endpoint.clone());
    let mut poll = Poll::new(source, &SourceContext::alone(Pace::Fast));
    let firing = alert(&mut poll, "firing", Alert::is_active).await;

    let mut stage = stage("demo-operator", Access::Operator).await;
    stage.platform.prometheus[0].alertmanager = Some(endpoint);
    let journal = tempfile::tempdir().unwrap();
    let (actor, grant) = stage.actor(journal.path());
    let labels = firing
        .labels
        .iter()
        .map(|(k, v)| (k.to_string(), v.to_string()))
        .collect();
    let silence = Request::Silence {
        alert: thing(
            SourceKind::Prometheus,
            "main",
            "alert",
            "",
            &firing.name,
            &firing.fingerprint,
        ),
        labels,
        minutes: 30,
        comment: "known, being mended".into(),
    };
    let (outcome, verdict, undo) = carry_out(&actor, &grant, silence).await;
    assert_eq!(outcome, Outcome::Applied);
    assert!(matches!(verdict, Some(Verdict::Healthy(_))), "{verdict:?}");
    let quiet = alert(&mut poll, "silenced", |a| !a.is_active()).await;
    let made = poll.seen.silences.fresh().unwrap();
    assert_eq!((made.len(), &*made[0].comment), (1, "known, being mended"));
    assert_eq!(quiet.silenced_by.len(), 1);
    assert_eq!(quiet.silenced_by[0], made[0].id);

    let Undo::By { request, .. } = undo else {
        panic!("a silence can be taken back")
    };
    let (outcome, verdict, _) = carry_out(&actor, &grant, request).await;
    assert_eq!(outcome, Outcome::Applied);
    assert!(matches!(verdict, Some(Verdict::Healthy(_))), "{verdict:?}");
    alert(&mut poll, "firing again", Alert::is_active).await;
    assert!(poll.seen.silences.fresh().unwrap().is_empty());
}
