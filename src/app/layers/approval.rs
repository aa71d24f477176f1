//! Somebody else's plan that waits for a second person, on that person's screen. Focus starts on Cancel; approving
//! takes a reason and a typed word, refusing a reason.

use jiff::{SignedDuration, Timestamp};

use crate::app::field::Field;
use crate::journal::spool::{Ask, Seen};
use crate::keys::Chord;

/// Keys that arrive sooner after the plan appeared were typed for something else.
const TYPED_AHEAD: SignedDuration = SignedDuration::from_millis(300);
/// Nobody types a word and presses the button within this time.
const TYPED_IN: SignedDuration = SignedDuration::from_millis(300);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovalFocus {
    Reason,
    Word,
    Cancel,
    Refuse,
    Approve,
}

#[derive(Clone, Debug)]
pub struct ApprovalLayer {
    pub ask: Seen<Ask>,
    /// Whether this person may answer; if not, why.
    pub may: Result<(), String>,
    pub focus: ApprovalFocus,
    pub reason: Field,
    pub word: Field,
    pub scroll: usize,
    /// Lines beyond what fits, as last drawn.
    pub overflow: usize,
    /// Why the last press did not count.
    pub complaint: Option<String>,
    shown_at: Timestamp,
    word_begun: Timestamp,
}

impl ApprovalLayer {
    pub fn new(ask: Seen<Ask>, may: Result<(), String>, now: Timestamp) -> Self {
        Self {
            ask,
            may,
            focus: ApprovalFocus::Cancel,
            reason: Field::default(),
            word: Field::default(),
            scroll: 0,
            overflow: 0,
            complaint: None,
            shown_at: now,
            word_begun: now,
        }
    }

    /// Whether keys count yet.
    pub fn listens(&self, now: Timestamp) -> bool {
        now.duration_since(self.shown_at) >= TYPED_AHEAD
    }

    /// Where Tab goes, in order.
    pub fn stops(&self) -> &'static [ApprovalFocus] {
        use ApprovalFocus::{Approve, Cancel, Reason, Refuse, Word};
        if self.may.is_ok() {
            &[Reason, Word, Cancel, Refuse, Approve]
        } else {
            &[Cancel]
        }
    }

    pub fn move_focus(&mut self, by: isize) {
        let stops = self.stops();
        let at = stops.iter().position(|s| *s == self.focus).unwrap_or(0) as isize;
        let to = (at + by).rem_euclid(stops.len().max(1) as isize) as usize;
        self.focus = stops.get(to).copied().unwrap_or(ApprovalFocus::Cancel);
    }

    /// The focus goes back to where there still is something.
    pub fn settle(&mut self) {
        if !self.stops().contains(&self.focus) {
            self.focus = ApprovalFocus::Cancel;
        }
    }

    pub fn field(&mut self) -> Option<&mut Field> {
        match self.focus {
            ApprovalFocus::Reason => Some(&mut self.reason),
            ApprovalFocus::Word => Some(&mut self.word),
            _ => None,
        }
    }

    /// A key for the field that has the focus.
    pub fn type_in(&mut self, chord: Chord, now: Timestamp) {
        let begins = self.focus == ApprovalFocus::Word && self.word.is_empty();
        if let Some(field) = self.field()
            && field.input(chord)
        {
            self.complaint = None;
            if begins {
                self.word_begun = now;
            }
        }
    }

    /// Whether the answer may be given.
    ///
    /// # Errors
    /// What is missing; the focus goes there.
    pub fn check(&mut self, approves: bool, now: Timestamp) -> Result<(), String> {
        self.may.clone()?;
        if now > self.ask.what().expires {
            return Err("its time is over: it must be asked anew".to_owned());
        }
        if self.reason.text().trim().is_empty() {
            self.focus = ApprovalFocus::Reason;
            return Err("give a reason first: it goes on record, here and there".to_owned());
        }
        if approves && self.word.text() != self.ask.what().word {
            self.focus = ApprovalFocus::Word;
            return Err(format!("type {} exactly to approve", self.ask.what().word));
        }
        if approves && now.duration_since(self.word_begun) < TYPED_IN {
            return Err("that came faster than anyone types: read the plan first".to_owned());
        }
        Ok(())
    }
}
