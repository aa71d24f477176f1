//! Failed jobs back to where a worker takes them, a hundred in one script.
//!
//! The jobs are chosen when the plan is made, and named in it: what fails later is not part of it. Jobs of a flow are
//! left out, because their parents would have to be changed too.

use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use redis::Value;
use serde_json::json;

use super::bull::{Bull, by_hand, outcome, pause, seen};
use super::draft::{Draft, change, refuse, rests_on};
use super::plan::{Check, JobFilter, Outcome, PlanStep, Refusal, Risk, Verdict, VerifySpec};
use super::sources::{Batch, Deed, Reach, Tell};
use super::{Thing, WriteGrant};
use crate::feed::redis::command::{Read, Script, Write};
use crate::feed::redis::connection::{Written, value};
use crate::journal::ResponseSeen;
use crate::text::clean;

/// Jobs of one plan, and jobs that a filter looks at.
const MOST: usize = 1000;
const LOOKED_AT: u32 = 5000;
/// How long they are watched, all batches together.
const WATCH: Duration = Duration::from_secs(30);

/// The filter in words.
fn say(filter: &JobFilter) -> String {
    let mut words = Vec::new();
    if let Some(name) = &filter.named {
        words.push(format!("named {name}"));
    }
    if let Some(reason) = &filter.failed_with {
        words.push(format!("failed with “{reason}”"));
    }
    clean(&words.join(", ")).into_owned()
}

/// What was chosen.
#[derive(Default)]
struct Chosen {
    ids: Vec<String>,
    flow: usize,
    gone: usize,
    more: bool,
}

async fn choose(bull: &mut Bull, filter: &JobFilter) -> Result<Chosen, String> {
    let mut chosen = Chosen::default();
    let mut first = 0;
    loop {
        let ids: Vec<String> = if filter.jobs.is_empty() {
            let ranged = bull
                .ask(&[Read::Zrange {
                    key: bull.key("failed"),
                    first,
                    count: 500,
                    newest_first: false,
                }])
                .await?;
            let answer = match ranged.into_iter().next() {
                Some(Ok(answer)) => answer,
                Some(Err(refused)) => return Err(refused.say()),
                None => Value::Nil,
            };
            value::items(&answer)
                .chunks_exact(2)
                .filter_map(|p| value::text(p.first()?))
                .collect()
        } else {
            filter.jobs.iter().take(MOST).cloned().collect()
        };
        let fields = vec!["timestamp", "name", "failedReason", "parentKey"];
        let asked: Vec<Read> = ids
            .iter()
            .flat_map(|id| {
                [
                    Read::Hmget(bull.key(id), fields.clone()),
                    Read::Zscore(bull.key("failed"), id.clone()),
                ]
            })
            .collect();
        let answers = bull.ask(&asked).await?;
        for (id, pair) in ids.iter().zip(answers.chunks_exact(2)) {
            let (Some(Ok(job)), Some(Ok(score))) = (pair.first(), pair.get(1)) else {
                return Err("a job could not be read".to_owned());
            };
            let field = |n: usize| value::items(job).get(n).and_then(value::text);
            if field(0).is_none() || *score == Value::Nil {
                chosen.gone += 1;
            } else if filter.named.as_ref().is_some_and(|n| field(1).as_ref() != Some(n))
                || filter
                    .failed_with
                    .as_ref()
                    .is_some_and(|r| !field(2).unwrap_or_default().contains(r.as_str()))
            {
                // Not meant.
            } else if field(3).is_some() {
                chosen.flow += 1;
            } else if chosen.ids.len() < MOST {
                chosen.ids.push(id.clone());
            } else {
                chosen.more = true;
            }
        }
        first += 500;
        if !filter.jobs.is_empty() || ids.len() < 500 || chosen.more {
            return Ok(chosen);
        }
        if first >= LOOKED_AT {
            chosen.more = true;
            return Ok(chosen);
        }
    }
}

