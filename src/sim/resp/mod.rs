//! The Redis of the demonstration platform: RESP2 and RESP3 over TCP, with queues that live.
//!
//! It answers what the console asks and what a person types into `redis-cli`; retrying, pausing and deleting change
//! it, and so does the number of workers. Everything else (FLUSHDB, KEYS, SET, …) is refused.

mod codec;
mod commands;
mod cortex;
mod data;
mod info;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use self::commands::Session;
use self::cortex::Cortex;
use super::faults::{Fault, Faults};
use super::kube::Clock;

/// A running server. Dropping it ends it.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    accept: tokio::task::AbortHandle,
}

struct Shared {
    clock: Clock,
    state: Mutex<State>,
}

struct State {
    world: Cortex,
    sessions: BTreeMap<u64, Session>,
    next: u64,
    writes: Vec<Vec<String>>,
    faults: Faults,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    /// Listens on a free port of the loopback. With `calm` nothing is wrong.
    ///
    /// # Errors
    /// No port.
    pub async fn start(clock: Clock, calm: bool) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let world = Cortex::new(clock.now(), calm);
        let shared = Arc::new(Shared {
            clock,
            state: Mutex::new(State {
                world,
                sessions: BTreeMap::new(),
                next: 1,
                writes: Vec::new(),
                faults: Faults::default(),
            }),
        });
        let for_all = Arc::clone(&shared);
        let accept = tokio::spawn(async move {
            // Ends the connections with the server.
            let mut connections = JoinSet::new();
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    connections.spawn(serve(stream, Arc::clone(&for_all)));
                    while connections.try_join_next().is_some() {}
                }
            }
        });
        Ok(Self {
            address,
            shared,
            accept: accept.abort_handle(),
        })
    }

    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// `redis://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Tells how many workers a queue has: the ready pods of its Deployment.
    pub fn set_workers(&self, queue: &str, n: u32) {
        self.workers().set(queue, n);
    }

    /// The same, for who does not own the server.
    pub fn workers(&self) -> Workers {
        Workers(Arc::clone(&self.shared))
    }

    /// What made the jobs of a queue fail is mended.
    pub fn mend(&self, queue: &str) {
        self.shared.state().world.mend(queue);
    }

    /// The next command that begins so goes wrong.
    pub fn fail(&self, command: &str, fault: Fault) {
        self.shared.state().faults.next(command, fault);
    }

    /// The commands that changed something, as they came.
    pub fn writes(&self) -> Vec<Vec<String>> {
        self.shared.state().writes.clone()
    }
}

/// Sets the number of workers.
#[derive(Clone)]
pub struct Workers(Arc<Shared>);

impl Workers {
    /// How many jobs of a queue wait.
    pub fn waiting(&self, queue: &str) -> u64 {
        let now = self.0.clock.now();
        let mut state = self.0.state();
        state.world.advance(now);
        state.world.waiting(queue)
    }

    pub fn set(&self, queue: &str, n: u32) {
        let now = self.0.clock.now();
        let mut state = self.0.state();
        state.world.advance(now);
        state.world.set_workers(queue, n);
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let id = {
        let mut state = shared.state();
        let id = state.next;
        state.next += 1;
        let session = Session {
            id,
            ..Session::default()
        };
        state.sessions.insert(id, session);
        id
    };
    let _ = Box::pin(talk(&mut stream, &shared, id)).await;
    shared.state().sessions.remove(&id);
}

async fn talk(stream: &mut TcpStream, shared: &Shared, id: u64) -> io::Result<()> {
    let mut buffer = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        let n = stream.read(&mut chunk).await?;
        if n == 0 {
            return Ok(());
        }
        buffer.extend_from_slice(chunk.get(..n).unwrap_or_default());
        let mut out = Vec::new();
        loop {
            match codec::take(&mut buffer) {
                Ok(Some(words)) if words.is_empty() => {}
                Ok(Some(words)) => {
                    if words.first().is_some_and(|w| w.eq_ignore_ascii_case("QUIT")) {
                        stream.write_all(b"+OK\r\n").await?;
                        return Ok(());
                    }
                    shared.state().answer(id, &words, shared.clock.now(), &mut out)?;
                }
                Ok(None) => break,
                Err(why) => {
                    out.extend_from_slice(format!("-ERR Protocol error: {why}\r\n").as_bytes());
                    stream.write_all(&out).await?;
                    return Ok(());
                }
            }
        }
        stream.write_all(&out).await?;
    }
}

impl State {
    fn answer(&mut self, id: u64, words: &[String], now: Timestamp, out: &mut Vec<u8>) -> io::Result<()> {
        self.world.advance(now);
        let fault = self.faults.hit(&words.join(" ").to_uppercase());
        if fault == Some(Fault::Refuse) {
            commands::no_permission(words).write(out, false);
            return Ok(());
        }
        let others: Vec<Session> = self.sessions.values().cloned().collect();
        let Some(session) = self.sessions.get_mut(&id) else {
            return Ok(());
        };
        let reply = commands::answer(&mut self.world, session, &others, words, now);
        let wrote = words.first().is_some_and(|w| commands::is_write(&w.to_uppercase()));
        if wrote && !matches!(reply, codec::Reply::Error(_)) {
            self.writes.push(words.to_vec());
        }
        reply.write(out, session.resp3);
        if fault == Some(Fault::LoseAfter) {
            return Err(io::Error::other("the connection is cut"));
        }
        Ok(())
    }
}
