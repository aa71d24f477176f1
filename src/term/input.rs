//! Bytes from the terminal to keys, pastes and replies: the same for every way the bytes are cut up.
//!
//! The rules that keep a broken stream from turning into keys:
//! - a sequence that is not known is swallowed whole; its tail is never typed;
//! - a lone Escape is held for a moment (a value, see [`Decoder::new`]) before it counts as the key;
//! - a paste is one [`Input::Paste`]. One that is too long, or never ends, is dropped as a paste. After one that never
//!   ended everything is swallowed until its end comes after all, or the user presses Escape.
//!
//! Time enters as a value: [`Decoder::feed`] takes bytes, [`Decoder::tick`] lets time pass, [`Decoder::deadline`] says
//! when to call it. Bytes that are there win over time that has passed, so a busy moment of ours never splits a key.

use std::time::{Duration, Instant};

use super::sequence::{Step, next};
use crate::keys::Chord;

/// What the terminal sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A key press.
    Key(Chord),
    /// Pasted text: line ends are `\n`, other control characters but tab are gone.
    Paste(String),
    /// A paste that was not taken.
    PasteDropped(PasteDropped),
    /// The terminal's window has the focus, or lost it.
    Focus(bool),
    /// The mouse, if it was asked for.
    Mouse(Mouse),
    /// An answer of the terminal.
    Reply(Reply),
}

/// Why a paste was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasteDropped {
    /// Longer than [`PASTE_LIMIT`].
    TooLong,
    /// Its end did not come: input is swallowed until it does, or until Escape.
    NeverEnded,
}

/// A mouse event, in cells from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mouse {
    /// What happened.
    pub kind: MouseKind,
    /// Column from 0.
    pub column: u16,
    /// Row from 0.
    pub row: u16,
}

/// What the mouse did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MouseKind {
    /// A button went down: 0 left, 1 middle, 2 right.
    Down(u8),
    /// A button came up.
    Up(u8),
    /// Moved with a button down.
    Drag(u8),
    /// Wheel away from the user.
    WheelUp,
    /// Wheel toward the user.
    WheelDown,
}

/// An answer of the terminal to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// The background colour (OSC 11).
    Background(u8, u8, u8),
    /// Device attributes (DA1): whatever was asked before it has been answered or never will be.
    Attributes,
    /// It has come to the place where it was asked for its status.
    Status,
}

/// Longest paste that is taken, in bytes.
pub const PASTE_LIMIT: usize = 1 << 20;
/// A paste is given up when nothing came for so long.
const PASTE_QUIET: Duration = Duration::from_secs(2);
/// A reply or a character that was begun is given up after so long.
const STALE: Duration = Duration::from_secs(1);
/// The sequence that ends a paste.
const PASTE_END: &[u8] = b"\x1b[201~";

/// A paste that has begun.
#[derive(Debug, Default)]
struct Paste {
    bytes: Vec<u8>,
    too_long: bool,
    /// Given up: swallowing until its end or Escape.
    given_up: bool,
}

/// The decoder.
#[derive(Debug)]
pub struct Decoder {
    hold: Duration,
    held: Vec<u8>,
    /// The held sequence was cut short to bound memory: it yields nothing when it ends.
    overlong: bool,
    paste: Option<Paste>,
    last: Option<Instant>,
}

impl Decoder {
    /// A decoder that holds a lone Escape for `hold`.
    pub const fn new(hold: Duration) -> Self {
        Self {
            hold,
            held: Vec::new(),
            overlong: false,
            paste: None,
            last: None,
        }
    }

    /// Take bytes that were read at `now`.
    pub fn feed(&mut self, bytes: &[u8], now: Instant) -> Vec<Input> {
        let mut inputs = Vec::new();
        if bytes.is_empty() {
            return inputs;
        }
        let late = self.last.replace(now).is_some_and(|last| now >= last + STALE);
        if late && self.paste.is_none() && is_answer(&self.held) && !is_answer(&[&self.held, bytes].concat()) {
            // The rest of the answer never came: these are keys.
            self.held.clear();
        }
        match &mut self.paste {
            Some(paste) => paste.bytes.extend_from_slice(bytes),
            None => self.held.extend_from_slice(bytes),
        }
        self.drain(&mut inputs);
        inputs
    }

