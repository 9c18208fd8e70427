//! Who is here: members folded over sessions, changes gathered, and rooms too large to list.

use std::time::Instant;

use serde_json::{Value, json};

use crate::support::{Client, Message, Node, NodeConfig};

const ROOM: &str = "lobby";

/// Ticks that are short, so that what is seen is seen soon.
fn quick() -> NodeConfig {
    NodeConfig::default().set("presence.tick_ms", 20)
}

#[tokio::test]
async fn two_people_in_a_room_see_each_other() {
    let node = Node::start(quick()).await;
    let (mut ada, alone) = Client::user_in(&node, "ada", ROOM).await;
    assert_eq!(users(&alone["members"]), ["ada"]);
    assert_eq!(alone["count"], 1);
    assert_eq!(alone["large"], false);

    let mut grace = Client::user(&node, "grace").await;
    let state = json!({"page": "overview"});
    let together =
        grace.ask(json!({"type": "join", "room": ROOM, "presence": {"status": "busy", "state": state}})).await;
    assert_eq!(users(&together["members"]), ["ada", "grace"]);
    assert_eq!(together["count"], 2);

    let seen = ada.presence("joined", ROOM, "grace").await;
    assert_eq!(seen["count"], 2);
    let member = &seen["joined"][0];
    for field in ["name", "color", "since"] {
        assert!(member[field].is_string(), "{field} in {member}");
    }
    assert_eq!(member["status"], "busy");
    let session = &member["sessions"][0];
    assert_eq!((&session["session"], &session["status"]), (&json!(grace.session()), &json!("busy")));
    assert_eq!(session["state"], state);
}

#[tokio::test]
async fn two_tabs_of_a_user_are_one_member_and_closing_one_keeps_it() {
    let node = Node::start(quick()).await;
    let (mut watcher, _) = Client::user_in(&node, "watcher", ROOM).await;
    let (first, _) = Client::user_in(&node, "ada", ROOM).await;
    watcher.presence("joined", ROOM, "ada").await;

    let (second, joined) = Client::user_in(&node, "ada", ROOM).await;
    assert_eq!(joined["count"], 2, "two users, three sessions");
    let two_tabs = watcher.presence("updated", ROOM, "ada").await;
    assert_eq!(two_tabs["count"], 2);
    assert_eq!(two_tabs["updated"][0]["sessions"].as_array().map(Vec::len), Some(2));

    second.close(1000).await;
    let one_tab = watcher.presence("updated", ROOM, "ada").await;
    assert_eq!(one_tab["count"], 2);
    assert_eq!(one_tab["updated"][0]["sessions"][0]["session"], first.session());

    first.close(1000).await;
    let gone = watcher.presence("left", ROOM, "ada").await;
    assert_eq!((&gone["left"], &gone["count"]), (&json!(["ada"]), &json!(1)));
    assert!(!watcher.drain().await.iter().any(|message| names(message, "ada")), "told once");
}

#[tokio::test]
async fn a_member_shows_the_most_present_of_its_sessions() {
    let node = Node::start(quick()).await;
    let (mut watcher, _) = Client::user_in(&node, "watcher", ROOM).await;
    let (mut desk, _) = Client::user_in(&node, "ada", ROOM).await;
    watcher.presence("joined", ROOM, "ada").await;

    desk.ask(json!({"type": "presence", "room": ROOM, "status": "away"})).await;
    let away = watcher.presence("updated", ROOM, "ada").await;
    assert_eq!(away["updated"][0]["status"], "away");
    assert!(away["updated"][0]["idle_since"].is_string(), "{}", away.text);
    assert!(away["updated"][0]["sessions"][0]["idle_since"].is_string(), "{}", away.text);

    let mut phone = Client::user(&node, "ada").await;
    phone.ask(json!({"type": "join", "room": ROOM, "presence": {"status": "busy"}})).await;
    let busy = watcher.presence("updated", ROOM, "ada").await;
    assert_eq!(busy["updated"][0]["status"], "busy");
    assert!(busy["updated"][0].get("idle_since").is_none_or(Value::is_null), "{}", busy.text);

    phone.close(1000).await;
    assert_eq!(watcher.presence("updated", ROOM, "ada").await["updated"][0]["status"], "away");
}

