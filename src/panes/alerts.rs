//! What Prometheus and its Alertmanager say: alerts, objectives, services, machines; and HTTP checks.

use super::item::{self, Build, rate, sparkline};
use super::{Column, Pane, PaneId, Summary, View, Width};
use crate::app::doc::Line;
use crate::app::{App, Health, ItemRef, Row};
use crate::model::{Alert, Burn, HttpChecks, Prometheus, Reading, SourceKind, Str};
use crate::text;
use crate::theme::Role;

pub const PANE: Pane = Pane {
    id: PaneId::Alerts,
    title: "Alerts",
    context: "alerts",
    main: false,
    kinds: &[],
    sources: &[SourceKind::Prometheus, SourceKind::Http],
    views: VIEWS,
    detail,
    wants: &[],
    metrics: false,
    columns: alert_columns,
    rows: alerts,
    health: item::health,
    compare: item::compare,
    cells: |_, _, _| Vec::new(),
    summary,
    empty: "nothing fires",
};

const VIEWS: &[View] = &[
    View {
        id: "alerts",
        title: "alerts",
        columns: alert_columns,
        rows: alerts,
        empty: "nothing fires",
    },
    View {
        id: "objectives",
        title: "objectives",
        columns: burn_columns,
        rows: burns,
        empty: "no objective is configured: add [[platform.prometheus.slo]] to the configuration",
    },
    View {
        id: "services",
        title: "services",
        columns: service_columns,
        rows: services,
        empty: "no such series",
    },
    View {
        id: "http",
        title: "HTTP checks",
        columns: http_columns,
        rows: http,
        empty: "no HTTP check is configured: add [[platform.http]] to the configuration",
    },
    View {
        id: "hosts",
        title: "machines",
        columns: host_columns,
        rows: hosts,
        empty: "no such series",
    },
];

fn sources(app: &App) -> impl Iterator<Item = (&Str, &Prometheus)> {
    app.world.sources.prometheus.iter().map(|(n, p)| (n, &**p))
}

fn alert_columns(_: &App) -> Vec<Column> {
    vec![
        Column::new("name", "ALERT", Width::Fill(18), 0),
        Column::new("since", "FOR", Width::Fixed(5), 0).right(),
        Column::new("severity", "SEVERITY", Width::Fixed(8), 1),
        Column::new("state", "STATE", Width::Fixed(9), 2),
        Column::new("summary", "SUMMARY", Width::Grow(20, 80), 0),
    ]
}

/// By its severity label; what is held back is of no concern.
fn alert_health(a: &Alert) -> Health {
    if !a.is_active() {
        return Health::Quiet;
    }
    match &*a.severity {
        "critical" | "page" => Health::Critical,
        "info" | "none" => Health::Good,
        _ => Health::Warning,
    }
}

fn alerts(app: &App) -> Vec<Row> {
    let mut out = Vec::new();
    for (source, p) in sources(app) {
        out.extend(item::trouble(source, "alerts", &p.alerts, 5, 4));
        for a in p.alerts.last().map(Vec::as_slice).unwrap_or_default() {
            let health = alert_health(a);
            let labels: Vec<String> = a.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
            let state = match (a.silenced_by.is_empty(), a.inhibited) {
                (false, _) => "silenced",
                (true, true) => "inhibited",
                _ => "firing",
            };
            let lasted = app.now.duration_since(a.since);
            out.push(
                Build::new(
                    &format!("alert/{source}/{}", labels.join(",")),
                    source,
                    a.name.clone(),
                    health,
                )
                .rank(lasted.as_secs_f64())
                .what(ItemRef::Alert {
                    source: source.clone(),
                    labels: a.labels.clone(),
                })
                .text(text::clean(&a.name))
                .number(Some(lasted.as_secs_f64()), text::age(lasted), Role::Text)
                .cell(
                    text::clean(&a.severity),
                    if health <= Health::Warning {
                        health.role()
                    } else {
                        Role::TextMuted
                    },
                )
                .muted(state)
                .text(text::clean(&a.summary))
                .row(),
            );
        }
    }
    out
}

fn burn_columns(_: &App) -> Vec<Column> {
    vec![
        Column::new("name", "OBJECTIVE", Width::Fill(16), 0),
        Column::new("target", "TARGET", Width::Fixed(7), 1).right(),
        Column::new("hour", "BURN 1h", Width::Fixed(8), 0).right(),
        Column::new("hours", "BURN 6h", Width::Fixed(8), 2).right(),
        Column::new("left", "LEFT", Width::Fixed(6), 0).right(),
        Column::new("gone", "GONE IN", Width::Fixed(8), 3).right(),
    ]
}

