//! cert-manager's objects, read as JSON: their definitions may not be installed, and we need few of their fields.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client};
use serde_json::Value;

use super::way::Way;
use crate::feed::kube::{Fault, FaultKind};
use crate::model::{Certificate, CertificateId, CertificateStep, Issuance, Problem, Scope, Str};
use crate::text::clean;

/// What is asked for at once.
const PAGE: u32 = 500;

/// One of cert-manager's resources.
pub struct Resource {
    pub group: &'static str,
    pub kind: &'static str,
    pub plural: &'static str,
}

pub const CERTIFICATES: Resource = of("cert-manager.io", "Certificate", "certificates");
pub const REQUESTS: Resource = of("cert-manager.io", "CertificateRequest", "certificaterequests");
pub const ISSUERS: Resource = of("cert-manager.io", "Issuer", "issuers");
pub const CLUSTER_ISSUERS: Resource = of("cert-manager.io", "ClusterIssuer", "clusterissuers");
pub const ORDERS: Resource = of("acme.cert-manager.io", "Order", "orders");
pub const CHALLENGES: Resource = of("acme.cert-manager.io", "Challenge", "challenges");

const fn of(group: &'static str, kind: &'static str, plural: &'static str) -> Resource {
    Resource { group, kind, plural }
}

impl Resource {
    /// For the calls of the API.
    pub fn api(&self) -> ApiResource {
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(self.group, "v1", self.kind), self.plural)
    }

    fn problem(&self, fault: Fault, place: &str) -> Problem {
        match fault.kind {
            FaultKind::Absent => Problem::Absent {
                what: "the cluster has no cert-manager".into(),
                how: "install it, or set cert_manager = false in [[platform.certificates]]".into(),
            },
            FaultKind::Forbidden => Problem::Denied {
                what: fault.say.into(),
                grant: format!(
                    "{{apiGroups: [\"{}\"], resources: [\"{}\"], verbs: [\"get\", \"list\"]}} in {place}",
                    self.group, self.plural
                )
                .into(),
            },
            FaultKind::Slow => Problem::TimedOut(fault.say.into()),
            _ => Problem::Failed(fault.say.into()),
        }
    }
}

/// All objects of a resource in the scope.
pub async fn list(reader: &Client, resource: &Resource, scope: &Scope) -> Result<Vec<DynamicObject>, Problem> {
    let api = resource.api();
    let mut all = Vec::new();
    match scope {
        Scope::All => pages(&Api::all_with(reader.clone(), &api), &mut all)
            .await
            .map_err(|f| resource.problem(f, "a ClusterRole"))?,
        Scope::Namespaces(list) => {
            for ns in list {
                pages(&Api::namespaced_with(reader.clone(), ns, &api), &mut all)
                    .await
                    .map_err(|f| resource.problem(f, &format!("a Role in {ns}")))?;
            }
        }
    }
    Ok(all)
}

async fn pages(api: &Api<DynamicObject>, all: &mut Vec<DynamicObject>) -> Result<(), Fault> {
    // As fresh as the server's own memory is: that spares its database.
    let mut params = ListParams::default().limit(PAGE).match_any();
    loop {
        let mut page = api.list(&params).await?;
        for object in &mut page.items {
            object.metadata.managed_fields = None;
            // Nobody looks at them, and of each there are several kilobytes.
            for (part, field) in [("spec", "request"), ("status", "certificate"), ("status", "ca")] {
                if let Some(fields) = object.data.get_mut(part).and_then(Value::as_object_mut) {
                    fields.remove(field);
                }
            }
        }
        all.append(&mut page.items);
        let Some(more) = page.metadata.continue_.filter(|m| !m.is_empty()) else {
            return Ok(());
        };
        if params.continue_token.as_ref() == Some(&more) {
            return Ok(());
        }
        params = ListParams::default().limit(PAGE).continue_token(&more);
    }
}

fn at<'a>(object: &'a DynamicObject, pointer: &str) -> &'a str {
    object.data.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn text(object: &DynamicObject, pointer: &str) -> Str {
    clean(at(object, pointer)).into()
}

