//! The pieces that several kinds have: text, times, metadata, conditions, selectors, containers.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use crate::feed::kube::intern::Interner;
use crate::model::{Condition, IntOrPercent, Key, Meta, Owner, Requirement, Selector, Str};

/// Text, borrowed from the JSON when it has no escapes; `null` is empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Text<'a>(Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("text")
            }

            fn visit_borrowed_str<E: Error>(self, v: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(v)))
            }

            fn visit_str<E: Error>(self, v: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(v.to_owned())))
            }

            fn visit_string<E: Error>(self, v: String) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(v)))
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Text::default())
            }
        }
        from.deserialize_any(TextVisitor)
    }
}

impl Text<'_> {
    pub fn time(&self) -> Option<Timestamp> {
        if self.is_empty() { None } else { self.parse().ok() }
    }
}

/// Go writes an empty list or struct as `null` at times.
#[derive(Debug)]
pub struct Maybe<T>(T);

impl<T: Default> Default for Maybe<T> {
    fn default() -> Self {
        Self(T::default())
    }
}

impl<T> Deref for Maybe<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Option::<T>::deserialize(from).map(|v| Self(v.unwrap_or_default()))
    }
}

/// A map of texts in the order of the JSON.
#[derive(Debug, Default)]
pub struct Pairs<'a>(pub Vec<(Text<'a>, Text<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Pairs::default())
            }
        }
        from.deserialize_any(PairsVisitor)
    }
}

impl Pairs<'_> {
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (&**k, &**v))
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(k, _)| *k == key).map(|(_, v)| v)
    }
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MetaIn<'a> {
    #[serde(borrow)]
    pub namespace: Text<'a>,
    #[serde(borrow)]
    pub name: Text<'a>,
    #[serde(borrow)]
    pub uid: Text<'a>,
    #[serde(borrow)]
    pub resource_version: Text<'a>,
    #[serde(borrow)]
    creation_timestamp: Text<'a>,
    #[serde(borrow)]
    deletion_timestamp: Text<'a>,
    #[serde(borrow)]
    pub labels: Pairs<'a>,
    #[serde(borrow)]
    pub annotations: Annotations<'a>,
    #[serde(borrow)]
    pub owner_references: Maybe<Vec<OwnerIn<'a>>>,
    pub generation: i64,
}

/// Only those that mean something to the console: the others may be long.
#[derive(Debug, Default)]
pub struct Annotations<'a> {
    pub revision: Text<'a>,
    pub change_cause: Text<'a>,
    pub restarted_at: Text<'a>,
    pub argo: Text<'a>,
    pub helm_release: Text<'a>,
    pub initial_end: Text<'a>,
    /// `kubectl apply` was here.
    pub applied: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Annotations<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize, Default)]
        #[serde(default)]
        struct Raw<'a> {
            #[serde(borrow, rename = "deployment.kubernetes.io/revision")]
            revision: Text<'a>,
            #[serde(borrow, rename = "kubernetes.io/change-cause")]
            change_cause: Text<'a>,
            #[serde(borrow, rename = "kubectl.kubernetes.io/restartedAt")]
            restarted_at: Text<'a>,
            #[serde(borrow, rename = "argocd.argoproj.io/tracking-id")]
            argo: Text<'a>,
            #[serde(borrow, rename = "meta.helm.sh/release-name")]
            helm_release: Text<'a>,
            #[serde(borrow, rename = "k8s.io/initial-events-end")]
            initial_end: Text<'a>,
            #[serde(rename = "kubectl.kubernetes.io/last-applied-configuration")]
            applied: Option<serde::de::IgnoredAny>,
        }
        let raw: Raw<'a> = Option::deserialize(from)?.unwrap_or_default();
        Ok(Self {
            revision: raw.revision,
            change_cause: raw.change_cause,
            restarted_at: raw.restarted_at,
            argo: raw.argo,
            helm_release: raw.helm_release,
            initial_end: raw.initial_end,
            applied: raw.applied.is_some(),
        })
    }
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnerIn<'a> {
    #[serde(borrow)]
    pub kind: Text<'a>,
    #[serde(borrow)]
    pub name: Text<'a>,
    #[serde(borrow)]
    pub uid: Text<'a>,
    pub controller: bool,
}

