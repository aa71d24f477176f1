//! Which clusters there are: kubeconfig files, merged as kubectl merges them, or the pod that we run in.

use std::path::{Path, PathBuf};

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Config, config::ExecAuthCluster};

use super::exec::{ExecError, Plugin};
use super::proxy::proxy_of;
use super::session::Source;

/// The name that the pod's own service account has in lists of contexts.
pub const IN_CLUSTER: &str = "in-cluster";

/// Why there is no configuration to connect with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    #[error("no kubeconfig: looked for {looked}; set KUBECONFIG or name one with --kubeconfig")]
    Nothing { looked: String },
    #[error("{file} cannot be read: {why}")]
    Unreadable { file: PathBuf, why: String },
    #[error("{file}:{line}:{column}: {why}")]
    Malformed {
        file: PathBuf,
        line: usize,
        column: usize,
        why: String,
    },
    #[error("{}", no_context(.wanted, .have))]
    NoContext { wanted: String, have: Vec<String> },
    #[error("context {context} of the kubeconfig: {why}")]
    Incomplete { context: String, why: String },
}

fn no_context(wanted: &str, have: &[String]) -> String {
    let have = match have {
        [] => "the kubeconfig has no contexts".to_owned(),
        have => format!("there are {}", have.join(", ")),
    };
    if wanted.is_empty() {
        format!("the kubeconfig sets no current-context: name one with --context; {have}")
    } else {
        format!("the kubeconfig has no context {wanted}: {have}")
    }
}

/// One line of the list of contexts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextInfo {
    pub name: String,
    pub cluster: String,
    pub user: String,
    /// Empty when the context sets none.
    pub namespace: String,
    /// URL of the API server; empty when the cluster is not defined.
    pub server: String,
    /// The server's certificate is not checked.
    pub insecure: bool,
    pub current: bool,
}

/// The merged configuration, and where it came from.
#[derive(Clone, Debug, Default)]
pub struct Kubeconfigs {
    pub files: Vec<PathBuf>,
    merged: Kubeconfig,
    in_cluster: bool,
}

/// Everything needed to connect to one context.
pub(super) struct Found {
    pub config: Config,
    pub source: Source,
    pub context: ContextInfo,
}

impl Kubeconfigs {
    /// Reads `--kubeconfig` if given, else the files that KUBECONFIG lists, else `~/.kube/config`, else the service
    /// account of the pod.
    ///
    /// # Errors
    /// With file, line and column when a file is malformed.
    pub async fn load(explicit: Option<PathBuf>) -> Result<Self, SourceError> {
        let listed = std::env::var_os("KUBECONFIG");
        let home = std::env::home_dir();
        // Home may be on a network that hangs; the screen must not.
        tokio::task::spawn_blocking(move || Self::read(explicit.as_deref(), listed.as_deref(), home.as_deref()))
            .await
            .map_err(|e| SourceError::Nothing { looked: e.to_string() })?
    }

    /// The same without `--kubeconfig`, for the completion of command lines: nothing else is going on then.
    ///
    /// # Errors
    /// As of [`Kubeconfigs::load`].
    pub fn here() -> Result<Self, SourceError> {
        let listed = std::env::var_os("KUBECONFIG");
        Self::read(None, listed.as_deref(), std::env::home_dir().as_deref())
    }

    fn read(
        explicit: Option<&Path>,
        listed: Option<&std::ffi::OsStr>,
        home: Option<&Path>,
    ) -> Result<Self, SourceError> {
        if let Some(file) = explicit {
            let merged = read_file(file)?;
            return Ok(Self {
                files: vec![file.to_owned()],
                merged,
                in_cluster: false,
            });
        }
        let mut looked: Vec<PathBuf> = listed
            .map(|l| std::env::split_paths(l).filter(|p| !p.as_os_str().is_empty()).collect())
            .unwrap_or_default();
        if looked.is_empty() {
            looked.extend(home.map(|h| h.join(".kube").join("config")));
        }
        // As kubectl does: a file that KUBECONFIG lists may be missing.
        let files: Vec<PathBuf> = looked.iter().filter(|f| f.exists()).cloned().collect();
        let mut merged = Kubeconfig::default();
        for file in &files {
            merged = merged.merge(read_file(file)?).map_err(|e| SourceError::Unreadable {
                file: file.clone(),
                why: e.to_string(),
            })?;
        }
        let in_cluster = files.is_empty() && std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
        if files.is_empty() && !in_cluster {
            let looked: Vec<String> = looked.iter().map(|p| p.display().to_string()).collect();
            return Err(SourceError::Nothing {
                looked: looked.join(", "),
            });
        }
        Ok(Self {
            files,
            merged,
            in_cluster,
        })
    }

