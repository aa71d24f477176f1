//! The glyphs: what stands for critical, running, more … and the ASCII form of each.
//!
//! Panes ask for a glyph by meaning ([`Symbols`]). What widgets draw by themselves (box lines, bars, sparklines) is
//! mapped by [`ascii`] on its way to the terminal, one cell to one cell.

/// Which set of glyphs the terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Glyphs {
    /// Unicode without any special font.
    Unicode,
    /// Printable ASCII only.
    Ascii,
}

/// The glyphs by meaning. Each is one cell wide, but `ellipsis` in prose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symbols {
    /// A critical signal.
    pub critical: &'static str,
    /// A warning.
    pub warning: &'static str,
    /// Worth knowing.
    pub info: &'static str,
    /// Good, done, permitted.
    pub ok: &'static str,
    /// Failed, refused.
    pub failed: &'static str,
    /// Alive: a feed's light.
    pub live: &'static str,
    /// Not yet: a feed that connects, a step to come.
    pub waiting: &'static str,
    /// Late: a feed's light when its data is old.
    pub stale: &'static str,
    /// Not permitted: a feed's light.
    pub denied: &'static str,
    /// Not known.
    pub unknown: &'static str,
    /// The current step, an alternative, a folded node.
    pub pointer: &'static str,
    /// An unfolded node.
    pub unfolded: &'static str,
    /// Leads to.
    pub arrow: &'static str,
    /// Rising.
    pub up: &'static str,
    /// Falling.
    pub down: &'static str,
    /// Marked.
    pub mark: &'static str,
    /// More than fits.
    pub ellipsis: &'static str,
    /// Between two facts of one line.
    pub dot: &'static str,
    /// Between a thing and what is said of it.
    pub dash: &'static str,
    /// No value.
    pub none: &'static str,
    /// Up to and including.
    pub range: &'static str,
    /// Times.
    pub times: &'static str,
    /// The Enter key.
    pub enter: &'static str,
    /// Sorted ascending.
    pub ascending: &'static str,
    /// Sorted descending.
    pub descending: &'static str,
    /// Filled part of a gauge.
    pub gauge_full: &'static str,
    /// Empty part of a gauge.
    pub gauge_empty: &'static str,
    /// A sparkline's levels, from nothing to full.
    pub spark: [&'static str; 8],
}

/// The Unicode set.
pub const UNICODE: Symbols = Symbols {
    critical: "▲",
    warning: "!",
    info: "·",
    ok: "✓",
    failed: "✗",
    live: "●",
    waiting: "○",
    stale: "◐",
    denied: "⊘",
    unknown: "?",
    pointer: "▸",
    unfolded: "▾",
    arrow: "→",
    up: "↑",
    down: "↓",
    mark: "◆",
    ellipsis: "…",
    dot: "·",
    dash: "—",
    none: "–",
    range: "–",
    times: "×",
    enter: "↵",
    ascending: "↑",
    descending: "↓",
    gauge_full: "█",
    gauge_empty: "░",
    spark: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
};

/// The ASCII set.
pub const ASCII: Symbols = Symbols {
    critical: "X",
    warning: "!",
    info: "i",
    ok: "+",
    failed: "x",
    live: "*",
    waiting: "o",
    stale: "~",
    denied: "/",
    unknown: "?",
    pointer: ">",
    unfolded: "v",
    arrow: ">",
    up: "^",
    down: "v",
    mark: "*",
    ellipsis: "~",
    dot: "|",
    dash: "-",
    none: "-",
    range: "-",
    times: "x",
    enter: "enter",
    ascending: "^",
    descending: "v",
    gauge_full: "#",
    gauge_empty: ".",
    spark: ["_", "_", ".", "-", "=", "+", "*", "#"],
};

impl Symbols {
    /// The set of that kind.
    pub const fn of(glyphs: Glyphs) -> &'static Self {
        match glyphs {
            Glyphs::Unicode => &UNICODE,
            Glyphs::Ascii => &ASCII,
        }
    }
}

