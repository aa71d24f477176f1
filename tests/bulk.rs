//! Marked sessions and tables of a real PostgreSQL and marked queues of a real BullMQ with its workers, by the console's own
//! keys: one plan that lists each of them and names those that the filter hides, records for each, and an honest word about
//! the one that was gone when its turn came.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::redundant_closure_for_method_calls)] // a method's path is not general enough
#![allow(clippy::duplicate_mod)] // each support brings the one that starts servers

mod person_support;
mod postgres_support;
mod redis_support;

use std::path::{Path, PathBuf};

use person_support::{Deed, Hands, do_all, loaded, once};
use postgres_support::Pg;
use quarterdeck::action::{Outcome, Plan, Verdict};
use quarterdeck::app::Activity;
use quarterdeck::config::Loaded;
use quarterdeck::sim::demo::{self, Demo};
use redis_support::bull::Bull;
use redis_support::{Server, eventually};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// A platform of a calm cluster and of what else is named.
struct Stand {
    demo: Demo,
    home: tempfile::TempDir,
    sources: String,
    journal: PathBuf,
}

impl Stand {
    async fn with(sources: String) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let options = demo::Options {
            calm: true,
            ..demo::Options::default()
        };
        let mut stand = Self {
            demo: demo::start(options).await.unwrap(),
            home: tempfile::tempdir().unwrap(),
            sources,
            journal: PathBuf::new(),
        };
        stand.journal = stand.loaded().config.paths.journal().unwrap();
        stand
    }

    fn loaded(&self) -> Loaded {
        let text = format!(
            "[[platform]]\nname = 'lab'\ncontext = 'demo'\nkubeconfig = '{}'\n{}",
            self.demo.kubeconfig().display(),
            self.sources
        );
        loaded(&text, self.home.path(), false)
    }

    /// The names of what records of this kind are about, in their order.
    fn recorded(&self, kind: &str) -> Vec<String> {
        let of_kind = lines(&self.journal).into_iter().filter(|r| r["kind"] == kind);
        of_kind
            .map(|r| r["target"]["name"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

fn lines(folder: &Path) -> Vec<Value> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "jsonl"));
    files.sort();
    let texts = files.iter().map(|f| std::fs::read_to_string(f).unwrap());
    let text = texts.collect::<Vec<_>>().join("\n");
    text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect()
}

/// What a plan that is on screen and ready changes, in its order.
fn planned<'a>(hands: &'a Hands<'_>) -> Option<(&'a Plan, Vec<String>, String)> {
    let layer = hands.plan()?;
    let plan = layer.plan()?;
    let names = plan.steps.iter().map(|s| s.target.name().to_owned()).collect();
    Some((plan, names, layer.aside.clone().unwrap_or_default()))
}

fn shown(hands: &Hands<'_>) -> usize {
    hands.app.list(hands.app.pane).rows().len()
}

fn marked(hands: &Hands<'_>) -> Vec<String> {
    let marks = hands.app.list(hands.app.pane).marks.values();
    marks.map(|m| m.name.clone()).collect()
}

/// Waits until the table shows so many rows, marks them, and leaves but one in sight.
fn marks<'a>(rows: usize, all: &'static str, one: String) -> Vec<Deed<'a>> {
    vec![
        once(move |hands| {
            hands.press("/");
            hands.types(all);
            hands.press("enter");
        }),
        Box::new(move |hands| shown(hands) == rows),
        once(move |hands| {
            hands.press("m a / ctrl-u");
            hands.types(&one);
            hands.press("enter");
        }),
        Box::new(|hands| shown(hands) == 1),
    ]
}

/// Presses what asks for a plan until it opens: what is shown may have to become fresh first.
fn asks<'a>(keys: &'static str) -> Deed<'a> {
    Box::new(move |hands| {
        hands.press(keys);
        hands.plan().is_some()
    })
}

fn confirms<'a>() -> Deed<'a> {
    Box::new(|hands| hands.confirm())
}

/// Waits until that many changes are over, and looks at the last one.
fn over<'a>(changes: usize, mut look: impl FnMut(&Activity) + 'a) -> Deed<'a> {
    Box::new(move |hands| {
        let all = &hands.app.activities;
        let done = all.len() == changes && all.iter().all(|a| a.ended.is_some());
        if done {
            look(all.last().unwrap());
        }
        done
    })
}

fn wait_for<T>(of: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(of))
}

