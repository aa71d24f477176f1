//! One file per pane: its columns, its rows, what it says in one line. [`PANES`] is the deck, in order.

mod alerts;
mod certificates;
mod columns;
mod events;
mod facts;
pub mod item;
mod nodes;
mod pods;
mod queries;
mod queues;
pub(crate) mod redis;
mod rollouts;

pub use columns::{all_columns, cells_of, columns_chosen, columns_of, is_hidden, label_column};
pub use pods::{Tally, pod_health};
pub use queries::TABLE_VIEWS;
pub use rollouts::{short_image, state_health, state_text};

use std::cmp::Ordering;

use crate::app::doc::Line;
use crate::app::filter::{Fault, Filter, Vocabulary};
use crate::app::{App, Health, ItemRef, List, Moved, Placed, Row, Sort, Span};
use crate::model::{FeedId, Freshness, Kind, PodNews, SourceKind};
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
    Nodes,
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
    /// Shows only when it was chosen.
    pub wide: bool,
}

impl Column {
    pub const fn new(id: &'static str, title: &'static str, width: Width, priority: u8) -> Self {
        Self {
            id,
            title,
            width,
            right: false,
            priority,
            wide: false,
        }
    }

    #[must_use]
    pub const fn wide(mut self) -> Self {
        self.wide = true;
        self
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

/// The title and the lines of an opened row.
pub type Detail = fn(&App, &ItemRef) -> Option<(String, Vec<Line>)>;

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
    pub detail: Detail,
    /// Kinds that it wants while it is on screen, beyond what the signals need.
    pub wants: &'static [Kind],
    pub metrics: bool,
    pub columns: fn(&App) -> Vec<Column>,
    pub rows: fn(&App) -> Vec<Row>,
    pub health: fn(&App, &Row) -> Health,
    /// By a column; `Equal` where the column does not order.
    pub compare: fn(&App, &str, &Row, &Row) -> Ordering,
    pub cells: fn(&App, &Row, &[Column]) -> Vec<Cell>,
    pub summary: fn(&App) -> Summary,
    /// What an empty table says.
    pub empty: &'static str,
}

pub static PANES: [Pane; 9] = [
    pods::PANE,
    rollouts::PANE,
    queues::PANE,
    queries::PANE,
    redis::PANE,
    certificates::PANE,
    events::PANE,
    alerts::PANE,
    nodes::PANE,
];

impl Pane {
    /// Whether it has something to show on this platform: else it is not on the deck unless it is opened.
    pub fn is_configured(&self, app: &App) -> bool {
        self.sources.is_empty() || app.sources.iter().any(|id| self.sources.contains(&id.kind))
    }

