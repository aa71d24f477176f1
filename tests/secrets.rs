//! A secret is in one place besides where it came from: the request to the server that is to have it. Marked secrets go
//! through a whole console: a Secret's value typed, made, sent and taken back, a secret key of a ConfigMap, a runbook's secret
//! parameter in a command's environment, a TLS Secret's private key from a file and back, the passwords and tokens of the sources. Then everything that the console left or
//! showed is searched: every frame, the journal, the log, the spool, the report, the answers of `qd`, all command lines.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod person_support;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use person_support::{Deed, carried_out, choose, do_all, loaded, once, taken_back};
use quarterdeck::app::layers::PlanState;
use quarterdeck::app::{Effect, Layer};
use quarterdeck::picture::{self, Paper};
use quarterdeck::sim::demo::{self, Demo};
use quarterdeck::sim::kube::{Writer, resource};
use quarterdeck::theme::{Depth, Glyphs, Theme};
use serde_json::{Value, json};

/// What a person typed as the new value.
const TYPED: &str = "mark-typed-81c2f0";
/// What the Secret held before.
const FORMER: &str = "mark-former-77ab31";
/// What a ConfigMap holds under the name of a password, before and after.
const CONFIG: [&str; 2] = ["mark-config-15d9", "mark-config-62e4"];
/// What a runbook asks for in secret.
const PARAM: &str = "mark-param-e05b6d";
/// Passwords and a header of the sources.
const PASSWORDS: [&str; 3] = ["mark-postgres-9f", "mark-redis-3c", "mark-header-d2"];

const BOOK: &str = r#"+++
id = "own-command"
title = "Own command"
owner = "us"
verified = "2026-11-01"
use_when = "Always."
[params.password]
type = "string"
secret = true
+++
# Own command

## Which?
```step
kind = "ask"
param = "password"
```

## Go
```step
kind = "run"
argv = ["PROGRAM"]
env = { OWN_PASSWORD = "{{ password }}" }
timeout = "20s"
```
"#;

/// Everything that anybody could have seen.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<(String, String)>>>);

impl Seen {
    fn add(&self, what: &str, text: impl Into<String>) {
        self.0.lock().unwrap().push((what.to_owned(), text.into()));
    }

    /// The marks that are in it, and where.
    fn holding(&self, marks: &BTreeSet<String>) -> Vec<String> {
        let all = self.0.lock().unwrap();
        let found = all.iter().flat_map(|(what, text)| {
            let held = marks.iter().filter(|mark| text.contains(mark.as_str()));
            held.map(move |mark| format!("{mark} in {what}"))
        });
        found.collect()
    }
}

impl Write for Seen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.add("the log", String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Every file under a folder.
fn files(folder: &Path, seen: &Seen) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, seen);
        } else if let Ok(bytes) = std::fs::read(&path) {
            seen.add(&path.display().to_string(), String::from_utf8_lossy(&bytes));
        }
    }
}

/// The command line of everything that runs.
fn command_lines(seen: &Seen) {
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(bytes) = std::fs::read(entry.path().join("cmdline")) else {
            continue;
        };
        seen.add("a command line", String::from_utf8_lossy(&bytes));
    }
}

/// The platform with its secrets, and what it needs of a home.
struct Stand {
    demo: Demo,
    home: tempfile::TempDir,
    /// Private keys in PEM: what the TLS Secret held, and what the file holds.
    keys: [String; 2],
}

/// A certificate and its private key, in PEM.
fn pem() -> [String; 2] {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["own.example.org".to_owned()]).unwrap();
    [params.self_signed(&key).unwrap().pem(), key.serialize_pem()]
}

impl Stand {
    async fn begin() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let demo = demo::start(demo::Options::default()).await.unwrap();
        let home = tempfile::tempdir().unwrap();
        let by = Writer::new("test");
        let (name, space) = ("marked", "cortex");
        let secret = json!({"metadata": {"name": name, "namespace": space}, "type": "Opaque",
            "data": {"password": STANDARD.encode(FORMER)}});
        let map = json!({"metadata": {"name": name, "namespace": space}, "data": {"SMTP_PASSWORD": CONFIG[0]}});
        let pair = pem();
        let data = json!({"tls.crt": STANDARD.encode(&pair[0]), "tls.key": STANDARD.encode(&pair[1])});
        let tls =
            json!({"metadata": {"name": "own-tls", "namespace": space}, "type": "kubernetes.io/tls", "data": data});
        for (plural, object) in [("secrets", secret), ("configmaps", map), ("secrets", tls)] {
            demo.store().create(resource("", plural).unwrap(), object, &by).unwrap();
        }
        let mut stand = Self {
            demo,
            home,
            keys: [pair[1].clone(), String::new()],
        };
        let [chain, key] = pem();
        stand.write("keep/chain.pem", &chain);
        stand.write("keep/key.pem", &key);
        stand.keys[1] = key;
        let given = stand.home.path().join("given");
        let body = format!(
            "#!/bin/sh\nprintf %s \"$OWN_PASSWORD\" > {}\nsleep 1\necho done\n",
            given.display()
        );
        let program = stand.write("program", &body);
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        stand.write(
            ".config/quarterdeck/runbooks/own-command.md",
            &BOOK.replace("PROGRAM", &program),
        );
        std::fs::create_dir(stand.home.path().join("spool")).unwrap();
        stand
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// The demonstration's configuration, with a password wherever there can be one.
    fn config(&self) -> String {
        let text = std::fs::read_to_string(self.demo.config()).unwrap();
        let mut root: toml::Table = text.parse().unwrap();
        let platform = root["platform"][0].as_table_mut().unwrap();
        let file = |name: &str, mark: &str| {
            let path = self.write(name, mark);
            toml::Value::from(toml::Table::from_iter([("file".to_owned(), path.into())]))
        };
        let of = |platform: &mut toml::Table, source: &str, key: &str, value: toml::Value| {
            platform[source][0]
                .as_table_mut()
                .unwrap()
                .insert(key.to_owned(), value);
        };
        of(platform, "postgres", "password", file("keep/postgres", PASSWORDS[0]));
        of(platform, "redis", "password", file("keep/redis", PASSWORDS[1]));
        let header = toml::Table::from_iter([("X-Own".to_owned(), file("keep/header", PASSWORDS[2]))]);
        of(platform, "prometheus", "headers", header.into());
        let spool = self.home.path().join("spool");
        format!(
            "[policy]\nrun_steps = true\n[spool]\npath = {:?}\n{root}",
            spool.display().to_string()
        )
    }

