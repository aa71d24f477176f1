use super::*;
use crate::action::{Outcome, Progress, Stage, Undo};
use crate::model::{Kind, ObjectRef};
use crate::runbook::facts::Fact;
use crate::runbook::format;
use crate::runbook::library::Library;
use proptest::prelude::*;

const BOOK: &str = r#"+++
id = "x"
title = "X"
owner = "us"
use_when = "Always."
[params.workload]
type = "workload"
[params.revision]
type = "revision"
default = "{{ rollout.previous_revision }}"
+++
## Stalled
```step
kind = "gate"
expect = "rollout.stalled"
```
## Way
```step
kind = "branch"
else = "put-back"
[[cases]]
if = "rollout.paused"
goto = "put-back"
```
## Between
```step
kind = "note"
```
## Put back
```step
kind = "action"
action = "roll-back"
target = "{{ workload }}"
revision = "{{ revision }}"
```
## Settle
```step
kind = "wait"
until = "rollout.complete"
for = "20s"
deadline = "5m"
abort_if = "rollout.crashing > 0"
```
## Restart too
```step
kind = "action"
action = "restart"
target = "{{ workload }}"
required = false
```
"#;

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn target() -> ObjectRef {
    ObjectRef {
        kind: Kind::Deployment,
        namespace: "cortex".into(),
        name: "api".into(),
        uid: "u1".into(),
    }
}

fn facts(stalled: bool) -> Facts {
    let mut facts = Facts::new();
    facts.know("rollout.stalled", stalled);
    facts.know("rollout.complete", !stalled);
    facts.know("rollout.paused", false);
    facts.know("rollout.crashing", 0);
    facts.know("rollout.previous_revision", 13);
    facts
}

fn begin(facts: &Facts) -> (Run, Vec<Effect>) {
    let book = Arc::new(format::parse(BOOK, "x.md").unwrap());
    let subject = Subject {
        workload: Some(target()),
        ..Subject::default()
    };
    let start = Start {
        id: "7f3a".to_owned(),
        operator: "k.lind".to_owned(),
        subject,
        params: BTreeMap::new(),
    };
    Run::start(book, start, facts, at(0))
}

fn asked(effects: &[Effect]) -> Option<AskId> {
    effects.iter().find_map(|effect| match effect {
        Effect::Plan(ask) => Some(ask.ask),
        Effect::PlanUndo { ask, .. } => Some(*ask),
        _ => None,
    })
}

pub(super) fn done(plan: u64, outcome: Outcome, verdict: Option<crate::action::Verdict>) -> Event {
    let label = "back to 14".to_owned();
    let undo = Some(Undo::By {
        label,
        request: Request::Restart { target: target() },
        valid_for_s: 600,
    });
    Event::Progress(Box::new(Progress {
        id: ActionId(plan),
        at: at(0),
        stage: Stage::Done { outcome, verdict, undo },
    }))
}

fn healthy(plan: u64) -> Event {
    done(
        plan,
        Outcome::Applied,
        Some(crate::action::Verdict::Healthy("5 of 5 ready".to_owned())),
    )
}

/// Plans and confirms what `ask` asked for.
fn confirm(run: &mut Run, ask: AskId, plan: u64, facts: &Facts, now: Timestamp) {
    run.handle(
        Event::PlanMade {
            ask,
            plan: ActionId(plan),
            title: "T".to_owned(),
        },
        facts,
        now,
    );
    run.handle(Event::Confirmed { plan: ActionId(plan) }, facts, now);
}

/// And finishes it.
pub(super) fn carry_out(run: &mut Run, ask: AskId, plan: u64, facts: &Facts, now: Timestamp) -> Vec<Effect> {
    confirm(run, ask, plan, facts, now);
    run.handle(healthy(plan), facts, now)
}

