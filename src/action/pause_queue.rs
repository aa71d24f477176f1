//! Pausing a BullMQ queue, and resuming it. Jobs at work are not stopped by it.

use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use redis::Value;
use serde_json::json;

use super::bull::{Bull, outcome, pause, seen};
use super::draft::{Draft, change, rests_on};
use super::plan::{Check, Outcome, PlanStep, Refusal, Request, Risk, Verdict, VerifySpec};
use super::sources::{Deed, Reach, Tell};
use super::{Thing, WriteGrant};
use crate::feed::redis::command::{Read, Script, Write};
use crate::feed::redis::connection::{Written, value};
use crate::journal::ResponseSeen;

/// A worker takes the next job within this time, if there is one.
const WATCH: Duration = Duration::from_secs(15);

const fn word(to_paused: bool) -> &'static str {
    if to_paused { "paused" } else { "running" }
}

pub(super) async fn draft(reach: &Reach, queue: &Thing, to_paused: bool) -> Result<Draft, Refusal> {
    let bull = Bull::read(reach, queue).await?;
    let (verb, risk) = if to_paused {
        ("Pause", Risk::R2)
    } else {
        ("Resume", Risk::R1)
    };
    let verify = VerifySpec {
        text: if to_paused {
            "the queue says that it is paused".to_owned()
        } else {
            "a worker takes a job within 15 s, if one waits".to_owned()
        },
        deadline_s: WATCH.as_secs(),
        soak_s: 0,
    };
    let mut draft = Draft::new(
        format!("{verb} queue {}", bull.name),
        format!("{verb} {}", bull.name),
        risk,
        verify,
    );
    if to_paused {
        draft.impact.push(format!(
            "{} jobs wait until it is resumed, and every new one",
            bull.ready
        ));
        draft
            .impact
            .push(format!("{} jobs at work go on to their end", bull.active));
        draft.undo_by(
            format!("resume {}", bull.name),
            Request::ResumeQueue { queue: queue.clone() },
        );
    } else {
        draft.impact.push(format!("{} jobs may be taken at once", bull.ready));
        draft.undo_by(
            format!("pause {} again", bull.name),
            Request::PauseQueue { queue: queue.clone() },
        );
    }
    if bull.paused == to_paused {
        draft.no_op = Some(format!("the queue is {} already", word(to_paused)));
    }
    draft.checks.push(Check {
        name: "permission".into(),
        passed: None,
        detail: "Redis tells only when it is tried (+eval and the script's commands on the queue's keys)".into(),
    });
    let (keys, _) = words(&bull, to_paused);
    draft.steps.push(PlanStep {
        target: queue.clone().into(),
        changes: vec![change("queue", word(bull.paused), word(to_paused))],
        same_as: bull.by_hand(if to_paused { "queue.pause()" } else { "queue.resume()" }),
        method: "RESP".into(),
        path: format!("EVAL bull_pause.lua {}", keys.len()),
        content_type: String::new(),
        body: json!({ "script": "bull_pause.lua", "name": bull.name, "paused": to_paused }),
        rests_on: rests_on(
            bull.key("meta"),
            &[("layout", json!(bull.layout.major)), ("paused", json!(bull.paused))],
        ),
    });
    Ok(draft)
}

/// The script's keys and arguments.
fn words(bull: &Bull, to_paused: bool) -> (Vec<String>, Vec<String>) {
    let parts = ["meta", "wait", "paused", "marker", "events", "prioritized", "delayed"];
    let to = if to_paused { "paused" } else { "resumed" };
    (parts.map(|p| bull.key(p)).to_vec(), vec![bull.major(), to.to_owned()])
}

pub(super) async fn ready(
    reach: &Reach,
    queue: &Thing,
    step: &PlanStep,
    to_paused: bool,
    (poll, watch): (Duration, Duration),
) -> Result<Box<dyn Deed>, Outcome> {
    let bull = Bull::read(reach, queue).await.map_err(|r| Outcome::Conflict(r.what))?;
    let field = |name: &str| step.rests_on.pointer(&format!("/fields/{name}")).cloned();
    if field("layout") != Some(json!(bull.layout.major)) {
        return Err(Outcome::Conflict(
            "another version of BullMQ took the queue over".to_owned(),
        ));
    }
    if field("paused") != Some(json!(bull.paused)) {
        return Err(Outcome::Conflict(format!(
            "somebody else did it: the queue is {} now",
            word(bull.paused)
        )));
    }
    Ok(Box::new(Switch {
        bull,
        to_paused,
        poll,
        watch,
    }))
}

