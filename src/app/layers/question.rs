//! A question with two answers. Focus starts on the one that changes nothing.

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuestionFor {
    Quit,
    AbortRun(u64),
    /// Go on with a run whose runbook was changed since.
    ResumeChanged,
}

#[derive(Clone, Debug)]
pub struct Question {
    pub purpose: QuestionFor,
    pub text: String,
    /// What goes on meanwhile or is lost.
    pub detail: String,
    pub yes: String,
    pub no: String,
    pub on_yes: bool,
}
