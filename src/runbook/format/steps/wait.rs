//! Reading a step that waits, and what ends the waiting early.

use super::{Context, required_condition};
use crate::runbook::format::fields::Fields;
use crate::runbook::format::source::Source;
use crate::runbook::format::{StepKind, Threshold, WaitStep};

/// Seconds between two looks at a threshold that names none: a breach must last, and not only be seen twice at once.
const EVERY: i64 = 10;
/// A threshold that must be passed more often than this would not end a wait in time.
const MOST_TIMES: i64 = 100;

pub(super) fn read(source: &mut Source<'_>, context: &Context<'_>, fields: &mut Fields<'_, '_>) -> Option<StepKind> {
    let until = required_condition(source, context, fields, "until");
    let hold = fields.duration(source, "for");
    let abort_if = thresholds(source, context, fields);
    let deadline = fields.duration(source, "deadline");
    if deadline.is_none() && !fields.has("deadline") {
        fields.missing(
            source,
            "deadline",
            "such as \"5m\": a wait without an end is no instruction",
        );
    }
    if let (Some(hold), Some(deadline)) = (&hold, &deadline)
        && hold.value >= deadline.value
    {
        source.problem(deadline.at, "the deadline is not longer than `for`", "a longer one");
    }
    let hold = hold.map_or(0, |seconds| seconds.value);
    Some(StepKind::Wait(WaitStep {
        until: until?,
        hold,
        deadline: deadline?.value,
        abort_if,
    }))
}

/// `abort_if = "condition"`, or a list of tables.
fn thresholds(source: &mut Source<'_>, context: &Context<'_>, fields: &mut Fields<'_, '_>) -> Vec<Threshold> {
    if fields.type_of("abort_if") == Some("string") {
        let when = fields
            .text(source, "abort_if")
            .map(|text| context.condition(source, text));
        return when.into_iter().map(|when| once(when, EVERY)).collect();
    }
    let mut found = Vec::new();
    for mut row in fields.tables(source, "abort_if") {
        let when = required_condition(source, context, &mut row, "when");
        let times = row.int(source, "times");
        let every = row.duration(source, "every").map_or(EVERY, |seconds| seconds.value);
        let text = context.text(source, &mut row, "text");
        row.finish(source, "a threshold");
        if let Some(bad) = times.as_ref().filter(|t| !(1..=MOST_TIMES).contains(&t.value)) {
            source.problem(
                bad.at,
                format!("`times` is {}", bad.value),
                format!("from 1 to {MOST_TIMES}"),
            );
        }
        let times = times.and_then(|t| u32::try_from(t.value).ok()).unwrap_or(1);
        found.extend(when.map(|when| Threshold {
            times,
            text,
            ..once(when, every)
        }));
    }
    found
}

fn once(when: String, every: i64) -> Threshold {
    Threshold {
        when,
        times: 1,
        every,
        text: None,
    }
}
