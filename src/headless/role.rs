//! `qd check --role`: what an administrator gives to an observer or an operator of a platform.

use std::fmt::Write as _;

use serde_json::json;

use super::{Answer, Verdict};
use crate::cli::Output;
use crate::config::{Platform, PostgresSource};
use crate::feed::kube::access::rule_line;
use crate::feed::kube::rights::{Right, Role, rights};
use crate::feed::postgres::{Env, identifier, rights as postgres};
use crate::feed::redis::rights::{AclLine, acl_lines};
use crate::model::Scope;
use crate::text::clean;

/// Everything that a role needs, for each server of a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants {
    role: Role,
    /// YAML; a rule a line.
    pub kubernetes: String,
    /// By the source's name: statements of SQL and what each is for.
    pub postgres: Vec<(String, Vec<(String, String)>)>,
    /// By the source's name.
    pub redis: Vec<(String, Vec<AclLine>)>,
    /// What no server is told by a statement.
    pub by_hand: Vec<String>,
}

/// What `role` needs on `platform`, in the scope and with the context's namespace.
pub fn grants(platform: &Platform, scope: &Scope, namespace: &str, role: Role, env: &Env) -> Grants {
    let mut by_hand = Vec::new();
    let operator = role == Role::Operator;
    let list = |s: &PostgresSource| (s.name.clone(), sql(s, operator, env));
    for s in platform.postgres.iter().filter(|s| s.pgbouncer.is_some()) {
        let line = format!(
            "postgres {}: stats_users = <the user of `pgbouncer`> in pgbouncer.ini",
            s.name
        );
        by_hand.push(line);
    }
    for s in &platform.prometheus {
        let line = format!(
            "prometheus {}: GET and POST of /api/v1/query and /api/v1/query_range, GET of /api/v1/rules",
            s.name
        );
        by_hand.push(line);
        if s.alertmanager.is_some() {
            let writes = if operator {
                ", POST of /api/v2/silences, DELETE of /api/v2/silence"
            } else {
                ""
            };
            by_hand.push(format!(
                "its Alertmanager: GET of /api/v2/alerts and /api/v2/silences{writes}"
            ));
        }
    }
    let redis = platform
        .redis
        .iter()
        .map(|s| (s.name.clone(), acl_lines(s, platform, operator)))
        .collect();
    for s in platform.redis.iter().filter(|s| !s.sentinels.is_empty()) {
        by_hand.push(format!(
            "the Sentinels of redis {}: ACL SETUSER {} on +ping +sentinel|master +sentinel|get-master-addr-by-name +sentinel|ckquorum",
            s.name,
            s.sentinel_username.as_deref().unwrap_or("default")
        ));
    }
    Grants {
        role,
        kubernetes: rbac(&rights(platform, scope, namespace, role), role),
        postgres: platform.postgres.iter().map(list).collect(),
        redis,
        by_hand,
    }
}

/// One ClusterRole or Role a place, each with its binding to a group.
fn rbac(rights: &[Right], role: Role) -> String {
    let mut places: Vec<&str> = rights.iter().map(|r| r.ask.namespace.as_str()).collect();
    places.sort_unstable();
    places.dedup();
    let name = format!("quarterdeck-{}", role.word());
    let mut documents = Vec::new();
    for place in places {
        let (kind, of) = if place.is_empty() {
            ("ClusterRole", String::new())
        } else {
            ("Role", format!(", namespace: {place:?}"))
        };
        let mut text =
            format!("apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {{name: {name}{of}}}\nrules:\n");
        for right in rights.iter().filter(|r| r.ask.namespace == place) {
            let _ = writeln!(text, "  - {}", rule_line(&right.ask, &right.verbs));
        }
        documents.push(text);
        documents.push(format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}Binding\nmetadata: {{name: {name}{of}}}\n\
             roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {kind}, name: {name}}}\n\
             subjects:\n  - {{apiGroup: rbac.authorization.k8s.io, kind: Group, name: {name}s}}\n"
        ));
    }
    documents.join("---\n")
}