#[tokio::test]
async fn presence_without_a_room_is_for_all_rooms_of_the_session() {
    let node = Node::start(quick()).await;
    let (mut watcher, _) = Client::user_in(&node, "watcher", "one").await;
    watcher.join("two").await;
    let (mut ada, _) = Client::user_in(&node, "ada", "one").await;
    ada.join("two").await;
    watcher.presence("joined", "one", "ada").await;
    watcher.presence("joined", "two", "ada").await;
    let reply = ada.ask(json!({"type": "presence", "state": {"page": "costs"}})).await;
    assert_eq!(reply.kind(), "ok");
    for room in ["one", "two"] {
        let seen = watcher.presence("updated", room, "ada").await;
        assert_eq!(seen["updated"][0]["sessions"][0]["state"], json!({"page": "costs"}));
    }
}

#[tokio::test]
async fn a_state_of_more_than_1_kib_is_too_large_and_changes_nothing() {
    let node = Node::start(quick()).await;
    let (mut watcher, _) = Client::user_in(&node, "watcher", ROOM).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let presence = |text: &str| json!({"type": "presence", "room": ROOM, "state": {"text": text}});
    assert_eq!(ada.refused(presence(&"x".repeat(1100))).await.code(), "too_large");
    ada.ask(presence("fits")).await;
    let seen = watcher.take("ada's state", |message| message.text.contains("\"fits\"")).await;
    assert!(!seen.text.contains("xxx"));
    assert!(!watcher.heard().any(|message| message.text.contains("xxx")));
}

