//! Set one key of a ConfigMap: a JSON merge patch with the uid and the version that were read, so that nobody's change
//! is overwritten unseen.
//!
//! What looks like a credential is refused: a ConfigMap's value goes on the screen and on record, and such a value must
//! not.

use serde_json::{Value, json};

use super::secret::fits_key;
use super::{ObjectAsk, users};
use crate::action::draft::{Draft, change, refuse, rests_on};
use crate::action::object::{field, flag, last_set, path, quote, text};
use crate::action::plan::{Alternative, PlanStep, Refusal, Request, Risk, VerifySpec};
use crate::action::restart::patch_need;
use crate::action::steward;
use crate::action::survey::{Survey, write_path};
use crate::model::{Kind, ObjectRef};

/// Longer values are files; nobody should type one here.
const MOST: usize = 4096;

pub(super) async fn draft(
    survey: &Survey<'_>,
    target: &ObjectRef,
    key: &str,
    value: Option<&str>,
    seen: Option<&str>,
) -> Result<Draft, Refusal> {
    if target.kind != Kind::ConfigMap {
        return Err(refuse(format!("{target} is no ConfigMap"), "choose one"));
    }
    if !fits_key(key) {
        return Err(refuse(
            format!("{key:?} is no key of a ConfigMap"),
            "letters, digits, `-`, `_` and `.`",
        ));
    }
    if value.is_some_and(|v| v.len() > MOST) {
        return Err(refuse(
            "the value is longer than 4 KiB",
            "change a file of this size with kubectl edit",
        ));
    }
    let object = survey.target(target).await?;
    if flag(&object, "/immutable") {
        return Err(refuse(
            format!("{target} is immutable: the server takes no change of it"),
            "make a new ConfigMap and let the workloads use that one",
        ));
    }
    let data = object.get("data");
    let now = data.and_then(|d| d.get(key)).and_then(Value::as_str);
    if object.pointer("/binaryData").and_then(|d| d.get(key)).is_some() {
        return Err(refuse(format!("{key} holds binary data"), "change it with kubectl"));
    }
    if [now, value].into_iter().flatten().any(|v| looks_secret(key, v)) {
        return Err(refuse(
            format!("{key} looks like a credential, and a ConfigMap's value goes on screen and on record"),
            "keep it in a Secret, where its value stays hidden; or change it with kubectl",
        ));
    }
    if seen.is_some() && now != seen && now != value {
        let mut no = refuse(
            format!("{key} of {target} changed since you looked"),
            "plan again from what it is now",
        );
        if let Some(value) = value {
            no.alternatives.push(Alternative {
                label: format!("set {key} from what it is now"),
                request: set(target, key, value, now),
            });
        }
        return Err(no);
    }
    let verify = VerifySpec {
        text: "the server holds it so".into(),
        deadline_s: 30,
        soak_s: 0,
    };
    let verb = if value.is_some() {
        format!("Set {key}")
    } else {
        format!("Remove {key}")
    };
    let mut draft = Draft::new(
        format!("{verb} in {target}"),
        format!("{verb} in {}", target.name),
        Risk::R2,
        verify,
    );
    if now == value {
        draft.no_op = Some(format!("{key} is so already"));
    }
    let uid = text(&object, "/metadata/uid");
    let target = &ObjectRef {
        uid: uid.into(),
        ..target.clone()
    };
    let version = field(&object, "/metadata/resourceVersion").clone();
    let merge = json!({"data": {key: value}}).to_string();
    draft.steps.push(PlanStep {
        target: target.into(),
        changes: difference(key, now, value),
        same_as: survey.kubectl(
            &target.namespace,
            &format!("patch configmap {} --type=merge -p {}", target.name, quote(&merge)),
        ),
        method: "PATCH".into(),
        path: write_path(target, ""),
        content_type: "application/merge-patch+json".into(),
        body: json!({"metadata": {"uid": uid, "resourceVersion": version}, "data": {key: value}}),
        rests_on: rests_on(
            path(target),
            &[("/metadata/uid", json!(uid)), (&format!("/data/{key}"), json!(now))],
        ),
    });
    draft.needs.push(patch_need(target));
    let fields = ["f:data", &format!("f:{key}")];
    draft.last_set.extend(last_set(&object, key, &fields, "", survey.now));
    if now.is_none() && value.is_some() {
        draft.warn(format!(
            "it has no key {key} now: check that it is spelt as the program reads it"
        ));
    }
    users::tell(survey, &mut draft, target).await;
    steward::warn(&mut draft, &object, target);
    let back = match (now, value) {
        (Some(now), _) => set(target, key, now, value),
        (None, Some(value)) => Request::Object {
            target: target.clone(),
            ask: ObjectAsk::UnsetConfig {
                key: key.to_owned(),
                seen: value.to_owned(),
            },
        },
        (None, None) => return Ok(draft),
    };
    let label = if now.is_some() {
        format!("set {key} back")
    } else {
        format!("take {key} away again")
    };
    draft.undo_by(label, back);
    Ok(draft)
}

