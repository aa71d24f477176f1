//! What was left unfinished: runs of runbooks that did not end, and changes of which nobody knows whether they happened.
//!
//! All of it comes from the record. Nothing here is done again by itself: a run is gone on with when somebody says so, and
//! what became of a change is said by somebody who looked.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::json;

use super::layers::{Question, QuestionFor, RunView, UnfinishedView};
use super::msg::{Effect, Notice};
use super::runs::same;
use super::{Access, App, Layer, RunEntry};
use crate::action::Undo;
use crate::journal::replay::{Fate, Intent, Replay, RunLeft};
use crate::journal::{Entry, News, RecordKind};
use crate::runbook::engine::{Came, Return, Run, Saved};
use crate::runbook::facts::Subject;

/// What was left longer ago is history, and only in the record.
const RECENT: SignedDuration = SignedDuration::from_hours(7 * 24);

#[derive(Clone, Debug, Default)]
pub struct Unfinished {
    pub replay: Replay,
    /// Consoles that live, and who sits here. Unknown until it was asked once.
    alive: Option<BTreeSet<String>>,
    pub me: String,
    asked: BTreeSet<String>,
    /// In the order in which they are shown.
    pub items: Vec<Item>,
    told: bool,
    /// Runs whose record was changed after it was written: nobody goes on from that.
    broken: BTreeSet<String>,
    /// The run that is being taken into our hands.
    taking: Option<Taking>,
}

/// Something unfinished, by its identity in the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// By [`RunLeft::key`]; whether the console that has it lives.
    Run { key: String, alive: bool },
    /// By the hash of the intent.
    Change(String),
}

#[derive(Clone, Debug)]
struct Taking {
    key: String,
    /// Why it is taken from somebody else; none for one's own.
    reason: Option<String>,
    /// The runbook was changed meanwhile, and is gone on with all the same.
    changed: bool,
}

impl App {
    /// Records came in.
    pub(super) fn unfinished_news(&mut self, news: &News) -> Vec<Effect> {
        for record in &news.records {
            self.unfinished.replay.take(record);
        }
        self.unfinished.broken.extend(news.broken_runs.iter().cloned());
        self.recount();
        self.ask_who_lives()
    }

    /// Asks which of the consoles that left something live, when there is one that was not asked about.
    fn ask_who_lives(&mut self) -> Vec<Effect> {
        if matches!(self.access, Access::ReadOnly { .. }) {
            return Vec::new();
        }
        let replay = &self.unfinished.replay;
        let runs = replay.unfinished().into_iter().map(|r| r.session.clone());
        let changes = replay.unanswered().into_iter().map(|i| i.session.clone());
        let sessions: BTreeSet<String> = runs.chain(changes).collect();
        if sessions == self.unfinished.asked {
            return Vec::new();
        }
        self.unfinished.asked.clone_from(&sessions);
        vec![Effect::Alive(sessions)]
    }

    /// Asks again: a console may have ended meanwhile.
    pub(crate) fn look_again(&mut self) -> Vec<Effect> {
        self.unfinished.asked.clear();
        self.ask_who_lives()
    }

    /// A console that had a run may have ended meanwhile.
    pub(super) fn look_again_at_what_is_left(&mut self) -> Vec<Effect> {
        if self.unfinished.items.is_empty() {
            return Vec::new();
        }
        self.look_again()
    }

    pub(super) fn alive(&mut self, me: String, sessions: BTreeSet<String>) -> Vec<Effect> {
        self.unfinished.me = me;
        self.unfinished.alive = Some(sessions);
        self.recount();
        let left = self.left_behind();
        if left > 0 && !std::mem::replace(&mut self.unfinished.told, true) {
            let text = self.unfinished_line().unwrap_or_default();
            self.toast(Notice::info(text));
        }
        self.dirty = true;
        Vec::new()
    }

    /// Finds out anew what is unfinished here: on this cluster, of the last days, and not under way in this console.
    pub(super) fn recount(&mut self) {
        let items = self.unfinished_items();
        self.dirty |= items != self.unfinished.items;
        self.unfinished.items = items;
    }

