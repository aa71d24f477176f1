//! Somebody at the keys of a whole console without a screen: the real configuration, feeds, plans, changes and journal.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use quarterdeck::action::{Confirm, Outcome, Undo};
use quarterdeck::app::layers::{PlanLayer, PlanState};
use quarterdeck::app::{App, Effect, Layer, Msg};
use quarterdeck::cli::Options;
use quarterdeck::config::{Config, File, Inputs, Loaded};
use quarterdeck::keys::{Chord, Key};
use quarterdeck::run::Desk;

/// Longer than anything takes on a busy machine: what is not done by then never is.
const PATIENCE: Duration = Duration::from_secs(90);

/// The configuration of that text, for somebody whose home is there and of whom nothing else is known.
pub fn loaded(text: &str, home: &Path, read_only: bool) -> Loaded {
    let user = File {
        path: home.join("qd.toml"),
        text: Ok(Some(text.to_owned())),
    };
    let loaded = Config::load(&Inputs {
        env: BTreeMap::from([("HOME".to_owned(), home.display().to_string())]),
        system: None,
        user: Some(user),
        options: Options {
            read_only,
            ..Options::default()
        },
    });
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    loaded
}

/// When whoever is in the person's place is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// When something happened.
    Wait,
    /// As soon as what was asked for has been begun.
    Again,
    Leave,
}

/// Runs the console until `turn` leaves it, from its first look at the platform on.
pub async fn at_the_console(loaded: Loaded, mut turn: impl FnMut(&mut Hands<'_>) -> Next) {
    let mut desk = Box::pin(Desk::open(loaded)).await.unwrap();
    desk.look().await.unwrap();
    let mut turns = 0_u32;
    loop {
        let now = Timestamp::now().max(desk.app.now);
        let mut hands = Hands {
            app: &mut desk.app,
            now,
            effects: Vec::new(),
        };
        let next = turn(&mut hands);
        let effects = std::mem::take(&mut hands.effects);
        desk.perform(effects).await;
        turns += 1;
        match next {
            Next::Leave => break,
            // Whoever never waits would hear nothing.
            Next::Again if !turns.is_multiple_of(10) => {}
            Next::Again | Next::Wait => desk.turn().await,
        }
    }
    Box::pin(desk.close()).await;
}

/// The hands of a person during one turn. Their keys are as far apart as a person's, on a clock of their own: nobody waits.
pub struct Hands<'a> {
    pub app: &'a mut App,
    now: Timestamp,
    effects: Vec<Effect>,
}

impl Hands<'_> {
    pub fn key(&mut self, chord: Chord) {
        self.now += SignedDuration::from_millis(60);
        let effects = self.app.update(Msg::Key(chord), self.now);
        self.effects.extend(effects);
    }

    /// Keys as the keymap writes them.
    pub fn press(&mut self, keys: &str) {
        for chord in keys.split_whitespace() {
            self.key(chord.parse().unwrap());
        }
    }

    pub fn types(&mut self, text: &str) {
        text.chars().for_each(|c| self.key(Chord::plain(Key::Char(c))));
    }

    pub fn paste(&mut self, text: &str) {
        let effects = self.app.update(Msg::Paste(text.to_owned()), self.now);
        self.effects.extend(effects);
    }

    /// What a method of the state asks for.
    pub fn does(&mut self, f: impl FnOnce(&mut App) -> Vec<Effect>) {
        let effects = f(self.app);
        self.effects.extend(effects);
    }

    /// What was asked for in this turn.
    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }

    pub fn plan(&self) -> Option<&PlanLayer> {
        match self.app.layers.last() {
            Some(Layer::Plan(plan)) => Some(plan),
            _ => None,
        }
    }

    /// Does all that the plan on top asks for, once it listens. Whether it was pressed.
    pub fn confirm(&mut self) -> bool {
        use quarterdeck::app::layers::PlanFocus::{Cancel, Go, Reason, Word};
        let Some(layer) = self.plan() else { return false };
        let PlanState::Ready(plan) = &layer.state else {
            return false;
        };
        if self.now.duration_since(layer.shown_at) < SignedDuration::from_millis(400) {
            return false;
        }
        let word = match &plan.confirm {
            Confirm::Typed { word, .. } => word.clone(),
            Confirm::Button => String::new(),
        };
        // To the first field, wherever Tab begins.
        self.press(if word.is_empty() { "shift-tab" } else { "tab" });
        for _ in 0..8 {
            let Some(layer) = self.plan() else { return true };
            match layer.focus {
                Cancel => self.press("tab"),
                Reason => {
                    self.press("ctrl-u");
                    self.types("a test");
                    self.press("enter");
                }
                Word => {
                    self.press("ctrl-u");
                    self.types(&word);
                    self.press("enter");
                }
                Go => self.press("enter"),
            }
        }
        self.plan().is_none()
    }
}

/// What a person does, one thing after the other; each is asked until it says that it is done.
pub type Deed<'a> = Box<dyn FnMut(&mut Hands<'_>) -> bool + 'a>;

pub fn once<'a>(mut f: impl FnMut(&mut Hands<'_>) + 'a) -> Deed<'a> {
    Box::new(move |hands| {
        f(hands);
        true
    })
}

/// Chooses from the list that opens.
pub fn choose<'a>(text: &'static str) -> Deed<'a> {
    Box::new(move |hands| {
        let Some(Layer::Picker(picker)) = hands.app.layers.last() else {
            return false;
        };
        let shown = picker.shown();
        let Some(at) = shown
            .iter()
            .position(|c| c.label.contains(text) || c.value.contains(text))
        else {
            return false;
        };
        let (key, times) = if at < picker.cursor {
            ("up", picker.cursor - at)
        } else {
            ("down", at - picker.cursor)
        };
        for _ in 0..times {
            hands.press(key);
        }
        hands.press("enter");
        true
    })
}

/// Confirms the plan that comes, and waits until so many changes have been made.
pub fn carried_out<'a>(changes: usize) -> Deed<'a> {
    Box::new(move |hands| {
        hands.confirm();
        let made = hands
            .app
            .activities
            .iter()
            .filter(|a| a.outcome == Some(Outcome::Applied));
        made.count() == changes && hands.plan().is_none()
    })
}

/// Asks for the newest change to be taken back, once that is offered.
pub fn taken_back<'a>() -> Deed<'a> {
    Box::new(|hands| {
        let newest = hands.app.activities.last();
        let offered = newest.is_some_and(|a| matches!(a.undo, Some(Undo::By { .. })) && a.ended.is_some());
        if offered {
            hands.press("a u");
        }
        offered && hands.plan().is_some()
    })
}

/// Does them one after the other; `look` sees the console after each turn.
pub async fn do_all(loaded: Loaded, mut deeds: Vec<Deed<'_>>, mut look: impl FnMut(&mut Hands<'_>)) {
    deeds.reverse();
    let begun = Instant::now();
    Box::pin(at_the_console(loaded, |hands| {
        let Some(deed) = deeds.last_mut() else {
            return Next::Leave;
        };
        let done = deed(hands);
        look(hands);
        if begun.elapsed() > PATIENCE {
            let (told, layer) = (hands.app.toasts.last().map(|t| &t.notice.text), hands.app.layers.last());
            panic!("{} deeds are left; told: {told:?}; on top: {layer:?}", deeds.len());
        }
        if done {
            deeds.pop();
            return Next::Again;
        }
        Next::Wait
    }))
    .await;
}
