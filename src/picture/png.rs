//! The screen as a bitmap, for channels that show no SVG. Frames, bars and sparklines are drawn; text comes from a subset
//! of DejaVu Sans Mono that lies beside this file with its licence, so the picture is the same on every machine.

use ab_glyph::{Font as _, FontRef, GlyphId, ScaleFont as _, point};
use unicode_width::UnicodeWidthStr;

use super::{Drawn, Ink, Page, Paper, eighths, is_drawn, mix, style_colour};
use crate::theme::Role;
use crate::theme::colour::Rgb;

const REGULAR: &[u8] = include_bytes!("font/mono.ttf");
const BOLD: &[u8] = include_bytes!("font/mono-bold.ttf");

/// Width and height of a cell in pixels.
const CELL: (i32, i32) = (12, 25);
/// Pixels of the font's em: its characters are 0.602 of it wide, which is a cell.
const EM: f32 = 19.9;
const MARGIN: i32 = 16;
/// How thick lines are.
const LINE: i32 = 2;

/// A picture that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum NoPng {
    /// The font in the binary does not parse.
    #[error("the built-in font cannot be read: {0}")]
    Font(#[from] ab_glyph::InvalidFont),
    /// The bitmap could not be packed.
    #[error("the picture cannot be written: {0}")]
    Encoding(#[from] ::png::EncodingError),
}

/// The screen as a PNG file's bytes.
///
/// # Errors
/// [`NoPng`]
pub fn png(drawn: &Drawn, paper: Paper<'_>) -> Result<Vec<u8>, NoPng> {
    let page = Page::new(paper);
    let fonts = [FontRef::try_from_slice(REGULAR)?, FontRef::try_from_slice(BOLD)?];
    let (columns, rows) = (i32::from(drawn.cells.area.width), i32::from(drawn.cells.area.height));
    let mut canvas = Canvas::new(columns * CELL.0 + 2 * MARGIN, rows * CELL.1 + 2 * MARGIN, page.back);
    let grid = page.grid(drawn);
    let at = |column: usize, row: usize| (MARGIN + column as i32 * CELL.0, MARGIN + row as i32 * CELL.1);
    // Every background first: a wide glyph, or one that leans out of its cell, is not cut by the next cell's.
    for (row, cells) in grid.iter().enumerate() {
        for (column, (_, ink)) in cells.iter().enumerate() {
            if let Some(bg) = ink.bg {
                let (x, y) = at(column, row);
                canvas.fill(x, y, CELL.0, CELL.1, bg);
            }
        }
    }
    for (row, cells) in grid.iter().enumerate() {
        let mut skip = 0;
        for (column, (glyph, ink)) in cells.iter().enumerate() {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            skip = glyph.width().saturating_sub(1);
            let (x, y) = at(column, row);
            if is_drawn(glyph) {
                canvas.shape(x, y, glyph, *ink, page.back);
            } else {
                let font = if ink.bold { &fonts[1] } else { &fonts[0] };
                canvas.text(x, y, glyph, font, ink.fg);
            }
            for (on, down) in [(ink.under, CELL.1 - 3), (ink.through, CELL.1 / 2)] {
                if on {
                    canvas.fill(x, y + down, CELL.0, 1, ink.fg);
                }
            }
        }
    }
    if let Some(cursor) = drawn.cursor {
        let (x, y) = at(usize::from(cursor.x), usize::from(cursor.y));
        let accent = style_colour(paper, Role::Accent).unwrap_or(page.fore);
        canvas.fill(x - LINE, y, LINE, CELL.1, accent);
    }
    canvas.packed()
}

struct Canvas {
    width: i32,
    height: i32,
    rgb: Vec<u8>,
}

impl Canvas {
    fn new(width: i32, height: i32, back: Rgb) -> Self {
        let pixels = usize::try_from(width * height).unwrap_or(0);
        Self {
            width,
            height,
            rgb: [back.0, back.1, back.2].repeat(pixels),
        }
    }

    /// Lays a colour over a pixel; `cover` from 0 to 1. Outside there is nothing.
    fn blend(&mut self, x: i32, y: i32, colour: Rgb, cover: f32) {
        if !(0..self.width).contains(&x) || !(0..self.height).contains(&y) {
            return;
        }
        let at = usize::try_from((y * self.width + x) * 3).unwrap_or(0);
        if let Some([r, g, b]) = self.rgb.get_mut(at..at + 3) {
            let cover = (cover.clamp(0.0, 1.0) * 100.0).round() as u16;
            (*r, *g, *b) = mix(colour, (*r, *g, *b), cover);
        }
    }

    fn fill(&mut self, x: i32, y: i32, width: i32, height: i32, colour: Rgb) {
        for down in 0..height {
            for right in 0..width {
                self.blend(x + right, y + down, colour, 1.0);
            }
        }
    }

    fn text(&mut self, x: i32, y: i32, glyph: &str, font: &FontRef<'static>, colour: Rgb) {
        let scaled = font.as_scaled(EM);
        // The line's foot: what is left above and below the font's own height is shared.
        let height = scaled.ascent() - scaled.descent();
        let foot = y as f32 + (CELL.1 as f32 - height) / 2.0 + scaled.ascent();
        let cells = glyph.width().max(1) as f32 * CELL.0 as f32;
        for c in glyph.chars() {
            if c == ' ' || c.width_or_zero() == 0 {
                continue;
            }
            let id: GlyphId = font.glyph_id(c);
            let left = x as f32 + (cells - scaled.h_advance(id)) / 2.0;
            let placed = id.with_scale_and_position(EM, point(left.round(), foot.round()));
            let Some(outline) = font.outline_glyph(placed) else {
                continue;
            };
            let bounds = outline.px_bounds();
            let (min_x, min_y) = (bounds.min.x as i32, bounds.min.y as i32);
            outline.draw(|right, down, cover| self.blend(min_x + right as i32, min_y + down as i32, colour, cover));
        }
    }

    /// A piece of a frame, or a block.
    fn shape(&mut self, x: i32, y: i32, glyph: &str, ink: Ink, back: Rgb) {
        if let Some(eighths) = eighths(glyph) {
            let tall = CELL.1 * eighths as i32 / 8;
            let faint = glyph == "░";
            let colour = if faint {
                mix(ink.fg, ink.bg.unwrap_or(back), 30)
            } else {
                ink.fg
            };
            self.fill(x, y + CELL.1 - tall, CELL.0, tall, colour);
            return;
        }
        let (centre_x, centre_y) = (x + CELL.0 / 2 - LINE / 2, y + CELL.1 / 2 - LINE / 2);
        let (right, bottom) = (x + CELL.0, y + CELL.1);
        let [up, down, left, along] = match glyph {
            "─" => [false, false, true, true],
            "│" => [true, true, false, false],
            "├" => [true, true, false, true],
            "┤" => [true, true, true, false],
            "┬" => [false, true, true, true],
            "┴" => [true, false, true, true],
            "┼" => [true; 4],
            _ => {
                self.corner(x, y, glyph, ink.fg);
                return;
            }
        };
        if up {
            self.fill(centre_x, y, LINE, centre_y + LINE - y, ink.fg);
        }
        if down {
            self.fill(centre_x, centre_y, LINE, bottom - centre_y, ink.fg);
        }
        if left {
            self.fill(x, centre_y, centre_x + LINE - x, LINE, ink.fg);
        }
        if along {
            self.fill(centre_x, centre_y, right - centre_x, LINE, ink.fg);
        }
    }

    /// A rounded corner: a quarter of a circle, and the straight rest of its longer leg.
    fn corner(&mut self, x: i32, y: i32, glyph: &str, colour: Rgb) {
        let (to_right, to_bottom) = (matches!(glyph, "╭" | "╰"), matches!(glyph, "╭" | "╮"));
        let radius = (CELL.0 / 2) as f32;
        // In pixels from the cell's corner, at the middle of the lines.
        let (cx, cy) = ((CELL.0 / 2) as f32, (CELL.1 / 2) as f32);
        let middle = (
            cx + if to_right { radius } else { -radius },
            cy + if to_bottom { radius } else { -radius },
        );
        for down in 0..CELL.1 {
            for across in 0..CELL.0 {
                let (px, py) = (across as f32 + 0.5, down as f32 + 0.5);
                let in_quarter = (px < middle.0) == to_right && (py < middle.1) == to_bottom;
                let distance = if in_quarter {
                    ((px - middle.0).hypot(py - middle.1) - radius).abs()
                } else if (py >= middle.1) == to_bottom {
                    (px - cx).abs()
                } else {
                    continue;
                };
                let cover = LINE as f32 / 2.0 + 0.5 - distance;
                if cover > 0.0 {
                    self.blend(x + across, y + down, colour, cover);
                }
            }
        }
    }

    fn packed(self) -> Result<Vec<u8>, NoPng> {
        let mut out = Vec::new();
        let mut encoder = ::png::Encoder::new(
            &mut out,
            u32::try_from(self.width).unwrap_or(0),
            u32::try_from(self.height).unwrap_or(0),
        );
        encoder.set_color(::png::ColorType::Rgb);
        encoder.set_depth(::png::BitDepth::Eight);
        encoder.set_compression(::png::Compression::High);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.rgb)?;
        writer.finish()?;
        Ok(out)
    }
}

