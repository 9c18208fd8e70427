//! Entries for some readers alone: everybody else gets their number and their id.

use serde_json::{Value, json};

use crate::support::api::{self, KEY, call};
use crate::support::token::token_with_roles;
use crate::support::{Client, Message, Node};

const ROOM: &str = "desk:1";

async fn node(rooms: &str) -> Node {
    Node::start(api::config().rooms(&format!("match = '*'\n{rooms}"))).await
}

async fn in_room(node: &Node, user: &str, roles: &[&str]) -> (Client, Message) {
    let mut client = Client::with(node, json!({"token": token_with_roles(user, roles)})).await;
    let joined = client.join(ROOM).await;
    (client, joined)
}

fn publish(data: &str, visible_to: Value) -> Value {
    json!({"type": "publish", "room": ROOM, "event": "note", "data": data, "visible_to": visible_to})
}

fn track(action: &str, visible_to: Value) -> Value {
    json!({"type": "track", "room": ROOM, "action": action, "visible_to": visible_to})
}

/// What a reader got of each entry: its data or action, or that it is hidden, in which case there is nothing else.
fn shown(entries: &[Value]) -> Vec<String> {
    let text = |entry: &Value| {
        if entry["type"] == "hidden" {
            let fields: Vec<_> = entry.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(fields, ["id", "offset", "room", "type"], "{entry}");
            return "hidden".to_owned();
        }
        assert!(entry.get("visible_to").is_none(), "nobody is told who else may see it: {entry}");
        entry["data"].as_str().or(entry["action"].as_str()).unwrap().to_owned()
    };
    entries.iter().map(text).collect()
}

fn offsets(entries: &[Value]) -> Vec<u64> {
    entries.iter().map(|entry| entry["offset"].as_u64().unwrap()).collect()
}

async fn pushed(client: &mut Client, count: usize) -> Vec<Value> {
    let mut entries = Vec::new();
    for _ in 0..count {
        entries.push(client.entry(ROOM).await.value);
    }
    entries
}

#[tokio::test]
async fn an_entry_is_hidden_from_all_whom_it_does_not_name_its_author_too_and_leaves_no_hole() {
    for place in ["disk", "memory", "none"] {
        let node = node(&format!("log = '{place}'")).await;
        let (mut ada, _) = in_room(&node, "ada", &["sales"]).await;
        let (mut bob, _) = in_room(&node, "bob", &["finance"]).await;
        let (mut cleo, _) = in_room(&node, "cleo", &[]).await;
        ada.ask(publish("all", Value::Null)).await;
        let reply = ada.ask(publish("finance", json!({"roles": ["finance", "x"]}))).await;
        ada.ask(track("cleo", json!({"users": ["cleo"]}))).await;
        ada.ask(track("both", json!({"users": ["bob"], "roles": ["sales"]}))).await;
        ada.ask(publish("end", Value::Null)).await;
        let hidden = "hidden";
        for (client, expected) in [
            (&mut ada, ["all", hidden, hidden, "both", "end"]),
            (&mut bob, ["all", "finance", hidden, "both", "end"]),
            (&mut cleo, ["all", hidden, "cleo", hidden, "end"]),
        ] {
            let entries = pushed(client, 5).await;
            assert_eq!(
                (shown(&entries), offsets(&entries)),
                (expected.map(str::to_owned).to_vec(), vec![1, 2, 3, 4, 5])
            );
            assert_eq!(entries[1]["id"], reply["entry"], "what is hidden keeps its id");
        }
    }
}

