//! A shell in a container: kubectl has the terminal, and the journal says that it had.
//!
//! The pod is read anew just before (`kubectl exec` knows names, not uids), the intent is on disk before kubectl is
//! started, and how it ended is on record after it. What is typed in the shell is not recorded.
//!
//! A context is only a name, and the kubeconfig may have been rewritten since the console connected: kubectl is given the
//! server's address, and is not started at all when the file leads elsewhere by now.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use tokio::process::Command;

use super::attached::{Attached, For};
use super::recorder::Recorder;
use crate::action::{Class, Policy, WriteGrant};
use crate::app::msg::ExecAsk;
use crate::feed::kube::{Cluster, Kubeconfigs, object};
use crate::journal::{Entry, Journal, RecordKind, Target};

/// The best shell that the container has.
const SHELL: &str = "command -v bash >/dev/null 2>&1 && exec bash; exec sh";

/// What a shell rests on.
pub struct Means {
    pub cluster: Cluster,
    pub kubeconfig: Option<PathBuf>,
    pub journal: Arc<Journal>,
    pub recorder: Recorder,
    /// Whether policy lets one open shells: `None`, only outside production.
    pub allowed: Option<bool>,
    pub policy: Policy,
    pub class: Class,
}

/// A shell that was opened.
pub struct Opened {
    ask: ExecAsk,
    since: Instant,
    journal: Arc<Journal>,
    recorder: Recorder,
    intent: (u64, String),
}

fn entry(kind: RecordKind, ask: &ExecAsk) -> Entry {
    let mut entry = Entry::new(kind, "exec");
    entry.target = Some(Target {
        context: ask.place.context.clone(),
        server: ask.place.server.clone(),
        kind: "pod".to_owned(),
        namespace: ask.pod.namespace.to_string(),
        name: ask.pod.name.to_string(),
        uid: ask.pod.uid.to_string(),
    });
    entry
}

/// Whether policy lets one open a shell then. Nobody knows what is done in one, so a freeze holds for it, too.
fn may_open(allowed: Option<bool>, class: Class, policy: &Policy, now: Timestamp) -> Result<(), String> {
    match (allowed, policy.frozen(now)) {
        (Some(false), _) => Err("policy forbids it".to_owned()),
        (None, _) if class.is_production() => Err("policy does not allow it in production".to_owned()),
        (_, Some(freeze)) => Err(format!("a freeze holds: {freeze}")),
        _ => Ok(()),
    }
}

/// The options by which kubectl speaks to the server that the console is connected to and to no other.
async fn same_server(means: &Means, context: &str) -> Result<Vec<String>, String> {
    let files = Kubeconfigs::load(means.kubeconfig.clone())
        .await
        .map_err(|e| e.to_string())?;
    let (server, name) = files
        .server_of(context)
        .ok_or_else(|| format!("the kubeconfig has no context {context} any more"))?;
    if !means.cluster.is_at(server) {
        return Err(format!(
            "the kubeconfig was changed: its context {context} leads to {} by now, and the console is connected to {}. \
             Choose the context anew",
            crate::text::clean(server),
            means.cluster.place().server
        ));
    }
    // With an address of its own kubectl forgets the name that the file gives for the certificate.
    let name = name.map(|name| format!("--tls-server-name={name}"));
    Ok([format!("--server={server}")].into_iter().chain(name).collect())
}

/// What is started.
fn argv(ask: &ExecAsk, kubeconfig: Option<&PathBuf>, server: Vec<String>) -> Vec<String> {
    let mut argv = vec!["kubectl".to_owned()];
    if let Some(path) = kubeconfig {
        argv.push(format!("--kubeconfig={}", path.display()));
    }
    argv.extend([format!("--context={}", ask.place.context)]);
    argv.extend(server);
    argv.extend([
        format!("--namespace={}", ask.pod.namespace),
        "exec".to_owned(),
        "-i".to_owned(),
        "-t".to_owned(),
        format!("--container={}", ask.container),
        ask.pod.name.to_string(),
        "--".to_owned(),
        "sh".to_owned(),
        "-c".to_owned(),
        SHELL.to_owned(),
    ]);
    argv
}

/// Whether it is a name as Kubernetes makes them, and so neither an option nor two words to kubectl: whoever answers for the
/// API server could say anything.
fn is_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    !text.is_empty() && !text.starts_with('-') && text.bytes().all(fits)
}

