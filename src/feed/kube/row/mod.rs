//! From a server's JSON to one small row, in one pass: only the fields that the model keeps are read, borrowed from
//! the bytes where JSON allows it, and what repeats is shared.

mod guard;
mod other;
mod part;
mod pod;
mod template;
mod usage;
mod workload;

use serde::Deserialize;

use super::intern::Interner;
use crate::model::{Change, Key, Kind};
use part::{Maybe, MetaIn, Text};
pub use usage::usage;

/// One object of a list or an event, made into what the model keeps.
pub struct Row {
    pub key: Key,
    /// `metadata.resourceVersion`.
    pub version: String,
    pub change: Change,
}

/// One page of a list.
pub struct Page {
    pub rows: Vec<Row>,
    /// The list's `resourceVersion`.
    pub version: String,
    /// The continue token; empty on the last page.
    pub more: String,
}

/// One line of a watch.
pub enum News {
    Put(Row),
    Gone(Key),
    Bookmark {
        version: String,
        /// The end of the initial events of a streaming list.
        initial_end: bool,
    },
    /// An ERROR event: its code, and the raw `Status`.
    Error(u16, Vec<u8>),
}

/// What is made into a [`Change`].
trait Slim<'a>: Deserialize<'a> {
    fn meta(&self) -> &MetaIn<'a>;
    fn change(&self, kind: Kind, key: Key, intern: &mut Interner) -> Change;
}

/// Reads one page of a list.
pub fn page(kind: Kind, body: &[u8], intern: &mut Interner) -> Result<Page, serde_json::Error> {
    match kind {
        Kind::Pod => page_of::<pod::PodIn<'_>>(kind, body, intern),
        Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet => {
            page_of::<workload::WorkloadIn<'_>>(kind, body, intern)
        }
        Kind::ReplicaSet | Kind::ControllerRevision => page_of::<workload::RevisionIn<'_>>(kind, body, intern),
        Kind::Hpa => page_of::<guard::HpaIn<'_>>(kind, body, intern),
        Kind::Pdb => page_of::<guard::BudgetIn<'_>>(kind, body, intern),
        Kind::Quota => page_of::<guard::QuotaIn<'_>>(kind, body, intern),
        Kind::Event => page_of::<other::EventIn<'_>>(kind, body, intern),
        Kind::Node => page_of::<other::NodeIn<'_>>(kind, body, intern),
        Kind::Job => page_of::<other::JobIn<'_>>(kind, body, intern),
        Kind::CronJob => page_of::<other::CronJobIn<'_>>(kind, body, intern),
        Kind::Namespace => page_of::<other::NamespaceIn<'_>>(kind, body, intern),
        Kind::ConfigMap | Kind::Secret | Kind::Service | Kind::Ingress | Kind::ScaledObject => Err(unwatched(kind)),
    }
}

fn page_of<'a, T: Slim<'a>>(kind: Kind, body: &'a [u8], intern: &mut Interner) -> Result<Page, serde_json::Error> {
    #[derive(Deserialize)]
    #[serde(bound = "T: Deserialize<'de>")]
    struct List<'a, T> {
        #[serde(borrow, default)]
        metadata: ListMeta<'a>,
        #[serde(default)]
        items: Maybe<Vec<T>>,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct ListMeta<'a> {
        #[serde(borrow, default)]
        resource_version: Text<'a>,
        #[serde(borrow, default)]
        r#continue: Text<'a>,
    }
    let list: List<'a, T> = serde_json::from_slice(body)?;
    Ok(Page {
        rows: list.items.iter().map(|item| row(kind, item, intern)).collect(),
        version: list.metadata.resource_version.to_string(),
        more: list.metadata.r#continue.to_string(),
    })
}

fn row<'a, T: Slim<'a>>(kind: Kind, item: &T, intern: &mut Interner) -> Row {
    let key = item.meta().key(intern);
    Row {
        version: item.meta().resource_version.to_string(),
        change: item.change(kind, key.clone(), intern),
        key,
    }
}

/// There are no rows of a kind that no feed asks for.
fn unwatched(kind: Kind) -> serde_json::Error {
    serde::de::Error::custom(format!("{} is not watched", kind.api()))
}

/// That an object is gone. `None` for a kind that is not watched.
pub fn gone(kind: Kind, key: Key) -> Option<Change> {
    Some(match kind {
        Kind::Pod => Change::Pod(key, None),
        Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet => Change::Workload(kind, key, None),
        Kind::ReplicaSet | Kind::ControllerRevision => Change::Revision(kind, key, None),
        Kind::Hpa => Change::Hpa(key, None),
        Kind::Pdb => Change::Budget(key, None),
        Kind::Event => Change::Event(key, None),
        Kind::Node => Change::Node(key, None),
        Kind::Quota => Change::Quota(key, None),
        Kind::Job => Change::Job(key, None),
        Kind::CronJob => Change::CronJob(key, None),
        Kind::Namespace => Change::Namespace(key, None),
        Kind::ConfigMap | Kind::Secret | Kind::Service | Kind::Ingress | Kind::ScaledObject => return None,
    })
}

