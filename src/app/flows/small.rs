//! What a small screen must not hide or cut without saying so.

use super::{Hands, done};
use crate::action::{Outcome, Stage, Undo, Verdict};
use crate::app::unattended::{Leave, Unattended};
use crate::app::{Effect, Layer, Msg};
use crate::runbook::engine::Event;

const DUMP: &str = "+++\nid = \"dump\"\ntitle = \"Dump\"\nowner = \"us\"\nuse_when = \"Always.\"\n+++\n\
    ## Dump\n```step\nkind = \"run\"\nargv = [\"pg_dump\"]\ntimeout = \"5s\"\n```\n## End\n```step\nkind = \"note\"\n```\n";

#[test]
fn a_run_without_a_screen_tells_every_line_of_a_command_once_however_many_come_at_once() {
    let mut hands = Hands::operator();
    assert_eq!(hands.app.books.add("/u/dump.md", DUMP), []);
    let (mut run, _) = Unattended::start(&mut hands.app, "dump", None, Leave::default()).unwrap();
    let number = hands.app.runs[0].number;
    let effects = hands.app.run_event(number, Event::Continue);
    let id = hands.answer(&effects);
    hands.confirm(&format!("word{}", id.0));
    let mut told: Vec<String> = Vec::new();
    for (from, to) in [(0, 150), (150, 450), (450, 451), (451, 900)] {
        let lines = (from..to).map(|n| format!("line {n}")).collect();
        hands.progress(id, Stage::Output(lines));
        let lines = run.turn(&mut hands.app).lines.into_iter();
        let lines = lines.filter(|l| l["event"] == "output");
        told.extend(lines.map(|l| l["line"].as_str().unwrap().to_owned()));
    }
    let all: Vec<String> = (0..900).map(|n| format!("line {n}")).collect();
    assert_eq!(told, all);
}

/// A change of `cortex-web` that ended so, with an undo of its own.
fn changed(hands: &mut Hands, verdict: Verdict) {
    hands.press("2");
    hands.select("cortex-web");
    let effects = hands.press("a r");
    let id = hands.answer(&effects);
    let request = super::asked(&effects).1;
    hands.confirm(&format!("word{}", id.0));
    let undo = Undo::By {
        label: "as it was".to_owned(),
        request,
        valid_for_s: 600,
    };
    let mut stage = done(Outcome::Applied, Some(verdict));
    if let Stage::Done { undo: of, .. } = &mut stage {
        *of = Some(undo);
    }
    hands.progress(id, stage);
    let same_as = format!(
        "kubectl --context prod rollout restart {} --last",
        "deploy/cortex-web ".repeat(6)
    );
    let change = hands.app.activities.last_mut().unwrap();
    change.same_as = vec![same_as, String::new()];
}

#[test]
fn the_list_of_changes_offers_an_undo_only_where_there_is_one_and_wraps_the_command() {
    for (verdict, offered) in [
        (Verdict::Healthy("3 of 3 ready".to_owned()), true),
        (Verdict::Superseded("the HPA restored it to 4".to_owned()), false),
    ] {
        let mut hands = Hands::operator();
        changed(&mut hands, verdict);
        hands.press("A g g");
        hands.app.seat.said.clear();
        for (width, height) in [(60, 20), (80, 24)] {
            let drawn = hands.screen_of(width, height);
            assert_eq!(drawn.contains("plan undo"), offered, "{drawn}");
            assert_eq!(drawn.contains("undo: as it was"), offered, "{drawn}");
            assert!(drawn.contains("--last"), "{drawn}");
        }
    }
}

#[test]
fn a_list_that_is_longer_than_the_screen_says_how_long_it_is() {
    let mut hands = Hands::operator();
    hands.press("g r");
    let all = match hands.app.layers.last() {
        Some(Layer::Picker(picker)) => picker.choices.len(),
        other => panic!("{other:?}"),
    };
    let drawn = hands.screen_of(60, 20);
    assert!(drawn.contains(&format!(" of {all} ")), "{drawn}");
    // Descriptions begin in one column.
    let begin = |name: &str, words: &str| {
        let line = drawn.lines().find(|l| l.contains(name)).unwrap();
        line.split_once(words).unwrap().0.chars().count()
    };
    let (short, long) = (
        ("A backup failed", "The backup"),
        ("Switch between blue and green", "Two releases"),
    );
    assert_eq!(begin(short.0, short.1), begin(long.0, long.1), "{drawn}");
}

#[test]
fn what_is_said_under_a_prompt_is_read_to_its_end() {
    let mut hands = Hands::operator();
    hands.press("2");
    hands.select("cortex-web");
    hands.press("a s");
    let Some(Layer::Prompt(prompt)) = hands.app.layers.last_mut() else {
        panic!("{:?}", hands.told());
    };
    prompt.hint = "now 4; the HPA keda-hpa-cortex-worker of this namespace holds it between 2 and 17".to_owned();
    assert!(hands.screen_of(60, 20).contains("and 17"));
}

#[test]
fn a_search_says_where_it_stands_and_offers_the_next_hit_only_then() {
    let mut hands = Hands::operator();
    hands.press("2");
    hands.select("cortex-web");
    let effects = hands.press("y");
    let token = super::fetch_token(&effects);
    let yaml = "a: 1\nimage: x\nb: 2\nimage: y\n".to_owned();
    hands.tell(Msg::Fetched(token, Ok(crate::app::msg::Fetched::Text(yaml))));
    let drawn = hands.screen_of(80, 24);
    assert!(!drawn.lines().last().unwrap().contains("next"), "{drawn}");
    hands.press("/");
    hands.types("image");
    hands.press("enter");
    assert!(hands.screen().contains("next, hit 1 of 2"), "{}", hands.screen());
    let effects: Vec<Effect> = hands.press("n");
    assert!(effects.is_empty() && hands.screen().contains("next, hit 2 of 2"));
}
