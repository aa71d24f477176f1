//! The contract of the console with a Kubernetes cluster: its own feed, actions, logs and access reviews.
//!
//! The same test runs against the demonstration server always, and against the cluster of the current context of the
//! kubeconfig that `QUARTERDECK_TEST_KUBECONFIG` names. There it makes a namespace `qd-contract-…` of its own and
//! removes it. Its pods run `QUARTERDECK_TEST_IMAGE` and, for another image, `QUARTERDECK_TEST_IMAGE_2` (busybox).
//! What a cluster without controllers, kubelets or a registry cannot show is named in the output, as CANNOT ASSERT.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr)]

mod contract_support;

use contract_support::{Desk, Has};
use futures_util::FutureExt as _;
use quarterdeck::action::{Outcome, Request, RollbackTo, Verdict};
use quarterdeck::feed::kube::access::{self, Allowed, Ask};
use quarterdeck::feed::kube::backends;
use quarterdeck::feed::kube::logs::{self, LogItem, LogOf, LogQuery};
use quarterdeck::feed::kube::object;
use quarterdeck::model::{BackendAsk, BackendFrom, Behind, Kind, ObjectRef};
use quarterdeck::sim::demo;
use quarterdeck::sim::kube::{Clock, NoPlatform, Server, ServerOptions, Store};
use serde_json::json;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const VARIABLE: &str = "QUARTERDECK_TEST_KUBECONFIG";

async fn the_contract_holds(kubeconfig: &Path) {
    let namespace = format!("qd-contract-{:08x}", fastrand::u32(..));
    let maker = contract_support::cluster(kubeconfig, None).await;
    contract_support::make_namespace(&maker, &namespace).await;
    let contract = async {
        let mut desk = Desk::open(kubeconfig, &namespace).await;
        let has = watches_bring_what_is_made(&mut desk).await;
        access_is_told(&desk).await;
        an_ingress_leads_to_what_its_services_select(&desk).await;
        scaling_rests_on_what_was_seen(&mut desk, has).await;
        images_and_restarts_change_the_template_only(&mut desk, has).await;
        a_pause_holds_and_is_lifted(&mut desk, has).await;
        rolling_back_restores_that_revision(&mut desk, has).await;
        pods_are_deleted_and_evicted(&mut desk, has).await;
        logs_are_read_and_followed(&desk, has).await;
        what_is_removed_goes_from_the_watches(&mut desk).await;
    };
    // The namespace goes whatever happens.
    let result = AssertUnwindSafe(contract).catch_unwind().await;
    contract_support::remove_namespace(&maker, &namespace).await;
    if let Err(failed) = result {
        std::panic::resume_unwind(failed);
    }
}

async fn watches_bring_what_is_made(desk: &mut Desk) -> Has {
    desk.until("all feeds are there, and empty", |w| w.deployments.is_empty())
        .await;
    desk.make_deployment("web", 2).await;
    desk.until("the Deployment", |w| w.deployments.len() == 1).await;
    let row = desk.row("web");
    assert_eq!((row.desired, row.paused, row.kind), (2, false, Kind::Deployment));
    assert_eq!(&*row.containers[0].image, desk.image);
    let has = desk.find_out("web").await;
    if has.controllers {
        desk.until("the ReplicaSet of revision 1", |w| {
            w.replica_sets.values().any(|r| r.number == 1)
        })
        .await;
        desk.until("both pods, owned by the Deployment at the top", |w| {
            let top = |p| {
                w.top_owner(p)
                    .is_some_and(|o| o.kind == Kind::Deployment && &*o.name == "web")
            };
            w.pods.values().filter(|p| top(p)).count() == 2
        })
        .await;
        desk.until("an event of the Deployment", |w| {
            w.events
                .values()
                .any(|e| &*e.about_name == "web" && &*e.reason == "ScalingReplicaSet")
        })
        .await;
    }
    has
}

