//! Finding things: the filter's language by keys, columns, marks and what is done to them, jumps and the way back.

use super::{Hands, asked, batch, done, rows};
use crate::action::{Outcome, Request, Stage};
use crate::app::{Effect, Layer, Msg};
use crate::model::{Batch, Change, FeedId, Freshness};
use crate::panes::{self, PaneId};

fn complaint(hands: &Hands) -> Option<String> {
    match hands.app.layers.last() {
        Some(Layer::Prompt(p)) => p.complaint.clone(),
        other => panic!("no line is typed but {other:?}"),
    }
}

#[test]
fn what_is_not_understood_is_told_in_place_and_the_last_good_filter_stays() {
    let mut hands = Hands::operator();
    hands.press("/");
    hands.types("restarts>0");
    let good = hands.names();
    assert!(!good.is_empty() && good.len() < hands.app.world.pods.len());
    hands.press("enter /");
    hands.tell(Msg::Paste(" nope>3".to_owned()));
    assert!(complaint(&hands).unwrap().contains("no column nope"));
    assert_eq!(hands.names(), good);
    // What one passes through on the way is no filter that was meant.
    hands.press("ctrl-u");
    hands.types("age<2");
    assert!(hands.names().is_empty());
    hands.types("x");
    assert!(
        complaint(&hands).unwrap().contains("age<2x: a number is wanted"),
        "{:?}",
        complaint(&hands)
    );
    assert_eq!(
        (hands.names(), hands.app.list(PaneId::Pods).filter.as_str()),
        (good.clone(), "restarts>0")
    );
    // Enter does not take it either.
    hands.press("enter");
    assert!(complaint(&hands).is_some());
    hands.press("ctrl-u");
    hands.types("-l app=cortex-web status!=Running");
    assert!(complaint(&hands).is_none());
    assert!(!hands.names().is_empty() && hands.names().iter().all(|n| n.starts_with("cortex-web")));
    hands.press("enter");
    // Up brings it back, tab ends a column's name.
    hands.press("esc / up");
    assert_eq!(hands.app.list(PaneId::Pods).filter, "-l app=cortex-web status!=Running");
    hands.press("ctrl-u");
    hands.types("resta");
    hands.press("tab");
    hands.types(">5");
    hands.press("enter");
    assert_eq!(hands.app.list(PaneId::Pods).filter, "restarts>5");
}

#[test]
fn a_redis_leads_to_its_queues_and_an_alert_to_the_workload_that_its_labels_name() {
    use crate::model::{Alert, Prometheus, Queue, Queues, Redis, RedisNode, Seen, Source, SourceId, SourceKind};
    use std::sync::Arc;
    let mut hands = Hands::operator();
    let id = |kind| SourceId {
        kind,
        name: "main".into(),
    };
    let kinds = [SourceKind::Redis, SourceKind::Queues, SourceKind::Prometheus];
    hands.app.sources = kinds.map(id).to_vec();
    let seen = |alerts| Seen {
        value: Some(Arc::new(alerts)),
        at: Some(hands.now),
        problem: None,
    };
    let labels: [(crate::model::Str, crate::model::Str); 2] = [
        ("job".into(), "cortex-web".into()),
        ("namespace".into(), "cortex".into()),
    ];
    let alert = Alert {
        name: "HighErrorRate".into(),
        severity: "critical".into(),
        labels: Arc::new(labels),
        summary: "errors".into(),
        runbook: "".into(),
        since: hands.now,
        fingerprint: "".into(),
        silenced_by: [].into(),
        inhibited: false,
    };
    let redis = Redis {
        nodes: vec![RedisNode {
            address: "redis:6379".into(),
            ..RedisNode::default()
        }],
        holds_queues: true,
        ..Redis::default()
    };
    let queues = Queues {
        queues: vec![Queue {
            name: "default".into(),
            ..Queue::default()
        }],
        ..Queues::default()
    };
    let prometheus = Prometheus {
        alerts: seen(vec![alert]),
        ..Prometheus::default()
    };
    hands.tell(Msg::World(Batch {
        sources: vec![
            (id(SourceKind::Redis), Source::Redis(Arc::new(redis))),
            (id(SourceKind::Queues), Source::Queues(Arc::new(queues))),
            (id(SourceKind::Prometheus), Source::Prometheus(Arc::new(prometheus))),
        ],
        reach: kinds.map(|kind| (id(kind), Freshness::Fresh)).to_vec(),
        ..Batch::default()
    }));
    for (keys, word, pane) in [
        ("5 g g J", "queue", PaneId::Queues),
        ("8 g g J", "rollout", PaneId::Rollouts),
    ] {
        hands.press(keys);
        hands.types(word);
        hands.press("enter");
        assert_eq!(hands.app.pane, pane, "{keys}: {}", hands.told());
    }
    assert_eq!(hands.selected(), "cortex-web");
}

