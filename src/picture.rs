//! Pictures of the screen, made without a terminal: as SVG or PNG for people, as text for everything else.
//!
//! [`draw`] draws the console into memory, [`svg`], [`png`], [`ansi`] and [`text`] write down what was drawn. The same screen gives the
//! same bytes, so that a test can tell when a picture is no longer true. Text stays text (it can be selected and
//! searched); frames and bars are drawn as lines and boxes, because fonts leave seams between them.

mod ansi;
mod png;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Position;
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

use crate::app::App;
use crate::theme::colour::{Rgb, rgb};
use crate::theme::{Depth, Glyphs, Role, Symbols, Theme, symbols};
use crate::ui::{self, Look};

pub use ansi::ansi;
pub use png::png;

/// How the terminal in the picture shows things.
#[derive(Clone, Copy)]
pub struct Paper<'a> {
    /// Made for the same depth.
    pub theme: &'a Theme,
    pub depth: Depth,
    pub glyphs: Glyphs,
    /// Stands in the window's frame.
    pub title: &'a str,
}

/// What was drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    pub cells: Buffer,
    /// Where the hardware cursor is, if it shows.
    pub cursor: Option<Position>,
}

/// Draws the console at its present size.
pub fn draw(app: &mut App, paper: Paper<'_>) -> Drawn {
    let (width, height) = app.size;
    ui::fit(app);
    let look = Look {
        theme: paper.theme,
        symbols: Symbols::of(paper.glyphs),
    };
    // Drawing into memory cannot fail: the error has no value.
    let Ok(mut terminal) = Terminal::new(TestBackend::new(width, height));
    let Ok(_) = terminal.draw(|frame| ui::view(app, look, frame));
    let backend = terminal.backend();
    let cursor = backend.cursor_visible().then(|| backend.cursor_position());
    let mut cells = backend.buffer().clone();
    if paper.glyphs == Glyphs::Ascii {
        for cell in &mut cells.content {
            if let Some(c) = cell.symbol().chars().next().filter(|c| !c.is_ascii()) {
                cell.set_char(symbols::ascii(c));
            }
        }
    }
    Drawn { cells, cursor }
}

