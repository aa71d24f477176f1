//! What the actions on BullMQ queues share: where a queue is, whether it may be touched, and what an answer means.

use std::time::Duration;

use redis::Value;
use serde_json::json;

use super::Thing;
use super::draft::refuse;
use super::plan::{Outcome, Refusal};
use super::sources::Reach;
use crate::config::QueueKind;
use crate::feed::queue::bullmq::{key, layout};
use crate::feed::redis::Client;
use crate::feed::redis::command::Read;
use crate::feed::redis::connection::{Answer, Written, value};
use crate::journal::ResponseSeen;
use crate::model::BullLayout;

/// One queue, read now.
pub(super) struct Bull {
    pub client: Client,
    pub prefix: String,
    pub name: String,
    pub layout: BullLayout,
    pub paused: bool,
    pub failed: u64,
    /// Waiting, held by a pause, prioritized.
    pub ready: u64,
    pub active: u64,
    pub node: String,
}

impl Bull {
    /// Reads a queue afresh.
    ///
    /// # Errors
    /// It is not in the configuration, not to be reached, or of a layout that is shown and not touched.
    pub async fn read(reach: &Reach, queue: &Thing) -> Result<Self, Refusal> {
        let Some(set) = reach.queues.get(&queue.source.name) else {
            return Err(refuse(
                format!("there is no set of queues named {}", queue.source.name),
                "name it in [[platform.queues]] of the configuration",
            ));
        };
        if set.source.kind != QueueKind::Bullmq {
            return Err(refuse(
                "only queues of BullMQ are changed from here",
                "use that system's own tool",
            ));
        }
        if queue.name.is_empty() || queue.name.contains(':') {
            return Err(refuse(
                format!("{:?} is no queue's name", &*queue.name),
                "choose it from the list",
            ));
        }
        let mut bull = Self {
            client: Client::new(set.way.clone()),
            prefix: set.source.prefix().to_owned(),
            name: queue.name.to_string(),
            layout: BullLayout::default(),
            paused: false,
            failed: 0,
            ready: 0,
            active: 0,
            node: String::new(),
        };
        let cannot = |why: String| {
            refuse(
                format!("queue {} cannot be read: {why}", queue.name),
                "look at its Redis",
            )
        };
        let home = bull.key("meta");
        bull.node = bull.client.home(&home).await.map_err(|f| cannot(f.say()))?;
        let answers = bull
            .ask(&[
                Read::Hmget(home, vec!["version", "paused"]),
                Read::Zcard(bull.key("failed")),
                Read::Llen(bull.key("wait")),
                Read::Llen(bull.key("paused")),
                Read::Zcard(bull.key("prioritized")),
                Read::Llen(bull.key("active")),
            ])
            .await
            .map_err(cannot)?;
        if let Some(refused) = answers.iter().find_map(|a| a.as_ref().err()) {
            return Err(cannot(refused.say()));
        }
        let count = |n: usize| {
            answers
                .get(n)
                .and_then(|a| a.as_ref().ok())
                .and_then(value::count)
                .unwrap_or(0)
        };
        let meta = answers
            .first()
            .and_then(|a| a.as_ref().ok())
            .map(value::items)
            .unwrap_or_default();
        bull.layout = layout(meta.first().and_then(value::text).as_deref(), set.source.layout);
        bull.paused = !matches!(meta.get(1), None | Some(Value::Nil));
        bull.failed = count(1);
        bull.ready = count(2) + count(3) + count(4);
        bull.active = count(5);
        if !bull.layout.is_writable() {
            let what = match (bull.layout.major, &*bull.layout.version) {
                (Some(major), _) => format!("queue {} is of BullMQ {major}: it is shown, not touched", bull.name),
                (None, "") => format!("queue {} does not say which BullMQ it belongs to", bull.name),
                (None, version) => format!("queue {} is of {version}, whose layout is not known", bull.name),
            };
            return Err(refuse(
                what,
                "use the application's own dashboard, or `layout = 5` in [[platform.queues]] if it is known to be so",
            ));
        }
        Ok(bull)
    }

    pub fn key(&self, part: &str) -> String {
        key(&self.prefix, &self.name, part)
    }

    pub fn major(&self) -> String {
        self.layout.major.unwrap_or_default().to_string()
    }

    pub async fn ask(&mut self, commands: &[Read]) -> Result<Vec<Answer>, String> {
        self.client.read(&self.node, commands).await.map_err(|f| f.say())
    }

    /// What does the same by hand: a call of the application's own library. For redis-cli there is no one line, for the
    /// script that changes all keys of the queue at once comes with the console.
    pub fn by_hand(&self, call: &str) -> String {
        format!("{call} of BullMQ, in the application; redis-cli has no one line for it")
    }
}

/// A word for a shell.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '.' | '/' | '*');
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// What became of a change, unless it was done.
pub(super) fn outcome(written: &Written, acl: &str, user: Option<&str>) -> Option<Outcome> {
    Some(match written {
        Written::Done(_) => return None,
        Written::Refused(refused) => Outcome::Refused(match refused.code.as_str() {
            "OOM" => "the server has no memory left for writes (OOM): free some, or raise its limit".to_owned(),
            "READONLY" => "this server is a replica now (READONLY): a failover is under way; plan again".to_owned(),
            "MOVED" | "ASK" | "CLUSTERDOWN" | "TRYAGAIN" => {
                format!("the Cluster is changing ({}): plan again", refused.code)
            }
            "MISCONF" => "the server refuses writes because it cannot save its data (MISCONF)".to_owned(),
            "NOPERM" => format!(
                "not permitted: ACL SETUSER {} {acl} ({})",
                user.unwrap_or("default"),
                refused.say()
            ),
            _ => refused.say(),
        }),
        Written::NotSent(fault) => Outcome::Refused(format!("nothing was sent: {}", fault.say())),
        Written::Unknown(why) => Outcome::Unknown(why.clone()),
    })
}

/// For the journal.
pub(super) fn seen(written: &Written) -> Option<ResponseSeen> {
    let (code, reason, message) = match written {
        Written::Done(value) => (200, String::new(), brief(value)),
        Written::Refused(refused) => (400, refused.code.clone(), refused.say()),
        Written::NotSent(_) => return None,
        Written::Unknown(why) => (0, String::new(), why.clone()),
    };
    Some(ResponseSeen {
        code,
        reason,
        message,
        ..ResponseSeen::default()
    })
}

fn brief(answer: &Value) -> String {
    let items: Vec<String> = value::items(answer).iter().filter_map(value::text).collect();
    if items.is_empty() {
        value::text(answer).unwrap_or_default()
    } else {
        json!(items).to_string()
    }
}

/// Waits between two looks.
pub(super) async fn pause(poll: Duration) {
    tokio::time::sleep(poll.min(Duration::from_secs(1))).await;
}
