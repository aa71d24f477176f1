//! Lists: pages of stored bytes, Tables, metadata only.

use super::answer::{self, Answer};
use super::convert;
use super::object::Object;
use super::request::{Form, Query};
use super::resources::Resource;
use super::selector::Selector;
use super::status::Status;
use super::store::Store;
use super::table::{self, Include};
use crate::sim::kube::object::put;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use hyper::body::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::io;
use std::sync::Arc;

/// Pieces of a streamed list are about so long.
const PIECE: usize = 64 << 10;

/// Writes one item of a list.
type WriteItem = Box<dyn Fn(&mut Vec<u8>, &Object) + Send>;

/// What a list is of.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub resource: &'static Resource,
    /// The version served.
    pub version: String,
    pub namespace: Option<String>,
}

impl Scope {
    /// Whether stored bytes can be sent as they are.
    fn is_stored_version(&self) -> bool {
        self.version == self.resource.version
    }

    /// An object's bytes in the version asked for.
    pub fn bytes(&self, object: &Object) -> Bytes {
        if self.is_stored_version() {
            return object.raw.clone();
        }
        let value = convert::from_stored(self.resource, &self.version, object.value());
        Bytes::from(serde_json::to_vec(&value).unwrap_or_default())
    }

    /// `apiVersion` as asked for.
    pub fn api_version(&self) -> String {
        if self.resource.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.resource.group, self.version)
        }
    }
}

/// Answers a list.
pub(crate) fn list(store: &Store, scope: &Scope, query: &Query, form: Form) -> Result<Answer, Status> {
    let r = scope.resource;
    let selector = Selector::parse(r.plural, query.get("labelSelector"), query.get("fieldSelector"))?;
    let limit = match query.number("limit") {
        None | Some(0) => usize::MAX,
        Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
    };
    let asked = query.get("resourceVersion").filter(|v| *v != "0");
    let mut version = None;
    let mut after = None;
    if let Some(token) = query.get("continue") {
        let (rv, start) = read_token(token)?;
        if rv < store.forgotten(r) {
            return Err(too_old_to_continue());
        }
        version = Some(rv);
        after = Some(match &scope.namespace {
            Some(namespace) => format!("{namespace}/{start}"),
            None if r.namespaced => start,
            None => format!("/{start}"),
        });
    } else if let Some(asked) = asked {
        check_version(store, r, asked, query.get("resourceVersionMatch"))?;
        if query.get("resourceVersionMatch") == Some("Exact") && asked == "1" {
            // Version 1 is that of the empty store.
            let metadata = json!({"resourceVersion": "1"});
            return Ok(document(scope, form, &metadata, Vec::new(), query, store.clock().now()));
        }
    }
    let page = store.page(r, scope.namespace.as_deref(), after.as_deref(), limit, |o| {
        selector.matches(o)
    });
    let version = version.unwrap_or(page.version);
    let mut metadata = json!({"resourceVersion": version.to_string()});
    if let Some(next) = &page.next {
        let relative = if scope.namespace.is_some() || !r.namespaced {
            next.split_once('/').map_or(next.as_str(), |(_, name)| name)
        } else {
            next
        };
        put(&mut metadata, &["continue"], json!(token(version, relative)));
        if selector.is_empty() {
            put(&mut metadata, &["remainingItemCount"], json!(page.remaining));
        }
    } else if r.is_custom() {
        put(&mut metadata, &["continue"], json!(""));
    }
    Ok(document(
        scope,
        form,
        &metadata,
        page.objects,
        query,
        store.clock().now(),
    ))
}

fn check_version(store: &Store, r: &'static Resource, asked: &str, matching: Option<&str>) -> Result<(), Status> {
    let Ok(number) = asked.parse::<u64>() else {
        return Err(Status::new(
            400,
            "BadRequest",
            format!(
                "resourceVersion: Invalid value: \"{asked}\": strconv.ParseUint: parsing \"{asked}\": invalid syntax"
            ),
        ));
    };
    let newest = store.version();
    if number > newest {
        let mut status = Status::new(
            504,
            "Timeout",
            format!("Timeout: Too large resource version: {number}, current: {newest}"),
        );
        status.details = Some(json!({"retryAfterSeconds": 1,
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]}));
        status.retry_after = Some(1);
        return Err(status);
    }
    if matching == Some("Exact") && number != 1 && number < store.forgotten(r) {
        return Err(Status::expired(format!(
            "The resourceVersion for the provided list is too old: {number}"
        )));
    }
    Ok(())
}