fn burn_health(b: &Burn) -> Health {
    let over =
        |a: Option<f64>, b: Option<f64>, limit: f64| a.is_some_and(|a| a > limit) && b.is_some_and(|b| b > limit);
    let w = &b.over;
    if b.is_idle() {
        Health::Good
    } else if over(w.hour, w.minutes_5, 14.4) {
        Health::Critical
    } else if over(w.hours_6, w.minutes_30, 6.0) {
        Health::Warning
    } else {
        Health::Good
    }
}

fn burns(app: &App) -> Vec<Row> {
    let mut out = Vec::new();
    for (source, p) in sources(app) {
        out.extend(item::trouble(source, "slos", &p.slos, 6, 0));
        for b in p.slos.last().map(Vec::as_slice).unwrap_or_default() {
            let health = burn_health(b);
            let bad = if health <= Health::Warning {
                health.role()
            } else {
                Role::Text
            };
            let times = |v: Option<f64>| v.map_or_else(|| "–".to_owned(), |v| format!("{v:.1} ×"));
            out.push(
                Build::new(&format!("slo/{source}/{}", b.name), source, b.name.clone(), health)
                    .rank(b.over.hour.unwrap_or(0.0))
                    .what(ItemRef::Slo {
                        source: source.clone(),
                        name: b.name.clone(),
                    })
                    .text(text::clean(&b.name))
                    .muted(format!("{} %", b.target))
                    .number(b.over.hour, times(b.over.hour), bad)
                    .number(b.over.hours_6, times(b.over.hours_6), bad)
                    .number(
                        b.left,
                        b.left.map_or_else(|| "?".to_owned(), |l| format!("{:.0} %", l * 100.0)),
                        bad,
                    )
                    .muted(match b.exhausted_in() {
                        Some(_) if b.left.is_some_and(|l| l <= 0.0) => "gone".to_owned(),
                        Some(left) => text::age(left),
                        None => "–".to_owned(),
                    })
                    .row(),
            );
        }
    }
    out
}

fn service_columns(_: &App) -> Vec<Column> {
    vec![
        Column::new("name", "SERVICE", Width::Fill(14), 0),
        Column::new("errors", "5XX", Width::Fixed(7), 0).right(),
        Column::new("latency", "P95", Width::Fixed(8), 0).right(),
        Column::new("traffic", "REQ/s", Width::Fixed(8), 0).right(),
        Column::new("history", "5XX, 60 min", Width::Fixed(20), 2),
    ]
}

fn services(app: &App) -> Vec<Row> {
    let mut out = Vec::new();
    for (source, p) in sources(app) {
        out.extend(item::trouble(source, "errors", &p.errors, 5, 0));
        let mut names: Vec<&Str> = [&p.errors, &p.latency, &p.traffic]
            .iter()
            .filter_map(|s| s.last())
            .flatten()
            .map(|r| &r.service)
            .collect();
        names.sort();
        names.dedup();
        for name in names {
            let of = |seen: &crate::model::Seen<Vec<Reading>>| {
                seen.last()
                    .and_then(|all| all.iter().find(|r| r.service == *name))
                    .cloned()
            };
            let (errors, latency, traffic) = (of(&p.errors), of(&p.latency), of(&p.traffic));
            let share = errors.as_ref().map(|r| r.value);
            let slow = latency.as_ref().map(|r| r.value);
            let health = match (share.unwrap_or(0.0), slow.unwrap_or(0.0)) {
                (e, l) if e > 0.05 || l > 1.0 => Health::Critical,
                (e, l) if e > 0.01 || l > 0.5 => Health::Warning,
                _ => Health::Good,
            };
            let bad = |over: bool| if over { health.role() } else { Role::Text };
            let shown = if name.is_empty() { source } else { name };
            let history = errors.as_ref().map(|r| sparkline(r.history.iter().copied(), 20));
            out.push(
                Build::new(&format!("service/{source}/{name}"), source, shown.clone(), health)
                    .rank(share.unwrap_or(0.0))
                    .what(ItemRef::Service {
                        source: source.clone(),
                        name: name.clone(),
                    })
                    .text(text::clean(shown))
                    .number(
                        share,
                        share.map_or_else(|| "–".to_owned(), |s| format!("{:.1} %", s * 100.0)),
                        bad(share.is_some_and(|s| s > 0.01)),
                    )
                    .number(
                        slow,
                        slow.map_or_else(|| "–".to_owned(), |s| format!("{:.0} ms", s * 1000.0)),
                        bad(slow.is_some_and(|s| s > 0.5)),
                    )
                    .number(
                        traffic.as_ref().map(|r| r.value),
                        traffic.as_ref().map_or_else(|| "–".to_owned(), |r| rate(r.value)),
                        Role::Text,
                    )
                    .muted(history.unwrap_or_default())
                    .row(),
            );
        }
    }
    out
}