#[tokio::test]
async fn what_was_hidden_stays_hidden_in_pages_pictures_and_history_over_kill_9() {
    let mut node = node("").await;
    let (mut ada, start) = in_room(&node, "ada", &[]).await;
    ada.ask(publish("finance", json!({"roles": ["finance"]}))).await;
    ada.ask(publish("all", Value::Null)).await;
    ada.ask(track("did", json!({"users": ["bob"]}))).await;
    let middle = ada.entry(ROOM).await;
    assert_eq!(middle.kind(), "hidden");
    node.kill9().await;
    let node = node.restart().await;
    let list = |value: &Value| value.as_array().unwrap().clone();
    for (user, roles, expected) in [
        ("ada", &[][..], ["hidden", "all", "hidden"]),
        ("bob", &["finance"][..], ["finance", "all", "did"]),
        ("cleo", &["finance"], ["finance", "all", "hidden"]),
    ] {
        let (mut client, picture) = in_room(&node, user, roles).await;
        assert_eq!(shown(&list(&picture["activity"])), [expected[2]], "{user}");
        let missed = client.join_since(ROOM, &start["cursor"]).await;
        assert_eq!(shown(&list(&missed["entries"])), expected, "{user}");
        assert_eq!(offsets(&list(&missed["entries"])), [1, 2, 3], "{user}");
        let history = client.ask(json!({"type": "history", "room": ROOM})).await;
        assert_eq!(shown(&list(&history["entries"])), expected, "{user}");
        let only = client.ask(json!({"type": "history", "room": ROOM, "kinds": ["activity"]})).await;
        assert_eq!(shown(&list(&only["entries"])), [expected[2]], "{user}");
        let path = format!("/v1/rooms/{ROOM}/history");
        let (_, page) = call(&node, &token_with_roles(user, roles), "GET", &path, &Value::Null).await;
        assert_eq!(shown(&list(&page["entries"])), expected, "{user}");
        let (_, page) = call(&node, KEY, "GET", &format!("{path}?kinds=activity,event"), &Value::Null).await;
        assert_eq!(shown(&list(&page["entries"])), ["finance", "all", "did"], "API keys see all");
        // The cursor of a hidden entry proves as much as any other.
        let since = json!({"epoch": start["cursor"]["epoch"], "offset": 1, "entry": middle["id"]});
        let rest = client.join_since(ROOM, &since).await;
        assert_eq!((&rest["recovered"], offsets(&list(&rest["entries"]))), (&json!(true), vec![2, 3]), "{user}");
    }
}

#[tokio::test]
async fn a_token_with_fewer_roles_hides_what_comes_from_then_on() {
    let node = node("").await;
    let (mut ada, _) = in_room(&node, "ada", &["finance"]).await;
    let (mut bob, _) = in_room(&node, "bob", &[]).await;
    let mut seen = Vec::new();
    for roles in [&["finance"][..], &[], &["sales", "finance"]] {
        ada.ask(json!({"type": "refresh", "token": token_with_roles("ada", roles)})).await;
        ada.ask(publish("secret", json!({"roles": ["finance"]}))).await;
        seen.extend(pushed(&mut ada, 1).await);
    }
    assert_eq!(shown(&seen), ["secret", "hidden", "secret"]);
    assert_eq!(shown(&pushed(&mut bob, 3).await), ["hidden"; 3]);
    // Whoever comes back under the old secret with a lesser token is a lesser reader.
    let token = token_with_roles("ada", &[]);
    let mut again = Client::with(&node, json!({"token": token, "secret": ada.secret()})).await;
    assert_eq!(again.connected["resumed"], true);
    again.join(ROOM).await;
    bob.ask(publish("secret", json!({"roles": ["finance"]}))).await;
    assert_eq!(shown(&pushed(&mut again, 1).await), ["hidden"]);
}

#[tokio::test]
async fn a_refresh_on_the_heels_of_a_join_that_reads_the_log_counts() {
    let node = node("").await;
    let batch: Vec<_> = (0..300).map(|n| json!({"room": ROOM, "event": "note", "data": n})).collect();
    assert_eq!(call(&node, KEY, "POST", "/v1/batch", &json!(batch)).await.0, 200);
    let (mut bob, _) = in_room(&node, "bob", &[]).await;
    let (_, room) = api::get(&node, KEY, &format!("/v1/rooms/{ROOM}")).await;
    let start = json!({"epoch": room["cursor"]["epoch"], "offset": 0});
    for round in 0..10 {
        let (before, after): (&[&str], &[&str]) =
            if round % 2 == 0 { (&["finance"], &[]) } else { (&[], &["finance"]) };
        let mut ada = Client::with(&node, json!({"token": token_with_roles("ada", before)})).await;
        // In every other pair of rounds the session knows where the room is, so the join is there before the refresh.
        if round % 4 < 2 {
            ada.join(ROOM).await;
        }
        let join = ada.command(json!({"type": "join", "room": ROOM, "since": start})).await;
        let refresh = ada.command(json!({"type": "refresh", "token": token_with_roles("ada", after)})).await;
        assert_eq!(ada.reply(refresh).await.kind(), "refreshed");
        let joined = ada.reply(join).await;
        assert_eq!((&joined["recovered"], &joined["more"]), (&json!(true), &json!(false)));
        bob.ask(publish("secret", json!({"roles": ["finance"]}))).await;
        let expected = if after.is_empty() { "hidden" } else { "secret" };
        assert_eq!(shown(&pushed(&mut ada, 1).await), [expected]);
    }
}

