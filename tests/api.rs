//! What a backend does without a connection, and what it can't.

use serde_json::{Value, json};

use crate::support::api::{FOREIGN_KEY, KEY, WEAK_KEY, call, config, get, node, request};
use crate::support::client::End;
use crate::support::token::token_with_rooms;
use crate::support::{Client, Node, token_of};

fn event(text: &str) -> Value {
    json!({"event": "paid", "data": {"text": text}})
}

#[tokio::test]
async fn what_a_backend_writes_reaches_members_and_says_who_wrote_it() {
    let node = node().await;
    let (mut ada, _) = Client::user_in(&node, "ada", "sales").await;
    let (status, written) = call(&node, KEY, "POST", "/v1/rooms/sales/events", &event("one")).await;
    assert_eq!((status, &written["offset"], &written["duplicate"]), (201, &json!(1), &json!(false)));
    let entry = ada.entry("sales").await;
    assert_eq!(entry["id"], written["entry"]);
    assert_eq!((&entry["from"], &entry["data"]), (&json!({"api": "billing"}), &json!({"text": "one"})));
}

#[tokio::test]
async fn writing_and_reading_wake_no_room() {
    let node = node().await;
    for text in ["one", "two", "three"] {
        assert_eq!(call(&node, KEY, "POST", "/v1/rooms/sales/events", &event(text)).await.0, 201);
    }
    let (status, room) = get(&node, KEY, "/v1/rooms/sales").await;
    assert_eq!((status, &room["count"], &room["members"]), (200, &json!(0), &json!([])));
    assert_eq!(room["cursor"]["offset"], 3);
    let (_, page) = get(&node, KEY, "/v1/rooms/sales/history?limit=2").await;
    assert_eq!((&page["cursor"], &page["more"], &page["oldest"]), (&room["cursor"], &json!(true), &json!(1)));
    let texts: Vec<_> = page["entries"].as_array().unwrap().iter().map(|entry| &entry["data"]["text"]).collect();
    assert_eq!(texts, ["two", "three"]);
    let (_, page) = get(&node, KEY, "/v1/rooms/sales/history?after=1&limit=1&kinds=event").await;
    assert_eq!((&page["entries"][0]["offset"], &page["more"]), (&json!(2), &json!(true)));
    let (_, page) = get(&node, KEY, "/v1/rooms/sales/history?before=2").await;
    assert_eq!((&page["entries"][0]["offset"], &page["more"]), (&json!(1), &json!(false)));
    let (_, page) = get(&node, KEY, "/v1/rooms/sales/history?after=1&before=3").await;
    assert_eq!((page["entries"].as_array().unwrap().len(), &page["more"]), (1, &json!(false)));
    let metrics = node.get("/metrics").await.text();
    assert!(metrics.contains("\ncopresence_rooms 0\n"), "a room was opened:\n{metrics}");
    // Whoever comes later finds it all.
    let mut ada = Client::user(&node, "ada").await;
    assert_eq!(ada.join("sales").await["cursor"], room["cursor"]);
}

#[tokio::test]
async fn the_same_idempotency_key_writes_once() {
    let node = node().await;
    let write = async |key: &str, text: &str| {
        let headers = format!("Authorization: Bearer {KEY}\r\nIdempotency-Key: {key}\r\n");
        let answer = request(&node, &headers, "POST", "/v1/rooms/sales/events", &event(text).to_string()).await;
        (answer.status, serde_json::from_slice::<Value>(&answer.body).unwrap())
    };
    let (status, first) = write("k-1", "one").await;
    assert_eq!(status, 201);
    let (status, again) = write("k-1", "one").await;
    assert_eq!((status, &again["entry"], &again["duplicate"]), (200, &first["entry"], &json!(true)));
    let (status, other) = write("k-1", "two").await;
    assert_eq!((status, &other["code"]), (409, &json!("conflict")));
    assert_eq!(write(&"k".repeat(201), "two").await.0, 400);
    assert_eq!(get(&node, KEY, "/v1/rooms/sales").await.1["cursor"]["offset"], 1);
}

