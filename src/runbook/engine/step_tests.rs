//! Each kind of step, and what steps hand on to one another.

use super::tests::{at, carry_out, done};
use super::*;
use crate::action::{Hidden, Outcome, Progress, Stage, Verdict};
use crate::runbook::format;

const FRONT: &str = "+++\nid = \"x\"\ntitle = \"X\"\nowner = \"us\"\nuse_when = \"Always.\"\n";

/// A run of a file with these parameters and steps.
fn run(front: &str, body: &str, facts: &Facts) -> Run {
    let text = format!("{FRONT}{front}+++\n{body}");
    let book = format::parse(&text, "x.md").unwrap_or_else(|problems| panic!("{problems:#?}"));
    let start = Start {
        id: "1".to_owned(),
        operator: "k.lind".to_owned(),
        subject: Subject::default(),
        params: BTreeMap::new(),
    };
    Run::start(Arc::new(book), start, facts, at(0)).0
}

fn step(title: &str, block: &str) -> String {
    format!("## {title}\n```step\n{block}\n```\n")
}

fn tell(run: &mut Run, event: Event) -> Vec<Effect> {
    run.handle(event, &Facts::new(), at(1))
}

fn records(effects: &[Effect]) -> Vec<String> {
    let told = effects.iter().filter_map(|effect| match effect {
        Effect::Record(record) => Some(format!("{}: {}", record.what.name(), record.text)),
        _ => None,
    });
    told.collect()
}

#[test]
fn an_answer_and_an_output_are_known_to_later_steps_with_their_type() {
    let body = [
        step(
            "How many",
            "kind = \"ask\"\nanswer = \"int\"\nas = \"users\"\nmin = 1\nmax = 100",
        ),
        step(
            "Twice",
            "kind = \"note\"\n[outputs]\ntwice = \"out.users * 2\"\nsaid = \"result.text\"",
        ),
        step(
            "Enough",
            "kind = \"gate\"\nexpect = \"out.twice == 14 && out.users == 7\"",
        ),
        step("End", "kind = \"note\""),
    ];
    let mut run = run("", &body.concat(), &Facts::new());
    tell(&mut run, Event::Continue);
    assert_eq!(run.current(), 0, "what nobody said is no answer");
    let name = "out.users".to_owned();
    let text = "700".to_owned();
    tell(
        &mut run,
        Event::SetParam {
            name: name.clone(),
            text,
        },
    );
    assert!(run.notice().unwrap().contains("1 to 100"), "{:?}", run.notice());
    let text = "7".to_owned();
    tell(&mut run, Event::SetParam { name, text });
    tell(&mut run, Event::Continue);
    let effects = tell(&mut run, Event::Continue);
    assert!(
        records(&effects).contains(&"decided: out.twice = 14".to_owned()),
        "{effects:?}"
    );
    assert_eq!(run.step().unwrap().id, "end", "{:?}", run.states());
}

#[test]
fn the_output_of_a_step_that_was_passed_over_is_unknown_and_passes_no_gate() {
    let body = [
        step("First", "kind = \"note\"\noutputs = { n = \"1 + 1\" }"),
        step("Enough", "kind = \"gate\"\nexpect = \"out.n == 2\""),
    ];
    let mut run = run("", &body.concat(), &Facts::new());
    let reason = "no time".to_owned();
    tell(&mut run, Event::Skip { reason });
    let StepState::Unknown(why) = &run.states()[1] else {
        panic!("{:?}", run.states())
    };
    assert_eq!(why, "the step that gives it has not passed");
}

#[test]
fn a_choice_is_kept_under_its_name() {
    let choices = "kind = \"ask\"\nas = \"impact\"\n[[choices]]\nlabel = \"some\"\n[[choices]]\nlabel = \"all\"";
    let body = [
        step("Impact", choices),
        step("All", "kind = \"gate\"\nexpect = \"out.impact == 'all'\""),
        step("End", "kind = \"note\""),
    ];
    let mut run = run("", &body.concat(), &Facts::new());
    tell(&mut run, Event::Choose(1));
    assert_eq!(run.step().unwrap().id, "end", "{:?}", run.states());
}

