//! Changes of single Kubernetes objects beside size, rollout and pods: resources of a container, a ConfigMap's key, nodes,
//! Jobs, the share of a canary, a Service's selector, Secrets.
//!
//! One variant of [`Request`](super::Request) for all of them; what is asked stands in [`ObjectAsk`]. Each is one file,
//! drafts its plan and says by [`goal`] what must come of it.

mod canary;
mod config_map;
mod cordon;
pub(super) mod drain;
mod job;
mod job_template;
mod resources;
mod secret;
mod service;
mod tls;
mod users;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::draft::Draft;
use super::plan::{PlanStep, Refusal};
use super::sealed::Sealed;
use super::survey::Survey;
use super::verify::Goal;
use crate::model::ObjectRef;

pub(super) use canary::{ANNOTATION as CANARY_WEIGHT, CANARY};
pub use config_map::looks_secret;
pub use job_template::names as job_templates;
pub use resources::Resources;
pub use secret::{Alphabet, NewValue};
pub(super) use service::selector_words;

/// What is asked of the object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum ObjectAsk {
    /// Of a container of a workload.
    SetResources {
        container: String,
        resources: Resources,
    },
    /// One key of a ConfigMap. `seen` is the value that the operator saw; `None`: nobody looked.
    SetConfig {
        key: String,
        value: String,
        seen: Option<String>,
    },
    /// Takes a key away again that was not there before.
    UnsetConfig {
        key: String,
        seen: String,
    },
    Cordon,
    Uncordon,
    /// Cordons the node and evicts its pods, one at a time.
    Drain {
        /// Pods that nothing owns go too, for good.
        unmanaged: bool,
        /// Pods with emptyDir volumes go too, with what is in them.
        empty_dirs: bool,
        /// In seconds, for all of it.
        within_s: u64,
    },
    /// From a CronJob (the target), or from a template of the configuration into the namespace that is the target.
    CreateJob {
        #[serde(default)]
        template: Option<String>,
        /// Of the first container; `None`: the template's.
        #[serde(default)]
        image: Option<String>,
        /// Of the first container; empty: the template's.
        #[serde(default)]
        args: Vec<String>,
    },
    DeleteJob,
    /// The share of the requests that an Ingress marked as canary takes.
    CanaryWeight {
        weight: u32,
        /// `None`: nobody looked.
        seen: Option<u32>,
    },
    /// These labels of a Service's selector; others of it stay. `seen`: the whole selector that the operator saw; empty: nobody looked.
    SwitchService {
        labels: BTreeMap<String, String>,
        seen: BTreeMap<String, String>,
    },
    /// One key of a Secret.
    RotateSecret {
        key: String,
        value: NewValue,
    },
    /// Certificate and key of a TLS Secret, from two PEM files that this machine can read.
    /// `read`: what the plan found in them.
    ReplaceTls {
        certificate: String,
        key: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        read: Option<Sealed>,
    },
    /// Puts back what a Secret held before: only while this console runs.
    RestoreSecret {
        former: Sealed,
    },
}

impl ObjectAsk {
    /// The action's name in the registry, in the journal and in runbooks.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SetResources { .. } => "set-resources",
            Self::SetConfig { .. } => "set-config",
            Self::UnsetConfig { .. } => "unset-config",
            Self::Cordon => "cordon",
            Self::Uncordon => "uncordon",
            Self::Drain { .. } => "drain",
            Self::CreateJob { .. } => "create-job",
            Self::DeleteJob => "delete-job",
            Self::CanaryWeight { .. } => "canary-weight",
            Self::SwitchService { .. } => "switch-service",
            Self::RotateSecret { .. } => "rotate-secret",
            Self::ReplaceTls { .. } => "replace-tls",
            Self::RestoreSecret { .. } => "restore-secret",
        }
    }

    /// Whether it touches a Secret: such an object is read by those who may change it, and by nobody else.
    pub const fn is_secret(&self) -> bool {
        matches!(
            self,
            Self::RotateSecret { .. } | Self::ReplaceTls { .. } | Self::RestoreSecret { .. }
        )
    }

    /// What is put into the request when it is sent, and stands nowhere else.
    pub(super) const fn sealed(&self) -> Option<&Sealed> {
        match self {
            Self::RotateSecret {
                value: NewValue::Given(sealed),
                ..
            }
            | Self::ReplaceTls { read: Some(sealed), .. }
            | Self::RestoreSecret { former: sealed } => Some(sealed),
            _ => None,
        }
    }
}

