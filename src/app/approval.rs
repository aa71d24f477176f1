//! A second person's approval. One console asks, bound to the hash of the plan on its screen; the console of another
//! user of the machine shows the whole plan and answers. Making the plan anew, closing it or confirming it takes the
//! question back.

use jiff::Timestamp;

use super::bastion::ToSpool;
use super::layers::{ApprovalLayer, PlanLayer};
use super::msg::{Effect, Notice};
use super::{App, Layer, Occasion};
use crate::action::{Check, Plan, Second, Undo, WhyNot};
use crate::journal::spool::{Answer, Approval, Ask, Me, News, Objection, Seat, Seen, judge};
use crate::journal::{Entry, RecordKind};

/// Where a plan stands with its second person.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Asking {
    #[default]
    NotAsked,
    Asked(Box<Ask>),
    /// The question stays: whoever approved may still object.
    Approved(Box<Ask>, Approval),
    Refused(Objection),
    /// The operator goes on alone, where policy lets them; why.
    Alone(String),
}

impl Asking {
    /// What the confirmation takes along.
    pub fn second(&self) -> Option<Second> {
        match self {
            Self::Approved(_, approval) => Some(Second::Approved(approval.clone())),
            Self::Alone(reason) => Some(Second::Alone { reason: reason.clone() }),
            _ => None,
        }
    }

    const fn ask(&self) -> Option<&Ask> {
        match self {
            Self::Asked(ask) | Self::Approved(ask, _) => Some(ask),
            _ => None,
        }
    }
}

/// Whether it is somebody else's question, and we did not answer it yet.
pub(super) fn waits_for_us(news: &News, ask: &Seen<Ask>) -> bool {
    let me = &news.me;
    let answered = news
        .answers
        .iter()
        .any(|a| a.by().uid == me.person.uid && a.what().ask == ask.id());
    !answered && may_answer(me, ask).is_ok()
}

/// Whether this person may be the second one.
///
/// # Errors
/// Why not.
pub fn may_answer(me: &Me, ask: &Seen<Ask>) -> Result<(), String> {
    if me.person.uid == ask.by().uid {
        return Err("you asked yourself: it takes another user of this machine".to_owned());
    }
    if me.person.uid == 0 {
        return Err("root is nobody in particular: approve as yourself".to_owned());
    }
    let same_login = me.login.is_some() && (me.login == ask.what().login || me.login == Some(ask.by().uid));
    if same_login || ask.what().login == Some(me.person.uid) {
        return Err("you logged in as the person who asks: it takes somebody else".to_owned());
    }
    Ok(())
}

/// The question about a plan.
fn question(plan: &Plan, reason: &str, me: &Me, number: u64, now: Timestamp) -> Ask {
    let several = plan.steps.len() > 1;
    let mut changes = Vec::new();
    for step in &plan.steps {
        if several {
            changes.push(step.target.to_string());
        }
        changes.extend(
            step.changes
                .iter()
                .map(|c| format!("{}: {} → {}", c.field, c.before, c.after)),
        );
    }
    let doubt = |c: &&Check| c.passed != Some(true);
    let target = plan.steps.first().map(|s| s.target.name().to_owned());
    Ask {
        v: 1,
        id: format!("{}-{number}", me.session),
        name: me.person.name.clone(),
        login: me.login,
        hash: plan.hash(),
        title: plan.title.clone(),
        verb: plan.verb.clone(),
        seat: Seat {
            context: plan.place.context.clone(),
            server: plan.place.server.clone(),
            scope: plan.place.scope.label(),
        },
        class: plan.class.badge().to_owned(),
        risk: format!("{:?}", plan.risk),
        changes,
        same_as: plan.steps.iter().map(|s| s.same_as.clone()).collect(),
        impact: plan.impact.clone(),
        warnings: plan.warnings.iter().map(|w| w.text.clone()).collect(),
        doubts: plan
            .checks
            .iter()
            .filter(doubt)
            .map(|c| format!("{}: {}", c.name, c.detail))
            .collect(),
        undo: match &plan.undo {
            Undo::By { label, .. } => label.clone(),
            Undo::Nothing { why } => format!("none: {why}"),
        },
        reason: reason.to_owned(),
        word: format!("{}/{}", plan.place.context, target.unwrap_or_default()),
        at: now,
        expires: plan.expires_at,
    }
}

