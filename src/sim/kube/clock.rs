//! The scenario clock: what the server and the controllers take for the time.

use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, PoisonError};

/// A clock that many share. Cloning gives another handle on the same clock.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Mutex<Kind>>);

#[derive(Debug)]
enum Kind {
    /// Real time plus a fixed offset.
    Running(SignedDuration),
    /// Stands still until told to advance.
    Manual(Timestamp),
}

impl Clock {
    /// The machine's own time.
    pub fn real() -> Self {
        Self(Arc::new(Mutex::new(Kind::Running(SignedDuration::ZERO))))
    }

    /// A running clock that shows `start` now.
    pub fn starting_at(start: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Kind::Running(
            start.duration_since(Timestamp::now()),
        ))))
    }

    /// A clock that stands at `start`; [`Clock::advance`] moves it.
    pub fn manual(start: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Kind::Manual(start))))
    }

    /// From now on it runs with real time, from the time it shows.
    pub fn run(&self) {
        let mut kind = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Kind::Manual(at) = *kind {
            *kind = Kind::Running(at.duration_since(Timestamp::now()));
        }
    }

    /// The time it shows.
    pub fn now(&self) -> Timestamp {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Kind::Running(offset) => Timestamp::now().saturating_add(offset).unwrap_or(Timestamp::MAX),
            Kind::Manual(at) => at,
        }
    }

    /// The time in whole seconds as Kubernetes writes it, `2026-11-21T10:50:07Z`.
    pub fn rfc3339(&self) -> String {
        rfc3339(self.now())
    }

    /// Moves the clock forward (a running clock too: it then runs ahead).
    pub fn advance(&self, by: SignedDuration) {
        let mut kind = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *kind {
            Kind::Running(offset) => *offset = offset.saturating_add(by),
            Kind::Manual(at) => *at = at.saturating_add(by).unwrap_or(Timestamp::MAX),
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
