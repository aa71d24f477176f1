//! What `qd check` says of the sources beside Kubernetes: reached, and each of their views permitted.

use crate::feed::kube::access::{CheckRow, CheckState};
use crate::model::{
    Certificates, Freshness, Postgres, Problem, Prometheus, Queues, Redis, Seen, SourceId, SourceKind, World,
};

/// Rows for these sources, as they were seen.
pub fn source_rows(world: &World, sources: &[SourceId]) -> Vec<CheckRow> {
    let mut rows = Vec::new();
    for id in sources {
        let mut all = Rows {
            source: format!("{} {}", id.kind.word(), id.name),
            rows: Vec::new(),
        };
        let reached = all.reach(world.sources.reach.get(id));
        if reached {
            all.views(world, id);
        }
        rows.extend(all.rows);
    }
    rows
}

struct Rows {
    source: String,
    rows: Vec<CheckRow>,
}

impl Rows {
    fn row(&mut self, what: &str, needed: bool, state: CheckState) {
        self.rows.push(CheckRow {
            source: self.source.clone(),
            what: what.to_owned(),
            needed,
            state,
        });
    }

    /// Whether there is anything to say of its views.
    fn reach(&mut self, state: Option<&Freshness>) -> bool {
        let why = match state {
            Some(Freshness::Fresh) => {
                self.row("reach it", true, CheckState::Ok);
                return true;
            }
            Some(Freshness::Failed { why, .. } | Freshness::Stale { why, .. } | Freshness::Forbidden { why }) => why,
            Some(Freshness::Absent { why }) => {
                let why = why.to_string();
                self.row("reach it", true, CheckState::Absent { why });
                return false;
            }
            Some(Freshness::Off | Freshness::Syncing { .. }) | None => {
                let why = "it did not answer in time".to_owned();
                self.row("reach it", true, CheckState::Unknown { why });
                return false;
            }
        };
        let why = why.to_string();
        self.row("reach it", true, CheckState::Unreachable { why });
        false
    }

    fn view<T>(&mut self, what: &str, needed: bool, seen: &Seen<T>) {
        match &seen.problem {
            Some(problem) => self.problem(what, needed, problem),
            None if seen.value.is_some() => self.row(what, needed, CheckState::Ok),
            // Not asked for on such a server.
            None => {}
        }
    }

    fn problem(&mut self, what: &str, needed: bool, problem: &Problem) {
        let state = match problem {
            // A read-only console does without by itself: no grant would change it.
            Problem::Denied { what, grant } if grant.starts_with("nothing") => {
                CheckState::Absent { why: what.to_string() }
            }
            Problem::Denied { grant, .. } => CheckState::Missing {
                grant: grant.to_string(),
            },
            Problem::Absent { what, how } => CheckState::Absent {
                why: format!("{what}: {how}"),
            },
            other => CheckState::Unknown {
                why: other.words().to_owned(),
            },
        };
        self.row(what, needed, state);
    }

    fn views(&mut self, world: &World, id: &SourceId) {
        let s = &world.sources;
        match id.kind {
            SourceKind::Postgres => s.postgres.get(&id.name).into_iter().for_each(|p| self.postgres(p)),
            SourceKind::Redis => s.redis.get(&id.name).into_iter().for_each(|r| self.redis(r)),
            SourceKind::Queues => s.queues.get(&id.name).into_iter().for_each(|q| self.queues(q)),
            SourceKind::Prometheus => s.prometheus.get(&id.name).into_iter().for_each(|p| self.prometheus(p)),
            SourceKind::Certificates => s
                .certificates
                .get(&id.name)
                .into_iter()
                .for_each(|c| self.certificates(c)),
            SourceKind::Http => {
                if let Some(h) = s.http.get(&id.name) {
                    self.view("GET it", true, &h.reply);
                }
            }
        }
    }

    fn postgres(&mut self, p: &Postgres) {
        self.view("sessions", true, &p.activity);
        self.view("locks", true, &p.locks);
        self.view("connections", true, &p.connections);
        self.view("statements", true, &p.statements);
        self.view("tables", true, &p.tables);
        self.view("tables read from end to end", true, &p.scanned);
        self.view("indexes", true, &p.indexes);
        self.view("progress of vacuums", true, &p.work);
        self.view("xmin horizon", true, &p.horizon);
        self.view("databases", true, &p.databases);
        self.view("replicas", true, &p.replicas);
        self.view("standby", true, &p.standby);
        self.view("replication slots", true, &p.slots);
        self.view("PgBouncer's pools", false, &p.pools);
    }

    fn redis(&mut self, r: &Redis) {
        for node in &r.nodes {
            let at = |what: &str| {
                if r.nodes.len() > 1 {
                    format!("{what} of {}", node.address)
                } else {
                    what.to_owned()
                }
            };
            if let Some(trouble) = &node.trouble {
                self.problem(&at("the server"), true, trouble);
                continue;
            }
            self.view(&at("PING"), true, &node.ping_us);
            self.view(&at("memory, clients and replication"), true, &node.info);
            self.view(&at("slow log"), true, &node.slow_log);
            self.view(&at("latency"), true, &node.latency);
            self.view(&at("command statistics"), true, &node.commands);
            self.view(&at("settings"), true, &node.settings);
        }
        self.view("Cluster", true, &r.cluster);
        self.view("Sentinels", true, &r.sentinel);
    }

    fn queues(&mut self, q: &Queues) {
        self.view("look for queues", true, &q.found);
        // One line a kind of trouble: what one queue is refused, all are.
        match q.queues.iter().find_map(|q| q.counts.problem.as_ref()) {
            Some(problem) => self.problem("jobs", true, problem),
            None if q.queues.is_empty() => {}
            None => self.row("jobs", true, CheckState::Ok),
        }
        let mut told: Vec<&str> = Vec::new();
        for (field, problem) in q.queues.iter().flat_map(|q| &q.missing) {
            if !told.contains(field) {
                told.push(field);
                self.problem(field, true, problem);
            }
        }
    }

    fn prometheus(&mut self, p: &Prometheus) {
        self.view("alerts", true, &p.alerts);
        self.view("silences", true, &p.silences);
        self.view("errors", true, &p.errors);
        self.view("latency", true, &p.latency);
        self.view("traffic", true, &p.traffic);
        self.view("objectives", true, &p.slos);
        self.view("hosts", true, &p.hosts);
        self.view("certificates", true, &p.certificates);
    }

    fn certificates(&mut self, c: &Certificates) {
        self.view("cert-manager's Certificates", true, &c.managed);
        self.view("TLS Secrets", false, &c.stored);
        self.view("endpoints", true, &c.served);
        for gap in &*c.gaps {
            self.problem("the way of a certificate", false, gap);
        }
    }
}
