//! What users do to their inboxes: on every device the same, by every way in, and to nobody else's.

use serde_json::{Value, json};

use crate::inbox::{KEY, call, inbox_of, me, node, notify, tell};
use crate::support::token::token_with_rooms;
use crate::support::{Client, Node, token_of};

async fn tell_all(node: &Node, client: &mut Client, titles: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut ids = Vec::new();
    for title in titles {
        ids.push(tell(node, client.user_id(), &title).await);
        me(client, "notification").await;
    }
    ids
}

fn titles(inbox: &Value) -> Vec<&str> {
    inbox["notifications"].as_array().unwrap().iter().map(|one| one["title"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mark_all_leaves_alone_what_comes_meanwhile() {
    let node = std::sync::Arc::new(node().await);
    let mut here = Client::user(&node, "ada").await;
    let mut there = Client::user(&node, "ada").await;
    let before = tell_all(&node, &mut here, (0..5).map(|n| n.to_string())).await;
    let sender = tokio::spawn({
        let node = std::sync::Arc::clone(&node);
        async move {
            for n in 0..10 {
                tell(&node, "ada", &format!("new {n}")).await;
            }
        }
    });
    let marked = here.ask(json!({"type": "mark", "notifications": "all", "upto": 5, "as": "read"})).await;
    sender.await.unwrap();
    let unread_then = marked["unread"].as_u64().unwrap();
    assert_eq!(unread_then, marked["offset"].as_u64().unwrap() - 6, "the new ones that were there by then");
    // Both tabs hear the same, and each entry's counts are those of a recount.
    for (tab, heard_before) in [(&mut here, 5), (&mut there, 0)] {
        let (mut old, mut new, mut offset) = (heard_before, 0, 0);
        while offset < 16 {
            let entry = tab.take("an entry", crate::support::Message::is_entry).await;
            offset = entry["offset"].as_u64().unwrap();
            match entry.kind() {
                "notification" if offset <= 5 => old += 1,
                "notification" => new += 1,
                _ => {
                    assert_eq!((&entry["notifications"], &entry["upto"]), (&json!("all"), &json!(5)));
                    old = 0;
                }
            }
            assert_eq!(entry["unread"], old + new, "{}", entry.text);
        }
        assert_eq!((old, new), (0, 10));
    }
    let inbox = there.ask(json!({"type": "inbox"})).await;
    for one in inbox["notifications"].as_array().unwrap() {
        let is_old = before.iter().any(|id| one["id"] == json!(id));
        assert_eq!(one["read"].is_string(), is_old, "{one}");
    }
}

#[tokio::test]
async fn filters_and_pages_are_the_same_over_both_ways() {
    let node = node().await;
    let mut ada = Client::user(&node, "ada").await;
    let mut ids = Vec::new();
    for (n, (level, topic, room)) in [
        ("info", "kpi", "dashboard:sales"),
        ("error", "kpi", "dashboard:costs"),
        ("info", "news & more", "dashboard:sales"),
        ("error", "news & more", "hall"),
        ("warning", "kpi", "hall"),
        ("success", "kpi", "hall"),
    ]
    .into_iter()
    .enumerate()
    {
        let fields = json!({"title": n.to_string(), "level": level, "topic": topic, "room": room});
        let ordered = notify(&node, json!({"users": ["ada"]}), fields).await;
        ids.push(ordered["notification"].clone());
        me(&mut ada, "notification").await;
    }
    ada.ask(json!({"type": "mark", "notifications": [ids[0], ids[5]], "as": "read"})).await;
    ada.ask(json!({"type": "mark", "notifications": [ids[1]], "as": "archived"})).await;
    let until = "2999-01-01T00:00:00Z";
    ada.ask(json!({"type": "mark", "notifications": [ids[2]], "as": "snoozed", "until": until})).await;
    for (query, expected) in [
        ("", vec!["5", "4", "3", "0"]),
        ("filter=unread", vec!["4", "3"]),
        ("filter=archived", vec!["1"]),
        ("filter=snoozed", vec!["2"]),
        ("topic=kpi", vec!["5", "4", "0"]),
        ("topic=news%20%26%20more&filter=snoozed", vec!["2"]),
        ("level=error", vec!["3"]),
        ("room=hall&level=warning", vec!["4"]),
        ("room=dashboard%3Acosts&filter=archived", vec!["1"]),
        ("topic=none", vec![]),
        ("limit=2", vec!["5", "4"]),
        ("limit=2&before=5", vec!["3", "0"]),
        ("before=1", vec![]),
    ] {
        let (status, inbox) = call(&node, KEY, "GET", &format!("/v1/users/ada/inbox?{query}"), &Value::Null).await;
        assert_eq!((status, titles(&inbox)), (200, expected), "{query}");
        assert_eq!(inbox["more"], query == "limit=2", "{query}");
        assert_eq!((&inbox["unread"], &inbox["offset"]), (&json!(2), &json!(9)), "the counts are the whole inbox's");
        let mut command = json!({"type": "inbox"});
        for (name, value) in query.split('&').filter_map(|field| field.split_once('=')) {
            let value = value.replace("%20", " ").replace("%26", "&").replace("%3A", ":");
            command[name] = value.parse::<u64>().map_or_else(|_| json!(value), |number| json!(number));
        }
        let reply = ada.ask(command).await;
        for field in ["notifications", "unread", "unseen", "offset", "more"] {
            assert_eq!(reply[field], inbox[field], "{query}: {field}");
        }
    }
    for query in ["limit=0", "limit=201", "limit=x", "filter=all", "level=loud", "before=-1", "room=%20"] {
        let (status, refused) = call(&node, KEY, "GET", &format!("/v1/users/ada/inbox?{query}"), &Value::Null).await;
        assert_eq!((status, &refused["code"]), (400, &json!("bad_message")), "{query}");
    }
    // What surfaces newest stands first, and a mark of all by a filter names the ones it met.
    let marked =
        ada.ask(json!({"type": "mark", "notifications": "all", "upto": 9, "level": "error", "as": "read"})).await;
    assert_eq!(marked["unread"], 1);
    let told = ada.take("the mark", |message| message["offset"] == 10 && message.is_entry()).await;
    assert_eq!((&told["notifications"], &told["as"]), (&json!([ids[3]]), &json!("read")));
}

#[tokio::test]
async fn undo_takes_back_what_one_mark_did_and_seen_never_goes_back() {
    let node = node().await;
    let mut ada = Client::user(&node, "ada").await;
    let ids = tell_all(&node, &mut ada, (0..3).map(|n| n.to_string())).await;
    // Badges count unseen, lists show unread.
    let seen = ada.ask(json!({"type": "mark", "as": "seen", "upto": 2})).await;
    assert_eq!((&seen["unread"], &seen["unseen"], &seen["offset"]), (&json!(3), &json!(1), &json!(4)));
    let told = me(&mut ada, "marked").await;
    assert_eq!((&told["as"], &told["upto"], &told["unseen"]), (&json!("seen"), &json!(2), &json!(1)));
    assert!(told["notifications"].is_null());
    assert_eq!(ada.ask(json!({"type": "mark", "as": "seen", "upto": 1})).await["offset"], 4, "it never goes back");
    let seen = ada.ask(json!({"type": "mark", "as": "seen", "upto": 1_000_000})).await;
    assert_eq!((&seen["unseen"], &seen["offset"]), (&json!(0), &json!(5)), "nor past the newest");
    me(&mut ada, "marked").await;

    let read = ada.ask(json!({"type": "mark", "notifications": "all", "upto": 5, "as": "read"})).await;
    assert_eq!((&read["unread"], &read["offset"]), (&json!(0), &json!(6)));
    me(&mut ada, "marked").await;
    ada.ask(json!({"type": "mark", "notifications": [ids[2]], "as": "archived"})).await;
    me(&mut ada, "marked").await;
    let undone = ada.ask(json!({"type": "mark", "undo": 6})).await;
    assert_eq!((&undone["unread"], &undone["unseen"], &undone["offset"]), (&json!(2), &json!(0), &json!(8)));
    let told = me(&mut ada, "marked").await;
    assert_eq!((&told["as"], &told["undo"], &told["unread"]), (&json!("undone"), &json!(6), &json!(2)));
    assert_eq!(told["notifications"], json!([ids[0], ids[1]]), "the third was marked again since");
    assert_eq!(ada.ask(json!({"type": "mark", "undo": 6})).await["offset"], 8, "once more changes nothing");
    // An undo is a mark, and can be taken back; a watermark and what is no mark can't.
    assert_eq!(ada.ask(json!({"type": "mark", "undo": 8})).await["unread"], 0);
    for offset in [1, 4, 99] {
        assert_eq!(ada.refused(json!({"type": "mark", "undo": offset})).await.code(), "not_found", "{offset}");
    }
    // One unknown id, and nothing is marked.
    let some = json!({"type": "mark", "notifications": [ids[0], "nobody-s"], "as": "unread"});
    assert_eq!(ada.refused(some).await.code(), "not_found");
    assert_eq!(ada.ask(json!({"type": "inbox"})).await["unread"], 0);
    let epoch = ada.connected["cursor"]["epoch"].clone();
    let mark =
        |epoch: &Value| json!({"type": "mark", "notifications": "all", "upto": 9, "as": "unread", "epoch": epoch});
    assert_eq!(ada.refused(mark(&json!("00000000000000000000000000000000"))).await.code(), "conflict");
    assert_eq!(ada.ask(mark(&epoch)).await["unread"], 2);
    for bad in [
        json!({"type": "mark", "notifications": "all", "as": "read"}),
        json!({"type": "mark", "notifications": [ids[0]], "as": "seen", "upto": 1}),
        json!({"type": "mark", "notifications": [ids[0]], "as": "snoozed"}),
        json!({"type": "mark", "notifications": [ids[0]], "as": "snoozed", "until": "2001-01-01T00:00:00Z"}),
        json!({"type": "mark", "notifications": [], "as": "read"}),
        json!({"type": "mark", "notifications": [ids[0]], "as": "acked"}),
        json!({"type": "mark"}),
    ] {
        assert_eq!(ada.refused(bad.clone()).await.code(), "bad_message", "{bad}");
    }
}

#[tokio::test]
async fn a_user_s_token_opens_that_user_s_inbox_over_http_and_no_other() {
    let node = node().await;
    let id = tell(&node, "ada", "t").await;
    tell(&node, "bob", "t").await;
    let mut here = Client::user(&node, "ada").await;
    let token = token_of("ada");
    for user in ["me", "ada"] {
        let (status, inbox) = call(&node, &token, "GET", &format!("/v1/users/{user}/inbox"), &Value::Null).await;
        assert_eq!((status, &inbox["unread"]), (200, &json!(1)));
        assert_eq!(inbox["notifications"][0]["id"], json!(id));
        assert!(inbox["type"].is_null() && inbox["id"].is_null());
    }
    let mark = json!({"notifications": [id], "as": "read"});
    let (status, marked) = call(&node, &token, "POST", "/v1/users/me/inbox/mark", &mark).await;
    assert_eq!((status, &marked), (200, &json!({"unread": 0, "unseen": 0, "offset": 2})));
    let told = me(&mut here, "marked").await;
    assert_eq!((&told["as"], &told["from"]), (&json!("read"), &json!({"user": "ada"})));
    let (status, changed) =
        call(&node, &token, "PATCH", "/v1/users/me/preferences", &json!({"set": {"toasts": false}})).await;
    assert_eq!((status, &changed["preferences"]["toasts"]), (200, &json!(false)));
    assert_eq!(me(&mut here, "preferred").await["preferences"], changed["preferences"]);
    let (_, read) = call(&node, &token, "GET", "/v1/users/me/preferences", &Value::Null).await;
    assert_eq!(read, changed);
    let (status, _) = call(&node, &token, "PATCH", "/v1/users/me/preferences", &json!({"set": {"colour": 1}})).await;
    assert_eq!(status, 400);
    for (method, path, body) in [
        ("GET", "inbox", Value::Null),
        ("POST", "inbox/mark", mark.clone()),
        ("GET", "preferences", Value::Null),
        ("PATCH", "preferences", json!({"set": {"toasts": false}})),
    ] {
        let (status, refused) = call(&node, &token, method, &format!("/v1/users/bob/{path}"), &body).await;
        assert_eq!((status, &refused["code"]), (403, &json!("forbidden")), "{method} {path}");
        assert_eq!(call(&node, "not-a-token", method, &format!("/v1/users/ada/{path}"), &body).await.0, 401);
    }
    // A backend is nobody's `me`, and sees what its tenant's users see.
    assert_ne!(call(&node, KEY, "GET", "/v1/users/me/inbox", &Value::Null).await.1["unread"], 1);
    assert_eq!(inbox_of(&node, "bob").await["unread"], 1);
}

#[tokio::test]
async fn history_of_the_own_room_is_one_s_own_and_no_name_leads_to_another_s() {
    let node = node().await;
    tell(&node, "ada", "a secret of ada").await;
    let mut ada = Client::user(&node, "ada").await;
    ada.ask(json!({"type": "mark", "as": "seen", "upto": 1})).await;
    let history = ada.ask(json!({"type": "history", "room": "@me"})).await;
    assert_eq!(
        (&history["room"], &history["oldest"], &history["cursor"]["offset"]),
        (&json!("@me"), &json!(1), &json!(2))
    );
    let kinds: Vec<_> =
        history["entries"].as_array().unwrap().iter().map(|e| (e["type"].clone(), e["room"].clone())).collect();
    assert_eq!(kinds, [(json!("notification"), json!("@me")), (json!("marked"), json!("@me"))]);
    let marked = ada.ask(json!({"type": "history", "room": "@me", "kinds": ["marked"], "limit": 1})).await;
    assert_eq!(marked["entries"][0]["as"], "seen");

    let all = ["join", "publish", "signal", "track", "set", "notify", "history"];
    let mut eve = Client::with(&node, json!({"token": token_with_rooms("eve", &json!({"*": all}))})).await;
    let history = eve.ask(json!({"type": "history", "room": "@me"})).await;
    assert_eq!((&history["entries"], &history["cursor"]["offset"]), (&json!([]), &json!(0)));
    let names =
        ["@:ada", "@ada", ":ada", "@me:ada", "@me/ada", "%40%3Aada", "@:ADA", "\u{40}:ada", "@", "default/@:ada"];
    for name in names {
        for command in [
            json!({"type": "join", "room": name}),
            json!({"type": "history", "room": name}),
            json!({"type": "publish", "room": name, "event": "e", "data": 1}),
            json!({"type": "set", "room": name, "set": {"k": 1}}),
            json!({"type": "follow", "room": name}),
            json!({"type": "notify", "to": {"room": name}, "notification": {"title": "t"}}),
            json!({"type": "join", "room": "@me", "user": "ada", "owner": name}),
        ] {
            let reply = eve.request(command.clone()).await;
            let is_own = reply.kind() == "joined" && reply["cursor"]["offset"] == 0;
            assert!(reply.code() == "bad_message" || is_own, "{command}: {}", reply.text);
        }
    }
    let paths = ["@me", "%40me", "@:ada", "%40%3Aada", "@%3aada", "%2540%253Aada", "x%2F..%2F@:ada", "..%2f@:ada"];
    for bearer in [KEY, &token_with_rooms("eve", &json!({"*": all}))] {
        for name in paths {
            for (method, rest, body) in [
                ("GET", "", Value::Null),
                ("GET", "/history", Value::Null),
                ("POST", "/events", json!({"event": "e", "data": 1})),
                ("POST", "/state", json!({"set": {"k": 1}})),
                ("POST", "/activity", json!({"action": "a"})),
            ] {
                let (status, answer) = call(&node, bearer, method, &format!("/v1/rooms/{name}{rest}"), &body).await;
                assert!((400..=404).contains(&status), "{method} {name}{rest}: {status} {answer}");
                assert!(!answer.to_string().contains("secret"), "{answer}");
            }
        }
    }
    let batch = json!([{"room": "@:ada", "event": "e", "data": 1}, {"room": "@me", "event": "e", "data": 1}]);
    let (_, answer) = call(&node, KEY, "POST", "/v1/batch", &batch).await;
    assert!(answer["results"].as_array().unwrap().iter().all(|one| one["code"] == "bad_message"), "{answer}");
    assert_eq!(inbox_of(&node, "ada").await["offset"], 2, "nobody wrote into it");
    let (_, rooms) = call(&node, KEY, "GET", "/v1/rooms", &Value::Null).await;
    assert!(!rooms.to_string().contains('@'), "{rooms}");
    let (_, found) = call(&node, KEY, "GET", "/v1/users/ada", &Value::Null).await;
    assert_eq!(found["rooms"], json!([]), "nobody is told of it");
}
