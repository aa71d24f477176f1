//! What each subcommand does.

mod completions;
mod init;
mod looks;
mod once;
mod page;
mod plain;
mod records;

pub use completions::complete;

use std::io::Write;
use std::process::ExitCode;

use crate::cli::{Check, Cli, Command, Demo as DemoArgs, Options, Output, PaneArgs};
use crate::config::{Config, Inputs, Level, Loaded};
use crate::feed::kube::rights::Role;
use crate::headless;
use crate::model::SourceKind;
use crate::panes::PaneId;
use crate::sim::demo;
use once::{EVERY, Need, Opened};
use plain::Form;

/// Says something on the standard output; a closed pipe is no error.
fn say(text: impl AsRef<[u8]>) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_ref());
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
        None => Box::pin(console(cli.options, false)).await,
        Some(Command::Demo(args)) => Box::pin(play(cli.options, args)).await,
        Some(Command::Pods(p)) => return show(cli.options, What::Pods, p).await,
        Some(Command::Rollouts(p)) => return show(cli.options, What::Rollouts, p).await,
        Some(Command::Signals(p)) => return show(cli.options, What::Signals, p).await,
        Some(Command::Journal(args)) => return answer(records::journal(cli.options, &args)),
        Some(Command::Report(args)) => return answer(records::report(cli.options, &args)),
        Some(Command::Runbook(args)) => {
            return match args.command {
                crate::cli::RunbookCommand::Run(run) => runbook(cli.options, run).await,
                _ => answer(records::runbook(cli.options, &args)),
            };
        }
        Some(Command::Queues(p)) => return show(cli.options, What::Queues, p).await,
        Some(Command::Queries(p)) => return show(cli.options, What::Queries, p).await,
        Some(Command::Redis(p)) => return show(cli.options, What::Redis, p).await,
        Some(Command::Certs(p)) => return show(cli.options, What::Certs, p).await,
        Some(Command::Alerts(p)) => return show(cli.options, What::Alerts, p).await,
        Some(Command::Events(p)) => return as_on_screen(cli.options, PaneId::Events, p).await,
        Some(Command::Nodes(p)) => return as_on_screen(cli.options, PaneId::Nodes, p).await,
        Some(Command::Status(args)) => return page::status(cli.options, &args).await,
        Some(Command::Snapshot(args)) => return page::snapshot(cli.options, &args).await,
        Some(Command::Config(args)) => match args.command {
            crate::cli::ConfigCommand::Reference => {
                say(crate::config::reference::markdown());
                Ok(())
            }
        },
        Some(Command::Completions { shell }) => completions::script(shell).map(say),
        Some(Command::Man) => completions::man().map(say),
        Some(Command::Check(args)) => return check(cli.options, args).await,
        Some(Command::Init(args)) => return init::init(cli.options, &args).await,
        Some(Command::Keys(args)) => return looks::keys(cli.options, &args),
        Some(Command::Themes(args)) => return looks::themes(cli.options, &args),
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

async fn console(options: Options, passing: bool) -> anyhow::Result<()> {
    let loaded = load(options);
    if loaded.config.follow.is_some() && !loaded.config.policy.is_read_only() {
        anyhow::bail!("only a read-only console follows a file: add --read-only");
    }
    Box::pin(crate::run::console(loaded, passing)).await
}

/// `qd runbook run`
async fn runbook(options: Options, args: crate::cli::RunbookRun) -> ExitCode {
    let mut given = std::collections::BTreeMap::new();
    for pair in &args.params {
        let Some((name, value)) = pair.split_once('=') else {
            complain(&format!("--param {pair}: expected NAME=VALUE"));
            return ExitCode::from(2);
        };
        given.insert(name.to_owned(), value.to_owned());
    }
    let wish = crate::run::Wish {
        book: args.id,
        on: args.on,
        leave: crate::app::unattended::Leave {
            yes: args.yes,
            dry_run: args.dry_run,
            given,
        },
    };
    let line = |value: &serde_json::Value| say(headless::runbooks::line(value, args.output));
    match Box::pin(crate::run::unattended(load(options), wish, line)).await {
        Ok(end) => ExitCode::from(headless::runbooks::verdict(end).code()),
        Err(why) => {
            complain(&why);
            ExitCode::from(2)
        }
    }
}

async fn play(mut options: Options, args: DemoArgs) -> anyhow::Result<()> {
    let wanted = demo::Options {
        pods: args.pods as usize,
        events_per_second: args.events_per_second,
        certificates: args.certificates as usize,
        calm: args.calm,
        fleet: args.fleet,
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
    let result = Box::pin(console(options, true)).await;
    demo.stop().await;
    result
}

/// What is printed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Pods,
    Rollouts,
    Signals,
    Queues,
    Queries,
    Redis,
    Certs,
    Alerts,
}

impl What {
    /// The pane that shows it; the signals have none.
    const fn pane(self) -> Option<PaneId> {
        Some(match self {
            Self::Pods => PaneId::Pods,
            Self::Rollouts => PaneId::Rollouts,
            Self::Signals => return None,
            Self::Queues => PaneId::Queues,
            Self::Queries => PaneId::Queries,
            Self::Redis => PaneId::Redis,
            Self::Certs => PaneId::Certificates,
            Self::Alerts => PaneId::Alerts,
        })
    }

