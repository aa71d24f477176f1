//! Finding things again: filters that were used, columns and orders that were chosen, places that were left, and what
//! was run lately.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::activity::Fate;
use super::layers::{Prompt, PromptFor};
use super::msg::Effect;
use super::{App, Focus, ItemRef, Layer};
use crate::action::{Outcome, Stage, Target};
use crate::keys::{Chord, format_sequence};
use crate::model::{Freshness, Uid};
use crate::panes::{self, PANES, Pane, PaneId};

/// Filters that are kept, and commands; older ones are forgotten.
const KEPT: usize = 50;

/// Places to which one can go back.
const TRAIL: usize = 30;

#[derive(Clone, Debug, Default)]
pub struct Finding {
    /// Filters, the newest last.
    pub filters: Vec<String>,
    /// By [`key_of`].
    pub chosen: BTreeMap<String, Chosen>,
    /// The newest last.
    pub recent: Vec<String>,
    trail: Vec<Left>,
}

/// Which columns a table shows. One that is in neither list came later, and shows as it would by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Chosen {
    /// In this order, by id; `label:KEY` is a label.
    pub order: Vec<String>,
    pub hidden: Vec<String>,
    /// Of the former: where room is short, the others give way to them.
    pub first: Vec<String>,
}

/// A place that somebody left by a jump.
#[derive(Clone, Debug)]
struct Left {
    spot: Spot,
    lent: Option<Lent>,
}

/// What a jump made of the filter of another pane: who goes back does not leave it there.
#[derive(Clone, Debug)]
struct Lent {
    pane: PaneId,
    before: (String, bool),
    put: (String, bool),
}

/// Where somebody was.
#[derive(Clone, Debug, PartialEq)]
struct Spot {
    pane: PaneId,
    view: usize,
    filter: String,
    wrong_only: bool,
    selected: Option<Uid>,
    layer: Option<Box<OpenedLayer>>,
}

#[derive(Clone, Debug, PartialEq)]
enum OpenedLayer {
    Object(crate::model::ObjectRef),
    Item(super::ItemRef),
    /// It is not opened again; what lies beneath it is another place.
    Other,
}

/// What is kept between two sessions, in a file of the state folder. Nothing of a platform is in it but label keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    pub recent: Vec<String>,
    /// By pane; empty: worst first.
    pub sort: BTreeMap<String, SortOf>,
    pub columns: BTreeMap<String, Chosen>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SortOf {
    pub column: String,
    pub reverse: bool,
}

/// The table that a pane shows now, for what is kept: `pods`, `queries/tables`.
pub fn key_of(app: &App, pane: &Pane) -> String {
    match panes::item::view(app, pane) {
        Some(view) => format!("{}/{}", pane.context, view.id),
        None => pane.context.to_owned(),
    }
}

impl App {
    /// What is to be kept.
    pub fn remembered(&self) -> Remembered {
        let sorted = PANES.iter().filter_map(|pane| {
            let sort = &self.list(pane.id).sort;
            let of = SortOf {
                column: sort.column.to_owned(),
                reverse: sort.reverse,
            };
            (of != SortOf::default() && !of.column.starts_with("label:")).then(|| (pane.context.to_owned(), of))
        });
        Remembered {
            recent: self.finding.recent.clone(),
            sort: sorted.collect(),
            columns: self.finding.chosen.clone(),
        }
    }

    /// Takes what an earlier session kept. What is not known any more is left out.
    pub fn recall(&mut self, kept: Remembered) {
        self.finding.recent = kept.recent;
        self.finding.recent.truncate(KEPT);
        self.finding.chosen = kept.columns;
        for pane in &PANES {
            let Some(sort) = kept.sort.get(pane.context) else {
                continue;
            };
            let columns = panes::all_columns(self, pane);
            let column = columns.iter().map(|c| c.id).find(|id| *id == sort.column);
            let column = column.or_else(|| sort.column.is_empty().then_some(""));
            if let (Some(column), Some(list)) = (column, self.lists.get_mut(pane.id.index())) {
                list.sort.column = column;
                list.sort.reverse = sort.reverse;
            }
        }
    }