fn http_columns(_: &App) -> Vec<Column> {
    vec![
        Column::new("name", "CHECK", Width::Fill(14), 0),
        Column::new("status", "STATUS", Width::Fixed(8), 0).right(),
        Column::new("took", "TOOK", Width::Fixed(8), 0).right(),
        Column::new("url", "URL", Width::Grow(16, 60), 2),
        Column::new("history", "TRIES", Width::Fixed(20), 3),
    ]
}

fn http_health(c: &HttpChecks) -> Health {
    if c.is_down() {
        Health::Critical
    } else if c.is_slow() {
        Health::Warning
    } else if c.failures > 0 {
        Health::Moving
    } else {
        Health::Good
    }
}

fn http(app: &App) -> Vec<Row> {
    app.world
        .sources
        .http
        .iter()
        .map(|(name, c)| {
            let health = http_health(c);
            let bad = if health <= Health::Moving {
                health.role()
            } else {
                Role::Text
            };
            let reply = c.reply.last();
            let status = match (&c.reply.problem, reply) {
                (Some(_), _) => "none".to_owned(),
                (None, Some(r)) => r.status.to_string(),
                (None, None) => "?".to_owned(),
            };
            let took = reply.map(|r| r.took.as_secs_f64() * 1000.0);
            Build::new(&format!("http/{name}"), name, name.clone(), health)
                .rank(f64::from(c.failures))
                .what(ItemRef::HttpCheck { name: name.clone() })
                .text(text::clean(name))
                .cell(status, bad)
                .number(took, took.map_or_else(|| "–".to_owned(), |t| format!("{t:.0} ms")), bad)
                .muted(text::clean(&c.url))
                .muted(sparkline(c.history.iter().map(|v| f64::from(*v)), 20))
                .row()
        })
        .collect()
}

fn host_columns(_: &App) -> Vec<Column> {
    vec![
        Column::new("name", "MACHINE", Width::Fill(16), 0),
        Column::new("cpu", "CPU", Width::Fixed(6), 0).right(),
        Column::new("memory", "MEMORY", Width::Fixed(6), 0).right(),
        Column::new("disk", "FULLEST DISK", Width::Grow(14, 30), 0),
        Column::new("full", "FULL IN", Width::Fixed(8), 1).right(),
    ]
}

fn hosts(app: &App) -> Vec<Row> {
    let mut out = Vec::new();
    for (source, p) in sources(app) {
        out.extend(item::trouble(source, "hosts", &p.hosts, 5, 0));
        for h in p.hosts.last().map(Vec::as_slice).unwrap_or_default() {
            let disk = h.disks.first();
            let used = disk.map_or(0.0, |d| d.used);
            let soon = h.disks.iter().filter_map(|d| d.full_in).min();
            let health = match () {
                () if used > 0.9 || soon.is_some_and(|s| s.as_hours() < 24) => Health::Critical,
                () if used > 0.8 || h.cpu.is_some_and(|c| c > 0.8) || h.memory.is_some_and(|m| m > 0.85) => {
                    Health::Warning
                }
                () => Health::Good,
            };
            let bad = |over: bool| if over { health.role() } else { Role::Text };
            let percent = |v: Option<f64>| v.map_or_else(|| "–".to_owned(), |v| format!("{:.0} %", v * 100.0));
            out.push(
                Build::new(&format!("host/{source}/{}", h.name), source, h.name.clone(), health)
                    .rank(used)
                    .what(ItemRef::Host {
                        source: source.clone(),
                        name: h.name.clone(),
                    })
                    .text(text::clean(&h.name))
                    .number(h.cpu, percent(h.cpu), bad(h.cpu.is_some_and(|c| c > 0.8)))
                    .number(h.memory, percent(h.memory), bad(h.memory.is_some_and(|m| m > 0.85)))
                    .cell(
                        disk.map_or_else(
                            || "–".to_owned(),
                            |d| format!("{} {:.0} %", text::clean(&d.mount), d.used * 100.0),
                        ),
                        bad(used > 0.8),
                    )
                    .cell(soon.map_or_else(|| "–".to_owned(), text::age), bad(soon.is_some()))
                    .row(),
            );
        }
    }
    out
}

