//! One object opened: what it is, in what state, what happened to it.

use crate::app::doc::Scroll;
use crate::model::{Kind, ObjectRef};

#[derive(Clone, Debug)]
pub struct Detail {
    pub object: ObjectRef,
    pub scroll: Scroll,
    /// Opened by "events": they stand first.
    pub events_first: bool,
}

impl Detail {
    pub fn new(object: ObjectRef, events_first: bool) -> Self {
        Self {
            object,
            scroll: Scroll {
                wrap: true,
                ..Scroll::default()
            },
            events_first,
        }
    }

    pub fn is_pod(&self) -> bool {
        self.object.kind == Kind::Pod
    }
}
