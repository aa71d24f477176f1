use super::stack::RUNAWAYS;
use super::*;
use std::sync::atomic::Ordering;
use std::sync::mpsc;

fn scope() -> Arc<Scope> {
    let known = [
        ("rollout.stalled", Value::Bool(true)),
        ("rollout.ready", Value::Int(3)),
        ("rollout.desired", Value::Int(5)),
        ("rollout.reason", Value::text("ImagePullBackOff")),
        (
            "rollout.bad_pods",
            Value::List(vec![Value::text("a"), Value::text("b")]),
        ),
        ("rate", Value::Float(8.8)),
        ("rollout.hpa.min", Value::Int(2)),
    ];
    let unknown = [
        ("rollout.image", "what was seen is 4m old"),
        ("pod.restarts", "there is no such pod"),
    ];
    Arc::new(Scope {
        known: known
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        unknown: unknown
            .into_iter()
            .map(|(name, why)| (name.to_owned(), why.to_owned()))
            .collect(),
    })
}

fn names() -> Arc<BTreeMap<String, Type>> {
    let names = [
        ("rollout.stalled", Type::Bool),
        ("rollout.ready", Type::Int),
        ("rollout.desired", Type::Int),
        ("rollout.stalled_for", Type::Seconds),
        ("rollout.reason", Type::Text),
        ("rollout.bad_pods", Type::List),
        ("rate", Type::Float),
    ];
    Arc::new(names.into_iter().map(|(name, kind)| (name.to_owned(), kind)).collect())
}

#[test]
fn conditions_over_known_facts_are_true_or_false() {
    for source in [
        "rollout.stalled",
        "rollout.ready < rollout.desired",
        "rollout.reason.startsWith('Image')",
        "rollout.reason in ['ImagePullBackOff', 'ErrImagePull']",
        "size(rollout.bad_pods) == 2 && rollout.bad_pods.exists(name, name == 'b')",
        "ceil(rate / 2.0) == 5 && floor(rate) == 8 && max(1, rollout.ready) == 3 && min(1, 2) == 1",
        "seconds('2m') == 120 && duration(370) == '6m 10s'",
        "memory(220100885) == '210 MiB' && percent(0.92) == '92 %' && percent(0.013) == '1.3 %' && percent(1) == '100 %'",
        "rollout.hpa.min == 2",
    ] {
        assert_eq!(truth(source, &scope()), Truth::True, "{source}");
        assert_eq!(truth(&format!("!({source})"), &scope()), Truth::False, "{source}");
    }
}

#[test]
fn what_is_not_known_never_makes_a_condition_true_or_false_by_itself() {
    for (source, why) in [
        ("rollout.image == 'api:1'", "what was seen is 4m old"),
        ("rollout.image != 'api:1'", "what was seen is 4m old"),
        ("pod.restarts > 3", "there is no such pod"),
        ("!(pod.restarts > 3)", "there is no such pod"),
        ("rollout.stalled && pod.restarts > 3", "there is no such pod"),
        ("pod.restarts > 3 || rollout.ready > 4", "there is no such pod"),
        ("pod.restarts > 3 ? true : false", "there is no such pod"),
        (
            "rollout.bad_pods.all(name, name == rollout.image)",
            "what was seen is 4m old",
        ),
        ("nonsense.here", "nonsense.here is not known"),
        ("rollout.ready", "the condition gave an integer, not true or false"),
    ] {
        assert_eq!(truth(source, &scope()), Truth::Unknown(why.to_owned()), "{source}");
    }
    assert_eq!(truth("pod.restarts > 3 || rollout.stalled", &scope()), Truth::True);
    assert_eq!(truth("pod.restarts > 3 && rollout.ready > 4", &scope()), Truth::False);
    assert!(matches!(
        truth("1 / (rollout.ready - 3) > 0", &scope()),
        Truth::Unknown(_)
    ));
    assert!(matches!(truth("has(rollout.image)", &scope()), Truth::Unknown(_)));
}

