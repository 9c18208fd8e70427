//! Signals: gathered, newest wins, and nobody hears their own.

use std::time::Instant;

use serde_json::{Value, json};

use crate::support::{Client, Message, Node, NodeConfig};

const ROOM: &str = "lobby";

#[tokio::test]
async fn the_newest_signal_wins() {
    const TICK_MS: u64 = 200;
    let node = Node::start(NodeConfig::default().set("signals.tick_ms", TICK_MS.cast_signed())).await;
    let (mut watcher, _) = Client::user_in(&node, "watcher", ROOM).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let began = Instant::now();
    for x in 0..200 {
        ada.send(&json!({"type": "signal", "room": ROOM, "event": "cursor", "data": {"x": x}})).await;
    }
    let mut seen: Vec<i64> = Vec::new();
    while seen.last() != Some(&199) {
        let message = watcher.next("signals", ROOM).await;
        let signals = message["signals"].as_array().unwrap();
        assert_eq!(signals.len(), 1, "one for each session and event: {}", message.text);
        assert_eq!(signals[0]["session"], ada.session());
        assert_eq!((&signals[0]["user"], &signals[0]["event"]), (&json!("ada"), &json!("cursor")));
        seen.push(signals[0]["data"]["x"].as_i64().unwrap());
    }
    let ticks = usize::try_from(began.elapsed().as_millis()).unwrap() / 200;
    assert!(seen.len() <= ticks + 2, "{} messages in {ticks} ticks", seen.len());
    assert!(seen.is_sorted(), "{seen:?}");
}

#[tokio::test]
async fn signals_of_different_events_and_sessions_do_not_replace_each_other() {
    let node = Node::start(NodeConfig::default().set("signals.tick_ms", 100)).await;
    let (mut watcher, _) = Client::user_in(&node, "watcher", ROOM).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let (mut bob, _) = Client::user_in(&node, "bob", ROOM).await;
    for client in [&mut ada, &mut bob] {
        for event in ["cursor", "typing"] {
            client.send(&json!({"type": "signal", "room": ROOM, "event": event, "data": 1})).await;
        }
    }
    let mut seen: Vec<(String, String)> = Vec::new();
    while seen.len() < 4 {
        let message = watcher.next("signals", ROOM).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        seen.extend(message["signals"].as_array().unwrap().iter().map(|one| (text(&one["user"]), text(&one["event"]))));
    }
    seen.sort();
    let expected = [("ada", "cursor"), ("ada", "typing"), ("bob", "cursor"), ("bob", "typing")];
    assert!(seen.iter().map(|(user, event)| (user.as_str(), event.as_str())).eq(expected), "{seen:?}");
}

#[tokio::test]
async fn nobody_hears_their_own_signals_but_their_other_tab_does() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut desk, _) = Client::user_in(&node, "ada", ROOM).await;
    let (mut phone, _) = Client::user_in(&node, "ada", ROOM).await;
    let (mut bob, _) = Client::user_in(&node, "bob", ROOM).await;
    let signal = |data: &str| json!({"type": "signal", "room": ROOM, "event": "cursor", "data": data});
    desk.send(&signal("from the desk")).await;
    hears(&mut phone, "from the desk").await;
    hears(&mut bob, "from the desk").await;
    bob.send(&signal("from bob")).await;
    hears(&mut desk, "from bob").await;
    hears(&mut phone, "from bob").await;
    phone.send(&signal("from the phone")).await;
    hears(&mut desk, "from the phone").await;
    let own = |client: &Client, message: &Message| {
        message["signals"]
            .as_array()
            .is_some_and(|signals| signals.iter().any(|one| one["session"] == client.session()))
    };
    for mut client in [desk, phone, bob] {
        let rest = client.drain().await;
        assert!(!rest.iter().any(|message| own(&client, message)), "{rest:?}");
    }
}

#[tokio::test]
async fn a_signal_is_answered_only_when_it_has_an_id() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    assert_eq!(ada.ask(json!({"type": "signal", "room": ROOM, "event": "cursor", "data": 1})).await.kind(), "ok");
    // Neither a good nor a refused one without an id is.
    ada.send(&json!({"type": "signal", "room": ROOM, "event": "cursor", "data": 2})).await;
    ada.send(&json!({"type": "signal", "room": "elsewhere", "event": "cursor", "data": 2})).await;
    let heard = ada.drain().await;
    assert!(!heard.iter().any(|message| ["ok", "error"].contains(&message.kind())), "{heard:?}");
    let refused = ada.refused(json!({"type": "signal", "room": "elsewhere", "event": "cursor", "data": 2})).await;
    assert_eq!(refused.code(), "not_joined");
}

#[tokio::test]
async fn signals_are_not_in_the_log() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, joined) = Client::user_in(&node, "ada", ROOM).await;
    let (mut bob, _) = Client::user_in(&node, "bob", ROOM).await;
    ada.ask(json!({"type": "signal", "room": ROOM, "event": "cursor", "data": "soon stale"})).await;
    hears(&mut bob, "soon stale").await;
    let again = bob.join_since(ROOM, &joined["cursor"]).await;
    assert_eq!((&again["recovered"], &again["entries"]), (&json!(true), &json!([])));
}

async fn hears(client: &mut Client, data: &str) {
    client
        .take(data, |message| {
            message["signals"].as_array().is_some_and(|signals| signals.iter().any(|one| one["data"] == data))
        })
        .await;
}
