//! Who we are for the server, what we may do there, and what a role would have to add.

use futures_util::StreamExt as _;
use serde::Deserialize;

use super::connect::Cluster;
use super::fault::{Fault, FaultKind};
use super::rights::Right;
use super::wire;

/// Reviews asked at the same time.
const AT_ONCE: usize = 8;

/// One thing that we might want to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ask {
    pub verb: String,
    /// Empty for core.
    pub group: String,
    pub resource: String,
    /// Empty for the resource itself.
    pub subresource: String,
    /// Empty for all namespaces, and for what lives in none.
    pub namespace: String,
    /// Empty for any object.
    pub name: String,
}

impl Ask {
    pub fn new(verb: &str, group: &str, resource: &str, subresource: &str, namespace: &str) -> Self {
        Self {
            verb: verb.to_owned(),
            group: group.to_owned(),
            resource: resource.to_owned(),
            subresource: subresource.to_owned(),
            namespace: namespace.to_owned(),
            name: String::new(),
        }
    }

    /// `pods/eviction`.
    fn full_resource(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }
}

/// The server's answer to one [`Ask`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    Yes,
    /// The server's reason, often empty.
    No(String),
    /// It could not be asked.
    Unknown(String),
}

/// How the server names us.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Identity {
    pub user: String,
    pub groups: Vec<String>,
}

/// Asks the server who we are. `None` when it cannot say (it can from 1.28 on).
///
/// # Errors
/// When the server cannot be reached or refuses the credentials.
pub async fn who_am_i(cluster: &Cluster) -> Result<Option<Identity>, Fault> {
    #[derive(Deserialize)]
    struct Answer {
        status: Option<AnswerStatus>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct AnswerStatus {
        user_info: UserInfo,
    }
    #[derive(Deserialize)]
    struct UserInfo {
        #[serde(default)]
        username: String,
        #[serde(default)]
        groups: Vec<String>,
    }
    let body = serde_json::json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    match wire::ask::<Answer>(cluster.reader(), path, &body).await {
        Ok(answer) => Ok(answer.status.map(|s| Identity {
            user: s.user_info.username,
            groups: s.user_info.groups,
        })),
        Err(f) if matches!(f.kind, FaultKind::Absent | FaultKind::Forbidden) => Ok(None),
        Err(f) => Err(f),
    }
}

/// Whether the server has a namespace of that name; `None` where it does not say.
pub async fn has_namespace(cluster: &Cluster, name: &str) -> Option<bool> {
    let path = format!("/api/v1/namespaces/{}", wire::escape(name));
    match wire::json::<serde::de::IgnoredAny>(cluster.reader(), &path).await {
        Ok(_) => Some(true),
        Err(f) if f.kind == FaultKind::Absent => Some(false),
        Err(_) => None,
    }
}

/// Asks for one right.
pub async fn may(cluster: &Cluster, ask: &Ask) -> Allowed {
    #[derive(Deserialize)]
    struct Answer {
        status: AnswerStatus,
    }
    #[derive(Deserialize)]
    struct AnswerStatus {
        allowed: bool,
        #[serde(default)]
        reason: String,
    }
    let mut attributes = serde_json::Map::new();
    for (name, value) in [
        ("verb", &ask.verb),
        ("group", &ask.group),
        ("resource", &ask.resource),
        ("subresource", &ask.subresource),
        ("namespace", &ask.namespace),
        ("name", &ask.name),
    ] {
        if !value.is_empty() {
            attributes.insert(name.to_owned(), value.as_str().into());
        }
    }
    let body = serde_json::json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    match wire::ask::<Answer>(cluster.reader(), path, &body).await {
        Ok(answer) if answer.status.allowed => Allowed::Yes,
        Ok(answer) => Allowed::No(answer.status.reason),
        Err(f) => Allowed::Unknown(f.say),
    }
}

/// Asks for several rights; the answers in the order of the questions.
pub async fn review(cluster: &Cluster, asks: &[Ask]) -> Vec<Allowed> {
    futures_util::stream::iter(asks.iter().map(|ask| may(cluster, ask)))
        .buffered(AT_ONCE)
        .collect()
        .await
}

/// What is the matter with one thing that the console needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckState {
    Ok,
    /// The rule that a role would have to gain.
    Missing {
        grant: String,
    },
    Unreachable {
        why: String,
    },
    Unknown {
        why: String,
    },
    /// The server does not have it: nothing that a right would change.
    Absent {
        why: String,
    },
    /// As it should be, and this is to be said of it.
    Said {
        what: String,
    },
    /// A file is not as it must be, so that something else holds in its place.
    Wrong {
        why: String,
    },
}

/// One line of `qd check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRow {
    /// `kubernetes prod-eu`.
    pub source: String,
    /// `watch pods in cortex`.
    pub what: String,
    /// Without it the console is useless, rather than poorer.
    pub needed: bool,
    pub state: CheckState,
}

