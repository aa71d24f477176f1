//! Runs of this console that are under way, and those of them that wait for the person who sits here.

use super::{App, Layer, RunEntry};
use crate::runbook::engine::{Phase, Status};

impl RunEntry {
    /// `Renew a certificate · ingress-tls`.
    pub fn line(&self) -> String {
        let (title, subject) = (&self.run.book().title, self.run.subject().name());
        if subject.is_empty() {
            title.clone()
        } else {
            format!("{title} · {subject}")
        }
    }

    /// `step 7 of 10, stopped`: it waits for you.
    pub fn stands(&self) -> String {
        let how = match self.run.phase() {
            Phase::Stopped => "stopped",
            _ if self.run.waits_for_operator() => "waits for you",
            Phase::Showing | Phase::Undecided => "only looked at",
            _ => "goes on by itself",
        };
        format!("{}, {how}", self.at())
    }

    fn at(&self) -> String {
        let of = self.run.book().steps.len();
        let at = (self.run.current() + 1).min(of);
        match self.run.status() {
            Status::RollingBack => format!("step {at} of {of}, taking back"),
            _ => format!("step {at} of {of}"),
        }
    }
}

impl App {
    /// Runs that are not over, those first that wait for somebody here; of the same kind the newest first.
    pub fn under_way(&self) -> Vec<&RunEntry> {
        let mut live: Vec<&RunEntry> = self.runs.iter().rev().filter(|r| r.is_live()).collect();
        live.sort_by_key(|r| match r.run.phase() {
            _ if !r.run.waits_for_operator() => 2,
            Phase::Stopped => 0,
            _ => 1,
        });
        live
    }

    /// Whether the run that is open is over.
    pub fn is_run_over(&self) -> bool {
        let Some(Layer::Runbook(view)) = self.layers.last() else {
            return false;
        };
        let run = self.runs.iter().find(|r| r.number == view.run);
        run.is_some_and(|r| r.run.status().is_over())
    }

    /// Whether there is a way on in the run that is open, or it is over: while it only waits there is none.
    pub fn goes_on(&self) -> bool {
        let Some(Layer::Runbook(view)) = self.layers.last() else {
            return false;
        };
        let run = self.runs.iter().find(|r| r.number == view.run);
        run.is_some_and(|r| r.run.status().is_over() || !super::ways(r).is_empty())
    }

    /// How many of the runs here wait for the person who sits here.
    pub fn waiting_runs(&self) -> usize {
        self.runs
            .iter()
            .filter(|r| r.is_live() && r.run.waits_for_operator())
            .count()
    }

    /// What waits for the person here and is not on screen, in one line, in full and in short; none where nothing does.
    /// Where the first one stands comes before what it is: that may be cut.
    pub fn waiting_line(&self) -> Option<[String; 2]> {
        let on_screen = |r: &RunEntry| {
            let is_it = |l: &Layer| matches!(l, Layer::Runbook(view) if view.run == r.number);
            self.layers.iter().any(is_it)
        };
        let waiting: Vec<&RunEntry> = self
            .under_way()
            .into_iter()
            .filter(|r| r.run.waits_for_operator() && !on_screen(r))
            .collect();
        let first = waiting.first()?;
        let stopped = if *first.run.phase() == Phase::Stopped {
            ", stopped"
        } else {
            ""
        };
        let subject = Some(first.run.subject().name()).filter(|s| !s.is_empty());
        let on = subject.map(|s| format!(", on {s}")).unwrap_or_default();
        let what = format!("{}{stopped}: {}{on}", first.at(), first.run.book().title);
        Some(match waiting.len() {
            1 => [
                format!("1 runbook waits for you: at {what}"),
                format!("a runbook waits: {what}"),
            ],
            n => [
                format!("{n} runbooks wait for you: first at {what}"),
                format!("{n} runbooks wait: first {what}"),
            ],
        })
    }
}
