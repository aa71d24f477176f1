//! `GET pods/NAME/log`.

use super::answer::{self, Answer};
use super::http::Api;
use super::object::Object;
use super::platform::{LogLines, LogQuery};
use super::request::Query;
use super::status::Status;
use hyper::body::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How often a followed log looks for new lines.
const LOOK: Duration = Duration::from_millis(250);

/// Answers with the lines of a container.
pub(crate) fn log(api: &Arc<Api>, pod: &Object, query: &Query) -> Result<Answer, Status> {
    let value = pod.value();
    let container = choose_container(&value, &pod.meta.name, query.get("container"))?;
    let now = api.store.clock().now();
    let since = match (query.number("sinceSeconds"), query.get("sinceTime")) {
        (Some(seconds), _) => now.checked_sub(SignedDuration::from_secs(seconds as i64)).ok(),
        (None, Some(at)) => Some(at.parse::<Timestamp>().map_err(|_| {
            Status::bad_request(format!(
                "parsing time \"{at}\" as \"2006-01-02T15:04:05Z07:00\": cannot parse"
            ))
        })?),
        (None, None) => None,
    };
    let tail = query
        .number("tailLines")
        .map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    let mut ask = LogQuery {
        container: container.clone(),
        previous: query.is_true("previous"),
        since,
        until: Some(now),
        tail,
    };
    waiting(&value, &pod.meta.name, &container, ask.previous)?;
    let stamped = query.is_true("timestamps");
    let mut left = query
        .number("limitBytes")
        .map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    let first = text(api.platform.logs(&value, &ask)?, stamped, &mut left);
    if !query.is_true("follow") || ask.previous {
        return Ok(answer::bytes(200, "text/plain", first));
    }
    let (sender, mut receiver) = mpsc::channel(8);
    let api = api.clone();
    let (namespace, name, uid) = (pod.meta.namespace.clone(), pod.meta.name.clone(), pod.meta.uid.clone());
    tokio::spawn(async move {
        let mut cuts = api.faults.cuts();
        cuts.mark_unchanged();
        if !first.is_empty() && sender.send(Ok(Bytes::from(first))).await.is_err() {
            return;
        }
        while left > 0 {
            tokio::select! {
                biased;
                () = sender.closed() => return,
                _ = cuts.changed() => {
                    let _ = sender.send(Err(io::Error::new(io::ErrorKind::ConnectionReset, "cut"))).await;
                    return;
                }
                () = tokio::time::sleep(LOOK) => {}
            }
            let present = api.store.get(&super::resources::PODS, &namespace, &name);
            let Some(pod) = present.filter(|p| p.meta.uid == uid) else {
                return;
            };
            let pod = pod.value();
            let ended = api.platform.logs_ended(&pod, &ask.container);
            ask = LogQuery {
                since: ask.until,
                until: Some(api.store.clock().now()),
                tail: None,
                ..ask
            };
            let Ok(lines) = api.platform.logs(&pod, &ask) else {
                return;
            };
            let more = text(lines, stamped, &mut left);
            if !more.is_empty() && sender.send(Ok(Bytes::from(more))).await.is_err() {
                return;
            }
            if ended {
                return;
            }
        }
    });
    let pieces = futures_util::stream::poll_fn(move |context| receiver.poll_recv(context));
    Ok(answer::stream("text/plain", pieces))
}

fn text(lines: LogLines, stamped: bool, left: &mut usize) -> Vec<u8> {
    let mut out = String::new();
    for (at, line) in lines {
        if stamped {
            out.push_str(&super::clock::rfc3339_micro(at));
            out.push(' ');
        }
        out.push_str(&line);
        out.push('\n');
    }
    let mut out = out.into_bytes();
    out.truncate(*left);
    *left -= out.len();
    out
}

fn names<'a>(pod: &'a Value, field: &str) -> Vec<&'a str> {
    let list = pod.get("spec").and_then(|s| s.get(field)).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|c| c.get("name")?.as_str())
        .collect()
}

fn choose_container(pod: &Value, name: &str, asked: Option<&str>) -> Result<String, Status> {
    let (containers, init) = (names(pod, "containers"), names(pod, "initContainers"));
    if let Some(asked) = asked {
        if containers.iter().chain(&init).any(|c| *c == asked) {
            return Ok(asked.to_owned());
        }
        return Err(Status::bad_request(format!(
            "container {asked} is not valid for pod {name}"
        )));
    }
    match containers.as_slice() {
        [one] => Ok((*one).to_owned()),
        many => {
            let mut message = format!(
                "a container name must be specified for pod {name}, choose one of: [{}]",
                many.join(" ")
            );
            if !init.is_empty() {
                message = format!("{message} or one of the init containers: [{}]", init.join(" "));
            }
            Err(Status::bad_request(message))
        }
    }
}

/// The kubelet has no log of a container that has not started.
fn waiting(pod: &Value, name: &str, container: &str, previous: bool) -> Result<(), Status> {
    let statuses = ["containerStatuses", "initContainerStatuses"];
    let status = statuses.iter().find_map(|field| {
        let list = pod.get("status")?.get(*field)?.as_array()?;
        list.iter()
            .find(|c| c.get("name").and_then(Value::as_str) == Some(container))
    });
    let Some(status) = status else { return Ok(()) };
    let has_run = status.pointer("/lastState/terminated").is_some();
    if previous && !has_run && status.get("restartCount").and_then(Value::as_i64) == Some(0) {
        return Ok(());
    }
    match status.pointer("/state/waiting/reason").and_then(Value::as_str) {
        Some(reason) if !has_run => {
            let why = match reason {
                "ErrImagePull" => "image can't be pulled",
                "ImagePullBackOff" => "trying and failing to pull image",
                other => other,
            };
            Err(Status::bad_request(format!(
                "container \"{container}\" in pod \"{name}\" is waiting to start: {why}"
            )))
        }
        _ => Ok(()),
    }
}
