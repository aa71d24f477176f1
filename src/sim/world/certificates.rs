//! cert-manager and its issuer: a Certificate that is asked to renew gets a request, then a new certificate in its
//! Secret.

use super::json::{list, secs, set, set_path, stamp, text, time};
use super::{Key, Work, World};
use crate::sim::kube::Writer;
use crate::sim::kube::resources::{CERTIFICATEREQUESTS, CERTIFICATES, NAMESPACES, SECRETS};
use base64::Engine as _;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use serde_json::{Value, json};

/// Who writes the objects.
const MANAGER: &str = "cert-manager-certificates-issuing";
/// From the trigger to the signed certificate.
const ISSUING: SignedDuration = SignedDuration::from_secs(9);
/// How long a certificate lives; it is renewed when a third is left.
const LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// As rcgen takes it: its type of time is of a crate that is not ours, but a span can be added to what it makes.
macro_rules! moment {
    ($at:expr) => {
        rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(u64::try_from($at.as_second()).ok()?)
    };
}

/// The authority behind the issuers of the laboratory.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

/// PEM of a chain and of its key.
struct Signed {
    chain: String,
    key: String,
}

impl Authority {
    /// `None` when no key can be made.
    pub fn new(now: Timestamp) -> Option<Self> {
        let mut params = CertificateParams::new(Vec::<String>::new()).ok()?;
        params.distinguished_name = named("lab CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let years = SignedDuration::from_hours(5 * 365 * 24);
        (params.not_before, params.not_after) = (moment!(now - years), moment!(now + years));
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().ok()?).ok()?;
        Some(Self { issuer })
    }

