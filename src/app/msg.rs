//! Everything that can happen, and everything that can be asked for. Plain data: whoever performs an [`Effect`]
//! answers with a [`Msg`].

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::action::{ActionId, Class, Confirmed, Offer, Offered, Plan, Progress, Refusal, Request};
use crate::journal::{Entry, News};
use crate::keys::Chord;
use crate::model::{
    Backend, BackendAsk, Batch, Kind, ObjectRef, Place, RangeAnswer, RangeAsk, Scope, Selector, SourceId, SourceKind,
    Str,
};
use crate::runbook::engine::AskId;

/// Ties an answer to what asked for it; an answer to a layer that was closed meanwhile is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub u64);

/// Something happened.
#[derive(Clone, Debug)]
pub enum Msg {
    Key(Chord),
    /// Bracketed paste: never keys.
    Paste(String),
    Resize(u16, u16),
    /// The mouse did something at a place of the screen.
    Pointer(super::pointer::Gesture, super::pointer::Spot),
    /// The terminal won or lost the focus.
    Focus(bool),
    /// The other platforms, as they are now.
    Fleet(Vec<super::fleet::Sister>),
    /// Time passed; nothing else happened.
    Tick,
    World(Batch),
    Connection(Connection),
    /// Another context was chosen, and this is its platform beside Kubernetes: nothing of the old one counts any more.
    Leaving {
        context: String,
        sources: Vec<SourceId>,
    },
    Contexts(Result<Vec<ContextRow>, String>),
    /// The keymap's files were read again; none: something in them is wrong, and the map in force stays.
    Keymap {
        map: Option<Box<crate::keys::Keymap>>,
        notices: Vec<Notice>,
    },
    Planned(ActionId, Result<Box<Plan>, Refusal>),
    Progress(Progress),
    /// What became of the question to a second person: one of the run's approval events.
    Approval {
        run: u64,
        event: crate::runbook::engine::Event,
    },
    Fetched(Token, Result<Fetched, String>),
    Logs(Token, LogBatch),
    /// Something to tell, from outside the state machine (a bad keymap, a journal that cannot be written).
    Notice(Notice),
    /// Mutations are off: the journal cannot be written.
    JournalBroken(Option<String>),
    /// What is on record: at first all that the journal's files hold, then each record as it is written, by this console
    /// or by another.
    Journal(News),
    /// Which other consoles live, of those that were asked about, by their sessions; and who sits here.
    Alive {
        me: String,
        sessions: BTreeSet<String>,
    },
    /// Whether a run is in this console's hands now, by its key.
    RunTaken {
        key: String,
        answer: Result<(), String>,
    },
    /// A run of this console is in other hands now, by its id.
    RunLost {
        run: String,
        why: String,
    },
    /// The operator is someone else now, or known at last.
    WhoAmI(String),
    /// What lies in the spool, when it changed.
    Spool(Box<crate::journal::spool::News>),
    /// A question (by its id) did not reach the spool, and why.
    NotAsked(String, String),
    /// More of the journal file that is followed.
    FileRead(Box<super::follow_file::FileNews>),
    /// SIGTERM or SIGHUP: leave without asking.
    Terminate,
}

/// How severe a notice is; errors stay until they were seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub error: bool,
    pub text: String,
}

impl Notice {
    pub fn info(text: impl Into<String>) -> Self {
        Self {
            error: false,
            text: text.into(),
        }
    }

    pub fn error(text: impl Into<String>) -> Self {
        Self {
            error: true,
            text: text.into(),
        }
    }
}

/// The state of the way to the API server.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Connection {
    #[default]
    Starting,
    /// No kubeconfig, or no context in it: what is missing and what to do.
    Missing {
        what: String,
        hint: String,
    },
    Connecting {
        place: Place,
        class: Class,
    },
    Connected {
        place: Place,
        class: Class,
    },
    /// Tried again at the given time.
    Failed {
        place: Option<Place>,
        why: String,
        hint: String,
        retry_at: Timestamp,
    },
    /// The credential plugin needs a person: a key suspends the screen and runs it attached.
    NeedsLogin {
        place: Place,
        argv: String,
    },
}

/// A context of the kubeconfig, or a platform of the configuration, for the picker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextRow {
    pub name: String,
    pub cluster: String,
    pub user: String,
    pub namespace: String,
    pub current: bool,
    /// A platform, with a kubeconfig and a context of its own; `name` is its.
    pub platform: bool,
    /// How careful to be there, as far as the configuration says: `PROD`.
    pub class: String,
}

