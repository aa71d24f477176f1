//! The keys of a line that is being typed, and what becomes of it.

use super::{lists, logs, views};
use crate::action::Request;
use crate::app::command::{Command, always};
use crate::app::layers::PromptFor;
use crate::app::msg::{Effect, LogQuery, LogTarget};
use crate::app::{App, Layer};
use crate::journal::{Entry, RecordKind};
use crate::model::Scope;
use crate::panes;
use crate::runbook::engine::Event;

const G: &str = "Dialogs";

pub(super) const TABLE: &[Command] = &[
    Command {
        id: "text.accept",
        doc: "take what was typed",
        short: "take",
        group: G,
        when: always,
        run: accept,
    },
    Command {
        id: "text.cancel",
        doc: "leave the line; a filter is taken away",
        short: "cancel",
        group: G,
        when: always,
        run: cancel,
    },
    Command {
        id: "text.clear",
        doc: "empty the line",
        short: "clear",
        group: G,
        when: always,
        run: clear,
    },
];

fn accept(app: &mut App) -> Vec<Effect> {
    if let Some(Layer::Help(help)) = app.layers.last_mut() {
        help.searching = false;
        return Vec::new();
    }
    let Some(Layer::Prompt(mut prompt)) = app.layers.pop() else {
        return Vec::new();
    };
    let text = prompt.field.text().trim().to_owned();
    let purpose = prompt.purpose.clone();
    let mut refuse = |app: &mut App, why: &str| {
        prompt.complaint = Some(why.to_owned());
        app.layers.push(Layer::Prompt(prompt.clone()));
        Vec::new()
    };
    match purpose {
        PromptFor::Filter => match panes::parse_filter(app, app.active_pane(), &text) {
            Ok(_) => {
                lists::accept_filter(app);
                Vec::new()
            }
            Err(fault) => refuse(app, &fault.0),
        },
        PromptFor::LogFilter => Vec::new(),
        PromptFor::Search => {
            if let Some(scroll) = app.layers.last_mut().and_then(Layer::scroll) {
                scroll.search = text;
                scroll.hit = None;
            }
            views::hit(app, true)
        }
        PromptFor::LogLabels => {
            let Some(namespace) = app
                .subject()
                .map(|s| s.namespace)
                .or_else(|| match app.place().map(|p| &p.scope) {
                    Some(Scope::Namespaces(list)) => list.first().map(|n| n.as_str().into()),
                    _ => None,
                })
            else {
                let key = app.keys_for("namespace.pick");
                return refuse(app, &format!("choose a namespace first ({key})"));
            };
            if text.is_empty() {
                return refuse(app, "write at least one label: app=web");
            }
            let title = format!("pods with {text} in {namespace}");
            let target = LogTarget::Labels {
                namespace,
                selector: text,
            };
            logs::open(
                app,
                title,
                LogQuery {
                    target,
                    container: None,
                    previous: false,
                    tail: 100,
                },
            )
        }
        PromptFor::Replicas { target, seen } => match text.parse::<u32>() {
            Ok(n) if n <= 10_000 => app.open_plan(
                Request::Scale {
                    target,
                    replicas: n,
                    seen,
                },
                None,
            ),
            _ => refuse(app, "a whole number from 0 to 10000"),
        },
        PromptFor::ReplicasOfAll { targets } => match text.parse::<u32>() {
            Ok(replicas) if replicas <= 10_000 => {
                let scale = |(target, seen)| Request::Scale { target, replicas, seen };
                super::bulk::open(app, targets.into_iter().map(scale).collect())
            }
            _ => refuse(app, "a whole number from 0 to 10000"),
        },
        PromptFor::RetryJobs { queue } => super::sources::retry(app, queue, &text),
        PromptFor::DeleteKeys { source } if text.is_empty() => {
            let _ = source;
            refuse(app, "a prefix: all keys are never deleted")
        }
        PromptFor::DeleteKeys { source } => super::sources::delete_keys(app, &source, &text),
        PromptFor::Silence { .. } if text.is_empty() => refuse(app, "a comment: others must know why"),
        PromptFor::Silence { alert, labels } => super::sources::silence(app, alert, labels, &text),
        PromptFor::HpaBounds {
            target,
            min: seen_min,
            max: seen_max,
        } => {
            let numbers: Vec<u32> = text
                .split(|c: char| !c.is_ascii_digit())
                .filter(|s| !s.is_empty())
                .filter_map(|s| s.parse().ok())
                .collect();
            match numbers.as_slice() {
                [min, max] if min <= max && *max >= 1 => app.open_plan(
                    Request::HpaBounds {
                        target,
                        min: *min,
                        max: *max,
                        seen_min,
                        seen_max,
                    },
                    None,
                ),
                [_, _] => refuse(app, "the minimum must not be above the maximum"),
                _ => refuse(app, "two whole numbers: 3 12"),
            }
        }
        PromptFor::Image {
            target,
            container,
            seen,
        } => {
            if text.is_empty() || text.contains(char::is_whitespace) {
                return refuse(app, "an image reference without blanks: registry/name:tag");
            }
            if text == seen {
                return refuse(app, "that is the image it has");
            }
            app.open_plan(
                Request::SetImage {
                    target,
                    container,
                    image: text,
                    seen,
                },
                None,
            )
        }
        PromptFor::Alone if text.is_empty() => refuse(app, "a reason is needed: it goes on record as an override"),
        PromptFor::StepAlone { .. } if text.is_empty() => {
            refuse(app, "a reason is needed: it goes on record as an override")
        }
        PromptFor::StepAlone { run } => app.step_alone(run, &text),
        PromptFor::Alone => {
            app.go_alone(text);
            Vec::new()
        }
        PromptFor::Object { target, what } => match super::typed::request(target, what, &text) {
            Ok(request) => app.open_plan(request, None),
            Err(why) => refuse(app, &why),
        },
        PromptFor::SkipReason { run } => {
            if text.is_empty() {
                return refuse(app, "a reason is needed: it goes on record");
            }
            app.run_event(run, Event::Skip { reason: text })
        }
        PromptFor::TakeRun { .. } | PromptFor::CloseRun { .. } | PromptFor::ChangeSeen { .. } if text.is_empty() => {
            refuse(app, "write it down: it goes on record")
        }
        PromptFor::Incident(what) => match super::incident_asks::answered(app, what, &text) {
            Ok(effects) => effects,
            Err(why) => refuse(app, why),
        },
        PromptFor::TakeRun { key } => app.resume_run(&key, Some(text), false),
        PromptFor::CloseRun { key } => app.close_run(&key, text),
        PromptFor::ChangeSeen { intent, happened } => app.decide_change(&intent, happened, text),
        PromptFor::RunNote { run } => app.run_event(run, Event::Note(text)),
        PromptFor::RunAnswer { run, name, .. } => app.run_event(run, Event::SetParam { name, text }),
        PromptFor::HandOver { run } => {
            let (to, reason) = text.split_once(char::is_whitespace).unwrap_or((&text, ""));
            if to.is_empty() {
                return refuse(app, "a name: who takes it over");
            }
            let (to, reason) = (to.to_owned(), reason.trim().to_owned());
            app.run_event(run, Event::HandOver { to, reason })
        }
        PromptFor::Override if text.is_empty() => refuse(app, "a reason is needed: it goes on record"),
        PromptFor::Override => app.override_plan(&text),
        PromptFor::SnoozeReason { signal, line } => {
            let until = app
                .now
                .checked_add(jiff::SignedDuration::from_mins(30))
                .unwrap_or(app.now);
            app.judge.snooze(signal, until, text.clone());
            app.judge_now();
            app.say("snoozed for 30 minutes");
            let mut entry = Entry::new(RecordKind::Note, format!("snooze {line}"));
            entry.reason = text;
            vec![Effect::Record(Box::new(entry))]
        }
    }
}

fn cancel(app: &mut App) -> Vec<Effect> {
    if let Some(Layer::Help(help)) = app.layers.last_mut() {
        help.searching = false;
        help.field.clear();
        return Vec::new();
    }
    let Some(Layer::Prompt(prompt)) = app.layers.pop() else {
        return Vec::new();
    };
    match prompt.purpose {
        PromptFor::Filter => {
            app.list_mut().filter.clear();
            app.list_mut().release();
            app.refresh_pane();
        }
        PromptFor::LogFilter => {
            if let Some(Layer::Logs(logs)) = app.layers.last_mut() {
                logs.only.clear();
            }
        }
        _ => {}
    }
    Vec::new()
}

fn clear(app: &mut App) -> Vec<Effect> {
    match app.layers.last_mut() {
        Some(Layer::Prompt(p)) => p.field.clear(),
        Some(Layer::Palette(p)) => p.field.clear(),
        Some(Layer::Picker(p)) => {
            p.field.clear();
            p.cursor = 0;
        }
        Some(Layer::Plan(p)) => {
            if let Some(field) = p.field() {
                field.clear();
            }
        }
        _ => {}
    }
    app.refresh_palette();
    app.prompt_changed()
}
