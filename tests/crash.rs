//! Ends of the server and of its readers: by kill -9, by SIGTERM, by being too slow. What was acknowledged stays.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join;
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::task::JoinHandle;

use crate::recovery::Reader;
use crate::support::client::End;
use crate::support::{Client, Node, NodeConfig, soon, token_of};

const ROOM: &str = "lobby";

const MIB: usize = 1024 * 1024;

/// Bytes of data with which a connection's buffers are filled soon.
const LARGE: usize = 60_000;

/// What a publisher knows when its connection has ended.
#[derive(Default)]
struct Account {
    user: String,
    /// By key: offset and entry id of what was answered.
    acknowledged: BTreeMap<String, (u64, String)>,
    /// Keys that were sent and not answered.
    unanswered: HashSet<String>,
    end: Option<End>,
    was_told: bool,
}

/// Publishes with up to eight unanswered at a time, until the connection ends.
async fn publish_until_the_end(
    mut client: Client,
    user: String,
    acknowledged: Arc<AtomicUsize>,
    news: Arc<Notify>,
) -> Account {
    const IN_FLIGHT: usize = 8;
    let mut account = Account { user, ..Account::default() };
    let mut keys = BTreeMap::new();
    for number in 0_u64.. {
        let key = format!("{}-{number}", account.user);
        let text = json!({"type": "publish", "id": number, "room": ROOM, "event": "note", "data": key, "key": key});
        account.unanswered.insert(key.clone());
        keys.insert(number, key);
        let is_taken = client.send_frame(tokio_tungstenite::tungstenite::Message::text(text.to_string())).await.is_ok();
        while account.unanswered.len() >= IN_FLIGHT || !is_taken {
            let Some(message) = client.any().await else {
                account.end = Some(client.end().await);
                return account;
            };
            account.was_told |= message.kind() == "closing" && message["code"] == 1012 && message["reconnect"] == true;
            if message.kind() == "published" {
                let key = keys.remove(&message["id"].as_u64().unwrap()).unwrap();
                account.unanswered.remove(&key);
                let at = (message["offset"].as_u64().unwrap(), message["entry"].as_str().unwrap().to_owned());
                account.acknowledged.insert(key, at);
                acknowledged.fetch_add(1, Ordering::Relaxed);
                news.notify_one();
            }
        }
    }
    unreachable!("a server that is killed ends its connections")
}

/// Three publishers at work, and `enough` of their publishes acknowledged.
async fn publishers_at_work(node: &Node, round: usize, enough: usize) -> Vec<JoinHandle<Account>> {
    let (acknowledged, news) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let mut publishers = Vec::new();
    for number in 0..3 {
        let user = format!("writer-{round}-{number}");
        let mut client = Client::user(node, &user).await;
        // Without its own entries coming back, a publisher reads little and so fills the server's queues well.
        client.ask(json!({"type": "join", "room": ROOM, "receive": []})).await;
        publishers.push(tokio::spawn(publish_until_the_end(
            client,
            user,
            Arc::clone(&acknowledged),
            Arc::clone(&news),
        )));
    }
    soon("publishes to be acknowledged", async {
        while acknowledged.load(Ordering::Relaxed) < enough {
            news.notified().await;
        }
    })
    .await;
    publishers
}

/// Everything in the log, and that each acknowledged entry is in it at its place, once.
async fn audit(node: &Node, start: &Value, accounts: &[Account]) -> Reader {
    let mut reader = Reader::at(start.clone());
    reader.catch_up(&mut Client::user(node, "auditor").await).await;
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, _, data) in &reader.heard {
        *times.entry(data.as_str().unwrap()).or_default() += 1;
    }
    assert!(times.values().all(|times| *times == 1), "nothing twice: {times:?}");
    for account in accounts {
        for (key, (offset, id)) in &account.acknowledged {
            let index = usize::try_from(offset - 1).unwrap();
            let found =
                reader.heard.get(index).unwrap_or_else(|| panic!("{key} was acknowledged at {offset} and is lost"));
            assert_eq!(found, &(*offset, id.clone(), json!(key)));
        }
    }
    reader
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_amid_publishes_loses_no_acknowledged_one_and_repeats_none() {
    let mut node = Node::start(NodeConfig::default()).await;
    let mut watcher = Client::user(&node, "watcher").await;
    let start = watcher.join(ROOM).await["cursor"].clone();
    let mut heard = Reader::at(start.clone());
    let mut accounts: Vec<Account> = Vec::new();

    for round in 0..3 {
        let publishers = publishers_at_work(&node, round, 60 + 40 * round).await;
        node.kill9().await;
        let mut latest = Vec::new();
        for publisher in publishers {
            let account = publisher.await.unwrap();
            assert_eq!(account.end, Some(End::Lost), "kill -9 says no goodbye");
            latest.push(account);
        }
        // What was delivered before the end counts as well: it must be in the log under the same numbers.
        watcher.end().await;
        watcher.heard().filter(|message| message.is_entry()).for_each(|entry| heard.apply(entry));

        node = node.restart().await;
        watcher = Client::user(&node, "watcher").await;
        heard.catch_up(&mut watcher).await;
        let log = audit(&node, &start, &latest).await;
        assert_eq!(heard.heard, log.heard, "the watcher's cursor goes on over the end of the server");

        for account in &mut latest {
            settle(&node, account, &log).await;
        }
        accounts.append(&mut latest);
        let log = audit(&node, &start, &accounts).await;
        let sent: usize = accounts.iter().map(|account| account.acknowledged.len()).sum();
        assert_eq!(log.heard.len(), sent, "each message is in the log, and nothing else");
        while heard.heard.len() < sent {
            let entry = watcher.entry(ROOM).await;
            heard.apply(&entry);
        }
    }
}

