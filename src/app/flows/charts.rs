//! Values over time, as a Prometheus has them and as the console saw them.

use crate::app::layers::ChartView;
use crate::app::msg::{Fetch, Fetched};
use crate::app::{Effect, Layer, Msg, Token};
use crate::model::{Batch, FeedId, Found, Freshness, Kind, Points, RangeAnswer, RangeAsk, SourceId, SourceKind};

use super::Hands;

fn hands() -> Hands {
    let mut hands = Hands::operator();
    hands.app.sources = vec![SourceId {
        kind: SourceKind::Prometheus,
        name: "main".into(),
    }];
    hands
}

fn ask(effects: &[Effect]) -> Option<(Token, RangeAsk)> {
    effects.iter().find_map(|e| match e {
        Effect::Fetch(token, Fetch::Range(ask)) => Some((*token, (**ask).clone())),
        _ => None,
    })
}

fn answer(hands: &mut Hands, token: Token, found: Found) {
    let answer = RangeAnswer {
        source: "main".into(),
        query: "sum(x)".to_owned(),
        found,
    };
    hands.tell(Msg::Fetched(token, Ok(Fetched::Range(Box::new(answer)))));
}

fn view(hands: &Hands) -> ChartView {
    match hands.app.layers.last() {
        Some(Layer::Chart(view)) => view.clone(),
        other => panic!("no chart on top but {other:?}: {}", hands.told()),
    }
}

#[test]
fn a_chart_asks_once_for_each_value_and_time_and_again_after_half_a_minute_while_somebody_looks() {
    let mut hands = hands();
    hands.press("2");
    hands.select("cortex-web");
    let (token, first) = ask(&hands.press("H")).unwrap();
    assert_eq!(
        (first.id, first.bound, first.seconds),
        ("deployment.ready", Some("deployment.wanted"), 3_600)
    );
    assert!(first.seconds / first.step <= 120, "{first:?}");
    assert_eq!(
        first.about,
        [("namespace", "cortex".into()), ("workload", "cortex-web".into())]
    );
    assert!(hands.screen().contains("asking Prometheus"));
    let tick = |hands: &mut Hands, ms: i64| {
        hands.wait(ms);
        ask(&hands.tell(Msg::Tick))
    };
    assert_eq!(tick(&mut hands, 40_000), None, "one question at a time");
    answer(&mut hands, token, Found::NotAsked);
    let (token, again) = tick(&mut hands, 1_000).unwrap();
    assert_eq!(again.to - first.to, 41);
    answer(&mut hands, token, Found::NotAsked);
    assert_eq!(tick(&mut hands, 20_000), None);
    // Another time, another value: each is asked for at once, and what was asked a moment ago is not.
    let (_, longer) = ask(&hands.press("-")).unwrap();
    assert_eq!((longer.id, longer.seconds), ("deployment.ready", 21_600));
    let (_, restarts) = ask(&hands.press("tab")).unwrap();
    assert_eq!((restarts.id, restarts.bound), ("workload.restarts", None));
    assert_eq!(ask(&hands.press("shift-tab +")), None);
    let week: Vec<i64> = (0..4)
        .map(|_| ask(&hands.press("-")).map_or(0, |(_, a)| a.seconds))
        .collect();
    assert_eq!(week.last(), Some(&0), "seven days are the longest");
    assert_eq!(view(&hands).range().0, "7 d");
    // Nobody looks.
    hands.tell(Msg::Focus(false));
    assert_eq!(tick(&mut hands, 90_000), None);
    // It is closed.
    hands.tell(Msg::Focus(true));
    hands.press("esc");
    assert_eq!(tick(&mut hands, 90_000), None);
}

#[test]
fn a_gap_is_shown_as_a_gap_and_never_as_zero() {
    let mut hands = hands();
    hands.press("1");
    hands.select("cortex-worker-5455954757-7vwmz");
    let (token, memory) = ask(&hands.press("h")).unwrap();
    assert_eq!((memory.id, memory.bound), ("pod.memory", Some("pod.memory-limit")));
    let mebi = |n: i64| (n << 20) as f64;
    let every: Points = (0..60).map(|i| (memory.to - 3_600 + 60 * (i + 1), mebi(200))).collect();
    let holed: Points = every
        .iter()
        .copied()
        .filter(|(at, _)| !(memory.to - 2_400..memory.to - 1_200).contains(at))
        .collect();
    let bars = |hands: &mut Hands| {
        let all = hands.screen();
        let ground = all.lines().find(|l| l.contains("0 B")).unwrap();
        ground.chars().filter(|c| "▁▂▃▄▅▆▇█".contains(*c)).count()
    };
    let bound: Points = every.iter().map(|(at, _)| (*at, mebi(256))).collect();
    let series = |points: Points| Found::Series {
        points,
        bound: bound.clone(),
        warnings: Vec::new(),
    };
    answer(&mut hands, token, series(every));
    let whole = bars(&mut hands);
    let all = hands.screen();
    assert!(
        all.contains("now 200 MiB") && all.contains("limit 256 MiB") && all.contains("a point every 1m"),
        "{all}"
    );
    hands.wait(31_000);
    let (token, _) = ask(&hands.tell(Msg::Tick)).unwrap();
    assert!(
        bars(&mut hands) + 2 >= whole,
        "the old answer stays until the new one comes"
    );
    answer(&mut hands, token, series(holed));
    let holed = bars(&mut hands);
    assert!(holed * 10 <= whole * 7 && holed * 10 >= whole * 6, "{holed} of {whole}");
}

