//! What is told to the terminal beside the frames: its clipboard, its title, its bell, and what it is asked.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Screen, unsafe_to_show};

/// Longest text that is sent to the clipboard, in bytes before encoding: with its frame it makes the 100,000 bytes that
/// terminals commonly accept.
pub const CLIPBOARD_LIMIT: usize = 74_994;

/// What stands between us and the terminal, and must hand the clipboard's sequence on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Through {
    Nothing,
    /// It takes the plain form with `set-clipboard on`, and hands the wrapped one on with `allow-passthrough on`.
    Tmux,
    /// GNU screen hands on what is wrapped, in pieces.
    Screen,
}

/// GNU screen's buffer for one wrapped string has 768 bytes in the versions that are out there.
const SCREEN_PIECE: usize = 700;

/// A text too long for the clipboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} bytes are too many for the terminal's clipboard: at most {CLIPBOARD_LIMIT}; copy less")]
pub struct TooLong(pub usize);

impl<W: Write> Screen<W> {
    /// Send text to the terminal's clipboard (OSC 52). Whether it is taken, nobody knows: say "sent", not "copied", and
    /// show the text too.
    ///
    /// # Errors
    /// [`TooLong`] as an `InvalidInput`, or the write's error.
    pub fn copy(&mut self, text: &str, through: Through) -> io::Result<()> {
        if text.len() > CLIPBOARD_LIMIT {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, TooLong(text.len())));
        }
        let plain = format!("\x1b]52;c;{}\x07", STANDARD.encode(text));
        let sent = match through {
            Through::Nothing => plain,
            Through::Tmux => format!("{plain}\x1bPtmux;{}\x1b\\", plain.replace('\x1b', "\x1b\x1b")),
            Through::Screen => {
                let pieces = plain.as_bytes().chunks(SCREEN_PIECE).map(String::from_utf8_lossy);
                pieces.fold(String::new(), |all, piece| all + "\x1bP" + &piece + "\x1b\\")
            }
        };
        self.send(sent.as_bytes())
    }

    /// Ask the terminal for its background colour (OSC 11). The answer comes as input, or never.
    pub fn ask_background(&mut self) -> io::Result<()> {
        self.out.write_all(b"\x1b]11;?\x1b\\")?;
        self.out.flush()
    }

    /// Set the window's title (OSC 2); control characters are left out.
    ///
    /// # Errors
    /// The write's.
    pub fn title(&mut self, title: &str) -> io::Result<()> {
        let clean: String = title.chars().filter(|c| !unsafe_to_show(*c)).collect();
        self.send(format!("\x1b]2;{clean}\x07").as_bytes())
    }

    /// A notification of the desktop (OSC 9): control characters are left out. A terminal that does not know it passes
    /// it over; one that takes `9;4;…` for progress never gets a number first.
    ///
    /// # Errors
    /// The write's.
    pub fn notify(&mut self, words: &str) -> io::Result<()> {
        let clean: String = words.chars().filter(|c| !unsafe_to_show(*c)).take(200).collect();
        self.send(format!("\x1b]9;qd: {clean}\x07").as_bytes())
    }

    /// Ring.
    pub fn bell(&mut self) -> io::Result<()> {
        self.send(b"\x07")
    }
}