pub(super) fn entry(what: &str, hash: &str, outcome: String, reason: &str, approval: String) -> Entry {
    let mut entry = Entry::new(RecordKind::Approval, what);
    hash.clone_into(&mut entry.plan_hash);
    entry.outcome = outcome;
    reason.clone_into(&mut entry.reason);
    entry.approval = approval;
    entry
}

impl App {
    fn plan_on_top(&mut self) -> Option<&mut PlanLayer> {
        match self.layers.last_mut() {
            Some(Layer::Plan(plan)) => Some(plan),
            _ => None,
        }
    }

    /// The button of a plan that nobody was asked about yet.
    pub(super) fn ask_second_person(&mut self) -> Vec<Effect> {
        let now = self.now;
        let Some(news) = &self.bastion.news else {
            return self.complain(
                "nobody can be asked: no spool folder is configured ([spool] path, the same for everybody on this machine)",
            );
        };
        if let Some(why) = &news.trouble {
            let why = format!("nobody can be asked: {why}");
            return self.complain(why);
        }
        let me = news.me.clone();
        let number = self.next_id();
        let Some(layer) = self.plan_on_top() else {
            return Vec::new();
        };
        let reason = layer.reason.text().trim().to_owned();
        if reason.is_empty() {
            layer.complaint = Some(WhyNot::NoReason);
            layer.focus_on(super::layers::PlanFocus::Reason, now);
            return Vec::new();
        }
        let Some(plan) = layer.plan() else { return Vec::new() };
        if now > plan.expires_at {
            layer.complaint = Some(WhyNot::Expired);
            return Vec::new();
        }
        let ask = question(plan, &reason, &me, number, now);
        let entry = entry(
            "asked",
            &ask.hash,
            format!("asked for: {}", ask.title),
            &reason,
            String::new(),
        );
        layer.asking = Asking::Asked(Box::new(ask.clone()));
        layer.complaint = None;
        layer.focus_on(super::layers::PlanFocus::Cancel, now);
        vec![Effect::Spool(ToSpool::Ask(Box::new(ask), Box::new(entry)))]
    }

    /// The question did not reach the spool.
    pub(super) fn not_asked(&mut self, id: &str, why: &str) -> Vec<Effect> {
        for layer in &mut self.layers {
            if let Layer::Plan(plan) = layer
                && plan.asking.ask().is_some_and(|ask| ask.id == id)
            {
                plan.asking = Asking::NotAsked;
            }
        }
        if let Some(effects) = self.step_not_asked(id, why) {
            return effects;
        }
        self.failed(format!("nobody was asked: {why}"))
    }

    /// Takes the answers to our questions in.
    pub(super) fn hear_answers(&mut self) -> Vec<Effect> {
        let (Some(news), now) = (&self.bastion.news, self.now) else {
            return Vec::new();
        };
        let (mut notices, mut effects) = (Vec::new(), Vec::new());
        for layer in &mut self.layers {
            let Layer::Plan(plan) = layer else { continue };
            let Some(ask) = plan.asking.ask().cloned() else {
                continue;
            };
            let (title, hash) = (ask.title.clone(), ask.hash.clone());
            match judge(&news.me, &ask, &news.answers, now) {
                Ok(Some(approval)) if matches!(plan.asking, Asking::Asked(_)) => {
                    let said = format!("{} approved: {title}", approval.by());
                    notices.push(Notice::info(said.clone()));
                    let by = format!("by {}", approval.by());
                    effects.push(Effect::Record(Box::new(entry(
                        "heard",
                        &hash,
                        said,
                        approval.reason(),
                        by,
                    ))));
                    plan.asking = Asking::Approved(Box::new(ask), approval);
                    plan.answered(now);
                }
                Ok(_) => {}
                Err(objection) => {
                    let said = format!("{} refused: {title}: {}", objection.by, objection.reason);
                    notices.push(Notice::error(said.clone()));
                    let by = format!("by {}", objection.by);
                    let entry = entry("heard", &hash, said, &objection.reason, by);
                    effects.push(Effect::Record(Box::new(entry)));
                    effects.push(Effect::Spool(ToSpool::Withdraw(ask.id.clone())));
                    plan.asking = Asking::Refused(objection);
                    plan.answered(now);
                }
            }
        }
        for notice in notices {
            effects.extend(self.call(Occasion::Asked, notice.text.clone()));
            self.toast(notice);
        }
        effects
    }

