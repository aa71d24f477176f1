//! The terminal lent to another program: the pager, and a shell in a container.

use std::os::unix::fs::PermissionsExt as _;

use quarterdeck::journal::RecordKind;

use super::pty_support::{Home, Servers, Start, eventually};

/// A program of the person's own.
fn script(home: &Home, name: &str, text: &str) {
    let path = home.write(&format!("my bin/{name}"), &format!("#!/bin/sh\n{text}\n"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn path(home: &Home) -> String {
    format!("{}:/usr/bin:/bin", home.path().join("my bin").display())
}

/// Reads until a line is typed on the terminal, whatever its input is.
const PAGER: &str = r#"cat | head -5; echo "secure=$LESSSECURE with $1"; read -r line </dev/tty; echo "typed=$line""#;

const KUBECTL: &str = r#"for word in "$@"; do echo "$word"; done > "$HOME/argv"; echo IN THE POD; read -r line; echo 'error: the pod is gone' >&2; echo 'command terminated with exit code 3' >&2; exit 3"#;

#[test]
fn pager_and_shell_have_the_terminal_to_themselves_and_give_it_back() {
    let servers = Servers::start();
    let home = Home::new();
    script(&home, "pager", PAGER);
    script(&home, "kubectl", KUBECTL);
    let (pager, path) = (
        format!("'{}' 'two words'", home.path().join("my bin/pager").display()),
        path(&home),
    );
    let mut console = Start::on(&servers, &home).env("PAGER", &pager).env("PATH", &path).go();
    console.see("stalled");
    console.send("2/cortex-web\r");
    console.see("/cortex-web 2 of");
    console.send("y");
    console.see("kind: Deployment");
    console.send("|");
    console.see("secure=1 with two words");
    assert!(!console.is_raw(), "the pager has the terminal as the shell had it");
    // What is typed now is the pager's: the console would take q for its own.
    console.send("q\n");
    console.wait("the console is back", |s| {
        s.alternate_screen() && s.contents().contains("kind: Deployment")
    });
    assert!(console.is_raw());

    console.send("1");
    console.see("1 Pods");
    console.send("/cortex-web\r");
    console.see("/cortex-web 4 of");
    console.send("at");
    console.see("Open a shell in cortex-web");
    std::thread::sleep(std::time::Duration::from_millis(350));
    console.send("y");
    console.see("IN THE POD");
    let argv = eventually("kubectl was started", || {
        std::fs::read_to_string(home.path().join("argv")).ok()
    });
    let words: Vec<&str> = argv.lines().collect();
    assert!(
        words.contains(&"--context=demo") && words.contains(&"--namespace=cortex"),
        "{words:?}"
    );
    assert!(words.iter().any(|w| w.starts_with("--kubeconfig=/")), "{words:?}");
    let kubeconfig = std::fs::read_to_string(servers.demo.kubeconfig()).unwrap();
    let server = words.iter().find_map(|w| w.strip_prefix("--server=")).unwrap();
    assert!(kubeconfig.contains(server), "{words:?}");
    let intents = home.records(RecordKind::Intent);
    assert_eq!(intents.len(), 1, "on record before it was opened");
    let target = intents[0].entry.target.clone().unwrap();
    assert!(
        words.contains(&target.name.as_str()) && !target.uid.is_empty(),
        "{target:?}"
    );
    console.send("\n");
    console.see("on record: exit 3: error:");
    let results = eventually("its end is on record", || {
        Some(home.records(RecordKind::Result)).filter(|r| !r.is_empty())
    });
    assert_eq!(
        (results[0].entry.what.as_str(), results[0].entry.outcome.as_str()),
        ("exec", "exit 3: error: the pod is gone")
    );
    assert_eq!(results[0].answers(), Some(intents[0].hash.as_str()));
    assert_eq!(servers.mutating(), 0, "the console itself sent nothing");

    // The name leads elsewhere by now: the shell would be in another cluster's pod of that name.
    std::fs::remove_file(home.path().join("argv")).unwrap();
    let elsewhere = kubeconfig.replace(server, "https://127.0.0.1:1");
    std::fs::write(servers.demo.kubeconfig(), elsewhere).unwrap();
    console.send("at");
    console.see("Open a shell in cortex-web");
    std::thread::sleep(std::time::Duration::from_millis(350));
    console.send("y");
    console.see("the kubeconfig was changed");
    assert_eq!(home.records(RecordKind::Intent).len(), 1);
    assert!(!home.path().join("argv").exists());
    std::fs::write(servers.demo.kubeconfig(), &kubeconfig).unwrap();
    console.send("q");
    console.see("Quit");
    console.send("y");
    console.ended().is_clean();

    // Who only reads may read in the pager, and starts no kubectl.
    let mut console = Start::on(&servers, &home)
        .args(&["--read-only"])
        .env("PAGER", &pager)
        .env("PATH", &path)
        .go();
    console.see("stalled");
    console.send("1/cortex-web\r");
    console.see("/cortex-web 4 of");
    console.send("at");
    console.see("read-only");
    console.send("gv");
    console.see("secure=1");
    console.send("\n");
    console.wait("the console is back", vt100::Screen::alternate_screen);
    console.send("q");
    console.see("Quit");
    console.send("y");
    console.ended().is_clean();
    assert!(!home.path().join("argv").exists());
}
