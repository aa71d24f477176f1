//! What the terminal can show, judged from the environment alone: no question is put to the terminal, so a silent one
//! costs no time.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::theme::colour::{ANSI, Rgb};
use crate::theme::{Depth, Glyphs};

/// A snapshot of environment variables.
#[derive(Debug, Clone, Default)]
pub struct Env(BTreeMap<String, String>);

impl Env {
    /// The process's environment; what is not UTF-8 is left out.
    pub fn from_os() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
                .collect(),
        )
    }

    /// The value of a variable; none when it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect())
    }
}

/// What the terminal can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Colours.
    pub depth: Depth,
    /// Glyphs.
    pub glyphs: Glyphs,
    /// The session runs over SSH: fewer frames, longer waits.
    pub ssh: bool,
    /// Inside tmux: some sequences need its wrapping.
    pub tmux: bool,
    /// The terminal cannot address its cursor: no full screen is possible.
    pub dumb: bool,
}

impl Caps {
    /// Judge from the environment. `color` and `glyphs` are what the user asked for by flag or file; they win.
    pub fn detect(env: &Env, color: Option<Depth>, glyphs: Option<Glyphs>) -> Self {
        let term = env.get("TERM").unwrap_or("dumb");
        Self {
            depth: color.unwrap_or_else(|| depth(env, term)),
            glyphs: glyphs.unwrap_or_else(|| {
                if unicode(env, term) {
                    Glyphs::Unicode
                } else {
                    Glyphs::Ascii
                }
            }),
            ssh: ["SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"]
                .iter()
                .any(|name| env.get(name).is_some()),
            tmux: env.get("TMUX").is_some(),
            dumb: term == "dumb",
        }
    }

    /// How long a lone Escape is held to see whether it begins a sequence.
    pub const fn hold(&self) -> Duration {
        Duration::from_millis(if self.ssh { 100 } else { 50 })
    }

    /// The least time between two frames that new data asks for.
    pub const fn data_interval(&self) -> Duration {
        Duration::from_millis(if self.ssh { 1000 } else { 250 })
    }
}

/// The background that COLORFGBG names (`15;0`, `0;default;15`), as one of the sixteen colours.
pub fn background(env: &Env) -> Option<Rgb> {
    let number: u8 = env.get("COLORFGBG")?.rsplit(';').next()?.trim().parse().ok()?;
    ANSI.get(usize::from(number)).map(|(_, _, value)| *value)
}

fn depth(env: &Env, term: &str) -> Depth {
    // https://no-color.org: when present and not empty, whatever its value.
    if env.get("NO_COLOR").is_some() || term == "dumb" {
        return Depth::Mono;
    }
    if matches!(env.get("COLORTERM"), Some("truecolor" | "24bit")) || term.ends_with("-direct") {
        return Depth::True;
    }
    // These have it whether or not COLORTERM survived the journey; sshd commonly drops it.
    let known = [
        "xterm-kitty",
        "xterm-ghostty",
        "alacritty",
        "wezterm",
        "foot",
        "contour",
    ];
    if known.iter().any(|name| term.starts_with(name)) {
        return Depth::True;
    }
    if term.contains("256color") {
        return Depth::Indexed;
    }
    if ["vt52", "vt100", "vt102", "vt220", "vt320"].contains(&term) || term.ends_with("-m") || term.ends_with("-mono") {
        return Depth::Mono;
    }
    Depth::Sixteen
}

fn unicode(env: &Env, term: &str) -> bool {
    // The Linux console's font lacks most of what we draw with.
    if term == "linux" || term == "dumb" {
        return false;
    }
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| env.get(name))
        .unwrap_or("C");
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caps(pairs: &[(&str, &str)]) -> Caps {
        Caps::detect(&pairs.iter().copied().collect(), None, None)
    }

    #[test]
    fn the_depth_follows_from_the_environment() {
        for (pairs, expected) in [
            (
                &[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")][..],
                Depth::True,
            ),
            (&[("TERM", "xterm-256color")], Depth::Indexed),
            (&[("TERM", "tmux-256color"), ("TMUX", "/tmp/x")], Depth::Indexed),
            (&[("TERM", "tmux-256color"), ("COLORTERM", "24bit")], Depth::True),
            (&[("TERM", "screen")], Depth::Sixteen),
            (&[("TERM", "xterm-kitty")], Depth::True),
            (&[("TERM", "linux")], Depth::Sixteen),
            (&[("TERM", "vt100")], Depth::Mono),
            (
                &[
                    ("TERM", "xterm-256color"),
                    ("COLORTERM", "truecolor"),
                    ("NO_COLOR", "1"),
                ],
                Depth::Mono,
            ),
            (&[("TERM", "xterm-256color"), ("NO_COLOR", "")], Depth::Indexed),
            (&[], Depth::Mono),
        ] {
            assert_eq!(caps(pairs).depth, expected, "{pairs:?}");
        }
    }

    #[test]
    fn unicode_needs_a_utf8_locale_and_a_terminal_with_a_font() {
        for (pairs, expected) in [
            (&[("TERM", "xterm"), ("LANG", "en_GB.UTF-8")][..], Glyphs::Unicode),
            (
                &[("TERM", "xterm"), ("LC_ALL", "C"), ("LANG", "en_GB.UTF-8")],
                Glyphs::Ascii,
            ),
            (
                &[("TERM", "xterm"), ("LC_ALL", ""), ("LC_CTYPE", "C.utf8")],
                Glyphs::Unicode,
            ),
            (&[("TERM", "xterm")], Glyphs::Ascii),
            (&[("TERM", "linux"), ("LANG", "en_GB.UTF-8")], Glyphs::Ascii),
        ] {
            assert_eq!(caps(pairs).glyphs, expected, "{pairs:?}");
        }
    }

    #[test]
    fn data_draws_four_times_a_second_and_once_over_ssh() {
        for (variable, ssh) in [
            ("SSH_CONNECTION", true),
            ("SSH_TTY", true),
            ("SSH_CLIENT", true),
            ("TMUX", false),
            ("DISPLAY", false),
        ] {
            let caps = caps(&[("TERM", "xterm-256color"), (variable, "x")]);
            let pace = if ssh { (1000, 100) } else { (250, 50) };
            let is = (caps.data_interval().as_millis(), caps.hold().as_millis());
            assert_eq!((caps.ssh, is), (ssh, pace), "{variable}");
            // An empty one was taken away by somebody.
            assert!(!self::caps(&[("TERM", "xterm-256color"), (variable, "")]).ssh);
        }
    }

    #[test]
    fn the_background_is_the_last_number_of_colorfgbg() {
        let of = |value: &str| background(&[("COLORFGBG", value)].into_iter().collect());
        assert_eq!(of("15;0"), Some((0, 0, 0)));
        assert_eq!(of("0;default;15"), Some((255, 255, 255)));
        for none in ["", "15;default", "1;99", "x", ";"] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn what_the_user_asks_for_wins() {
        let env: Env = [("TERM", "xterm"), ("NO_COLOR", "1"), ("SSH_TTY", "/dev/pts/1")]
            .into_iter()
            .collect();
        let caps = Caps::detect(&env, Some(Depth::True), Some(Glyphs::Unicode));
        assert_eq!(
            (caps.depth, caps.glyphs, caps.ssh, caps.dumb),
            (Depth::True, Glyphs::Unicode, true, false)
        );
        assert_eq!(caps.hold(), Duration::from_millis(100));
    }
}
