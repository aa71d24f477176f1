//! The demonstration platform as a whole: the world, its API server, and the files by which one connects.
//!
//! [`start`] gives a running one, for `qd demo` and for tests; [`serve`] is `qd demo --serve`.

use super::ingress::Ingress;
use super::kube::resources::{DEPLOYMENTS, PODS};
use super::kube::{Server, ServerOptions, Store};
use super::prometheus::Prometheus;
use super::resp;
use super::world::json::int;
use super::world::{World, WorldPlatform, cortex};
use anyhow::{Context, Result};
use jiff::{Timestamp, Unit};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// What to start.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Pods of the load generator, beside those of the scenario.
    pub pods: usize,
    /// Changes of those pods a second.
    pub events_per_second: u32,
    /// Certificates of the load generator, beside those of the scenario.
    pub certificates: usize,
    /// Without incidents.
    pub calm: bool,
    /// With a second and a third platform, in the same configuration: `cortex-staging`, which is well, and `acme-eu`, where
    /// something is wrong.
    pub fleet: bool,
    /// The cluster's name and its first context's; `None`: `demo`.
    pub name: Option<&'static str>,
    /// So many times faster than real time its own time goes; 0 is taken for 1.
    pub pace: u32,
}

/// A running demonstration platform. Dropping it ends the servers and removes its files.
pub struct Demo {
    folder: PathBuf,
    kubeconfig: PathBuf,
    config: PathBuf,
    server: Server,
    prometheus: Prometheus,
    ingress: Ingress,
    postgres: super::postgres::Server,
    redis: resp::Server,
    others: Vec<Demo>,
    world: Option<(oneshot::Sender<()>, std::thread::JoinHandle<()>)>,
}

impl Demo {
    /// A kubeconfig (0600) with the contexts `demo` (an administrator), `demo-viewer`, `demo-operator` and others.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A configuration file (0600) with one platform, `demo` unless it was named otherwise, and the others of the fleet.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// The Kubernetes API server: faults on demand, and the log of requests.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Prometheus and Alertmanager.
    pub fn prometheus(&self) -> &Prometheus {
        &self.prometheus
    }

    /// The TLS endpoint of the cluster's hosts.
    pub fn ingress(&self) -> &Ingress {
        &self.ingress
    }

    /// The database `core`.
    pub fn postgres(&self) -> &super::postgres::Server {
        &self.postgres
    }

    /// The Redis `cache`, with the queues.
    pub fn redis(&self) -> &resp::Server {
        &self.redis
    }

    /// What the server serves.
    pub fn store(&self) -> &Store {
        self.server.store()
    }

    /// The other platforms, by their names.
    pub fn others(&self) -> impl Iterator<Item = (&'static str, &Self)> {
        FLEET.iter().map(|(name, ..)| *name).zip(&self.others)
    }

