//! Credential plugins (`users[].user.exec` of a kubeconfig), run by ourselves: kube's own runner blocks, has no
//! deadline, lets the plugin write on the screen, and its error text prints environment values.

use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use jiff::Timestamp;
use kube::config::{ExecAuthCluster, ExecConfig, ExecInteractiveMode};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use super::redact::{redact, secret_name};

/// How long a plugin may take when nobody watches it.
pub const DEADLINE: Duration = Duration::from_secs(20);
/// And when a person signs in.
const ATTACHED_DEADLINE: Duration = Duration::from_secs(600);

/// Why there is no credential. No text in it holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecError {
    #[error("the credential plugin {command} is not there{}", hint_words(.hint))]
    NotFound { command: String, hint: String },
    #[error("the credential plugin {command} ended with {code}: {stderr}")]
    Failed {
        command: String,
        code: String,
        stderr: String,
    },
    #[error("the credential plugin {command} did not end within {} s{}", .after.as_secs(), said(.stderr))]
    TimedOut {
        command: String,
        after: Duration,
        stderr: String,
    },
    /// The answer itself is never shown: it may hold a credential.
    #[error("the credential plugin {command} answered something that is not a credential: {why}")]
    Garbage { command: String, why: String },
    #[error("the credential plugin {} needs a person: sign in{}", .login.command(), said(.stderr))]
    NeedsPerson { login: Login, stderr: String },
    #[error("the token file {path} cannot be read: {why}")]
    TokenFile { path: String, why: String },
    #[error("the client cannot be set up: {0}")]
    Client(String),
}

fn hint_words(hint: &str) -> String {
    if hint.is_empty() {
        ": install it, or put its folder on PATH".to_owned()
    } else {
        format!(": {hint}")
    }
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() {
        String::new()
    } else {
        format!(": it says: {stderr}")
    }
}

/// A plugin, ready to run.
#[derive(Clone)]
pub struct Plugin {
    command: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    version: String,
    interactive: bool,
    cluster: Option<serde_json::Value>,
    hint: String,
    deadline: Duration,
}

/// What a plugin gave. Printing it prints no secret.
#[derive(Clone)]
pub struct Credential {
    pub token: Option<SecretString>,
    /// PEM of the certificate, and PEM of its key.
    pub certificate: Option<(String, SecretString)>,
    pub expires: Option<Timestamp>,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credential(expires: {:?})", self.expires)
    }
}

/// A plugin that wants to talk with a person: the caller gives it the terminal and calls [`Login::run_attached`].
#[derive(Clone)]
pub struct Login {
    plugin: Box<Plugin>,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Login({})", self.plugin.command)
    }
}

impl PartialEq for Login {
    fn eq(&self, other: &Self) -> bool {
        self.plugin.command == other.plugin.command && self.plugin.args == other.plugin.args
    }
}

impl Eq for Login {}

impl Login {
    pub fn command(&self) -> &str {
        &self.plugin.command
    }

    /// What will be run, with what looks like a secret hidden.
    pub fn argv(&self) -> Vec<String> {
        let values = self.plugin.secrets();
        std::iter::once(&self.plugin.command)
            .chain(&self.plugin.args)
            .map(|a| redact(a, &values))
            .collect()
    }

    /// Runs the plugin with our terminal as its standard input and error. The screen must be suspended by then.
    ///
    /// # Errors
    /// As a run without a person, but never [`ExecError::NeedsPerson`].
    pub async fn run_attached(&self) -> Result<SignedIn, ExecError> {
        self.plugin.run(true, ATTACHED_DEADLINE).await.map(SignedIn)
    }
}

/// The result of a person's sign-in; give it to [`super::ContextChoice::signed_in`] or [`super::Cluster::sign_in`].
#[derive(Clone, Debug)]
pub struct SignedIn(pub(super) Credential);

