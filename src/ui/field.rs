//! A line that is being typed: as much of it as there is room for, and always the cursor.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Look, put, select};
use crate::app::field::Field;
use crate::text;
use crate::theme::Role;

/// Draws the field over the first row of `area`, and gives the place of its cursor. Of a secret nothing is drawn but how
/// long it is. What is selected looks so: it gives way to what is typed.
pub fn draw(look: Look<'_>, field: &Field, secret: bool, area: Rect, buf: &mut Buffer) -> Position {
    let masked = "*".repeat(field.text().chars().count());
    let whole = if secret { &masked } else { field.text() };
    let room = usize::from(area.width).max(2);
    // The cursor stands on a cell of its own: at the end, behind the last character.
    let before: Vec<char> = whole.chars().take(field.cursor()).collect();
    let width = |chars: &[char]| text::width(&chars.iter().collect::<String>());
    let more = look.symbols.ellipsis;
    let mut left = 0;
    while left < before.len() {
        let cut = if left > 0 { text::width(more) } else { 0 };
        if cut + width(before.get(left..).unwrap_or_default()) < room {
            break;
        }
        left += 1;
    }
    let cut = if left > 0 { more } else { "" };
    let rest: String = whole.chars().skip(left).collect();
    let shown = format!("{cut}{}", text::clean(&rest));
    let shown = text::truncate_end(&shown, room);
    put(buf, area, 0, 0, &shown, look.style(Role::PromptText));
    if field.is_selected() {
        let marked = Rect::new(area.x, area.y, text::width(&shown) as u16, 1);
        select(look, buf, marked.intersection(area), Role::Selection);
    }
    let at = text::width(cut) + width(before.get(left..).unwrap_or_default());
    Position::new(area.x + at as u16, area.y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_of_a_long_line_is_always_in_sight() {
        let text = "rollout cortex-worker stalled 2/3: pod cortex-worker-5455954757-7vwmz exited 1 (Error)";
        let mut field = Field::default();
        field.set(text);
        let area = Rect::new(3, 0, 30, 1);
        let mut buf = Buffer::empty(Rect::new(0, 0, 40, 1));
        let drawn = |field: &Field, buf: &mut Buffer| {
            buf.reset();
            let at = draw(super::super::measuring(), field, false, area, buf);
            let row: String = buf.content().iter().map(ratatui::buffer::Cell::symbol).collect();
            (at.x, row)
        };
        let (at, row) = drawn(&field, &mut buf);
        assert!(
            row.contains("exited 1 (Error)") && (area.x..area.right()).contains(&at),
            "{at} {row}"
        );
        assert_eq!(row.chars().nth(usize::from(at) - 1), Some(')'), "{at} {row}");
        field.input(crate::keys::Chord::plain(crate::keys::Key::Home));
        let (at, row) = drawn(&field, &mut buf);
        assert!(
            row.trim_start().starts_with("rollout cortex") && at == area.x,
            "{at} {row}"
        );
    }
}
