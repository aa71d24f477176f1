//! Real Redis servers, Sentinels and Clusters on free ports, in a temporary folder, stopped at drop.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, clippy::expect_used)]

pub mod bull;
pub mod desk;
#[path = "../server_support/mod.rs"]
mod server_support;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use quarterdeck::config::RedisSource;
use quarterdeck::feed::redis::Way;
use quarterdeck::feed::{Pace, SourceContext};

/// A port that was free a moment ago; with a Cluster's bus port above it.
pub fn free_port() -> u16 {
    loop {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        if port < 50_000 && TcpListener::bind((Ipv4Addr::LOCALHOST, port + 10_000)).is_ok() {
            return port;
        }
        // The system's own range begins above: try in the range below it.
        let port = 20_000 + fastrand::u16(0..20_000);
        let free = |p| TcpListener::bind((Ipv4Addr::LOCALHOST, p)).is_ok();
        if free(port) && free(port + 10_000) {
            return port;
        }
    }
}

/// One server process.
pub struct Server {
    child: Child,
    pub port: u16,
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// `redis-server` with these settings beside the port.
    pub fn start(settings: &[&str]) -> Self {
        Self::start_on(free_port(), settings)
    }

    pub fn start_on(port: u16, settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::launch(folder, port, settings, false)
    }

    fn launch(folder: tempfile::TempDir, port: u16, settings: &[&str], sentinel: bool) -> Self {
        let tls = settings.iter().any(|s| s.starts_with("tls-port"));
        let conf = folder.path().join("redis.conf");
        let plain = if tls { 0 } else { port };
        let mut text = format!("port {plain}\nbind 127.0.0.1\ndir {}\n", folder.path().display());
        if !sentinel {
            text.push_str("save \"\"\nappendonly no\n");
        }
        for line in settings {
            text.push_str(&line.replace("{port}", &port.to_string()));
            text.push('\n');
        }
        std::fs::write(&conf, text).unwrap();
        let mut command = server_support::server("redis-server", "KILL", "redis-server");
        command.arg(&conf);
        if sentinel {
            command.arg("--sentinel");
        }
        let child = command
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("setpriv starts it");
        let server = Self {
            child,
            port,
            _folder: folder,
        };
        eventually("the server listens", || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
        });
        server
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn way(&self) -> Way {
        way(&format!("url = '{}'", self.url()))
    }

    /// One command by redis-cli; the text that it prints.
    pub fn cli(&self, words: &[&str]) -> String {
        cli(self.port, words)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Stops it without ending it: it accepts, and never answers.
    pub fn freeze(&self) -> Frozen {
        signal(self.pid(), "-STOP");
        Frozen(self.pid())
    }
}

pub struct Frozen(u32);

impl Drop for Frozen {
    fn drop(&mut self) {
        signal(self.0, "-CONT");
    }
}

fn signal(pid: u32, what: &str) {
    assert!(
        Command::new("kill")
            .arg(what)
            .arg(pid.to_string())
            .status()
            .unwrap()
            .success()
    );
}

pub fn cli(port: u16, words: &[&str]) -> String {
    let output = Command::new("redis-cli")
        .args(["-p", &port.to_string()])
        .args(words)
        .output()
        .expect("redis-cli is missing: apt-get install redis-tools (tests/all does it)");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "it never came true that {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn source(toml: &str) -> RedisSource {
    toml::from_str(&format!("name = 'cache'\n{toml}")).unwrap()
}

pub fn way(toml: &str) -> Way {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Way::new(source(toml), &SourceContext::alone(Pace::Fast))
}

/// Three Sentinels over a master and a replica.
pub struct Sentinels {
    pub watchers: Vec<Server>,
    pub master: Server,
    pub replica: Server,
}

impl Sentinels {
    pub fn start() -> Self {
        let master = Server::start(&["repl-diskless-sync yes", "repl-diskless-sync-delay 0"]);
        let replica = Server::start(&[&format!("replicaof 127.0.0.1 {}", master.port)]);
        eventually("the replica follows", || {
            replica.cli(&["INFO", "replication"]).contains("master_link_status:up")
        });
        let watchers: Vec<Server> = (0..3)
            .map(|_| {
                let monitor = format!("sentinel monitor main 127.0.0.1 {} 2", master.port);
                let settings = [
                    monitor.as_str(),
                    "sentinel down-after-milliseconds main 500",
                    "sentinel failover-timeout main 5000",
                ];
                Server::launch(tempfile::tempdir().unwrap(), free_port(), &settings, true)
            })
            .collect();
        for sentinel in &watchers {
            eventually("the Sentinels know each other", || {
                let text = sentinel.cli(&["SENTINEL", "MASTER", "main"]);
                let field = |name: &str| {
                    let mut lines = text.lines();
                    lines.find(|l| *l == name)?;
                    lines.next().map(str::to_owned)
                };
                field("num-other-sentinels").as_deref() == Some("2") && field("num-slaves").as_deref() == Some("1")
            });
        }
        Self {
            watchers,
            master,
            replica,
        }
    }