async fn access_is_told(desk: &Desk) {
    let ask = |verb| Ask::new(verb, "apps", "deployments", "", &desk.namespace);
    assert_eq!(access::may(&desk.cluster, &ask("patch")).await, Allowed::Yes);
    let both = access::review(&desk.cluster, &[ask("get"), ask("delete")]).await;
    assert_eq!(both, [Allowed::Yes, Allowed::Yes]);
    match access::who_am_i(&desk.cluster).await.unwrap() {
        Some(who) => assert!(!who.user.is_empty()),
        None => eprintln!("CANNOT ASSERT who one is: the server has no SelfSubjectReview (Kubernetes 1.28)"),
    }
}

async fn an_ingress_leads_to_what_its_services_select(desk: &Desk) {
    let service = |name: &str| json!({"service": {"name": name, "port": {"number": 80}}});
    desk.make(
        "/api/v1",
        "services",
        &json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "front"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}),
    )
    .await;
    desk.make(
        "/apis/networking.k8s.io/v1",
        "ingresses",
        &json!({"apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress", "metadata": {"name": "shop"}, "spec": {
            "defaultBackend": service("gone"),
            "tls": [{"hosts": ["shop.example"], "secretName": "shop-tls"}],
            "rules": [{"host": "shop.example", "http": {"paths": [
                {"path": "/api", "pathType": "Prefix", "backend": service("front")}]}}]}}),
    )
    .await;
    let ask = |from| BackendAsk {
        namespace: desk.namespace.as_str().into(),
        from,
    };
    for from in [
        BackendFrom::Secret("shop-tls".into()),
        BackendFrom::Ingress("shop".into()),
    ] {
        let found = backends::backends(&desk.cluster, &ask(from)).await.unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(
            (&*found[0].at[0], &*found[1].at[0]),
            ("shop.example/api", "everything else")
        );
        let Behind::Selected { service, selector } = &found[0].to else {
            panic!("{found:?}");
        };
        assert!(&*service.name == "front" && !service.uid.is_empty());
        let workloads = desk.world.selected_by(&desk.namespace, selector);
        assert_eq!(workloads, [desk.row("web").meta.object(Kind::Deployment)]);
        let Behind::Unknown { service, why } = &found[1].to else {
            panic!("{found:?}");
        };
        assert_eq!((&*service.name, &**why), ("gone", "there is no such Service"));
    }
    let other = backends::backends(&desk.cluster, &ask(BackendFrom::Secret("other".into()))).await;
    assert_eq!(other.unwrap(), []);
}

async fn scaling_rests_on_what_was_seen(desk: &mut Desk, has: Has) {
    let target = desk.target("web").await;
    let scale = |replicas, seen| Request::Scale {
        target: target.clone(),
        replicas,
        seen,
    };
    assert!(desk.plan(scale(4, 7)).await.is_err(), "7 were not there to be seen");
    let done = desk.run(scale(3, 2)).await;
    healthy(&done, has.kubelets);
    assert_eq!(desk.get("web").await["spec"]["replicas"], 3);
    desk.until("three wanted", |w| w.deployments.values().any(|d| d.desired == 3))
        .await;
    // The same size again is no change: nothing is sent.
    let plan = desk.plan(scale(3, 3)).await;
    assert!(plan.map_or(true, |p| p.no_op.is_some()));
    // Another object of that name is another object.
    let other = ObjectRef {
        uid: "00000000-0000-4000-8000-000000000000".into(),
        ..target.clone()
    };
    assert!(desk.plan(Request::Restart { target: other }).await.is_err());
}

async fn images_and_restarts_change_the_template_only(desk: &mut Desk, has: Has) {
    let target = desk.target("web").await;
    let before = desk.get("web").await;
    let image = desk.other_image.clone();
    let request = Request::SetImage {
        target: target.clone(),
        container: "main".into(),
        image: image.clone(),
        seen: desk.image.clone(),
    };
    let done = desk.run(request).await;
    healthy(&done, has.kubelets);
    let mut expected = before["spec"].clone();
    expected["template"]["spec"]["containers"][0]["image"] = json!(image);
    assert_eq!(desk.get("web").await["spec"], expected);
    desk.until("the new image", |w| {
        w.deployments.values().any(|d| *d.containers[0].image == *image)
    })
    .await;

    let done = desk.run(Request::Restart { target }).await;
    healthy(&done, has.kubelets);
    let after = desk.get("web").await;
    let at = &after["spec"]["template"]["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"];
    assert!(at.is_string(), "{after}");
    expected["template"]["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/restartedAt": at});
    assert_eq!(after["spec"], expected);
    assert_eq!(
        after["metadata"]["generation"].as_i64().unwrap(),
        before["metadata"]["generation"].as_i64().unwrap() + 2
    );
    let managers = after["metadata"]["managedFields"].as_array().unwrap();
    assert!(
        managers
            .iter()
            .any(|m| m["manager"] == "quarterdeck" && m["operation"] == "Update")
    );
    desk.until("the restart", |w| {
        w.deployments.values().any(|d| !d.restarted_at.is_empty())
    })
    .await;
}

