//! What is particular to the scenario: which images exist, what containers do, how much load there is.
//!
//! The controllers know nothing of it; whatever an operator changes meets the same rules.

pub mod cortex;

use super::json::{list, milli_quantity, millis, secs, text};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// The rules of the scenario, and the times at which its incidents begin.
#[derive(Clone, Debug, Default)]
pub struct Scenario {
    /// From then on the worker that holds [`EXPORT_SLOT`] needs a variable that its template lacks. `None`: never.
    pub export_since: Option<Timestamp>,
    /// The challenges of the ACME issuer are not answered.
    pub acme_fails: bool,
}

/// Which of the workers does the nightly export.
pub const EXPORT_SLOT: usize = 2;
/// The variable that the export needs.
pub const EXPORT_VARIABLE: &str = "EXPORT_BUCKET";

/// Tags in the laboratory's registry, by repository. Any of them may end in `-crash`, `-oom`, `-unready` or `-slow`:
/// images that exist and behave so.
const RELEASED: &[(&str, &[&str])] = &[
    (
        "registry.lab/cortex/api",
        &["1.3.2", "1.4.0", "1.4.1", "1.5.0", "1.5.2"],
    ),
    ("registry.lab/cortex/worker", &["1.4.1", "1.4.2", "1.5.0", "1.5.2"]),
    ("registry.lab/cortex/web", &["1.3.9", "1.4.0", "1.4.1", "1.5.0"]),
    ("registry.lab/cortex/memory-api", &["2.0.3", "2.1.0", "2.1.1"]),
    ("registry.lab/cortex/cognition", &["0.9.4", "0.10.0", "0.10.1"]),
    ("registry.lab/cortex/model-fetch", &["1.0.0"]),
    ("registry.lab/cortex/backup", &["1.4.0"]),
    ("registry.lab/platform/log-relay", &["3.1.0"]),
    ("registry.lab/platform/log-shipper", &["3.0.4", "3.1.0", "3.2.0"]),
];

const BEHAVIOURS: [&str; 4] = ["-crash", "-oom", "-unready", "-slow"];

/// What an image that is killed for its memory would need, in thousandths of a byte.
const ENOUGH: i64 = (1 << 30) * 1000;

/// The limit of a container, in thousandths of a byte.
fn memory_of(pod: &Value, container: &str) -> i64 {
    let all = list(pod, "/spec/containers");
    let one = all.iter().find(|c| text(c, "/name") == container);
    one.map_or(0, |c| milli_quantity(c.pointer("/resources/limits/memory")))
}

/// A container that is about to run.
pub(super) struct Start<'a> {
    pub pod: &'a Value,
    pub container: &'a str,
    pub image: &'a str,
    pub init: bool,
    pub at: Timestamp,
    /// The pod's place among its workload's pods.
    pub slot: usize,
}

/// How a run of a container goes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Life {
    /// Ready from then on; `None`: never.
    pub ready: Option<Timestamp>,
    pub exit: Option<Exit>,
}

/// How a run ends by itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Exit {
    pub at: Timestamp,
    pub code: i64,
    pub reason: String,
}

impl Exit {
    fn new(at: Timestamp, code: i64) -> Self {
        let reason = match code {
            0 => "Completed",
            137 => "OOMKilled",
            _ => "Error",
        };
        Self {
            at,
            code,
            reason: reason.to_owned(),
        }
    }
}

impl Scenario {
    /// Can this image be pulled? Elsewhere than in the laboratory's registry anything can that is not named missing.
    pub fn image_exists(&self, image: &str) -> bool {
        let (repository, tag) = image.rsplit_once(':').unwrap_or((image, "latest"));
        if !repository.starts_with("registry.lab/cortex/") && !repository.starts_with("registry.lab/platform/") {
            return !tag.contains("missing");
        }
        let plain = BEHAVIOURS.iter().find_map(|b| tag.strip_suffix(b)).unwrap_or(tag);
        RELEASED
            .iter()
            .any(|(name, tags)| *name == repository && tags.contains(&plain))
    }

