//! The panel of a run: steps at the left, the current one at the right with its live evidence.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Look, frame, put, text as draw};
use crate::app::doc::Line;
use crate::app::layers::RunView;
use crate::app::{App, RunEntry};
use crate::runbook::cel::Answer;
use crate::runbook::engine::{OfferKind, StepState, TextBlock, Verdict};
use crate::runbook::format::Style as Prose;
use crate::runbook::view::{self, StepLine, View};
use crate::text;
use crate::theme::Role;

fn entry<'a>(app: &'a App, v: &RunView) -> Option<&'a RunEntry> {
    app.runs.iter().find(|r| r.number == v.run)
}

fn split(body: Rect) -> (Rect, Rect) {
    let left = if body.width >= 110 { 38 } else { 29 };
    (
        Rect::new(body.x, body.y + 1, left, body.height.saturating_sub(1)),
        Rect::new(
            body.x + left,
            body.y + 1,
            body.width - left,
            body.height.saturating_sub(1),
        ),
    )
}

fn spans(pieces: &[(String, Prose)]) -> Line {
    Line(
        pieces
            .iter()
            .map(|(t, s)| {
                let role = match s {
                    Prose::Code => Role::Code,
                    Prose::Strong => Role::TextStrong,
                    _ => Role::Text,
                };
                (text::clean(t).into_owned(), role)
            })
            .collect(),
    )
}

fn answer(a: &Answer) -> String {
    match a {
        Answer::Known(v) => v.to_string(),
        Answer::Unknown(why) => format!("? ({why})"),
    }
}

/// The current step as lines.
fn step_lines(look: Look<'_>, entry: &RunEntry, v: &View, chosen: usize) -> Vec<Line> {
    let mut out = Vec::new();
    let Some(step) = &v.step else {
        out.push(Line::new("The runbook is through. Enter closes it.", Role::Ok));
        return out;
    };
    for block in &step.prose {
        match block {
            TextBlock::Paragraph(p) => {
                out.push(spans(p));
                out.push(Line::default());
            }
            TextBlock::Heading(p) => out.push(Line(spans(p).0.into_iter().map(|(t, _)| (t, Role::Heading)).collect())),
            TextBlock::Item { depth, number, text } => {
                let mark = number.map_or_else(|| look.symbols.dot.to_owned(), |n| format!("{n}."));
                let mut line = Line::new(format!("{}{mark} ", "  ".repeat(*depth)), Role::TextMuted);
                line.0.extend(spans(text).0);
                out.push(line);
            }
            TextBlock::Code(lines) => out.extend(lines.iter().map(|l| Line::new(format!("  {l}"), Role::Code))),
        }
    }
    let labels = step.evidence.iter().map(|e| text::width(&text::clean(&e.label))).max();
    let labels = labels.unwrap_or(0).clamp(8, 18);
    for e in &step.evidence {
        let (mark, role) = match &e.verdict {
            Verdict::Plain => (" ", Role::Text),
            Verdict::Good => (look.symbols.ok, Role::Ok),
            Verdict::Bad => (look.symbols.failed, Role::Error),
            Verdict::Unknown(_) => (look.symbols.unknown, Role::Warn),
        };
        let mut line = Line::new(format!("{mark} "), role)
            .and(format!("{:<labels$}  ", text::clean(&e.label)), Role::TextMuted)
            .and(text::clean(&answer(&e.value)).into_owned(), role);
        if !e.expected.is_empty() && !matches!(e.verdict, Verdict::Good) {
            line = line.and(format!("   expected: {}", text::clean(&e.expected)), Role::TextMuted);
        }
        out.push(line);
    }
    for p in &step.params {
        let label = p.help.as_deref().unwrap_or(&p.name).trim_end_matches('.');
        out.push(
            Line::new(format!("{} ", look.symbols.pointer), Role::Accent)
                .and(format!("{label}: "), Role::TextMuted)
                .and(answer(&p.value), Role::TextStrong)
                .and(if p.set { "" } else { "   suggested; e changes it" }, Role::TextMuted),
        );
    }
    if let Some(p) = &step.proposal {
        out.push(
            Line::new(format!("{} ", look.symbols.arrow), Role::Accent)
                .and(text::clean(p).into_owned(), Role::TextStrong),
        );
    }
    if !v.waiting.is_empty() {
        out.push(Line::default());
        out.push(Line::new(format!("waits {}", text::clean(&v.waiting)), Role::Info));
    }
    if let StepState::Failed(why) | StepState::Unknown(why) = &step.state {
        out.push(Line::default());
        out.push(Line::new(text::clean(why).into_owned(), Role::Error));
    }
    if let Some(notice) = &v.notice {
        out.push(Line::new(text::clean(notice).into_owned(), Role::Warn));
    }
    for n in &step.notes {
        out.push(Line::new(format!("note: {}", text::clean(n)), Role::TextMuted));
    }
    let ways = crate::app::ways(entry);
    if !ways.is_empty() {
        out.push(Line::default());
        for (i, (kind, label)) in ways.iter().enumerate() {
            let on = i == chosen;
            let mark = if on { look.symbols.pointer } else { " " };
            let key = if on { "↵ " } else { "  " };
            let role = if on { Role::Accent } else { Role::Text };
            let _ = kind;
            out.push(Line::new(format!("{mark} {key}{label}"), role));
        }
    }
    let others: Vec<String> = v
        .offers
        .iter()
        .filter_map(|o| match o.kind {
            OfferKind::Retry => Some(format!("t {}", o.label)),
            OfferKind::Skip => Some(format!("s {}", o.label)),
            OfferKind::RollBack => Some(format!("b {}", o.label)),
            OfferKind::Abort => Some(format!("x {}", o.label)),
            OfferKind::SetParam => Some(format!("e {}", o.label)),
            _ => None,
        })
        .collect();
    if !others.is_empty() {
        out.push(Line::new(others.join("   "), Role::TextMuted));
    }
    if !step.opens.is_empty() {
        let words: Vec<String> = step
            .opens
            .iter()
            .map(|o| format!("{} {}", open_key(*o), o.name()))
            .collect();
        out.push(Line::new(words.join("   "), Role::TextMuted));
    }
    out
}

