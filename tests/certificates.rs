//! Certificates: real TLS endpoints of every kind, and what openssl says of the same certificates.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod certificates_support;

use certificates_support::*;
use quarterdeck::config::{CertificatesSource, Probe, Protocol};
use quarterdeck::feed::certificate::{Poll, probe, x509};
use quarterdeck::feed::{Pace, SourceContext};
use quarterdeck::model::{Problem, Trust};
use rustls::RootCertStore;

const NAMES: &[&str] = &["localhost", "127.0.0.1"];

fn trusting(root: &Issuer) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(root.der().clone()).unwrap();
    roots
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_endpoint_is_told_apart() {
    let root = root();
    let middle = intermediate(&root, 3);
    let good = leaf(&middle, NAMES, -1, 90, &[&middle]);
    let roots = trusting(&root);
    let ask = async |address: std::net::SocketAddr, name: &str, protocol| {
        probe::probe(&address.to_string(), name, protocol, &roots).await
    };
    let served = ask(
        serve(good.clone(), Manner::Plain, None).await,
        "localhost",
        Protocol::Tls,
    )
    .await
    .unwrap();
    assert_eq!((served.trust, served.note), (Trust::Trusted, ""));
    let day = |t: jiff::Timestamp| (t.duration_since(jiff::Timestamp::now()).as_hours() + 24) / 24;
    // The leaf has 90 days, the chain has 3.
    assert_eq!(
        (day(served.chain.leaf.not_after), day(served.chain.not_after())),
        (90, 3)
    );
    assert_eq!(&*served.chain.weakest().subject, "CN=test intermediate");
    // By address as well as by name; and the two databases' ways.
    let by_ip = serve(good.clone(), Manner::Plain, None).await;
    assert_eq!(
        ask(by_ip, "127.0.0.1", Protocol::Redis).await.unwrap().trust,
        Trust::Trusted
    );
    let postgres = serve(good.clone(), Manner::Postgres, None).await;
    assert_eq!(
        ask(postgres, "localhost", Protocol::Postgres).await.unwrap().trust,
        Trust::Trusted
    );

    let labels = [
        (leaf(&middle, &["other.example"], -1, 90, &[&middle]), Trust::WrongName),
        (leaf(&middle, NAMES, -30, -2, &[&middle]), Trust::Expired),
        (leaf(&middle, NAMES, 2, 30, &[&middle]), Trust::NotYetValid),
        (leaf(&middle, NAMES, -1, 90, &[]), Trust::UnknownIssuer),
        (self_signed("localhost", NAMES), Trust::SelfSigned),
    ];
    for (identity, expected) in labels {
        let address = serve(identity, Manner::Plain, None).await;
        assert_eq!(ask(address, "localhost", Protocol::Tls).await.unwrap().trust, expected);
    }
    let fake = self_signed("Kubernetes Ingress Controller Fake Certificate", &["ingress.local"]);
    let served = ask(serve(fake, Manner::Plain, None).await, "localhost", Protocol::Tls)
        .await
        .unwrap();
    assert!(served.chain.is_placeholder());
    // A server that wants our certificate has shown its own: that is a success with a note.
    for manner in [Manner::Mutual, Manner::MutualOld] {
        let address = serve(good.clone(), manner, Some(&root)).await;
        let served = ask(address, "localhost", Protocol::Tls).await.unwrap();
        assert_eq!(served.trust, Trust::Trusted);
        assert!(
            served.note.contains("asks for a client certificate"),
            "{:?}",
            served.note
        );
    }
    for (manner, protocol, expected) in [
        (Manner::Legacy, Protocol::Tls, "legacy TLS"),
        (Manner::Http, Protocol::Tls, "no TLS is spoken there"),
        (Manner::PostgresBare, Protocol::Postgres, "TLS switched off"),
    ] {
        let Err(Problem::Failed(why)) = ask(serve(good.clone(), manner, None).await, "localhost", protocol).await
        else {
            panic!("{expected}")
        };
        assert!(why.contains(expected), "{why}");
    }
    let silent = serve(good, Manner::Silent, None).await;
    assert!(matches!(
        ask(silent, "localhost", Protocol::Tls).await,
        Err(Problem::TimedOut(_))
    ));
    let closed = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    let Err(Problem::Failed(why)) = ask(closed, "localhost", Protocol::Tls).await else {
        panic!()
    };
    assert_eq!(&*why, "connection refused");
}