    /// When to call [`Decoder::tick`] if nothing comes before; none when nothing is held.
    pub fn deadline(&self) -> Option<Instant> {
        let wait = match (&self.paste, self.held.as_slice()) {
            (Some(paste), _) if !paste.given_up => PASTE_QUIET,
            (Some(paste), _) => (paste.bytes.last() == Some(&0x1b)).then_some(self.hold)?,
            (None, [0x1b]) => self.hold,
            // The rest of a function key: whenever it comes, it must not be typed. The next key ends it at the latest.
            (None, [] | [0x1b, b'[' | b'O', ..]) => return None,
            // Nor the rest of an answer that we asked for.
            (None, held) if is_answer(held) => return None,
            (None, _) => STALE,
        };
        Some(self.last? + wait)
    }

    /// Let time pass: give out a held Escape, give up what never ended.
    pub fn tick(&mut self, now: Instant) -> Vec<Input> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Vec::new();
        }
        match &mut self.paste {
            Some(paste) if paste.given_up => {
                self.paste = None;
                Vec::new()
            }
            Some(paste) => {
                paste.given_up = true;
                paste.forget();
                vec![Input::PasteDropped(PasteDropped::NeverEnded)]
            }
            None => {
                let escape = self.held == [0x1b];
                self.held.clear();
                self.overlong = false;
                if escape {
                    vec![Input::Key(Chord::plain(crate::keys::Key::Esc))]
                } else {
                    Vec::new()
                }
            }
        }
    }

    fn drain(&mut self, inputs: &mut Vec<Input>) {
        loop {
            if let Some(paste) = &mut self.paste {
                let Some(rest) = paste.end(inputs) else { return };
                self.held = rest;
                self.paste = None;
            }
            let mut done = 0;
            loop {
                match next(self.held.get(done..).unwrap_or_default(), self.overlong) {
                    Step::Done(length, input) => {
                        done += length;
                        self.overlong = false;
                        inputs.extend(input);
                    }
                    Step::PasteBegins(length) => {
                        done += length;
                        self.overlong = false;
                        let bytes = self.held.split_off(done.min(self.held.len()));
                        self.held.clear();
                        self.paste = Some(Paste {
                            bytes,
                            ..Paste::default()
                        });
                        break;
                    }
                    Step::More => {
                        self.held.drain(..done.min(self.held.len()));
                        return;
                    }
                    Step::TooLong(keep) => {
                        // Keep what tells the kind of sequence, and a last Escape that may begin its end.
                        self.held.drain(..done.min(self.held.len()));
                        let escape = self.held.len() > keep && self.held.last() == Some(&0x1b);
                        self.held.truncate(keep);
                        self.held.extend(escape.then_some(0x1b));
                        self.overlong = true;
                        return;
                    }
                }
            }
        }
    }
}

/// Whether it begins as the answer to the question for the background does (OSC 11), and may go on so.
fn is_answer(bytes: &[u8]) -> bool {
    const START: &[u8] = b"\x1b]11;rgb:";
    if bytes.len() < START.len() {
        return bytes.len() >= 2 && START.starts_with(bytes);
    }
    let Some(colour) = bytes.strip_prefix(START) else {
        return false;
    };
    let end = colour.iter().position(|b| !b.is_ascii_hexdigit() && *b != b'/');
    end.is_none_or(|at| matches!(colour.get(at), Some(0x07 | 0x1b)))
}

impl Paste {
    /// The bytes after the paste's end, if its end is there.
    fn end(&mut self, inputs: &mut Vec<Input>) -> Option<Vec<u8>> {
        if let Some(at) = memchr::memmem::find(&self.bytes, PASTE_END) {
            let rest = self.bytes.split_off(at + PASTE_END.len());
            self.bytes.truncate(at);
            if !self.given_up {
                let dropped = self.too_long || self.bytes.len() > PASTE_LIMIT;
                inputs.push(if dropped {
                    Input::PasteDropped(PasteDropped::TooLong)
                } else {
                    Input::Paste(clean(&self.bytes))
                });
            }
            return Some(rest);
        }
        if self.given_up || self.bytes.len() >= PASTE_LIMIT + PASTE_END.len() {
            self.too_long |= !self.given_up;
            self.forget();
        }
        None
    }

