//! What the demonstration's Redis answers: everything that the console asks, and what a person asks by `redis-cli`.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::codec::Reply;
use super::cortex::{Cortex, MAX_MEMORY, PREFIX};
use super::data::{Data, matches};
use super::info::{SLOW, info, slow_log};

/// What a connection has said of itself.
#[derive(Clone, Debug, Default)]
pub struct Session {
    pub id: u64,
    pub name: String,
    pub resp3: bool,
}

fn err(text: impl Into<String>) -> Reply {
    Reply::Error(text.into())
}

fn int(n: usize) -> Reply {
    Reply::Int(i64::try_from(n).unwrap_or(i64::MAX))
}

fn score(text: &str) -> Option<f64> {
    match text {
        "-inf" => Some(f64::NEG_INFINITY),
        "+inf" | "inf" => Some(f64::INFINITY),
        n => n.parse().ok(),
    }
}

fn shown(score: f64) -> Reply {
    Reply::bulk(if score.fract() == 0.0 {
        format!("{score:.0}")
    } else {
        score.to_string()
    })
}

/// Whether a command changes something; for the log of writes.
pub fn is_write(name: &str) -> bool {
    matches!(name, "EVAL" | "UNLINK")
}

/// Answers one command.
pub fn answer(
    world: &mut Cortex,
    session: &mut Session,
    others: &[Session],
    words: &[String],
    now: Timestamp,
) -> Reply {
    let name = words.first().map(|w| w.to_uppercase()).unwrap_or_default();
    let args: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    world.commands += 1;
    let sub = args.first().map(|a| a.to_uppercase()).unwrap_or_default();
    match (name.as_str(), args.as_slice()) {
        ("PING", []) => Reply::Status("PONG"),
        ("PING" | "ECHO", [text]) => Reply::bulk(*text),
        ("AUTH" | "SELECT" | "READONLY", _) => Reply::Ok,
        ("HELLO", args) => {
            match args.first() {
                Some(&"3") => session.resp3 = true,
                Some(&"2") | None => session.resp3 = false,
                Some(_) => return err("NOPROTO unsupported protocol version"),
            }
            Reply::Map(vec![
                ("server".into(), Reply::bulk("redis")),
                ("version".into(), Reply::bulk("7.2.5")),
                ("proto".into(), Reply::Int(if session.resp3 { 3 } else { 2 })),
                ("mode".into(), Reply::bulk("standalone")),
                ("role".into(), Reply::bulk("master")),
            ])
        }
        ("CLIENT", args) => client(world, session, others, &sub, args),
        ("COMMAND", _) => Reply::Array(Vec::new()),
        ("INFO", sections) => Reply::bulk(info(world, others, sections, now)),
        ("ROLE", _) => Reply::Array(vec![Reply::bulk("master"), Reply::Int(0), Reply::Array(Vec::new())]),
        ("TIME", _) => Reply::strings([now.as_second().to_string(), "0".to_owned()]),
        ("DBSIZE", _) => int(world.keys.len()),
        ("CONFIG", [_, names @ ..]) if sub == "GET" => {
            let known = [
                ("maxmemory", MAX_MEMORY.to_string()),
                ("maxmemory-policy", "noeviction".into()),
                ("slowlog-log-slower-than", "10000".into()),
                ("slowlog-max-len", "128".into()),
                ("latency-monitor-threshold", "0".into()),
            ];
            let asked = |n: &str| names.iter().any(|p| matches(p, n));
            Reply::Map(
                known
                    .into_iter()
                    .filter(|(n, _)| asked(n))
                    .map(|(n, v)| (n.into(), Reply::Bulk(v)))
                    .collect(),
            )
        }
        ("SLOWLOG", _) if sub == "LEN" => int(SLOW.len()),
        ("SLOWLOG", args) if sub == "GET" => {
            let most = args.get(1).and_then(|n| n.parse().ok()).unwrap_or(10);
            Reply::Array(slow_log(now).into_iter().take(most).collect())
        }
        // Who is let in may do what the console does, and it asks first.
        ("ACL", [_, _, command, ..]) if sub == "DRYRUN" => match command.to_uppercase().as_str() {
            "FLUSHDB" | "FLUSHALL" | "KEYS" | "MONITOR" | "CONFIG" => refuse(command),
            _ => Reply::Ok,
        },
        ("LATENCY", _) if sub == "LATEST" => Reply::Array(Vec::new()),
        ("MEMORY", [_, key, ..]) if sub == "USAGE" => {
            let weight = world.keys.weights.get(*key).copied().unwrap_or(120);
            world.keys.get(key).map_or(Reply::Nil, |_| Reply::Int(weight as i64))
        }
        ("SCAN", args) => scan(world, args),
        ("EXISTS", keys) => int(keys.iter().filter(|k| world.keys.get(k).is_some()).count()),
        ("TYPE", [key]) => Reply::Status(world.keys.get(key).map_or("none", Data::kind)),
        ("TTL" | "PTTL", [key]) => Reply::Int(if world.keys.get(key).is_some() { -1 } else { -2 }),
        ("UNLINK", keys) if !keys.is_empty() => int(keys.iter().filter(|k| world.keys.remove(k).is_some()).count()),
        ("EVAL", [script, n, rest @ ..]) => eval(world, script, n, rest, now),
        (_, [key, rest @ ..]) => read(world, &name, key, rest).unwrap_or_else(|| refuse(&name)),
        _ => refuse(&name),
    }
}