/// Reads one line of a watch.
pub fn news(kind: Kind, line: &[u8], intern: &mut Interner) -> Result<News, serde_json::Error> {
    let (what, object) = split(line)?;
    match &*what {
        "ERROR" => {
            #[derive(Deserialize)]
            struct Code {
                #[serde(default)]
                code: u16,
            }
            let code: Code = serde_json::from_slice(object)?;
            Ok(News::Error(code.code, object.to_vec()))
        }
        "BOOKMARK" => {
            let mark: other::BookmarkIn<'_> = serde_json::from_slice(object)?;
            Ok(mark.news())
        }
        "DELETED" => {
            let gone: other::NamespaceIn<'_> = serde_json::from_slice(object)?;
            Ok(News::Gone(gone.meta().key(intern)))
        }
        _ => Ok(News::Put(one(kind, object, intern)?)),
    }
}

/// Reads one object.
pub fn one(kind: Kind, object: &[u8], intern: &mut Interner) -> Result<Row, serde_json::Error> {
    fn of<'a, T: Slim<'a>>(kind: Kind, json: &'a [u8], intern: &mut Interner) -> Result<Row, serde_json::Error> {
        let item: T = serde_json::from_slice(json)?;
        Ok(row(kind, &item, intern))
    }
    match kind {
        Kind::Pod => of::<pod::PodIn<'_>>(kind, object, intern),
        Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet => of::<workload::WorkloadIn<'_>>(kind, object, intern),
        Kind::ReplicaSet | Kind::ControllerRevision => of::<workload::RevisionIn<'_>>(kind, object, intern),
        Kind::Hpa => of::<guard::HpaIn<'_>>(kind, object, intern),
        Kind::Pdb => of::<guard::BudgetIn<'_>>(kind, object, intern),
        Kind::Quota => of::<guard::QuotaIn<'_>>(kind, object, intern),
        Kind::Event => of::<other::EventIn<'_>>(kind, object, intern),
        Kind::Node => of::<other::NodeIn<'_>>(kind, object, intern),
        Kind::Job => of::<other::JobIn<'_>>(kind, object, intern),
        Kind::CronJob => of::<other::CronJobIn<'_>>(kind, object, intern),
        Kind::Namespace => of::<other::NamespaceIn<'_>>(kind, object, intern),
        Kind::ConfigMap | Kind::Secret | Kind::Service | Kind::Ingress | Kind::ScaledObject => Err(unwatched(kind)),
    }
}

