//! Entering and leaving the full screen, whatever ends the program: a return, an error, a panic, a signal.
//!
//! [`Guard`] owns every mode that is switched on. Leaving is idempotent and is done by [`Drop`], by the panic hook and by
//! [`Guard::suspend`]. Signals are the loop's business: SIGTERM and SIGHUP end it (and so drop the guard); for SIGTSTP and
//! a key it calls [`Guard::suspend`], [`raise_stop`], then [`Guard::resume`] and draws everything again.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::thread::ThreadId;

use rustix::process::{Signal, kill_current_process_group};
use rustix::termios::{OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr};

/// Alternate screen (with the title pushed), bracketed paste, focus events, no cursor until one is drawn.
const ENTER: &[u8] = b"\x1b[22;2t\x1b[?1049h\x1b[2J\x1b[?2004h\x1b[?1004h\x1b[?25l";
/// Every mode off that may ever be on, so that leaving needs no memory.
const LEAVE: &[u8] =
    b"\x1b[?2026l\x1b[m\x1b[?1006l\x1b[?1002l\x1b[?1000l\x1b[?1004l\x1b[?2004l\x1b[?25h\x1b[?1049l\x1b[23;2t";
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1002h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1002l\x1b[?1000l";

/// Why the full screen cannot be entered.
#[derive(Debug, thiserror::Error)]
pub enum NoTerminal {
    /// The output goes elsewhere.
    #[error(
        "the output is not a terminal: the full screen needs one; for scripts use `qd pods --output table` or json"
    )]
    NotATerminal,
    /// The terminal cannot address its cursor.
    #[error(
        "TERM is `{0}`, a terminal that cannot place its cursor: set TERM to what your terminal is (xterm-256color), or use `qd pods --output table`"
    )]
    Dumb(String),
    /// The terminal refused.
    #[error("the terminal cannot be set up: {0}; is it still connected?")]
    Io(#[from] io::Error),
}

/// The full screen; left when it is dropped.
#[derive(Debug)]
pub struct Guard {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    tty: File,
    /// The terminal's settings before us.
    before: Termios,
    state: Mutex<State>,
    /// The thread that draws: only its panic ends the program.
    owner: ThreadId,
    log: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    active: bool,
    mouse: bool,
}

/// The guard that the panic hook restores.
static CURRENT: Mutex<Option<Arc<Inner>>> = Mutex::new(None);
static HOOK: Once = Once::new();

/// A panic while the lock was held leaves nothing half done that restoring again would not mend.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Guard {
    /// Enter the full screen on the standard output. `term` is the value of TERM; `log` is where a panic's details are
    /// found.
    ///
    /// # Errors
    /// [`NoTerminal`]: nothing was switched on.
    pub fn enter(term: Option<&str>, mouse: bool, log: Option<&Path>) -> Result<Self, NoTerminal> {
        let stdout = io::stdout();
        if !stdout.is_terminal() {
            return Err(NoTerminal::NotATerminal);
        }
        match term {
            None | Some("" | "dumb") => return Err(NoTerminal::Dumb(term.unwrap_or("").to_owned())),
            Some(_) => {}
        }
        Self::enter_on(File::from(stdout.as_fd().try_clone_to_owned()?), mouse, log)
    }

    /// Enter the full screen on any terminal.
    ///
    /// # Errors
    /// [`NoTerminal`]: nothing was switched on.
    pub fn enter_on(tty: File, mouse: bool, log: Option<&Path>) -> Result<Self, NoTerminal> {
        let before = tcgetattr(&tty).map_err(|_| NoTerminal::NotATerminal)?;
        let inner = Arc::new(Inner {
            tty,
            before,
            state: Mutex::new(State { active: false, mouse }),
            owner: std::thread::current().id(),
            log: log.map(Path::to_owned),
        });
        inner.enter()?;
        *lock(&CURRENT) = Some(Arc::clone(&inner));
        HOOK.call_once(install_hook);
        Ok(Self { inner })
    }

    /// Give the terminal back, as it was: before a stop, or for a program that needs it.
    ///
    /// # Errors
    /// The terminal's.
    pub fn suspend(&self) -> io::Result<()> {
        self.inner.leave()
    }

    /// Take the terminal again. The caller forgets what was on the screen and draws everything.
    ///
    /// # Errors
    /// The terminal's.
    pub fn resume(&self) -> io::Result<()> {
        self.inner.enter()
    }

    /// Whether the full screen is on.
    pub fn is_active(&self) -> bool {
        lock(&self.inner.state).active
    }

    /// Switch mouse reports on or off.
    ///
    /// # Errors
    /// The terminal's.
    pub fn set_mouse(&self, on: bool) -> io::Result<()> {
        let mut state = lock(&self.inner.state);
        state.mouse = on;
        if state.active {
            (&self.inner.tty).write_all(if on { MOUSE_ON } else { MOUSE_OFF })
        } else {
            Ok(())
        }
    }

    /// Leave for good. Dropping does the same, without telling of errors.
    ///
    /// # Errors
    /// The terminal's.
    pub fn leave(self) -> io::Result<()> {
        self.inner.leave()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // A terminal that is gone cannot be mended, and nobody is there to be told.
        let _ = self.inner.leave();
        let mut current = lock(&CURRENT);
        if current.as_ref().is_some_and(|inner| Arc::ptr_eq(inner, &self.inner)) {
            *current = None;
        }
    }
}

