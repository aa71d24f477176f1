//! The memory between two looks: what is pending, what is raised, what is clearing, what a person put aside.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::finding::{Finding, Look, Trust};
use super::pods::Pods;
use super::{
    Severity, Signal, SignalKey, Snooze, Thresholds, certificates, feeds, hpa, http, jobs, nodes, pdb, postgres,
    prometheus, queues, quota, redis, rollouts,
};
use crate::model::{Freshness, SourceKind, World};
use crate::text;

/// Judges one [`World`]; another platform's world needs another judge.
#[derive(Debug, Default)]
pub struct Judge {
    thresholds: Thresholds,
    pods: Pods,
    memory: HashMap<SignalKey, Memory>,
    snoozes: BTreeMap<SignalKey, Snooze>,
    journal: Option<String>,
    signals: Vec<Signal>,
    /// The world's version and our minute when [`Judge::signals`] were last put into words.
    told: Option<(u64, i64)>,
}

/// A cause that was found and is not over.
#[derive(Debug)]
struct Memory {
    /// As it was last found.
    finding: Finding,
    since: Timestamp,
    observed: bool,
    raised: bool,
    stale: bool,
    good_since: Option<Timestamp>,
}

/// Whether a source of the family that a rule looks at does not answer: then that nothing is found says nothing.
fn source_is_lost(id: &str, world: &World) -> bool {
    let kind = match id.split('.').next() {
        Some("pg" | "pgbouncer") => SourceKind::Postgres,
        Some("queue") => SourceKind::Queues,
        Some("redis") => SourceKind::Redis,
        _ => return false,
    };
    world.sources.reach.iter().any(|(source, state)| {
        source.kind == kind && matches!(state, Freshness::Stale { .. } | Freshness::Failed { .. })
    })
}

impl Judge {
    pub fn new(thresholds: Thresholds) -> Self {
        Self {
            thresholds,
            ..Self::default()
        }
    }