/// The RBAC rule that allows `verbs` on what `ask` is about, on one line, with the kind of role that it belongs in.
pub fn grant_line(ask: &Ask, verbs: &[&str]) -> String {
    let verbs = verbs.iter().map(|v| format!("{v:?}")).collect::<Vec<_>>().join(", ");
    let place = if ask.namespace.is_empty() {
        "a ClusterRole".to_owned()
    } else {
        format!("a Role in {}", ask.namespace)
    };
    format!("{} in {place}", rule(ask, &verbs))
}

/// The rule itself, as it stands in a role: `{apiGroups: [""], resources: ["pods"], verbs: ["list"]}`.
pub fn rule_line(ask: &Ask, verbs: &[&str]) -> String {
    let verbs = verbs.iter().map(|v| format!("{v:?}")).collect::<Vec<_>>().join(", ");
    rule(ask, &verbs)
}

fn rule(ask: &Ask, verbs: &str) -> String {
    let names = if ask.name.is_empty() {
        String::new()
    } else {
        format!("resourceNames: [{:?}], ", ask.name)
    };
    format!(
        "{{apiGroups: [{:?}], resources: [{:?}], {names}verbs: [{verbs}]}}",
        ask.group,
        ask.full_resource()
    )
}

/// Asks for all of `wants`: is the server there, who are we, and may we do each of them.
pub async fn check(cluster: &Cluster, wants: &[Right]) -> Vec<CheckRow> {
    let source = format!("kubernetes {}", cluster.place().platform);
    let row = |what: String, needed: bool, state: CheckState| CheckRow {
        source: source.clone(),
        what,
        needed,
        state,
    };
    let mut rows = Vec::new();
    let version: Result<serde_json::Value, Fault> = wire::json(cluster.reader(), "/version").await;
    match &version {
        Ok(v) => {
            let version = v
                .get("gitVersion")
                .and_then(|g| g.as_str())
                .unwrap_or("of unknown version");
            let what = format!("API server {} {version}", cluster.place().server);
            rows.push(row(what, true, CheckState::Ok));
        }
        Err(f) if f.kind == FaultKind::Forbidden => {
            rows.push(row(
                format!("API server {}", cluster.place().server),
                true,
                CheckState::Ok,
            ));
        }
        Err(f) => {
            let state = CheckState::Unreachable { why: f.say.clone() };
            rows.push(row(format!("API server {}", cluster.place().server), true, state));
            return rows;
        }
    }
    match who_am_i(cluster).await {
        Ok(Some(who)) => rows.push(row(format!("signed in as {}", who.user), false, CheckState::Ok)),
        Ok(None) => {
            let why = "the server does not say (it does from Kubernetes 1.28 on)".to_owned();
            rows.push(row("signed in".to_owned(), false, CheckState::Unknown { why }));
        }
        Err(f) => {
            rows.push(row(
                "signed in".to_owned(),
                true,
                CheckState::Unreachable { why: f.say },
            ));
            return rows;
        }
    }
    let asks: Vec<Ask> = wants
        .iter()
        .flat_map(|right| {
            right.verbs.iter().map(|verb| Ask {
                verb: (*verb).to_owned(),
                ..right.ask.clone()
            })
        })
        .collect();
    let mut answers = review(cluster, &asks).await.into_iter();
    for Right { ask, verbs, needed } in wants {
        let answers: Vec<Allowed> = answers.by_ref().take(verbs.len()).collect();
        let place = if ask.namespace.is_empty() {
            "everywhere".to_owned()
        } else {
            format!("in {}", ask.namespace)
        };
        // The pods of metrics.k8s.io are not those of the cluster.
        let group = if ask.group == "metrics.k8s.io" {
            ".metrics.k8s.io"
        } else {
            ""
        };
        let what = format!("{} {}{group} {place}", verbs.join(", "), ask.full_resource());
        rows.push(row(what, *needed, state_of(ask, verbs, &answers)));
    }
    rows
}

fn state_of(ask: &Ask, verbs: &[&str], answers: &[Allowed]) -> CheckState {
    let refused: Vec<&str> = verbs
        .iter()
        .zip(answers)
        .filter(|(_, a)| matches!(a, Allowed::No(_)))
        .map(|(v, _)| *v)
        .collect();
    if !refused.is_empty() {
        return CheckState::Missing {
            grant: grant_line(ask, &refused),
        };
    }
    match answers.iter().find_map(|a| match a {
        Allowed::Unknown(why) => Some(why.clone()),
        _ => None,
    }) {
        Some(why) => CheckState::Unknown { why },
        None => CheckState::Ok,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_right_is_a_rule_to_paste() {
        let ask = Ask::new("", "", "pods", "log", "cortex");
        let state = state_of(&ask, &["get"], &[Allowed::No(String::new())]);
        let grant = r#"{apiGroups: [""], resources: ["pods/log"], verbs: ["get"]} in a Role in cortex"#.to_owned();
        assert_eq!(state, CheckState::Missing { grant });
        let both = [Allowed::Yes, Allowed::No(String::new())];
        let ask = Ask::new("", "apps", "deployments", "", "");
        let CheckState::Missing { grant } = state_of(&ask, &["list", "watch"], &both) else {
            panic!()
        };
        assert!(grant.ends_with(r#"verbs: ["watch"]} in a ClusterRole"#), "{grant}");
    }
}
