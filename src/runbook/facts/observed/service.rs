//! Facts of Prometheus: a service with its objective, an alert; and of an HTTP check.

use super::{About, Fact, Maker, Row, Subject, count, known, maybe, seconds, target_text};
use crate::model::{Alert, Burn, HttpChecks, Prometheus, Reading, SourceKind, Str};

/// The service that a release beside another one belongs to: `web` of `web-canary`.
fn plain(name: &str) -> Option<&str> {
    ["-canary", "-blue", "-green", "-stable", "-primary"]
        .iter()
        .find_map(|role| name.strip_suffix(role))
}

impl Maker<'_> {
    /// The Prometheus of the run, else the only one.
    fn prometheus(&self, subject: &Subject) -> Option<(&Str, &Prometheus)> {
        let all = &self.world.sources.prometheus;
        let found = match &subject.about {
            Some(About::Service { source, .. } | About::Alert { source, .. }) => all.get_key_value(source),
            _ => all.iter().next().filter(|_| all.len() == 1),
        };
        found.map(|(name, seen)| (name, &**seen))
    }

    pub(super) fn service(&mut self, subject: &Subject) {
        let world = self.world;
        let found = self.prometheus(subject).map(|(source, _)| source.clone());
        let Some((source, seen)) = found.and_then(|name| world.sources.prometheus.get_key_value(&name)) else {
            self.all(
                "service.",
                &Fact::Absent("no Prometheus is configured, or several are".to_owned()),
            );
            self.all(
                "prom.",
                &Fact::Absent("no Prometheus is configured, or several are".to_owned()),
            );
            return;
        };
        let name = match (&subject.about, &subject.workload) {
            (Some(About::Service { name, .. } | About::Http { name }), _) => Some(name.clone()),
            (_, Some(workload)) => Some(workload.name.clone()),
            _ => None,
        };
        let reading = |list: Option<&Vec<Reading>>| -> Option<f64> {
            let list = list?;
            let of = |name: &str| list.iter().find(|r| *r.service == *name);
            let own = name.as_deref().and_then(|name| of(name).or_else(|| of(plain(name)?)));
            // One reading without a name is of everything that there is.
            let whole = || list.first().filter(|r| list.len() == 1 && r.service.is_empty());
            own.or_else(whole).map(|r| r.value).filter(|v| v.is_finite())
        };
        let none = "Prometheus has no such series for it";
        let workload = subject.workload.as_ref().map(target_text);
        let rows: Vec<Row> = vec![
            ("service.name", maybe(name.as_deref()), "the run is about no service"),
            ("service.workload", maybe(workload), "no workload of that name is known"),
        ];
        self.many(None, rows);
        for (fact, view) in [
            ("service.error_ratio", &seen.errors),
            ("service.p95", &seen.latency),
            ("service.traffic", &seen.traffic),
        ] {
            let blocked = self.unread(SourceKind::Prometheus, source, view);
            self.many(blocked.as_ref(), vec![(fact, maybe(reading(view.last())), none)]);
        }
        let blocked = self.unread(SourceKind::Prometheus, source, &seen.slos);
        let burn = seen.slos.last().and_then(|list| {
            let own = |b: &&Burn| name.as_ref().is_some_and(|n| b.name == *n || b.name.starts_with(&**n));
            list.iter()
                .find(own)
                .or_else(|| list.first().filter(|_| list.len() == 1 && name.is_none()))
        });
        let unset = "no objective is configured for it, or it has no traffic";
        let gone = burn.and_then(Burn::exhausted_in).map(|long| long.as_secs());
        let rows: Vec<Row> = vec![
            ("service.burn_5m", maybe(burn.and_then(|b| b.over.minutes_5)), unset),
            ("service.burn_1h", maybe(burn.and_then(|b| b.over.hour)), unset),
            (
                "service.burning",
                known(burn.and_then(|b| b.over.hour).is_some_and(|hour| hour > 1.0)),
                "",
            ),
            ("service.burn_6h", maybe(burn.and_then(|b| b.over.hours_6)), unset),
            ("service.budget_left", maybe(burn.and_then(|b| b.left)), unset),
            (
                "service.budget_gone_in",
                maybe(gone),
                "the budget does not shrink, or it is not known",
            ),
        ];
        self.many(blocked.as_ref(), rows);
        let blocked = self.unread(SourceKind::Prometheus, source, &seen.alerts);
        let active = || seen.alerts.last().into_iter().flatten().filter(|a| a.is_active());
        let critical = active().filter(|a| matches!(&*a.severity, "critical" | "page")).count();
        let rows: Vec<Row> = vec![
            ("prom.alerts", known(count(active().count() as u64)), ""),
            ("prom.critical", known(count(critical as u64)), ""),
        ];
        self.many(blocked.as_ref(), rows);
    }

    pub(super) fn alert(&mut self, subject: &Subject) {
        let world = self.world;
        let Some(About::Alert { source, name }) = &subject.about else {
            self.all("alert.", &Fact::Absent("the run is about no alert".to_owned()));
            return;
        };
        let Some(seen) = world.sources.prometheus.get(source) else {
            self.all("alert.", &Fact::Absent("this Prometheus is not looked at".to_owned()));
            return;
        };
        let blocked = self.unread(SourceKind::Prometheus, source, &seen.alerts);
        let all: Vec<&Alert> = seen
            .alerts
            .last()
            .into_iter()
            .flatten()
            .filter(|a| a.name == *name)
            .collect();
        let first = all.iter().min_by_key(|a| a.since);
        let over = "it does not fire any more";
        let rows: Vec<Row> = vec![
            ("alert.target", known(format!("alert/{source}/{name}")), ""),
            ("alert.name", known(&**name), ""),
            ("alert.firing", known(count(all.len() as u64)), ""),
            ("alert.severity", maybe(first.map(|a| &*a.severity)), over),
            ("alert.summary", maybe(first.map(|a| &*a.summary)), over),
            ("alert.for", maybe(first.map(|a| seconds(self.now, a.since))), over),
            (
                "alert.silenced",
                maybe(first.map(|_| all.iter().all(|a| !a.is_active()))),
                over,
            ),
            (
                "alert.runbook",
                maybe(first.map(|a| &*a.runbook).filter(|r| !r.is_empty())),
                "it names none",
            ),
        ];
        self.many(blocked.as_ref(), rows);
    }

    /// The run's HTTP check, else the worst.
    pub(super) fn http(&mut self, subject: &Subject) {
        let world = self.world;
        let all = &world.sources.http;
        let found = match &subject.about {
            Some(About::Http { name }) => all.get_key_value(name),
            _ => all
                .iter()
                .max_by_key(|(_, check)| (check.is_down(), check.is_slow(), check.failures)),
        };
        let Some((name, check)) = found else {
            self.all("http.", &Fact::Absent("no HTTP check is configured".to_owned()));
            if all.is_empty() {
                // Of none that there are, none is down: what also looks at them must not wait for them.
                self.many(
                    None,
                    vec![("http.down", known(false), ""), ("http.slow", known(false), "")],
                );
            }
            return;
        };
        let check: &HttpChecks = check;
        let blocked = self.unread(SourceKind::Http, name, &check.reply);
        let reply = check.reply.last();
        let rows: Vec<Row> = vec![
            ("http.name", known(&**name), ""),
            ("http.url", known(&*check.url), ""),
            ("http.expected", known(check.expected()), ""),
            ("http.limit", known(check.limit.as_secs_f64() * 1000.0), ""),
            ("http.failures", known(i64::from(check.failures)), ""),
            ("http.down", known(check.is_down()), ""),
            ("http.slow", known(check.is_slow()), ""),
        ];
        // Tries are counted also when no answer comes: only before the first of them is nothing known.
        let untried = Fact::Denied("it was not tried yet".to_owned());
        let untried = (check.reply.value.is_none() && check.reply.problem.is_none()).then_some(&untried);
        self.many(untried, rows);
        let rows: Vec<Row> = vec![
            (
                "http.status",
                maybe(reply.map(|r| i64::from(r.status))),
                "no answer came",
            ),
            (
                "http.took",
                maybe(reply.map(|r| r.took.as_secs_f64() * 1000.0)),
                "no answer came",
            ),
        ];
        self.many(blocked.as_ref(), rows);
    }
}
