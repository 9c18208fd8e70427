//! Joins since a cursor: exactly what was missed, page by page, or an honest no.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::support::{Client, Message, Node, NodeConfig};

const ROOM: &str = "lobby";
const PAGE_ENTRIES: usize = 1000;
const PAGE_BYTES: usize = 256 * 1024;

#[tokio::test]
async fn a_join_since_a_cursor_gets_exactly_what_was_missed() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, joined) = Client::user_in(&node, "ada", ROOM).await;
    let mut cursors = vec![joined["cursor"].clone()];
    for number in 1..=5 {
        let published = ada.publish(ROOM, "note", json!(number)).await;
        cursors.push(json!({
            "epoch": joined["cursor"]["epoch"], "offset": published["offset"], "entry": published["entry"]
        }));
    }
    let mut bob = Client::user(&node, "bob").await;
    for (offset, cursor) in cursors.iter().enumerate() {
        let page = bob.join_since(ROOM, cursor).await;
        assert_eq!((&page["recovered"], &page["more"]), (&json!(true), &json!(false)));
        assert_eq!(page["cursor"], cursors[5]);
        assert!(offsets(&page).into_iter().eq(offset as u64 + 1..=5), "{}", page.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joins_while_publishers_go_on_miss_nothing_and_repeat_nothing() {
    const WRITERS: u64 = 3;
    const EACH: u64 = 150;
    let node = Arc::new(Node::start(NodeConfig::default()).await);
    let start = Client::user(&node, "first").await.join(ROOM).await["cursor"].clone();
    let written = Arc::new(AtomicU64::new(0));
    let is_over = Arc::new(AtomicBool::new(false));

    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let (node, written) = (Arc::clone(&node), Arc::clone(&written));
        writers.push(tokio::spawn(async move {
            let (mut client, _) = Client::user_in(&node, &format!("writer-{writer}"), ROOM).await;
            for n in 0..EACH {
                client.publish(ROOM, "note", json!([writer, n])).await;
                written.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    let mut joiners = Vec::new();
    for joiner in 0..4 {
        let (node, start, is_over) = (Arc::clone(&node), start.clone(), Arc::clone(&is_over));
        joiners.push(tokio::spawn(async move {
            let mut reader = Reader::at(start);
            // Over and over a new connection, which hears a few live entries and is gone without a goodbye.
            while !is_over.load(Ordering::Relaxed) {
                let mut client = Client::user(&node, &format!("joiner-{joiner}")).await;
                reader.catch_up(&mut client).await;
                let live_max = 3 + joiner;
                for _ in 0..live_max {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    // Whatever was pushed until a ping was answered: it ends, also when the publishers have.
                    for message in client.drain().await.iter().filter(|message| message.is_entry()) {
                        reader.apply(message);
                    }
                }
                client.reset();
            }
            reader.catch_up(&mut Client::user(&node, &format!("joiner-{joiner}")).await).await;
            reader.heard
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    is_over.store(true, Ordering::Relaxed);
    let mut truth = Reader::at(start);
    truth.catch_up(&mut Client::user(&node, "auditor").await).await;
    assert_eq!(truth.heard.len() as u64, WRITERS * EACH);
    assert_eq!(written.load(Ordering::Relaxed), WRITERS * EACH);
    for joiner in joiners {
        assert_eq!(joiner.await.unwrap(), truth.heard);
    }
}

#[tokio::test]
async fn more_than_a_thousand_missed_entries_come_page_by_page() {
    const ALL: usize = 2100;
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, joined) = Client::user_in(&node, "ada", ROOM).await;
    publish_many(&mut ada, ALL, &json!("x")).await;

    let mut bob = Client::user(&node, "bob").await;
    let mut cursor = joined["cursor"].clone();
    let mut next = 1;
    for expected in [PAGE_ENTRIES, PAGE_ENTRIES] {
        let page = bob.join_since(ROOM, &cursor).await;
        assert_eq!((&page["recovered"], &page["more"]), (&json!(true), &json!(true)));
        assert_eq!(offsets(&page).len(), expected);
        assert!(page.get("members").is_none() && page.get("count").is_none(), "the rest comes with the last page");
        next = check_page(&page, next);
        cursor = page["cursor"].clone();
        // Until the last page, nothing of the room is pushed and one is no member.
        ada.publish(ROOM, "note", json!("meanwhile")).await;
        let heard = bob.drain().await;
        assert!(!heard.iter().any(|message| message["room"] == ROOM), "{heard:?}");
        let error = bob.refused(json!({"type": "publish", "room": ROOM, "event": "note", "data": 1})).await;
        assert_eq!(error.code(), "not_joined");
    }
    let last = bob.join_since(ROOM, &cursor).await;
    assert_eq!((&last["more"], &last["count"]), (&json!(false), &json!(2)));
    assert_eq!(check_page(&last, next), ALL as u64 + 3);
    ada.publish(ROOM, "note", json!("live")).await;
    assert_eq!(bob.entry(ROOM).await["data"], "live");
}

#[tokio::test]
async fn a_page_is_at_most_256_kib() {
    const ALL: usize = 12;
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, joined) = Client::user_in(&node, "ada", ROOM).await;
    publish_many(&mut ada, ALL, &json!("x".repeat(50_000))).await;
    let mut bob = Client::user(&node, "bob").await;
    let (mut cursor, mut next, mut pages) = (joined["cursor"].clone(), 1, 0);
    loop {
        let page = bob.join_since(ROOM, &cursor).await;
        assert!(page.text.len() <= PAGE_BYTES + 4096, "a page of {} bytes", page.text.len());
        next = check_page(&page, next);
        cursor = page["cursor"].clone();
        pages += 1;
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(next, ALL as u64 + 1);
    assert_eq!(pages, 3, "five entries of 50,000 bytes fit a page");
}

#[tokio::test]
async fn a_cursor_at_the_head_recovers_with_nothing() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, empty) = Client::user_in(&node, "ada", ROOM).await;
    let again = ada.join_since(ROOM, &empty["cursor"]).await;
    assert_eq!((&again["recovered"], &again["entries"]), (&json!(true), &json!([])), "of an empty log");
    ada.publish(ROOM, "note", json!(1)).await;
    let head = ada.join(ROOM).await["cursor"].clone();
    let again = ada.join_since(ROOM, &head).await;
    assert_eq!((&again["recovered"], &again["entries"]), (&json!(true), &json!([])));
    assert_eq!(again["cursor"], head);
}

#[tokio::test]
async fn cursors_that_are_made_up_are_told_why() {
    let node = Node::start(NodeConfig::default()).await;
    let elsewhere = Node::start(NodeConfig::default()).await;
    let (_, foreign) = Client::user_in(&elsewhere, "ada", ROOM).await;
    let (mut ada, joined) = Client::user_in(&node, "ada", ROOM).await;
    let mut ids = vec![Value::Null];
    for number in 1..=3 {
        ids.push(ada.publish(ROOM, "note", json!(number)).await["entry"].clone());
    }
    let (epoch, foreign) = (&joined["cursor"]["epoch"], &foreign["cursor"]["epoch"]);
    assert_ne!(epoch, foreign, "two stores never share an epoch");
    for (cursor, reason) in [
        (json!({"epoch": foreign, "offset": 2, "entry": ids[2]}), "epoch_changed"),
        (json!({"epoch": foreign, "offset": 0}), "epoch_changed"),
        (json!({"epoch": epoch, "offset": 2, "entry": ids[1]}), "forked"),
        (json!({"epoch": epoch, "offset": 1, "entry": "018f0000-0000-7000-8000-000000000000"}), "forked"),
        (json!({"epoch": epoch, "offset": 4, "entry": ids[3]}), "ahead"),
        (json!({"epoch": epoch, "offset": 9_007_199_254_740_991_u64, "entry": ids[3]}), "ahead"),
    ] {
        let answer = ada.join_since(ROOM, &cursor).await;
        assert_eq!((&answer["recovered"], &answer["reason"]), (&json!(false), &json!(reason)), "{cursor}");
        assert_eq!(answer["entries"], json!([]), "never a part");
        assert_eq!(
            (&answer["cursor"]["offset"], &answer["cursor"]["entry"]),
            (&json!(3), &ids[3]),
            "the new picture's"
        );
        assert_eq!(answer["count"], 1);
    }
    // A pretence of an epoch is either no epoch of ours or no epoch at all.
    let answer = ada.request(json!({"type": "join", "room": ROOM, "since": {"epoch": "made-up", "offset": 0}})).await;
    assert!(answer["reason"] == "epoch_changed" || answer.code() == "bad_message", "{}", answer.text);
}

#[tokio::test]
async fn a_cursor_that_is_none_is_a_bad_message() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, joined) = Client::user_in(&node, "ada", ROOM).await;
    let id = ada.publish(ROOM, "note", json!(1)).await["entry"].clone();
    let epoch = &joined["cursor"]["epoch"];
    for cursor in [
        json!({"epoch": epoch, "offset": 1}),
        json!({"epoch": epoch, "offset": 1, "entry": null}),
        json!({"epoch": epoch, "offset": -1, "entry": id}),
        json!({"epoch": epoch, "offset": 1.5, "entry": id}),
        json!({"epoch": epoch, "offset": "1", "entry": id}),
        json!({"epoch": epoch, "offset": 1, "entry": 7}),
        json!({"offset": 1, "entry": id}),
        json!({"epoch": 5, "offset": 1, "entry": id}),
        json!({"epoch": epoch}),
        json!("made up"),
        json!([]),
    ] {
        let error = ada.refused(json!({"type": "join", "room": ROOM, "since": cursor})).await;
        assert_eq!(error.code(), "bad_message", "{cursor}");
        assert!(error["message"].as_str().unwrap().contains("since"), "the message names the field: {}", error.text);
    }
    ada.publish(ROOM, "note", json!("still a member")).await;
}

#[tokio::test]
async fn history_is_read_page_by_page_in_either_direction() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    publish_many(&mut ada, 120, &json!("x")).await;
    let head = ada.join(ROOM).await["cursor"].clone();
    // One need not be in the room to read what was.
    let mut bob = Client::user(&node, "bob").await;
    for (range, expected, more) in [
        (json!({}), 71..=120, true),
        (json!({"limit": 200}), 1..=120, false),
        (json!({"before": 71, "limit": 20}), 51..=70, true),
        (json!({"before": 11, "limit": 10}), 1..=10, false),
        (json!({"after": 0, "limit": 2}), 1..=2, true),
        (json!({"after": 118}), 119..=120, false),
    ] {
        let mut command = json!({"type": "history", "room": ROOM});
        command.as_object_mut().unwrap().extend(range.as_object().unwrap().clone());
        let page = bob.ask(command).await;
        assert_eq!((page.kind(), &page["cursor"], &page["oldest"]), ("history", &head, &json!(1)), "{range}");
        assert!(offsets(&page).into_iter().eq(expected), "{range}: {}", page.text);
        assert_eq!(page["more"], more, "{range}");
    }
    for range in [json!({"limit": 0}), json!({"limit": 201}), json!({"before": "x"}), json!({"after": 1, "before": 5})]
    {
        let mut command = json!({"type": "history", "room": ROOM});
        command.as_object_mut().unwrap().extend(range.as_object().unwrap().clone());
        assert_eq!(bob.refused(command).await.code(), "bad_message", "{range}");
    }
}

/// Somebody who goes by cursor: applies what comes and insists that it is next.
pub(crate) struct Reader {
    pub(crate) cursor: Value,
    /// Offset, id and data of everything heard, in order.
    pub(crate) heard: Vec<(u64, String, Value)>,
}

impl Reader {
    pub(crate) fn at(cursor: Value) -> Self {
        Self { cursor, heard: Vec::new() }
    }

    pub(crate) fn apply(&mut self, entry: &Value) {
        let offset = entry["offset"].as_u64().unwrap();
        assert_eq!(offset, self.cursor["offset"].as_u64().unwrap() + 1, "exactly once and in order: {entry}");
        let id = entry["id"].as_str().unwrap().to_owned();
        self.cursor["offset"] = offset.into();
        self.cursor["entry"] = id.clone().into();
        self.heard.push((offset, id, entry["data"].clone()));
    }

    /// Joins [`ROOM`] since the cursor, page by page, as far as the log goes.
    pub(crate) async fn catch_up(&mut self, client: &mut Client) {
        self.catch_up_in(ROOM, client).await;
    }

    /// As [`Self::catch_up`], in any room.
    pub(crate) async fn catch_up_in(&mut self, room: &str, client: &mut Client) {
        loop {
            let page = client.join_since(room, &self.cursor).await;
            assert_eq!(page["recovered"], true, "{}", page.text);
            for entry in page["entries"].as_array().unwrap() {
                self.apply(entry);
            }
            assert_eq!(page["cursor"], self.cursor, "the page's cursor is its end");
            if page["more"] == false {
                return;
            }
        }
    }
}

/// Publishes `count` entries, a few at a time.
async fn publish_many(client: &mut Client, count: usize, data: &Value) {
    let command = json!({"type": "publish", "room": ROOM, "event": "note", "data": data});
    let mut unanswered = std::collections::VecDeque::new();
    for _ in 0..count {
        if unanswered.len() == 32 {
            let id = unanswered.pop_front().unwrap();
            assert_eq!(client.reply(id).await.kind(), "published");
        }
        unanswered.push_back(client.command(command.clone()).await);
    }
    for id in unanswered {
        assert_eq!(client.reply(id).await.kind(), "published");
    }
    client.drain().await;
}

fn offsets(page: &Message) -> Vec<u64> {
    page["entries"].as_array().unwrap().iter().map(|entry| entry["offset"].as_u64().unwrap()).collect()
}

/// That the page goes on at `next` without a hole, up to its cursor; what comes after it.
fn check_page(page: &Message, next: u64) -> u64 {
    let offsets = offsets(page);
    let end = next + offsets.len() as u64;
    assert!(offsets.into_iter().eq(next..end));
    assert_eq!(page["cursor"]["offset"], end - 1);
    end
}
