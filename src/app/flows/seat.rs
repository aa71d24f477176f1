//! A screen that stands still, the mouse, copies, the pager, a shell: what belongs to the person at the screen.

use super::{Hands, batch, executed, rows};
use crate::action::Class;
use crate::app::msg::{Fetched, PagerOf};
use crate::app::pointer::{Gesture, Spot};
use crate::app::seat::Doing;
use crate::app::{Connection, Effect, Focus, Layer, Msg, Notice};
use crate::panes::PaneId;

fn copied(effects: &[Effect]) -> Option<&str> {
    effects.iter().find_map(|e| match e {
        Effect::Copy(text) => Some(text.as_str()),
        _ => None,
    })
}

fn shell(effects: &[Effect]) -> bool {
    effects.iter().any(|e| matches!(e, Effect::Exec(_)))
}

/// As in a staging cluster, where policy says nothing of shells.
fn staging(hands: &mut Hands) {
    hands.tell(Msg::Connection(Connection::Connected {
        place: super::place("prod-eu"),
        class: Class::Staging,
    }));
}

#[test]
fn a_screen_that_stands_still_takes_what_comes_and_the_next_key_does_nothing_but_let_it_go_on() {
    let mut hands = Hands::operator();
    hands.press("P");
    assert!(hands.app.frozen_for().is_some());
    let why = hands.app.may_mutate().expect_err("nothing is changed meanwhile");
    assert!(why.contains("stands still"), "{why}");
    let pods = hands.app.world.pods.len();
    let mut gone = rows();
    gone.truncate(0);
    gone.extend(
        hands
            .app
            .world
            .pods
            .keys()
            .take(1)
            .cloned()
            .map(|key| crate::model::Change::Pod(key, None)),
    );
    hands.tell(batch(gone));
    assert_eq!(hands.app.world.pods.len(), pods - 1, "data goes on behind it");
    assert!(hands.tell(Msg::Paste("q".to_owned())).is_empty());
    let before = (hands.app.pane, hands.app.layers.len());
    assert!(hands.press("2").is_empty());
    assert!(hands.app.frozen_for().is_none() && hands.app.may_mutate().is_ok());
    assert_eq!(
        (hands.app.pane, hands.app.layers.len()),
        before,
        "the key that thaws is no command"
    );
    hands.press("P");
    hands.tell(Msg::Resize(100, 30));
    assert!(
        hands.app.frozen_for().is_none(),
        "a picture of another size is no picture"
    );
}

#[test]
fn the_mouse_chooses_scrolls_and_opens() {
    let mut hands = Hands::operator();
    let row = Spot::Row(PaneId::Rollouts, 1);
    let point = |hands: &mut Hands, gesture, spot| hands.tell(Msg::Pointer(gesture, spot));
    point(&mut hands, Gesture::Press, row);
    assert_eq!(hands.app.pane, PaneId::Rollouts);
    assert_eq!(hands.app.list(PaneId::Rollouts).cursor, 1);
    hands.wait(1000);
    point(&mut hands, Gesture::Press, row);
    assert!(hands.app.layers.is_empty(), "two slow presses are two presses");
    hands.wait(200);
    point(&mut hands, Gesture::Press, row);
    assert!(matches!(hands.app.layers.last(), Some(Layer::Detail(_))));
    point(&mut hands, Gesture::Press, Spot::Row(PaneId::Pods, 0));
    assert_eq!(
        hands.app.pane,
        PaneId::Rollouts,
        "what is open is not operated by the mouse"
    );
    hands.press("esc");
    point(&mut hands, Gesture::WheelDown, Spot::Pane(PaneId::Pods));
    assert_eq!(
        hands.app.list(PaneId::Pods).cursor,
        3,
        "the wheel moves what lies under it"
    );
    point(&mut hands, Gesture::Press, Spot::Signal(0));
    assert_eq!(hands.app.focus, Focus::Strip);
}

