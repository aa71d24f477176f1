//! Top bar, attention strip, footer, toasts.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Look, clear, put, select};
use crate::action::Class;
use crate::app::layers::Pick;
use crate::app::{Access, App, Connection, Focus, Layer, Strip, command};
use crate::keys::{CONTEXTS, Vocabulary, hints};
use crate::model::{Freshness, SourceKind};
use crate::signal::Severity;
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
    let right = (0..)
        .map(|tight| right_side(app, look, area.width, tight))
        .take(3)
        .find(|right| beside + width_of(right) <= area.width)
        .unwrap_or_else(|| right_side(app, look, area.width, 3));
    // What stands right comes first: it must never be cut.
    let width = width_of(&right);
    let mut at = area.width.saturating_sub(width);
    for (t, role) in &right {
        at += put(buf, area, at, 0, t, look.style(*role));
    }
    let room = area.width.saturating_sub(width + x + badge_width + 1);
    x += put(
        buf,
        area,
        x,
        0,
        &text::truncate_middle(&place, usize::from(room)),
        look.style(Role::Header),
    );
    if let Some((t, role)) = badge {
        put(buf, area, x + 2, 0, &format!(" {t} "), look.style(role));
    }
}

fn width_of(parts: &[(String, Role)]) -> u16 {
    parts.iter().map(|(t, _)| text::width(t) as u16).sum()
}

/// Freshness, company, access, incident, time. From `tight` 1 on without the lights of what is well, from 2 on without
/// who sits here.
fn right_side(app: &App, look: Look<'_>, columns: u16, tight: u8) -> Vec<(String, Role)> {
    let wide = columns >= 110;
    let mut right: Vec<(String, Role)> = Vec::new();
    let (light, role) = light(app, look);
    let narrow = columns < 60 || tight > 1;
    let apart = columns >= 140;
    let label = match (narrow, apart || app.sources.is_empty()) {
        (true, _) => "",
        (false, true) => "k8s ",
        (false, false) => "k8s",
    };
    right.push((format!("{label}{light} "), role));
    right.extend(source_lights(app, look, apart, narrow || tight > 0));
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
        Access::Operator if narrow => {}
        Access::Operator => right.push((format!(" operator{who} "), Role::HeaderMuted)),
    }
    if let Some((words, role)) = super::incident::badge(app, columns >= 140) {
        right.push((format!(" {words} "), role));
    }
    right.push((format!(" {} ", clock(app)), Role::Header));
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

/// The first signal on the strip of so many rows, and the current one.
fn strip_window(app: &App, rows: usize) -> (usize, usize) {
    let n = Strip::shown(&app.judge).count();
    let current_key = app.signal_at_hand().map(crate::signal::Signal::key);
    let position = Strip::shown(&app.judge)
        .position(|s| Some(s.key()) == current_key)
        .unwrap_or_else(|| app.strip.position(&app.judge));
    let first = position
        .saturating_sub(rows.saturating_sub(1))
        .min(n.saturating_sub(rows));
    (first, position)
}

/// Which signal stands on a line of the strip, by its place among those shown.
pub fn strip_line(app: &App, height: u16, line: usize) -> Option<usize> {
    let at = strip_window(app, usize::from(height)).0 + line;
    (at < Strip::shown(&app.judge).count()).then_some(at)
}

