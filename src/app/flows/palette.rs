//! Runbooks by name: the palette starts them about what is at hand, and says what is missing where nothing is.

use super::{Hands, jumps};
use crate::app::Layer;
use crate::app::layers::{Entry, Palette};
use crate::runbook::facts::About;

/// Types into the palette, and takes the runbook of that name as it is offered; the cursor is on it.
fn offered(hands: &mut Hands, typed: &str, book: &str) -> Entry {
    if matches!(hands.app.layers.last(), Some(Layer::Palette(_))) {
        hands.press("esc");
    }
    hands.press(":");
    hands.types(typed);
    let Some(Layer::Palette(palette)) = hands.app.layers.last_mut() else {
        panic!("no palette");
    };
    let at = palette
        .entries
        .iter()
        .position(|e| e.kind == "runbook" && e.name == book);
    palette.cursor = at.unwrap_or_else(|| panic!("no runbook {book} for {typed}"));
    palette.entries[palette.cursor].clone()
}

#[test]
fn every_runbook_is_found_by_its_name_and_by_its_title() {
    let hands = Hands::operator();
    assert!(hands.app.books.iter().count() > 10);
    for book in hands.app.books.iter() {
        for typed in [&book.id, &book.title] {
            let mut palette = Palette::default();
            palette.field.set(typed);
            palette.refresh(&hands.app);
            let entry = palette
                .entries
                .iter()
                .find(|e| e.kind == "runbook" && e.name == book.id);
            let entry = entry.unwrap_or_else(|| panic!("no runbook {} for {typed}", book.id));
            assert_eq!((&entry.doc, &entry.why_not), (&book.title, &None), "{typed}");
            // By its own name it goes first.
            assert!(*typed != book.id || palette.entries[0] == *entry, "{typed}");
        }
    }
}

#[test]
fn a_runbook_from_the_palette_is_about_what_is_selected() {
    let mut hands = jumps::platform();
    hands.press("2");
    hands.select("cortex-web");
    offered(&mut hands, "stalled", "stalled-rollout");
    hands.press("enter");
    assert!(matches!(hands.app.layers.last(), Some(Layer::Runbook(_))));
    let workload = hands.app.runs[0].run.subject().workload.clone().unwrap();
    assert_eq!(
        (hands.app.runs[0].run.book().id.as_str(), &*workload.name),
        ("stalled-rollout", "cortex-web")
    );
    // What was used lately is known by its name.
    hands.press("esc :");
    hands.types("stalled");
    match hands.app.layers.last() {
        Some(Layer::Palette(p)) => assert_eq!(p.entries[0].name, "stalled-rollout"),
        other => panic!("{other:?}"),
    }
    // The row of a source, too.
    hands.press("esc 3");
    hands.select("mail");
    assert_eq!(offered(&mut hands, "backlog", "worker-backlog").why_not, None);
    hands.press("enter");
    let about = hands.app.runs.last().unwrap().run.subject().about.clone();
    assert!(
        matches!(&about, Some(About::Queue { queue, .. }) if &**queue == "mail"),
        "{about:?}"
    );
}

#[test]
fn a_runbook_about_nothing_says_that_something_must_be_selected_first() {
    let mut hands = Hands::operator();
    hands.press("/");
    hands.types("nothing-is-called-so");
    hands.press("enter");
    assert!(hands.names().is_empty());
    let entry = offered(&mut hands, "stalled", "stalled-rollout");
    assert_eq!(entry.why_not.as_deref(), Some("select what it is for first"));
    assert!(hands.screen().contains("select what it is for first"));
    assert!(hands.press("enter").is_empty());
    assert_eq!(hands.told(), "select what it is for first");
    assert!(hands.app.runs.is_empty());
    // That of an incident is about no object.
    assert_eq!(offered(&mut hands, "incident", "incident-response").why_not, None);
    hands.press("enter");
    assert_eq!(hands.app.runs.len(), 1);
}
