//! `qd pods`

use jiff::Timestamp;
use serde_json::json;

use super::table::Table;
use super::{Answer, Verdict, doubts};
use crate::cli::Output;
use crate::model::{Kind, World};
use crate::text::{age, clean};

/// All pods at our time `now`, by namespace and name. Wrong when one is bad ([`crate::model::Pod::is_bad`]).
///
/// JSON: `{"pods": [{namespace, name, uid, ready, total, status, reason, restarts, last_restart, node, ip, created,
/// is_ready, bad}]}`.
pub fn pods(world: &World, now: Timestamp, output: Output) -> Answer {
    let now = world.server_now(now);
    let doubts = doubts(world, &[Kind::Pod]);
    let verdict = Verdict::of(world.pods.values().any(|p| p.is_bad()), &doubts);
    let text = match output {
        Output::Table => {
            let mut table = Table::new(["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE", "NODE"]);
            for p in world.pods.values() {
                let restarts = match p.last_restart {
                    Some(at) => format!("{} ({} ago)", p.restarts, age(now.duration_since(at))),
                    None => p.restarts.to_string(),
                };
                table.row([
                    p.meta.namespace.to_string(),
                    p.meta.name.to_string(),
                    format!("{}/{}", p.ready, p.total),
                    p.status.to_string(),
                    restarts,
                    age(now.duration_since(p.meta.created)),
                    p.node.to_string(),
                ]);
            }
            table.to_string()
        }
        Output::Json => {
            let rows: Vec<_> = world
                .pods
                .values()
                .map(|p| {
                    json!({
                        "namespace": &*p.meta.namespace, "name": &*p.meta.name, "uid": &*p.meta.uid,
                        "ready": p.ready, "total": p.total,
                        "status": clean(&p.status), "reason": clean(&p.message),
                        "restarts": p.restarts, "last_restart": p.last_restart,
                        "node": clean(&p.node), "ip": clean(&p.ip), "created": p.meta.created,
                        "is_ready": p.is_ready, "bad": p.is_bad(),
                    })
                })
                .collect();
            super::json(&json!({ "pods": rows }))
        }
    };
    Answer { text, doubts, verdict }
}
