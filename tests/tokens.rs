//! Tokens by keys other than the server's one secret: public keys, key sets of issuers, and what is asked of each.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::api;
use crate::support::client::End;
use crate::support::issuer::Issuer;
use crate::support::signer::Signer;
use crate::support::token::seconds_from_now;
use crate::support::{Client, Message, Node, NodeConfig, soon, token_of};

fn claims(more: &Value) -> Value {
    let mut claims = json!({"sub": "ada", "exp": seconds_from_now(3600)});
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    claims
}

fn with_keys(tables: &str) -> NodeConfig {
    NodeConfig::default().appendix(tables)
}

fn set_at(issuer: &Issuer, more: &str) -> NodeConfig {
    with_keys(&format!("[[auth.keys]]\nalgorithm = \"EdDSA\"\njwks_url = {:?}\n{more}", issuer.url))
}

/// Says `connect` with `token`; the answer, and how the connection ended when it was refused.
async fn connect(node: &Node, token: &str) -> (Message, Option<End>) {
    let mut client = Client::open(node).await;
    let id = client.command(json!({"type": "connect", "token": token})).await;
    let reply = client.reply(id).await;
    let end = if reply.kind() == "error" { Some(client.end().await) } else { None };
    (reply, end)
}

async fn is_admitted(node: &Node, token: &str) -> bool {
    connect(node, token).await.0.kind() == "connected"
}