#[test]
fn no_press_of_the_mouse_reaches_anything_that_changes_something() {
    use crate::app::Msg::{Key, Pointer};
    let spots = [
        Spot::Signal(0),
        Spot::Row(PaneId::Pods, 0),
        Spot::Row(PaneId::Rollouts, 2),
        Spot::Pane(PaneId::Rollouts),
        Spot::Layer,
        Spot::Elsewhere,
    ];
    // Every dialog that keys can bring up, with the mouse pressed anywhere at any pace over it.
    for keys in [
        "2 a r", "2 a s", "1 G a t", "1 a d", ":", "q", "g r", "g n", "C", "A", "! r", "i", "2 h",
    ] {
        let mut hands = Hands::operator();
        staging(&mut hands);
        for chord in crate::keys::parse_sequence(keys).unwrap() {
            hands.wait(500);
            let effects = hands.tell(Key(chord));
            if effects.iter().any(|e| matches!(e, Effect::Plan(..))) {
                hands.answer(&effects);
            }
        }
        let mut state = 7_u64;
        for _ in 0..300 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            hands.wait((state >> 33) as i64 % 500);
            let gesture = [Gesture::Press, Gesture::WheelUp, Gesture::WheelDown][(state >> 20) as usize % 3];
            let spot = spots[(state >> 40) as usize % spots.len()];
            let layers = hands.app.layers.len();
            let effects = hands.tell(Pointer(gesture, spot));
            let harmless = |e: &Effect| matches!(e, Effect::Want(_) | Effect::Fetch(..) | Effect::Spool(_));
            assert!(
                effects.iter().all(harmless),
                "{keys}: {gesture:?} {spot:?}: {effects:?}"
            );
            assert!(
                layers == 0 || hands.app.layers.len() == layers,
                "{keys}: the mouse closed or opened a dialog"
            );
        }
        assert!(!hands.app.leaving);
    }
}

#[test]
fn cell_row_object_and_the_same_line_elsewhere_are_copied_and_can_be_shown() {
    let mut hands = Hands::operator();
    hands.press("2");
    hands.select("cortex-web");
    let row = copied(&hands.press("c r")).unwrap().to_owned();
    assert!(row.starts_with("cortex-web\t"), "{row}");
    hands.press("c c");
    hands.types("stalled");
    let cell = copied(&hands.press("enter")).unwrap().to_owned();
    assert!(cell.contains("stalled") && row.contains(&cell), "{cell}");
    let line = copied(&hands.press("c k")).unwrap().to_owned();
    assert_eq!(line, "kubectl --context prod-eu -n cortex describe deploy/cortex-web");
    assert!(
        hands.told().contains(&line),
        "shown, for nobody knows whether it was taken: {}",
        hands.told()
    );
    let effects = hands.press("c y");
    let token = super::fetch_token(&effects);
    let yaml = "kind: Deployment\nmetadata: {}\n".to_owned();
    let effects = hands.tell(Msg::Fetched(token, Ok(Fetched::Text(yaml.clone()))));
    assert_eq!(copied(&effects), Some(yaml.as_str()));
    hands.press("c s");
    let Some(Layer::Text(view)) = hands.app.layers.last() else {
        panic!("what was copied last is shown");
    };
    assert_eq!(view.lines(), ["kind: Deployment", "metadata: {}"]);
}

#[test]
fn an_object_goes_to_the_pager_and_one_of_the_cluster_that_was_left_to_nobody() {
    let mut hands = Hands::observer();
    hands.press("2");
    hands.select("cortex-web");
    let token = super::fetch_token(&hands.press("g v"));
    let answer = || Ok(Fetched::Text("kind: Deployment\n".to_owned()));
    let effects = hands.tell(Msg::Fetched(token, answer()));
    assert!(
        matches!(effects.as_slice(), [Effect::Pager(PagerOf::Text { .. }), ..]),
        "{effects:?}"
    );
    let token = super::fetch_token(&hands.press("g v"));
    hands.go_to("prod-us");
    assert!(
        hands
            .tell(Msg::Fetched(token, answer()))
            .iter()
            .all(|e| !matches!(e, Effect::Pager(_)))
    );
    hands.press("?");
    assert!(matches!(
        hands.press("|").as_slice(),
        [Effect::Pager(PagerOf::Screen), ..]
    ));
}

