//! The stream under the protocol: TCP, a socket, or one that somebody else opened (a port-forward), and TLS on it.

use std::fs;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

use super::conninfo::{Conninfo, Env, Host, Roots, SslMode};
use super::fault::Fault;

/// Bytes both ways.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A stream of whatever kind. A type of its own: with a bare box the compiler cannot see that a connection may go to
/// another thread.
pub struct Wire(Box<dyn Duplex>);

impl Wire {
    pub fn new(stream: impl Duplex + 'static) -> Self {
        Self(Box::new(stream))
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(cx)
    }
}

/// Opens a stream to the server by another way than its address: through a port-forward, say.
pub type Dialer = Arc<dyn Fn() -> BoxFuture<'static, io::Result<Wire>> + Send + Sync>;

/// Boxed for the sake of who waits for it on another thread.
pub(super) fn dial(host: Host, via: Option<Dialer>) -> BoxFuture<'static, Result<Wire, Fault>> {
    Box::pin(dialled(host, via))
}

async fn dialled(host: Host, via: Option<Dialer>) -> Result<Wire, Fault> {
    let lost = |e: io::Error| Fault::Lost(format!("{host}: {e}"));
    if let Some(via) = via {
        return via().await.map_err(lost);
    }
    if host.is_socket() {
        let path = Path::new(&host.name).join(format!(".s.PGSQL.{}", host.port));
        return Ok(Wire::new(UnixStream::connect(path).await.map_err(lost)?));
    }
    let name = host.address.clone().unwrap_or_else(|| host.name.clone());
    let stream = TcpStream::connect((name, host.port)).await.map_err(lost)?;
    // What is sent is small and waited for.
    let _ = stream.set_nodelay(true);
    Ok(Wire::new(stream))
}

/// A stream whose closing waits until the other side has closed: a pooler drops a cancel request whose sender is gone
/// before it was passed on.
struct Lingering(Wire);

impl Wire {
    pub(super) fn lingering(self) -> Self {
        Self::new(Lingering(self))
    }
}

impl AsyncRead for Lingering {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut space = [0_u8; 64];
        loop {
            let mut buf = ReadBuf::new(&mut space);
            match Pin::new(&mut self.0).poll_read(cx, &mut buf) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}

/// TLS for one host. Without a configuration there is none.
#[derive(Clone)]
pub(super) struct Tls(pub Option<(Arc<ClientConfig>, ServerName<'static>)>);

impl Tls {
    /// # Errors
    /// A file of certificates that cannot be used.
    pub fn of(info: &Conninfo, host: &Host, mode: SslMode, env: &Env) -> Result<Self, Fault> {
        if mode == SslMode::Disable {
            return Ok(Self(None));
        }
        let name = ServerName::try_from(host.name.clone())
            .map_err(|_| Fault::Configured(format!("{} is no name that a certificate can have", host.name)))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|e| Fault::Tls(e.to_string()))?;
        let root_file = match &info.roots {
            Roots::File(path) => Some(path.clone()),
            Roots::Default => env
                .home
                .as_ref()
                .map(|h| h.join(".postgresql/root.crt"))
                .filter(|p| p.exists()),
            Roots::System => None,
        };
        // As libpq: `require` with a file of roots is `verify-ca`.
        let mode = if mode == SslMode::Require && root_file.is_some() {
            SslMode::VerifyCa
        } else {
            mode
        };
        let builder = match mode {
            SslMode::VerifyFull => builder.with_root_certificates(roots(root_file.as_deref())?),
            SslMode::VerifyCa => {
                let inner =
                    WebPkiServerVerifier::builder_with_provider(Arc::new(roots(root_file.as_deref())?), provider)
                        .build()
                        .map_err(|e| Fault::Tls(e.to_string()))?;
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(Lenient { inner: Some(inner) }))
            }
            _ => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Lenient { inner: None })),
        };
        let config = match &info.certificate {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => {
                let wrong = |path: &Path, what: &str| Fault::Configured(format!("{} holds no {what}", path.display()));
                let chain: Vec<_> = CertificateDer::pem_file_iter(cert)
                    .and_then(Iterator::collect)
                    .map_err(|_| wrong(cert, "certificate in PEM"))?;
                let key = PrivateKeyDer::from_pem_file(key).map_err(|_| wrong(key, "key in PEM"))?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|e| Fault::Configured(format!("the client certificate cannot be used: {e}")))?
            }
        };
        Ok(Self(Some((Arc::new(config), name))))
    }
}

