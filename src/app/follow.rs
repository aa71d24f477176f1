//! What this console tells of itself, and following another: pane, table, selection and what is opened are mirrored by
//! identity and drawn from our own data, so an observer never sees what their own rights do not show.

use super::layers::{Detail, FollowedView, ItemView, PlanState};
use super::msg::Effect;
use super::{Access, App, Asking, Focus, Layer};
use crate::journal::spool::{
    Looks, Me, ObjectSeen, Opened, PlanSeen, Presence, Role, RunSeen, Seat, StepMark, StepSeen,
};
use crate::model::{Kind, ObjectRef};
use crate::panes::PANES;
use crate::runbook::engine::{Status, StepState, left_words};
use crate::runbook::view;
use jiff::Timestamp;

/// Whose screen is mirrored.
#[derive(Clone, Debug, PartialEq)]
pub struct Following {
    pub uid: u32,
    pub session: String,
    /// For the badge.
    pub name: String,
    /// What was mirrored last.
    looks: Option<Looks>,
    /// Their selected row was not in our table yet.
    missing: bool,
    /// Why nothing is mirrored: they are somewhere else.
    pub apart: Option<String>,
}

/// Keys that do not end following: they look at something beside, or leave.
const STAYS: [&str; 16] = [
    "app.help",
    "app.palette",
    "app.quit",
    "app.repaint",
    "app.suspend",
    "company.",
    "feed.",
    "follow.",
    "help.",
    "incident.",
    "palette.",
    "question.",
    "report.",
    "text.",
    "timeline.",
    "view.",
];

impl App {
    /// What others may know of this console: no value, payload, literal or secret is in it.
    pub fn presence(&self, me: &Me, since: Timestamp) -> Presence {
        let observes = matches!(self.access, Access::ReadOnly { .. });
        Presence {
            v: 1,
            name: me.person.name.clone(),
            session: me.session.clone(),
            since,
            role: if observes { Role::Observer } else { Role::Operator },
            following: self.bastion.following.as_ref().map(|f| f.session.clone()),
            seat: self.place().map(|p| Seat {
                context: p.context.clone(),
                server: p.server.clone(),
                scope: p.scope.label(),
            }),
            // An observer is seen to be here, not what they look at.
            looks: (!observes).then(|| self.looks()),
            deeds: self.own_deeds(),
        }
    }

    fn looks(&self) -> Looks {
        let selected = self.list(self.pane).selected();
        Looks {
            pane: self.active_pane().context.to_owned(),
            view: self.views.get(self.pane.index()).copied().unwrap_or(0) as u16,
            zoomed: self.zoomed,
            selected: selected.map(|row| row.uid().to_string()),
            opened: self.layers.iter().rev().find_map(opened),
            run: self.run_seen(),
            plan: self.layers.iter().rev().find_map(plan_seen),
            incident: self.incident_seen(),
        }
    }

    /// The open incident in a line, for those whose console cannot read the record.
    fn incident_seen(&self) -> Option<String> {
        let i = self.incident()?;
        let next = i
            .next_update
            .map_or_else(String::new, |at| format!(", next update {}", at.strftime("%H:%MZ")));
        Some(format!(
            "{} {} since {}, commander {}{next}",
            i.level.name,
            i.title(),
            i.started.strftime("%H:%MZ"),
            i.commander
        ))
    }

    /// The run that is on screen, else the newest that goes on.
    fn run_seen(&self) -> Option<RunSeen> {
        let open = self.layers.iter().rev().find_map(|l| match l {
            Layer::Runbook(view) => Some(view.run),
            _ => None,
        });
        let entry = match open {
            Some(number) => self.runs.iter().find(|r| r.number == number)?,
            None => self.runs.iter().rev().find(|r| r.is_live())?,
        };
        let seen = view::of(&entry.run, self.now);
        Some(RunSeen {
            title: seen.title,
            subject: seen.subject,
            run: seen.run,
            started: seen.started,
            steps: seen
                .steps
                .iter()
                .map(|s| StepSeen {
                    title: s.title.clone(),
                    state: if s.current { StepMark::Current } else { mark(&s.state) },
                })
                .collect(),
            at: entry.run.current(),
            ended: match &seen.status {
                Status::Active => String::new(),
                Status::RollingBack => "taking back".to_owned(),
                Status::Completed => "completed".to_owned(),
                Status::RolledBack => "rolled back".to_owned(),
                Status::ChangesLeft(n) => left_words(*n),
                Status::Aborted(why) => format!("aborted: {why}"),
                Status::HandedOver(to) => format!("handed over to {to}"),
            },
            waiting: match self.waits_until(entry) {
                Some(until) if !seen.waiting.is_empty() => {
                    format!("{}, at most until {}", seen.waiting, until.strftime("%H:%MZ"))
                }
                _ => seen.waiting,
            },
        })
    }

