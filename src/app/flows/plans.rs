//! Every state of a plan, and what counts as a confirmation.

use super::{Hands, asked, done, executed, failed_check, plan, refusal};
use crate::action::{Alternative, Confirm, Outcome, Request, Stage, Undo, Verdict, WhyNot};
use crate::app::layers::{PlanFocus, PlanState};
use crate::app::{Effect, Layer, Msg};
use crate::keys::{Chord, Key};

/// The plan of a restart of `cortex-web` is asked for.
fn restart(hands: &mut Hands) -> Vec<Effect> {
    hands.press("2");
    hands.select("cortex-web");
    hands.press("a r")
}

#[test]
fn while_it_is_made_and_when_it_is_refused_only_cancel_can_be_pressed() {
    let mut hands = Hands::operator();
    let (id, _) = asked(&restart(&mut hands));
    assert!(matches!(hands.plan_layer().state, PlanState::Planning));
    assert_eq!(hands.plan_layer().stops(), [PlanFocus::Cancel]);
    assert!(hands.press("tab tab right").is_empty());
    hands.tell(Msg::Planned(id, Err(refusal("it is paused"))));
    assert!(matches!(hands.plan_layer().state, PlanState::Refused(_)));
    assert_eq!(hands.plan_layer().stops(), [PlanFocus::Cancel]);
    assert!(hands.press("tab enter").is_empty());
    assert!(hands.app.layers.is_empty());
}

#[test]
fn the_line_that_does_the_same_is_copied_and_where_there_is_none_that_is_said() {
    let mut hands = Hands::operator();
    let (id, request) = asked(&restart(&mut hands));
    let mut made = plan(id, &request, hands.now);
    made.steps[0].same_as = "psql -c 'SELECT 1'".to_owned();
    hands.tell(Msg::Planned(id, Ok(Box::new(made.clone()))));
    let copied = |effects: &[Effect]| effects.iter().any(|e| matches!(e, Effect::Copy(_)));
    assert!(copied(&hands.press("ctrl-y")));
    assert_eq!(
        hands.told(),
        "command line sent to the terminal's clipboard: psql -c 'SELECT 1'"
    );
    made.steps[0].same_as.clear();
    let (id, _) = asked(&hands.press("ctrl-r"));
    made.id = id;
    hands.tell(Msg::Planned(id, Ok(Box::new(made))));
    assert!(!copied(&hands.press("ctrl-y")));
    assert_eq!(hands.told(), "no command line does the same");
}

#[test]
fn a_failed_check_or_nothing_to_do_leaves_no_button() {
    for what in ["check", "no-op"] {
        let mut hands = Hands::operator();
        let (id, request) = asked(&restart(&mut hands));
        let mut made = plan(id, &request, hands.now);
        if what == "check" {
            made.checks
                .push(failed_check("permission", "patch deployments is not allowed"));
        } else {
            made.no_op = Some("it already is so".to_owned());
        }
        hands.tell(Msg::Planned(id, Ok(Box::new(made))));
        assert_eq!(hands.plan_layer().stops(), [PlanFocus::Cancel], "{what}");
        assert!(executed(&hands.confirm(&format!("word{}", id.0))).is_none(), "{what}");
    }
}

#[test]
fn a_wrong_word_and_a_missing_reason_are_told_and_nothing_is_sent() {
    let mut hands = Hands::operator();
    let effects = restart(&mut hands);
    let id = hands.answer(&effects);
    let word = format!("word{}", id.0);
    assert!(executed(&hands.confirm(&word.to_uppercase())).is_none());
    assert!(matches!(hands.plan_layer().complaint, Some(WhyNot::WrongWord(_))));
    assert_eq!(hands.plan_layer().focus, PlanFocus::Word);
    hands.press("ctrl-u");
    hands.types(&word);
    assert!(executed(&hands.press("enter enter")).is_some());
    hands.progress(id, done(Outcome::Refused("no".to_owned()), None));
    assert!(hands.told().contains("refused: no"), "{}", hands.told());
    assert_eq!(
        hands.app.doings().len(),
        1,
        "a change is one line: {:?}",
        hands.app.doings()
    );

    let effects = restart(&mut hands);
    let id = hands.answer(&effects);
    hands.press("tab enter");
    hands.types(&format!("word{}", id.0));
    assert!(executed(&hands.press("enter enter")).is_none());
    assert!(matches!(hands.plan_layer().complaint, Some(WhyNot::NoReason)));
}