    fn sign(&self, names: &[String], from: Timestamp, to: Timestamp) -> Option<Signed> {
        let mut params = CertificateParams::new(names.to_vec()).ok()?;
        params.distinguished_name = named(names.first()?);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        (params.not_before, params.not_after) = (moment!(from), moment!(to));
        let key = KeyPair::generate().ok()?;
        let certificate = params.signed_by(&key, &self.issuer).ok()?;
        Some(Signed {
            chain: certificate.pem(),
            key: key.serialize_pem(),
        })
    }
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn encode(pem: &str) -> Value {
    base64::engine::general_purpose::STANDARD.encode(pem).into()
}

/// Makes the Secret and the status of a Certificate that the scenario declares. Its annotation says how many days it
/// has left.
pub(super) fn sync(world: &mut World, key: &Key) {
    let Some(certificate) = world.get(&CERTIFICATES, key) else {
        return;
    };
    if text(&certificate, "/status/notAfter").is_empty() {
        let left: f64 = super::json::annotation(&certificate, "quarterdeck.lab/days-left")
            .parse()
            .unwrap_or(60.0);
        // A little less: so many days is the limit of the rule, and it has been passed.
        let to = world.now + SignedDuration::from_mins((left * 24.0 * 60.0) as i64 - 10);
        issue(world, key, &certificate, to - LIFE, to);
        return;
    }
    let issuing = list(&certificate, "/status/conditions")
        .iter()
        .find(|c| text(c, "/type") == "Issuing" && text(c, "/status") == "True");
    let Some(issuing) = issuing else {
        return super::acme::renew_when_due(world, key, &certificate);
    };
    let revision = super::json::int(&certificate, "/status/revision") + 1;
    let name = format!("{}-{revision}", key.name);
    let request = Key::new(&key.ns, &name);
    let Some(found) = world.get(&CERTIFICATEREQUESTS, &request) else {
        let about = text(issuing, "/message").to_owned();
        world.event(
            &certificate,
            "Normal",
            "Issuing",
            &about,
            "cert-manager-certificates-trigger",
        );
        let made = json!({"apiVersion": "cert-manager.io/v1", "kind": "CertificateRequest",
            "metadata": {"name": name, "namespace": key.ns,
                "annotations": {"cert-manager.io/certificate-name": key.name, "cert-manager.io/certificate-revision": revision.to_string()},
                "ownerReferences": [{"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "name": key.name,
                    "uid": text(&certificate, "/metadata/uid"), "controller": true, "blockOwnerDeletion": true}]},
            "spec": {"issuerRef": certificate.pointer("/spec/issuerRef"), "request": ""},
            "status": {"conditions": [
                {"type": "Approved", "status": "True", "reason": "cert-manager.io", "message": "Certificate request has been approved by cert-manager.io", "lastTransitionTime": stamp(world.now)},
                {"type": "Ready", "status": "False", "reason": "Pending", "message": "Waiting on certificate issuance from the issuer", "lastTransitionTime": stamp(world.now)}]}});
        let _ = world.store.create(
            &CERTIFICATEREQUESTS,
            made,
            &Writer::new("cert-manager-certificates-request-manager"),
        );
        world.at(world.now + ISSUING, Work::Certificate(key.clone()));
        return;
    };
    if world.scenario.acme_fails && super::acme::is_of(world, &certificate) {
        return super::acme::order(world, &certificate, &found);
    }
    let since = time(&found, "/metadata/creationTimestamp").unwrap_or(world.now);
    if world.now < since + ISSUING - secs(1) {
        world.at(since + ISSUING, Work::Certificate(key.clone()));
        return;
    }
    let now = world.now;
    world.edit_status_as(MANAGER, &CERTIFICATEREQUESTS, &request, |r| {
        let Some(ready) = r.pointer_mut("/status/conditions/1") else {
            return;
        };
        set(ready, "/status", "True");
        set(ready, "/reason", "Issued");
        set(ready, "/message", "Certificate fetched from issuer successfully");
        set(ready, "/lastTransitionTime", stamp(now));
    });
    // As authorities do, an hour back: clocks differ.
    let from = now - SignedDuration::from_hours(1);
    issue(world, key, &certificate, from, from + LIFE);
}

/// Signs, writes the Secret, and says so in the Certificate's status.
fn issue(world: &mut World, key: &Key, certificate: &Value, from: Timestamp, to: Timestamp) {
    let names: Vec<String> = list(certificate, "/spec/dnsNames")
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    if world.authority.is_none() {
        world.authority = Authority::new(world.now);
    }
    let signed = world
        .authority
        .as_ref()
        .and_then(|a| a.sign(&names, from, to).map(|s| (s, a.issuer.pem())));
    let Some((signed, ca)) = signed else {
        tracing::warn!("no certificate could be made for the demonstration");
        return;
    };
    let data = json!({"tls.crt": encode(&signed.chain), "tls.key": encode(&signed.key), "ca.crt": encode(&ca)});
    let secret = text(certificate, "/spec/secretName").to_owned();
    let by = Writer::new(MANAGER);
    if world.store.get(&SECRETS, &key.ns, &secret).is_some() {
        let _ = world.store.update(&SECRETS, &key.ns, &secret, &by, |s| {
            set_path(s, &["data"], data.clone());
        });
    } else {
        let made = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "data": data,
            "metadata": {"name": secret, "namespace": key.ns, "annotations": {"cert-manager.io/certificate-name": key.name}}});
        let _ = world.store.create(&SECRETS, made, &by);
    }
    let now = world.now;
    world.edit_status_as(MANAGER, &CERTIFICATES, key, |c| {
        let revision = super::json::int(c, "/status/revision") + 1;
        let generation = super::json::int_or(c, "/metadata/generation", 1);
        let third = SignedDuration::from_hours(30 * 24);
        set_path(c, &["status"], json!({
            "conditions": [{"type": "Ready", "status": "True", "reason": "Ready", "observedGeneration": generation,
                "message": "Certificate is up to date and has not expired", "lastTransitionTime": stamp(from.max(now - LIFE))}],
            "notBefore": stamp(from), "notAfter": stamp(to), "renewalTime": stamp(to - third), "revision": revision}));
    });
    if revision_of(world, key) > 1 {
        world.event(
            certificate,
            "Normal",
            "Issuing",
            "The certificate has been successfully issued",
            MANAGER,
        );
    }
}