#[tokio::test]
async fn a_batch_is_answered_in_order_and_one_bad_event_spoils_no_other() {
    let node = node().await;
    let mut events: Vec<_> = (0..998)
        .map(|n| json!({"room": format!("r{}", n % 7), "event": "paid", "data": n, "key": format!("k{n}")}))
        .collect();
    events.insert(1, json!({"room": "../etc", "event": "paid", "data": 1}));
    events.insert(3, json!({"room": "r0", "event": "connect", "data": 1}));
    let before = batches(&node).await;
    let (status, answer) = call(&node, KEY, "POST", "/v1/batch", &json!(events)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(batches(&node).await, before + 1, "a batch is one transaction");
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 1_000);
    for (place, result) in results.iter().enumerate() {
        let is_bad = place == 1 || place == 3;
        assert_eq!(result["code"] == "bad_message", is_bad, "{place}: {result}");
        assert_eq!(result["offset"].is_u64(), !is_bad, "{place}: {result}");
    }
    let (_, again) = call(&node, KEY, "POST", "/v1/batch", &json!([events[0], events[2]])).await;
    assert_eq!((&again["results"][0]["duplicate"], &again["results"][1]["duplicate"]), (&json!(true), &json!(true)));
    for bad in [json!([]), json!({}), json!("x"), Value::Null] {
        assert_eq!(call(&node, KEY, "POST", "/v1/batch", &bad).await.0, 400, "{bad}");
    }
    events.push(events[0].clone());
    assert_eq!(call(&node, KEY, "POST", "/v1/batch", &json!(events)).await.0, 400);
}

#[tokio::test]
async fn a_batch_that_is_repeated_under_its_header_is_written_once() {
    let node = node().await;
    let headers = format!("Authorization: Bearer {KEY}\r\nIdempotency-Key: import-7\r\n");
    let mut events = json!([
        {"room": "sales", "event": "paid", "data": 1},
        {"room": "sales", "event": "paid", "data": 1},
        {"room": "sales", "event": "paid", "data": 1, "key": "own"},
    ]);
    for is_again in [false, true] {
        let answer = request(&node, &headers, "POST", "/v1/batch", &events.to_string()).await;
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        for (place, result) in answer["results"].as_array().unwrap().iter().enumerate() {
            assert_eq!((&result["offset"], &result["duplicate"]), (&json!(place + 1), &json!(is_again)), "{answer}");
        }
    }
    events[1]["data"] = json!(2);
    let answer = request(&node, &headers, "POST", "/v1/batch", &events.to_string()).await;
    let answer: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer["results"][1]["code"], "conflict", "{answer}");
    assert_eq!(get(&node, KEY, "/v1/rooms/sales").await.1["cursor"]["offset"], 3);
    let own = json!({"event": "paid", "data": 1, "key": "own"});
    let again = call(&node, KEY, "POST", "/v1/rooms/sales/events", &own).await;
    assert_eq!((again.0, &again.1["offset"]), (200, &json!(3)), "its own key goes before the header");
}

async fn batches(node: &Node) -> u64 {
    let metrics = node.get("/metrics").await.text();
    let line = metrics.lines().find_map(|line| line.strip_prefix("copresence_batches_total "));
    line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no batches in\n{metrics}"))
}

#[tokio::test]
async fn a_users_token_does_what_the_user_may_and_no_more() {
    let node = node().await;
    let ada = token_with_rooms("ada", &json!({"sales": ["join", "publish"], "old": ["history"]}));
    assert_eq!(call(&node, &ada, "POST", "/v1/rooms/sales/events", &event("one")).await.0, 201);
    assert_eq!(get(&node, &ada, "/v1/rooms/sales").await.0, 200);
    assert_eq!(get(&node, &ada, "/v1/rooms/old/history").await.0, 200);
    let (_, page) = get(&node, KEY, "/v1/rooms/sales/history").await;
    assert_eq!(page["entries"][0]["from"], json!({"user": "ada"}));
    let (status, me) = get(&node, &ada, "/v1/users/me").await;
    assert_eq!((status, &me["user"]), (200, &json!("ada")));
    for (method, path) in [
        ("POST", "/v1/rooms/old/events"),
        ("GET", "/v1/rooms/old"),
        ("GET", "/v1/rooms/sales/history"),
        ("GET", "/v1/users/grace"),
        ("GET", "/v1/rooms"),
        ("POST", "/v1/batch"),
        ("DELETE", "/v1/users/ada/sessions"),
        ("DELETE", "/v1/sessions/s-1"),
    ] {
        let (status, answer) = call(&node, &ada, method, path, &event("x")).await;
        assert_eq!((status, &answer["code"]), (403, &json!("forbidden")), "{method} {path}");
    }
}

