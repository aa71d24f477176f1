//! Filter, sort, hold, selection; the strip; the palette.

use std::sync::Arc;

use super::{Hands, batch, rows};
use crate::app::command;
use crate::app::layers::Palette;
use crate::app::{Effect, Layer, List, Msg, Strip};
use crate::model::{Batch, Change, Pod};

fn pods(hands: &Hands) -> Vec<Arc<Pod>> {
    hands.app.world.pods.values().cloned().collect()
}

/// The pod as it would come with so many restarts.
fn restarted(pod: &Pod, restarts: u32) -> Change {
    let mut new = pod.clone();
    new.restarts = restarts;
    Change::Pod(new.meta.key(), Some(new.into()))
}

fn changes(changes: Vec<Change>) -> Msg {
    Msg::World(Batch {
        changes,
        ..Batch::default()
    })
}

#[test]
fn filter_and_sort_keep_the_selection_on_its_object() {
    let mut hands = Hands::operator();
    hands.press("j j j");
    let chosen = hands.selected();
    hands.press("s n");
    assert_eq!(hands.selected(), chosen);
    let names = hands.names();
    assert!(names.is_sorted());
    hands.press("s r");
    assert_eq!(hands.selected(), chosen);
    assert!(hands.names().iter().rev().is_sorted());

    // A filter that keeps it leaves the cursor on it; words must all match, !words must not.
    hands.press("/");
    hands.types(&chosen);
    hands.press("enter");
    assert_eq!(hands.selected(), chosen);
    assert!(hands.names().len() < names.len());
    hands.press("/ ctrl-u");
    hands.types("cortex !worker");
    assert!(!hands.names().is_empty());
    assert!(hands.names().iter().all(|n| !n.contains("worker")));
    // Esc in the line takes the filter away.
    hands.press("esc");
    assert_eq!(hands.names().len(), names.len());
    assert!(hands.app.list(hands.app.pane).filter.is_empty());
}

#[test]
fn news_put_in_their_places_give_the_list_that_reading_anew_gives() {
    let read_anew = |hands: &Hands| {
        let shown = hands.app.list(hands.app.pane);
        let mut list = List::default();
        list.sort.clone_from(&shown.sort);
        list.filter.clone_from(&shown.filter);
        crate::panes::refresh(&hands.app, hands.app.active_pane(), &mut list);
        let names = list.rows().iter().map(|r| r.order().1.to_string());
        (names.collect::<Vec<_>>(), list.total)
    };
    for (keys, filter) in [
        ("s w", ""),
        ("s t", "e"),
        ("s t s r", "!worker"),
        ("s a", "r"),
        ("s n s r", "cortex"),
    ] {
        let mut hands = Hands::operator();
        let all = pods(&hands);
        hands.press(keys);
        hands.press("/");
        let mut random = fastrand::Rng::with_seed(7);
        for round in 0..60 {
            // Typing goes on while news arrive.
            if let Some(c) = filter.get(round..=round) {
                hands.types(c);
                assert_eq!(hands.names(), read_anew(&hands).0, "{keys} {filter} typed {c}");
            }
            let news = (0..random.usize(0..4)).map(|_| {
                let pod = &all[random.usize(..all.len())];
                match random.u8(0..4) {
                    0 => Change::Pod(pod.meta.key(), None),
                    1 => Change::Pod(pod.meta.key(), Some(Arc::clone(pod))),
                    _ => {
                        let mut pod = Pod::clone(pod);
                        pod.restarts = random.u32(0..9);
                        pod.is_ready = random.bool();
                        Change::Pod(pod.meta.key(), Some(pod.into()))
                    }
                }
            });
            let news = changes(news.collect());
            hands.wait(6_000);
            hands.tell(news);
            let shown = hands.app.list(hands.app.pane);
            assert_eq!(
                (hands.names(), shown.total),
                read_anew(&hands),
                "{keys} {filter} {round}"
            );
            let counted = crate::panes::Tally::of(hands.app.world.pods.values());
            assert_eq!(hands.app.pod_tally, counted);
        }
    }
}

#[test]
fn the_order_holds_for_five_seconds_after_the_cursor_moved() {
    let mut hands = Hands::operator();
    hands.press("s t s r");
    hands.press("j");
    let (before, chosen) = (hands.names(), hands.selected());
    let last = before.last().unwrap();
    let quiet = pods(&hands)
        .into_iter()
        .find(|p| &*p.meta.name == last.as_str())
        .unwrap();
    // Sorted by restarts either way, this moves the last row to the other end.
    let to = if hands.app.list(hands.app.pane).sort.reverse {
        0
    } else {
        9_999
    };
    let to = if quiet.restarts == to { 9_999 - to } else { to };
    hands.wait(4_000);
    hands.tell(changes(vec![restarted(&quiet, to)]));
    assert_eq!(hands.names(), before, "held");
    hands.wait(1_100);
    hands.tell(changes(vec![restarted(&quiet, to)]));
    assert_ne!(hands.names(), before, "and then not");
    assert_eq!(hands.selected(), chosen, "the selection stays on its object");
}

#[test]
fn until_somebody_moves_the_worst_row_is_selected_and_a_gone_row_leaves_the_cursor_near() {
    let mut hands = Hands::operator();
    assert_eq!(hands.app.list(hands.app.pane).cursor, 0);
    hands.press("j j");
    let gone = hands.selected();
    let pod = pods(&hands)
        .into_iter()
        .find(|p| &*p.meta.name == gone.as_str())
        .unwrap();
    hands.tell(changes(vec![Change::Pod(pod.meta.key(), None)]));
    assert_ne!(hands.selected(), gone);
    assert_eq!(hands.app.list(hands.app.pane).cursor, 2);
}

