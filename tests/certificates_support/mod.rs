//! Endpoints that serve what a test wants, and certificates of every kind.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

pub type Issuer = CertifiedIssuer<'static, KeyPair>;

fn day(offset: i64) -> (i32, u8, u8) {
    let date =
        (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * offset)).to_zoned(jiff::tz::TimeZone::UTC);
    (i32::from(date.year()), date.month() as u8, date.day() as u8)
}

fn params(names: &[&str], common_name: &str, from: i64, to: i64) -> CertificateParams {
    let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let ((y, m, d), (y2, m2, d2)) = (day(from), day(to));
    params.not_before = rcgen::date_time_ymd(y, m, d);
    params.not_after = rcgen::date_time_ymd(y2, m2, d2);
    params
}

fn ca(common_name: &str, to: i64) -> CertificateParams {
    let mut params = params(&[], common_name, -400, to);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

pub fn root() -> Issuer {
    CertifiedIssuer::self_signed(ca("test root", 3650), KeyPair::generate().unwrap()).unwrap()
}

pub fn intermediate(root: &Issuer, days: i64) -> Issuer {
    CertifiedIssuer::signed_by(ca("test intermediate", days), KeyPair::generate().unwrap(), root).unwrap()
}

/// What an endpoint serves.
#[derive(Clone)]
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: Vec<u8>,
}

pub fn leaf(issuer: &Issuer, names: &[&str], from: i64, to: i64, more: &[&Issuer]) -> Identity {
    let key = KeyPair::generate().unwrap();
    let cert = params(names, names[0], from, to).signed_by(&key, issuer).unwrap();
    let mut chain = vec![cert.der().clone()];
    chain.extend(more.iter().map(|i| i.der().clone()));
    Identity {
        chain,
        key: key.serialize_der(),
    }
}

pub fn self_signed(common_name: &str, names: &[&str]) -> Identity {
    let key = KeyPair::generate().unwrap();
    let cert = params(names, common_name, -1, 364).self_signed(&key).unwrap();
    Identity {
        chain: vec![cert.der().clone()],
        key: key.serialize_der(),
    }
}

impl Identity {
    pub fn pem(&self) -> String {
        let encode = |der: &CertificateDer<'_>| {
            use base64::Engine as _;
            let text = base64::engine::general_purpose::STANDARD.encode(der);
            let lines: Vec<&str> = text
                .as_bytes()
                .chunks(64)
                .map(|c| std::str::from_utf8(c).unwrap())
                .collect();
            format!(
                "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
                lines.join("\n")
            )
        };
        self.chain.iter().map(encode).collect()
    }
}

/// How an endpoint behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Plain,
    /// Wants a client certificate of this authority.
    Mutual,
    /// Wants one and speaks TLS 1.2 only.
    MutualOld,
    /// As PostgreSQL: TLS after an SSLRequest.
    Postgres,
    /// PostgreSQL without TLS.
    PostgresBare,
    /// Takes the connection and says nothing.
    Silent,
    /// Speaks HTTP, not TLS.
    Http,
    /// Refuses every handshake, as one does that only has what we do not speak.
    Legacy,
}

pub async fn serve(identity: Identity, manner: Manner, clients: Option<&Issuer>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let config = Arc::new(config(&identity, manner, clients));
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            if manner == Manner::Silent {
                held.push(stream);
                continue;
            }
            let acceptor = tokio_rustls::TlsAcceptor::from(config.clone());
            tokio::spawn(async move {
                match manner {
                    Manner::Http => {
                        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
                        return;
                    }
                    Manner::Legacy => {
                        let mut hello = [0; 5];
                        let _ = stream.read_exact(&mut hello).await;
                        // alert, handshake_failure
                        let _ = stream.write_all(&[21, 3, 3, 0, 2, 2, 40]).await;
                        return;
                    }
                    Manner::Postgres | Manner::PostgresBare => {
                        let mut request = [0; 8];
                        stream.read_exact(&mut request).await.unwrap();
                        assert_eq!(request, [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f]);
                        let yes = manner == Manner::Postgres;
                        stream.write_all(if yes { b"S" } else { b"N" }).await.unwrap();
                        if !yes {
                            return;
                        }
                    }
                    _ => {}
                }
                if let Ok(mut tls) = acceptor.accept(stream).await {
                    let mut rest = Vec::new();
                    let _ = tls.read_to_end(&mut rest).await;
                    assert!(rest.is_empty(), "a probe writes nothing");
                }
            });
        }
    });
    address
}

fn config(identity: &Identity, manner: Manner, clients: Option<&Issuer>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions: &[&SupportedProtocolVersion] = if manner == Manner::MutualOld {
        &[&rustls::version::TLS12]
    } else {
        rustls::ALL_VERSIONS
    };
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            roots.add(ca.der().clone()).unwrap();
            builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .unwrap(),
            )
        }
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.key.clone()));
    builder.with_single_cert(identity.chain.clone(), key).unwrap()
}
