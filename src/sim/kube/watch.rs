//! Watches: what changed since a version, as JSON, as Table rows or as metadata, one event a line.
//!
//! A watch holds no queue of its own: it reads the resource's history, and gets 410 when it is too slow for it.

use super::answer::{self, Answer};
use super::changes::Change;
use super::history::Event;
use super::http::Api;
use super::list::Scope;
use super::object::Object;
use super::request::{Form, Query};
use super::selector::Selector;
use super::status::Status;
use super::table::{self, Include};
use crate::sim::kube::object::put;
use hyper::body::Bytes;
use serde_json::{Value, json};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// So many changes are read from the history at a time.
const BATCH: usize = 500;
/// So many pieces may wait for a slow reader.
const PIECES: usize = 8;

struct Watch {
    api: Arc<Api>,
    scope: Scope,
    selector: Selector,
    form: Form,
    include: Include,
    /// The columns went out already.
    columns_sent: bool,
}

/// Answers a watch.
pub(crate) fn watch(
    api: &Arc<Api>,
    scope: &Scope,
    query: &Query,
    form: Form,
    name: Option<&str>,
) -> Result<Answer, Status> {
    let r = scope.resource;
    let by_name = name.map(|n| format!("metadata.name={n}"));
    let fields = by_name.as_deref().or(query.get("fieldSelector"));
    let selector = Selector::parse(r.plural, query.get("labelSelector"), fields)?;
    let initial = query.is_true("sendInitialEvents");
    if initial && query.get("resourceVersionMatch") != Some("NotOlderThan") {
        let cause = super::status::Cause {
            reason: "FieldValueForbidden",
            message: "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan".to_owned(),
            field: "resourceVersionMatch".to_owned(),
        };
        return Err(Status::invalid("meta.k8s.io", "ListOptions", "", &[cause]));
    }
    let from = match query.get("resourceVersion") {
        None | Some("0") => None,
        Some(text) => Some(
            text.parse::<u64>()
                .map_err(|_| Status::bad_request(format!("strconv.ParseUint: parsing \"{text}\": invalid syntax")))?,
        ),
    };
    let (sender, mut receiver) = mpsc::channel(PIECES);
    let watch = Watch {
        api: api.clone(),
        scope: scope.clone(),
        selector,
        form,
        include: Include::of(query.get("includeObject")),
        columns_sent: false,
    };
    let bookmarks = query.is_true("allowWatchBookmarks");
    let timeout = query.number("timeoutSeconds").map(Duration::from_secs);
    let start = if initial {
        Start::Initial { mark: bookmarks }
    } else {
        from.map_or(Start::Synthetic, Start::After)
    };
    tokio::spawn(watch.run(start, bookmarks, timeout, sender));
    let pieces = futures_util::stream::poll_fn(move |context| receiver.poll_recv(context));
    Ok(answer::stream("application/json", pieces))
}

enum Start {
    /// The present objects, then (if asked) a bookmark that says they are all, then changes.
    Initial { mark: bool },
    /// The present objects without that bookmark: a watch from version 0 or none.
    Synthetic,
    /// Changes after this version.
    After(u64),
}

type Sender = mpsc::Sender<io::Result<Bytes>>;