/// A statement a line, each with what it is for.
fn sql(source: &PostgresSource, operator: bool, env: &Env) -> Vec<(String, String)> {
    let login = postgres::login(source, env).ok();
    let user = login.as_ref().map_or("qd", |(user, _)| user.as_str());
    let quoted = identifier(user);
    let mut lines = Vec::new();
    let mut line = |what: &str, sql: String| lines.push((what.to_owned(), clean(&sql).into_owned()));
    if let Some((_, database)) = &login {
        line("connect", postgres::connect_grant(user, database));
    }
    line(
        "see what others do, and the statistics",
        format!("GRANT pg_monitor TO {quoted};"),
    );
    if operator {
        line(
            "cancel statements, end sessions",
            format!("GRANT pg_signal_backend TO {quoted};"),
        );
        let target = crate::feed::postgres::literal(user);
        // Before 17 only an owner may vacuum: the owners' roles are given, superusers' never.
        let upkeep = format!(
            "DO $qd$ DECLARE o name; BEGIN \
             IF current_setting('server_version_num')::int >= 170000 THEN EXECUTE 'GRANT pg_maintain TO {quoted}'; ELSE \
             FOR o IN SELECT DISTINCT r.rolname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_roles r ON r.oid = c.relowner WHERE c.relkind IN ('r', 'm') \
             AND n.nspname !~ '^(pg_|information_schema$)' AND NOT r.rolsuper AND r.rolname <> {target} \
             LOOP EXECUTE format('GRANT %I TO {}', o); END LOOP; END IF; END $qd$;",
            quoted.replace('%', "%%")
        );
        line("vacuum, analyze, reindex", upkeep);
        line("reset a statement's statistics", postgres::reset_grant(None, &quoted));
    }
    lines
}

impl Grants {
    /// For people, with comments; or one JSON document: `{"kubernetes": YAML, "postgres": [{name, statements: [{what,
    /// sql}]}], "redis": [{name, lines: [{what, acl}]}], "by_hand": […]}`.
    pub fn print(&self, output: Output) -> Answer {
        let text = match output {
            Output::Table => self.text(),
            Output::Json => self.json(),
        };
        Answer {
            text,
            doubts: Vec::new(),
            verdict: Verdict::Fine,
        }
    }

    fn text(&self) -> String {
        let role = self.role.word();
        let mut text = format!(
            "# Kubernetes, for `kubectl apply -f -`. Put the people into the group quarterdeck-{role}s, or bind whom you like.\n{}",
            self.kubernetes
        );
        for (name, lines) in &self.postgres {
            let _ = writeln!(
                text,
                "\n-- PostgreSQL {}, for psql as an administrator, in the database of the source",
                clean(name)
            );
            for (what, sql) in lines {
                let _ = writeln!(text, "{sql} -- {what}");
            }
        }
        for (name, lines) in &self.redis {
            let _ = writeln!(
                text,
                "\n# Redis {}, for redis-cli (before 7.0 `~` for `%R~`); then ACL SAVE",
                clean(name)
            );
            for l in lines {
                let _ = writeln!(text, "# {}\n{}", clean(&l.feature), clean(&l.line));
            }
        }
        if !self.by_hand.is_empty() {
            text.push('\n');
        }
        for line in &self.by_hand {
            let _ = writeln!(text, "# {}", clean(line));
        }
        text
    }

    fn json(&self) -> String {
        let postgres: Vec<_> = self
            .postgres
            .iter()
            .map(|(name, lines)| {
                let lines: Vec<_> = lines
                    .iter()
                    .map(|(what, sql)| json!({ "what": what, "sql": sql }))
                    .collect();
                json!({ "name": clean(name), "statements": lines })
            })
            .collect();
        let redis: Vec<_> = self
            .redis
            .iter()
            .map(|(name, lines)| {
                let lines: Vec<_> = lines
                    .iter()
                    .map(|l| json!({ "what": clean(&l.feature), "acl": clean(&l.line) }))
                    .collect();
                json!({ "name": clean(name), "lines": lines })
            })
            .collect();
        super::json(&json!({
            "kubernetes": self.kubernetes, "postgres": postgres, "redis": redis, "by_hand": self.by_hand,
        }))
    }
}
