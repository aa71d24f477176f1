//! Nodes: not ready, or under pressure. Pods that fail on a node that is down have the node as their cause.

use super::finding::{Finding, Look};
use super::pods::Pods;
use super::{Evidence, Severity, Signal, Subject, Title};
use crate::model::Kind;

const NEEDS: &[Kind] = &[Kind::Node];
const PRESSURES: [&str; 4] = ["MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"];

pub(super) fn look(look: &Look<'_>, pods: &Pods, out: &mut Vec<Finding>) {
    for node in look.world.nodes.values() {
        let pressure = || {
            node.conditions
                .iter()
                .find(|c| &*c.status == "True" && PRESSURES.contains(&&*c.kind))
        };
        let (severity, condition) = if node.ready {
            match pressure() {
                Some(c) => (Severity::Warning, Some(c)),
                None => continue,
            }
        } else {
            (Severity::Critical, node.conditions.iter().find(|c| &*c.kind == "Ready"))
        };
        let subject = Subject::Object(node.meta.object(Kind::Node));
        let mut finding = Finding::new("node.not-ready", severity, subject, NEEDS);
        finding.after = look.thresholds.node_for;
        finding.since = condition.and_then(|c| c.since);
        finding.runbook = Some("node-drain");
        let state = match (node.ready, condition) {
            (true, Some(c)) => c.kind.to_string(),
            _ => "NotReady".to_owned(),
        };
        finding.title = Title {
            what: format!("node {}", node.meta.name),
            state: if node.cordoned {
                format!("{state} (cordoned)")
            } else {
                state
            },
            cause: condition.map_or(String::new(), |c| c.reason.to_string()),
            about: condition.map_or(String::new(), |c| c.message.to_string()),
        };
        if !node.ready {
            finding.count = pods.on_node(&node.meta.name).count();
            finding.related = pods
                .on_node(&node.meta.name)
                .take(Signal::MAX_RELATED)
                .map(|p| p.meta.object(Kind::Pod))
                .collect();
            finding
                .evidence
                .push(Evidence::new("pods not ready on it", finding.count));
        }
        finding.evidence.push(Evidence::new("kubelet", &node.version));
        if let Some(c) = condition {
            finding.evidence.push(Evidence::new("message", &c.message));
        }
        out.push(finding);
    }
}