    /// All contexts, in the order of the files.
    pub fn contexts(&self) -> Vec<ContextInfo> {
        if self.in_cluster {
            return vec![ContextInfo {
                name: IN_CLUSTER.to_owned(),
                cluster: IN_CLUSTER.to_owned(),
                user: "the pod's service account".to_owned(),
                namespace: String::new(),
                server: String::new(),
                insecure: false,
                current: true,
            }];
        }
        self.merged.contexts.iter().map(|c| self.info(c)).collect()
    }

    fn info(&self, named: &kube::config::NamedContext) -> ContextInfo {
        let context = named.context.clone().unwrap_or_default();
        let cluster = self.cluster(&context.cluster);
        ContextInfo {
            name: named.name.clone(),
            server: cluster.and_then(|c| c.server.clone()).unwrap_or_default(),
            insecure: cluster.and_then(|c| c.insecure_skip_tls_verify).unwrap_or(false),
            cluster: context.cluster,
            user: context.user.unwrap_or_default(),
            namespace: context.namespace.unwrap_or_default(),
            current: self.merged.current_context.as_deref() == Some(&*named.name),
        }
    }

    fn cluster(&self, name: &str) -> Option<&kube::config::Cluster> {
        let named = self.merged.clusters.iter().find(|c| c.name == name)?;
        named.cluster.as_ref()
    }

    /// URL of a context's API server, and the name that its certificate must have if that is another.
    pub fn server_of(&self, context: &str) -> Option<(&str, Option<&str>)> {
        let named = self.merged.contexts.iter().find(|c| c.name == context)?;
        let cluster = self.cluster(&named.context.as_ref()?.cluster)?;
        Some((cluster.server.as_deref()?, cluster.tls_server_name.as_deref()))
    }

    /// What a context needs to connect. Reads certificate files, so it blocks.
    pub(super) fn find(&self, wanted: Option<&str>) -> Result<Found, SourceError> {
        if self.in_cluster {
            return Self::find_in_cluster();
        }
        let name = wanted
            .map(ToOwned::to_owned)
            .or_else(|| self.merged.current_context.clone())
            .unwrap_or_default();
        let Some(named) = self
            .merged
            .contexts
            .iter()
            .find(|c| c.name == name && c.context.is_some())
        else {
            return Err(SourceError::NoContext {
                wanted: name,
                have: self.merged.contexts.iter().map(|c| c.name.clone()).collect(),
            });
        };
        let info = self.info(named);
        let incomplete = |why: String| SourceError::Incomplete {
            context: name.clone(),
            why,
        };
        let Some(cluster) = self.cluster(&info.cluster) else {
            return Err(incomplete(format!("no file defines its cluster {}", info.cluster)));
        };
        if info.server.is_empty() {
            return Err(incomplete(format!("cluster {} has no server", info.cluster)));
        }
        // kube must never see what it would run or read by itself, blocking.
        let mut merged = self.merged.clone();
        let mut source = Source::Fixed;
        if let Some(user) = merged.auth_infos.iter_mut().find(|u| u.name == info.user)
            && let Some(auth) = user.auth_info.as_mut()
        {
            if let Some(provider) = &auth.auth_provider
                && provider.name != "oidc"
            {
                return Err(incomplete(format!(
                    "user {} has the auth-provider {}, which Kubernetes removed in 1.26: use an exec plugin",
                    info.user, provider.name
                )));
            }
            let exec = auth.exec.take();
            let file = auth.token_file.take();
            if auth.token.is_none() && auth.username.is_none() {
                if let Some(file) = file {
                    source = Source::TokenFile(file.into());
                } else if let Some(exec) = exec {
                    let about = ExecAuthCluster::try_from(cluster).map_err(|e| incomplete(e.to_string()))?;
                    let plugin = Plugin::of(&exec, Some(&about)).map_err(|e: ExecError| incomplete(e.to_string()))?;
                    source = Source::Plugin(plugin);
                }
            }
        } else if !info.user.is_empty() {
            return Err(incomplete(format!("no file defines its user {}", info.user)));
        }
        let proxy = proxy_of(cluster.proxy_url.as_deref(), &info.server, |name| {
            std::env::var(name).ok()
        });
        let options = KubeConfigOptions {
            context: Some(name.clone()),
            ..KubeConfigOptions::default()
        };
        // Not async in truth: it only reads certificate files.
        let made = futures_util::FutureExt::now_or_never(Config::from_custom_kubeconfig(merged, &options));
        let Some(made) = made else {
            return Err(incomplete("its files could not be read at once".to_owned()));
        };
        let mut config = made.map_err(|e| incomplete(e.to_string()))?;
        config.proxy_url = match proxy {
            None => None,
            Some(url) => Some(
                url.parse()
                    .map_err(|_| incomplete("its proxy-url (or HTTPS_PROXY) is not a URL".to_owned()))?,
            ),
        };
        Ok(Found {
            config,
            source,
            context: info,
        })
    }