#[test]
fn a_snoozed_signal_is_the_one_that_was_asked_about_and_comes_back() {
    let mut hands = Hands::operator();
    let shown = |hands: &Hands| Strip::shown(&hands.app.judge).map(|s| s.id).collect::<Vec<_>>();
    let before = shown(&hands);
    assert!(before.len() >= 2, "{before:?}");
    hands.press("! j x");
    // Meanwhile another signal becomes the current one.
    let first = Strip::shown(&hands.app.judge).next().unwrap().key();
    hands.app.strip.select(first);
    hands.types("known, INC-9");
    let effects = hands.press("enter");
    let recorded =
        |e: &Effect| matches!(e, Effect::Record(r) if r.what.starts_with("snooze ") && r.reason == "known, INC-9");
    assert!(effects.iter().any(recorded), "{effects:?}");
    let mut left = before.clone();
    left.remove(1);
    assert_eq!(shown(&hands), left);
    // It counts for half an hour.
    hands.wait(31 * 60_000);
    hands.tell(batch(rows()));
    assert_eq!(shown(&hands).len(), before.len());
}

#[test]
fn a_snooze_is_ended_by_hand() {
    let mut hands = Hands::operator();
    let before = Strip::shown(&hands.app.judge).count();
    hands.press("! x");
    hands.types("known");
    hands.press("enter");
    assert_eq!(Strip::shown(&hands.app.judge).count(), before - 1);
    hands.press("! X");
    hands.wait(2_000);
    hands.tell(batch(rows()));
    assert_eq!(Strip::shown(&hands.app.judge).count(), before);
}

#[test]
fn the_palette_finds_every_command_by_its_name_and_by_its_sentence() {
    let hands = Hands::operator();
    for c in command::all().filter(|c| crate::app::layers::listed(c)) {
        for text in [c.id.replace(['.', '_'], " "), c.doc.to_owned()] {
            let mut palette = Palette::default();
            // The pattern's own signs (! ^ $ ' |) are no part of a sentence.
            let text: String = text
                .chars()
                .map(|c| if c.is_alphanumeric() { c } else { ' ' })
                .collect();
            palette.field.set(&text);
            palette.refresh(&hands.app);
            assert!(palette.entries.iter().any(|e| e.name == c.id), "{text}");
        }
    }
}

#[test]
fn a_command_runs_from_the_palette_as_from_its_key() {
    let mut hands = Hands::operator();
    hands.press(":");
    hands.types("go to the rollouts");
    hands.press("enter");
    assert_eq!(hands.app.pane, crate::panes::PaneId::Rollouts);
    hands.select("cortex-web");
    hands.press(":");
    hands.types("rollout restart");
    let effects = hands.press("enter");
    assert!(matches!(
        super::asked(&effects).1,
        crate::action::Request::Restart { .. }
    ));
}

#[test]
fn leaving_for_the_strip_ends_the_log_stream() {
    let mut hands = Hands::operator();
    hands.press("l");
    let effects = hands.press("!");
    assert!(effects.iter().any(|e| matches!(e, Effect::CloseLogs(_))), "{effects:?}");
    assert!(hands.app.layers.is_empty());
}

#[test]
fn a_runbook_from_the_list_is_for_the_object_that_was_selected_then() {
    let mut hands = Hands::operator();
    hands.press("2");
    hands.select("cortex-api");
    hands.press("g r");
    hands.select("cortex-web");
    hands.types("stalled");
    hands.press("enter");
    assert!(matches!(hands.app.layers.last(), Some(Layer::Runbook(_))));
    let subject = hands.app.runs[0].run.subject();
    assert_eq!(&*subject.workload.as_ref().unwrap().name, "cortex-api");
}

#[test]
fn the_worst_leads_until_a_row_is_chosen_and_the_strip_again_once_it_is_stepped_through() {
    let mut hands = Hands::operator();
    hands.wait(200_000);
    hands.tell(Msg::Tick);
    let at_hand = |hands: &Hands| hands.app.signal_at_hand().unwrap().key();
    let shown: Vec<_> = crate::app::Strip::shown(&hands.app.judge)
        .map(crate::signal::Signal::key)
        .collect();
    assert!(shown.len() > 1, "{shown:?}");
    assert_eq!(at_hand(&hands), shown[0], "whatever stands in the first row");
    hands.press("n");
    assert_eq!(at_hand(&hands), shown[1]);
    hands.press("n N");
    assert_eq!(at_hand(&hands), shown[1]);
    // Who chooses a row means that row, here and on another pane.
    let name = shown[0].subject.name().to_owned();
    hands.press("2");
    hands.select(&name);
    assert_eq!(at_hand(&hands).subject, shown[0].subject);
    hands.press("n");
    assert_eq!(at_hand(&hands), shown[1], "stepped through from the row's own");
}

#[test]
fn a_filter_puts_the_cursor_on_its_first_hit_and_back_where_it_is_given_up() {
    let mut hands = Hands::operator();
    hands.press("1");
    hands.select("cortex-worker-5455954757-7vwmz");
    let other = hands
        .names()
        .into_iter()
        .filter(|n| !n.contains("worker"))
        .nth(3)
        .unwrap();
    hands.select(&other);
    hands.press("/");
    hands.types("worker-");
    assert_eq!(hands.selected(), hands.names()[0], "the first hit");
    hands.press("esc");
    assert_eq!(hands.selected(), other, "given up: where it was");
    hands.press("/");
    hands.types("worker-");
    hands.press("enter");
    assert_eq!(hands.selected(), hands.names()[0]);
    // What is selected and among the hits stays selected.
    let last = hands.names().pop().unwrap();
    hands.select(&last);
    hands.press("/");
    hands.press("ctrl-u");
    hands.types("work");
    assert_eq!(hands.selected(), last);
}
