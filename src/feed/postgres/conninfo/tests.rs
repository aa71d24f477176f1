//! Connection texts as people write them.

use std::os::unix::fs::PermissionsExt as _;

use secrecy::ExposeSecret as _;

use super::*;

fn env(vars: &[(&str, &str)], home: Option<&Path>) -> Env {
    Env {
        vars: vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        home: home.map(Path::to_owned),
        user: "kim".to_owned(),
    }
}

fn info(dsn: &str) -> Conninfo {
    Conninfo::resolve(Some(dsn), None, &env(&[], None), false).unwrap()
}

#[test]
fn both_forms_say_the_same() {
    for dsn in [
        "postgres://qd%40ops@db.example.com:6000/my%20db?sslmode=verify-ca&target_session_attrs=primary",
        "host=db.example.com port=6000 user=qd@ops dbname='my db' sslmode = verify-ca target_session_attrs=primary",
        r"host='db.example.com' port=6000 user=qd@ops dbname=my\ db sslmode=verify-ca target_session_attrs=primary",
    ] {
        let c = info(dsn);
        assert_eq!(c.hosts[0].to_string(), "db.example.com:6000", "{dsn}");
        assert_eq!((c.user.as_str(), c.database.as_str()), ("qd@ops", "my db"), "{dsn}");
        assert_eq!((c.sslmode, c.wants), (Some(SslMode::VerifyCa), Wants::Primary), "{dsn}");
    }
    let several = info("postgres://a:5433,[::1]:5434,c/x");
    let all: Vec<String> = several.hosts.iter().map(ToString::to_string).collect();
    assert_eq!(all, ["a:5433", "[::1]:5434", "c:5432"].map(str::to_owned));
    assert!(info("postgres:///x?host=/run/pg").hosts[0].is_socket());
}

#[test]
fn what_is_not_local_is_verified_unless_somebody_says_else() {
    for (dsn, mode) in [
        ("host=db.example.com", SslMode::VerifyFull),
        ("host=10.0.0.4", SslMode::VerifyFull),
        ("host=localhost", SslMode::Prefer),
        ("host=127.0.0.1", SslMode::Prefer),
        ("host=/run/pg sslmode=verify-full", SslMode::Disable),
        ("host=localhost hostaddr=10.0.0.4", SslMode::VerifyFull),
        ("host=db.example.com sslmode=prefer", SslMode::Prefer),
        ("postgres://db.example.com/x?ssl=true", SslMode::Require),
    ] {
        let c = info(dsn);
        assert_eq!(c.mode_for(&c.hosts[0]), mode, "{dsn}");
    }
}

#[test]
fn what_cannot_be_done_is_said_and_no_value_is_repeated() {
    for (dsn, says) in [
        ("mysql://hunter2", "begins with postgres://"),
        ("host=db sslmode=hunter2", "sslmode is"),
        ("host=db gssencmode=require", "gssencmode"),
        ("host=db require_auth=hunter2", "require_auth"),
        ("host=db shoesize=hunter2", "`shoesize`"),
        ("host=db port=hunter2", "port"),
        ("postgres://db/%zz", "hexadecimal"),
        ("host=db password='hunter2", "not closed"),
        ("host=db sslrootcert=system sslmode=require", "verify-full"),
    ] {
        let wrong = Conninfo::resolve(Some(dsn), None, &env(&[], None), false)
            .unwrap_err()
            .0;
        assert!(wrong.contains(says) && !wrong.contains("hunter2"), "{dsn}: {wrong}");
    }
    // A DATABASE_URL of another program is taken as far as it is libpq's.
    let c = Conninfo::resolve(
        Some("postgresql+asyncpg://u:p@db/x?schema=public&sslmode=require"),
        None,
        &env(&[], None),
        true,
    )
    .unwrap();
    assert_eq!((c.user.as_str(), c.sslmode), ("u", Some(SslMode::Require)));
}

#[test]
fn text_weighs_more_than_service_and_service_more_than_environment() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(
        home.path().join(".pg_service.conf"),
        "# ours\n[other]\nhost=no\n[core]\nhost=core.example.com\nuser = svc\nport=7000\n",
    )
    .unwrap();
    let vars = [
        ("PGHOST", "env"),
        ("PGUSER", "env"),
        ("PGDATABASE", "env"),
        ("PGSERVICE", "core"),
    ];
    let c = Conninfo::resolve(Some("port=7001"), None, &env(&vars, Some(home.path())), false).unwrap();
    assert_eq!(c.hosts[0].to_string(), "core.example.com:7001");
    assert_eq!((c.user.as_str(), c.database.as_str()), ("svc", "env"));
    let none = Conninfo::resolve(None, Some("gone"), &env(&[], Some(home.path())), false).unwrap_err();
    assert!(none.0.contains("[gone]"));
}

#[test]
fn the_password_file_counts_when_it_is_private() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(".pgpass");
    std::fs::write(
        &file,
        "# a comment\nother:5432:*:*:no\ndb\\:x:5432:*:kim:colon\ndb:*:core:kim:s3:cr\\\\et\\:\nlocalhost:*:*:*:local\n",
    )
    .unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let here = env(&[], Some(home.path()));
    let of = |dsn: &str| {
        let c = Conninfo::resolve(Some(dsn), None, &here, false).unwrap();
        let (password, why) = password_of(&c, &c.hosts[0], &here);
        (password.map(|p| p.expose_secret().to_owned()), why)
    };
    assert_eq!(of("host=db dbname=core").0.as_deref(), Some("s3:cr\\et:"));
    assert_eq!(of("host=db dbname=else").0, None);
    assert_eq!(of("host=/tmp dbname=x").0.as_deref(), Some("local"));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let (none, why) = of("host=db dbname=core");
    assert!(none.is_none() && why.unwrap().contains("chmod 0600"));
}
