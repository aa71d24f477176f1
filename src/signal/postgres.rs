//! Rules over PostgreSQL and PgBouncer. A view that failed or is missing says nothing.

use jiff::{SignedDuration, Timestamp};

use super::finding::{Finding, Look};
use super::{Evidence, Severity, Subject, Title};
use crate::model::postgres::{Session, Waiter};
use crate::model::{Postgres, Seen};
use crate::text::{age, bytes, clean, count, truncate_end};

pub(super) fn look(look: &Look<'_>, out: &mut Vec<Finding>) {
    for (name, server) in &look.world.sources.postgres {
        let one = One {
            look,
            name,
            server,
            database: server.server.last().map_or("", |s| s.database.as_str()),
        };
        one.blocked(out);
        one.long(out);
        one.idle(out);
        one.connections(out);
        one.slow_statements(out);
        one.dead_rows(out);
        one.wraparound(out);
        one.replicas(out);
        one.slots(out);
        one.pools(out);
    }
}

struct One<'a> {
    look: &'a Look<'a>,
    name: &'a str,
    server: &'a Postgres,
    database: &'a str,
}

fn severity(critical: bool) -> Severity {
    if critical {
        Severity::Critical
    } else {
        Severity::Warning
    }
}

fn span(seconds: f64) -> SignedDuration {
    SignedDuration::try_from_secs_f64(seconds.clamp(0.0, 1e9)).unwrap_or_default()
}

fn whole(limit: SignedDuration) -> f64 {
    limit.as_secs_f64()
}

/// Seconds count here, where ages elsewhere begin with a minute.
fn lasted(seconds: f64) -> String {
    if seconds < 60.0 {
        format!("{seconds:.0} s")
    } else {
        age(span(seconds))
    }
}

/// A statement in one short line.
fn brief(query: Option<&str>) -> String {
    let line = query
        .unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    truncate_end(&clean(&line), 60).into_owned()
}

