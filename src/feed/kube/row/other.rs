//! Events, nodes, Jobs, CronJobs, namespaces, and the bookmarks of a watch.

use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::part::{ConditionIn, Maybe, MetaIn, Text, conditions};
use super::{News, Slim};
use crate::feed::kube::intern::Interner;
use crate::feed::kube::quantity;
use crate::model::{Change, CronJob, Event, Job, Key, Kind, Node};

/// A bookmark: an object of the watched kind with nothing but a version.
#[derive(Deserialize)]
pub struct BookmarkIn<'a> {
    #[serde(borrow)]
    metadata: MetaIn<'a>,
}

impl BookmarkIn<'_> {
    pub fn news(&self) -> News {
        News::Bookmark {
            version: self.metadata.resource_version.to_string(),
            initial_end: &*self.metadata.annotations.initial_end == "true",
        }
    }
}

#[derive(Deserialize)]
pub struct NamespaceIn<'a> {
    #[serde(borrow)]
    metadata: MetaIn<'a>,
}

impl<'a> Slim<'a> for NamespaceIn<'a> {
    fn meta(&self) -> &MetaIn<'a> {
        &self.metadata
    }

    fn change(&self, _kind: Kind, key: Key, intern: &mut Interner) -> Change {
        let row = self.metadata.row(&key, intern);
        Change::Namespace(key, Some(Arc::new(row)))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventIn<'a> {
    #[serde(borrow)]
    metadata: MetaIn<'a>,
    #[serde(borrow, default)]
    r#type: Text<'a>,
    #[serde(borrow, default)]
    reason: Text<'a>,
    #[serde(borrow, default)]
    message: Text<'a>,
    #[serde(borrow, default)]
    involved_object: Involved<'a>,
    #[serde(borrow, default)]
    source: Maybe<Source<'a>>,
    #[serde(borrow, default)]
    reporting_component: Text<'a>,
    #[serde(default)]
    count: Option<u32>,
    #[serde(borrow, default)]
    first_timestamp: Text<'a>,
    #[serde(borrow, default)]
    last_timestamp: Text<'a>,
    #[serde(borrow, default)]
    event_time: Text<'a>,
    #[serde(borrow, default)]
    series: Maybe<Series<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Involved<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    uid: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Source<'a> {
    #[serde(borrow)]
    component: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Series<'a> {
    count: u32,
    #[serde(borrow)]
    last_observed_time: Text<'a>,
}

impl<'a> Slim<'a> for EventIn<'a> {
    fn meta(&self) -> &MetaIn<'a> {
        &self.metadata
    }

    fn change(&self, _kind: Kind, key: Key, intern: &mut Interner) -> Change {
        let meta = self.metadata.row(&key, intern);
        let first = self.first_timestamp.time().or_else(|| self.event_time.time());
        let last = [&self.series.last_observed_time, &self.last_timestamp, &self.event_time];
        let source = [&self.source.component, &self.reporting_component];
        let row = Event {
            warning: &*self.r#type == "Warning",
            reason: intern.text(&self.reason),
            message: intern.text(&self.message),
            about_kind: intern.text(&self.involved_object.kind),
            about_name: intern.text(&self.involved_object.name),
            about_uid: intern.text(&self.involved_object.uid),
            source: intern.text(source.into_iter().find(|s| !s.is_empty()).map_or("", |s| s)),
            count: self.count.unwrap_or(0).max(self.series.count).max(1),
            first,
            last: last.into_iter().find_map(Text::time).unwrap_or(meta.created),
            meta,
        };
        Change::Event(key, Some(Arc::new(row)))
    }
}

#[derive(Deserialize)]
pub struct NodeIn<'a> {
    #[serde(borrow)]
    metadata: MetaIn<'a>,
    #[serde(default)]
    spec: NodeSpec,
    #[serde(borrow, default)]
    status: NodeStatus<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NodeSpec {
    unschedulable: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NodeStatus<'a> {
    #[serde(borrow)]
    conditions: Maybe<Vec<ConditionIn<'a>>>,
    #[serde(borrow)]
    allocatable: Allocatable<'a>,
    #[serde(borrow)]
    node_info: NodeInfo<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Allocatable<'a> {
    #[serde(borrow)]
    cpu: Text<'a>,
    #[serde(borrow)]
    memory: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NodeInfo<'a> {
    #[serde(borrow)]
    kubelet_version: Text<'a>,
}

