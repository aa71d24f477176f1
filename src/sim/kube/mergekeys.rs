//! Which lists are maps by a key, for strategic merges and managedFields.

use serde_json::Value;

/// The merge keys of the list in field `field` whose parent field is `parent`. Empty: the list is atomic, or a set.
///
/// Source: `patchMergeKey` and `x-kubernetes-list-map-keys` of the OpenAPI of Kubernetes 1.36.
pub fn keys(parent: &str, field: &str) -> &'static [&'static str] {
    match (parent, field) {
        (_, "containers" | "initContainers" | "ephemeralContainers" | "volumes" | "env" | "imagePullSecrets") => {
            &["name"]
        }
        (_, "ownerReferences") => &["uid"],
        (_, "conditions") | ("status", "addresses") => &["type"],
        (_, "volumeMounts") => &["mountPath"],
        (_, "volumeDevices") => &["devicePath"],
        (_, "topologySpreadConstraints") => &["topologyKey", "whenUnsatisfiable"],
        (_, "hostAliases" | "podIPs" | "hostIPs") => &["ip"],
        (_, "ports") => &["containerPort", "protocol"],
        _ => &[],
    }
}

/// The keys for this very list: Service ports go by `port`, container ports by `containerPort`.
pub fn keys_of(parent: &str, field: &str, list: &[Value]) -> &'static [&'static str] {
    let keys = keys(parent, field);
    if field == "ports" && list.iter().any(|p| p.get("containerPort").is_none()) {
        return if list.iter().all(|p| p.get("port").is_some()) {
            &["port", "protocol"]
        } else {
            &[]
        };
    }
    keys
}
