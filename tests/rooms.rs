//! Rooms: publishing into them, the order that all see, and what a room keeps when nobody is there.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Client, Message, Node, NodeConfig, soon};

const ROOM: &str = "dashboard:sales";

#[tokio::test]
async fn what_one_publishes_all_members_hear_the_author_too() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, joined) = Client::user_in(&node, "ada", ROOM).await;
    let (mut bob, _) = Client::user_in(&node, "bob", ROOM).await;
    assert_eq!(joined["cursor"]["offset"], 0);
    assert!(joined["cursor"]["entry"].is_null());
    assert_eq!((&joined["recovered"], &joined["entries"]), (&json!(false), &json!([])));
    assert!(joined.get("reason").is_none_or(Value::is_null));

    for number in 1..=3_u64 {
        let published = ada.publish(ROOM, "metrics-updated", json!({"n": number})).await;
        assert_eq!(published.kind(), "published");
        assert_eq!((&published["offset"], &published["duplicate"]), (&json!(number), &json!(false)));
        for client in [&mut ada, &mut bob] {
            let entry = client.entry(ROOM).await;
            assert_eq!((entry.kind(), &entry["event"]), ("event", &json!("metrics-updated")));
            assert_eq!((&entry["offset"], &entry["id"]), (&published["offset"], &published["entry"]));
            assert_eq!(entry["data"], json!({"n": number}));
            assert_eq!(entry["from"]["user"], "ada");
            let at = entry["at"].as_str().unwrap();
            assert!(chrono::DateTime::parse_from_rfc3339(at).is_ok() && at.ends_with('Z'), "{at}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_members_see_the_same_order() {
    const EACH: u64 = 40;
    let node = Node::start(NodeConfig::default()).await;
    let mut readers = Vec::new();
    for number in 0..4 {
        readers.push(Client::user_in(&node, &format!("reader-{number}"), ROOM).await.0);
    }
    let mut writers = Vec::new();
    for number in 0..4 {
        let (mut writer, _) = Client::user_in(&node, &format!("writer-{number}"), ROOM).await;
        writers.push(tokio::spawn(async move {
            for n in 0..EACH {
                writer.publish(ROOM, "note", json!({"writer": number, "n": n})).await;
            }
        }));
    }
    let mut orders: Vec<Vec<Value>> = Vec::new();
    for reader in &mut readers {
        let mut order = Vec::new();
        for offset in 1..=4 * EACH {
            let entry = reader.entry(ROOM).await;
            assert_eq!(entry["offset"], offset);
            order.push(json!([entry["id"], entry["data"]]));
        }
        orders.push(order);
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert!(orders.windows(2).all(|pair| pair[0] == pair[1]));
    for writer in 0..4 {
        let own = orders[0].iter().filter(|one| one[1]["writer"] == writer).map(|one| one[1]["n"].as_u64().unwrap());
        assert!(own.eq(0..EACH), "what one writer sends stays in its order");
    }
}

#[tokio::test]
async fn a_command_without_id_gets_no_reply_but_its_error() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    ada.send(&json!({"type": "publish", "room": ROOM, "event": "note", "data": 1})).await;
    ada.send(&json!({"type": "leave", "room": "elsewhere"})).await;
    assert_eq!(ada.entry(ROOM).await["data"], 1);
    assert_eq!(ada.drain().await.iter().map(Message::kind).filter(|kind| *kind != "presence").count(), 0);

    ada.send(&json!({"type": "publish", "room": "elsewhere", "event": "note", "data": 1})).await;
    let error = ada.take("an error", |message| message.kind() == "error").await;
    assert_eq!(error.code(), "not_joined");
    assert!(error.get("id").is_none_or(Value::is_null), "{}", error.text);
}

#[tokio::test]
async fn who_is_not_in_the_room_can_neither_publish_nor_signal_nor_show() {
    let node = Node::start(NodeConfig::default()).await;
    let mut ada = Client::user(&node, "ada").await;
    for command in [
        json!({"type": "publish", "room": ROOM, "event": "note", "data": 1}),
        json!({"type": "signal", "room": ROOM, "event": "note", "data": 1}),
        json!({"type": "presence", "room": ROOM, "status": "busy"}),
    ] {
        let error = ada.refused(command).await;
        assert_eq!(error.code(), "not_joined", "{}", error.text);
    }
    assert_eq!(ada.ask(json!({"type": "leave", "room": ROOM})).await.kind(), "ok", "leaving is harmless");
    assert_eq!(ada.ask(json!({"type": "leave", "room": ROOM})).await.kind(), "ok", "also twice");
    let joined = ada.join(ROOM).await;
    assert_eq!(joined["cursor"]["offset"], 0, "nothing was written");
}

#[tokio::test]
async fn what_follows_a_join_waits_for_it() {
    let node = Node::start(NodeConfig::default()).await;
    let mut ada = Client::user(&node, "ada").await;
    let rooms: Vec<String> = (0..20).map(|number| format!("room-{number}")).collect();
    let mut publishes = Vec::new();
    for room in &rooms {
        ada.command(json!({"type": "join", "room": room})).await;
        publishes.push(ada.command(json!({"type": "publish", "room": room, "event": "note", "data": 1})).await);
    }
    for id in publishes {
        assert_eq!(ada.reply(id).await["offset"], 1);
    }
}

#[tokio::test]
async fn data_comes_out_digit_by_digit() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, joined) = Client::user_in(&node, "ada", ROOM).await;
    let data = r#"{"big":9007199254740993,"huge":123456789012345678901234567890,"exact":0.1000000000000000055511151231257827,"e":1.20e+06,"minus":-0,"escapes":"\u00e9\/\ud83e\udd8a é","twice":{"b":1,"a":2,"b":3}}"#;
    let spaced = data.replace(':', " : ").replace(',', " ,\n\t");
    ada.send_text(&format!(r#"{{"type":"publish","id":"p","room":"{ROOM}","event":"note","data":{spaced}}}"#)).await;
    let entry = ada.entry(ROOM).await;
    assert!(entry.text.contains(&format!(r#""data":{data}"#)), "{}", entry.text);
    assert!(!entry.text.contains('\n'));

    // And again when it comes from the log.
    let again = ada.join_since(ROOM, &joined["cursor"]).await;
    assert!(again.text.contains(&format!(r#""data":{data}"#)), "{}", again.text);
}

#[tokio::test]
async fn spaces_inside_of_strings_stay() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let data = json!({"a key": "two  spaces, a \t tab, a \" quote, a \\ backslash and a \n line"});
    ada.publish(ROOM, "note", data.clone()).await;
    assert_eq!(ada.entry(ROOM).await["data"], data);
}

#[tokio::test]
async fn a_join_once_more_starts_anew_from_there_and_keeps_what_it_does_not_say() {
    let node = Node::start(NodeConfig::default().set("presence.tick_ms", 20)).await;
    let (mut watcher, _) = Client::user_in(&node, "watcher", ROOM).await;
    let mut ada = Client::user(&node, "ada").await;
    let first = ada.ask(json!({"type": "join", "room": ROOM, "presence": {"state": {"page": 1}}})).await;
    watcher.publish(ROOM, "note", json!(1)).await;
    ada.entry(ROOM).await;
    let again = ada.join_since(ROOM, &first["cursor"]).await;
    assert_eq!(again["entries"].as_array().map(Vec::len), Some(1));
    let me = again["members"].as_array().unwrap().iter().find(|member| member["user"] == "ada").unwrap();
    assert_eq!(me["sessions"][0]["state"], json!({"page": 1}));
    assert_eq!(again["count"], 2);
    watcher.publish(ROOM, "note", json!(2)).await;
    assert_eq!(ada.entry(ROOM).await["data"], 2);
    let rest = ada.drain().await;
    assert!(!rest.iter().any(Message::is_entry), "each entry once: {rest:?}");
}

#[tokio::test]
async fn idle_rooms_retire_and_come_back_from_the_log() {
    let config = NodeConfig::default()
        .rooms("match = \"*\"\nretire_after_s = 0.1")
        .rooms("match = \"memory:*\"\nlog = \"memory\"\nretire_after_s = 0.1");
    let node = Node::start(config).await;
    let mut ada = Client::user(&node, "ada").await;
    let mut cursors = Vec::new();
    for room in ["disk:a", "memory:a"] {
        ada.join(room).await;
        let published = ada.publish(room, "note", json!("before")).await;
        let entry = ada.entry(room).await;
        assert_eq!(entry["id"], published["entry"]);
        let cursor = ada.join(room).await["cursor"].clone();
        assert_eq!(cursor["offset"], 1);
        cursors.push(cursor);
    }
    for room in ["disk:a", "memory:a"] {
        ada.ask(json!({"type": "leave", "room": room})).await;
    }

    // A log in memory goes with its room, so a new epoch is the sign that rooms have been retired.
    let joined = soon("the memory room's new life", async {
        let mut pause = Duration::from_millis(200);
        loop {
            tokio::time::sleep(pause).await;
            let joined = ada.join_since("memory:a", &cursors[1]).await;
            if joined["recovered"] == false {
                return joined;
            }
            ada.ask(json!({"type": "leave", "room": "memory:a"})).await;
            pause *= 2;
        }
    })
    .await;
    assert_eq!((&joined["reason"], &joined["entries"]), (&json!("epoch_changed"), &json!([])));
    assert_ne!(joined["cursor"]["epoch"], cursors[1]["epoch"]);
    assert_eq!(ada.publish("memory:a", "note", json!("after")).await["offset"], 1);

    let joined = ada.join_since("disk:a", &cursors[0]).await;
    assert_eq!((&joined["recovered"], &joined["cursor"]), (&json!(true), &cursors[0]));
    assert_eq!(ada.publish("disk:a", "note", json!("after")).await["offset"], 2);
}

#[tokio::test]
async fn a_log_in_memory_recovers_while_its_room_is_open() {
    let node = Node::start(NodeConfig::default().rooms("match = \"*\"\nlog = \"memory\"")).await;
    let (mut ada, joined) = Client::user_in(&node, "ada", ROOM).await;
    for number in 1..=3 {
        ada.publish(ROOM, "note", json!(number)).await;
    }
    let mut bob = Client::user(&node, "bob").await;
    let recovered = bob.join_since(ROOM, &joined["cursor"]).await;
    assert_eq!(recovered["recovered"], true);
    assert_eq!(recovered["entries"].as_array().map(Vec::len), Some(3));

    drop((ada, bob));
    let node = node.restart().await;
    let mut later = Client::user(&node, "ada").await;
    let joined = later.join_since(ROOM, &recovered["cursor"]).await;
    assert_eq!((&joined["recovered"], &joined["reason"]), (&json!(false), &json!("epoch_changed")));
}

#[tokio::test]
async fn a_room_without_a_log_counts_on_and_pretends_nothing() {
    let node = Node::start(NodeConfig::default().rooms("match = \"*\"\nlog = \"none\"")).await;
    let (mut ada, joined) = Client::user_in(&node, "ada", ROOM).await;
    for offset in 1..=3 {
        assert_eq!(ada.publish(ROOM, "note", json!(1)).await["offset"], offset);
        assert_eq!(ada.entry(ROOM).await["offset"], offset);
    }
    let mut bob = Client::user(&node, "bob").await;
    let late = bob.join_since(ROOM, &joined["cursor"]).await;
    assert_eq!((&late["recovered"], &late["entries"]), (&json!(false), &json!([])));
    assert!(["too_old", "epoch_changed"].contains(&late["reason"].as_str().unwrap()), "{}", late.text);
    assert_eq!(late["cursor"]["offset"], 3);
    ada.publish(ROOM, "note", json!(4)).await;
    assert_eq!(bob.entry(ROOM).await["offset"], 4);
}

#[tokio::test]
async fn the_longest_pattern_decides_where_a_room_is_kept() {
    let config = NodeConfig::default()
        .rooms("match = \"board:sales\"\nlog = \"disk\"")
        .rooms("match = \"board:*\"\nlog = \"none\"");
    let node = Node::start(config).await;
    let mut ada = Client::user(&node, "ada").await;
    for (room, is_kept) in [("board:sales", true), ("board:costs", false), ("elsewhere", true)] {
        let start = ada.join(room).await["cursor"].clone();
        ada.publish(room, "note", json!(1)).await;
        assert_eq!(ada.join_since(room, &start).await["recovered"], is_kept, "{room}");
    }
}
