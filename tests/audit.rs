//! Who did what: that it is recorded, once and without secrets, and that the record can't be changed unnoticed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::support::audit::{audit, export, verify};
use crate::support::raw::Frame;
use crate::support::token::token_with_rooms;
use crate::support::{Client, Node, NodeConfig, http, soon, token_of};

const KEY: &str = "an-api-key-for-tests-8e1d07";
const WEAK_KEY: &str = "another-key-that-may-only-read-3c";
/// Stands in everything that no record may hold.
const CANARY: &str = "canary-5c1f";

fn config() -> NodeConfig {
    let keys = format!(
        "[[auth.api_keys]]\nname = \"billing\"\nkey = \"{KEY}\"\n\
         [[auth.api_keys]]\nname = \"reader\"\nkey = \"{WEAK_KEY}\"\nrights = [\"join\"]\n"
    );
    NodeConfig::default().appendix(&keys)
}

/// Calls the API; `None` when the connection ended without an answer.
async fn call(address: &str, bearer: &str, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
    let body = body.to_string();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {bearer}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = http::send(address, &request).await;
    (answer.status != 0).then(|| (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default()))
}

/// The records, once there are as many as wanted.
async fn exported(node: &Node, count: usize) -> Vec<Value> {
    soon("records to be written", async {
        loop {
            let records = export(node, &[]).await;
            if records.len() >= count {
                return records;
            }
        }
    })
    .await
}

#[tokio::test]
async fn who_did_what_is_told_by_name_and_address_and_without_secrets() {
    let mut node = Node::start(config().env("RUST_LOG", "debug")).await;
    let mut ada = Client::with(
        &node,
        json!({"token": token_with_rooms(
            "ada", &json!({"sales": ["join", "publish"]})
        )}),
    )
    .await;
    ada.join("sales").await;
    ada.publish("sales", "note", json!(CANARY)).await;
    assert_eq!(ada.refused(json!({"type": "join", "room": "payroll"})).await.code(), "forbidden");
    let again = Client::with(
        &node,
        json!({
            "token": token_of("ada"), "secret": ada.secret(),
        }),
    )
    .await;
    assert_eq!(again.connected["resumed"], true);
    let mut eve = Client::open(&node).await;
    let bad = format!("{CANARY}.{CANARY}.{CANARY}");
    assert_eq!(eve.refused(json!({"type": "connect", "token": bad})).await.code(), "unauthorized");
    let body = json!({"event": "paid", "data": {"card": CANARY}, "key": format!("{CANARY}-key")});
    let post = |bearer: &'static str, body: Value| {
        let address = node.address.clone();
        async move { call(&address, bearer, "POST", "/v1/rooms/sales/events", &body).await.unwrap().0 }
    };
    assert_eq!(post(KEY, body.clone()).await, 201);
    assert_eq!(post(KEY, body.clone()).await, 200, "once more is the same act");
    assert_eq!(post(WEAK_KEY, body.clone()).await, 403);
    assert_eq!(post("wrong-canary-5c1f", body).await, 401);
    let path = format!("/v1/sessions/{}", again.session());
    assert_eq!(call(&node.address, KEY, "DELETE", &path, &Value::Null).await.unwrap().0, 204);

    // Counts of strangers are written when their minute is over, or at the end.
    node.sigterm().await;
    let records = export(&node, &[]).await;
    let said: Vec<_> = records
        .iter()
        .map(|record| {
            let text = |field: &str| record[field].as_str().unwrap();
            assert_eq!(text("from"), "127.0.0.1", "{record}");
            let mut what = record["what"].clone();
            for varying in ["session", "entry"] {
                what.as_object_mut().unwrap().remove(varying);
            }
            format!("{} {} {} {} {what}", text("tenant"), text("act"), text("who"), text("outcome"))
        })
        .collect();
    assert_eq!(
        said,
        [
            r#"@server denied  unauthorized {"count":2,"first":"malformed token"}"#,
            r#"default connect user:ada ok {"resumed":false}"#,
            r#"default denied user:ada forbidden {"room":"payroll","wanted":"join"}"#,
            r#"default connect user:ada ok {"resumed":true}"#,
            r#"default publish api:billing ok {"offset":2,"room":"sales"}"#,
            r#"default denied api:reader forbidden {"room":"sales","wanted":"publish"}"#,
            r#"default end api:billing ok {"ended":1}"#,
        ]
    );
    let texts: String = records.iter().map(Value::to_string).collect();
    for secret in [CANARY, KEY, WEAK_KEY, ada.secret(), &token_of("ada")] {
        assert!(!texts.contains(secret), "{secret} is in\n{texts}");
    }
    let (code, out) = verify(&node, &[]).await;
    assert_eq!((code, out.lines().count()), (Some(0), 2), "{out}");
    // The log has the heads, so that they can be kept elsewhere.
    let last = records.last().unwrap();
    let head = format!("{}:{}", last["number"], last["hash"].as_str().unwrap());
    assert!(node.output().contains(&format!("the audit log of default is at {head}")), "{}", node.output());
    assert_eq!(out.lines().last(), Some(&*format!("default: ok: 6 records, head {head}")));
    assert_eq!(verify(&node, &["--tenant", "default", "--head", &head]).await.0, Some(0));
    assert_eq!(export(&node, &["--tenant", "default", "--after", "5"]).await, std::slice::from_ref(last));
}