impl Plugin {
    /// From a kubeconfig.
    ///
    /// # Errors
    /// When no command is given, or the version is one that nobody speaks any more.
    pub fn of(exec: &ExecConfig, cluster: Option<&ExecAuthCluster>) -> Result<Self, ExecError> {
        let garbage = |command: &str, why: &str| ExecError::Garbage {
            command: command.to_owned(),
            why: why.to_owned(),
        };
        let Some(command) = exec.command.clone().filter(|c| !c.is_empty()) else {
            return Err(garbage("", "the kubeconfig gives no command"));
        };
        let version = exec.api_version.clone().unwrap_or_default();
        if !matches!(
            &*version,
            "client.authentication.k8s.io/v1" | "client.authentication.k8s.io/v1beta1"
        ) {
            let why = format!("apiVersion {version:?} in the kubeconfig: v1 and v1beta1 are spoken, update the plugin");
            return Err(garbage(&command, &why));
        }
        let env = exec.env.iter().flatten().filter_map(|entry| {
            let name = entry.get("name")?;
            Some((name.clone(), entry.get("value").cloned().unwrap_or_default()))
        });
        let cluster = cluster.filter(|_| exec.provide_cluster_info);
        Ok(Self {
            args: exec.args.clone().unwrap_or_default(),
            env: env.collect(),
            version,
            interactive: exec.interactive_mode != Some(ExecInteractiveMode::Never),
            cluster: cluster.and_then(|c| serde_json::to_value(c).ok()),
            hint: exec.install_hint.clone().unwrap_or_default().trim().to_owned(),
            deadline: DEADLINE,
            command,
        })
    }

    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Runs it without a terminal. One that can talk with a person and fails without gives `NeedsPerson`.
    pub async fn credential(&self) -> Result<Credential, ExecError> {
        match self.run(false, self.deadline).await {
            Err(ExecError::Failed { stderr, .. } | ExecError::TimedOut { stderr, .. }) if self.interactive => {
                Err(ExecError::NeedsPerson {
                    login: Login {
                        plugin: Box::new(self.clone()),
                    },
                    stderr,
                })
            }
            other => other,
        }
    }

    /// Values that must not be shown.
    fn secrets(&self) -> Vec<String> {
        let inherited = std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
            .filter(|(k, _)| secret_name(k))
            .map(|(_, v)| v)
            .filter(|v| v.len() >= 6);
        self.env.iter().map(|(_, v)| v.clone()).chain(inherited).collect()
    }

    async fn run(&self, attached: bool, deadline: Duration) -> Result<Credential, ExecError> {
        let mut info = serde_json::json!({
            "kind": "ExecCredential", "apiVersion": self.version, "spec": {"interactive": attached},
        });
        if let (Some(cluster), Some(spec)) = (&self.cluster, info.get_mut("spec").and_then(|s| s.as_object_mut())) {
            spec.insert("cluster".to_owned(), cluster.clone());
        }
        let mut command = Command::new(&self.command);
        command
            .args(&self.args)
            .envs(self.env.iter().map(|(k, v)| (k, v)))
            .env("KUBERNETES_EXEC_INFO", info.to_string())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        if attached {
            command.stdin(Stdio::inherit()).stderr(Stdio::inherit());
        } else {
            // A group of its own, so that what it starts ends with it.
            command.stdin(Stdio::null()).stderr(Stdio::piped()).process_group(0);
        }
        let mut child = command.spawn().map_err(|e| {
            if e.kind() == std::io::ErrorKind::NotFound {
                ExecError::NotFound {
                    command: self.command.clone(),
                    hint: redact(&self.hint, &[]),
                }
            } else {
                self.failed("an error at its start", &e.to_string())
            }
        })?;
        let group = GroupKill(child.id().filter(|_| !attached));
        let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
        let (mut answer, mut stderr) = (Vec::new(), Vec::new());
        let ended = tokio::time::timeout(deadline, async {
            let read_out = async {
                match out.as_mut() {
                    Some(pipe) => pipe.take(1 << 20).read_to_end(&mut answer).await,
                    None => Ok(0),
                }
            };
            let read_err = async {
                match err.as_mut() {
                    Some(pipe) => pipe.take(1 << 16).read_to_end(&mut stderr).await,
                    None => Ok(0),
                }
            };
            // Both pipes are read to their end before the wait, or a chatty plugin would never end.
            let _ = tokio::join!(read_out, read_err);
            drop((out.take(), err.take()));
            child.wait().await
        })
        .await;
        let said = redact(&String::from_utf8_lossy(&stderr), &self.secrets());
        let status = match ended {
            Err(_) => {
                drop(group);
                return Err(ExecError::TimedOut {
                    command: self.command.clone(),
                    after: deadline,
                    stderr: said,
                });
            }
            Ok(Err(e)) => return Err(self.failed("an error", &e.to_string())),
            Ok(Ok(status)) => status,
        };
        group.done();
        if !status.success() {
            let code = status
                .code()
                .map_or_else(|| "a signal".to_owned(), |c| format!("code {c}"));
            return Err(self.failed(&code, &said));
        }
        self.parse(&answer)
    }

