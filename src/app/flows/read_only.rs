//! A read-only console says why, wherever one asks it to change something.

use super::{Hands, executed};
use crate::app::command;
use crate::app::layers::Palette;
use crate::app::{Effect, Layer};
use crate::runbook::engine::{OfferKind, Phase};

fn changes(effects: &[Effect]) -> bool {
    executed(effects).is_some() || effects.iter().any(|e| matches!(e, Effect::Plan(..)))
}

#[test]
fn every_command_that_changes_something_is_off_with_its_reason() {
    let mut hands = Hands::observer();
    for pane in ["1", "2"] {
        hands.press(pane);
        for c in command::all().filter(|c| c.mutates()) {
            let why = (c.when)(&hands.app).expect_err(c.id);
            assert!(
                why.contains("read-only session (set by --read-only)"),
                "{}: {why}",
                c.id
            );
            let effects = hands.app.run_command(c.id);
            assert!(!changes(&effects), "{}", c.id);
        }
    }
}

#[test]
fn by_keys_by_the_palette_and_in_a_runbook_nothing_is_planned() {
    let mut hands = Hands::observer();
    hands.press("2");
    hands.select("cortex-web");
    for keys in ["a s", "a r", "a b", "a i", "a p", "a h", "a u"] {
        assert!(!changes(&hands.press(keys)), "{keys}");
        assert!(hands.told().contains("read-only"), "{keys}: {}", hands.told());
        assert!(hands.app.layers.is_empty(), "{keys}");
    }

    let mut palette = Palette::default();
    palette.refresh(&hands.app);
    let off = palette.entries.iter().filter(|e| e.group == crate::keys::MUTATE);
    assert!(off.clone().count() >= 9);
    for entry in off {
        assert!(
            entry.why_not.as_deref().unwrap().contains("read-only"),
            "{}",
            entry.name
        );
    }
    hands.press(":");
    hands.types("restart the pods");
    assert!(!changes(&hands.press("enter")));
    hands.press("esc");

    // The history may be read; Enter in it does nothing.
    let token = super::fetch_token(&hands.press("h"));
    let history = crate::app::msg::Fetched::History(super::revisions(4));
    hands.tell(crate::app::Msg::Fetched(token, Ok(history)));
    assert!(!changes(&hands.press("enter")));
    assert!(hands.told().contains("read-only"), "{}", hands.told());
    hands.press("esc");

    // A runbook is read to its first change, and stops there with the reason.
    hands.press("! r");
    for _ in 0..20 {
        assert!(!changes(&hands.press("enter")));
    }
    assert!(matches!(hands.app.layers.last(), Some(Layer::Runbook(_))));
    let run = &hands.app.runs[0].run;
    assert_eq!(run.step().unwrap().id, "roll-back");
    let Phase::Barred { why } = run.phase() else {
        panic!("{:?}", run.phase())
    };
    assert!(why.contains("read-only session (set by --read-only)"), "{why}");
    assert!(hands.told().contains("read-only"), "{}", hands.told());
    assert!(!hands.screen().contains("did not go well"), "nothing was tried");
    // What can never work is not offered, and nobody here is waited for.
    assert!(
        run_offers(&hands)
            .iter()
            .all(|k| !matches!(k, OfferKind::Retry | OfferKind::Continue))
    );
    hands.press("esc");
    assert_eq!(hands.app.waiting_line(), None);
}

fn run_offers(hands: &Hands) -> Vec<OfferKind> {
    hands.app.runs[0].run.offers().iter().map(|o| o.kind).collect()
}

#[test]
fn the_exact_name_of_a_command_is_that_command_whatever_else_could_be_done() {
    let mut hands = Hands::observer();
    hands.press("2");
    hands.select("cortex-web");
    for typed in ["scale", "action.scale", "action scale"] {
        hands.press(":");
        hands.types(typed);
        hands.press("enter");
        assert!(hands.app.runs.is_empty(), "{typed} begins no runbook");
        assert!(hands.told().contains("read-only"), "{typed}: {}", hands.told());
        hands.press("esc esc");
    }
}
