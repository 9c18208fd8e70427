//! Whom an order reaches, who may give it, and that all whom it reaches get it once, whatever happens in between.

use serde_json::{Value, json};

use crate::inbox::{KEY, call, config, inbox_of, me, node, notify, tell};
use crate::support::token::{seconds_from_now, token_with_rooms};
use crate::support::{Client, Node, SECRET, mint, soon};

/// A backend of another tenant.
const FOREIGN: &str = "a-key-of-another-tenant-77b1e0";
/// A second backend of the tests' tenant.
const OTHER: &str = "another-key-of-this-tenant-11c2";
/// A backend that may do everything but notify.
const SILENT: &str = "a-key-without-notify-51fe0a";

async fn backends() -> Node {
    let key =
        |name: &str, key: &str, rest: &str| format!("[[auth.api_keys]]\nname = \"{name}\"\nkey = \"{key}\"\n{rest}\n");
    let keys = [
        key("billing", KEY, ""),
        key("other", OTHER, ""),
        key("foreign", FOREIGN, "tenant = \"acme\""),
        key("silent", SILENT, "rights = [\"join\", \"publish\", \"history\"]"),
    ];
    Node::start(config().appendix(&keys.concat())).await
}

fn token_of_role(user: &str, tenant: &str, roles: &[&str]) -> String {
    mint(SECRET, &json!({"sub": user, "tenant": tenant, "roles": roles, "exp": seconds_from_now(3600)}))
}

