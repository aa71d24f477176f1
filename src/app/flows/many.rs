//! Whatever comes in whatever order (news, keys in the filter, another order, the cursor), a list that only follows what
//! changed is the list that reading everything anew gives.

use std::sync::Arc;

use fastrand::Rng;

use super::Hands;
use crate::app::List;
use crate::model::{Batch, Change, Kind, Pod, Uid, World};

/// Words, what lacks them, letters in order, patterns, columns, labels, and what is none of them yet.
const TYPED: [&str; 14] = [
    "cortex",
    "!web",
    "wo er",
    "~ctxw",
    "/w.r[a-k]/",
    "restarts>3",
    "app=cortex-w*",
    "-l app",
    "-l app in (cortex-web,x) o",
    "owner=deploy/cortex-w*",
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

/// Some of the pods that there are or were: gone, back, other, or new ones; and a controller that is known late.
fn news(random: &mut Rng, all: &World) -> Vec<Change> {
    let pods: Vec<&Arc<Pod>> = all.pods.values().collect();
    let change = |random: &mut Rng| {
        let mut pod = Pod::clone(pods[random.usize(..pods.len())]);
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
    let mut changes: Vec<Change> = (0..random.usize(0..5)).map(|_| change(random)).collect();
    let controller = random.choice(all.replica_sets.iter());
    changes.extend(controller.map(|(key, row)| {
        let row = random.bool().then(|| Arc::clone(row));
        Change::Revision(Kind::ReplicaSet, key.clone(), row)
    }));
    changes
}

/// Who has the cursor.
#[derive(Clone, Debug, PartialEq)]
struct Cursor {
    line: usize,
    /// The object that somebody moved it to.
    chosen: Option<Uid>,
    /// The one that a filter took from under it.
    lost: Option<Uid>,
}

impl Cursor {
    fn of(hands: &Hands, lost: Option<Uid>) -> Self {
        let list = hands.app.list(hands.app.pane);
        Self {
            line: list.cursor,
            chosen: list.chosen().cloned(),
            lost,
        }
    }

    /// Where it must be now. It stays on its object; where that is gone, near to where it was. Where a filter took it, it
    /// is on the first row until the filter shows it again. Nobody's is on the first.
    fn follow(&mut self, hands: &Hands, filtered: bool, did: &[String]) {
        let list = hands.app.list(hands.app.pane);
        let uids: Vec<&Uid> = list.rows().iter().map(|r| r.uid()).collect();
        let line_of = |uid: &Option<Uid>| uids.iter().position(|u| Some(*u) == uid.as_ref());
        // What is gone for good is nothing to go back to.
        self.lost = self.lost.take().filter(|lost| list.uids().any(|uid| uid == lost));
        if filtered {
            if line_of(&self.lost).is_some() {
                self.chosen = self.lost.take();
            } else if self.chosen.is_some() && line_of(&self.chosen).is_none() {
                self.lost = self.chosen.take();
            }
        }
        self.line = match (&self.chosen, line_of(&self.chosen)) {
            (None, _) => 0,
            (Some(_), Some(line)) => line,
            (Some(_), None) => self.line.min(uids.len().saturating_sub(1)),
        };
        if self.chosen.is_some() {
            self.chosen = uids.get(self.line).map(|uid| Uid::clone(uid));
        }
        assert_eq!(*self, Self::of(hands, self.lost.clone()), "{did:?}");
    }
}

#[test]
fn a_list_that_follows_random_news_filters_orders_and_moves_is_the_list_read_anew() {
    for seed in 0..40 {
        let random = &mut Rng::with_seed(seed);
        let mut hands = Hands::operator();
        let all = hands.app.world.clone();
        let mut did = vec![format!("seed {seed}")];
        let mut cursor = Cursor::of(&hands, None);
        for _ in 0..60 {
            // The order holds for five seconds after the cursor moved.
            hands.wait(if random.bool() { 6_000 } else { 200 });
            cursor.follow(&hands, false, &did);
            match random.u8(0..8) {
                0 => {
                    let order = ["s n", "s t", "s a", "s w", "s r"];
                    let order = order[random.usize(..order.len())];
                    hands.press(order);
                    did.push(order.to_owned());
                    cursor.follow(&hands, false, &did);
                }
                1 => {
                    let key = ["j", "k", "G", "ctrl-f"][random.usize(..4)];
                    hands.press(key);
                    did.push(key.to_owned());
                    cursor = Cursor::of(&hands, None);
                }
                2 | 3 => {
                    let text = TYPED[random.usize(..TYPED.len())];
                    let text: String = text.chars().take(random.usize(..=text.len())).collect();
                    did.push(format!("/{text}"));
                    let mut press = |hands: &mut Hands, key: &str| {
                        let before = hands.app.list(hands.app.pane).filter.clone();
                        match key.strip_prefix("letter ") {
                            Some(letter) => hands.types(letter),
                            None => hands.press(key),
                        };
                        did.push(key.to_owned());
                        let filtered = hands.app.list(hands.app.pane).filter != before;
                        cursor.follow(hands, filtered, &did);
                    };
                    press(&mut hands, "/");
                    press(&mut hands, "ctrl-u");
                    for letter in text.chars() {
                        press(&mut hands, &format!("letter {letter}"));
                    }
                    if random.bool() && !text.is_empty() {
                        press(&mut hands, "backspace");
                    }
                    // What is understood is taken, and the cursor with it.
                    let before = hands.app.list(hands.app.pane).cursor;
                    hands.press("enter");
                    if hands.app.layers.is_empty() {
                        cursor = Cursor::of(&hands, None);
                        assert_eq!(cursor.line, before, "{did:?}");
                    } else {
                        press(&mut hands, "esc");
                    }
                }
                _ => {
                    let changes = news(random, &all);
                    did.push(format!("{} changes", changes.len()));
                    hands.tell(crate::app::Msg::World(Batch {
                        changes,
                        ..Batch::default()
                    }));
                    cursor.follow(&hands, false, &did);
                }
            }
            let list = hands.app.list(hands.app.pane);
            let (is, should) = (seen(list), read_anew(&hands));
            assert_eq!(sorted(is.clone()), sorted(should.clone()), "{did:?}");
            // While the order is held only news may break it; six seconds later it is whole again.
            if !list.holds(hands.now) {
                hands.tell(crate::app::Msg::World(Batch::default()));
                assert_eq!(seen(hands.app.list(hands.app.pane)), should, "{did:?}");
                cursor.follow(&hands, false, &did);
            }
        }
    }
}
