//! From what is typed to terms.

use regex::RegexBuilder;

use super::measure::{Measure, amount};
use super::{Fault, Op, Pattern, Term, Vocabulary, Wanted, What, Word};

/// No filter is longer; a pattern that grows too large is refused by the engine besides.
const LONGEST: usize = 400;

pub(super) fn terms(text: &str, of: Vocabulary<'_>) -> Result<Vec<Term>, Fault> {
    if text.len() > LONGEST {
        return Err(Fault(format!("too long: {LONGEST} characters at most")));
    }
    let mut terms = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if let Some(selector) = selector(rest) {
            rest = labels(selector, &mut terms)?.trim_start();
            continue;
        }
        let (token, after) = next(rest);
        rest = after.trim_start();
        if let Some(term) = term(token, of)? {
            terms.push(term);
        }
    }
    Ok(terms)
}

/// What follows `-l`; it may be written to it where that makes it no word of its own.
fn selector(text: &str) -> Option<&str> {
    let after = text.strip_prefix("-l")?;
    let word = after.split(char::is_whitespace).next().unwrap_or_default();
    (word.is_empty() || word.starts_with('!') || word.contains('=')).then_some(after)
}

/// The next word, with its marks; a quoted text or a pattern goes to its end.
fn next(text: &str) -> (&str, &str) {
    let mark = text.len() - text.trim_start_matches('!').len();
    let body = text.get(mark..).unwrap_or_default();
    let end = match body.chars().next() {
        Some(close @ ('"' | '/')) => {
            let mut escaped = false;
            let found = body.char_indices().skip(1).find(|(_, c)| {
                let here = *c == close && !escaped;
                escaped = *c == '\\' && !escaped;
                here
            });
            // While it is being typed, it has no end yet.
            found.map(|(at, _)| at + 1)
        }
        _ => body.find(char::is_whitespace),
    };
    let end = end.map_or(text.len(), |end| mark + end);
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn term(token: &str, of: Vocabulary<'_>) -> Result<Option<Term>, Fault> {
    let body = token.trim_start_matches('!');
    let want = (token.len() - body.len()).is_multiple_of(2);
    let plain = |what| Ok(Some(Term { want, what }));
    match body.chars().next() {
        None => Ok(None),
        Some('"') => {
            if body.len() < 2 || !body.ends_with('"') {
                return Err(Fault(format!("{body}: the quotes are not closed")));
            }
            let text = body.trim_matches('"');
            if text.is_empty() {
                return Ok(None);
            }
            plain(What::Word(Word::new(text)))
        }
        Some('/') => {
            let inner = body.strip_prefix('/').unwrap_or(body);
            let inner = inner.strip_suffix('/').unwrap_or(inner);
            if inner.is_empty() {
                return Ok(None);
            }
            plain(What::Regex(pattern(inner)?))
        }
        Some('~') if body.len() == 1 => Ok(None),
        Some('~') => plain(What::Fuzzy(body.trim_start_matches('~').to_lowercase())),
        Some(_) => match operator(body) {
            Some((left, op, right)) => field(left, op, right, want, of),
            None => plain(What::Word(Word::new(body))),
        },
    }
}

fn pattern(text: &str) -> Result<Pattern, Fault> {
    let small = !text.chars().any(char::is_uppercase);
    let built = RegexBuilder::new(text)
        .case_insensitive(small)
        .size_limit(1 << 18)
        .dfa_size_limit(1 << 20)
        .build();
    let built = built.map(|regex| Pattern {
        regex,
        // A part may say otherwise for itself.
        small: small && !text.contains("(?"),
    });
    built.map_err(|e| {
        let why = match &e {
            regex::Error::Syntax(text) => text.lines().last().unwrap_or_default().replace("error: ", ""),
            regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
            other => other.to_string(),
        };
        Fault(format!("the pattern /{text}/: {why}"))
    })
}

/// `left`, operator, `right`; the operator that stands first.
fn operator(token: &str) -> Option<(&str, &str, &str)> {
    let at = token.find(['=', '!', '<', '>', ':'])?;
    let (left, rest) = token.split_at_checked(at)?;
    let op = ["!=", "==", "<=", ">=", "=", "<", ">", ":"]
        .into_iter()
        .find(|op| rest.starts_with(op))?;
    Some((left, op, rest.get(op.len()..)?)).filter(|(left, _, _)| !left.is_empty())
}

/// Of a column, or else of a label.
fn field(left: &str, op: &str, right: &str, want: bool, of: Vocabulary<'_>) -> Result<Option<Term>, Fault> {
    let found = column(left, of);
    let want = want != (op == "!=");
    let Some(field) = found else {
        return match op {
            // An address, a time, an image: no column is meant.
            ":" => Ok(Some(Term {
                want,
                what: What::Word(Word::new(&format!("{left}:{right}"))),
            })),
            "=" | "==" | "!=" if of.labels && is_label(left) => Ok(Some(Term {
                want,
                what: What::Label {
                    key: left.to_owned(),
                    value: Some(Wanted {
                        text: right.to_lowercase(),
                        number: None,
                    }),
                },
            })),
            _ => Err(Fault(format!(
                "no column {left} here, but {} (in quotes it is a text)",
                of.fields.join(", ")
            ))),
        };
    };
    if right.is_empty() {
        return Ok(None);
    }
    let written = op;
    let op = match op {
        "<" => Op::Less,
        "<=" => Op::LessOrSame,
        ">" => Op::More,
        ">=" => Op::MoreOrSame,
        ":" => Op::Has,
        _ => Op::Is,
    };
    let measure = Measure::of(field);
    let number = amount(right, measure);
    if number.is_none() && !matches!(op, Op::Is | Op::Has) {
        return Err(Fault(format!(
            "{field}{written}{right}: a number is wanted: {}",
            measure.example()
        )));
    }
    let value = Wanted {
        text: right.trim_matches('"').to_lowercase(),
        number,
    };
    Ok(Some(Term {
        want,
        what: What::Field { field, op, value },
    }))
}

/// The column that is meant: its id, what people call it, or the beginning of one only.
fn column(name: &str, of: Vocabulary<'_>) -> Option<&'static str> {
    let name = name.to_lowercase();
    let called = match name.as_str() {
        "mem" => "memory",
        "ns" => "namespace",
        "rst" => "restarts",
        "rev" => "revision",
        other => other,
    };
    of.fields.iter().copied().find(|f| *f == called)
}

fn is_label(key: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    key.chars().all(fits) && key.chars().next().is_some_and(|c| c.is_ascii_alphanumeric())
}

/// A label selector as kubectl takes it, from the beginning of `text`: `app=web,tier!=db,canary,!old,env in (a, b)`.
/// Returns what follows it.
fn labels<'a>(text: &'a str, terms: &mut Vec<Term>) -> Result<&'a str, Fault> {
    let mut rest = text.trim_start_matches([' ', ',']);
    while !rest.is_empty() {
        let (term, after) = requirement(rest)?;
        terms.push(term);
        match after.trim_start().strip_prefix(',') {
            Some(more) => rest = more.trim_start_matches([' ', ',']),
            None => return Ok(after),
        }
    }
    Ok(rest)
}

