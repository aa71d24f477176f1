//! The runbooks there are: those built in, overridden and added to by the files of folders.

use super::format::{self, Problem, Runbook};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The built-in files, by name.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("crash-loop.md", include_str!("library/crash-loop.md")),
    ("stalled-rollout.md", include_str!("library/stalled-rollout.md")),
];

/// Runbooks by id.
#[derive(Debug, Clone, Default)]
pub struct Library {
    books: BTreeMap<String, Arc<Runbook>>,
}

impl Library {
    /// The built-in ones. A test holds them free of problems.
    pub fn built_in() -> Self {
        let mut library = Self::default();
        for (file, text) in BUILT_IN {
            if let Ok(book) = format::parse(text, file) {
                library.books.insert(book.id.clone(), Arc::new(book));
            }
        }
        library
    }

    /// Adds the `*.md` files of a folder, in the order of their names; a file with the id of a known runbook replaces
    /// it. A file with problems is left out, and so never replaces one that works. A folder that does not exist is
    /// empty.
    pub fn load_dir(&mut self, folder: &Path) -> Vec<Problem> {
        let unreadable = |path: &Path, error: &std::io::Error| Problem {
            file: path.display().to_string(),
            line: 1,
            column: 1,
            message: format!("cannot be read: {error}"),
            expected: "a readable folder with runbooks (*.md)".to_owned(),
        };
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => return vec![unreadable(folder, &error)],
        };
        let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
        paths.sort();
        let (mut problems, mut seen) = (Vec::new(), BTreeMap::new());
        for path in paths {
            let file = path.display().to_string();
            let text = match std::fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) => {
                    problems.push(unreadable(&path, &error));
                    continue;
                }
            };
            match format::parse(&text, &file) {
                Ok(book) => {
                    if let Some(first) = seen.insert(book.id.clone(), file.clone()) {
                        let message = format!("the id `{}` is also that of {first}", book.id);
                        problems.push(Problem {
                            file,
                            line: 1,
                            column: 1,
                            message,
                            expected: "another id".to_owned(),
                        });
                    }
                    self.books.insert(book.id.clone(), Arc::new(book));
                }
                Err(found) => problems.extend(found),
            }
        }
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
    fn a_folder_overrides_and_adds_and_a_broken_file_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let book = |id: &str, title: &str| {
            format!(
                "+++\nid = \"{id}\"\ntitle = \"{title}\"\nowner = \"us\"\nuse_when = \"Always.\"\n+++\n## Look\n```step\nkind = \"note\"\n```\n"
            )
        };
        std::fs::write(folder.path().join("ours.md"), book("stalled-rollout", "Ours")).unwrap();
        std::fs::write(folder.path().join("more.md"), book("more", "More")).unwrap();
        std::fs::write(folder.path().join("bad.md"), "+++\nid = \"crash-loop\"\n+++\n").unwrap();
        std::fs::write(folder.path().join("README.txt"), "no runbook").unwrap();
        let mut library = Library::built_in();
        let problems = library.load_dir(folder.path());
        assert!(problems.iter().all(|problem| problem.file.ends_with("bad.md")) && !problems.is_empty());
        assert_eq!(library.get("stalled-rollout").unwrap().title, "Ours");
        assert_eq!(library.get("more").unwrap().title, "More");
        assert_eq!(library.get("crash-loop").unwrap().file, "crash-loop.md");
        assert!(library.load_dir(&folder.path().join("absent")).is_empty());
    }
}