/// Where distributions keep what they trust.
const SYSTEM_ROOTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
];

fn roots(file: Option<&Path>) -> Result<RootCertStore, Fault> {
    let path = match file {
        Some(path) => path.to_owned(),
        None => std::env::var_os("SSL_CERT_FILE")
            .map(PathBuf::from)
            .into_iter()
            .chain(SYSTEM_ROOTS.map(PathBuf::from))
            .find(|p| p.exists())
            .ok_or_else(|| {
                Fault::Configured("this system's trusted certificates were not found: set SSL_CERT_FILE".to_owned())
            })?,
    };
    let wrong = |why: String| Fault::Configured(format!("{}: {why}", path.display()));
    let text = fs::read(&path).map_err(|e| wrong(e.kind().to_string()))?;
    let mut store = RootCertStore::empty();
    let (good, _) = store.add_parsable_certificates(CertificateDer::pem_slice_iter(&text).filter_map(Result::ok));
    if good == 0 {
        return Err(wrong("no certificate in PEM in it".to_owned()));
    }
    Ok(store)
}

/// Checks the chain but not the name, or nothing at all: `verify-ca`, and the modes below it.
#[derive(Debug)]
struct Lenient {
    inner: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use rustls::CertificateError as Cert;
        let Some(inner) = &self.inner else {
            return Ok(ServerCertVerified::assertion());
        };
        match inner.verify_server_cert(end, chain, name, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(Cert::NotValidForName | Cert::NotValidForNameContext { .. })) => {
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// A stream under TLS, for tokio-postgres.
pub(super) struct Secured(tokio_rustls::client::TlsStream<Wire>);

impl TlsConnect<Wire> for Tls {
    type Stream = Secured;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Secured>> + Send>>;

    fn connect(self, stream: Wire) -> Self::Future {
        Box::pin(async move {
            let Some((config, name)) = self.0 else {
                return Err(io::Error::other("TLS was not asked for"));
            };
            tokio_rustls::TlsConnector::from(config)
                .connect(name, stream)
                .await
                .map(Secured)
        })
    }
}

impl TlsStream for Secured {
    fn channel_binding(&self) -> ChannelBinding {
        let (_, session) = self.0.get_ref();
        session
            .peer_certificates()
            .and_then(<[_]>::first)
            .and_then(|cert| end_point(cert))
            .map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

/// RFC 5929: the hash of the certificate by its own signature's hash, but SHA-256 in place of MD5 and SHA-1. `None`
/// for a signature without one hash (Ed25519), as in libpq.
fn end_point(cert: &CertificateDer<'_>) -> Option<Vec<u8>> {
    use sha2::Digest as _;
    let (_, parsed) = x509_parser::parse_x509_certificate(cert).ok()?;
    match parsed.signature_algorithm.algorithm.to_id_string().as_str() {
        "1.2.840.113549.1.1.4" | "1.2.840.113549.1.1.5" | "1.2.840.113549.1.1.11" | "1.2.840.10045.4.3.2" => {
            Some(sha2::Sha256::digest(cert).to_vec())
        }
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => Some(sha2::Sha384::digest(cert).to_vec()),
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => Some(sha2::Sha512::digest(cert).to_vec()),
        _ => None,
    }
}

impl AsyncRead for Secured {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
