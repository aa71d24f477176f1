//! The line for kubectl that a plan shows, in the hands of the real kubectl: it does the same thing.
//!
//! Every action of the registry on the cluster is here; for most of them the proof is that afterwards there is nothing left
//! to plan.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quarterdeck::action::{Alphabet, NewValue, ObjectAsk, Plan, REGISTRY, Request, Resources, RollbackTo, Sealed};
use quarterdeck::model::Kind;
use quarterdeck::sim::kube::{Writer, resource};
use serde_json::{Value, json};

use super::Stage;

/// What one sees when the line has done it.
enum Proof {
    /// The plan says so, made once more.
    NothingLeft,
    /// The object is gone, or on its way.
    Gone(Kind, String),
    /// It is there as the plan would have sent it.
    AsSent,
    /// This of a Deployment differs from before.
    Differs(&'static str, &'static str),
    /// No pod but those of daemons is left on the node.
    Empty(&'static str),
    /// Each key of the Secret that the plan names holds what was given at the line.
    Held(&'static str),
}

impl Stage {
    /// What is asked of an action, and how it is known to have happened. `made`: the Job that was made by then.
    fn case(&self, action: &str, made: &str) -> (Request, Proof) {
        use Proof::{AsSent, Differs, Empty, Gone, Held, NothingLeft};
        let map = |k: &str, v: &str| BTreeMap::from([(k.to_owned(), v.to_owned())]);
        let of = |kind, name: &str| self.target(kind, name);
        let web = || of(Kind::Deployment, "cortex-web");
        let node = |ask| self.ask(Kind::Node, "lab-node-03", ask);
        let config = |ask| self.ask(Kind::ConfigMap, "cortex-config", ask);
        match action {
            "scale" => {
                let seen = self.value(Kind::Deployment, "memory-api")["spec"]["replicas"]
                    .as_u64()
                    .unwrap() as u32;
                let target = of(Kind::Deployment, "memory-api");
                let replicas = seen + 1;
                (Request::Scale { target, replicas, seen }, NothingLeft)
            }
            "hpa-bounds" => {
                let hpa = self.value(Kind::Hpa, "cortex-api-hpa");
                let bound = |name: &str| hpa["spec"][name].as_u64().unwrap() as u32;
                let (seen_min, seen_max) = (bound("minReplicas"), bound("maxReplicas"));
                let (min, max) = (seen_min + 1, seen_max + 2);
                let target = of(Kind::Hpa, "cortex-api-hpa");
                (
                    Request::HpaBounds {
                        target,
                        min,
                        max,
                        seen_min,
                        seen_max,
                    },
                    NothingLeft,
                )
            }
            "restart" => {
                let stamp = "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt";
                (Request::Restart { target: web() }, Differs("cortex-web", stamp))
            }
            "roll-back" => {
                let target = of(Kind::Deployment, "cognition");
                let newest = self.value(Kind::Deployment, "cognition")["metadata"]["annotations"]
                    ["deployment.kubernetes.io/revision"].as_str().unwrap().parse::<u64>().unwrap();
                let to = vec![RollbackTo {
                    target,
                    revision: newest - 1,
                    newest_seen: newest,
                }];
                (
                    Request::RollBack { to },
                    Differs("cognition", "/spec/template/spec/containers/0/image"),
                )
            }
            "set-image" => {
                let seen = self.image(Kind::Deployment, "cortex-web");
                let (container, image) = ("web".to_owned(), "cortex/web:9".to_owned());
                (
                    Request::SetImage {
                        target: web(),
                        container,
                        image,
                        seen,
                    },
                    NothingLeft,
                )
            }
            "pause" => (Request::Pause { target: web() }, NothingLeft),
            "resume" => (Request::Resume { target: web() }, NothingLeft),
            "delete-pod" => {
                let target = self.a_pod_of("memory-api");
                let gone = Gone(Kind::Pod, target.name.to_string());
                (Request::DeletePod { target, force: false }, gone)
            }
            "evict-pod" => {
                let target = self.a_pod_of("cortex-api");
                let gone = Gone(Kind::Pod, target.name.to_string());
                (Request::EvictPod { target }, gone)
            }
            "set-resources" => {
                let resources = Resources {
                    requests: map("cpu", "150m"),
                    limits: map("memory", "192Mi"),
                };
                let ask = ObjectAsk::SetResources {
                    container: "web".into(),
                    resources,
                };
                (self.ask(Kind::Deployment, "cortex-web", ask), NothingLeft)
            }
            "set-config" => {
                let (key, value, seen) = ("DB_POOL_SIZE".into(), "50".into(), Some("20".into()));
                (config(ObjectAsk::SetConfig { key, value, seen }), NothingLeft)
            }
            "unset-config" => {
                let (key, seen) = ("DB_POOL_SIZE".into(), "50".into());
                (config(ObjectAsk::UnsetConfig { key, seen }), NothingLeft)
            }
            "cordon" => (node(ObjectAsk::Cordon), NothingLeft),
            "uncordon" => (node(ObjectAsk::Uncordon), NothingLeft),
            "drain" => {
                let ask = ObjectAsk::Drain {
                    unmanaged: true,
                    empty_dirs: true,
                    within_s: 600,
                };
                (node(ask), Empty("lab-node-03"))
            }
            "create-job" => {
                let ask = ObjectAsk::CreateJob {
                    template: None,
                    image: None,
                    args: Vec::new(),
                };
                (self.ask(Kind::CronJob, "backup", ask), AsSent)
            }
            "delete-job" => (
                self.ask(Kind::Job, made, ObjectAsk::DeleteJob),
                Gone(Kind::Job, made.to_owned()),
            ),
            "canary-weight" => {
                let ask = ObjectAsk::CanaryWeight {
                    weight: 30,
                    seen: Some(10),
                };
                (self.ask(Kind::Ingress, "canary", ask), NothingLeft)
            }
            "switch-service" => {
                let (labels, seen) = (map("app", "cortex-api"), map("app", "cortex-web"));
                (
                    self.ask(Kind::Service, "front", ObjectAsk::SwitchService { labels, seen }),
                    NothingLeft,
                )
            }
            "rotate-secret" => {
                let value = NewValue::Generate {
                    length: 44,
                    alphabet: Alphabet::Hex,
                };
                let ask = ObjectAsk::RotateSecret {
                    key: "DATABASE_URL".into(),
                    value,
                };
                (self.ask(Kind::Secret, "cortex-env", ask), Held("cortex-env"))
            }
            "restore-secret" => {
                let former = Sealed::new([("DATABASE_URL".to_owned(), Some(b"as before".to_vec()))]);
                (
                    self.ask(Kind::Secret, "cortex-env", ObjectAsk::RestoreSecret { former }),
                    Held("cortex-env"),
                )
            }
            "replace-tls" => {
                // One that cert-manager does not write.
                let mut own = self.value(Kind::Secret, "cortex-tls");
                own["metadata"] = json!({"name": "own-tls", "namespace": "cortex"});
                let by = Writer::new("test");
                self.store.create(resource("", "secrets").unwrap(), own, &by).unwrap();
                let (certificate, key) = self.pem_files("own-tls");
                let ask = ObjectAsk::ReplaceTls {
                    certificate,
                    key,
                    read: None,
                };
                (self.ask(Kind::Secret, "own-tls", ask), Held("own-tls"))
            }
            other => panic!("no case for {other}: does its line do what the plan says?"),
        }
    }

    /// Another certificate for the names of that Secret's, as two files.
    fn pem_files(&self, secret: &str) -> (String, String) {
        let old = self.value(Kind::Secret, secret)["data"]["tls.crt"].clone();
        let pem = STANDARD.decode(old.as_str().unwrap()).unwrap();
        let old = quarterdeck::feed::certificate::x509::chain_of_pem(&pem).unwrap();
        let names: Vec<String> = old.leaf.names.iter().map(ToString::to_string).collect();
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.not_after = rcgen::date_time_ymd(2099, 1, 1);
        let write = |name: &str, text: String| {
            let file = self.dir.path().join(name);
            std::fs::write(&file, text).unwrap();
            file.display().to_string()
        };
        let chain = params.self_signed(&key).unwrap().pem();
        (write("chain.pem", chain), write("key.pem", key.serialize_pem()))
    }

    /// Runs a line as a person would paste it; `input` is what they type at it.
    pub(super) fn paste(&self, line: &str, input: &str) {
        let mut child = Command::new("sh")
            .args(["-c", line])
            .env("KUBECONFIG", self.dir.path().join("kubeconfig"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Most read nothing.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let done = child.wait_with_output().unwrap();
        assert!(
            done.status.success(),
            "{line}\n{}",
            String::from_utf8_lossy(&done.stderr)
        );
    }

    fn is_gone(&self, kind: Kind, name: &str) -> bool {
        let found = self
            .store
            .get(resource(kind.group(), kind.plural()).unwrap(), "cortex", name);
        found.is_none_or(|o| o.value()["metadata"]["deletionTimestamp"].is_string())
    }

    /// Whether what is there is what the plan said.
    async fn holds(&self, proof: &Proof, ask: Request, plan: &Plan, before: &Value) -> bool {
        match proof {
            Proof::NothingLeft => self.plan(ask).await.unwrap().no_op.is_some(),
            Proof::Gone(kind, name) => self.is_gone(*kind, name),
            Proof::Differs(name, at) => self.value(Kind::Deployment, name).pointer(at) != before.pointer(at),
            Proof::AsSent => {
                let sent = &plan.steps[0].body;
                let made = self.value(Kind::Job, plan.steps[0].target.name());
                [
                    "/metadata/ownerReferences",
                    "/metadata/annotations",
                    "/spec/backoffLimit",
                    "/spec/template/spec/containers",
                    "/spec/template/spec/restartPolicy",
                ]
                .iter()
                .all(|at| made.pointer(at) == sent.pointer(at))
            }
            Proof::Empty(node) => {
                let pods = self.store.list(resource("", "pods").unwrap(), None);
                let left = pods
                    .iter()
                    .map(|p| p.value())
                    .filter(|p| p["spec"]["nodeName"] == *node);
                left.into_iter()
                    .all(|p| p["metadata"]["ownerReferences"][0]["kind"] == "DaemonSet")
            }
            Proof::Held(name) => {
                let held = self.value(Kind::Secret, name);
                plan.steps[0].changes.iter().all(|c| held["data"][&c.field] == TYPED)
            }
        }
    }
}

/// What a person gives as the value of a Secret: base64 of "typed".
const TYPED: &str = "dHlwZWQ=";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_line_of_every_action_does_in_kubectls_hands_what_the_plan_says() {
    let stage = Stage::begin(true).await;
    stage.add_both_sides();
    let mut made = String::new();
    for action in REGISTRY.iter().filter(|a| a.source.is_none()) {
        let (ask, proof) = stage.case(action.name, &made);
        let plan = stage
            .plan(ask.clone())
            .await
            .unwrap_or_else(|e| panic!("{}: {e}", action.name));
        assert!(plan.no_op.is_none(), "{}", action.name);
        let before = match &proof {
            Proof::Differs(name, _) => stage.value(Kind::Deployment, name),
            _ => Value::Null,
        };
        let step = &plan.steps[0];
        if let Proof::AsSent = proof {
            step.target.name().clone_into(&mut made);
        }
        let input: serde_json::Map<String, Value> =
            step.changes.iter().map(|c| (c.field.clone(), json!(TYPED))).collect();
        let line = &step.same_as;
        assert!(line.contains("kubectl "), "{}: {line}", action.name);
        stage.paste(line, &json!({ "data": input }).to_string());
        assert!(
            stage.holds(&proof, ask, &plan, &before).await,
            "{}: {line}",
            action.name
        );
    }
}
