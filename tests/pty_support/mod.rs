//! The real binary in a real pseudo-terminal, driven as a person does: look at the screen, press a key, look again.
#![allow(dead_code)] // each test uses its part

mod stream;

#[allow(unused_imports)] // each test uses its part
pub use stream::harm;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use quarterdeck::journal::{Record, RecordKind};
use quarterdeck::sim::demo::{self, Demo};
use rustix::process::{Pid, Signal};
use rustix::termios::{LocalModes, tcgetattr};

/// Longer than anything takes on a busy machine: what is not there by then never comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// The demonstration platform, in this process.
pub struct Servers {
    pub demo: Demo,
    pub runtime: tokio::runtime::Runtime,
}

impl Servers {
    pub fn start() -> Self {
        Self::with(demo::Options::default())
    }

    /// Its clock goes so many times faster than ours: what takes minutes there is seen in seconds.
    pub fn fast(pace: u32) -> Self {
        Self::with(demo::Options {
            pace,
            ..demo::Options::default()
        })
    }

    fn with(options: demo::Options) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let demo = runtime.block_on(demo::start(options)).unwrap();
        Self { demo, runtime }
    }

    /// Requests so far that could have changed something.
    pub fn mutating(&self) -> u64 {
        self.demo.server().requests().mutating()
    }
}

/// A person's home folder, removed at the end.
pub struct Home(tempfile::TempDir);

impl Home {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file under it.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The bytes of the journal.
    pub fn journal_text(&self) -> String {
        let folder = self.path().join(".local/state/quarterdeck/journal");
        let Ok(entries) = std::fs::read_dir(folder) else {
            return String::new();
        };
        let mut files: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
        files.sort();
        files
            .iter()
            .filter(|p| p.extension().is_some_and(|e| e == "jsonl"))
            .map(|p| std::fs::read_to_string(p).unwrap())
            .collect()
    }

    pub fn journal(&self) -> Vec<Record> {
        // The last line may be in the middle of being written.
        self.journal_text()
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// The records of that kind.
    pub fn records(&self, kind: RecordKind) -> Vec<Record> {
        self.journal().into_iter().filter(|r| r.entry.kind == kind).collect()
    }
}

/// How to start it.
pub struct Start<'a> {
    /// What is started: `qd`, or what starts it.
    program: &'static str,
    pub home: &'a Home,
    pub args: Vec<String>,
    pub env: Vec<(&'a str, &'a str)>,
    pub size: (u16, u16),
}

impl<'a> Start<'a> {
    pub fn new(home: &'a Home, args: &[&str]) -> Self {
        Self {
            program: env!("CARGO_BIN_EXE_qd"),
            home,
            args: args.iter().map(|a| (*a).to_owned()).collect(),
            env: Vec::new(),
            size: (80, 24),
        }
    }

    /// On the demonstration platform, of which only Kubernetes: which signal leads must not depend on what else
    /// answered first.
    pub fn on(servers: &Servers, home: &'a Home) -> Self {
        let text = std::fs::read_to_string(servers.demo.config()).unwrap();
        let mut config: toml::Table = text.parse().unwrap();
        let platform = config["platform"][0].as_table_mut().unwrap();
        platform.retain(|_, value| value.is_str());
        let path = home.write("demo.toml", &config.to_string());
        Self::new(home, &["--config", path.to_str().unwrap()])
    }

    /// On the demonstration platform with all its sources. What a rule watches for minutes before it speaks up, it says
    /// at once.
    pub fn whole(servers: &Servers, home: &'a Home) -> Self {
        let at_once = "[signals]\npg_connections_for = \"1s\"\npg_dead_for = \"1s\"\nredis_memory_for = \"1s\"\napp_for = \"1s\"\n";
        let config = std::fs::read_to_string(servers.demo.config()).unwrap();
        let path = home.write("demo.toml", &format!("{at_once}{config}"));
        Self::new(home, &["--config", path.to_str().unwrap()])
    }

    pub fn program(mut self, program: &'static str) -> Self {
        self.program = program;
        self
    }

    pub fn size(mut self, columns: u16, rows: u16) -> Self {
        self.size = (columns, rows);
        self
    }

