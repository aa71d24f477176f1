//! What the person who sits here likes: keymap, theme, motion, and how to be called when they look elsewhere.

use std::collections::BTreeSet;

use super::layers::{Choice, Picker, PickerFor};
use super::msg::{Effect, Notice};
use super::{App, Layer, Strip};
use crate::keys::Keymap;
use crate::signal::Severity;
use crate::text;

/// What a person is called for, when they look elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// What was begun has ended.
    Finished,
    /// Somebody asks for a second person, or answers. This rings whoever has the focus, too.
    Asked,
    /// A critical signal that was not there before.
    Critical,
}

/// A theme that can be put on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThemeName {
    pub name: String,
    /// Where it is from.
    pub hint: String,
}

#[derive(Clone, Debug, Default)]
pub struct Taste {
    /// As the configuration names it: `auto`, a name, or a file.
    pub theme: String,
    /// All that there are.
    pub themes: Vec<ThemeName>,
    /// Nothing is drawn anew by time alone more often than every few seconds.
    pub still: bool,
    /// The critical signals that are known, by their keys.
    critical: Option<BTreeSet<String>>,
}

impl Taste {
    pub fn new(theme: String, themes: Vec<ThemeName>, still: bool) -> Self {
        Self {
            theme,
            themes,
            still,
            critical: None,
        }
    }
}

impl App {
    /// The keymap's files were read again.
    pub(super) fn keymap_read(&mut self, map: Option<Box<Keymap>>, notices: Vec<Notice>) -> Vec<Effect> {
        let good = map.is_some();
        if let Some(map) = map {
            self.keys = *map;
            self.pending.clear();
        }
        for notice in notices {
            self.toast(notice);
        }
        self.say(if good {
            "the keymap was read again"
        } else {
            "the keymap that was in force stays"
        })
    }

    pub(super) fn pick_theme(&mut self) -> Vec<Effect> {
        let choices = self.taste.themes.iter().map(|t| Choice {
            value: t.name.clone(),
            label: t.name.clone(),
            hint: t.hint.clone(),
        });
        let mut picker = Picker::new(
            &format!(
                "Theme  ({} goes back to the one before)",
                self.keys_for("picker.cancel")
            ),
            PickerFor::Theme {
                was: self.taste.theme.clone(),
            },
            choices.collect(),
        );
        picker.cursor = picker
            .choices
            .iter()
            .position(|c| c.value == self.taste.theme)
            .unwrap_or(0);
        self.layers.push(Layer::Picker(picker));
        Vec::new()
    }

    /// The theme under the cursor is shown at once, as long as themes are being chosen.
    pub(super) fn preview_theme(&mut self) -> Vec<Effect> {
        let Some(Layer::Picker(picker)) = self.layers.last() else {
            return Vec::new();
        };
        let (PickerFor::Theme { .. }, Some(choice)) = (&picker.purpose, picker.selected()) else {
            return Vec::new();
        };
        let name = choice.value.clone();
        self.wear(name)
    }

    /// Puts a theme on, if it is another.
    fn wear(&mut self, name: String) -> Vec<Effect> {
        if self.taste.theme == name {
            return Vec::new();
        }
        self.taste.theme.clone_from(&name);
        self.dirty = true;
        vec![Effect::Theme(name)]
    }

    pub(super) fn theme_chosen(&mut self, name: Option<String>) -> Vec<Effect> {
        let Some(name) = name else { return Vec::new() };
        let effects = self.wear(name.clone());
        self.say(format!("theme = \"{name}\" under [ui] of the configuration keeps it"));
        effects
    }

    /// The picker was left without a choice.
    pub(super) fn theme_not_chosen(&mut self, was: String) -> Vec<Effect> {
        self.wear(was)
    }

    /// For the terminal's title: what is wrong, and where, and how much depends on that place.
    pub fn title(&self) -> String {
        let count = |severity| Strip::shown(&self.judge).filter(|s| s.severity == severity).count();
        let mut parts: Vec<String> = [(Severity::Critical, "critical"), (Severity::Warning, "warning")]
            .into_iter()
            .map(|(severity, word)| (count(severity), word))
            .filter(|(n, _)| *n > 0)
            .map(|(n, word)| format!("{n} {word}"))
            .collect();
        if parts.is_empty() {
            parts.push("calm".to_owned());
        }
        let place = self.place().map_or("no cluster", |p| p.platform.as_str());
        let class = self.class().map_or_else(String::new, |c| format!(" {}", c.badge()));
        format!("{} - {}{class} - qd", parts.join(", "), text::clean(place))
    }

    /// Calls for each critical signal that was not there at the judgement before. Those that were there when the
    /// console opened are on the screen already.
    pub(super) fn call_for_signals(&mut self) -> Vec<Effect> {
        let now = self.server_now();
        let critical: Vec<(String, String)> = Strip::shown(&self.judge)
            .filter(|s| s.severity == Severity::Critical && !s.stale)
            .map(|s| (format!("{:?}", s.key()), s.short(now)))
            .collect();
        let keys = critical.iter().map(|(key, _)| key.clone()).collect();
        let Some(known) = self.taste.critical.replace(keys) else {
            return Vec::new();
        };
        critical
            .into_iter()
            .filter(|(key, _)| !known.contains(key))
            .filter_map(|(_, words)| self.call(Occasion::Critical, words))
            .collect()
    }

    /// Calls the person who looks elsewhere. Terminals that tell nothing of their focus count as looked at.
    pub(super) fn call(&self, occasion: Occasion, words: impl Into<String>) -> Option<Effect> {
        let words = words.into();
        (!self.terminal_focused || occasion == Occasion::Asked).then_some(Effect::Call { occasion, words })
    }

    /// The keys that run a command here, for a sentence.
    pub fn keys_for(&self, id: &str) -> String {
        crate::keys::hints::words(&self.keys, &self.contexts(), id)
    }

    /// The same as the footer shows them, where room is short.
    pub fn key_signs(&self, id: &str) -> String {
        crate::keys::hints::signs(&self.keys, &self.contexts(), id)
    }
}
