//! An incident from its opening to its end, by keys: everything goes on record, and what is shown comes from there.

use jiff::SignedDuration;

use super::{Hands, asked, executed};
use crate::action::Request;
use crate::app::{Effect, Layer};
use crate::journal::temporary::{MARK, Mark, TOOK, Took};
use crate::journal::{Actor, Entry, Mode, News, Record, RecordKind, Target};

/// A console with an incident open.
pub(super) fn at_work() -> Hands {
    let mut book = Book::new(Hands::operator());
    book.open();
    book.hands
}

/// The journal: what is to be recorded comes back as records.
struct Book {
    hands: Hands,
    seq: u64,
}

impl Book {
    fn new(mut hands: Hands) -> Self {
        hands.app.recorded.me = "kim".to_owned();
        let mut book = Self { hands, seq: 0 };
        book.hear(Vec::new(), true);
        book
    }

    fn record(&mut self, entry: Entry) -> Record {
        self.seq += 1;
        Record {
            v: 1,
            seq: self.seq,
            ts: self.hands.now,
            host: "bastion".into(),
            pid: 1,
            session: "s".into(),
            build: "b".into(),
            actor: Actor {
                os_user: "kim".into(),
                ..Actor::default()
            },
            mode: Mode::Live,
            entry,
            prev_hash: String::new(),
            hash: format!("h{}", self.seq),
        }
    }

    fn hear(&mut self, entries: Vec<Entry>, first: bool) -> Vec<Effect> {
        let records = entries.into_iter().map(|e| self.record(e).into()).collect();
        let news = News {
            records,
            first,
            ..News::default()
        };
        self.hands.tell(crate::app::Msg::Journal(news))
    }

    /// Takes what is to be recorded, and tells the console of it.
    fn keep(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        let entries = effects.iter().filter_map(|e| match e {
            Effect::Record(entry) => Some((**entry).clone()),
            _ => None,
        });
        let entries: Vec<Entry> = entries.collect();
        let mut all = effects;
        if !entries.is_empty() {
            all.extend(self.hear(entries, false));
        }
        all
    }

    fn press(&mut self, keys: &str) -> Vec<Effect> {
        let effects = self.hands.press(keys);
        self.keep(effects)
    }

    fn types(&mut self, text: &str) {
        self.hands.types(text);
    }

    /// Opens a P2 incident by keys.
    fn open(&mut self) -> String {
        self.press("i");
        self.types("P2");
        self.press("enter ctrl-u");
        self.types("digests are late");
        let effects = self.press("enter");
        let tag = effects.iter().find_map(|e| match e {
            Effect::Incident(id) => Some(id.clone()),
            _ => None,
        });
        tag.expect("the journal is told which incident is open")
    }

    /// Another console, or this one, leaves this state behind.
    fn leaves(&mut self, family: &str, kind: &str, name: &str, [was, becomes]: [&str; 2]) {
        let mark = Mark {
            family: family.into(),
            words: format!("{was} → {becomes}"),
            was: was.into(),
            becomes: becomes.into(),
            opens: true,
            minutes: 60,
            ends: false,
            undo: serde_json::Value::Null,
            undo_words: String::new(),
        };
        let about = |entry| {
            let mut entry = Entry::new(entry, "it");
            entry.target = Some(Target {
                context: "prod-eu".into(),
                kind: kind.into(),
                namespace: "cortex".into(),
                name: name.into(),
                ..Target::default()
            });
            entry
        };
        let (mut intent, mut result) = (about(RecordKind::Intent), about(RecordKind::Result));
        intent.data = serde_json::json!({ MARK: mark });
        result.refers = Some(self.seq + 1);
        result.data = serde_json::json!({ TOOK: Took::Yes });
        self.hear(vec![intent, result], false);
    }

