//! VACUUM and ANALYZE, with what they do now and an honest verdict.

use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::super::draft::{Draft, change, refuse};
use super::super::plan::{Outcome, PlanStep, Refusal, Risk, Verdict};
use super::super::sources::{Deed, Tell};
use super::super::{Target, WriteGrant};
use super::{LOOK, Relation, Site, acting, outcome_of, permission, response, unreadable, verify};
use crate::feed::postgres::{literal, views};
use crate::journal::ResponseSeen;
use crate::model::postgres::{Holder, Work};
use crate::text::{age, bytes, clean, count};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Vacuum,
    VacuumAnalyze,
    Analyze,
}

impl Kind {
    pub const fn vacuum(analyze: bool) -> Self {
        if analyze { Self::VacuumAnalyze } else { Self::Vacuum }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Vacuum => "Vacuum",
            Self::VacuumAnalyze => "Vacuum and analyze",
            Self::Analyze => "Analyze",
        }
    }

    /// One at a time, and without giving space back to the system: that takes the whole table away from everybody.
    fn sql(self, table: &Relation) -> String {
        match self {
            Self::Vacuum => format!("VACUUM (PARALLEL 0, TRUNCATE false) {}", table.sql()),
            Self::VacuumAnalyze => format!("VACUUM (ANALYZE, PARALLEL 0, TRUNCATE false) {}", table.sql()),
            Self::Analyze => format!("ANALYZE {}", table.sql()),
        }
    }
}

/// A table's counters and who may look after it.
#[derive(Clone, Debug, Deserialize)]
struct Table {
    oid: i64,
    schema: String,
    name: String,
    live: i64,
    dead: i64,
    vacuums: i64,
    analyzes: i64,
    bytes: i64,
    analyzed: Option<Timestamp>,
    may: bool,
    /// A vacuum that runs on it now.
    vacuum_pid: Option<i32>,
}

/// A number of rows; the server's own estimate may be below nothing.
fn rows(n: i64) -> String {
    count(n.max(0).unsigned_abs())
}

impl Table {
    fn relation(&self) -> Relation {
        Relation {
            schema: self.schema.clone(),
            name: self.name.clone(),
        }
    }
}

fn sql(major: u32, only: &str) -> String {
    // MAINTAIN is a right from 17 on; older servers do not know the word.
    let maintain = if major >= 17 {
        "has_table_privilege(c.oid, 'MAINTAIN')"
    } else {
        "false"
    };
    format!(
        "SELECT s.relid::bigint AS oid, s.schemaname::text AS schema, s.relname::text AS name, s.n_live_tup AS live, \
                s.n_dead_tup AS dead, s.vacuum_count AS vacuums, s.analyze_count AS analyzes, \
                c.relpages::bigint * current_setting('block_size')::bigint AS bytes, s.last_analyze AS analyzed, \
                {maintain} OR pg_has_role(session_user, c.relowner, 'USAGE') \
                  OR (SELECT pg_has_role(session_user, d.datdba, 'USAGE') FROM pg_database d \
                       WHERE d.datname = current_database()) AS may, \
                (SELECT min(p.pid) FROM pg_stat_progress_vacuum p WHERE p.relid = s.relid) AS vacuum_pid \
           FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid \
          WHERE c.relkind IN ('r', 'm') AND {only} \
          ORDER BY s.n_dead_tup DESC, s.relid LIMIT 1000"
    )
}

fn by_name(table: &Relation) -> String {
    format!(
        "s.schemaname = {} AND s.relname = {}",
        literal(&table.schema),
        literal(&table.name)
    )
}

fn step(site: &Site, t: &Table, kind: Kind) -> PlanStep {
    let table = t.relation();
    let changes = match kind {
        Kind::Analyze => vec![change("statistics", ago(t.analyzed), "fresh")],
        _ => vec![change(
            "dead rows",
            rows(t.dead),
            "removed, as far as no snapshot needs them",
        )],
    };
    site.step(
        site.thing("table", &table.to_string(), t.oid.to_string()),
        kind.sql(&table),
        changes,
        json!({ "oid": t.oid }),
    )
}

fn ago(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "never by hand".to_owned(), |at| format!("of {at:.0}"))
}

