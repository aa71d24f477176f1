//! The home folder of the person: configuration, and runbooks that do not take a quarter of an hour.

use std::path::Path;

use quarterdeck::cli::Options;
use quarterdeck::config::{File, Inputs};
use quarterdeck::runbook::library::BUILT_IN;
use quarterdeck::sim::demo::Demo;

/// What the console reads when it starts.
pub fn inputs(demo: &Demo, home: &Path) -> Inputs {
    let at_once =
        "[signals]\npg_connections_for = \"1s\"\npg_dead_for = \"1s\"\nredis_memory_for = \"1s\"\napp_for = \"1s\"\n";
    let config = std::fs::read_to_string(demo.config()).unwrap();
    let env = [
        ("HOME", home.to_str().unwrap()),
        ("USER", "ops"),
        ("PATH", "/usr/bin:/bin"),
    ];
    Inputs {
        env: env.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        system: None,
        user: Some(File {
            path: home.join("demo.toml"),
            text: Ok(Some(format!("{at_once}{config}"))),
        }),
        options: Options::default(),
    }
}

/// The built-in runbooks with less patience: a person's file of the same id replaces one. Changes are watched for 1 s
/// instead of a minute, what must hold for minutes holds for 1 s.
pub fn impatient(home: &Path) {
    let folder = home.join(".config/quarterdeck/runbooks");
    std::fs::create_dir_all(&folder).unwrap();
    for (file, text) in BUILT_IN {
        let mut book = String::new();
        for line in text.lines() {
            let line = match line {
                l if l.starts_with("for = ") => "for = \"1s\"".to_owned(),
                l if l.starts_with("every = ") => "every = \"1s\"".to_owned(),
                l => l
                    .replace("soak = \"30s\"", "soak = \"1s\"")
                    .replace("soak = \"60s\"", "soak = \"1s\"")
                    .replace("quiet_for >= seconds('2m')", "quiet_for >= 0")
                    .replace("quiet_for >= seconds('5m')", "quiet_for >= 0")
                    .replace("last_failed > 60", "last_failed > 20")
                    .replace("last_failed > 120", "last_failed > 20")
                    .replace("deadline = \"3m\"", "deadline = \"3s\""),
            };
            book.push_str(&line);
            book.push('\n');
        }
        std::fs::write(folder.join(file), book).unwrap();
    }
}
