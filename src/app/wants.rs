//! What the feeds are asked for: what is on screen, and what the signals need.

use super::layers::PickerFor;
use super::{App, Effect, ItemRef, Layer, Wanted, subjects};
use crate::model::{FeedId, Freshness, Kind, SourceKind};
use crate::panes::{self, PANES, PaneId};

impl App {
    /// Feeds that are needed for what is on screen and for the signals.
    pub(super) fn needed(&self) -> Wanted {
        let mut wanted = Wanted::default();
        wanted.kinds.extend(crate::signal::KINDS);
        for pane in &PANES {
            if self.on_screen(pane.id) {
                wanted.kinds.extend(pane.wants);
                let asked = pane.id == PaneId::Pods && self.list(pane.id).compiled().asks_for_usage();
                wanted.metrics |= pane.metrics && (asked || panes::shows_usage(self));
                wanted.sources.extend(pane.sources);
            }
        }
        let view = self.views.get(PaneId::Queries.index()).copied().unwrap_or(0);
        wanted.tables = wanted.sources.contains(&SourceKind::Postgres) && panes::TABLE_VIEWS.contains(&view);
        for layer in &self.layers {
            match layer {
                Layer::Detail(d) => {
                    wanted.kinds.insert(Kind::Event);
                    wanted.metrics |= d.is_pod();
                }
                Layer::Item(i) => {
                    wanted.sources.extend(panes::pane(i.pane).sources);
                    if let ItemRef::Queue { source, queue } = &i.what {
                        wanted.queue = Some((source.clone(), queue.clone()));
                    }
                }
                Layer::Chart(view) => wanted.sources.extend(match &view.of {
                    ItemRef::Queue { .. } => Some(SourceKind::Queues),
                    ItemRef::Redis { .. } => Some(SourceKind::Redis),
                    ItemRef::HttpCheck { .. } => Some(SourceKind::Http),
                    ItemRef::Session { .. }
                    | ItemRef::Statement { .. }
                    | ItemRef::Table { .. }
                    | ItemRef::Index { .. } => Some(SourceKind::Postgres),
                    ItemRef::Object(_) => {
                        wanted.metrics = true;
                        None
                    }
                    _ => None,
                }),
                Layer::Runbook(view) => {
                    wanted.kinds.extend([Kind::Event, Kind::ControllerRevision]);
                    if let Some(entry) = self.runs.iter().find(|r| r.number == view.run) {
                        subjects::wants(entry.run.subject(), &mut wanted);
                    }
                }
                Layer::Picker(p) if p.purpose == PickerFor::Namespaces => {
                    wanted.kinds.insert(Kind::Namespace);
                }
                _ => {}
            }
        }
        // Where nothing at all is seen, it may be that there is no such namespace.
        let world = &self.world;
        let listed = *world.feed(FeedId::Watch(Kind::Pod)) == Freshness::Fresh;
        if listed && world.pods.is_empty() && world.workloads().next().is_none() {
            wanted.kinds.insert(Kind::Namespace);
        }
        // Nobody looks: what is polled is polled as for a pane that is shut, unless something is under way.
        let busy =
            self.runs.iter().any(super::RunEntry::is_live) || self.activities.iter().any(super::Activity::is_live);
        if !self.terminal_focused && !busy {
            wanted.sources.clear();
            wanted.tables = false;
            wanted.queue = None;
        }
        wanted
    }

    /// Whether the pane's rows are on screen now.
    pub fn on_screen(&self, id: PaneId) -> bool {
        if self.layers.iter().any(Layer::is_full) {
            return false;
        }
        id == self.pane || (!self.zoomed && self.shows_all_panes() && panes::on_deck(self).contains(&id))
    }

    /// Whether all panes fit on the deck beside each other, rather than one open and the others a line each.
    pub const fn shows_all_panes(&self) -> bool {
        self.size.0 >= 110 && self.size.1 >= 30
    }

    /// Tells the feeds what is needed, if that changed.
    pub(super) fn want(&mut self) -> Option<Effect> {
        let needed = self.needed();
        (needed != self.wanted).then(|| {
            self.wanted = needed.clone();
            Effect::Want(needed)
        })
    }
}