    pub fn way(&self) -> Way {
        let list: Vec<String> = self
            .watchers
            .iter()
            .map(|s| format!("'127.0.0.1:{}'", s.port))
            .collect();
        way(&format!("master = 'main'\nsentinels = [{}]", list.join(", ")))
    }
}

/// A Cluster of three masters.
pub struct Cluster {
    pub nodes: Vec<Server>,
}

impl Cluster {
    pub fn start() -> Self {
        let nodes: Vec<Server> = (0..3)
            .map(|_| Server::start(&["cluster-enabled yes", "cluster-node-timeout 2000"]))
            .collect();
        let addresses: Vec<String> = nodes.iter().map(|n| format!("127.0.0.1:{}", n.port)).collect();
        let made = Command::new("redis-cli")
            .args(["--cluster", "create", "--cluster-yes"])
            .args(&addresses)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
        for node in &nodes {
            eventually("the Cluster is up", || {
                let info = node.cli(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            });
        }
        Self { nodes }
    }

    pub fn way(&self) -> Way {
        way(&format!("cluster = ['127.0.0.1:{}']", self.nodes[1].port))
    }
}

/// A server that answers what a function says, for faults that a real one cannot be made to have. The function gets
/// the words of each command; `None`: no answer, ever.
pub fn faulty(answer: impl Fn(&[String]) -> Option<String> + Send + Sync + Clone + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || {
                let mut stream = stream;
                let mut buffer = Vec::new();
                let mut chunk = [0; 4096];
                while let Ok(n) = stream.read(&mut chunk) {
                    if n == 0 {
                        return;
                    }
                    buffer.extend_from_slice(&chunk[..n]);
                    while let Some((words, used)) = command(&buffer) {
                        buffer.drain(..used);
                        if let Some(text) = answer(&words) {
                            let _ = stream.write_all(text.as_bytes());
                        }
                    }
                }
            });
        }
    });
    port
}

fn command(bytes: &[u8]) -> Option<(Vec<String>, usize)> {
    let mut at = 0;
    let mut line = || {
        let end = bytes.get(at..)?.windows(2).position(|w| w == b"\r\n")? + at;
        let text = std::str::from_utf8(&bytes[at..end]).ok()?.to_owned();
        at = end + 2;
        Some((text, at))
    };
    let (head, _) = line()?;
    let n: usize = head.strip_prefix('*')?.parse().ok()?;
    let mut words = Vec::new();
    let mut used = 0;
    for _ in 0..n {
        let _ = line()?;
        let (word, end) = line()?;
        words.push(word);
        used = end;
    }
    Some((words, used))
}

/// Whether a program is there.
pub fn has(path: &Path) -> bool {
    path.exists()
}
