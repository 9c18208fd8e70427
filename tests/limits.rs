//! What one client may use up, and how it is told.

use serde_json::json;

use crate::support::client::End;
use crate::support::token::token_with_rooms;
use crate::support::{Client, Node, NodeConfig, soon, token_of};

const ROOM: &str = "lobby";

#[tokio::test]
async fn publishes_over_the_rate_are_refused_and_told_when_to_come_again() {
    let config = NodeConfig::default()
        .set("limits.enabled", true)
        .set("limits.publishes_per_s", 2)
        .set("limits.publish_burst", 5);
    let node = Node::start(config).await;
    let (mut ada, joined) = Client::user_in(&node, "ada", ROOM).await;
    let mut ids = Vec::new();
    for number in 0..15 {
        ids.push(ada.command(json!({"type": "publish", "room": ROOM, "event": "note", "data": number})).await);
    }
    let (mut taken, mut refused) = (0, 0);
    for id in ids {
        let reply = ada.reply(id).await;
        if reply.kind() == "published" {
            taken += 1;
            assert_eq!(reply["offset"], taken, "what is refused takes no number");
        } else {
            assert_eq!(reply.code(), "rate_limited", "{}", reply.text);
            assert!(reply["retry_after"].as_f64().is_some_and(|after| after > 0.0 && after < 10.0), "{}", reply.text);
            refused += 1;
        }
    }
    assert!(taken >= 5 && refused >= 1, "{taken} taken, {refused} refused");

    // Who waits as told gets through.
    let publish = json!({"type": "publish", "room": ROOM, "event": "note", "data": "at last"});
    soon("a publish to be taken again", async {
        loop {
            let reply = ada.request(publish.clone()).await;
            let Some(after) = reply["retry_after"].as_f64() else { return };
            tokio::time::sleep(std::time::Duration::from_secs_f64(after)).await;
        }
    })
    .await;
    let log = ada.join_since(ROOM, &joined["cursor"]).await;
    assert_eq!(log["cursor"]["offset"], taken + 1);
}

#[tokio::test]
async fn the_rate_of_one_is_not_felt_by_another() {
    let config = NodeConfig::default()
        .set("limits.enabled", true)
        .set("limits.publishes_per_s", 1)
        .set("limits.publish_burst", 1);
    let node = Node::start(config).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let (mut bob, _) = Client::user_in(&node, "bob", ROOM).await;
    ada.publish(ROOM, "note", json!(1)).await;
    assert_eq!(
        ada.refused(json!({"type": "publish", "room": ROOM, "event": "note", "data": 2})).await.code(),
        "rate_limited"
    );
    bob.publish(ROOM, "note", json!(3)).await;
}

#[tokio::test]
async fn each_kind_of_command_has_a_limit_of_its_own() {
    let config = NodeConfig::default()
        .set("limits.enabled", true)
        .set("limits.burst_s", 1)
        .set("limits.publishes_per_s", 1)
        .set("limits.publish_burst", 1)
        .set("limits.sets_per_s", 1)
        .set("limits.tracks_per_s", 1)
        .set("limits.notifies_per_s", 1)
        .set("limits.marks_per_s", 1)
        .set("limits.inboxes_per_s", 1);
    let node = Node::start(config).await;
    let may_all = json!({"*": ["join", "publish", "set", "track", "notify"]});
    let mut ada = Client::with(&node, json!({"token": token_with_rooms("ada", &may_all)})).await;
    ada.join(ROOM).await;
    let notify = json!({"type": "notify", "to": {"users": ["bob"]}, "notification": {"title": "t"}});
    for (command, words) in [
        (json!({"type": "publish", "room": ROOM, "event": "note", "data": 1}), "1 publishes a second"),
        (json!({"type": "set", "room": ROOM, "set": {"key": 1}}), "1 changes of state a second"),
        (json!({"type": "track", "room": ROOM, "action": "looked"}), "1 activities a second"),
        (notify, "1 notifications a second"),
        (json!({"type": "mark", "upto": 0, "as": "seen"}), "1 changes of the inbox a second"),
        (json!({"type": "inbox"}), "1 readings of the inbox a second"),
    ] {
        let replies = at_once(&mut ada, &command).await;
        assert_ne!(replies[0].kind(), "error", "what others took costs it nothing: {}", replies[0].text);
        let refused = replies.iter().find(|reply| reply.kind() == "error").expect("ten at once are too many");
        assert_eq!(refused.code(), "rate_limited", "{}", refused.text);
        assert!(refused["message"].as_str().is_some_and(|message| message.starts_with(words)), "{}", refused.text);
    }
}