    fn unfinished_items(&self) -> Vec<Item> {
        let (Some(place), Some(alive)) = (self.place(), &self.unfinished.alive) else {
            return Vec::new();
        };
        let here = |context: &str, server: &str| (context, server) == (place.context.as_str(), place.server.as_str());
        let recent = |at| self.now.duration_since(at) < RECENT;
        let replay = &self.unfinished.replay;
        let changes = replay.unanswered().into_iter().filter(|i| {
            let in_flight = self.activities.iter().any(|a| a.is_live() && a.plan_hash == i.plan);
            let target = i.target.as_ref();
            target.is_some_and(|t| here(&t.context, &t.server))
                && recent(i.at)
                && !in_flight
                && !alive.contains(&i.session)
        });
        let runs = replay.unfinished().into_iter().filter(|r| {
            let ours = self.runs.iter().any(|own| own.is_live() && own.run.id() == r.book.run);
            r.touched && here(&r.context, &r.server) && recent(r.last) && !ours
        });
        let run = |r: &RunLeft| Item::Run {
            key: r.key.clone(),
            // What was handed over or let go is in nobody's hands.
            alive: r.to.is_none() && !r.released && alive.contains(&r.session),
        };
        changes
            .map(|i| Item::Change(i.hash.clone()))
            .chain(runs.map(run))
            .collect()
    }

    /// Our own run of this runbook on this subject that waits for somebody to go on with it, by its key.
    pub(super) fn waiting_run(&self, book: &str, subject: &Subject) -> Option<String> {
        self.may_mutate().ok()?;
        let (place, alive) = (self.place()?, self.unfinished.alive.as_ref()?);
        let replay = &self.unfinished.replay;
        let waits = |r: &&RunLeft| {
            let here = (&r.context, &r.server) == (&place.context, &place.server);
            let ours = r.who == self.unfinished.me && r.to.is_none();
            let free = r.released || !alive.contains(&r.session);
            let can_go_on = !self.unfinished.broken.contains(&r.key) && self.undecided_change(r).is_none();
            let about = || serde_json::from_value::<Saved>(r.saved.clone()).is_ok_and(|s| same(&s.subject, subject));
            let recent = self.now.duration_since(r.last) < RECENT;
            r.book.id == book && here && ours && free && recent && can_go_on && about()
        };
        replay.unfinished().into_iter().find(waits).map(|r| r.key.clone())
    }

    /// How much of it nobody has in hand.
    pub fn left_behind(&self) -> usize {
        let free = |item: &&Item| !matches!(item, Item::Run { alive: true, .. });
        self.unfinished.items.iter().filter(free).count()
    }

    /// The first of what nobody has in hand, in one line.
    pub fn unfinished_line(&self) -> Option<String> {
        let mut free = self
            .unfinished
            .items
            .iter()
            .filter(|i| !matches!(i, Item::Run { alive: true, .. }));
        let text = match free.next()? {
            Item::Run { key, .. } => self.run_line(self.unfinished.replay.run_of(key)?),
            Item::Change(hash) => change_line(self.unfinished.replay.intent_of(hash)?),
        };
        Some(match free.count() {
            0 => text,
            more => format!("{text}; {more} more"),
        })
    }

    /// `Worker backlog, step 4 of 7, started 14:02Z by k.lind, on queue default`: what may be cut comes last.
    pub fn run_line(&self, run: &RunLeft) -> String {
        let started = run.started.parse::<jiff::Timestamp>().unwrap_or(run.last);
        let day = if started.strftime("%F").to_string() == self.now.strftime("%F").to_string() {
            started.strftime("%H:%MZ")
        } else {
            started.strftime("%F %H:%MZ")
        };
        let (title, subject) = (&run.title, &run.subject);
        let who = match &run.to {
            Some(to) => format!("{}, handed over to {to}", run.who),
            None => run.who.clone(),
        };
        format!(
            "{title}, step {} of {}, started {day} by {who}, on {subject}",
            run.at.min(run.of),
            run.of
        )
    }

    /// Whether something of a run waits for somebody to say what became of it.
    pub fn undecided_change(&self, run: &RunLeft) -> Option<&Intent> {
        let plan = &run.change.as_ref()?.plan;
        let replay = &self.unfinished.replay;
        replay.unanswered().into_iter().find(|i| i.plan == *plan)
    }

    pub(crate) fn unfinished_at_cursor(&self) -> Option<&Item> {
        let Some(Layer::Unfinished(view)) = self.layers.last() else {
            return None;
        };
        self.unfinished.items.get(view.cursor)
    }