    /// It was run from the palette, by its entry's id.
    pub(crate) fn used(&mut self, id: String) {
        self.finding.recent.retain(|known| *known != id);
        self.finding.recent.push(id);
        if self.finding.recent.len() > KEPT {
            self.finding.recent.remove(0);
        }
    }

    pub(crate) fn remember(&self) -> Effect {
        Effect::Remember(Box::new(self.remembered()))
    }

    /// The filter follows the typing. While it is not understood, the one that was on before the line was opened counts:
    /// what one passed through on the way was never meant.
    pub(crate) fn filter_typed(&mut self, text: String) {
        let pane = self.active_pane();
        let fault = panes::parse_filter(self, pane, &text).err().map(|f| f.to_string());
        let before = match self.layers.last() {
            Some(Layer::Prompt(prompt)) if fault.is_some() => prompt.before.clone(),
            _ => text,
        };
        let list = self.list_mut();
        if list.filter != before || fault.is_none() {
            list.filter = before;
            list.release();
            self.refresh_pane();
        }
        if let Some(Layer::Prompt(prompt)) = self.layers.last_mut() {
            prompt.complaint = fault;
        }
    }

    /// The key runs nothing here: that is said each time, for silence looks as if the console hung.
    pub(crate) fn means_nothing(&mut self, chord: Chord) {
        // A dialog stands alone: its few keys are all in the footer, and where something is typed, any key is text.
        if chord.typed().is_some() && self.contexts().contains(&"global") {
            let (key, help) = (format_sequence(&[chord]), self.keys_for("app.help"));
            self.complain(format!("{key} does nothing here: {help} lists the keys"));
        }
    }

    /// A filter that was taken is offered again.
    pub(crate) fn keep_filter(&mut self) {
        let filter = self.list(self.pane).filter.trim().to_owned();
        if filter.is_empty() {
            return;
        }
        self.finding.filters.retain(|f| *f != filter);
        self.finding.filters.push(filter);
        if self.finding.filters.len() > KEPT {
            self.finding.filters.remove(0);
        }
    }

    /// Puts an older filter into the line (`by` -1), or a newer one.
    pub(crate) fn recall_filter(&mut self, by: isize) {
        let count = self.finding.filters.len();
        let Some(Layer::Prompt(prompt)) = self.layers.last_mut() else {
            return;
        };
        if prompt.purpose != PromptFor::Filter || count == 0 {
            return;
        }
        let at = prompt.recalled.unwrap_or(count).saturating_add_signed(by).min(count);
        prompt.recalled = Some(at);
        let text = self.finding.filters.get(at).cloned().unwrap_or_default();
        prompt.field.set(&text);
        self.filter_typed(text);
    }

    /// Ends the word in the line with the column or the label that begins so.
    pub(crate) fn complete_filter(&mut self) {
        let pane = self.active_pane();
        let Some(Layer::Prompt(Prompt {
            purpose: PromptFor::Filter,
            field,
            ..
        })) = self.layers.last()
        else {
            return;
        };
        let text = field.text().to_owned();
        let from = text.rfind([' ', ',', '!']).map_or(0, |at| at + 1);
        let Some((before, word)) = text.split_at_checked(from) else {
            return;
        };
        let in_selector =
            before.rsplit(' ').next().is_some_and(|w| w.contains(',')) || before.trim_end().ends_with("-l");
        let fields = panes::fields(self, pane);
        let labels = panes::label_keys(self, pane);
        let known = fields.iter().map(|f| (*f).to_owned()).filter(|_| !in_selector);
        let found: Vec<String> = known.chain(labels).filter(|n| n.starts_with(word)).collect();
        let Some(whole) = common_beginning(&found).filter(|w| w.len() > word.len()) else {
            if let Some(Layer::Prompt(prompt)) = self.layers.last_mut()
                && !found.is_empty()
            {
                prompt.hint = format!("columns and labels  {}", found.join("  "));
            }
            return;
        };
        let text = format!("{before}{whole}");
        if let Some(Layer::Prompt(prompt)) = self.layers.last_mut() {
            prompt.field.set(&text);
        }
        self.filter_typed(text);
    }

