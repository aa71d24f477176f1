//! `via = "port-forward:svc/postgres-core:5432"`: the way to a server inside the cluster.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// Through the API server to a Service or a pod. Written `port-forward:svc/NAME:PORT` or
/// `port-forward:NAMESPACE/svc/NAME:PORT`; `pod/` for a pod. The port is the Service's, by number or by name; of a pod
/// it is the container's, by number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Via {
    /// `None`: the namespace of the context.
    pub namespace: Option<String>,
    pub to: ViaKind,
    pub name: String,
    pub port: ViaPort,
}

/// What the way leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ViaKind {
    Service,
    Pod,
}

/// A port by number or by its name in the Service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ViaPort {
    Number(u16),
    Name(String),
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("port-forward:")?;
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        let kind = match self.to {
            ViaKind::Service => "svc",
            ViaKind::Pod => "pod",
        };
        write!(f, "{kind}/{}:", self.name)?;
        match &self.port {
            ViaPort::Number(n) => write!(f, "{n}"),
            ViaPort::Name(name) => f.write_str(name),
        }
    }
}

impl TryFrom<String> for Via {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Via {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = || -> Option<Self> {
            let (rest, port) = text.strip_prefix("port-forward:")?.rsplit_once(':')?;
            let parts: Vec<&str> = rest.split('/').collect();
            let (namespace, kind, name) = match parts.as_slice() {
                [kind, name] => (None, *kind, *name),
                [namespace, kind, name] => (Some(*namespace), *kind, *name),
                _ => return None,
            };
            let to = match kind {
                "svc" | "service" => ViaKind::Service,
                "pod" => ViaKind::Pod,
                _ => return None,
            };
            let port = match port.parse::<u16>() {
                Ok(0) => return None,
                Ok(n) => ViaPort::Number(n),
                Err(_)
                    if is_name(port) && port.contains(|c: char| c.is_ascii_lowercase()) && to == ViaKind::Service =>
                {
                    ViaPort::Name(port.to_owned())
                }
                Err(_) => return None,
            };
            (is_name(name) && namespace.is_none_or(is_name)).then(|| Self {
                namespace: namespace.map(str::to_owned),
                to,
                name: name.to_owned(),
                port,
            })
        };
        parsed().ok_or_else(|| {
            format!("`{text}` is no way to a server, expected `port-forward:svc/NAME:PORT`, `port-forward:NAMESPACE/svc/NAME:PORT` or `port-forward:pod/NAME:PORT`")
        })
    }
}

/// As the API server takes names: nothing in it can change the path that it becomes part of.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && !text.starts_with(['-', '.'])
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_read_as_it_is_written_and_nothing_else_is() {
        for text in [
            "port-forward:svc/postgres-core:5432",
            "port-forward:data/svc/redis:redis",
            "port-forward:pod/web-0:8080",
        ] {
            assert_eq!(text.parse::<Via>().unwrap().to_string(), text);
        }
        for text in [
            "svc/a:1",
            "port-forward:svc/a",
            "port-forward:svc/a:0",
            "port-forward:svc/../x:1",
            "port-forward:deploy/a:1",
            "port-forward:a/b/svc/c:1",
            "port-forward:pod/web-0:http",
            "port-forward:svc/a?x:1",
            "port-forward:svc/a:99999",
        ] {
            assert!(text.parse::<Via>().is_err(), "{text}");
        }
    }
}
