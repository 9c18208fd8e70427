//! What a node remembers of users: when they were here, and which of their tokens were taken back.

use serde_json::{Value, json};

use crate::support::client::End;
use crate::support::token::{SECRET, mint, seconds_from_now};
use crate::support::{Client, Message, Node, NodeConfig, http, soon, token_of};

const KEY: &str = "an-api-key-for-tests-8e1d07";

async fn node() -> Node {
    let keys = format!("[[auth.api_keys]]\nname = \"billing\"\nkey = \"{KEY}\"\n");
    Node::start(NodeConfig::default().set("session.grace_s", 1).appendix(&keys)).await
}

async fn call(node: &Node, bearer: &str, method: &str, path: &str) -> (u16, Value) {
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", node.address);
    let answer = http::send(&node.address, &format!("{head}Authorization: Bearer {bearer}\r\n\r\n")).await;
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
}

async fn last_seen(node: &Node, user: &str) -> Value {
    let (status, found) = call(node, KEY, "GET", &format!("/v1/users/{user}")).await;
    assert_eq!((status, &found["user"]), (200, &json!(user)));
    found["last_seen"].clone()
}

/// Waits until the user has no session any more, not even one that could return; when they were here.
async fn gone(node: &Node, user: &str) -> Value {
    soon("the last session to end", async {
        loop {
            let (_, found) = call(node, KEY, "GET", &format!("/v1/users/{user}")).await;
            if found["sessions"] == json!([]) {
                return found["last_seen"].clone();
            }
        }
    })
    .await
}

async fn take_back(node: &Node, user: &str, before: &str) -> u16 {
    call(node, KEY, "DELETE", &format!("/v1/users/{user}/sessions?tokens_before={before}")).await.0
}

/// A token of `user` that was made this many seconds from now.
fn made(user: &str, offset: i64) -> String {
    mint(SECRET, &json!({"sub": user, "exp": seconds_from_now(3600), "iat": seconds_from_now(offset)}))
}

/// Says `connect`; the answer, and how the connection ended when it was refused.
async fn connect(node: &Node, fields: &Value) -> (Message, Option<End>) {
    let mut client = Client::open(node).await;
    let mut command = json!({"type": "connect"});
    command.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let id = client.command(command).await;
    let reply = client.reply(id).await;
    let end = if reply.kind() == "error" { Some(client.end().await) } else { None };
    (reply, end)
}

async fn is_taken_back(node: &Node, token: &str) -> bool {
    let (reply, end) = connect(node, &json!({"token": token})).await;
    if reply.kind() == "connected" {
        return false;
    }
    assert_eq!((reply.code(), end), ("unauthorized", Some(End::Close(4401))), "{}", reply.text);
    assert!(reply.text.contains("taken back"), "{}", reply.text);
    true
}

#[tokio::test]
async fn who_left_was_last_seen_then_and_that_survives_kill_9() {
    let mut node = node().await;
    assert_eq!(last_seen(&node, "ada").await, Value::Null, "nobody saw her yet");
    let ada = Client::user(&node, "ada").await;
    let ada_too = Client::user(&node, "ada").await;
    ada.close(1000).await;
    assert_eq!(last_seen(&node, "ada").await, Value::Null, "she is here now");
    ada_too.vanish();
    let seen = gone(&node, "ada").await;
    assert!(seen.is_string(), "{seen}");
    node.kill9().await;
    let node = node.restart().await;
    assert_eq!(last_seen(&node, "ada").await, seen);
    assert_eq!(last_seen(&node, "bob").await, Value::Null);
    let ada = Client::user(&node, "ada").await;
    assert_eq!(last_seen(&node, "ada").await, Value::Null);
    drop(ada);
}

#[tokio::test]
async fn a_drain_remembers_who_was_here() {
    let mut node = node().await;
    let mut ada = Client::user(&node, "ada").await;
    let guest = Client::guest(&node, "Grace").await;
    let before = seconds_from_now(0);
    assert!(node.sigterm().await.success());
    assert_eq!(ada.end().await, End::Close(1012));
    let node = node.restart().await;
    for user in ["ada", guest.user_id()] {
        let seen = last_seen(&node, user).await;
        let seen = chrono::DateTime::parse_from_rfc3339(seen.as_str().expect("she was here")).unwrap();
        assert!(seen.timestamp() >= before, "{user} was here until {seen}");
    }
}

