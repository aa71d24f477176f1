//! Cancel a statement, or terminate its session. The pid and the start of the session are checked again in the very
//! statement that signals: a pid is soon another session's.

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::json;

use super::super::draft::{Draft, change, refuse};
use super::super::plan::{Outcome, PlanStep, Refusal, Risk, Verdict};
use super::super::sources::{Deed, Tell};
use super::super::{WriteGrant, plan::Request};
use super::{LOOK, PostgresAsk, Site, acting, outcome_of, permission, response, unreadable, verify};
use crate::feed::postgres::{literal, without_literals};
use crate::journal::ResponseSeen;

#[derive(Clone, Debug, Deserialize)]
struct Seen {
    user: Option<String>,
    application: Option<String>,
    backend_type: Option<String>,
    state: Option<String>,
    query: Option<String>,
    query_start: Option<String>,
    xact_s: Option<f64>,
    query_s: Option<f64>,
    is_super: bool,
    may: bool,
    /// Sessions that wait for it directly, and those behind them as well.
    blocks: i64,
    behind: i64,
}

fn sql(pid: i32, backend_start: &str) -> String {
    format!(
        "SELECT a.usename::text AS \"user\", a.application_name AS application, a.backend_type, a.state, \
                left(a.query, 300) AS query, a.query_start::text AS query_start, \
                extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS xact_s, \
                extract(epoch FROM clock_timestamp() - a.query_start)::float8 AS query_s, \
                coalesce(r.rolsuper, false) AS is_super, \
                coalesce(pg_has_role(session_user, a.usesysid, 'USAGE'), false) \
                  OR pg_has_role(session_user, 'pg_signal_backend', 'USAGE') AS may, \
                (SELECT count(*) FROM pg_stat_activity w WHERE w.wait_event_type = 'Lock' \
                    AND a.pid = ANY (pg_blocking_pids(w.pid))) AS blocks, \
                (WITH RECURSIVE line (pid) AS (SELECT a.pid UNION SELECT w.pid FROM line, pg_stat_activity w \
                    WHERE w.wait_event_type = 'Lock' AND line.pid = ANY (pg_blocking_pids(w.pid))) \
                 SELECT count(*) - 1 FROM line) AS behind \
           FROM pg_stat_activity a LEFT JOIN pg_roles r ON r.oid = a.usesysid \
          WHERE a.pid = {pid} AND a.backend_start = {}::timestamptz",
        literal(backend_start)
    )
}

fn lasted(seconds: Option<f64>) -> String {
    let span = jiff::SignedDuration::try_from_secs_f64(seconds.unwrap_or_default().clamp(0.0, 1e9));
    crate::text::age(span.unwrap_or_default())
}

/// Who waits for a session: as many as the lock tree counts below it.
fn waiting(directly: i64, in_all: i64) -> Option<String> {
    match (directly, in_all) {
        (..1, _) => None,
        (1, ..=1) => Some("1 session waits for it".to_owned()),
        (1, all) => Some(format!("1 session waits for it directly, {all} in all")),
        (n, all) if all > n => Some(format!("{n} sessions wait for it directly, {all} in all")),
        (n, _) => Some(format!("{n} sessions wait for it")),
    }
}

pub(super) async fn draft(site: &Site, pid: i32, backend_start: &str, terminate: bool) -> Result<Draft, Refusal> {
    let seen: Option<Seen> = site
        .one("session", &sql(pid, backend_start))
        .await
        .map_err(|e| unreadable(&format!("session {pid}"), &e))?;
    let seen = seen.ok_or_else(|| {
        refuse(
            format!("session {pid} of then has ended; its number may be another one's now"),
            "look at the list again",
        )
    })?;
    if seen.backend_type.as_deref().is_some_and(|t| t != "client backend") {
        return Err(refuse(
            format!(
                "{pid} is a {}, not a client",
                seen.backend_type.as_deref().unwrap_or_default()
            ),
            "this console ends clients only",
        ));
    }
    let who = crate::text::clean(&format!(
        "{} {}",
        seen.user.as_deref().unwrap_or("unknown"),
        seen.application.as_deref().unwrap_or_default()
    ))
    .trim()
    .to_owned();
    let state = seen.state.clone().unwrap_or_else(|| "unknown".to_owned());
    let (verb, function, risk) = if terminate {
        ("Terminate", "pg_terminate_backend", Risk::R2)
    } else {
        ("Cancel", "pg_cancel_backend", Risk::R1)
    };
    let what = if terminate {
        "session"
    } else {
        "the statement of session"
    };
    let mut draft = Draft::new(
        format!("{verb} {what} {pid} ({who})"),
        format!("{verb} {pid}"),
        risk,
        verify(
            if terminate {
                "the session is gone within 30 s"
            } else {
                "the statement has ended within 15 s"
            }
            .to_owned(),
            if terminate { 30 } else { 15 },
        ),
    );
    if !terminate && state != "active" {
        draft.no_op = Some(format!("session {pid} runs nothing: it is {state}"));
    }
    let statement = format!(
        "SELECT {function}(a.pid)::text FROM pg_stat_activity a WHERE a.pid = {pid} AND a.backend_start = {}::timestamptz \
         AND a.backend_type = 'client backend'",
        literal(backend_start)
    );
    draft.steps.push(site.step(
        site.thing("session", &pid.to_string(), backend_start.to_owned()),
        statement,
        vec![change(
            "session",
            &state,
            if terminate { "ended" } else { "its statement ended" },
        )],
        json!({ "backend_start": backend_start }),
    ));
    draft.checks.push(permission(
        seen.may && (!seen.is_super || site.look.facts.superuser),
        if seen.is_super {
            "only a superuser may signal a superuser's session".to_owned()
        } else {
            format!("GRANT pg_signal_backend TO \"{}\";", site.look.facts.user)
        },
    ));
    draft.impact.push(format!("{state} for {}: {}", lasted(seen.query_s), {
        let line = seen
            .query
            .unwrap_or_default()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        // A second person reads the plan through the spool, where others may, too.
        crate::text::clean(&without_literals(&line)).into_owned()
    }));
    draft.impact.extend(waiting(seen.blocks, seen.behind));
    if terminate {
        draft.impact.push(format!(
            "its transaction of {} is rolled back; its client must connect anew",
            lasted(seen.xact_s)
        ));
        if state == "active" {
            draft.also(
                "cancel its statement instead (the client stays connected)".into(),
                Request::Postgres {
                    source: site.source.clone(),
                    ask: PostgresAsk::CancelQuery {
                        pid,
                        backend_start: backend_start.to_owned(),
                    },
                },
            );
        }
        draft.no_undo("a session that was ended does not come back; what it had not committed is lost");
    } else {
        if seen.xact_s > seen.query_s {
            draft.warn("it is within a transaction: its locks stay until the client ends that");
        }
        draft.no_undo("a statement that was cancelled does not go on; its client gets an error");
    }
    Ok(draft)
}

