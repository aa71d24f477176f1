//! The state of one table: which rows, in which order, which one is selected. The selection stays on its object,
//! never on an index, and the order holds while the cursor is moving.

mod marks;
mod rows;
mod texts;

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
pub use rows::Rows;
use rows::{At, News, merge};
use texts::Texts;
pub use texts::{BETWEEN, Span};

/// How long the order holds after the cursor moved.
const HOLD: SignedDuration = SignedDuration::from_secs(5);

/// For uids and addresses: the default hasher would take most of the time that fifty thousand rows need.
#[derive(Default)]
struct UidHasher(u64);

type Places<K, V> = HashMap<K, V, BuildHasherDefault<UidHasher>>;

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
    /// Where the list keeps what a filter searches in it.
    pub texts: Span,
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
    /// As it stands in the table.
    pub old: Option<Placed>,
    pub new: Option<Placed>,
}

#[derive(Clone, Debug, Default)]
pub struct List {
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
    /// What a filter searches in it.
    texts: Texts,
    /// The rows that the filter picked, by their places in the table: in its order, but while that is held.
    shown: Vec<At>,
    /// What `all` is sorted by, and of which reading of what is in use.
    placed: Option<(Sort, u64)>,
    /// The filter as it was understood, of what text, for which of the pane's tables.
    compiled: Arc<Filter>,
    compiled_of: Option<(String, usize)>,
    /// The filter that `shown` were picked by.
    picked: Option<(Arc<Filter>, bool)>,
    /// The row from which a range is marked.
    anchor: Option<Uid>,
    /// `shown` stand in another order than `all`.
    held: bool,
    hidden: usize,
    /// Somebody moved the cursor: the selection is theirs.
    chosen: bool,
    /// The row that the cursor is on, by its place in the table.
    selected: Option<At>,
    /// A filter took that from under the cursor: where it shows again, the cursor goes back to it.
    lost: bool,
    moved_at: Option<Timestamp>,
}

impl List {
    /// Whether the table is sorted as wanted, so that it need not be read again.
    pub fn is_placed(&self, usage: u64) -> bool {
        self.placed
            .as_ref()
            .is_some_and(|(s, u)| *s == self.sort && *u == usage)
    }

