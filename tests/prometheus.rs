//! Prometheus and Alertmanager: Debian's servers, scraping an exporter whose numbers the tests set.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod prometheus_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Response, StatusCode};
use prometheus_support::*;
use quarterdeck::action::WriteGrant;
use quarterdeck::config::{Auth, Endpoint, HeaderValue, PrometheusSource, SecretRef, Slo, Tls};
use quarterdeck::feed::prometheus::alertmanager::{Alertmanager, Matcher, NewSilence};
use quarterdeck::feed::prometheus::{Poll, QUERIES, Texts};
use quarterdeck::feed::{Inbox, Pace, SourceContext};
use quarterdeck::model::{Freshness, Problem, Source};

#[tokio::test(flavor = "multi_thread")]
async fn the_views_say_what_the_servers_know() {
    let manager = alertmanager().await;
    let folder = tempfile::tempdir().unwrap();
    exporter().backfill(folder.path(), "api", 7);
    let server = prometheus_in(folder, &[], RULES, Some(manager.port), &[]).await;
    let mut source = source(&server.url());
    source.alertmanager = Some(Endpoint {
        url: manager.url(),
        ..Endpoint::default()
    });
    source.slo = vec![
        Slo {
            name: "api".into(),
            target: 99.0,
            service: Some("api".into()),
            errors: None,
            traffic: None,
            min_rate: 1.0,
            days: 30,
        },
        Slo {
            name: "of no series".into(),
            target: 99.0,
            service: Some("nothing".into()),
            errors: None,
            traffic: None,
            min_rate: 1.0,
            days: 30,
        },
    ];
    let context = SourceContext::alone(Pace::Fast);
    let mut poll = Poll::new(source.clone(), &context);
    // The alert needs a moment for its way through both servers.
    let mut rounds = 0;
    while poll.seen.alerts.fresh().is_none_or(Vec::is_empty) {
        poll.round(Pace::Fast).await.unwrap();
        rounds += 1;
        assert!(rounds < 400, "{:?}", poll.seen.alerts);
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    }
    let seen = &poll.seen;
    let errors = &seen.errors.fresh().unwrap()[0];
    assert!(close(errors.value, 0.1, 1e-6), "{errors:?}");
    assert_eq!((&*errors.service, errors.history.len()), ("api", 31));
    let latency = seen.latency.fresh().unwrap()[0].value;
    assert!(close(latency, 0.875, 1e-6), "{latency}");
    let traffic = seen.traffic.fresh().unwrap()[0].value;
    assert!(close(traffic, 100.0, 20.0), "{traffic}");
    let host = &seen.hosts.fresh().unwrap()[0];
    assert!(
        close(host.cpu.unwrap(), 0.85, 0.05) && close(host.memory.unwrap(), 0.8, 0.001),
        "{host:?}"
    );
    assert!(close(host.disks[0].used, 0.95, 0.01), "{host:?}");
    let full = host.disks[0].full_in.unwrap().as_secs();
    assert!((4500..5500).contains(&full), "{full}");
    let measured = &seen.certificates.fresh().unwrap()[0];
    assert_eq!(
        (measured.by, &*measured.name, measured.not_after.as_second()),
        ("cert-manager", "a/web", 1_800_000_000)
    );
    let burns = seen.slos.fresh().unwrap();
    assert!(
        close(burns[0].over.hour.unwrap(), 10.0, 0.01) && close(burns[0].over.hours_6.unwrap(), 10.0, 0.01),
        "{burns:?}"
    );
    assert!(
        close(burns[0].left.unwrap(), -9.0, 0.01) && close(burns[0].rate.unwrap(), 100.0, 20.0),
        "{burns:?}"
    );
    assert_eq!(
        (burns[1].over, burns[1].left, burns[1].exhausted_in()),
        (quarterdeck::model::Windows::default(), None, None)
    );
    let alert = &seen.alerts.fresh().unwrap()[0];
    assert_eq!(
        (&*alert.name, &*alert.severity, &*alert.summary),
        ("HighErrorRate", "critical", "5xx above 5 %")
    );
    assert_eq!(&*alert.runbook, "https://wiki/high-error-rate");
    assert_eq!(alert.label("team"), Some("core"));
    assert!(alert.is_active() && !alert.fingerprint.is_empty());

    // A silence and its end, by the calls that the action uses.
    let grant = WriteGrant::at_start(false).unwrap();
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(no_tls())
        .build()
        .unwrap();
    let url = manager.url();
    let api = Alertmanager {
        client: &client,
        url: &url,
    };
    assert!(api.version().await.unwrap().starts_with("0."));
    let now = jiff::Timestamp::now();
    let matchers = alert.labels.iter().map(|(k, v)| Matcher::equal(k, v)).collect();
    let new = NewSilence {
        matchers,
        starts_at: now,
        ends_at: now + jiff::SignedDuration::from_hours(1),
        created_by: "operator".into(),
        comment: "known".into(),
    };
    let id = api.make(&grant, &new).await.unwrap();
    let made = api.silence(&id).await.unwrap().unwrap();
    assert_eq!((&*made.by, &*made.comment, made.pending), ("operator", "known", false));
    assert!(
        made.matchers.iter().any(|m| &**m == "alertname=\"HighErrorRate\""),
        "{made:?}"
    );
    until("the alert is silenced", async || {
        let alerts = api.alerts().await.unwrap();
        (alerts.len() == 1 && alerts[0].silenced_by.iter().map(|s| &**s).eq([id.as_str()]) && !alerts[0].is_active())
            .then_some(())
    })
    .await;
    api.expire(&grant, &id).await.unwrap();
    assert_eq!(api.silence(&id).await.unwrap(), None);
    let late = NewSilence {
        ends_at: now - jiff::SignedDuration::from_hours(1),
        ..new
    };
    assert!(api.make(&grant, &late).await.is_err());
    assert!(api.expire(&grant, "../status").await.is_err());

    // Without an Alertmanager the rules of Prometheus tell what fires.
    source.alertmanager = None;
    let mut poll = Poll::new(source, &context);
    poll.round(Pace::Slow).await.unwrap();
    let alerts = poll.seen.alerts.fresh().unwrap();
    assert_eq!(alerts.len(), 1);
    assert_eq!(
        (&*alerts[0].name, alerts[0].label("team")),
        ("HighErrorRate", Some("core"))
    );
    assert!(matches!(poll.seen.silences.problem, Some(Problem::Absent { .. })));
    assert!(poll.seen.errors.fresh().unwrap()[0].history.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_series_that_is_not_there_is_absent_and_never_zero() {
    let exporter = Exporter::default();
    exporter.set("http_requests_total{code=\"200\"}", 0.0, 5.0);
    let address = exporter.serve().await;
    let server = prometheus(&[("quiet", address)], "groups: []", None, &[]).await;
    let mut poll = Poll::new(source(&server.url()), &SourceContext::alone(Pace::Slow));
    for _ in 0..300 {
        poll.round(Pace::Slow).await.unwrap();
        if poll.seen.errors.fresh().is_some() {
            break;
        }
        // Before the first scrape nothing is known, and nothing is 0.
        assert!(
            matches!(poll.seen.errors.problem, Some(Problem::Absent { .. })),
            "{:?}",
            poll.seen.errors
        );
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    }
    // Requests are counted and none failed: that is a true zero.
    assert!(poll.seen.errors.fresh().unwrap()[0].value.abs() < f64::EPSILON);
    for problem in [
        &poll.seen.latency.problem,
        &poll.seen.hosts.problem,
        &poll.seen.slos.problem,
    ] {
        assert!(matches!(problem, Some(Problem::Absent { .. })), "{problem:?}");
    }
    assert_eq!(poll.seen.alerts.fresh().map(Vec::len), Some(0));
    // Every text is one that the server takes, and a bad one blanks its view alone.
    let source = source(&server.url());
    for query in QUERIES {
        let text = Texts::new(&source).text(query);
        let out = std::process::Command::new("promtool")
            .args(["query", "instant", &server.url(), &text])
            .output()
            .expect("promtool: install the Debian package prometheus");
        assert!(out.status.success(), "{text}: {}", String::from_utf8_lossy(&out.stderr));
    }
    let mut source = source;
    source.queries.insert("app.latency".into(), "sum(".into());
    source
        .queries
        .insert("app.traffic".into(), "http_requests_total[5m]".into());
    let mut poll = Poll::new(source, &SourceContext::alone(Pace::Slow));
    poll.round(Pace::Slow).await.unwrap();
    assert!(poll.seen.errors.fresh().is_some());
    let Some(Problem::Failed(why)) = &poll.seen.latency.problem else {
        panic!("{:?}", poll.seen.latency)
    };
    assert!(why.contains("parse error"), "{why}");
    assert!(matches!(&poll.seen.traffic.problem, Some(Problem::Failed(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_certificates_and_prefixes_open_the_door() {
    let folder = tempfile::tempdir().unwrap();
    let ca = rcgen::CertifiedIssuer::self_signed(
        {
            let mut p = rcgen::CertificateParams::new(Vec::new()).unwrap();
            p.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            p
        },
        rcgen::KeyPair::generate().unwrap(),
    )
    .unwrap();
    let issue = |name: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let cert = rcgen::CertificateParams::new(vec![name.to_owned()])
            .unwrap()
            .signed_by(&key, &ca)
            .unwrap();
        (cert.pem(), key.serialize_pem())
    };
    let (cert, key) = issue("prometheus.monitoring.svc");
    let (client_cert, client_key) = issue("quarterdeck");
    for (name, text) in [
        ("ca.pem", ca.pem()),
        ("cert.pem", cert),
        ("key.pem", key),
        ("client.pem", client_cert),
        ("client.key", client_key),
        ("password", "scrape-secret\n".to_owned()),
    ] {
        write(folder.path(), name, &text);
    }
    let hash = "$2b$04$CxvGPP3//hf4GQbkhCvgYeSOrCQXNXKcjJJ7bWZ1s3fNtjtUYhuFa";
    write(
        folder.path(),
        "web.yml",
        &format!(
            "tls_server_config: {{cert_file: cert.pem, key_file: key.pem, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem}}\nbasic_auth_users: {{qd: '{hash}'}}\n"
        ),
    );
    let at = |name: &str| folder.path().join(name);
    let (ca, client_pem, client_key, password) = (at("ca.pem"), at("client.pem"), at("client.key"), at("password"));
    let more = [
        "--web.config.file=web.yml".to_owned(),
        "--web.route-prefix=/metrics/prom".to_owned(),
    ];
    let server = prometheus_in(folder, &[], "groups: []", None, &more).await;
    let mut good = source(&format!("https://127.0.0.1:{}/metrics/prom/", server.port));
    good.tls = Tls {
        ca: Some(ca),
        certificate: Some(client_pem),
        key: Some(client_key),
        name: Some("prometheus.monitoring.svc".into()),
    };
    good.auth = Some(Auth::Basic {
        user: "qd".into(),
        password: SecretRef::File(password.clone()),
    });
    let context = SourceContext::alone(Pace::Slow);
    let try_it = async |source: &PrometheusSource| Poll::new(source.clone(), &context).round(Pace::Slow).await;
    try_it(&good).await.unwrap();
    let mut bad = good.clone();
    bad.auth = None;
    let Err(Problem::Denied { what, .. }) = try_it(&bad).await else {
        panic!()
    };
    assert!(what.contains("401"), "{what}");
    let mut bad = good.clone();
    (bad.tls.certificate, bad.tls.key) = (None, None);
    assert!(matches!(try_it(&bad).await, Err(Problem::Failed(_))));
    let mut bad = good.clone();
    bad.tls.name = None;
    let Err(Problem::Failed(why)) = try_it(&bad).await else {
        panic!()
    };
    assert!(why.contains("not valid for name"), "{why}");
    let mut bad = good.clone();
    bad.tls.ca = None;
    let Err(Problem::Failed(why)) = try_it(&bad).await else {
        panic!()
    };
    assert!(why.contains("UnknownIssuer"), "{why}");
    let mut bad = good.clone();
    bad.url = format!("https://127.0.0.1:{}", server.port);
    assert!(matches!(try_it(&bad).await, Err(Problem::Failed(_))));
    // The password is in no word that was said.
    std::fs::write(&password, "wrong-secret").unwrap();
    let said = format!("{:?}", try_it(&good).await.unwrap_err());
    assert!(said.contains("401") && !said.contains("wrong-secret"), "{said}");
}

/// What an API server in front of Prometheus might do, and what it saw.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_read_again_headers_are_sent_and_warnings_are_shown() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let address = serve(move |request| {
        count.fetch_add(1, Ordering::SeqCst);
        let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
        let (token, org, method) = (header("authorization"), header("x-scope-orgid"), request.method().clone());
        let path = request.uri().path().to_owned();
        async move {
            if token != "Bearer second" {
                let mut refused = Response::new(Full::new(Bytes::from("no")));
                *refused.status_mut() = StatusCode::UNAUTHORIZED;
                return refused;
            }
            let data = if path.ends_with("/rules") {
                r#"{"groups":[]}"#
            } else {
                assert_eq!((method.as_str(), org.as_str()), ("POST", "cortex"));
                r#"{"resultType":"vector","result":[{"metric":{"job":"a"},"value":[1.0,"0.25"]},{"metric":{"job":"b"},"value":[1.0,"NaN"]}]}"#
            };
            let body = format!(r#"{{"status":"success","data":{data},"warnings":["store x is down: partial response"]}}"#);
            Response::new(Full::new(Bytes::from(body)))
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "first").unwrap();
    let mut source = source(&format!("http://{address}/prefix"));
    source.auth = Some(Auth::Bearer {
        bearer: SecretRef::File(token.clone()),
    });
    source
        .headers
        .insert("X-Scope-OrgID".into(), HeaderValue::Plain("cortex".into()));
    let mut poll = Poll::new(source, &SourceContext::alone(Pace::Slow));
    assert!(matches!(poll.round(Pace::Slow).await, Err(Problem::Denied { .. })));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    // Rotated: the refusal made it read the file again.
    std::fs::write(&token, "second").unwrap();
    poll.round(Pace::Slow).await.unwrap();
    let errors = poll.seen.errors.fresh().unwrap();
    assert_eq!((errors.len(), errors[0].value), (1, 0.25));
    assert!(
        poll.seen
            .warnings
            .iter()
            .any(|w| &**w == "app.errors: store x is down: partial response"),
        "{:?}",
        poll.seen.warnings
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_or_is_gone_costs_one_deadline_and_keeps_what_was_seen() {
    let address = exporter().serve().await;
    let mut server = prometheus(&[("api", address)], "groups: []", None, &[]).await;
    let mut poll = Poll::new(source(&server.url()), &SourceContext::alone(Pace::Slow));
    for _ in 0..300 {
        poll.round(Pace::Slow).await.unwrap();
        if poll.seen.traffic.fresh().is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    }
    server.stop();
    let Err(Problem::Failed(why)) = poll.round(Pace::Slow).await else {
        panic!()
    };
    // The first round may still write into a connection of the pool that ends under it.
    let ends = ["connection refused", "connection closed before message completed"];
    assert!(ends.contains(&&*why), "{why}");
    assert!(poll.seen.traffic.fresh().is_none() && poll.seen.traffic.last().is_some());

    // It takes the connection and says nothing. The light says so; the task lives on and ends when dropped.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let inbox = Inbox::new();
    let task = tokio::spawn(quarterdeck::feed::prometheus::run(
        source(&url),
        SourceContext::alone(Pace::Slow),
        inbox.clone(),
    ));
    let (mut failed, mut seen) = (None, None);
    while failed.is_none() || seen.is_none() {
        inbox.ready().await;
        let batch = inbox.drain().unwrap();
        failed = failed.or(batch
            .reach
            .into_iter()
            .find(|(_, f)| matches!(f, Freshness::Failed { .. })));
        seen = seen.or(batch.sources.into_iter().next());
    }
    let Some((_, Freshness::Failed { why, .. })) = failed else {
        panic!()
    };
    assert_eq!(&*why, "no answer within 7 s");
    let Some((_, Source::Prometheus(seen))) = seen else {
        panic!()
    };
    assert!(matches!(seen.errors.problem, Some(Problem::TimedOut(_))));
    assert!(!task.is_finished());
    task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_check_wants_its_status_in_time_and_gets_nothing_but_get() {
    use quarterdeck::config::HttpSource;
    use quarterdeck::feed::http_check::Check;
    let address = serve(|request| async move {
        assert_eq!(request.method(), "GET");
        let mut answer = Response::new(Full::new(Bytes::from("hello")));
        match request.uri().path() {
            "/slow" => tokio::time::sleep(std::time::Duration::from_millis(60)).await,
            "/moved" => {
                *answer.status_mut() = StatusCode::FOUND;
                answer
                    .headers_mut()
                    .insert("location", "https://login/?next=secret".parse().unwrap());
            }
            "/down" => *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE,
            _ => {}
        }
        answer
    })
    .await;
    let check = |path: &str| HttpSource {
        name: "c".into(),
        url: format!("http://{address}{path}"),
        ..HttpSource::default()
    };
    let tried = async |source: HttpSource| {
        let mut check = Check::new(source, &SourceContext::alone(Pace::Slow));
        for _ in 0..3 {
            check.once().await.unwrap();
        }
        check.seen
    };
    let seen = tried(check("/health?token=secret")).await;
    assert_eq!(
        (seen.failures, seen.slow, seen.reply.fresh().unwrap().status),
        (0, 0, 200)
    );
    assert!(!seen.url.contains("secret") && seen.history.len() == 3);
    let seen = tried(HttpSource {
        limit_ms: Some(20),
        ..check("/slow")
    })
    .await;
    assert!(!seen.is_down() && seen.is_slow() && seen.slow_since.is_some());
    let seen = tried(check("/moved")).await;
    assert!(seen.is_down());
    assert_eq!(&*seen.reply.fresh().unwrap().location, "https://login/");
    assert!(
        !tried(HttpSource {
            status: Some(302),
            ..check("/moved")
        })
        .await
        .is_down()
    );
    assert!(tried(check("/down")).await.is_down());
    let mut gone = check("/");
    gone.url = "http://127.0.0.1:1/".into();
    let seen = tried(gone).await;
    assert!(seen.is_down() && seen.reply.problem == Some(Problem::Failed("connection refused".into())));
    assert!(seen.history[0].is_nan());
}
