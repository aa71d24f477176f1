//! The rules on certificates, Prometheus and HTTP checks.

use std::sync::Arc;

use jiff::SignedDuration;

use super::testing::*;
use crate::model::*;

pub(super) fn put(bench: &mut Bench, kind: SourceKind, source: Source) {
    let id = SourceId {
        kind,
        name: "main".into(),
    };
    bench.world.apply(Batch {
        sources: vec![(id, source)],
        ..Batch::default()
    });
}

fn days(d: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * d)
}

fn link(subject: &str, from: i64, to: i64) -> Link {
    Link {
        subject: subject.into(),
        issuer: "CN=R3".into(),
        not_before: t0() + days(from),
        not_after: t0() + days(to),
        names: [].into(),
        serial: "01".into(),
        is_ca: false,
        sha256: format!("{subject}{from}").into(),
    }
}

fn chain(from: i64, to: i64) -> Chain {
    Chain {
        leaf: link("CN=web", from, to),
        rest: [].into(),
    }
}

fn managed(from: i64, to: i64) -> Certificate {
    Certificate {
        id: CertificateId {
            namespace: "shop".into(),
            name: "web-tls".into(),
            uid: "u".into(),
        },
        secret: "web".into(),
        issuer: "ClusterIssuer/le".into(),
        ready: "True".into(),
        not_before: Some(t0() + days(from)),
        not_after: Some(t0() + days(to)),
        renewal: Some(t0() + days(from + (to - from) * 2 / 3)),
        ..Certificate::default()
    }
}

fn endpoint(chain: Chain) -> Endpoint {
    Endpoint {
        address: "web.example:443".into(),
        name: "web.example".into(),
        from: "ingress shop/web".into(),
        secret: "shop/web".into(),
        chain: Seen::read(chain, t0()),
        trust: Trust::Trusted,
        note: "".into(),
    }
}

fn certificates(managed: Vec<Certificate>, stored: Option<Chain>, served: Option<Chain>) -> Certificates {
    let stored = stored.map(|c| StoredCertificate {
        namespace: "shop".into(),
        name: "web".into(),
        chain: Ok(c),
    });
    Certificates {
        managed: Seen::read(managed, t0()),
        stored: Seen::read(stored.into_iter().collect(), t0()),
        served: Seen::read(served.map(endpoint).into_iter().collect(), t0()),
        gaps: [].into(),
    }
}

