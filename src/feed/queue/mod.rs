//! Queues: BullMQ 3 to 6, plain keys, Sidekiq, RQ, Celery, and whatever a Prometheus counts. Plain reading commands only.
//!
//! [`run`] is the task of one `[[platform.queues]]`. A look at 500 queues is a few dozen pipelines; nothing is ever
//! scanned on a tick: queues are looked for once, with a budget, and again every ten minutes.

pub(crate) mod bullmq;
mod failed;
mod inquiry;
mod plain;
mod presets;
mod prom;
mod rates;
mod workers;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use self::inquiry::{Inquiry, Reading};
use self::presets::{Preset, System};
pub use self::prom::Prom;
use self::rates::Memory;
use crate::config::{QueueEntry, QueueKind, QueueSource};
use crate::feed::redis::command::Read;
use crate::feed::redis::connection::{Fault, value};
use crate::feed::redis::{Client, Way, back_off, unreachable};
use crate::feed::{Inbox, SourceContext};
use crate::model::{Discovery, Freshness, Problem, Queue, Queues, Source, SourceId, SourceKind, Str};
use crate::text::clean;

const SLOW: Duration = Duration::from_secs(15);
const FAST: Duration = Duration::from_secs(5);
/// Queues are looked for again this often.
const DISCOVER: SignedDuration = SignedDuration::from_mins(10);
/// Keys that one search looks at, at most, and the pause between two steps of it.
const SCAN_BUDGET: u64 = 200_000;
const SCAN_STEP: u32 = 1000;
const SCAN_PAUSE: Duration = Duration::from_millis(10);

/// Where the queues of a set are.
#[derive(Clone)]
pub enum Place {
    Redis(Way),
    Prometheus(Arc<dyn Prom>),
    /// The configuration names a source that does not exist: why.
    Nowhere(String),
}

/// Watches one set of queues until it is dropped. `looked_at` names the queue whose failed jobs are wanted.
pub async fn run(
    source: QueueSource,
    place: Place,
    mut context: SourceContext,
    mut looked_at: watch::Receiver<Option<Str>>,
    inbox: Inbox,
) {
    let id = SourceId {
        kind: SourceKind::Queues,
        name: source.name.as_str().into(),
    };
    let mask = context.grant.is_none();
    let mut watcher = Watcher::new(source, place, mask);
    inbox.reach(id.clone(), Freshness::Syncing { rows: 0 });
    let mut last_good: Option<Timestamp> = None;
    let mut failures: u32 = 0;
    loop {
        let detail = looked_at.borrow_and_update().clone();
        let looked = watcher.look(detail.as_deref(), Timestamp::now()).await;
        let now = Timestamp::now();
        inbox.source(id.clone(), Source::Queues(Arc::new(watcher.seen().clone())));
        let wait = match looked {
            Ok(()) => {
                failures = 0;
                last_good = Some(now);
                inbox.reach(id.clone(), Freshness::Fresh);
                None
            }
            Err(fault) => {
                failures = failures.saturating_add(1);
                let wait = back_off(failures);
                inbox.reach(id.clone(), unreachable(&fault, last_good, now, wait));
                Some(wait)
            }
        };
        let (slow, fast) = wait.map_or((SLOW, FAST), |w| (w, w));
        let another = async {
            if looked_at.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = context.rest(slow, fast) => {}
            () = another => {}
        }
    }
}

/// Looks at one set, and keeps what rates and the history need.
pub struct Watcher {
    source: QueueSource,
    place: Spot,
    mask: bool,
    seen: Queues,
    memory: HashMap<Str, Memory>,
    found: Vec<String>,
    searched: Option<Timestamp>,
}

enum Spot {
    Redis(Box<Client>),
    Prometheus(Arc<dyn Prom>),
    Nowhere(String),
}

impl Watcher {
    pub fn new(source: QueueSource, place: Place, mask: bool) -> Self {
        let place = match (source.problem(), place) {
            (Some(why), _) => Spot::Nowhere(format!("[[platform.queues]] {}: {why}", source.name)),
            (None, Place::Redis(way)) => Spot::Redis(Box::new(Client::new(way))),
            (None, Place::Prometheus(prom)) => Spot::Prometheus(prom),
            (None, Place::Nowhere(why)) => Spot::Nowhere(why),
        };
        Self {
            source,
            place,
            mask,
            seen: Queues::default(),
            memory: HashMap::new(),
            found: Vec::new(),
            searched: None,
        }
    }

