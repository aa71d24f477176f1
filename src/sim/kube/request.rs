//! A request, taken apart: what it is about, and how the answer should look.

use super::resources::{Resource, resource};
use super::status::Status;
use std::collections::HashMap;

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Stored objects.
    Objects {
        resource: &'static Resource,
        /// The version asked for, as `v1` of autoscaling.
        version: String,
        namespace: Option<String>,
        name: Option<String>,
        subresource: Option<String>,
    },
    /// A review, or metrics: not stored.
    Virtual {
        group: String,
        resource: String,
        namespace: Option<String>,
        name: Option<String>,
    },
    /// Discovery, health, version.
    Path(Vec<String>),
}

/// How the answer should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Table,
    Metadata,
}

/// The form that an `Accept` header asks for; `None` when nothing in it can be given.
pub(crate) fn form(accept: &str) -> Option<Form> {
    if accept.trim().is_empty() {
        return Some(Form::Json);
    }
    accept.split(',').find_map(|part| {
        let mut bits = part.trim().split(';').map(str::trim);
        let media = bits.next().unwrap_or_default();
        if !matches!(media, "application/json" | "*/*" | "application/*") {
            return None;
        }
        let params: HashMap<&str, &str> = bits.filter_map(|b| b.split_once('=')).collect();
        match (params.get("as").copied(), params.get("v").copied()) {
            (None, _) => Some(Form::Json),
            (Some("Table"), Some("v1")) => Some(Form::Table),
            (Some("PartialObjectMetadata" | "PartialObjectMetadataList"), Some("v1")) => Some(Form::Metadata),
            _ => None,
        }
    })
}

/// Takes a path apart.
pub(crate) fn target(path: &str, hidden: &[String]) -> Result<Target, Status> {
    let parts: Vec<String> = path.split('/').filter(|p| !p.is_empty()).map(decode).collect();
    let words: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (group, version, rest) = match words.as_slice() {
        ["api", "v1", rest @ ..] if !rest.is_empty() => ("", "v1", rest),
        ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, *version, rest),
        _ => return Ok(Target::Path(parts.clone())),
    };
    if !group.is_empty() && !super::discovery::versions(group, hidden).contains(&version) {
        return Err(page_not_found());
    }
    let (namespace, rest) = match rest {
        ["namespaces", ns, kind, rest @ ..] if !matches!(*kind, "status" | "finalize") => {
            (Some((*ns).to_owned()), [&[*kind][..], rest].concat())
        }
        _ => (None, rest.to_vec()),
    };
    let mut rest = rest.into_iter();
    let plural = rest.next().unwrap_or_default();
    let name = rest.next().map(str::to_owned);
    let subresource = rest.next().map(str::to_owned);
    if let Some(resource) = resource(group, plural) {
        return Ok(Target::Objects {
            resource,
            version: version.to_owned(),
            namespace,
            name,
            subresource,
        });
    }
    if matches!(
        group,
        "metrics.k8s.io" | "authorization.k8s.io" | "authentication.k8s.io"
    ) {
        return Ok(Target::Virtual {
            group: group.to_owned(),
            resource: plural.to_owned(),
            namespace,
            name,
        });
    }
    Err(page_not_found())
}

/// 404 for a path that nothing serves: plain text, which `code` 404 with no reason stands for.
pub(crate) fn page_not_found() -> Status {
    Status::new(404, "", "404 page not found\n")
}

/// The query of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(HashMap<String, String>);

impl Query {
    pub fn parse(query: &str) -> Self {
        Self(
            query
                .split('&')
                .filter(|p| !p.is_empty())
                .map(|p| p.split_once('=').unwrap_or((p, "")))
                .map(|(k, v)| (decode(k), decode(&v.replace('+', " "))))
                .collect(),
        )
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str).filter(|v| !v.is_empty())
    }

    pub fn is_true(&self, key: &str) -> bool {
        matches!(self.get(key), Some("true" | "1"))
    }

    pub fn number(&self, key: &str) -> Option<u64> {
        self.get(key)?.parse().ok()
    }
}

/// Percent-decoding; what is not valid UTF-8 afterwards becomes replacement characters.
fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        if b != b'%' {
            out.push(b);
            continue;
        }
        let mut ahead = bytes.clone();
        let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        if let (Some(high), Some(low)) = (digit(ahead.next()), digit(ahead.next())) {
            out.push((high * 16 + low) as u8);
            bytes = ahead;
        } else {
            out.push(b);
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_queries_and_forms_are_understood() {
        let Target::Objects {
            resource,
            namespace,
            name,
            subresource,
            ..
        } = target("/apis/apps/v1/namespaces/n/deployments/d/scale", &[]).unwrap()
        else {
            panic!("objects")
        };
        assert_eq!(
            (
                resource.key,
                namespace.as_deref(),
                name.as_deref(),
                subresource.as_deref()
            ),
            ("deployments.apps", Some("n"), Some("d"), Some("scale"))
        );
        assert!(matches!(target("/api/v1/namespaces/n/status", &[]).unwrap(),
            Target::Objects { name: Some(n), subresource: Some(s), .. } if n == "n" && s == "status"));
        assert_eq!(target("/apis/nothing.example.com/v1/x", &[]).unwrap_err().code, 404);
        assert_eq!(
            Query::parse("labelSelector=a%3Db&watch=1").get("labelSelector"),
            Some("a=b")
        );
        assert_eq!(
            form(
                "application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
            ),
            Some(Form::Table)
        );
        assert_eq!(form("application/vnd.kubernetes.protobuf"), None);
    }
}