    /// Notes where one is, to come back.
    pub(crate) fn leave_a_trail(&mut self) {
        let spot = self.spot();
        if self.finding.trail.last().map(|left| &left.spot) != Some(&spot) {
            self.finding.trail.push(Left { spot, lent: None });
        }
        if self.finding.trail.len() > TRAIL {
            self.finding.trail.remove(0);
        }
    }

    /// What each pane lets through.
    pub(crate) fn filters(&self) -> Vec<(String, bool)> {
        let of = |pane: &Pane| {
            let list = self.list(pane.id);
            (list.filter.clone(), list.wrong_only)
        };
        PANES.iter().map(of).collect()
    }

    /// The jump that just left a trail changed what the pane lets through, to which it led.
    pub(crate) fn lent_since(&mut self, before: Vec<(String, bool)>) {
        let at = PANES.iter().position(|p| p.id == self.pane);
        let put = at.and_then(|at| self.filters().into_iter().nth(at));
        let before = at.and_then(|at| before.into_iter().nth(at));
        if let (Some(before), Some(put), Some(left)) = (before, put, self.finding.trail.last_mut())
            && before != put
            && left.spot.pane != self.pane
        {
            let pane = self.pane;
            left.lent = Some(Lent { pane, before, put });
        }
    }

    fn give_back(&mut self, lent: Lent) {
        self.pane = lent.pane;
        let list = self.list_mut();
        // Who changed it meanwhile keeps that.
        if (&list.filter, list.wrong_only) == (&lent.put.0, lent.put.1) {
            (list.filter, list.wrong_only) = lent.before;
            list.release();
            self.refresh_pane();
        }
    }

    fn spot(&self) -> Spot {
        let list = self.list(self.pane);
        Spot {
            pane: self.pane,
            view: self.views.get(self.pane.index()).copied().unwrap_or(0),
            filter: list.filter.clone(),
            wrong_only: list.wrong_only,
            selected: list.selected().map(|r| r.uid().clone()),
            layer: match self.layers.last() {
                Some(Layer::Detail(d)) => Some(Box::new(OpenedLayer::Object(d.object.clone()))),
                Some(Layer::Item(i)) => Some(Box::new(OpenedLayer::Item(i.what.clone()))),
                Some(_) => Some(Box::new(OpenedLayer::Other)),
                None => None,
            },
        }
    }

    /// Goes back to where one was before the last jump. `None`: there was none.
    pub(crate) fn go_back(&mut self) -> Option<Vec<Effect>> {
        let here = self.spot();
        let mut left = self.finding.trail.pop()?;
        while left.spot == here {
            left = self.finding.trail.pop()?;
        }
        let Left { spot, lent } = left;
        let effects = self.pop_layers();
        if let Some(lent) = lent {
            self.give_back(lent);
        }
        self.go_to_pane(spot.pane, spot.view);
        let list = self.list_mut();
        list.filter = spot.filter;
        list.wrong_only = spot.wrong_only;
        list.release();
        self.refresh_pane();
        let now = self.now;
        if let Some(uid) = spot.selected {
            self.list_mut().select(&uid, now);
        }
        match spot.layer.map(|l| *l) {
            Some(OpenedLayer::Object(object)) => {
                self.layers
                    .push(Layer::Detail(super::layers::Detail::new(object, false)));
            }
            Some(OpenedLayer::Item(item)) => {
                self.layers
                    .push(Layer::Item(super::layers::ItemView::new(spot.pane, item)));
            }
            Some(OpenedLayer::Other) | None => {}
        }
        Some(effects)
    }