fn open_key(open: crate::runbook::format::Open) -> &'static str {
    use crate::runbook::format::Open;
    match open {
        Open::History => "h",
        Open::Difference => "d",
        Open::Logs => "l",
        Open::PreviousLogs => "p",
        Open::Events => "v",
        Open::Detail => "o",
        Open::Incident => "i",
    }
}

/// (lines on screen, lines in all, jump) of the step's text.
pub fn extent(app: &App, v: &RunView, body: Rect) -> (usize, usize, Option<usize>) {
    let (_, right) = split(body);
    let page = usize::from(right.height.saturating_sub(2));
    let Some(entry) = entry(app, v) else {
        return (page, 0, None);
    };
    let look = super::measuring();
    let view = view::of(&entry.run, app.now);
    let lines = draw::wrapped(
        &step_lines(look, entry, &view, v.choice),
        usize::from(right.width.saturating_sub(4)),
        true,
    );
    (page, lines.len(), None)
}

/// The steps with the row that each begins at. Titles go over two lines where all steps still fit; where they do not,
/// the list is cut around the current step.
fn step_list(steps: &[StepLine], width: usize, rows: usize) -> Vec<(u16, &StepLine, Vec<String>)> {
    let titles: Vec<Vec<String>> = steps
        .iter()
        .map(|s| {
            let line = Line::plain(format!("{} {}", s.number, text::clean(&s.title)));
            let lines = draw::wrapped(&[line], width, true);
            lines.iter().map(Line::text).collect()
        })
        .collect();
    let whole = titles.iter().map(Vec::len).sum::<usize>() <= rows;
    let current = steps.iter().position(|s| s.current).unwrap_or(0);
    let from = if whole || steps.len() <= rows {
        0
    } else {
        current.saturating_sub(rows / 2).min(steps.len() - rows)
    };
    let mut y = 0;
    let mut out = Vec::with_capacity(steps.len());
    for (s, mut words) in steps.iter().zip(titles).skip(from) {
        if !whole {
            let line = format!("{} {}", s.number, text::clean(&s.title));
            words = vec![text::truncate_end(&line, width).into_owned()];
        }
        if y + words.len() > rows {
            break;
        }
        let height = words.len();
        out.push((y as u16, s, words));
        y += height;
    }
    out
}

