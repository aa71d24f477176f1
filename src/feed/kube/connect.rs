//! From a choice of context to a [`Cluster`] that can be read.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{HeaderValue, Uri, header};
use kube::Client;

use super::exec::{ExecError, Login, SignedIn};
use super::session::Session;
use super::source::{Kubeconfigs, SourceError};
use super::transport::{Meter, ReadOnly, Way};
use crate::action::WriteGrant;
use crate::model::{Place, Scope};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the head of an answer to a read may take.
pub(super) const READ: Duration = Duration::from_secs(15);

/// Which cluster, and which part of it.
#[derive(Clone, Debug, Default)]
pub struct ContextChoice {
    /// `--kubeconfig`; else KUBECONFIG, `~/.kube/config`, the pod's service account.
    pub kubeconfig: Option<PathBuf>,
    /// `None`: the current one.
    pub context: Option<String>,
    /// `None`: the context's namespace, or `default`.
    pub scope: Option<Scope>,
    /// The platform's name in the configuration; `None`: the context's name.
    pub platform: Option<String>,
    /// What a person's sign-in gave, after [`ConnectError::NeedsPerson`].
    pub signed_in: Option<SignedIn>,
}

/// Whether a client that can write may be made at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    ReadOnly,
    Operator,
}

/// Why there is no [`Cluster`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The credential plugin wants to talk: suspend the screen, call [`Login::run_attached`], connect again with what
    /// it gave.
    #[error("sign in: {}{}", .login.argv().join(" "), if .said.is_empty() { String::new() } else { format!(" (it says: {said})") })]
    NeedsPerson { login: Login, said: String },
    #[error("no credentials for context {context}: {why}")]
    Credentials { context: String, why: ExecError },
}

/// One cluster, as one user sees it. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    place: Arc<Place>,
    url: Arc<Uri>,
    namespace: Arc<str>,
    user: Arc<str>,
    insecure: bool,
    access: Access,
    reader: Client,
    session: Arc<Session>,
    meter: Arc<Meter>,
    /// The server has streaming lists, as far as we know.
    streams: Arc<AtomicBool>,
}

/// Finds the configuration, gets credentials, and sets up the clients. Nothing is asked of the API server yet: one
/// that is down is a matter of the feeds, which keep trying.
///
/// # Errors
/// When the kubeconfig is missing or malformed, or no credentials can be had.
pub async fn connect(choice: ContextChoice, access: Access) -> Result<Cluster, ConnectError> {
    let kubeconfigs = Kubeconfigs::load(choice.kubeconfig).await?;
    let wanted = choice.context;
    let found = tokio::task::spawn_blocking(move || kubeconfigs.find(wanted.as_deref()))
        .await
        .map_err(|e| SourceError::Nothing { looked: e.to_string() })??;
    let mut config = found.config;
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT);
    config.read_timeout = None;
    config.write_timeout = Some(Duration::from_secs(30));
    let agent = HeaderValue::from_static(concat!("quarterdeck/", env!("CARGO_PKG_VERSION")));
    config.headers.push((header::USER_AGENT, agent));
    let namespace = config.default_namespace.clone();
    let server = config
        .cluster_url
        .authority()
        .map(ToString::to_string)
        .unwrap_or_default();
    let url = Arc::new(config.cluster_url.clone());
    let scope = match choice.scope {
        Some(Scope::Namespaces(list)) if list.is_empty() => None,
        scope => scope,
    };
    let place = Place {
        platform: choice.platform.unwrap_or_else(|| found.context.name.clone()),
        context: found.context.name.clone(),
        server,
        scope: scope.unwrap_or_else(|| Scope::Namespaces(vec![namespace.clone()])),
    };
    let session = Arc::new(Session::new(config, found.source));
    let credentials = |why: ExecError| match why {
        ExecError::NeedsPerson { login, stderr } => ConnectError::NeedsPerson { login, said: stderr },
        why => ConnectError::Credentials {
            context: found.context.name.clone(),
            why,
        },
    };
    match choice.signed_in {
        Some(SignedIn(credential)) => session.sign_in(credential).await.map_err(credentials)?,
        None => drop(session.lease().await.map_err(credentials)?),
    }
    let meter = Arc::new(Meter::default());
    let way = Way {
        session: Arc::clone(&session),
        meter: Arc::clone(&meter),
        reads: Some(READ),
        server: place.server.as_str().into(),
    };
    Ok(Cluster {
        place: Arc::new(place),
        url,
        reader: Client::new(ReadOnly::new(way), namespace.clone()),
        namespace: namespace.into(),
        user: found.context.user.into(),
        insecure: found.context.insecure,
        access,
        session,
        meter,
        streams: Arc::new(AtomicBool::new(true)),
    })
}

