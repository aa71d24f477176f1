//! What the rules of the house forbid beyond what the user may do. Layers of configuration only ever tighten it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::SecondPerson;
use super::plan::{Check, Class, Risk};
use crate::config;

/// The name of the check.
const FREEZE: &str = "freeze";

/// A time in which nothing is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    pub name: String,
    pub from: Timestamp,
    pub until: Timestamp,
}

impl Freeze {
    /// Whether it is in force then. Its end is not part of it.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

impl std::fmt::Display for Freeze {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} until {}", self.name, self.until)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    pub read_only: bool,
    /// The platform counts as production, however it is declared elsewhere.
    pub production: bool,
    /// Every change needs a reason, on whatever platform.
    pub require_reason: bool,
    /// Nothing above this risk is planned.
    pub max_risk: Option<Risk>,
    /// From this risk on, a second person must approve, where the platform counts as production.
    pub two_person: Option<Risk>,
    /// Where nobody is there to approve, one may go on alone with a reason.
    pub break_glass: bool,
    /// Runbooks may start local commands.
    pub run_steps: bool,
    /// So many things are acted on together at most; never more than [`super::MOST_TOGETHER`].
    pub max_bulk: Option<u32>,
    pub freeze: Vec<Freeze>,
}

impl Policy {
    /// What the configuration says for a server, which those of its platforms are.
    pub fn of(configured: &config::Policy, platforms: &[String]) -> Self {
        let here = |f: &&config::Freeze| f.platforms.is_empty() || f.platforms.iter().any(|p| platforms.contains(p));
        Self {
            read_only: configured.is_read_only(),
            two_person: configured.two_person_from().map(|from| match from {
                config::TwoPersonFrom::R1 => Risk::R1,
                config::TwoPersonFrom::R2 => Risk::R2,
                config::TwoPersonFrom::R3 => Risk::R3,
            }),
            break_glass: configured.break_glass,
            run_steps: configured.run_steps && !configured.is_read_only(),
            max_bulk: configured.max_bulk,
            freeze: configured
                .freezes
                .iter()
                .filter(here)
                .map(|f| Freeze {
                    name: f.reason.clone(),
                    from: f.from,
                    until: f.to,
                })
                .collect(),
            ..Self::default()
        }
    }

    /// Adds what another layer sets. Nothing that was set before is lifted.
    pub fn tighten(&mut self, other: &Self) {
        self.read_only |= other.read_only;
        self.production |= other.production;
        self.require_reason |= other.require_reason;
        self.run_steps &= other.run_steps;
        self.max_risk = [self.max_risk, other.max_risk].into_iter().flatten().min();
        self.max_bulk = [self.max_bulk, other.max_bulk].into_iter().flatten().min();
        self.two_person = [self.two_person, other.two_person].into_iter().flatten().min();
        self.break_glass &= other.break_glass;
        for f in &other.freeze {
            if !self.freeze.contains(f) {
                self.freeze.push(f.clone());
            }
        }
    }

    /// The freeze that is in force at that time.
    pub fn frozen(&self, now: Timestamp) -> Option<&Freeze> {
        self.freeze.iter().find(|f| f.holds(now))
    }

    /// The freeze that began since the plan with these checks was made. Where one was overridden, that stays so.
    pub(super) fn frozen_since(&self, made: &[Check], now: Timestamp) -> Option<&Freeze> {
        let was_free = made.iter().any(|c| c.name == FREEZE && c.passed == Some(true));
        self.frozen(now).filter(|_| was_free)
    }

    /// What the policy says of a change of this risk now.
    pub(super) fn checks(&self, risk: Risk, now: Timestamp) -> Vec<Check> {
        let check = |name: &str, passed: bool, detail: String| Check {
            name: name.to_owned(),
            passed: Some(passed),
            detail,
        };
        let frozen = self.frozen(now);
        let mut out = vec![check(
            FREEZE,
            frozen.is_none(),
            frozen.map_or_else(String::new, ToString::to_string),
        )];
        if let Some(most) = self.max_risk.filter(|most| risk > *most) {
            out.push(check(
                "policy",
                false,
                format!("nothing above {most:?} here, and this is {risk:?}"),
            ));
        }
        out
    }

