//! State and activity as backends and users without a connection write them.

use serde_json::{Value, json};

use crate::support::api::{FOREIGN_KEY, KEY, WEAK_KEY, call, get, node, request};
use crate::support::token::token_with_rooms;
use crate::support::{Client, Node, token_of};

const STATE: &str = "/v1/rooms/sales/state";
const ACTIVITY: &str = "/v1/rooms/sales/activity";

async fn set(node: &Node, bearer: &str, body: Value) -> (u16, Value) {
    call(node, bearer, "POST", STATE, &body).await
}

async fn track(node: &Node, bearer: &str, body: Value) -> (u16, Value) {
    call(node, bearer, "POST", ACTIVITY, &body).await
}

#[tokio::test]
async fn a_state_that_a_backend_writes_reaches_members_and_who_comes_later() {
    let node = node().await;
    let (mut ada, _) = Client::user_in(&node, "ada", "sales").await;
    let body = json!({"set": {"revenue": {"value": 12}, "churn": null}, "remove": ["old"]});
    let (status, written) = set(&node, KEY, body).await;
    assert_eq!((status, &written["offset"], &written["duplicate"]), (201, &json!(1), &json!(false)));
    let entry = ada.entry("sales").await;
    assert_eq!((entry.kind(), &entry["id"]), ("state", &written["entry"]));
    assert_eq!(entry["set"], json!({"revenue": {"value": 12}, "churn": null}));
    assert_eq!((&entry["removed"], &entry["from"]), (&json!(["old"]), &json!({"api": "billing"})));
    let state = json!({"revenue": {"value": 12}, "churn": null});
    assert_eq!(get(&node, KEY, "/v1/rooms/sales").await.1["state"], state);
    assert_eq!(Client::user_in(&node, "grace", "sales").await.1["state"], state);
}

