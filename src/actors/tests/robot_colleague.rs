//! The demo's robot while others panic: she stays a member, and her feed has no hole.

use super::*;
use crate::bridge::{Append, AppendError};
use crate::domain::robot::{ROOM, USER};

/// The run and number of the next entry of the feed.
async fn feed(client: &mut Client) -> (String, u64) {
    let entry = client.next(|message| message["type"] == "event" && message["event"] == "feed").await;
    (entry["data"]["run"].as_str().unwrap().to_owned(), entry["data"]["n"].as_u64().unwrap())
}

/// How many members `join` lists, and whether she is one.
async fn members(client: &mut Client) -> (u64, bool) {
    let joined = client.ask(json!({"type": "join", "room": ROOM})).await;
    assert_eq!(joined["type"], "joined", "{joined}");
    let is_there = joined["members"].as_array().unwrap().iter().any(|member| member["user"] == USER);
    (joined["count"].as_u64().unwrap(), is_there)
}

#[actix::test]
async fn a_room_that_panicked_keeps_her_and_her_feed_has_no_hole() {
    let node = Bare::start();
    let mut ada = Client::in_room(&node, "Ada", ROOM).await;
    let room = node.room(ROOM).await;
    let (run, first) = feed(&mut ada).await;
    for n in first + 1..first + 12 {
        if n % 4 == 0 {
            room.addr.do_send(Panic);
        }
        let next = feed(&mut ada).await;
        // What the room was doing when it died is told by nobody, and another run begins.
        if next.0 != run {
            assert_eq!(next.1, 1);
            break;
        }
        assert_eq!(next.1, n);
    }
    assert_eq!(members(&mut ada).await, (2, true));
    assert_eq!(node.room(ROOM).await.number, room.number, "it is the same room");
}

#[actix::test]
async fn figures_go_on_to_change_over_a_panic_of_the_room() {
    let node = Bare::start();
    let mut ada = Client::in_room(&node, "Ada", ROOM).await;
    let is_figure = |message: &Value| message["type"] == "state" && message["set"]["target"].is_null();
    ada.next(is_figure).await;
    node.room(ROOM).await.addr.do_send(Panic);
    // Somebody writes while she may not hear it: she goes on from there and not from what she knew.
    let set =
        json!({"type": "set", "room": ROOM, "set": {"revenue": "x", "orders": "x", "conversion": "x", "approvals": 3}});
    assert_eq!(ada.ask(set).await["type"], "published");
    ada.next(|message| message["set"]["revenue"] == "x").await;
    let change = ada.next(is_figure).await;
    assert!([2, 4].map(Value::from).contains(&change["set"]["approvals"]), "{change}");
}

#[actix::test]
async fn a_room_that_can_only_panic_ends_and_she_is_in_the_next_one() {
    let node = Bare::start();
    let mut ada = Client::in_room(&node, "Ada", ROOM).await;
    let room = node.room(ROOM).await;
    feed(&mut ada).await;
    for _ in 0..=5 {
        room.addr.do_send(Panic);
    }
    ada.next(|message| message["close"] == 1012).await;
    let mut back = Client::in_room(&node, "Ada", ROOM).await;
    assert_ne!(node.room(ROOM).await.number, room.number);
    let (run, n) = feed(&mut back).await;
    assert_eq!(feed(&mut back).await, (run, n + 1));
    assert_eq!(members(&mut back).await, (2, true));
}

#[actix::test]
async fn she_goes_on_after_a_panic_of_her_own_and_leaves_when_there_is_no_end_of_them() {
    let node = Bare::start();
    let mut ada = Client::in_room(&node, "Ada", ROOM).await;
    let robot = node.robot.clone().expect("it is a demo");
    let (run, n) = feed(&mut ada).await;
    robot.addr.do_send(Panic);
    assert_eq!(feed(&mut ada).await, (run, n + 1));
    assert_eq!(members(&mut ada).await, (2, true));
    for _ in 0..5 {
        robot.addr.do_send(Panic);
    }
    let left = ada.next(|message| message["left"].as_array().is_some_and(|left| !left.is_empty())).await;
    assert_eq!((&left["left"], &left["count"]), (&json!([USER]), &json!(1)));
    assert_eq!(members(&mut ada).await, (1, false));
    assert_eq!(ada.ask(json!({"type": "publish", "room": ROOM, "event": "e", "data": 1})).await["type"], "published");
}

/// A log over which appends of the feed end in ways that tell nothing.
struct Flaky {
    bridge: Bridge,
    appends: u64,
}

impl Actor for Flaky {
    type Context = Context<Self>;
}

impl Handler<Append> for Flaky {
    type Result = ();

    fn handle(&mut self, append: Append, _: &mut Self::Context) {
        self.appends += u64::from(append.draft.body.contains("\"feed\""));
        match self.appends {
            3 => (append.done)(Err(AppendError::Unavailable { retry_after: Duration::from_secs(1) })),
            6 => drop(append),
            _ => self.bridge.append.do_send(append),
        }
    }
}

#[actix::test]
async fn where_nobody_knows_whether_a_number_was_written_another_run_begins() {
    let node = Bare::over(|bridge| {
        let flaky = Flaky { bridge: bridge.clone(), appends: 0 }.start();
        Bridge { append: flaky.recipient(), ..bridge }
    });
    let mut ada = Client::in_room(&node, "Ada", ROOM).await;
    let mut runs: Vec<(String, Vec<u64>)> = Vec::new();
    for _ in 0..7 {
        let (run, n) = feed(&mut ada).await;
        match runs.last_mut() {
            Some((last, numbers)) if *last == run => numbers.push(n),
            _ => runs.push((run, vec![n])),
        }
    }
    let numbers: Vec<_> = runs.into_iter().map(|(_, numbers)| numbers).collect();
    assert_eq!(numbers, [vec![1, 2], vec![1, 2], vec![1, 2, 3]]);
}
