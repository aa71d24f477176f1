//! The terminal as a file: reading it without a thread, and its size.
//!
//! The terminal is opened by its own name, apart from the standard input, so that making it non-blocking does not leak
//! into the shell or a child. It is read only while [`Tty::read`] is awaited: a child that needs the terminal has it to
//! itself once the loop stops asking.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use ratatui::layout::Size;
use rustix::fs::{Mode, OFlags, open};
use rustix::termios::{isatty, tcgetwinsize, ttyname};
use tokio::io::unix::AsyncFd;

/// The terminal's input.
#[derive(Debug)]
pub struct Tty {
    file: AsyncFd<File>,
}

impl Tty {
    /// Open the terminal of the standard input, or the controlling one. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When there is no terminal.
    pub fn open() -> io::Result<Self> {
        let stdin = io::stdin();
        let path = if isatty(stdin.as_fd()) {
            name(stdin.as_fd())
        } else {
            None
        };
        Self::open_path(path.as_deref().unwrap_or(Path::new("/dev/tty")))
    }

    /// Open a terminal by its name. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When it cannot be opened or waited for.
    pub fn open_path(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let told = |error: io::Error| {
            io::Error::new(
                error.kind(),
                format!("cannot read the terminal {}: {error}", path.display()),
            )
        };
        let file = File::from(open(path, flags, Mode::empty()).map_err(|error| told(error.into()))?);
        // tokio's replacement is an unsafe fn, for types whose descriptor may change; a File's does not.
        #[allow(deprecated)]
        let file = AsyncFd::with_interest(file, tokio::io::Interest::READABLE).map_err(told)?;
        Ok(Self { file })
    }

    /// Read what is there already; none: `WouldBlock`.
    ///
    /// # Errors
    /// The terminal's.
    pub fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.get_ref().read(buffer)
    }

    /// Wait for bytes and read them; 0 means that the terminal is gone. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// The terminal's.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.file.readable().await?;
            if let Ok(result) = ready.try_io(|file| file.get_ref().read(buffer)) {
                match result {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    other => return other,
                }
            }
        }
    }
}

pub(super) fn name(fd: impl AsFd) -> Option<PathBuf> {
    let name = ttyname(fd, Vec::new()).ok()?;
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(name.as_bytes())))
}

/// The size of a terminal in cells; 80×24 when it does not say.
pub fn size(fd: impl AsFd) -> Size {
    match tcgetwinsize(fd) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size::new(size.ws_col, size.ws_row),
        _ => Size::new(80, 24),
    }
}

/// The standard output, unbuffered.
///
/// # Errors
/// The system's.
pub fn output() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}
