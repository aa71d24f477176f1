//! The key for the runbook where nothing is wrong with what is at hand: who looks at one thing never gets a runbook on
//! another without being asked.

use super::layers::{Choice, Picker, PickerFor};
use super::msg::Effect;
use super::subjects::usual_book;
use super::{App, Focus, Health, Layer};
use crate::model::Kind;
use crate::runbook::facts::{About, Subject};
use crate::runbook::format::{ParamKind, Runbook};

/// What signals about workloads and their pods begin with.
const OF_WORKLOADS: &[&str] = &["pod.", "rollout.", "hpa.", "http.", "slo.", "app."];

impl App {
    /// Whether something is meant by the keys that has no cause of its own: a healthy row, or what is open.
    pub(crate) fn is_healthy_at_hand(&self) -> bool {
        if self.strip_leads() || self.own_signal().is_some() {
            return false;
        }
        if self.about_at_hand().is_some() {
            return self.looks_well();
        }
        if self.layers.is_empty() {
            return self.focus == Focus::Pane && self.list(self.pane).selected().is_some();
        }
        self.subject().or_else(|| self.opened()).is_some()
    }

    /// Whether the row of a source looks well: one that does not has its usual runbook, though no signal speaks of it.
    fn looks_well(&self) -> bool {
        let row = self.list(self.pane).selected();
        let same = row.filter(|row| row.item().map(|i| &i.what) == self.item_at_hand());
        same.is_some_and(|row| self.active_pane().sign(self, row) > Health::Moving)
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
            let usual = subject.about.as_ref().map(|about| usual_book(&self.world, about));
            let kind = self.subject().map(|object| object.kind);
            let fitting = self.books.iter().filter_map(|b| {
                let rank = if usual == Some(&*b.id) {
                    0
                } else {
                    fit(b, subject, kind)?
                };
                Some((rank, &**b))
            });
            let mut fitting: Vec<(u8, &Runbook)> = fitting.collect();
            fitting.sort_by_key(|(rank, b)| (*rank, b.title.to_lowercase()));
            choices.extend(fitting.into_iter().map(|(_, b)| Choice {
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

/// How near the book is to this kind of thing, the nearest first: it answers signals of just that, or of what belongs
/// together with it, or it answers none and takes one. `None`: it is for another kind.
fn fit(book: &Runbook, subject: &Subject, kind: Option<Kind>) -> Option<u8> {
    let workload = subject.workload.is_some() || subject.pod.is_some();
    let (families, takes): (&[&str], fn(&ParamKind) -> bool) = match &subject.about {
        Some(About::Node(_)) => (&["node."], |k| *k == ParamKind::Node),
        Some(About::Job(_)) => (&["job."], |_| false),
        Some(About::Queue { .. }) => (&["queue."], |_| false),
        Some(About::Redis { .. }) => (&["redis."], |_| false),
        Some(About::Certificate { .. } | About::Endpoint { .. }) => (&["cert."], |_| false),
        Some(About::Service { .. } | About::Http { .. }) => (&["http.", "slo.", "app."], |_| false),
        Some(About::Postgres { .. } | About::Session { .. } | About::Statement { .. } | About::Table { .. }) => {
            (&["pg.", "pgbouncer."], |_| false)
        }
        None if workload => (OF_WORKLOADS, |k| matches!(k, ParamKind::Workload | ParamKind::Pod)),
        Some(About::Alert { .. }) | None => return None,
    };
    let own = match kind {
        Some(Kind::Pod) => "pod.",
        Some(Kind::Hpa) => "hpa.",
        Some(kind) if Kind::WORKLOADS.contains(&kind) => "rollout.",
        _ => "",
    };
    let answers = |families: &[&str]| {
        let of = |id: &String| families.iter().any(|f| !f.is_empty() && id.starts_with(f));
        book.answers.iter().any(of)
    };
    if answers(&[own]) {
        Some(1)
    } else if answers(families) {
        Some(2)
    } else {
        (book.answers.is_empty() && book.params.iter().any(|p| takes(&p.kind))).then_some(3)
    }
}