#[tokio::test]
async fn tokens_that_were_taken_back_hold_nowhere_and_new_ones_do() {
    let mut node = node().await;
    let (old, undated, new) = (made("ada", -10), token_of("ada"), made("ada", 0));
    let mut here = Client::with(&node, json!({"token": old})).await;
    assert_eq!(call(&node, &old, "GET", "/v1/users/me").await.0, 200);
    assert_eq!(take_back(&node, "ada", &seconds_from_now(-5).to_string()).await, 204);
    assert_eq!(here.end().await, End::Close(4403), "who is here is ended");
    // Another user's tokens are not touched, nor are they by any name that is nearly the same.
    assert!(!is_taken_back(&node, &made("bob", -10)).await && !is_taken_back(&node, &made("ada ", -10)).await);
    for life in 0..2 {
        for token in [&old, &undated] {
            assert!(is_taken_back(&node, token).await, "at connect");
            let (status, error) = call(&node, token, "GET", "/v1/users/me").await;
            assert_eq!((status, &error["code"]), (401, &json!("unauthorized")), "over HTTP");
            let mut ada = Client::with(&node, json!({"token": new})).await;
            let refused = ada.refused(json!({"type": "refresh", "token": token})).await;
            assert_eq!(refused.code(), "unauthorized", "at refresh");
            ada.ask(json!({"type": "refresh", "token": new})).await;
            // On a return, where the secret alone would do.
            let secret = ada.secret().to_owned();
            ada.vanish();
            let (reply, _) = connect(&node, &json!({"token": token, "secret": secret})).await;
            assert_eq!(reply.code(), "unauthorized", "with a secret");
            let (reply, _) = connect(&node, &json!({"token": new, "secret": secret})).await;
            assert_eq!((reply.kind(), &reply["resumed"]), ("connected", &json!(true)));
        }
        if life == 0 {
            node.kill9().await;
            node = node.restart().await;
        }
    }
}

#[tokio::test]
async fn a_guests_token_is_taken_back_like_any_other() {
    let node = node().await;
    let mut guest = Client::guest(&node, "Ada").await;
    let token = guest.connected["guest_token"].as_str().unwrap().to_owned();
    assert!(!is_taken_back(&node, &token).await);
    assert_eq!(take_back(&node, guest.user_id(), "now").await, 204);
    assert_eq!(guest.end().await, End::Close(4403));
    assert!(is_taken_back(&node, &token).await);
    assert!(Client::guest(&node, "Ada").await.connected["guest_token"].is_string(), "without it they come in anew");
}

#[tokio::test]
async fn the_time_is_one_of_three_kinds_and_never_goes_back() {
    let node = node().await;
    for bad in ["", "soon", "-1", "1.5", "+1", "2026-11-21", "99999999999999999999", "9223372036854775807", "NOW"] {
        assert_eq!(take_back(&node, "ada", bad).await, 400, "{bad:?}");
    }
    let tomorrow = seconds_from_now(86_400).to_string();
    assert_eq!(take_back(&node, "ada", &tomorrow).await, 400, "that would lock her out");
    let path = "/v1/users/ada/sessions?tokens_before=now&tokens_before=now";
    assert_eq!(call(&node, KEY, "DELETE", path).await.0, 400);
    assert_eq!(call(&node, &token_of("ada"), "DELETE", "/v1/users/ada/sessions?tokens_before=now").await.0, 403);
    assert!(!is_taken_back(&node, &token_of("ada")).await, "nothing of this did anything");
    // Both are counted from one moment: a second may begin in between.
    let now = seconds_from_now(0);
    let made_at = |iat: i64| mint(SECRET, &json!({"sub": "ada", "exp": now + 3600, "iat": iat}));
    let at = chrono::DateTime::from_timestamp(now - 5, 0).unwrap();
    assert_eq!(take_back(&node, "ada", &at.format("%Y-%m-%dT%H:%M:%SZ").to_string()).await, 204);
    assert_eq!(take_back(&node, "ada", "0").await, 204);
    assert!(is_taken_back(&node, &made_at(now - 6)).await && !is_taken_back(&node, &made_at(now - 5)).await);
    assert_eq!(take_back(&node, "ada", "now").await, 204);
    assert!(is_taken_back(&node, &made("ada", -1)).await && !is_taken_back(&node, &made("ada", 2)).await);
}

#[tokio::test]
async fn nobody_slips_in_while_their_token_is_taken_back() {
    let node = node().await;
    let token = json!({"token": made("ada", -10)});
    for _ in 0..5 {
        let connects = (0..20).map(|_| async {
            let mut client = Client::open(&node).await;
            let mut command = token.clone();
            command["type"] = json!("connect");
            client.command(command).await;
            client.end().await
        });
        let all = futures_util::future::join_all(connects);
        let (ends, status) = tokio::join!(all, take_back(&node, "ada", "now"));
        assert_eq!(status, 204);
        for end in ends {
            assert!([End::Close(4403), End::Close(4401)].contains(&end), "{end:?}");
        }
        assert_eq!(call(&node, KEY, "GET", "/v1/users/ada").await.1["sessions"], json!([]));
    }
}