/// The type of an event and the bytes of its object. The server always writes them in one way, which spares a pass
/// over the object; any other way is read by the book.
fn split(line: &[u8]) -> Result<(std::borrow::Cow<'_, str>, &[u8]), serde_json::Error> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        r#type: std::borrow::Cow<'a, str>,
        #[serde(borrow)]
        object: &'a serde_json::value::RawValue,
    }
    let usual = || {
        let rest = line.trim_ascii().strip_prefix(br#"{"type":""#)?;
        let end = memchr::memchr(b'"', rest)?;
        let what = std::str::from_utf8(rest.get(..end)?).ok()?;
        let object = rest.get(end..)?.strip_prefix(br#"","object":"#)?.strip_suffix(b"}")?;
        Some((what.into(), object))
    };
    if let Some(found) = usual() {
        return Ok(found);
    }
    let e: Envelope<'_> = serde_json::from_slice(line)?;
    Ok((e.r#type, e.object.get().as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;
    use crate::model::{ContainerRole, Phase, Pod};

    fn recording(name: &str) -> Vec<Value> {
        let path = format!(
            "{}/tests/recordings/kubernetes-1.36/{name}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    fn pods(body: &Value) -> Vec<Pod> {
        let page = page(Kind::Pod, &serde_json::to_vec(body).unwrap(), &mut Interner::default()).unwrap();
        page.rows.iter().map(|r| pod_of(&r.change).unwrap().clone()).collect()
    }

    fn pod_of(change: &Change) -> Option<&Pod> {
        match change {
            Change::Pod(_, Some(p)) => Some(p),
            _ => None,
        }
    }

    #[test]
    fn lines_are_read_whatever_the_order_of_their_fields() {
        let usual = br#"{"type":"DELETED","object":{"metadata":{"name":"a","namespace":"n"}}}"#;
        let odd = br#" { "object" : {"metadata":{"name":"a","namespace":"n"}}, "type" : "DELETED" }"#;
        for line in [usual.as_slice(), odd] {
            let News::Gone(key) = news(Kind::Pod, line, &mut Interner::default()).unwrap() else {
                panic!()
            };
            assert_eq!(key, Key::new("n", "a"));
        }
        assert!(news(Kind::Pod, br#"{"type":"ADDED","object":[]}"#, &mut Interner::default()).is_err());
    }

    fn pod(json: Value) -> Pod {
        let row = one(Kind::Pod, &serde_json::to_vec(&json).unwrap(), &mut Interner::default()).unwrap();
        pod_of(&row.change).unwrap().clone()
    }

    #[test]
    fn a_sidecar_and_a_failing_init_container_show_as_kubectl_shows_them() {
        let spec = serde_json::json!({"containers": [{"name": "app"}], "initContainers": [
            {"name": "proxy", "restartPolicy": "Always", "image": "p"}, {"name": "migrate"}]});
        let init = serde_json::json!([
            {"name": "proxy", "ready": true, "started": true, "restartCount": 2, "state": {"running": {}},
             "lastState": {"terminated": {"exitCode": 1, "finishedAt": "2026-11-21T10:00:00Z"}}},
            {"name": "migrate", "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
             "lastState": {"terminated": {"exitCode": 2, "reason": "Error", "finishedAt": "2026-11-21T11:00:00Z"}}}]);
        let p = pod(
            serde_json::json!({"metadata": {"name": "x"}, "spec": spec, "status": {"phase": "Pending",
            "initContainerStatuses": init}}),
        );
        assert_eq!(
            (&*p.status, p.ready, p.total, p.restarts),
            ("Init:CrashLoopBackOff", 1, 2, 5)
        );
        assert_eq!(p.last_restart, Some("2026-11-21T11:00:00Z".parse().unwrap()));
        assert_eq!(&*p.message, "back-off");
        assert_eq!(p.containers[0].role, ContainerRole::Sidecar);
        // Once initialised, only the sidecar's restarts count.
        let p = pod(
            serde_json::json!({"metadata": {"name": "x"}, "spec": spec, "status": {"phase": "Running",
            "conditions": [{"type": "Initialized", "status": "True"}], "initContainerStatuses": init,
            "containerStatuses": [{"name": "app", "ready": true, "restartCount": 1, "state": {"running": {}}}]}}),
        );
        assert_eq!((&*p.status, p.ready, p.restarts), ("Init:CrashLoopBackOff", 2, 3));
    }

    #[test]
    fn states_of_a_pod_have_kubectls_words() {
        let with = |status: Value, deleting: bool| {
            let mut meta = serde_json::json!({"name": "x"});
            if deleting {
                meta["deletionTimestamp"] = "2026-11-21T11:00:00Z".into();
            }
            pod(serde_json::json!({"metadata": meta, "spec": {"containers": [{"name": "a"}, {"name": "b"}]}, "status": status}))
                .status
                .to_string()
        };
        let ended = |state: Value| serde_json::json!({"name": "a", "state": {"terminated": state}});
        let runs = serde_json::json!({"name": "b", "ready": true, "state": {"running": {}}});
        let cases = [
            (serde_json::json!({"phase": "Pending"}), false, "Pending"),
            (
                serde_json::json!({"phase": "Running", "reason": "NodeLost"}),
                true,
                "Unknown",
            ),
            (serde_json::json!({"phase": "Running"}), true, "Terminating"),
            (serde_json::json!({"phase": "Succeeded"}), true, "Succeeded"),
            (
                serde_json::json!({"phase": "Failed", "reason": "Evicted"}),
                false,
                "Evicted",
            ),
            (
                serde_json::json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]}),
                false,
                "SchedulingGated",
            ),
            (
                serde_json::json!({"phase": "Failed", "containerStatuses": [ended(serde_json::json!({"exitCode": 3}))]}),
                false,
                "ExitCode:3",
            ),
            (
                serde_json::json!({"phase": "Failed", "containerStatuses": [ended(serde_json::json!({"signal": 9}))]}),
                false,
                "Signal:9",
            ),
            (
                serde_json::json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
                    "containerStatuses": [ended(serde_json::json!({"exitCode": 0, "reason": "Completed"})), runs]}),
                false,
                "Running",
            ),
            (
                serde_json::json!({"phase": "Running",
                    "containerStatuses": [ended(serde_json::json!({"exitCode": 0, "reason": "Completed"})), runs]}),
                false,
                "NotReady",
            ),
        ];
        for (status, deleting, word) in cases {
            assert_eq!(with(status.clone(), deleting), word, "{status}");
        }
    }

    #[test]
    fn recorded_pods_show_what_the_recorded_table_shows() {
        let lists = recording("lists");
        let tables = recording("tables");
        let body = |list: &[Value], path: &str| {
            list.iter()
                .find(|x| x["path"] == path)
                .map(|x| x["body"].clone())
                .unwrap()
        };
        let path = "/api/v1/namespaces/cortex/pods";
        let rows: BTreeMap<String, Pod> = pods(&body(&lists, path))
            .into_iter()
            .map(|p| (p.meta.name.to_string(), p))
            .collect();
        let mut seen = 0;
        for r in body(&tables, path)["rows"].as_array().unwrap() {
            let cell = |i: usize| r["cells"][i].as_str().unwrap().to_owned();
            if let Some(p) = rows.get(&cell(0)) {
                assert_eq!(cell(1), format!("{}/{}", p.ready, p.total));
                assert_eq!(cell(2), &*p.status);
                assert!(p.phase != Phase::Unknown);
                seen += 1;
            }
        }
        assert!(seen >= 5);
    }
}