impl One<'_> {
    fn find(&self, id: &'static str, severity: Severity, kind: &str, about: &str) -> Finding {
        let name = if about.is_empty() {
            self.name.to_owned()
        } else {
            format!("{}/{about}", self.name)
        };
        Finding::new(id, severity, Subject::named(kind, &name), &[])
    }

    /// When something began that had lasted so long when the view was read, in the server's time.
    fn began<T>(&self, view: &Seen<T>, lasted_s: f64) -> Option<Timestamp> {
        let read = self.look.world.server_now(view.at?);
        read.checked_sub(span(lasted_s)).ok()
    }

    fn blocked(&self, out: &mut Vec<Finding>) {
        let t = self.look.thresholds;
        let Some(tree) = self.server.locks.fresh() else { return };
        for root in tree.roots() {
            let below: Vec<&Waiter> = tree.under(root.row.pid).skip(1).collect();
            let longest = below.iter().filter_map(|w| w.row.wait_s).fold(0.0, f64::max);
            let many = below.len() > t.pg_blocked_waiters as usize;
            if longest <= whole(t.pg_blocked_warning) && !many {
                continue;
            }
            let critical = many || longest > whole(t.pg_blocked_critical);
            let about = format!(
                "{}@{}",
                root.row.pid,
                root.row.backend_start.as_deref().unwrap_or_default()
            );
            let mut f = self.find("pg.blocked", severity(critical), "postgres session", &about);
            let who = root.row.application.as_deref().filter(|a| !a.is_empty());
            let who = who.or(root.row.user.as_deref()).unwrap_or("unknown");
            f.title = Title {
                what: format!("{}: {} waiting on locks", self.name, people(below.len(), "session")),
                state: "blocked".to_owned(),
                cause: format!(
                    "pid {} ({who}, {})",
                    root.row.pid,
                    root.row.state.as_deref().unwrap_or("unknown")
                ),
                about: brief(root.row.query.as_deref()),
            };
            f.evidence = vec![
                Evidence::new("blocker", format!("pid {} {who}", root.row.pid)),
                Evidence::new("waiting", below.len()),
                Evidence::new("longest wait", lasted(longest)),
                Evidence::new("transaction", lasted(root.row.xact_s.unwrap_or_default())),
            ];
            f.since = self.began(&self.server.locks, longest);
            f.runbook = Some("blocked-queries");
            f.count = below.len();
            out.push(f);
        }
    }

    fn long(&self, out: &mut Vec<Finding>) {
        let t = self.look.thresholds;
        let Some(sessions) = self.server.activity.fresh() else {
            return;
        };
        let long = |s: &&Session| {
            // What waits for a lock is the blocker's fault, and a parallel worker is its leader's.
            s.is_running()
                && s.leader_pid.is_none()
                && s.wait_event_type.as_deref() != Some("Lock")
                && s.query_s.is_some_and(|q| q > whole(t.pg_long_warning))
        };
        let mut all: Vec<&Session> = sessions.iter().filter(long).collect();
        all.sort_by(|a, b| b.age_s().total_cmp(&a.age_s()));
        let Some(worst) = all.first() else { return };
        let critical = worst.age_s() > whole(t.pg_long_critical);
        let mut f = self.find("pg.long-query", severity(critical), "postgres", "");
        f.title = self.sessions_title(worst, all.len(), "running");
        f.evidence = Self::session_evidence(worst);
        f.since = self.began(&self.server.activity, worst.age_s());
        f.runbook = Some("slow-queries");
        f.count = all.len();
        out.push(f);
    }

    fn idle(&self, out: &mut Vec<Finding>) {
        let t = self.look.thresholds;
        let Some(sessions) = self.server.activity.fresh() else {
            return;
        };
        let mut all: Vec<&Session> = sessions
            .iter()
            .filter(|s| s.is_idle_in_transaction() && s.age_s() > whole(t.pg_idle_warning))
            .collect();
        all.sort_by(|a, b| b.age_s().total_cmp(&a.age_s()));
        let Some(worst) = all.first() else { return };
        let critical = worst.age_s() > whole(t.pg_idle_critical);
        let mut f = self.find("pg.idle-in-tx", severity(critical), "postgres", "");
        f.title = self.sessions_title(worst, all.len(), "idle in transaction");
        f.evidence = Self::session_evidence(worst);
        f.since = self.began(&self.server.activity, worst.age_s());
        f.runbook = Some("blocked-queries");
        f.count = all.len();
        out.push(f);
    }

    fn sessions_title(&self, worst: &Session, count: usize, state: &str) -> Title {
        let who = worst.application.as_deref().filter(|a| !a.is_empty());
        let who = who.or(worst.user.as_deref()).unwrap_or("unknown");
        Title {
            what: format!("{}: {}", self.name, people(count, "session")),
            state: state.to_owned(),
            cause: format!("pid {} ({who})", worst.pid),
            about: brief(worst.query.as_deref()),
        }
    }

    fn session_evidence(s: &Session) -> Vec<Evidence> {
        let mut all = vec![
            Evidence::new("pid", s.pid),
            Evidence::new("for", lasted(s.age_s())),
            Evidence::new("transaction", lasted(s.xact_s.unwrap_or_default())),
        ];
        if !s.wait().is_empty() {
            all.push(Evidence::new("waits for", s.wait()));
        }
        all
    }

    fn connections(&self, out: &mut Vec<Finding>) {
        let t = self.look.thresholds;
        let Some(c) = self.server.connections.fresh() else {
            return;
        };
        if c.usable <= 0 {
            return;
        }
        let percent = c.total as f64 / c.usable as f64 * 100.0;
        if percent < f64::from(t.pg_connections_warning_percent) {
            return;
        }
        let critical = percent >= f64::from(t.pg_connections_critical_percent);
        let mut f = self.find("pg.connections", severity(critical), "postgres", "");
        let states = c.states();
        let most = states
            .iter()
            .take(3)
            .map(|(s, n)| format!("{n} {s}"))
            .collect::<Vec<_>>();
        f.title = Title {
            what: format!("{}: connections", self.name),
            state: format!("{} of {} used", c.total, c.usable),
            cause: most.join(", "),
            about: String::new(),
        };
        f.evidence = vec![
            Evidence::new("used", format!("{} of {} ({percent:.0} %)", c.total, c.usable)),
            Evidence::new("by state", most.join(", ")),
        ];
        f.after = t.pg_connections_for;
        f.runbook = Some("connections-exhausted");
        out.push(f);
    }

    fn slow_statements(&self, out: &mut Vec<Finding>) {
        let t = self.look.thresholds;
        let Some(all) = self.server.statements.fresh() else {
            return;
        };
        // Since the counters began says nothing about now.
        if all.window_s.is_none() {
            return;
        }
        for s in &all.rows {
            let share = all.share(s) * 100.0;
            if s.mean_ms() <= whole(t.pg_slow_mean) * 1000.0 || share <= f64::from(t.pg_slow_share_percent) {
                continue;
            }
            let mut f = self.find(
                "pg.slow-statement",
                Severity::Warning,
                "postgres statement",
                &s.id.query_id,
            );
            f.title = Title {
                what: format!("{}: statement", self.name),
                state: format!("slow, {:.0} ms on average", s.mean_ms()),
                cause: format!("{share:.0} % of the time"),
                about: s
                    .text
                    .as_deref()
                    .map_or_else(|| s.id.query_id.clone(), |q| brief(Some(q))),
            };
            f.evidence = vec![
                Evidence::new("mean", format!("{:.0} ms", s.mean_ms())),
                Evidence::new("share", format!("{share:.0} %")),
                Evidence::new("calls", format!("{:.0}", s.window.calls)),
            ];
            f.after = t.pg_slow_for;
            f.runbook = Some("slow-queries");
            out.push(f);
        }
    }

    fn dead_rows(&self, out: &mut Vec<Finding>) {
        let t = self.look.thresholds;
        let Some(tables) = self.server.tables.fresh() else {
            return;
        };
        // A snapshot so old that no vacuum can remove what has died since.
        let holder = self.server.horizon.fresh().and_then(|all| all.first());
        let holder = holder.filter(|h| h.since_s.is_none_or(|s| s > whole(t.pg_idle_critical)) && h.age > 1000);
        for table in tables {
            let ratio = table.ratio();
            if ratio <= f64::from(t.pg_dead_warning) || table.dead < i64::from(t.pg_dead_least) {
                continue;
            }
            let critical = ratio > f64::from(t.pg_dead_critical) || holder.is_some();
            let about = if self.database.is_empty() {
                table.full_name()
            } else {
                format!("{}/{}", self.database, table.full_name())
            };
            let mut f = self.find("pg.dead-tuples", severity(critical), "postgres table", &about);
            let cause = match holder {
                Some(h) => format!("{} {} holds the old rows", h.kind, h.name),
                None if !table.autovacuum => "autovacuum is off for it".to_owned(),
                None => String::new(),
            };
            f.title = Title {
                what: format!("{}: table {}", self.name, table.full_name()),
                state: format!(
                    "has {} dead rows, {ratio:.0} × its threshold",
                    count(table.dead.unsigned_abs())
                ),
                cause,
                about: String::new(),
            };
            f.evidence = vec![
                Evidence::new("dead", count(table.dead.unsigned_abs())),
                Evidence::new("live", count(table.live.unsigned_abs())),
                Evidence::new("threshold", format!("{:.0}", table.threshold)),
            ];
            if let Some(at) = table.vacuumed {
                let ago = self.look.now.duration_since(at).max(SignedDuration::ZERO);
                f.evidence
                    .push(Evidence::new("last vacuum", format!("{} ago", age(ago))));
            }
            f.after = t.pg_dead_for;
            f.runbook = Some("bloated-table");
            out.push(f);
        }
    }

    fn wraparound(&self, out: &mut Vec<Finding>) {
        let t = self.look.thresholds;
        let Some(all) = self.server.databases.fresh() else {
            return;
        };
        for d in all {
            let limit = d.freeze_max_age as f64 * f64::from(t.pg_wraparound_percent) / 100.0;
            let multi = d.multixact_freeze_max_age as f64 * f64::from(t.pg_wraparound_percent) / 100.0;
            let worst = d.age.max(d.multixact_age);
            if d.age as f64 <= limit && d.multixact_age as f64 <= multi {
                continue;
            }
            let critical = worst > i64::from(t.pg_wraparound_critical);
            let mut f = self.find("pg.wraparound", severity(critical), "postgres database", &d.name);
            f.title = Title {
                what: format!("{}: database {}", self.name, d.name),
                state: format!("is {} million transactions from its last freeze", worst / 1_000_000),
                cause: "it stops at 2,147 million".to_owned(),
                about: String::new(),
            };
            f.evidence = vec![
                Evidence::new("age", d.age),
                Evidence::new("multixact age", d.multixact_age),
                Evidence::new("freeze max age", d.freeze_max_age),
            ];
            f.runbook = Some("wraparound");
            out.push(f);
        }
    }

    fn replicas(&self, out: &mut Vec<Finding>) {
        let t = self.look.thresholds;
        let mut lag = |name: &str, seconds: Option<f64>, behind: Option<i64>| {
            let (s, b) = (seconds.unwrap_or_default(), behind.unwrap_or_default());
            if s <= whole(t.pg_lag_warning) && b <= i64::from(t.pg_lag_mib) << 20 {
                return;
            }
            let mut f = self.find(
                "pg.replica-lag",
                severity(s > whole(t.pg_lag_critical)),
                "postgres replica",
                name,
            );
            f.title = Title {
                what: format!("{}: replica {}", self.name, clean(name)),
                state: format!("lags {}", lasted(s)),
                cause: format!("{} behind", bytes(b.unsigned_abs())),
                about: String::new(),
            };
            f.evidence = vec![
                Evidence::new("lag", lasted(s)),
                Evidence::new("behind", bytes(b.unsigned_abs())),
            ];
            f.after = t.pg_lag_for;
            out.push(f);
        };
        for r in self.server.replicas.fresh().into_iter().flatten() {
            lag(&r.name, r.lag_s, r.lag_bytes);
        }
        let standby = self.server.server.fresh().is_some_and(|s| s.in_recovery);
        if let Some(s) = self.server.standby.fresh().filter(|_| standby) {
            lag("itself", s.lag_s, s.lag_bytes);
        }
    }

    fn slots(&self, out: &mut Vec<Finding>) {
        let t = self.look.thresholds;
        let Some(all) = self.server.slots.fresh() else { return };
        for s in all {
            let retained = s.retained_bytes.unwrap_or_default();
            let lost = s.wal_status.as_deref() == Some("lost") || s.invalid.is_some();
            let much = !s.active && retained > i64::from(t.pg_slot_warning_gib) << 30;
            if !lost && !much {
                continue;
            }
            let critical = lost || retained > i64::from(t.pg_slot_critical_gib) << 30;
            let mut f = self.find("pg.slot", severity(critical), "postgres slot", &s.name);
            f.title = Title {
                what: format!("{}: slot {}", self.name, clean(&s.name)),
                state: if lost { "is lost" } else { "is inactive" }.to_owned(),
                cause: match &s.invalid {
                    Some(why) => clean(why).into_owned(),
                    None => format!("it retains {}", bytes(retained.unsigned_abs())),
                },
                about: String::new(),
            };
            f.evidence = vec![Evidence::new("retained", bytes(retained.unsigned_abs()))];
            f.since = s.inactive_s.and_then(|i| self.began(&self.server.slots, i));
            f.after = t.pg_slot_for;
            out.push(f);
        }
    }

    fn pools(&self, out: &mut Vec<Finding>) {
        let t = self.look.thresholds;
        let Some(all) = self.server.pools.fresh() else { return };
        for p in all
            .iter()
            .filter(|p| p.clients_waiting > 0 && p.max_wait_s > whole(t.pgbouncer_warning))
        {
            let about = format!("{}/{}", p.database, p.user);
            let critical = p.max_wait_s > whole(t.pgbouncer_critical);
            let mut f = self.find("pgbouncer.waiting", severity(critical), "postgres pool", &about);
            f.title = Title {
                what: format!("{}: pool {about}", self.name),
                state: format!(
                    "{} waiting",
                    people(usize::try_from(p.clients_waiting).unwrap_or_default(), "client")
                ),
                cause: format!("{} of its connections are in use", p.servers_active),
                about: String::new(),
            };
            f.evidence = vec![
                Evidence::new("waiting", p.clients_waiting),
                Evidence::new("longest wait", lasted(p.max_wait_s)),
                Evidence::new("in use", p.servers_active),
            ];
            f.since = self.began(&self.server.pools, p.max_wait_s);
            f.after = t.pgbouncer_for;
            f.runbook = Some("connections-exhausted");
            out.push(f);
        }
    }
}

/// `1 session`, `3 sessions`
fn people(n: usize, what: &str) -> String {
    if n == 1 {
        format!("1 {what}")
    } else {
        format!("{n} {what}s")
    }
}
