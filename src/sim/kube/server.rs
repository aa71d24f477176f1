//! The server: a loopback TLS listener that can be stopped and started again on the same port.

use super::faults::{Faults, RequestLog};
use super::http::{Api, serve};
use super::kubeconfig::Kubeconfig;
use super::platform::Platform;
use super::rbac::User;
use super::store::Store;
use super::tls::{Authority, Identity, common_name};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// How the server is set up.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Port on 127.0.0.1; 0: any that is free.
    pub port: u16,
    /// Who may connect; the first is the kubeconfig's current context.
    pub users: Vec<User>,
    /// API groups not served, as if their definitions were not installed.
    pub hidden_groups: Vec<String>,
    /// How often a quiet watch gets a bookmark.
    pub bookmark_every: Duration,
    /// Name of the cluster and of the first context in the kubeconfig.
    pub name: String,
    /// Namespace of the contexts.
    pub namespace: String,
}

impl Default for ServerOptions {
    fn default() -> Self {
        let namespace = "cortex".to_owned();
        Self {
            port: 0,
            users: User::standard(std::slice::from_ref(&namespace)),
            hidden_groups: Vec::new(),
            bookmark_every: Duration::from_secs(60),
            name: "demo".to_owned(),
            namespace,
        }
    }
}

/// A running (or stopped) server. Dropping it stops it.
pub struct Server {
    api: Arc<Api>,
    address: SocketAddr,
    acceptor: TlsAcceptor,
    ca: String,
    identity: Identity,
    name: String,
    namespace: String,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Starts it. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The port is taken, or keys cannot be made.
    pub async fn start(store: Store, platform: Arc<dyn Platform>, options: ServerOptions) -> io::Result<Self> {
        let authority = Authority::new()?;
        let acceptor = TlsAcceptor::from(Arc::new(authority.server_config()?));
        let first = options.users.first();
        let (user, group) = first.map_or(("admin", "system:masters"), |u| (u.name.as_str(), u.group.as_str()));
        let identity = authority.client(user, group)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let address = listener.local_addr()?;
        let api = Arc::new(Api {
            store,
            platform,
            faults: Faults::default(),
            requests: RequestLog::default(),
            users: options.users,
            hidden: options.hidden_groups,
            bookmark_every: options.bookmark_every,
            forwards: super::forward::Forwards::default(),
            address: address.to_string(),
        });
        let task = tokio::spawn(accept(listener, acceptor.clone(), api.clone()));
        Ok(Self {
            api,
            address,
            acceptor,
            ca: authority.pem(),
            identity,
            name: options.name,
            namespace: options.namespace,
            task: Mutex::new(Some(task)),
        })
    }

    /// `https://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The CA certificate, PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca
    }

    /// The store that it serves.
    pub fn store(&self) -> &Store {
        &self.api.store
    }

    /// Where the ports of pods really are, for port-forward.
    pub fn forwards(&self) -> &super::forward::Forwards {
        &self.api.forwards
    }

    /// Makes things go wrong.
    pub fn faults(&self) -> &Faults {
        &self.api.faults
    }

    /// What was asked.
    pub fn requests(&self) -> &RequestLog {
        &self.api.requests
    }

    /// Who may connect.
    pub fn users(&self) -> &[User] {
        &self.api.users
    }

    /// The kubeconfig: contexts `NAME` (the first user), `NAME-USER`, `NAME-expired`, `NAME-cert`.
    pub fn kubeconfig(&self) -> String {
        self.contexts(&self.url()).text()
    }

    /// Writes the kubeconfig, readable by its owner only.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_kubeconfig(&self, path: &Path) -> io::Result<()> {
        self.contexts(&self.url()).write(path)
    }

    fn contexts<'a>(&'a self, url: &'a str) -> Kubeconfig<'a> {
        Kubeconfig {
            name: &self.name,
            url,
            ca: &self.ca,
            namespace: &self.namespace,
            users: &self.api.users,
            certificate: Some(&self.identity),
        }
    }

    /// Stops listening and cuts every connection. The store stays.
    pub async fn stop(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.abort();
            let _ended = task.await;
        }
    }

    /// Stops, and listens again on the same port.
    ///
    /// # Errors
    /// The port was taken meanwhile.
    pub async fn restart(&self) -> io::Result<()> {
        self.stop().await;
        let listener = TcpListener::bind(self.address).await?;
        let task = tokio::spawn(accept(listener, self.acceptor.clone(), self.api.clone()));
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

/// Accepts for ever. Its connections live in its own set, so that ending it ends them.
async fn accept(listener: TcpListener, acceptor: TlsAcceptor, api: Arc<Api>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, acceptor.clone(), api.clone()));
                }
                // Out of file descriptors, or a connection that was gone at once: a pause, and on.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, api: Arc<Api>) {
    let _ = stream.set_nodelay(true);
    let Ok(tls) = acceptor.accept(stream).await else { return };
    let certificate = tls
        .get_ref()
        .1
        .peer_certificates()
        .and_then(|c| common_name(c.first()?));
    let service = service_fn(move |request| serve(api.clone(), certificate.clone(), request));
    // A connection that ends badly is the client's doing, or was asked for as a fault.
    let _ended = auto::Builder::new(TokioExecutor::new())
        .serve_connection_with_upgrades(TokioIo::new(tls), service)
        .await;
}
