//! Keys: the sender's own name for a message, under which it is written once.

use serde_json::json;

use crate::support::{Client, Node, NodeConfig};

const ROOM: &str = "lobby";

#[tokio::test]
async fn the_same_key_is_written_once_and_answered_with_the_first_offset() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, joined) = Client::user_in(&node, "ada", ROOM).await;
    let first = ada.publish_keyed(ROOM, "k-1", json!({"n": 1})).await;
    assert_eq!((&first["offset"], &first["duplicate"]), (&json!(1), &json!(false)));
    ada.publish(ROOM, "note", json!("in between")).await;
    for _ in 0..2 {
        let again = ada.publish_keyed(ROOM, "k-1", json!({"n": 1})).await;
        assert_eq!((&again["offset"], &again["duplicate"]), (&json!(1), &json!(true)));
        assert_eq!(again["entry"], first["entry"]);
    }
    let page = ada.join_since(ROOM, &joined["cursor"]).await;
    assert_eq!(page["entries"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn the_same_key_sent_at_once_is_written_once() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let publish = json!({"type": "publish", "room": ROOM, "event": "note", "data": 1, "key": "k-1"});
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(ada.command(publish.clone()).await);
    }
    let mut firsts = 0;
    for id in ids {
        let reply = ada.reply(id).await;
        assert_eq!(reply["offset"], 1, "{}", reply.text);
        firsts += usize::from(reply["duplicate"] == false);
    }
    assert_eq!(firsts, 1);
}

#[tokio::test]
async fn a_key_used_before_for_other_content_is_a_conflict() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, joined) = Client::user_in(&node, "ada", ROOM).await;
    ada.publish_keyed(ROOM, "k-1", json!({"n": 1})).await;
    let publish =
        |event: &str, data| json!({"type": "publish", "room": ROOM, "event": event, "data": data, "key": "k-1"});
    assert_eq!(ada.refused(publish("note", json!({"n": 2}))).await.code(), "conflict");
    assert_eq!(ada.refused(publish("other", json!({"n": 1}))).await.code(), "conflict");
    assert_eq!(ada.ask(publish("note", json!({"n": 1}))).await["duplicate"], true);
    let spaced =
        format!(r#"{{"type":"publish","id":"s","room":"{ROOM}","event":"note","data":{{ "n" : 1 }},"key":"k-1"}}"#);
    ada.send_text(&spaced).await;
    let reply = ada.take("a reply", |message| message["id"] == "s").await;
    assert_eq!(reply["duplicate"], true, "whitespace is no content: {}", reply.text);
    assert_eq!(ada.join_since(ROOM, &joined["cursor"]).await["entries"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_key_belongs_to_a_user_in_a_room() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let (mut tab, _) = Client::user_in(&node, "ada", ROOM).await;
    let (mut bob, _) = Client::user_in(&node, "bob", ROOM).await;
    ada.join("elsewhere").await;
    assert_eq!(ada.publish_keyed(ROOM, "k-1", json!(1)).await["offset"], 1);
    let bobs = bob.publish_keyed(ROOM, "k-1", json!("another content")).await;
    assert_eq!((&bobs["offset"], &bobs["duplicate"]), (&json!(2), &json!(false)), "another user's");
    let tabs = tab.publish_keyed(ROOM, "k-1", json!(1)).await;
    assert_eq!((&tabs["offset"], &tabs["duplicate"]), (&json!(1), &json!(true)), "the same user's");
    let others = ada.publish_keyed("elsewhere", "k-1", json!("yet another")).await;
    assert_eq!((&others["offset"], &others["duplicate"]), (&json!(1), &json!(false)), "another room's");
}

#[tokio::test]
async fn keys_survive_a_restart_of_the_server() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let first = ada.publish_keyed(ROOM, "k-1", json!(1)).await;
    let mut node = node;
    node.kill9().await;
    let node = node.restart().await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let again = ada.publish_keyed(ROOM, "k-1", json!(1)).await;
    assert_eq!((&again["offset"], &again["entry"]), (&first["offset"], &first["entry"]));
    assert_eq!(again["duplicate"], true);
    let conflict = json!({"type": "publish", "room": ROOM, "event": "note", "data": 2, "key": "k-1"});
    assert_eq!(ada.refused(conflict).await.code(), "conflict");
}

#[tokio::test]
async fn a_key_is_1_to_200_characters() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    for key in [json!(""), json!("k".repeat(201)), json!(5), json!(["k"])] {
        let publish = json!({"type": "publish", "room": ROOM, "event": "note", "data": 1, "key": key});
        let error = ada.refused(publish).await;
        assert_eq!(error.code(), "bad_message", "{}", error.text);
        assert!(error["message"].as_str().unwrap().contains("key"), "{}", error.text);
    }
    ada.publish_keyed(ROOM, &"k".repeat(200), json!(1)).await;
    ada.publish_keyed(ROOM, "ключ 🗝", json!(1)).await;
}
