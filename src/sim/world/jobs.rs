//! Jobs, and the CronJobs that make them.

use super::deployment::{count, owner_reference};
use super::json::{flag, int_or, list, secs, set, set_label, stamp, text, time};
use super::schedule::Schedule;
use super::{Key, Work, World, pods};
use crate::sim::kube::resources::{CRONJOBS, JOBS, PODS};
use jiff::Timestamp;
use serde_json::{Value, json};

const COMPONENT: &str = "job-controller";
const CRON: &str = "cronjob-controller";

/// `Complete` or `Failed` when the Job is over.
fn outcome(job: &Value) -> Option<&str> {
    list(job, "/status/conditions")
        .iter()
        .find(|c| matches!(text(c, "/type"), "Complete" | "Failed") && text(c, "/status") == "True")
        .map(|c| text(c, "/type"))
}

pub(super) fn sync(world: &mut World, key: &Key) {
    let Some(job) = world.get(&JOBS, key) else { return };
    if outcome(&job).is_some() {
        expire(world, key, &job);
        return;
    }
    if flag(&job, "/spec/suspend") || !text(&job, "/metadata/deletionTimestamp").is_empty() {
        return;
    }
    let all = world.owned(&PODS, text(&job, "/metadata/uid"));
    let phase = |p: &str| all.iter().filter(|pod| text(pod, "/status/phase") == p).count() as i64;
    let (succeeded, failed) = (phase("Succeeded"), phase("Failed"));
    let active: Vec<Value> = all.iter().filter(|p| pods::is_active(p)).cloned().collect();
    let wanted = int_or(&job, "/spec/completions", 1);
    let limit = int_or(&job, "/spec/backoffLimit", 6);
    let now = stamp(world.now);
    let mut conditions = Vec::new();
    let mut running = active.len() as i64;
    if succeeded >= wanted {
        let message = "Reached expected number of succeeded pods";
        conditions = ["SuccessCriteriaMet", "Complete"]
            .map(|t| condition(t, "CompletionsReached", message, &now))
            .into();
        world.event(&job, "Normal", "Completed", "Job completed", COMPONENT);
    } else if failed > limit {
        let message = "Job has reached the specified backoff limit";
        conditions = ["FailureTarget", "Failed"]
            .map(|t| condition(t, "BackoffLimitExceeded", message, &now))
            .into();
        world.event(&job, "Warning", "BackoffLimitExceeded", message, COMPONENT);
        for pod in &active {
            pods::delete(world, pod);
        }
        running = 0;
    } else {
        let room = int_or(&job, "/spec/parallelism", 1).min(wanted - succeeded) - running;
        if room > 0 && may_retry(world, key, &all, failed) {
            for _ in 0..room {
                running += i64::from(create(world, &job));
            }
        }
    }
    let ready = active.iter().filter(|p| pods::is_ready(p)).count();
    let done = conditions.iter().any(|c| text(c, "/type") == "Complete");
    world.edit_status(&JOBS, key, |j| {
        if text(j, "/status/startTime").is_empty() {
            set(j, "/status/startTime", now.as_str());
        }
        count(j, "/status/active", running);
        count(j, "/status/succeeded", succeeded);
        count(j, "/status/failed", failed);
        set(j, "/status/ready", ready);
        set(j, "/status/terminating", 0);
        set(j, "/status/uncountedTerminatedPods", json!({}));
        if !conditions.is_empty() {
            set(j, "/status/conditions", conditions);
        }
        if done {
            set(j, "/status/completionTime", now.as_str());
        }
    });
}

/// After a failure the next pod waits 10 s, then twice as long each time, up to six minutes.
fn may_retry(world: &mut World, key: &Key, all: &[Value], failed: i64) -> bool {
    let ended = |p: &Value| {
        list(p, "/status/containerStatuses")
            .iter()
            .filter_map(|c| time(c, "/state/terminated/finishedAt"))
            .max()
    };
    let last = all
        .iter()
        .filter(|p| text(p, "/status/phase") == "Failed")
        .filter_map(ended)
        .max();
    let Some(last) = last else { return true };
    let wait = 10_i64.saturating_mul(1 << (failed - 1).clamp(0, 6)).min(360);
    let at = last + secs(wait);
    if at > world.now {
        world.at(at, Work::Job(key.clone()));
    }
    at <= world.now
}

fn create(world: &mut World, job: &Value) -> bool {
    let (name, uid) = (
        text(job, "/metadata/name").to_owned(),
        text(job, "/metadata/uid").to_owned(),
    );
    let made = pods::create(world, job, ("batch/v1", "Job"), "", |pod| {
        for (key, value) in [
            ("batch.kubernetes.io/controller-uid", &uid),
            ("batch.kubernetes.io/job-name", &name),
            ("controller-uid", &uid),
            ("job-name", &name),
        ] {
            set_label(pod, key, value);
        }
    });
    match made {
        Ok(pod) => {
            let message = format!("Created pod: {}", text(&pod, "/metadata/name"));
            world.event(job, "Normal", "SuccessfulCreate", &message, COMPONENT);
            true
        }
        Err(refusal) => {
            let message = format!("Error creating: {}", refusal.message);
            world.event(job, "Warning", "FailedCreate", &message, COMPONENT);
            world.at(world.now + secs(15), Work::Job(Key::of(job)));
            false
        }
    }
}

