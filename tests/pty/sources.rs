//! PostgreSQL by keys: how a statement would run, and an index that is built anew.

use std::time::Duration;

use quarterdeck::journal::RecordKind;

use super::SHIFT_TAB;
use super::pty_support::{Home, Servers, Start};

#[test]
fn a_statement_is_explained_and_an_invalid_index_is_built_anew_by_keys() {
    let (servers, home) = (Servers::start(), Home::new());
    let config = servers.demo.config().to_str().unwrap();
    let mut console = Start::new(&home, &["--config", config]).go();
    console.see("cortex-api");
    console.send("4");
    console.see("UPDATE threa");
    console.send("v");
    console.see("SELECT e.thread_id");
    console.send("e");
    console.see("Index Scan");
    console.send("\x1b");
    console.see_no("Index Scan");
    console.send("vv");
    console.see("invalid: rebuild it");
    console.send("ax");
    console.see("REINDEX INDEX");
    console.see("permission");
    // What comes sooner counts as typed for something else.
    std::thread::sleep(Duration::from_millis(400));
    console.send(SHIFT_TAB);
    console.type_in("public.comments_thread_id_idx\r\r");
    // The row is gone as soon as it is done, not with the next minute's look.
    console.see("is valid");
    console.see_no("invalid: rebuild it");
    let result = home.records(RecordKind::Result);
    assert_eq!((result.len(), &*result[0].entry.outcome), (1, "applied"));
    assert_eq!(result[0].entry.what, "reindex");
}
