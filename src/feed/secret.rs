//! Fetching what a [`SecretRef`] points at. Nothing here is ever logged, and no error text holds a value.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use secrecy::SecretString;
use tokio::io::AsyncReadExt as _;

use crate::config::SecretRef;

/// A program that gives a secret may take this long.
const DEADLINE: Duration = Duration::from_secs(10);
/// No secret is longer.
const MOST: u64 = 64 * 1024;

/// Why there is no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    #[error("the variable {0} is not set")]
    NoVariable(String),
    #[error("{path} cannot be read: {why}")]
    File { path: String, why: String },
    #[error("`{program}` gave no secret: {why}")]
    Command { program: String, why: String },
    #[error("Secret {what}: {why}")]
    Kubernetes { what: String, why: String },
}

/// Reads what a [`SecretRef`] points at. Cheap to clone.
#[derive(Clone, Default)]
pub struct Secrets {
    /// For keys of Kubernetes Secrets: the operator's own rights.
    reader: Option<kube::Client>,
}

impl Secrets {
    pub const fn new(reader: Option<kube::Client>) -> Self {
        Self { reader }
    }

    /// The secret, now: nothing is cached.
    ///
    /// # Errors
    /// Where it was looked for and what is missing; never the secret.
    pub async fn read(&self, from: &SecretRef) -> Result<SecretString, String> {
        resolve(from, self.reader.as_ref()).await.map_err(|e| e.to_string())
    }
}

/// Fetches it now. `cluster` is asked for Kubernetes Secrets with the operator's own rights; without one they cannot
/// be had.
pub async fn resolve(what: &SecretRef, cluster: Option<&kube::Client>) -> Result<SecretString, SecretError> {
    match what {
        SecretRef::Env(name) => std::env::var(name)
            .ok()
            .filter(|v| !v.is_empty())
            .map(SecretString::from)
            .ok_or_else(|| SecretError::NoVariable(name.clone())),
        SecretRef::File(path) => file(path).await,
        SecretRef::Command(argv) => command(argv).await,
        SecretRef::Secret(path) => secret(path, cluster).await,
    }
}

fn first_line(bytes: Vec<u8>) -> Result<SecretString, String> {
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(SecretString::from(line.to_owned())),
        _ => Err("its first line is empty".to_owned()),
    }
}

async fn file(path: &Path) -> Result<SecretString, SecretError> {
    let path = home(path);
    let failed = |why: String| SecretError::File {
        path: path.display().to_string(),
        why,
    };
    // A pipe that nobody writes to must not hold us.
    let read = async {
        let mut bytes = Vec::new();
        let file = tokio::fs::File::open(&path).await?;
        file.take(MOST).read_to_end(&mut bytes).await?;
        Ok::<_, std::io::Error>(bytes)
    };
    match tokio::time::timeout(DEADLINE, read).await {
        Ok(Ok(bytes)) => first_line(bytes).map_err(failed),
        Ok(Err(e)) => Err(failed(e.kind().to_string())),
        Err(_) => Err(failed("it gave nothing for 10 s".to_owned())),
    }
}

fn home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::var_os("HOME")) {
        (Ok(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => path.to_owned(),
    }
}

/// Runs a program without a shell, without a terminal, and not for long. What it writes to stderr is not repeated: it
/// may hold what it was given.
async fn command(argv: &[String]) -> Result<SecretString, SecretError> {
    let (program, rest) = argv.split_first().ok_or_else(|| SecretError::Command {
        program: String::new(),
        why: "`command` names no program".to_owned(),
    })?;
    let failed = |why: String| SecretError::Command {
        program: program.clone(),
        why,
    };
    let mut child = tokio::process::Command::new(home(Path::new(program)))
        .args(rest)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| failed(e.kind().to_string()))?;
    let out = child.stdout.take();
    let run = async {
        let mut bytes = Vec::new();
        if let Some(out) = out {
            out.take(MOST).read_to_end(&mut bytes).await?;
        }
        Ok::<_, std::io::Error>((child.wait().await?, bytes))
    };
    match tokio::time::timeout(DEADLINE, run).await {
        Err(_) => Err(failed(format!("it did not end within {} s", DEADLINE.as_secs()))),
        Ok(Err(e)) => Err(failed(e.kind().to_string())),
        Ok(Ok((status, _))) if !status.success() => Err(failed(format!("it ended with {status}"))),
        Ok(Ok((_, bytes))) => first_line(bytes).map_err(failed),
    }
}

async fn secret(path: &str, cluster: Option<&kube::Client>) -> Result<SecretString, SecretError> {
    let failed = |why: String| SecretError::Kubernetes {
        what: path.to_owned(),
        why,
    };
    let mut parts = path.splitn(3, '/');
    let (Some(namespace), Some(name), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(failed("expected namespace/name/key".to_owned()));
    };
    let cluster = cluster.ok_or_else(|| failed("there is no connection to a cluster".to_owned()))?;
    let api: kube::Api<k8s_openapi::api::core::v1::Secret> = kube::Api::namespaced(cluster.clone(), namespace);
    let found = match tokio::time::timeout(DEADLINE, api.get(name)).await {
        Err(_) => return Err(failed("the API server did not answer within 10 s".to_owned())),
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => {
            return Err(failed(format!("you may not get secrets/{name} in {namespace}")));
        }
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => return Err(failed("there is none".to_owned())),
        Ok(Err(_)) => return Err(failed("it could not be read".to_owned())),
        Ok(Ok(found)) => found,
    };
    let value = found.data.and_then(|mut data| data.remove(key));
    let value = value.ok_or_else(|| failed("it has no such key".to_owned()))?;
    first_line(value.0).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    fn argv(list: &[&str]) -> SecretRef {
        SecretRef::Command(list.iter().map(|s| (*s).to_owned()).collect())
    }

    #[tokio::test]
    async fn the_first_line_is_the_secret_and_errors_hold_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pw");
        std::fs::write(&path, "hunter2\nsecond\n").unwrap();
        let got = resolve(&SecretRef::File(path.clone()), None).await.unwrap();
        assert_eq!(got.expose_secret(), "hunter2");
        let got = resolve(&argv(&["cat", path.to_str().unwrap()]), None).await.unwrap();
        assert_eq!(got.expose_secret(), "hunter2");
        // No shell looks at it.
        let got = resolve(&argv(&["echo", "$HOME;`id`"]), None).await.unwrap();
        assert_eq!(got.expose_secret(), "$HOME;`id`");
        let script = "echo hunter2; echo hunter2 >&2; exit 3";
        let wrong = resolve(&argv(&["sh", "-c", script]), None)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            wrong.contains("exit status: 3") && !wrong.contains("hunter2"),
            "{wrong}"
        );
        for none in [
            SecretRef::Env("QUARTERDECK_TEST_NO_SUCH".into()),
            SecretRef::Secret("a/b/c".into()),
            SecretRef::Secret("a".into()),
            SecretRef::Command(vec![]),
            SecretRef::File("/nowhere".into()),
        ] {
            assert!(resolve(&none, None).await.is_err());
        }
    }
}
