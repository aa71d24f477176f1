//! What is hard to read in a theme: told of the user's own, and kept out of the built-in ones by a test.

use std::fmt;

use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};

use super::colour::{Rgb, contrast, rgb};
use super::vision::Vision;
use super::{Depth, Role, Theme};

/// Text needs this contrast (WCAG 2, 1.4.3).
const TEXT: f64 = 4.5;
/// What carries no words, but must be seen (WCAG 2, 1.4.11).
const SEEN: f64 = 3.0;
/// Severities are at least so far apart, for everybody ([`Vision::distance`]).
const APART: f64 = 10.0;

/// One thing that is hard to read.
#[derive(Debug, Clone, PartialEq)]
pub enum Doubt {
    /// A role stands out too little: it has this contrast and needs that.
    Faint {
        /// The role.
        role: Role,
        /// What it lies on, when that is not its own background.
        on: Option<Role>,
        /// Its contrast.
        is: f64,
        /// What it needs.
        needs: f64,
    },
    /// Two severities look the same to somebody.
    Alike(Role, Role, Vision),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Faint { role, on, is, needs } => {
                let on = match on {
                    Some(Role::Selection) => " on the selected row",
                    Some(Role::SelectionQuiet) => " on the selected row of another pane",
                    Some(Role::Header) => " in the top bar",
                    _ => "",
                };
                write!(f, "`{}`{on} is faint: contrast {is:.1}, needs {needs}", role.name())
            }
            Self::Alike(a, b, Vision::Full) => write!(f, "`{}` and `{}` look alike", a.name(), b.name()),
            Self::Alike(a, b, vision) => {
                let who = match vision {
                    Vision::Full | Vision::Protanopia => "protanopia",
                    Vision::Deuteranopia => "deuteranopia",
                    Vision::Tritanopia => "tritanopia",
                };
                write!(f, "`{}` and `{}` look alike with {who}", a.name(), b.name())
            }
        }
    }
}

impl Theme {
    /// What is hard to read at the depth that the theme was loaded for. Where there are only the sixteen colours of the
    /// user's terminal, how they look there is not known, so they are not compared for colour-blind eyes.
    pub fn doubts(&self) -> Vec<Doubt> {
        if self.depth == Depth::Mono {
            return Vec::new();
        }
        let mut found = Vec::new();
        for role in Role::ALL {
            let (over, under) = self.colours(*role);
            // A border that nobody gave a colour is the terminal's text.
            let needs = match role {
                Role::SelectionQuiet | Role::Selection => TEXT,
                role if role.is_text() => TEXT,
                _ => SEEN,
            };
            let is = contrast(over, under);
            if is < needs {
                found.push(Doubt::Faint {
                    role: *role,
                    on: None,
                    is,
                    needs,
                });
            }
        }
        // What is bad keeps its colour under the cursor, and lights have theirs in the top bar.
        let bad = [Role::Error, Role::Warn, Role::Mark].as_slice();
        let lights = [Role::Ok, Role::Warn, Role::Error, Role::Info, Role::Stale].as_slice();
        for (on, roles) in [
            (Role::Selection, bad),
            (Role::SelectionQuiet, bad),
            (Role::Header, lights),
        ] {
            let (_, under) = self.colours(on);
            for role in roles {
                let is = contrast(self.colours(*role).0, under);
                if self.lies_under(on) && is < TEXT {
                    found.push(Doubt::Faint {
                        role: *role,
                        on: Some(on),
                        is,
                        needs: TEXT,
                    });
                }
            }
        }
        if self.depth > Depth::Sixteen {
            for (a, b) in [
                (Role::Ok, Role::Warn),
                (Role::Ok, Role::Error),
                (Role::Warn, Role::Error),
                (Role::Text, Role::Error),
                (Role::Text, Role::Warn),
            ] {
                let alike = |v: &Vision| v.distance(self.colours(a).0, self.colours(b).0) < APART;
                found.extend(Vision::ALL.into_iter().filter(alike).map(|v| Doubt::Alike(a, b, v)));
            }
        }
        found
    }

    /// Whether the role is a background under what has colours of its own, and not reverse or underline.
    fn lies_under(&self, role: Role) -> bool {
        let style = self.style(role);
        style.bg.is_some() && style.add_modifier.is_empty()
    }

    /// The contrast of what a drawn cell shows, and what it needs. None for a blank, and where there are no colours.
    pub fn contrast_of(&self, cell: &Cell) -> Option<(f64, f64)> {
        let glyph = cell.symbol().chars().next().filter(|c| !c.is_whitespace())?;
        if self.depth == Depth::Mono {
            return None;
        }
        let (over, under) = self.shown(Some(cell.fg), Some(cell.bg));
        let is = if cell.modifier.contains(Modifier::REVERSED) {
            contrast(under, over)
        } else {
            contrast(over, under)
        };
        // Frames, blocks and braille: they carry no words.
        let is_shape = matches!(glyph, '\u{2500}'..='\u{259f}' | '\u{2800}'..='\u{28ff}');
        Some((is, if is_shape { SEEN } else { TEXT }))
    }

