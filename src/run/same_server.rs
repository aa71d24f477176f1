//! Which platforms of the configuration a server is, by whatever context it was reached: what is declared of one of them
//! (its class, its freezes) holds for the server, and no second context of the kubeconfig lifts it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::config::Config;
use crate::feed::kube::{Cluster, Kubeconfigs, source::IN_CLUSTER};

/// The names of the platforms whose contexts lead to the server that this cluster is at, its own among them. A kubeconfig
/// that cannot be read leads nowhere.
pub async fn platforms_at(config: &Config, cluster: &Cluster) -> Vec<String> {
    let mut files: BTreeMap<Option<PathBuf>, Option<Kubeconfigs>> = BTreeMap::new();
    let mut found = Vec::new();
    for platform in &config.platforms {
        if platform.name == cluster.place().platform {
            found.push(platform.name.clone());
            continue;
        }
        let file = config.asked.kubeconfig.clone().or_else(|| platform.kubeconfig.clone());
        if !files.contains_key(&file) {
            files.insert(file.clone(), Kubeconfigs::load(file.clone()).await.ok());
        }
        let read = files.get(&file).and_then(Option::as_ref);
        if read.is_some_and(|all| leads(all, platform.context.as_deref(), cluster)) {
            found.push(platform.name.clone());
        }
    }
    found
}

/// Whether that context, or the current one where none is named, leads to the server that this cluster is at.
fn leads(all: &Kubeconfigs, context: Option<&str>, cluster: &Cluster) -> bool {
    let in_pod = |name: &str| name == IN_CLUSTER && cluster.place().context == IN_CLUSTER;
    all.contexts()
        .iter()
        .filter(|c| context.map_or(c.current, |name| c.name == name))
        .any(|c| cluster.is_at(&c.server) || in_pod(&c.name))
}
