//! The keys of a plan.

use crate::action::Request;
use crate::app::command::Command;
use crate::app::layers::{PlanFocus, PlanState, Prompt, PromptFor};
use crate::app::msg::Effect;
use crate::app::{Activity, App, Layer};
use crate::keys::MUTATE;

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
        when: pressable,
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
        id: "plan.override",
        doc: "go on in spite of a freeze or a cooldown: in a P1 or P2 incident, with a reason",
        short: "override",
        group: G,
        when: |app| app.may_override().map(|_| ()),
        run: |app| {
            let prompt = Prompt::new(PromptFor::Override, "Override because", "the reason goes on record", "");
            app.layers.push(Layer::Prompt(prompt));
            Vec::new()
        },
    },
    Command {
        id: "plan.copy",
        doc: "copy the command line that does the same (kubectl, psql, redis-cli, amtool)",
        short: "copy command",
        group: G,
        when: in_plan,
        run: copy,
    },
];

fn in_plan(app: &App) -> Result<(), String> {
    if matches!(app.layers.last(), Some(Layer::Plan(_))) {
        Ok(())
    } else {
        Err("no plan is open".to_owned())
    }
}

/// Cancel can always be pressed; the button only where something may be changed.
fn pressable(app: &App) -> Result<(), String> {
    match app.layers.last() {
        Some(Layer::Plan(plan)) if plan.focus != PlanFocus::Go => Ok(()),
        _ => app.may_mutate().and_then(|()| in_plan(app)),
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

/// Columns and rows below which a plan has no room for its lines, its fields and its buttons at once.
const READABLE: (u16, u16) = (60, 18);

/// Enter. On Cancel it changes nothing; in a field it goes on to the next one; only on the button does it confirm.
fn press(app: &mut App) -> Vec<Effect> {
    let now = app.now;
    let Some(Layer::Plan(plan)) = app.layers.last_mut() else {
        return Vec::new();
    };
    match plan.focus {
        PlanFocus::Cancel => app.pop_layer(),
        PlanFocus::Reason | PlanFocus::Word => {
            let wants_word = plan.focus == PlanFocus::Reason && plan.wants_word();
            plan.focus_on(if wants_word { PlanFocus::Word } else { PlanFocus::Go }, now);
            Vec::new()
        }
        PlanFocus::Go if app.size.0 < READABLE.0 || app.size.1 < READABLE.1 => app.complain(format!(
            "a plan is read before it is confirmed, and {}×{} cannot show it: {}×{} can",
            app.size.0, app.size.1, READABLE.0, READABLE.1
        )),
        PlanFocus::Go if plan.too_fast(now) => {
            let key = app.keys_for("plan.press");
            app.complain(format!(
                "that came faster than anyone types, as pasted text does: read the plan, then press {key}"
            ))
        }
        PlanFocus::Go if plan.is_to_ask() => app.ask_second_person(),
        PlanFocus::Go => {
            let (id, run, reason) = (plan.id, plan.run, plan.reason.text().trim().to_owned());
            // It may have been begun since this plan was made.
            let plan = plan.plan().cloned();
            if let Some(other) = plan.as_ref().and_then(|plan| Some(app.at_work(plan)?.title.clone())) {
                return app.complain(format!(
                    "{other} is under way on the same object: wait for it, then plan again"
                ));
            }
            if let Some(other) = plan.as_ref().and_then(|plan| app.others_at_work(plan)) {
                return app.complain(format!("{other}: wait for it, then plan again"));
            }
            let Some(Layer::Plan(plan)) = app.layers.last_mut() else {
                return Vec::new();
            };
            let Some(confirmed) = plan.confirm(now) else {
                return Vec::new();
            };
            let activity = Activity::new(confirmed.plan(), &reason, run, now);
            let over = App::question_over(plan);
            let mut effects: Vec<Effect> = app.undo_record(confirmed.plan(), run).into_iter().collect();
            app.activities.push(activity);
            app.layers.pop();
            effects.extend(over);
            // That it was confirmed is on record before anything is sent.
            if let Some(run) = run {
                effects.extend(app.run_confirmed(run, id));
            }
            let confirmed = confirmed.in_run(run.and_then(|run| app.run_ref(run)));
            effects.push(Effect::Execute(Box::new(confirmed)));
            effects
        }
    }
}

/// Opens another plan in place of this one, for the same run.
fn replace_plan(app: &mut App, request: Request) -> Vec<Effect> {
    let Some(Layer::Plan(old)) = app.layers.pop() else {
        return Vec::new();
    };
    let mut effects = app.open_plan(request, old.run);
    effects.extend(App::question_over(&old));
    if let Some(Layer::Plan(new)) = app.layers.last_mut() {
        new.instead_of(&old);
        // The same rows are meant, and they are as hidden as before.
        new.aside.clone_from(&old.aside);
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
    let text = p
        .steps
        .iter()
        .map(|s| s.same_as.clone())
        .filter(|s| !s.is_empty())
        .collect::<Vec<_>>()
        .join("\n");
    if text.is_empty() {
        return app.complain("no command line does the same");
    }
    app.copy("command line", text)
}
