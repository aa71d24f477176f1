//! What a run's parameter can be: the live objects of its type, each with how it is. The worst come first.

use std::cmp::Reverse;
use std::fmt::Write as _;

use super::layers::Choice;
use super::{App, Health};
use crate::model::{Freshness, Kind, SourceId, SourceKind, Workload};
use crate::panes::{pod_health, state_health, state_text};
use crate::runbook::engine::Run;
use crate::runbook::facts::target_text;
use crate::runbook::format::ParamKind;
use crate::text;

/// More than these nobody reads; typing narrows them.
const MOST: usize = 2_000;

impl App {
    /// What the operator may choose for a parameter; `None`: it is typed.
    pub(super) fn param_choices(&self, run: &Run, kind: &ParamKind) -> Option<Vec<Choice>> {
        let mut rows = match kind {
            ParamKind::Workload => self.workload_rows(),
            ParamKind::Pod => self.pod_rows(),
            ParamKind::Node => self.node_rows(),
            ParamKind::Namespace => names(self.world.namespaces.keys().map(|k| k.name.to_string())),
            ParamKind::Revision => return Some(self.revision_rows(run)),
            ParamKind::Host => self.host_rows(),
            ParamKind::Bool => return Some(vec![plain("yes", ""), plain("no", "")]),
            ParamKind::Choice(choices) => return Some(choices.iter().map(|c| plain(c, "")).collect()),
            ParamKind::Thing(kind) => self.thing_rows(kind),
            ParamKind::Int | ParamKind::Text | ParamKind::Duration => return None,
        };
        rows.sort_by(|a, b| (Reverse(a.0), &a.1.label).cmp(&(Reverse(b.0), &b.1.label)));
        rows.dedup_by(|a, b| a.1.value == b.1.value);
        Some(rows.into_iter().take(MOST).map(|(_, choice)| choice).collect())
    }

    fn workload_rows(&self) -> Vec<(u8, Choice)> {
        let row = |w: &std::sync::Arc<Workload>| {
            let object = w.meta.object(w.kind);
            let state = self.rollout_state(w);
            let bad = rank(state_health(&state));
            let hint = format!("{} of {} ready, {}", w.ready, w.desired, state_text(self, &state));
            (bad, choice(target_text(&object), object.to_string(), hint))
        };
        self.world.workloads().map(row).collect()
    }

    fn pod_rows(&self) -> Vec<(u8, Choice)> {
        let pods = self.world.pods.values().map(|p| {
            let object = p.meta.object(Kind::Pod);
            let bad = rank(pod_health(p));
            let restarts = match p.restarts {
                0 => String::new(),
                n => format!(", {n} restarts"),
            };
            (
                bad,
                choice(
                    target_text(&object),
                    object.to_string(),
                    format!("{}{restarts}", p.status),
                ),
            )
        });
        pods.collect()
    }

    fn node_rows(&self) -> Vec<(u8, Choice)> {
        let nodes = self.world.nodes.values().map(|n| {
            let hint = match (n.ready, n.cordoned) {
                (false, _) => "not ready",
                (true, true) => "ready, cordoned",
                (true, false) => "ready",
            };
            let name = &n.meta.name;
            (
                u8::from(!n.ready),
                choice(format!("node/{name}"), name.to_string(), hint.to_owned()),
            )
        });
        nodes.collect()
    }

    fn revision_rows(&self, run: &Run) -> Vec<Choice> {
        let workload = run.subject().workload.as_ref().and_then(|w| self.world.workload(w));
        let Some(workload) = workload else { return Vec::new() };
        let mut all: Vec<_> = self.world.revisions_of(workload).collect();
        all.sort_by_key(|r| Reverse(r.number));
        let row = |r: &&std::sync::Arc<crate::model::Revision>| {
            let images: Vec<&str> = r.images.iter().map(|c| &*c.image).collect();
            let number = r.number.to_string();
            choice(number.clone(), number, text::clean(&images.join(", ")).into_owned())
        };
        all.iter().map(row).collect()
    }

    /// Hosts that are served or that a Certificate names.
    fn host_rows(&self) -> Vec<(u8, Choice)> {
        let mut rows = Vec::new();
        for source in self.world.sources.certificates.values() {
            for served in source.served.last().into_iter().flatten() {
                let host = served
                    .address
                    .rsplit_once(':')
                    .map_or(&*served.address, |(host, _)| host);
                let bad = u8::from(served.chain.problem.is_some());
                rows.push((bad, choice(host.to_owned(), host.to_owned(), served.from.to_string())));
            }
            for managed in source.managed.last().into_iter().flatten() {
                for host in managed.dns_names.iter().filter(|h| !h.starts_with('*')) {
                    let hint = format!("certificate {}/{}", managed.id.namespace, managed.id.name);
                    rows.push((0, choice(host.to_string(), host.to_string(), hint)));
                }
            }
        }
        rows
    }

