//! Whether everything that is drawn can be read: each cell of a screen, in each theme, at each depth.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use quarterdeck::app::App;
use quarterdeck::picture::{Paper, draw};
use quarterdeck::theme::{BUILT_IN, Depth, Glyphs, Role, Theme};
use ratatui::buffer::Cell;
use ratatui::style::Modifier;

/// A theme that draws, and those that draw the same and show it otherwise: with fewer colours, on another ground.
struct Look {
    draws: Theme,
    shown: Vec<(&'static str, Depth, Theme)>,
}

static LOOKS: LazyLock<Vec<Look>> = LazyLock::new(|| {
    let mut looks: Vec<Look> = Vec::new();
    // `mono` has no colours at all.
    for (name, _) in BUILT_IN.iter().filter(|(name, _)| *name != "mono") {
        for depth in [Depth::Sixteen, Depth::Indexed, Depth::True] {
            let theme = Theme::built_in(name, depth);
            let same = |l: &&mut Look| Role::ALL.iter().all(|r| l.draws.style(*r) == theme.style(*r));
            match looks.iter_mut().find(same) {
                Some(look) => look.shown.push((*name, depth, theme)),
                None => looks.push(Look {
                    draws: theme.clone(),
                    shown: vec![(*name, depth, theme)],
                }),
            }
        }
    }
    looks
});

/// What stands out too little, with where it was first seen.
#[derive(Default)]
pub struct Faint(BTreeMap<String, String>);

impl Faint {
    /// Walks the cells of the screen that the console shows now.
    pub fn look(&mut self, name: &str, app: &mut App) {
        for look in LOOKS.iter() {
            let paper = Paper {
                theme: &look.draws,
                depth: Depth::True,
                glyphs: Glyphs::Unicode,
                title: name,
            };
            let drawn = draw(app, paper);
            let mut pairs = BTreeMap::new();
            for (at, cell) in drawn.cells.content.iter().enumerate() {
                if cell.symbol() != " " {
                    let is_reversed = cell.modifier.contains(Modifier::REVERSED);
                    let is_word = cell.symbol().is_ascii();
                    let pair = (cell.fg.to_string(), cell.bg.to_string(), is_reversed, is_word);
                    pairs.entry(pair).or_insert((at, cell));
                }
            }
            for (at, cell) in pairs.into_values() {
                for (theme_name, depth, theme) in &look.shown {
                    let Some((is, needs)) = theme.contrast_of(cell).filter(|(is, needs)| is < needs) else {
                        continue;
                    };
                    let (depth, over, under) = (depth.name(), cell.fg, cell.bg);
                    let pair = format!("{theme_name} at {depth}: {over} on {under} is {is:.2}, needs {needs}");
                    let words: String = drawn.cells.content.iter().skip(at).take(12).map(Cell::symbol).collect();
                    let (width, at) = (app.size.0.max(1), u16::try_from(at).unwrap());
                    let place = format!("{name}, column {}, row {}: {words}", at % width, at / width);
                    self.0.entry(pair).or_insert(place);
                }
            }
        }
    }

    /// Panics with everything that was seen.
    pub fn finish(self) {
        assert!(self.0.is_empty(), "hard to read: {:#?}", self.0);
    }
}