pub(super) async fn draft(site: &Site, table: &Relation, kind: Kind, now: Timestamp) -> Result<Draft, Refusal> {
    site.not_on_standby()?;
    let found: Option<Table> = site
        .one("upkeep", &sql(site.look.facts.major(), &by_name(table)))
        .await
        .map_err(|e| unreadable(&format!("table {table}"), &e))?;
    let t = found.ok_or_else(|| {
        refuse(
            format!("{} has no table {table}", site.look.facts.database),
            "look at the list again",
        )
    })?;
    let words = kind.words();
    let risk = if kind == Kind::Analyze { Risk::R1 } else { Risk::R2 };
    let mut draft = Draft::new(
        format!("{words} table {table}"),
        format!("{words} {table}"),
        risk,
        verify(
            "the server's counters say that it was done, and no warning came".to_owned(),
            15,
        ),
    );
    draft.steps.push(step(site, &t, kind));
    draft.checks.push(permission(t.may, grant(site, &t)));
    draft.impact.push(format!(
        "{} as of its last vacuum, {} live rows, {} dead ones",
        bytes(t.bytes.unsigned_abs()),
        rows(t.live),
        rows(t.dead)
    ));
    around(site, &mut draft, std::slice::from_ref(&t), kind, now).await;
    draft.no_undo("nothing is taken away that anybody could see: there is nothing to undo");
    Ok(draft)
}

/// Every table that may be, one step each. Shared catalogs and the system's own are autovacuum's.
pub(super) async fn draft_database(site: &Site, now: Timestamp) -> Result<Draft, Refusal> {
    site.not_on_standby()?;
    let all: Vec<Table> = site
        .look
        .rows("upkeep", &sql(site.look.facts.major(), "true"))
        .await
        .map_err(|e| unreadable("the list of tables", &e))?;
    let database = site.look.facts.database.clone();
    let (may, may_not): (Vec<Table>, Vec<Table>) = all.into_iter().partition(|t| t.may);
    let mut draft = Draft::new(
        format!("Vacuum and analyze database {database}"),
        format!("Vacuum {database}"),
        Risk::R2,
        verify(
            "of every table the server's counters say that it was done".to_owned(),
            15,
        ),
    );
    draft
        .steps
        .extend(may.iter().map(|t| step(site, t, Kind::VacuumAnalyze)));
    let reason = may_not.first().map(|t| grant(site, t)).unwrap_or_default();
    draft
        .checks
        .push(permission(!may.is_empty() || may_not.is_empty(), reason));
    if may.is_empty() && may_not.is_empty() {
        draft.no_op = Some(format!("{database} has no tables"));
    }
    if !may_not.is_empty() {
        draft.warn(format!(
            "{} tables are left out: you may not vacuum them",
            may_not.len()
        ));
    }
    let sum: i64 = may.iter().map(|t| t.bytes).sum();
    draft.impact.push(format!(
        "{} tables one after the other, {} together; it goes on when this console is closed, but only with the table \
         that it is at",
        may.len(),
        bytes(sum.unsigned_abs())
    ));
    around(site, &mut draft, &may, Kind::VacuumAnalyze, now).await;
    draft.no_undo("nothing is taken away that anybody could see: there is nothing to undo");
    Ok(draft)
}

fn grant(site: &Site, t: &Table) -> String {
    let user = crate::feed::postgres::identifier(&site.look.facts.user);
    if site.look.facts.major() >= 17 {
        format!("GRANT MAINTAIN ON {} TO {user};", t.relation().sql())
    } else {
        format!(
            "only the owner of {} or of the database may: GRANT its owner's role TO {user};",
            t.relation()
        )
    }
}

/// What would be in the way: old snapshots, a vacuum that runs already.
async fn around(site: &Site, draft: &mut Draft, tables: &[Table], kind: Kind, _now: Timestamp) {
    if let Some(pid) = tables.iter().find_map(|t| t.vacuum_pid) {
        draft.warn_seriously(format!(
            "pid {pid} vacuums it already: this waits 5 s for it (an autovacuum gives way, unless it comes against \
             wraparound) and is then given up"
        ));
    }
    if kind == Kind::Analyze {
        draft
            .impact
            .push("reads a sample of the table; locks out no reader and no writer".to_owned());
        return;
    }
    draft.impact.push(
        "reads the whole table and its indexes; locks out no reader and no writer, but other vacuums and ALTER TABLE"
            .to_owned(),
    );
    draft
        .impact
        .push("the server goes on with it when this console is closed".to_owned());
    if let Some(h) = oldest(site)
        .await
        .filter(|h| h.age > 1000 || h.since_s.is_some_and(|s| s > 60.0))
    {
        draft.warn_seriously(format!("{}: what died since then stays", holder(&h)));
    }
}

async fn oldest(site: &Site) -> Option<Holder> {
    let sql = views::sql("horizon", site.look.facts.major())?;
    let all: Vec<Holder> = site.look.rows("horizon", sql).await.ok()?;
    all.into_iter().next()
}

fn holder(h: &Holder) -> String {
    let since = h
        .since_s
        .and_then(|s| jiff::SignedDuration::try_from_secs_f64(s.clamp(0.0, 1e9)).ok())
        .map_or_else(String::new, |s| format!(" since {}", age(s)));
    clean(&format!(
        "{} {} holds a snapshot{since} ({} transactions)",
        h.kind, h.name, h.age
    ))
    .into_owned()
}

pub(super) struct Upkeep {
    site: Site,
    statement: String,
    table: Table,
    kind: Kind,
}

