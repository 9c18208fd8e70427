//! HTTP as it should not be: two lengths, half requests, other methods, no key. Each is refused, and nothing is smuggled.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::raw::Raw;
use crate::support::{Client, Node, NodeConfig, http, soon, token_of};

const KEY: &str = "an-api-key-for-tests-5c0d1e";

fn with_key() -> NodeConfig {
    NodeConfig::default().appendix(&format!("[[auth.api_keys]]\nname = \"billing\"\nkey = \"{KEY}\"\n"))
}

/// Everything that comes back until the server ends the connection, which it must.
async fn all_of(node: &Node, bytes: &[u8]) -> String {
    let mut answer = Vec::new();
    soon("the end of the connection", async {
        let mut stream = TcpStream::connect(&node.address).await.unwrap();
        // Whether it still takes the rest is the server's affair.
        let _ = stream.write_all(bytes).await;
        while stream.read_buf(&mut answer).await.is_ok_and(|read| read > 0) {}
    })
    .await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn statuses(answer: &str) -> Vec<u16> {
    answer
        .match_indices("HTTP/1.1 ")
        .filter_map(|(at, start)| answer[at + start.len()..].get(..3)?.parse().ok())
        .collect()
}

/// A request in the body of another: whoever believes one length sees one request, whoever believes the other sees two.
#[tokio::test]
async fn a_request_that_has_two_ends_is_refused_and_nothing_behind_it_is_read() {
    let node = Node::start(with_key().set("server.request_timeout_s", 1)).await;
    let body = r#"{"event":"note","data":1}"#;
    let smuggled = format!(
        "POST /v1/rooms/smuggled/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let chunked = format!("0\r\n\r\n{smuggled}");
    for (what, framing, rest) in [
        ("two lengths that differ", "Content-Length: 5\r\nContent-Length: 6\r\n", &smuggled),
        ("two lengths that agree", "Content-Length: 0\r\nContent-Length: 0\r\n", &smuggled),
        ("a list of lengths", "Content-Length: 0, 5\r\n", &smuggled),
        ("a signed length", "Content-Length: +0\r\n", &smuggled),
        ("a negative length", "Content-Length: -1\r\n", &smuggled),
        ("a length in hexadecimal", "Content-Length: 0x0\r\n", &smuggled),
        ("an empty length", "Content-Length:\r\n", &smuggled),
        ("a length that overflows", "Content-Length: 18446744073709551616\r\n", &smuggled),
        ("a length of letters", "Content-Length: zero\r\n", &smuggled),
        ("length and chunks", "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", &chunked),
        ("chunks and length", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", &chunked),
        ("an unknown coding", "Transfer-Encoding: xchunked\r\n", &chunked),
        ("a coding behind chunks", "Transfer-Encoding: chunked, identity\r\n", &chunked),
        ("chunks twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", &chunked),
        ("a space ahead of the colon", "Content-Length : 0\r\n", &smuggled),
        ("a folded line", "X-Folded: a\r\n Content-Length: 0\r\n", &smuggled),
        ("a nul", "X-Nul: a\0b\r\n", &smuggled),
        ("a name that is none", "X Y: a\r\n", &smuggled),
    ] {
        let request = format!("POST /v1/batch HTTP/1.1\r\nHost: {}\r\n{framing}\r\n{rest}", node.address);
        let answer = all_of(&node, request.as_bytes()).await;
        // Read as one whole request or refused: what stands behind is never answered as a request with a key.
        assert!(!answer.contains(r#""offset""#), "{what} smuggled a request in: {answer}");
        let statuses = statuses(&answer);
        assert!(statuses.iter().all(|status| (400..500).contains(status)), "{what}: {answer}");
    }
    for (what, chunks) in [
        ("a chunk length that overflows", "fffffffffffffffff\r\nx\r\n0\r\n\r\n"),
        ("a chunk length that is none", "zz\r\nx\r\n0\r\n\r\n"),
        ("a negative chunk", "-1\r\nx\r\n0\r\n\r\n"),
        ("a chunk that is longer than it says", "1\r\nxyz\r\n0\r\n\r\n"),
    ] {
        let request = format!(
            "POST /v1/batch HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {KEY}\r\nTransfer-Encoding: chunked\r\n\r\n\
             {chunks}{smuggled}",
            node.address
        );
        let answer = all_of(&node, request.as_bytes()).await;
        assert!(!answer.contains(r#""offset""#), "{what} smuggled a request in: {answer}");
        assert!(statuses(&answer).iter().all(|status| (400..500).contains(status)), "{what}: {answer}");
    }
    let room = format!("GET /v1/rooms/smuggled HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n");
    let room: Value = serde_json::from_slice(&http::send(&node.address, &room).await.body).unwrap();
    assert_eq!(room["cursor"]["offset"], 0, "nothing was written");
}

#[tokio::test]
async fn credentials_count_once_in_one_place_and_a_method_is_the_one_of_the_first_line() {
    let node = Node::start(with_key()).await;
    let auth = format!("Authorization: Bearer {KEY}\r\n");
    let token = token_of("ada");
    for (what, line, headers, expected) in [
        ("the key", "GET /v1/rooms", auth.clone(), 200),
        ("a wrong key first", "GET /v1/rooms", format!("Authorization: Bearer wrong\r\n{auth}"), 401),
        ("a wrong key last", "GET /v1/rooms", format!("{auth}Authorization: Bearer wrong\r\n"), 401),
        ("the key in a cookie", "GET /v1/rooms", format!("Cookie: token={KEY}; Authorization=Bearer {KEY}\r\n"), 401),
        ("the key in the query", &format!("GET /v1/rooms?access_token={KEY}&token={KEY}"), String::new(), 401),
        ("the key in the URL", &format!("GET http://{KEY}@{}/v1/rooms", node.address), String::new(), 401),
        ("the key as a password", "GET /v1/rooms", "Authorization: Basic YmlsbGluZzprZXk=\r\n".into(), 401),
        ("a bearer of nothing", "GET /v1/rooms", "Authorization: Bearer \r\n".into(), 401),
        ("two words", "GET /v1/rooms", format!("Authorization: Bearer {KEY} {KEY}\r\n"), 401),
        ("another method beside", "GET /v1/rooms/r", format!("{auth}X-HTTP-Method-Override: DELETE\r\n"), 200),
        ("another path beside", "GET /v1/rooms/r", format!("{auth}X-Original-URL: /metrics\r\n"), 200),
        ("a method in the query", "GET /v1/sessions/s-1?_method=DELETE", auth.clone(), 405),
        ("a method in the body", "POST /v1/sessions/s-1", format!("{auth}X-Method: DELETE\r\n"), 405),
        ("an unknown method", "BREW /v1/rooms", auth.clone(), 405),
        ("a tunnel", "CONNECT evil.example:443", auth.clone(), 404),
        ("a user's token", "GET /v1/rooms/r", format!("Authorization: Bearer {token}\r\n"), 200),
    ] {
        let request = format!("{line} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\r\n", node.address);
        let answer = http::send(&node.address, &request).await;
        let is_refused_before = expected >= 400 && answer.status >= 400 && answer.status < 500;
        assert!(answer.status == expected || is_refused_before, "{what}: {} {}", answer.status, answer.text());
    }
}

/// All routes that there are, asked by somebody without a name: what they are for is answered, everything else is not.
#[tokio::test]
async fn a_stranger_gets_the_page_and_whether_the_node_lives_and_nothing_else() {
    let config = with_key().set("server.trusted_proxies", vec!["127.0.0.1"]).set("auth.guests", "off");
    let node = Node::start(config).await;
    let document: Value = serde_json::from_slice(&node.get("/openapi.json").await.body).unwrap();
    let mut paths: Vec<_> = document["paths"].as_object().unwrap().keys().cloned().collect();
    paths.push("/metrics".to_owned());
    assert!(paths.len() > 8, "{paths:?}");
    let ask = async |method: &str, path: &str| {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nX-Forwarded-For: 203.0.113.7\r\nConnection: close\r\n\
             Content-Length: 0\r\n\r\n",
            node.address
        );
        http::send(&node.address, &request).await
    };
    for path in &paths {
        let path = path.replace("{room}", "r").replace("{user}", "me").replace("{session}", "s-1");
        if ["/healthz", "/readyz", "/openapi.json", "/demo.json", "/v1/ws"].contains(&path.as_str()) {
            continue;
        }
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"] {
            let answer = ask(method, &path).await;
            assert!([401, 404, 405].contains(&answer.status), "{method} {path}: {}", answer.status);
            assert!(!answer.text().contains("cursor"), "{method} {path}: {}", answer.text());
        }
    }
    for path in ["/", "/healthz", "/readyz", "/openapi.json", "/demo.json"] {
        assert_eq!(ask("GET", path).await.status, 200, "{path}");
    }
    for path in [
        "/admin",
        "/debug",
        "/debug/pprof",
        "/.git/config",
        "/.env",
        "/config.toml",
        "/data/copresence.db",
        "/store/copresence.db",
        "/v1",
        "/v1/",
        "/v1/admin",
        "/v2/rooms",
        "/metrics/",
        "/metrics.json",
        "/server-status",
        "/..%2f..%2fetc/passwd",
        "/%2e%2e/config.toml",
        "//etc/passwd",
        "/static/../config.toml",
        "/index.php",
        "/v1/ws/x",
        "/v1//rooms",
        "/v1/rooms/r/events/",
        "/v1/rooms/r/state%00",
        "/actuator/env",
        "/socket.io/",
    ] {
        let answer = ask("GET", path).await;
        assert!([400, 401, 404, 405].contains(&answer.status), "{path}: {} {}", answer.status, answer.text());
    }
    // A stranger's WebSocket is let as far as `connect`, and no further.
    let mut stranger = Client::open(&node).await;
    assert_eq!(stranger.refused(json!({"type": "connect"})).await.code(), "unauthorized");
}

#[tokio::test]
async fn three_hundred_who_never_finish_keep_nobody_out_and_are_ended() {
    let config = NodeConfig::default().set("server.request_timeout_s", 1).set("session.connect_timeout_s", 1);
    let node = Node::start(config).await;
    let mut slow = Vec::new();
    for (number, begun) in ["", "G", "GET /v1/ws HTTP/1.1\r\nHost: x\r\nX-Slow: ", "POST /v1/batch HTTP/1.1\r\n"]
        .iter()
        .cycle()
        .take(200)
        .enumerate()
    {
        let mut stream = TcpStream::connect(&node.address).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        slow.push((number, stream));
    }
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(Raw::open(&node).await);
    }
    let (mut ada, _) = Client::user_in(&node, "ada", "lobby").await;
    ada.publish("lobby", "note", json!("not kept out")).await;
    for (number, mut stream) in slow {
        let ended = async { while stream.read_buf(&mut Vec::new()).await.is_ok_and(|read| read > 0) {} };
        soon(&format!("the end of slow connection {number}"), ended).await;
    }
    for mut raw in silent {
        assert_eq!(raw.close_code().await, Some(4408));
    }
    ada.publish("lobby", "note", json!("still here")).await;
}
