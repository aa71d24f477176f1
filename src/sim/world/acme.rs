//! An ACME issuer whose challenge is never answered: the way from a Certificate over its request, order and challenge
//! stands still, as it does when the path of the challenge is not routed.

use super::json::{list, set, set_path, stamp, text, time};
use super::{Key, Work, World};
use crate::sim::kube::Writer;
use crate::sim::kube::resources::{CERTIFICATEREQUESTS, CERTIFICATES, CHALLENGES, CLUSTERISSUERS, ORDERS, Resource};
use serde_json::{Value, json};

const CAUSE: &str = "Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'";

/// Whether its issuer speaks ACME.
pub(super) fn is_of(world: &World, certificate: &Value) -> bool {
    let issuer = Key::new("", text(certificate, "/spec/issuerRef/name"));
    world
        .get(&CLUSTERISSUERS, &issuer)
        .is_some_and(|i| i.pointer("/spec/acme").is_some())
}

/// Asks for a renewal when its time has come.
pub(super) fn renew_when_due(world: &mut World, key: &Key, certificate: &Value) {
    let Some(due) = time(certificate, "/status/renewalTime").filter(|_| is_of(world, certificate)) else {
        return;
    };
    if world.now < due {
        world.at(due, Work::Certificate(key.clone()));
        return;
    }
    let issuing = json!({"type": "Issuing", "status": "True", "reason": "Renewing",
        "message": format!("Renewing certificate as renewal was scheduled at {}", stamp(due)),
        "observedGeneration": super::json::int_or(certificate, "/metadata/generation", 1),
        "lastTransitionTime": stamp(due)});
    let mut all: Vec<Value> = list(certificate, "/status/conditions")
        .iter()
        .filter(|c| text(c, "/type") != "Issuing")
        .cloned()
        .collect();
    all.push(issuing);
    world.edit_status_as("cert-manager-certificates-trigger", &CERTIFICATES, key, |c| {
        set_path(c, &["status", "conditions"], Value::Array(all));
    });
}

/// Makes the order of a request and its challenge, once.
pub(super) fn order(world: &mut World, certificate: &Value, request: &Value) {
    let of = text(request, "/metadata/name");
    let ns = text(request, "/metadata/namespace");
    let name = format!("{of}-1402934017");
    if world.get(&ORDERS, &Key::new(ns, &name)).is_some() {
        return;
    }
    let host = list(certificate, "/spec/dnsNames")
        .first()
        .and_then(Value::as_str)
        .unwrap_or_default();
    let issuer = certificate.pointer("/spec/issuerRef");
    let made = json!({"apiVersion": "acme.cert-manager.io/v1", "kind": "Order",
        "metadata": {"name": name, "namespace": ns, "ownerReferences": [owner(request)]},
        "spec": {"dnsNames": [host], "issuerRef": issuer, "request": ""},
        "status": {"state": "pending", "url": "https://acme.lab.example/order/4711"}});
    let Some(order) = create(world, &ORDERS, made, "cert-manager-orders") else {
        return;
    };
    let made = json!({"apiVersion": "acme.cert-manager.io/v1", "kind": "Challenge",
        "metadata": {"name": format!("{name}-2871034055"), "namespace": ns, "ownerReferences": [owner(&order)]},
        "spec": {"type": "HTTP-01", "dnsName": host, "issuerRef": issuer},
        "status": {"state": "pending", "presented": true, "processing": true, "reason": CAUSE}});
    create(world, &CHALLENGES, made, "cert-manager-challenges");
    let waits = format!("Waiting on certificate issuance from order {ns}/{name}: \"pending\"");
    world.edit_status_as(
        "cert-manager-certificaterequests-issuer-acme",
        &CERTIFICATEREQUESTS,
        &Key::new(ns, of),
        |r| {
            if let Some(ready) = r.pointer_mut("/status/conditions/1") {
                set(ready, "/message", waits.as_str());
            }
        },
    );
}

fn owner(of: &Value) -> Value {
    json!({"apiVersion": text(of, "/apiVersion"), "kind": text(of, "/kind"), "name": text(of, "/metadata/name"),
        "uid": text(of, "/metadata/uid"), "controller": true, "blockOwnerDeletion": true})
}

fn create(world: &World, kind: &'static Resource, object: Value, by: &str) -> Option<Value> {
    let made = world.store.create(kind, object, &Writer::new(by));
    made.map(|o| o.value()).ok()
}
