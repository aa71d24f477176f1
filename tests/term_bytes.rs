//! What goes to the terminal: a frame replayed in a terminal emulator is the buffer that was drawn, in as few bytes as the
//! design allows.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout)]

use proptest::prelude::*;
use quarterdeck::term::Screen;
use quarterdeck::term::screen::unsafe_to_show;
use quarterdeck::term::screen::{CLIPBOARD_LIMIT, Through};
use quarterdeck::theme::symbols::{UNICODE, ascii};
use quarterdeck::theme::{Depth, Glyphs, Role, Theme};
use ratatui::Terminal;
use ratatui::backend::Backend as _;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect, Size};
use ratatui::style::{Color, Modifier, Style};
use ratatui::widgets::{Block, BorderType, Paragraph};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// A terminal that counts its writes.
#[derive(Default)]
struct Wire {
    bytes: Vec<u8>,
    writes: u64,
}

impl std::io::Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.writes += 1;
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn terminal(width: u16, height: u16, depth: Depth, glyphs: Glyphs) -> Terminal<Screen<Wire>> {
    Terminal::new(Screen::new(Wire::default(), Size::new(width, height), depth, glyphs)).unwrap()
}

/// Bytes and writes of one frame.
fn cost(terminal: &mut Terminal<Screen<Wire>>, draw: impl FnOnce(&mut ratatui::Frame<'_>)) -> (u64, u64) {
    let (bytes, writes) = (terminal.backend().bytes_written(), terminal.backend().writer().writes);
    terminal.draw(draw).unwrap();
    (
        terminal.backend().bytes_written() - bytes,
        terminal.backend().writer().writes - writes,
    )
}

// --- the property

const WIDTH: u16 = 24;
const HEIGHT: u16 = 5;

#[derive(Debug, Clone)]
struct Stroke {
    x: u16,
    y: u16,
    text: String,
    style: Style,
}

#[derive(Debug, Clone)]
struct Drawing {
    strokes: Vec<Stroke>,
    cursor: Option<(u16, u16)>,
}

const NAMED: [Color; 16] = [
    Color::Black,
    Color::Red,
    Color::Green,
    Color::Yellow,
    Color::Blue,
    Color::Magenta,
    Color::Cyan,
    Color::Gray,
    Color::DarkGray,
    Color::LightRed,
    Color::LightGreen,
    Color::LightYellow,
    Color::LightBlue,
    Color::LightMagenta,
    Color::LightCyan,
    Color::White,
];

fn colour() -> impl Strategy<Value = Option<Color>> {
    prop_oneof![
        2 => Just(None),
        1 => Just(Some(Color::Reset)),
        1 => proptest::sample::select(NAMED.to_vec()).prop_map(Some),
        1 => any::<u8>().prop_map(|n| Some(Color::Indexed(n))),
        2 => any::<[u8; 3]>().prop_map(|[r, g, b]| Some(Color::Rgb(r, g, b))),
    ]
}

fn stroke() -> impl Strategy<Value = Stroke> {
    let modifiers = vec![
        Modifier::BOLD,
        Modifier::DIM,
        Modifier::ITALIC,
        Modifier::UNDERLINED,
        Modifier::REVERSED,
    ];
    let style = (colour(), colour(), proptest::sample::subsequence(modifiers, 0..3)).prop_map(|(fg, bg, on)| {
        let add_modifier = on.into_iter().fold(Modifier::empty(), |all, one| all | one);
        Style {
            fg,
            bg,
            add_modifier,
            ..Style::default()
        }
    });
    let text = prop_oneof!["[ a-z]{0,12}", "[─│╭█▁▲…→·]{1,6}", "[漢字あ ]{1,5}", " {1,20}"];
    (0..WIDTH, 0..HEIGHT, text, style).prop_map(|(x, y, text, style)| Stroke { x, y, text, style })
}

fn drawing() -> impl Strategy<Value = Drawing> {
    let cursor = proptest::option::of((0..WIDTH, 0..HEIGHT));
    (proptest::collection::vec(stroke(), 0..14), cursor).prop_map(|(strokes, cursor)| Drawing { strokes, cursor })
}

fn wire_colour(colour: Color) -> vt100::Color {
    match colour {
        Color::Reset => vt100::Color::Default,
        Color::Rgb(r, g, b) => vt100::Color::Rgb(r, g, b),
        Color::Indexed(n) => vt100::Color::Idx(n),
        named => vt100::Color::Idx(NAMED.iter().position(|c| *c == named).unwrap() as u8),
    }
}

/// Everything that can be seen is equal: glyph, colours, modifiers.
fn same(buffer: &Buffer, screen: &vt100::Screen, depth: Depth, glyphs: Glyphs) -> Result<(), TestCaseError> {
    for y in 0..HEIGHT {
        let mut x = 0;
        while x < WIDTH {
            let cell = &buffer[(x, y)];
            let shown = screen.cell(y, x).unwrap();
            let width = cell.symbol().width() as u16;
            let contents = if shown.contents().is_empty() {
                " "
            } else {
                shown.contents()
            };
            let expected: String = match glyphs {
                Glyphs::Unicode => cell.symbol().to_owned(),
                Glyphs::Ascii if width == 2 => "?".to_owned(),
                Glyphs::Ascii => cell.symbol().chars().map(ascii).collect(),
            };
            prop_assert_eq!(contents, &expected, "at {},{}", x, y);
            if width == 2 && glyphs == Glyphs::Ascii {
                prop_assert_eq!(screen.cell(y, x + 1).unwrap().contents(), "?", "at {},{}", x + 1, y);
            }
            let on = |modifier| cell.modifier.contains(modifier);
            prop_assert_eq!(shown.underline(), on(Modifier::UNDERLINED), "underline at {},{}", x, y);
            prop_assert_eq!(shown.inverse(), on(Modifier::REVERSED), "reverse at {},{}", x, y);
            prop_assert_eq!(
                shown.bgcolor(),
                wire_colour(depth.nearest(cell.bg)),
                "under {},{}",
                x,
                y
            );
            let blank = cell.symbol() == " ";
            if !blank || on(Modifier::UNDERLINED) || on(Modifier::REVERSED) {
                prop_assert_eq!(
                    shown.fgcolor(),
                    wire_colour(depth.nearest(cell.fg)),
                    "colour at {},{}",
                    x,
                    y
                );
            }
            if !blank {
                prop_assert_eq!(shown.italic(), on(Modifier::ITALIC), "italic at {},{}", x, y);
                // The emulator keeps one of the two only.
                if !(on(Modifier::BOLD) && on(Modifier::DIM)) {
                    prop_assert_eq!(shown.bold(), on(Modifier::BOLD), "bold at {},{}", x, y);
                    prop_assert_eq!(shown.dim(), on(Modifier::DIM), "dim at {},{}", x, y);
                }
            }
            x += width.max(1);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_frame_replayed_in_a_terminal_is_the_buffer(
        frames in proptest::collection::vec(drawing(), 1..5),
        depth in proptest::sample::select(Depth::ALL.to_vec()),
        ascii_only: bool,
    ) {
        let glyphs = if ascii_only { Glyphs::Ascii } else { Glyphs::Unicode };
        let mut terminal = terminal(WIDTH, HEIGHT, depth, glyphs);
        let mut replay = vt100::Parser::new(HEIGHT, WIDTH, 0);
        let mut read = 0;
        for Drawing { strokes, cursor } in &frames {
            let mut drawn = Buffer::default();
            terminal.draw(|frame| {
                let buffer = frame.buffer_mut();
                for stroke in strokes {
                    buffer.set_stringn(stroke.x, stroke.y, &stroke.text, usize::from(WIDTH - stroke.x), stroke.style);
                }
                drawn = buffer.clone();
                if let Some(cursor) = cursor {
                    frame.set_cursor_position(*cursor);
                }
            }).unwrap();
            let bytes = &terminal.backend().writer().bytes;
            replay.process(&bytes[read..]);
            read = bytes.len();
            same(&drawn, replay.screen(), depth, glyphs)?;
            prop_assert_eq!(replay.screen().hide_cursor(), cursor.is_none());
            if let Some((x, y)) = cursor {
                prop_assert_eq!(replay.screen().cursor_position(), (*y, *x));
            }
        }
    }

    /// A window over many lines goes up and down between a head and a foot, with a selected line and now and then a
    /// line that changed: what the terminal moves by itself ends where it belongs.
    #[test]
    fn lines_that_only_moved_are_moved_by_the_terminal_and_end_where_they_belong(
        lines in proptest::collection::vec(stroke(), 60),
        steps in proptest::collection::vec((-3_isize..6, 0..HEIGHT - 4, proptest::option::of(stroke())), 1..8),
        depth in proptest::sample::select(Depth::ALL.to_vec()),
    ) {
        let glyphs = Glyphs::Unicode;
        let mut terminal = terminal(WIDTH, HEIGHT, depth, glyphs);
        let mut replay = vt100::Parser::new(HEIGHT, WIDTH, 0);
        let (mut read, mut first) = (0, 20_usize);
        for (by, selected, over) in &steps {
            first = first.saturating_add_signed(*by).min(lines.len() - usize::from(HEIGHT));
            let mut drawn = Buffer::default();
            terminal.draw(|frame| {
                let buffer = frame.buffer_mut();
                buffer.set_string(0, 0, "head", Style::new().bg(Color::Blue));
                for y in 1..HEIGHT - 1 {
                    let at = first + usize::from(y);
                    let text: String = lines[at].text.chars().map(|c| if c.width() == Some(1) { c } else { 'w' }).collect();
                    let line = format!("│{at:>4} {text} {:>12}", at * 7919);
                    buffer.set_stringn(0, y, &line, usize::from(WIDTH), lines[at].style);
                }
                buffer.set_style(Rect::new(0, 1 + selected, WIDTH, 1), Style::new().bg(Color::Rgb(40, 50, 60)));
                buffer.set_string(0, HEIGHT - 1, format!("{first} of {}", lines.len()), Style::default());
                if let Some(stroke) = over.as_ref().filter(|stroke| stroke.text.width() == stroke.text.chars().count()) {
                    buffer.set_stringn(stroke.x, stroke.y, &stroke.text, usize::from(WIDTH - stroke.x), stroke.style);
                }
                drawn = buffer.clone();
            }).unwrap();
            let bytes = &terminal.backend().writer().bytes;
            replay.process(&bytes[read..]);
            read = bytes.len();
            same(&drawn, replay.screen(), depth, glyphs)?;
        }
    }

    #[test]
    fn nothing_that_a_terminal_obeys_comes_out_of_a_cell(symbol in any::<String>()) {
        let sent = String::from_utf8(one_cell(&symbol)).unwrap();
        let sent = sent.strip_prefix("\x1b[?2026h").unwrap().strip_suffix("\x1b[?25l\x1b[?2026l").unwrap();
        let sent = sent.replacen("\x1b[H", "", 1).replacen("\x1b[m", "", 1);
        prop_assert!(!sent.chars().any(unsafe_to_show), "{}", sent.escape_debug());
    }
}

/// Send one cell by itself. (ratatui's diff asserts in debug builds that no cell holds a control byte, so not through it.)
fn one_cell(symbol: &str) -> Vec<u8> {
    let mut screen = Screen::new(Wire::default(), Size::new(4, 1), Depth::True, Glyphs::Unicode);
    let mut cell = Cell::default();
    cell.set_symbol(symbol);
    screen.draw([(0, 0, &cell)].into_iter()).unwrap();
    screen.flush().unwrap();
    screen.writer().bytes.clone()
}

#[test]
fn escape_sequences_and_bidi_marks_in_a_cell_become_a_dot() {
    for symbol in [
        "\x1b", "\x07", "\u{9b}", "\x7f", "\u{202e}", "\u{2066}", "a\x1b[2J", "\u{200f}", "\u{300}",
    ] {
        let mut replay = vt100::Parser::new(1, 4, 0);
        replay.process(&one_cell(symbol));
        assert_eq!(replay.screen().contents(), "·", "{}", symbol.escape_debug());
    }
}

#[test]
fn clipboard_title_and_bell_are_one_write_each_and_carry_no_foreign_escape() {
    let mut screen = Screen::new(Wire::default(), Size::new(80, 24), Depth::True, Glyphs::Unicode);
    screen.copy("kubectl", Through::Nothing).unwrap();
    assert_eq!(screen.writer().bytes, b"\x1b]52;c;a3ViZWN0bA==\x07");
    screen.copy("x", Through::Tmux).unwrap();
    assert!(
        screen
            .writer()
            .bytes
            .ends_with(b"\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\")
    );
    screen.copy("x", Through::Screen).unwrap();
    assert!(screen.writer().bytes.ends_with(b"\x1bP\x1b]52;c;eA==\x07\x1b\\"));
    screen.title("qd\x07\x1b]52;c;eA==\x07").unwrap();
    assert!(screen.writer().bytes.ends_with(b"\x1b]2;qd]52;c;eA==\x07"));
    screen.notify("4;1;100\x1b\\ disk\u{202e} full").unwrap();
    assert!(screen.writer().bytes.ends_with(b"\x1b]9;qd: 4;1;100\\ disk full\x07"));
    screen.bell().unwrap();
    assert_eq!(screen.writer().writes, 6);
    assert!(
        screen
            .copy(&"x".repeat(CLIPBOARD_LIMIT + 1), Through::Nothing)
            .unwrap_err()
            .to_string()
            .contains("copy less")
    );
}

// --- the budgets

/// A busy deck: six panes of rows with names, numbers, states and sparklines. `tick` changes every number in it.
fn deck(frame: &mut ratatui::Frame<'_>, theme: &Theme, selected: u16, tick: usize) {
    let area = frame.area();
    let header = format!(
        " QUARTERDECK  cortex-prod · prod-eu/cortex   PROD   k8s ●  core ●  redis ●   operator  14:{:02}Z",
        tick % 60
    );
    frame.render_widget(
        Paragraph::new(header).style(theme.style(Role::Header)),
        Rect { height: 1, ..area },
    );
    let (width, height) = (area.width / 2, (area.height - 3) / 3);
    for pane in 0..6u16 {
        let at = Rect::new(pane % 2 * width, 2 + pane / 2 * height, width, height);
        let border = if pane == 0 { Role::BorderFocus } else { Role::Border };
        let block = Block::bordered()
            .border_type(BorderType::Rounded)
            .border_style(theme.style(border))
            .title(format!(" {} Pane ", pane + 1));
        let inner = block.inner(at);
        frame.render_widget(block, at);
        let buffer = frame.buffer_mut();
        for row in 0..inner.height {
            let y = inner.y + row;
            let n = usize::from(pane) * 100 + usize::from(row);
            let now = n * 7 + tick * 13;
            let (glyph, state, role) = if n % 9 == 0 {
                ("▲", "CrashLoop", Role::Error)
            } else {
                ("·", "Running", Role::Ok)
            };
            let spark: String = (0..12).map(|i| UNICODE.spark[(now / 3 + i * 5) % 8]).collect();
            let mut put = |x: u16, text: &str, width: usize, role| {
                if x + (width as u16) <= inner.width {
                    buffer.set_stringn(inner.x + x, y, text, width, theme.style(role));
                }
            };
            put(0, glyph, 2, role);
            put(
                2,
                &format!("cortex-worker-{n:05x}-x{:03}", n * 37 % 1000),
                28,
                Role::Text,
            );
            put(31, &format!("{:>3}/{:<3}", now % 7, 7), 8, Role::TextMuted);
            put(40, state, 10, role);
            put(51, &format!("{:>6}", now % 9973), 6, Role::Text);
            put(59, &spark, 14, Role::Series1);
            if pane == 0 && row == selected {
                buffer.set_style(Rect::new(inner.x, y, inner.width, 1), theme.style(Role::Selection));
            }
        }
    }
    frame.set_cursor_position(Position::new(1, 3 + selected));
}

#[test]
fn the_byte_budgets_hold_at_160_by_45_in_true_colour() {
    let theme = Theme::built_in("dark", Depth::True);
    let mut terminal = terminal(160, 45, Depth::True, Glyphs::Unicode);
    let first = cost(&mut terminal, |frame| deck(frame, &theme, 0, 0));
    let again = cost(&mut terminal, |frame| deck(frame, &theme, 0, 0));
    let cursor = cost(&mut terminal, |frame| deck(frame, &theme, 1, 0));
    let data = cost(&mut terminal, |frame| deck(frame, &theme, 1, 1));
    println!("(bytes, writes): first {first:?}, again {again:?}, cursor {cursor:?}, data {data:?}");
    assert!(first.0 <= 20_000 && first.1 == 1, "first paint {first:?}");
    assert_eq!(again, (0, 0), "nothing changed");
    assert!(cursor.0 <= 1_000 && cursor.1 == 1, "cursor move {cursor:?}");
    assert!(data.0 <= 7_000 && data.1 == 1, "full refresh {data:?}");
}

/// A followed log of different lines between frames, the newest at the bottom.
fn log(frame: &mut ratatui::Frame<'_>, newest: usize) {
    let area = frame.area();
    let block = Block::bordered().title(" logs ");
    let inner = block.inner(area);
    frame.render_widget(block, area);
    for y in 0..inner.height {
        let n = newest + usize::from(y);
        let line = format!(
            "{n:05} GET /v1/{:x} {} duration_ms={}",
            n * 7919,
            200 + n % 5,
            n * 31 % 977
        );
        frame
            .buffer_mut()
            .set_string(inner.x, inner.y + y, line, Style::default());
    }
}

#[test]
fn a_line_more_in_a_followed_log_costs_a_line_and_one_less_too() {
    let mut terminal = terminal(80, 24, Depth::True, Glyphs::Unicode);
    cost(&mut terminal, |frame| log(frame, 1000));
    let (up, _) = cost(&mut terminal, |frame| log(frame, 1001));
    let (more, _) = cost(&mut terminal, |frame| log(frame, 1004));
    let (down, _) = cost(&mut terminal, |frame| log(frame, 1003));
    println!("bytes: a line more {up}, three more {more}, one less {down}");
    assert!(up <= 150 && down <= 150 && more <= 350, "{up} {more} {down}");
}

#[test]
fn after_a_resize_and_after_something_else_wrote_the_screen_is_right_again() {
    let theme = Theme::built_in("dark", Depth::True);
    let mut terminal = terminal(100, 30, Depth::True, Glyphs::Unicode);
    let mut replay = vt100::Parser::new(30, 100, 0);
    let mut read = 0;
    let mut check = |terminal: &mut Terminal<Screen<Wire>>, replay: &mut vt100::Parser| {
        let mut drawn = Buffer::default();
        terminal
            .draw(|frame| {
                deck(frame, &theme, 2, 3);
                drawn = frame.buffer_mut().clone();
            })
            .unwrap();
        let bytes = &terminal.backend().writer().bytes;
        replay.process(&bytes[read..]);
        read = bytes.len();
        let width = drawn.area.width;
        for (y, row) in replay.screen().rows(0, width).enumerate() {
            let expected: String = (0..width).map(|x| drawn[(x, y as u16)].symbol().to_owned()).collect();
            assert_eq!(row.trim_end(), expected.trim_end(), "row {y}");
        }
    };
    check(&mut terminal, &mut replay);
    terminal.backend_mut().resize(Size::new(120, 40));
    replay.screen_mut().set_size(40, 120);
    check(&mut terminal, &mut replay);
    replay.process(b"\x1b[31mjunk\x1b[2J");
    terminal.backend_mut().forget();
    terminal.clear().unwrap();
    check(&mut terminal, &mut replay);
}