#[test]
fn a_key_that_means_nothing_says_once_where_keys_are_listed() {
    let mut hands = Hands::operator();
    let help = hands.app.keys_for("app.help");
    hands.press("@");
    assert!(
        hands.told().contains(&format!("{help} lists the keys")),
        "{}",
        hands.told()
    );
    hands.app.toasts.clear();
    hands.press("@ @");
    assert!(hands.app.toasts.is_empty());
}

#[test]
fn what_no_column_shows_can_be_asked_for_and_is_read_then() {
    let mut hands = Hands::operator();
    let pane = panes::pane(PaneId::Pods);
    assert!(panes::columns_of(&hands.app, pane).iter().all(|c| c.id != "cpu"));
    hands.press("/");
    hands.types("cpu>500m mem<1Gi ns=cortex");
    assert_eq!(complaint(&hands), None);
    assert!(hands.names().is_empty());
    assert!(hands.app.wanted.metrics, "it is read from now on");
    let advice = panes::filter_advice(&hands.app, pane, hands.app.list(PaneId::Pods)).unwrap();
    assert!(advice.contains("being read"), "{advice}");
    let key = hands.app.world.pods.keys().next().unwrap().clone();
    let (cpu_m, memory) = (750, 1 << 20);
    let usage = crate::model::Usage { cpu_m, memory };
    hands.tell(Msg::World(Batch {
        pod_usage: Some(vec![(key.clone(), usage)]),
        feeds: vec![(FeedId::Metrics, Freshness::Fresh)],
        ..Batch::default()
    }));
    assert_eq!(hands.names(), [key.name.to_string()]);
}

#[test]
fn the_pods_of_a_workload_are_those_that_it_controls_and_none_whose_name_begins_alike() {
    let mut hands = Hands::operator();
    let web = hands
        .app
        .world
        .pods
        .values()
        .find(|p| p.meta.name.starts_with("cortex-web-"));
    let mut pod = crate::model::Pod::clone(web.unwrap());
    pod.meta.name = "cortex-web-canary-6d5f-x2x4p".into();
    pod.meta.uid = "of-the-canary".into();
    let owner = pod.meta.owner.as_mut().unwrap();
    owner.name = "cortex-web-canary-6d5f".into();
    owner.uid = "the-canary".into();
    let key = pod.meta.key();
    hands.tell(Msg::World(Batch {
        changes: vec![Change::Pod(key, Some(std::sync::Arc::new(pod)))],
        ..Batch::default()
    }));
    hands.press("2");
    hands.select("cortex-web");
    let workload = hands.app.subject_workload().unwrap();
    let mut own: Vec<String> = hands
        .app
        .world
        .pods_of(workload)
        .map(|p| p.meta.name.to_string())
        .collect();
    own.sort();
    assert!(own.len() > 1);
    let sorted = |hands: &Hands| {
        let mut names = hands.names();
        names.sort();
        names
    };
    hands.press("o");
    assert_eq!((hands.app.pane, sorted(&hands)), (PaneId::Pods, own.clone()));
    hands.press("backspace J");
    hands.types("pods");
    hands.press("enter");
    assert_eq!((hands.app.pane, sorted(&hands)), (PaneId::Pods, own));
}