    /// Another console, or this one, pauses a rollout.
    fn pause(&mut self) {
        let web = self.hands.app.world.workloads().find(|w| &*w.meta.name == "cortex-web");
        let target = web.unwrap().meta.object(crate::model::Kind::Deployment);
        let mark = Mark {
            family: "rollout".into(),
            words: "rollout paused".into(),
            was: "running".into(),
            becomes: "paused".into(),
            opens: true,
            minutes: 60,
            ends: false,
            undo: serde_json::to_value(Request::Resume { target: target.clone() }).unwrap(),
            undo_words: "resume the rollout".into(),
        };
        let about = |kind| {
            let mut entry = Entry::new(kind, "pause");
            entry.target = Some(Target {
                context: "prod-eu".into(),
                server: "s".into(),
                kind: "Deployment".into(),
                namespace: "cortex".into(),
                name: target.name.to_string(),
                uid: target.uid.to_string(),
            });
            entry.incident = self.hands.app.incident().map_or_else(String::new, |i| i.id.clone());
            entry
        };
        let (mut intent, mut result) = (about(RecordKind::Intent), about(RecordKind::Result));
        intent.data = serde_json::json!({ MARK: mark });
        result.refers = Some(self.seq + 1);
        result.data = serde_json::json!({ TOOK: Took::Yes });
        self.hear(vec![intent, result], false);
    }
}

#[test]
fn an_incident_is_opened_noted_told_and_closed_by_keys() {
    let mut book = Book::new(Hands::operator());
    let id = book.open();
    let incident = book.hands.app.incident().unwrap().clone();
    assert_eq!(
        (incident.id.as_str(), incident.title()),
        (id.as_str(), "digests are late")
    );
    assert_eq!(
        (incident.level.name.as_str(), incident.commander.as_str()),
        ("P2", "kim")
    );

    book.press("n");
    book.types("the vendor knows");
    book.press("enter t");
    book.types("call support");
    book.press("enter");
    book.press("enter");
    let incident = book.hands.app.incident().unwrap();
    assert_eq!(incident.notes[0].text, "the vendor knows");
    assert_eq!(incident.open_todos(), 0, "enter on what is to do does it");

    // What is to be filled in is filled in before it counts as sent.
    book.press("u");
    book.types("investigating");
    book.press("enter");
    assert!(!book.press("ctrl-s").iter().any(|e| matches!(e, Effect::Record(_))));
    assert!(
        book.hands.told().contains("fill this in first"),
        "{}",
        book.hands.told()
    );
    book.press("esc f");
    book.types("impact");
    book.press("enter");
    book.types("mails are late");
    book.press("enter u");
    book.types("investigating");
    book.press("enter");
    let copied = book.press("ctrl-y");
    assert!(
        copied
            .iter()
            .any(|e| matches!(e, Effect::Copy(t) if t.contains("**Impact:** mails are late")))
    );
    book.press("ctrl-s");
    let incident = book.hands.app.incident().unwrap();
    assert_eq!(incident.sent.len(), 1);
    assert_eq!(
        incident.next_update,
        Some(incident.sent[0].at + SignedDuration::from_mins(30))
    );

    book.press("x");
    book.types("scaled the workers");
    let effects = book.press("enter");
    assert!(
        effects
            .iter()
            .any(|e| matches!(e, Effect::Incident(id) if id.is_empty()))
    );
    assert!(book.hands.app.incident().is_none());
}

#[test]
fn the_proposed_title_is_the_worst_cause_and_gives_way_to_what_is_typed() {
    let mut hands = Hands::operator();
    let worst = hands.app.judge.signals()[0].title.what.clone();
    let asked = |hands: &mut Hands| {
        hands.press("g I");
        hands.types("P2");
        hands.press("enter");
    };
    let field = |hands: &Hands| match hands.app.layers.last() {
        Some(Layer::Prompt(p)) => (p.field.text().to_owned(), p.field.is_selected()),
        other => panic!("{other:?}"),
    };
    // Whatever row was looked at last.
    hands.press("2 G");
    asked(&mut hands);
    let (proposed, selected) = field(&hands);
    assert!(proposed.starts_with(&worst) && selected, "{proposed}");
    hands.types("Api down");
    assert_eq!(field(&hands), ("Api down".to_owned(), false));
    hands.press("esc");
    asked(&mut hands);
    hands.press("end");
    hands.types("!");
    assert_eq!(field(&hands), (format!("{proposed}!"), false));
    hands.press("esc");
    asked(&mut hands);
    hands.press("backspace");
    assert_eq!(field(&hands), (String::new(), false));
}

fn causes(hands: &Hands) -> usize {
    hands.app.judge.signals().len()
}

