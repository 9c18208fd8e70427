//! Too fast, too many, too slow: who does it is told, who keeps on is ended, and nobody else feels it.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::client::End;
use crate::support::http::{self, upgrade};
use crate::support::{Client, Message, Node, NodeConfig, soon, token_of};

const ROOM: &str = "lobby";

fn limited() -> NodeConfig {
    NodeConfig::default().set("limits.enabled", true)
}

fn publish(data: impl Into<Value>) -> Value {
    json!({"type": "publish", "room": ROOM, "event": "note", "data": data.into()})
}

/// Publishes until the connection ends; how it ended, and the last thing that was said.
async fn flood(client: &mut Client) -> (End, Message) {
    let mut publish = publish("flood");
    // With an id each is answered, so the flood goes as fast as it is refused.
    publish["id"] = json!("flood");
    let mut last = None;
    soon("the flood to be ended", async {
        loop {
            let text = publish.to_string();
            if client.send_frame(tokio_tungstenite::tungstenite::Message::text(text)).await.is_err() {
                break;
            }
            match client.any().await {
                Some(message) => last = Some(message),
                None => break,
            }
        }
    })
    .await;
    let end = client.end().await;
    let heard = client.heard().last().cloned();
    (end, heard.or(last).expect("something was said before the end"))
}

#[tokio::test]
async fn who_keeps_on_is_ended_and_may_come_back_after_the_pause() {
    let config = limited()
        .set("limits.publishes_per_s", 1)
        .set("limits.publish_burst", 2)
        .set("limits.refusals_max", 20)
        .set("limits.pause_s", 0.3);
    let node = Node::start(config).await;
    let (mut ada, joined) = Client::user_in(&node, "ada", ROOM).await;
    let (mut bob, _) = Client::user_in(&node, "bob", ROOM).await;

    let (end, closing) = flood(&mut ada).await;
    assert_eq!(end, End::Close(4429));
    assert_eq!((closing.kind(), &closing["code"]), ("closing", &json!(4429)), "{}", closing.text);
    assert_eq!(closing["reconnect"], true);
    let after = closing["after"].as_f64().expect("closing says after how long to come back");
    assert!((0.3..=2.0).contains(&after), "{after}");

    // The neighbour publishes at once, whatever ada did, and hears all that was taken in order.
    bob.publish(ROOM, "note", json!("not disturbed")).await;

    tokio::time::sleep(Duration::from_secs_f64(after)).await;
    let mut back = ada.resume(&node, "ada").await;
    assert_eq!(back.connected["resumed"], true, "she comes back as who she was");
    let log = back.join_since(ROOM, &joined["cursor"]).await;
    assert_eq!(log["recovered"], true);
    back.publish(ROOM, "note", json!("in good time")).await;
}

#[tokio::test]
async fn a_flood_is_told_and_its_neighbours_do_not_feel_it() {
    let config = limited().set("limits.publishes_per_s", 5).set("limits.refusals_max", 1_000_000);
    let node = Node::start(config.set("limits.publish_burst", 5)).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let (mut bob, _) = Client::user_in(&node, "bob", ROOM).await;
    let (mut refused, mut taken) = (0, 0);
    let mut ids = Vec::new();
    for number in 0..300 {
        ids.push(ada.command(publish(number)).await);
        if number % 100 == 0 {
            let asked = Instant::now();
            bob.publish(ROOM, "note", json!("calm")).await;
            assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
        }
    }
    for id in ids {
        let reply = ada.reply(id).await;
        if reply.kind() == "published" {
            taken += 1;
        } else {
            assert_eq!(reply.code(), "rate_limited", "{}", reply.text);
            assert!(reply["retry_after"].as_f64().is_some_and(|after| after > 0.0), "{}", reply.text);
            refused += 1;
        }
    }
    assert!(taken >= 5 && refused >= 100, "{taken} taken, {refused} refused");
    // Of the flood bob heard what was taken, and nothing else.
    let heard = bob.drain().await.into_iter().filter(Message::is_entry).filter(|entry| entry["data"] != "calm").count();
    assert_eq!(heard, taken);
}

