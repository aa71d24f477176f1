//! What is asked of an incident, in a list or in a line, and what becomes of the answer.

use jiff::SignedDuration;

use crate::app::layers::Pick;
use crate::app::layers::{Choice, IncidentAsk, IncidentPick, IncidentView, Picker, PickerFor, Prompt, PromptFor};
use crate::app::msg::Effect;
use crate::app::{App, Layer};
use crate::journal::Incident;
use crate::journal::incident::{Event, Fact, Status};

pub(super) fn choose(app: &mut App, pick: IncidentPick) -> Vec<Effect> {
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
                    &format!("{}; every {every}", l.tell),
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

pub(super) fn about(app: &mut App, what: fn(String) -> IncidentAsk) -> Vec<Effect> {
    match app.picked() {
        Some(Pick::Temporary(key)) => ask(app, what(key)),
        _ => Vec::new(),
    }
}

pub(super) fn ask(app: &mut App, what: IncidentAsk) -> Vec<Effect> {
    let words = |key: &str| {
        let t = app.temporary_at(key);
        t.map_or_else(String::new, |t| {
            format!("{} {}: {}", t.target.kind, t.target.name, t.words)
        })
    };
    let (label, hint, text) = match &what {
        IncidentAsk::Title(level) => {
            let title = app.worst_cause_title().unwrap_or_default();
            let hint = match title.as_str() {
                "" => "one sentence that others understand",
                _ => "one sentence that others understand: typing replaces this one",
            };
            (
                format!("Open a {level} incident: what is wrong?"),
                hint.to_owned(),
                title,
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
                format!("{first}; or {}, and take it back instead", app.keys_for("text.cancel")),
                String::new(),
            )
        }
        IncidentAsk::Close => {
            let incident = app.incident_shown();
            let todo = incident.map_or(0, Incident::open_todos);
            let known = incident.map_or("", |i| i.fact(Fact::Resolution)).to_owned();
            let unknown = incident.is_some_and(|i| i.fact(Fact::Impact).trim().is_empty());
            let count = |n: usize, one: &str, many: &str| match n {
                0 => None,
                1 => Some(format!("1 {one}")),
                n => Some(format!("{n} {many}")),
            };
            let open: Vec<String> = [
                count(app.judge.signals().len(), "cause stands", "causes stand"),
                count(todo, "thing is to do", "things are to do"),
                unknown.then(|| "the impact is not said".to_owned()),
            ]
            .into_iter()
            .flatten()
            .collect();
            let stands = match open.as_slice() {
                [] => "goes on record".to_owned(),
                open => format!("still open: {}", open.join(", ")),
            };
            let hint = format!("{stands}; {} writes the report", app.keys_for("report.write"));
            ("Close the incident: what resolved it?".to_owned(), hint, known)
        }
        IncidentAsk::Only => (
            "Only lines with".to_owned(),
            "nothing shows all".to_owned(),
            String::new(),
        ),
    };
    // What is only proposed is replaced by what is typed; what somebody wrote before is gone on with.
    let proposed = matches!(what, IncidentAsk::Title(_) | IncidentAsk::Extend(_));
    let mut prompt = Prompt::new(PromptFor::Incident(what), label, hint, "");
    prompt.field.set(&text);
    if proposed {
        prompt.field.select();
    }
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
            let n = app.incident_shown().map_or(1, Incident::next_todo);
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
