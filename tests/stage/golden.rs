//! Screens as text that people can read and compare: the glyphs, then a letter for the look of each cell, then what the
//! letters mean. A letter stands for a role of the theme, so it is the same in every file.

#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use quarterdeck::picture::{self, Drawn};
use quarterdeck::theme::{Depth, Glyphs, Role, Theme};
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier, Style};

/// One letter for each role, in their order.
const LETTERS: &str = ".,:tTabBDsSmhHIcCkKxogEiz123456789vVwWpPQ!uUXrRnNeLdlfFyYZjJqGAMO@#$%&*";
/// For looks that no single role has.
const MIXED: &str = "αβγδεζηθικλμνξοπρστυφχψω";

/// A new role needs a letter of its own.
pub fn letters_are_distinct() {
    let letters: BTreeSet<char> = LETTERS.chars().chain(MIXED.chars()).collect();
    assert_eq!(letters.len(), LETTERS.chars().count() + MIXED.chars().count());
    assert!(LETTERS.chars().count() >= Role::ALL.len());
}

/// Compares with the file of that name, or rewrites it when `UPDATE` is set. What differs is collected, so that one
/// run shows all.
#[derive(Default)]
pub struct Goldens {
    wrong: Vec<String>,
}

impl Goldens {
    pub fn text(&mut self, path: &str, is: &str) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let was = std::fs::read_to_string(&file).unwrap_or_default();
        if was == is {
            return;
        }
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, is).unwrap();
            return;
        }
        let diff = similar::TextDiff::from_lines(was.as_str(), is);
        let shown = diff.unified_diff().context_radius(1).to_string();
        self.wrong.push(format!("{path} is no longer true:\n{shown}"));
    }

    pub fn screen(&mut self, name: &str, drawn: &Drawn, theme: &Theme) {
        if let Some(folder) = std::env::var_os("PICTURES") {
            let paper = picture::Paper {
                theme,
                depth: Depth::True,
                glyphs: Glyphs::Unicode,
                title: name,
            };
            let file = Path::new(&folder).join(format!("{name}.svg"));
            std::fs::write(file, picture::svg(drawn, paper)).unwrap();
        }
        self.text(&format!("tests/screens/{name}.txt"), &screen(drawn, theme));
    }

    /// Panics with everything that differs.
    pub fn finish(self) {
        assert!(
            self.wrong.is_empty(),
            "{}\nLook at it. If it is better so, run the test again with UPDATE=1.",
            self.wrong.join("\n")
        );
    }
}

fn style(cell: &Cell) -> Style {
    let mut style = Style::default().add_modifier(cell.modifier);
    if cell.fg != Color::Reset {
        style = style.fg(cell.fg);
    }
    if cell.bg != Color::Reset {
        style = style.bg(cell.bg);
    }
    // The colour of a blank cannot be seen.
    let seen = cell.modifier & (Modifier::UNDERLINED | Modifier::REVERSED | Modifier::CROSSED_OUT);
    if cell.symbol().trim().is_empty() && seen.is_empty() {
        style = Style::default();
        if cell.bg != Color::Reset {
            style = style.bg(cell.bg);
        }
    }
    style
}

fn described(style: Style) -> String {
    let mut out = style.fg.map_or_else(|| "default".to_owned(), |c| c.to_string());
    if let Some(bg) = style.bg {
        let _ = write!(out, " on {bg}");
    }
    for (name, _) in style.add_modifier.iter_names() {
        let _ = write!(out, " {}", name.to_lowercase());
    }
    out
}

fn screen(drawn: &Drawn, theme: &Theme) -> String {
    let cells: &Buffer = &drawn.cells;
    let mut out = picture::text(cells);
    let mut used: BTreeSet<(char, String)> = BTreeSet::new();
    let mut mixed: Vec<Style> = Vec::new();
    let mut looks = String::new();
    for row in cells.content.chunks(usize::from(cells.area.width)) {
        let mut line = String::new();
        for cell in row {
            let style = style(cell);
            if style == Style::default() {
                line.push(if cell.symbol().trim().is_empty() { ' ' } else { '_' });
                continue;
            }
            // A blank shows its background only: any role with that background will do.
            let blank = cell.symbol().trim().is_empty() && style.fg.is_none() && style.add_modifier.is_empty();
            let same = |r: &&Role| {
                let of = theme.style(**r);
                of == style || blank && of.bg == style.bg
            };
            let letter = if let Some(role) = Role::ALL.iter().find(same) {
                let letter = LETTERS.chars().nth(*role as usize).unwrap();
                used.insert((letter, format!("{}: {}", role.name(), described(theme.style(*role)))));
                letter
            } else {
                let at = mixed.iter().position(|m| *m == style).unwrap_or_else(|| {
                    mixed.push(style);
                    mixed.len() - 1
                });
                let letter = MIXED.chars().nth(at).unwrap();
                used.insert((letter, described(style)));
                letter
            };
            line.push(letter);
        }
        looks.push_str(line.trim_end());
        looks.push('\n');
    }
    let _ = write!(out, "\n-- looks\n{looks}\n-- meaning\n");
    for (letter, meaning) in used {
        let _ = writeln!(out, "{letter} {meaning}");
    }
    match drawn.cursor {
        Some(at) => {
            let _ = writeln!(out, "cursor at column {}, row {}", at.x, at.y);
        }
        None => out.push_str("no cursor\n"),
    }
    out
}
