//! The state of one table: which rows, in which order, which one is selected. The selection stays on its object,
//! never on an index, and the order holds while the cursor is moving.

mod marks;

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::filter::{Fault, Filter};
use super::row::Row;
use crate::model::Uid;

pub use marks::Mark;

/// How long the order holds after the cursor moved.
const HOLD: SignedDuration = SignedDuration::from_secs(5);

/// For uids and addresses: the default hasher would take most of the time that fifty thousand rows need.
#[derive(Default)]
struct UidHasher(u64);

type Places<K> = HashMap<K, usize, BuildHasherDefault<UidHasher>>;

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
        // Addresses end in zeros, and so does a product of them.
        self.0 ^ (self.0 >> 32)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Sort {
    /// Column id; empty sorts worst first, then by name.
    pub column: &'static str,
    pub reverse: bool,
}

/// A row, and the number by which it was put into the order: what it counts may have moved on since.
#[derive(Clone, Debug)]
pub struct Placed {
    pub rank: i64,
    pub row: Row,
}

impl Deref for Placed {
    type Target = Row;

    fn deref(&self) -> &Row {
        &self.row
    }
}

/// A row that came, changed or went.
#[derive(Debug)]
pub struct Moved {
    /// [`Row::address`] of the row that it was.
    pub old: Option<usize>,
    pub new: Option<Placed>,
}

#[derive(Clone, Debug, Default)]
pub struct List {
    /// Sorted and filtered.
    pub rows: Vec<Placed>,
    /// Before the filter.
    pub total: usize,
    pub cursor: usize,
    /// First row on screen; kept by the drawing's page size at the last move.
    pub offset: usize,
    pub page: usize,
    pub sort: Sort,
    pub filter: String,
    pub wrong_only: bool,
    /// Marked rows by uid: they survive a re-sort, and are cleared with the context.
    pub marks: BTreeMap<Uid, Mark>,
    /// Why the filter is not in force.
    pub fault: Option<Fault>,
    /// The whole table, sorted: a filter picks from it, and news are put in their places.
    all: Vec<Placed>,
    /// What `all` is sorted by, and of which reading of what is in use.
    placed: Option<(Sort, u64)>,
    /// The filter as it was understood, of what text, for which of the pane's tables.
    compiled: Arc<Filter>,
    compiled_of: Option<(String, usize)>,
    /// The filter that `rows` were picked by.
    picked: Option<(Arc<Filter>, bool)>,
    /// The row from which a range is marked.
    anchor: Option<Uid>,
    /// `rows` stand in another order than `all`.
    held: bool,
    hidden: usize,
    selected: Option<Uid>,
    /// Somebody moved the cursor: the selection is theirs.
    chosen: bool,
    moved_at: Option<Timestamp>,
    /// What a filter took from under the cursor: where it shows again, it is selected again.
    lost: Option<Uid>,
}

impl List {
    /// Whether the table is sorted as wanted, so that it need not be read again.
    pub fn is_placed(&self, usage: u64) -> bool {
        self.placed
            .as_ref()
            .is_some_and(|(s, u)| *s == self.sort && *u == usage)
    }

    /// Takes the whole table, in any order.
    pub fn place(
        &mut self,
        mut rows: Vec<Placed>,
        usage: u64,
        now: Timestamp,
        compare: impl Fn(&Placed, &Placed) -> Ordering,
        keep: impl Fn(&Row) -> bool,
    ) {
        rows.sort_by(compare);
        self.all = rows;
        self.placed = Some((self.sort.clone(), usage));
        self.pick(now, false, keep);
    }

    /// Takes what the filter asks for; where it asks for more than before, only from what is there already.
    pub fn filtered(&mut self, now: Timestamp, keep: impl Fn(&Row) -> bool) {
        if self.narrows() && !self.held {
            let anew = self.asks_anew();
            self.rows.retain(|r| keep(r));
            self.picked = Some((Arc::clone(&self.compiled), self.wrong_only));
            self.settle(anew);
        } else {
            let sure = self.widens() && !self.held;
            self.pick(now, sure, keep);
        }
    }

