//! What a person does with an incident: each is a record.

use jiff::{SignedDuration, Timestamp};

use crate::action::Request;
use crate::app::layer::Layer;
use crate::app::layers::{IncidentView, MessageView, Pick};
use crate::app::msg::Effect;
use crate::app::{App, Strip};
use crate::journal::incident::{Event, Status};
use crate::journal::temporary::{End, Event as Over};
use crate::journal::timeline::{About, Came};
use crate::journal::{Incident, Temporary, message};
use crate::signal::Signal;

impl App {
    /// The incident that a panel shows: the one it was opened for, else the open one.
    pub fn incident_of(&self, view: &IncidentView) -> Option<&Incident> {
        match &view.id {
            Some(id) => self.recorded.incidents.get(id),
            None => self.incident(),
        }
    }

    /// The incident of the panel on top.
    pub(in crate::app) fn incident_shown(&self) -> Option<&Incident> {
        self.layers.iter().rev().find_map(|l| match l {
            Layer::Incident(view) => Some(self.incident_of(view)),
            Layer::Message(view) => Some(self.recorded.incidents.get(&view.incident)),
            _ => None,
        })?
    }

    /// A record about the incident that is shown.
    pub(in crate::app) fn tell_incident(&self, event: &Event, text: &str) -> Vec<Effect> {
        match self.incident_shown() {
            Some(incident) => vec![Effect::Record(Box::new(event.entry(&incident.id, text)))],
            None => Vec::new(),
        }
    }

    /// What is worst now: an incident that is opened is about it, whatever row was looked at last.
    fn worst_cause(&self) -> Option<&Signal> {
        Strip::shown(&self.judge).next()
    }

    /// What is worst, as a title: without its age, which would not grow.
    pub(in crate::app) fn worst_cause_title(&self) -> Option<String> {
        let title = &self.worst_cause()?.title;
        let cause = if title.cause.is_empty() {
            &title.about
        } else {
            &title.cause
        };
        let mut words = format!("{} {}", title.what, title.state);
        if !cause.is_empty() {
            words = format!("{words}: {cause}");
        }
        Some(crate::text::clean(&words).into_owned())
    }

    /// Opens an incident of this severity, and its panel.
    pub(in crate::app) fn open_incident(&mut self, level: &str, title: &str) -> Vec<Effect> {
        let Some(level) = self.recorded.levels.get(level).cloned() else {
            return self.complain(format!("there is no severity {level}"));
        };
        let number = self.next_id() as i64;
        let tail = (self.now.as_millisecond() / 7 + number) & 0xfff;
        let id = format!("INC-{}-{tail:03x}", self.now.strftime("%Y%m%d-%H%M"));
        // It began with the signal that it is about, not when somebody came to write it down; a certificate that has been
        // overdue for days is no incident of days.
        let day = SignedDuration::from_hours(12);
        let began = self.worst_cause().map(|s| s.since);
        let began = began.filter(|s| self.now.duration_since(*s) < day);
        let place = self.place();
        let event = Event::Opened {
            level,
            service: match self.recorded.service.as_str() {
                "" => place.map_or_else(|| "the platform".to_owned(), |p| p.platform.clone()),
                named => named.to_owned(),
            },
            context: place.map_or_else(String::new, |p| p.context.clone()),
            started: began.unwrap_or(self.now).min(self.now),
        };
        self.recorded.tagged.clone_from(&id);
        self.layers.push(Layer::Incident(IncidentView::new(Some(id.clone()))));
        vec![Effect::Record(Box::new(event.entry(&id, title))), Effect::Incident(id)]
    }

    /// What is to be taken back, as the panel lists it: of every cluster, since a console may have moved on.
    pub fn temporary(&self) -> Vec<Temporary> {
        self.recorded.ledger.open(self.now)
    }

    /// What the cursor of the panel may stand on, in order.
    pub fn picks(&self, view: &IncidentView) -> Vec<Pick> {
        let mut picks: Vec<Pick> = self.temporary().into_iter().map(|t| Pick::Temporary(t.key)).collect();
        if let Some(incident) = self.incident_of(view) {
            picks.extend(incident.todos.iter().map(|t| Pick::Todo(t.n)));
        }
        picks
    }

    /// What the cursor stands on.
    pub fn picked(&self) -> Option<Pick> {
        let Some(Layer::Incident(view)) = self.layers.last() else {
            return None;
        };
        self.picks(view).into_iter().nth(view.cursor)
    }

    pub(in crate::app) fn temporary_at(&self, key: &str) -> Option<Temporary> {
        self.temporary().into_iter().find(|t| t.key == key)
    }

    /// Opens the plan that takes a temporary change back.
    pub(in crate::app) fn take_back(&mut self, key: &str) -> Vec<Effect> {
        let Some(t) = self.temporary_at(key) else {
            return self.say("that is over already");
        };
        if self.place().is_none_or(|p| p.context != t.target.context) {
            let key = self.keys_for("context.pick");
            return self.complain(format!("it is on {}: go there first ({key})", t.target.context));
        }
        let Ok(request) = serde_json::from_value::<Request>(t.undo.clone()) else {
            return self.complain(format!("nothing takes it back from here ({})", t.undo_words));
        };
        let effects = self.open_plan(request, None);
        if let Some(Layer::Plan(plan)) = self.layers.last_mut() {
            plan.reason.set(&format!("take back: {}", t.words));
        }
        effects
    }

    /// The record that an entry of the ledger stays, for a reason.
    pub(in crate::app) fn stays(&self, key: &str, reason: &str) -> Vec<Effect> {
        let Some(t) = self.temporary_at(key) else {
            return Vec::new();
        };
        let event = Over::Closed {
            key: key.to_owned(),
            end: End::Stays,
        };
        vec![Effect::Record(Box::new(event.entry(&t, reason)))]
    }

    pub(in crate::app) fn extend(&self, key: &str, until: Timestamp, reason: &str) -> Vec<Effect> {
        let Some(t) = self.temporary_at(key) else {
            return Vec::new();
        };
        let event = Over::Extended {
            key: key.to_owned(),
            until,
        };
        vec![Effect::Record(Box::new(event.entry(&t, reason)))]
    }

    /// Open entries of the ledger that belong to an incident, by its name or because they were made since it began and
    /// before it had one: it is not closed over them.
    pub(in crate::app) fn left_by(&self, incident: &str) -> Vec<String> {
        let known = self.incident_shown().filter(|i| i.id == incident);
        let began = known.map(|i| i.started);
        let nameless = |t: &Temporary| t.incident.is_empty() && began.is_some_and(|began| t.since >= began);
        let mine = self
            .temporary()
            .into_iter()
            .filter(|t| t.incident == incident || nameless(t));
        mine.map(|t| t.key).collect()
    }

    /// Opens the editor with a message to others.
    pub(in crate::app) fn open_message(&mut self, status: Status) -> Vec<Effect> {
        let Some(incident) = self.incident_shown() else {
            return self.say("no incident is open");
        };
        let done: Vec<String> = self
            .recorded
            .timeline
            .moments()
            .into_iter()
            .filter(|m| m.about == About::Action && m.came == Came::Good && incident.holds(m))
            .map(|m| m.text.clone())
            .collect();
        let text = message::message(incident, status, &done, self.server_now());
        let view = MessageView::new(incident.id.clone(), status, &text);
        self.layers.push(Layer::Message(Box::new(view)));
        Vec::new()
    }
}
