//! Everything that can go wrong with a server, and what the console says and does.

use std::time::Duration;

use super::lab::{Lab, PODS_PATH, cortex, quick};
use quarterdeck::feed::kube::Timing;
use quarterdeck::model::{FeedId, Freshness, Key, Kind, Scope};
use quarterdeck::sim::kube::faults::Rule;
use quarterdeck::sim::kube::{Fault, Status};

#[tokio::test]
async fn a_version_too_old_is_listed_again_without_a_blank_moment() {
    let lab = Lab::new().await;
    lab.add_pods((0..30).map(|i| format!("p{i}")));
    let mut deck = lab.deck("admin", cortex(), &[Kind::Pod], quick()).await;
    deck.pods(30).await;
    deck.least_pods = usize::MAX;
    lab.server.faults().set(Rule {
        contains: "&resourceVersion=".to_owned(),
        ..Rule::new(
            "GET",
            PODS_PATH,
            1,
            Fault::Refuse(Status::expired("too old resource version")),
        )
    });
    lab.server.faults().cut_watches();
    lab.delete_pod("p3");
    lab.add_pods(["new".to_owned()]);
    deck.until("the vanished one gone, the new one there", |w| {
        !w.pods.contains_key(&Key::new("cortex", "p3")) && w.pods.contains_key(&Key::new("cortex", "new"))
    })
    .await;
    deck.pods(30).await;
    assert!(deck.least_pods >= 29, "rows were let go: {}", deck.least_pods);
}

#[tokio::test]
async fn one_forbidden_kind_does_not_stop_the_others_and_is_tried_again() {
    let lab = Lab::new().await;
    lab.add_pods(["a".to_owned()]);
    for verb in ["list", "watch"] {
        lab.server.faults().refuse(verb, "replicasets");
    }
    let mut deck = lab
        .deck("admin", cortex(), &[Kind::Pod, Kind::ReplicaSet], quick())
        .await;
    deck.pods(1).await;
    let sets = FeedId::Watch(Kind::ReplicaSet);
    deck.until(
        "replicasets forbidden",
        |w| matches!(w.feed(sets), Freshness::Forbidden { why } if why.contains("replicasets.apps is forbidden")),
    )
    .await;
    assert!(deck.world.feed(FeedId::Watch(Kind::Pod)).is_fresh());
    lab.server.faults().clear();
    deck.fresh(Kind::ReplicaSet).await;
}

#[tokio::test]
async fn who_may_not_see_the_cluster_is_told_to_name_namespaces() {
    let lab = Lab::new().await;
    lab.add_pods(["a".to_owned()]);
    let mut deck = lab.deck("operator", Scope::All, &[Kind::Pod], quick()).await;
    deck.until("forbidden with advice", |w| {
        matches!(w.feed(FeedId::Watch(Kind::Pod)), Freshness::Forbidden { why }
            if why.contains("at the cluster scope") && why.contains("--namespace"))
    })
    .await;
    let mut deck = lab.deck("operator", cortex(), &[Kind::Pod], quick()).await;
    deck.pods(1).await;
}

#[tokio::test]
async fn the_wait_that_the_server_asks_for_is_kept() {
    let lab = Lab::new().await;
    lab.add_pods(["a".to_owned()]);
    let busy = Fault::Text {
        code: 429,
        body: "Too many requests, please try again later.".to_owned(),
        retry_after: Some(1),
    };
    lab.server.faults().set(Rule::new("GET", PODS_PATH, 1, busy));
    let before = jiff::Timestamp::now();
    let mut deck = lab.deck("admin", cortex(), &[Kind::Pod], quick()).await;
    deck.pods(1).await;
    let told = deck.states.iter().find_map(|s| match s {
        Freshness::Failed { why, retry_at } => Some((why.clone(), *retry_at)),
        _ => None,
    });
    let (why, retry_at) = told.expect("it was told");
    assert!(why.contains("429"), "{why}");
    assert!(retry_at.duration_since(before) >= jiff::SignedDuration::from_secs(1));
}

#[tokio::test]
async fn an_expired_token_says_so_and_a_wake_tries_at_once() {
    let lab = Lab::new().await;
    lab.add_pods(["a".to_owned()]);
    let timing = Timing {
        backoff_min: Duration::from_secs(3600),
        backoff_max: Duration::from_secs(3600),
        ..quick()
    };
    let mut deck = lab.deck("admin", cortex(), &[Kind::Pod], timing).await;
    deck.pods(1).await;
    lab.server.faults().expire_token("admin");
    lab.server.faults().cut_watches();
    deck.until("stale", |w| {
        matches!(w.feed(FeedId::Watch(Kind::Pod)), Freshness::Stale { .. })
    })
    .await;
    deck.feeds.wake().await;
    deck.until(
        "sign in again",
        |w| matches!(w.feed(FeedId::Watch(Kind::Pod)), Freshness::Stale { why, .. } if why.contains("sign in again")),
    )
    .await;
    assert_eq!(deck.world.pods.len(), 1);
    lab.server.faults().clear();
    deck.feeds.wake().await;
    deck.fresh(Kind::Pod).await;
}

#[tokio::test]
async fn a_server_that_goes_away_leaves_its_rows_and_comes_back() {
    let lab = Lab::new().await;
    lab.add_pods(["a".to_owned(), "b".to_owned()]);
    let mut deck = lab.deck("admin", cortex(), &[Kind::Pod], quick()).await;
    deck.pods(2).await;
    deck.least_pods = usize::MAX;
    lab.server.stop().await;
    let mut since = None;
    for _ in 0..3 {
        // The time of the loss stays, whatever fails after it.
        let seen = deck.world.feed(FeedId::Watch(Kind::Pod)).clone();
        deck.until("another stale state", |w| {
            let now = w.feed(FeedId::Watch(Kind::Pod));
            *now != seen && matches!(now, Freshness::Stale { .. })
        })
        .await;
        if let Freshness::Stale { since: at, .. } = deck.world.feed(FeedId::Watch(Kind::Pod)) {
            assert_eq!(*since.get_or_insert(*at), *at);
        }
    }
    lab.add_pods(["c".to_owned()]);
    lab.server.restart().await.unwrap();
    deck.pods(3).await;
    assert_eq!(deck.least_pods, 2);
    let words = deck.states.iter().filter_map(|s| match s {
        Freshness::Stale { why, .. } => Some(why.to_string()),
        _ => None,
    });
    let words: Vec<_> = words.collect();
    assert!(
        words
            .iter()
            .any(|w| w.starts_with("no connection to the server 127.0.0.1:") && w.ends_with(": connection refused")),
        "{words:?}"
    );
}

#[tokio::test]
async fn a_slow_server_is_told_and_tried_again() {
    let lab = Lab::new().await;
    lab.add_pods(["a".to_owned()]);
    let timing = Timing {
        list: Duration::from_millis(150),
        ..quick()
    };
    lab.server.faults().set(Rule {
        contains: "sendInitialEvents".to_owned(),
        ..Rule::new(
            "GET",
            "",
            usize::MAX,
            Fault::Refuse(Status::invalid("", "ListOptions", "", &[])),
        )
    });
    lab.server.faults().set(Rule {
        contains: "limit=500".to_owned(),
        ..Rule::new("GET", PODS_PATH, 1, Fault::Delay(Duration::from_secs(20)))
    });
    let mut deck = lab.deck("admin", cortex(), &[Kind::Pod], timing).await;
    deck.pods(1).await;
    let slow = |s: &Freshness| matches!(s, Freshness::Failed { why, .. } if why.starts_with("no answer to"));
    assert!(deck.states.iter().any(slow), "{:?}", deck.states);
}
