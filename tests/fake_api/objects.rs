//! What the server makes of a request, and what its controllers make of that.

use super::{CORE, Objects};
use serde_json::{Value, json};

pub fn scale_of(object: &Value) -> Value {
    let meta = &object["metadata"];
    let selector = object["spec"]["selector"]["matchLabels"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let selector: Vec<String> = selector
        .iter()
        .map(|(k, v)| format!("{k}={}", v.as_str().unwrap()))
        .collect();
    json!({"kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"],
            "resourceVersion": meta["resourceVersion"], "creationTimestamp": meta["creationTimestamp"]},
        "spec": {"replicas": object["spec"]["replicas"]},
        "status": {"replicas": object["status"]["replicas"], "selector": selector.join(",")}})
}

pub fn patched(object: &Value, content_type: &str, patch: &Value) -> Option<Value> {
    let mut next = object.clone();
    if content_type == "application/json-patch+json" {
        for op in patch.as_array()? {
            let at = op["path"].as_str()?;
            let (parent, key) = at.rsplit_once('/')?;
            let key = key.replace("~1", "/");
            match op["op"].as_str()? {
                "test" => {
                    if next.pointer(at) != Some(&op["value"]) {
                        return None;
                    }
                }
                "remove" => {
                    next.pointer_mut(parent)?.as_object_mut()?.remove(&key)?;
                }
                "replace" if next.pointer(at).is_none() => return None,
                _ => {
                    next.pointer_mut(parent)?
                        .as_object_mut()?
                        .insert(key, op["value"].clone());
                }
            }
        }
    } else {
        merge(&mut next, patch, content_type.contains("strategic"));
    }
    Some(next)
}

fn merge(into: &mut Value, patch: &Value, strategic: bool) {
    match (into, patch) {
        (Value::Object(a), Value::Object(p)) => {
            if strategic && p.get("$patch") == Some(&json!("replace")) {
                a.clear();
            }
            for (k, v) in p.iter().filter(|(k, _)| *k != "$patch") {
                if v.is_null() {
                    a.remove(k);
                } else {
                    merge(a.entry(k).or_insert(Value::Null), v, strategic);
                }
            }
        }
        (Value::Array(a), Value::Array(p)) if strategic && p.iter().all(|x| x["name"].is_string()) => {
            for x in p {
                match a.iter_mut().find(|y| y["name"] == x["name"]) {
                    Some(y) => merge(y, x, true),
                    None => a.push(x.clone()),
                }
            }
        }
        (slot, patch) => {
            *slot = patch.clone();
            if slot.is_object() {
                // An absent map that a patch makes holds no directives.
                let bare = std::mem::replace(slot, json!({}));
                merge(slot, &bare, strategic);
            }
        }
    }
}

/// Controllers that are done at once: the status agrees with the spec, and a pod that went has a successor.
pub fn finish(objects: &mut Objects, path: &str) {
    if path.contains("/jobs/") {
        if let Some(job) = objects.get_mut(path) {
            job["status"] = json!({"succeeded": 1, "startTime": "2026-11-21T12:00:00Z",
                "completionTime": "2026-11-21T12:00:14Z", "conditions": [{"type": "Complete", "status": "True"}]});
        }
        return;
    }
    if path.contains("/services/") {
        let name = path.rsplit('/').next().unwrap().to_owned();
        let slices = objects.iter_mut().filter(|(p, o)| {
            p.contains("/endpointslices/") && o["metadata"]["labels"]["kubernetes.io/service-name"] == *name
        });
        for (_, slice) in slices {
            slice["endpoints"] =
                json!([{"conditions": {"ready": true}, "targetRef": {"kind": "Pod", "name": "fresh"}}]);
        }
        return;
    }
    if path.contains("/pods/") && !objects.contains_key(path) {
        let family = |p: &str| p.split('-').take(2).collect::<Vec<_>>().join("-");
        let sibling = objects
            .iter()
            .find(|(p, _)| family(p) == family(path))
            .map(|(_, pod)| pod.clone());
        // Where nobody of the family is left there is nobody to copy.
        let Some(mut new) = sibling else { return };
        new["metadata"]["name"] = json!("new");
        new["metadata"]["uid"] = json!("uid-new");
        new["spec"]["nodeName"] = json!("elsewhere");
        objects.insert(format!("{CORE}/pods/new"), new);
        return;
    }
    let Some(o) = objects.get_mut(path) else { return };
    let generation = o["metadata"]["generation"].clone();
    if o["spec"]["template"].is_null() {
        return;
    }
    let n = o["spec"]["replicas"].as_u64().unwrap_or(1);
    o["status"]["observedGeneration"] = generation;
    for name in ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"] {
        o["status"][name] = json!(n);
    }
    if o["kind"] == "StatefulSet" {
        o["status"]["currentRevision"] = o["status"]["updateRevision"].clone();
    }
    if o["kind"] == "DaemonSet" {
        let want = o["status"]["desiredNumberScheduled"].clone();
        o["status"]["updatedNumberScheduled"] = want.clone();
        o["status"]["numberAvailable"] = want;
    }
    if let Some(list) = o["status"]["conditions"].as_array_mut() {
        for c in list.iter_mut().filter(|c| c["type"] == "Progressing") {
            c["status"] = json!("True");
            c["reason"] = json!("NewReplicaSetAvailable");
        }
    }
}