#[test]
fn certificates_by_what_is_left_who_renews_and_what_is_served() {
    let issuing = |mut c: Certificate, minutes: i64| {
        c.issuing = Some(Issuance {
            since: Some(ago(minutes)),
            reason: "ManuallyTriggered".into(),
            message: "".into(),
        });
        c
    };
    let failing = |mut c: Certificate| {
        (c.failed_attempts, c.last_failure) = (3, Some(ago(30)));
        let step = |kind, state: &str, says: &str| CertificateStep {
            kind,
            name: "x".into(),
            state: state.into(),
            says: says.into(),
            created: None,
        };
        c.steps = [
            step("CertificateRequest", "Pending", ""),
            step("Order", "pending", ""),
            step("Challenge", "invalid", "HTTP-01 web: 404"),
        ]
        .into();
        c
    };
    let mut weak = chain(-1, 89);
    let mut intermediate = link("CN=R3", -700, 2);
    intermediate.issuer = "CN=X1".into();
    weak.rest = [intermediate].into();
    let mut fake = chain(-1, 364);
    fake.leaf.subject = "CN=Kubernetes Ingress Controller Fake Certificate".into();
    let cases: Vec<(&str, Certificates, &[&str])> = vec![
        (
            "all well",
            certificates(vec![managed(-10, 80)], Some(chain(-10, 80)), Some(chain(-10, 80))),
            &[],
        ),
        ("nothing known", Certificates::default(), &[]),
        (
            "three days, nobody renews: one line",
            certificates(vec![managed(-87, 3)], Some(chain(-87, 3)), Some(chain(-87, 3))),
            &["critical cert.expiring: certificate web-tls 3d left — renewal overdue ClusterIssuer/le"],
        ),
        (
            "twenty days, overdue",
            certificates(vec![managed(-70, 20)], None, None),
            &["warning cert.expiring: certificate web-tls 20d left — renewal overdue ClusterIssuer/le"],
        ),
        (
            "a short life is judged by its parts",
            certificates(vec![managed(-4, 3)], None, None),
            &[],
        ),
        (
            "a week's life at its end",
            certificates(vec![managed(-6, 1)], None, None),
            &["warning cert.expiring: certificate web-tls 24h left — renewal overdue ClusterIssuer/le"],
        ),
        (
            "a weak intermediate behind a good leaf",
            certificates(vec![], None, Some(weak)),
            &["critical cert.expiring: endpoint web.example:443 2d left — intermediate CN=R3"],
        ),
        (
            "expired",
            certificates(vec![], Some(chain(-91, -1)), None),
            &["critical cert.expiring: secret web expired 24h ago"],
        ),
        (
            "issuing for a while",
            certificates(vec![issuing(managed(-10, 80), 5)], None, None),
            &[],
        ),
        (
            "issuing for long",
            certificates(vec![issuing(managed(-10, 80), 25)], None, None),
            &["warning cert.stuck: certificate web-tls issuing for 25m — ManuallyTriggered ClusterIssuer/le"],
        ),
        (
            "failing",
            certificates(vec![failing(managed(-10, 80))], None, None),
            &["warning cert.stuck: certificate web-tls 3 failed attempts for 30m — Challenge invalid HTTP-01 web: 404"],
        ),
    ];
    for (name, seen, expected) in cases {
        let mut bench = Bench::new();
        put(
            &mut bench,
            SourceKind::Certificates,
            Source::Certificates(Arc::new(seen)),
        );
        assert_eq!(bench.look(), expected, "{name}");
    }
    // Only we see what is served: it is raised after its time.
    for (served, expected) in [
        (
            chain(-80, 20),
            "warning cert.mismatch: endpoint web.example:443 serves an old certificate, seen for 11m — 19d left shop/web",
        ),
        (
            fake,
            "critical cert.mismatch: endpoint web.example:443 serves a placeholder certificate, seen for 11m — 363d left shop/web",
        ),
    ] {
        let mut bench = Bench::new();
        let seen = certificates(vec![managed(-1, 89)], Some(chain(-1, 89)), Some(served));
        put(
            &mut bench,
            SourceKind::Certificates,
            Source::Certificates(Arc::new(seen)),
        );
        assert!(bench.look().is_empty());
        assert_eq!(bench.later(660), [expected]);
    }
}

fn reading(value: f64) -> Seen<Vec<Reading>> {
    Seen::read(
        vec![Reading {
            service: "api".into(),
            value,
            history: [].into(),
        }],
        t0(),
    )
}

pub(super) fn alert(name: &str, severity: &str, runbook: &str) -> Alert {
    Alert {
        name: name.into(),
        severity: severity.into(),
        labels: [("pod".into(), "a".into())].into(),
        summary: "it is bad".into(),
        runbook: runbook.into(),
        since: ago(7),
        fingerprint: "f".into(),
        silenced_by: [].into(),
        inhibited: false,
    }
}

fn burn(windows: [f64; 4]) -> Burn {
    let [m5, m30, h1, h6] = windows.map(Some);
    Burn {
        name: "api".into(),
        target: 99.9,
        days: 30,
        over: Windows {
            minutes_5: m5,
            minutes_30: m30,
            hour: h1,
            hours_6: h6,
        },
        left: Some(0.5),
        rate: Some(10.0),
        min_rate: 1.0,
    }
}

