//! Critical notifications: shown until somebody acknowledges them, whatever dies in between, and escalated when nobody does.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::inbox::{KEY, call, inbox_of, me, node, notify, tell};
use crate::support::{Client, Message, Node, soon};

/// Seconds: as good as never, for a test.
const LATER: u32 = 3_600;

/// A critical notification to these users, with more of its fields; its id.
async fn alarm(node: &Node, users: &[&str], more: Value) -> String {
    let mut notification = json!({"title": "The line stands still", "level": "error", "critical": true});
    notification.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let ordered = notify(node, json!({"users": users}), notification).await;
    ordered["notification"].as_str().unwrap().to_owned()
}

/// Kills the node, and all that waits to escalate is due by the time it is back, the oldest first: a test that is quick
/// enough by luck only would have to hope that nothing escalates while it is still at work.
async fn restart_when_all_is_due(mut node: Node) -> Node {
    node.kill9().await;
    let store = rusqlite::Connection::open(node.store()).unwrap();
    store.execute("update orders set escalate_at = at where escalate_at is not null", []).unwrap();
    drop(store);
    node.restart().await
}

async fn ack(client: &mut Client, id: &str) -> Message {
    client.ask(json!({"type": "ack", "notification": id})).await
}

/// It is shown once more: no entry, so without offset and counts.
async fn again(client: &mut Client, id: &str) {
    let shown = client.take("it once more", |message| is_again(message, id)).await;
    assert_eq!((&shown["type"], &shown["room"]), (&json!("notification"), &json!("@me")));
    assert!(["id", "offset", "unread", "unseen"].iter().all(|field| shown[*field].is_null()), "{}", shown.text);
}

fn is_again(message: &Message, id: &str) -> bool {
    message["again"] == true && message["notification"]["id"] == id
}

