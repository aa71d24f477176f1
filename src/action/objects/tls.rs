//! Replace a TLS Secret from two PEM files: certificate and key are looked at before anything is planned, and what does
//! not fit together never reaches the server. The key goes from the file to the wire and nowhere else.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret as _, SecretSlice};
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use super::{ObjectAsk, secret};
use crate::action::draft::{Draft, change, refuse};
use crate::action::object::{annotation, items, text};
use crate::action::plan::{Refusal, Request};
use crate::action::sealed::Sealed;
use crate::action::survey::Survey;
use crate::feed::certificate::x509;
use crate::model::{Chain, Kind, ObjectRef};

/// No PEM file of a certificate or a key is longer.
const MOST: u64 = 256 * 1024;

pub(super) async fn draft(
    survey: &Survey<'_>,
    target: &ObjectRef,
    certificate: &str,
    key: &str,
) -> Result<Draft, Refusal> {
    let secret = survey.secret(target).await?;
    if text(&secret, "/type") != "kubernetes.io/tls" {
        let what = format!("{target} is of type {}, not kubernetes.io/tls", text(&secret, "/type"));
        return Err(refuse(what, "choose the Secret that holds the certificate"));
    }
    let manager = annotation(&secret, "cert-manager.io/certificate-name");
    if !manager.is_empty() {
        let what = format!("cert-manager's Certificate {manager} writes {target} and would overwrite this");
        return Err(refuse(what, "renew the Certificate instead"));
    }
    let (chain_pem, key_pem) = (read(certificate).await?, read(key).await?);
    let chain = check(chain_pem.expose_secret(), key_pem.expose_secret(), survey.now).map_err(|why| {
        refuse(
            format!("{certificate} and {key} cannot be used: {why}"),
            "nothing was sent; mend the files first",
        )
    })?;
    let old = present(&secret);
    let needed = needed(survey, target, old.as_ref()).await;
    let missing: Vec<&str> = needed
        .iter()
        .map(String::as_str)
        .filter(|host| !chain.leaf.names.iter().any(|n| covers(n, host)))
        .collect();
    if !missing.is_empty() {
        return Err(refuse(
            format!(
                "the new certificate does not cover {}, which {target} serves now",
                missing.join(", ")
            ),
            "get one for all names, or take the host away from where it is served first",
        ));
    }
    let sealed = Sealed::new([
        ("tls.crt".to_owned(), Some(chain_pem.expose_secret().to_vec())),
        ("tls.key".to_owned(), Some(key_pem.expose_secret().to_vec())),
    ]);
    let words = (
        format!("Replace the certificate in {target}"),
        format!("Replace {}", target.name),
    );
    let mut draft = secret::write(survey, target, &secret, &sealed, words).await?;
    describe(&mut draft, &chain, old.as_ref());
    if sealed.is_held_by(&secret) {
        draft.no_op = Some("it holds this certificate and key already".to_owned());
    }
    draft.request = Some(Request::Object {
        target: target.clone(),
        ask: ObjectAsk::ReplaceTls {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            read: Some(sealed),
        },
    });
    Ok(draft)
}

/// A certificate is public: its names and times may be shown, the key's length too.
fn describe(draft: &mut Draft, chain: &Chain, old: Option<&Chain>) {
    let words = |c: &Chain| {
        let names: Vec<&str> = c.leaf.names.iter().map(|n| &**n).collect();
        format!(
            "{} until {}, by {}",
            names.join(" "),
            c.leaf.not_after.strftime("%Y-%m-%d"),
            c.leaf.issuer
        )
    };
    let before = old.map_or_else(|| "none that can be read".to_owned(), words);
    if let Some(step) = draft.steps.first_mut() {
        step.changes.insert(0, change("certificate", before, words(chain)));
    }
    draft.impact.insert(
        0,
        "who serves it takes the new one: ingress-nginx within seconds, others when restarted".to_owned(),
    );
    if let Some(old) = old {
        if chain.leaf.not_after <= old.leaf.not_after {
            draft.warn_seriously("the new certificate ends no later than the present one");
        }
        if chain.leaf.issuer != old.leaf.issuer {
            draft.warn(format!(
                "another issuer: {} instead of {}",
                chain.leaf.issuer, old.leaf.issuer
            ));
        }
    }
    if chain.rest.is_empty() && chain.leaf.issuer != chain.leaf.subject {
        draft.warn_seriously("the file holds no intermediate certificate: most clients will not trust it");
    }
}