    /// Follows the console of that session.
    pub(crate) fn follow(&mut self, uid: u32, session: &str) -> Vec<Effect> {
        let target = self
            .operators()
            .into_iter()
            .find(|p| p.by().uid == uid && p.id() == session)
            .map(|p| p.by().clone());
        let Some(person) = target else {
            return self.complain("they have left");
        };
        self.bastion.following = Some(Following {
            uid,
            session: session.to_owned(),
            name: crate::text::clean(&person.name).into_owned(),
            looks: None,
            missing: false,
            apart: None,
        });
        let mut effects = self.pop_layers();
        effects.extend(self.mirror());
        effects
    }

    /// Ends following, when `command` is the observer's own way.
    pub(crate) fn strays(&mut self, command: &str) {
        if self.bastion.following.is_none() || STAYS.iter().any(|s| command.starts_with(s)) {
            return;
        }
        self.stop_following();
    }

    pub(crate) fn stop_following(&mut self) {
        if let Some(f) = self.bastion.following.take() {
            self.layers.retain(|l| !matches!(l, Layer::Followed(_)));
            let key = self.keys_for("follow.start");
            self.say(format!("no longer following {}; {key} follows again", f.name));
        }
    }

    /// Shows what the followed console shows, from our own data.
    pub(super) fn mirror(&mut self) -> Vec<Effect> {
        let Some(mut following) = self.bastion.following.take() else {
            return Vec::new();
        };
        let found = self
            .operators()
            .into_iter()
            .find(|p| p.by().uid == following.uid && p.id() == following.session)
            .map(|p| p.what().clone());
        let Some(theirs) = found else {
            self.layers.retain(|l| !matches!(l, Layer::Followed(_)));
            return self.say(format!("{} has left", following.name));
        };
        // What the observer opened for themselves stays until it is closed.
        let busy = matches!(
            self.layers.last(),
            Some(Layer::Help(_) | Layer::Palette(_) | Layer::Question(_) | Layer::Company(_) | Layer::Prompt(_))
        );
        let mut effects = Vec::new();
        following.apart = self.apart(&theirs);
        if busy || following.looks == theirs.looks && !following.missing {
            // Nothing new.
        } else if let (Some(looks), None) = (&theirs.looks, &following.apart) {
            let again = following.looks.as_ref().is_some_and(|old| same_place(old, looks));
            following.missing = !self.show(looks, again, &mut effects);
            following.looks = Some(looks.clone());
            self.dirty = true;
        }
        self.bastion.following = Some(following);
        effects
    }

    /// Why their screen cannot be mirrored here.
    fn apart(&self, theirs: &Presence) -> Option<String> {
        let seat = theirs.seat.as_ref()?;
        let here = self.place()?;
        let same = here.context == seat.context || !here.server.is_empty() && here.server == seat.server;
        (!same).then(|| {
            let key = self.keys_for("context.pick");
            format!("is on {}, you are on {}: {key} changes", seat.context, here.context)
        })
    }

    /// Takes over pane, table, selection and what is opened; `again`: only what may have changed within. False when the
    /// selected row is not here (yet).
    fn show(&mut self, looks: &Looks, again: bool, effects: &mut Vec<Effect>) -> bool {
        let Some(pane) = PANES.iter().find(|p| p.context == looks.pane) else {
            return true;
        };
        let view = usize::from(looks.view).min(pane.views.len().saturating_sub(1));
        if !again {
            effects.extend(self.pop_layers());
            self.focus = Focus::Pane;
            self.pane = pane.id;
            self.zoomed = looks.zoomed;
            if self.views.get(pane.id.index()) != Some(&view) {
                if let Some(slot) = self.views.get_mut(pane.id.index()) {
                    *slot = view;
                }
                self.list_mut().clear();
            }
            self.refresh_pane();
        }
        let now = self.now;
        let selected = match &looks.selected {
            Some(uid) if self.list(self.pane).selected().is_none_or(|r| **r.uid() != **uid) => {
                self.list_mut().select(uid, now)
            }
            _ => true,
        };
        if !again && let Some(layer) = self.mirrored(looks) {
            self.layers.push(layer);
        }
        selected
    }

