//! The service file and the password file.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::{Conninfo, Env, Host, Wrong};

/// The parameters of a service: of `~/.pg_service.conf` (or `PGSERVICEFILE`), then of the system's.
pub(super) fn service(name: &str, file: Option<&str>, env: &Env) -> Result<Vec<(String, String)>, Wrong> {
    let own = file
        .map(|f| env.path(f))
        .or_else(|| env.var("PGSERVICEFILE").map(|f| env.path(f)))
        .or_else(|| env.home.as_ref().map(|h| h.join(".pg_service.conf")));
    let system = env
        .var("PGSYSCONFDIR")
        .map_or_else(|| PathBuf::from("/etc/postgresql-common"), PathBuf::from)
        .join("pg_service.conf");
    for path in own.into_iter().chain([system]) {
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        if let Some(found) = section(&text, name) {
            return found.map_err(|line| Wrong(format!("{}:{line}: expected `key=value`", path.display())));
        }
    }
    Err(Wrong(format!(
        "no service file has a section [{}]",
        name.escape_debug()
    )))
}

/// The section of a service file; `Err` is the line that is not understood.
fn section(text: &str, name: &str) -> Option<Result<Vec<(String, String)>, usize>> {
    let mut inside = false;
    let mut found = None;
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(title) = line.strip_prefix('[') {
            if inside {
                break;
            }
            inside = title.strip_suffix(']') == Some(name);
            if inside {
                found = Some(Vec::new());
            }
        } else if let (true, Some(all)) = (inside, found.as_mut()) {
            let Some((key, value)) = line.split_once('=') else {
                return Some(Err(n + 1));
            };
            all.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    found.map(Ok)
}

/// The password of the password file, and why the file does not count if it does not.
pub fn password_of(info: &Conninfo, host: &Host, env: &Env) -> (Option<SecretString>, Option<String>) {
    let path = info
        .passfile
        .clone()
        .or_else(|| env.home.as_ref().map(|h| h.join(".pgpass")));
    let Some(path) = path else { return (None, None) };
    let Ok(meta) = std::fs::metadata(&path) else {
        return (None, None);
    };
    if !meta.is_file() {
        return (None, Some(format!("{} is no file", path.display())));
    }
    if meta.permissions().mode() & 0o077 != 0 {
        let why = format!(
            "{} is open to others: chmod 0600 it, else it does not count",
            path.display()
        );
        return (None, Some(why));
    }
    let Ok(text) = std::fs::read_to_string(Path::new(&path)) else {
        return (None, Some(format!("{} cannot be read", path.display())));
    };
    // libpq: a socket in the default folder, or no host at all, is `localhost`.
    let name = if matches!(host.name.as_str(), "/var/run/postgresql" | "/tmp") {
        "localhost"
    } else {
        &host.name
    };
    let port = host.port.to_string();
    let want = [name, &port, &info.database, &info.user];
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        let fields = split(line);
        let [a, b, c, d, password] = fields.as_slice() else {
            continue;
        };
        let fits = [a, b, c, d]
            .iter()
            .zip(want)
            .all(|((field, plain), want)| *plain && field == "*" || field == want);
        if fits {
            return (Some(SecretString::from(password.0.clone())), None);
        }
    }
    (None, None)
}

/// Five fields between colons, with `\:` and `\\`; the second says that nothing in it was escaped. The password is
/// what is left of the line.
fn split(line: &str) -> Vec<(String, bool)> {
    let mut fields = vec![(String::new(), true)];
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        let last = fields.len() == 5;
        match c {
            ':' if !last => fields.push((String::new(), true)),
            _ => {
                if let Some((field, plain)) = fields.last_mut() {
                    if c == '\\' {
                        *plain = false;
                        field.extend(rest.next());
                    } else {
                        field.push(c);
                    }
                }
            }
        }
    }
    fields
}
