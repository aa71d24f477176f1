//! No stream of keys and pastes changes anything that was not shown and confirmed by its own word.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use proptest::prelude::*;

use super::{Hands, batch, executed, plan, revisions, rows};
use crate::action::{ActionId, Request};
use crate::app::msg::Fetched;
use crate::app::{Effect, Layer, Msg};
use crate::keys::{Chord, Key};

/// One thing that a person, a terminal or a cluster does.
#[derive(Clone, Debug)]
enum Act {
    Press(&'static str),
    Type(char),
    /// The word of the plan so many before the newest: 0 is the right one.
    TypeWord(usize),
    PasteWord(usize),
    Paste(String),
    Wait(i64),
    /// What was asked is answered.
    Answer,
    News,
}

const KEYS: [&str; 30] = [
    "tab",
    "tab",
    "tab",
    "shift-tab",
    "enter",
    "enter",
    "enter",
    "enter",
    "esc",
    "a",
    "s",
    "r",
    "b",
    "i",
    "p",
    "d",
    "e",
    "u",
    "m",
    "j",
    "k",
    "h",
    "1",
    "2",
    "!",
    "y",
    "q",
    ":",
    "ctrl-r",
    "ctrl-u",
];

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => prop::sample::select(KEYS.to_vec()).prop_map(Act::Press),
        2 => prop::char::range(' ', '~').prop_map(Act::Type),
        3 => (0..3_usize).prop_map(Act::TypeWord),
        1 => (0..3_usize).prop_map(Act::PasteWord),
        1 => "[a-z0-9\r\n\t]{0,12}".prop_map(Act::Paste),
        3 => prop::sample::select(vec![50, 250, 350, 1_000, 61_000]).prop_map(Act::Wait),
        4 => Just(Act::Answer),
        1 => Just(Act::News),
    ]
}

/// Whole ways through a plan, good and bad, so that some streams do confirm.
fn way() -> impl Strategy<Value = Vec<Act>> {
    let opening = prop::sample::select(vec![
        vec!["2", "a", "r"],
        vec!["2", "a", "p"],
        vec!["1", "a", "d"],
        vec!["1", "a", "e"],
    ]);
    (opening, prop::sample::select(vec![100, 400]), 0..2_usize, any::<bool>()).prop_map(|(keys, ms, back, typed)| {
        let mut acts: Vec<Act> = keys.into_iter().map(Act::Press).collect();
        acts.extend([
            Act::Answer,
            Act::Wait(ms),
            Act::Press("tab"),
            Act::Press("tab"),
            Act::Type('x'),
            Act::Press("enter"),
        ]);
        acts.push(if typed {
            Act::TypeWord(back)
        } else {
            Act::PasteWord(back)
        });
        acts.extend([Act::Press("enter"), Act::Press("enter")]);
        acts
    })
}

fn stream() -> impl Strategy<Value = Vec<Act>> {
    let part = prop_oneof![3 => way(), 2 => prop::collection::vec(act(), 1..12)];
    prop::collection::vec(part, 1..8).prop_map(|parts| parts.concat())
}

/// What was seen from outside.
#[derive(Default)]
struct Watcher {
    asked: VecDeque<(ActionId, Request)>,
    reads: VecDeque<crate::app::Token>,
    newest: u64,
    /// Of each plan that was on screen: since when, and what was typed by hand since it listened.
    shown: BTreeMap<ActionId, (Timestamp, String)>,
    executed: Vec<ActionId>,
}

impl Watcher {
    fn see(&mut self, hands: &Hands, effects: &[Effect]) -> Result<(), TestCaseError> {
        if let Some(confirmed) = executed(effects) {
            let id = confirmed.plan().id;
            let Some((since, typed)) = self.shown.get(&id) else {
                return Err(TestCaseError::fail(format!("{id:?} was never shown")));
            };
            prop_assert!(
                hands.now.duration_since(*since).as_millis() >= 300,
                "confirmed while it appeared"
            );
            prop_assert_eq!(&confirmed.by().typed, &format!("word{}", id.0));
            // Editing may lie between, so the letters need only follow each other.
            let mut letters = typed.chars();
            let by_hand = confirmed.by().typed.chars().all(|c| letters.any(|l| l == c));
            prop_assert!(by_hand, "typed by hand: {}", typed);
            prop_assert_eq!(&confirmed.by().hash, &confirmed.plan().hash());
            prop_assert!(hands.now <= confirmed.plan().expires_at);
            prop_assert!(!self.executed.contains(&id), "twice");
            self.executed.push(id);
        }
        for effect in effects {
            match effect {
                Effect::Plan(id, request) => {
                    self.newest = id.0;
                    self.asked.push_back((*id, request.clone()));
                }
                Effect::Fetch(token, _) => self.reads.push_back(*token),
                _ => {}
            }
        }
        Ok(())
    }

