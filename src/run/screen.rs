//! The terminal as the loop sees it: input as messages, frames out, signals.

use std::io;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::layout::Size;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::taste;
use crate::app::pointer::Gesture;
use crate::app::{App, Msg, Notice};
use crate::config::{Color, Config, Symbols as WantedSymbols};
use crate::term::caps::{self, Caps, Env};
use crate::term::flow::Flow;
use crate::term::guard::{Guard, raise_stop};
use crate::term::input::{Decoder, Input, Mouse, MouseKind, PasteDropped, Reply};
use crate::term::out::Out;
use crate::term::screen::{Screen, Through};
use crate::term::tty::{self, Tty};
use crate::theme::colour::Rgb;
use crate::theme::{Depth, Glyphs, Symbols, Theme};
use crate::ui::{self, Look, Still};

pub struct Painter {
    guard: Guard,
    terminal: Terminal<Screen<Out>>,
    /// What is on its way over a slow link.
    flow: Flow,
    tty: Tty,
    decoder: Decoder,
    caps: Caps,
    theme: Theme,
    /// The terminal's background, as far as it is known.
    background: Option<Rgb>,
    /// Which theme is asked for, by whose configuration.
    wanted: (Config, String),
    /// What the terminal's title says, where it is asked for.
    title: Option<String>,
    notify: bool,
    restyled: bool,
    size: (u16, u16),
    still: Still,
    /// Inside GNU screen, which hands on only what is wrapped, and not much at once.
    in_screen: bool,
}

/// As long as answers of the terminal are waited for before somebody else gets it: a round trip over a bad link.
const ANSWERS_WITHIN: Duration = Duration::from_millis(1500);

/// What a signal means.
pub enum Seen {
    Resize,
    Leave,
    /// Ctrl-C of whoever has the terminal.
    Interrupt,
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
            _ = self.int.recv() => Seen::Interrupt,
            _ = self.stop.recv() => Seen::Stop,
            _ = self.cont.recv() => Seen::Continue,
        }
    }
}