#[tokio::test]
async fn a_key_of_a_message_is_shared_between_a_users_sessions_and_token() {
    let node = node().await;
    let (mut ada, _) = Client::user_in(&node, "ada", "sales").await;
    let first = ada.publish_keyed("sales", "k-1", json!(1)).await;
    let body = json!({"event": "note", "data": 1, "key": "k-1"});
    let (status, again) = call(&node, &token_of("ada"), "POST", "/v1/rooms/sales/events", &body).await;
    assert_eq!((status, &again["entry"]), (200, &first["entry"]));
    assert_eq!(call(&node, KEY, "POST", "/v1/rooms/sales/events", &body).await.0, 201, "a backend's keys are its own");
}

#[tokio::test]
async fn keys_are_held_to_their_rights_and_their_tenant() {
    let node = node().await;
    let (_ada, _) = Client::user_in(&node, "ada", "sales").await;
    call(&node, KEY, "POST", "/v1/rooms/sales/events", &event("one")).await;
    assert_eq!(get(&node, WEAK_KEY, "/v1/rooms/sales/history").await.0, 200);
    for (method, path) in [
        ("POST", "/v1/rooms/sales/events"),
        ("POST", "/v1/batch"),
        ("DELETE", "/v1/users/ada/sessions"),
        ("DELETE", "/v1/sessions/s-1"),
    ] {
        assert_eq!(call(&node, WEAK_KEY, method, path, &event("x")).await.0, 403, "{method} {path}");
    }
    assert_eq!(get(&node, FOREIGN_KEY, "/v1/rooms").await.1["rooms"], json!([]));
    assert_eq!(get(&node, FOREIGN_KEY, "/v1/rooms/sales").await.1["cursor"]["offset"], 0);
    assert_eq!(get(&node, FOREIGN_KEY, "/v1/users/ada").await.1["sessions"], json!([]));
    assert_eq!(call(&node, FOREIGN_KEY, "DELETE", "/v1/users/ada/sessions", &Value::Null).await.0, 204);
    assert_eq!(get(&node, KEY, "/v1/users/ada").await.1["sessions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn rooms_are_listed_page_by_page_while_somebody_is_in_them() {
    let node = node().await;
    let mut ada = Client::user(&node, "ada").await;
    let mut grace = Client::user(&node, "grace").await;
    for room in ["sales:1", "sales:2", "sales:3", "other"] {
        ada.join(room).await;
    }
    grace.join("sales:2").await;
    grace.ask(json!({"type": "join", "room": "sales:watched", "presence": false})).await;
    let (_, page) = get(&node, KEY, "/v1/rooms?prefix=sales&limit=2").await;
    let expected =
        json!({"rooms": [{"room": "sales:1", "count": 1}, {"room": "sales:2", "count": 2}], "next": "sales:2"});
    assert_eq!(page, expected);
    let (_, page) = get(&node, KEY, "/v1/rooms?prefix=sales&limit=2&page=sales:2").await;
    assert_eq!(page, json!({"rooms": [{"room": "sales:3", "count": 1}], "next": null}));
    let (_, room) = get(&node, KEY, "/v1/rooms/other").await;
    assert_eq!((&room["count"], &room["members"][0]["user"]), (&json!(1), &json!("ada")));
    let (_, user) = get(&node, KEY, "/v1/users/grace").await;
    assert_eq!(user["rooms"], json!(["sales:2", "sales:watched"]));
    assert_eq!((&user["sessions"], &user["last_seen"]), (&json!([grace.session()]), &Value::Null));
}

#[tokio::test]
async fn a_session_that_a_backend_ends_is_closed_with_4403_and_does_not_return() {
    let node = node().await;
    let (mut ada, _) = Client::user_in(&node, "ada", "sales").await;
    let (mut ada_too, _) = Client::user_in(&node, "ada", "sales").await;
    let (mut grace, _) = Client::user_in(&node, "grace", "sales").await;
    let path = format!("/v1/sessions/{}", ada.session());
    assert_eq!(call(&node, KEY, "DELETE", &path, &Value::Null).await.0, 204);
    assert_eq!(ada.end().await, End::Close(4403));
    assert_eq!(call(&node, KEY, "DELETE", &path, &Value::Null).await.0, 404);
    let again = ada.resume(&node, "ada").await;
    assert_eq!(again.connected["resumed"], false);
    again.close(1000).await;
    assert_eq!(call(&node, KEY, "DELETE", "/v1/users/ada/sessions", &Value::Null).await.0, 204);
    assert_eq!(ada_too.end().await, End::Close(4403));
    grace.presence("left", "sales", "ada").await;
    let metrics = node.get("/metrics").await.text();
    assert!(metrics.contains("copresence_closes_total{code=\"4403\"} 2\n"), "{metrics}");
}

#[tokio::test]
async fn a_session_in_its_grace_time_is_ended_as_well() {
    let node = node().await;
    let (ada, _) = Client::user_in(&node, "ada", "sales").await;
    let (mut grace, _) = Client::user_in(&node, "grace", "sales").await;
    let path = format!("/v1/sessions/{}", ada.session());
    ada.vanish();
    loop {
        let (_, user) = get(&node, KEY, "/v1/users/ada").await;
        if user["last_seen"].is_string() {
            assert_eq!(user["rooms"], json!(["sales"]));
            break;
        }
    }
    assert_eq!(call(&node, KEY, "DELETE", &path, &Value::Null).await.0, 204);
    grace.presence("left", "sales", "ada").await;
}

#[tokio::test]
async fn what_is_no_call_is_refused_in_the_form_of_all_errors() {
    let node = node().await;
    let auth = format!("Authorization: Bearer {KEY}\r\n");
    let deep = format!("{{\"event\":\"e\",\"data\":{}{}}}", "[".repeat(40), "]".repeat(40));
    let large = format!("{{\"event\":\"e\",\"data\":\"{}\"}}", "x".repeat(70_000));
    for (headers, method, path, body, status) in [
        (auth.as_str(), "POST", "/v1/rooms/sales/events", "{}", 400),
        (&auth, "POST", "/v1/rooms/sales/events", "not json", 400),
        (&auth, "POST", "/v1/rooms/sales/events", "{\"event\":\"e\",\"data\":1,\"data\":2}", 400),
        (&auth, "POST", "/v1/rooms/sales/events", deep.as_str(), 400),
        (&auth, "POST", "/v1/rooms/sales/events", large.as_str(), 413),
        (&auth, "POST", "/v1/rooms/%2e%2e%2fetc/events", "{}", 400),
        (&auth, "POST", "/v1/rooms/@me/events", "{}", 400),
        (&auth, "GET", "/v1/rooms/a%ff", "", 400),
        (&auth, "GET", "/v1/rooms?limit=0", "", 400),
        (&auth, "GET", "/v1/rooms?limit=1&limit=2", "", 400),
        (&auth, "GET", "/v1/rooms/sales/history?after=-1", "", 400),
        (&auth, "GET", "/v1/rooms/sales/history?limit=x", "", 400),
        (&auth, "DELETE", "/v1/users/ada/sessions?tokens_before=soon", "", 400),
        (&auth, "PUT", "/v1/rooms/sales/events", "", 405),
        (&auth, "TRACE", "/v1/rooms", "", 405),
        (&auth, "OPTIONS", "/v1/batch", "", 405),
        (&auth, "POST", "/v1/ws", "", 405),
        (&auth, "GET", "/v1/nothing", "", 404),
        ("", "GET", "/v1/rooms", "", 401),
        ("Authorization: Basic eDp5\r\n", "GET", "/v1/rooms", "", 401),
        ("Authorization: Bearer wrong\r\n", "GET", "/v1/rooms", "", 401),
        ("Authorization: Bearer a.b.c\r\n", "GET", "/v1/rooms", "", 401),
    ] {
        let answer = request(&node, headers, method, path, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        let error: Value = serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("{method} {path}"));
        assert_eq!(error["type"], "error", "{method} {path}");
        assert_eq!(answer.header("allow").is_some(), status == 405, "{method} {path}");
        assert_eq!(answer.header("www-authenticate").is_some(), status == 401, "{method} {path}");
    }
}

#[tokio::test]
async fn pages_of_listed_origins_may_call_and_others_learn_nothing() {
    let node = Node::start(config().set("server.origins", vec!["https://board.example.com"])).await;
    let ahead = "Access-Control-Request-Method: POST\r\nOrigin: ";
    let granted = request(&node, &format!("{ahead}https://board.example.com\r\n"), "OPTIONS", "/v1/batch", "").await;
    assert_eq!(
        (granted.status, granted.header("access-control-allow-origin")),
        (204, Some("https://board.example.com"))
    );
    let refused = request(&node, &format!("{ahead}https://evil.example\r\n"), "OPTIONS", "/v1/batch", "").await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (405, None));
    let origin = format!("Authorization: Bearer {KEY}\r\nOrigin: https://board.example.com\r\n");
    let answer = request(&node, &origin, "GET", "/v1/rooms", "").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://board.example.com"));
    assert_eq!(answer.header("vary"), Some("Origin"));
}

#[tokio::test]
async fn guessing_keys_gets_slow_and_the_log_tells_it_once_without_the_guesses() {
    let mut node = Node::start(config().set("limits.enabled", true).env("RUST_LOG", "trace")).await;
    let statuses: Vec<_> = futures_util::future::join_all((0..25).map(|n| {
        let node = &node;
        async move { get(node, &format!("guess-canary-{n}"), "/v1/rooms").await.0 }
    }))
    .await;
    assert!(statuses.iter().all(|status| [401, 429].contains(status)), "{statuses:?}");
    let answer = request(&node, &format!("Authorization: Bearer {KEY}\r\n"), "GET", "/v1/rooms", "").await;
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").is_some());
    node.sigterm().await;
    let output = node.output();
    assert_eq!(output.matches("a call of the API from").count(), 1, "{output}");
    assert!(!output.contains("guess-canary") && !output.contains(KEY));
}

#[tokio::test]
async fn the_document_for_machines_names_each_call_and_its_method() {
    let node = node().await;
    let document: Value = serde_json::from_slice(&node.get("/openapi.json").await.body).unwrap();
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let auth = format!("Authorization: Bearer {KEY}\r\n");
    for (template, calls) in document["paths"].as_object().unwrap() {
        let path = template.replace("{room}", "r").replace("{user}", "u").replace("{session}", "s");
        let taken: Vec<_> = calls.as_object().unwrap().keys().map(|name| name.to_uppercase()).collect();
        for method in ["GET", "POST", "DELETE"] {
            let answer = request(&node, &auth, method, &path, "{}").await;
            let is_taken = taken.iter().any(|name| name == method);
            assert_eq!(answer.status != 405, is_taken, "{method} {path}: {}", answer.status);
            if is_taken {
                let told = &calls[method.to_lowercase()]["responses"][answer.status.to_string()];
                assert!(told.is_object(), "{method} {path} is not said to answer {}", answer.status);
            }
        }
    }
}

#[tokio::test]
async fn metrics_are_for_this_machine_or_for_keys() {
    let open = node().await;
    let (_ada, _) = Client::user_in(&open, "ada", "sales").await;
    let metrics = open.get("/metrics").await;
    assert!(metrics.header("content-type").is_some_and(|kind| kind.starts_with("text/plain; version=0.0.4")));
    for line in ["copresence_connections 1", "copresence_sessions 1", "copresence_rooms 1"] {
        assert!(metrics.text().lines().any(|one| one == line), "{line} in\n{}", metrics.text());
    }
    // Behind a proxy that brings others, this machine is not the one that asks.
    let proxied = Node::start(config().set("server.trusted_proxies", vec!["127.0.0.1"])).await;
    let from_afar = "X-Forwarded-For: 203.0.113.7\r\n";
    assert_eq!(request(&proxied, from_afar, "GET", "/metrics", "").await.status, 401);
    let with_token = format!("{from_afar}Authorization: Bearer {}\r\n", token_of("ada"));
    assert_eq!(request(&proxied, &with_token, "GET", "/metrics", "").await.status, 403);
    let with_key = format!("{from_afar}Authorization: Bearer {KEY}\r\n");
    assert_eq!(request(&proxied, &with_key, "GET", "/metrics", "").await.status, 200);
}
