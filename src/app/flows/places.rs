//! Another cluster: nothing of the old one stays, and nothing late of it counts.

use super::{Hands, asked, batch, done, executed, fetch_token, plan, revisions, rows};
use crate::action::{Class, Outcome, Request, Stage, Undo, Verdict};
use crate::app::msg::{ContextRow, Fetched, LogBatch, LogLine};
use crate::app::{Connection, Effect, Layer, Msg, Strip};
use crate::model::{Batch, Change, FeedId, Freshness, Kind, Scope, SourceId, SourceKind};

#[test]
fn a_switch_drops_rows_marks_plans_logs_and_runs_of_the_old_cluster() {
    let mut hands = Hands::operator();
    hands.press("2 space");
    hands.press("! r");
    assert_eq!(hands.app.runs.len(), 1);
    hands.press("esc 1");
    let effects = hands.press("l");
    assert!(matches!(effects.as_slice(), [Effect::OpenLogs(..), ..]), "{effects:?}");
    let effects = hands.go_to("prod-us");
    assert!(effects.iter().any(|e| matches!(e, Effect::CloseLogs(_))), "{effects:?}");
    let left = |e: &Effect| matches!(e, Effect::Record(r) if r.what == "left" && r.outcome.contains("prod-us"));
    assert!(
        effects.iter().any(left),
        "that the run was let go is on record: {effects:?}"
    );
    let app = &hands.app;
    assert!(app.layers.is_empty() && app.runs.is_empty() && app.world.pods.is_empty());
    assert!(app.lists.iter().all(|l| l.rows().is_empty() && l.marks.is_empty()));
    assert_eq!(Strip::shown(&app.judge).count(), 0);
}

#[test]
fn by_way_of_a_lost_connection_it_is_the_same() {
    let mut hands = Hands::operator();
    hands.tell(Msg::Connection(Connection::Missing {
        what: "no such file".to_owned(),
        hint: "choose a context".to_owned(),
    }));
    assert!(!hands.app.world.pods.is_empty(), "a lost link blanks nothing");
    hands.go_to("prod-eu");
    assert!(
        !hands.app.world.pods.is_empty(),
        "and coming back to the same place neither"
    );
    hands.tell(Msg::Connection(Connection::Missing {
        what: "no such file".to_owned(),
        hint: "choose a context".to_owned(),
    }));
    hands.go_to("prod-us");
    assert!(hands.app.world.pods.is_empty());
}

#[test]
fn a_context_that_is_never_reached_shows_nothing_of_the_one_that_was_left() {
    let mut hands = Hands::operator();
    let redis = |name: &str| SourceId {
        kind: SourceKind::Redis,
        name: name.into(),
    };
    hands.app.sources = vec![redis("eu")];
    let (context, sources) = ("prod-us".to_owned(), vec![redis("us")]);
    hands.tell(Msg::Leaving { context, sources });
    hands.tell(Msg::Connection(Connection::Failed {
        place: None,
        why: "no credentials".to_owned(),
        hint: String::new(),
        retry_at: hands.now,
    }));
    assert!(hands.app.world.pods.is_empty() && hands.app.may_mutate().is_err());
    assert_eq!(hands.app.sources, [redis("us")]);
    hands.go_to("prod-us");
    assert_eq!(hands.app.sources, [redis("us")]);
}

#[test]
fn late_answers_of_the_old_cluster_are_dropped() {
    let mut hands = Hands::operator();
    hands.press("2");
    hands.select("cortex-web");
    let (id, request) = asked(&hands.press("a r"));
    let made = plan(id, &request, hands.now);
    hands.go_to("prod-us");
    hands.tell(Msg::Planned(id, Ok(Box::new(made))));
    assert!(hands.app.layers.is_empty());
    assert!(executed(&hands.press("tab tab enter enter")).is_none());
}

#[test]
fn answers_to_layers_that_were_closed_are_dropped() {
    let mut hands = Hands::operator();
    hands.press("2");
    hands.select("cortex-web");
    let history = fetch_token(&hands.press("h"));
    hands.press("esc");
    let yaml = fetch_token(&hands.press("y"));
    // The answer to the closed history does not land in the open YAML, nor in another history.
    hands.tell(Msg::Fetched(history, Ok(Fetched::History(revisions(4)))));
    hands.press("esc");
    let second = fetch_token(&hands.press("h"));
    hands.tell(Msg::Fetched(yaml, Ok(Fetched::Text("kind: Pod".to_owned()))));
    hands.tell(Msg::Fetched(history, Ok(Fetched::History(revisions(2)))));
    let Some(Layer::History(h)) = hands.app.layers.last() else {
        panic!()
    };
    assert!(h.rows.is_none());
    hands.tell(Msg::Fetched(second, Ok(Fetched::History(revisions(4)))));
    let Some(Layer::History(h)) = hands.app.layers.last() else {
        panic!()
    };
    assert_eq!(h.rows().len(), 4);
    hands.press("esc");

    let effects = hands.press("l");
    let Some(Effect::OpenLogs(token, _)) = effects.first() else {
        panic!("{effects:?}")
    };
    let token = *token;
    hands.press("esc");
    hands.press("l");
    let line = LogLine {
        pod: "p".into(),
        container: "c".into(),
        at: None,
        text: "late".to_owned(),
        note: false,
    };
    hands.tell(Msg::Logs(
        token,
        LogBatch {
            lines: vec![line],
            ..LogBatch::default()
        },
    ));
    let Some(Layer::Logs(logs)) = hands.app.layers.last() else {
        panic!()
    };
    assert!(logs.lines.is_empty());
}

