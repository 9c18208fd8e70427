//! Very many at once in one room.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use serde_json::json;
use tokio::sync::Notify;

use crate::recovery::Reader;
use crate::support::{Client, Node, NodeConfig, soon};

const ROOM: &str = "lobby";
const PUBLISHERS: usize = 100;
const EACH: usize = 5;
const JOINERS: usize = 10;

/// A room is asked by all of them before it has begun to work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_that_opens_a_room_at_one_moment_is_let_in_whole() {
    let node = Node::start(NodeConfig::default()).await;
    let mut clients = join_all((0..150).map(async |number| Client::user(&node, &format!("fan-{number}")).await)).await;
    // All of them have asked before the first one looks for its answer.
    let asked =
        join_all(clients.iter_mut().map(|client| client.command(json!({ "type": "join", "room": ROOM })))).await;
    for (client, id) in clients.iter_mut().zip(asked) {
        assert_eq!(client.reply(id).await.kind(), "joined");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_publish_while_others_join_and_everybody_hears_everything_once_in_one_order() {
    let node = Arc::new(Node::start(NodeConfig::default()).await);
    let written = Arc::new((AtomicUsize::new(0), Notify::new()));
    let all = PUBLISHERS * EACH;
    let publishers = join_all((0..PUBLISHERS).map(async |number| {
        let (client, joined) = Client::user_in(&node, &format!("writer-{number}"), ROOM).await;
        (client, Reader::at(joined["cursor"].clone()))
    }))
    .await;
    let mut hearing = Vec::new();
    for (number, (mut client, mut reader)) in publishers.into_iter().enumerate() {
        let written = Arc::clone(&written);
        hearing.push(tokio::spawn(async move {
            for n in 0..EACH {
                client.publish(ROOM, "note", json!([number, n])).await;
                written.0.fetch_add(1, Ordering::SeqCst);
                written.1.notify_waiters();
            }
            hear_until(&mut client, &mut reader, all).await
        }));
    }
    for number in 0..JOINERS {
        let (node, written) = (Arc::clone(&node), Arc::clone(&written));
        hearing.push(tokio::spawn(async move {
            let mut client = Client::user(&node, &format!("joiner-{number}")).await;
            // Each comes at another moment, the first before and the last among the last entries.
            soon("the moment to join", async {
                loop {
                    let news = written.1.notified();
                    if written.0.load(Ordering::SeqCst) >= number * all / JOINERS {
                        return;
                    }
                    news.await;
                }
            })
            .await;
            let joined = client.join(ROOM).await;
            let mut reader = Reader::at(joined["cursor"].clone());
            hear_until(&mut client, &mut reader, all).await
        }));
    }
    let mut truth = Reader::at(Client::user(&node, "auditor").await.join("empty").await["cursor"].clone());
    let mut heard = Vec::new();
    for hearer in hearing {
        heard.push(hearer.await.unwrap());
    }
    truth.catch_up(&mut Client::user(&node, "auditor").await).await;
    assert_eq!(truth.heard.len(), all);
    let missed: Vec<_> = heard.iter().map(|heard| all - heard.len()).collect();
    assert!(missed.iter().any(|missed| (1..all).contains(missed)), "nobody joined in the middle: {missed:?}");
    for heard in heard {
        assert_eq!(heard[..], truth.heard[all - heard.len()..], "all that follows its cursor, once and in one order");
    }
    let of_one: Vec<_> = truth.heard.iter().filter(|(_, _, data)| data[0] == 7).map(|(_, _, data)| &data[1]).collect();
    assert_eq!(of_one, [0, 1, 2, 3, 4], "and what one says stays in the order in which it was said");
}

/// Hears on to the entry of this number; everything that was heard, in order.
async fn hear_until(client: &mut Client, reader: &mut Reader, last: usize) -> Vec<(u64, String, serde_json::Value)> {
    while reader.cursor["offset"] != last {
        let entry = client.entry(ROOM).await;
        reader.apply(&entry);
    }
    std::mem::take(&mut reader.heard)
}
