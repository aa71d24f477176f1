//! What stands behind a [`super::logs::LogStream`]: one reader a container, begun and ended as pods come and go.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::connect::Cluster;
use super::fault::{Fault, FaultKind};
use super::feeds::Timing;
use super::logs::{LogItem, LogLine, LogOf, LogQuery, Outlet};
use super::watch::{Out, Subject, Watch};
use super::wire;
use crate::model::{Change, ContainerState, Freshness, Kind, Pod, Str};

/// Containers read at the same time: each is a connection.
const MOST: usize = 60;
/// Lines handed over at once.
const BATCH: usize = 500;
/// Without a line for so long, a stream is opened again: its link may be dead.
const SILENCE: Duration = Duration::from_secs(600);
const AGAIN_MIN: Duration = Duration::from_secs(1);
const AGAIN_MAX: Duration = Duration::from_secs(15);

/// What every reader of one stream needs.
#[derive(Clone)]
pub struct Reader {
    pub cluster: Cluster,
    pub query: Arc<LogQuery>,
    pub out: Outlet,
}

pub struct Supervisor {
    reader: Reader,
    /// Readers by pod uid and container.
    running: HashMap<(Str, Str), AbortHandle>,
    tasks: JoinSet<()>,
    told_full: bool,
    /// Containers of which was said that they have not started.
    told_waiting: HashSet<(Str, Str)>,
    /// The last trouble of the watch that was told.
    told: String,
}

/// News of the watch of pods.
enum Pods {
    Change(Change),
    State(Freshness),
}

struct Forward(mpsc::UnboundedSender<Pods>);

impl Out for Forward {
    fn change(&mut self, change: Change) {
        let _ = self.0.send(Pods::Change(change));
    }

    fn state(&mut self, state: Freshness) {
        let _ = self.0.send(Pods::State(state));
    }
}

impl Supervisor {
    pub fn new(reader: Reader) -> Self {
        Self {
            reader,
            running: HashMap::new(),
            tasks: JoinSet::new(),
            told_full: false,
            told_waiting: HashSet::new(),
            told: String::new(),
        }
    }

    /// Ends when nothing more can come: without `follow`, when all that was there has been read.
    pub async fn run(mut self) {
        let (namespace, selector) = match &self.reader.query.of {
            LogOf::Pod(pod) => (
                pod.namespace.to_string(),
                format!("&fieldSelector=metadata.name%3D{}", pod.name),
            ),
            LogOf::Selector { namespace, selector } => (
                namespace.clone(),
                format!("&labelSelector={}", wire::escape(&selector.query())),
            ),
        };
        let subject = Subject {
            kind: Kind::Pod,
            namespace: Some(namespace),
            selector,
        };
        // Unbounded, but fed only by one small watch whose rows are compared first.
        let (send, mut pods) = mpsc::unbounded_channel();
        // Nobody wakes this watch.
        let (_wake, woken) = tokio::sync::watch::channel(0);
        let cluster = self.reader.cluster.clone();
        let mut watch = Watch::new(cluster, subject, Timing::default(), woken, Forward(send));
        let watching = self.tasks.spawn(async move { watch.run().await });
        let mut known: HashMap<Str, Arc<Pod>> = HashMap::new();
        let nobody: Str = "".into();
        let mut said_empty = false;
        let once = !self.reader.query.follow || self.reader.query.previous;
        while let Some(news) = pods.recv().await {
            match news {
                Pods::Change(Change::Pod(_, Some(pod))) => self.seen(&mut known, &pod).await,
                Pods::Change(Change::Pod(key, None)) => {
                    if let Some(pod) = known.remove(&key.name) {
                        self.left(&pod).await;
                    }
                }
                Pods::State(Freshness::Fresh) => {
                    if known.is_empty() && !std::mem::replace(&mut said_empty, true) {
                        let text = "no pods yet".to_owned();
                        self.reader.out.note(&nobody, "", text, false).await;
                    }
                    self.told.clear();
                    if once {
                        break;
                    }
                }
                Pods::State(
                    Freshness::Forbidden { why } | Freshness::Failed { why, .. } | Freshness::Stale { why, .. },
                ) => {
                    if *why != *self.told {
                        self.told = why.to_string();
                        self.reader.out.note(&nobody, "", why.to_string(), true).await;
                    }
                    if once {
                        break;
                    }
                }
                Pods::Change(_) | Pods::State(_) => {}
            }
        }
        watching.abort();
        while self.tasks.join_next().await.is_some() {}
    }