/// One line a cause, worst first; the current one says which key opens its runbook. Where it is the selected row, that is
/// where the cursor belongs.
pub fn strip(app: &App, look: Look<'_>, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let n = Strip::shown(&app.judge).count();
    if n == 0 {
        let pods = app.world.worst_feed(&[crate::model::Kind::Pod]);
        let looking;
        let (text, role) = match (&app.connection, pods) {
            (Connection::Connected { .. }, Freshness::Fresh) => match app.still_looking() {
                None => ("nothing calls for attention", Role::TextMuted),
                Some(late) if late.is_empty() => ("looking", Role::TextMuted),
                Some(late) => {
                    looking = format!("looking: {} did not answer yet", late.join(", "));
                    (&*looking, Role::TextMuted)
                }
            },
            (Connection::Connected { .. }, Freshness::Failed { .. }) => {
                ("cannot look: the API server does not answer", Role::Error)
            }
            (Connection::Connected { .. }, Freshness::Forbidden { .. }) => {
                ("cannot look at pods: not permitted", Role::Warn)
            }
            (Connection::Connected { .. }, _) => ("looking", Role::TextMuted),
            _ => ("no cluster to look at", Role::TextMuted),
        };
        put(buf, area, 1, 0, text, look.style(role));
        return None;
    }
    let rows = usize::from(area.height);
    let (first, position) = strip_window(app, rows);
    let now = app.server_now();
    let mut selected = None;
    for (y, (i, signal)) in Strip::shown(&app.judge).enumerate().skip(first).take(rows).enumerate() {
        let y = y as u16;
        let (mark, role) = match signal.severity {
            Severity::Critical => (look.symbols.critical, Role::Error),
            Severity::Warning => (look.symbols.warning, Role::Warn),
        };
        put(buf, area, 1, y, mark, look.style(role));
        let mut tail = String::new();
        if i == position {
            if let Some(book) = signal.runbook.and_then(|b| app.books.get(b)) {
                let key = app.keys_for("runbook.best");
                tail = if app.shows_all_panes() {
                    format!(" {} {key}  {}", look.symbols.arrow, book.title)
                } else {
                    format!(" {} {key}", look.symbols.arrow)
                };
            }
            if rows < n {
                tail = format!("{tail}  {} of {n}  {} next", i + 1, app.keys_for("signal.next"));
            }
        }
        let room = usize::from(area.width).saturating_sub(4 + text::width(&tail));
        let style = look.style(if signal.severity == Severity::Critical {
            Role::TextStrong
        } else {
            Role::Text
        });
        put(buf, area, 3, y, &signal.fit(now, room), style);
        let at = area.width.saturating_sub(text::width(&tail) as u16 + 1);
        put(buf, area, at, y, &tail, look.style(Role::Accent));
        if i == position && app.focus == Focus::Strip && app.layers.is_empty() {
            select(look, buf, Rect::new(area.x, area.y + y, area.width, 1), Role::Selection);
            selected = Some(Position::new(area.x + 1, area.y + y));
        }
    }
    selected
}

