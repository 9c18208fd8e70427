//! Settings: which one counts, and that a bad one stops the start and says what would be right.

use serde_json::json;

use crate::support::{Client, Node, NodeConfig};

#[tokio::test]
async fn a_bad_setting_stops_the_start_and_is_named() {
    let with = NodeConfig::default;
    let cases = [
        ("an unknown key", with().set("server.bnid", "127.0.0.1:0"), vec!["server.bnid"]),
        ("an unknown table", with().set("sever.bind", "127.0.0.1:0"), vec!["sever"]),
        ("an unknown key in a room", with().rooms("match = \"*\"\nlogs = \"disk\""), vec!["rooms", "logs"]),
        ("a wrong type", with().set("limits.enabled", "no"), vec!["limits.enabled"]),
        ("a place that is none", with().rooms("match = \"*\"\nlog = \"tape\""), vec!["rooms", "log", "tape", "memory"]),
        ("a pattern that is none", with().rooms("match = \"a*b\""), vec!["rooms", "match", "a*b"]),
        ("a negative time", with().set("session.grace_s", -1), vec!["session.grace_s", "-1"]),
        ("a time without end", with().set("session.grace_s", f64::INFINITY), vec!["session.grace_s"]),
        ("a heartbeat of nothing", with().set("session.heartbeat_s", 0), vec!["session.heartbeat_s", "0"]),
        ("a tick of nothing", with().set("presence.tick_ms", 0), vec!["presence.tick_ms", "0"]),
        (
            "an origin that is none",
            with().set("server.origins", vec!["not an origin"]),
            vec!["server.origins", "not an origin"],
        ),
        (
            "a proxy that is none",
            with().set("server.trusted_proxies", vec!["10.0.0.0/99"]),
            vec!["trusted_proxies", "10.0.0.0/99"],
        ),
        ("an unknown variable", with().env("COPRESENCE_SERVER__BNID", "x"), vec!["COPRESENCE_SERVER__BNID"]),
        ("a bad variable", with().env("COPRESENCE_LIMITS__ENABLED", "perhaps"), vec!["limits.enabled", "perhaps"]),
        (
            "values that contradict each other",
            with().set("limits.bytes_per_s", 2_000),
            vec!["limits.bytes_per_s", "limits.message_bytes"],
        ),
        ("text that is no TOML", with().appendix("[server\nbind ="), vec!["config.toml"]),
    ];
    for (what, config, named) in cases {
        let (status, said) = Node::refuses_to_start(config).await;
        assert!(!status.success(), "{what}: {said}");
        for name in named {
            assert!(said.contains(name), "{what} must name {name}: {said}");
        }
        assert!(!said.contains("panicked"), "{what}: {said}");
    }
}

#[tokio::test]
async fn a_bad_address_is_named_wherever_it_comes_from() {
    for bind in ["nonsense", "127.0.0.1", "127.0.0.1:99999"] {
        let (status, said) = Node::refuses_to_start(NodeConfig::default().arg("--bind").arg(bind)).await;
        assert!(!status.success() && said.contains(bind), "{bind}: {said}");
    }
}

#[tokio::test]
async fn a_file_that_was_named_must_be_there_and_unknown_flags_are_refused() {
    let (status, said) = Node::refuses_to_start(NodeConfig::default().arg("--colour")).await;
    assert!(!status.success() && said.contains("--colour"), "{said}");
    let missing = NodeConfig::default().without_file();
    let (status, said) = Node::refuses_to_start(missing).await;
    assert!(!status.success() && said.contains("config.toml"), "{said}");
}

#[tokio::test]
async fn a_secret_is_not_shown_though_it_stands_in_the_wrong_place() {
    let secret = "canary-of-a-secret-5d1f7a30b2";
    for config in [
        NodeConfig::default().set("auth.sercet", secret),
        NodeConfig::default().set("auth.secret", vec![secret]),
        NodeConfig::default().env("COPRESENCE_AUTH__SERCET", secret),
        NodeConfig::default().appendix(&format!("[auth2]\nsecret = \"{secret}")),
    ] {
        let (status, said) = Node::refuses_to_start(config).await;
        assert!(!status.success());
        assert!(!said.contains(secret), "{said}");
    }
}

#[tokio::test]
async fn the_environment_goes_over_the_file() {
    let config =
        NodeConfig::default().set("server.node", "from-the-file").env("COPRESENCE_SERVER__NODE", "from-outside");
    let node = Node::start(config).await;
    assert_eq!(Client::user(&node, "ada").await.connected["node"], "from-outside");
    let node = Node::start(NodeConfig::default().set("server.node", "from-the-file")).await;
    assert_eq!(Client::user(&node, "ada").await.connected["node"], "from-the-file");
}

#[tokio::test]
async fn the_flag_goes_over_the_environment() {
    // Nobody may listen on an address of a net that is kept for documentation, so only the flag's can have counted.
    let config = NodeConfig::default().env("COPRESENCE_SERVER__BIND", "192.0.2.1:8080");
    let node = Node::start(config).await;
    assert!(node.address.starts_with("127.0.0.1:"));
}

#[tokio::test]
async fn the_folder_of_the_store_is_made() {
    let node = Node::start(NodeConfig::default().set("store.path", "some/where/deep/log.db")).await;
    let (mut ada, _) = Client::user_in(&node, "ada", "lobby").await;
    ada.publish("lobby", "note", json!(1)).await;
    assert!(node.folder().join("some/where/deep/log.db").is_file(), "relative to the working directory");
}

#[tokio::test]
async fn a_server_without_limits_says_so() {
    let node = Node::start(NodeConfig::default()).await;
    assert!(node.output().contains("limits"), "{}", node.output());
}

#[tokio::test]
async fn the_address_in_use_is_named() {
    let node = Node::start(NodeConfig::default()).await;
    let (status, said) = Node::refuses_to_start(NodeConfig::default().arg("--bind").arg(&node.address)).await;
    assert!(!status.success() && said.contains(&node.address), "{said}");
}
