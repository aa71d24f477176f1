//! A program that has the terminal for a while: the pager, a shell in a container. The loop goes on beneath it, so that
//! feeds, changes under way and the journal do not wait; only input and drawing do.
//!
//! Nothing is run by a shell: `$PAGER` is split into words (quotes and backslashes as in a shell, and no more).

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinHandle;

use super::exec;
use super::performer::Performer;
use super::screen::Painter;
use crate::app::msg::PagerOf;
use crate::app::{App, Notice};

/// What the program is for, and so what becomes of its end.
pub enum For {
    Pager,
    Exec(Box<exec::Opened>),
}

/// Of what a program said on its standard error, the end is kept: so many bytes of it, and one line of so many characters.
const KEPT: usize = 4096;
const LINE: usize = 300;

/// The program that has the terminal.
pub struct Attached {
    child: Child,
    what: For,
    /// The last that it said on its standard error, where that goes through us: once the screen is back, nobody sees it.
    last_words: Option<JoinHandle<String>>,
}

impl Attached {
    /// Ends it: the console leaves.
    pub async fn end(mut self) {
        let _ = self.child.kill().await;
        if let For::Exec(opened) = &self.what {
            opened.ended("ended with the console", None);
        }
    }

    /// What is said when the terminal is ours again. Of a shell its end is on record by then.
    pub async fn said_at_end(mut self, ended: io::Result<ExitStatus>) -> Option<Notice> {
        let code = ended.as_ref().ok().and_then(ExitStatus::code);
        let mut words = match (&ended, code) {
            (_, Some(code)) => format!("exit {code}"),
            (Ok(_), None) => "ended by a signal".to_owned(),
            (Err(why), _) => format!("its end is not known: {why}"),
        };
        let mut note: fn(String) -> Notice = Notice::info;
        if code != Some(0)
            && let Some(said) = self.last_words.take()
            // Something that it started may hold the pipe open.
            && let Ok(Ok(said)) = tokio::time::timeout(Duration::from_millis(200), said).await
            && !said.is_empty()
        {
            words = format!("{words}: {said}");
            note = Notice::error;
        }
        match self.what {
            For::Pager if code == Some(0) => None,
            For::Pager => Some(Notice::error(format!("the pager: {words}"))),
            For::Exec(opened) => {
                opened.ended(&words, code);
                Some(note(format!("shell in {}, on record: {words}", opened.name())))
            }
        }
    }

    pub fn start(mut command: Command, what: For) -> io::Result<Self> {
        let mut child = command.kill_on_drop(true).spawn()?;
        let last_words = child.stderr.take().map(|pipe| tokio::spawn(overhear(pipe)));
        Ok(Self {
            child,
            what,
            last_words,
        })
    }
}

/// Passes on what the program says on its standard error, and keeps the last line of it. That the command in the container
/// ended badly is no news: its exit code says so.
async fn overhear(mut pipe: ChildStderr) -> String {
    let (mut tail, mut buffer) = (Vec::new(), [0; 1024]);
    let mut terminal = tokio::io::stderr();
    while let Ok(n @ 1..) = pipe.read(&mut buffer).await {
        let piece = buffer.get(..n).unwrap_or_default();
        let _ = terminal.write_all(piece).await;
        let _ = terminal.flush().await;
        tail.extend_from_slice(piece);
        tail.drain(..tail.len().saturating_sub(KEPT));
    }
    let text = String::from_utf8_lossy(&tail);
    let news = |line: &&str| !line.is_empty() && !line.starts_with("command terminated with exit code");
    let last = text.lines().map(str::trim).rfind(news).unwrap_or_default();
    crate::text::clean(last).chars().take(LINE).collect()
}

/// Waits for the end of the program that has the terminal; for ever where there is none.
pub async fn end_of(attached: &mut Option<Attached>) -> io::Result<ExitStatus> {
    match attached {
        Some(program) => program.child.wait().await,
        None => std::future::pending().await,
    }
}

/// Gives the terminal to what asked for it, if something did.
pub async fn lend(painter: &mut Painter, performer: &mut Performer, app: &App) -> Option<Result<Attached, String>> {
    if let Some(of) = performer.pager.take() {
        let text = match of {
            PagerOf::Text { title, text } => format!("{title}\n\n{text}"),
            PagerOf::Screen => crate::ui::page(app)?.1,
        };
        painter.suspend();
        return Some(pager(text));
    }
    let ask = performer.exec.take()?;
    let means = match performer.exec_means() {
        Ok(means) => means,
        Err(why) => return Some(Err(format!("shell: {why}"))),
    };
    let grant = performer.link.grant()?;
    let opened = exec::open(grant, ask, means, || painter.suspend()).await;
    Some(opened.map_err(|why| format!("shell: {why}")))
}

/// The words of a command line, as a shell would read them without its substitutions.
///
/// # Errors
/// A quote that is not closed, or nothing at all.
pub fn words(line: &str) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => {
                let next = chars.next().ok_or("it ends with a backslash")?;
                word.get_or_insert_default().push(next);
            }
            (None, c) if c.is_whitespace() => all.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if let Some(open) = quote {
        return Err(format!("a {open} is not closed"));
    }
    all.extend(word);
    if all.is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(all)
}

/// Starts the pager with this text.
///
/// # Errors
/// Why it could not be started, in words.
pub fn pager(text: String) -> Result<Attached, String> {
    let asked = std::env::var("PAGER").ok().filter(|p| !p.trim().is_empty());
    let asked_for = match &asked {
        Some(line) => vec![words(line).map_err(|why| format!("PAGER is `{line}`: {why}"))?],
        None => vec![vec!["less".to_owned()], vec!["more".to_owned()]],
    };
    let mut failed = String::new();
    for argv in asked_for {
        let Some((program, args)) = argv.split_first() else {
            continue;
        };
        // A text that fits the screen must stay until it was read: less may have been told otherwise.
        let less = std::env::var("LESS").unwrap_or_default();
        let mut command = Command::new(program);
        command
            .args(args)
            .env("LESSSECURE", "1")
            .env("LESS", format!("{less} -+F -+E -+e"))
            .stdin(Stdio::piped());
        match Attached::start(command, For::Pager) {
            Ok(mut attached) => {
                if let Some(mut pipe) = attached.child.stdin.take() {
                    // Who leaves the pager early leaves the rest unread.
                    tokio::spawn(async move { pipe.write_all(text.as_bytes()).await });
                }
                return Ok(attached);
            }
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                failed = format!("{program} is not installed: install less, or set PAGER to a program that is");
            }
            Err(why) => failed = format!("{program} cannot be started: {why}"),
        }
    }
    Err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pager_is_split_into_words_and_nothing_is_substituted() {
        let split = |line: &str| words(line).unwrap();
        assert_eq!(split("less -R"), ["less", "-R"]);
        assert_eq!(
            split(r#"  "my pager" -p 'a b'  c\ d "" "#),
            ["my pager", "-p", "a b", "c d", ""]
        );
        assert_eq!(
            split("less $(touch /tmp/x); `id` | sh"),
            ["less", "$(touch", "/tmp/x);", "`id`", "|", "sh"]
        );
        for bad in ["", "   ", "less 'x", "less \"", "less \\"] {
            assert!(words(bad).is_err(), "{bad}");
        }
    }
}
