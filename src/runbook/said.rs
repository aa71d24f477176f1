//! What a runbook's file writes for the machine, said for people: targets, changes, conditions.

use super::facts::registry;
use super::format::{ActionName, Look};

/// Kinds of targets whose rest reads well as it is written.
const KINDS: &[&str] = &[
    "deployment",
    "statefulset",
    "daemonset",
    "pod",
    "node",
    "job",
    "cronjob",
    "service",
    "ingress",
    "secret",
    "configmap",
    "horizontalpodautoscaler",
    "certificate",
    "alert",
    "queue",
];

/// `session/core/4127@2026-11-22 07:47` as `session 4127 of core`, `deployment/cortex/api` as `deployment cortex/api`.
/// What is no target stays as it is.
pub fn target(text: &str) -> String {
    let Some((kind, rest)) = text.split_once('/') else {
        return text.to_owned();
    };
    match (kind, rest.split_once('/')) {
        ("session", Some((source, session))) => {
            let pid = session.split('@').next().unwrap_or(session);
            format!("session {pid} of {source}")
        }
        ("table" | "index", Some((source, name))) => format!("{kind} {name} of {source}"),
        ("postgres", None) => format!("PostgreSQL {rest}"),
        ("redis", None) => format!("Redis {rest}"),
        _ if KINDS.contains(&kind) => format!("{kind} {rest}"),
        _ => text.to_owned(),
    }
}

/// The change that a step asks for, as the title of its plan begins: `Roll back deployment cortex/api`.
pub fn change(action: ActionName, about: &str) -> String {
    let about = target(about);
    let verb = match action {
        ActionName::Scale => "Scale",
        ActionName::HpaBounds => "Set the bounds of",
        ActionName::Restart => "Restart",
        ActionName::Rollback => "Roll back",
        ActionName::SetImage => "Set image of",
        ActionName::Pause => "Pause the rollout of",
        ActionName::Resume => "Resume the rollout of",
        ActionName::DeletePod | ActionName::DeleteJob => "Delete",
        ActionName::EvictPod => "Evict",
        ActionName::Vacuum => "Vacuum",
        ActionName::VacuumDatabase => "Vacuum the database of",
        ActionName::Analyze => "Analyze",
        ActionName::Reindex => "Reindex",
        ActionName::CancelQuery => "Cancel the statement of",
        ActionName::TerminateSession => "Terminate",
        ActionName::RetryJobs => "Retry jobs of",
        ActionName::PauseQueue => "Pause",
        ActionName::ResumeQueue => "Resume",
        ActionName::DeleteKeys => "Delete keys of",
        ActionName::Renew => "Renew",
        ActionName::Silence => "Silence",
        ActionName::SetResources => "Set resources of",
        ActionName::SetConfig => "Set a key in",
        ActionName::Cordon => "Cordon",
        ActionName::Uncordon => "Uncordon",
        ActionName::Drain => "Drain",
        ActionName::CreateJob => "Run",
        ActionName::CanaryWeight => "Set the canary's weight of",
        ActionName::SwitchService => "Switch",
        ActionName::RotateSecret => "Rotate a key in",
        ActionName::ReplaceTls => "Replace the certificate in",
    };
    format!("{verb} {about}")
}

/// A condition in words. What is one fact that is true or false is said by what is written about the fact; what is also a
/// row of the step's evidence, by that row's words; the rest by what is written about each fact.
pub fn condition(source: &str, look: &[Look]) -> String {
    let either = split(source, "||");
    if either.len() > 1 {
        let ways: Vec<String> = either.iter().map(|part| condition(part, look)).collect();
        return ways.join(", or ");
    }
    let all: Vec<String> = split(source, "&&").iter().map(|part| one(part, look)).collect();
    all.join(", and ")
}

/// What keeps a condition from being true: those of its parts that are not, each as `not yet: …` or `still: …`.
pub fn missing(source: &str, look: &[Look], holds: impl Fn(&str) -> bool) -> String {
    let words = |part: &str| match said_of(part) {
        Some((false, doc)) => format!("still: {doc}"),
        Some((true, doc)) => format!("not yet: {doc}"),
        None => format!("not yet: {}", condition(part, look)),
    };
    let parts = split(source, "&&");
    let open: Vec<String> = parts.iter().filter(|part| !holds(part)).map(|p| words(p)).collect();
    if open.is_empty() {
        return format!("not yet: {}", condition(source, look));
    }
    open.join("; ")
}

/// A condition that was judged and does not hold, in words.
pub fn refuted(source: &str, look: &[Look]) -> String {
    match said_of(source) {
        Some((false, doc)) => doc,
        _ => format!("not so: {}", condition(source, look)),
    }
}

fn one(part: &str, look: &[Look]) -> String {
    match said_of(part) {
        Some((true, doc)) => doc,
        Some((false, doc)) => format!("not so: {doc}"),
        None => row(part, look).or_else(|| compared(part)).unwrap_or_else(|| {
            let inner = part.strip_prefix('(').and_then(|p| p.strip_suffix(')'));
            inner.map_or_else(|| part.to_owned(), |inner| condition(inner, look))
        }),
    }
}

/// `available all` of the row that expects just this.
fn row(part: &str, look: &[Look]) -> Option<String> {
    let found = look.iter().find(|l| l.expect.as_deref() == Some(part))?;
    Some(format!("{} {}", found.label, found.expected.as_ref()?.as_plain()?))
}

/// Of a fact that stands alone, or negated: whether it is asked for or its opposite, and what is written about it.
fn said_of(part: &str) -> Option<(bool, String)> {
    let part = part.trim();
    let (asked, name) = part.strip_prefix('!').map_or((true, part), |rest| (false, rest.trim()));
    doc(name).map(|doc| (asked, doc))
}

