//! What was typed about one object, as the request of a plan.

use std::collections::BTreeMap;

use crate::action::{NewValue, ObjectAsk, Request, Resources, Sealed};
use crate::app::layers::ObjectPrompt;
use crate::model::ObjectRef;

/// What was typed, as a request. `Err`: what is wrong with it.
pub(super) fn request(target: ObjectRef, what: ObjectPrompt, text: &str) -> Result<Request, String> {
    let ask = match what {
        ObjectPrompt::Resources { container } => ObjectAsk::SetResources {
            container,
            resources: resources(text)?,
        },
        ObjectPrompt::Config { key, seen } if seen.as_deref() != Some(text) => ObjectAsk::SetConfig {
            key,
            value: text.to_owned(),
            seen,
        },
        ObjectPrompt::Config { .. } => return Err("that is the value it has".to_owned()),
        ObjectPrompt::Secret { .. } if text.is_empty() => return Err("type or paste the new value".to_owned()),
        ObjectPrompt::Secret { key } => ObjectAsk::RotateSecret {
            key,
            value: NewValue::Given(Sealed::typed(text)),
        },
        ObjectPrompt::Tls => match text.split_whitespace().collect::<Vec<_>>().as_slice() {
            [certificate, key] => ObjectAsk::ReplaceTls {
                certificate: (*certificate).to_owned(),
                key: (*key).to_owned(),
                read: None,
            },
            _ => return Err("two paths: the certificate's, then the key's".to_owned()),
        },
        ObjectPrompt::Weight { seen } => {
            let weight = text.parse().map_err(|_| "a whole number from 0 to 100".to_owned())?;
            ObjectAsk::CanaryWeight {
                weight,
                seen: Some(seen),
            }
        }
        ObjectPrompt::Labels { seen } => {
            let labels = labels(text)?;
            if labels.is_empty() {
                return Err("write at least one label: version=green".to_owned());
            }
            ObjectAsk::SwitchService { labels, seen }
        }
        ObjectPrompt::Image { template } => ObjectAsk::CreateJob {
            template: Some(template),
            image: (!text.is_empty()).then(|| text.to_owned()),
            args: Vec::new(),
        },
    };
    Ok(Request::Object { target, ask })
}

pub(super) fn labels(text: &str) -> Result<BTreeMap<String, String>, String> {
    crate::runbook::request::labels(text)
}

/// `cpu=250m:1 memory=256Mi:1Gi`: request and limit; an empty side stays, `-` takes it away.
fn resources(text: &str) -> Result<Resources, String> {
    let mut out = Resources::default();
    for part in text.split_whitespace() {
        let expected = || format!("`{part}`: write it as cpu=250m:1 or memory=:512Mi");
        let (name, sides) = part.split_once('=').ok_or_else(expected)?;
        let (request, limit) = sides.split_once(':').unwrap_or((sides, ""));
        if !matches!(name, "cpu" | "memory") || request.is_empty() && limit.is_empty() {
            return Err(expected());
        }
        for (side, to) in [(&mut out.requests, request), (&mut out.limits, limit)] {
            match to {
                "" => None,
                "-" => side.insert(name.to_owned(), String::new()),
                to => side.insert(name.to_owned(), to.to_owned()),
            };
        }
    }
    if out == Resources::default() {
        return Err("write at least one: memory=:512Mi sets the limit of memory".to_owned());
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_limits_are_typed_side_by_side() {
        let got = resources("cpu=250m:1 memory=:512Mi").unwrap();
        let of = |map: &BTreeMap<String, String>, k: &str| map.get(k).cloned();
        assert_eq!(
            (of(&got.requests, "cpu"), of(&got.limits, "cpu")),
            (Some("250m".into()), Some("1".into()))
        );
        assert_eq!(
            (of(&got.requests, "memory"), of(&got.limits, "memory")),
            (None, Some("512Mi".into()))
        );
        assert_eq!(
            of(&resources("memory=:-").unwrap().limits, "memory"),
            Some(String::new())
        );
        for bad in ["", "cpu", "cpu=", "gpu=1:1"] {
            assert!(resources(bad).is_err(), "{bad}");
        }
    }
}
