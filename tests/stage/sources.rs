//! The sources beside Kubernetes as they stand at the moment of the pictures: what the real feeds would have published.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use quarterdeck::model::postgres::{
    Connections, ConnectionsBy, Counters, LockRow, LockTree, Postgres, Session, Statement, StatementId, Statements,
    TableStat,
};
use quarterdeck::model::{
    Alert, Batch, Burn, Certificate, CertificateId, Certificates, Freshness, HttpChecks, HttpReply, Prometheus,
    Reading, Redis, RedisClients, RedisInfo, RedisMemory, RedisNode, RedisPersistence, RedisRates, RedisStats, Seen,
    Silence, Source, SourceId, SourceKind, Windows,
};

use super::jobs;

fn id(kind: SourceKind, name: &str) -> SourceId {
    SourceId {
        kind,
        name: name.into(),
    }
}

/// The sources of the platform, as its configuration names them.
pub fn ids() -> Vec<SourceId> {
    vec![
        id(SourceKind::Postgres, "core"),
        id(SourceKind::Redis, "cache"),
        id(SourceKind::Queues, "jobs"),
        id(SourceKind::Prometheus, "main"),
        id(SourceKind::Certificates, "cluster"),
        id(SourceKind::Http, "api"),
    ]
}

/// What was read of Redis so many minutes before: its load grows.
pub fn before(now: Timestamp, minutes: i64) -> Batch {
    let redis = id(SourceKind::Redis, "cache");
    let ops = u64::try_from(8_200 - minutes * minutes * 60).unwrap();
    Batch {
        sources: vec![(redis, Source::Redis(Arc::new(cache(ago(now, minutes), ops))))],
        ..Batch::default()
    }
}

/// All of them, read at `now`.
/// In a read-only console statements come without their values.
pub fn batch(now: Timestamp, read_only: bool) -> Batch {
    let [pg, redis, queues, prom, certs, http] = ids().try_into().unwrap();
    let reach = ids().into_iter().map(|id| (id, Freshness::Fresh)).collect();
    let sources = vec![
        (pg, Source::Postgres(Arc::new(postgres(now, read_only)))),
        (redis, Source::Redis(Arc::new(cache(now, 8_200)))),
        (queues, Source::Queues(Arc::new(jobs::jobs(now)))),
        (prom, Source::Prometheus(Arc::new(prometheus(now)))),
        (certs, Source::Certificates(Arc::new(certificates(now)))),
        (http, Source::Http(Arc::new(check(now)))),
    ];
    Batch {
        sources,
        reach,
        ..Batch::default()
    }
}

pub fn ago(now: Timestamp, minutes: i64) -> Timestamp {
    now.checked_sub(SignedDuration::from_mins(minutes)).unwrap()
}

fn session(pid: i32, application: &str, query_s: f64, query: &str) -> Session {
    Session {
        pid,
        leader_pid: None,
        backend_type: Some("client backend".into()),
        database: Some("cortex".into()),
        user: Some("cortex".into()),
        application: Some(application.into()),
        client: Some("10.42.3.17".into()),
        state: Some("active".into()),
        wait_event_type: None,
        wait_event: None,
        query_id: None,
        backend_start: Some(format!("2026-11-21 13:{}:00+00", pid % 60)),
        xact_s: Some(query_s),
        query_s: Some(query_s),
        state_s: Some(query_s),
        xmin_age: Some(1_200),
        query: Some(query.into()),
    }
}

