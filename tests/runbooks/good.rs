//! The good path of the runbooks that nobody walks by hand in a terminal.

use quarterdeck::sim::kube::resources::SECRETS;

use crate::person::{Person, platform};

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_rotated_and_what_reads_it_restarted() {
    let demo = platform(10).await;
    let value = || {
        let secret = demo.store().get(&SECRETS, "cortex", "cortex-env").unwrap().value();
        secret
            .pointer("/data/DATABASE_URL")
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned()
    };
    let before = value();
    let params = [
        ("workload", "deployment/cortex/memory-api"),
        ("secret", "secret/cortex/cortex-env"),
        ("key", "DATABASE_URL"),
    ];
    let mut p = Person::starts(&demo, "secret-rotation", "deployment/cortex/memory-api", &params).await;
    p.on("What reads it?").await;
    p.way("Who must know it?", 0).await;
    p.does("Put in a new value").await;
    p.does("Restart what reads it").await;
    p.notes("Tell others", "signed in once").await;
    p.ends(&[("rotate-secret", "cortex-env"), ("restart", "memory-api")])
        .await;
    assert_ne!(value(), before);
    assert!(!p.journal().contains(&value()), "the new value is on record");
}
