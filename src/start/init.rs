//! `qd init`: looks at the cluster, and writes a configuration after asking, or adds to the one that is there.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use super::{complain, say};
use crate::action::WriteGrant;
use crate::cli::{Init, Options};
use crate::config::{Config, Findings, FoundKind, FoundQueues, FoundService, Home, Inputs, QueueSource, RedisSource};
use crate::config::{draft, draft_platforms as platforms, draft_problems};
use crate::feed::kube::{self as feed, Access, Cluster, ContextChoice, survey};
use crate::feed::queue::{Place, Watcher};
use crate::feed::redis::Way;
use crate::model::Scope;
use crate::run::sources::Means;

/// As long as one Redis may take to say what queues it has.
const QUEUES: Duration = Duration::from_secs(6);

/// Looks, shows, asks, writes.
pub async fn init(options: Options, args: &Init) -> ExitCode {
    match go(options, args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            complain(&why);
            ExitCode::from(2)
        }
    }
}

async fn go(options: Options, args: &Init) -> Result<(), String> {
    let mut inputs = Inputs::gather(options);
    let file = inputs.user.clone();
    // A file that is still to be written is no reason to be read-only.
    if inputs.user.as_ref().is_some_and(|f| f.text == Ok(None)) {
        inputs.user = None;
    }
    let loaded = Config::load(&inputs);
    for problem in &loaded.problems {
        complain(&problem.to_string());
    }
    let config = loaded.config;
    let target = config.target()?;
    let given = target.kubeconfig.clone();
    let choice = ContextChoice {
        kubeconfig: target.kubeconfig,
        context: target.context,
        scope: target.scope,
        platform: target.platform,
        signed_in: None,
    };
    let read_only = config.policy.is_read_only();
    let access = if read_only { Access::ReadOnly } else { Access::Operator };
    let cluster = feed::connect(choice, access).await.map_err(|e| e.to_string())?;
    let place = cluster.place().clone();
    let mut found = survey::survey(&cluster, &place.scope, !read_only)
        .await
        .map_err(|why| format!("{}: {why}; nothing is written", place.server))?;
    let services: Vec<FoundService> = found.of(FoundKind::Redis).cloned().collect();
    for service in services {
        let queues = queues(&found, &service, &cluster, read_only).await;
        found.queues.push((found.name(&service), queues));
    }
    let home = Home {
        name: place.platform.clone(),
        kubeconfig: given.map(|p| std::path::absolute(&p).unwrap_or(p)),
        context: place.context.clone(),
        namespaces: match &place.scope {
            Scope::All => vec!["*".to_owned()],
            Scope::Namespaces(list) => list.clone(),
        },
    };
    let text = draft(&home, &found);
    if let Some(problem) = draft_problems(&text).first() {
        return Err(format!(
            "what was found makes no configuration that loads ({problem}); nothing is written"
        ));
    }
    say(&text);
    if args.print {
        return Ok(());
    }
    let file = file.ok_or("there is no folder for a configuration: set HOME, or give --config PATH")?;
    write(&file.path, file.text, &home.name, &text, args.yes)
}

/// Asks a Redis for queues, by the very way that is written down.
async fn queues(found: &Findings, service: &FoundService, cluster: &Cluster, read_only: bool) -> FoundQueues {
    let Ok(source) = toml::from_str::<RedisSource>(&found.redis(service)) else {
        return FoundQueues::Unreached("its name is none that can be written".to_owned());
    };
    let grant = WriteGrant::at_start(read_only).map(Arc::new);
    let context = Means::here(Some(cluster.clone()), grant).context();
    let set = QueueSource {
        name: source.name.clone(),
        redis: Some(source.name.clone()),
        ..QueueSource::default()
    };
    let way = Way::new(source, &context);
    let mut watcher = Watcher::new(set, Place::Redis(way), true);
    let look = watcher.look(None, jiff::Timestamp::now());
    match tokio::time::timeout(QUEUES, look).await {
        Err(_) => FoundQueues::Unreached("it did not answer in time".to_owned()),
        Ok(Err(fault)) => FoundQueues::Unreached(fault.say()),
        Ok(Ok(())) => match (&watcher.seen().found.problem, watcher.seen().queues.len()) {
            (Some(problem), _) => FoundQueues::Unreached(problem.words().to_owned()),
            (None, 0) => FoundQueues::None,
            (None, n) => FoundQueues::Some(n),
        },
    }
}

/// What is written, and where: a new file, or one more platform below all that a file says already. Nothing that stands
/// there is ever replaced: not its policy, not its other platforms, not how the console looks.
fn addition(
    path: &Path,
    old: Result<Option<String>, String>,
    name: &str,
    text: &str,
) -> Result<Option<String>, String> {
    let shown = path.display();
    let Some(old) = old.map_err(|why| format!("{shown} {why}; nothing is written"))? else {
        return Ok(None);
    };
    if old.trim().is_empty() {
        return Ok(Some(text.to_owned()));
    }
    if let Some(problem) = draft_problems(&old).first() {
        return Err(format!("{shown} is to be mended first, nothing is written: {problem}"));
    }
    if platforms(&old).iter().any(|known| known == name) {
        return Err(format!(
            "{shown} has the platform {name} already, and is left as it is: `qd init --print` shows what was found, to \
             compare; `--context NAME` looks at another one"
        ));
    }
    let ends = if old.ends_with('\n') { "" } else { "\n" };
    let more = format!("{ends}\n{text}");
    match draft_problems(&format!("{old}{more}")).first() {
        Some(problem) => Err(format!(
            "one more platform cannot be added to {shown} ({problem}): nothing is written; --print shows what was found"
        )),
        None => Ok(Some(more)),
    }
}

/// Writes a new file, or adds to one that is there when somebody says so at the prompt.
fn write(path: &Path, old: Result<Option<String>, String>, name: &str, text: &str, yes: bool) -> Result<(), String> {
    let shown = path.display();
    if path.symlink_metadata().is_ok() && yes {
        return Err(format!(
            "{shown} is there already and is left alone: run `qd init` without --yes to be asked, or with --print"
        ));
    }
    let more = addition(path, old, name, text)?;
    if !yes {
        let question = if more.is_some() {
            format!("\nAdd this to {shown}, below all that stands there already? [y/N] ")
        } else {
            format!("\nWrite this to {shown}? [y/N] ")
        };
        if !agreed(&question) {
            return Err("nothing was written".to_owned());
        }
    }
    let failed = |e: std::io::Error| format!("{shown} cannot be written: {e}");
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut options = std::fs::OpenOptions::new();
    if more.is_some() {
        options.append(true);
    } else {
        options.write(true).create_new(true).mode(0o600);
    }
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(more.as_deref().unwrap_or(text).as_bytes())
        .map_err(failed)?;
    complain(&format!(
        "{shown} is written; `qd check` says what is reached and permitted"
    ));
    Ok(())
}

/// Whether somebody says yes. No answer is none.
fn agreed(question: &str) -> bool {
    let _ = write!(std::io::stderr().lock(), "{question}");
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    // Where nobody pressed enter the next sentence would stand behind the question.
    if !answer.ends_with('\n') {
        let _ = writeln!(std::io::stderr().lock());
    }
    read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}