#[test]
fn prometheus_by_its_limits_and_its_alerts() {
    let host = |cpu: f64, used: f64, full: Option<i64>| Host {
        name: "n1".into(),
        cpu: Some(cpu),
        memory: Some(0.5),
        disks: [Disk {
            mount: "/".into(),
            used,
            full_in: full.map(SignedDuration::from_hours),
        }]
        .into(),
    };
    let p = Prometheus::default;
    let silenced = Alert {
        silenced_by: ["s".into()].into(),
        ..alert("Quiet", "critical", "")
    };
    let cases: Vec<(&str, Prometheus, &[&str])> = vec![
        ("nothing known is nothing wrong", p(), &[]),
        (
            "few errors",
            Prometheus {
                errors: reading(0.005),
                ..p()
            },
            &[],
        ),
        (
            "some errors",
            Prometheus {
                errors: reading(0.02),
                ..p()
            },
            &["warning app.errors: service api 2.0 % of requests fail, seen for 5m"],
        ),
        (
            "many errors",
            Prometheus {
                errors: reading(0.23),
                traffic: reading(40.0),
                ..p()
            },
            &["critical app.errors: service api 23 % of requests fail, seen for 5m"],
        ),
        (
            "errors of almost no requests",
            Prometheus {
                errors: reading(1.0),
                traffic: reading(0.01),
                ..p()
            },
            &[],
        ),
        (
            "slow",
            Prometheus {
                latency: reading(0.7),
                ..p()
            },
            &["warning app.latency: service api p95 700 ms, seen for 5m"],
        ),
        (
            "slower than its histogram can tell",
            Prometheus {
                latency: reading(f64::INFINITY),
                ..p()
            },
            &["critical app.latency: service api p95 above its buckets, seen for 5m"],
        ),
        (
            "burns fast",
            Prometheus {
                slos: Seen::read(vec![burn([20.0, 16.0, 15.0, 5.0])], t0()),
                ..p()
            },
            &["critical slo.burn: slo api burns 15× over 1h, seen for 5m — 50 % of the budget left, gone in 24h"],
        ),
        (
            "burns slowly",
            Prometheus {
                slos: Seen::read(vec![burn([1.0, 7.0, 5.0, 6.5])], t0()),
                ..p()
            },
            &["warning slo.burn: slo api burns 6.5× over 6h, seen for 5m — 50 % of the budget left, gone in 3d"],
        ),
        (
            "over already",
            Prometheus {
                slos: Seen::read(vec![burn([0.0, 0.0, 20.0, 8.0])], t0()),
                ..p()
            },
            &[],
        ),
        (
            "burns with no traffic",
            Prometheus {
                slos: Seen::read(
                    vec![Burn {
                        rate: Some(0.1),
                        ..burn([90.0; 4])
                    }],
                    t0(),
                ),
                ..p()
            },
            &[],
        ),
        (
            "a full machine",
            Prometheus {
                hosts: Seen::read(vec![host(0.95, 0.85, None)], t0()),
                ..p()
            },
            &["warning host.pressure: host n1 disk / 85 %, seen for 5m — CPU 95 %"],
        ),
        (
            "soon full",
            Prometheus {
                hosts: Seen::read(vec![host(0.1, 0.6, Some(5))], t0()),
                ..p()
            },
            &["critical host.pressure: host n1 disk / 60 %, full in 5h, seen for 5m"],
        ),
        (
            "alerts, one line a name; silenced, ungraded and always firing ones are none",
            Prometheus {
                alerts: Seen::read(
                    vec![
                        alert("HighErrorRate", "page", ""),
                        alert("HighErrorRate", "warning", ""),
                        alert("DiskFull", "warning", "https://wiki/ops/backup-restore.md#x"),
                        alert("Watchdog", "critical", ""),
                        alert("Info", "none", ""),
                        silenced,
                    ],
                    t0(),
                ),
                ..p()
            },
            &[
                "critical alert.firing: alert HighErrorRate firing 2 times for 12m — it is bad",
                "warning alert.firing: alert DiskFull firing for 12m — it is bad",
            ],
        ),
    ];
    for (name, seen, expected) in cases {
        let mut bench = Bench::new();
        put(&mut bench, SourceKind::Prometheus, Source::Prometheus(Arc::new(seen)));
        bench.look();
        assert_eq!(bench.later(301), expected, "{name}");
    }
    let mut bench = Bench::new();
    let alerts = Seen::read(
        vec![alert("HighErrorRate", "page", ""), alert("Y", "page", "x/crash-loop")],
        t0(),
    );
    put(
        &mut bench,
        SourceKind::Prometheus,
        Source::Prometheus(Arc::new(Prometheus { alerts, ..p() })),
    );
    bench.look();
    let runbooks: Vec<_> = bench.judge.signals().iter().map(|s| s.runbook).collect();
    assert_eq!(runbooks, [Some("high-error-rate"), Some("crash-loop")]);
}
