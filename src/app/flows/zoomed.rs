//! A table on the whole screen, and the row under the cursor in full beneath it.

use super::Hands;
use crate::app::Effect;
use crate::app::pointer::Spot;
use crate::model::Kind;
use crate::panes::PaneId;
use crate::ui::spot;

/// Where the heading of the row in full stands, and what it says.
fn heading(screen: &str) -> Option<(u16, &str)> {
    let mut lines = (0..).zip(screen.lines());
    lines.find(|(_, line)| line.starts_with('├'))
}

#[test]
fn under_a_zoomed_table_stands_the_row_under_the_cursor_and_nothing_is_read_for_it() {
    let mut hands = Hands::operator();
    hands.press("2");
    assert_eq!(heading(&hands.screen()), None, "beside others there is no room for it");
    let effects = hands.press("z");
    let reads = |e: &Effect| match e {
        Effect::Want(wanted) => wanted.kinds.contains(&Kind::Event) || wanted.metrics,
        Effect::Fetch(..) => true,
        _ => false,
    };
    assert!(!effects.iter().any(reads), "{effects:?}");
    for _ in 0..3 {
        let (screen, selected) = (hands.screen(), hands.selected());
        let (y, line) = heading(&screen).unwrap();
        assert!(line.contains(&format!("/{selected} ")), "{line}");
        let below: String = screen.lines().skip(usize::from(y)).collect();
        assert!(below.contains("strategy") && below.contains("selector"), "{screen}");
        // The cursor and the pointer stay with the rows.
        let cursor = hands.drawn().cursor.unwrap();
        assert!(cursor.y < y);
        let at = hands.app.list(PaneId::Rollouts).cursor;
        assert_eq!(spot(&hands.app, 10, cursor.y), Spot::Row(PaneId::Rollouts, at));
        assert_eq!(spot(&hands.app, 10, y + 2), Spot::Pane(PaneId::Rollouts));
        hands.press("j");
    }
}

#[test]
fn it_takes_no_row_from_the_table() {
    let mut hands = Hands::operator();
    hands.press("1 z");
    let (mut with, mut without) = (0, 0);
    for height in 12..60 {
        let screen = hands.screen_of(120, height);
        match heading(&screen) {
            None => without += 1,
            Some((y, _)) => {
                with += 1;
                let rows: Vec<&str> = screen.lines().take(usize::from(y)).collect();
                let end = |name: &str| name.get(name.len() - 5..).unwrap().to_owned();
                let missing = hands
                    .names()
                    .into_iter()
                    .find(|n| !rows.iter().any(|l| l.contains(&end(n))));
                assert_eq!(missing, None, "{screen}");
            }
        }
    }
    assert!(with > 0 && without > 0, "{with} with, {without} without");
}
