//! What is on record, as far as it matters to the screen. It is only ever built from records: what this console writes
//! comes back from the journal like another console's.

use super::App;
use super::msg::Effect;
use crate::journal::{Incidents, Ledger, News, Timeline};

#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// The files have been read once.
    pub read: bool,
    pub timeline: Timeline,
    pub incidents: Incidents,
    /// Changes that must not stay.
    pub ledger: Ledger,
    /// What is not right with the files.
    pub doubts: Vec<String>,
}

impl Recorded {
    fn take(&mut self, news: &News) {
        self.read |= news.first;
        for record in &news.records {
            self.timeline.take(record);
            self.incidents.take(record);
            self.ledger.take(record);
        }
        self.doubts.extend(news.doubts.iter().cloned());
    }
}

impl App {
    /// Records came in.
    pub(super) fn recorded(&mut self, news: &News) -> Vec<Effect> {
        self.recorded.take(news);
        self.dirty = true;
        self.unfinished_news(news)
    }
}
