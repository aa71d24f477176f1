//! Certificates: how long they last, who renews them, and whether what is served is what is stored.

use jiff::{SignedDuration, Timestamp};

use super::item::{self, Build};
use super::{Column, Pane, PaneId, Summary, View, Width};
use crate::app::doc::Line;
use crate::app::{App, Health, ItemRef, Row};
use crate::model::{BySecret, Certificate, Certificates, Chain, Endpoint, Seen, SourceKind, Str, Trust};
use crate::text;
use crate::theme::Role;

pub const PANE: Pane = Pane {
    id: PaneId::Certificates,
    title: "Certificates",
    context: "certificates",
    main: true,
    kinds: &[],
    sources: &[SourceKind::Certificates],
    views: VIEWS,
    detail,
    wants: &[],
    metrics: false,
    columns,
    rows,
    health: item::health,
    compare: item::compare,
    cells: |_, _, _| Vec::new(),
    summary,
    empty: "no certificate was found",
};

const VIEWS: &[View] = &[View {
    id: "certificates",
    title: "certificates",
    columns,
    rows,
    empty: "no certificate was found",
}];

fn columns(app: &App) -> Vec<Column> {
    let mut columns = vec![
        Column::new("name", "NAME", Width::Fill(16), 0),
        Column::new("left", "LEFT", Width::Fixed(7), 0).right(),
        Column::new("issuer", "ISSUER", Width::Grow(10, 30), 2),
        Column::new("state", "STATE", Width::Grow(20, 40), 0),
        Column::new("what", "WHAT", Width::Fixed(8), 5),
    ];
    item::source_column(app, SourceKind::Certificates, &mut columns);
    columns
}

/// How soon the end of a validity counts: 30 and 3 days, or a third and a twentieth of a life up to 30 days.
fn expiring(now: Timestamp, from: Option<Timestamp>, to: Timestamp) -> Health {
    let left = to.duration_since(now);
    let days = SignedDuration::from_hours(24);
    let life = from.map(|f| to.duration_since(f)).filter(|l| *l <= days * 30);
    let (warning, critical) = life.map_or((days * 30, days * 3), |l| (l / 3, l / 20));
    if left <= critical {
        Health::Critical
    } else if left <= warning {
        Health::Warning
    } else {
        Health::Good
    }
}

fn left(now: Timestamp, to: Timestamp) -> String {
    let left = to.duration_since(now);
    if left.is_negative() {
        return "expired".to_owned();
    }
    match left.as_hours() {
        h if h < 48 => format!("{h} h"),
        h => format!("{} d", h / 24),
    }
}

/// What cert-manager makes of it, and how bad that is.
fn state(now: Timestamp, c: &Certificate) -> (Health, String) {
    let ends = c.not_after.map_or(Health::Good, |to| expiring(now, c.not_before, to));
    let (own, words) = if let Some(i) = &c.issuing {
        let long = i
            .since
            .is_some_and(|t| now.duration_since(t) > SignedDuration::from_mins(10));
        let health = if long { Health::Warning } else { Health::Moving };
        (
            health,
            i.since.map_or_else(
                || "issuing".to_owned(),
                |t| format!("issuing {}", text::age(now.duration_since(t))),
            ),
        )
    } else if c.failed_attempts > 0 {
        (Health::Warning, format!("{} attempts failed", c.failed_attempts))
    } else if c.is_overdue(now) {
        let since = c
            .renewal
            .map_or_else(String::new, |t| format!(" {}", text::age(now.duration_since(t))));
        (Health::Warning, format!("overdue{since}"))
    } else if &*c.ready != "True" {
        (Health::Warning, format!("not ready: {}", c.reason))
    } else {
        (Health::Good, "ok".to_owned())
    };
    (ends.min(own), words)
}

fn short_issuer(issuer: &str) -> &str {
    issuer.rsplit('/').next().unwrap_or(issuer)
}