#[test]
fn a_run_goes_from_the_gate_over_the_plan_and_the_wait_to_its_end_and_can_be_rolled_back() {
    let (mut run, effects) = begin(&facts(true));
    assert!(matches!(effects.first(), Some(Effect::Record(record)) if record.what == Recorded::Started));
    assert_eq!(run.current(), 3, "the gate holds and the branch skips the note");
    assert_eq!(run.states()[2], StepState::Skipped("not on this way".to_owned()));
    let effects = run.handle(Event::Continue, &facts(true), at(1));
    let Some(Effect::Plan(ask)) = effects.iter().find(|effect| matches!(effect, Effect::Plan(_))) else {
        panic!()
    };
    assert_eq!(
        (ask.target.as_str(), &ask.args[0]),
        ("deployment/cortex/api", &("revision", Value::Int(13)))
    );
    let mut later = facts(false);
    later.know("rollout.previous_revision", 14);
    carry_out(&mut run, ask.ask, 1, &later, at(2));
    assert_eq!((run.current(), run.undos().len()), (4, 1));
    assert_eq!(
        run.scope.known["revision"],
        Value::Int(13),
        "what was planned with does not follow the facts"
    );
    run.handle(Event::Tick, &later, at(21));
    assert!(matches!(run.phase(), Phase::Waiting { .. }), "it must hold for 20 s");
    run.handle(Event::Tick, &later, at(22));
    assert_eq!(run.current(), 5);
    let effects = run.handle(Event::RollBack, &later, at(23));
    carry_out(&mut run, asked(&effects).unwrap(), 2, &later, at(24));
    assert_eq!(run.status(), &Status::RolledBack);
}

/// A run that changed one thing and stands behind it, and its question for the plan that takes it back.
fn taking_back() -> (Run, AskId) {
    let (mut run, _) = begin(&facts(true));
    let ask = asked(&run.handle(Event::Continue, &facts(true), at(1))).unwrap();
    carry_out(&mut run, ask, 1, &facts(false), at(2));
    let ask = asked(&run.handle(Event::RollBack, &facts(false), at(3))).unwrap();
    (run, ask)
}

#[test]
fn a_taking_back_whose_plan_is_closed_leaves_the_run_where_it_stood_and_is_offered_again() {
    let (mut run, ask) = taking_back();
    let why = "you closed the plan".to_owned();
    run.handle(Event::PlanCancelled { ask, why }, &facts(false), at(4));
    assert_eq!(run.status(), &Status::Active);
    assert!(matches!(run.phase(), Phase::Waiting { .. }), "{:?}", run.phase());
    assert_eq!(run.states()[4], StepState::Current, "the step is not dropped");
    assert!(!run.saved().rolling_back);
    let ask = asked(&run.handle(Event::RollBack, &facts(false), at(5))).unwrap();
    // Refused: the change may be left, or the step gone on with.
    let why = "revision 14 is gone".to_owned();
    run.handle(Event::PlanRefused { ask, why }, &facts(false), at(6));
    assert!(
        !run.saved().rolling_back,
        "nothing was sent: whoever resumes stands at the step"
    );
    let kinds: Vec<OfferKind> = run.offers().iter().map(|o| o.kind).collect();
    let ways = [OfferKind::RollBack, OfferKind::Skip, OfferKind::Retry, OfferKind::Abort];
    assert_eq!(kinds, ways);
    run.handle(Event::Retry, &facts(false), at(7));
    assert!(matches!(run.phase(), Phase::Waiting { .. }), "{:?}", run.phase());
    assert_eq!((run.status(), run.undos().len()), (&Status::Active, 1));
}

#[test]
fn a_run_whose_change_was_left_is_never_called_taken_back() {
    let (mut run, ask) = taking_back();
    let why = "revision 14 is gone".to_owned();
    run.handle(Event::PlanRefused { ask, why }, &facts(false), at(4));
    let reason = "it does no harm".to_owned();
    let effects = run.handle(Event::Skip { reason }, &facts(false), at(5));
    assert_eq!((run.status(), run.changes()), (&Status::ChangesLeft(1), 1));
    let last = effects.iter().rev().find_map(|effect| match effect {
        Effect::Record(record) => Some((record.what.name(), record.text.as_str())),
        _ => None,
    });
    assert_eq!(last, Some(("changes-left", "1 change left as it is")));
}

