//! What a filter may ask of the rows of a pane.

use std::collections::BTreeMap;

use super::{Cell, Column, Pane, PaneId};
use crate::app::filter::{Fact, Facts, Measure, amount};
use crate::app::{App, ItemRef, Row};
use crate::model::{Kind, Pod, Str, Usage};

pub(super) struct RowFacts<'a> {
    pub app: &'a App,
    pub pane: &'a Pane,
    pub row: &'a Row,
    /// The same as [`Facts::words`]; empty where the row is not one of many.
    pub words: &'a str,
    /// All columns of the table, in the order of an item's cells.
    pub columns: &'a [Column],
}

/// Column ids, and what can be asked beyond them: that a column does not show now is no reason not to ask for it.
pub(super) fn fields(app: &App, pane: &Pane) -> Vec<&'static str> {
    let mut fields: Vec<&'static str> = super::all_columns(app, pane)
        .iter()
        .map(|c| c.id)
        .filter(|id| !id.is_empty() && !id.starts_with("label:"))
        .collect();
    let view = super::item::view(app, pane).map(|v| v.id);
    let also: &[&str] = match (pane.id, view) {
        (PaneId::Pods, _) => &["namespace", "cpu", "memory"],
        (PaneId::Rollouts | PaneId::Events, _) | (_, Some("jobs" | "cronjobs")) => &["namespace"],
        _ => &[],
    };
    for field in also {
        if !fields.contains(field) {
            fields.push(field);
        }
    }
    fields
}

/// Whether any row that the pane shows now has labels.
pub(super) fn has_labels(app: &App, pane: &Pane) -> bool {
    let of_objects = super::item::view(app, pane).is_some_and(|v| matches!(v.id, "nodes" | "jobs" | "cronjobs"));
    of_objects || pane.views.is_empty() && pane.kinds.iter().any(|k| *k != Kind::Event)
}

impl Facts for RowFacts<'_> {
    fn any_text(&self, test: &mut dyn FnMut(&str) -> bool) -> bool {
        match self.row {
            Row::Pod(_) => self.row.texts().is_some_and(|texts| texts.into_iter().any(test)),
            Row::Workload(w) => {
                let texts = [&*w.meta.name, w.image(), &*w.meta.namespace, w.kind.api()];
                texts.into_iter().any(test)
            }
            Row::Event(e) => {
                let severity = if e.warning { "warning" } else { "normal" };
                let texts = [&*e.reason, &*e.about_name, &*e.message, &*e.about_kind, severity];
                texts.into_iter().any(test)
            }
            Row::Item(i) => test(&i.group) || i.cells.iter().any(|c| test(&c.text)),
        }
    }

    fn words(&self) -> Option<&str> {
        Some(self.words).filter(|words| !words.is_empty())
    }

    fn fact(&self, field: &str, test: &mut dyn FnMut(Fact<'_>) -> bool) -> bool {
        if let Row::Pod(p) = self.row {
            // By the name of its controller, or by the workload above: `deploy/web` is never `deploy/web-canary`.
            let above = || self.app.world.top_owner(p).map(|o| o.slash());
            return test(pod(self.app, p, field)) || field == "owner" && above().is_some_and(|o| test(Fact::Text(&o)));
        }
        let namespace = match self.row {
            Row::Workload(w) => Some(&w.meta.namespace),
            Row::Event(e) => Some(&e.meta.namespace),
            Row::Item(item) => match &item.what {
                ItemRef::Object(object) => Some(&object.namespace),
                _ => None,
            },
            Row::Pod(_) => None,
        };
        if let (Some(namespace), "namespace") = (namespace, field) {
            return test(Fact::Text(namespace));
        }
        let Some((at, column)) = self.columns.iter().enumerate().find(|(_, c)| c.id == field) else {
            return false;
        };
        if let Row::Item(item) = self.row {
            return item.cells.get(at).is_some_and(|cell| told(cell, field, test));
        }
        let cells = (self.pane.cells)(self.app, self.row, &[*column]);
        cells.first().is_some_and(|cell| told(cell, field, test))
    }

    fn label(&self, key: &str) -> Option<&str> {
        label(self.app, self.row, key)
    }
}

/// As a number, where the cell begins with one; else, or if that does not do, as it is written.
fn told(cell: &Cell, field: &str, test: &mut dyn FnMut(Fact<'_>) -> bool) -> bool {
    let number = amount(&cell.text, Measure::of(field));
    number.is_some_and(|n| test(Fact::Number(n))) || test(Fact::Text(cell.text.trim()))
}

fn pod<'a>(app: &App, p: &'a Pod, field: &str) -> Fact<'a> {
    let used = |pick: fn(&Usage) -> u64| {
        let usage = app.world.pod_usage.get(&p.meta.key());
        usage.map_or(Fact::Unknown, |u| Fact::Number(pick(u) as f64))
    };
    match field {
        "name" => Fact::Text(&p.meta.name),
        "namespace" => Fact::Text(&p.meta.namespace),
        "status" => Fact::Text(&p.status),
        "node" => Fact::Text(&p.node),
        "ip" => Fact::Text(&p.ip),
        "image" => Fact::Text(super::pods::image(p)),
        "owner" => Fact::Text(super::pods::owner(p)),
        "qos" => Fact::Text(&p.qos),
        "account" => Fact::Text(&p.service_account),
        "ready" => Fact::Number(f64::from(p.ready)),
        "restarts" => Fact::Number(f64::from(p.restarts)),
        "age" => Fact::Number(app.server_now().duration_since(p.meta.created).as_secs_f64()),
        "cpu" => used(|u| u.cpu_m),
        "memory" => used(|u| u.memory),
        _ => Fact::Unknown,
    }
}

/// A label of the object that a row shows.
pub(super) fn label<'a>(app: &'a App, row: &'a Row, key: &str) -> Option<&'a str> {
    labels(app, row).iter().find(|(k, _)| &**k == key).map(|(_, v)| &**v)
}

fn labels<'a>(app: &'a App, row: &'a Row) -> &'a [(Str, Str)] {
    let meta = match row {
        Row::Pod(p) => Some(&p.meta),
        Row::Workload(w) => Some(&w.meta),
        Row::Event(_) => None,
        Row::Item(item) => match &item.what {
            ItemRef::Object(object) => match object.kind {
                Kind::Node => app.world.nodes.get(&object.key()).map(|n| &n.meta),
                Kind::Job => app.world.jobs.get(&object.key()).map(|j| &j.meta),
                Kind::CronJob => app.world.cron_jobs.get(&object.key()).map(|j| &j.meta),
                _ => None,
            },
            _ => None,
        },
    };
    meta.map_or(&[], |m| &m.labels)
}

/// The keys of labels that the pane's rows have, the most usual first. The first rows speak for the others.
pub(super) fn label_keys(app: &App, pane: &Pane) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for row in app.list(pane.id).rows().iter().take(300) {
        for (key, _) in labels(app, row) {
            *counts.entry(key.to_string()).or_default() += 1;
        }
    }
    let mut keys: Vec<(String, usize)> = counts.into_iter().collect();
    keys.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    keys.into_iter().map(|(key, _)| key).collect()
}