/// Opens it: everything that must hold is asked once more, here where it is done. The screen is given away by `suspend`
/// only once nothing stands in the way any more.
///
/// # Errors
/// Why it was not opened, in words.
pub async fn open(_grant: &WriteGrant, ask: ExecAsk, means: Means, suspend: impl FnOnce()) -> Result<Attached, String> {
    if !means.cluster.place().is_same_cluster(&ask.place) {
        return Err("the console went on to another cluster".to_owned());
    }
    may_open(means.allowed, means.class, &means.policy, Timestamp::now())?;
    let names = [&*ask.pod.namespace, &*ask.pod.name, &*ask.container];
    if let Some(name) = names.into_iter().find(|name| !is_name(name)) {
        return Err(format!(
            "{} is no name that kubectl can be given",
            crate::text::clean(name)
        ));
    }
    // Gone, too, when the name is now another pod's.
    object::view(&means.cluster, &ask.pod)
        .await
        .map_err(|e| e.to_string())?;
    let server = same_server(&means, &ask.place.context).await?;
    let argv = argv(&ask, means.kubeconfig.as_ref(), server);
    means.recorder.settled().await?;
    let mut intent = entry(RecordKind::Intent, &ask);
    intent.data = serde_json::json!({ "container": ask.container, "argv": argv });
    let journal = Arc::clone(&means.journal);
    let written = tokio::task::spawn_blocking(move || journal.intent(intent)).await;
    let ticket = written
        .map_err(|e| e.to_string())?
        .map_err(|e| format!("the journal cannot be written: {e}"))?;
    let opened = Opened {
        ask,
        since: Instant::now(),
        journal: means.journal,
        recorder: means.recorder,
        intent: (ticket.seq, ticket.hash),
    };
    let mut command = Command::new("kubectl");
    command.args(argv.get(1..).unwrap_or_default()).stderr(Stdio::piped());
    suspend();
    match Attached::start(command, For::Exec(Box::new(opened.again()))) {
        Ok(attached) => Ok(attached),
        Err(why) => {
            let words = if why.kind() == std::io::ErrorKind::NotFound {
                "kubectl is not installed, or not in PATH: a shell is opened through it".to_owned()
            } else {
                format!("kubectl cannot be started: {why}")
            };
            opened.ended(&format!("not opened: {words}"), None);
            Err(words)
        }
    }
}

impl Opened {
    fn again(&self) -> Self {
        Self {
            ask: self.ask.clone(),
            since: self.since,
            journal: Arc::clone(&self.journal),
            recorder: self.recorder.clone(),
            intent: self.intent.clone(),
        }
    }

    /// Its end goes on record: the exit code, or why there is none.
    pub fn ended(&self, outcome: &str, code: Option<i32>) {
        let mut result = entry(RecordKind::Result, &self.ask);
        outcome.clone_into(&mut result.outcome);
        result.refers = Some(self.intent.0);
        result.duration_ms = u64::try_from(self.since.elapsed().as_millis()).ok();
        result.data = serde_json::json!({ "intent": self.intent.1, "exit": code });
        self.recorder.write(Arc::clone(&self.journal), result);
    }

    /// What the note says after it.
    pub fn name(&self) -> String {
        format!("{}/{}", self.ask.pod.namespace, self.ask.pod.name)
    }
}

#[cfg(test)]
mod tests {
    use super::{is_name, may_open};
    use crate::action::{Class, Freeze, Policy};

    #[test]
    fn no_shell_is_opened_in_a_freeze_where_policy_would_allow_one() {
        let at = |text: &str| -> jiff::Timestamp { format!("2026-12-24T{text}:00Z").parse().unwrap() };
        let policy = Policy {
            freeze: vec![Freeze {
                name: "holidays".into(),
                from: at("12:00"),
                until: at("14:00"),
            }],
            ..Policy::default()
        };
        let opens = |allowed, class, now| may_open(allowed, class, &policy, at(now));
        assert_eq!(opens(Some(true), Class::Production, "11:59"), Ok(()));
        let why = Err("a freeze holds: holidays until 2026-12-24T14:00:00Z".to_owned());
        assert_eq!(opens(Some(true), Class::Production, "12:00"), why);
        assert_eq!(opens(None, Class::Staging, "13:59"), why);
        assert_eq!(opens(None, Class::Staging, "14:00"), Ok(()));
        assert!(opens(None, Class::Production, "14:00").is_err());
        assert!(opens(Some(false), Class::Local, "14:00").is_err());
    }

    #[test]
    fn what_is_no_name_is_not_given_to_kubectl() {
        for name in ["cortex-web-5d8f-x2x", "a.b", "0"] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            "--kubeconfig=/tmp/x",
            "-n",
            "deploy/cortex-web",
            "a b",
            "A",
            "a\u{1b}",
        ] {
            assert!(!is_name(name), "{name:?}");
        }
    }
}
