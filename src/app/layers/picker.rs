//! A list to choose from: context, namespaces, container, runbook.

use std::collections::BTreeSet;

use crate::app::field::Field;
use crate::model::ObjectRef;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub value: String,
    pub label: String,
    pub hint: String,
}

/// What the choice is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PickerFor {
    Context,
    /// Several may be marked; none marked and Enter takes the one under the cursor.
    Namespaces,
    LogContainer,
    /// Of which container the image is set.
    ImageContainer(ObjectRef),
    Runbook,
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
        }
    }

    pub fn shown(&self) -> Vec<&Choice> {
        let needle = self.field.text().to_lowercase();
        self.choices
            .iter()
            .filter(|c| {
                needle.is_empty() || c.label.to_lowercase().contains(&needle) || c.hint.to_lowercase().contains(&needle)
            })
            .collect()
    }

    pub fn step(&mut self, by: isize) {
        let last = self.shown().len().saturating_sub(1);
        self.cursor = self.cursor.saturating_add_signed(by).min(last);
    }

    pub fn selected(&self) -> Option<&Choice> {
        self.shown().get(self.cursor).copied()
    }
}
