//! The top bar.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Look, clear, put};
use crate::action::Class;
use crate::app::{Access, App, Connection};
use crate::model::{Freshness, SourceKind};
use crate::text;
use crate::theme::Role;

/// Who we are, where we are, how fresh it is, what time it is.
pub fn top(app: &App, look: Look<'_>, area: Rect, buf: &mut Buffer) {
    clear(buf, area, look.style(Role::Header));
    let wide = area.width >= 110;
    let mut x = 1;
    x += put(
        buf,
        area,
        x,
        0,
        if wide { "QUARTERDECK" } else { "QD" },
        look.style(Role::HeaderBrand),
    ) + 1;
    let place = match app.place() {
        Some(p) if wide && p.platform != p.context => format!(" {} · {}/{}", p.platform, p.context, p.scope.label()),
        Some(p) => format!(" {} · {}", p.context, p.scope.label()),
        None if matches!(app.connection, Connection::Starting | Connection::Connecting { .. }) => {
            " connecting".to_owned()
        }
        None => " no cluster".to_owned(),
    };
    let badge = app.class().map(|c| match c {
        Class::Production => (c.badge(), Role::BadgeProd),
        Class::Unclassified => (c.badge(), Role::BadgeUnclassified),
        Class::Staging => (c.badge(), Role::BadgeStaging),
        Class::Local => (c.badge(), Role::BadgeLocal),
    });
    let badge_width = badge.map_or(0, |(t, _)| text::width(t) as u16 + 4);
    let place = text::clean(&place).into_owned();
    // The cluster's name matters more than the lights of what is well, and than the name of who sits here.
    let beside = x + text::width(&place) as u16 + badge_width + 1;
    let right = Tight::LADDER
        .into_iter()
        .map(|tight| right_side(app, look, area.width, tight))
        .find(|right| beside + width_of(right) <= area.width)
        .unwrap_or_else(|| right_side(app, look, area.width, Tight::LEAST));
    // What stands right comes first: it must never be cut.
    let width = width_of(&right);
    let mut at = area.width.saturating_sub(width);
    for (t, role) in &right {
        at += put(buf, area, at, 0, t, look.style(*role));
    }
    let room = area.width.saturating_sub(width + x + badge_width + 1);
    // The cluster rather than its namespaces: those stand in the panes, too.
    let place = match app.place() {
        Some(p) if text::width(&place) > usize::from(room) => format!(" {}", text::clean(&p.context)),
        _ => place,
    };
    let place = text::truncate_middle(&place, usize::from(room));
    x += put(buf, area, x, 0, &place, look.style(Role::Header));
    if let Some((t, role)) = badge {
        put(buf, area, x + 2, 0, &format!(" {t} "), look.style(role));
    }
}

fn width_of(parts: &[(String, Role)]) -> u16 {
    parts.iter().map(|(t, _)| text::width(t) as u16).sum()
}

/// What stands on the right where there is less room than it would like.
#[derive(Clone, Copy)]
struct Tight {
    /// One blank between two parts, not two.
    close: bool,
    /// The lights of sources that are well.
    lights: bool,
    /// That an operator sits here; that it is read-only always stands there.
    role: bool,
    /// The names of the lights.
    names: bool,
}

impl Tight {
    const LEAST: Self = Self {
        close: true,
        lights: false,
        role: false,
        names: false,
    };

    /// What goes first, one step after the other.
    const LADDER: [Self; 5] = [
        Self {
            close: false,
            lights: true,
            role: true,
            names: true,
        },
        Self {
            close: true,
            lights: true,
            role: true,
            names: true,
        },
        Self {
            close: true,
            lights: true,
            role: false,
            names: true,
        },
        Self {
            close: true,
            lights: false,
            role: true,
            names: true,
        },
        Self {
            close: true,
            lights: false,
            role: false,
            names: true,
        },
    ];
}

/// Takes the second of two blanks between parts away, but that of a badge is part of its colour.
fn closed(parts: &mut [(String, Role)]) {
    let mut blank = false;
    for (words, role) in parts {
        let badge = matches!(role, Role::BadgeReadonly);
        if blank && !badge && words.starts_with(' ') {
            words.remove(0);
        }
        blank = !badge && words.ends_with(' ');
    }
}

