//! Who waits for whom, as a tree: those who wait for nobody and block others are its roots.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// A session that waits for a lock, or that one waits for. Pid 0 is a prepared transaction.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct LockRow {
    pub pid: i32,
    /// `pg_blocking_pids`: who must let go first, those before it in the queue included. Empty: it waits for nobody.
    pub blocked_by: Vec<i32>,
    pub database: Option<String>,
    pub user: Option<String>,
    pub application: Option<String>,
    pub client: Option<String>,
    pub state: Option<String>,
    pub backend_start: Option<String>,
    pub xact_s: Option<f64>,
    pub query_s: Option<f64>,
    pub state_s: Option<f64>,
    pub query: Option<String>,
    /// What it waits for: `relation`, `transactionid`, `tuple` …
    pub lock_type: Option<String>,
    pub lock_mode: Option<String>,
    pub relation: Option<String>,
    /// How long it has waited for this lock.
    pub wait_s: Option<f64>,
}

/// A line of the tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiter {
    /// 0: a root.
    pub depth: usize,
    /// How many wait below it.
    pub below: usize,
    pub row: LockRow,
}

/// The tree from top to bottom: the root with the most below it first, then the one that blocks for longest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LockTree {
    pub lines: Vec<Waiter>,
}

impl LockTree {
    /// Builds the tree. A session that waits for several stands below the one nearest to a root; rings (a deadlock
    /// that the server has not broken yet) are cut at their lowest pid, which becomes a root.
    pub fn of(rows: Vec<LockRow>) -> Self {
        let mut rows: BTreeMap<i32, LockRow> = rows.into_iter().map(|r| (r.pid, r)).collect();
        let named: BTreeSet<i32> = rows.values().flat_map(|r| r.blocked_by.iter().copied()).collect();
        for pid in named {
            rows.entry(pid).or_insert_with(|| LockRow {
                pid,
                state: Some(if pid == 0 { "prepared transaction" } else { "unknown" }.to_owned()),
                ..LockRow::default()
            });
        }
        let mut depth: BTreeMap<i32, usize> = BTreeMap::new();
        let mut below: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        let mut front: Vec<i32> = rows
            .values()
            .filter(|r| r.blocked_by.is_empty())
            .map(|r| r.pid)
            .collect();
        let mut roots = front.clone();
        loop {
            for pid in &front {
                depth.entry(*pid).or_insert(0);
            }
            while !front.is_empty() {
                let mut next = Vec::new();
                for row in rows.values().filter(|r| !depth.contains_key(&r.pid)) {
                    if let Some(by) = row.blocked_by.iter().find(|by| front.contains(by)) {
                        below.entry(*by).or_default().push(row.pid);
                        next.push((row.pid, depth.get(by).copied().unwrap_or_default() + 1));
                    }
                }
                depth.extend(next.iter().copied());
                front = next.into_iter().map(|(pid, _)| pid).collect();
            }
            // What is left waits in a ring.
            let Some(left) = rows.keys().find(|pid| !depth.contains_key(pid)) else {
                break;
            };
            roots.push(*left);
            front.push(*left);
        }
        let mut tree = Self::default();
        for root in roots {
            tree.add(root, 0, &below, &rows);
        }
        tree.sort();
        tree
    }

    /// Appends a session and those below it; returns how many that were.
    fn add(&mut self, pid: i32, depth: usize, below: &BTreeMap<i32, Vec<i32>>, rows: &BTreeMap<i32, LockRow>) -> usize {
        let Some(row) = rows.get(&pid) else { return 0 };
        let at = self.lines.len();
        self.lines.push(Waiter {
            depth,
            below: 0,
            row: row.clone(),
        });
        let children = below.get(&pid).map_or(&[][..], Vec::as_slice);
        let sum = children
            .iter()
            .map(|child| self.add(*child, depth + 1, below, rows))
            .sum::<usize>();
        if let Some(line) = self.lines.get_mut(at) {
            line.below = sum;
        }
        sum + 1
    }

    /// Whole trees, worst first.
    fn sort(&mut self) {
        let mut trees: Vec<Vec<Waiter>> = Vec::new();
        for line in self.lines.drain(..) {
            if line.depth == 0 || trees.is_empty() {
                trees.push(Vec::new());
            }
            if let Some(tree) = trees.last_mut() {
                tree.push(line);
            }
        }
        trees.sort_by(|a, b| {
            let key = |t: &[Waiter]| t.first().map_or((0, 0), |w| (w.below, -w.row.pid));
            key(b).cmp(&key(a))
        });
        self.lines = trees.into_iter().flatten().collect();
    }

    /// Those that wait.
    pub fn waiters(&self) -> impl Iterator<Item = &Waiter> {
        self.lines.iter().filter(|w| !w.row.blocked_by.is_empty())
    }

    /// Those that block others and wait for nobody.
    pub fn roots(&self) -> impl Iterator<Item = &Waiter> {
        self.lines.iter().filter(|w| w.depth == 0)
    }

    /// A root with everything below it.
    pub fn under(&self, root: i32) -> impl Iterator<Item = &Waiter> {
        let at = self
            .lines
            .iter()
            .position(|w| w.depth == 0 && w.row.pid == root)
            .unwrap_or(self.lines.len());
        let mut rest = self.lines.iter().skip(at);
        rest.next().into_iter().chain(rest.take_while(|w| w.depth > 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pid: i32, by: &[i32]) -> LockRow {
        LockRow {
            pid,
            blocked_by: by.to_vec(),
            ..LockRow::default()
        }
    }

    fn drawn(rows: Vec<LockRow>) -> Vec<(i32, usize, usize)> {
        LockTree::of(rows)
            .lines
            .iter()
            .map(|w| (w.row.pid, w.depth, w.below))
            .collect()
    }

    #[test]
    fn the_root_with_the_most_waiters_is_on_top_and_nobody_is_lost() {
        // 30 waits behind 20 in the queue, and for 10 itself.
        let rows = vec![
            row(20, &[10]),
            row(10, &[]),
            row(30, &[10, 20]),
            row(5, &[]),
            row(6, &[5]),
        ];
        assert_eq!(drawn(rows), [(10, 0, 2), (20, 1, 0), (30, 1, 0), (5, 0, 1), (6, 1, 0)]);
    }

    #[test]
    fn rings_and_unseen_blockers_are_shown_too() {
        assert_eq!(
            drawn(vec![row(1, &[2]), row(2, &[1]), row(3, &[2])]),
            [(1, 0, 2), (2, 1, 1), (3, 2, 0)]
        );
        assert_eq!(drawn(vec![row(7, &[0])]), [(0, 0, 1), (7, 1, 0)]);
    }
}
