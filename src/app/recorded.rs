//! What is on record, as far as it matters to the screen. It is only ever built from records: what this console writes
//! comes back from the journal like another console's.

mod incident;
pub mod now;
mod watch;

use std::collections::BTreeMap;

use super::msg::{Effect, Notice};
use super::{Access, App};
use crate::journal::incident::Event;
use crate::journal::recent::Recent;
use crate::journal::{Incident, Incidents, Ledger, Levels, News, Timeline};

#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// The files have been read once.
    pub read: bool,
    pub timeline: Timeline,
    pub incidents: Incidents,
    /// Changes that must not stay.
    pub ledger: Ledger,
    /// What was done a moment ago, by any console that writes into the same folder.
    pub recent: Recent,
    /// What is not right with the files.
    pub doubts: Vec<String>,
    /// Who sits here, as the journal names them.
    pub me: String,
    /// What incidents are about, as others know it; empty: the platform's name.
    pub service: String,
    pub levels: Levels,
    /// The incident whose id every record carries.
    tagged: String,
    /// Signals that were seen here, and whether the record has been told that they began (true) or ended.
    told: BTreeMap<String, bool>,
    /// Entries of the ledger that the record has been told are over.
    settled: BTreeMap<String, jiff::Timestamp>,
    /// What was read of targets that nobody watches.
    readings: now::Readings,
}

impl Recorded {
    fn take(&mut self, news: &News) {
        self.read |= news.first;
        for record in &news.records {
            self.timeline.take(record);
            self.incidents.take(record);
            self.ledger.take(record);
            self.recent.take(record);
        }
        self.doubts.extend(news.doubts.iter().cloned());
    }
}

impl App {
    /// The journal can be written, or why it cannot: that is told once, and stands until it can.
    pub(super) fn journal_stands(&mut self, why: Option<String>) {
        if let Some(why) = why.as_ref().filter(|_| self.journal_broken.is_none()) {
            self.toast(Notice::error(format!("nothing of this goes on record: {why}")));
        }
        self.judge.set_journal_trouble(why.clone());
        self.journal_broken = why;
        self.dirty = true;
    }

    /// Records came in.
    pub(super) fn recorded(&mut self, news: &News) -> Vec<Effect> {
        self.recorded.take(news);
        self.dirty = true;
        for doubt in &news.doubts {
            self.toast(Notice::error(format!("the record is not whole: {doubt}")));
        }
        if !news.first {
            for record in &news.records {
                let asked = matches!(Event::of(record), Some(Event::Offered { to }) if to == self.recorded.me);
                if asked {
                    let who = record.actor.person();
                    let [open, take] = ["incident.open", "incident.take"].map(|id| self.keys_for(id));
                    let text = format!(
                        "{who} asks you to command {}: {open}, then {take}",
                        record.entry.incident
                    );
                    self.toast(Notice::info(text));
                }
            }
        }
        let mut effects = self.tag();
        effects.extend(self.unfinished_news(news));
        effects
    }

    /// The incident that is open here: the newest one of this cluster.
    pub fn incident(&self) -> Option<&Incident> {
        let context = self.place().map(|p| p.context.as_str());
        self.recorded.incidents.open_in(context)
    }

    /// Tells the journal which incident is open, if that changed.
    pub(super) fn tag(&mut self) -> Vec<Effect> {
        let id = self.incident().map_or_else(String::new, |i| i.id.clone());
        let tagged = &self.recorded.tagged;
        // One that was opened here a moment ago has not come back from the journal yet.
        let coming = self.journal_broken.is_none() && self.recorded.incidents.get(tagged).is_none();
        if *tagged == id || coming && !tagged.is_empty() {
            return Vec::new();
        }
        self.recorded.tagged.clone_from(&id);
        vec![Effect::Incident(id)]
    }

    /// Whether something may be put on record, and if not, why.
    pub fn may_record(&self) -> Result<(), String> {
        if let Access::ReadOnly { why } = &self.access {
            return Err(format!("read-only session ({why})"));
        }
        match &self.journal_broken {
            Some(why) => Err(format!("the journal cannot be written: {why}")),
            None => Ok(()),
        }
    }
}