#[test]
fn an_expired_plan_is_made_anew_and_its_late_answer_does_not_count() {
    let mut hands = Hands::operator();
    let effects = restart(&mut hands);
    let old = hands.answer(&effects);
    hands.wait(61_000);
    assert!(executed(&hands.confirm(&format!("word{}", old.0))).is_none());
    assert!(matches!(hands.plan_layer().complaint, Some(WhyNot::Expired)));
    let effects = hands.press("ctrl-r");
    let (new, request) = asked(&effects);
    assert_ne!(new, old);
    assert_eq!(hands.plan_layer().reason.text(), "INC-214", "the reason is kept");
    assert_eq!(hands.plan_layer().word.text(), "", "the word is not");
    let late = plan(old, &request, hands.now);
    hands.tell(Msg::Planned(old, Ok(Box::new(late))));
    assert!(matches!(hands.plan_layer().state, PlanState::Planning));
}

#[test]
fn a_plan_made_anew_keeps_the_typed_word_only_if_it_says_the_very_same() {
    for same in [true, false] {
        let mut hands = Hands::operator();
        let effects = restart(&mut hands);
        let made = |effects: &[Effect], now, impact: &str| {
            let (id, request) = asked(effects);
            let mut made = plan(id, &request, now);
            let what = "the object's name".to_owned();
            let word = "cortex-web".to_owned();
            made.confirm = Confirm::Typed { word, what };
            made.impact = vec![impact.to_owned()];
            Msg::Planned(id, Ok(Box::new(made)))
        };
        let first = made(&effects, hands.now, "at most 1 of 3 unavailable");
        hands.tell(first);
        hands.wait(61_000);
        assert!(executed(&hands.confirm("cortex-web")).is_none());
        let effects = hands.press("ctrl-r");
        assert_eq!(
            hands.plan_layer().word.text(),
            "",
            "not before it is known what it says"
        );
        let impact = if same {
            "at most 1 of 3 unavailable"
        } else {
            "all 3 at once"
        };
        let second = made(&effects, hands.now, impact);
        hands.tell(second);
        let layer = hands.plan_layer();
        let kept = (layer.reason.text(), layer.word.text());
        assert_eq!(kept, ("INC-214", if same { "cortex-web" } else { "" }));
        assert_eq!(layer.focus, PlanFocus::Cancel, "it is to be read");
        let effects = hands.press("shift-tab enter");
        assert_eq!(executed(&effects).is_some(), same);
    }
}

#[test]
fn an_alternative_opens_its_own_plan_also_out_of_a_refusal() {
    let mut hands = Hands::operator();
    let (id, request) = asked(&restart(&mut hands));
    let target = request.targets()[0].clone();
    let instead = Request::Pause { target };
    let offer = vec![Alternative {
        label: "pause it instead".to_owned(),
        request: instead.clone(),
    }];
    let mut made = plan(id, &request, hands.now);
    made.alternatives.clone_from(&offer);
    hands.tell(Msg::Planned(id, Ok(Box::new(made))));
    let (second, got) = asked(&hands.press("m"));
    assert_eq!(got, instead);
    assert_eq!(hands.app.layers.len(), 1, "in place of the first");
    let mut refused = refusal("it is paused");
    refused.alternatives = offer;
    hands.tell(Msg::Planned(second, Err(refused)));
    assert_eq!(asked(&hands.press("m")).1, instead);
}

