//! The end of a server that is asked to end: everybody is told when to come back, and nothing is lost on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::recovery::Reader;
use crate::support::client::End;
use crate::support::raw::Raw;
use crate::support::{Client, Node, NodeConfig, soon};

const SESSIONS: usize = 1_000;
const ROOMS: usize = 50;
/// Connections that are opened at the same time, so that two cores can follow.
const AT_ONCE: usize = 50;

/// What all clients of the drain look at.
#[derive(Default)]
struct Scene {
    acknowledged: AtomicUsize,
    /// Acknowledged publishes that were sent when somebody had been sent away already.
    late: AtomicUsize,
    /// Whether somebody has been sent away.
    has_begun: AtomicBool,
    news: Notify,
}

/// One client, and what it knows when its connection has ended.
struct Guest {
    user: String,
    room: String,
    reader: Reader,
    /// By data: offset and entry of its acknowledged publishes.
    acknowledged: BTreeMap<u64, (u64, String)>,
    after: f64,
}

impl Guest {
    /// Listens, and publishes if it shall, until the connection ends.
    async fn until_the_end(mut self, mut client: Client, scene: Arc<Scene>, publishes: bool) -> Self {
        let mut number = 0;
        let mut under_way = None;
        let mut closing = None;
        loop {
            if publishes && under_way.is_none() && closing.is_none() {
                number += 1;
                let is_late = scene.has_begun.load(Ordering::SeqCst);
                let publish =
                    json!({"type": "publish", "id": number, "room": self.room, "event": "note", "data": number});
                // Whether the server still takes it is told by the answer, or by none.
                let _ = client.send_frame(tokio_tungstenite::tungstenite::Message::text(publish.to_string())).await;
                under_way = Some(is_late);
            }
            let Some(message) = client.any().await else { break };
            if message.is_entry() {
                self.reader.apply(&message);
            } else if message.kind() == "published" {
                let at = (message["offset"].as_u64().unwrap(), message["entry"].as_str().unwrap().to_owned());
                self.acknowledged.insert(message["id"].as_u64().unwrap(), at);
                scene.acknowledged.fetch_add(1, Ordering::SeqCst);
                scene.late.fetch_add(usize::from(under_way.take() == Some(true)), Ordering::SeqCst);
                scene.news.notify_one();
                // A person at work, and not a flood: the drain is what is looked at.
                tokio::time::sleep(Duration::from_millis(5)).await;
            } else if message.kind() == "closing" {
                scene.has_begun.store(true, Ordering::SeqCst);
                closing = Some(message);
            }
        }
        assert_eq!(client.end().await, End::Close(1012), "{}", self.user);
        let closing = closing.expect("closing comes ahead of the close");
        assert_eq!((&closing["code"], &closing["reconnect"]), (&json!(1012), &json!(true)), "{}", closing.text);
        self.after = closing["after"].as_f64().expect("it says when to come back");
        self
    }
}

