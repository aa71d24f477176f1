//! Themes tried on, keymaps read again, and who is called when.

use super::{Hands, batch, rows};
use crate::app::taste::{Taste, ThemeName};
use crate::app::{Effect, Layer, Msg, Notice, Occasion};
use crate::keys::{CONTEXTS, Keymap, Source, Vocabulary};
use crate::model::Change;

fn themes(effects: &[Effect]) -> Vec<&str> {
    effects
        .iter()
        .filter_map(|e| match e {
            Effect::Theme(name) => Some(name.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_theme_is_shown_while_it_is_chosen_and_esc_takes_it_back() {
    let mut hands = Hands::operator();
    let named = |name: &str| ThemeName {
        name: name.to_owned(),
        hint: String::new(),
    };
    let all = ["auto", "dark", "nord", "dracula"].map(named).to_vec();
    hands.app.taste = Taste::new("dark".to_owned(), all, false);
    assert!(themes(&hands.press("g T")).is_empty(), "opening it changes nothing");
    assert_eq!(themes(&hands.press("down")), ["nord"]);
    assert_eq!(themes(&hands.press("down")), ["dracula"]);
    assert!(themes(&hands.press("down")).is_empty(), "the same is not put on again");
    assert_eq!(themes(&hands.press("esc")), ["dark"]);
    assert!(hands.app.layers.is_empty());
    hands.press("g T");
    // Typing narrows the list, and what is first then is shown.
    assert_eq!(themes(&hands.types("nor")), ["nord"]);
    assert!(themes(&hands.press("enter")).is_empty());
    assert_eq!(hands.app.taste.theme, "nord");
    let said = &hands.app.toasts.last().unwrap().notice.text;
    assert!(said.contains("theme = \"nord\""), "{said}");
}

#[test]
fn a_keymap_that_is_wrong_leaves_the_one_in_force() {
    let mut hands = Hands::operator();
    assert!(matches!(hands.press("g k").as_slice(), [Effect::LoadKeymap]));
    let before = hands.app.keys.clone();
    hands.tell(Msg::Keymap {
        map: None,
        notices: vec![Notice::error("keymap.toml:2:5: no command `list.dwon`")],
    });
    assert_eq!(hands.app.keys, before);
    let said = |hands: &Hands, words: &str| hands.app.toasts.iter().any(|t| t.notice.text.contains(words));
    assert!(said(&hands, "keymap.toml:2:5") && said(&hands, "in force stays"));
    let commands = crate::app::command::rows();
    let vocabulary = Vocabulary {
        commands: &commands,
        contexts: CONTEXTS,
    };
    let text = "[global]\n\"Q\" = \"app.help\"";
    let (map, _) = Keymap::load(&[Source { name: "mine", text }], vocabulary).unwrap();
    hands.tell(Msg::Keymap {
        map: Some(Box::new(map)),
        notices: Vec::new(),
    });
    hands.press("Q");
    assert!(matches!(hands.app.layers.last(), Some(Layer::Help(_))));
}

fn calls(effects: &[Effect]) -> Vec<&str> {
    effects
        .iter()
        .filter_map(|e| match e {
            Effect::Call {
                occasion: Occasion::Critical,
                words,
            } => Some(words.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn who_looks_elsewhere_is_called_for_a_new_critical_signal_and_only_once() {
    let bad = |hands: &Hands| -> Vec<Change> {
        let pods = hands
            .app
            .world
            .pods
            .values()
            .filter(|p| p.meta.name.starts_with("cortex-api"));
        pods.map(|pod| {
            let mut pod = (**pod).clone();
            (pod.is_ready, pod.ready) = (false, 0);
            pod.status = "CrashLoopBackOff".into();
            pod.restarts = 12;
            Change::Pod(pod.meta.key(), Some(pod.into()))
        })
        .collect()
    };
    let mut hands = Hands::operator();
    hands.tell(Msg::Focus(false));
    hands.wait(2000);
    assert_eq!(
        calls(&hands.tell(Msg::Tick)),
        Vec::<&str>::new(),
        "what was there at the start is on the screen"
    );
    let title = hands.app.title();
    assert!(title.ends_with(" - prod-eu PROD - qd"), "{title}");
    let critical = |hands: &Hands| {
        let shown = crate::app::Strip::shown(&hands.app.judge);
        shown
            .filter(|s| s.severity == crate::signal::Severity::Critical)
            .count()
    };
    let (before, news) = (critical(&hands), bad(&hands));
    assert!(!news.is_empty());
    hands.wait(2000);
    let mut effects = hands.tell(batch(news.clone()));
    for _ in 0..200 {
        hands.wait(2000);
        effects.extend(hands.tell(Msg::Tick));
        if critical(&hands) > before {
            break;
        }
    }
    let more = critical(&hands) - before;
    assert!(more > 0, "the signal is raised");
    assert_eq!(calls(&effects).len(), more);
    assert_ne!(hands.app.title(), title);
    hands.wait(2000);
    assert_eq!(calls(&hands.tell(Msg::Tick)), Vec::<&str>::new());
    // With the focus nobody is called.
    let mut hands = Hands::operator();
    hands.wait(2000);
    hands.tell(batch(rows()));
    let mut effects = hands.tell(batch(news));
    for _ in 0..200 {
        hands.wait(2000);
        effects.extend(hands.tell(Msg::Tick));
    }
    assert_eq!(calls(&effects), Vec::<&str>::new());
}