fn document(
    scope: &Scope,
    form: Form,
    metadata: &Value,
    objects: Vec<Arc<Object>>,
    query: &Query,
    now: Timestamp,
) -> Answer {
    let (head, item): (String, WriteItem) = match form {
        Form::Json => {
            let kind = scope.resource.kind;
            let api = scope.api_version();
            let head =
                format!("{{\"kind\":\"{kind}List\",\"apiVersion\":\"{api}\",\"metadata\":{metadata},\"items\":[");
            let scope = scope.clone();
            // Custom resources carry their kind in lists, built-in ones do not.
            let custom = scope.resource.is_custom();
            let write = move |out: &mut Vec<u8>, object: &Object| {
                if custom || !scope.is_stored_version() {
                    out.extend_from_slice(&scope.bytes(object));
                } else {
                    let (open, rest) = object.list_item();
                    out.extend_from_slice(open);
                    out.extend_from_slice(rest);
                }
            };
            (head, Box::new(write))
        }
        Form::Table => {
            let columns = table::columns(scope.resource);
            let head = format!(
                "{{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{metadata},\"columnDefinitions\":{columns},\"rows\":["
            );
            let include = Include::of(query.get("includeObject"));
            let write = move |out: &mut Vec<u8>, object: &Object| {
                let _ = serde_json::to_writer(out, &table::row(object, include, now));
            };
            (head, Box::new(write))
        }
        Form::Metadata => {
            let head = format!(
                "{{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{metadata},\"items\":["
            );
            let write = |out: &mut Vec<u8>, object: &Object| {
                let _ = serde_json::to_writer(out, &table::partial(object.value()));
            };
            (head, Box::new(write))
        }
    };
    let mut objects = objects.into_iter().peekable();
    let mut head = Some(head);
    let mut done = false;
    let mut first = true;
    let mut next_piece = move || -> Option<Bytes> {
        if done {
            return None;
        }
        let mut piece = head.take().map(String::into_bytes).unwrap_or_default();
        while piece.len() < PIECE {
            let Some(object) = objects.next() else { break };
            if !std::mem::take(&mut first) {
                piece.push(b',');
            }
            item(&mut piece, &object);
        }
        if objects.peek().is_none() {
            piece.extend_from_slice(b"]}\n");
            done = true;
        }
        Some(Bytes::from(piece))
    };
    let Some(start) = next_piece() else {
        return answer::bytes(200, "application/json", Bytes::new());
    };
    if start.ends_with(b"]}\n") && start.len() < 2 * PIECE {
        // Short: one body with its length (a longer one that happens to end so is streamed all the same).
        if let Some(more) = next_piece() {
            let pieces = [Ok(start), Ok(more)]
                .into_iter()
                .chain(std::iter::from_fn(move || next_piece().map(Ok)));
            return answer::stream("application/json", futures_util::stream::iter(pieces));
        }
        return answer::bytes(200, "application/json", start);
    }
    let pieces = std::iter::once(start)
        .chain(std::iter::from_fn(next_piece))
        .map(io::Result::Ok);
    answer::stream("application/json", futures_util::stream::iter(pieces))
}

fn token(version: u64, relative: &str) -> String {
    let start = json!(format!("/{relative}\0"));
    URL_SAFE_NO_PAD.encode(format!(
        "{{\"v\":\"meta.k8s.io/v1\",\"rv\":{version},\"start\":{start}}}"
    ))
}

fn read_token(token: &str) -> Result<(u64, String), Status> {
    let invalid = |why: &str| Status::bad_request(format!("invalid continue token: continue key is not valid: {why}"));
    let trimmed = token.trim_end_matches('=');
    let Ok(bytes) = URL_SAFE_NO_PAD
        .decode(trimmed)
        .or_else(|_| STANDARD_NO_PAD.decode(trimmed))
    else {
        return Err(invalid("illegal base64 data at input byte 0"));
    };
    let value: Value =
        serde_json::from_slice(&bytes).map_err(|_| invalid(&super::gojson::error(&String::from_utf8_lossy(&bytes))))?;
    if value.get("v").and_then(Value::as_str) != Some("meta.k8s.io/v1") {
        return Err(invalid("server does not recognize this encoded version \"\""));
    }
    let start = value.get("start").and_then(Value::as_str).unwrap_or_default();
    let name = start.trim_start_matches('/').trim_end_matches('\0').to_owned();
    let version = value.get("rv").and_then(Value::as_u64).unwrap_or(0);
    Ok((version, name))
}

fn too_old_to_continue() -> Status {
    Status::expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
    )
}