    fn find_in_cluster() -> Result<Found, SourceError> {
        let mut config = Config::incluster_env().map_err(|e| SourceError::Incomplete {
            context: IN_CLUSTER.to_owned(),
            why: e.to_string(),
        })?;
        let source = match config.auth_info.token_file.take() {
            Some(file) => Source::TokenFile(file.into()),
            None => Source::Fixed,
        };
        let context = ContextInfo {
            name: IN_CLUSTER.to_owned(),
            cluster: IN_CLUSTER.to_owned(),
            user: "service account".to_owned(),
            namespace: config.default_namespace.clone(),
            server: config.cluster_url.to_string(),
            insecure: false,
            current: true,
        };
        Ok(Found {
            config,
            source,
            context,
        })
    }
}

fn read_file(file: &Path) -> Result<Kubeconfig, SourceError> {
    let unreadable = |why: String| SourceError::Unreadable {
        file: file.to_owned(),
        why,
    };
    let bytes = std::fs::read(file).map_err(|e| unreadable(e.to_string()))?;
    if let Ok(text) = std::str::from_utf8(&bytes) {
        check_shape(file, text)?;
    }
    // kube's own text quotes the file, and with it secrets: only its kind is told.
    Kubeconfig::read_from(file).map_err(|e| match e {
        kube::config::KubeconfigError::Parse(_) => unreadable("it is not a kubeconfig".to_owned()),
        e => unreadable(e.to_string()),
    })
}

/// Says where a file is malformed. kube's parser cannot: it buffers everything to keep unknown fields.
fn check_shape(file: &Path, text: &str) -> Result<(), SourceError> {
    for document in serde_yaml_ng::Deserializer::from_str(text) {
        if let Err(e) = <Option<shape::File> as serde::Deserialize>::deserialize(document) {
            let (line, column) = e.location().map_or((1, 1), |l| (l.line(), l.column()));
            return Err(SourceError::Malformed {
                file: file.to_owned(),
                line,
                column,
                why: quoted_hidden(&e.to_string()),
            });
        }
    }
    Ok(())
}

/// The parser's sentence without the values that it quotes, and without its own mention of the place.
fn quoted_hidden(text: &str) -> String {
    let text = text.split(" at line ").next().unwrap_or_default();
    let mut out = String::new();
    for (i, part) in text.split('"').enumerate() {
        out.push_str(if i % 2 == 0 { part } else { "…" });
    }
    out
}

/// The fields of a kubeconfig that have a type to get wrong.
#[allow(dead_code)]
mod shape {
    use serde::Deserialize;

    #[derive(Deserialize)]
    pub struct File {
        clusters: Option<Vec<Cluster>>,
        users: Option<Vec<User>>,
        contexts: Option<Vec<Context>>,
        #[serde(rename = "current-context")]
        current: Option<String>,
    }

    #[derive(Deserialize)]
    struct Cluster {
        name: String,
        cluster: Option<ClusterBody>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct ClusterBody {
        server: Option<String>,
        insecure_skip_tls_verify: Option<bool>,
        certificate_authority: Option<String>,
        certificate_authority_data: Option<String>,
        proxy_url: Option<String>,
        tls_server_name: Option<String>,
    }