impl Inner {
    fn enter(&self) -> io::Result<()> {
        let mut state = lock(&self.state);
        if state.active {
            return Ok(());
        }
        let mut raw = self.before.clone();
        raw.make_raw();
        tcsetattr(&self.tty, OptionalActions::Now, &raw)?;
        state.active = true;
        let mut bytes = ENTER.to_vec();
        bytes.extend_from_slice(if state.mouse { MOUSE_ON } else { b"" });
        (&self.tty).write_all(&bytes)
    }

    fn leave(&self) -> io::Result<()> {
        let mut state = lock(&self.state);
        if !state.active {
            return Ok(());
        }
        state.active = false;
        let written = (&self.tty).write_all(LEAVE);
        // Answers and keys that are still on their way are not for the shell. Not by TCSAFLUSH: that waits until the
        // output has drained, which on a link that hangs is for ever.
        let _ = tcflush(&self.tty, QueueSelector::IFlush);
        tcsetattr(&self.tty, OptionalActions::Now, &self.before)?;
        written
    }
}

/// Restore the terminal, then tell of the panic. A panic on another thread leaves the screen alone: whoever waits for that
/// thread shows what failed, and the log has the rest.
fn install_hook() {
    let earlier = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        tracing::error!(target: "panic", "{info}");
        let current = lock(&CURRENT).clone();
        match current {
            Some(inner) if lock(&inner.state).active => {
                if std::thread::current().id() == inner.owner {
                    let _ = inner.leave();
                    let mut stderr = io::stderr().lock();
                    let _ = writeln!(
                        stderr,
                        "qd stopped because of a fault of its own. Nothing that was running on the servers was undone."
                    );
                    if let Some(log) = &inner.log {
                        let _ = writeln!(stderr, "The log is {}: please send it along.", log.display());
                    }
                    drop(stderr);
                    earlier(info);
                }
            }
            _ => earlier(info),
        }
    }));
}

