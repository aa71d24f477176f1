//! What the panel draws: a run as plain text and numbers. Colours, symbols and widths are the panel's own.

use super::engine::{Evidence, Message, Offer, ParamView, Phase, Run, Status, StepState, TextBlock};
use super::format::Open;
use jiff::Timestamp;

/// A run at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    pub title: String,
    /// `deployment cortex/cortex-api`.
    pub subject: String,
    pub run: String,
    pub operator: String,
    pub started: Timestamp,
    /// Seconds since it was started, until it ended.
    pub elapsed: i64,
    pub status: Status,
    pub steps: Vec<StepLine>,
    /// The current step; none once the run is completed.
    pub step: Option<StepView>,
    /// What it waits for, in one line; empty when for nothing but the operator.
    pub waiting: String,
    pub offers: Vec<Offer>,
    /// Changes that can be taken back.
    pub undos: usize,
    /// Changes that were, or may have been, made and not taken back.
    pub changes: usize,
    /// A change was sent, and it is not known yet what became of it.
    pub sent: bool,
    /// What the operator should know about the last key.
    pub notice: Option<String>,
}

/// A line of the list of steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepLine {
    /// From 1.
    pub number: usize,
    pub title: String,
    pub state: StepState,
    pub current: bool,
    pub notes: usize,
}

impl StepLine {
    /// What the state says, for the detail below the line.
    pub fn detail(&self) -> &str {
        match &self.state {
            StepState::Todo | StepState::Current => "",
            StepState::Passed(text) | StepState::Failed(text) | StepState::Skipped(text) | StepState::Unknown(text) => {
                text
            }
        }
    }
}

/// The current step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepView {
    pub number: usize,
    pub title: String,
    /// The name that files use: note, diagnose, gate, …
    pub kind: &'static str,
    pub state: StepState,
    pub required: bool,
    pub prose: Vec<TextBlock>,
    pub evidence: Vec<Evidence>,
    pub params: Vec<ParamView>,
    pub proposal: Option<String>,
    /// What a second person is to agree to, or others are told.
    pub message: Option<Message>,
    /// The newest lines that its command wrote.
    pub output: Vec<String>,
    pub opens: Vec<Open>,
    pub notes: Vec<String>,
}

/// The view of `run` at `now`.
pub fn of(run: &Run, now: Timestamp) -> View {
    let steps = run.book().steps.iter().zip(run.states()).enumerate();
    let steps = steps.map(|(index, (step, state))| StepLine {
        number: index + 1,
        title: step.title.clone(),
        state: state.clone(),
        current: index == run.current() && !run.status().is_over(),
        notes: run.notes().iter().filter(|(at, _)| *at == index).count(),
    });
    View {
        title: if super::library::is_built_in(run.book()) {
            run.book().title.clone()
        } else {
            format!("{} (own file)", run.book().title)
        },
        subject: run.subject().name(),
        run: run.id().to_owned(),
        operator: run.operator().to_owned(),
        started: run.started(),
        elapsed: run
            .ended()
            .unwrap_or(now)
            .duration_since(run.started())
            .as_secs()
            .max(0),
        status: run.status().clone(),
        steps: steps.collect(),
        step: step_view(run),
        waiting: waiting(run),
        offers: run.offers(),
        undos: run.undos().len(),
        changes: run.changes(),
        sent: run.changing().is_some(),
        notice: run.notice().map(str::to_owned),
    }
}

fn step_view(run: &Run) -> Option<StepView> {
    let (step, state) = (run.step()?, run.states().get(run.current())?);
    let shown = run.shown();
    Some(StepView {
        number: run.current() + 1,
        title: step.title.clone(),
        kind: step.kind.name(),
        state: state.clone(),
        required: step.required,
        prose: shown.prose.clone(),
        evidence: shown.evidence.clone(),
        params: shown.params.clone(),
        proposal: shown.proposal.clone(),
        message: shown.message.clone(),
        output: run.output().to_vec(),
        opens: step.opens.clone(),
        notes: run
            .notes()
            .iter()
            .filter(|(at, _)| *at == run.current())
            .map(|(_, text)| text.clone())
            .collect(),
    })
}

fn waiting(run: &Run) -> String {
    match run.phase() {
        Phase::Planning { .. } => "for the plan".to_owned(),
        Phase::Confirming { title, .. } => format!("for the confirmation of: {title}"),
        Phase::Executing { .. } => "for the server's answer".to_owned(),
        Phase::Verifying { text, .. } if text.is_empty() => "for the verification".to_owned(),
        Phase::Verifying { text, .. } => text.clone(),
        Phase::Approving { .. } => "for a second person to agree".to_owned(),
        Phase::Soaking { .. } => "a little: it looks good, and is watched that it stays so".to_owned(),
        Phase::Waiting { missing, .. } => missing.clone(),
        Phase::Undecided => match run.states().get(run.current()) {
            Some(StepState::Unknown(why)) => format!("for facts, or your decision: {why}"),
            _ => "for your decision".to_owned(),
        },
        Phase::Entering | Phase::Showing | Phase::Stopped | Phase::Barred { .. } => String::new(),
    }
}
