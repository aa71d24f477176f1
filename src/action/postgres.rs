//! Changes of a PostgreSQL server: upkeep of tables and indexes, sessions that are in the way, one statement's counters.
//!
//! A plan reads over a connection that can only look; the change has a connection of its own, opened for it, to the
//! server itself and never through a pooler. What PostgreSQL answers is not taken at its word: a VACUUM without the
//! right is a warning and the tag `VACUUM`, so a warning means skipped, and counters that did not move mean not done.

mod reindex;
mod reset;
mod session;
mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::draft::{Draft, refuse};
use super::object::quote;
use super::plan::{Check, Outcome, Plan, PlanStep, Refusal, Request, VerifySpec};
use super::sources::Deed;
use super::{Actor, Planner, Target, Thing, WriteGrant};
use crate::feed::postgres::{Fault, Server, Session, identifier};
use crate::journal::ResponseSeen;
use crate::model::SourceId;
use crate::model::postgres::StatementId;

/// A table or an index by its two names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Relation {
    pub schema: String,
    pub name: String,
}

impl Relation {
    /// As a statement names it.
    fn sql(&self) -> String {
        format!("{}.{}", identifier(&self.schema), identifier(&self.name))
    }
}

impl std::fmt::Display for Relation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// What is asked of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum PostgresAsk {
    /// With or without ANALYZE.
    Vacuum {
        table: Relation,
        analyze: bool,
    },
    /// Every table of the connection's database that may be, the worst first, one after the other.
    VacuumDatabase,
    Analyze {
        table: Relation,
    },
    Reindex {
        index: Relation,
    },
    /// Ends the statement that runs. `backend_start` as the server writes it: with the pid the session's identity.
    CancelQuery {
        pid: i32,
        backend_start: String,
    },
    /// Ends the session, and rolls back what it had open.
    TerminateSession {
        pid: i32,
        backend_start: String,
    },
    ResetStatement {
        id: StatementId,
    },
}

impl PostgresAsk {
    /// Whether it is about this session, table or index; what else it may be about is asked for alone.
    pub(super) fn is_about(&self, thing: &Thing) -> bool {
        let is = |kind: &str, relation: &Relation| &*thing.kind == kind && *thing.name == *relation.to_string();
        match self {
            Self::Vacuum { table, .. } | Self::Analyze { table } => is("table", table),
            Self::Reindex { index } => is("index", index),
            Self::CancelQuery { pid, backend_start } | Self::TerminateSession { pid, backend_start } => {
                &*thing.kind == "session" && *thing.name == *pid.to_string() && *thing.id == **backend_start
            }
            _ => false,
        }
    }

    /// The action's name in the registry.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Vacuum { .. } => "vacuum",
            Self::VacuumDatabase => "vacuum-database",
            Self::Analyze { .. } => "analyze",
            Self::Reindex { .. } => "reindex",
            Self::CancelQuery { .. } => "cancel-query",
            Self::TerminateSession { .. } => "terminate-session",
            Self::ResetStatement { .. } => "reset-statement",
        }
    }
}

/// A server and the connection that only looks at it.
struct Site {
    source: SourceId,
    server: Arc<Server>,
    look: Session,
}

impl Site {
    async fn open(planner: &Planner, source: &SourceId) -> Result<Self, String> {
        let server = planner
            .sources
            .postgres
            .get(&source.name)
            .cloned()
            .ok_or_else(|| format!("the configuration has no PostgreSQL called {}", source.name))?;
        let look = server.connect().await.map_err(|e| e.to_string())?;
        Ok(Self {
            source: source.clone(),
            server,
            look,
        })
    }

    async fn one<T: DeserializeOwned>(&self, id: &str, sql: &str) -> Result<Option<T>, Fault> {
        Ok(self.look.rows(id, sql).await?.pop())
    }

    fn thing(&self, kind: &str, name: &str, id: String) -> Target {
        Target::Thing(Thing {
            source: self.source.clone(),
            kind: kind.into(),
            within: self.look.facts.database.as_str().into(),
            name: name.into(),
            id: id.into(),
        })
    }

    /// The same thing for a person with psql; the password comes from where psql finds it.
    fn psql(&self, sql: &str) -> String {
        let source = &self.server.source;
        let at = source.direct.as_deref().or(source.dsn.as_deref());
        let at = match (at, &source.service) {
            (Some(dsn), _) => quote(dsn),
            (None, Some(service)) => quote(&format!("service={service}")),
            (None, None) => quote(&format!("dbname={}", self.look.facts.database)),
        };
        format!("psql {at} -c {}", quote(sql))
    }

