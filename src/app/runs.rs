//! Runs of runbooks within the session: facts go in, plans come out, and what became of a plan goes back in.

use std::fmt::Write as _;

use jiff::SignedDuration;

use super::layers::{ItemView, PlanLayer, PlanState, RunView};
use super::msg::Effect;
use super::{Access, Activity, App, Layer, commands, subjects};
use crate::action::{ActionId, Plan, Progress, Refusal, Request, Stage};
use crate::journal::{Entry, RecordKind, RunbookRef};
use crate::model::{Kind, ObjectRef, Place};
use crate::runbook::engine::{self, AskId, Event, Phase, Run, Start};
use crate::runbook::facts::{self, About, Facts, SignalSeen, Subject};
use crate::runbook::format::{Open, Param, ParamKind};
use crate::signal::Signal;

/// A run, and which of its questions the plan on screen answers.
#[derive(Clone, Debug)]
pub struct RunEntry {
    pub number: u64,
    pub run: Run,
    /// Where it was begun or gone on with.
    pub place: Option<Place>,
    asked: Option<Asked>,
}

impl RunEntry {
    /// A run of which no plan is on screen.
    pub(super) const fn new(number: u64, run: Run, place: Option<Place>) -> Self {
        Self {
            number,
            run,
            place,
            asked: None,
        }
    }
}

/// The change that the current step asked for.
#[derive(Clone, Copy, Debug)]
struct Asked {
    plan: ActionId,
    ask: AskId,
    /// How long verification may take and how long it must then stay good, in seconds, where the runbook says so.
    verify_for: Option<i64>,
    soak: Option<i64>,
}

impl RunEntry {
    pub fn is_live(&self) -> bool {
        !self.run.status().is_over()
    }
}

/// Whether two runs are about the same thing, whatever signal led there.
pub(super) fn same(a: &Subject, b: &Subject) -> bool {
    let known = a.workload.is_some() || a.about.is_some();
    a.about == b.about && a.workload == b.workload && (known || a.pod == b.pod)
}

impl App {
    /// The run's panel comes on top. Where it is open already, what lies over it closes: one Esc leaves it.
    pub(crate) fn show_run(&mut self, number: u64) -> Vec<Effect> {
        let is_it = |l: &Layer| matches!(l, Layer::Runbook(view) if view.run == number);
        let mut effects = Vec::new();
        if let Some(at) = self.layers.iter().position(is_it) {
            while self.layers.len() > at + 1 {
                effects.extend(self.pop_layer());
            }
        } else {
            self.layers.push(Layer::Runbook(RunView {
                run: number,
                ..RunView::default()
            }));
        }
        effects
    }

    pub(super) fn facts(&self, subject: &Subject) -> Facts {
        facts::of(&self.world, subject, self.now)
    }

    /// Starts a runbook on a subject, or comes back to the run that is under way on it.
    pub fn start_run(&mut self, book: &str, subject: Subject) -> Vec<Effect> {
        self.start_run_with(book, subject, std::collections::BTreeMap::new())
    }

    /// [`Self::start_run`] with parameters that are given from the start.
    pub(super) fn start_run_with(
        &mut self,
        book: &str,
        subject: Subject,
        params: std::collections::BTreeMap<String, String>,
    ) -> Vec<Effect> {
        let subject = self.certificate_meant(book, subject);
        let under_way = self
            .runs
            .iter()
            .find(|r| r.is_live() && r.run.book().id == book && same(r.run.subject(), &subject))
            .map(|r| r.number);
        if let Some(number) = under_way {
            return self.show_run(number);
        }
        if let Some(key) = self.waiting_run(book, &subject).filter(|_| params.is_empty()) {
            return self.resume_run(&key, None, false);
        }
        let Some(book) = self.books.get(book).cloned() else {
            return self.complain(format!("there is no runbook {book}"));
        };
        let number = self.next_id();
        let facts = self.facts(&subject);
        let start = Start {
            id: format!("{:04x}", (self.now.as_millisecond() as u64 ^ (number << 3)) & 0xffff),
            operator: self.user.clone(),
            subject,
            params,
        };
        let (run, effects) = Run::start(book, start, &facts, self.now);
        let place = self.place().cloned();
        self.runs.push(RunEntry::new(number, run, place));
        self.layers.push(Layer::Runbook(RunView {
            run: number,
            ..RunView::default()
        }));
        self.perform(number, effects)
    }

