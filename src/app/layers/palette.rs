//! The palette: everything by name. Commands with their key, their sentence and the reason when they cannot be used now;
//! objects, runbooks, namespaces and contexts to go to. What was used lately comes first.

mod aliases;
mod fit;

use crate::app::command::{Command, all};
use crate::app::field::Field;
use crate::app::jumps::Jump;
use crate::app::{App, ItemRef, Row};
use crate::model::{Key, Kind, Str};
use crate::panes::{PANES, PaneId};

use fit::{Class, Fit, Needle};

/// So many of a kind are ranked a key: with fifty thousand pods all of them begin alike, and more letters tell.
const MOST_RANKED: usize = 3000;

/// So many of a kind are listed.
const MOST_LISTED: usize = 40;

/// The lead of a command that was used lately, before others that fit as well.
const LATELY: u32 = 10;

/// What an entry does.
#[derive(Clone, Debug, PartialEq)]
pub enum Does {
    Command(&'static str),
    Go(Jump),
    /// A pane with one of its tables, by the table's id.
    View(PaneId, &'static str),
    /// It only says why not.
    Nothing,
    Runbook(String),
    Namespace(String),
    Context {
        name: String,
        platform: bool,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub does: Does,
    /// A command's id, an object's name.
    pub name: String,
    /// `command`, `pod`, `runbook`.
    pub kind: &'static str,
    /// The heading of a command in the help; empty for what is no command.
    pub group: &'static str,
    pub doc: String,
    /// Why it cannot be used now.
    pub why_not: Option<String>,
    /// By which it is remembered; empty: it is not.
    pub id: String,
}

#[derive(Clone, Debug, Default)]
pub struct Palette {
    pub field: Field,
    pub entries: Vec<Entry>,
    pub cursor: usize,
}

/// An entry with its rank.
struct Ranked {
    fit: Fit,
    entry: Entry,
}

struct Ranking {
    needle: Needle,
    found: Vec<Ranked>,
}

impl Ranking {
    /// Takes the best of many things with a name; their entries are only made for those that are listed.
    fn names<'a, T>(&mut self, all: impl Iterator<Item = (&'a str, T)>, entry: impl Fn(&str, T) -> Entry) {
        if self.needle.is_short() {
            return;
        }
        let likely = all.filter(|(name, _)| self.needle.may_fit(name));
        let likely: Vec<_> = likely.take(MOST_RANKED).collect();
        let mut best: Vec<(Fit, &str, T)> = Vec::new();
        for (name, what) in likely {
            if let Some(fit) = self.needle.name(name, false) {
                best.push((fit, name, what));
            }
        }
        best.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.len().cmp(&b.1.len())));
        let best = best.into_iter().take(MOST_LISTED);
        self.found.extend(best.map(|(fit, name, what)| Ranked {
            fit,
            entry: entry(name, what),
        }));
    }
}

impl Palette {
    /// Ranks everything for what was typed: what is called so before what only holds the letters, though it cannot be
    /// used now; among what fits alike, usable ones first, and of those what was used lately.
    pub fn refresh(&mut self, app: &App) {
        let mut ranking = Ranking {
            needle: Needle::new(self.field.text()),
            found: Vec::new(),
        };
        commands(app, &mut ranking);
        if !ranking.needle.is_empty() {
            others(&mut ranking);
            runbooks(app, &mut ranking);
            objects(app, &mut ranking);
            places(app, &mut ranking);
        }
        let recent = |entry: &Entry| {
            let at = app.finding.recent.iter().rev().position(|id| *id == entry.id);
            at.filter(|_| !entry.id.is_empty())
        };
        let used = |entry: &Entry| recent(entry).unwrap_or(usize::MAX);
        // The order of the tables is kept among equals.
        ranking.found.sort_by(|a, b| {
            let class = b.fit.class.cmp(&a.fit.class);
            let usable = a.entry.why_not.is_some().cmp(&b.entry.why_not.is_some());
            let better = b.fit.score.cmp(&a.fit.score);
            let lately = used(&a.entry).cmp(&used(&b.entry));
            class.then(usable).then(better).then(lately)
        });
        self.entries = ranking.found.into_iter().map(|r| r.entry).collect();
        self.cursor = self.cursor.min(self.entries.len().saturating_sub(1));
    }
}