/// What a layer asks to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// The object as YAML without managedFields.
    Yaml(ObjectRef),
    /// Revisions with their templates.
    History(ObjectRef),
    /// What can be chosen of what nobody watches, in this namespace.
    Offers(Offer, Str),
    /// The states of changes that must not stay, of which nobody watches the objects.
    States(Vec<crate::action::temporary_state::StateAsk>),
    /// How a PostgreSQL, by its source's name, would run a statement; `hidden`: parameters stand where this console does
    /// not show the values.
    Plan {
        source: Str,
        statement: String,
        hidden: bool,
    },
    /// A value over time, of a Prometheus.
    Range(Box<RangeAsk>),
    /// What is behind an Ingress: where its Services lead.
    Backends(BackendAsk),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Fetched {
    Text(String),
    History(Vec<HistoryRow>),
    Offers(Vec<Offered>),
    Range(Box<RangeAnswer>),
    Backends(Vec<Backend>),
    /// By the key of the ledger's entry: the state, or why it is not known.
    States(Vec<(String, Result<String, String>)>),
}

/// One revision of a workload, with its template for the difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRow {
    pub revision: u64,
    pub current: bool,
    pub name: String,
    pub created: Option<Timestamp>,
    pub images: Vec<String>,
    pub change_cause: String,
    /// The pod template as YAML, without its hash label.
    pub template: String,
}

/// Whose logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    Pod(ObjectRef),
    /// All pods of a workload, as they come and go.
    Workload {
        namespace: Str,
        name: Str,
        kind: Kind,
        selector: Selector,
    },
    /// All pods that a label selector of the operator's matches.
    Labels {
        namespace: Str,
        selector: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogQuery {
    pub target: LogTarget,
    /// All containers when `None`.
    pub container: Option<String>,
    pub previous: bool,
    pub tail: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    pub pod: Str,
    pub container: Str,
    pub at: Option<Timestamp>,
    pub text: String,
    /// Said by the console about the stream (a pod joined, a stream broke), not by the container.
    pub note: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogBatch {
    pub lines: Vec<LogLine>,
    /// Lines that were thrown away because they came faster than they could be taken.
    pub dropped: u64,
    /// Nothing more will come.
    pub ended: Option<String>,
}

/// Which feeds are wanted now.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Wanted {
    pub kinds: BTreeSet<Kind>,
    pub metrics: bool,
    /// Kinds of sources that are on screen: they are looked at more often.
    pub sources: BTreeSet<SourceKind>,
    /// Lists of tables and indexes are on screen.
    pub tables: bool,
    /// The queue whose failed jobs are on screen: set and name.
    pub queue: Option<(Str, Str)>,
}

/// What is read in the pager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PagerOf {
    /// What is open on top, as it is on the screen.
    Screen,
    Text {
        title: String,
        text: String,
    },
}

/// A shell in a container, as it was asked for and answered with yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecAsk {
    /// Where it was asked for: nowhere else is it opened.
    pub place: Place,
    pub pod: ObjectRef,
    pub container: String,
}

/// Something is asked for.
#[derive(Clone, Debug)]
pub enum Effect {
    Quit,
    Suspend,
    Repaint,
    Want(Wanted),
    /// Try the feeds again now rather than at the next back-off.
    Retry,
    /// Look at the sources beside Kubernetes now: something was changed there.
    LookAgain,
    /// Suspend the screen and run the credential plugin attached.
    Login,
    ListContexts,
    Connect {
        context: Option<String>,
        scope: Option<Scope>,
    },
    /// Leaves for a platform of the configuration, by its name.
    GoTo(String),
    Plan(ActionId, Request),
    Execute(Box<Confirmed>),
    Fetch(Token, Fetch),
    OpenLogs(Token, LogQuery),
    CloseLogs(Token),
    /// Stop a local command that is carried out, or a drain before its next pod.
    Stop(ActionId),
    /// A step of a run asks a second person to agree to this text, and to the plan if one is named. The answer comes
    /// as [`Msg::Approval`].
    AskApproval {
        run: u64,
        ask: AskId,
        text: String,
        plan: Option<ActionId>,
    },
    /// To the terminal's clipboard.
    Copy(String),
    /// Suspend the screen and read this in `$PAGER`.
    Pager(PagerOf),
    /// Suspend the screen for a shell in a container. On record before and after; never in a read-only console.
    Exec(Box<ExecAsk>),
    /// Ask the terminal to report the mouse, or to stop it.
    Mouse(bool),
    /// To the journal: runs, notes, snoozes. It changes nothing on any server.
    Record(Box<Entry>),
    Spool(super::ToSpool),
    /// Every record from now on carries this incident's id; empty: none is open.
    Incident(String),
    /// Write the report to a file under the state folder, of an incident or of the last day, and say where.
    Report(Option<String>),
    /// Keep this for the next session.
    Remember(Box<super::finding::Remembered>),
    /// Call the person who looks elsewhere, in the way that the configuration says.
    Call {
        occasion: super::Occasion,
        words: String,
    },
    /// Put this theme on.
    Theme(String),
    /// Read the keymap's files again.
    LoadKeymap,
    /// Which of these sessions' consoles live?
    Alive(BTreeSet<String>),
    /// Take a run into this console's hands; `over`: even from a console that lives.
    TakeRun {
        key: String,
        over: bool,
    },
}
