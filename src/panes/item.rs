//! Rows of polled sources: what the tables need of them is the same for all panes.

use std::cmp::Ordering;
use std::sync::Arc;

use super::{Cell, Column, Pane, View};
use crate::app::{App, Health, Item, ItemRef, Row};
use crate::model::{Freshness, Problem, Seen, SourceId, SourceKind, Str};
use crate::text;
pub use crate::text::count;
use crate::theme::Role;

/// Makes one row, column by column.
pub struct Build {
    item: Item,
}

impl Build {
    /// `uid` must be the same for the same thing at every reading.
    pub fn new(uid: &str, group: &Str, name: impl Into<Str>, health: Health) -> Self {
        Self {
            item: Item {
                uid: uid.into(),
                group: Arc::clone(group),
                name: name.into(),
                health,
                sign: None,
                rank: 0.0,
                cells: Vec::with_capacity(8),
                numbers: Vec::with_capacity(8),
                what: ItemRef::Line,
            },
        }
    }

    /// Orders rows of one health: the highest first.
    #[must_use]
    pub fn rank(mut self, rank: f64) -> Self {
        self.item.rank = rank;
        self
    }

    /// Stands where `health` would put it, and looks as bad as this.
    #[must_use]
    pub fn sign(mut self, sign: Health) -> Self {
        self.item.sign = Some(sign);
        self
    }

    #[must_use]
    pub fn what(mut self, what: ItemRef) -> Self {
        self.item.what = what;
        self
    }

    #[must_use]
    pub fn cell(mut self, text: impl Into<String>, role: Role) -> Self {
        self.item.cells.push(Cell::new(text, role));
        self.item.numbers.push(None);
        self
    }

    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        self.cell(text, Role::Text)
    }

    #[must_use]
    pub fn muted(self, text: impl Into<String>) -> Self {
        self.cell(text, Role::TextMuted)
    }

    /// A cell that orders by a number; unknown is last.
    #[must_use]
    pub fn number(mut self, value: Option<f64>, text: impl Into<String>, role: Role) -> Self {
        self.item.cells.push(Cell::new(text, role));
        self.item.numbers.push(Some(value.unwrap_or(f64::NEG_INFINITY)));
        self
    }

    pub fn row(self) -> Row {
        Row::Item(Arc::new(self.item))
    }
}

pub(super) fn health(_: &App, row: &Row) -> Health {
    row.item().map_or(Health::Good, |i| i.health)
}

pub(super) fn compare(app: &App, column: &str, a: &Row, b: &Row) -> Ordering {
    let (Some(a), Some(b)) = (a.item(), b.item()) else {
        return Ordering::Equal;
    };
    let columns = super::columns::own_columns(app, app.active_pane());
    let Some(at) = columns.iter().position(|c| c.id == column) else {
        return Ordering::Equal;
    };
    if let (Some(x), Some(y)) = (
        a.numbers.get(at).copied().flatten(),
        b.numbers.get(at).copied().flatten(),
    ) {
        y.total_cmp(&x)
    } else {
        let text = |i: &Item| i.cells.get(at).map(|c| c.text.clone());
        text(a).cmp(&text(b))
    }
}

/// The cells of the columns that fit. All of a view's columns are in the row; `columns` is what the width leaves.
pub(super) fn cells(all: &[Column], row: &Row, columns: &[Column]) -> Vec<Cell> {
    let Some(item) = row.item() else { return Vec::new() };
    columns
        .iter()
        .map(|c| {
            let at = all.iter().position(|a| a.id == c.id);
            at.and_then(|at| item.cells.get(at))
                .cloned()
                .unwrap_or_else(|| Cell::muted(""))
        })
        .collect()
}

/// How well the sources of a kind are reached: the worst of them.
pub fn reach(app: &App, kinds: &[SourceKind]) -> Freshness {
    let reach = &app.world.sources.reach;
    let of_kind = |id: &&SourceId| kinds.contains(&id.kind);
    app.sources
        .iter()
        .filter(of_kind)
        .map(|id| reach.get(id).cloned().unwrap_or(Freshness::Syncing { rows: 0 }))
        .max_by_key(Freshness::rank)
        .unwrap_or(Freshness::Off)
}

/// A view that could not be read, in words for a line of its pane.
pub fn problem_words(problem: &Problem) -> String {
    match problem {
        Problem::Denied { what, grant } => format!("{what}: {grant}"),
        Problem::Absent { what, how } => format!("{what}: {how}"),
        Problem::Locked(what) => format!("held back by a lock: {what}"),
        Problem::TimedOut(what) => format!("no answer in time: {what}"),
        Problem::Failed(what) => what.to_string(),
    }
}