#[test]
fn hostile_expressions_are_refused_or_answered_and_never_end_the_process() {
    let deep = |open: &str, close: &str, times: usize| format!("{}1{}", open.repeat(times), close.repeat(times));
    let bomb = {
        let list = "[1,1,1,1,1,1,1,1,1,1]";
        let mut source = "true".to_owned();
        for level in 0..9 {
            source = format!("{list}.all(v{level}, {source})");
        }
        source
    };
    let mut fooled = String::new();
    while fooled.len() + 40 < MAX_BYTES {
        fooled.push_str("((((((((((((((('))))))))))))))'+");
    }
    let hostile = [
        deep("(", ")", 100_000),
        deep("(", ")", 200),
        deep("[", "]", 200),
        "[".repeat(500),
        "(".repeat(500),
        "{".repeat(17),
        format!("{}1", "-".repeat(500)),
        format!("{}true", "!".repeat(500)),
        format!("{}true", "! ".repeat(200)),
        vec!["1"; 250].join("+"),
        vec!["true"; 80].join("&&"),
        format!("a{}", ".a".repeat(250)),
        "true?".repeat(100),
        "'x'+".repeat(120) + "'x'",
        format!("'{}'", "x".repeat(1 << 20)),
        "'x'.matches('(a{1000}){1000}')".to_owned(),
        "[1,2,3].map(x, [1,2,3].map(y, [1,2,3].map(z, x*y*z)))".to_owned(),
        bomb,
        fooled,
        "\u{0}\u{1b}[31m\u{202e}".to_owned(),
        String::new(),
        "9223372036854775807 + 1".to_owned(),
        "a[".repeat(15) + "1",
    ];
    for source in hostile {
        let answer = truth(&source, &scope());
        assert!(!matches!(answer, Truth::False), "{answer:?}");
        let _ = check(&source, &names());
    }
    assert_eq!(
        truth("rollout.stalled", &scope()),
        Truth::True,
        "the evaluator still works"
    );
    // On a busy machine one of them may be late; none of them runs on.
    let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while RUNAWAYS.load(Ordering::SeqCst) > 0 {
        assert!(std::time::Instant::now() < end, "something was left running");
        std::thread::yield_now();
    }
    a_slow_thread_stops_counting_once_it_ends();
}

#[test]
fn check_names_the_flaw_and_where_it_is() {
    assert_eq!(check("rollout.ready >= rollout.desired", &names()), Ok(Type::Bool));
    assert_eq!(check("rollout.stalled_for", &names()), Ok(Type::Seconds));
    assert_eq!(check("ceil(rate)", &names()), Ok(Type::Int));
    for (source, offset, part) in [
        ("rollout.raedy == 1", 0, "there is no `rollout.raedy`"),
        ("1 == 1 && rollout.sized > 3", 10, "there is no `rollout.sized`"),
        ("rollout.ready == 'x'", 14, "an integer is compared with a text"),
        ("rollout.ready + rollout.reason > 1", 0, "operands of `add`"),
        ("rollout.ready >", 15, ""),
        ("seconds(rollout.ready) > 1", 0, "seconds"),
        ("wrong(1)", 0, "wrong"),
    ] {
        let flaw = check(source, &names()).unwrap_err();
        assert!(flaw.message.contains(part), "{source}: {flaw:?}");
        assert_eq!(flaw.offset, offset, "{source}: {flaw:?}");
    }
    assert!(
        check("rollout.raedy", &names())
            .unwrap_err()
            .expected
            .contains("`rollout.ready`")
    );
}

/// Called by the test that looks at the same counter, so that they do not overlap.
fn a_slow_thread_stops_counting_once_it_ends() {
    let (let_go, held) = mpsc::sync_channel::<()>(1);
    let late = on_large_stack(Duration::from_millis(1), move || held.recv().is_ok());
    assert_eq!(late, Err("the expression did not end in time"));
    assert_eq!(RUNAWAYS.load(Ordering::SeqCst), 1);
    let_go.send(()).unwrap();
    while RUNAWAYS.load(Ordering::SeqCst) > 0 {
        std::thread::yield_now();
    }
    assert_eq!(truth("rollout.stalled", &scope()), Truth::True);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    /// Pieces of the language in any order: each is answered or refused in time, and none ends the process.
    #[test]
    fn any_string_of_pieces_is_answered_or_refused(
        pieces in proptest::collection::vec(proptest::sample::select(&[
            "rollout.ready", "rollout", ".", "(", ")", "[", "]", "{", "}", "1", "0", "-", "!", "+", "*", "/", "%", " && ",
            " || ", " ? ", " : ", "==", "<", "'a'", "\"", "'", "\\", ",", ".all(x, ", ".map(y, y)", "has(", "size(", " in ",
            "true", "null", "1u", "1e308", "b'x'", "r'", "duration(1)", "matches('a*')", "\u{1F600}", "//", "\n", "ceil(1/0)",
        ][..]), 0..60)
    ) {
        let source = pieces.concat();
        let _ = truth(&source, &scope());
        let names = std::sync::Arc::new(crate::runbook::facts::names());
        let _ = check(&source, &names);
    }
}
