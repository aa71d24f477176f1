//! What the platforms' documents have an operator do by hand has its place in the console, or the reason why not.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use quarterdeck::app::command;
use quarterdeck::runbook::Library;

#[test]
fn every_command_of_the_documents_has_its_step_its_key_or_its_refusal() {
    let library = Library::built_in();
    let table: toml::Table = std::fs::read_to_string("tests/documents.toml")
        .unwrap()
        .parse()
        .unwrap();
    let commands = table["command"].as_array().unwrap();
    let mut wrong = Vec::new();
    for entry in commands {
        let text = |key: &str| entry.get(key).and_then(toml::Value::as_str);
        let line = text("line").unwrap();
        match (text("step"), text("by")) {
            (Some(step), None) => {
                let (book, id) = step.split_once('/').unwrap();
                let book = library.get(book).unwrap();
                let refusals = book.appendix.iter().filter(|s| s.title == "Not from here");
                let said = format!("{:?}", refusals.map(|s| &s.prose).collect::<Vec<_>>());
                match text("refuses") {
                    Some(words) if id != "not-from-here" || !said.contains(words) => {
                        wrong.push(format!("{line}: {step} does not say `{words}`"));
                    }
                    None if !book.steps.iter().any(|s| s.id == id) => {
                        wrong.push(format!("{line}: there is no step {step}"));
                    }
                    _ => {}
                }
            }
            (None, Some(id)) if command::find(id).is_some() => {}
            (_, by) => wrong.push(format!("{line}: neither a step nor a command: {by:?}")),
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(commands.len() > 50);
}