    fn held(&self) -> String {
        self.value("marked", "password")
    }

    fn value(&self, secret: &str, key: &str) -> String {
        let secret = self
            .demo
            .store()
            .get(resource("", "secrets").unwrap(), "cortex", secret)
            .unwrap();
        let text = secret.value()["data"][key].as_str().unwrap().to_owned();
        String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()
    }

    fn configured(&self) -> Value {
        let map = self
            .demo
            .store()
            .get(resource("", "configmaps").unwrap(), "cortex", "marked")
            .unwrap();
        map.value()["data"]["SMTP_PASSWORD"].clone()
    }

    /// Parts of the private keys, as they stand in a file and as they stand in a Secret.
    fn key_marks(&self) -> Vec<String> {
        let parts = self.keys.iter().flat_map(|pem| {
            let line = pem.lines().nth(1).unwrap();
            [
                line.get(..40).unwrap().to_owned(),
                STANDARD.encode(pem).get(80..140).unwrap().to_owned(),
            ]
        });
        parts.collect()
    }

    /// The tokens by which the console connects.
    fn tokens(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.demo.kubeconfig()).unwrap();
        let file: Value = serde_yaml_ng::from_str(&text).unwrap();
        let users = file["users"].as_array().unwrap();
        users
            .iter()
            .filter_map(|u| u["user"]["token"].as_str().map(str::to_owned))
            .collect()
    }
}

