use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::bridge::{Bridge, DedupeKey};
use crate::clock::Clock;
use crate::domain::cursor::Cursor;
use crate::domain::entry::{Draft, Kind, Timestamp};
use crate::domain::ids::{EntryId, RoomName, Tenant};
use crate::domain::log::Keep;

use super::*;

mod all;
mod audit;
mod disk;
mod forgetting;
mod memory;
mod trimming;
mod users;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// What a room's mailbox gets, in its order.
#[derive(Debug)]
enum Heard {
    Arrived(Arrived),
    Done(&'static str, Result<Appended, AppendError>),
}

#[derive(Message)]
#[rtype(result = "()")]
struct Told(&'static str, Result<Appended, AppendError>);

/// Stands for a room: one mailbox for what arrives and for what its appends became.
struct Listener(mpsc::UnboundedSender<Heard>);

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Handler<Arrived> for Listener {
    type Result = ();

    fn handle(&mut self, arrived: Arrived, _: &mut Self::Context) {
        // A test that has heard enough is gone.
        let _ = self.0.send(Heard::Arrived(arrived));
    }
}

impl Handler<Told> for Listener {
    type Result = ();

    fn handle(&mut self, Told(name, outcome): Told, _: &mut Self::Context) {
        let _ = self.0.send(Heard::Done(name, outcome));
    }
}

/// A bridge over a folder of its own.
struct Bench {
    folder: TempDir,
    bridge: Bridge,
    counters: Arc<Counters>,
    stopper: Stopper,
}

/// A room on it.
struct Room {
    addr: Addr<Listener>,
    heard: mpsc::UnboundedReceiver<Heard>,
}

impl Bench {
    fn new(limits: Limits) -> Self {
        Self::start(tempfile::tempdir().unwrap(), limits, Keep::DISK, &Clock::manual(NOW))
    }

    fn start(folder: TempDir, limits: Limits, keep: Keep, clock: &Clock) -> Self {
        let config =
            Config { limits, keep: Arc::new(move |_| keep), ..Config::new(folder.path().join("copresence.db")) };
        let Started { bridge, counters, stopper, .. } = Solo::start(&config, clock).unwrap();
        Self { folder, bridge, counters, stopper }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("copresence.db")
    }

    fn sqlite(&self) -> Connection {
        Connection::open(self.database()).unwrap()
    }

    fn append(&self, log: &str, place: LogPlace, text: &str, key: Option<&str>, done: Done) {
        let key = key.map(|key| DedupeKey { publisher: "user:ada".into(), key: key.into() });
        self.bridge.append.do_send(Append {
            log: room(log),
            place,
            draft: draft(text),
            key,
            if_offset: None,
            audit: None,
            done,
        });
    }

    async fn watch(&self, log: &str, place: LogPlace, room_addr: &Addr<Listener>) -> Watching {
        let watch = Watch { log: room(log), place, watcher: room_addr.clone().recipient() };
        self.bridge.watch.send(watch).await.unwrap().unwrap()
    }

    async fn read(&self, log: &str, place: LogPlace, from: u64) -> Page {
        let read = Read { log: room(log), place, from, entries_max: 1_000, bytes_max: 1 << 20 };
        self.bridge.read.send(read).await.unwrap().unwrap()
    }
}

impl Room {
    fn open() -> Self {
        let (sender, heard) = mpsc::unbounded_channel();
        Self { addr: Listener(sender).start(), heard }
    }

    /// Tells this room how an append ended.
    fn done(&self, name: &'static str) -> Done {
        let addr = self.addr.clone();
        Box::new(move |outcome| addr.do_send(Told(name, outcome)))
    }

    async fn next(&mut self) -> Heard {
        tokio::time::timeout(Duration::from_secs(30), self.heard.recv()).await.expect("nothing was heard").unwrap()
    }

    /// The outcome of the next append that ended.
    async fn outcome(&mut self) -> Result<Appended, AppendError> {
        loop {
            if let Heard::Done(_, outcome) = self.next().await {
                return outcome;
            }
        }
    }
}

fn room(name: &str) -> RoomKey {
    RoomKey::new(Tenant::default(), RoomName::parse(name).unwrap())
}

fn draft(text: &str) -> Draft {
    Draft {
        id: EntryId(Uuid::now_v7()),
        at: NOW,
        kind: Kind::Event,
        from: "null".into(),
        body: format!(r#""event":"e","data":"{text}""#).into(),
    }
}

fn offsets(page: &Page) -> Vec<u64> {
    page.entries.iter().map(|entry| entry.offset).collect()
}
