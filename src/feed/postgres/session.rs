//! One connection to one server: how it is asked, and when it is given up.
//!
//! Only `query_typed` and the simple protocol are used: a named statement does not survive a pooler. Every view comes
//! as JSON, one text a row, so that both protocols, every version and the demonstration server give the same.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, TryStreamExt as _};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinHandle;
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, CancelToken, Client, Config, SimpleQueryMessage};

use super::conninfo::{Host, SslMode};
use super::fault::Fault;
use super::server::Role;
use super::views;
use super::wire::{Dialer, Tls, dial};
use crate::model::postgres::Server as Facts;

/// The server ends a statement of ours after 3 s; if it does not even say so, this is the end of the connection.
const ANSWER: Duration = Duration::from_secs(4);
/// To pass a cancel request on.
const CANCEL: Duration = Duration::from_secs(2);
/// As the server writes the limit that we ask for.
const GUEST_TIMEOUT: &str = "3s";
/// Through a pooler no setting of the session may be made: it would be another client's.
const POOLED: &str = "BEGIN READ ONLY; SET LOCAL statement_timeout = 3000; SET LOCAL lock_timeout = 200; \
                      SET LOCAL jit = off; SET LOCAL search_path = pg_catalog; SET LOCAL timezone = 'UTC'; \
                      SET LOCAL datestyle = 'ISO';";

/// How to get to the same server once more, for a cancel request.
#[derive(Clone)]
pub(super) struct Way {
    pub host: Host,
    pub via: Option<Dialer>,
    pub tls: Tls,
}

/// A warning or note of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// `WARNING`, `NOTICE`, `INFO`
    pub severity: String,
    pub message: String,
}

/// A connection. Dropping it closes it.
pub struct Session {
    client: Client,
    driver: JoinHandle<()>,
    heard: Arc<Mutex<Heard>>,
    cancel: CancelToken,
    way: Way,
    /// Statements go through a pooler in transaction mode, or may.
    pub pooled: bool,
    pub facts: Facts,
    /// `TLS, verified`, `not encrypted`.
    pub wire: String,
    encrypted: bool,
    pub(super) read_only_by_default: bool,
    /// A statement was given up: the next one would wait for it.
    poisoned: AtomicBool,
}

#[derive(Default)]
struct Heard {
    notes: VecDeque<Note>,
    /// Why the connection ended.
    end: Option<Fault>,
}

/// No more notes are kept than these.
const NOTES: usize = 100;

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// What [`Session::look_around`] reads besides.
#[derive(Deserialize)]
struct Around {
    #[serde(flatten)]
    facts: Facts,
    encrypted: bool,
    statement_timeout: String,
    lock_timeout: String,
    read_only: String,
}

