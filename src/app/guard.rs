//! What this console itself knows against a plan: something is being sent to the same object just now, or the same was
//! done to it a moment ago.

use jiff::SignedDuration;

use super::{Activity, App};
use crate::action::{Check, Outcome, Plan, Request};
use crate::journal::{Entry, RecordKind};
use crate::text;

/// How long after one such change the next one to the same object waits: what was done needs this long to show.
const COOLDOWNS: &[(&str, i64)] = &[
    ("restart", 300),
    ("roll-back", 300),
    ("retry-jobs", 60),
    ("renew-certificate", 600),
];

/// The checks that an incident can override: they keep people from haste, not from harm.
const OVERRIDABLE: [&str; 2] = ["freeze", "cooldown"];

fn same_object(activity: &Activity, plan: &Plan) -> bool {
    activity.place.is_same_cluster(&plan.place) && plan.steps.iter().any(|step| activity.targets.contains(&step.target))
}

/// Whether the request takes back what an activity did: that is never held up.
fn takes_back(activity: &Activity, request: &Request) -> bool {
    matches!(&activity.undo, Some(crate::action::Undo::By { request: undo, .. }) if undo == request)
}

impl App {
    /// What is being sent to an object of the plan just now.
    pub(super) fn at_work(&self, plan: &Plan) -> Option<&Activity> {
        self.activities
            .iter()
            .find(|a| a.is_live() && a.outcome.is_none() && a.id != plan.id && same_object(a, plan))
    }

    /// Checks that fail; nothing is said of those that pass.
    pub(super) fn guards(&self, plan: &Plan) -> Vec<Check> {
        let fails = |name: &str, detail: String| Check {
            name: name.to_owned(),
            passed: Some(false),
            detail,
        };
        let mut checks = Vec::new();
        if let Some(other) = self.at_work(plan) {
            checks.push(fails("others", format!("{} is under way on it", other.title)));
        }
        let name = plan.request.name();
        let wait = COOLDOWNS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, seconds)| *seconds);
        let undoes = self.activities.iter().any(|a| takes_back(a, &plan.request));
        if let Some(wait) = wait.filter(|_| !undoes) {
            let wait = SignedDuration::from_secs(wait);
            let done = |a: &&Activity| matches!(a.outcome, Some(Outcome::Applied | Outcome::Unknown(_)));
            let ago = |a: &Activity| self.now.duration_since(a.started);
            let recent = self.activities.iter().filter(done).filter(|a| a.request.name() == name);
            if let Some(ago) = recent
                .filter(|a| same_object(a, plan))
                .map(ago)
                .min()
                .filter(|ago| *ago < wait)
            {
                let detail = format!(
                    "{name} was done to it {} ago; it may be done again in {}",
                    text::age(ago),
                    text::age(wait - ago)
                );
                checks.push(fails("cooldown", detail));
            }
        }
        checks
    }

    /// Whether an open incident allows to override what holds up the plan on top; its id.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn may_override(&self) -> Result<String, String> {
        let Some(plan) = self.plan_on_screen() else {
            return Err("no plan is open".to_owned());
        };
        match plan.blocked() {
            None => return Err("nothing holds this plan up".to_owned()),
            Some(check) if !OVERRIDABLE.contains(&check.name.as_str()) => {
                return Err(format!("{} cannot be overridden", check.name));
            }
            Some(_) => {}
        }
        let context = self.place().map(|p| p.context.as_str());
        let here = |i: &&crate::journal::Incident| {
            i.is_open() && (i.context.is_empty() || context.is_none_or(|c| c == i.context))
        };
        let all = self.recorded.incidents.newest();
        let grave = |i: &&crate::journal::Incident| ["P1", "P2"].contains(&i.level.name.as_str());
        let found = all.into_iter().filter(here).find(grave);
        found.map(|incident| incident.id.clone()).ok_or_else(|| {
            format!(
                "only in a P1 or P2 incident: {} opens one",
                self.keys_for("incident.open")
            )
        })
    }

    /// What the record says of an override.
    fn override_entry(plan: &Plan, check: &Check, incident: &str, reason: &str) -> Entry {
        let mut entry = Entry::new(RecordKind::Override, check.name.clone());
        entry.plan_hash = plan.hash();
        entry.outcome = format!("{}: {}", plan.title, check.detail);
        reason.clone_into(&mut entry.reason);
        incident.clone_into(&mut entry.incident);
        entry
    }

    fn is_overridable(check: &Check) -> bool {
        check.passed == Some(false) && OVERRIDABLE.contains(&check.name.as_str())
    }

    /// Lets the plan on top go on for a reason that goes on record, where the incident allows it.
    pub(super) fn override_plan(&mut self, reason: &str) -> Vec<super::Effect> {
        let incident = match self.may_override() {
            Ok(incident) => incident,
            Err(why) => return self.complain(why),
        };
        let Some(super::Layer::Plan(layer)) = self.layers.last_mut() else {
            return Vec::new();
        };
        let super::layers::PlanState::Ready(plan) = &mut layer.state else {
            return Vec::new();
        };
        let held: Vec<Check> = plan
            .checks
            .iter()
            .filter(|c| Self::is_overridable(c))
            .cloned()
            .collect();
        for check in plan.checks.iter_mut().filter(|c| Self::is_overridable(c)) {
            check.passed = None;
            check.detail = format!("{} — overridden in {incident}", check.detail);
        }
        if layer.reason.is_empty() {
            layer.reason.set(reason);
        }
        let entries = held
            .iter()
            .map(|check| Self::override_entry(plan, check, &incident, reason));
        entries.map(|entry| super::Effect::Record(Box::new(entry))).collect()
    }

    fn plan_on_screen(&self) -> Option<&Plan> {
        match self.layers.last() {
            Some(super::Layer::Plan(plan)) => plan.plan(),
            _ => None,
        }
    }
}
