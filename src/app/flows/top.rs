//! The top bar and the line of the other platforms: what stands there, and what gives way where there is no room.

use super::{Hands, start};
use crate::action::Class;
use crate::app::Msg;
use crate::app::fleet::{Sister, SisterState};
use crate::signal::Severity;

fn sister(name: &str, state: SisterState) -> Sister {
    Sister {
        name: name.to_owned(),
        class: Class::Staging,
        state,
    }
}

fn seen(worst: Option<(Severity, &str)>) -> SisterState {
    let counts = |severity| usize::from(worst.as_ref().is_some_and(|w| w.0 == severity));
    SisterState::Seen {
        critical: counts(Severity::Critical),
        warning: counts(Severity::Warning),
        worst: worst.map(|(severity, words)| (severity, words.to_owned())),
    }
}

/// Four others, in no order.
fn fleet() -> Vec<Sister> {
    let lost = SisterState::Lost {
        why: "connection refused".to_owned(),
        since: start(),
    };
    vec![
        sister("well", seen(None)),
        sister("dark", lost),
        sister("sick", seen(Some((Severity::Warning, "node n3 not ready")))),
        sister("down", seen(Some((Severity::Critical, "api serves nothing")))),
    ]
}

/// The row that speaks of the fleet.
fn line(screen: &str) -> &str {
    screen.lines().find(|l| l.contains(" fleet k8s")).unwrap_or_default()
}

#[test]
fn the_fleet_stands_in_one_line_the_worst_first_and_what_has_no_room_is_counted() {
    let mut hands = Hands::operator();
    hands.tell(Msg::Fleet(fleet()));
    let wide = hands.screen_of(160, 45);
    let at = |words: &str| {
        line(&wide)
            .find(words)
            .unwrap_or_else(|| panic!("{words}: {}", line(&wide)))
    };
    let order = [
        "down api serves nothing",
        "sick node n3 not ready",
        "dark not reached: connection refused",
        "well",
    ];
    assert!(order.is_sorted_by_key(|words| at(words)), "{}", line(&wide));
    // One more of the bad ones than the line holds.
    let mut many = fleet();
    many.extend((1..=5).map(|n| {
        sister(
            &format!("sick-{n}"),
            seen(Some((Severity::Warning, "node n3 not ready"))),
        )
    }));
    hands.tell(Msg::Fleet(many));
    let full = hands.screen_of(110, 45);
    assert!(line(&full).contains("down api serves"), "{}", line(&full));
    assert!(line(&full).trim_end().ends_with(" more"), "{}", line(&full));
}

#[test]
fn where_the_fleet_has_no_line_the_top_bar_counts_those_that_are_not_well() {
    let mut hands = Hands::operator();
    hands.tell(Msg::Fleet(fleet()));
    let small = hands.screen_of(80, 24);
    assert!(line(&small).is_empty());
    assert!(small.lines().next().unwrap().contains("fleet▲3"), "{small}");
    hands.tell(Msg::Fleet(vec![sister("well", seen(None))]));
    assert!(!hands.screen().lines().next().unwrap().contains("fleet"));
}

#[test]
fn the_cluster_its_class_and_what_forbids_a_change_stay_when_the_top_bar_gets_narrow() {
    for of in [Hands::operator as fn() -> Hands, Hands::observer] {
        let mut hands = of();
        hands.tell(Msg::JournalBroken(Some("no space left on device".to_owned())));
        hands.tell(Msg::Fleet(fleet()));
        let observes = hands.app.may_mutate().is_err_and(|why| why.contains("read-only"));
        for columns in (60..=160).step_by(4).rev() {
            let screen = hands.screen_of(columns, 24);
            let bar = screen.lines().next().unwrap();
            for must in ["prod-eu", " PROD ", "NO RECORD", "11:3"] {
                assert!(bar.contains(must), "{columns}: no {must} in {bar}");
            }
            assert_eq!(bar.contains("READ-ONLY"), observes, "{columns}: {bar}");
        }
    }
}
