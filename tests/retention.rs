//! What a log keeps: no more than it may, and whoever was away too long is told so.

use serde_json::{Value, json};

use crate::support::{Client, Message, Node, NodeConfig, soon};

/// Asks for the newest entries of `room` until the oldest that is kept is `oldest`.
async fn kept_from(client: &mut Client, room: &str, oldest: u64) -> Message {
    soon("the log to be trimmed", async {
        loop {
            let history = client.ask(json!({"type": "history", "room": room, "limit": 200})).await;
            let found = history["oldest"].as_u64().unwrap();
            assert!(found <= oldest, "more than may go is gone: {}", history.text);
            if found == oldest {
                return history;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

/// Publishes so many, and the cursor after each; the first is the one before all of them.
async fn publish(client: &mut Client, room: &str, count: usize) -> Vec<Value> {
    let start = client.join(room).await["cursor"].clone();
    let mut cursors = vec![start.clone()];
    for n in 0..count {
        let published = client.publish(room, "note", json!(n)).await;
        cursors.push(json!({"epoch": start["epoch"], "offset": published["offset"], "entry": published["entry"]}));
    }
    cursors
}

async fn check(node: &Node, room: &str, cursors: &[Value], floor: usize) {
    let mut reader = Client::user(node, "reader").await;
    for (offset, cursor) in cursors.iter().enumerate() {
        let joined = reader.join_since(room, cursor).await;
        let found: Vec<_> = joined["entries"].as_array().unwrap().iter().map(|entry| entry["offset"].clone()).collect();
        if offset < floor {
            assert_eq!(
                (&joined["recovered"], &joined["reason"]),
                (&json!(false), &json!("too_old")),
                "{}",
                joined.text
            );
            assert_eq!(joined["count"], joined["members"].as_array().unwrap().len());
            assert!(joined["members"].to_string().contains("reader") && found.is_empty(), "{}", joined.text);
            assert_eq!(joined["cursor"], *cursors.last().unwrap());
        } else {
            assert_eq!(joined["recovered"], true, "{}", joined.text);
            assert!(found.into_iter().eq(offset + 1..cursors.len()), "{}", joined.text);
        }
    }
}

#[tokio::test]
async fn a_reader_that_was_away_too_long_is_told_too_old_and_gets_a_picture() {
    for place in ["disk", "memory"] {
        let node =
            Node::start(NodeConfig::default().rooms(&format!("match = '*'\nkeep_entries = 20\nlog = '{place}'"))).await;
        let mut ada = Client::user(&node, "ada").await;
        let cursors = publish(&mut ada, "lobby", 50).await;
        let history = kept_from(&mut ada, "lobby", 31).await;
        assert_eq!(history["entries"].as_array().unwrap().len(), 20);
        // The room is open and has more in its memory than the log keeps.
        check(&node, "lobby", &cursors, 30).await;
        ada.publish("lobby", "note", json!("live")).await;
        ada.take("what is written after a trim", |message| message["data"] == "live").await;
    }
}

#[tokio::test]
async fn a_restart_gives_the_same_answers_about_what_was_trimmed() {
    let node = Node::start(NodeConfig::default().rooms("match = '*'\nkeep_entries = 20")).await;
    let mut ada = Client::user(&node, "ada").await;
    let cursors = publish(&mut ada, "lobby", 50).await;
    kept_from(&mut ada, "lobby", 31).await;
    let node = node.restart().await;
    check(&node, "lobby", &cursors, 30).await;
}

#[tokio::test]
async fn a_log_never_keeps_more_bytes_than_it_may() {
    const BYTES: usize = 131_072;
    let node = Node::start(NodeConfig::default().rooms(&format!("match = '*'\nkeep_bytes = {BYTES}"))).await;
    let mut ada = Client::user(&node, "ada").await;
    ada.join("lobby").await;
    let text = "x".repeat(10_000);
    for n in 1..=60_u64 {
        ada.publish("lobby", "note", json!(text)).await;
        // An entry counts as a little more than its text, so twelve of them fit.
        let oldest = ada.ask(json!({"type": "history", "room": "lobby", "limit": 1})).await["oldest"].as_u64().unwrap();
        assert!(oldest <= n.saturating_sub(11).max(1), "only {} are left", n + 1 - oldest);
    }
    let history = kept_from(&mut ada, "lobby", 49).await;
    assert!(history["entries"].to_string().len() <= BYTES);
}

#[tokio::test]
async fn entries_go_when_they_are_too_old_also_where_nobody_writes_or_listens() {
    let node = Node::start(NodeConfig::default().rooms("match = '*'\nkeep_s = 1\nretire_after_s = 0")).await;
    let (mut ada, _) = Client::user_in(&node, "ada", "lobby").await;
    ada.publish("lobby", "note", json!(1)).await;
    // Its key still counts, or the log could be forgotten whole before the join below, and have another epoch.
    ada.publish_keyed("lobby", "key", json!(2)).await;
    ada.ask(json!({"type": "leave", "room": "lobby"})).await;
    let history = kept_from(&mut ada, "lobby", 3).await;
    assert_eq!(
        (&history["cursor"]["offset"], &history["entries"], &history["more"]),
        (&json!(2), &json!([]), &json!(false))
    );
    assert_eq!(ada.join("lobby").await["cursor"], history["cursor"]);
    assert_eq!(ada.publish("lobby", "note", json!(3)).await["offset"], 3);
}
