//! Steps of a runbook that ask a second person to agree: the same way as for a plan, bound to the step's text.

use super::approval::entry;
use super::bastion::ToSpool;
use super::msg::Effect;
use super::{App, RunEntry};
use crate::journal::spool::{ASK_LIFE, Ask, Seat, judge};
use crate::journal::{Entry, RecordKind, sha256};
use crate::runbook::engine::{AskId, Event, Phase};

/// A step that waits for somebody.
#[derive(Clone, Debug)]
pub(super) struct StepAsked {
    run: u64,
    ask: AskId,
    question: Ask,
}

impl App {
    /// A step of a run asks a second person to agree to this text.
    pub fn ask_for_step(&mut self, run: u64, ask: AskId, text: &str) -> Vec<Effect> {
        let missing = match &self.bastion.news {
            None => Some("no spool folder is configured ([spool] path)".to_owned()),
            Some(news) => news.trouble.clone(),
        };
        let (Some(news), None) = (&self.bastion.news, &missing) else {
            let why = missing.unwrap_or_default();
            let event = Event::ApprovalUnavailable { ask, why, solo: false };
            return self.run_event(run, event);
        };
        let me = news.me.clone();
        let number = self.next_id();
        let now = self.now;
        let Some(entry_of) = self.runs.iter().find(|r| r.number == run) else {
            return Vec::new();
        };
        let going = &entry_of.run;
        let title = going.step().map(|s| s.title.clone()).unwrap_or_default();
        let place = self.place();
        let context = place.map(|p| p.context.clone()).unwrap_or_default();
        let bound = format!("{}\n{}\n{title}\n{text}", going.book().digest, going.id());
        let question = Ask {
            v: 1,
            id: format!("{}-{number}", me.session),
            name: me.person.name.clone(),
            login: me.login,
            hash: sha256(bound.as_bytes()),
            title: format!("{}: {title}", going.book().title),
            verb: "agree".to_owned(),
            seat: Seat {
                context: context.clone(),
                server: place.map(|p| p.server.clone()).unwrap_or_default(),
                scope: place.map(|p| p.scope.label()).unwrap_or_default(),
            },
            class: self.class().map(|c| c.badge().to_owned()).unwrap_or_default(),
            risk: "step of a runbook".to_owned(),
            changes: vec![text.to_owned()],
            same_as: Vec::new(),
            impact: Vec::new(),
            warnings: Vec::new(),
            doubts: Vec::new(),
            undo: "that is up to the steps that follow".to_owned(),
            reason: format!("run {} on {}", going.id(), going.subject().name()),
            word: context,
            at: now,
            expires: now.checked_add(ASK_LIFE).unwrap_or(now),
        };
        let said = format!("asked for: {}", question.title);
        let record = entry("asked", &question.hash, said, &question.reason, String::new());
        self.bastion.steps.push(StepAsked {
            run,
            ask,
            question: question.clone(),
        });
        vec![Effect::Spool(ToSpool::Ask(Box::new(question), Box::new(record)))]
    }

    /// Until when the step of that run waits for somebody.
    pub(super) fn step_asked_until(&self, run: u64) -> Option<jiff::Timestamp> {
        self.bastion
            .steps
            .iter()
            .find(|s| s.run == run)
            .map(|s| s.question.expires)
    }

    /// Takes back what the steps of all runs ask: nobody waits for it any more.
    pub(super) fn steps_forgotten(&mut self) -> Vec<Effect> {
        let all = std::mem::take(&mut self.bastion.steps);
        let back = |s: StepAsked| Effect::Spool(ToSpool::Withdraw(s.question.id));
        all.into_iter().map(back).collect()
    }

    /// Whether the operator may pass the step of this run without the second person that it asks for.
    ///
    /// # Errors
    /// Why not.
    pub fn may_go_alone(&self, entry: &RunEntry) -> Result<(), String> {
        self.may_mutate()?;
        if !entry.run.may_be_alone() {
            return Err("this step needs no second person".to_owned());
        }
        if self.break_glass {
            Ok(())
        } else {
            Err("policy lets nobody go on alone here".to_owned())
        }
    }

    /// Breaks the glass: the run goes on without the second person, and the record says so loudly.
    pub(crate) fn step_alone(&mut self, run: u64, reason: &str) -> Vec<Effect> {
        let Some(entry_of) = self.runs.iter().find(|r| r.number == run) else {
            return Vec::new();
        };
        if let Err(why) = self.may_go_alone(entry_of) {
            return self.complain(why);
        }
        let mut entry = Entry::new(RecordKind::Override, "approve");
        entry.runbook = self.run_ref(run);
        let title = entry_of.run.step().map(|s| s.title.clone()).unwrap_or_default();
        entry.outcome = format!(
            "BREAK GLASS: went on without a second person: {}: {title}",
            entry_of.run.book().title
        );
        "alone".clone_into(&mut entry.approval);
        reason.clone_into(&mut entry.reason);
        let mut effects = vec![Effect::Record(Box::new(entry))];
        let reason = reason.to_owned();
        effects.extend(self.run_event(run, Event::Alone { reason }));
        // What was asked is taken back.
        effects.extend(self.steps_hear());
        effects
    }

    /// The question of a step did not reach the spool.
    pub(super) fn step_not_asked(&mut self, id: &str, why: &str) -> Option<Vec<Effect>> {
        let at = self.bastion.steps.iter().position(|s| s.question.id == id)?;
        let StepAsked { run, ask, .. } = self.bastion.steps.remove(at);
        let why = why.to_owned();
        Some(self.run_event(run, Event::ApprovalUnavailable { ask, why, solo: false }))
    }

    /// Takes in what was said to the steps that wait, and takes back what nobody waits for any more.
    pub(super) fn steps_hear(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        for asked in std::mem::take(&mut self.bastion.steps) {
            let StepAsked { run, ask, question } = &asked;
            let (run, ask) = (*run, *ask);
            let waits = self
                .runs
                .iter()
                .any(|r| r.number == run && matches!(r.run.phase(), Phase::Approving { ask: a } if *a == ask));
            let said = match &self.bastion.news {
                Some(news) if waits => judge(&news.me, question, &news.answers, self.now),
                _ => Ok(None),
            };
            let event = match said {
                Ok(Some(yes)) => Some(Event::Approved {
                    ask,
                    by: format!("{}: {}", yes.by(), yes.reason()),
                }),
                Err(no) => Some(Event::ApprovalRefused {
                    ask,
                    by: no.by.to_string(),
                    why: no.reason,
                }),
                Ok(None) if waits && self.now <= question.expires => None,
                Ok(None) => Some(Event::ApprovalUnavailable {
                    ask,
                    why: "nobody answered within 15 minutes".to_owned(),
                    solo: false,
                }),
            };
            match event {
                None => self.bastion.steps.push(asked),
                Some(event) => {
                    effects.push(Effect::Spool(ToSpool::Withdraw(question.id.clone())));
                    effects.extend(self.run_event(run, event));
                }
            }
        }
        effects
    }
}
