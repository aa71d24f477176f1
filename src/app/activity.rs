//! What was done in this session and how it stands, and the short notes that come and go.

use jiff::{SignedDuration, Timestamp};

use super::msg::Notice;
use crate::action::{ActionId, Outcome, Plan, Progress, Request, Stage, Target, Undo, Verdict, is_answered};
use crate::model::Place;

/// How long a note that is no error is on the screen; the list of activities keeps it.
const SHOWN: SignedDuration = SignedDuration::from_secs(4);

/// A note in the corner. Errors stay until a key was pressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    pub notice: Notice,
    pub until: Option<Timestamp>,
}

impl Toast {
    pub fn new(notice: Notice, now: Timestamp) -> Self {
        let until = if notice.error {
            None
        } else {
            now.checked_add(SHOWN).ok()
        };
        Self { notice, until }
    }
}

/// One action on its way through the pipeline.
#[derive(Clone, Debug)]
pub struct Activity {
    pub id: ActionId,
    pub title: String,
    pub request: Request,
    /// Where it was done: an undo is only offered there.
    pub place: Place,
    pub targets: Vec<Target>,
    pub reason: String,
    pub same_as: Vec<String>,
    /// What the confirmation was bound to: every record of this change carries it.
    pub plan_hash: String,
    /// How the plan would have it taken back, whatever became of it.
    pub planned_undo: Undo,
    pub started: Timestamp,
    /// The newest sentence about it.
    pub line: String,
    /// It does not look good, though it is not over: a roll-back is offered.
    pub worrying: bool,
    pub soak_until: Option<Timestamp>,
    pub outcome: Option<Outcome>,
    pub verdict: Option<Verdict>,
    pub undo: Option<Undo>,
    pub ended: Option<Timestamp>,
    /// Nothing of it is on its way to a server any more.
    pub answered: bool,
    /// How long the verification may take, and until when that is, once it began.
    patience: SignedDuration,
    pub verify_until: Option<Timestamp>,
    /// The run of a runbook that asked for it.
    pub run: Option<u64>,
    /// Which of its steps answered so far, and why it was not done where it was not.
    pub each: Vec<(usize, Option<String>)>,
}

impl Activity {
    pub fn new(plan: &Plan, reason: &str, run: Option<u64>, now: Timestamp) -> Self {
        Self {
            id: plan.id,
            title: plan.title.clone(),
            request: plan.request.clone(),
            place: plan.place.clone(),
            targets: plan.steps.iter().map(|s| s.target.clone()).collect(),
            reason: reason.to_owned(),
            same_as: plan.steps.iter().map(|s| s.same_as.clone()).collect(),
            plan_hash: plan.hash(),
            planned_undo: plan.undo.clone(),
            started: now,
            line: "recording the intent".to_owned(),
            worrying: false,
            soak_until: None,
            outcome: None,
            verdict: None,
            undo: None,
            ended: None,
            answered: false,
            patience: SignedDuration::from_secs(i64::try_from(plan.verify.deadline_s).unwrap_or(i64::MAX)),
            verify_until: None,
            run,
            each: Vec::new(),
        }
    }

    /// What became of several, in words; `None` for one.
    fn tally(&self) -> Option<String> {
        if self.request.members() < 2 {
            return None;
        }
        // One thing may take several steps.
        let things = self.targets.iter().fold(Vec::<&Target>::new(), |mut things, target| {
            if !things.contains(&target) {
                things.push(target);
            }
            things
        });
        let all = things.len();
        let (mut failed, mut untried) = (Vec::new(), Vec::new());
        for thing in things {
            match self.fate(thing) {
                Fate::Done => {}
                Fate::Failed(why) => failed.push(format!("{} ({why})", thing.name())),
                Fate::Open => untried.push(thing.name().to_owned()),
            }
        }
        let done = all - failed.len() - untried.len();
        let mut words = format!("{done} of {all} done");
        if !failed.is_empty() {
            words = format!("{words}; not done: {}", some_of(&failed));
        }
        if !untried.is_empty() {
            words = format!("{words}; {} not tried: {}", untried.len(), some_of(&untried));
        }
        if done < all {
            words.push_str("; what was not done stays marked");
        }
        Some(words)
    }