#[test]
fn an_undo_is_not_offered_on_another_cluster() {
    let mut hands = Hands::operator();
    hands.press("2");
    hands.select("cortex-web");
    let effects = hands.press("a r");
    let id = hands.answer(&effects);
    hands.confirm(&format!("word{}", id.0));
    let target = hands.app.activities[0].targets[0].object().cloned().unwrap();
    hands.progress(
        id,
        Stage::Done {
            outcome: Outcome::Applied,
            verdict: None,
            undo: Some(Undo::By {
                label: "take it back".to_owned(),
                request: Request::Pause { target },
                valid_for_s: 600,
            }),
        },
    );
    hands.go_to("prod-us");
    hands.tell(batch(rows()));
    assert!(hands.press("a u").iter().all(|e| !matches!(e, Effect::Plan(..))));
    hands.go_to("prod-eu");
    hands.tell(batch(rows()));
    asked(&hands.press("a u"));
}

#[test]
fn a_run_of_the_old_cluster_hears_nothing_of_its_change() {
    let mut hands = Hands::operator();
    hands.press("2");
    hands.select("cortex-web");
    let effects = hands.press("a r");
    let id = hands.answer(&effects);
    hands.confirm(&format!("word{}", id.0));
    hands.go_to("prod-us");
    // It goes on in its cluster, and the list of what was done says how it ended.
    let effects = hands.progress(id, done(Outcome::Applied, Some(Verdict::Healthy("ready".to_owned()))));
    assert!(
        effects
            .iter()
            .all(|e| !matches!(e, Effect::Plan(..) | Effect::Execute(_)))
    );
    assert_eq!(hands.app.activities[0].succeeded(), Some(true));
}

#[test]
fn contexts_and_namespaces_are_picked_by_typing() {
    let mut hands = Hands::operator();
    let effects = hands.press("C");
    assert!(matches!(effects.as_slice(), [Effect::ListContexts, ..]));
    let row = |name: &str| ContextRow {
        name: name.to_owned(),
        cluster: name.to_owned(),
        user: "kim".to_owned(),
        namespace: String::new(),
        current: false,
        platform: false,
        class: String::new(),
    };
    hands.tell(Msg::Contexts(Ok(vec![row("prod-eu"), row("prod-us"), row("lab")])));
    hands.types("us");
    let effects = hands.press("enter");
    assert!(
        effects
            .iter()
            .any(|e| matches!(e, Effect::Connect { context: Some(c), scope: None } if c == "prod-us")),
        "{effects:?}"
    );

    let scope = |effects: &[Effect]| {
        effects.iter().find_map(|e| match e {
            Effect::Connect { scope, .. } => scope.clone(),
            _ => None,
        })
    };
    let of = |names: &[&str]| Some(Scope::Namespaces(names.iter().map(|n| (*n).to_owned()).collect()));
    hands.press("g n");
    hands.types("no-such-yet");
    assert_eq!(
        scope(&hands.press("enter")),
        of(&["no-such-yet"]),
        "a name that cannot be listed"
    );
    hands.press("g n");
    let Some(Layer::Picker(picker)) = hands.app.layers.last() else {
        panic!()
    };
    assert_eq!(
        picker.marked.iter().collect::<Vec<_>>(),
        ["cortex"],
        "what is looked at is marked"
    );
    // Who cannot list them types them; those that are listed later appear.
    hands.types("platform");
    hands.press("tab ctrl-u");
    assert_eq!(scope(&hands.press("enter")), of(&["cortex", "platform"]));
    hands.press("g n");
    hands.types("platform, sre");
    assert_eq!(scope(&hands.press("enter")), of(&["platform", "sre"]));
    hands.press("g n");
    assert_eq!(scope(&hands.press("enter")), Some(Scope::All), "the first choice");
    hands.press("g n down");
    assert_eq!(scope(&hands.press("enter")), of(&["cortex"]));
}

#[test]
fn a_namespace_that_cannot_be_there_is_not_gone_to() {
    let mut hands = Hands::operator();
    let goes = |effects: &[Effect]| effects.iter().any(|e| matches!(e, Effect::Connect { .. }));
    for (typed, why) in [
        ("1:pods", "no name of a namespace"),
        ("cortex, ../x", "no name of a namespace"),
    ] {
        hands.press("esc g n");
        hands.types(typed);
        assert!(!goes(&hands.press("enter")), "{typed}");
        assert!(hands.told().contains(why), "{}", hands.told());
        assert!(
            matches!(hands.app.layers.last(), Some(Layer::Picker(_))),
            "the line stays"
        );
    }
    // Once they are listed, it is known which there are.
    let mut meta = hands.app.world.pods.values().next().unwrap().meta.clone();
    (meta.namespace, meta.name) = ("".into(), "default".into());
    hands.tell(Msg::World(Batch {
        changes: vec![Change::Namespace(meta.key(), Some(std::sync::Arc::new(meta)))],
        feeds: vec![(FeedId::Watch(Kind::Namespace), Freshness::Fresh)],
        ..Batch::default()
    }));
    hands.press("ctrl-u");
    hands.types("nope");
    assert!(!goes(&hands.press("enter")));
    assert!(hands.told().contains("there is no namespace nope"), "{}", hands.told());
    assert_eq!(hands.app.absent_namespace(), Some("cortex"));
}

#[test]
fn a_connection_that_only_changes_its_state_changes_nothing_on_screen() {
    let mut hands = Hands::operator();
    let before = hands.names();
    let (place, class) = (super::place("prod-eu"), Class::Production);
    hands.tell(Msg::Connection(Connection::Connecting { place, class }));
    assert_eq!(hands.names(), before);
}
