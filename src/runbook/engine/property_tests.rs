//! What holds for every kind of step under every order of events.

use super::tests::{at, done};
use super::*;
use crate::action::{Outcome, Progress, Stage, Verdict};
use crate::runbook::format::{self, StepKind};
use proptest::prelude::*;

const BOOK: &str = r#"+++
id = "x"
title = "X"
owner = "us"
use_when = "Always."
[params.word]
type = "string"
secret = true
[params.replicas]
type = "int"
min = 1
max = 9
default = "{{ rollout.ready }}"
+++
## Ask
```step
kind = "ask"
answer = "int"
as = "users"
default = 3
```
## Agree
```step
kind = "approve"
text = "Go on with {{ out.users }}?"
```
## Act
```step
kind = "action"
action = "scale"
target = "deployment/cortex/api"
replicas = "{{ replicas }}"
outputs = { how = "result.text" }
```
## Dump
```step
kind = "run"
argv = ["tool", "{{ out.how }}"]
env = { WORD = "{{ word }}" }
timeout = "5s"
```
## Settle
```step
kind = "wait"
until = "rollout.complete"
deadline = "5m"
abort_if = [{ when = "rollout.crashing > 0", times = 2, every = "5s" }]
```
## Way
```step
kind = "branch"
[[cases]]
if = "rollout.paused"
goto = "tell"
```
## Again
```step
kind = "action"
action = "restart"
target = "deployment/cortex/api"
required = false
when = "out.users > 1"
```
## Tell
```step
kind = "notify"
text = "{{ out.users }} users, {{ out.how }}"
```
"#;

fn facts(bits: u8) -> Facts {
    let mut facts = Facts::new();
    let bit = |n: u8| bits & (1 << n) != 0;
    if bit(0) {
        facts.know("rollout.ready", 3);
    }
    facts.know("rollout.complete", bit(1));
    facts.know("rollout.crashing", i64::from(bit(2)));
    if bit(3) {
        facts.know("rollout.paused", bit(4));
    }
    facts
}

/// An event; ids of 0 become those that the run waits for.
fn any_event() -> impl Strategy<Value = Event> {
    let ask = || prop_oneof![4 => Just(0u64), 1 => 1..6u64].prop_map(AskId);
    let plan = || prop_oneof![4 => Just(0u64), 1 => 1..6u64];
    let text = |text: &str| text.to_owned();
    let (by, why, word) = (text("r.roe"), text("why"), text("canary-99"));
    let set = move |name: &str, value: &str| Event::SetParam {
        name: name.to_owned(),
        text: value.to_owned(),
    };
    let done_of = |plan: u64, good: bool| {
        let verdict = if good {
            Verdict::Healthy("good".to_owned())
        } else {
            Verdict::Failed("bad".to_owned())
        };
        done(plan, Outcome::Applied, Some(verdict))
    };
    let (by2, why2, why3) = (by.clone(), why.clone(), why.clone());
    prop_oneof![
        3 => Just(Event::Tick),
        6 => Just(Event::Continue),
        1 => Just(Event::Retry),
        1 => Just(Event::RollBack),
        1 => Just(Event::Skip { reason: why.clone() }),
        1 => Just(Event::HandOver { to: text(" "), reason: String::new() }),
        1 => Just(Event::Copy),
        1 => (0..3usize).prop_map(Event::Choose),
        2 => Just(set("word", &word)),
        1 => Just(set("replicas", "4")),
        1 => Just(set("out.users", "7")),
        2 => ask().prop_map(move |ask| Event::Approved { ask, by: by.clone() }),
        1 => ask().prop_map(move |ask| Event::ApprovalRefused { ask, by: by2.clone(), why: why2.clone() }),
        1 => (ask(), any::<bool>()).prop_map(move |(ask, solo)| Event::ApprovalUnavailable { ask, why: why3.clone(), solo }),
        1 => Just(Event::Alone { reason: "nobody awake".to_owned() }),
        5 => (ask(), 1..6u64).prop_map(|(ask, plan)| Event::PlanMade { ask, plan: ActionId(plan), title: String::new() }),
        1 => ask().prop_map(|ask| Event::PlanRefused { ask, why: String::new() }),
        1 => ask().prop_map(|ask| Event::PlanCancelled { ask, why: String::new() }),
        5 => plan().prop_map(|plan| Event::Confirmed { plan: ActionId(plan) }),
        1 => plan().prop_map(|plan| staged(plan, Stage::Output(vec!["a line".to_owned()]))),
        1 => plan().prop_map(|plan| staged(plan, Stage::Exited(0))),
        4 => (plan(), any::<bool>()).prop_map(move |(plan, good)| done_of(plan, good)),
        1 => plan().prop_map(|plan| done(plan, Outcome::Unknown("timeout".to_owned()), None)),
    ]
}