pub(super) async fn draft(reach: &Reach, queue: &Thing, filter: &JobFilter) -> Result<Draft, Refusal> {
    let mut bull = Bull::read(reach, queue).await?;
    if filter
        .jobs
        .iter()
        .any(|id| id.is_empty() || id.contains(':') || id.len() > 200)
    {
        return Err(refuse(
            "a job's id is not one that BullMQ gives",
            "choose the jobs from the list",
        ));
    }
    let chosen = choose(&mut bull, filter).await.map_err(|why| {
        refuse(
            format!("the failed jobs of {} cannot be read: {why}", bull.name),
            "try again",
        )
    })?;
    let n = chosen.ids.len();
    let jobs = if n == 1 {
        "1 job".to_owned()
    } else {
        format!("{n} jobs")
    };
    let risk = if n > 1 { Risk::R2 } else { Risk::R1 };
    let verify = VerifySpec {
        text: "a worker takes them within 30 s, and they do not fail again".to_owned(),
        deadline_s: WATCH.as_secs(),
        soak_s: 0,
    };
    let mut draft = Draft::new(
        format!("Retry {jobs} of queue {}", bull.name),
        format!("Retry {jobs}"),
        risk,
        verify,
    );
    let about = say(filter);
    if !about.is_empty() {
        draft.impact.push(about);
    }
    draft.impact.push(format!(
        "{} of {} failed jobs; {} wait already, {} at work",
        n, bull.failed, bull.ready, bull.active
    ));
    draft
        .impact
        .push("each runs once more from its beginning: what it did before it failed, it may do again".to_owned());
    if bull.paused {
        draft.warn_seriously("the queue is paused: they wait until it is resumed");
    }
    if chosen.flow > 0 {
        draft.warn(format!(
            "{} jobs of flows are left out: their parents would have to be changed too",
            chosen.flow
        ));
    }
    if chosen.gone > 0 {
        draft.warn(format!("{} are no longer failed", chosen.gone));
    }
    if chosen.more {
        draft.warn(format!("only the first {n} are retried: plan again for the rest"));
    }
    if n == 0 {
        draft.no_op = Some(if chosen.flow > 0 {
            "all of them belong to flows".to_owned()
        } else {
            "no failed job fits".to_owned()
        });
    }
    draft.checks.push(Check {
        name: "permission".into(),
        passed: None,
        detail: "Redis tells only when it is tried (+eval and the script's commands on the queue's keys)".into(),
    });
    draft.no_undo("a job that runs cannot be called back");
    for batch in chosen.ids.chunks(Write::BATCH) {
        let (keys, _) = words(&bull, batch);
        draft.steps.push(PlanStep {
            target: queue.clone().into(),
            changes: vec![change("failed jobs", batch.len(), "waiting")],
            same_as: by_hand(&match batch {
                [one] => format!("job.retry() for job {one}"),
                jobs => format!("job.retry() for each of these {} jobs", jobs.len()),
            }),
            method: "RESP".into(),
            path: format!("EVAL bull_retry.lua {}", keys.len()),
            content_type: String::new(),
            body: json!({ "script": "bull_retry.lua", "name": bull.name, "jobs": batch }),
            rests_on: rests_on(bull.key("meta"), &[("layout", json!(bull.layout.major))]),
        });
    }
    Ok(draft)
}

/// The script's keys and arguments.
fn words(bull: &Bull, ids: &[String]) -> (Vec<String>, Vec<String>) {
    let parts = [
        "meta",
        "failed",
        "wait",
        "paused",
        "active",
        "marker",
        "events",
        "prioritized",
        "pc",
    ];
    let keys = parts
        .into_iter()
        .map(|p| bull.key(p))
        .chain(ids.iter().map(|id| bull.key(id)));
    let args = std::iter::once(bull.major()).chain(ids.iter().cloned());
    (keys.collect(), args.collect())
}

