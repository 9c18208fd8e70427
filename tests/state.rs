//! State by key and activity: what a room shows to who is new in it, and who is told when two write at once.

use serde_json::{Value, json};

use crate::support::{Client, Message, Node, NodeConfig, token::token_with_rooms};

const ROOM: &str = "dashboard:sales";

fn set(fields: Value, more: Value) -> Value {
    let mut command = json!({"type": "set", "room": ROOM, "set": fields});
    command.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    command
}

fn track(action: &str) -> Value {
    json!({"type": "track", "room": ROOM, "action": action})
}

fn offsets(list: &Value) -> Vec<u64> {
    list.as_array().unwrap().iter().map(|entry| entry["offset"].as_u64().unwrap()).collect()
}

async fn shown_to_a_newcomer(node: &Node) -> Message {
    Client::user_in(node, "newcomer", ROOM).await.1
}

#[tokio::test]
async fn a_late_joiner_sees_the_state_true_at_its_cursor_digit_by_digit() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, joined) = Client::user_in(&node, "ada", ROOM).await;
    assert_eq!((&joined["state"], &joined["activity"]), (&json!({}), &json!([])));
    let text = format!(
        r#"{{"type":"set","id":"s","room":"{ROOM}","set":{{"revenue":{{"value": 1.20e6}},"churn":null,"old":1}}}}"#
    );
    ada.send_text(&text).await;
    let entry = ada.entry(ROOM).await;
    assert!(
        entry.text.contains(r#""set":{"churn":null,"old":1,"revenue":{"value":1.20e6}},"removed":[]"#)
            || entry.text.contains(r#""set":{"revenue":{"value":1.20e6},"churn":null,"old":1},"removed":[]"#),
        "{}",
        entry.text
    );
    assert_eq!((entry.kind(), &entry["from"]["user"]), ("state", &json!("ada")));
    let removed = ada.ask(set(json!({}), json!({"remove": ["old", "never"]}))).await;
    let entry = ada.take("the removal", |message| message.is("state", ROOM) && message["offset"] == 2).await;
    assert_eq!((&entry["set"], &entry["removed"]), (&json!({}), &json!(["old", "never"])));

    let joined = shown_to_a_newcomer(&node).await;
    assert!(joined.text.contains(r#""state":{"churn":null,"revenue":{"value":1.20e6}}"#), "{}", joined.text);
    assert_eq!(joined["cursor"]["offset"], removed["offset"]);
    let recovered = Client::user(&node, "bob").await.join_since(ROOM, &joined["cursor"]).await;
    assert!(recovered.get("state").is_none() && recovered.get("activity").is_none(), "entries come in their place");
}

#[tokio::test]
async fn a_state_write_that_lost_the_race_is_told_what_is_there_now() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let (mut bob, _) = Client::user_in(&node, "bob", ROOM).await;
    let first = ada.ask(set(json!({"churn": 2, "gone": 1}), json!({"if_offset": 0}))).await;
    let seen = first["offset"].clone();
    ada.ask(set(json!({"churn": 3}), json!({"remove": ["gone"], "if_offset": seen}))).await;

    let lost = bob.refused(set(json!({"churn": 9, "gone": 9, "new": 1}), json!({"if_offset": seen}))).await;
    assert_eq!(lost.code(), "conflict");
    assert_eq!(lost["current"], json!({"churn": {"value": 3, "offset": 2}, "gone": {"offset": 2}}));
    assert_eq!(shown_to_a_newcomer(&node).await["state"], json!({"churn": 3}), "nothing of a refused write is written");
    let won = bob.ask(set(json!({"churn": 9}), json!({"if_offset": 2}))).await;
    assert_eq!(won["offset"], 3, "a refused write takes no number");
    ada.ask(set(json!({"churn": 10}), json!({}))).await;
    assert_eq!(
        shown_to_a_newcomer(&node).await["state"],
        json!({"churn": 10}),
        "who asks for nothing is the last writer"
    );
}

#[tokio::test]
async fn of_twenty_who_write_at_once_from_the_same_offset_one_wins() {
    let node = Node::start(NodeConfig::default()).await;
    let mut clients = Vec::new();
    for number in 0..20 {
        clients.push(Client::user_in(&node, &format!("user-{number}"), ROOM).await.0);
    }
    let mut ids = Vec::new();
    for (number, client) in clients.iter_mut().enumerate() {
        ids.push(client.command(set(json!({"leader": number}), json!({"if_offset": 0}))).await);
    }
    let (mut winners, mut losers) = (Vec::new(), Vec::new());
    for (number, (client, id)) in clients.iter_mut().zip(ids).enumerate() {
        let reply = client.reply(id).await;
        if reply.kind() == "published" { winners.push(number) } else { losers.push(reply) }
    }
    assert_eq!(winners.len(), 1);
    for loser in &losers {
        assert_eq!(loser["current"], json!({"leader": {"value": winners[0], "offset": 1}}), "{}", loser.text);
    }
    assert_eq!(shown_to_a_newcomer(&node).await["state"], json!({"leader": winners[0]}));
}

#[tokio::test]
async fn a_key_is_looked_at_before_the_offset() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let write = set(json!({"a": 1}), json!({"if_offset": 0, "key": "k-1"}));
    assert_eq!(ada.ask(write.clone()).await["duplicate"], false);
    let again = ada.ask(write).await;
    assert_eq!((&again["offset"], &again["duplicate"]), (&json!(1), &json!(true)), "a repetition is no race");
    let other = ada.refused(set(json!({"a": 2}), json!({"if_offset": 1, "key": "k-1"}))).await;
    assert_eq!(other.code(), "conflict");
    assert!(other.get("current").is_none(), "{}", other.text);
}

#[tokio::test]
async fn state_and_activity_survive_kill_9() {
    let mut node = Node::start(NodeConfig::default()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    ada.ask(set(json!({"a": 1, "b": 2}), json!({}))).await;
    ada.ask(set(json!({"a": 3}), json!({"remove": ["b"]}))).await;
    ada.ask(track("filtered")).await;
    node.kill9().await;
    let node = node.restart().await;
    let joined = shown_to_a_newcomer(&node).await;
    assert_eq!((&joined["state"], &joined["cursor"]["offset"]), (&json!({"a": 3}), &json!(3)));
    assert_eq!(offsets(&joined["activity"]), [3]);
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let lost = ada.refused(set(json!({"b": 5}), json!({"if_offset": 1}))).await;
    assert_eq!(lost["current"], json!({"b": {"offset": 2}}), "a removal is remembered");
}

#[tokio::test]
async fn a_state_has_a_thousand_keys_and_256_kib_and_no_more() {
    let node = Node::start(NodeConfig::default().set("limits.message_bytes", 300_000)).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let thousand: Value = (0..1000).map(|n| (format!("k{n}"), json!(n))).collect::<serde_json::Map<_, _>>().into();
    ada.ask(set(thousand, json!({}))).await;
    let over = ada.refused(set(json!({"one more": 1}), json!({}))).await;
    assert_eq!(over.code(), "over_limit");
    assert!(over["message"].as_str().unwrap().contains("1,000 keys"), "{}", over.text);
    ada.ask(set(json!({"one more": 1}), json!({"remove": ["k0"]}))).await;
    let over = ada.refused(set(json!({"k1": "x".repeat(260_000)}), json!({}))).await;
    assert_eq!(over.code(), "over_limit");
    assert!(over["message"].as_str().unwrap().contains("256 KiB"), "{}", over.text);
    assert_eq!(shown_to_a_newcomer(&node).await["state"].as_object().unwrap().len(), 1000);
}

#[tokio::test]
async fn a_picture_has_the_newest_20_activities_and_history_pages_through_all() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let mut tracked = Vec::new();
    for number in 0..30 {
        for _ in 0..3 {
            ada.publish(ROOM, "note", json!("in between")).await;
        }
        tracked.push(ada.ask(track(&format!("action-{number}"))).await["offset"].as_u64().unwrap());
    }
    let joined = shown_to_a_newcomer(&node).await;
    assert_eq!(offsets(&joined["activity"]), tracked[10..], "the newest 20, ascending");
    assert_eq!(
        (&joined["activity"][19]["type"], &joined["activity"][19]["action"]),
        (&json!("activity"), &json!("action-29"))
    );

    let history = |part: Value| {
        let mut command = json!({"type": "history", "room": ROOM, "kinds": ["activity"], "limit": 12});
        command.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
        command
    };
    let mut found: Vec<u64> = Vec::new();
    let mut part = json!({});
    loop {
        let page = ada.ask(history(part)).await;
        let offsets = offsets(&page["entries"]);
        part = json!({"before": offsets[0]});
        found.splice(0..0, offsets);
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(found, tracked);
    let page = ada.ask(history(json!({"after": tracked[4]}))).await;
    assert_eq!((offsets(&page["entries"]), &page["more"]), (tracked[5..17].to_vec(), &json!(true)));
}

#[tokio::test]
async fn an_activity_says_who_did_what_to_what() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let (mut bob, _) = Client::user_in(&node, "bob", ROOM).await;
    let command = json!({"type": "track", "room": ROOM, "action": "filtered", "target": "kpi:revenue",
        "metadata": {"range": [1.5, null]}, "key": "k-1"});
    ada.ask(command.clone()).await;
    assert_eq!(ada.ask(command).await["duplicate"], true);
    let entry = bob.entry(ROOM).await;
    assert_eq!(
        (entry.kind(), &entry["action"], &entry["target"]),
        ("activity", &json!("filtered"), &json!("kpi:revenue"))
    );
    assert_eq!((&entry["metadata"], &entry["from"]["user"]), (&json!({"range": [1.5, null]}), &json!("ada")));
    ada.ask(track("opened")).await;
    let bare = bob.entry(ROOM).await;
    assert!(bare.get("target").is_none() && bare.get("metadata").is_none(), "{}", bare.text);
}

#[tokio::test]
async fn who_may_publish_may_not_therefore_set_or_track() {
    let node = Node::start(NodeConfig::default()).await;
    let token = token_with_rooms("eve", &json!({"*": ["join", "publish"]}));
    let mut eve = Client::with(&node, json!({"token": token})).await;
    eve.join(ROOM).await;
    eve.publish(ROOM, "note", json!(1)).await;
    assert_eq!(eve.refused(set(json!({"a": 1}), json!({}))).await.code(), "forbidden");
    assert_eq!(eve.refused(track("looked")).await.code(), "forbidden");
    let mut stranger = Client::user(&node, "ada").await;
    assert_eq!(stranger.refused(set(json!({"a": 1}), json!({}))).await.code(), "not_joined");
    assert_eq!(stranger.refused(track("looked")).await.code(), "not_joined");
}

#[tokio::test]
async fn rooms_without_a_disk_have_state_while_they_are_open() {
    for place in ["memory", "none"] {
        let node = Node::start(NodeConfig::default().rooms(&format!("match = \"*\"\nlog = \"{place}\""))).await;
        let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
        ada.ask(set(json!({"a": 1}), json!({"if_offset": 0}))).await;
        let lost = ada.refused(set(json!({"a": 2}), json!({"if_offset": 0}))).await;
        assert_eq!(lost["current"], json!({"a": {"value": 1, "offset": 1}}), "{place}");
        ada.ask(track("opened")).await;
        let joined = shown_to_a_newcomer(&node).await;
        assert_eq!(joined["state"], json!({"a": 1}), "{place}");
        assert_eq!(offsets(&joined["activity"]), [2], "{place}");
    }
}

#[tokio::test]
async fn refreshing_the_state_takes_being_in_the_room_and_the_right_to_it() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", "sales").await;
    let refresh = |room: &str| json!({"type": "refresh_state", "room": room});
    assert_eq!(ada.ask(refresh("sales")).await.kind(), "ok");
    assert_eq!(ada.refused(refresh("other")).await.code(), "not_joined");
    assert_eq!(ada.refused(json!({"type": "refresh_state"})).await.code(), "bad_message");
    let token = token_with_rooms("bob", &json!({"sales": ["join"]}));
    let mut bob = Client::with(&node, json!({"token": token})).await;
    assert_eq!(bob.refused(refresh("other")).await.code(), "forbidden", "looked at before not_joined");
    bob.join("sales").await;
    assert_eq!(bob.ask(refresh("sales")).await.kind(), "ok");
}
