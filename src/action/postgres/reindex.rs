//! REINDEX CONCURRENTLY. When it is broken off it leaves an invalid index behind, so that is looked for at the end.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::json;

use super::super::draft::{Draft, change, refuse};
use super::super::plan::{Outcome, PlanStep, Refusal, Risk, Verdict};
use super::super::sources::{Deed, Tell};
use super::super::{Target, WriteGrant};
use super::{LOOK, Relation, Site, acting, outcome_of, permission, response, unreadable, verify};
use crate::feed::postgres::{literal, views};
use crate::journal::ResponseSeen;
use crate::model::postgres::Work;
use crate::text::{bytes, clean};

#[derive(Clone, Debug, Deserialize)]
struct Index {
    oid: i64,
    table: String,
    bytes: i64,
    valid: bool,
    may: bool,
    exclusion: bool,
    /// What an earlier attempt left behind, on the same table.
    left: Vec<String>,
    filenode: i64,
}

fn sql(major: u32, index: &Relation) -> String {
    let maintain = if major >= 17 {
        "has_table_privilege(t.oid, 'MAINTAIN')"
    } else {
        "false"
    };
    format!(
        "SELECT c.oid::bigint AS oid, t.relname::text AS \"table\", i.indisvalid AS valid, \
                c.relpages::bigint * current_setting('block_size')::bigint AS bytes, i.indisexclusion AS exclusion, \
                c.relfilenode::bigint AS filenode, \
                {maintain} OR pg_has_role(session_user, c.relowner, 'USAGE') AS may, \
                ARRAY(SELECT n2.nspname || '.' || c2.relname FROM pg_index i2 JOIN pg_class c2 ON c2.oid = i2.indexrelid \
                        JOIN pg_namespace n2 ON n2.oid = c2.relnamespace \
                       WHERE i2.indrelid = i.indrelid AND NOT i2.indisvalid AND i2.indexrelid <> i.indexrelid) AS left \
           FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid \
           JOIN pg_namespace n ON n.oid = c.relnamespace \
          WHERE n.nspname = {} AND c.relname = {}",
        literal(&index.schema),
        literal(&index.name)
    )
}

pub(super) async fn draft(site: &Site, index: &Relation) -> Result<Draft, Refusal> {
    site.not_on_standby()?;
    let found: Option<Index> = site
        .one("index", &sql(site.look.facts.major(), index))
        .await
        .map_err(|e| unreadable(&format!("index {index}"), &e))?;
    let i = found.ok_or_else(|| refuse(format!("there is no index {index}"), "look at the list again"))?;
    if i.exclusion {
        return Err(refuse(
            format!("{index} is of an exclusion constraint: PostgreSQL cannot rebuild it while it is in use"),
            "rebuild it in a maintenance window with REINDEX INDEX",
        ));
    }
    let mut draft = Draft::new(
        format!("Reindex {index} of table {}", i.table),
        format!("Reindex {index}"),
        Risk::R2,
        verify(
            "it is valid and new, and no invalid index is left behind".to_owned(),
            15,
        ),
    );
    draft.steps.push(site.step(
        site.thing("index", &index.to_string(), i.oid.to_string()),
        format!("REINDEX INDEX CONCURRENTLY {}", index.sql()),
        vec![change("index", if i.valid { "valid" } else { "invalid" }, "built anew")],
        json!({ "oid": i.oid }),
    ));
    draft.checks.push(permission(
        i.may,
        format!("only the owner of {index} may, or from 17 on who has MAINTAIN on its table"),
    ));
    draft.impact.push(format!(
        "builds a second index of {} beside it; readers and writers go on; it waits for transactions that are open now",
        bytes(i.bytes.unsigned_abs())
    ));
    for left in &i.left {
        draft.warn(clean(&format!(
            "{left} is invalid, of an earlier attempt: DROP INDEX CONCURRENTLY removes it"
        )));
    }
    draft.no_undo("the new index does what the old one did");
    Ok(draft)
}

pub(super) struct Reindex {
    site: Site,
    statement: String,
    index: Relation,
    before: Index,
}

