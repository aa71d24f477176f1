//! Policy only tightens: any layer may set a restriction, no layer lifts one that another set.

use jiff::Timestamp;
use serde::Deserialize;

use super::Layer;

/// A time in which nothing may be changed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "FreezeIn")]
pub struct Freeze {
    pub from: Timestamp,
    pub to: Timestamp,
    pub reason: String,
    /// Names of the platforms that it holds for; none: all.
    pub platforms: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FreezeIn {
    from: Timestamp,
    to: Timestamp,
    reason: String,
    #[serde(default)]
    platforms: Vec<String>,
}

impl TryFrom<FreezeIn> for Freeze {
    type Error = String;

    /// A freeze that ends before it begins protects nothing: somebody meant something else.
    fn try_from(f: FreezeIn) -> Result<Self, String> {
        if f.from >= f.to {
            return Err(format!("the freeze ends at {}, expected a time after {}", f.to, f.from));
        }
        Ok(Self {
            from: f.from,
            to: f.to,
            reason: f.reason,
            platforms: f.platforms,
        })
    }
}

/// From which risk on a second person is needed (the classes of risk are the plans').
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum TwoPersonFrom {
    R1,
    R2,
    R3,
}

/// `[policy]` of one layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PolicyIn {
    pub read_only: Option<bool>,
    pub two_person: Option<bool>,
    pub two_person_from: Option<TwoPersonFrom>,
    pub break_glass: Option<bool>,
    pub run_steps: Option<bool>,
    pub max_bulk: Option<u32>,
    pub exec: Option<bool>,
    pub freeze: Vec<Freeze>,
}

/// What is forbidden or demanded, of all layers together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Nothing may be changed; says why, for the badge's explanation.
    pub read_only: Option<String>,
    /// The riskiest actions need a second person.
    pub two_person: bool,
    /// Less risky ones need one too; the strictest of all layers.
    two_person_from: Option<TwoPersonFrom>,
    /// Where nobody is there to approve, one may go on alone with a reason. Off unless a layer allows it, and off for
    /// good once a layer forbids it.
    pub break_glass: bool,
    break_glass_forbidden: bool,
    /// Runbooks may start local commands. Off unless a layer allows it, and off for good once a layer forbids it.
    pub run_steps: bool,
    run_steps_forbidden: bool,
    /// So many things are acted on together at most; the least of all layers.
    pub max_bulk: Option<u32>,
    /// Shells in containers: outside production unless a layer forbids it, in production only where one allows it. Off
    /// for good once a layer forbids it.
    exec: Option<bool>,
    /// Freezes of all layers.
    pub freezes: Vec<Freeze>,
}

impl Policy {
    pub fn is_read_only(&self) -> bool {
        self.read_only.is_some()
    }

    /// From which risk on a second person is needed; `None`: never.
    pub fn two_person_from(&self) -> Option<TwoPersonFrom> {
        let riskiest = self.two_person.then_some(TwoPersonFrom::R3);
        [riskiest, self.two_person_from].into_iter().flatten().min()
    }

    /// Whether shells may be opened in containers; `None`: nobody said, which is outside production alone.
    pub const fn exec(&self) -> Option<bool> {
        self.exec
    }

    /// Forbids changes; the first reason stays.
    pub fn forbid_changes(&mut self, why: impl Into<String>) {
        self.read_only.get_or_insert(why.into());
    }

    /// Takes in one layer. Returns the names of the settings that tried to lift a restriction.
    pub(super) fn tighten(&mut self, layer: &Layer, with: PolicyIn) -> Vec<&'static str> {
        let mut lifted = Vec::new();
        match with.read_only {
            Some(true) => self.forbid_changes(format!("read-only by {layer}")),
            Some(false) if self.is_read_only() => lifted.push("read_only"),
            _ => {}
        }
        match with.two_person {
            Some(true) => self.two_person = true,
            Some(false) if self.two_person => lifted.push("two_person"),
            _ => {}
        }
        match (with.two_person_from, self.two_person_from) {
            (Some(new), Some(old)) if new > old => lifted.push("two_person_from"),
            (Some(new), _) => self.two_person_from = Some(new),
            (None, _) => {}
        }
        match with.break_glass {
            Some(false) => {
                self.break_glass_forbidden = true;
                self.break_glass = false;
            }
            Some(true) if self.break_glass_forbidden => lifted.push("break_glass"),
            Some(true) => self.break_glass = true,
            None => {}
        }
        match with.run_steps {
            Some(false) => {
                self.run_steps_forbidden = true;
                self.run_steps = false;
            }
            Some(true) if self.run_steps_forbidden => lifted.push("run_steps"),
            Some(true) => self.run_steps = true,
            None => {}
        }
        match (with.max_bulk, self.max_bulk) {
            (Some(new), Some(old)) if new > old => lifted.push("max_bulk"),
            (Some(new), _) => self.max_bulk = Some(new),
            (None, _) => {}
        }
        match (with.exec, self.exec) {
            (Some(true), Some(false)) => lifted.push("exec"),
            (Some(exec), _) => self.exec = Some(exec),
            (None, _) => {}
        }
        self.freezes.extend(with.freeze);
        lifted
    }
}