fn time(object: &DynamicObject, pointer: &str) -> Option<Timestamp> {
    at(object, pointer).parse().ok()
}

fn number(object: &DynamicObject, pointer: &str) -> u64 {
    object.data.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

/// One condition: status, reason, message, since.
struct Condition<'a> {
    status: &'a str,
    reason: &'a str,
    message: &'a str,
    since: Option<Timestamp>,
}

fn condition<'a>(object: &'a DynamicObject, kind: &str) -> Option<Condition<'a>> {
    let all = object.data.pointer("/status/conditions")?.as_array()?;
    let found = all
        .iter()
        .find(|c| c.get("type").and_then(Value::as_str) == Some(kind))?;
    let field = |name: &str| found.get(name).and_then(Value::as_str).unwrap_or_default();
    Some(Condition {
        status: field("status"),
        reason: field("reason"),
        message: field("message"),
        since: field("lastTransitionTime").parse().ok(),
    })
}

fn name(object: &DynamicObject) -> &str {
    object.metadata.name.as_deref().unwrap_or_default()
}

fn namespace(object: &DynamicObject) -> &str {
    object.metadata.namespace.as_deref().unwrap_or_default()
}

/// Whether something is being issued for it, or was since `before`.
pub fn is_under_way(c: &DynamicObject, before: &[Certificate]) -> bool {
    let is = |kind: &str| condition(c, kind).is_some_and(|found| found.status == "True");
    if is("Issuing") || !is("Ready") {
        return true;
    }
    known(c, before).is_none_or(|b| b.revision != number(c, "/status/revision"))
}

fn known<'a>(c: &DynamicObject, before: &'a [Certificate]) -> Option<&'a Certificate> {
    let at = before.binary_search_by(|b| (&*b.id.namespace, &*b.id.name).cmp(&(namespace(c), name(c))));
    before.get(at.ok()?)
}

/// Makes the model's rows, by name. Where the way was not read again, it is as it was `before`.
pub fn rows(certificates: &[DynamicObject], way: Option<&Way>, before: &[Certificate]) -> Vec<Certificate> {
    let mut by_secret: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for c in certificates {
        by_secret
            .entry((namespace(c), at(c, "/spec/secretName")))
            .or_default()
            .push(name(c));
    }
    let mut rows: Vec<Certificate> = certificates
        .iter()
        .map(|c| {
            let sharing = by_secret.get(&(namespace(c), at(c, "/spec/secretName")));
            let shares = sharing.into_iter().flatten().filter(|n| **n != name(c));
            let steps = match way {
                Some(way) if way.covers(namespace(c)) => steps(c, way),
                _ => known(c, before).map_or_else(|| Arc::new([]) as _, |b| Arc::clone(&b.steps)),
            };
            row(c, shares.map(|n| Str::from(*n)).collect(), steps)
        })
        .collect();
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    rows
}

