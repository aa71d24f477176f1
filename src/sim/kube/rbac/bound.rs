//! Rules of Roles that somebody wrote, beside the built-in ones.

use super::Access;

/// One rule of a Role (in its namespace) or of a ClusterRole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoundRule {
    /// `None`: of a ClusterRole, for everything.
    pub namespace: Option<String>,
    pub verbs: Vec<String>,
    pub groups: Vec<String>,
    /// `pods`, `pods/log`.
    pub resources: Vec<String>,
    /// Empty: any object.
    pub names: Vec<String>,
}

impl BoundRule {
    pub(super) fn allows(&self, access: &Access<'_>, target: &str) -> bool {
        let has = |list: &[String], word: &str| list.iter().any(|w| w == word);
        self.namespace.as_deref().is_none_or(|n| n == access.namespace)
            && has(&self.verbs, access.verb)
            && has(&self.groups, access.group)
            && has(&self.resources, target)
            && (self.names.is_empty() || has(&self.names, access.name))
    }
}