fn condition(kind: &str, reason: &str, message: &str, now: &str) -> Value {
    json!({"type": kind, "status": "True", "lastProbeTime": now, "lastTransitionTime": now,
        "reason": reason, "message": message})
}

/// Removes a finished Job when its `ttlSecondsAfterFinished` is over.
fn expire(world: &mut World, key: &Key, job: &Value) {
    let Some(ttl) = job.pointer("/spec/ttlSecondsAfterFinished").and_then(Value::as_i64) else {
        return;
    };
    let ended = list(job, "/status/conditions")
        .iter()
        .filter_map(|c| time(c, "/lastTransitionTime"))
        .max();
    let at = ended.unwrap_or(world.now) + secs(ttl);
    if at <= world.now {
        world.remove(&JOBS, key);
    } else {
        world.at(at, Work::Job(key.clone()));
    }
}

pub(super) fn sync_cron(world: &mut World, key: &Key) {
    let Some(cron) = world.get(&CRONJOBS, key) else { return };
    if !text(&cron, "/metadata/deletionTimestamp").is_empty() {
        return;
    }
    let jobs = world.owned(&JOBS, text(&cron, "/metadata/uid"));
    note_finished(world, key, &cron, &jobs);
    if flag(&cron, "/spec/suspend") {
        return;
    }
    let Some(schedule) = Schedule::parse(text(&cron, "/spec/schedule")) else {
        world.event(&cron, "Warning", "UnparseableSchedule", "unparseable schedule", CRON);
        return;
    };
    let created = time(&cron, "/metadata/creationTimestamp").unwrap_or(world.now);
    let last = time(&cron, "/status/lastScheduleTime").unwrap_or(created);
    let due = schedule.latest(last, world.now);
    if let Some(due) = due {
        let busy = jobs.iter().any(|j| outcome(j).is_none());
        if busy && text(&cron, "/spec/concurrencyPolicy") == "Forbid" {
            world.event(
                &cron,
                "Normal",
                "JobAlreadyActive",
                "Not starting job because prior execution is running and concurrency policy is Forbid",
                CRON,
            );
        } else {
            run(world, key, &cron, due);
        }
    }
    if let Some(next) = schedule.next(due.unwrap_or(last).max(world.now)) {
        world.at(next, Work::CronJob(key.clone()));
    }
}

fn run(world: &mut World, key: &Key, cron: &Value, due: Timestamp) {
    let name = format!("{}-{}", key.name, due.as_second() / 60);
    let template = cron.pointer("/spec/jobTemplate").cloned().unwrap_or_default();
    let mut job = json!({
        "metadata": template.get("metadata").cloned().unwrap_or_else(|| json!({})),
        "spec": template.get("spec").cloned().unwrap_or_default(), "status": {},
    });
    set(&mut job, "/metadata/name", name.as_str());
    set(&mut job, "/metadata/namespace", key.ns.as_str());
    set(
        &mut job,
        "/metadata/ownerReferences",
        vec![owner_reference("batch/v1", "CronJob", cron)],
    );
    super::json::set_annotation(&mut job, "batch.kubernetes.io/cronjob-scheduled-timestamp", &stamp(due));
    if let Ok(job) = world.create(&JOBS, job) {
        world.event(cron, "Normal", "SuccessfulCreate", &format!("Created job {name}"), CRON);
        let active = json!([{"kind": "Job", "apiVersion": "batch/v1", "name": name, "namespace": key.ns,
            "uid": job.pointer("/metadata/uid"), "resourceVersion": job.pointer("/metadata/resourceVersion")}]);
        world.edit_status(&CRONJOBS, key, |c| {
            set(c, "/status/lastScheduleTime", stamp(due));
            set(c, "/status/active", active);
        });
    }
}

fn note_finished(world: &mut World, key: &Key, cron: &Value, jobs: &[Value]) {
    for active in list(cron, "/status/active") {
        let name = text(active, "/name");
        let job = jobs.iter().find(|j| text(j, "/metadata/name") == name);
        let outcome = job.map(outcome);
        if let Some(None) = outcome {
            continue;
        }
        let ended = job
            .map(|j| text(j, "/status/completionTime").to_owned())
            .unwrap_or_default();
        if let Some(Some(how)) = outcome {
            let message = format!("Saw completed job: {name}, condition: {how}");
            world.event(cron, "Normal", "SawCompletedJob", &message, CRON);
        }
        world.edit_status(&CRONJOBS, key, |c| {
            super::json::remove(c, "/status/active");
            if !ended.is_empty() {
                set(c, "/status/lastSuccessfulTime", ended);
            }
        });
    }
    for (how, field, default) in [
        ("Complete", "/spec/successfulJobsHistoryLimit", 3),
        ("Failed", "/spec/failedJobsHistoryLimit", 1),
    ] {
        let mut over: Vec<&Value> = jobs.iter().filter(|j| outcome(j) == Some(how)).collect();
        over.sort_by_key(|j| text(j, "/metadata/creationTimestamp").to_owned());
        let keep = usize::try_from(int_or(cron, field, default)).unwrap_or(3);
        let excess = over.len().saturating_sub(keep);
        for job in over.into_iter().take(excess) {
            world.remove(&JOBS, &Key::of(job));
        }
    }
}
