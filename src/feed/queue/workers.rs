//! Workers of BullMQ by the names of their connections: `bull:<base64 of the queue>`, since 5 with `:w:<name>` behind.

use std::collections::{BTreeSet, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Workers of one queue.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Workers {
    pub count: u64,
    /// Where they are, each address once.
    pub hosts: BTreeSet<String>,
}

/// Takes connections of workers by queue from CLIENT LIST.
pub(super) fn count(list: &str, prefix: &str, workers: &mut HashMap<String, Workers>) {
    for line in list.lines() {
        let field = |name: &str| line.split(' ').find_map(|f| f.strip_prefix(name)?.strip_prefix('='));
        let Some(queue) = field("name").and_then(|name| queue_of(name, prefix)) else {
            continue;
        };
        let of = workers.entry(queue).or_default();
        of.count += 1;
        if let Some((host, _port)) = field("addr").and_then(|a| a.rsplit_once(':')) {
            of.hosts.insert(host.trim_matches(['[', ']']).to_owned());
        }
    }
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
        let list = "id=1 addr=10.0.0.7:4711 name=bull:ZGVmYXVsdA== age=1 cmd=bzpopmin\n\
                    id=2 addr=[fd00::7]:4712 name=bull:ZGVmYXVsdA==:w:blue age=1\n\
                    id=3 addr=a name=bull:ZGVmYXVsdA==:qe age=1\n\
                    id=4 addr=a name=bull:%% age=1\nid=5 addr=a name= age=1\nid=6 name=quarterdeck\n";
        let (mut found, mut others) = (HashMap::new(), HashMap::new());
        count(list, "bull", &mut found);
        count(list, "other", &mut others);
        let hosts = BTreeSet::from(["10.0.0.7".to_owned(), "fd00::7".to_owned()]);
        assert_eq!(
            found,
            HashMap::from([("default".to_owned(), Workers { count: 2, hosts })])
        );
        assert!(others.is_empty());
    }
}
