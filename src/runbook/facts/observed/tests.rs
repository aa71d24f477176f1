use super::*;
use crate::model::{Batch, Change, ContainerRole, ContainerSpec, Meta, Owner, Phase, Selector, Str, Strategy, Uid};
use crate::runbook::engine::{ActionAsk, AskId};
use crate::runbook::format::ActionName;
use crate::runbook::request::resolve;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn meta(name: &str, owner: Option<(&str, &str)>) -> Meta {
    let owner = owner.map(|(kind, name)| Owner {
        kind: kind.into(),
        name: name.into(),
        uid: format!("uid-{name}").into(),
    });
    let uid: Uid = format!("uid-{name}").into();
    Meta {
        namespace: "cortex".into(),
        name: name.into(),
        uid,
        created: at(0),
        deleting: None,
        owner,
        labels: [].into(),
    }
}

fn spec(image: &str) -> Arc<[ContainerSpec]> {
    [ContainerSpec {
        name: "api".into(),
        image: image.into(),
        init: false,
    }]
    .into()
}

fn revision(number: u64, image: &str, ready: u32) -> Change {
    let meta = meta(&format!("api-r{number}"), Some(("Deployment", "api")));
    let hash: Str = format!("r{number}").into();
    let (key, images, change_cause) = (meta.key(), spec(image), "".into());
    let row = Revision {
        meta,
        kind: Kind::ReplicaSet,
        number,
        images,
        change_cause,
        hash,
        desired: ready,
        ready,
    };
    Change::Revision(Kind::ReplicaSet, key, Some(Arc::new(row)))
}

fn pod(name: &str, of: u64, good: bool) -> Change {
    let reason: Str = if good { "Running" } else { "ImagePullBackOff" }.into();
    let state = if good {
        ContainerState::Running { since: Some(at(0)) }
    } else {
        ContainerState::Waiting {
            reason: reason.clone(),
            message: "".into(),
        }
    };
    let image = format!("api:{of}").into();
    let container = Container {
        name: "api".into(),
        image,
        role: ContainerRole::Main,
        ready: good,
        restarts: 0,
        state,
        last: None,
    };
    let meta = meta(name, Some(("ReplicaSet", &format!("api-r{of}"))));
    let row = Pod {
        node: "n1".into(),
        phase: if good { Phase::Running } else { Phase::Pending },
        status: reason,
        ready: u16::from(good),
        total: 1,
        restarts: 0,
        last_restart: None,
        containers: [container].into(),
        is_ready: good,
        ready_since: None,
        unschedulable: None,
        revision_hash: format!("r{of}").into(),
        ip: "".into(),
        qos: "Burstable".into(),
        service_account: "default".into(),
        message: "".into(),
        meta,
    };
    Change::Pod(row.meta.key(), Some(Arc::new(row)))
}

/// A Deployment that nobody else holds, with so many pods that are well, and every feed fresh.
pub(in crate::runbook) fn world(name: &str, pods: u32) -> World {
    let (mut world, object) = stalled();
    let Some(row) = world.workload(&object) else {
        return world;
    };
    let row = Workload {
        meta: meta(name, None),
        desired: pods,
        replicas: pods,
        updated: pods,
        ready: pods,
        available: pods,
        steward: None,
        ..(**row).clone()
    };
    let change = Change::Workload(Kind::Deployment, row.meta.key(), Some(Arc::new(row)));
    world.apply(Batch {
        changes: vec![change],
        ..Batch::default()
    });
    world
}

/// A Deployment that is stalled on revision 14, with 13 still serving.
fn stalled() -> (World, ObjectRef) {
    let meta = meta("api", None);
    let object = meta.object(Kind::Deployment);
    let key = meta.key();
    let row = Workload {
        meta,
        kind: Kind::Deployment,
        desired: 2,
        replicas: 3,
        updated: 1,
        ready: 2,
        available: 2,
        generation: 2,
        observed: 2,
        paused: false,
        strategy: Strategy::Recreate,
        containers: spec("api:14"),
        queues: [].into(),
        selector: Selector::default(),
        conditions: [].into(),
        revision: 14,
        current_revision: "".into(),
        update_revision: "".into(),
        change_cause: "".into(),
        deadline_s: 600,
        steward: Some(Steward::ArgoCd {
            app: "cortex".to_owned(),
        }),
        restarted_at: "".into(),
        template_labels: [].into(),
    };
    let changes = vec![
        Change::Workload(Kind::Deployment, key, Some(Arc::new(row))),
        revision(12, "api:12", 0),
        revision(13, "api:13", 2),
        revision(14, "api:14", 0),
        pod("api-a", 13, true),
        pod("api-b", 14, false),
    ];
    let feeds = Kind::ALL
        .into_iter()
        .map(|kind| (FeedId::Watch(kind), Freshness::Fresh))
        .collect();
    let mut world = World::default();
    world.apply(Batch {
        changes,
        feeds,
        ..Batch::default()
    });
    (world, object)
}

