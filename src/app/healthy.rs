//! The key for the runbook where nothing is wrong with what is at hand: who looks at one thing never gets a runbook on
//! another without being asked.

use super::layers::{Choice, Picker, PickerFor};
use super::msg::Effect;
use super::{App, Focus, Layer};
use crate::runbook::facts::{About, Subject};
use crate::runbook::format::{ParamKind, Runbook};

/// What signals about workloads and their pods begin with.
const OF_WORKLOADS: &[&str] = &["pod.", "rollout.", "hpa.", "http.", "slo.", "app."];

impl App {
    /// Whether something is meant by the keys that has no cause of its own: a healthy row, or what is open.
    pub(crate) fn is_healthy_at_hand(&self) -> bool {
        if self.strip_leads() || self.about_at_hand().is_some() || self.own_signal().is_some() {
            return false;
        }
        if self.layers.is_empty() {
            return self.focus == Focus::Pane && self.list(self.pane).selected().is_some();
        }
        self.subject().or_else(|| self.opened()).is_some()
    }

    /// Offers the cause in the strip first, by its name, then what fits the kind of thing that is at hand.
    pub(crate) fn offer_runbooks(&mut self) -> Vec<Effect> {
        let subject = self.run_subject();
        let cause = self.strip.current(&self.judge);
        let key = cause.map(crate::signal::Signal::key);
        let mut choices: Vec<Choice> = Vec::new();
        if let Some(signal) = cause {
            let which = match self.strip.position(&self.judge) {
                0 => "the worst cause",
                _ => "the cause in the strip",
            };
            choices.push(Choice {
                value: String::new(),
                label: which.to_owned(),
                hint: signal.line(self.server_now()),
            });
        }
        if let Some(subject) = &subject {
            let fitting = self.books.iter().filter(|b| fits(b, subject));
            choices.extend(fitting.map(|b| Choice {
                value: b.id.clone(),
                label: b.title.clone(),
                hint: b.use_when.clone(),
            }));
        }
        if choices.is_empty() {
            let key = self.keys_for("runbook.list");
            return self.say(format!(
                "nothing is wrong, and no runbook is for this: {key} lists all of them"
            ));
        }
        let purpose = PickerFor::BestRunbook {
            subject: subject.map(Box::new),
            cause: key,
        };
        let mut picker = Picker::new("No cause of its own: which runbook?", purpose, choices);
        picker.note = format!("{} lists all of them", self.keys_for("runbook.list"));
        self.layers.push(Layer::Picker(picker));
        Vec::new()
    }

    /// The cause in the strip was chosen from that list.
    pub(crate) fn start_on_cause(&mut self, cause: Option<&crate::signal::SignalKey>) -> Vec<Effect> {
        let signal = super::Strip::shown(&self.judge).find(|s| Some(&s.key()) == cause);
        match signal.map(|s| self.run_on(Some(s), None)) {
            Some(Ok((book, subject))) => self.start_run(&book, subject),
            Some(Err(why)) => self.complain(why),
            None => self.complain("that cause is over"),
        }
    }
}

/// Whether the book is for this kind of thing: it takes one, and answers no signal of another kind.
fn fits(book: &Runbook, subject: &Subject) -> bool {
    let workload = subject.workload.is_some() || subject.pod.is_some();
    let (families, takes): (&[&str], fn(&ParamKind) -> bool) = match &subject.about {
        Some(About::Node(_)) => (&["node."], |k| *k == ParamKind::Node),
        Some(About::Job(_)) => (&["job."], |_| false),
        None if workload => (OF_WORKLOADS, |k| matches!(k, ParamKind::Workload | ParamKind::Pod)),
        _ => return false,
    };
    let answers = |id: &String| families.iter().any(|f| id.starts_with(f));
    book.answers.iter().any(answers) || book.answers.is_empty() && book.params.iter().any(|p| takes(&p.kind))
}