/// The capabilities that the configuration and the environment give.
pub fn capabilities(config: &Config) -> Caps {
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

impl Painter {
    /// Takes the terminal. With it comes what is wrong with the theme that was asked for.
    pub fn enter(config: &Config) -> anyhow::Result<(Self, Vec<Notice>)> {
        let caps = capabilities(config);
        let background = env_background();
        let (theme, notices) = taste::theme(config, &config.ui.theme, caps.depth, background);
        let term = std::env::var("TERM").ok();
        let log = config.paths.log();
        let guard = Guard::enter(term.as_deref(), config.ui.mouse, log.as_deref())?;
        let size = tty::size(&tty::output()?);
        let mut terminal = Terminal::new(Screen::new(Out::open()?, size, caps.depth, caps.glyphs))?;
        // On this machine a frame is seen as soon as it was taken; over a link it may be seconds behind.
        if caps.ssh {
            terminal.backend_mut().ask_after_frames();
        }
        // Asked before the first frame and never waited for: the answer, if one comes, is input like any other.
        if caps.depth != Depth::Mono {
            terminal.backend_mut().ask_background()?;
        }
        let painter = Self {
            guard,
            terminal,
            flow: Flow::default(),
            tty: Tty::open()?,
            decoder: Decoder::new(caps.hold()),
            caps,
            theme,
            background,
            wanted: (config.clone(), config.ui.theme.clone()),
            title: config.ui.title.then(String::new),
            notify: config.ui.notify,
            restyled: false,
            size: (size.width, size.height),
            still: Still::default(),
            in_screen: !caps.tmux && std::env::var_os("STY").is_some(),
        };
        Ok((painter, notices))
    }

    /// Whether the terminal's answer changed the theme since this was last asked.
    pub fn restyled(&mut self) -> bool {
        std::mem::take(&mut self.restyled)
    }

    fn answered(&mut self, background: Rgb) {
        self.background = Some(background);
        let (config, name) = self.wanted.clone();
        self.wear(&config, &name);
    }

    /// Puts a theme on; tells what is wrong with it.
    pub fn wear(&mut self, config: &Config, name: &str) -> Vec<Notice> {
        name.clone_into(&mut self.wanted.1);
        let (theme, notices) = taste::theme(config, name, self.caps.depth, self.background);
        if theme != self.theme {
            self.theme = theme;
            self.restyled = true;
        }
        notices
    }

    /// Every byte goes through SSH.
    pub const fn is_remote(&self) -> bool {
        self.caps.ssh
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

    /// Whether a frame would be seen soon: not while the terminal has not taken the last one, nor, over a slow link, while
    /// much is on its way. What is not drawn now is drawn later as it is then: no frame ever waits in a queue of ours.
    /// `urgent`: it shows what a key did.
    pub fn may_draw(&mut self, urgent: bool) -> bool {
        let behind = self.terminal.backend().writer().behind();
        behind == 0 && (!self.caps.ssh || self.flow.is_free(urgent, Instant::now()))
    }

    pub fn draw(&mut self, app: &mut App) -> io::Result<()> {
        let before = self.terminal.backend().bytes_written();
        ui::fit(app);
        let look = Look {
            theme: &self.theme,
            symbols: Symbols::of(self.caps.glyphs),
        };
        let still = &mut self.still;
        self.terminal.draw(|frame| still.draw(app, look, frame))?;
        app.dirty = false;
        // The frame alone: the question stands at its end, and a title has none.
        let bytes = self.terminal.backend().bytes_written() - before;
        if self.caps.ssh && bytes > 0 {
            self.flow.sent(bytes, Instant::now());
        }
        if let Some(shown) = &mut self.title {
            let title = app.title();
            if *shown != title {
                self.terminal.backend_mut().title(&title)?;
                *shown = title;
            }
        }
        Ok(())
    }

    pub fn repaint(&mut self) {
        self.terminal.backend_mut().forget();
        let _ = self.terminal.clear();
    }

    /// The next input as messages; none, when the terminal has come so far that something may be drawn again. Loses nothing
    /// when the future is dropped.
    pub async fn input(&mut self, app: &App) -> io::Result<Vec<Msg>> {
        let mut bytes = [0u8; 4096];
        loop {
            let deadline = self.decoder.deadline();
            let given_up = self.flow.deadline().filter(|at| *at > Instant::now());
            let out = self.terminal.backend_mut().writer_mut();
            let behind = out.behind() > 0;
            let inputs = tokio::select! {
                n = self.tty.read(&mut bytes) => match n? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    n => self.decoder.feed(bytes.get(..n).unwrap_or(&[]), Instant::now()),
                },
                () = sleep_until(deadline) => self.decoder.tick(Instant::now()),
                taken = out.drained(), if behind => {
                    taken?;
                    return Ok(Vec::new());
                }
                () = sleep_until(given_up) => return Ok(Vec::new()),
            };
            let mut come = false;
            let mut msgs = Vec::with_capacity(inputs.len());
            for input in inputs {
                match input {
                    Input::Key(chord) => msgs.push(Msg::Key(chord)),
                    Input::Paste(text) => msgs.push(Msg::Paste(text)),
                    Input::Focus(focused) => msgs.push(Msg::Focus(focused)),
                    Input::PasteDropped(why) => msgs.push(Msg::Notice(Notice::error(dropped(why)))),
                    Input::Reply(Reply::Background(r, g, b)) => self.answered((r, g, b)),
                    Input::Reply(Reply::Status) => {
                        self.flow.answered();
                        come = true;
                    }
                    Input::Mouse(mouse) => msgs.extend(pointed(app, mouse)),
                    Input::Reply(Reply::Attributes) => {}
                }
            }
            if !msgs.is_empty() || self.restyled || come {
                return Ok(msgs);
            }
        }
    }

    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        let through = match (self.caps.tmux, self.in_screen) {
            (true, _) => Through::Tmux,
            (false, true) => Through::Screen,
            (false, false) => Through::Nothing,
        };
        self.terminal.backend_mut().copy(text, through)
    }

    /// Mouse reports on or off.
    pub fn mouse(&mut self, on: bool) {
        let _ = self.guard.set_mouse(on);
    }

    /// Rings; where it is asked for, the terminal is told why.
    pub fn call(&mut self, words: &str) {
        let screen = self.terminal.backend_mut();
        let _ = screen.bell();
        if self.notify {
            let _ = screen.notify(words);
        }
    }

    /// Gives the terminal to somebody else.
    pub fn suspend(&mut self) {
        self.quiet();
        let _ = self.guard.suspend();
    }

    /// Waits a moment for answers of the terminal that are on their way: they are not for the shell, nor for another
    /// program. What was not sent yet is not sent any more.
    fn quiet(&mut self) {
        let end = Instant::now() + ANSWERS_WITHIN;
        let mut bytes = [0u8; 256];
        while self.flow.expects() && Instant::now() < end {
            match self.tty.read_now(&mut bytes) {
                Ok(n @ 1..) => {
                    let inputs = self.decoder.feed(bytes.get(..n).unwrap_or(&[]), Instant::now());
                    let answers = inputs.iter().filter(|i| matches!(i, Input::Reply(Reply::Status)));
                    answers.for_each(|_| self.flow.answered());
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(Duration::from_millis(10)),
                Ok(_) | Err(_) => break,
            }
        }
        self.flow.forget();
        self.terminal.backend_mut().writer_mut().forget();
    }

    pub fn resume(&mut self) {
        let _ = self.guard.resume();
        // It was given back with the screen.
        if let Some(shown) = &mut self.title {
            shown.clear();
        }
    }

    /// SIGTSTP: to the background, and back.
    pub fn stop(&mut self) {
        self.suspend();
        let _ = raise_stop();
        self.resume();
        self.resized();
    }

    /// To the background and back while the terminal is another program's.
    pub fn stop_beneath() {
        let _ = raise_stop();
    }

    pub fn leave(mut self) {
        self.quiet();
        let _ = self.guard.leave();
    }
}

/// The background as the environment tells it, until the terminal does: rxvt, Konsole and others set COLORFGBG.
fn env_background() -> Option<Rgb> {
    caps::background(&Env::from_os())
}

/// What the mouse did, as the state machine takes it: presses of the left button, and the wheel. Nothing without its
/// place on the screen, and nothing unless the mouse was asked for.
fn pointed(app: &App, mouse: Mouse) -> Option<Msg> {
    let gesture = match mouse.kind {
        MouseKind::Down(0) => Gesture::Press,
        MouseKind::WheelUp => Gesture::WheelUp,
        MouseKind::WheelDown => Gesture::WheelDown,
        MouseKind::Down(_) | MouseKind::Up(_) | MouseKind::Drag(_) => return None,
    };
    let spot = ui::spot(app, mouse.column, mouse.row);
    app.seat.mouse.then_some(Msg::Pointer(gesture, spot))
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Why a paste was not taken, for the person who pasted.
const fn dropped(why: PasteDropped) -> &'static str {
    match why {
        PasteDropped::TooLong => "the paste was longer than 1 MiB: nothing of it was taken",
        PasteDropped::NeverEnded => "the end of the paste never came: nothing of it was taken; esc ends waiting for it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::pointer::Spot;
    use crate::app::{Access, Start};
    use crate::panes::PaneId;

    #[test]
    fn the_left_button_and_the_wheel_mean_the_cell_under_them_and_nothing_else_means_anything() {
        let (mut app, _) = App::new(Start {
            now: "2026-11-21T11:30:00Z".parse().unwrap(),
            size: (120, 40),
            sources: Vec::new(),
            access: Access::Operator,
            keys: crate::keys::Keymap::default(),
            thresholds: crate::signal::Thresholds::default(),
            books: crate::runbook::library::Library::default(),
            context: None,
            scope: None,
        });
        // Two panes beside each other: column and row cannot be taken for one another.
        let at = |kind, column| Mouse { kind, column, row: 10 };
        app.seat.mouse = true;
        for (kind, gesture) in [
            (MouseKind::Down(0), Some(Gesture::Press)),
            (MouseKind::WheelUp, Some(Gesture::WheelUp)),
            (MouseKind::WheelDown, Some(Gesture::WheelDown)),
            (MouseKind::Down(1), None),
            (MouseKind::Down(2), None),
            (MouseKind::Up(0), None),
            (MouseKind::Drag(0), None),
        ] {
            for (column, pane) in [(20, PaneId::Pods), (100, PaneId::Rollouts)] {
                let seen = match pointed(&app, at(kind, column)) {
                    Some(Msg::Pointer(gesture, spot)) => Some((gesture, spot)),
                    Some(other) => panic!("{other:?}"),
                    None => None,
                };
                assert_eq!(seen, gesture.map(|g| (g, Spot::Pane(pane))), "{kind:?} at {column}");
            }
        }
        app.seat.mouse = false;
        assert!(
            pointed(&app, at(MouseKind::Down(0), 20)).is_none(),
            "it was not asked for"
        );
    }
}