#[test]
fn the_facts_are_those_that_openssl_states() {
    let root = root();
    let middle = intermediate(&root, 3);
    let identity = leaf(
        &middle,
        &["a.example", "*.b.example", "10.1.2.3", "::1"],
        -1,
        90,
        &[&middle],
    );
    let chain = x509::chain_of_pem(identity.pem().as_bytes()).unwrap();
    assert_eq!(
        (chain.rest.len(), chain.rest[0].is_ca, chain.leaf.is_ca),
        (1, true, false)
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.pem");
    std::fs::write(&file, identity.pem()).unwrap();
    let out = std::process::Command::new("openssl")
        .args([
            "x509",
            "-noout",
            "-serial",
            "-subject",
            "-issuer",
            "-dates",
            "-fingerprint",
            "-sha256",
            "-dateopt",
            "iso_8601",
        ])
        .args(["-ext", "subjectAltName", "-nameopt", "RFC2253", "-in"])
        .arg(&file)
        .output()
        .expect("openssl: install the Debian package openssl");
    let text = String::from_utf8(out.stdout).unwrap();
    let field = |name: &str| {
        let line = text
            .lines()
            .find(|l| l.to_lowercase().starts_with(name))
            .unwrap_or_else(|| panic!("{name}: {text}"));
        line.split_once('=').unwrap().1.to_owned()
    };
    let leaf = &chain.leaf;
    assert_eq!(field("serial"), leaf.serial.replace(':', "").to_uppercase());
    assert_eq!(
        (field("subject"), field("issuer")),
        (leaf.subject.to_string(), leaf.issuer.to_string())
    );
    let time = |name: &str| field(name).replacen(' ', "T", 1).parse::<jiff::Timestamp>().unwrap();
    assert_eq!((time("notbefore"), time("notafter")), (leaf.not_before, leaf.not_after));
    assert_eq!(
        field("sha256 fingerprint").replace(':', "").to_lowercase(),
        &*leaf.sha256
    );
    let names: Vec<&str> = leaf.names.iter().map(|n| &**n).collect();
    assert_eq!(names, ["a.example", "*.b.example", "10.1.2.3", "::1"]);
    assert!(
        text.contains("DNS:a.example, DNS:*.b.example, IP Address:10.1.2.3, IP Address:0:0:0:0:0:0:0:1"),
        "{text}"
    );
    assert!(x509::chain_of_pem(b"no certificate").is_err());
    assert!(x509::chain(std::iter::once(&b"\x30\x03junk"[..])).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn configured_endpoints_are_seen_without_a_cluster() {
    let root = root();
    let good = serve(leaf(&root, NAMES, -1, 90, &[]), Manner::Plain, None).await;
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, root.pem()).unwrap();
    let probe = |address: String| Probe {
        address,
        name: None,
        protocol: Protocol::Tls,
        secret: None,
    };
    let source = CertificatesSource {
        name: "main".into(),
        probe: vec![probe(format!("localhost:{}", good.port())), probe("127.0.0.1:1".into())],
        ca: Some(ca),
        ..CertificatesSource::default()
    };
    let mut poll = Poll::new(source, &SourceContext::alone(Pace::Slow));
    poll.round().await.unwrap();
    let served = poll.seen.served.fresh().unwrap();
    assert_eq!((served.len(), &served[0].trust), (2, &Trust::Trusted));
    assert!(served[0].chain.fresh().is_some() && served[1].chain.problem.is_some());
    assert!(matches!(poll.seen.managed.problem, Some(Problem::Absent { .. })));
    let rows = poll.seen.rows();
    let states: Vec<_> = rows
        .iter()
        .map(|r| (r.kind(), r.state(jiff::Timestamp::now())))
        .collect();
    assert_eq!(states, [("endpoint", "ok"), ("endpoint", "unreachable")]);
}
