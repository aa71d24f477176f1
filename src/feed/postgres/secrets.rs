//! What an operator's own screen shows of a statement: all of it but the values that are somebody's secret. Not even an
//! operator reads passwords off a screen. What goes to files, to the spool or to who only looks has no literal at all:
//! that is `literals::hide`.
//!
//! A value is a secret where its neighbours say so: everything between two commas, ANDs or ORs of the statement, groups
//! in brackets with what stands before them. Where values stand apart from the names of their columns (INSERT, UNION),
//! all of them go.

use super::literals::{self, is_word, piece};

/// What the name of a secret has in it.
const WORDS: [&str; 8] = [
    "passw",
    "secret",
    "token",
    "credential",
    "apikey",
    "api_key",
    "private_key",
    "pgp_sym",
];

/// A name that ends so is of something about the secret: `token_count`, `password_changed_at`.
const MEASURES: [&str; 22] = [
    "count", "counts", "limit", "limits", "total", "totals", "used", "usage", "budget", "size", "length", "len",
    "cost", "price", "rate", "at", "age", "type", "expiry", "expires", "ttl", "status",
];

/// Before `tokens`: a number of them, as a language model counts.
const COUNTED: [&str; 12] = [
    "n",
    "num",
    "max",
    "min",
    "total",
    "sum",
    "avg",
    "input",
    "output",
    "prompt",
    "completion",
    "cached",
];

/// With these, values do not stand beside the names of their columns.
const APART: [&str; 8] = [
    "insert",
    "values",
    "copy",
    "union",
    "intersect",
    "except",
    "execute",
    "merge",
];

/// The statement as an operator may see it.
pub fn hide(sql: &str) -> String {
    if !speaks(sql) {
        return sql.to_owned();
    }
    let pieces = pieces(sql);
    if pieces.iter().any(|p| p.is_one_of(&APART)) {
        return literals::hide(sql);
    }
    let mut out = String::with_capacity(sql.len());
    let mut segment: Vec<&Piece<'_>> = Vec::new();
    let (mut depth, mut between, mut distinct) = (0_usize, false, false);
    for p in &pieces {
        match p.raw {
            "(" | "[" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            _ => {}
        }
        let is_and = p.is_one_of(&["and"]);
        let parts = match p.raw {
            "," | ";" => true,
            _ if is_and => !between,
            // IS DISTINCT FROM compares.
            _ if p.is_one_of(&["from"]) => !distinct,
            _ => p.is_one_of(&["or", "where"]),
        };
        if depth == 0 {
            between = p.is_one_of(&["between"]) || between && !is_and;
        }
        if !p.raw.trim().is_empty() {
            distinct = p.is_one_of(&["distinct"]);
        }
        if parts && depth == 0 {
            write(&segment, &mut out);
            segment.clear();
            out.push_str(p.raw);
        } else {
            segment.push(p);
        }
    }
    write(&segment, &mut out);
    out
}

/// One piece of a statement, as it stands there and as it is without its literal.
struct Piece<'a> {
    raw: &'a str,
    masked: String,
}

impl Piece<'_> {
    fn is_one_of(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.raw.eq_ignore_ascii_case(word))
    }
}

fn pieces(sql: &str) -> Vec<Piece<'_>> {
    let mut all = Vec::new();
    let mut rest = sql;
    while !rest.is_empty() {
        let mut masked = String::new();
        let after = piece(rest, &mut masked).unwrap_or("");
        let raw = rest.get(..rest.len() - after.len()).unwrap_or(rest);
        all.push(Piece { raw, masked });
        rest = after;
    }
    all
}

fn write(segment: &[&Piece<'_>], out: &mut String) {
    let secret = segment.iter().any(|p| speaks(p.raw));
    for p in segment {
        out.push_str(if secret { &p.masked } else { p.raw });
    }
}

/// Whether a text names a secret.
fn speaks(text: &str) -> bool {
    text.split(|c| !is_word(c)).any(is_secret)
}

fn is_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    if !WORDS.iter().any(|word| lower.contains(word)) {
        return false;
    }
    let parts = parts(name);
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else {
        return true;
    };
    let measured = parts.len() > 1 && MEASURES.contains(&last.as_str());
    let counted = last == "tokens" && COUNTED.contains(&first.as_str()) && parts.len() > 1;
    !(measured || counted)
}

