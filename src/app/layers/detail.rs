//! One object opened: what it is, in what state, what happened to it.

use crate::app::doc::Scroll;
use crate::model::{Kind, ObjectRef};

#[derive(Clone, Debug)]
pub struct Detail {
    pub object: ObjectRef,
    pub scroll: Scroll,
    /// Opened by "events": scrolled to them at the first drawing.
    pub to_events: bool,
}

impl Detail {
    pub fn new(object: ObjectRef, to_events: bool) -> Self {
        Self {
            object,
            scroll: Scroll {
                wrap: true,
                ..Scroll::default()
            },
            to_events,
        }
    }

    pub fn is_pod(&self) -> bool {
        self.object.kind == Kind::Pod
    }
}