    pub fn seen(&self) -> &Queues {
        &self.seen
    }

    /// Looks at every queue once, and at the failed jobs of `detail`.
    ///
    /// # Errors
    /// Nothing could be read; what was seen before stays, and each queue says why it is old.
    pub async fn look(&mut self, detail: Option<&str>, now: Timestamp) -> Result<(), Fault> {
        let looked = match &mut self.place {
            Spot::Nowhere(why) => Err(Fault::Ours(why.clone())),
            Spot::Prometheus(prom) => {
                let prom = Arc::clone(prom);
                let mut readings = Vec::new();
                for entry in self.source.queues.clone() {
                    let reading = prom::reading(&*prom, &entry, now).await;
                    readings.push((entry, Ok(reading)));
                }
                Ok((readings, None))
            }
            Spot::Redis(_) => self.look_at_redis(now).await,
        };
        let user = match &self.place {
            Spot::Redis(client) => client.way().user().map(str::to_owned),
            _ => None,
        };
        let (readings, workers) = match looked {
            Ok(looked) => looked,
            Err(fault) => {
                let problem = fault.problem(user.as_deref());
                for queue in &mut self.seen.queues {
                    queue.counts.failed(problem.clone());
                    queue.rates = None;
                }
                return Err(fault);
            }
        };
        let mut fault = None;
        let mut good = readings.is_empty();
        let mut before: BTreeMap<Str, Queue> = std::mem::take(&mut self.seen.queues)
            .into_iter()
            .map(|q| (Arc::clone(&q.name), q))
            .collect();
        for (entry, reading) in readings {
            let name: Str = clean(&entry.name).as_ref().into();
            let mut queue = before.remove(&name).unwrap_or_default();
            queue.name = Arc::clone(&name);
            queue.keys = keys(&self.source, &entry);
            queue.workload = entry
                .workload
                .or_else(|| self.source.workload.clone())
                .map(|w| w.as_str().into());
            match reading {
                Ok(reading) => {
                    good = true;
                    self.take(&mut queue, reading, workers.as_ref(), now);
                }
                Err(why) => {
                    queue.counts.failed(why.problem(user.as_deref()));
                    queue.rates = None;
                    fault = Some(why);
                }
            }
            self.seen.queues.push(queue);
        }
        self.seen.queues.sort_by(|a, b| a.name.cmp(&b.name));
        let seen = &self.seen.queues;
        self.memory.retain(|name, _| seen.iter().any(|q| q.name == *name));
        self.look_at_failed(detail, now).await;
        match fault {
            Some(fault) if !good => Err(fault),
            _ => Ok(()),
        }
    }

    fn take(&mut self, queue: &mut Queue, reading: Reading, workers: Option<&Workers>, now: Timestamp) {
        let memory = self.memory.entry(Arc::clone(&queue.name)).or_default();
        if let Some(mut counts) = reading.counts.clone() {
            queue.system = reading.system.clone();
            queue.rates = memory.rates(&reading, &counts, now);
            queue.missing = reading.missing;
            match workers {
                Some(Ok(workers)) => {
                    let mine = workers.get(&*queue.name);
                    counts.workers = Some(mine.map_or(0, |w| w.count));
                    queue.hosts = mine
                        .into_iter()
                        .flat_map(|w| &w.hosts)
                        .map(|h| h.as_str().into())
                        .collect();
                }
                Some(Err(problem)) => queue.missing.push(("workers", problem.clone())),
                None => {}
            }
            queue.counts = crate::model::Seen::read(counts, now);
            queue.history = memory.history();
        } else {
            queue.rates = None;
            queue.counts.failed(
                reading
                    .problem
                    .unwrap_or_else(|| Problem::Failed("it was not answered".into())),
            );
        }
    }

