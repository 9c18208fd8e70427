//! What is planted everywhere and must be found nowhere: tokens, keys and data in the log, forged lines among its lines.

use serde_json::{Value, json};

use crate::support::issuer::Issuer;
use crate::support::signer::Signer;
use crate::support::token::seconds_from_now;
use crate::support::{Client, Node, NodeConfig, SECRET, http, mint, token_of};

const ROOM: &str = "lobby";
/// Stands in everything that no line of the log may show.
const CANARY: &str = "canary-91d3f0";
const API_KEY: &str = "an-api-key-with-canary-91d3f0";

/// A node that says all it knows, with a key of every kind; and the issuer that one of them comes from.
async fn talkative() -> (Node, Signer, Issuer) {
    let signer = Signer::eddsa();
    let issuer = Issuer::with(&[signer.jwk("k1")]).await;
    let tables = format!(
        "[[auth.keys]]\nalgorithm = \"HS512\"\nsecret = \"{CANARY}-{}\"\nissuer = \"https://hs.example\"\n\
         [[auth.keys]]\nalgorithm = \"EdDSA\"\njwks_url = \"{}?key={CANARY}\"\nissuer = \"https://id.example\"\n\
         [[auth.api_keys]]\nname = \"billing\"\nkey = \"{API_KEY}\"\n",
        "s".repeat(64),
        issuer.url,
    );
    let config = NodeConfig::default().env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1").appendix(&tables);
    (Node::start(config.set("limits.enabled", true)).await, signer, issuer)
}

async fn call(node: &Node, method: &str, path: &str, headers: &str, body: &str) -> http::Response {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        node.address,
        body.len()
    );
    http::send(&node.address, &request).await
}

