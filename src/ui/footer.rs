//! The last line of the screen: the keys that work here, now.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Look, put};
use crate::app::layers::Pick;
use crate::app::{App, Focus, Layer, command};
use crate::keys::{CONTEXTS, Vocabulary, hints};
use crate::text;
use crate::theme::Role;

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

/// What is worth a hint here, the most important first.
fn wanted(app: &App) -> &'static [&'static str] {
    match app.layers.last() {
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
    }
}

/// The keys that work here, now. The way back and `?` are dropped last.
pub fn footer(app: &App, look: Look<'_>, area: Rect, buf: &mut Buffer) {
    let rows = command::rows();
    let vocabulary = Vocabulary {
        commands: &rows,
        contexts: CONTEXTS,
    };
    let contexts = app.contexts();
    let found = hints::footer(
        &app.keys,
        vocabulary,
        &contexts,
        wanted(app),
        look.symbols.ellipsis.is_ascii(),
    );
    let found: Vec<_> = found
        .into_iter()
        .filter(|h| h.id.and_then(command::find).is_none_or(|c| (c.when)(app).is_ok()))
        .filter(|h| h.id != Some("app.back") || app.has_way_back())
        .filter(|h| h.id != Some("step.go") || app.goes_on())
        .filter(|h| h.id != Some("list.open") || app.opens_something())
        .filter(|h| h.id != Some("search.next") || app.looks_for_something())
        .map(|mut h| {
            if h.id == Some("step.go") && app.is_run_over() {
                "close".clone_into(&mut h.label);
            }
            if h.id == Some("search.next")
                && let Some(hits) = app.hits()
            {
                h.label = format!("next, {hits}");
            }
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
