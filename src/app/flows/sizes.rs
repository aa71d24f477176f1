//! Every screen at every size: nothing falls over, nothing stands beside the terminal.

use super::{Hands, incident, jumps, revisions};
use crate::app::msg::{Fetched, LogBatch, LogLine};
use crate::app::{Effect, Layer, Msg};
use crate::model::{Batch, Change, Event};
use crate::{picture, text};

/// Text of others: wide, combined, far too long.
const FOREIGN: &str = "配置が失敗しました 🚀 e\u{301}clair\t👩‍👩‍👧 \u{1b}[31m x";

/// Columns and rows, from nothing to more than there is to show; those at which a screen is laid out otherwise, and
/// beside them.
const SIZES: [(u16, u16); 16] = [
    (1, 1),
    (2, 70),
    (250, 1),
    (39, 24),
    (40, 10),
    (41, 11),
    (47, 40),
    (57, 13),
    (79, 23),
    (81, 12),
    (100, 10),
    (109, 30),
    (110, 30),
    (120, 38),
    (201, 14),
    (250, 70),
];

/// A console on the whole platform, with a page of foreign text.
fn hands() -> Hands {
    let mut hands = jumps::platform();
    let events = hands.app.world.events.values().take(9).map(|e| {
        let mut event = Event::clone(e);
        event.message = FOREIGN.repeat(9).into();
        event.reason = FOREIGN.into();
        Change::Event(event.meta.key(), Some(event.into()))
    });
    let changes = events.collect();
    hands.tell(Msg::World(Batch {
        changes,
        ..Batch::default()
    }));
    hands
}

/// After these keys.
fn after(keys: &str) -> Hands {
    let mut hands = hands();
    hands.press(keys);
    hands
}

/// A plan as it comes back for that.
fn planned(keys: &str) -> Hands {
    let mut hands = hands();
    hands.press("2");
    hands.select("cortex-web");
    let effects = hands.press(keys);
    hands.answer(&effects);
    hands
}

fn logs() -> Hands {
    let mut hands = hands();
    let effects = hands.press("2 l");
    let Some(Effect::OpenLogs(token, _)) = effects.first() else {
        panic!("{effects:?}")
    };
    let line = |n: usize| LogLine {
        pod: "cortex-web-7f67948884-6vr9r".into(),
        container: "web".into(),
        at: Some(hands.now),
        text: FOREIGN.repeat(n % 7),
        note: n == 50,
    };
    let lines = (0..90).map(line).collect();
    hands.tell(Msg::Logs(
        *token,
        LogBatch {
            lines,
            ..LogBatch::default()
        },
    ));
    hands
}

fn history() -> Hands {
    let mut hands = hands();
    hands.press("2");
    hands.select("cortex-web");
    let token = super::fetch_token(&hands.press("h"));
    hands.tell(Msg::Fetched(token, Ok(Fetched::History(revisions(40)))));
    hands.press("tab");
    hands
}

fn yaml() -> Hands {
    let mut hands = hands();
    let token = super::fetch_token(&hands.press("2 y"));
    let text = format!("kind: Deployment\nwhy: {}\n", FOREIGN.repeat(30)).repeat(60);
    hands.tell(Msg::Fetched(token, Ok(Fetched::Text(text))));
    hands
}

/// A prefix whose popup is open.
fn pending() -> Hands {
    let mut hands = after("2 a");
    hands.wait(400);
    hands.tell(Msg::Tick);
    hands
}

fn crowded() -> Hands {
    let mut hands = hands();
    for n in 0..4 {
        hands.wait(10);
        hands.app.run_command("no.such.command");
        hands.tell(Msg::Notice(crate::app::Notice::error(
            format!("{n} {FOREIGN} ").repeat(9),
        )));
    }
    hands
}

/// Draws it at every size.
fn holds(name: &str, mut hands: Hands) {
    for (width, height) in SIZES {
        hands.tell(Msg::Resize(width, height));
        let drawn = hands.drawn();
        let at = format!("{name} at {width}×{height}");
        assert_eq!(
            (drawn.cells.area.width, drawn.cells.area.height),
            (width, height),
            "{at}"
        );
        for line in picture::text(&drawn.cells).lines() {
            let wide = text::width(line);
            assert!(wide <= usize::from(width), "{at}: {wide} columns: {line}");
            assert!(!line.contains(char::is_control), "{at}: {line:?}");
        }
        if let Some(cursor) = drawn.cursor {
            assert!(cursor.x < width && cursor.y < height, "{at}: the cursor is at {cursor}");
        }
    }
}

#[test]
fn the_deck_and_every_pane_are_drawn_at_any_size() {
    holds("deck", hands());
    for keys in ["1 z", "2 z", "3 z", "4 z", "6 z", "7 G z", "8", "9", "1 G", "!", "/"] {
        holds(keys, after(keys));
    }
    holds("toasts", crowded());
    holds("which key", pending());
}

#[test]
fn whatever_is_open_is_drawn_at_any_size() {
    let all = [
        "1 enter", "2 enter", "3 enter", "4 enter", "6 enter", "7 enter", "?", ":", "C", "g r", "|", "A", "T", "i",
        "q", "2 H", "2 a s",
    ];
    let open: Vec<(&str, Hands)> = all.into_iter().map(|keys| (keys, after(keys))).collect();
    let nothing: Vec<&str> = open
        .iter()
        .filter(|(_, hands)| hands.app.layers.is_empty())
        .map(|(keys, _)| *keys)
        .collect();
    assert!(nothing.is_empty(), "{nothing:?} open nothing");
    for (keys, hands) in open {
        holds(keys, hands);
    }
    holds("logs", logs());
    holds("history", history());
    holds("yaml", yaml());
}

#[test]
fn plans_runbooks_and_incidents_are_drawn_at_any_size() {
    holds("a plan", planned("a p"));
    let mut typed = planned("a r");
    typed.press("tab");
    typed.types(&FOREIGN.replace(char::is_control, " ").repeat(4));
    holds("a long reason", typed);
    for book in [
        "stalled-rollout",
        "high-latency",
        "incident-response",
        "rolling-restart",
    ] {
        let mut hands = hands();
        hands.press("2");
        hands.select("cortex-web");
        let subject = hands.app.run_subject().unwrap();
        hands.app.start_run(book, subject);
        assert!(matches!(hands.app.layers.last(), Some(Layer::Runbook(_))), "{book}");
        holds(book, hands);
    }
    for keys in ["g t", "g t u", "esc T"] {
        let mut open = incident::at_work();
        open.press(keys);
        assert!(!open.app.layers.is_empty(), "{keys}");
        holds(keys, open);
    }
}
