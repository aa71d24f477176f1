//! Nodes, and what metrics.k8s.io says of pods and nodes.

use std::sync::Arc;

use super::{Condition, Meta, Str};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub meta: Meta,
    pub ready: bool,
    pub cordoned: bool,
    pub conditions: Arc<[Condition]>,
    pub version: Str,
    pub roles: Str,
    /// Allocatable, in millicores and bytes.
    pub cpu_m: u64,
    pub memory: u64,
}

/// What a pod or node uses now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Usage {
    /// Millicores.
    pub cpu_m: u64,
    /// Bytes (working set).
    pub memory: u64,
}
