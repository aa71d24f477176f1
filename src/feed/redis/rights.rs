//! The ACL of an observer and of an operator, feature by feature, and whether a user has it.

use super::Way;
use super::command::Read;
use super::connection::{Fault, value};
use super::way::Client;
use crate::config::{Platform, QueueKind, RedisSource};
use crate::model::Problem;

/// What every connection needs, then each view of the pane. For 7.0 and later; older servers write `~` for `%R~`.
const VIEWS: [(&str, &str); 7] = [
    ("connect", "on resetchannels -@all +ping +auth +select +client|setname"),
    ("memory, clients, replication", "+info +role +dbsize"),
    ("slow log", "+slowlog|get +slowlog|len"),
    ("latency", "+latency|latest"),
    ("settings", "+config|get"),
    ("the workers of queues", "+client|list"),
    ("Cluster", "+cluster|info +cluster|nodes"),
];

/// How keys of queues are read.
const KEYS: &str = "+scan +exists +type +get +llen +lindex +lrange +zcard +zcount +zrange +zrangebyscore +zscore +hget \
                    +hmget +hlen +scard +sscan +xinfo|stream +xinfo|groups +xpending +xrange";

/// What the scripts for BullMQ do.
const SCRIPTS: &str = "+eval +zrem +hset +hdel +lpush +rpush +ltrim +rename +zadd +incr +del +xadd";

/// The ACL of an observer, as `ACL SETUSER` takes it: everything that is read here and nothing else.
pub fn observer_acl() -> String {
    let views: Vec<&str> = VIEWS.iter().map(|(_, rules)| rules.trim_start_matches("on ")).collect();
    format!("{} {KEYS} %R~*", views.join(" "))
}

/// What an operator has beside it: the scripts' commands on the queues' keys, UNLINK, and asking for its own rights.
/// `prefix` is the queues'.
pub fn operator_acl(prefix: &str) -> String {
    format!("{} +acl|dryrun {SCRIPTS} +unlink ~{prefix}:*", observer_acl())
}

/// One line of `ACL SETUSER`, and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclLine {
    pub feature: String,
    pub line: String,
}

/// What the user of this source needs, a line a feature. The lines add to each other.
pub fn acl_lines(source: &RedisSource, platform: &Platform, operator: bool) -> Vec<AclLine> {
    let user = source.user().unwrap_or("qd");
    let line = |feature: &str, rules: &str| AclLine {
        feature: feature.to_owned(),
        line: format!("ACL SETUSER {user} {rules}"),
    };
    let of_cluster = !source.cluster.is_empty();
    let sets: Vec<_> = platform
        .queues
        .iter()
        .filter(|q| q.redis.as_deref() == Some(source.name.as_str()))
        .collect();
    let views = VIEWS.iter().filter(|(feature, _)| match *feature {
        "Cluster" => of_cluster,
        "the workers of queues" => sets.iter().any(|q| q.kind == QueueKind::Bullmq),
        _ => true,
    });
    let mut lines: Vec<AclLine> = views.map(|(feature, rules)| line(feature, rules)).collect();
    if !sets.is_empty() {
        lines.push(line("read queues", KEYS));
    }
    for set in &sets {
        let feature = format!("the keys of queues {}", set.name);
        let patterns: Vec<String> = match set.kind {
            QueueKind::Bullmq => vec![format!("%R~{}:*", set.prefix())],
            QueueKind::List | QueueKind::Zset | QueueKind::Stream => set
                .queues
                .iter()
                .flat_map(|q| [Some(q.key()), q.active.as_deref(), q.failed.as_deref()])
                .flatten()
                .map(|key| format!("%R~{key}"))
                .collect(),
            _ => vec!["%R~*".to_owned()],
        };
        lines.push(line(&feature, &patterns.join(" ")));
    }
    if operator {
        lines.push(line("ask what one may", "+acl|dryrun"));
        for set in sets.iter().filter(|q| q.kind == QueueKind::Bullmq) {
            let feature = retry(set.prefix());
            lines.push(line(&feature, &format!("({SCRIPTS} ~{}:*)", set.prefix())));
        }
        lines.push(line(UNLINK, "(+unlink ~*)"));
    }
    lines
}

