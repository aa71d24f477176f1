//! The console itself: leaving, help, focus, contexts.

use super::pickers;
use crate::app::command::{self, Command, always};
use crate::app::layers::{ActivityView, Help, Palette, Question, QuestionFor};
use crate::app::msg::{Connection, Effect};
use crate::app::{App, Focus, Layer, Lead, Sort, Strip};
use crate::panes::{PANES, PaneId};

const G: &str = "Console";

pub(super) const TABLE: &[Command] = &[
    Command {
        id: "app.help",
        doc: "show every key of this screen and of the others",
        short: "help",
        group: G,
        when: always,
        run: help,
    },
    Command {
        id: "app.palette",
        doc: "find a command by name and run it",
        short: "command",
        group: G,
        when: always,
        run: palette,
    },
    Command {
        id: "app.back",
        doc: "go one level out",
        short: "back",
        group: G,
        when: always,
        run: back,
    },
    Command {
        id: "app.close",
        doc: "close this level; on the deck ask whether to quit",
        short: "close",
        group: G,
        when: always,
        run: close,
    },
    Command {
        id: "app.quit",
        doc: "quit, after a question",
        short: "quit",
        group: G,
        when: always,
        run: ask_quit,
    },
    Command {
        id: "app.repaint",
        doc: "paint the whole screen anew",
        short: "repaint",
        group: G,
        when: always,
        run: |_| vec![Effect::Repaint],
    },
    Command {
        id: "app.suspend",
        doc: "go to the background (the shell's fg brings the console back)",
        short: "suspend",
        group: G,
        when: always,
        run: |_| vec![Effect::Suspend],
    },
    Command {
        id: "feed.refresh",
        doc: "try lost connections again now, and look at every source anew",
        short: "retry",
        group: G,
        when: always,
        run: retry,
    },
    Command {
        id: "feed.login",
        doc: "run the credential plugin attached to the terminal, to sign in",
        short: "sign in",
        group: G,
        when: needs_login,
        run: |_| vec![Effect::Login],
    },
    Command {
        id: "context.pick",
        doc: "switch to another context of the kubeconfig, or to another platform of the configuration",
        short: "context",
        group: G,
        when: always,
        run: pickers::pick_context,
    },
    Command {
        id: "namespace.pick",
        doc: "choose one or several namespaces",
        short: "namespace",
        group: G,
        when: always,
        run: pickers::pick_namespaces,
    },
    Command {
        id: "activity.open",
        doc: "list what was done in this session",
        short: "activity",
        group: G,
        when: always,
        run: activity,
    },
    Command {
        id: "pane.pods",
        doc: "go to the pods",
        short: "pods",
        group: G,
        when: always,
        run: |app| go(app, PaneId::Pods),
    },
    Command {
        id: "pane.rollouts",
        doc: "go to the rollouts",
        short: "rollouts",
        group: G,
        when: always,
        run: |app| go(app, PaneId::Rollouts),
    },
    Command {
        id: "pane.queues",
        doc: "go to the queues",
        short: "queues",
        group: G,
        when: always,
        run: |app| go(app, PaneId::Queues),
    },
    Command {
        id: "pane.queries",
        doc: "go to the slow queries of PostgreSQL",
        short: "queries",
        group: G,
        when: always,
        run: |app| go(app, PaneId::Queries),
    },
    Command {
        id: "pane.redis",
        doc: "go to Redis",
        short: "redis",
        group: G,
        when: always,
        run: |app| go(app, PaneId::Redis),
    },
    Command {
        id: "pane.certificates",
        doc: "go to the certificates",
        short: "certificates",
        group: G,
        when: always,
        run: |app| go(app, PaneId::Certificates),
    },
    Command {
        id: "pane.alerts",
        doc: "go to the alerts, objectives and HTTP checks",
        short: "alerts",
        group: G,
        when: always,
        run: |app| go(app, PaneId::Alerts),
    },
    Command {
        id: "pane.nodes",
        doc: "go to the nodes, CronJobs and Jobs",
        short: "nodes",
        group: G,
        when: always,
        run: |app| go(app, PaneId::Nodes),
    },
    Command {
        id: "pane.view",
        doc: "show the pane's next table",
        short: "next view",
        group: G,
        when: has_views,
        run: |app| view(app, 1),
    },
    Command {
        id: "pane.view_back",
        doc: "show the pane's table before this one",
        short: "previous view",
        group: G,
        when: has_views,
        run: |app| view(app, -1),
    },
    Command {
        id: "pane.events",
        doc: "go to the events",
        short: "events",
        group: G,
        when: always,
        run: |app| go(app, PaneId::Events),
    },
    Command {
        id: "pane.zoom",
        doc: "give the pane the whole screen, or give it back",
        short: "zoom",
        group: G,
        when: on_deck,
        run: zoom,
    },
    Command {
        id: "focus.next",
        doc: "go to the next pane",
        short: "next pane",
        group: G,
        when: on_deck,
        run: |app| cycle(app, 1),
    },
    Command {
        id: "focus.previous",
        doc: "go to the previous pane",
        short: "previous pane",
        group: G,
        when: on_deck,
        run: |app| cycle(app, -1),
    },
    Command {
        id: "focus.strip",
        doc: "list all causes: go to the attention strip",
        short: "signals",
        group: G,
        when: has_signals,
        run: |app| {
            let effects = app.pop_layers();
            app.focus = Focus::Strip;
            effects
        },
    },
    Command {
        id: "signal.next",
        doc: "make the next signal the current one",
        short: "next signal",
        group: G,
        when: has_signals,
        run: |app| step(app, 1),
    },
    Command {
        id: "signal.previous",
        doc: "make the previous signal the current one",
        short: "previous signal",
        group: G,
        when: has_signals,
        run: |app| step(app, -1),
    },
    Command {
        id: "strip.down",
        doc: "next signal",
        short: "down",
        group: "Moving",
        when: has_signals,
        run: |app| step(app, 1),
    },
    Command {
        id: "strip.up",
        doc: "previous signal",
        short: "up",
        group: "Moving",
        when: has_signals,
        run: |app| step(app, -1),
    },
    Command {
        id: "signal.subject",
        doc: "show the object that the signal is about",
        short: "object",
        group: G,
        when: has_signals,
        run: subject,
    },
    Command {
        id: "signal.snooze",
        doc: "put the signal aside for 30 minutes, with a reason",
        short: "snooze",
        group: G,
        when: has_signals,
        run: snooze,
    },
    Command {
        id: "signal.snoozed",
        doc: "bring snoozed signals back",
        short: "unsnooze",
        group: G,
        when: has_snoozed,
        run: unsnooze,
    },
];

