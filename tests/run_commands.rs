//! A command of a runbook, through the whole pipeline on this machine: what it writes is followed, how it ended is on
//! record, it ends in time, and without the policy's word no process is started at all.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod fake_api;

use std::path::Path;
use std::time::Duration;

use fake_api::{Fake, confirm, planner};
use quarterdeck::action::{
    ActionId, Actor, Class, Command, Hidden, Outcome, Plan, Policy, Progress, Refusal, Request, Risk, Stage, Variable,
    Verdict, WhyNot, WriteGrant, execute,
};
use quarterdeck::journal::{Journal, Mode, RecordKind, Who};
use tokio::sync::mpsc;

struct Bench {
    actor: Actor,
    grant: WriteGrant,
    dir: tempfile::TempDir,
}

fn policy(run_steps: bool) -> Policy {
    Policy {
        run_steps,
        ..Policy::default()
    }
}

impl Bench {
    fn new(policy: Policy) -> Self {
        let (dir, fake) = (tempfile::tempdir().unwrap(), Fake::cortex());
        let grant = WriteGrant::at_start(false).unwrap();
        let journal = Journal::open(dir.path(), Who::here("k.lind", Mode::Live)).unwrap();
        let actor = Actor::new(&grant, planner(&fake, Class::Local, policy), fake.client(), journal);
        Self { actor, grant, dir }
    }

    /// A program of the bench's own folder.
    fn program(&self, name: &str, body: &str) -> String {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.dir.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    }

    async fn plan(&self, command: Command) -> Result<Plan, Refusal> {
        let command = Box::new(command);
        let now = jiff::Timestamp::now();
        self.actor.plan(Request::Run { command }, ActionId(1), now).await
    }

    async fn run(&self, command: Command) -> (Outcome, Option<Verdict>, Vec<Stage>) {
        let plan = self.plan(command).await.unwrap();
        let (to, from) = mpsc::channel::<Progress>(10_000);
        let (outcome, verdict) = execute(&self.actor, &self.grant, confirm(plan).unwrap(), to).await;
        (outcome, verdict, drain(from).await)
    }
}

async fn drain(mut from: mpsc::Receiver<Progress>) -> Vec<Stage> {
    let mut stages = Vec::new();
    while let Some(progress) = from.recv().await {
        stages.push(progress.stage);
    }
    stages
}

fn lines(stages: &[Stage]) -> Vec<&str> {
    let written = stages.iter().filter_map(|stage| match stage {
        Stage::Output(lines) => Some(lines),
        _ => None,
    });
    written.flatten().map(String::as_str).collect()
}

fn command(program: &str, args: &[&str]) -> Command {
    let argv = std::iter::once(program).chain(args.iter().copied());
    Command {
        argv: argv.map(str::to_owned).collect(),
        env: Vec::new(),
        timeout_s: 30,
        ok: vec![0],
    }
}

