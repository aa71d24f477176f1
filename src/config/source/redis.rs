//! `[[platform.redis]]`

use std::path::PathBuf;

use serde::Deserialize;

use super::{Tls, Via};
use crate::config::SecretRef;

/// `[[platform.redis]]`: exactly one of `url`, `sentinels` (with `master`) and `cluster` says where it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisSource {
    /// What the console calls it.
    pub name: String,
    /// `redis://host:6379/0`, or `rediss://…` for TLS. Never with a password.
    #[serde(default)]
    pub url: Option<RedisUrl>,
    /// Addresses of Sentinels, `host:26379`.
    #[serde(default)]
    pub sentinels: Vec<String>,
    /// The name by which the Sentinels know the master.
    #[serde(default)]
    pub master: Option<String>,
    /// Addresses of some nodes of a Cluster; the others are found.
    #[serde(default)]
    pub cluster: Vec<String>,
    /// The ACL user; none: the default user.
    #[serde(default)]
    pub username: Option<String>,
    #[serde(default)]
    pub password: Option<SecretRef>,
    #[serde(default)]
    pub sentinel_username: Option<String>,
    #[serde(default)]
    pub sentinel_password: Option<SecretRef>,
    /// The database's number; 0 when nothing says otherwise.
    #[serde(default)]
    pub db: Option<u32>,
    /// TLS to Sentinels and Cluster nodes; a URL says it by `rediss://`.
    #[serde(default)]
    pub tls: bool,
    /// What certificates to trust and to show, wherever TLS is spoken.
    #[serde(default)]
    pub trust: Tls,
    /// `port-forward:svc/redis:6379`: through the API server. A single server only.
    #[serde(default)]
    pub via: Option<Via>,
    /// Queues live here: evictions are data loss. Known by itself where a set of queues names this Redis.
    #[serde(default)]
    pub holds_queues: bool,
}

/// Where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedisTarget {
    Single {
        host: String,
        port: u16,
        tls: bool,
    },
    Sentinel {
        master: String,
        sentinels: Vec<(String, u16)>,
        tls: bool,
    },
    Cluster {
        seeds: Vec<(String, u16)>,
        tls: bool,
    },
}

impl RedisSource {
    /// Where it is.
    ///
    /// # Errors
    /// What is missing or too much, with the keys to change.
    pub fn target(&self) -> Result<RedisTarget, String> {
        let list = |what: &str, list: &[String], port| {
            list.iter()
                .map(|a| {
                    authority(a, port).ok_or_else(|| format!("`{what}`: `{a}` is no address, expected `host:port`"))
                })
                .collect::<Result<Vec<_>, _>>()
        };
        match (&self.url, self.sentinels.as_slice(), self.cluster.as_slice()) {
            (Some(url), [], []) => Ok(RedisTarget::Single {
                host: url.host.clone(),
                port: url.port,
                tls: url.tls,
            }),
            (None, sentinels @ [_, ..], []) => Ok(RedisTarget::Sentinel {
                master: self
                    .master
                    .clone()
                    .ok_or("`sentinels` needs `master`, the name that they know")?,
                sentinels: list("sentinels", sentinels, 26379)?,
                tls: self.tls,
            }),
            (None, [], seeds @ [_, ..]) => Ok(RedisTarget::Cluster {
                seeds: list("cluster", seeds, 6379)?,
                tls: self.tls,
            }),
            _ => Err("give exactly one of `url`, `sentinels` and `cluster`".to_owned()),
        }
    }

    /// The paths, for the configuration to make them absolute.
    pub(crate) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let secrets = [&mut self.password, &mut self.sentinel_password];
        let files = secrets.into_iter().filter_map(|s| match s {
            Some(SecretRef::File(path)) => Some(path),
            _ => None,
        });
        let trust = [&mut self.trust.ca, &mut self.trust.certificate, &mut self.trust.key];
        trust.into_iter().flatten().chain(files)
    }

    /// The database's number, from `db` or the URL.
    pub fn database(&self) -> u32 {
        self.db.or_else(|| self.url.as_ref()?.db).unwrap_or(0)
    }

    /// The ACL user, from `username` or the URL.
    pub fn user(&self) -> Option<&str> {
        self.username.as_deref().or_else(|| self.url.as_ref()?.user.as_deref())
    }
}