    /// The plan was closed before it was confirmed: a run that asked for it hears so.
    pub(crate) fn plan_closed(&mut self, plan: &PlanLayer) -> Vec<Effect> {
        let mut effects: Vec<Effect> = Self::question_over(plan).into_iter().collect();
        effects.extend(self.run_plan_closed(plan));
        effects
    }

    /// What is asked about a plan that will not be confirmed, or was, is taken back.
    pub(crate) fn question_over(plan: &PlanLayer) -> Option<Effect> {
        let ask = plan.asking.ask()?;
        Some(Effect::Spool(ToSpool::Withdraw(ask.id.clone())))
    }

    /// The operator goes on alone.
    pub(crate) fn go_alone(&mut self, reason: String) {
        let now = self.now;
        let Some(plan) = self.plan_on_top() else { return };
        if plan.plan().and_then(|p| p.second_person).is_some_and(|s| s.break_glass) {
            plan.asking = Asking::Alone(reason);
            plan.answered(now);
        }
    }

    /// Opens somebody's question.
    pub(crate) fn open_question(&mut self, ask: Seen<Ask>) {
        let may = match (self.may_answer(), self.bastion.me()) {
            (Err(why), _) => Err(why),
            (Ok(()), Some(me)) => may_answer(me, &ask),
            (Ok(()), None) => Err("there is no spool".to_owned()),
        };
        let layer = ApprovalLayer::new(ask, may, self.now);
        self.layers.push(Layer::Approval(Box::new(layer)));
    }

    /// Whether this console may answer at all.
    pub(crate) fn may_answer(&self) -> Result<(), String> {
        if let super::Access::ReadOnly { why } = &self.access {
            return Err(format!("read-only session ({why}): it approves nothing"));
        }
        match &self.journal_broken {
            Some(why) => Err(format!("the journal cannot be written: {why}")),
            None => Ok(()),
        }
    }

    /// Questions that are open on our screen and were taken back, or changed, since.
    pub(super) fn questions_renewed(&mut self) {
        let Some(news) = &self.bastion.news else { return };
        for layer in &mut self.layers {
            if let Layer::Approval(open) = layer {
                let still = news.asks.iter().any(|ask| {
                    (ask.id(), ask.by().uid, ask.digest()) == (open.ask.id(), open.ask.by().uid, open.ask.digest())
                });
                if !still && open.may.is_ok() {
                    open.may = Err("it was taken back, or its time is over".to_owned());
                    open.settle();
                }
            }
        }
    }

    /// The second person's answer, bound to the text that was on the screen.
    pub(crate) fn answer_question(&mut self, approves: bool) -> Vec<Effect> {
        let now = self.now;
        let Some(me) = self.bastion.me().cloned() else {
            return Vec::new();
        };
        let Some(Layer::Approval(layer)) = self.layers.last_mut() else {
            return Vec::new();
        };
        if let Err(why) = layer.check(approves, now) {
            layer.complaint = Some(why);
            return Vec::new();
        }
        let reason = layer.reason.text().trim().to_owned();
        let ask = layer.ask.clone();
        self.layers.pop();
        let answer = Answer {
            v: 1,
            ask: ask.id().to_owned(),
            name: me.person.name.clone(),
            login: me.login,
            hash: ask.what().hash.clone(),
            shown: ask.digest().to_owned(),
            approves,
            reason: reason.clone(),
            at: now,
        };
        let word = if approves { "approved" } else { "refused" };
        let said = format!("{word} for {}: {}", ask.by(), ask.what().title);
        let mut entry = entry(word, &ask.what().hash, said, &reason, format!("for {}", ask.by()));
        entry.data = serde_json::json!({
            "context": ask.what().seat.context, "server": ask.what().seat.server, "same_as": ask.what().same_as,
            "asked_because": ask.what().reason,
        });
        vec![Effect::Spool(ToSpool::Answer(Box::new(answer), Box::new(entry)))]
    }
}
