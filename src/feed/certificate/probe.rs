//! What an endpoint serves: a handshake that takes whatever comes and keeps the chain, then a verification of it with
//! real authorities that only labels it.
//!
//! No client certificate, nothing written after the handshake.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::x509;
use crate::config::Protocol;
use crate::model::{Chain, Problem, Trust};

/// All of it takes no longer.
const DEADLINE: Duration = Duration::from_secs(3);

/// What one probe found.
#[derive(Clone, Debug)]
pub struct Served {
    pub chain: Chain,
    pub trust: Trust,
    /// Empty, or what else there is to say.
    pub note: &'static str,
}

/// Asks `address` (host and port) for the certificate of `name`.
///
/// # Errors
/// No connection, no TLS there, or no chain before the handshake failed.
pub async fn probe(address: &str, name: &str, protocol: Protocol, roots: &RootCertStore) -> Result<Served, Problem> {
    let failed = |why: String| Problem::Failed(why.into());
    let sni = server_name(name).ok_or_else(|| failed(format!("`{name}` is no name that can be asked for")))?;
    let whole = async {
        let stream = TcpStream::connect(address).await.map_err(|e| failed(connecting(&e)))?;
        handshake(stream, sni.clone(), protocol).await
    };
    let (ders, error) = tokio::time::timeout(DEADLINE, whole)
        .await
        .map_err(|_| Problem::TimedOut(format!("no certificate within {} s", DEADLINE.as_secs()).into()))??;
    let Some(first) = ders.first() else {
        return Err(failed(error.unwrap_or_else(|| "it sends no certificate".to_owned())));
    };
    let chain = x509::chain(ders.iter().map(AsRef::as_ref))
        .map_err(|why| Problem::Failed(format!("its certificate cannot be read: {why}").into()))?;
    let rest = ders.get(1..).unwrap_or_default();
    let trust = label(first, rest, &sni, roots, &chain);
    Ok(Served {
        chain,
        trust,
        // A server that wants a client certificate has shown its own by then.
        note: if error.is_some() {
            "ends the handshake: asks for a client certificate"
        } else {
            ""
        },
    })
}

fn connecting(error: &std::io::Error) -> String {
    use std::io::ErrorKind as K;
    match error.kind() {
        K::ConnectionRefused => "connection refused".to_owned(),
        K::TimedOut => "no connection: it does not answer".to_owned(),
        _ if error.to_string().contains("lookup") => "its name cannot be resolved".to_owned(),
        _ => error.to_string(),
    }
}

fn server_name(name: &str) -> Option<ServerName<'static>> {
    if let Ok(ip) = name.parse::<IpAddr>() {
        return Some(ServerName::IpAddress(ip.into()));
    }
    // A wildcard host of an Ingress is asked for by some name that it covers.
    let name = name
        .strip_prefix("*.")
        .map_or_else(|| name.to_owned(), |rest| format!("quarterdeck-probe.{rest}"));
    ServerName::try_from(name).ok()
}

/// The chain, and why the handshake failed if it did after that.
async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    name: ServerName<'static>,
    protocol: Protocol,
) -> Result<(Vec<CertificateDer<'static>>, Option<String>), Problem> {
    if protocol == Protocol::Postgres {
        let failed = |e: std::io::Error| Problem::Failed(format!("no answer to an SSLRequest: {e}").into());
        stream
            .write_all(&[0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f])
            .await
            .map_err(failed)?;
        match stream.read_u8().await.map_err(failed)? {
            b'S' => {}
            b'N' => return Err(Problem::Failed("the server has TLS switched off".into())),
            _ => return Err(Problem::Failed("no PostgreSQL answers there".into())),
        }
    }
    let capture = Arc::new(Capture::default());
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| Problem::Failed(e.to_string().into()))?
        .dangerous()
        .with_custom_certificate_verifier(capture.clone())
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let error = match connector.connect(name, stream).await {
        Ok(mut tls) => {
            let wants = tls.get_ref().1.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3);
            // Under TLS 1.3 a refusal of our missing certificate comes after the handshake: look for it a moment.
            let refused = wants && refusal(&mut tls).await;
            let _ = tokio::time::timeout(Duration::from_millis(200), tls.shutdown()).await;
            refused.then(|| "the server asks for a client certificate".to_owned())
        }
        Err(e) => Some(words(&e)),
    };
    let ders = capture.chain.lock().map(|c| c.clone()).unwrap_or_default();
    Ok((ders, error))
}

async fn refusal<S: AsyncRead + AsyncWrite + Unpin>(tls: &mut tokio_rustls::client::TlsStream<S>) -> bool {
    let mut byte = [0_u8; 1];
    let read = tokio::time::timeout(Duration::from_millis(100), tls.read(&mut byte)).await;
    matches!(read, Ok(Err(e)) if e.to_string().to_lowercase().contains("certificaterequired"))
}

fn words(error: &std::io::Error) -> String {
    let tls = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::AlertReceived(alert)) => {
            format!("cannot negotiate ({alert:?}): it may speak only legacy TLS")
        }
        Some(rustls::Error::InvalidMessage(_)) => "no TLS is spoken there".to_owned(),
        Some(rustls::Error::PeerIncompatible(_)) => "cannot negotiate: it speaks only legacy TLS".to_owned(),
        Some(other) => format!("TLS fails: {other}"),
        None if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the connection was closed in the handshake: no TLS there, or only legacy TLS".to_owned()
        }
        None => error.to_string(),
    }
}

/// Takes every chain, and keeps it.
#[derive(Debug, Default)]
struct Capture {
    chain: Mutex<Vec<CertificateDer<'static>>>,
}

impl ServerCertVerifier for Capture {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Ok(mut chain) = self.chain.lock() {
            *chain = std::iter::once(end)
                .chain(intermediates)
                .map(|c| c.clone().into_owned())
                .collect();
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn label(
    leaf: &CertificateDer<'_>,
    rest: &[CertificateDer<'_>],
    name: &ServerName<'_>,
    roots: &RootCertStore,
    chain: &Chain,
) -> Trust {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let Ok(verifier) = WebPkiServerVerifier::builder_with_provider(Arc::new(roots.clone()), provider).build() else {
        return Trust::Unknown;
    };
    match verifier.verify_server_cert(leaf, rest, name, &[], UnixTime::now()) {
        Ok(_) => Trust::Trusted,
        Err(rustls::Error::InvalidCertificate(why)) => match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Trust::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Trust::NotYetValid,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Trust::WrongName,
            _ if chain.leaf.subject == chain.leaf.issuer => Trust::SelfSigned,
            CertificateError::UnknownIssuer => Trust::UnknownIssuer,
            other => Trust::Other(crate::text::clean(&other.to_string()).into()),
        },
        Err(other) => Trust::Other(crate::text::clean(&other.to_string()).into()),
    }
}
