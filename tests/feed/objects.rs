//! What is read of one object, and what may be done to it.

use super::lab::{Lab, PODS_PATH, cortex};
use quarterdeck::action::WriteGrant;
use quarterdeck::config::Platform;
use quarterdeck::feed::kube::access::{Ask, CheckState};
use quarterdeck::feed::kube::object::Side;
use quarterdeck::feed::kube::rights::{Role, rights};
use quarterdeck::feed::kube::{Access, access, object};
use quarterdeck::model::{Kind, ObjectRef};
use quarterdeck::sim::kube::Fault;
use quarterdeck::sim::kube::faults::Rule;
use quarterdeck::sim::kube::resources::REPLICASETS;

#[tokio::test]
async fn history_and_the_difference_between_revisions_are_read() {
    let lab = Lab::new().await;
    lab.load_recording();
    let cluster = lab.connect("viewer", cortex(), Access::ReadOnly).await;
    let set = lab.store().list(&REPLICASETS, Some("cortex"));
    let uid = |kind: Kind, name: &str| ObjectRef {
        kind,
        namespace: "cortex".into(),
        name: name.into(),
        uid: "".into(),
    };
    assert!(!set.is_empty());
    let web = object::history(&cluster, &uid(Kind::Deployment, "cortex-web"))
        .await
        .unwrap();
    assert!(web.len() >= 2, "{web:?}");
    assert!(web.windows(2).all(|w| w[0].number > w[1].number));
    let diff = object::template_diff(&web[1].template, &web[0].template);
    assert!(
        diff.iter().any(|l| l.side == Side::Added) || web[0].images == web[1].images,
        "{diff:?}"
    );
    assert!(diff.iter().all(|l| !l.text.contains("pod-template-hash")));
    let sts = object::history(&cluster, &uid(Kind::StatefulSet, "postgres"))
        .await
        .unwrap();
    assert_eq!(
        (sts[0].number, &*sts[0].images[0]),
        (1, "docker.io/library/postgres:16.4")
    );
    let view = object::view(&cluster, &uid(Kind::Deployment, "cortex-web"))
        .await
        .unwrap();
    assert!(view.yaml.contains("kind: Deployment") && !view.yaml.contains("managedFields"));
    let other = ObjectRef {
        uid: "other".into(),
        ..uid(Kind::Deployment, "cortex-web")
    };
    let gone = object::view(&cluster, &other).await.unwrap_err();
    assert!(gone.say.contains("another object has its name"), "{gone}");
}

#[tokio::test]
async fn rights_are_asked_for_and_a_missing_one_is_a_rule_to_paste() {
    let lab = Lab::new().await;
    let operator = lab.connect("operator", cortex(), Access::Operator).await;
    let who = access::who_am_i(&operator).await.unwrap().unwrap();
    assert_eq!(who.user, "operator");
    let asks = [
        Ask::new("patch", "apps", "deployments", "", "cortex"),
        Ask::new("list", "", "nodes", "", ""),
    ];
    let answers = access::review(&operator, &asks).await;
    assert_eq!(answers[0], access::Allowed::Yes);
    assert!(matches!(answers[1], access::Allowed::No(_)), "{answers:?}");
    let wants = rights(&Platform::default(), &cortex(), "cortex", Role::Observer);
    let rows = access::check(&operator, &wants).await;
    let state = |what: &str| {
        &rows
            .iter()
            .find(|r| r.what == what)
            .unwrap_or_else(|| panic!("{rows:#?}"))
            .state
    };
    assert_eq!(*state("get, list, watch pods in cortex"), CheckState::Ok);
    let CheckState::Missing { grant } = state("get, list, watch nodes everywhere") else {
        panic!("{rows:#?}")
    };
    assert_eq!(
        grant,
        r#"{apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "watch"]} in a ClusterRole"#
    );
    lab.server.stop().await;
    let rows = access::check(&operator, &wants).await;
    assert!(
        matches!(&rows[..], [r] if matches!(r.state, CheckState::Unreachable { .. })),
        "{rows:?}"
    );
}

#[tokio::test]
async fn a_reader_never_writes_and_a_writer_needs_operator_access_and_a_grant() {
    let lab = Lab::new().await;
    lab.add_pods(["a".to_owned()]);
    let grant = WriteGrant::at_start(false).unwrap();
    let delete = || {
        http::Request::delete(format!("{PODS_PATH}/a"))
            .body(Vec::new())
            .unwrap()
    };
    let observer = lab.connect("admin", cortex(), Access::ReadOnly).await;
    assert!(observer.act_client(&grant).is_none());
    let operator = lab.connect("admin", cortex(), Access::Operator).await;
    for reader in [observer.reader(), operator.reader()] {
        let error = reader.request_text(delete()).await.unwrap_err();
        assert!(error.to_string().contains("only reads"), "{error}");
    }
    assert_eq!(lab.server.requests().mutating(), 0);
    let act = operator.act_client(&grant).unwrap();
    act.request_text(delete()).await.unwrap();
    assert_eq!((lab.server.requests().mutating(), operator.meter().writes()), (1, 1));
    let agent = lab.server.requests().all().pop().unwrap().agent;
    assert!(agent.starts_with("quarterdeck/"), "{agent}");
}

#[tokio::test]
async fn a_refused_write_is_sent_once() {
    let lab = Lab::new().await;
    lab.add_pods(["a".to_owned()]);
    let operator = lab.connect("admin", cortex(), Access::Operator).await;
    let act = operator.act_client(&WriteGrant::at_start(false).unwrap()).unwrap();
    for code in [401_u16, 429, 503, 504] {
        let fault = Fault::Text {
            code,
            body: "no".to_owned(),
            retry_after: Some(1),
        };
        lab.server.requests().clear();
        lab.server.faults().set(Rule::new("DELETE", PODS_PATH, 9, fault));
        let request = http::Request::delete(format!("{PODS_PATH}/a"))
            .body(Vec::new())
            .unwrap();
        act.request_text(request).await.unwrap_err();
        assert_eq!(lab.server.requests().mutating(), 1, "{code}");
        lab.server.faults().clear();
    }
}
