//! The keys of questions, the palette and the help.

use crate::app::command::{Command, always};
use crate::app::layers::{Does, QuestionFor};
use crate::app::msg::Effect;
use crate::app::strip::Lead;
use crate::app::{App, Layer};
use crate::model::Scope;
use crate::panes;
use crate::runbook::engine::Event;

const G: &str = "Dialogs";

pub(super) const TABLE: &[Command] = &[
    Command {
        id: "question.next",
        doc: "the other answer",
        short: "other",
        group: G,
        when: always,
        run: |app| {
            if let Some(Layer::Question(q)) = app.layers.last_mut() {
                q.on_yes = !q.on_yes;
            }
            Vec::new()
        },
    },
    Command {
        id: "question.press",
        doc: "give the answer that has the focus",
        short: "answer",
        group: G,
        when: always,
        run: |app| answer(app, None),
    },
    Command {
        id: "question.cancel",
        doc: "give the answer that changes nothing",
        short: "no",
        group: G,
        when: always,
        run: |app| answer(app, Some(false)),
    },
    Command {
        id: "question.yes",
        doc: "yes",
        short: "yes",
        group: G,
        when: always,
        run: |app| answer(app, Some(true)),
    },
    Command {
        id: "palette.run",
        doc: "run the command under the cursor",
        short: "run",
        group: G,
        when: always,
        run: palette_run,
    },
    Command {
        id: "palette.cancel",
        doc: "leave the palette",
        short: "cancel",
        group: G,
        when: always,
        run: |app| app.pop_layer(),
    },
    Command {
        id: "palette.down",
        doc: "next command",
        short: "down",
        group: G,
        when: always,
        run: |app| palette_step(app, 1),
    },
    Command {
        id: "palette.up",
        doc: "previous command",
        short: "up",
        group: G,
        when: always,
        run: |app| palette_step(app, -1),
    },
    Command {
        id: "help.close",
        doc: "leave the help",
        short: "close",
        group: G,
        when: always,
        run: |app| app.pop_layer(),
    },
    Command {
        id: "help.search",
        doc: "search in the help",
        short: "search",
        group: G,
        when: always,
        run: |app| {
            if let Some(Layer::Help(h)) = app.layers.last_mut() {
                h.searching = true;
            }
            Vec::new()
        },
    },
];

fn answer(app: &mut App, given: Option<bool>) -> Vec<Effect> {
    let Some(Layer::Question(q)) = app.layers.pop() else {
        return Vec::new();
    };
    if !given.unwrap_or(q.on_yes) {
        return Vec::new();
    }
    match q.purpose {
        QuestionFor::Quit => {
            app.leaving = true;
            vec![Effect::Quit]
        }
        QuestionFor::ResumeChanged => app.take_run(),
        QuestionFor::Exec(ask, _) => super::exec::begin(app, *ask),
        QuestionFor::AbortRun(run) => app.run_event(
            run,
            Event::Abort {
                reason: "ended by the operator".to_owned(),
            },
        ),
    }
}

fn palette_step(app: &mut App, by: isize) -> Vec<Effect> {
    if let Some(Layer::Palette(p)) = app.layers.last_mut() {
        p.cursor = p
            .cursor
            .saturating_add_signed(by)
            .min(p.entries.len().saturating_sub(1));
    }
    Vec::new()
}

fn palette_run(app: &mut App) -> Vec<Effect> {
    let Some(Layer::Palette(palette)) = app.layers.last() else {
        return Vec::new();
    };
    let Some(entry) = palette.entries.get(palette.cursor).cloned() else {
        return Vec::new();
    };
    if let Some(why) = entry.why_not {
        return app.complain(why);
    }
    app.layers.pop();
    let mut effects = Vec::new();
    if !entry.id.is_empty() {
        app.used(entry.id);
        effects.push(app.remember());
    }
    if !matches!(entry.does, Does::Command(_)) {
        app.strays("jump.related");
    }
    effects.extend(match entry.does {
        Does::Command(id) => app.run_command(id),
        Does::Go(jump) => app.jump(jump),
        Does::View(pane, view) => {
            let at = panes::pane(pane).views.iter().position(|v| v.id == view);
            let effects = app.pop_layers();
            app.strip.lead = Lead::Row;
            app.go_to_pane(pane, at.unwrap_or(0));
            effects
        }
        Does::Nothing => Vec::new(),
        Does::Runbook(book) => {
            let subject = app.run_subject().unwrap_or_default();
            app.start_run(&book, subject)
        }
        Does::Namespace(name) => vec![Effect::Connect {
            context: app.place().map(|p| p.context.clone()),
            scope: Some(Scope::Namespaces(vec![name])),
        }],
        Does::Context { name, platform } => app.depart(name, platform),
    });
    effects
}
