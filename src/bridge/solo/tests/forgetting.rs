//! What the bridge knows of users and logs that are forgotten.

use std::sync::mpsc::channel;

use crate::bridge::inbox::{ChangeInbox, InboxChange, InboxError, Stirred, WatchInboxes};
use crate::bridge::users::{ForgetUser, ReadUser, Remember};
use crate::domain::grants::Grants;
use crate::domain::ids::{UserId, UserKey};
use crate::domain::known_user::{News, Profile};

use super::*;

fn ada() -> UserKey {
    UserKey::new(Tenant::default(), UserId::parse("ada").unwrap())
}

fn news(at: i64) -> News {
    let profile = Profile {
        name: "Ada".into(),
        avatar: None,
        roles: vec!["editor".into()],
        grants: Grants::open(),
        is_guest: false,
    };
    News::token(profile.into(), Some(Timestamp(at)), Timestamp(at))
}

fn learn(bench: &Bench, at: i64) {
    bench.bridge.users.remember.do_send(Remember { user: ada(), news: news(at) });
}

async fn is_known(bench: &Bench) -> bool {
    bench.bridge.users.one.send(ReadUser { user: ada() }).await.unwrap().unwrap().is_some()
}

/// Has Ada forgotten; tells when it is done.
fn forget(bench: &Bench) -> mpsc::UnboundedReceiver<Result<(), Unavailable>> {
    let (sender, told) = mpsc::unbounded_channel();
    let done = Box::new(move |outcome| sender.send(outcome).unwrap());
    bench.bridge.users.forget.do_send(ForgetUser { user: ada(), audit: None, done });
    told
}

#[actix::test]
async fn what_waits_of_a_user_or_comes_until_it_is_done_is_forgotten_too() {
    let bench = Bench::new(Limits::default());
    let (sender, changed) = channel();
    let change = |name: &'static str| {
        let sender = sender.clone();
        bench.bridge.inboxes.change.do_send(ChangeInbox {
            log: RoomKey::new(Tenant::default(), RoomName::personal(&ada().user)),
            from: "null".into(),
            at: NOW,
            change: InboxChange::Prefer(r#"{"toasts":false}"#.into()),
            epoch: None,
            audit: None,
            done: Box::new(move |outcome| sender.send((name, outcome.map(|changed| changed.offset))).unwrap()),
        });
    };
    learn(&bench, 1);
    change("before");
    change("waits");
    let mut told = forget(&bench);
    learn(&bench, 2);
    change("meanwhile");
    assert_eq!(told.recv().await, Some(Ok(())));
    assert!(!is_known(&bench).await);
    let refused = Err(InboxError::Unavailable { retry_after: store::RETRY_AFTER });
    let mut outcomes: Vec<_> = changed.try_iter().collect();
    outcomes.sort_by_key(|(name, _)| *name);
    assert_eq!(outcomes, [("before", Ok(1)), ("meanwhile", refused.clone()), ("waits", refused)]);
    let left = |table: &str| -> i64 {
        let sql = format!("select count(*) from {table}");
        bench.sqlite().query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!((left("logs"), left("inboxes"), left("users")), (0, 0, 0));
    // From then on it is somebody who is back.
    learn(&bench, 3);
    assert!(is_known(&bench).await);
}

struct Opener(mpsc::UnboundedSender<RoomKey>);

impl Actor for Opener {
    type Context = Context<Self>;
}

impl Handler<Stirred> for Opener {
    type Result = ();

    fn handle(&mut self, Stirred { log }: Stirred, _: &mut Self::Context) {
        self.0.send(log).unwrap();
    }
}

#[actix::test]
async fn the_sweep_forgets_what_is_empty_unless_somebody_watches_it() {
    let clock = Clock::manual(NOW);
    let keep = Keep { age_max: Duration::from_mins(1), ..Keep::DISK };
    let limits = Limits { sweep_every: Duration::from_millis(5), dedupe: Duration::from_secs(30), ..Limits::default() };
    let bench = Bench::start(tempfile::tempdir().unwrap(), limits, keep, &clock);
    let mut room = Room::open();
    let watched = bench.watch("watched", LogPlace::Disk, &room.addr).await;
    for log in ["watched", "left", "left"] {
        bench.append(log, LogPlace::Disk, "x", None, room.done("x"));
        room.outcome().await.unwrap();
    }
    let before = bench.read("left", LogPlace::Disk, 1).await.ends.head;
    assert_eq!(before.offset, 2);
    clock.advance(Duration::from_mins(2));
    let is_there = |log: &str| -> bool {
        bench.sqlite().query_row("select exists (select 1 from logs where room = ?1)", [log], |row| row.get(0)).unwrap()
    };
    // Another log that is forgotten later shows that the walk went over both since.
    let wait_for = async |log: &str| {
        while is_there(log) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait_for("left")).await.expect("it is forgotten");
    bench.append("later", LogPlace::Disk, "x", None, room.done("x"));
    room.outcome().await.unwrap();
    clock.advance(Duration::from_mins(2));
    tokio::time::timeout(Duration::from_secs(20), wait_for("later")).await.expect("it is forgotten");
    assert!(is_there("watched"));
    let now = bench.read("left", LogPlace::Disk, 1).await.ends;
    assert_eq!((now.head, now.floor.offset), (Cursor::start(now.head.epoch), 0));
    assert_ne!(now.head.epoch, before.epoch);
    // A room that opens now is in the life that the next entry is written in.
    let opened = bench.watch("left", LogPlace::Disk, &room.addr).await;
    bench.append("left", LogPlace::Disk, "x", None, room.done("y"));
    loop {
        if let Heard::Arrived(arrived) = room.next().await
            && arrived.epoch == opened.ends.head.epoch
            && arrived.entries.first().is_some_and(|entry| entry.offset == 1)
        {
            break;
        }
    }
    // And the one that was watched all the time goes on in its own.
    bench.append("watched", LogPlace::Disk, "x", None, room.done("z"));
    loop {
        if let Heard::Arrived(arrived) = room.next().await
            && arrived.epoch == watched.ends.head.epoch
            && arrived.entries.first().is_some_and(|entry| entry.offset == 2)
        {
            break;
        }
    }
}

#[actix::test]
async fn sessions_of_a_users_forgotten_log_are_called() {
    let clock = Clock::manual(NOW);
    let keep = Keep { age_max: Duration::from_mins(1), ..Keep::DISK };
    let limits = Limits { sweep_every: Duration::from_millis(5), ..Limits::default() };
    let bench = Bench::start(tempfile::tempdir().unwrap(), limits, keep, &clock);
    let (sender, mut called) = mpsc::unbounded_channel();
    let log = RoomKey::new(Tenant::default(), RoomName::personal(&ada().user));
    let (done, written) = channel();
    bench.bridge.append.do_send(Append {
        log: log.clone(),
        place: LogPlace::Disk,
        draft: draft("x"),
        key: None,
        if_offset: None,
        audit: None,
        done: Box::new(move |outcome| done.send(outcome.is_ok()).unwrap()),
    });
    while written.try_recv() != Ok(true) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    bench.bridge.inboxes.watch.do_send(WatchInboxes { opener: Opener(sender).start().recipient() });
    clock.advance(Duration::from_mins(2));
    let called = tokio::time::timeout(Duration::from_secs(20), called.recv()).await.expect("sessions are called");
    assert_eq!(called, Some(log));
}
