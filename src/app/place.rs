//! Where the console is: what is on screen belongs to one place, and goes with it.

use super::msg::{Connection, Effect};
use super::{App, Focus, Layer, Strip};
use crate::action::Class;
use crate::model::{FeedId, Freshness, Key, Kind, Place, Scope, SourceId, World};

impl App {
    pub fn place(&self) -> Option<&Place> {
        match &self.connection {
            Connection::Connecting { place, .. }
            | Connection::Connected { place, .. }
            | Connection::NeedsLogin { place, .. } => Some(place),
            Connection::Failed { place, .. } => place.as_ref(),
            Connection::Starting | Connection::Missing { .. } => None,
        }
    }

    pub fn class(&self) -> Option<Class> {
        match &self.connection {
            Connection::Connecting { class, .. } | Connection::Connected { class, .. } => Some(*class),
            _ => None,
        }
    }

    /// Rows of several namespaces are on screen: tables show which.
    pub fn many_namespaces(&self) -> bool {
        match self.place().map(|p| &p.scope) {
            Some(Scope::Namespaces(list)) => list.len() > 1,
            Some(Scope::All) | None => true,
        }
    }

    /// Namespaces were listed, and it is not among them.
    pub fn lacks_namespace(&self, name: &str) -> bool {
        *self.world.feed(FeedId::Watch(Kind::Namespace)) == Freshness::Fresh
            // Every cluster has some: where none is seen, they are not listed.
            && !self.world.namespaces.is_empty()
            && !self.world.namespaces.contains_key(&Key::new("", name))
    }

    /// Of the namespaces that are looked at, one that is not there.
    pub fn absent_namespace(&self) -> Option<&str> {
        let Some(Scope::Namespaces(names)) = self.place().map(|p| &p.scope) else {
            return None;
        };
        names.iter().map(String::as_str).find(|n| self.lacks_namespace(n))
    }

    pub(super) fn connection_changed(&mut self, connection: Connection) -> Vec<Effect> {
        self.connection = connection;
        self.dirty = true;
        self.recount();
        let Some(place) = self.place().cloned() else {
            return Vec::new();
        };
        match self.home.replace(place.clone()) {
            Some(home) if home != place => self.leave(&place.context, home.is_same_cluster(&place)),
            _ => Vec::new(),
        }
    }

    /// Another context was chosen, with the sources of its platform. From now on nothing of the old one counts, whether
    /// or not the new one is ever reached.
    pub(super) fn leaving_for(&mut self, context: &str, sources: Vec<SourceId>) -> Vec<Effect> {
        self.sources = sources;
        self.connection = Connection::Starting;
        self.home = None;
        self.leave(context, false)
    }

    /// Another cluster or other namespaces: nothing of the old place may stay, marks and open layers included.
    fn leave(&mut self, context: &str, same_cluster: bool) -> Vec<Effect> {
        self.dirty = true;
        let mut effects = Vec::new();
        self.pending.clear();
        self.seat.reading = None;
        self.seat.pressed = None;
        for layer in std::mem::take(&mut self.layers) {
            match layer {
                Layer::Activity(_) | Layer::Help(_) => self.layers.push(layer),
                Layer::Logs(logs) => effects.push(Effect::CloseLogs(logs.token)),
                Layer::Plan(plan) => effects.extend(self.plan_closed(&plan)),
                _ => {}
            }
        }
        if !same_cluster {
            effects.extend(self.release_runs(context));
            // What was seen there is no history of what is seen here, and what is still being read there is nobody's.
            self.seat.observed.forget();
        }
        self.world = World::default();
        self.judge.forget();
        self.looked = false;
        self.readings_forgotten();
        self.strip = Strip::default();
        self.focus = Focus::Pane;
        self.forget_trail();
        for list in &mut self.lists {
            list.clear();
        }
        self.refresh(true);
        effects
    }
}
