//! What is behind an Ingress or a Service. Neither is watched: they are read when somebody asks where to go, and the list
//! that is open takes what was found, or says why nothing is known.

use super::items::ingress;
use super::{Jump, MOST, Related, related};
use crate::app::layers::{Choice, Picker, PickerFor};
use crate::app::msg::{Effect, Fetch, Fetched, Token};
use crate::app::{App, ItemRef, Layer};
use crate::model::{Backend, BackendAsk, BackendFrom, Behind, Kind, ObjectRef, World};

/// So many places of an Ingress are named in a line.
const NAMED: usize = 2;

impl App {
    /// What has to be read to know what is related; `None` where all of it is watched.
    pub(crate) fn backend_ask(&self) -> Option<BackendAsk> {
        let of_object = |object: &ObjectRef| {
            let name = object.name.clone();
            let from = match object.kind {
                Kind::Ingress => BackendFrom::Ingress(name),
                Kind::Service => BackendFrom::Service(name),
                _ => return None,
            };
            let namespace = object.namespace.clone();
            Some(BackendAsk { namespace, from })
        };
        match self.item_at_hand() {
            Some(ItemRef::Certificate { source, id }) => {
                let all = self.world.sources.certificates.get(source)?.managed.last()?;
                let certificate = all.iter().find(|c| c.id == *id)?;
                Some(BackendAsk {
                    namespace: id.namespace.clone(),
                    from: BackendFrom::Secret(certificate.secret.clone()),
                })
            }
            Some(ItemRef::Endpoint { source, address }) => {
                let all = self.world.sources.certificates.get(source)?.served.last()?;
                let endpoint = all.iter().find(|e| e.address == *address)?;
                of_object(&ingress(&endpoint.from)?)
            }
            Some(ItemRef::Object(_)) | None => of_object(&self.subject()?),
            _ => None,
        }
    }

    /// Opens the list of what is related; what has to be read first comes into it later.
    pub(crate) fn open_related(&mut self) -> Vec<Effect> {
        let ask = self.backend_ask();
        let related = self.related();
        let token = ask.as_ref().map(|_| self.next_token());
        let purpose = PickerFor::Jump { to: Vec::new(), token };
        let mut picker = Picker::new("Go to what is related", purpose, Vec::new());
        offer(&mut picker, related);
        if ask.is_some() {
            "reading which Services stand behind it, and what they select".clone_into(&mut picker.note);
        }
        self.layers.push(Layer::Picker(picker));
        let fetch = |(token, ask)| Effect::Fetch(token, Fetch::Backends(ask));
        token.zip(ask).map(fetch).into_iter().collect()
    }

    /// The list that waits for this takes it, under what it has.
    pub(in crate::app) fn backends_read(&mut self, token: Token, answer: Result<Fetched, String>) {
        let (note, found) = match answer {
            Ok(Fetched::Backends(all)) => {
                let note = if all.is_empty() {
                    "no Ingress here sends requests to anything with it"
                } else {
                    ""
                };
                let mut rows = rows(&self.world, &all);
                // Where one is is nowhere to go.
                let here = self.subject().map(|object| Jump::Object(unnumbered(&object)));
                rows.retain(|row| Some(&row.to) != here.as_ref());
                (note.to_owned(), rows)
            }
            Ok(_) => ("another answer than was asked for".to_owned(), Vec::new()),
            Err(why) => (format!("what is behind it is not known: {why}"), Vec::new()),
        };
        for layer in &mut self.layers {
            if let Layer::Picker(picker) = layer
                && let PickerFor::Jump { token: awaited, .. } = &mut picker.purpose
                && *awaited == Some(token)
            {
                *awaited = None;
                picker.note = note;
                offer(picker, found);
                return;
            }
        }
    }

    /// Whether a list waits for this.
    pub(in crate::app) fn awaits_backends(&self, token: Token) -> bool {
        let waits = |p: &Picker| matches!(p.purpose, PickerFor::Jump { token: Some(t), .. } if t == token);
        self.layers.iter().any(|l| matches!(l, Layer::Picker(p) if waits(p)))
    }
}

/// Adds to the list what it does not have.
fn offer(picker: &mut Picker, rows: Vec<Related>) {
    let PickerFor::Jump { to, .. } = &mut picker.purpose else {
        return;
    };
    for row in rows {
        if to.len() >= MOST {
            return;
        }
        if to.contains(&row.to) {
            continue;
        }
        picker.choices.push(Choice {
            value: to.len().to_string(),
            label: row.role.to_owned(),
            hint: row.name,
        });
        to.push(row.to);
    }
}

/// As the rows of a source name it: without its uid.
fn unnumbered(object: &ObjectRef) -> ObjectRef {
    ObjectRef {
        uid: "".into(),
        ..object.clone()
    }
}

fn rows(world: &World, all: &[Backend]) -> Vec<Related> {
    let mut out = Vec::new();
    for ingress in all.iter().filter_map(|b| b.ingress.as_ref()) {
        let to = unnumbered(ingress);
        out.push(related("ingress", to.key().to_string(), Jump::Object(to)));
    }
    for backend in all {
        let at = at(backend);
        match &backend.to {
            Behind::Selected { service, selector } => {
                let found = world.selected_by(&service.namespace, selector);
                if found.is_empty() {
                    let words = format!(
                        "{}: nothing that the console sees rolls out {}{at}",
                        service.name,
                        selector.query()
                    );
                    out.push(related("service", words, Jump::Object(service.clone())));
                }
                for w in found {
                    let words = format!("{} by service {}{at}", w.slash(), service.name);
                    out.push(related("behind it", words, Jump::Object(w)));
                }
            }
            Behind::Unknown { service, why } => {
                let words = format!("{}: {why}{at}", service.name);
                out.push(related("service", words, Jump::Object(service.clone())));
            }
            Behind::Other(what) => {
                // Of a kind that the console does not know: it goes to the Ingress that names it.
                if let Some(ingress) = &backend.ingress {
                    let words = format!("{what}: not a Service{at}");
                    out.push(related("behind it", words, Jump::Object(ingress.clone())));
                }
            }
        }
    }
    out
}

/// ` · www.example.com/, www.example.com/api`.
fn at(backend: &Backend) -> String {
    let named: Vec<&str> = backend.at.iter().take(NAMED).map(|at| &**at).collect();
    match (named.is_empty(), backend.at.len().saturating_sub(NAMED)) {
        (true, _) => String::new(),
        (false, 0) => format!(" · {}", named.join(", ")),
        (false, more) => format!(" · {} and {more} more", named.join(", ")),
    }
}