    async fn seen(&mut self, known: &mut HashMap<Str, Arc<Pod>>, pod: &Arc<Pod>) {
        if let LogOf::Pod(wanted) = &self.reader.query.of
            && !wanted.uid.is_empty()
            && wanted.uid != pod.meta.uid
        {
            return;
        }
        if let Some(before) = known.insert(Arc::clone(&pod.meta.name), Arc::clone(pod))
            && before.meta.uid != pod.meta.uid
        {
            self.left(&before).await;
        }
        for container in pod.containers.iter() {
            if self
                .reader
                .query
                .container
                .as_ref()
                .is_some_and(|c| **c != *container.name)
            {
                continue;
            }
            // What never ran has no log, and asking for it is an error.
            let slot = (Arc::clone(&pod.meta.uid), Arc::clone(&container.name));
            if self.running.contains_key(&slot) {
                continue;
            }
            if let (ContainerState::Waiting { reason, .. }, None) = (&container.state, &container.last) {
                if self.told_waiting.insert(slot) {
                    let text = format!(
                        "has not started yet ({})",
                        if reason.is_empty() { "pending" } else { reason }
                    );
                    self.reader.out.note(&pod.meta.name, &container.name, text, false).await;
                }
                continue;
            }
            if self.running.len() >= MOST {
                if !self.told_full {
                    self.told_full = true;
                    let text = format!("more than {MOST} containers: the others are left out, choose a pod");
                    self.reader.out.note(&pod.meta.name, "", text, true).await;
                }
                return;
            }
            let reader = self.reader.clone();
            let (pod, name) = (Arc::clone(pod), Arc::clone(&container.name));
            self.running
                .insert(slot, self.tasks.spawn(async move { reader.read(&pod, name).await }));
        }
    }

    async fn left(&mut self, pod: &Pod) {
        self.running.retain(|(uid, _), task| {
            let stays = *uid != pod.meta.uid;
            if !stays {
                task.abort();
            }
            stays
        });
        self.reader
            .out
            .note(&pod.meta.name, "", "the pod is gone".to_owned(), false)
            .await;
    }
}

/// How far one container has been read: the time of the last line, and what was read of that very moment.
struct Place {
    at: Option<Timestamp>,
    lines: HashSet<String>,
}

impl Place {
    /// Whether a line is new; remembers it if so. The server begins again at a whole second, so that lines come twice.
    fn is_new(&mut self, at: Option<Timestamp>, text: &str, reopened: bool) -> bool {
        let Some(now) = at else {
            return true;
        };
        if let Some(last) = self.at
            && reopened
            && (now < last || (now == last && self.lines.contains(text)))
        {
            return false;
        }
        if self.at != at {
            self.at = at;
            self.lines.clear();
        }
        // A burst within one timestamp must not grow without bound.
        if self.lines.len() < 1000 {
            self.lines.insert(text.to_owned());
        }
        true
    }
}

impl Reader {
    async fn read(self, pod: &Pod, container: Str) {
        let mut place = Place {
            at: None,
            lines: HashSet::new(),
        };
        let mut reopened = false;
        let mut again = AGAIN_MIN;
        let mut told: Option<String> = None;
        loop {
            let follow = self.query.follow && !self.query.previous;
            let before = place.at;
            let outcome = self.once(pod, &container, &mut place, reopened).await;
            let pod_name = &pod.meta.name;
            match outcome {
                Ok(()) if !follow => return,
                Ok(()) => {}
                // A container that was never restarted has no previous log; a pod that went has none at all.
                Err(f) if !follow || f.kind == FaultKind::Absent => {
                    let say = if self.query.previous && f.say.contains("previous terminated container") {
                        "it was not restarted, or the node has thrown its earlier log away".to_owned()
                    } else {
                        f.say
                    };
                    self.out.note(pod_name, &container, say, true).await;
                    return;
                }
                Err(f) => {
                    if told.as_ref() != Some(&f.say) {
                        self.out.note(pod_name, &container, f.say.clone(), true).await;
                        told = Some(f.say);
                    }
                }
            }
            if place.at == before {
                again = (again * 2).min(AGAIN_MAX);
            } else {
                again = AGAIN_MIN;
                told = None;
            }
            reopened = place.at.is_some();
            tokio::time::sleep(again).await;
        }
    }

