//! The README's runbook is a whole one: it loads, and it runs from its question to its message.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use quarterdeck::action::{ActionId, Outcome, Progress, Stage, Verdict};
use quarterdeck::model::{Kind, ObjectRef};
use quarterdeck::runbook::engine::{AskId, Effect, Event, OfferKind, Phase, Run, Start, Status, StepState};
use quarterdeck::runbook::facts::{Facts, Subject};
use quarterdeck::runbook::format;

/// The example, out of its fence of four backquotes.
fn example() -> String {
    let text = std::fs::read_to_string("README.md").unwrap();
    let (_, rest) = text.split_once("<!-- runbook -->\n````markdown\n").unwrap();
    let (inside, _) = rest.split_once("````\n<!-- /runbook -->").unwrap();
    inside.to_owned()
}

fn facts(available: i64, complete: bool) -> Facts {
    let mut facts = Facts::new();
    facts.know("rollout.available", available);
    facts.know("rollout.desired", 3);
    facts.know("rollout.complete", complete);
    facts
}

struct Walk {
    run: Run,
    now: i64,
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

impl Walk {
    fn begin(facts: &Facts) -> Self {
        let book = format::parse(&example(), "README.md").unwrap_or_else(|problems| panic!("{problems:#?}"));
        let workload = ObjectRef {
            kind: Kind::Deployment,
            namespace: "cortex".into(),
            name: "api".into(),
            uid: "1".into(),
        };
        let start = Start {
            id: "7f3a".to_owned(),
            operator: "k.lind".to_owned(),
            subject: Subject {
                workload: Some(workload),
                ..Subject::default()
            },
            params: BTreeMap::new(),
        };
        let (run, _) = Run::start(Arc::new(book), start, facts, at(0));
        Self { run, now: 0 }
    }

    fn tell(&mut self, event: Event, facts: &Facts) -> Vec<Effect> {
        self.now += 1;
        self.run.handle(event, facts, at(self.now))
    }

    fn wait(&mut self, seconds: i64, facts: &Facts) {
        self.now += seconds;
        self.tell(Event::Tick, facts);
    }

    fn step(&self) -> &str {
        &self.run.step().unwrap().id
    }

    /// Up to the plan of the restart, which is carried out and found healthy.
    fn restart(&mut self) {
        let facts = facts(2, false);
        let effects = self.tell(Event::Choose(0), &facts);
        assert!(effects.len() > 1, "{effects:?}");
        assert_eq!(self.step(), "agree-on-it");
        self.tell(Event::Continue, &facts);
        let Phase::Approving { ask } = *self.run.phase() else {
            panic!("{:?}", self.run.phase())
        };
        let by = "r.roe".to_owned();
        self.tell(Event::Approved { ask, by }, &facts);
        let effects = self.tell(Event::Continue, &facts);
        let asked = effects.into_iter().find_map(|effect| match effect {
            Effect::Plan(ask) => Some(ask),
            _ => None,
        });
        let asked = asked.unwrap();
        assert_eq!(
            (asked.action.name(), asked.target.as_str()),
            ("restart", "deployment/cortex/api")
        );
        assert_eq!(asked.reason, "answers nothing: some requests fail");
        self.carry_out(asked.ask);
    }

    fn carry_out(&mut self, ask: AskId) {
        let (plan, title, facts) = (ActionId(1), String::new(), facts(2, false));
        self.tell(Event::PlanMade { ask, plan, title }, &facts);
        self.tell(Event::Confirmed { plan }, &facts);
        let stage = Stage::Done {
            outcome: Outcome::Applied,
            verdict: Some(Verdict::Healthy("3 of 3 ready".to_owned())),
            undo: None,
        };
        let at = at(self.now);
        self.tell(Event::Progress(Box::new(Progress { id: plan, at, stage })), &facts);
        assert_eq!(self.step(), "wait-until-it-is-complete", "{:?}", self.run.states());
    }
}

#[test]
fn the_readmes_runbook_leads_from_the_question_over_the_change_to_the_message() {
    let mut walk = Walk::begin(&facts(2, false));
    walk.restart();
    walk.wait(5, &facts(3, true));
    walk.wait(20, &facts(3, true));
    let message = walk.run.shown().message.clone().unwrap();
    let text = "Monitoring: deployment/cortex/api (some requests fail).\n3 of 3 pods are available.";
    assert_eq!((message.text.as_str(), message.gaps), (text, 0));
    walk.tell(Event::Continue, &facts(3, true));
    assert_eq!(walk.run.status(), &Status::Completed);
}

#[test]
fn its_gate_keeps_a_restart_from_what_serves_nothing_and_still_tells_the_others() {
    let mut walk = Walk::begin(&facts(0, false));
    walk.tell(Event::Choose(1), &facts(0, false));
    assert_eq!(walk.step(), "tell-the-others");
    let why = "0 of 3 are available: a restart would take the rest.";
    assert_eq!(walk.run.states()[1], StepState::Failed(why.to_owned()));
    assert!(walk.run.undos().is_empty());
}

#[test]
fn its_wait_is_given_up_when_fewer_serve_than_before() {
    let mut walk = Walk::begin(&facts(2, false));
    walk.restart();
    for _ in 0..3 {
        walk.wait(10, &facts(1, false));
    }
    let StepState::Failed(why) = &walk.run.states()[4] else {
        panic!("{:?}", walk.run.states())
    };
    assert_eq!(
        why,
        "the wait was given up: 1 are available, and 2 were (3 looks in a row)"
    );
    assert!(walk.run.offers().iter().any(|offer| offer.kind == OfferKind::Retry));
}
