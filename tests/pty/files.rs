//! No cluster, a dead one, and files that are not as they should be.

use serde_json::{Value, json};

use super::pty_support::{Home, Servers, Start};

const DEAD: &str = "\
apiVersion: v1
kind: Config
current-context: dead
clusters:
- name: dead
  cluster: {server: \"https://127.0.0.1:1\"}
users:
- name: nobody
  user: {token: none}
contexts:
- name: dead
  context: {cluster: dead, user: nobody}
";

#[test]
fn without_a_kubeconfig_it_opens_and_says_what_is_missing() {
    let home = Home::new();
    let mut console = Start::new(&home, &[]).go();
    console.see("kubeconfig");
    console.see("KUBECONFIG");
    console.send("C");
    console.see("Context");
}

#[test]
fn from_a_cluster_that_is_dead_another_one_is_reached_by_keys() {
    let (servers, home) = (Servers::start(), Home::new());
    let dead = home.write("dead.yaml", DEAD);
    let both = format!("{}:{}", dead.display(), servers.demo.kubeconfig().display());
    let mut console = Start::new(&home, &[]).env("KUBECONFIG", &both).go();
    console.see("connection refused");
    console.send("C");
    console.see("demo-viewer");
    console.type_in("demo-viewer\r");
    console.see("ImagePullBackOff");
}

#[test]
fn another_context_brings_the_sources_of_its_own_platform() {
    let (servers, home) = (Servers::start(), Home::new());
    let (file, redis) = (servers.demo.kubeconfig().display(), servers.demo.redis().url());
    let platform = |name: &str, context: &str| {
        format!(
            "[[platform]]\nname = '{name}'\ncontext = '{context}'\nkubeconfig = '{file}'\nnamespaces = ['cortex']\n"
        )
    };
    let third = home.write("third.yaml", &servers.demo.server().kubeconfig());
    let source = format!("[[platform.redis]]\nname = 'cache-of-one'\nurl = '{redis}'\n");
    let text = format!(
        "{}{source}{}[[platform]]\nname = 'three'\nkubeconfig = '{}'\nnamespaces = ['cortex']\n{}",
        platform("one", "demo"),
        platform("two", "demo-operator"),
        third.display(),
        source.replace("of-one", "of-three")
    );
    let path = home.write("two.toml", &text);
    let mut console = Start::new(&home, &["--config", path.to_str().unwrap()]).go();
    console.see("ImagePullBackOff");
    console.send("5");
    console.see("cache-of-one");
    console.send("C");
    console.see("demo-viewer");
    console.type_in("demo-operator\r");
    console.see_no("cache-of-one");
    console.see("[[platform.redis]]");
    console.send("C");
    console.see("demo-viewer");
    console.type_in("admin\x15demo\r");
    console.see("cache-of-one");
    // A platform with a kubeconfig of its own is a choice too.
    console.send("C");
    console.see("three");
    console.type_in("three\r");
    console.see("cache-of-three");
}

#[test]
fn a_file_with_a_fault_is_named_with_line_and_column_and_the_console_opens() {
    let home = Home::new();
    let at = |name: &str, text: &str| home.write(name, text).to_str().unwrap().to_owned();
    let config = at("bad.toml", "[ui]\nthem = 3\n");
    let theme = at("bad-theme.toml", "[roles]\ntext = { fg = \"#zzz\" }\n");
    let kubeconfig = at("bad.yaml", "apiVersion: v1\nclusters:\n- name: x\n  cluster: [\n");
    let wide = |args: &[&str]| Start::new(&home, args).size(200, 45);
    let console = wide(&["--config", &config]).go();
    console.see("bad.toml:2:1");
    console.see("theme");
    console.see("? help");
    drop(console);
    let console = wide(&["--theme", &theme]).go();
    console.see("bad-theme.toml:2:");
    console.see("? help");
    drop(console);
    let console = wide(&["--kubeconfig", &kubeconfig]).go();
    console.see("bad.yaml:");
    console.see("? help");
    drop(console);
    at(".config/quarterdeck/keymap.toml", "[global]\n\"j\" = \"no.such\"\n");
    at(".config/quarterdeck/runbooks/mine.md", "+++\nid = 3\n+++\n# x\n");
    let console = wide(&[]).go();
    console.see("keymap.toml:2:");
    console.see("mine.md:2:");
    console.see("? help");
    drop(console);
    let ended = Start::new(&home, &["pods", "--config", &config])
        .size(200, 45)
        .go()
        .ended();
    let text = String::from_utf8(ended.bytes).unwrap();
    assert!(text.contains("bad.toml:2:1"), "{text}");
    assert_eq!(ended.code, 2);
}

#[test]
fn a_keymap_that_is_broken_while_the_console_is_open_is_named_and_the_keys_before_go_on() {
    let home = Home::new();
    let keys = |text: &str| home.write(".config/quarterdeck/keymap.toml", &format!("[global]\n{text}\n"));
    keys("\"Q\" = \"app.help\"");
    let mut console = Start::new(&home, &[]).size(200, 45).go();
    console.see("Q help");
    // The help lists the key by which it came.
    let helps = |console: &mut super::pty_support::Console, key: &str| {
        console.send(key);
        console.see("╭ Help");
        console.send("\x1b");
        console.see_no("╭ Help");
    };
    helps(&mut console, "Q");
    keys("\"W\" = \"app.help\"\n\"j\" = \"no.such\"");
    console.type_in("gk");
    console.see("keymap.toml:3:");
    console.see("the keymap that was in force stays");
    helps(&mut console, "Q");
    keys("\"W\" = \"app.help\"");
    console.type_in("gk");
    console.see("the keymap was read again");
    console.see("W help");
    helps(&mut console, "W");
    console.send("Q");
    console.see("Q does nothing here");
}

#[test]
fn a_credential_plugin_that_needs_a_person_gets_the_terminal_and_gives_it_back() {
    let (servers, home) = (Servers::start(), Home::new());
    let plugin = home.write(
        "plugin",
        "#!/bin/sh\ntest -t 0 || { echo 'somebody must sign in' >&2; exit 1; }\nprintf 'your code: ' >&2\nread -r code\n\
         echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{\"token\":\"'\"$code\"'\"}}'\n",
    );
    std::fs::set_permissions(&plugin, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut config: Value = serde_yaml_ng::from_str(&servers.demo.server().kubeconfig()).unwrap();
    let token = config["users"][0]["user"]["token"].as_str().unwrap().to_owned();
    config["users"][0]["user"] = json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": plugin,
        "interactiveMode": "IfAvailable",
    }});
    let path = home.write("kubeconfig.json", &config.to_string());
    let mut console = Start::new(&home, &["--kubeconfig", path.to_str().unwrap()]).go();
    console.see("asks for a person");
    console.send("L");
    console.wait("the plugin asks on the terminal", |s| {
        !s.alternate_screen() && s.contents().contains("your code: ")
    });
    assert!(!console.is_raw());
    console.type_in(&format!("{token}\n"));
    console.wait("the console is back and connected", |s| {
        s.alternate_screen() && s.contents().contains("ImagePullBackOff")
    });
    assert!(console.is_raw());
}
