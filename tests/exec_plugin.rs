//! Credential plugins that behave and that do not, as small shell scripts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kube::config::{ExecConfig, ExecInteractiveMode};
use quarterdeck::feed::kube::exec::{ExecError, Plugin};
use quarterdeck::feed::kube::{Access, ConnectError, ContextChoice, access, connect};
use quarterdeck::model::Scope;
use quarterdeck::sim::kube::{Clock, NoPlatform, Server, ServerOptions, Store};
use secrecy::ExposeSecret as _;

const VERSION: &str = "client.authentication.k8s.io/v1";

fn script(dir: &Path, body: &str) -> PathBuf {
    let path = dir.join("plugin");
    std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn exec(body: &str, mode: ExecInteractiveMode, env: &[(&str, &str)]) -> (tempfile::TempDir, ExecConfig) {
    let dir = tempfile::tempdir().unwrap();
    let env = env.iter().map(|(k, v)| {
        HashMap::from([
            ("name".to_owned(), (*k).to_owned()),
            ("value".to_owned(), (*v).to_owned()),
        ])
    });
    let config = ExecConfig {
        api_version: Some(VERSION.to_owned()),
        command: Some(script(dir.path(), body).display().to_string()),
        env: Some(env.collect()),
        interactive_mode: Some(mode),
        ..ExecConfig::default()
    };
    (dir, config)
}

fn plugin(body: &str, mode: ExecInteractiveMode, env: &[(&str, &str)]) -> (tempfile::TempDir, Plugin) {
    let (dir, config) = exec(body, mode, env);
    (dir, Plugin::of(&config, None).unwrap())
}

fn answer(status: &str) -> String {
    format!("echo '{{\"kind\":\"ExecCredential\",\"apiVersion\":\"{VERSION}\",\"status\":{status}}}'")
}

use ExecInteractiveMode::{Always, IfAvailable, Never};

#[tokio::test]
async fn a_token_and_its_end_are_read_and_the_plugin_is_told_that_nobody_watches() {
    let body = format!(
        "case \"$KUBERNETES_EXEC_INFO\" in *'\"interactive\":false'*) ;; *) exit 9;; esac\nread x && exit 8\n{}",
        answer(r#"{"token":"t0ken","expirationTimestamp":"2026-11-21T12:00:00Z"}"#)
    );
    let (_dir, p) = plugin(&body, Never, &[]);
    let c = p.credential().await.unwrap();
    assert_eq!(c.token.as_ref().unwrap().expose_secret(), "t0ken");
    assert_eq!(c.expires, Some("2026-11-21T12:00:00Z".parse().unwrap()));
    assert!(!format!("{c:?}").contains("t0ken"));
}

#[tokio::test]
async fn what_a_failing_plugin_says_is_shown_without_its_secrets() {
    let body = "echo \"denied for $TOKEN, run: sso login\" >&2; echo \"password=swordfish\" >&2; exit 3";
    let (_dir, p) = plugin(body, Never, &[("TOKEN", "hush-hush-hush")]);
    let error = p.credential().await.unwrap_err();
    let ExecError::Failed { code, stderr, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(code, "code 3");
    assert!(stderr.contains("run: sso login"), "{stderr}");
    for secret in ["hush", "swordfish"] {
        assert!(!format!("{error:?} {error}").contains(secret), "{error:?}");
    }
}

#[tokio::test]
async fn a_plugin_that_hangs_is_ended_with_all_that_it_started() {
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("children");
    let body = format!("sleep 600 & echo $! > {}\necho waiting >&2\nwait", mark.display());
    let (_dir, p) = plugin(&body, Never, &[]);
    let error = p
        .with_deadline(Duration::from_millis(500))
        .credential()
        .await
        .unwrap_err();
    let ExecError::TimedOut { after, stderr, .. } = error else {
        panic!("{error}")
    };
    assert_eq!((after, &*stderr), (Duration::from_millis(500), "waiting"));
    let child = std::fs::read_to_string(&mark).unwrap();
    let stat = PathBuf::from(format!("/proc/{}/stat", child.trim()));
    // Killed: gone, or a zombie until its new parent looks. The kernel takes a moment.
    let gone = async {
        loop {
            let state = std::fs::read_to_string(&stat).unwrap_or_default();
            if state.is_empty() || state.contains(") Z") || state.contains(") X") {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone)
        .await
        .expect("the child is ended, too");
}

#[tokio::test]
async fn garbage_is_told_without_being_quoted() {
    let half = answer(r#"{"clientCertificateData":"PEM"}"#);
    let none = answer("{}");
    let never = answer(r#"{"token":"s3cret","expirationTimestamp":"tomorrow"}"#);
    let other = "echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1alpha1\",\"status\":{\"token\":\"s3cret\"}}'";
    for body in [
        "echo s3cret",
        "true",
        "echo '{\"status\":\"s3cret\"}'",
        &half,
        &none,
        &never,
        other,
    ] {
        let (_dir, p) = plugin(body, IfAvailable, &[]);
        let error = p.credential().await.unwrap_err();
        assert!(matches!(error, ExecError::Garbage { .. }), "{body}: {error:?}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
}

#[tokio::test]
async fn one_that_needs_a_person_says_so_and_one_that_is_not_there_says_how_to_get_it() {
    for mode in [Always, IfAvailable] {
        let (_dir, p) = plugin("echo 'open the browser' >&2; exit 1", mode, &[]);
        let error = p.credential().await.unwrap_err();
        let ExecError::NeedsPerson { login, stderr } = error else {
            panic!("{error}")
        };
        assert!(login.argv()[0].ends_with("/plugin"), "{:?}", login.argv());
        assert_eq!(stderr, "open the browser");
    }
    let config = ExecConfig {
        api_version: Some(VERSION.to_owned()),
        command: Some("no-such-plugin-here".to_owned()),
        install_hint: Some("brew install it".to_owned()),
        ..ExecConfig::default()
    };
    let error = Plugin::of(&config, None).unwrap().credential().await.unwrap_err();
    assert!(error.to_string().contains("brew install it"), "{error}");
}

/// A server, and a kubeconfig whose user has the given plugin.
async fn lab(body: &str, mode: &str) -> (Server, tempfile::TempDir, ContextChoice) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let store = Store::new(Clock::real());
    let server = Server::start(store, Arc::new(NoPlatform), ServerOptions::default())
        .await
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let command = script(dir.path(), &body.replace("DIR", &dir.path().display().to_string()));
    let mut config: serde_yaml_ng::Value = serde_yaml_ng::from_str(&server.kubeconfig()).unwrap();
    let exec = format!(
        "{{exec: {{apiVersion: {VERSION}, command: {}, interactiveMode: {mode}}}}}",
        command.display()
    );
    config["users"][0]["user"] = serde_yaml_ng::from_str(&exec).unwrap();
    let path = dir.path().join("config");
    std::fs::write(&path, serde_yaml_ng::to_string(&config).unwrap()).unwrap();
    let choice = ContextChoice {
        kubeconfig: Some(path),
        scope: Some(Scope::All),
        ..ContextChoice::default()
    };
    (server, dir, choice)
}

fn runs(dir: &Path) -> usize {
    std::fs::read_to_string(dir.join("runs"))
        .unwrap_or_default()
        .lines()
        .count()
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_a_valid_one_is_kept() {
    // The first run gives a token that the server does not take any more.
    let body = format!(
        "echo run >> DIR/runs\nif [ $(wc -l < DIR/runs) = 1 ]; then {}; else {}; fi",
        answer(r#"{"token":"expired-token"}"#),
        answer(r#"{"token":"admin-token","expirationTimestamp":"2126-11-21T12:00:00Z"}"#),
    );
    let (server, dir, choice) = lab(&body, "Never").await;
    let cluster = connect(choice, Access::ReadOnly).await.unwrap();
    for _ in 0..3 {
        let who = access::who_am_i(&cluster).await.unwrap().unwrap();
        assert_eq!(who.user, "admin");
    }
    assert_eq!(runs(dir.path()), 2);
    // One that the server refuses for good is not fetched again with every request.
    server.faults().expire_token("admin");
    for _ in 0..3 {
        let refused = access::who_am_i(&cluster).await.unwrap_err();
        assert!(refused.say.contains("sign in again"), "{refused}");
    }
    assert!(runs(dir.path()) <= 3);
}

#[tokio::test]
async fn a_token_about_to_end_is_renewed_before_it_does() {
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(30);
    let status = format!(r#"{{"token":"admin-token","expirationTimestamp":"{soon}"}}"#);
    let (_server, dir, choice) = lab(&format!("echo run >> DIR/runs\n{}", answer(&status)), "Never").await;
    let cluster = connect(choice, Access::ReadOnly).await.unwrap();
    access::who_am_i(&cluster).await.unwrap();
    assert_eq!(runs(dir.path()), 2);
}

#[tokio::test]
async fn a_person_signs_in_and_the_connection_goes_on_with_what_that_gave() {
    let body = format!(
        "case \"$KUBERNETES_EXEC_INFO\" in *'\"interactive\":true'*) {};; *) echo 'no terminal' >&2; exit 1;; esac",
        answer(r#"{"token":"viewer-token"}"#)
    );
    let (_server, _dir, choice) = lab(&body, "IfAvailable").await;
    let Err(ConnectError::NeedsPerson { login, said }) = connect(choice.clone(), Access::ReadOnly).await else {
        panic!("it needs a person")
    };
    assert_eq!(said, "no terminal");
    let signed_in = Some(login.run_attached().await.unwrap());
    let cluster = connect(ContextChoice { signed_in, ..choice }, Access::ReadOnly)
        .await
        .unwrap();
    assert_eq!(access::who_am_i(&cluster).await.unwrap().unwrap().user, "viewer");
}
