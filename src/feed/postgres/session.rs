//! One connection to one server: how it is made, how it is asked, and when it is given up.
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
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinHandle;
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, CancelToken, Client, Config, SimpleQueryMessage};

use super::conninfo::{Binding, Conninfo, Env, Host, SslMode, Wants, password_of};
use super::fault::Fault;
use super::views;
use super::wire::{Dialer, Tls, dial};
use crate::action::WriteGrant;
use crate::config::PostgresSource;
use crate::feed::secret;
use crate::model::postgres::Server as Facts;

/// To be connected and let in.
const CONNECT: Duration = Duration::from_secs(5);
/// The server ends a statement of ours after 3 s; if it does not even say so, this is the end of the connection.
const ANSWER: Duration = Duration::from_secs(4);
/// To pass a cancel request on.
const CANCEL: Duration = Duration::from_secs(2);
/// As the server writes the limit that we ask for.
const GUEST_TIMEOUT: &str = "3s";
/// Ours come last, so that nothing in `options` or `PGOPTIONS` loosens them.
const GUEST: &str = "-c statement_timeout=3000 -c lock_timeout=200 -c idle_in_transaction_session_timeout=10000 \
                     -c default_transaction_read_only=on -c jit=off -c search_path=pg_catalog";
/// An action waits for its locks for 5 s, and then takes as long as it takes.
const ACTING: &str = "-c statement_timeout=0 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=10000 \
                      -c search_path=pg_catalog";
/// Through a pooler no setting of the session may be made: it would be another client's.
const POOLED: &str = "BEGIN READ ONLY; SET LOCAL statement_timeout = 3000; SET LOCAL lock_timeout = 200; \
                      SET LOCAL jit = off; SET LOCAL search_path = pg_catalog;";

/// How one server of the configuration is reached.
pub struct Server {
    pub source: PostgresSource,
    /// `kim@bastion`, for `application_name`.
    who: String,
    env: Env,
    cluster: Option<kube::Client>,
    via: Option<Dialer>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("name", &self.source.name)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// `who` is `user@host`; `cluster` is asked for passwords that stand in Kubernetes Secrets.
    pub fn new(source: PostgresSource, who: &str, env: Env, cluster: Option<kube::Client>) -> Self {
        Self {
            source,
            who: who.to_owned(),
            env,
            cluster,
            via: None,
        }
    }

    /// Reached by another way than its address (`via = …`); the name for TLS stays that of the `dsn`.
    #[must_use]
    pub fn through(mut self, via: Dialer) -> Self {
        self.via = Some(via);
        self
    }

    /// A connection that only looks: short limits, read-only, few locks.
    pub async fn connect(&self) -> Result<Session, Fault> {
        let info = self.info(self.source.dsn.as_deref()).await?;
        self.any_host(&info, Role::Guest).await
    }

    /// A short-lived connection for one change, to the server itself and never through a pooler.
    pub async fn connect_to_act(&self, _grant: &WriteGrant) -> Result<Session, Fault> {
        let dsn = self.source.direct.as_deref().or(self.source.dsn.as_deref());
        let info = self.info(dsn).await?;
        self.any_host(&info, Role::Acting).await
    }

    /// PgBouncer's admin console; `None`: not configured.
    pub(super) async fn pooler(&self) -> Option<Result<Session, Fault>> {
        let dsn = self.source.pgbouncer.as_deref()?;
        let connect = async {
            let mut info = Conninfo::resolve(Some(dsn), None, &self.env, false).map_err(|w| Fault::Configured(w.0))?;
            if let Some(password) = &self.source.pgbouncer_password {
                info.password = Some(self.secret(password).await?);
            }
            self.any_host(&info, Role::Console).await
        };
        Some(connect.await)
    }

    async fn secret(&self, what: &crate::config::SecretRef) -> Result<SecretString, Fault> {
        secret::resolve(what, self.cluster.as_ref())
            .await
            .map_err(|e| Fault::Configured(e.to_string()))
    }

    async fn info(&self, dsn: Option<&str>) -> Result<Conninfo, Fault> {
        let url = match &self.source.url {
            Some(url) if self.source.direct.is_none() || dsn == self.source.dsn.as_deref() => {
                Some(self.secret(url).await?)
            }
            _ => None,
        };
        let (text, lenient) = match &url {
            Some(url) => (Some(url.expose_secret()), true),
            None => (dsn, false),
        };
        let mut info = Conninfo::resolve(text, self.source.service.as_deref(), &self.env, lenient)
            .map_err(|w| Fault::Configured(w.0))?;
        if let Some(password) = &self.source.password {
            info.password = Some(self.secret(password).await?);
        }
        Ok(info)
    }

    async fn any_host(&self, info: &Conninfo, role: Role) -> Result<Session, Fault> {
        let mut last = Fault::Configured("no host is named".to_owned());
        let mut fallback = None;
        for host in &info.hosts {
            match self.host(info, host, role).await {
                Ok(session) if fits(info.wants, &session) => return Ok(session),
                Ok(session) if info.wants == Wants::PreferStandby => fallback = fallback.or(Some(session)),
                Ok(session) => {
                    let is = if session.facts.in_recovery {
                        "a standby"
                    } else {
                        "a primary"
                    };
                    last = Fault::Other {
                        code: "target_session_attrs".to_owned(),
                        message: format!("{host} is {is}, which is not what was asked for"),
                    };
                }
                Err(why) => last = why,
            }
        }
        fallback.ok_or(last)
    }

