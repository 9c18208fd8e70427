//! How fast a caller may be: what users pay over HTTP, and what everybody pays in a room.

use serde_json::{Value, json};

use crate::support::api::{KEY, call, config, get, request};
use crate::support::{Client, Node, NodeConfig, soon, token_of};

fn limited() -> NodeConfig {
    config().set("limits.enabled", true).set("limits.refusals_max", 1_000_000)
}

fn events() -> (&'static str, Value) {
    ("/v1/rooms/sales/events", json!({"event": "note", "data": 1}))
}

/// Calls until it is refused for being too fast; the refusal.
async fn refused(node: &Node, bearer: &str, method: &str, (path, body): (&str, Value)) -> Value {
    let headers = format!("Authorization: Bearer {bearer}\r\n");
    soon("a refusal", async {
        loop {
            let answer = request(node, &headers, method, path, &body.to_string()).await;
            if answer.status == 429 {
                let error: Value = serde_json::from_slice(&answer.body).unwrap();
                let seconds: f64 = answer.header("retry-after").expect("Retry-After").parse().unwrap();
                let exactly = error["retry_after"].as_f64().unwrap();
                assert!(exactly > 0.0 && (0.0..1.0).contains(&(seconds - exactly)), "{seconds} for {error}");
                assert_eq!(error["code"], "rate_limited");
                return error;
            }
            assert!((200..300).contains(&answer.status), "{}: {}", answer.status, answer.text());
        }
    })
    .await
}

#[tokio::test]
async fn every_kind_of_call_of_a_user_has_the_rate_of_the_users_sessions() {
    let node = Node::start(
        limited()
            .set("limits.user_times", 1)
            .set("limits.burst_s", 1)
            .set("limits.publishes_per_s", 1)
            .set("limits.publish_burst", 1)
            .set("limits.sets_per_s", 1)
            .set("limits.tracks_per_s", 1)
            .set("limits.joins_per_s", 1)
            .set("limits.histories_per_s", 1),
    )
    .await;
    for (user, method, path, body, named) in [
        ("ada", "POST", "/v1/rooms/sales/events", json!({"event": "note", "data": 1}), "1 publishes"),
        ("bob", "POST", "/v1/rooms/sales/state", json!({"set": {"a": 1}}), "1 changes of state"),
        ("cyd", "POST", "/v1/rooms/sales/activity", json!({"action": "looked"}), "1 activities"),
        ("dan", "GET", "/v1/rooms/sales/history", Value::Null, "1 readings of history"),
        ("eve", "GET", "/v1/rooms/sales", Value::Null, "1 joins"),
        ("fay", "GET", "/v1/users/me", Value::Null, "1 joins"),
    ] {
        let error = refused(&node, &token_of(user), method, (path, body)).await;
        let told = error["message"].as_str().unwrap();
        assert!(told.contains(named) && told.contains("user's limit"), "{path}: {told}");
    }
}

#[tokio::test]
async fn who_was_refused_over_http_is_refused_over_a_connection_too() {
    // A session of her own could do as much as she may in all, so what refuses it is what she spent elsewhere.
    let slow = limited().set("limits.publishes_per_s", 1).set("limits.publish_burst", 60).set("limits.user_times", 1);
    let node = Node::start(slow).await;
    let (mut ada, _) = Client::user_in(&node, "ada", "sales").await;
    refused(&node, &token_of("ada"), "POST", events()).await;
    let publish = json!({"type": "publish", "room": "sales", "event": "note", "data": 1});
    let refusal = soon("a refusal", async {
        loop {
            let reply = ada.request(publish.clone()).await;
            if reply.kind() == "error" {
                return reply;
            }
        }
    })
    .await;
    assert!(refusal["message"].as_str().unwrap().contains("user's limit"), "{}", refusal.text);
    assert_eq!(call(&node, &token_of("bob"), "POST", events().0, &events().1).await.0, 201, "another user");
}

#[tokio::test]
async fn a_room_has_one_rate_for_sessions_users_and_backends() {
    let node = Node::start(limited().set("limits.room_publishes_per_s", 1).set("limits.burst_s", 1)).await;
    let (mut ada, _) = Client::user_in(&node, "ada", "sales").await;
    let error = refused(&node, KEY, "POST", events()).await;
    assert!(error["message"].as_str().unwrap().contains("room's limit"), "{error}");
    let error = refused(&node, &token_of("bob"), "POST", events()).await;
    assert!(error["message"].as_str().unwrap().contains("room's limit"), "{error}");
    let publish = json!({"type": "publish", "room": "sales", "event": "note", "data": 1});
    soon("a refusal over a connection", async {
        loop {
            let reply = ada.request(publish.clone()).await;
            if reply.kind() == "error" {
                assert!(reply["message"].as_str().unwrap().contains("room's limit"), "{}", reply.text);
                return;
            }
        }
    })
    .await;
    // Of a batch only what is too fast for its room is refused.
    let event = |room: &str| json!({"room": room, "event": "note", "data": 1});
    let batch: Vec<_> = (0..50).map(|_| event("flooded")).chain([event("calm")]).collect();
    let (status, answer) = call(&node, KEY, "POST", "/v1/batch", &json!(batch)).await;
    assert_eq!(status, 200);
    let results = answer["results"].as_array().unwrap();
    let taken = results[..50].iter().filter(|result| result["offset"].is_u64()).count();
    assert!((1..50).contains(&taken), "{taken}");
    assert!(results[..50].iter().all(|result| result["offset"].is_u64() || result["retry_after"].is_number()));
    assert!(results[50]["offset"].is_u64(), "{}", results[50]);
}

#[tokio::test]
async fn a_backend_pays_for_what_it_writes_alone() {
    let node = Node::start(limited().set("limits.histories_per_s", 1).set("limits.joins_per_s", 1)).await;
    for _ in 0..100 {
        assert_eq!(get(&node, KEY, "/v1/rooms/sales/history").await.0, 200);
        assert_eq!(get(&node, KEY, "/v1/rooms/sales").await.0, 200);
    }
}