#[test]
fn an_age_in_the_filter_is_asked_again_as_time_passes() {
    let mut hands = Hands::operator();
    hands.press("/");
    let youngest = hands.app.world.pods.values().map(|p| p.meta.created).max().unwrap();
    let age = hands.app.server_now().duration_since(youngest).as_secs();
    hands.types(&format!("age<{}s", age + 60));
    let young = hands.names().len();
    assert!(young > 0);
    hands.press("enter");
    hands.wait(120_000);
    hands.tell(batch(rows()));
    assert!(hands.names().len() < young);
}

#[test]
fn marks_survive_filters_and_what_is_gone_loses_its_mark_and_is_named() {
    let mut hands = Hands::operator();
    hands.press("space j m r");
    let list = hands.app.list(PaneId::Pods);
    assert_eq!(list.marks.len(), 3);
    let names: Vec<String> = list.marks.values().map(|m| m.name.clone()).collect();
    hands.press("m i");
    assert_eq!(hands.app.list(PaneId::Pods).marks.len(), hands.app.world.pods.len() - 3);
    hands.press("m i /");
    hands.types("!cortex");
    hands.press("enter");
    let list = hands.app.list(PaneId::Pods);
    assert_eq!((list.marks.len(), list.hidden_marks()), (3, list.hidden_names().len()));

    let gone = hands
        .app
        .world
        .pods
        .keys()
        .find(|k| *k.name == *names[0])
        .unwrap()
        .clone();
    hands.tell(Msg::World(Batch {
        changes: vec![Change::Pod(gone, None)],
        ..Batch::default()
    }));
    assert_eq!(hands.app.list(PaneId::Pods).marks.len(), 2);
    assert!(hands.told().contains(&names[0]), "{}", hands.told());
}

#[test]
fn one_plan_holds_all_that_is_marked_and_what_failed_stays_marked() {
    let mut hands = Hands::operator();
    hands.press("space space space /");
    hands.types("nothing-is-called-so");
    hands.press("enter");
    let marked = hands.app.list(PaneId::Pods).marks.clone();
    let effects = hands.press("a d");
    let (_, request) = asked(&effects);
    let Request::Together { requests, go_on: false } = &request else {
        panic!("{request:?}");
    };
    assert_eq!((requests.len(), request.name()), (3, "delete-pod"));
    for target in request.targets() {
        assert!(marked.values().any(|m| m.object.as_ref() == Some(target)));
    }
    // What the filter hides is said.
    let aside = hands.plan_layer().aside.clone().unwrap();
    assert!(marked.values().all(|m| aside.contains(&m.name)), "{aside}");

    let id = hands.answer(&effects);
    hands.confirm(&format!("word{}", id.0));
    let answers = [Outcome::Applied, Outcome::Refused("a budget".to_owned())];
    for (step, outcome) in answers.into_iter().enumerate() {
        hands.progress(id, Stage::Executed { step, outcome });
    }
    hands.progress(id, done(Outcome::Refused("a budget".to_owned()), None));
    assert_eq!(hands.app.list(PaneId::Pods).marks.len(), 2);
    let line = hands.app.activities.last().unwrap().line.clone();
    assert!(line.contains("1 of 3 done") && line.contains("1 not tried"), "{line}");
}

#[test]
fn an_observer_plans_nothing_for_marks_either() {
    let mut hands = Hands::observer();
    hands.press("space space");
    assert!(!hands.press("a d").iter().any(|e| matches!(e, Effect::Plan(..))));
    assert!(hands.told().contains("read-only"), "{}", hands.told());
}

