//! What changed in the store since a controller last looked.
//!
//! Changes of one object between two looks are folded into one, so the queue never holds more than one entry an object
//! and nothing is lost.

use super::object::Object;
use super::resources::Resource;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// How an object changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Added,
    /// It differs.
    Modified,
    /// It is gone.
    Deleted,
}

/// One object's change since the last look.
#[derive(Clone, Debug)]
pub struct ChangeEvent {
    /// Its kind.
    pub resource: &'static Resource,
    /// What happened, folded: an object made and changed is `Added`.
    pub change: Change,
    /// The object now, or as it was last when deleted.
    pub object: Arc<Object>,
    /// The object at the last look; `None` when it is new.
    pub old: Option<Arc<Object>>,
}

#[derive(Debug, Default)]
struct Queue {
    order: VecDeque<Box<str>>,
    events: HashMap<Box<str>, ChangeEvent>,
}

#[derive(Debug, Default)]
pub(crate) struct Shared {
    queue: Mutex<Queue>,
    wake: Notify,
}

/// The reader's end. Dropping it ends the subscription.
#[derive(Debug)]
pub struct Changes(pub(crate) Arc<Shared>);

impl Changes {
    /// Takes everything that changed, in the order in which it first changed. Never waits.
    pub fn take(&self) -> Vec<ChangeEvent> {
        let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let order = std::mem::take(&mut queue.order);
        let mut events = std::mem::take(&mut queue.events);
        order.into_iter().filter_map(|uid| events.remove(&uid)).collect()
    }

    /// Takes the first change, if any. Never waits.
    pub fn next_now(&self) -> Option<ChangeEvent> {
        let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let uid = queue.order.pop_front()?;
            if let Some(event) = queue.events.remove(&uid) {
                return Some(event);
            }
        }
    }

    /// Nothing to take at present.
    pub fn is_empty(&self) -> bool {
        self.0
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .events
            .is_empty()
    }

    /// Waits until there is something to take (cancel-safe).
    pub async fn changed(&self) {
        loop {
            let woken = self.0.wake.notified();
            if !self.is_empty() {
                return;
            }
            woken.await;
        }
    }
}

impl Shared {
    /// Adds a change, folding it into one of the same object (the same uid) that is not yet taken.
    pub(crate) fn push(&self, event: ChangeEvent) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let uid = event.object.meta.uid.clone();
        let folded = match queue.events.remove(&uid) {
            None => {
                queue.order.push_back(uid.clone());
                Some(event)
            }
            Some(before) => match (before.change, event.change) {
                // Made and removed between two looks: the reader still hears of it, as its owner may count it.
                (Change::Added, Change::Modified) => Some(ChangeEvent {
                    change: Change::Added,
                    old: None,
                    ..event
                }),
                _ => Some(ChangeEvent {
                    old: before.old,
                    ..event
                }),
            },
        };
        if let Some(event) = folded {
            queue.events.insert(uid, event);
        }
        drop(queue);
        self.wake.notify_one();
    }
}
