//! What operators and browsers meet: health, the page, origins, logs.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::client::End;
use crate::support::{Client, Node, NodeConfig, SECRET, http, soon, token_of};

#[tokio::test]
async fn health_and_readiness_are_told() {
    let node = Node::start(NodeConfig::default()).await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(node.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_404_in_the_form_of_all_errors() {
    let node = Node::start(NodeConfig::default()).await;
    for path in
        ["/nowhere", "/v1/nowhere", "/static/../Cargo.toml", "/../config.toml", "/%2e%2e/config.toml", "//etc/passwd"]
    {
        let answer = node.get(path).await;
        assert!(matches!(answer.status, 404 | 400), "{path}: {}", answer.status);
        if answer.status == 404 {
            assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
            let error: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!("not_found")), "{path}");
        }
    }
}

#[tokio::test]
async fn the_page_is_served_and_asks_nobody_else_for_anything() {
    let node = Node::start(NodeConfig::default()).await;
    let page = node.get("/").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    let policy = page.header("content-security-policy").expect("the page has a policy");
    assert!(policy.contains("default-src") && !policy.contains("unsafe-inline") && !policy.contains('*'), "{policy}");
    let html = page.text();
    assert!(html.to_lowercase().contains("<!doctype html>"));
    for outside in ["src=\"http", "src=\"//", "href=\"//", "@import"] {
        assert!(!html.contains(outside), "the page asks for {outside}");
    }
}

#[tokio::test]
async fn other_sites_are_refused_and_ones_own_and_programs_let_in() {
    let node = Node::start(NodeConfig::default().set("server.origins", vec!["https://board.example.com"])).await;
    let address = &node.address;
    let port = address.rsplit_once(':').unwrap().1;
    // Behind a proxy that ends TLS, the page's scheme is https and the server's is not: both are its own host.
    for origin in [&format!("http://{address}"), &format!("https://{address}"), "https://board.example.com"] {
        assert_eq!(http::upgrade(address, &format!("Origin: {origin}\r\n")).await.status, 101, "{origin}");
    }
    assert_eq!(http::upgrade(address, "").await.status, 101, "who sends no Origin is no browser");
    for origin in [
        "null",
        "https://evil.example",
        "http://board.example.com",
        "https://board.example.com.evil.example",
        "https://board.example.com:8443",
        "https://evil-board.example.com",
        "https://board.example.com@evil.example",
        "https://board.example.co",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        &format!("http://localhost:{port}"),
        &format!("http://{address}.evil.example"),
        &format!("http://evil.example#{address}"),
        &format!("http://{address}/"),
        "",
    ] {
        let answer = http::upgrade(address, &format!("Origin: {origin}\r\n")).await;
        assert_eq!(answer.status, 403, "{origin:?}");
    }
    // A page that was opened by another name of this machine asks that name, and so is at home.
    let by_name = format!("Host: localhost:{port}\r\nOrigin: http://localhost:{port}\r\n");
    assert_eq!(http::upgrade(address, &by_name).await.status, 101);
}