/// Stop this process and those started with it, as Ctrl-Z does; returns when it is continued. Call [`Guard::suspend`]
/// first. The whole group stops, so that a shell gets its prompt back also when a wrapper started the console.
///
/// # Errors
/// The system's.
pub fn raise_stop() -> io::Result<()> {
    Ok(kill_current_process_group(Signal::STOP)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::tty;
    use portable_pty::{MasterPty, PtySize, native_pty_system};
    use ratatui::layout::Size;
    use std::io::Read as _;
    use std::time::Duration;

    /// A terminal of its own: the master's side, and the slave's path.
    fn pty() -> (portable_pty::PtyPair, PathBuf) {
        let size = PtySize {
            rows: 30,
            cols: 100,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let path = pair.master.tty_name().unwrap();
        (pair, path)
    }

    fn slave(path: &Path) -> File {
        File::options().read(true).write(true).open(path).unwrap()
    }

    /// What the terminal shows after everything that was sent up to here.
    fn replay(master: &(dyn MasterPty + Send), path: &Path) -> vt100::Parser {
        slave(path).write_all(b"END").unwrap();
        let mut reader = master.try_clone_reader().unwrap();
        let (mut sent, mut buffer) = (Vec::new(), [0; 4096]);
        while !sent.ends_with(b"END") {
            let length = reader.read(&mut buffer).unwrap();
            sent.extend_from_slice(&buffer[..length]);
        }
        let mut parser = vt100::Parser::new(30, 100, 0);
        parser.process(&sent);
        parser
    }

    fn is_raw(path: &Path) -> bool {
        !tcgetattr(slave(path))
            .unwrap()
            .local_modes
            .contains(rustix::termios::LocalModes::ICANON)
    }

    #[test]
    fn the_terminal_is_taken_and_given_back_as_it_was_however_often() {
        let (pair, path) = pty();
        let guard = Guard::enter_on(slave(&path), true, None).unwrap();
        assert!(is_raw(&path) && guard.is_active());
        let parser = replay(&*pair.master, &path);
        let on = parser.screen();
        assert!(on.alternate_screen() && on.bracketed_paste() && on.hide_cursor());
        assert_ne!(on.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        guard.suspend().unwrap();
        guard.suspend().unwrap();
        assert!(!is_raw(&path) && !guard.is_active());
        guard.resume().unwrap();
        assert!(is_raw(&path));
        drop(guard);
        assert!(!is_raw(&path));
        let parser = replay(&*pair.master, &path);
        let off = parser.screen();
        assert!(!off.alternate_screen() && !off.bracketed_paste() && !off.hide_cursor());
        assert_eq!(off.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    }

    #[test]
    fn a_panic_restores_the_terminal_before_it_is_told_and_one_of_another_thread_leaves_it() {
        let (_pair, path) = pty();
        let there = path.clone();
        let owner = std::thread::spawn(move || {
            let guard = Guard::enter_on(slave(&there), false, None).unwrap();
            assert!(std::thread::spawn(|| panic!("elsewhere")).join().is_err());
            assert!(guard.is_active() && is_raw(&there));
            let restored = std::panic::catch_unwind(|| panic!("here"));
            assert!(restored.is_err());
            assert!(
                !guard.is_active() && !is_raw(&there),
                "before any unwinding reached the guard"
            );
        });
        owner.join().unwrap();
        assert!(!is_raw(&path));
    }

    #[test]
    fn what_is_no_terminal_is_refused_with_a_way_out() {
        let file = tempfile::tempfile().unwrap();
        let error = Guard::enter_on(file, false, None).unwrap_err();
        assert!(error.to_string().contains("--output table"), "{error}");
    }

    #[tokio::test]
    async fn the_terminals_bytes_are_read_and_its_size_is_known() {
        let (pair, path) = pty();
        let _guard = Guard::enter_on(slave(&path), false, None).unwrap();
        assert_eq!(tty::size(slave(&path)), Size::new(100, 30));
        let tty = tty::Tty::open_path(&path).unwrap();
        let mut buffer = [0; 64];
        assert!(
            tokio::time::timeout(Duration::ZERO, tty.read(&mut buffer))
                .await
                .is_err(),
            "nothing was typed, and a read given up loses nothing"
        );
        // Held until the end: dropped, it would send an end of file too.
        let mut keyboard = pair.master.take_writer().unwrap();
        keyboard.write_all(b"\x1b[A").unwrap();
        assert_eq!(tty.read(&mut buffer).await.unwrap(), 3);
    }
}