    /// An alert about a certificate leads to a runbook about that certificate.
    fn certificate_meant(&self, book: &str, subject: Subject) -> Subject {
        let Some(About::Alert { source, name }) = &subject.about else {
            return subject;
        };
        let takes = |p: &Param| p.kind == ParamKind::Thing("certificate");
        let takes_one = self.books.get(book).is_some_and(|b| b.params.iter().any(takes));
        let found = facts::certificate_of_alert(&self.world, source, name, self.server_now());
        match found.filter(|_| takes_one) {
            Some(about) => Subject {
                about: Some(about),
                ..subject
            },
            None => subject,
        }
    }

    /// What a runbook is told of the signal that it answers.
    pub(super) fn seen(&self, signal: &Signal) -> SignalSeen {
        SignalSeen {
            id: signal.id.to_owned(),
            severity: signal.severity.word().to_owned(),
            since: signal.since,
            text: signal.line(self.server_now()),
        }
    }

    /// Tells a run what happened.
    pub(crate) fn run_event(&mut self, number: u64, event: Event) -> Vec<Effect> {
        let Some(at) = self.runs.iter().position(|r| r.number == number) else {
            return Vec::new();
        };
        let Some(entry) = self.runs.get(at) else {
            return Vec::new();
        };
        let facts = self.facts(entry.run.subject());
        let now = self.now;
        let Some(entry) = self.runs.get_mut(at) else {
            return Vec::new();
        };
        let effects = entry.run.handle(event, &facts, now);
        self.dirty = true;
        self.perform(number, effects)
    }

    /// New data, or a second passed: runs that wait look again.
    pub(crate) fn runs_tick(&mut self) -> Vec<Effect> {
        let live: Vec<u64> = self.runs.iter().filter(|r| r.is_live()).map(|r| r.number).collect();
        live.into_iter().flat_map(|n| self.run_event(n, Event::Tick)).collect()
    }

    /// Performs what a run asks for.
    pub(super) fn perform(&mut self, number: u64, effects: Vec<engine::Effect>) -> Vec<Effect> {
        let mut out = Vec::new();
        for effect in effects {
            match effect {
                engine::Effect::Plan(ask) => {
                    let subject = self
                        .runs
                        .iter()
                        .find(|r| r.number == number)
                        .map(|r| r.run.subject().clone());
                    let resolved = match (self.may_mutate(), subject) {
                        (Ok(()), Some(subject)) => crate::runbook::request::resolve(&self.world, &subject, &ask),
                        (Err(why), _) => {
                            out.extend(self.run_event(number, self.cannot(ask.ask, why)));
                            continue;
                        }
                        (Ok(()), None) => Err("the run is gone".to_owned()),
                    };
                    match resolved {
                        Ok(request) => {
                            let reason = ask.reason.clone();
                            out.extend(self.plan_for_run(number, request, &reason, |plan| Asked {
                                plan,
                                ask: ask.ask,
                                verify_for: ask.verify_for,
                                soak: ask.soak,
                            }));
                        }
                        Err(why) => out.extend(self.run_event(number, Event::PlanRefused { ask: ask.ask, why })),
                    }
                }
                engine::Effect::PlanUndo {
                    ask, request, label, ..
                } => match self.may_mutate() {
                    Ok(()) => out.extend(self.plan_for_run(number, request, &label, |plan| Asked {
                        plan,
                        ask,
                        verify_for: None,
                        soak: None,
                    })),
                    Err(why) => out.extend(self.run_event(number, self.cannot(ask, why))),
                },
                engine::Effect::PlanCommand(ask) => match self.may_mutate() {
                    Ok(()) => {
                        let command = Box::new(ask.command);
                        out.extend(
                            self.plan_for_run(number, Request::Run { command }, &ask.reason, |plan| Asked {
                                plan,
                                ask: ask.ask,
                                verify_for: None,
                                soak: None,
                            }),
                        );
                    }
                    Err(why) => out.extend(self.run_event(number, self.cannot(ask.ask, why))),
                },
                engine::Effect::AskApproval { ask, text, plan } => out.push(Effect::AskApproval {
                    run: number,
                    ask,
                    text,
                    plan,
                }),
                engine::Effect::Stop { plan } => out.push(Effect::Stop(plan)),
                engine::Effect::Copy(text) => {
                    self.say("the text was sent to the terminal's clipboard");
                    out.push(Effect::Copy(text));
                }
                engine::Effect::Open(open) => out.extend(self.open_for_run(number, open)),
                engine::Effect::Record(record) => out.push(Effect::Record(Box::new(self.run_entry(number, &record)))),
            }
        }
        out
    }

