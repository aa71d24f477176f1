//! What there is to do: a queue without duplicates, and a heap of times at which to look again.

use super::Work;
use jiff::Timestamp;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};

/// Work that is due now, each piece once, in the order in which it was first asked for.
#[derive(Debug, Default)]
pub(super) struct Queue {
    order: VecDeque<Work>,
    waiting: HashSet<Work>,
}

impl Queue {
    pub fn push(&mut self, work: Work) {
        if self.waiting.insert(work.clone()) {
            self.order.push_back(work);
        }
    }

    pub fn pop(&mut self) -> Option<Work> {
        let work = self.order.pop_front()?;
        self.waiting.remove(&work);
        Some(work)
    }
}

/// Work that is due later. Of one piece of work only the earliest time is kept: who does it sets the next.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Timestamp, Work)>>,
    earliest: HashMap<Work, Timestamp>,
}

impl Timers {
    pub fn set(&mut self, at: Timestamp, work: Work) {
        if self.earliest.get(&work).is_some_and(|known| *known <= at) {
            return;
        }
        self.earliest.insert(work.clone(), at);
        self.heap.push(Reverse((at, work)));
    }

    /// The next piece of work that is due at or before `now`.
    pub fn due(&mut self, now: Timestamp) -> Option<Work> {
        self.drop_stale();
        if self.heap.peek()?.0.0 > now {
            return None;
        }
        let Reverse((_, work)) = self.heap.pop()?;
        self.earliest.remove(&work);
        Some(work)
    }

    /// When there is something to do next.
    pub fn next(&mut self) -> Option<Timestamp> {
        self.drop_stale();
        self.heap.peek().map(|r| r.0.0)
    }

    fn drop_stale(&mut self) {
        while let Some(Reverse((at, work))) = self.heap.peek() {
            if self.earliest.get(work) == Some(at) {
                return;
            }
            self.heap.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::world::Key;

    #[test]
    fn the_earliest_time_of_a_piece_of_work_wins_and_fires_once() {
        let at = |s: i64| Timestamp::from_second(s).unwrap();
        let work = Work::Pod(Key::new("n", "p"));
        let mut timers = Timers::default();
        timers.set(at(20), work.clone());
        timers.set(at(10), work.clone());
        timers.set(at(30), work.clone());
        assert_eq!(timers.next(), Some(at(10)));
        assert_eq!(timers.due(at(9)), None);
        assert_eq!(timers.due(at(40)), Some(work));
        assert_eq!(timers.due(at(40)), None);
    }
}
