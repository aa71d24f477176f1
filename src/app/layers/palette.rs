//! The palette: every command by name, with its key, its sentence, and the reason when it cannot be used now.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use crate::app::App;
use crate::app::command::{Command, all};
use crate::app::field::Field;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: &'static str,
    pub doc: &'static str,
    pub group: &'static str,
    /// Why it cannot be used now.
    pub why_not: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub struct Palette {
    pub field: Field,
    pub entries: Vec<Entry>,
    pub cursor: usize,
}

impl Palette {
    /// Ranks the commands for what was typed: usable ones first.
    pub fn refresh(&mut self, app: &App) {
        let needle = self.field.text().trim().to_owned();
        let mut matcher = Matcher::new(Config::DEFAULT);
        let pattern = Pattern::parse(&needle, CaseMatching::Ignore, Normalization::Smart);
        let mut buffer = Vec::new();
        let mut found: Vec<(u32, bool, &Command, Option<String>)> = all()
            .filter(|c| listed(c))
            .filter_map(|c| {
                let hay = format!("{} {}", c.id.replace(['.', '_'], " "), c.doc);
                let score = pattern.score(Utf32Str::new(&hay, &mut buffer), &mut matcher)?;
                let why = (c.when)(app).err();
                Some((score, why.is_some(), c, why))
            })
            .collect();
        // The order of the table is kept among equals.
        found.sort_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)));
        self.entries = found
            .into_iter()
            .map(|(_, _, c, why_not)| Entry {
                id: c.id,
                doc: c.doc,
                group: c.group,
                why_not,
            })
            .collect();
        self.cursor = self.cursor.min(self.entries.len().saturating_sub(1));
    }
}

/// Keys of dialogs and of moving about make no sense from the palette.
pub(crate) fn listed(c: &Command) -> bool {
    !matches!(c.group, "Moving" | "Dialogs") && !c.id.starts_with("plan.")
}
