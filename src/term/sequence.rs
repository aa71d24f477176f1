//! One step of decoding: the first key, reply or unknown sequence of some bytes.
//!
//! Every decision is made on a prefix of the bytes and never on where they end, except "more is needed": that is what
//! makes the answer the same for every split.

use super::input::{Input, Mouse, MouseKind, Reply};
use crate::keys::{Chord, Key};

/// Longest sequence that is looked into; a longer one is swallowed.
const LONGEST: usize = 4096;

/// What stands at the beginning of some bytes.
pub(super) enum Step {
    /// So many bytes are done; they meant this, or nothing.
    Done(usize, Option<Input>),
    /// So many bytes begin a paste.
    PasteBegins(usize),
    /// The bytes may be the beginning of something.
    More,
    /// A sequence that goes on for too long: keep so many bytes of it, which tell its kind.
    TooLong(usize),
}

/// Read the first thing. `overlong`: the sequence was cut short before and yields nothing.
pub(super) fn next(bytes: &[u8], overlong: bool) -> Step {
    match bytes {
        [] | [0x1b] => Step::More,
        [0x1b, 0x1b, ..] => Step::Done(1, Some(Input::Key(Chord::plain(Key::Esc)))),
        [0x1b, b'[', rest @ ..] => csi(rest, overlong),
        [0x1b, b'O', rest @ ..] => ss3(rest, overlong),
        [0x1b, kind @ (b']' | b'P' | b'X' | b'^' | b'_'), rest @ ..] => string(*kind, rest, overlong),
        [0x1b, rest @ ..] => match single(rest) {
            Step::Done(length, Some(Input::Key(chord))) => {
                Step::Done(length + 1, Some(key(chord.key, chord.ctrl, true, chord.shift)))
            }
            Step::Done(length, _) => Step::Done(length + 1, None),
            other => other,
        },
        _ => single(bytes),
    }
}

fn key(key: Key, ctrl: bool, alt: bool, shift: bool) -> Input {
    Input::Key(Chord::new(key, ctrl, alt, shift))
}

/// A control byte or one character.
fn single(bytes: &[u8]) -> Step {
    let Some(first) = bytes.first().copied() else {
        return Step::More;
    };
    let plain = |k| Step::Done(1, Some(Input::Key(Chord::plain(k))));
    let control = |c: char| Step::Done(1, Some(key(Key::Char(c), true, false, false)));
    match first {
        0x00 => control(' '),
        0x08 | 0x7f => plain(Key::Backspace),
        0x09 => plain(Key::Tab),
        0x0d => plain(Key::Enter),
        0x01..=0x1a => control(char::from(first + 0x60)),
        0x1b => plain(Key::Esc),
        0x1c..=0x1f => control(char::from(first + 0x40)),
        0x20..=0x7e => plain(Key::Char(char::from(first))),
        0x80.. => character(bytes),
    }
}

/// A character of several bytes; what is not UTF-8 is swallowed up to the first byte that cannot belong to it.
fn character(bytes: &[u8]) -> Step {
    let bytes = bytes.get(..4).unwrap_or(bytes);
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() == 0 => {
            return error.error_len().map_or(Step::More, |length| Step::Done(length, None));
        }
        Err(error) => bytes
            .get(..error.valid_up_to())
            .and_then(|v| std::str::from_utf8(v).ok())
            .unwrap_or(""),
    };
    match valid.chars().next() {
        Some(c) if c.is_control() => Step::Done(c.len_utf8(), None),
        Some(c) => Step::Done(c.len_utf8(), Some(Input::Key(Chord::plain(Key::Char(c))))),
        None => Step::Done(1, None),
    }
}

/// After `ESC O`: maybe a modifier in digits, then one byte.
fn ss3(rest: &[u8], overlong: bool) -> Step {
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let Some(last) = rest.get(digits).copied() else {
        return if rest.len() > LONGEST {
            Step::TooLong(2)
        } else {
            Step::More
        };
    };
    match last {
        // Another sequence begins: this one was cut off.
        0x1b => Step::Done(2 + digits, None),
        0x20..=0x7e => {
            let modifiers = number(rest.get(..digits).unwrap_or_default()).unwrap_or(1);
            let found = if overlong || digits > 2 {
                None
            } else {
                letter(last).or_else(|| keypad(last))
            };
            Step::Done(3 + digits, found.and_then(|k| modified(k, modifiers)))
        }
        _ => Step::Done(3 + digits, None),
    }
}

