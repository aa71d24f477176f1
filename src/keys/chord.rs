//! One key press, its name in keymaps and on screen.

use std::fmt;
use std::str::FromStr;

/// A key without its modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// A character as typed; a capital letter carries its shift in itself.
    Char(char),
    /// A function key, from 1.
    F(u8),
    /// Return.
    Enter,
    /// Escape.
    Esc,
    /// Tabulator.
    Tab,
    /// Delete to the left.
    Backspace,
    /// Delete to the right.
    Delete,
    /// Insert.
    Insert,
    /// Start of line.
    Home,
    /// End of line.
    End,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// Cursor up.
    Up,
    /// Cursor down.
    Down,
    /// Cursor left.
    Left,
    /// Cursor right.
    Right,
}

/// The names of keys that are not characters; the first of a key is the one that is printed.
const NAMES: &[(&str, Key)] = &[
    ("enter", Key::Enter),
    ("return", Key::Enter),
    ("ret", Key::Enter),
    ("cr", Key::Enter),
    ("esc", Key::Esc),
    ("escape", Key::Esc),
    ("tab", Key::Tab),
    ("backspace", Key::Backspace),
    ("bs", Key::Backspace),
    ("del", Key::Delete),
    ("delete", Key::Delete),
    ("ins", Key::Insert),
    ("insert", Key::Insert),
    ("home", Key::Home),
    ("end", Key::End),
    ("pgup", Key::PageUp),
    ("pageup", Key::PageUp),
    ("pgdn", Key::PageDown),
    ("pagedown", Key::PageDown),
    ("up", Key::Up),
    ("down", Key::Down),
    ("left", Key::Left),
    ("right", Key::Right),
    ("space", Key::Char(' ')),
    ("minus", Key::Char('-')),
    ("lt", Key::Char('<')),
    ("gt", Key::Char('>')),
];

/// A key with its modifiers, always in the one form that a terminal can send: see [`Chord::new`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Chord {
    /// The key.
    pub key: Key,
    /// With Control.
    pub ctrl: bool,
    /// With Alt (or Option, or a leading Escape).
    pub alt: bool,
    /// With Shift; never set on a character without Control, which carries it in itself.
    pub shift: bool,
}

/// A chord's name that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no key: expected a character, a name (enter, esc, tab, space, up, pgdn, F5 …), with ctrl-, alt- or shift- before it"
)]
pub struct BadChord(pub String);

impl Chord {
    /// A chord in its one form. Terminals send the same byte for Ctrl-I and Tab, Ctrl-M and Enter, Ctrl-[ and Esc,
    /// Ctrl-H and Backspace, Ctrl-/ and Ctrl-_: each pair is one chord here, so no binding can depend on a terminal
    /// that tells them apart.
    pub fn new(key: Key, ctrl: bool, alt: bool, shift: bool) -> Self {
        let (mut key, mut ctrl, mut shift) = (key, ctrl, shift);
        if let Key::Char(c) = key {
            if ctrl {
                shift |= c.is_ascii_uppercase();
                key = Key::Char(c.to_ascii_lowercase());
            } else if shift {
                let mut upper = c.to_uppercase();
                if let (Some(one), None) = (upper.next(), upper.next()) {
                    key = Key::Char(one);
                }
                shift = false;
            }
        }
        if ctrl && !shift {
            let same = match key {
                Key::Char('i') => Some(Key::Tab),
                Key::Char('m') => Some(Key::Enter),
                Key::Char('[') => Some(Key::Esc),
                Key::Char('h') => Some(Key::Backspace),
                _ => None,
            };
            if let Some(same) = same {
                (key, ctrl) = (same, false);
            } else if key == Key::Char('/') {
                key = Key::Char('_');
            }
        }
        Self { key, ctrl, alt, shift }
    }

    /// A key without modifiers.
    pub fn plain(key: Key) -> Self {
        Self::new(key, false, false, false)
    }

    /// The character that this press types into a text field, if it types one.
    pub fn typed(self) -> Option<char> {
        match self {
            Self {
                key: Key::Char(c),
                ctrl: false,
                alt: false,
                ..
            } => Some(c),
            _ => None,
        }
    }

