//! Real servers in temporary folders: started on a free port, stopped at drop. A missing one fails the test and says
//! what to install.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

pub mod desk;
#[path = "../server_support/mod.rs"]
mod server_support;

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use quarterdeck::config::PostgresSource;
use quarterdeck::feed::Inbox;
use quarterdeck::feed::postgres::{self, Env, Server, Wanted};
use quarterdeck::model::{Freshness, Postgres, SourceId, SourceKind, World};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The oldest and the newest that are supported, and all between.
pub const VERSIONS: [u32; 5] = [14, 15, 16, 17, 18];

const NOBODY: u32 = 65534;

fn bin(version: u32) -> PathBuf {
    let npm = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("target/test-servers/postgres-{version}/native/bin"));
    let debian = PathBuf::from(format!("/usr/lib/postgresql/{version}/bin"));
    [npm, debian]
        .into_iter()
        .find(|dir| dir.join("postgres").exists())
        .unwrap_or_else(|| panic!("PostgreSQL {version} is missing: run tests/all, which installs it"))
}

fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

/// As a user that PostgreSQL accepts: not root.
fn unprivileged(program: &Path) -> Command {
    // Without waiting for anybody: who was connected is gone too.
    let mut command = server_support::server(program, "QUIT", "postgresql-15 pgbouncer");
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::Builder::new().prefix("qd-pg-").tempdir_in("/tmp").unwrap();
    if is_root() {
        chown(dir.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

pub struct Pg {
    pub version: u32,
    pub port: u16,
    dir: tempfile::TempDir,
    child: Option<Child>,
}

impl Pg {
    /// Starts a server with `pg_stat_statements` in its database `postgres`, a role `qd` that is member of
    /// `pg_monitor` and no more, and a role `nobody` without any right.
    pub async fn start(version: u32, conf: &str) -> Self {
        let dir = folder();
        let data = dir.path().join("data");
        let done = unprivileged(&bin(version).join("initdb"))
            .args([
                "-A",
                "trust",
                "-U",
                "postgres",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
                "-D",
            ])
            .arg(&data)
            .status()
            .unwrap();
        assert!(done.success(), "initdb of {version}");
        let usual = "listen_addresses = '127.0.0.1'\nfsync = off\nshared_preload_libraries = 'pg_stat_statements'\n\
                     wal_level = logical\nmax_prepared_transactions = 5\ntrack_io_timing = on\ntimezone = 'Asia/Tokyo'\n";
        let path = data.join("postgresql.conf");
        let had = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{had}\n{usual}\n{conf}\n")).unwrap();
        let mut pg = Self {
            version,
            port: free_port(),
            dir,
            child: None,
        };
        pg.up().await;
        let admin = pg.admin().await;
        admin
            .batch_execute(
                "CREATE EXTENSION pg_stat_statements; CREATE ROLE qd LOGIN; GRANT pg_monitor TO qd; \
                 CREATE ROLE nobody LOGIN; CREATE ROLE app LOGIN SUPERUSER",
            )
            .await
            .unwrap();
        pg
    }

    /// A server that follows this one through a slot.
    pub async fn standby(&self, slot: &str) -> Self {
        let dir = folder();
        let done = unprivileged(&bin(self.version).join("pg_basebackup"))
            .args([
                "-h",
                "127.0.0.1",
                "-U",
                "postgres",
                "-R",
                "-X",
                "stream",
                "-c",
                "fast",
                "-S",
                slot,
                "-p",
            ])
            .arg(self.port.to_string())
            .arg("-D")
            .arg(dir.path().join("data"))
            .status()
            .unwrap();
        assert!(done.success(), "pg_basebackup of {}", self.version);
        let mut standby = Self {
            version: self.version,
            port: free_port(),
            dir,
            child: None,
        };
        standby.up().await;
        standby
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub async fn up(&mut self) {
        let mut command = unprivileged(&bin(self.version).join("postgres"));
        command
            .arg("-D")
            .arg(self.dir.path().join("data"))
            .args(["-p", &self.port.to_string(), "-k"])
            .arg(self.dir.path());
        self.child = Some(command.spawn().unwrap());
        let end = Instant::now() + Duration::from_secs(60);
        while self.client("postgres", "postgres").await.is_err() {
            assert!(Instant::now() < end, "PostgreSQL {} does not come up", self.version);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A fast shutdown: sessions are ended.
    pub fn down(&mut self) {
        if let Some(mut child) = self.child.take() {
            signal(child.id(), rustix::process::Signal::INT);
            let _ = child.wait();
        }
    }

    pub fn dsn(&self, user: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/postgres", self.port)
    }

    pub async fn client(&self, user: &str, database: &str) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
        let text = format!(
            "host=127.0.0.1 port={} user={user} dbname={database} application_name=test",
            self.port
        );
        let (client, connection) = tokio_postgres::connect(&text, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    pub async fn admin(&self) -> tokio_postgres::Client {
        self.client("postgres", "postgres").await.unwrap()
    }

    pub fn server(&self, user: &str) -> Server {
        server(&self.dsn(user))
    }
}

impl Drop for Pg {
    fn drop(&mut self) {
        self.down();
    }
}

pub fn signal(pid: u32, signal: rustix::process::Signal) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid.cast_signed()) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// A server of the configuration, untouched by this process's own environment.
pub fn server(dsn: &str) -> Server {
    server_with(PostgresSource {
        name: "core".to_owned(),
        dsn: Some(dsn.to_owned()),
        ..PostgresSource::default()
    })
}

pub fn server_with(source: PostgresSource) -> Server {
    let env = Env {
        vars: BTreeMap::new(),
        home: None,
        user: "kim".to_owned(),
    };
    Server::new(source, "kim@bastion", env, None)
}

/// A feed that runs, and the world that it fills.
pub struct Running {
    inbox: Inbox,
    world: World,
    pub wanted: watch::Sender<Wanted>,
    task: JoinHandle<()>,
}

impl Running {
    pub fn start(server: Server) -> Self {
        let inbox = Inbox::new();
        let (wanted, seen) = watch::channel(Wanted {
            again: 0,
            pane: true,
            tables: true,
        });
        let task = tokio::spawn(postgres::run(Arc::new(server), seen, inbox.clone()));
        Self {
            inbox,
            world: World::default(),
            wanted,
            task,
        }
    }

    /// Waits until what is seen and how it is reached is as wished.
    pub async fn until(&mut self, what: &str, done: impl Fn(&Postgres, &Freshness) -> bool) -> Postgres {
        let end = Instant::now() + Duration::from_secs(40);
        loop {
            if let Some(batch) = self.inbox.drain() {
                self.world.apply(batch);
            }
            let id = SourceId {
                kind: SourceKind::Postgres,
                name: "core".into(),
            };
            let seen = self.world.sources.postgres.get("core").cloned().unwrap_or_default();
            let reach = self.world.sources.reach.get(&id).cloned().unwrap_or_default();
            if done(&seen, &reach) {
                return (*seen).clone();
            }
            assert!(Instant::now() < end, "{what} was not seen: {reach:?} {seen:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// PgBouncer in transaction mode before a server, with an admin console for `stats`.
pub struct Bouncer {
    pub port: u16,
    dir: tempfile::TempDir,
    child: Child,
}

impl Bouncer {
    pub async fn start(pg: &Pg, pool_size: u32) -> Self {
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"]
            .iter()
            .map(PathBuf::from)
            .find(|p| p.exists())
            .unwrap_or_else(|| panic!("pgbouncer is missing: run tests/all, which installs it"));
        let (dir, port) = (folder(), free_port());
        let path = |name: &str| dir.path().join(name).display().to_string();
        let conf = format!(
            "[databases]\npostgres = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             auth_type = trust\nauth_file = {}\npool_mode = transaction\ndefault_pool_size = {pool_size}\n\
             stats_users = stats\nlogfile = {}\npidfile = {}\nunix_socket_dir =\n",
            pg.port,
            path("users"),
            path("log"),
            path("pid"),
        );
        std::fs::write(dir.path().join("users"), "\"qd\" \"\"\n\"app\" \"\"\n\"stats\" \"\"\n").unwrap();
        std::fs::write(dir.path().join("ini"), conf).unwrap();
        let child = unprivileged(&program).arg(dir.path().join("ini")).spawn().unwrap();
        let end = Instant::now() + Duration::from_secs(20);
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(Instant::now() < end, "pgbouncer does not come up");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Self { port, dir, child }
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