fn postgres(now: Timestamp, read_only: bool) -> Postgres {
    let unit = if read_only { "?" } else { "'day'" };
    let lock = |pid: i32, by: &[i32], application: &str, wait: f64, mode: &str, query: &str| LockRow {
        pid,
        blocked_by: by.to_vec(),
        database: Some("cortex".into()),
        user: Some("cortex".into()),
        application: Some(application.into()),
        state: Some(if by.is_empty() { "idle in transaction" } else { "active" }.into()),
        backend_start: Some(format!("2026-11-21 13:{}:00+00", pid % 60)),
        xact_s: Some(252.0),
        query_s: Some(wait),
        query: Some(query.into()),
        lock_type: (!by.is_empty()).then(|| "relation".into()),
        lock_mode: (!by.is_empty()).then(|| mode.into()),
        relation: Some("sessions".into()),
        wait_s: (!by.is_empty()).then_some(wait),
        ..LockRow::default()
    };
    let tree = LockTree::of(vec![
        lock(
            4127,
            &[],
            "cortex-import",
            0.0,
            "",
            "UPDATE sessions SET last_seen = now() WHERE id = $1",
        ),
        lock(
            4133,
            &[4127],
            "cortex-api",
            238.0,
            "ShareLock",
            "UPDATE sessions SET last_seen = now() WHERE id = $1",
        ),
        lock(
            4150,
            &[4127],
            "migrate",
            141.0,
            "AccessExclusiveLock",
            "ALTER TABLE sessions ADD COLUMN device text",
        ),
        lock(
            4161,
            &[4150],
            "cortex-api",
            138.0,
            "AccessShareLock",
            "SELECT * FROM sessions WHERE token = $1",
        ),
    ]);
    let activity = vec![
        session(
            4188,
            "metabase",
            424.0,
            &format!("SELECT date_trunc({unit}, created_at), count(*) FROM observations GROUP BY 1"),
        ),
        session(
            4190,
            "worker",
            31.0,
            "SELECT id, embedding <=> $1 AS distance FROM content_embeddings ORDER BY 2",
        ),
    ];
    let statement = |query_id: &str, text: &str, calls: f64, mean: f64| Statement {
        id: StatementId {
            user_id: 10,
            database_id: 5,
            query_id: query_id.into(),
            top_level: true,
        },
        user: "cortex".into(),
        database: "cortex".into(),
        text: Some(text.into()),
        window: Counters {
            calls,
            total_ms: calls * mean,
            rows: calls * 4.0,
            io_ms: calls * mean * 0.3,
            ..Counters::default()
        },
        ever: Counters::default(),
        max_ms: mean * 9.0,
    };
    let rows = vec![
        statement(
            "7731",
            "SELECT id, embedding <=> $1 AS distance FROM content_embeddings ORDER BY 2 LIMIT $2",
            42.0,
            812.0,
        ),
        statement(
            "1904",
            "SELECT * FROM threads WHERE subcortex_id = $1 ORDER BY updated_at DESC",
            1_140.0,
            3.1,
        ),
    ];
    let all_ms = rows.iter().map(|s| s.window.total_ms).sum();
    let table = |oid: i64, name: &str, dead: i64, live: i64| TableStat {
        oid,
        schema: "public".into(),
        name: name.into(),
        live,
        dead,
        modified: dead / 2,
        threshold: 50.0 + 0.2 * live as f64,
        autovacuum: true,
        bytes: live * 2_300,
        vacuumed: Some(ago(now, 60 * 49)),
        analyzed: Some(ago(now, 60 * 28)),
        vacuums: 12,
        frozen_age: Some(21_000_000),
        chunks: None,
    };
    let by = |state: &str, count: i64| ConnectionsBy {
        database: Some("cortex".into()),
        user: Some("cortex".into()),
        application: Some("cortex-api".into()),
        state: Some(state.into()),
        count,
    };
    Postgres {
        activity: Seen::read(activity, now),
        locks: Seen::read(tree, now),
        connections: Seen::read(
            Connections {
                usable: 97,
                max: 100,
                total: 61,
                by: vec![by("idle", 51), by("active", 9), by("idle in transaction", 1)],
            },
            now,
        ),
        statements: Seen::read(
            Statements {
                rows,
                window_s: Some(60.0),
                all_ms,
                thrown_out: Some(0),
            },
            now,
        ),
        tables: Seen::read(
            vec![
                table(1, "observations", 2_950_000, 1_240_000),
                table(2, "threads", 9_400, 88_000),
                table(3, "tasks", 800, 12_400),
            ],
            now,
        ),
        wire: "TLS, verified".into(),
        ..Postgres::default()
    }
}

fn cache(now: Timestamp, ops: u64) -> Redis {
    let gib = 1 << 30;
    let info = RedisInfo {
        version: "7.2.5".into(),
        mode: "standalone".into(),
        run_id: "a1".into(),
        uptime_s: 777_600,
        memory: RedisMemory {
            used: gib * 36 / 10,
            peak: gib * 37 / 10,
            rss: gib * 4,
            max: gib * 4,
            policy: "noeviction".into(),
            fragmentation_ratio: 1.11,
            ..RedisMemory::default()
        },
        clients: RedisClients {
            connected: 214,
            blocked: 4,
            max: Some(10_000),
        },
        stats: RedisStats {
            ops_per_second: ops,
            ..RedisStats::default()
        },
        persistence: RedisPersistence {
            rdb_ok: true,
            rdb_last_save: Some(ago(now, 15)),
            rdb_changes: 6_943,
            aof_on: true,
            aof_write_ok: true,
            aof_rewrite_ok: true,
            ..RedisPersistence::default()
        },
        ..RedisInfo::default()
    };
    Redis {
        holds_queues: true,
        nodes: vec![RedisNode {
            address: "redis.cortex.svc:6379".into(),
            ping_us: Seen::read(420, now),
            info: Seen::read(info, now),
            rates: Some(RedisRates {
                over: SignedDuration::from_secs(15),
                commands: ops as f64,
                hit_rate: Some(0.972),
                ..RedisRates::default()
            }),
            ..RedisNode::default()
        }],
        ..Redis::default()
    }
}

