//! Several things at once: one plan that lists each with what changes, and the pipeline's own records for each.
//!
//! It is made of the drafts that each would have alone. The highest risk among them is the plan's; what cannot be done
//! to one of them leaves that one out, and says so.

use std::collections::BTreeMap;

use super::draft::{Draft, refuse};
use super::pipeline::drafted;
use super::plan::{Alternative, Check, Outcome, Refusal, Request, Risk, Stage, Undo, VerifySpec, Warning};
use super::survey::Survey;
use super::{ObjectAsk, PostgresAsk, Target, siblings};

/// More than this nobody reads before saying yes. Policy may set less.
pub const MOST_TOGETHER: usize = 50;

/// The actions that are the same for one as for several: they ask for nothing that differs between them.
fn may_be_together(request: &Request) -> bool {
    match request {
        Request::Scale { .. }
        | Request::Restart { .. }
        | Request::Pause { .. }
        | Request::Resume { .. }
        | Request::DeletePod { force: false, .. }
        | Request::EvictPod { .. }
        | Request::RetryJobs { .. }
        | Request::PauseQueue { .. }
        | Request::ResumeQueue { .. }
        | Request::Renew { .. } => true,
        Request::Object { ask, .. } => matches!(ask, ObjectAsk::Cordon | ObjectAsk::Uncordon | ObjectAsk::DeleteJob),
        Request::Postgres { ask, .. } => matches!(
            ask,
            PostgresAsk::CancelQuery { .. }
                | PostgresAsk::TerminateSession { .. }
                | PostgresAsk::Vacuum { .. }
                | PostgresAsk::Analyze { .. }
                | PostgresAsk::Reindex { .. }
        ),
        _ => false,
    }
}

/// Whether a plan ends with this outcome of one of its steps. Who does not know what happened stops. What the server
/// skips is one table of a database less, or one batch of a queue; of several things that were marked it is one that
/// failed.
pub(super) fn ends_at(request: &Request, outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Applied | Outcome::NoOp => false,
        Outcome::Skipped(_) if is_one_source_thing(request) => false,
        Outcome::Refused(_) | Outcome::Conflict(_) | Outcome::Skipped(_) => !request.goes_on(),
        Outcome::Throttled(_) | Outcome::Unknown(_) | Outcome::NotRecorded(_) => true,
    }
}

/// Whether nothing of a plan of so many steps is on its way to a server any more after this stage. Its steps are answered
/// in their order. Only a drain's are not: it comes back to pods that were held, and is over when it says so.
pub(crate) fn is_answered(request: &Request, steps: usize, stage: &Stage) -> bool {
    match stage {
        Stage::Done { .. } => true,
        Stage::Executed { step, outcome } => !request.is_drain() && (step + 1 >= steps || ends_at(request, outcome)),
        _ => false,
    }
}

/// Whether its steps are parts of one thing of a source beside Kubernetes.
fn is_one_source_thing(request: &Request) -> bool {
    !matches!(request, Request::Together { .. }) && !request.is_of_cluster()
}

/// Whether this outcome of one step is the plan's, whatever the others come to.
pub(super) fn fails(request: &Request, outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Applied | Outcome::NoOp => false,
        Outcome::Skipped(_) => !is_one_source_thing(request),
        _ => true,
    }
}

/// What such a target is called: `pod`, `workload`, `session`.
pub(super) fn word(target: &Target) -> String {
    use crate::model::Kind;
    match target.object() {
        Some(o) if Kind::WORKLOADS.contains(&o.kind) => "workload".to_owned(),
        Some(o) => o.kind.api().to_lowercase(),
        None => target.kind().to_owned(),
    }
}

/// So many of them: `1 pod`, `3 sessions`, `2 indexes`.
pub(super) fn counted(n: usize, kind: &str) -> String {
    match n {
        1 => format!("1 {kind}"),
        _ => format!("{n} {}", plural(kind)),
    }
}

/// `pods`, `sessions`, `indexes`.
pub(super) fn plural(kind: &str) -> String {
    format!("{kind}{}", if kind.ends_with('x') { "es" } else { "s" })
}