/// What an ACL says to a command that it does not allow.
pub fn no_permission(words: &[String]) -> Reply {
    refuse(words.first().map_or("", String::as_str))
}

/// FLUSHDB, KEYS, MONITOR, SET … are not for whom the demonstration lets in.
fn refuse(name: &str) -> Reply {
    let name: String = name.chars().filter(char::is_ascii_graphic).take(40).collect();
    err(format!(
        "NOPERM User default has no permissions to run the '{}' command",
        name.to_lowercase()
    ))
}

fn client(world: &Cortex, session: &mut Session, others: &[Session], sub: &str, args: &[&str]) -> Reply {
    match (sub, args) {
        ("SETNAME", [_, name]) => {
            (*name).clone_into(&mut session.name);
            Reply::Ok
        }
        ("SETINFO" | "NO-EVICT" | "NO-TOUCH", _) => Reply::Ok,
        ("GETNAME", _) => Reply::bulk(session.name.as_str()),
        ("ID", _) => Reply::Int(session.id as i64),
        ("LIST", _) => {
            let mut list = String::new();
            for line in &world.lines {
                for n in 0..line.workers {
                    let queue = STANDARD.encode(line.name);
                    let _ = writeln!(
                        list,
                        "id={} addr=10.244.1.{n}:4{n}012 name={PREFIX}:{queue}:w:{}-{n} age=900 idle=1 flags=b db=0 cmd=bzpopmin user=default",
                        9000 + n,
                        line.name
                    );
                }
            }
            for other in others {
                let _ = writeln!(
                    list,
                    "id={} addr=127.0.0.1:0 name={} age=1 idle=0 flags=N db=0 cmd=client|list user=default",
                    other.id, other.name
                );
            }
            Reply::Bulk(list)
        }
        _ => refuse("client"),
    }
}

fn scan(world: &Cortex, args: &[&str]) -> Reply {
    let Some(cursor) = args.first().and_then(|c| c.parse().ok()) else {
        return err("ERR invalid cursor");
    };
    let option = |name: &str| {
        let at = args.iter().position(|a| a.eq_ignore_ascii_case(name))?;
        args.get(at + 1).copied()
    };
    let count = option("COUNT")
        .and_then(|c| c.parse().ok())
        .unwrap_or(10_usize)
        .clamp(1, 10_000);
    let (next, found) = world.keys.scan(cursor, count);
    let fits = |key: &&str| {
        option("MATCH").is_none_or(|p| matches(p, key))
            && option("TYPE").is_none_or(|t| world.keys.get(key).is_some_and(|d| d.kind().eq_ignore_ascii_case(t)))
    };
    let keys = found.into_iter().filter(fits).map(str::to_owned);
    Reply::Array(vec![Reply::bulk(next.to_string()), Reply::strings(keys)])
}