fn keypad(last: u8) -> Option<Key> {
    Some(match last {
        b'M' => Key::Enter,
        b'I' => Key::Tab,
        b'j'..=b'y' => Key::Char(char::from(last - 0x40)),
        b'X' => Key::Char('='),
        b' ' => Key::Char(' '),
        _ => return None,
    })
}

/// After `ESC [`.
fn csi(rest: &[u8], overlong: bool) -> Step {
    // The Linux console's F1 to F5: `ESC [ [ A`.
    if let (Some((b'[', after)), false) = (rest.split_first(), overlong) {
        return match after.first().copied() {
            None => Step::More,
            Some(0x1b) => Step::Done(3, None),
            Some(last @ b'A'..=b'E') => Step::Done(4, Some(Input::Key(Chord::plain(Key::F(last - b'A' + 1))))),
            Some(_) => Step::Done(4, None),
        };
    }
    let Some(body) = rest.iter().position(|byte| !(0x20..=0x3f).contains(byte)) else {
        return if rest.len() > LONGEST {
            Step::TooLong(2)
        } else {
            Step::More
        };
    };
    let length = 2 + body + 1;
    let (Some(parameters), Some(last)) = (rest.get(..body), rest.get(body).copied()) else {
        return Step::More;
    };
    match last {
        0x1b => Step::Done(2 + body, None),
        // The mouse's oldest dialect: three bytes follow.
        b'M' if body == 0 && !overlong => {
            if rest.len() < 4 {
                Step::More
            } else {
                Step::Done(length + 3, None)
            }
        }
        0x40..=0x7e if overlong || body > LONGEST => Step::Done(length, None),
        b'~' if parameters == b"200" => Step::PasteBegins(length),
        0x40..=0x7e => Step::Done(length, meaning(parameters, last)),
        _ => Step::Done(length, None),
    }
}

fn meaning(parameters: &[u8], last: u8) -> Option<Input> {
    match parameters.first() {
        Some(b'<') => return mouse(parameters.get(1..)?, last),
        Some(b'?') if last == b'c' => return Some(Input::Reply(Reply::Attributes)),
        Some(b'?' | b'>' | b'=') => return None,
        // Ready, or ready with a fault of its own: it has come to the question.
        Some(b'0' | b'3') if last == b'n' && parameters.len() == 1 => return Some(Input::Reply(Reply::Status)),
        _ => {}
    }
    if parameters.iter().any(|byte| (0x20..=0x2f).contains(byte)) {
        return None;
    }
    let fields: Vec<&[u8]> = parameters.split(|byte| *byte == b';').collect();
    let field = |index: usize| fields.get(index).copied().unwrap_or_default();
    let first = number(part(field(0), 0));
    let modifiers = number(part(field(1), 0)).unwrap_or(1);
    // The third kind of key event is the release.
    if part(field(1), 1) == b"3" {
        return None;
    }
    match last {
        b'I' if parameters.is_empty() => Some(Input::Focus(true)),
        b'O' if parameters.is_empty() => Some(Input::Focus(false)),
        b'Z' => Some(key(Key::Tab, false, false, true)),
        b'u' => modified(codepoint(first?)?, modifiers),
        b'~' if first == Some(27) => modified(codepoint(number(field(2))?)?, modifiers),
        b'~' => modified(tilde(first?)?, modifiers),
        b'^' => modified(tilde(first?)?, 5),
        b'@' => modified(tilde(first?)?, 6),
        b'a'..=b'd' if parameters.is_empty() => modified(letter(last.to_ascii_uppercase())?, 2),
        // `ESC [ 12 ; 40 R` is where the cursor stands; F3 has 1 or nothing as its first number.
        _ if first.unwrap_or(1) == 1 => modified(letter(last)?, modifiers),
        _ => None,
    }
}

fn letter(last: u8) -> Option<Key> {
    Some(match last {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'H' => Key::Home,
        b'F' => Key::End,
        b'P' => Key::F(1),
        b'Q' => Key::F(2),
        b'R' => Key::F(3),
        b'S' => Key::F(4),
        _ => return None,
    })
}

fn tilde(number: u32) -> Option<Key> {
    Some(match number {
        1 | 7 => Key::Home,
        2 => Key::Insert,
        3 => Key::Delete,
        4 | 8 => Key::End,
        5 => Key::PageUp,
        6 => Key::PageDown,
        11..=15 => Key::F(number as u8 - 10),
        17..=21 => Key::F(number as u8 - 11),
        23..=26 => Key::F(number as u8 - 12),
        28..=29 => Key::F(number as u8 - 13),
        31..=34 => Key::F(number as u8 - 14),
        _ => return None,
    })
}