pub(super) async fn ready(
    reach: &Reach,
    queue: &Thing,
    step: &PlanStep,
    (poll, watch): (Duration, Duration),
) -> Result<Box<dyn Deed>, Outcome> {
    let bull = Bull::read(reach, queue).await.map_err(|r| Outcome::Conflict(r.what))?;
    if step.rests_on.pointer("/fields/layout") != Some(&json!(bull.layout.major)) {
        return Err(Outcome::Conflict(
            "another version of BullMQ took the queue over".to_owned(),
        ));
    }
    let ids = step
        .body
        .pointer("/jobs")
        .and_then(|j| j.as_array())
        .cloned()
        .unwrap_or_default();
    let ids = ids.iter().filter_map(|i| i.as_str().map(str::to_owned)).collect();
    Ok(Box::new(Retry {
        bull,
        ids,
        left: 0,
        earlier: Batch::default(),
        poll,
        watch,
    }))
}

struct Retry {
    bull: Bull,
    ids: Vec<String>,
    /// Of them, those that were not failed any more when it came to it.
    left: usize,
    /// What was sent before, in other batches of the same plan.
    earlier: Batch,
    poll: Duration,
    watch: Duration,
}

impl Retry {
    async fn do_it(&mut self, grant: &WriteGrant) -> (Outcome, Option<ResponseSeen>) {
        let (keys, args) = words(&self.bull, &self.ids);
        let write = Write::eval(grant, Script::Retry, keys, args);
        let written = self.bull.client.write(&write).await;
        let seen = seen(&written);
        let outcome = match (&written, outcome(&written, write.acl(), self.bull.client.way().user())) {
            (_, Some(Outcome::Unknown(why))) => self.compare(&why).await,
            (_, Some(other)) => other,
            (Written::Done(answer), None) => {
                let items = value::items(answer);
                let count = |n: usize| items.get(n).and_then(value::count).unwrap_or(0);
                let other = items.get(4).and_then(value::text).unwrap_or_default();
                self.left = self
                    .ids
                    .len()
                    .saturating_sub(usize::try_from(count(0)).unwrap_or(usize::MAX));
                if other.is_empty() && count(0) > 0 {
                    Outcome::Applied
                } else if other.is_empty() {
                    Outcome::Skipped("none of these jobs is failed any more".to_owned())
                } else {
                    Outcome::Conflict(format!("the queue is of {other} now"))
                }
            }
            _ => Outcome::Applied,
        };
        (outcome, seen)
    }

    /// After a lost answer: whether the jobs are still failed. Never sent again.
    async fn compare(&mut self, why: &str) -> Outcome {
        let asked: Vec<Read> = self
            .ids
            .iter()
            .map(|id| Read::Zscore(self.bull.key("failed"), id.clone()))
            .collect();
        match self.bull.ask(&asked).await {
            Ok(answers) => {
                let still = answers.iter().filter(|a| !matches!(a, Ok(Value::Nil))).count();
                if still == 0 {
                    Outcome::Applied
                } else {
                    Outcome::Unknown(format!("{why}; {still} of {} are still failed", self.ids.len()))
                }
            }
            Err(e) => Outcome::Unknown(format!("{why}; it cannot be read either: {e}")),
        }
    }

    async fn watch(&mut self, tell: &Tell) -> Verdict {
        let began = Instant::now();
        let all = self.earlier.ids.len() + self.ids.len();
        let mut told = String::new();
        loop {
            let asked: Vec<Read> = self
                .earlier
                .ids
                .iter()
                .chain(&self.ids)
                .map(|id| {
                    Read::Hmget(
                        self.bull.key(id),
                        vec!["timestamp", "processedOn", "finishedOn", "failedReason"],
                    )
                })
                .chain([Read::Hget(self.bull.key("meta"), "paused".into())])
                .collect();
            let answers = match self.bull.ask(&asked).await {
                Ok(answers) => answers,
                Err(e) if began.elapsed() > self.watch => {
                    return Verdict::Unknown(format!("the queue cannot be read: {e}"));
                }
                Err(_) => {
                    pause(self.poll).await;
                    continue;
                }
            };
            let (jobs, meta) = answers.split_at(all.min(answers.len()));
            let (mut done, mut running, mut failed, mut reason) = (0, 0, 0, String::new());
            for job in jobs.iter().filter_map(|j| j.as_ref().ok()) {
                let is = |n: usize| value::items(job).get(n).is_some_and(|v| *v != Value::Nil);
                match (is(0), is(1), is(2)) {
                    (false, ..) => done += 1,
                    (_, _, true) if is(3) => {
                        failed += 1;
                        reason = value::items(job).get(3).and_then(value::text).unwrap_or_default();
                    }
                    (_, _, true) => done += 1,
                    (_, true, false) => running += 1,
                    _ => {}
                }
            }
            let text = format!("{done} of {all} done, {running} at work, {failed} failed again");
            if done + failed == all {
                return if failed == 0 {
                    Verdict::Healthy(format!("{done} of {all} done"))
                } else {
                    Verdict::Failed(format!("{failed} of {all} failed again: {}", clean(&reason)))
                };
            }
            if matches!(meta.first(), Some(Ok(v)) if *v != Value::Nil) {
                return Verdict::Paused;
            }
            if began.elapsed() > self.watch {
                return match (done + running, failed) {
                    (0, 0) => self.untaken(all).await,
                    (_, 0) => Verdict::Healthy(format!("{text}; the others wait")),
                    _ => Verdict::Failed(format!("{text}: {}", clean(&reason))),
                };
            }
            if text != told {
                told.clone_from(&text);
                tell.say(text, failed > 0).await;
            }
            pause(self.poll).await;
        }
    }