#[test]
fn who_closes_the_plan_of_taking_back_goes_on_waiting_where_the_run_stood() {
    let (mut run, _) = begin(&facts(true));
    let effects = run.handle(Event::Continue, &facts(true), at(1));
    carry_out(&mut run, asked(&effects).unwrap(), 1, &facts(true), at(2));
    let before = run.phase().clone();
    assert!(matches!(before, Phase::Waiting { .. }));
    let effects = run.handle(Event::RollBack, &facts(true), at(3));
    let ask = asked(&effects).unwrap();
    let why = "you closed the plan".to_owned();
    run.handle(Event::PlanCancelled { ask, why }, &facts(true), at(4));
    assert_eq!((run.status(), run.phase()), (&Status::Active, &before));
    assert_eq!((run.undos().len(), &run.states()[4]), (1, &StepState::Current));
}

#[test]
fn a_gate_over_an_unknown_fact_asks_and_passes_only_once_the_fact_is_known() {
    let mut stale = facts(true);
    stale.set(
        "rollout.stalled",
        Fact::Stale {
            seconds: 240,
            last: Some(Value::Bool(true)),
        },
    );
    let (mut run, _) = begin(&stale);
    assert_eq!(
        run.states()[0],
        StepState::Unknown("what was seen is 4m old".to_owned())
    );
    run.handle(Event::Continue, &stale, at(1));
    run.handle(Event::Skip { reason: " ".to_owned() }, &stale, at(1));
    assert_eq!(run.current(), 0, "neither a plain yes nor an empty reason passes it");
    run.handle(Event::Tick, &facts(true), at(2));
    assert_eq!(
        run.states()[0],
        StepState::Passed("the rollout makes no progress and will not by itself".to_owned())
    );
}

#[test]
fn a_failed_step_stops_the_run_until_the_operator_decides() {
    let (mut run, _) = begin(&facts(false));
    assert!(matches!(run.states()[0], StepState::Failed(_)));
    run.handle(Event::Tick, &facts(true), at(1));
    assert_eq!(run.current(), 0, "it does not go on by itself");
    run.handle(Event::Retry, &facts(true), at(2));
    assert_eq!(run.current(), 3);
    let ask = asked(&run.handle(Event::Continue, &facts(true), at(3))).unwrap();
    confirm(&mut run, ask, 1, &facts(true), at(3));
    run.handle(
        done(1, Outcome::Unknown("timeout".to_owned()), None),
        &facts(true),
        at(4),
    );
    assert!(
        matches!(run.states()[3], StepState::Unknown(_)),
        "an unknown outcome is no failure and no success"
    );
    assert_eq!((run.phase(), run.undos().len()), (&Phase::Stopped, 1));
}

#[test]
fn what_was_done_in_part_or_was_on_its_way_counts_as_a_change_that_remains() {
    let abort = || Event::Abort {
        reason: "enough".to_owned(),
    };
    let part = |outcome| {
        let stage = Stage::Done {
            outcome,
            verdict: Some(crate::action::Verdict::Healthy("batch 1 is through".to_owned())),
            undo: None,
        };
        let (id, at) = (ActionId(1), at(4));
        Event::Progress(Box::new(Progress { id, at, stage }))
    };
    let ends = [
        Some(part(Outcome::Conflict("batch 2 was retried already".to_owned()))),
        Some(part(Outcome::NotRecorded("the disk is full".to_owned()))),
        None,
    ];
    for end in ends {
        let (mut run, _) = begin(&facts(true));
        let ask = asked(&run.handle(Event::Continue, &facts(true), at(3))).unwrap();
        confirm(&mut run, ask, 1, &facts(true), at(3));
        if let Some(end) = end {
            run.handle(end, &facts(true), at(4));
            let StepState::Unknown(text) = &run.states()[3] else {
                panic!("{:?}", run.states())
            };
            assert!(text.starts_with("only a part of it was done"), "{text}");
            assert_eq!(run.changes(), 1);
        }
        run.handle(abort(), &facts(true), at(5));
        let remains = "enough (1 change of this run remains)".to_owned();
        assert_eq!((run.status(), run.changes()), (&Status::Aborted(remains), 1));
    }
}