fn commands(app: &App, ranking: &mut Ranking) {
    for c in all().filter(|c| listed(c)) {
        let name = c.id.replace(['.', '_'], " ");
        let needle = &mut ranking.needle;
        // What changes something is never found by letters that happen to be there.
        let mut fit = needle.sentence(&name, c.doc, c.mutates());
        if aliases::of_command(c.id).any(|names| needle.is_one_of(names)) {
            fit = Some(Fit {
                class: Class::Name,
                score: u32::MAX / 2,
            });
        }
        if needle.calls(c.id) {
            let score = u32::MAX / 2;
            fit = Some(Fit {
                class: Class::Command,
                score,
            });
        }
        let Some(mut fit) = fit else { continue };
        let id = format!("command {}", c.id);
        if fit.class != Class::Any && app.finding.recent.contains(&id) {
            fit.score += LATELY;
        }
        ranking.found.push(Ranked {
            fit,
            entry: Entry {
                does: Does::Command(c.id),
                name: c.id.to_owned(),
                kind: "command",
                group: c.group,
                doc: c.doc.to_owned(),
                why_not: (c.when)(app).err(),
                id,
            },
        });
    }
}

/// What people of other tools type: it goes where they mean, or says that there is no such table.
fn others(ranking: &mut Ranking) {
    for (names, entry) in aliases::others() {
        if ranking.needle.is_one_of(names) {
            let singular = entry.does == Does::Nothing && ranking.needle.is_one_of(&["secret", "service", "ingress"]);
            ranking.found.push(Ranked {
                fit: Fit {
                    class: if singular { Class::Words } else { Class::Name },
                    score: 0,
                },
                entry,
            });
        }
    }
}

fn runbooks(app: &App, ranking: &mut Ranking) {
    let why_not = app
        .run_subject()
        .is_none()
        .then(|| "select what it is for first".to_owned());
    for book in app.books.iter() {
        let by_id = ranking.needle.name(&book.id, false);
        let Some(fit) = by_id.max(ranking.needle.sentence(&book.id, &book.title, false)) else {
            continue;
        };
        let about_nothing = book.id == "incident-response";
        ranking.found.push(Ranked {
            fit,
            entry: Entry {
                does: Does::Runbook(book.id.clone()),
                name: book.id.clone(),
                kind: "runbook",
                group: "",
                doc: book.title.clone(),
                why_not: why_not.clone().filter(|_| !about_nothing),
                id: format!("runbook {}", book.id),
            },
        });
    }
}

fn object(kind: &'static str, name: &str, doc: impl Into<String>, to: Jump) -> Entry {
    Entry {
        does: Does::Go(to),
        name: name.to_owned(),
        kind,
        group: "",
        doc: doc.into(),
        why_not: None,
        id: String::new(),
    }
}