    const fn sources(self) -> &'static [SourceKind] {
        match self {
            Self::Pods | Self::Rollouts => &[],
            Self::Signals => &EVERY,
            Self::Queues => &[SourceKind::Queues],
            Self::Queries => &[SourceKind::Postgres],
            Self::Redis => &[SourceKind::Redis],
            Self::Certs => &[SourceKind::Certificates],
            Self::Alerts => &[SourceKind::Prometheus, SourceKind::Http],
        }
    }

    /// The rules, by the beginnings of their ids, that speak of what is printed.
    const fn rules(self) -> &'static [&'static str] {
        match self {
            Self::Pods | Self::Rollouts | Self::Signals => &[],
            Self::Queues => &["queue."],
            Self::Queries => &["pg.", "pgbouncer."],
            Self::Redis => &["redis."],
            Self::Certs => &["cert."],
            Self::Alerts => &["alert.", "slo.", "app.", "host.", "http."],
        }
    }

    /// What the pane's command prints.
    fn of(pane: PaneId) -> Option<Self> {
        let all = [
            Self::Pods,
            Self::Rollouts,
            Self::Queues,
            Self::Queries,
            Self::Redis,
            Self::Certs,
            Self::Alerts,
        ];
        all.into_iter().find(|what| what.pane() == Some(pane))
    }

    /// As a table or as JSON, with one verdict for these and for the sentences of `--plain`.
    fn table(self, app: &crate::app::App, now: jiff::Timestamp, output: Output) -> headless::Answer {
        let (world, judge) = (&app.world, &app.judge);
        let given = match self {
            Self::Pods => headless::pods(world, now, output),
            Self::Rollouts => headless::rollouts(world, now, output),
            Self::Signals => headless::signals(world, judge, now, output),
            Self::Queues => headless::queues(app, now, output),
            Self::Queries => headless::queries(world, output),
            Self::Redis => headless::redis(world, judge, output),
            Self::Certs => headless::certs(world, judge.thresholds(), now, output),
            Self::Alerts => headless::alerts(world, judge.thresholds(), now, output),
        };
        let given = given.judged(judge, self.rules());
        match self.pane() {
            Some(pane) => given.also(headless::plain::pane(app, pane).verdict),
            None => given,
        }
    }

    /// Whether it rests on the cluster's objects.
    const fn objects(self) -> bool {
        matches!(self, Self::Pods | Self::Rollouts | Self::Signals)
    }
}

async fn show(options: Options, what: What, args: PaneArgs) -> ExitCode {
    match form(args) {
        Err(code) => code,
        Ok(Form::Rows(output)) => print(options, what, output).await,
        Ok(sentences) => Box::pin(plain::print(options, what.pane(), sentences)).await,
    }
}

/// Of what is printed here the console itself has the only table.
async fn as_on_screen(options: Options, pane: PaneId, args: PaneArgs) -> ExitCode {
    match form(args) {
        Err(code) => code,
        Ok(form) => Box::pin(plain::print(options, Some(pane), form)).await,
    }
}

fn form(args: PaneArgs) -> Result<Form, ExitCode> {
    match (args.plain, args.name) {
        (true, name) => Ok(Form::Sentences(name)),
        (false, None) => Ok(Form::Rows(args.print.output)),
        (false, Some(name)) => {
            complain(&format!(
                "{name}: one alone is shown as sentences only: add --plain; without a name the whole table is printed"
            ));
            Err(ExitCode::from(2))
        }
    }
}

/// Reads everything once and prints it.
async fn print(options: Options, what: What, output: Output) -> ExitCode {
    let need = if what.objects() { Need::Always } else { Need::Sources };
    let opened = match Opened::open(options, what.sources(), need).await {
        Ok(opened) => opened,
        Err(why) => {
            complain(&why);
            return ExitCode::from(2);
        }
    };
    let world = opened.look(what.sources(), what.objects()).await;
    // An empty table would look like a namespace in which nothing runs.
    if what.objects() {
        let absent = opened.absent_namespaces(&world).await;
        for name in &absent {
            complain(&format!("there is no namespace {name} on this cluster"));
        }
        if !absent.is_empty() {
            return ExitCode::from(2);
        }
    }
    let now = jiff::Timestamp::now();
    let app = headless::still(world, opened.config.signals.clone(), opened.platform.sources(), now);
    let mut told = what.table(&app, now, output);
    let out = std::io::stdout();
    if output == Output::Table && std::io::IsTerminal::is_terminal(&out) {
        told.text = headless::shrink(&told.text, usize::from(crate::term::tty::size(&out).width));
    }
    answer(Ok(told))
}

async fn check(options: Options, args: Check) -> ExitCode {
    // What a role needs is known without asking anybody; only the context's namespace is not.
    let need = match args.role {
        None => Need::Always,
        Some(_) => Need::Never,
    };
    let mut opened = match Opened::open(options, &EVERY, need).await {
        Ok(opened) => opened,
        Err(why) => {
            complain(&why);
            return ExitCode::from(2);
        }
    };
    let Some(role) = args.role else {
        let mut rows = opened.check().await;
        rows.splice(0..0, opened.no_cluster.clone().map(headless::no_cluster));
        rows.extend(looks::rows(&opened.config));
        return answer(Ok(headless::check(&rows, args.print.output)));
    };
    let role = match role {
        crate::cli::Role::Observer => Role::Observer,
        crate::cli::Role::Operator => Role::Operator,
    };
    opened.find_namespace().await;
    let (scope, home) = opened.scope();
    let env = crate::feed::postgres::Env::here();
    let grants = headless::grants(&opened.platform, &scope, &home, role, &env);
    answer(Ok(grants.print(args.print.output)))
}
