//! Who notified whom and who changed what somebody hears of: recorded once, with what it tells of, and without its content.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::inbox::{KEY, call, config, me};
use crate::support::audit::{export, verify};
use crate::support::token::token_with_rooms;
use crate::support::{Client, Node, http, soon};

/// Stands in everything that no record may hold.
const CANARY: &str = "canary-5c1f";

/// What every order has that is nobody's business.
fn secret_notification() -> Value {
    json!({
        "title": CANARY, "message": CANARY, "topic": CANARY, "dedupe": CANARY, "metadata": {"card": CANARY},
        "actions": [{"id": CANARY, "label": CANARY, "url": format!("/{CANARY}")}],
    })
}

async fn notifications(node: &Node, body: &Value) -> (u16, Value) {
    call(node, KEY, "POST", "/v1/notifications", body).await
}

/// The records of these acts, as `act who outcome what`, with what varies named.
async fn said(node: &Node, acts: &[&str], names: &BTreeMap<String, &str>) -> Vec<String> {
    let records = export(node, &["--tenant", "default"]).await;
    let of_acts = records.iter().filter(|record| acts.contains(&record["act"].as_str().unwrap()));
    let told = of_acts.map(|record| {
        let text = |field: &str| record[field].as_str().unwrap();
        let mut line = format!("{} {} {} {}", text("act"), text("who"), text("outcome"), record["what"]);
        for (varying, name) in names {
            line = line.replace(varying, name);
        }
        let is_ours = text("who").is_empty();
        assert_eq!(text("from"), if is_ours { "" } else { "127.0.0.1" }, "{record}");
        assert!(!record.to_string().contains(CANARY), "{record}");
        line
    });
    told.collect()
}

