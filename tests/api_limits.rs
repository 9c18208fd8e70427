//! How fast and how slow a caller may be: what users pay over HTTP, and how long a body is waited for.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

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
            .set("limits.sets_per_s", 1)
            .set("limits.tracks_per_s", 1)
            .set("limits.joins_per_s", 1)
            .set("limits.histories_per_s", 1)
            .set("limits.marks_per_s", 1)
            .set("limits.inboxes_per_s", 1),
    )
    .await;
    for (user, method, path, body, named) in [
        ("ada", "POST", "/v1/rooms/sales/events", json!({"event": "note", "data": 1}), "1 publishes"),
        ("bob", "POST", "/v1/rooms/sales/state", json!({"set": {"a": 1}}), "1 changes of state"),
        ("cyd", "POST", "/v1/rooms/sales/activity", json!({"action": "looked"}), "1 activities"),
        ("dan", "GET", "/v1/rooms/sales/history", Value::Null, "1 readings of history"),
        ("eve", "GET", "/v1/rooms/sales", Value::Null, "1 joins"),
        ("fay", "GET", "/v1/users/me", Value::Null, "1 joins"),
        ("gus", "GET", "/v1/users/me/inbox", Value::Null, "1 readings of the inbox"),
        ("hal", "GET", "/v1/users/me/preferences", Value::Null, "1 readings of the inbox"),
        ("ivy", "POST", "/v1/users/me/inbox/mark", json!({"upto": 0, "as": "seen"}), "1 changes of the inbox"),
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

/// Sends the head of a request and then a byte of its body now and then; what the server says before it ends the
/// connection.
async fn drip(node: &Node, head: &str, chunk: &[u8]) -> String {
    let mut stream = TcpStream::connect(&node.address).await.expect("the server accepts");
    stream.write_all(head.as_bytes()).await.expect("the server reads");
    let mut answer = Vec::new();
    soon("the end of a body that drips", async {
        loop {
            tokio::select! {
                read = stream.read_buf(&mut answer) => if !matches!(read, Ok(1..)) { return },
                () = tokio::time::sleep(Duration::from_millis(50)) => if stream.write_all(chunk).await.is_err() {
                    return;
                },
            }
        }
    })
    .await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_body_that_drips_is_told_and_ended_and_so_is_one_that_nobody_reads() {
    let node = Node::start(config().set("server.request_timeout_s", 1)).await;
    let head = |path: &str, length: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\n{length}\r\n\r\n")
    };
    let (sized, chunked) = ("Content-Length: 60000", "Transfer-Encoding: chunked");
    // An empty line within what is not read any more must not buy time.
    let drips = [
        ("/v1/rooms/sales/events", sized, "x", "408"),
        ("/v1/rooms/sales/state", chunked, "1\r\nx\r\n", "408"),
        ("/v1/batch", chunked, "2\r\n\n\n\r\n", "408"),
        ("/v1/nothing", sized, "x", "404"),
        ("/v1/nothing", chunked, "1\r\nx\r\n", "404"),
        ("/v1/nothing", chunked, "5\r\na\n\n\n\n\r\n", "404"),
    ];
    let heads = drips.map(|(path, length, ..)| head(path, length));
    let answers = drips.iter().zip(&heads).map(|((.., chunk, _), head)| drip(&node, head, chunk.as_bytes()));
    let answers = futures_util::future::join_all(answers).await;
    for ((path, length, _, status), answer) in drips.into_iter().zip(answers) {
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path} {length}: {answer}");
        assert_eq!(answer.contains("\"bad_message\""), status == "408", "{path} {length}: {answer}");
    }
    assert_eq!(call(&node, KEY, "POST", events().0, &events().1).await.0, 201);
}
