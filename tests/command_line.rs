//! The commands beside `serve`: what they print, where, and with which exit code.

use std::process::{Output, Stdio};

use serde_json::json;
use tokio::process::Command;

use crate::support::{Client, Node, NodeConfig, SECRET, soon};

/// Runs the binary in a folder with this `config.toml`.
async fn run(config: &str, env: &[(&str, &str)], args: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.toml"), config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_copresence"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("COPRESENCE_")) {
        command.env_remove(name);
    }
    command.args(args).envs(env.iter().copied()).current_dir(folder.path()).stdin(Stdio::null()).kill_on_drop(true);
    let output = soon("the command to end", command.output()).await.expect("the binary can be run");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["config.toml"], "nothing was made");
    output
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn secret_table() -> String {
    format!("[auth]\nsecret = {SECRET:?}\n")
}

#[tokio::test]
async fn check_says_what_the_settings_mean_and_shows_no_secret() {
    let secrets = ["hidden-secret-of-users-0123456789abcdef", "hidden-key-of-a-backend-0123456789"];
    let config = format!(
        "[server]\nbind = \"0.0.0.0:8081\"\norigins = [\"https://app.example\"]\n\
         [auth]\nguests = \"anyone-who-reaches-this-server\"\n\
         [[auth.keys]]\nalgorithm = \"HS256\"\nsecret = \"{0}\"\nkid = \"2026\"\n\
         [[auth.keys]]\nalgorithm = \"RS256\"\njwks_url = \"https://id.example/of/hidden-customer/jwks\"\n\
         issuer = \"https://id.example\"\ntenant = \"acme\"\n\
         [[auth.api_keys]]\nname = \"billing\"\nkey = \"{1}\"\n\
         [[rooms]]\nmatch = \"cursors:*\"\nlog = \"none\"\nsignals_per_s = 300\n\
         redact = [{{path = \"/a\", unless_role = \"x\"}}]",
        secrets[0], secrets[1]
    );
    let (code, out, err) = said(&run(&config, &[], &["check"]).await);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    for word in [
        "The settings are good.",
        "0.0.0.0:8081",
        "anyone who reaches this server",
        "HS256 by a secret (hidden), kid 2026",
        "RS256 by the key set of id.example, issuer https://id.example, tenant acme",
        "billing, of tenant default",
        "https://app.example",
        "cursors:*  not kept, 300 signals a second of everybody, a field for one role alone",
        "Warning: auth.guests",
    ] {
        assert!(out.contains(word), "{word} is not in\n{out}");
    }
    for hidden in secrets.iter().chain(&["hidden-customer"]) {
        assert!(!out.contains(hidden), "{hidden} is in\n{out}");
    }
}

#[tokio::test]
async fn check_exits_with_78_and_names_what_is_wrong() {
    for (config, env, args, word) in [
        ("[server]\nbnid = 1", vec![], vec!["check"], "did you mean server.bind?"),
        ("", vec![("COPRESENCE_LIMITS__ENABLED", "perhaps")], vec!["check"], "limits.enabled = \"perhaps\""),
        ("", vec![], vec!["check", "--bind", "here"], "server.bind = \"here\" (by --bind)"),
        ("", vec![], vec!["check", "--config", "no.toml"], "can't read the config file no.toml"),
        ("[[auth.keys]]\nalgorithm = \"ES256\"\npem = \"no.pem\"", vec![], vec!["check"], "can't read no.pem"),
    ] {
        let (code, out, err) = said(&run(config, &env, &args).await);
        assert_eq!((code, out.as_str()), (Some(78), ""), "{err}");
        assert!(err.starts_with("copresence: ") && err.contains(word), "{err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
}

#[tokio::test]
async fn a_token_from_the_command_line_opens_just_the_rooms_it_names() {
    let args = [
        "token",
        "--sub",
        "ada",
        "--name",
        "Ada L.",
        "--tenant",
        "acme",
        "--room",
        "board:*=join,publish",
        "--room",
        "board:sales=history",
        "--ttl",
        "10m",
    ];
    let (code, out, err) = said(&run(&secret_table(), &[], &args).await);
    assert_eq!((code, err.as_str(), out.lines().count()), (Some(0), "", 1));
    let node = Node::start(NodeConfig::default()).await;
    let mut ada = Client::with(&node, json!({"token": out.trim_end()})).await;
    assert_eq!((ada.user_id(), &ada.connected["tenant"]), ("ada", &json!("acme")));
    assert_eq!(ada.connected["user"]["name"], "Ada L.");
    ada.join("board:sales").await;
    assert_eq!(ada.refused(json!({"type": "join", "room": "lobby"})).await.code(), "forbidden");
}

#[tokio::test]
async fn a_token_needs_a_secret_and_says_only_what_a_server_takes() {
    let (code, out, err) = said(&run("", &[], &["token", "--sub", "ada"]).await);
    assert_eq!((code, out.as_str()), (Some(78), ""));
    assert!(err.contains("auth.secret is not set"), "{err}");
    let by_variable = run("", &[("COPRESENCE_AUTH__SECRET", SECRET)], &["token", "--sub", "ada"]).await;
    assert!(by_variable.status.success());
    let long = "x".repeat(201);
    for (args, word) in [
        (vec!["--sub", ""], "`sub`"),
        (vec!["--sub", long.as_str()], "`sub`"),
        (vec!["--sub", "ada", "--name", "a\nb"], "`name`"),
        (vec!["--sub", "ada", "--tenant", "a:b"], "`tenant`"),
        (vec!["--sub", "ada", "--role", ""], "`roles`"),
        (vec!["--sub", "ada", "--room", "a*b=join"], "room pattern"),
        (vec!["--sub", "ada", "--room", "a=fly"], "the rights are join"),
        (vec!["--sub", "ada", "--ttl", "2y"], "365d"),
        (vec![], "--sub"),
    ] {
        let args: Vec<&str> = std::iter::once("token").chain(args).collect();
        let (code, out, err) = said(&run(&secret_table(), &[], &args).await);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{args:?}: {err}");
        assert!(err.contains(word) && !err.contains(SECRET), "{args:?}: {err}");
    }
}

#[tokio::test]
async fn help_names_every_command_with_its_use() {
    for (args, words) in [
        (&["--help"][..], &["serve", "check", "token", "audit", "Without a command it serves"][..]),
        (&["audit", "--help"], &["verify", "export", "also while a server runs"]),
        (&["audit", "verify", "--help"], &["BROKEN", "NUMBER:HASH", "@server", "--config <FILE>", "66"]),
        (&["audit", "export", "--help"], &["--after <NUMBER>", "copresence audit export --tenant default", "66"]),
        (&["check", "--help"], &["Secrets are not shown", "78", "--config <FILE>"]),
        (&["token", "--help"], &["TOKEN=$(copresence token --sub ada", "--room <PATTERN=RIGHTS>", "[default: 1h]"]),
    ] {
        let (code, out, err) = said(&run("", &[], args).await);
        assert_eq!((code, err.as_str()), (Some(0), ""));
        for word in words {
            assert!(out.contains(word), "{word} is not in\n{out}");
        }
    }
}
