//! Incidents, the ledger of temporary changes, the timeline, messages to others, the report.

use super::incident_asks::{about, ask, choose};
use crate::app::command::{Command, always};
use crate::app::layers::{IncidentAsk, IncidentPick, IncidentView, MessageView, Pick, TimelineView};
use crate::app::msg::Effect;
use crate::app::{App, Layer};
use crate::journal::incident::Event;
use crate::journal::message::gaps;

const G: &str = "Incident";

const fn row(
    id: &'static str,
    short: &'static str,
    doc: &'static str,
    when: fn(&App) -> Result<(), String>,
    run: fn(&mut App) -> Vec<Effect>,
) -> Command {
    Command {
        id,
        doc,
        short,
        group: G,
        when,
        run,
    }
}

pub(super) const TABLE: &[Command] = &[
    row(
        "incident.open",
        "incident",
        "open the incident's panel; where none is open, open an incident",
        always,
        open,
    ),
    row(
        "incident.new",
        "new incident",
        "open another incident",
        App::may_record,
        new,
    ),
    row(
        "incident.pick",
        "incidents",
        "choose an incident to look at, open or closed",
        some_on_record,
        pick,
    ),
    row(
        "temporary.open",
        "to take back",
        "list what must be taken back",
        always,
        ledger,
    ),
    row(
        "timeline.open",
        "timeline",
        "what was done, when, by whom, why, and what came of it",
        always,
        timeline,
    ),
    row(
        "report.write",
        "report",
        "write the report to a file under the state folder",
        always,
        report,
    ),
    row("incident.note", "note", "put a note on record", open_here, |app| {
        ask(app, IncidentAsk::Note)
    }),
    row(
        "incident.decision",
        "decision",
        "put a decision on record",
        open_here,
        |app| ask(app, IncidentAsk::Decision),
    ),
    row(
        "incident.todo",
        "to do",
        "put something to do on record",
        open_here,
        |app| ask(app, IncidentAsk::Todo),
    ),
    row(
        "incident.fact",
        "fill in",
        "fill in title, impact, cause, mitigation, ETA, resolution",
        open_here,
        |app| choose(app, IncidentPick::Fact),
    ),
    row(
        "incident.status",
        "status",
        "investigating, identified, monitoring or resolved",
        open_here,
        |app| choose(app, IncidentPick::Status),
    ),
    row(
        "incident.severity",
        "severity",
        "change the severity; the cadence follows it",
        open_here,
        |app| choose(app, IncidentPick::Severity),
    ),
    row(
        "incident.tell",
        "tell others",
        "write a message to others from the incident",
        open_here,
        |app| choose(app, IncidentPick::Message),
    ),
    row(
        "incident.take",
        "command",
        "take command; this accepts a hand-over, too",
        not_mine,
        |app| app.tell_incident(&Event::Took, ""),
    ),
    row(
        "incident.hand_over",
        "hand over",
        "ask somebody else to command; they accept it",
        open_here,
        |app| ask(app, IncidentAsk::HandOver),
    ),
    row(
        "incident.close",
        "close",
        "close the incident, with how it was resolved",
        open_here,
        close,
    ),
    row(
        "incident.act",
        "take back",
        "open the plan that takes it back; what is to do is done",
        on_pick,
        act,
    ),
    row(
        "temporary.stays",
        "it stays",
        "a temporary change stays, with a reason",
        on_temporary,
        |app| about(app, IncidentAsk::Stays),
    ),
    row(
        "temporary.extend",
        "more time",
        "give a temporary change more time",
        on_temporary,
        |app| about(app, IncidentAsk::Extend),
    ),
    row("incident.down", "down", "next entry, or scroll", in_panel, |app| {
        step(app, 1)
    }),
    row("incident.up", "up", "previous entry, or scroll", in_panel, |app| {
        step(app, -1)
    }),
    row(
        "timeline.only",
        "only",
        "show only lines that hold a text",
        in_timeline,
        |app| ask(app, IncidentAsk::Only),
    ),
    row(
        "timeline.incident",
        "incident",
        "only of the open incident, or all",
        in_timeline,
        only_incident,
    ),
    row(
        "message.copy",
        "copy",
        "copy the message to the terminal's clipboard",
        in_message,
        copy,
    ),
    row(
        "message.sent",
        "sent",
        "it was sent: goes on record, and the next update counts from now",
        sendable,
        sent,
    ),
];

fn in_panel(app: &App) -> Result<(), String> {
    match app.layers.last() {
        Some(Layer::Incident(_)) => Ok(()),
        _ => Err("the incident's panel is not open".to_owned()),
    }
}

fn in_timeline(app: &App) -> Result<(), String> {
    match app.layers.last() {
        Some(Layer::Timeline(_)) => Ok(()),
        _ => Err("the timeline is not open".to_owned()),
    }
}

fn in_message(app: &App) -> Result<(), String> {
    match app.layers.last() {
        Some(Layer::Message(_)) => Ok(()),
        _ => Err("no message is being written".to_owned()),
    }
}

/// The shown incident is open, and something may be put on record.
fn open_here(app: &App) -> Result<(), String> {
    app.may_record()?;
    let incident = app
        .incident_shown()
        .ok_or_else(|| format!("no incident is shown ({})", app.keys_for("incident.open")))?;
    if incident.is_open() {
        Ok(())
    } else {
        Err(format!("{} is closed", incident.id))
    }
}

fn not_mine(app: &App) -> Result<(), String> {
    open_here(app)?;
    let mine = app.incident_shown().is_some_and(|i| i.commander == app.recorded.me);
    if mine {
        Err("you command already".to_owned())
    } else {
        Ok(())
    }
}