/// Runs `task` for each number, some at a time.
async fn for_each<T>(count: usize, task: impl AsyncFn(usize) -> T) -> Vec<T> {
    let mut done = Vec::with_capacity(count);
    for begin in (0..count).step_by(AT_ONCE) {
        done.extend(join_all((begin..count.min(begin + AT_ONCE)).map(|number| task(number))).await);
    }
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_of_1000_sessions_loses_nothing() {
    let mut node = Node::start(NodeConfig::default().set("server.drain_s", 0.5)).await;
    let scene = Arc::new(Scene::default());
    let running = for_each(SESSIONS, async |number| {
        let (user, room) = (format!("user-{number}"), format!("room-{}", number % ROOMS));
        let (client, joined) = Client::user_in(&node, &user, &room).await;
        let reader = Reader::at(joined["cursor"].clone());
        let guest = Guest { user, room, reader, acknowledged: BTreeMap::new(), after: 0.0 };
        // At once, for who answers no ping while the others come is gone before they are all here. The last to come are
        // the last to be sent away: one a room publishes until then.
        (number, tokio::spawn(guest.until_the_end(client, Arc::clone(&scene), number >= SESSIONS - ROOMS)))
    })
    .await;
    soon("publishes to be under way", async {
        while scene.acknowledged.load(Ordering::SeqCst) < 500 {
            scene.news.notified().await;
        }
    })
    .await;

    // Opened now and not before: a connection that nothing is asked on is ended after a few seconds.
    let mut ops = KeptAlive::open(&node).await;
    assert_eq!(ops.get(&node, "/readyz").await, (200, json!({"status": "ready"})));
    node.signal("TERM");
    // Asked at once, and not after the first was sent away: on a busy machine the drain may be over by then.
    let draining = soon("no balancer to send more", async {
        loop {
            let (status, told) = ops.get(&node, "/readyz").await;
            if status != 200 {
                break (status, told);
            }
        }
    });
    assert_eq!(draining.await, (503, json!({"status": "draining"})));
    let mut guests = Vec::new();
    for (_, guest) in running {
        guests.push(guest.await.unwrap());
    }
    assert_eq!(node.ended().await.code(), Some(0), "{}", node.output());
    assert!(node.output().contains("everything is committed"), "{}", node.output());

    // Sent away one after the other, with half a second for it; called back over the second behind that.
    assert!(scene.late.load(Ordering::SeqCst) > 0, "who was not sent away yet worked on");
    assert!(guests.iter().all(|guest| (0.45..=1.05).contains(&guest.after)));
    let moments: BTreeSet<_> = guests.iter().map(|guest| format!("{:.3}", guest.after)).collect();
    assert!(moments.len() > SESSIONS / 5, "{} different moments to come back", moments.len());

    let node = node.restart().await;
    let logs = for_each(ROOMS, async |number| {
        let since = json!({"epoch": guests[number].reader.cursor["epoch"], "offset": 0, "entry": null});
        let (room, mut log) = (format!("room-{number}"), Reader::at(since));
        log.catch_up_in(&room, &mut Client::user(&node, "auditor").await).await;
        (room, log.heard)
    })
    .await;
    let logs: BTreeMap<_, _> = logs.into_iter().collect();
    for guest in &guests {
        for (data, (offset, entry)) in &guest.acknowledged {
            let place = usize::try_from(offset - 1).unwrap();
            let found = logs[&guest.room].get(place).unwrap_or_else(|| panic!("{} lost {data}", guest.user));
            assert_eq!(found, &(*offset, entry.clone(), json!(data)));
        }
    }
    let guests: Vec<_> = guests.into_iter().map(std::sync::Mutex::new).collect();
    for_each(SESSIONS, async |number| {
        let (user, room, reader) = {
            let guest = guests[number].lock().unwrap();
            (
                guest.user.clone(),
                guest.room.clone(),
                Reader { cursor: guest.reader.cursor.clone(), heard: guest.reader.heard.clone() },
            )
        };
        let (mut reader, mut client) = (reader, Client::user(&node, &user).await);
        reader.catch_up_in(&room, &mut client).await;
        assert_eq!(reader.heard, logs[&room], "{user} has each entry once and in order");
    })
    .await;
}

/// An HTTP connection that stays, as a balancer keeps one.
struct KeptAlive(TcpStream);

impl KeptAlive {
    async fn open(node: &Node) -> Self {
        Self(TcpStream::connect(&node.address).await.unwrap())
    }

    /// The status and the JSON that a GET is answered with.
    async fn get(&mut self, node: &Node, path: &str) -> (u16, Value) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", node.address);
        self.0.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        soon(path, async {
            while !answer.ends_with(b"}") {
                assert!(self.0.read_buf(&mut answer).await.unwrap() > 0, "{}", String::from_utf8_lossy(&answer));
            }
        })
        .await;
        let text = String::from_utf8(answer).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
    }
}

#[tokio::test]
async fn who_asks_to_come_in_during_a_drain_is_sent_elsewhere() {
    let mut node = Node::start(NodeConfig::default()).await;
    let mut kept = KeptAlive::open(&node).await;
    assert_eq!(kept.get(&node, "/readyz").await.0, 200);
    let mut ada = Client::user(&node, "ada").await;
    let mut silent = Raw::guest(&node).await;
    node.signal("TERM");
    assert_eq!(ada.end().await, End::Close(1012));
    assert_eq!(silent.close_code().await, Some(1012));
    // One who does not answer the close keeps the server for a moment; here that moment is used.
    let path = "/v1/ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: copresence.v1\r\nX-Rest:";
    let (status, refusal) = kept.get(&node, path).await;
    assert_eq!((status, &refusal["code"]), (503, &json!("unavailable")), "{refusal}");
    assert_eq!(node.ended().await.code(), Some(0), "{}", node.output());
}

#[tokio::test]
async fn a_second_sigterm_ends_at_once() {
    let mut node = Node::start(NodeConfig::default()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", "lobby").await;
    let acknowledged = ada.publish("lobby", "note", json!("kept")).await;
    // It never answers the close, so that a patient end takes two seconds.
    let mut silent = Raw::guest(&node).await;
    node.signal("TERM");
    assert_eq!(silent.close_code().await, Some(1012));
    node.signal("TERM");
    assert_eq!(node.ended().await.code(), Some(0), "{}", node.output());
    assert!(node.output().contains("ending at once, as told"), "{}", node.output());
    assert!(!node.output().contains("everything is committed"), "{}", node.output());
    let node = node.restart().await;
    let mut back = Client::user(&node, "ada").await;
    assert_eq!(back.join("lobby").await["cursor"]["entry"], acknowledged["entry"]);
}
