//! Configuration files as people write them: right, wrong, and over each other.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use quarterdeck::cli::Options;
use quarterdeck::config::{Class, Color, Config, File, Inputs, Layer, Level, Loaded};
use quarterdeck::model::Scope;

fn file(path: &str, text: &str) -> File {
    File {
        path: PathBuf::from(path),
        text: Ok(Some(text.to_owned())),
    }
}

fn inputs(system: &str, user: &str, env: &[(&str, &str)], options: Options) -> Inputs {
    Inputs {
        env: env
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect::<BTreeMap<_, _>>(),
        system: Some(file("/etc/quarterdeck/config.toml", system)),
        user: Some(file("/home/kim/.config/quarterdeck/config.toml", user)),
        options,
    }
}

fn load(system: &str, user: &str, env: &[(&str, &str)]) -> Loaded {
    Config::load(&inputs(system, user, env, Options::default()))
}

/// Loads a file of `tests/config` as the user's, and its problems as `line:column: text`.
fn bad(name: &str) -> (Config, Vec<String>) {
    let path = Path::new("tests/config").join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let user = Some(File {
        path: path.clone(),
        text: Ok(Some(text)),
    });
    let loaded = Config::load(&Inputs {
        user,
        ..Inputs::default()
    });
    let begin = format!("{}:", path.display());
    let problems = loaded
        .problems
        .iter()
        .map(|p| p.to_string().strip_prefix(&begin).unwrap().to_owned())
        .collect();
    (loaded.config, problems)
}

#[test]
fn every_mistake_has_its_place_and_what_was_expected() {
    for (name, expected) in [
        ("syntax.toml", &[("2:", "the file does not count")][..]),
        (
            "unknown.toml",
            &[
                ("4:1: ", "unknown field `tehme`, expected one of `theme`, `keymap`"),
                ("9:2: ", "unknown section `uii`, expected one of"),
            ],
        ),
        (
            "values.toml",
            &[
                ("8:9: ", "unknown variant `loud`, expected one of `error`"),
                ("5:15: ", "`soon` is no duration, expected one such as \"90s\""),
                (
                    "2:9: ",
                    "unknown variant `mauve`, expected one of `auto`, `truecolor`, `256`",
                ),
            ],
        ),
        ("policy.toml", &[("5:13: ", "expected a boolean")]),
        (
            "freeze.toml",
            &[("1:1: ", "expected a time after 2026-12-27T00:00:00Z")],
        ),
        (
            "platforms.toml",
            &[
                (
                    "8:12: ",
                    "unknown variant `prod`, expected one of `local`, `staging`, `production`",
                ),
                ("10:1: ", "missing field `name`"),
            ],
        ),
    ] {
        let (_, problems) = bad(name);
        for (place, what) in expected {
            assert!(
                problems.iter().any(|p| p.starts_with(place) && p.contains(what)),
                "{name}: {place}{what}\n{problems:#?}"
            );
        }
        assert!(problems.len() >= expected.len());
    }
}