#[tokio::test]
async fn two_tabs_share_their_users_quota_and_a_return_does_not_refill_it() {
    let config = limited()
        .set("limits.publishes_per_s", 1)
        .set("limits.publish_burst", 6)
        .set("limits.user_times", 1)
        .set("limits.refusals_max", 1_000_000);
    let node = Node::start(config).await;
    let (mut tab, _) = Client::user_in(&node, "ada", ROOM).await;
    let (mut other, _) = Client::user_in(&node, "ada", ROOM).await;
    let (mut bob, _) = Client::user_in(&node, "bob", ROOM).await;
    let asked = Instant::now();
    let mut taken = 0;
    for _ in 0..6 {
        for client in [&mut tab, &mut other] {
            taken += u64::from(client.request(publish(1)).await.kind() == "published");
        }
    }
    // A new session of the same user, once more.
    let (mut third, _) = Client::user_in(&node, "ada", ROOM).await;
    let mut refusal = None;
    for _ in 0..6 {
        let reply = third.request(publish(1)).await;
        match reply.kind() {
            "published" => taken += 1,
            _ => refusal = Some(reply),
        }
    }
    assert!(taken <= 6 + asked.elapsed().as_secs() + 1, "{taken} in {:?}", asked.elapsed());
    let refusal = refusal.expect("six at once are more than are left");
    assert!(refusal["message"].as_str().is_some_and(|text| text.contains("user's limit")), "{}", refusal.text);
    bob.publish(ROOM, "note", json!("another user")).await;
}

#[tokio::test]
async fn every_kind_of_command_has_its_rate() {
    let config = limited()
        .set("limits.burst_s", 1)
        .set("limits.signals_per_s", 1)
        .set("limits.presences_per_s", 1)
        .set("limits.joins_per_s", 1)
        .set("limits.histories_per_s", 1)
        .set("limits.refusals_max", 1_000_000);
    let node = Node::start(config).await;
    for (name, command) in [
        ("signals", json!({"type": "signal", "room": ROOM, "event": "cursor", "data": 1})),
        ("changes of presence", json!({"type": "presence", "status": "busy"})),
        ("joins", json!({"type": "join", "room": "another"})),
        ("readings of history", json!({"type": "history", "room": ROOM})),
    ] {
        let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
        let refusal = soon(name, async {
            loop {
                let reply = ada.request(command.clone()).await;
                if reply.kind() == "error" {
                    return reply;
                }
            }
        })
        .await;
        assert_eq!(refusal.code(), "rate_limited");
        assert!(refusal["message"].as_str().is_some_and(|text| text.contains(name)), "{}", refusal.text);
    }
}

#[tokio::test]
async fn bytes_are_counted_whatever_they_say() {
    let config = limited()
        .set("limits.bytes_per_s", 2_048)
        .set("limits.burst_s", 2)
        .set("limits.message_bytes", 2_048)
        .set("limits.refusals_max", 1_000_000);
    let node = Node::start(config).await;
    let mut ada = Client::user(&node, "ada").await;
    let mut replies = Vec::new();
    for _ in 0..20 {
        replies.push(ada.request(json!({"type": "ping", "ballast": "x".repeat(900)})).await);
    }
    assert_eq!(replies[0].kind(), "pong");
    let refusal = replies.iter().find(|reply| reply.kind() == "error").expect("20 KB are more than 4");
    assert_eq!(refusal.code(), "rate_limited");
    assert!(refusal["message"].as_str().is_some_and(|text| text.contains("2048 bytes")), "{}", refusal.text);
}