/// A key by its character, as kitty's protocol and xterm's modifyOtherKeys send it.
fn codepoint(code: u32) -> Option<Key> {
    Some(match code {
        9 => Key::Tab,
        13 | 57414 => Key::Enter,
        27 => Key::Esc,
        8 | 127 => Key::Backspace,
        57399..=57408 => Key::Char(char::from(b'0' + (code - 57399) as u8)),
        57417 => Key::Left,
        57418 => Key::Right,
        57419 => Key::Up,
        57420 => Key::Down,
        57421 => Key::PageUp,
        57422 => Key::PageDown,
        57423 => Key::Home,
        57424 => Key::End,
        57425 => Key::Insert,
        57426 => Key::Delete,
        0xe000..=0xf8ff => return None,
        _ => Key::Char(char::from_u32(code).filter(|c| !c.is_control())?),
    })
}

/// A key with xterm's modifier number: one more than the sum of 1 shift, 2 alt, 4 ctrl, 8 super, 16 hyper, 32 meta.
fn modified(k: Key, modifiers: u32) -> Option<Input> {
    let bits = modifiers.saturating_sub(1);
    // Super, hyper and meta are the desktop's; the locks (64, 128) do not matter.
    (bits & 0b11_1000 == 0).then(|| key(k, bits & 4 != 0, bits & 2 != 0, bits & 1 != 0))
}

fn mouse(parameters: &[u8], last: u8) -> Option<Input> {
    let mut numbers = parameters.split(|byte| *byte == b';').map(number);
    let (code, column, row) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let button = (code & 3) as u8;
    let kind = match (code & 0b1110_0000, last) {
        (0, b'M') => MouseKind::Down(button),
        (0, b'm') => MouseKind::Up(button),
        (32, b'M') if button < 3 => MouseKind::Drag(button),
        (64, b'M') if button == 0 => MouseKind::WheelUp,
        (64, b'M') if button == 1 => MouseKind::WheelDown,
        _ => return None,
    };
    let cell = |n: u32| u16::try_from(n.saturating_sub(1)).ok();
    Some(Input::Mouse(Mouse {
        kind,
        column: cell(column)?,
        row: cell(row)?,
    }))
}

/// A string of the terminal (OSC, DCS, SOS, PM, APC), after its two first bytes: to BEL or ST.
fn string(kind: u8, rest: &[u8], overlong: bool) -> Step {
    let Some(at) = rest.iter().position(|byte| *byte < 0x20) else {
        return if rest.len() > LONGEST {
            Step::TooLong(2)
        } else {
            Step::More
        };
    };
    let (Some(body), Some(last)) = (rest.get(..at), rest.get(at).copied()) else {
        return Step::More;
    };
    let whole = |end: usize| {
        let read = kind == b']' && !overlong && at <= LONGEST;
        Step::Done(end, if read { background(body) } else { None })
    };
    match (last, rest.get(at + 1).copied()) {
        (0x07, _) => whole(2 + at + 1),
        (0x1b, Some(b'\\')) => whole(2 + at + 2),
        (0x1b, None) if at > LONGEST => Step::TooLong(2),
        (0x1b, None) => Step::More,
        // Another sequence begins: this one was cut off.
        (0x1b, Some(_)) => Step::Done(2 + at, None),
        _ => Step::Done(2 + at + 1, None),
    }
}

/// `11;rgb:RRRR/GGGG/BBBB`, with one to four digits a channel.
fn background(body: &[u8]) -> Option<Input> {
    let text = std::str::from_utf8(body).ok()?;
    let mut channels = text.strip_prefix("11;rgb:")?.split('/').map(|digits| {
        let value = u32::from_str_radix(digits, 16)
            .ok()
            .filter(|_| (1..=4).contains(&digits.len()))?;
        let most = (1u32 << (4 * digits.len() as u32)) - 1;
        u8::try_from(value * 255 / most).ok()
    });
    let (r, g, b) = (channels.next()??, channels.next()??, channels.next()??);
    Some(Input::Reply(Reply::Background(r, g, b)))
}

/// One of the parts that `:` sets apart.
fn part(field: &[u8], index: usize) -> &[u8] {
    field.split(|byte| *byte == b':').nth(index).unwrap_or_default()
}

fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    digits.iter().try_fold(0u32, |sum, byte| {
        byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0'))
    })
}