/// Columns of one character.
trait Columns {
    fn width_or_zero(self) -> usize;
}

impl Columns for char {
    fn width_or_zero(self) -> usize {
        unicode_width::UnicodeWidthChar::width(self).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::{Depth, Glyphs, Theme, symbols};
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;
    use ratatui::style::{Color, Style};

    #[test]
    fn every_symbol_of_ours_is_drawn_or_in_both_fonts() {
        let u = symbols::UNICODE;
        let all = [
            u.critical,
            u.warning,
            u.info,
            u.ok,
            u.failed,
            u.live,
            u.waiting,
            u.stale,
            u.denied,
            u.pointer,
            u.unfolded,
            u.arrow,
            u.up,
            u.down,
            u.mark,
            u.ellipsis,
            u.dot,
            u.dash,
            u.none,
            u.times,
            u.enter,
            u.ascending,
        ];
        for font in [REGULAR, BOLD] {
            let font = FontRef::try_from_slice(font).unwrap();
            let missing: Vec<char> = all
                .iter()
                .flat_map(|s| s.chars())
                .chain('!'..='~')
                .chain("äßéñ└├│─".chars())
                .filter(|c| font.glyph_id(*c).0 == 0)
                .collect();
            assert!(missing.is_empty(), "{missing:?}");
        }
    }

    #[test]
    fn colours_stand_where_the_cells_are() {
        let mut cells = Buffer::empty(Rect::new(0, 0, 4, 2));
        cells.set_string(0, 0, "█", Style::new().fg(Color::Rgb(255, 0, 0)));
        cells.set_string(1, 1, " ", Style::new().bg(Color::Rgb(0, 0, 255)));
        let theme = Theme::built_in("dark", Depth::True);
        let paper = Paper {
            theme: &theme,
            depth: Depth::True,
            glyphs: Glyphs::Unicode,
            title: "",
        };
        let bytes = png(&Drawn { cells, cursor: None }, paper).unwrap();
        let mut reader = ::png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (4 * 12 + 32, 2 * 25 + 32));
        let pixel = |x: i32, y: i32| {
            let at = usize::try_from((y * info.width as i32 + x) * 3).unwrap();
            (pixels[at], pixels[at + 1], pixels[at + 2])
        };
        assert_eq!(pixel(MARGIN + 6, MARGIN + 12), (255, 0, 0));
        assert_eq!(pixel(MARGIN + 18, MARGIN + 25 + 12), (0, 0, 255));
        assert_eq!(pixel(2, 2), theme.background());
    }
}
