//! Resource quotas that are nearly used up.

use super::finding::{Finding, Look, number};
use super::{Evidence, Severity, Subject, Title};
use crate::model::{Kind, QuotaItem};

const NEEDS: &[Kind] = &[Kind::Quota];

pub(super) fn look(look: &Look<'_>, out: &mut Vec<Finding>) {
    let t = look.thresholds;
    for quota in look.world.quotas.values() {
        let mut near: Vec<(&QuotaItem, f64)> = quota
            .items
            .iter()
            .map(|i| (i, percent(i)))
            .filter(|(_, p)| *p >= f64::from(t.quota_warning_percent))
            .collect();
        near.sort_by(|a, b| b.1.total_cmp(&a.1));
        let Some((worst, p)) = near.first() else { continue };
        let critical = *p >= f64::from(t.quota_critical_percent);
        let severity = if critical {
            Severity::Critical
        } else {
            Severity::Warning
        };
        let subject = Subject::Object(quota.meta.object(Kind::Quota));
        let mut finding = Finding::new("quota.near", severity, subject, NEEDS);
        let used = format!("{} of {}", worst.used_text, worst.hard_text);
        finding.title = Title {
            what: format!("quota {}", quota.meta.name),
            state: format!("{} {} % used", worst.resource, number(p.floor())),
            cause: used,
            about: String::new(),
        };
        // A resource's name is the label of people; the list of labels is fixed, so it stands in the value.
        finding.evidence = near
            .iter()
            .map(|(i, p)| {
                let value = format!(
                    "{} {} of {} ({} %)",
                    i.resource,
                    i.used_text,
                    i.hard_text,
                    number(p.floor())
                );
                Evidence::new("used", value)
            })
            .collect();
        out.push(finding);
    }
}

/// Used share. A limit of nothing is only reached by using something.
fn percent(item: &QuotaItem) -> f64 {
    if item.hard > 0.0 {
        item.used / item.hard * 100.0
    } else if item.used > 0.0 {
        100.0
    } else {
        0.0
    }
}
