//! Pod templates: containers with their images, and the queues that they name.

use std::sync::Arc;

use serde::Deserialize;

use super::part::{Maybe, Text};
use crate::feed::kube::intern::Interner;
use crate::model::{ContainerSpec, QueueMention};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ContainerIn<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    image: Text<'a>,
    #[serde(borrow)]
    env: Maybe<Vec<EnvIn<'a>>>,
    #[serde(borrow)]
    command: Maybe<Vec<Text<'a>>>,
    #[serde(borrow)]
    args: Maybe<Vec<Text<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct EnvIn<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    /// What comes from a Secret has none.
    #[serde(borrow)]
    value: Text<'a>,
}

/// Main containers and init containers of a template.
pub fn container_specs(
    main: &[ContainerIn<'_>],
    init: &[ContainerIn<'_>],
    intern: &mut Interner,
) -> Arc<[ContainerSpec]> {
    let mut all: Vec<ContainerSpec> = Vec::with_capacity(main.len() + init.len());
    for (list, init) in [(main, false), (init, true)] {
        all.extend(list.iter().map(|c| ContainerSpec {
            name: intern.text(&c.name),
            image: intern.text(&c.image),
            init,
        }));
    }
    all.into()
}

/// The queues that the main containers name, in variables like `QUEUE_NAME` and arguments like `--queue`. Nothing else
/// of the environment is kept: it may hold secrets.
pub fn queues(main: &[ContainerIn<'_>], intern: &mut Interner) -> Arc<[QueueMention]> {
    let mut found: Vec<(String, String)> = Vec::new();
    for container in main {
        for env in container.env.iter().filter(|e| names_queues(&e.name)) {
            let place = || format!("the variable {}", &*env.name);
            found.extend(listed(&env.value).map(|queue| (queue.to_owned(), place())));
        }
        let words = container.command.iter().chain(container.args.iter());
        from_words(words.flat_map(|w| w.split_whitespace()), &mut found);
    }
    found.sort();
    found.dedup_by(|a, b| a.0 == b.0);
    let mention = |(queue, place): (String, String)| QueueMention {
        queue: intern.text(&queue),
        place: intern.text(&place),
    };
    found.into_iter().map(mention).collect()
}

fn from_words<'a>(words: impl Iterator<Item = &'a str>, found: &mut Vec<(String, String)>) {
    let mut take = |list: &str, flag: &str| {
        found.extend(listed(list).map(|queue| (queue.to_owned(), format!("the argument {flag}"))));
    };
    let (mut flag, mut before, mut of_rq) = ("", "", false);
    for word in words {
        if !std::mem::take(&mut flag).is_empty() && !word.starts_with('-') {
            take(word, before);
        } else if let Some((name, list)) = word.split_once('=').filter(|(name, _)| is_flag(name)) {
            take(list, name);
        } else if is_flag(word) {
            flag = word;
        } else if of_rq && !word.starts_with('-') && !before.starts_with('-') {
            take(word, "of rq worker");
        }
        of_rq |= word == "worker" && before.rsplit('/').next() == Some("rq");
        before = word;
    }
}

/// Sidekiq and Laravel, Celery, and what most others have.
fn is_flag(word: &str) -> bool {
    matches!(
        word,
        "-q" | "-Q" | "--queue" | "--queues" | "--queue-name" | "--queue-names"
    )
}

/// `QUEUE`, `WORKER_QUEUES`, `BULL_QUEUE_NAME`; not `QUEUE_URL`, which may hold a password.
fn names_queues(variable: &str) -> bool {
    let upper = variable.to_ascii_uppercase();
    let words: Vec<&str> = upper.split('_').collect();
    let is_queue = |word: &&str| matches!(*word, "QUEUE" | "QUEUES");
    match words.as_slice() {
        [.., last] if is_queue(last) => true,
        [.., one, "NAME" | "NAMES" | "LIST"] => is_queue(one),
        _ => false,
    }
}

/// The names in a list; what has other characters than names have is not one.
fn listed(list: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '{' | '}');
    list.split([',', ';', ' '])
        .map(str::trim)
        .filter(move |name| (1..=100).contains(&name.len()) && name.chars().all(is_part))
        .filter(|name| name.chars().any(|c| c.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(container: &str) -> Vec<String> {
        let container: ContainerIn<'_> = serde_json::from_str(container).unwrap();
        let all = queues(&[container], &mut Interner::default());
        all.iter().map(|m| format!("{} by {}", m.queue, m.place)).collect()
    }

    #[test]
    fn variables_and_arguments_name_queues_and_secrets_stay_unread() {
        let container = r#"{"name": "w", "env": [
            {"name": "WORKER_QUEUES", "value": "email, bull:pdf:wait"}, {"name": "QUEUE_URL", "value": "secret"},
            {"name": "QUEUE_NAME", "value": "redis://:password@redis"}, {"name": "QUEUE_CONCURRENCY", "value": "8"},
            {"name": "QUEUE", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}"#;
        assert_eq!(
            named(container),
            [
                "bull:pdf:wait by the variable WORKER_QUEUES",
                "email by the variable WORKER_QUEUES"
            ]
        );
        for (words, want) in [
            (r#"["celery", "-A", "app", "worker", "-Q", "hi,lo"]"#, vec!["hi", "lo"]),
            (
                r#"["sh", "-c", "exec sidekiq -q critical,2 -q default"]"#,
                vec!["critical", "default"],
            ),
            (r#"["node", "worker.js", "--queue=email"]"#, vec!["email"]),
            (r#"["rq", "worker", "high", "low"]"#, vec!["high", "low"]),
            (r#"["redis-server", "-q", "--save"]"#, vec![]),
        ] {
            let all = named(&format!(r#"{{"name": "w", "args": {words}}}"#));
            let queues: Vec<&str> = all.iter().filter_map(|m| m.split(' ').next()).collect();
            assert_eq!(queues, want, "{words}");
        }
    }
}
