//! What the console puts on record by itself: plans that were looked at or given up, undos, and where a run stands.

use serde_json::{Value, json};

use super::App;
use super::msg::Effect;
use crate::action::{Plan, Undo};
use crate::journal::{Entry, RecordKind, RunbookRef, Target};
use crate::runbook::engine::Status;

impl App {
    /// The run's runbook and current step.
    pub(crate) fn run_ref(&self, number: u64) -> Option<RunbookRef> {
        let run = &self.runs.iter().find(|r| r.number == number)?.run;
        Some(RunbookRef {
            id: run.book().id.clone(),
            sha256: run.book().digest.clone(),
            step: run.step().map(|s| s.id.clone()).unwrap_or_default(),
            run: run.id().to_owned(),
        })
    }

    /// A record on a run as a whole, with what it takes to go on from here.
    pub(crate) fn run_record(&self, number: u64, what: &str, text: &str) -> Option<Effect> {
        let mut entry = Entry::new(RecordKind::Run, what);
        entry.runbook = Some(self.run_ref(number)?);
        text.clone_into(&mut entry.outcome);
        entry.data = self.run_data(number);
        Some(Effect::Record(Box::new(entry)))
    }

    /// Where a run stands, and what it takes to go on from there: [`crate::journal::replay::RunLeft`] reads it.
    pub(super) fn run_data(&self, number: u64) -> Value {
        let Some(entry) = self.runs.iter().find(|r| r.number == number) else {
            return Value::Null;
        };
        let run = &entry.run;
        let saved = run.saved();
        let over = matches!(
            run.status(),
            Status::Completed | Status::RolledBack | Status::ChangesLeft(_) | Status::Aborted(_)
        );
        let place = entry.place.as_ref().or(self.place());
        let mut data = json!({
            "title": run.book().title, "subject": run.subject().name(), "started": saved.started, "over": over,
            "context": place.map(|p| &p.context), "server": place.map(|p| &p.server),
            "at": run.current() + 1, "of": run.book().steps.len(),
            "step": run.step().map(|s| &s.title),
        });
        let change = run
            .changing()
            .and_then(|id| self.activities.iter().find(|a| a.id == id));
        if let Some(map) = data.as_object_mut() {
            if let Some(activity) = change {
                let undo = match &activity.planned_undo {
                    by @ Undo::By { .. } => serde_json::to_value(by).unwrap_or_default(),
                    Undo::Nothing { .. } => Value::Null,
                };
                let change = json!({ "plan": activity.plan_hash, "title": activity.title, "undo": undo });
                map.insert("change".to_owned(), change);
            }
            if let Status::HandedOver(to) = run.status() {
                map.insert("to".to_owned(), to.clone().into());
            }
            if !over {
                map.insert("saved".to_owned(), serde_json::to_value(saved).unwrap_or_default());
            }
        }
        data
    }

    /// That a plan was looked at, or closed before it was confirmed.
    pub(super) fn plan_record(&self, kind: RecordKind, plan: &Plan, run: Option<u64>) -> Option<Effect> {
        let step = plan.steps.first()?;
        let mut entry = Entry::new(kind, plan.request.name());
        entry.target = Some(Target {
            context: plan.place.context.clone(),
            server: plan.place.server.clone(),
            kind: step.target.kind().to_owned(),
            namespace: step.target.namespace(),
            name: step.target.name().to_owned(),
            uid: step.target.id().to_owned(),
        });
        entry.plan_hash = plan.hash();
        entry.runbook = run.and_then(|run| self.run_ref(run));
        entry.outcome.clone_from(&plan.title);
        entry.data = match (kind, &plan.no_op, plan.blocked()) {
            (RecordKind::Abort, ..) => json!({ "why": "the plan was closed before it was confirmed" }),
            (_, Some(why), _) => json!({ "risk": plan.risk, "nothing_to_do": why }),
            (_, None, Some(check)) => json!({ "risk": plan.risk, "refused_by": check.name }),
            _ => json!({ "risk": plan.risk, "steps": plan.steps.len() }),
        };
        Some(Effect::Record(Box::new(entry)))
    }

    /// That a plan that was confirmed takes back an earlier change of this session, and which.
    pub(crate) fn undo_record(&self, plan: &Plan, run: Option<u64>) -> Option<Effect> {
        let undone = self
            .activities
            .iter()
            .rev()
            .find(|a| matches!(&a.undo, Some(Undo::By { request, .. }) if *request == plan.request))?;
        let Effect::Record(mut entry) = self.plan_record(RecordKind::Undo, plan, run)? else {
            return None;
        };
        entry.data = json!({ "undoes": undone.plan_hash, "what": undone.title });
        Some(Effect::Record(entry))
    }
}
