//! Input that is wrong, hostile or unlucky: it gets the error that names the field, and nothing else suffers.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::support::client::End;
use crate::support::{Client, Node, NodeConfig, token_of};

const ROOM: &str = "lobby";

/// That the connection lives and the room works, after whatever was tried.
async fn still_works(client: &mut Client) {
    let before = client.join(ROOM).await["cursor"]["offset"].as_u64().unwrap();
    assert_eq!(client.publish(ROOM, "note", json!("works")).await["offset"], before + 1);
}

/// Sends text that must be refused; the error.
async fn refused_text(client: &mut Client, text: &str) -> crate::support::Message {
    client.send_text(text).await;
    client.take("an error", |message| message.kind() == "error").await
}

#[tokio::test]
async fn what_is_no_message_is_a_bad_message() {
    let node = Node::start(NodeConfig::default()).await;
    let mut ada = Client::user(&node, "ada").await;
    for text in ["", "not json", "{", "[]", "5", "\"text\"", "null", "{} {}", "{\"type\":\"ping\"", "\u{feff}{}"] {
        let error = refused_text(&mut ada, text).await;
        assert_eq!(error.code(), "bad_message", "{text}: {}", error.text);
        // Ten unreadable ones within a minute end the connection, so each gets a connection of its own.
        ada = Client::user(&node, "ada").await;
    }
    for text in ["{}", r#"{"type":5}"#, r#"{"type":null}"#, r#"{"type":"nonsense"}"#, r#"{"type":"Join","room":"a"}"#] {
        let error = refused_text(&mut ada, text).await;
        assert_eq!(error.code(), "bad_message", "{text}: {}", error.text);
        assert!(error["message"].as_str().unwrap().contains("type"), "{text}: {}", error.text);
    }
    still_works(&mut ada).await;
}

#[tokio::test]
async fn a_field_that_is_missing_or_wrong_is_named() {
    let node = Node::start(NodeConfig::default()).await;
    let cases = [
        (json!({"type": "join"}), "room"),
        (json!({"type": "join", "room": 5}), "room"),
        (json!({"type": "join", "room": null}), "room"),
        (json!({"type": "join", "room": ROOM, "since": 5}), "since"),
        (json!({"type": "join", "room": ROOM, "receive": "all"}), "receive"),
        (json!({"type": "join", "room": ROOM, "receive": ["everything"]}), "receive"),
        (json!({"type": "join", "room": ROOM, "presence": "yes"}), "presence"),
        (json!({"type": "join", "room": ROOM, "presence": {"status": "asleep"}}), "status"),
        (json!({"type": "leave"}), "room"),
        (json!({"type": "publish", "event": "note", "data": 1}), "room"),
        (json!({"type": "publish", "room": ROOM, "data": 1}), "event"),
        (json!({"type": "publish", "room": ROOM, "event": "", "data": 1}), "event"),
        (json!({"type": "publish", "room": ROOM, "event": "e".repeat(101), "data": 1}), "event"),
        (json!({"type": "publish", "room": ROOM, "event": ["note"], "data": 1}), "event"),
        (json!({"type": "publish", "room": ROOM, "event": "note"}), "data"),
        (json!({"type": "publish", "room": ROOM, "event": "note", "data": 1, "key": 5}), "key"),
        (json!({"type": "signal", "room": ROOM, "event": "s".repeat(201), "data": 1}), "event"),
        (json!({"type": "signal", "room": ROOM, "data": 1}), "event"),
        (json!({"type": "signal", "room": ROOM, "event": "cursor"}), "data"),
        (json!({"type": "presence", "room": ROOM, "status": "asleep"}), "status"),
        (json!({"type": "presence", "room": 5}), "room"),
    ];
    for (command, field) in cases {
        // A connection each, because ten unreadable messages within a minute end one.
        let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
        let error = ada.refused(command.clone()).await;
        assert_eq!(error.code(), "bad_message", "{command}: {}", error.text);
        assert!(error["message"].as_str().unwrap().contains(field), "{command}: {}", error.text);
        still_works(&mut ada).await;
    }
}

#[tokio::test]
async fn an_id_that_is_none_is_refused() {
    let node = Node::start(NodeConfig::default()).await;
    let mut ada = Client::user(&node, "ada").await;
    for id in [json!({}), json!([1]), json!(true), json!("x".repeat(65))] {
        let error = refused_text(&mut ada, &json!({"type": "ping", "id": id}).to_string()).await;
        assert_eq!(error.code(), "bad_message", "{id}");
        assert!(error["message"].as_str().unwrap().contains("id"), "{}", error.text);
    }
}

