//! Marked rows of a table: by identity, so that they survive a re-sort, a filter and a refresh.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{List, Rows};
use crate::app::row::{ItemRef, Row};
use crate::model::{ObjectRef, Uid};

/// A marked row: what it stands for, by identity.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    pub name: String,
    pub object: Option<ObjectRef>,
    pub item: Option<ItemRef>,
}

impl Mark {
    /// `None` for a row that is only read.
    pub fn of(row: &Row) -> Option<Self> {
        let item = row.item().map(|i| i.what.clone()).filter(|w| *w != ItemRef::Line);
        let object = row.object();
        if item.is_none() && object.is_none() {
            return None;
        }
        Some(Self {
            name: row.order().1.to_owned(),
            object,
            item,
        })
    }
}

impl List {
    /// Marks the selected row, or unmarks it.
    pub fn toggle_mark(&mut self) {
        let Some(row) = self.rows().get(self.cursor) else {
            return;
        };
        let Some(mark) = Mark::of(row) else { return };
        let uid = Arc::clone(row.uid());
        self.anchor = Some(Arc::clone(&uid));
        if self.marks.remove(&uid).is_none() {
            self.marks.insert(uid, mark);
        }
        self.count_hidden();
    }

    /// Marks the rows from the one that was marked last to the selected one. How many there are.
    pub fn mark_range(&mut self) -> usize {
        let from = self
            .anchor
            .as_ref()
            .and_then(|uid| self.rows().iter().position(|r| r.uid() == uid));
        let (a, b) = (from.unwrap_or(self.cursor), self.cursor);
        self.mark(a.min(b)..a.max(b) + 1)
    }

    /// Marks all rows that show. How many there are.
    pub fn mark_all(&mut self) -> usize {
        self.mark(0..self.shown.len())
    }

    fn mark(&mut self, places: std::ops::Range<usize>) -> usize {
        let before = self.marks.len();
        for row in Rows::new(&self.all, &self.shown).within(places) {
            if let Some(mark) = Mark::of(row) {
                self.marks.insert(Arc::clone(row.uid()), mark);
            }
        }
        self.anchor = self.selected().map(|r| Arc::clone(r.uid()));
        self.count_hidden();
        self.marks.len() - before
    }

    /// Of the rows that show, marks those that are not marked, and unmarks the others.
    pub fn invert_marks(&mut self) {
        for row in Rows::new(&self.all, &self.shown).iter() {
            if self.marks.remove(row.uid()).is_none()
                && let Some(mark) = Mark::of(row)
            {
                self.marks.insert(Arc::clone(row.uid()), mark);
            }
        }
        self.count_hidden();
    }

    pub fn unmark_all(&mut self) {
        self.marks.clear();
        self.anchor = None;
        self.hidden = 0;
    }

    /// Takes the mark from a row that was acted on.
    pub fn unmark(&mut self, fits: impl Fn(&Mark) -> bool) {
        self.marks.retain(|_, mark| !fits(mark));
        self.count_hidden();
    }

    /// Takes away the marks of what is gone; their names.
    pub fn bury(&mut self, is_there: impl Fn(&Uid, &Mark) -> bool) -> Vec<String> {
        let mut gone = Vec::new();
        self.marks.retain(|uid, mark| {
            let there = is_there(uid, mark);
            if !there {
                gone.push(mark.name.clone());
            }
            there
        });
        if !gone.is_empty() {
            self.count_hidden();
        }
        gone
    }

    /// The uids of the whole table.
    pub fn uids(&self) -> impl Iterator<Item = &Uid> {
        self.all.iter().map(|r| r.uid())
    }

    /// Names of marked rows that do not show now.
    pub fn hidden_names(&self) -> Vec<&str> {
        let shown: BTreeSet<&Uid> = self
            .rows()
            .iter()
            .map(|r| r.uid())
            .filter(|uid| self.marks.contains_key(*uid))
            .collect();
        let hidden = self.marks.iter().filter(|(uid, _)| !shown.contains(uid));
        hidden.map(|(_, mark)| mark.name.as_str()).collect()
    }

    pub(super) fn count_hidden(&mut self) {
        self.hidden = if self.marks.is_empty() || self.shown.len() == self.total {
            0
        } else {
            let seen = self.rows().iter().filter(|r| self.marks.contains_key(r.uid()));
            self.marks.len().saturating_sub(seen.count())
        };
    }

    /// Marked objects that the filter hides now.
    pub fn hidden_marks(&self) -> usize {
        self.hidden.min(self.marks.len())
    }
}
