//! Lines of text in a frame: wrapping, scrolling, colouring.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Look, frame, put};
use crate::app::doc::{Line, Scroll};
use crate::text;
use crate::theme::Role;

/// Breaks lines at `width` columns. What follows stands below the value of a labelled line, else at the edge.
pub fn wrapped(lines: &[Line], width: usize, wrap: bool) -> Vec<Line> {
    wrapped_by(lines, width, wrap, 0)
}

/// Where the rest of a broken line begins: below what follows its label, mark or source; else at `otherwise`.
fn hanging(line: &Line, width: usize, otherwise: usize) -> usize {
    match line.0.as_slice() {
        // When, who and a mark before the text.
        [(when, _), (who, _), (mark, _), _, ..]
            if [when, who, mark].iter().all(|part| part.ends_with(' ')) && text::width(mark) == 2 =>
        {
            let before = text::width(when) + text::width(who) + 2;
            if before <= 28.min(width / 2) {
                before
            } else {
                text::width(when).min(20)
            }
        }
        // Two columns before the text: a mark and a label, an age and a reason.
        [(first, _), (second, _), _, ..] if first.ends_with(' ') && second.ends_with("  ") => {
            match (text::width(first), text::width(first) + text::width(second)) {
                (_, both) if both <= 28.min(width / 2) => both,
                (mark, _) => mark.min(20),
            }
        }
        [(first, _), _, ..] if first.ends_with(' ') => match text::width(first) {
            w if w <= 20.min(width / 2) => w,
            _ => otherwise,
        },
        // A mark and a sentence: `! the HPA may undo this`.
        [(only, _)] if only.chars().nth(1) == Some(' ') && !only.starts_with(char::is_alphanumeric) => 2,
        _ => otherwise,
    }
}

/// The pieces between which a line may be broken: words, and the parts of words that are longer than a line.
fn parts(text: &str, room: usize) -> impl Iterator<Item = &str> {
    text.split_inclusive(' ').flat_map(move |word| {
        let whole = text::width(word.trim_end()) <= room;
        let at = move |c: char| if whole { c == ' ' } else { matches!(c, ' ' | ',' | '/') };
        word.split_inclusive(at)
    })
}

/// As [`wrapped`]; lines without a label go on at column `otherwise`.
pub fn wrapped_by(lines: &[Line], width: usize, wrap: bool, otherwise: usize) -> Vec<Line> {
    if !wrap || width < 8 {
        return lines.to_vec();
    }
    let mut out = Vec::with_capacity(lines.len());
    for line in lines {
        if text::width(&line.text()) <= width {
            out.push(line.clone());
            continue;
        }
        let hang = hanging(line, width, otherwise);
        let indent = " ".repeat(hang);
        let mut now: Vec<(String, Role)> = Vec::new();
        let mut used = 0;
        for (piece, role) in &line.0 {
            let mut words = String::new();
            for word in parts(piece, width.saturating_sub(hang)) {
                let w = text::width(word);
                if used + w > width && used > hang {
                    if !words.is_empty() {
                        now.push((std::mem::take(&mut words), *role));
                    }
                    out.push(Line(std::mem::take(&mut now)));
                    now.push((indent.clone(), *role));
                    used = hang;
                }
                if w > width.saturating_sub(hang) {
                    // One word longer than the line: cut hard.
                    for c in word.chars() {
                        if used >= width {
                            now.push((std::mem::take(&mut words), *role));
                            out.push(Line(std::mem::take(&mut now)));
                            now.push((indent.clone(), *role));
                            used = hang;
                        }
                        words.push(c);
                        used += 1;
                    }
                } else {
                    words.push_str(word);
                    used += w;
                }
            }
            if !words.is_empty() {
                now.push((words, *role));
            }
        }
        out.push(Line(now));
    }
    out
}

/// Writes a line from column `left` on.
pub fn line(look: Look<'_>, buf: &mut Buffer, area: Rect, y: u16, line: &Line, left: usize) {
    let mut x = 0u16;
    let mut skip = left;
    for (piece, role) in &line.0 {
        let shown: String = if skip == 0 {
            piece.clone()
        } else {
            let n = piece.chars().count();
            let cut: String = piece.chars().skip(skip).collect();
            skip = skip.saturating_sub(n);
            cut
        };
        x += put(buf, area, x, y, &shown, look.style(*role));
        if usize::from(x) < left_over(line, left) && x >= area.width {
            // More than fits: the last column says so.
            put(
                buf,
                area,
                area.width.saturating_sub(1),
                y,
                text::ELLIPSIS,
                look.style(*role),
            );
            break;
        }
    }
}

/// How wide a line is from column `left` on.
fn left_over(line: &Line, left: usize) -> usize {
    text::width(&line.text()).saturating_sub(left)
}

/// The lines that are in sight, in a frame with a title.
pub fn panel(look: Look<'_>, area: Rect, title: &str, lines: &[Line], scroll: &Scroll, buf: &mut Buffer) {
    let inner = frame(
        buf,
        area,
        look.style(Role::BorderFocus),
        &[(text::clean(title).into_owned(), look.style(Role::TitleFocus))],
    );
    let inner = Rect::new(inner.x + 1, inner.y, inner.width.saturating_sub(2), inner.height);
    let lines = wrapped(lines, usize::from(inner.width), scroll.wrap);
    body(look, inner, &lines, scroll, buf);
    position(look, area, scroll, lines.len(), buf);
}

/// The lines that are in sight.
pub fn body(look: Look<'_>, area: Rect, lines: &[Line], scroll: &Scroll, buf: &mut Buffer) {
    for (row, l) in lines.iter().skip(scroll.top).take(usize::from(area.height)).enumerate() {
        line(look, buf, area, row as u16, l, scroll.left);
        if scroll.hit == Some(scroll.top + row) {
            buf.set_style(
                Rect::new(area.x, area.y + row as u16, area.width, 1),
                look.style(Role::SearchCurrent),
            );
        }
    }
}

/// `12–40 of 300` in the lower frame, when there is more than fits.
pub fn position(look: Look<'_>, area: Rect, scroll: &Scroll, len: usize, buf: &mut Buffer) {
    let page = usize::from(area.height.saturating_sub(2));
    shown(look, area, scroll.top, page, len, buf);
}

/// The same for so many rows of `len` from one on; nothing where all are in sight.
pub fn shown(look: Look<'_>, area: Rect, from: usize, page: usize, len: usize, buf: &mut Buffer) {
    if len <= page {
        return;
    }
    let text = format!(" {}–{} of {len} ", from + 1, (from + page).min(len));
    let x = area.width.saturating_sub(text::width(&text) as u16 + 2);
    put(
        buf,
        area,
        x,
        area.height.saturating_sub(1),
        &text,
        look.style(Role::TextMuted),
    );
}

/// YAML: the key muted, the value plain.
pub fn yaml(text: &str) -> Line {
    match text.split_once(':') {
        Some((key, value)) if !key.trim_start().starts_with('#') => {
            Line(vec![(format!("{key}:"), Role::Accent), (value.to_owned(), Role::Text)])
        }
        _ => Line::plain(text),
    }
}