    pub fn env(mut self, name: &'a str, value: &'a str) -> Self {
        self.env.push((name, value));
        self
    }

    pub fn args(mut self, more: &[&str]) -> Self {
        self.args.extend(more.iter().map(|a| (*a).to_owned()));
        self
    }

    pub fn go(self) -> Console {
        Console::start(self)
    }
}

struct Heard {
    bytes: Vec<u8>,
    parser: vt100::Parser,
    /// When the last bytes came.
    at: Instant,
}

/// The running console and its terminal.
pub struct Console {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    heard: Arc<(Mutex<Heard>, Condvar)>,
    tty: std::fs::File,
    pid: Pid,
}

/// What is left when it has ended.
pub struct Ended {
    pub code: u32,
    pub bytes: Vec<u8>,
    pub screen: vt100::Parser,
    pub raw: bool,
}

impl Console {
    fn start(start: Start<'_>) -> Self {
        let size = |(cols, rows)| PtySize {
            rows,
            cols,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size(start.size)).unwrap();
        let path = pair.master.tty_name().unwrap();
        if start.program != env!("CARGO_BIN_EXE_qd") {
            // A program that becomes another user finds its terminal as a login would have left it.
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
        }
        let tty = std::fs::File::options().read(true).write(true).open(path).unwrap();
        let mut command = CommandBuilder::new(start.program);
        command.args(&start.args);
        command.env_clear();
        command.cwd(start.home.path());
        for (name, value) in [
            ("TERM", "xterm-256color"),
            ("COLORTERM", "truecolor"),
            ("LANG", "C.UTF-8"),
            ("PATH", "/usr/bin:/bin"),
            ("USER", "ops"),
        ] {
            command.env(name, value);
        }
        command.env("HOME", start.home.path());
        for (name, value) in start.env {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let parser = vt100::Parser::new(start.size.1, start.size.0, 0);
        let heard = Arc::new((
            Mutex::new(Heard {
                bytes: Vec::new(),
                parser,
                at: Instant::now(),
            }),
            Condvar::new(),
        ));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let ears = Arc::clone(&heard);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                let mut heard = ears.0.lock().unwrap();
                heard.bytes.extend_from_slice(&buffer[..n]);
                heard.parser.process(&buffer[..n]);
                heard.at = Instant::now();
                ears.1.notify_all();
            }
        });
        let pid = Pid::from_raw(i32::try_from(child.process_id().unwrap()).unwrap()).unwrap();
        Self {
            child,
            keyboard: pair.master.take_writer().unwrap(),
            master: pair.master,
            heard,
            tty,
            pid,
        }
    }

    /// Waits until the terminal is as wanted.
    #[track_caller]
    pub fn wait(&self, what: &str, is_so: impl Fn(&vt100::Screen) -> bool) {
        let end = Instant::now() + PATIENCE;
        let (lock, news) = &*self.heard;
        let mut heard = lock.lock().unwrap();
        while !is_so(heard.parser.screen()) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let shown = heard.parser.screen().contents();
                drop(heard);
                panic!("never {what}; the screen:\n{shown}");
            }
            heard = news.wait_timeout(heard, left).unwrap().0;
        }
    }

    /// Waits until the text is on screen.
    #[track_caller]
    pub fn see(&self, text: &str) {
        self.wait(&format!("seen: {text:?}"), |s| s.contents().contains(text));
    }

    /// Waits until the text is not on screen.
    #[track_caller]
    pub fn see_no(&self, text: &str) {
        self.wait(&format!("gone: {text:?}"), |s| !s.contents().contains(text));
    }

    /// Waits until nothing has been drawn for so long.
    pub fn settle(&self, quiet: Duration) {
        let (lock, news) = &*self.heard;
        let mut heard = lock.lock().unwrap();
        loop {
            let still = heard.at.elapsed();
            if still >= quiet {
                return;
            }
            heard = news.wait_timeout(heard, quiet.saturating_sub(still)).unwrap().0;
        }
    }

    /// Draws everything anew, as for a terminal of which nothing is known, and waits until that has been done.
    pub fn redraw(&mut self) {
        let clear = |c: &Self| c.bytes().windows(4).filter(|w| w == b"\x1b[2J").count();
        let before = clear(self);
        self.send("\x0c");
        eventually("the screen is drawn anew", || (clear(self) > before).then_some(()));
        self.settle(Duration::from_millis(300));
    }

    pub fn contents(&self) -> String {
        self.with(vt100::Screen::contents)
    }

    /// Looks at the terminal as it is now.
    pub fn with<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.heard.0.lock().unwrap().parser.screen())
    }

    /// Everything that was sent to the terminal so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.heard.0.lock().unwrap().bytes.clone()
    }

    /// Writes all of it at once.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.keyboard.write_all(bytes.as_ref()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Types at a person's pace.
    pub fn type_in(&mut self, text: &str) {
        for byte in text.bytes() {
            self.send([byte]);
            std::thread::sleep(Duration::from_millis(80));
        }
    }

    /// A new size, told to the console alone.
    pub fn resize(&self, columns: u16, rows: u16) {
        self.master
            .resize(PtySize {
                rows,
                cols: columns,
                pixel_width: 0,
                pixel_height: 0,
            })
            .unwrap();
    }

    /// Another terminal of that size in place of ours: it shows what is sent from now on.
    pub fn new_terminal(&self, columns: u16, rows: u16) {
        self.heard.0.lock().unwrap().parser = vt100::Parser::new(rows, columns, 0);
    }

    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid, signal).unwrap();
    }

    /// Waits until the process is stopped, or runs again.
    #[track_caller]
    pub fn wait_stopped(&self, stopped: bool) {
        let path = format!("/proc/{}/stat", self.pid);
        eventually("the process stops or goes on", || {
            let stat = std::fs::read_to_string(&path).unwrap();
            let state = stat.rsplit_once(") ").unwrap().1.chars().next();
            (matches!(state, Some('T')) == stopped).then_some(())
        });
    }

    /// Whether the terminal hands over every byte as it comes.
    pub fn is_raw(&self) -> bool {
        !tcgetattr(&self.tty).unwrap().local_modes.contains(LocalModes::ICANON)
    }

    /// Waits for its end, and for the last of its bytes.
    #[track_caller]
    pub fn ended(mut self) -> Ended {
        const MARK: &[u8] = b"\x1b[0m<the end>";
        let code = eventually("the console ends", || self.child.try_wait().unwrap()).exit_code();
        let raw = self.is_raw();
        // Whatever it wrote comes before this.
        self.tty.write_all(MARK).unwrap();
        let (lock, news) = &*self.heard;
        let mut heard = lock.lock().unwrap();
        while !heard.bytes.ends_with(MARK) {
            heard = news.wait_timeout(heard, PATIENCE).unwrap().0;
        }
        let screen = std::mem::replace(&mut heard.parser, vt100::Parser::new(1, 1, 0));
        let length = heard.bytes.len() - MARK.len();
        Ended {
            code,
            bytes: heard.bytes.drain(..length).collect(),
            screen,
            raw,
        }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// The terminal is as it was before: no raw mode, no alternate screen, a cursor, no reports of any kind.
    #[track_caller]
    pub fn is_clean(&self) {
        let s = self.screen.screen();
        assert!(!self.raw, "raw mode was left on");
        assert!(!s.alternate_screen(), "the alternate screen was not left");
        assert!(!s.hide_cursor(), "the cursor stayed hidden");
        assert!(!s.bracketed_paste(), "bracketed paste was left on");
        assert_eq!(s.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        for mode in ["2026", "1004", "1000", "1002", "1006", "2004", "1049"] {
            let last = |c: char| find_last(&self.bytes, format!("\x1b[?{mode}{c}").as_bytes());
            assert!(last('h') <= last('l'), "mode {mode} was left on");
        }
        assert!(find_last(&self.bytes, b"\x1b[?25l") < find_last(&self.bytes, b"\x1b[?25h"));
    }
}

fn find_last(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).rposition(|w| w == what)
}

/// Polls until it is there.
#[track_caller]
pub fn eventually<T>(what: &str, mut is: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = is() {
            return found;
        }
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
