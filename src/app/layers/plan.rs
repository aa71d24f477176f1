//! What is asked before anything changes. Focus starts on Cancel; keys typed ahead do not count.

use jiff::{SignedDuration, Timestamp};

use crate::action::{ActionId, Confirm, Confirmation, Confirmed, Plan, Refusal, Request, WhyNot};
use crate::app::Asking;
use crate::app::field::Field;

/// Keys that arrive sooner after the plan appeared were typed for something else.
const TYPED_AHEAD: SignedDuration = SignedDuration::from_millis(300);

/// Nobody finds the button and presses it within this time.
const PRESSED_AFTER: SignedDuration = SignedDuration::from_millis(50);
/// Nobody types a word and confirms it within this time.
const TYPED_IN: SignedDuration = SignedDuration::from_millis(300);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanFocus {
    Reason,
    Word,
    Cancel,
    Go,
}

#[derive(Clone, Debug)]
pub enum PlanState {
    /// Being made.
    Planning,
    Ready(Box<Plan>),
    Refused(Refusal),
}

#[derive(Clone, Debug)]
pub struct PlanLayer {
    pub id: ActionId,
    pub request: Request,
    pub state: PlanState,
    pub focus: PlanFocus,
    pub reason: Field,
    pub word: Field,
    /// When what stands here appeared.
    pub shown_at: Timestamp,
    pub scroll: usize,
    /// When the focus came to where it is.
    focused_at: Timestamp,
    /// When the word that is to be typed was begun.
    word_begun: Timestamp,
    /// Lines that the body has beyond what fits, as last drawn.
    pub overflow: usize,
    /// Why the last press on the button did not count.
    pub complaint: Option<WhyNot>,
    /// The run of a runbook that asked for it.
    pub run: Option<u64>,
    /// Where it stands with the second person, if policy asks for one.
    pub asking: Asking,
    /// What is meant though the table does not show it now.
    pub aside: Option<String>,
    /// The word that was typed under the plan in whose place this one comes, and what that plan said.
    before: Option<(String, Field)>,
}

impl PlanLayer {
    pub fn new(id: ActionId, request: Request, run: Option<u64>, now: Timestamp) -> Self {
        Self {
            id,
            request,
            state: PlanState::Planning,
            focus: PlanFocus::Cancel,
            reason: Field::default(),
            word: Field::default(),
            shown_at: now,
            scroll: 0,
            focused_at: now,
            word_begun: now,
            overflow: 0,
            complaint: None,
            run,
            asking: Asking::default(),
            aside: None,
            before: None,
        }
    }

    pub fn planned(&mut self, answer: Result<Box<Plan>, Refusal>, now: Timestamp) {
        let before = self.before.take();
        self.state = match answer {
            Ok(plan) => {
                // The word is for what was read: anything else must be read, and the word typed, again.
                if let Some((_, word)) = before.filter(|(said, _)| *said == plan.says()) {
                    self.word = word;
                }
                PlanState::Ready(plan)
            }
            Err(refusal) => PlanState::Refused(refusal),
        };
        self.asking = Asking::NotAsked;
        self.answered(now);
    }

    /// Comes in place of another plan: what was typed there is kept; the word only if this one says the very same.
    pub fn instead_of(&mut self, old: &Self) {
        self.reason = old.reason.clone();
        self.before = match old.plan() {
            Some(plan) => Some((plan.says(), old.word.clone())),
            None => old.before.clone(),
        };
    }

    /// Something changed under the person's hands: the focus goes to Cancel, and keys typed ahead do not count.
    pub fn answered(&mut self, now: Timestamp) {
        self.focus = PlanFocus::Cancel;
        self.shown_at = now;
        self.focused_at = now;
    }

    /// Policy asks for a second person.
    pub fn needs_second(&self) -> bool {
        self.plan().is_some_and(|p| p.second_person.is_some())
    }

    /// What the button does is to ask a second person.
    pub fn is_to_ask(&self) -> bool {
        self.needs_second() && self.asking == Asking::NotAsked
    }

    /// Nothing is to be done but to wait, or to plan again.
    fn is_held(&self) -> bool {
        self.needs_second() && matches!(self.asking, Asking::Asked(_) | Asking::Refused(_))
    }

    /// Whether the word is to be typed now.
    pub fn wants_word(&self) -> bool {
        let typed = self.plan().is_some_and(|p| matches!(p.confirm, Confirm::Typed { .. }));
        typed && self.can_go() && (!self.needs_second() || self.asking.second().is_some())
    }

