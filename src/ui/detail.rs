//! One object in full.

mod node;
mod others;

use jiff::Timestamp;

use crate::app::App;
use crate::app::doc::Line;
use crate::app::layers::Detail;
use crate::model::{
    Container, ContainerRole, ContainerState, Event, FeedId, Freshness, IntOrPercent, Kind, ObjectRef, Pod,
    RolloutState, Steward, Strategy, Workload,
};
use crate::panes::{pod_health, state_health, state_text};
use crate::text;
use crate::theme::Role;

fn ago(app: &App, t: Option<Timestamp>) -> String {
    t.map_or_else(String::new, |t| {
        format!("{} ago", text::age(app.server_now().duration_since(t)))
    })
}

/// The detail of an object, from what is watched.
pub fn lines(app: &App, object: &ObjectRef) -> Vec<Line> {
    let mut out = state(app, object);
    out.push(Line::default());
    out.extend(events(app, object));
    out
}

/// The same while only its row is looked at: nobody reads events for that, so they stand there where they are read anyway.
pub fn at_hand(app: &App, object: &ObjectRef) -> Vec<Line> {
    let mut out = state(app, object);
    let feed = app.world.feed(FeedId::Watch(Kind::Event));
    if matches!(feed, Freshness::Fresh | Freshness::Stale { .. }) {
        out.push(Line::default());
        out.extend(events(app, object));
    }
    out
}

/// The same as it was asked for: who asks for the events has them on top.
pub fn opened(app: &App, view: &Detail) -> Vec<Line> {
    if !view.events_first {
        return lines(app, &view.object);
    }
    let mut out = events(app, &view.object);
    out.push(Line::default());
    out.extend(state(app, &view.object));
    out
}

fn state(app: &App, object: &ObjectRef) -> Vec<Line> {
    match object.kind {
        Kind::Pod => match app.world.pod(object) {
            Some(p) => pod(app, p),
            None => gone(object),
        },
        k if Kind::WORKLOADS.contains(&k) => match app.world.workload(object) {
            Some(w) => workload(app, w),
            None => gone(object),
        },
        Kind::Node => app
            .world
            .nodes
            .get(&object.key())
            .map_or_else(|| gone(object), |n| node::lines(app, n)),
        _ => others::lines(app, object).unwrap_or_else(|| {
            let words = format!("{} shows it as YAML", app.keys_for("object.yaml"));
            vec![Line::new(words, Role::KeyLabel)]
        }),
    }
}

fn gone(object: &ObjectRef) -> Vec<Line> {
    vec![Line::new(format!("{object} is gone (or was made anew)"), Role::Warn)]
}

fn owner_line(app: &App, p: &Pod) -> Line {
    match app.world.top_owner(p) {
        Some(o) => Line::pair("owner", o.to_string()).hint(format!("({} goes there)", app.keys_for("object.owner"))),
        None => Line::pair_role("owner", "none: nothing will replace it", Role::Warn),
    }
}

fn pod(app: &App, p: &Pod) -> Vec<Line> {
    let health = pod_health(p);
    let mut out = vec![
        Line::pair_role("status", &*p.status, health.role()),
        Line::pair("ready", format!("{}/{}", p.ready, p.total)),
    ];
    if !p.message.is_empty() {
        out.push(Line::pair("because", &*p.message));
    }
    if let Some((why, since)) = &p.unschedulable {
        out.push(Line::pair_role(
            "no node",
            format!("{why}  {}", ago(app, *since)),
            Role::Warn,
        ));
    }
    out.push(Line::pair(
        "restarts",
        format!(
            "{}  {}",
            p.restarts,
            p.last_restart
                .map_or_else(String::new, |t| format!("last {}", ago(app, Some(t))))
        ),
    ));
    out.push(owner_line(app, p));
    out.push(Line::pair(
        "node",
        if p.node.is_empty() { "not scheduled" } else { &p.node },
    ));
    out.push(Line::pair("ip", &*p.ip));
    out.push(Line::pair(
        "age",
        text::age(app.server_now().duration_since(p.meta.created)),
    ));
    if let Some(u) = app.world.pod_usage.get(&p.meta.key()) {
        out.push(Line::pair(
            "uses",
            format!("{} CPU, {}", text::cpu(u.cpu_m), text::bytes(u.memory)),
        ));
    }
    for b in app.world.budgets_of(p) {
        out.push(Line::pair(
            "budget",
            format!(
                "{} ({}): {} may be disrupted, {} of {} healthy",
                b.meta.name, b.rule, b.allowed, b.healthy, b.desired
            ),
        ));
    }
    out.push(Line::default());
    out.push(Line::heading("Containers"));
    for c in p.containers.iter() {
        container(app, c, &p.message, &mut out);
    }
    out.push(Line::default());
    out.push(Line::heading("Labels"));
    for (k, v) in p.meta.labels.iter() {
        out.push(Line::new(format!("{k}="), Role::TextMuted).and(v.to_string(), Role::Text));
    }
    out
}

