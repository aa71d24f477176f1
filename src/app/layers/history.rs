//! Revisions of a workload: which is on, what each was, and what differs.

use similar::{ChangeTag, TextDiff};

use crate::app::doc::{Line, Scroll};
use crate::app::msg::{HistoryRow, Token};
use crate::model::ObjectRef;
use crate::theme::Role;

/// What the selected revision is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiffAgainst {
    /// The revision that is on: what a roll-back would change.
    Current,
    /// The one before it: what that revision brought.
    Previous,
}

#[derive(Clone, Debug)]
pub struct History {
    pub object: ObjectRef,
    pub token: Token,
    /// Newest first; `None` while it is read.
    pub rows: Option<Result<Vec<HistoryRow>, String>>,
    pub cursor: usize,
    pub scroll: Scroll,
    pub against: DiffAgainst,
}

impl History {
    pub fn new(object: ObjectRef, token: Token) -> Self {
        Self {
            object,
            token,
            rows: None,
            cursor: 0,
            scroll: Scroll::default(),
            against: DiffAgainst::Current,
        }
    }

    pub fn rows(&self) -> &[HistoryRow] {
        match &self.rows {
            Some(Ok(rows)) => rows,
            _ => &[],
        }
    }

    /// Takes the revisions; the cursor goes to the one before the current: the likely target.
    pub fn take(&mut self, mut rows: Vec<HistoryRow>) {
        rows.sort_by_key(|r| std::cmp::Reverse(r.revision));
        let current = rows.iter().position(|r| r.current).unwrap_or(0);
        self.cursor = if rows.len() > current + 1 { current + 1 } else { current };
        self.rows = Some(Ok(rows));
    }

    pub fn selected(&self) -> Option<&HistoryRow> {
        self.rows().get(self.cursor)
    }

    pub fn current(&self) -> Option<&HistoryRow> {
        self.rows().iter().find(|r| r.current)
    }

    /// The two revisions that are compared, from older reading to newer: (before, after).
    pub fn compared(&self) -> Option<(&HistoryRow, &HistoryRow)> {
        let selected = self.selected()?;
        match self.against {
            DiffAgainst::Current => Some((self.current()?, selected)),
            DiffAgainst::Previous => Some((self.rows().get(self.cursor + 1)?, selected)),
        }
    }

    /// The difference of the two templates, with three lines around each change.
    pub fn diff(&self) -> Vec<Line> {
        let Some((before, after)) = self.compared() else {
            return vec![Line::new("there is no older revision to compare with", Role::TextMuted)];
        };
        if before.revision == after.revision {
            return vec![Line::new("this is the revision that is on", Role::TextMuted)];
        }
        diff_lines(&before.template, &after.template)
    }
}

/// A unified difference without file headers.
pub fn diff_lines(before: &str, after: &str) -> Vec<Line> {
    let diff = TextDiff::from_lines(before, after);
    let mut lines = Vec::new();
    for (i, group) in diff.grouped_ops(3).iter().enumerate() {
        if i > 0 {
            lines.push(Line::new("  ⋯", Role::TextMuted));
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let (mark, role) = match change.tag() {
                ChangeTag::Delete => ("- ", Role::DiffRemove),
                ChangeTag::Insert => ("+ ", Role::DiffAdd),
                ChangeTag::Equal => ("  ", Role::TextMuted),
            };
            lines.push(Line::new(
                format!("{mark}{}", change.value().trim_end_matches('\n')),
                role,
            ));
        }
    }
    if lines.is_empty() {
        lines.push(Line::new("the templates are the same", Role::TextMuted));
    }
    lines
}
