//! Fields that take a role: who has it sees them and who has not does not, however they look.

use serde_json::{Value, json};

use crate::support::api::{self, KEY, call};
use crate::support::token::token_with_roles;
use crate::support::{Client, Message, Node};

const ROOM: &str = "desk:1";

/// A node where customers' email takes the role `support`, and what is earned takes `boss`.
async fn node() -> Node {
    let rooms = "match = 'desk:*'\nredact = [{path = '/customer/email', unless_role = 'support'}, \
         {path = '/revenue/margin', unless_role = 'boss'}, {path = '/salaries', unless_role = 'boss'}]";
    Node::start(api::config().rooms(rooms)).await
}

async fn with_roles(node: &Node, user: &str, roles: &[&str]) -> Client {
    Client::with(node, json!({"token": token_with_roles(user, roles)})).await
}

async fn in_room(node: &Node, user: &str, roles: &[&str]) -> (Client, Message) {
    let mut client = with_roles(node, user, roles).await;
    let joined = client.join(ROOM).await;
    (client, joined)
}

fn order() -> Value {
    json!({"customer": {"email": "eve@example.com", "name": "Eve"}, "total": 7})
}

fn order_without_email() -> Value {
    json!({"customer": {"name": "Eve"}, "total": 7})
}

fn set(fields: Value, more: Value) -> Value {
    let mut command = json!({"type": "set", "room": ROOM, "set": fields});
    command.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    command
}

fn track(metadata: Value) -> Value {
    json!({"type": "track", "room": ROOM, "action": "looked", "metadata": metadata})
}

