//! The spool with real files, some of them another user's: what is believed, and what a hostile member cannot do.
//! Giving files to another user takes root, which the tests of this project run as.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

use super::message::bytes;
use super::*;

const ADA: u32 = 4001;
const MALLORY: u32 = 4002;

fn at(s: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_secs(s)
}

fn root() -> bool {
    rustix::process::getuid().is_root()
}

/// A spool folder as `tmpfiles.d` makes it.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o3770)).unwrap();
    dir
}

fn ask(id: &str) -> Ask {
    Ask {
        v: 1,
        id: id.to_owned(),
        name: "kim".to_owned(),
        login: None,
        hash: "c0ffee".to_owned(),
        title: "Delete pod cortex/web-1".to_owned(),
        verb: "Delete on prod-eu".to_owned(),
        seat: Seat {
            context: "prod-eu".to_owned(),
            server: "prod-eu:6443".to_owned(),
            scope: "cortex".to_owned(),
        },
        class: "PROD".to_owned(),
        risk: "R3".to_owned(),
        changes: Vec::new(),
        same_as: vec!["kubectl -n cortex delete pod web-1".to_owned()],
        impact: Vec::new(),
        warnings: Vec::new(),
        doubts: Vec::new(),
        undo: "none".to_owned(),
        reason: "INC-214".to_owned(),
        word: "prod-eu/web-1".to_owned(),
        at: at(0),
        expires: at(600),
    }
}

fn answer(ask: &Ask, approves: bool) -> Answer {
    Answer {
        v: 1,
        ask: ask.id.clone(),
        name: "ada".to_owned(),
        login: None,
        hash: ask.hash.clone(),
        shown: ask.digest(),
        approves,
        reason: "looked at it".to_owned(),
        at: at(0),
    }
}

/// Puts a file there as `uid` would.
fn put(dir: &Path, name: &str, bytes: &[u8], uid: u32, mode: u32) {
    let path = dir.join(name);
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    chown(&path, Some(uid), None).unwrap();
}