#[test]
fn a_shell_is_asked_for_twice_and_policy_and_place_hold_to_the_end() {
    let mut hands = Hands::operator();
    hands.press("1");
    assert!(!shell(&hands.press("a t")));
    assert!(hands.told().contains("off in production"), "{}", hands.told());
    staging(&mut hands);
    let runs = hands.names().into_iter().find(|n| n.starts_with("cortex-api")).unwrap();
    hands.select(&runs);
    hands.press("a t");
    assert!(
        matches!(hands.app.layers.last(), Some(Layer::Question(_))),
        "{:?}",
        hands.app.layers
    );
    assert!(!shell(&hands.press("enter")), "the answer at hand is no");
    hands.press("a t");
    let y = crate::keys::Chord::plain(crate::keys::Key::Char('y'));
    assert!(!shell(&hands.key(y)), "keys typed ahead are not heard");
    let effects = hands.press("y");
    assert!(shell(&effects) && executed(&effects).is_none(), "{effects:?}");
    hands.press("a t");
    hands.go_to("prod-us");
    assert!(
        hands.app.layers.is_empty(),
        "a question does not go along to another cluster"
    );
    hands.app.seat.exec = Some(false);
    staging(&mut hands);
    hands.tell(batch(rows()));
    hands.press("a t");
    assert!(hands.told().contains("policy forbids it"), "{}", hands.told());
    let mut hands = Hands::observer();
    staging(&mut hands);
    assert!(!shell(&hands.press("1 a t")));
    assert!(
        hands.app.layers.is_empty() && hands.told().contains("read-only"),
        "{}",
        hands.told()
    );
    assert!(!shell(&hands.press("y")));
}

#[test]
fn no_shell_is_opened_in_a_freeze_also_where_it_began_while_the_question_stood_there() {
    let mut hands = Hands::operator();
    hands.press("1");
    staging(&mut hands);
    let runs = hands.names().into_iter().find(|n| n.starts_with("cortex-api")).unwrap();
    hands.select(&runs);
    hands.press("a t");
    assert!(matches!(hands.app.layers.last(), Some(Layer::Question(_))));
    hands.app.seat.freezes = vec![crate::action::Freeze {
        name: "release week".to_owned(),
        from: hands.now,
        until: hands.now + jiff::SignedDuration::from_hours(1),
    }];
    assert!(!shell(&hands.press("y")));
    for _ in 0..2 {
        assert!(
            hands.told().contains("a freeze holds: release week"),
            "{}",
            hands.told()
        );
        assert!(hands.app.layers.is_empty());
        hands.press("a t");
    }
}

#[test]
fn whatever_was_said_is_in_the_list_and_can_be_copied() {
    let mut hands = Hands::operator();
    hands.tell(Msg::Notice(Notice::error("the spool cannot be written: disk full")));
    hands.wait(500);
    hands.tell(Msg::Notice(Notice::info("the report is in /tmp/report.md")));
    hands.wait(10_000);
    hands.tell(Msg::Tick);
    assert_eq!(
        hands.app.toasts.len(),
        1,
        "an error stays until a key was pressed, the other is gone"
    );
    hands.press("A");
    let said: Vec<bool> = hands
        .app
        .doings()
        .iter()
        .map(|d| matches!(d, Doing::Said(s) if s.notice.error))
        .collect();
    assert_eq!(said, [false, true], "newest first, and nothing is lost");
    let text = copied(&hands.press("j y")).unwrap().to_owned();
    assert!(
        text.ends_with("disk full") && text.starts_with("2026-11-21T11:30"),
        "{text}"
    );
}

#[test]
fn a_key_that_did_nothing_is_told_and_is_not_among_what_was_done() {
    let mut hands = Hands::operator();
    hands.press("a u");
    assert!(!hands.told().is_empty());
    assert!(hands.app.doings().is_empty(), "{:?}", hands.app.doings());
    // One of a list is taken: there is nothing to mark.
    hands.press("s p tab");
    assert!(hands.told().contains("only one is taken here"), "{}", hands.told());
    hands.press("esc");
    // Whatever the reason: a command that cannot be used now, marks that do not fit, a paste.
    for command in crate::app::command::rows() {
        let before = hands.app.layers.len();
        let refused = crate::app::command::find(command.id).is_some_and(|c| (c.when)(&hands.app).is_err());
        if refused {
            hands.app.run_command(command.id);
            assert_eq!(hands.app.layers.len(), before, "{}", command.id);
        }
    }
    hands.press("2 m a a p");
    assert!(hands.told().contains("unmark it"), "{}", hands.told());
    hands.app.run_command("no.such.command");
    assert!(hands.app.doings().is_empty(), "{:?}", hands.app.doings());
    // What was begun and failed is news.
    hands.tell(Msg::NotAsked("1".to_owned(), "the spool is full".to_owned()));
    assert_eq!(hands.app.doings().len(), 1, "{:?}", hands.app.doings());
}

