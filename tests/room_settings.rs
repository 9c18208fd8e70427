//! What `[[rooms]]` settings make of a room.

use serde_json::json;

use crate::support::token::token_with_rooms;
use crate::support::{Client, Node, NodeConfig};

#[tokio::test]
async fn a_room_without_presence_shows_nobody_and_still_delivers() {
    let node = Node::start(NodeConfig::default().rooms("match = 'feed:*'\npresence = false")).await;
    let (mut ada, joined) = Client::user_in(&node, "ada", "feed:1").await;
    assert_eq!((&joined["count"], &joined["members"]), (&json!(0), &json!([])));
    let asked = json!({"type": "join", "room": "feed:1", "presence": {"status": "busy", "state": {"page": 1}}});
    let (mut bob, _) = Client::user_in(&node, "bob", "feed:1").await;
    assert_eq!(bob.ask(asked).await["count"], 0, "asking for a seat gives none");
    let set = json!({"type": "presence", "room": "feed:1", "status": "away"});
    assert_eq!(ada.ask(set).await.kind(), "ok");
    ada.publish("feed:1", "note", json!("heard")).await;
    assert_eq!(bob.entry("feed:1").await["data"], "heard");
    let heard = bob.drain().await;
    assert!(!heard.iter().any(|message| message.kind() == "presence"), "{heard:?}");
    assert_eq!(ada.join("lobby").await["count"], 1, "other rooms have members");
}

#[tokio::test]
async fn a_room_of_its_own_size_is_large_over_that_many_members() {
    let config = NodeConfig::default().set("presence.large", 2).rooms("match = 'hall'\nlarge = 3");
    let node = Node::start(config).await;
    let (mut first, _) = Client::user_in(&node, "a", "hall").await;
    let mut others = Vec::new();
    for user in ["b", "c"] {
        let (mut client, _) = Client::user_in(&node, user, "hall").await;
        first.presence("joined", "hall", user).await;
        let joined = client.join("hall").await;
        assert_eq!(joined["large"], false, "{}", joined.text);
        others.push(client);
    }
    let _last = Client::user_in(&node, "d", "hall").await;
    let told = first.take("the hall to be large", |message| message.is("presence", "hall") && message["large"] == true);
    assert_eq!(told.await["count"], 4);
}

#[tokio::test]
async fn a_guest_does_in_a_room_what_it_is_open_to_and_a_named_right_is_worth_more() {
    let config = NodeConfig::default()
        .rooms("match = 'board:*'\nopen_to = ['join', 'history']")
        .rooms("match = 'staff'\nopen_to = []");
    let node = Node::start(config).await;
    let mut guest = Client::guest(&node, "Ada").await;
    let mut user = Client::user(&node, "bob").await;
    for client in [&mut guest, &mut user] {
        client.join("board:1").await;
        let publish = json!({"type": "publish", "room": "board:1", "event": "note", "data": 1});
        assert_eq!(client.refused(publish).await.code(), "forbidden");
        assert_eq!(client.ask(json!({"type": "history", "room": "board:1"})).await["oldest"], 1);
        assert_eq!(client.refused(json!({"type": "join", "room": "staff"})).await.code(), "forbidden");
        client.join("lobby").await;
        client.publish("lobby", "note", json!(1)).await;
    }
    let token = token_with_rooms("eve", &json!({"*": ["join", "publish"]}));
    let mut named = Client::with(&node, json!({"token": token})).await;
    for room in ["board:1", "staff"] {
        named.join(room).await;
        named.publish(room, "note", json!(1)).await;
    }
}
