//! The keys of what was left unfinished.

use crate::app::command::Command;
use crate::app::layers::{Prompt, PromptFor};
use crate::app::msg::Effect;
use crate::app::unfinished::Item;
use crate::app::{Access, App, Layer};

const G: &str = "Unfinished";

pub(super) const TABLE: &[Command] = &[
    Command {
        id: "unfinished.open",
        doc: "what was left unfinished: runs, and changes with no end on record",
        short: "unfinished",
        group: G,
        when: |_| Ok(()),
        run: App::open_unfinished,
    },
    Command {
        id: "unfinished.resume",
        doc: "go on with the run where it stood",
        short: "go on",
        group: G,
        when: |app| run(app).map(drop),
        run: |app| match run(app) {
            Ok(key) => app.resume_run(&key, None, false),
            Err(why) => app.complain(why),
        },
    },
    Command {
        id: "unfinished.take",
        doc: "take somebody else's run over, with a reason",
        short: "take over",
        group: G,
        when: |app| run(app).map(drop),
        run: |app| {
            let Ok(key) = run(app) else { return Vec::new() };
            ask(app, PromptFor::TakeRun { key }, "Take the run over because")
        },
    },
    Command {
        id: "unfinished.close",
        doc: "close the run where it stands, with a reason",
        short: "close",
        group: G,
        when: |app| run(app).map(drop),
        run: close,
    },
    Command {
        id: "unfinished.happened",
        doc: "put on record that the change happened, and what shows it",
        short: "it happened",
        group: G,
        when: |app| change(app).map(drop),
        run: |app| decide(app, true),
    },
    Command {
        id: "unfinished.not",
        doc: "put on record that the change did not happen, and what shows it",
        short: "it did not",
        group: G,
        when: |app| change(app).map(drop),
        run: |app| decide(app, false),
    },
];

fn writable(app: &App) -> Result<(), String> {
    match &app.access {
        Access::ReadOnly { why } => Err(format!("read-only session ({why})")),
        Access::Operator => Ok(()),
    }
}

fn run(app: &App) -> Result<String, String> {
    writable(app)?;
    match app.unfinished_at_cursor() {
        Some(Item::Run { key, .. }) => Ok(key.clone()),
        _ => Err("no run is selected".to_owned()),
    }
}

fn change(app: &App) -> Result<String, String> {
    writable(app)?;
    match app.unfinished_at_cursor() {
        Some(Item::Change(hash)) => Ok(hash.clone()),
        _ => Err("no change is selected".to_owned()),
    }
}

fn ask(app: &mut App, purpose: PromptFor, label: &str) -> Vec<Effect> {
    let prompt = Prompt::new(purpose, label, "goes on record", "");
    app.layers.push(Layer::Prompt(prompt));
    Vec::new()
}

fn close(app: &mut App) -> Vec<Effect> {
    match app.unfinished_at_cursor() {
        Some(Item::Run { alive: true, .. }) => {
            let key = app.keys_for("unfinished.take");
            app.complain(format!(
                "it is under way in another console: take it over first ({key}), or end it there"
            ))
        }
        Some(Item::Run { key, .. }) => {
            let key = key.clone();
            ask(app, PromptFor::CloseRun { key }, "Close the run because")
        }
        _ => Vec::new(),
    }
}

fn decide(app: &mut App, happened: bool) -> Vec<Effect> {
    let Ok(intent) = change(app) else { return Vec::new() };
    let label = if happened {
        "It happened: what shows it?"
    } else {
        "It did not happen: what shows it?"
    };
    ask(app, PromptFor::ChangeSeen { intent, happened }, label)
}