    #[derive(Deserialize)]
    struct User {
        name: String,
        user: Option<UserBody>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct UserBody {
        token: Option<String>,
        #[serde(rename = "tokenFile")]
        token_file: Option<String>,
        client_certificate: Option<String>,
        client_certificate_data: Option<String>,
        client_key: Option<String>,
        client_key_data: Option<String>,
        username: Option<String>,
        password: Option<String>,
        exec: Option<Exec>,
    }

    #[derive(Deserialize)]
    struct Exec {
        #[serde(rename = "apiVersion")]
        version: Option<String>,
        command: Option<String>,
        args: Option<Vec<String>>,
        env: Option<Vec<EnvVar>>,
        #[serde(rename = "interactiveMode")]
        mode: Option<Mode>,
    }

    #[derive(Deserialize)]
    struct EnvVar {
        name: String,
        value: Option<String>,
    }

    #[derive(Deserialize)]
    enum Mode {
        Never,
        IfAvailable,
        Always,
    }

    #[derive(Deserialize)]
    struct Context {
        name: String,
        context: Option<ContextBody>,
    }

    #[derive(Deserialize)]
    struct ContextBody {
        cluster: String,
        user: Option<String>,
        namespace: Option<String>,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters:\n- name: c\n  cluster: {server: \"https://10.0.0.1:6443\", insecure-skip-tls-verify: true}\ncontexts:\n- name: a\n  context: {cluster: c, user: u, namespace: cortex}\nusers:\n- name: u\n  user: {token: first}\n";
    const TWO: &str = "current-context: b\nclusters:\n- name: d\n  cluster: {server: \"https://10.0.0.2\", proxy-url: \"http://proxy:1\"}\ncontexts:\n- name: a\n  context: {cluster: d}\n- name: b\n  context: {cluster: d, user: x}\nusers:\n- name: u\n  user: {token: second}\n";

    fn files() -> (tempfile::TempDir, std::ffi::OsString) {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        std::fs::write(&one, ONE).unwrap();
        std::fs::write(&two, TWO).unwrap();
        let list = std::env::join_paths([one, dir.path().join("missing"), two]).unwrap();
        (dir, list)
    }

    #[test]
    fn listed_files_merge_and_the_first_wins() {
        let (_dir, list) = files();
        let k = Kubeconfigs::read(None, Some(&list), None).unwrap();
        let contexts = k.contexts();
        let names: Vec<_> = contexts.iter().map(|c| (&*c.name, &*c.cluster, c.current)).collect();
        assert_eq!(names, [("a", "c", true), ("b", "d", false)]);
        assert!(contexts[0].insecure);
        let found = k.find(None).unwrap();
        assert_eq!(found.context.namespace, "cortex");
        assert!(found.config.accept_invalid_certs);
        let SourceError::Incomplete { why, .. } = k.find(Some("b")).err().unwrap() else {
            panic!("an undefined user is an error")
        };
        assert_eq!(why, "no file defines its user x");
        let said = k.find(Some("zzz")).err().unwrap().to_string();
        assert_eq!(said, "the kubeconfig has no context zzz: there are a, b");
    }

    #[test]
    fn a_malformed_file_is_told_with_its_place_and_without_its_secrets() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config");
        let cases = [
            ("clusters:\n- name: a\n  cluster:\n    server: x\n   bad: [", 5),
            ("users:\n- name: u\n  user:\n    token: [hunter2, b]\n", 4),
            ("users:\n- name: u\n  user:\n    exec:\n      env: \"hunter2\"\n", 5),
        ];
        for (text, at) in cases {
            std::fs::write(&file, text).unwrap();
            let error = Kubeconfigs::read(Some(&file), None, None).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
            let SourceError::Malformed { line, column, .. } = error else {
                panic!("{error}")
            };
            assert_eq!(line, at, "{text}");
            assert!(column > 0);
        }
    }

    #[test]
    fn nothing_found_says_where_it_looked() {
        let said = Kubeconfigs::read(None, None, Some(Path::new("/nowhere")))
            .unwrap_err()
            .to_string();
        assert!(said.contains("/nowhere/.kube/config"), "{said}");
    }
}
