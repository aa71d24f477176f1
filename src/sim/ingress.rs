//! The demonstration's ingress: TLS on loopback. It serves the certificate that its pods loaded when they started, so a
//! renewed one shows only after a restart.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::kube::Store;
use super::kube::resources::{DEPLOYMENTS, PODS, SECRETS};
use super::world::json::{int, text};

/// A running ingress. Dropping it ends it.
#[derive(Debug)]
pub struct Ingress {
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// What it has loaded, and by which pods.
#[derive(Default)]
struct Loaded {
    pods: BTreeSet<String>,
    config: Option<Arc<ServerConfig>>,
}

impl Ingress {
    /// Starts it over what is in the store. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// No port.
    pub async fn start(store: Store) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let loaded = Arc::new(Mutex::new(Loaded::default()));
        refresh(&store, &loaded);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => match accepted {
                        Ok((stream, _)) => {
                            refresh(&store, &loaded);
                            let config = loaded.lock().unwrap_or_else(PoisonError::into_inner).config.clone();
                            connections.spawn(answer(stream, config, store.clone()));
                        }
                        Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                    },
                    Some(_) = connections.join_next() => {}
                    // Who restarts the controller should find it loaded whether or not somebody looks.
                    () = tokio::time::sleep(Duration::from_secs(1)) => refresh(&store, &loaded),
                }
            }
        });
        Ok(Self { address, task })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Ingress {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Loads the Secret again once none of the pods that loaded it is left.
fn refresh(store: &Store, loaded: &Mutex<Loaded>) {
    let of_ingress = |ns: &str, phase: Option<&str>, app: Option<&str>| {
        ns == "ingress-nginx" && phase == Some("Running") && app == Some("ingress-nginx-controller")
    };
    let pods: BTreeSet<String> = store
        .list(&PODS, Some("ingress-nginx"))
        .iter()
        .filter(|p| of_ingress(&p.meta.namespace, p.meta.phase.as_deref(), p.meta.label("app")))
        .map(|p| p.meta.uid.to_string())
        .collect();
    let mut loaded = loaded.lock().unwrap_or_else(PoisonError::into_inner);
    if loaded.config.is_some() && (pods.is_empty() || !loaded.pods.is_disjoint(&pods)) {
        return;
    }
    if let Some(config) = load(store) {
        *loaded = Loaded {
            pods,
            config: Some(config),
        };
    }
}

fn load(store: &Store) -> Option<Arc<ServerConfig>> {
    let secret = store.get(&SECRETS, "cortex", "cortex-tls")?.value();
    let pem = |key: &str| {
        let encoded = secret.get("data")?.get(key)?.as_str()?;
        base64::engine::general_purpose::STANDARD.decode(encoded).ok()
    };
    let chain: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(&pem("tls.crt")?).collect();
    let key = PrivateKeyDer::from_pem_slice(&pem("tls.key")?).ok()?;
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .ok()?
        .with_no_client_auth()
        .with_single_cert(chain.ok()?, key)
        .ok()?;
    Some(Arc::new(config))
}

/// One request, one answer.
async fn answer(stream: TcpStream, config: Option<Arc<ServerConfig>>, store: Store) {
    let Some(config) = config else { return };
    let talk = async {
        let mut tls = tokio_rustls::TlsAcceptor::from(config).accept(stream).await?;
        let mut head = Vec::new();
        let mut part = [0_u8; 1024];
        while !head.windows(4).any(|w| w == b"\r\n\r\n") && head.len() < 16 * 1024 {
            let n = tls.read(&mut part).await?;
            if n == 0 {
                return Ok(());
            }
            head.extend(part.iter().take(n));
        }
        let api = store.get(&DEPLOYMENTS, "cortex", "cortex-api").map(|d| d.value());
        let serving = api.as_ref().is_some_and(|d| int(d, "/status/availableReplicas") > 0);
        let name = api.as_ref().map_or("", |d| text(d, "/metadata/name"));
        let (status, body) = if serving {
            ("200 OK", format!("{{\"status\":\"ok\",\"service\":\"{name}\"}}\n"))
        } else {
            ("503 Service Unavailable", "no backend is ready\n".to_owned())
        };
        let head_only = head.starts_with(b"HEAD ");
        let mut reply = format!(
            "HTTP/1.1 {status}\r\nServer: nginx\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        if !head_only {
            reply.push_str(&body);
        }
        tls.write_all(reply.as_bytes()).await?;
        tls.shutdown().await
    };
    let talk: Result<Result<(), io::Error>, _> = tokio::time::timeout(Duration::from_secs(10), talk).await;
    // Who leaves early is a probe, or somebody who changed their mind.
    drop(talk);
}
