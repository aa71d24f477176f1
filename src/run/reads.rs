//! What is read from a cluster once, when somebody asks: a manifest, a history, the contexts of a kubeconfig; and the
//! words in which it is asked and told.

use std::path::PathBuf;
use std::sync::Arc;

use crate::action::Actor;
use crate::app::msg::{ContextRow, Fetch, Fetched, HistoryRow, LogLine};
use crate::feed::kube::{self as feed, Cluster, Kubeconfigs};

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
pub(super) async fn answer(cluster: Option<Cluster>, actor: Option<Actor>, what: Fetch) -> Result<Fetched, String> {
    match (what, cluster, actor) {
        (Fetch::Offers(offer, namespace), _, Some(actor)) => actor.offers(offer, &namespace).await.map(Fetched::Offers),
        (Fetch::Offers(..), Some(_), None) => Err("this console only reads".to_owned()),
        (what, Some(cluster), _) => read(&cluster, what).await,
        (_, None, _) => Err("not connected to a cluster".to_owned()),
    }
}

async fn read(cluster: &Cluster, what: Fetch) -> Result<Fetched, String> {
    match what {
        Fetch::Yaml(object) => feed::object::view(cluster, &object)
            .await
            .map(|v| Fetched::Text(v.yaml))
            .map_err(|e| e.to_string()),
        Fetch::Offers(..) => Err("this is read by who may change it".to_owned()),
        Fetch::History(object) => {
            let rows = feed::object::history(cluster, &object)
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

/// The contexts of the kubeconfig, for the picker.
pub async fn contexts(kubeconfig: Option<PathBuf>) -> Result<Vec<ContextRow>, String> {
    let found = Kubeconfigs::load(kubeconfig).await.map_err(|e| e.to_string())?;
    Ok(found
        .contexts()
        .into_iter()
        .map(|c| ContextRow {
            name: c.name,
            cluster: c.cluster,
            user: c.user,
            namespace: c.namespace,
            current: c.current,
        })
        .collect())
}
