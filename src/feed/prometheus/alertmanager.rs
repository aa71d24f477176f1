//! Alertmanager's API v2: the six calls that we need.

use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::action::WriteGrant;
use crate::feed::http::{body, words};
use crate::model::{Alert, Problem, Silence};
use crate::text::clean;

use super::api::Trouble;

const DEADLINE: Duration = Duration::from_secs(5);
const MAX: usize = 16 * 1024 * 1024;

/// One Alertmanager. In a cluster of them one is enough: they tell each other.
pub struct Alertmanager<'a> {
    pub client: &'a reqwest::Client,
    /// Without a slash at its end.
    pub url: &'a str,
}

/// A silence as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewSilence {
    pub matchers: Vec<Matcher>,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub created_by: String,
    pub comment: String,
}

/// One condition on a label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Matcher {
    pub name: String,
    pub value: String,
    #[serde(default)]
    pub is_regex: bool,
    /// Absent in answers of old servers: equal.
    #[serde(default = "yes")]
    pub is_equal: bool,
}

fn yes() -> bool {
    true
}

impl Matcher {
    /// The label has exactly this value.
    pub fn equal(name: &str, value: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: value.to_owned(),
            is_regex: false,
            is_equal: true,
        }
    }
}

impl std::fmt::Display for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mark = match (self.is_equal, self.is_regex) {
            (true, false) => "=",
            (true, true) => "=~",
            (false, false) => "!=",
            (false, true) => "!~",
        };
        write!(f, "{}{mark}{:?}", self.name, self.value)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AlertIn {
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    fingerprint: String,
    starts_at: Timestamp,
    status: StatusIn,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusIn {
    #[serde(default)]
    state: String,
    #[serde(default)]
    silenced_by: Vec<String>,
    #[serde(default)]
    inhibited_by: Vec<String>,
    /// From 0.28: muted by a time interval.
    #[serde(default)]
    muted_by: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SilenceIn {
    id: String,
    #[serde(default)]
    matchers: Vec<Matcher>,
    starts_at: Timestamp,
    ends_at: Timestamp,
    #[serde(default)]
    created_by: String,
    #[serde(default)]
    comment: String,
    status: SilenceStatus,
}

#[derive(Deserialize)]
struct SilenceStatus {
    state: String,
}

/// Builds the model's alert from labels and annotations, as both servers give them.
pub(super) fn alert(
    labels: &BTreeMap<String, String>,
    annotations: &BTreeMap<String, String>,
    since: Timestamp,
) -> Alert {
    let label = |name: &str| labels.get(name).map(|v| clean(v).into_owned()).unwrap_or_default();
    let note = |names: &[&str]| {
        let found = names.iter().find_map(|n| annotations.get(*n));
        found.map(|v| clean(v).into_owned()).unwrap_or_default()
    };
    Alert {
        name: label("alertname").into(),
        severity: label("severity").to_lowercase().into(),
        labels: labels
            .iter()
            .map(|(k, v)| (k.as_str().into(), v.as_str().into()))
            .collect(),
        summary: note(&["summary", "description", "message"]).into(),
        runbook: note(&["runbook_url", "runbook"]).into(),
        since,
        fingerprint: "".into(),
        silenced_by: [].into(),
        inhibited: false,
    }
}

impl Alertmanager<'_> {
    /// All alerts, silenced and inhibited ones too.
    pub async fn alerts(&self) -> Result<Vec<Alert>, Trouble> {
        let all: Vec<AlertIn> = self.get("alerts").await?;
        Ok(all
            .into_iter()
            .map(|a| Alert {
                fingerprint: a.fingerprint.as_str().into(),
                silenced_by: a.status.silenced_by.iter().map(|s| s.as_str().into()).collect(),
                inhibited: a.status.state == "suppressed"
                    && a.status.silenced_by.is_empty()
                    && !(a.status.inhibited_by.is_empty() && a.status.muted_by.is_empty()),
                ..alert(&a.labels, &a.annotations, a.starts_at)
            })
            .collect())
    }

    /// Silences that have not ended.
    pub async fn silences(&self) -> Result<Vec<Silence>, Trouble> {
        let all: Vec<SilenceIn> = self.get("silences").await?;
        Ok(all.into_iter().filter_map(silence).collect())
    }

    /// One silence; `None` once it has ended.
    pub async fn silence(&self, id: &str) -> Result<Option<Silence>, Trouble> {
        Ok(silence(self.get(&format!("silence/{}", safe(id)?)).await?))
    }

    /// Its version, to see that it is one.
    pub async fn version(&self) -> Result<String, Trouble> {
        #[derive(Deserialize)]
        struct Status {
            #[serde(rename = "versionInfo")]
            version: Version,
        }
        #[derive(Deserialize)]
        struct Version {
            version: String,
        }
        let status: Status = self.get("status").await?;
        Ok(clean(&status.version.version).into_owned())
    }

    /// Makes a silence and gives its id. Sent once.
    pub async fn make(&self, _: &WriteGrant, silence: &NewSilence) -> Result<String, Trouble> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Made {
            #[serde(rename = "silenceID")]
            id: String,
        }
        let made: Made = self.ask(self.client.post(self.at("silences")).json(silence)).await?;
        Ok(made.id)
    }

    /// Ends a silence. Sent once.
    pub async fn expire(&self, _: &WriteGrant, id: &str) -> Result<(), Trouble> {
        let request = self.client.delete(self.at(&format!("silence/{}", safe(id)?)));
        self.bytes(request).await.map(drop)
    }

    fn at(&self, path: &str) -> String {
        format!("{}/api/v2/{path}", self.url)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Trouble> {
        self.ask(self.client.get(self.at(path))).await
    }

    async fn ask<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, Trouble> {
        let body = self.bytes(request).await?;
        serde_json::from_slice(&body).map_err(|e| {
            Trouble::Server(Problem::Failed(
                format!("the answer is not what an Alertmanager says: {e}").into(),
            ))
        })
    }

    async fn bytes(&self, request: reqwest::RequestBuilder) -> Result<Vec<u8>, Trouble> {
        let failed = |why: String| Trouble::Server(Problem::Failed(why.into()));
        let whole = async {
            let answer = request.send().await.map_err(|e| failed(words(&e)))?;
            let status = answer.status();
            Ok((status, body(answer, MAX).await.map_err(failed)?))
        };
        let (status, body) = tokio::time::timeout(DEADLINE, whole).await.unwrap_or_else(|_| {
            let why = format!("no answer within {} s", DEADLINE.as_secs());
            Err(Trouble::Server(Problem::TimedOut(why.into())))
        })?;
        if status.is_success() {
            return Ok(body);
        }
        // An error is a JSON string, or a Go error's text.
        let said = serde_json::from_slice::<String>(&body).unwrap_or_else(|_| {
            String::from_utf8_lossy(&body)
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned()
        });
        let said: String = clean(&said).chars().take(200).collect();
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Trouble::Refused(format!("the Alertmanager refuses the credentials ({})", status.as_u16()).into())
            }
            s if s.is_client_error() => Trouble::Question(Problem::Failed(
                format!("the Alertmanager answered {}: {said}", s.as_u16()).into(),
            )),
            s => failed(format!("the Alertmanager answered {}", s.as_u16())),
        })
    }
}

/// An id is a UUID: nothing in it may change the path.
fn safe(id: &str) -> Result<&str, Trouble> {
    if !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Ok(id);
    }
    Err(Trouble::Question(Problem::Failed("that is no silence's id".into())))
}

fn silence(s: SilenceIn) -> Option<Silence> {
    (s.status.state != "expired").then(|| Silence {
        id: s.id.as_str().into(),
        matchers: s.matchers.iter().map(|m| clean(&m.to_string()).into()).collect(),
        from: s.starts_at,
        to: s.ends_at,
        by: clean(&s.created_by).into(),
        comment: clean(&s.comment).into(),
        pending: s.status.state == "pending",
    })
}