fn staged(plan: u64, stage: Stage) -> Event {
    Event::Progress(Box::new(Progress {
        id: ActionId(plan),
        at: at(0),
        stage,
    }))
}

fn fitting(mut event: Event, run: &Run) -> Event {
    let waits = match run.phase() {
        Phase::Planning { ask } | Phase::Approving { ask } | Phase::Confirming { ask, .. } => *ask,
        _ => AskId(0),
    };
    let now = match run.phase() {
        Phase::Confirming { plan, .. }
        | Phase::Executing { plan }
        | Phase::Verifying { plan, .. }
        | Phase::Soaking { plan, .. } => *plan,
        _ => ActionId(0),
    };
    match &mut event {
        Event::Approved { ask, .. }
        | Event::ApprovalRefused { ask, .. }
        | Event::ApprovalUnavailable { ask, .. }
        | Event::PlanMade { ask, .. }
        | Event::PlanRefused { ask, .. }
        | Event::PlanCancelled { ask, .. }
            if *ask == AskId(0) =>
        {
            *ask = waits;
        }
        Event::Confirmed { plan } if *plan == ActionId(0) => *plan = now,
        Event::Progress(progress) if progress.id == ActionId(0) => progress.id = now,
        _ => {}
    }
    event
}

fn changes(phase: &Phase) -> bool {
    matches!(
        phase,
        Phase::Executing { .. } | Phase::Verifying { .. } | Phase::Soaking { .. }
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn only_confirmed_plans_are_carried_out_only_asked_people_agree_no_secret_leaks_and_every_run_can_be_ended(
        events in prop::collection::vec((any_event(), any::<u8>()), 0..40)
    ) {
        let book = Arc::new(format::parse(BOOK, "x.md").unwrap());
        let start = Start { id: "1".into(), operator: "o".into(), subject: Subject::default(), params: BTreeMap::new() };
        let (mut run, mut all) = Run::start(book, start, &facts(0), at(0));
        let mut now = 0;
        for (event, bits) in events {
            now += 3;
            let (before, at_step) = (run.phase().clone(), run.current());
            let event = fitting(event, &run);
            let effects = run.handle(event.clone(), &facts(bits), at(now));
            if changes(run.phase()) && !changes(&before) {
                let Phase::Confirming { plan, .. } = &before else { panic!("{before:?}") };
                prop_assert_eq!(&event, &Event::Confirmed { plan: *plan });
            }
            if let Some(StepState::Passed(text)) = run.states().get(1) && at_step == 1 && run.current() == 2 {
                let agreed = match (&event, &before) {
                    (
                        Event::Approved { ask, .. } | Event::ApprovalUnavailable { ask, solo: true, .. },
                        Phase::Approving { ask: asked },
                    ) => ask == asked,
                    (Event::Alone { .. }, _) => text.starts_with("BREAK GLASS"),
                    _ => false,
                };
                prop_assert!(agreed, "{:?} {:?}", event, before);
            }
            prop_assert!(!matches!(run.states().get(1), Some(StepState::Skipped(_))), "nobody passes over approval");
            all.extend(effects);
        }
        let seen = format!("{all:?} {run:?} {:?}", crate::runbook::view::of(&run, at(now)));
        prop_assert!(!seen.contains("canary-99"));
        let effects = run.handle(Event::Abort { reason: "enough".to_owned() }, &facts(0), at(now + 1));
        prop_assert!(run.status().is_over());
        let still = effects.iter().any(|e| matches!(e, Effect::Plan(_) | Effect::PlanUndo { .. } | Effect::PlanCommand(_)));
        prop_assert!(!still);
        for event in [Event::Continue, Event::Retry, Event::RollBack, Event::Confirmed { plan: ActionId(1) }] {
            prop_assert!(run.handle(event, &facts(0xff), at(now + 2)).is_empty());
        }
        prop_assert!(run.secret("word").is_none());
    }

    #[test]
    fn whoever_goes_on_comes_to_an_end_without_giving_up(choices in prop::collection::vec((0..9usize, any::<u8>()), 1..20)) {
        let book = Arc::new(format::parse(BOOK, "x.md").unwrap());
        let early = 6 * book.steps.len();
        let start = Start { id: "1".into(), operator: "o".into(), subject: Subject::default(), params: BTreeMap::new() };
        let (mut run, _) = Run::start(book, start, &facts(0b1011), at(0));
        let mut choices = choices.into_iter().cycle();
        let (mut now, mut plans) = (0, 0);
        for turn in 0..2 * early {
            if run.status().is_over() { break; }
            now += 60;
            let (pick, bits) = choices.next().unwrap();
            let late = turn >= early;
            let event = match run.phase().clone() {
                Phase::Planning { ask } => {
                    plans += 1;
                    Event::PlanMade { ask, plan: ActionId(plans), title: String::new() }
                }
                Phase::Confirming { plan, .. } => Event::Confirmed { plan },
                Phase::Executing { plan } | Phase::Verifying { plan, .. } | Phase::Soaking { plan, .. } => {
                    let good = late || pick % 2 == 0;
                    let verdict = if good { Verdict::Healthy("w".to_owned()) } else { Verdict::Failed("b".to_owned()) };
                    done(plan.0, Outcome::Applied, Some(verdict))
                }
                Phase::Approving { ask } => Event::Approved { ask, by: "r.roe".to_owned() },
                _ => {
                    let mut offers = run.offers();
                    offers.retain(|o| !matches!(o.kind, OfferKind::Abort | OfferKind::HandOver));
                    // Whoever tires passes over what can be passed over, else goes on.
                    let rank = |o: &super::Offer| match o.kind {
                        OfferKind::Skip => 0,
                        OfferKind::Continue => 1,
                        OfferKind::Choose(_) => 2,
                        _ => 3,
                    };
                    // An answer that was passed over is missing now: nobody agrees to a gap.
                    let asks = matches!(run.step().map(|s| &s.kind), Some(StepKind::Approve { .. }));
                    if late && asks && turn % 2 == 0 {
                        run.handle(Event::SetParam { name: "out.users".to_owned(), text: "7".to_owned() }, &facts(bits | 1), at(now));
                        continue;
                    }
                    let offer = if late { offers.iter().min_by_key(|o| rank(o)) } else { offers.get(pick % offers.len().max(1)) };
                    match offer.map(|o| o.kind) {
                        Some(OfferKind::Continue) => Event::Continue,
                        Some(OfferKind::Retry) => Event::Retry,
                        Some(OfferKind::Skip) => Event::Skip { reason: "r".to_owned() },
                        Some(OfferKind::RollBack) => Event::RollBack,
                        Some(OfferKind::Choose(index)) => Event::Choose(index),
                        Some(OfferKind::SetParam) => Event::SetParam { name: "word".to_owned(), text: "w".to_owned() },
                        _ => Event::Tick,
                    }
                }
            };
            run.handle(event, &facts(bits | 1), at(now));
        }
        let ended = matches!(run.status(), Status::Completed | Status::RolledBack | Status::ChangesLeft(_));
        prop_assert!(ended, "{:?} {:?} {:?}", run.status(), run.phase(), run.step().map(|s| &s.kind));
    }

    #[test]
    fn whoever_takes_every_offer_in_turn_comes_to_an_end(choices in prop::collection::vec((0..9usize, any::<u8>()), 1..12)) {
        let book = Arc::new(format::parse(BOOK, "x.md").unwrap());
        let steps = book.steps.len();
        let start = Start { id: "1".into(), operator: "o".into(), subject: Subject::default(), params: BTreeMap::new() };
        let (mut run, _) = Run::start(book, start, &facts(0b1011), at(0));
        let mut choices = choices.into_iter().cycle();
        let mut now = 0;
        // Nobody answers: what is asked is refused. So each step is skipped, retried or aborted in the end.
        for turn in 0..40 * steps {
            if run.status().is_over() { break; }
            now += 400;
            let (pick, bits) = choices.next().unwrap();
            let why = String::new();
            let event = match run.phase().clone() {
                Phase::Planning { ask } | Phase::Confirming { ask, .. } => Event::PlanRefused { ask, why },
                Phase::Approving { ask } => Event::ApprovalUnavailable { ask, why, solo: turn % 3 == 0 },
                _ => {
                    let offers = run.offers();
                    // Abort only once everything else had its turn.
                    let last = turn > 30 * steps;
                    let offer = if last { offers.last() } else { offers.get(pick % offers.len().max(1)) };
                    match offer.map(|o| o.kind) {
                        Some(OfferKind::Continue) => Event::Continue,
                        Some(OfferKind::Retry) => Event::Retry,
                        Some(OfferKind::Skip) => Event::Skip { reason: "r".to_owned() },
                        Some(OfferKind::RollBack) => Event::RollBack,
                        Some(OfferKind::Choose(index)) => Event::Choose(index),
                        Some(OfferKind::Abort) => Event::Abort { reason: "r".to_owned() },
                        _ => Event::Tick,
                    }
                }
            };
            run.handle(event, &facts(bits | 1), at(now));
        }
        prop_assert!(run.status().is_over(), "{:?} {:?}", run.phase(), run.step().map(|s| &s.kind));
        let passed = run.states().iter().zip(&run.book().steps).filter(|(state, _)| matches!(state, StepState::Passed(_)));
        let changed = passed.filter(|(_, step)| matches!(step.kind, StepKind::Action(_) | StepKind::Run(_))).count();
        prop_assert_eq!(changed, 0, "nothing was ever planned");
    }
}
