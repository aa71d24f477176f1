//! What Go says of a field of a wrong type: the field, where it is, and what it should be.

use serde_json::Value;

/// `json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32`, for a value that
/// `check` refuses with `why`.
pub(crate) fn error(kind: &str, value: &Value, check: impl Fn(&Value) -> Result<(), String>, why: &str) -> String {
    let mut path = Vec::new();
    let mut probe = value.clone();
    while let Some(step) = culprit(&mut probe, &path, &check) {
        path.push(step);
    }
    let wrong = value.pointer(&pointer(&path)).unwrap_or(&Value::Null);
    let have = match wrong {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let mut owner = kind.to_owned();
    let mut fields: Vec<&str> = Vec::new();
    for (i, step) in path.iter().enumerate() {
        let (Step::Field(name), last) = (step, i + 1 == path.len()) else {
            continue;
        };
        if is_map(fields.last().copied().unwrap_or_default()) {
            // Go names the map, not the key in it.
            continue;
        }
        fields.push(name);
        if !last {
            owner = inside(&owner, name).unwrap_or(owner);
        }
    }
    let expected = match why.split("expected ").nth(1).unwrap_or_default() {
        text if text.starts_with("i32") => "int32",
        text if text.starts_with("i64") => "int64",
        text if text.starts_with("a string") => "string",
        text if text.starts_with("a boolean") => "bool",
        text if text.starts_with("a sequence") => "[]interface {}",
        text if text.starts_with("a map") => "map[string]string",
        _ => "struct",
    };
    format!(
        "json: cannot unmarshal {have} into Go struct field {owner}.{} of type {expected}",
        fields.join(".")
    )
}

#[derive(Clone)]
enum Step {
    Field(String),
    Item(usize),
}

fn pointer(path: &[Step]) -> String {
    let step = |s: &Step| match s {
        Step::Field(name) => format!("/{}", name.replace('~', "~0").replace('/', "~1")),
        Step::Item(at) => format!("/{at}"),
    };
    path.iter().map(step).collect()
}

/// The member without which the value would do.
fn culprit(value: &mut Value, path: &[Step], check: &impl Fn(&Value) -> Result<(), String>) -> Option<Step> {
    let at = pointer(path);
    let steps: Vec<Step> = match value.pointer(&at)? {
        Value::Object(map) => map.keys().cloned().map(Step::Field).collect(),
        Value::Array(list) => (0..list.len()).map(Step::Item).collect(),
        _ => return None,
    };
    for step in steps {
        let below = format!("{at}{}", pointer(std::slice::from_ref(&step)));
        let member = value.pointer_mut(&below)?;
        let absent = if member.is_object() {
            Value::Object(serde_json::Map::new())
        } else {
            Value::Null
        };
        let taken = std::mem::replace(member, absent);
        let mut would_do = check(value).is_ok();
        // A map of texts has no null in it: there the member must not be there at all.
        if let (false, Step::Field(name)) = (would_do, &step)
            && let Some(map) = value.pointer_mut(&at).and_then(Value::as_object_mut)
        {
            map.remove(name);
            would_do = check(value).is_ok();
            value
                .pointer_mut(&at)?
                .as_object_mut()?
                .insert(name.clone(), Value::Null);
        }
        *value.pointer_mut(&below)? = taken;
        if would_do {
            return Some(step);
        }
    }
    None
}

fn is_map(field: &str) -> bool {
    matches!(
        field,
        "labels" | "annotations" | "matchLabels" | "nodeSelector" | "limits" | "requests" | "data"
    )
}

/// The Go type of a field.
fn inside(owner: &str, field: &str) -> Option<String> {
    let known = match field {
        "metadata" => "ObjectMeta",
        "template" => "PodTemplateSpec",
        "jobTemplate" => "JobTemplateSpec",
        "containers" | "initContainers" => "Container",
        "resources" => "ResourceRequirements",
        "selector" => "LabelSelector",
        "strategy" => "DeploymentStrategy",
        "updateStrategy" => return Some(owner.replace("Spec", "UpdateStrategy")),
        "rollingUpdate" => return Some(format!("RollingUpdate{}", owner.trim_end_matches("Strategy"))),
        "env" => "EnvVar",
        "ports" => "ContainerPort",
        "spec" if owner == "PodTemplateSpec" => "PodSpec",
        "spec" if owner == "JobTemplateSpec" => "JobSpec",
        "spec" => return Some(format!("{owner}Spec")),
        "status" => return Some(format!("{owner}Status")),
        _ => return None,
    };
    Some(known.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kube::resources::DEPLOYMENTS;
    use crate::sim::kube::validate::types;
    use serde_json::json;

    #[test]
    fn the_field_is_found_and_named_as_go_names_it() {
        let explain = |spec: Value| types(&DEPLOYMENTS, &json!({"metadata": {"name": "d"}, "spec": spec})).unwrap_err();
        assert_eq!(
            explain(json!({"replicas": "three"})),
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"
        );
        assert_eq!(
            explain(json!({"template": {"spec": {"containers": [{"name": "a"}, {"name": "b", "image": 3}]}}})),
            "json: cannot unmarshal number into Go struct field Container.spec.template.spec.containers.image of type string"
        );
        assert_eq!(
            explain(json!({"template": {"metadata": {"labels": {"a": true}}}})),
            "json: cannot unmarshal bool into Go struct field ObjectMeta.spec.template.metadata.labels of type string"
        );
    }
}
