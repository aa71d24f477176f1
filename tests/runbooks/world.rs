//! What the servers hold, and what others do to them.

use quarterdeck::sim::demo::Demo;
use quarterdeck::sim::kube::resources::DEPLOYMENTS;
use quarterdeck::sim::kube::{Resource, Writer};
use serde_json::Value;

/// An object of the namespace `cortex`.
pub fn object(demo: &Demo, of: &'static Resource, name: &str) -> Value {
    demo.store().get(of, "cortex", name).unwrap().value()
}

/// A field of it, as text.
pub fn field(demo: &Demo, of: &'static Resource, name: &str, at: &str) -> String {
    match object(demo, of, name).pointer(at) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

/// The first container's image of a Deployment.
pub fn image(demo: &Demo, name: &str) -> String {
    field(demo, &DEPLOYMENTS, name, "/spec/template/spec/containers/0/image")
}

/// Somebody else changes a field.
pub fn change(demo: &Demo, of: &'static Resource, name: &str, at: &str, to: impl Into<Value>) {
    let to = to.into();
    demo.store()
        .update(of, "cortex", name, &Writer::new("gitlab-deployer"), |object| {
            *object.pointer_mut(at).unwrap() = to.clone();
        })
        .unwrap();
}

/// A release of it.
pub fn release(demo: &Demo, name: &str, image: &str) {
    change(
        demo,
        &DEPLOYMENTS,
        name,
        "/spec/template/spec/containers/0/image",
        image,
    );
}

/// What `psql` says to a statement of the platform's own runbooks: a line a row.
pub fn psql(demo: &Demo, sql: &str) -> String {
    let out = std::process::Command::new("psql")
        .args(["-X", "-A", "-t", "-d", &demo.postgres().url(), "-c", sql])
        .output()
        .expect("psql is missing: run tests/all, which installs it");
    assert!(out.status.success(), "{out:?}");
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

/// Nobody waits for a lock any more.
pub fn free_the_database(demo: &Demo) {
    assert_eq!(psql(demo, "SELECT pg_terminate_backend(4127);"), "t");
}

/// What `redis-cli` says.
pub fn redis(demo: &Demo, words: &[&str]) -> String {
    let out = std::process::Command::new("redis-cli")
        .args(["-u", &demo.redis().url()])
        .args(words)
        .output()
        .expect("redis-cli is missing: run tests/all, which installs it");
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}
