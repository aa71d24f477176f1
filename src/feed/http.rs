//! One HTTP server of the configuration: the client with its credentials, trust and way.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use base64::Engine as _;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret as _, SecretString};

use super::forward::{Door, Forward};
use super::{Secrets, SourceContext};
use crate::config::{self, Auth, Endpoint, SecretRef, Tls};
use crate::model::Problem;

/// Tokens are read again this often: whoever issues them rotates them.
const CREDENTIALS: Duration = Duration::from_secs(60);
/// Connecting takes no longer.
const CONNECT: Duration = Duration::from_secs(3);

/// Makes and renews the client of one [`Endpoint`].
pub(super) struct HttpServer {
    endpoint: Endpoint,
    secrets: Secrets,
    forward: Option<Result<Forward, Problem>>,
    door: Option<Door>,
    made: Option<Made>,
}

struct Made {
    client: reqwest::Client,
    at: Instant,
}

impl HttpServer {
    pub fn new(endpoint: Endpoint, context: &SourceContext) -> Self {
        let forward = endpoint.via.as_ref().map(|via| Forward::new(context, via));
        Self {
            endpoint,
            secrets: context.secrets(),
            forward,
            door: None,
            made: None,
        }
    }

    /// The URL without a slash at its end. Under `via` its host stays what it says: the TLS name and the `Host` header.
    pub fn url(&self) -> &str {
        self.endpoint.url.trim_end_matches('/')
    }

    /// Reads the credentials again before the next request: the server refused them.
    pub fn refused(&mut self) {
        self.made = None;
    }

    /// Why the way through the API server failed, when it did.
    pub fn trouble(&self) -> Option<String> {
        self.door.as_ref().and_then(Door::trouble)
    }

    /// A client that is let in.
    ///
    /// # Errors
    /// A credential, a certificate file or the way is missing.
    pub async fn client(&mut self) -> Result<reqwest::Client, Problem> {
        if let Some(made) = self
            .made
            .as_ref()
            .filter(|m| m.at.elapsed() < CREDENTIALS || !self.rotates())
        {
            return Ok(made.client.clone());
        }
        let failed = |why: String| Problem::Failed(why.into());
        let headers = self.headers().await.map_err(failed)?;
        let tls = tls_config(&self.endpoint.tls).map_err(failed)?;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .default_headers(headers)
            .user_agent(concat!("quarterdeck/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            // A redirect might carry the credentials elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(2)
            .pool_idle_timeout(Duration::from_secs(90));
        if let Some(forward) = &self.forward {
            let forward = forward.clone()?;
            if self.door.is_none() {
                let door = forward
                    .door()
                    .map_err(|e| failed(format!("no socket for the way through the API server: {e}")))?;
                self.door = Some(door);
            }
            if let Some(door) = &self.door {
                builder = builder.unix_socket(door.path().to_path_buf());
            }
        }
        let client = builder.build().map_err(|e| failed(words(&e)))?;
        self.made = Some(Made {
            client: client.clone(),
            at: Instant::now(),
        });
        Ok(client)
    }

    fn rotates(&self) -> bool {
        let of = |s: &SecretRef| !matches!(s, SecretRef::Env(_));
        let auth = match &self.endpoint.auth {
            Some(Auth::Bearer { bearer: s } | Auth::Basic { password: s, .. }) => of(s),
            None => false,
        };
        auth || self.endpoint.tls.certificate.is_some()
            || self
                .endpoint
                .headers
                .values()
                .any(|v| matches!(v, config::HeaderValue::Secret(s) if of(s)))
    }

    async fn headers(&self) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        match &self.endpoint.auth {
            Some(Auth::Bearer { bearer }) => {
                let token = self.secrets.read(bearer).await?;
                headers.insert(header::AUTHORIZATION, sensitive("Bearer ", &token)?);
            }
            Some(Auth::Basic { user, password }) => {
                let password = self.secrets.read(password).await?;
                let pair = format!("{user}:{}", password.expose_secret());
                let pair = base64::engine::general_purpose::STANDARD.encode(pair).into();
                headers.insert(header::AUTHORIZATION, sensitive("Basic ", &pair)?);
            }
            None => {}
        }
        for (name, value) in &self.endpoint.headers {
            let value = match value {
                config::HeaderValue::Plain(text) => {
                    HeaderValue::from_str(text).map_err(|_| format!("the header {name} cannot have that value"))?
                }
                config::HeaderValue::Secret(from) => sensitive("", &self.secrets.read(from).await?)?,
            };
            let name = HeaderName::try_from(name.as_str()).map_err(|_| format!("`{name}` is no header's name"))?;
            headers.insert(name, value);
        }
        Ok(headers)
    }
}

fn sensitive(scheme: &str, secret: &SecretString) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(&format!("{scheme}{}", secret.expose_secret()))
        .map_err(|_| "the credential has characters that no header may have".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

/// The system's authorities, read once.
pub(super) fn system_roots() -> &'static RootCertStore {
    static ROOTS: OnceLock<RootCertStore> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots
    })
}