fn rows(app: &App) -> Vec<Row> {
    let now = app.server_now();
    let many = app
        .sources
        .iter()
        .filter(|id| id.kind == SourceKind::Certificates)
        .count()
        > 1;
    let mut out = Vec::new();
    for (source, all) in &app.world.sources.certificates {
        let secrets = all.by_secret();
        let begin = |uid: String, name: String, health: Health| {
            let build = Build::new(&uid, source, name, health);
            if many { build.muted(&**source) } else { build }
        };
        let at = usize::from(many) + 3;
        out.extend(item::trouble(source, "managed", &all.managed, at + 2, at));
        out.extend(item::trouble(source, "stored", &all.stored, at + 2, at));
        for c in all.managed.last().map(Vec::as_slice).unwrap_or_default() {
            let (health, words) = state(now, c);
            let bad = if health <= Health::Moving {
                health.role()
            } else {
                Role::Text
            };
            let remaining = c.not_after.map(|t| t.duration_since(now).as_secs() as f64);
            out.push(
                begin(
                    format!("certificate/{source}/{}", c.id.uid),
                    c.id.name.to_string(),
                    health,
                )
                .rank(-remaining.unwrap_or(0.0))
                .what(ItemRef::Certificate {
                    source: source.clone(),
                    id: c.id.clone(),
                })
                .text(text::clean(c.dns_names.first().map_or(&*c.id.name, |n| n)))
                .number(
                    remaining.map(|r| -r),
                    c.not_after.map_or_else(|| "?".to_owned(), |t| left(now, t)),
                    bad,
                )
                .muted(text::clean(short_issuer(&c.issuer)))
                .cell(
                    text::clean(&words),
                    if health == Health::Good { Role::TextMuted } else { bad },
                )
                .muted("managed")
                .row(),
            );
        }
        for e in all.served.last().map(Vec::as_slice).unwrap_or_default() {
            let (health, words) = endpoint(now, &secrets, e);
            let uid = format!("endpoint/{source}/{}", e.address);
            let build = begin(uid, e.address.to_string(), health);
            out.push(served(now, source, e, (health, words), build));
        }
        // Stored ones that nobody manages and nobody serves: else they stand above.
        for s in all.stored.last().map(Vec::as_slice).unwrap_or_default() {
            if secrets.is_used(&s.namespace, &s.name) {
                continue;
            }
            let place = format!("{}/{}", s.namespace, s.name);
            let (health, words, ends, issuer) = match &s.chain {
                Ok(c) => {
                    let health = expiring(now, Some(c.leaf.not_before), c.not_after());
                    (
                        health,
                        "not renewed by cert-manager".to_owned(),
                        Some(c.not_after()),
                        c.leaf.issuer.to_string(),
                    )
                }
                Err(why) => (Health::Moving, why.to_string(), None, String::new()),
            };
            let bad = if health <= Health::Moving {
                health.role()
            } else {
                Role::Text
            };
            let remaining = ends.map(|t| t.duration_since(now).as_secs() as f64);
            out.push(
                begin(format!("secret/{source}/{place}"), place.clone(), health)
                    .rank(-remaining.unwrap_or(0.0))
                    .text(text::clean(&place))
                    .number(
                        remaining.map(|r| -r),
                        ends.map_or_else(|| "?".to_owned(), |t| left(now, t)),
                        bad,
                    )
                    .muted(text::clean(&issuer))
                    .muted(text::clean(&words))
                    .muted("Secret")
                    .row(),
            );
        }
    }
    out
}

