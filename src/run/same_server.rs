//! Which platforms of the configuration a server is, by whatever context it was reached: what is declared of one of them
//! (its class, its freezes) holds for the server, and no second context of the kubeconfig lifts it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::config::Config;
use crate::feed::kube::{Cluster, Kubeconfigs};

/// The names of the platforms whose contexts lead to the server that this cluster is at, its own among them. A kubeconfig
/// that cannot be read leads nowhere.
pub async fn platforms_at(config: &Config, cluster: &Cluster) -> Vec<String> {
    let mut files: BTreeMap<Option<PathBuf>, Option<Kubeconfigs>> = BTreeMap::new();
    let mut found = Vec::new();
    for platform in &config.platforms {
        let own = platform.name == cluster.place().platform;
        let leads = match platform.context.as_deref() {
            Some(context) if !own => {
                let file = config.asked.kubeconfig.clone().or_else(|| platform.kubeconfig.clone());
                if !files.contains_key(&file) {
                    files.insert(file.clone(), Kubeconfigs::load(file.clone()).await.ok());
                }
                let read = files.get(&file).and_then(Option::as_ref);
                let server = read.and_then(|all| all.server_of(context));
                server.is_some_and(|(url, _)| cluster.is_at(url))
            }
            _ => false,
        };
        if own || leads {
            found.push(platform.name.clone());
        }
    }
    found
}
