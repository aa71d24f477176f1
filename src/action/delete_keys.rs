//! Deleting the keys of a prefix: SCAN and UNLINK, a hundred at a time, with a budget. The alternative to FLUSHDB.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use serde_json::json;

use super::bull::{outcome, quoted, seen};
use super::draft::{Draft, change, refuse, rests_on};
use super::plan::{Check, Outcome, PlanStep, Refusal, Risk, Verdict, VerifySpec};
use super::sources::{Deed, Reach, Tell};
use super::{Thing, WriteGrant};
use crate::config::QueueKind;
use crate::feed::queue::escaped;
use crate::feed::redis::command::{Read, Write};
use crate::feed::redis::connection::{Written, value};
use crate::feed::redis::{Client, slot};
use crate::journal::ResponseSeen;

/// Keys that one plan deletes, and keys that are looked at to count them.
const MOST: u64 = 100_000;
const LOOKED_AT: u64 = 500_000;
/// A shorter prefix is not meant.
const SHORTEST: usize = 3;
const STEP: u32 = 500;
const PAUSE: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(300);

/// What begins so is another program's whole state.
fn guarded(reach: &Reach, redis: &str, prefix: &str) -> Option<String> {
    let overlaps = |keys: &str| keys.starts_with(prefix) || prefix.starts_with(keys);
    for (name, set) in reach
        .queues
        .iter()
        .filter(|(_, s)| s.source.redis.as_deref() == Some(redis))
    {
        let own: Vec<String> = match set.source.kind {
            QueueKind::Bullmq => vec![format!("{}:", set.source.prefix())],
            QueueKind::Rq => vec!["rq:".into()],
            QueueKind::Sidekiq => ["queue:", "queues", "retry", "schedule", "dead", "process", "stat:"]
                .map(str::to_owned)
                .to_vec(),
            QueueKind::Celery => vec!["unacked".into(), "_kombu".into()],
            _ => Vec::new(),
        };
        let entries = set.source.queues.iter().map(|q| q.key().to_owned());
        if own.into_iter().chain(entries).any(|k| overlaps(&k)) {
            return Some(name.to_string());
        }
    }
    // Where nobody configured queues, the usual names are still somebody's queues.
    ["bull:", "rq:", "celery"]
        .iter()
        .any(|k| overlaps(k))
        .then(|| "the queues' usual keys".to_owned())
}

struct Counted {
    keys: u64,
    scanned: u64,
    cut: bool,
}