fn summary(app: &App) -> Summary {
    let mut firing = 0;
    let mut wrong = Vec::new();
    for (_, p) in sources(app) {
        for a in p.alerts.fresh().map(Vec::as_slice).unwrap_or_default() {
            firing += usize::from(a.is_active());
            if alert_health(a) <= Health::Warning {
                wrong.push((alert_health(a), a.name.to_string()));
            }
        }
        for b in p.slos.fresh().map(Vec::as_slice).unwrap_or_default() {
            if burn_health(b) <= Health::Warning {
                wrong.push((burn_health(b), format!("{} burns its budget", b.name)));
            }
        }
    }
    for (name, c) in &app.world.sources.http {
        if http_health(c) <= Health::Warning {
            wrong.push((
                http_health(c),
                format!("{name} {}", if c.is_down() { "down" } else { "slow" }),
            ));
        }
    }
    wrong.sort_by_key(|(h, _)| *h);
    Summary {
        count: if app.world.sources.prometheus.is_empty() {
            String::new()
        } else {
            format!("{firing} firing")
        },
        wrong,
    }
}

fn detail(app: &App, what: &ItemRef) -> Option<(String, Vec<Line>)> {
    match what {
        ItemRef::Alert { source, labels } => {
            let p = app.world.sources.prometheus.get(source)?;
            let a = p.alerts.last()?.iter().find(|a| a.labels == *labels)?;
            let mut lines = vec![
                Line::pair_role(
                    "severity",
                    text::clean(&a.severity).into_owned(),
                    alert_health(a).role(),
                ),
                Line::pair("firing for", text::age(app.now.duration_since(a.since))),
                Line::pair("summary", text::clean(&a.summary)),
            ];
            if !a.runbook.is_empty() {
                lines.push(Line::pair("runbook", text::clean(&a.runbook)));
            }
            if a.inhibited {
                lines.push(Line::pair("inhibited", "by another alert"));
            }
            lines.push(Line::default());
            lines.push(Line::new("Labels", Role::Heading));
            for (k, v) in a.labels.iter() {
                lines.push(Line::pair(&text::clean(k), text::clean(v)));
            }
            for s in p.silences.last().map(Vec::as_slice).unwrap_or_default() {
                if a.silenced_by.contains(&s.id) {
                    lines.push(Line::default());
                    lines.push(Line::new("Silence", Role::Heading));
                    lines.push(Line::pair("by", text::clean(&s.by)));
                    lines.push(Line::pair("says", text::clean(&s.comment)));
                    lines.push(Line::pair("ends in", text::age(s.to.duration_since(app.now))));
                }
            }
            Some((format!("alert {}", a.name), lines))
        }
        ItemRef::HttpCheck { name } => {
            let c = app.world.sources.http.get(name)?;
            let mut lines = vec![
                Line::pair("url", text::clean(&c.url)),
                Line::pair(
                    "expected",
                    format!("{}, within {} ms", c.expected(), c.limit.as_millis()),
                ),
            ];
            if let Some(r) = c.reply.last() {
                lines.push(Line::pair("status", r.status.to_string()));
                lines.push(Line::pair("took", format!("{} ms", r.took.as_millis())));
                if !r.location.is_empty() {
                    lines.push(Line::pair("leads to", text::clean(&r.location)));
                }
            }
            if let Some(problem) = &c.reply.problem {
                lines.push(Line::pair_role("no answer", item::problem_words(problem), Role::Error));
            }
            if let Some(t) = c.bad_since {
                lines.push(Line::pair_role(
                    "bad for",
                    format!("{}, {} tries", item::ago(app, t), c.failures),
                    Role::Warn,
                ));
            }
            lines.push(Line::pair(
                "last tries",
                sparkline(c.history.iter().map(|v| f64::from(*v)), 60),
            ));
            Some((format!("check {name}"), lines))
        }
        _ => None,
    }
}
