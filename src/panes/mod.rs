//! One file per pane: its columns, its rows, what it says in one line. [`PANES`] is the deck, in order.

mod events;
mod pods;
mod rollouts;

pub use pods::pod_health;
pub use rollouts::{short_image, state_health, state_text};

use std::cmp::Ordering;

use crate::app::{App, Health, List, Row, Sort};
use crate::model::Kind;
use crate::theme::Role;

/// Which pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PaneId {
    Pods,
    Rollouts,
    Events,
}

impl PaneId {
    pub const fn index(self) -> usize {
        self as usize
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    Fixed(u16),
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

/// A pane of the deck.
pub struct Pane {
    pub id: PaneId,
    pub title: &'static str,
    /// Its context in the keymap.
    pub context: &'static str,
    /// The kinds that it shows.
    pub kinds: &'static [Kind],
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

pub static PANES: [Pane; 3] = [pods::PANE, rollouts::PANE, events::PANE];

/// The pane of that id.
pub fn pane(id: PaneId) -> &'static Pane {
    // One row an id, in the order of the enum; a test holds it so.
    PANES.get(id.index()).unwrap_or(&PANES[0])
}

/// Rebuilds a pane's list from the world: sorts, filters, keeps the selection.
pub fn refresh(app: &App, pane: &Pane, list: &mut List) {
    let rows = (pane.rows)(app);
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
    let by_name = || {
        let (a, b) = (a.meta(), b.meta());
        a.namespace.cmp(&b.namespace).then_with(|| a.name.cmp(&b.name))
    };
    // Pods come by namespace and name, and the sort keeps that: fifty thousand names are not compared again.
    if sort.column.is_empty() && !sort.reverse && pane.kinds == [Kind::Pod] {
        return rank_a.cmp(rank_b);
    }
    let first = match sort.column {
        "" => rank_a.cmp(rank_b),
        "name" => by_name(),
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
