//! Users who are forgotten: `DELETE /v1/users/{user}`.

use serde_json::{Value, json};

use crate::support::api::{FOREIGN_KEY, KEY, WEAK_KEY, call, config, get, node};
use crate::support::client::End;
use crate::support::token::{SECRET, mint, seconds_from_now};
use crate::support::{Client, Message, Node, soon, token_of};

async fn forget(node: &Node, user: &str) -> u16 {
    call(node, KEY, "DELETE", &format!("/v1/users/{user}"), &Value::Null).await.0
}

async fn notify(node: &Node, to: Value) -> Value {
    let body = json!({"to": to, "notification": {"title": "t", "critical": true}});
    let (status, answer) = call(node, KEY, "POST", "/v1/notifications", &body).await;
    assert_eq!(status, 201, "{answer}");
    answer["recipients"].clone()
}

/// How many notifications there are, and what the counts say.
async fn inbox(node: &Node, user: &str) -> (usize, Value) {
    let (status, inbox) = get(node, KEY, &format!("/v1/users/{user}/inbox")).await;
    assert_eq!(status, 200, "{inbox}");
    let count = inbox["notifications"].as_array().unwrap().len();
    (count, json!([inbox["unread"], inbox["unseen"], inbox["offset"]]))
}

fn nothing() -> (usize, Value) {
    (0, json!([0, 0, 0]))
}

/// Says `connect` as this user with a cursor of `@me`; the answer.
async fn back(node: &Node, user: &str, since: &Value) -> Client {
    Client::with(node, json!({"token": token_of(user), "since": since})).await
}

/// The cursor at an entry of the life that `client` was told of.
fn cursor_at(client: &Client, entry: &Message) -> Value {
    json!({"epoch": client.connected["cursor"]["epoch"], "offset": entry["offset"], "entry": entry["id"]})
}

#[tokio::test]
async fn a_forgotten_user_is_ended_has_nothing_and_a_cursor_of_before_is_told_so() {
    let node = node().await;
    let mut ada = Client::user(&node, "ada").await;
    let away = Client::user(&node, "ada").await;
    let start = ada.connected["cursor"].clone();
    notify(&node, json!({"users": ["ada", "bob"]})).await;
    let heard = ada.next("notification", "@me").await;
    let cursor = cursor_at(&ada, &heard);
    let secret = away.secret().to_owned();
    away.vanish();
    ada.ask(json!({"type": "preferences", "set": {"toasts": false}})).await;
    for _ in 0..2 {
        assert_eq!(forget(&node, "ada").await, 204);
        assert_eq!(inbox(&node, "ada").await, nothing());
    }
    assert_eq!(ada.end().await, End::Close(4403));
    assert_eq!(inbox(&node, "bob").await.0, 1, "another one's is as it was");
    let (_, found) = get(&node, KEY, "/v1/users/ada").await;
    assert_eq!((&found["sessions"], &found["last_seen"]), (&json!([]), &Value::Null));
    for since in [&cursor, &start] {
        let again = back(&node, "ada", since).await;
        let told = &again.connected;
        assert_eq!((&told["recovered"], &told["reason"]), (&json!(false), &json!("epoch_changed")), "{told}");
        assert_eq!(told["counts"], json!({"unread": 0, "unseen": 0, "offset": 0}));
        assert_ne!(told["cursor"]["epoch"], cursor["epoch"]);
    }
    let mut again = Client::with(&node, json!({"token": token_of("ada"), "secret": secret})).await;
    assert_eq!(again.connected["resumed"], false, "the secret went with the session");
    let read = again.ask(json!({"type": "preferences"})).await;
    assert_eq!(read["preferences"]["toasts"], true);
    // Who is back begins anew, at once.
    notify(&node, json!({"users": ["ada"]})).await;
    let heard = again.next("notification", "@me").await;
    assert_eq!((&heard["offset"], &heard["unread"]), (&json!(1), &json!(1)));
    let again = back(&node, "ada", &cursor_at(&again, &heard)).await;
    assert_eq!(again.connected["recovered"], true);
}

#[tokio::test]
async fn who_is_forgotten_is_reached_by_no_room_no_role_and_not_as_everyone() {
    let node = node().await;
    let claims = |user: &str| json!({"sub": user, "exp": seconds_from_now(3600), "roles": ["editor"]});
    for user in ["ada", "bob"] {
        let mut client = Client::with(&node, json!({"token": mint(SECRET, &claims(user))})).await;
        client.ask(json!({"type": "follow", "room": "dashboard:sales"})).await;
        client.close(1000).await;
    }
    let everybody = [json!({"room": "dashboard:sales"}), json!({"role": "editor"}), json!({"everyone": true})];
    for to in &everybody {
        assert_eq!(notify(&node, to.clone()).await, 2, "{to}");
    }
    assert_eq!(forget(&node, "ada").await, 204);
    for to in &everybody {
        assert_eq!(notify(&node, to.clone()).await, 1, "{to}");
    }
    soon("the last of them", async { while inbox(&node, "bob").await.0 < 6 {} }).await;
    assert_eq!(inbox(&node, "ada").await, nothing());
}