    /// Whether the reason can still be changed: what was asked for with a reason is answered with that reason.
    pub fn wants_reason(&self) -> bool {
        self.can_go() && (self.is_to_ask() || !self.needs_second() || matches!(self.asking, Asking::Alone(_)))
    }

    /// Whether there is a button beside Cancel.
    pub fn has_button(&self) -> bool {
        self.can_go() && !self.is_held()
    }

    /// Whether keys count yet.
    pub fn listens(&self, now: Timestamp) -> bool {
        now.duration_since(self.shown_at) >= TYPED_AHEAD
    }

    pub fn plan(&self) -> Option<&Plan> {
        match &self.state {
            PlanState::Ready(plan) => Some(plan),
            _ => None,
        }
    }

    /// Whether the plan can be confirmed at all.
    pub fn can_go(&self) -> bool {
        self.plan().is_some_and(|p| p.blocked().is_none() && p.no_op.is_none())
    }

    /// Where Tab goes, in order. The focus starts on Cancel: from there Tab leads through the fields, in the order of
    /// the screen, to the button. Where no field must be filled in, it leads to the button at once.
    pub fn stops(&self) -> Vec<PlanFocus> {
        let mut stops = Vec::with_capacity(4);
        let needed = self.wants_reason() && self.plan().is_some_and(|p| p.reason_required);
        let fields_first = needed || self.wants_word();
        if fields_first {
            stops.push(PlanFocus::Cancel);
        }
        if self.wants_reason() {
            stops.push(PlanFocus::Reason);
        }
        if self.wants_word() {
            stops.push(PlanFocus::Word);
        }
        if !fields_first {
            stops.push(PlanFocus::Cancel);
        }
        if self.has_button() {
            stops.push(PlanFocus::Go);
        }
        stops
    }

    /// Whether the keys up to here came faster than a person types: a paste in a terminal that does not mark pastes.
    pub fn too_fast(&self, now: Timestamp) -> bool {
        let word = self.wants_word();
        now.duration_since(self.focused_at) < PRESSED_AFTER || word && now.duration_since(self.word_begun) < TYPED_IN
    }

    /// Something is typed into the field that has the focus.
    pub fn typed(&mut self, now: Timestamp) {
        if self.focus == PlanFocus::Word && self.word.text().chars().nth(1).is_none() {
            self.word_begun = now;
        }
    }

    pub fn focus_on(&mut self, focus: PlanFocus, now: Timestamp) {
        self.focus = focus;
        self.focused_at = now;
    }

    pub fn move_focus(&mut self, by: isize, now: Timestamp) {
        let stops = self.stops();
        let at = stops.iter().position(|s| *s == self.focus).unwrap_or(0) as isize;
        let to = (at + by).rem_euclid(stops.len().max(1) as isize) as usize;
        self.focus_on(stops.get(to).copied().unwrap_or(PlanFocus::Cancel), now);
    }

    /// The field that is still to be filled in: what must be there before what may.
    pub fn unfilled(&self) -> Option<PlanFocus> {
        let needed = self.plan().is_some_and(|p| p.reason_required);
        let no_reason = self.wants_reason() && self.reason.text().trim().is_empty();
        let no_word = self.wants_word() && self.word.text().is_empty();
        match (no_reason, no_word) {
            (true, no_word) if needed || !no_word => Some(PlanFocus::Reason),
            (_, true) => Some(PlanFocus::Word),
            (_, false) => None,
        }
    }

    /// The field without which the button does not work, as long as it is empty.
    pub fn must_fill(&self) -> Option<PlanFocus> {
        let needed = self.plan().is_some_and(|p| p.reason_required);
        self.unfilled().filter(|field| *field == PlanFocus::Word || needed)
    }

    pub fn field(&mut self) -> Option<&mut Field> {
        match self.focus {
            PlanFocus::Reason => Some(&mut self.reason),
            PlanFocus::Word => Some(&mut self.word),
            _ => None,
        }
    }

    /// The button: the confirmation, bound to this plan, or why it does not count.
    pub fn confirm(&mut self, now: Timestamp) -> Option<Confirmed> {
        let plan = self.plan()?.clone();
        let by = Confirmation {
            hash: plan.hash(),
            typed: self.word.text().to_owned(),
            reason: self.reason.text().trim().to_owned(),
        };
        match plan.confirm_with(by, self.asking.second(), now) {
            Ok(confirmed) => Some(confirmed),
            Err(why) => {
                match why {
                    WhyNot::NoReason => self.focus = PlanFocus::Reason,
                    WhyNot::WrongWord(_) => self.focus = PlanFocus::Word,
                    _ => {}
                }
                self.complaint = Some(why);
                None
            }
        }
    }
}
