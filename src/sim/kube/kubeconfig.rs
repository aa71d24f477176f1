//! A kubeconfig for the server's users: one context a user, the CA and credentials embedded.

use super::rbac::User;
use super::tls::Identity;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// What goes into the file.
#[derive(Debug)]
pub struct Kubeconfig<'a> {
    /// Cluster name; the first user's context has this name, others `NAME-USER`.
    pub name: &'a str,
    /// `https://127.0.0.1:PORT`
    pub url: &'a str,
    /// CA certificate, PEM.
    pub ca: &'a str,
    /// Namespace of the contexts.
    pub namespace: &'a str,
    /// Who connects by token.
    pub users: &'a [User],
    /// A context `NAME-cert` with this client certificate.
    pub certificate: Option<&'a Identity>,
}

impl Kubeconfig<'_> {
    /// The document (JSON, which is YAML).
    pub fn text(&self) -> String {
        let mut contexts = Vec::new();
        let mut users = Vec::new();
        let mut add = |context: String, user: String, credentials: Value| {
            contexts.push(json!({"name": context, "context": {
                "cluster": self.name, "user": user, "namespace": self.namespace}}));
            users.push(json!({"name": user, "user": credentials}));
        };
        for (at, user) in self.users.iter().enumerate() {
            let context = if at == 0 {
                self.name.to_owned()
            } else {
                format!("{}-{}", self.name, user.name)
            };
            add(context, user.name.clone(), json!({"token": user.token}));
        }
        add(
            format!("{}-expired", self.name),
            "expired".to_owned(),
            json!({"token": "expired-token"}),
        );
        if let Some(identity) = self.certificate {
            let credentials = json!({
                "client-certificate-data": STANDARD.encode(&identity.certificate),
                "client-key-data": STANDARD.encode(&identity.key),
            });
            add(format!("{}-cert", self.name), "cert".to_owned(), credentials);
        }
        let document = json!({
            "apiVersion": "v1", "kind": "Config", "preferences": {}, "current-context": self.name,
            "clusters": [{"name": self.name, "cluster": {
                "server": self.url, "certificate-authority-data": STANDARD.encode(self.ca)}}],
            "contexts": contexts, "users": users,
        });
        serde_yaml_ng::to_string(&document).unwrap_or_else(|_| document.to_string())
    }

    /// Writes it so that only its owner can read it.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(self.text().as_bytes())
    }
}
