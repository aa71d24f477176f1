//! PostgreSQL: what runs and who waits for whom, what the statements cost, which tables want a vacuum, who is connected.

mod detail;
mod horizon;
mod stored;
mod views;

use super::item::{self, lasted};
use super::{Pane, PaneId, Summary, View};
use crate::app::{App, Health};
use crate::model::SourceKind;
use crate::model::postgres::{Session, Waiter};

pub const PANE: Pane = Pane {
    id: PaneId::Queries,
    title: "Slow queries",
    context: "queries",
    main: true,
    kinds: &[],
    sources: &[SourceKind::Postgres],
    views: VIEWS,
    detail: detail::detail,
    wants: &[],
    metrics: false,
    columns: views::activity_columns,
    rows: views::activity,
    health: item::health,
    compare: item::compare,
    cells: |_, _, _| Vec::new(),
    summary,
    empty: "nothing runs",
};

/// Views that need the lists of tables.
pub const TABLE_VIEWS: [usize; 2] = [2, 3];

const VIEWS: &[View] = &[
    View {
        id: "activity",
        title: "activity",
        columns: views::activity_columns,
        rows: views::activity,
        empty: "nothing runs, nothing waits",
    },
    View {
        id: "statements",
        title: "statements",
        columns: views::statement_columns,
        rows: views::statements,
        empty: "no statement was counted yet",
    },
    View {
        id: "tables",
        title: "tables",
        columns: stored::table_columns,
        rows: stored::tables,
        empty: "no table has dead rows worth naming",
    },
    View {
        id: "indexes",
        title: "indexes",
        columns: stored::index_columns,
        rows: stored::indexes,
        empty: "no index is invalid, doubled or unused",
    },
    View {
        id: "connections",
        title: "connections",
        columns: views::connection_columns,
        rows: views::connections,
        empty: "no connections were counted yet",
    },
    View {
        id: "replication",
        title: "replication",
        columns: views::replication_columns,
        rows: views::replication,
        empty: "no replica, no slot, no pooler",
    },
    View {
        id: "horizon",
        title: "horizon and wraparound",
        columns: horizon::columns,
        rows: horizon::rows,
        empty: "nothing was read yet",
    },
];

/// How bad a running, waiting or idle session is, by the rules' defaults.
pub(super) fn session_health(s: &Session) -> Health {
    let age = s.age_s();
    if s.is_idle_in_transaction() {
        return match age {
            a if a > 600.0 => Health::Critical,
            a if a > 60.0 => Health::Warning,
            _ => Health::Good,
        };
    }
    match (s.is_running(), age) {
        (true, a) if a > 300.0 => Health::Critical,
        (true, a) if a > 30.0 => Health::Warning,
        _ => Health::Good,
    }
}

/// How bad a line of the lock tree is: a root by those below it, a waiter by its waiting.
pub(super) fn waiter_health(w: &Waiter) -> Health {
    let wait = w.row.wait_s.unwrap_or(0.0);
    if wait > 60.0 || (w.depth == 0 && w.below > 10) {
        Health::Critical
    } else if wait > 10.0 || (w.depth == 0 && w.below > 0) {
        Health::Warning
    } else {
        Health::Moving
    }
}

fn summary(app: &App) -> Summary {
    let servers = app.world.sources.postgres.values();
    let mut running = 0;
    let mut known = false;
    let mut wrong: Vec<(Health, String)> = Vec::new();
    for pg in servers {
        if let Some(tree) = pg.locks.fresh() {
            let roots = tree.lines.iter().filter(|w| w.depth == 0 && w.below > 0).count();
            let waiting: Vec<&Waiter> = tree.lines.iter().filter(|w| w.depth > 0).collect();
            let longest = waiting.iter().filter_map(|w| w.row.wait_s).fold(0.0, f64::max);
            if roots > 0 {
                let worst = tree.lines.iter().map(waiter_health).min().unwrap_or(Health::Warning);
                wrong.push((
                    worst,
                    format!(
                        "{roots} blocker{}, {} waiting, longest {}",
                        if roots == 1 { "" } else { "s" },
                        waiting.len(),
                        lasted(longest)
                    ),
                ));
            }
        }
        if let Some(all) = pg.activity.last() {
            known = true;
            running += all.iter().filter(|s| s.is_running()).count();
            for s in all.iter().filter(|s| session_health(s) <= Health::Warning).take(1) {
                let what = if s.is_idle_in_transaction() {
                    "idle in transaction"
                } else {
                    "running"
                };
                wrong.push((session_health(s), format!("{what} {}", lasted(s.age_s()))));
            }
        }
    }
    wrong.sort_by_key(|(h, _)| *h);
    Summary {
        count: if known {
            format!("{running} running")
        } else {
            String::new()
        },
        wrong,
    }
}
