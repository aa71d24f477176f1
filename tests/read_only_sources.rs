//! Read-only is a type for the sources beside the cluster too: no certificate is renewed and no alert silenced without a
//! grant. PostgreSQL has its test in `postgres_actions`, Redis and the queues in `queue_actions`, both against real
//! servers.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod sources_support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use quarterdeck::action::{ActionId, Outcome, Policy, REGISTRY, Request, Undo, WhyNot};
use quarterdeck::feed::kube::Access;
use quarterdeck::model::SourceKind;
use sources_support::{Stage, carry_on, carry_out, confirm, stage, thing};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};

/// Passes everything on to `to`, and counts the requests that are not reads.
async fn counting(to: SocketAddr) -> (SocketAddr, Arc<AtomicUsize>) {
    let writes = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::clone(&writes);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let server = TcpStream::connect(to).await.unwrap();
                let ((mut from, mut back), (mut answers, mut on)) = (client.into_split(), server.into_split());
                tokio::spawn(async move { copy(&mut answers, &mut back).await });
                let mut chunk = vec![0; 65536];
                while let Ok(n @ 1..) = from.read(&mut chunk).await {
                    if [&b"POST "[..], b"PUT ", b"PATCH ", b"DELETE "]
                        .iter()
                        .any(|m| chunk.starts_with(m))
                    {
                        count.fetch_add(1, Ordering::SeqCst);
                    }
                    on.write_all(&chunk[..n]).await.unwrap();
                }
            });
        }
    });
    (address, writes)
}

fn silence(name: &str) -> Request {
    Request::Silence {
        alert: thing(SourceKind::Prometheus, "main", "alert", "", name, ""),
        labels: vec![("alertname".into(), name.into())],
        minutes: 60,
        comment: "a test".into(),
    }
}

async fn renew(stage: &Stage) -> Request {
    let poll = stage.certificates().await;
    let rows = poll.seen.rows();
    let row = rows.iter().find(|r| r.name() == "cortex-tls").unwrap();
    let uid = &row.managed.unwrap().id.uid;
    Request::Renew {
        certificate: thing(
            SourceKind::Certificates,
            "cluster",
            "certificate",
            "cortex",
            "cortex-tls",
            uid,
        ),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_grant_no_certificate_is_renewed_and_no_alert_silenced() {
    let mut stage = stage("demo", Access::Operator).await;
    let endpoint = stage.platform.prometheus[0].alertmanager.as_mut().unwrap();
    let (proxy, at_alertmanager) = counting(stage.demo.prometheus().address()).await;
    endpoint.url = endpoint
        .url
        .replace(&stage.demo.prometheus().address().to_string(), &proxy.to_string());
    assert!(endpoint.url.contains(&proxy.to_string()), "{}", endpoint.url);
    let writes = |stage: &Stage| at_alertmanager.load(Ordering::SeqCst) + stage.cluster.meter().writes() as usize;

    let folder = tempfile::tempdir().unwrap();
    let (actor, grant) = stage.actor(folder.path());
    // Something to end.
    let (outcome, _, undo) = carry_out(&actor, &grant, silence("CertificateExpiringSoon")).await;
    let (Outcome::Applied, Undo::By { request: expire, .. }) = (outcome, undo) else {
        panic!("no silence to end")
    };
    let asks = [renew(&stage).await, silence("HighErrorRate"), expire];
    let mine = [SourceKind::Certificates, SourceKind::Prometheus];
    let registered = REGISTRY.iter().filter(|a| a.source.is_some_and(|s| mine.contains(&s)));
    assert_eq!(
        asks.iter().map(Request::name).collect::<Vec<_>>(),
        registered.map(|a| a.name).collect::<Vec<_>>()
    );

    let strict = Policy {
        read_only: true,
        ..Policy::default()
    };
    let before = writes(&stage);
    for policy in [strict.clone(), Policy::default()] {
        for ask in &asks {
            let planner = stage.planner(policy.clone());
            let now = Timestamp::now();
            let plan = planner.plan(ask.clone(), ActionId(1), now).await.unwrap();
            let no = confirm(plan, now).unwrap_err();
            assert!(
                matches!(&no, WhyNot::Blocked(why) if why.starts_with("read-only")),
                "{ask:?} {no:?}"
            );
        }
    }
    assert_eq!(writes(&stage), before, "not even a dry run");

    // The layer of the plan taken away: policy still refuses what was confirmed before.
    let other = tempfile::tempdir().unwrap();
    let (held, _) = stage.actor_under(other.path(), strict);
    for ask in &asks {
        let now = Timestamp::now();
        let plan = actor.plan(ask.clone(), ActionId(2), now).await.unwrap();
        let before = writes(&stage);
        let (outcome, _) = carry_on(&held, &grant, confirm(plan, now).unwrap()).await;
        assert_eq!(outcome, Outcome::Refused("this console only reads".into()), "{ask:?}");
        assert_eq!(writes(&stage), before, "{ask:?}");
    }

    // The positive control: else a test that counts nothing would prove nothing.
    for ask in asks {
        let before = writes(&stage);
        let (outcome, ..) = carry_out(&actor, &grant, ask.clone()).await;
        assert_eq!(outcome, Outcome::Applied, "{ask:?}");
        assert!(writes(&stage) > before, "{ask:?}");
    }
}
