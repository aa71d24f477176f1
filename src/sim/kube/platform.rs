//! What the server asks of the world behind it: log lines, measurements, and whether a kubelet ends pods.

use super::object::Object;
use super::status::Status;
use jiff::Timestamp;
use serde_json::Value;

/// What `GET pods/NAME/log` asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogQuery {
    /// The container; the server has checked that the pod has it.
    pub container: String,
    /// Lines of the terminated run before the present one.
    pub previous: bool,
    /// Nothing before this (of `sinceTime` or `sinceSeconds`).
    pub since: Option<Timestamp>,
    /// Nothing at or after this: the time of the request, or of the last look when following.
    pub until: Option<Timestamp>,
    /// At most so many lines, the last ones.
    pub tail: Option<usize>,
}

/// Lines with their times, oldest first. The server puts the times in front when asked and cuts at `limitBytes`.
pub type LogLines = Vec<(Timestamp, String)>;

/// CPU in nanocores and memory in bytes of one container, or of a node (name empty).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Container name.
    pub name: String,
    /// Nanocores.
    pub cpu_nano: u64,
    /// Bytes.
    pub memory_bytes: u64,
}

/// The world behind the server. Every method must return at once.
pub trait Platform: Send + Sync {
    /// Log lines of a container with `since <= time < until`. For `previous` without a previous run:
    /// [`previous_not_found`]. The server calls it again and again with moving bounds for `follow`.
    fn logs(&self, pod: &Value, query: &LogQuery) -> Result<LogLines, Status>;

    /// True when the container writes no more, so that a `follow` ends.
    fn logs_ended(&self, _pod: &Value, _container: &str) -> bool {
        false
    }

    /// Usage of each container of a pod; `None`: no measurement, the pod is left out of the list.
    fn pod_metrics(&self, pod: &Object) -> Option<Vec<Usage>>;

    /// Usage of a node.
    fn node_metrics(&self, node: &Object) -> Option<Usage>;

    /// True when somebody removes a pod whose deletion is asked for. Otherwise DELETE removes it at once.
    fn has_kubelet(&self) -> bool {
        true
    }
}

/// 400 as the kubelet answers for `previous=true` when the container has not run before.
pub fn previous_not_found(pod: &str, container: &str) -> Status {
    Status::bad_request(format!(
        "previous terminated container \"{container}\" in pod \"{pod}\" not found"
    ))
}

/// A world without anything: no logs, no measurements, no kubelet.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPlatform;

impl Platform for NoPlatform {
    fn logs(&self, _pod: &Value, _query: &LogQuery) -> Result<LogLines, Status> {
        Ok(Vec::new())
    }

    fn logs_ended(&self, _pod: &Value, _container: &str) -> bool {
        true
    }

    fn pod_metrics(&self, _pod: &Object) -> Option<Vec<Usage>> {
        None
    }

    fn node_metrics(&self, _node: &Object) -> Option<Usage> {
        None
    }

    fn has_kubelet(&self) -> bool {
        false
    }
}
