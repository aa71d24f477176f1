//! Incidents, the ledger of temporary changes, the timeline, messages to others, the report.

use jiff::SignedDuration;

use crate::app::command::{Command, always};
use crate::app::layers::{Choice, IncidentAsk, IncidentPick, IncidentView, Picker, PickerFor, Prompt, PromptFor};
use crate::app::layers::{MessageView, Pick, TimelineView};
use crate::app::msg::Effect;
use crate::app::{App, Layer};
use crate::journal::incident::{Event, Fact, Status};
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
        |app| app.may_record(),
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
    let incident = app.incident_shown().ok_or("no incident is shown (i)")?;
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

fn choose(app: &mut App, pick: IncidentPick) -> Vec<Effect> {
    let choice = |value: &str, label: &str, hint: &str| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        hint: hint.to_owned(),
    };
    let (title, choices) = match pick {
        IncidentPick::Open | IncidentPick::Severity => {
            let levels = app.recorded.levels.0.iter().map(|l| {
                let every = SignedDuration::from_mins(i64::from(l.every_minutes));
                let every = crate::journal::message::length(every);
                choice(
                    &l.name,
                    &format!("{} {}", l.name, l.means),
                    &format!("tell {}; every {every}", l.tell),
                )
            });
            let title = match pick {
                IncidentPick::Open => "Open an incident: how severe? In doubt the higher one",
                _ => "Severity",
            };
            (title, levels.collect())
        }
        IncidentPick::Status | IncidentPick::Message => {
            let hint = |s: Status| match s {
                Status::Investigating => "we look, and do not know yet",
                Status::Identified => "the cause is known",
                Status::Monitoring => "mitigated; not over",
                Status::Resolved => "it is over, and users say so",
            };
            let all = Status::ALL.map(|s| choice(s.word(), s.word(), hint(s)));
            let title = match pick {
                IncidentPick::Message => "Tell others: what is so now?",
                _ => "Status",
            };
            (title, all.to_vec())
        }
        IncidentPick::Fact => {
            let incident = app.incident_shown();
            let known = |f: Fact| incident.map_or("", |i| i.fact(f));
            let all = Fact::ALL.map(|f| choice(f.word(), f.word(), known(f)));
            ("Fill in", all.to_vec())
        }
        IncidentPick::Show => {
            let all = app.recorded.incidents.newest().into_iter().map(|i| {
                let state = if i.is_open() { i.status.word() } else { "closed" };
                let hint = format!("{} {state}, {}", i.level.name, i.opened.strftime("%Y-%m-%d %H:%MZ"));
                choice(&i.id, i.title(), &hint)
            });
            ("Incidents", all.collect())
        }
    };
    let mut picker = Picker::new(title, PickerFor::Incident(pick), choices);
    let status = app.incident_shown().map(|i| i.status);
    if let (IncidentPick::Status | IncidentPick::Message, Some(status)) = (pick, status) {
        picker.cursor = Status::ALL.iter().position(|s| *s == status).unwrap_or(0);
    }
    app.layers.push(Layer::Picker(picker));
    Vec::new()
}

/// What was chosen from the list.
pub(super) fn chosen(app: &mut App, pick: IncidentPick, value: &str) -> Vec<Effect> {
    match pick {
        IncidentPick::Open => ask(app, IncidentAsk::Title(value.to_owned())),
        IncidentPick::Severity => match app.recorded.levels.get(value).cloned() {
            Some(level) => app.tell_incident(&Event::Severity { level }, ""),
            None => Vec::new(),
        },
        IncidentPick::Status => match Status::named(value) {
            Some(status) => app.tell_incident(&Event::Status { status }, ""),
            None => Vec::new(),
        },
        IncidentPick::Message => match Status::named(value) {
            Some(status) => app.open_message(status),
            None => Vec::new(),
        },
        IncidentPick::Fact => match Fact::named(value) {
            Some(fact) => ask(app, IncidentAsk::Fact(fact)),
            None => Vec::new(),
        },
        IncidentPick::Show => {
            app.layers
                .push(Layer::Incident(IncidentView::new(Some(value.to_owned()))));
            Vec::new()
        }
    }
}

fn about(app: &mut App, what: fn(String) -> IncidentAsk) -> Vec<Effect> {
    match app.picked() {
        Some(Pick::Temporary(key)) => ask(app, what(key)),
        _ => Vec::new(),
    }
}

