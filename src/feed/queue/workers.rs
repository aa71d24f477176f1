//! Workers of BullMQ by the names of their connections: `bull:<base64 of the queue>`, since 5 with `:w:<name>` behind.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Connections of workers by queue, from CLIENT LIST.
pub(super) fn count(list: &str, prefix: &str) -> HashMap<String, u64> {
    let mut workers = HashMap::new();
    for line in list.lines() {
        let Some(name) = line.split(' ').find_map(|f| f.strip_prefix("name=")) else {
            continue;
        };
        if let Some(queue) = queue_of(name, prefix) {
            *workers.entry(queue).or_default() += 1;
        }
    }
    workers
}

fn queue_of(name: &str, prefix: &str) -> Option<String> {
    let rest = name.strip_prefix(prefix)?.strip_prefix(':')?;
    // Neither `+`, `/` nor `=` of base64 is a colon.
    let (encoded, role) = rest.split_once(':').map_or((rest, None), |(e, r)| (e, Some(r)));
    // `:qe` listens to events; it takes no jobs.
    if role.is_some_and(|r| !r.starts_with("w:")) {
        return None;
    }
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_connections_that_take_jobs_are_workers() {
        let list = "id=1 addr=a name=bull:ZGVmYXVsdA== age=1 cmd=bzpopmin\n\
                    id=2 addr=a name=bull:ZGVmYXVsdA==:w:blue age=1\n\
                    id=3 addr=a name=bull:ZGVmYXVsdA==:qe age=1\n\
                    id=4 addr=a name=bull:%% age=1\nid=5 addr=a name= age=1\nid=6 name=quarterdeck\n";
        assert_eq!(count(list, "bull"), HashMap::from([("default".to_owned(), 2)]));
        assert!(count(list, "other").is_empty());
    }
}
