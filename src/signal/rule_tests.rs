//! Every rule on a small world.

use std::sync::Arc;

use super::testing::*;
use crate::model::{ContainerState, Workload};

#[test]
fn each_rule_says_what_is_wrong_since_when_and_why() {
    type Case = (&'static str, fn(&mut Bench), &'static [&'static str]);
    let cases: [Case; 24] = [
        (
            "all well",
            |b| {
                b.web(3);
            },
            &[],
        ),
        (
            "one pod in a crash loop",
            |b| {
                b.web(3).pod(crashing("web-a-1", "web-a", "Error", 7, ago(1)));
            },
            &["warning pod.crashloop: pod web-a-1 crash looping for 6m — app exited 1 (Error) (7 restarts)"],
        ),
        (
            "every pod in a crash loop",
            |b| {
                b.web(2).pod(crashing("web-a-0", "web-a", "Error", 7, ago(1)));
                b.pod(crashing("web-a-1", "web-a", "Error", 9, ago(1)));
            },
            &["critical pod.crashloop: 2/2 pods of web crash looping for 6m — app exited 1 (Error) (9 restarts)"],
        ),
        (
            "no image",
            |b| {
                b.web(3).pod(no_image("web-a-1", "web-a", ago(6)));
            },
            &["critical pod.image: pod web-a-1 image not pulled for 6m — ImagePullBackOff registry.lab/app:1"],
        ),
        (
            "killed for memory once, serving again",
            |b| {
                let mut pod = crashing("web-a-1", "web-a", "OOMKilled", 1, ago(30));
                (pod.is_ready, pod.ready_since) = (true, Some(ago(29)));
                let mut container = pod.containers[0].clone();
                container.state = ContainerState::Running { since: Some(ago(30)) };
                pod.containers = Arc::new([container]);
                b.web(3).pod(pod);
            },
            &["warning pod.oom: pod web-a-1 out of memory for 30m — OOMKilled app"],
        ),
        (
            "killed for memory in a loop",
            |b| {
                b.web(3).pod(crashing("web-a-1", "web-a", "OOMKilled", 7, ago(1)));
            },
            &["critical pod.oom: pod web-a-1 out of memory for 6m — OOMKilled app"],
        ),
        (
            "killed for memory long ago",
            |b| {
                let mut pod = pod("web-a-1", "web-a");
                (pod.restarts, pod.last_restart) = (1, Some(ago(90)));
                b.web(3).pod(pod);
            },
            &[],
        ),
        (
            "a young pod restarts",
            |b| {
                let mut pod = pod("web-a-1", "web-a");
                (pod.restarts, pod.last_restart, pod.meta.created) = (4, Some(ago(1)), ago(8));
                b.web(3).pod(pod);
            },
            &["warning pod.restarts: pod web-a-1 restarting for 1m — 4 times in 10m"],
        ),
        (
            "an old pod's old restarts",
            |b| {
                let mut pod = pod("web-a-1", "web-a");
                (pod.restarts, pod.last_restart) = (40, Some(ago(1)));
                b.web(3).pod(pod);
            },
            &[],
        ),
        (
            "no node has room",
            |b| {
                b.web(3).pod(pending("web-a-1", 6));
            },
            &[
                "warning pod.pending: pod web-a-1 pending for 6m — Unschedulable 0/3 nodes are available: 3 Insufficient cpu.",
            ],
        ),
        (
            "pending for a short time",
            |b| {
                b.web(3).pod(pending("web-a-1", 4));
            },
            &[],
        ),
        (
            "running, not ready",
            |b| {
                let state = ContainerState::Running { since: Some(ago(180)) };
                b.web(3).pod(broken(pod("web-a-1", "web-a"), state, None, 0, ago(7)));
            },
            &["warning pod.not-ready: pod web-a-1 not ready for 7m — app"],
        ),
        (
            "not ready because its node is down",
            |b| {
                let state = ContainerState::Running { since: Some(ago(180)) };
                b.web(3).pod(broken(pod("web-a-1", "web-a"), state, None, 0, ago(7)));
                b.deployment(Workload {
                    available: 2,
                    ready: 2,
                    ..deployment("web", 3)
                });
                b.apply(node(false, condition("Ready", "Unknown", "NodeStatusUnknown", ago(7))));
            },
            &["critical node.not-ready: node n1 NotReady for 7m — NodeStatusUnknown"],
        ),
        (
            "a node under pressure",
            |b| {
                b.apply(node(
                    true,
                    condition("DiskPressure", "True", "KubeletHasDiskPressure", ago(3)),
                ));
            },
            &["warning node.not-ready: node n1 DiskPressure for 3m — KubeletHasDiskPressure"],
        ),
        (
            "a rollout left paused",
            |b| {
                let conditions = Arc::new([condition("Progressing", "Unknown", "DeploymentPaused", ago(45))]);
                b.web(3).deployment(Workload {
                    paused: true,
                    conditions,
                    ..deployment("web", 3)
                });
            },
            &["warning rollout.paused: rollout web paused for 45m"],
        ),
        (
            "a scaler that cannot scale",
            |b| {
                let c = condition("ScalingActive", "False", "FailedGetResourceMetric", ago(5));
                b.apply(hpa(3, 50.0, vec![c]));
            },
            &["warning hpa.unable: hpa web-hpa cannot scale for 5m — FailedGetResourceMetric"],
        ),
        (
            "a scaler at its maximum",
            |b| {
                let c = condition("ScalingLimited", "True", "TooManyReplicas", ago(12));
                b.apply(hpa(8, 80.0, vec![c]));
            },
            &["warning hpa.limit: hpa web-hpa at its maximum of 8 for 12m — cpu 80 of 70"],
        ),
        (
            "a scaler far beyond its maximum",
            |b| {
                let c = condition("ScalingLimited", "True", "TooManyReplicas", ago(12));
                b.apply(hpa(8, 143.0, vec![c]));
            },
            &["critical hpa.limit: hpa web-hpa at its maximum of 8 for 12m — cpu 143 of 70"],
        ),
        (
            "a quota nearly used up",
            |b| {
                b.apply(quota(3.5));
            },
            &["warning quota.near: quota shop requests.cpu 87 % used, seen for <1m — 3.5 of 4"],
        ),
        (
            "a quota used up",
            |b| {
                b.apply(quota(4.0));
            },
            &["critical quota.near: quota shop requests.cpu 100 % used, seen for <1m — 4 of 4"],
        ),
        (
            "a Job that failed",
            |b| {
                b.apply(put_job(job("import", 31, true)));
            },
            &["warning job.failed: job import failed for 30m — BackoffLimitExceeded"],
        ),
        (
            "a Job that failed long ago",
            |b| {
                b.apply(put_job(job("import", 3000, true)));
            },
            &[],
        ),
        (
            "a CronJob whose last run failed",
            |b| {
                for mut job in [job("mail-1", 120, false), job("mail-2", 61, true)] {
                    job.meta = owned(job.meta, "CronJob", "mail");
                    b.apply(put_job(job));
                }
                b.apply(cron("mail", 119));
            },
            &["warning job.failed: cronjob mail last run failed for 60m — BackoffLimitExceeded"],
        ),
        (
            "a backup without success",
            |b| {
                b.apply(cron("pg-backup", 31 * 60));
            },
            &["critical job.failed: cronjob pg-backup no success for 31h"],
        ),
    ];
    for (name, build, expected) in cases {
        let mut bench = Bench::new();
        build(&mut bench);
        assert_eq!(bench.look(), expected, "{name}");
    }
}
