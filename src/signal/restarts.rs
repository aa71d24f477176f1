//! How often a pod restarted lately. The status only counts; what lies between two looks is remembered here.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use super::finding::Look;
use crate::model::{ContainerState, Pod};

/// Kills for want of memory that are remembered.
const KILLS: usize = 8;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Restarts {
    /// The count when the window began, as far as is known.
    base: u32,
    /// Counts within the window: when it was reached, and what it was.
    seen: VecDeque<(Timestamp, u32)>,
    kills: VecDeque<Timestamp>,
}

impl Restarts {
    /// Takes in the pod's present status.
    pub fn note(&mut self, pod: &Pod, look: &Look<'_>) {
        let begin = look.ago(look.thresholds.restarts_window);
        let last = self.seen.back().map_or(self.base, |(_, n)| *n);
        if self.base == 0 && self.seen.is_empty() {
            // Seen for the first time. All restarts of a young pod are recent; of an old one only the last is dated.
            self.base = if pod.meta.created >= begin {
                0
            } else {
                pod.restarts.saturating_sub(1)
            };
        }
        if pod.restarts > last || self.seen.is_empty() {
            self.seen
                .push_back((pod.last_restart.unwrap_or(look.now), pod.restarts));
        }
        while let Some((at, n)) = self.seen.front().copied() {
            if at >= begin {
                break;
            }
            self.base = n;
            self.seen.pop_front();
        }
        if let Some(at) = killed_for_memory(pod)
            && self.kills.back() != Some(&at)
        {
            self.kills.push_back(at);
            if self.kills.len() > KILLS {
                self.kills.pop_front();
            }
        }
    }

    /// Restarts within the window.
    pub fn within(&self) -> u32 {
        self.seen.back().map_or(0, |(_, n)| n.saturating_sub(self.base))
    }

    /// The first of them.
    pub fn first(&self) -> Option<Timestamp> {
        self.seen.front().map(|(at, _)| *at)
    }

    /// Whether two kills in a row lie within `window`.
    pub fn killed_twice(&self, window: SignedDuration) -> bool {
        self.kills
            .iter()
            .zip(self.kills.iter().skip(1))
            .any(|(a, b)| b.duration_since(*a) <= window)
    }
}

/// When a container of the pod was last killed for want of memory.
pub(super) fn killed_for_memory(pod: &Pod) -> Option<Timestamp> {
    pod.containers
        .iter()
        .flat_map(|c| {
            let now = match &c.state {
                ContainerState::Terminated(end) => Some(end),
                _ => None,
            };
            now.into_iter().chain(c.last.as_ref())
        })
        .filter(|end| &*end.reason == "OOMKilled")
        .filter_map(|end| end.finished)
        .max()
}
