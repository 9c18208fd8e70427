//! What strangers can make the server remember: names come and go, and leave nothing behind.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Client, Node, NodeConfig, soon};

/// Names that one wave makes up: rooms, events, keys of state, statuses, users.
const CLIENTS: usize = 10;
const EACH: usize = 40;
/// By then memory must have stopped to grow.
const WAVES_MAX: usize = 15;

/// The number behind `name` in the metrics.
async fn metric(node: &Node, name: &str) -> u64 {
    let text = node.get("/metrics").await.text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no {name} in\n{text}"))
}

/// Rooms, events and users of names that nobody used before; in the end all of them are gone.
async fn wave(node: &Node, number: usize) {
    join_all((0..CLIENTS).map(async |client| {
        let mut eve = Client::user(node, &format!("eve-{number}-{client}")).await;
        for n in 0..EACH {
            let room = format!("w{number}-{client}-{n}:{}", "x".repeat(150));
            eve.join(&room).await;
            let event = format!("event-{number}-{client}-{n}");
            eve.ask(json!({"type": "signal", "room": room, "event": event, "data": 1})).await;
            eve.ask(json!({"type": "presence", "room": room, "state": {event: n}})).await;
            eve.ask(json!({"type": "leave", "room": room})).await;
        }
        eve.close(1000).await;
    }))
    .await;
    soon("all rooms to retire", async {
        while metric(node, "copresence_rooms").await > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    })
    .await;
    assert_eq!(metric(node, "copresence_sessions").await, 0);
}

#[tokio::test]
async fn rooms_that_nobody_is_in_any_more_are_freed_with_all_that_was_said_in_them() {
    let rule = "match = '*'\nlog = 'none'\nretire_after_s = 0.2";
    let node = Node::start(NodeConfig::default().rooms(rule)).await;
    wave(&node, 0).await;
    let lines = node.get("/metrics").await.text().lines().count();
    // A retired room still listens for a moment, so that the first waves add up: then memory stays where it is. Rooms that
    // are never freed would add more than twice that much in each of the waves.
    let (mut before, mut quiet) = (node.resident_bytes(), 0);
    for number in 1..=WAVES_MAX {
        wave(&node, number).await;
        let now = node.resident_bytes();
        quiet = if now <= before + before / 50 { quiet + 1 } else { 0 };
        before = now;
        if quiet == 2 {
            break;
        }
    }
    assert_eq!(quiet, 2, "memory grows on and on: {before} bytes");
    assert_eq!(node.get("/metrics").await.text().lines().count(), lines, "no name of a client names a metric");
}

#[tokio::test]
async fn a_room_that_nobody_wrote_in_leaves_nothing_on_the_disk() {
    let node = Node::start(NodeConfig::default().rooms("match = '*'\nretire_after_s = 0.2")).await;
    let (mut ada, _) = Client::user_in(&node, "ada", "written").await;
    ada.publish("written", "note", json!(1)).await;
    for n in 0..90 {
        let room = format!("looked-at-{n}");
        ada.join(&room).await;
        ada.ask(json!({"type": "history", "room": format!("read-{n}")})).await;
        ada.ask(json!({"type": "leave", "room": room})).await;
    }
    let sqlite = rusqlite::Connection::open(node.store()).unwrap();
    let logs: Vec<String> = {
        let mut rooms = sqlite.prepare("select room from logs").unwrap();
        rooms.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(logs, ["written"], "only what was written is remembered");
}

#[tokio::test]
async fn a_presence_a_state_and_a_name_have_their_bounds_one_by_one() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", "lobby").await;
    let long = "x".repeat(60_000);
    for (what, command) in [
        ("a room", json!({"type": "join", "room": long})),
        ("an event", json!({"type": "publish", "room": "lobby", "event": long, "data": 1})),
        ("an event of a signal", json!({"type": "signal", "room": "lobby", "event": long, "data": 1})),
        ("a key", json!({"type": "publish", "room": "lobby", "event": "e", "data": 1, "key": long})),
        ("a status", json!({"type": "presence", "room": "lobby", "status": long})),
        ("a presence", json!({"type": "presence", "room": "lobby", "state": {"s": long}})),
        ("a key of state", json!({"type": "set", "room": "lobby", "set": {&*long: 1}})),
        ("an action", json!({"type": "track", "room": "lobby", "action": long})),
        ("a target", json!({"type": "track", "room": "lobby", "action": "a", "target": long})),
        ("receive", json!({"type": "join", "room": "other", "receive": vec!["x"; 5_000]})),
    ] {
        let refused = ada.refused(command).await;
        assert!(["bad_message", "too_large"].contains(&refused.code()), "{what}: {}", refused.text);
        // What is too long is not sent back.
        assert!(refused.text.len() < 500, "{what} is quoted: {} bytes", refused.text.len());
    }
    for fields in [json!({"guest": {"name": long}}), json!({"token": long}), json!({"secret": long, "token": "x"})] {
        let mut eve = Client::open(&node).await;
        let mut connect = json!({"type": "connect"});
        connect.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let refused = eve.refused(connect).await;
        assert!(refused.text.len() < 500, "{}", refused.text.len());
    }
    let history = ada.ask(json!({"type": "history", "room": "lobby"})).await;
    assert_eq!(history["entries"], Value::Array(Vec::new()), "nothing of it was written");
}
