//! What takes long, and what an operator begins: vacuum, analyze, reindex, a statement's counters begun anew.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::answers::{Answer, Caller, lines, no, number, quoted};
use super::world::{Database, Index, Table, Upkeep, What, seconds};

pub(super) fn work(db: &Database, u: &Upkeep, now: Timestamp) -> Value {
    let part = (seconds(now, u.began) / u.lasts(db.bytes(u))).clamp(0.0, 1.0);
    let (phase, percent) = match (&u.what, part) {
        (What::Analyze, _) => ("acquiring sample rows", part),
        (What::Vacuum { .. }, p) if p < 0.6 => ("scanning heap", p / 0.6),
        (What::Vacuum { .. }, p) if p < 0.8 => ("vacuuming indexes", (p - 0.6) / 0.2),
        (What::Vacuum { .. }, p) => ("vacuuming heap", (p - 0.8) / 0.2),
        (What::Reindex(_), p) if p < 0.7 => ("building index: scanning table", p / 0.7),
        (What::Reindex(_), p) => ("index validation: scanning table", (p - 0.7) / 0.3),
    };
    let what = match &u.what {
        What::Vacuum { .. } => "vacuum",
        What::Analyze => "analyze",
        What::Reindex(_) => "reindex concurrently",
    };
    json!({
        "pid": u.pid, "what": what, "database": "cortex",
        "table": format!("public.{}", u.table), "phase": phase, "percent": percent * 100.0, "index_rounds": 0,
        "dead_bytes": null, "dead_bytes_max": null, "indexes_done": null, "indexes": null, "autovacuum": false,
        "against_wraparound": false, "since_s": seconds(now, u.began), "application": u.application,
    })
}

pub(super) fn tables(db: &Database, sql: &str, now: Timestamp) -> Vec<Value> {
    let name = quoted(sql, "s.relname =");
    let oid = number(sql, "s.relid =").filter(|_| name.is_none());
    let wanted = |t: &Table| match (name, oid) {
        (Some(name), _) => t.name == name,
        (None, Some(oid)) => i64::from(t.oid) == i64::from(oid),
        (None, None) => true,
    };
    db.tables
        .iter()
        .filter(|t| wanted(t))
        .map(|t| {
            let runs = db.upkeep.iter().find(|u| u.is_vacuum() && u.table == t.name);
            json!({
                "oid": t.oid, "schema": "public", "name": t.name, "live": t.live, "dead": t.dead(now),
                "vacuums": t.vacuums, "analyzes": t.analyzes, "bytes": t.bytes,
                "vacuumed": t.vacuumed.map(|t| t.to_string()), "analyzed": t.analyzed.map(|t| t.to_string()),
                "may": true, "vacuum_pid": runs.map(|u| u.pid),
            })
        })
        .collect()
}

/// VACUUM and ANALYZE, of a table or of all.
pub(super) fn maintain(db: &mut Database, caller: &Caller, words: &str, now: Timestamp) -> Answer {
    let vacuum = words.starts_with("vacuum");
    let tag = if vacuum { "VACUUM" } else { "ANALYZE" };
    if words.starts_with("vacuum full") || words.contains("(full") {
        return no("the demonstration does not lock its tables for VACUUM FULL".to_owned());
    }
    if db.upkeep.iter().any(|u| u.pid == caller.pid) {
        return Answer::Wait;
    }
    let target = words
        .rsplit(' ')
        .next()
        .map(|w| w.replace('"', ""))
        .and_then(|w| w.rsplit('.').next().map(str::to_owned))
        .unwrap_or_default();
    let whole = matches!(target.as_str(), "vacuum" | "analyze" | "verbose") || target.ends_with(')');
    let finished = db.done.iter().position(|p| *p == caller.pid);
    if let Some(at) = finished {
        db.done.remove(at);
        if !whole {
            return Answer::Done(tag);
        }
    }
    let next = if whole {
        let at = db.whole.entry(caller.pid).or_insert(0);
        let name = db.tables.get(*at).map(|t| t.name);
        *at += 1;
        let Some(name) = name else {
            db.whole.remove(&caller.pid);
            return Answer::Done(tag);
        };
        name
    } else {
        match db.tables.iter().find(|t| t.name == target) {
            Some(t) => t.name,
            None => {
                return Answer::Error {
                    code: "42P01",
                    message: format!("relation \"{target}\" does not exist"),
                };
            }
        }
    };
    db.upkeep.push(Upkeep {
        pid: caller.pid,
        table: next,
        what: if vacuum {
            What::Vacuum {
                analyze: words.contains("analyze"),
            }
        } else {
            What::Analyze
        },
        began: now,
        application: caller.application.clone(),
    });
    Answer::Wait
}

/// `"public"."name"` without its schema and quotes.
fn bare(name: &str) -> String {
    let name = name.replace('"', "");
    name.rsplit('.').next().unwrap_or_default().to_owned()
}

/// Builds an index anew beside the old one, and takes its place.
pub(super) fn reindex(db: &mut Database, caller: &Caller, name: &str, now: Timestamp) -> Answer {
    if db.upkeep.iter().any(|u| u.pid == caller.pid) {
        return Answer::Wait;
    }
    if let Some(at) = db.done.iter().position(|p| *p == caller.pid) {
        db.done.remove(at);
        return Answer::Done("REINDEX");
    }
    let name = bare(name);
    let Some(index) = db.indexes.iter().find(|i| i.name == name) else {
        return Answer::Error {
            code: "42P01",
            message: format!("relation \"{name}\" does not exist"),
        };
    };
    db.upkeep.push(Upkeep {
        pid: caller.pid,
        table: index.table,
        what: What::Reindex(index.name),
        began: now,
        application: caller.application.clone(),
    });
    Answer::Wait
}

/// One index, for the plan and for what became of it.
pub(super) fn index(db: &Database, sql: &str) -> Vec<Value> {
    let name = quoted(sql, "c.relname =").unwrap_or_default();
    let Some(i) = db.indexes.iter().find(|i| i.name == name) else {
        return Vec::new();
    };
    let left = |other: &&Index| other.table == i.table && other.name != i.name && !other.valid;
    let left: Vec<String> = db
        .indexes
        .iter()
        .filter(left)
        .map(|o| format!("public.{}", o.name))
        .collect();
    vec![json!({
        "oid": i.oid, "table": i.table, "bytes": i.bytes, "valid": i.valid, "may": true, "exclusion": false,
        "left": left, "filenode": i.filenode,
    })]
}

/// The counters of one statement.
pub(super) fn counted(db: &Database, sql: &str, now: Timestamp) -> Vec<Value> {
    let id = sql
        .split_once("s.queryid = ")
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .and_then(|n| n.parse::<i64>().ok());
    let found = db.statements.iter().find(|s| Some(s.query_id) == id);
    found
        .map(|s| json!({"calls": s.calls(now) as i64, "total_ms": s.calls(now) * s.mean_ms, "may": true}))
        .into_iter()
        .collect()
}

/// `pg_stat_statements_reset(user, database, statement)`; without a statement it would be everybody's.
pub(super) fn reset(db: &mut Database, sql: &str, now: Timestamp) -> Answer {
    let id = sql
        .rsplit_once(',')
        .and_then(|(_, rest)| rest.trim().trim_end_matches(')').parse::<i64>().ok());
    let Some(s) = db.statements.iter_mut().find(|s| Some(s.query_id) == id) else {
        return no("the demonstration resets the counters of one statement that it has".to_owned());
    };
    (s.calls, s.since) = (0.0, now);
    lines("pg_stat_statements_reset", &[""])
}
