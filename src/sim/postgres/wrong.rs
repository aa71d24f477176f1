//! What goes wrong in the demonstration's database when it is asked to: leaked connections, rows that nobody froze,
//! statements that are refused or lose their connection.

use std::collections::BTreeSet;

use super::world::{Database, Leak};
use crate::sim::faults::Fault;

impl Database {
    /// The next statement that holds this text goes wrong.
    pub fn fail(&mut self, holds: &str, fault: Fault) {
        self.faults.next(holds, fault);
    }

    /// A table that nobody froze for so many transactions, until it is vacuumed.
    pub fn age(&mut self, table: &'static str, transactions: i64) {
        self.aged.insert(table, transactions);
    }

    /// Transactions since a table was frozen.
    pub(super) fn frozen_age(&self, table: &str) -> i64 {
        self.aged.get(table).copied().unwrap_or(41_000_000)
    }

    /// Transactions since the oldest table of the database was frozen.
    pub fn oldest_age(&self) -> i64 {
        self.aged.values().copied().max().unwrap_or(41_230_118)
    }

    /// From now on an application keeps so many connections more than it uses, until its pods are replaced.
    pub fn leak(&mut self, application: &'static str, connections: u32) {
        let connections = i64::from(connections);
        *self.pools.entry(application).or_default() += connections;
        self.leaks.push(Leak {
            application,
            connections,
            pods: BTreeSet::new(),
        });
    }

    /// The applications that keep connections which they should have given back.
    pub(super) fn leaking(&self) -> Vec<&'static str> {
        self.leaks.iter().map(|l| l.application).collect()
    }

    /// The uids of the pods that an application has now: with the last of those that leaked, the leak is gone.
    pub(super) fn pods_of(&mut self, application: &str, pods: &BTreeSet<String>) {
        let mut still = Vec::new();
        for mut leak in std::mem::take(&mut self.leaks) {
            if leak.application == application && leak.pods.is_empty() {
                leak.pods.clone_from(pods);
            }
            if leak.application == application && leak.pods.is_disjoint(pods) {
                *self.pools.entry(leak.application).or_default() -= leak.connections;
            } else {
                still.push(leak);
            }
        }
        self.leaks = still;
    }
}
