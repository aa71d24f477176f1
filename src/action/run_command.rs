//! Running a local command, where the policy allows it: a program with its arguments, in a process group of its own,
//! with nothing on its standard input and only what it needs of our environment. What it writes is shown line by line;
//! on record go its exit code, and the digest of all that it wrote.

use std::collections::VecDeque;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command as Process};
use tokio::sync::{mpsc, watch};

use super::command::Command;
use super::draft::{Draft, change, refuse};
use super::plan::{ActionId, Outcome, PlanStep, Refusal, Risk, Stage, Verdict, VerifySpec};
use super::sources::{Deed, Tell};
use super::target::{Program, Target};
use super::{Actor, Planner, WriteGrant};
use crate::journal::ResponseSeen;
use crate::text;

/// What of our environment a command gets: enough to find its files and to speak the operator's language.
const KEPT: [&str; 16] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "KUBECONFIG",
    "PGPASSFILE",
    "PGSERVICEFILE",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];
/// How long a command that was told to end may take before it is killed.
const GRACE: Duration = Duration::from_secs(2);
/// Lines that are shown; what comes after them is only counted.
const MOST_LINES: usize = 2_000;
/// The longest line that is shown, in bytes.
const LONGEST_LINE: usize = 4_096;

pub(super) fn draft(planner: &Planner, command: &Command) -> Result<Draft, Refusal> {
    if !planner.policy.run_steps {
        return Err(refuse(
            "local commands are off",
            "whoever keeps the configuration can allow them: run_steps = true under [policy]",
        ));
    }
    let program = find(command.program()).map_err(|why| {
        refuse(
            why,
            "install it on this machine, or do this step by hand and skip it with a reason",
        )
    })?;
    let title = format!("Run {} on this machine", command.program());
    let verify = VerifySpec {
        text: format!("exit code {} within {} s", codes(&command.ok), command.timeout_s),
        deadline_s: u64::from(command.timeout_s),
        soak_s: 0,
    };
    let mut draft = Draft::new(title, format!("Run {}", command.program()), Risk::R2, verify);
    let mut changes = vec![change("command", "", command.line())];
    changes.extend(
        command
            .env
            .iter()
            .map(|variable| change("environment", "", variable.shown())),
    );
    draft
        .impact
        .push(format!("{} as you, in a process group of its own", program.display()));
    draft.warn_seriously("the console cannot tell what a command changes, and cannot take it back");
    draft.no_undo("a command's effects are its own");
    draft.steps.push(PlanStep {
        target: Target::Program(Program {
            program: command.program().to_owned(),
        }),
        changes,
        same_as: command.line(),
        method: "EXEC".to_owned(),
        path: command.line(),
        content_type: String::new(),
        body: Value::Null,
        rests_on: identity(&program),
    });
    Ok(draft)
}

fn codes(ok: &[i32]) -> String {
    let all: Vec<String> = ok.iter().map(ToString::to_string).collect();
    all.join(" or ")
}

/// The program's file: as it is written, or in the folders of PATH.
fn find(program: &str) -> Result<PathBuf, String> {
    let runs = |path: &Path| {
        std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        let path = PathBuf::from(program);
        return if path.is_absolute() && runs(&path) {
            Ok(path)
        } else {
            Err(format!("there is no program {program} on this machine"))
        };
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders)
        // The present folder is anybody's.
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(program))
        .find(|path| runs(path))
        .ok_or_else(|| format!("there is no program {program} in the folders of PATH"))
}

/// What tells one program from another that was put in its place.
fn identity(program: &Path) -> Value {
    let found = std::fs::metadata(program);
    let seen = found.map(|m| json!([m.dev(), m.ino(), m.size(), m.mtime(), m.mtime_nsec()]));
    json!({ "program": program.display().to_string(), "file": seen.unwrap_or_default() })
}