    async fn look_at_redis(&mut self, now: Timestamp) -> Result<Looked, Fault> {
        self.discover(now).await?;
        let source = &self.source;
        let Spot::Redis(client) = &mut self.place else {
            return Ok((Vec::new(), None));
        };
        let entries: Vec<QueueEntry> = if source.queues.is_empty() {
            self.found
                .iter()
                .map(|name| QueueEntry {
                    name: name.clone(),
                    ..QueueEntry::default()
                })
                .collect()
        } else {
            source.queues.clone()
        };
        let inquiries = entries
            .iter()
            .map(|entry| -> Box<dyn Inquiry> {
                match source.kind {
                    QueueKind::Bullmq => Box::new(bullmq::Bull::new(source.prefix(), &entry.name, source.layout, now)),
                    QueueKind::List | QueueKind::Promql => Box::new(plain::Plain::new(entry.clone(), false, now)),
                    QueueKind::Zset => Box::new(plain::Plain::new(entry.clone(), true, now)),
                    QueueKind::Stream => Box::new(plain::StreamGroup::new(entry)),
                    QueueKind::Sidekiq => Box::new(System::new(Preset::Sidekiq, &entry.name)),
                    QueueKind::Rq => Box::new(System::new(Preset::Rq, &entry.name)),
                    QueueKind::Celery => Box::new(System::new(Preset::Celery, &entry.name)),
                }
            })
            .collect();
        let readings = inquiry::conduct(client, inquiries).await;
        let workers = match source.kind {
            QueueKind::Bullmq => Some(bull_workers(client, source.prefix()).await?),
            _ => None,
        };
        Ok((entries.into_iter().zip(readings).collect(), workers))
    }

    /// Looks for queues, where the configuration names none: within a budget, and seldom.
    async fn discover(&mut self, now: Timestamp) -> Result<(), Fault> {
        let due = self.searched.is_none_or(|at| now.duration_since(at) >= DISCOVER);
        if !self.source.queues.is_empty() || !due {
            return Ok(());
        }
        let Spot::Redis(client) = &mut self.place else {
            return Ok(());
        };
        let user = client.way().user().map(str::to_owned);
        let searched = match self.source.kind {
            QueueKind::Sidekiq => members(client, "queues", "").await?,
            QueueKind::Rq => members(client, "rq:queues", "rq:queue:").await?,
            _ => scan(client, self.source.prefix(), self.source.most()).await?,
        };
        self.searched = Some(now);
        match searched {
            Ok((mut names, found)) => {
                names.sort();
                names.dedup();
                names.truncate(self.source.most());
                if self.source.kind == QueueKind::Sidekiq {
                    names.push(presets::SIDEKIQ_REST.to_owned());
                }
                self.found = names;
                self.seen.found = crate::model::Seen::read(found, now);
            }
            Err((command, refused)) => {
                let problem = refused.problem(&command.name(), command.acl(), command.key(), user.as_deref());
                self.seen.found.failed(problem);
            }
        }
        Ok(())
    }

    async fn look_at_failed(&mut self, detail: Option<&str>, now: Timestamp) {
        let bull = self.source.kind == QueueKind::Bullmq;
        let Spot::Redis(client) = &mut self.place else { return };
        for queue in &mut self.seen.queues {
            if !bull || Some(&*queue.name) != detail {
                // What nobody looks at is not kept: it would only grow old.
                queue.failed_jobs = crate::model::Seen::default();
                continue;
            }
            match failed::failed_jobs(client, self.source.prefix(), &queue.name, self.mask).await {
                Ok(Ok(jobs)) => queue.failed_jobs = crate::model::Seen::read(jobs, now),
                Ok(Err(problem)) => queue.failed_jobs.failed(problem),
                Err(fault) => queue.failed_jobs.failed(fault.problem(client.way().user())),
            }
        }
    }
}

/// Where its jobs wait, as one who scales by them writes it.
fn keys(source: &QueueSource, entry: &QueueEntry) -> Arc<[Str]> {
    let name = &entry.name;
    let keys = match source.kind {
        QueueKind::Bullmq => ["wait", "prioritized", "paused"]
            .map(|part| bullmq::key(source.prefix(), name, part))
            .to_vec(),
        QueueKind::Sidekiq => vec![format!("queue:{name}")],
        QueueKind::Rq => vec![format!("rq:queue:{name}")],
        QueueKind::List | QueueKind::Zset | QueueKind::Stream => vec![entry.key().to_owned()],
        QueueKind::Celery | QueueKind::Promql => vec![name.clone()],
    };
    keys.into_iter().map(|k| clean(&k).into()).collect()
}