/// Sends again what was not answered: whether it was written is unknown, the same key finds out and makes no double.
async fn settle(node: &Node, account: &mut Account, log: &Reader) {
    let (mut client, _) = Client::user_in(node, &account.user, ROOM).await;
    for key in account.unanswered.drain() {
        let known = log.heard.iter().find(|(_, _, data)| data == key.as_str());
        let reply = client.publish_keyed(ROOM, &key, json!(key)).await;
        assert_eq!(reply["duplicate"], known.is_some(), "{key}");
        assert!(known.is_none_or(|(offset, id, _)| reply["offset"] == *offset && reply["entry"] == id.as_str()));
        let at = (reply["offset"].as_u64().unwrap(), reply["entry"].as_str().unwrap().to_owned());
        account.acknowledged.insert(key, at);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_ends_with_everything_committed_and_tells_everybody() {
    let mut node = Node::start(NodeConfig::default()).await;
    let mut watcher = Client::user(&node, "watcher").await;
    let start = watcher.join(ROOM).await["cursor"].clone();
    let publishers = publishers_at_work(&node, 0, 100).await;
    node.signal("TERM");
    let mut accounts = Vec::new();
    for publisher in publishers {
        let account = publisher.await.unwrap();
        assert_eq!((account.end, account.was_told), (Some(End::Close(1012)), true));
        accounts.push(account);
    }
    assert_eq!(watcher.end().await, End::Close(1012));
    let closing = watcher.take("closing", |message| message.kind() == "closing").await;
    assert_eq!((&closing["code"], &closing["reconnect"]), (&json!(1012), &json!(true)));
    assert!(closing["after"].is_number(), "{}", closing.text);
    assert_eq!(node.ended().await.code(), Some(0), "{}", node.output());

    let node = node.restart().await;
    audit(&node, &start, &accounts).await;
}

#[tokio::test]
async fn ctrl_c_ends_as_well() {
    let mut node = Node::start(NodeConfig::default()).await;
    let mut ada = Client::user(&node, "ada").await;
    node.signal("INT");
    assert_eq!(ada.end().await, End::Close(1012));
    assert_eq!(node.ended().await.code(), Some(0), "{}", node.output());
}

/// A member of [`ROOM`] whose kernel buffers little, so that slowness shows at the server; and its place in the log.
async fn slow_reader(node: &Node) -> (Client, Reader) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(8 * 1024).unwrap();
    let stream = soon("a TCP connection", socket.connect(node.address.parse().unwrap())).await.unwrap();
    let mut slow = Client::upgrade(&node.address, stream).await;
    slow.connect(json!({"token": token_of("slow")})).await;
    let reader = Reader::at(slow.join(ROOM).await["cursor"].clone());
    (slow, reader)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_stops_is_ended_and_comes_back_whole_while_others_go_on() {
    let config = NodeConfig::default().set("presence.tick_ms", 20).set("session.grace_s", 0.05);
    let node = Node::start(config).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let (mut slow, mut reader) = slow_reader(&node).await;
    ada.presence("joined", ROOM, "slow").await;

    // From here on nobody reads what `slow` is sent, and ada publishes on until she sees it leave.
    let data = json!("x".repeat(LARGE));
    let mut published = 0;
    let mut slowest = Duration::ZERO;
    soon("the stopped reader to be ended", async {
        while !ada.heard().any(|message| message["left"] == json!(["slow"])) {
            let began = Instant::now();
            ada.publish(ROOM, "note", data.clone()).await;
            slowest = slowest.max(began.elapsed());
            published += 1;
            assert!(published * LARGE < 512 * MIB, "a reader that stopped is never ended");
        }
    })
    .await;
    assert!(slowest < Duration::from_secs(5), "others do not wait for a slow reader: {slowest:?}");

    // It was cut off some time after the close, so whether the close is still to be read is luck.
    assert!(matches!(slow.end().await, End::Close(4431) | End::Lost));
    slow.heard().filter(|message| message.is_entry()).for_each(|entry| reader.apply(entry));
    assert!(reader.heard.len() < published);
    reader.catch_up(&mut Client::user(&node, "slow").await).await;
    assert_eq!(reader.heard.len(), published, "every entry, once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_is_too_slow_is_told_so_and_comes_back_whole() {
    let config = NodeConfig::default().set("presence.tick_ms", 20).set("session.grace_s", 0.05);
    let node = Node::start(config).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let (mut slow, mut reader) = slow_reader(&node).await;
    ada.presence("joined", ROOM, "slow").await;
    // One entry is read for every eight that are published, however quick the machine is, so it falls behind for certain.
    let pace = Semaphore::new(0);
    let reading = async {
        loop {
            match slow.any().await {
                Some(message) if message.is_entry() => reader.apply(&message),
                Some(_) => continue,
                None => return slow.end().await,
            }
            // Closed, once it was ended: the close is to be read while it is still there.
            let _ = pace.acquire().await.map(SemaphorePermit::forget);
        }
    };
    let data = json!("x".repeat(LARGE));
    let publishing = async {
        for published in 1.. {
            ada.publish(ROOM, "note", data.clone()).await;
            pace.add_permits(usize::from(published % 8 == 0));
            if ada.heard().any(|message| message["left"] == json!(["slow"])) {
                break;
            }
        }
        pace.close();
    };
    let (end, ()) = soon("the slow reader to be ended", join(reading, publishing)).await;
    assert_eq!(end, End::Close(4431));
    let metrics = node.get("/metrics").await.text();
    assert!(metrics.contains("copresence_closes_total{code=\"4431\"} 1\n"), "{metrics}");
    let mut auditor = Reader::at(json!({"epoch": reader.cursor["epoch"], "offset": 0, "entry": null}));
    auditor.catch_up(&mut Client::user(&node, "auditor").await).await;
    reader.catch_up(&mut Client::user(&node, "slow").await).await;
    assert_eq!(reader.heard, auditor.heard, "every entry, once");
}

#[tokio::test]
async fn a_second_server_on_the_same_store_is_refused_and_the_first_goes_on() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let (status, said) = node.second_on_the_same_store().await;
    assert!(!status.success());
    assert!(said.contains(&*node.store().to_string_lossy()), "it names the file: {said}");
    assert!(!said.contains("panicked"), "{said}");
    ada.publish(ROOM, "note", json!("still here")).await;
}

#[tokio::test]
async fn a_store_that_was_put_back_begins_a_new_life_and_says_so() {
    let mut node = Node::start(NodeConfig::default()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    ada.publish(ROOM, "note", json!("in the backup")).await;
    node.sigterm().await;
    let backup = node.folder().join("backup.db");
    std::fs::copy(node.store(), &backup).unwrap();

    let mut node = node.restart().await;
    let (mut ada, joined) = Client::user_in(&node, "ada", ROOM).await;
    assert_eq!(joined["cursor"]["offset"], 1, "a plain restart keeps the log");
    ada.publish(ROOM, "note", json!("after the backup")).await;
    let newest = ada.join(ROOM).await["cursor"].clone();
    node.sigterm().await;
    std::fs::copy(&backup, node.store()).unwrap();
    for ending in ["-wal", "-shm"] {
        std::fs::remove_file(format!("{}{ending}", node.store().display())).ok();
    }

    let node = node.restart().await;
    let mut ada = Client::user(&node, "ada").await;
    let joined = ada.join_since(ROOM, &newest).await;
    assert_eq!((&joined["recovered"], &joined["reason"]), (&json!(false), &json!("epoch_changed")));
    assert_ne!(joined["cursor"]["epoch"], newest["epoch"]);
    assert_eq!(joined["cursor"]["offset"], 1, "what the backup has is there");
    assert_eq!(ada.publish(ROOM, "note", json!("another history")).await["offset"], 2);
}