    /// Ends it and waits for it.
    pub async fn stop(mut self) {
        for other in std::mem::take(&mut self.others) {
            Box::pin(other.stop()).await;
        }
        self.server.stop().await;
        if let Some((stop, thread)) = self.world.take() {
            let _ = stop.send(());
            // The world ends between two steps, so this is short.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if let Some((stop, _)) = self.world.take() {
            let _ = stop.send(());
        }
        // Nothing is lost when it stays: it is in a folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The other platforms of the fleet: name, how it is declared, and whether all is well there.
const FLEET: [(&str, &str, bool); 2] = [("cortex-staging", "staging", true), ("acme-eu", "production", false)];

/// Lives through the scenario's history up to now, and goes on from there in real time. Must be called within a tokio
/// runtime with a rustls provider installed; the history is made off the runtime's threads.
///
/// # Errors
/// No port, no keys, or no place for the files.
pub async fn start(options: Options) -> Result<Demo> {
    let others = FLEET.iter().filter(|_| options.fleet).map(|(name, _, calm)| {
        let other = Options {
            calm: *calm,
            name: Some(name),
            ..Options::default()
        };
        Box::pin(start(other))
    });
    let name = options.name.unwrap_or("demo");
    let (demo, others) = tokio::join!(one(options.clone()), futures_util::future::try_join_all(others));
    let mut demo = demo?;
    demo.others = others?;
    write_config(&demo, name).with_context(|| format!("writing {}", demo.config.display()))?;
    Ok(demo)
}

/// One platform, without its configuration file.
async fn one(options: Options) -> Result<Demo> {
    let (world, clock) = tokio::task::spawn_blocking(move || {
        let now = Timestamp::now()
            .round(Unit::Second)
            .unwrap_or_else(|_| Timestamp::now());
        let history = cortex::Options {
            calm: options.calm,
            beside: true,
        };
        let (mut world, clock) = cortex::begin(now - cortex::ACME_TAKES, history);
        cortex::add_acme(&mut world, &clock);
        if options.pods > 0 {
            world.add_load(options.pods, options.events_per_second);
        }
        world.add_certificates(options.certificates);
        (world, clock)
    })
    .await
    .context("making the history of the demonstration platform")?;
    let platform = Arc::new(WorldPlatform::new(world.store().clone(), world.scenario()));
    let mut wanted = ServerOptions::default();
    if let Some(name) = options.name {
        name.clone_into(&mut wanted.name);
    }
    let server = Server::start(world.store().clone(), platform, wanted)
        .await
        .context("starting the demonstration API server on 127.0.0.1")?;
    let prometheus = Prometheus::start(server.store().clone())
        .await
        .context("starting the demonstration's Prometheus on 127.0.0.1")?;
    server
        .forwards()
        .add("monitoring", "prometheus", 9090, prometheus.address());
    let ingress = Ingress::start(server.store().clone())
        .await
        .context("starting the demonstration's ingress on 127.0.0.1")?;
    let database = super::postgres::Options { calm: options.calm };
    let postgres = super::postgres::Server::start(database, Timestamp::now())
        .await
        .context("starting the demonstration's PostgreSQL on 127.0.0.1")?;
    let redis = resp::Server::start(world.store().clock().clone(), options.calm)
        .await
        .context("starting the demonstration's Redis on 127.0.0.1")?;
    server.forwards().add("cortex", "redis", 6379, redis.address());
    let folder = private_folder().context("making a private folder for the demonstration's kubeconfig")?;
    let (kubeconfig, config) = (folder.join("kubeconfig"), folder.join("qd.toml"));
    let pace = options.pace.max(1);
    clock.run(pace);
    let around = Around {
        workers: redis.workers(),
        clients: postgres.clients(),
    };
    let world = Some(spawn(world, pace, around).context("starting the thread of the demonstration platform")?);
    let demo = Demo {
        folder,
        kubeconfig,
        config,
        server,
        prometheus,
        ingress,
        postgres,
        redis,
        others: Vec::new(),
        world,
    };
    let path = &demo.kubeconfig;
    demo.server
        .write_kubeconfig(path)
        .with_context(|| format!("writing {}", path.display()))?;
    Ok(demo)
}

/// `qd demo --serve`: prints how to connect, and runs until SIGINT or SIGTERM.
///
/// # Errors
/// As [`start`], or the output is closed.
pub async fn serve(options: Options, out: &mut (impl Write + ?Sized)) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let demo = start(options).await?;
    writeln!(out, "kubeconfig: {}", demo.kubeconfig().display())?;
    writeln!(out, "config: {}", demo.config().display())?;
    writeln!(out, "postgres core: {}", demo.postgres.url())?;
    writeln!(out, "redis cache: {}", demo.redis.url())?;
    writeln!(out, "prometheus: {}", demo.prometheus.url())?;
    writeln!(out, "ingress: https://{}", demo.ingress.address())?;
    out.flush()?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    demo.stop().await;
    Ok(())
}

/// What the pods do elsewhere.
struct Around {
    workers: resp::Workers,
    clients: super::postgres::Clients,
}

impl Around {
    /// The pods as they are now: so many workers, and these clients of the database.
    fn follow(&self, store: &Store, working: &mut Option<u32>) {
        let ready = ready_workers(store);
        if *working != Some(ready) {
            *working = Some(ready);
            self.workers.set("default", ready);
        }
        for application in self.clients.watched() {
            let pods = store.list(&PODS, Some("cortex"));
            let pods = pods.iter().filter(|p| p.meta.label("app") == Some(application));
            self.clients
                .set(application, &pods.map(|p| p.meta.uid.to_string()).collect());
        }
    }
}

/// The world on a thread of its own, so that a burst of work there delays nobody's screen.
fn spawn(mut world: World, pace: u32, around: Around) -> Result<(oneshot::Sender<()>, std::thread::JoinHandle<()>)> {
    let (stop, mut stopped) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let thread = std::thread::Builder::new()
        .name("demo-world".to_owned())
        .spawn(move || {
            runtime.block_on(async move {
                let clock = world.store().clock().clone();
                let mut working = None;
                loop {
                    world.set_waiting(around.workers.waiting("default"));
                    let next = world.step(clock.now());
                    around.follow(world.store(), &mut working);
                    let wait = next.map_or(Duration::from_secs(3600), |at| {
                        Duration::try_from(at.duration_since(clock.now())).unwrap_or(Duration::ZERO) / pace
                    });
                    tokio::select! {
                        () = world.changed() => {}
                        () = tokio::time::sleep(wait) => {}
                        _ = &mut stopped => return,
                    }
                }
            });
        })?;
    Ok((stop, thread))
}

/// The ready pods of the deployment that works the queues: as many workers there are.
fn ready_workers(store: &Store) -> u32 {
    store
        .get(&DEPLOYMENTS, "cortex", "cortex-worker")
        .map_or(0, |d| int(&d.value(), "/status/readyReplicas") as u32)
}

fn private_folder() -> std::io::Result<PathBuf> {
    let parent = std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|p| p.is_absolute() && p.is_dir())
        .unwrap_or_else(std::env::temp_dir);
    let folder = parent.join(format!(
        "quarterdeck-demo-{}-{:08x}",
        std::process::id(),
        fastrand::u32(..)
    ));
    std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
    Ok(folder)
}

