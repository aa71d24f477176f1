//! What is typed about one object, before its plan.

use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectPrompt {
    /// Requests and limits of this container.
    Resources {
        container: String,
    },
    /// A ConfigMap's value.
    Config {
        key: String,
        seen: Option<String>,
    },
    /// A Secret's value: nothing of it is drawn.
    Secret {
        key: String,
    },
    /// The files of a certificate and its key.
    Tls,
    Weight {
        seen: u32,
    },
    /// The labels of the other side.
    Labels {
        seen: BTreeMap<String, String>,
    },
    /// The image of a Job from a template.
    Image {
        template: String,
    },
}
