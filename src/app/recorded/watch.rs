//! What goes on record by itself while an incident is open: the worst signals as they begin and end; and entries of the
//! ledger whose live state is what it was.

use jiff::SignedDuration;

use super::now::Now;
use crate::app::App;
use crate::app::msg::{Connection, Effect};
use crate::journal::Temporary;
use crate::journal::incident::Event;
use crate::journal::temporary::{End, Event as Over};
use crate::signal::{Severity, Signal};

/// More signals of one incident are not put on record: the strip has them.
const MOST_SIGNALS: usize = 30;

/// A change that was sent is on the screen within this time.
const SEEN_WITHIN: SignedDuration = SignedDuration::from_mins(1);

fn name(signal: &Signal) -> String {
    let s = &signal.subject;
    format!("{} {} {}/{}", signal.id, s.kind(), s.namespace(), s.name())
}

impl App {
    /// Looked at with every judgement.
    pub(in crate::app) fn watch_for_record(&mut self) -> Vec<Effect> {
        let connected = matches!(self.connection, Connection::Connected { .. });
        let mut effects = if connected { self.read_temporary() } else { Vec::new() };
        if self.may_record().is_err() || !connected || !self.recorded.read {
            return effects;
        }
        effects.extend(self.signals_for_record());
        effects.extend(self.restored_for_record());
        effects
    }

    fn signals_for_record(&mut self) -> Vec<Effect> {
        let Some(incident) = self.incident() else {
            self.recorded.told.clear();
            return Vec::new();
        };
        let now = self.server_now();
        let mut told = Vec::new();
        let on_record = |key: &String| incident.signals.get(key).is_some_and(|s| s.cleared.is_none());
        let current: Vec<(String, &Signal)> = self.judge.signals().iter().map(|s| (name(s), s)).collect();
        for (key, signal) in &current {
            let known = self.recorded.told.get(key) == Some(&true) || on_record(key);
            let worst = signal.severity == Severity::Critical && signal.snoozed.is_none() && !signal.stale;
            if worst && !known && incident.signals.len() + told.len() < MOST_SIGNALS {
                told.push((key.clone(), true, signal.short(now)));
            }
        }
        // Only what was seen here can be seen to end: what another console saw may be out of our sight.
        for (key, begun) in &self.recorded.told {
            if *begun && !current.iter().any(|(k, _)| k == key) {
                let line = incident
                    .signals
                    .get(key)
                    .map_or_else(|| key.clone(), |s| s.line.clone());
                told.push((key.clone(), false, line));
            }
        }
        let seen_here: Vec<String> = current
            .iter()
            .map(|(k, _)| k)
            .filter(|k| on_record(k))
            .cloned()
            .collect();
        let id = incident.id.clone();
        self.recorded.told.extend(seen_here.into_iter().map(|k| (k, true)));
        told.into_iter()
            .map(|(key, begun, line)| {
                self.recorded.told.insert(key.clone(), begun);
                let event = if begun {
                    Event::Raised { signal: key }
                } else {
                    Event::Cleared { signal: key }
                };
                Effect::Record(Box::new(event.entry(&id, &line)))
            })
            .collect()
    }

    fn restored_for_record(&mut self) -> Vec<Effect> {
        let context = self.place().map(|p| p.context.clone()).unwrap_or_default();
        let now = self.now;
        let over: Vec<Temporary> = self
            .recorded
            .ledger
            .open(now)
            .into_iter()
            .filter(|t| t.target.context == context && now.duration_since(t.since) > SEEN_WITHIN)
            .filter(|t| self.now_of(t) == Now::Is(t.was.clone()))
            .filter(|t| self.recorded.settled.get(&t.key) != Some(&t.since))
            .collect();
        over.into_iter()
            .map(|t| {
                self.recorded.settled.insert(t.key.clone(), t.since);
                let event = Over::Closed {
                    key: t.key.clone(),
                    end: End::Back,
                };
                Effect::Record(Box::new(event.entry(&t, "")))
            })
            .collect()
    }
}