/// `token_count` and `tokenCount` alike.
fn parts(name: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if c == '_' || c.is_uppercase() && was_lower {
            all.push(String::new());
        }
        if c != '_'
            && let Some(part) = all.last_mut()
        {
            part.extend(c.to_lowercase());
        }
        was_lower = c.is_lowercase();
    }
    all.retain(|part| !part.is_empty());
    all
}

#[cfg(test)]
mod tests {
    use super::hide;

    #[test]
    fn the_value_of_a_secret_is_hidden_and_the_rest_of_the_statement_is_not() {
        for (sql, shown) in [
            ("ALTER ROLE kim Password 'x'", "ALTER ROLE kim Password ?"),
            ("SELECT dblink('password=x')", "SELECT dblink(?)"),
            ("SELECT 'plain', 7", "SELECT 'plain', 7"),
            (
                "SELECT id, sum(token_count) FROM usage WHERE token_count > 1000 AND day > '2026-11-01'",
                "SELECT id, sum(token_count) FROM usage WHERE token_count > 1000 AND day > '2026-11-01'",
            ),
            (
                "UPDATE runs SET prompt_tokens = 12, \"tokenLimit\" = 90 WHERE meta->>'token_count' = '7'",
                "UPDATE runs SET prompt_tokens = 12, \"tokenLimit\" = 90 WHERE meta->>'token_count' = '7'",
            ),
            (
                "UPDATE u SET name = 'kim', password = crypt('x', gen_salt('bf')) WHERE id = 7",
                "UPDATE u SET name = 'kim', password = crypt(?, gen_salt(?)) WHERE id = 7",
            ),
            (
                "SELECT token, name FROM s WHERE user_id = 42 AND 'abc' = token OR status = 'on'",
                "SELECT token, name FROM s WHERE user_id = 42 AND ? = token OR status = 'on'",
            ),
            (
                "SELECT 1 WHERE token BETWEEN 'a' AND 'b' AND n = 2",
                "SELECT 1 WHERE token BETWEEN ? AND ? AND n = 2",
            ),
            (
                "SELECT 1 WHERE token IS DISTINCT FROM 'a'",
                "SELECT 1 WHERE token IS DISTINCT FROM ?",
            ),
            (
                "SELECT 1 WHERE (a, token) = ('x', 'y')",
                "SELECT 1 WHERE (a, token) = (?, ?)",
            ),
            (
                "SELECT set_config('app.api_key', 'x', true), 2",
                "SELECT set_config(?, ?, true), 2",
            ),
            ("SELECT 1 -- token abc\n, 'x'", "SELECT ? \n, 'x'"),
            (
                "INSERT INTO u (name, password, n) VALUES ('kim', 'x', 7), ('lee', 'y', 8)",
                "INSERT INTO u (name, password, n) VALUES (?, ?, ?), (?, ?, ?)",
            ),
            (
                "SELECT name, password FROM u UNION SELECT 'kim', 'x'",
                "SELECT name, password FROM u UNION SELECT ?, ?",
            ),
        ] {
            assert_eq!(hide(sql), shown);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_value_beside_a_password_comes_through(
            before in "(SELECT 1, |UPDATE t SET a = 'b', |x AND |[a-z(,]{0,8})",
            name in "(password|user_token|api_key|\"secret\")",
            between in "( = | <> | IN \\(| = lower\\(| BETWEEN 'a' AND | IS DISTINCT FROM | = 'a' \\|\\| |=E| NOT LIKE )",
            after in ".{0,20}",
        ) {
            let shown = hide(&format!("{before}{name}{between}'hunter2'{after}"));
            proptest::prop_assert!(!shown.contains("hunter2"), "{}", shown);
        }
    }
}