#[tokio::test]
async fn unknown_fields_are_ignored() {
    let node = Node::start(NodeConfig::default()).await;
    let mut ada = Client::open(&node).await;
    ada.connect(json!({"token": token_of("ada"), "colour": "green", "nested": {"a": [1, {"b": 2}]}})).await;
    ada.ask(json!({"type": "join", "room": ROOM, "color": 5, "presence": {"status": "busy", "mood": "fine"}})).await;
    let publish =
        json!({"type": "publish", "room": ROOM, "event": "note", "data": 1, "from": {"user": "eve"}, "offset": 77});
    assert_eq!(ada.ask(publish).await["offset"], 1);
    assert_eq!(ada.entry(ROOM).await["from"]["user"], "ada", "who one is comes from the token alone");
}

#[tokio::test]
async fn names_that_are_none_are_refused_and_named() {
    let node = Node::start(NodeConfig::default()).await;
    let long = "r".repeat(201);
    let longer = "r".repeat(300);
    let names = [
        "",
        "../etc/passwd",
        "a/../b",
        "a\0b",
        "🦊",
        "a b",
        " a",
        ".hidden",
        "-a",
        ":a",
        "_a",
        "a{b}",
        "a*",
        "@you",
        "é",
        "a\nb",
        "%2e%2e",
        "a;b",
        &long,
        &longer,
    ];
    for name in names {
        let mut ada = Client::user(&node, "ada").await;
        for command in ["join", "leave", "publish", "signal", "presence"] {
            let error = ada.refused(json!({"type": command, "room": name, "event": "note", "data": 1})).await;
            assert_eq!(error.code(), "bad_message", "{command} {name:?}: {}", error.text);
            assert!(error["message"].as_str().unwrap().contains("room"), "{}", error.text);
        }
    }
    let mut ada = Client::user(&node, "ada").await;
    for name in ["a", "0", "A-Z_a.z:0-9", &"r".repeat(200)] {
        ada.join(name).await;
    }
}

#[tokio::test]
async fn names_of_events_that_clients_use_themselves_are_refused() {
    let node = Node::start(NodeConfig::default()).await;
    for name in [
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "reconnect",
        "error",
        "joined",
        "reset",
        "state",
        "presence",
        "activity",
        "signals",
        "connection:lost",
        "notification:new",
        "user:login",
    ] {
        let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
        for command in ["publish", "signal"] {
            let error = ada.refused(json!({"type": command, "room": ROOM, "event": name, "data": 1})).await;
            assert_eq!(error.code(), "bad_message", "{command} {name}");
            assert!(error["message"].as_str().unwrap().contains("event"), "{}", error.text);
        }
    }
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    for name in ["connected", "users", "my:connection:x", &"e".repeat(100), "🦊"] {
        ada.publish(ROOM, name, json!(1)).await;
        assert_eq!(ada.entry(ROOM).await["event"], *name);
    }
}

#[tokio::test]
async fn nesting_ends_at_32_and_objects_at_1024_keys() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let publish = |data: &str| format!(r#"{{"type":"publish","id":"p","room":"{ROOM}","event":"note","data":{data}}}"#);
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let keyed = |count: usize| {
        let members: Vec<String> = (0..count).map(|key| format!(r#""k{key}":1"#)).collect();
        format!("{{{}}}", members.join(","))
    };
    // The message itself is the first level.
    for (what, data, is_fine) in [
        ("31 levels inside of one", nested(31), true),
        ("32 levels inside of one", nested(32), false),
        ("ten thousand levels", nested(10_000), false),
        ("only opened", "[".repeat(30_000), false),
        ("1,024 keys", keyed(1024), true),
        ("1,025 keys", keyed(1025), false),
        ("1,025 keys further in", format!("[[{}]]", keyed(1025)), false),
    ] {
        ada.send_text(&publish(&data)).await;
        let answer = ada.take(what, |message| ["error", "published"].contains(&message.kind())).await;
        if is_fine {
            assert_eq!(answer.kind(), "published", "{what}: {}", answer.text);
        } else {
            assert_eq!(answer.code(), "bad_message", "{what}: {}", answer.text);
        }
    }
    still_works(&mut ada).await;
}

#[tokio::test]
async fn a_message_over_the_limit_is_too_large_and_the_connection_lives() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let of_size = |size: usize, id: u32| {
        let head = format!(r#"{{"type":"publish","id":{id},"room":"{ROOM}","event":"note","data":""#);
        let text = format!("{head}{}\"}}", "x".repeat(size - head.len() - 2));
        assert_eq!(text.len(), size);
        text
    };
    ada.send_text(&of_size(65_536, 1001)).await;
    assert_eq!(ada.reply(1001).await.kind(), "published");
    for size in [65_537, 200_000, 4 * 65_536] {
        ada.send_text(&of_size(size, 1002)).await;
        let error = ada.reply(1002).await;
        assert_eq!(error.code(), "too_large", "{size}: {}", error.text);
    }
    still_works(&mut ada).await;
}

#[tokio::test]
async fn a_message_of_10_mb_ends_the_connection_with_4413() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut bob, _) = Client::user_in(&node, "bob", ROOM).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    bob.presence("joined", ROOM, "ada").await;
    ada.send_frame(Frame::text("x".repeat(10 * 1024 * 1024))).await.ok();
    assert_eq!(ada.end().await, End::Close(4413));
    bob.presence("left", ROOM, "ada").await;
    still_works(&mut bob).await;
}

