//! Jobs and CronJobs: the last run failed; a backup has no recent success.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::finding::{Finding, Look};
use super::{Evidence, Severity, Subject, Title};
use crate::model::{CronJob, Job, Kind};

const NEEDS: &[Kind] = &[Kind::Job, Kind::CronJob];

pub(super) fn look(look: &Look<'_>, out: &mut Vec<Finding>) {
    let mut last_of: HashMap<&str, &Arc<Job>> = HashMap::new();
    for job in look.world.jobs.values() {
        match job.meta.owner.as_ref().filter(|o| &*o.kind == "CronJob") {
            Some(owner) => {
                // The run in progress says nothing yet: the last one that ended counts.
                if ended(job).is_some() {
                    let last = last_of.entry(&owner.uid).or_insert(job);
                    if began(job) > began(last) {
                        *last = job;
                    }
                }
            }
            None => out.extend(single(job, look)),
        }
    }
    for cron in look.world.cron_jobs.values() {
        let last = last_of.get(&*cron.meta.uid).copied();
        out.extend(scheduled(cron, last, look));
    }
}

fn began(job: &Job) -> Timestamp {
    job.started.unwrap_or(job.meta.created)
}

fn ended(job: &Job) -> Option<Timestamp> {
    job.completed
        .or_else(|| job.failure.as_ref().map(|(at, _)| at.unwrap_or(job.meta.created)))
}

fn begin(severity: Severity, subject: Subject, what: String) -> Finding {
    let mut finding = Finding::new("job.failed", severity, subject, NEEDS);
    finding.title.what = what;
    finding
}

/// A Job that stands alone.
fn single(job: &Job, look: &Look<'_>) -> Option<Finding> {
    let (at, reason) = job.failure.as_ref()?;
    let at = at.unwrap_or(job.meta.created);
    if look.now.duration_since(at) > look.thresholds.job_window {
        return None;
    }
    let subject = Subject::Object(job.meta.object(Kind::Job));
    let mut finding = begin(Severity::Warning, subject, format!("job {}", job.meta.name));
    finding.since = Some(at);
    finding.title = Title {
        state: "failed".to_owned(),
        cause: reason.to_string(),
        ..finding.title
    };
    finding.evidence = runs(job);
    Some(finding)
}

fn runs(job: &Job) -> Vec<Evidence> {
    vec![
        Evidence::new("completions", format!("{} of {}", job.succeeded, job.completions)),
        Evidence::new("failed pods", job.failed),
    ]
}

fn scheduled(cron: &CronJob, last: Option<&Arc<Job>>, look: &Look<'_>) -> Option<Finding> {
    let t = look.thresholds;
    let is_backup = t
        .backup_names
        .iter()
        .any(|n| !n.is_empty() && cron.meta.name.contains(n.as_str()));
    let good = cron.last_success.unwrap_or(cron.meta.created);
    let overdue = is_backup && look.now.duration_since(good) > t.backup_max_age;
    let failed = last.and_then(|job| Some((job, job.failure.as_ref()?)));
    if !overdue && failed.is_none() {
        return None;
    }
    let severity = if overdue { Severity::Critical } else { Severity::Warning };
    let subject = Subject::Object(cron.meta.object(Kind::CronJob));
    let mut finding = begin(severity, subject, format!("cronjob {}", cron.meta.name));
    // Only a backup is answered by restoring one.
    finding.runbook = is_backup.then_some("backup-restore");
    finding.evidence = vec![
        Evidence::new("schedule", &cron.schedule),
        Evidence::new(
            "last success",
            cron.last_success
                .map_or_else(|| "never".to_owned(), |at| at.to_string()),
        ),
    ];
    if cron.suspended {
        finding.evidence.push(Evidence::new("suspended", "yes"));
    }
    if overdue {
        finding.since = Some(good);
        "no success".clone_into(&mut finding.title.state);
        if cron.suspended {
            "suspended".clone_into(&mut finding.title.cause);
        }
    }
    if let Some((job, (at, reason))) = failed {
        if !overdue {
            finding.since = Some(at.unwrap_or(job.meta.created));
            "last run failed".clone_into(&mut finding.title.state);
        }
        if finding.title.cause.is_empty() {
            finding.title.cause = reason.to_string();
        }
        finding.evidence.extend(runs(job));
        finding.related.push(job.meta.object(Kind::Job));
    }
    Some(finding)
}