    /// The colour of a role and of what lies under it, as they are shown.
    fn colours(&self, role: Role) -> (Rgb, Rgb) {
        let style = self.style(role);
        self.shown(style.fg, style.bg)
    }

    /// Two colours as they are shown; none is the terminal's own.
    fn shown(&self, over: Option<Color>, under: Option<Color>) -> (Rgb, Rgb) {
        let shown = |colour| rgb(self.depth.nearest(colour));
        // With sixteen colours the background is the terminal's black or white, whatever value that has there.
        let (r, g, b) = self.background();
        let back = match self.depth {
            Depth::Sixteen => shown(Color::Rgb(r, g, b)).unwrap_or((r, g, b)),
            _ => (r, g, b),
        };
        (
            over.and_then(shown).unwrap_or_else(|| self.default_text()),
            under.and_then(shown).unwrap_or(back),
        )
    }
}

#[cfg(test)]
mod tests {
    use ratatui::style::Modifier;

    use super::*;
    use crate::theme::BUILT_IN;
    use crate::theme::symbols::{ASCII, UNICODE};

    #[test]
    fn every_built_in_theme_can_be_read_at_every_depth_by_everybody() {
        let mut faults = Vec::new();
        for (name, text) in BUILT_IN {
            for depth in Depth::ALL {
                let theme = Theme::load(name, text, depth).unwrap_or_else(|p| panic!("{p:?}"));
                assert_eq!(theme.name(), *name);
                let doubts = theme.doubts();
                faults.extend(doubts.iter().map(|d| format!("{name} at {}: {d}", depth.name())));
            }
        }
        assert_eq!(faults, Vec::<String>::new());
    }

    #[test]
    fn a_theme_that_is_hard_to_read_is_told() {
        let text =
            "[palette]\ndusk = \"#dcae5c\"\ngrey = \"#30343c\"\nmoss = \"#dcae5c\"\n[roles]\n\"border\" = \"#15181e\"";
        let theme = Theme::load("mine", text, Depth::True).unwrap();
        let said: Vec<String> = theme.doubts().iter().map(ToString::to_string).collect();
        for expected in [
            "`text.muted` is faint: contrast 1.5, needs 4.5",
            "`border` is faint: contrast 1.0, needs 3",
            "`ok` and `warn` look alike",
            "`ok` and `warn` look alike with tritanopia",
            "`warn` in the top bar is faint: contrast 1.0, needs 4.5",
        ] {
            assert!(said.iter().any(|s| s == expected), "{expected}: {said:?}");
        }
    }

    #[test]
    fn severities_differ_by_glyph_before_they_differ_by_colour() {
        for s in [&UNICODE, &ASCII] {
            let glyphs = [s.critical, s.warning, s.ok, s.unknown, s.stale];
            for (i, a) in glyphs.iter().enumerate() {
                assert!(glyphs.iter().skip(i + 1).all(|b| a != b), "{a}");
            }
        }
    }

    #[test]
    fn in_mono_what_must_be_told_apart_differs_by_modifier() {
        for (name, text) in BUILT_IN {
            let theme = Theme::load(name, text, Depth::Mono).unwrap();
            let look = |role| theme.style(role).add_modifier;
            let groups: [&[Role]; 6] = [
                &[Role::Ok, Role::Warn, Role::Error],
                &[Role::Text, Role::Selection, Role::SelectionQuiet],
                &[Role::Button, Role::ButtonFocus, Role::ButtonDanger],
                &[Role::DiffAdd, Role::DiffRemove],
                &[Role::SearchMatch, Role::SearchCurrent, Role::Text],
                &[Role::Title, Role::TitleFocus],
            ];
            for group in groups {
                for (i, a) in group.iter().enumerate() {
                    for b in &group[i + 1..] {
                        assert_ne!(look(*a), look(*b), "{name}: {} and {}", a.name(), b.name());
                    }
                }
            }
            assert!(look(Role::BadgeProd).contains(Modifier::REVERSED | Modifier::BOLD));
        }
    }

    #[test]
    fn a_theme_paints_its_background_only_where_it_says_so_or_must() {
        use ratatui::buffer::Cell;
        let painted = |theme: &Theme| {
            let mut cells = [Cell::default()];
            theme.paint(&mut cells);
            (cells[0].bg != Color::Reset, cells[0].fg != Color::Reset)
        };
        let load = |name: &str, depth| Theme::built_in(name, depth);
        assert_eq!(painted(&load("dark", Depth::True)), (false, false));
        assert_eq!(painted(&load("light", Depth::True).painted(true)), (true, true));
        assert_eq!(painted(&load("contrast", Depth::Indexed)), (true, true));
        assert_eq!(painted(&load("contrast", Depth::Mono)), (false, false));
        assert_eq!(painted(&load("mono", Depth::True).painted(true)), (false, false));
    }
}
