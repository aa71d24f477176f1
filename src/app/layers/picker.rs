//! A list to choose from: context, namespaces, container, runbook.

use std::collections::BTreeSet;

use crate::action::{Offer, Offered};
use crate::app::Token;
use crate::app::field::Field;
use crate::app::filter::{Fact, Facts, Filter, Vocabulary, contains};
use crate::app::finding::Chosen;
use crate::app::jumps::Jump;
use crate::model::ObjectRef;
use crate::runbook::facts::Subject;
use crate::signal::SignalKey;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub value: String,
    pub label: String,
    pub hint: String,
}

impl Facts for Choice {
    fn any_text(&self, test: &mut dyn FnMut(&str) -> bool) -> bool {
        [&self.label, &self.value, &self.hint]
            .into_iter()
            .any(|text| test(text))
    }

    fn fact(&self, _: &str, _: &mut dyn FnMut(Fact<'_>) -> bool) -> bool {
        false
    }

    fn label(&self, _: &str) -> Option<&str> {
        None
    }
}

/// What the choice is for.
#[derive(Clone, Debug, PartialEq)]
pub enum PickerFor {
    Context,
    /// Several may be marked. Who marked none here takes the one under the cursor.
    Namespaces,
    LogContainer,
    /// In which container a shell is opened.
    ExecContainer(ObjectRef),
    /// Which cell of the selected row is copied.
    CopyCell,
    /// Of the pane, those that show are marked.
    Columns,
    /// By which column the pane is sorted.
    Sort,
    /// What is related to what was at hand, in the order of the choices.
    Jump {
        to: Vec<Jump>,
        /// Some of it is still being read.
        token: Option<Token>,
    },
    /// Of which container the image is set.
    ImageContainer(ObjectRef),
    /// Which parameter of a run is changed.
    RunParams {
        run: u64,
    },
    /// The value of one.
    RunParam {
        run: u64,
        name: String,
    },
    /// Of an incident.
    Incident(super::IncidentPick),
    /// Of which container the resources are set.
    ResourcesContainer(ObjectRef),
    /// Read when it was opened; `offered` in the order of the choices, whose values are their places.
    Offer {
        offer: Offer,
        token: Token,
        offered: Vec<Offered>,
    },
    /// Where a Secret's new value comes from.
    SecretValue {
        target: ObjectRef,
        key: String,
    },
    /// The theme that was on before.
    Theme {
        was: String,
    },
    /// For what was selected when the list was opened.
    Runbook(Option<Box<Subject>>),
    /// Where nothing is wrong with what was selected. The empty value is the cause that the strip showed.
    BestRunbook {
        subject: Option<Box<Subject>>,
        cause: Option<SignalKey>,
    },
}

#[derive(Clone, Debug)]
pub struct Picker {
    pub title: String,
    pub purpose: PickerFor,
    pub choices: Vec<Choice>,
    /// Shown instead of choices while they are being read, or when there are none.
    pub note: String,
    pub field: Field,
    pub cursor: usize,
    pub marked: BTreeSet<String>,
    /// Of columns: those that are marked, and for which the table has no room as wide as it is.
    pub crowded: BTreeSet<String>,
    /// Of columns: those that were asked for although there was no room.
    pub first: BTreeSet<String>,
    /// Somebody marked or unmarked here: the marks are what Enter takes.
    pub chose: bool,
}

impl Picker {
    pub fn new(title: &str, purpose: PickerFor, choices: Vec<Choice>) -> Self {
        Self {
            title: title.to_owned(),
            purpose,
            choices,
            note: String::new(),
            field: Field::default(),
            cursor: 0,
            marked: BTreeSet::new(),
            crowded: BTreeSet::new(),
            first: BTreeSet::new(),
            chose: false,
        }
    }

    /// The choices that the line lets through, in the language of the tables' filters; as a plain text where it is none.
    /// First those whose name has just what is typed: who types a name means it, and not a word in a description.
    pub fn shown(&self) -> Vec<&Choice> {
        let text = self.field.text();
        let needle = text.trim().to_lowercase();
        let filter = Filter::parse(text, Vocabulary::default());
        let passes = |c: &&Choice| match &filter {
            Ok(filter) => filter.lets_through(*c),
            Err(_) => c.any_text(&mut |text| contains(text, &needle)),
        };
        let mut shown: Vec<&Choice> = self.choices.iter().filter(passes).collect();
        shown.sort_by_cached_key(|c| !contains(&c.label, &needle));
        shown
    }

    /// What is typed, as names: with commas between them, several.
    pub fn typed(&self) -> Vec<String> {
        let names = self.field.text().split(',').map(str::trim);
        names.filter(|n| !n.is_empty()).map(str::to_owned).collect()
    }

    /// Marks or unmarks the choice under the cursor; what is typed, where the list does not have it.
    pub fn mark(&mut self) {
        let names = match self.selected() {
            Some(choice) => vec![choice.value.clone()],
            None => self.typed(),
        };
        for name in names {
            self.chose = true;
            // Who asks for a column that has no room wants to see it, not to take it away.
            if self.crowded.remove(&name) {
                self.first.insert(name);
                continue;
            }
            self.first.remove(&name);
            if !self.marked.remove(&name) {
                self.marked.insert(name);
            }
        }
        self.step(1);
    }

    /// Which columns the table would show if these were taken.
    pub fn columns(&self) -> Chosen {
        let ids = self.choices.iter().map(|c| c.value.clone());
        let (order, hidden): (Vec<String>, Vec<String>) = ids.partition(|id| self.marked.contains(id));
        Chosen {
            first: order.iter().filter(|id| self.first.contains(*id)).cloned().collect(),
            order,
            hidden: hidden.into_iter().filter(|id| !id.starts_with("label:")).collect(),
        }
    }

    pub fn step(&mut self, by: isize) {
        let last = self.shown().len().saturating_sub(1);
        self.cursor = self.cursor.saturating_add_signed(by).min(last);
    }

    pub fn selected(&self) -> Option<&Choice> {
        self.shown().get(self.cursor).copied()
    }
}