/// Waits until a user's inbox has got so many.
async fn has_got(node: &Node, user: &str, count: u64) {
    soon("the inbox to get it", async { while inbox_of(node, user).await["offset"] != count {} }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_amid_ten_thousand_inboxes_finishes_them_after_the_restart_once_each() {
    let mut node = node().await;
    for order in 0..10 {
        let users: Vec<_> = (0..1_000).map(|user| format!("u{}", order * 1_000 + user)).collect();
        let answer = notify(&node, json!({"users": users}), json!({"title": "t"})).await;
        assert_eq!(answer["recipients"], 1_000);
    }
    // It is killed while it is at work, over and over, and begins by itself where it stopped.
    for reached in [0, 900, 2_600, 5_300, 8_100] {
        has_got(&node, &format!("u{reached}"), 1).await;
        node.kill9().await;
        node = node.restart().await;
    }
    has_got(&node, "u9999", 1).await;
    node.sigterm().await;
    let store = rusqlite::Connection::open(node.store()).unwrap();
    let count = |sql: &str| store.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("select count(*) from inbox_items"), 10_000);
    assert_eq!(count("select count(distinct log) from inbox_items"), 10_000);
    assert_eq!(count("select count(*) from logs where room like '@:u%'"), 10_000);
    assert_eq!(count("select max(offset) from entries join logs on logs.id = entries.log where room like '@:u%'"), 1);
    assert_eq!(count("select count(*) from order_chunks"), 0);
}

#[tokio::test]
async fn a_key_is_taken_once_and_for_other_content_it_is_a_conflict() {
    let node = backends().await;
    let order =
        |title: &str, key: &str| json!({"to": {"users": ["ada"]}, "notification": {"title": title}, "key": key});
    let send = async |bearer: &str, body: Value| call(&node, bearer, "POST", "/v1/notifications", &body).await;
    let (status, first) = send(KEY, order("t", "k")).await;
    assert_eq!((status, &first["duplicate"]), (201, &json!(false)));
    let (status, second) = send(KEY, order("t", "k")).await;
    assert_eq!((status, &second["duplicate"], &second["recipients"]), (200, &json!(true), &json!(1)));
    assert_eq!(second["notification"], first["notification"]);
    let (status, refused) = send(KEY, order("another", "k")).await;
    assert_eq!((status, &refused["code"]), (409, &json!("conflict")));
    // A key is its sender's own.
    assert_eq!(send(OTHER, order("t", "k")).await.0, 201);
    let rights = token_with_rooms("ada", &json!({"*": ["notify"]}));
    let mut ada = Client::with(&node, json!({"token": rights})).await;
    let mut command = order("t", "k");
    command["type"] = json!("notify");
    let first = ada.ask(command.clone()).await;
    assert_eq!((first.kind(), &first["duplicate"]), ("notified", &json!(false)));
    assert_eq!(ada.ask(command.clone()).await["duplicate"], true);
    command["notification"]["level"] = json!("error");
    assert_eq!(ada.refused(command).await.code(), "conflict");
    has_got(&node, "ada", 3).await;
}

#[tokio::test]
async fn who_may_notify_a_room_may_not_notify_others_and_backends_are_held_to_their_rights() {
    let node = backends().await;
    let of_room = token_with_rooms("ada", &json!({"board:*": ["notify"], "hall:*": ["join", "publish"]}));
    let mut ada = Client::with(&node, json!({"token": of_room})).await;
    let order = |to: Value| json!({"type": "notify", "to": to, "notification": {"title": "t"}});
    assert_eq!(ada.ask(order(json!({"room": "board:1"}))).await["recipients"], 0);
    for to in [
        json!({"room": "hall:1"}),
        json!({"room": "elsewhere"}),
        json!({"users": ["bob"]}),
        json!({"users": ["ada", "bob"]}),
        json!({"role": "support"}),
        json!({"everyone": true}),
    ] {
        assert_eq!(ada.refused(order(to.clone())).await.code(), "forbidden", "{to}");
        // Nor by the back door of an escalation.
        let mut command = order(json!({"room": "board:1"}));
        command["notification"] = json!({"title": "t", "critical": true, "escalate_after": 1, "escalate_to": to});
        assert_eq!(ada.refused(command).await.code(), "forbidden", "{to}");
    }
    let mut everywhere =
        Client::with(&node, json!({"token": token_with_rooms("bob", &json!({"*": ["notify"]}))})).await;
    assert_eq!(everywhere.ask(order(json!({"users": ["ada"]}))).await["recipients"], 1);
    assert_eq!(me(&mut ada, "notification").await["from"]["user"], "bob");
    // What a guest may do everywhere does not go so far.
    let mut guest = Client::guest(&node, "Gus").await;
    assert_eq!(guest.refused(order(json!({"users": ["ada"]}))).await.code(), "forbidden");
    let body = json!({"to": {"users": ["ada"]}, "notification": {"title": "t"}});
    for bearer in [SILENT, &crate::support::token_of("ada")] {
        let (status, answer) = call(&node, bearer, "POST", "/v1/notifications", &body).await;
        assert_eq!((status, &answer["code"]), (403, &json!("forbidden")), "{answer}");
    }
    assert_eq!(call(&node, SILENT, "GET", "/v1/users/ada/inbox", &Value::Null).await.0, 403);
    assert_eq!(inbox_of(&node, "ada").await["offset"], 1);
}

#[tokio::test]
async fn a_room_s_people_are_those_in_it_and_its_followers_who_may_still_join() {
    let node = node().await;
    let may_join = |user: &str| token_with_rooms(user, &json!({"board:*": ["join"]}));
    let connect = async |token: String| Client::with(&node, json!({"token": token})).await;
    let board = "board:1";
    let (mut member, mut watcher) = (connect(may_join("member")).await, connect(may_join("watcher")).await);
    member.join(board).await;
    watcher.ask(json!({"type": "join", "room": board, "presence": false})).await;
    let mut both = connect(may_join("both")).await;
    both.join(board).await;
    let told = both.ask(json!({"type": "follow", "room": board})).await;
    assert_eq!((told.kind(), &told["preferences"]["follows"]), ("preferences", &json!([board])));
    let entry = me(&mut both, "preferred").await;
    assert_eq!(entry["preferences"], told["preferences"]);
    for user in ["follower", "lost", "unfollows", "refreshed"] {
        let mut client = connect(may_join(user)).await;
        client.ask(json!({"type": "follow", "room": board})).await;
        // Once more writes nothing.
        client.ask(json!({"type": "follow", "room": board})).await;
        assert_eq!(client.ask(json!({"type": "inbox"})).await["offset"], 1);
        if user == "unfollows" {
            client.ask(json!({"type": "unfollow", "room": board})).await;
        }
        if user == "refreshed" {
            let other = token_with_rooms(user, &json!({"hall": ["join"]}));
            client.ask(json!({"type": "refresh", "token": other})).await;
        }
        client.close(1000).await;
    }
    connect(token_with_rooms("lost", &json!({"hall": ["join"]}))).await.close(1000).await;
    // One need not be in it, but have the right to be.
    let mut stranger = connect(token_with_rooms("stranger", &json!({"hall": ["join"]}))).await;
    assert_eq!(stranger.refused(json!({"type": "follow", "room": board})).await.code(), "forbidden");
    assert_eq!(stranger.refused(json!({"type": "follow", "room": "@me"})).await.code(), "bad_message");

    let answer = notify(&node, json!({"room": board}), json!({"title": "in the room", "room": board})).await;
    assert_eq!(answer["recipients"], 4);
    for client in [&mut member, &mut watcher, &mut both] {
        assert_eq!(me(client, "notification").await["notification"]["room"], board);
    }
    has_got(&node, "follower", 2).await;
    // Who left hears no more of it, and a follower goes on to.
    member.ask(json!({"type": "leave", "room": board})).await;
    both.ask(json!({"type": "leave", "room": board})).await;
    let answer = notify(&node, json!({"room": board}), json!({"title": "again"})).await;
    assert_eq!(answer["recipients"], 3);
    for (user, count) in [("lost", 1), ("unfollows", 2), ("refreshed", 1), ("stranger", 0), ("member", 1), ("both", 3)]
    {
        has_got(&node, user, count).await;
    }
}

#[tokio::test]
async fn a_role_and_everyone_are_those_whose_newest_token_said_so_in_this_tenant() {
    let node = backends().await;
    let connect = async |token: String| Client::with(&node, json!({"token": token})).await;
    let mut ada = connect(token_of_role("ada", "default", &["support", "admin"])).await;
    connect(token_of_role("bob", "default", &["support"])).await.close(1000).await;
    connect(token_of_role("was", "default", &["support"])).await.close(1000).await;
    connect(token_of_role("was", "default", &["sales"])).await.close(1000).await;
    let mut foreign = connect(token_of_role("ada", "acme", &["support"])).await;

    let answer = notify(&node, json!({"role": "support"}), json!({"title": "role"})).await;
    assert_eq!(answer["recipients"], 2);
    assert_eq!(me(&mut ada, "notification").await["notification"]["title"], "role");
    has_got(&node, "bob", 1).await;
    let answer = notify(&node, json!({"everyone": true}), json!({"title": "everyone"})).await;
    assert_eq!(answer["recipients"], 3);
    for (user, count) in [("ada", 2), ("bob", 2), ("was", 1)] {
        has_got(&node, user, count).await;
    }
    // Another tenant's user of the same name and role has heard nothing, and its backend reaches that one alone.
    let body = json!({"to": {"users": ["ada"]}, "notification": {"title": "acme"}});
    assert_eq!(call(&node, FOREIGN, "POST", "/v1/notifications", &body).await.0, 201);
    let heard = me(&mut foreign, "notification").await;
    assert_eq!((&heard["offset"], &heard["notification"]["title"]), (&json!(1), &json!("acme")));
    let (_, theirs) = call(&node, FOREIGN, "GET", "/v1/users/ada/inbox", &Value::Null).await;
    assert_eq!((&theirs["unread"], theirs["notifications"].as_array().unwrap().len()), (&json!(1), 1));
    // Nor does it reach a notification by its id.
    let ours = inbox_of(&node, "ada").await["notifications"][0]["id"].clone();
    let mark = json!({"notifications": [ours], "as": "read"});
    assert_eq!(call(&node, FOREIGN, "POST", "/v1/users/ada/inbox/mark", &mark).await.0, 404);
    assert_eq!(foreign.refused(json!({"type": "ack", "notification": ours})).await.code(), "not_found");
    assert!(ada.drain().await.iter().all(|message| message["notification"]["title"] != "acme"));
}

#[tokio::test]
async fn a_flood_of_orders_and_marks_is_answered_and_leaves_others_alone() {
    let node = Node::start(config().set("limits.enabled", true).set("limits.notifies_per_s", 3)).await;
    let minted = token_with_rooms("mallory", &json!({"*": ["notify"]}));
    let mut mallory = Client::with(&node, json!({"token": minted})).await;
    let (mut taken, mut refused, mut ids) = (0_u64, 0, Vec::new());
    for _ in 0..60 {
        let order = json!({"type": "notify", "to": {"users": ["ada"]}, "notification": {"title": "flood"}});
        ids.push(mallory.command(order).await);
    }
    for id in ids {
        let reply = mallory.reply(id).await;
        if reply.kind() == "notified" {
            taken += 1;
        } else {
            assert_eq!(reply.code(), "rate_limited", "{}", reply.text);
            assert!(reply["retry_after"].is_number());
            refused += 1;
        }
    }
    assert!(refused > 0 && taken >= 30, "{taken} taken, {refused} refused");
    tell(&node, "ada", "from elsewhere").await;
    has_got(&node, "ada", taken + 1).await;
    // Marks that change nothing write nothing, however many there are.
    let mut ada = Client::user(&node, "ada").await;
    let mut ids = Vec::new();
    for _ in 0..100 {
        ids.push(ada.command(json!({"type": "mark", "notifications": "all", "upto": taken, "as": "read"})).await);
    }
    for id in ids {
        let reply = ada.reply(id).await;
        assert!(reply.kind() == "ok" || reply.code() == "rate_limited", "{}", reply.text);
    }
    assert_eq!(inbox_of(&node, "ada").await["offset"], taken + 2);
}