pub(super) fn ready(actor: &Actor, id: ActionId, command: &Command, step: &PlanStep) -> Result<Box<dyn Deed>, Outcome> {
    if !actor.planner().policy.run_steps {
        return Err(Outcome::Refused("local commands are off".to_owned()));
    }
    let program = find(command.program()).map_err(Outcome::Conflict)?;
    if identity(&program) != step.rests_on {
        let why = format!(
            "{} is another file than when the plan was made: plan again",
            program.display()
        );
        return Err(Outcome::Conflict(why));
    }
    if step.path != command.line() {
        return Err(Outcome::Conflict(
            "the plan is for another command: plan again".to_owned(),
        ));
    }
    Ok(Box::new(Running {
        id,
        program,
        command: command.clone(),
        stops: actor.stops().subscribe(),
        ended: None,
    }))
}

struct Running {
    id: ActionId,
    program: PathBuf,
    command: Command,
    stops: watch::Receiver<Vec<ActionId>>,
    ended: Option<Ended>,
}

/// How it ended, and what it wrote.
struct Ended {
    code: Option<i32>,
    last: String,
    took: Duration,
}

/// A process group that is ended when nobody waits for it any more.
struct Group {
    pid: Option<Pid>,
}

impl Group {
    fn tell(&self, signal: Signal) {
        if let Some(pid) = self.pid {
            // It may be gone already.
            let _ = kill_process_group(pid, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.tell(Signal::KILL);
    }
}

/// What was read so far.
#[derive(Default)]
struct Written {
    digest: Sha256,
    bytes: u64,
    lines: usize,
    last: String,
    shown: VecDeque<String>,
    open: [Vec<u8>; 2],
}

impl Written {
    fn take(&mut self, stream: usize, bytes: &[u8]) {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        for byte in bytes {
            let Some(open) = self.open.get_mut(stream) else { return };
            if *byte == b'\n' {
                let line = std::mem::take(open);
                self.line(&line);
            } else if open.len() < LONGEST_LINE {
                open.push(*byte);
            }
        }
    }

    fn line(&mut self, bytes: &[u8]) {
        let line = text::clean(&String::from_utf8_lossy(bytes)).trim_end().to_owned();
        self.lines += 1;
        if !line.is_empty() {
            self.last.clone_from(&line);
        }
        if self.lines <= MOST_LINES {
            self.shown.push_back(line);
        }
    }

    /// Lines that end without a line's end are lines, too.
    fn close(&mut self) {
        for stream in 0..self.open.len() {
            let rest = self.open.get_mut(stream).map(std::mem::take).unwrap_or_default();
            if !rest.is_empty() {
                self.line(&rest);
            }
        }
        if self.lines > MOST_LINES {
            self.shown
                .push_back(format!("({} more lines)", self.lines - MOST_LINES));
        }
    }

    fn sum(&self) -> String {
        let hex = self
            .digest
            .clone()
            .finalize()
            .iter()
            .fold(String::new(), |mut hex, byte| {
                use std::fmt::Write as _;
                let _ = write!(hex, "{byte:02x}");
                hex
            });
        format!("{} lines, {} bytes, sha256 {hex}", self.lines, self.bytes)
    }
}

impl Running {
    fn start(&self) -> std::io::Result<Child> {
        let mut process = Process::new(&self.program);
        process
            .args(self.command.argv.iter().skip(1))
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        for name in KEPT {
            if let Some(value) = std::env::var_os(name) {
                process.env(name, value);
            }
        }
        process.env("TERM", "dumb");
        for variable in &self.command.env {
            process.env(&variable.name, variable.value.reveal());
        }
        process.spawn()
    }

    async fn follow(&mut self, mut child: Child, tell: &Tell) -> (Outcome, Option<ResponseSeen>) {
        let began = Instant::now();
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let mut group = Group { pid };
        let (sender, mut pieces) = mpsc::channel::<(usize, Vec<u8>)>(16);
        if let Some(out) = child.stdout.take() {
            tokio::spawn(read(0, out, sender.clone()));
        }
        if let Some(err) = child.stderr.take() {
            tokio::spawn(read(1, err, sender.clone()));
        }
        drop(sender);
        let mut written = Written::default();
        let mut show = tokio::time::interval(Duration::from_millis(100));
        let timeout = tokio::time::sleep(Duration::from_secs(u64::from(self.command.timeout_s)));
        tokio::pin!(timeout);
        let (id, mut stops) = (self.id, self.stops.clone());
        let mut why_ended: Option<String> = None;
        let mut kill_at: Option<tokio::time::Instant> = None;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status,
                Some((stream, bytes)) = pieces.recv() => written.take(stream, &bytes),
                _ = show.tick() => flush(&mut written, tell).await,
                () = &mut timeout, if why_ended.is_none() => {
                    why_ended = Some(format!("it was ended after {} s", self.command.timeout_s));
                    group.tell(Signal::TERM);
                    kill_at = Some(tokio::time::Instant::now() + GRACE);
                }
                true = async { stops.wait_for(|ids| ids.contains(&id)).await.is_ok() }, if why_ended.is_none() => {
                    why_ended = Some(format!("it was stopped after {} s", began.elapsed().as_secs()));
                    group.tell(Signal::TERM);
                    kill_at = Some(tokio::time::Instant::now() + GRACE);
                }
                () = until(kill_at) => {
                    group.tell(Signal::KILL);
                    kill_at = None;
                }
            }
        };
        // What it left behind in its group may hold the pipes open for ever.
        let rest = async {
            while let Some((stream, bytes)) = pieces.recv().await {
                written.take(stream, &bytes);
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), rest).await;
        if why_ended.is_none() {
            group.pid = None;
        }
        written.close();
        flush(&mut written, tell).await;
        let code = status.ok().and_then(|status| status.code());
        if let Some(code) = code {
            tell.stage(Stage::Exited(code)).await;
        }
        let seen = ResponseSeen {
            code: code.and_then(|code| u16::try_from(code).ok()).unwrap_or_default(),
            reason: code.map_or_else(|| "ended by a signal".to_owned(), |code| format!("exit {code}")),
            message: written.sum(),
            ..ResponseSeen::default()
        };
        self.ended = Some(Ended {
            code,
            last: written.last,
            took: began.elapsed(),
        });
        match why_ended {
            Some(why) => (
                Outcome::Unknown(format!("{why}: what it did until then is not known")),
                Some(seen),
            ),
            None => (Outcome::Applied, Some(seen)),
        }
    }
}