impl Session {
    /// Boxed: the compiler cannot see otherwise that it may go to another thread.
    pub(super) fn open(config: Config, way: Way) -> BoxFuture<'static, Result<Self, Fault>> {
        Self::opened(config, way).boxed()
    }

    async fn opened(config: Config, way: Way) -> Result<Self, Fault> {
        let stream = dial(way.host.clone(), way.via.clone()).await?;
        let (client, mut connection) = config
            .connect_raw(stream, way.tls.clone())
            .await
            .map_err(|e| Fault::of(&e))?;
        let heard = Arc::new(Mutex::new(Heard::default()));
        let ears = Arc::clone(&heard);
        let driver = tokio::spawn(async move {
            loop {
                let message = poll_fn(|cx| connection.poll_message(cx)).await;
                let mut heard = ears.lock().unwrap_or_else(PoisonError::into_inner);
                match message {
                    Some(Ok(AsyncMessage::Notice(note))) => {
                        if heard.notes.len() >= NOTES {
                            heard.notes.pop_front();
                        }
                        heard.notes.push_back(Note {
                            severity: note.severity().to_owned(),
                            message: crate::text::clean(note.message()).into_owned(),
                        });
                    }
                    Some(Ok(_)) => {}
                    Some(Err(e)) => {
                        heard.end = Some(Fault::of(&e));
                        return;
                    }
                    None => return,
                }
            }
        });
        let cancel = client.cancel_token();
        Ok(Self {
            client,
            driver,
            heard,
            cancel,
            way,
            pooled: false,
            facts: Facts::default(),
            wire: String::new(),
            encrypted: false,
            read_only_by_default: false,
            poisoned: AtomicBool::new(false),
        })
    }

    /// Reads who answers, and whether our limits hold.
    pub(super) async fn look_around(&mut self, role: Role) -> Result<(), Fault> {
        let sql = views::sql("server", 14).unwrap_or_default();
        let mut found: Vec<Around> = self.rows("server", sql).await?;
        let around = found
            .pop()
            .ok_or_else(|| Fault::Lost("no answer to the first question".to_owned()))?;
        let kept = match role {
            Role::Guest => around.statement_timeout == GUEST_TIMEOUT && around.read_only == "on",
            _ => around.statement_timeout == "0" && around.lock_timeout == "5s",
        };
        if !kept && role == Role::Acting {
            return Err(Fault::Configured(
                "a pooler is in the way, and changes never go through one: give the server's own address as `direct`"
                    .to_owned(),
            ));
        }
        // A pooler that is told to pass over our settings says nothing about it.
        self.pooled |= !kept;
        self.facts = around.facts;
        self.encrypted = around.encrypted;
        self.read_only_by_default = role != Role::Guest && around.read_only == "on";
        Ok(())
    }

    pub(super) fn describe(&self, host: &Host, mode: SslMode) -> String {
        let mut text = match mode {
            _ if host.is_socket() => "socket",
            SslMode::VerifyFull => "TLS, verified",
            SslMode::VerifyCa => "TLS, name not verified",
            SslMode::Require | SslMode::Prefer | SslMode::Allow if self.encrypted => "TLS, not verified",
            _ => "not encrypted",
        }
        .to_owned();
        if self.pooled {
            text.push_str(", through a pooler");
        }
        text
    }

    /// Whether it is of no more use.
    pub fn is_over(&self) -> bool {
        self.client.is_closed() || self.poisoned.load(Ordering::Relaxed)
    }

    /// Reads the rows of a view. `id` goes with it in a comment: what the server's log and the demonstration server
    /// know it by.
    pub async fn rows<T: DeserializeOwned>(&self, id: &str, sql: &str) -> Result<Vec<T>, Fault> {
        let text = format!("/* qd:{id} */ SELECT row_to_json(v)::text AS row FROM (\n{sql}\n) v");
        let rows = self.texts(&text).await?;
        rows.iter()
            .map(|row| {
                serde_json::from_str(row).map_err(|e| Fault::Other {
                    code: "row".to_owned(),
                    message: format!("{id} gave something else than expected: {e}"),
                })
            })
            .collect()
    }

    /// The first column of every row.
    pub async fn texts(&self, sql: &str) -> Result<Vec<String>, Fault> {
        self.texts_with(sql, 0).await
    }

    /// The same of a statement with so many parameters, each NULL and of the type that the server finds for it.
    pub async fn texts_with(&self, sql: &str, parameters: usize) -> Result<Vec<String>, Fault> {
        if self.pooled {
            let all = self.simple(&format!("{POOLED} {sql}; COMMIT"), ANSWER).await;
            if all.as_ref().is_err_and(|e| !e.ends()) {
                // The server holds the failed transaction open until it hears this.
                self.simple("ROLLBACK", ANSWER).await?;
            }
            return Ok(first_column(&all?));
        }
        let none: Vec<(Option<String>, Type)> = vec![(None, Type::UNKNOWN); parameters];
        let asked = async {
            let rows = self.client.query_typed_raw(sql, none).await?;
            rows.try_collect::<Vec<_>>().await
        };
        let rows = self.within(ANSWER, asked.boxed()).await?;
        rows.iter()
            .map(|row| row.try_get::<_, String>(0).map_err(|e| Fault::of(&e)))
            .collect()
    }

    /// The first column of every row, by the simple protocol.
    pub(super) async fn simple_texts(&self, sql: &str) -> Result<Vec<String>, Fault> {
        Ok(first_column(&self.simple(sql, ANSWER).await?))
    }

    /// The simple protocol.
    pub async fn simple(&self, sql: &str, deadline: Duration) -> Result<Vec<SimpleQueryMessage>, Fault> {
        self.within(deadline, self.client.simple_query(sql).boxed()).await
    }

    async fn within<T>(
        &self,
        deadline: Duration,
        asked: BoxFuture<'_, Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Fault> {
        if self.poisoned.load(Ordering::Relaxed) {
            return Err(Fault::Lost("a statement before this one got no answer".to_owned()));
        }
        match tokio::time::timeout(deadline, asked).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(e)) => {
                let fault = Fault::of(&e);
                // The driver has heard the server's last words.
                let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
                Err(match (&fault, &heard.end) {
                    (Fault::Lost(_), Some(end)) => end.clone(),
                    _ => fault,
                })
            }
            Err(_) => {
                self.poisoned.store(true, Ordering::Relaxed);
                self.cancel().await;
                Err(Fault::TimedOut(deadline.as_secs()))
            }
        }
    }

    /// Asks the server to end the running statement. Nothing tells whether it will.
    pub async fn cancel(&self) {
        let ask = async {
            if let Ok(stream) = dial(self.way.host.clone(), self.way.via.clone()).await {
                let _ = self
                    .cancel
                    .cancel_query_raw(stream.lingering(), self.way.tls.clone())
                    .await;
            }
        };
        let _ = tokio::time::timeout(CANCEL, ask).await;
    }

    /// What the server has said since this was last asked.
    pub fn notes(&self) -> Vec<Note> {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.notes.drain(..).collect()
    }
}

fn first_column(all: &[SimpleQueryMessage]) -> Vec<String> {
    all.iter()
        .filter_map(|m| match m {
            SimpleQueryMessage::Row(row) => row.try_get(0).ok().flatten().map(str::to_owned),
            _ => None,
        })
        .collect()
}

/// `'it''s'`, as a literal.
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        format!(" E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

/// `"na""me"`, as an identifier.
pub fn identifier(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}
