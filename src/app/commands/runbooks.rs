//! Runbooks: opening them, and the keys of their panel.

use crate::app::command::Command;
use crate::app::layers::{Choice, Picker, PickerFor, Prompt, PromptFor, Question, QuestionFor};
use crate::app::msg::Effect;
use crate::app::{App, Layer, RunEntry};
use crate::keys::MUTATE;
use crate::runbook::engine::{Event, OfferKind, Phase, Status};
use crate::runbook::format::Open;
use crate::runbook::library;

const G: &str = "Runbooks";

pub(super) const TABLE: &[Command] = &[
    Command {
        id: "runbook.best",
        doc: "open the runbook that answers the cause at hand; choose one where nothing is wrong",
        short: "runbook",
        group: G,
        when: answered,
        run: best,
    },
    Command {
        id: "runbook.list",
        doc: "choose a runbook for the selected object",
        short: "runbooks",
        group: G,
        when: |_| Ok(()),
        run: list,
    },
    Command {
        id: "runbook.resume",
        doc: "come back to a run under way, or to what was left unfinished",
        short: "resume",
        group: G,
        when: under_way,
        run: resume,
    },
    Command {
        id: "step.go",
        doc: "the step's own way on, or the offered way under the cursor",
        short: "go on",
        group: G,
        when: in_run,
        run: go,
    },
    Command {
        id: "step.down",
        doc: "next offered way, or scroll",
        short: "down",
        group: "Moving",
        when: in_run,
        run: |app| choose(app, 1),
    },
    Command {
        id: "step.up",
        doc: "previous offered way, or scroll",
        short: "up",
        group: "Moving",
        when: in_run,
        run: |app| choose(app, -1),
    },
    Command {
        id: "step.edit",
        doc: "change the value that the step proposes",
        short: "change",
        group: G,
        when: |app| offered(app, OfferKind::SetParam),
        run: super::run_params::edit,
    },
    Command {
        id: "step.retry",
        doc: "try the step again",
        short: "retry",
        group: G,
        when: |app| offered(app, OfferKind::Retry),
        run: |app| event(app, Event::Retry),
    },
    Command {
        id: "step.skip",
        doc: "pass over the step, with a reason",
        short: "skip",
        group: G,
        when: |app| offered(app, OfferKind::Skip),
        run: skip,
    },
    Command {
        id: "step.rollback",
        doc: "take back what this run changed, newest first, each with its own plan",
        short: "take back",
        group: G,
        when: |app| offered(app, OfferKind::RollBack),
        run: |app| event(app, Event::RollBack),
    },
    Command {
        id: "run.abort",
        doc: "end the run here",
        short: "abort",
        group: G,
        when: |app| offered(app, OfferKind::Abort),
        run: abort,
    },
    Command {
        id: "run.hand_over",
        doc: "let go of the run for another operator, who takes it up from the record",
        short: "hand over",
        group: G,
        when: |app| offered(app, OfferKind::HandOver),
        run: hand_over,
    },
    Command {
        id: "step.alone",
        doc: "pass a step without the second person that it asks for, with a reason that goes on record",
        short: "go alone",
        group: MUTATE,
        when: may_go_alone,
        run: alone,
    },
    Command {
        id: "step.copy",
        doc: "copy the text for others",
        short: "copy",
        group: G,
        when: |app| offered(app, OfferKind::Copy),
        run: |app| event(app, Event::Copy),
    },
    Command {
        id: "run.note",
        doc: "write a note on the record",
        short: "note",
        group: G,
        when: in_run,
        run: note,
    },
    Command {
        id: "evidence.history",
        doc: "the revisions of the workload",
        short: "history",
        group: G,
        when: in_run,
        run: |app| event(app, Event::Open(Open::History)),
    },
    Command {
        id: "evidence.difference",
        doc: "what differs between the revisions",
        short: "difference",
        group: G,
        when: in_run,
        run: |app| event(app, Event::Open(Open::Difference)),
    },
    Command {
        id: "evidence.logs",
        doc: "the logs of the worst pod",
        short: "logs",
        group: G,
        when: in_run,
        run: |app| event(app, Event::Open(Open::Logs)),
    },
    Command {
        id: "evidence.previous_logs",
        doc: "what the worst pod said before it ended",
        short: "previous logs",
        group: G,
        when: in_run,
        run: |app| event(app, Event::Open(Open::PreviousLogs)),
    },
    Command {
        id: "evidence.events",
        doc: "what happened to the subject",
        short: "events",
        group: G,
        when: in_run,
        run: |app| event(app, Event::Open(Open::Events)),
    },
    Command {
        id: "evidence.detail",
        doc: "the subject in full",
        short: "detail",
        group: G,
        when: in_run,
        run: |app| event(app, Event::Open(Open::Detail)),
    },
];