fn some_on_record(app: &App) -> Result<(), String> {
    if app.recorded.incidents.newest().is_empty() {
        Err("no incident is on record".to_owned())
    } else {
        Ok(())
    }
}

fn on_pick(app: &App) -> Result<(), String> {
    in_panel(app)?;
    match app.picked() {
        Some(Pick::Temporary(_)) => app.may_mutate(),
        Some(Pick::Todo(_)) => open_here(app),
        None => Err("nothing is to be taken back or to be done".to_owned()),
    }
}

fn on_temporary(app: &App) -> Result<(), String> {
    in_panel(app)?;
    app.may_record()?;
    match app.picked() {
        Some(Pick::Temporary(_)) => Ok(()),
        _ => Err("no temporary change is selected".to_owned()),
    }
}

fn sendable(app: &App) -> Result<(), String> {
    in_message(app)?;
    app.may_record()
}

fn open(app: &mut App) -> Vec<Effect> {
    if matches!(app.layers.last(), Some(Layer::Incident(_))) {
        return Vec::new();
    }
    if app.incident().is_some() || app.may_record().is_err() {
        app.layers.push(Layer::Incident(IncidentView::new(None)));
        return Vec::new();
    }
    new(app)
}

fn new(app: &mut App) -> Vec<Effect> {
    choose(app, IncidentPick::Open)
}

fn ledger(app: &mut App) -> Vec<Effect> {
    if !matches!(app.layers.last(), Some(Layer::Incident(_))) {
        app.layers.push(Layer::Incident(IncidentView::new(None)));
    }
    Vec::new()
}

fn pick(app: &mut App) -> Vec<Effect> {
    choose(app, IncidentPick::Show)
}

fn timeline(app: &mut App) -> Vec<Effect> {
    let incident = match app.layers.last() {
        Some(Layer::Incident(view)) => app.incident_of(view).map(|i| i.id.clone()),
        _ => None,
    };
    app.layers.push(Layer::Timeline(TimelineView::new(incident)));
    Vec::new()
}

fn report(app: &mut App) -> Vec<Effect> {
    let shown = app.incident_shown().or_else(|| app.incident());
    vec![Effect::Report(shown.map(|i| i.id.clone()))]
}

fn step(app: &mut App, by: isize) -> Vec<Effect> {
    let Some(Layer::Incident(view)) = app.layers.last() else {
        return Vec::new();
    };
    let last = app.picks(view).len().saturating_sub(1);
    if let Some(Layer::Incident(view)) = app.layers.last_mut() {
        let to = view.cursor.saturating_add_signed(by).min(last);
        if to == view.cursor {
            view.scroll.by(by);
        } else {
            view.cursor = to;
            // The entries stand at the top: whoever goes to them wants to see them.
            view.scroll.top = 0;
        }
    }
    Vec::new()
}

fn only_incident(app: &mut App) -> Vec<Effect> {
    let open = app.incident().map(|i| i.id.clone());
    if let Some(Layer::Timeline(view)) = app.layers.last_mut() {
        if view.incident.is_none() && open.is_none() {
            return app.say("no incident is open");
        }
        view.incident = if view.incident.is_some() { None } else { open };
        view.follow = true;
    }
    Vec::new()
}

/// It never closes quietly over what is still to be taken back.
fn close(app: &mut App) -> Vec<Effect> {
    let Some(id) = app.incident_shown().map(|i| i.id.clone()) else {
        return Vec::new();
    };
    let left = app.left_by(&id);
    if left.is_empty() {
        ask(app, IncidentAsk::Close)
    } else {
        ask(app, IncidentAsk::StaysAndClose(left))
    }
}

fn act(app: &mut App) -> Vec<Effect> {
    match app.picked() {
        Some(Pick::Temporary(key)) => app.take_back(&key),
        Some(Pick::Todo(n)) => {
            let todo = app.incident_shown().and_then(|i| i.todos.iter().find(|t| t.n == n));
            match todo.map(|t| (t.done.is_some(), t.said.text.clone())) {
                Some((false, text)) => app.tell_incident(&Event::Done { n }, &text),
                _ => app.say("that is done"),
            }
        }
        None => Vec::new(),
    }
}

fn message(app: &App) -> Option<&MessageView> {
    match app.layers.last() {
        Some(Layer::Message(view)) => Some(view),
        _ => None,
    }
}

fn copy(app: &mut App) -> Vec<Effect> {
    let Some(text) = message(app).map(|v| v.pad.text()) else {
        return Vec::new();
    };
    let key = app.keys_for("message.sent");
    app.say(match gaps(&text).as_slice() {
        [] => format!("copied, not sent: paste it where people read it, then {key}"),
        open => {
            let open: Vec<String> = open.iter().map(|gap| format!("<{gap}?>")).collect();
            format!("copied, not sent, and not ready: {} is still open", open.join(", "))
        }
    });
    vec![Effect::Copy(text)]
}

fn sent(app: &mut App) -> Vec<Effect> {
    let Some((status, text)) = message(app).map(|v| (v.status, v.pad.text())) else {
        return Vec::new();
    };
    if let Some(gap) = gaps(&text).first() {
        let text = format!("fill this in first: {gap}?");
        return app.complain(text);
    }
    let subject = text.lines().next().unwrap_or_default();
    let subject = subject.strip_prefix("Subject:").unwrap_or(subject).trim().to_owned();
    let effects = app.tell_incident(&Event::Sent { status }, &subject);
    app.layers.pop();
    effects
}