#[test]
fn the_built_in_runbooks_begin_without_any_fact_and_ask() {
    for book in Library::built_in().iter() {
        let start = Start {
            id: "1".into(),
            operator: "o".into(),
            subject: Subject::default(),
            params: BTreeMap::new(),
        };
        let (run, effects) = Run::start(Arc::clone(book), start, &Facts::new(), at(0));
        // Those that begin with something to do wait for the operator.
        let waits = matches!(run.states()[0], StepState::Unknown(_) | StepState::Current);
        assert!(waits, "{}: {:?}", book.id, run.states()[0]);
        assert_eq!(asked(&effects), None);
    }
}

/// Ids are mostly 0, which [`fitting`] makes the right ones: pure chance would hardly ever get to a confirmation.
fn any_event() -> impl Strategy<Value = Event> {
    let (ask, plan) = (
        prop_oneof![3 => Just(0), 1 => 1..4u64],
        prop_oneof![3 => Just(0), 1 => 1..4u64],
    );
    prop_oneof![
        3 => Just(Event::Tick),
        4 => Just(Event::Continue),
        1 => Just(Event::Retry),
        1 => Just(Event::RollBack),
        1 => Just(Event::Skip { reason: "r".to_owned() }),
        1 => (0..3usize).prop_map(Event::Choose),
        1 => Just(Event::SetParam { name: "revision".to_owned(), text: "9".to_owned() }),
        4 => (ask.clone(), 1..4u64).prop_map(|(ask, plan)| Event::PlanMade { ask: AskId(ask), plan: ActionId(plan), title: String::new() }),
        1 => ask.clone().prop_map(|ask| Event::PlanRefused { ask: AskId(ask), why: "no".to_owned() }),
        1 => ask.prop_map(|ask| Event::PlanCancelled { ask: AskId(ask), why: "closed".to_owned() }),
        4 => plan.clone().prop_map(|plan| Event::Confirmed { plan: ActionId(plan) }),
        3 => plan.clone().prop_map(healthy),
        1 => plan.prop_map(|plan| done(plan, Outcome::Refused("no".to_owned()), None)),
    ]
}