fn ask(app: &mut App, what: IncidentAsk) -> Vec<Effect> {
    let words = |key: &str| {
        let t = app.temporary_at(key);
        t.map_or_else(String::new, |t| {
            format!("{} {}: {}", t.target.kind, t.target.name, t.words)
        })
    };
    let (label, hint, text) = match &what {
        IncidentAsk::Title(level) => {
            let signal = app.signal_at_hand().map(|s| s.short(app.server_now()));
            (
                format!("Open a {level} incident: what is wrong?"),
                "one sentence that others understand".to_owned(),
                signal.unwrap_or_default(),
            )
        }
        IncidentAsk::Note => ("Note".to_owned(), "goes on record".to_owned(), String::new()),
        IncidentAsk::Decision => (
            "Decision".to_owned(),
            "what was decided, and why".to_owned(),
            String::new(),
        ),
        IncidentAsk::Todo => ("To do".to_owned(), "what, and who does it".to_owned(), String::new()),
        IncidentAsk::HandOver => (
            "Hand over to".to_owned(),
            "their user name here; you command until they accept".to_owned(),
            String::new(),
        ),
        IncidentAsk::Fact(fact) => {
            let now = app.incident_shown().map_or("", |i| i.fact(*fact));
            (
                fact.word().to_owned(),
                "for the messages to others and the report".to_owned(),
                now.to_owned(),
            )
        }
        IncidentAsk::Stays(key) => ("It stays because".to_owned(), words(key), String::new()),
        IncidentAsk::Extend(key) => ("More time, in minutes from now".to_owned(), words(key), "60".to_owned()),
        IncidentAsk::StaysAndClose(keys) => {
            let first = keys.first().map(|k| words(k)).unwrap_or_default();
            (
                format!("Before it closes ({} to go): why does this stay?", keys.len()),
                format!("{first}; esc, and take it back instead"),
                String::new(),
            )
        }
        IncidentAsk::Close => {
            let incident = app.incident_shown();
            let todo = incident.map_or(0, |i| i.open_todos());
            let known = incident.map_or("", |i| i.fact(Fact::Resolution)).to_owned();
            let hint = match todo {
                0 => "goes on record; R writes the report".to_owned(),
                n => format!("{n} still to do: they stay on record"),
            };
            ("Close the incident: what resolved it?".to_owned(), hint, known)
        }
        IncidentAsk::Only => (
            "Only lines with".to_owned(),
            "nothing shows all".to_owned(),
            String::new(),
        ),
    };
    let mut prompt = Prompt::new(PromptFor::Incident(what), label, hint, "");
    prompt.field.set(&text);
    app.layers.push(Layer::Prompt(prompt));
    Vec::new()
}

/// What was typed.
///
/// # Errors
/// Why it does not do; the line stays open.
pub(super) fn answered(app: &mut App, what: IncidentAsk, text: &str) -> Result<Vec<Effect>, &'static str> {
    if text.is_empty() && what != IncidentAsk::Only {
        return Err("a few words are needed: they go on record");
    }
    Ok(match what {
        IncidentAsk::Title(level) => app.open_incident(&level, text),
        IncidentAsk::Note => app.tell_incident(&Event::Note, text),
        IncidentAsk::Decision => app.tell_incident(&Event::Decision, text),
        IncidentAsk::Todo => {
            let n = app.incident_shown().map_or(1, |i| i.next_todo());
            app.tell_incident(&Event::Todo { n }, text)
        }
        IncidentAsk::HandOver => app.tell_incident(&Event::Offered { to: text.to_owned() }, ""),
        IncidentAsk::Fact(fact) => app.tell_incident(&Event::Fact { fact }, text),
        IncidentAsk::Stays(key) => app.stays(&key, text),
        IncidentAsk::Extend(key) => {
            let minutes = text.parse::<i64>().ok().filter(|n| (1..=10_080).contains(n));
            let minutes = minutes.ok_or("a number of minutes, up to a week (10080)")?;
            let until = app.now.checked_add(SignedDuration::from_mins(minutes));
            app.extend(&key, until.unwrap_or(app.now), "")
        }
        IncidentAsk::StaysAndClose(keys) => {
            let mut keys = keys.into_iter();
            let mut effects = keys.next().map(|key| app.stays(&key, text)).unwrap_or_default();
            let rest: Vec<String> = keys.collect();
            effects.extend(if rest.is_empty() {
                ask(app, IncidentAsk::Close)
            } else {
                ask(app, IncidentAsk::StaysAndClose(rest))
            });
            effects
        }
        IncidentAsk::Close => {
            let mut effects = Vec::new();
            let known = app.incident_shown().map_or("", |i| i.fact(Fact::Resolution));
            if known != text {
                let fact = Fact::Resolution;
                effects.extend(app.tell_incident(&Event::Fact { fact }, text));
            }
            effects.extend(app.tell_incident(&Event::Closed, text));
            effects
        }
        IncidentAsk::Only => {
            if let Some(Layer::Timeline(view)) = app.layers.last_mut() {
                text.clone_into(&mut view.only);
                view.follow = true;
            }
            Vec::new()
        }
    })
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
    app.say("the message was sent to the terminal's clipboard; ctrl-s once you have sent it");
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