    /// Whether a source answers, for a hint.
    fn answers(&self, kind: SourceKind, name: &crate::model::Str) -> (u8, String) {
        let id = SourceId {
            kind,
            name: name.clone(),
        };
        match self.world.sources.reach.get(&id) {
            Some(Freshness::Fresh) => (0, "answers".to_owned()),
            Some(Freshness::Stale { why, .. } | Freshness::Failed { why, .. } | Freshness::Forbidden { why }) => {
                (1, text::clean(why).into_owned())
            }
            _ => (0, "not looked at yet".to_owned()),
        }
    }

    fn thing_rows(&self, kind: &str) -> Vec<(u8, Choice)> {
        let sources = &self.world.sources;
        let now = self.server_now();
        let mut rows = Vec::new();
        let mut add = |bad: u8, target: String, hint: String| {
            let label = target
                .split_once('/')
                .map_or(target.clone(), |(_, rest)| rest.to_owned());
            rows.push((
                bad,
                choice(
                    target,
                    text::clean(&label).into_owned(),
                    text::clean(&hint).into_owned(),
                ),
            ));
        };
        match kind {
            "queue" => {
                for (set, queues) in &sources.queues {
                    for queue in &queues.queues {
                        let counts = queue.counts.last();
                        let mut hint =
                            counts.map_or_else(|| "not counted".to_owned(), |c| format!("{} ready", c.ready));
                        if let Some(oldest) = counts.and_then(|c| c.oldest) {
                            let _ = write!(hint, ", oldest {}", text::age(now.duration_since(oldest)));
                        }
                        let bad = u8::from(counts.is_some_and(|c| c.ready > 0));
                        add(bad, format!("queue/{set}/{}", queue.name), hint);
                    }
                }
            }
            "postgres" => {
                for name in sources.postgres.keys() {
                    let (bad, hint) = self.answers(SourceKind::Postgres, name);
                    add(bad, format!("postgres/{name}"), hint);
                }
            }
            "redis" => {
                for name in sources.redis.keys() {
                    let (bad, hint) = self.answers(SourceKind::Redis, name);
                    add(bad, format!("redis/{name}"), hint);
                }
            }
            "session" => {
                for (name, server) in &sources.postgres {
                    for s in server.activity.last().into_iter().flatten() {
                        let Some(begun) = &s.backend_start else { continue };
                        let (user, state) = (s.user.as_deref().unwrap_or("?"), s.state.as_deref().unwrap_or("?"));
                        let age = s.xact_s.or(s.query_s).unwrap_or(0.0) as i64;
                        let hint = format!("{user}, {state}, {}", crate::runbook::duration_text(age));
                        add(u8::from(age > 60), format!("session/{name}/{}@{begun}", s.pid), hint);
                    }
                }
            }
            "table" => {
                for (name, server) in &sources.postgres {
                    for t in server.tables.last().into_iter().flatten() {
                        let bad = u8::from(t.dead as f64 > t.threshold);
                        add(
                            bad,
                            format!("table/{name}/{}.{}", t.schema, t.name),
                            format!("{} dead rows", t.dead),
                        );
                    }
                }
            }
            "index" => {
                for (name, server) in &sources.postgres {
                    for i in server.indexes.last().into_iter().flatten() {
                        let hint = if i.invalid { "invalid" } else { "on" };
                        let hint = format!("{hint} {}", i.table);
                        add(
                            u8::from(i.invalid),
                            format!("index/{name}/{}.{}", i.schema, i.name),
                            hint,
                        );
                    }
                }
            }
            "certificate" => {
                for source in sources.certificates.values() {
                    for c in source.managed.last().into_iter().flatten() {
                        let left = c.not_after.map(|end| end.duration_since(now).as_hours() / 24);
                        let hint = left.map_or_else(|| "never issued".to_owned(), |days| format!("{days} d left"));
                        let bad = u8::from(left.is_none_or(|days| days < 14));
                        add(bad, format!("certificate/{}/{}", c.id.namespace, c.id.name), hint);
                    }
                }
            }
            "alert" => {
                for (name, source) in &sources.prometheus {
                    for a in source.alerts.last().into_iter().flatten() {
                        let bad = u8::from(&*a.severity == "critical");
                        add(bad, format!("alert/{name}/{}", a.name), a.summary.to_string());
                    }
                }
            }
            _ => {}
        }
        rows
    }
}

/// The worst come first.
const fn rank(health: Health) -> u8 {
    match health {
        Health::Critical => 3,
        Health::Warning => 2,
        Health::Moving => 1,
        Health::Good | Health::Quiet => 0,
    }
}

fn choice(value: String, label: String, hint: String) -> Choice {
    Choice { value, label, hint }
}

fn plain(value: &str, hint: &str) -> Choice {
    choice(value.to_owned(), value.to_owned(), hint.to_owned())
}

fn names(all: impl Iterator<Item = String>) -> Vec<(u8, Choice)> {
    all.map(|name| (0, plain(&name, ""))).collect()
}
