//! Where a server is and how to be let in, as libpq reads it: URL and keyword forms, the service file, `PG*` of the
//! environment, the password file. tokio-postgres knows none of the last three and half of the first two.
//!
//! One thing differs on purpose: where nobody gives an `sslmode`, a server that is not local is verified in full,
//! which libpq's `prefer` is not.

mod files;
mod parse;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

pub(super) use files::password_of;
pub(super) use parse::params;

/// What the process was started with. Given, so that tests do not depend on theirs.
#[derive(Clone, Debug, Default)]
pub struct Env {
    pub vars: BTreeMap<String, String>,
    pub home: Option<PathBuf>,
    /// The name of the operating system's user.
    pub user: String,
}

impl Env {
    /// This process's.
    pub fn here() -> Self {
        let vars: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
            .collect();
        let user = ["USER", "LOGNAME"]
            .iter()
            .find_map(|k| vars.get(*k).filter(|v| !v.is_empty()))
            .cloned()
            .unwrap_or_else(|| "postgres".to_owned());
        Self {
            home: vars.get("HOME").filter(|h| !h.is_empty()).map(PathBuf::from),
            user,
            vars,
        }
    }

    fn var(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// A path with `~` made the home.
    fn path(&self, path: &str) -> PathBuf {
        match (Path::new(path).strip_prefix("~"), &self.home) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(path),
        }
    }
}

/// libpq's six.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Whom to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roots {
    /// `~/.postgresql/root.crt` when it is there, else the system's.
    Default,
    System,
    File(PathBuf),
}

/// `target_session_attrs`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wants {
    #[default]
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

/// One address. A host that begins with `/` is the folder of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    pub name: String,
    /// Connect there, but the name (for TLS and the password file) is `name`.
    pub address: Option<String>,
    pub port: u16,
}

impl Host {
    pub fn is_socket(&self) -> bool {
        self.name.starts_with('/') || self.name.starts_with('@')
    }

    /// Whether nothing that is sent there leaves this machine.
    pub fn is_local(&self) -> bool {
        let name = self.address.as_deref().unwrap_or(&self.name);
        self.is_socket() || name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback())
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_socket() {
            write!(f, "{}/.s.PGSQL.{}", self.name, self.port)
        } else if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

/// Everything that is needed to connect, but a password that is still to be looked up.
#[derive(Clone, Debug)]
pub struct Conninfo {
    pub hosts: Vec<Host>,
    pub user: String,
    pub database: String,
    pub password: Option<SecretString>,
    /// None: nobody said.
    pub sslmode: Option<SslMode>,
    pub roots: Roots,
    /// Certificate and key of our own, in PEM.
    pub certificate: Option<(PathBuf, PathBuf)>,
    pub binding: Binding,
    /// `options`, put behind ours.
    pub options: Option<String>,
    pub wants: Wants,
    pub passfile: Option<PathBuf>,
}

/// `channel_binding`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Binding {
    Disable,
    #[default]
    Prefer,
    Require,
}

/// What is wrong with a connection text. Holds no value of it, which might be a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Wrong(pub String);

impl Conninfo {
    /// Puts together what the connection text, the service file and the environment say, in that order of weight.
    /// `lenient`: a `DATABASE_URL` that was written for another program, whose own parameters are passed over.
    ///
    /// # Errors
    /// What cannot be understood, or would be less safe than what was asked for if it were passed over.
    pub fn resolve(dsn: Option<&str>, service: Option<&str>, env: &Env, lenient: bool) -> Result<Self, Wrong> {
        let mut all = dsn.map_or_else(|| Ok(BTreeMap::new()), |dsn| params(dsn, lenient))?;
        let service = all
            .remove("service")
            .or_else(|| service.map(str::to_owned))
            .or_else(|| env.var("PGSERVICE").map(str::to_owned));
        if let Some(service) = service {
            for (key, value) in files::service(&service, all.remove("servicefile").as_deref(), env)? {
                all.entry(key).or_insert(value);
            }
        }
        for (variable, key) in VARIABLES {
            if let Some(value) = env.var(variable) {
                all.entry((*key).to_owned()).or_insert_with(|| value.to_owned());
            }
        }
        Self::of(all, env)
    }

