//! A room goes while somebody is on the way to it: whoever asked for it gets in, whatever overtakes what.

use super::*;
use crate::actors::directory::RoomIdle;

fn key(name: &str) -> RoomKey {
    RoomKey::new(Tenant::default(), RoomName::parse(name).unwrap())
}

/// Has a session tell the Directory that a room is idle, right behind what it has just asked of it.
#[derive(Message)]
#[rtype(result = "()")]
struct IdleBehind(Addr<Directory>, RoomIdle);

impl Handler<IdleBehind> for Session {
    type Result = ();

    fn handle(&mut self, IdleBehind(directory, idle): IdleBehind, _: &mut Self::Context) {
        directory.do_send(idle);
    }
}

#[actix::test]
async fn a_join_on_its_way_to_a_room_that_retires_gets_into_its_successor() {
    let node = Bare::start();
    let mut ada = Client::connect(&node, "Ada").await;
    let room = node.room("lobby").await;
    // The session is told where the room is, and the room is told to go before the session's join comes to it.
    let join = json!({"type": "join", "id": "join", "room": "lobby"});
    ada.session.do_send(Incoming(join.to_string().into()));
    let idle = RoomIdle { key: key("lobby"), number: room.number };
    ada.session.do_send(IdleBehind(node.context.node.directory.clone(), idle));
    let joined = ada.next(|message| message["id"] == "join").await;
    assert_eq!(joined["type"], "joined", "{joined}");
    assert_eq!(ada.publish("lobby", 1).await, 1);
    assert_eq!(ada.entry().await, (1, 1));
    assert_ne!(node.room("lobby").await.number, room.number, "the first one went");
}

#[actix::test]
async fn a_room_that_was_asked_to_retire_stays_for_whoever_came_before_the_question() {
    let node = Bare::start();
    let mut ada = Client::in_room(&node, "Ada", "lobby").await;
    let room = node.room("lobby").await;
    node.context.node.directory.do_send(RoomIdle { key: key("lobby"), number: room.number });
    // Held back until the room has answered.
    assert_eq!(node.room("lobby").await.number, room.number);
    assert_eq!(ada.publish("lobby", 1).await, 1);
}

#[actix::test]
async fn who_looks_for_a_room_that_dies_while_it_was_asked_to_retire_is_given_a_new_one() {
    let node = Bare::start();
    let room = node.room("lobby").await;
    for _ in 0..=5 {
        room.addr.do_send(Panic);
    }
    // Its answer would stand behind the panics, so whoever asks from here on is held back until it is known to be dead.
    node.context.node.directory.do_send(RoomIdle { key: key("lobby"), number: room.number });
    let next = tokio::time::timeout(Duration::from_secs(10), node.room("lobby")).await.expect("an answer within 10 s");
    assert_ne!(next.number, room.number);
    let mut ada = Client::in_room(&node, "Ada", "lobby").await;
    assert_eq!(ada.publish("lobby", 1).await, 1);
    assert_eq!(node.room("lobby").await.number, next.number);
}
