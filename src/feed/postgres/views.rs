//! The statements of the views, each in a file of its own, by the versions that they are for.

/// A file of `sql/`. Its first line is `-- MIN..MAX ID` (major versions, `max` for no end) and is not sent.
struct File(&'static str);

macro_rules! files {
    ($($name:literal),+ $(,)?) => { [$(File(include_str!(concat!("sql/", $name, ".sql")))),+] };
}

static FILES: [File; 21] = files![
    "server",
    "activity",
    "locks",
    "connections",
    "statements_14",
    "statements_17",
    "statement_info",
    "statement_texts",
    "tables",
    "scanned",
    "indexes",
    "work_14",
    "work_17",
    "horizon",
    "databases",
    "replicas",
    "standby",
    "slots_14",
    "slots_16",
    "slots_17",
    "hypertables",
];

impl File {
    /// First and last version, id, statement.
    fn parts(&self) -> Option<(u32, u32, &'static str, &'static str)> {
        let (head, sql) = self.0.split_once('\n')?;
        let (range, id) = head.strip_prefix("-- ")?.split_once(' ')?;
        let (min, max) = range.split_once("..")?;
        let max = if max == "max" { u32::MAX } else { max.parse().ok()? };
        Some((min.parse().ok()?, max, id, sql.trim_end()))
    }
}

/// The statement of a view for a major version; older ones than any are asked as the oldest.
pub fn sql(id: &str, major: u32) -> Option<&'static str> {
    let major = major.max(14);
    FILES
        .iter()
        .filter_map(File::parts)
        .find(|(min, max, name, _)| *name == id && (*min..=*max).contains(&major))
        .map(|(.., sql)| sql)
}

/// Every view's id, for tests that ask them all.
pub fn ids() -> Vec<&'static str> {
    let mut all: Vec<_> = FILES.iter().filter_map(File::parts).map(|(_, _, id, _)| id).collect();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_has_exactly_one_statement_of_every_view() {
        assert_eq!(
            FILES.iter().filter_map(File::parts).count(),
            FILES.len(),
            "every header is understood"
        );
        for id in ids() {
            for major in 14..=19 {
                let fit = FILES
                    .iter()
                    .filter_map(File::parts)
                    .filter(|(min, max, name, _)| *name == id && (*min..=*max).contains(&major));
                assert_eq!(fit.count(), 1, "{id} on {major}");
            }
            assert!(!sql(id, 15).unwrap().contains(';'), "{id} is one statement");
        }
    }
}
