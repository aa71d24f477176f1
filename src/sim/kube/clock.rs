//! The scenario clock: what the server and the controllers take for the time.

use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, PoisonError};

/// A clock that many share. Cloning gives another handle on the same clock.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Mutex<Kind>>);

#[derive(Debug)]
enum Kind {
    /// Showed `shown` at the real time `real`, and goes `pace` times as fast.
    Running {
        real: Timestamp,
        shown: Timestamp,
        pace: i32,
    },
    /// Stands still until told to advance.
    Manual(Timestamp),
}

impl Kind {
    fn from(shown: Timestamp, pace: i32) -> Self {
        Self::Running {
            real: Timestamp::now(),
            shown,
            pace,
        }
    }

    fn now(&self) -> Timestamp {
        match self {
            Self::Running { real, shown, pace } => {
                let since = Timestamp::now().duration_since(*real);
                let since = since.checked_mul(*pace).unwrap_or(since);
                shown.saturating_add(since).unwrap_or(Timestamp::MAX)
            }
            Self::Manual(at) => *at,
        }
    }
}

impl Clock {
    /// The machine's own time.
    pub fn real() -> Self {
        Self::starting_at(Timestamp::now())
    }

    /// A running clock that shows `start` now.
    pub fn starting_at(start: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Kind::from(start, 1))))
    }

    /// A clock that stands at `start`; [`Clock::advance`] moves it.
    pub fn manual(start: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Kind::Manual(start))))
    }

    /// From now on it runs `pace` times as fast as real time, from the time it shows.
    pub fn run(&self, pace: u32) {
        let mut kind = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *kind = Kind::from(kind.now(), i32::try_from(pace).unwrap_or(i32::MAX));
    }

    /// The time it shows.
    pub fn now(&self) -> Timestamp {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).now()
    }

    /// The time in whole seconds as Kubernetes writes it, `2026-11-21T10:50:07Z`.
    pub fn rfc3339(&self) -> String {
        rfc3339(self.now())
    }

    /// Moves the clock forward (a running clock too: it then runs ahead).
    pub fn advance(&self, by: SignedDuration) {
        let mut kind = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *kind {
            Kind::Running { shown: at, .. } | Kind::Manual(at) => {
                *at = at.saturating_add(by).unwrap_or(Timestamp::MAX);
            }
        }
    }
}

/// A time in whole seconds as Kubernetes writes `metav1.Time`.
pub fn rfc3339(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

/// A time in microseconds as Kubernetes writes `metav1.MicroTime`.
pub fn rfc3339_micro(at: Timestamp) -> String {
    format!("{at:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_kubernetes_writes_them() {
        let at: Timestamp = "2026-11-21T10:50:07.25Z".parse().unwrap();
        assert_eq!(rfc3339(at), "2026-11-21T10:50:07Z");
        assert_eq!(rfc3339_micro(at), "2026-11-21T10:50:07.250000Z");
        let clock = Clock::manual(at);
        clock.advance(SignedDuration::from_secs(3));
        assert_eq!(clock.rfc3339(), "2026-11-21T10:50:10Z");
    }
}
