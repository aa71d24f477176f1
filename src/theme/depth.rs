//! Colour depths, and the way down from one to the next.

use ratatui::style::Color;

use super::colour::{ANSI, Rgb, rgb};

/// How many colours the terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// None: modifiers and glyphs only (`NO_COLOR`).
    Mono,
    /// The sixteen whose look the user's terminal decides.
    Sixteen,
    /// xterm's 256.
    Indexed,
    /// 24 bits.
    True,
}

impl Depth {
    /// Every depth.
    pub const ALL: [Self; 4] = [Self::Mono, Self::Sixteen, Self::Indexed, Self::True];

    /// Its name in flags and theme files: `mono`, `16`, `256`, `truecolor`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mono => "mono",
            Self::Sixteen => "16",
            Self::Indexed => "256",
            Self::True => "truecolor",
        }
    }

    /// The depth of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "none" | "never" => Some(Self::Mono),
            "truecolour" | "24bit" => Some(Self::True),
            _ => Self::ALL.into_iter().find(|depth| depth.name() == name),
        }
    }

    /// The nearest colour that this depth can show; the default colour in mono.
    pub fn nearest(self, colour: Color) -> Color {
        match (self, colour) {
            (_, Color::Reset) | (Self::Mono, _) => Color::Reset,
            (Self::Indexed, Color::Rgb(r, g, b)) => Color::Indexed(nearest_indexed((r, g, b))),
            (Self::Sixteen, Color::Rgb(r, g, b)) => nearest_ansi((r, g, b)),
            (Self::Sixteen, Color::Indexed(_)) => rgb(colour).map_or(Color::Reset, nearest_ansi),
            (_, other) => other,
        }
    }
}

/// The levels of xterm's 6×6×6 cube.
pub(super) const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

fn nearest_indexed(target: Rgb) -> u8 {
    // The first sixteen depend on the user's terminal, so they are never chosen.
    (16u8..=255)
        .min_by_key(|index| rgb(Color::Indexed(*index)).map_or(u32::MAX, |candidate| distance(target, candidate)))
        .unwrap_or(15)
}

fn nearest_ansi(target: Rgb) -> Color {
    ANSI.iter()
        .min_by_key(|(_, _, candidate)| distance(target, *candidate))
        .map_or(Color::Reset, |(_, colour, _)| *colour)
}

/// Squared distance, weighted by how the eye weighs the channels ("redmean").
fn distance(a: Rgb, b: Rgb) -> u32 {
    let mean = i32::midpoint(i32::from(a.0), i32::from(b.0));
    let (r, g, b) = (
        i32::from(a.0) - i32::from(b.0),
        i32::from(a.1) - i32::from(b.1),
        i32::from(a.2) - i32::from(b.2),
    );
    ((((512 + mean) * r * r) >> 8) + 4 * g * g + (((767 - mean) * b * b) >> 8)).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_go_down_to_their_neighbours() {
        assert_eq!(Depth::Indexed.nearest(Color::Rgb(255, 0, 0)), Color::Indexed(196));
        assert_eq!(Depth::Indexed.nearest(Color::Rgb(8, 8, 8)), Color::Indexed(232));
        assert_eq!(Depth::Sixteen.nearest(Color::Rgb(250, 10, 10)), Color::LightRed);
        assert_eq!(Depth::Sixteen.nearest(Color::Indexed(232)), Color::Black);
        assert_eq!(Depth::Mono.nearest(Color::Red), Color::Reset);
        assert_eq!(Depth::True.nearest(Color::Rgb(1, 2, 3)), Color::Rgb(1, 2, 3));
        for depth in Depth::ALL {
            assert_eq!(Depth::from_name(depth.name()), Some(depth));
        }
    }
}