#[test]
fn a_server_of_postgresql_is_named_with_its_secret_elsewhere() {
    let good = "[[platform]]\nname = 'eu'\n[[platform.postgres]]\nname = 'core'\ndsn = 'postgres://qd@db/cortex'\n\
                password = { secret = 'cortex/postgres/password' }\n";
    let config = load(good, "", &[]).config;
    assert_eq!(config.platforms[0].postgres[0].name, "core");
    let bad = good.replace("qd@db", "qd:hunter2@db");
    let loaded = load(&bad, "", &[]);
    let said = loaded.problems.iter().map(ToString::to_string).collect::<String>();
    assert!(said.contains(":5:") && said.contains("does not belong"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn a_broken_section_counts_for_nothing_and_the_rest_counts() {
    let (config, _) = bad("unknown.toml");
    assert_eq!(config.ui, quarterdeck::config::Ui::default());
    assert_eq!(config.signals.pending_for.as_secs(), 120);
    assert!(!config.policy.is_read_only());
    let (config, _) = bad("platforms.toml");
    assert_eq!(config.platforms.len(), 1);
}

#[test]
fn a_policy_that_cannot_be_read_forbids_changes() {
    for name in ["syntax.toml", "policy.toml", "freeze.toml"] {
        let (config, _) = bad(name);
        assert!(config.policy.is_read_only(), "{name}");
    }
    let (config, _) = bad("policy.toml");
    assert_eq!(config.ui.theme, "light");
    let unreadable = File {
        path: "/etc/quarterdeck/config.toml".into(),
        text: Err("cannot be opened: denied".into()),
    };
    let loaded = Config::load(&Inputs {
        system: Some(unreadable),
        ..Inputs::default()
    });
    assert!(loaded.config.policy.is_read_only());
    assert_eq!(loaded.problems.len(), 1);
}

#[test]
fn later_layers_win_and_each_value_knows_its_layer() {
    let system = "[ui]\ntheme = \"light\"\nmotion = false\n[log]\nlevel = \"warn\"\n[signals]\nrestarts_warning = 5";
    let user = "[ui]\ntheme = \"mine\"\ncolor = \"256\"\n[signals]\nrestarts_critical = 20";
    let env = [
        ("QUARTERDECK_COLOR", "16"),
        ("QUARTERDECK_KEYMAP", "vim"),
        ("HOME", "/home/kim"),
    ];
    let options = Options {
        color: Some("mono".into()),
        ..Options::default()
    };
    let loaded = Config::load(&inputs(system, user, &env, options));
    assert_eq!(loaded.problems, []);
    let config = loaded.config;
    assert_eq!((config.ui.theme.as_str(), config.ui.keymap.as_str()), ("mine", "vim"));
    assert_eq!(
        (config.ui.color, config.ui.motion, config.log.level),
        (Color::Mono, false, Level::Warn)
    );
    assert_eq!(
        (config.signals.restarts_warning, config.signals.restarts_critical),
        (5, 20)
    );
    assert_eq!(config.origin("ui.color"), &Layer::Flag("--color"));
    assert_eq!(config.origin("ui.keymap").to_string(), "QUARTERDECK_KEYMAP");
    assert_eq!(
        config.origin("ui.theme").to_string(),
        "/home/kim/.config/quarterdeck/config.toml"
    );
    assert_eq!(config.origin("ui.symbols"), &Layer::Default);
    assert_eq!(config.paths.state, Some("/home/kim/.local/state/quarterdeck".into()));
}

#[test]
fn no_color_yields_to_the_user_and_misspelt_variables_are_named() {
    assert_eq!(
        load("[ui]\ncolor = \"256\"", "", &[("NO_COLOR", "1")]).config.ui.color,
        Color::Mono
    );
    assert_eq!(
        load("", "[ui]\ncolor = \"256\"", &[("NO_COLOR", "1")]).config.ui.color,
        Color::Ansi256
    );
    let env = [
        ("QUARTERDECK_COLOUR", "16"),
        ("QUARTERDECK_COLOR", "17"),
        ("QUARTERDECK_TEST_KUBECONFIG", "x"),
    ];
    let problems: Vec<String> = load("", "", &env).problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].contains("unknown variant `17`"));
    assert!(problems[1].contains("QUARTERDECK_COLOUR: there is no such variable"));
}

#[test]
fn the_production_mark_is_never_lifted() {
    let system = "[[platform]]\nname = \"eu\"\ncontext = \"prod-eu\"\nclassify = \"production\"";
    let user = "[[platform]]\nname = \"eu\"\nclassify = \"local\"\nnamespaces = [\"a\"]\n\
                [[platform]]\nname = \"mine\"\ncontext = \"prod-eu\"\nclassify = \"local\"";
    let loaded = load(system, user, &[]);
    assert!(
        loaded.problems[0]
            .to_string()
            .ends_with("stays production: what an earlier layer declared is not lifted")
    );
    let config = loaded.config;
    assert_eq!(config.platforms[0].namespaces, ["a"]);
    assert_eq!(
        config.class(&["eu".to_owned()], "prod-eu", "https://127.0.0.1"),
        Class::Production
    );
    assert_eq!(
        config.class(&["mine".to_owned()], "prod-eu", "https://127.0.0.1"),
        Class::Production
    );
    assert_eq!(config.class(&[], "other", "https://10.1.1.1"), Class::Unclassified);
    let by_another_context = config.class(&["eu".to_owned()], "prod-eu-operator", "https://127.0.0.1");
    assert_eq!(by_another_context, Class::Production);
}

#[test]
fn flags_then_environment_then_the_first_platform_say_where_to_go() {
    let user = "[[platform]]\nname = \"eu\"\nkubeconfig = \"eu.yaml\"\ncontext = \"prod-eu\"\nnamespaces = [\"a\", \"b\"]\n\
                [[platform]]\nname = \"us\"\nkubeconfig = \"~/us.yaml\"\nnamespaces = [\"*\"]";
    let go = |env: &[(&str, &str)], options: Options| {
        let mut all = vec![("HOME", "/home/kim")];
        all.extend(env);
        Config::load(&inputs("", user, &all, options)).config.target()
    };
    let first = go(&[], Options::default()).unwrap();
    assert_eq!(first.kubeconfig, Some("/home/kim/.config/quarterdeck/eu.yaml".into()));
    assert_eq!(first.scope, Some(Scope::Namespaces(vec!["a".into(), "b".into()])));
    let us = go(&[("QUARTERDECK_PLATFORM", "us")], Options::default()).unwrap();
    assert_eq!(
        (us.kubeconfig, us.scope),
        (Some("/home/kim/us.yaml".into()), Some(Scope::All))
    );
    let flag = Options {
        context: Some("lab".into()),
        namespaces: vec!["c".into()],
        ..Options::default()
    };
    let lab = go(&[("QUARTERDECK_PLATFORM", "us")], flag).unwrap();
    assert_eq!(
        (lab.platform, lab.kubeconfig, lab.context),
        (None, None, Some("lab".into()))
    );
    assert_eq!(lab.scope, Some(Scope::Namespaces(vec!["c".into()])));
    let wrong = go(&[("QUARTERDECK_PLATFORM", "mars")], Options::default());
    assert_eq!(
        wrong.unwrap_err(),
        "no platform `mars` in the configuration; declared: eu, us"
    );
}

fn section(read_only: Option<bool>, two_person: Option<bool>, run_steps: Option<bool>, freeze: bool) -> String {
    let mut text = "[policy]\n".to_owned();
    for (name, value) in [
        ("read_only", read_only),
        ("two_person", two_person),
        ("run_steps", run_steps),
    ] {
        if let Some(value) = value {
            let _ = writeln!(text, "{name} = {value}");
        }
    }
    if freeze {
        text.push_str(
            "[[policy.freeze]]\nfrom = \"2026-01-01T00:00:00Z\"\nto = \"2026-01-02T00:00:00Z\"\nreason = \"x\"\n",
        );
    }
    text
}

proptest! {
    /// Whatever the layers say in whatever order, what one of them set holds.
    #[test]
    fn policy_only_tightens(
        one in any::<(Option<bool>, Option<bool>, Option<bool>, bool)>(),
        two in any::<(Option<bool>, Option<bool>, Option<bool>, bool)>(),
        env in proptest::option::of(proptest::sample::select(vec!["0", "1", "no", "yes", "perhaps"])),
        flag in any::<bool>(),
    ) {
        let text = |p: (Option<bool>, Option<bool>, Option<bool>, bool)| section(p.0, p.1, p.2, p.3);
        let env: Vec<(&str, &str)> = env.iter().map(|v| ("QUARTERDECK_READ_ONLY", *v)).collect();
        let options = Options { read_only: flag, ..Options::default() };
        let policy = Config::load(&inputs(&text(one), &text(two), &env, options)).config.policy;
        let said = |v: Option<bool>, w: Option<bool>, what| v == Some(what) || w == Some(what);
        let by_env = env.iter().any(|(_, v)| matches!(*v, "1" | "yes" | "perhaps"));
        prop_assert_eq!(policy.is_read_only(), flag || by_env || said(one.0, two.0, true));
        prop_assert_eq!(policy.two_person, said(one.1, two.1, true));
        prop_assert_eq!(policy.run_steps, said(one.2, two.2, true) && !said(one.2, two.2, false));
        prop_assert_eq!(policy.freezes.len(), usize::from(one.3) + usize::from(two.3));
    }

    /// No file is so broken that loading fails.
    #[test]
    fn any_text_loads(text in "(\\[|\\]|=|\"|'|#|\n| |[a-z_]|[0-9]|ui|policy|platform|\u{202e}|é){0,60}") {
        let _ = load(&text, "", &[]);
    }
}

#[test]
fn a_password_in_a_redis_url_is_refused_and_never_repeated() {
    let user = "[[platform]]\nname = \"eu\"\n[[platform.redis]]\nname = \"cache\"\nurl = \"redis://:hunter2@redis/0\"";
    let loaded = load("", user, &[]);
    let problem = loaded.problems[0].to_string();
    assert!(problem.contains(":5:7: "), "{problem}");
    assert!(problem.contains("password does not stand in the configuration") && !problem.contains("hunter2"));
    let user = "[[platform]]\nname = \"eu\"\n[[platform.redis]]\nname = \"cache\"\nurl = \"rediss://qd@redis/0\"\n\
                password = { file = \"pw\" }\ntrust = { ca = \"ca.pem\" }\n\
                [[platform.queues]]\nname = \"jobs\"\nredis = \"cache\"\nqueues = [\"default\", { name = \"mail\", workload = \"deployment/a/b\" }]";
    let loaded = load("", user, &[]);
    assert_eq!(loaded.problems, []);
    let platform = &loaded.config.platforms[0];
    assert_eq!(platform.redis[0].user(), Some("qd"));
    // Paths are relative to the file in which they stand.
    assert_eq!(
        platform.redis[0].trust.ca.as_deref(),
        Some(Path::new("/home/kim/.config/quarterdeck/ca.pem"))
    );
    assert_eq!(
        platform.redis[0].password,
        Some(quarterdeck::config::SecretRef::File(
            "/home/kim/.config/quarterdeck/pw".into()
        ))
    );
    assert_eq!(platform.queues[0].queues.len(), 2);
    assert_eq!(platform.queues[0].problem(), None);
}

#[test]
fn sources_over_http_are_read_whole_and_their_paths_made_absolute() {
    use quarterdeck::config::{Auth, HeaderValue, Protocol, SecretRef};
    let user = r#"
[[platform]]
name = "eu"
[[platform.prometheus]]
name = "main"
url = "https://prometheus.example.com/prefix"
auth = { bearer = { file = "token" } }
tls = { ca = "~/ca.pem", certificate = "client.pem", key = "client.key" }
headers = { X-Scope-OrgID = "cortex", X-Key = { env = "KEY" } }
by = "service"
labels = { namespace = "cortex" }
queries = { "app.errors" = "my:ratio" }
alertmanager = { url = "http://am:9093", via = "port-forward:monitoring/svc/alertmanager:9093", auth = { user = "qd", password = { command = ["pass", "am"] } } }
[[platform.prometheus.slo]]
name = "api"
target = 99.9
service = "api"
[[platform.certificates]]
name = "all"
secrets = false
probe = [{ address = "db.example.com:5432", protocol = "postgres", secret = "data/db-tls" }]
[[platform.http]]
name = "front"
url = "https://example.com/health"
status = 204
limit_ms = 500
"#;
    let loaded = load("", user, &[("HOME", "/home/kim")]);
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    let platform = &loaded.config.platforms[0];
    let p = &platform.prometheus[0];
    let at = |name: &str| PathBuf::from("/home/kim/.config/quarterdeck").join(name);
    assert_eq!(
        p.auth,
        Some(Auth::Bearer {
            bearer: SecretRef::File(at("token"))
        })
    );
    assert_eq!(
        (p.tls.ca.clone(), p.tls.key.clone()),
        (Some("/home/kim/ca.pem".into()), Some(at("client.key")))
    );
    assert_eq!(p.headers["X-Key"], HeaderValue::Secret(SecretRef::Env("KEY".into())));
    assert!(matches!(
        p.alertmanager.as_ref().unwrap().auth,
        Some(Auth::Basic { .. })
    ));
    assert_eq!((p.slo[0].days, p.slo[0].target), (30, 99.9));
    let c = &platform.certificates[0];
    assert!(c.cert_manager && !c.secrets && c.probe[0].protocol == Protocol::Postgres);
    assert_eq!(platform.http[0].limit().as_millis(), 500);
    for (wrong, expected) in [
        (
            "[[platform.prometheus]]\nname = \"x\"\nurll = \"y\"",
            "unknown field `urll`",
        ),
        (
            "[[platform.prometheus]]\nname = \"x\"\nvia = \"svc/a:1\"",
            "is no way to a server",
        ),
        (
            "[[platform.prometheus]]\nname = \"x\"\n[[platform.prometheus.slo]]\nname = \"x\"\ntarget = 100",
            "is no objective",
        ),
    ] {
        let loaded = load("", &format!("[[platform]]\nname = \"eu\"\n{wrong}"), &[]);
        let said: String = loaded.problems.iter().map(ToString::to_string).collect();
        assert!(said.contains(expected), "{said}");
    }
}
