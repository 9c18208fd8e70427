//! A user's own room: notifications that arrive, once, and an inbox that agrees on every device.

use serde_json::{Value, json};

use crate::support::{Client, Message, Node, NodeConfig, http};

pub(crate) const KEY: &str = "an-api-key-for-tests-8e1d07";

pub(crate) async fn node() -> Node {
    Node::start(config()).await
}

pub(crate) fn config() -> NodeConfig {
    let keys = format!("[[auth.api_keys]]\nname = \"billing\"\nkey = \"{KEY}\"\n");
    NodeConfig::default().set("session.grace_s", 1).set("inbox.again_s", 1).appendix(&keys)
}

/// A call of the API with a body, by a backend.
pub(crate) async fn call(node: &Node, bearer: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", node.address);
    let length = format!("Content-Length: {}\r\nAuthorization: Bearer {bearer}\r\n\r\n", body.len());
    let answer = http::send(&node.address, &format!("{head}{length}{body}")).await;
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
}

pub(crate) async fn notify(node: &Node, to: Value, notification: Value) -> Value {
    let body = json!({"to": to, "notification": notification});
    let (status, answer) = call(node, KEY, "POST", "/v1/notifications", &body).await;
    assert_eq!(status, 201, "{answer}");
    answer
}

pub(crate) async fn tell(node: &Node, user: &str, title: &str) -> String {
    let told = notify(node, json!({"users": [user]}), json!({"title": title})).await;
    assert_eq!(told["recipients"], 1);
    told["notification"].as_str().unwrap().to_owned()
}

/// A user's inbox as a backend sees it.
pub(crate) async fn inbox_of(node: &Node, user: &str) -> Value {
    let (status, inbox) = call(node, KEY, "GET", &format!("/v1/users/{user}/inbox"), &Value::Null).await;
    assert_eq!(status, 200, "{inbox}");
    inbox
}

/// The next entry of this kind in `@me`.
pub(crate) async fn me(client: &mut Client, kind: &str) -> Message {
    client.take(&format!("{kind} in @me"), |message| message.is(kind, "@me") && message.is_entry()).await
}

#[tokio::test]
async fn somebody_who_is_here_hears_at_once_and_an_absent_user_on_return_once() {
    let node = node().await;
    let mut ada = Client::user(&node, "ada").await;
    assert_eq!(ada.connected["counts"], json!({"unread": 0, "unseen": 0, "offset": 0}));
    let id = tell(&node, "ada", "Revenue is down").await;
    let heard = me(&mut ada, "notification").await;
    assert_eq!(heard["notification"]["id"], json!(id));
    assert_eq!((&heard["offset"], &heard["unread"], &heard["unseen"]), (&json!(1), &json!(1), &json!(1)));
    let cursor = json!({"epoch": ada.connected["cursor"]["epoch"], "offset": 1, "entry": heard["id"]});
    ada.close(1000).await;
    tell(&node, "ada", "Revenue is up").await;
    // By cursor it comes as what was missed, without one as a count and in the list.
    let back = Client::with(&node, json!({"token": crate::support::token_of("ada"), "since": cursor})).await;
    assert_eq!(back.connected["recovered"], true);
    assert_eq!(back.connected["counts"], json!({"unread": 2, "unseen": 2, "offset": 2}));
    let missed = back.connected["entries"].as_array().unwrap();
    assert_eq!(missed.len(), 1);
    assert_eq!((&missed[0]["room"], &missed[0]["notification"]["title"]), (&json!("@me"), &json!("Revenue is up")));
    let mut fresh = Client::user(&node, "ada").await;
    assert_eq!(fresh.connected["counts"]["unread"], 2);
    let inbox = fresh.ask(json!({"type": "inbox"})).await;
    let titles: Vec<_> = inbox["notifications"].as_array().unwrap().iter().map(|n| n["title"].clone()).collect();
    assert_eq!(titles, ["Revenue is up", "Revenue is down"]);
    assert_eq!((&inbox["unread"], &inbox["offset"], &inbox["more"]), (&json!(2), &json!(2), &json!(false)));
}

#[tokio::test]
async fn read_on_one_tab_is_read_on_the_other() {
    let node = node().await;
    let (mut here, mut there) = (Client::user(&node, "ada").await, Client::user(&node, "ada").await);
    let id = tell(&node, "ada", "t").await;
    me(&mut here, "notification").await;
    me(&mut there, "notification").await;
    let marked = here.ask(json!({"type": "mark", "notifications": [id], "as": "read"})).await;
    assert_eq!((&marked["unread"], &marked["unseen"], &marked["offset"]), (&json!(0), &json!(0), &json!(2)));
    for tab in [&mut here, &mut there] {
        let told = me(tab, "marked").await;
        assert_eq!((&told["as"], &told["notifications"], &told["unread"]), (&json!("read"), &json!([id]), &json!(0)));
    }
    // Once more changes nothing, and writes nothing.
    let again = here.ask(json!({"type": "mark", "notifications": [id], "as": "read"})).await;
    assert_eq!(again["offset"], 2);
}

#[tokio::test]
async fn oneself_is_notified_without_the_right_but_neither_urgently_nor_along_with_others() {
    let node = node().await;
    let mut ada = Client::user(&node, "ada").await;
    let order = |to: Value, notification: Value| json!({"type": "notify", "to": to, "notification": notification});
    let told = ada.ask(order(json!({"users": ["ada"]}), json!({"title": "Stand up"}))).await;
    assert_eq!((&told["type"], &told["recipients"]), (&json!("notified"), &json!(1)), "{told:?}");
    assert_eq!(me(&mut ada, "notification").await["notification"]["title"], "Stand up");
    for (to, notification) in [
        (json!({"users": ["ada"]}), json!({"title": "t", "critical": true})),
        (json!({"users": ["ada", "bob"]}), json!({"title": "t"})),
        (json!({"users": ["bob"]}), json!({"title": "t"})),
        (json!({"room": "test:1"}), json!({"title": "t"})),
        (json!({"everyone": true}), json!({"title": "t"})),
    ] {
        let refused = ada.refused(order(to, notification)).await;
        assert_eq!(refused["code"], "forbidden", "{refused:?}");
    }
    assert_eq!(ada.ask(json!({"type": "inbox"})).await["unread"], 1);
}
