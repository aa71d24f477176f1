//! How far the terminal at the other end of a slow link has come.
//!
//! What we wrote is not what is seen: sshd, the network and a proxy hold it, many seconds of it on a bad link, and frames
//! that queue there are old when they are shown. So after each frame the terminal is asked for its status (DSR, `CSI 5 n`),
//! which it answers (`CSI 0 n`) when it has come to that place. Until then no data is drawn, and keys only while little is
//! on its way. A terminal that never answers is taken as one that cannot: nothing is held back for it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The question, after each frame.
pub const ASK: &[u8] = b"\x1b[5n";

/// While no more than this is on its way, what a key did is drawn at once.
const LITTLE: u64 = 1024;

/// As long as data waits for the first answer of all.
const FIRST: Duration = Duration::from_secs(3);

/// An answer that has not come by then was lost.
const LOST: Duration = Duration::from_secs(30);

/// Frames on their way.
#[derive(Debug, Default)]
pub struct Flow {
    /// Whether the terminal has ever answered.
    answers: bool,
    /// When the first question was asked.
    first: Option<Instant>,
    /// Bytes and time of each frame that was not answered.
    waiting: VecDeque<(u64, Instant)>,
}

impl Flow {
    /// A frame with the question went out.
    pub fn sent(&mut self, bytes: u64, now: Instant) {
        self.first.get_or_insert(now);
        self.waiting.push_back((bytes, now));
        // Whoever never answers is not counted up for ever.
        if !self.answers && self.waiting.len() > 64 {
            self.waiting.pop_front();
        }
    }

    /// The terminal answered the oldest question.
    pub fn answered(&mut self) {
        self.answers = true;
        self.waiting.pop_front();
    }

    /// Whether a frame may go out now; `urgent`: it shows what a key did.
    pub fn is_free(&mut self, urgent: bool, now: Instant) -> bool {
        let oldest = self.waiting.front().map(|(_, at)| *at);
        if self.answers && oldest.is_some_and(|at| now.saturating_duration_since(at) >= LOST) {
            self.waiting.clear();
        }
        if !self.answers {
            let asked = self.first.map(|at| now.saturating_duration_since(at));
            return urgent || asked.is_none_or(|d| d >= FIRST);
        }
        let on_its_way: u64 = self.waiting.iter().map(|(bytes, _)| bytes).sum();
        self.waiting.is_empty() || urgent && on_its_way <= LITTLE
    }

    /// When [`Flow::is_free`] turns true although nothing is answered.
    pub fn deadline(&self) -> Option<Instant> {
        match (self.answers, self.waiting.front()) {
            (true, Some((_, at))) => Some(*at + LOST),
            (false, Some(_)) => self.first.map(|at| at + FIRST),
            _ => None,
        }
    }

    /// Whether an answer may still come: it must not reach another program on this terminal.
    pub fn expects(&self) -> bool {
        self.answers && !self.waiting.is_empty()
    }

    /// Something else had the terminal: what it was asked before does not count.
    pub fn forget(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_waits_for_the_answer_and_a_key_only_behind_much() {
        let now = Instant::now();
        let mut flow = Flow::default();
        assert!(flow.is_free(false, now));
        flow.sent(5000, now);
        assert!(!flow.is_free(false, now) && flow.is_free(true, now), "not known yet");
        flow.answered();
        assert!(flow.is_free(false, now));
        flow.sent(300, now);
        assert!(!flow.is_free(false, now) && flow.is_free(true, now));
        flow.sent(900, now);
        assert!(!flow.is_free(true, now), "1200 bytes are on their way");
        flow.answered();
        assert!(flow.is_free(true, now) && !flow.is_free(false, now));
        assert!(flow.expects());
        assert!(flow.is_free(false, now + LOST), "an answer was lost");
        assert!(!flow.expects());
    }

    #[test]
    fn for_a_terminal_that_never_answers_nothing_is_held_back() {
        let now = Instant::now();
        let mut flow = Flow::default();
        flow.sent(5000, now);
        assert_eq!(flow.deadline(), Some(now + FIRST));
        let later = now + FIRST;
        for _ in 0..1000 {
            assert!(flow.is_free(false, later));
            flow.sent(5000, later);
        }
        assert!(!flow.expects() && flow.waiting.len() <= 64);
    }
}
