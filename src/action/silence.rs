//! Silence an alert at the Alertmanager, and end a silence again.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::draft::{Draft, change, refuse};
use super::plan::{Outcome, PlanStep, Refusal, Request, Risk, Verdict, VerifySpec};
use super::sources::{Deed, Reach, Tell};
use super::{Actor, Planner, Target, Thing, WriteGrant};
use crate::feed::prometheus::alertmanager::{Alertmanager, Matcher, NewSilence};
use crate::feed::prometheus::{AlertmanagerWay, Trouble};
use crate::journal::ResponseSeen;
use crate::model::Alert;
use crate::text::clean;

/// The longest: what should be quiet for longer is a matter for the rule, not for a silence.
const MOST_MINUTES: u32 = 24 * 60;

fn way<'a>(reach: &'a Reach, thing: &Thing) -> Result<&'a AlertmanagerWay, Refusal> {
    reach.alertmanagers.get(&thing.source.name).ok_or_else(|| {
        refuse(
            format!("no Alertmanager is configured for {}", thing.source.name),
            "alertmanager = { url = \"…\" } in [[platform.prometheus]]",
        )
    })
}

fn words(trouble: Trouble) -> String {
    clean(trouble.problem().words()).into_owned()
}

fn unreachable(trouble: Trouble) -> Refusal {
    refuse(
        format!("the Alertmanager could not be asked: {}", words(trouble)),
        "nothing was changed; try again when it answers",
    )
}

fn covers(matchers: &[Matcher], alert: &Alert) -> bool {
    matchers
        .iter()
        .all(|m| alert.label(&m.name).unwrap_or_default() == m.value)
}

/// What a silence of these labels would hold back.
pub(super) async fn draft(
    planner: &Planner,
    alert: &Thing,
    labels: &[(String, String)],
    minutes: u32,
    comment: &str,
    now: Timestamp,
) -> Result<Draft, Refusal> {
    if labels.is_empty() {
        return Err(refuse(
            "a silence without labels would hold back everything",
            "choose an alert",
        ));
    }
    if minutes == 0 || minutes > MOST_MINUTES {
        return Err(refuse(
            format!("a silence lasts 1 min to 24 h, not {minutes} min"),
            "for longer, change the rule",
        ));
    }
    if comment.trim().is_empty() {
        return Err(refuse(
            "a silence needs a comment",
            "say why, for whoever comes after you",
        ));
    }
    let way = way(&planner.sources, alert)?;
    let matchers: Vec<Matcher> = labels.iter().map(|(k, v)| Matcher::equal(k, v)).collect();
    let client = way
        .client()
        .await
        .map_err(|p| refuse(p.words().to_owned(), "see the source's configuration"))?;
    let alerts = Alertmanager {
        client: &client,
        url: way.url(),
    }
    .alerts()
    .await
    .map_err(unreachable)?;
    let held: Vec<&Alert> = alerts.iter().filter(|a| covers(&matchers, a)).collect();
    let new = silence(&matchers, minutes, comment, planner, now);
    let selector: Vec<String> = matchers.iter().map(ToString::to_string).collect();
    let verify = VerifySpec {
        text: "the silence is active and holds the alert back".to_owned(),
        deadline_s: 30,
        soak_s: 0,
    };
    let name = clean(&alert.name).into_owned();
    let mut draft = Draft::new(
        format!("Silence alert {name}"),
        format!("Silence {name} for {minutes} min"),
        Risk::R1,
        verify,
    );
    draft.steps.push(PlanStep {
        target: Target::Thing(alert.clone()),
        changes: vec![change(
            "silence",
            "none",
            format!("{{{}}} until {}", selector.join(", "), minute(new.ends_at)),
        )],
        same_as: format!(
            "amtool --alertmanager.url={} silence add --duration={minutes}m --comment={comment:?} {}",
            way.url(),
            selector
                .iter()
                .map(|m| format!("'{}'", m.replace('\'', "")))
                .collect::<Vec<_>>()
                .join(" ")
        ),
        method: "POST".to_owned(),
        path: format!("{}/api/v2/silences", way.url()),
        content_type: "application/json".to_owned(),
        body: json!(new),
        rests_on: json!({}),
    });
    draft.impact.push(match held.len() {
        0 => "it holds back no alert now".to_owned(),
        1 => "it holds back 1 alert now".to_owned(),
        n => format!("it holds back {n} alerts now"),
    });
    if held.iter().any(|a| !a.silenced_by.is_empty()) {
        draft.warn("a silence holds it back already");
    }
    if held.is_empty() {
        draft.warn_seriously("no alert has these labels any more");
    }
    draft.undo_by(
        "end the silence".to_owned(),
        Request::ExpireSilence {
            silence: Thing {
                kind: "silence".into(),
                id: "".into(),
                ..alert.clone()
            },
        },
    );
    Ok(draft)
}