    /// Tries a host, by its TLS mode perhaps twice, as libpq does.
    async fn host(&self, info: &Conninfo, host: &Host, role: Role) -> Result<Session, Fault> {
        let mode = info.mode_for(host);
        match mode {
            SslMode::Allow => match self.attempt(info, host, SslMode::Disable, role).await {
                Err(Fault::NotLetIn(_)) => self.attempt(info, host, SslMode::Require, role).await,
                other => other,
            },
            SslMode::Prefer => match self.attempt(info, host, SslMode::Prefer, role).await {
                Err(Fault::Tls(_)) => self.attempt(info, host, SslMode::Disable, role).await,
                other => other,
            },
            mode => self.attempt(info, host, mode, role).await,
        }
    }

    fn attempt<'a>(
        &'a self,
        info: &'a Conninfo,
        host: &'a Host,
        mode: SslMode,
        role: Role,
    ) -> BoxFuture<'a, Result<Session, Fault>> {
        Box::pin(self.one_attempt(info, host, mode, role))
    }

    async fn one_attempt(&self, info: &Conninfo, host: &Host, mode: SslMode, role: Role) -> Result<Session, Fault> {
        let (password, open) = match &info.password {
            Some(password) => (Some(password.clone()), None),
            None => password_of(info, host, &self.env),
        };
        let (guest, console) = (role == Role::Guest, role == Role::Console);
        let connect = async move {
            let way = Way {
                host: host.clone(),
                via: self.via.clone(),
                tls: Tls::of(info, host, mode, &self.env)?,
            };
            let options = match role {
                Role::Guest => Some(GUEST),
                Role::Acting => Some(ACTING),
                Role::Console => None,
            };
            let config = self.config(info, mode, password.as_ref(), options);
            let first = Session::open(config, way.clone()).await;
            // A pooler that refuses our settings: there is another way to keep the limits.
            let retry = guest && matches!(first, Err(Fault::Startup(_)));
            let mut session = if retry {
                let config = self.config(info, mode, password.as_ref(), None);
                let mut session = Session::open(config, way.clone()).await?;
                session.pooled = true;
                session
            } else {
                first?
            };
            if !console {
                session.look_around(role).await?;
            }
            session.wire = session.describe(host, mode);
            Ok(session)
        };
        let done = tokio::time::timeout(CONNECT, connect)
            .await
            .unwrap_or(Err(Fault::TimedOut(CONNECT.as_secs())));
        match (done, open) {
            (Err(Fault::NotLetIn(why)), Some(open)) => Err(Fault::NotLetIn(format!("{why} ({open})"))),
            (done, _) => done,
        }
    }

    fn config(&self, info: &Conninfo, mode: SslMode, password: Option<&SecretString>, ours: Option<&str>) -> Config {
        use tokio_postgres::config as pg;
        let mut config = Config::new();
        let mut name = format!("qd/{}", self.who);
        // The server cuts at 63 bytes, perhaps within a character.
        while name.len() > 63 {
            name.pop();
        }
        config
            .user(&info.user)
            .dbname(&info.database)
            .application_name(&name)
            .ssl_mode(match mode {
                SslMode::Disable => pg::SslMode::Disable,
                SslMode::Prefer | SslMode::Allow => pg::SslMode::Prefer,
                SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => pg::SslMode::Require,
            })
            .channel_binding(match info.binding {
                Binding::Disable => pg::ChannelBinding::Disable,
                Binding::Prefer => pg::ChannelBinding::Prefer,
                Binding::Require => pg::ChannelBinding::Require,
            });
        if let Some(password) = password {
            config.password(password.expose_secret());
        }
        if let Some(ours) = ours {
            let theirs = info.options.as_deref().unwrap_or_default();
            config.options(format!("{theirs} {ours}").trim().to_owned());
        }
        config
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Guest,
    Acting,
    Console,
}

fn fits(wants: Wants, session: &Session) -> bool {
    let (standby, read_only) = (session.facts.in_recovery, session.read_only_by_default);
    match wants {
        Wants::Any => true,
        Wants::ReadWrite => !standby && !read_only,
        Wants::ReadOnly => standby || read_only,
        Wants::Primary => !standby,
        Wants::Standby | Wants::PreferStandby => standby,
    }
}

/// How to get to the same server once more, for a cancel request.
#[derive(Clone)]
struct Way {
    host: Host,
    via: Option<Dialer>,
    tls: Tls,
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
    read_only_by_default: bool,
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
    fn open(config: Config, way: Way) -> BoxFuture<'static, Result<Self, Fault>> {
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
    async fn look_around(&mut self, role: Role) -> Result<(), Fault> {
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

    fn describe(&self, host: &Host, mode: SslMode) -> String {
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
        if self.pooled {
            let all = self.simple(&format!("{POOLED} {sql}; COMMIT"), ANSWER).await;
            if all.as_ref().is_err_and(|e| !e.ends()) {
                // The server holds the failed transaction open until it hears this.
                self.simple("ROLLBACK", ANSWER).await?;
            }
            return Ok(first_column(&all?));
        }
        let none: Vec<(i32, Type)> = Vec::new();
        let asked = async {
            let rows = self.client.query_typed_raw(sql, none).await?;
            rows.try_collect::<Vec<_>>().await
        };
        let rows = self.within(ANSWER, asked.boxed()).await?;
        rows.iter()
            .map(|row| row.try_get::<_, String>(0).map_err(|e| Fault::of(&e)))
            .collect()
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
