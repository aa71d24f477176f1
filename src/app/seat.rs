//! What belongs to the person at this screen rather than to the platform: a screen that stands still, what was copied,
//! what was said, and what the pointer did last.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use super::fleet::Sister;
use super::msg::{Effect, Fetched, Notice, PagerOf, Token};
use super::observed::Observed;
use super::pointer::Spot;
use super::{Activity, App, Layer};
use crate::action::Freeze;
use crate::model::ObjectRef;

/// Notes that the list of activities keeps.
const SAID: usize = 200;

/// Longest text that is repeated in the note that says it was sent.
const REPEATED: usize = 200;

/// What a note of a copy says.
const CLIPBOARD: &str = " sent to the terminal's clipboard";

/// A note, and when it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub at: Timestamp,
    pub notice: Notice,
}

/// Why an object is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadFor {
    Clipboard,
    Pager,
}

#[derive(Debug, Default)]
pub struct Seat {
    /// Since when the screen stands still.
    pub frozen: Option<Timestamp>,
    /// What was sent to the terminal's clipboard last. Whether it was taken nobody knows, so it can be shown.
    pub copied: String,
    /// Notes of this session, oldest first.
    pub said: VecDeque<Said>,
    /// The terminal is asked to report the mouse.
    pub mouse: bool,
    /// Whether policy lets one open a shell in a container: `None`, only outside production.
    pub exec: Option<bool>,
    /// When nothing may be changed at the place that is open, shells included.
    pub freezes: Vec<Freeze>,
    /// The servers end with this console, as a demonstration's do: what is left here is never gone on with.
    pub passing: bool,
    /// The other platforms that are looked at, in the configuration's order.
    pub fleet: Vec<Sister>,
    /// Values as they were seen while this console ran.
    pub observed: Observed,
    pub(super) pressed: Option<(Spot, Timestamp)>,
    pub(super) reading: Option<(Token, ReadFor, ObjectRef)>,
}

/// One line of the list of activities.
#[derive(Clone, Copy, Debug)]
pub enum Doing<'a> {
    Activity(&'a Activity),
    Said(&'a Said),
}

impl Doing<'_> {
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Activity(a) => a.started,
            Self::Said(s) => s.at,
        }
    }
}

impl App {
    /// What was done and said in this session, newest first.
    pub fn doings(&self) -> Vec<Doing<'_>> {
        let done = self.activities.iter().map(Doing::Activity);
        let mut all: Vec<Doing<'_>> = done.chain(self.seat.said.iter().map(Doing::Said)).collect();
        // Newest first; what came in the same moment stays in its order, the change before what was said of it.
        all.sort_by_key(|d| std::cmp::Reverse(d.at()));
        all
    }

    /// Whether Enter does something on the selected line: of what was done, only a change that can still be undone.
    pub fn opens_something(&self) -> bool {
        let Some(Layer::Activity(list)) = self.layers.last() else {
            return true;
        };
        match self.doings().get(list.cursor) {
            Some(Doing::Activity(a)) => a.offered_undo(self.place(), self.now).is_some(),
            _ => false,
        }
    }

    pub(super) fn keep_said(&mut self, notice: &Notice) {
        let at = self.now;
        if self.seat.said.back().is_some_and(|s| s.notice == *notice) {
            self.seat.said.pop_back();
        }
        let notice = notice.clone();
        self.seat.said.push_back(Said { at, notice });
        if self.seat.said.len() > SAID {
            self.seat.said.pop_front();
        }
    }

    /// Sends a text to the terminal's clipboard, and says so: in full where it is short, because nobody knows whether
    /// the terminal took it.
    pub(crate) fn copy(&mut self, what: &str, text: String) -> Vec<Effect> {
        // What is told of the copy before is no longer true.
        self.toasts.retain(|t| !t.notice.text.contains(CLIPBOARD));
        let lines = text.lines().count();
        if lines == 1 && text.len() <= REPEATED {
            self.say(format!("{what}{CLIPBOARD}: {}", text.trim_end()));
        } else {
            self.say(format!("{what}{CLIPBOARD}, {lines} lines"));
        }
        vec![Effect::Copy(text)]
    }

    /// What goes to the clipboard now can be shown later.
    pub(super) fn note_copied(&mut self, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Copy(text) = effect {
                self.seat.copied.clone_from(text);
            }
        }
    }

    /// Reads an object whole, for the clipboard or the pager.
    pub(crate) fn read_for(&mut self, object: ObjectRef, why: ReadFor) -> Vec<Effect> {
        let token = self.next_token();
        self.seat.reading = Some((token, why, object.clone()));
        vec![Effect::Fetch(token, super::msg::Fetch::Yaml(object))]
    }

    /// The object that was read for the clipboard or the pager; `None`: the answer is somebody else's.
    pub(super) fn was_read(&mut self, token: Token, answer: &Result<Fetched, String>) -> Option<Vec<Effect>> {
        let (_, why, object) = self.seat.reading.take_if(|(t, ..)| *t == token)?;
        Some(match (answer, why) {
            (Ok(Fetched::Text(text)), ReadFor::Clipboard) => self.copy(&format!("{object} as YAML"), text.clone()),
            (Ok(Fetched::Text(text)), ReadFor::Pager) => vec![Effect::Pager(PagerOf::Text {
                title: object.to_string(),
                text: text.clone(),
            })],
            (Ok(_), _) => self.failed("another answer than was asked for"),
            (Err(why), _) => self.failed(format!("{object} was not read: {why}")),
        })
    }

    /// Stops the screen, or lets it go on.
    pub(crate) fn freeze(&mut self) {
        self.seat.frozen = Some(self.now);
        self.pending.clear();
        self.dirty = true;
    }

    pub(super) fn thaw(&mut self) -> bool {
        let was = self.seat.frozen.take().is_some();
        self.dirty |= was;
        was
    }

    /// For how long the screen has stood still.
    pub fn frozen_for(&self) -> Option<SignedDuration> {
        Some(self.now.duration_since(self.seat.frozen?))
    }
}
