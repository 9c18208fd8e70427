//! A session outlives its connection: grace time, resume, and the ways to end for good.

use serde_json::json;

use crate::presence::names;
use crate::support::client::End;
use crate::support::{Client, Message, Node, NodeConfig, token_of};

const ROOM: &str = "lobby";

/// Grace times in seconds: after a lost connection, and after a reload.
fn grace(lost: f64, reload: f64) -> NodeConfig {
    NodeConfig::default().set("presence.tick_ms", 20).set("session.grace_s", lost).set("session.grace_reload_s", reload)
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Reset,
    Vanish,
    Close(u16),
}

impl Ending {
    async fn of(self, client: Client) {
        match self {
            Self::Reset => client.reset(),
            Self::Vanish => client.vanish(),
            Self::Close(code) => client.close(code).await,
        }
    }
}

#[tokio::test]
async fn a_return_within_the_grace_time_shows_nothing() {
    shows_nothing_when_back_after(Ending::Reset).await;
}

#[tokio::test]
async fn a_return_after_the_stream_just_ended_shows_nothing() {
    shows_nothing_when_back_after(Ending::Vanish).await;
}

#[tokio::test]
async fn a_reload_shows_nothing() {
    shows_nothing_when_back_after(Ending::Close(1001)).await;
    shows_nothing_when_back_after(Ending::Close(4000)).await;
}

async fn shows_nothing_when_back_after(ending: Ending) {
    let node = Node::start(grace(2.0, 2.0)).await;
    let (mut watcher, _) = Client::user_in(&node, "watcher", ROOM).await;
    let mut ada = Client::user(&node, "ada").await;
    ada.ask(json!({"type": "join", "room": ROOM, "presence": {"status": "busy", "state": {"page": 7}}})).await;
    watcher.presence("joined", ROOM, "ada").await;
    let (bob, _) = Client::user_in(&node, "bob", ROOM).await;
    watcher.presence("joined", ROOM, "bob").await;
    watcher.drain().await;

    let secret = ada.secret().to_owned();
    let session = ada.session().to_owned();
    ending.of(ada).await;
    let mut back = Client::with(&node, json!({"token": token_of("ada"), "secret": secret})).await;
    assert_eq!(back.connected["resumed"], true, "after {ending:?}");
    assert_eq!((back.session(), back.secret()), (session.as_str(), secret.as_str()));
    let joined = back.join(ROOM).await;
    let me = joined["members"].as_array().unwrap().iter().find(|member| member["user"] == "ada").unwrap();
    assert_eq!(me["sessions"].as_array().map(Vec::len), Some(1), "{me}");
    assert_eq!((&me["status"], &me["sessions"][0]["state"]), (&json!("busy"), &json!({"page": 7})));

    // Bob goes after ada's return, in the same way. When his time is up, hers would be long over.
    ending.of(bob).await;
    let gone = watcher.presence("left", ROOM, "bob").await;
    assert!(!names(&gone, "ada"), "{}", gone.text);
    assert_eq!(gone["count"], 2);
    let about_ada: Vec<_> = watcher.heard().filter(|message| names(message, "ada")).collect();
    assert!(about_ada.is_empty(), "others must see no change: {about_ada:?}");
}

