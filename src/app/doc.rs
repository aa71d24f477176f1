//! Text that scrolls: coloured lines, where we are in them, and a search.

use crate::theme::Role;

/// One line in pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line(pub Vec<(String, Role)>);

impl Line {
    pub fn new(text: impl Into<String>, role: Role) -> Self {
        Self(vec![(text.into(), role)])
    }

    pub fn plain(text: impl Into<String>) -> Self {
        Self::new(text, Role::Text)
    }

    pub fn heading(text: impl Into<String>) -> Self {
        Self::new(text, Role::Title)
    }

    /// `label     value`, with the label in 12 columns.
    pub fn pair(label: &str, value: impl Into<String>) -> Self {
        Self::pair_role(label, value, Role::Text)
    }

    pub fn pair_role(label: &str, value: impl Into<String>, role: Role) -> Self {
        Self(vec![(format!("{label:<12} "), Role::TextMuted), (value.into(), role)])
    }

    #[must_use]
    pub fn and(mut self, text: impl Into<String>, role: Role) -> Self {
        self.0.push((text.into(), role));
        self
    }

    /// What a key does here: nothing to whoever reads the line without a keyboard.
    #[must_use]
    pub fn hint(self, text: impl std::fmt::Display) -> Self {
        self.and(format!("   {text}"), Role::KeyLabel)
    }

    pub fn text(&self) -> String {
        self.0.iter().map(|(t, _)| t.as_str()).collect()
    }
}

/// Where a view stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scroll {
    pub top: usize,
    pub left: usize,
    /// Lines on screen, and lines in all, as last drawn.
    pub page: usize,
    pub len: usize,
    pub wrap: bool,
    pub search: String,
    /// Index of the line that the search stands on.
    pub hit: Option<usize>,
}

impl Scroll {
    pub fn by(&mut self, lines: isize) {
        self.top = self.top.saturating_add_signed(lines).min(self.last_top());
    }

    pub fn pages(&mut self, numerator: isize, denominator: isize) {
        let page = self.page.max(2) as isize;
        self.by((page * numerator / denominator).clamp(-page, page));
    }

    pub fn last_top(&self) -> usize {
        self.len.saturating_sub(self.page.max(1))
    }

    pub fn at_end(&self) -> bool {
        self.top >= self.last_top()
    }

    pub fn end(&mut self) {
        self.top = self.last_top();
    }

    /// The place of the line that the search stands on among all that it found, and how many those are.
    pub fn hits<'a>(&self, lines: impl Iterator<Item = &'a str>) -> Option<(usize, usize)> {
        let (at, needle) = (self.hit?, self.search.to_lowercase());
        let holds = |(i, line): (usize, &str)| line.to_lowercase().contains(&needle).then_some(i);
        let all: Vec<usize> = lines.enumerate().filter_map(holds).collect();
        Some((all.iter().position(|i| *i == at)? + 1, all.len()))
    }

    /// Finds the next (or previous) line that holds the search text; comes round at the end.
    pub fn find(&mut self, lines: &[String], forward: bool) -> bool {
        let needle = self.search.to_lowercase();
        if needle.is_empty() || lines.is_empty() {
            return false;
        }
        let n = lines.len();
        let from = self.hit.unwrap_or(if forward {
            (self.top + n).saturating_sub(1) % n
        } else {
            self.top
        }) % n;
        let order: Box<dyn Iterator<Item = usize>> = if forward {
            Box::new((1..=n).map(move |d| (from + d) % n))
        } else {
            Box::new((1..=n).map(move |d| (from + n - d) % n))
        };
        for i in order {
            if lines.get(i).is_some_and(|l| l.to_lowercase().contains(&needle)) {
                self.hit = Some(i);
                if i < self.top || i >= self.top + self.page.max(1) {
                    self.top = i.saturating_sub(self.page / 3).min(self.last_top());
                }
                return true;
            }
        }
        self.hit = None;
        false
    }
}