    /// A change that a run asks for cannot be planned: never in a read-only console, in another for now.
    fn cannot(&self, ask: AskId, why: String) -> Event {
        match self.access {
            Access::ReadOnly { .. } => Event::Barred { ask, why },
            Access::Operator => Event::PlanRefused { ask, why },
        }
    }

    /// The line of the journal for what happened in a run.
    fn run_entry(&self, number: u64, record: &engine::Record) -> Entry {
        let mut entry = Entry::new(RecordKind::Run, record.what.name());
        entry.outcome.clone_from(&record.text);
        entry.data = self.run_data(number);
        entry.runbook = self.runs.iter().find(|r| r.number == number).map(|r| RunbookRef {
            id: r.run.book().id.clone(),
            sha256: r.run.book().digest.clone(),
            step: record.step.clone().unwrap_or_default(),
            run: record.run.clone(),
        });
        entry
    }

    fn plan_for_run(
        &mut self,
        number: u64,
        request: Request,
        reason: &str,
        asked: impl FnOnce(ActionId) -> Asked,
    ) -> Vec<Effect> {
        let effects = self.open_plan(request, Some(number));
        let id = match self.layers.last_mut() {
            Some(Layer::Plan(plan)) => {
                plan.reason.set(reason);
                plan.id
            }
            _ => return effects,
        };
        if let Some(entry) = self.runs.iter_mut().find(|r| r.number == number) {
            entry.asked = Some(asked(id));
        }
        effects
    }

    fn asked(&self, number: u64, id: ActionId) -> Option<Asked> {
        self.runs
            .iter()
            .find(|r| r.number == number)?
            .asked
            .filter(|a| a.plan == id)
    }

    /// Gives a plan the patience that the runbook asks for, before anybody sees it.
    pub(crate) fn run_paces(&self, number: u64, plan: &mut Plan) {
        let Some(asked) = self.asked(number, plan.id) else {
            return;
        };
        let seconds = |s: Option<i64>| s.and_then(|s| u64::try_from(s).ok());
        // Where a change takes no soak (a resumed rollout is verified by its field), a runbook adds none.
        let soak = seconds(asked.soak).filter(|_| plan.verify.soak_s > 0);
        let (within, soak) = (seconds(asked.verify_for), soak);
        if within.is_none() && soak.is_none() {
            return;
        }
        plan.verify.deadline_s = within.unwrap_or(plan.verify.deadline_s);
        plan.verify.soak_s = soak.unwrap_or(plan.verify.soak_s);
        let text = crate::runbook::duration_text;
        let _ = write!(
            plan.verify.text,
            "; the runbook gives it {}",
            text(plan.verify.deadline_s as i64)
        );
        if plan.verify.soak_s > 0 {
            let _ = write!(
                plan.verify.text,
                ", then {} of watching",
                text(plan.verify.soak_s as i64)
            );
        }
    }