    /// As shown in the footer: `↵`, `^d`, `esc`; in ASCII only `^d` differs from the name.
    pub fn short(self, ascii: bool) -> String {
        let arrow = match self.key {
            Key::Enter => Some('↵'),
            Key::Up => Some('↑'),
            Key::Down => Some('↓'),
            Key::Left => Some('←'),
            Key::Right => Some('→'),
            _ => None,
        };
        match (arrow, self) {
            (
                Some(arrow),
                Self {
                    ctrl: false,
                    alt: false,
                    shift: false,
                    ..
                },
            ) if !ascii => arrow.to_string(),
            (
                _,
                Self {
                    key: Key::Char(c),
                    ctrl: true,
                    alt: false,
                    shift: false,
                },
            ) if c.is_ascii_lowercase() => {
                format!("^{c}")
            }
            (
                _,
                Self {
                    key: Key::Char(c),
                    ctrl: false,
                    alt: false,
                    ..
                },
            ) if c != ' ' => c.to_string(),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (on, name) in [(self.ctrl, "ctrl-"), (self.alt, "alt-"), (self.shift, "shift-")] {
            if on {
                f.write_str(name)?;
            }
        }
        match self.key {
            Key::F(n) => write!(f, "F{n}"),
            key => match NAMES.iter().find(|(_, known)| *known == key) {
                Some((name, _)) => f.write_str(name),
                None => match key {
                    Key::Char(c) => write!(f, "{c}"),
                    other => write!(f, "{other:?}"),
                },
            },
        }
    }
}

impl FromStr for Chord {
    type Err = BadChord;

    fn from_str(text: &str) -> Result<Self, BadChord> {
        let bad = || BadChord(text.to_owned());
        let mut rest = text;
        if let Some(inner) = rest
            .strip_prefix('<')
            .and_then(|r| r.strip_suffix('>'))
            .filter(|r| !r.is_empty())
        {
            rest = inner;
        }
        let (mut ctrl, mut alt, mut shift) = (false, false, false);
        // A modifier counts only when something follows it: `C` and `-` are keys of their own.
        while let Some((head, tail)) = rest
            .split_once('-')
            .filter(|(head, tail)| !head.is_empty() && !tail.is_empty())
        {
            let slot = match head {
                "ctrl" | "Ctrl" | "C" | "c" | "control" => &mut ctrl,
                "alt" | "Alt" | "A" | "M" | "meta" => &mut alt,
                "shift" | "Shift" | "S" => &mut shift,
                _ => return Err(bad()),
            };
            if std::mem::replace(slot, true) {
                return Err(bad());
            }
            rest = tail;
        }
        let key = named(rest).ok_or_else(bad)?;
        Ok(Self::new(key, ctrl, alt, shift))
    }
}

fn named(name: &str) -> Option<Key> {
    let mut chars = name.chars();
    if let (Some(c), None) = (chars.next(), chars.next()) {
        return (!c.is_control()).then_some(Key::Char(c));
    }
    if let Some(number) = name.strip_prefix(['F', 'f']) {
        let number: u8 = number.parse().ok()?;
        return (1..=35).contains(&number).then_some(Key::F(number));
    }
    NAMES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, key)| *key)
}

/// Parse chords set apart by spaces: `g g`, `a s`, `ctrl-x k`.
pub fn parse_sequence(text: &str) -> Result<Vec<Chord>, BadChord> {
    let chords: Vec<Chord> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    if chords.is_empty() {
        Err(BadChord(text.to_owned()))
    } else {
        Ok(chords)
    }
}

/// Print chords so that [`parse_sequence`] reads them back.
pub fn format_sequence(chords: &[Chord]) -> String {
    chords.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_read_in_the_ways_people_write_them() {
        for (written, printed) in [
            ("ctrl-x", "ctrl-x"),
            ("C-x", "ctrl-x"),
            ("<space>", "space"),
            ("S-tab", "shift-tab"),
            ("shift-g", "G"),
            ("G", "G"),
            ("f5", "F5"),
            ("-", "minus"),
            ("ctrl-i", "tab"),
            ("<", "lt"),
            ("<esc>", "esc"),
            ("alt-M", "alt-M"),
            ("C", "C"),
            ("ctrl--", "ctrl-minus"),
        ] {
            assert_eq!(written.parse::<Chord>().unwrap().to_string(), printed, "{written}");
        }
        for wrong in ["", "ctrl-", "hyper-x", "foo", "F0", "F99", "ctrl-ctrl-x", "\u{1b}"] {
            assert!(wrong.parse::<Chord>().is_err(), "{wrong:?}");
        }
    }

    fn any_key() -> impl Strategy<Value = Key> {
        prop_oneof![
            any::<char>()
                .prop_filter("typed", |c| !c.is_control() && !c.is_whitespace())
                .prop_map(Key::Char),
            (1u8..=35).prop_map(Key::F),
            proptest::sample::select(NAMES.iter().map(|(_, key)| *key).collect::<Vec<_>>()),
        ]
    }

    proptest! {
        #[test]
        fn every_chord_reads_back_as_it_prints(key in any_key(), ctrl: bool, alt: bool, shift: bool) {
            let chord = Chord::new(key, ctrl, alt, shift);
            prop_assert_eq!(chord.to_string().parse::<Chord>(), Ok(chord), "{}", chord);
            prop_assert_eq!(Chord::new(chord.key, chord.ctrl, chord.alt, chord.shift), chord);
        }
    }
}