    /// One statement as a step of a plan.
    fn step(
        &self,
        target: Target,
        sql: String,
        changes: Vec<super::FieldChange>,
        rests_on: serde_json::Value,
    ) -> PlanStep {
        PlanStep {
            same_as: self.psql(&sql),
            target,
            changes,
            method: "SQL".into(),
            path: sql,
            content_type: String::new(),
            body: serde_json::Value::Null,
            rests_on,
        }
    }

    /// No change of tables on a standby.
    fn not_on_standby(&self) -> Result<(), Refusal> {
        if self.look.facts.in_recovery {
            return Err(refuse(
                format!("{} is a standby: its tables are its primary's", self.source.name),
                "do it on the primary; the standby follows",
            ));
        }
        Ok(())
    }
}

fn permission(allowed: bool, detail: String) -> Check {
    Check {
        name: "permission".into(),
        passed: Some(allowed),
        detail: if allowed { String::new() } else { detail },
    }
}

fn unreadable(what: &str, fault: &Fault) -> Refusal {
    refuse(
        format!("{what} could not be read: {fault}"),
        "nothing was changed; try again",
    )
}

const fn verify(text: String, deadline_s: u64) -> VerifySpec {
    VerifySpec {
        text,
        deadline_s,
        soak_s: 0,
    }
}

pub(super) async fn draft(
    planner: &Planner,
    source: &SourceId,
    ask: &PostgresAsk,
    now: Timestamp,
) -> Result<Draft, Refusal> {
    let site = Site::open(planner, source).await.map_err(|why| {
        refuse(
            format!("PostgreSQL {} cannot be asked: {why}", source.name),
            "nothing was changed; try again when it answers",
        )
    })?;
    match ask {
        PostgresAsk::Vacuum { table, analyze } => {
            upkeep::draft(&site, table, upkeep::Kind::vacuum(*analyze), now).await
        }
        PostgresAsk::Analyze { table } => upkeep::draft(&site, table, upkeep::Kind::Analyze, now).await,
        PostgresAsk::VacuumDatabase => upkeep::draft_database(&site, now).await,
        PostgresAsk::Reindex { index } => reindex::draft(&site, index).await,
        PostgresAsk::CancelQuery { pid, backend_start } => session::draft(&site, *pid, backend_start, false).await,
        PostgresAsk::TerminateSession { pid, backend_start } => session::draft(&site, *pid, backend_start, true).await,
        PostgresAsk::ResetStatement { id } => reset::draft(&site, id).await,
    }
}

/// Looks again, and prepares to carry out one step.
pub(super) async fn ready(actor: &Actor, plan: &Plan, step: &PlanStep) -> Result<Box<dyn Deed>, Outcome> {
    let Request::Postgres { source, ask } = plan.request.of_step(step) else {
        return Err(Outcome::Refused("this is no action of PostgreSQL".into()));
    };
    let site = Site::open(actor.planner(), source)
        .await
        .map_err(|why| Outcome::Refused(format!("nothing was sent: {why}")))?;
    Ok(match ask {
        PostgresAsk::Vacuum { .. } | PostgresAsk::VacuumDatabase | PostgresAsk::Analyze { .. } => {
            Box::new(upkeep::Upkeep::ready(site, step).await?)
        }
        PostgresAsk::Reindex { index } => Box::new(reindex::Reindex::ready(site, step, index.clone()).await?),
        PostgresAsk::CancelQuery { pid, backend_start } => {
            Box::new(session::Signal::ready(site, step, *pid, backend_start.clone(), false).await?)
        }
        PostgresAsk::TerminateSession { pid, backend_start } => {
            Box::new(session::Signal::ready(site, step, *pid, backend_start.clone(), true).await?)
        }
        PostgresAsk::ResetStatement { id } => Box::new(reset::Reset::ready(site, step, id.clone()).await?),
    })
}

/// The connection of a change. What fails here was not sent.
async fn acting(server: &Server, grant: &WriteGrant) -> Result<Session, Outcome> {
    server
        .connect_to_act(grant)
        .await
        .map_err(|e| Outcome::Refused(format!("nothing was sent: {e}")))
}

/// What a fault says of a statement that was sent.
fn outcome_of(fault: &Fault) -> Outcome {
    match fault {
        Fault::Lost(_) | Fault::TimedOut(_) | Fault::Restarting(_) => Outcome::Unknown(fault.to_string()),
        Fault::Locked => Outcome::Refused("somebody held the lock for 5 s: it was given up, nothing was done".into()),
        other => Outcome::Refused(other.to_string()),
    }
}

/// For the journal: PostgreSQL has no status numbers, and its texts are clean.
fn response(ok: bool, reason: &str, message: String) -> ResponseSeen {
    ResponseSeen {
        code: if ok { 200 } else { 0 },
        reason: reason.to_owned(),
        message,
        ..ResponseSeen::default()
    }
}

/// Between two looks at what became of it.
const LOOK: Duration = Duration::from_millis(500);
