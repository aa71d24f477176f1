//! Who else is here: following an operator, and answering where a second person is asked for.

use crate::app::command::{Command, always};
use crate::app::layers::{ApprovalFocus, CompanyView, Prompt, PromptFor};
use crate::app::msg::Effect;
use crate::app::{Access, App, Layer};
use crate::keys::MUTATE;

const G: &str = "Company";

pub(super) const TABLE: &[Command] = &[
    Command {
        id: "company.open",
        doc: "list who else is here, and whose plans wait for a second person",
        short: "company",
        group: G,
        when: has_spool,
        run: open,
    },
    Command {
        id: "follow.start",
        doc: "mirror an operator's screen from your own data, or stop mirroring it",
        short: "follow",
        group: G,
        when: can_follow,
        run: follow,
    },
    Command {
        id: "company.down",
        doc: "next line",
        short: "down",
        group: G,
        when: always,
        run: |app| step(app, 1),
    },
    Command {
        id: "company.up",
        doc: "previous line",
        short: "up",
        group: G,
        when: always,
        run: |app| step(app, -1),
    },
    Command {
        id: "company.press",
        doc: "show the plan that waits, or follow the operator under the cursor",
        short: "show or follow",
        group: G,
        when: always,
        run: press,
    },
    Command {
        id: "company.close",
        doc: "leave the list",
        short: "close",
        group: G,
        when: always,
        run: |app| app.pop_layer(),
    },
    Command {
        id: "approval.next",
        doc: "next field or button",
        short: "next",
        group: G,
        when: always,
        run: |app| focus(app, 1),
    },
    Command {
        id: "approval.previous",
        doc: "previous field or button",
        short: "previous",
        group: G,
        when: always,
        run: |app| focus(app, -1),
    },
    Command {
        id: "approval.scroll_down",
        doc: "scroll the plan down",
        short: "down",
        group: G,
        when: always,
        run: |app| scroll(app, 1),
    },
    Command {
        id: "approval.scroll_up",
        doc: "scroll the plan up",
        short: "up",
        group: G,
        when: always,
        run: |app| scroll(app, -1),
    },
    Command {
        id: "approval.press",
        doc: "press the button that has the focus; in a field, go to the next one",
        short: "press",
        group: MUTATE,
        when: pressable,
        run: press_button,
    },
    Command {
        id: "approval.cancel",
        doc: "leave it unanswered",
        short: "not now",
        group: G,
        when: always,
        run: |app| app.pop_layer(),
    },
    Command {
        id: "plan.alone",
        doc: "go on without the second person, with a reason that goes on record",
        short: "go alone",
        group: MUTATE,
        when: may_go_alone,
        run: alone,
    },
];

fn has_spool(app: &App) -> Result<(), String> {
    match &app.bastion.news {
        Some(_) => Ok(()),
        None => Err("no spool folder is configured ([spool] path)".to_owned()),
    }
}

fn can_follow(app: &App) -> Result<(), String> {
    if app.access == Access::Operator {
        return Err("only a read-only console follows: start qd --read-only".to_owned());
    }
    if app.bastion.recorded.is_some() || app.bastion.following.is_some() {
        return Ok(());
    }
    has_spool(app)?;
    if app.operators().is_empty() {
        Err("no operator's console is open on this machine".to_owned())
    } else {
        Ok(())
    }
}

fn open(app: &mut App) -> Vec<Effect> {
    app.layers.push(Layer::Company(CompanyView::default()));
    Vec::new()
}

/// The only operator at once; of several, the list.
fn follow(app: &mut App) -> Vec<Effect> {
    if app.bastion.following.is_some() {
        app.stop_following();
        return Vec::new();
    }
    if app.bastion.recorded.is_some() {
        app.layers
            .push(Layer::Followed(crate::app::layers::FollowedView::default()));
        return Vec::new();
    }
    let only = match app.operators().as_slice() {
        [one] => Some((one.by().uid, one.id().to_owned())),
        _ => None,
    };
    match only {
        Some((uid, session)) => app.follow(uid, &session),
        None => open(app),
    }
}

fn step(app: &mut App, by: isize) -> Vec<Effect> {
    let lines = app.bastion.asks().len() + app.bastion.present().len();
    if let Some(Layer::Company(view)) = app.layers.last_mut() {
        view.cursor = view.cursor.saturating_add_signed(by).min(lines.saturating_sub(1));
    }
    Vec::new()
}

fn press(app: &mut App) -> Vec<Effect> {
    let Some(Layer::Company(view)) = app.layers.last() else {
        return Vec::new();
    };
    let asks = app.bastion.asks();
    if let Some(ask) = asks.get(view.cursor).cloned() {
        app.open_question(ask);
        return Vec::new();
    }
    let at = view.cursor.saturating_sub(asks.len());
    let Some(here) = app.bastion.present().get(at) else {
        return Vec::new();
    };
    if app.access == Access::Operator {
        return app.say("only a read-only console follows another: qd --read-only");
    }
    let (uid, session) = (here.by().uid, here.id().to_owned());
    if !app.operators().iter().any(|p| p.id() == session) {
        return app.say("an observer's console: there is nothing to follow");
    }
    app.layers.pop();
    app.follow(uid, &session)
}

fn focus(app: &mut App, by: isize) -> Vec<Effect> {
    if let Some(Layer::Approval(layer)) = app.layers.last_mut() {
        layer.move_focus(by);
    }
    Vec::new()
}

fn scroll(app: &mut App, by: isize) -> Vec<Effect> {
    if let Some(Layer::Approval(layer)) = app.layers.last_mut() {
        layer.scroll = layer.scroll.saturating_add_signed(by).min(layer.overflow);
    }
    Vec::new()
}

/// Cancel can always be pressed; an answer only where one may be given.
fn pressable(app: &App) -> Result<(), String> {
    match app.layers.last() {
        Some(Layer::Approval(layer)) if !matches!(layer.focus, ApprovalFocus::Refuse | ApprovalFocus::Approve) => {
            Ok(())
        }
        Some(Layer::Approval(layer)) => app.may_answer().and_then(|()| layer.may.clone()),
        _ => app.may_answer().and_then(|()| Err("nobody's plan is open".to_owned())),
    }
}

fn press_button(app: &mut App) -> Vec<Effect> {
    let Some(Layer::Approval(layer)) = app.layers.last_mut() else {
        return Vec::new();
    };
    match layer.focus {
        ApprovalFocus::Cancel => app.pop_layer(),
        ApprovalFocus::Reason => {
            layer.focus = ApprovalFocus::Word;
            Vec::new()
        }
        ApprovalFocus::Word => {
            layer.focus = ApprovalFocus::Approve;
            Vec::new()
        }
        ApprovalFocus::Refuse => app.answer_question(false),
        ApprovalFocus::Approve => app.answer_question(true),
    }
}

fn may_go_alone(app: &App) -> Result<(), String> {
    app.may_mutate()?;
    let Some(Layer::Plan(plan)) = app.layers.last() else {
        return Err("no plan is open".to_owned());
    };
    match plan.plan().and_then(|p| p.second_person) {
        None => Err("this plan needs no second person".to_owned()),
        Some(rule) if rule.break_glass => Ok(()),
        Some(_) => Err("policy lets nobody go on alone here".to_owned()),
    }
}

fn alone(app: &mut App) -> Vec<Effect> {
    app.layers.push(Layer::Prompt(Prompt::new(
        PromptFor::Alone,
        "Go on without a second person because",
        "break glass: it goes on record as an override, for everybody to read",
        "",
    )));
    Vec::new()
}
