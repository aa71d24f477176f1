//! Give one key of a Secret another value, and put a former one back.
//!
//! The value is made here or was typed into a masked field; it goes over the wire and nowhere else. The plan, the journal
//! and the screen hold the key's name and lengths. A Secret is read only by a console that may change things, and what the
//! server says against the change is told without the values that it may quote.

use rustls::crypto::SecureRandom;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::users;
use crate::action::draft::{Draft, change, refuse, rests_on};
use crate::action::object::{field, flag, last_set, path, text};
use crate::action::plan::{PlanStep, Refusal, Request, Risk, VerifySpec};
use crate::action::restart::patch_need;
use crate::action::sealed::Sealed;
use crate::action::steward;
use crate::action::survey::{Survey, write_path};
use crate::model::{Kind, ObjectRef};

use super::ObjectAsk;

/// Of what a new value is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alphabet {
    /// `A-Z a-z 0-9`: safe in URLs, shells and configuration files.
    Letters,
    /// `0-9 a-f`
    Hex,
    /// `A-Z a-z 0-9 - _`
    UrlSafe,
}

impl Alphabet {
    pub const ALL: [Self; 3] = [Self::Letters, Self::Hex, Self::UrlSafe];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Letters => "letters",
            Self::Hex => "hex",
            Self::UrlSafe => "url-safe",
        }
    }

    const fn letters(self) -> &'static [u8] {
        match self {
            Self::Letters => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            Self::Hex => b"0123456789abcdef",
            Self::UrlSafe => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
        }
    }
}

/// The value that is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NewValue {
    /// So many random characters.
    Generate { length: u32, alphabet: Alphabet },
    /// Typed by somebody, or made for a plan.
    Given(Sealed),
}

/// Shorter ones can be guessed.
const LEAST: u32 = 16;
const MOST: u32 = 512;

/// Random characters of the alphabet, each as likely as the others.
fn generate(length: u32, alphabet: Alphabet) -> Result<Vec<u8>, Refusal> {
    let random = rustls::crypto::ring::default_provider().secure_random;
    make(random, length, alphabet).ok_or_else(|| refuse("this machine gives no random numbers", "nothing was changed"))
}

fn make(random: &dyn SecureRandom, length: u32, alphabet: Alphabet) -> Option<Vec<u8>> {
    let letters = alphabet.letters();
    // Bytes at and above this would make the first letters likelier than the last.
    let fair = 256 - 256 % letters.len();
    let mut out = Vec::with_capacity(length as usize);
    let mut bytes = [0_u8; 64];
    while out.len() < length as usize {
        random.fill(&mut bytes).ok()?;
        let fit = bytes.iter().map(|b| usize::from(*b)).filter(|b| *b < fair);
        out.extend(
            fit.filter_map(|b| letters.get(b % letters.len()))
                .take(length as usize - out.len()),
        );
    }
    Some(out)
}

/// A Secret's key as the API server takes it; it goes into a path of the patch.
pub(super) fn fits_key(key: &str) -> bool {
    !key.is_empty()
        && key.len() <= 253
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

pub(super) async fn draft(
    survey: &Survey<'_>,
    target: &ObjectRef,
    key: &str,
    value: &NewValue,
) -> Result<Draft, Refusal> {
    if !fits_key(key) {
        return Err(refuse(
            format!("{key:?} is no key of a Secret"),
            "letters, digits, `-`, `_` and `.`",
        ));
    }
    let secret = survey.secret(target).await?;
    if text(&secret, "/type") == "kubernetes.io/tls" {
        let hint = "replace both together: choose the certificate's and the key's file";
        return Err(refuse(
            format!("{target} holds a certificate and its key, which belong together"),
            hint,
        ));
    }
    let sealed = match value {
        NewValue::Generate { length, alphabet } => {
            if !(LEAST..=MOST).contains(length) {
                let what = format!("{length} characters: from {LEAST} to {MOST} are made");
                return Err(refuse(what, "32 are enough for a password, 64 for a signing key"));
            }
            Sealed::new([(key.to_owned(), Some(generate(*length, *alphabet)?))])
        }
        NewValue::Given(given) => given
            .under(key)
            .or_else(|| given.lengths().any(|(k, _)| k == key).then(|| given.clone()))
            .filter(|s| !s.is_lost())
            .ok_or_else(lost)?,
    };
    if sealed.lengths().any(|(_, n)| n == Some(0)) {
        return Err(refuse("the new value is empty", "type one, or have one made"));
    }
    let made = matches!(value, NewValue::Generate { .. });
    let (title, verb) = (format!("Rotate {key} in {target}"), format!("Give {key} a new value"));
    let mut draft = write(survey, target, &secret, &sealed, (title, verb)).await?;
    if made {
        draft
            .impact
            .insert(0, "the new value is made here, at random, and never shown".to_owned());
    }
    if field(&secret, "/data").get(key).is_none() {
        let keys: Vec<&str> = secret
            .get("data")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(k, _)| k.as_str())
            .collect();
        draft.warn_seriously(format!("it has no key {key} now; its keys are {}", keys.join(", ")));
    }
    if sealed.is_held_by(&secret) {
        draft.no_op = Some(format!("{key} has this value already"));
    }
    draft.request = Some(Request::Object {
        target: target.clone(),
        ask: ObjectAsk::RotateSecret {
            key: key.to_owned(),
            value: NewValue::Given(sealed),
        },
    });
    Ok(draft)
}