/// `redis://[user@]host[:port][/db]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct RedisUrl {
    pub tls: bool,
    pub user: Option<String>,
    pub host: String,
    pub port: u16,
    pub db: Option<u32>,
}

impl TryFrom<String> for RedisUrl {
    type Error = String;

    /// The error never repeats the text: it may hold a password.
    fn try_from(text: String) -> Result<Self, String> {
        const FORM: &str = "expected `redis://host:6379/0`, or `rediss://…` for TLS";
        let (tls, rest) = if let Some(rest) = text.strip_prefix("redis://") {
            (false, rest)
        } else if let Some(rest) = text.strip_prefix("rediss://") {
            (true, rest)
        } else {
            return Err(format!("this is no Redis URL, {FORM}"));
        };
        let (authority_text, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, address) = match authority_text.rsplit_once('@') {
            Some((user, _)) if user.contains(':') => {
                return Err("a password does not stand in the configuration: use \
                            `password = { env = \"…\" }`, `file`, `command` or `secret`"
                    .to_owned());
            }
            Some((user, address)) => (Some(user.to_owned()).filter(|u| !u.is_empty()), address),
            None => (None, authority_text),
        };
        let (host, port) = authority(address, 6379).ok_or_else(|| format!("this URL has no host, {FORM}"))?;
        let db = match path.trim_end_matches('/') {
            "" => None,
            db => Some(db.parse().map_err(|_| format!("the database is no number, {FORM}"))?),
        };
        Ok(Self {
            tls,
            user,
            host,
            port,
            db,
        })
    }
}

/// `host`, `host:port`, `[v6]:port`.
fn authority(text: &str, default_port: u16) -> Option<(String, u16)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        (host, rest.strip_prefix(':'))
    } else {
        match text.split_once(':') {
            Some((_, more)) if more.contains(':') => (text, None),
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let port = match port {
        Some(port) => port.parse().ok()?,
        None => default_port,
    };
    let fits = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/');
    fits.then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_never_holds_a_password() {
        let url = |text: &str| RedisUrl::try_from(text.to_owned());
        let plain = url("redis://cache").unwrap();
        assert_eq!(
            (plain.host.as_str(), plain.port, plain.tls, plain.db),
            ("cache", 6379, false, None)
        );
        let full = url("rediss://qd@[::1]:6390/3").unwrap();
        assert_eq!(
            (full.host.as_str(), full.port, full.tls, full.db),
            ("::1", 6390, true, Some(3))
        );
        assert_eq!(full.user.as_deref(), Some("qd"));
        for text in ["redis://:hunter2@h", "redis://u:hunter2@h:1/0"] {
            let why = url(text).unwrap_err();
            assert!(why.contains("password does not stand") && !why.contains("hunter2"));
        }
        for text in ["http://h", "redis://", "redis://h/x", "redis://h:no", "redis://a b"] {
            assert!(url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn exactly_one_way_to_reach_it() {
        let source = |text: &str| {
            toml::from_str::<RedisSource>(&format!("name = 'r'\n{text}"))
                .unwrap()
                .target()
        };
        assert!(matches!(source("url = 'redis://h'"), Ok(RedisTarget::Single { .. })));
        assert!(source("").is_err());
        assert!(source("url = 'redis://h'\ncluster = ['h']").is_err());
        assert!(source("sentinels = ['h']").unwrap_err().contains("master"));
        let Ok(RedisTarget::Sentinel { sentinels, .. }) = source("sentinels = ['h', 'i:1']\nmaster = 'm'") else {
            panic!()
        };
        assert_eq!(sentinels, [("h".to_owned(), 26379), ("i".to_owned(), 1)]);
    }
}
