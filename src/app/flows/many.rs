//! Whatever comes in whatever order (news, keys in the filter, another order, the cursor), a list that only follows what
//! changed is the list that reading everything anew gives.

use std::sync::Arc;

use fastrand::Rng;

use super::Hands;
use crate::app::List;
use crate::model::{Batch, Change, Pod};

/// Words, what lacks them, letters in order, patterns, columns, labels, and what is none of them yet.
const TYPED: [&str; 12] = [
    "cortex",
    "!web",
    "wo er",
    "~ctxw",
    "/w.r[a-k]/",
    "restarts>3",
    "app=cortex-w*",
    "-l app",
    "Running",
    "\"-wo\"",
    "age>1h",
    "!~zz e",
];

/// What a list shows: its rows in their order, and how many there are in all.
type Seen = (Vec<String>, usize);

fn seen(list: &List) -> Seen {
    let names = list.rows().iter().map(|r| r.order().1.to_owned());
    (names.collect(), list.total)
}

fn read_anew(hands: &Hands) -> Seen {
    let shown = hands.app.list(hands.app.pane);
    let mut list = List::default();
    list.sort.clone_from(&shown.sort);
    list.filter.clone_from(&shown.filter);
    list.wrong_only = shown.wrong_only;
    crate::panes::refresh(&hands.app, hands.app.active_pane(), &mut list);
    seen(&list)
}

fn sorted((mut names, total): Seen) -> Seen {
    names.sort();
    (names, total)
}

/// Some of the pods that there are or were: gone, back, other, or new ones.
fn news(random: &mut Rng, all: &[Arc<Pod>]) -> Vec<Change> {
    let count = random.usize(0..5);
    let change = |random: &mut Rng| {
        let mut pod = Pod::clone(&all[random.usize(..all.len())]);
        if random.u8(0..6) == 0 {
            let name = format!("{}-{}", pod.meta.name, random.u8(0..4));
            pod.meta.uid = format!("uid of {name}").into();
            pod.meta.name = name.into();
        }
        if random.u8(0..4) == 0 {
            return Change::Pod(pod.meta.key(), None);
        }
        pod.restarts = random.u32(0..9);
        pod.is_ready = random.bool();
        if random.bool() {
            pod.status = random
                .choice(["Running", "CrashLoopBackOff", "Weird"])
                .unwrap_or("")
                .into();
        }
        Change::Pod(pod.meta.key(), Some(pod.into()))
    };
    (0..count).map(|_| change(random)).collect()
}

#[test]
fn a_list_that_follows_random_news_filters_orders_and_moves_is_the_list_read_anew() {
    for seed in 0..40 {
        let random = &mut Rng::with_seed(seed);
        let mut hands = Hands::operator();
        let all: Vec<Arc<Pod>> = hands.app.world.pods.values().cloned().collect();
        let mut did = Vec::new();
        for _ in 0..60 {
            // The order holds for five seconds after the cursor moved.
            let wait = if random.bool() { 6_000 } else { 200 };
            hands.wait(wait);
            let chosen = hands.app.list(hands.app.pane).chosen().cloned();
            let mut moves = false;
            match random.u8(0..8) {
                0 => {
                    let order = ["s n", "s t", "s a", "s w", "s r"];
                    let order = order[random.usize(..order.len())];
                    hands.press(order);
                    did.push(order.to_owned());
                }
                1 => {
                    let key = ["j", "k", "G", "ctrl-f"][random.usize(..4)];
                    hands.press(key);
                    moves = true;
                    did.push(key.to_owned());
                }
                2 | 3 => {
                    let text = TYPED[random.usize(..TYPED.len())];
                    let text = &text[..random.usize(..=text.len())];
                    hands.press("/ ctrl-u");
                    hands.types(text);
                    if random.bool() && !text.is_empty() {
                        hands.press("backspace");
                    }
                    hands.press("enter");
                    // A letter on the way may hide the chosen row, and then another is chosen.
                    moves = true;
                    did.push(format!("/{text}"));
                }
                _ => {
                    let changes = news(random, &all);
                    did.push(format!("{} pods", changes.len()));
                    hands.tell(crate::app::Msg::World(Batch {
                        changes,
                        ..Batch::default()
                    }));
                }
            }
            let list = hands.app.list(hands.app.pane);
            let (is, should) = (seen(list), read_anew(&hands));
            assert_eq!(sorted(is.clone()), sorted(should.clone()), "seed {seed}: {did:?}");
            // While the order is held only news may break it; six seconds later it is whole again.
            if !list.holds(hands.now) {
                hands.tell(crate::app::Msg::World(Batch::default()));
                assert_eq!(seen(hands.app.list(hands.app.pane)), should, "seed {seed}: {did:?}");
            }
            let list = hands.app.list(hands.app.pane);
            let still = chosen.filter(|uid| !moves && list.rows().iter().any(|r| r.uid() == uid));
            if still.is_some() {
                assert_eq!(list.chosen(), still.as_ref(), "seed {seed}: {did:?}");
            }
        }
    }
}
