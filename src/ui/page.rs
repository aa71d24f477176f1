//! What is open on top as plain text, whole: for the pager.

use ratatui::layout::Rect;

use super::{company, detail, help, incident, item_lines, measuring, plan, runbook, timeline};
use crate::app::doc::Line;
use crate::app::layers::Content;
use crate::app::{App, Layer};
use crate::text;

/// As wide as a plan or a step is laid out for a pager.
const WIDE: Rect = Rect::new(0, 0, 100, 2_000);

/// Title and lines of the topmost layer; `None` where it is no text. Clean of control characters, as on the screen, and
/// of what the screen does not show.
pub fn page(app: &App) -> Option<(String, String)> {
    let (title, lines): (String, Vec<String>) = match app.layers.last()? {
        Layer::Detail(d) => (d.object.to_string(), texts(&detail::opened(app, d))),
        Layer::Item(i) => {
            let (title, lines) = item_lines(app, i);
            (title, texts(&lines))
        }
        Layer::Text(t) => match &t.content {
            Content::Lines(lines) => (t.title.clone(), lines.clone()),
            Content::Loading(_) => return None,
            Content::Failed(why) => (t.title.clone(), vec![why.clone()]),
        },
        Layer::Logs(l) => (format!("{} · logs", l.title), l.plain()),
        Layer::History(h) => (format!("{} · revisions", h.object), texts(&h.diff())),
        Layer::Plan(p) => {
            let (title, lines) = plan::page(app, p, WIDE);
            (title, texts(&lines))
        }
        Layer::Runbook(v) => {
            let (title, lines) = runbook::page(app, v, WIDE)?;
            (title, texts(&lines))
        }
        Layer::Incident(v) => (incident::title(app, v), texts(&incident::lines(app, measuring(), v))),
        Layer::Timeline(v) => (timeline::title(app, v), texts(&timeline::lines(app, measuring(), v))),
        Layer::Help(h) => ("Help".to_owned(), texts(&help::lines(app, h, usize::from(WIDE.width)))),
        Layer::Followed(_) => {
            let (title, lines) = company::followed(app, measuring());
            (title, texts(&lines))
        }
        _ => return None,
    };
    let place = app.place().map(|p| format!("  ({})", p.context)).unwrap_or_default();
    let mut whole = format!("{title}{place}\n\n");
    for line in lines {
        whole.push_str(text::clean(&line).trim_end());
        whole.push('\n');
    }
    Some((title, whole))
}

fn texts(lines: &[Line]) -> Vec<String> {
    lines.iter().map(Line::text).collect()
}
