//! Facts of the cluster as a whole, of a node, and of a Job.

use super::{About, Fact, Maker, Row, Subject, count, known, maybe, seconds};
use crate::model::{Key, Kind, RolloutState, rollout_state};
use crate::runbook::value::Value;

impl Maker<'_> {
    pub(super) fn cluster(&mut self, subject: &Subject) {
        let world = self.world;
        let pods = self.blocked(&[Kind::Pod]);
        let bad = world.pods.values().filter(|pod| pod.is_bad()).count();
        let pending = world.pods.values().filter(|pod| pod.unschedulable.is_some()).count();
        let rows: Vec<Row> = vec![
            ("cluster.pods", known(count(world.pods.len() as u64)), ""),
            ("cluster.bad_pods", known(count(bad as u64)), ""),
            ("cluster.unschedulable_pods", known(count(pending as u64)), ""),
        ];
        self.many(pods.as_ref(), rows);

        let blocked = self.blocked(&[
            Kind::Deployment,
            Kind::StatefulSet,
            Kind::DaemonSet,
            Kind::ReplicaSet,
            Kind::Pod,
        ]);
        let stalled = world
            .workloads()
            .filter(|w| matches!(rollout_state(world, w, self.now), RolloutState::Stalled { .. }))
            .count();
        let dark = world.workloads().filter(|w| w.desired > 0 && w.available == 0).count();
        let newest = world.replica_sets.values().filter(|r| r.desired > 0);
        let newest = newest.max_by_key(|r| r.meta.created);
        let rows: Vec<Row> = vec![
            ("cluster.stalled", known(count(stalled as u64)), ""),
            ("cluster.down", known(count(dark as u64)), ""),
        ];
        self.many(blocked.as_ref(), rows);
        let blocked = self.blocked(&[Kind::ReplicaSet]);
        let none = "no ReplicaSet is kept";
        let owner = newest.and_then(|r| r.meta.owner.as_ref());
        let rows: Vec<Row> = vec![
            ("cluster.last_release", maybe(owner.map(|o| &*o.name)), none),
            (
                "cluster.last_release_for",
                maybe(newest.map(|r| seconds(self.now, r.meta.created))),
                none,
            ),
        ];
        self.many(blocked.as_ref(), rows);
        let blocked = self.blocked(&[Kind::Node]);
        let unready: Vec<Value> = world
            .nodes
            .values()
            .filter(|n| !n.ready)
            .take(5)
            .map(|n| Value::text(&*n.meta.name))
            .collect();
        let rows: Vec<Row> = vec![
            ("cluster.nodes", known(count(world.nodes.len() as u64)), ""),
            (
                "cluster.nodes_ready",
                known(count(world.nodes.values().filter(|n| n.ready).count() as u64)),
                "",
            ),
            ("cluster.nodes_unready", known(Value::List(unready)), ""),
        ];
        self.many(blocked.as_ref(), rows);
        self.node(subject);
        self.job(subject);
    }

    /// The run's node, else that of the run's pod.
    fn node(&mut self, subject: &Subject) {
        let world = self.world;
        let of_pod = || {
            let pod = world.pod(subject.pod.as_ref()?)?;
            world.nodes.values().find(|n| n.meta.name == pod.node)
        };
        let node = match &subject.about {
            Some(About::Node(object)) => world.nodes.get(&object.key()),
            _ => of_pod(),
        };
        let blocked = self.blocked(&[Kind::Node]);
        let Some(node) = node else {
            let absent = Fact::Absent("the run is about no node".to_owned());
            self.all("node.", &blocked.unwrap_or(absent));
            return;
        };
        let on_it = || world.pods.values().filter(|pod| pod.node == node.meta.name);
        let why = node.conditions.iter().find(|c| match &*c.kind {
            "Ready" => &*c.status != "True",
            _ => &*c.status == "True",
        });
        let ready = node.conditions.iter().find(|c| &*c.kind == "Ready");
        let since = ready.filter(|_| !node.ready).and_then(|c| c.since);
        let rows: Vec<Row> = vec![
            ("node.name", known(&*node.meta.name), ""),
            ("node.ready", known(node.ready), ""),
            ("node.cordoned", known(node.cordoned), ""),
            (
                "node.trouble",
                maybe(why.map(|c| format!("{} {}: {}", c.kind, c.status, c.message))),
                "no condition speaks of trouble",
            ),
            (
                "node.not_ready_for",
                maybe(since.map(|at| seconds(self.now, at))),
                "it is ready",
            ),
        ];
        self.many(blocked.as_ref(), rows);
        let blocked = self.blocked(&[Kind::Pod]);
        let bad = on_it().filter(|pod| pod.is_bad()).count();
        let alone = on_it().filter(|pod| pod.meta.owner.is_none()).count();
        let rows: Vec<Row> = vec![
            ("node.pods", known(count(on_it().count() as u64)), ""),
            ("node.bad_pods", known(count(bad as u64)), ""),
            ("node.unowned_pods", known(count(alone as u64)), ""),
        ];
        self.many(blocked.as_ref(), rows);
    }

    fn job(&mut self, subject: &Subject) {
        let world = self.world;
        let Some(About::Job(object)) = &subject.about else {
            self.all("job.", &Fact::Absent("the run is about no Job".to_owned()));
            return;
        };
        let blocked = self.blocked(&[object.kind]);
        // A Job of a CronJob and the CronJob itself say the same: its newest run, and its last success.
        let (job, cron) = if object.kind == Kind::CronJob {
            let cron = world.cron_jobs.get(&object.key());
            let runs = world.jobs.values().filter(|job| {
                let owner = job.meta.owner.as_ref();
                owner.is_some_and(|o| cron.is_some_and(|c| o.uid == c.meta.uid))
            });
            (runs.max_by_key(|job| job.started.unwrap_or(job.meta.created)), cron)
        } else {
            let job = world.jobs.get(&object.key());
            let owner = job
                .and_then(|job| job.meta.owner.as_ref())
                .filter(|o| &*o.kind == "CronJob");
            (
                job,
                owner.and_then(|o| world.cron_jobs.get(&Key::new(object.namespace.clone(), o.name.clone()))),
            )
        };
        let ended = job.and_then(|j| j.completed);
        let success = cron.and_then(|c| c.last_success).max(ended);
        let again = cron.map(|c| format!("cronjob/{}/{}", c.meta.namespace, c.meta.name));
        let why = job.and_then(|j| j.failure.as_ref()).map(|(_, reason)| &**reason);
        let rows: Vec<Row> = vec![
            ("job.name", known(&*object.name), ""),
            ("job.exists", known(job.is_some() || cron.is_some()), ""),
            ("job.failure", maybe(why), "no failure is noted"),
            (
                "job.failed_pods",
                maybe(job.map(|j| i64::from(j.failed))),
                "none of its runs is kept",
            ),
            ("job.again", maybe(again), "it belongs to no CronJob"),
            ("job.suspended", maybe(cron.map(|c| c.suspended)), "it is no CronJob"),
            ("job.schedule", maybe(cron.map(|c| &*c.schedule)), "it is no CronJob"),
            (
                "job.last_success",
                maybe(success.map(|at| seconds(self.now, at))),
                "no success is noted",
            ),
        ];
        self.many(blocked.as_ref(), rows);
    }
}