/// The screen as lines of text, without blanks at their ends.
pub fn text(cells: &Buffer) -> String {
    let mut out = String::new();
    for row in rows(cells) {
        let mut line = String::new();
        let mut skip = 0;
        for cell in row {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            line.push_str(cell.symbol());
            skip = cell.symbol().width().saturating_sub(1);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn rows(cells: &Buffer) -> impl Iterator<Item = &[Cell]> {
    cells.content.chunks(usize::from(cells.area.width).max(1))
}

/// Width and height of a cell, in hundredths of a pixel and in pixels: whole numbers give the same text everywhere.
const CELL: (usize, usize) = (840, 18);
/// Around the cells.
const MARGIN: usize = 12;
/// The window's title.
const BAR: usize = 34;
/// Of the text's foot above the lower edge of its cell.
const FOOT: usize = 5;
const FONTS: &str = "ui-monospace,'SF Mono',Menlo,'Cascadia Mono','DejaVu Sans Mono',Consolas,monospace";

/// How one cell looks in the end.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Ink {
    fg: Rgb,
    bg: Option<Rgb>,
    bold: bool,
    italic: bool,
    under: bool,
    through: bool,
}

fn mix(a: Rgb, b: Rgb, percent: u16) -> Rgb {
    let one = |a: u8, b: u8| ((u16::from(a) * percent + u16::from(b) * (100 - percent)) / 100) as u8;
    (one(a.0, b.0), one(a.1, b.1), one(a.2, b.2))
}

fn hex((r, g, b): Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Pixels from the left at which a column begins.
fn x(column: usize) -> String {
    px(MARGIN * 100 + column * CELL.0)
}

/// Hundredths of a pixel as a number.
fn px(hundredths: usize) -> String {
    let (whole, part) = (hundredths / 100, hundredths % 100);
    if part == 0 {
        whole.to_string()
    } else {
        format!("{whole}.{part:02}").trim_end_matches('0').to_owned()
    }
}

fn y(row: usize) -> usize {
    BAR + row * CELL.1
}

struct Page<'a> {
    theme: &'a Theme,
    depth: Depth,
    back: Rgb,
    fore: Rgb,
    /// Lines of each colour, as path data.
    lines: BTreeMap<Rgb, String>,
    boxes: String,
    words: String,
}

/// The screen in a window frame, as an SVG document.
pub fn svg(drawn: &Drawn, paper: Paper<'_>) -> String {
    let mut page = Page::new(paper);
    let (back, fore) = (page.back, page.fore);
    let width = usize::from(drawn.cells.area.width);
    let height = usize::from(drawn.cells.area.height);
    let grid = page.grid(drawn);
    for (row, cells) in grid.iter().enumerate() {
        page.row(row, cells);
    }
    page.verticals(&grid);
    if let Some(at) = drawn.cursor {
        let accent = hex(style_colour(paper, Role::Accent).unwrap_or(fore));
        // Between two cells, so that it covers neither.
        let left = px(MARGIN * 100 + usize::from(at.x) * CELL.0 - 100);
        let _ = writeln!(
            page.boxes,
            r#"<rect x="{left}" y="{}" width="2" height="{}" fill="{accent}"/>"#,
            y(usize::from(at.y)),
            CELL.1
        );
    }
    let (w, h) = (px(2 * MARGIN * 100 + width * CELL.0), BAR + height * CELL.1 + MARGIN);
    let (frame, quiet) = (hex(mix(fore, back, 22)), hex(mix(fore, back, 55)));
    let (paper_colour, bar) = (hex(back), hex(mix(fore, back, 6)));
    let mut out = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img" aria-label="{title}">
<style>text{{font:14px {FONTS};fill:{fore}}}.b{{font-weight:700}}.i{{font-style:italic}}path{{fill:none;stroke-width:1.1}}</style>
<rect x=".5" y=".5" width="{inner}" height="{inner_h}.5" rx="9" fill="{paper_colour}" stroke="{frame}"/>
<path d="M1 24V9.5a8.5 8.5 0 0 1 8.5-8.5H{right}a8.5 8.5 0 0 1 8.5 8.5V24z" style="fill:{bar}"/>
<g fill="{frame}"><circle cx="17" cy="12.5" r="4.5"/><circle cx="32" cy="12.5" r="4.5"/><circle cx="47" cy="12.5" r="4.5"/></g>
<text x="50%" y="17" text-anchor="middle" style="font-size:12px;fill:{quiet}">{title}</text>
"#,
        title = escaped(paper.title),
        fore = hex(fore),
        inner = px(2 * MARGIN * 100 + width * CELL.0 - 100),
        inner_h = h - 1,
        right = px(2 * MARGIN * 100 + width * CELL.0 - 950),
    );
    let _ = write!(out, "<g shape-rendering=\"crispEdges\">\n{}</g>\n", page.boxes);
    for (colour, lines) in &page.lines {
        let _ = writeln!(out, r#"<path stroke="{}" d="{lines}"/>"#, hex(*colour));
    }
    out.push_str(&page.words);
    out.push_str("</svg>\n");
    out
}

fn style_colour(paper: Paper<'_>, role: Role) -> Option<Rgb> {
    paper.theme.style(role).fg.map(|c| paper.depth.nearest(c)).and_then(rgb)
}

impl<'a> Page<'a> {
    fn new(paper: Paper<'a>) -> Self {
        let back = paper.theme.background();
        let dark = Theme::wants_dark(back);
        let fore = style_colour(paper, Role::Text).unwrap_or(if dark { (229, 229, 229) } else { (20, 22, 26) });
        Self {
            theme: paper.theme,
            depth: paper.depth,
            back,
            fore,
            lines: BTreeMap::new(),
            boxes: String::new(),
            words: String::new(),
        }
    }

    /// Each row's glyphs and how they look.
    fn grid<'d>(&self, drawn: &'d Drawn) -> Vec<Vec<(&'d str, Ink)>> {
        rows(&drawn.cells)
            .map(|row| row.iter().map(|cell| (cell.symbol(), self.ink(cell))).collect())
            .collect()
    }

    fn ink(&self, cell: &Cell) -> Ink {
        let has = |m: Modifier| cell.modifier.contains(m);
        let colour = |c: Color| rgb(self.depth.nearest(c));
        let (mut fg, mut bg) = (colour(cell.fg).unwrap_or(self.fore), colour(cell.bg));
        if has(Modifier::REVERSED) {
            (fg, bg) = (bg.unwrap_or(self.theme.background()), Some(fg));
        }
        if has(Modifier::DIM) {
            fg = mix(fg, bg.unwrap_or(self.back), 60);
        }
        Ink {
            fg,
            bg,
            bold: has(Modifier::BOLD),
            italic: has(Modifier::ITALIC),
            under: has(Modifier::UNDERLINED),
            through: has(Modifier::CROSSED_OUT),
        }
    }

    fn row(&mut self, row: usize, cells: &[(&str, Ink)]) {
        let top = y(row);
        for (from, len, bg) in runs(cells, |(_, ink)| ink.bg) {
            if let Some(bg) = bg {
                let (left, wide) = (x(from), px(len * CELL.0));
                let _ = writeln!(
                    self.boxes,
                    r#"<rect x="{left}" y="{top}" width="{wide}" height="{}" fill="{}"/>"#,
                    CELL.1,
                    hex(bg)
                );
            }
        }
        let flat = |(glyph, ink): &(&str, Ink)| (*glyph == "─").then_some(ink.fg);
        let under = |(_, ink): &(&str, Ink)| ink.under.then_some(ink.fg);
        let through = |(_, ink): &(&str, Ink)| ink.through.then_some(ink.fg);
        for (found, down) in [
            (runs(cells, flat), CELL.1 / 2),
            (runs(cells, under), CELL.1 - 2),
            (runs(cells, through), CELL.1 / 2 + 1),
        ] {
            for (from, len, colour) in found {
                if let Some(colour) = colour {
                    let path = self.lines.entry(colour).or_default();
                    let _ = write!(path, "M{} {}h{}", x(from), top + down, px(len * CELL.0));
                }
            }
        }
        for (column, (glyph, ink)) in cells.iter().enumerate() {
            self.shape(row, column, glyph, *ink);
        }
        let words = words(cells);
        if words.is_empty() {
            return;
        }
        let _ = write!(self.words, r#"<text y="{}">"#, top + CELL.1 - FOOT);
        for word in words {
            let mut class = String::new();
            if word.ink.bold || word.ink.italic {
                class = format!(
                    r#" class="{}{}""#,
                    if word.ink.bold { "b" } else { "" },
                    if word.ink.italic { " i" } else { "" }
                );
            }
            let fill = if word.ink.fg == self.fore {
                String::new()
            } else {
                format!(r#" fill="{}""#, hex(word.ink.fg))
            };
            // The length holds the columns whatever the font's own width is.
            let length = if word.columns > 1 {
                format!(r#" textLength="{}""#, px(word.columns * CELL.0))
            } else {
                String::new()
            };
            let _ = write!(
                self.words,
                r#"<tspan x="{}"{length}{class}{fill}>{}</tspan>"#,
                x(word.column),
                escaped(&word.text)
            );
        }
        self.words.push_str("</text>\n");
    }

    /// What is drawn rather than written, but for the straight lines.
    fn shape(&mut self, row: usize, column: usize, glyph: &str, ink: Ink) {
        let (left, top, half) = (x(column), y(row), px(CELL.0 / 2));
        let (middle, centre) = (px(MARGIN * 100 + column * CELL.0 + CELL.0 / 2), top + CELL.1 / 2);
        let right = x(column + 1);
        let (bottom, reach) = (top + CELL.1, CELL.1 / 2 - 4);
        let path = match glyph {
            "╭" => format!("M{middle} {bottom}v-{reach}Q{middle} {centre} {right} {centre}"),
            "╮" => format!("M{middle} {bottom}v-{reach}Q{middle} {centre} {left} {centre}"),
            "╰" => format!("M{middle} {top}v{reach}Q{middle} {centre} {right} {centre}"),
            "╯" => format!("M{middle} {top}v{reach}Q{middle} {centre} {left} {centre}"),
            "├" => format!("M{middle} {top}v{}M{middle} {centre}h{half}", CELL.1),
            "┤" => format!("M{middle} {top}v{}M{left} {centre}h{half}", CELL.1),
            "┬" => format!("M{left} {centre}H{right}M{middle} {centre}V{bottom}"),
            "┴" => format!("M{left} {centre}H{right}M{middle} {top}V{centre}"),
            "┼" => format!("M{left} {centre}H{right}M{middle} {top}V{bottom}"),
            _ => String::new(),
        };
        if !path.is_empty() {
            self.lines.entry(ink.fg).or_default().push_str(&path);
        }
        if let Some(eighths) = eighths(glyph) {
            let tall = CELL.1 * 100 * eighths / 8;
            let faint = if glyph == "░" { " opacity=\".3\"" } else { "" };
            let _ = writeln!(
                self.boxes,
                r#"<rect x="{left}" y="{}" width="{}" height="{}" fill="{}"{faint}/>"#,
                px(bottom * 100 - tall),
                px(CELL.0),
                px(tall),
                hex(ink.fg)
            );
        }
    }

    fn verticals(&mut self, grid: &[Vec<(&str, Ink)>]) {
        for column in 0..grid.first().map_or(0, Vec::len) {
            let cells: Vec<_> = grid.iter().filter_map(|row| row.get(column).copied()).collect();
            for (from, len, colour) in runs(&cells, |(glyph, ink)| (*glyph == "│").then_some(ink.fg)) {
                if let Some(colour) = colour {
                    let middle = px(MARGIN * 100 + column * CELL.0 + CELL.0 / 2);
                    let path = self.lines.entry(colour).or_default();
                    let _ = write!(path, "M{middle} {}v{}", y(from), len * CELL.1);
                }
            }
        }
    }
}

/// Eighths of the cell, from its foot, that a block fills.
fn eighths(glyph: &str) -> Option<usize> {
    if glyph == "░" {
        return Some(8);
    }
    symbols::UNICODE.spark.iter().position(|s| *s == glyph).map(|i| i + 1)
}

fn is_drawn(glyph: &str) -> bool {
    matches!(glyph, "─" | "│" | "╭" | "╮" | "╰" | "╯" | "├" | "┤" | "┬" | "┴" | "┼") || eighths(glyph).is_some()
}

/// Where each value begins and how many cells it lasts.
fn runs<T: Copy, V: PartialEq>(cells: &[T], value: impl Fn(&T) -> V) -> Vec<(usize, usize, V)> {
    let mut out: Vec<(usize, usize, V)> = Vec::new();
    for (at, cell) in cells.iter().enumerate() {
        let now = value(cell);
        match out.last_mut() {
            Some((_, len, last)) if *last == now => *len += 1,
            _ => out.push((at, 1, now)),
        }
    }
    out
}

/// Text of one look that begins at a column.
struct Word {
    column: usize,
    columns: usize,
    text: String,
    ink: Ink,
}

/// Cuts a row where the look changes, where there is a gap, and around glyphs that another font may have to give.
fn words(cells: &[(&str, Ink)]) -> Vec<Word> {
    let mut out: Vec<Word> = Vec::new();
    let mut gap = 2;
    let mut skip = 0;
    for (column, (glyph, ink)) in cells.iter().enumerate() {
        if skip > 0 {
            skip -= 1;
            continue;
        }
        if glyph.trim().is_empty() || is_drawn(glyph) {
            gap += if is_drawn(glyph) { 2 } else { 1 };
            continue;
        }
        let columns = glyph.width().max(1);
        skip = columns - 1;
        let plain = glyph.is_ascii();
        match out.last_mut() {
            Some(word) if gap < 2 && plain && word.text.is_ascii() && same(word.ink, *ink) => {
                word.text.push_str(if gap == 1 { " " } else { "" });
                word.text.push_str(glyph);
                word.columns += gap + 1;
            }
            _ => out.push(Word {
                column,
                columns,
                text: (*glyph).to_owned(),
                ink: *ink,
            }),
        }
        gap = 0;
    }
    out
}

/// Whether two looks are the same to a font.
fn same(a: Ink, b: Ink) -> bool {
    (a.fg, a.bold, a.italic) == (b.fg, b.bold, b.italic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Style;

    fn paper(theme: &Theme, depth: Depth) -> Paper<'_> {
        Paper {
            theme,
            depth,
            glyphs: Glyphs::Unicode,
            title: "a <b> & c",
        }
    }

    fn sample() -> Drawn {
        let mut cells = Buffer::empty(ratatui::layout::Rect::new(0, 0, 16, 3));
        cells.set_string(0, 0, "╭─ <ok>  größe ╮", Style::new().red());
        cells.set_string(0, 1, "│日本 ▃█", Style::new().reversed().bold());
        cells.set_string(4, 2, "a b  c", Style::new().underlined());
        Drawn {
            cells,
            cursor: Some(Position::new(1, 1)),
        }
    }

    #[test]
    fn text_keeps_the_columns_and_drops_what_is_blank() {
        assert_eq!(text(&sample().cells), "╭─ <ok>  größe ╮\n│日本 ▃█\n    a b  c\n");
    }

    #[test]
    fn a_picture_is_the_same_bytes_each_time_and_places_every_word() {
        let theme = Theme::built_in("dark", Depth::True);
        let one = svg(&sample(), paper(&theme, Depth::True));
        assert_eq!(one, svg(&sample(), paper(&theme, Depth::True)));
        assert!(one.contains("a &lt;b&gt; &amp; c"));
        // "<ok>" begins in the fourth column, and is as wide as four cells.
        assert!(one.contains(r#"<tspan x="37.2" textLength="33.6""#), "{one}");
        assert!(one.contains(">&lt;ok&gt;</tspan>"));
        // "a b" is one word, "c" another: two blanks part them.
        assert!(one.contains(">a b</tspan>"));
        // Frames are lines, blocks are boxes, and neither is text.
        assert!(!one.contains('╭') && !one.contains('█'));
    }

    #[test]
    fn without_colour_there_is_only_fore_and_background() {
        let theme = Theme::built_in("dark", Depth::Mono);
        let mono = svg(&sample(), paper(&theme, Depth::Mono));
        assert!(!mono.contains("#cd0000"));
        // Reverse swaps the two.
        assert!(mono.contains(&format!("fill=\"{}\"", hex(theme.background()))));
    }
}