/// `2026-11-22 09:52Z`
fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%MZ").to_string()
}

/// As the API server names us.
fn author(planner: &Planner) -> &str {
    if planner.user.is_empty() {
        "quarterdeck"
    } else {
        &planner.user
    }
}

fn silence(matchers: &[Matcher], minutes: u32, comment: &str, planner: &Planner, now: Timestamp) -> NewSilence {
    NewSilence {
        matchers: matchers.to_vec(),
        // Where our clock is ahead it must not be a silence of the future; what begins in the past begins now.
        starts_at: now.checked_sub(SignedDuration::from_mins(1)).unwrap_or(now),
        ends_at: now
            .checked_add(SignedDuration::from_mins(i64::from(minutes)))
            .unwrap_or(now),
        created_by: author(planner).to_owned(),
        comment: comment.trim().to_owned(),
    }
}

/// What ending a silence would let through. Without an id it is the newest of ours that holds the alert back.
pub(super) async fn draft_expire(planner: &Planner, silence: &Thing) -> Result<Draft, Refusal> {
    let way = way(&planner.sources, silence)?;
    let client = way
        .client()
        .await
        .map_err(|p| refuse(p.words().to_owned(), "see the source's configuration"))?;
    let api = Alertmanager {
        client: &client,
        url: way.url(),
    };
    let (alerts, silences) = tokio::join!(api.alerts(), api.silences());
    let (alerts, silences) = (alerts.map_err(unreachable)?, silences.map_err(unreachable)?);
    let holds = |id: &str| {
        alerts
            .iter()
            .filter(|a| a.silenced_by.iter().any(|s| &**s == id))
            .count()
    };
    let name = format!("alertname={:?}", &*silence.name);
    let ours = silences
        .iter()
        .filter(|s| {
            if silence.id.is_empty() {
                *s.by == *author(planner)
            } else {
                s.id == silence.id
            }
        })
        .filter(|s| !silence.id.is_empty() || s.matchers.iter().any(|m| **m == *name))
        .max_by_key(|s| s.from);
    let Some(found) = ours else {
        return Err(refuse("that silence has ended already", "look at the list of silences"));
    };
    let target = Thing {
        kind: "silence".into(),
        id: found.id.clone(),
        ..silence.clone()
    };
    let verify = VerifySpec {
        text: "the silence has ended".to_owned(),
        deadline_s: 30,
        soak_s: 0,
    };
    let title = format!("End the silence of {}", clean(&silence.name));
    let mut draft = Draft::new(title, "End the silence".to_owned(), Risk::R1, verify);
    draft.steps.push(PlanStep {
        target: Target::Thing(target),
        changes: vec![change("silence", format!("until {}", minute(found.to)), "ended")],
        same_as: format!("amtool --alertmanager.url={} silence expire {}", way.url(), found.id),
        method: "DELETE".to_owned(),
        path: format!("{}/api/v2/silence/{}", way.url(), found.id),
        content_type: String::new(),
        body: serde_json::Value::Null,
        rests_on: json!({}),
    });
    draft.impact.push(format!(
        "{} alerts that it holds back are told of again",
        holds(&found.id)
    ));
    draft.last_set.push(format!("made by {}: {}", found.by, found.comment));
    draft.no_undo("make a new silence instead");
    Ok(draft)
}

