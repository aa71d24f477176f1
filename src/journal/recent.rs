//! What was done to which object a moment ago, by whichever console: a fold over the record. It holds a second hand back
//! while the first one waits for its answer, and keeps two people from doing the same twice in a row.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::record::{Record, RecordKind, Target};
use super::temporary::Took;

/// What is older holds nobody up.
pub const KEPT: SignedDuration = SignedDuration::from_mins(15);
/// A change that was sent has its answer within this time; then nobody knows what became of it, and somebody must look.
pub const ANSWERED_WITHIN: SignedDuration = SignedDuration::from_mins(2);

/// A change that somebody sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deed {
    /// The action's name.
    pub what: String,
    /// The plan's hash: whose own it is knows it.
    pub plan: String,
    pub target: Target,
    pub at: Timestamp,
    /// Its answer has come.
    pub answered: bool,
}

impl Deed {
    /// Whether it was done to this very object. Two people may call one cluster by two names.
    pub fn is_of(&self, target: &Target) -> bool {
        let key = |t: &Target| (t.server.clone(), t.kind.clone(), t.namespace.clone(), t.name.clone());
        key(&self.target) == key(target)
    }

    /// It is on its way: nothing else is sent to that object meanwhile.
    pub fn is_under_way(&self, now: Timestamp) -> bool {
        !self.answered && now.duration_since(self.at) < ANSWERED_WITHIN
    }
}

/// Deeds of the last minutes, with who did each.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    /// By the hash of the intent.
    deeds: HashMap<String, (String, Deed)>,
    /// By host, session and number of the intent, for results that name only that.
    hashes: HashMap<(String, String, u64), String>,
}

impl Recent {
    /// Takes in one record.
    pub fn take(&mut self, record: &Record) {
        let entry = &record.entry;
        let id = |seq: u64| (record.host.clone(), record.session.clone(), seq);
        match entry.kind {
            RecordKind::Intent => {
                let Some(target) = entry.target.clone() else { return };
                let deed = Deed {
                    what: entry.what.clone(),
                    plan: entry.plan_hash.clone(),
                    target,
                    at: record.ts,
                    answered: false,
                };
                self.forget(record.ts);
                self.hashes.insert(id(record.seq), record.hash.clone());
                self.deeds.insert(record.hash.clone(), (record.who().to_owned(), deed));
            }
            RecordKind::Result | RecordKind::Override => {
                let by_number = || entry.refers.and_then(|seq| self.hashes.get(&id(seq)).cloned());
                let Some(hash) = record.answers().map(str::to_owned).or_else(by_number) else {
                    return;
                };
                if Took::of(record) == Some(Took::No) {
                    self.deeds.remove(&hash);
                } else if let Some((_, deed)) = self.deeds.get_mut(&hash) {
                    deed.answered = true;
                }
            }
            _ => {}
        }
    }

    fn forget(&mut self, now: Timestamp) {
        self.deeds.retain(|_, (_, deed)| now.duration_since(deed.at) < KEPT);
        let deeds = &self.deeds;
        self.hashes.retain(|_, hash| deeds.contains_key(hash));
    }

    /// What was done to an object, each with who did it.
    pub fn of<'a>(&'a self, target: &'a Target) -> impl Iterator<Item = (&'a str, &'a Deed)> {
        let all = self.deeds.values().filter(|(_, deed)| deed.is_of(target));
        all.map(|(who, deed)| (who.as_str(), deed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Entry;
    use serde_json::json;

    fn record(seq: u64, second: i64, entry: Entry) -> Record {
        let start: Timestamp = "2026-11-21T14:00:00Z".parse().unwrap();
        let mut line = json!({
            "v": 1, "seq": seq, "ts": start + SignedDuration::from_secs(second), "host": "h", "pid": 1, "session": "s",
            "build": "b", "actor": {"os_user": "m.rossi", "uid": 7}, "mode": "live", "prev_hash": "",
            "hash": format!("hash{seq}"),
        });
        let entry = serde_json::to_value(entry).unwrap();
        line.as_object_mut().unwrap().extend(entry.as_object().unwrap().clone());
        serde_json::from_value(line).unwrap()
    }

    fn target() -> Target {
        Target {
            server: "s:6443".to_owned(),
            kind: "Deployment".to_owned(),
            name: "web".to_owned(),
            ..Target::default()
        }
    }

    fn intent() -> Entry {
        let mut entry = Entry::new(RecordKind::Intent, "restart");
        entry.target = Some(target());
        entry
    }

    fn result(refers: u64, took: Took) -> Entry {
        let mut entry = Entry::new(RecordKind::Result, "restart");
        entry.refers = Some(refers);
        entry.data = json!({ "took": took });
        entry
    }

    #[test]
    fn a_deed_is_under_way_until_its_answer_and_what_was_refused_is_none() {
        let mut recent = Recent::default();
        let sent = record(1, 0, intent());
        recent.take(&sent);
        let now = sent.ts + SignedDuration::from_secs(5);
        let target = target();
        let one = |recent: &Recent| {
            recent
                .of(&target)
                .next()
                .map(|(who, d)| (who.to_owned(), d.is_under_way(now)))
        };
        assert_eq!(one(&recent), Some(("m.rossi".to_owned(), true)));
        let late = sent.ts + ANSWERED_WITHIN;
        assert!(
            !recent.of(&target).next().unwrap().1.is_under_way(late),
            "then nobody knows"
        );
        let elsewhere = Target {
            server: "other:6443".to_owned(),
            ..target.clone()
        };
        assert_eq!(recent.of(&elsewhere).count(), 0);

        let mut refused = recent.clone();
        refused.take(&record(2, 1, result(1, Took::No)));
        assert_eq!(one(&refused), None);
        recent.take(&record(2, 1, result(1, Took::Yes)));
        assert_eq!(one(&recent), Some(("m.rossi".to_owned(), false)));
        // A quarter of an hour later it is forgotten.
        let mut other = intent();
        other.target = Some(Target::default());
        recent.take(&record(3, 900, other));
        assert_eq!(one(&recent), None);
    }
}