    fn of(mut all: BTreeMap<String, String>, env: &Env) -> Result<Self, Wrong> {
        let mut take = |key: &str| all.remove(key).filter(|v| !v.is_empty());
        let hosts = hosts(take("host"), take("hostaddr"), take("port"))?;
        let user = take("user").unwrap_or_else(|| env.user.clone());
        let database = take("dbname").unwrap_or_else(|| user.clone());
        let sslmode = take("sslmode").map(|m| sslmode(&m)).transpose()?;
        let roots = match take("sslrootcert").as_deref() {
            None => Roots::Default,
            Some("system") => Roots::System,
            Some(path) => Roots::File(env.path(path)),
        };
        if roots == Roots::System && sslmode.is_some_and(|m| m < SslMode::VerifyFull) {
            return Err(Wrong("sslrootcert=system asks for sslmode=verify-full".to_owned()));
        }
        let own = |name: &str| {
            env.home
                .as_ref()
                .map(|h| h.join(".postgresql").join(name))
                .filter(|p| p.exists())
        };
        let certificate = match (take("sslcert"), take("sslkey")) {
            (Some(cert), key) => {
                let key = key.map(|k| env.path(&k)).or_else(|| own("postgresql.key"));
                let key = key.ok_or_else(|| Wrong("sslcert is given, but no sslkey".to_owned()))?;
                Some((env.path(&cert), key))
            }
            (None, key) => own("postgresql.crt").zip(key.map(|k| env.path(&k)).or_else(|| own("postgresql.key"))),
        };
        let binding = match take("channel_binding").as_deref() {
            None | Some("prefer") => Binding::Prefer,
            Some("disable") => Binding::Disable,
            Some("require") => Binding::Require,
            Some(_) => return Err(Wrong("channel_binding is disable, prefer or require".to_owned())),
        };
        let wants = match take("target_session_attrs").as_deref() {
            None | Some("any") => Wants::Any,
            Some("read-write") => Wants::ReadWrite,
            Some("read-only") => Wants::ReadOnly,
            Some("primary") => Wants::Primary,
            Some("standby") => Wants::Standby,
            Some("prefer-standby") => Wants::PreferStandby,
            Some(_) => {
                return Err(Wrong(
                    "target_session_attrs has a value that libpq does not know".to_owned(),
                ));
            }
        };
        // Safety that is asked for and that we cannot give is no small thing.
        for (key, harmless) in [
            ("gssencmode", &["disable", "prefer"][..]),
            ("require_auth", &[]),
            ("sslcrl", &[]),
            ("sslcrldir", &[]),
            ("sslpassword", &[]),
            ("requirepeer", &[]),
            ("ssl_min_protocol_version", &["TLSv1", "TLSv1.1", "TLSv1.2"]),
            ("sslnegotiation", &["postgres"]),
        ] {
            if let Some(value) = take(key)
                && !harmless.contains(&value.as_str())
            {
                return Err(Wrong(format!("{key} is asked for, which this console cannot do")));
            }
        }
        let (password, passfile) = (
            take("password").map(SecretString::from),
            take("passfile").map(|p| env.path(&p)),
        );
        let options = take("options");
        Ok(Self {
            hosts,
            user,
            database,
            password,
            sslmode,
            roots,
            certificate,
            binding,
            options,
            wants,
            passfile,
        })
    }

    /// How TLS is to be done with this host: what was said; else nothing is taken on trust that leaves the machine.
    pub fn mode_for(&self, host: &Host) -> SslMode {
        match self.sslmode {
            _ if host.is_socket() => SslMode::Disable,
            Some(mode) => mode,
            None if host.is_local() => SslMode::Prefer,
            None => SslMode::VerifyFull,
        }
    }
}

/// The variables that libpq reads and we have a use for.
const VARIABLES: &[(&str, &str)] = &[
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGPORT", "port"),
    ("PGDATABASE", "dbname"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGPASSFILE", "passfile"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
    ("PGSSLCRL", "sslcrl"),
    ("PGREQUIREPEER", "requirepeer"),
    ("PGREQUIREAUTH", "require_auth"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGGSSENCMODE", "gssencmode"),
    ("PGOPTIONS", "options"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
];

fn sslmode(text: &str) -> Result<SslMode, Wrong> {
    Ok(match text {
        "disable" => SslMode::Disable,
        "allow" => SslMode::Allow,
        "prefer" => SslMode::Prefer,
        "require" => SslMode::Require,
        "verify-ca" => SslMode::VerifyCa,
        "verify-full" => SslMode::VerifyFull,
        _ => {
            return Err(Wrong(
                "sslmode is disable, allow, prefer, require, verify-ca or verify-full".to_owned(),
            ));
        }
    })
}

fn hosts(host: Option<String>, address: Option<String>, port: Option<String>) -> Result<Vec<Host>, Wrong> {
    let list = |text: &Option<String>| -> Vec<String> {
        text.as_deref()
            .map(|t| t.split(',').map(|p| p.trim().to_owned()).collect())
            .unwrap_or_default()
    };
    let (names, addresses, ports) = (list(&host), list(&address), list(&port));
    let count = names.len().max(addresses.len()).max(1);
    if !addresses.is_empty() && !names.is_empty() && addresses.len() != names.len() {
        return Err(Wrong("host and hostaddr name different numbers of servers".to_owned()));
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(Wrong("host and port name different numbers of servers".to_owned()));
    }
    let mut all = Vec::with_capacity(count);
    for n in 0..count {
        let address = addresses.get(n).filter(|a| !a.is_empty()).cloned();
        let name = names.get(n).filter(|h| !h.is_empty()).cloned();
        let port = ports.get(n).or_else(|| ports.first()).filter(|p| !p.is_empty());
        let port = match port {
            None => 5432,
            Some(p) => p
                .parse::<u16>()
                .ok()
                .filter(|p| *p > 0)
                .ok_or_else(|| Wrong("the port is no number from 1 to 65535".to_owned()))?,
        };
        let name = name
            .or_else(|| address.clone())
            .unwrap_or_else(|| default_socket(port).unwrap_or_else(|| "localhost".to_owned()));
        all.push(Host { name, address, port });
    }
    Ok(all)
}

/// Where a server of this machine listens: Debian's folder, or the one that PostgreSQL is built with.
fn default_socket(port: u16) -> Option<String> {
    ["/var/run/postgresql", "/tmp"]
        .iter()
        .find(|dir| Path::new(dir).join(format!(".s.PGSQL.{port}")).exists())
        .map(|dir| (*dir).to_owned())
}
