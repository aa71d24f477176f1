//! The state of the console and how it changes: [`App::update`] takes a [`Msg`] and answers with [`Effect`]s.
//!
//! One owner, no I/O, no clock, no drawing: time comes in with every message, so the same messages give the same state.
//! The deck (panes and attention strip) lies at the bottom; [`layer::Layer`]s lie on it, and the topmost hears the keys.

pub mod activity;
mod answers;
mod approval;
mod approval_steps;
mod at_hand;
pub mod bastion;
pub mod charts;
pub mod command;
mod commands;
pub mod doc;
mod entries;
mod equivalent;
pub mod field;
pub mod filter;
pub mod finding;
pub mod fleet;
#[cfg(test)]
mod flows;
pub mod follow;
pub mod follow_file;
mod guard;
mod healthy;
pub mod jumps;
pub mod layer;
pub mod layers;
mod list;
pub mod live;
pub mod msg;
pub mod observed;
mod params;
mod place;
pub mod pointer;
mod recorded;
mod release;
mod row;
pub mod runs;
pub mod seat;
pub mod strip;
mod subjects;
pub mod taste;
pub mod unattended;
pub mod unfinished;
mod update;
mod waiting;
mod wants;

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::action::ActionId;
use crate::keys::{Chord, Keymap};
use crate::model::{
    FeedId, Freshness, Kind, Place, RolloutState, Scope, SourceId, Uid, Workload, World, rollout_state,
};
use crate::panes::{self, PANES, Pane, PaneId};
/// The limits of the rules, for panes that say how bad a row is by itself.
pub use crate::signal::Thresholds as Limits;
use crate::signal::{self, Judge, Thresholds};

pub use activity::{Activity, Toast};
pub use approval::{Asking, may_answer};
pub use bastion::ToSpool;
pub(crate) use commands::ways;
pub use layer::Layer;
pub use list::{BETWEEN, List, Mark, Moved, Placed, Rows, Sort, Span};
pub use msg::{Connection, Effect, Msg, Notice, Token, Wanted};
pub use recorded::Recorded;
pub use row::{Health, Item, ItemRef, Row};
pub use runs::RunEntry;
pub use strip::{Lead, Strip};
pub use taste::Occasion;

/// Whether this session may change anything, and if not, why. It never changes while the console runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    Operator,
    ReadOnly { why: String },
}

/// What the deck hears keys for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    Pane,
    Strip,
}

/// What the console starts with.
pub struct Start {
    pub now: Timestamp,
    pub size: (u16, u16),
    pub access: Access,
    pub keys: Keymap,
    pub thresholds: Thresholds,
    pub books: crate::runbook::library::Library,
    /// The sources of the platform beside Kubernetes.
    pub sources: Vec<SourceId>,
    /// Context and scope that the command line or the configuration named.
    pub context: Option<String>,
    pub scope: Option<Scope>,
}

