//! What a plan says, line by line.

use super::another;
use crate::action::{Plan, Undo};
use crate::app::App;
use crate::app::doc::Line;
use crate::theme::Role;
use crate::ui::Look;

/// What comes before what.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// As one reads it.
    Natural,
    /// What decides stands first: what changes, what it does to whom, what speaks against it, how it is undone; then what
    /// proves it, and last the line to copy.
    Decisive,
    /// Not all of it is in sight at once: what speaks against it and how it is undone come before every detail.
    Urgent,
}

/// So many lines of what changes in one thing stand before what speaks against it.
const MOST_CHANGES: usize = 3;

/// All that a plan says.
pub(super) fn body(app: &App, plan: &Plan, look: Look<'_>, order: Order) -> Vec<Line> {
    let (mut changes, same_as) = changes(app, plan, look);
    let impact = labelled("impact", &plan.impact);
    let last_set = labelled("last set", &plan.last_set);
    let warnings = warnings(plan, look);
    let others = alternatives(app, plan, look);
    let checks = checks(plan, look);
    let verify = vec![Line::pair("verify", plan.verify.text.clone())];
    let undo = vec![match &plan.undo {
        Undo::By { label, valid_for_s, .. } => {
            Line::pair("undo", format!("{label}, offered for {} min", valid_for_s / 60))
        }
        Undo::Nothing { why } => Line::pair_role("undo", format!("none: {why}"), Role::Warn),
    }];
    let no_op = plan
        .no_op
        .iter()
        .map(|why| Line::new(format!("nothing to do: {why}"), Role::Info))
        .collect();
    let parts = match order {
        Order::Urgent => {
            // Of several things the first stands for the others: what is said of all of them comes before they are listed.
            let more = plan.steps.len().saturating_sub(1);
            let first = if more > 0 { 1 } else { MOST_CHANGES };
            let listed = changes.split_off(changes.len().min(first));
            if let Some(first) = changes.last_mut().filter(|_| more > 0) {
                first.0.push((format!("  and {more} more, below"), Role::TextMuted));
            }
            let refused = plan.checks.iter().any(|check| check.passed == Some(false));
            let (refused, checks) = if refused {
                (checks, Vec::new())
            } else {
                (Vec::new(), checks)
            };
            vec![
                changes, no_op, refused, warnings, others, undo, impact, listed, checks, verify, last_set, same_as,
            ]
        }
        // Of many things the list is long, and what speaks against it stands above it.
        _ if plan.request.members() > 1 => vec![
            warnings, changes, no_op, impact, others, undo, checks, verify, last_set, same_as,
        ],
        Order::Decisive => vec![
            changes, no_op, impact, warnings, others, undo, checks, verify, last_set, same_as,
        ],
        Order::Natural => vec![
            changes, same_as, impact, last_set, warnings, others, checks, verify, undo, no_op,
        ],
    };
    parts.concat()
}

/// What each step changes, and the same as command lines.
fn changes(app: &App, plan: &Plan, look: Look<'_>) -> (Vec<Line>, Vec<Line>) {
    let (mut out, mut same_as) = (Vec::new(), Vec::new());
    let together = plan.request.members() > 1;
    for step in &plan.steps {
        // One line of kubectl's stands for several steps: each of the others is one line here. Of many things each is
        // one line, too, and the command lines are copied.
        if step.same_as.is_empty() || together {
            let mut line = Line(vec![(format!("{} ", step.target), Role::Text)]);
            for change in &step.changes {
                line = line
                    .and(change.before.clone(), Role::DiffRemove)
                    .and(format!(" {} ", look.symbols.arrow), Role::TextMuted)
                    .and(change.after.clone(), Role::DiffAdd);
            }
            out.push(line);
            continue;
        }
        if plan.steps.len() > 1 {
            out.push(Line::new(step.target.to_string(), Role::Heading));
        }
        for change in &step.changes {
            out.push(
                Line(vec![(format!("{:<12} ", change.field), Role::TextMuted)])
                    .and(change.before.clone(), Role::DiffRemove)
                    .and(format!(" {} ", look.symbols.arrow), Role::TextMuted)
                    .and(change.after.clone(), Role::DiffAdd),
            );
        }
        same_as.push(Line::pair("same as", step.same_as.clone()));
    }
    if let Some(first) = plan.steps.first().filter(|_| together) {
        let more = plan.steps.len() - 1;
        same_as.push(Line::pair("same as", first.same_as.clone()));
        same_as.push(Line::pair(
            "",
            format!("and {more} more like it ({} copies all)", app.keys_for("plan.copy")),
        ));
    }
    (out, same_as)
}

/// One label for all of its lines.
fn labelled(label: &str, lines: &[String]) -> Vec<Line> {
    let label_of = |n| if n == 0 { label } else { "" };
    lines
        .iter()
        .enumerate()
        .map(|(n, line)| Line::pair(label_of(n), line.clone()))
        .collect()
}

fn warnings(plan: &Plan, look: Look<'_>) -> Vec<Line> {
    let mut out = Vec::new();
    for w in &plan.warnings {
        let (mark, role) = if w.serious {
            (look.symbols.critical, Role::Error)
        } else {
            (look.symbols.warning, Role::Warn)
        };
        out.push(Line::new(format!("{mark} {}", w.text), role));
    }
    out
}

fn alternatives(app: &App, plan: &Plan, look: Look<'_>) -> Vec<Line> {
    let first = plan.alternatives.first().into_iter();
    first
        .map(|a| Line::new(format!("  {}", another(app, look, &a.label)), Role::Accent))
        .collect()
}

fn checks(plan: &Plan, look: Look<'_>) -> Vec<Line> {
    let mut checks = Line(vec![(format!("{:<12} ", "checks"), Role::TextMuted)]);
    for c in &plan.checks {
        let (mark, role) = match c.passed {
            Some(true) => (look.symbols.ok, Role::Ok),
            Some(false) => (look.symbols.failed, Role::Error),
            None => (look.symbols.unknown, Role::Warn),
        };
        checks = checks
            .and(format!("{} ", c.name), Role::Text)
            .and(format!("{mark}  "), role);
    }
    let mut out = vec![checks];
    for c in plan
        .checks
        .iter()
        .filter(|c| c.passed != Some(true) && !c.detail.is_empty())
    {
        out.push(Line::pair("", format!("{}: {}", c.name, c.detail)));
    }
    out
}