/// A row that says why a view shows nothing, or nothing new.
pub(super) fn trouble<T>(source: &Str, view: &str, seen: &Seen<T>, columns: usize, at: usize) -> Option<Row> {
    let problem = seen.problem.as_ref()?;
    let quiet = matches!(problem, Problem::Absent { .. });
    let (health, role) = if quiet {
        (Health::Quiet, Role::TextMuted)
    } else {
        (Health::Moving, Role::Warn)
    };
    let mut row = Build::new(&format!("{source}/{view}/trouble"), source, "", health).rank(f64::INFINITY);
    for column in 0..columns {
        row = if column == at {
            row.cell(problem_words(problem), role)
        } else {
            row.muted("")
        };
    }
    Some(row.row())
}

/// The age of something that lasted `seconds` by the server's own clock: minutes and seconds, for what is judged by
/// seconds: `4:12`, `0:31`, `3 h`.
pub fn lasted(seconds: f64) -> String {
    let s = seconds.max(0.0) as i64;
    match s {
        0..3600 => format!("{}:{:02}", s / 60, s % 60),
        3600..172_800 => format!("{} h", s / 3600),
        _ => format!("{} d", s / 86_400),
    }
}

/// A rate in at most four characters: `0`, `0.4`, `92`, `8200`, `82k`.
pub fn rate(value: f64) -> String {
    let v = value.abs();
    let sign = if value < -0.05 { "-" } else { "" };
    match v {
        _ if v < 0.05 => "0".to_owned(),
        _ if v < 9.95 => format!("{sign}{v:.1}"),
        _ if v < 9_999.5 => format!("{sign}{v:.0}"),
        _ => format!("{sign}{:.0}k", v / 1000.0),
    }
}

/// History in one line of blocks, as many as there is room for, newest at the right.
pub fn sparkline(values: impl DoubleEndedIterator<Item = f64>, columns: usize) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let mut last: Vec<f64> = values.rev().take(columns).collect();
    last.reverse();
    let most = last.iter().copied().filter(|v| v.is_finite()).fold(0.0_f64, f64::max);
    last.iter()
        .map(|v| match v {
            v if !v.is_finite() => ' ',
            _ if most <= 0.0 => BLOCKS[0],
            v => {
                let step = (v / most * 7.0).round().clamp(0.0, 7.0) as usize;
                BLOCKS.get(step).copied().unwrap_or('█')
            }
        })
        .collect()
}

/// A value as this console saw it in the last minutes, the highest of each; before it looked there is nothing.
pub(super) fn by_minute(app: &App, of: &ItemRef, name: &'static str, minutes: usize) -> String {
    let mut most = vec![f64::NAN; minutes];
    for (at, value) in app.seat.observed.of(of, name) {
        let ago = app.now.duration_since(at).as_secs().max(0) as usize / 60;
        if let Some(slot) = minutes.checked_sub(ago + 1).and_then(|i| most.get_mut(i)) {
            *slot = slot.max(value);
        }
    }
    sparkline(most.into_iter(), minutes)
}

/// The name of a source where several are configured.
pub(super) fn source_column(app: &App, kind: SourceKind, columns: &mut Vec<Column>) -> bool {
    let many = app.sources.iter().filter(|id| id.kind == kind).count() > 1;
    if many {
        columns.insert(0, Column::new("source", "SOURCE", super::Width::Fixed(10), 4));
    }
    many
}

/// What a pane without a source says.
pub fn unconfigured(pane: &Pane) -> Option<&'static str> {
    Some(match pane.sources.first()? {
        SourceKind::Postgres => {
            "no PostgreSQL is configured: add [[platform.postgres]] to the configuration, or run qd init"
        }
        SourceKind::Redis => "no Redis is configured: add [[platform.redis]] to the configuration, or run qd init",
        SourceKind::Queues => "no queues are configured: add [[platform.queues]] to the configuration, or run qd init",
        SourceKind::Prometheus | SourceKind::Http => {
            "no Prometheus and no HTTP check is configured: add [[platform.prometheus]] or [[platform.http]]"
        }
        SourceKind::Certificates => {
            "no certificates are looked at: add [[platform.certificates]] to the configuration, or run qd init"
        }
    })
}

/// The current view of the pane.
pub fn view(app: &App, pane: &Pane) -> Option<&'static View> {
    let at = app.views.get(pane.id.index()).copied().unwrap_or(0);
    pane.views.get(at).or(pane.views.first())
}

/// How long ago, of a time by our clock.
pub fn ago(app: &App, at: jiff::Timestamp) -> String {
    text::age(app.now.duration_since(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_line_up() {
        assert_eq!([0, 999, 4812, 1_234_567].map(count), ["0", "999", "4,812", "1,234,567"]);
        assert_eq!(
            [0.0, 0.44, 92.4, 8_200.0, 82_000.0].map(rate),
            ["0", "0.4", "92", "8200", "82k"]
        );
        assert_eq!([31.0, 252.0, 7_300.0].map(lasted), ["0:31", "4:12", "2 h"]);
        assert_eq!(sparkline([0.0, 1.0, 2.0, 4.0].into_iter(), 3), "▃▅█");
        assert_eq!(sparkline([0.0, 0.0].into_iter(), 8), "▁▁");
    }
}