/// Comes again for as long as the keys are being fetched, as a client does.
async fn connect_patiently(node: &Node, token: &str) -> Message {
    soon("an answer for good", async {
        loop {
            let (reply, end) = connect(node, token).await;
            if reply.kind() != "error" || reply.code() != "unavailable" {
                return reply;
            }
            assert_eq!((&reply["retry_after"], end), (&json!(1), Some(End::Close(4503))), "{}", reply.text);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_public_key_beside_the_secret_lets_in_its_own_tokens_into_its_own_tenant() {
    for signer in [Signer::es256(), Signer::rs256()] {
        keeps_to_its_key(&signer).await;
    }
}

async fn keeps_to_its_key(signer: &Signer) {
    let table = format!(
        "[[auth.keys]]\nalgorithm = {:?}\npem = {:?}\nkid = \"k1\"\nissuer = \"https://id.example\"\n\
         audience = \"copresence\"\ntenant = \"acme\"",
        signer.name(),
        signer.pem()
    );
    let node = Node::start(with_keys(&table)).await;
    let good = claims(&json!({"iss": "https://id.example", "aud": ["copresence", "other"]}));
    let (reply, _) = connect(&node, &signer.token_of("k1", &good)).await;
    assert_eq!((reply.kind(), &reply["tenant"]), ("connected", &json!("acme")), "{}", reply.text);
    assert!(is_admitted(&node, &token_of("bob")).await, "the secret counts as before");
    for (what, token) in [
        ("another kid", signer.token_of("k2", &good)),
        ("another issuer", signer.token_of("k1", &claims(&json!({"iss": "https://evil", "aud": "copresence"})))),
        ("no audience", signer.token_of("k1", &claims(&json!({"iss": "https://id.example"})))),
        ("another's signature", Signer::es256().token_of("k1", &good)),
        ("another algorithm", signer.token(&json!({"alg": "HS256", "kid": "k1"}), &good)),
    ] {
        let (reply, end) = connect(&node, &token).await;
        assert_eq!((reply.code(), end), ("unauthorized", Some(End::Close(4401))), "{what}: {}", reply.text);
        assert!(!node.output().contains(&token), "{what}: a token is in the log");
    }
}

#[tokio::test]
async fn a_rotated_key_is_taken_after_one_fetch_and_a_flood_of_unknown_ones_brings_no_more() {
    let (old, new) = (Signer::eddsa(), Signer::eddsa());
    let issuer = Issuer::with(&[old.jwk("old")]).await;
    let node = Node::start(set_at(&issuer, "")).await;
    assert_eq!(issuer.asked(), 1, "fetched before the first client came");
    let of_old = old.token_of("old", &claims(&json!({})));
    let of_new = new.token_of("new", &claims(&json!({})));
    assert!(is_admitted(&node, &of_old).await);
    issuer.publish(&[new.jwk("new")]);
    assert!(is_admitted(&node, &of_old).await, "the old key counts until the set says otherwise");
    assert_eq!(connect_patiently(&node, &of_new).await.kind(), "connected");
    assert_eq!(issuer.asked(), 2);
    let (reply, end) = connect(&node, &of_old).await;
    assert_eq!((reply.code(), end), ("unauthorized", Some(End::Close(4401))), "{}", reply.text);
    for number in 0..300 {
        let (reply, _) = connect(&node, &new.token_of(&format!("unknown-{number}"), &claims(&json!({})))).await;
        assert_eq!(reply.code(), "unauthorized", "{}", reply.text);
    }
    assert_eq!(issuer.asked(), 2, "one fetch a minute, however many ask");
    assert!(is_admitted(&node, &of_new).await);
}

#[tokio::test]
async fn a_call_whose_key_is_being_fetched_is_asked_to_come_again_and_nobody_has_guessed() {
    let (old, new) = (Signer::eddsa(), Signer::eddsa());
    let issuer = Issuer::with(&[old.jwk("old")]).await;
    let node = Node::start(set_at(&issuer, "").set("limits.enabled", true)).await;
    issuer.publish(&[old.jwk("old"), new.jwk("new")]);
    let headers = format!("Authorization: Bearer {}\r\n", new.token_of("new", &claims(&json!({}))));
    let mut was_asked_to = false;
    soon("the call to be taken", async {
        loop {
            let answer = api::request(&node, &headers, "GET", "/v1/rooms/sales", "").await;
            if answer.status == 200 {
                return;
            }
            assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{}", answer.text());
            was_asked_to = true;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert!(was_asked_to);
    assert!(!node.output().contains("a call of the API from"));
}

#[tokio::test]
async fn an_issuer_that_fails_takes_no_key_away() {
    let signer = Signer::eddsa();
    let issuer = Issuer::with(&[signer.jwk("k")]).await;
    let node = Node::start(set_at(&issuer, "")).await;
    issuer.answer("500 Internal Server Error", "Content-Length: 0\r\n", "");
    let unknown = connect_patiently(&node, &signer.token_of("other", &claims(&json!({})))).await;
    assert_eq!(unknown.code(), "unauthorized", "{}", unknown.text);
    assert_eq!(issuer.asked(), 2);
    assert!(node.output().contains("no keys from 127.0.0.1"), "{}", node.output());
    assert!(is_admitted(&node, &signer.token_of("k", &claims(&json!({})))).await);
}

#[tokio::test]
async fn a_set_that_cannot_be_had_is_told_and_keeps_nobody_else_out() {
    let signer = Signer::eddsa();
    let target = Issuer::with(&[signer.jwk("k")]).await;
    let huge = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(300 << 10));
    let redirect = format!("Location: {}\r\nContent-Length: 0\r\n", target.url);
    for (what, status, headers, body) in [
        ("a redirect", "302 Found", redirect.as_str(), ""),
        ("a body without end", "200 OK", "", huge.as_str()),
        ("no JSON", "200 OK", "", "<html>"),
        ("no keys", "200 OK", "", "{\"keys\":[]}"),
    ] {
        let issuer = Issuer::with(&[]).await;
        issuer.answer(status, headers, body);
        let node = Node::start(set_at(&issuer, "")).await;
        let (reply, end) = connect(&node, &signer.token_of("k", &claims(&json!({})))).await;
        assert_eq!((reply.code(), end), ("unavailable", Some(End::Close(4503))), "{what}: {}", reply.text);
        assert!(node.output().contains("no keys from"), "{what}: {}", node.output());
        assert!(is_admitted(&node, &token_of("bob")).await, "{what}");
    }
    assert_eq!(target.asked(), 0, "a redirect is not followed");
}

#[tokio::test]
async fn no_address_in_a_token_is_ever_asked() {
    let (signer, eve) = (Signer::eddsa(), Signer::eddsa());
    let (issuer, elsewhere) = (Issuer::with(&[signer.jwk("k")]).await, Issuer::with(&[eve.jwk("k")]).await);
    let node = Node::start(set_at(&issuer, "issuer = \"https://id.example\"")).await;
    let url = &elsewhere.url;
    for header in [
        json!({"alg": "EdDSA", "kid": "k"}),
        json!({"alg": "EdDSA", "kid": "other"}),
        json!({"alg": "EdDSA", "kid": url}),
        json!({"alg": "EdDSA", "kid": "k", "jku": url}),
        json!({"alg": "EdDSA", "kid": "k", "x5u": url}),
        json!({"alg": "EdDSA", "kid": "k", "iss": url}),
    ] {
        let forged = eve.token(&header, &claims(&json!({"iss": url, "aud": url, "jku": url})));
        assert_eq!(connect_patiently(&node, &forged).await.code(), "unauthorized", "{header}");
    }
    assert_eq!(elsewhere.asked(), 0);
    assert!(is_admitted(&node, &signer.token_of("k", &claims(&json!({"iss": "https://id.example"})))).await);
}

#[tokio::test]
async fn two_issuers_with_the_same_kid_keep_to_their_tenants() {
    let (acme, evil) = (Signer::eddsa(), Signer::eddsa());
    let (of_acme, of_evil) = (Issuer::with(&[acme.jwk("k")]).await, Issuer::with(&[evil.jwk("k")]).await);
    let table = |issuer: &Issuer, name| {
        format!(
            "[[auth.keys]]\nalgorithm = \"EdDSA\"\njwks_url = {:?}\nissuer = \"{name}\"\ntenant = \"{name}\"\n",
            issuer.url
        )
    };
    let node = Node::start(with_keys(&(table(&of_acme, "acme") + &table(&of_evil, "evil")))).await;
    for (signer, name) in [(&acme, "acme"), (&evil, "evil")] {
        let (reply, _) = connect(&node, &signer.token_of("k", &claims(&json!({"iss": name})))).await;
        assert_eq!(reply["tenant"], name, "{}", reply.text);
    }
    let (reply, _) = connect(&node, &evil.token_of("k", &claims(&json!({"iss": "acme", "tenant": "acme"})))).await;
    assert_eq!(reply.code(), "unauthorized", "{}", reply.text);
}

#[tokio::test]
async fn a_key_that_cannot_be_read_stops_the_start() {
    let config = with_keys("[[auth.keys]]\nalgorithm = \"RS256\"\npem = \"no/such.pem\"");
    let (status, said) = Node::refuses_to_start(config).await;
    assert_eq!(status.code(), Some(78), "{said}");
    assert!(said.contains("auth.keys[0].pem: can't read no/such.pem"), "{said}");
}

#[tokio::test]
async fn guests_through_a_proxy_have_to_be_meant() {
    let through_proxy = || NodeConfig::default().set("server.trusted_proxies", vec!["127.0.0.1"]);
    let node = Node::start(through_proxy()).await;
    assert!(node.output().contains("set auth.guests"), "{}", node.output());

    let node = Node::start(through_proxy().set("auth.guests", "off")).await;
    let mut client = Client::open(&node).await;
    assert_eq!(client.refused(json!({"type": "connect"})).await.code(), "unauthorized");

    let open = NodeConfig::default().set("auth.guests", "anyone-who-reaches-this-server");
    let node = Node::start_without_bind_flag(open.set("server.bind", "0.0.0.0:0")).await;
    let mut client = Client::open_at(&node.address.replace("0.0.0.0", "127.0.0.1")).await;
    client.connect(json!({"guest": {"name": "Ada"}})).await;
    assert!(client.connected["guest_token"].is_string());
    assert!(node.output().contains("lets in anyone"), "{}", node.output());
}

#[tokio::test]
async fn as_json_every_line_of_the_log_is_an_object_whatever_a_client_calls_itself() {
    let node = Node::start(NodeConfig::default().set("log.format", "json").env("RUST_LOG", "trace,mio=off")).await;
    let (reply, _) = connect(&node, "forged\"}\n{\"level\":\"ERROR\"\u{1b}[31m").await;
    assert_eq!(reply.code(), "unauthorized");
    let output = node.output();
    let lines: Vec<&str> = output.lines().filter(|line| !line.starts_with("Copresence is ready")).collect();
    assert!(lines.len() > 2, "{output}");
    for line in lines {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for field in ["time", "level", "target", "message"] {
            assert!(line[field].is_string(), "{field} of {line}");
        }
        assert_eq!(line.as_object().map(serde_json::Map::len), Some(4));
    }
}
