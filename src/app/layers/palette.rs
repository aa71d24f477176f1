//! The palette: everything by name. Commands with their key, their sentence and the reason when they cannot be used now;
//! objects, runbooks, namespaces and contexts to go to. What was used lately comes first.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use crate::app::command::{Command, all};
use crate::app::field::Field;
use crate::app::filter::in_order;
use crate::app::jumps::Jump;
use crate::app::{App, ItemRef, Row};
use crate::model::{Key, Kind, Str};
use crate::panes::PANES;

/// So many of a kind are ranked a key: with fifty thousand pods all of them begin alike, and more letters tell.
const MOST_RANKED: usize = 3000;

/// So many of a kind are listed.
const MOST_LISTED: usize = 40;

/// With fewer letters, everything would match.
const LEAST: usize = 2;

/// What a name is worth more than a sentence.
const NAMED: u32 = 12;

/// What an entry does.
#[derive(Clone, Debug, PartialEq)]
pub enum Does {
    Command(&'static str),
    Go(Jump),
    Runbook(String),
    Namespace(String),
    Context { name: String, platform: bool },
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

/// An entry with its rank: usable ones first, then what fits best.
struct Ranked {
    score: u32,
    entry: Entry,
}

struct Ranking {
    matcher: Matcher,
    pattern: Pattern,
    /// Lower case, without blanks.
    letters: String,
    buffer: Vec<char>,
    found: Vec<Ranked>,
}

impl Ranking {
    fn new(needle: &str) -> Self {
        Self {
            matcher: Matcher::new(Config::DEFAULT),
            pattern: Pattern::parse(needle, CaseMatching::Ignore, Normalization::Smart),
            letters: needle.to_lowercase().split_whitespace().collect(),
            buffer: Vec::new(),
            found: Vec::new(),
        }
    }

    fn score(&mut self, text: &str) -> Option<u32> {
        self.pattern
            .score(Utf32Str::new(text, &mut self.buffer), &mut self.matcher)
    }

    /// Takes the best of many things with a name; their entries are only made for those that are listed.
    fn names<'a, T>(&mut self, all: impl Iterator<Item = (&'a str, T)>, entry: impl Fn(&str, T) -> Entry) {
        if self.letters.len() < LEAST {
            return;
        }
        // To see whether the letters are there at all costs a tenth of ranking them.
        let one_word = !self.pattern.atoms.iter().skip(1).any(|_| true);
        let letters = self.letters.clone();
        let likely = all.filter(|(name, _)| !one_word || in_order(name, &letters));
        let mut best: Vec<(u32, &str, T)> = Vec::new();
        for (name, what) in likely.take(MOST_RANKED) {
            if let Some(score) = self.score(name) {
                best.push((score, name, what));
            }
        }
        best.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.len().cmp(&b.1.len())));
        let best = best.into_iter().take(MOST_LISTED);
        self.found.extend(best.map(|(score, name, what)| Ranked {
            // What is called so goes before a sentence in which it stands.
            score: score + NAMED,
            entry: entry(name, what),
        }));
    }
}

impl Palette {
    /// Ranks everything for what was typed: usable ones first, and of those what was used lately.
    pub fn refresh(&mut self, app: &App) {
        let needle = self.field.text().trim().to_owned();
        let mut ranking = Ranking::new(&needle);
        commands(app, &mut ranking);
        if !needle.is_empty() {
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
            let usable = a.entry.why_not.is_some().cmp(&b.entry.why_not.is_some());
            let lately = used(&a.entry).cmp(&used(&b.entry));
            let better = b.score.cmp(&a.score);
            // What was typed counts more than what was used; a little lead is given to what was.
            if needle.is_empty() {
                usable.then(lately)
            } else {
                usable.then(better).then(lately)
            }
        });
        self.entries = ranking.found.into_iter().map(|r| r.entry).collect();
        self.cursor = self.cursor.min(self.entries.len().saturating_sub(1));
    }
}

fn commands(app: &App, ranking: &mut Ranking) {
    for c in all().filter(|c| listed(c)) {
        let hay = format!("{} {}", c.id.replace(['.', '_'], " "), c.doc);
        let Some(mut score) = ranking.score(&hay) else { continue };
        if !ranking.letters.is_empty() && ranking.score(&c.id.replace(['.', '_'], " ")).is_some() {
            score += NAMED;
        }
        let id = format!("command {}", c.id);
        if app.finding.recent.contains(&id) {
            score += 10;
        }
        ranking.found.push(Ranked {
            score,
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

fn runbooks(app: &App, ranking: &mut Ranking) {
    let why_not = app
        .run_subject()
        .is_none()
        .then(|| "select what it is for first".to_owned());
    for book in app.books.iter() {
        let Some(score) = ranking.score(&format!("{} {}", book.id, book.title)) else {
            continue;
        };
        let about_nothing = book.id == "incident-response";
        ranking.found.push(Ranked {
            score,
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
