//! The error texts of Go's JSON decoder, for the few mistakes that clients make.

/// What Go says of text that is not JSON.
pub(crate) fn error(text: &str) -> String {
    let mut chars = text.trim_start().chars();
    let Some(first) = chars.next() else {
        return "unexpected end of JSON input".to_owned();
    };
    let quoted = |c: char| {
        if c == '\'' {
            "'\\''".to_owned()
        } else {
            format!("'{c}'")
        }
    };
    for (start, word) in [('n', "null"), ('t', "true"), ('f', "false")] {
        if first == start {
            for expected in word.chars().skip(1) {
                match chars.next() {
                    None => return "unexpected end of JSON input".to_owned(),
                    Some(c) if c != expected => {
                        return format!(
                            "invalid character {} in literal {word} (expecting '{expected}')",
                            quoted(c)
                        );
                    }
                    Some(_) => {}
                }
            }
        }
    }
    match first {
        '{' => match chars.find(|c| !c.is_whitespace()) {
            Some(c) if c != '"' && c != '}' => {
                format!(
                    "invalid character {} looking for beginning of object key string",
                    quoted(c)
                )
            }
            _ => "unexpected end of JSON input".to_owned(),
        },
        '[' | '"' => "unexpected end of JSON input".to_owned(),
        c => format!("invalid character {} looking for beginning of value", quoted(c)),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_texts_are_those_of_go() {
        assert_eq!(
            super::error("not-a-token"),
            "invalid character 'o' in literal null (expecting 'u')"
        );
        assert_eq!(
            super::error("{not json"),
            "invalid character 'n' looking for beginning of object key string"
        );
        assert_eq!(
            super::error("<x>"),
            "invalid character '<' looking for beginning of value"
        );
    }
}
