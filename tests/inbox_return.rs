//! Coming, going and coming back to one's own room: every entry once and in order, however it was opened.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::inbox::{config, inbox_of, me, node, tell};
use crate::support::token::token_with_rooms;
use crate::support::{Client, Message, Node, soon, token_of};

/// A user who may notify everybody.
async fn sender(node: &Node) -> Client {
    Client::with(node, json!({"token": token_with_rooms("sender", &json!({"*": ["notify"]}))})).await
}

/// Sends so many orders at once, and awaits that all were taken.
async fn flood(sender: &mut Client, user: &str, count: usize) {
    let mut ids = Vec::with_capacity(count);
    for n in 0..count {
        let order = json!({"type": "notify", "to": {"users": [user]}, "notification": {"title": n.to_string()}});
        ids.push(sender.command(order).await);
    }
    for id in ids {
        assert_eq!(sender.reply(id).await.kind(), "notified");
    }
}

async fn connect_since(node: &Node, user: &str, since: &Value) -> Client {
    Client::with(node, json!({"token": token_of(user), "since": since})).await
}

fn offsets(entries: &Value) -> Vec<u64> {
    entries.as_array().unwrap().iter().map(|entry| entry["offset"].as_u64().unwrap()).collect()
}

/// The entries of `@me` from the session's cursor on, up to `last`: each once, in order, with counts that add up.
async fn hears_all(client: &mut Client, last: u64) {
    let mut next = client.connected["cursor"]["offset"].as_u64().unwrap() + 1;
    while next <= last {
        let entry = client.take("an entry of @me", |m| m.is_entry() || m.kind() == "joined").await;
        assert_eq!((entry["room"].as_str(), entry["offset"].as_u64()), (Some("@me"), Some(next)), "{}", entry.text);
        assert_eq!(entry["unread"], next, "{}", entry.text);
        next += 1;
    }
    assert!(client.drain().await.iter().all(|message| !message.is_entry()), "nothing twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_connect_while_notifications_arrive_hear_each_once_and_in_order() {
    const ALL: usize = 200;
    let node = Arc::new(node().await);
    // One has been there since before anything happened.
    let mut first = Client::user(&node, "ada").await;
    let start = first.connected["cursor"].clone();
    let mut sender = sender(&node).await;
    let flooding = tokio::spawn(async move { flood(&mut sender, "ada", ALL).await });
    let mut sessions = Vec::new();
    for number in 0..20 {
        let (node, start) = (Arc::clone(&node), start.clone());
        sessions.push(tokio::spawn(async move {
            // Some know what was before, some believe they do, the others come without a cursor.
            let since = match number % 3 {
                0 => start,
                1 => json!({"epoch": "00000000000000000000000000000001", "offset": 0, "entry": null}),
                _ => Value::Null,
            };
            let mut fields = json!({"token": token_of("ada")});
            if since.is_object() {
                fields["since"] = since;
            }
            let mut ada = Client::with(&node, fields).await;
            let (counts, cursor) = (&ada.connected["counts"], &ada.connected["cursor"]);
            assert_eq!((&counts["offset"], &counts["unread"]), (&cursor["offset"], &cursor["offset"]));
            let missed = if number % 3 == 0 { cursor["offset"].as_u64().unwrap() } else { 0 };
            assert!(offsets(&ada.connected["entries"]).into_iter().eq(1..=missed));
            hears_all(&mut ada, ALL as u64).await;
        }));
    }
    for session in sessions {
        session.await.unwrap();
    }
    flooding.await.unwrap();
    hears_all(&mut first, ALL as u64).await;
}

#[tokio::test]
async fn who_missed_more_than_a_page_goes_on_by_join_and_hears_the_rest_live() {
    // What such a small inbox trims is told as entries too.
    let node = Node::start(config().set("inbox.keep", 20)).await;
    let first = Client::user(&node, "ada").await;
    let start = first.connected["cursor"].clone();
    assert_eq!((&start["offset"], &start["entry"]), (&json!(0), &Value::Null));
    first.close(1000).await;
    flood(&mut sender(&node).await, "ada", 600).await;
    soon("all to be there", async { while inbox_of(&node, "ada").await["offset"] != 600 + 580 {} }).await;
    let newest = inbox_of(&node, "ada").await;
    let mut ada = connect_since(&node, "ada", &start).await;
    let connected = &ada.connected;
    assert_eq!((&connected["recovered"], &connected["more"]), (&json!(true), &json!(true)));
    let mut heard = offsets(&connected["entries"]);
    assert_eq!(connected["counts"]["offset"], newest["offset"], "the counts are those at the newest entry");
    assert_eq!(connected["counts"]["unread"], newest["unread"]);
    let mut cursor = connected["cursor"].clone();
    assert_eq!(cursor["offset"].as_u64(), heard.last().copied());
    // Nothing of it is pushed while there is more to catch up.
    tell(&node, "ada", "meanwhile").await;
    assert!(ada.drain().await.iter().all(|message| !message.is_entry()));
    loop {
        let page = ada.join_since("@me", &cursor).await;
        assert_eq!((&page["room"], &page["recovered"]), (&json!("@me"), &json!(true)));
        heard.extend(offsets(&page["entries"]));
        cursor = page["cursor"].clone();
        if page["more"] == false {
            break;
        }
    }
    let last = cursor["offset"].as_u64().unwrap();
    assert!(heard.iter().copied().eq(1..=last), "each once, in order");
    tell(&node, "ada", "live").await;
    assert_eq!(me(&mut ada, "notification").await["offset"], last + 1);
    let inbox = ada.ask(json!({"type": "inbox"})).await;
    assert_eq!(inbox["unread"], 20);
}

#[tokio::test]
async fn a_cursor_that_proves_nothing_is_a_reset_with_its_reason() {
    let node = node().await;
    let mut ada = Client::user(&node, "ada").await;
    tell(&node, "ada", "one").await;
    let entry = me(&mut ada, "notification").await;
    let epoch = &ada.connected["cursor"]["epoch"];
    for (since, reason) in [
        (json!({"epoch": "00000000000000000000000000000001", "offset": 1, "entry": entry["id"]}), "epoch_changed"),
        (json!({"epoch": epoch, "offset": 7, "entry": entry["id"]}), "ahead"),
        (json!({"epoch": epoch, "offset": 1, "entry": "018f0000-0000-7000-8000-000000000000"}), "forked"),
    ] {
        let mut back = connect_since(&node, "ada", &since).await;
        let connected = &back.connected;
        assert_eq!((&connected["recovered"], &connected["reason"]), (&json!(false), &json!(reason)));
        assert_eq!((&connected["entries"], &connected["more"]), (&json!([]), &json!(false)));
        assert_eq!((&connected["cursor"]["offset"], &connected["cursor"]["entry"]), (&json!(1), &entry["id"]));
        assert_eq!(connected["counts"], json!({"unread": 1, "unseen": 1, "offset": 1}));
        assert_eq!(back.ask(json!({"type": "history", "room": "@me"})).await["cursor"]["offset"], 1);
    }
    let since = json!({"epoch": epoch, "offset": 1, "entry": entry["id"]});
    let back = connect_since(&node, "ada", &since).await;
    assert_eq!((&back.connected["recovered"], &back.connected["reason"]), (&json!(true), &Value::Null));
    let without = json!({"type": "connect", "token": token_of("ada"), "since": {"epoch": epoch, "offset": 1}});
    assert_eq!(Client::open(&node).await.refused(without).await.code(), "bad_message");
}

#[tokio::test]
async fn a_join_of_the_own_room_before_anything_happened_there_is_answered_and_hears_all() {
    let node = node().await;
    for round in 0..10_u64 {
        let user = format!("ada{round}");
        let mut ada = Client::user(&node, &user).await;
        let cursor = ada.connected["cursor"].clone();
        let joined = if round % 2 == 0 { ada.join_since("@me", &cursor).await } else { ada.join("@me").await };
        assert_eq!((joined.kind(), &joined["cursor"]), ("joined", &cursor));
        tell(&node, &user, "t").await;
        assert_eq!(me(&mut ada, "notification").await["offset"], 1);
        assert!(ada.drain().await.iter().all(|message| !message.is_entry()), "once");
        assert_eq!(ada.refused(json!({"type": "leave", "room": "@me"})).await.code(), "bad_message");
    }
}

#[tokio::test]
async fn a_session_that_is_taken_up_goes_on_where_its_cursor_is() {
    // However slow the machine, the session is not over before it is taken up.
    let node = Node::start(config().set("session.grace_s", 600)).await;
    let mut ada = Client::user(&node, "ada").await;
    tell(&node, "ada", "one").await;
    let entry = me(&mut ada, "notification").await;
    let cursor = json!({"epoch": ada.connected["cursor"]["epoch"], "offset": 1, "entry": entry["id"]});
    let (session, secret) = (ada.session().to_owned(), ada.secret().to_owned());
    ada.vanish();
    tell(&node, "ada", "two").await;
    let fields = json!({"token": token_of("ada"), "secret": secret, "since": cursor});
    let mut back = Client::with(&node, fields).await;
    assert_eq!((&back.connected["resumed"], back.session()), (&json!(true), &*session));
    // The order was answered; its inbox follows a moment later, so it is in the page or comes live, and once.
    let mut heard = offsets(&back.connected["entries"]);
    tell(&node, "ada", "three").await;
    while heard.last() != Some(&3) {
        heard.push(me(&mut back, "notification").await["offset"].as_u64().unwrap());
    }
    assert_eq!(heard, [2, 3]);
}

#[tokio::test]
async fn kill_9_keeps_counts_that_a_recount_finds() {
    let mut node = node().await;
    for round in 0..3_u64 {
        let mut ada = Client::user(&node, "ada").await;
        for n in 0..4 {
            tell(&node, "ada", &format!("{round} {n}")).await;
        }
        let newest = soon("all four", async {
            loop {
                let inbox = ada.ask(json!({"type": "inbox"})).await;
                if inbox["notifications"].as_array().unwrap().len() as u64 == 4 + 3 * round {
                    return inbox;
                }
            }
        })
        .await;
        let id = |index: usize| newest["notifications"][index]["id"].clone();
        ada.ask(json!({"type": "mark", "notifications": [id(0), id(1)], "as": "read"})).await;
        ada.ask(json!({"type": "mark", "notifications": [id(2)], "as": "archived"})).await;
        let upto = newest["notifications"][3]["offset"].clone();
        let counts = ada.ask(json!({"type": "mark", "as": "seen", "upto": upto})).await;
        node.kill9().await;
        node = node.restart().await;
        let mut ada = Client::user(&node, "ada").await;
        let expected = json!({"unread": counts["unread"], "unseen": counts["unseen"], "offset": counts["offset"]});
        assert_eq!(ada.connected["counts"], expected, "what was answered is there");
        let unread = ada.ask(json!({"type": "inbox", "filter": "unread", "limit": 200})).await;
        let listed = unread["notifications"].as_array().unwrap();
        assert_eq!(unread["unread"], listed.len());
        assert_eq!(unread["unread"], round + 1);
        let unseen = listed.iter().filter(|one| one["offset"].as_u64() > upto.as_u64()).count();
        assert_eq!(unread["unseen"], unseen);
        // An undo holds over the restart.
        let undone = ada.ask(json!({"type": "mark", "undo": counts["offset"].as_u64().unwrap() - 1})).await;
        assert_eq!(undone["unread"], round + 2);
        ada.ask(json!({"type": "mark", "notifications": [id(2)], "as": "archived"})).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_end_amid_connect_leave_no_session_behind() {
    let node = Arc::new(Node::start(config().set("session.grace_s", 0).set("limits.sessions_per_user", 40)).await);
    let mut storms = Vec::new();
    for _ in 0..4 {
        let node = Arc::clone(&node);
        storms.push(tokio::spawn(async move {
            for n in 0..60 {
                let mut client = Client::open(&node).await;
                client.send(&json!({"type": "connect", "id": 1, "token": token_of("ada")})).await;
                // Gone at once, or at some point on the way to `connected`.
                tokio::time::sleep(std::time::Duration::from_micros(n * 50)).await;
                client.reset();
            }
        }));
    }
    for storm in storms {
        storm.await.unwrap();
    }
    soon("all sessions to end", async {
        while !node.get("/metrics").await.text().contains("\ncopresence_sessions 0\n") {}
    })
    .await;
    let mut ada = Client::user(&node, "ada").await;
    tell(&node, "ada", "t").await;
    let heard: Message = me(&mut ada, "notification").await;
    assert_eq!(heard["offset"], 1);
}