pub(super) async fn draft(survey: &Survey<'_>, target: &ObjectRef, ask: &ObjectAsk) -> Result<Draft, Refusal> {
    match ask {
        ObjectAsk::SetResources { container, resources } => {
            resources::draft(survey, target, container, resources).await
        }
        ObjectAsk::SetConfig { key, value, seen } => {
            config_map::draft(survey, target, key, Some(value), seen.as_deref()).await
        }
        ObjectAsk::UnsetConfig { key, seen } => config_map::draft(survey, target, key, None, Some(seen)).await,
        ObjectAsk::Cordon => cordon::draft(survey, target, true).await,
        ObjectAsk::Uncordon => cordon::draft(survey, target, false).await,
        ObjectAsk::Drain {
            unmanaged,
            empty_dirs,
            within_s,
        } => drain::draft(survey, target, (*unmanaged, *empty_dirs), *within_s).await,
        ObjectAsk::CreateJob { template, image, args } => {
            job::draft(survey, target, template.as_deref(), image.as_deref(), args).await
        }
        ObjectAsk::DeleteJob => job::draft_delete(survey, target).await,
        ObjectAsk::CanaryWeight { weight, seen } => canary::draft(survey, target, *weight, *seen).await,
        ObjectAsk::SwitchService { labels, seen } => service::draft(survey, target, labels, seen).await,
        ObjectAsk::RotateSecret { key, value } => secret::draft(survey, target, key, value).await,
        ObjectAsk::ReplaceTls { certificate, key, .. } => tls::draft(survey, target, certificate, key).await,
        ObjectAsk::RestoreSecret { former } => secret::draft_restore(survey, target, former).await,
    }
}

/// What a step of it must lead to.
pub(super) fn goal(ask: &ObjectAsk, step: &PlanStep) -> Goal {
    match ask {
        ObjectAsk::SetResources { .. } => Goal::Rollout,
        ObjectAsk::SetConfig { key, value, .. } => Goal::Holds(vec![(format!("/data/{key}"), json!(value))]),
        ObjectAsk::UnsetConfig { key, .. } => Goal::Holds(vec![(format!("/data/{key}"), Value::Null)]),
        ObjectAsk::Cordon => Goal::Fields(vec![("/spec/unschedulable".into(), true.into())]),
        ObjectAsk::Uncordon => Goal::Fields(vec![("/spec/unschedulable".into(), false.into())]),
        ObjectAsk::Drain { .. } => {
            if step.method == "PATCH" {
                Goal::Fields(vec![("/spec/unschedulable".into(), true.into())])
            } else {
                Goal::Gone
            }
        }
        ObjectAsk::CreateJob { .. } => Goal::JobDone,
        ObjectAsk::DeleteJob => Goal::Gone,
        ObjectAsk::CanaryWeight { weight, .. } => Goal::Fields(vec![(
            format!("/metadata/annotations/{}", canary::ANNOTATION.replace('/', "~1")),
            json!(weight.to_string()),
        )]),
        ObjectAsk::SwitchService { .. } => service::goal(step),
        ObjectAsk::RotateSecret { .. } | ObjectAsk::ReplaceTls { .. } | ObjectAsk::RestoreSecret { .. } => ask
            .sealed()
            .map_or_else(|| Goal::Holds(Vec::new()), |sealed| Goal::Secret(sealed.clone())),
    }
}