/// Sessions that sleep, each in words of its own.
async fn sleepers(pg: &Pg, words: [&str; 3]) -> Vec<(i32, tokio::task::JoinHandle<Option<Client>>)> {
    let mut all = Vec::new();
    for word in words {
        let client = pg.client("plain", "postgres").await.unwrap();
        let (pid, _) = postgres_support::desk::session_of(&client).await;
        let sql = format!("SELECT pg_sleep(600) AS {word}");
        // The connection, where it outlives its statement.
        let task = tokio::spawn(async move {
            assert!(client.batch_execute(&sql).await.is_err());
            let lives = client.batch_execute("SELECT 1").await.is_ok();
            lives.then_some(client)
        });
        all.push((pid, task));
    }
    all
}

fn ends(pid: &str) {
    let pid: u32 = pid.parse().unwrap();
    postgres_support::signal(pid, rustix::process::Signal::TERM);
    eventually("the session has ended", || !Path::new(&format!("/proc/{pid}")).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn marked_sessions_are_cancelled_or_ended_and_the_one_that_ended_by_itself_is_told() {
    let pg = Pg::start(17, "").await;
    let admin = pg.admin().await;
    admin.batch_execute("CREATE ROLE plain LOGIN").await.unwrap();
    let sessions = sleepers(&pg, ["alpha", "beta", "gamma"]).await;
    let mut pids: Vec<String> = sessions.iter().map(|(pid, _)| pid.to_string()).collect();
    let alpha = pids[0].clone();
    pids.sort();
    let stand = Stand::with(format!(
        "[[platform.postgres]]\nname = 'core'\ndsn = '{}'\n",
        pg.dsn("postgres")
    ))
    .await;
    let mut deeds: Vec<Deed<'_>> = vec![once(|hands| hands.press("4"))];
    deeds.extend(marks(3, "pg_sleep", format!("pid={alpha}")));
    deeds.push(asks("a c"));
    deeds.push(Box::new(|hands| {
        let Some((plan, names, aside)) = planned(hands) else {
            return false;
        };
        assert_eq!(
            (plan.title.as_str(), &names),
            ("Cancel the statements of 3 sessions", &pids)
        );
        for (pid, step) in pids.iter().zip(&plan.steps) {
            let change = &step.changes[0];
            assert_eq!(
                (change.before.as_str(), change.after.as_str()),
                ("active", "its statement ended")
            );
            assert!(
                plan.impact.iter().any(|l| l.contains(&format!("{pid}: active for"))),
                "{:?}",
                plan.impact
            );
            assert_eq!(aside.contains(pid.as_str()), *pid != alpha, "{aside}");
        }
        assert!(aside.starts_with("2 marked rows are hidden by the filter"), "{aside}");
        // Its client goes away while the plan is read.
        ends(&pids[1]);
        true
    }));
    deeds.push(confirms());
    deeds.push(over(1, |a| {
        let (second, third) = (&pids[1], &pids[2]);
        let told = format!(
            "1 of 3 done; not done: {second} (session {second} has ended meanwhile); 1 not tried: {third}; what was not \
             done stays marked. its statement has ended; the session is idle"
        );
        assert_eq!((a.line.as_str(), a.succeeded()), (told.as_str(), Some(false)));
    }));
    // What is gone loses its mark as soon as the list is read again; what was not tried keeps it.
    deeds.push(Box::new(|hands| marked(hands) == [pids[2].as_str()]));
    deeds.push(once(|hands| {
        assert!(
            hands
                .app
                .toasts
                .iter()
                .any(|t| t.notice.text.contains(&format!("{} is gone", pids[1])))
        );
    }));
    deeds.push(asks("a t"));
    deeds.push(Box::new(|hands| {
        planned(hands).is_some_and(|(_, names, _)| names == pids[2..])
    }));
    deeds.push(confirms());
    deeds.push(over(2, |a| {
        assert_eq!(
            a.verdict,
            Some(Verdict::Healthy(format!("session {} is gone", pids[2])))
        );
    }));
    deeds.push(Box::new(|hands| marked(hands).is_empty()));
    do_all(stand.loaded(), deeds, |_| ()).await;
    let tried = [&pids[0], &pids[2]];
    for kind in ["intent", "verify"] {
        assert_eq!(stand.recorded(kind).iter().collect::<Vec<_>>(), tried, "{kind}");
    }
    assert_eq!(stand.recorded("result"), pids, "why one was not sent is on record, too");
    for (pid, task) in sessions {
        assert_eq!(
            task.await.unwrap().is_some(),
            pid.to_string() == pids[0],
            "only the cancelled one lives on"
        );
    }
}

async fn upkeep_of(admin: &Client, table: &str) -> (i64, i64) {
    let sql = "SELECT vacuum_count, analyze_count FROM pg_stat_user_tables WHERE relname = $1";
    let row = admin.query_one(sql, &[&table]).await.unwrap();
    (row.get(0), row.get(1))
}

#[tokio::test(flavor = "multi_thread")]
async fn marked_tables_are_vacuumed_past_one_that_was_dropped_where_the_plan_says_so() {
    let pg = Pg::start(16, "autovacuum = off").await;
    let admin = pg.admin().await;
    for table in ["alpha", "beta", "gamma"] {
        let sql = format!(
            "CREATE TABLE {table} (id int); INSERT INTO {table} SELECT generate_series(1, 900); DELETE FROM {table}"
        );
        admin.batch_execute(&sql).await.unwrap();
    }
    let stand = Stand::with(format!(
        "[[platform.postgres]]\nname = 'core'\ndsn = '{}'\n",
        pg.dsn("postgres")
    ))
    .await;
    let all = ["public.alpha", "public.beta", "public.gamma"].map(str::to_owned);
    let mut deeds: Vec<Deed<'_>> = vec![once(|hands| hands.press("4 v v"))];
    deeds.extend(marks(3, "public", "alpha".to_owned()));
    deeds.push(asks("a v"));
    let hidden =
        |aside: &str| aside.contains("public.beta") && aside.contains("public.gamma") && !aside.contains("alpha");
    deeds.push(Box::new(move |hands| {
        let Some((plan, names, aside)) = planned(hands) else {
            return false;
        };
        assert_eq!(
            (plan.title.as_str(), names.as_slice()),
            ("Vacuum 3 tables", all.as_slice())
        );
        assert!(
            plan.steps.iter().all(|s| s.changes[0].field == "dead rows"),
            "{:?}",
            plan.steps
        );
        assert!(hidden(&aside), "{aside}");
        assert!(plan.alternatives[0].label.contains("pass over"));
        true
    }));
    deeds.push(Box::new(move |hands| {
        let Some((plan, _, aside)) = planned(hands) else {
            return false;
        };
        if !plan.request.goes_on() {
            // A plan that has just come listens to no key yet.
            hands.press("alt-m");
            return false;
        }
        assert!(hidden(&aside), "who chose the alternative means the same rows: {aside}");
        wait_for(admin.batch_execute("DROP TABLE beta")).unwrap();
        true
    }));
    deeds.push(confirms());
    deeds.push(over(1, |a| {
        let told = "2 of 3 done; not done: public.beta (public.beta is not that table any more); what was not done stays marked";
        assert!(a.line.starts_with(told), "{}", a.line);
        assert!(matches!(&a.verdict, Some(Verdict::Healthy(_))) && a.succeeded() == Some(false), "{a:?}");
    }));
    deeds.push(Box::new(|hands| marked(hands).is_empty()));
    deeds.push(once(|hands| {
        hands.press("/ ctrl-u");
        hands.types("public");
        hands.press("enter");
    }));
    deeds.push(Box::new(|hands| shown(hands) == 2));
    deeds.push(once(|hands| hands.press("m a")));
    deeds.push(asks("a n"));
    deeds.push(confirms());
    deeds.push(over(2, |a| {
        assert!(a.line.starts_with("2 of 2 done. public.alpha: "), "{}", a.line);
        assert_eq!((a.outcome.clone(), a.succeeded()), (Some(Outcome::Applied), Some(true)));
    }));
    do_all(stand.loaded(), deeds, |_| ()).await;
    let admin = pg.admin().await;
    for table in ["alpha", "gamma"] {
        assert_eq!(upkeep_of(&admin, table).await, (1, 2), "{table}");
    }
    let done = ["public.alpha", "public.gamma", "public.alpha", "public.gamma"];
    for kind in ["intent", "verify"] {
        assert_eq!(stand.recorded(kind), done, "{kind}");
    }
    let told = [
        "public.alpha",
        "public.beta",
        "public.gamma",
        "public.alpha",
        "public.gamma",
    ];
    assert_eq!(stand.recorded("result"), told, "why one was not sent is on record, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_jobs_of_marked_queues_are_retried_and_those_that_a_worker_took_are_told() {
    let server = Server::start(&[]);
    let mut bull = Bull::start(5, server.port);
    let queues = ["images", "mail", "thumbs"];
    let ids = queues.map(|q| {
        let ids = bull.add(q, "bad", 2);
        bull.work(q);
        ids
    });
    for q in queues {
        eventually("its jobs failed", || bull.counts(q)["failed"] == 2);
    }
    bull.run(json!({"do": "mend"}));
    let stand = Stand::with(format!(
        "[[platform.redis]]\nname = 'cache'\nurl = '{}'\n[[platform.queues]]\nname = 'jobs'\nredis = 'cache'\n",
        server.url()
    ))
    .await;
    let mut deeds: Vec<Deed<'_>> = vec![once(|hands| hands.press("3"))];
    deeds.extend(marks(3, "", "images".to_owned()));
    deeds.push(asks("a r"));
    deeds.push(Box::new(|hands| {
        let Some((plan, names, aside)) = planned(hands) else {
            return false;
        };
        assert_eq!(
            (plan.title.as_str(), names.as_slice()),
            ("Retry the failed jobs of 3 queues", &queues.map(str::to_owned)[..])
        );
        assert!(
            plan.steps
                .iter()
                .all(|s| (s.changes[0].before.as_str(), s.changes[0].after.as_str()) == ("2", "waiting"))
        );
        assert!(aside.contains("mail, thumbs") && !aside.contains("images"), "{aside}");
        // Somebody else is faster: with one job of the first queue, and with all of the second.
        bull.run(json!({"do": "retry", "queue": "images", "ids": ids[0][..1]}));
        bull.run(json!({"do": "retry", "queue": "mail", "ids": ids[1]}));
        eventually("workers took them", || {
            bull.counts("images")["completed"] == 1 && bull.counts("mail")["completed"] == 2
        });
        true
    }));
    deeds.push(confirms());
    deeds.push(over(1, |a| {
        let told = "1 of 3 done; not done: mail (none of these jobs is failed any more); 1 not tried: thumbs; what was not done \
                    stays marked";
        assert!(a.line.starts_with(told), "{}", a.line);
        assert!(a.line.contains("1 was not failed any more, and was left alone"), "{}", a.line);
        assert!(matches!(a.outcome, Some(Outcome::Skipped(_))) && a.succeeded() == Some(false), "{a:?}");
    }));
    deeds.push(Box::new(|hands| marked(hands) == ["mail", "thumbs"]));
    deeds.push(asks("a r"));
    deeds.push(Box::new(|hands| {
        let Some((plan, names, aside)) = planned(hands) else {
            return false;
        };
        assert_eq!(names, ["thumbs"]);
        assert!(
            plan.warnings
                .iter()
                .any(|w| w.text.contains("left out") && w.text.contains("no failed job")),
            "{:?}",
            plan.warnings
        );
        assert!(aside.contains("mail, thumbs"), "{aside}");
        true
    }));
    deeds.push(confirms());
    deeds.push(over(2, |a| {
        assert_eq!(
            (a.outcome.clone(), a.succeeded()),
            (Some(Outcome::Applied), Some(true)),
            "{a:?}"
        );
    }));
    deeds.push(Box::new(|hands| marked(hands) == ["mail"]));
    // Paused and resumed together; what was done is taken back from all of them at once.
    deeds.push(once(|hands| {
        hands.press("/ ctrl-u enter");
    }));
    deeds.push(Box::new(|hands| shown(hands) == 3));
    deeds.push(once(|hands| hands.press("m a")));
    deeds.push(asks("a p"));
    deeds.push(confirms());
    deeds.push(over(3, |a| {
        assert!(
            a.line.starts_with("3 of 3 done") && a.succeeded() == Some(true),
            "{a:?}"
        );
    }));
    deeds.push(asks("a u"));
    deeds.push(confirms());
    deeds.push(over(4, |a| {
        assert!(a.title == "Resume 3 queues" && a.succeeded() == Some(true), "{a:?}");
    }));
    // What has no failed job is not asked for any.
    deeds.push(Box::new(|hands| {
        let sets = hands.app.world.sources.queues.values();
        let counts: Vec<_> = sets.flat_map(|s| &s.queues).filter_map(|q| q.counts.last()).collect();
        counts.len() == 3 && counts.iter().all(|c| c.failed == Some(0))
    }));
    deeds.push(once(|hands| {
        hands.press("a r");
        let told = hands.app.toasts.last().map(|t| t.notice.text.as_str());
        assert!(told.is_some_and(|t| t.contains("no failed jobs")), "{told:?}");
        assert!(hands.plan().is_none());
    }));
    do_all(stand.loaded(), deeds, |_| ()).await;
    for q in queues {
        assert_eq!(bull.run(json!({"do": "paused", "queue": q})), json!(false), "{q}");
        assert_eq!(bull.counts(q)["failed"], 0, "{q}");
    }
    // Each job ran twice in all: as it failed, and once more.
    for (q, ids) in queues.iter().zip(&ids) {
        assert!(ids.iter().all(|id| bull.processed(q, id) == 2), "{q}");
    }
    let mut tried = vec!["images", "mail", "thumbs"];
    tried.extend([queues, queues].concat());
    assert_eq!(stand.recorded("intent"), tried);
    assert_eq!(stand.recorded("result"), tried);
}