#[test]
fn keys_typed_ahead_and_pasted_text_confirm_nothing() {
    let mut hands = Hands::operator();
    let effects = restart(&mut hands);
    let id = hands.answer(&effects);
    let word = format!("word{}", id.0);
    // A burst in the moment in which the plan appears: none of it counts.
    for chord in ["tab", "tab", "tab", "enter"] {
        hands.wait(70);
        assert!(hands.key(chord.parse().unwrap()).is_empty());
    }
    assert_eq!(hands.plan_layer().focus, PlanFocus::Cancel);
    assert!(hands.plan_layer().reason.is_empty());

    hands.press("tab");
    hands.types("INC-214");
    hands.press("enter");
    assert_eq!(hands.plan_layer().focus, PlanFocus::Word);
    hands.tell(Msg::Paste(word.clone()));
    assert!(hands.plan_layer().word.is_empty());
    assert!(hands.told().contains("type it"), "{}", hands.told());
    hands.press("enter");
    hands.tell(Msg::Paste("\r\n\r\n".to_owned()));
    assert!(executed(&hands.press("enter")).is_none());
    // Typed by hand it does.
    hands.types(&word);
    assert!(executed(&hands.press("enter enter")).is_some());
}

#[test]
fn a_button_without_a_word_still_wants_the_way_to_it() {
    let mut hands = Hands::operator();
    let (id, request) = asked(&restart(&mut hands));
    let mut made = plan(id, &request, hands.now);
    (made.confirm, made.reason_required) = (Confirm::Button, false);
    hands.tell(Msg::Planned(id, Ok(Box::new(made))));
    assert!(hands.press("y").is_empty());
    let effects = hands.press("tab enter");
    assert_eq!(executed(&effects).unwrap().plan().id, id);
}

#[test]
fn tab_leads_from_cancel_through_the_fields_as_they_stand_on_the_screen_to_the_button() {
    use PlanFocus::{Cancel, Go, Reason, Word};
    for needed in [true, false] {
        let mut hands = Hands::operator();
        let (id, request) = asked(&restart(&mut hands));
        let mut made = plan(id, &request, hands.now);
        made.reason_required = needed;
        hands.tell(Msg::Planned(id, Ok(Box::new(made))));
        let mut way = vec![hands.plan_layer().focus];
        let mut rows = Vec::new();
        for _ in 0..4 {
            hands.press("tab");
            let focus = hands.plan_layer().focus;
            way.push(focus);
            rows.extend(matches!(focus, Reason | Word).then(|| hands.drawn().cursor.expect("a cursor").y));
        }
        assert_eq!(way, [Cancel, Reason, Word, Go, Cancel], "{needed}");
        assert!(rows[0] < rows[1], "{rows:?}");
    }
}

#[test]
fn an_unknown_outcome_is_told_as_unknown_and_never_sent_again() {
    let mut hands = Hands::operator();
    let effects = restart(&mut hands);
    let id = hands.answer(&effects);
    hands.confirm(&format!("word{}", id.0));
    let unknown = Outcome::Unknown("no answer within 30 s".to_owned());
    let effects = hands.progress(
        id,
        done(unknown, Some(Verdict::Unknown("the server cannot be read".into()))),
    );
    assert!(
        effects
            .iter()
            .all(|e| !matches!(e, Effect::Execute(_) | Effect::Plan(..)))
    );
    let activity = &hands.app.activities[0];
    assert_eq!(activity.succeeded(), Some(false));
    assert!(activity.line.starts_with("cannot tell"), "{}", activity.line);
    assert!(hands.app.toasts.last().unwrap().notice.error);
}

