//! The README's tour over a bad link: the real console at 80×24 behind a wire that lets so many bytes through a second and
//! holds each for so long, both ways. The keys are those of the README's table, and what each step costs is held against
//! its figures; so no stale frame ever queues. The wrong turns of the table are taken as well.
//!
//! `cargo nextest run --test slow_link --no-capture` takes a wire ten times faster than the worst, and its times times ten
//! are those of the worst. `SLOW_LINK=1` in the environment is that one: 1 kB/s, 300 ms each way.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod pty_support;
#[path = "slow_link/tour.rs"]
mod tour;

use std::io::{Read, Write};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use pty_support::{Home, Servers, Start};
use tour::{Step, figures, tour};

/// The worst link: bytes a second, and the time from end to end.
const WORST: (u64, Duration) = (1000, Duration::from_millis(300));

/// So much better the wire is than the worst one.
fn better() -> u32 {
    if std::env::var_os("SLOW_LINK").is_some() { 1 } else { 10 }
}

/// What the person at the far end sees.
struct Far {
    screen: vt100::Parser,
    bytes: Vec<u8>,
    frames: usize,
}

/// A terminal at the far end of the wire.
struct Link {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    keyboard: Sender<(Instant, Vec<u8>)>,
    far: Arc<(Mutex<Far>, Condvar)>,
    delay: Duration,
    rows: Vec<Row>,
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

struct Row {
    task: String,
    keys: usize,
    bytes: usize,
    frames: usize,
    took: Duration,
}

/// Runs what is sent through the channel when its time has come.
fn later<T: Send + 'static>(mut take: impl FnMut(T) + Send + 'static) -> Sender<(Instant, T)> {
    let (sender, taken) = channel::<(Instant, T)>();
    std::thread::spawn(move || {
        while let Ok((due, what)) = taken.recv() {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            take(what);
        }
    });
    sender
}