    /// The numbers by which it judges.
    pub const fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }

    /// Forgets everything that was seen: another cluster, or other namespaces, come next.
    pub fn forget(&mut self) {
        *self = Self {
            thresholds: std::mem::take(&mut self.thresholds),
            journal: self.journal.take(),
            ..Self::default()
        };
    }

    /// Looks at the world at our time `now`. Returns whether [`Judge::signals`] changed.
    pub fn update(&mut self, world: &World, now: Timestamp) -> bool {
        let server_now = world.server_now(now);
        let mut found = Vec::new();
        let thresholds = std::mem::take(&mut self.thresholds);
        let look = Look {
            world,
            now: server_now,
            thresholds: &thresholds,
        };
        self.pods.look(&look, &mut found);
        rollouts::look(&look, &mut found);
        hpa::look(&look, &mut found);
        pdb::look(&look, &mut found);
        nodes::look(&look, &self.pods, &mut found);
        quota::look(&look, &mut found);
        jobs::look(&look, &mut found);
        certificates::look(&look, &mut found);
        prometheus::look(&look, &mut found);
        http::look(&look, &mut found);
        postgres::look(&look, &mut found);
        queues::look(&look, &mut found);
        redis::look(&look, &mut found);
        feeds::look(&look, &mut found);
        found.extend(self.journal.as_deref().map(feeds::journal));
        self.remember(found, &look);
        self.thresholds = thresholds;
        self.publish(world.version, now)
    }

    /// What is wrong: worst first, then oldest; what a person put aside comes last.
    pub fn signals(&self) -> &[Signal] {
        &self.signals
    }

    /// Those that nobody put aside.
    pub fn active(&self) -> impl Iterator<Item = &Signal> {
        self.signals.iter().filter(|s| s.snoozed.is_none())
    }

    /// Tells whether the journal can be written: `Some(why)` when it cannot. Counts at the next update.
    pub fn set_journal_trouble(&mut self, why: Option<String>) {
        self.journal = why;
    }

    /// Puts a signal aside until our time `until`. It comes back before that if it gets worse. Counts at the next
    /// update.
    pub fn snooze(&mut self, key: SignalKey, until: Timestamp, reason: impl Into<String>) {
        let severity = self.memory.get(&key).map_or(Severity::Warning, |m| m.finding.severity);
        let reason = reason.into();
        self.snoozes.insert(
            key,
            Snooze {
                until,
                reason,
                severity,
            },
        );
    }

    /// Takes a snooze back. Counts at the next update.
    pub fn wake(&mut self, key: &SignalKey) {
        self.snoozes.remove(key);
    }

    fn remember(&mut self, found: Vec<Finding>, look: &Look<'_>) {
        let clear_after = look.thresholds.clear_after;
        let mut fresh: HashMap<SignalKey, Finding> = HashMap::with_capacity(found.len());
        let (blind, found): (Vec<Finding>, Vec<Finding>) = found.into_iter().partition(|f| f.blind);
        for finding in found {
            let key = SignalKey {
                id: finding.id,
                subject: finding.subject.clone(),
            };
            fresh.insert(key, finding);
        }
        let absorbed = self.fold(&mut fresh, look);
        self.memory.retain(|key, memory| {
            if absorbed.contains(key) {
                return false;
            }
            if fresh.contains_key(key) {
                return true;
            }
            // Not found. That says something only when what it rests on is known.
            let f = &memory.finding;
            let unseen = (f.source.is_some() && blind.iter().any(|b| b.id == f.id && b.source == f.source))
                || source_is_lost(f.id, look.world);
            let trust = if unseen { Trust::Stale } else { look.trust(f.needs) };
            memory.stale = trust == Trust::Stale;
            if trust != Trust::Full {
                return true;
            }
            let good_since = *memory.good_since.get_or_insert(look.now);
            memory.raised && look.now.duration_since(good_since) < clear_after
        });
        for (key, finding) in fresh {
            let trust = look.trust(finding.needs);
            let since = finding.since.map(|s| s.min(look.now));
            let memory = self.memory.entry(key).or_insert_with(|| Memory {
                since: since.unwrap_or(look.now),
                observed: since.is_none(),
                raised: false,
                stale: false,
                good_since: None,
                finding: finding.clone(),
            });
            if let Some(since) = since {
                memory.since = if memory.observed {
                    since
                } else {
                    memory.since.min(since)
                };
                memory.observed = false;
            }
            memory.stale = trust == Trust::Stale;
            memory.good_since = None;
            memory.finding = finding;
            // With rows of the past, or half of them, time alone proves nothing.
            if trust == Trust::Full && look.now.duration_since(memory.since) >= memory.finding.after {
                memory.raised = true;
            }
        }
    }

    /// One line a cause: takes out of `fresh` what another raised signal about the same subject explains, and gives
    /// that one the higher severity. Returns what was taken out.
    fn fold(&self, fresh: &mut HashMap<SignalKey, Finding>, look: &Look<'_>) -> Vec<SignalKey> {
        let raised = |key: &SignalKey, finding: &Finding| {
            let memory = self.memory.get(key);
            let since = finding.since.into_iter().chain(memory.map(|m| m.since)).min();
            memory.is_some_and(|m| m.raised)
                || (look.trust(finding.needs) == Trust::Full
                    && look.now.duration_since(since.unwrap_or(look.now)) >= finding.after)
        };
        // What is clearing still explains its symptoms: they must not flicker in its last minute.
        let clearing = self
            .memory
            .iter()
            .filter(|(key, m)| m.raised && !fresh.contains_key(*key));
        let mut by_subject: HashMap<_, Vec<(&SignalKey, &Finding)>> = HashMap::new();
        let standing = fresh.iter().filter(|(key, finding)| raised(key, finding));
        for (key, finding) in standing.chain(clearing.map(|(key, m)| (key, &m.finding))) {
            by_subject.entry(&key.subject).or_default().push((key, finding));
        }
        let mut absorbed = Vec::new();
        let mut worse: Vec<(SignalKey, Severity)> = Vec::new();
        for (key, finding) in fresh.iter() {
            let others = by_subject.get(&key.subject).map_or(&[][..], Vec::as_slice);
            let Some((by, _)) = others.iter().find(|(_, other)| other.absorbs(finding)) else {
                continue;
            };
            if raised(key, finding) {
                worse.push(((*by).clone(), finding.severity));
            }
            absorbed.push(key.clone());
        }
        for (key, severity) in worse {
            if let Some(finding) = fresh.get_mut(&key) {
                finding.severity = finding.severity.max(severity);
            }
        }
        for key in &absorbed {
            fresh.remove(key);
        }
        absorbed
    }

    fn publish(&mut self, version: u64, now: Timestamp) -> bool {
        let memory = &self.memory;
        // A snooze ends with its time, with its signal, or when the signal gets worse.
        self.snoozes.retain(|key, snooze| {
            snooze.until > now && memory.get(key).is_some_and(|m| m.finding.severity <= snooze.severity)
        });
        let mut signals: Vec<Signal> = self
            .memory
            .values()
            .filter(|m| m.raised)
            .map(|m| m.signal(&self.snoozes))
            .collect();
        signals.sort_by(|a, b| {
            a.snoozed
                .is_some()
                .cmp(&b.snoozed.is_some())
                .then(b.severity.cmp(&a.severity))
                .then(a.urgency().cmp(&b.urgency()))
                .then(a.since.cmp(&b.since))
                .then_with(|| (a.id, &a.subject).cmp(&(b.id, &b.subject)))
        });
        // Where nothing new was read, only the ages in the words moved on: they are told anew with the clock's minute, all
        // at once, or each would cost a frame at its own second.
        let told = Some((version, now.as_second().div_euclid(60)));
        if told == self.told && signals.len() == self.signals.len() {
            let pairs = signals.iter().zip(&self.signals);
            if pairs.into_iter().all(|(new, old)| new.is_as_bad_as(old)) {
                return false;
            }
        }
        self.told = told;
        let changed = signals != self.signals;
        self.signals = signals;
        changed
    }
}

impl Memory {
    fn signal(&self, snoozes: &BTreeMap<SignalKey, Snooze>) -> Signal {
        let f = &self.finding;
        let clean = |part: &str| text::clean(part).into_owned();
        let mut signal = Signal {
            id: f.id,
            severity: f.severity,
            subject: f.subject.clone(),
            title: super::Title {
                what: clean(&f.title.what),
                state: clean(&f.title.state),
                cause: clean(&f.title.cause),
                about: clean(&f.title.about),
            },
            evidence: f.evidence.clone(),
            since: self.since,
            observed: self.observed,
            runbook: f.runbook,
            related: f.related.clone(),
            count: f.count,
            stale: self.stale,
            good_since: self.good_since,
            snoozed: None,
        };
        for evidence in &mut signal.evidence {
            evidence.value = clean(&evidence.value);
        }
        signal.snoozed = snoozes.get(&signal.key()).cloned();
        signal
    }
}