/// One of a selector's requirements, and what follows it.
fn requirement(text: &str) -> Result<(Term, &str), Fault> {
    let part = text.split([' ', ',']).next().unwrap_or(text);
    let no_label = || {
        Fault(format!(
            "{part} is no label: write app=web, tier!=db, env in (a,b), canary or !old, with commas between them"
        ))
    };
    let body = text.strip_prefix('!');
    let (key, after) = split_key(body.unwrap_or(text));
    if !is_label(key) {
        return Err(no_label());
    }
    let has = |want, after| {
        let what = What::Label {
            key: key.to_owned(),
            value: None,
        };
        Ok((Term { want, what }, after))
    };
    let ends = |rest: &str| rest.is_empty() || rest.starts_with([' ', ',']);
    if body.is_some() {
        return if ends(after) {
            has(false, after)
        } else {
            Err(no_label())
        };
    }
    let spaced = after.trim_start();
    if let Some(op) = ["!=", "==", "="].into_iter().find(|op| spaced.starts_with(op)) {
        let value = spaced.get(op.len()..).unwrap_or_default();
        let value = if spaced.len() < after.len() {
            value.trim_start()
        } else {
            value
        };
        let end = value.find([' ', ',']).unwrap_or(value.len());
        let (value, rest) = value.split_at_checked(end).unwrap_or((value, ""));
        let what = What::Label {
            key: key.to_owned(),
            value: Some(Wanted {
                text: value.to_lowercase(),
                number: None,
            }),
        };
        let want = op != "!=";
        return Ok((Term { want, what }, rest));
    }
    let (word, list) = split_key(spaced);
    if spaced.len() < after.len() && matches!(word, "in" | "notin") {
        let open = list.trim_start().strip_prefix('(');
        let Some((values, rest)) = open.and_then(|l| l.split_once(')')) else {
            return Err(Fault(format!(
                "{key} {word}: values in brackets are wanted: {key} {word} (a,b)"
            )));
        };
        let values = values.split(',').map(|v| v.trim().to_lowercase());
        let what = What::LabelIn {
            key: key.to_owned(),
            values: values.filter(|v| !v.is_empty()).collect(),
        };
        let want = word == "in";
        return Ok((Term { want, what }, rest));
    }
    if ends(after) { has(true, after) } else { Err(no_label()) }
}

/// The letters of a label's key, and what follows them.
fn split_key(text: &str) -> (&str, &str) {
    let outside = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'));
    let end = text.find(outside).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}