pub(super) struct Signal {
    site: Site,
    statement: String,
    pid: i32,
    backend_start: String,
    terminate: bool,
    before: Seen,
}

impl Signal {
    pub async fn ready(
        site: Site,
        step: &PlanStep,
        pid: i32,
        backend_start: String,
        terminate: bool,
    ) -> Result<Self, Outcome> {
        let seen = site.one("session", &sql(pid, &backend_start)).await;
        match seen {
            Ok(Some(before)) => Ok(Self {
                site,
                statement: step.path.clone(),
                pid,
                backend_start,
                terminate,
                before,
            }),
            Ok(None) => Err(Outcome::Conflict(format!("session {pid} has ended meanwhile"))),
            Err(e) => Err(Outcome::Refused(format!(
                "session {pid} could not be read, so nothing was sent: {e}"
            ))),
        }
    }
}

impl Deed for Signal {
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
            let text = format!("/* qd:signal */ {}", self.statement);
            match act.texts(&text).await.map(|rows| rows.into_iter().next()) {
                Ok(Some(answer)) if answer == "true" => (Outcome::Applied, Some(response(true, "", String::new()))),
                Ok(Some(answer)) => (
                    Outcome::Refused("the server did not signal it".into()),
                    Some(response(false, &answer, String::new())),
                ),
                Ok(None) => (
                    Outcome::Conflict(format!("session {} has ended meanwhile", self.pid)),
                    Some(response(true, "no such session", String::new())),
                ),
                Err(e) => (outcome_of(&e), Some(response(false, "", e.to_string()))),
            }
        })
    }

    fn verify<'a>(&'a mut self, tell: &'a Tell) -> BoxFuture<'a, Verdict> {
        Box::pin(async move {
            let tries = if self.terminate { 60 } else { 30 };
            let mut last = String::new();
            for n in 0..tries {
                if n > 0 {
                    tokio::time::sleep(LOOK).await;
                }
                let seen: Option<Seen> = match self.site.one("session", &sql(self.pid, &self.backend_start)).await {
                    Ok(seen) => seen,
                    Err(e) => return Verdict::Unknown(format!("it was signalled, but cannot be read now: {e}")),
                };
                let now = match seen {
                    None => return Verdict::Healthy(format!("session {} is gone", self.pid)),
                    Some(_) if self.terminate => "it is still rolling back".to_owned(),
                    Some(now)
                        if now.state.as_deref() != Some("active") || now.query_start != self.before.query_start =>
                    {
                        let state = now.state.unwrap_or_default();
                        return Verdict::Healthy(format!("its statement has ended; the session is {state}"));
                    }
                    Some(_) => "its statement still runs".to_owned(),
                };
                if now != last {
                    tell.say(now.clone(), false).await;
                    last = now;
                }
            }
            Verdict::Failed(format!("{last}, {} s after it was signalled", tries / 2))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_counted_as_the_lock_tree_counts_them() {
        assert_eq!(waiting(0, 0), None);
        assert_eq!(waiting(1, 1).unwrap(), "1 session waits for it");
        assert_eq!(waiting(2, 2).unwrap(), "2 sessions wait for it");
        assert_eq!(waiting(2, 4).unwrap(), "2 sessions wait for it directly, 4 in all");
    }
}
