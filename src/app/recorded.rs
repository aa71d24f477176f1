//! What is on record, as far as it matters to the screen. It is only ever built from records: what this console writes
//! comes back from the journal like another console's.

use std::collections::VecDeque;
use std::sync::Arc;

use super::App;
use super::msg::Effect;
use crate::journal::{News, Record};

/// So many records are kept for the timeline; the files hold the rest.
const KEPT: usize = 4_000;

#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// The newest records of all files, oldest first.
    pub recent: VecDeque<Arc<Record>>,
    /// The files have been read once.
    pub read: bool,
    /// What is not right with them.
    pub doubts: Vec<String>,
}

impl Recorded {
    fn take(&mut self, news: &News) {
        self.read |= news.first;
        for record in &news.records {
            if self.recent.len() == KEPT {
                self.recent.pop_front();
            }
            // Another console's clock may be a little behind ours.
            let at = self.recent.iter().rposition(|r| r.ts <= record.ts).map_or(0, |i| i + 1);
            self.recent.insert(at, record.clone());
        }
        self.doubts.extend(news.doubts.iter().cloned());
    }
}

impl App {
    /// Records came in.
    pub(super) fn recorded(&mut self, news: &News) -> Vec<Effect> {
        self.recorded.take(news);
        self.dirty = true;
        Vec::new()
    }
}
