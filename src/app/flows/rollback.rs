//! From a signal to a verified roll-back: by the runbook, and from the rollouts pane.

use super::{Hands, asked, done, executed, fetch_token, refusal, revisions};
use crate::action::{Outcome, Request, Stage, Undo, Verdict};
use crate::app::msg::Fetched;
use crate::app::{Effect, Layer, Msg};
use crate::runbook::engine::Phase;

/// The one target, and the revision to go back to.
fn goal(request: &Request) -> (String, u64) {
    let Request::RollBack { to } = request else {
        panic!("no roll-back: {request:?}")
    };
    assert_eq!(to.len(), 1);
    (to[0].target.name.to_string(), to[0].revision)
}

/// Opens the runbook from the strip and goes on until it asks for a plan.
fn runbook(hands: &mut Hands) -> Vec<Effect> {
    hands.press("!");
    let signal = hands.app.strip.current(&hands.app.judge).unwrap();
    assert_eq!(signal.id, "rollout.stalled");
    hands.press("r");
    assert!(matches!(hands.app.layers.last(), Some(Layer::Runbook(_))));
    for _ in 0..20 {
        let effects = hands.press("enter");
        if effects.iter().any(|e| matches!(e, Effect::Plan(..))) {
            return effects;
        }
    }
    panic!("no plan after 20 times enter: {:?}", hands.app.runs[0].run.step());
}

#[test]
fn one_key_on_the_strip_opens_the_runbook_which_leads_to_a_verified_roll_back() {
    let mut hands = Hands::operator();
    let effects = runbook(&mut hands);
    assert_eq!(hands.app.runs[0].run.book().id, "stalled-rollout");
    assert_eq!(goal(&asked(&effects).1), ("cortex-web".to_owned(), 3));

    let id = hands.answer(&effects);
    // The runbook proposes the reason.
    assert!(hands.plan_layer().reason.text().starts_with("stalled on "));
    hands.press("tab enter");
    hands.types(&format!("word{}", id.0));
    let effects = hands.press("enter enter");
    assert_eq!(executed(&effects).unwrap().plan().id, id);

    let records = |effects: &[Effect], what: &str| {
        let steps = effects.iter().filter_map(|e| match e {
            Effect::Record(r) => r.runbook.as_ref().map(|run| format!("{} {}", run.step, r.what)),
            _ => None,
        });
        steps.filter(|s| s.contains(what)).count()
    };
    hands.progress(id, Stage::Recorded);
    let outcome = Outcome::Applied;
    hands.progress(id, Stage::Executed { step: 0, outcome });
    let effects = hands.progress(
        id,
        done(Outcome::Applied, Some(Verdict::Healthy("5 of 5 ready".into()))),
    );
    assert!(records(&effects, "roll-back") > 0, "{effects:?}");
    assert_eq!(hands.app.activities[0].succeeded(), Some(true));
    let step = hands.app.runs[0].run.step().unwrap();
    assert_eq!(step.id, "wait-for-completion");
}

#[test]
fn a_plan_that_is_closed_or_refused_leaves_the_run_where_it_can_be_tried_again() {
    let mut hands = Hands::operator();
    let effects = runbook(&mut hands);
    hands.answer(&effects);
    assert!(executed(&hands.press("esc")).is_none());
    assert!(matches!(hands.app.layers.last(), Some(Layer::Runbook(_))));
    assert!(!hands.app.runs[0].run.status().is_over());
    let step = hands.app.runs[0].run.step().unwrap().id.clone();

    let mut effects = hands.press("t");
    if !effects.iter().any(|e| matches!(e, Effect::Plan(..))) {
        effects = hands.press("enter");
    }
    let (id, _) = asked(&effects);
    hands.tell(Msg::Planned(id, Err(refusal("revision 3 is gone"))));
    hands.press("enter");
    assert!(
        matches!(hands.app.runs[0].run.phase(), Phase::Stopped),
        "{:?}",
        hands.app.runs[0].run.phase()
    );
    assert_eq!(hands.app.runs[0].run.step().unwrap().id, step);
}

#[test]
fn the_same_is_done_from_the_rollouts_pane_by_choosing_a_revision() {
    let mut hands = Hands::operator();
    hands.press("2");
    assert_eq!(hands.selected(), "cortex-web", "the worst stands on top");
    let effects = hands.press("a b");
    let token = fetch_token(&effects);
    assert!(
        hands.press("enter").is_empty(),
        "nothing can be chosen before it is read"
    );
    hands.tell(Msg::Fetched(token, Ok(Fetched::History(revisions(4)))));
    let effects = hands.press("j enter");
    assert_eq!(goal(&asked(&effects).1), ("cortex-web".to_owned(), 2));
    let id = hands.answer(&effects);
    let effects = hands.confirm(&format!("word{}", id.0));
    let confirmed = executed(&effects).unwrap();
    assert_eq!(confirmed.by().reason, "INC-214");
    assert_eq!(confirmed.by().typed, format!("word{}", id.0));

    // The revision that is on is no target.
    hands.press("k k");
    assert!(hands.press("enter").is_empty());
    assert!(hands.told().contains("is the one that is on"), "{}", hands.told());
}

#[test]
fn marked_workloads_go_back_together_each_to_the_revision_before() {
    let mut hands = Hands::operator();
    hands.press("2");
    for name in ["cortex-api", "cortex-web"] {
        hands.select(name);
        hands.press("space");
    }
    let (_, request) = asked(&hands.press("a b"));
    let Request::RollBack { to } = request else { panic!() };
    let mut names: Vec<_> = to.iter().map(|t| t.target.name.to_string()).collect();
    names.sort();
    assert_eq!(names, ["cortex-api", "cortex-web"]);
    assert!(to.iter().all(|t| t.revision < t.newest_seen));
}

#[test]
fn a_run_that_is_over_names_the_key_that_takes_back_what_it_left() {
    let mut hands = Hands::operator();
    let effects = runbook(&mut hands);
    let id = hands.answer(&effects);
    hands.press("tab enter");
    hands.types(&format!("word{}", id.0));
    assert!(executed(&hands.press("enter enter")).is_some());
    let (_, request) = asked(&effects);
    let undo = Some(Undo::By {
        label: "back again".to_owned(),
        request: request.clone(),
        valid_for_s: 600,
    });
    let verdict = Some(Verdict::Healthy("5 of 5 ready".to_owned()));
    let outcome = Outcome::Applied;
    hands.progress(id, Stage::Done { outcome, verdict, undo });
    hands.press("x y");
    assert!(hands.app.runs[0].run.status().is_over());
    let screen = hands.screen_of(200, 60);
    assert!(screen.contains("u plans the undo"), "{screen}");
    assert_eq!(asked(&hands.press("u")).1, request);
}