#[test]
fn only_an_answer_to_the_question_that_was_asked_approves_and_nobody_passes_over_it() {
    let body = [
        step("Agree", "kind = \"approve\"\ntext = \"Restart {{ 1 + 1 }} pods?\""),
        step("End", "kind = \"note\""),
    ];
    let begin = || run("", &body.concat(), &Facts::new());
    let mut run = begin();
    tell(&mut run, Event::Skip { reason: "r".to_owned() });
    assert_eq!(run.current(), 0);
    let effects = tell(&mut run, Event::Continue);
    let asked = effects.iter().find_map(|effect| match effect {
        Effect::AskApproval { ask, text, .. } => Some((*ask, text.clone())),
        _ => None,
    });
    let (first, text) = asked.unwrap();
    assert_eq!(text, "Restart 2 pods?");
    tell(&mut run, Event::Retry);
    let effects = tell(&mut run, Event::Continue);
    assert!(
        effects
            .iter()
            .any(|e| matches!(e, Effect::AskApproval { ask, .. } if *ask != first))
    );
    let by = "r.roe".to_owned();
    tell(
        &mut run,
        Event::Approved {
            ask: first,
            by: by.clone(),
        },
    );
    assert!(
        matches!(run.phase(), Phase::Approving { .. }),
        "an answer to an older question"
    );
    let Phase::Approving { ask } = *run.phase() else {
        panic!()
    };
    let why = "not now".to_owned();
    tell(
        &mut run,
        Event::ApprovalRefused {
            ask,
            by: by.clone(),
            why,
        },
    );
    assert_eq!(run.states()[0], StepState::Failed("r.roe refused: not now".to_owned()));

    let mut run = begin();
    tell(&mut run, Event::Continue);
    let Phase::Approving { ask } = *run.phase() else {
        panic!()
    };
    let why = "no spool".to_owned();
    tell(&mut run, Event::ApprovalUnavailable { ask, why, solo: false });
    assert_eq!(run.phase(), &Phase::Stopped);
    tell(&mut run, Event::Retry);
    tell(&mut run, Event::Continue);
    let Phase::Approving { ask } = *run.phase() else {
        panic!()
    };
    let why = "no policy asks".to_owned();
    let effects = tell(&mut run, Event::ApprovalUnavailable { ask, why, solo: true });
    assert!(records(&effects).contains(&"approved: solo: no policy asks".to_owned()));
    assert_eq!(run.current(), 1);
}

#[test]
fn a_text_for_others_is_filled_in_copied_and_on_record_once_it_is_sent() {
    let mut facts = Facts::new();
    facts.know("rollout.ready", 3);
    let text = "kind = \"notify\"\nto = \"status page\"\ntext = '''\n{{ rollout.ready }} of {{ rollout.desired }} are up.\n'''";
    let body = [step("Tell", text), step("End", "kind = \"note\"")];
    let mut run = run("", &body.concat(), &facts);
    let message = run.shown().message.clone().unwrap();
    assert_eq!((message.text.as_str(), message.gaps), ("3 of ? are up.", 1));
    let effects = run.handle(Event::Copy, &facts, at(1));
    assert!(effects.contains(&Effect::Copy("3 of ? are up.".to_owned())));
    let effects = run.handle(Event::Continue, &facts, at(1));
    assert!(records(&effects).contains(&"told: sent to status page: 3 of ? are up.".to_owned()));
}

const COMMAND: &str = "kind = \"run\"\nargv = [\"pg_dump\", \"--table\", \"{{ table }}\"]\nenv = { PGPASSWORD = \"{{ word }}\" }\ntimeout = \"5s\"\noutputs = { code = \"result.exit\", line = \"result.line\" }";
const COMMAND_PARAMS: &str =
    "[params.table]\ntype = \"string\"\ndefault = \"a; rm -rf /\"\n[params.word]\ntype = \"string\"\nsecret = true\n";

fn with_command() -> Run {
    let body = [
        step("Dump", COMMAND),
        step(
            "Good",
            "kind = \"gate\"\nexpect = \"out.code == 0 && out.line == 'done'\"",
        ),
        step("End", "kind = \"note\""),
    ];
    run(COMMAND_PARAMS, &body.concat(), &Facts::new())
}

fn set(run: &mut Run, name: &str, text: &str) -> Vec<Effect> {
    let (name, text) = (name.to_owned(), text.to_owned());
    tell(run, Event::SetParam { name, text })
}

fn command(effects: &[Effect]) -> Option<&CommandAsk> {
    effects.iter().find_map(|effect| match effect {
        Effect::PlanCommand(ask) => Some(ask),
        _ => None,
    })
}

