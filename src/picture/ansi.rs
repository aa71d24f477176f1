//! The screen as text with colours, for `cat` and for `less -R`.

use crate::term::sgr::Pen;

use super::{Drawn, Paper, rows};
use unicode_width::UnicodeWidthStr;

/// Each row ends in the terminal's own look, so that nothing runs over into what comes after it.
pub fn ansi(drawn: &Drawn, paper: Paper<'_>) -> String {
    let mut out = Vec::new();
    for row in rows(&drawn.cells) {
        let mut pen = Pen::DEFAULT;
        let mut skip = 0;
        for cell in row {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let next = Pen {
                fg: paper.depth.nearest(cell.fg),
                bg: paper.depth.nearest(cell.bg),
                modifier: cell.modifier,
            };
            next.write(Some(pen), &mut out);
            pen = next;
            out.extend_from_slice(cell.symbol().as_bytes());
            skip = cell.symbol().width().saturating_sub(1);
        }
        Pen::DEFAULT.write(Some(pen), &mut out);
        out.push(b'\n');
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::{Depth, Glyphs, Theme};
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    #[test]
    fn a_terminal_that_is_sent_it_shows_the_same() {
        let mut cells = Buffer::empty(Rect::new(0, 0, 12, 2));
        cells.set_string(0, 0, "red 日本 end", Style::new().red().bold());
        cells.set_string(3, 1, "plain", Style::new());
        let drawn = Drawn { cells, cursor: None };
        let theme = Theme::built_in("dark", Depth::True);
        let paper = Paper {
            theme: &theme,
            depth: Depth::True,
            glyphs: Glyphs::Unicode,
            title: "",
        };
        let mut terminal = vt100::Parser::new(3, 12, 0);
        terminal.process(ansi(&drawn, paper).replace('\n', "\r\n").as_bytes());
        assert_eq!(terminal.screen().contents().trim_end(), "red 日本 end\n   plain");
        assert!(terminal.screen().cell(0, 0).unwrap().bold());
        assert!(
            !terminal.screen().cell(1, 3).unwrap().bold(),
            "the look ends with the row"
        );
    }
}