#[tokio::test]
async fn after_the_grace_time_the_member_leaves_once() {
    let node = Node::start(grace(0.3, 0.3)).await;
    let (mut watcher, _) = Client::user_in(&node, "watcher", ROOM).await;
    let (ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let secret = ada.secret().to_owned();
    watcher.presence("joined", ROOM, "ada").await;
    ada.reset();
    assert_eq!(watcher.presence("left", ROOM, "ada").await["count"], 1);

    let (late, _) = Client::user_in(&node, "zoe", ROOM).await;
    watcher.presence("joined", ROOM, "zoe").await;
    late.reset();
    watcher.presence("left", ROOM, "zoe").await;
    assert!(!watcher.heard().any(|message| names(message, "ada")), "told once");

    let back = Client::with(&node, json!({"token": token_of("ada"), "secret": secret})).await;
    assert_eq!(back.connected["resumed"], false, "the secret's time was over before the room's");
    assert_ne!(back.secret(), secret);
}

#[tokio::test]
async fn a_reload_has_a_shorter_grace_time_than_a_lost_connection() {
    let node = Node::start(grace(120.0, 0.2)).await;
    let (mut watcher, _) = Client::user_in(&node, "watcher", ROOM).await;
    for code in [1001, 4000] {
        let user = format!("user-{code}");
        let (client, _) = Client::user_in(&node, &user, ROOM).await;
        watcher.presence("joined", ROOM, &user).await;
        client.close(code).await;
        watcher.presence("left", ROOM, &user).await;
    }
}

#[tokio::test]
async fn who_says_goodbye_is_gone_at_once_and_its_session_with_it() {
    let node = Node::start(grace(120.0, 120.0)).await;
    let (mut watcher, _) = Client::user_in(&node, "watcher", ROOM).await;
    for close in [Some(1000), None] {
        let user = format!("user-{close:?}");
        let (client, _) = Client::user_in(&node, &user, ROOM).await;
        let secret = client.secret().to_owned();
        watcher.presence("joined", ROOM, &user).await;
        match close {
            Some(code) => client.close(code).await,
            None => client.close_without_code().await,
        }
        watcher.presence("left", ROOM, &user).await;
        let back = Client::with(&node, json!({"token": token_of(&user), "secret": secret})).await;
        assert_eq!(back.connected["resumed"], false, "after {close:?}");
    }
}

#[tokio::test]
async fn who_is_ended_for_good_is_gone_at_once_too() {
    let node = Node::start(grace(120.0, 120.0)).await;
    let (mut watcher, _) = Client::user_in(&node, "watcher", ROOM).await;
    for (message, code) in [(r#"{"type":"connect"}"#.to_owned(), 4400), ("x".repeat(300_000), 4413)] {
        let user = format!("user-{code}");
        let (mut client, _) = Client::user_in(&node, &user, ROOM).await;
        watcher.presence("joined", ROOM, &user).await;
        client.send_text(&message).await;
        assert_eq!(client.end().await, End::Close(code));
        watcher.presence("left", ROOM, &user).await;
        let back = client.resume(&node, &user).await;
        assert_eq!(back.connected["resumed"], false, "after {code}");
    }
}

#[tokio::test]
async fn who_leaves_a_room_is_gone_at_once_and_keeps_the_session() {
    let node = Node::start(grace(120.0, 120.0)).await;
    let (mut watcher, _) = Client::user_in(&node, "watcher", ROOM).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    watcher.presence("joined", ROOM, "ada").await;
    assert_eq!(ada.ask(json!({"type": "leave", "room": ROOM})).await.kind(), "ok");
    watcher.presence("left", ROOM, "ada").await;
    watcher.publish(ROOM, "note", json!("not for ada")).await;
    assert!(!ada.drain().await.iter().any(Message::is_entry), "who left hears nothing more");
    ada.join(ROOM).await;
    watcher.presence("joined", ROOM, "ada").await;
}

#[tokio::test]
async fn a_session_taken_up_by_a_second_connection_closes_the_first_with_4409() {
    let node = Node::start(grace(120.0, 120.0)).await;
    let (mut watcher, _) = Client::user_in(&node, "watcher", ROOM).await;
    let (mut first, _) = Client::user_in(&node, "ada", ROOM).await;
    watcher.presence("joined", ROOM, "ada").await;
    watcher.drain().await;

    let mut second = first.resume(&node, "ada").await;
    assert_eq!(second.connected["resumed"], true);
    assert_eq!(second.session(), first.session());
    assert_eq!(first.end().await, End::Close(4409));
    second.join(ROOM).await;
    second.publish(ROOM, "note", json!("from the second")).await;
    assert_eq!(watcher.entry(ROOM).await["from"], json!({"user": "ada", "session": second.session()}));

    let (_zoe, _) = Client::user_in(&node, "zoe", ROOM).await;
    watcher.presence("joined", ROOM, "zoe").await;
    assert!(!watcher.heard().any(|message| names(message, "ada")), "nobody is seen leaving");
}

#[tokio::test]
async fn a_secret_that_is_not_ones_own_is_no_error_and_no_way_in() {
    let node = Node::start(grace(120.0, 120.0)).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let eve = ada.resume(&node, "eve").await;
    assert_eq!(eve.connected["resumed"], false);
    assert_eq!(eve.user_id(), "eve");
    assert_ne!(eve.session(), ada.session());
    for secret in ["", "unknown", ada.session(), &"x".repeat(300), "🦊"] {
        let other = Client::with(&node, json!({"token": token_of("ada"), "secret": secret})).await;
        assert_eq!(other.connected["resumed"], false, "{secret}");
    }
    ada.publish(ROOM, "note", json!("still here")).await;
}

#[tokio::test]
async fn the_token_is_checked_though_the_secret_is_right() {
    let node = Node::start(grace(120.0, 120.0)).await;
    let (ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let secret = ada.secret().to_owned();
    ada.reset();
    let mut client = Client::open(&node).await;
    let error = client.refused(json!({"type": "connect", "token": "nonsense", "secret": secret})).await;
    assert_eq!(error.code(), "unauthorized");
    assert_eq!(client.end().await, End::Close(4401));
    let back = Client::with(&node, json!({"token": token_of("ada"), "secret": secret})).await;
    assert_eq!(back.connected["resumed"], true, "a refused attempt does not use the secret up");
}

#[tokio::test]
async fn a_room_that_is_not_joined_again_is_left_after_the_grace_time() {
    let node = Node::start(grace(0.5, 0.5)).await;
    let (mut watcher, _) = Client::user_in(&node, "watcher", ROOM).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    ada.join("other").await;
    watcher.presence("joined", ROOM, "ada").await;
    let mut back = ada.resume(&node, "ada").await;
    assert_eq!(back.connected["resumed"], true);
    back.join("other").await;
    watcher.presence("left", ROOM, "ada").await;
    back.publish("other", "note", json!("still here")).await;
}

#[tokio::test]
async fn a_resumed_session_hears_everything_it_missed() {
    let node = Node::start(grace(120.0, 120.0)).await;
    let (mut ada, joined) = Client::user_in(&node, "ada", ROOM).await;
    let (mut bob, _) = Client::user_in(&node, "bob", ROOM).await;
    bob.publish(ROOM, "note", json!(1)).await;
    let first = ada.entry(ROOM).await;
    let cursor = json!({"epoch": joined["cursor"]["epoch"], "offset": first["offset"], "entry": first["id"]});
    let (token, secret) = (token_of("ada"), ada.secret().to_owned());
    ada.reset();
    for data in 2..=5 {
        bob.publish(ROOM, "note", json!(data)).await;
    }
    let mut back = Client::with(&node, json!({"token": token, "secret": secret})).await;
    let missed = back.join_since(ROOM, &cursor).await;
    assert_eq!(missed["recovered"], true);
    let data: Vec<_> = missed["entries"].as_array().unwrap().iter().map(|entry| entry["data"].clone()).collect();
    assert_eq!(data, [2, 3, 4, 5].map(|data| json!(data)));
}

#[tokio::test]
async fn who_stays_silent_is_asked_and_then_ended_with_4410() {
    let node = Node::start(NodeConfig::default().set("session.heartbeat_s", 1)).await;
    let mut answering = Client::user(&node, "ada").await;
    let mut silent = Client::user(&node, "bob").await;
    assert_eq!(silent.connected["heartbeat"], 1);
    silent.answers_pings = false;
    // Both are read at once: the one that answers must outlive the one that does not.
    let waited = tokio::select! {
        end = silent.end() => end,
        end = answering.end() => panic!("who answers is not ended: {end:?}"),
    };
    assert_eq!(waited, End::Close(4410));
    assert!(silent.heard().any(|message| message.kind() == "ping"), "it was asked first");
    assert_eq!(answering.request(json!({"type": "ping"})).await.kind(), "pong");
}

#[tokio::test]
async fn a_reader_in_a_busy_room_is_asked_too() {
    let node = Node::start(NodeConfig::default().set("session.heartbeat_s", 1)).await;
    let (mut reader, _) = Client::user_in(&node, "reader", ROOM).await;
    let (mut writer, _) = Client::user_in(&node, "writer", ROOM).await;
    let busy = async {
        loop {
            writer.publish(ROOM, "note", json!(1)).await;
        }
    };
    tokio::select! {
        _ = reader.take("a ping", |message| message.kind() == "ping") => {}
        () = busy => {}
    }
}

#[tokio::test]
async fn a_client_may_ask_whether_the_server_is_there() {
    let node = Node::start(NodeConfig::default()).await;
    let mut ada = Client::user(&node, "ada").await;
    for id in [json!(5), json!("five"), json!("x".repeat(64)), json!(0)] {
        ada.send(&json!({"type": "ping", "id": id})).await;
        let pong = ada.take("pong", |message| message.kind() == "pong").await;
        assert_eq!(pong["id"], id);
    }
}
