//! The keys of dialogs: plan, question, prompt, picker, palette, help.

use super::{actions, lists, logs, views};
use crate::action::{Confirm, Request};
use crate::app::command::{Command, always};
use crate::app::layers::{PickerFor, PlanFocus, PlanState, PromptFor, QuestionFor};
use crate::app::msg::{Effect, LogQuery, LogTarget};
use crate::app::{Activity, App, Layer};
use crate::keys::MUTATE;
use crate::model::Scope;
use crate::runbook::engine::Event;
use crate::runbook::facts::Subject;

const G: &str = "Dialogs";

pub(super) const TABLE: &[Command] = &[
    Command {
        id: "plan.next",
        doc: "next field or button",
        short: "next",
        group: G,
        when: in_plan,
        run: |app| focus(app, 1),
    },
    Command {
        id: "plan.previous",
        doc: "previous field or button",
        short: "previous",
        group: G,
        when: in_plan,
        run: |app| focus(app, -1),
    },
    Command {
        id: "plan.scroll_down",
        doc: "scroll the plan down",
        short: "down",
        group: G,
        when: in_plan,
        run: |app| scroll(app, 1),
    },
    Command {
        id: "plan.scroll_up",
        doc: "scroll the plan up",
        short: "up",
        group: G,
        when: in_plan,
        run: |app| scroll(app, -1),
    },
    Command {
        id: "plan.press",
        doc: "press the button that has the focus; in a field, go to the next one",
        short: "press",
        group: MUTATE,
        when: in_plan,
        run: press,
    },
    Command {
        id: "plan.cancel",
        doc: "change nothing",
        short: "cancel",
        group: G,
        when: in_plan,
        run: |app| app.pop_layer(),
    },
    Command {
        id: "plan.alternative",
        doc: "plan the alternative that is offered instead",
        short: "alternative",
        group: G,
        when: has_alternative,
        run: alternative,
    },
    Command {
        id: "plan.again",
        doc: "make the plan anew",
        short: "plan again",
        group: G,
        when: in_plan,
        run: again,
    },
    Command {
        id: "plan.copy",
        doc: "copy the kubectl line that does the same",
        short: "copy kubectl",
        group: G,
        when: in_plan,
        run: copy,
    },
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
        id: "picker.accept",
        doc: "take the choice",
        short: "take",
        group: G,
        when: always,
        run: picked,
    },
    Command {
        id: "picker.cancel",
        doc: "choose nothing",
        short: "cancel",
        group: G,
        when: always,
        run: |app| app.pop_layer(),
    },
    Command {
        id: "picker.down",
        doc: "next choice",
        short: "down",
        group: G,
        when: always,
        run: |app| {
            if let Some(Layer::Picker(p)) = app.layers.last_mut() {
                p.step(1);
            }
            Vec::new()
        },
    },
    Command {
        id: "picker.up",
        doc: "previous choice",
        short: "up",
        group: G,
        when: always,
        run: |app| {
            if let Some(Layer::Picker(p)) = app.layers.last_mut() {
                p.step(-1);
            }
            Vec::new()
        },
    },
    Command {
        id: "picker.mark",
        doc: "mark the choice: several may be taken",
        short: "mark",
        group: G,
        when: always,
        run: mark,
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

fn in_plan(app: &App) -> Result<(), String> {
    if matches!(app.layers.last(), Some(Layer::Plan(_))) {
        Ok(())
    } else {
        Err("no plan is open".to_owned())
    }
}

fn has_alternative(app: &App) -> Result<(), String> {
    in_plan(app)?;
    let Some(Layer::Plan(plan)) = app.layers.last() else {
        return Ok(());
    };
    let some = match &plan.state {
        PlanState::Ready(p) => !p.alternatives.is_empty(),
        PlanState::Refused(r) => !r.alternatives.is_empty(),
        PlanState::Planning => false,
    };
    if some {
        Ok(())
    } else {
        Err("this plan offers none".to_owned())
    }
}

fn focus(app: &mut App, by: isize) -> Vec<Effect> {
    let now = app.now;
    if let Some(Layer::Plan(plan)) = app.layers.last_mut() {
        plan.move_focus(by, now);
    }
    Vec::new()
}

fn scroll(app: &mut App, by: isize) -> Vec<Effect> {
    if let Some(Layer::Plan(plan)) = app.layers.last_mut() {
        plan.scroll = plan.scroll.saturating_add_signed(by).min(plan.overflow);
    }
    Vec::new()
}

/// Enter. On Cancel it changes nothing; in a field it goes on to the next one; only on the button does it confirm.
fn press(app: &mut App) -> Vec<Effect> {
    let now = app.now;
    let allowed = app.may_mutate();
    let Some(Layer::Plan(plan)) = app.layers.last_mut() else {
        return Vec::new();
    };
    match plan.focus {
        PlanFocus::Cancel => app.pop_layer(),
        PlanFocus::Reason | PlanFocus::Word => {
            let wants_word = plan.focus == PlanFocus::Reason
                && plan.plan().is_some_and(|p| matches!(p.confirm, Confirm::Typed { .. }));
            plan.focus_on(if wants_word { PlanFocus::Word } else { PlanFocus::Go }, now);
            Vec::new()
        }
        PlanFocus::Go if plan.too_fast(now) => {
            app.complain("that came faster than anyone types, as pasted text does: read the plan, then press enter")
        }
        PlanFocus::Go => {
            if let Err(why) = allowed {
                return app.complain(why);
            }
            let (id, run, reason) = (plan.id, plan.run, plan.reason.text().trim().to_owned());
            let Some(confirmed) = plan.confirm(now) else {
                return Vec::new();
            };
            let activity = Activity::new(confirmed.plan(), &reason, run, now);
            app.activities.push(activity);
            app.layers.pop();
            let mut effects = vec![Effect::Execute(Box::new(confirmed))];
            if let Some(run) = run {
                effects.extend(app.run_confirmed(run, id));
            }
            effects
        }
    }
}

/// Opens another plan in place of this one, for the same run.
fn replace_plan(app: &mut App, request: Request) -> Vec<Effect> {
    let Some(Layer::Plan(old)) = app.layers.pop() else {
        return Vec::new();
    };
    let effects = app.open_plan(request, old.run);
    if let Some(Layer::Plan(new)) = app.layers.last_mut() {
        new.reason = old.reason.clone();
        let id = new.id;
        if let Some(run) = old.run {
            app.run_replanned(run, old.id, id);
        }
    }
    effects
}

fn alternative(app: &mut App) -> Vec<Effect> {
    let Some(Layer::Plan(plan)) = app.layers.last() else {
        return Vec::new();
    };
    let request = match &plan.state {
        PlanState::Ready(p) => p.alternatives.first().map(|a| a.request.clone()),
        PlanState::Refused(r) => r.alternatives.first().map(|a| a.request.clone()),
        PlanState::Planning => None,
    };
    match request {
        Some(request) => replace_plan(app, request),
        None => Vec::new(),
    }
}

fn again(app: &mut App) -> Vec<Effect> {
    let Some(Layer::Plan(plan)) = app.layers.last() else {
        return Vec::new();
    };
    let request = plan.request.clone();
    replace_plan(app, request)
}

fn copy(app: &mut App) -> Vec<Effect> {
    let Some(Layer::Plan(plan)) = app.layers.last() else {
        return Vec::new();
    };
    let Some(p) = plan.plan() else { return Vec::new() };
    let text = p.steps.iter().map(|s| s.same_as.clone()).collect::<Vec<_>>().join("\n");
    app.say("the kubectl line was sent to the terminal's clipboard");
    vec![Effect::Copy(text)]
}

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
        QuestionFor::AbortRun(run) => app.run_event(
            run,
            Event::Abort {
                reason: "ended by the operator".to_owned(),
            },
        ),
    }
}

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
        PromptFor::Filter => {
            lists::accept_filter(app);
            Vec::new()
        }
        PromptFor::LogFilter => Vec::new(),
        PromptFor::Search => {
            if let Some(scroll) = app.layers.last_mut().and_then(views::scroll_of) {
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
                return refuse(app, "choose a namespace first (g n)");
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
        PromptFor::SkipReason { run } => {
            if text.is_empty() {
                return refuse(app, "a reason is needed: it goes on record");
            }
            app.run_event(run, Event::Skip { reason: text })
        }
        PromptFor::RunNote { run } => app.run_event(run, Event::Note(text)),
        PromptFor::RunAnswer { run } => {
            let name = app
                .runs
                .iter()
                .find(|r| r.number == run)
                .and_then(|r| r.run.shown().params.first().map(|p| p.name.clone()))
                .unwrap_or_default();
            app.run_event(run, Event::SetParam { name, text })
        }
        PromptFor::SnoozeReason => {
            let Some(signal) = app.strip.current(&app.judge) else {
                return Vec::new();
            };
            let (key, line) = (signal.key(), signal.short(app.server_now()));
            let until = app
                .now
                .checked_add(jiff::SignedDuration::from_mins(30))
                .unwrap_or(app.now);
            app.judge.snooze(key, until, text.clone());
            app.strip.settle(&app.judge);
            app.say("snoozed for 30 minutes");
            vec![Effect::Record {
                kind: "snooze",
                subject: line,
                text,
            }]
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
        Some(Layer::Picker(p)) => p.field.clear(),
        _ => {}
    }
    app.prompt_changed()
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
    app.run_command(entry.id)
}

fn mark(app: &mut App) -> Vec<Effect> {
    if let Some(Layer::Picker(p)) = app.layers.last_mut()
        && p.purpose == PickerFor::Namespaces
        && let Some(value) = p.selected().map(|c| c.value.clone())
    {
        if !p.marked.remove(&value) {
            p.marked.insert(value);
        }
        p.step(1);
    }
    Vec::new()
}

fn picked(app: &mut App) -> Vec<Effect> {
    let Some(Layer::Picker(picker)) = app.layers.pop() else {
        return Vec::new();
    };
    let value = picker.selected().map(|c| c.value.clone());
    match picker.purpose {
        PickerFor::Context => match value {
            Some(context) => {
                app.say(format!("switching to {context}"));
                vec![Effect::Connect {
                    context: Some(context),
                    scope: None,
                }]
            }
            None => Vec::new(),
        },
        PickerFor::Namespaces => {
            let typed = picker.field.text().trim().to_owned();
            let mut names: Vec<String> = picker.marked.iter().filter(|n| *n != "*").cloned().collect();
            match value {
                Some(v) if v == "*" && picker.field.is_empty() => names.clear(),
                Some(v) if !picker.field.is_empty() || names.is_empty() => names = vec![v],
                None if !typed.is_empty() => names = vec![typed],
                _ => {}
            }
            let scope = if names.is_empty() {
                Scope::All
            } else {
                Scope::Namespaces(names)
            };
            let context = app.place().map(|p| p.context.clone());
            vec![Effect::Connect {
                context,
                scope: Some(scope),
            }]
        }
        PickerFor::LogContainer => {
            let container = value.filter(|v| !v.is_empty());
            logs::reopen(app, |q| q.container.clone_from(&container))
        }
        PickerFor::ImageContainer(target) => match value {
            Some(container) => actions::ask_image(app, target, &container),
            None => Vec::new(),
        },
        PickerFor::Runbook => {
            let subject = app
                .subject_workload()
                .map(|w| w.meta.object(w.kind))
                .or_else(|| app.subject());
            match (value, subject) {
                (Some(book), Some(object)) => {
                    let subject = Subject::of(&app.world, &object);
                    app.start_run(&book, subject)
                }
                (Some(_), None) => app.complain("select the object that the runbook is for first"),
                _ => Vec::new(),
            }
        }
    }
}
