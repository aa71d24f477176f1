//! How a queue is asked: rounds of plain commands, many queues in one pipeline.

use redis::Value;

use crate::feed::redis::Client;
use crate::feed::redis::command::Read;
use crate::feed::redis::connection::{Answer, Fault};
use crate::model::{Problem, QueueCounts, QueueSystem};

/// Commands of one pipeline: few enough that the server serves others in between.
const PIPELINE: usize = 512;
/// No queue is asked more rounds than this at one look.
const ROUNDS: usize = 40;

/// One queue at one look: asks until it knows enough.
pub(super) trait Inquiry: Send + Sync {
    /// A key that tells the node in a Cluster.
    fn home(&self) -> &str;
    /// What to ask in the next round; nothing more when empty.
    fn ask(&mut self) -> Vec<Read>;
    /// The answers to what was asked last.
    fn hear(&mut self, heard: &Heard<'_>);
    /// What it all comes to.
    fn end(self: Box<Self>) -> Reading;
}

/// What a look brought.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub system: QueueSystem,
    /// `None`: not even the depth is known; `problem` says why.
    pub counts: Option<QueueCounts>,
    pub problem: Option<Problem>,
    pub missing: Missing,
    /// Jobs ever added, as far as something counts them.
    pub added: Option<u64>,
    /// Jobs ever finished, where something counts them.
    pub finished: Option<u64>,
    /// Failed and completed in the last ten minutes, of those that are kept.
    pub failed_10m: Option<u64>,
    pub completed_10m: Option<u64>,
    /// Finished jobs older than ten minutes are still there, so the two above are all.
    pub kept: bool,
}

/// Fields that are not known, and why.
pub(super) type Missing = Vec<(&'static str, Problem)>;

/// Questions and their answers, in order.
pub(super) struct Heard<'a> {
    pub commands: &'a [Read],
    pub answers: &'a [Answer],
    pub user: Option<&'a str>,
}

impl Heard<'_> {
    /// The answer to question `n`; when it was refused, `field` is missing for that reason.
    pub fn get(&self, n: usize, field: &'static str, missing: &mut Missing) -> Option<&Value> {
        if let Ok(value) = self.answers.get(n)? {
            return Some(value);
        }
        if !missing.iter().any(|(f, _)| *f == field) {
            missing.extend(self.problem(n).map(|p| (field, p)));
        }
        None
    }

    /// Why question `n` was refused.
    pub fn problem(&self, n: usize) -> Option<Problem> {
        let (refused, command) = (self.answers.get(n)?.as_ref().err()?, self.commands.get(n)?);
        Some(refused.problem(&command.name(), command.acl(), command.key(), self.user))
    }
}

/// Asks all, round by round. A node that does not answer fails its queues and nobody else's.
pub(super) async fn conduct(client: &mut Client, inquiries: Vec<Box<dyn Inquiry>>) -> Vec<Result<Reading, Fault>> {
    let user = client.way().user().map(str::to_owned);
    let mut homes = Vec::with_capacity(inquiries.len());
    for inquiry in &inquiries {
        homes.push(client.home(inquiry.home()).await);
    }
    let mut all: Vec<Result<Box<dyn Inquiry>, Fault>> = inquiries
        .into_iter()
        .zip(&homes)
        .map(|(inquiry, home)| home.as_ref().map(|_| inquiry).map_err(Clone::clone))
        .collect();
    let mut nodes: Vec<&String> = homes.iter().filter_map(|h| h.as_ref().ok()).collect();
    nodes.sort();
    nodes.dedup();
    for node in nodes {
        let mut waiting: Vec<usize> = (0..all.len())
            .filter(|i| homes.get(*i).and_then(|h| h.as_ref().ok()) == Some(node))
            .collect();
        for _ in 0..ROUNDS {
            let mut asked: Vec<(usize, Vec<Read>)> = Vec::new();
            for i in &waiting {
                if let Some(Ok(inquiry)) = all.get_mut(*i) {
                    let commands = inquiry.ask();
                    if !commands.is_empty() {
                        asked.push((*i, commands));
                    }
                }
            }
            waiting = asked.iter().map(|(i, _)| *i).collect();
            if waiting.is_empty() {
                break;
            }
            let mut rest = asked.as_slice();
            while !rest.is_empty() {
                let mut size = 0;
                let fits = rest
                    .iter()
                    .take_while(|(_, commands)| {
                        size += commands.len();
                        size <= PIPELINE
                    })
                    .count()
                    .max(1);
                let (now_asked, later) = rest.split_at(fits.min(rest.len()));
                rest = later;
                let commands: Vec<Read> = now_asked.iter().flat_map(|(_, c)| c.iter().cloned()).collect();
                match client.read(node, &commands).await {
                    Ok(answers) => {
                        let mut answers = answers.as_slice();
                        for (i, commands) in now_asked {
                            let (mine, others) = answers.split_at(commands.len().min(answers.len()));
                            answers = others;
                            if let Some(Ok(inquiry)) = all.get_mut(*i) {
                                inquiry.hear(&Heard {
                                    commands,
                                    answers: mine,
                                    user: user.as_deref(),
                                });
                            }
                        }
                    }
                    Err(fault) => {
                        // Every other queue of this node would wait for its deadline too.
                        for i in asked.iter().map(|(i, _)| *i) {
                            if let Some(slot) = all.get_mut(i) {
                                *slot = Err(fault.clone());
                            }
                        }
                        rest = &[];
                    }
                }
            }
        }
    }
    all.into_iter().map(|i| i.map(Inquiry::end)).collect()
}