impl Link {
    fn open(start: &Start<'_>) -> Self {
        let (rate, delay) = (WORST.0 * u64::from(better()), WORST.1 / better());
        let size = PtySize {
            rows: 24,
            cols: 80,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_qd"));
        command.args(&start.args);
        command.env_clear();
        command.cwd(start.home.path());
        for (name, value) in [
            ("TERM", "xterm-256color"),
            ("LANG", "C.UTF-8"),
            ("PATH", "/usr/bin:/bin"),
            ("USER", "ops"),
            ("SSH_CONNECTION", "192.0.2.1 5000 192.0.2.2 22"),
        ] {
            command.env(name, value);
        }
        command.env("HOME", start.home.path());
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut writer = pair.master.take_writer().unwrap();
        let keyboard = later(move |bytes: Vec<u8>| {
            let _ = writer.write_all(&bytes);
        });
        let far = Arc::new((
            Mutex::new(Far {
                screen: vt100::Parser::new(24, 80, 0),
                bytes: Vec::new(),
                frames: 0,
            }),
            Condvar::new(),
        ));
        let (eyes, answers) = (Arc::clone(&far), keyboard.clone());
        let screen = later(move |bytes: Vec<u8>| {
            let mut far = eyes.0.lock().unwrap();
            far.screen.process(&bytes);
            let before = far.bytes.len().saturating_sub(3);
            far.bytes.extend_from_slice(&bytes);
            let new = far.bytes.get(before..).unwrap_or_default();
            // As every terminal does: asked for its status, it answers when it has come to that place.
            let asked = new.windows(4).filter(|w| w == b"\x1b[5n").count();
            far.frames += asked;
            for _ in 0..asked {
                let _ = answers.send((Instant::now() + delay, b"\x1b[0n".to_vec()));
            }
            eyes.1.notify_all();
        });
        let mut reader = pair.master.try_clone_reader().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 64];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                // The wire: so many bytes a second, and no more.
                std::thread::sleep(Duration::from_secs(1) * u32::try_from(n).unwrap() / u32::try_from(rate).unwrap());
                let piece = buffer.get(..n).unwrap().to_vec();
                if screen.send((Instant::now() + delay, piece)).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            keyboard,
            far,
            delay,
            rows: Vec::new(),
            _master: pair.master,
        }
    }

    /// Presses keys, and waits until what they are for is seen.
    #[track_caller]
    fn task(&mut self, task: &str, keys: &[u8], seen: &str) {
        let (bytes, frames) = self.so_far();
        let begun = Instant::now();
        self.press(keys);
        self.wait(task, |far| far.screen.screen().contents().contains(seen));
        let (bytes_now, frames_now) = self.so_far();
        self.rows.push(Row {
            task: task.to_owned(),
            keys: keys.len(),
            bytes: bytes_now - bytes,
            frames: frames_now - frames,
            took: begun.elapsed() * better(),
        });
    }

    fn press(&self, keys: &[u8]) {
        for key in keys {
            self.keyboard.send((Instant::now() + self.delay, vec![*key])).unwrap();
            // A person's pace: faster than that is a paste.
            std::thread::sleep(Duration::from_millis(60));
        }
    }

    /// Presses what a newcomer presses here by mistake, reads what the screen says to that, and goes back.
    #[track_caller]
    fn wrong_turn(&self, step: &Step, before: &str) {
        let turn = &step.wrong;
        self.press(&turn.keys);
        let shows = |far: &Far, text: &str| far.screen.screen().contents().contains(text);
        self.wait(&format!("{}: it says {:?}", step.to, turn.said), |far| {
            shows(far, &turn.said)
        });
        self.press(&turn.back);
        let is_over = |far: &Far| turn.back.is_empty() || !shows(far, &turn.said);
        self.wait(&format!("{}: back again", step.to), |far| {
            is_over(far) && shows(far, before)
        });
    }

    /// The last key; and the console ends.
    #[track_caller]
    fn leave(&mut self, keys: &[u8]) {
        self.press(keys);
        let code = pty_support::eventually("the console ends", || self.child.try_wait().unwrap());
        assert_eq!(code.exit_code(), 0);
    }

    #[track_caller]
    fn wait(&self, what: &str, is_so: impl Fn(&Far) -> bool) {
        let end = Instant::now() + Duration::from_secs(90);
        let (lock, news) = &*self.far;
        let mut far = lock.lock().unwrap();
        while !is_so(&far) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "never {what}; the screen:\n{}",
                far.screen.screen().contents()
            );
            far = news.wait_timeout(far, left).unwrap().0;
        }
    }

    fn so_far(&self) -> (usize, usize) {
        let far = self.far.0.lock().unwrap();
        (far.bytes.len(), far.frames)
    }

    fn print(&self) {
        println!(
            "{:<34} {:>4} {:>6} {:>6} {:>8}",
            "task", "keys", "bytes", "frames", "time"
        );
        for row in &self.rows {
            let (keys, took) = (row.keys, row.took.as_secs_f64());
            println!(
                "{:<34} {keys:>4} {:>6} {:>6} {took:>6.1} s",
                row.task, row.bytes, row.frames
            );
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is seen once a step is done, whose keys stand in the README.
const SEEN: [(&str, &str); 13] = [
    ("find the worst problem", "ImagePullBackOff     → r"),
    ("open its runbook", "quota, not nodes"),
    ("read the cause, go on", "revisions kept"),
    ("see what changed, go on", "released now"),
    ("come to the step that acts", "Roll back deployment cortex/"),
    ("make the plan", "holds until"),
    ("change nothing", "▸ ↵ plan"),
    ("go back to the deck", "╭ 1 Pods"),
    ("filter the pods", "/web "),
    ("read logs", "· logs"),
    ("go back to the pods", "╭ 1 Pods"),
    ("copy a command", "command sent to"),
    ("leave", "Quit"),
];

/// What all cells of a screen of 80×24 cost at most, about.
const SCREEN: usize = 4_000;

#[test]
fn the_tour_of_the_readme_over_a_bad_link() {
    let (servers, home) = (Servers::start(), Home::new());
    let mut link = Link::open(&Start::on(&servers, &home));
    let (steps, figures) = (tour(), figures());
    let (last, steps) = steps.split_last().unwrap();
    let names: Vec<&str> = steps.iter().map(|s| s.to.as_str()).collect();
    assert_eq!(names, SEEN.map(|(to, _)| to), "the README's tour");
    assert_eq!(
        names,
        figures.iter().map(|f| f.to.as_str()).collect::<Vec<_>>(),
        "its figures"
    );
    for (step, (to, seen)) in steps.iter().zip(SEEN) {
        link.task(to, &step.keys, seen);
    }
    link.print();
    assert_eq!(servers.mutating(), 0);
    link.leave(&last.keys);
    // However slow the wire, what a key did is seen after one frame in front of it at most, and what does not come in one
    // step comes in the next. A queue of stale frames would show as a multiple of that.
    for (row, figure) in link.rows.iter().zip(&figures) {
        assert_eq!(row.keys, figure.keys, "{}: keys", row.task);
        let most = figure.bytes * 13 / 10 + SCREEN;
        assert!(row.bytes <= most, "{}: {} bytes of {most}", row.task, row.bytes);
    }
    let all: usize = link.rows.iter().map(|r| r.bytes).sum();
    let told: usize = figures.iter().map(|f| f.bytes).sum();
    assert!(all <= told * 3 / 2, "{all} bytes in all, where {told} are told");
}

#[test]
fn a_wrong_turn_on_the_tour_says_where_it_led_and_one_key_leads_back() {
    let (servers, home) = (Servers::start(), Home::new());
    let mut link = Link::open(&Start::on(&servers, &home));
    let steps = tour();
    let (last, steps) = steps.split_last().unwrap();
    // Nothing is pressed to find the worst problem: the turn is taken from there.
    let mut before = SEEN[0].1;
    link.task(&steps[0].to, &[], before);
    for (step, (to, seen)) in steps.iter().zip(SEEN) {
        link.wrong_turn(step, before);
        link.task(to, &step.keys, seen);
        before = seen;
    }
    assert_eq!(servers.mutating(), 0);
    link.wrong_turn(last, before);
    link.leave(&last.keys);
}

#[test]
fn a_terminal_that_takes_nothing_more_holds_up_neither_the_console_nor_its_end() {
    let (servers, home) = (Servers::start(), Home::new());
    let start = Start::on(&servers, &home);
    let size = PtySize {
        rows: 40,
        cols: 120,
        pixel_width: 0,
        pixel_height: 0,
    };
    let pair = native_pty_system().openpty(size).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_qd"));
    command.args(&start.args);
    command.env_clear();
    command.cwd(home.path());
    command.env("TERM", "xterm-256color");
    command.env("HOME", home.path());
    command.env("USER", "ops");
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let mut keyboard = pair.master.take_writer().unwrap();
    // Nobody reads. The console fills what room there is with whole pictures of itself, and goes on.
    let session = || home.journal_text().contains("session_start");
    pty_support::eventually("it is connected", || session().then_some(()));
    for _ in 0..200 {
        keyboard.write_all(b"\x0c").unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    // It hears that the terminal is not wanted any more.
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(i32::try_from(child.process_id().unwrap()).unwrap()).unwrap(),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    // Leaving writes the last bytes: room for them comes with whoever reads.
    let mut reader = pair.master.try_clone_reader().unwrap();
    std::thread::spawn(move || {
        let mut all = Vec::new();
        let _ = reader.read_to_end(&mut all);
    });
    let code = pty_support::eventually("the console ends", || child.try_wait().unwrap());
    assert_eq!(code.exit_code(), 0);
}