#[test]
fn no_series_and_no_answer_are_said_with_the_question_and_what_was_seen_here_is_shown_instead() {
    let mut hands = hands();
    hands.press("1");
    hands.select("cortex-worker-5455954757-7vwmz");
    let (token, _) = ask(&hands.press("h")).unwrap();
    answer(
        &mut hands,
        token,
        Found::NoSeries {
            needs: "cAdvisor".into(),
        },
    );
    let all = hands.screen();
    assert!(
        all.contains("Prometheus main has no series of this") && all.contains("sum(x)"),
        "{all}"
    );
    let (token, throttled) = ask(&hands.press("tab tab tab")).unwrap_or_else(|| panic!("{}", hands.told()));
    // The question for each value on the way was sent too; the last is what is looked at.
    let _ = (token, throttled);
    let (token, _) = ask(&hands.press("-")).unwrap();
    answer(&mut hands, token, Found::Failed("no answer within 7 s".to_owned()));
    let all = hands.screen();
    assert!(all.contains("did not answer: no answer within 7 s"), "{all}");
    // Restarts were watched: they stand, and it says since when.
    let (token, restarts) = ask(&hands.press("shift-tab")).unwrap();
    assert_eq!(restarts.id, "pod.restarts");
    answer(&mut hands, token, Found::NoSeries { needs: "".into() });
    let all = hands.screen();
    assert!(
        all.contains("now 12") && all.contains("observed for") && all.contains("no series of this"),
        "{all}"
    );
}

#[test]
fn without_a_prometheus_what_was_watched_is_drawn_and_a_lost_watch_ends_it() {
    let mut hands = Hands::operator();
    hands.press("2");
    hands.select("cortex-web");
    assert_eq!(ask(&hands.press("H")), None);
    let chart = |hands: &Hands| hands.app.chart_shown(&view(hands)).unwrap().chart;
    let seen = chart(&hands);
    assert_eq!((seen.name, seen.points.len()), ("ready", 1));
    assert!(hands.screen().contains("observed for"));
    hands.wait(60_000);
    hands.tell(Msg::World(Batch {
        feeds: vec![(
            FeedId::Watch(Kind::Deployment),
            Freshness::Stale {
                since: hands.now,
                why: "cut".into(),
                retry_at: hands.now,
            },
        )],
        ..Batch::default()
    }));
    assert!(
        chart(&hands).points.last().unwrap().1.is_nan(),
        "what nobody watches is not known"
    );
    let names: Vec<&str> = hands.app.charts(&view(&hands).of).iter().map(|c| c.name).collect();
    assert_eq!(
        names,
        ["ready", "restarts", "cpu", "largest pod"],
        "what only a Prometheus has is not offered"
    );
}

#[test]
fn the_value_that_is_shown_stands_among_the_names_and_the_cursor_stands_on_it() {
    let mut hands = hands();
    hands.press("2");
    hands.select("cortex-web");
    hands.press("H");
    let names: Vec<&str> = hands.app.charts(&view(&hands).of).iter().map(|c| c.name).collect();
    assert!(names.len() > 3, "{names:?}");
    for (width, height) in [(120, 40), (80, 24), (41, 11), (40, 10)] {
        hands.tell(Msg::Resize(width, height));
        for name in &names {
            let drawn = hands.drawn();
            let text = crate::picture::text(&drawn.cells);
            assert!(text.contains(&format!("[{name}]")), "{width}×{height}: {name}\n{text}");
            let at = drawn.cursor.unwrap();
            let from: String = (at.x..width).map(|x| drawn.cells[(x, at.y)].symbol()).collect();
            assert!(
                from.starts_with(&format!("[{name}]")),
                "the cursor is at {from}\n{text}"
            );
            hands.press("tab");
        }
    }
}
