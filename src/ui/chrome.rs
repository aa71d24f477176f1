//! Attention strip, footer, toasts.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Look, clear, put, select};
use crate::app::layers::Pick;
use crate::app::{App, Connection, Focus, Layer, Strip, command};
use crate::keys::{CONTEXTS, Vocabulary, hints};
use crate::model::Freshness;
use crate::signal::Severity;
use crate::text;
use crate::theme::Role;

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

/// Hints that give way last, the first of them last of all: how to get out of here, and where the other keys stand.
const STAY: &[&str] = &[
    "app.back",
    "plan.cancel",
    "approval.cancel",
    "company.close",
    "question.yes",
    "question.cancel",
    "picker.cancel",
    "palette.cancel",
    "text.cancel",
    "help.close",
    "app.help",
];

/// The keys that work here, now. The way back and `?` are dropped last.
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
            "app.back",
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
        Some(Layer::Item(_)) => &[
            "app.back",
            "Actions…",
            "chart.open",
            "jump.related",
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
            "incident.close",
            "app.back",
            "incident.todo",
            "incident.decision",
            "incident.fact",
            "incident.status",
            "temporary.stays",
            "incident.take",
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
            "question.yes",
            "question.cancel",
            "question.next",
            "help.search",
            "help.close",
        ],
    };
    let found = hints::footer(&app.keys, vocabulary, &contexts, wanted, look.symbols.ellipsis == "...");
    let found: Vec<_> = found
        .into_iter()
        .filter(|h| h.id.and_then(command::find).is_none_or(|c| (c.when)(app).is_ok()))
        .filter(|h| h.id != Some("app.back") || app.has_way_back())
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
        STAY,
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
