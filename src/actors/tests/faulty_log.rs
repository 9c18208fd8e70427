//! Between a room and its log things go wrong: letters are lost, come twice or come from elsewhere, reads fail. Whoever
//! listens hears every entry once and in order, or has to come back; never a part that looks like all.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::bridge::{
    Arrived, Bridge, Page, Picture, Read, ReadPicture, Select, Selection, Unavailable, Watch, Watching,
};
use crate::domain::entry::{Draft, Kind};
use crate::domain::ids::{EntryId, Epoch};

/// How often each fault is still to happen.
#[derive(Default)]
struct Faults {
    letters_lost: AtomicUsize,
    letters_doubled: AtomicUsize,
    watches_refused: AtomicUsize,
    pictures_refused: AtomicUsize,
    reads_refused: AtomicUsize,
    /// Reads that find everything trimmed.
    reads_too_late: AtomicUsize,
}

fn happens(fault: &AtomicUsize) -> bool {
    fault.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)).is_ok()
}

/// What stands in the way.
struct Between {
    bridge: Bridge,
    faults: Arc<Faults>,
}

impl Between {
    fn start() -> (Bare, Arc<Faults>) {
        let faults = Arc::new(Faults::default());
        let theirs = Arc::clone(&faults);
        let node = Bare::over(|bridge| {
            let between = Self { bridge: bridge.clone(), faults: theirs }.start();
            Bridge {
                watch: between.clone().recipient(),
                read: between.clone().recipient(),
                picture: between.clone().recipient(),
                select: between.recipient(),
                ..bridge
            }
        });
        (node, faults)
    }
}

impl Actor for Between {
    type Context = Context<Self>;
}

impl Handler<Watch> for Between {
    type Result = ResponseFuture<Result<Watching, Unavailable>>;

    fn handle(&mut self, watch: Watch, _: &mut Self::Context) -> Self::Result {
        let way = Way { to: watch.watcher, faults: Arc::clone(&self.faults) }.start();
        let asked = self.bridge.watch.send(Watch { watcher: way.recipient(), ..watch });
        let is_refused = happens(&self.faults.watches_refused);
        Box::pin(async move { if is_refused { Err(Unavailable) } else { asked.await.unwrap() } })
    }
}

impl Handler<ReadPicture> for Between {
    type Result = ResponseFuture<Result<Picture, Unavailable>>;

    fn handle(&mut self, read: ReadPicture, _: &mut Self::Context) -> Self::Result {
        let asked = self.bridge.picture.send(read);
        let is_refused = happens(&self.faults.pictures_refused);
        Box::pin(async move { if is_refused { Err(Unavailable) } else { asked.await.unwrap() } })
    }
}

impl Handler<Read> for Between {
    type Result = ResponseFuture<Result<Page, Unavailable>>;

    fn handle(&mut self, read: Read, _: &mut Self::Context) -> Self::Result {
        let asked = self.bridge.read.send(read);
        let is_refused = happens(&self.faults.reads_refused);
        let is_too_late = !is_refused && happens(&self.faults.reads_too_late);
        Box::pin(async move {
            let mut page = asked.await.unwrap()?;
            if is_too_late {
                page.entries.clear();
                page.ends.floor = page.ends.head;
            }
            if is_refused { Err(Unavailable) } else { Ok(page) }
        })
    }
}

impl Handler<Select> for Between {
    type Result = ResponseFuture<Result<Selection, Unavailable>>;

    fn handle(&mut self, select: Select, _: &mut Self::Context) -> Self::Result {
        let asked = self.bridge.select.send(select);
        let is_refused = happens(&self.faults.reads_refused);
        Box::pin(async move { if is_refused { Err(Unavailable) } else { asked.await.unwrap() } })
    }
}

/// The way of one watch's letters.
struct Way {
    to: Recipient<Arrived>,
    faults: Arc<Faults>,
}

impl Actor for Way {
    type Context = Context<Self>;
}

impl Handler<Arrived> for Way {
    type Result = ();

    fn handle(&mut self, arrived: Arrived, _: &mut Self::Context) {
        if happens(&self.faults.letters_lost) {
            return;
        }
        if happens(&self.faults.letters_doubled) {
            self.to.do_send(arrived.clone());
        }
        self.to.do_send(arrived);
    }
}

#[actix::test]
async fn a_room_that_missed_entries_reads_them_from_the_log_before_it_goes_on() {
    let (node, faults) = Between::start();
    let mut ada = Client::in_room(&node, "Ada", "lobby").await;
    let mut grace = Client::in_room(&node, "Grace", "lobby").await;
    ada.publish("lobby", 1).await;
    faults.letters_lost.store(2, Ordering::Release);
    ada.publish("lobby", 2).await;
    let set = json!({"type": "set", "room": "lobby", "set": {"door": "open"}});
    assert_eq!(ada.ask(set).await["type"], "published");
    ada.publish("lobby", 4).await;
    for offset in [1, 2, 4] {
        assert_eq!(grace.entry().await, (offset, offset));
    }
    let mut nils = Client::connect(&node, "Nils").await;
    let picture = nils.ask(json!({"type": "join", "room": "lobby"})).await;
    assert_eq!(picture["state"]["door"], "open", "what was missed counts: {picture}");
}

#[actix::test]
async fn a_log_that_can_not_be_read_for_what_was_missed_is_asked_until_it_can() {
    let (node, faults) = Between::start();
    let mut ada = Client::in_room(&node, "Ada", "lobby").await;
    faults.letters_lost.store(1, Ordering::Release);
    faults.reads_refused.store(1, Ordering::Release);
    for data in 1..=5 {
        ada.publish("lobby", data).await;
    }
    for offset in 1..=5 {
        assert_eq!(ada.entry().await, (offset, offset));
    }
}