    fn press(&mut self, hands: &mut Hands, chord: Chord) -> Result<(), TestCaseError> {
        if let (Some(Layer::Plan(layer)), Some(c)) = (hands.app.layers.last(), chord.typed())
            && let Some((since, typed)) = self.shown.get_mut(&layer.id)
            && hands.now.duration_since(*since).as_millis() >= 300
        {
            typed.push(c);
        }
        let effects = hands.key(chord);
        self.see(hands, &effects)
    }

    fn word(&self, back: usize) -> String {
        format!("word{}", self.newest.saturating_sub(back as u64))
    }

    fn act(&mut self, hands: &mut Hands, act: Act) -> Result<(), TestCaseError> {
        match act {
            Act::Press(key) => self.press(hands, key.parse().unwrap()),
            Act::Type(c) => self.press(hands, Chord::plain(Key::Char(c))),
            Act::TypeWord(back) => self
                .word(back)
                .chars()
                .try_for_each(|c| self.press(hands, Chord::plain(Key::Char(c)))),
            Act::PasteWord(back) => {
                let effects = hands.tell(Msg::Paste(self.word(back)));
                self.see(hands, &effects)
            }
            Act::Paste(text) => {
                let effects = hands.tell(Msg::Paste(text));
                prop_assert!(executed(&effects).is_none());
                self.see(hands, &effects)
            }
            Act::Wait(ms) => {
                hands.wait(ms);
                let effects = hands.tell(Msg::Tick);
                self.see(hands, &effects)
            }
            Act::News => {
                let effects = hands.tell(batch(Vec::new()));
                self.see(hands, &effects)
            }
            Act::Answer => {
                if let Some((id, request)) = self.asked.pop_front() {
                    let on_screen = |l: &Layer| matches!(l, Layer::Plan(p) if p.id == id);
                    if hands.app.layers.iter().any(on_screen) {
                        self.shown.insert(id, (hands.now, String::new()));
                    }
                    let made = plan(id, &request, hands.now);
                    let effects = hands.tell(Msg::Planned(id, Ok(Box::new(made))));
                    self.see(hands, &effects)?;
                }
                if let Some(token) = self.reads.pop_front() {
                    hands.tell(Msg::Fetched(token, Ok(Fetched::History(revisions(4)))));
                }
                Ok(())
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_changed_that_was_not_shown_and_confirmed_by_its_own_word(acts in stream()) {
        let mut hands = Hands::operator();
        let mut watcher = Watcher::default();
        for act in acts {
            watcher.act(&mut hands, act)?;
        }
    }
}

/// The positive control: the way that the streams are made of does confirm when all of it is right.
#[test]
fn the_way_through_a_plan_does_change_something() {
    let mut hands = Hands::operator();
    hands.tell(batch(rows()));
    let mut watcher = Watcher::default();
    let mut acts: Vec<Act> = ["2", "a", "r"].map(Act::Press).to_vec();
    acts.extend([
        Act::Answer,
        Act::Wait(400),
        Act::Press("tab"),
        Act::Type('x'),
        Act::Press("enter"),
    ]);
    // As fast as a person: what comes faster than that is taken for a paste.
    acts.extend([
        Act::TypeWord(0),
        Act::Wait(400),
        Act::Press("enter"),
        Act::Wait(100),
        Act::Press("enter"),
    ]);
    for act in acts {
        watcher.act(&mut hands, act).unwrap();
    }
    assert_eq!(watcher.executed.len(), 1);
}
