//! One file per pane: its columns, its rows, what it says in one line. [`PANES`] is the deck, in order.

mod alerts;
mod certificates;
mod events;
pub mod item;
mod pods;
mod queries;
mod queues;
mod redis;
mod rollouts;

pub use pods::pod_health;
pub use queries::TABLE_VIEWS;
pub use rollouts::{short_image, state_health, state_text};

use std::cmp::Ordering;

use crate::app::doc::Line;
use crate::app::{App, Health, ItemRef, List, Row, Sort};
use crate::model::{Kind, SourceKind};
use crate::theme::Role;

/// Which pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PaneId {
    Pods,
    Rollouts,
    Queues,
    Queries,
    Redis,
    Certificates,
    Events,
    Alerts,
}

impl PaneId {
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The number in its title, and its key.
    pub const fn number(self) -> u8 {
        self as u8 + 1
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    Fixed(u16),
    /// At least and at most so much: grows before the name does.
    Grow(u16, u16),
    /// Takes what is left, at least so much; the first such column is the name.
    Fill(u16),
}

/// A column of a table. Numbers stand right, and no width depends on the data, so nothing jitters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    pub id: &'static str,
    pub title: &'static str,
    pub width: Width,
    pub right: bool,
    /// Dropped first where it is highest; 0 is never dropped.
    pub priority: u8,
}

impl Column {
    pub const fn new(id: &'static str, title: &'static str, width: Width, priority: u8) -> Self {
        Self {
            id,
            title,
            width,
            right: false,
            priority,
        }
    }

    #[must_use]
    pub const fn right(mut self) -> Self {
        self.right = true;
        self
    }
}

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    pub text: String,
    pub role: Role,
}

impl Cell {
    pub fn new(text: impl Into<String>, role: Role) -> Self {
        Self {
            text: text.into(),
            role,
        }
    }

    pub fn plain(text: impl Into<String>) -> Self {
        Self::new(text, Role::Text)
    }

    pub fn muted(text: impl Into<String>) -> Self {
        Self::new(text, Role::TextMuted)
    }
}

/// The pane in one line: for its title, and where it is folded to a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// `41/44 ready`.
    pub count: String,
    /// What is wrong, worst first: (health, `1 image not pulled`).
    pub wrong: Vec<(Health, String)>,
}

/// One of several tables that a pane can show.
pub struct View {
    pub id: &'static str,
    pub title: &'static str,
    pub columns: fn(&App) -> Vec<Column>,
    pub rows: fn(&App) -> Vec<Row>,
    /// What it says when it is empty.
    pub empty: &'static str,
}

/// A pane of the deck.
pub struct Pane {
    pub id: PaneId,
    pub title: &'static str,
    /// Its context in the keymap.
    pub context: &'static str,
    /// One of those that stand on the deck; else it shows when it is opened, or where there is room.
    pub main: bool,
    /// The kinds that it shows.
    pub kinds: &'static [Kind],
    /// The sources that it shows, beside or instead of Kubernetes.
    pub sources: &'static [SourceKind],
    /// Its tables, where it has more than one; then `columns` and `rows` are theirs.
    pub views: &'static [View],
    /// What an opened row of a source says: title and lines.
    pub detail: fn(&App, &ItemRef) -> Option<(String, Vec<Line>)>,
    /// Kinds that it wants while it is on screen, beyond what the signals need.
    pub wants: &'static [Kind],
    pub metrics: bool,
    pub columns: fn(&App) -> Vec<Column>,
    pub rows: fn(&App) -> Vec<Row>,
    pub health: fn(&App, &Row) -> Health,
    /// By a column; `Equal` where the column does not order.
    pub compare: fn(&App, &str, &Row, &Row) -> Ordering,
    pub cells: fn(&App, &Row, &[Column]) -> Vec<Cell>,
    pub matches: fn(&Row, &str) -> bool,
    pub summary: fn(&App) -> Summary,
    /// What an empty table says.
    pub empty: &'static str,
}

pub static PANES: [Pane; 8] = [
    pods::PANE,
    rollouts::PANE,
    queues::PANE,
    queries::PANE,
    redis::PANE,
    certificates::PANE,
    events::PANE,
    alerts::PANE,
];

impl Pane {
    /// Whether it has something to show on this platform: else it is not on the deck unless it is opened.
    pub fn is_configured(&self, app: &App) -> bool {
        self.sources.is_empty() || app.sources.iter().any(|id| self.sources.contains(&id.kind))
    }
}

