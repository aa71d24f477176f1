//! What each subcommand does.

mod records;

use std::io::Write;
use std::process::ExitCode;

use crate::cli::{Cli, Command, Demo as DemoArgs, Options, Output};
use crate::config::{Config, Inputs, Level, Loaded};
use crate::feed::Inbox;
use crate::feed::kube::{self as feed, Access, ContextChoice, Demand, Feeds};
use crate::headless;
use crate::model::{FeedId, Freshness, World};
use crate::sim::demo;

/// Says something on the standard output; a closed pipe is no error.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "qd: {text}");
}

/// Runs the command line.
pub fn main(cli: Cli) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(why) => {
            complain(&format!("cannot start: {why}"));
            return ExitCode::from(2);
        }
    };
    let code = runtime.block_on(run(cli));
    // What still runs (a blocked read of a file, say) does not hold the exit up.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    code
}

async fn run(cli: Cli) -> ExitCode {
    let result = match cli.command {
        None => Box::pin(console(cli.options)).await,
        Some(Command::Demo(args)) => Box::pin(play(cli.options, args)).await,
        Some(Command::Pods(p)) => return print(cli.options, What::Pods, p.output).await,
        Some(Command::Rollouts(p)) => return print(cli.options, What::Rollouts, p.output).await,
        Some(Command::Signals(p)) => return print(cli.options, What::Signals, p.output).await,
        Some(Command::Check(p)) => return check(cli.options, p.output).await,
        Some(Command::Journal(args)) => return answer(records::journal(cli.options, &args)),
        Some(Command::Runbook(args)) => return answer(records::runbook(cli.options, &args)),
        Some(Command::Keys) => {
            let loaded = Config::load(&Inputs::gather(cli.options));
            let (map, _) = crate::run::keymap(&loaded.config);
            let rows = crate::app::command::rows();
            let vocabulary = crate::keys::Vocabulary {
                commands: &rows,
                contexts: crate::keys::CONTEXTS,
            };
            say(&crate::keys::hints::markdown(&map, vocabulary));
            Ok(())
        }
        Some(Command::Themes) => {
            for (name, _) in crate::theme::BUILT_IN {
                say(&format!("{name}\n"));
            }
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            complain(&format!("{why:#}"));
            ExitCode::from(2)
        }
    }
}

/// Prints an answer that needed no cluster.
fn answer(answer: Result<headless::Answer, String>) -> ExitCode {
    match answer {
        Ok(answer) => {
            say(&answer.text);
            for doubt in &answer.doubts {
                complain(doubt);
            }
            ExitCode::from(answer.verdict.code())
        }
        Err(why) => {
            complain(&why);
            ExitCode::from(2)
        }
    }
}

fn load(options: Options) -> Loaded {
    let loaded = Config::load(&Inputs::gather(options));
    log_to_file(&loaded.config);
    loaded
}

/// The log goes to a file in the state folder; never to the terminal.
fn log_to_file(config: &Config) {
    let Some(path) = config.paths.log() else { return };
    if let Some(folder) = path.parent()
        && std::fs::create_dir_all(folder).is_err()
    {
        return;
    }
    let Ok(file) = std::fs::OpenOptions::new().create(true).append(true).open(&path) else {
        return;
    };
    let filter = tracing_subscriber::EnvFilter::new(format!("quarterdeck={}", level(config)));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::sync::Mutex::new(file))
        .with_ansi(false)
        .try_init();
}

const fn level(config: &Config) -> &'static str {
    match config.log.level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    }
}

async fn console(options: Options) -> anyhow::Result<()> {
    Box::pin(crate::run::console(load(options))).await
}

async fn play(mut options: Options, args: DemoArgs) -> anyhow::Result<()> {
    let wanted = demo::Options {
        pods: args.pods as usize,
        events_per_second: args.events_per_second,
        calm: args.calm,
        ..demo::Options::default()
    };
    if args.serve {
        demo::serve(wanted, &mut std::io::stdout()).await?;
        return Ok(());
    }
    // Its history is lived through first: seconds of silence would look like a fault.
    complain("making the history of the demonstration platform");
    let demo = demo::start(wanted).await?;
    options.config = Some(demo.config().to_path_buf());
    let result = Box::pin(console(options)).await;
    demo.stop().await;
    result
}

#[derive(Clone, Copy)]
enum What {
    Pods,
    Rollouts,
    Signals,
}

/// Reads everything once and prints it.
async fn print(options: Options, what: What, output: Output) -> ExitCode {
    let cluster = match connect(options).await {
        Ok(cluster) => cluster,
        Err(why) => {
            complain(&why);
            return ExitCode::from(2);
        }
    };
    let inbox = Inbox::new();
    let (_demand, wanted) = tokio::sync::watch::channel(Demand::signals());
    let scope = cluster.place().scope.clone();
    let _feeds = Feeds::start(cluster, scope, inbox.clone(), wanted);
    let mut world = World::default();
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    let settled = |world: &World| {
        crate::signal::KINDS.iter().all(|k| {
            !matches!(
                world.feed(FeedId::Watch(*k)),
                Freshness::Off | Freshness::Syncing { .. }
            )
        })
    };
    while !settled(&world) {
        tokio::select! {
            () = inbox.ready() => if let Some(batch) = inbox.drain() { world.apply(batch); },
            () = tokio::time::sleep_until(deadline) => break,
        }
    }
    let now = jiff::Timestamp::now();
    let mut judge = crate::signal::Judge::default();
    judge.update(&world, now);
    let answer = match what {
        What::Pods => headless::pods(&world, now, output),
        What::Rollouts => headless::rollouts(&world, now, output),
        What::Signals => headless::signals(&world, &judge, now, output),
    };
    say(&answer.text);
    for doubt in &answer.doubts {
        complain(doubt);
    }
    ExitCode::from(answer.verdict.code())
}

async fn connect(options: Options) -> Result<feed::Cluster, String> {
    let loaded = load(options);
    for problem in &loaded.problems {
        complain(&problem.to_string());
    }
    let target = loaded.config.target()?;
    let choice = ContextChoice {
        kubeconfig: target.kubeconfig,
        context: target.context,
        scope: target.scope,
        platform: target.platform,
        signed_in: None,
    };
    feed::connect(choice, Access::ReadOnly).await.map_err(|e| e.to_string())
}

async fn check(options: Options, output: Output) -> ExitCode {
    let rows = match connect(options).await {
        Ok(cluster) => {
            let scope = cluster.place().scope.clone();
            feed::access::check(&cluster, &scope).await
        }
        Err(why) => {
            complain(&why);
            return ExitCode::from(2);
        }
    };
    let answer = headless::check(&rows, output);
    say(&answer.text);
    for doubt in &answer.doubts {
        complain(doubt);
    }
    ExitCode::from(answer.verdict.code())
}