    /// The filter as it was understood.
    pub fn compiled(&self) -> Arc<Filter> {
        Arc::clone(&self.compiled)
    }

    pub fn is_compiled(&self, view: usize) -> bool {
        self.compiled_of
            .as_ref()
            .is_some_and(|(text, of)| *of == view && *text == self.filter)
    }

    /// Takes the filter as it was understood; one that was not lets everything through, and says so.
    pub fn compile(&mut self, filter: Result<Filter, Fault>, view: usize) {
        self.compiled_of = Some((self.filter.clone(), view));
        match filter {
            Ok(filter) => {
                self.compiled = Arc::new(filter);
                self.fault = None;
            }
            Err(fault) => {
                self.compiled = Arc::default();
                self.fault = Some(fault);
            }
        }
    }

    /// Whether every row that the filter wants was wanted by the one before: words were added, or grew.
    fn narrows(&self) -> bool {
        self.picked.as_ref().is_some_and(|(before, wrong_only)| {
            *wrong_only == self.wrong_only && self.compiled.is_narrower_than(before)
        })
    }

    /// Whether every row that the filter before wanted is wanted still: words were shortened, or taken away.
    fn widens(&self) -> bool {
        self.picked.as_ref().is_some_and(|(before, wrong_only)| {
            *wrong_only == self.wrong_only && before.is_narrower_than(&self.compiled)
        })
    }

    /// Picks the rows from the whole table. With `sure`, those that show are among the wanted and need no look.
    fn pick(&mut self, now: Timestamp, sure: bool, keep: impl Fn(&Row) -> bool) {
        self.total = self.all.len();
        self.held = self.holds(now);
        let anew = self.asks_anew();
        if self.held {
            let mut rows: Vec<Placed> = self.all.iter().filter(|r| keep(r)).cloned().collect();
            let mut place: Places<&Uid> =
                HashMap::with_capacity_and_hasher(self.rows.len(), BuildHasherDefault::default());
            place.extend(self.rows.iter().enumerate().map(|(i, r)| (r.uid(), i)));
            rows.sort_by_cached_key(|r| place.get(r.uid()).copied().unwrap_or(usize::MAX));
            self.rows = rows;
        } else {
            // What shows is most often in the table's order, and is moved over: to count its owners would be to fetch
            // every row from memory.
            let mut shown = std::mem::take(&mut self.rows).into_iter().peekable();
            for row in &self.all {
                match shown.next_if(|s| s.address() == row.address()) {
                    Some(same) if sure || keep(&same) => self.rows.push(same),
                    None if keep(row) => self.rows.push(row.clone()),
                    _ => {}
                }
            }
        }
        self.picked = Some((Arc::clone(&self.compiled), self.wrong_only));
        self.settle(anew);
    }

    /// Whether somebody asks for other rows than those that show.
    fn asks_anew(&self) -> bool {
        self.picked
            .as_ref()
            .is_some_and(|(before, wrong_only)| *wrong_only != self.wrong_only || !Arc::ptr_eq(before, &self.compiled))
    }

    /// Takes in what changed. `compare` leaves no two objects equal.
    pub fn take(
        &mut self,
        moved: &[Moved],
        now: Timestamp,
        compare: impl Fn(&Placed, &Placed) -> Ordering,
        keep: impl Fn(&Row) -> bool,
    ) {
        merge(&mut self.all, moved, false, &compare, |_| true);
        self.total = self.all.len();
        let holds = self.holds(now);
        // Who asks for an age or for what is in use asks all rows again.
        if self.held && !holds || self.compiled.is_volatile() {
            self.pick(now, false, keep);
            return;
        }
        if !merge(&mut self.rows, moved, holds, &compare, keep) {
            self.held = true;
        }
        self.settle(false);
    }

    fn holds(&self, now: Timestamp) -> bool {
        self.moved_at.is_some_and(|t| now.duration_since(t) < HOLD)
    }

    /// Forgets that the cursor moved: a new sort or filter is wanted at once.
    pub fn release(&mut self) {
        self.moved_at = None;
    }