async fn a_pause_holds_and_is_lifted(desk: &mut Desk, has: Has) {
    let target = desk.target("web").await;
    for paused in [true, false] {
        let request = if paused {
            Request::Pause { target: target.clone() }
        } else {
            Request::Resume { target: target.clone() }
        };
        let done = desk.run(request).await;
        healthy(&done, has.kubelets || paused);
        assert_eq!(
            desk.get("web").await["spec"]["paused"].as_bool().unwrap_or(false),
            paused
        );
        desk.until("paused or not", |w| w.deployments.values().all(|d| d.paused == paused))
            .await;
    }
}

async fn rolling_back_restores_that_revision(desk: &mut Desk, has: Has) {
    if !has.controllers {
        eprintln!("CANNOT ASSERT roll back: without controllers there are no ReplicaSets to go back to");
        return;
    }
    desk.until("three revisions", |w| w.replica_sets.values().any(|r| r.number == 3))
        .await;
    let target = desk.target("web").await;
    let history = object::history(&desk.cluster, &target).await.unwrap();
    let numbers: Vec<u64> = history.iter().map(|r| r.number).collect();
    assert_eq!(numbers.iter().max(), Some(&3), "{numbers:?}");
    let first = history.iter().find(|r| r.number == 1).unwrap();
    assert_eq!(first.images, std::slice::from_ref(&desk.image));
    let to = |newest_seen| Request::RollBack {
        to: vec![RollbackTo {
            target: target.clone(),
            revision: 1,
            newest_seen,
        }],
    };
    let done = desk.run(to(3)).await;
    healthy(&done, has.kubelets);
    let mut template = desk.get("web").await["spec"]["template"].clone();
    let mut wanted = first.template.clone();
    for t in [&mut template, &mut wanted] {
        let meta = t["metadata"].as_object_mut().unwrap();
        meta.retain(|_, v| !v.is_null());
        meta["labels"].as_object_mut().unwrap().remove("pod-template-hash");
    }
    assert_eq!(template, wanted, "the template is that revision's");
    desk.until("revision 4", |w| w.deployments.values().any(|d| d.revision == 4))
        .await;
    assert!(desk.plan(to(3)).await.is_err(), "the history has moved on since");
}

async fn pods_are_deleted_and_evicted(desk: &mut Desk, has: Has) {
    for evict in [false, true] {
        // Pods of nobody, so that it works without controllers; with them, pods of the Deployment.
        let pod = if has.controllers {
            desk.a_pod_of("web").await
        } else {
            desk.make_pod("alone").await
        };
        let request = if evict {
            Request::EvictPod { target: pod.clone() }
        } else {
            Request::DeletePod {
                target: pod.clone(),
                force: false,
            }
        };
        let done = desk.run(request).await;
        if has.controllers {
            healthy(&done, has.kubelets);
        } else {
            assert_eq!(done.0, Outcome::Applied, "{done:?}");
        }
        desk.until("the pod is gone", |w| w.pods.values().all(|p| p.meta.uid != pod.uid))
            .await;
    }
    if !has.kubelets {
        eprintln!("CANNOT ASSERT that a disruption budget refuses: without kubelets no pod is healthy");
        return;
    }
    desk.make_budget("web").await;
    let pod = desk.a_pod_of("web").await;
    match desk.plan(Request::EvictPod { target: pod.clone() }).await {
        Err(_) => {}
        Ok(plan) if plan.blocked().is_some() => {}
        Ok(plan) => {
            let done = desk.carry_out(plan).await;
            assert!(
                matches!(done.0, Outcome::Refused(_) | Outcome::Throttled(_)),
                "{done:?}"
            );
        }
    }
    assert!(desk.exists(&pod).await, "the budget kept it");
}