/// The kind of value that a command is for.
fn wrong_kind(world: &Cortex, name: &str, key: &str) -> bool {
    let wants = match name.chars().next() {
        Some('L') => "list",
        Some('H') => "hash",
        Some('Z') => "zset",
        _ => return false,
    };
    world.keys.get(key).is_some_and(|d| d.kind() != wants)
}

/// Redis's ranks: negative ones count from the end.
fn rank(text: &str, len: usize) -> Option<usize> {
    let n: i64 = text.parse().ok()?;
    let len = i64::try_from(len).ok()?;
    usize::try_from(if n < 0 { (len + n).max(0) } else { n }).ok()
}

fn read(world: &Cortex, name: &str, key: &str, rest: &[&str]) -> Option<Reply> {
    if wrong_kind(world, name, key) {
        return Some(err("WRONGTYPE Operation against a key holding the wrong kind of value"));
    }
    let keys = &world.keys;
    let list = || keys.list(key);
    Some(match (name, rest) {
        ("GET", []) => match keys.get(key) {
            Some(Data::Text(text)) => Reply::bulk(text.as_str()),
            Some(_) => err("WRONGTYPE Operation against a key holding the wrong kind of value"),
            None => Reply::Nil,
        },
        ("LLEN", []) => int(list().map_or(0, std::collections::VecDeque::len)),
        ("LINDEX", [at]) => {
            let of = |l: &std::collections::VecDeque<String>| {
                let n: i64 = at.parse().ok()?;
                let n = if n < 0 { n + i64::try_from(l.len()).ok()? } else { n };
                l.get(usize::try_from(n).ok()?).cloned()
            };
            Reply::opt(list().and_then(of))
        }
        ("LRANGE", [first, last]) => {
            let Some(l) = list() else {
                return Some(Reply::Array(vec![]));
            };
            let (a, b) = (rank(first, l.len())?, rank(last, l.len())?);
            Reply::strings(l.iter().skip(a).take((b + 1).saturating_sub(a)).cloned())
        }
        ("HGET", [field]) => Reply::opt(keys.field(key, field)),
        ("HMGET", fields) => Reply::Array(fields.iter().map(|f| Reply::opt(keys.field(key, f))).collect()),
        ("HLEN", []) => int(match keys.get(key) {
            Some(Data::Hash(h)) => h.len(),
            _ => 0,
        }),
        ("HGETALL", []) => Reply::Map(match keys.get(key) {
            Some(Data::Hash(h)) => h.iter().map(|(k, v)| (k.clone(), Reply::bulk(v.as_str()))).collect(),
            _ => Vec::new(),
        }),
        ("ZCARD", []) => int(keys.zset(key).map_or(0, std::collections::BTreeMap::len)),
        ("ZSCORE", [member]) => keys
            .zset(key)
            .and_then(|z| z.get(*member))
            .map_or(Reply::Nil, |s| shown(*s)),
        ("ZCOUNT", [min, max]) => {
            let (Some(min), Some(max)) = (score(min), score(max)) else {
                return Some(err("ERR min or max is not a float"));
            };
            int(keys
                .zset(key)
                .map_or(0, |z| z.values().filter(|s| **s >= min && **s <= max).count()))
        }
        ("ZRANGE", [first, last, options @ ..]) => {
            let has = |o: &str| options.iter().any(|x| x.eq_ignore_ascii_case(o));
            let mut all = keys.ranked(key);
            if has("REV") {
                all.reverse();
            }
            let (a, b) = (rank(first, all.len())?, rank(last, all.len())?);
            let part = all.into_iter().skip(a).take((b + 1).saturating_sub(a));
            members(part, has("WITHSCORES"))
        }
        ("ZRANGEBYSCORE", [min, max, options @ ..]) => {
            let (min, max) = (score(min)?, score(max)?);
            let limit = options.iter().position(|o| o.eq_ignore_ascii_case("LIMIT"));
            let most = limit
                .and_then(|at| options.get(at + 2))
                .and_then(|n| n.parse().ok())
                .unwrap_or(usize::MAX);
            let part = keys
                .ranked(key)
                .into_iter()
                .filter(|(_, s)| *s >= min && *s <= max)
                .take(most);
            members(part, options.iter().any(|o| o.eq_ignore_ascii_case("WITHSCORES")))
        }
        ("STRLEN", []) => int(match keys.get(key) {
            Some(Data::Text(text)) => text.len(),
            _ => 0,
        }),
        ("XLEN", []) => match keys.get(key) {
            Some(Data::Stream(n)) => Reply::Int(*n as i64),
            _ => Reply::Int(0),
        },
        ("SCARD", []) => Reply::Int(0),
        ("SMEMBERS", []) => Reply::Array(Vec::new()),
        ("SSCAN", _) => Reply::Array(vec![Reply::bulk("0"), Reply::Array(Vec::new())]),
        _ => return None,
    })
}

