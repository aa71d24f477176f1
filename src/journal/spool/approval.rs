//! When an answer counts as the approval of a second person.

use jiff::Timestamp;

use super::message::{Answer, Ask};
use super::{Me, Person, Seen};

/// Somebody else's yes to one plan. Only [`judge`] makes one, from a file whose owner the kernel named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    by: Person,
    hash: String,
    reason: String,
    at: Timestamp,
}

impl Approval {
    pub const fn by(&self) -> &Person {
        &self.by
    }

    /// Of the plan that it is for, and of no other.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The second person's words.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    pub const fn at(&self) -> Timestamp {
        self.at
    }
}

/// Somebody else's no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    pub by: Person,
    pub reason: String,
}

/// What was said to our question. One no outweighs any number of yes. What does not count (our own, root's, one for
/// another plan or another text, one that came late) is passed over.
///
/// # Errors
/// An [`Objection`], when somebody refused.
pub fn judge(me: &Me, ask: &Ask, answers: &[Seen<Answer>], now: Timestamp) -> Result<Option<Approval>, Objection> {
    let digest = ask.digest();
    let fits = |a: &&Seen<Answer>| {
        a.what().ask == ask.id && a.what().hash == ask.hash && a.what().shown == digest && a.what().at <= ask.expires
    };
    let from_another = |a: &&Seen<Answer>| {
        let uid = a.by().uid;
        uid != 0
            && uid != me.person.uid
            && Some(uid) != me.login
            && a.what().login != Some(me.person.uid)
            && (me.login.is_none() || a.what().login != me.login)
    };
    let counted: Vec<&Seen<Answer>> = answers.iter().filter(fits).filter(from_another).collect();
    if let Some(no) = counted.iter().find(|a| !a.what().approves) {
        return Err(Objection {
            by: no.by().clone(),
            reason: no.what().reason.clone(),
        });
    }
    Ok(counted.first().filter(|_| now <= ask.expires).map(|yes| Approval {
        by: yes.by().clone(),
        hash: ask.hash.clone(),
        reason: yes.what().reason.clone(),
        at: yes.what().at,
    }))
}