/// How an endpoint stands, in words; the worst of expiry, trust, and against what is stored.
fn endpoint(now: Timestamp, secrets: &BySecret<'_>, e: &Endpoint) -> (Health, String) {
    if let Some(problem) = &e.chain.problem {
        return (Health::Moving, item::problem_words(problem));
    }
    let Some(chain) = e.chain.last() else {
        return (Health::Moving, "not looked at yet".to_owned());
    };
    let ends = expiring(now, Some(chain.leaf.not_before), chain.not_after());
    if chain.is_placeholder() {
        return (Health::Critical, "serves a placeholder certificate".to_owned());
    }
    if let Some(Ok(stored)) = secrets.stored(&e.secret).map(|s| &s.chain)
        && stored.leaf.sha256 != chain.leaf.sha256
        && stored.leaf.not_before > chain.leaf.not_before
    {
        return (
            ends.min(Health::Warning),
            "serves an older one than is stored".to_owned(),
        );
    }
    match &e.trust {
        Trust::Trusted | Trust::Unknown => (ends, "served".to_owned()),
        Trust::Expired => (Health::Critical, "expired".to_owned()),
        other => (ends.min(Health::Moving), other.words().to_owned()),
    }
}

fn served(now: Timestamp, source: &Str, e: &Endpoint, (health, words): (Health, String), build: Build) -> Row {
    let bad = if health <= Health::Moving {
        health.role()
    } else {
        Role::Text
    };
    let ends = e.chain.last().map(Chain::not_after);
    let remaining = ends.map(|t| t.duration_since(now).as_secs() as f64);
    let issuer = e.chain.last().map_or("", |c| &*c.leaf.issuer);
    build
        .rank(-remaining.unwrap_or(0.0))
        .what(ItemRef::Endpoint {
            source: source.clone(),
            address: e.address.clone(),
        })
        .text(text::clean(&e.address))
        .number(
            remaining.map(|r| -r),
            ends.map_or_else(|| "?".to_owned(), |t| left(now, t)),
            bad,
        )
        .muted(text::clean(issuer))
        .cell(
            text::clean(&words),
            if health == Health::Good { Role::TextMuted } else { bad },
        )
        .muted("served")
        .row()
}

fn summary(app: &App) -> Summary {
    let now = app.server_now();
    let mut total = 0;
    let mut wrong = Vec::new();
    for all in app.world.sources.certificates.values() {
        let secrets = all.by_secret();
        for c in all.managed.last().map(Vec::as_slice).unwrap_or_default() {
            total += 1;
            let (health, words) = state(now, c);
            if health <= Health::Warning {
                let name = c.dns_names.first().map_or(&*c.id.name, |n| n);
                let ends = c.not_after.map_or_else(String::new, |t| format!(" {}", left(now, t)));
                wrong.push((health, format!("{name}{ends}, {words}")));
            }
        }
        for e in all.served.last().map(Vec::as_slice).unwrap_or_default() {
            total += 1;
            let (health, words) = endpoint(now, &secrets, e);
            if health <= Health::Warning {
                wrong.push((health, format!("{} {words}", e.address)));
            }
        }
    }
    wrong.sort_by_key(|(h, _)| *h);
    Summary {
        count: if total == 0 { String::new() } else { total.to_string() },
        wrong,
    }
}

fn detail(app: &App, what: &ItemRef) -> Option<(String, Vec<Line>)> {
    let now = app.server_now();
    match what {
        ItemRef::Certificate { source, id } => {
            let all = app.world.sources.certificates.get(source)?;
            let c = all.managed.last()?.iter().find(|c| c.id == *id)?;
            Some((
                format!("certificate {}/{}", id.namespace, id.name),
                certificate(now, all, c),
            ))
        }
        ItemRef::Endpoint { source, address } => {
            let all = app.world.sources.certificates.get(source)?;
            let e = all.served.last()?.iter().find(|e| e.address == *address)?;
            let (health, words) = endpoint(now, &all.by_secret(), e);
            let mut lines = vec![
                Line::pair_role("state", text::clean(&words).into_owned(), health.role()),
                Line::pair("name", text::clean(&e.name)),
                Line::pair("from", text::clean(&e.from)),
                Line::pair("trust", e.trust.words()),
            ];
            if !e.secret.is_empty() {
                lines.push(Line::pair("Secret", text::clean(&e.secret)));
            }
            if !e.note.is_empty() {
                lines.push(Line::pair("note", text::clean(&e.note)));
            }
            read(app, &e.chain, &mut lines);
            if let Some(c) = e.chain.last() {
                chain(now, c, &mut lines);
            }
            Some((format!("endpoint {address}"), lines))
        }
        _ => None,
    }
}

