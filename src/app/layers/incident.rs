//! The panel of an incident, the timeline, and the editor of messages to others.

use crate::app::doc::Scroll;
use crate::app::field::Pad;
use crate::journal::incident::{Fact, Status};
use crate::journal::{Incident, Moment};

/// The panel: an incident, or the ledger alone when none is open.
#[derive(Clone, Debug)]
pub struct IncidentView {
    /// `None`: whichever is open.
    pub id: Option<String>,
    /// Of [`crate::app::App::picks`].
    pub cursor: usize,
    pub scroll: Scroll,
}

impl IncidentView {
    pub fn new(id: Option<String>) -> Self {
        let scroll = Scroll {
            wrap: true,
            ..Scroll::default()
        };
        Self { id, cursor: 0, scroll }
    }
}

/// What the panel's cursor may stand on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// An entry of the ledger, by its key.
    Temporary(String),
    Todo(u32),
}

#[derive(Clone, Debug)]
pub struct TimelineView {
    pub scroll: Scroll,
    /// Only lines that hold this.
    pub only: String,
    /// Only of this incident.
    pub incident: Option<String>,
    /// Its end is in sight, and stays so.
    pub follow: bool,
}

impl TimelineView {
    pub fn new(incident: Option<String>) -> Self {
        let scroll = Scroll {
            wrap: true,
            ..Scroll::default()
        };
        Self {
            scroll,
            only: String::new(),
            incident,
            follow: true,
        }
    }

    /// `incident` is the one of [`Self::incident`], once it is on record.
    pub fn shows(&self, incident: Option<&Incident>, m: &Moment) -> bool {
        let belongs = match (&self.incident, incident) {
            (None, _) => true,
            (Some(_), Some(incident)) => incident.holds(m),
            (Some(id), None) => m.incident == *id,
        };
        belongs && (self.only.is_empty() || m.holds(&self.only))
    }
}

/// A message to others, being written.
#[derive(Clone, Debug)]
pub struct MessageView {
    pub incident: String,
    pub status: Status,
    pub pad: Pad,
}

impl MessageView {
    pub fn new(incident: String, status: Status, text: &str) -> Self {
        Self {
            incident,
            status,
            pad: Pad::with(text),
        }
    }
}

/// What is asked in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IncidentAsk {
    /// Of an incident of this severity that is about to be opened.
    Title(String),
    Note,
    Decision,
    Todo,
    /// Who is to command.
    HandOver,
    Fact(Fact),
    /// Why a temporary change stays.
    Stays(String),
    /// Minutes more for a temporary change.
    Extend(String),
    /// Why each of these stays, the first one now; then the incident is closed.
    StaysAndClose(Vec<String>),
    /// How it was resolved.
    Close,
    /// Only lines of the timeline that hold this.
    Only,
}

/// What is chosen from a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncidentPick {
    /// The severity of one that is to be opened.
    Open,
    Severity,
    Status,
    Fact,
    /// What others are told.
    Message,
    /// Which one is shown.
    Show,
}
