//! Prometheus, certificates and the way through the API server against the demonstration platform.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod sources_support;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use quarterdeck::action::{
    ActionId, Class, Outcome, Planner, Policy, Reach, Request, Thing, Undo, Verdict, WriteGrant,
};
use quarterdeck::feed::forward::Forward;
use quarterdeck::feed::kube::{Access, ContextChoice, connect};
use quarterdeck::feed::{Pace, SourceContext, certificate, prometheus};
use quarterdeck::model::{Problem, SourceKind, Trust};
use quarterdeck::sim::kube::faults::Rule;
use quarterdeck::sim::kube::resources::DEPLOYMENTS;
use quarterdeck::sim::kube::{Fault, Writer};
use sources_support::{Stage, carry_out, stage, thing};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_at_three_days_is_renewed_and_served_after_a_restart() {
    let stage = stage("demo-operator", Access::Operator).await;
    let poll = stage.certificates().await;
    let rows = poll.seen.rows();
    let row = rows.iter().find(|r| r.name() == "cortex-tls").unwrap();
    assert_eq!(row.state(Timestamp::now()), "overdue");
    let left = row.left(Timestamp::now()).unwrap().as_hours();
    assert!((60..72).contains(&left), "{left}");
    assert_eq!((row.served.len(), &row.served[0].trust), (1, &Trust::UnknownIssuer));
    assert_eq!(Stage::state_of(&poll, "memory-tls"), "ok");
    // An operator of one namespace does not see the cluster's issuers: that is a gap, not a failure.
    assert!(
        poll.seen.gaps.iter().all(|g| matches!(g, Problem::Denied { .. })),
        "{:?}",
        poll.seen.gaps
    );
    let uid = row.managed.unwrap().id.uid.clone();
    let certificate = thing(
        SourceKind::Certificates,
        "cluster",
        "certificate",
        "cortex",
        "cortex-tls",
        &uid,
    );
    let folder = tempfile::tempdir().unwrap();
    let (actor, grant) = stage.actor(folder.path());
    let gone = Thing {
        id: "another".into(),
        ..certificate.clone()
    };
    let refusal = actor
        .plan(Request::Renew { certificate: gone }, ActionId(2), Timestamp::now())
        .await
        .unwrap_err();
    assert!(refusal.what.contains("another one now"), "{}", refusal.what);
    let writes = stage.cluster.meter().writes();
    let (outcome, verdict, _) = carry_out(&actor, &grant, Request::Renew { certificate }).await;
    assert_eq!(outcome, Outcome::Applied);
    assert!(
        matches!(&verdict, Some(Verdict::Healthy(text)) if text.contains("revision 2")),
        "{verdict:?}"
    );
    assert_eq!(stage.cluster.meter().writes(), writes + 1, "one request changed it");
    // Renewed and stored, but whoever loaded the old one still serves that.
    let poll = stage.certificates().await;
    assert_eq!(Stage::state_of(&poll, "cortex-tls"), "not reloaded");
    assert!(
        poll.seen
            .rows()
            .iter()
            .find(|r| r.name() == "cortex-tls")
            .unwrap()
            .managed
            .unwrap()
            .steps
            .iter()
            .any(|s| s.kind == "CertificateRequest" && &*s.state == "ready")
    );
    let by = Writer::new("kubectl-rollout");
    stage
        .demo
        .store()
        .update(&DEPLOYMENTS, "ingress-nginx", "ingress-nginx-controller", &by, |d| {
            d["spec"]["template"]["metadata"]["annotations"] =
                serde_json::json!({"kubectl.kubernetes.io/restartedAt": "now"});
        })
        .unwrap();
    let start = std::time::Instant::now();
    while Stage::state_of(&stage.certificates().await, "cortex-tls") != "ok" {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "the ingress still serves the old one"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_meets_another_writer_is_sent_again_only_while_its_plan_holds() {
    let stage = stage("demo-operator", Access::Operator).await;
    let rows = stage.certificates().await;
    let rows = rows.seen.rows();
    let folder = tempfile::tempdir().unwrap();
    let (actor, grant) = stage.actor(folder.path());
    let conflicts = |times: usize, name: &str| {
        let path = format!("/apis/cert-manager.io/v1/namespaces/cortex/certificates/{name}/status");
        let body = serde_json::json!({"kind": "Status", "status": "Failure", "reason": "Conflict", "code": 409,
            "message": "the object has been modified; please apply your changes to the latest version"});
        let fault = Fault::Text {
            code: 409,
            body: body.to_string(),
            retry_after: None,
        };
        stage.demo.server().faults().set(Rule::new("PUT", &path, times, fault));
    };
    let certificate = |name: &str| {
        let row = rows.iter().find(|r| r.name() == name).unwrap();
        let uid = &row.managed.unwrap().id.uid;
        thing(SourceKind::Certificates, "cluster", "certificate", "cortex", name, uid)
    };
    // Somebody wrote the status a moment before; what the plan rests on is as it was.
    conflicts(1, "cortex-tls");
    let writes = stage.cluster.meter().writes();
    let certificate_of = certificate("cortex-tls");
    let (outcome, verdict, _) = carry_out(
        &actor,
        &grant,
        Request::Renew {
            certificate: certificate_of,
        },
    )
    .await;
    assert_eq!(outcome, Outcome::Applied);
    assert!(
        matches!(&verdict, Some(Verdict::Healthy(t)) if t.contains("revision 2")),
        "{verdict:?}"
    );
    assert_eq!(stage.cluster.meter().writes(), writes + 2);
    // A second conflict is one, and nothing was done.
    conflicts(9, "memory-tls");
    let certificate_of = certificate("memory-tls");
    let (outcome, verdict, _) = carry_out(
        &actor,
        &grant,
        Request::Renew {
            certificate: certificate_of,
        },
    )
    .await;
    assert!(
        matches!(outcome, Outcome::Conflict(_)) && verdict.is_none(),
        "{outcome:?} {verdict:?}"
    );
    assert_eq!(stage.cluster.meter().writes(), writes + 4, "never a third time");
    assert_eq!(Stage::state_of(&stage.certificates().await, "memory-tls"), "ok");
    stage.demo.server().faults().clear();
    // The plan says what it knows of the issuer, and only that.
    let now = Timestamp::now();
    let request = Request::Renew {
        certificate: certificate("memory-tls"),
    };
    let plan = actor.plan(request, ActionId(7), now).await.unwrap();
    let said: Vec<&str> = plan.warnings.iter().map(|w| w.text.as_str()).collect();
    assert!(said.iter().any(|w| w.contains("could not be read")), "{said:?}");
    // One whose challenge fails is under way, and its detail names the cause.
    let stuck = rows.iter().find(|r| r.name() == "hooks-tls").unwrap();
    let steps: Vec<(&str, &str)> = stuck
        .managed
        .unwrap()
        .steps
        .iter()
        .map(|s| (s.kind, &*s.state))
        .collect();
    assert_eq!(
        steps[..3],
        [
            ("CertificateRequest", "Pending"),
            ("Order", "pending"),
            ("Challenge", "pending")
        ]
    );
    let cause = &stuck.managed.unwrap().steps[2].says;
    assert!(
        cause.contains("hooks.cortex.lab.example") && cause.contains("wrong status code '404'"),
        "{cause}"
    );
    let request = Request::Renew {
        certificate: certificate("hooks-tls"),
    };
    let refusal = actor.plan(request, ActionId(8), now).await.unwrap_err();
    assert!(refusal.what.contains("being issued already"), "{}", refusal.what);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_measures_its_incident_and_takes_silences() {
    let stage = stage("demo", Access::Operator).await;
    let source = stage.platform.prometheus[0].clone();
    let mut poll = prometheus::Poll::new(source.clone(), &stage.context);
    poll.round(Pace::Fast).await.unwrap();
    let errors = poll.seen.errors.fresh().unwrap();
    assert!(
        &*errors[0].service == "cortex-api" && errors[0].value > 0.05,
        "{errors:?}"
    );
    assert_eq!(errors[0].history.len(), 31);
    assert!(poll.seen.slos.fresh().unwrap()[0].over.minutes_5.unwrap() > 14.4);
    assert!(
        poll.seen
            .hosts
            .fresh()
            .unwrap()
            .iter()
            .all(|h| h.cpu.is_some() && h.disks.len() == 1)
    );
    assert!(poll.seen.certificates.fresh().unwrap().len() >= 2);
    let alerts = poll.seen.alerts.fresh().unwrap();
    let names: Vec<&str> = alerts.iter().map(|a| &*a.name).collect();
    assert!(
        names.contains(&"HighErrorRate") && names.contains(&"CertificateExpiringSoon"),
        "{names:?}"
    );

    let alert = alerts.iter().find(|a| &*a.name == "HighErrorRate").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (actor, grant) = stage.actor(folder.path());
    let silence = Request::Silence {
        alert: thing(
            SourceKind::Prometheus,
            "main",
            "alert",
            "",
            &alert.name,
            &alert.fingerprint,
        ),
        labels: alert
            .labels
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect(),
        minutes: 60,
        comment: "the release is being rolled back".into(),
    };
    let (outcome, verdict, undo) = carry_out(&actor, &grant, silence).await;
    assert_eq!(outcome, Outcome::Applied);
    assert!(matches!(verdict, Some(Verdict::Healthy(_))), "{verdict:?}");
    poll.round(Pace::Slow).await.unwrap();
    let silenced = |poll: &prometheus::Poll| {
        let all = poll.seen.alerts.fresh().unwrap().iter();
        all.filter(|a| &*a.name == "HighErrorRate").any(|a| !a.is_active())
    };
    assert!(silenced(&poll), "{:?} {:?}", poll.seen.alerts, poll.seen.silences);
    assert_eq!(poll.seen.silences.fresh().unwrap().len(), 1);
    let Undo::By { request, .. } = undo else { panic!() };
    let (outcome, verdict, _) = carry_out(&actor, &grant, request).await;
    assert_eq!(outcome, Outcome::Applied);
    assert!(matches!(verdict, Some(Verdict::Healthy(_))), "{verdict:?}");
    poll.round(Pace::Slow).await.unwrap();
    assert!(!silenced(&poll));

    // What the runbooks type.
    for text in [
        "http_requests_total",
        "rate(http_requests_total[5m])",
        "histogram_quantile(0.95,rate(http_request_duration_seconds_bucket[5m]))",
    ] {
        let out = std::process::Command::new("promtool")
            .args(["query", "instant", &stage.demo.prometheus().url(), text])
            .output()
            .expect("promtool: install the Debian package prometheus");
        let said = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success() && said.contains("cortex-api"), "{text}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_inside_the_cluster_is_reached_through_the_api_server() {
    let stage = stage("demo", Access::Operator).await;
    let mut source = stage.platform.prometheus[0].clone();
    let direct = stage.demo.prometheus().address();
    for (app, port) in [("cortex-api", 8080), ("prometheus", 9090)] {
        let namespace = if app == "prometheus" { "monitoring" } else { "cortex" };
        stage.demo.server().forwards().add(namespace, app, port, direct);
    }
    // By the Service: its port by name and by number, a ready pod behind it, and the pod's named port.
    for via in [
        "port-forward:cortex/svc/cortex-api:http",
        "port-forward:svc/cortex-api:80",
    ] {
        let forward = Forward::new(&stage.context, &via.parse().unwrap()).unwrap();
        assert_eq!(forward.host(), "cortex-api.cortex.svc");
        let mut streams = (forward.open().await.unwrap(), forward.open().await.unwrap());
        for stream in [&mut streams.0, &mut streams.1] {
            stream.write_all(b"GET /-/healthy HTTP/1.0\r\n\r\n").await.unwrap();
            let mut said = String::new();
            stream.read_to_string(&mut said).await.unwrap();
            assert!(said.ends_with("Prometheus Server is Healthy.\n"), "{said}");
        }
    }
    source.url = "http://prometheus.monitoring.svc:9090".into();
    source.via = Some("port-forward:monitoring/pod/prometheus-0:9090".parse().unwrap());
    let mut poll = prometheus::Poll::new(source.clone(), &stage.context);
    poll.round(Pace::Slow).await.unwrap();
    assert!(poll.seen.errors.fresh().is_some());
    // What stands in the way is said in the words of the API server or of the kubelet.
    for (via, expected) in [
        ("port-forward:svc/nothing:80", "not found"),
        ("port-forward:svc/cortex-api:81", "no such port"),
        ("port-forward:pod/nothing:80", "not found"),
    ] {
        let forward = Forward::new(&stage.context, &via.parse().unwrap()).unwrap();
        let why = forward.open().await.unwrap_err().say;
        assert!(why.contains(expected), "{via}: {why}");
    }
    source.via = Some("port-forward:monitoring/pod/prometheus-0:9999".parse().unwrap());
    let mut poll = prometheus::Poll::new(source.clone(), &stage.context);
    let Err(Problem::Failed(why)) = poll.round(Pace::Slow).await else {
        panic!()
    };
    assert!(why.contains("connection refused"), "{why}");
    // A read-only console does not tunnel, and does not read Secrets.
    let watching = sources_support::stage("demo", Access::ReadOnly).await;
    let Err(Problem::Denied { what, .. }) =
        Forward::new(&watching.context, &"port-forward:svc/x:1".parse().unwrap()).map(drop)
    else {
        panic!()
    };
    assert!(what.contains("needs a direct address"), "{what}");
    let poll = watching.certificates().await;
    assert!(matches!(poll.seen.stored.problem, Some(Problem::Denied { .. })));
    assert_eq!(Stage::state_of(&poll, "cortex-tls"), "overdue");
    assert_eq!(watching.cluster.meter().writes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_detail_shows_how_far_an_issuance_came_and_a_missing_cert_manager_is_named() {
    use quarterdeck::sim::kube::resources::{CERTIFICATEREQUESTS, CERTIFICATES, CHALLENGES, CLUSTERISSUERS, ORDERS};
    use quarterdeck::sim::kube::{Clock, NoPlatform, Resource, Server, ServerOptions, Store};
    use serde_json::{Value, json};
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let open = async |server: &Server| {
        let kubeconfig = folder.path().join(format!("kubeconfig-{}", server.address().port()));
        server.write_kubeconfig(&kubeconfig).unwrap();
        let choice = ContextChoice {
            kubeconfig: Some(kubeconfig),
            ..ContextChoice::default()
        };
        let cluster = connect(choice, Access::Operator).await.unwrap();
        SourceContext {
            cluster: Some(cluster),
            grant: WriteGrant::at_start(false).map(Arc::new),
            pace: SourceContext::alone(Pace::Slow).pace,
        }
    };
    let store = Store::new(Clock::manual(Timestamp::now()));
    let by = Writer::new("cert-manager");
    let make = |r: &'static Resource, name: &str, owner: &str, more: Value| {
        let mut object = json!({"apiVersion": r.api_version(), "kind": r.kind, "metadata": {"name": name}});
        if r.namespaced {
            object["metadata"]["namespace"] = json!("cortex");
        }
        if !owner.is_empty() {
            object["metadata"]["ownerReferences"] =
                json!([{"apiVersion": "v1", "kind": "X", "name": "x", "uid": owner, "controller": true}]);
        }
        for (k, v) in more.as_object().unwrap() {
            object[k] = v.clone();
        }
        store.create(r, object, &by).unwrap().meta.uid.to_string()
    };
    let issuer = json!({"name": "le", "kind": "ClusterIssuer"});
    let status = json!({"failedIssuanceAttempts": 2, "lastFailureTime": "2026-11-01T10:00:00Z", "revision": 4, "conditions": [
        {"type": "Ready", "status": "False", "reason": "Expired", "message": "it has expired"},
        {"type": "Issuing", "status": "True", "reason": "Renewing", "message": "", "lastTransitionTime": "2026-11-01T12:00:00Z"}]});
    let spec = json!({"secretName": "web", "dnsNames": ["a.example"], "issuerRef": issuer});
    let uid = make(&CERTIFICATES, "web", "", json!({"spec": spec, "status": status}));
    make(
        &CERTIFICATES,
        "also-web",
        "",
        json!({"spec": spec, "status": {"notAfter": "2027-01-01T00:00:00Z", "conditions": []}}),
    );
    make(
        &CLUSTERISSUERS,
        "le",
        "",
        json!({"status": {"conditions": [{"type": "Ready", "status": "True", "message": "registered"}]}}),
    );
    let pending = json!({"conditions": [{"type": "Ready", "status": "False", "reason": "Pending", "message": "waiting for order"}]});
    let request = make(&CERTIFICATEREQUESTS, "web-5", &uid, json!({"status": pending}));
    let order = make(&ORDERS, "web-5-1", &request, json!({"status": {"state": "pending"}}));
    make(
        &CHALLENGES,
        "web-5-1-1",
        &order,
        json!({"spec": {"type": "HTTP-01", "dnsName": "a.example"}, "status": {"state": "invalid", "reason": "404 from a.example"}}),
    );
    make(&CERTIFICATEREQUESTS, "other-1", "another-uid", json!({"status": {}}));
    let server = Server::start(store.clone(), Arc::new(NoPlatform), ServerOptions::default())
        .await
        .unwrap();
    let context = open(&server).await;
    let source = quarterdeck::config::CertificatesSource {
        name: "main".into(),
        ..Default::default()
    };
    let mut poll = certificate::Poll::new(source.clone(), &context);
    poll.round().await.unwrap();
    let all = poll.seen.managed.fresh().unwrap();
    let web = all.iter().find(|c| &*c.id.name == "web").unwrap();
    assert_eq!((web.failed_attempts, web.revision, &*web.ready), (2, 4, "False"));
    assert_eq!(web.next_try().unwrap().to_string(), "2026-11-01T12:00:00Z");
    assert!(web.shares_secret_with.iter().map(|n| &**n).eq(["also-web"]));
    let steps: Vec<String> = web
        .steps
        .iter()
        .map(|s| format!("{} {} {}: {}", s.kind, s.name, s.state, s.says))
        .collect();
    assert_eq!(
        steps,
        [
            "CertificateRequest web-5 Pending: waiting for order",
            "Order web-5-1 pending: ",
            "Challenge web-5-1-1 invalid: HTTP-01 a.example: 404 from a.example",
            "ClusterIssuer le ready: registered",
        ]
    );
    // Already issuing, or a Secret that two write: no renewal.
    let planner = Planner {
        reader: context.cluster.as_ref().unwrap().reader().clone(),
        place: context.cluster.as_ref().unwrap().place().clone(),
        class: Class::Local,
        user: String::new(),
        policy: Policy::default(),
        sources: Reach::default(),
    };
    for (certificate, expected) in [
        (web, "being issued already"),
        (
            all.iter().find(|c| &*c.id.name == "also-web").unwrap(),
            "uses the same Secret",
        ),
    ] {
        let certificate = thing(
            SourceKind::Certificates,
            "main",
            "certificate",
            "cortex",
            &certificate.id.name,
            &certificate.id.uid,
        );
        let refusal = planner
            .plan(Request::Renew { certificate }, ActionId(3), Timestamp::now())
            .await
            .unwrap_err();
        assert!(refusal.what.contains(expected), "{}", refusal.what);
    }
    let hidden = ServerOptions {
        hidden_groups: vec!["cert-manager.io".into(), "acme.cert-manager.io".into()],
        ..ServerOptions::default()
    };
    let bare = Server::start(store, Arc::new(NoPlatform), hidden).await.unwrap();
    let mut poll = certificate::Poll::new(source, &open(&bare).await);
    poll.round().await.unwrap();
    let Some(Problem::Absent { what, .. }) = &poll.seen.managed.problem else {
        panic!("{:?}", poll.seen.managed)
    };
    assert_eq!(&**what, "the cluster has no cert-manager");
}