#[tokio::test]
async fn backends_and_users_name_readers_over_http_too() {
    let node = node("").await;
    let (mut ada, _) = in_room(&node, "ada", &[]).await;
    let (mut bob, _) = in_room(&node, "bob", &["finance"]).await;
    let path = format!("/v1/rooms/{ROOM}/events");
    let event = |data: &str, visible_to: Value| json!({"event": "note", "data": data, "visible_to": visible_to});
    let finance = json!({"roles": ["finance"]});
    assert_eq!(call(&node, KEY, "POST", &path, &event("one", finance.clone())).await.0, 201);
    let token = token_with_roles("ada", &[]);
    assert_eq!(call(&node, &token, "POST", &path, &event("two", finance.clone())).await.0, 201);
    let mut item = event("three", finance);
    item["room"] = ROOM.into();
    let mut bad = item.clone();
    bad["visible_to"] = json!({"users": []});
    let (status, answer) = call(&node, KEY, "POST", "/v1/batch", &json!([item, bad])).await;
    assert_eq!((status, &answer["results"][0]["offset"]), (200, &json!(3)));
    assert_eq!(answer["results"][1]["message"], "visible_to must name a role or a user");
    let (status, refused) = call(&node, KEY, "POST", &path, &event("x", json!({"roles": "finance"}))).await;
    assert_eq!((status, &refused["message"]), (400, &json!("visible_to.roles must be a list of texts")));
    let activity = json!({"action": "four", "visible_to": {"users": ["bob"]}});
    assert_eq!(call(&node, KEY, "POST", &format!("/v1/rooms/{ROOM}/activity"), &activity).await.0, 201);
    let state = json!({"set": {"a": 1}, "visible_to": {"users": ["bob"]}});
    assert_eq!(
        call(&node, KEY, "POST", &format!("/v1/rooms/{ROOM}/state"), &state).await.0,
        400,
        "is not shown to all"
    );
    assert_eq!(shown(&pushed(&mut bob, 4).await), ["one", "two", "three", "four"]);
    assert_eq!(shown(&pushed(&mut ada, 4).await), ["hidden"; 4]);
}

#[tokio::test]
async fn the_same_words_for_other_readers_are_other_content() {
    let node = node("").await;
    let (mut ada, _) = in_room(&node, "ada", &[]).await;
    let keyed = |visible_to: Value| {
        let mut command = publish("text", visible_to);
        command["key"] = "k-1".into();
        command
    };
    ada.ask(keyed(json!({"roles": ["b", "a"]}))).await;
    let again = ada.ask(keyed(json!({"roles": ["a", "b"], "users": []}))).await;
    assert_eq!(again["duplicate"], true, "in which order they are named says nothing");
    for other in [json!({"roles": ["a"]}), json!({"users": ["a", "b"]}), Value::Null] {
        assert_eq!(ada.refused(keyed(other)).await.code(), "conflict");
    }
}

#[tokio::test]
async fn what_can_not_be_kept_to_some_is_refused_and_not_shown_to_all() {
    let node = node("").await;
    let (mut ada, _) = in_room(&node, "ada", &[]).await;
    for command in [
        json!({"type": "set", "room": ROOM, "set": {"a": 1}, "visible_to": {"users": ["ada"]}}),
        json!({"type": "signal", "room": ROOM, "event": "e", "data": 1, "visible_to": {"users": ["ada"]}}),
        publish("x", json!({})),
        publish("x", json!({"users": vec!["x"; 51]})),
        publish("x", json!({"roles": ["x".repeat(201)]})),
    ] {
        let refused = ada.refused(command).await;
        assert_eq!(refused.code(), "bad_message");
        assert!(refused["message"].as_str().unwrap().starts_with("visible_to "), "{}", refused.text);
    }
    assert_eq!(ada.join(ROOM).await["cursor"]["offset"], 0, "nothing of it was written");
}
