//! Real servers on free ports, in a folder of their own, stopped when dropped; and an exporter whose numbers a test
//! sets.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used
)]

#[path = "../server_support/mod.rs"]
mod server_support;
mod setting;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
#[allow(unused_imports)] // not every test needs all of it
pub use setting::{RULES, close, exporter, no_tls, source};

/// A program that is stopped with its folder.
pub struct Server {
    child: Child,
    pub port: u16,
    pub folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Waits until `done` says so, 60 s at most.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut done: impl FnMut() -> F) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = done().await {
            return value;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

fn start(program: &str, package: &str, port: u16, folder: tempfile::TempDir, arguments: &[String]) -> Server {
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let child = server_support::server(program, "KILL", package)
        .args(arguments)
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    Server { child, port, folder }
}

async fn answers(server: &mut Server, path: &str) {
    let port = server.port;
    let log = server.folder.path().join("log");
    let start = Instant::now();
    loop {
        // Any answer will do: one that asks for a password is there too.
        if tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .is_ok()
        {
            let plain = reqwest_get(&format!("http://127.0.0.1:{port}{path}")).await;
            if plain.is_some_and(|status| status != 503) {
                return;
            }
        }
        if let Ok(Some(status)) = server.child.try_wait() {
            panic!(
                "it ended with {status}: {}",
                std::fs::read_to_string(&log).unwrap_or_default()
            );
        }
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "it does not answer: {}",
            std::fs::read_to_string(&log).unwrap_or_default()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The status of a plain GET; a server of TLS answers 400.
async fn reqwest_get(url: &str) -> Option<u16> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let rest = url.strip_prefix("http://")?;
    let (authority, path) = rest.split_once('/')?;
    let mut stream = tokio::net::TcpStream::connect(authority).await.ok()?;
    let request = format!("GET /{path} HTTP/1.0\r\nHost: {authority}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut head = Vec::new();
    stream.read_to_end(&mut head).await.ok()?;
    String::from_utf8_lossy(&head).split_whitespace().nth(1)?.parse().ok()
}

/// A Prometheus that scrapes `targets` each second. `rules` is the file's text, `more` further arguments.
pub async fn prometheus(
    targets: &[(&str, SocketAddr)],
    rules: &str,
    alertmanager: Option<u16>,
    more: &[String],
) -> Server {
    prometheus_in(tempfile::tempdir().unwrap(), targets, rules, alertmanager, more).await
}

pub async fn prometheus_in(
    folder: tempfile::TempDir,
    targets: &[(&str, SocketAddr)],
    rules: &str,
    alertmanager: Option<u16>,
    more: &[String],
) -> Server {
    let mut config = "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [rules.yml]\n".to_owned();
    if let Some(port) = alertmanager {
        let _ = writeln!(
            config,
            "alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]}}"
        );
    }
    config += "scrape_configs:\n";
    for (job, target) in targets {
        let _ = writeln!(
            config,
            "- {{job_name: {job}, static_configs: [{{targets: ['{target}']}}]}}"
        );
    }
    write(folder.path(), "prometheus.yml", &config);
    write(folder.path(), "rules.yml", rules);
    let port = free_port();
    let mut arguments = vec![
        "--config.file=prometheus.yml".to_owned(),
        "--storage.tsdb.path=data".to_owned(),
        // The first alerts are lost when the Alertmanager is found a moment later.
        "--rules.alert.resend-delay=1s".to_owned(),
        format!("--web.listen-address=127.0.0.1:{port}"),
    ];
    arguments.extend_from_slice(more);
    let mut server = start("prometheus", "prometheus", port, folder, &arguments);
    answers(&mut server, "/-/ready").await;
    server
}

pub async fn alertmanager() -> Server {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "alertmanager.yml",
        "route: {receiver: none, group_wait: 1s}\nreceivers: [{name: none}]\n",
    );
    let port = free_port();
    let arguments = [
        "--config.file=alertmanager.yml".to_owned(),
        "--storage.path=data".to_owned(),
        format!("--web.listen-address=127.0.0.1:{port}"),
        "--cluster.listen-address=".to_owned(),
    ];
    let mut server = start(
        "prometheus-alertmanager",
        "prometheus-alertmanager",
        port,
        folder,
        &arguments,
    );
    answers(&mut server, "/-/ready").await;
    server
}

pub fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

/// Serves whatever metrics the test sets; counters grow by their rate each second.
#[derive(Clone, Default)]
pub struct Exporter {
    state: Arc<Mutex<Numbers>>,
}

#[derive(Default)]
struct Numbers {
    /// Value and growth a second, by name with labels.
    series: BTreeMap<String, (f64, f64)>,
    started: Option<Instant>,
}

impl Exporter {
    pub fn set(&self, series: &str, value: f64, growth: f64) {
        self.state
            .lock()
            .unwrap()
            .series
            .insert(series.to_owned(), (value, growth));
    }

    /// The last `hours` of it, written straight into a server's data folder: ranges then hold what they should.
    pub fn backfill(&self, folder: &Path, job: &str, hours: i64) {
        let state = self.state.lock().unwrap();
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs() as i64;
        let mut text = String::new();
        for (name, (value, growth)) in &state.series {
            let (metric, labels) = name.split_once('{').unwrap_or((name, "}"));
            let comma = if labels == "}" { "" } else { "," };
            let labels = labels.trim_end_matches('}');
            let kept = if job.is_empty() {
                String::new()
            } else {
                format!("{comma}job=\"{job}\",instance=\"i\"")
            };
            for at in (now - hours * 3600..=now).step_by(15) {
                let value = value + growth * (at - now) as f64 + growth.max(0.0) * hours as f64 * 3600.0;
                let _ = writeln!(text, "{metric}{{{labels}{kept}}} {value} {at}");
            }
        }
        text += "# EOF\n";
        write(folder, "history.txt", &text);
        let made = Command::new("promtool")
            .args(["tsdb", "create-blocks-from", "openmetrics", "history.txt", "data"])
            .current_dir(folder)
            .output()
            .expect("promtool: install the Debian package prometheus");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    fn text(&self) -> String {
        let mut state = self.state.lock().unwrap();
        let t = state.started.get_or_insert_with(Instant::now).elapsed().as_secs_f64();
        state
            .series
            .iter()
            .fold(String::new(), |mut all, (name, (value, growth))| {
                let _ = writeln!(all, "{name} {}", value + growth * t);
                all
            })
    }

    pub async fn serve(&self) -> SocketAddr {
        let exporter = self.clone();
        serve(move |_| {
            let text = exporter.text();
            async move { Response::new(Full::new(Bytes::from(text))) }
        })
        .await
    }
}

/// A plain HTTP server of one function.
pub async fn serve<F, R>(answer: F) -> SocketAddr
where
    F: Fn(Request<hyper::body::Incoming>) -> R + Clone + Send + 'static,
    R: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let answer = answer(request);
                    async move { Ok::<_, std::convert::Infallible>(answer.await) }
                });
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    address
}