pub struct App {
    pub world: World,
    pub judge: Judge,
    pub now: Timestamp,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    pub terminal_focused: bool,
    pub access: Access,
    pub keys: Keymap,
    pub connection: Connection,
    pub user: String,
    pub lists: [List; PANES.len()],
    pub pane: PaneId,
    /// Which of its tables each pane shows.
    pub views: [usize; PANES.len()],
    /// The sources of the platform beside Kubernetes, in the configuration's order.
    pub sources: Vec<SourceId>,
    pub focus: Focus,
    pub zoomed: bool,
    pub strip: Strip,
    pub layers: Vec<Layer>,
    /// Chords of a sequence that is not finished, and since when.
    pub pending: Vec<Chord>,
    pub pending_since: Timestamp,
    pub toasts: Vec<Toast>,
    pub activities: Vec<Activity>,
    pub runs: Vec<RunEntry>,
    pub books: crate::runbook::library::Library,
    pub recorded: Recorded,
    pub unfinished: unfinished::Unfinished,
    /// The journal cannot be written: mutations are off, and this is why.
    pub journal_broken: Option<String>,
    pub finding: finding::Finding,
    pub contexts: Option<Result<Vec<msg::ContextRow>, String>>,
    /// The other consoles of this machine.
    pub bastion: bastion::Bastion,
    pub taste: taste::Taste,
    /// What belongs to the person at this screen.
    pub seat: seat::Seat,
    /// Whether policy lets one go on alone where a step asks for a second person.
    pub break_glass: bool,
    /// Where to go once what is being sent has its result.
    departure: Option<release::Departure>,
    /// Drawn again at the next frame.
    pub dirty: bool,
    pub leaving: bool,
    start_context: Option<String>,
    /// Where the rows on screen came from: another place takes all of them away.
    home: Option<Place>,
    scope: Option<Scope>,
    wanted: Wanted,
    states: HashMap<Uid, RolloutState>,
    /// Of each pane, as of the last refresh: counting the pods again at every key would be most of what a key costs.
    summaries: Vec<panes::Summary>,
    /// Pods counted by what they are, kept up with what changes.
    pub(crate) pod_tally: panes::Tally,
    judged_at: Option<Timestamp>,
    /// Something came since, too soon to be judged again.
    judgement_owed: bool,
    /// Everything here has answered, or said that it cannot, and was judged once since.
    looked: bool,
    refreshed: (u64, Option<Timestamp>),
    last_id: u64,
}

impl App {
    /// The console as it opens: nothing is known yet, everything is asked for.
    pub fn new(start: Start) -> (Self, Vec<Effect>) {
        let mut lists: [List; PANES.len()] = std::array::from_fn(|_| List::default());
        if let Some(events) = lists.get_mut(PaneId::Events.index()) {
            events.sort.column = "last";
        }
        let mut app = Self {
            world: World::default(),
            judge: Judge::new(start.thresholds),
            now: start.now,
            size: start.size,
            terminal_focused: true,
            access: start.access,
            keys: start.keys,
            connection: Connection::Starting,
            user: String::new(),
            lists,
            pane: PaneId::Pods,
            views: [0; PANES.len()],
            sources: start.sources,
            focus: Focus::Pane,
            zoomed: false,
            strip: Strip::default(),
            layers: Vec::new(),
            pending: Vec::new(),
            pending_since: start.now,
            toasts: Vec::new(),
            activities: Vec::new(),
            runs: Vec::new(),
            books: start.books,
            recorded: Recorded::default(),
            unfinished: unfinished::Unfinished::default(),
            journal_broken: None,
            finding: finding::Finding::default(),
            contexts: None,
            bastion: bastion::Bastion::default(),
            taste: taste::Taste::default(),
            seat: seat::Seat::default(),
            break_glass: false,
            departure: None,
            dirty: true,
            leaving: false,
            start_context: start.context,
            home: None,
            scope: start.scope,
            wanted: Wanted::default(),
            states: HashMap::new(),
            summaries: Vec::new(),
            pod_tally: panes::Tally::default(),
            judged_at: None,
            judgement_owed: false,
            looked: false,
            refreshed: (u64::MAX, None),
            last_id: 0,
        };
        let mut effects = vec![Effect::Connect {
            context: app.start_context.clone(),
            scope: app.scope.clone(),
        }];
        effects.extend(app.want());
        (app, effects)
    }

