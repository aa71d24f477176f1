//! Secrets where the configuration says they are. What is read is kept by nobody here, and no error text holds it.

use std::process::Stdio;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use secrecy::SecretString;

use super::kube::Fault;
use crate::config::SecretRef;

/// A program that prints a secret has this long.
const COMMAND: Duration = Duration::from_secs(10);
/// No secret is longer.
const MAX: usize = 64 * 1024;

/// Reads what a [`SecretRef`] points at. Cheap to clone.
#[derive(Clone, Default)]
pub struct Secrets {
    /// For keys of Kubernetes Secrets: the operator's own rights.
    reader: Option<Client>,
}

impl Secrets {
    pub const fn new(reader: Option<Client>) -> Self {
        Self { reader }
    }

    /// The secret, now: nothing is cached.
    ///
    /// # Errors
    /// A sentence that names where it was looked for and what is missing, and never the secret.
    pub async fn read(&self, from: &SecretRef) -> Result<SecretString, String> {
        let text = match from {
            SecretRef::Env(name) => std::env::var(name).map_err(|_| format!("the variable {name} is not set"))?,
            SecretRef::File(path) => {
                let whole = tokio::fs::read_to_string(path)
                    .await
                    .map_err(|e| format!("{} cannot be read: {e}", path.display()))?;
                first_line(&whole)
            }
            SecretRef::Command(argv) => command(argv).await?,
            SecretRef::Secret(place) => self.key(place).await?,
        };
        if text.is_empty() {
            return Err(format!("{} is empty", describe(from)));
        }
        if text.len() > MAX {
            return Err(format!("{} is longer than any secret", describe(from)));
        }
        Ok(text.into())
    }

    async fn key(&self, place: &str) -> Result<String, String> {
        let mut parts = place.splitn(3, '/');
        let (Some(namespace), Some(name), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(format!(
                "`{place}` is no key of a Secret, expected `namespace/name/key`"
            ));
        };
        let Some(reader) = &self.reader else {
            return Err(format!("Secret {place} needs a cluster, and none is connected"));
        };
        let secret = Api::<Secret>::namespaced(reader.clone(), namespace)
            .get(name)
            .await
            .map_err(|e| format!("Secret {namespace}/{name}: {}", Fault::from(e).say))?;
        let value = secret
            .data
            .and_then(|mut d| d.remove(key))
            .ok_or_else(|| format!("Secret {namespace}/{name} has no key `{key}`"))?;
        let text = String::from_utf8(value.0).map_err(|_| format!("Secret {place} is not text"))?;
        Ok(first_line(&text))
    }
}

/// Where it is, for a sentence.
fn describe(from: &SecretRef) -> String {
    match from {
        SecretRef::Env(name) => format!("the variable {name}"),
        SecretRef::File(path) => path.display().to_string(),
        SecretRef::Command(argv) => format!("what {} prints", argv.first().map_or("the command", String::as_str)),
        SecretRef::Secret(place) => format!("Secret {place}"),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_end().to_owned()
}

async fn command(argv: &[String]) -> Result<String, String> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err("`command` needs a program".to_owned());
    };
    let child = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // It might print the secret, or draw over the screen.
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(COMMAND, child)
        .await
        .map_err(|_| format!("{program} did not end within {} s", COMMAND.as_secs()))?
        .map_err(|e| format!("{program} cannot be started: {e}"))?;
    if !output.status.success() {
        return Err(format!("{program} failed ({})", output.status));
    }
    Ok(first_line(&String::from_utf8_lossy(&output.stdout)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    #[tokio::test]
    async fn a_secret_is_found_where_it_is_said_to_be() {
        let secrets = Secrets::default();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pw");
        std::fs::write(&file, "s3cret\nsecond line\n").unwrap();
        let read = async |r: SecretRef| secrets.read(&r).await.map(|s| s.expose_secret().to_owned());
        assert_eq!(read(SecretRef::File(file)).await.unwrap(), "s3cret");
        let argv = |words: &[&str]| SecretRef::Command(words.iter().map(ToString::to_string).collect());
        assert_eq!(read(argv(&["printf", "a b\\nc"])).await.unwrap(), "a b");
        assert!(read(argv(&["false"])).await.unwrap_err().contains("false failed"));
        assert!(read(argv(&["true"])).await.unwrap_err().contains("is empty"));
        let nowhere = SecretRef::Env("QUARTERDECK_NO_SUCH_VARIABLE".to_owned());
        assert!(read(nowhere).await.unwrap_err().contains("not set"));
        let unreachable = SecretRef::Secret("a/b/c".to_owned());
        assert!(read(unreachable).await.unwrap_err().contains("needs a cluster"));
    }
}