/// What is done to so many of them, as a title.
fn titled(first: Option<&Request>, verb: &str, what: &str) -> String {
    match first {
        Some(Request::RetryJobs { .. }) => format!("{verb} the failed jobs of {what}"),
        Some(Request::Postgres {
            ask: PostgresAsk::CancelQuery { .. },
            ..
        }) => format!("{verb} the statements of {what}"),
        _ => format!("{verb} {what}"),
    }
}

/// How many things a draft changes: some take several steps.
pub(super) fn count(draft: &Draft) -> usize {
    let targets: std::collections::BTreeSet<&Target> = draft.steps.iter().map(|s| &s.target).collect();
    targets.len()
}

pub(super) async fn draft(survey: &Survey<'_>, requests: &[Request], go_on: bool) -> Result<Draft, Refusal> {
    let first = requests
        .first()
        .ok_or_else(|| refuse("nothing was chosen", "mark what is meant"))?;
    let name = first.name();
    if let Some(other) = requests.iter().find(|r| r.name() != name || !may_be_together(r)) {
        return Err(refuse(
            format!("{} is not done to several at once", other.name()),
            "do it one by one",
        ));
    }
    if let Some(other) = requests.iter().find(|r| r.source() != first.source()) {
        let of = |r: &Request| {
            r.source()
                .map_or_else(String::new, |s| format!("{} {}", s.kind.word(), s.name))
        };
        return Err(refuse(
            format!("what is marked is of {} and of {}", of(first), of(other)),
            "unmark those of one of them: a plan is of one source",
        ));
    }
    let most = survey
        .planner
        .policy
        .max_bulk
        .map_or(MOST_TOGETHER, |n| MOST_TOGETHER.min(n as usize));
    if requests.len() > most {
        return Err(refuse(
            format!("{} at once, and {most} are the most", requests.len()),
            "mark fewer, or do to their owner what is to be done to all of them",
        ));
    }
    let mut parts = Parts::default();
    for request in requests {
        match drafted(survey, request).await {
            Ok(draft) => match &draft.no_op {
                Some(why) => parts.left_out.push(format!("{}: {why}", subject(request, &draft))),
                None => parts.add(request, draft),
            },
            Err(refusal) => parts.left_out.push(refusal.what),
        }
    }
    let (said, waits) = siblings::look(survey, &parts.requests, &mut parts.drafts).await;
    let mut whole = parts.whole(go_on)?;
    if waits {
        let line = "of one workload the next pod goes only when the successor of the last is ready";
        whole.impact.insert(1, line.to_owned());
    }
    let first = said.into_iter().map(|text| Warning { serious: true, text });
    whole.warnings.splice(0..0, first);
    Ok(whole)
}

fn subject(request: &Request, draft: &Draft) -> String {
    let object = request.targets().first().map(ToString::to_string);
    object.unwrap_or_else(|| draft.title.clone())
}

#[derive(Default)]
struct Parts {
    requests: Vec<Request>,
    drafts: Vec<(String, Draft)>,
    left_out: Vec<String>,
}

impl Parts {
    fn add(&mut self, request: &Request, mut draft: Draft) {
        self.requests
            .push(draft.request.take().unwrap_or_else(|| request.clone()));
        let name = draft
            .steps
            .first()
            .map_or_else(String::new, |s| s.target.name().to_owned());
        self.drafts.push((name, draft));
    }