    pub(crate) fn open_unfinished(&mut self) -> Vec<Effect> {
        self.layers.push(Layer::Unfinished(UnfinishedView::default()));
        self.look_again()
    }

    /// Goes on with a run; `reason`: it is taken over from somebody else.
    pub(crate) fn resume_run(&mut self, key: &str, reason: Option<String>, changed_is_fine: bool) -> Vec<Effect> {
        let Some(run) = self.unfinished.replay.run_of(key).cloned() else {
            return Vec::new();
        };
        let alive = self
            .unfinished
            .items
            .iter()
            .any(|i| matches!(i, Item::Run { key: k, alive: true } if k == key));
        if let Err(why) = self.may_mutate() {
            return self.complain(why);
        }
        if reason.is_none() && alive {
            return self.complain(format!(
                "{} has it under way in another console: {} takes it over",
                run.who,
                self.keys_for("unfinished.take")
            ));
        }
        if reason.is_none() && run.who != self.unfinished.me && run.to.is_none() {
            return self.complain(format!(
                "it is {}'s run: {} takes it over, with a reason",
                run.who,
                self.keys_for("unfinished.take")
            ));
        }
        if self.unfinished.broken.contains(key) {
            return self.complain(format!(
                "the file of its record was changed after it was written, and it is not gone on with (`qd journal verify` \
                 names the line): {} closes it with a reason, then begin anew",
                self.keys_for("unfinished.close")
            ));
        }
        if self.undecided_change(&run).is_some() {
            return self.complain("say first what became of its change: it stands in this list");
        }
        if serde_json::from_value::<Saved>(run.saved.clone()).is_err() {
            return self.complain(format!(
                "its record does not hold what it takes to go on: {} closes it with a reason",
                self.keys_for("unfinished.close")
            ));
        }
        let Some(book) = self.books.get(&run.book.id) else {
            return self.complain(format!(
                "there is no runbook {} here any more: {} closes the run",
                run.book.id,
                self.keys_for("unfinished.close")
            ));
        };
        let changed = book.digest != run.book.sha256;
        self.unfinished.taking = Some(Taking {
            key: key.to_owned(),
            reason: reason.clone(),
            changed,
        });
        if changed && !changed_is_fine {
            self.layers.push(Layer::Question(Question {
                purpose: QuestionFor::ResumeChanged,
                text: format!("{} was changed since: go on with the new text?", run.title),
                detail: "What is done stays done; steps are found by their names.".to_owned(),
                yes: "Go on".to_owned(),
                no: "Leave it".to_owned(),
                on_yes: false,
            }));
            return Vec::new();
        }
        self.take_run()
    }

    /// Takes the run that was chosen last into this console's hands.
    pub(crate) fn take_run(&mut self) -> Vec<Effect> {
        let Some(taking) = &self.unfinished.taking else {
            return Vec::new();
        };
        vec![Effect::TakeRun {
            key: taking.key.clone(),
            over: taking.reason.is_some(),
        }]
    }

    /// It is in our hands now, or not.
    pub(super) fn run_taken(&mut self, key: &str, answer: Result<(), String>) -> Vec<Effect> {
        let Some(taking) = self.unfinished.taking.take_if(|t| t.key == key) else {
            return Vec::new();
        };
        let left = self.unfinished.replay.run_of(key).cloned();
        match (answer, left) {
            (Ok(()), Some(left)) => self.go_on(&left, &taking),
            (Err(why), _) => self.failed(why),
            (Ok(()), None) => Vec::new(),
        }
    }