fn read<T>(app: &App, seen: &Seen<T>, lines: &mut Vec<Line>) {
    if let Some(at) = seen.at {
        lines.push(Line::pair("looked at", format!("{} ago", item::ago(app, at))));
    }
}

fn certificate(now: Timestamp, all: &Certificates, c: &Certificate) -> Vec<Line> {
    let (health, words) = state(now, c);
    let when = |t: Option<Timestamp>| {
        t.map_or_else(
            || "not said".to_owned(),
            |t| {
                let d = t.duration_since(now);
                let far = text::age(d.abs());
                let stamp = t.strftime("%Y-%m-%d %H:%MZ");
                if d.is_negative() {
                    format!("{stamp}, {far} ago")
                } else {
                    format!("{stamp}, in {far}")
                }
            },
        )
    };
    let mut lines = vec![
        Line::pair_role("state", text::clean(&words).into_owned(), health.role()),
        Line::pair("names", text::clean(&c.dns_names.join(", "))),
        Line::pair("issuer", text::clean(&c.issuer)),
        Line::pair("Secret", text::clean(&c.secret)),
        Line::pair("valid until", when(c.not_after)),
        Line::pair("renewal", when(c.renewal)),
        Line::pair("revision", c.revision.to_string()),
    ];
    if &*c.ready != "True" {
        lines.push(Line::pair_role(
            "not ready",
            text::clean(&format!("{}: {}", c.reason, c.message)).into_owned(),
            Role::Warn,
        ));
    }
    if c.failed_attempts > 0 {
        lines.push(Line::pair_role(
            "failed",
            format!("{} attempts, the last {}", c.failed_attempts, when(c.last_failure)),
            Role::Warn,
        ));
        lines.push(Line::pair("next try", when(c.next_try())));
    }
    if !c.shares_secret_with.is_empty() {
        lines.push(Line::pair_role(
            "shares with",
            text::clean(&c.shares_secret_with.join(", ")).into_owned(),
            Role::Warn,
        ));
    }
    if !c.steps.is_empty() {
        lines.push(Line::default());
        lines.push(Line::new("How it is issued", Role::Heading));
        for s in c.steps.iter() {
            lines.push(
                Line::new(format!("{:<19} ", s.kind), Role::TextMuted)
                    .and(text::clean(&s.name).into_owned(), Role::Text)
                    .and(format!("  {}", text::clean(&s.state)), Role::TextStrong),
            );
            if !s.says.is_empty() {
                lines.push(Line::new("    ", Role::Text).and(text::clean(&s.says).into_owned(), Role::TextMuted));
            }
        }
    }
    let place = format!("{}/{}", c.id.namespace, c.secret);
    if let Some(Ok(stored)) = all.stored(&place).map(|s| &s.chain) {
        chain(now, stored, &mut lines);
    }
    for e in all.served.last().map(Vec::as_slice).unwrap_or_default() {
        if *e.secret == *place {
            let (health, words) = endpoint(now, &all.by_secret(), e);
            lines.push(Line::pair_role(
                "served at",
                format!("{}: {words}", e.address),
                health.role(),
            ));
        }
    }
    lines
}

fn chain(now: Timestamp, c: &Chain, lines: &mut Vec<Line>) {
    lines.push(Line::default());
    lines.push(Line::new("Chain", Role::Heading));
    let weakest = c.weakest();
    for link in std::iter::once(&c.leaf).chain(c.rest.iter()) {
        let role = if link == weakest {
            expiring(now, Some(link.not_before), link.not_after).role()
        } else {
            Role::Text
        };
        lines.push(
            Line::new(format!("{:>7}  ", left(now, link.not_after)), role)
                .and(text::clean(&link.subject).into_owned(), Role::Text)
                .and(format!("  by {}", text::clean(&link.issuer)), Role::TextMuted),
        );
    }
    lines.push(Line::pair("SHA-256", &*c.leaf.sha256));
}