    fn path(&self, pod: &Pod, container: &str, place: &Place) -> String {
        let (ns, name, query) = (&pod.meta.namespace, &pod.meta.name, &self.query);
        let container = wire::escape(container);
        let mut path = format!("/api/v1/namespaces/{ns}/pods/{name}/log?container={container}&timestamps=true");
        if query.previous {
            path.push_str("&previous=true");
        } else if query.follow {
            path.push_str("&follow=true");
        }
        let since = place.at.or(query.since);
        if let Some(since) = since {
            path.push_str("&sinceTime=");
            path.push_str(&wire::escape(&since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()));
        }
        if let (Some(tail), None) = (query.tail, place.at) {
            path.push_str("&tailLines=");
            path.push_str(&tail.to_string());
        }
        path
    }

    /// Reads one stream to its end.
    async fn once(&self, pod: &Pod, container: &Str, place: &mut Place, reopened: bool) -> Result<(), Fault> {
        let path = self.path(pod, container, place);
        let mut lines = wire::lines(self.cluster.reader(), &path).await?;
        let mut batch = Vec::new();
        loop {
            while let Some(line) = lines.ready() {
                let text = String::from_utf8_lossy(line);
                let (at, text) = stamp(text.trim_end_matches('\r'));
                // `sinceTime` counts in seconds.
                let early = self.query.since.is_some_and(|s| at.is_some_and(|at| at < s));
                if !early && place.is_new(at, text, reopened) {
                    batch.push(LogItem::Line(LogLine {
                        pod: Arc::clone(&pod.meta.name),
                        container: Arc::clone(container),
                        at,
                        text: text.to_owned(),
                    }));
                }
                if batch.len() >= BATCH {
                    self.out.lines(std::mem::take(&mut batch)).await;
                }
            }
            if !batch.is_empty() {
                self.out.lines(std::mem::take(&mut batch)).await;
            }
            match tokio::time::timeout(SILENCE, lines.more()).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) | Err(_) => return Ok(()),
                Ok(Err(fault)) => return Err(fault),
            }
        }
    }
}

/// The time that `timestamps=true` puts before a line, and the line.
fn stamp(line: &str) -> (Option<Timestamp>, &str) {
    match line.split_once(' ') {
        Some((time, text)) => match time.parse() {
            Ok(at) => (Some(at), text),
            Err(_) => (None, line),
        },
        // An empty line has nothing after its time.
        None => line.parse().map_or((None, line), |at| (Some(at), "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_opened_again_gives_no_line_twice_and_loses_none() {
        let mut place = Place {
            at: None,
            lines: HashSet::new(),
        };
        let (a, b) = ("2026-11-21T11:47:31.25Z", "2026-11-21T11:47:31.75Z");
        let first = [(a, "one"), (b, "two"), (b, "three")];
        for (at, text) in first {
            assert!(place.is_new(at.parse().ok(), text, false));
        }
        // The same second again, with one more line of the very last moment.
        let again = [
            (a, "one", false),
            (b, "two", false),
            (b, "three", false),
            (b, "four", true),
        ];
        for (at, text, new) in again {
            assert_eq!(place.is_new(at.parse().ok(), text, true), new, "{text}");
        }
        assert!(place.is_new("2026-11-21T11:47:32Z".parse().ok(), "one", true));
    }

    #[test]
    fn a_line_without_a_time_is_kept_whole() {
        assert_eq!(stamp("no time here"), (None, "no time here"));
        let (at, text) = stamp("2026-11-21T11:47:31.000000Z  indented");
        assert_eq!((at.is_some(), text), (true, " indented"));
    }
}
