//! Who may do what in which room, by every way in, and that nobody can pass for somebody else.

use serde_json::{Value, json};

use crate::presence::names;
use crate::support::token::{seconds_from_now, token_with_rooms};
use crate::support::{Client, Message, Node, NodeConfig, SECRET, http, mint, token_of};

const ROOM: &str = "board:1";
/// Another room of the same pattern's neighbourhood, to which no right leads.
const FORBIDDEN: &str = "board2:1";
const RIGHTS: [&str; 6] = ["join", "publish", "signal", "track", "set", "history"];

/// A command of each kind, and the right that it takes.
fn commands(room: &str) -> [(Value, &'static str); 5] {
    [
        (json!({"type": "publish", "room": room, "event": "note", "data": 1}), "publish"),
        (json!({"type": "signal", "room": room, "event": "cursor", "data": 1}), "signal"),
        (json!({"type": "track", "room": room, "action": "looked"}), "track"),
        (json!({"type": "set", "room": room, "set": {"k": 1}}), "set"),
        (json!({"type": "history", "room": room}), "history"),
    ]
}

async fn call(node: &Node, token: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        node.address,
        body.len()
    );
    let answer = http::send(&node.address, &request).await;
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
}

/// All sets of rights, against all commands, over WebSocket and over HTTP.
#[tokio::test]
async fn each_of_64_sets_of_rights_allows_just_what_it_names_by_every_way() {
    let node = Node::start(NodeConfig::default()).await;
    for set in 0..1 << RIGHTS.len() {
        let rights: Vec<_> = (0..RIGHTS.len()).filter(|bit| set >> bit & 1 == 1).map(|bit| RIGHTS[bit]).collect();
        let has = |right| rights.contains(&right);
        let token = token_with_rooms("ada", &json!({"board:*": rights, "other": RIGHTS}));
        let mut ada = Client::with(&node, json!({"token": token})).await;
        for since in [Value::Null, json!({"epoch": "x", "offset": 0, "entry": null})] {
            let mut join = json!({"type": "join", "room": ROOM, "since": since});
            if join["since"].is_null() {
                join.as_object_mut().unwrap().remove("since");
            }
            let joined = ada.request(join).await;
            assert_eq!(joined.kind() == "joined", has("join"), "{rights:?}: {}", joined.text);
            assert!(has("join") || joined.code() == "forbidden", "{rights:?}: {}", joined.text);
        }
        for (command, right) in commands(ROOM) {
            let reply = ada.request(command.clone()).await;
            let expected = match (has(right), has("join")) {
                (false, _) => "forbidden",
                (true, false) if right != "history" => "not_joined",
                _ => "",
            };
            assert_eq!(reply.code(), expected, "{rights:?}, {command}: {}", reply.text);
        }
        // A room whose name only begins like the pattern is another one.
        for (command, _) in commands(FORBIDDEN) {
            assert_eq!(ada.refused(command.clone()).await.code(), "forbidden", "{rights:?}, {command}");
        }
        for (method, path, body, right) in [
            ("POST", "/v1/rooms/board:1/events", r#"{"event":"note","data":1}"#, "publish"),
            ("GET", "/v1/rooms/board:1", "", "join"),
            ("GET", "/v1/rooms/board:1/history", "", "history"),
        ] {
            let (status, answer) = call(&node, &token, method, path, body).await;
            assert_eq!(status != 403, has(right), "{rights:?}, {method} {path}: {answer}");
            let (status, answer) = call(&node, &token, method, &path.replace("board:1", FORBIDDEN), body).await;
            assert_eq!((status, &answer["code"]), (403, &json!("forbidden")), "{rights:?}, {method} {path}");
        }
        ada.close(1000).await;
    }
}

#[tokio::test]
async fn a_pattern_is_a_name_or_the_start_of_one_and_everything_else_is_no_token() {
    let node = Node::start(NodeConfig::default()).await;
    for (pattern, inside, outside) in [
        ("a*", &["a", "ab", "a:b", "a.b"][..], &["A", "b", "ba"][..]),
        ("a:*", &["a:", "a:b", "a:b:c"], &["a", "ab", "a.b"]),
        ("a.b", &["a.b"], &["a", "a.", "a.b.c", "aXb"]),
        ("a..*", &["a..", "a..b"], &["a.b", "a"]),
        ("*", &["a", "z:9"], &[]),
    ] {
        let token = token_with_rooms("ada", &json!({pattern: ["join"]}));
        let mut ada = Client::with(&node, json!({"token": token})).await;
        for room in inside {
            assert_eq!(ada.join(room).await.kind(), "joined", "{pattern} {room}");
        }
        for room in outside {
            let refused = ada.refused(json!({"type": "join", "room": room})).await;
            assert_eq!(refused.code(), "forbidden", "{pattern} {room}");
        }
    }
    for pattern in
        ["", "**", "a**", "*a", "a*b", "a*b*", "a?", "[a]", "{a}", "a/b", "../a", "a/../b", "ä*", "＊", "a *"]
    {
        let mut eve = Client::open(&node).await;
        let token = token_with_rooms("eve", &json!({pattern: ["join"]}));
        let refused = eve.refused(json!({"type": "connect", "token": token})).await;
        assert_eq!(refused.code(), "unauthorized", "{pattern:?}: {}", refused.text);
    }
}

#[tokio::test]
async fn a_token_that_lost_rights_loses_each_of_them_at_once_and_a_return_does_not_bring_them_back() {
    let node = Node::start(NodeConfig::default()).await;
    let mut ada = Client::with(&node, json!({"token": token_with_rooms("ada", &json!({"*": RIGHTS}))})).await;
    ada.join(ROOM).await;
    for (command, _) in commands(ROOM) {
        ada.ask(command).await;
    }
    let less = token_with_rooms("ada", &json!({"*": ["join"]}));
    ada.ask(json!({"type": "refresh", "token": less})).await;
    for (command, _) in commands(ROOM) {
        assert_eq!(ada.refused(command.clone()).await.code(), "forbidden", "{command}");
    }
    let nothing = token_with_rooms("ada", &json!({}));
    let mut back = Client::with(&node, json!({"token": nothing, "secret": ada.secret()})).await;
    assert_eq!(back.connected["resumed"], true);
    for join in [json!({"type": "join", "room": ROOM}), json!({"type": "presence", "room": ROOM, "status": "busy"})] {
        let refused = back.refused(join).await;
        assert!(["forbidden", "not_joined"].contains(&refused.code()), "{}", refused.text);
    }
    let (mut bob, _) = Client::user_in(&node, "bob", ROOM).await;
    bob.publish(ROOM, "note", json!("not for ada")).await;
    assert!(!back.drain().await.iter().any(Message::is_entry), "a resumed session without the right hears nothing");
}

/// Fields with which a client could pretend to be somebody or somewhere else, in every command.
#[tokio::test]
async fn whoever_says_it_is_somebody_else_stays_who_its_token_says() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut bob, _) = Client::user_in(&node, "bob", ROOM).await;
    let (mut watcher, _) = Client::user_in(&node, "watcher", ROOM).await;
    let foreign = mint(SECRET, &json!({"sub": "mallory", "exp": seconds_from_now(60), "tenant": "acme"}));
    let forged = json!({
        "user": "bob", "session": bob.session(), "from": {"user": "bob", "session": bob.session()}, "tenant": "acme",
        "name": "Bob", "avatar": "https://evil.example/x.png", "color": "#ff0000", "roles": ["admin"], "node": "n9",
        "generation": 99, "members": [{"user": "bob"}], "at": "2001-01-01T00:00:00Z", "offset": 1, "api": "billing",
    });
    let say = |command: Value| {
        let mut all = forged.clone();
        all.as_object_mut().unwrap().extend(command.as_object().unwrap().clone());
        all
    };
    let mut eve = Client::open(&node).await;
    eve.connect(say(json!({"token": token_of("eve"), "guest": {"name": "Bob"}, "secret": bob.session()}))).await;
    assert_eq!((eve.user_id(), &eve.connected["tenant"]), ("eve", &json!("default")));
    assert_eq!((&eve.connected["user"]["name"], &eve.connected["user"]["avatar"]), (&json!("eve"), &Value::Null));
    let state = json!({"status": "busy", "state": {"page": 7}, "user": "bob", "session": bob.session()});
    eve.ask(say(json!({"type": "join", "room": ROOM, "presence": state}))).await;
    let joined = watcher.presence("joined", ROOM, "eve").await;
    let member = joined["joined"].as_array().unwrap().iter().find(|member| member["user"] == "eve").unwrap();
    assert_eq!((&member["user"], &member["name"], &member["avatar"]), (&json!("eve"), &json!("eve"), &Value::Null));
    assert_eq!(member["sessions"][0]["session"], eve.session());

    eve.ask(say(json!({"type": "publish", "room": ROOM, "event": "note", "data": 1}))).await;
    eve.ask(say(json!({"type": "track", "room": ROOM, "action": "looked"}))).await;
    eve.ask(say(json!({"type": "set", "room": ROOM, "set": {"k": 1}}))).await;
    for _ in 0..3 {
        let entry = watcher.take("an entry", Message::is_entry).await;
        assert_eq!(entry["from"], json!({"user": "eve", "session": eve.session()}), "{}", entry.text);
        assert!(!entry["at"].as_str().unwrap().starts_with("2001"), "{}", entry.text);
    }
    eve.ask(say(json!({"type": "signal", "room": ROOM, "event": "cursor", "data": 1}))).await;
    let signals = watcher.next("signals", ROOM).await;
    assert_eq!(
        (&signals["signals"][0]["user"], &signals["signals"][0]["session"]),
        (&json!("eve"), &json!(eve.session()))
    );
    eve.ask(say(json!({"type": "presence", "room": ROOM, "status": "away"}))).await;
    let updated = watcher.presence("updated", ROOM, "eve").await;
    assert!(!names(&updated, "bob"), "{}", updated.text);
    // Leaving in another's name leaves alone.
    eve.ask(say(json!({"type": "leave", "room": ROOM}))).await;
    let left = watcher.presence("left", ROOM, "eve").await;
    assert_eq!((&left["left"], &left["count"]), (&json!(["eve"]), &json!(2)));
    // Another user's token is no refresh, whatever stands beside it.
    let refused = eve.refused(say(json!({"type": "refresh", "token": foreign}))).await;
    assert_eq!(refused.code(), "unauthorized");
    // What only the server or another node says is no command.
    for kind in ["joined", "presence_list", "signals", "event", "state", "activity", "closing", "left", "connected"] {
        let refused = eve.refused(say(json!({"type": kind, "room": ROOM}))).await;
        assert_eq!(refused.code(), "bad_message", "{kind}");
    }
    bob.publish(ROOM, "note", json!("untouched")).await;
}

#[tokio::test]
async fn who_lost_a_race_for_state_learns_to_whom() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let (mut bob, _) = Client::user_in(&node, "bob", ROOM).await;
    let set = |value: u64| json!({"type": "set", "room": ROOM, "set": {"churn": value}, "if_offset": 0});
    ada.ask(set(1)).await;
    let lost = bob.refused(set(2)).await;
    assert_eq!((lost.code(), &lost["current"]), ("conflict", &json!({"churn": {"value": 1, "offset": 1}})));
    // The offset names the entry that won, which members have, and others can read.
    let won = bob.take("the write that won", |message| message.is_entry() && message["offset"] == 1).await;
    assert_eq!((&won["from"]["user"], &won["from"]["session"]), (&json!("ada"), &json!(ada.session())));
    let before = lost["current"]["churn"]["offset"].as_u64().unwrap() - 1;
    let read = bob.ask(json!({"type": "history", "room": ROOM, "after": before, "limit": 1})).await;
    assert_eq!(read["entries"][0]["from"], won["from"]);
}
