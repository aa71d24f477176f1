//! Shares what repeats: namespaces, nodes, images, label keys and values, whole sets of labels.

use std::collections::HashSet;
use std::sync::Arc;

use crate::model::Str;

/// One set of labels.
type Labels = Arc<[(Str, Str)]>;

/// Keeps one copy of each text as long as somebody uses it. One per watch, so nobody waits for a lock.
#[derive(Default)]
pub struct Interner {
    texts: HashSet<Str>,
    labels: HashSet<Labels>,
    /// Cleaned when the sets have grown to this.
    limit: usize,
}

impl Interner {
    pub fn text(&mut self, text: &str) -> Str {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        self.clean();
        let new: Str = Arc::from(text);
        self.texts.insert(Arc::clone(&new));
        new
    }

    /// Sorted by key.
    pub fn labels<'a>(&mut self, pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Labels {
        let mut list: Vec<(Str, Str)> = pairs.map(|(k, v)| (self.text(k), self.text(v))).collect();
        list.sort();
        if let Some(known) = self.labels.get(list.as_slice()) {
            return Arc::clone(known);
        }
        let new: Labels = list.into();
        self.labels.insert(Arc::clone(&new));
        new
    }

    /// Forgets what nobody else holds. Each time it works, the limit doubles over what is left: the cost is spread.
    fn clean(&mut self) {
        if self.texts.len() + self.labels.len() < self.limit.max(4096) {
            return;
        }
        self.labels.retain(|l| Arc::strong_count(l) > 1);
        self.texts.retain(|t| Arc::strong_count(t) > 1);
        self.limit = 2 * (self.texts.len() + self.labels.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one_and_unused_ones_are_forgotten() {
        let mut i = Interner::default();
        let a = i.text("kept");
        assert!(Arc::ptr_eq(&a, &i.text("kept")));
        let l = i.labels([("b", "2"), ("a", "1")].into_iter());
        assert!(Arc::ptr_eq(&l, &i.labels([("a", "1"), ("b", "2")].into_iter())));
        for n in 0..100_000 {
            i.text(&n.to_string());
        }
        assert!(i.texts.len() < 10_000, "{}", i.texts.len());
        assert!(i.texts.contains("kept"));
    }
}
