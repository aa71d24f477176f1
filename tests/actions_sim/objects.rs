//! Changes of single objects on the demonstration platform, and what their lines do in the hands of kubectl.

use std::collections::BTreeMap;

use quarterdeck::action::{Alphabet, NewValue, ObjectAsk, Outcome, Request, Resources, Undo, Verdict};
use quarterdeck::model::Kind;
use quarterdeck::sim::kube::{Writer, resource};
use serde_json::{Value, json};

use super::Stage;

impl Stage {
    /// Puts in what the platform lacks: a Service of its own, and a canary.
    pub(super) fn add_both_sides(&self) {
        let create = |r: &str, group: &str, value: Value| {
            let by = Writer::new("test");
            self.store.create(resource(group, r).unwrap(), value, &by).unwrap();
        };
        create(
            "services",
            "",
            json!({"metadata": {"name": "front", "namespace": "cortex"},
            "spec": {"selector": {"app": "cortex-web"}, "ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": "http"}]}}),
        );
        create(
            "ingresses",
            "networking.k8s.io",
            json!({"metadata": {"name": "canary", "namespace": "cortex",
            "annotations": {"nginx.ingress.kubernetes.io/canary": "true", "nginx.ingress.kubernetes.io/canary-weight": "10"}},
            "spec": {"rules": [{"host": "cortex.lab.example", "http": {"paths": [{"path": "/", "pathType": "Prefix",
                "backend": {"service": {"name": "front", "port": {"name": "http"}}}}]}}]}}),
        );
    }

    /// Each change of an object that has a line for kubectl of its own.
    fn settings(&self) -> Vec<Request> {
        let map = |k: &str, v: &str| BTreeMap::from([(k.to_owned(), v.to_owned())]);
        vec![
            self.ask(
                Kind::Deployment,
                "cortex-web",
                ObjectAsk::SetResources {
                    container: "web".into(),
                    resources: Resources {
                        requests: map("cpu", "150m"),
                        limits: map("memory", "192Mi"),
                    },
                },
            ),
            self.ask(
                Kind::ConfigMap,
                "cortex-config",
                ObjectAsk::SetConfig {
                    key: "DB_POOL_SIZE".into(),
                    value: "50".into(),
                    seen: Some("20".into()),
                },
            ),
            self.ask(Kind::Node, "lab-node-03", ObjectAsk::Cordon),
            self.ask(
                Kind::Ingress,
                "canary",
                ObjectAsk::CanaryWeight {
                    weight: 30,
                    seen: Some(10),
                },
            ),
            self.ask(
                Kind::Service,
                "front",
                ObjectAsk::SwitchService {
                    labels: map("app", "cortex-api"),
                    seen: map("app", "cortex-web"),
                },
            ),
        ]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_change_of_an_object_takes_effect_and_is_taken_back() {
    let stage = Stage::begin(true).await;
    stage.add_both_sides();
    let secret = ObjectAsk::RotateSecret {
        key: "DATABASE_URL".into(),
        value: NewValue::Generate {
            length: 44,
            alphabet: Alphabet::Hex,
        },
    };
    let mut all = stage.settings();
    all.push(stage.ask(Kind::Secret, "cortex-env", secret));
    for ask in all {
        let plan = stage.plan(ask.clone()).await.unwrap();
        let Undo::By { request: back, .. } = plan.undo else {
            panic!("{ask:?}")
        };
        stage.healthy(ask).await;
        stage.healthy(back).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_runs_to_its_end_and_is_deleted_again() {
    let stage = Stage::begin(true).await;
    let make = ObjectAsk::CreateJob {
        template: None,
        image: None,
        args: Vec::new(),
    };
    let plan = stage.plan(stage.ask(Kind::CronJob, "backup", make)).await.unwrap();
    let Undo::By { request: back, .. } = plan.undo.clone() else {
        panic!()
    };
    let name = plan.steps[0].target.name().to_owned();
    let (outcome, verdict) = stage.carry_out(plan).await;
    assert_eq!(outcome, Outcome::Applied);
    assert!(
        matches!(&verdict, Some(Verdict::Healthy(t)) if t.starts_with("succeeded")),
        "{verdict:?}"
    );
    stage.healthy(back).await;
    assert!(
        stage
            .store
            .get(resource("batch", "jobs").unwrap(), "cortex", &name)
            .is_none()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_node_holds_nothing_but_daemons_and_every_workload_is_whole_again() {
    let stage = Stage::begin(true).await;
    let drain = ObjectAsk::Drain {
        unmanaged: true,
        empty_dirs: true,
        within_s: 3600,
    };
    let (outcome, verdict) = stage.run(stage.ask(Kind::Node, "lab-node-03", drain)).await;
    assert_eq!(outcome, Outcome::Applied, "{verdict:?}");
    assert!(matches!(&verdict, Some(Verdict::Healthy(_))), "{verdict:?}");
    let left = stage.store.list(resource("", "pods").unwrap(), None);
    let left = left
        .iter()
        .map(|p| p.value())
        .filter(|p| p["spec"]["nodeName"] == "lab-node-03");
    for pod in left {
        assert_eq!(
            pod["metadata"]["ownerReferences"][0]["kind"], "DaemonSet",
            "{}",
            pod["metadata"]["name"]
        );
    }
    assert_eq!(stage.value(Kind::Node, "lab-node-03")["spec"]["unschedulable"], true);
    stage
        .healthy(stage.ask(Kind::Node, "lab-node-03", ObjectAsk::Uncordon))
        .await;
}