fn answered(app: &App) -> Result<(), String> {
    if app.is_healthy_at_hand() {
        return Ok(());
    }
    app.best_run().map(|_| ())
}

fn under_way(app: &App) -> Result<(), String> {
    if app.runs.iter().any(RunEntry::is_live) || !app.unfinished.items.is_empty() {
        Ok(())
    } else {
        Err("no runbook is under way here, and nothing was left unfinished".to_owned())
    }
}

pub(super) fn entry(app: &App) -> Option<&RunEntry> {
    let Some(Layer::Runbook(view)) = app.layers.last() else {
        return None;
    };
    app.runs.iter().find(|r| r.number == view.run)
}

fn in_run(app: &App) -> Result<(), String> {
    entry(app).map(|_| ()).ok_or_else(|| "no runbook is open".to_owned())
}

fn offered(app: &App, kind: OfferKind) -> Result<(), String> {
    let entry = entry(app).ok_or("no runbook is open")?;
    if entry.run.offers().iter().any(|o| o.kind == kind) {
        Ok(())
    } else {
        Err("not offered at this step".to_owned())
    }
}

fn best(app: &mut App) -> Vec<Effect> {
    if app.is_healthy_at_hand() {
        return app.offer_runbooks();
    }
    match app.best_run() {
        Ok((book, subject)) => app.start_run(&book, subject),
        Err(why) => app.complain(why),
    }
}

fn list(app: &mut App) -> Vec<Effect> {
    let choices = app
        .books
        .iter()
        .map(|b| Choice {
            value: b.id.clone(),
            label: b.title.clone(),
            hint: if library::is_built_in(b) {
                b.use_when.clone()
            } else {
                format!("own file: {}", b.use_when)
            },
        })
        .collect();
    let purpose = PickerFor::Runbook(app.run_subject().map(Box::new));
    app.layers.push(Layer::Picker(Picker::new("Runbook", purpose, choices)));
    Vec::new()
}

fn resume(app: &mut App) -> Vec<Effect> {
    let open = match app.layers.last() {
        Some(Layer::Runbook(view)) => Some(view.run),
        _ => None,
    };
    let others: Vec<&RunEntry> = app.under_way().into_iter().filter(|r| Some(r.number) != open).collect();
    match others.as_slice() {
        [] if open.is_some() => app.say("no other runbook is under way here"),
        [] => app.open_unfinished(),
        [only] => {
            let number = only.number;
            app.show_run(number)
        }
        several => {
            let choices = several.iter().map(|r| Choice {
                value: r.number.to_string(),
                label: r.line(),
                hint: r.stands(),
            });
            let title = match app.waiting_runs() {
                0 => "Runbooks under way".to_owned(),
                1 => "Runbooks under way, 1 waits for you".to_owned(),
                n => format!("Runbooks under way, {n} wait for you"),
            };
            let picker = Picker::new(&title, PickerFor::Resume, choices.collect());
            app.layers.push(Layer::Picker(picker));
            Vec::new()
        }
    }
}

fn event(app: &mut App, event: Event) -> Vec<Effect> {
    let Some(number) = entry(app).map(|e| e.number) else {
        return Vec::new();
    };
    if let Some(Layer::Runbook(view)) = app.layers.last_mut() {
        view.choice = 0;
        view.scroll.top = 0;
        view.look = None;
    }
    app.run_event(number, event)
}

/// The ways that are offered to choose from, as rows under the text.
pub(crate) fn ways(entry: &RunEntry) -> Vec<(OfferKind, String)> {
    entry
        .run
        .offers()
        .into_iter()
        .filter(|o| matches!(o.kind, OfferKind::Continue | OfferKind::Choose(_)))
        .map(|o| (o.kind, o.label))
        .collect()
}

fn choose(app: &mut App, by: isize) -> Vec<Effect> {
    let n = entry(app).map_or(0, |e| ways(e).len());
    if let Some(Layer::Runbook(view)) = app.layers.last_mut() {
        if n > 1 {
            view.choice = view.choice.saturating_add_signed(by).min(n - 1);
        } else {
            view.scroll.by(by);
        }
    }
    Vec::new()
}