fn container(app: &App, c: &Container, said: &str, out: &mut Vec<Line>) {
    let role = match c.role {
        ContainerRole::Init => " (init)",
        ContainerRole::Sidecar => " (sidecar)",
        ContainerRole::Main => "",
    };
    let (state, look) = match &c.state {
        ContainerState::Waiting { reason, .. }
            if &**reason == "ContainerCreating" || &**reason == "PodInitializing" =>
        {
            (reason.to_string(), Role::Info)
        }
        ContainerState::Waiting { reason, .. } => (reason.to_string(), Role::Error),
        ContainerState::Running { since } => (
            format!("running, started {}", ago(app, *since)),
            if c.ready { Role::Ok } else { Role::Warn },
        ),
        ContainerState::Terminated(e) => (
            format!("ended: {} ({})  {}", e.reason, e.exit_code, ago(app, e.finished)),
            if e.exit_code == 0 { Role::TextMuted } else { Role::Error },
        ),
    };
    out.push(Line(vec![
        (format!("{}{role}", c.name), Role::TextStrong),
        (format!("  {}", c.image), Role::TextMuted),
    ]));
    out.push(Line::pair_role(
        "  state",
        format!("{state}{}", if c.ready { "" } else { ", not ready" }),
        look,
    ));
    if let ContainerState::Waiting { message, .. } = &c.state
        && !message.is_empty()
        && **message != *said
    {
        out.push(Line::pair("  says", &**message));
    }
    if let Some(e) = &c.last {
        let signal = if e.signal > 0 {
            format!(", signal {}", e.signal)
        } else {
            String::new()
        };
        let ended = format!("{} (exit {}{signal})  {}", e.reason, e.exit_code, ago(app, e.finished));
        let logs = format!("{} shows what it said", app.keys_for("pod.previous_logs"));
        out.push(Line::pair("  before", ended).hint(logs));
    }
    if c.restarts > 0 {
        out.push(Line::pair("  restarts", c.restarts.to_string()));
    }
}

fn workload(app: &App, w: &Workload) -> Vec<Line> {
    let state = app.rollout_state(w);
    let mut out = vec![Line::pair_role(
        "state",
        state_text(app, &state),
        state_health(&state).role(),
    )];
    if let RolloutState::Stalled { trouble: Some(t), .. } | RolloutState::Degraded { trouble: Some(t), .. } = &state {
        out.push(Line::pair_role(
            "because",
            format!("{} {}  ({} pods)", t.reason, t.about, t.pods),
            Role::Error,
        ));
    }
    out.push(Line::pair(
        "pods",
        format!(
            "{} desired, {} updated, {} ready, {} available",
            w.desired, w.updated, w.ready, w.available
        ),
    ));
    let history = format!("{} shows the history", app.keys_for("rollout.history"));
    out.push(Line::pair("revision", app.world.revision_of(w).to_string()).hint(history));
    if !w.change_cause.is_empty() {
        out.push(Line::pair("change", &*w.change_cause));
    }
    if let Some(h) = app.world.hpa_of(w) {
        let keda = h
            .keda
            .as_ref()
            .map_or_else(String::new, |k| format!(", made by KEDA's {}", k.name));
        out.push(Line::pair(
            "HPA",
            format!("{} holds {}–{}, wants {}{keda}", h.meta.name, h.min, h.max, h.desired),
        ));
        for m in h.metrics.iter() {
            let now = m.current.map_or_else(|| "unknown".to_owned(), |c| format!("{c:.0}"));
            out.push(Line::pair("  metric", format!("{} {now} of {:.0}", m.name, m.target)));
        }
    }
    if let Some(s) = &w.steward {
        out.push(Line::pair("held by", held_by(s)));
    }
    out.push(Line::pair("strategy", strategy(&w.strategy)));
    out.push(Line::pair("selector", w.selector.query()));
    out.push(Line::pair(
        "age",
        text::age(app.server_now().duration_since(w.meta.created)),
    ));
    out.push(Line::default());
    out.push(Line::heading("Images"));
    for c in w.containers.iter() {
        out.push(Line::pair(
            &c.name,
            format!("{}{}", c.image, if c.init { "  (init)" } else { "" }),
        ));
    }
    out.push(Line::default());
    out.push(Line::heading("Pods"));
    let mut pods: Vec<_> = app.world.pods_of(w).collect();
    pods.sort_by_key(|p| (pod_health(p), p.meta.name.clone()));
    for p in pods.iter().take(30) {
        out.push(Line(vec![
            (format!("{}/{}  ", p.ready, p.total), pod_health(p).role()),
            (text::pad(&p.meta.name, 36), Role::Text),
            (format!("  {}", p.status), pod_health(p).role()),
            (
                format!(
                    "  {} restarts, {}",
                    p.restarts,
                    text::age(app.server_now().duration_since(p.meta.created))
                ),
                Role::TextMuted,
            ),
        ]));
    }
    if pods.len() > 30 {
        let list = format!("({} lists them)", app.keys_for("rollout.pods"));
        out.push(Line::new(format!("and {} more", pods.len() - 30), Role::TextMuted).hint(list));
    }
    out.push(Line::default());
    out.extend(conditions(app, &w.conditions));
    out
}