#[tokio::test]
async fn whatever_changes_an_inbox_is_paid_alike_and_whatever_reads_it() {
    let config = NodeConfig::default()
        .set("limits.enabled", true)
        .set("limits.burst_s", 1)
        .set("limits.marks_per_s", 1)
        .set("limits.inboxes_per_s", 1);
    let node = Node::start(config).await;
    let groups = [
        [
            json!({"type": "follow", "room": ROOM}),
            json!({"type": "unfollow", "room": ROOM}),
            json!({"type": "preferences", "set": {"toasts": false}}),
        ],
        [json!({"type": "inbox"}), json!({"type": "preferences"}), json!({"type": "inbox", "filter": "unread"})],
    ];
    for (user, group) in ["ada", "bob"].into_iter().zip(groups) {
        let mut client = Client::user(&node, user).await;
        let mut ids = Vec::new();
        for command in group.iter().cycle().take(9) {
            ids.push(client.command(command.clone()).await);
        }
        let mut refused = Vec::new();
        for (id, command) in ids.into_iter().zip(group.iter().cycle()) {
            let reply = client.reply(id).await;
            if reply.kind() == "error" {
                assert_eq!(reply.code(), "rate_limited", "{command}: {}", reply.text);
                refused.push(command["type"].clone());
            }
        }
        for command in &group {
            assert!(refused.contains(&command["type"]), "{command} was never refused");
        }
    }
}

#[tokio::test]
async fn everybody_in_a_room_shares_the_rates_that_are_set_for_it() {
    let config = NodeConfig::default()
        .set("limits.enabled", true)
        .set("limits.burst_s", 1)
        .rooms("match = 'slow:*'\npublishes_per_s = 2\nsignals_per_s = 1");
    let node = Node::start(config).await;
    let (mut ada, _) = Client::user_in(&node, "ada", "slow:1").await;
    let (mut bob, _) = Client::user_in(&node, "bob", "slow:1").await;
    let publish = |room: &str| json!({"type": "publish", "room": room, "event": "note", "data": 1});
    ada.ask(publish("slow:1")).await;
    bob.ask(json!({"type": "set", "room": "slow:1", "set": {"key": 1}})).await;
    let replies = at_once(&mut bob, &publish("slow:1")).await;
    let refused = replies.iter().find(|reply| reply.kind() == "error").expect("the room takes two a second");
    assert_eq!(refused["message"], "2 publishes a second is this room's limit", "{}", refused.text);
    let signal = json!({"type": "signal", "room": "slow:1", "event": "cursor", "data": 1});
    let replies = at_once(&mut ada, &signal).await;
    assert!(replies.iter().any(|reply| reply.kind() == "error" && reply.code() == "rate_limited"));
    for room in ["slow:2", "lobby"] {
        bob.join(room).await;
        bob.ask(publish(room)).await;
    }
    let replies = at_once(&mut bob, &publish("lobby")).await;
    assert!(replies.iter().all(|reply| reply.kind() == "published"), "the default is far above");
}

/// The replies to ten of the same command, sent without waiting.
async fn at_once(client: &mut Client, command: &serde_json::Value) -> Vec<crate::support::client::Message> {
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(client.command(command.clone()).await);
    }
    let mut replies = Vec::new();
    for id in ids {
        replies.push(client.reply(id).await);
    }
    replies
}

#[tokio::test]
async fn a_session_is_in_so_many_rooms_and_no_more() {
    let node = Node::start(NodeConfig::default().set("limits.rooms_per_session", 3)).await;
    let mut ada = Client::user(&node, "ada").await;
    assert_eq!(ada.connected["limits"]["rooms"], 3);
    for room in ["one", "two", "three"] {
        ada.join(room).await;
    }
    assert_eq!(ada.refused(json!({"type": "join", "room": "four"})).await.code(), "over_limit");
    ada.join("two").await;
    ada.ask(json!({"type": "leave", "room": "one"})).await;
    ada.join("four").await;
}

#[tokio::test]
async fn connections_over_the_limit_are_turned_away_until_there_is_room() {
    let node = Node::start(NodeConfig::default().set("server.connections_max", 2)).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let bob = Client::user(&node, "bob").await;
    let third = crate::support::http::upgrade(&node.address, "").await;
    assert!(third.status == 101 || third.status == 503, "{}", third.status);
    if third.status == 101 {
        let mut full = Client::open(&node).await;
        assert_eq!(full.end().await, End::Close(4503));
    }
    ada.publish(ROOM, "note", json!("not disturbed")).await;
    bob.close(1000).await;
    soon("room for another", async {
        while crate::support::http::upgrade(&node.address, "").await.status != 101 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_size_of_messages_is_as_configured_and_told() {
    let node = Node::start(NodeConfig::default().set("limits.message_bytes", 2048)).await;
    let mut ada = Client::with(&node, json!({"token": token_of("ada")})).await;
    assert_eq!(ada.connected["limits"]["message_bytes"], 2048);
    ada.join(ROOM).await;
    ada.publish(ROOM, "note", json!("x".repeat(1900))).await;
    let large = json!({"type": "publish", "room": ROOM, "event": "note", "data": "x".repeat(2100)});
    assert_eq!(ada.refused(large).await.code(), "too_large");
    ada.send_text(&"x".repeat(10_000)).await;
    assert_eq!(ada.end().await, End::Close(4413));
}