#[test]
fn a_stalled_rollout_is_told_by_its_facts() {
    let (world, object) = stalled();
    let facts = of(&world, &Subject::of(&world, &object), at(370));
    for (name, value) in [
        ("rollout.target", Value::text("deployment/cortex/api")),
        ("rollout.stalled", Value::Bool(true)),
        ("rollout.stalled_for", Value::Int(370)),
        ("rollout.reason", Value::text("ImagePullBackOff")),
        ("rollout.about", Value::text("api:14")),
        ("rollout.revision", Value::Int(14)),
        ("rollout.previous_revision", Value::Int(13)),
        ("rollout.previous_image", Value::text("api:13")),
        ("rollout.new_ready", Value::Int(0)),
        ("rollout.bad_new_pods", Value::Int(1)),
        ("rollout.bad_old_pods", Value::Int(0)),
        ("rollout.gitops", Value::Bool(true)),
        ("rollout.autoscaled", Value::Bool(false)),
        ("pod.name", Value::text("api-b")),
    ] {
        assert_eq!(facts.get(name), Some(&Fact::Known(value)), "{name}");
    }
    assert!(matches!(facts.get("rollout.hpa.min"), Some(Fact::Absent(_))));
    for spec in registry() {
        let fact = facts
            .get(spec.path)
            .unwrap_or_else(|| panic!("{} is not computed", spec.path));
        if let Fact::Known(value) = fact {
            assert!(spec.kind.accepts(value.kind()), "{} is {value:?}", spec.path);
        }
    }
    assert!(
        facts.iter().all(|(name, _)| registry().any(|spec| spec.path == name)),
        "undocumented fact"
    );
}

#[test]
fn a_silent_or_forbidden_source_makes_its_facts_unknown() {
    let (mut world, object) = stalled();
    let subject = Subject::of(&world, &object);
    let stale = Freshness::Stale {
        since: at(100),
        why: "cut".into(),
        retry_at: at(200),
    };
    let denied = Freshness::Forbidden {
        why: "no list on hpas".into(),
    };
    let feeds = vec![(FeedId::Watch(Kind::Pod), stale), (FeedId::Watch(Kind::Hpa), denied)];
    world.apply(Batch {
        feeds,
        ..Batch::default()
    });
    let facts = of(&world, &subject, at(340));
    assert!(matches!(
        facts.get("rollout.stalled"),
        Some(Fact::Stale {
            seconds: 240,
            last: Some(Value::Bool(true))
        })
    ));
    assert_eq!(
        facts.get("rollout.autoscaled"),
        Some(&Fact::Denied("no list on hpas".to_owned()))
    );
    assert_eq!(facts.value("rollout.ready"), Some(&Value::Int(2)));
}

#[test]
fn a_request_names_the_object_that_the_run_looked_at_and_no_other() {
    let (world, object) = stalled();
    let subject = Subject::of(&world, &object);
    let mut ask = ActionAsk {
        ask: AskId(1),
        step: String::new(),
        action: ActionName::Rollback,
        target: "deployment/cortex/api".to_owned(),
        args: vec![("revision", Value::Int(13))],
        reason: String::new(),
        verify_for: None,
        soak: None,
    };
    let request = resolve(&world, &subject, &ask).unwrap();
    assert_eq!((request.name(), request.targets()), ("roll-back", vec![&object]));
    ask.args = vec![("revision", Value::Int(99))];
    assert!(resolve(&world, &subject, &ask).unwrap_err().contains("no revision 99"));
    let other = Subject {
        workload: Some(ObjectRef {
            uid: "old".into(),
            ..object
        }),
        ..Subject::default()
    };
    assert!(resolve(&world, &other, &ask).unwrap_err().contains("made anew"));
    ask.action = ActionName::DeletePod;
    assert!(
        resolve(&world, &subject, &ask)
            .unwrap_err()
            .contains("does not act on a Deployment")
    );
}
