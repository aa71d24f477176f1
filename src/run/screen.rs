//! The terminal as the loop sees it: input as messages, frames out, signals.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::layout::Size;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::{App, Msg, Notice};
use crate::config::{Color, Config, Symbols as WantedSymbols};
use crate::term::caps::{Caps, Env};
use crate::term::guard::{Guard, raise_stop};
use crate::term::input::{Decoder, Input, PasteDropped};
use crate::term::screen::Screen;
use crate::term::tty::{self, Tty};
use crate::theme::{Depth, Glyphs, Symbols, Theme};
use crate::ui::{self, Look};

pub struct Painter {
    guard: Guard,
    terminal: Terminal<Screen<File>>,
    tty: Tty,
    decoder: Decoder,
    caps: Caps,
    theme: Theme,
    size: (u16, u16),
}

/// What a signal means.
pub enum Seen {
    Resize,
    Leave,
    Stop,
    Continue,
}

pub struct Signals {
    winch: Signal,
    term: Signal,
    hup: Signal,
    int: Signal,
    stop: Signal,
    cont: Signal,
}

impl Signals {
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            winch: signal(SignalKind::window_change())?,
            term: signal(SignalKind::terminate())?,
            hup: signal(SignalKind::hangup())?,
            int: signal(SignalKind::interrupt())?,
            stop: signal(SignalKind::from_raw(20))?,
            cont: signal(SignalKind::from_raw(18))?,
        })
    }

    pub async fn next(&mut self) -> Seen {
        tokio::select! {
            _ = self.winch.recv() => Seen::Resize,
            _ = self.term.recv() => Seen::Leave,
            _ = self.hup.recv() => Seen::Leave,
            _ = self.int.recv() => Seen::Leave,
            _ = self.stop.recv() => Seen::Stop,
            _ = self.cont.recv() => Seen::Continue,
        }
    }
}

/// The capabilities that the configuration and the terminal give.
fn capabilities(config: &Config) -> Caps {
    let depth = match config.ui.color {
        Color::Auto => None,
        Color::Truecolor => Some(Depth::True),
        Color::Ansi256 => Some(Depth::Indexed),
        Color::Ansi16 => Some(Depth::Sixteen),
        Color::Mono => Some(Depth::Mono),
    };
    let glyphs = match config.ui.symbols {
        WantedSymbols::Auto => None,
        WantedSymbols::Unicode => Some(Glyphs::Unicode),
        WantedSymbols::Ascii => Some(Glyphs::Ascii),
    };
    Caps::detect(&Env::from_os(), depth, glyphs)
}

/// The theme of that name: the user's own file before a built-in one. With problems `dark`.
fn theme(config: &Config, depth: Depth) -> (Theme, Vec<Notice>) {
    let wanted = config.ui.theme.as_str();
    let is_path = wanted.contains('/') || Path::new(wanted).extension().is_some_and(|e| e == "toml");
    let file = if is_path {
        Some(PathBuf::from(wanted))
    } else {
        let folder = config.paths.config.as_ref().map(|f| f.join("themes"));
        folder.map(|f| f.join(format!("{wanted}.toml"))).filter(|p| p.is_file())
    };
    let dark = || Theme::built_in("dark", depth);
    let Some(file) = file else {
        if crate::theme::BUILT_IN.iter().any(|(name, _)| *name == wanted) {
            return (Theme::built_in(wanted, depth), Vec::new());
        }
        let names: Vec<&str> = crate::theme::BUILT_IN.iter().map(|(name, _)| *name).collect();
        let set_by = config.origin("ui.theme");
        let text = format!(
            "{set_by}: there is no theme {wanted:?}: expected {}, or a file; dark is used",
            names.join(", ")
        );
        return (dark(), vec![Notice::error(text)]);
    };
    let name = file.display().to_string();
    let loaded = std::fs::read_to_string(&file)
        .map_err(|why| {
            vec![Notice::error(format!(
                "{name}: cannot be read: {why}; the theme dark is used"
            ))]
        })
        .and_then(|text| {
            Theme::load(&name, &text, depth)
                .map_err(|problems| problems.iter().map(|p| Notice::error(p.to_string())).collect())
        });
    match loaded {
        Ok(theme) => (theme, Vec::new()),
        Err(notices) => (dark(), notices),
    }
}