#[tokio::test]
async fn of_all_that_is_planted_nothing_is_in_the_log_however_it_goes_wrong() {
    let (mut node, signer, issuer) = talkative().await;
    let claims = |more: Value| {
        let mut claims =
            json!({"sub": format!("{CANARY}-sub"), "name": format!("{CANARY}-name"), "exp": seconds_from_now(60)});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    };
    let good = mint(SECRET, &claims(json!({})));
    let (message, signature) = good.rsplit_once('.').unwrap();
    let mut planted =
        vec![good.clone(), signature.to_owned(), message.to_owned(), SECRET.to_owned(), API_KEY.to_owned()];
    // Tokens that are refused for every reason that there is, over WebSocket and over HTTP, and in places for none.
    for token in [
        format!("{message}.{CANARY}"),
        mint(SECRET, &claims(json!({"exp": 1}))),
        mint(SECRET, &claims(json!({"nbf": seconds_from_now(900)}))),
        mint(SECRET, &claims(json!({"tenant": format!("{CANARY}:tenant")}))),
        mint(SECRET, &claims(json!({"rooms": {format!("{CANARY}**"): ["join"]}}))),
        mint(&format!("another-secret-{CANARY}-0123456789abcdef"), &claims(json!({}))),
        signer.token_of("unknown", &claims(json!({"iss": "https://id.example"}))),
        signer.token_of("k1", &claims(json!({"iss": format!("https://{CANARY}.example")}))),
        signer.token(&json!({"alg": "none", "kid": CANARY}), &claims(json!({}))),
        signer.token(&json!({"alg": "EdDSA", "jku": format!("https://{CANARY}.example")}), &claims(json!({}))),
        format!("{CANARY}\n{CANARY}"),
        CANARY.repeat(900),
    ] {
        let mut eve = Client::open(&node).await;
        let refused = eve.refused(json!({"type": "connect", "token": token, "secret": CANARY})).await;
        assert!(!refused.text.contains(&token), "a token is never sent back: {}", refused.text);
        let line = token.replace('\n', "");
        call(&node, "GET", "/v1/users/me", &format!("Authorization: Bearer {line}\r\n"), "").await;
        planted.push(token);
    }
    for (path, headers) in [
        (format!("/v1/rooms?token={good}"), String::new()),
        (format!("/{CANARY}?access_token={good}"), format!("Referer: https://x/{CANARY}\r\n")),
        ("/v1/rooms".to_owned(), format!("Cookie: session={CANARY}\r\nAuthorization: Basic {CANARY}\r\n")),
        (format!("/v1/ws?token={good}"), format!("Sec-WebSocket-Protocol: copresence.v1, {good}\r\n")),
        ("/v1/rooms".to_owned(), format!("Authorization: Bearer {API_KEY}\r\nUser-Agent: {CANARY}\r\n")),
    ] {
        call(&node, "GET", &path, &headers, "").await;
    }
    let auth = format!("Authorization: Bearer {API_KEY}\r\nIdempotency-Key: {CANARY}\r\n");
    for data in [format!(r#"{{"event":"note","data":"{CANARY}"}}"#), format!(r#"{{"event":"note","data":{CANARY}}}"#)] {
        call(&node, "POST", "/v1/rooms/lobby/events", &auth, &data).await;
        call(&node, "POST", "/v1/batch", &auth, &format!("[{data}]")).await;
    }
    let mut ada = Client::with(&node, json!({"token": good, "secret": CANARY})).await;
    planted.push(ada.secret().to_owned());
    ada.join(ROOM).await;
    for command in [
        json!({"type": "publish", "room": ROOM, "event": "note", "data": CANARY, "key": CANARY}),
        json!({"type": "publish", "room": ROOM, "event": "other", "data": CANARY, "key": CANARY}),
        json!({"type": "set", "room": ROOM, "set": {CANARY: CANARY}, "if_offset": 0}),
        json!({"type": "set", "room": ROOM, "set": {CANARY: CANARY}, "if_offset": 0}),
        json!({"type": "track", "room": ROOM, "action": CANARY, "metadata": CANARY}),
        json!({"type": "signal", "room": ROOM, "event": CANARY, "data": CANARY}),
        json!({"type": "presence", "room": ROOM, "state": CANARY}),
        json!({"type": "refresh", "token": CANARY}),
        json!({"type": "refresh", "token": token_of("bob")}),
        json!({"type": CANARY}),
    ] {
        ada.request(command).await;
    }
    ada.send_text(&format!("{{\"type\":\"publish\",\"data\":{CANARY}")).await;
    issuer.answer("200 OK", "", &format!("{{\"keys\":\"{CANARY}\""));
    ada.drain().await;
    let metrics = node.get("/metrics").await.text();
    node.sigterm().await;

    planted.push(CANARY.to_owned());
    let output = node.output();
    assert!(output.lines().count() > 20, "a log that says nothing proves nothing:\n{output}");
    for hidden in &planted {
        assert!(!metrics.contains(hidden.as_str()), "in the metrics: {hidden}");
        let line = output.lines().find(|line| line.contains(hidden.as_str()));
        assert!(line.is_none(), "logged: {line:?}");
    }
}

#[tokio::test]
async fn nothing_that_a_client_names_makes_a_line_of_its_own_or_commands_a_terminal() {
    let mut node = Node::start(NodeConfig::default().env("RUST_LOG", "trace").set("log.format", "json")).await;
    for evil in [
        "\r\nforged",
        "\nforged",
        "\u{1b}[2J",
        "\u{1b}]0;x\u{7}",
        "\u{202e}lol",
        "\u{2066}x",
        "\u{85}x",
        "\u{2028}x",
        "\0",
    ] {
        let name = format!("Ada{evil}");
        for fields in [
            json!({"guest": {"name": name}}),
            json!({"token": name}),
            json!({"client": name}),
            json!({"token": mint(SECRET, &json!({"sub": name, "exp": seconds_from_now(60)}))}),
            json!({"token": mint(SECRET, &json!({"sub": "ada", "name": name, "exp": seconds_from_now(60)}))}),
            json!({"token": mint(SECRET, &json!({"sub": "ada", "tenant": name, "exp": seconds_from_now(60)}))}),
        ] {
            let mut eve = Client::open(&node).await;
            let mut connect = json!({"type": "connect"});
            connect.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            let reply = eve.request(connect).await;
            if reply.kind() == "connected" {
                eve.request(json!({"type": "join", "room": name})).await;
                eve.request(json!({"type": name})).await;
                eve.join(ROOM).await;
                eve.request(json!({"type": "signal", "room": ROOM, "event": name, "data": 1})).await;
            }
            eve.reset();
        }
        let header = name.replace(['\r', '\n', '\0'], "");
        let headers = format!(
            "User-Agent: {header}\r\nX-Forwarded-For: {header}\r\nOrigin: {header}\r\nX-Request-Id: {header}\r\n"
        );
        call(&node, "GET", &format!("/{}", header.replace(' ', "%20")), &headers, "").await;
        call(&node, "GET", "/v1/rooms/%0d%0aforged%1b%5b2J", &headers, "").await;
    }
    node.sigterm().await;
    let output = node.output();
    for line in output.lines().filter(|line| !line.starts_with("Copresence is ready.")) {
        let parsed: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no line of the log: {line:?}"));
        assert!(parsed["time"].is_string() && parsed["level"].is_string(), "{line}");
        let is_raw = |c: char| {
            c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c)
        };
        assert!(!line.contains(is_raw), "{line:?}");
    }
}
