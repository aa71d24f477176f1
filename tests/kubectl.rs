//! The real kubectl against the demonstration platform, as an operator would use it.
//!
//! Runs every `kubectl` on PATH, and those named in `QUARTERDECK_KUBECTL` (separated by colons).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr)]

use quarterdeck::sim::demo::{self, Demo};
use quarterdeck::sim::kube::resources::{CONTROLLERREVISIONS, DEPLOYMENTS, PODS, REPLICASETS};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// So many times faster than real time the platform's own time goes.
const PACE: u32 = 20;

/// Every kubectl that there is: `kubectl`, `kubectl1.31`, `kubectl-v1.34.2`; plugins as `kubectl-foo` are none.
fn kubectls() -> Vec<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let is_kubectl = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let rest = name
            .strip_prefix("kubectl")
            .map(|r| r.trim_start_matches(['-', '_', '.', 'v']));
        let versioned = rest.is_some_and(|r| r.is_empty() || r.starts_with(|c: char| c.is_ascii_digit()));
        versioned
            && path
                .metadata()
                .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    };
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let named = std::env::var_os("QUARTERDECK_KUBECTL").unwrap_or_default();
    let all: BTreeSet<PathBuf> = std::env::split_paths(&on_path)
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flat_map(|entries| entries.flatten().map(|e| e.path()))
        .filter(is_kubectl)
        .chain(std::env::split_paths(&named))
        .filter_map(|p| p.canonicalize().ok())
        .collect();
    all.into_iter().collect()
}

