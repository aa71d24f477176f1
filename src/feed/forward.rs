//! Through the API server to a server inside the cluster: Service → ready pod and target port → a stream.
//!
//! Each connection gets a stream of its own to a pod that is ready at that moment, so a pod that was replaced is no
//! trouble. For the transport it counts as a write: a read-only console has no way through. TLS, where the server
//! speaks it, is between us and the server; its name stays the Service's.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::ListParams;
use kube::{Api, Client};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

use super::SourceContext;
use super::kube::{Fault, FaultKind};
use crate::config::{Via, ViaKind, ViaPort};
use crate::model::Problem;

/// Finding the pod and opening the stream take no longer.
const OPEN: Duration = Duration::from_secs(10);

/// A way to one server. Cheap to clone.
#[derive(Clone)]
pub struct Forward {
    reader: Client,
    act: Client,
    namespace: String,
    via: Via,
}

impl Forward {
    /// The way that `via` says.
    ///
    /// # Errors
    /// [`Problem::Denied`] in a read-only console, [`Problem::Absent`] without a cluster.
    pub fn new(context: &SourceContext, via: &Via) -> Result<Self, Problem> {
        let Some(cluster) = &context.cluster else {
            return Err(Problem::Absent {
                what: format!("{via} needs a cluster, and none is connected").into(),
                how: "give a kubeconfig, or a direct address instead of `via`".into(),
            });
        };
        let act = context.grant.as_ref().and_then(|grant| cluster.act_client(grant));
        let Some(act) = act else {
            return Err(Problem::Denied {
                what: "needs a direct address: a read-only console does not tunnel through the API server".into(),
                grant: "a direct address in the configuration, without `via`".into(),
            });
        };
        Ok(Self {
            reader: cluster.reader().clone(),
            act,
            namespace: via.namespace.clone().unwrap_or_else(|| cluster.namespace().to_owned()),
            via: via.clone(),
        })
    }

    /// The name under which the server is known inside the cluster: `postgres-core.cortex.svc`. What its certificate
    /// should say.
    pub fn host(&self) -> String {
        match self.via.to {
            ViaKind::Service => format!("{}.{}.svc", self.via.name, self.namespace),
            ViaKind::Pod => self.via.name.clone(),
        }
    }

    /// A fresh stream to a pod that is ready now.
    ///
    /// # Errors
    /// No such Service, no ready pod behind it, a right that is missing, or a link that is down.
    pub async fn open(&self) -> Result<Stream, Fault> {
        tokio::time::timeout(OPEN, self.dial())
            .await
            .unwrap_or_else(|_| Err(Fault::slow(&self.via.to_string(), OPEN)))
    }

    async fn dial(&self) -> Result<Stream, Fault> {
        let (pod, port) = self.pod().await?;
        let pods: Api<Pod> = Api::namespaced(self.act.clone(), &self.namespace);
        let mut forwarder = pods.portforward(&pod, &[port]).await.map_err(|e| self.said(e, &pod))?;
        let stream = forwarder.take_stream(port);
        let error = forwarder.take_error(port);
        let (Some(stream), Some(error)) = (stream, error) else {
            return Err(Fault::new(FaultKind::Garbled, format!("{}: no stream", self.via)));
        };
        Ok(Stream {
            inner: stream,
            error: Some(Box::pin(error)),
        })
    }

    fn said(&self, error: kube::Error, pod: &str) -> Fault {
        let mut fault = Fault::from(error);
        if fault.kind == FaultKind::Forbidden {
            fault.say = format!(
                "port-forward to pod {pod} is not permitted: grant {{apiGroups: [\"\"], resources: [\"pods/portforward\"], verbs: [\"create\", \"get\"]}} in a Role in {}",
                self.namespace
            );
        }
        fault
    }

    /// The pod and its port.
    async fn pod(&self) -> Result<(String, u16), Fault> {
        let pods: Api<Pod> = Api::namespaced(self.reader.clone(), &self.namespace);
        if self.via.to == ViaKind::Pod {
            let ViaPort::Number(port) = self.via.port else {
                return Err(Fault::new(
                    FaultKind::Garbled,
                    format!("{}: a pod's port is a number", self.via),
                ));
            };
            return Ok((self.via.name.clone(), port));
        }
        let service = Api::<Service>::namespaced(self.reader.clone(), &self.namespace)
            .get(&self.via.name)
            .await?;
        let spec = service.spec.unwrap_or_default();
        let selector = spec.selector.unwrap_or_default();
        if selector.is_empty() {
            let why = format!(
                "service {}/{} selects no pods: use its direct address",
                self.namespace, self.via.name
            );
            return Err(Fault::new(FaultKind::Absent, why));
        }
        let ports = spec.ports.unwrap_or_default();
        let found = ports.iter().find(|p| match &self.via.port {
            ViaPort::Number(n) => p.port == i32::from(*n),
            ViaPort::Name(name) => p.name.as_deref() == Some(name),
        });
        let Some(found) = found else {
            let why = format!(
                "service {}/{} has no such port: {}",
                self.namespace, self.via.name, self.via
            );
            return Err(Fault::new(FaultKind::Absent, why));
        };
        let target = found.target_port.clone().unwrap_or(IntOrString::Int(found.port));
        let labels: Vec<String> = selector.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let list = pods
            .list(&ListParams::default().labels(&labels.join(",")).limit(100))
            .await?;
        let total = list.items.len();
        list.items
            .into_iter()
            .filter(ready)
            .find_map(|pod| Some((pod.metadata.name.clone()?, port_of(&pod, &target)?)))
            .ok_or_else(|| {
                let why = format!(
                    "service {}/{} has no ready pod with port {} (of {total})",
                    self.namespace,
                    self.via.name,
                    match &target {
                        IntOrString::Int(n) => n.to_string(),
                        IntOrString::String(name) => name.clone(),
                    }
                );
                Fault::new(FaultKind::Link, why)
            })
    }

