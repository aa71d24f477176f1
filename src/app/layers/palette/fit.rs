//! How well a name fits what was typed. A word that stands there goes before one that only begins so, and both before
//! letters that are scattered over it: whoever types a command's name runs that command or learns why not, never another.

use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use crate::app::filter::in_order;

/// With fewer letters, everything would match.
const LEAST: usize = 2;

/// From the loosest to the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// Nothing was typed.
    Any,
    /// The letters are there, in this order.
    Scattered,
    /// A part of the name.
    Part,
    /// Words of the name or of the sentence begin so.
    Sentence,
    /// Words of the name begin so.
    Begins,
    /// They are words of the name.
    Words,
    /// It is the name, or what others call it.
    Name,
    /// It is what a command is called: that command runs, or says why not, whatever else has the same name.
    Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fit {
    pub class: Class,
    /// Among those of one class.
    pub score: u32,
}

/// What was typed.
pub(super) struct Needle {
    matcher: Matcher,
    pattern: Pattern,
    /// Lower case; `.` and `_` part words as blanks do.
    words: Vec<String>,
    /// Without blanks.
    letters: String,
    buffer: Vec<char>,
}

impl Needle {
    pub fn new(typed: &str) -> Self {
        let typed = typed.to_lowercase();
        let kind = AtomKind::Fuzzy;
        Self {
            matcher: Matcher::new(Config::DEFAULT),
            pattern: Pattern::new(&typed, CaseMatching::Ignore, Normalization::Smart, kind),
            words: typed
                .split(|c: char| c.is_whitespace() || matches!(c, '.' | '_'))
                .filter(|w| !w.is_empty())
                .map(str::to_owned)
                .collect(),
            letters: typed.split_whitespace().collect(),
            buffer: Vec::new(),
        }
    }

    pub const fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// Too little to look for among thousands of names.
    pub const fn is_short(&self) -> bool {
        self.letters.len() < LEAST
    }

    /// Whether it can fit at all: to look costs a tenth of ranking.
    pub fn may_fit(&self, name: &str) -> bool {
        self.words.len() > 1 || in_order(name, &self.letters)
    }

    /// How a name fits. `strictly`: scattered letters are no reason, nor is the middle of a word.
    pub fn name(&mut self, name: &str, strictly: bool) -> Option<Fit> {
        if self.is_empty() {
            return Some(Fit {
                class: Class::Any,
                score: 0,
            });
        }
        let score = self
            .pattern
            .score(Utf32Str::new(name, &mut self.buffer), &mut self.matcher);
        let all = |least: Stands| self.words.iter().all(|w| stands(name, w) >= least);
        let class = if name.eq_ignore_ascii_case(&self.letters) {
            Class::Name
        } else if all(Stands::Word) {
            Class::Words
        } else if all(Stands::Begin) {
            Class::Begins
        } else if strictly || self.is_short() {
            return None;
        } else if all(Stands::Part) {
            Class::Part
        } else {
            score.map(|_| Class::Scattered)?
        };
        Some(Fit {
            class,
            score: score.unwrap_or(0),
        })
    }

    /// How a name fits, or else its name and its sentence together, of which only beginnings of words count.
    pub fn sentence(&mut self, name: &str, sentence: &str, strictly: bool) -> Option<Fit> {
        let named = self.name(name, strictly);
        if named.is_some_and(|fit| fit.class > Class::Sentence) {
            return named;
        }
        let begins = |w: &String| stands(name, w).max(stands(sentence, w)) >= Stands::Begin;
        if self.is_empty() || !self.words.iter().all(begins) {
            return named;
        }
        // The more of it stands in the name, and whole, the better.
        let worth = |w: &String| 2 * stands(name, w) as u32 + stands(sentence, w) as u32;
        Some(Fit {
            class: Class::Sentence,
            score: self.words.iter().map(worth).sum(),
        })
    }

    /// Whether a command is called so: by its whole id, or by what stands behind the dot.
    pub fn calls(&self, id: &str) -> bool {
        let plain = |text: &str| text.replace(['.', '_', ' '], "");
        let own = id.split_once('.').map_or(id, |(_, own)| own);
        let typed = plain(&self.letters);
        !typed.is_empty() && (typed == plain(id) || typed == plain(own))
    }

    /// Whether it is one of these, as it stands.
    pub fn is_one_of(&self, names: &[&str]) -> bool {
        names.iter().any(|n| *n == self.letters)
    }
}

/// How a word stands in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stands {
    Not,
    Part,
    Begin,
    Word,
}

/// `word`: lower case.
fn stands(text: &str, word: &str) -> Stands {
    let mut best = Stands::Not;
    let bounded = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    // A sign at its own end is a border.
    let open = bounded(word.chars().next());
    let shut = bounded(word.chars().next_back());
    for (at, _) in text.char_indices() {
        let Some((before, rest)) = text.split_at_checked(at) else {
            continue;
        };
        let Some(part) = rest.get(..word.len()) else { continue };
        if !part.eq_ignore_ascii_case(word) && part.to_lowercase() != word {
            continue;
        }
        let after = rest.get(word.len()..).and_then(|r| r.chars().next());
        best = best.max(
            match (open || bounded(before.chars().next_back()), shut || bounded(after)) {
                (true, true) => Stands::Word,
                (true, false) => Stands::Begin,
                (false, _) => Stands::Part,
            },
        );
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(typed: &str, name: &str, strictly: bool) -> Option<Class> {
        Needle::new(typed).name(name, strictly).map(|f| f.class)
    }

    #[test]
    fn a_word_goes_before_its_beginning_and_both_before_scattered_letters() {
        assert_eq!(class("cordon", "action cordon", true), Some(Class::Words));
        assert_eq!(class("action.cordon", "action cordon", true), Some(Class::Words));
        assert_eq!(class("Cord", "action cordon", true), Some(Class::Begins));
        assert_eq!(class("ordon", "action cordon", false), Some(Class::Part));
        assert_eq!(class("ctxweb", "cortex-web", false), Some(Class::Scattered));
        assert_eq!(class("cortex-web", "cortex-web", false), Some(Class::Name));
        assert_eq!(class("cortex-web", "cortex-web-7f9c", false), Some(Class::Words));
        assert_eq!(class("dp", "action delete pod", true), None);
        assert_eq!(class("zz", "cortex-web", false), None);
    }

    #[test]
    fn of_a_sentence_only_beginnings_of_words_count() {
        let fit = |typed: &str| Needle::new(typed).sentence("app quit", "leave the console", false);
        assert_eq!(fit("cons quit").map(|f| f.class), Some(Class::Sentence));
        assert_eq!(fit("onsole"), None);
        assert_eq!(fit("lvtc"), None);
    }
}
