//! What went wrong, by what it means for the reader.

use tokio_postgres::error::{DbError, SqlState};

use crate::model::Problem;
use crate::text::clean;

/// Why there is no answer. No text holds a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// 42501
    #[error("no right: {0}")]
    Denied(String),
    /// A table, function or extension that is not there (42P01, 42883, 3F000).
    #[error("not there: {0}")]
    Absent(String),
    /// 0A000: this platform does not have it.
    #[error("not supported here: {0}")]
    Unsupported(String),
    /// 55P03
    #[error("somebody holds a lock on it")]
    Locked,
    /// 57014: the server ended it for its time limit, or somebody cancelled it.
    #[error("cancelled: {0}")]
    Cancelled(String),
    /// 53300
    #[error("no free connection: {0}")]
    NoSlot(String),
    /// 57P01, 57P02, 57P03
    #[error("the server is restarting: {0}")]
    Restarting(String),
    /// 25006
    #[error("read-only: {0}")]
    Standby(String),
    /// 28xxx: name, password, `pg_hba.conf`.
    #[error("not let in: {0}")]
    NotLetIn(String),
    /// 08P01 of a pooler that does not pass our settings on.
    #[error("a startup setting was refused: {0}")]
    Startup(String),
    #[error("TLS: {0}")]
    Tls(String),
    /// No answer within our own deadline; the connection is given up.
    #[error("no answer within {0} s")]
    TimedOut(u64),
    /// The connection is gone.
    #[error("connection lost: {0}")]
    Lost(String),
    #[error("{code}: {message}")]
    Other { code: String, message: String },
    /// What the configuration says cannot be used.
    #[error("{0}")]
    Configured(String),
}

impl Fault {
    /// Of tokio-postgres.
    pub fn of(error: &tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(db) => Self::of_server(db),
            None if error.is_closed() => Self::Lost("the server closed it".to_owned()),
            None => {
                let mut text = error.to_string();
                let mut inner = std::error::Error::source(error);
                while let Some(e) = inner {
                    let more = e.to_string();
                    if !text.contains(&more) {
                        text = format!("{text}: {more}");
                    }
                    inner = e.source();
                }
                let text = clean(&text).into_owned();
                if text.contains("TLS") || text.contains("certificate") {
                    Self::Tls(text)
                } else if text.contains("password") || text.contains("authentication") {
                    Self::NotLetIn(text)
                } else {
                    Self::Lost(text)
                }
            }
        }
    }

    fn of_server(db: &DbError) -> Self {
        let message = clean(db.message()).into_owned();
        let code = db.code();
        match code {
            _ if *code == SqlState::INSUFFICIENT_PRIVILEGE => Self::Denied(message),
            _ if [
                SqlState::UNDEFINED_TABLE,
                SqlState::UNDEFINED_FUNCTION,
                SqlState::UNDEFINED_COLUMN,
                SqlState::INVALID_SCHEMA_NAME,
                SqlState::UNDEFINED_OBJECT,
            ]
            .contains(code) =>
            {
                Self::Absent(message)
            }
            // An extension whose library is not loaded.
            _ if *code == SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE => Self::Absent(message),
            _ if *code == SqlState::FEATURE_NOT_SUPPORTED => Self::Unsupported(message),
            _ if *code == SqlState::LOCK_NOT_AVAILABLE => Self::Locked,
            _ if *code == SqlState::QUERY_CANCELED => Self::Cancelled(message),
            _ if *code == SqlState::TOO_MANY_CONNECTIONS => Self::NoSlot(message),
            _ if [
                SqlState::ADMIN_SHUTDOWN,
                SqlState::CRASH_SHUTDOWN,
                SqlState::CANNOT_CONNECT_NOW,
            ]
            .contains(code) =>
            {
                Self::Restarting(message)
            }
            _ if *code == SqlState::READ_ONLY_SQL_TRANSACTION => Self::Standby(message),
            _ if code.code().starts_with("28") => Self::NotLetIn(message),
            _ if *code == SqlState::PROTOCOL_VIOLATION && message.contains("startup parameter") => {
                Self::Startup(message)
            }
            // PgBouncer's own words for a user or a database that it does not know, and for a full pool.
            _ if *code == SqlState::PROTOCOL_VIOLATION && message.contains("no more connections allowed") => {
                Self::NoSlot(message)
            }
            _ => Self::Other {
                code: code.code().to_owned(),
                message,
            },
        }
    }

    /// Whether asking again on this connection is of no use: every refused query is a line in the server's log.
    pub const fn latches(&self) -> bool {
        matches!(self, Self::Denied(_) | Self::Absent(_) | Self::Unsupported(_))
    }

    /// Whether the connection is of no more use.
    pub const fn ends(&self) -> bool {
        matches!(
            self,
            Self::Lost(_) | Self::TimedOut(_) | Self::Restarting(_) | Self::Tls(_)
        )
    }

    /// For a view: `what` is what was read, `grant` the line that would give the right to.
    pub fn problem(&self, what: &str, grant: &str) -> Problem {
        match self {
            Self::Denied(_) => Problem::Denied {
                what: what.into(),
                grant: grant.into(),
            },
            Self::Absent(message) | Self::Unsupported(message) => Problem::Absent {
                what: what.into(),
                how: message.as_str().into(),
            },
            Self::Locked => {
                Problem::Locked(format!("{what}: somebody holds a lock that reading it would wait for").into())
            }
            Self::TimedOut(s) => Problem::TimedOut(format!("{what}: no answer within {s} s").into()),
            Self::Cancelled(why) => Problem::TimedOut(format!("{what}: {why}").into()),
            other => Problem::Failed(format!("{what}: {other}").into()),
        }
    }
}
