//! From a certificate's Ingress to the workload behind it: by what the Ingress, the Service and the labels say.

use super::{Hands, fetch_token};
use crate::app::doc::Line;
use crate::app::layers::{Detail, Picker};
use crate::app::msg::{Effect, Fetch, Fetched};
use crate::app::{Layer, Msg};
use crate::model::{Backend, BackendFrom, Behind, Kind, ObjectRef, Requirement, Selector};
use crate::panes::PaneId;

fn object(kind: Kind, name: &str) -> ObjectRef {
    ObjectRef {
        kind,
        namespace: "cortex".into(),
        name: name.into(),
        uid: "".into(),
    }
}

fn backend(service: &str, label: &str) -> Backend {
    let one = Requirement::In("app".into(), [label.into()].into());
    Backend {
        ingress: Some(object(Kind::Ingress, "shop")),
        at: ["shop.example/".into()].into(),
        to: Behind::Selected {
            service: object(Kind::Service, service),
            selector: Selector { all: [one].into() },
        },
    }
}

/// The list of what is related to the Ingress `shop`, and what it asked to be read.
fn ask() -> (Hands, Vec<Effect>) {
    let mut hands = Hands::operator();
    let detail = Detail::new(object(Kind::Ingress, "shop"), false);
    hands.app.layers.push(Layer::Detail(detail));
    let effects = hands.press("J");
    (hands, effects)
}

fn picker(hands: &Hands) -> &Picker {
    match hands.app.layers.last() {
        Some(Layer::Picker(picker)) => picker,
        other => panic!("no list on top but {other:?}"),
    }
}

fn lines(hands: &Hands) -> Vec<String> {
    let shown = picker(hands).shown();
    shown.iter().map(|c| format!("{}: {}", c.label, c.hint)).collect()
}

#[test]
fn what_is_behind_an_ingress_is_read_when_asked_for_and_found_by_labels_not_by_names() {
    let (mut hands, effects) = ask();
    let asked = effects.iter().find_map(|e| match e {
        Effect::Fetch(_, Fetch::Backends(ask)) => Some(ask.clone()),
        _ => None,
    });
    let asked = asked.unwrap();
    assert_eq!(
        (&*asked.namespace, asked.from),
        ("cortex", BackendFrom::Ingress("shop".into()))
    );
    assert!(picker(&hands).note.starts_with("reading"));
    // No Service and no workload is called as the Ingress is.
    let found = vec![backend("front", "cortex-web"), backend("empty", "nothing-has-this")];
    hands.tell(Msg::Fetched(fetch_token(&effects), Ok(Fetched::Backends(found))));
    let lines = lines(&hands);
    let has = |text: &str| assert!(lines.iter().any(|l| l == text), "{text}: {lines:#?}");
    has("behind it: deploy/cortex-web by service front · shop.example/");
    has("service: empty: nothing that the console sees rolls out app=nothing-has-this · shop.example/");
    assert_eq!(picker(&hands).note, "");
    hands.types("behind");
    hands.press("enter");
    assert_eq!(
        (hands.app.pane, hands.selected().as_str()),
        (PaneId::Rollouts, "cortex-web")
    );
}

#[test]
fn what_may_not_be_read_is_said_in_the_list_and_nothing_is_guessed() {
    let (mut hands, effects) = ask();
    let before = lines(&hands);
    let why = "ingresses may not be read; the role needs x".to_owned();
    hands.tell(Msg::Fetched(fetch_token(&effects), Err(why)));
    assert_eq!(
        picker(&hands).note,
        "what is behind it is not known: ingresses may not be read; the role needs x"
    );
    assert_eq!(lines(&hands), before);

    let (mut hands, effects) = ask();
    let denied = Backend {
        to: Behind::Unknown {
            service: object(Kind::Service, "cortex-web"),
            why: "it may not be read".into(),
        },
        ..backend("cortex-web", "x")
    };
    hands.tell(Msg::Fetched(fetch_token(&effects), Ok(Fetched::Backends(vec![denied]))));
    let lines = lines(&hands);
    assert!(
        lines.contains(&"service: cortex-web: it may not be read · shop.example/".to_owned()),
        "{lines:#?}"
    );
    assert!(!lines.iter().any(|l| l.contains("deploy")), "{lines:#?}");
}

#[test]
fn what_no_pane_shows_says_in_its_detail_what_is_known_of_it() {
    let hands = Hands::operator();
    let world = &hands.app.world;
    let said = |object: ObjectRef| {
        let lines = crate::ui::object_lines(&hands.app, &object);
        lines.iter().map(Line::text).collect::<Vec<_>>().join("\n")
    };
    let hpa = world.hpas.values().next().unwrap();
    let text = said(hpa.meta.object(Kind::Hpa));
    assert!(text.contains(&format!("{} to {}", hpa.min, hpa.max)), "{text}");
    assert!(
        text.contains(&format!("{} now, {} wanted", hpa.current, hpa.desired)),
        "{text}"
    );
    let budget = world.budgets.values().next().unwrap();
    let text = said(budget.meta.object(Kind::Pdb));
    assert!(text.contains(&*budget.rule) && text.contains("healthy of"), "{text}");
}