    fn go_on(&mut self, left: &RunLeft, taking: &Taking) -> Vec<Effect> {
        let (Ok(saved), Some(book)) = (
            serde_json::from_value::<Saved>(left.saved.clone()),
            self.books.get(&left.book.id).cloned(),
        ) else {
            return Vec::new();
        };
        let facts = self.facts(&saved.subject);
        let change = left.change.as_ref().map(|change| {
            let came = came(self.unfinished.replay.fate(&change.plan));
            (came, serde_json::from_value::<Undo>(change.undo.clone()).ok())
        });
        let back = Return {
            id: left.book.run.clone(),
            operator: self.user.clone(),
            change,
            notes: left.notes.clone(),
        };
        let (run, asked) = Run::resume(book, saved, back, &facts, self.now);
        let number = self.next_id();
        let place = self.place().cloned();
        self.runs.push(RunEntry::new(number, run, place));
        self.layers.retain(|l| !matches!(l, Layer::Unfinished(_)));
        self.layers.push(Layer::Runbook(RunView {
            run: number,
            ..RunView::default()
        }));
        let mut effects = Vec::new();
        let (what, text) = match &taking.reason {
            Some(_) => ("taken-over", format!("from {}", left.who)),
            None => (
                "resumed",
                format!("after it was left at {}", left.last.strftime("%H:%M:%SZ")),
            ),
        };
        if let Some(Effect::Record(mut entry)) = self.run_record(number, what, &text) {
            entry.reason = taking.reason.clone().unwrap_or_default();
            effects.push(Effect::Record(entry));
        }
        if taking.changed {
            let mut entry = Entry::new(RecordKind::Override, "runbook-changed");
            entry.runbook = self.run_ref(number);
            "gone on with, though the runbook was changed since".clone_into(&mut entry.outcome);
            entry.data = json!({ "before": left.book.sha256 });
            effects.push(Effect::Record(Box::new(entry)));
        }
        self.recount();
        effects.extend(self.perform(number, asked));
        effects
    }

    /// Another console has it now.
    pub(super) fn run_lost(&mut self, id: &str, why: &str) -> Vec<Effect> {
        let Some(at) = self.runs.iter().position(|r| r.run.id() == id) else {
            return self.failed(why);
        };
        let lost = self.runs.remove(at);
        self.layers
            .retain(|l| !matches!(l, Layer::Runbook(view) if view.run == lost.number));
        self.recount();
        self.failed(format!("{}: {why}", lost.run.book().title))
    }

    /// Ends a run that nobody will go on with. What it changed stays.
    pub(crate) fn close_run(&mut self, key: &str, reason: String) -> Vec<Effect> {
        let Some(run) = self.unfinished.replay.run_of(key) else {
            return Vec::new();
        };
        let mut entry = Entry::new(RecordKind::Run, "closed");
        entry.runbook = Some(run.book.clone());
        entry.outcome = format!("closed where it stood, at step {} of {}", run.at.min(run.of), run.of);
        entry.reason = reason;
        entry.data = json!({
            "title": run.title, "subject": run.subject, "started": run.started, "context": run.context,
            "server": run.server, "at": run.at, "of": run.of, "step": run.step, "over": true,
        });
        vec![Effect::Record(Box::new(entry))]
    }

    /// Puts on record what somebody saw who looked what became of a change.
    pub(crate) fn decide_change(&mut self, hash: &str, happened: bool, seen: String) -> Vec<Effect> {
        let Some(intent) = self.unfinished.replay.intent_of(hash) else {
            return Vec::new();
        };
        let mut entry = Entry::new(RecordKind::Override, intent.what.clone());
        entry.target.clone_from(&intent.target);
        entry.plan_hash.clone_from(&intent.plan);
        entry.runbook.clone_from(&intent.run);
        entry.refers = Some(intent.seq);
        entry.reason = seen;
        if happened { "it happened" } else { "it did not happen" }.clone_into(&mut entry.outcome);
        entry.data = json!({ "intent": intent.hash, "happened": happened });
        vec![Effect::Record(Box::new(entry))]
    }
}

/// `unknown outcome: scale of Deployment cortex/cortex-worker, 14:05:10Z by k.lind`.
pub fn change_line(intent: &Intent) -> String {
    let target = intent
        .target
        .as_ref()
        .map(|t| format!("{} {}/{}", t.kind, t.namespace, t.name));
    format!(
        "unknown outcome: {} of {}, {} by {}",
        intent.what,
        target.unwrap_or_default(),
        intent.at.strftime("%H:%M:%SZ"),
        intent.who
    )
}

fn came(fate: Fate) -> Came {
    match fate {
        Fate::NotSent => Came::NotSent,
        Fate::Unknown(why) => Came::Unknown(why),
        Fate::Ended {
            applied,
            whole,
            outcome,
            verdict,
        } => Came::Ended {
            applied,
            whole,
            outcome,
            verdict,
        },
    }
}