fn objects(app: &App, ranking: &mut Ranking) {
    let world = &app.world;
    let by_name = |key: &Key| Str::clone(&key.namespace);
    let workloads = world.workloads().map(|w| (&*w.meta.name, w));
    ranking.names(workloads, |name, w| {
        let doc = format!("{} in {}  {}/{}", w.kind.api(), w.meta.namespace, w.ready, w.desired);
        object("rollout", name, doc, Jump::Object(w.meta.object(w.kind)))
    });
    let nodes = world.nodes.values().map(|n| (&*n.meta.name, n));
    ranking.names(nodes, |name, n| {
        let doc = if n.ready { "ready" } else { "not ready" };
        object("node", name, doc, Jump::Object(n.meta.object(Kind::Node)))
    });
    for (kind, word) in [
        (Kind::Job, "job"),
        (Kind::CronJob, "cronjob"),
        (Kind::Hpa, "autoscaler"),
    ] {
        let metas: Vec<_> = match kind {
            Kind::Job => world.jobs.values().map(|j| &j.meta).collect(),
            Kind::CronJob => world.cron_jobs.values().map(|j| &j.meta).collect(),
            _ => world.hpas.values().map(|h| &h.meta).collect(),
        };
        ranking.names(metas.into_iter().map(|m| (&*m.name, m)), |name, m| {
            object(word, name, format!("in {}", m.namespace), Jump::Object(m.object(kind)))
        });
    }
    items(app, ranking);
    let pods = world.pods.iter().map(|(key, p)| (&*key.name, (key, p)));
    ranking.names(pods, |name, (key, p)| {
        let doc = format!("in {}  {}", by_name(key), p.status);
        object("pod", name, doc, Jump::Object(p.meta.object(Kind::Pod)))
    });
}

/// Queues, tables, servers, certificates, alerts: what the panes of sources list by name.
fn items(app: &App, ranking: &mut Ranking) {
    for pane in PANES.iter().filter(|p| !p.sources.is_empty() && p.is_configured(app)) {
        let views = pane.views.iter().map(|v| v.rows);
        let tables: Vec<fn(&App) -> Vec<Row>> = if pane.views.is_empty() {
            vec![pane.rows]
        } else {
            views.collect()
        };
        for rows in tables {
            let rows = rows(app);
            let named = rows
                .iter()
                .filter_map(Row::item)
                .filter_map(|i| Some((word(&i.what)?, i)));
            ranking.names(named.map(|(kind, i)| (&*i.name, (kind, i))), |name, (kind, i)| {
                let doc = format!("{} in {}", i.group, pane.title);
                object(kind, name, doc, Jump::Item(pane.id, i.what.clone()))
            });
        }
    }
}

fn word(item: &ItemRef) -> Option<&'static str> {
    Some(match item {
        ItemRef::Queue { .. } => "queue",
        ItemRef::Redis { .. } => "redis",
        ItemRef::Table { .. } => "table",
        ItemRef::Index { .. } => "index",
        ItemRef::Certificate { .. } => "certificate",
        ItemRef::Endpoint { .. } => "endpoint",
        ItemRef::Alert { .. } => "alert",
        ItemRef::HttpCheck { .. } => "check",
        ItemRef::Slo { .. } => "objective",
        ItemRef::Service { .. } => "service",
        ItemRef::Host { .. } => "machine",
        ItemRef::Session { .. } | ItemRef::Statement { .. } | ItemRef::Object(_) | ItemRef::Line => return None,
    })
}

/// Namespaces and contexts.
fn places(app: &App, ranking: &mut Ranking) {
    let mut names: Vec<&str> = app.world.namespaces.keys().map(|k| &*k.name).collect();
    if names.is_empty() {
        names = app.world.deployments.keys().map(|k| &*k.namespace).collect();
        names.dedup();
    }
    ranking.names(names.into_iter().map(|n| (n, ())), |name, ()| Entry {
        does: Does::Namespace(name.to_owned()),
        name: name.to_owned(),
        kind: "namespace",
        group: "",
        doc: "look at this namespace alone".to_owned(),
        why_not: None,
        id: format!("namespace {name}"),
    });
    let contexts = app.contexts.iter().flatten().flatten();
    ranking.names(contexts.map(|c| (c.name.as_str(), c)), |name, c| Entry {
        does: Does::Context {
            name: name.to_owned(),
            platform: c.platform,
        },
        name: name.to_owned(),
        kind: if c.platform { "platform" } else { "context" },
        group: "",
        doc: format!("go there: {}", c.cluster),
        why_not: None,
        id: format!("context {name}"),
    });
}

/// Keys of dialogs and of moving about make no sense from the palette.
pub(crate) fn listed(c: &Command) -> bool {
    !matches!(c.group, "Moving" | "Dialogs") && !c.id.starts_with("plan.")
}