    fn mirrored(&self, looks: &Looks) -> Option<Layer> {
        let opened = looks.opened.as_ref();
        match opened.map(|o| o.what.as_str()) {
            Some("runbook") => Some(Layer::Followed(FollowedView::default())),
            Some("item") => {
                let row = self.list(self.pane).selected()?;
                Some(Layer::Item(ItemView::new(self.pane, row.item()?.what.clone())))
            }
            Some(_) => {
                let object = object(opened?.object.as_ref()?)?;
                Some(Layer::Detail(Detail::new(object, false)))
            }
            None => None,
        }
    }

    /// What the followed console says of itself.
    pub fn followed(&self) -> Option<&Presence> {
        let f = self.bastion.following.as_ref()?;
        self.bastion
            .present()
            .iter()
            .find(|p| p.by().uid == f.uid && p.id() == f.session)
            .map(crate::journal::spool::Seen::what)
    }
}

/// The same pane with the same thing over it: only the selection may differ.
fn same_place(a: &Looks, b: &Looks) -> bool {
    (&a.pane, a.view, a.zoomed, &a.opened) == (&b.pane, b.view, b.zoomed, &b.opened)
        // An item follows the selection.
        && (a.selected == b.selected || b.opened.as_ref().is_none_or(|o| o.what != "item"))
}

fn seen(object: &ObjectRef) -> ObjectSeen {
    ObjectSeen {
        kind: object.kind.api().to_owned(),
        namespace: object.namespace.to_string(),
        name: object.name.to_string(),
        uid: object.uid.to_string(),
    }
}

fn object(seen: &ObjectSeen) -> Option<ObjectRef> {
    Some(ObjectRef {
        kind: Kind::from_api(&seen.kind)?,
        namespace: seen.namespace.as_str().into(),
        name: seen.name.as_str().into(),
        uid: seen.uid.as_str().into(),
    })
}

fn opened(layer: &Layer) -> Option<Opened> {
    let (what, object) = match layer {
        Layer::Detail(d) => ("detail", Some(&d.object)),
        Layer::Item(_) => ("item", None),
        Layer::Text(t) => ("text", t.object.as_ref()),
        Layer::Logs(_) => ("logs", None),
        Layer::History(h) => ("revisions", Some(&h.object)),
        Layer::Runbook(_) => ("runbook", None),
        Layer::Activity(_) => ("activity", None),
        _ => return None,
    };
    Some(Opened {
        what: what.to_owned(),
        object: object.map(seen),
    })
}

fn plan_seen(layer: &Layer) -> Option<PlanSeen> {
    let Layer::Plan(layer) = layer else { return None };
    let (title, state) = match (&layer.state, &layer.asking) {
        (PlanState::Planning, _) => (layer.request.name().to_owned(), "is being made"),
        (PlanState::Refused(_), _) => (layer.request.name().to_owned(), "is not possible"),
        (PlanState::Ready(p), Asking::Asked(_)) => (p.title.clone(), "waits for a second person"),
        (PlanState::Ready(p), Asking::Refused(_)) => (p.title.clone(), "was refused by a second person"),
        (PlanState::Ready(p), _) if p.blocked().is_some() => (p.title.clone(), "is held up by a check"),
        (PlanState::Ready(p), _) if p.no_op.is_some() => (p.title.clone(), "would change nothing"),
        (PlanState::Ready(p), _) => (p.title.clone(), "is to be confirmed"),
    };
    Some(PlanSeen {
        title,
        state: state.to_owned(),
    })
}

const fn mark(state: &StepState) -> StepMark {
    match state {
        StepState::Todo => StepMark::Todo,
        StepState::Current => StepMark::Current,
        StepState::Passed(_) => StepMark::Passed,
        StepState::Failed(_) => StepMark::Failed,
        StepState::Skipped(_) => StepMark::Skipped,
        StepState::Unknown(_) => StepMark::Unknown,
    }
}