/// Whether a value is likely to be a credential: by what it looks like, or by its key where it is more than a number, a
/// switch, a length of time or an address.
pub fn looks_secret(key: &str, value: &str) -> bool {
    const WORDS: [&str; 7] = [
        "password",
        "passwd",
        "secret",
        "token",
        "credential",
        "api_key",
        "private",
    ];
    let user_info = value
        .split("://")
        .nth(1)
        .and_then(|rest| rest.split('/').next())
        .is_some_and(|authority| authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':')));
    let pem = value.contains("-----BEGIN") && value.contains("PRIVATE KEY");
    let key = key.to_ascii_lowercase().replace('-', "_");
    let named = WORDS.iter().any(|w| key.contains(w)) || key.ends_with("apikey");
    let harmless = value.len() < 6
        || value.contains("://")
        || value.starts_with('/')
        || value
            .trim_end_matches(char::is_alphabetic)
            .chars()
            .all(|c| c.is_ascii_digit() || c == '.')
            && value.len() < 12;
    user_info || pem || named && !harmless
}

fn set(target: &ObjectRef, key: &str, value: &str, seen: Option<&str>) -> Request {
    Request::Object {
        target: target.clone(),
        ask: ObjectAsk::SetConfig {
            key: key.to_owned(),
            value: value.to_owned(),
            seen: seen.map(str::to_owned),
        },
    }
}

/// One line as it is; of several lines those that differ.
fn difference(key: &str, now: Option<&str>, to: Option<&str>) -> Vec<crate::action::plan::FieldChange> {
    let word = |v: Option<&str>| match v {
        None => "none".to_owned(),
        Some("") => "empty".to_owned(),
        Some(v) => v.to_owned(),
    };
    let lines = |v: Option<&str>| v.unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
    let (old, new) = (lines(now), lines(to));
    if old.len() <= 1 && new.len() <= 1 {
        return vec![change(key, word(now), word(to))];
    }
    let longest = old.len().max(new.len());
    let at = |list: &[String], i: usize| list.get(i).cloned().unwrap_or_default();
    (0..longest)
        .filter(|i| at(&old, *i) != at(&new, *i))
        .map(|i| change(format!("{key}:{}", i + 1), at(&old, i), at(&new, i)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_told_from_settings_that_are_called_alike() {
        for (key, value) in [
            ("DB_PASSWORD", "hunter2-hunter2"),
            ("DATABASE_URL", "postgres://cortex:pw@db:5432/cortex"),
            ("tls.pem", "-----BEGIN PRIVATE KEY-----\nAAAA"),
            ("jwt-secret", "b3JhbmdlLWJyb3duLWZveA"),
        ] {
            assert!(looks_secret(key, value), "{key}");
        }
        for (key, value) in [
            ("TOKEN_TTL", "3600s"),
            ("PASSWORD_RESET_URL", "https://example.com/reset"),
            ("DB_POOL_SIZE", "50"),
            ("SECRET_PATH", "/var/run/secrets/x"),
            ("REDIS_URL", "redis://redis:6379/0"),
        ] {
            assert!(!looks_secret(key, value), "{key}");
        }
    }

    #[test]
    fn of_several_lines_only_those_that_differ_are_shown() {
        let all = difference("a.conf", Some("x=1\ny=2\nz=3"), Some("x=1\ny=5\nz=3\nw=4"));
        let shown: Vec<_> = all
            .iter()
            .map(|c| (c.field.as_str(), c.before.as_str(), c.after.as_str()))
            .collect();
        assert_eq!(shown, [("a.conf:2", "y=2", "y=5"), ("a.conf:4", "", "w=4")]);
        assert_eq!(difference("K", None, Some("1"))[0].before, "none");
    }
}
