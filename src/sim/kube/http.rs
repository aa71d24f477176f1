//! From a request to an answer: who asks, may it, what for.

use super::answer::{self, Answer};
use super::discovery;
use super::faults::{Fault, Faults, Request as Logged, RequestLog};
use super::list::{self, Scope};
use super::objects::{self, Named};
use super::platform::Platform;
use super::rbac::{Access, User};
use super::request::{self, Form, Query, Target, page_not_found};
use super::resources::NAMESPACES;
use super::status::Status;
use super::store::{Part, Store, Writer};
use super::{eviction, logs, reviews, scale, watch};
use crate::sim::kube::object::put;
use http::{HeaderMap, Request, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Bytes, Incoming};
use serde_json::{Value, json};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The longest body that is read: that of a real server.
const MAX_BODY: usize = 3 << 20;

/// Everything that answering needs.
pub(crate) struct Api {
    pub store: Store,
    pub platform: Arc<dyn Platform>,
    pub faults: Faults,
    pub requests: RequestLog,
    pub users: Vec<User>,
    /// Groups that are not served, as if their definitions were not installed.
    pub hidden: Vec<String>,
    /// How often a quiet watch gets a bookmark.
    pub bookmark_every: Duration,
    /// Where the ports of pods really are.
    pub forwards: super::forward::Forwards,
    /// `127.0.0.1:PORT`
    pub address: String,
}

/// One request, understood.
pub(crate) struct Call {
    pub method: String,
    pub query: Query,
    pub form: Form,
    pub user: User,
    pub agent: String,
    pub content_type: String,
    pub body: Bytes,
    pub dry: bool,
}

impl Call {
    /// The body as JSON (YAML if it says so).
    pub fn json(&self) -> Result<Value, Status> {
        if self.content_type.contains("yaml") {
            return serde_yaml_ng::from_slice(&self.body)
                .map_err(|e| Status::bad_request(format!("error converting YAML to JSON: {e}")));
        }
        if self.content_type.contains("protobuf") {
            return super::protobuf::decode(&self.body).ok_or_else(|| {
                let message = "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml";
                Status::new(415, "UnsupportedMediaType", message)
            });
        }
        serde_json::from_slice(&self.body).map_err(|_| {
            let why = super::gojson::error(&String::from_utf8_lossy(&self.body));
            Status::bad_request(format!(
                "the object provided is unrecognized (must be of type JSON): {why}"
            ))
        })
    }

    /// `DeleteOptions`, of the body or of the query.
    pub fn delete_options(&self) -> Result<Value, Status> {
        let mut options = if self.body.is_empty() { json!({}) } else { self.json()? };
        if !options.is_object() {
            return Err(Status::bad_request("the body is no DeleteOptions"));
        }
        if let Some(grace) = self.query.number("gracePeriodSeconds") {
            put(&mut options, &["gracePeriodSeconds"], json!(grace));
        }
        if let Some(policy) = self.query.get("propagationPolicy") {
            put(&mut options, &["propagationPolicy"], json!(policy));
        }
        Ok(options)
    }

    /// Who writes: `fieldManager`, else the program's name in the user agent.
    pub fn writer(&self, subresource: Option<&'static str>) -> Writer {
        let agent = self.agent.split('/').next().unwrap_or_default();
        let manager = self
            .query
            .get("fieldManager")
            .unwrap_or(if agent.is_empty() { "unknown" } else { agent });
        Writer {
            manager: manager.to_owned(),
            subresource,
            apply: false,
        }
    }
}

impl Api {
    /// Why a user may, or `None`.
    pub fn allowed(&self, user: &User, access: &Access<'_>) -> Option<String> {
        let target = if access.subresource.is_empty() {
            access.resource.to_owned()
        } else {
            format!("{}/{}", access.resource, access.subresource)
        };
        if self.faults.is_refused(access.verb, &target) {
            return None;
        }
        user.allowed(access)
    }

    fn authenticate(&self, headers: &HeaderMap, certificate: Option<&str>) -> Result<User, Status> {
        let bearer = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
        let user = match bearer {
            Some(bearer) => {
                let token = bearer.strip_prefix("Bearer ").unwrap_or_default().trim();
                self.users.iter().find(|u| !token.is_empty() && u.token == token)
            }
            None => certificate.and_then(|name| self.users.iter().find(|u| u.name == name)),
        };
        user.filter(|u| !self.faults.is_expired(&u.name))
            .cloned()
            .ok_or_else(Status::unauthorized)
    }
}