#[test]
fn a_value_is_drawn_over_time_and_no_further_back_than_it_was_seen_here() {
    use crate::app::ItemRef;
    use crate::model::{Batch, Queue, QueueCounts, Queues, Seen, Source, SourceId, SourceKind};
    let mut hands = Hands::operator();
    let id = SourceId {
        kind: SourceKind::Queues,
        name: "cortex".into(),
    };
    hands.app.sources = vec![id.clone()];
    for minute in 0..20_i64 {
        hands.wait(60_000);
        let counts = QueueCounts {
            ready: 100 * minute as u64,
            ..QueueCounts::default()
        };
        let queue = Queue {
            name: "default".into(),
            counts: Seen {
                value: Some(std::sync::Arc::new(counts)),
                at: Some(hands.now),
                problem: None,
            },
            ..Queue::default()
        };
        let queues = Queues {
            queues: vec![queue],
            ..Queues::default()
        };
        hands.tell(Msg::World(Batch {
            sources: vec![(id.clone(), Source::Queues(std::sync::Arc::new(queues)))],
            reach: vec![(id.clone(), crate::model::Freshness::Fresh)],
            ..Batch::default()
        }));
    }
    hands.press("3 h");
    let Some(Layer::Chart(view)) = hands.app.layers.last().cloned() else {
        panic!("{:?} {}", hands.app.layers.last(), hands.told());
    };
    assert_eq!(view.range().0, "1 h", "the shortest that holds 19 minutes");
    let ready = |hands: &Hands| {
        let of = ItemRef::Queue {
            source: "cortex".into(),
            queue: "default".into(),
        };
        hands.app.charts(&of).remove(0).points
    };
    let points = ready(&hands);
    assert_eq!((points.len(), points[19].1), (20, 1900.0));
    hands.press("right tab left left");
    let Some(Layer::Chart(view)) = hands.app.layers.last() else {
        panic!("still the chart");
    };
    assert_eq!((view.range().0, view.at), ("6 h", 1));
    hands.go_to("prod-us");
    assert!(
        ready(&hands).is_empty(),
        "what was seen elsewhere is no history of what is seen here"
    );
}

#[test]
fn who_does_not_look_is_polled_for_less_until_something_is_under_way() {
    let mut hands = Hands::operator();
    hands.app.sources = vec![crate::model::SourceId {
        kind: crate::model::SourceKind::Redis,
        name: "cache".into(),
    }];
    hands.press("5");
    let wanted = |effects: Vec<Effect>| {
        effects.into_iter().find_map(|e| match e {
            Effect::Want(wanted) => Some(wanted.sources.len()),
            _ => None,
        })
    };
    assert_eq!(wanted(hands.tell(Msg::Focus(false))), Some(0));
    assert_eq!(wanted(hands.tell(Msg::Focus(true))), Some(1));
}

#[test]
fn a_key_that_means_nothing_says_so_over_whatever_is_open_where_help_is_at_hand() {
    for keys in ["", "1 enter", "2 H", "1 y", "2 l", "2 h", "r", "A", "T", "!"] {
        let mut hands = Hands::operator();
        if !keys.is_empty() {
            hands.press(keys);
        }
        hands.app.toasts.clear();
        hands.press("Y");
        assert!(
            hands.told().starts_with("Y does nothing here"),
            "{keys}: {}",
            hands.told()
        );
        assert!(hands.screen().contains("Y does nothing here"), "{keys}");
    }
    // What is typed is text, and a dialog has its keys in its footer.
    for keys in [":", "/", "C", "2 a s", "q"] {
        let mut hands = Hands::operator();
        hands.press(keys);
        hands.press("Y");
        assert_eq!(hands.told(), "", "{keys}");
    }
}