    /// No worker took any of them. One that is at work takes them when it is done with what came before; it holds a lock
    /// for as long as it lives.
    async fn untaken(&mut self, all: usize) -> Verdict {
        let at_work = match self.at_work().await {
            Ok(n) => n,
            Err(e) => {
                return Verdict::Unknown(format!("no worker took any of them, and the queue cannot be read: {e}"));
            }
        };
        if at_work == 0 {
            return Verdict::Failed(format!("no worker took any of them within {} s", self.watch.as_secs()));
        }
        let who = match all {
            1 => "it waits".to_owned(),
            n => format!("all {n} wait"),
        };
        Verdict::Healthy(format!(
            "{who}: the workers of the queue are at work on what came before ({at_work} active)"
        ))
    }

    /// How many jobs of the queue a worker holds.
    async fn at_work(&mut self) -> Result<u64, String> {
        let active = Read::Lrange(self.bull.key("active"), Read::RANGE);
        let answers = self.bull.ask(&[active]).await?;
        let ids = match answers.first() {
            Some(Ok(list)) => value::items(list).iter().filter_map(value::text),
            Some(Err(e)) => return Err(e.say()),
            None => return Ok(0),
        };
        let locks: Vec<String> = ids.map(|id| format!("{}:lock", self.bull.key(&id))).collect();
        if locks.is_empty() {
            return Ok(0);
        }
        match self.bull.ask(&[Read::ExistMany(locks)]).await?.first() {
            Some(Ok(held)) => Ok(value::count(held).unwrap_or_default()),
            Some(Err(e)) => Err(e.say()),
            None => Ok(0),
        }
    }
}

impl Deed for Retry {
    fn send<'a>(&'a mut self, grant: &'a WriteGrant, _: &'a Tell) -> BoxFuture<'a, (Outcome, Option<ResponseSeen>)> {
        Box::pin(self.do_it(grant))
    }

    fn verify<'a>(&'a mut self, tell: &'a Tell) -> BoxFuture<'a, Verdict> {
        Box::pin(async {
            let left = match self.earlier.left + self.left {
                0 => return self.watch(tell).await,
                1 => "1 was not failed any more, and was left alone".to_owned(),
                n => format!("{n} were not failed any more, and were left alone"),
            };
            match self.watch(tell).await {
                Verdict::Healthy(text) => Verdict::Healthy(format!("{text}; {left}")),
                Verdict::Failed(text) => Verdict::Failed(format!("{text}; {left}")),
                other => other,
            }
        })
    }

    fn batch(&self) -> Option<Batch> {
        Some(Batch {
            ids: self.earlier.ids.iter().chain(&self.ids).cloned().collect(),
            left: self.earlier.left + self.left,
        })
    }

    fn with(&mut self, other: Batch) {
        self.earlier.ids.extend(other.ids);
        self.earlier.left += other.left;
    }
}
