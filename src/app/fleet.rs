//! The other platforms of the configuration, as far as they are looked at from here.

use jiff::Timestamp;

use super::{App, Effect};
use crate::action::Class;
use crate::signal::{Judge, Severity};

/// One other platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sister {
    /// As the configuration names it.
    pub name: String,
    pub class: Class,
    pub state: SisterState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SisterState {
    /// Not read yet.
    Looking,
    Seen {
        /// The worst signal in short; `None`: nothing calls for attention.
        worst: Option<(Severity, String)>,
        critical: usize,
        warning: usize,
    },
    /// It was looked at until then, and no longer answers: what was worst there may be over, or worse.
    Stale {
        worst: Option<(Severity, String)>,
        why: String,
        since: Timestamp,
    },
    /// It cannot be looked at, and since when.
    Lost { why: String, since: Timestamp },
}

impl SisterState {
    /// What the judge found. `now` by the server's clock.
    pub fn of(judge: &Judge, now: Timestamp) -> Self {
        let all = judge.signals();
        let count = |severity| all.iter().filter(|s| s.severity == severity).count();
        Self::Seen {
            worst: all.first().map(|s| (s.severity, s.short(now))),
            critical: count(Severity::Critical),
            warning: count(Severity::Warning),
        }
    }

    /// The same of a platform whose answers are of the past.
    pub fn stale(judge: &Judge, now: Timestamp, why: String, since: Timestamp) -> Self {
        let worst = judge.signals().first().map(|s| {
            let short = s.short(now);
            (s.severity, short.trim_end_matches(" (stale)").to_owned())
        });
        Self::Stale { worst, why, since }
    }

    /// In a few words, the worst first.
    pub fn words(&self) -> String {
        match self {
            Self::Looking => "looking".to_owned(),
            Self::Seen { worst: None, .. } => "Kubernetes is well, no more is looked at from here".to_owned(),
            Self::Seen {
                worst: Some((_, line)),
                critical,
                warning,
            } => match (critical + warning).saturating_sub(1) {
                0 => line.clone(),
                more => format!("{line} (+{more})"),
            },
            Self::Stale { worst, why, since } => {
                let since = since.strftime("%H:%MZ");
                match worst {
                    Some((_, line)) => format!("stale since {since}: {line}"),
                    None => format!("stale since {since}: {why}"),
                }
            }
            Self::Lost { why, .. } => format!("not reached: {why}"),
        }
    }
}

impl App {
    pub(super) fn fleet_changed(&mut self, sisters: Vec<Sister>) -> Vec<Effect> {
        if self.seat.fleet != sisters {
            self.seat.fleet = sisters;
            self.dirty = true;
            super::commands::fill_contexts(self);
        }
        Vec::new()
    }
}