type Workers = Result<HashMap<String, workers::Workers>, Problem>;
type Looked = (Vec<(QueueEntry, Result<Reading, Fault>)>, Option<Workers>);
type Searched = Result<(Vec<String>, Discovery), (Read, crate::feed::redis::connection::Refused)>;

async fn bull_workers(client: &mut Client, prefix: &str) -> Result<Workers, Fault> {
    let mut all = HashMap::new();
    for at in client.masters().await? {
        let answers = client.read(&at, &[Read::ClientList]).await?;
        match answers.first() {
            Some(Ok(list)) => workers::count(&value::text(list).unwrap_or_default(), prefix, &mut all),
            Some(Err(refused)) => {
                let user = client.way().user();
                return Ok(Err(refused.problem("CLIENT LIST", Read::ClientList.acl(), None, user)));
            }
            None => {}
        }
    }
    Ok(Ok(all))
}

async fn members(client: &mut Client, key: &str, strip: &str) -> Result<Searched, Fault> {
    let at = client.home(key).await?;
    let mut names = Vec::new();
    let mut cursor = 0;
    // 500 members a step: far more queues than anybody has.
    for _ in 0..20 {
        let command = Read::Sscan(key.to_owned(), cursor);
        let answers = client.read(&at, std::slice::from_ref(&command)).await?;
        match answers.into_iter().next() {
            Some(Ok(answer)) => {
                let parts = value::items(&answer);
                cursor = parts.first().and_then(value::count).unwrap_or(0);
                let members = parts.get(1).map(value::items).unwrap_or_default();
                names.extend(
                    members
                        .iter()
                        .filter_map(value::text)
                        .map(|n| n.strip_prefix(strip).map_or_else(|| n.clone(), str::to_owned)),
                );
            }
            Some(Err(refused)) => return Ok(Err((command, refused))),
            None => break,
        }
        if cursor == 0 {
            break;
        }
    }
    let found = Discovery {
        scanned: names.len() as u64,
        cut: cursor != 0,
    };
    Ok(Ok((names, found)))
}

/// Every master's keys of the form `prefix:QUEUE:meta`, as far as the budget goes.
async fn scan(client: &mut Client, prefix: &str, most: usize) -> Result<Searched, Fault> {
    let mut names = Vec::new();
    let mut found = Discovery::default();
    let begin = format!("{prefix}:");
    for at in client.masters().await? {
        let mut cursor = 0;
        let mut left = SCAN_BUDGET;
        loop {
            let command = Read::Scan {
                cursor,
                pattern: format!("{}*:meta", escaped(&begin)),
                count: SCAN_STEP,
                kind: Some("hash"),
            };
            let answers = client.read(&at, std::slice::from_ref(&command)).await?;
            match answers.into_iter().next() {
                Some(Ok(answer)) => {
                    let parts = value::items(&answer);
                    cursor = parts.first().and_then(value::count).unwrap_or(0);
                    let keys = parts.get(1).map(value::items).unwrap_or_default();
                    names.extend(keys.iter().filter_map(value::text).filter_map(|key| {
                        let queue = key.strip_prefix(&begin)?.strip_suffix(":meta")?;
                        // BullMQ forbids a colon in a queue's name: such a key is something else.
                        (!queue.is_empty() && !queue.contains(':')).then(|| queue.to_owned())
                    }));
                }
                Some(Err(refused)) => return Ok(Err((command, refused))),
                None => break,
            }
            found.scanned += u64::from(SCAN_STEP);
            left = left.saturating_sub(u64::from(SCAN_STEP));
            if cursor == 0 {
                break;
            }
            if left == 0 || names.len() >= most * 2 {
                found.cut = true;
                break;
            }
            tokio::time::sleep(SCAN_PAUSE).await;
        }
    }
    Ok(Ok((names, found)))
}

/// A text in which nothing is a pattern.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\' | '^') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