#[test]
fn marks_of_another_kind_are_named_rather_than_left_out() {
    let mut hands = Hands::operator();
    hands.press("2 m a a p");
    assert!(hands.told().contains("unmark it"), "{}", hands.told());
    assert!(hands.app.layers.is_empty());
}

#[test]
fn a_jump_goes_to_what_is_related_and_back_to_where_one_was() {
    let mut hands = Hands::operator();
    hands.press("/");
    hands.types("cortex-web");
    hands.press("enter j");
    let pod = hands.selected();
    hands.press("J");
    hands.types("rollout");
    hands.press("enter");
    assert_eq!(
        (hands.app.pane, hands.selected().as_str()),
        (PaneId::Rollouts, "cortex-web")
    );
    hands.press("J");
    hands.types("pods");
    hands.press("enter");
    assert_eq!(hands.app.list(PaneId::Pods).filter, "owner=deploy/cortex-web");
    assert!(!hands.names().is_empty() && hands.names().iter().all(|n| n.starts_with("cortex-web")));
    hands.press("backspace");
    assert_eq!(hands.app.pane, PaneId::Rollouts);
    let filter = &hands.app.list(PaneId::Pods).filter;
    assert_eq!(filter, "cortex-web", "what the jump filtered by is not left behind");
    hands.press("backspace");
    assert_eq!((hands.app.pane, hands.selected()), (PaneId::Pods, pod));
    assert_eq!(hands.app.list(PaneId::Pods).filter, "cortex-web");
    hands.press("backspace");
    assert!(hands.told().contains("nowhere to go back"), "{}", hands.told());
    // From what was opened over the row, too.
    hands.press("J");
    hands.types("logs");
    hands.press("enter");
    assert!(matches!(hands.app.layers.last(), Some(Layer::Logs(_))));
    hands.press("backspace");
    assert!(hands.app.layers.is_empty());
}

#[test]
fn the_palette_goes_to_objects_by_name_and_lists_first_what_was_used() {
    let mut hands = Hands::operator();
    hands.press(":");
    hands.types("ctxweb");
    let Some(Layer::Palette(palette)) = hands.app.layers.last() else {
        panic!("no palette");
    };
    assert_eq!(
        (palette.entries[0].kind, palette.entries[0].name.as_str()),
        ("rollout", "cortex-web")
    );
    hands.press("enter");
    assert_eq!(
        (hands.app.pane, hands.selected().as_str()),
        (PaneId::Rollouts, "cortex-web")
    );
    hands.press(":");
    hands.types("sort by age");
    hands.press("enter :");
    let Some(Layer::Palette(palette)) = hands.app.layers.last() else {
        panic!("no palette");
    };
    assert_eq!(palette.entries[0].name, "sort.age");
}

/// What the palette offers first for it.
fn first(hands: &mut Hands, typed: &str) -> crate::app::layers::Entry {
    hands.press("esc :");
    hands.types(typed);
    match hands.app.layers.last() {
        Some(Layer::Palette(p)) => p
            .entries
            .first()
            .cloned()
            .unwrap_or_else(|| panic!("nothing for {typed}")),
        other => panic!("no palette but {other:?}"),
    }
}

