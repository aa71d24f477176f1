//! Logs: whose line, when, how grave.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Look, frame, put, text as draw};
use crate::app::doc::{Line, Scroll};
use crate::app::layers::{Logs, readable};
use crate::app::msg::LogLine;
use crate::text;
use crate::theme::Role;

/// The role of a line by the level that it names near its beginning.
fn level(line: &str) -> Role {
    let head: String = line.chars().take(60).collect::<String>().to_ascii_uppercase();
    let has = |w: &str| head.split(|c: char| !c.is_ascii_alphabetic()).any(|x| x == w);
    if ["ERROR", "FATAL", "PANIC", "CRITICAL"].into_iter().any(has) {
        Role::LogError
    } else if ["WARN", "WARNING"].into_iter().any(has) {
        Role::LogWarn
    } else if ["DEBUG", "TRACE"].into_iter().any(has) {
        Role::LogDebug
    } else {
        Role::Text
    }
}

/// How much of all pods' names is the same, up to a dash, and how wide the widest rest is.
fn sources(logs: &Logs) -> (usize, usize) {
    let pods: Vec<&str> = logs.pods.iter().map(|p| &**p).collect();
    let first = pods.first().copied().unwrap_or("");
    let same = |end: usize| pods.iter().all(|p| p.get(..end) == first.get(..end));
    let common = first
        .match_indices('-')
        .map(|(at, dash)| at + dash.len())
        .take_while(|end| same(*end))
        .last()
        .unwrap_or(0);
    let widest = pods.iter().filter_map(|p| p.get(common..)).map(text::width).max();
    (common, widest.unwrap_or(0).min(20))
}

/// How wide the parts before the text are.
struct Columns {
    /// The beginning that all pods' names share, in bytes: it is left out.
    common: usize,
    /// The room for the rest of a pod's name; 0: not shown.
    source: usize,
    containers: bool,
}

impl Columns {
    fn of(logs: &Logs) -> Self {
        let (common, source) = if logs.many_pods() { sources(logs) } else { (0, 0) };
        Self {
            common,
            source,
            containers: logs.containers.len() > 1,
        }
    }

    fn line(&self, logs: &Logs, l: &LogLine) -> Line {
        let mut line = Line::default();
        if l.note {
            return Line::new(format!("— {} {}", l.pod, text::clean(&l.text)), Role::TextMuted);
        }
        if logs.timestamps
            && let Some(at) = l.at
        {
            line = line.and(format!("{} ", at.strftime("%H:%M:%S")), Role::LogTime);
        }
        if self.source > 0 {
            let own = l.pod.get(self.common..).unwrap_or(&l.pod);
            line = line.and(format!("{} ", text::pad(own, self.source)), Role::LogSource);
        }
        if self.containers {
            line = line.and(format!("{} ", l.container), Role::LogSource);
        }
        let words = readable(&l.text, logs.json);
        let role = level(&words);
        line.and(text::clean(&words).into_owned(), role)
    }

    fn rows(&self, logs: &Logs, l: &LogLine, width: usize) -> Vec<Line> {
        draw::wrapped_by(&[self.line(logs, l)], width, logs.scroll.wrap, 2)
    }
}

/// (lines on the last page, lines in all). Lines of the log, not rows: only what is on screen is ever laid out, for a
/// log may be long and a frame must not be.
pub fn extent(logs: &Logs, width: usize, rows: usize) -> (usize, usize) {
    let columns = Columns::of(logs);
    let len = logs.len();
    let mut left = rows;
    let mut page = 0;
    for l in logs.shown().rev() {
        let takes = columns.rows(logs, l, width).len();
        if takes > left {
            break;
        }
        left -= takes;
        page += 1;
    }
    (page.max(1), len)
}

pub fn draw(look: Look<'_>, logs: &Logs, body: Rect, buf: &mut Buffer) -> Option<Position> {
    let mut title = vec![(
        format!("{} · logs", text::clean(&logs.title)),
        look.style(Role::TitleFocus),
    )];
    if let Some(c) = &logs.query.container {
        title.push((format!(" · {}", text::clean(c)), look.style(Role::Title)));
    }
    if logs.query.previous {
        title.push((" · previous run".to_owned(), look.style(Role::Warn)));
    }
    if logs.ended.is_none() && !logs.query.previous {
        title.push(if logs.follow {
            ("  following".to_owned(), look.style(Role::Ok))
        } else {
            ("  held".to_owned(), look.style(Role::TextMuted))
        });
    }
    if logs.dropped > 0 {
        title.push((format!("  {} lines dropped", logs.dropped), look.style(Role::Warn)));
    }
    if !logs.only.is_empty() {
        title.push((
            format!("  only “{}”", text::clean(&logs.only)),
            look.style(Role::Accent),
        ));
    }
    let inner = frame(buf, body, look.style(Role::BorderFocus), &title);
    let inner = Rect::new(inner.x + 1, inner.y, inner.width.saturating_sub(2), inner.height);
    let columns = Columns::of(logs);
    let mut rows = Vec::new();
    let mut hit = None;
    for (i, l) in logs.shown().enumerate().skip(logs.scroll.top) {
        if rows.len() >= usize::from(inner.height) {
            break;
        }
        if logs.scroll.hit == Some(i) {
            hit = Some(rows.len());
        }
        rows.extend(columns.rows(logs, l, usize::from(inner.width)));
    }
    if rows.is_empty() {
        let text = logs.ended.clone().unwrap_or_else(|| "waiting for lines".to_owned());
        put(buf, inner, 0, 0, &text::clean(&text), look.style(Role::TextMuted));
        return None;
    }
    let page = Scroll {
        top: 0,
        hit,
        ..logs.scroll.clone()
    };
    draw::body(look, inner, &rows, &page, buf);
    draw::position(look, body, &logs.scroll, logs.scroll.len, buf);
    if let Some(why) = &logs.ended {
        put(
            buf,
            body,
            2,
            body.height - 1,
            &format!(" {} ", text::clean(why)),
            look.style(Role::TextMuted),
        );
    }
    Some(Position::new(inner.x, inner.bottom().saturating_sub(1)))
}
