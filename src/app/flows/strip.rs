//! The attention strip: a line of it on the deck, all causes in hand.

use std::sync::Arc;

use super::Hands;
use crate::app::Focus;
use crate::model::{Batch, Change, Condition, Meta, Node};

/// A deck with these nodes down for an hour, beside what is wrong anyway; how many causes that makes.
fn nodes_down(hands: &mut Hands, count: usize) -> usize {
    let since = hands.now - jiff::SignedDuration::from_hours(1);
    let changes = (0..count).map(|n| {
        let node = Node {
            meta: Meta {
                namespace: "".into(),
                name: format!("down-{n:02}").into(),
                uid: format!("uid of {n}").into(),
                created: since,
                deleting: None,
                owner: None,
                labels: Arc::new([]),
            },
            ready: false,
            cordoned: false,
            conditions: Arc::new([Condition {
                kind: "Ready".into(),
                status: "Unknown".into(),
                reason: "NodeStatusUnknown".into(),
                message: "".into(),
                since: Some(since),
                updated: None,
            }]),
            version: "v1.36.0".into(),
            roles: "".into(),
            cpu_m: 4_000,
            memory: 1 << 33,
        };
        Change::Node(node.meta.key(), Some(node.into()))
    });
    let changes = changes.collect();
    hands.wait(2_000);
    hands.tell(crate::app::Msg::World(Batch {
        changes,
        ..Batch::default()
    }));
    hands.app.judge.signals().len()
}

/// Of these nodes, those that the screen names above the panes.
fn named(screen: &str) -> Vec<String> {
    let above = screen.lines().take_while(|line| !line.contains("1 Pods"));
    above
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with("down-")))
        .map(str::to_owned)
        .collect()
}

#[test]
fn at_80x24_all_causes_are_a_key_away_and_the_deck_comes_back() {
    let mut hands = Hands::operator();
    let all = nodes_down(&mut hands, 14);
    hands.app.size = (80, 24);
    let before = hands.screen();
    assert!(before.contains(&format!("1 of {all}  n next")), "{before}");
    hands.press("g s");
    let mut seen = Vec::new();
    for at in 1..=all {
        let screen = hands.screen();
        assert!(screen.contains(&format!("{at} of {all}\n")), "{screen}");
        assert!(screen.contains("2 Rollouts"), "the panes stay: {screen}");
        seen.extend(named(&screen));
        hands.press("j");
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 14);
    assert_eq!(hands.app.focus, Focus::Strip);
    hands.press("esc");
    // Down to the first pane: the rest has grown older.
    let upper = |screen: &str| screen.lines().take(3).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(upper(&hands.screen()), upper(&before));
}

#[test]
fn where_the_strip_is_too_low_it_says_how_many_more_and_by_which_key() {
    let mut hands = Hands::operator();
    let all = nodes_down(&mut hands, 14);
    for (size, lines) in [((120, 40), 8), ((200, 60), 12)] {
        hands.app.size = size;
        let screen = hands.screen();
        assert!(screen.contains(&format!("{} more  ! all\n", all - lines)), "{screen}");
    }
    hands.press("!");
    let screen = hands.screen();
    assert_eq!(named(&screen).len(), 14, "{screen}");
    assert!(!screen.contains("more  !"), "{screen}");
}