fn on_deck(app: &App) -> Result<(), String> {
    if app.layers.is_empty() {
        Ok(())
    } else {
        Err("close what is open first".to_owned())
    }
}

fn has_signals(app: &App) -> Result<(), String> {
    if Strip::shown(&app.judge).next().is_some() {
        Ok(())
    } else {
        Err("there is no signal".to_owned())
    }
}

fn has_snoozed(app: &App) -> Result<(), String> {
    if app.judge.signals().iter().any(|s| s.snoozed.is_some()) {
        Ok(())
    } else {
        Err("nothing is snoozed".to_owned())
    }
}

fn needs_login(app: &App) -> Result<(), String> {
    if matches!(app.connection, Connection::NeedsLogin { .. }) {
        Ok(())
    } else {
        Err("no credential plugin waits for a person: what the kubeconfig holds is used as it is".to_owned())
    }
}

fn help(app: &mut App) -> Vec<Effect> {
    let contexts = app.contexts();
    let refused = command::all()
        .filter(|c| c.mutates())
        .filter_map(|c| Some((c.id, (c.when)(app).err()?)))
        .collect();
    app.layers.push(Layer::Help(Help {
        contexts,
        refused,
        ..Help::default()
    }));
    Vec::new()
}

fn palette(app: &mut App) -> Vec<Effect> {
    let mut palette = Palette::default();
    palette.refresh(app);
    app.layers.push(Layer::Palette(palette));
    // They can be gone to from here, once they are read.
    if app.contexts.is_none() {
        return vec![Effect::ListContexts];
    }
    Vec::new()
}

