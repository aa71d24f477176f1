//! The state of one table: which rows, in which order, which one is selected. The selection stays on its object,
//! never on an index, and the order holds while the cursor is moving.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use jiff::{SignedDuration, Timestamp};

use super::row::{Health, Row};
use crate::model::{ObjectRef, Uid};

/// How long the order holds after the cursor moved.
const HOLD: SignedDuration = SignedDuration::from_secs(5);

/// For uids, which are random already: the default hasher would take most of the time that fifty thousand rows need.
#[derive(Default)]
struct UidHasher(u64);

impl Hasher for UidHasher {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(part) {
                *to = *from;
            }
            self.0 = (self.0.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Sort {
    /// Column id; empty sorts worst first, then by name.
    pub column: &'static str,
    pub reverse: bool,
}

#[derive(Clone, Debug, Default)]
pub struct List {
    /// Sorted and filtered.
    pub rows: Vec<Row>,
    /// Before the filter.
    pub total: usize,
    pub cursor: usize,
    /// First row on screen; kept by the drawing's page size at the last move.
    pub offset: usize,
    pub page: usize,
    pub sort: Sort,
    pub filter: String,
    pub wrong_only: bool,
    /// Marked objects by uid: they survive a re-sort, and are cleared with the context.
    pub marks: BTreeMap<Uid, ObjectRef>,
    selected: Option<Uid>,
    /// Somebody moved the cursor: the selection is theirs.
    chosen: bool,
    moved_at: Option<Timestamp>,
}

impl List {
    /// Takes the new rows of the table, filtered and not sorted, each with how bad it is; `total` is before the filter.
    pub fn refresh(
        &mut self,
        mut rows: Vec<(Health, Row)>,
        total: usize,
        now: Timestamp,
        compare: impl Fn(&(Health, Row), &(Health, Row)) -> Ordering,
    ) {
        self.total = total;
        rows.sort_by(&compare);
        let mut rows: Vec<Row> = rows.into_iter().map(|(_, row)| row).collect();
        if self.holds(now) {
            let mut place: HashMap<&Uid, usize, BuildHasherDefault<UidHasher>> =
                HashMap::with_capacity_and_hasher(self.rows.len(), BuildHasherDefault::default());
            place.extend(self.rows.iter().enumerate().map(|(i, r)| (r.uid(), i)));
            rows.sort_by_cached_key(|r| place.get(r.uid()).copied().unwrap_or(usize::MAX));
        }
        self.rows = rows;
        self.settle();
    }

    fn holds(&self, now: Timestamp) -> bool {
        self.moved_at.is_some_and(|t| now.duration_since(t) < HOLD)
    }

    /// Forgets that the cursor moved: a new sort or filter is wanted at once.
    pub fn release(&mut self) {
        self.moved_at = None;
    }

    /// Puts the cursor back on the chosen object; if that is gone, it stays near where it was. Until somebody moves,
    /// the first row, which is the worst one, is selected.
    fn settle(&mut self) {
        let found = self
            .selected
            .as_ref()
            .filter(|_| self.chosen)
            .and_then(|uid| self.rows.iter().position(|r| r.uid() == uid));
        self.cursor = match (self.chosen, found) {
            (false, _) => 0,
            (true, Some(i)) => i,
            (true, None) => self.cursor.min(self.rows.len().saturating_sub(1)),
        };
        self.selected = self.rows.get(self.cursor).map(|r| r.uid().clone());
        self.scroll();
    }

    pub fn selected(&self) -> Option<&Row> {
        self.rows.get(self.cursor)
    }

    /// Moves by `by` rows.
    pub fn step(&mut self, by: isize, now: Timestamp) {
        let last = self.rows.len().saturating_sub(1);
        self.go(self.cursor.saturating_add_signed(by).min(last), now);
    }

    pub fn go(&mut self, to: usize, now: Timestamp) {
        self.cursor = to.min(self.rows.len().saturating_sub(1));
        self.selected = self.rows.get(self.cursor).map(|r| r.uid().clone());
        self.moved_at = Some(now);
        self.chosen = true;
        self.scroll();
    }

    /// Selects the object if it is on the list.
    pub fn select(&mut self, uid: &str, now: Timestamp) -> bool {
        match self.rows.iter().position(|r| &**r.uid() == uid) {
            Some(i) => {
                self.go(i, now);
                true
            }
            None => false,
        }
    }

    /// Keeps the cursor on screen; scrolls by as little as possible, since each scroll repaints the pane.
    pub fn scroll(&mut self) {
        let page = self.page.max(1);
        if self.cursor < self.offset {
            self.offset = self.cursor;
        } else if self.cursor >= self.offset + page {
            self.offset = self.cursor + 1 - page;
        }
        self.offset = self
            .offset
            .min(self.rows.len().saturating_sub(page.min(self.rows.len())));
    }

    pub fn toggle_mark(&mut self) {
        let Some(row) = self.selected() else { return };
        let Some(object) = row.object() else { return };
        if self.marks.remove(&object.uid).is_none() {
            self.marks.insert(object.uid.clone(), object);
        }
    }

    /// Marked objects that the filter hides now.
    pub fn hidden_marks(&self) -> usize {
        self.marks
            .keys()
            .filter(|uid| !self.rows.iter().any(|r| r.uid() == *uid))
            .count()
    }

    pub fn clear(&mut self) {
        let (page, sort) = (self.page, std::mem::take(&mut self.sort));
        *self = Self {
            page,
            sort,
            ..Self::default()
        };
    }
}
