//! Colours: their names in theme files, their values, and how well one stands out from another.

use ratatui::style::Color;

use super::depth::CUBE;

/// Red, green, blue.
pub type Rgb = (u8, u8, u8);

/// The sixteen: name in theme files, colour, and the value that xterm gives it.
pub const ANSI: [(&str, Color, Rgb); 16] = [
    ("black", Color::Black, (0, 0, 0)),
    ("red", Color::Red, (205, 0, 0)),
    ("green", Color::Green, (0, 205, 0)),
    ("yellow", Color::Yellow, (205, 205, 0)),
    ("blue", Color::Blue, (0, 0, 238)),
    ("magenta", Color::Magenta, (205, 0, 205)),
    ("cyan", Color::Cyan, (0, 205, 205)),
    ("white", Color::Gray, (229, 229, 229)),
    ("bright-black", Color::DarkGray, (127, 127, 127)),
    ("bright-red", Color::LightRed, (255, 0, 0)),
    ("bright-green", Color::LightGreen, (0, 255, 0)),
    ("bright-yellow", Color::LightYellow, (255, 255, 0)),
    ("bright-blue", Color::LightBlue, (92, 92, 255)),
    ("bright-magenta", Color::LightMagenta, (255, 0, 255)),
    ("bright-cyan", Color::LightCyan, (0, 255, 255)),
    ("bright-white", Color::White, (255, 255, 255)),
];

/// A colour by its name (`red`, `bright-black`), number (`@208`) or value (`#7fb4ca`); `default` is the terminal's own.
pub fn parse(word: &str) -> Option<Color> {
    if word == "default" {
        return Some(Color::Reset);
    }
    if let Some(number) = word.strip_prefix('@') {
        return number.parse().ok().map(Color::Indexed);
    }
    if let Some(hex) = word.strip_prefix('#') {
        let value = u32::from_str_radix(hex, 16).ok()?;
        if hex.len() != 6 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let [_, r, g, b] = value.to_be_bytes();
        return Some(Color::Rgb(r, g, b));
    }
    ANSI.iter()
        .find(|(name, ..)| *name == word)
        .map(|(_, colour, _)| *colour)
}

/// The value of a colour; none for the terminal's default.
pub fn rgb(colour: Color) -> Option<Rgb> {
    match colour {
        Color::Reset => None,
        Color::Rgb(r, g, b) => Some((r, g, b)),
        Color::Indexed(index) => Some(match index {
            0..=15 => ANSI.get(usize::from(index)).map(|(_, _, value)| *value)?,
            16..=231 => {
                let cube = index - 16;
                let level = |n: u8| CUBE.get(usize::from(n)).copied().unwrap_or(0);
                (level(cube / 36), level(cube / 6 % 6), level(cube % 6))
            }
            232..=255 => {
                let grey = 8 + 10 * (index - 232);
                (grey, grey, grey)
            }
        }),
        named => ANSI
            .iter()
            .find(|(_, colour, _)| *colour == named)
            .map(|(_, _, value)| *value),
    }
}

/// Contrast of two colours by WCAG 2: from 1 (none) to 21 (black on white). Text to be read needs 4.5.
pub fn contrast(a: Rgb, b: Rgb) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// Relative luminance by WCAG 2, from 0 to 1.
pub fn luminance((r, g, b): Rgb) -> f64 {
    0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

/// The light of a channel, from 0 to 1, without the screen's gamma.
pub(super) fn linear(channel: u8) -> f64 {
    let value = f64::from(channel) / 255.0;
    if value <= 0.040_45 {
        value / 12.92
    } else {
        ((value + 0.055) / 1.055).powf(2.4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_in_their_four_forms() {
        assert_eq!(parse("#7fb4ca"), Some(Color::Rgb(0x7f, 0xb4, 0xca)));
        assert_eq!(parse("bright-black"), Some(Color::DarkGray));
        assert_eq!(parse("@208"), Some(Color::Indexed(208)));
        assert_eq!(parse("default"), Some(Color::Reset));
        for wrong in ["#fff", "#gggggg", "@300", "mauve", "#+12345"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn contrast_is_that_of_wcag() {
        assert!((contrast((0, 0, 0), (255, 255, 255)) - 21.0).abs() < 1e-9);
        assert!((contrast((119, 119, 119), (255, 255, 255)) - 4.48).abs() < 0.01);
    }
}
