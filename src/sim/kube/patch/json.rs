//! JSON Patch (RFC 6902).

use serde_json::Value;

/// Applies all operations, or says at the first that fails that it failed (the server does not say which).
pub fn apply(target: &mut Value, patch: &[Value]) -> Result<(), ()> {
    for operation in patch {
        let text = |k: &str| operation.get(k).and_then(Value::as_str);
        let path = text("path").ok_or(())?;
        match text("op").ok_or(())? {
            "test" => {
                let expected = operation.get("value").unwrap_or(&Value::Null);
                if target.pointer(path).unwrap_or(&Value::Null) != expected {
                    return Err(());
                }
            }
            "add" => add(target, path, operation.get("value").ok_or(())?.clone())?,
            "replace" => {
                *target.pointer_mut(path).ok_or(())? = operation.get("value").ok_or(())?.clone();
            }
            "remove" => {
                remove(target, path)?;
            }
            "move" => {
                let value = remove(target, text("from").ok_or(())?)?;
                add(target, path, value)?;
            }
            "copy" => {
                let value = target.pointer(text("from").ok_or(())?).ok_or(())?.clone();
                add(target, path, value)?;
            }
            _ => return Err(()),
        }
    }
    Ok(())
}

fn parent_and_key(path: &str) -> Result<(&str, String), ()> {
    let (parent, key) = path.rsplit_once('/').ok_or(())?;
    Ok((parent, key.replace("~1", "/").replace("~0", "~")))
}

fn add(target: &mut Value, path: &str, value: Value) -> Result<(), ()> {
    if path.is_empty() {
        *target = value;
        return Ok(());
    }
    let (parent, key) = parent_and_key(path)?;
    match target.pointer_mut(parent).ok_or(())? {
        Value::Object(map) => {
            map.insert(key, value);
        }
        Value::Array(list) if key == "-" => list.push(value),
        Value::Array(list) => {
            let at: usize = key.parse().map_err(|_| ())?;
            if at > list.len() {
                return Err(());
            }
            list.insert(at, value);
        }
        _ => return Err(()),
    }
    Ok(())
}

fn remove(target: &mut Value, path: &str) -> Result<Value, ()> {
    let (parent, key) = parent_and_key(path)?;
    match target.pointer_mut(parent).ok_or(())? {
        Value::Object(map) => map.remove(&key).ok_or(()),
        Value::Array(list) => {
            let at: usize = key.parse().map_err(|_| ())?;
            if at < list.len() { Ok(list.remove(at)) } else { Err(()) }
        }
        _ => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn operations_apply_in_order_and_a_failed_test_stops() {
        let mut v = json!({"metadata": {"annotations": {"a/b": "1"}}, "list": [1, 3]});
        let patch = json!([
            {"op": "test", "path": "/metadata/annotations/a~1b", "value": "1"},
            {"op": "add", "path": "/list/1", "value": 2}, {"op": "add", "path": "/list/-", "value": 4},
            {"op": "remove", "path": "/metadata/annotations/a~1b"},
        ]);
        apply(&mut v, patch.as_array().unwrap()).unwrap();
        assert_eq!(v, json!({"metadata": {"annotations": {}}, "list": [1, 2, 3, 4]}));
        assert!(
            apply(
                &mut v,
                json!([{"op": "test", "path": "/list/0", "value": 9}])
                    .as_array()
                    .unwrap()
            )
            .is_err()
        );
        assert!(
            apply(
                &mut v,
                json!([{"op": "replace", "path": "/nope/x", "value": 9}])
                    .as_array()
                    .unwrap()
            )
            .is_err()
        );
    }
}