#[tokio::test]
async fn a_binary_frame_is_a_bad_message() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    ada.send_frame(Frame::binary(br#"{"type":"ping","id":1}"#.as_slice())).await.unwrap();
    let error = ada.take("an error", |message| message.kind() == "error").await;
    assert_eq!(error.code(), "bad_message");
    still_works(&mut ada).await;
}

#[tokio::test]
async fn ten_unreadable_messages_within_a_minute_end_the_connection() {
    let node = Node::start(NodeConfig::default()).await;
    let mut ada = Client::user(&node, "ada").await;
    for _ in 0..9 {
        assert_eq!(refused_text(&mut ada, "not json").await.code(), "bad_message");
    }
    assert_eq!(ada.request(json!({"type": "ping"})).await.kind(), "pong", "nine are borne");
    ada.send_text("not json").await;
    assert_eq!(ada.end().await, End::Close(4400));
    assert!(Client::user(&node, "ada").await.connected["session"].is_string());
}

#[tokio::test]
async fn errors_to_commands_without_id_are_at_most_ten_a_second() {
    let node = Node::start(NodeConfig::default()).await;
    let mut ada = Client::user(&node, "ada").await;
    let began = std::time::Instant::now();
    for _ in 0..200 {
        ada.send(&json!({"type": "publish", "room": ROOM, "event": "note", "data": 1})).await;
    }
    let heard = ada.drain().await;
    let errors = heard.iter().filter(|message| message.kind() == "error").count();
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap();
    assert!((1..=10 * (seconds + 2)).contains(&errors), "{errors} errors in {seconds} s");
}

#[tokio::test]
async fn a_hundred_commands_before_connect_end_that_connection_alone() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut bob, _) = Client::user_in(&node, "bob", ROOM).await;
    let mut eve = Client::open(&node).await;
    for number in 0..100 {
        let publish = json!({"type": "publish", "id": number, "room": ROOM, "event": "note", "data": "from eve"});
        if eve.send_frame(Frame::text(publish.to_string())).await.is_err() {
            break;
        }
    }
    assert_eq!(eve.end().await, End::Close(4400));
    let answered = eve.heard().filter(|message| message.kind() == "error").count();
    assert_eq!(answered, 1, "one error, and nothing else is answered");
    still_works(&mut bob).await;
    assert!(!bob.heard().any(|message| message.text.contains("from eve")));
}

#[tokio::test]
async fn numbers_and_strings_at_their_edges_do_no_harm() {
    let node = Node::start(NodeConfig::default()).await;
    let mut ada = Client::user(&node, "ada").await;
    // Some of these our own parser can't hold, so the entries are not looked at here.
    ada.ask(json!({"type": "join", "room": ROOM, "receive": []})).await;
    for data in [
        "1e400",
        "-1e400",
        "0.0000000000000000000000000001",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\u{2028}\"",
        "[]",
        "null",
    ] {
        ada.send_text(&format!(r#"{{"type":"publish","id":"p","room":"{ROOM}","event":"note","data":{data}}}"#)).await;
        let answer = ada.take(data, |message| message["id"] == "p").await;
        assert!(answer.kind() == "published" || answer.code() == "bad_message", "{data}: {}", answer.text);
    }
    let since = json!({"epoch": Value::Null, "offset": 18_446_744_073_709_551_615_u64, "entry": "x"});
    assert_eq!(ada.refused(json!({"type": "join", "room": ROOM, "since": since})).await.code(), "bad_message");
    still_works(&mut ada).await;
}
