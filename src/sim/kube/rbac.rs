//! Who may do what: users, roles, and the access reviews that answer in accord with what requests do.

mod bound;
mod rules;

pub use bound::BoundRule;
use rules::{CERT_MANAGER_EDIT, CERT_MANAGER_VIEW, EDIT, EVERYONE, EVERYONE_PATHS, KEDA_EDIT, KEDA_VIEW, Rule, VIEW};

use super::status::{Status, details};
use serde_json::{Value, json};

/// Somebody who may connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// As `admin`.
    pub name: String,
    /// As `u-1`.
    pub uid: String,
    /// Groups besides `system:authenticated`.
    pub group: String,
    /// Its bearer token.
    pub token: String,
    /// What it may do.
    pub role: Role,
}

/// What a user may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Admin,
    /// ClusterRole `view` in every namespace.
    View,
    /// ClusterRole `edit` in these namespaces only.
    Edit(Vec<String>),
    /// Nothing beyond asking what it may do.
    Nothing,
    /// What Roles and ClusterRoles of somebody's own allow.
    Bound(Vec<BoundRule>),
}

/// What is asked for: a verb on a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access<'a> {
    /// get, list, watch, create, update, patch, delete, deletecollection
    pub verb: &'a str,
    /// API group; empty for core.
    pub group: &'a str,
    /// Plural.
    pub resource: &'a str,
    /// Empty for none.
    pub subresource: &'a str,
    /// Empty: cluster scope, or all namespaces.
    pub namespace: &'a str,
    /// Empty for none.
    pub name: &'a str,
}

impl Access<'_> {
    fn target(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.to_owned()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }

    /// The 403 that the server gives, word for word.
    pub fn forbidden(&self, user: &User) -> Status {
        let qualified = if self.group.is_empty() {
            self.resource.to_owned()
        } else {
            format!("{}.{}", self.resource, self.group)
        };
        let about = if self.name.is_empty() {
            qualified
        } else {
            format!("{qualified} \"{}\"", self.name)
        };
        let place = if self.namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace \"{}\"", self.namespace)
        };
        let message = format!(
            "{about} is forbidden: User \"{}\" cannot {} resource \"{}\" in API group \"{}\" {place}",
            user.name,
            self.verb,
            self.target(),
            self.group
        );
        let mut status = Status::new(403, "Forbidden", message);
        status.details = Some(details(self.name, self.group, self.resource));
        status
    }
}

impl User {
    fn new(name: &str, uid: &str, group: &str, role: Role) -> Self {
        Self {
            name: name.into(),
            uid: uid.into(),
            group: group.into(),
            token: format!("{name}-token"),
            role,
        }
    }

    /// admin, viewer, operator, nobody: of the recordings. `operator` edits in `namespaces`.
    pub fn standard(namespaces: &[String]) -> Vec<Self> {
        vec![
            Self::new("admin", "u-1", "system:masters", Role::Admin),
            Self::new("viewer", "u-2", "lab:viewers", Role::View),
            Self::new("operator", "u-3", "lab:operators", Role::Edit(namespaces.to_vec())),
            Self::new("nobody", "u-4", "lab:nobody", Role::Nothing),
        ]
    }

    /// What the charts of cert-manager and KEDA add to `view` and `edit`.
    fn rules_of_charts(&self, namespace: &str) -> Vec<&'static [Rule]> {
        match &self.role {
            Role::View => vec![CERT_MANAGER_VIEW, KEDA_VIEW],
            Role::Edit(namespaces) if namespaces.iter().any(|n| n == namespace) => {
                vec![CERT_MANAGER_VIEW, CERT_MANAGER_EDIT, KEDA_VIEW, KEDA_EDIT]
            }
            Role::Admin | Role::Nothing | Role::Edit(_) | Role::Bound(_) => Vec::new(),
        }
    }

    fn rules(&self, namespace: &str) -> Vec<&'static [Rule]> {
        match &self.role {
            Role::View => vec![VIEW],
            Role::Edit(namespaces) if namespaces.iter().any(|n| n == namespace) => vec![VIEW, EDIT],
            Role::Admin | Role::Nothing | Role::Edit(_) | Role::Bound(_) => Vec::new(),
        }
    }

    /// Why it may, or `None` when it may not.
    pub fn allowed(&self, access: &Access<'_>) -> Option<String> {
        let target = access.target();
        if self.role == Role::Admin {
            return Some(String::new());
        }
        if EVERYONE.iter().any(|r| r.allows(access, &target)) {
            return Some(
                "RBAC: allowed by ClusterRoleBinding \"system:basic-user\" of ClusterRole \"system:basic-user\" to Group \"system:authenticated\"".into(),
            );
        }
        if let Role::Bound(rules) = &self.role {
            return rules
                .iter()
                .any(|r| r.allows(access, &target))
                .then(|| "RBAC: allowed by a role of its own".to_owned());
        }
        self.rules(access.namespace)
            .iter()
            .chain(self.rules_of_charts(access.namespace).iter())
            .any(|rules| rules.iter().any(|r| r.allows(access, &target)))
            .then(|| match &self.role {
                Role::View => format!(
                    "RBAC: allowed by ClusterRoleBinding \"lab-viewers\" of ClusterRole \"view\" to Group \"{}\"",
                    self.group
                ),
                _ => format!(
                    "RBAC: allowed by RoleBinding \"lab-operators/{}\" of ClusterRole \"edit\" to Group \"{}\"",
                    access.namespace, self.group
                ),
            })
    }

    /// The `status` of a SelfSubjectRulesReview.
    pub fn rules_review(&self, namespace: &str) -> Value {
        let mut rules: Vec<Value> = Vec::new();
        let mut paths: Vec<Value> = Vec::new();
        if self.role == Role::Admin {
            rules.push(json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}));
            paths.push(json!({"verbs": ["*"], "nonResourceURLs": ["*"]}));
        }
        rules.extend(self.rules(namespace).into_iter().flatten().map(Rule::value));
        rules.extend(EVERYONE.iter().map(Rule::value));
        paths.extend(
            EVERYONE_PATHS
                .iter()
                .map(|p| json!({"verbs": ["get"], "nonResourceURLs": p})),
        );
        json!({"resourceRules": rules, "nonResourceRules": paths, "incomplete": false})
    }

    /// The `status.userInfo` of a SelfSubjectReview.
    pub fn info(&self) -> Value {
        json!({"username": self.name, "uid": self.uid, "groups": [self.group, "system:authenticated"]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_edits_in_its_namespace_only() {
        let users = User::standard(&["cortex".to_owned()]);
        let operator = users.iter().find(|u| u.name == "operator").unwrap();
        let scale = |namespace| Access {
            verb: "patch",
            group: "apps",
            resource: "deployments",
            subresource: "scale",
            namespace,
            name: "x",
        };
        assert!(operator.allowed(&scale("cortex")).is_some());
        assert!(operator.allowed(&scale("other")).is_none());
        assert_eq!(
            scale("other").forbidden(operator).message,
            "deployments.apps \"x\" is forbidden: User \"operator\" cannot patch resource \"deployments/scale\" in API group \"apps\" in the namespace \"other\""
        );
    }
}