/// The ASCII form of a character that is one cell wide; `?` when it has none.
#[allow(clippy::match_same_arms)] // grouped by what the glyphs are, not by what they become
pub const fn ascii(c: char) -> char {
    match c {
        ' '..='~' => c,
        '─' | '━' | '╌' | '╍' | '┄' | '┅' | '┈' | '┉' | '╴' | '╶' | '╸' | '╺' | '—' | '–' | '‐' | '‑' | '−' | '―' => {
            '-'
        }
        '│' | '┃' | '╎' | '╏' | '┆' | '┇' | '┊' | '┋' | '╵' | '╷' | '╹' | '╻' | '║' | '▏' | '▎' | '▍' | '▕' | '▐'
        | '▌' => '|',
        '═' | '▅' => '=',
        '┌'..='╋' | '╒'..='╰' => '+',
        '╱' | '⊘' | '⁄' => '/',
        '╲' => '\\',
        '▁' | '▂' => '_',
        '▃' => '.',
        '▄' => '-',
        '▆' => '+',
        '▇' | '◆' | '●' | '★' | '✱' | '•' | '◉' => '*',
        '█' | '▓' | '▒' | '▀' | '▉' | '▊' | '▋' | '■' | '▪' => '#',
        '░' | '·' | '⋅' | '∙' | '□' => '.',
        '▲' => 'X',
        '△' | '↑' | '▴' | '⬆' => '^',
        '▼' | '▽' | '↓' | '▾' | '⬇' => 'v',
        '→' | '▸' | '▶' | '►' | '›' | '»' | '❯' | '⟶' | '⇒' | '↵' => '>',
        '←' | '◂' | '◀' | '◄' | '‹' | '«' | '⇐' => '<',
        '✓' | '✔' => '+',
        '✗' | '✘' | '×' | '✕' | '✖' => 'x',
        '○' | '◦' | '◌' | '°' => 'o',
        '◐' | '◑' | '◒' | '◓' | '≈' | '…' | '⋯' => '~',
        '“' | '”' | '„' => '"',
        '‘' | '’' | '‚' | '′' => '\'',
        'µ' | 'μ' => 'u',
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' => ' ',
        'à'..='å' => 'a',
        'ç' => 'c',
        'è'..='ë' => 'e',
        'ì'..='ï' => 'i',
        'ñ' => 'n',
        'ò'..='ö' => 'o',
        'ù'..='ü' => 'u',
        'À'..='Å' => 'A',
        'È'..='Ë' => 'E',
        'Ò'..='Ö' => 'O',
        'Ù'..='Ü' => 'U',
        // Braille: what graphs are drawn with. Empty, some, many dots.
        '\u{2800}' => ' ',
        '\u{2801}'..='\u{28ff}' => match (c as u32 & 0xff).count_ones() {
            0..=2 => '.',
            3..=5 => ':',
            _ => '#',
        },
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_glyph_of_ours_has_an_ascii_form_and_one_cell() {
        let all = |s: &Symbols| {
            let one = [
                s.critical,
                s.warning,
                s.info,
                s.ok,
                s.failed,
                s.live,
                s.waiting,
                s.stale,
                s.denied,
                s.unknown,
                s.pointer,
                s.unfolded,
                s.arrow,
                s.up,
                s.down,
                s.mark,
                s.ellipsis,
                s.dot,
                s.dash,
                s.none,
                s.range,
                s.times,
                s.ascending,
                s.descending,
                s.gauge_full,
                s.gauge_empty,
            ];
            one.into_iter().chain(s.spark).collect::<Vec<_>>()
        };
        for glyph in all(&UNICODE) {
            let c = glyph.chars().next().unwrap();
            assert_eq!(unicode_width::UnicodeWidthStr::width(glyph), 1, "{glyph}");
            assert!(ascii(c) != '?' || c == '?', "{glyph}");
        }
        assert!(
            all(&ASCII)
                .into_iter()
                .all(|glyph| glyph.len() == 1 && glyph.is_ascii())
        );
        // Severities differ without colour.
        for s in [&UNICODE, &ASCII] {
            assert!(s.critical != s.warning && s.warning != s.ok && s.ok != s.critical && s.live != s.stale);
        }
    }

    #[test]
    fn box_lines_bars_and_arrows_map_to_ascii() {
        let text = "╭─┬╮│├┼┤╰┴╯ ▁▂▃▄▅▆▇█ → ▲ … 3–5";
        let mapped: String = text.chars().map(ascii).collect();
        assert_eq!(mapped, "+-++|++++++ __.-=+*# > X ~ 3-5");
    }
}
