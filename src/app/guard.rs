//! What the consoles of this machine know against a plan: something is being sent to the same object just now, or the same
//! was done to it a moment ago, here or in somebody else's hands.

use jiff::SignedDuration;

use super::activity::Fate;
use super::{Activity, App};
use crate::action::{Check, Outcome, Plan, PlanStep, Request};
use crate::journal::recent::{self, Deed};
use crate::journal::{Entry, RecordKind, Target};
use crate::model::Place;
use crate::text;

/// How long after one such change the next one to the same object waits: what was done needs this long to show.
const COOLDOWNS: &[(&str, i64)] = &[
    ("restart", 300),
    ("roll-back", 300),
    ("retry-jobs", 60),
    ("renew-certificate", 600),
];

/// More deeds are not told to the others.
const MOST_DEEDS: usize = 32;

/// The checks that an incident can override: they keep people from haste, not from harm.
const OVERRIDABLE: [&str; 2] = ["freeze", "cooldown"];

fn same_object(activity: &Activity, plan: &Plan) -> bool {
    activity.place.is_same_cluster(&plan.place) && plan.steps.iter().any(|step| activity.targets.contains(&step.target))
}

/// As the journal names an object.
fn target(place: &Place, target: &crate::action::Target) -> Target {
    Target {
        context: place.context.clone(),
        server: place.server.clone(),
        kind: target.kind().to_owned(),
        namespace: target.namespace(),
        name: target.name().to_owned(),
        uid: target.id().to_owned(),
    }
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
            .find(|a| a.is_live() && !a.answered && a.id != plan.id && same_object(a, plan))
    }

    /// What is being sent to an object of the plan by another console of this machine, in words.
    pub(super) fn others_at_work(&self, plan: &Plan) -> Option<String> {
        let others = self.others_deeds(plan);
        let sent = others.iter().find(|(_, deed)| deed.is_under_way(self.now));
        sent.map(|(who, deed)| {
            format!(
                "{who} sent {} to it {} ago ({}), and no answer is on record yet",
                deed.what,
                text::age(self.now.duration_since(deed.at)),
                deed.at.strftime("%H:%M:%SZ")
            )
        })
    }

    /// What other consoles of this machine did to objects of the plan in the last minutes, and who: as the journals of
    /// this state folder have it, and as those who are here say in the spool.
    fn others_deeds(&self, plan: &Plan) -> Vec<(String, Deed)> {
        let mut deeds: Vec<(String, Deed)> = Vec::new();
        for step in &plan.steps {
            let target = target(&plan.place, &step.target);
            deeds.extend(
                self.recorded
                    .recent
                    .of(&target)
                    .map(|(who, d)| (who.to_owned(), d.clone())),
            );
            for here in self.bastion.present().iter().filter(|p| !self.bastion.is_me(p)) {
                let of = here.what().deeds.iter().filter(|d| d.is_of(&target));
                deeds.extend(of.map(|d| (text::clean(&here.by().to_string()).into_owned(), d.clone())));
            }
        }
        deeds.retain(|(_, deed)| !self.activities.iter().any(|own| own.plan_hash == deed.plan));
        deeds
    }

    /// What this console sent in the last minutes, for the others.
    pub(super) fn own_deeds(&self) -> Vec<Deed> {
        let sent = |a: &&Activity| {
            let failed =
                matches!(&a.outcome, Some(o) if !matches!(o, Outcome::Applied | Outcome::NoOp | Outcome::Unknown(_)));
            let none = a.answered && failed && a.each.iter().all(|(_, why)| why.is_some());
            !none && self.now.duration_since(a.started) < recent::KEPT
        };
        let deeds = self.activities.iter().filter(sent).flat_map(|a| {
            a.targets.iter().map(|t| Deed {
                what: a.request.name().to_owned(),
                plan: a.plan_hash.clone(),
                target: target(&a.place, t),
                at: a.started,
                answered: a.answered,
            })
        });
        deeds.take(MOST_DEEDS).collect()
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
        } else if let Some(words) = self.others_at_work(plan) {
            checks.push(fails("others", words));
        }
        let undoes = self.activities.iter().any(|a| takes_back(a, &plan.request));
        if !undoes {
            checks.extend(self.cooldown(plan).map(|detail| fails("cooldown", detail)));
        }
        checks
    }

    /// Why the plan should wait: the same was done to its object a moment ago, here or by somebody else.
    fn cooldown(&self, plan: &Plan) -> Option<String> {
        let name = plan.request.name();
        let wait = COOLDOWNS.iter().find(|(known, _)| *known == name)?.1;
        let wait = SignedDuration::from_secs(wait);
        // Of several together some may have been done though the whole was not.
        let done = |a: &Activity| {
            let whole = matches!(a.outcome, Some(Outcome::Applied | Outcome::Unknown(_)));
            let part = |step: &PlanStep| a.targets.contains(&step.target) && a.fate(&step.target) == Fate::Done;
            whole && same_object(a, plan) || a.place.is_same_cluster(&plan.place) && plan.steps.iter().any(part)
        };
        let own = self.activities.iter().filter(|a| a.request.name() == name && done(a));
        let mut all: Vec<(jiff::Timestamp, String)> = own.map(|a| (a.started, String::new())).collect();
        let others = self
            .others_deeds(plan)
            .into_iter()
            .filter(|(_, d)| d.answered && d.what == name);
        all.extend(others.map(|(who, d)| (d.at, format!(" by {who} at {}", d.at.strftime("%H:%M:%SZ")))));
        let (at, who) = all.into_iter().max_by_key(|(at, _)| *at)?;
        let ago = self.now.duration_since(at);
        (ago < wait).then(|| {
            format!(
                "{name} was done to it {} ago{who}; it may be done again in {}",
                text::age(ago),
                text::age(wait - ago)
            )
        })
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
