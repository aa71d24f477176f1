//! Port-forward: a WebSocket whose two channels carry a stream to a server on loopback and what went wrong with it.
//!
//! The kubelet's side of `v4.channel.k8s.io`: each channel first sends its port; channel 0 is data, channel 1 an error.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::answer::{self, Answer};
use super::request::Query;
use super::status::Status;

/// Of the protocols that clients offer, the one without CLOSE signals: every client has it.
const PROTOCOL: &str = "v4.channel.k8s.io";

/// By namespace, label `app` and port.
type Ports = HashMap<(String, String, u16), SocketAddr>;

/// Where the ports of pods really are: servers on loopback, by namespace, the pods' label `app`, and port.
#[derive(Clone, Debug, Default)]
pub struct Forwards {
    ports: Arc<Mutex<Ports>>,
}

impl Forwards {
    /// Pods labelled `app=APP` answer at `port` with what listens at `address`.
    pub fn add(&self, namespace: &str, app: &str, port: u16, address: SocketAddr) {
        let mut ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
        ports.insert((namespace.to_owned(), app.to_owned(), port), address);
    }

    fn find(&self, namespace: &str, app: &str, port: u16) -> Option<SocketAddr> {
        let ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
        ports.get(&(namespace.to_owned(), app.to_owned(), port)).copied()
    }
}

/// The upgrade of a request, taken before its body is read. `None` when it asks for none.
pub(crate) fn upgrade(request: &mut Request<Incoming>) -> Option<hyper::upgrade::OnUpgrade> {
    let wanted = request.headers().get(header::UPGRADE)?;
    wanted
        .as_bytes()
        .eq_ignore_ascii_case(b"websocket")
        .then(|| hyper::upgrade::on(request))
}

/// `GET pods/NAME/portforward`, for one port.
pub(crate) fn forward(
    forwards: &Forwards,
    pod: &Value,
    query: &Query,
    headers: &HeaderMap,
    upgrade: Option<hyper::upgrade::OnUpgrade>,
) -> Result<Answer, Status> {
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let offered = headers
        .get(header::SEC_WEBSOCKET_PROTOCOL)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let (Some(upgrade), Some(key)) = (upgrade, key) else {
        return Err(Status::bad_request(
            "unable to upgrade: missing upgrade headers in request",
        ));
    };
    if !offered.split(',').any(|p| p.trim() == PROTOCOL) {
        return Err(Status::new(
            403,
            "Forbidden",
            "no protocol of the client is served: only v4.channel.k8s.io",
        ));
    }
    let Some(port) = query.get("ports").and_then(|p| p.parse::<u16>().ok()) else {
        return Err(Status::bad_request("query parameter \"ports\" is needed: one port"));
    };
    let at = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    if at("/status/phase") != "Running" {
        let why = format!(
            "unable to forward port because pod is not running. Current status={}",
            at("/status/phase")
        );
        return Err(Status::bad_request(why));
    }
    let target = forwards.find(at("/metadata/namespace"), at("/metadata/labels/app"), port);
    let name = at("/metadata/name").to_owned();
    let accept = derive_accept_key(key.as_bytes());
    tokio::spawn(async move {
        if let Ok(upgraded) = upgrade.await {
            let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
            carry(socket, target, port, &name).await;
        }
    });
    let mut reply = answer::text(101, "");
    *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = reply.headers_mut();
    headers.clear();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    Ok(reply)
}

type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

fn frame(channel: u8, data: &[u8]) -> Message {
    let mut whole = Vec::with_capacity(data.len() + 1);
    whole.push(channel);
    whole.extend_from_slice(data);
    Message::binary(whole)
}

async fn carry(mut socket: Socket, target: Option<SocketAddr>, port: u16, pod: &str) {
    for channel in [0, 1] {
        if socket.send(frame(channel, &port.to_le_bytes())).await.is_err() {
            return;
        }
    }
    let refused = || {
        format!("error forwarding port {port} to pod {pod}: dial tcp4 127.0.0.1:{port}: connect: connection refused")
    };
    let target = target.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
    let Ok(server) = TcpStream::connect(target).await else {
        let _ = socket.send(frame(1, refused().as_bytes())).await;
        let _ = socket.close(None).await;
        return;
    };
    let _ = server.set_nodelay(true);
    let (mut from_server, mut to_server) = server.into_split();
    let (mut sink, mut stream) = socket.split();
    let out = async {
        let mut part = vec![0_u8; 32 * 1024];
        while let Ok(n) = from_server.read(&mut part).await {
            let Some(data) = part.get(..n).filter(|d| !d.is_empty()) else {
                break;
            };
            if sink.send(frame(0, data)).await.is_err() {
                return;
            }
        }
        let _ = sink.close().await;
    };
    let into = async {
        while let Some(Ok(message)) = stream.next().await {
            match message {
                Message::Binary(data) => {
                    let Some((0, data)) = data.split_first().map(|(c, d)| (*c, d)) else {
                        continue;
                    };
                    if to_server.write_all(data).await.is_err() {
                        return;
                    }
                }
                Message::Close(_) => return,
                _ => {}
            }
        }
    };
    // One side that ends ends the stream.
    tokio::select! {
        () = out => {}
        () = into => {}
    }
}
