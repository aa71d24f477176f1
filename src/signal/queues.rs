//! Queues: full, old, unworked, failing, paused.

use super::finding::{Finding, Look, number};
use super::{Evidence, Severity, Subject, Thresholds, Title};
use crate::model::{Empties, Queue, QueueCounts};
use crate::text::{age, count};

const BACKLOG: &str = "worker-backlog";

pub(super) fn look(look: &Look<'_>, out: &mut Vec<Finding>) {
    for (set, queues) in &look.world.sources.queues {
        for queue in &queues.queues {
            // Rows of the past raise nothing.
            let Some(counts) = queue.counts.fresh() else { continue };
            let one = One {
                look,
                set,
                queue,
                counts,
            };
            out.extend(one.backlog());
            out.extend(one.oldest());
            out.extend(one.no_worker());
            out.extend(one.failures());
            out.extend(one.paused());
        }
    }
}

/// How bad it is that so many of a queue's jobs fail, and how many of a hundred do; none where it is not.
pub fn failing(queue: &Queue, t: &Thresholds) -> Option<(Severity, f64)> {
    let percent = queue.failure_share()? * 100.0;
    if queue.rates?.failed_10m? < t.queue_failed_least || percent <= f64::from(t.queue_failed_warning_percent) {
        return None;
    }
    let critical = percent > f64::from(t.queue_failed_critical_percent);
    let severity = if critical {
        Severity::Critical
    } else {
        Severity::Warning
    };
    Some((severity, percent))
}

struct One<'a> {
    look: &'a Look<'a>,
    set: &'a str,
    queue: &'a Queue,
    counts: &'a QueueCounts,
}

impl One<'_> {
    fn begin(&self, id: &'static str, severity: Severity, runbook: &'static str) -> Finding {
        let subject = Subject::named("queue", &format!("{}/{}", self.set, self.queue.name));
        let mut finding = Finding::new(id, severity, subject, &[]);
        finding.runbook = Some(runbook);
        finding.title.what = format!("queue {}", self.queue.name);
        finding.evidence.push(Evidence::new("ready", count(self.counts.ready)));
        if let Some(n) = self.counts.active {
            finding.evidence.push(Evidence::new("active", n));
        }
        if let Some(n) = self.counts.workers {
            finding.evidence.push(Evidence::new("workers", n));
        }
        if let Some(oldest) = self.queue.oldest_age(self.look.now) {
            finding.evidence.push(Evidence::new("oldest job", age(oldest)));
        }
        if let Some(rates) = self.queue.rates {
            let per_minute = |n: Option<f64>| n.map_or_else(|| "?".to_owned(), number);
            let text = format!(
                "{} in, {} out a minute",
                per_minute(rates.added),
                per_minute(rates.finished)
            );
            finding.evidence.push(Evidence::new("rate", text));
        }
        if let Some(by) = self.look.world.worked_by(self.set, &self.queue.name) {
            let guess = if by.is_guess() { " (a guess)" } else { "" };
            let text = format!("{}{guess}", by.workload);
            finding.evidence.push(Evidence::new("worked by", text));
        }
        finding
    }

    /// Full and growing, or so full that it matters in any case. Nothing finishes at all: it will never be empty.
    fn backlog(&self) -> Option<Finding> {
        let t = self.look.thresholds;
        let ready = self.counts.ready;
        let rates = self.queue.rates;
        let growth = rates.map_or(0.0, |r| r.growth * 60.0);
        let full = ready > t.queue_ready_warning;
        let never = full && self.queue.empties() == Some(Empties::Never) && growth >= 0.0;
        let critical = ready > t.queue_ready_critical || never;
        let growing = full && growth >= t.queue_growth_per_hour as f64;
        if !critical && !growing {
            return None;
        }
        let severity = if critical {
            Severity::Critical
        } else {
            Severity::Warning
        };
        let mut finding = self.begin("queue.backlog", severity, BACKLOG);
        finding.after = t.queue_backlog_for;
        finding.title.state = format!("has a backlog of {}", count(ready));
        finding.title.cause = match (never, self.queue.empties()) {
            (true, _) => "nothing finishes".to_owned(),
            (_, Some(Empties::In(time))) if growth <= 0.0 => format!("empty in {}", age(time)),
            _ if rates.is_some() => format!("{}{} an hour", if growth < 0.0 { "" } else { "+" }, number(growth)),
            _ => String::new(),
        };
        Some(finding)
    }

    fn oldest(&self) -> Option<Finding> {
        let t = self.look.thresholds;
        let waited = self
            .queue
            .oldest_age(self.look.now)
            .filter(|w| *w > t.queue_oldest_warning)?;
        let severity = if waited > t.queue_oldest_critical {
            Severity::Critical
        } else {
            Severity::Warning
        };
        let mut finding = self.begin("queue.oldest", severity, BACKLOG);
        finding.since = self
            .counts
            .oldest
            .and_then(|o| o.checked_add(t.queue_oldest_warning).ok());
        "keeps jobs waiting".clone_into(&mut finding.title.state);
        finding.title.cause = format!("the oldest {}, {} ready", age(waited), count(self.counts.ready));
        Some(finding)
    }

    fn no_worker(&self) -> Option<Finding> {
        let overdue = self.counts.overdue.unwrap_or(0);
        let paused = self.counts.paused == Some(true);
        let unworked = match self.counts.workers {
            Some(0) => self.counts.ready > 0 || overdue > 0,
            Some(_) => false,
            // Nobody tells the workers; but a live one would have taken what is due.
            None => overdue > 0,
        };
        if paused || !unworked {
            return None;
        }
        let mut finding = self.begin("queue.no-worker", Severity::Critical, BACKLOG);
        finding.after = self.look.thresholds.queue_no_worker_for;
        "has no worker".clone_into(&mut finding.title.state);
        finding.title.cause = match (self.counts.ready, overdue) {
            (ready, 0) => format!("{} ready", count(ready)),
            (0, overdue) => format!("{} overdue", count(overdue)),
            (ready, overdue) => format!("{} ready, {} overdue", count(ready), count(overdue)),
        };
        Some(finding)
    }

    fn failures(&self) -> Option<Finding> {
        let t = self.look.thresholds;
        let (severity, percent) = failing(self.queue, t)?;
        let rates = self.queue.rates?;
        let (failed, finished) = (rates.failed_10m?, rates.finished_10m?);
        let mut finding = self.begin("queue.failures", severity, "failed-jobs");
        finding.title.state = format!("fails {percent:.0} % of its jobs");
        finding.title.cause = format!("{} of {} in 10m", count(failed), count(finished));
        if let Some(job) = self.queue.failed_jobs.fresh().and_then(|f| f.jobs.first()) {
            finding.title.about = job.reason.to_string();
        }
        Some(finding)
    }

    fn paused(&self) -> Option<Finding> {
        if self.counts.paused != Some(true) {
            return None;
        }
        let t = self.look.thresholds;
        let severity = if self.counts.ready > t.queue_ready_warning {
            Severity::Critical
        } else {
            Severity::Warning
        };
        let mut finding = self.begin("queue.paused", severity, BACKLOG);
        finding.after = t.queue_paused_for;
        finding.title = Title {
            state: "is paused".to_owned(),
            cause: format!("{} wait", count(self.counts.ready)),
            ..finding.title
        };
        Some(finding)
    }
}