impl<'a> Slim<'a> for NodeIn<'a> {
    fn meta(&self) -> &MetaIn<'a> {
        &self.metadata
    }

    fn change(&self, _kind: Kind, key: Key, intern: &mut Interner) -> Change {
        let roles: Vec<&str> = self
            .metadata
            .labels
            .iter()
            .filter_map(|(k, v)| {
                k.strip_prefix("node-role.kubernetes.io/")
                    .or((k == "kubernetes.io/role").then_some(v))
            })
            .filter(|r| !r.is_empty())
            .collect();
        let conditions = conditions(&self.status.conditions, intern);
        let row = Node {
            meta: self.metadata.row(&key, intern),
            ready: conditions.iter().any(|c| c.is("Ready", "True")),
            cordoned: self.spec.unschedulable,
            conditions,
            version: intern.text(&self.status.node_info.kubelet_version),
            roles: intern.text(&roles.join(",")),
            cpu_m: quantity::millicores(&self.status.allocatable.cpu),
            memory: quantity::bytes(&self.status.allocatable.memory),
        };
        Change::Node(key, Some(Arc::new(row)))
    }
}

#[derive(Deserialize)]
pub struct JobIn<'a> {
    #[serde(borrow)]
    metadata: MetaIn<'a>,
    #[serde(default)]
    spec: JobSpec,
    #[serde(borrow, default)]
    status: JobStatus<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct JobSpec {
    completions: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JobStatus<'a> {
    active: u32,
    succeeded: u32,
    failed: u32,
    #[serde(borrow)]
    start_time: Text<'a>,
    #[serde(borrow)]
    completion_time: Text<'a>,
    #[serde(borrow)]
    conditions: Maybe<Vec<ConditionIn<'a>>>,
}

impl<'a> Slim<'a> for JobIn<'a> {
    fn meta(&self) -> &MetaIn<'a> {
        &self.metadata
    }

    fn change(&self, _kind: Kind, key: Key, intern: &mut Interner) -> Change {
        let failed = self
            .status
            .conditions
            .iter()
            .find(|c| &*c.r#type == "Failed" && &*c.status == "True");
        let row = Job {
            meta: self.metadata.row(&key, intern),
            completions: self.spec.completions.unwrap_or(1),
            active: self.status.active,
            succeeded: self.status.succeeded,
            failed: self.status.failed,
            started: self.status.start_time.time(),
            completed: self.status.completion_time.time(),
            failure: failed.map(|c| (c.last_transition_time.time(), intern.text(&c.reason))),
        };
        Change::Job(key, Some(Arc::new(row)))
    }
}

#[derive(Deserialize)]
pub struct CronJobIn<'a> {
    #[serde(borrow)]
    metadata: MetaIn<'a>,
    #[serde(borrow, default)]
    spec: CronSpec<'a>,
    #[serde(borrow, default)]
    status: CronStatus<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CronSpec<'a> {
    #[serde(borrow)]
    schedule: Text<'a>,
    suspend: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CronStatus<'a> {
    active: Maybe<Vec<IgnoredAny>>,
    #[serde(borrow)]
    last_schedule_time: Text<'a>,
    #[serde(borrow)]
    last_successful_time: Text<'a>,
}

impl<'a> Slim<'a> for CronJobIn<'a> {
    fn meta(&self) -> &MetaIn<'a> {
        &self.metadata
    }

    fn change(&self, _kind: Kind, key: Key, intern: &mut Interner) -> Change {
        let row = CronJob {
            meta: self.metadata.row(&key, intern),
            schedule: intern.text(&self.spec.schedule),
            suspended: self.spec.suspend.unwrap_or(false),
            active: self.status.active.len() as u32,
            last_scheduled: self.status.last_schedule_time.time(),
            last_success: self.status.last_successful_time.time(),
        };
        Change::CronJob(key, Some(Arc::new(row)))
    }
}