#[tokio::test]
async fn an_order_that_is_under_way_does_not_bring_an_inbox_back() {
    let node = node().await;
    // Some steps ahead of her, and one who comes after her.
    let mut users: Vec<_> = (0..990).map(|n| format!("u{n:03}")).collect();
    users.extend(["zoe".to_owned(), "zzz".to_owned()]);
    assert_eq!(notify(&node, json!({"users": users})).await, 992);
    assert_eq!(forget(&node, "zoe").await, 204);
    soon("the last one of the order", async { while inbox(&node, "zzz").await.0 == 0 {} }).await;
    assert_eq!(inbox(&node, "zoe").await, nothing());
    assert_eq!(notify(&node, json!({"users": ["zoe"]})).await, 1);
    soon("an order of after", async { while inbox(&node, "zoe").await.0 == 0 {} }).await;
}

#[tokio::test]
async fn what_was_answered_with_204_is_forgotten_after_kill_9() {
    let mut node = node().await;
    let mut ada = Client::user(&node, "ada").await;
    notify(&node, json!({"users": ["ada"]})).await;
    let heard = ada.next("notification", "@me").await;
    let cursor = cursor_at(&ada, &heard);
    ada.ask(json!({"type": "follow", "room": "dashboard:sales"})).await;
    assert_eq!(forget(&node, "ada").await, 204);
    node.kill9().await;
    let node = node.restart().await;
    assert_eq!(inbox(&node, "ada").await, nothing());
    let mut again = back(&node, "ada", &cursor).await;
    assert_eq!(again.connected["reason"], "epoch_changed");
    assert_eq!(notify(&node, json!({"room": "dashboard:sales"})).await, 0);
    notify(&node, json!({"users": ["ada"]})).await;
    assert_eq!(again.next("notification", "@me").await["offset"], 1);
}

#[tokio::test]
async fn it_takes_a_key_with_all_rights_and_stays_in_its_tenant() {
    let node = node().await;
    let mut ada = Client::user(&node, "ada").await;
    notify(&node, json!({"users": ["ada"]})).await;
    ada.next("notification", "@me").await;
    for bearer in [WEAK_KEY, &token_of("ada")] {
        let (status, error) = call(&node, bearer, "DELETE", "/v1/users/ada", &Value::Null).await;
        assert_eq!((status, &error["code"]), (403, &json!("forbidden")));
    }
    assert_eq!(call(&node, FOREIGN_KEY, "DELETE", "/v1/users/ada", &Value::Null).await.0, 204);
    assert_eq!(forget(&node, "nobody").await, 204, "who was never here is forgotten, too");
    assert_eq!(inbox(&node, "ada").await.0, 1);
    ada.ask(json!({"type": "ping"})).await;
}

#[tokio::test]
async fn who_connects_all_the_time_while_being_forgotten_never_sees_two_lives_as_one() {
    let node = Node::start(config()).await;
    let mut since = json!(null);
    for round in 0..12 {
        let mut ada = Client::with(&node, json!({"token": token_of("ada"), "since": since})).await;
        if round > 0 {
            assert_eq!(ada.connected["reason"], "epoch_changed", "round {round}");
        }
        notify(&node, json!({"users": ["ada"]})).await;
        let heard = ada.next("notification", "@me").await;
        assert_eq!(heard["offset"], 1, "round {round}: {}", heard.text);
        since = cursor_at(&ada, &heard);
        // Others come while it happens; whoever was let in by the life before is ended.
        let mut late = Client::open(&node).await;
        let connect = json!({"type": "connect", "token": token_of("ada"), "since": since});
        let (status, _) = tokio::join!(forget(&node, "ada"), late.command(connect));
        assert_eq!(status, 204);
        assert_eq!(ada.end().await, End::Close(4403));
        let first = late.any().await.expect("an answer, or that it ends");
        if first.kind() == "closing" || first["recovered"] == json!(true) {
            assert_eq!(late.end().await, End::Close(4403), "round {round}");
        } else {
            assert_eq!((first.kind(), &first["reason"]), ("connected", &json!("epoch_changed")), "round {round}");
        }
    }
}