/// What tells one API server from another: scheme, host, port (the scheme's own where none is written), and path.
fn address(uri: &Uri) -> (&str, String, u16, &str) {
    let scheme = uri.scheme_str().unwrap_or("http");
    let own = if scheme == "https" { 443 } else { 80 };
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    (
        scheme,
        host,
        uri.port_u16().unwrap_or(own),
        uri.path().trim_end_matches('/'),
    )
}

impl Cluster {
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Whether that is the URL of this cluster's API server: whatever a name leads to now, this is what is connected.
    pub fn is_at(&self, url: &str) -> bool {
        url.parse::<Uri>()
            .is_ok_and(|other| address(&other) == address(&self.url))
    }

    /// The client for everything but changes. Its transport refuses to write.
    pub fn reader(&self) -> &Client {
        &self.reader
    }

    /// The client for changes: one request, no retry, no deadline of its own. `None` in read-only access.
    pub fn act_client(&self, _grant: &WriteGrant) -> Option<Client> {
        (self.access == Access::Operator).then(|| {
            let way = Way {
                session: Arc::clone(&self.session),
                meter: Arc::clone(&self.meter),
                reads: None,
                server: self.place.server.as_str().into(),
            };
            Client::new(way, self.namespace.to_string())
        })
    }

    pub const fn access(&self) -> Access {
        self.access
    }

    /// The context's namespace, or `default`.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The user's name in the kubeconfig (not what the server calls them: see [`super::access::who_am_i`]).
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The server's certificate is not checked: say so wherever the place is shown.
    pub const fn insecure(&self) -> bool {
        self.insecure
    }

    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    pub(super) fn streams(&self) -> bool {
        self.streams.load(Ordering::Relaxed)
    }

    pub(super) fn no_streams(&self) {
        self.streams.store(false, Ordering::Relaxed);
    }

    /// The login that waits for a person, when credentials ran out meanwhile.
    pub async fn needs_person(&self) -> Option<Login> {
        self.session.needs_person().await
    }

    /// Takes what a person's sign-in gave. Wake the feeds after it.
    ///
    /// # Errors
    /// When no client can be made with it.
    pub async fn sign_in(&self, signed_in: SignedIn) -> Result<(), ExecError> {
        self.session.sign_in(signed_in.0).await
    }

    /// Lets the next request try for credentials at once, whatever failed a moment ago.
    pub async fn forget_failure(&self) {
        self.session.forget_failure().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_is_one_however_its_address_is_written_and_another_is_not() {
        let same = |a: &str, b: &str| address(&a.parse().unwrap()) == address(&b.parse().unwrap());
        assert!(same("https://api.example.com", "https://API.example.com:443/"));
        assert!(same("http://10.0.0.1/k8s/", "http://10.0.0.1:80/k8s"));
        for other in [
            "http://api.example.com",
            "https://api.example.com:6443",
            "https://api.example.com/k8s",
            "https://api.example.org",
        ] {
            assert!(!same("https://api.example.com", other), "{other}");
        }
    }
}
