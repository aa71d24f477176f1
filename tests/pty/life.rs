//! Ends of every kind, stops, sizes, colours.

use std::time::Duration;

use quarterdeck::journal::RecordKind;
use quarterdeck::sim::kube::faults::Rule;
use quarterdeck::sim::kube::{Fault, Server};
use rustix::process::Signal;

use super::pty_support::{Home, Servers, Start, eventually};
use super::to_the_plan;

/// Without any cluster: it starts at once.
fn alone(home: &Home) -> Start<'_> {
    Start::new(home, &[])
}

#[test]
fn every_end_gives_the_terminal_back_as_it_was() {
    type End = fn(&mut super::Console);
    let ends: [(&str, End); 5] = [
        ("SIGTERM", |c| c.signal(Signal::TERM)),
        ("SIGHUP", |c| c.signal(Signal::HUP)),
        ("SIGINT", |c| c.signal(Signal::INT)),
        ("q and y", |c| {
            c.send("q");
            c.see("Quit");
            c.send("y");
        }),
        ("ctrl-c and y", |c| {
            c.send("\x03");
            c.see("Quit");
            c.send("y");
        }),
    ];
    for (name, end) in ends {
        let home = Home::new();
        let config = home.write("qd.toml", "[ui]\nmouse = true\n");
        let mut console = alone(&home).args(&["--config", config.to_str().unwrap()]).go();
        console.wait("the mouse is on", |s| {
            s.mouse_protocol_mode() != vt100::MouseProtocolMode::None
        });
        console.see("QD");
        assert!(console.is_raw());
        end(&mut console);
        let ended = console.ended();
        ended.is_clean();
        assert_eq!(ended.code, 0, "{name}");
    }
}

#[test]
#[cfg(debug_assertions)] // a release has no way to be made to panic
fn a_panic_gives_the_terminal_back_and_says_where_the_log_is() {
    let home = Home::new();
    let mut console = alone(&home).env("QUARTERDECK_TEST_PANIC", "1").go();
    console.see("QD");
    console.send("j");
    let ended = console.ended();
    ended.is_clean();
    assert_eq!(ended.code, 101);
    let text = ended.screen.screen().contents();
    assert!(text.contains("a fault of its own"), "{text}");
    assert!(text.contains("qd.log"), "{text}");
}

fn slow(server: &Server, by: Duration) {
    let path = "/apis/apps/v1/namespaces/cortex/deployments/cortex-api";
    let mut rule = Rule::new("PATCH", path, 1, Fault::Delay(by));
    "fieldManager".clone_into(&mut rule.contains);
    server.faults().set(rule);
}

fn confirm(console: &mut super::Console) {
    console.send("\t\t");
    console.type_in("cortex-api\r\r");
}

#[test]
fn a_lost_connection_in_mid_action_leaves_intent_and_result_on_record() {
    let (servers, home) = (Servers::start(), Home::new());
    let mut console = Start::on(&servers, &home).go();
    to_the_plan(&mut console);
    slow(servers.demo.server(), Duration::from_secs(4));
    confirm(&mut console);
    eventually("the intent is on record", || home.records(RecordKind::Intent).pop());
    console.signal(Signal::HUP);
    eventually("the terminal is given back", || (!console.is_raw()).then_some(()));
    assert!(home.records(RecordKind::Result).is_empty(), "the answer is still out");
    let ended = console.ended();
    ended.is_clean();
    let (intent, result) = (home.records(RecordKind::Intent), home.records(RecordKind::Result));
    assert_eq!(result[0].entry.refers, Some(intent[0].seq));
    assert_eq!(result[0].entry.outcome, "applied");
    assert_eq!(servers.mutating(), 1);
}

#[test]
fn a_console_that_is_killed_in_mid_action_leaves_its_intent_on_record() {
    let (servers, home) = (Servers::start(), Home::new());
    let mut console = Start::on(&servers, &home).go();
    to_the_plan(&mut console);
    slow(servers.demo.server(), Duration::from_secs(30));
    confirm(&mut console);
    eventually("the intent is on record", || home.records(RecordKind::Intent).pop());
    console.signal(Signal::KILL);
    drop(console);
    assert!(home.records(RecordKind::Result).is_empty());
}

#[test]
fn it_stops_and_goes_on() {
    let home = Home::new();
    let mut console = alone(&home).go();
    console.see("? help");
    for key in [true, false] {
        if key {
            console.send("\x1a");
        } else {
            console.signal(Signal::TSTP);
        }
        console.wait_stopped(true);
        assert!(!console.is_raw());
        console.wait("the terminal is given back", |s| {
            !s.alternate_screen() && !s.hide_cursor() && !s.bracketed_paste()
        });
        console.signal(Signal::CONT);
        console.wait_stopped(false);
        console.wait("the screen is back", |s| {
            s.alternate_screen() && s.contents().contains("? help")
        });
        assert!(console.is_raw());
        console.send("?");
        console.see("close");
        console.send("q");
        console.see("? help");
    }
}

#[test]
fn after_a_storm_of_sizes_the_screen_is_as_drawn_anew() {
    let (servers, home) = (Servers::start(), Home::new());
    let mut console = Start::on(&servers, &home).size(120, 40).go();
    console.see("ImagePullBackOff");
    // The terminal of the test takes part again at the end: in between nobody looks.
    console.new_terminal(500, 200);
    let extremes = [(1, 1), (500, 200), (2, 300), (300, 2), (39, 9), (80, 24), (1000, 1)];
    for i in 0..400u16 {
        let (columns, rows) = match extremes.get(usize::from(i % 20)) {
            Some(size) => *size,
            None => (1 + i * 37 % 250, 1 + i * 53 % 90),
        };
        console.resize(columns, rows);
        if i % 7 == 0 {
            console.send("\t");
        }
        std::thread::sleep(Duration::from_millis(u64::from(i % 3)));
    }
    console.settle(Duration::from_millis(300));
    console.new_terminal(100, 30);
    console.resize(100, 30);
    console.see("ImagePullBackOff");
    console.settle(Duration::from_millis(500));
    let look = |c: &super::Console| c.with(|s| (s.contents_formatted(), s.cursor_position()));
    let before = look(&console);
    console.redraw();
    assert_eq!(before, look(&console));
}

