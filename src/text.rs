//! Text for people: made harmless, cut to a width, and numbers in few characters. Pure.
//!
//! Widths are terminal columns, as `unicode-width` counts them, never bytes or characters.

use std::borrow::Cow;

use jiff::SignedDuration;
use unicode_width::UnicodeWidthStr;

/// What stands where text was left out.
pub const ELLIPSIS: &str = "…";

/// Characters that must never reach a terminal or the journal from outside: C0 and C1 controls, bidirectional
/// controls (they reorder what is read), and invisible ones that make two different names look alike.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Makes text from outside harmless, on one line. Tabs and line ends become a space; a CSI sequence (colour in a log
/// line) goes whole; every other control loses its control bytes and stays readable. Allocates only when it must.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) || !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\t' | '\n' | '\r' | '\u{0b}' | '\u{0c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push(' '),
            '\u{1b}' if chars.peek() == Some(&'[') => {
                chars.next();
                skip_csi(&mut chars);
            }
            '\u{9b}' => skip_csi(&mut chars),
            c if is_harmful(c) => {}
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Skips parameters, intermediates and the final byte of a CSI sequence (ECMA-48, 5.4). Stops at anything else, so
/// that an unfinished sequence swallows no text beyond its own bytes.
fn skip_csi(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    while chars.next_if(|c| ('\u{20}'..='\u{3f}').contains(c)).is_some() {}
    chars.next_if(|c| ('\u{40}'..='\u{7e}').contains(c));
}

/// Columns that `text` takes.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// The longest beginning of `text` that takes at most `columns`.
fn head(text: &str, columns: usize) -> &str {
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    let mut fits = "";
    for end in ends {
        let Some(part) = text.get(..end) else { break };
        if width(part) > columns {
            break;
        }
        fits = part;
    }
    // A joiner with nothing after it would join the ellipsis.
    fits.trim_end_matches('\u{200d}')
}

/// The longest end of `text` that takes at most `columns` and does not begin inside a character.
fn tail(text: &str, columns: usize) -> &str {
    let mut fits = "";
    for (at, _) in text.char_indices().rev() {
        let Some(part) = text.get(at..) else { break };
        if width(part) > columns {
            break;
        }
        fits = part;
    }
    let zero = |c: char| width(c.encode_utf8(&mut [0; 4])) == 0;
    fits.trim_start_matches(zero)
}

/// At most `columns` wide; what is cut at the end is marked by `…`.
pub fn truncate_end(text: &str, columns: usize) -> Cow<'_, str> {
    if text.len() <= columns || width(text) <= columns {
        return Cow::Borrowed(text);
    }
    if columns == 0 {
        return Cow::Borrowed("");
    }
    Cow::Owned(format!("{}{ELLIPSIS}", head(text, columns - 1)))
}

/// At most `columns` wide; the middle gives way, for names whose end tells them apart (`cortex-a…f9c-x2x4p`).
pub fn truncate_middle(text: &str, columns: usize) -> Cow<'_, str> {
    if text.len() <= columns || width(text) <= columns {
        return Cow::Borrowed(text);
    }
    if columns < 3 {
        return truncate_end(text, columns);
    }
    let end = tail(text, (columns - 1) / 2);
    let begin = head(text, columns - 1 - width(end));
    Cow::Owned(format!("{begin}{ELLIPSIS}{end}"))
}

/// At most `columns` wide; of what gives way, the last `keep` columns stay: `cortex-api…789hk`, `work…:1.5.0`.
pub fn truncate_keeping(text: &str, columns: usize, keep: usize) -> Cow<'_, str> {
    if text.len() <= columns || width(text) <= columns {
        return Cow::Borrowed(text);
    }
    if columns < keep + 3 {
        return truncate_middle(text, columns);
    }
    let end = tail(text, keep);
    let begin = head(text, columns - 1 - width(end));
    Cow::Owned(format!("{begin}{ELLIPSIS}{end}"))
}

/// Columns below which of an image's name nothing is left that could be read.
const NARROW: usize = 14;

/// An image without its registry, at most `columns` wide. What tells a release is the tag: it stands whole where it can,
/// with as much of the name before it as can be read (`cort…:1.5.0`). A narrow column is one of tags alone: whole names
/// beside tags would be a different thing in every row.
pub fn image(name: &str, columns: usize) -> Cow<'_, str> {
    let wide = columns >= NARROW;
    if wide && width(name) <= columns {
        return Cow::Borrowed(name);
    }
    let Some((_, tag)) = name.rsplit_once(':') else {
        return truncate_end(name, columns);
    };
    if wide && width(tag) + 6 <= columns {
        return truncate_keeping(name, columns, width(tag) + 1);
    }
    // A commit is known by its beginning, a date and a build by their end.
    truncate_middle(tag, columns)
}

/// A line of blocks in fewer columns: of those that fall together the highest stands.
pub fn squeeze(blocks: &str, columns: usize) -> Cow<'_, str> {
    let all: Vec<char> = blocks.chars().collect();
    if all.len() <= columns {
        return Cow::Borrowed(blocks);
    }
    let end = |i: usize| i * all.len() / columns.max(1);
    let highest = |i| all.get(end(i)..end(i + 1)).and_then(|part| part.iter().max());
    Cow::Owned((0..columns).filter_map(highest).collect())
}

/// `text` and blanks up to `columns`; too long text is cut at the end.
pub fn pad(text: &str, columns: usize) -> String {
    let cut = truncate_end(text, columns);
    let blanks = columns.saturating_sub(width(&cut));
    format!("{cut}{:blanks$}", "")
}

/// Blanks, then `text`: for numbers. Too long text is cut at the end.
pub fn pad_left(text: &str, columns: usize) -> String {
    let cut = truncate_end(text, columns);
    let blanks = columns.saturating_sub(width(&cut));
    format!("{:blanks$}{cut}", "")
}

