//! Three people on one bastion, each with their own user: one asks, one approves, one watches. Starting a console as
//! another user takes root, which the tests of this project run as.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use quarterdeck::journal::RecordKind;

use super::SHIFT_TAB;
use super::pty_support::{Console, Home, Servers, Start, eventually};

const GROUP: u32 = 4100;
const KIM: u32 = 4101;
const ADA: u32 = 4102;
const OBSERVER: u32 = 4103;

struct Bastion {
    spool: tempfile::TempDir,
    /// Where every user may start the program from.
    program: PathBuf,
    _folder: tempfile::TempDir,
}

impl Bastion {
    fn new() -> Self {
        let (spool, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        chown(spool.path(), None, Some(GROUP)).unwrap();
        mode(spool.path(), 0o3770);
        mode(folder.path(), 0o755);
        let program = folder.path().join("qd");
        if std::fs::hard_link(env!("CARGO_BIN_EXE_qd"), &program).is_err() {
            std::fs::copy(env!("CARGO_BIN_EXE_qd"), &program).unwrap();
        }
        Self {
            spool,
            program,
            _folder: folder,
        }
    }

    /// Somebody's home with a configuration for the demonstration's Kubernetes as production, and the spool.
    fn home(&self, servers: &Servers, uid: u32) -> Home {
        let home = Home::new();
        let kubeconfig = std::fs::read_to_string(servers.demo.kubeconfig()).unwrap();
        let kubeconfig = home.write("kubeconfig", &kubeconfig);
        let config = format!(
            "[policy]\ntwo_person_from = \"R2\"\n[spool]\npath = \"{}\"\n[[platform]]\nname = \"demo\"\n\
             context = \"demo\"\nclassify = \"production\"\nnamespaces = [\"cortex\"]\nkubeconfig = \"{}\"\n",
            self.spool.path().display(),
            kubeconfig.display(),
        );
        home.write("qd.toml", &config);
        for path in [home.path().to_owned(), kubeconfig, home.path().join("qd.toml")] {
            chown(path, Some(uid), Some(GROUP)).unwrap();
        }
        home
    }

    fn console(&self, home: &Home, uid: u32, name: &str, more: &[&str]) -> Console {
        let config = home.path().join("qd.toml");
        let args = [
            format!("--reuid={uid}"),
            format!("--regid={GROUP}"),
            "--clear-groups".to_owned(),
            self.program.display().to_string(),
            "--config".to_owned(),
            config.display().to_string(),
        ];
        let args: Vec<&str> = args.iter().map(String::as_str).chain(more.iter().copied()).collect();
        let console = Start::new(home, &args)
            .program("setpriv")
            .env("USER", name)
            .size(100, 30)
            .go();
        console.see("cortex-api");
        console
    }
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Keys typed ahead do not count: what just appeared is looked at for a moment.
fn look() {
    std::thread::sleep(Duration::from_millis(400));
}

fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

/// From the deck to the plan of a restart.
fn to_a_plan(console: &mut Console) {
    console.send("2");
    console.see("╭ 2 Rollouts");
    console.send("ar");
    console.see("dry run ✓");
    console.see("2nd person");
    look();
}

#[test]
fn a_plan_goes_after_another_user_of_the_machine_approved_it() {
    if !is_root() {
        return;
    }
    let (servers, bastion) = (Servers::start(), Bastion::new());
    let (kims, adas) = (bastion.home(&servers, KIM), bastion.home(&servers, ADA));
    let mut kim = bastion.console(&kims, KIM, "kim", &[]);
    let mut ada = bastion.console(&adas, ADA, "ada", &[]);
    to_a_plan(&mut kim);
    kim.send(SHIFT_TAB);
    kim.type_in("INC-214\r\r");
    kim.see("asked; waits until");

    ada.see("1 to approve");
    ada.send("gw");
    ada.see("Wait for a second person");
    ada.send("\r");
    ada.see("asked by");
    ada.see("kubectl");
    ada.see("INC-214");
    look();
    let word = ada.with(|s| {
        let text = s.contents();
        let (_, rest) = text.split_once("to approve, type ").unwrap();
        rest.split_whitespace().next().unwrap().trim_end_matches('_').to_owned()
    });
    ada.send(SHIFT_TAB);
    ada.send(SHIFT_TAB);
    ada.type_in("looked at the pods\r");
    ada.type_in(&word);
    ada.type_in("\r\r");
    ada.see("approved: it is on record");

    kim.see(&format!("approved by uid {ADA} (says: ada)"));
    assert_eq!(servers.mutating(), 0, "nothing went yet");
    look();
    kim.send(SHIFT_TAB);
    kim.type_in(&word);
    kim.type_in("\r\r");
    eventually("it went", || (servers.mutating() == 1).then_some(()));
    let intent = eventually("the intent is on record", || kims.records(RecordKind::Intent).pop());
    assert_eq!(intent.entry.approval, format!("by uid {ADA} (says: ada)"));
    let here = kims.records(RecordKind::Approval);
    let backs = here.iter().find(|r| r.entry.outcome.starts_with("approved: ")).unwrap();
    assert!(backs.seq < intent.seq && backs.entry.reason == "looked at the pods");
    let there = adas.records(RecordKind::Approval);
    assert_eq!(there.len(), 1);
    assert_eq!(there[0].entry.plan_hash, intent.entry.plan_hash);
    assert_eq!((there[0].actor.uid, intent.actor.uid), (ADA, KIM));
}

#[test]
fn an_observer_follows_and_the_operator_sees_it() {
    if !is_root() {
        return;
    }
    let (servers, bastion) = (Servers::start(), Bastion::new());
    let (kims, theirs) = (bastion.home(&servers, KIM), bastion.home(&servers, OBSERVER));
    let mut kim = bastion.console(&kims, KIM, "kim", &[]);
    let mut observer = bastion.console(&theirs, OBSERVER, "lee", &["--read-only"]);
    eventually("kim is here", || {
        std::fs::read_dir(bastion.spool.path())
            .unwrap()
            .any(|e| e.unwrap().file_name().to_string_lossy().starts_with("here.4101."))
            .then_some(())
    });
    observer.wait("the footer offers to follow", |s| s.contents().contains("F follow"));
    observer.send("F");
    observer.see("following kim");
    kim.see("1 watching");
    kim.see("n next");
    kim.send("!");
    kim.send("r");
    kim.see("RUNBOOK");
    observer.see("run ");
    observer.wait("the steps are there", |s| s.contents().contains("▸ 2 "));
    let before = observer.contents();
    kim.send("\r");
    observer.wait("it goes on there too", |s| s.contents().contains("▸ 4 "));
    assert_ne!(before, observer.contents());
    kim.send("\x1b");
    observer.see("╭ 1 Pods");
    observer.send("j");
    observer.see("no longer following");
    kim.see_no("watching");
    kim.send(SHIFT_TAB);
    kim.send("\x03");
    kim.see("Quit");
    kim.send("y");
    assert_eq!(kim.ended().code, 0);
    eventually("its file is gone", || {
        std::fs::read_dir(bastion.spool.path())
            .unwrap()
            .all(|e| !e.unwrap().file_name().to_string_lossy().starts_with("here.4101."))
            .then_some(())
    });
    assert_eq!(servers.mutating(), 0);
}