/// The parameters of every SGR sequence.
fn colours(bytes: &[u8]) -> Vec<Vec<u16>> {
    String::from_utf8_lossy(bytes)
        .split("\x1b[")
        .filter_map(|s| s.split_once('m').map(|(codes, _)| codes))
        .filter(|codes| codes.chars().all(|c| c.is_ascii_digit() || c == ';'))
        .map(|codes| codes.split(';').map(|c| c.parse().unwrap_or(0)).collect())
        .collect()
}

#[test]
fn sixteen_colours_are_named_by_number_and_no_color_means_none() {
    let servers = Servers::start();
    let home = Home::new();
    let console = Start::on(&servers, &home)
        .env("TERM", "xterm")
        .env("COLORTERM", "")
        .go();
    console.see("ImagePullBackOff");
    let seen = colours(&console.bytes());
    assert!(
        seen.iter()
            .any(|c| c.iter().any(|n| (30..=37).contains(n) || (90..=97).contains(n)))
    );
    assert!(seen.iter().all(|c| !c.contains(&38) && !c.contains(&48)), "{seen:?}");
    drop(console);
    let console = Start::on(&servers, &home).env("NO_COLOR", "1").go();
    console.see("ImagePullBackOff");
    console.see("k8s");
    let seen = colours(&console.bytes());
    let coloured = |n: &u16| (30..=49).contains(n) && *n != 39 && *n != 49 || (90..=107).contains(n);
    assert!(!seen.iter().any(|c| c.iter().any(coloured)), "{seen:?}");
    // The selected row stands out without colour.
    console.wait("a selected row", |s| {
        (0..24).any(|y| {
            let name = (0..80).find_map(|x| s.cell(y, x).filter(|c| c.contents() == "c"));
            s.rows(0, 80).nth(usize::from(y)).is_some_and(|r| r.contains("cortex-"))
                && name.is_some_and(|c| c.inverse() || c.bold())
        })
    });
}

#[test]
fn a_terminal_that_cannot_place_its_cursor_gets_a_sentence() {
    let home = Home::new();
    let ended = alone(&home).env("TERM", "dumb").go().ended();
    assert_eq!(ended.code, 2);
    assert!(
        !ended.bytes.contains(&0x1b),
        "{:?}",
        String::from_utf8_lossy(&ended.bytes)
    );
    let text = String::from_utf8(ended.bytes).unwrap();
    assert!(text.contains("TERM is `dumb`"), "{text}");
}

#[test]
fn a_lone_escape_is_escape_and_one_that_begins_a_key_is_not() {
    let home = Home::new();
    let mut console = alone(&home).go();
    console.see("? help");
    console.send("?");
    console.see("close");
    for byte in "\x1b[B\x1bOA\x1b[6~".bytes() {
        console.send([byte]);
        std::thread::sleep(Duration::from_millis(5));
    }
    console.settle(Duration::from_millis(300));
    console.see("close");
    console.send("\x1b");
    console.see("? help");
}

/// The answer to the question for the background, on a light terminal.
const LIGHT: &str = "\x1b]11;rgb:fcfc/fbfb/f9f9\x1b\\";

#[test]
fn the_theme_follows_the_terminals_answer_whenever_it_comes_and_no_part_of_it_is_a_key() {
    let home = Home::new();
    let config = home.write("qd.toml", "[ui]\ntitle = true\n");
    let mut console = alone(&home).args(&["--config", config.to_str().unwrap()]).go();
    console.see("? help");
    let footer = |s: &vt100::Screen| s.contents().lines().last().map(str::to_owned);
    let name = |s: &vt100::Screen| s.cell(0, 1).map(vt100::Cell::fgcolor);
    let (before, dark) = (console.with(footer), console.with(name));
    // It did not answer, and everything is there. Then it does, byte after byte.
    for byte in LIGHT.bytes() {
        console.send([byte]);
        std::thread::sleep(Duration::from_millis(3));
    }
    console.wait("the light theme", |s| name(s) != dark);
    assert_eq!(console.with(footer), before, "nothing was opened");
    // The title is the terminal's own again while we are stopped, and ours once we are back.
    let count = |bytes: &[u8], what: &str| String::from_utf8_lossy(bytes).matches(what).count();
    let (push, pop, set) = ("\x1b[22;2t", "\x1b[23;2t", "\x1b]2;");
    eventually("the title", || (count(&console.bytes(), set) == 1).then_some(()));
    console.send("\x1a");
    console.wait_stopped(true);
    console.wait("the terminal is given back", |s| !s.alternate_screen());
    assert_eq!(count(&console.bytes(), pop), 1);
    console.signal(Signal::CONT);
    console.see("? help");
    eventually("the title again", || (count(&console.bytes(), set) >= 2).then_some(()));
    console.signal(Signal::TERM);
    let ended = console.ended();
    ended.is_clean();
    let text = String::from_utf8_lossy(&ended.bytes).into_owned();
    assert_eq!((count(&ended.bytes, push), count(&ended.bytes, pop)), (2, 2));
    assert!(
        text.rfind(set) < text.rfind(pop),
        "no title is set once the old one is back"
    );
}