const UNLINK: &str = "delete keys by prefix";

fn retry(prefix: &str) -> String {
    format!("retry jobs, pause and resume queues of {prefix}")
}

/// Asks whether the user may do what an operator does. Nothing is carried out.
///
/// # Errors
/// Not reached, or no answer.
pub async fn rights(way: Way, platform: &Platform) -> Result<Vec<(String, Option<Problem>)>, Fault> {
    let name = way.source().name.clone();
    let user = way.user().unwrap_or("default").to_owned();
    let mut prefixes: Vec<String> = platform
        .queues
        .iter()
        .filter(|q| q.redis.as_deref() == Some(name.as_str()) && q.kind == QueueKind::Bullmq)
        .map(|q| q.prefix().to_owned())
        .collect();
    prefixes.sort();
    prefixes.dedup();
    let mut client = Client::new(way);
    let at = client.masters().await?.into_iter().next().unwrap_or_default();
    let mut all = Vec::new();
    for prefix in prefixes {
        let rule = format!("({SCRIPTS} ~{prefix}:*)");
        let words = scripts(&format!("{prefix}:qd:check"));
        let problem = ask(&mut client, &at, &user, &words, &rule).await?;
        all.push((retry(&prefix), problem));
    }
    let unlink = [vec!["unlink".to_owned(), "qd:check".to_owned()]];
    let problem = ask(&mut client, &at, &user, &unlink, "(+unlink ~*)").await?;
    all.push((UNLINK.to_owned(), problem));
    Ok(all)
}

/// A command of each kind that the scripts send.
fn scripts(key: &str) -> Vec<Vec<String>> {
    let texts = [
        "eval|return 0|1|KEY",
        "zrem|KEY|1",
        "hset|KEY|f|1",
        "hdel|KEY|f",
        "lpush|KEY|1",
        "rpush|KEY|1",
        "ltrim|KEY|0|-1",
        "rename|KEY|KEY",
        "zadd|KEY|0|0",
        "incr|KEY",
        "del|KEY",
        "xadd|KEY|*|f|1",
    ];
    let words = |text: &&str| {
        let words = text.split('|');
        words.map(|w| if w == "KEY" { key } else { w }.to_owned()).collect()
    };
    texts.iter().map(words).collect()
}

async fn ask(
    client: &mut Client,
    at: &str,
    user: &str,
    commands: &[Vec<String>],
    rule: &str,
) -> Result<Option<Problem>, Fault> {
    let asked: Vec<Read> = commands
        .iter()
        .map(|words| Read::AclDryrun(user.to_owned(), words.clone()))
        .collect();
    for (answer, read) in client.read(at, &asked).await?.into_iter().zip(&asked) {
        match answer {
            Ok(answer) => {
                let said = value::text(&answer).unwrap_or_default();
                // Whoever has no right hears so in words, not as an error.
                if !said.eq_ignore_ascii_case("ok") {
                    return Ok(Some(Problem::Denied {
                        what: crate::text::clean(&said).as_ref().into(),
                        grant: format!("ACL SETUSER {user} {rule}").into(),
                    }));
                }
            }
            Err(refused) if refused.code == "NOPERM" => {
                return Ok(Some(refused.problem(&read.name(), read.acl(), None, Some(user))));
            }
            // Before 7.0 nobody can ask.
            Err(refused) => {
                return Ok(Some(Problem::Absent {
                    what: "the server does not tell what a user may".into(),
                    how: crate::text::clean(&refused.say()).as_ref().into(),
                }));
            }
        }
    }
    Ok(None)
}
