//! A Job from a template of the configuration, by keys: planned, made, its pod's lines followed to their end, found to have
//! succeeded, and deleted again by the undo that was offered.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod person_support;

use std::cell::{Cell, RefCell};

use person_support::{Deed, carried_out, choose, do_all, loaded, once, taken_back};
use quarterdeck::action::Verdict;
use quarterdeck::app::Layer;
use quarterdeck::sim::demo;
use quarterdeck::sim::kube::resource;

const TEMPLATE: &str = "\
apiVersion: batch/v1
kind: Job
metadata:
  name: whatever
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: worker
        image: registry.lab/cortex/backup:1.4.0
        args: [\"--once\"]
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_of_a_template_is_made_followed_to_its_end_and_deleted() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = demo::Options {
        pace: 20,
        calm: true,
        ..demo::Options::default()
    };
    let demo = demo::start(options).await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".config/quarterdeck/jobs");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("migrate.yaml"), TEMPLATE).unwrap();
    let config = std::fs::read_to_string(demo.config()).unwrap();
    let job = |name: &str| demo.store().get(resource("batch", "jobs").unwrap(), "cortex", name);
    let (name, followed) = (RefCell::new(String::new()), Cell::new(0));
    let deeds: Vec<Deed<'_>> = vec![
        once(|hands| hands.press("2 g g a j")),
        choose("migrate"),
        // The template's own image.
        once(|hands| hands.press("enter")),
        Box::new(|hands| {
            let Some(plan) = hands.plan().and_then(|layer| layer.plan()) else {
                return false;
            };
            assert_eq!(plan.blocked(), None);
            assert!(plan.steps[0].same_as.contains("kubectl "), "{}", plan.steps[0].same_as);
            assert!(job(plan.steps[0].target.name()).is_none(), "a plan makes nothing");
            plan.steps[0].target.name().clone_into(&mut name.borrow_mut());
            true
        }),
        carried_out(1),
        once(|_| {
            let made = job(&name.borrow()).unwrap().value();
            assert_eq!(made["spec"]["template"]["spec"]["containers"][0]["args"][0], "--once");
        }),
        // Its row among the Jobs, and what its pod says.
        once(|hands| hands.press("9 v v")),
        Box::new(|hands| {
            let rows = hands.app.list(hands.app.pane).rows();
            let at = rows.iter().position(|r| r.order().1 == name.borrow().as_str());
            if let Some(at) = at {
                hands.press("g g");
                (0..at).for_each(|_| hands.press("j"));
                hands.press("l");
            }
            at.is_some()
        }),
        Box::new(|hands| {
            if let Some(Layer::Logs(logs)) = hands.app.layers.last() {
                followed.set(logs.lines.iter().filter(|line| !line.note).count());
            }
            let verdict = hands.app.activities.last().and_then(|a| a.verdict.clone());
            match verdict {
                Some(Verdict::Healthy(text)) => {
                    assert!(text.starts_with("succeeded"), "{text}");
                    followed.get() > 0
                }
                Some(other) => panic!("{other:?}"),
                None => false,
            }
        }),
        // Taken back: the Job and its pods go.
        once(|hands| hands.press("esc")),
        taken_back(),
        carried_out(2),
        Box::new(|_| job(&name.borrow()).is_none()),
    ];
    Box::pin(do_all(loaded(&config, home.path(), false), deeds, |_| {})).await;
    demo.stop().await;
}
