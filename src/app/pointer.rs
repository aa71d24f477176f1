//! The mouse, when it was asked for: it chooses, scrolls and opens, and never more. No press reaches a dialog, so none can
//! confirm anything.

use jiff::{SignedDuration, Timestamp};

use super::{App, Effect, Focus, Layer, Strip};
use crate::panes::PaneId;

/// Two presses at one place within this are a double one.
const DOUBLE: SignedDuration = SignedDuration::from_millis(400);

/// Lines that one step of the wheel moves.
const WHEEL: isize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gesture {
    Press,
    WheelUp,
    WheelDown,
}

/// What lies under the pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// A line of the attention strip: the signal's place among those shown.
    Signal(usize),
    /// A row of a table, by its place at this moment.
    Row(PaneId, usize),
    /// A pane beside its rows, or its folded line.
    Pane(PaneId),
    /// What is opened on the deck.
    Layer,
    Elsewhere,
}

impl App {
    pub(super) fn pointer(&mut self, gesture: Gesture, spot: Spot) -> Vec<Effect> {
        if self.seat.frozen.is_some() {
            return Vec::new();
        }
        match gesture {
            Gesture::Press => self.press(spot, self.now),
            Gesture::WheelUp => self.wheel(-WHEEL, spot),
            Gesture::WheelDown => self.wheel(WHEEL, spot),
        }
    }

    fn press(&mut self, spot: Spot, now: Timestamp) -> Vec<Effect> {
        // What is open is operated by keys alone: a press can neither answer nor confirm.
        if !self.layers.is_empty() {
            return Vec::new();
        }
        self.dirty = true;
        self.pending.clear();
        let double = self
            .seat
            .pressed
            .replace((spot, now))
            .is_some_and(|(before, at)| before == spot && now.duration_since(at) <= DOUBLE);
        match spot {
            Spot::Signal(at) => {
                let key = Strip::shown(&self.judge).nth(at).map(crate::signal::Signal::key);
                let Some(key) = key else { return Vec::new() };
                self.strip.select(key);
                self.focus = Focus::Strip;
                if double {
                    self.seat.pressed = None;
                    return self.run_command("signal.subject");
                }
            }
            Spot::Pane(pane) => self.focus_pane(pane),
            Spot::Row(pane, at) => {
                self.focus_pane(pane);
                self.list_mut().go(at, now);
                if double {
                    self.seat.pressed = None;
                    return self.run_command("list.open");
                }
            }
            Spot::Layer | Spot::Elsewhere => {}
        }
        Vec::new()
    }

    fn focus_pane(&mut self, pane: PaneId) {
        self.focus = Focus::Pane;
        if self.pane != pane {
            self.pane = pane;
            self.refresh_pane();
        }
    }

    fn wheel(&mut self, by: isize, spot: Spot) -> Vec<Effect> {
        self.dirty = true;
        let now = self.now;
        match self.layers.last_mut() {
            Some(Layer::Picker(picker)) => picker.step(by.signum()),
            Some(Layer::Palette(palette)) => {
                let last = palette.entries.len().saturating_sub(1);
                palette.cursor = palette.cursor.saturating_add_signed(by.signum()).min(last);
            }
            Some(Layer::Activity(_) | Layer::Unfinished(_)) => {
                return self.run_command(if by < 0 { "list.up" } else { "list.down" });
            }
            Some(Layer::Plan(plan)) => plan.scroll = plan.scroll.saturating_add_signed(by).min(plan.overflow),
            Some(_) => {
                if let Some(scroll) = self.layers.last_mut().and_then(Layer::scroll) {
                    scroll.by(by);
                }
                if let Some(Layer::Logs(logs)) = self.layers.last_mut() {
                    logs.follow = logs.scroll.at_end();
                }
            }
            None => {
                if let Spot::Row(pane, _) | Spot::Pane(pane) = spot
                    && let Some(list) = self.lists.get_mut(pane.index())
                {
                    let last = list.rows().len().saturating_sub(1);
                    list.go(list.cursor.saturating_add_signed(by).min(last), now);
                }
            }
        }
        Vec::new()
    }
}
