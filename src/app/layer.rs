//! The stack of layers over the deck. A key goes to the topmost one.

use super::doc::Scroll;
use super::layers::{
    ActivityView, ApprovalLayer, ChartView, CompanyView, Detail, FollowedView, Help, History, IncidentView, ItemView,
    Logs, MessageView, Palette, Picker, PlanLayer, Prompt, Question, RunView, TextView, TimelineView, UnfinishedView,
};
use super::{App, Effect};

use crate::model::Kind;

#[derive(Clone, Debug)]
pub enum Layer {
    /// One object opened.
    Detail(Detail),
    /// A row of a source opened.
    Item(ItemView),
    /// Values over time.
    Chart(ChartView),
    /// YAML and other text.
    Text(TextView),
    Logs(Logs),
    /// Revisions of a workload and their differences.
    History(History),
    /// What is asked before anything changes.
    Plan(Box<PlanLayer>),
    Runbook(RunView),
    Picker(Picker),
    Palette(Palette),
    Help(Help),
    Prompt(Prompt),
    Question(Question),
    /// What was done, and how it stands.
    Activity(ActivityView),
    /// What was left unfinished.
    Unfinished(UnfinishedView),
    /// An incident, and what must be taken back.
    Incident(IncidentView),
    Timeline(TimelineView),
    /// A message to others, being written.
    Message(Box<MessageView>),
    /// Somebody else's plan that waits for a second person.
    Approval(Box<ApprovalLayer>),
    /// Who else is here.
    Company(CompanyView),
    /// Another console's runbook, as an observer sees it.
    Followed(FollowedView),
}

impl Layer {
    /// Keymap contexts, innermost first.
    pub fn contexts(&self) -> &'static [&'static str] {
        match self {
            Self::Detail(d) if d.is_pod() => &["detail", "view", "pods", "global"],
            Self::Detail(d) if matches!(d.object.kind, Kind::Node | Kind::Job | Kind::CronJob) => {
                &["detail", "view", "nodes", "global"]
            }
            Self::Detail(_) => &["detail", "view", "rollouts", "global"],
            Self::Item(i) => i.contexts,
            Self::Chart(_) => &["chart", "global"],
            Self::Text(_) | Self::Followed(_) => &["view", "global"],
            Self::Logs(_) => &["logs", "view", "global"],
            Self::History(_) => &["history", "list", "view", "global"],
            Self::Plan(_) => &["plan"],
            Self::Runbook(_) => &["runbook", "global"],
            Self::Picker(_) => &["picker"],
            Self::Palette(_) => &["palette"],
            Self::Help(h) if h.searching => &["text"],
            Self::Help(_) => &["help"],
            Self::Prompt(_) => &["text"],
            Self::Question(_) => &["question"],
            Self::Activity(_) => &["activity", "list", "global"],
            Self::Unfinished(_) => &["unfinished", "list", "global"],
            Self::Incident(_) => &["incident", "global"],
            Self::Timeline(_) => &["timeline", "view", "global"],
            Self::Message(_) => &["message"],
            Self::Approval(_) => &["approval"],
            Self::Company(_) => &["company"],
        }
    }

    /// Covers the whole screen (between top bar and footer), or floats over what is beneath.
    pub fn is_full(&self) -> bool {
        matches!(
            self,
            Self::Detail(_)
                | Self::Item(_)
                | Self::Chart(_)
                | Self::Text(_)
                | Self::Logs(_)
                | Self::History(_)
                | Self::Runbook(_)
                | Self::Activity(_)
                | Self::Unfinished(_)
                | Self::Incident(_)
                | Self::Timeline(_)
                | Self::Message(_)
                | Self::Company(_)
                | Self::Followed(_)
        )
    }

    /// It is about no row of the deck: keys that act on the selected row find none.
    pub fn hides_rows(&self) -> bool {
        matches!(
            self,
            Self::Logs(_)
                | Self::Runbook(_)
                | Self::Activity(_)
                | Self::Unfinished(_)
                | Self::Item(_)
                | Self::Chart(_)
                | Self::Incident(_)
                | Self::Timeline(_)
                | Self::Message(_)
                | Self::Company(_)
                | Self::Followed(_)
        )
    }

    /// How far it is scrolled, where it is text that scrolls.
    pub fn scroll(&mut self) -> Option<&mut Scroll> {
        match self {
            Self::Detail(l) => Some(&mut l.scroll),
            Self::Item(l) => Some(&mut l.scroll),
            Self::Text(l) => Some(&mut l.scroll),
            Self::Logs(l) => Some(&mut l.scroll),
            Self::History(l) => Some(&mut l.scroll),
            Self::Runbook(l) => Some(&mut l.scroll),
            Self::Followed(l) => Some(&mut l.scroll),
            Self::Help(l) => Some(&mut l.scroll),
            Self::Incident(l) => Some(&mut l.scroll),
            Self::Timeline(l) => Some(&mut l.scroll),
            _ => None,
        }
    }
}

impl App {
    /// Whether one level out is somewhere else than here: a layer is open, or the list is narrowed.
    pub fn has_way_back(&self) -> bool {
        let list = self.list(self.pane);
        let narrowed = self.zoomed || list.wrong_only || !list.filter.is_empty() || !list.marks.is_empty();
        !self.layers.is_empty() || self.focus == super::Focus::Strip || narrowed
    }

    /// Leaves all layers: back to the deck.
    pub(crate) fn pop_layers(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        while !self.layers.is_empty() {
            effects.extend(self.pop_layer());
        }
        effects
    }
}