impl Painter {
    /// Takes the terminal; with what is wrong with the theme.
    pub fn enter(config: &Config) -> anyhow::Result<(Self, Vec<Notice>)> {
        let caps = capabilities(config);
        let (theme, notices) = theme(config, caps.depth);
        let term = std::env::var("TERM").ok();
        let log = config.paths.log();
        let guard = Guard::enter(term.as_deref(), config.ui.mouse, log.as_deref())?;
        let out = tty::output()?;
        let size = tty::size(&out);
        let terminal = Terminal::new(Screen::new(out, size, caps.depth, caps.glyphs))?;
        let painter = Self {
            guard,
            terminal,
            tty: Tty::open()?,
            decoder: Decoder::new(caps.hold()),
            caps,
            theme,
            size: (size.width, size.height),
        };
        Ok((painter, notices))
    }

    pub const fn size(&self) -> (u16, u16) {
        self.size
    }

    pub const fn interval(&self) -> Duration {
        self.caps.data_interval()
    }

    /// After SIGWINCH.
    pub fn resized(&mut self) -> (u16, u16) {
        let size = tty::output().map_or(Size::new(80, 24), |out| tty::size(&out));
        self.terminal.backend_mut().resize(size);
        let _ = self
            .terminal
            .resize(ratatui::layout::Rect::new(0, 0, size.width, size.height));
        self.size = (size.width, size.height);
        self.size
    }

    pub fn draw(&mut self, app: &mut App) -> io::Result<()> {
        ui::fit(app);
        let look = Look {
            theme: &self.theme,
            symbols: Symbols::of(self.caps.glyphs),
        };
        self.terminal.draw(|frame| ui::view(app, look, frame))?;
        app.dirty = false;
        Ok(())
    }

    pub fn repaint(&mut self) {
        self.terminal.backend_mut().forget();
        let _ = self.terminal.clear();
    }

    /// The next input as messages. Loses nothing when the future is dropped.
    pub async fn input(&mut self) -> io::Result<Vec<Msg>> {
        let mut bytes = [0u8; 4096];
        loop {
            let deadline = self.decoder.deadline();
            let inputs = tokio::select! {
                n = self.tty.read(&mut bytes) => match n? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    n => self.decoder.feed(bytes.get(..n).unwrap_or(&[]), Instant::now()),
                },
                () = sleep_until(deadline) => self.decoder.tick(Instant::now()),
            };
            let msgs: Vec<Msg> = inputs.into_iter().filter_map(message).collect();
            if !msgs.is_empty() {
                return Ok(msgs);
            }
        }
    }

    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        self.terminal.backend_mut().copy(text, self.caps.tmux)
    }

    pub fn bell(&mut self) {
        let _ = self.terminal.backend_mut().bell();
    }

    pub fn suspend(&mut self) {
        let _ = self.guard.suspend();
    }

    pub fn resume(&mut self) {
        let _ = self.guard.resume();
    }

    /// SIGTSTP: to the background, and back.
    pub fn stop(&mut self) {
        self.suspend();
        let _ = raise_stop();
        self.resume();
        self.resized();
    }

    pub fn leave(self) {
        let _ = self.guard.leave();
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

fn message(input: Input) -> Option<Msg> {
    match input {
        Input::Key(chord) => Some(Msg::Key(chord)),
        Input::Paste(text) => Some(Msg::Paste(text)),
        Input::Focus(focused) => Some(Msg::Focus(focused)),
        Input::PasteDropped(PasteDropped::TooLong) => Some(Msg::Notice(Notice::error(
            "the pasted text was not taken: it is longer than 1 MiB",
        ))),
        Input::PasteDropped(PasteDropped::NeverEnded) => Some(Msg::Notice(Notice::error(
            "a paste began and did not end: keys do not count until it does, or until Esc",
        ))),
        Input::Mouse(_) | Input::Reply(_) => None,
    }
}
