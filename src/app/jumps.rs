//! What is related to what is at hand, and going there: pod → rollout → autoscaler, query → blocker, queue → workers,
//! certificate → ingress, alert → its subject.

mod behind;
mod items;
mod objects;
mod served;

use super::layers::{Detail, ItemView};
use super::msg::{Effect, LogQuery, LogTarget};
use super::{App, Focus, ItemRef, Layer, subjects};
use crate::model::{Kind, ObjectRef, Str};
use crate::panes::{self, PaneId, View};
use crate::signal;

/// No menu is longer.
const MOST: usize = 24;

/// Somewhere to go.
#[derive(Clone, Debug, PartialEq)]
pub enum Jump {
    /// Its row, or where no pane has it, its detail.
    Object(ObjectRef),
    /// What happened to it.
    Events(ObjectRef),
    /// The pods that a filter lets through.
    Pods(String),
    /// A row of a source.
    Item(PaneId, ItemRef),
    Logs(ObjectRef),
}

/// A place to go, with the words for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Related {
    /// What it is to where one is: `rollout`, `blocked by`.
    pub role: &'static str,
    pub name: String,
    pub to: Jump,
}

fn related(role: &'static str, name: impl Into<String>, to: Jump) -> Related {
    Related {
        role,
        name: name.into(),
        to,
    }
}

/// An object that one can go to, named with its kind.
fn to_object(role: &'static str, to: ObjectRef) -> Related {
    related(role, to.slash(), Jump::Object(to))
}

fn to_queue(source: &Str, queue: &Str) -> Related {
    let item = ItemRef::Queue {
        source: source.clone(),
        queue: queue.clone(),
    };
    related("queue", queue.to_string(), Jump::Item(PaneId::Queues, item))
}

impl App {
    /// Everything related to what the keys mean now, the nearest first.
    pub fn related(&self) -> Vec<Related> {
        let mut out = match (self.item_at_hand(), self.subject()) {
            (Some(ItemRef::Object(_)) | None, Some(object)) => self.of_object(&object),
            (Some(item), _) => self.of_item(item),
            (None, None) => self.of_strip(),
        };
        out.truncate(MOST);
        out
    }

    fn of_strip(&self) -> Vec<Related> {
        let Some(signal) = self.strip.current(&self.judge).filter(|_| self.focus == Focus::Strip) else {
            return Vec::new();
        };
        let mut out = Vec::new();
        if let signal::Subject::Named { kind, namespace, name } = &signal.subject
            && let Some((pane, item)) = crate::runbook::facts::About::named(&self.world, kind, namespace, name)
                .and_then(|about| subjects::item(&self.world, &about))
        {
            out.push(related("subject", name.to_string(), Jump::Item(pane, item)));
        }
        let others = signal.related.iter();
        out.extend(others.map(|o| related(o.kind.short(), o.key().to_string(), Jump::Object(o.clone()))));
        out
    }

    /// Goes there; one can come back.
    pub(crate) fn jump(&mut self, to: Jump) -> Vec<Effect> {
        self.leave_a_trail();
        let filters = self.filters();
        let effects = self.go(to);
        self.lent_since(filters);
        effects
    }

    fn go(&mut self, to: Jump) -> Vec<Effect> {
        match to {
            Jump::Object(object) => self.show_object(&object),
            Jump::Events(object) => {
                self.layers.push(Layer::Detail(Detail::new(object, true)));
                Vec::new()
            }
            Jump::Pods(filter) => {
                let effects = self.pop_layers();
                self.go_to_pane(PaneId::Pods, 0);
                let list = self.list_mut();
                list.filter = filter;
                list.wrong_only = false;
                list.release();
                self.refresh_pane();
                effects
            }
            Jump::Item(pane, item) => self.show_item(pane, item),
            Jump::Logs(object) => {
                let target = match object.kind {
                    Kind::Pod => LogTarget::Pod(object.clone()),
                    _ => LogTarget::Labels {
                        namespace: object.namespace.clone(),
                        // The label that every server writes; `batch.kubernetes.io/job-name` came with 1.27.
                        selector: format!("job-name={}", object.name),
                    },
                };
                let query = LogQuery {
                    target,
                    container: None,
                    previous: false,
                    tail: 200,
                };
                super::commands::open_logs(self, object.to_string(), query)
            }
        }
    }

    /// Goes to the object: selects it in its pane, or opens its detail where no pane has it.
    pub(crate) fn show_object(&mut self, object: &ObjectRef) -> Vec<Effect> {
        let (pane, view) = match object.kind {
            Kind::Pod => (PaneId::Pods, 0),
            Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet => (PaneId::Rollouts, 0),
            _ => {
                self.layers.push(Layer::Detail(Detail::new(object.clone(), false)));
                return Vec::new();
            }
        };
        let effects = self.pop_layers();
        self.go_to_pane(pane, view);
        let now = self.now;
        if !self.list_mut().select(&object.uid, now) {
            self.show_everything();
            self.list_mut().select(&object.uid, now);
        }
        effects
    }

    /// Goes to the row of a source's thing; opens it where no table has it.
    fn show_item(&mut self, pane: PaneId, item: ItemRef) -> Vec<Effect> {
        let here = panes::pane(pane);
        let uid_in = |app: &Self, view: Option<&View>| {
            let rows = view.map_or_else(|| (here.rows)(app), |v| (v.rows)(app));
            let found = rows
                .iter()
                .find(|r| r.item().is_some_and(|i| same_thing(&i.what, &item)));
            found.map(|r| r.uid().clone())
        };
        let now_shown = self.views.get(pane.index()).copied().unwrap_or(0);
        let mut views: Vec<usize> = (0..here.views.len().max(1)).collect();
        views.sort_by_key(|v| *v != now_shown);
        let found = views
            .into_iter()
            .find_map(|v| Some((v, uid_in(self, here.views.get(v))?)));
        let effects = self.pop_layers();
        let Some((view, uid)) = found else {
            self.pane = pane;
            self.layers.push(Layer::Item(ItemView::new(pane, item)));
            return effects;
        };
        self.go_to_pane(pane, view);
        let now = self.now;
        if !self.list_mut().select(&uid, now) {
            self.show_everything();
            self.list_mut().select(&uid, now);
        }
        effects
    }

    fn show_everything(&mut self) {
        let list = self.list_mut();
        list.filter.clear();
        list.wrong_only = false;
        list.release();
        self.refresh_pane();
    }
}

/// A session that one table knows by its start and another does not is the same while its pid is.
fn same_thing(one: &ItemRef, other: &ItemRef) -> bool {
    let session = |item: &ItemRef| match item {
        ItemRef::Session { source, pid, .. } => Some((source.clone(), *pid)),
        _ => None,
    };
    one == other || session(one).is_some_and(|known| session(other) == Some(known))
}
