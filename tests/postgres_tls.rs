//! The six `sslmode`s, and a password bound to the channel, against a real server.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod postgres_support;
mod qd_support;

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

use postgres_support::{Pg, server, server_with};
use quarterdeck::config::{PostgresSource, SecretRef};
use quarterdeck::feed::postgres::Fault;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

fn private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    if rustix::process::getuid().is_root() {
        chown(path, Some(65534), Some(65534)).unwrap();
    }
}

/// A server with a certificate for `name`; gives the path of the authority's.
async fn secured(name: &str, hba: &str) -> (Pg, String) {
    let mut pg = Pg::start(16, "password_encryption = 'scram-sha-256'").await;
    let admin = pg.admin().await;
    admin.batch_execute("ALTER ROLE qd PASSWORD 'hunter2'").await.unwrap();
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = authority.self_signed(&authority_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
    let data = pg.dir().join("data");
    private(&data.join("server.crt"), &leaf.pem());
    private(&data.join("server.key"), &key.serialize_pem());
    let path = pg.dir().join("root.crt");
    std::fs::write(&path, root.pem()).unwrap();
    let conf = data.join("postgresql.conf");
    let text = std::fs::read_to_string(&conf).unwrap();
    std::fs::write(&conf, format!("{text}\nssl = on\n")).unwrap();
    pg.down();
    // The test's own way in stays open.
    let rules = format!("host all postgres all trust\n{hba}\n");
    std::fs::write(data.join("pg_hba.conf"), rules).unwrap();
    pg.up().await;
    (pg, path.display().to_string())
}

fn dsn(pg: &Pg, rest: &str) -> String {
    format!(
        "host=localhost hostaddr=127.0.0.1 port={} user=qd dbname=postgres {rest}",
        pg.port
    )
}

async fn wire(pg: &Pg, rest: &str) -> Result<String, Fault> {
    server(&dsn(pg, rest)).connect().await.map(|s| s.wire.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mode_takes_what_libpq_takes_and_says_what_it_is_worth() {
    let (pg, root) = secured("localhost", "host all all all trust").await;
    for (rest, want) in [
        (format!("sslmode=verify-full sslrootcert={root}"), "TLS, verified"),
        (
            format!("sslmode=verify-ca sslrootcert={root}"),
            "TLS, name not verified",
        ),
        ("sslmode=require".to_owned(), "TLS, not verified"),
        ("sslmode=prefer".to_owned(), "TLS, not verified"),
        (String::new(), "TLS, not verified"),
        ("sslmode=allow".to_owned(), "not encrypted"),
        ("sslmode=disable".to_owned(), "not encrypted"),
    ] {
        assert_eq!(wire(&pg, &rest).await.unwrap(), want, "{rest}");
    }
    // Not signed by anybody that this system trusts.
    let stranger = wire(&pg, "sslmode=verify-full sslrootcert=system").await.unwrap_err();
    assert!(matches!(stranger, Fault::Tls(_)), "{stranger}");

    let (pg, root) = secured("db.example.com", "host all all all trust").await;
    let other = wire(&pg, &format!("sslmode=verify-full sslrootcert={root}"))
        .await
        .unwrap_err();
    assert!(matches!(other, Fault::Tls(_)), "{other}");
    assert_eq!(
        wire(&pg, &format!("sslmode=verify-ca sslrootcert={root}"))
            .await
            .unwrap(),
        "TLS, name not verified"
    );
    // libpq: `require` with roots is `verify-ca`.
    let (_, elsewhere) = secured("db.example.com", "host all all all trust").await;
    let wrong = wire(&pg, &format!("sslmode=require sslrootcert={elsewhere}")).await;
    assert!(wrong.is_err(), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_bound_to_the_channel_and_never_told() {
    let (pg, root) = secured("localhost", "hostssl all all all scram-sha-256").await;
    let source = |command: &[&str], rest: &str| PostgresSource {
        name: "core".into(),
        dsn: Some(dsn(&pg, rest)),
        password: Some(SecretRef::Command(command.iter().map(|s| (*s).to_owned()).collect())),
        ..PostgresSource::default()
    };
    let bound = format!("sslmode=verify-full sslrootcert={root} channel_binding=require");
    let session = server_with(source(&["echo", "hunter2"], &bound))
        .connect()
        .await
        .unwrap();
    assert_eq!(session.wire, "TLS, verified");
    // The server wants TLS: `allow` finds that out.
    let session = server_with(source(&["echo", "hunter2"], "sslmode=allow"))
        .connect()
        .await
        .unwrap();
    assert_eq!(session.wire, "TLS, not verified");
    let no = server_with(source(&["echo", "hunter3"], &bound))
        .connect()
        .await
        .map(|_| ())
        .unwrap_err();
    assert!(
        matches!(no, Fault::NotLetIn(_)) && !no.to_string().contains("hunter"),
        "{no}"
    );
    let none = server(&dsn(&pg, &bound)).connect().await.map(|_| ()).unwrap_err();
    assert!(matches!(none, Fault::NotLetIn(_)), "{none}");
}

/// An API server in front of a Service `postgres-core` in `data`, behind which is this server.
async fn api(pg: &Pg) -> quarterdeck::sim::kube::Server {
    use quarterdeck::sim::kube::resources::{PODS, SERVICES};
    use quarterdeck::sim::kube::{Clock, NoPlatform, Server, ServerOptions, Store};
    use serde_json::json;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let store = Store::new(Clock::real());
    store.put(
        &SERVICES,
        json!({"metadata": {"name": "postgres-core", "namespace": "data"},
            "spec": {"selector": {"app": "postgres"}, "clusterIP": "10.0.0.1", "ports": [{"port": 5432, "targetPort": 5432}]}}),
    );
    store.put(
        &PODS,
        json!({"metadata": {"name": "postgres-0", "namespace": "data", "labels": {"app": "postgres"}},
            "spec": {"containers": [{"name": "postgres", "ports": [{"containerPort": 5432}]}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}),
    );
    let server = Server::start(store, std::sync::Arc::new(NoPlatform), ServerOptions::default())
        .await
        .unwrap();
    server
        .forwards()
        .add("data", "postgres", 5432, ([127, 0, 0, 1], pg.port).into());
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn through_the_api_server_the_certificate_must_still_be_the_services() {
    let (pg, root) = secured("postgres-core.data.svc", "host all all all trust").await;
    let server = api(&pg).await;
    let home = tempfile::tempdir().unwrap();
    let kubeconfig = home.path().join("kubeconfig");
    server.write_kubeconfig(&kubeconfig).unwrap();
    let qd = |host: &str| {
        qd_support::Qd::new(&format!(
            "[[platform]]\nname = 'lab'\nkubeconfig = '{}'\n[[platform.postgres]]\nname = 'core'\n\
             via = 'port-forward:data/svc/postgres-core:5432'\n\
             dsn = 'host={host} user=qd dbname=postgres sslmode=verify-full sslrootcert={root}'\n",
            kubeconfig.display()
        ))
    };
    let own = qd("postgres-core.data.svc");
    let (code, json, said) = own.json(&["queries"]);
    assert_eq!(code, 0, "{said}");
    let wire = json["postgres"][0]["wire"].as_str().unwrap();
    assert!(wire.contains("TLS, verified"), "{wire}");
    let (code, _, said) = qd("postgres-other.data.svc").json(&["queries"]);
    assert!(code == 2 && said.contains("TLS"), "{said}");
    // To look only is not to tunnel.
    server.requests().clear();
    let (code, _, said) = own.json(&["queries", "--read-only"]);
    assert!(code == 2 && said.contains("needs a direct address"), "{said}");
    assert!(!server.requests().all().iter().any(|r| r.path.contains("portforward")));
}
