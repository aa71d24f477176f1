//! What a change is about: a Kubernetes object, or something of another source.

use serde::{Deserialize, Serialize};

use crate::model::{ObjectRef, SourceId, Str, text};

/// What a step changes, frozen at the key press.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Target {
    Object(ObjectRef),
    Thing(Thing),
    Program(Program),
}

/// A program of this machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Program {
    pub program: String,
}

/// Something of a source beside Kubernetes, for good: what is another thing of the same name has another `id`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Thing {
    pub source: SourceId,
    /// `table`, `session`, `queue`, `alert`: stable, for the journal.
    #[serde(with = "text")]
    pub kind: Str,
    /// What it lives in: a database, a key prefix. Empty: the server itself.
    #[serde(with = "text")]
    pub within: Str,
    #[serde(with = "text")]
    pub name: Str,
    /// When a session began, a table's OID; empty when nothing tells two of one name apart.
    #[serde(with = "text")]
    pub id: Str,
}

impl Target {
    pub const fn object(&self) -> Option<&ObjectRef> {
        match self {
            Self::Object(object) => Some(object),
            Self::Thing(_) | Self::Program(_) => None,
        }
    }

    /// `Deployment`, or `table`: for the journal.
    pub fn kind(&self) -> &str {
        match self {
            Self::Object(object) => object.kind.api(),
            Self::Thing(thing) => &thing.kind,
            Self::Program(_) => "program",
        }
    }

    /// The namespace; for a thing `source/within`. It is the middle of the path that a person types for R3.
    pub fn namespace(&self) -> String {
        match self {
            Self::Object(object) => object.namespace.to_string(),
            Self::Thing(thing) if thing.within.is_empty() => thing.source.name.to_string(),
            Self::Thing(thing) => format!("{}/{}", thing.source.name, thing.within),
            Self::Program(_) => "local".to_owned(),
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Object(object) => &object.name,
            Self::Thing(thing) => &thing.name,
            Self::Program(program) => &program.program,
        }
    }

    pub fn id(&self) -> &str {
        match self {
            Self::Object(object) => &object.uid,
            Self::Thing(thing) => &thing.id,
            Self::Program(_) => "",
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Object(object) => object.fmt(f),
            Self::Thing(thing) => write!(f, "{} {}/{}", thing.kind, self.namespace(), thing.name),
            Self::Program(program) => write!(f, "program {}", program.program),
        }
    }
}

impl From<ObjectRef> for Target {
    fn from(object: ObjectRef) -> Self {
        Self::Object(object)
    }
}

impl From<&ObjectRef> for Target {
    fn from(object: &ObjectRef) -> Self {
        Self::Object(object.clone())
    }
}

impl From<Thing> for Target {
    fn from(thing: Thing) -> Self {
        Self::Thing(thing)
    }
}

impl PartialEq<ObjectRef> for Target {
    fn eq(&self, other: &ObjectRef) -> bool {
        self.object() == Some(other)
    }
}