#[tokio::test]
async fn a_page_whose_name_was_made_to_point_here_is_no_guest() {
    let node = Node::start(NodeConfig::default().set("server.origins", vec!["https://board.example.com"])).await;
    let port = node.address.rsplit_once(':').unwrap().1;
    for ours in [&format!("localhost:{port}"), &format!("a.localhost:{port}"), "board.example.com"] {
        Client::open_with(&node, &[("host", ours)]).await.connect(json!({})).await;
    }
    let guest_token = Client::guest(&node, "Ada").await.connected["guest_token"].as_str().unwrap().to_owned();
    let get = async |host: &str, token: &str, path: &str| {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        http::send(&node.address, &format!("{head}Authorization: Bearer {token}\r\n\r\n")).await.status
    };
    for foreign in
        [&format!("evil.example:{port}"), &format!("localhost.evil.example:{port}"), "127.0.0.1.evil.example"]
    {
        // The browser says that the page is of the very host that it asks, which is so.
        let origin = format!("http://{foreign}");
        let headers = [("host", foreign), ("origin", &origin)];
        for hello in [json!({}), json!({"guest": {"name": "Eve"}}), json!({"token": guest_token})] {
            let mut eve = Client::open_with(&node, &headers).await;
            let mut connect = hello.clone();
            connect["type"] = json!("connect");
            let refused = eve.refused(connect).await;
            assert_eq!(refused.code(), "unauthorized", "{foreign} {hello}");
            assert!(refused["message"].as_str().unwrap().contains("server.origins"), "{}", refused.text);
            assert_eq!(eve.end().await, End::Close(4401), "{foreign} {hello}");
        }
        // Whoever has an account is who they are by any name.
        let mut user = Client::open_with(&node, &headers).await;
        user.connect(json!({"token": token_of("bob")})).await;
        assert_eq!(user.refused(json!({"type": "refresh", "token": guest_token})).await.code(), "unauthorized");
        assert_eq!(get(foreign, &guest_token, "/v1/rooms/lobby/history").await, 401, "{foreign}");
        assert_eq!(get(foreign, &token_of("bob"), "/v1/rooms/lobby/history").await, 200, "{foreign}");
        assert_eq!(get(foreign, "", "/metrics").await, 401, "{foreign}");
    }
    assert_eq!(get("localhost", &guest_token, "/v1/rooms/lobby/history").await, 200);
    assert_eq!(get("localhost", "", "/metrics").await, 200);
}

#[tokio::test]
async fn guests_that_are_meant_come_by_any_name() {
    let node = Node::start(NodeConfig::default().set("auth.guests", "anyone-who-reaches-this-server")).await;
    Client::open_with(&node, &[("host", "board.example.com")]).await.connect(json!({})).await;
}

#[tokio::test]
async fn a_cookie_proves_nothing() {
    let node = Node::start(NodeConfig::default().set("auth.guests", "off")).await;
    let token = token_of("ada");
    let secret = Client::user(&node, "ada").await.secret().to_owned();
    let cookie = format!("token={token}; access_token={token}; session={secret}; secret={secret}");
    let headers = format!("Cookie: {cookie}\r\n");
    let of_another = http::upgrade(&node.address, &format!("{headers}Origin: https://evil.example\r\n")).await;
    assert_eq!(of_another.status, 403);
    let mut eve = Client::open_with(&node, &[("cookie", &cookie)]).await;
    assert_eq!(eve.refused(json!({"type": "connect"})).await.code(), "unauthorized");
    assert_eq!(eve.end().await, End::Close(4401));
    let get = format!("GET /v1/rooms/lobby/history HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", node.address);
    assert_eq!(http::send(&node.address, &get).await.status, 401);
}

#[tokio::test]
async fn an_upgrade_that_is_none_is_refused_politely() {
    let node = Node::start(NodeConfig::default()).await;
    let plain = node.get("/v1/ws").await;
    assert!((400..500).contains(&plain.status), "{}", plain.status);
    let old = format!(
        "GET /v1/ws HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 99\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        node.address
    );
    assert!((400..500).contains(&http::send(&node.address, &old).await.status));
}