/// What is written about a fact, without its afterthought.
fn doc(name: &str) -> Option<String> {
    let spec = registry().find(|spec| spec.path == name)?;
    let end = spec.doc.find([':', ';']).unwrap_or(spec.doc.len());
    Some(spec.doc.get(..end)?.to_owned())
}

/// `rollout.available >= 2` as `replicas that are available at least 2`. `None`: it is no plain comparison.
fn compared(part: &str) -> Option<String> {
    const SIGNS: &[(&str, &str)] = &[
        (">=", "at least"),
        ("<=", "at most"),
        ("==", "is"),
        ("!=", "is not"),
        (">", "more than"),
        ("<", "less than"),
    ];
    let (left, sign, right) = SIGNS.iter().find_map(|(sign, words)| {
        let (left, right) = part.split_once(sign)?;
        Some((left.trim(), *words, right.trim()))
    })?;
    Some(format!("{} {sign} {}", side(left)?, side(right)?))
}

/// A side of a comparison: a fact, a parameter, a number, a text, a time, or one less or more than another.
fn side(text: &str) -> Option<String> {
    for (sign, word) in [(" - ", "less"), (" + ", "and")] {
        if let Some((left, right)) = text.split_once(sign) {
            return Some(format!("{} {word} {}", side(left.trim())?, side(right.trim())?));
        }
    }
    if let Some(words) = doc(text) {
        return Some(words);
    }
    if let Some(inside) = text.strip_prefix("seconds(").and_then(|t| t.strip_suffix(')')) {
        return Some(quoted(inside)?.to_owned());
    }
    if let Some(words) = quoted(text) {
        return Some(if words.is_empty() {
            "empty".to_owned()
        } else {
            words.to_owned()
        });
    }
    let name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
    let bare = text
        .strip_prefix("params.")
        .or_else(|| text.strip_prefix("out."))
        .unwrap_or(text);
    let bare = bare.strip_suffix(".0").unwrap_or(bare);
    (!bare.is_empty() && bare.chars().all(name)).then(|| bare.replace('_', " "))
}

fn quoted(text: &str) -> Option<&str> {
    let inside = |mark| text.strip_prefix(mark).and_then(|t: &str| t.strip_suffix(mark));
    inside('\'')
        .or_else(|| inside('"'))
        .filter(|t| !t.contains(['\'', '"']))
}

/// The parts of a condition between `sign` outside of brackets and quotes.
fn split<'a>(source: &'a str, sign: &str) -> Vec<&'a str> {
    let (mut parts, mut from, mut depth, mut quote) = (Vec::new(), 0, 0_i32, None);
    let mut skip = 0;
    for (at, c) in source.char_indices() {
        match (quote, c) {
            (Some(mark), c) if c == mark => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth -= 1,
            _ if at >= skip && depth == 0 && source.get(at..).is_some_and(|rest| rest.starts_with(sign)) => {
                parts.push(source.get(from..at).unwrap_or_default().trim());
                from = at + sign.len();
                skip = from;
            }
            _ => {}
        }
    }
    parts.push(source.get(from..).unwrap_or_default().trim());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_and_changes_read_as_a_person_says_them() {
        assert_eq!(
            target("session/core/4127@2026-11-22 07:47:45.749247+00"),
            "session 4127 of core"
        );
        assert_eq!(target("table/core/public.orders"), "table public.orders of core");
        assert_eq!(target("ghcr.io/cortex/api:1.2"), "ghcr.io/cortex/api:1.2");
        let back = change(ActionName::Rollback, "deployment/cortex/cortex-api");
        assert_eq!(back, "Roll back deployment cortex/cortex-api");
    }

    #[test]
    fn a_condition_is_said_by_what_is_written_about_its_facts() {
        let said = |source: &str| condition(source, &[]);
        assert_eq!(said("cert.served_as_stored"), "what is served is what is stored");
        assert_eq!(
            said("rollout.available >= rollout.desired"),
            "replicas that are available at least replicas asked for"
        );
        assert_eq!(
            said("remedy == 'roll back' || params.n < 3.0"),
            "remedy is roll back, or n less than 3"
        );
        let open = |source: &str| missing(source, &[], |part| part == "rollout.complete");
        assert_eq!(
            open("cert.served_as_stored"),
            "not yet: what is served is what is stored"
        );
        assert_eq!(open("!cert.issuing && rollout.complete"), "still: it is being issued");
        assert_eq!(refuted("!rollout.paused", &[]), "it is paused");
    }

    /// A built-in runbook never shows a person the expressions of its file.
    #[test]
    fn every_condition_of_the_built_in_runbooks_has_words() {
        let mut raw = Vec::new();
        for book in crate::runbook::Library::built_in().iter() {
            for step in &book.steps {
                for source in conditions(step) {
                    let words = condition(&source, &step.look);
                    let names = registry().any(|spec| words.contains(spec.path));
                    if names || words.contains("&&") || words.contains("==") || words.contains('!') {
                        raw.push(format!("{} {}: {words}", book.id, step.id));
                    }
                }
            }
        }
        assert!(raw.is_empty(), "{raw:#?}");
    }

    fn conditions(step: &crate::runbook::format::Step) -> Vec<String> {
        use crate::runbook::format::StepKind;
        let mut all: Vec<String> = step.when.iter().cloned().collect();
        match &step.kind {
            StepKind::Gate { expect, .. } => all.push(expect.clone()),
            StepKind::Wait(wait) => all.push(wait.until.clone()),
            StepKind::Branch { cases, .. } => {
                let unlabelled = cases.iter().filter(|c| c.label.is_none());
                all.extend(unlabelled.map(|c| c.condition.clone()));
            }
            _ => {}
        }
        all
    }
}