#[tokio::test]
async fn who_watches_is_no_member() {
    let node = Node::start(quick()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let mut watcher = Client::user(&node, "watcher").await;
    let joined = watcher.ask(json!({"type": "join", "room": ROOM, "presence": false})).await;
    assert_eq!((users(&joined["members"]), &joined["count"]), (vec!["ada"], &json!(1)));

    // The watcher hears the room all the same, and grace's coming proves that a tick has passed without the watcher.
    let (_grace, joined) = Client::user_in(&node, "grace", ROOM).await;
    assert_eq!(joined["count"], 2);
    watcher.presence("joined", ROOM, "grace").await;
    ada.presence("joined", ROOM, "grace").await;
    assert!(!ada.heard().any(|message| names(message, "watcher")));
    ada.publish(ROOM, "note", json!(1)).await;
    assert_eq!(watcher.entry(ROOM).await["data"], 1);
}

#[tokio::test]
async fn receive_picks_what_comes() {
    let node = Node::start(quick()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let mut reader = Client::user(&node, "reader").await;
    let joined = reader.ask(json!({"type": "join", "room": ROOM, "receive": ["entries"]})).await;
    assert_eq!((&joined["members"], &joined["count"]), (&json!([]), &json!(2)), "{}", joined.text);

    let (_grace, _) = Client::user_in(&node, "grace", ROOM).await;
    ada.presence("joined", ROOM, "grace").await;
    ada.ask(json!({"type": "signal", "room": ROOM, "event": "cursor", "data": 1})).await;
    ada.publish(ROOM, "note", json!("an entry")).await;
    assert_eq!(reader.entry(ROOM).await["data"], "an entry");
    let kinds: Vec<String> = reader.drain().await.iter().map(|message| message.kind().to_owned()).collect();
    assert!(!kinds.iter().any(|kind| kind == "presence" || kind == "signals"), "{kinds:?}");
}

#[tokio::test]
async fn changes_are_gathered_so_that_messages_do_not_grow_with_movers() {
    const TICK_MS: u64 = 200;
    let node = Node::start(NodeConfig::default().set("presence.tick_ms", TICK_MS.cast_signed())).await;
    let (mut watcher, _) = Client::user_in(&node, "watcher", ROOM).await;
    let mut movers = Vec::new();
    for number in 0..10 {
        movers.push(Client::user_in(&node, &format!("mover-{number}"), ROOM).await.0);
    }
    let mut seen = 0;
    while seen < movers.len() {
        seen += watcher.next("presence", ROOM).await["joined"].as_array().unwrap().len();
    }
    watcher.drain().await;

    let began = Instant::now();
    for step in 0..20 {
        for mover in &mut movers {
            mover.send(&json!({"type": "presence", "room": ROOM, "state": {"step": step}})).await;
        }
    }
    let mut at_the_end = std::collections::BTreeSet::new();
    let mut messages = 0;
    while at_the_end.len() < movers.len() {
        let seen = watcher.next("presence", ROOM).await;
        messages += 1;
        for member in seen["updated"].as_array().unwrap() {
            if member["sessions"][0]["state"]["step"] == 19 {
                at_the_end.insert(member["user"].to_string());
            }
        }
    }
    let ticks = u64::try_from(began.elapsed().as_millis()).unwrap() / TICK_MS;
    assert!(messages <= ticks + 2, "{messages} messages in {ticks} ticks for 200 changes");
}

#[tokio::test]
async fn who_leaves_and_returns_between_two_ticks_shows_as_nothing() {
    let node = Node::start(NodeConfig::default().set("presence.tick_ms", 1000)).await;
    let (mut watcher, _) = Client::user_in(&node, "watcher", ROOM).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    watcher.presence("joined", ROOM, "ada").await;
    // A tick has just passed, so these two fall into the next one.
    let leave = ada.command(json!({"type": "leave", "room": ROOM})).await;
    let join = ada.command(json!({"type": "join", "room": ROOM})).await;
    assert_eq!((ada.reply(leave).await.kind(), ada.reply(join).await.kind()), ("ok", "joined"));
    let (_grace, _) = Client::user_in(&node, "grace", ROOM).await;
    let next = watcher.presence("joined", ROOM, "grace").await;
    assert!(!names(&next, "ada"), "{}", next.text);
    assert!(!watcher.heard().any(|message| names(message, "ada")));
}

#[tokio::test]
async fn a_large_room_sends_a_count_in_place_of_members() {
    let node = Node::start(quick().set("presence.large", 4)).await;
    let mut here = Vec::new();
    for number in 1..=4 {
        let (client, joined) = Client::user_in(&node, &format!("user-{number}"), ROOM).await;
        assert_eq!(joined["large"], false, "four are not over four: {}", joined.text);
        here.push(client);
    }
    let (fifth, _) = Client::user_in(&node, "user-5", ROOM).await;
    let large = here[0].take("large", |message| message.is("presence", ROOM) && message["large"] == true).await;
    assert_eq!(large["count"], 5);

    let (sixth, joined) = Client::user_in(&node, "user-6", ROOM).await;
    assert_eq!((&joined["large"], &joined["members"], &joined["count"]), (&json!(true), &json!([]), &json!(6)));
    let told = here[0].take("six", |message| message.is("presence", ROOM) && message["count"] == 6).await;
    assert!(!names(&told, "user-6"), "in a large room nobody is named: {}", told.text);

    // Under three quarters of four: two.
    sixth.close(1000).await;
    fifth.close(1000).await;
    for _ in 0..2 {
        here.pop().unwrap().close(1000).await;
    }
    let small = here[0].take("small again", |message| message.is("presence", ROOM) && message["large"] == false).await;
    assert_eq!(users(&small["members"]), ["user-1", "user-2"]);
    assert_eq!(small["count"], 2);
}

/// The users of a list of members, sorted.
fn users(members: &Value) -> Vec<&str> {
    let mut users: Vec<&str> =
        members.as_array().unwrap().iter().map(|member| member["user"].as_str().unwrap()).collect();
    users.sort_unstable();
    users
}

/// Whether a `presence` says anything about this user.
pub(crate) fn names(message: &Message, user: &str) -> bool {
    message.kind() == "presence" && message.text.contains(&format!("\"{user}\""))
}