/// The event with each id 0 replaced by the one that the run waits for.
fn fitting(event: Event, run: &Run, asks: &[AskId]) -> Event {
    let last = asks.last().copied().unwrap_or(AskId(0));
    let ask = |given: AskId| if given == AskId(0) { last } else { given };
    let now = match run.phase() {
        Phase::Confirming { plan, .. } | Phase::Executing { plan } => *plan,
        _ => ActionId(0),
    };
    let id = |given: ActionId| if given == ActionId(0) { now } else { given };
    match event {
        Event::PlanMade {
            ask: given,
            plan,
            title,
        } => Event::PlanMade {
            ask: ask(given),
            plan,
            title,
        },
        Event::PlanRefused { ask: given, why } => Event::PlanRefused { ask: ask(given), why },
        Event::PlanCancelled { ask: given, why } => Event::PlanCancelled { ask: ask(given), why },
        Event::Confirmed { plan } => Event::Confirmed { plan: id(plan) },
        Event::Progress(progress) => Event::Progress(Box::new(Progress {
            id: id(progress.id),
            ..*progress
        })),
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_executed_without_a_confirmation_of_the_plan_that_was_asked_for(
        events in prop::collection::vec((any_event(), any::<bool>()), 0..30)
    ) {
        let (mut run, effects) = begin(&facts(true));
        let mut asks: Vec<AskId> = asked(&effects).into_iter().collect();
        let mut answered: Vec<ActionId> = Vec::new();
        let mut now = 0;
        for (event, stalled) in events {
            now += 7;
            let before = run.phase().clone();
            let event = fitting(event, &run, &asks);
            if let Event::PlanMade { ask, plan, .. } = &event && asks.contains(ask) {
                answered.push(*plan);
            }
            let effects = run.handle(event.clone(), &facts(stalled), at(now));
            asks.extend(asked(&effects));
            if let Phase::Executing { plan } = run.phase()
                && !matches!(before, Phase::Executing { .. })
            {
                prop_assert_eq!(&event, &Event::Confirmed { plan: *plan });
                let shown = matches!(&before, Phase::Confirming { plan: shown, .. } if shown == plan);
                prop_assert!(shown, "another plan was on screen");
                prop_assert!(answered.contains(plan));
            }
            for index in [3, 5] {
                if let StepState::Passed(text) = &run.states()[index] {
                    prop_assert_eq!(text, "5 of 5 ready");
                }
            }
        }
        run.handle(Event::Tick, &facts(true), at(100_000));
        let waits = matches!(run.phase(), Phase::Waiting { .. });
        prop_assert!(!waits, "a wait ends by its deadline");
        run.handle(Event::Abort { reason: "enough".to_owned() }, &facts(true), at(100_001));
        prop_assert!(run.status().is_over());
        let more = run.handle(Event::Continue, &facts(true), at(100_002));
        prop_assert_eq!(asked(&more), None);
    }

    /// Whenever a console ends, what it left on record is enough to go on, and going on asks for nothing by itself.
    #[test]
    fn a_run_that_was_left_anywhere_is_gone_on_with_where_it_stood(
        events in prop::collection::vec((any_event(), any::<bool>()), 0..30), came in 0..4u8
    ) {
        let (mut run, effects) = begin(&facts(true));
        let mut asks: Vec<AskId> = asked(&effects).into_iter().collect();
        let mut now = 0;
        for (event, stalled) in events {
            now += 7;
            let event = fitting(event, &run, &asks);
            asks.extend(asked(&run.handle(event, &facts(stalled), at(now))));
        }
        if run.status().is_over() {
            return Ok(());
        }
        let text = serde_json::to_string(&run.saved()).unwrap();
        prop_assert!(text.len() < 5_000, "it fits into a record: {}", text.len());
        let ended = |applied, verdict: Option<&str>| Came::Ended {
            applied, whole: true, outcome: "applied".to_owned(), verdict: verdict.map(str::to_owned),
        };
        let came = match came {
            0 => Came::NotSent,
            1 => Came::Unknown("no answer".to_owned()),
            2 => ended(true, None),
            _ => ended(true, Some("healthy: 5 of 5 ready")),
        };
        let back = Return {
            id: run.id().to_owned(),
            operator: "m.rossi".to_owned(),
            change: Some((came.clone(), None)),
            notes: Vec::new(),
        };
        let saved: Saved = serde_json::from_str(&text).unwrap();
        let changing = saved.phase == saved::Kept::Changing;
        let (mut next, effects) = Run::resume(Arc::clone(run.book()), saved, back, &facts(true), at(now + 100));
        prop_assert_eq!(asked(&effects), None);
        prop_assert!(!matches!(next.phase(), Phase::Executing { .. } | Phase::Confirming { .. }), "nothing is confirmed");
        prop_assert_eq!(next.started(), run.started());
        prop_assert_eq!(&next.states()[..run.current()], &run.states()[..run.current()]);
        if changing && run.status() == &Status::Active {
            let state = &next.states()[run.current()];
            let good = matches!(came, Came::Ended { verdict: Some(_), .. });
            prop_assert_eq!(matches!(state, StepState::Passed(_)), good, "{:?}", state);
            prop_assert!(good || next.phase() == &Phase::Stopped);
        }
        next.handle(Event::Abort { reason: "enough".to_owned() }, &facts(true), at(now + 200));
        prop_assert!(next.status().is_over());
    }
}
