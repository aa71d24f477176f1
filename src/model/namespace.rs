//! Names of namespaces, as the API server takes them: labels of RFC 1123.

/// # Errors
/// Why nothing can be called so, for the person who typed it.
pub fn namespace_name(name: &str) -> Result<(), String> {
    let letter = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let ends = [name.chars().next(), name.chars().next_back()];
    let fits = name.chars().all(|c| c == '-' || letter(&c)) && ends.iter().all(|c| c.is_some_and(|c| letter(&c)));
    match (name.len(), fits) {
        (0, _) => Err("a namespace has a name".to_owned()),
        (64.., true) => Err(format!("{name} is no name of a namespace: it has more than 63 letters")),
        (_, true) => Ok(()),
        (_, false) => Err(format!(
            "{name:?} is no name of a namespace: small letters, digits, and - between them"
        )),
    }
}

/// A name of a namespace as it is given on a command line; `*` means all of them, and nothing the usual one.
///
/// # Errors
/// As [`namespace_name`].
pub fn namespace_or_all(given: &str) -> Result<String, String> {
    let name = given.trim();
    if !matches!(name, "" | "*") {
        namespace_name(name)?;
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::namespace_name;

    #[test]
    fn what_the_server_would_not_take_is_no_name() {
        for good in ["a", "cortex", "a-1", "0", &"x".repeat(63)] {
            assert_eq!(namespace_name(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "1:pods",
            "../x",
            "a b",
            "x?y",
            "-a",
            "a-",
            "A",
            "a.b",
            "ä",
            "*",
            &"x".repeat(64),
        ] {
            assert!(namespace_name(bad).is_err(), "{bad}");
        }
    }
}