fn members<'a>(part: impl Iterator<Item = (&'a str, f64)>, with_scores: bool) -> Reply {
    let mut all = Vec::new();
    for (member, score) in part {
        all.push(Reply::bulk(member));
        if with_scores {
            all.push(shown(score));
        }
    }
    Reply::Array(all)
}

const RETRY: &str = include_str!("../../action/bull_retry.lua");
const PAUSE: &str = include_str!("../../action/bull_pause.lua");

/// The two scripts of the console, and no other.
fn eval(world: &mut Cortex, script: &str, n: &str, rest: &[&str], now: Timestamp) -> Reply {
    let Some(n) = n.parse().ok().filter(|n| *n <= rest.len()) else {
        return err("ERR Number of keys can't be greater than number of args");
    };
    let (keys, args) = rest.split_at(n);
    match script {
        RETRY => retry(world, keys, args),
        PAUSE => switch(world, keys, args, now),
        _ => refuse("eval"),
    }
}

fn retry(world: &mut Cortex, keys: &[&str], args: &[&str]) -> Reply {
    let ([meta, failed, wait, paused, ..], Some((_, ids))) = (keys, args.split_first()) else {
        return err("ERR wrong number of keys");
    };
    let target = if world.keys.field(meta, "paused").is_some() {
        paused
    } else {
        wait
    };
    let (mut moved, mut gone, mut other) = (0, 0, 0);
    for (id, job) in ids.iter().zip(keys.iter().skip(9)) {
        if world.keys.field(job, "timestamp").is_none() {
            gone += 1;
        } else if !world.keys.zrem(failed, id) {
            other += 1;
        } else {
            for field in ["finishedOn", "processedOn", "failedReason"] {
                world.keys.hdel(job, field);
            }
            world.keys.lpush(target, id);
            moved += 1;
        }
    }
    let counts = [moved, gone, other, 0].map(Reply::Int).to_vec();
    Reply::Array([counts, vec![Reply::bulk("")]].concat())
}

fn switch(world: &mut Cortex, keys: &[&str], args: &[&str], now: Timestamp) -> Reply {
    let ([meta, wait, paused, ..], [_, to]) = (keys, args) else {
        return err("ERR wrong number of keys");
    };
    world.advance(now);
    let is = world.keys.field(meta, "paused").is_some();
    let done = match (*to, is) {
        ("paused", false) => {
            world.keys.rename(wait, paused);
            world.keys.hset(meta, "paused", 1);
            1
        }
        ("resumed", true) => {
            world.keys.hdel(meta, "paused");
            world.keys.rename(paused, wait);
            1
        }
        _ => 0,
    };
    Reply::Array(vec![Reply::Int(done), Reply::Int(0), Reply::bulk("")])
}