#[test]
fn the_word_that_was_typed_goes_first_and_what_changes_something_is_never_found_by_accident() {
    let mut hands = Hands::operator();
    hands.press("2");
    hands.select("cortex-web");
    hands.app.used("command app.quit".to_owned());
    for (typed, name) in [
        ("cordon", "action.cordon"),
        ("action.cordon", "action.cordon"),
        ("drain", "node-drain"),
        ("undo", "action.undo"),
        ("explain", "statement.plan"),
        ("restart", "action.restart"),
        ("api", "cortex-api"),
        ("cortex-api", "cortex-api"),
        ("po", "pane.pods"),
        ("dp", "pane.rollouts"),
        ("no", "pane.nodes"),
        ("ns", "namespace.pick"),
        ("ctx", "context.pick"),
        ("ev", "pane.events"),
        ("job", "jobs"),
        ("svc", "Services"),
        ("secrets", "Secrets"),
        ("ing", "Ingresses"),
        ("q", "app.quit"),
        ("wq", "app.quit"),
    ] {
        assert_eq!(first(&mut hands, typed).name, name, ":{typed}");
    }
    // What cannot be used says why, and nothing happens.
    for (typed, why) in [("cordon", "no node"), ("svc", "no table")] {
        assert!(first(&mut hands, typed).why_not.unwrap().contains(why), "{typed}");
        assert!(hands.press("enter").is_empty());
        assert!(hands.told().contains(why), "{}", hands.told());
    }
    // Of no letters that only happen to be there.
    for letters in ["rstrt", "delpd", "scl", "odepl", "rolb"] {
        hands.press("esc :");
        hands.types(letters);
        let Some(Layer::Palette(p)) = hands.app.layers.last() else {
            panic!()
        };
        let changes = p.entries.iter().find(|e| e.group == crate::keys::MUTATE);
        assert!(changes.is_none(), "{letters}: {changes:?}");
    }
    assert_eq!(first(&mut hands, "jobs").why_not, None);
    hands.press("enter");
    let views = panes::pane(PaneId::Nodes).views;
    let at = hands.app.views[PaneId::Nodes.index()];
    assert_eq!((hands.app.pane, views[at].id), (PaneId::Nodes, "jobs"));
}

#[test]
fn chosen_columns_and_orders_are_kept_for_the_next_time() {
    let mut hands = Hands::operator();
    hands.press("s a |");
    hands.types("node");
    hands.press("tab ctrl-u");
    hands.types("APP");
    hands.press("tab");
    let effects = hands.press("enter");
    let kept = effects.iter().find_map(|e| match e {
        Effect::Remember(kept) => Some((**kept).clone()),
        _ => None,
    });
    let kept = kept.unwrap();
    let shown = |hands: &Hands| -> Vec<&'static str> {
        let columns = panes::columns_of(&hands.app, hands.app.active_pane());
        columns.iter().map(|c| c.id).collect()
    };
    assert!(!shown(&hands).contains(&"node") && shown(&hands).contains(&"label:app"));
    let mut next = Hands::operator();
    next.app.recall(kept);
    assert_eq!(shown(&next), shown(&hands));
    assert_eq!(next.app.list(PaneId::Pods).sort.column, "age");
    next.press("/");
    next.types("nothing");
    next.press("esc");
    hands.press(":");
    hands.types("columns of this table as they were");
    hands.press("enter");
    assert!(shown(&hands).contains(&"node"));
}

#[test]
fn a_column_without_room_says_so_and_the_first_press_makes_it_show() {
    let mut hands = Hands::operator();
    hands.tell(crate::app::Msg::Resize(80, 24));
    let crowded = |hands: &mut Hands| {
        crate::ui::fit(&mut hands.app);
        match hands.app.layers.last() {
            Some(Layer::Picker(p)) => (p.crowded.clone(), p.marked.clone()),
            other => panic!("{other:?}"),
        }
    };
    hands.press("|");
    let (without, shown) = crowded(&mut hands);
    let one = without.iter().next().expect("80 columns are too few for all").clone();
    assert!(shown.contains(&one));
    if let Some(Layer::Picker(p)) = hands.app.layers.last_mut() {
        p.cursor = p.shown().iter().position(|c| c.value == one).unwrap();
    }
    hands.press("tab");
    let (without, shown) = crowded(&mut hands);
    assert!(shown.contains(&one) && !without.contains(&one), "{one}: {without:?}");
    hands.press("up tab");
    let (_, shown) = crowded(&mut hands);
    assert!(!shown.contains(&one), "the second press takes it away");
}