async fn get(node: &Node, bearer: &str, path: &str) -> Value {
    let (status, answer) = call(node, bearer, "GET", path, &Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

#[tokio::test]
async fn a_field_is_pushed_to_who_has_its_role_and_not_even_to_its_author_without() {
    let node = node().await;
    let (mut ada, _) = in_room(&node, "ada", &[]).await;
    let (mut bob, _) = in_room(&node, "bob", &["support"]).await;
    let (mut cleo, _) = in_room(&node, "cleo", &["boss", "support"]).await;
    ada.publish(ROOM, "order", order()).await;
    ada.ask(track(order())).await;
    let text = format!(
        r#"{{"type":"publish","room":"{ROOM}","event":"raw","data":{{"customer":{{"em\u0061il":1.50,"n":1.20e6}}}}}}"#
    );
    ada.send_text(&text).await;
    for (client, seen) in [(&mut ada, order_without_email()), (&mut bob, order()), (&mut cleo, order())] {
        let event = client.entry(ROOM).await;
        assert_eq!((event.kind(), &event["offset"], &event["data"]), ("event", &json!(1), &seen));
        let activity = client.entry(ROOM).await;
        assert_eq!((activity.kind(), &activity["metadata"]), ("activity", &seen));
    }
    assert!(ada.entry(ROOM).await.text.contains(r#""data":{"customer":{"n":1.20e6}}"#), "digit by digit");
    assert!(bob.entry(ROOM).await.text.contains(r#""data":{"customer":{"em\u0061il":1.50,"n":1.20e6}}"#));
}

#[tokio::test]
async fn what_is_joined_and_read_later_is_what_would_have_been_pushed_over_kill_9_too() {
    let mut node = node().await;
    let (mut ada, start) = in_room(&node, "ada", &["support"]).await;
    ada.publish(ROOM, "order", order()).await;
    ada.ask(track(order())).await;
    let state = json!({"revenue": {"margin": 3, "gross": 9}, "salaries": [1], "customer": {"email": "a@b"}});
    ada.ask(set(state.clone(), json!({}))).await;
    node.kill9().await;
    let node = node.restart().await;
    let support_only = json!({"revenue": {"gross": 9}, "customer": {"email": "a@b"}});
    let neither = json!({"revenue": {"gross": 9}, "customer": {}});
    for (user, roles, order, state) in [
        ("ada", &["support"][..], order(), support_only),
        ("bob", &[], order_without_email(), neither),
        ("cleo", &["boss", "support"], order(), state),
    ] {
        let mut client = with_roles(&node, user, roles).await;
        let history = client.ask(json!({"type": "history", "room": ROOM})).await;
        let missed = client.join_since(ROOM, &start["cursor"]).await;
        assert_eq!(missed["recovered"], true, "{}", missed.text);
        let only = client.ask(json!({"type": "history", "room": ROOM, "kinds": ["activity"]})).await;
        let over_http = get(&node, &token_with_roles(user, roles), &format!("/v1/rooms/{ROOM}/history")).await;
        for entries in [&history["entries"], &missed["entries"], &over_http["entries"]] {
            assert_eq!(entries.as_array().map(Vec::len), Some(3), "{user}: {entries}");
            assert_eq!((&entries[0]["data"], &entries[1]["metadata"]), (&order, &order), "{user}");
            assert_eq!(entries[2]["set"], state, "{user}");
        }
        assert_eq!(only["entries"][0]["metadata"], order, "{user}");
        let picture = client.join(ROOM).await;
        assert_eq!((&picture["state"], &picture["activity"][0]["metadata"]), (&state, &order), "{user}");
        let room = get(&node, &token_with_roles(user, roles), &format!("/v1/rooms/{ROOM}")).await;
        assert_eq!(room["state"], state, "{user}");
    }
}

#[tokio::test]
async fn api_keys_see_everything() {
    let node = node().await;
    let state = json!({"revenue": {"margin": 3}, "salaries": 1});
    let (mut ada, _) = in_room(&node, "ada", &[]).await;
    ada.publish(ROOM, "order", order()).await;
    ada.ask(set(state.clone(), json!({}))).await;
    let history = get(&node, KEY, &format!("/v1/rooms/{ROOM}/history")).await;
    assert_eq!((&history["entries"][0]["data"], &history["entries"][1]["set"]), (&order(), &state));
    assert_eq!(get(&node, KEY, &format!("/v1/rooms/{ROOM}")).await["state"], state);
}

#[tokio::test]
async fn a_room_that_nobody_has_open_is_shown_in_the_callers_view_too() {
    let mut node = node().await;
    let (mut ada, _) = in_room(&node, "ada", &["boss"]).await;
    ada.ask(set(json!({"revenue": {"margin": 3, "gross": 9}}), json!({}))).await;
    node.kill9().await;
    let node = node.restart().await;
    let room = format!("/v1/rooms/{ROOM}");
    assert_eq!(get(&node, &token_with_roles("bob", &[]), &room).await["state"], json!({"revenue": {"gross": 9}}));
    let all = json!({"revenue": {"margin": 3, "gross": 9}});
    assert_eq!(get(&node, &token_with_roles("bob", &["boss"]), &room).await["state"], all);
    assert_eq!(get(&node, KEY, &room).await["state"], all);
}

#[tokio::test]
async fn a_key_of_the_state_that_takes_a_role_shows_neither_when_set_nor_when_removed() {
    let node = node().await;
    let (mut ada, _) = in_room(&node, "ada", &["boss"]).await;
    let (mut bob, _) = in_room(&node, "bob", &[]).await;
    ada.ask(set(json!({"salaries": [1, 2], "a": 1.0}), json!({}))).await;
    ada.ask(json!({"type": "set", "room": ROOM, "remove": ["salaries", "a"]})).await;
    let (one, two) = (bob.entry(ROOM).await, bob.entry(ROOM).await);
    assert_eq!((&one["set"], &one["removed"]), (&json!({"a": 1.0}), &json!([])));
    assert_eq!((&two["set"], &two["removed"]), (&json!({}), &json!(["a"])));
    ada.entry(ROOM).await;
    assert_eq!(ada.entry(ROOM).await["removed"], json!(["salaries", "a"]));
}

#[tokio::test]
async fn who_writes_too_late_is_told_what_it_may_see_and_the_offset_to_go_on_from() {
    let node = node().await;
    let (mut ada, _) = in_room(&node, "ada", &["boss"]).await;
    let (mut bob, _) = in_room(&node, "bob", &[]).await;
    ada.ask(set(json!({"salaries": 9, "revenue": {"margin": 3, "gross": 9}}), json!({}))).await;
    let write = |if_offset: u64| set(json!({"salaries": 1, "revenue": 2}), json!({"if_offset": if_offset}));
    let late = bob.refused(write(0)).await;
    assert_eq!(late.code(), "conflict");
    let current = json!({"salaries": {"offset": 1}, "revenue": {"value": {"gross": 9}, "offset": 1}});
    assert_eq!(late["current"], current);
    assert!(!late.text.contains("margin") && !late.text.contains("\"value\":9"), "{}", late.text);
    let whole = ada.refused(write(0)).await;
    assert_eq!(whole["current"]["salaries"], json!({"value": 9, "offset": 1}));
    let body = json!({"set": {"salaries": 1, "revenue": 2}, "if_offset": 0});
    let (token, path) = (token_with_roles("bob", &[]), format!("/v1/rooms/{ROOM}/state"));
    let (status, over_http) = call(&node, &token, "POST", &path, &body).await;
    assert_eq!((status, &over_http["current"]), (409, &current));
    assert_eq!(call(&node, KEY, "POST", &path, &body).await.1["current"], whole["current"], "API keys see all");
    assert_eq!(bob.ask(write(1)).await["offset"], 2, "the offset that it was told holds");
}

#[tokio::test]
async fn a_token_with_other_roles_shows_other_things_from_then_on() {
    let node = node().await;
    let (mut ada, _) = in_room(&node, "ada", &[]).await;
    let (mut bob, _) = in_room(&node, "bob", &["support"]).await;
    let mut told = Vec::new();
    for roles in [&["support"][..], &["other"], &["support", "boss"]] {
        let refresh = json!({"type": "refresh", "token": token_with_roles("bob", roles)});
        assert_eq!(bob.ask(refresh).await.kind(), "refreshed");
        // Bob's own word to the room stands behind what the refresh told it, and ada's comes after that.
        bob.ask(json!({"type": "presence", "room": ROOM, "status": "busy"})).await;
        let pushed = bob.publish(ROOM, "order", order()).await;
        let entry = bob.entry(ROOM).await;
        assert_eq!(entry["offset"], pushed["offset"]);
        let history = bob.ask(json!({"type": "history", "room": ROOM, "limit": 1})).await;
        assert_eq!(history["entries"][0]["data"], entry["data"], "{roles:?}");
        told.push(entry["data"].clone());
    }
    assert_eq!(told, [order(), order_without_email(), order()]);
    for _ in 0..3 {
        assert_eq!(ada.entry(ROOM).await["data"], order_without_email(), "nobody else's view changed");
    }
    bob.ask(json!({"type": "refresh", "token": token_with_roles("bob", &[])})).await;
    let joined = bob.join_since(ROOM, &json!(ada.join(ROOM).await["cursor"])).await;
    assert_eq!((&joined["recovered"], &joined["entries"]), (&json!(true), &json!([])));
    ada.publish(ROOM, "order", order()).await;
    assert_eq!(bob.entry(ROOM).await["data"], order_without_email());
}

#[tokio::test]
async fn readers_of_several_views_hear_the_same_entries_in_the_same_order() {
    let node = node().await;
    let roles: [&[&str]; 4] = [&[], &["support"], &["boss"], &["boss", "support"]];
    let mut readers = Vec::new();
    for number in 0..12_usize {
        readers.push(in_room(&node, &format!("reader-{number}"), roles[number % 4]).await.0);
    }
    let (mut writer, _) = in_room(&node, "writer", &[]).await;
    for number in 0..30 {
        let data = json!({"n": number, "customer": {"email": "x"}, "revenue": {"margin": 1}, "salaries": 2});
        writer.command(json!({"type": "publish", "room": ROOM, "event": "e", "data": data})).await;
    }
    for (number, reader) in readers.iter_mut().enumerate() {
        let has = |role| roles[number % 4].contains(&role);
        for offset in 1..=30 {
            let entry = reader.entry(ROOM).await;
            assert_eq!((&entry["offset"], &entry["data"]["n"]), (&json!(offset), &json!(offset - 1)));
            assert_eq!(entry["data"]["customer"].get("email").is_some(), has("support"));
            assert_eq!(entry["data"]["revenue"].get("margin").is_some(), has("boss"));
            assert_eq!(entry["data"].get("salaries").is_some(), has("boss"));
        }
    }
}
