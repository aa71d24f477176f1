//! The rows that show: places in the whole table, so that to filter is to pick numbers. Fifty thousand rows that come or
//! go with a key would be counted one by one, each in its own corner of the memory.

use std::cmp::Ordering;

use super::{Moved, Placed};

/// A place in the whole table.
pub(super) type At = u32;

/// A row that is gone.
const GONE: At = At::MAX;

/// The rows that show, in their order.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    all: &'a [Placed],
    shown: &'a [At],
}

impl<'a> Rows<'a> {
    pub(super) const fn new(all: &'a [Placed], shown: &'a [At]) -> Self {
        Self { all, shown }
    }

    pub const fn len(self) -> usize {
        self.shown.len()
    }

    pub const fn is_empty(self) -> bool {
        self.shown.is_empty()
    }

    pub fn get(self, line: usize) -> Option<&'a Placed> {
        self.all.get(*self.shown.get(line)? as usize)
    }

    /// Those of a page, or from a line on.
    pub fn within(self, lines: impl std::slice::SliceIndex<[At], Output = [At]>) -> impl Iterator<Item = &'a Placed> {
        let shown = self.shown.get(lines).unwrap_or(&[]);
        shown.iter().filter_map(move |at| self.all.get(*at as usize))
    }

    pub fn iter(self) -> impl Iterator<Item = &'a Placed> {
        self.within(..)
    }
}

/// What news did to the whole table.
#[derive(Default)]
pub(super) struct News {
    /// Where each row stands now; nothing where each stands where it stood.
    to: Option<Vec<At>>,
    /// Where what came or changed stands now, in the table's order.
    pub fresh: Vec<At>,
    /// Bytes of texts that no row has any more.
    pub dropped: usize,
}

impl News {
    /// Where the row stands now that stood there.
    pub fn place(&self, was: At) -> Option<At> {
        match &self.to {
            None => Some(was),
            Some(to) => to.get(was as usize).copied().filter(|at| *at != GONE),
        }
    }

    pub const fn moved(&self) -> bool {
        self.to.is_some()
    }
}

/// Puts what changed into the sorted table. `compare` leaves no two objects equal.
pub(super) fn merge(all: &mut Vec<Placed>, moved: Vec<Moved>, compare: &impl Fn(&Placed, &Placed) -> Ordering) -> News {
    let mut news = News::default();
    // What leaves its place, and what comes to one: with the place that it leaves, for who stood there follows it.
    let mut gone: Vec<At> = Vec::new();
    let mut coming: Vec<(Placed, Option<At>)> = Vec::new();
    for change in moved {
        let was = change.old.as_ref().and_then(|old| find(all, old, compare));
        let stands = was.and_then(|at| all.get_mut(at as usize)).zip(was);
        news.dropped += stands.as_ref().map_or(0, |(row, _)| row.texts.len());
        match (stands, change.new) {
            (Some((row, at)), Some(new)) if compare(row, &new).is_eq() => {
                *row = new;
                news.fresh.push(at);
            }
            (Some((_, at)), new) => {
                gone.push(at);
                coming.extend(new.map(|new| (new, Some(at))));
            }
            (None, new) => coming.extend(new.map(|new| (new, None))),
        }
    }
    if gone.is_empty() && coming.is_empty() {
        news.fresh.sort_unstable();
        return news;
    }
    coming.sort_by(|a, b| compare(&a.0, &b.0));
    gone.sort_unstable();
    let places: Vec<usize> = coming
        .iter()
        .map(|(new, _)| all.partition_point(|row| compare(row, new).is_lt()))
        .collect();
    let (mut gone, mut coming) = (gone.into_iter().peekable(), places.into_iter().zip(coming).peekable());
    let mut to: Vec<At> = Vec::with_capacity(all.len());
    let mut came: Vec<(Option<At>, At)> = Vec::with_capacity(coming.len());
    let rows = std::mem::take(all);
    all.reserve_exact(rows.len() + coming.len());
    // Behind the last row there is one more place to come to.
    for (was, row) in rows.into_iter().map(Some).chain([None]).enumerate() {
        while let Some((_, (new, left))) = coming.next_if(|(place, _)| *place <= was) {
            came.push((left, all.len() as At));
            all.push(new);
        }
        let Some(row) = row else { break };
        if gone.next_if(|at| *at as usize == was).is_some() {
            to.push(GONE);
        } else {
            to.push(all.len() as At);
            all.push(row);
        }
    }
    for at in &mut news.fresh {
        *at = to.get(*at as usize).copied().unwrap_or(GONE);
    }
    for (left, at) in came {
        news.fresh.push(at);
        if let Some(slot) = left.and_then(|left| to.get_mut(left as usize)) {
            *slot = at;
        }
    }
    news.fresh.sort_unstable();
    news.to = Some(to);
    news
}

/// Where a row stands: by the order, or else wherever it is.
fn find(all: &[Placed], old: &Placed, compare: &impl Fn(&Placed, &Placed) -> Ordering) -> Option<At> {
    let is = |row: &Placed| row.address() == old.address();
    let by_order = all.partition_point(|row| compare(row, old).is_lt());
    if all.get(by_order).is_some_and(is) {
        return Some(by_order as At);
    }
    all.iter().position(is).map(|at| at as At)
}
