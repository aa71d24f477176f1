//! Requests about single objects: resources of a container, configuration, nodes, Jobs, canaries, Services, Secrets.

use std::collections::BTreeMap;

use super::super::engine::ActionAsk;
use super::super::facts::Subject;
use super::super::format::ActionName;
use super::{argument, find, text};
use crate::action::{Alphabet, NewValue, ObjectAsk, Request, Resources};
use crate::model::{Kind, World};
use crate::runbook::value::Value;

/// How long a drain may take where the step does not say, in minutes.
const DRAIN_MINUTES: i64 = 15;
/// What `openssl rand -base64 32` has.
const SECRET_LENGTH: i64 = 44;

/// Makes the request; `None`: the action is of another family.
pub(super) fn resolve(world: &World, subject: &Subject, ask: &ActionAsk) -> Result<Option<Request>, String> {
    let Some((kinds, what)) = what(ask)? else {
        return Ok(None);
    };
    let target = find(world, &ask.target)?;
    if !kinds.contains(&target.kind) {
        return Err(format!("{} does not act on a {}", ask.action.name(), target.kind.api()));
    }
    if let Some(known) = &subject.workload
        && known.kind == target.kind
        && known.key() == target.key()
        && known.uid != target.uid
    {
        return Err(format!(
            "{target} was made anew since this run began; abort it and start again"
        ));
    }
    Ok(Some(Request::Object { target, ask: what }))
}

fn what(ask: &ActionAsk) -> Result<Option<(&'static [Kind], ObjectAsk)>, String> {
    Ok(Some(match ask.action {
        ActionName::SetResources => {
            let mut resources = Resources::default();
            for resource in ["cpu", "memory"] {
                if let Some(to) = maybe_text(ask, &format!("{resource}_request"))? {
                    resources.requests.insert(resource.to_owned(), to);
                }
                if let Some(to) = maybe_text(ask, &format!("{resource}_limit"))? {
                    resources.limits.insert(resource.to_owned(), to);
                }
            }
            let container = text(ask, "container")?;
            (&Kind::WORKLOADS, ObjectAsk::SetResources { container, resources })
        }
        ActionName::SetConfig => {
            let (key, value) = (text(ask, "key")?, text(ask, "value")?);
            (&[Kind::ConfigMap], ObjectAsk::SetConfig { key, value, seen: None })
        }
        ActionName::Cordon => (&[Kind::Node], ObjectAsk::Cordon),
        ActionName::Uncordon => (&[Kind::Node], ObjectAsk::Uncordon),
        ActionName::Drain => {
            let minutes = maybe_int(ask, "minutes")?.unwrap_or(DRAIN_MINUTES);
            let within_s = u64::try_from(minutes).ok().and_then(|m| m.checked_mul(60));
            let what = ObjectAsk::Drain {
                unmanaged: flag(ask, "unmanaged"),
                empty_dirs: flag(ask, "empty_dirs"),
                within_s: within_s.ok_or_else(|| format!("{minutes} min is no time for a drain"))?,
            };
            (&[Kind::Node], what)
        }
        ActionName::CreateJob => {
            let args = maybe_text(ask, "args")?.unwrap_or_default();
            let what = ObjectAsk::CreateJob {
                template: maybe_text(ask, "template")?.filter(|t| !t.is_empty()),
                image: maybe_text(ask, "image")?.filter(|i| !i.is_empty()),
                args: args.split_whitespace().map(str::to_owned).collect(),
            };
            (&[Kind::CronJob, Kind::Namespace], what)
        }
        ActionName::DeleteJob => (&[Kind::Job], ObjectAsk::DeleteJob),
        ActionName::CanaryWeight => {
            let weight = super::count(ask, "weight")?;
            (&[Kind::Ingress], ObjectAsk::CanaryWeight { weight, seen: None })
        }
        ActionName::SwitchService => {
            let labels = labels(&text(ask, "labels")?)?;
            (
                &[Kind::Service],
                ObjectAsk::SwitchService {
                    labels,
                    seen: BTreeMap::new(),
                },
            )
        }
        ActionName::RotateSecret => {
            let named = maybe_text(ask, "alphabet")?.unwrap_or_else(|| Alphabet::Letters.name().to_owned());
            let alphabet = Alphabet::ALL.into_iter().find(|a| a.name() == named);
            let length = maybe_int(ask, "length")?.unwrap_or(SECRET_LENGTH);
            let value = NewValue::Generate {
                length: u32::try_from(length).map_err(|_| format!("{length} is no length"))?,
                alphabet: alphabet.ok_or_else(|| format!("`{named}` is no alphabet; letters, hex and url-safe are"))?,
            };
            (
                &[Kind::Secret],
                ObjectAsk::RotateSecret {
                    key: text(ask, "key")?,
                    value,
                },
            )
        }
        ActionName::ReplaceTls => {
            let (certificate, key) = (text(ask, "certificate")?, text(ask, "key")?);
            (
                &[Kind::Secret],
                ObjectAsk::ReplaceTls {
                    certificate,
                    key,
                    read: None,
                },
            )
        }
        _ => return Ok(None),
    }))
}

/// `version=green,app=web`
///
/// # Errors
/// Which part is no label.
pub fn labels(text: &str) -> Result<BTreeMap<String, String>, String> {
    let parts = text.split([',', ' ']).map(str::trim).filter(|p| !p.is_empty());
    let label = |part: &str| {
        let (key, value) = part.split_once('=').filter(|(k, v)| !k.is_empty() && !v.is_empty())?;
        Some((key.trim().to_owned(), value.trim().to_owned()))
    };
    parts
        .map(|p| label(p).ok_or_else(|| format!("`{p}` is no label; expected version=green")))
        .collect()
}

fn maybe_text(ask: &ActionAsk, name: &str) -> Result<Option<String>, String> {
    match argument(ask, name) {
        Err(_) => Ok(None),
        Ok(Value::Text(text)) => Ok(Some(text.clone())),
        Ok(other) => Err(format!("`{name}` is {other}; expected a text")),
    }
}

fn maybe_int(ask: &ActionAsk, name: &str) -> Result<Option<i64>, String> {
    match argument(ask, name) {
        Err(_) => Ok(None),
        Ok(value) => value
            .as_int()
            .map(Some)
            .ok_or_else(|| format!("`{name}` is {value}; expected a whole number")),
    }
}

fn flag(ask: &ActionAsk, name: &str) -> bool {
    matches!(argument(ask, name), Ok(Value::Bool(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_as_kubectl_writes_them() {
        let all = labels("version=green, app=web").unwrap();
        assert_eq!(all.get("version").map(String::as_str), Some("green"));
        assert_eq!(all.len(), 2);
        assert!(labels("version").is_err() && labels("=x").is_err());
    }
}