/// Freshness, company, access, incident, time.
fn right_side(app: &App, look: Look<'_>, columns: u16, tight: Tight) -> Vec<(String, Role)> {
    let wide = columns >= 110;
    let mut right: Vec<(String, Role)> = Vec::new();
    let (light, role) = light(app, look);
    let narrow = columns < 60 || !tight.names;
    let apart = columns >= 140;
    let label = match (narrow, apart || app.sources.is_empty()) {
        (true, _) => "",
        (false, true) => "k8s ",
        (false, false) => "k8s",
    };
    right.push((format!("{label}{light} "), role));
    right.extend(source_lights(app, look, apart, narrow || !tight.lights));
    right.extend(super::fleet::light(app, look));
    // Others on this machine.
    let waiting = app.to_answer().len();
    if waiting > 0 {
        right.push((format!(" {waiting} to approve "), Role::Warn));
    }
    match app.watchers() {
        0 => {}
        n if narrow => right.push((format!(" {n}w "), Role::HeaderMuted)),
        n => right.push((format!(" {n} watching "), Role::HeaderMuted)),
    }
    let who = if wide && !app.user.is_empty() {
        format!(" {}", text::truncate_end(&text::clean(&app.user), 24))
    } else {
        String::new()
    };
    match &app.access {
        Access::ReadOnly { .. } => {
            if let Some(f) = &app.bastion.following {
                let name = text::truncate_end(&f.name, 16);
                right.push((format!(" following {name} "), Role::Info));
            }
            right.push((" READ-ONLY ".to_owned(), Role::BadgeReadonly));
        }
        Access::Operator if narrow || !tight.role => {}
        Access::Operator => right.push((format!(" operator{who} "), Role::HeaderMuted)),
    }
    if app.journal_broken.is_some() {
        right.push((" NO RECORD ".to_owned(), Role::Error));
    }
    if let Some((words, role)) = super::incident::badge(app, columns >= 140) {
        right.push((format!(" {words} "), role));
    }
    right.push((format!(" {} ", clock(app)), Role::Header));
    if tight.close {
        closed(&mut right);
    }
    right
}

/// UTC in minutes.
fn clock(app: &App) -> String {
    let s = app.server_now().as_second().rem_euclid(86_400);
    format!("{:02}:{:02}Z", s / 3600, s % 3600 / 60)
}

/// A light for each kind of source that is configured; where there is no room, only those that are not well.
fn source_lights(app: &App, look: Look<'_>, wide: bool, narrow: bool) -> Vec<(String, Role)> {
    let mut kinds: Vec<SourceKind> = app.sources.iter().map(|id| id.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut out = Vec::with_capacity(kinds.len());
    for kind in kinds {
        let (long, short) = match kind {
            SourceKind::Postgres => ("pg ", "pg"),
            SourceKind::Redis => ("redis ", "rd"),
            SourceKind::Queues => ("queues ", "qu"),
            SourceKind::Prometheus => ("prom ", "pm"),
            SourceKind::Certificates => ("certs ", "ce"),
            SourceKind::Http => ("http ", "ht"),
        };
        let state = crate::panes::item::reach(app, &[kind]);
        if narrow && state.is_fresh() {
            continue;
        }
        let (light, role) = light_of(app, look, &state);
        out.push((format!("{}{light} ", if wide { long } else { short }), role));
    }
    out
}

fn light_of(app: &App, look: Look<'_>, state: &Freshness) -> (String, Role) {
    match state {
        Freshness::Stale { since, .. } => (
            format!("{} {}", look.symbols.stale, text::age(app.now.duration_since(*since))),
            Role::Stale,
        ),
        Freshness::Failed { .. } => (look.symbols.failed.to_owned(), Role::Error),
        Freshness::Forbidden { .. } => (look.symbols.failed.to_owned(), Role::Warn),
        Freshness::Syncing { .. } | Freshness::Off => (look.symbols.waiting.to_owned(), Role::HeaderMuted),
        Freshness::Fresh | Freshness::Absent { .. } => (look.symbols.live.to_owned(), Role::Ok),
    }
}

fn light(app: &App, look: Look<'_>) -> (String, Role) {
    match &app.connection {
        Connection::Starting | Connection::Connecting { .. } => {
            return (look.symbols.waiting.to_owned(), Role::HeaderMuted);
        }
        Connection::Missing { .. } | Connection::Failed { .. } | Connection::NeedsLogin { .. } => {
            return (look.symbols.failed.to_owned(), Role::Error);
        }
        Connection::Connected { .. } => {}
    }
    let worst = crate::signal::KINDS
        .iter()
        .map(|k| app.world.feed(crate::model::FeedId::Watch(*k)))
        .filter(|f| !matches!(f, Freshness::Forbidden { .. }))
        .max_by_key(|f| f.rank());
    match worst {
        Some(state) => light_of(app, look, state),
        None => (look.symbols.waiting.to_owned(), Role::HeaderMuted),
    }
}