impl World {
    /// Adds so many Certificates, a hundred a namespace, each with its Secret and the request that it was issued by.
    /// All share one key pair: what counts is how many there are.
    pub fn add_certificates(&mut self, count: usize) {
        const PER_NAMESPACE: usize = 100;
        if count == 0 {
            return;
        }
        let (from, to) = (self.now - SignedDuration::from_hours(24), self.now + LIFE);
        if self.authority.is_none() {
            self.authority = Authority::new(self.now);
        }
        let signed = self.authority.as_ref().and_then(|a| {
            a.sign(&["load.example.com".to_owned()], from, to)
                .map(|s| (s, a.issuer.pem()))
        });
        let Some((signed, ca)) = signed else { return };
        let pem = encode(&signed.chain);
        let data = json!({"tls.crt": pem, "tls.key": encode(&signed.key), "ca.crt": encode(&ca)});
        for n in 0..count {
            let (ns, name) = (format!("load-{:02}", n / PER_NAMESPACE), format!("load-{n:04}"));
            if self.store.get(&NAMESPACES, "", &ns).is_none() {
                let made = json!({"metadata": {"name": ns}, "status": {"phase": "Active"}});
                let _ = self.create(&NAMESPACES, made);
            }
            let metadata = json!({"name": name, "namespace": ns, "creationTimestamp": stamp(from)});
            let ready = json!([{"type": "Ready", "status": "True", "reason": "Ready", "observedGeneration": 1,
                "message": "Certificate is up to date and has not expired", "lastTransitionTime": stamp(from)}]);
            let certificate = self.store.put(
                &CERTIFICATES,
                json!({
                "apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": metadata,
                "spec": {"secretName": format!("{name}-tls"), "dnsNames": [format!("{name}.example.com")],
                    "issuerRef": {"name": "letsencrypt", "kind": "ClusterIssuer"}},
                "status": {"conditions": ready, "notBefore": stamp(from), "notAfter": stamp(to),
                    "renewalTime": stamp(to - SignedDuration::from_hours(30 * 24)), "revision": 1}}),
            );
            let uid = text(&certificate.value(), "/metadata/uid").to_owned();
            let issued = json!([
                {"type": "Approved", "status": "True", "reason": "cert-manager.io", "lastTransitionTime": stamp(from)},
                {"type": "Ready", "status": "True", "reason": "Issued", "lastTransitionTime": stamp(from),
                    "message": "Certificate fetched from issuer successfully"}]);
            self.store.put(&CERTIFICATEREQUESTS, json!({
                "apiVersion": "cert-manager.io/v1", "kind": "CertificateRequest",
                "metadata": {"name": format!("{name}-1"), "namespace": ns, "creationTimestamp": stamp(from),
                    "annotations": {"cert-manager.io/certificate-name": name, "cert-manager.io/certificate-revision": "1"},
                    "ownerReferences": [{"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "name": name,
                        "uid": uid, "controller": true, "blockOwnerDeletion": true}]},
                "spec": {"issuerRef": {"name": "letsencrypt", "kind": "ClusterIssuer"}, "request": pem},
                "status": {"conditions": issued, "certificate": pem}}));
            self.store.put(
                &SECRETS,
                json!({
                "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "data": data,
                "metadata": {"name": format!("{name}-tls"), "namespace": ns, "creationTimestamp": stamp(from),
                    "annotations": {"cert-manager.io/certificate-name": name}}}),
            );
        }
    }
}

fn revision_of(world: &World, key: &Key) -> i64 {
    world
        .get(&CERTIFICATES, key)
        .map_or(0, |c| super::json::int(&c, "/status/revision"))
}
