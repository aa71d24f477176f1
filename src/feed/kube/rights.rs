//! What a role may do in the cluster: one list for `qd check`, which asks for each of them, and for `qd check --role`,
//! which prints them.

use super::access::Ask;
use crate::action::REGISTRY;
use crate::config::{Platform, Via};
use crate::model::{Kind, Scope};

/// Who somebody is to the servers of a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads everything that the console shows.
    Observer,
    /// Changes what the console can change, too.
    Operator,
}

impl Role {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Observer => "observer",
            Self::Operator => "operator",
        }
    }
}

/// One rule: what it is about (its verb is empty), and the verbs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    pub ask: Ask,
    pub verbs: Vec<&'static str>,
    /// Without it the console is useless, rather than poorer.
    pub needed: bool,
}

/// Everything that the role does in the scope, for the sources of the platform too. Each of them once.
pub fn rights(platform: &Platform, scope: &Scope, namespace: &str, role: Role) -> Vec<Right> {
    let places: Vec<String> = match scope {
        Scope::All => vec![String::new()],
        Scope::Namespaces(list) => list.clone(),
    };
    let mut all = Rights {
        places,
        home: namespace.to_owned(),
        list: Vec::new(),
    };
    all.observer(platform);
    if role == Role::Operator {
        all.operator(platform);
    }
    all.list
}

struct Rights {
    places: Vec<String>,
    /// The context's namespace.
    home: String,
    list: Vec<Right>,
}

const WATCH: &[&str] = &["get", "list", "watch"];

impl Rights {
    fn add(&mut self, ask: Ask, verbs: &[&'static str], needed: bool) {
        if let Some(known) = self.list.iter_mut().find(|r| r.ask == ask) {
            known.verbs.extend(verbs);
            known.verbs.sort_unstable();
            known.verbs.dedup();
            known.needed |= needed;
        } else {
            let verbs = verbs.to_vec();
            self.list.push(Right { ask, verbs, needed });
        }
    }

    /// In every namespace of the scope.
    fn each(&mut self, group: &str, resource: &str, subresource: &str, verbs: &[&'static str], needed: bool) {
        for place in self.places.clone() {
            self.add(Ask::new("", group, resource, subresource, &place), verbs, needed);
        }
    }

    fn observer(&mut self, platform: &Platform) {
        for kind in Kind::ALL {
            let needed = matches!(kind, Kind::Pod | Kind::Deployment | Kind::ReplicaSet);
            if kind.namespaced() {
                self.each(kind.group(), kind.plural(), "", WATCH, needed);
            } else {
                self.add(Ask::new("", kind.group(), kind.plural(), "", ""), WATCH, needed);
            }
        }
        self.each("", "pods", "log", &["get"], false);
        self.each("metrics.k8s.io", "pods", "", &["list"], false);
        self.add(Ask::new("", "metrics.k8s.io", "nodes", "", ""), &["list"], false);
        if platform.certificates.iter().any(|c| c.cert_manager) {
            for resource in ["certificates", "certificaterequests", "issuers"] {
                self.each("cert-manager.io", resource, "", &["get", "list"], false);
            }
            for resource in ["orders", "challenges"] {
                self.each("acme.cert-manager.io", resource, "", &["get", "list"], false);
            }
            let issuers = Ask::new("", "cert-manager.io", "clusterissuers", "", "");
            self.add(issuers, &["get", "list"], false);
        }
        if platform.certificates.iter().any(|c| c.ingress) {
            self.each("networking.k8s.io", "ingresses", "", &["get", "list"], false);
            // What a certificate's Ingress leads to: read when somebody goes there.
            self.each("", "services", "", &["get"], false);
        }
        for path in platform.cluster_secrets() {
            let parts: Vec<&str> = path.split('/').collect();
            if let [namespace, name, _] = parts.as_slice() {
                let mut ask = Ask::new("", "", "secrets", "", namespace);
                (*name).clone_into(&mut ask.name);
                self.add(ask, &["get"], true);
            }
        }
    }

    fn operator(&mut self, platform: &Platform) {
        for action in REGISTRY {
            let certificates = action.name == "renew-certificate";
            if certificates && !platform.certificates.iter().any(|c| c.cert_manager) {
                continue;
            }
            for need in action.needs {
                if need.resource == Kind::Node.plural() {
                    let everywhere = Ask::new("", need.group, need.resource, need.subresource, "");
                    self.add(everywhere, &[need.verb], false);
                    continue;
                }
                self.each(need.group, need.resource, need.subresource, &[need.verb], false);
                if need.subresource == "scale" {
                    self.each(need.group, need.resource, need.subresource, &["get"], false);
                }
            }
        }
        if platform.certificates.iter().any(|c| c.secrets) {
            self.each("", "secrets", "", &["list"], false);
        }
        for Via { namespace, .. } in platform.ways() {
            let place = namespace.clone().unwrap_or_else(|| self.home.clone());
            self.add(Ask::new("", "", "services", "", &place), &["get"], true);
            self.add(Ask::new("", "", "pods", "", &place), &["list"], true);
            self.add(
                Ask::new("", "", "pods", "portforward", &place),
                &["create", "get"],
                true,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observer_only_reads_and_an_operator_has_what_the_actions_need() {
        let platform: Platform = toml::from_str(
            "name = 'x'\n[[certificates]]\nname = 'c'\n[[redis]]\nname = 'r'\nurl = 'redis://r'\n\
             via = 'port-forward:data/svc/r:6379'\npassword = { secret = 'data/r/pw' }",
        )
        .unwrap();
        let scope = Scope::Namespaces(vec!["a".to_owned(), "b".to_owned()]);
        let observer = rights(&platform, &scope, "a", Role::Observer);
        assert!(observer.iter().all(|r| r.verbs.iter().all(|v| WATCH.contains(v))));
        let secrets: Vec<&Right> = observer.iter().filter(|r| r.ask.resource == "secrets").collect();
        assert_eq!((secrets.len(), secrets[0].ask.name.as_str()), (1, "r"));
        let operator = rights(&platform, &scope, "a", Role::Operator);
        for need in REGISTRY.iter().flat_map(|a| a.needs) {
            let places: &[&str] = if need.resource == "nodes" { &[""] } else { &["a", "b"] };
            for place in places {
                let ask = Ask::new("", need.group, need.resource, need.subresource, place);
                let right = operator.iter().find(|r| r.ask == ask).unwrap();
                assert!(right.verbs.contains(&need.verb), "{need:?}");
            }
        }
        let forward = Ask::new("", "", "pods", "portforward", "data");
        assert!(operator.iter().any(|r| r.ask == forward && r.needed));
    }
}