impl Reindex {
    pub async fn ready(site: Site, step: &PlanStep, index: Relation) -> Result<Self, Outcome> {
        let Target::Thing(thing) = &step.target else {
            return Err(Outcome::Refused("this step names no index".into()));
        };
        let found: Result<Option<Index>, _> = site.one("index", &sql(site.look.facts.major(), &index)).await;
        match found {
            Ok(Some(before)) if before.oid.to_string() == *thing.id => Ok(Self {
                site,
                statement: step.path.clone(),
                index,
                before,
            }),
            Ok(_) => Err(Outcome::Conflict(format!("{index} is not that index any more"))),
            Err(e) => Err(Outcome::Refused(format!(
                "{index} could not be read, so nothing was sent: {e}"
            ))),
        }
    }
}

impl Deed for Reindex {
    fn send<'a>(&'a mut self, grant: &'a WriteGrant, tell: &'a Tell) -> BoxFuture<'a, (Outcome, Option<ResponseSeen>)> {
        Box::pin(async move {
            let act = match acting(&self.site.server, grant).await {
                Ok(act) => act,
                Err(outcome) => return (outcome, None),
            };
            let pid = act
                .texts("SELECT pg_backend_pid()::text")
                .await
                .unwrap_or_default()
                .pop();
            let running = act.simple(&self.statement, Duration::from_secs(7 * 24 * 3600));
            let mut running = std::pin::pin!(running);
            let sql = views::sql("work", self.site.look.facts.major()).unwrap_or_default();
            let done = loop {
                tokio::select! {
                    done = &mut running => break done,
                    () = tokio::time::sleep(2 * LOOK) => {
                        let all: Vec<Work> = self.site.look.rows("work", sql).await.unwrap_or_default();
                        if let Some(w) = all.into_iter().find(|w| Some(w.pid.to_string()) == pid) {
                            let percent = w.percent.map_or_else(String::new, |p| format!(" {p:.0} %"));
                            tell.say(clean(&format!("{}: {}{percent}", self.index, w.phase)), false).await;
                        }
                    }
                }
            };
            match done {
                Ok(_) => (Outcome::Applied, Some(response(true, "", String::new()))),
                Err(e) => {
                    let mut outcome = outcome_of(&e);
                    // Broken off half way: something may have been left behind.
                    let now: Option<Index> = self
                        .site
                        .one("index", &super::reindex::sql(self.site.look.facts.major(), &self.index))
                        .await
                        .unwrap_or_default();
                    let left = now.map(|i| i.left).unwrap_or_default();
                    if let (Some(name), Outcome::Refused(why)) = (left.first(), &outcome) {
                        outcome = Outcome::Refused(format!("{why}; {name} is left invalid: drop it"));
                    }
                    (outcome, Some(response(false, "", e.to_string())))
                }
            }
        })
    }

    fn verify<'a>(&'a mut self, _tell: &'a Tell) -> BoxFuture<'a, Verdict> {
        Box::pin(async move {
            let found = self
                .site
                .one::<Index>("index", &sql(self.site.look.facts.major(), &self.index))
                .await;
            match found {
                Err(e) => Verdict::Unknown(format!("it was done, but cannot be read now: {e}")),
                Ok(None) => Verdict::Lost(format!("{} was dropped meanwhile", self.index)),
                Ok(Some(now)) if !now.valid => Verdict::Failed(format!("{} is invalid", self.index)),
                Ok(Some(now)) if now.filenode == self.before.filenode => {
                    Verdict::Failed(format!("{} is the same as before: it was not built anew", self.index))
                }
                Ok(Some(now)) if now.left.len() > self.before.left.len() => Verdict::Failed(format!(
                    "{} is built, but {} is left invalid",
                    self.index,
                    now.left.join(", ")
                )),
                Ok(Some(now)) => Verdict::Healthy(format!(
                    "{} is valid, {} before, {} now",
                    self.index,
                    bytes(self.before.bytes.unsigned_abs()),
                    bytes(now.bytes.unsigned_abs())
                )),
            }
        })
    }
}