#[test]
fn what_is_written_is_found_again_and_goes_when_the_console_closes() {
    let dir = folder();
    let mut spool = Spool::open(dir.path(), "5-a").unwrap();
    let here = Presence {
        v: 1,
        name: "kim".to_owned(),
        session: "5-a".to_owned(),
        since: at(0),
        role: Role::Operator,
        following: None,
        seat: None,
        looks: None,
        deeds: Vec::new(),
    };
    spool.show(&here).unwrap();
    spool.ask(&ask("5-a-1")).unwrap();
    let news = spool.look(Timestamp::now());
    assert_eq!(
        (news.present.len(), news.asks.len(), news.trouble.clone()),
        (1, 1, None)
    );
    assert_eq!(news.asks[0].digest(), ask_digest(&news.asks[0]));
    assert_eq!(news, spool.look(Timestamp::now()), "nothing changed, nothing is new");
    let meta = fs::metadata(dir.path().join("ask.0.5-a-1"));
    if root() {
        assert_eq!(
            meta.unwrap().mode() & 0o777,
            0o640,
            "for the group, and for nobody else"
        );
    }
    assert!(spool.look(at(121)).present.is_empty(), "not renewed: gone");
    spool.show(&here).unwrap();
    spool.leave();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

fn ask_digest(seen: &Seen<Ask>) -> String {
    seen.what().digest()
}

#[test]
fn a_folder_in_which_others_could_interfere_is_refused() {
    for mode in [0o3777, 0o0770, 0o2770] {
        let dir = folder();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
        let why = Spool::open(dir.path(), "5-a").unwrap_err().to_string();
        assert!(why.contains("expected 3770"), "{mode:o}: {why}");
    }
    let dir = folder();
    let link = dir.path().join("link");
    symlink(folder().path(), &link).unwrap();
    assert!(Spool::open(&link, "5-a").is_err(), "a symlink");
    assert!(Spool::open(&dir.path().join("none"), "5-a").is_err());
    if root() {
        chown(dir.path(), Some(MALLORY), None).unwrap();
        let why = Spool::open(dir.path(), "5-a").unwrap_err().to_string();
        assert!(why.contains("belongs to uid 4002"), "{why}");
    }
}

#[test]
fn nobody_can_speak_for_another_person() {
    if !root() {
        return;
    }
    let dir = folder();
    let mut spool = Spool::open(dir.path(), "5-a").unwrap();
    let asked = ask("5-a-1");
    let yes = bytes(&answer(&asked, true));
    // Mallory's file under Ada's name.
    put(dir.path(), "answer.4001.5-a-1", &yes, MALLORY, 0o640);
    assert!(spool.look(Timestamp::now()).answers.is_empty());
    // Ada's own, but anybody of the group may have written it.
    put(dir.path(), "answer.4001.5-a-1", &yes, ADA, 0o660);
    assert!(spool.look(Timestamp::now()).answers.is_empty());
    // Ada's own file from elsewhere, linked here by somebody.
    put(dir.path(), "elsewhere", &yes, ADA, 0o640);
    fs::remove_file(dir.path().join("answer.4001.5-a-1")).unwrap();
    fs::hard_link(dir.path().join("elsewhere"), dir.path().join("answer.4001.5-a-1")).unwrap();
    assert!(spool.look(Timestamp::now()).answers.is_empty());
    fs::remove_file(dir.path().join("answer.4001.5-a-1")).unwrap();
    symlink("elsewhere", dir.path().join("answer.4001.5-a-1")).unwrap();
    assert!(spool.look(Timestamp::now()).answers.is_empty());
    // For another question than its name says.
    fs::remove_file(dir.path().join("answer.4001.5-a-1")).unwrap();
    put(dir.path(), "answer.4001.5-a-2", &yes, ADA, 0o640);
    assert!(spool.look(Timestamp::now()).answers.is_empty());
    // As she herself writes it.
    put(dir.path(), "answer.4001.5-a-1", &yes, ADA, 0o640);
    let answers = spool.look(Timestamp::now()).answers;
    assert_eq!((answers.len(), answers[0].by().uid), (1, ADA));
    assert_eq!(answers[0].by().to_string(), "uid 4001 (says: ada)");
}

#[test]
fn what_lies_there_to_block_or_to_flood_us_is_passed_over() {
    if !root() {
        return;
    }
    let dir = folder();
    let mut spool = Spool::open(dir.path(), "5-a").unwrap();
    let path = |name: &str| dir.path().join(name);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        path("here.4002.1-a"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o640),
        0,
    )
    .unwrap();
    chown(path("here.4002.1-a"), Some(MALLORY), None).unwrap();
    symlink("/dev/zero", path("here.4002.1-b")).unwrap();
    fs::create_dir(path("here.4002.1-c")).unwrap();
    put(dir.path(), "ask.4002.1-d", &vec![b'['; 65 * 1024], MALLORY, 0o640);
    put(dir.path(), "ask.4002.1-e", &vec![b'['; 60 * 1024], MALLORY, 0o640);
    put(dir.path(), "ask.4002.1-f", b"\xff\xfe", MALLORY, 0o640);
    let mut more = serde_json::to_value(ask("1-g")).unwrap();
    more["extra"] = true.into();
    put(dir.path(), "ask.4002.1-g", more.to_string().as_bytes(), MALLORY, 0o640);
    for n in 0..200 {
        let id = format!("2-{n}");
        put(dir.path(), &format!("ask.4002.{id}"), &bytes(&ask(&id)), MALLORY, 0o640);
    }
    for name in [
        "ask.04001.1-a",
        "ask.4001.1-a.b",
        "ask.4001.",
        "ask.4001.1_A",
        "tell.4001.1-a",
    ] {
        put(dir.path(), name, &bytes(&ask("1-a")), ADA, 0o640);
    }
    put(dir.path(), "ask.4001.3-a", &bytes(&ask("3-a")), ADA, 0o640);
    let news = spool.look(Timestamp::now());
    assert!(news.present.is_empty());
    assert!(news.asks.iter().any(|a| a.by().uid == ADA), "Ada is heard all the same");
    assert_eq!(news.asks.iter().filter(|a| a.by().uid == ADA).count(), 1);
    assert!(news.asks.iter().filter(|a| a.by().uid == MALLORY).count() <= 64);
}

