//! The terminal's output, without ever waiting for it: on a link that hangs the console goes on, its keys are heard, and
//! what was sent to the servers gets its answer on record.
//!
//! The terminal is opened by its own name, as for the input, so that making it non-blocking does not leak into the shell.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};
use tokio::io::unix::AsyncFd;

use super::tty;

/// Takes everything at once; what the terminal does not take yet is kept, in order, until it does.
#[derive(Debug)]
pub struct Out {
    file: Kind,
    kept: Vec<u8>,
}

#[derive(Debug)]
enum Kind {
    Waits(AsyncFd<File>),
    /// The terminal has no name that can be opened: a write may have to wait.
    Blocks(File),
}

impl Out {
    /// The terminal of the standard output. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// The system's.
    pub fn open() -> io::Result<Self> {
        let stdout = tty::output()?;
        let file = match tty::name(stdout.as_fd()).and_then(|path| waits(&path).ok()) {
            Some(file) => Kind::Waits(file),
            None => Kind::Blocks(stdout),
        };
        Ok(Self { file, kept: Vec::new() })
    }

    /// A terminal by its name. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When it cannot be opened or waited for.
    pub fn open_path(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: Kind::Waits(waits(path)?),
            kept: Vec::new(),
        })
    }

    /// Bytes that the terminal did not take yet. While there are some, nothing new should be drawn: it would be old when
    /// it is shown.
    pub const fn behind(&self) -> usize {
        self.kept.len()
    }

    /// Waits until the terminal has taken everything. Loses nothing when the future is dropped.
    ///
    /// # Errors
    /// The terminal's.
    pub async fn drained(&mut self) -> io::Result<()> {
        while !self.kept.is_empty() {
            let Kind::Waits(file) = &self.file else {
                return self.push();
            };
            let mut ready = file.writable().await?;
            match ready.try_io(|file| file.get_ref().write(&self.kept)) {
                Ok(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(Ok(n)) => drop(self.kept.drain(..n)),
                Ok(Err(e)) if e.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(e)) => {
                    self.kept.clear();
                    return Err(e);
                }
                // No room after all: waits again.
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Gives up what was not taken: something else gets the terminal, and everything is drawn anew afterwards.
    pub fn forget(&mut self) {
        self.kept.clear();
    }

    /// Writes what is kept as far as the terminal takes it now.
    fn push(&mut self) -> io::Result<()> {
        while !self.kept.is_empty() {
            let written = match &mut self.file {
                Kind::Waits(file) => file.get_mut().write(&self.kept),
                Kind::Blocks(file) => file.write(&self.kept),
            };
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => drop(self.kept.drain(..n)),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) => {
                    self.kept.clear();
                    return Err(e);
                }
            }
        }
        Ok(())
    }
}

fn waits(path: &Path) -> io::Result<AsyncFd<File>> {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(open(path, flags, Mode::empty())?);
    // tokio's replacement is an unsafe fn, for types whose descriptor may change; a File's does not.
    #[allow(deprecated)]
    AsyncFd::with_interest(file, tokio::io::Interest::WRITABLE)
}

impl Write for Out {
    /// Takes all of it.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.kept.extend_from_slice(bytes);
        self.push()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portable_pty::{PtySize, native_pty_system};
    use std::io::Read as _;

    #[tokio::test]
    async fn a_terminal_that_takes_nothing_holds_nobody_up_and_gets_everything_in_order_later() {
        let pair = native_pty_system().openpty(PtySize::default()).unwrap();
        let path = pair.master.tty_name().unwrap();
        let mut raw = rustix::termios::tcgetattr(File::open(&path).unwrap()).unwrap();
        raw.make_raw();
        let slave = File::options().write(true).open(&path).unwrap();
        rustix::termios::tcsetattr(&slave, rustix::termios::OptionalActions::Now, &raw).unwrap();
        let mut out = Out::open_path(&path).unwrap();
        let sent: Vec<u8> = (0..200_000u32).map(|n| b'a' + (n % 26) as u8).collect();
        // Returns, although nobody reads.
        out.write_all(&sent).unwrap();
        assert!(out.behind() > 0, "the terminal has no room for so much");
        let mut reader = pair.master.try_clone_reader().unwrap();
        let length = sent.len();
        let read = std::thread::spawn(move || {
            let mut all = vec![0; length];
            reader.read_exact(&mut all).unwrap();
            all
        });
        out.drained().await.unwrap();
        assert_eq!(out.behind(), 0);
        assert!(read.join().unwrap() == sent);
    }
}