#[tokio::test]
async fn the_token_and_the_data_are_never_in_the_logs() {
    const CANARY: &str = "canary-7d1c0f";
    let mut node = Node::start(NodeConfig::default().env("RUST_LOG", "trace,actix_http=trace")).await;
    let token = token_of("ada");
    let mut ada = Client::with(&node, json!({"token": token})).await;
    let secret = ada.secret().to_owned();
    ada.ask(json!({"type": "join", "room": "lobby", "presence": {"state": {"text": format!("{CANARY}-state")}}})).await;
    ada.publish("lobby", "note", json!(format!("{CANARY}-data"))).await;
    ada.publish_keyed("lobby", "k-1", json!(format!("{CANARY}-keyed"))).await;
    let conflict =
        json!({"type": "publish", "room": "lobby", "event": "note", "data": format!("{CANARY}-other"), "key": "k-1"});
    ada.refused(conflict).await;
    ada.ask(json!({"type": "signal", "room": "lobby", "event": "cursor", "data": format!("{CANARY}-signal")})).await;
    ada.send_text(&format!("not json {CANARY}-junk")).await;
    ada.refused(json!({"type": "publish", "room": format!("../{CANARY}-room"), "event": "note", "data": 1})).await;
    ada.refused(
        json!({"type": "publish", "room": "lobby", "event": "note", "data": format!("{CANARY}{}", "x".repeat(70_000))}),
    )
    .await;
    let mut guest = Client::guest(&node, "guest").await;
    let guest_token = guest.connected["guest_token"].as_str().unwrap().to_owned();
    guest.join("lobby").await;
    let forged = format!("{}x", token_of(&format!("{CANARY}-sub")));
    let mut refused = Client::open(&node).await;
    refused.refused(json!({"type": "connect", "token": forged})).await;
    refused.end().await;
    node.get(&format!("/nowhere?token={CANARY}-query")).await;
    ada.reset();
    node.sigterm().await;

    let output = node.output();
    let signature = |token: &str| token.rsplit('.').next().unwrap().to_owned();
    for hidden in [&token, &secret, SECRET, &guest_token, &forged, &signature(&token), &signature(&guest_token), CANARY]
    {
        let line = output.lines().find(|line| line.contains(hidden));
        assert!(line.is_none(), "logged: {line:?}");
    }
}

#[tokio::test]
async fn a_thousand_connections_with_garbage_are_counted_and_a_few_are_told() {
    const KINDS: [&[u8]; 5] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 no TLS here\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\x00\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"\xff\xfe\xfd\r\n\r\n",
    ];
    // Whoever asks for more of everything asks for these lines least of all.
    let mut node = Node::start(NodeConfig::default().env("RUST_LOG", "info")).await;
    let before = node.output().lines().count();
    for _ in 0..20 {
        let address = &node.address;
        let flood = KINDS.iter().cycle().take(50).map(async |garbage| {
            let mut stream = TcpStream::connect(address).await.expect("the server accepts");
            // It may be closed before all is sent.
            let _ = stream.write_all(garbage).await;
            let mut answer = Vec::new();
            let _ = soon("a garbage connection to end", stream.read_to_end(&mut answer)).await;
        });
        futures_util::future::join_all(flood).await;
    }
    let metrics = node.get("/metrics").await.text();
    let counted = metrics.lines().find_map(|line| line.strip_prefix("copresence_requests_unreadable_total "));
    assert_eq!(counted, Some("1000"));
    // Refused connects are strangers' too.
    for _ in 0..50 {
        let mut stranger = Client::open(&node).await;
        stranger.refused(json!({"type": "connect", "token": "a.b.c"})).await;
    }
    node.sigterm().await;
    let output = node.output();
    let told = |words: &str| output.lines().filter(|line| line.contains(words)).count();
    // Ten in ten seconds, and this test may take a few of those.
    for words in ["no request that can be read", "was refused: "] {
        assert!((10..50).contains(&told(words)), "{words} was told {} times", told(words));
    }
    let lines = output.lines().count() - before;
    assert!(lines < 120, "{lines} lines:\n{output}");
}

#[tokio::test]
async fn what_a_client_says_can_not_forge_a_line_of_the_log() {
    let mut node = Node::start(NodeConfig::default().env("RUST_LOG", "debug")).await;
    let mut ada = Client::open(&node).await;
    let name = "Ada\n2026-01-01 ERROR forged\u{1b}[31m";
    ada.send(&json!({"type": "connect", "id": 1, "guest": {"name": name}, "client": format!("x\r\nforged{name}")}))
        .await;
    let answer = ada.reply(1).await;
    assert!(answer.kind() == "connected" || answer.kind() == "error", "{}", answer.text);
    ada.reset();
    node.sigterm().await;
    let forged =
        node.output().lines().any(|line| line.starts_with("2026-01-01 ERROR forged") || line.starts_with("forged"));
    assert!(!forged && !node.output().contains("\u{1b}[31m"), "{}", node.output());
}
