//! What a package brings along is what the program prints of itself: `UPDATE=1 cargo test --test package` writes it anew.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod qd_support;

use qd_support::Qd;

#[test]
fn completions_and_manual_page_of_the_package_are_those_that_the_program_prints() {
    let qd = Qd::bare();
    for (file, args) in [
        ("qd.bash", &["completions", "bash"][..]),
        ("qd.zsh", &["completions", "zsh"]),
        ("qd.fish", &["completions", "fish"]),
        ("qd.1", &["man"]),
    ] {
        let (code, printed, said) = qd.run(args);
        assert_eq!((code, said.as_str()), (0, ""), "{args:?}");
        let path = format!("src/package/{file}");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &printed).unwrap();
        }
        let is = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(is == printed, "{path}: UPDATE=1 cargo test --test package");
    }
}

#[test]
fn every_asset_of_the_package_is_there_and_the_readme_has_its_spool_line() {
    let manifest: toml::Table = std::fs::read_to_string("Cargo.toml").unwrap().parse().unwrap();
    let assets = manifest["package"]["metadata"]["deb"]["assets"]
        .as_array()
        .unwrap()
        .clone();
    assert!(assets.len() > 5);
    for asset in &assets {
        let file = asset[0].as_str().unwrap();
        assert!(
            file == "target/release/qd" || std::path::Path::new(file).exists(),
            "{file}"
        );
    }
    let tmpfiles = std::fs::read_to_string("src/package/tmpfiles.conf").unwrap();
    let line = tmpfiles.lines().find(|l| l.starts_with("d ")).unwrap();
    assert!(std::fs::read_to_string("README.md").unwrap().contains(line), "{line}");
}
