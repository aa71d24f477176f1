//! What lies under the pointer is what is drawn there: each row, each signal, each folded pane, at any size.

use std::collections::BTreeMap;

use super::{Hands, jumps};
use crate::action::Class;
use crate::app::fleet::{Sister, SisterState};
use crate::app::pointer::Spot;
use crate::app::{ItemRef, Msg, Row, Strip};
use crate::model::{Batch, Change, Pod};
use crate::panes::{self, PaneId};
use crate::ui;

/// What is drawn at the cells of one spot, line by line.
type Drawn = BTreeMap<u16, String>;

/// Every spot of the screen with what is drawn there.
fn spots(hands: &mut Hands) -> Vec<(Spot, Drawn)> {
    let cells = hands.drawn().cells;
    let mut all: Vec<(Spot, Drawn)> = Vec::new();
    for y in 0..cells.area.height {
        for x in 0..cells.area.width {
            let spot = ui::spot(&hands.app, x, y);
            if !all.iter().any(|(known, _)| *known == spot) {
                all.push((spot, Drawn::new()));
            }
            let (_, drawn) = all.iter_mut().find(|(known, _)| *known == spot).unwrap();
            drawn.entry(y).or_default().push_str(cells[(x, y)].symbol());
        }
    }
    all
}

/// What a row is called on the screen.
fn name(row: &Row) -> String {
    match row {
        Row::Event(e) => format!("{}/{}", e.about_kind.to_lowercase(), e.about_name),
        Row::Item(i) => match &i.what {
            // By its statement: the column of process ids may have no room.
            ItemRef::Session { pid, .. } => format!("t{pid}"),
            _ => i.name.to_string(),
        },
        row => row.order().1.to_owned(),
    }
}

/// Whether the name stands in a line, whole or with its middle left out.
fn shows(line: &str, name: &str) -> bool {
    line.split(|c: char| c.is_whitespace() || c == '│')
        .any(|word| match word.split_once('…') {
            Some((head, tail)) => head.len() > 2 && tail.len() > 3 && name.starts_with(head) && name.ends_with(tail),
            None => word == name,
        })
}

/// Holds every cell of the screen against what the mouse is told of it. Gives how many rows were seen.
fn holds(hands: &mut Hands) -> usize {
    let all = spots(hands);
    let screen = hands.screen();
    let mut rows = 0;
    let mut seen: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (spot, drawn) in &all {
        match *spot {
            Spot::Row(pane, at) => {
                let list = hands.app.list(pane);
                let row = list.rows().iter().nth(at).expect("there is such a row");
                let line = drawn.values().next().unwrap();
                assert_eq!(drawn.len(), 1, "{spot:?} is one line:\n{screen}");
                assert!(
                    shows(line, &name(row)),
                    "{spot:?} is {}, drawn is {line}\n{screen}",
                    name(row)
                );
                seen.entry(pane.index()).or_default().push(at);
                rows += 1;
            }
            Spot::Signal(at) => {
                let signal = Strip::shown(&hands.app.judge).nth(at).expect("there is such a signal");
                let line: String = drawn.values().cloned().collect();
                assert!(line.contains(signal.subject.name()), "{spot:?}: {line}\n{screen}");
            }
            Spot::Pane(pane) => {
                let first = drawn.values().next().unwrap();
                let title = format!("{} {}", pane.number(), panes::pane(pane).title);
                let plain = first.split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(plain.contains(&title), "{spot:?}: {first}\n{screen}");
            }
            Spot::Layer | Spot::Elsewhere => {}
        }
    }
    // All rows that have room, and no others.
    for (index, mut places) in seen {
        places.sort_unstable();
        let list = hands.app.lists.get(index).unwrap();
        let last = (list.offset + list.page).min(list.rows().len());
        assert_eq!(places, (list.offset..last).collect::<Vec<_>>(), "{screen}");
    }
    rows
}

/// More pods than fit.
fn crowd(hands: &mut Hands) {
    let pod = hands.app.world.pods.values().next().unwrap().clone();
    let more = (0..60).map(|n| {
        let mut pod = Pod::clone(&pod);
        pod.meta.name = format!("crowd-{n:02}").into();
        pod.meta.uid = pod.meta.name.clone();
        Change::Pod(pod.meta.key(), Some(pod.into()))
    });
    hands.tell(Msg::World(Batch {
        changes: more.collect(),
        ..Batch::default()
    }));
}

fn fleet(hands: &mut Hands) {
    hands.tell(Msg::Fleet(vec![Sister {
        name: "acme-eu".to_owned(),
        class: Class::Production,
        state: SisterState::Seen {
            worst: None,
            critical: 0,
            warning: 0,
        },
    }]));
}

#[test]
fn each_cell_of_a_row_is_that_row_also_where_the_list_is_scrolled() {
    for size in [(120, 40), (80, 24), (57, 13)] {
        let mut hands = jumps::platform();
        crowd(&mut hands);
        hands.tell(Msg::Resize(size.0, size.1));
        let mut rows = 0;
        for keys in [
            "1", "2", "3", "4", "6", "7", "1 G", "ctrl-u", "k k", "2 z", "1", "G", "esc !", "esc",
        ] {
            // Without room for it nothing but the message is there to tell an event from the next.
            if keys == "7" && size.0 < 80 {
                continue;
            }
            hands.press(keys);
            rows += holds(&mut hands);
            if keys.ends_with('G') {
                assert!(hands.app.list(PaneId::Pods).offset > 0, "it is scrolled");
            }
        }
        assert!(rows > 40, "{size:?}: {rows}");
        // A line more above them, where there is room for it, moves them all.
        fleet(&mut hands);
        let drawn = hands.screen();
        assert_eq!(drawn.contains("acme-eu"), size.0 > 80, "{drawn}");
        assert!(holds(&mut hands) > 0);
    }
}

#[test]
fn what_lies_under_something_that_is_open_cannot_be_pointed_at() {
    for keys in ["1 enter", "2 h", "l", "g t"] {
        let mut hands = Hands::operator();
        hands.press(keys);
        assert!(!hands.app.layers.is_empty());
        let beneath = |spot: &Spot| matches!(spot, Spot::Row(..) | Spot::Pane(_));
        assert!(!spots(&mut hands).iter().any(|(spot, _)| beneath(spot)), "{keys}");
    }
}
