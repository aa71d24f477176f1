//! Takes the literals out of a statement: whoever only looks sees what is asked, never for whom. Rather too much is
//! hidden than too little: where the text is cut off, or could be read in two ways, the rest of it goes.

/// What stands where a literal stood.
const MASK: char = '?';

/// The statement with every string and number replaced by `?`, and without its comments.
pub fn hide(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while !rest.is_empty() {
        rest = piece(rest, &mut out).unwrap_or("");
    }
    out
}

/// Writes what may be seen of the piece with which the text begins. What comes after it; `None`: nothing that could be
/// told apart.
pub(super) fn piece<'a>(text: &'a str, out: &mut String) -> Option<&'a str> {
    match text.chars().next()? {
        '\'' => string(text, false, out),
        '"' => name(text, out),
        '$' => dollar(text, out),
        '-' if text.starts_with("--") => text.find('\n').and_then(|at| text.get(at..)),
        '/' if text.starts_with("/*") => comment(text),
        c if c.is_ascii_digit() || c == '.' && text.chars().nth(1).is_some_and(|d| d.is_ascii_digit()) => {
            out.push(MASK);
            text.get(number_end(text)..)
        }
        c if is_word(c) => word(text, out),
        c => {
            out.push(c);
            text.get(c.len_utf8()..)
        }
    }
}

pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || !c.is_ascii()
}

/// A string from its quote on. `None`: nothing behind it can be told apart from a literal.
fn string<'a>(text: &'a str, escapes: bool, out: &mut String) -> Option<&'a str> {
    out.push(MASK);
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if escapes => {
                chars.next();
            }
            // With standard_conforming_strings off this quote is part of the string, with it on it ends it.
            '\\' if chars.peek().is_some_and(|(_, next)| *next == '\'') => return None,
            '\'' if chars.peek().is_some_and(|(_, next)| *next == '\'') => {
                chars.next();
            }
            '\'' => return text.get(at + 1..),
            _ => {}
        }
    }
    None
}

/// A quoted identifier is kept: it is a name.
fn name<'a>(text: &'a str, out: &mut String) -> Option<&'a str> {
    let Some(end) = text.get(1..).and_then(|t| t.find('"')) else {
        out.push(MASK);
        return None;
    };
    out.push_str(text.get(..end + 2)?);
    text.get(end + 2..)
}

/// `$1` is a parameter and stays; `$tag$ … $tag$` is a string.
fn dollar<'a>(text: &'a str, out: &mut String) -> Option<&'a str> {
    let body = text.get(1..)?;
    let digits = body.find(|c: char| !c.is_ascii_digit()).unwrap_or(body.len());
    if digits > 0 {
        out.push_str(text.get(..=digits)?);
        return body.get(digits..);
    }
    let tag = body.find(|c: char| !is_word(c)).unwrap_or(body.len());
    if !body.get(tag..)?.starts_with('$') {
        out.push('$');
        return Some(body);
    }
    out.push(MASK);
    let (open, inner) = (text.get(..tag + 2)?, text.get(tag + 2..)?);
    let close = inner.find(open)?;
    inner.get(close + open.len()..)
}

/// Comments nest. What stands in one is not kept: tools write there who asked.
fn comment(text: &str) -> Option<&str> {
    let mut depth = 0usize;
    let mut rest = text;
    loop {
        if let Some(inner) = rest.strip_prefix("/*") {
            (depth, rest) = (depth + 1, inner);
        } else if let Some(outer) = rest.strip_prefix("*/") {
            (depth, rest) = (depth - 1, outer);
            if depth == 0 {
                return Some(rest);
            }
        } else {
            rest = rest.get(rest.chars().next()?.len_utf8()..)?;
        }
    }
}

/// A keyword or a name; one that opens a string (`E'…'`, `B'…'`, `U&'…'`) goes with it.
fn word<'a>(text: &'a str, out: &mut String) -> Option<&'a str> {
    let end = text.find(|c: char| !is_word(c) && c != '$').unwrap_or(text.len());
    let (word, rest) = (text.get(..end)?, text.get(end..)?);
    if rest.starts_with('\'') && word.len() == 1 {
        return string(rest, word.eq_ignore_ascii_case("e"), out);
    }
    out.push_str(word);
    Some(rest)
}

fn number_end(text: &str) -> usize {
    let mut last = ' ';
    let ends = |(_, c): &(usize, char)| {
        let sign = matches!(c, '+' | '-') && matches!(last, 'e' | 'E');
        last = *c;
        !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_') || sign)
    };
    text.char_indices().find(ends).map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::hide;

    #[test]
    fn strings_and_numbers_go_and_names_stay() {
        for (sql, hidden) in [
            (
                "SELECT * FROM t1 WHERE a = 'x' AND b=-12.5e+3",
                "SELECT * FROM t1 WHERE a = ? AND b=-?",
            ),
            (
                "UPDATE \"it's\" SET n = E'it\\'s' || 'o''clock', m = $1",
                "UPDATE \"it's\" SET n = ? || ?, m = $1",
            ),
            ("DO $$ secret $$; DO $a$ x $$ y $a$ -- why\n, .5", "DO ?; DO ? \n, ?"),
            (
                "SELECT /* by /* kim */ */ x'ff', U&'s' FROM a_2$x",
                "SELECT  ?, U&? FROM a_2$x",
            ),
            ("ALTER ROLE ö PASSWORD 'hunter2'", "ALTER ROLE ö PASSWORD ?"),
        ] {
            assert_eq!(hide(sql), hidden);
        }
    }

    #[test]
    fn what_is_cut_off_or_can_be_read_in_two_ways_goes_to_its_end() {
        for (sql, hidden) in [
            ("SELECT 'cut of", "SELECT ?"),
            ("SELECT $$ cut of", "SELECT ?"),
            ("SELECT 'C:\\' || secret", "SELECT ?"),
            ("SELECT \"cut", "SELECT ?"),
            ("SELECT 1 /* cut", "SELECT ? "),
        ] {
            assert_eq!(hide(sql), hidden);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_stumble_and_a_string_never_comes_through(before in "[a-z0-9 (,=$/*\"-]{0,20}", tail in ".{0,30}") {
            hide(&tail);
            let shown = hide(&format!("{before} 'hunter2'{tail}"));
            let in_name = before.contains('"');
            proptest::prop_assert!(in_name || !shown.contains("hunter2"), "{}", shown);
        }
    }
}