impl Upkeep {
    pub async fn ready(site: Site, step: &PlanStep) -> Result<Self, Outcome> {
        let Target::Thing(thing) = &step.target else {
            return Err(Outcome::Refused("this step names no table".into()));
        };
        let only = format!("s.relid = {}", thing.id.parse::<u32>().unwrap_or_default());
        let kind = match step.path.split(' ').next() {
            Some("ANALYZE") => Kind::Analyze,
            _ if step.path.starts_with("VACUUM (ANALYZE") => Kind::VacuumAnalyze,
            _ => Kind::Vacuum,
        };
        let found: Result<Option<Table>, _> = site.one("upkeep", &sql(site.look.facts.major(), &only)).await;
        match found {
            Ok(Some(table)) if table.relation().to_string() == *thing.name => Ok(Self {
                site,
                statement: step.path.clone(),
                table,
                kind,
            }),
            Ok(_) => Err(Outcome::Conflict(format!("{} is not that table any more", thing.name))),
            Err(e) => Err(Outcome::Refused(format!(
                "{} could not be read, so nothing was sent: {e}",
                thing.name
            ))),
        }
    }

    /// Where it stands, in a sentence.
    async fn progress(&self, pid: &str) -> Option<String> {
        let sql = views::sql("work", self.site.look.facts.major())?;
        let all: Vec<Work> = self.site.look.rows("work", sql).await.ok()?;
        let w = all.into_iter().find(|w| w.pid.to_string() == pid)?;
        let percent = w.percent.map_or_else(String::new, |p| format!(" {p:.0} %"));
        let indexes = match (w.indexes_done, w.indexes) {
            (Some(done), Some(all)) if all > 0 => format!(", {done} of {all} indexes"),
            _ => String::new(),
        };
        Some(clean(&format!("{}: {}{percent}{indexes}", self.table.relation(), w.phase)).into_owned())
    }
}

impl Deed for Upkeep {
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
            let pid = pid.unwrap_or_default();
            drop(act.notes());
            // It takes as long as it takes; a week is for ever.
            let running = act.simple(&self.statement, Duration::from_secs(7 * 24 * 3600));
            let mut running = std::pin::pin!(running);
            let mut told = None;
            let done = loop {
                tokio::select! {
                    done = &mut running => break done,
                    () = tokio::time::sleep(2 * LOOK) => {
                        let now = self.progress(&pid).await;
                        if now.is_some() && now != told {
                            tell.say(now.clone().unwrap_or_default(), false).await;
                            told = now;
                        }
                    }
                }
            };
            // The server warns, and answers as if it had done it.
            let warnings: Vec<String> = act
                .notes()
                .into_iter()
                .filter(|n| n.severity == "WARNING")
                .map(|n| n.message)
                .collect();
            match done {
                Ok(_) if warnings.is_empty() => (Outcome::Applied, Some(response(true, "", String::new()))),
                Ok(_) => {
                    let why = warnings.join("; ");
                    (Outcome::Skipped(why.clone()), Some(response(true, "WARNING", why)))
                }
                Err(e) => (outcome_of(&e), Some(response(false, "", e.to_string()))),
            }
        })
    }

    fn verify<'a>(&'a mut self, _tell: &'a Tell) -> BoxFuture<'a, Verdict> {
        Box::pin(async move {
            let only = format!("s.relid = {}", self.table.oid);
            let before = self.table.clone();
            // Counters of an ended session are there at once; of one that lives, within a second.
            for n in 0..30 {
                if n > 0 {
                    tokio::time::sleep(LOOK).await;
                }
                let now: Table = match self.site.one("upkeep", &sql(self.site.look.facts.major(), &only)).await {
                    Ok(Some(now)) => now,
                    Ok(None) => return Verdict::Lost(format!("{} was dropped meanwhile", before.relation())),
                    Err(e) => return Verdict::Unknown(format!("it was done, but cannot be read now: {e}")),
                };
                if self.kind == Kind::Analyze {
                    if now.analyzes > before.analyzes {
                        return Verdict::Healthy(format!("{} has fresh statistics", before.relation()));
                    }
                    continue;
                }
                if now.vacuums <= before.vacuums {
                    continue;
                }
                let text = format!(
                    "{}: {} dead rows before, {} now",
                    before.relation(),
                    rows(before.dead),
                    rows(now.dead)
                );
                if now.dead > 1000 && now.dead * 2 > before.dead {
                    let why = oldest(&self.site)
                        .await
                        .map_or_else(String::new, |h| format!("; {}", holder(&h)));
                    return Verdict::Failed(format!("{text}: they are still needed{why}"));
                }
                return Verdict::Healthy(text);
            }
            Verdict::Failed(format!(
                "the server said nothing, but its counters for {} did not move: it was not done",
                before.relation()
            ))
        })
    }
}