    /// How well the row is: what it says of itself goes before what the pane makes of it.
    pub fn sign(&self, app: &App, row: &Row) -> Health {
        let own = row.item().and_then(|i| i.sign);
        own.unwrap_or_else(|| (self.health)(app, row))
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

/// Whether the pods' table has room for what they use, and does not drop those columns: reading it costs the server
/// a list of all pods' metrics.
pub fn shows_usage(app: &App) -> bool {
    let beside = !app.zoomed && app.shows_all_panes() && on_deck(app).len() > 1;
    let width = if beside { app.size.0 / 2 } else { app.size.0 };
    // The frame and the mark before a row take five.
    let hidden = |id| is_hidden(app, pane(PaneId::Pods), id);
    let wanted = !(hidden("cpu") && hidden("memory"));
    wanted && app.size.0 >= 100 && pods::least_width_with_usage(app) + 5 <= width
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

/// Brings a pane's list up to what the world has now. Of pods only what changed is looked at, where that is known.
pub fn renew(app: &App, pane: &Pane, list: &mut List, news: Option<&PodNews>) {
    let Some(news) = news.filter(|_| pane.id == PaneId::Pods && list.is_placed(usage(app, &list.sort))) else {
        read(app, pane, list);
        return;
    };
    let sort = list.sort.clone();
    let moved: Vec<Moved> = news
        .values()
        .map(|(before, after)| Moved {
            old: before.clone().map(|p| placed(app, pane, &sort, Row::Pod(p))),
            new: after.clone().map(|p| placed(app, pane, &sort, Row::Pod(p))),
        })
        .collect();
    compile(app, pane, list);
    let keep = keep(app, pane, list);
    list.take(moved, app.now, |a, b| order(app, pane, &sort, a, b), keep);
}

/// The same after another order, filter or view was asked for.
pub fn refresh(app: &App, pane: &Pane, list: &mut List) {
    if pane.id == PaneId::Pods && list.is_placed(usage(app, &list.sort)) {
        compile(app, pane, list);
        let keep = keep(app, pane, list);
        list.filtered(app.now, keep);
    } else {
        read(app, pane, list);
    }
}

/// Which reading of what is in use the order is of.
fn usage(app: &App, sort: &Sort) -> u64 {
    match sort.column {
        "cpu" | "memory" => app.world.usage_version,
        _ => 0,
    }
}

fn read(app: &App, pane: &Pane, list: &mut List) {
    let rows = item::view(app, pane).map_or_else(|| (pane.rows)(app), |v| (v.rows)(app));
    let sort = list.sort.clone();
    let rows = rows.into_iter().map(|row| placed(app, pane, &sort, row)).collect();
    compile(app, pane, list);
    let keep = keep(app, pane, list);
    // Pods come by namespace and name, and the sort keeps that: fifty thousand names are not compared again.
    let by_rank = pane.id == PaneId::Pods && matches!(sort.column, "" | "age" | "restarts" | "cpu" | "memory");
    let compare = |a: &Placed, b: &Placed| match (by_rank, sort.reverse) {
        (true, false) => a.rank.cmp(&b.rank),
        (true, true) => b.rank.cmp(&a.rank),
        _ => order(app, pane, &sort, a, b),
    };
    list.place(rows, usage(app, &sort), app.now, compare, keep);
}

/// Health, or what the column counts, is asked once a row, not once a comparison: it may walk pods.
fn placed(app: &App, pane: &Pane, sort: &Sort, row: Row) -> Placed {
    let rank = match &row {
        Row::Pod(p) => pods::rank(app, sort.column, p),
        row if sort.column.is_empty() => (pane.health)(app, row) as i64,
        _ => 0,
    };
    Placed {
        rank,
        row,
        texts: Span::default(),
    }
}

/// What the list's filter lets through.
fn keep<'a>(app: &'a App, pane: &'a Pane, list: &List) -> impl Fn(&Row, &str) -> bool + use<'a> {
    let filter = list.compiled();
    let wrong_only = list.wrong_only;
    let columns = columns::own_columns(app, pane);
    let fits = move |row: &Row, words: &str| {
        filter.lets_through(&facts::RowFacts {
            app,
            pane,
            row,
            words,
            columns: &columns,
        })
    };
    let all = list.compiled().is_empty();
    move |row, words| (all || fits(row, words)) && (!wrong_only || (pane.health)(app, row) <= Health::Moving)
}

/// What the pane's filter may ask for now.
pub fn fields(app: &App, pane: &Pane) -> Vec<&'static str> {
    facts::fields(app, pane)
}

/// The keys of labels that its rows have, the most usual first.
pub fn label_keys(app: &App, pane: &Pane) -> Vec<String> {
    facts::label_keys(app, pane)
}

/// Understands a filter for what the pane shows now.
///
/// # Errors
/// What of it is not understood.
pub fn parse_filter(app: &App, pane: &Pane, text: &str) -> Result<Filter, Fault> {
    Filter::parse(
        text,
        Vocabulary {
            fields: &fields(app, pane),
            labels: facts::has_labels(app, pane),
        },
    )
}

/// What was perhaps meant by a filter that lets nothing through.
pub fn filter_advice(app: &App, pane: &Pane, list: &List) -> Option<String> {
    if list.compiled().asks_for_usage() && pane.id == PaneId::Pods {
        match app.world.feed(FeedId::Metrics) {
            Freshness::Fresh | Freshness::Stale { .. } => {}
            Freshness::Off | Freshness::Syncing { .. } => return Some("what pods use is still being read".to_owned()),
            Freshness::Forbidden { why } | Freshness::Absent { why } | Freshness::Failed { why, .. } => {
                return Some(why.to_string());
            }
        }
    }
    list.compiled().advice(Vocabulary {
        fields: &fields(app, pane),
        labels: facts::has_labels(app, pane),
    })
}

/// Understands the list's filter, if that was not done yet for these columns.
fn compile(app: &App, pane: &Pane, list: &mut List) {
    let view = app.views.get(pane.id.index()).copied().unwrap_or(0);
    if !list.is_compiled(view) {
        let filter = parse_filter(app, pane, &list.filter);
        list.compile(filter, view);
    }
}

fn order(app: &App, pane: &Pane, sort: &Sort, a: &Placed, b: &Placed) -> Ordering {
    let by_name = || a.order().cmp(&b.order());
    let by_rank = a.rank.cmp(&b.rank);
    let first = match sort.column {
        "" => by_rank.then_with(|| match (&a.row, &b.row) {
            (Row::Item(a), Row::Item(b)) => b.rank.total_cmp(&a.rank),
            _ => Ordering::Equal,
        }),
        "name" if a.item().is_none() => by_name(),
        column => by_rank.then_with(|| match column.strip_prefix("label:") {
            Some(key) => facts::label(app, a, key).cmp(&facts::label(app, b, key)),
            None => (pane.compare)(app, column, a, b),
        }),
    };
    let first = if sort.reverse { first.reverse() } else { first };
    first.then_with(by_name)
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