fn lost() -> Refusal {
    refuse(
        "the value was held in memory only, by a console that is gone",
        "type it again, or have a new one made",
    )
}

pub(super) async fn draft_restore(survey: &Survey<'_>, target: &ObjectRef, former: &Sealed) -> Result<Draft, Refusal> {
    if former.is_lost() {
        return Err(lost());
    }
    let secret = survey.secret(target).await?;
    let keys: Vec<&str> = former.lengths().map(|(k, _)| k).collect();
    let words = (
        format!("Put the former {} back into {target}", keys.join(" and ")),
        format!("Put {} back", keys.join(" and ")),
    );
    let mut draft = write(survey, target, &secret, former, words).await?;
    if former.is_held_by(&secret) {
        draft.no_op = Some("it holds the former values already".to_owned());
    }
    draft.warn("who took the new value meanwhile must take the former one again");
    Ok(draft)
}

/// The plan that all changes of a Secret share: what is sealed goes into its data, and what was there is sealed for the
/// way back.
pub(super) async fn write(
    survey: &Survey<'_>,
    target: &ObjectRef,
    secret: &Value,
    sealed: &Sealed,
    (title, verb): (String, String),
) -> Result<Draft, Refusal> {
    if flag(secret, "/immutable") {
        let what = format!("{target} is immutable: the server takes no change of it");
        return Err(refuse(what, "make a new Secret and let the workloads use that one"));
    }
    let verify = VerifySpec {
        text: "the server holds the new value (compared here, not shown)".into(),
        deadline_s: 30,
        soak_s: 0,
    };
    let mut draft = Draft::new(title, verb, Risk::R2, verify);
    let target = &ObjectRef {
        uid: text(secret, "/metadata/uid").into(),
        ..target.clone()
    };
    let bytes = |n: Option<usize>| n.map_or_else(|| "none".to_owned(), |n| format!("{n} bytes, not shown"));
    let before = former(secret, sealed);
    let was: Vec<Option<usize>> = before.lengths().map(|(_, n)| n).collect();
    let changes = sealed
        .lengths()
        .zip(was)
        .map(|((key, new), old)| change(key, bytes(old), bytes(new)));
    let keys: Vec<String> = sealed.lengths().map(|(k, _)| k.to_owned()).collect();
    let shape: Vec<String> = keys.iter().map(|k| format!("\"{k}\":\"…\"")).collect();
    let uid = text(secret, "/metadata/uid");
    let version = field(secret, "/metadata/resourceVersion");
    draft.steps.push(PlanStep {
        target: target.into(),
        changes: changes.collect(),
        same_as: format!(
            "{} # standard input: {{\"data\":{{{}}}}}, values in base64",
            survey.kubectl(
                &target.namespace,
                &format!("patch secret {} --type=merge --patch-file=/dev/stdin", target.name)
            ),
            shape.join(",")
        ),
        method: "PATCH".into(),
        path: write_path(target, ""),
        content_type: "application/merge-patch+json".into(),
        body: json!({"metadata": {"uid": uid, "resourceVersion": version}, "data": sealed.places()}),
        rests_on: rests_on(
            path(target),
            &[
                ("/metadata/uid", json!(uid)),
                ("/metadata/resourceVersion", version.clone()),
            ],
        ),
    });
    draft.needs.push(patch_need(target));
    for key in &keys {
        let fields = ["f:data", &format!("f:{key}")];
        draft.last_set.extend(last_set(secret, key, &fields, "", survey.now));
    }
    users::tell(survey, &mut draft, target).await;
    let owner = crate::action::object::annotation(secret, "cert-manager.io/certificate-name");
    if !owner.is_empty() {
        draft.warn_seriously(format!(
            "cert-manager's Certificate {owner} writes this Secret: it will overwrite this"
        ));
    }
    if let Some(o) = crate::action::object::owner(secret) {
        let (kind, name) = (text(o, "/kind"), text(o, "/name"));
        draft.warn_seriously(format!("{kind} {name} owns this Secret and may set it back"));
    }
    steward::warn(&mut draft, secret, target);
    draft.undo_by(
        "put the former value back (kept in this console's memory only, and gone with it)".to_owned(),
        Request::Object {
            target: target.clone(),
            ask: ObjectAsk::RestoreSecret { former: before },
        },
    );
    // As long as somebody could still want it: it is nowhere else.
    if let crate::action::plan::Undo::By { valid_for_s, .. } = &mut draft.undo {
        *valid_for_s = 12 * 3600;
    }
    debug_assert!(target.kind == Kind::Secret);
    Ok(draft)
}

/// What the Secret holds under the same keys now.
fn former(secret: &Value, sealed: &Sealed) -> Sealed {
    use base64::Engine as _;
    let data = secret.get("data");
    let value = |key: &str| {
        let text = data?.get(key)?.as_str()?;
        base64::engine::general_purpose::STANDARD.decode(text).ok()
    };
    Sealed::new(sealed.lengths().map(|(key, _)| (key.to_owned(), value(key))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_values_have_their_length_and_only_letters_of_their_alphabet() {
        let random = rustls::crypto::ring::default_provider().secure_random;
        for alphabet in Alphabet::ALL {
            let a = make(random, 200, alphabet).unwrap();
            assert_eq!(a.len(), 200);
            assert!(a.iter().all(|b| alphabet.letters().contains(b)), "{alphabet:?}");
            assert_ne!(a, make(random, 200, alphabet).unwrap());
        }
    }
}