#[tokio::test]
async fn a_state_written_before_anybody_came_wakes_no_room_and_is_there() {
    let node = node().await;
    assert_eq!(set(&node, KEY, json!({"set": {"a": 1.50}})).await.0, 201);
    let room = request(&node, &format!("Authorization: Bearer {KEY}\r\n"), "GET", "/v1/rooms/sales", "").await;
    assert!(room.text().contains(r#""state":{"a":1.5}"#), "{}", room.text());
    assert!(node.get("/metrics").await.text().contains("copresence_rooms 0\n"));
}

#[tokio::test]
async fn a_backend_that_lost_the_race_is_told_what_is_there_and_a_key_is_looked_at_first() {
    let node = node().await;
    let (mut ada, _) = Client::user_in(&node, "ada", "sales").await;
    let first = json!({"set": {"churn": 2}, "if_offset": 0, "key": "k-1"});
    let (_, written) = set(&node, KEY, first.clone()).await;
    ada.ask(json!({"type": "set", "room": "sales", "set": {"churn": 3}})).await;
    let (status, error) = set(&node, KEY, json!({"set": {"churn": 4}, "if_offset": 1})).await;
    assert_eq!((status, &error["code"]), (409, &json!("conflict")));
    assert_eq!(error["current"], json!({"churn": {"value": 3, "offset": 2}}));
    let (status, again) = set(&node, KEY, first).await;
    assert_eq!((status, &again["entry"], &again["duplicate"]), (200, &written["entry"], &json!(true)));
    let (status, error) = set(&node, KEY, json!({"set": {"churn": 9}, "key": "k-1"})).await;
    assert_eq!((status, &error["code"], &error["current"]), (409, &json!("conflict"), &Value::Null));
    assert_eq!(set(&node, KEY, json!({"set": {"churn": 4}, "if_offset": 2})).await.0, 201);
}

#[tokio::test]
async fn the_key_in_the_header_goes_before_the_one_in_the_body() {
    let node = node().await;
    let headers = format!("Authorization: Bearer {KEY}\r\nIdempotency-Key: k-1\r\n");
    for (path, body) in [(STATE, json!({"set": {"a": 1}, "key": "k-2"})), (ACTIVITY, json!({"action": "paid"}))] {
        let headers = if path == STATE { headers.clone() } else { headers.replace("k-1", "k-3") };
        assert_eq!(request(&node, &headers, "POST", path, &body.to_string()).await.status, 201, "{path}");
        assert_eq!(request(&node, &headers, "POST", path, &body.to_string()).await.status, 200, "{path}");
    }
    assert_eq!(set(&node, KEY, json!({"set": {"a": 1}, "key": "k-2"})).await.0, 201, "k-2 was not used");
}

#[tokio::test]
async fn a_state_too_large_is_refused_whole() {
    let node = node().await;
    let fields: serde_json::Map<_, _> = (0..1_000).map(|n| (format!("key-{n}"), json!(n))).collect();
    assert_eq!(set(&node, KEY, json!({ "set": fields })).await.0, 201);
    let (status, error) = set(&node, KEY, json!({"set": {"key-0": "changed", "one-more": 1}})).await;
    assert_eq!((status, &error["code"]), (422, &json!("over_limit")), "{error}");
    assert_eq!(get(&node, KEY, "/v1/rooms/sales").await.1["state"]["key-0"], 0);
    assert_eq!(set(&node, KEY, json!({"set": {"one-more": 1}, "remove": ["key-0"]})).await.0, 201);
}

#[tokio::test]
async fn an_activity_says_for_whom_a_backend_tracks() {
    let node = node().await;
    let (mut ada, _) = Client::user_in(&node, "ada", "sales").await;
    let body = json!({"user": "grace", "action": "filtered", "target": "kpi:revenue", "metadata": {"range": "week"}});
    let (status, written) = track(&node, KEY, body).await;
    assert_eq!((status, &written["offset"]), (201, &json!(1)));
    let entry = ada.entry("sales").await;
    assert_eq!((entry.kind(), &entry["from"]), ("activity", &json!({"api": "billing", "user": "grace"})));
    assert_eq!((&entry["action"], &entry["target"]), (&json!("filtered"), &json!("kpi:revenue")));
    assert_eq!(entry["metadata"], json!({"range": "week"}));
    assert_eq!(track(&node, KEY, json!({"action": "deployed"})).await.0, 201);
    let entry = ada.take("the second", |message| message.is("activity", "sales") && message["offset"] == 2).await;
    assert_eq!(entry["from"], json!({"api": "billing"}));
    let (_, page) = get(&node, KEY, "/v1/rooms/sales/history?kinds=activity").await;
    assert_eq!(page["entries"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn one_key_of_a_backend_counts_for_each_user_that_it_tracks_for() {
    let node = node().await;
    let by = |user: &str| json!({"user": user, "action": "paid", "key": "k-1"});
    assert_eq!(track(&node, KEY, by("ada")).await.0, 201);
    assert_eq!(track(&node, KEY, by("ada")).await.0, 200);
    assert_eq!(track(&node, KEY, by("grace")).await.0, 201, "another user's activity is not lost to it");
    let other = json!({"user": "ada", "action": "refunded", "key": "k-1"});
    assert_eq!(track(&node, KEY, other).await.0, 409);
}

#[tokio::test]
async fn a_user_without_a_connection_writes_as_that_user_and_nobody_else() {
    let node = node().await;
    let ada = token_with_rooms("ada", &json!({"sales": ["set", "track"], "old": ["join"]}));
    assert_eq!(set(&node, &ada, json!({"set": {"a": 1}})).await.0, 201);
    for user in [Value::Null, json!("ada")] {
        assert_eq!(track(&node, &ada, json!({"user": user, "action": "looked"})).await.0, 201);
    }
    let (status, error) = track(&node, &ada, json!({"user": "grace", "action": "looked"})).await;
    assert_eq!((status, &error["code"]), (403, &json!("forbidden")));
    let (_, page) = get(&node, KEY, "/v1/rooms/sales/history").await;
    let from: Vec<_> = page["entries"].as_array().unwrap().iter().map(|entry| &entry["from"]).collect();
    assert_eq!(from, [&json!({"user": "ada"}); 3]);
    for path in ["/v1/rooms/old/state", "/v1/rooms/old/activity", "/v1/rooms/sales/events"] {
        let (status, error) = call(&node, &ada, "POST", path, &json!({"set": {"a": 1}, "action": "x"})).await;
        assert_eq!((status, &error["code"]), (403, &json!("forbidden")), "{path}");
    }
}

#[tokio::test]
async fn a_users_keys_are_shared_between_sessions_and_calls() {
    let node = node().await;
    let (mut ada, _) = Client::user_in(&node, "ada", "sales").await;
    let mut command = json!({"type": "set", "room": "sales", "set": {"a": 1}, "key": "k-1"});
    let first = ada.ask(command.clone()).await;
    let (status, again) = set(&node, &token_of("ada"), json!({"set": {"a": 1}, "key": "k-1"})).await;
    assert_eq!((status, &again["entry"]), (200, &first["entry"]));
    command["type"] = json!("track");
    command["action"] = json!("looked");
    assert_eq!(ada.refused(command).await.code(), "conflict", "another kind is another content");
}

#[tokio::test]
async fn backends_are_held_to_their_rights_and_their_tenant() {
    let node = node().await;
    assert_eq!(set(&node, WEAK_KEY, json!({"set": {"a": 1}})).await.0, 403);
    assert_eq!(track(&node, WEAK_KEY, json!({"action": "x"})).await.0, 403);
    assert_eq!(set(&node, FOREIGN_KEY, json!({"set": {"a": "theirs"}})).await.0, 201);
    assert_eq!(get(&node, KEY, "/v1/rooms/sales").await.1["state"], json!({}));
}

#[tokio::test]
async fn a_body_that_is_wrong_is_refused_and_says_where() {
    let node = node().await;
    for (path, body, named) in [
        (STATE, json!({}), "set or remove"),
        (STATE, json!({"set": {"a": 1}, "remove": ["a"]}), "twice"),
        (STATE, json!({"set": {"": 1}}), "key"),
        (STATE, json!({"set": {"a": 1}, "if_offset": "1"}), "if_offset"),
        (STATE, json!([]), "an object"),
        (ACTIVITY, json!({"target": "x"}), "action"),
        (ACTIVITY, json!({"action": "x", "user": ""}), "user"),
        (ACTIVITY, json!({"action": "x", "visible_to": {"users": []}}), "visible_to"),
    ] {
        let (status, error) = call(&node, KEY, "POST", path, &body).await;
        assert_eq!((status, &error["code"]), (400, &json!("bad_message")), "{path} {body}");
        assert!(error["message"].as_str().unwrap().contains(named), "{path} {body}: {error}");
    }
}
