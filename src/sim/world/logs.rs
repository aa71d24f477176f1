//! What containers write, made on demand: the same pod at the same time always wrote the same lines, and none is kept.

use super::json::{int, label, list, millis, text, time};
use super::scenario::EXPORT_VARIABLE;
use crate::sim::kube::{LogLines, LogQuery};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// As the kubelet rotates: so much of the past can be read.
const KEPT: SignedDuration = SignedDuration::from_mins(30);

/// The lines of one run of a container that the query asks for, or `None` when there is no such run.
pub(super) fn lines(pod: &Value, query: &LogQuery, now: Timestamp) -> Option<LogLines> {
    let run = run(pod, &query.container, query.previous)?;
    let until = [Some(now + millis(1)), query.until, run.ended.map(|e| e + millis(1))]
        .into_iter()
        .flatten()
        .min()?;
    let since = query
        .since
        .unwrap_or(Timestamp::MIN)
        .max(run.ended.unwrap_or(now) - KEPT)
        .max(run.started);
    let mut found: LogLines = Vec::new();
    if run.fails {
        found.extend(
            last_words(pod, &run)
                .into_iter()
                .filter(|(at, _)| *at >= since && *at < until),
        );
    } else {
        let voice = Voice::of(pod, &query.container);
        let step = voice.every.as_millis().max(1) as i64;
        let passed = |at: Timestamp| (at.duration_since(run.started).as_millis() as i64).max(0);
        let last = passed(until) / step;
        let wanted = query.tail.map_or(i64::MAX, |n| i64::try_from(n).unwrap_or(i64::MAX));
        let first = (passed(since) / step - 1)
            .max(last.saturating_sub(wanted).saturating_sub(2))
            .max(0);
        let seed = hash(text(pod, "/metadata/uid"));
        for n in first..=last {
            let mut rng = fastrand::Rng::with_seed(seed ^ (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let at = run.started + millis(n * step + rng.i64(0..step));
            if at >= since && at < until {
                found.push((at, voice.line(n, at, &mut rng)));
            }
        }
    }
    if let Some(tail) = query.tail {
        let excess = found.len().saturating_sub(tail);
        found.drain(..excess);
    }
    Some(found)
}

/// Writes no more.
pub(super) fn ended(pod: &Value, container: &str) -> bool {
    run(pod, container, false).is_some_and(|r| r.ended.is_some()) && text(pod, "/spec/restartPolicy") != "Always"
}

struct Run {
    started: Timestamp,
    ended: Option<Timestamp>,
    fails: bool,
    killed: bool,
}

fn run(pod: &Value, container: &str, previous: bool) -> Option<Run> {
    let status = list(pod, "/status/containerStatuses")
        .iter()
        .chain(list(pod, "/status/initContainerStatuses"))
        .find(|s| text(s, "/name") == container)?;
    let over = |t: &Value| {
        let (started, ended) = (time(t, "/startedAt")?, time(t, "/finishedAt")?);
        // A long run that failed in the end wrote like any other until then; only its last seconds differ.
        let code = int(t, "/exitCode");
        let started = if code == 0 {
            started
        } else {
            started.max(ended - SignedDuration::from_secs(30))
        };
        Some(Run {
            started,
            ended: Some(ended),
            fails: code != 0,
            killed: code == 137,
        })
    };
    if let Some(started) = time(status, "/state/running/startedAt").filter(|_| !previous) {
        let image = text(status, "/image");
        let doomed = !super::json::flag(status, "/ready") && int(status, "/restartCount") > 0;
        return Some(Run {
            started,
            ended: None,
            fails: doomed || image.ends_with("-crash"),
            killed: false,
        });
    }
    let now = status.pointer("/state/terminated");
    let before = status.pointer("/lastState/terminated");
    if previous { before } else { now.or(before) }.and_then(over)
}

/// Why it died, as an application says it.
fn last_words(pod: &Value, run: &Run) -> LogLines {
    let app = label(pod, "app");
    let end = run.ended.unwrap_or(run.started + SignedDuration::from_secs(3));
    let begin = run.started.max(end - SignedDuration::from_secs(3));
    let at = |ms: i64| begin + millis(ms);
    if run.killed {
        return vec![
            (at(0), format!("{app}: building the index in memory")),
            (
                at(900),
                "heap 211 MiB of 256 MiB, garbage collection every 40 ms".to_owned(),
            ),
            (
                at(1700),
                "heap 249 MiB of 256 MiB, garbage collection every 6 ms".to_owned(),
            ),
        ];
    }
    if app == "cortex-worker" {
        let say = |ms: i64, level: &str, msg: &str| {
            let line =
                json!({"time": at(ms).to_string(), "level": level, "app": "cortex-worker", "shard": 2, "msg": msg});
            (at(ms), line.to_string())
        };
        return vec![
            say(0, "info", "worker 1.5.0 starting, 4 shards"),
            say(240, "info", "connected to redis, queue bull:default, concurrency 8"),
            say(510, "info", "claimed shard 2 of 4, it runs the nightly export"),
            say(
                760,
                "error",
                &format!("nightly export: environment variable {EXPORT_VARIABLE} is not set"),
            ),
            (
                at(770),
                format!("Error: {EXPORT_VARIABLE} is required when FEATURE_NIGHTLY_EXPORT is true"),
            ),
            (
                at(770),
                "    at openBucket (/app/dist/export/bucket.js:41:11)".to_owned(),
            ),
            (
                at(770),
                "    at async Shard.start (/app/dist/worker/shard.js:118:5)".to_owned(),
            ),
            say(980, "fatal", "shard 2 cannot start, exiting with code 1"),
        ];
    }
    vec![
        (at(0), format!("{app} starting")),
        (at(400), "reading configuration".to_owned()),
        (
            at(800),
            "panic: cannot connect to postgres.cortex.svc:5432: connection refused".to_owned(),
        ),
    ]
}

/// How a container speaks.
struct Voice {
    every: SignedDuration,
    kind: Kind,
    app: String,
}

#[derive(Clone, Copy)]
enum Kind {
    Json,
    Access,
    Database,
    Plain,
}

impl Voice {
    fn of(pod: &Value, container: &str) -> Self {
        let (every, kind) = match container {
            "api" | "memory-api" | "cognition" => (700, Kind::Json),
            "worker" => (1_100, Kind::Json),
            "web" | "controller" => (600, Kind::Access),
            "postgres" => (15_000, Kind::Database),
            _ => (20_000, Kind::Plain),
        };
        let app = label(pod, "app");
        let app = if app.is_empty() { container } else { app };
        Self {
            every: millis(every),
            kind,
            app: app.to_owned(),
        }
    }

    fn line(&self, n: i64, at: Timestamp, rng: &mut fastrand::Rng) -> String {
        let pick = |rng: &mut fastrand::Rng, of: &[&'static str]| *rng.choice(of).unwrap_or(&"");
        match self.kind {
            Kind::Json => {
                let path = pick(
                    rng,
                    &[
                        "/v1/documents",
                        "/v1/search",
                        "/v1/sessions",
                        "/v1/memories",
                        "/v1/agents/run",
                    ],
                );
                let took = 3 + rng.u64(0..120);
                let slow = rng.u8(0..60) == 0;
                let level = if slow { "warn" } else { "info" };
                let msg = if slow { "slow request" } else { "request" };
                let took = if slow { took + 900 } else { took };
                let id = format!("{:016x}", rng.u64(..));
                json!({"time": at.to_string(), "level": level, "app": self.app, "msg": msg, "path": path,
                    "status": 200, "duration_ms": took, "request_id": id})
                .to_string()
            }
            Kind::Access => {
                let path = pick(rng, &["/", "/login", "/assets/app.js", "/api/v1/search", "/healthz"]);
                let status = if rng.u8(0..50) == 0 { 404 } else { 200 };
                let (host, size) = (rng.u8(2..250), rng.u32(300..20_000));
                format!(
                    "10.20.4.{host} - - [{}] \"GET {path} HTTP/1.1\" {status} {size}",
                    at.strftime("%d/%b/%Y:%H:%M:%S +0000")
                )
            }
            Kind::Database => {
                let what = pick(
                    rng,
                    &[
                        "checkpoint starting: time",
                        "checkpoint complete: wrote 212 buffers (1.3%)",
                        "automatic analyze of table \"cortex.public.jobs\"",
                    ],
                );
                format!(
                    "{} UTC [{}] LOG:  {what}",
                    at.strftime("%Y-%m-%d %H:%M:%S%.3f"),
                    60 + n % 7
                )
            }
            Kind::Plain => {
                let what = pick(
                    rng,
                    &[
                        "flushed buffers",
                        "configuration unchanged",
                        "heartbeat",
                        "scrape finished",
                    ],
                );
                format!("level=info app={} msg=\"{what}\" n={n}", self.app)
            }
        }
    }
}

fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod() -> Value {
        json!({"metadata": {"uid": "u1", "labels": {"app": "cortex-api"}}, "spec": {"restartPolicy": "Always"},
            "status": {"containerStatuses": [{"name": "api", "ready": true, "restartCount": 0,
                "state": {"running": {"startedAt": "2026-11-21T10:00:00Z"}}}]}})
    }

    #[test]
    fn a_second_look_adds_to_the_first_and_changes_nothing_of_it() {
        let at = |s: &str| s.parse::<Timestamp>().unwrap();
        let q = |since: &str, until: &str| LogQuery {
            container: "api".into(),
            since: Some(at(since)),
            until: Some(at(until)),
            ..LogQuery::default()
        };
        let now = at("2026-11-21T10:20:00Z");
        let whole = lines(&pod(), &q("2026-11-21T10:10:00Z", "2026-11-21T10:12:00Z"), now).unwrap();
        let mut parts = lines(&pod(), &q("2026-11-21T10:10:00Z", "2026-11-21T10:11:00Z"), now).unwrap();
        parts.extend(lines(&pod(), &q("2026-11-21T10:11:00Z", "2026-11-21T10:12:00Z"), now).unwrap());
        assert!(whole.len() > 100);
        assert_eq!(whole, parts);
        let tail = LogQuery {
            tail: Some(5),
            ..q("2026-11-21T10:10:00Z", "2026-11-21T10:12:00Z")
        };
        assert_eq!(lines(&pod(), &tail, now).unwrap(), whole[whole.len() - 5..]);
    }

    #[test]
    fn a_container_that_never_ran_before_has_no_previous_lines() {
        let query = LogQuery {
            container: "api".into(),
            previous: true,
            ..LogQuery::default()
        };
        assert!(lines(&pod(), &query, Timestamp::UNIX_EPOCH).is_none());
    }
}
