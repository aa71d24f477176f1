//! From DER or PEM to what the model keeps of a certificate.

use std::fmt::Write as _;

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate, X509Name};

use crate::model::{Chain, Link, Str};
use crate::text::clean;

/// Certificates of one chain that are read: nobody sends more in earnest.
const MOST: usize = 16;

/// Reads one certificate.
///
/// # Errors
/// Why it is none.
pub fn link(der: &[u8]) -> Result<Link, Str> {
    let (_, cert) = X509Certificate::from_der(der).map_err(|e| Str::from(format!("no certificate: {e}")))?;
    let moment =
        |at: &x509_parser::time::ASN1Time| Timestamp::from_second(at.timestamp()).unwrap_or(Timestamp::UNIX_EPOCH);
    let names = cert
        .subject_alternative_name()
        .ok()
        .flatten()
        .map(|ext| ext.value.general_names.iter().filter_map(name).collect::<Vec<_>>())
        .unwrap_or_default();
    let mut sha256 = String::with_capacity(64);
    for byte in Sha256::digest(der) {
        // Writing to a String cannot fail.
        let _ = write!(sha256, "{byte:02x}");
    }
    Ok(Link {
        subject: name_of(cert.subject()),
        issuer: name_of(cert.issuer()),
        not_before: moment(&cert.validity().not_before),
        not_after: moment(&cert.validity().not_after),
        names: names.into(),
        serial: cert.raw_serial_as_string().into(),
        is_ca: cert.is_ca(),
        sha256: sha256.into(),
    })
}

fn name_of(name: &X509Name<'_>) -> Str {
    clean(&name.to_string()).into()
}

fn name(name: &GeneralName<'_>) -> Option<Str> {
    let text = match name {
        GeneralName::DNSName(n) => (*n).to_owned(),
        GeneralName::IPAddress(bytes) => match **bytes {
            [a, b, c, d] => std::net::Ipv4Addr::new(a, b, c, d).to_string(),
            _ => std::net::Ipv6Addr::from(<[u8; 16]>::try_from(*bytes).ok()?).to_string(),
        },
        GeneralName::URI(u) => (*u).to_owned(),
        GeneralName::RFC822Name(m) => (*m).to_owned(),
        _ => return None,
    };
    Some(clean(&text).into())
}

/// A chain as it was sent, leaf first.
///
/// # Errors
/// It is empty, or its leaf cannot be read.
pub fn chain<'a>(ders: impl IntoIterator<Item = &'a [u8]>) -> Result<Chain, Str> {
    let mut ders = ders.into_iter().take(MOST);
    let leaf = link(ders.next().ok_or("no certificate in it")?)?;
    Ok(Chain {
        leaf,
        rest: ders.filter_map(|d| link(d).ok()).collect(),
    })
}

/// A chain of a PEM file. What else is in the file is skipped.
///
/// # Errors
/// As [`chain`], or it is no PEM.
pub fn chain_of_pem(pem: &[u8]) -> Result<Chain, Str> {
    let ders: Result<Vec<CertificateDer<'_>>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let ders = ders.map_err(|e| Str::from(format!("no PEM: {e}")))?;
    chain(ders.iter().map(AsRef::as_ref))
}