/// The panes on the deck, in order: the main ones that have something to show, the open one, and the events where
/// there is room for one more.
pub fn on_deck(app: &App) -> Vec<PaneId> {
    let main = PANES.iter().filter(|p| p.main && p.is_configured(app)).count();
    let spare = main <= 2 || (main % 2 == 1 && app.shows_all_panes());
    let open = app.pane;
    let open_is_extra = !pane(open).main || !pane(open).is_configured(app);
    PANES
        .iter()
        .filter(|p| match p.id {
            id if id == open => true,
            PaneId::Events => spare && !open_is_extra,
            _ => p.main && p.is_configured(app),
        })
        .map(|p| p.id)
        .collect()
}

/// The columns of what the pane shows now.
pub fn columns_of(app: &App, pane: &Pane) -> Vec<Column> {
    item::view(app, pane).map_or_else(|| (pane.columns)(app), |v| (v.columns)(app))
}

/// The cells of the columns that fit.
pub fn cells_of(app: &App, pane: &Pane, row: &Row, columns: &[Column]) -> Vec<Cell> {
    match row {
        Row::Item(_) => item::cells(&columns_of(app, pane), row, columns),
        _ => (pane.cells)(app, row, columns),
    }
}

/// What stands in place of rows.
pub fn empty_words(app: &App, pane: &Pane) -> &'static str {
    if !pane.is_configured(app) {
        return item::unconfigured(pane).unwrap_or(pane.empty);
    }
    item::view(app, pane).map_or(pane.empty, |v| v.empty)
}

/// The pane of that id.
pub fn pane(id: PaneId) -> &'static Pane {
    // One row an id, in the order of the enum; a test holds it so.
    PANES.get(id.index()).unwrap_or(&PANES[0])
}

/// Rebuilds a pane's list from the world: sorts, filters, keeps the selection.
pub fn refresh(app: &App, pane: &Pane, list: &mut List) {
    let rows = item::view(app, pane).map_or_else(|| (pane.rows)(app), |v| (v.rows)(app));
    let sort = list.sort.clone();
    let terms: Vec<(bool, String)> = list
        .filter
        .split_whitespace()
        .map(|t| {
            t.strip_prefix('!')
                .map_or_else(|| (true, t.to_lowercase()), |t| (false, t.to_lowercase()))
        })
        .filter(|(_, t)| !t.is_empty())
        .collect();
    let wrong_only = list.wrong_only;
    let total = rows.len();
    // Health is asked once a row, not once a comparison: it may walk pods.
    let kept = rows
        .into_iter()
        .filter(|r| terms.iter().all(|(want, term)| (pane.matches)(r, term) == *want))
        .map(|r| ((pane.health)(app, &r), r))
        .filter(|(health, _)| !wrong_only || *health <= Health::Moving)
        .collect();
    list.refresh(kept, total, app.now, |a, b| order(app, pane, &sort, a, b));
}

fn order(app: &App, pane: &Pane, sort: &Sort, (rank_a, a): &(Health, Row), (rank_b, b): &(Health, Row)) -> Ordering {
    let by_name = || a.order().cmp(&b.order());
    // Pods come by namespace and name, and the sort keeps that: fifty thousand names are not compared again.
    if sort.column.is_empty() && !sort.reverse && pane.kinds == [Kind::Pod] {
        return rank_a.cmp(rank_b);
    }
    let first = match sort.column {
        "" => rank_a.cmp(rank_b).then_with(|| match (a, b) {
            (Row::Item(a), Row::Item(b)) => b.rank.total_cmp(&a.rank),
            _ => Ordering::Equal,
        }),
        "name" if a.item().is_none() => by_name(),
        column => (pane.compare)(app, column, a, b),
    };
    let first = if sort.reverse { first.reverse() } else { first };
    first.then_with(by_name)
}

/// Case-insensitive search for `term` (already lower case) in `text`.
pub(crate) fn contains(text: &str, term: &str) -> bool {
    let (text, term) = (text.as_bytes(), term.as_bytes());
    let Some(first) = term.first() else { return true };
    memchr::memchr2_iter(*first, first.to_ascii_uppercase(), text).any(|at| {
        text.get(at..at + term.len())
            .is_some_and(|part| part.eq_ignore_ascii_case(term))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pane_stands_at_its_own_place() {
        for (i, p) in PANES.iter().enumerate() {
            assert_eq!(p.id.index(), i, "{}", p.title);
        }
    }
}