/// Publishes one event after the other until the server is gone; by entry id what was answered.
async fn publish_until_the_end(address: String, name: usize, answered: Arc<Semaphore>) -> Vec<String> {
    let mut accepted = Vec::new();
    for number in 0.. {
        let body = json!({"event": "e", "data": number, "key": format!("{name}-{number}")});
        match call(&address, KEY, "POST", &format!("/v1/rooms/r{name}/events"), &body).await {
            Some((201, answer)) => {
                accepted.push(answer["entry"].as_str().unwrap().to_owned());
                answered.add_permits(1);
            }
            Some((status, answer)) => panic!("{status}: {answer}"),
            None => break,
        }
    }
    accepted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_amid_a_backends_publishes_leaves_one_record_for_each_entry() {
    const ROOMS: usize = 4;
    let mut node = Node::start(config()).await;
    let mut accepted = Vec::new();
    for round in 1..=3 {
        let answered = Arc::new(Semaphore::new(0));
        let publishers: Vec<_> = (0..ROOMS)
            .map(|room| {
                let name = round * 10 + room;
                tokio::spawn(publish_until_the_end(node.address.clone(), name, Arc::clone(&answered)))
            })
            .collect();
        soon("publishes to be answered", async {
            for _ in 0..50 * round {
                answered.acquire().await.unwrap().forget();
            }
        })
        .await;
        node.kill9().await;
        for publisher in publishers {
            accepted.extend(publisher.await.unwrap());
        }
        let (code, out) = verify(&node, &[]).await;
        assert_eq!(code, Some(0), "the file of a server that was killed can be read, and is whole: {out}");
        node = node.restart().await;
    }
    let mut records = BTreeMap::<String, usize>::new();
    for record in export(&node, &[]).await.iter().filter(|record| record["act"] == "publish") {
        *records.entry(record["what"]["entry"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert!(records.values().all(|times| *times == 1), "{records:?}");
    for entry in &accepted {
        assert!(records.contains_key(entry), "{entry} was accepted and is not recorded");
    }
    // What was not answered may be written or not; if it is, it has a record.
    let entries = Connection::open(node.store()).unwrap();
    let mut statement = entries.prepare("select lower(hex(id)) from entries").unwrap();
    let written: BTreeSet<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let recorded: BTreeSet<String> = records.into_keys().map(|id| id.replace('-', "")).collect();
    assert_eq!(written, recorded);
    assert!(accepted.len() >= 300 && written.len() >= accepted.len());
}

/// Opens a connection, says `connect` with a bad token in the same breath, and reads until it is refused.
async fn refused_connect(address: &str) {
    let request = format!(
        "GET /v1/ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let connect = json!({"type": "connect", "token": format!("{CANARY}.e30.e30")}).to_string();
    let bytes = [request.into_bytes(), Frame::text(connect).bytes()].concat();
    let refusal = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(&bytes).await?;
        let mut heard = Vec::new();
        while !String::from_utf8_lossy(&heard).contains("unauthorized") {
            assert!(stream.read_buf(&mut heard).await? > 0, "{}", String::from_utf8_lossy(&heard));
        }
        std::io::Result::Ok(())
    };
    soon("a refusal", refusal).await.expect("the server answers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_refused_connects_leaves_few_records_and_their_number() {
    const FLOOD: usize = 10_000;
    // Nobody wants to read of each.
    let mut node = Node::start(config().set("auth.guests", "off").env("RUST_LOG", "warn")).await;
    let flood = (0..25).map(|_| {
        let address = node.address.clone();
        tokio::spawn(async move {
            for _ in 0..FLOOD / 25 {
                refused_connect(&address).await;
            }
        })
    });
    for guesser in flood.collect::<Vec<_>>() {
        guesser.await.unwrap();
    }
    let _ada = Client::user(&node, "ada").await;
    node.sigterm().await;
    let records = export(&node, &["--tenant", "@server"]).await;
    // One a minute, however long this machine takes over it.
    assert!((1..=10).contains(&records.len()), "{records:?}");
    let count: u64 = records.iter().map(|record| record["what"]["count"].as_u64().unwrap()).sum();
    assert_eq!(count, FLOOD as u64);
    assert_eq!(records[0]["from"], "127.0.0.1");
    assert_eq!(export(&node, &["--tenant", "default"]).await.len(), 1, "who comes in is told by name");
    let file = std::fs::read(node.store()).unwrap();
    assert!(!file.windows(CANARY.len()).any(|bytes| bytes == CANARY.as_bytes()));
}

#[tokio::test]
async fn an_edit_of_the_file_is_found_and_a_cut_by_a_head_from_the_servers_log() {
    let mut node = Node::start(config()).await;
    for user in ["ada", "grace", "eve", "alan"] {
        Client::user(&node, user).await;
    }
    exported(&node, 4).await;
    let before = verify(&node, &[]).await;
    assert_eq!(before.0, Some(0), "it can be read while the server runs: {}", before.1);
    node.sigterm().await;
    let output = node.output();
    let head = output.lines().find_map(|line| line.split_once("the audit log of default is at ")).unwrap().1.to_owned();
    let whole = std::fs::read(node.store()).unwrap();
    let last_but_one = "number = (select max(number) from audit) - 1";
    for (sql, args, said) in [
        ("update audit set who = 'user:ada' where who = 'user:eve'", vec![], "record 3 was edited"),
        ("delete from audit where who = 'user:grace'", vec![], "records 2 to 2 are missing"),
        (
            "update audit set number = case number when 1 then 3 else 1 end where number in (1, 3)",
            vec![],
            "what was written as record 1 stands at 3",
        ),
        ("delete from audit where number = 4", vec![], "the last record is 3, and there were 4"),
        (
            &format!(
                "update audit_chains set hash = (select hash from audit where {last_but_one}), number = number - 1;
                 delete from audit where number = (select max(number) from audit)"
            ),
            vec!["--tenant", "default", "--head", &head],
            "the last record is 3, and there were 4",
        ),
    ] {
        std::fs::write(node.store(), &whole).unwrap();
        Connection::open(node.store()).unwrap().execute_batch(sql).unwrap();
        let (code, out) = verify(&node, &args).await;
        assert_eq!(code, Some(1), "{out}");
        assert!(out.starts_with("default: BROKEN: ") && out.contains(said), "{out}");
    }
    // Whoever cut the stored head as well is found by the noted one alone.
    assert_eq!(
        verify(&node, &[]).await,
        (Some(0), before.1.replace(&head, &node_head(&node)).replace("4 rec", "3 rec"))
    );
    let nobody = audit(&node, &["verify", "--tenant", "nobody"]).await;
    assert_eq!(nobody.status.code(), Some(1));
    std::fs::remove_file(node.store()).unwrap();
    let away = audit(&node, &["verify"]).await;
    assert_eq!((away.status.code(), away.stdout.len()), (Some(66), 0));
    assert!(String::from_utf8_lossy(&away.stderr).contains("copresence.db"));
    assert!(!node.store().exists(), "who only reads makes nothing");
}

/// The head of the default tenant's chain, as the file says it.
fn node_head(node: &Node) -> String {
    let sql = "select number || ':' || lower(hex(hash)) from audit_chains where tenant = 'default'";
    Connection::open(node.store()).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn switched_off_nothing_is_recorded() {
    let mut node = Node::start(config().set("audit.enabled", false)).await;
    Client::user(&node, "ada").await;
    let body = json!({"event": "e", "data": 1});
    assert_eq!(call(&node.address, KEY, "POST", "/v1/rooms/r/events", &body).await.unwrap().0, 201);
    assert_eq!(call(&node.address, KEY, "DELETE", "/v1/users/ada/sessions", &Value::Null).await.unwrap().0, 204);
    node.sigterm().await;
    assert_eq!(verify(&node, &[]).await, (Some(0), "ok: there are no records yet".to_owned()));
}
