//! A first configuration from what was found in a cluster. It never holds a value of a Secret: it names the key.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::{Config, File, Inputs, Loaded, Problem};

/// What was seen in the namespaces of a platform.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    pub services: Vec<FoundService>,
    pub urls: Vec<FoundUrl>,
    /// Host, whether it has TLS, and the Ingress.
    pub hosts: Vec<(String, bool, String)>,
    /// Its definitions are installed.
    pub cert_manager: bool,
    /// By the name of the Redis in the draft: what a look for BullMQ queues gave.
    pub queues: Vec<(String, FoundQueues)>,
    /// What could not be looked at, and why.
    pub gaps: Vec<String>,
}

/// What a look for queues gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundQueues {
    /// How many, under the prefix `bull`.
    Some(usize),
    None,
    /// The server could not be asked.
    Unreached(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundKind {
    Postgres,
    PgBouncer,
    Redis,
    Prometheus,
    Alertmanager,
}

impl FoundKind {
    pub const fn of_port(port: u16) -> Option<Self> {
        Some(match port {
            5432 => Self::Postgres,
            6432 => Self::PgBouncer,
            6379 => Self::Redis,
            9090 => Self::Prometheus,
            9093 => Self::Alertmanager,
            _ => return None,
        })
    }

    /// By the name of a key: `DATABASE_URL`, `APP_DATABASE_URL`, `redis-url`.
    pub fn of_key(key: &str) -> Option<Self> {
        let key = key.to_ascii_uppercase().replace(['-', '.'], "_");
        let is = |names: &[&str]| names.iter().any(|n| key == *n || key.ends_with(&format!("_{n}")));
        if is(&["DATABASE_URL", "POSTGRES_URL", "POSTGRESQL_URL"]) {
            Some(Self::Postgres)
        } else if is(&["REDIS_URL"]) {
            Some(Self::Redis)
        } else {
            None
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundService {
    pub kind: FoundKind,
    pub namespace: String,
    pub name: String,
    pub port: u16,
    pub headless: bool,
}

impl FoundService {
    fn host(&self) -> String {
        format!("{}.{}.svc", self.name, self.namespace)
    }

    fn via(&self) -> String {
        format!("port-forward:{}/svc/{}:{}", self.namespace, self.name, self.port)
    }
}

/// A key that holds a connection URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundUrl {
    pub kind: FoundKind,
    /// Else a ConfigMap.
    pub is_secret: bool,
    pub namespace: String,
    pub name: String,
    pub key: String,
}

impl FoundUrl {
    fn path(&self) -> String {
        format!("{}/{}/{}", self.namespace, self.name, self.key)
    }
}

impl Findings {
    /// A headless Service beside one with an address is the same server once more.
    pub fn drop_twins(&mut self) {
        let all = self.services.clone();
        self.services.retain(|s| {
            let twin = |t: &FoundService| t.kind == s.kind && t.namespace == s.namespace && !t.headless;
            !(s.headless && all.iter().any(|t| twin(t) && s.name.starts_with(&t.name)))
        });
    }

    pub fn of(&self, kind: FoundKind) -> impl Iterator<Item = &FoundService> {
        self.services.iter().filter(move |s| s.kind == kind)
    }

    /// What the draft calls a Service: its name, with its namespace where another one has it too.
    pub fn name(&self, service: &FoundService) -> String {
        let same = |s: &&FoundService| s.kind == service.kind && s.name == service.name;
        if self.services.iter().filter(same).count() > 1 {
            format!("{}-{}", service.namespace, service.name)
        } else {
            service.name.clone()
        }
    }

    /// `[[platform.redis]]` of one Service: what is written, and what is asked for queues.
    pub fn redis(&self, service: &FoundService) -> String {
        let mut text = Text::default();
        text.key("name", &self.name(service));
        text.key("url", &format!("redis://{}:{}", service.host(), service.port));
        text.key("via", &service.via());
        text.0
    }
}

/// Where the platform is.
#[derive(Clone, Debug, Default)]
pub struct Home {
    pub name: String,
    pub kubeconfig: Option<PathBuf>,
    pub context: String,
    /// `*` alone: all.
    pub namespaces: Vec<String>,
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn key(&mut self, key: &str, value: &str) {
        let _ = writeln!(self.0, "{key} = {}", quoted(value));
    }

    fn line(&mut self, line: &str) {
        let _ = writeln!(self.0, "{line}");
    }

    /// A comment; a line end in it cannot end it.
    fn note(&mut self, note: &str) {
        let note: String = note.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let _ = writeln!(self.0, "# {note}");
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// The text of a configuration for what was found.
pub fn draft(home: &Home, found: &Findings) -> String {
    let mut text = Text::default();
    text.note("Quarterdeck, written by `qd init`. Every key stands in the README. No secret belongs in here:");
    text.note("`password = { env = \"NAME\" }`, `{ file = \"path\" }`, `{ command = [\"pass\", \"db\"] }`, `{ secret = \"namespace/name/key\" }`.");
    text.note("`qd check` says what is reached and permitted; `qd check --role observer` prints what to grant.");
    for gap in &found.gaps {
        text.note(&format!("Not looked at: {gap}"));
    }
    text.line("\n[[platform]]");
    text.key("name", &home.name);
    if let Some(path) = &home.kubeconfig {
        text.key("kubeconfig", &path.to_string_lossy());
    }
    text.key("context", &home.context);
    let list: Vec<String> = home.namespaces.iter().map(|n| quoted(n)).collect();
    text.line(&format!("namespaces = [{}]", list.join(", ")));
    text.note(
        "classify = \"production\"   # or \"staging\", \"local\"; as long as nobody says, it counts as production",
    );
    postgres(&mut text, found);
    redis(&mut text, found);
    prometheus(&mut text, found);
    web(&mut text, found);
    text.0
}

fn postgres(text: &mut Text, found: &Findings) {
    let mut urls: Vec<&FoundUrl> = found.urls.iter().filter(|u| u.kind == FoundKind::Postgres).collect();
    for service in found.of(FoundKind::Postgres) {
        text.line("");
        text.note(&format!("Service {}/{}", service.namespace, service.name));
        text.line("[[platform.postgres]]");
        text.key("name", &found.name(service));
        // Whose URL it is cannot be told without reading it; one server and one URL belong together.
        let alone = found
            .of(FoundKind::Postgres)
            .filter(|s| s.namespace == service.namespace)
            .count()
            == 1;
        let mut here = urls.iter().filter(|u| u.is_secret && u.namespace == service.namespace);
        if let (Some(url), None, true) = (here.next().copied(), here.next(), alone) {
            text.note("The application's own user: one with pg_monitor alone is better (`qd check --role observer`).");
            text.line(&format!("url = {{ secret = {} }}", quoted(&url.path())));
            urls.retain(|u| *u != url);
        } else {
            text.note("Add `?sslmode=disable` for a server without TLS: anything not local is verified otherwise.");
            text.key(
                "dsn",
                &format!("postgres://qd@{}:{}/postgres", service.host(), service.port),
            );
            text.note("password = { env = \"PGPASSWORD\" }");
        }
        text.key("via", &service.via());
        for pooler in found
            .of(FoundKind::PgBouncer)
            .filter(|s| s.namespace == service.namespace)
        {
            text.note("Its pools, where the console of PgBouncer has an address that is reached from here:");
            text.note(&format!(
                "pgbouncer = \"postgres://stats@{}:{}/pgbouncer\"",
                pooler.host(),
                pooler.port
            ));
        }
    }
    for url in urls {
        let holder = if url.is_secret { "Secret" } else { "ConfigMap" };
        text.line("");
        text.note(&format!(
            "{holder} {}/{} has the key {}.",
            url.namespace, url.name, url.key
        ));
        if url.is_secret {
            text.note("[[platform.postgres]]");
            text.note(&format!("name = {}", quoted(&url.name)));
            text.note(&format!("url = {{ secret = {} }}", quoted(&url.path())));
        } else {
            text.note("Write what it says as `dsn` of a [[platform.postgres]], without its password.");
        }
    }
}

fn redis(text: &mut Text, found: &Findings) {
    for service in found.of(FoundKind::Redis) {
        let name = found.name(service);
        text.line("");
        text.note(&format!("Service {}/{}", service.namespace, service.name));
        text.line("[[platform.redis]]");
        text.line(found.redis(service).trim_end());
        text.note("username = \"qd\"");
        text.note("password = { env = \"REDIS_PASSWORD\" }");
        match found.queues.iter().find(|(redis, _)| *redis == name).map(|(_, q)| q) {
            Some(FoundQueues::Some(n)) => {
                text.line("");
                text.note(&format!("{n} queues of BullMQ with the prefix `bull` are there."));
                text.line("[[platform.queues]]");
                text.key("name", &name);
                text.key("redis", &name);
                text.note("workload = \"deployment/NAMESPACE/NAME\"   # who works them");
            }
            Some(FoundQueues::None) => text.note("No queue of BullMQ was found there (prefix `bull`)."),
            Some(FoundQueues::Unreached(why)) => {
                text.note(&format!("It was not asked for queues: {why}"));
                text.note("[[platform.queues]]");
                text.note(&format!("name = {0}", quoted(&name)));
                text.note(&format!("redis = {0}", quoted(&name)));
            }
            None => {}
        }
    }
    for url in found.urls.iter().filter(|u| u.kind == FoundKind::Redis) {
        let holder = if url.is_secret { "Secret" } else { "ConfigMap" };
        text.line("");
        text.note(&format!(
            "{holder} {}/{} has the key {}: host and user belong into `url` of a [[platform.redis]], the password does not.",
            url.namespace, url.name, url.key
        ));
    }
}

fn prometheus(text: &mut Text, found: &Findings) {
    let http = |s: &FoundService| format!("http://{}:{}", s.host(), s.port);
    let mut managers: Vec<&FoundService> = found.of(FoundKind::Alertmanager).collect();
    let manager_line = |text: &mut Text, m: &FoundService| {
        let (url, via) = (quoted(&http(m)), quoted(&m.via()));
        text.line(&format!("alertmanager = {{ url = {url}, via = {via} }}"));
    };
    for service in found.of(FoundKind::Prometheus) {
        text.line("");
        text.note(&format!("Service {}/{}", service.namespace, service.name));
        text.line("[[platform.prometheus]]");
        text.key("name", &found.name(service));
        text.key("url", &http(service));
        text.key("via", &service.via());
        text.note("labels = { namespace = \"…\" }   # of every built-in query");
        let near = managers.iter().position(|m| m.namespace == service.namespace);
        if let Some(near) = near {
            manager_line(text, managers.remove(near));
        }
    }
    for manager in managers {
        text.line("\n[[platform.prometheus]]");
        text.key("name", &found.name(manager));
        manager_line(text, manager);
    }
}

fn web(text: &mut Text, found: &Findings) {
    if found.cert_manager || found.hosts.iter().any(|(_, tls, _)| *tls) {
        text.line("\n[[platform.certificates]]");
        text.key("name", "cluster");
        text.line(&format!("cert_manager = {}", found.cert_manager));
        text.note("secrets = false           # do not read the certificates of TLS Secrets");
        text.note(
            "ingress_address = \"10.0.0.5:443\"   # where the hosts of Ingresses are reached, if not by their names",
        );
    }
    for (host, tls, from) in &found.hosts {
        let scheme = if *tls { "https" } else { "http" };
        text.line("");
        text.note(&format!(
            "Ingress {from}: asked with GET every 30 s, when these lines count."
        ));
        text.note("[[platform.http]]");
        text.note(&format!("name = {}", quoted(host)));
        text.note(&format!("url = {}", quoted(&format!("{scheme}://{host}/"))));
    }
}

/// What a file with this text would be told.
pub fn problems(text: &str) -> Vec<Problem> {
    load(text).problems
}

/// The platforms that a file with this text declares, by their names.
pub fn platforms(text: &str) -> Vec<String> {
    load(text).config.platforms.into_iter().map(|p| p.name).collect()
}

fn load(text: &str) -> Loaded {
    let file = File {
        path: PathBuf::from("config.toml"),
        text: Ok(Some(text.to_owned())),
    };
    let inputs = Inputs {
        user: Some(file),
        ..Inputs::default()
    };
    Config::load(&inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(kind: FoundKind, namespace: &str, name: &str, port: u16) -> FoundService {
        FoundService {
            kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            port,
            headless: false,
        }
    }

    #[test]
    fn the_draft_loads_with_what_is_commented_out_too() {
        let url = |kind, is_secret, key: &str| FoundUrl {
            kind,
            is_secret,
            namespace: "shop".to_owned(),
            name: "app".to_owned(),
            key: key.to_owned(),
        };
        let mut headless = service(FoundKind::Postgres, "shop", "postgres-headless", 5432);
        headless.headless = true;
        let mut found = Findings {
            services: vec![
                service(FoundKind::Postgres, "shop", "postgres", 5432),
                headless,
                service(FoundKind::PgBouncer, "shop", "bouncer", 6432),
                service(FoundKind::Redis, "shop", "redis", 6379),
                service(FoundKind::Redis, "pay", "redis", 6379),
                service(FoundKind::Prometheus, "mon", "prometheus", 9090),
                service(FoundKind::Alertmanager, "mon", "alertmanager", 9093),
            ],
            urls: vec![
                url(FoundKind::Postgres, true, "DATABASE_URL"),
                url(FoundKind::Redis, false, "REDIS_URL"),
            ],
            hosts: vec![("shop.example.com".to_owned(), true, "shop/web".to_owned())],
            cert_manager: true,
            queues: vec![
                ("shop-redis".to_owned(), FoundQueues::Some(3)),
                ("pay-redis".to_owned(), FoundQueues::Unreached("no\nway = 1".to_owned())),
            ],
            gaps: vec!["none\n[policy]\nread_only = false".to_owned()],
        };
        found.drop_twins();
        let home = Home {
            name: "odd \"name\"\n".to_owned(),
            context: "prod".to_owned(),
            namespaces: vec!["shop".to_owned(), "pay".to_owned()],
            kubeconfig: None,
        };
        let text = draft(&home, &found);
        assert_eq!(problems(&text), [], "{text}");
        let file: std::collections::BTreeMap<String, Vec<super::super::Platform>> = toml::from_str(&text).unwrap();
        let platform = &file["platform"][0];
        assert_eq!((platform.name.as_str(), platform.postgres.len()), ("odd \"name\"\n", 1));
        assert_eq!(platform.cluster_secrets(), ["shop/app/DATABASE_URL"]);
        assert_eq!((platform.redis.len(), platform.queues.len()), (2, 1));
        assert_eq!(platform.ways().len(), 5);
        // What is offered as a comment is right, too.
        let offered: Vec<&str> = text
            .lines()
            .map(|l| {
                let bare = l.strip_prefix("# ").unwrap_or(l);
                let key = bare.split_once(" = ").map_or("", |(k, _)| k);
                let is_toml = bare.starts_with("[[") || !key.is_empty() && !key.contains([' ', '`']);
                if is_toml { bare } else { l }
            })
            .collect();
        let offered = offered.join("\n");
        assert_eq!(problems(&offered), [], "{offered}");
    }

    #[test]
    fn keys_are_known_by_their_names() {
        for (key, kind) in [
            ("DATABASE_URL", Some(FoundKind::Postgres)),
            ("app-database-url", Some(FoundKind::Postgres)),
            ("REDIS_URL", Some(FoundKind::Redis)),
            ("MY_DATABASE_URLS", None),
            ("password", None),
        ] {
            assert_eq!(FoundKind::of_key(key), kind, "{key}");
        }
    }
}