async fn read(path: &str) -> Result<SecretSlice<u8>, Refusal> {
    let fail = |why: String| {
        refuse(
            format!("{path} cannot be read: {why}"),
            "give the path of a PEM file on this machine",
        )
    };
    if !Path::new(path).is_absolute() {
        return Err(fail("it is no absolute path".to_owned()));
    }
    let meta = tokio::fs::metadata(path).await.map_err(|e| fail(e.to_string()))?;
    if !meta.is_file() || meta.len() > MOST {
        return Err(fail("it is no file of a certificate's size".to_owned()));
    }
    let file = tokio::fs::File::open(path).await.map_err(|e| fail(e.to_string()))?;
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0));
    file.take(MOST)
        .read_to_end(&mut bytes)
        .await
        .map_err(|e| fail(e.to_string()))?;
    Ok(SecretSlice::from(bytes))
}

/// What the Secret holds now, as far as it can be read.
fn present(secret: &Value) -> Option<Chain> {
    use base64::Engine as _;
    let text = text(secret, "/data/tls.crt");
    let pem = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
    x509::chain_of_pem(&pem).ok()
}

/// Names that the new certificate must have: those of the present one, and the hosts of Ingresses that serve it.
async fn needed(survey: &Survey<'_>, target: &ObjectRef, old: Option<&Chain>) -> Vec<String> {
    let mut all: Vec<String> = old
        .iter()
        .flat_map(|c| c.leaf.names.iter())
        .map(ToString::to_string)
        .collect();
    let path = crate::action::object::collection(Kind::Ingress, &target.namespace);
    for ingress in survey.list(&path).await.unwrap_or_default() {
        for tls in items(&ingress, "/spec/tls").filter(|t| text(t, "/secretName") == &*target.name) {
            all.extend(items(tls, "/hosts").filter_map(Value::as_str).map(str::to_owned));
        }
    }
    all.sort();
    all.dedup();
    all
}

/// Whether a certificate's name is good for a host: the same, or a wildcard for one label.
fn covers(name: &str, host: &str) -> bool {
    name.eq_ignore_ascii_case(host)
        || name.strip_prefix("*.").is_some_and(|domain| {
            host.split_once('.')
                .is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(domain))
        })
}

/// Looks whether chain and key fit together and can be used now.
fn check(chain_pem: &[u8], key_pem: &[u8], now: Timestamp) -> Result<Chain, String> {
    let chain = x509::chain_of_pem(chain_pem).map_err(|e| format!("the certificate: {e}"))?;
    let ders: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain_pem)
        .filter_map(Result::ok)
        .collect();
    if ders.len() != 1 + chain.rest.len() {
        return Err("a certificate of the chain cannot be read".to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(key_pem)
        .map_err(|_| "the key's file holds no PEM of a private key".to_owned())?;
    let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::ring::default_provider());
    let signer = provider
        .key_provider
        .load_private_key(key)
        .map_err(|_| "the key is of a kind that cannot be used".to_owned())?;
    match CertifiedKey::new(ders, signer).keys_match() {
        Ok(()) => {}
        Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => {
            return Err("the key is not that of the certificate".to_owned());
        }
        Err(e) => return Err(format!("whether the key is the certificate's cannot be told: {e}")),
    }
    let mut above = &chain.leaf;
    for link in chain.rest.iter() {
        if link.subject != above.issuer {
            let what = format!(
                "the chain is out of order: {} is not issued by {}",
                above.subject, link.subject
            );
            return Err(what);
        }
        above = link;
    }
    for link in std::iter::once(&chain.leaf).chain(chain.rest.iter()) {
        if link.not_after <= now {
            return Err(format!("{} ended {}", link.subject, link.not_after));
        }
        if link.not_before > now {
            return Err(format!("{} is not valid before {}", link.subject, link.not_before));
        }
    }
    if chain.leaf.is_ca {
        return Err("the first certificate is that of an authority, not of a server".to_owned());
    }
    Ok(chain)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn pair(names: &[&str], days: i64) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        let mut params = CertificateParams::new(names.clone()).unwrap();
        let year = if days < 0 { 2020 } else { 2099 };
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, names.join(" "));
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    #[test]
    fn only_a_key_of_this_certificate_and_a_time_that_fits_pass() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let (cert, key) = pair(&["a.example"], 1);
        let (other, other_key) = pair(&["b.example"], 1);
        let (past, past_key) = pair(&["a.example"], -1);
        let says = |c: &str, k: &str| check(c.as_bytes(), k.as_bytes(), now).map(|_| ()).unwrap_err();
        assert!(check(cert.as_bytes(), key.as_bytes(), now).is_ok());
        assert!(says(&cert, &other_key).contains("not that of the certificate"));
        assert!(says(&past, &past_key).contains("ended"));
        assert!(says(&format!("{cert}{other}"), &key).contains("out of order"));
        assert!(says(&key, &key).contains("certificate"));
        assert!(says(&cert, &cert).contains("private key"));
    }

    #[test]
    fn a_wildcard_covers_one_label() {
        assert!(covers("*.a.example", "x.a.example") && covers("A.example", "a.example"));
        assert!(!covers("*.a.example", "a.example") && !covers("*.a.example", "x.y.a.example"));
    }
}
