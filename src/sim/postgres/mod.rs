//! The demonstration's PostgreSQL: a server on loopback that speaks the protocol, and a small world behind it.
//!
//! It answers a list of statements and nothing else: those of the console by the id in their comment, and those that
//! the platform's own runbooks give to `psql`, by their text. Everything else gets an error that says so. Startup,
//! simple and extended protocol are written out here: they are a few messages, and the crate for it wants its own
//! runtime glue.

mod answers;
mod psql;
mod upkeep;
mod wire;
mod world;
mod wrong;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use world::{Database, Options};

/// A running server. Dropping it ends it.
pub struct Server {
    address: SocketAddr,
    database: Shared,
    task: JoinHandle<()>,
}

/// The database that all connections see.
type Shared = Arc<Mutex<Database>>;

impl Server {
    /// Listens on a free port of 127.0.0.1. `now` is when the demonstration begins.
    ///
    /// # Errors
    /// No port.
    pub async fn start(options: Options, now: Timestamp) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let database: Shared = Arc::new(Mutex::new(Database::begin(options, now)));
        let shared = Arc::clone(&database);
        let task = tokio::spawn(async move {
            let mut pid = 20_000;
            while let Ok((stream, _)) = listener.accept().await {
                pid += 1;
                tokio::spawn(wire::serve(stream, pid, Arc::clone(&shared)));
            }
        });
        Ok(Self {
            address,
            database,
            task,
        })
    }

    /// `postgres://qd@127.0.0.1:PORT/cortex`; no password is asked for.
    pub fn url(&self) -> String {
        format!("postgres://qd@{}/cortex", self.address)
    }

    /// The same database, for who does not own the server.
    pub fn clients(&self) -> Clients {
        Clients(Arc::clone(&self.database))
    }

    /// PgBouncer's console in front of it.
    pub fn pooler_url(&self) -> String {
        format!("postgres://stats@{}/pgbouncer", self.address)
    }

    /// Looks at the world behind it.
    pub fn with<T>(&self, look: impl FnOnce(&mut Database) -> T) -> T {
        look(&mut self.database.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Tells the database which pods its clients run in.
#[derive(Clone)]
pub struct Clients(Shared);

impl Clients {
    /// Those whose pods matter now.
    pub fn watched(&self) -> Vec<&'static str> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).leaking()
    }

    /// The uids of an application's pods.
    pub fn set(&self, application: &str, pods: &BTreeSet<String>) {
        let mut database = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        database.pods_of(application, pods);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