#[test]
fn of_what_was_done_in_part_nobody_is_told_that_nothing_was() {
    let mut hands = Hands::operator();
    let effects = restart(&mut hands);
    let id = hands.answer(&effects);
    hands.confirm(&format!("word{}", id.0));
    let full = Outcome::NotRecorded("the disk is full".to_owned());
    hands.progress(id, done(full, Some(Verdict::Healthy("2 of 3 tables".to_owned()))));
    let line = &hands.app.activities[0].line;
    assert!(line.starts_with("only a part was done (not sent: "), "{line}");
    assert!(line.ends_with("of that: 2 of 3 tables"), "{line}");
}

#[test]
fn an_undo_is_offered_for_its_time_and_opens_a_plan() {
    let mut hands = Hands::operator();
    let effects = restart(&mut hands);
    let id = hands.answer(&effects);
    hands.confirm(&format!("word{}", id.0));
    let target = hands.app.activities[0].targets[0].object().cloned().unwrap();
    let request = Request::Pause { target };
    hands.progress(
        id,
        Stage::Done {
            outcome: Outcome::Applied,
            verdict: Some(Verdict::Healthy("ready".to_owned())),
            undo: Some(Undo::By {
                label: "take it back".to_owned(),
                request: request.clone(),
                valid_for_s: 600,
            }),
        },
    );
    assert_eq!(asked(&hands.press("a u")).1, request);
    hands.press("esc");
    hands.wait(600_000);
    assert!(hands.press("a u").is_empty());
    assert!(hands.told().contains("undone"), "{}", hands.told());
}

#[test]
fn stale_rows_are_not_acted_on() {
    use crate::model::{Batch, FeedId, Freshness, Kind};
    let mut hands = Hands::operator();
    let stale = Freshness::Stale {
        since: hands.now,
        why: "connection lost".into(),
        retry_at: hands.now,
    };
    hands.tell(Msg::World(Batch {
        feeds: vec![(FeedId::Watch(Kind::Deployment), stale)],
        ..Batch::default()
    }));
    assert!(restart(&mut hands).iter().all(|e| !matches!(e, Effect::Plan(..))));
    assert!(hands.told().contains("stale"), "{}", hands.told());
}

#[test]
fn a_letter_that_chooses_an_alternative_is_text_in_a_field() {
    let mut hands = Hands::operator();
    let effects = restart(&mut hands);
    hands.answer(&effects);
    hands.press("tab");
    hands.key(Chord::plain(Key::Char('m')));
    assert_eq!(hands.plan_layer().reason.text(), "m");
    assert!(matches!(hands.app.layers.last(), Some(Layer::Plan(_))));
}

#[test]
fn letters_on_the_button_go_to_the_field_that_must_be_filled_in() {
    for (needed, field) in [(true, PlanFocus::Reason), (false, PlanFocus::Word)] {
        let mut hands = Hands::operator();
        let (id, request) = asked(&restart(&mut hands));
        let mut made = plan(id, &request, hands.now);
        made.reason_required = needed;
        hands.tell(Msg::Planned(id, Ok(Box::new(made))));
        hands.press("shift-tab");
        assert_eq!(hands.plan_layer().focus, PlanFocus::Go);
        hands.types("ab");
        let layer = hands.plan_layer();
        let typed = if needed { layer.reason.text() } else { layer.word.text() };
        assert_eq!((layer.focus, typed), (field, "ab"));
    }
}

#[test]
fn a_word_typed_on_a_button_loses_no_letter_and_hits_no_key() {
    for (to_button, needed, field) in [
        (false, false, PlanFocus::Word),
        (false, true, PlanFocus::Reason),
        (true, false, PlanFocus::Word),
    ] {
        let mut hands = Hands::operator();
        let (id, request) = asked(&restart(&mut hands));
        let mut made = plan(id, &request, hands.now);
        made.reason_required = needed;
        hands.tell(Msg::Planned(id, Ok(Box::new(made))));
        if !needed {
            // As a runbook proposes it.
            let Some(Layer::Plan(layer)) = hands.app.layers.last_mut() else {
                panic!("no plan");
            };
            layer.reason.set("stalled");
        }
        if to_button {
            hands.press("shift-tab");
        }
        hands.types("memory-core");
        let layer = hands.plan_layer();
        let (reason, word) = (layer.reason.text(), layer.word.text());
        let typed = if needed { reason } else { word };
        assert_eq!((layer.focus, typed), (field, "memory-core"), "{to_button}");
        assert!(needed || reason == "stalled", "{reason}");
    }
}