    fn failed(&self, code: &str, stderr: &str) -> ExecError {
        ExecError::Failed {
            command: self.command.clone(),
            code: code.to_owned(),
            stderr: stderr.to_owned(),
        }
    }

    fn parse(&self, answer: &[u8]) -> Result<Credential, ExecError> {
        let garbage = |why: &str| ExecError::Garbage {
            command: self.command.clone(),
            why: why.to_owned(),
        };
        let answer: Answer = serde_json::from_slice(answer).map_err(|e| {
            // Only the place: serde's own words may quote the answer.
            garbage(&format!(
                "no ExecCredential in JSON (line {}, column {})",
                e.line(),
                e.column()
            ))
        })?;
        if answer.kind != "ExecCredential" {
            return Err(garbage("its kind is not ExecCredential"));
        }
        if answer.api_version != self.version {
            return Err(garbage(&format!(
                "it does not speak {}, which the kubeconfig asks for",
                self.version
            )));
        }
        let Some(status) = answer.status else {
            return Err(garbage("it has no status"));
        };
        let certificate = match (status.certificate, status.key) {
            (Some(cert), Some(key)) => Some((cert, SecretString::from(key))),
            (None, None) => None,
            _ => return Err(garbage("a client certificate needs its key, and a key its certificate")),
        };
        let token = status.token.filter(|t| !t.is_empty());
        if token.is_none() && certificate.is_none() {
            return Err(garbage("it has neither a token nor a client certificate"));
        }
        if let Some(token) = &token
            && http::HeaderValue::from_str(token).is_err()
        {
            return Err(garbage("its token has characters that no header may have"));
        }
        let expires = match status.expires {
            None => None,
            Some(text) => Some(
                text.parse()
                    .map_err(|_| garbage("its expirationTimestamp is not a time"))?,
            ),
        };
        Ok(Credential {
            token: token.map(SecretString::from),
            certificate,
            expires,
        })
    }
}

impl Credential {
    /// The certificate and key as a kubeconfig holds them: PEM in base64.
    pub(super) fn certificate_base64(&self) -> Option<(String, SecretString)> {
        let (cert, key) = self.certificate.as_ref()?;
        let code = base64::engine::general_purpose::STANDARD;
        Some((code.encode(cert), SecretString::from(code.encode(key.expose_secret()))))
    }
}

/// Ends a whole process group when it goes out of scope before [`GroupKill::done`].
struct GroupKill(Option<u32>);

impl GroupKill {
    fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for GroupKill {
    fn drop(&mut self) {
        let pid = self
            .0
            .and_then(|id| i32::try_from(id).ok())
            .and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
    }
}

#[derive(serde::Deserialize)]
struct Answer {
    #[serde(default)]
    kind: String,
    #[serde(default, rename = "apiVersion")]
    api_version: String,
    status: Option<AnswerStatus>,
}

#[derive(serde::Deserialize)]
struct AnswerStatus {
    token: Option<String>,
    #[serde(rename = "clientCertificateData")]
    certificate: Option<String>,
    #[serde(rename = "clientKeyData")]
    key: Option<String>,
    #[serde(rename = "expirationTimestamp")]
    expires: Option<String>,
}