fn row(c: &DynamicObject, shares_secret_with: Arc<[Str]>, steps: Arc<[CertificateStep]>) -> Certificate {
    let ready = condition(c, "Ready");
    let issuing = condition(c, "Issuing").filter(|i| i.status == "True");
    let word = |of: fn(&Condition<'_>) -> String| ready.as_ref().map(of).unwrap_or_default();
    let names = c.data.pointer("/spec/dnsNames").and_then(Value::as_array);
    let kind = match at(c, "/spec/issuerRef/kind") {
        "" => "Issuer",
        kind => kind,
    };
    Certificate {
        id: CertificateId {
            namespace: namespace(c).into(),
            name: name(c).into(),
            uid: c.metadata.uid.as_deref().unwrap_or_default().into(),
        },
        secret: text(c, "/spec/secretName"),
        shares_secret_with,
        dns_names: names
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(|n| clean(n).into())
            .collect(),
        issuer: clean(&format!("{kind}/{}", at(c, "/spec/issuerRef/name"))).into(),
        ready: word(|r| r.status.to_owned()).into(),
        reason: clean(&word(|r| r.reason.to_owned())).into(),
        message: clean(&word(|r| r.message.to_owned())).into(),
        issuing: issuing.map(|i| Issuance {
            since: i.since,
            reason: clean(i.reason).into(),
            message: clean(i.message).into(),
        }),
        not_before: time(c, "/status/notBefore"),
        not_after: time(c, "/status/notAfter"),
        renewal: time(c, "/status/renewalTime"),
        revision: number(c, "/status/revision"),
        failed_attempts: u32::try_from(number(c, "/status/failedIssuanceAttempts")).unwrap_or(u32::MAX),
        last_failure: time(c, "/status/lastFailureTime"),
        steps,
    }
}

/// As `cmctl status certificate` finds them: the request of the next revision, what it owns, and the issuer.
fn steps(c: &DynamicObject, way: &Way) -> Arc<[CertificateStep]> {
    let uid = c.metadata.uid.as_deref().unwrap_or_default();
    let revision = |o: &DynamicObject| -> u64 {
        let noted = o
            .metadata
            .annotations
            .as_ref()
            .and_then(|a| a.get("cert-manager.io/certificate-revision"));
        noted.and_then(|r| r.parse().ok()).unwrap_or(0)
    };
    let Some(request) = way
        .owned(uid, &REQUESTS)
        .max_by_key(|r| (revision(r), r.metadata.creation_timestamp.clone()))
    else {
        return issuer(c, way).into_iter().collect();
    };
    let mut all = vec![request_step(request)];
    let request_uid = request.metadata.uid.as_deref().unwrap_or_default();
    for order in way.owned(request_uid, &ORDERS) {
        all.push(step(
            "Order",
            order,
            at(order, "/status/state"),
            at(order, "/status/reason"),
        ));
        let order_uid = order.metadata.uid.as_deref().unwrap_or_default();
        for challenge in way.owned(order_uid, &CHALLENGES) {
            let says = match (at(challenge, "/status/reason"), at(challenge, "/spec/dnsName")) {
                ("", host) => format!("{} {host}", at(challenge, "/spec/type")),
                (reason, host) => format!("{} {host}: {reason}", at(challenge, "/spec/type")),
            };
            all.push(step("Challenge", challenge, at(challenge, "/status/state"), &says));
        }
    }
    all.extend(issuer(c, way));
    all.into()
}

fn request_step(request: &DynamicObject) -> CertificateStep {
    let of = |kind: &str| condition(request, kind).filter(|c| c.status == "True");
    let (state, says) = if let Some(c) = of("Denied").or_else(|| of("InvalidRequest")) {
        ("denied", c.message)
    } else if let Some(c) = condition(request, "Ready") {
        (if c.status == "True" { "ready" } else { c.reason }, c.message)
    } else {
        ("", "")
    };
    step("CertificateRequest", request, state, says)
}

fn issuer(c: &DynamicObject, way: &Way) -> Option<CertificateStep> {
    let wanted = at(c, "/spec/issuerRef/name");
    let cluster = at(c, "/spec/issuerRef/kind") == "ClusterIssuer";
    let place = if cluster { "" } else { namespace(c) };
    let found = way
        .issuers
        .iter()
        .find(|i| name(i) == wanted && namespace(i) == place)?;
    let ready = condition(found, "Ready");
    let state = ready
        .as_ref()
        .map_or("", |r| if r.status == "True" { "ready" } else { "not ready" });
    let kind = if cluster { "ClusterIssuer" } else { "Issuer" };
    Some(step(kind, found, state, ready.as_ref().map_or("", |r| r.message)))
}

fn step(kind: &'static str, object: &DynamicObject, state: &str, says: &str) -> CertificateStep {
    let created = object.metadata.creation_timestamp.as_ref();
    CertificateStep {
        kind,
        name: name(object).into(),
        state: clean(state).into(),
        says: clean(says).chars().take(500).collect::<String>().into(),
        created: created.map(|t| t.0),
    }
}