/// The keys that work here, now. `?` is dropped last.
pub fn footer(app: &App, look: Look<'_>, area: Rect, buf: &mut Buffer) {
    let rows = command::rows();
    let vocabulary = Vocabulary {
        commands: &rows,
        contexts: CONTEXTS,
    };
    let contexts = app.contexts();
    let wanted: &[&str] = match app.layers.last() {
        None if app.focus == Focus::Strip => &[
            "runbook.best",
            "signal.subject",
            "signal.snooze",
            "app.back",
            "app.help",
        ],
        None => &[
            "list.open",
            "list.filter",
            "runbook.best",
            "Actions…",
            "pod.logs",
            "rollout.logs",
            "rollout.history",
            "app.palette",
            "pane.zoom",
            "signal.next",
            "follow.start",
            "app.help",
        ],
        Some(Layer::Detail(_)) => &[
            "app.back",
            "object.yaml",
            "pod.logs",
            "rollout.logs",
            "rollout.history",
            "chart.open",
            "Actions…",
            "runbook.best",
            "app.help",
        ],
        Some(Layer::Text(_)) => &[
            "app.back",
            "view.search",
            "search.next",
            "copy.all",
            "screen.pager",
            "app.help",
        ],
        Some(Layer::Chart(_)) => &["chart.next", "chart.longer", "chart.shorter", "app.back", "app.help"],
        Some(Layer::Logs(_)) => &[
            "app.back",
            "logs.follow",
            "view.search",
            "logs.only",
            "logs.previous",
            "logs.container",
            "logs.timestamps",
            "logs.json",
            "view.wrap",
            "app.help",
        ],
        Some(Layer::History(_)) => &["list.open", "history.against", "app.back", "app.help"],
        Some(Layer::Plan(_)) => &["plan.cancel", "plan.next", "plan.press", "plan.again", "plan.copy"],
        Some(Layer::Runbook(_)) => &[
            "step.go",
            "step.edit",
            "step.retry",
            "step.skip",
            "step.rollback",
            "run.abort",
            "run.note",
            "app.back",
            "app.help",
        ],
        Some(Layer::Activity(_)) => &["list.open", "activity.copy", "app.back", "app.help"],
        Some(Layer::Unfinished(_)) => &[
            "unfinished.resume",
            "unfinished.take",
            "unfinished.close",
            "unfinished.happened",
            "unfinished.not",
            "app.back",
            "app.help",
        ],
        Some(Layer::Incident(_)) => &[
            "incident.act",
            "incident.note",
            "incident.tell",
            "incident.todo",
            "incident.decision",
            "incident.fact",
            "incident.status",
            "temporary.stays",
            "incident.take",
            "incident.close",
            "timeline.open",
            "report.write",
            "app.help",
        ],
        Some(Layer::Timeline(_)) => &[
            "app.back",
            "timeline.only",
            "timeline.incident",
            "report.write",
            "app.help",
        ],
        Some(Layer::Message(_)) => &["message.copy", "message.sent", "app.back"],
        Some(Layer::Approval(_)) => &["approval.cancel", "approval.next", "approval.press"],
        Some(Layer::Company(_)) => &["company.press", "company.close"],
        Some(Layer::Followed(_)) => &["follow.start", "app.back", "app.help"],
        Some(_) => &[
            "palette.run",
            "palette.cancel",
            "picker.accept",
            "picker.mark",
            "picker.cancel",
            "text.accept",
            "text.cancel",
            "question.press",
            "question.next",
            "question.cancel",
            "help.search",
            "help.close",
        ],
    };
    let found = hints::footer(&app.keys, vocabulary, &contexts, wanted, look.symbols.ellipsis == "...");
    let found: Vec<_> = found
        .into_iter()
        .filter(|h| h.id.and_then(command::find).is_none_or(|c| (c.when)(app).is_ok()))
        .map(|mut h| {
            if app.layers.last().is_some_and(|l| matches!(l, Layer::History(_))) && h.id == Some("list.open") {
                "plan roll-back".clone_into(&mut h.label);
            }
            if h.id == Some("incident.act") && matches!(app.picked(), Some(Pick::Todo(_))) {
                "done".clone_into(&mut h.label);
            }
            if app.layers.last().is_some_and(|l| matches!(l, Layer::Activity(_))) && h.id == Some("list.open") {
                "plan undo".clone_into(&mut h.label);
            }
            h
        })
        .collect();
    // What is being changed now stands at the right until it is over; hints give way to it.
    let live = app.activities.iter().rev().find(|a| a.is_live());
    let (line, whole) = live.map_or_else(Default::default, |a| {
        let line = text::clean(&a.line).into_owned();
        let whole = format!("{}: {line}", text::clean(&a.title));
        (line, whole)
    });
    let beside = super::company::following_line(app).filter(|_| live.is_none());
    let taken = if let Some(text) = &beside {
        text::width(text).min(usize::from(area.width) / 2) + 4
    } else if live.is_some() {
        text::width(&line).min(usize::from(area.width) / 2) + 4
    } else {
        0
    };
    let found = hints::fit(
        found,
        usize::from(area.width.saturating_sub(2)).saturating_sub(taken),
        2,
        "app.help",
    );
    let mut x = 1;
    for hint in found {
        x += put(buf, area, x, 0, &hint.keys, look.style(Role::Key));
        x += put(
            buf,
            area,
            x,
            0,
            &format!(" {}  ", hint.label),
            look.style(Role::KeyLabel),
        );
    }
    if let Some(text) = beside {
        let room = usize::from(area.width.saturating_sub(x + 4));
        let text = format!(" {} {} ", look.symbols.pointer, text::truncate_end(&text, room));
        let at = area.width.saturating_sub(text::width(&text) as u16);
        put(buf, area, at, 0, &text, look.style(Role::Info));
    }
    if let Some(a) = live {
        let room = usize::from(area.width.saturating_sub(x + 4));
        let words = if text::width(&whole) <= room { whole } else { line };
        let text = format!(" {} {} ", look.symbols.waiting, text::truncate_end(&words, room));
        let at = area.width.saturating_sub(text::width(&text) as u16);
        let role = if a.worrying { Role::Warn } else { Role::Info };
        put(buf, area, at, 0, &text, look.style(role));
    }
}

/// Short notes, above the footer at the right.
pub fn toasts(app: &App, look: Look<'_>, body: Rect, buf: &mut Buffer) {
    let mut y = body.height;
    for toast in app.toasts.iter().rev() {
        let width = usize::from(body.width.saturating_sub(4)).min(76);
        let clean = text::clean(&toast.notice.text).into_owned();
        let role = if toast.notice.error { Role::Error } else { Role::Info };
        let lines = super::text::wrapped(&[crate::app::doc::Line::new(clean, role)], width, true);
        let height = lines.len() as u16;
        if y < height + 1 {
            break;
        }
        y -= height;
        let widest = lines.iter().map(|l| text::width(&l.text())).max().unwrap_or(0) as u16 + 4;
        let x = body.width.saturating_sub(widest);
        let area = Rect::new(body.x + x, body.y + y, widest, height);
        clear(buf, area, look.style(Role::Header));
        let mark = if toast.notice.error {
            look.symbols.failed
        } else {
            look.symbols.info
        };
        put(buf, area, 1, 0, mark, look.style(role).patch(look.style(Role::Header)));
        for (row, line) in lines.iter().enumerate() {
            put(buf, area, 3, row as u16, &line.text(), look.style(Role::Header));
        }
    }
}