#[actix::test]
async fn a_letter_that_comes_twice_is_heard_once() {
    let (node, faults) = Between::start();
    let mut ada = Client::in_room(&node, "Ada", "lobby").await;
    faults.letters_doubled.store(2, Ordering::Release);
    for data in 1..=3 {
        ada.publish("lobby", data).await;
    }
    for offset in 1..=3 {
        assert_eq!(ada.entry().await, (offset, offset));
    }
}

#[actix::test]
async fn who_missed_what_no_log_keeps_has_to_come_back() {
    let (node, faults) = Between::start();
    let mut ada = Client::in_room(&node, "Ada", "lobby").await;
    let mut neighbour = Client::in_room(&node, "Nils", "other").await;
    ada.publish("lobby", 1).await;
    assert_eq!(ada.entry().await, (1, 1));
    faults.letters_lost.store(1, Ordering::Release);
    faults.reads_too_late.store(1, Ordering::Release);
    ada.publish("lobby", 2).await;
    ada.publish("lobby", 3).await;
    let next = ada.next(|message| message["type"] == "event" || !message["close"].is_null()).await;
    assert_eq!(next, json!({"close": 1012}), "nothing is told behind the hole");
    assert_eq!(Client::in_room(&node, "Ada", "lobby").await.publish("lobby", 4).await, 4);
    assert_eq!(neighbour.publish("other", 1).await, 1);
}

#[actix::test]
async fn an_entry_of_another_life_of_the_log_is_told_to_nobody() {
    let (node, _) = Between::start();
    let mut ada = Client::in_room(&node, "Ada", "lobby").await;
    let room = node.room("lobby").await;
    let foreign = Draft {
        id: EntryId(uuid::Uuid::now_v7()),
        at: node.context.node.clock.wall(),
        kind: Kind::Event,
        from: "null".into(),
        body: r#""event":"e","data":666"#.into(),
    };
    room.addr.do_send(Arrived { epoch: Epoch::random(), entries: vec![Arc::new(foreign.at_offset(1))], floor: None });
    let next = ada.next(|message| message["type"] == "event" || !message["close"].is_null()).await;
    assert_eq!(next, json!({"close": 1012}));
    let mut back = Client::in_room(&node, "Ada", "lobby").await;
    assert_eq!(back.publish("lobby", 1).await, 1, "the log is what it was");
    assert_ne!(node.room("lobby").await.number, room.number);
}

#[actix::test]
async fn a_join_waits_for_a_log_that_can_not_be_watched_at_once() {
    let (node, faults) = Between::start();
    faults.watches_refused.store(1, Ordering::Release);
    let mut ada = Client::in_room(&node, "Ada", "lobby").await;
    assert!(!happens(&faults.watches_refused), "it was refused before");
    assert_eq!(ada.publish("lobby", 1).await, 1);
    assert_eq!(ada.entry().await, (1, 1));
}

#[actix::test]
async fn a_join_waits_for_a_log_whose_picture_can_not_be_read_at_once() {
    let (node, faults) = Between::start();
    faults.pictures_refused.store(1, Ordering::Release);
    let mut ada = Client::in_room(&node, "Ada", "lobby").await;
    assert!(!happens(&faults.pictures_refused), "it was refused before");
    assert_eq!(ada.publish("lobby", 1).await, 1);
    assert_eq!(ada.entry().await, (1, 1));
}

#[actix::test]
async fn a_log_that_is_trimmed_while_a_room_opens_it_is_looked_at_again() {
    let (node, faults) = Between::start();
    let mut ada = Client::in_room(&node, "Ada", "lobby").await;
    let since = ada.ask(json!({"type": "join", "room": "lobby"})).await["cursor"].clone();
    ada.publish("lobby", 1).await;
    assert_eq!(ada.entry().await, (1, 1));
    let room = node.room("lobby").await;
    for _ in 0..=5 {
        room.addr.do_send(Panic);
    }
    ada.next(|message| message["close"] == 1012).await;
    faults.reads_too_late.store(1, Ordering::Release);
    let mut back = Client::connect(&node, "Ada").await;
    let joined = back.ask(json!({"type": "join", "room": "lobby", "since": since})).await;
    assert_eq!((&joined["recovered"], &joined["entries"][0]["data"]), (&json!(true), &json!(1)), "{joined}");
}

#[actix::test]
async fn what_can_not_be_read_now_is_refused_and_can_be_asked_again() {
    let (node, faults) = Between::start();
    let mut ada = Client::in_room(&node, "Ada", "lobby").await;
    let since = ada.ask(json!({"type": "join", "room": "lobby"})).await["cursor"].clone();
    for data in 1..=200 {
        ada.publish("lobby", data).await;
    }
    // A room that opens its log anew has the newest entries alone, so that a join since the first one reads the log.
    node.room("lobby").await.addr.do_send(Panic);
    ada.publish("lobby", 201).await;

    let mut grace = Client::connect(&node, "Grace").await;
    let join = json!({"type": "join", "room": "lobby", "since": since});
    let history = json!({"type": "history", "room": "lobby", "after": 0});
    for (command, answer) in [(join, "joined"), (history, "history")] {
        faults.reads_refused.store(1, Ordering::Release);
        let refused = grace.ask(command.clone()).await;
        assert_eq!((&refused["type"], &refused["code"]), (&json!("error"), &json!("unavailable")), "{refused}");
        let told = grace.ask(command).await;
        assert_eq!((&told["type"], &told["entries"][0]["offset"]), (&json!(answer), &json!(1)), "{told}");
    }
}