    pub(crate) fn forget_trail(&mut self) {
        self.finding.trail.clear();
    }

    /// Opens a pane with one of its tables; a filter that hid things is left behind with it.
    pub(crate) fn go_to_pane(&mut self, pane: PaneId, view: usize) {
        self.pane = pane;
        self.focus = Focus::Pane;
        if let Some(slot) = self.views.get_mut(pane.index())
            && *slot != view
        {
            *slot = view;
            let list = self.list_mut();
            list.clear();
        }
        self.refresh_pane();
    }

    /// What was done to a marked row takes its mark away; what failed stays marked.
    pub(crate) fn unmark_done(&mut self, activity: &super::Activity, stage: &Stage) {
        let Stage::Executed {
            step,
            outcome: Outcome::Applied | Outcome::NoOp,
        } = stage
        else {
            return;
        };
        let Some(target) = activity.targets.get(*step) else {
            return;
        };
        // Of a thing that takes several steps each must have been done.
        if activity.fate(target) != Fate::Done {
            return;
        }
        for list in &mut self.lists {
            list.unmark(|mark| match (target, &mark.item) {
                (Target::Object(object), _) => mark.object.as_ref() == Some(object),
                (
                    Target::Thing(thing),
                    Some(ItemRef::Session {
                        source,
                        pid,
                        backend_start,
                    }),
                ) => {
                    let began = backend_start.as_deref().is_some_and(|began| *thing.id == *began);
                    *source == thing.source.name
                        && &*thing.kind == "session"
                        && *thing.name == *pid.to_string()
                        && began
                }
                (Target::Thing(thing), Some(ItemRef::Table { source, schema, name })) => {
                    *source == thing.source.name && &*thing.kind == "table" && *thing.name == format!("{schema}.{name}")
                }
                (Target::Thing(thing), Some(ItemRef::Index { source, schema, name })) => {
                    *source == thing.source.name && &*thing.kind == "index" && *thing.name == format!("{schema}.{name}")
                }
                (Target::Thing(thing), Some(ItemRef::Queue { source, queue })) => {
                    *source == thing.source.name && &*thing.kind == "queue" && thing.name == *queue
                }
                (Target::Thing(thing), Some(ItemRef::Certificate { source, id })) => {
                    *source == thing.source.name && &*thing.kind == "certificate" && thing.id == id.uid
                }
                _ => false,
            });
        }
    }

    /// What was marked and is gone, as soon as that is sure: it is said, and it is not acted on.
    pub(crate) fn bury_marks(&mut self) {
        let mut gone = Vec::new();
        for pane in &PANES {
            if self.list(pane.id).marks.is_empty() || self.pane_feed(pane) != Freshness::Fresh {
                continue;
            }
            let Some(slot) = self.lists.get_mut(pane.id.index()) else {
                continue;
            };
            let world = &self.world;
            if pane.id == PaneId::Pods {
                gone.extend(slot.bury(|_, mark| mark.object.as_ref().is_some_and(|o| world.pod(o).is_some())));
            } else {
                let there: std::collections::BTreeSet<Uid> = slot.uids().cloned().collect();
                gone.extend(slot.bury(|uid, _| there.contains(uid)));
            }
        }
        match gone.as_slice() {
            [] => {}
            [one] => drop(self.say(format!("{one} is gone, and its mark with it"))),
            [one, rest @ ..] => {
                drop(self.say(format!(
                    "{one} and {} more are gone, and their marks with them",
                    rest.len()
                )));
            }
        }
    }
}

fn common_beginning(words: &[String]) -> Option<String> {
    let first = words.first()?;
    let mut end = first.len();
    for word in words {
        let same = first.chars().zip(word.chars()).take_while(|(a, b)| a == b);
        end = end.min(same.map(|(c, _)| c.len_utf8()).sum());
    }
    first.get(..end).map(str::to_owned)
}