fn go(app: &mut App) -> Vec<Effect> {
    let Some(Layer::Runbook(view)) = app.layers.last() else {
        return Vec::new();
    };
    let at = view.choice;
    let Some(entry) = entry(app) else { return Vec::new() };
    if entry.run.status().is_over() {
        return app.pop_layer();
    }
    match ways(entry).get(at).map(|(kind, _)| *kind) {
        Some(OfferKind::Choose(i)) => event(app, Event::Choose(i)),
        Some(OfferKind::Continue) => event(app, Event::Continue),
        _ => {
            let text = match (entry.run.phase(), entry.run.status()) {
                (Phase::Stopped, Status::RollingBack) => format!("not all is taken back: {}", ways_by_key(app, entry)),
                (Phase::Stopped, _) => format!("the step failed: {}", ways_by_key(app, entry)),
                (Phase::Barred { why }, _) => format!("{why}: {}", ways_by_key(app, entry)),
                _ => "nothing to decide now: it waits".to_owned(),
            };
            app.say(text)
        }
    }
}

/// `t retries, s skips with a reason, x aborts`: of what is offered at a step that stopped.
fn ways_by_key(app: &App, entry: &RunEntry) -> String {
    let back = *entry.run.status() == Status::RollingBack;
    let words = |kind| {
        Some(match (kind, back) {
            (OfferKind::RollBack, true) => ("step.rollback", "goes on taking back"),
            (OfferKind::Skip, true) => ("step.skip", "leaves this change as it is"),
            (OfferKind::Retry, true) => ("step.retry", "goes back to the step"),
            (OfferKind::Retry, false) => ("step.retry", "retries"),
            (OfferKind::Skip, false) => ("step.skip", "skips with a reason"),
            (OfferKind::HandOver, _) if matches!(entry.run.phase(), Phase::Barred { .. }) => {
                ("run.hand_over", "hands it over to who may")
            }
            (OfferKind::Abort, _) => ("run.abort", "aborts"),
            _ => return None,
        })
    };
    let offers = entry.run.offers();
    let ways = offers.iter().filter_map(|o| words(o.kind));
    let ways: Vec<String> = ways.map(|(id, what)| format!("{} {what}", app.keys_for(id))).collect();
    ways.join(", ")
}

fn hand_over(app: &mut App) -> Vec<Effect> {
    let Some(run) = entry(app).map(|e| e.number) else {
        return Vec::new();
    };
    app.layers.push(Layer::Prompt(Prompt::new(
        PromptFor::HandOver { run },
        "Hand over to",
        "a name, then why: r.roe end of shift",
        "",
    )));
    Vec::new()
}

fn skip(app: &mut App) -> Vec<Effect> {
    let Some(entry) = entry(app) else { return Vec::new() };
    let run = entry.number;
    let label = if *entry.run.status() == Status::RollingBack {
        "Leave this change as it is because"
    } else {
        "Skip this step because"
    };
    app.layers.push(Layer::Prompt(Prompt::new(
        PromptFor::SkipReason { run },
        label,
        "the reason goes on record",
        "",
    )));
    Vec::new()
}

fn may_go_alone(app: &App) -> Result<(), String> {
    app.may_mutate()?;
    app.may_go_alone(entry(app).ok_or("no runbook is open")?)
}

fn alone(app: &mut App) -> Vec<Effect> {
    let Some(run) = entry(app).map(|e| e.number) else {
        return Vec::new();
    };
    app.layers.push(Layer::Prompt(Prompt::new(
        PromptFor::StepAlone { run },
        "Go on without a second person because",
        "break glass: it goes on record as an override, for everybody to read",
        "",
    )));
    Vec::new()
}

fn note(app: &mut App) -> Vec<Effect> {
    let Some(run) = entry(app).map(|e| e.number) else {
        return Vec::new();
    };
    app.layers.push(Layer::Prompt(Prompt::new(
        PromptFor::RunNote { run },
        "Note",
        "goes on record under this step",
        "",
    )));
    Vec::new()
}

fn abort(app: &mut App) -> Vec<Effect> {
    let Some(entry) = entry(app) else { return Vec::new() };
    let undos = entry.run.undos().len();
    let detail = match (undos, entry.run.changes()) {
        _ if entry.run.changing().is_some() => {
            "A change is on its way: nothing more of it is sent, and what was sent stays.".to_owned()
        }
        (0, 0) => "It changed nothing.".to_owned(),
        (0, _) => "What it changed stays changed: nothing takes it back.".to_owned(),
        _ => {
            let key = app.keys_for("step.rollback");
            format!("What it changed stays changed ({undos} can be taken back with {key}).")
        }
    };
    let question = Question {
        purpose: QuestionFor::AbortRun(entry.number),
        text: format!("End the runbook {} here?", entry.run.book().title),
        detail,
        yes: "End it".to_owned(),
        no: "Go on".to_owned(),
        on_yes: false,
    };
    app.layers.push(Layer::Question(question));
    Vec::new()
}