/// Waits until a process has written its id, and gives it.
async fn written(path: &Path) -> i32 {
    loop {
        if let Some(id) = std::fs::read_to_string(path).ok().and_then(|t| t.trim().parse().ok()) {
            return id;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a process runs. One that only waits to be reaped does not.
fn runs(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ")
        .next()
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

async fn until_gone(pid: i32) {
    while runs(pid) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn its_lines_are_followed_and_its_exit_and_digest_are_on_record() {
    let bench = Bench::new(policy(true));
    let program = bench.program(
        "say",
        "printf 'one\\n'; printf 'two \\033[31mred\\n' >&2; printf \"$1\"; exit 3",
    );
    let (outcome, verdict, stages) = bench.run(command(&program, &["$(id); `id`"])).await;
    assert_eq!(outcome, Outcome::Applied);
    assert!(
        matches!(&verdict, Some(Verdict::Failed(why)) if why.starts_with("exit 3")),
        "{verdict:?}"
    );
    let mut seen = lines(&stages);
    seen.sort_unstable();
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert!(seen.contains(&"$(id); `id`"), "no shell reads an argument: {seen:?}");
    assert!(seen.iter().all(|line| !line.contains('\u{1b}')), "{seen:?}");
    assert!(stages.contains(&Stage::Exited(3)));
    let path = bench.actor.journal().path(jiff::Timestamp::now());
    let all = quarterdeck::journal::read(&path).unwrap().records;
    let kinds: Vec<RecordKind> = all.iter().map(|r| r.entry.kind).collect();
    let intent = kinds.iter().position(|k| *k == RecordKind::Intent).unwrap();
    let result = kinds.iter().position(|k| *k == RecordKind::Result).unwrap();
    assert!(intent < result);
    let seen = all[result].entry.response.clone().unwrap();
    assert_eq!((seen.code, seen.reason.as_str()), (3, "exit 3"));
    assert!(
        seen.message.starts_with("3 lines, ") && seen.message.contains("sha256 "),
        "{}",
        seen.message
    );
}

#[tokio::test]
async fn a_secret_reaches_only_the_environment() {
    let bench = Bench::new(policy(true));
    let program = bench.program(
        "check",
        "[ \"$PGPASSWORD\" = canary-7 ] && [ -z \"$QUARTERDECK_LEAK\" ] && echo right",
    );
    let mut asked = command(&program, &[]);
    asked.env.push(Variable {
        name: "PGPASSWORD".to_owned(),
        value: Hidden::new("canary-7"),
        secret: true,
    });
    let plan = bench.plan(asked.clone()).await.unwrap();
    assert!(!format!("{plan:?}").contains("canary-7"));
    assert!(plan.risk >= Risk::R2);
    let (_, verdict, stages) = bench.run(asked).await;
    assert!(matches!(verdict, Some(Verdict::Healthy(_))), "{verdict:?}");
    assert_eq!(lines(&stages), ["right"]);
    let path = bench.actor.journal().path(jiff::Timestamp::now());
    assert!(!std::fs::read_to_string(path).unwrap().contains("canary-7"));
}

#[tokio::test]
async fn what_does_not_end_is_ended_with_all_that_it_started() {
    let bench = Bench::new(policy(true));
    let id = bench.dir.path().join("id");
    let body = format!("trap '' TERM\nsleep 600 &\necho $! > {}\nwait", id.display());
    let mut asked = command(&bench.program("hang", &body), &[]);
    asked.timeout_s = 1;
    let (outcome, ..) = bench.run(asked).await;
    assert!(
        matches!(&outcome, Outcome::Unknown(why) if why.contains("ended after 1 s")),
        "{outcome:?}"
    );
    until_gone(written(&id).await).await;
}

#[tokio::test]
async fn it_is_stopped_on_a_word_and_its_fate_is_unknown() {
    let bench = Bench::new(policy(true));
    let id = bench.dir.path().join("id");
    let body = format!("sleep 600 &\necho $! > {}\nwait", id.display());
    let plan = bench.plan(command(&bench.program("long", &body), &[])).await.unwrap();
    let (to, from) = mpsc::channel(10_000);
    let stop = async {
        let pid = written(&id).await;
        bench.actor.stops().stop(ActionId(1));
        pid
    };
    let ((outcome, _), pid) = tokio::join!(execute(&bench.actor, &bench.grant, confirm(plan).unwrap(), to), stop);
    assert!(
        matches!(&outcome, Outcome::Unknown(why) if why.contains("stopped")),
        "{outcome:?}"
    );
    until_gone(pid).await;
    drop(from);
}

#[tokio::test]
async fn without_the_policy_or_in_read_only_no_process_is_started() {
    let mark = tempfile::tempdir().unwrap();
    let file = mark.path().join("ran");
    let program = Bench::new(policy(true));
    let path = program.program("mark", &format!("echo x >> {}", file.display()));
    let asked = || command(&path, &[]);
    // The positive control.
    assert_eq!(program.run(asked()).await.0, Outcome::Applied);
    assert!(file.exists());
    std::fs::remove_file(&file).unwrap();

    let off = Bench::new(policy(false));
    assert!(off.plan(asked()).await.unwrap_err().what.contains("off"));

    // Planned and confirmed while it was allowed, carried out by one that is not.
    let confirmed = confirm(program.plan(asked()).await.unwrap()).unwrap();
    let (to, _from) = mpsc::channel(100);
    let (outcome, _) = execute(&off.actor, &off.grant, confirmed, to).await;
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");

    let read_only = Policy {
        read_only: true,
        run_steps: true,
        ..Policy::default()
    };
    let watcher = planner(&Fake::cortex(), Class::Local, read_only);
    let command = Box::new(asked());
    let plan = watcher
        .plan(Request::Run { command }, ActionId(1), jiff::Timestamp::now())
        .await;
    assert!(matches!(confirm(plan.unwrap()), Err(WhyNot::Blocked(why)) if why.starts_with("read-only")));
    assert!(!file.exists());
}

#[tokio::test]
async fn another_program_in_the_place_of_the_planned_one_is_not_run() {
    let bench = Bench::new(policy(true));
    let path = bench.program("tool", "echo first");
    let confirmed = confirm(bench.plan(command(&path, &[])).await.unwrap()).unwrap();
    std::fs::remove_file(&path).unwrap();
    bench.program("tool", "echo second, which is longer");
    let (to, from) = mpsc::channel(100);
    let (outcome, _) = execute(&bench.actor, &bench.grant, confirmed, to).await;
    assert!(
        matches!(&outcome, Outcome::Conflict(why) if why.contains("another file")),
        "{outcome:?}"
    );
    assert_eq!(lines(&drain(from).await), [""; 0]);
}