    /// Puts the cursor back on the chosen object; if that is gone, it stays near where it was. Until somebody moves,
    /// the first row, which is the worst one, is selected. With `anew`, other rows were asked for: where the chosen
    /// object is not among them, the first of them is what was looked for.
    fn settle(&mut self, anew: bool) {
        if anew {
            let there = |uid: &Option<Uid>| uid.as_ref().is_some_and(|uid| self.find(uid).is_some());
            if there(&self.lost) {
                self.selected = self.lost.take();
                self.chosen = true;
            } else if self.chosen && !there(&self.selected) {
                self.lost = self.selected.take();
                self.chosen = false;
            }
        }
        let found = self
            .selected
            .as_ref()
            .filter(|_| self.chosen)
            .and_then(|uid| self.find(uid));
        self.cursor = match (self.chosen, found) {
            (false, _) => 0,
            (true, Some(i)) => i,
            (true, None) => self.cursor.min(self.rows.len().saturating_sub(1)),
        };
        self.selected = self.rows.get(self.cursor).map(|r| r.uid().clone());
        self.count_hidden();
        self.scroll();
    }

    /// Where the object stands: most often near to where the cursor is.
    fn find(&self, uid: &Uid) -> Option<usize> {
        let is = |i: &usize| self.rows.get(*i).is_some_and(|r| r.uid() == uid);
        let (down, up) = (
            self.cursor..self.rows.len(),
            (0..self.cursor.min(self.rows.len())).rev(),
        );
        let near = down.clone().take(64).find(is).or_else(|| up.clone().take(64).find(is));
        near.or_else(|| down.skip(64).find(is)).or_else(|| up.skip(64).find(is))
    }

    /// The row that somebody moved to, not one that stands first by itself.
    pub fn chosen(&self) -> Option<&Uid> {
        self.selected.as_ref().filter(|_| self.chosen)
    }

    pub fn selected(&self) -> Option<&Row> {
        self.rows.get(self.cursor).map(|r| &r.row)
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
        self.lost = None;
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

    pub fn clear(&mut self) {
        let (page, sort) = (self.page, std::mem::take(&mut self.sort));
        *self = Self {
            page,
            sort,
            ..Self::default()
        };
    }
}

/// Puts what changed into sorted rows; where the order is held, in place of what it was, or at the end. Returns
/// whether the rows are still sorted, given that they were.
fn merge(
    rows: &mut Vec<Placed>,
    moved: &[Moved],
    hold: bool,
    compare: &impl Fn(&Placed, &Placed) -> Ordering,
    keep: impl Fn(&Row) -> bool,
) -> bool {
    if moved.is_empty() {
        return true;
    }
    let mut sorted = true;
    let mut old: Places<usize> = HashMap::default();
    old.extend(moved.iter().enumerate().filter_map(|(i, m)| Some((m.old?, i))));
    let mut coming: Vec<Option<&Placed>> = moved
        .iter()
        .map(|m| m.new.as_ref().filter(|new| keep(&new.row)))
        .collect();
    rows.retain_mut(|row| {
        let Some(i) = old.get(&row.address()) else { return true };
        let Some(slot) = coming.get_mut(*i) else { return true };
        let Some(new) = *slot else { return false };
        let same_place = compare(row, new).is_eq();
        sorted &= same_place || !hold;
        if same_place || hold {
            *row = new.clone();
            *slot = None;
        }
        same_place || hold
    });
    let mut coming: Vec<Placed> = coming.into_iter().flatten().cloned().collect();
    if coming.is_empty() {
        return sorted;
    }
    coming.sort_by(compare);
    if hold {
        rows.extend(coming);
        return false;
    }
    let rest = std::mem::take(rows);
    rows.reserve_exact(rest.len() + coming.len());
    let places: Vec<usize> = coming
        .iter()
        .map(|new| rest.partition_point(|r| compare(r, new).is_lt()))
        .collect();
    let (mut rest, mut taken) = (rest.into_iter(), 0);
    for (place, new) in places.into_iter().zip(coming) {
        rows.extend(rest.by_ref().take(place - taken));
        taken = place;
        rows.push(new);
    }
    rows.extend(rest);
    sorted
}
