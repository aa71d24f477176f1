//! What every screen owes to those who do not see it as we do: the hardware cursor on what is read next, for screen
//! readers and magnifiers; and nothing but ASCII where the terminal has no more.

use quarterdeck::app::{App, Layer};
use quarterdeck::picture::Drawn;
use quarterdeck::term::Screen;
use quarterdeck::theme::{Depth, Glyphs, Role, Symbols, Theme};
use quarterdeck::ui::{self, Look};
use ratatui::Terminal;
use ratatui::layout::Size;

/// Checks the screen that the console shows now.
pub fn holds(name: &str, app: &mut App, drawn: &Drawn) {
    let (width, height) = app.size;
    if width >= 40 && height >= 10 {
        let at = drawn.cursor.unwrap_or_else(|| panic!("{name}: the cursor is nowhere"));
        assert!(at.x < width && at.y < height, "{name}: the cursor is outside");
        follows_the_selection(name, app, drawn);
        if matches!(app.layers.last(), Some(Layer::Chart(_))) {
            let cell = drawn.cells.cell(at).unwrap();
            assert_eq!(
                cell.symbol(),
                "[",
                "{name}: the cursor is not at the value that is shown"
            );
        }
    }
    is_ascii(name, app);
}

/// Where a row is selected and nothing is typed, the cursor is in that row.
fn follows_the_selection(name: &str, app: &App, drawn: &Drawn) {
    let typed = matches!(
        app.layers.last(),
        Some(Layer::Picker(_) | Layer::Palette(_) | Layer::Prompt(_) | Layer::Plan(_) | Layer::Message(_))
    );
    let selection = Theme::built_in("dark", Depth::True).style(Role::Selection).bg;
    let rows: Vec<u16> = (0..drawn.cells.area.height)
        .filter(|y| {
            let selected = |x: &u16| drawn.cells.cell((*x, *y)).is_some_and(|c| Some(c.bg) == selection);
            (0..drawn.cells.area.width).filter(selected).count() > 10
        })
        .collect();
    let at = drawn.cursor.map(|c| c.y);
    if let (false, [row]) = (typed, rows.as_slice()) {
        assert_eq!(at, Some(*row), "{name}: the cursor is not on the selected row");
    }
}

/// The same screen on a terminal that has ASCII only: not one byte more, and no sign of ours without a form of its own.
fn is_ascii(name: &str, app: &mut App) {
    let (width, height) = app.size;
    let theme = Theme::built_in("dark", Depth::Sixteen);
    let look = Look {
        theme: &theme,
        symbols: Symbols::of(Glyphs::Ascii),
    };
    let size = Size::new(width, height);
    let mut terminal = Terminal::with_options(
        Screen::new(Vec::new(), size, Depth::Sixteen, Glyphs::Ascii),
        ratatui::TerminalOptions {
            viewport: ratatui::Viewport::Fixed(ratatui::layout::Rect::new(0, 0, width, height)),
        },
    )
    .unwrap();
    let mut unknown: Vec<char> = Vec::new();
    ui::fit(app);
    let frame = terminal.draw(|frame| ui::view(app, look, frame)).unwrap();
    for cell in &frame.buffer.content {
        let c = cell.symbol().chars().next().unwrap_or(' ');
        if c != '?' && quarterdeck::theme::symbols::ascii(c) == '?' && !unknown.contains(&c) {
            unknown.push(c);
        }
    }
    assert!(unknown.is_empty(), "{name}: no ASCII form of {unknown:?}");
    let bytes = terminal.backend().writer();
    assert!(bytes.len() > 100 || height < 10, "{name}: nothing was drawn");
    assert!(bytes.is_ascii(), "{name}: more than ASCII was sent");
}
