//! What is read from a cluster once, when somebody asks: a manifest, a history, the contexts of a kubeconfig; and the
//! words in which it is asked and told.

use std::path::PathBuf;
use std::sync::Arc;

use crate::action::{Actor, Reach};
use crate::app::msg::{ContextRow, Fetch, Fetched, HistoryRow, LogLine};
use crate::feed::kube::{self as feed, Cluster, Kubeconfigs};
use crate::feed::{postgres, prometheus};

pub(super) fn line(item: feed::logs::LogItem) -> LogLine {
    match item {
        feed::logs::LogItem::Line(l) => LogLine {
            pod: l.pod,
            container: l.container,
            at: l.at,
            text: l.text,
            note: false,
        },
        feed::logs::LogItem::Note {
            pod, container, text, ..
        } => LogLine {
            pod,
            container,
            at: None,
            text,
            note: true,
        },
    }
}

/// `app=web,tier!=cache,gpu,!old`, as kubectl takes them.
pub(super) fn labels(text: &str) -> Result<crate::model::Selector, String> {
    use crate::model::{Requirement, Selector};
    let mut all = Vec::new();
    for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let one = |v: &str| -> Arc<[crate::model::Str]> { Arc::from(vec![v.trim().into()]) };
        all.push(if let Some((k, v)) = part.split_once("!=") {
            Requirement::NotIn(k.trim().into(), one(v))
        } else if let Some((k, v)) = part.split_once('=') {
            Requirement::In(k.trim().into(), one(v.trim_start_matches('=')))
        } else if let Some(k) = part.strip_prefix('!') {
            Requirement::Absent(k.trim().into())
        } else {
            Requirement::Exists(part.into())
        });
    }
    if all.is_empty() {
        Err("no label was given".to_owned())
    } else {
        Ok(Selector { all: all.into() })
    }
}

/// What was asked for, read with the rights that this console has.
pub(super) async fn answer(
    cluster: Option<Cluster>,
    actor: Option<Actor>,
    reach: &Reach,
    what: Fetch,
) -> Result<Fetched, String> {
    match (what, actor) {
        (Fetch::Offers(offer, namespace), Some(actor)) => actor.offers(offer, &namespace).await.map(Fetched::Offers),
        (Fetch::Offers(..), None) => Err("this is read by a console that may change it".to_owned()),
        (what, _) => read(cluster, reach, what).await,
    }
}

async fn read(cluster: Option<Cluster>, reach: &Reach, what: Fetch) -> Result<Fetched, String> {
    let none = || "not connected to a cluster".to_owned();
    match what {
        Fetch::Plan {
            source,
            statement,
            hidden,
        } => {
            let none = || format!("the configuration has no PostgreSQL called {source}");
            let server = reach.postgres.get(&source).ok_or_else(none)?;
            let lines = postgres::explain(server, &statement).await.map_err(|e| {
                let why = "its values are hidden here, and with parameters in their place the server does not plan it";
                if hidden { format!("{why}: {e}") } else { e.to_string() }
            })?;
            Ok(Fetched::Text(lines.join("\n")))
        }
        Fetch::Range(ask) => prometheus::ask_range(&reach.ranges, &ask)
            .await
            .map(|answer| Fetched::Range(Box::new(answer)))
            .ok_or_else(|| "the configuration has no such Prometheus".to_owned()),
        Fetch::Yaml(object) => feed::object::view(&cluster.ok_or_else(none)?, &object)
            .await
            .map(|v| Fetched::Text(v.yaml))
            .map_err(|e| e.to_string()),
        Fetch::Backends(ask) => feed::backends::backends(&cluster.ok_or_else(none)?, &ask)
            .await
            .map(Fetched::Backends)
            .map_err(|e| e.to_string()),
        Fetch::States(asks) => {
            let cluster = cluster.ok_or_else(none)?;
            let mut states = Vec::with_capacity(asks.len());
            for ask in asks {
                let object = feed::object::raw(&cluster, &ask.object).await;
                let state = object.map_err(|e| e.to_string()).and_then(|object| ask.state(&object));
                states.push((ask.key, state));
            }
            Ok(Fetched::States(states))
        }
        Fetch::Offers(..) => Err("this is read by who may change it".to_owned()),
        Fetch::History(object) => {
            let rows = feed::object::history(&cluster.ok_or_else(none)?, &object)
                .await
                .map_err(|e| e.to_string())?;
            let newest = rows.iter().map(|r| r.number).max().unwrap_or(0);
            Ok(Fetched::History(
                rows.into_iter()
                    .map(|r| HistoryRow {
                        revision: r.number,
                        current: r.number == newest,
                        name: r.name,
                        created: r.created,
                        images: r.images,
                        change_cause: r.change_cause,
                        template: feed::object::yaml(&r.template),
                    })
                    .collect(),
            ))
        }
    }
}

/// A platform of the configuration, as the picker shows it.
pub struct PlatformRow {
    pub name: String,
    /// How careful to be there.
    pub class: String,
    /// It is the one that is open.
    pub current: bool,
}

/// The contexts of the kubeconfig and the platforms of the configuration, for the picker.
pub async fn contexts(kubeconfig: Option<PathBuf>, platforms: Vec<PlatformRow>) -> Result<Vec<ContextRow>, String> {
    let mut rows = match Kubeconfigs::load(kubeconfig).await {
        Ok(found) => of_kubeconfig(&found),
        Err(why) if platforms.is_empty() => return Err(why.to_string()),
        Err(_) => Vec::new(),
    };
    // Platforms stand first: they are what the configuration is about.
    let mut all: Vec<ContextRow> = platforms
        .into_iter()
        .map(|p| ContextRow {
            name: p.name,
            cluster: String::new(),
            user: String::new(),
            namespace: String::new(),
            current: p.current,
            platform: true,
            class: p.class,
        })
        .collect();
    all.append(&mut rows);
    Ok(all)
}

fn of_kubeconfig(found: &Kubeconfigs) -> Vec<ContextRow> {
    found
        .contexts()
        .into_iter()
        .map(|c| ContextRow {
            name: c.name,
            cluster: c.cluster,
            user: c.user,
            namespace: c.namespace,
            current: c.current,
            platform: false,
            class: String::new(),
        })
        .collect()
}
