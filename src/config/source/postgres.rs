//! `[[platform.postgres]]`

use serde::{Deserialize, Deserializer};

use super::Via;
use crate::config::SecretRef;

/// `[[platform.postgres]]`
///
/// What is not said here comes from the service file, then from `PG*` of the environment, then from libpq's defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresSource {
    /// What the console calls it.
    pub name: String,
    /// libpq's URL (`postgres://qd@db.example.com/cortex`) or keywords (`host=/run/postgresql dbname=cortex`), without
    /// a password. TLS is verified unless `sslmode` says else or the server is local.
    #[serde(default, deserialize_with = "open_dsn")]
    pub dsn: Option<String>,
    /// A whole connection text that holds its password: a `DATABASE_URL` in a Secret, say. Lies over `dsn`.
    #[serde(default)]
    pub url: Option<SecretRef>,
    /// The password. Without it: `PGPASSWORD`, then the password file.
    #[serde(default)]
    pub password: Option<SecretRef>,
    /// A section of `~/.pg_service.conf`.
    #[serde(default)]
    pub service: Option<String>,
    /// `port-forward:svc/postgres-core:5432`: through the API server. The TLS name stays that of `dsn`.
    #[serde(default)]
    pub via: Option<Via>,
    /// Where changes are made when `dsn` goes through a pooler: the server itself, as `dsn` is written.
    #[serde(default, deserialize_with = "open_dsn")]
    pub direct: Option<String>,
    /// PgBouncer's admin console (`postgres://stats@pgbouncer:6432/pgbouncer`), for the pools.
    #[serde(default, deserialize_with = "open_dsn")]
    pub pgbouncer: Option<String>,
    /// The password of that user.
    #[serde(default)]
    pub pgbouncer_password: Option<SecretRef>,
}

/// A connection text without a password.
fn open_dsn<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(from)?;
    if holds_password(&text) {
        return Err(serde::de::Error::custom(
            "a password does not belong into the configuration: use `password = { file = … }`, `{ env = … }`, \
             `{ command = […] }` or `{ secret = … }`",
        ));
    }
    Ok(Some(text))
}

fn holds_password(dsn: &str) -> bool {
    let lower = dsn.to_ascii_lowercase();
    let keyword = lower
        .split(|c: char| c.is_whitespace() || matches!(c, '?' | '&'))
        .any(|part| part.starts_with("password") && part.trim_start_matches("password").trim_start().starts_with('='))
        || lower.contains("password =");
    let in_url = lower
        .split_once("://")
        .and_then(|(_, rest)| rest.split(['/', '?']).next())
        .and_then(|authority| authority.rsplit_once('@'))
        .is_some_and(|(user, _)| user.contains(':'));
    keyword || in_url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_the_configuration_is_refused() {
        for bad in [
            "postgres://qd:hunter2@db/cortex",
            "host=db password=hunter2",
            "host=db password = 'hunter2'",
            "postgres://db/cortex?password=hunter2",
        ] {
            let text = format!("name = 'core'\ndsn = \"{bad}\"");
            let error = toml::from_str::<PostgresSource>(&text).unwrap_err().to_string();
            assert!(error.contains("does not belong"), "{error}");
        }
        for good in ["postgres://qd@db:5433/cortex", "host=db passfile=/x/.pgpass"] {
            toml::from_str::<PostgresSource>(&format!("name = 'core'\ndsn = \"{good}\"")).unwrap();
        }
    }
}