    /// Drop what was collected, but what may be the beginning of the end.
    fn forget(&mut self) {
        let keep = self.bytes.len().saturating_sub(PASTE_END.len() - 1);
        self.bytes.drain(..keep);
    }
}

fn clean(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
    text.chars()
        .filter(|c| matches!(c, '\n' | '\t') || !c.is_control())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Key;

    const HOLD: Duration = Duration::from_millis(50);

    fn decode(bytes: &[u8]) -> Vec<Input> {
        let now = Instant::now();
        let mut decoder = Decoder::new(HOLD);
        let mut inputs = decoder.feed(bytes, now);
        inputs.extend(decoder.tick(now + HOLD));
        inputs
    }

    fn keys(bytes: &[u8]) -> String {
        decode(bytes)
            .into_iter()
            .map(|input| match input {
                Input::Key(chord) => chord.to_string(),
                other => format!("{other:?}"),
            })
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn keys_are_read_in_every_dialect() {
        for (bytes, expected) in [
            (
                &b"a G\x01\x7f\t\r\x00"[..],
                "a space G ctrl-a backspace tab enter ctrl-space",
            ),
            (
                b"\x1b[A\x1bOB\x1b[1;5C\x1b[1;2D\x1b[Z",
                "up down ctrl-right shift-left shift-tab",
            ),
            (
                b"\x1b[5~\x1b[3;5~\x1b[H\x1b[4~\x1b[15~\x1bOP\x1b[[C\x1b[24~",
                "pgup ctrl-del home end F5 F1 F3 F12",
            ),
            (b"\x1bx\x1b\x7f\x1b\xc3\xa9", "alt-x alt-backspace alt-é"),
            (
                b"\x1b[97;5u\x1b[27u\x1b[97;2u\x1b[9;2u\x1b[97;1:3u",
                "ctrl-a esc A shift-tab",
            ),
            (b"\x1b[27;5;13~\x1b[27;6;97~", "ctrl-enter ctrl-shift-a"),
            ("é漢🙂".as_bytes(), "é 漢 🙂"),
            (b"\x1b", "esc"),
            (b"\x1b\x1b[A", "esc up"),
            (b"\x1b[I\x1b[O", "Focus(true) Focus(false)"),
        ] {
            assert_eq!(keys(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn what_is_not_known_is_swallowed_whole() {
        for bytes in [
            &b"\x1b[?1;2c"[..],
            b"\x1b[>0;276;0c",
            b"\x1b[?2026;2$y",
            b"\x1b]52;c;aGVsbG8=\x07",
            b"\x1bP1+r544e=787465\x1b\\",
            b"\x1b_Gi=1;OK\x1b\\",
            b"\x1b[12;40R",
            b"\x1b[999~",
            b"\x1b[57441;1u",
            b"\x1b[97;9u",
            b"\x1b[1;\xff",
            b"\xff\xfe\xc3(\x80"[..3].as_ref(),
            b"\xc2\x9b",
            b"\x1bO5\x07",
        ] {
            let typed: Vec<_> = decode(bytes)
                .into_iter()
                .filter(|i| !matches!(i, Input::Reply(_)))
                .collect();
            assert_eq!(typed, [], "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn the_answer_for_the_background_is_never_typed_however_late_its_parts_come() {
        let answer = b"\x1b]11;rgb:1515/1818/1e1e\x1b\\";
        for at in 2..answer.len() {
            let mut decoder = Decoder::new(Duration::from_millis(25));
            let start = Instant::now();
            let mut inputs = decoder.feed(&answer[..at], start);
            inputs.extend(decoder.tick(start + STALE * 9));
            inputs.extend(decoder.feed(&answer[at..], start + STALE * 10));
            assert_eq!(
                inputs,
                [Input::Reply(Reply::Background(0x15, 0x18, 0x1e))],
                "cut at {at}"
            );
            // What is no part of it is a key again. (After an Escape it would be one with alt.)
            if at == answer.len() - 1 {
                continue;
            }
            decoder.feed(&answer[..at], start);
            let typed = decoder.feed(b"?", start + STALE * 2);
            assert_eq!(
                typed,
                [Input::Key(Chord::plain(crate::keys::Key::Char('?')))],
                "cut at {at}"
            );
        }
    }

    #[test]
    fn replies_and_the_mouse_are_read() {
        assert_eq!(
            decode(b"\x1b]11;rgb:1515/1818/1e1e\x1b\\"),
            [Input::Reply(Reply::Background(0x15, 0x18, 0x1e))]
        );
        assert_eq!(
            decode(b"\x1b]11;rgb:ff/f/00\x07"),
            [Input::Reply(Reply::Background(255, 255, 0))]
        );
        assert_eq!(decode(b"\x1b[?62;22c"), [Input::Reply(Reply::Attributes)]);
        assert_eq!(decode(b"\x1b[0n"), [Input::Reply(Reply::Status)]);
        let mouse = |kind, column, row| Input::Mouse(Mouse { kind, column, row });
        assert_eq!(
            decode(b"\x1b[<0;10;5M\x1b[<0;10;5m\x1b[<64;1;1M\x1b[<32;2;2M"),
            [
                mouse(MouseKind::Down(0), 9, 4),
                mouse(MouseKind::Up(0), 9, 4),
                mouse(MouseKind::WheelUp, 0, 0),
                mouse(MouseKind::Drag(0), 1, 1)
            ]
        );
    }

    #[test]
    fn a_lone_escape_is_held_and_bytes_that_are_there_win_over_time_that_has_passed() {
        let now = Instant::now();
        let mut decoder = Decoder::new(HOLD);
        assert_eq!(decoder.feed(b"\x1b", now), []);
        assert_eq!(decoder.deadline(), Some(now + HOLD));
        assert_eq!(decoder.tick(now + HOLD / 2), []);
        let escape = [Input::Key(Chord::plain(Key::Esc))];
        assert_eq!(decoder.tick(now + HOLD), escape);
        assert_eq!(decoder.deadline(), None);
        decoder.feed(b"\x1b", now);
        assert_eq!(
            decoder.feed(b"[A", now + HOLD * 10),
            [Input::Key(Chord::plain(Key::Up))]
        );
        decoder.feed(b"\x1b[", now);
        assert_eq!(
            decoder.tick(now + HOLD * 1000),
            [],
            "a tail that comes late is still a tail"
        );
        assert_eq!(
            decoder.feed(b"B", now + HOLD * 1001),
            [Input::Key(Chord::plain(Key::Down))]
        );
    }

    #[test]
    fn a_paste_is_one_input_and_never_keys() {
        assert_eq!(
            decode(b"\x1b[200~y\r\nrm\x03\x1b[A\t\x1b[201~j"),
            [
                Input::Paste("y\nrm[A\t".to_owned()),
                Input::Key(Chord::plain(Key::Char('j')))
            ]
        );
        let long = [&b"\x1b[200~"[..], &vec![b'y'; PASTE_LIMIT + 1], b"\x1b[201~j"].concat();
        assert_eq!(
            decode(&long),
            [
                Input::PasteDropped(PasteDropped::TooLong),
                Input::Key(Chord::plain(Key::Char('j')))
            ]
        );
    }

    #[test]
    fn a_paste_that_never_ends_is_dropped_and_only_its_end_or_escape_brings_the_keys_back() {
        let now = Instant::now();
        let begun = || {
            let mut decoder = Decoder::new(HOLD);
            assert_eq!(decoder.feed(b"\x1b[200~yes", now), []);
            let quiet = decoder.deadline().unwrap();
            assert_eq!(decoder.tick(quiet), [Input::PasteDropped(PasteDropped::NeverEnded)]);
            assert_eq!(decoder.feed(b"y\rdelete", quiet), []);
            (decoder, quiet)
        };
        let (mut decoder, then) = begun();
        assert_eq!(decoder.feed(b"\x1b[201", then), []);
        assert_eq!(decoder.feed(b"~j", then), [Input::Key(Chord::plain(Key::Char('j')))]);
        let (mut decoder, then) = begun();
        assert_eq!(decoder.feed(b"\x1b", then), []);
        assert_eq!(decoder.tick(then + HOLD), []);
        assert_eq!(
            decoder.feed(b"j", then + HOLD),
            [Input::Key(Chord::plain(Key::Char('j')))]
        );
    }
}