#[tokio::test]
async fn an_order_is_recorded_with_who_gave_it_and_how_many_it_reaches_and_without_its_content() {
    let mut node = Node::start(config()).await;
    let rights = token_with_rooms("ada", &json!({"sales": ["join", "notify"]}));
    let mut ada = Client::with(&node, json!({"token": rights})).await;
    ada.join("sales").await;
    let to_users = json!({"to": {"users": ["ada", "eve"]}, "notification": secret_notification(), "key": CANARY});
    let (status, first) = notifications(&node, &to_users).await;
    assert_eq!(status, 201, "{first}");
    assert_eq!(notifications(&node, &to_users).await.0, 200, "once more is the same act");
    let mut other = to_users.clone();
    other["to"] = json!({"users": ["grace"]});
    assert_eq!(notifications(&node, &other).await.0, 409);
    let in_room = json!({"type": "notify", "to": {"room": "sales"}, "notification": secret_notification()});
    let second = ada.ask(in_room).await;
    let everyone = json!({"type": "notify", "to": {"everyone": true}, "notification": secret_notification()});
    assert_eq!(ada.refused(everyone).await.code(), "forbidden");
    let mut critical = secret_notification();
    critical.as_object_mut().unwrap().extend([
        ("critical".to_owned(), json!(true)),
        ("escalate_after".to_owned(), json!(1)),
        ("escalate_to".to_owned(), json!({"users": ["boss"]})),
    ]);
    let to_nobody = json!({"to": {"role": "on-call"}, "notification": critical});
    let (status, third) = notifications(&node, &to_nobody).await;
    assert_eq!((status, &third["recipients"]), (201, &json!(0)));
    let mut boss = Client::user(&node, "boss").await;
    let fourth = if boss.connected["counts"]["unread"] == 1 {
        boss.ask(json!({"type": "inbox"})).await["notifications"][0]["id"].clone()
    } else {
        me(&mut boss, "notification").await["notification"]["id"].clone()
    };

    node.sigterm().await;
    let ids =
        [(&first["notification"], "FIRST"), (&second["notification"], "SECOND"), (&third["notification"], "THIRD")];
    let ids = ids.into_iter().chain([(&fourth, "FOURTH")]);
    let names = ids.map(|(id, name)| (id.as_str().unwrap().to_owned(), name)).collect();
    assert_eq!(
        said(&node, &["notify"], &names).await,
        [
            r#"notify api:billing ok {"notification":"FIRST","recipients":2,"to":"users"}"#,
            r#"notify user:ada ok {"notification":"SECOND","recipients":1,"room":"sales","to":"room"}"#,
            r#"notify api:billing ok {"notification":"THIRD","recipients":0,"role":"on-call","to":"role"}"#,
            r#"notify  ok {"escalates":"THIRD","notification":"FOURTH","recipients":1,"to":"users"}"#,
        ]
    );
    assert_eq!(said(&node, &["denied"], &names).await, [r#"denied user:ada forbidden {"wanted":"notify"}"#]);
    let (code, out) = verify(&node, &[]).await;
    assert_eq!(code, Some(0), "{out}");
    let head = out.lines().last().unwrap().split_once("head ").unwrap().1;
    assert!(node.output().contains(&format!("the audit log of default is at {head}")), "{}", node.output());
}

#[tokio::test]
async fn a_change_of_preferences_names_its_keys_and_what_changes_nothing_has_no_record() {
    let mut node = Node::start(config()).await;
    let (_, told) =
        notifications(&node, &json!({"to": {"users": ["ada"]}, "notification": secret_notification()})).await;
    let id = told["notification"].as_str().unwrap().to_owned();
    let mut ada = Client::with(&node, json!({"token": token_with_rooms("ada", &json!({"sales": ["join"]}))})).await;
    let mute = json!({"toasts": true, "topics": {CANARY: "mute"}, "durations": 2});
    for _ in 0..2 {
        ada.ask(json!({"type": "preferences", "set": mute})).await;
        ada.ask(json!({"type": "follow", "room": "sales"})).await;
    }
    ada.ask(json!({"type": "unfollow", "room": "sales"})).await;
    assert_eq!(ada.refused(json!({"type": "follow", "room": "payroll"})).await.code(), "forbidden");
    ada.ask(json!({"type": "mark", "notifications": [id], "as": "read"})).await;
    let patch = async |set: Value| call(&node, KEY, "PATCH", "/v1/users/ada/preferences", &json!({"set": set})).await.0;
    assert_eq!(patch(json!({"quiet_hours": {"from": "22:00", "to": "06:00", "zone": "Asia/Kathmandu"}})).await, 200);
    assert_eq!(patch(json!({"durations": 2})).await, 200, "as it is already");
    assert_eq!(patch(json!({"durations": CANARY})).await, 400);
    for (mark, status) in [
        (json!({"notifications": [id], "as": "read"}), 200),
        (json!({"notifications": [id], "as": "archived"}), 200),
        (json!({"notifications": ["0198f1c2-7a3b-7c44-9d55-6e7f8091a2b3"], "as": "read"}), 404),
    ] {
        assert_eq!(call(&node, KEY, "POST", "/v1/users/ada/inbox/mark", &mark).await.0, status);
    }
    node.sigterm().await;
    assert_eq!(
        said(&node, &["preferences", "mark"], &BTreeMap::new()).await,
        [
            r#"preferences user:ada ok {"keys":"durations topics","user":"ada"}"#,
            r#"preferences user:ada ok {"follow":"sales","user":"ada"}"#,
            r#"preferences user:ada ok {"unfollow":"sales","user":"ada"}"#,
            r#"preferences api:billing ok {"keys":"quiet_hours","user":"ada"}"#,
            r#"mark api:billing ok {"as":"archived","user":"ada"}"#,
        ]
    );
    let denied = said(&node, &["denied"], &BTreeMap::new()).await;
    assert_eq!(denied, [r#"denied user:ada forbidden {"room":"payroll","wanted":"follow"}"#]);
    assert_eq!(verify(&node, &[]).await.0, Some(0));
}

/// Orders one notification after the other until the server is gone; the ids of those that were accepted.
async fn notify_until_the_end(address: String, name: usize, answered: Arc<Semaphore>) -> Vec<String> {
    let mut accepted = Vec::new();
    for number in 0.. {
        // Some reach more than one chunk of inboxes, so that it is killed amid those as well.
        let users: Vec<_> = (0..=(number % 3) * 150).map(|user| format!("u{name}-{user}")).collect();
        let key = format!("{name}-{number}");
        let body = json!({"to": {"users": users}, "notification": secret_notification(), "key": key}).to_string();
        let request = format!(
            "POST /v1/notifications HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {KEY}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = http::send(&address, &request).await;
        if answer.status == 0 {
            break;
        }
        let told: Value = serde_json::from_slice(&answer.body).unwrap();
        // A busy server says that it does not know, which is the same as no answer: it may be written or not.
        if told["code"] == "unavailable" {
            continue;
        }
        assert_eq!(answer.status, 201, "{told}");
        accepted.push(told["notification"].as_str().unwrap().to_owned());
        answered.add_permits(1);
    }
    accepted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_amid_orders_leaves_one_record_for_each_that_was_written() {
    let mut node = Node::start(config()).await;
    let mut accepted = Vec::new();
    for round in 1..=4 {
        let answered = Arc::new(Semaphore::new(0));
        let backends: Vec<_> = (0..3)
            .map(|backend| {
                let address = node.address.clone();
                tokio::spawn(notify_until_the_end(address, round * 10 + backend, Arc::clone(&answered)))
            })
            .collect();
        for _ in 0..10 + 7 * round {
            soon("an order to be answered", answered.acquire()).await.unwrap().forget();
        }
        node.kill9().await;
        for backend in backends {
            accepted.extend(backend.await.unwrap());
        }
        let (code, out) = verify(&node, &[]).await;
        assert_eq!(code, Some(0), "the chain is whole after a kill: {out}");
        node = node.restart().await;
    }
    let records = export(&node, &["--tenant", "default"]).await;
    let of_orders = records.iter().filter(|record| record["act"] == "notify");
    let mut recorded = BTreeMap::<String, u64>::new();
    for record in of_orders {
        assert!(!record.to_string().contains(CANARY), "{record}");
        let id = record["what"]["notification"].as_str().unwrap().replace('-', "");
        assert_eq!(recorded.insert(id, record["what"]["recipients"].as_u64().unwrap()), None, "{record}");
    }
    let store = Connection::open(node.store()).unwrap();
    let mut statement = store.prepare("select lower(hex(id)), recipients from orders").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()))).unwrap();
    let written: BTreeMap<String, u64> = rows.map(Result::unwrap).collect();
    assert_eq!(recorded, written, "what was not answered may be written or not; if it is, it has a record");
    let accepted: BTreeSet<_> = accepted.iter().map(|id| id.replace('-', "")).collect();
    assert!(accepted.len() > 100 && accepted.iter().all(|id| recorded.contains_key(id)));
}
