//! Disruption budgets that forbid every disruption although all pods are well: a drain would hang on them.

use super::finding::{Finding, Look};
use super::{Evidence, Severity, Signal, Subject, Title};
use crate::model::{Key, Kind};

const NEEDS: &[Kind] = &[Kind::Pdb, Kind::Pod];

pub(super) fn look(look: &Look<'_>, out: &mut Vec<Finding>) {
    for budget in look.world.budgets.values() {
        let all_healthy = budget.expected > 0 && budget.healthy >= budget.expected;
        if !budget.observed || budget.allowed > 0 || !all_healthy {
            continue;
        }
        let subject = Subject::Object(budget.meta.object(Kind::Pdb));
        let mut finding = Finding::new("pdb.blocks", Severity::Warning, subject, NEEDS);
        finding.after = look.thresholds.pdb_blocks_for;
        finding.title = Title {
            what: format!("pdb {}", budget.meta.name),
            state: "blocks every drain".to_owned(),
            cause: format!("{} with {} of {} healthy", budget.rule, budget.healthy, budget.expected),
            about: String::new(),
        };
        finding.evidence = vec![
            Evidence::new("disruptions allowed", budget.allowed),
            Evidence::new("healthy", format!("{} of {}", budget.healthy, budget.expected)),
            Evidence::new("wanted healthy", budget.desired),
            Evidence::new("rule", &budget.rule),
        ];
        let from = Key::new(std::sync::Arc::clone(&budget.meta.namespace), "");
        finding.related = look
            .world
            .pods
            .range(from..)
            .take_while(|(key, _)| key.namespace == budget.meta.namespace)
            .filter(|(_, pod)| budget.selector.matches(&pod.meta.labels))
            .take(Signal::MAX_RELATED)
            .map(|(_, pod)| pod.meta.object(Kind::Pod))
            .collect();
        out.push(finding);
    }
}