#[test]
fn a_command_gets_whole_arguments_waits_for_its_confirmation_and_hands_on_how_it_ended() {
    let mut run = with_command();
    tell(&mut run, Event::Continue);
    assert!(
        run.notice().unwrap().contains("word is not typed yet"),
        "{:?}",
        run.notice()
    );
    set(&mut run, "word", "canary");
    set(&mut run, "table", "--help");
    tell(&mut run, Event::Continue);
    assert!(
        run.notice().unwrap().contains("read as an option"),
        "{:?}",
        run.notice()
    );
    set(&mut run, "table", "a; rm -rf /");
    let effects = tell(&mut run, Event::Continue);
    let ask = command(&effects).unwrap();
    assert_eq!(ask.command.argv, ["pg_dump", "--table", "a; rm -rf /"]);
    assert_eq!(ask.command.env[0].value, Hidden::new("canary"));
    let (ask, plan, title) = (ask.ask, ActionId(4), String::new());
    let stage = |stage| {
        Event::Progress(Box::new(Progress {
            id: ActionId(4),
            at: at(1),
            stage,
        }))
    };
    tell(&mut run, Event::PlanMade { ask, plan, title });
    tell(&mut run, stage(Stage::Output(vec!["too early".to_owned()])));
    assert_eq!(run.output(), [""; 0], "nothing counts before the confirmation");
    tell(&mut run, Event::Confirmed { plan });
    tell(
        &mut run,
        stage(Stage::Output(vec!["12 rows".to_owned(), "done".to_owned()])),
    );
    assert_eq!(run.output(), ["12 rows", "done"]);
    tell(&mut run, stage(Stage::Exited(0)));
    tell(
        &mut run,
        done(4, Outcome::Applied, Some(Verdict::Healthy("exit 0".to_owned()))),
    );
    assert_eq!(run.step().unwrap().id, "end", "{:?}", run.states());
}

#[test]
fn leaving_a_run_stops_its_command() {
    let mut run = with_command();
    set(&mut run, "word", "canary");
    let effects = tell(&mut run, Event::Continue);
    let ask = command(&effects).unwrap().ask;
    let (plan, title) = (ActionId(4), String::new());
    tell(&mut run, Event::PlanMade { ask, plan, title });
    tell(&mut run, Event::Confirmed { plan });
    let reason = "enough".to_owned();
    let effects = tell(&mut run, Event::Abort { reason });
    assert!(effects.contains(&Effect::Stop { plan }));
}

#[test]
fn what_is_secret_is_in_no_text_and_no_record_and_is_forgotten_at_the_end() {
    let mut run = with_command();
    let mut all = set(&mut run, "word", "canary");
    all.extend(tell(&mut run, Event::Continue));
    all.extend(tell(&mut run, Event::Note("a note".to_owned())));
    let seen = format!("{all:?} {run:?} {:?}", crate::runbook::view::of(&run, at(2)));
    assert!(!seen.contains("canary") && seen.contains("word = (secret)"), "{seen}");
    assert!(run.secret("word").is_some());
    tell(
        &mut run,
        Event::Abort {
            reason: "enough".to_owned(),
        },
    );
    assert!(run.secret("word").is_none());
}

#[test]
fn a_threshold_ends_a_wait_after_so_many_looks_in_a_row_and_offers_the_way_back() {
    let restart = "kind = \"action\"\naction = \"restart\"\ntarget = \"deployment/cortex/api\"";
    let wait = "kind = \"wait\"\nuntil = \"rollout.complete\"\ndeadline = \"30m\"\n[[abort_if]]\nwhen = \"service.error_ratio > 0.05\"\ntimes = 3\nevery = \"10s\"\ntext = \"errors at {{ service.error_ratio }}\"";
    let body = [step("Restart", restart), step("Wait", wait)].concat();
    let facts = |rate: f64| {
        let mut facts = Facts::new();
        facts.know("rollout.complete", false);
        facts.know("service.error_ratio", rate);
        facts
    };
    let mut run = run("", &body, &facts(0.0));
    let effects = run.handle(Event::Continue, &facts(0.0), at(0));
    let Some(Effect::Plan(ask)) = effects.iter().find(|effect| matches!(effect, Effect::Plan(_))) else {
        panic!()
    };
    carry_out(&mut run, ask.ask, 1, &facts(0.0), at(1));
    assert!(matches!(run.phase(), Phase::Waiting { .. }));
    let mut look = |rate: f64, seconds: i64| {
        run.handle(Event::Tick, &facts(rate), at(seconds));
        run.states()[1].clone()
    };
    for (rate, seconds) in [
        (0.1, 10),
        (0.1, 11),
        (0.1, 20),
        (0.0, 29),
        (0.1, 30),
        (0.1, 40),
        (0.1, 49),
    ] {
        assert_eq!(look(rate, seconds), StepState::Current, "at {seconds}");
    }
    let why = "the wait was given up: errors at 0.1 (3 looks in a row)";
    assert_eq!(look(0.1, 50), StepState::Failed(why.to_owned()));
    assert!(run.offers().iter().any(|offer| offer.kind == OfferKind::RollBack));
}

#[test]
fn a_run_that_is_handed_over_is_released_with_its_new_owner_on_record() {
    let mut run = run("", &step("End", "kind = \"note\""), &Facts::new());
    let hand = |to: &str| Event::HandOver {
        to: to.to_owned(),
        reason: "end of shift".to_owned(),
    };
    tell(&mut run, hand(" "));
    assert!(!run.status().is_over());
    let effects = tell(&mut run, hand("r.roe"));
    assert_eq!(run.status(), &Status::HandedOver("r.roe".to_owned()));
    assert!(records(&effects).contains(&"handed-over: to r.roe: end of shift".to_owned()));
}