/// How long ago, in one unit, rounded down: `<1m`, `6m` (to 119m), `2h` (to 47h), `3d`, `1y`. The future is `<1m`: two
/// clocks never agree entirely. No seconds: a table whose ages tick would repaint every second for nothing.
pub fn age(past: SignedDuration) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    let s = past.as_secs().max(0);
    match s {
        _ if s < MINUTE => "<1m".to_owned(),
        _ if s < 2 * HOUR => format!("{}m", s / MINUTE),
        _ if s < 2 * DAY => format!("{}h", s / HOUR),
        _ if s < 365 * DAY => format!("{}d", s / DAY),
        _ => format!("{}y", s / (365 * DAY)),
    }
}

/// A count with separators: `4,812`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + 4);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Bytes in binary units with two or three digits: `0 B`, `900 KiB`, `3.6 GiB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1024.0;
    let mut unit = "KiB";
    for next in UNITS.into_iter().skip(1) {
        // 1023.6 would be written 1024: that is one of the next unit.
        if value < 1023.5 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if value < 9.95 {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.0} {unit}")
    }
}

/// Processor time from millicores: `250m` below one core, then cores: `1.5`, `12`.
pub fn cpu(millicores: u64) -> String {
    match millicores {
        0..1000 => format!("{millicores}m"),
        1000..9950 if !((millicores + 50) / 100).is_multiple_of(10) => format!("{:.1}", millicores as f64 / 1000.0),
        _ => format!("{}", (millicores + 500) / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_become_harmless_text() {
        for (from, to) in [
            ("plain", "plain"),
            ("größe 日本", "größe 日本"),
            ("\x1b]52;c;cm0gLXJm\x07name", "]52;c;cm0gLXJmname"),
            ("\x1b[31mred\x1b[0m", "red"),
            ("\u{9b}2Jwiped", "wiped"),
            ("\x1b[12", ""),
            ("\x1b[1\n2", " 2"),
            ("a\tb\r\nc\rd", "a b c d"),
            ("user\u{202e}txt.exe", "usertxt.exe"),
            ("a\u{2066}b\u{200b}c\u{feff}d\u{e0041}", "abcd"),
            ("del\x7f nul\0", "del nul"),
        ] {
            assert_eq!(clean(from), to, "{from:?}");
        }
        assert!(matches!(clean("größe"), Cow::Borrowed(_)));
    }

    #[test]
    fn nothing_is_ever_wider_than_asked() {
        for text in [
            "",
            "cortex-api-7f9c-x2x4p",
            "日本語テキスト",
            "e\u{301}e\u{301}e\u{301}",
            "👩‍👩‍👧‍👦👩‍👩‍👧‍👦",
            "☺\u{fe0f}☺\u{fe0f}",
        ] {
            for columns in 0..24 {
                let cuts = [
                    truncate_end(text, columns),
                    truncate_middle(text, columns),
                    truncate_keeping(text, columns, 5),
                ];
                for cut in cuts {
                    assert!(width(&cut) <= columns, "{text:?} in {columns}: {cut:?}");
                }
                assert_eq!(width(&pad(text, columns)), columns, "{text:?}");
                assert_eq!(width(&pad_left(text, columns)), columns, "{text:?}");
            }
        }
        assert_eq!(truncate_middle("cortex-api-7f9c-x2x4p", 13), "cortex…-x2x4p");
        assert_eq!(truncate_end("cortex-api-7f9c", 8), "cortex-…");
        assert_eq!(
            truncate_keeping("cortex-api-9857b8b54-789hk", 16, 5),
            "cortex-api…789hk"
        );
    }

    #[test]
    fn of_an_image_the_tag_stays_and_of_its_name_what_can_be_read() {
        for (name, columns, is) in [
            ("cortex-worker:1.5.0", 26, "cortex-worker:1.5.0"),
            ("cortex-worker:1.5.0", 15, "cortex-w…:1.5.0"),
            ("api:main-2b1c7d9f0a", 16, "main-2b1c7d9f0a"),
            ("postgres:16.4", 10, "16.4"),
            ("web:1.4.1", 10, "1.4.1"),
            ("api:main-2b1c7d9f0a", 10, "main-…9f0a"),
            ("nginx", 10, "nginx"),
            ("nginx", 3, "ng…"),
            ("nginx:", 10, ""),
        ] {
            assert_eq!(image(name, columns), is, "{name} in {columns}");
        }
        assert_eq!(squeeze("▁▁▂▂█▁ ▃", 4), "▁▂█▃");
        assert_eq!(squeeze("▁▂▃▄▅", 2), "▂▅");
        assert_eq!([squeeze("▁▂", 2), squeeze("", 4), squeeze("▁▂", 0)], ["▁▂", "", ""]);
    }

    #[test]
    fn numbers_take_few_characters() {
        let ages = [
            (-5, "<1m"),
            (59, "<1m"),
            (60, "1m"),
            (7199, "119m"),
            (7200, "2h"),
            (172_800, "2d"),
            (31_536_000, "1y"),
        ];
        for (s, text) in ages {
            assert_eq!(age(SignedDuration::from_secs(s)), text);
        }
        for (n, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (921_600, "900 KiB"),
            (3_865_470_566, "3.6 GiB"),
            (1_048_575, "1.0 MiB"),
            (u64::MAX, "16 EiB"),
        ] {
            assert_eq!(bytes(n), text);
        }
        for (m, text) in [
            (0, "0m"),
            (250, "250m"),
            (1000, "1"),
            (1500, "1.5"),
            (1999, "2"),
            (12_000, "12"),
        ] {
            assert_eq!(cpu(m), text);
        }
    }
}