fn held_by(steward: &Steward) -> String {
    match steward {
        Steward::ArgoCd { app } => format!("Argo CD, application {app}"),
        Steward::FluxKustomization { name } => format!("Flux, Kustomization {name}"),
        Steward::FluxHelmRelease { name } => format!("Flux, HelmRelease {name}"),
        Steward::Helm { release } => format!("Helm, release {release}"),
        Steward::Operator { kind, name } => format!("an operator, by {kind} {name}"),
        Steward::KubectlApply => "kubectl apply".to_owned(),
    }
}

fn strategy(strategy: &Strategy) -> String {
    let number = |n: &IntOrPercent| match n {
        IntOrPercent::Int(n) => n.to_string(),
        IntOrPercent::Percent(p) => format!("{p} %"),
    };
    match strategy {
        Strategy::Rolling {
            max_surge,
            max_unavailable,
        } => format!(
            "rolling: {} more, {} fewer meanwhile",
            number(max_surge),
            number(max_unavailable)
        ),
        Strategy::Ordered { partition: 0 } => "one after another, the last first".to_owned(),
        Strategy::Ordered { partition } => format!("one after another, from ordinal {partition} on"),
        Strategy::Recreate => "all at once: old pods end before new ones start".to_owned(),
        Strategy::OnDelete => "on delete: nothing is replaced by itself".to_owned(),
    }
}

fn conditions(app: &App, conditions: &[crate::model::Condition]) -> Vec<Line> {
    if conditions.is_empty() {
        return Vec::new();
    }
    let mut out = vec![Line::heading("Conditions")];
    for c in conditions {
        out.push(Line(vec![
            (text::pad(&format!("{} {}", c.kind, c.status), 22), Role::Text),
            (format!(" {}  {}", c.reason, ago(app, c.since)), Role::TextMuted),
        ]));
        if !c.message.is_empty() {
            out.push(Line::new(format!("  {}", c.message), Role::TextMuted));
        }
    }
    out
}

/// Events about the object, and of a workload also those of its pods and ReplicaSets; newest first.
fn events(app: &App, object: &ObjectRef) -> Vec<Line> {
    let mut uids: Vec<crate::model::Uid> = vec![object.uid.clone()];
    uids.retain(|uid| !uid.is_empty());
    if let Some(w) = app.world.workload(object) {
        uids.extend(app.world.revisions_of(w).map(|r| r.meta.uid.clone()));
        uids.extend(app.world.pods_of(w).map(|p| p.meta.uid.clone()));
    }
    // Where the object or who wrote the event down gave no uid, the name says whose it is.
    let named = |e: &Event| {
        (object.uid.is_empty() || e.about_uid.is_empty())
            && *e.about_kind == *object.kind.api()
            && e.about_name == object.name
            && (e.meta.namespace == object.namespace || object.namespace.is_empty())
    };
    let mut found: Vec<_> = app
        .world
        .events
        .values()
        .filter(|e| uids.contains(&e.about_uid) || named(e))
        .collect();
    found.sort_by_key(|e| std::cmp::Reverse(e.last));
    let mut out = vec![Line::heading("Events")];
    let feed = app.world.feed(crate::model::FeedId::Watch(Kind::Event));
    if found.is_empty() {
        out.push(match super::table::badge(app, feed) {
            Some((text, role)) => Line::new(text, role),
            None => Line::new("none in the last hour", Role::TextMuted),
        });
    }
    for e in found.iter().take(60) {
        let count = if e.count > 1 {
            format!(" ×{}", e.count)
        } else {
            String::new()
        };
        out.push(Line(vec![
            (
                format!("{:>4}  ", text::age(app.server_now().duration_since(e.last))),
                Role::TextMuted,
            ),
            (
                format!("{}  ", text::pad(&e.reason, 16)),
                if e.warning { Role::Warn } else { Role::Text },
            ),
            (format!("{}{count}", e.message), Role::Text),
        ]));
    }
    out
}
