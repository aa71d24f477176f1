//! Label selectors (`matchLabels` and `matchExpressions`).

use std::sync::Arc;

use super::Str;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requirement {
    In(Str, Arc<[Str]>),
    NotIn(Str, Arc<[Str]>),
    Exists(Str),
    Absent(Str),
}

/// All requirements must hold. An empty selector matches nothing here: that is what a PodDisruptionBudget of
/// policy/v1 with `{}` does not do, and what every workload's selector never is.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Selector {
    pub all: Arc<[Requirement]>,
}

impl Selector {
    pub fn matches(&self, labels: &[(Str, Str)]) -> bool {
        let value = |key: &str| labels.iter().find(|(k, _)| &**k == key).map(|(_, v)| &**v);
        !self.all.is_empty()
            && self.all.iter().all(|r| match r {
                Requirement::In(k, vs) => value(k).is_some_and(|v| vs.iter().any(|x| &**x == v)),
                Requirement::NotIn(k, vs) => value(k).is_none_or(|v| vs.iter().all(|x| &**x != v)),
                Requirement::Exists(k) => value(k).is_some(),
                Requirement::Absent(k) => value(k).is_none(),
            })
    }

    /// As a `labelSelector` query value: `app=web,tier in (a,b)`.
    pub fn query(&self) -> String {
        let list = |vs: &[Str]| vs.iter().map(|v| &**v).collect::<Vec<_>>().join(",");
        self.all
            .iter()
            .map(|r| match r {
                Requirement::In(k, vs) if vs.len() == 1 => format!("{k}={}", list(vs)),
                Requirement::In(k, vs) => format!("{k} in ({})", list(vs)),
                Requirement::NotIn(k, vs) => format!("{k} notin ({})", list(vs)),
                Requirement::Exists(k) => k.to_string(),
                Requirement::Absent(k) => format!("!{k}"),
            })
            .collect::<Vec<_>>()
            .join(",")
    }
}
