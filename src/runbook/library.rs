//! The runbooks there are: those built in, overridden and added to by the files of folders.

use super::format::{self, Problem, Runbook};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// The built-in files, by name.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("backup-restore.md", include_str!("library/backup-restore.md")),
    ("bloated-table.md", include_str!("library/bloated-table.md")),
    ("blocked-queries.md", include_str!("library/blocked-queries.md")),
    ("blue-green.md", include_str!("library/blue-green.md")),
    ("cache-clear.md", include_str!("library/cache-clear.md")),
    ("canary.md", include_str!("library/canary.md")),
    ("certificate-renewal.md", include_str!("library/certificate-renewal.md")),
    (
        "connections-exhausted.md",
        include_str!("library/connections-exhausted.md"),
    ),
    ("crash-loop.md", include_str!("library/crash-loop.md")),
    ("database-failover.md", include_str!("library/database-failover.md")),
    ("failed-jobs.md", include_str!("library/failed-jobs.md")),
    ("high-error-rate.md", include_str!("library/high-error-rate.md")),
    ("high-latency.md", include_str!("library/high-latency.md")),
    ("incident-response.md", include_str!("library/incident-response.md")),
    ("migration.md", include_str!("library/migration.md")),
    ("node-drain.md", include_str!("library/node-drain.md")),
    ("out-of-memory.md", include_str!("library/out-of-memory.md")),
    ("pending-pods.md", include_str!("library/pending-pods.md")),
    ("post-deployment.md", include_str!("library/post-deployment.md")),
    ("redis-memory.md", include_str!("library/redis-memory.md")),
    ("rolling-restart.md", include_str!("library/rolling-restart.md")),
    ("scale-for-load.md", include_str!("library/scale-for-load.md")),
    ("secret-rotation.md", include_str!("library/secret-rotation.md")),
    ("slow-queries.md", include_str!("library/slow-queries.md")),
    ("stalled-rollout.md", include_str!("library/stalled-rollout.md")),
    ("worker-backlog.md", include_str!("library/worker-backlog.md")),
    ("wraparound.md", include_str!("library/wraparound.md")),
];

/// Whether a runbook is one of ours; what is not can say anything, and those who run it are told so.
pub fn is_built_in(book: &Runbook) -> bool {
    BUILT_IN.iter().any(|(name, _)| *name == book.file)
}

/// Runbooks by id.
#[derive(Debug, Clone, Default)]
pub struct Library {
    books: BTreeMap<String, Arc<Runbook>>,
}

impl Library {
    /// The built-in ones, read once. A test holds them free of problems.
    pub fn built_in() -> Self {
        static BOOKS: OnceLock<Library> = OnceLock::new();
        let read = || {
            let mut library = Self::default();
            for (file, text) in BUILT_IN {
                if let Ok(book) = format::parse(text, file) {
                    library.books.insert(book.id.clone(), Arc::new(book));
                }
            }
            library
        };
        BOOKS.get_or_init(read).clone()
    }

    /// Adds a runbook of the user's: one with the id of a built-in replaces it, and one with the id of another file of
    /// the user's is told. A file with problems is left out, and so never replaces one that works.
    pub fn add(&mut self, file: &str, text: &str) -> Vec<Problem> {
        let book = match format::parse(text, file) {
            Ok(book) => book,
            Err(problems) => return problems,
        };
        let first = self.books.get(&book.id).map(|known| known.file.clone());
        let mut problems = Vec::new();
        if let Some(first) = first.filter(|first| BUILT_IN.iter().all(|(name, _)| name != first)) {
            problems.push(Problem {
                file: file.to_owned(),
                line: 1,
                column: 1,
                message: format!("the id `{}` is also that of {first}", book.id),
                expected: "another id".to_owned(),
            });
        }
        self.books.insert(book.id.clone(), Arc::new(book));
        problems
    }

    pub fn get(&self, id: &str) -> Option<&Arc<Runbook>> {
        self.books.get(id)
    }

    /// All, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Runbook>> {
        self.books.values()
    }

    /// Those that answer a signal.
    pub fn answering<'a>(&'a self, signal: &'a str) -> impl Iterator<Item = &'a Arc<Runbook>> {
        self.books
            .values()
            .filter(move |book| book.answers.iter().any(|answer| answer == signal))
    }
}

#[cfg(test)]
mod run_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_runbooks_have_no_problem() {
        for (file, text) in BUILT_IN {
            let problems: Vec<String> = crate::runbook::lint::lint(text, file)
                .iter()
                .map(ToString::to_string)
                .collect();
            assert!(problems.is_empty(), "{}", problems.join("\n"));
            let book = format::parse(text, file).unwrap();
            assert_eq!(format!("{}.md", book.id), *file);
        }
        let library = Library::built_in();
        let answers = |signal| {
            library
                .answering(signal)
                .map(|book| book.id.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(answers("rollout.stalled"), ["stalled-rollout"]);
        assert_eq!(answers("pod.crashloop"), ["crash-loop"]);
    }

    #[test]
    fn a_file_overrides_and_adds_and_a_broken_one_replaces_nothing() {
        let book = |id: &str, title: &str| {
            format!(
                "+++\nid = \"{id}\"\ntitle = \"{title}\"\nowner = \"us\"\nuse_when = \"Always.\"\n+++\n## Look\n```step\nkind = \"note\"\n```\n"
            )
        };
        let mut library = Library::built_in();
        assert_eq!(
            library.add("/u/bad.md", "+++\nid = \"crash-loop\"\n+++\n")[0].file,
            "/u/bad.md"
        );
        assert_eq!(library.add("/u/ours.md", &book("stalled-rollout", "Ours")), []);
        assert!(library.iter().all(|b| is_built_in(b) == (b.id != "stalled-rollout")));
        assert_eq!(library.add("/u/more.md", &book("more", "More")), []);
        let twice = library.add("/u/most.md", &book("more", "Most"));
        assert!(twice[0].message.ends_with("is also that of /u/more.md"), "{twice:?}");
        assert_eq!(library.get("stalled-rollout").unwrap().title, "Ours");
        assert_eq!(library.get("more").unwrap().title, "Most");
        assert_eq!(library.get("crash-loop").unwrap().file, "crash-loop.md");
    }
}