    fn whole(self, go_on: bool) -> Result<Draft, Refusal> {
        let Self {
            requests,
            drafts,
            left_out,
        } = self;
        let Some((_, first)) = drafts.first() else {
            let why = left_out.first().cloned().unwrap_or_default();
            return Err(refuse(
                format!("nothing is left to be done: {why}"),
                "mark something else",
            ));
        };
        let n = drafts.len();
        let kind = first.steps.first().map_or_else(String::new, |s| word(&s.target));
        let verb = first.verb.split(' ').next().unwrap_or_default().to_owned();
        let what = counted(n, &kind);
        let verify = VerifySpec {
            text: same(
                drafts
                    .iter()
                    .map(|(name, d)| (name.as_str(), vec![d.verify.text.clone()])),
            )
            .join("; "),
            deadline_s: drafts
                .iter()
                .map(|(_, d)| d.verify.deadline_s)
                .max()
                .unwrap_or_default(),
            soak_s: drafts.iter().map(|(_, d)| d.verify.soak_s).max().unwrap_or_default(),
        };
        let risk = drafts.iter().map(|(_, d)| d.risk).max().unwrap_or(Risk::R2);
        let title = titled(requests.first(), &verb, &what);
        let mut out = Draft::new(title, format!("{verb} {what}"), risk, verify);
        out.undo = undo(&drafts);
        out.impact = same(drafts.iter().map(|(name, d)| (name.as_str(), d.impact.clone())));
        let manner = if go_on {
            "one after the other; one that is refused is passed over"
        } else {
            "one after the other; the first that fails stops the rest"
        };
        out.impact.insert(0, manner.to_owned());
        out.last_set = same(drafts.iter().map(|(name, d)| (name.as_str(), d.last_set.clone())));
        for serious in [true, false] {
            let of = |d: &Draft| {
                let warnings = d.warnings.iter().filter(|w| w.serious == serious);
                warnings.map(|w| w.text.clone()).collect::<Vec<_>>()
            };
            let texts = same(drafts.iter().map(|(name, d)| (name.as_str(), of(d))));
            out.warnings
                .extend(texts.into_iter().map(|text| Warning { serious, text }));
        }
        out.warnings.extend(left_out.into_iter().map(|why| Warning {
            serious: true,
            text: format!("left out: {why}"),
        }));
        out.checks = checks(&drafts);
        for (_, draft) in drafts {
            out.steps.extend(draft.steps);
            out.needs.extend(draft.needs);
        }
        let other = Request::Together {
            requests: requests.clone(),
            go_on: !go_on,
        };
        out.alternatives.push(Alternative {
            label: if go_on {
                "stop at the first that fails instead".to_owned()
            } else {
                "pass over what is refused instead, and go on with the rest".to_owned()
            },
            request: other,
        });
        out.request = Some(Request::Together { requests, go_on });
        Ok(out)
    }
}

/// Lines that are true of all once, the others with the name before them.
fn same<'a>(lines: impl Iterator<Item = (&'a str, Vec<String>)>) -> Vec<String> {
    let mut by_line: Vec<(String, Vec<&str>)> = Vec::new();
    let mut all = 0;
    for (name, lines) in lines {
        all += 1;
        for line in lines {
            match by_line.iter_mut().find(|(known, _)| *known == line) {
                Some((_, names)) => names.push(name),
                None => by_line.push((line, vec![name])),
            }
        }
    }
    let words = |(line, names): (String, Vec<&str>)| match names.as_slice() {
        names if names.len() == all => line,
        [one] => format!("{one}: {line}"),
        [one, rest @ ..] => format!("{one} and {} more: {line}", rest.len()),
        [] => line,
    };
    by_line.into_iter().map(words).collect()
}

/// One check of each name: it passed where all did, and says for whom it did not.
fn checks(drafts: &[(String, Draft)]) -> Vec<Check> {
    let mut by_name: BTreeMap<&str, Check> = BTreeMap::new();
    for (name, draft) in drafts {
        for check in &draft.checks {
            let whole = by_name.entry(&check.name).or_insert_with(|| Check {
                name: check.name.clone(),
                passed: Some(true),
                detail: String::new(),
            });
            let rank = |passed: Option<bool>| match passed {
                Some(true) => 0,
                None => 1,
                Some(false) => 2,
            };
            if rank(check.passed) > rank(whole.passed) {
                whole.passed = check.passed;
                whole.detail = format!("{name}: {}", check.detail);
            }
        }
    }
    by_name.into_values().collect()
}

