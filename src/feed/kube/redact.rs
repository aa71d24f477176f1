//! Keeps secrets out of what a credential plugin says. Rather too much is hidden than too little.

/// What stands where a secret stood.
const MASK: &str = "[hidden]";

/// Words in a name that make its value a secret.
const SECRET_NAMES: [&str; 8] = [
    "token",
    "secret",
    "passw",
    "credential",
    "apikey",
    "api_key",
    "access_key",
    "private",
];

/// Whether an environment variable of this name is likely to hold a secret.
pub fn secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|s| name.contains(s)) || name.ends_with("key") || name.contains("auth")
}

/// The text without the `values`, without anything that looks like a token, without control characters; its last
/// lines when it is long.
pub fn redact(text: &str, values: &[String]) -> String {
    let mut clean: String = text
        .chars()
        .filter(|c| *c == '\n' || *c == '\t' || !is_odd(*c))
        .collect();
    let mut values: Vec<&String> = values.iter().filter(|v| v.len() >= 3).collect();
    // The longest first: one value may contain another.
    values.sort_by_key(|v| std::cmp::Reverse(v.len()));
    for value in values {
        clean = clean.replace(value.as_str(), MASK);
    }
    let mut out: Vec<String> = Vec::new();
    let mut in_pem = false;
    for line in clean.lines() {
        if line.contains("-----BEGIN") {
            in_pem = true;
            out.push(MASK.to_owned());
        }
        if !in_pem {
            out.push(redact_line(line));
        }
        if line.contains("-----END") {
            in_pem = false;
        }
    }
    let from = out.len().saturating_sub(8);
    let tail = out.split_off(from).join("\n");
    tail.trim().chars().take(2000).collect()
}

/// Control and bidirectional-formatting characters.
fn is_odd(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn redact_line(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut word = String::new();
    // After `token=`, `"password": ` or `Bearer `, the next word is a secret whatever it looks like.
    let mut next_is_secret = false;
    let mut name = String::new();
    for c in line.chars().chain(std::iter::once('\n')) {
        if c.is_alphanumeric() || matches!(c, '+' | '/' | '_' | '-' | '.' | '~') {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            let bearer = word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic");
            if bearer {
                out.push_str(&word);
                next_is_secret = true;
            } else if next_is_secret || token_like(&word) {
                out.push_str(MASK);
                next_is_secret = false;
            } else {
                out.push_str(&word);
            }
            name = std::mem::take(&mut word);
        }
        match c {
            '=' | ':' if secret_name(&name) => next_is_secret = true,
            '"' | '\'' | ' ' | '=' | ':' | '\t' => {}
            _ => next_is_secret = false,
        }
        if c != '\n' {
            out.push(c);
        }
    }
    out
}

/// Long, without a path's slashes, with letters and digits mixed: nobody's prose.
fn token_like(word: &str) -> bool {
    if word.starts_with("eyJ")
        || word.starts_with("k8s-aws-v1")
        || word.starts_with("ya29.")
        || word.starts_with("AKIA")
    {
        return true;
    }
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let letters = word.chars().filter(char::is_ascii_alphabetic).count();
    let slashes = word.chars().filter(|c| *c == '/').count();
    let longest = word.split(['-', '.', '/', '_']).map(str::len).max().unwrap_or_default();
    longest >= 20 && digits >= 2 && letters >= 2 && slashes <= longest / 20
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_survive_and_prose_does() {
        let values = vec!["hunter2hunter2".to_owned()];
        let text = "error: login of bob@example.com to https://sso.example.com/start failed: hunter2hunter2 is wrong\n\
                    Authorization: Bearer abc.def\n{\"token\": \"short1\"}\npassword=letmein next\n\
                    got eyJhbGciOi.J9.x and 9f86d081884c7d659a2feaa0c55ad015 from /usr/local/bin/aws\n\
                    -----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\nrun \u{1b}]52;c;x\u{7}aws sso login";
        let said = redact(text, &values);
        for secret in [
            "hunter2", "abc.def", "short1", "letmein", "eyJ", "9f86d0", "AAAA", "\u{1b}",
        ] {
            assert!(!said.contains(secret), "{secret} in {said}");
        }
        for word in [
            "https://sso.example.com/start",
            "/usr/local/bin/aws",
            "aws sso login",
            "next",
        ] {
            assert!(said.contains(word), "{word} not in {said}");
        }
    }
}