/// Prepares the one request.
pub(super) async fn ready(actor: &Actor, request: &Request, step: &PlanStep) -> Result<Box<dyn Deed>, Outcome> {
    let Target::Thing(thing) = &step.target else {
        return Err(Outcome::Refused("that is no alert".to_owned()));
    };
    let way = way(&actor.planner().sources, thing)
        .map_err(|r| Outcome::Refused(r.what))?
        .clone();
    let client = way.client().await.map_err(|p| Outcome::Refused(p.words().to_owned()))?;
    let what = match request {
        Request::Silence {
            labels,
            minutes,
            comment,
            ..
        } => {
            let matchers: Vec<Matcher> = labels.iter().map(|(k, v)| Matcher::equal(k, v)).collect();
            What::Make(Box::new(silence(
                &matchers,
                *minutes,
                comment,
                actor.planner(),
                Timestamp::now(),
            )))
        }
        _ => What::Expire(thing.id.to_string()),
    };
    Ok(Box::new(Silencing {
        way,
        client,
        what,
        poll: actor.pace().poll,
    }))
}

enum What {
    Make(Box<NewSilence>),
    Expire(String),
    /// It was made, under this id.
    Made(String),
}

struct Silencing {
    way: AlertmanagerWay,
    client: reqwest::Client,
    what: What,
    poll: std::time::Duration,
}

fn outcome(trouble: Trouble) -> Outcome {
    match &trouble {
        Trouble::Refused(_) | Trouble::Question(_) => Outcome::Refused(words(trouble)),
        // It may have arrived all the same.
        Trouble::Server(_) => Outcome::Unknown(words(trouble)),
    }
}

impl Deed for Silencing {
    fn send<'a>(&'a mut self, grant: &'a WriteGrant, _: &'a Tell) -> BoxFuture<'a, (Outcome, Option<ResponseSeen>)> {
        async move {
            let api = Alertmanager {
                client: &self.client,
                url: self.way.url(),
            };
            let (made, done) = match &self.what {
                What::Make(new) => match api.make(grant, new).await {
                    Ok(id) => (Some(id), Outcome::Applied),
                    Err(trouble) => (None, outcome(trouble)),
                },
                What::Expire(id) => (
                    None,
                    api.expire(grant, id).await.map_or_else(outcome, |()| Outcome::Applied),
                ),
                What::Made(_) => (None, Outcome::NoOp),
            };
            if let Some(id) = made {
                self.what = What::Made(id);
            }
            (done, None)
        }
        .boxed()
    }

    fn verify<'a>(&'a mut self, _: &'a Tell) -> BoxFuture<'a, Verdict> {
        async move {
            let api = Alertmanager {
                client: &self.client,
                url: self.way.url(),
            };
            let (id, wanted) = match &self.what {
                What::Made(id) => (id, true),
                What::Expire(id) => (id, false),
                What::Make(_) => return Verdict::Unknown("the Alertmanager gave no id".to_owned()),
            };
            let mut last = String::new();
            for _ in 0..15 {
                match api.silence(id).await {
                    Ok(found) if found.is_some() == wanted => {
                        return Verdict::Healthy(match found {
                            Some(s) => format!("silence {id} holds until {}", minute(s.to)),
                            None => format!("silence {id} has ended"),
                        });
                    }
                    Ok(_) => last = String::from("the Alertmanager does not show it yet"),
                    Err(trouble) => last = words(trouble),
                }
                tokio::time::sleep(self.poll).await;
            }
            Verdict::Unknown(last)
        }
        .boxed()
    }
}