    /// The rows that show: sorted and filtered.
    pub fn rows(&self) -> Rows<'_> {
        Rows::new(&self.all, &self.shown)
    }

    /// Takes the whole table, in any order.
    pub fn place(
        &mut self,
        mut rows: Vec<Placed>,
        usage: u64,
        now: Timestamp,
        compare: impl Fn(&Placed, &Placed) -> Ordering,
        keep: impl Fn(&Row, &str) -> bool,
    ) {
        rows.sort_by(compare);
        self.read_texts(&mut rows);
        let before = std::mem::replace(&mut self.all, rows);
        let shown = std::mem::take(&mut self.shown);
        if self.holds(now) {
            let mut place: Places<&Uid, At> = HashMap::default();
            place.extend(self.all.iter().enumerate().map(|(i, r)| (r.uid(), i as At)));
            let old = Rows::new(&before, &shown);
            self.shown = old.iter().filter_map(|r| place.get(r.uid()).copied()).collect();
        }
        let selected = self.selected.and_then(|at| before.get(at as usize)).map(|r| r.uid());
        let stands = selected.and_then(|uid| self.all.iter().position(|r| r.uid() == uid));
        self.selected = stands.map(|at| at as At);
        self.placed = Some((self.sort.clone(), usage));
        self.pick(now, false, keep);
    }

    /// Keeps the texts of rows that are there already, and takes in those of the others.
    fn read_texts(&mut self, rows: &mut [Placed]) {
        let mut known: Places<usize, Span> = HashMap::default();
        known.extend(
            self.all
                .iter()
                .filter(|r| !r.texts.is_empty())
                .map(|r| (r.address(), r.texts)),
        );
        let mut used = 0;
        for placed in &mut *rows {
            let Some(texts) = placed.row.texts() else { continue };
            let old = known.get(&placed.row.address()).copied();
            placed.texts = old.unwrap_or_else(|| self.texts.add(texts));
            used += placed.texts.len();
        }
        self.texts.only(used, rows);
    }

    /// Takes what the filter asks for; where it asks for more than before, only from what is there already.
    pub fn filtered(&mut self, now: Timestamp, keep: impl Fn(&Row, &str) -> bool) {
        if self.narrows() && !self.held {
            let anew = self.asks_anew();
            let (all, texts) = (&self.all, &self.texts);
            self.shown
                .retain(|at| all.get(*at as usize).is_some_and(|r| keep(r, texts.of(r.texts))));
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
    fn pick(&mut self, now: Timestamp, sure: bool, keep: impl Fn(&Row, &str) -> bool) {
        self.total = self.all.len();
        self.held = self.holds(now);
        let anew = self.asks_anew();
        let before = std::mem::take(&mut self.shown);
        let mut known = before.iter().filter(|_| sure).peekable();
        let kept =
            self.all.iter().zip(0..).filter(|(row, at)| {
                known.next_if(|known| **known == *at).is_some() || keep(row, self.texts.of(row.texts))
            });
        self.shown = kept.map(|(_, at)| at).collect();
        if self.held {
            let mut lines = vec![At::MAX; self.all.len()];
            for (line, at) in before.iter().enumerate() {
                if let Some(slot) = lines.get_mut(*at as usize) {
                    *slot = line as At;
                }
            }
            self.shown.sort_by_key(|at| lines.get(*at as usize).copied());
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
        mut moved: Vec<Moved>,
        now: Timestamp,
        compare: impl Fn(&Placed, &Placed) -> Ordering,
        keep: impl Fn(&Row, &str) -> bool,
    ) {
        for new in moved.iter_mut().filter_map(|m| m.new.as_mut()) {
            if let Some(texts) = new.row.texts() {
                new.texts = self.texts.add(texts);
            }
        }
        let news = merge(&mut self.all, moved, &compare);
        self.texts.drop(news.dropped);
        self.texts.tidy(&mut self.all);
        self.total = self.all.len();
        self.selected = self.selected.and_then(|at| news.place(at));
        let holds = self.holds(now);
        self.follow(&news, holds, &keep);
        // Who asks for an age or for what is in use asks all rows again.
        if self.held && !holds || self.compiled.is_volatile() {
            self.pick(now, false, keep);
            return;
        }
        self.settle(false);
    }

    /// Lets the rows that show follow the news: in the table's order, or, where the order is held, in place of what each
    /// was, or at the end.
    #[allow(clippy::stable_sort_primitive)] // the stable one sees two sorted runs, and merges them
    fn follow(&mut self, news: &News, holds: bool, keep: impl Fn(&Row, &str) -> bool) {
        let wanted = |at: &At| {
            let row = self.all.get(*at as usize);
            row.is_some_and(|row| keep(row, self.texts.of(row.texts)))
        };
        let mut coming: Vec<At> = news.fresh.iter().copied().filter(wanted).collect();
        let in_order = !self.held && !holds;
        if in_order && !news.moved() {
            // Most often all stand where they stood, and whoever was wanted is wanted still.
            let same = |at: &At| self.shown.binary_search(at).is_ok() == coming.binary_search(at).is_ok();
            if news.fresh.iter().all(same) {
                return;
            }
        }
        self.shown.retain_mut(|at| {
            let Some(to) = news.place(*at) else { return false };
            *at = to;
            if news.fresh.binary_search(&to).is_err() {
                return true;
            }
            let stays = coming.binary_search(&to).ok().filter(|_| !in_order);
            stays.map(|i| coming.remove(i)).is_some()
        });
        self.held |= !in_order && (news.moved() || !coming.is_empty());
        self.shown.append(&mut coming);
        if in_order {
            self.shown.sort();
        }
    }

    pub(crate) fn holds(&self, now: Timestamp) -> bool {
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
        let line = self.selected.and_then(|at| self.line_of(at));
        if anew {
            self.lost = self.chosen && line.is_none();
        }
        self.cursor = match line {
            _ if !self.chosen || self.lost => 0,
            Some(line) => line,
            None => self.cursor.min(self.shown.len().saturating_sub(1)),
        };
        if !self.lost {
            self.select_line();
        }
        self.count_hidden();
        self.scroll();
    }

    /// What stands under the cursor is the selected one; where nothing does, nobody chose it.
    fn select_line(&mut self) {
        self.selected = self.shown.get(self.cursor).copied();
        self.chosen &= self.selected.is_some();
    }

    /// The line on which a row of the table shows.
    fn line_of(&self, at: At) -> Option<usize> {
        if self.held {
            self.shown.iter().position(|shown| *shown == at)
        } else {
            self.shown.binary_search(&at).ok()
        }
    }

    /// The row that somebody moved to, not one that stands first by itself.
    pub fn chosen(&self) -> Option<&Uid> {
        let at = self.selected.filter(|_| self.chosen && !self.lost)?;
        self.all.get(at as usize).map(|r| r.uid())
    }

    pub fn selected(&self) -> Option<&Row> {
        self.rows().get(self.cursor).map(|r| &r.row)
    }

    /// Moves by `by` rows.
    pub fn step(&mut self, by: isize, now: Timestamp) {
        let last = self.shown.len().saturating_sub(1);
        self.go(self.cursor.saturating_add_signed(by).min(last), now);
    }

    pub fn go(&mut self, to: usize, now: Timestamp) {
        self.cursor = to.min(self.shown.len().saturating_sub(1));
        self.moved_at = Some(now);
        (self.chosen, self.lost) = (true, false);
        self.select_line();
        self.scroll();
    }

    /// Selects the object if it is on the list.
    pub fn select(&mut self, uid: &str, now: Timestamp) -> bool {
        let line = self.rows().iter().position(|r| &**r.uid() == uid);
        match line {
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
            .min(self.shown.len().saturating_sub(page.min(self.shown.len())));
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