    /// A Unix socket, ours alone, each connection of which is a fresh stream: for clients that want an address.
    ///
    /// # Errors
    /// No folder for it.
    pub fn door(self) -> io::Result<Door> {
        let folder = std::env::var_os("XDG_RUNTIME_DIR")
            .map(PathBuf::from)
            .filter(|p| p.is_absolute() && p.is_dir())
            .unwrap_or_else(std::env::temp_dir)
            .join(format!(
                "quarterdeck-door-{}-{:016x}",
                std::process::id(),
                fastrand::u64(..)
            ));
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
        let path = folder.join("socket");
        let bound = UnixListener::bind(&path).and_then(|listener| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
            Ok(listener)
        });
        let listener = match bound {
            Ok(listener) => listener,
            Err(e) => {
                let _ = std::fs::remove_dir_all(&folder);
                return Err(e);
            }
        };
        let trouble = std::sync::Arc::new(std::sync::Mutex::new(None));
        let said = trouble.clone();
        let task = tokio::spawn(async move {
            let mut streams = tokio::task::JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => match accepted {
                        Ok((client, _)) => {
                            let (way, said) = (self.clone(), said.clone());
                            streams.spawn(async move { carry(&way, client, &said).await });
                        }
                        Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                    },
                    Some(_) = streams.join_next() => {}
                }
            }
        });
        Ok(Door {
            folder,
            path,
            task,
            trouble,
        })
    }
}

type Trouble = std::sync::Arc<std::sync::Mutex<Option<String>>>;

async fn carry(way: &Forward, mut client: tokio::net::UnixStream, trouble: &Trouble) {
    let say = |why: Option<String>| {
        if let Ok(mut said) = trouble.lock() {
            *said = why;
        }
    };
    match way.open().await {
        Ok(mut server) => {
            say(None);
            if let Err(e) = tokio::io::copy_bidirectional(&mut client, &mut server).await
                && e.kind() == io::ErrorKind::Other
            {
                say(Some(e.to_string()));
            }
        }
        Err(fault) => say(Some(fault.say)),
    }
}

fn ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_ref());
    pod.metadata.deletion_timestamp.is_none()
        && conditions.is_some_and(|c| c.iter().any(|c| c.type_ == "Ready" && c.status == "True"))
}

fn port_of(pod: &Pod, target: &IntOrString) -> Option<u16> {
    match target {
        IntOrString::Int(n) => u16::try_from(*n).ok(),
        IntOrString::String(name) => {
            let containers = pod.spec.as_ref().map(|s| s.containers.as_slice()).unwrap_or_default();
            containers
                .iter()
                .flat_map(|c| c.ports.iter().flatten())
                .find(|p| p.name.as_deref() == Some(name))
                .and_then(|p| u16::try_from(p.container_port).ok())
        }
    }
}

/// A Unix socket that leads through the API server. Dropping it closes it and cuts what goes through.
pub struct Door {
    folder: PathBuf,
    path: PathBuf,
    task: JoinHandle<()>,
    trouble: Trouble,
}

impl Door {
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Why the last stream could not be opened, in the API server's or the kubelet's words.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().ok().and_then(|t| t.clone())
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// One connection to a port of a pod.
pub struct Stream {
    inner: DuplexStream,
    /// What the kubelet says when the port cannot be used: it comes before the end of the stream.
    error: Option<BoxFuture<'static, Option<String>>>,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("forward::Stream")
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        let over = matches!(polled, Poll::Ready(Ok(()))) && buf.filled().len() == before && buf.remaining() > 0;
        if (over || polled.is_pending())
            && let Some(error) = &mut self.error
            && let Poll::Ready(said) = error.as_mut().poll(cx)
        {
            self.error = None;
            if let Some(said) = said {
                return Poll::Ready(Err(io::Error::other(format!(
                    "the pod's port cannot be used: {}",
                    said.trim()
                ))));
            }
        }
        polled
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