struct Switch {
    bull: Bull,
    to_paused: bool,
    poll: Duration,
    watch: Duration,
}

impl Switch {
    async fn do_it(&mut self, grant: &WriteGrant) -> (Outcome, Option<ResponseSeen>) {
        let (keys, args) = words(&self.bull, self.to_paused);
        let write = Write::eval(grant, Script::Pause, keys, args);
        let written = self.bull.client.write(&write).await;
        let seen = seen(&written);
        let outcome = match (&written, outcome(&written, write.acl(), self.bull.client.way().user())) {
            (_, Some(Outcome::Unknown(why))) => match self.is_paused().await {
                Ok(is) if is == self.to_paused => Outcome::Applied,
                Ok(is) => Outcome::Unknown(format!("{why}; the queue is {} so far", word(is))),
                Err(e) => Outcome::Unknown(format!("{why}; it cannot be read either: {e}")),
            },
            (_, Some(other)) => other,
            (Written::Done(answer), None) => {
                let items = value::items(answer);
                let other = items.get(2).and_then(value::text).unwrap_or_default();
                match items.first().and_then(value::count) {
                    _ if !other.is_empty() => Outcome::Conflict(format!("the queue is of {other} now")),
                    Some(1) => Outcome::Applied,
                    _ => Outcome::NoOp,
                }
            }
            _ => Outcome::Applied,
        };
        (outcome, seen)
    }

    async fn is_paused(&mut self) -> Result<bool, String> {
        let key = self.bull.key("meta");
        let answers = self.bull.ask(&[Read::Hget(key, "paused".into())]).await?;
        match answers.into_iter().next() {
            Some(Ok(flag)) => Ok(flag != Value::Nil),
            Some(Err(refused)) => Err(refused.say()),
            None => Err("no answer".to_owned()),
        }
    }

    async fn watch(&mut self, tell: &Tell) -> Verdict {
        let began = Instant::now();
        let mut told = None;
        loop {
            let parts = [
                Read::Hget(self.bull.key("meta"), "paused".into()),
                Read::Llen(self.bull.key("wait")),
                Read::Llen(self.bull.key("active")),
                Read::Zcard(self.bull.key("prioritized")),
                Read::Llen(self.bull.key("paused")),
            ];
            match self.bull.ask(&parts).await {
                Ok(answers) => {
                    let ok = |n: usize| answers.get(n).and_then(|a| a.as_ref().ok());
                    let count = |n: usize| ok(n).and_then(value::count).unwrap_or(0);
                    let paused = ok(0).is_some_and(|v| *v != Value::Nil);
                    let (waiting, active, held) = (count(1) + count(3), count(2), count(4));
                    if paused != self.to_paused {
                        return Verdict::Superseded(format!("somebody made it {} again", word(paused)));
                    }
                    if self.to_paused {
                        return Verdict::Healthy(format!("paused; {active} jobs at work go on to their end"));
                    }
                    if held > 0 {
                        return Verdict::Failed(format!("{held} jobs are still held: resume once more"));
                    }
                    if waiting == 0 || active > 0 || waiting < self.bull.ready {
                        return Verdict::Healthy(format!("resumed; {waiting} wait, {active} at work"));
                    }
                    if began.elapsed() > self.watch {
                        return Verdict::Failed(format!("resumed, but no worker takes any of the {waiting} that wait"));
                    }
                    if told != Some(waiting) {
                        told = Some(waiting);
                        tell.say(format!("resumed; {waiting} wait, none at work yet"), false)
                            .await;
                    }
                }
                Err(e) if began.elapsed() > self.watch => {
                    return Verdict::Unknown(format!("the queue cannot be read: {e}"));
                }
                Err(_) => {}
            }
            pause(self.poll).await;
        }
    }
}

impl Deed for Switch {
    fn send<'a>(&'a mut self, grant: &'a WriteGrant, _: &'a Tell) -> BoxFuture<'a, (Outcome, Option<ResponseSeen>)> {
        Box::pin(self.do_it(grant))
    }

    fn verify<'a>(&'a mut self, tell: &'a Tell) -> BoxFuture<'a, Verdict> {
        Box::pin(self.watch(tell))
    }
}