    /// Whether a change of this risk needs a second person. What is declared local or staging never does.
    pub(super) fn second_person(&self, risk: Risk, class: Class) -> Option<SecondPerson> {
        let from = self.two_person?;
        let needed = class.is_production() && risk >= from;
        needed.then_some(SecondPerson {
            break_glass: self.break_glass,
        })
    }
}

impl From<config::Class> for Class {
    fn from(class: config::Class) -> Self {
        match class {
            config::Class::Local => Self::Local,
            config::Class::Staging => Self::Staging,
            config::Class::Unclassified => Self::Unclassified,
            config::Class::Production => Self::Production,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_layer_lifts_what_another_one_set() {
        let strict = Policy {
            read_only: true,
            production: true,
            require_reason: true,
            max_risk: Some(Risk::R1),
            two_person: Some(Risk::R2),
            break_glass: false,
            run_steps: false,
            max_bulk: Some(3),
            freeze: vec![Freeze {
                name: "release week".into(),
                from: Timestamp::MIN,
                until: Timestamp::MAX,
            }],
        };
        let loose = Policy {
            max_risk: Some(Risk::R3),
            two_person: Some(Risk::R3),
            break_glass: true,
            run_steps: true,
            max_bulk: Some(20),
            ..Policy::default()
        };
        let mut policy = strict.clone();
        policy.tighten(&loose);
        assert_eq!(policy, strict);
        let mut other_way = loose;
        other_way.tighten(&strict);
        assert_eq!(other_way, strict);
    }

    #[test]
    fn a_second_person_is_asked_for_from_that_risk_on_and_only_in_production() {
        let policy = Policy {
            two_person: Some(Risk::R2),
            ..Policy::default()
        };
        let asked = |risk, class| policy.second_person(risk, class).is_some();
        assert!(asked(Risk::R2, Class::Production) && asked(Risk::R3, Class::Unclassified));
        assert!(!asked(Risk::R1, Class::Production));
        assert!(!asked(Risk::R3, Class::Staging) && !asked(Risk::R3, Class::Local));
        assert!(Policy::default().second_person(Risk::R3, Class::Production).is_none());
    }

    #[test]
    fn a_freeze_blocks_while_it_lasts() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let policy = Policy {
            freeze: vec![Freeze {
                name: "release week".into(),
                from: "2026-11-20T00:00:00Z".parse().unwrap(),
                until: now,
            }],
            ..Policy::default()
        };
        assert_eq!(policy.checks(Risk::R1, now)[0].passed, Some(true));
        let before = now - jiff::SignedDuration::from_secs(1);
        assert_eq!(policy.checks(Risk::R1, before)[0].passed, Some(false));
    }

    #[test]
    fn a_freeze_that_begins_between_plan_and_sending_counts_unless_it_was_overridden() {
        let at = |text: &str| -> Timestamp { format!("2026-12-24T{text}:00Z").parse().unwrap() };
        let policy = Policy {
            freeze: vec![Freeze {
                name: "holidays".into(),
                from: at("12:00"),
                until: at("14:00"),
            }],
            ..Policy::default()
        };
        let since = |made: &[Check], now| policy.frozen_since(made, now).map(ToString::to_string);
        let asked = policy.checks(Risk::R2, at("11:50"));
        assert_eq!(since(&asked, at("11:59")), None);
        let said = "holidays until 2026-12-24T14:00:00Z".to_owned();
        assert_eq!(since(&asked, at("12:04")), Some(said));
        assert_eq!(since(&asked, at("14:00")), None);
        let mut overridden = policy.checks(Risk::R2, at("12:01"));
        overridden[0].passed = None;
        assert_eq!(since(&overridden, at("12:04")), None);
    }
}
