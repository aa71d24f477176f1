//! What the demonstration's Redis holds, and how it changes: a backlog that grows until more workers run, e-mails that
//! fail, a cache that fills the memory.

use jiff::{SignedDuration, Timestamp};

use super::data::{Data, Keys};

/// Where the queues are.
pub const PREFIX: &str = "bull";
const VERSION: &str = "bullmq:5.81.5";
/// The server's limit, and what it uses beside its keys.
pub const MAX_MEMORY: u64 = 256 << 20;
const BASE: u64 = 38 << 20;
/// Pages of the cache, and what each weighs.
const PAGES: u32 = 9000;
const PAGE: u64 = 19_500;
/// Finished jobs that are kept.
const KEPT: usize = 5000;

/// One queue and the program that works it.
#[derive(Debug)]
pub struct Line {
    pub name: &'static str,
    job: &'static str,
    /// Jobs a minute that come, and that one worker does.
    comes: f64,
    does: f64,
    pub workers: u32,
    /// One of so many fails; 0: none.
    fails: u64,
    next_id: u64,
    /// Fractions of a job that have not come or been done yet.
    coming: f64,
    doing: f64,
    done: u64,
}

#[derive(Debug)]
pub struct Cortex {
    pub keys: Keys,
    pub lines: Vec<Line>,
    pub since: Timestamp,
    at: Timestamp,
    pub commands: u64,
}

fn key(queue: &str, part: impl std::fmt::Display) -> String {
    format!("{PREFIX}:{queue}:{part}")
}

/// What a worker holds while it is at a job.
fn lock(queue: &str, id: &str) -> String {
    key(queue, format!("{id}:lock"))
}

impl Cortex {
    /// As it is at `now`. With `calm` nothing is wrong.
    pub fn new(now: Timestamp, calm: bool) -> Self {
        let line = |name, job, comes, does, workers, fails| Line {
            name,
            job,
            comes,
            does,
            workers,
            fails,
            next_id: 1,
            coming: 0.0,
            doing: 0.0,
            done: 0,
        };
        let comes = if calm { 60.0 } else { 140.0 };
        let mut cortex = Self {
            keys: Keys::default(),
            lines: vec![
                line("default", "export-document", comes, 45.0, 2, 0),
                line("email", "send-email", 30.0, 60.0, 1, if calm { 0 } else { 9 }),
                line("embeddings", "embed", 24.0, 40.0, 2, 0),
            ],
            since: now - SignedDuration::from_hours(9 * 24),
            at: now,
            commands: 4_000_000,
        };
        for n in 0..cortex.lines.len() {
            let waiting = match n {
                _ if calm => 0,
                0 => 2300,
                1 => 0,
                _ => 3,
            };
            cortex.begin(n, waiting, now);
        }
        let pages = if calm { PAGES / 3 } else { PAGES };
        for n in 0..pages {
            let name = format!("cache:page:{n}");
            cortex.keys.put(&name, Data::Text(String::new()));
            cortex.keys.weights.insert(name, PAGE);
        }
        for n in 0..400 {
            cortex
                .keys
                .put(&format!("session:{n:04x}"), Data::Text("{}".repeat(120)));
        }
        cortex
    }

    /// From now on its jobs do not fail.
    pub fn mend(&mut self, queue: &str) {
        for line in self.lines.iter_mut().filter(|line| line.name == queue) {
            line.fails = 0;
        }
    }

    /// A queue with its past: finished jobs of the last quarter of an hour, failed ones, and what waits.
    fn begin(&mut self, n: usize, ready: u64, now: Timestamp) {
        let Some(line) = self.lines.get_mut(n) else { return };
        let (name, keys) = (line.name, &mut self.keys);
        keys.hset(&key(name, "meta"), "version", VERSION);
        keys.hset(&key(name, "meta"), "opts.maxLenEvents", 10_000);
        keys.put(&key(name, "events"), Data::Stream(10_000));
        let rate = line.comes.min(line.does * f64::from(line.workers)) / 60_000.0;
        let ms = now.as_millisecond();
        for back in 0..((rate * 900_000.0) as u64) {
            let at = ms - (back as f64 / rate) as i64;
            let id = line.next_id.to_string();
            line.next_id += 1;
            if line.fails > 0 && back % line.fails == 0 {
                fail(keys, line, &id, at);
            } else {
                keys.zadd(&key(name, "completed"), &id, at as f64);
            }
        }
        for i in 0..ready {
            let at = ms - ((ready - i) as f64 * 60_000.0 / line.comes) as i64;
            add(keys, line, at);
        }
        keys.put(&key(name, "id"), Data::Text((line.next_id - 1).to_string()));
    }

