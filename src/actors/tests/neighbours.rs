//! Who asked the one that died is told at once, and whoever had nothing to do with it notices nothing.

use tokio::sync::{mpsc, oneshot};

use super::*;

/// Has a session post a letter of death behind what it has just posted to its room.
#[derive(Message)]
#[rtype(result = "()")]
struct PanicBehind(Addr<Room>);

impl Handler<PanicBehind> for Session {
    type Result = ();

    fn handle(&mut self, PanicBehind(room): PanicBehind, _: &mut Self::Context) {
        room.do_send(Panic);
    }
}

#[actix::test]
async fn a_join_that_read_the_log_when_its_room_panicked_is_told_at_once_and_asks_again() {
    let node = Bare::start();
    let mut ada = Client::in_room(&node, "Ada", "lobby").await;
    let since = ada.ask(json!({"type": "join", "room": "lobby"})).await["cursor"].clone();
    for data in 1..=200 {
        ada.publish("lobby", data).await;
    }
    // A room that opens its log anew has the newest entries alone, so that a join since the first one reads the log.
    let room = node.room("lobby").await;
    room.addr.do_send(Panic);
    let again = json!({"type": "join", "room": "lobby", "since": since});
    let id = ada.post(again.clone());
    ada.session.do_send(PanicBehind(room.addr.clone()));
    let refused = ada.reply(id).await;
    assert_eq!((&refused["type"], &refused["code"]), (&json!("error"), &json!("unavailable")), "{refused}");
    assert!(refused["retry_after"].is_number(), "the deadline of ten seconds was not needed: {refused}");

    let joined = ada.ask(again).await;
    assert_eq!((&joined["recovered"], &joined["entries"].as_array().map(Vec::len)), (&json!(true), &Some(200)));
    assert_eq!(ada.publish("lobby", 201).await, 201);
}

#[actix::test]
async fn an_append_over_which_the_bridge_panicked_is_told_at_once_and_all_others_are_written() {
    let node = Bare::start();
    let mut ada = Client::in_room(&node, "Ada", POISON).await;
    let mut nils = Client::in_room(&node, "Nils", "lobby").await;
    let mut grace = Client::in_room(&node, "Grace", "memory").await;
    for round in 1..=3 {
        let under_way: Vec<_> = (0..10)
            .map(|n| nils.post(json!({"type": "publish", "room": "lobby", "event": "e", "data": round * 100 + n})))
            .collect();
        let refused = ada.ask(json!({"type": "publish", "room": POISON, "event": "e", "data": round})).await;
        assert_eq!(refused["code"], "unavailable", "{refused}");
        assert!(refused["retry_after"].is_number(), "{refused}");
        for id in under_way {
            assert_eq!(nils.reply(id).await["type"], "published");
        }
        assert_eq!(grace.publish("memory", round).await, round, "a log in memory lives in the bridge, and outlives it");
    }
    for offset in 1..=30 {
        let (round, n) = ((offset - 1) / 10 + 1, (offset - 1) % 10);
        assert_eq!(nils.entry().await, (offset, round * 100 + n));
    }
}

#[actix::test]
async fn a_hub_that_panicked_ends_the_connections_of_its_thread_and_no_others() {
    let node = Bare::start();
    let mut ada = Client::in_room(&node, "Ada", "lobby").await;
    let other = Arbiter::new();
    let (told, mut heard) = mpsc::unbounded_channel();
    let (end, ended) = oneshot::channel();
    let shared = Arc::clone(&node.context.node);
    let neighbour = async move || {
        let context = WorkerContext::current(&shared);
        let mut nils = Client::connect_on(&context, "Nils").await;
        assert_eq!(nils.ask(json!({"type": "join", "room": "lobby"})).await["type"], "joined");
        let work = async {
            for data in 1.. {
                let offset = nils.publish("lobby", data).await;
                assert_eq!(nils.entry().await, (offset, data), "each entry once and in order");
                told.send(offset).unwrap();
            }
        };
        tokio::select! {
            () = work => {}
            _ = ended => {}
        }
    };
    other.spawn_fn(|| drop(actix_rt::spawn(async move { neighbour().await })));
    // The neighbour is at work before, while and after the hub of this thread dies.
    assert_eq!(heard.recv().await, Some(1));
    node.context.hub.addr.do_send(Panic);
    ada.next(|message| message["close"] == 1012).await;
    let behind = heard.len() as u64;
    while heard.recv().await.unwrap() < behind + 20 {}
    let mut back = Client::connect(&node, "Ada").await;
    let all = json!({"type": "history", "room": "lobby", "after": 0, "limit": 20});
    let offsets: Vec<_> =
        back.ask(all).await["entries"].as_array().unwrap().iter().map(|e| e["offset"].clone()).collect();
    assert_eq!(offsets, (1..=20).map(|n| json!(n)).collect::<Vec<_>>());
    end.send(()).unwrap();
    other.stop();
}

#[actix::test]
async fn while_others_panic_over_and_over_a_neighbour_misses_nothing() {
    let node = Bare::start();
    let mut nils = Client::in_room(&node, "Nils", "calm").await;
    let _ada = Client::in_room(&node, "Ada", "lobby").await;
    let lobby = node.room("lobby").await;
    for data in 1..=40 {
        match data % 10 {
            2 => lobby.addr.do_send(Panic),
            4 => node.context.node.directory.do_send(Panic),
            6 => Client::in_room(&node, "Grace", "lobby").await.session.do_send(Panic),
            8 => {
                let mut eve = Client::in_room(&node, "Eve", POISON).await;
                let refused = eve.ask(json!({"type": "publish", "room": POISON, "event": "e", "data": 1})).await;
                assert_eq!(refused["code"], "unavailable");
            }
            _ => {}
        }
        assert_eq!(nils.publish("calm", data).await, data);
    }
    for offset in 1..=40 {
        assert_eq!(nils.entry().await, (offset, offset));
    }
    assert_eq!(nils.ask(json!({"type": "join", "room": "calm"})).await["count"], 1);
}