/// A value is typed where policy wants a second person: what that person reads lies in the spool.
async fn asked_for_a_second_person(stand: &Stand, config: &str, seen: &Seen) {
    let config = config
        .replacen("[policy]\n", "[policy]\ntwo_person_from = \"R1\"\n", 1)
        .replace("classify = \"local\"", "classify = \"production\"");
    let spool = stand.home.path().join("spool");
    let deeds: Vec<Deed<'_>> = vec![
        once(|hands| hands.press("2 g g a k")),
        choose("marked / password"),
        choose("typed"),
        once(|hands| {
            hands.types(TYPED);
            hands.press("enter");
        }),
        Box::new(|hands| {
            hands.confirm();
            let lies = std::fs::read_dir(&spool).unwrap().flatten();
            lies.into_iter()
                .any(|file| file.file_name().to_string_lossy().starts_with("ask."))
        }),
        once(|_| files(&spool, seen)),
    ];
    do_all(loaded(&config, stand.home.path(), false), deeds, |_| ()).await;
    assert!(
        seen.0
            .lock()
            .unwrap()
            .iter()
            .any(|(what, text)| what.contains("/spool/ask.") && text.contains("marked"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_nowhere_but_in_the_request_to_its_server() {
    let stand = Stand::begin().await;
    let seen = Seen::default();
    let log = seen.clone();
    tracing_subscriber::fmt()
        .with_env_filter("quarterdeck=trace")
        .with_writer(move || log.clone())
        .init();
    let theme = Theme::built_in("dark", Depth::True);
    let config = stand.config();
    let mut marks: BTreeSet<String> = [TYPED, FORMER, PARAM].map(str::to_owned).into();
    marks.extend(CONFIG.iter().chain(&PASSWORDS).map(|mark| (*mark).to_owned()));
    marks.extend(stand.tokens());
    marks.extend(stand.key_marks());
    let made = std::cell::RefCell::new(String::new());
    let given = stand.home.path().join("given");
    let mut deeds: Vec<Deed<'_>> = vec![
        once(|hands| hands.press("2 g g")),
        // A value that is typed.
        once(|hands| hands.press("a k")),
        choose("marked / password"),
        choose("typed"),
        once(|hands| {
            hands.types(TYPED);
            hands.app.dirty = true;
        }),
        once(|hands| hands.press("enter")),
        carried_out(1),
        once(|_| assert_eq!(stand.held(), TYPED, "the positive control")),
        // Taken back.
        taken_back(),
        carried_out(2),
        once(|_| assert_eq!(stand.held(), FORMER)),
        // One that the console makes.
        once(|hands| hands.press("a k")),
        choose("marked / password"),
        choose("hex 64"),
        carried_out(3),
        once(|_| *made.borrow_mut() = stand.held()),
        // A certificate and its key from files, and back.
        once(|hands| hands.press("6 g g a t")),
        choose("own-tls"),
        once(|hands| {
            let at = |name: &str| stand.home.path().join("keep").join(name).display().to_string();
            hands.types(&format!("{} {}", at("chain.pem"), at("key.pem")));
            hands.press("enter");
        }),
        carried_out(4),
        once(|_| assert_eq!(stand.value("own-tls", "tls.key"), stand.keys[1], "the positive control")),
        taken_back(),
        carried_out(5),
        once(|_| assert_eq!(stand.value("own-tls", "tls.key"), stand.keys[0])),
        // A ConfigMap that holds what does not belong there.
        once(|hands| hands.press("2 g g a c")),
        choose("marked / SMTP_PASSWORD"),
        // It is neither shown nor changed: it is to become a Secret first.
        Box::new(|hands| {
            if matches!(hands.app.layers.last(), Some(Layer::Prompt(_))) {
                hands.press("ctrl-u");
                hands.types(CONFIG[1]);
                hands.press("enter");
            }
            hands.app.layers.is_empty() || matches!(hands.plan().map(|p| &p.state), Some(PlanState::Refused(_)))
        }),
        once(|hands| {
            assert_eq!(stand.configured(), CONFIG[0]);
            hands.press("esc esc esc");
        }),
        // A runbook's parameter, in the environment of a command.
        once(|hands| hands.press("g r")),
        choose("Own command"),
        once(|hands| hands.press("e")),
        once(|hands| hands.types(PARAM)),
        once(|hands| hands.press("enter")),
        once(|hands| hands.press("enter")),
        once(|hands| hands.press("enter")),
        Box::new(|hands| {
            command_lines(&seen);
            hands.confirm();
            std::fs::read_to_string(&given).is_ok_and(|text| text == PARAM)
        }),
        Box::new(|hands| hands.app.runs.iter().all(|r| r.run.status().is_over())),
        once(|hands| hands.press("esc esc A")),
        once(|hands| hands.press("esc T")),
        once(|hands| hands.press("esc g t")),
        // Every pane, and what is under its cursor.
        once(|hands| hands.press("esc 1 enter")),
        once(|hands| hands.press("esc 4 enter")),
        once(|hands| hands.press("esc 5 enter")),
        once(|hands| hands.press("esc 6 enter")),
        once(|hands| hands.press("esc 8 enter")),
    ];
    let paper = Paper {
        theme: &theme,
        depth: Depth::True,
        glyphs: Glyphs::Unicode,
        title: "qd",
    };
    deeds.insert(0, once(|hands| hands.app.size = (120, 40)));
    let spool = stand.home.path().join("spool");
    do_all(loaded(&config, stand.home.path(), false), deeds, |hands| {
        command_lines(&seen);
        files(&spool, &seen);
        for effect in hands.effects() {
            if let Effect::Copy(text) = effect {
                seen.add("the clipboard", text);
            }
        }
        seen.add("a frame", picture::text(&picture::draw(hands.app, paper).cells));
    })
    .await;
    marks.insert(made.into_inner());
    asked_for_a_second_person(&stand, &config, &seen).await;

    // What is left on the disk, and what the program says of it.
    for folder in [".local", "spool"] {
        files(&stand.home.path().join(folder), &seen);
    }
    let path = stand.write("qd.toml", &config);
    for line in [
        "journal show --output json",
        "journal export",
        "report --since 1h",
        "report --since 1h --output json",
        "queries --output json",
        "redis --output json",
        "signals --output json",
        "alerts --output json",
        "check --output json",
        "runbook show own-command",
    ] {
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_qd"))
            .args(line.split(' '))
            .args(["--config", &path, "--log-level", "trace"])
            .env_clear()
            .env("HOME", stand.home.path())
            .output()
            .unwrap();
        assert!(
            !out.stdout.is_empty(),
            "{line}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        seen.add(line, String::from_utf8_lossy(&out.stdout));
        seen.add(line, String::from_utf8_lossy(&out.stderr));
    }
    files(&stand.home.path().join(".local"), &seen);

    let looked_at = |end: &str| seen.0.lock().unwrap().iter().any(|(what, _)| what.ends_with(end));
    assert!(looked_at(".jsonl") && looked_at("qd.log") && looked_at("a frame"));
    assert_eq!(seen.holding(&marks), [""; 0]);
    let encoded = marks.iter().map(|mark| STANDARD.encode(mark)).collect();
    assert_eq!(seen.holding(&encoded), [""; 0], "in base64");
    stand.demo.stop().await;
}
