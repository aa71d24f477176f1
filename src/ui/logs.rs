//! Logs: whose line, when, how grave.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Look, frame, put, text as draw};
use crate::app::doc::Line;
use crate::app::layers::{Logs, readable};
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

/// The lines as they are shown.
pub fn lines(logs: &Logs, width: usize) -> Vec<Line> {
    let many = logs.many_pods();
    let containers = logs.containers.len() > 1;
    let lines: Vec<Line> = logs
        .shown()
        .map(|l| {
            let mut line = Line::default();
            if l.note {
                return Line::new(format!("— {} {}", l.pod, text::clean(&l.text)), Role::TextMuted);
            }
            if logs.timestamps
                && let Some(at) = l.at
            {
                line = line.and(format!("{} ", at.strftime("%H:%M:%S")), Role::LogTime);
            }
            if many {
                let tail: String = l
                    .pod
                    .chars()
                    .rev()
                    .take(14)
                    .collect::<Vec<_>>()
                    .into_iter()
                    .rev()
                    .collect();
                line = line.and(format!("{tail} "), Role::LogSource);
            }
            if containers {
                line = line.and(format!("{} ", l.container), Role::LogSource);
            }
            let words = readable(&l.text, logs.json);
            let role = level(&words);
            line.and(text::clean(&words).into_owned(), role)
        })
        .collect();
    draw::wrapped(&lines, width, logs.scroll.wrap)
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
    title.push(if logs.follow {
        ("  following".to_owned(), look.style(Role::Ok))
    } else {
        ("  held".to_owned(), look.style(Role::TextMuted))
    });
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
    let lines = lines(logs, usize::from(inner.width));
    if lines.is_empty() {
        let text = logs.ended.clone().unwrap_or_else(|| "waiting for lines".to_owned());
        put(buf, inner, 0, 0, &text::clean(&text), look.style(Role::TextMuted));
        return None;
    }
    draw::body(look, inner, &lines, &logs.scroll, buf);
    draw::position(look, body, &logs.scroll, lines.len(), buf);
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