    /// Lets the time pass until `now`.
    pub fn advance(&mut self, now: Timestamp) {
        let seconds = now.duration_since(self.at).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        // A long sleep is no flood: a laptop that was closed for a night.
        let minutes = seconds.min(3600.0) / 60.0;
        self.at = now;
        self.commands += (seconds * 310.0) as u64;
        let ms = now.as_millisecond();
        for line in &mut self.lines {
            let keys = &mut self.keys;
            line.coming += line.comes * minutes;
            while line.coming >= 1.0 {
                line.coming -= 1.0;
                add(keys, line, ms);
            }
            keys.put(&key(line.name, "id"), Data::Text((line.next_id - 1).to_string()));
            line.doing += line.does * f64::from(line.workers) * minutes;
            let paused = keys.field(&key(line.name, "meta"), "paused").is_some();
            if line.workers == 0 || paused {
                line.doing = 0.0;
                continue;
            }
            while line.doing >= 1.0 {
                line.doing -= 1.0;
                let active = key(line.name, "active");
                // What is at work is done; the next is taken.
                if let Some(id) = keys.rpop(&active) {
                    keys.remove(&lock(line.name, &id));
                    finish(keys, line, &id, ms);
                }
                refill(keys, line, ms);
            }
            refill(keys, line, ms);
        }
    }

    /// As many workers as the Deployment has ready pods.
    pub fn set_workers(&mut self, queue: &str, n: u32) {
        let Some(line) = self.lines.iter_mut().find(|l| l.name == queue) else {
            return;
        };
        line.workers = n;
        // What a worker that went away was at is taken up by another: it waits again.
        while self
            .keys
            .list(&key(queue, "active"))
            .is_some_and(|l| l.len() > n as usize)
        {
            let Some(id) = self.keys.rpop(&key(queue, "active")) else {
                break;
            };
            self.keys.remove(&lock(queue, &id));
            self.keys.lpush(&key(queue, "wait"), &id);
        }
    }

    /// How many jobs of a queue wait for a worker.
    pub fn waiting(&self, queue: &str) -> u64 {
        self.keys.list(&key(queue, "wait")).map_or(0, |l| l.len() as u64)
    }

    /// Bytes in use.
    pub fn used(&self) -> u64 {
        BASE + self.keys.size()
    }
}

fn add(keys: &mut Keys, line: &mut Line, at: i64) {
    let id = line.next_id.to_string();
    line.next_id += 1;
    let job = key(line.name, &id);
    describe(keys, line, &job, at);
    let paused = keys.field(&key(line.name, "meta"), "paused").is_some();
    keys.lpush(&key(line.name, if paused { "paused" } else { "wait" }), &id);
}

fn describe(keys: &mut Keys, line: &Line, job: &str, at: i64) {
    keys.hset(job, "name", line.job);
    keys.hset(job, "timestamp", at);
    keys.hset(job, "delay", 0);
    keys.hset(job, "priority", 0);
    keys.hset(job, "opts", r#"{"attempts":3}"#);
    keys.hset(
        job,
        "data",
        format!(r#"{{"tenant":"t-{}","document":"d-{at}"}}"#, at % 17),
    );
}

fn fail(keys: &mut Keys, line: &Line, id: &str, at: i64) {
    const REASONS: [&str; 3] = [
        "SMTP 421 4.7.0 Try again later, closing connection",
        "SMTP 421 4.7.0 Try again later, closing connection",
        "connect ETIMEDOUT 10.0.9.25:587",
    ];
    let job = key(line.name, id);
    if keys.field(&job, "timestamp").is_none() {
        describe(keys, line, &job, at - 900);
    }
    let reason = REASONS
        .get(at.unsigned_abs() as usize % REASONS.len())
        .copied()
        .unwrap_or_default();
    keys.hset(&job, "failedReason", reason);
    keys.hset(&job, "processedOn", at - 400);
    keys.hset(&job, "finishedOn", at);
    let tried: u64 = keys.field(&job, "atm").and_then(|n| n.parse().ok()).unwrap_or(2);
    keys.hset(&job, "atm", tried + 1);
    keys.zadd(&key(line.name, "failed"), id, at as f64);
}

fn finish(keys: &mut Keys, line: &mut Line, id: &str, at: i64) {
    line.done += 1;
    let job = key(line.name, id);
    keys.remove(&lock(line.name, id));
    // Who was put back by a person finds the mail server in a better mood.
    let again = keys.field(&job, "atm").is_some();
    if line.fails > 0 && line.done.is_multiple_of(line.fails) && !again {
        return fail(keys, line, id, at);
    }
    keys.hset(&job, "finishedOn", at);
    keys.hset(&job, "returnvalue", "null");
    let completed = key(line.name, "completed");
    keys.zadd(&completed, id, at as f64);
    if keys.zset(&completed).is_some_and(|z| z.len() > KEPT + 200) {
        let old: Vec<String> = keys
            .ranked(&completed)
            .iter()
            .take(200)
            .map(|(id, _)| (*id).to_owned())
            .collect();
        for id in old {
            keys.zrem(&completed, &id);
            keys.remove(&key(line.name, id));
        }
    }
}

fn refill(keys: &mut Keys, line: &Line, at: i64) {
    let active = key(line.name, "active");
    while keys.list(&active).map_or(0, std::collections::VecDeque::len) < line.workers as usize {
        let Some(id) = keys.rpop(&key(line.name, "wait")) else {
            return;
        };
        keys.lpush(&active, &id);
        keys.put(&lock(line.name, &id), Data::Text(line.job.to_owned()));
        let job = key(line.name, &id);
        keys.hset(&job, "processedOn", at);
    }
}