/// All of them are taken back together, or none is.
fn undo(drafts: &[(String, Draft)]) -> Undo {
    let mut requests = Vec::new();
    let mut shortest = u64::MAX;
    for (name, draft) in drafts {
        match &draft.undo {
            Undo::By {
                request, valid_for_s, ..
            } if may_be_together(request) => {
                requests.push(request.clone());
                shortest = shortest.min(*valid_for_s);
            }
            Undo::By { label, .. } => {
                return Undo::Nothing {
                    why: format!("each has its own: {label} for {name}"),
                };
            }
            Undo::Nothing { why } => return Undo::Nothing { why: why.clone() },
        }
    }
    Undo::By {
        label: format!("take back all {}", requests.len()),
        request: Request::Together { requests, go_on: false },
        valid_for_s: shortest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, risk: Risk, impact: &str, passed: Option<bool>) -> (String, Draft) {
        let verify = VerifySpec {
            text: String::new(),
            deadline_s: 30,
            soak_s: 0,
        };
        let mut draft = Draft::new(format!("Delete pod {name}"), "Delete".to_owned(), risk, verify);
        draft.impact = vec!["it has 30 s to stop".to_owned(), impact.to_owned()];
        draft.checks.push(Check {
            name: "budget".to_owned(),
            passed,
            detail: if passed == Some(true) { "" } else { "none is left" }.to_owned(),
        });
        draft.no_undo("a pod does not come back");
        (name.to_owned(), draft)
    }

    #[test]
    fn the_highest_risk_is_the_plans_and_one_failed_check_blocks_it_by_name() {
        let parts = Parts {
            drafts: vec![
                part("a", Risk::R1, "it is ready now", Some(true)),
                part("b", Risk::R3, "nothing owns it", Some(false)),
            ],
            left_out: vec!["pod c is being deleted already".to_owned()],
            ..Parts::default()
        };
        let whole = parts.whole(false).unwrap();
        assert_eq!(whole.risk, Risk::R3);
        assert_eq!(
            (whole.checks[0].passed, whole.checks[0].detail.as_str()),
            (Some(false), "b: none is left")
        );
        assert!(whole.impact.contains(&"it has 30 s to stop".to_owned()));
        assert!(whole.impact.contains(&"b: nothing owns it".to_owned()));
        assert!(
            whole
                .warnings
                .iter()
                .any(|w| w.serious && w.text.contains("left out: pod c"))
        );
        assert!(matches!(whole.undo, Undo::Nothing { .. }));
    }

    #[test]
    fn who_does_not_know_what_happened_stops() {
        let request = Request::Together {
            requests: Vec::new(),
            go_on: true,
        };
        assert!(!ends_at(&request, &Outcome::Refused(String::new())));
        assert!(!ends_at(&request, &Outcome::Skipped(String::new())));
        assert!(ends_at(&request, &Outcome::Unknown(String::new())));
        assert!(ends_at(&request, &Outcome::NotRecorded(String::new())));
    }

    #[test]
    fn a_plan_is_answered_once_nothing_of_it_can_still_be_sent() {
        let after = |step, outcome| Stage::Executed { step, outcome };
        let refused = || Outcome::Refused("a budget".to_owned());
        let done = Stage::Done {
            outcome: Outcome::Applied,
            verdict: None,
            undo: None,
        };
        for go_on in [true, false] {
            let request = Request::Together {
                requests: Vec::new(),
                go_on,
            };
            assert_eq!(is_answered(&request, 10, &after(0, refused())), !go_on);
            assert!(!is_answered(&request, 10, &after(0, Outcome::Applied)));
            assert!(is_answered(&request, 10, &after(9, Outcome::Applied)));
            assert!(is_answered(&request, 10, &done));
        }
        // The last pod may go first, and the others after it.
        let drain = Request::Object {
            target: crate::model::ObjectRef {
                kind: crate::model::Kind::Node,
                namespace: "".into(),
                name: "n".into(),
                uid: "u".into(),
            },
            ask: ObjectAsk::Drain {
                unmanaged: false,
                empty_dirs: false,
                within_s: 60,
            },
        };
        assert!(!is_answered(&drain, 3, &after(2, Outcome::Applied)));
        assert!(is_answered(&drain, 3, &done));
    }
}
