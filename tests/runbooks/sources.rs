//! What lies beside Kubernetes: databases, caches, queues, backups.

use crate::person::{Person, platform};
use crate::world::{free_the_database, psql, redis};

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_is_cleared_a_statement_cancelled_and_a_table_frozen() {
    let demo = platform(1).await;
    demo.postgres().with(|db| db.age("threads", 900_000_000));
    let mut p = Person::sits(&demo).await;
    // Its database would answer for the cache: with sessions that wait it is spared.
    p.begins("cache-clear", "redis/cache", &[]).await;
    p.on("What is in it?").await;
    p.stopped("Can it bear it?").await;
    free_the_database(&demo);
    p.chooses("Which prefix?", "cache:page:").await;
    p.does("Delete its keys").await;
    p.on("Tell others").await;
    p.ends(&[("delete-keys", "cache:page:")]).await;
    assert_eq!(redis(&demo, &["--scan", "--pattern", "cache:page:*"]), "");
    assert_ne!(redis(&demo, &["--scan", "--pattern", "session:*"]), "");

    p.stops("redis-memory", "redis/cache", &[]).await;

    let running = || {
        psql(
            &demo,
            "SELECT pid, now() - pg_stat_activity.query_start AS duration, query FROM pg_stat_activity WHERE state = \
             'active' AND now() - pg_stat_activity.query_start > interval '30 seconds';",
        )
    };
    assert!(running().contains("4188"), "{}", running());
    p.begins("slow-queries", "postgres/core", &[]).await;
    p.on("Which one?").await;
    p.on("Why is it slow?").await;
    p.chooses("What will you do?", "cancel it").await;
    p.does("Cancel it").await;
    p.on("Tell others").await;
    p.ends(&[("cancel-query", "4188")]).await;
    assert!(!running().contains("4188"), "{}", running());
    p.begins("wraparound", "postgres/core", &[]).await;
    p.on("What stops it?").await;
    p.on("Is it freezing?").await;
    p.does("Vacuum the oldest").await;
    // The server's databases are read once a minute.
    p.skips("Is it further away?", "looked at with psql").await;
    p.on("Tell others").await;
    p.ends(&[("vacuum", "public.threads")]).await;
    assert!(demo.postgres().with(|db| db.oldest_age()) < 100_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_jobs_are_tried_again_once_their_cause_is_mended() {
    let demo = platform(1).await;
    let mut p = Person::sits(&demo).await;
    let failed = || redis(&demo, &["ZCARD", "bull:email:failed"]).parse::<u64>().unwrap();
    let before = failed();
    assert!(before > 0);
    p.stops("failed-jobs", "queue/cortex/default", &[]).await;
    p.begins("failed-jobs", "queue/cortex/email", &[]).await;
    p.on("Why do they fail?").await;
    p.on("Hold the queue?").await;
    p.notes("Is the cause mended?", "the mail server is back").await;
    // It is not: they go on failing.
    p.stopped("Did they stop?").await;
    demo.redis().mend("email");
    p.on("Which ones?").await;
    p.does("Retry them").await;
    p.on("Tell others").await;
    p.ends(&[("retry-jobs", "email")]).await;
    assert!(failed() < before, "{} of {before}", failed());
}
