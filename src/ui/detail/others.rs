//! What is known of objects that no pane of their own shows: autoscalers, disruption budgets, jobs.

use super::{ago, conditions, gone};
use crate::app::App;
use crate::app::doc::Line;
use crate::model::{Budget, CronJob, Hpa, Job, Kind, ObjectRef};
use crate::text;
use crate::theme::Role;

/// `None`: the console watches nothing of that kind.
pub(super) fn lines(app: &App, object: &ObjectRef) -> Option<Vec<Line>> {
    let world = &app.world;
    let found = match object.kind {
        Kind::Hpa => world.hpas.get(&object.key()).map(|h| hpa(app, h)),
        // What it wants is in the autoscaler that KEDA makes of it.
        Kind::ScaledObject => {
            let made = world.hpas.values().find(|h| h.keda.as_ref() == Some(object));
            made.map(|h| hpa(app, h))
        }
        Kind::Pdb => world.budgets.get(&object.key()).map(|b| budget(b)),
        Kind::Job => world.jobs.get(&object.key()).map(|j| job(app, j)),
        Kind::CronJob => world.cron_jobs.get(&object.key()).map(|c| cron_job(app, c)),
        _ => return None,
    };
    Some(found.unwrap_or_else(|| gone(object)))
}

fn hpa(app: &App, h: &Hpa) -> Vec<Line> {
    let kind = h.target_kind.map_or("another kind", Kind::short);
    let at_limit = h.current >= h.max;
    let mut out = vec![
        Line::pair("scales", format!("{kind}/{}", h.target_name)),
        Line::pair("bounds", format!("{} to {}", h.min, h.max)),
        Line::pair_role(
            "replicas",
            format!("{} now, {} wanted", h.current, h.desired),
            if at_limit { Role::Warn } else { Role::Text },
        ),
    ];
    if at_limit {
        out.push(Line::pair_role("", "at its upper bound: it adds no more", Role::Warn));
    }
    for m in h.metrics.iter() {
        let now = m.current.map_or_else(|| "unknown".to_owned(), |c| format!("{c:.0}"));
        out.push(Line::pair("metric", format!("{} {now} of {:.0}", m.name, m.target)));
    }
    if let Some(keda) = &h.keda {
        out.push(Line::pair(
            "made by",
            format!("KEDA's {}: bounds are set there", keda.name),
        ));
    }
    out.push(Line::default());
    out.extend(conditions(app, &h.conditions));
    out
}

fn budget(b: &Budget) -> Vec<Line> {
    let role = if b.allowed > 0 { Role::Text } else { Role::Warn };
    let mut out = vec![
        Line::pair("rule", &*b.rule),
        Line::pair("covers", b.selector.query()),
        Line::pair(
            "pods",
            format!("{} healthy of {}, {} needed", b.healthy, b.expected, b.desired),
        ),
        Line::pair_role("may go", format!("{} now", b.allowed), role),
    ];
    if !b.observed {
        out.push(Line::pair_role("", "not counted anew since it was changed", Role::Warn));
    }
    out
}

fn job(app: &App, j: &Job) -> Vec<Line> {
    let mut out = vec![Line::pair(
        "pods",
        format!(
            "{} of {} succeeded, {} active, {} failed",
            j.succeeded, j.completions, j.active, j.failed
        ),
    )];
    out.push(Line::pair("started", ago(app, j.started)));
    if let Some(done) = j.completed {
        out.push(Line::pair("completed", ago(app, Some(done))));
    }
    if let (Some(from), Some(to)) = (j.started, j.completed) {
        out.push(Line::pair("took", text::age(to.duration_since(from))));
    }
    if let Some((at, why)) = &j.failure {
        out.push(Line::pair_role(
            "failed",
            format!("{why}  {}", ago(app, *at)),
            Role::Error,
        ));
    }
    out
}

fn cron_job(app: &App, c: &CronJob) -> Vec<Line> {
    let paused = if c.suspended { "yes: it starts no job" } else { "no" };
    let role = if c.suspended { Role::Warn } else { Role::Text };
    let told = |at| {
        Some(ago(app, at))
            .filter(|s| !s.is_empty())
            .unwrap_or_else(|| "never".to_owned())
    };
    vec![
        Line::pair("schedule", &*c.schedule),
        Line::pair_role("suspended", paused, role),
        Line::pair("active", c.active.to_string()),
        Line::pair("last run", told(c.last_scheduled)),
        Line::pair("last success", told(c.last_success)),
    ]
}