async fn count(client: &mut Client, prefix: &str) -> Result<Counted, String> {
    let mut counted = Counted {
        keys: 0,
        scanned: 0,
        cut: false,
    };
    for at in client.masters().await.map_err(|f| f.say())? {
        let mut cursor = 0;
        loop {
            let (next, keys) = scan(client, &at, prefix, cursor).await?;
            counted.keys += keys.len() as u64;
            counted.scanned += u64::from(STEP);
            cursor = next;
            if cursor == 0 {
                break;
            }
            if counted.scanned >= LOOKED_AT {
                counted.cut = true;
                return Ok(counted);
            }
            // Every tenth step: planning may take seconds, the server's others must not notice.
            if counted.scanned.is_multiple_of(u64::from(STEP * 10)) {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    Ok(counted)
}

async fn scan(client: &mut Client, at: &str, prefix: &str, cursor: u64) -> Result<(u64, Vec<String>), String> {
    let command = Read::Scan {
        cursor,
        pattern: format!("{}*", escaped(prefix)),
        count: STEP,
        kind: None,
    };
    let answers = client.read(at, &[command]).await.map_err(|f| f.say())?;
    match answers.into_iter().next() {
        Some(Ok(answer)) => {
            let parts = value::items(&answer);
            let next = parts.first().and_then(value::count).unwrap_or(0);
            let keys = parts.get(1).map(value::items).unwrap_or_default();
            // A key that is not text would be another one once it was written down.
            let keys = keys
                .iter()
                .filter_map(value::text)
                .filter(|k| k.starts_with(prefix) && !k.contains('\u{fffd}'));
            Ok((next, keys.collect()))
        }
        Some(Err(refused)) => Err(refused.say()),
        None => Err("no answer".to_owned()),
    }
}

fn client(reach: &Reach, keys: &Thing) -> Result<Client, Refusal> {
    reach
        .redis
        .get(&keys.source.name)
        .map(|way| Client::new(way.clone()))
        .ok_or_else(|| {
            refuse(
                format!("there is no Redis named {}", keys.source.name),
                "name it in [[platform.redis]] of the configuration",
            )
        })
}

pub(super) async fn draft(reach: &Reach, keys: &Thing) -> Result<Draft, Refusal> {
    let prefix = &*keys.name;
    let mut client = client(reach, keys)?;
    if prefix.chars().count() < SHORTEST {
        return Err(refuse(
            format!("{prefix:?} is too short for a prefix"),
            format!("give at least {SHORTEST} characters: everything that begins so is deleted"),
        ));
    }
    if prefix.contains(['*', '?', '[']) || prefix.chars().any(char::is_control) {
        return Err(refuse("a prefix is plain text, no pattern", "leave out *, ? and ["));
    }
    if let Some(whose) = guarded(reach, &keys.source.name, prefix) {
        return Err(refuse(
            format!("keys that begin with {prefix} belong to {whose}: queues are never deleted from here"),
            "choose the prefix of a cache",
        ));
    }
    let counted = count(&mut client, prefix).await.map_err(|why| {
        refuse(
            format!("the keys of {prefix} cannot be counted: {why}"),
            "look at its Redis",
        )
    })?;
    let n = counted.keys;
    let about = if counted.cut {
        format!("at least {n}")
    } else {
        n.to_string()
    };
    let verify = VerifySpec {
        text: "none of them is left".to_owned(),
        deadline_s: LONGEST.as_secs(),
        soak_s: 0,
    };
    let mut draft = Draft::new(
        format!("Delete {about} keys of {} that begin with {prefix}", keys.source.name),
        format!("Delete {about} keys"),
        Risk::R3,
        verify,
    );
    draft.impact.push(format!(
        "{about} keys now; every one that begins so when its turn comes"
    ));
    draft.impact.push(format!(
        "in batches of {}, with pauses; the server frees their memory in the background",
        Write::BATCH
    ));
    if counted.cut {
        draft.warn(format!(
            "only the first {} keys of the server were looked at to count them",
            counted.scanned
        ));
    }
    if n > MOST {
        draft.warn(format!("one plan deletes at most {MOST}: plan again for the rest"));
    }
    draft.warn("a cache that is empty is filled again by its source: expect load there");
    if n == 0 && !counted.cut {
        draft.no_op = Some("no key begins so".to_owned());
    }
    draft.no_undo("deleted keys do not come back");
    draft.checks.push(Check {
        name: "permission".into(),
        passed: None,
        detail: "Redis tells only when it is tried (+unlink on these keys)".into(),
    });
    let masters = client.masters().await.unwrap_or_default();
    let cli = masters
        .first()
        .and_then(|m| m.rsplit_once(':'))
        .unwrap_or(("HOST", "6379"));
    let pattern = quoted(&format!("{}*", escaped(prefix)));
    draft.steps.push(PlanStep {
        target: keys.clone().into(),
        changes: vec![change("keys", about, 0)],
        same_as: format!(
            "redis-cli -h {0} -p {1} --scan --pattern {pattern} | xargs -d '\\n' -n {2} redis-cli -h {0} -p {1} UNLINK",
            cli.0,
            cli.1,
            Write::BATCH
        ),
        method: "RESP".into(),
        path: format!("UNLINK {prefix}…"),
        content_type: String::new(),
        body: json!({ "prefix": prefix }),
        rests_on: rests_on(prefix.to_owned(), &[]),
    });
    Ok(draft)
}

pub(super) fn ready(reach: &Reach, keys: &Thing, step: &PlanStep) -> Result<Box<dyn Deed>, Outcome> {
    let client = client(reach, keys).map_err(|r| Outcome::Refused(r.what))?;
    let prefix = step
        .body
        .pointer("/prefix")
        .and_then(|p| p.as_str())
        .unwrap_or_default();
    // The plan said so; said twice is safer, because an empty prefix is everything.
    if prefix != &*keys.name || prefix.chars().count() < SHORTEST {
        return Err(Outcome::Conflict("the plan is for another prefix".to_owned()));
    }
    if let Some(whose) = guarded(reach, &keys.source.name, prefix) {
        return Err(Outcome::Refused(format!("these keys belong to {whose}")));
    }
    Ok(Box::new(Delete {
        client,
        prefix: prefix.to_owned(),
        deleted: 0,
    }))
}

struct Delete {
    client: Client,
    prefix: String,
    deleted: u64,
}

impl Delete {
    async fn do_it(&mut self, grant: &WriteGrant, tell: &Tell) -> (Outcome, Option<ResponseSeen>) {
        let began = Instant::now();
        let masters = match self.client.masters().await {
            Ok(masters) => masters,
            Err(fault) => return (Outcome::Refused(format!("nothing was sent: {}", fault.say())), None),
        };
        for at in masters {
            let mut cursor = 0;
            loop {
                let (next, keys) = match scan(&mut self.client, &at, &self.prefix, cursor).await {
                    Ok(found) => found,
                    Err(why) => return (self.stopped(&Outcome::Refused(why)), None),
                };
                cursor = next;
                // A Cluster takes keys of one slot in one command.
                let mut by_slot: BTreeMap<u16, Vec<String>> = BTreeMap::new();
                let cluster = self.client.way().topology() == crate::model::Topology::Cluster;
                for key in keys {
                    by_slot
                        .entry(if cluster { slot(&key) } else { 0 })
                        .or_default()
                        .push(key);
                }
                for batch in by_slot.values().flat_map(|keys| keys.chunks(Write::BATCH)) {
                    let write = Write::unlink(grant, batch.to_vec());
                    let written = self.client.write(&write).await;
                    if let Some(outcome) = outcome(&written, write.acl(), self.client.way().user()) {
                        return (self.stopped(&outcome), seen(&written));
                    }
                    if let Written::Done(n) = &written {
                        self.deleted += value::count(n).unwrap_or(0);
                    }
                    if self.deleted >= MOST || began.elapsed() > LONGEST {
                        return (Outcome::Applied, seen(&written));
                    }
                }
                if cursor == 0 {
                    break;
                }
                tell.say(format!("{} keys deleted so far", self.deleted), false).await;
                tokio::time::sleep(PAUSE).await;
            }
        }
        let done = Written::Done(redis::Value::Int(i64::try_from(self.deleted).unwrap_or(i64::MAX)));
        let outcome = if self.deleted == 0 {
            Outcome::NoOp
        } else {
            Outcome::Applied
        };
        (outcome, seen(&done))
    }

    /// What is said when a batch did not go well.
    fn stopped(&self, outcome: &Outcome) -> Outcome {
        let n = self.deleted;
        match outcome {
            Outcome::Unknown(why) => Outcome::Unknown(format!("stopped after {n} keys: {why}")),
            Outcome::Refused(why) if n == 0 => Outcome::Refused(why.clone()),
            Outcome::Refused(why) => Outcome::Unknown(format!("stopped after {n} keys were deleted: {why}")),
            other => other.clone(),
        }
    }

    async fn look(&mut self) -> Verdict {
        match count(&mut self.client, &self.prefix).await {
            Ok(left) if left.keys == 0 && !left.cut => {
                Verdict::Healthy(format!("{} keys deleted, none is left", self.deleted))
            }
            Ok(left) if self.deleted >= MOST => Verdict::Healthy(format!(
                "{} keys deleted, the most of one plan; {} are left",
                self.deleted, left.keys
            )),
            Ok(left) => Verdict::Healthy(format!(
                "{} keys deleted; {} have been written since, or were not reached in time",
                self.deleted, left.keys
            )),
            Err(why) => Verdict::Unknown(format!(
                "{} keys deleted; what is left cannot be counted: {why}",
                self.deleted
            )),
        }
    }
}

impl Deed for Delete {
    fn send<'a>(&'a mut self, grant: &'a WriteGrant, tell: &'a Tell) -> BoxFuture<'a, (Outcome, Option<ResponseSeen>)> {
        Box::pin(self.do_it(grant, tell))
    }

    fn verify<'a>(&'a mut self, _: &'a Tell) -> BoxFuture<'a, Verdict> {
        Box::pin(self.look())
    }
}