/// The authorities of a PEM file.
pub(super) fn read_certificates(path: &std::path::Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .map_err(|e| format!("{} cannot be read: {e}", path.display()))?
        .collect();
    let found = found.map_err(|e| format!("{} is no PEM file: {e}", path.display()))?;
    if found.is_empty() {
        return Err(format!("{} holds no certificate", path.display()));
    }
    Ok(found)
}

/// What to trust and what to show, with the provider that the whole program uses.
pub(super) fn tls_config(tls: &Tls) -> Result<ClientConfig, String> {
    let roots = match &tls.ca {
        None => system_roots().clone(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(read_certificates(path)?);
            roots
        }
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    let builder = match &tls.name {
        None => builder.with_root_certificates(roots),
        Some(name) => {
            let name =
                rustls_pki_types::ServerName::try_from(name.clone()).map_err(|_| format!("`{name}` is no name"))?;
            let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(
                Arc::new(roots),
                Arc::new(rustls::crypto::ring::default_provider()),
            )
            .build()
            .map_err(|e| format!("no authority to trust: {e}"))?;
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Named { name, verifier }))
        }
    };
    match (&tls.certificate, &tls.key) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(certificate), Some(key)) => {
            let chain = read_certificates(certificate)?;
            let key =
                PrivateKeyDer::from_pem_file(key).map_err(|e| format!("{} cannot be read: {e}", key.display()))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|e| format!("{} and its key do not fit: {e}", certificate.display()))
        }
        _ => Err("`tls` needs both `certificate` and `key`, or neither".to_owned()),
    }
}

/// Verifies against another name than the URL's.
#[derive(Debug)]
struct Named {
    name: rustls_pki_types::ServerName<'static>,
    verifier: Arc<rustls::client::WebPkiServerVerifier>,
}

impl rustls::client::danger::ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &rustls_pki_types::ServerName<'_>,
        ocsp: &[u8],
        now: rustls_pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        self.verifier
            .verify_server_cert(end, intermediates, &self.name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// The innermost cause of a failed request, without the URL (which may hold a token in its query).
pub(super) fn words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut last: &dyn std::error::Error = error;
    while let Some(cause) = last.source() {
        last = cause;
        if let Some(tls) = last.downcast_ref::<rustls::Error>() {
            return format!("TLS fails: {tls}");
        }
        if let Some(io) = last.downcast_ref::<std::io::Error>()
            && let Some(inner) = io.get_ref()
        {
            last = inner;
            if let Some(tls) = last.downcast_ref::<rustls::Error>() {
                return format!("TLS fails: {tls}");
            }
        }
    }
    if let Some(io) = last.downcast_ref::<std::io::Error>() {
        return match io.kind() {
            std::io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
            std::io::ErrorKind::ConnectionReset => "the connection was cut".to_owned(),
            _ => io.to_string(),
        };
    }
    let text = last.to_string();
    if error.url().is_some_and(|u| text.contains(u.as_str())) {
        return "the request failed".to_owned();
    }
    text
}

/// A whole answer, if it is no longer than `max`.
pub(super) async fn body(mut answer: reqwest::Response, max: usize) -> Result<Vec<u8>, String> {
    let mut whole = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|e| words(&e))? {
        if whole.len() + part.len() > max {
            return Err(format!("the answer is longer than {} MiB", max / 1024 / 1024));
        }
        whole.extend_from_slice(&part);
    }
    Ok(whole)
}
