//! What the console opens with: who sits here, their runbooks, and what is wrong with their files.

use crate::app::Notice;

/// Who sits here, as the journal names them.
pub fn person() -> String {
    let who = crate::journal::Who::here("", crate::journal::Mode::Live);
    who.actor.person().to_owned()
}

/// The built-in runbooks and the user's, and what is wrong with the latter.
pub fn runbooks(config: &crate::config::Config) -> (crate::runbook::Library, Vec<Notice>) {
    let mut books = crate::runbook::Library::built_in();
    let mut notices = Vec::new();
    for file in crate::config::runbooks(&config.paths) {
        let name = file.path.display().to_string();
        match file.text {
            Ok(text) => {
                let problems = books.add(&name, &text.unwrap_or_default());
                notices.extend(in_one(problems.iter().map(|p| Notice::error(p.to_string())).collect()));
            }
            Err(why) => notices.push(Notice::error(format!("{name} {why}"))),
        }
    }
    (books, notices)
}

/// One note of what is wrong with a file, so that the next file's has room too; the log has them all.
pub fn in_one(notices: Vec<Notice>) -> Vec<Notice> {
    for notice in &notices {
        tracing::warn!("{}", notice.text);
    }
    let more = notices.len().saturating_sub(1);
    let mut first: Vec<Notice> = notices.into_iter().take(1).collect();
    if let Some(notice) = first.first_mut().filter(|_| more > 0) {
        notice.text = format!("{} (and {more} more: see the log)", notice.text);
    }
    first
}

#[cfg(debug_assertions)]
#[allow(clippy::panic)]
pub fn fault_for_test() {
    assert!(
        std::env::var_os("QUARTERDECK_TEST_PANIC").is_none(),
        "QUARTERDECK_TEST_PANIC is set"
    );
}