#[test]
fn a_message_says_that_it_was_only_copied_what_is_open_and_takes_what_is_typed_for_it() {
    let mut book = Book::new(Hands::operator());
    book.open();
    book.press("u");
    book.types("investigating");
    book.press("enter ctrl-y");
    let told = book.hands.told();
    assert!(
        told.contains("not sent") && told.contains("<what can users not do?> is still open"),
        "{told}"
    );
    book.types("Mails are late");
    let copied = book.press("ctrl-y");
    let text = copied.iter().find_map(|e| match e {
        Effect::Copy(text) => Some(text.clone()),
        _ => None,
    });
    let text = text.unwrap();
    assert!(
        text.contains("**Impact:** Mails are late\n") && !text.contains("?>"),
        "{text}"
    );
    let told = book.hands.told();
    assert!(told.contains("paste it where people read it, then ctrl-s"), "{told}");
    // The prompt that closes it names the key that its panel has.
    book.press("esc x");
    match book.hands.app.layers.last() {
        Some(Layer::Prompt(p)) => {
            assert!(p.hint.contains("; w writes the report"), "{}", p.hint);
            // Nobody closes it without having read what still stands.
            let stands = causes(&book.hands);
            assert!(
                p.hint.starts_with(&format!("still open: {stands} causes stand")),
                "{}",
                p.hint
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn no_incident_closes_quietly_over_what_is_still_to_be_taken_back() {
    let mut book = Book::new(Hands::operator());
    book.open();
    book.pause();
    book.press("x");
    book.types("all good");
    book.press("enter");
    assert!(
        book.hands.app.incident().is_some(),
        "the first answer was for the paused rollout"
    );
    assert!(book.hands.app.temporary().is_empty());
    book.types("rolled forward");
    book.press("enter");
    assert!(book.hands.app.incident().is_none());
    let ended = &book.hands.app.recorded.ledger.ended;
    assert_eq!(ended[0].reason, "all good");
}

#[test]
fn what_was_done_since_the_incident_began_and_before_it_had_a_name_is_asked_about_too() {
    let mut book = Book::new(Hands::operator());
    book.pause();
    book.open();
    let (began, made) = (
        book.hands.app.incident().unwrap().started,
        book.hands.app.temporary()[0].since,
    );
    assert!(began <= made, "{began} {made}");
    book.press("x");
    book.types("all good");
    book.press("enter");
    assert!(
        book.hands.app.temporary().is_empty(),
        "the first answer was for the paused rollout"
    );
    assert!(book.hands.app.incident().is_some());
}

#[test]
fn one_key_plans_the_way_back_and_nothing_is_sent_without_its_confirmation() {
    let mut book = Book::new(Hands::operator());
    book.pause();
    book.press("g t");
    let effects = book.press("enter");
    let (_, request) = asked(&effects);
    assert!(matches!(request, Request::Resume { .. }));
    assert!(executed(&effects).is_none());
    // On another cluster it is shown, but not planned.
    book.press("esc esc");
    book.hands.go_to("staging");
    book.press("g t");
    let effects = book.press("enter");
    assert!(!effects.iter().any(|e| matches!(e, Effect::Plan(..))));
    assert!(book.hands.told().contains("prod-eu"), "{}", book.hands.told());
}

#[test]
fn what_is_as_it_was_again_is_over_without_anybody_saying_so() {
    let mut book = Book::new(Hands::operator());
    book.pause();
    assert_eq!(book.hands.app.temporary().len(), 1);
    // The deployment is not paused in the cluster: somebody resumed it elsewhere.
    book.hands.wait(120_000);
    let effects = book.hands.tell(crate::app::Msg::Tick);
    book.keep(effects);
    assert!(book.hands.app.temporary().is_empty());
}

/// What the ledger says of each of its entries now.
fn now(book: &Book) -> Vec<String> {
    let app = &book.hands.app;
    app.temporary().iter().map(|t| app.now_words(t).0).collect()
}

#[test]
fn what_is_watched_stands_beside_what_was_and_what_nobody_watches_says_so() {
    let mut book = Book::new(Hands::operator());
    book.leaves("rollout", "Deployment", "cortex-web", ["paused", "running"]);
    assert_eq!(now(&book), ["is running now, was paused"]);
    let mut book = Book::new(Hands::operator());
    book.leaves("size", "Deployment", "cortex-web", ["7", "9"]);
    assert_eq!(
        now(&book),
        ["is 2 now, was 7, and was set to 9: somebody changed it since"]
    );
    let mut book = Book::new(Hands::operator());
    book.leaves("queue", "queue", "default", ["running", "paused"]);
    assert_eq!(now(&book), ["was running; not watched here"]);
    book.hands.go_to("staging");
    assert_eq!(now(&book), ["was running; not watched here: it is on prod-eu"]);
}

#[test]
fn what_nobody_watches_is_read_while_somebody_looks_and_is_over_once_it_is_as_it_was() {
    use crate::app::msg::{Fetch, Fetched};

    let mut book = Book::new(Hands::operator());
    book.leaves("bounds", "ScaledObject", "cortex-worker", ["0–10", "5–10"]);
    book.press("g t");
    book.hands.wait(61_000);
    let effects = book.hands.tell(crate::app::Msg::Tick);
    let asked = effects.iter().find_map(|e| match e {
        Effect::Fetch(token, Fetch::States(asks)) => Some((*token, asks.clone())),
        _ => None,
    });
    let (token, asks) = asked.unwrap_or_else(|| panic!("{effects:?}"));
    assert_eq!((&*asks[0].object.name, asks.len()), ("cortex-worker", 1));
    assert_eq!(now(&book), ["was 0–10; being read"]);
    let said = |book: &mut Book, token, state: Result<&str, &str>| {
        let key = asks[0].key.clone();
        let state = state.map(str::to_owned).map_err(str::to_owned);
        let answer = Ok(Fetched::States(vec![(key, state)]));
        let effects = book.hands.tell(crate::app::Msg::Fetched(token, answer));
        book.keep(effects);
    };
    said(&mut book, token, Ok("5–10"));
    assert_eq!(now(&book), ["is 5–10 now, was 0–10"]);
    said(&mut book, token, Err("scaledobjects: forbidden"));
    assert_eq!(now(&book), ["was 0–10; scaledobjects: forbidden"]);
    // Asked again after a few seconds, and not before.
    let again = |book: &mut Book, ms| {
        book.hands.wait(ms);
        let effects = book.hands.tell(crate::app::Msg::Tick);
        effects.iter().find_map(|e| match e {
            Effect::Fetch(token, Fetch::States(_)) => Some(*token),
            _ => None,
        })
    };
    assert_eq!(again(&mut book, 2_000), None);
    let token = again(&mut book, 4_000).unwrap();
    book.hands.wait(500);
    said(&mut book, token, Ok("0–10"));
    assert_eq!(now(&book), ["is 0–10 again: taken back already"]);
    book.hands.wait(2_000);
    let effects = book.hands.tell(crate::app::Msg::Tick);
    book.keep(effects);
    assert!(book.hands.app.temporary().is_empty(), "{:?}", now(&book));
}

#[test]
fn the_worst_signals_go_on_record_once() {
    let mut book = Book::new(Hands::operator());
    book.open();
    for _ in 0..3 {
        book.hands.wait(2_000);
        let effects = book.hands.tell(crate::app::Msg::Tick);
        book.keep(effects);
    }
    let incident = book.hands.app.incident().unwrap();
    let critical = book
        .hands
        .app
        .judge
        .active()
        .filter(|s| s.severity == crate::signal::Severity::Critical);
    assert_eq!(incident.signals.len(), critical.count());
    assert!(!incident.signals.is_empty());
    let told = book.hands.app.recorded.timeline.moments();
    assert_eq!(
        told.iter().filter(|m| m.text.starts_with("signal:")).count(),
        incident.signals.len()
    );
}

#[test]
fn who_only_reads_sees_everything_and_writes_nothing() {
    let mut book = Book::new(Hands::observer());
    book.pause();
    for keys in ["i", "n", "d", "t", "s", "u", "m", "x", "enter", "K", "e"] {
        let effects = book.press(keys);
        let writes = |e: &Effect| matches!(e, Effect::Record(_) | Effect::Plan(..) | Effect::Incident(_));
        assert!(!effects.iter().any(writes), "{keys}");
        assert!(
            matches!(book.hands.app.layers.last(), Some(Layer::Incident(_))),
            "{keys}"
        );
    }
    book.press("T");
    assert!(matches!(book.hands.app.layers.last(), Some(Layer::Timeline(_))));
    assert_eq!(book.hands.app.recorded.timeline.len(), 1);
}