async fn logs_are_read_and_followed(desk: &Desk, has: Has) {
    if !has.kubelets {
        eprintln!("CANNOT ASSERT logs: without kubelets no container writes any");
        return;
    }
    let selector = desk.row("web").selector.clone();
    let of = LogOf::Selector {
        namespace: desk.namespace.clone(),
        selector,
    };
    let query = LogQuery {
        of,
        container: None,
        previous: false,
        tail: Some(5),
        since: None,
        follow: true,
    };
    let mut stream = logs::open(&desk.cluster, query);
    let mut pods = std::collections::BTreeSet::new();
    let all = async {
        let mut lines = 0;
        while pods.len() < 3 || lines < 20 {
            for item in stream.next().await.unwrap_or_else(|| panic!("the stream ended")) {
                if let LogItem::Line(line) = item {
                    assert!(line.at.is_some() && &*line.container == "main");
                    lines += 1;
                    pods.insert(line.pod);
                }
            }
        }
    };
    // Only so that silence ends the test instead of hanging it.
    assert!(
        tokio::time::timeout(Duration::from_secs(60), all).await.is_ok(),
        "lines of all three pods"
    );
}

async fn what_is_removed_goes_from_the_watches(desk: &mut Desk) {
    desk.remove("web").await;
    desk.until("no Deployment any more", |w| w.deployments.is_empty()).await;
}

/// Applied, and healthy where that can be known.
fn healthy(done: &(Outcome, Option<Verdict>), can_be: bool) {
    assert_eq!(done.0, Outcome::Applied, "{done:?}");
    if can_be {
        assert!(matches!(done.1, Some(Verdict::Healthy(_))), "{done:?}");
    } else {
        eprintln!("CANNOT ASSERT that it became healthy: {:?}", done.1);
    }
}

async fn demonstration() -> demo::Demo {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = demo::Options {
        calm: true,
        pace: 20,
        ..demo::Options::default()
    };
    demo::start(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_on_the_demonstration_server() {
    let demo = demonstration().await;
    the_contract_holds(demo.kubeconfig()).await;
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_on_an_api_server_alone() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let store = Store::new(Clock::real());
    let server = Server::start(store, Arc::new(NoPlatform), ServerOptions::default())
        .await
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let kubeconfig = dir.path().join("kubeconfig");
    server.write_kubeconfig(&kubeconfig).unwrap();
    the_contract_holds(&kubeconfig).await;
    assert!(server.requests().mutating() > 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_on_the_cluster_that_the_environment_names() {
    let Some(kubeconfig) = std::env::var_os(VARIABLE).filter(|v| !v.is_empty()).map(PathBuf::from) else {
        eprintln!("SKIPPED: {VARIABLE} names no kubeconfig");
        return;
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    assert!(kubeconfig.is_file(), "{VARIABLE}: no file {}", kubeconfig.display());
    the_contract_holds(&kubeconfig).await;
    eprintln!("the contract holds on the cluster of {}", kubeconfig.display());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kubeconfig_in_the_environment_is_used() {
    let demo = demonstration().await;
    let mut test = Command::new(std::env::current_exe().unwrap());
    test.args([
        "--exact",
        "the_contract_holds_on_the_cluster_that_the_environment_names",
        "--nocapture",
    ])
    .env(VARIABLE, demo.kubeconfig());
    let out = tokio::task::spawn_blocking(move || test.output().unwrap())
        .await
        .unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
    assert!(out.status.success(), "{text}");
    assert!(
        text.contains("the contract holds on the cluster of") && text.contains("1 passed"),
        "{text}"
    );
    assert!(!text.contains("CANNOT ASSERT") && !text.contains("SKIPPED"), "{text}");
    let asked = demo.server().requests().all();
    assert!(
        asked
            .iter()
            .any(|r| r.method == "DELETE" && r.path.starts_with("/api/v1/namespaces/qd-contract-"))
    );
    demo.stop().await;
}