async fn until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn flush(written: &mut Written, tell: &Tell) {
    if !written.shown.is_empty() {
        tell.stage(Stage::Output(written.shown.drain(..).collect())).await;
    }
}

async fn read(stream: usize, mut from: impl AsyncRead + Unpin, to: mpsc::Sender<(usize, Vec<u8>)>) {
    let mut buffer = vec![0; 8 << 10];
    while let Ok(n) = from.read(&mut buffer).await {
        let piece = buffer.get(..n).unwrap_or_default().to_vec();
        if n == 0 || to.send((stream, piece)).await.is_err() {
            return;
        }
    }
}

impl Deed for Running {
    fn send<'a>(
        &'a mut self,
        _grant: &'a WriteGrant,
        tell: &'a Tell,
    ) -> BoxFuture<'a, (Outcome, Option<ResponseSeen>)> {
        Box::pin(async move {
            match self.start() {
                Ok(child) => self.follow(child, tell).await,
                Err(why) => (
                    Outcome::Refused(format!("{} could not be started: {why}", self.program.display())),
                    None,
                ),
            }
        })
    }

    fn verify<'a>(&'a mut self, _tell: &'a Tell) -> BoxFuture<'a, Verdict> {
        Box::pin(async move {
            let Some(ended) = &self.ended else {
                return Verdict::Unknown("it was not seen to end".to_owned());
            };
            let took = ended.took.as_secs();
            match ended.code {
                Some(code) if self.command.ok.contains(&code) => {
                    Verdict::Healthy(format!("exit {code} after {took} s"))
                }
                Some(code) => Verdict::Failed(format!("exit {code} after {took} s: {}", ended.last)),
                None => Verdict::Unknown(format!("it was ended by a signal after {took} s")),
            }
        })
    }
}