fn prometheus(now: Timestamp) -> Prometheus {
    let alert = |name: &str, severity: &str, service: &str, minutes: i64, summary: &str| Alert {
        name: name.into(),
        severity: severity.into(),
        labels: vec![
            ("alertname".into(), name.into()),
            ("service".into(), service.into()),
            ("severity".into(), severity.into()),
        ]
        .into(),
        summary: summary.into(),
        runbook: "".into(),
        since: ago(now, minutes),
        fingerprint: name.into(),
        silenced_by: Arc::new([]),
        inhibited: false,
    };
    let errors = "More than 5 % of the requests to cortex-api fail";
    let throttled = "A quarter of cortex-worker's periods were cut short";
    let looping = "cortex-worker is started again and again";
    let silence = Silence {
        id: "s1".into(),
        matchers: vec!["alertname=\"PodCrashLooping\"".into()].into(),
        from: ago(now, 35),
        to: ago(now, -85),
        by: "m.okafor".into(),
        comment: "1.5.0 loops, the fix comes with 1.5.2".into(),
        pending: false,
    };
    let reading = |service: &str, value: f64| Reading {
        service: service.into(),
        value,
        history: (0..20).map(|i| value * f64::from(i + 2) / 22.0).collect(),
    };
    Prometheus {
        alerts: Seen::read(
            vec![
                alert("HighErrorRate", "critical", "cortex-api", 4, errors),
                alert("CPUThrottlingHigh", "info", "cortex-worker", 38, throttled),
                Alert {
                    silenced_by: vec!["s1".into()].into(),
                    ..alert("PodCrashLooping", "warning", "cortex-worker", 41, looping)
                },
            ],
            now,
        ),
        silences: Seen::read(vec![silence], now),
        errors: Seen::read(vec![reading("cortex-api", 0.123), reading("cortex-web", 0.003)], now),
        latency: Seen::read(vec![reading("cortex-api", 0.284), reading("cortex-web", 0.061)], now),
        traffic: Seen::read(vec![reading("cortex-api", 157.0), reading("cortex-web", 65.0)], now),
        slos: Seen::read(
            vec![Burn {
                name: "cortex-api availability".into(),
                target: 99.9,
                days: 30,
                over: Windows {
                    minutes_5: Some(123.0),
                    minutes_30: Some(31.0),
                    hour: Some(16.2),
                    hours_6: Some(2.9),
                },
                left: Some(0.71),
                rate: Some(157.0),
                min_rate: 1.0,
            }],
            now,
        ),
        ..Prometheus::default()
    }
}

fn certificates(now: Timestamp) -> Certificates {
    let days = |n: i64| now.checked_add(SignedDuration::from_hours(24 * n)).unwrap();
    let certificate = |name: &str, host: &str, left: i64, overdue: bool| Certificate {
        id: CertificateId {
            namespace: "cortex".into(),
            name: name.into(),
            uid: name.into(),
        },
        secret: name.into(),
        shares_secret_with: Arc::new([]),
        dns_names: vec![host.into()].into(),
        issuer: "ClusterIssuer/letsencrypt-prod".into(),
        ready: "True".into(),
        reason: "Ready".into(),
        message: "".into(),
        issuing: None,
        not_before: Some(days(left - 90)),
        not_after: Some(days(left)),
        renewal: Some(if overdue { days(-27) } else { days(left - 30) }),
        revision: 4,
        failed_attempts: 0,
        last_failure: None,
        steps: Arc::new([]),
    };
    Certificates {
        managed: Seen::read(
            vec![
                certificate("api-tls", "api.cortex.example.com", 3, true),
                certificate("web-tls", "cortex.example.com", 61, false),
            ],
            now,
        ),
        stored: Seen::read(Vec::new(), now),
        served: Seen::read(Vec::new(), now),
        gaps: Arc::new([]),
    }
}

fn check(now: Timestamp) -> HttpChecks {
    HttpChecks {
        url: "https://api.cortex.example.com/health".into(),
        want: Some(200),
        limit: Duration::from_millis(800),
        reply: Seen::read(
            HttpReply {
                status: 200,
                took: Duration::from_millis(184),
                location: "".into(),
            },
            now,
        ),
        history: (0..20).map(|i| 170.0 + i as f32).collect(),
        ..HttpChecks::default()
    }
}