    /// How long a container takes to be ready, by what it is.
    fn warm_up(image: &str) -> SignedDuration {
        let name = image.rsplit('/').next().unwrap_or(image);
        match name.split(':').next().unwrap_or(name) {
            "api" | "memory-api" => millis(4_200),
            "cognition" => secs(18),
            "worker" => millis(2_600),
            "web" => millis(1_800),
            "postgres" => secs(7),
            "prometheus" => secs(12),
            "controller" => secs(9),
            _ => millis(1_500),
        }
    }

    /// What a container does from its start on.
    pub(super) fn life(&self, start: &Start<'_>) -> Life {
        let at = start.at;
        let ready = Some(at + Self::warm_up(start.image));
        let ends = |after: SignedDuration, code: i64| Some(Exit::new(at + after, code));
        let finite = start.init || text(start.pod, "/spec/restartPolicy") != "Always";
        if finite {
            let code = i64::from(start.image.ends_with("-crash"));
            let sidecar = list(start.pod, "/spec/initContainers")
                .iter()
                .any(|c| text(c, "/name") == start.container && super::pods::is_sidecar(c));
            if sidecar {
                return Life {
                    ready: Some(at + millis(500)),
                    exit: None,
                };
            }
            let took = if start.init { millis(2_400) } else { secs(8) };
            return Life {
                ready: Some(at + millis(900)),
                exit: ends(took, code),
            };
        }
        match start.image {
            i if i.ends_with("-crash") => Life {
                ready: None,
                exit: ends(secs(4), 1),
            },
            // It lives once it is given enough.
            i if i.ends_with("-oom") && memory_of(start.pod, start.container) < ENOUGH => Life {
                ready,
                exit: ends(secs(25), 137),
            },
            i if i.ends_with("-unready") => Life {
                ready: None,
                exit: None,
            },
            i if i.ends_with("-slow") => Life {
                ready: Some(at + secs(45)),
                exit: None,
            },
            _ if Self::needs_export(start.pod, start.slot) && self.export_since.is_some_and(|t| t <= at) => Life {
                ready: None,
                exit: ends(secs(3), 1),
            },
            _ => Life {
                ready,
                exit: self
                    .export_since
                    .filter(|_| Self::needs_export(start.pod, start.slot))
                    .map(|t| Exit::new(t, 1)),
            },
        }
    }

    /// A worker of a release that knows the export, which holds its slot, without the variable.
    fn needs_export(pod: &Value, slot: usize) -> bool {
        slot == EXPORT_SLOT
            && text(pod, "/metadata/namespace") == "cortex"
            && super::json::label(pod, "app") == "cortex-worker"
            && list(pod, "/spec/containers").iter().any(|c| {
                text(c, "/image").contains("/worker:1.5.")
                    && !list(c, "/env").iter().any(|e| text(e, "/name") == EXPORT_VARIABLE)
            })
    }

    /// The load on a workload: for a CPU target in percent of one pod's request, for a queue in jobs. Moves slowly.
    pub fn load(&self, ns: &str, workload: &str, now: Timestamp) -> f64 {
        let wave = (now.as_second() as f64 / 240.0).sin();
        let base = match (ns, workload) {
            ("cortex", "cortex-api") => 5.0 * 68.0,
            ("cortex", "cortex-worker") => 4.0 * 96.0,
            ("cortex", "memory-api") => 2.0 * 61.0,
            ("cortex", "cortex-web") => 3.0 * 31.0,
            _ => 20.0,
        };
        base * (1.0 + 0.02 * wave)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_released_tags_can_be_pulled_from_the_laboratory() {
        let s = Scenario::default();
        assert!(s.image_exists("registry.lab/cortex/api:1.5.0"));
        assert!(s.image_exists("registry.lab/cortex/api:1.5.0-crash"));
        assert!(!s.image_exists("registry.lab/cortex/api:1.5.1"));
        assert!(s.image_exists("docker.io/library/postgres:16.4"));
        assert!(!s.image_exists("docker.io/library/nginx:9.9.9-missing"));
    }
}