#[tokio::test]
async fn a_room_takes_so_much_of_everybody_together() {
    let config = limited().set("limits.room_publishes_per_s", 1).set("limits.burst_s", 3);
    let node = Node::start(config.set("limits.refusals_max", 1)).await;
    let (mut ada, _) = Client::user_in(&node, "ada", ROOM).await;
    let (mut bob, _) = Client::user_in(&node, "bob", ROOM).await;
    let mut refusals = Vec::new();
    for _ in 0..10 {
        for client in [&mut ada, &mut bob] {
            let reply = client.request(publish(1)).await;
            if reply.kind() == "error" {
                refusals.push(reply);
            }
        }
    }
    let refusal = refusals.first().expect("twenty are more than three");
    assert_eq!(refusal.code(), "rate_limited");
    assert!(refusal["message"].as_str().is_some_and(|text| text.contains("room's limit")), "{}", refusal.text);
    // What others did to the room ends nobody, and other rooms are free.
    bob.join("elsewhere").await;
    bob.publish("elsewhere", "note", json!(1)).await;
    ada.ask(json!({"type": "ping"})).await;
}

#[tokio::test]
async fn without_limits_nothing_is_too_fast() {
    let config = NodeConfig::default()
        .set("limits.enabled", false)
        .set("limits.publishes_per_s", 1)
        .set("limits.publish_burst", 1)
        .set("limits.user_times", 1)
        .set("limits.burst_s", 1)
        .set("limits.joins_per_s", 1)
        .set("limits.room_publishes_per_s", 1)
        .set("limits.address_connects_per_s", 1)
        .set("limits.connects_per_s", 1);
    let node = Node::start(config).await;
    for user in ["ada", "bob", "cy"] {
        let (mut client, _) = Client::user_in(&node, user, ROOM).await;
        for number in 0..30 {
            client.publish(ROOM, "note", json!(number)).await;
        }
        client.join("another").await;
        client.join("a-third").await;
    }
}

#[tokio::test]
async fn one_address_that_floods_with_connects_keeps_no_other_out() {
    // Behind a proxy, so that the test can be at several addresses.
    let config = limited()
        .set("server.trusted_proxies", vec!["127.0.0.1"])
        .set("limits.address_connects_per_s", 1)
        .set("limits.burst_s", 5);
    let node = Node::start(config).await;
    let mut refused = Vec::new();
    for _ in 0..40 {
        let answer = upgrade(&node.address, "X-Forwarded-For: 2001:db8::1\r\n").await;
        if answer.status != 101 {
            refused.push(answer);
        }
    }
    assert!(refused.len() >= 20, "{}", refused.len());
    for answer in refused {
        assert_eq!(answer.status, 429);
        assert!(answer.header("retry-after").is_some_and(|after| after.parse::<u32>().is_ok_and(|after| after >= 1)));
        assert!(answer.text().contains("rate_limited"), "{}", answer.text());
    }
    assert_eq!(upgrade(&node.address, "X-Forwarded-For: 2001:db8:0:1::1\r\n").await.status, 101, "another /64");
    assert_eq!(upgrade(&node.address, "X-Forwarded-For: 192.0.2.7\r\n").await.status, 101);
}