impl MetaIn<'_> {
    pub fn key(&self, intern: &mut Interner) -> Key {
        Key {
            namespace: intern.text(&self.namespace),
            name: Arc::from(&*self.name),
        }
    }

    pub fn controller(&self) -> Option<&OwnerIn<'_>> {
        self.owner_references.iter().find(|o| o.controller)
    }

    /// `key` is this object's own: its texts are shared with the row.
    pub fn row(&self, key: &Key, intern: &mut Interner) -> Meta {
        Meta {
            namespace: Arc::clone(&key.namespace),
            name: Arc::clone(&key.name),
            uid: Arc::from(&*self.uid),
            created: self.creation_timestamp.time().unwrap_or(Timestamp::UNIX_EPOCH),
            deleting: self.deletion_timestamp.time(),
            owner: self.controller().map(|o| Owner {
                kind: intern.text(&o.kind),
                name: intern.text(&o.name),
                uid: intern.text(&o.uid),
            }),
            labels: intern.labels(self.labels.iter()),
        }
    }
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConditionIn<'a> {
    #[serde(borrow)]
    pub r#type: Text<'a>,
    #[serde(borrow)]
    pub status: Text<'a>,
    #[serde(borrow)]
    pub reason: Text<'a>,
    #[serde(borrow)]
    pub message: Text<'a>,
    #[serde(borrow)]
    pub last_transition_time: Text<'a>,
    #[serde(borrow)]
    pub last_update_time: Text<'a>,
}

pub fn conditions(list: &[ConditionIn<'_>], intern: &mut Interner) -> Arc<[Condition]> {
    list.iter()
        .map(|c| Condition {
            kind: intern.text(&c.r#type),
            status: intern.text(&c.status),
            reason: intern.text(&c.reason),
            message: intern.text(&c.message),
            since: c.last_transition_time.time(),
            updated: c.last_update_time.time(),
        })
        .collect()
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SelectorIn<'a> {
    #[serde(borrow)]
    match_labels: Pairs<'a>,
    #[serde(borrow)]
    match_expressions: Maybe<Vec<ExpressionIn<'a>>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct ExpressionIn<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow)]
    operator: Text<'a>,
    #[serde(borrow)]
    values: Maybe<Vec<Text<'a>>>,
}

impl SelectorIn<'_> {
    pub fn row(&self, intern: &mut Interner) -> Selector {
        let mut all: Vec<Requirement> = self
            .match_labels
            .iter()
            .map(|(k, v)| Requirement::In(intern.text(k), [intern.text(v)].into()))
            .collect();
        for e in self.match_expressions.iter() {
            let key = intern.text(&e.key);
            let values: Arc<[Str]> = e.values.iter().map(|v| intern.text(v)).collect();
            all.push(match &*e.operator {
                "In" => Requirement::In(key, values),
                "NotIn" => Requirement::NotIn(key, values),
                "Exists" => Requirement::Exists(key),
                _ => Requirement::Absent(key),
            });
        }
        Selector { all: all.into() }
    }
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerIn<'a> {
    #[serde(borrow)]
    pub name: Text<'a>,
    #[serde(borrow)]
    pub image: Text<'a>,
    #[serde(borrow)]
    pub restart_policy: Text<'a>,
}

/// `3` or `25%`.
#[derive(Debug, Clone, Copy)]
pub struct Bound(pub IntOrPercent);

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct BoundVisitor;
        impl Visitor<'_> for BoundVisitor {
            type Value = Bound;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number or a percentage")
            }

            fn visit_u64<E: Error>(self, v: u64) -> Result<Bound, E> {
                Ok(Bound(IntOrPercent::Int(u32::try_from(v).unwrap_or(u32::MAX))))
            }

            fn visit_i64<E: Error>(self, v: i64) -> Result<Bound, E> {
                self.visit_u64(u64::try_from(v).unwrap_or(0))
            }

            fn visit_str<E: Error>(self, v: &str) -> Result<Bound, E> {
                let number = v.trim_end_matches('%').parse().unwrap_or(0);
                Ok(Bound(if v.ends_with('%') {
                    IntOrPercent::Percent(number)
                } else {
                    IntOrPercent::Int(number)
                }))
            }
        }
        from.deserialize_any(BoundVisitor)
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            IntOrPercent::Int(n) => write!(f, "{n}"),
            IntOrPercent::Percent(p) => write!(f, "{p}%"),
        }
    }
}
