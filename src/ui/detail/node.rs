//! A node, and what runs on it as far as it is read.

use super::conditions;
use crate::app::App;
use crate::app::doc::Line;
use crate::model::{Node, Pod, Scope};
use crate::panes::pod_health;
use crate::text;
use crate::theme::Role;

/// Pods in trouble that are named; the filter `node:NAME` of the pods lists them all.
const NAMED: usize = 8;

pub(super) fn lines(app: &App, n: &Node) -> Vec<Line> {
    let mut out = vec![
        Line::pair("ready", if n.ready { "yes" } else { "no" }),
        Line::pair("cordoned", if n.cordoned { "yes" } else { "no" }),
        Line::pair("version", &*n.version),
        Line::pair(
            "allocatable",
            format!("{} CPU, {}", text::cpu(n.cpu_m), text::bytes(n.memory)),
        ),
    ];
    out.extend(pods(app, n));
    out.extend(conditions(app, &n.conditions));
    out
}

fn pods(app: &App, n: &Node) -> Vec<Line> {
    let here: Vec<&Pod> = app
        .world
        .pods
        .values()
        .filter(|p| p.node == n.meta.name)
        .map(|p| &**p)
        .collect();
    let mut bad: Vec<&Pod> = here.iter().copied().filter(|p| p.is_bad()).collect();
    bad.sort_by(|a, b| (&a.meta.namespace, &a.meta.name).cmp(&(&b.meta.namespace, &b.meta.name)));
    let of = match app.place().map(|p| &p.scope) {
        Some(scope @ Scope::Namespaces(_)) => format!(" of {}; those of other namespaces are not read", scope.label()),
        _ => String::new(),
    };
    let mut out = vec![Line::pair("pods", format!("{}{of}", here.len()))];
    for (i, p) in bad.iter().take(NAMED).enumerate() {
        let label = if i == 0 { "in trouble" } else { "" };
        let name = format!("{}/{}  ", p.meta.namespace, p.meta.name);
        out.push(Line::pair(label, name).and(&*p.status, pod_health(p).role()));
    }
    if let more @ 1.. = bad.len().saturating_sub(NAMED) {
        out.push(Line::pair_role("", format!("and {more} more"), Role::TextMuted));
    }
    out.push(Line::default());
    out
}