fn header_text(headers: &HeaderMap, name: header::HeaderName) -> String {
    headers
        .get(name)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

/// Answers one request. An `Err` closes the connection without an answer.
pub(crate) async fn serve(
    api: Arc<Api>,
    certificate: Option<String>,
    request: Request<Incoming>,
) -> io::Result<Answer> {
    let path = request.uri().path_and_query().map_or("/", |p| p.as_str()).to_owned();
    let method = request.method().as_str().to_owned();
    let agent = header_text(request.headers(), header::USER_AGENT);
    let known = api.authenticate(request.headers(), certificate.as_deref());
    let user = known.as_ref().map(|u| u.name.clone()).unwrap_or_default();
    let log = |status: u16| {
        api.requests.push(Logged {
            method: method.clone(),
            path: path.clone(),
            user: user.clone(),
            agent: agent.clone(),
            status,
            at: api.store.clock().now(),
        });
    };
    let dropped = || io::Error::new(io::ErrorKind::ConnectionAborted, "dropped on demand");
    let mut drop_after = false;
    let mut delay_after = None;
    match api.faults.hit(&method, &path, &user) {
        None => {}
        Some(Fault::Refuse(status)) => {
            log(status.code);
            return Ok(answer::refusal(&status));
        }
        Some(Fault::Text {
            code,
            body,
            retry_after,
        }) => {
            log(code);
            let mut reply = answer::text(code, body);
            if let Some(value) = retry_after.and_then(|s| http::HeaderValue::from_str(&s.to_string()).ok()) {
                reply.headers_mut().insert(header::RETRY_AFTER, value);
            }
            return Ok(reply);
        }
        Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
        Some(Fault::Drop) => {
            log(0);
            return Err(dropped());
        }
        Some(Fault::DropAfter) => drop_after = true,
        Some(Fault::DelayAfter(time)) => delay_after = Some(time),
    }
    let reply = match answer(&api, known, &method, &agent, request).await {
        Ok(reply) => reply,
        Err(status) => answer::refusal(&status),
    };
    if drop_after {
        log(0);
        return Err(dropped());
    }
    log(reply.status().as_u16());
    if let Some(time) = delay_after {
        tokio::time::sleep(time).await;
    }
    Ok(reply)
}

async fn answer(
    api: &Arc<Api>,
    known: Result<User, Status>,
    method: &str,
    agent: &str,
    mut request: Request<Incoming>,
) -> Result<Answer, Status> {
    let path = request.uri().path().to_owned();
    if matches!(path.as_str(), "/healthz" | "/livez" | "/readyz") {
        return Ok(answer::text(200, "ok"));
    }
    let user = known?;
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let content_type = header_text(request.headers(), header::CONTENT_TYPE);
    let accept = header_text(request.headers(), header::ACCEPT);
    let target = request::target(&path, &api.hidden)?;
    authorize(api, &user, method, &target, &query)?;
    if let Target::Objects {
        resource,
        namespace,
        name: Some(name),
        subresource: Some(subresource),
        ..
    } = &target
        && resource.key == "pods"
        && subresource == "portforward"
    {
        let namespace = namespace.as_deref().unwrap_or_default();
        let pod = api.store.get(resource, namespace, name);
        let pod = pod.ok_or_else(|| {
            let mut status = Status::new(404, "NotFound", format!("pods \"{name}\" not found"));
            status.details = Some(super::status::details(name, "", "pods"));
            status
        })?;
        let upgrade = super::forward::upgrade(&mut request);
        return super::forward::forward(&api.forwards, &pod.value(), &query, request.headers(), upgrade);
    }
    let body = Limited::new(request.into_body(), MAX_BODY)
        .collect()
        .await
        .map_err(|_| {
            Status::new(
                413,
                "RequestEntityTooLarge",
                format!("Request entity too large: limit is {MAX_BODY}"),
            )
        })?;
    let dry = query.get("dryRun") == Some("All");
    let form = match request::form(&accept) {
        Some(form) => form,
        None if matches!(target, Target::Path(_)) || path.ends_with("/log") => Form::Json,
        None => {
            return Err(Status::new(
                406,
                "NotAcceptable",
                "only the following media types are accepted: application/json, application/json;stream=watch",
            ));
        }
    };
    let call = Call {
        method: method.to_owned(),
        query,
        form,
        user,
        agent: agent.to_owned(),
        content_type,
        body: body.to_bytes(),
        dry,
    };
    match target {
        Target::Path(words) => paths(api, &call, &words, &accept),
        Target::Virtual {
            group,
            resource,
            namespace,
            name,
        } => match (group.as_str(), method) {
            ("metrics.k8s.io", "GET") => reviews::metrics(api, &call, &resource, namespace.as_deref(), name.as_deref()),
            (_, "POST") => reviews::review(api, &call, &resource),
            _ => Err(not_allowed()),
        },
        Target::Objects {
            resource,
            version,
            namespace,
            name,
            subresource,
        } => {
            let scope = Scope {
                resource,
                version,
                namespace,
            };
            match name {
                None => collection(api, &call, &scope),
                Some(name) => object(api, &call, &scope, &name, subresource.as_deref()),
            }
        }
    }
}

fn authorize(api: &Api, user: &User, method: &str, target: &Target, query: &Query) -> Result<(), Status> {
    let watching = query.is_true("watch");
    let verb = |named: bool| match method {
        "GET" | "HEAD" if watching => "watch",
        "GET" | "HEAD" if named => "get",
        "GET" | "HEAD" => "list",
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" if named => "delete",
        "DELETE" => "deletecollection",
        _ => "unknown",
    };
    let access = match target {
        Target::Path(_) => return Ok(()),
        Target::Virtual {
            group,
            resource,
            namespace,
            name,
        } => Access {
            verb: verb(name.is_some()),
            group,
            resource,
            subresource: "",
            namespace: namespace.as_deref().unwrap_or_default(),
            name: name.as_deref().unwrap_or_default(),
        },
        Target::Objects {
            resource,
            namespace,
            name,
            subresource,
            ..
        } => Access {
            verb: verb(name.is_some()),
            group: resource.group,
            resource: resource.plural,
            subresource: subresource.as_deref().unwrap_or_default(),
            // A namespace is in itself.
            namespace: match (namespace, name) {
                (None, Some(name)) if **resource == NAMESPACES => name,
                (namespace, _) => namespace.as_deref().unwrap_or_default(),
            },
            name: name.as_deref().unwrap_or_default(),
        },
    };
    if api.allowed(user, &access).is_some() {
        Ok(())
    } else {
        Err(access.forbidden(user))
    }
}

fn not_allowed() -> Status {
    let message = "the server does not allow this method on the requested resource";
    Status {
        details: Some(json!({})),
        ..Status::new(405, "MethodNotAllowed", message)
    }
}

fn paths(api: &Api, call: &Call, words: &[String], accept: &str) -> Result<Answer, Status> {
    if call.method != "GET" {
        return Err(not_allowed());
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let value = match words.as_slice() {
        [] => Some(
            json!({"paths": ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v2", "/readyz", "/version"]}),
        ),
        ["version"] => Some(discovery::version()),
        ["api"] => Some(discovery::core_versions(&api.address)),
        ["apis"] => Some(discovery::groups(&api.hidden)),
        ["api", "v1"] => discovery::resources("", "v1", &api.hidden),
        ["apis", group] => discovery::one_group(group, &api.hidden),
        ["apis", group, version] => discovery::resources(group, version, &api.hidden),
        ["openapi", "v2"] if accept.contains("protobuf") => {
            let media = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
            return Ok(answer::bytes(200, media, discovery::openapi_v2_protobuf()));
        }
        ["openapi", "v2"] => Some(
            json!({"swagger": "2.0", "info": {"title": "Kubernetes", "version": "v1.36.2"},
            "paths": {}, "definitions": {}}),
        ),
        _ => None,
    };
    value.map(|v| answer::json(200, &v)).ok_or_else(page_not_found)
}

fn collection(api: &Arc<Api>, call: &Call, scope: &Scope) -> Result<Answer, Status> {
    match call.method.as_str() {
        "GET" if call.query.is_true("watch") => watch::watch(api, scope, &call.query, call.form, None),
        "GET" => list::list(&api.store, scope, &call.query, call.form),
        "POST" if scope.resource.namespaced && scope.namespace.is_none() => Err(not_allowed()),
        "POST" => objects::create(api, call, scope),
        "DELETE" => objects::delete_collection(api, call, scope),
        _ => Err(not_allowed()),
    }
}

fn object(api: &Arc<Api>, call: &Call, scope: &Scope, name: &str, subresource: Option<&str>) -> Result<Answer, Status> {
    let r = scope.resource;
    let named = Named {
        scope,
        namespace: scope.namespace.as_deref().unwrap_or_default(),
        name,
    };
    match (call.method.as_str(), subresource) {
        ("GET", None) if call.query.is_true("watch") => watch::watch(api, scope, &call.query, call.form, Some(name)),
        ("GET", None) => Ok(objects::show(api, call, scope, 200, &*named.get(api)?)),
        ("GET", Some("status")) if r.status => Ok(objects::show(api, call, scope, 200, &*named.get(api)?)),
        ("PUT", None) => objects::replace(api, call, named, Part::Main),
        ("PUT", Some("status")) if r.status => objects::replace(api, call, named, Part::Status),
        ("PATCH", None) => objects::patch(api, call, named, Part::Main),
        ("PATCH", Some("status")) if r.status => objects::patch(api, call, named, Part::Status),
        ("DELETE", None) => objects::delete(api, call, named),
        ("GET", Some("scale")) if r.scale => scale::get(api, named),
        ("PUT" | "PATCH", Some("scale")) if r.scale => scale::write(api, call, named),
        ("GET", Some("log")) if r.key == "pods" => logs::log(api, &*named.get(api)?, &call.query),
        ("POST", Some("eviction")) if r.key == "pods" => {
            let pod = named.get(api)?;
            eviction::evict(api, &pod, &call.json()?, call.dry).map(|v| answer::json(201, &v))
        }
        (_, None | Some("status" | "scale" | "log" | "eviction")) => Err(not_allowed()),
        _ => Err(Status::new(
            404,
            "NotFound",
            "the server could not find the requested resource",
        )),
    }
}
