//! The failed jobs of the queue that is looked at, newest first.

use jiff::Timestamp;

use super::bullmq::key;
use crate::feed::redis::Client;
use crate::feed::redis::command::Read;
use crate::feed::redis::connection::{Fault, value};
use crate::model::{FailedJob, FailedJobs, Problem, Str};
use crate::text::{clean, truncate_end};

/// Jobs that are shown, and those of them whose payload is fetched.
const SHOWN: u16 = 50;
const PAYLOADS: usize = 20;

fn text(value: Option<&redis::Value>, most: usize) -> Str {
    let text = value.and_then(value::text).unwrap_or_default();
    truncate_end(&clean(&text), most).as_ref().into()
}

/// Why a job failed, without what the sentence quotes of its payload: what stands in quotes or brackets, addresses, and
/// every word with a digit that is no status of HTTP.
fn without_values(reason: &str) -> String {
    const OPEN: [char; 9] = ['"', '\'', '`', '<', '{', '[', '“', '‘', '«'];
    let mut words: Vec<&str> = Vec::new();
    let mut until: Option<char> = None;
    for word in reason.split_whitespace() {
        // `key="a b"` and `("a b"` open within a word; the apostrophe of `can't` opens nothing.
        let begin = word.char_indices().find(|(at, c)| {
            let before = word.get(..*at).and_then(|w| w.chars().last());
            OPEN.contains(c) && before.is_none_or(|b| !b.is_alphanumeric())
        });
        let inside = match (until, begin) {
            (Some(_), _) => word,
            (None, Some((at, c))) => {
                until = Some(close(c));
                word.get(at + c.len_utf8()..).unwrap_or_default()
            }
            (None, None) => {
                let digit = word.contains(|c: char| c.is_numeric());
                let status = word.len() == 3 && word.starts_with(['4', '5']) && word.parse::<u16>().is_ok();
                let value = digit && !status || word.contains(['@', '=', '/', '\\']);
                if !value {
                    words.push(word);
                    continue;
                }
                word
            }
        };
        if words.last() != Some(&"?") {
            words.push("?");
        }
        if until.is_some_and(|end| inside.contains(end)) {
            until = None;
        }
    }
    words.join(" ")
}

/// What ends it. Braces stand in braces: what they begin goes to the end.
const fn close(open: char) -> char {
    match open {
        '<' => '>',
        '{' => '\0',
        '[' => ']',
        '“' => '”',
        '‘' => '’',
        '«' => '»',
        same => same,
    }
}

/// Reads the newest failed jobs. With `mask` no payload leaves the server, and reasons come without what they quote.
///
/// # Errors
/// The server was not reached; the inner one when it refused.
pub(super) async fn failed_jobs(
    client: &mut Client,
    prefix: &str,
    queue: &str,
    mask: bool,
) -> Result<Result<FailedJobs, Problem>, Fault> {
    let set = key(prefix, queue, "failed");
    let at = client.home(&set).await?;
    let user = client.way().user().map(str::to_owned);
    let commands = [
        Read::Zcard(set.clone()),
        Read::Zrange {
            key: set,
            first: 0,
            count: SHOWN,
            newest_first: true,
        },
    ];
    let answers = client.read(&at, &commands).await?;
    for (answer, command) in answers.iter().zip(&commands) {
        if let Err(refused) = answer {
            let problem = refused.problem(&command.name(), command.acl(), command.key(), user.as_deref());
            return Ok(Err(problem));
        }
    }
    let total = answers
        .first()
        .and_then(|a| a.as_ref().ok())
        .and_then(value::count)
        .unwrap_or(0);
    let members = answers
        .get(1)
        .and_then(|a| a.as_ref().ok())
        .map(value::items)
        .unwrap_or_default();
    let ids: Vec<(String, Option<Timestamp>)> = members
        .chunks_exact(2)
        .filter_map(|pair| {
            let id = value::text(pair.first()?)?;
            let at = pair.get(1).and_then(value::number);
            Some((id, at.and_then(|ms| Timestamp::from_millisecond(ms as i64).ok())))
        })
        .collect();
    let fields = vec!["name", "failedReason", "timestamp", "attemptsMade", "atm", "parentKey"];
    let mut asked: Vec<Read> = ids
        .iter()
        .map(|(id, _)| Read::Hmget(key(prefix, queue, id), fields.clone()))
        .collect();
    if !mask {
        let first = ids.iter().take(PAYLOADS);
        asked.extend(first.map(|(id, _)| Read::Hget(key(prefix, queue, id), "data".to_owned())));
    }
    let answers = client.read(&at, &asked).await?;
    let (jobs, payloads) = answers.split_at(ids.len().min(answers.len()));
    if let Some((refused, command)) = jobs.iter().zip(&asked).find_map(|(a, c)| Some((a.as_ref().err()?, c))) {
        let problem = refused.problem(&command.name(), command.acl(), command.key(), user.as_deref());
        return Ok(Err(problem));
    }
    let jobs = ids
        .into_iter()
        .zip(jobs)
        .enumerate()
        .map(|(n, ((id, failed_at), job))| {
            let fields = job.as_ref().map(value::items).unwrap_or_default();
            let number = |n: usize| fields.get(n).and_then(value::count);
            FailedJob {
                id: clean(&id).as_ref().into(),
                name: text(fields.first(), 100),
                failed_at,
                added_at: fields
                    .get(2)
                    .and_then(value::int)
                    .and_then(|ms| Timestamp::from_millisecond(ms).ok()),
                attempts: number(4).or_else(|| number(3)),
                reason: match fields.get(1).and_then(value::text) {
                    Some(reason) if mask => truncate_end(&clean(&without_values(&reason)), 400).as_ref().into(),
                    _ => text(fields.get(1), 400),
                },
                payload: payloads
                    .get(n)
                    .and_then(|p| p.as_ref().ok())
                    .map(|p| text(Some(p), FailedJob::PAYLOAD)),
                has_parent: fields.get(5).and_then(value::text).is_some(),
            }
        });
    Ok(Ok(FailedJobs {
        jobs: jobs.collect(),
        total,
    }))
}

#[cfg(test)]
mod tests {
    use super::without_values;

    #[test]
    fn a_reason_says_what_failed_and_not_for_whom() {
        for (reason, shown) in [
            (
                "Request failed with status code 503",
                "Request failed with status code 503",
            ),
            ("connect ECONNREFUSED 10.0.0.3:5432", "connect ECONNREFUSED ?"),
            ("550 5.1.1 <kim@example.org>: no such box", "550 ? no such box"),
            (
                "can't find user \"Kim Doe\" (id=7, mail kim@x)",
                "can't find user ? mail ?",
            ),
            (
                "Unexpected token in {\"to\": \"kim\", \"n\": 1}",
                "Unexpected token in ?",
            ),
            ("bad row { id: 7, of: { name: kim }, is: Kim Doe }", "bad row ?"),
            ("cut \"off before its end", "cut ?"),
            ("no file /home/kim of ‘Kim Doe’ here", "no file ? of ? here"),
        ] {
            assert_eq!(without_values(reason), shown);
        }
    }
}