#[test]
fn nobody_can_make_us_write_elsewhere() {
    let dir = folder();
    let spool = Spool::open(dir.path(), "5-a").unwrap();
    let victim = tempfile::NamedTempFile::new().unwrap();
    fs::write(victim.path(), "precious").unwrap();
    let uid = rustix::process::getuid().as_raw();
    let name = dir.path().join(format!("ask.{uid}.5-a-1"));
    symlink(victim.path(), &name).unwrap();
    spool.ask(&ask("5-a-1")).unwrap();
    assert_eq!(fs::read_to_string(victim.path()).unwrap(), "precious");
    assert!(fs::symlink_metadata(&name).unwrap().is_file(), "the link was replaced");
    assert!(spool.ask(&ask("../5-a-1")).is_err());
    let mut long = ask("5-a-2");
    long.same_as = vec!["x".repeat(70_000)];
    assert!(spool.ask(&long).unwrap_err().to_string().contains("65536 bytes"));
}

#[test]
fn control_bytes_of_others_do_not_come_through() {
    let dir = folder();
    let mut spool = Spool::open(dir.path(), "5-a").unwrap();
    let mut asked = ask("5-a-1");
    asked.title = "Scale\u{1b}]52;c;aGk=\u{7} web\r\nAPPROVED".to_owned();
    fs::write(
        dir.path()
            .join(format!("ask.{}.5-a-1", rustix::process::getuid().as_raw())),
        serde_json::to_vec(&asked).unwrap(),
    )
    .unwrap();
    let news = spool.look(Timestamp::now());
    let title = &news.asks[0].what().title;
    assert!(!title.chars().any(char::is_control), "{title:?}");
}

fn said(by: u32, answer: Answer) -> Seen<Answer> {
    Seen::for_test(by, answer.ask.clone(), answer, String::new())
}

#[test]
fn only_somebody_elses_yes_to_this_very_text_counts() {
    let me = Me {
        person: Person {
            uid: 1000,
            name: "kim".to_owned(),
            known: true,
        },
        login: Some(1000),
        session: "5-a".to_owned(),
    };
    let asked = ask("5-a-1");
    let yes = answer(&asked, true);
    let now = Timestamp::now();
    let counts = |by: u32, change: &dyn Fn(&mut Answer)| {
        let mut given = yes.clone();
        change(&mut given);
        judge(&me, &asked, &[said(by, given)], now).unwrap().is_some()
    };
    assert!(counts(ADA, &|_| {}));
    assert!(!counts(1000, &|_| {}), "our own");
    assert!(!counts(0, &|_| {}), "root's");
    assert!(!counts(ADA, &|a| a.hash = "another".to_owned()));
    assert!(!counts(ADA, &|a| a.shown = "another".to_owned()));
    assert!(!counts(ADA, &|a| a.ask = "5-a-2".to_owned()));
    assert!(!counts(ADA, &|a| a.at = asked.expires + SignedDuration::from_secs(1)));
    assert!(!counts(ADA, &|a| a.login = Some(1000)), "we, with another uid");
    let late = asked.expires + SignedDuration::from_secs(1);
    assert_eq!(judge(&me, &asked, &[said(ADA, yes.clone())], late), Ok(None));
    // After sudo we are another uid, and the one who logged in is still ourselves.
    let sudo = Me {
        person: Person {
            uid: 5000,
            ..me.person.clone()
        },
        ..me.clone()
    };
    assert_eq!(judge(&sudo, &asked, &[said(1000, yes.clone())], now), Ok(None));
    let no = said(MALLORY, answer(&asked, false));
    let objection = judge(&me, &asked, &[said(ADA, yes), no], now).unwrap_err();
    assert_eq!(objection.by.uid, MALLORY, "one no outweighs a yes");
}