fn write_config(demo: &Demo, name: &str) -> Result<()> {
    let path = &demo.config;
    let mut platforms = vec![platform(demo, name, "local").into()];
    for ((name, class, _), other) in FLEET.iter().zip(&demo.others) {
        platforms.push(platform(other, name, class).into());
    }
    let mut root = toml::Table::new();
    if !demo.others.is_empty() {
        let ui = toml::Table::from_iter([("fleet".to_owned(), true.into())]);
        root.insert("ui".to_owned(), ui.into());
    }
    root.insert("platform".to_owned(), toml::Value::Array(platforms));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(toml::to_string(&root)?.as_bytes())?;
    Ok(())
}

/// `[[platform]]` of one of them.
fn platform(demo: &Demo, name: &str, class: &str) -> toml::Table {
    let mut platform = toml::Table::new();
    for (key, value) in [("name", name), ("context", name), ("classify", class)] {
        platform.insert(key.to_owned(), value.into());
    }
    platform.insert(
        "kubeconfig".to_owned(),
        demo.kubeconfig.to_string_lossy().into_owned().into(),
    );
    platform.extend(source_tables(demo));
    platform
}

/// The sources beside Kubernetes, as `[[platform.prometheus]]` and so on.
fn source_tables(demo: &Demo) -> toml::Table {
    let url = demo.prometheus.url();
    let ingress = demo.ingress.address();
    let (postgres, redis) = (demo.postgres.url(), demo.redis.url());
    let pooler = demo.postgres.pooler_url();
    let text = format!(
        r#"
[[postgres]]
name = "core"
dsn = "{postgres}"
pgbouncer = "{pooler}"
[[prometheus]]
name = "main"
url = "{url}"
labels = {{ namespace = "cortex" }}
alertmanager = {{ url = "{url}" }}
[[prometheus.slo]]
name = "cortex-api availability"
target = 99.9
service = "cortex-api"
min_rate = 1.0
[[http]]
name = "prometheus"
url = "{url}/-/healthy"
[[certificates]]
name = "cluster"
ingress_address = "{ingress}"
[[redis]]
name = "cache"
url = "{redis}"
[[queues]]
name = "cortex"
redis = "cache"
queues = [{{ name = "default", workload = "deployment/cortex/cortex-worker" }}, "email", "embeddings"]
"#
    );
    // Written here, so it is TOML.
    toml::from_str(&text).unwrap_or_default()
}