#[test]
fn letters_on_a_button_that_can_be_pressed_plan_nothing_else() {
    let mut hands = Hands::operator();
    let (id, request) = asked(&restart(&mut hands));
    let target = request.targets()[0].clone();
    let mut made = plan(id, &request, hands.now);
    made.alternatives = vec![Alternative {
        label: "pause it instead".to_owned(),
        request: Request::Pause { target },
    }];
    hands.tell(Msg::Planned(id, Ok(Box::new(made))));
    hands.confirm("wrong");
    hands.press("ctrl-u");
    hands.types(&format!("word{}", id.0));
    hands.press("enter");
    assert_eq!(hands.plan_layer().focus, PlanFocus::Go);
    assert!(hands.types("m").is_empty());
    assert_eq!(hands.plan_layer().id, id);
    assert!(executed(&hands.press("enter")).is_some());
}

#[test]
fn what_a_terminal_is_too_small_to_show_is_not_confirmed_there() {
    let mut hands = Hands::operator();
    let effects = restart(&mut hands);
    let id = hands.answer(&effects);
    hands.tell(Msg::Resize(59, 24));
    assert!(executed(&hands.confirm(&format!("word{}", id.0))).is_none());
    assert!(hands.told().contains("60×18"), "{}", hands.told());
    hands.tell(Msg::Resize(60, 18));
    assert!(executed(&hands.press("enter")).is_some());
}

#[test]
fn warnings_undo_and_how_long_a_plan_holds_are_in_sight_on_a_small_screen() {
    for (width, height) in [(60, 20), (80, 24)] {
        let mut hands = Hands::operator();
        hands.screen_of(width, height);
        let (id, request) = asked(&restart(&mut hands));
        let mut made = plan(id, &request, hands.now);
        made.verb = "Restart 5 pods of cortex-web on the demonstration".to_owned();
        made.impact = (0..20).map(|n| format!("pod number {n} is replaced")).collect();
        made.warnings.push(crate::action::Warning {
            text: "budget cortex-web allows none".to_owned(),
            serious: true,
        });
        let until = made.expires_at.strftime("%H:%MZ").to_string();
        hands.tell(Msg::Planned(id, Ok(Box::new(made))));
        let drawn = hands.screen();
        assert!(drawn.contains("budget cortex-web allows none"), "{drawn}");
        assert!(drawn.contains("undo "), "{drawn}");
        assert!(drawn.contains(&until) && drawn.contains("more lines"), "{drawn}");
        hands.wait(20 * 60_000);
        hands.press("tab");
        let drawn = hands.screen();
        assert!(drawn.contains("expired"), "{drawn}");
    }
}

#[test]
fn the_word_that_is_typed_has_a_place_of_its_own_where_the_label_takes_the_line() {
    let mut hands = Hands::operator();
    hands.screen_of(60, 20);
    let (id, request) = asked(&restart(&mut hands));
    let mut made = plan(id, &request, hands.now);
    let word = "demonstration/lab-node-01-of-the-rack-in-the-cellar".to_owned();
    made.confirm = Confirm::Typed {
        word: word.clone(),
        what: "the context and the name, with slashes".to_owned(),
    };
    hands.tell(Msg::Planned(id, Ok(Box::new(made))));
    hands.press("tab tab");
    hands.types(&word);
    let drawn = hands.screen();
    assert!(drawn.contains(&format!("> {word}")), "{drawn}");
}