fn back(app: &mut App) -> Vec<Effect> {
    // Esc also clears what narrows the list: first the filter, then the zoom.
    if app.layers.is_empty() && app.focus == Focus::Pane {
        let list = app.list_mut();
        if !list.filter.is_empty() || list.wrong_only {
            list.filter.clear();
            list.wrong_only = false;
            list.release();
            app.refresh_pane();
            return Vec::new();
        }
        if !app.list(app.pane).marks.is_empty() {
            app.list_mut().unmark_all();
            return Vec::new();
        }
    }
    app.pop_layer()
}

fn close(app: &mut App) -> Vec<Effect> {
    if app.layers.is_empty() && !app.zoomed {
        ask_quit(app)
    } else {
        app.pop_layer()
    }
}

fn ask_quit(app: &mut App) -> Vec<Effect> {
    let (detail, busy) = app.leaving_words();
    app.layers.push(Layer::Question(Question {
        purpose: QuestionFor::Quit,
        text: "Quit Quarterdeck?".to_owned(),
        detail,
        yes: "Quit".to_owned(),
        no: "Stay".to_owned(),
        on_yes: !busy,
    }));
    Vec::new()
}

fn retry(app: &mut App) -> Vec<Effect> {
    app.say("trying again now");
    vec![Effect::Retry]
}

fn activity(app: &mut App) -> Vec<Effect> {
    app.layers.push(Layer::Activity(ActivityView::default()));
    Vec::new()
}

fn go(app: &mut App, id: PaneId) -> Vec<Effect> {
    let effects = app.pop_layers();
    app.pane = id;
    app.strip.lead = Lead::Row;
    app.focus = Focus::Pane;
    app.refresh_pane();
    effects
}

fn zoom(app: &mut App) -> Vec<Effect> {
    app.zoomed = !app.zoomed;
    Vec::new()
}

fn has_views(app: &App) -> Result<(), String> {
    on_deck(app)?;
    if app.active_pane().views.len() > 1 {
        Ok(())
    } else {
        Err("this pane has one table only".to_owned())
    }
}

/// Another table of the pane: its rows, order and filter begin anew.
fn view(app: &mut App, by: isize) -> Vec<Effect> {
    let n = app.active_pane().views.len().max(1) as isize;
    let at = app.pane.index();
    if let Some(view) = app.views.get_mut(at) {
        *view = (*view as isize + by).rem_euclid(n) as usize;
    }
    let list = app.list_mut();
    list.clear();
    list.sort = Sort::default();
    app.refresh_pane();
    Vec::new()
}

/// The next pane that has something to show, or the one that is open.
fn cycle(app: &mut App, by: isize) -> Vec<Effect> {
    let shown: Vec<PaneId> = PANES
        .iter()
        .filter(|p| p.is_configured(app) || p.id == app.pane)
        .map(|p| p.id)
        .collect();
    let at = shown.iter().position(|id| *id == app.pane).unwrap_or(0) as isize;
    let to = (at + by).rem_euclid(shown.len().max(1) as isize) as usize;
    match shown.get(to) {
        Some(id) => go(app, *id),
        None => Vec::new(),
    }
}

fn step(app: &mut App, by: isize) -> Vec<Effect> {
    app.step_signal(by);
    Vec::new()
}

fn subject(app: &mut App) -> Vec<Effect> {
    let Some(object) = app.strip.current(&app.judge).and_then(|s| s.subject.object().cloned()) else {
        return app.say("this signal is not about one object");
    };
    super::objects::show(app, &object)
}

fn snooze(app: &mut App) -> Vec<Effect> {
    use crate::app::layers::{Prompt, PromptFor};
    let Some(signal) = app.strip.current(&app.judge) else {
        return Vec::new();
    };
    let purpose = PromptFor::SnoozeReason {
        signal: signal.key(),
        line: signal.short(app.server_now()),
    };
    app.layers.push(Layer::Prompt(Prompt::new(
        purpose,
        "Snooze for 30 minutes because",
        "it comes back at once if it gets worse",
        "",
    )));
    Vec::new()
}

fn unsnooze(app: &mut App) -> Vec<Effect> {
    let keys: Vec<_> = app
        .judge
        .signals()
        .iter()
        .filter(|s| s.snoozed.is_some())
        .map(crate::signal::Signal::key)
        .collect();
    for key in &keys {
        app.judge.wake(key);
    }
    app.judge_now();
    app.say(format!("{} back", keys.len()))
}
