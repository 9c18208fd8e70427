//! The HTTP API and what comes in its fields: markup is data and no answer is a page; a huge list is taken whole or refused
//! whole, and whoever comes next is answered as before.

use serde_json::{Value, json};

use crate::support::api::{KEY, call, get, node, request};
use crate::support::{Client, Node, http};

/// Ends a script, begins an element, closes an attribute, turns the reading direction, and is no entity.
const HOSTILE: &str = "</script><img src=x onerror=\"alert('1')\">&lt;b&gt;\u{202e}${x}{{x}}";

/// Whether a browser that is led to this answer shows it as text at the most.
fn assert_no_page(what: &str, answer: &http::Response) {
    assert!((200..500).contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"), "{what}: {}", answer.text());
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{what}");
    assert!(serde_json::from_slice::<Value>(&answer.body).is_ok(), "{what}: {}", answer.text());
    for (name, value) in &answer.headers {
        assert!(!value.contains("onerror"), "{what}: {name}: {value}");
    }
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |path, byte| format!("{path}%{byte:02x}"))
}

async fn post(node: &Node, path: &str, body: &Value) -> http::Response {
    request(node, &format!("Authorization: Bearer {KEY}\r\n"), "POST", path, &body.to_string()).await
}

#[tokio::test]
async fn markup_in_every_field_is_data_and_no_answer_is_a_page() {
    let node = node().await;
    let (mut ada, _) = Client::user_in(&node, "ada", "desk").await;
    // As data it is taken, and everybody gets it as it came.
    let action = json!({"id": HOSTILE, "label": HOSTILE, "url": "/x?<script>"});
    let notification = json!({
        "title": HOSTILE, "message": HOSTILE, "metadata": {HOSTILE: HOSTILE}, "dedupe": HOSTILE, "actions": [action]
    });
    let calls = [
        ("/v1/rooms/desk/events", json!({"event": HOSTILE, "data": {HOSTILE: [HOSTILE]}, "key": "k"})),
        ("/v1/rooms/desk/state", json!({"set": {HOSTILE: {HOSTILE: HOSTILE}}})),
        (
            "/v1/rooms/desk/activity",
            json!({"user": HOSTILE, "action": HOSTILE, "target": HOSTILE, "metadata": [HOSTILE]}),
        ),
        ("/v1/notifications", json!({"to": {"users": ["ada", HOSTILE]}, "notification": notification})),
    ];
    for (path, body) in &calls {
        let answer = post(&node, path, body).await;
        assert_no_page(path, &answer);
        assert_eq!(answer.status, 201, "{path}: {}", answer.text());
    }
    let event = ada.next("event", "desk").await;
    assert_eq!((&event["event"], &event["data"]), (&json!(HOSTILE), &json!({HOSTILE: [HOSTILE]})));
    assert_eq!(ada.next("state", "desk").await["set"], calls[1].1["set"]);
    let activity = ada.next("activity", "desk").await;
    assert_eq!((&activity["from"]["user"], &activity["metadata"]), (&json!(HOSTILE), &json!([HOSTILE])));
    let (_, page) = get(&node, KEY, "/v1/rooms/desk/history").await;
    assert_eq!(page["entries"][0]["data"], event["data"], "history tells the same");
    let (_, inbox) = get(&node, KEY, "/v1/users/ada/inbox").await;
    let held = &inbox["notifications"][0];
    assert_eq!((&held["title"], &held["actions"][0]), (&json!(HOSTILE), &action), "{inbox}");

    // As a name, or where something else is wanted, it is refused; where the refusal shows it, it is JSON as well.
    let name = percent_encoded(HOSTILE);
    for path in [
        format!("/v1/rooms/{name}"),
        format!("/v1/rooms/{name}/history"),
        format!("/v1/users/{name}"),
        format!("/v1/users/{name}/inbox"),
        format!("/v1/users/{name}/preferences"),
        format!("/v1/rooms?prefix={name}&page={name}&limit={name}"),
        format!("/v1/rooms/desk/history?kinds={name}"),
        format!("/v1/rooms/desk/history?after={name}"),
        format!("/v1/users/ada/inbox?filter={name}&level={name}"),
        format!("/{name}"),
        format!("/v1/{name}"),
        format!("/client/{name}"),
        format!("/demo.json/{name}"),
    ] {
        let answer = request(&node, &format!("Authorization: Bearer {KEY}\r\n"), "GET", &path, "").await;
        assert_no_page(&path, &answer);
    }
    for (path, body) in [
        ("/v1/rooms/desk/events", json!({"event": HOSTILE, "data": 1, "visible_to": {HOSTILE: [HOSTILE]}})),
        ("/v1/rooms/desk/events", json!({HOSTILE: HOSTILE})),
        ("/v1/rooms/desk/events", json!(HOSTILE)),
        ("/v1/rooms/desk/state", json!({"set": {"a": 1}, "if_offset": HOSTILE})),
        ("/v1/rooms/desk/state", json!({"set": HOSTILE})),
        ("/v1/rooms/desk/activity", json!({"action": {HOSTILE: 1}})),
        ("/v1/batch", json!([{"room": HOSTILE, "event": HOSTILE, "data": HOSTILE}, {HOSTILE: 1}])),
        ("/v1/notifications", json!({"to": {HOSTILE: 1}, "notification": {"title": "t"}})),
        ("/v1/notifications", json!({"to": {"everyone": true}, "notification": {"title": "t", "level": HOSTILE}})),
        ("/v1/notifications", json!({"to": {"room": HOSTILE}, "notification": {"title": "t"}})),
        ("/v1/users/ada/inbox/mark", json!({"as": HOSTILE, "notifications": [HOSTILE]})),
    ] {
        assert_no_page(path, &post(&node, path, &body).await);
    }
    // An address that would be followed has to be one of the web.
    for url in ["javascript:alert(1)", "data:text/html,<script>", "//evil.example", "/\\evil.example", HOSTILE] {
        let action = json!({"id": "a", "label": "b", "url": url});
        let order = json!({"to": {"users": ["ada"]}, "notification": {"title": "t", "actions": [action]}});
        assert_eq!(post(&node, "/v1/notifications", &order).await.status, 400, "{url}");
    }
    for header in ["Idempotency-Key", "Origin", "X-Forwarded-For", "Accept", "User-Agent"] {
        let headers = format!("Authorization: Bearer {KEY}\r\n{header}: <img src=x onerror=alert(1)>\r\n");
        let answer = request(&node, &headers, "POST", "/v1/rooms/desk/events", r#"{"event":"e","data":1}"#).await;
        assert_no_page(header, &answer);
    }
    let answer = request(&node, "Authorization: Bearer <img src=x onerror=alert(1)>\r\n", "GET", "/v1/rooms", "").await;
    assert_no_page("a key", &answer);
}

#[tokio::test]
async fn a_huge_list_is_taken_whole_or_refused_whole() {
    let node = node().await;
    let numbers = |count: usize| (0..count).collect::<Vec<_>>();
    let names = |count: usize| (0..count).map(|n| format!("n{n}")).collect::<Vec<_>>();
    let pairs = |count: usize| names(count).into_iter().map(|name| (name, json!(1))).collect::<serde_json::Map<_, _>>();
    let event = json!({"room": "desk", "event": "e", "data": 1});
    let titled = |to: Value| json!({"to": to, "notification": {"title": "t"}});

    // What is within its bound is taken as it is.
    let list = json!({"event": "e", "data": numbers(12_000)});
    let (status, written) = call(&node, KEY, "POST", "/v1/rooms/desk/events", &list).await;
    assert_eq!((status, &written["offset"]), (201, &json!(1)));
    let (_, page) = get(&node, KEY, "/v1/rooms/desk/history").await;
    assert_eq!(page["entries"][0]["data"], list["data"]);
    let (status, results) = call(&node, KEY, "POST", "/v1/batch", &json!(vec![event.clone(); 1_000])).await;
    assert_eq!((status, results["results"].as_array().unwrap().len()), (200, 1_000));
    assert_eq!(call(&node, KEY, "POST", "/v1/notifications", &titled(json!({"users": names(1_000)}))).await.0, 201);

    // What is over it is not taken in part.
    for (path, body, statuses) in [
        ("/v1/batch", json!(vec![event.clone(); 1_001]), &[400][..]),
        ("/v1/batch", json!(vec![event; 120_000]), &[400, 413]),
        ("/v1/batch", json!(numbers(500_000)), &[400]),
        ("/v1/rooms/desk/events", json!({"event": "e", "data": numbers(20_000)}), &[413]),
        ("/v1/rooms/desk/events", json!(numbers(10_000)), &[400]),
        ("/v1/rooms/desk/events", json!({"event": "e", "data": pairs(1_025)}), &[400]),
        ("/v1/rooms/desk/events", json!({"event": "e", "data": 1, "visible_to": {"users": names(5_000)}}), &[400]),
        ("/v1/rooms/desk/events", json!({"event": "e", "data": 1, "visible_to": {"roles": names(5_000)}}), &[400]),
        ("/v1/rooms/desk/state", json!({"set": pairs(1_001)}), &[422]),
        ("/v1/rooms/desk/state", json!({"remove": names(5_000)}), &[422]),
        (
            "/v1/rooms/desk/state",
            json!({"set": pairs(600), "remove": (0..401).map(|n| format!("r{n}")).collect::<Vec<_>>()}),
            &[422],
        ),
        ("/v1/notifications", titled(json!({"users": names(1_001)})), &[400]),
        ("/v1/users/ada/inbox/mark", json!({"notifications": names(5_000), "as": "read"}), &[400]),
    ] {
        let text = body.to_string();
        let answer = post(&node, path, &body).await;
        let shown = &text[..text.len().min(80)];
        assert!(statuses.contains(&answer.status), "{path} {shown}…: {} {}", answer.status, answer.text());
        assert!(answer.body.len() < 1_000, "{path} {shown}…: an answer of {} bytes", answer.body.len());
    }
    // A list in the path's query is read no further than it counts.
    for query in [
        format!("/v1/rooms/desk/history?kinds={}", vec!["event"; 2_000].join(",")),
        format!("/v1/rooms/desk/history?{}", vec!["kinds=event"; 2_000].join("&")),
        "/v1/rooms/desk/history?limit=1000000000".to_owned(),
        "/v1/rooms?limit=1000000000".to_owned(),
        format!("/v1/rooms?prefix={}", "a".repeat(20_000)),
    ] {
        let answer = request(&node, &format!("Authorization: Bearer {KEY}\r\n"), "GET", &query, "").await;
        assert!(
            [200, 400, 414, 431].contains(&answer.status),
            "{}…: {} {}",
            &query[..50],
            answer.status,
            answer.text()
        );
    }
    let (status, written) = call(&node, KEY, "POST", "/v1/rooms/desk/events", &json!({"event": "e", "data": 1})).await;
    assert_eq!((status, &written["offset"]), (201, &json!(1_002)), "nothing of what was refused is in the log");
}