#[tokio::test]
async fn a_node_takes_so_many_connections_a_second() {
    let node = Node::start(limited().set("limits.connects_per_s", 2).set("limits.burst_s", 1)).await;
    let answers = join_all((0..20).map(|_| upgrade(&node.address, ""))).await;
    let refused = answers.iter().find(|answer| answer.status != 101).expect("twenty at once are more than two");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    soon("the node to take one more", async {
        while upgrade(&node.address, "").await.status != 101 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn connections_that_say_nothing_are_bounded_by_address() {
    let node = Node::start(limited().set("limits.unconnected_per_address", 3)).await;
    let mut mute = Vec::new();
    for _ in 0..3 {
        mute.push(Client::open(&node).await);
    }
    assert_eq!(upgrade(&node.address, "").await.status, 429);
    mute.pop().expect("three").connect(json!({"token": token_of("ada")})).await;
    soon("room for another", async {
        while upgrade(&node.address, "").await.status != 101 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_user_has_so_many_sessions_and_another_user_is_not_kept_out() {
    let node = Node::start(limited().set("limits.sessions_per_user", 2)).await;
    let first = Client::user(&node, "ada").await;
    let _second = Client::user(&node, "ada").await;
    let mut third = Client::open(&node).await;
    let refusal = third.refused(json!({"type": "connect", "token": token_of("ada")})).await;
    assert_eq!(refusal.code(), "over_limit");
    assert_eq!(third.end().await, End::Close(4503));
    let _bob = Client::user(&node, "bob").await;
    // Whoever takes up a session has no more than before; and who goes makes room.
    let back = first.resume(&node, "ada").await;
    assert_eq!(back.connected["resumed"], true);
    back.close(1000).await;
    soon("room for another session", async {
        loop {
            let mut again = Client::open(&node).await;
            if again.request(json!({"type": "connect", "token": token_of("ada")})).await.kind() == "connected" {
                return;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_address_has_so_many_sessions() {
    let node = Node::start(limited().set("limits.sessions_per_address", 2)).await;
    let _ada = Client::user(&node, "ada").await;
    let _bob = Client::user(&node, "bob").await;
    let mut third = Client::open(&node).await;
    let refusal = third.refused(json!({"type": "connect", "token": token_of("cy")})).await;
    assert_eq!(refusal.code(), "over_limit");
    assert_eq!(third.end().await, End::Close(4503));
}

#[tokio::test]
async fn a_node_has_so_many_rooms_open() {
    let node = Node::start(NodeConfig::default().set("limits.rooms_per_node", 2)).await;
    let mut ada = Client::user(&node, "ada").await;
    ada.join("one").await;
    ada.join("two").await;
    assert_eq!(ada.refused(json!({"type": "join", "room": "three"})).await.code(), "over_limit");
    ada.publish("one", "note", json!("those that are open go on")).await;
    let (_bob, _) = Client::user_in(&node, "bob", "two").await;
}

#[tokio::test]
async fn connects_of_one_user_are_bounded_and_told_when_to_come_again() {
    let node = Node::start(limited().set("limits.user_connects_per_s", 1).set("limits.burst_s", 3)).await;
    let refusal = soon("a connect too many", async {
        loop {
            let mut client = Client::open(&node).await;
            let reply = client.request(json!({"type": "connect", "token": token_of("ada")})).await;
            if reply.kind() == "error" {
                assert_eq!(client.end().await, End::Close(4429));
                return reply;
            }
        }
    })
    .await;
    assert_eq!(refusal.code(), "rate_limited");
    assert!(refusal["retry_after"].as_f64().is_some_and(|after| after > 0.0 && after <= 1.0), "{}", refusal.text);
    let _bob = Client::user(&node, "bob").await;
}

/// Awaits that the server ends this connection; sends a byte of `drip` now and then meanwhile.
async fn ended(mut stream: TcpStream, drip: &[u8]) {
    let (mut drip, since) = (drip.iter(), Instant::now());
    soon("the end of a slow connection", async {
        let mut buffer = [0; 1_024];
        loop {
            let pause = tokio::time::sleep(Duration::from_millis(20));
            tokio::select! {
                read = stream.read(&mut buffer) => if !matches!(read, Ok(1..)) { return },
                () = pause => if let Some(byte) = drip.next() && stream.write_all(&[*byte]).await.is_err() { return },
            }
        }
    })
    .await;
    // Far from the default of five seconds, and from what two busy cores may add.
    assert!(since.elapsed() < Duration::from_secs(4), "{:?}", since.elapsed());
}

#[tokio::test]
async fn a_connection_that_is_silent_or_dripping_is_ended() {
    let node = Node::start(NodeConfig::default().set("server.request_timeout_s", 1)).await;
    let drip = format!("GET /v1/ws HTTP/1.1\r\nX-Slow: {}", "x".repeat(5_000));
    for drip in ["", drip.as_str()] {
        ended(TcpStream::connect(&node.address).await.expect("the server accepts"), drip.as_bytes()).await;
    }
    // Nor does a first request that was in time buy a slow second one.
    let mut kept = TcpStream::connect(&node.address).await.expect("the server accepts");
    kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("the server reads");
    let mut answer = [0; 12];
    soon("the answer", kept.read_exact(&mut answer)).await.expect("the server answers");
    assert_eq!(&answer, b"HTTP/1.1 200");
    ended(kept, drip.as_bytes()).await;
    assert_eq!(http::get(&node.address, "/healthz").await.status, 200);
}
