//! Releases: checked, restarted, moved over share by share or at once, migrated.

use quarterdeck::sim::kube::resources::{DEPLOYMENTS, INGRESSES, JOBS, SECRETS, SERVICES};

use crate::person::{Person, platform};
use crate::world::{change, field, free_the_database, image, release};

const WEIGHT: &str = "/metadata/annotations/nginx.ingress.kubernetes.io~1canary-weight";
const API: &str = "deployment/cortex/cortex-api";
const MEMORY: &str = "deployment/cortex/memory-api";

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_is_restarted_and_a_secret_rotated_without_the_value_on_record() {
    let demo = platform(10).await;
    let mut p = Person::sits(&demo).await;
    p.begins("rolling-restart", API, &[("workload", API)]).await;
    p.stopped("Is it well now?").await;
    p.see("3 of 5 are available").await;
    p.aborts().await;
    p.changed_nothing();

    let web = "deployment/cortex/cortex-web";
    p.begins("rolling-restart", web, &[("workload", web)]).await;
    p.on("What will it cost?").await;
    p.does("Restart the pods").await;
    p.on("Tell others").await;
    p.ends(&[("restart", "cortex-web")]).await;

    let value = || field(&demo, &SECRETS, "cortex-env", "/data/DATABASE_URL");
    let before = value();
    let params = |workload| {
        [
            ("workload", workload),
            ("secret", "secret/cortex/cortex-env"),
            ("key", "DATABASE_URL"),
        ]
    };
    p.stops("secret-rotation", API, &params(API)).await;
    p.begins("secret-rotation", MEMORY, &params(MEMORY)).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_is_raised_and_blue_gives_way_to_green() {
    let demo = platform(10).await;
    let mut p = Person::sits(&demo).await;
    let canary = "deployment/cortex/cortex-web-canary";
    let params = [("ingress", "ingress/cortex/cortex-canary"), ("workload", canary)];
    let weight = || field(&demo, &INGRESSES, "cortex-canary", WEIGHT);
    assert_eq!(weight(), "0");
    p.begins("canary", canary, &params).await;
    p.on("What does it run?").await;
    p.chooses("Which share?", "30").await;
    p.does("Set the share").await;
    p.on("Tell how far it is").await;
    p.ends(&[("canary-weight", "cortex-canary")]).await;
    assert_eq!(weight(), "30");

    // A canary that is not well takes no more.
    change(&demo, &DEPLOYMENTS, "cortex-web-canary", "/spec/replicas", 0);
    p.knows("cortex-web-canary", 0).await;
    p.stops("canary", canary, &params).await;

    let served = || field(&demo, &SERVICES, "docs", "/spec/selector/version");
    let green = "deployment/cortex/docs-green";
    let switch = |to| [("balancer", "service/cortex/docs"), ("workload", to)];
    assert_eq!(served(), "blue");
    p.begins("blue-green", green, &switch(green)).await;
    p.on("What would serve?").await;
    p.notes("Does it answer?", "smoke test passed").await;
    p.does("Switch").await;
    p.on("Tell others").await;
    p.ends(&[("switch-service", "docs")]).await;
    assert_eq!(served(), "green");

    let blue = "deployment/cortex/docs-blue";
    change(&demo, &DEPLOYMENTS, "docs-blue", "/spec/replicas", 0);
    p.knows("docs-blue", 0).await;
    p.begins("blue-green", blue, &switch(blue)).await;
    p.on("What would serve?").await;
    p.stopped("Does it run?").await;
    p.aborts().await;
    p.changed_nothing();
    assert_eq!(served(), "green");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_found_good_or_taken_back_and_slow_ones_are_too() {
    let demo = platform(10).await;
    let mut p = Person::sits(&demo).await;
    let params = [("workload", MEMORY)];
    p.stops("post-deployment", API, &[("workload", API)]).await;
    p.begins("post-deployment", MEMORY, &params).await;
    p.on("Is it quiet?").await;
    p.way("Good or bad?", 0).await;
    p.on("Tell others").await;
    p.ends(&[]).await;
    p.begins("post-deployment", MEMORY, &params).await;
    p.on("Is it quiet?").await;
    p.way("Good or bad?", 1).await;
    p.does("Roll back").await;
    p.on("Tell others").await;
    p.ends(&[("roll-back", "memory-api")]).await;
    assert_eq!(image(&demo, "memory-api"), "registry.lab/cortex/memory-api:2.0.3");

    let web = "deployment/cortex/cortex-web";
    p.stops("high-latency", web, &[]).await;
    release(&demo, "cortex-web", "registry.lab/cortex/web:1.5.0-slow");
    p.begins("high-latency", web, &[]).await;
    p.on("Where is the time?").await;
    p.on("What will you do?").await;
    p.does("Roll back").await;
    p.on("Tell others").await;
    p.ends(&[("roll-back", "cortex-web")]).await;
    assert_eq!(image(&demo, "cortex-web"), "registry.lab/cortex/web:1.4.1");
}

const MIGRATE: &str = "apiVersion: batch/v1
kind: Job
metadata: {name: migrate}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: migrate, image: registry.lab/cortex/api:1.5.0, command: [migrate]}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_migrated_in_maintenance_mode_and_failed_over_by_hand() {
    let demo = platform(10).await;
    let mut p = Person::sits(&demo).await;
    let web = "deployment/cortex/cortex-web";
    let params = [
        ("workload", web),
        ("workers", "deployment/cortex/docs-blue"),
        ("place", "cortex"),
        ("image", "registry.lab/cortex/api:1.5.2"),
    ];
    let size = |name: &str| field(&demo, &DEPLOYMENTS, name, "/spec/replicas");
    p.begins("migration", web, &params).await;
    p.write(".config/quarterdeck/jobs/migrate.yaml", MIGRATE);
    p.notes("Which backup?", "of tonight, read back").await;
    p.on("What runs now?").await;
    // Four sessions wait for a lock: a migration would be the fifth.
    p.stopped("Is it a good moment?").await;
    free_the_database(&demo);
    p.way("Maintenance mode?", 0).await;
    p.on("Is it agreed?").await;
    p.on("Tell the users").await;
    p.does("Stop the API").await;
    p.does("Stop the workers").await;
    p.shown("Run the migration").await;
    assert_eq!(
        (size("cortex-web"), size("docs-blue")),
        ("0".to_owned(), "0".to_owned())
    );
    p.does("Run the migration").await;
    p.notes("Is the schema right?", "20261121 is the newest").await;
    p.does("Start the API").await;
    p.does("Start the workers").await;
    p.on("Tell others").await;
    let ran = demo.store().list(&JOBS, Some("cortex"));
    let ran = ran.iter().find(|j| j.meta.name.starts_with("migrate")).unwrap();
    let job = ran.meta.name.to_string();
    p.ends(&[
        ("scale", "cortex-web"),
        ("scale", "docs-blue"),
        ("create-job", &job),
        ("scale", "cortex-web"),
        ("scale", "docs-blue"),
    ])
    .await;
    assert_eq!(
        (size("cortex-web"), size("docs-blue")),
        ("3".to_owned(), "2".to_owned())
    );
    assert_eq!(field(&demo, &JOBS, &job, "/status/succeeded"), "1");

    let writes = "deployment/cortex/docs-green";
    let params = [("workload", writes), ("standby", "postgres/core")];
    // Where something owns the failover, nothing is done here.
    p.begins("database-failover", writes, &params).await;
    p.way("Who owns the failover?", 0).await;
    p.notes("Tell others", "asked the operator").await;
    p.ends(&[]).await;
    p.begins("database-failover", writes, &params).await;
    p.way("Who owns the failover?", 1).await;
    p.notes("Is the primary gone?", "its node is off").await;
    p.on("What is left?").await;
    p.stopped("Is the standby near?").await;
    p.key("enter").await;
    p.on("Is it agreed?").await;
    p.does("Stop what writes").await;
    p.notes("Promote the standby", "done at 22:10").await;
    p.on("Point others at it").await;
    p.does("Start what writes").await;
    p.notes("Tell others", "a standby is being built").await;
    p.ends(&[("scale", "docs-green"), ("scale", "docs-green")]).await;
    assert_eq!(size("docs-green"), "1");
}