    /// What became of one of its targets so far.
    pub fn fate(&self, target: &Target) -> Fate<'_> {
        let steps = self.targets.iter().enumerate().filter(|(_, t)| *t == target);
        let mut open = false;
        for (at, _) in steps {
            match self.each.iter().find(|(step, _)| *step == at) {
                Some((_, Some(why))) => return Fate::Failed(why),
                Some((_, None)) => {}
                None => open = true,
            }
        }
        if open { Fate::Open } else { Fate::Done }
    }

    pub fn is_live(&self) -> bool {
        self.ended.is_none()
    }

    pub fn take(&mut self, progress: &Progress) {
        self.answered |= is_answered(&self.request, self.targets.len(), &progress.stage);
        match &progress.stage {
            Stage::Recorded => "intent is on record; sending".clone_into(&mut self.line),
            Stage::Executed { step, outcome } => {
                self.line = if self.targets.len() > 1 {
                    format!("{} of {}: {}", step + 1, self.targets.len(), outcome_text(outcome))
                } else {
                    outcome_text(outcome)
                };
                if self.answered {
                    self.verify_until = progress.at.checked_add(self.patience).ok();
                }
                self.outcome = Some(outcome.clone());
                self.each.push((*step, why_not(outcome)));
            }
            Stage::Verifying { text, worrying } => {
                self.line.clone_from(text);
                self.worrying = *worrying;
            }
            Stage::Output(lines) => {
                if let Some(line) = lines.iter().rev().find(|line| !line.trim().is_empty()) {
                    self.line.clone_from(line);
                }
            }
            Stage::Exited(code) => self.line = format!("exit {code}"),
            Stage::Soaking { until } => {
                "healthy; watching that it stays so".clone_into(&mut self.line);
                self.soak_until = Some(*until);
            }
            Stage::Done { outcome, verdict, undo } => {
                let tally = self.tally();
                self.line = match (&tally, verdict) {
                    (_, None) => outcome_text(outcome),
                    // Why some were not done is in the tally.
                    (Some(_), Some(verdict)) => verdict_text(verdict),
                    (None, Some(verdict)) if why_not(outcome).is_none() => verdict_text(verdict),
                    // Who does not know what happened says so once.
                    (None, Some(verdict @ Verdict::Unknown(_))) if matches!(outcome, Outcome::Unknown(_)) => {
                        verdict_text(verdict)
                    }
                    (None, Some(verdict)) => {
                        format!(
                            "only a part was done ({}); of that: {}",
                            outcome_text(outcome),
                            verdict_text(verdict)
                        )
                    }
                };
                if let Some(tally) = tally {
                    self.line = format!("{tally}. {}", self.line);
                }
                self.outcome = Some(outcome.clone());
                self.verdict.clone_from(verdict);
                self.undo.clone_from(undo);
                self.soak_until = None;
                self.worrying = false;
                self.verify_until = None;
                self.ended = Some(progress.at);
            }
        }
    }

    /// Whether it ended as wished: all of it.
    pub fn succeeded(&self) -> Option<bool> {
        self.ended?;
        Some(matches!(
            (&self.outcome, &self.verdict),
            (Some(Outcome::Applied | Outcome::NoOp), Some(Verdict::Healthy(_)) | None)
        ))
    }

    /// The undo, while it is still offered and we are where it was done. What somebody else took back needs none.
    pub fn offered_undo(&self, here: Option<&Place>, now: Timestamp) -> Option<(&str, &Request)> {
        if !here.is_some_and(|here| here.is_same_cluster(&self.place)) {
            return None;
        }
        if matches!(self.verdict, Some(Verdict::Superseded(_))) {
            return None;
        }
        let Some(Undo::By {
            label,
            request,
            valid_for_s,
        }) = &self.undo
        else {
            return None;
        };
        let ended = self.ended?;
        (now.duration_since(ended).as_secs() < *valid_for_s as i64).then_some((label.as_str(), request))
    }
}

/// What became of one of several things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate<'a> {
    Done,
    /// Why it was not done.
    Failed(&'a str),
    /// Not all of it was tried so far.
    Open,
}

/// As many are named; the others are counted.
const NAMED: usize = 5;

fn some_of(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let first: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    match more {
        0 => first.join(", "),
        _ => format!("{} and {more} more", first.join(", ")),
    }
}

/// Why it was not done, without a word about what to do; `None`: it was.
fn why_not(outcome: &Outcome) -> Option<String> {
    Some(match outcome {
        Outcome::Applied | Outcome::NoOp => return None,
        Outcome::Skipped(why)
        | Outcome::Refused(why)
        | Outcome::Conflict(why)
        | Outcome::Unknown(why)
        | Outcome::NotRecorded(why) => why.clone(),
        Outcome::Throttled(_) => "the server is overloaded".to_owned(),
    })
}

/// The outcome as a sentence.
pub fn outcome_text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Applied => "applied; waiting for it to take effect".to_owned(),
        Outcome::NoOp => "nothing changed: it already was so".to_owned(),
        Outcome::Skipped(why) => format!("not done: the server skipped it ({why})"),
        Outcome::Refused(why) => format!("refused: {why}"),
        Outcome::Conflict(why) => format!("not sent on: {why}. Plan again"),
        Outcome::Throttled(0) => "the server is overloaded: try again shortly".to_owned(),
        Outcome::Throttled(s) => format!("the server is overloaded: try again in {s} s"),
        Outcome::Unknown(why) => format!("outcome unknown: {why}"),
        Outcome::NotRecorded(why) => format!("not sent: the journal cannot be written ({why})"),
    }
}

/// The verdict as a sentence.
pub fn verdict_text(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Healthy(text) => text.clone(),
        Verdict::Failed(why) => format!("failed: {why}"),
        Verdict::Superseded(who) => format!("superseded: {who}"),
        Verdict::Lost(what) => format!("lost: {what}"),
        Verdict::Paused => "paused: nothing rolls out until it is resumed".to_owned(),
        Verdict::Unknown(why) => format!("cannot tell: {why}"),
    }
}