    pub(crate) fn run_planned(
        &mut self,
        number: u64,
        id: ActionId,
        answer: &Result<Box<Plan>, Refusal>,
    ) -> Vec<Effect> {
        let Some(Asked { ask, .. }) = self.asked(number, id) else {
            return Vec::new();
        };
        let event = match answer {
            Ok(plan) => Event::PlanMade {
                ask,
                plan: id,
                title: plan.title.clone(),
            },
            // The refusal stays on screen with what may be done instead; the run hears of it when that is closed.
            Err(_) => return Vec::new(),
        };
        self.run_event(number, event)
    }

    /// The plan was closed before it was confirmed.
    pub(crate) fn run_plan_closed(&mut self, layer: &PlanLayer) -> Vec<Effect> {
        let Some(number) = layer.run else { return Vec::new() };
        let Some(Asked { ask, .. }) = self.asked(number, layer.id) else {
            return Vec::new();
        };
        let event = match &layer.state {
            PlanState::Refused(refusal) => Event::PlanRefused {
                ask,
                why: refusal.what.clone(),
            },
            PlanState::Ready(plan) if plan.no_op.is_some() => Event::PlanRefused {
                ask,
                why: plan.no_op.clone().unwrap_or_default(),
            },
            _ => Event::PlanCancelled {
                ask,
                why: "you closed the plan: nothing was changed".to_owned(),
            },
        };
        self.run_event(number, event)
    }

    /// Another plan (an alternative, or planned again) takes the place of the one that a run asked for.
    pub(crate) fn run_replanned(&mut self, number: u64, old: ActionId, new: ActionId) {
        if let Some(entry) = self.runs.iter_mut().find(|r| r.number == number)
            && let Some(asked) = &mut entry.asked
            && asked.plan == old
        {
            asked.plan = new;
        }
    }

    pub(crate) fn run_confirmed(&mut self, number: u64, plan: ActionId) -> Vec<Effect> {
        let effects = self.run_event(number, Event::Confirmed { plan });
        let recorded = self.run_record(number, "confirmed", "");
        effects.into_iter().chain(recorded).collect()
    }

    pub(crate) fn run_progress(&mut self, number: u64, activity: &Activity, stage: &Stage) -> Vec<Effect> {
        let progress = Progress {
            id: activity.id,
            at: self.now,
            stage: stage.clone(),
        };
        self.run_event(number, Event::Progress(Box::new(progress)))
    }

    fn open_for_run(&mut self, number: u64, open: Open) -> Vec<Effect> {
        let Some(subject) = self
            .runs
            .iter()
            .find(|r| r.number == number)
            .map(|r| r.run.subject().clone())
        else {
            return Vec::new();
        };
        if open == Open::Detail
            && let Some((pane, what)) = subject.about.as_ref().and_then(|a| subjects::item(&self.world, a))
        {
            self.layers.push(Layer::Item(ItemView::new(pane, what)));
            return Vec::new();
        }
        let (pod, workload) = self.pod_and_workload(&subject);
        commands::open_evidence(self, open, pod, workload)
    }

    /// The worst pod and the workload that a runbook's subject means.
    fn pod_and_workload(&self, subject: &Subject) -> (Option<ObjectRef>, Option<ObjectRef>) {
        let named = subject.pod.clone().filter(|p| self.world.pod(p).is_some());
        let worst = subject
            .workload
            .as_ref()
            .and_then(|w| self.world.workload(w))
            .and_then(|w| {
                self.world
                    .pods_of(w)
                    .min_by_key(|p| (crate::panes::pod_health(p), std::cmp::Reverse(p.restarts)))
                    .map(|p| p.meta.object(Kind::Pod))
            });
        (named.or(worst), subject.workload.clone())
    }

    /// Whether a run's panel should be drawn anew each second: something counts down.
    pub fn counting_down(&self) -> bool {
        self.runs
            .iter()
            .any(|r| r.is_live() && matches!(r.run.phase(), Phase::Waiting { .. } | Phase::Soaking { .. }))
    }

    /// How long a run has been going.
    pub fn run_age(&self, run: &Run) -> SignedDuration {
        run.ended().unwrap_or(self.now).duration_since(run.started())
    }
}
