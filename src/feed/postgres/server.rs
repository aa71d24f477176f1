//! How one server of the configuration is reached: which hosts, in which order, with what TLS, password and limits.

use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretString};
use tokio_postgres::Config;

use super::conninfo::{Binding, Conninfo, Env, Host, SslMode, Wants, password_of};
use super::fault::Fault;
use super::session::{Session, Way};
use super::wire::{Dialer, Tls};
use crate::action::WriteGrant;
use crate::config::PostgresSource;
use crate::feed::secret;

/// To be connected and let in.
const CONNECT: Duration = Duration::from_secs(5);
/// Ours come last, so that nothing in `options` or `PGOPTIONS` loosens them.
const GUEST: &str = "-c statement_timeout=3000 -c lock_timeout=200 -c idle_in_transaction_session_timeout=10000 \
                     -c default_transaction_read_only=on -c jit=off -c search_path=pg_catalog -c timezone=UTC \
                     -c datestyle=ISO";
/// An action waits for its locks for 5 s, and then takes as long as it takes.
const ACTING: &str = "-c statement_timeout=0 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=10000 \
                      -c search_path=pg_catalog -c timezone=UTC -c datestyle=ISO";

/// How one server of the configuration is reached.
pub struct Server {
    pub source: PostgresSource,
    /// `kim@bastion`, for `application_name`.
    who: String,
    env: Env,
    cluster: Option<kube::Client>,
    via: Option<Dialer>,
    /// Statements are shown without their literals.
    pub(super) masks: bool,
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
            masks: false,
        }
    }

    /// Reached by another way than its address (`via = …`); the name for TLS stays that of the `dsn`.
    #[must_use]
    pub fn through(mut self, via: Dialer) -> Self {
        self.via = Some(via);
        self
    }

    /// For who only looks: no literal of anybody's statement leaves this room.
    #[must_use]
    pub fn masked(mut self, masks: bool) -> Self {
        self.masks = masks;
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

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
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