    /// A number that no other answer, action or run of this session has.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(crate) fn next_token(&mut self) -> Token {
        Token(self.next_id())
    }

    pub(crate) fn next_action(&mut self) -> ActionId {
        ActionId(self.next_id())
    }

    pub fn server_now(&self) -> Timestamp {
        self.world.server_now(self.now)
    }

    pub fn list(&self, id: PaneId) -> &List {
        self.lists.get(id.index()).unwrap_or(&self.lists[0])
    }

    pub(crate) fn list_mut(&mut self) -> &mut List {
        let i = self.pane.index().min(self.lists.len() - 1);
        #[allow(clippy::indexing_slicing)] // bounded on the line above
        &mut self.lists[i]
    }

    /// What of a source is at hand: the opened item, or the selected row's.
    pub fn item_at_hand(&self) -> Option<&ItemRef> {
        match self.layers.last() {
            Some(Layer::Item(view)) => Some(&view.what),
            None if self.focus == Focus::Pane => Some(&self.list(self.pane).selected()?.item()?.what),
            _ => None,
        }
    }

    pub fn active_pane(&self) -> &'static Pane {
        panes::pane(self.pane)
    }

    /// The pane in one line.
    pub fn summary(&self, pane: &Pane) -> panes::Summary {
        let known = self.summaries.get(pane.id.index()).cloned();
        known.unwrap_or_else(|| (pane.summary)(self))
    }

    /// How bad it is that jobs of a queue fail, and how many of a hundred do, by the rule queue.failures.
    pub fn failing(&self, queue: &crate::model::Queue) -> Option<(Health, f64)> {
        let (severity, percent) = signal::queue_failing(queue, self.judge.thresholds())?;
        let health = match severity {
            signal::Severity::Critical => Health::Critical,
            signal::Severity::Warning => Health::Warning,
        };
        Some((health, percent))
    }

    /// The rollout's state, judged once a refresh.
    pub fn rollout_state(&self, w: &Workload) -> RolloutState {
        match self.states.get(&w.meta.uid) {
            Some(state) => state.clone(),
            None => rollout_state(&self.world, w, self.server_now()),
        }
    }

    /// Whether any pod has been read yet.
    pub fn has_rows(&self) -> bool {
        match self.world.feed(FeedId::Watch(Kind::Pod)) {
            Freshness::Syncing { rows } => *rows > 0,
            Freshness::Off => matches!(self.connection, Connection::Missing { .. } | Connection::Failed { .. }),
            _ => true,
        }
    }

    /// Whether anything may be changed now; if not, why.
    pub fn may_mutate(&self) -> Result<(), String> {
        if let Access::ReadOnly { why } = &self.access {
            return Err(format!("read-only session ({why})"));
        }
        if let Some(why) = &self.journal_broken {
            return Err(format!("the journal cannot be written: {why}"));
        }
        if self.seat.frozen.is_some() {
            return Err("the screen stands still: any key lets it go on".to_owned());
        }
        match &self.connection {
            Connection::Connected { .. } => Ok(()),
            _ => Err("not connected to a cluster".to_owned()),
        }
    }

    /// The same for an object: what is shown of it must be fresh.
    pub fn may_mutate_object(&self, kind: Kind) -> Result<(), String> {
        self.may_mutate()?;
        match self.world.feed(FeedId::Watch(kind)) {
            Freshness::Fresh => Ok(()),
            Freshness::Stale { why, .. } => Err(format!("the data is stale ({why}): wait until it is fresh")),
            Freshness::Syncing { .. } => Err("still syncing".to_owned()),
            Freshness::Off | Freshness::Failed { .. } | Freshness::Forbidden { .. } | Freshness::Absent { .. } => {
                Err(format!("{} cannot be watched now", kind.plural()))
            }
        }
    }

    /// Keymap contexts in force, innermost first.
    pub fn contexts(&self) -> Vec<&'static str> {
        self.contexts_of(self.layers.last())
    }

    /// Those in force once the topmost layer is left: what the palette's keys would do.
    pub fn contexts_beneath(&self) -> Vec<&'static str> {
        self.contexts_of(self.layers.iter().rev().nth(1))
    }

    fn contexts_of(&self, layer: Option<&Layer>) -> Vec<&'static str> {
        match layer {
            Some(layer) => layer.contexts().to_vec(),
            None => match self.focus {
                Focus::Strip => vec!["strip", "global"],
                Focus::Pane => vec![self.active_pane().context, "list", "global"],
            },
        }
    }

    /// Rebuilds what follows from the world. Cheap when nothing changed.
    fn refresh(&mut self, force: bool) {
        let version = self.world.version;
        if !force && self.refreshed.0 == version && self.refreshed.1.is_some() {
            return;
        }
        self.refreshed = (version, Some(self.now));
        let now = self.server_now();
        self.states = self
            .world
            .workloads()
            .map(|w| (w.meta.uid.clone(), rollout_state(&self.world, w, now)))
            .collect();
        let news = self.world.take_pod_news();
        match &news {
            Some(news) => {
                for (before, after) in news.values() {
                    self.pod_tally.change(before.as_deref(), after.as_deref());
                }
            }
            None => self.pod_tally = panes::Tally::of(self.world.pods.values()),
        }
        self.summaries = PANES.iter().map(|pane| (pane.summary)(self)).collect();
        for pane in &PANES {
            // The pods are many: their list is never read anew while what changed can be put into it.
            if !(force || self.on_screen(pane.id) || pane.id == self.pane || pane.id == PaneId::Pods) {
                continue;
            }
            let Some(slot) = self.lists.get_mut(pane.id.index()) else {
                continue;
            };
            let mut list = std::mem::take(slot);
            panes::renew(self, pane, &mut list, news.as_ref());
            if let Some(slot) = self.lists.get_mut(pane.id.index()) {
                *slot = list;
            }
        }
        self.bury_marks();
        self.dirty = true;
    }

    /// Judges the signals, at most once a second.
    fn judge(&mut self) {
        if self
            .judged_at
            .is_some_and(|t| self.now.duration_since(t) < SignedDuration::from_secs(1))
        {
            self.judgement_owed = true;
            return;
        }
        self.judge_now();
    }

    /// Judges the signals: what a person put aside or took back counts at once.
    pub(crate) fn judge_now(&mut self) {
        self.judged_at = Some(self.now);
        self.judgement_owed = false;
        if !self.looked && self.unanswered_sources().is_empty() {
            self.looked = true;
            self.dirty = true;
        }
        if self.judge.update(&self.world, self.now) {
            self.strip.settle(&self.judge);
            self.dirty = true;
        }
    }

    /// What has neither answered nor failed yet: that nothing calls for attention cannot be said before.
    fn unanswered_sources(&self) -> Vec<String> {
        let waits = |state: &Freshness| matches!(state, Freshness::Off | Freshness::Syncing { .. });
        let feeds = crate::signal::KINDS.iter().map(|kind| FeedId::Watch(*kind));
        let mut names = Vec::new();
        if feeds.into_iter().any(|feed| waits(self.world.feed(feed))) {
            names.push("Kubernetes".to_owned());
        }
        let reach = &self.world.sources.reach;
        let late = self.sources.iter().filter(|id| reach.get(id).is_none_or(waits));
        names.extend(late.map(|id| format!("{} {}", id.kind.word(), id.name)));
        names
    }

    /// For whom the strip still waits before it may say that all is well; empty once all were judged.
    pub fn still_looking(&self) -> Option<Vec<String>> {
        (!self.looked).then(|| self.unanswered_sources())
    }

    /// The next moment at which something changes by time alone.
    pub fn next_tick(&self) -> Timestamp {
        let after = |s: i64| self.now.checked_add(SignedDuration::from_secs(s)).unwrap_or(self.now);
        let minute = after(60 - self.now.as_second().rem_euclid(60));
        // What came within a second of the last judgement is judged at that second's end, not at the next tick.
        let mut next = minute.min(after(if self.judgement_owed { 1 } else { 5 }));
        if !self.pending.is_empty() {
            let popup = self.pending_since.checked_add(WHICH_KEY).unwrap_or(self.now);
            if popup > self.now {
                next = next.min(popup);
            }
        }
        for toast in &self.toasts {
            if let Some(until) = toast.until {
                next = next.min(until.max(after(0)));
            }
        }
        if self.runs.iter().any(RunEntry::is_live) || self.activities.iter().any(Activity::is_live) {
            next = next.min(after(1));
        }
        next
    }
}

/// The minute of a moment, counted from 1970.
fn minute(t: Timestamp) -> i64 {
    t.as_second().div_euclid(60)
}

/// How long a prefix waits before the popup lists what may follow.
pub const WHICH_KEY: SignedDuration = SignedDuration::from_millis(300);