pub fn draw(app: &App, look: Look<'_>, v: &RunView, body: Rect, buf: &mut Buffer) -> Option<Position> {
    let Some(entry) = entry(app, v) else {
        put(buf, body, 1, 0, "this run is gone", look.style(Role::Warn));
        return None;
    };
    let view = view::of(&entry.run, app.now);
    let mut x = put(buf, body, 1, 0, "RUNBOOK ", look.style(Role::Accent)) + 1;
    x += put(buf, body, x, 0, &text::clean(&view.title), look.style(Role::TextStrong));
    let minutes = view.elapsed / 60;
    let rest = format!(
        " {d} {} {d} run {} {d} {minutes} min",
        text::clean(&view.subject),
        view.run,
        d = look.symbols.dot
    );
    put(buf, body, x, 0, &rest, look.style(Role::TextMuted));
    let (left, right) = split(body);
    let inner = frame(
        buf,
        left,
        look.style(Role::Border),
        &[("Steps".to_owned(), look.style(Role::Title))],
    );
    let room = usize::from(inner.height.saturating_sub(3));
    for (y, s, words) in step_list(&view.steps, usize::from(inner.width.saturating_sub(4)), room) {
        let (mark, role) = match &s.state {
            StepState::Passed(_) => (look.symbols.ok, Role::Ok),
            StepState::Failed(_) => (look.symbols.failed, Role::Error),
            StepState::Skipped(_) => ("–", Role::TextMuted),
            StepState::Unknown(_) => (look.symbols.unknown, Role::Warn),
            StepState::Current => (look.symbols.pointer, Role::Accent),
            StepState::Todo => (look.symbols.waiting, Role::TextMuted),
        };
        put(buf, inner, 1, y, mark, look.style(role));
        let role = if s.current {
            Role::TextStrong
        } else if matches!(s.state, StepState::Todo) {
            Role::TextMuted
        } else {
            Role::Text
        };
        for (i, words) in words.iter().enumerate() {
            put(buf, inner, 3, y + i as u16, words, look.style(role));
        }
    }
    let started = view.started.as_second().rem_euclid(86_400);
    let low = inner.height.saturating_sub(2);
    put(
        buf,
        inner,
        1,
        low,
        &format!(
            "started {:02}:{:02}Z {}",
            started / 3600,
            started % 3600 / 60,
            text::clean(&view.operator)
        ),
        look.style(Role::TextMuted),
    );
    let undo = match view.undos {
        0 => "undo    nothing yet".to_owned(),
        n => format!("undo    {n} reversible"),
    };
    put(buf, inner, 1, low + 1, &undo, look.style(Role::TextMuted));
    let title = view.step.as_ref().map_or_else(
        || "Done".to_owned(),
        |s| format!("{} {}", s.number, text::clean(&s.title)),
    );
    let inner = frame(
        buf,
        right,
        look.style(Role::BorderFocus),
        &[(title, look.style(Role::TitleFocus))],
    );
    let inner = Rect::new(inner.x + 1, inner.y, inner.width.saturating_sub(2), inner.height);
    let lines = draw::wrapped(
        &step_lines(look, entry, &view, v.choice),
        usize::from(inner.width),
        true,
    );
    draw::body(look, inner, &lines, &v.scroll, buf);
    draw::position(look, right, &v.scroll, lines.len(), buf);
    Some(Position::new(inner.x, inner.y))
}
