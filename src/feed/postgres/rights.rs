//! What an operator's role may do on a server: asked, never tried.

use serde::Deserialize;

use super::conninfo::Conninfo;
use super::session::{Session, identifier};
use super::{Env, Fault, Server};
use crate::config::PostgresSource;
use crate::model::Problem;

/// One thing that an operator does, and what is in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    pub what: &'static str,
    pub problem: Option<Problem>,
}

/// User and database of a source, as its configuration and the environment say; nothing is connected.
///
/// # Errors
/// What cannot be understood, or stands in a secret (`url`).
pub fn login(source: &PostgresSource, env: &Env) -> Result<(String, String), Fault> {
    if source.url.is_some() {
        return Err(Fault::Configured("the user stands in the secret `url`".to_owned()));
    }
    let info = Conninfo::resolve(source.dsn.as_deref(), source.service.as_deref(), env, false)
        .map_err(|w| Fault::Configured(w.0))?;
    Ok((info.user, info.database))
}

/// From 17 on one role gives it; before that the owners alone may. What superusers own stays out of reach there.
const UPKEEP: &str = "SELECT coalesce(string_agg(DISTINCT format('%I', r.rolname), ', '), '') AS owners \
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.oid = c.relowner \
      WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^(pg_|information_schema$)' AND NOT r.rolsuper \
        AND NOT pg_has_role(session_user, c.relowner, 'USAGE') \
        AND NOT (SELECT pg_has_role(session_user, d.datdba, 'USAGE') FROM pg_database d \
                  WHERE d.datname = current_database())";

#[derive(Deserialize)]
struct Owners {
    owners: String,
}

#[derive(Deserialize)]
struct May {
    may: bool,
}

/// Asks for everything that an operator's role needs.
///
/// # Errors
/// No connection, or it broke.
pub async fn rights(server: &Server) -> Result<Vec<Right>, Fault> {
    let session = server.connect().await?;
    let user = identifier(&session.facts.user);
    let denied = |what: &str, grant: String| Problem::Denied {
        what: what.into(),
        grant: grant.into(),
    };
    let mut all = Vec::new();
    let what = "cancel statements, end sessions";
    let missing = !session.facts.may_signal && !session.facts.superuser;
    all.push(Right {
        what,
        problem: missing.then(|| denied(what, format!("GRANT pg_signal_backend TO {user};"))),
    });
    let what = "vacuum, analyze, reindex";
    let problem = upkeep(&session, &user).await?.map(|grant| denied(what, grant));
    all.push(Right { what, problem });
    if let Some(schema) = &session.facts.statements_schema {
        let what = "reset a statement's statistics";
        // By name: its arguments differ between versions.
        let sql = format!(
            "SELECT coalesce(bool_and(has_function_privilege(p.oid, 'EXECUTE')), false) AS may FROM pg_proc p \
               JOIN pg_namespace n ON n.oid = p.pronamespace \
              WHERE n.nspname = {} AND p.proname = 'pg_stat_statements_reset'",
            super::literal(schema)
        );
        let may = session.rows::<May>("may_reset", &sql).await?;
        let may = may.first().is_some_and(|m| m.may);
        let grant = reset_grant(Some(schema), &user);
        all.push(Right {
            what,
            problem: (!may).then(|| denied(what, grant)),
        });
    }
    Ok(all)
}

/// The line that lets a user connect.
pub fn connect_grant(user: &str, database: &str) -> String {
    format!(
        "GRANT CONNECT ON DATABASE {} TO {};",
        identifier(database),
        identifier(user)
    )
}

/// The line that lets `user` (quoted) reset statistics.
pub fn reset_grant(schema: Option<&str>, user: &str) -> String {
    let schema = match schema {
        None | Some("public") => String::new(),
        Some(schema) => format!("{}.", identifier(schema)),
    };
    format!("GRANT EXECUTE ON FUNCTION {schema}pg_stat_statements_reset TO {user};")
}

/// The grant that is missing; `None`: nothing is.
async fn upkeep(session: &Session, user: &str) -> Result<Option<String>, Fault> {
    if session.facts.superuser {
        return Ok(None);
    }
    if session.facts.major() >= 17 {
        let sql = "SELECT pg_has_role(session_user, 'pg_maintain', 'USAGE') AS may";
        let may = session.rows::<May>("may_maintain", sql).await?;
        let may = may.first().is_some_and(|m| m.may);
        return Ok((!may).then(|| format!("GRANT pg_maintain TO {user};")));
    }
    let owners = session.rows::<Owners>("may_maintain", UPKEEP).await?;
    let owners = owners.into_iter().next().map(|o| o.owners).unwrap_or_default();
    Ok((!owners.is_empty()).then(|| format!("GRANT {} TO {user};", crate::text::clean(&owners))))
}
