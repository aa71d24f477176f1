//! Reset the counters of one statement. Never of all, and never of tables: autovacuum lives on those.

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::json;

use super::super::WriteGrant;
use super::super::draft::{Draft, change, refuse};
use super::super::plan::{Outcome, PlanStep, Refusal, Risk, Verdict};
use super::super::sources::{Deed, Tell};
use super::{Site, acting, outcome_of, permission, response, unreadable, verify};
use crate::feed::postgres::identifier;
use crate::journal::ResponseSeen;
use crate::model::postgres::StatementId;

#[derive(Clone, Debug, Deserialize)]
struct Counted {
    calls: i64,
    total_ms: f64,
    may: bool,
}

fn query_id(id: &StatementId) -> i64 {
    id.query_id.parse().unwrap_or_default()
}

fn sql(schema: &str, major: u32, id: &StatementId) -> String {
    let arguments = if major >= 17 {
        "oid, oid, bigint, boolean"
    } else {
        "oid, oid, bigint"
    };
    format!(
        "SELECT sum(s.calls)::bigint AS calls, sum(s.total_exec_time) AS total_ms, \
                has_function_privilege('{schema}.pg_stat_statements_reset({arguments})', 'EXECUTE') AS may \
           FROM {schema}.pg_stat_statements(false) s \
          WHERE s.userid = {} AND s.dbid = {} AND s.queryid = {} HAVING count(*) > 0",
        id.user_id,
        id.database_id,
        query_id(id)
    )
}

fn schema(site: &Site) -> Option<String> {
    site.look.facts.statements_schema.as_deref().map(identifier)
}

pub(super) async fn draft(site: &Site, id: &StatementId) -> Result<Draft, Refusal> {
    let schema = schema(site).ok_or_else(|| refuse("pg_stat_statements is not in this database", ""))?;
    let found: Option<Counted> = site
        .one("counted", &sql(&schema, site.look.facts.major(), id))
        .await
        .map_err(|e| unreadable("the statement", &e))?;
    let counted = found.ok_or_else(|| refuse("the statement is not counted any more", "look at the list again"))?;
    let mut draft = Draft::new(
        format!("Reset the counters of statement {}", id.query_id),
        format!("Reset {}", id.query_id),
        Risk::R2,
        verify("its counters begin anew".to_owned(), 5),
    );
    draft.steps.push(site.step(
        site.thing("statement", &id.query_id, format!("{}/{}", id.user_id, id.database_id)),
        format!(
            "SELECT {schema}.pg_stat_statements_reset({}, {}, {})",
            id.user_id,
            id.database_id,
            query_id(id)
        ),
        vec![change("calls", counted.calls, 0)],
        json!({ "query_id": id.query_id }),
    ));
    let arguments = if site.look.facts.major() >= 17 {
        "oid, oid, bigint, boolean"
    } else {
        "oid, oid, bigint"
    };
    draft.checks.push(permission(
        counted.may,
        format!(
            "GRANT EXECUTE ON FUNCTION {schema}.pg_stat_statements_reset({arguments}) TO {};",
            identifier(&site.look.facts.user)
        ),
    ));
    draft.warn("everybody who compares with earlier counters of this statement loses them");
    draft.no_undo("counters that were reset do not come back");
    Ok(draft)
}

pub(super) struct Reset {
    site: Site,
    statement: String,
    id: StatementId,
    before: Counted,
}

impl Reset {
    pub async fn ready(site: Site, step: &PlanStep, id: StatementId) -> Result<Self, Outcome> {
        let schema = schema(&site).unwrap_or_default();
        let found: Result<Option<Counted>, _> = site.one("counted", &sql(&schema, site.look.facts.major(), &id)).await;
        match found {
            Ok(Some(before)) => Ok(Self {
                site,
                statement: step.path.clone(),
                id,
                before,
            }),
            Ok(None) => Err(Outcome::Conflict("the statement is not counted any more".into())),
            Err(e) => Err(Outcome::Refused(format!(
                "it could not be read, so nothing was sent: {e}"
            ))),
        }
    }
}

impl Deed for Reset {
    fn send<'a>(
        &'a mut self,
        grant: &'a WriteGrant,
        _tell: &'a Tell,
    ) -> BoxFuture<'a, (Outcome, Option<ResponseSeen>)> {
        Box::pin(async move {
            let act = match acting(&self.site.server, grant).await {
                Ok(act) => act,
                Err(outcome) => return (outcome, None),
            };
            let text = format!("/* qd:reset */ {}", self.statement);
            match act.simple(&text, std::time::Duration::from_secs(10)).await {
                Ok(_) => (Outcome::Applied, Some(response(true, "", String::new()))),
                Err(e) => (outcome_of(&e), Some(response(false, "", e.to_string()))),
            }
        })
    }

    fn verify<'a>(&'a mut self, _tell: &'a Tell) -> BoxFuture<'a, Verdict> {
        Box::pin(async move {
            let schema = schema(&self.site).unwrap_or_default();
            let sql = sql(&schema, self.site.look.facts.major(), &self.id);
            match self.site.one::<Counted>("counted", &sql).await {
                Err(e) => Verdict::Unknown(format!("it was done, but cannot be read now: {e}")),
                Ok(None) => Verdict::Healthy("its counters begin anew".into()),
                Ok(Some(now)) if now.calls < self.before.calls || now.total_ms < self.before.total_ms => {
                    Verdict::Healthy(format!("its counters begin anew: {} calls", now.calls))
                }
                Ok(Some(_)) => Verdict::Failed("its counters are what they were".into()),
            }
        })
    }
}
