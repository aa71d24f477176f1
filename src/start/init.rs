//! `qd init`: looks at the cluster, and writes a configuration after asking.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use super::{complain, say};
use crate::action::WriteGrant;
use crate::cli::{Init, Options};
use crate::config::{Config, Findings, FoundKind, FoundQueues, FoundService, Home, Inputs, QueueSource, RedisSource};
use crate::config::{draft, draft_problems};
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
    let path = inputs.user.as_ref().map(|f| f.path.clone());
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
    let given = config.asked.kubeconfig.clone();
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
    let mut found = survey::survey(&cluster, &place.scope, !read_only).await;
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
    let path = path.ok_or("there is no folder for a configuration: set HOME, or give --config PATH")?;
    write(&path, &text, args.yes)
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

/// Writes a new file; one that is there is replaced only when somebody says so at the prompt.
fn write(path: &Path, text: &str, yes: bool) -> Result<(), String> {
    let there = path.symlink_metadata().is_ok();
    let shown = path.display();
    if there && yes {
        return Err(format!(
            "{shown} is there already and is left alone: run `qd init` without --yes to be asked, or with --print"
        ));
    }
    if !yes {
        let question = if there {
            format!("\n{shown} is there already. Replace it (the old one is kept beside it)? [y/N] ")
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
    if there {
        let mut old = path.as_os_str().to_owned();
        old.push(".old");
        std::fs::rename(path, PathBuf::from(old)).map_err(failed)?;
    }
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
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
    read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}