/// The head that kubectl prints of a recorded Table.
fn recorded_head(path: &str, wide: bool) -> Vec<String> {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/recordings/kubernetes-1.36/tables.json"
    );
    let tables: Vec<Value> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let table = tables
        .iter()
        .find(|t| t["path"].as_str().unwrap().split('?').next() == Some(path));
    let columns = table.unwrap_or_else(|| panic!("no Table of {path}"))["body"]["columnDefinitions"]
        .as_array()
        .unwrap();
    columns
        .iter()
        .filter(|c| wide || c["priority"] == 0)
        .flat_map(|c| {
            c["name"]
                .as_str()
                .unwrap()
                .to_uppercase()
                .split(' ')
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

struct Kubectl<'a> {
    binary: &'a Path,
    demo: &'a Demo,
    home: tempfile::TempDir,
}

impl Kubectl<'_> {
    fn command(&self, args: &str) -> Command {
        let mut command = Command::new(self.binary);
        command
            .args(args.split_whitespace())
            .env("KUBECONFIG", self.demo.kubeconfig())
            .env("HOME", self.home.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs it; the exit code, and what it wrote to both outputs.
    fn run(&self, args: &str) -> (Option<i32>, String, String) {
        let out = self.command(args).output().unwrap();
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        (out.status.code(), text(&out.stdout), text(&out.stderr))
    }

    fn ok(&self, args: &str) -> String {
        let (code, out, err) = self.run(args);
        assert_eq!(code, Some(0), "{} {args}\n{out}\n{err}", self.binary.display());
        out
    }

    /// Starts one that goes on, with its lines.
    fn follow(&self, args: &str) -> (Ended, std::sync::mpsc::Receiver<String>) {
        let mut child = self.command(args).stdout(Stdio::piped()).spawn().unwrap();
        let (send, lines) = std::sync::mpsc::channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        (Ended(child), lines)
    }
}

/// A process that ends with its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Polls until it is so.
fn eventually<T>(what: &str, mut is: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(90);
    loop {
        if let Some(found) = is() {
            return found;
        }
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn line_with(lines: &std::sync::mpsc::Receiver<String>, what: &str, fits: impl Fn(&str) -> bool) -> String {
    let end = Instant::now() + Duration::from_secs(90);
    loop {
        let left = end
            .checked_duration_since(Instant::now())
            .unwrap_or_else(|| panic!("never a line: {what}"));
        match lines.recv_timeout(left) {
            Ok(line) if fits(&line) => return line,
            Ok(_) => {}
            Err(e) => panic!("no line {what}: {e}"),
        }
    }
}

fn deployment(demo: &Demo, name: &str) -> Value {
    demo.store().get(&DEPLOYMENTS, "cortex", name).unwrap().value()
}

fn with_each(test: impl Fn(&Kubectl<'_>)) {
    let found = kubectls();
    if found.is_empty() {
        assert!(
            std::env::var_os("CI").is_none(),
            "no kubectl on PATH: apt-get install kubernetes-client"
        );
        eprintln!("SKIPPED: no kubectl on PATH. Install it with: apt-get install kubernetes-client");
        return;
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    for binary in &found {
        let options = demo::Options {
            pace: PACE,
            ..demo::Options::default()
        };
        let demo = runtime.block_on(demo::start(options)).unwrap();
        let home = tempfile::tempdir().unwrap();
        test(&Kubectl {
            binary,
            demo: &demo,
            home,
        });
        runtime.block_on(demo.stop());
    }
}

/// The first words of a Table's head.
fn head(table: &str) -> Vec<&str> {
    table.lines().next().unwrap_or("").split_whitespace().collect()
}

#[test]
fn kubectl_sees_the_incident_and_its_rollback_heals_it() {
    with_each(|k| {
        let wide = k.ok("get pods -o wide");
        let core = "/api/v1/namespaces/cortex";
        let apps = "/apis/apps/v1/namespaces/cortex";
        assert_eq!(head(&wide), recorded_head(&format!("{core}/pods"), true));
        for (what, path) in [
            ("pods", format!("{core}/pods")),
            ("deploy", format!("{apps}/deployments")),
            ("rs", format!("{apps}/replicasets")),
            ("sts", format!("{apps}/statefulsets")),
            ("events", format!("{core}/events")),
            (
                "hpa",
                "/apis/autoscaling/v2/namespaces/cortex/horizontalpodautoscalers".to_owned(),
            ),
            ("nodes", "/api/v1/nodes".to_owned()),
        ] {
            assert_eq!(
                head(&k.ok(&format!("get {what}"))),
                recorded_head(&path, false),
                "{what}"
            );
        }
        let status = |wide: &str, s: &str| wide.lines().filter(|l| l.split_whitespace().nth(2) == Some(s)).count();
        assert_eq!(
            status(&wide, "ImagePullBackOff") + status(&wide, "ErrImagePull"),
            3,
            "{wide}"
        );
        assert!(wide.lines().any(|l| l.contains("cortex-worker-")
            && (l.contains("CrashLoopBackOff") || l.contains("Error") || l.contains("0/1"))));
        let deploy = k.ok("get deploy cortex-api");
        assert!(deploy.contains("3/5"), "{deploy}");
        let (code, _, err) = k.run("rollout status deploy/cortex-api");
        assert_eq!(
            (code, err.contains("exceeded its progress deadline")),
            (Some(1), true),
            "{err}"
        );
        let history = k.ok("rollout history deploy/cortex-api");
        assert!(
            history.contains("release 1.5.0 (pipeline 48590)") && history.contains("release 1.5.1"),
            "{history}"
        );

        let uid = deployment(k.demo, "cortex-api")["metadata"]["uid"]
            .as_str()
            .unwrap()
            .to_owned();
        let sets = k.demo.store().by_owner(&REPLICASETS, &uid);
        let is_4 = |rs: &Value| rs["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "4";
        let mut template = sets.iter().map(|o| o.value()).find(is_4).unwrap()["spec"]["template"].clone();
        template["metadata"]["labels"]
            .as_object_mut()
            .unwrap()
            .remove("pod-template-hash");
        let of_four = k.ok("rollout history deploy/cortex-api --revision=4");
        assert!(of_four.contains("cortex/api:1.5.0"), "{of_four}");
        let (_watch, lines) = k.follow("get deploy -w");
        line_with(&lines, "3/5", |l| l.starts_with("cortex-api ") && l.contains("3/5"));
        k.ok("rollout undo deploy/cortex-api --to-revision=4");
        // Until the controller has seen progress, the condition of the failed rollout still stands, and kubectl gives up
        // on reading it; so does it on a real cluster.
        eventually("the rollback is complete", || {
            (k.run("rollout status deploy/cortex-api --timeout=90s").0 == Some(0)).then_some(())
        });
        line_with(&lines, "5/5", |l| l.starts_with("cortex-api ") && l.contains("5/5"));
        let mut now = deployment(k.demo, "cortex-api")["spec"]["template"].clone();
        for t in [&mut template, &mut now] {
            t["metadata"].as_object_mut().unwrap().remove("creationTimestamp");
        }
        assert_eq!(now, template, "after the undo the template is that revision's");
        let again = k.ok("rollout history deploy/cortex-api");
        assert!(
            again.lines().any(|l| l.starts_with('6')) && !again.lines().any(|l| l.starts_with('4')),
            "{again}"
        );
        assert!(!k.ok("get events").is_empty());
    });
}

#[test]
fn kubectl_scales_restarts_follows_and_asks() {
    with_each(|k| {
        // Below the autoscaler's minimum: restored within a period.
        k.ok("scale deploy/cortex-api --replicas=1");
        eventually("the autoscaler restores the minimum", || {
            (deployment(k.demo, "cortex-api")["spec"]["replicas"].as_i64()? >= 3).then_some(())
        });
        k.ok("scale deploy/cortex-web --replicas=4 --current-replicas=3");
        let (code, _, err) = k.run("scale deploy/cortex-web --replicas=5 --current-replicas=3");
        assert!(code == Some(1) && err.contains("xpected"), "{err}");
        k.ok("rollout restart deploy/memory-api");
        k.ok("rollout status deploy/memory-api --timeout=90s");
        k.ok("rollout restart statefulset/redis");
        k.ok("rollout status statefulset/redis --timeout=90s");
        k.ok("rollout undo statefulset/redis");
        k.ok("rollout status statefulset/redis --timeout=90s");
        let redis = k.demo.store().list(&CONTROLLERREVISIONS, Some("cortex"));
        assert_eq!(redis.iter().filter(|r| r.meta.label("app") == Some("redis")).count(), 2);

        let pod = k
            .ok("get pods -l app=cortex-web -o name")
            .lines()
            .next()
            .unwrap()
            .to_owned();
        let (_logs, lines) = k.follow(&format!("logs -f --tail=3 {pod}"));
        for _ in 0..6 {
            line_with(&lines, "a line of a request", |l| l.contains("HTTP/1.1"));
        }
        let crashing = k
            .demo
            .store()
            .list(&PODS, Some("cortex"))
            .into_iter()
            .map(|p| p.value())
            .find(|p| {
                p["metadata"]["labels"]["app"] == "cortex-worker"
                    && p["status"]["containerStatuses"][0]["restartCount"].as_i64() > Some(3)
            });
        let name = crashing.unwrap()["metadata"]["name"].as_str().unwrap().to_owned();
        assert!(
            k.ok(&format!("logs --previous {name}"))
                .contains("EXPORT_BUCKET is not set")
        );

        let agents = k.ok("get ds -A -o name").lines().count();
        assert!(agents > 0, "a DaemonSet is there to be restarted");
        assert!(k.ok("auth can-i --list").contains("deployments") || k.ok("auth can-i --list").contains("*.*"));
        assert_eq!(k.ok("auth can-i patch deployments").trim(), "yes");
        let (code, out, _) = k.run("--context demo-viewer auth can-i patch deployments");
        assert_eq!((code, out.trim()), (Some(1), "no"));
        let (code, _, err) = k.run("--context demo-viewer scale deploy/cortex-web --replicas=2");
        assert!(code == Some(1) && err.contains("orbidden"), "{err}");

        k.ok(&format!("delete pod {name}"));
        assert!(k.demo.store().get(&PODS, "cortex", &name).is_none());
        for what in [
            "deploy,rs,sts,ds,hpa,pdb,jobs,cronjobs,svc,ing,quota",
            "nodes -o wide",
            "events -A",
            "pods -A",
        ] {
            k.ok(&format!("get {what}"));
        }
        k.ok("describe deploy/cortex-worker");
    });
}

#[test]
fn the_demonstrations_files_are_private_and_go_with_it() {
    use std::os::unix::fs::PermissionsExt;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let demo = runtime
        .block_on(demo::start(demo::Options {
            calm: true,
            pods: 60,
            events_per_second: 5,
            ..demo::Options::default()
        }))
        .unwrap();
    let (kubeconfig, config) = (demo.kubeconfig().to_owned(), demo.config().to_owned());
    let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(&kubeconfig), mode(&config), mode(kubeconfig.parent().unwrap())),
        (0o600, 0o600, 0o700)
    );
    let written = std::fs::read_to_string(&config).unwrap();
    assert!(
        written.contains("[[platform]]") && written.contains(&*kubeconfig.to_string_lossy()),
        "{written}"
    );
    let before = demo.store().version();
    eventually("the load generator changes pods", || {
        (demo.store().version() > before + 10).then_some(())
    });
    runtime.block_on(demo.stop());
    assert!(!kubeconfig.exists() && !config.exists());
}
