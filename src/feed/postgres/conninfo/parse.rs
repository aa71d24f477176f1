//! The two forms of a connection text.

use std::collections::BTreeMap;

use super::Wrong;

/// libpq's keywords.
const KEYWORDS: &[&str] = &[
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "passfile",
    "require_auth",
    "channel_binding",
    "connect_timeout",
    "client_encoding",
    "options",
    "application_name",
    "fallback_application_name",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "replication",
    "gssencmode",
    "sslmode",
    "requiressl",
    "sslnegotiation",
    "sslcompression",
    "sslcert",
    "sslkey",
    "sslkeylogfile",
    "sslpassword",
    "sslcertmode",
    "sslrootcert",
    "sslcrl",
    "sslcrldir",
    "sslsni",
    "requirepeer",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
    "min_protocol_version",
    "max_protocol_version",
    "krbsrvname",
    "gsslib",
    "gssdelegation",
    "service",
    "servicefile",
    "target_session_attrs",
    "load_balance_hosts",
    "scram_client_key",
    "scram_server_key",
    "oauth_issuer",
    "oauth_client_id",
    "oauth_client_secret",
    "oauth_scope",
];

/// The parameters that a connection text gives.
///
/// # Errors
/// What cannot be read; never with a value in it.
pub fn params(dsn: &str, lenient: bool) -> Result<BTreeMap<String, String>, Wrong> {
    let dsn = dsn.trim();
    let pairs = match dsn.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme, lenient) => url(rest)?,
        Some((scheme, _)) if !scheme.contains(['=', ' ', '\'']) => {
            return Err(Wrong(
                "a URL of PostgreSQL begins with postgres:// or postgresql://".to_owned(),
            ));
        }
        _ => keywords(dsn)?,
    };
    let mut all = BTreeMap::new();
    for (key, value) in pairs {
        if key == "ssl" && value == "true" {
            all.insert("sslmode".to_owned(), "require".to_owned());
        } else if KEYWORDS.contains(&key.as_str()) {
            all.insert(key, value);
        } else if !lenient {
            return Err(Wrong(format!("libpq knows no parameter `{}`", key.escape_debug())));
        }
    }
    Ok(all)
}

fn is_scheme(scheme: &str, lenient: bool) -> bool {
    let plain = if lenient {
        scheme.split('+').next().unwrap_or(scheme)
    } else {
        scheme
    };
    matches!(plain, "postgres" | "postgresql")
}

fn url(rest: &str) -> Result<Vec<(String, String)>, Wrong> {
    let mut all = Vec::new();
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (who, at) = match authority.rsplit_once('@') {
        Some((who, at)) => (who, at),
        None => ("", authority),
    };
    let (user, password) = who.split_once(':').unwrap_or((who, ""));
    for (key, text) in [("user", user), ("password", password), ("dbname", path)] {
        if !text.is_empty() {
            all.push((key.to_owned(), decode(text)?));
        }
    }
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for one in at.split(',').filter(|_| !at.is_empty()) {
        let (host, port) = if let Some(inner) = one.strip_prefix('[') {
            let (host, after) = inner
                .split_once(']')
                .ok_or_else(|| Wrong("an IPv6 address is not closed with `]`".to_owned()))?;
            (host, after.strip_prefix(':').unwrap_or(after))
        } else {
            one.split_once(':').unwrap_or((one, ""))
        };
        hosts.push(decode(host)?);
        ports.push(decode(port)?);
    }
    if hosts.iter().any(|h| !h.is_empty()) {
        all.push(("host".to_owned(), hosts.join(",")));
    }
    if ports.iter().any(|p| !p.is_empty()) {
        all.push(("port".to_owned(), ports.join(",")));
    }
    for pair in query.split('&').filter(|p| !p.is_empty()) {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| Wrong("a parameter of the URL has no value".to_owned()))?;
        all.push((decode(key)?, decode(value)?));
    }
    Ok(all)
}

fn decode(text: &str) -> Result<String, Wrong> {
    let wrong = || Wrong("the URL has a `%` that two hexadecimal digits do not follow".to_owned());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(b) = rest.next() {
        if b == b'%' {
            let mut digit = || rest.next().and_then(|d| char::from(d).to_digit(16));
            let (high, low) = (digit().ok_or_else(wrong)?, digit().ok_or_else(wrong)?);
            bytes.push((high * 16 + low) as u8);
        } else {
            bytes.push(b);
        }
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|s| !s.contains('\0'))
        .ok_or_else(|| Wrong("the URL is not UTF-8".to_owned()))
}

/// `key = 'va\'lue' key2=value`
fn keywords(text: &str) -> Result<Vec<(String, String)>, Wrong> {
    let mut all = Vec::new();
    let mut rest = text.chars().peekable();
    loop {
        while rest.next_if(|c| c.is_whitespace()).is_some() {}
        if rest.peek().is_none() {
            return Ok(all);
        }
        let mut key = String::new();
        while let Some(c) = rest.next_if(|c| *c != '=' && !c.is_whitespace()) {
            key.push(c);
        }
        while rest.next_if(|c| c.is_whitespace()).is_some() {}
        if rest.next() != Some('=') {
            return Err(Wrong("a keyword is not followed by `=`".to_owned()));
        }
        while rest.next_if(|c| c.is_whitespace()).is_some() {}
        let mut value = String::new();
        if rest.next_if_eq(&'\'').is_some() {
            loop {
                match rest.next() {
                    Some('\'') => break,
                    Some('\\') => value.extend(rest.next()),
                    Some(c) => value.push(c),
                    None => return Err(Wrong("a quoted value is not closed".to_owned())),
                }
            }
        } else {
            while let Some(c) = rest.next_if(|c| !c.is_whitespace()) {
                if c == '\\' {
                    value.extend(rest.next());
                } else {
                    value.push(c);
                }
            }
        }
        all.push((key, value));
    }
}