/// Connects as this user until a connection is shown nothing again; each gets `history`, which waits for `@me`.
async fn is_over(node: &Node, user: &str) {
    soon("a connection that is shown nothing again", async {
        loop {
            let mut client = Client::user(node, user).await;
            client.ask(json!({"type": "history", "room": "@me"})).await;
            if client.drain().await.iter().all(|message| message["again"].is_null()) {
                return;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn it_is_shown_again_until_one_session_acknowledges_it_for_all() {
    let node = node().await;
    let (mut here, mut there) = (Client::user(&node, "ada").await, Client::user(&node, "ada").await);
    let first = alarm(&node, &["ada"], json!({})).await;
    let other = alarm(&node, &["ada"], json!({})).await;
    for tab in [&mut here, &mut there] {
        for id in [&first, &other] {
            assert_eq!(me(tab, "notification").await["notification"]["id"], json!(id));
            again(tab, id).await;
            again(tab, id).await;
        }
    }
    // Neither reading nor putting away ends it; "all" does not even put it away.
    here.ask(json!({"type": "mark", "notifications": [first], "as": "read"})).await;
    here.ask(json!({"type": "mark", "notifications": [first], "as": "archived"})).await;
    let passed = here.ask(json!({"type": "mark", "notifications": "all", "upto": 99, "as": "archived"})).await;
    assert_eq!((&passed["unread"], &passed["offset"]), (&json!(1), &json!(4)), "nothing was written");
    here.drain().await;
    again(&mut here, &first).await;

    let counts = ack(&mut there, &first).await;
    assert_eq!(counts["offset"], 5);
    for tab in [&mut here, &mut there] {
        let told = tab.take("the acknowledgement", |message| message["as"] == "acked").await;
        assert_eq!((&told["notifications"], &told["offset"]), (&json!([first]), &json!(5)));
    }
    // What was on its way may still come; then two rounds of the other, and nothing of this one.
    for tab in [&mut here, &mut there] {
        tab.drain().await;
        again(tab, &other).await;
        again(tab, &other).await;
        tab.drain().await;
        again(tab, &other).await;
        assert!(!tab.heard().any(|message| is_again(message, &first)));
    }
    // Once more is harmless, also from another tab, and writes nothing.
    assert_eq!(ack(&mut here, &first).await["offset"], 5);
    let unknown = here.refused(json!({"type": "ack", "notification": "018f0000-0000-7000-8000-000000000000"})).await;
    assert_eq!(unknown.code(), "not_found");
    // An acknowledgement is no reading.
    let archived = here.ask(json!({"type": "inbox", "filter": "archived"})).await;
    assert!(archived["notifications"][0]["acked"].is_string());
}

#[tokio::test]
async fn whoever_connects_is_shown_it_until_it_is_acknowledged() {
    let node = node().await;
    let id = alarm(&node, &["ada"], json!({})).await;
    for _ in 0..2 {
        let mut ada = Client::user(&node, "ada").await;
        assert_eq!(ada.connected["counts"], json!({"unread": 1, "unseen": 1, "offset": 1}));
        again(&mut ada, &id).await;
        ada.close(1000).await;
    }
    // A session that is taken up is a new connection as well.
    let ada = Client::user(&node, "ada").await;
    let mut back = ada.resume(&node, "ada").await;
    assert_eq!(back.connected["resumed"], true);
    again(&mut back, &id).await;
    ack(&mut back, &id).await;
    is_over(&node, "ada").await;
}

#[tokio::test]
async fn kill_9_between_the_order_and_its_push_takes_nothing_with_it() {
    let mut node = node().await;
    let mut ids: Vec<String> = Vec::new();
    for round in 0..4 {
        let mut ada = Client::user(&node, "ada").await;
        let id = alarm(&node, &["ada"], json!({"title": round.to_string()})).await;
        if round % 2 == 1 {
            me(&mut ada, "notification").await;
        }
        node.kill9().await;
        node = node.restart().await;
        ids.push(id);
        // What was answered is written; the inbox follows a moment later, and is there once it was told.
        let mut ada = Client::user(&node, "ada").await;
        for id in &ids {
            again(&mut ada, id).await;
        }
        let inbox = ada.ask(json!({"type": "inbox"})).await;
        let listed: Vec<_> = inbox["notifications"].as_array().unwrap().iter().map(|n| n["id"].clone()).collect();
        assert!(listed.iter().rev().eq(ids.iter()), "each once, in the order of the answers: {listed:?} {ids:?}");
        assert_eq!(inbox["unread"], ids.len());
    }
    let mut ada = Client::user(&node, "ada").await;
    for id in &ids {
        ack(&mut ada, id).await;
    }
    node.kill9().await;
    let node = node.restart().await;
    is_over(&node, "ada").await;
}

#[tokio::test]
async fn an_order_whose_answer_was_lost_is_repeated_under_its_key_and_comes_once() {
    let mut node = node().await;
    for round in 0..6_u64 {
        let notification = json!({"title": "t", "critical": true});
        let body = json!({"to": {"users": ["ada"]}, "notification": notification, "key": format!("k{round}")});
        let text = body.to_string();
        let mut stream = TcpStream::connect(&node.address).await.unwrap();
        let request = format!(
            "POST /v1/notifications HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        // Points in the life of the order, from before it is read to after it is everywhere.
        tokio::time::sleep(Duration::from_millis(round * 4)).await;
        node.kill9().await;
        node = node.restart().await;
        let (status, answer) = call(&node, KEY, "POST", "/v1/notifications", &body).await;
        assert!([200, 201].contains(&status), "{answer}");
        assert_eq!(answer["duplicate"], status == 200);
        let id = answer["notification"].clone();
        let count = usize::try_from(round + 1).unwrap();
        let inbox = soon("the inbox to have it", async {
            loop {
                let inbox = inbox_of(&node, "ada").await;
                if inbox["notifications"].as_array().unwrap().len() >= count {
                    return inbox;
                }
            }
        })
        .await;
        assert_eq!((&inbox["unread"], &inbox["offset"]), (&json!(count), &json!(count)), "{inbox}");
        assert_eq!(inbox["notifications"][0]["id"], id);
    }
}

#[tokio::test]
async fn what_nobody_acknowledged_escalates_once() {
    let node = node().await;
    let mut grace = Client::user(&node, "grace").await;
    let mut ada = Client::user(&node, "ada").await;
    let escalates = |after: u32, to: &str| json!({"escalate_after": after, "escalate_to": {"users": [to]}});
    // One that is acknowledged by one of two addressees in time, and after it one that is not.
    let in_time = alarm(&node, &["ada", "bob"], escalates(LATER, "grace")).await;
    me(&mut ada, "notification").await;
    ack(&mut ada, &in_time).await;
    let late = alarm(&node, &["ada", "bob"], escalates(1, "grace")).await;
    let told = me(&mut grace, "notification").await;
    assert_eq!(told["offset"], 1);
    let shown = &told["notification"];
    assert_ne!(shown["id"], json!(late), "it is a notification of its own");
    assert_eq!((&shown["title"], &shown["critical"]), (&json!("The line stands still"), &json!(true)));
    again(&mut grace, shown["id"].as_str().unwrap()).await;
    // Whom it was for first is still asked.
    ada.drain().await;
    again(&mut ada, &late).await;
    alarm(&node, &["ada"], escalates(LATER, "linus")).await;
    let node = restart_when_all_is_due(node).await;
    let mut grace = Client::user(&node, "grace").await;
    again(&mut grace, shown["id"].as_str().unwrap()).await;
    soon("what was ordered last", async { while inbox_of(&node, "linus").await["unread"] != 1 {} }).await;
    tell(&node, "grace", "the next").await;
    let next = grace.take("the next", |message| message["notification"]["title"] == "the next").await;
    assert_eq!(next["offset"], 2, "it came once, and what was acknowledged never");
}

#[tokio::test]
async fn it_escalates_over_a_restart_too_while_nobody_is_there() {
    let node = node().await;
    for user in ["grace", "linus"] {
        let escalates = json!({"escalate_after": LATER, "escalate_to": {"users": [user]}});
        alarm(&node, &["ada"], escalates).await;
    }
    let node = restart_when_all_is_due(node).await;
    for user in ["grace", "linus"] {
        soon("the escalation", async { while inbox_of(&node, user).await["unread"] != 1 {} }).await;
    }
    // The next start has nothing left to escalate: what comes then is the newest.
    let node = node.restart().await;
    tell(&node, "grace", "later").await;
    soon("the later one", async { while inbox_of(&node, "grace").await["unread"] != 2 {} }).await;
    assert_eq!(inbox_of(&node, "grace").await["offset"], 2);
}

#[tokio::test]
async fn what_took_its_place_in_one_inbox_does_not_end_it_for_the_others() {
    let node = node().await;
    let escalates = |to: &str| json!({"dedupe": to, "escalate_after": LATER, "escalate_to": {"users": [to]}});
    alarm(&node, &["ada", "bob"], escalates("grace")).await;
    alarm(&node, &["ada", "bob"], escalates("linus")).await;
    notify(&node, json!({"users": ["ada"]}), json!({"title": "all is well", "dedupe": "grace"})).await;
    notify(&node, json!({"users": ["ada", "bob"]}), json!({"title": "all is well", "dedupe": "linus"})).await;
    alarm(&node, &["ada"], escalates("margaret")).await;
    let node = restart_when_all_is_due(node).await;
    soon("the last escalation", async { while inbox_of(&node, "margaret").await["unread"] != 1 {} }).await;
    assert_eq!(inbox_of(&node, "grace").await["unread"], 1, "bob was still asked");
    assert_eq!(inbox_of(&node, "linus").await["offset"], 0, "nobody was");
}

#[tokio::test]
async fn what_can_never_escalate_holds_up_nobody() {
    let mut node = node().await;
    for _ in 0..20 {
        alarm(&node, &["ada"], json!({"escalate_after": LATER, "escalate_to": {"users": ["grace"]}})).await;
    }
    alarm(&node, &["ada"], json!({"escalate_after": LATER, "escalate_to": {"users": ["linus"]}})).await;
    node.kill9().await;
    // Twenty orders become unreadable, more than one step looks at.
    let store = rusqlite::Connection::open(node.store()).unwrap();
    assert_eq!(store.execute("update orders set notify = '{}' where number <= 20", []).unwrap(), 20);
    drop(store);
    let node = restart_when_all_is_due(node).await;
    soon("the escalation behind them", async { while inbox_of(&node, "linus").await["unread"] != 1 {} }).await;
    assert!(node.output().contains("is damaged and can't escalate"), "{}", node.output());
}