impl Watch {
    async fn run(mut self, start: Start, bookmarks: bool, timeout: Option<Duration>, to: Sender) {
        let r = self.scope.resource;
        let mut newest = self.api.store.newest(r);
        let mut cuts = self.api.faults.cuts();
        cuts.mark_unchanged();
        let deadline = timeout.map(|t| Instant::now() + t);
        let mut next_bookmark = Instant::now() + self.api.bookmark_every;
        let mut at = match start {
            Start::After(version) => version,
            Start::Initial { .. } | Start::Synthetic => {
                let page = self
                    .api
                    .store
                    .page(r, self.scope.namespace.as_deref(), None, usize::MAX, |o| {
                        self.selector.matches(o)
                    });
                let mut piece = Vec::new();
                for object in page.objects {
                    let bytes = self.scope.bytes(&object);
                    self.frame(&mut piece, "ADDED", &object, &bytes);
                    if piece.len() > 64 << 10 && to.send(Ok(std::mem::take(&mut piece).into())).await.is_err() {
                        return;
                    }
                }
                if matches!(start, Start::Initial { mark: true }) {
                    self.bookmark(&mut piece, page.version, true);
                }
                if !piece.is_empty() && to.send(Ok(piece.into())).await.is_err() {
                    return;
                }
                page.version
            }
        };
        loop {
            newest.mark_unchanged();
            let version = self.api.store.version();
            let Some(events) = self.api.store.history(r, at, BATCH) else {
                let _ = to.send(Ok(self.expired(at))).await;
                return;
            };
            if let Some(last) = events.last() {
                at = last.version;
                let mut piece = Vec::new();
                for event in &events {
                    self.event(&mut piece, event);
                }
                if !piece.is_empty() && to.send(Ok(piece.into())).await.is_err() {
                    return;
                }
                continue;
            }
            at = at.max(version.min(self.api.store.version()));
            tokio::select! {
                biased;
                () = to.closed() => return,
                _ = cuts.changed() => {
                    let _ = to.send(Err(io::Error::new(io::ErrorKind::ConnectionReset, "cut"))).await;
                    return;
                }
                () = until(deadline) => {
                    if bookmarks {
                        let mut piece = Vec::new();
                        self.bookmark(&mut piece, at, false);
                        let _ = to.send(Ok(piece.into())).await;
                    }
                    return;
                }
                changed = newest.changed() => if changed.is_err() { return },
                () = sleep_until(next_bookmark), if bookmarks => {
                    next_bookmark = Instant::now() + self.api.bookmark_every;
                    let mut piece = Vec::new();
                    self.bookmark(&mut piece, at, false);
                    if to.send(Ok(piece.into())).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Writes what this watch should see of a change: an object that begins or ceases to match comes or goes.
    fn event(&mut self, out: &mut Vec<u8>, event: &Event) {
        if self
            .scope
            .namespace
            .as_deref()
            .is_some_and(|n| *n != *event.object.meta.namespace)
        {
            return;
        }
        let is = event.change != Change::Deleted && self.selector.matches(&event.object);
        let was = event.change != Change::Added && event.old.as_ref().is_some_and(|o| self.selector.matches(o));
        let kind = match (was, is) {
            (false, false) => return,
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
        };
        if kind == "DELETED" && event.change != Change::Deleted {
            // It only left the selection: the client gets the object that it knows, at the version of the change.
            let mut value = event.old.as_ref().map(|o| o.value()).unwrap_or_default();
            put(
                &mut value,
                &["metadata", "resourceVersion"],
                json!(event.version.to_string()),
            );
            let object = Object::new(self.scope.resource, value);
            let bytes = self.scope.bytes(&object);
            self.frame(out, kind, &object, &bytes);
        } else {
            let bytes = self.scope.bytes(&event.object);
            self.frame(out, kind, &event.object, &bytes);
        }
    }

    fn frame(&mut self, out: &mut Vec<u8>, kind: &str, object: &Object, bytes: &[u8]) {
        out.extend_from_slice(b"{\"type\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\",\"object\":");
        match self.form {
            Form::Json => out.extend_from_slice(bytes),
            Form::Metadata => {
                let _ = serde_json::to_writer(&mut *out, &table::partial(object.value()));
            }
            Form::Table => {
                let row = table::row(object, self.include, self.api.store.clock().now());
                let version = object.meta.resource_version.to_string();
                let _ = serde_json::to_writer(&mut *out, &self.table(&version, json!([row])));
            }
        }
        out.extend_from_slice(b"}\n");
    }

    fn table(&mut self, version: &str, rows: Value) -> Value {
        // The columns go out once: clients keep them, and print their heading again when they come again.
        let columns = if std::mem::replace(&mut self.columns_sent, true) {
            Value::Null
        } else {
            table::columns(self.scope.resource)
        };
        json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": version},
            "columnDefinitions": columns, "rows": rows})
    }

    fn bookmark(&mut self, out: &mut Vec<u8>, version: u64, initial_end: bool) {
        let mut metadata = json!({"resourceVersion": version.to_string()});
        if initial_end {
            put(
                &mut metadata,
                &["annotations"],
                json!({"k8s.io/initial-events-end": "true"}),
            );
        }
        let mut object =
            json!({"kind": self.scope.resource.kind, "apiVersion": self.scope.api_version(), "metadata": metadata});
        match (self.form, self.scope.resource.key) {
            (Form::Json, "pods") => {
                put(&mut object, &["spec"], json!({"containers": null}));
                put(&mut object, &["status"], json!({}));
            }
            (Form::Json, _) => {}
            (Form::Metadata, _) => object = table::partial(object),
            (Form::Table, _) => {
                let row = json!({"cells": [], "object": table::partial(object)});
                object = self.table(&version.to_string(), json!([row]));
                put(&mut object, &["rows"], json!([]));
            }
        }
        let _ = serde_json::to_writer(&mut *out, &json!({"type": "BOOKMARK", "object": object}));
        out.push(b'\n');
    }

    fn expired(&self, at: u64) -> Bytes {
        let oldest = self.api.store.forgotten(self.scope.resource);
        let status = Status::expired(format!("too old resource version: {at} ({oldest})"));
        let mut text = json!({"type": "ERROR", "object": status.value()}).to_string();
        text.push('\n');
        Bytes::from(text)
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
