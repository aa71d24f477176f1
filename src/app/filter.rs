//! What a table's filter says, the same language in every table:
//!
//! ```text
//! web api          both texts, somewhere in the row         !web    without it
//! ~wbapi           the letters in this order                "a b"   with the blank
//! /5\d\d/          a regular expression                     -l app=web,tier in (a,b),!old   labels, as kubectl
//! status=Running   a column: =  !=  :  <  <=  >  >=         app=web               a label, where rows have any
//! ```
//!
//! A pattern without capitals does not look at case. `*` in a value stands for anything.

mod measure;
mod parse;
mod text;

use super::BETWEEN;

pub use measure::{Measure, amount};
use text::{Pattern, Word, like};
pub use text::{contains, in_order};

/// A filter that was understood. The empty one lets everything through.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    terms: Vec<Term>,
    /// Its answer for a row may change though the row does not: it asks for an age, or for what is in use.
    volatile: bool,
}

/// What a table has to be asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vocabulary<'a> {
    /// Column ids.
    pub fields: &'a [&'static str],
    /// Its rows have labels.
    pub labels: bool,
}

/// Why a filter was not understood, for the person who types it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub String);

#[derive(Clone, Debug)]
struct Term {
    want: bool,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Word(Box<Word>),
    /// Lower case.
    Fuzzy(String),
    Regex(Pattern),
    Label {
        key: String,
        /// `None`: that it has the label at all.
        value: Option<Wanted>,
    },
    /// Any of these values, lower case.
    LabelIn {
        key: String,
        values: Vec<String>,
    },
    Field {
        field: &'static str,
        op: Op,
        value: Wanted,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Is,
    Has,
    Less,
    LessOrSame,
    More,
    MoreOrSame,
}

/// A value as it was typed, and the number that it is.
#[derive(Clone, Debug, PartialEq)]
struct Wanted {
    /// Lower case.
    text: String,
    number: Option<f64>,
}

/// What a row says of one column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fact<'a> {
    Text(&'a str),
    Number(f64),
    Unknown,
}

/// What a filter asks of a row.
pub trait Facts {
    /// Whether any of the texts that one searches passes.
    fn any_text(&self, test: &mut dyn FnMut(&str) -> bool) -> bool;
    /// The same texts in small letters, with [`BETWEEN`] between them, where they were prepared: one look instead of many.
    fn words(&self) -> Option<&str> {
        None
    }
    /// Hands over what stands in a column.
    fn fact(&self, field: &str, test: &mut dyn FnMut(Fact<'_>) -> bool) -> bool;
    fn label(&self, key: &str) -> Option<&str>;
}

impl Filter {
    /// # Errors
    /// What of it is not understood, and what would be.
    pub fn parse(text: &str, of: Vocabulary<'_>) -> Result<Self, Fault> {
        let terms = parse::terms(text, of)?;
        let volatile = |t: &Term| matches!(&t.what, What::Field { field, .. } if measure::moves_by_itself(field));
        Ok(Self {
            volatile: terms.iter().any(volatile),
            terms,
        })
    }

    /// Where nothing passed: what was perhaps meant instead. `of`: what the table can be asked for.
    pub fn advice(&self, of: Vocabulary<'_>) -> Option<String> {
        let fields = || of.fields.join(", ");
        self.terms.iter().filter(|t| t.want).find_map(|t| match &t.what {
            What::Field {
                field,
                op: Op::Is,
                value,
            } if value.number.is_none() && !value.text.contains('*') => {
                let text = &value.text;
                Some(format!("{field}={text} is the whole of it, {field}:{text} a part"))
            }
            What::Label { key, value: Some(_) } if !key.contains(['.', '/']) => Some(format!(
                "{key} is no column here, so it is taken for a label; columns: {}",
                fields()
            )),
            What::Word(word) => {
                let (left, _) = word.text.split_once(':')?;
                let is_name = left.len() > 1 && left.chars().all(|c| c.is_ascii_alphabetic());
                is_name.then(|| {
                    format!(
                        "{left} is no column here, so it is taken for a text; columns: {}",
                        fields()
                    )
                })
            }
            _ => None,
        })
    }

    /// It asks what is used of CPU or memory, which is read only where somebody wants to know.
    pub fn asks_for_usage(&self) -> bool {
        let usage = |t: &Term| {
            matches!(
                &t.what,
                What::Field {
                    field: "cpu" | "memory",
                    ..
                }
            )
        };
        self.terms.iter().any(usage)
    }

    pub const fn is_volatile(&self) -> bool {
        self.volatile
    }

    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    pub fn lets_through(&self, row: &impl Facts) -> bool {
        self.terms.iter().all(|t| t.what.fits(row) == t.want)
    }

    /// Whether every row that passes this passes `other`, for sure: words were added, or grew.
    pub fn is_narrower_than(&self, other: &Self) -> bool {
        let known = !self.volatile && !other.volatile;
        known
            && other
                .terms
                .iter()
                .all(|wide| self.terms.iter().any(|t| t.implies(wide)))
    }
}

impl Term {
    fn implies(&self, other: &Self) -> bool {
        if self.want != other.want {
            return false;
        }
        match (&self.what, &other.what) {
            // What lacks a part lacks the whole.
            (What::Word(a), What::Word(b)) => {
                if self.want {
                    a.text.contains(&b.text)
                } else {
                    b.text.contains(&a.text)
                }
            }
            (What::Fuzzy(a), What::Fuzzy(b)) => a == b,
            (What::Regex(a), What::Regex(b)) => a.regex.as_str() == b.regex.as_str(),
            (What::Label { key: a, value: v }, What::Label { key: b, value: w }) => a == b && v == w,
            (What::LabelIn { key: a, values: v }, What::LabelIn { key: b, values: w }) => a == b && v == w,
            (
                What::Field { field, op, value },
                What::Field {
                    field: other,
                    op: how,
                    value: what,
                },
            ) => field == other && op == how && value == what,
            _ => false,
        }
    }
}

impl What {
    fn fits(&self, row: &impl Facts) -> bool {
        match self {
            Self::Word(word) => match row.words() {
                Some(words) => word.is_in(words),
                None => row.any_text(&mut |text| contains(text, &word.text)),
            },
            Self::Fuzzy(letters) => match row.words() {
                Some(words) => words.split(BETWEEN).any(|text| in_order(text, letters)),
                None => row.any_text(&mut |text| in_order(text, letters)),
            },
            Self::Regex(pattern) => match row.words().filter(|_| pattern.small) {
                Some(words) => words.split(BETWEEN).any(|text| pattern.regex.is_match(text)),
                None => row.any_text(&mut |text| pattern.regex.is_match(text)),
            },
            Self::Label { key, value: None } => row.label(key).is_some(),
            Self::Label { key, value: Some(v) } => row.label(key).is_some_and(|is| like(is, &v.text)),
            Self::LabelIn { key, values } => row.label(key).is_some_and(|is| values.iter().any(|v| like(is, v))),
            Self::Field { field, op, value } => row.fact(field, &mut |fact| op.fits(fact, value)),
        }
    }
}

impl Op {
    fn fits(self, fact: Fact<'_>, want: &Wanted) -> bool {
        let by = |compare: fn(&f64, &f64) -> bool| match (fact, want.number) {
            (Fact::Number(is), Some(want)) => compare(&is, &want),
            _ => false,
        };
        match (self, fact) {
            (Self::Is, Fact::Number(_)) => by(|is, want| (is - want).abs() < f64::EPSILON * want.abs().max(1.0)),
            (Self::Is, Fact::Text(is)) => like(is, &want.text),
            (Self::Has, Fact::Text(is)) => contains(is, &want.text),
            (Self::Has, Fact::Number(_)) => by(|is, want| is.total_cmp(want).is_eq()),
            (_, Fact::Unknown) => false,
            (Self::Less, _) => by(|is, want| is < want),
            (Self::LessOrSame, _) => by(|is, want| is <= want),
            (Self::More, _) => by(|is, want| is > want),
            (Self::MoreOrSame, _) => by(|is, want| is >= want),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Row;

    impl Facts for Row {
        fn any_text(&self, test: &mut dyn FnMut(&str) -> bool) -> bool {
            ["cortex-api-7f9c-x2x4p", "CrashLoopBackOff"].into_iter().any(test)
        }

        fn fact(&self, field: &str, test: &mut dyn FnMut(Fact<'_>) -> bool) -> bool {
            test(match field {
                "status" => Fact::Text("CrashLoopBackOff"),
                "restarts" => Fact::Number(7.0),
                "age" => Fact::Number(3600.0),
                "cpu" => Fact::Number(750.0),
                "memory" => Fact::Number(1_610_612_736.0),
                _ => Fact::Unknown,
            })
        }

        fn label(&self, key: &str) -> Option<&str> {
            match key {
                "app" => Some("cortex-api"),
                "app.kubernetes.io/name" => Some("api"),
                _ => None,
            }
        }
    }

    const OF: Vocabulary<'static> = Vocabulary {
        fields: &["name", "status", "restarts", "age", "cpu", "memory", "node"],
        labels: true,
    };

    fn parse(text: &str) -> Filter {
        Filter::parse(text, OF).unwrap()
    }

    #[test]
    fn where_nothing_passes_it_says_what_was_perhaps_meant() {
        let advice = |text: &str| parse(text).advice(OF).unwrap_or_default();
        assert_eq!(
            advice("web status=Run"),
            "status=run is the whole of it, status:run a part"
        );
        assert!(
            advice("state=Run")
                .starts_with("state is no column here, so it is taken for a label; columns: name, status")
        );
        assert!(advice("state:Run").starts_with("state is no column here, so it is taken for a text; columns: name"));
        for clear in [
            "web",
            "status=Run*",
            "status:Run",
            "restarts=3",
            "10.0.0.1:6443",
            "!status=Run",
            "tier.x/y=a",
        ] {
            assert_eq!(advice(clear), "", "{clear}");
        }
        // Where rows have no labels it is a fault at once, which names the columns.
        let fault = Filter::parse("stats=x", Vocabulary { labels: false, ..OF }).unwrap_err();
        assert!(fault.0.contains("no column stats here, but name, status"), "{fault}");
    }

    #[test]
    fn each_form_lets_through_what_it_says() {
        for yes in [
            "",
            "cortex crash",
            "API !web",
            "~ctxapi",
            "!~zz",
            "/api-[0-9a-f]{4}/",
            "!/^web/",
            "status=crashloopbackoff",
            "status:crash",
            "status=Crash*Off",
            "status!=Running",
            "!status=Running",
            "restarts>3 restarts<=7 restarts=7",
            "age<2h age>=1h",
            "cpu>500m",
            "cpu<1",
            "mem>1Gi",
            "memory<2G",
            "app=cortex-*",
            "-l app=cortex-api,app!=web",
            "-l app,!tier",
            "-l !tier",
            "-l app in (web, cortex-api)",
            "-l app in (cortex-api),tier notin (db),!old cortex",
            "-l tier notin (db)",
            "-l app = cortex-api, app != web",
            "-lapp==cortex-api",
            "-l!tier",
            "cortex -l app in(cortex-*) crash",
            "app.kubernetes.io/name=api",
            "\"x2x4p\"",
            "status= restarts>",
        ] {
            assert!(parse(yes).lets_through(&Row), "{yes}");
        }
        for no in [
            "web",
            "cortex !api",
            "~xyz",
            "/^api/",
            "status=Crash",
            "restarts>7",
            "age>2h",
            "cpu>1",
            "mem<1Gi",
            "app=api",
            "-l tier",
            "-l !app",
            "-l app in (web,db)",
            "-l app notin (cortex-api)",
            "-l app,tier",
            "-l app web",
            "-l app!=cortex-api",
            "node=worker-1",
            "\"cortex api\"",
        ] {
            assert!(!parse(no).lets_through(&Row), "{no}");
        }
    }

    /// Texts as they stand in a row, and again as they were prepared.
    struct Prepared(Vec<String>, String);

    impl Facts for Prepared {
        fn any_text(&self, test: &mut dyn FnMut(&str) -> bool) -> bool {
            self.0.iter().any(|text| test(text))
        }

        fn words(&self) -> Option<&str> {
            Some(&self.1).filter(|w| !w.is_empty()).map(String::as_str)
        }

        fn fact(&self, _: &str, _: &mut dyn FnMut(Fact<'_>) -> bool) -> bool {
            false
        }

        fn label(&self, _: &str) -> Option<&str> {
            None
        }
    }

    #[test]
    fn prepared_texts_are_answered_as_those_of_the_row() {
        let mut random = fastrand::Rng::with_seed(3);
        let mut some = |most| -> String {
            let count = random.usize(0..=most);
            (0..count)
                .filter_map(|_| random.choice(['a', 'A', 'b', 'B', '-', 'Ä', 'ä', 'ı', 'K']))
                .collect()
        };
        let mut passed = [0, 0];
        for _ in 0..600 {
            let texts: Vec<String> = (0..3).map(|_| some(4)).collect();
            let words = texts.join("\0").to_ascii_lowercase();
            let (word, mark) = (some(2), some(1));
            for filter in [
                word.clone(),
                format!("~{word}"),
                format!("!{word} {mark}"),
                format!("/{word}.?{mark}/"),
                format!("/^{word}$/"),
                format!("/(?-i:{mark}){word}/"),
            ] {
                let Ok(filter) = Filter::parse(&filter, OF) else {
                    continue;
                };
                let plain = filter.lets_through(&Prepared(texts.clone(), String::new()));
                let prepared = filter.lets_through(&Prepared(texts.clone(), words.clone()));
                assert_eq!(plain, prepared, "{filter:?} of {texts:?}");
                passed[usize::from(plain)] += 1;
            }
        }
        assert!(passed.iter().all(|n| *n > 300), "{passed:?}");
    }

    #[test]
    fn what_is_not_understood_is_said_with_what_would_be() {
        for (text, what) in [
            ("restarts>many", "a number"),
            ("nope>3", "name, status, restarts"),
            ("/(/", "/(/"),
            ("-l =x", "app=web"),
            ("-l app in", "app in (a,b)"),
            ("-l app notin (a,b", "app notin (a,b)"),
            ("-l app$", "no label"),
            ("-l !app=web", "no label"),
            ("\"abc", "not closed"),
            ("restarts>=x", "restarts>=x: a number"),
            ("cpu>5h", "500m"),
        ] {
            let fault = Filter::parse(text, OF).unwrap_err();
            assert!(fault.0.contains(what), "{text}: {fault}");
        }
        let bare = Vocabulary {
            fields: &["name"],
            labels: false,
        };
        assert!(Filter::parse("app=web", bare).is_err());
    }

    #[test]
    fn a_filter_is_only_called_narrower_when_it_surely_is() {
        let narrower = |a: &str, b: &str| parse(a).is_narrower_than(&parse(b));
        assert!(narrower("web", "we") && narrower("web api", "web") && narrower("!we", "!web"));
        assert!(narrower("web status=Running", "web") && narrower("x", ""));
        assert!(!narrower("!web", "!we") && !narrower("we", "web") && !narrower("", "x"));
        assert!(!narrower("/ab/", "/a/") && !narrower("~ab", "~a") && !narrower("!web", "web"));
        // A minute later another row may pass.
        assert!(!narrower("web age<2h", "age<2h"));
    }
}
