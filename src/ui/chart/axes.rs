//! Labels of the values at the left, of the time beneath, and what was done meanwhile.

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::columns::Span;
use super::scale::{Scale, written};
use super::{LABELS, has_half};
use crate::app::App;
use crate::app::charts::Unit;
use crate::text;
use crate::theme::Role;
use crate::ui::{Look, put};

const DAY: i64 = 86_400;

/// `14:02Z`, and the day where a day begins: `21 Nov`.
fn clock(second: i64) -> String {
    let s = second.rem_euclid(DAY);
    if s == 0
        && let Ok(at) = Timestamp::from_second(second)
    {
        return at.strftime("%e %b").to_string();
    }
    format!("{:02}:{:02}Z", s / 3600, s % 3600 / 60)
}

/// At the left.
pub fn values(look: Look<'_>, unit: Unit, scale: &Scale, plot: Rect, buf: &mut Buffer) {
    let muted = look.style(Role::TextMuted);
    let labels = Rect::new(plot.x - LABELS, plot.y, LABELS, plot.height);
    let mut label = |y: u16, value: f64| {
        let text = text::pad_left(&written(unit, value), usize::from(LABELS - 2));
        put(buf, labels, 0, y, &text, muted);
    };
    label(0, scale.top);
    if plot.height >= 8 && has_half(unit, scale.top) {
        label(plot.height / 2, scale.top / 2.0);
    }
    label(plot.height - 1, 0.0);
}

/// Beneath.
pub fn draw(look: Look<'_>, plot: Rect, span: Span, buf: &mut Buffer) {
    let muted = look.style(Role::TextMuted);
    let ground = Rect::new(plot.x, plot.bottom(), plot.width, 2);
    for x in 0..plot.width {
        put(buf, ground, x, 0, "─", look.style(Role::Border));
    }
    // A label each fifteen columns or more, at round times.
    let most = i64::from(plot.width / 15).max(1);
    let steps = [60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, DAY];
    let step = steps.into_iter().find(|s| span.seconds / s <= most).unwrap_or(2 * DAY);
    let mut at = (span.from / step + 1) * step;
    while at < span.from + span.seconds {
        let x = span.column(at, usize::from(plot.width)) as u16;
        put(buf, ground, x, 0, "┴", look.style(Role::Border));
        let text = clock(at);
        let left = x.saturating_sub(3);
        if left + text.len() as u16 <= plot.width {
            put(buf, ground, left, 1, &text, muted);
        }
        at += step;
    }
}

/// What was done, on the ground line.
pub fn marks(look: Look<'_>, marks: &[(Timestamp, String)], plot: Rect, span: Span, buf: &mut Buffer) {
    let ground = Rect::new(plot.x, plot.bottom(), plot.width, 1);
    for (at, _) in marks {
        let x = span.column(at.as_second(), usize::from(plot.width)) as u16;
        put(
            buf,
            ground,
            x.min(plot.width - 1),
            0,
            look.symbols.mark,
            look.style(Role::Info),
        );
    }
}

/// What was done, in words: the newest first, as many as there is room for.
pub fn told(app: &App, look: Look<'_>, marks: &[(Timestamp, String)], line: Rect, buf: &mut Buffer) {
    let mut x = 1;
    for (at, words) in marks.iter().rev() {
        let s = at.as_second().rem_euclid(DAY);
        let day = if app.now.duration_since(*at).as_secs() < DAY {
            String::new()
        } else {
            at.strftime("%e %b ").to_string()
        };
        let time = format!("{day}{:02}:{:02}Z", s / 3600, s % 3600 / 60);
        let text = format!("{} {time} {}", look.symbols.mark, text::clean(words));
        let columns = text::width(&text) as u16;
        if x > 1 && x + columns >= line.width {
            return;
        }
        let text = text::truncate_end(&text, usize::from(line.width.saturating_sub(x + 1)));
        x += put(buf, line, x, 0, &text, look.style(Role::Info)) + 3;
    }
}
