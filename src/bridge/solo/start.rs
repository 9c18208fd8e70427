//! Start and end of the embedded bridge.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::time::Duration;

use actix::prelude::*;
use log::error;

use crate::bridge::Bridge;
use crate::bridge::inbox::InboxesPort;
use crate::bridge::users::UsersPort;
use crate::clock::Clock;
use crate::domain::ids::RoomName;
use crate::domain::inbox;
use crate::domain::log::Keep;
use crate::store::{ReaderActor, Store, StoreError, WriterActor};

use super::audit::{Audit, AuditLimits};
use super::counters::Counters;
use super::forgetting::Forgetting;
use super::gathering::Gathering;
use super::inboxes::Inboxes;
use super::memory::MemoryLogs;
use super::readers::Readers;
use super::trimming::Trimming;
use super::users::Users;
use super::watches::Watches;
use super::{Close, Drain, Solo};

/// What the embedded bridge is started with.
#[derive(Clone)]
pub struct Config {
    /// `store.path`: the database. Its folder is made.
    pub path: PathBuf,
    /// Threads that read; each is a connection. One long page then holds up nobody but its neighbours on that thread.
    pub readers: usize,
    /// The bounds.
    pub limits: Limits,
    /// How much of itself each log keeps.
    pub keep: KeepBy,
    /// How much an inbox keeps.
    pub inboxes: inbox::Keep,
}

/// How much a room's log keeps, by the room's name and where its log lives.
pub type KeepBy = Arc<dyn Fn(&RoomName) -> Keep + Send + Sync>;

/// The bounds of the embedded bridge.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Rows of one transaction. More share a sync no better, and wait longer for it.
    pub batch_rows_max: usize,
    /// Appends that are not committed yet.
    pub waiting_entries_max: usize,
    /// And their bytes.
    pub waiting_bytes_max: usize,
    /// Reads that wait for a reader: letters of some 100 bytes, pages are made one by one.
    pub reads_waiting_max: usize,
    /// Entries that a log in memory keeps, whatever is set for it, and keys that it remembers.
    pub memory_log_entries_max: usize,
    /// Bytes that it keeps, whatever is set for it.
    pub memory_log_bytes_max: usize,
    /// Bytes that all of them keep.
    pub memory_bytes_max: usize,
    /// How long a key is remembered.
    pub dedupe: Duration,
    /// Logs in memory that nobody watches.
    pub memory_unwatched_max: usize,
    /// Rows that one slice of trimming looks at.
    pub trim_rows_max: usize,
    /// How long a slice of trimming waits after the one before, so that batches have the writer in between.
    pub trim_pause: Duration,
    /// How often all logs are looked through for what is too old.
    pub sweep_every: Duration,
    /// Users of whom something new waits to be written.
    pub users_waiting_max: usize,
    /// Those of the audit log.
    pub audit: AuditLimits,
}

impl Config {
    /// A store at `path`, everything else as usual.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            readers: 2,
            limits: Limits::default(),
            keep: Arc::new(|_| Keep::DISK),
            inboxes: inbox::Keep::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch_rows_max: 256,
            waiting_entries_max: 100_000,
            waiting_bytes_max: 32 << 20,
            reads_waiting_max: 10_000,
            memory_log_entries_max: 10_000,
            memory_log_bytes_max: 4 << 20,
            memory_bytes_max: 256 << 20,
            dedupe: Duration::from_hours(24),
            memory_unwatched_max: 1_000,
            trim_rows_max: 512,
            trim_pause: Duration::from_millis(10),
            sweep_every: Duration::from_mins(1),
            users_waiting_max: 65_536,
            audit: AuditLimits::default(),
        }
    }
}

/// What a start brings.
pub struct Started {
    /// For the actors.
    pub bridge: Bridge,
    /// For `main`: the guest key, the path, the check in the background.
    pub store: Arc<Store>,
    /// What an operator may want to count.
    pub counters: Arc<Counters>,
    /// For the end.
    pub stopper: Stopper,
}

/// Ends the embedded bridge. Dropping it ends nothing.
pub struct Stopper {
    pub(super) solo: Addr<Solo>,
    arbiter: Arbiter,
}

impl Solo {
    /// Opens the store and starts the bridge on a thread of its own, beside one that writes and some that read. Needs a
    /// running actix system.
    ///
    /// A panic in a handler costs that letter alone: the same struct goes on with the next one.
    ///
    /// # Errors
    /// [`StoreError`], for the operator.
    pub fn start(config: &Config, clock: &Clock) -> Result<Started, StoreError> {
        let Config { limits, .. } = *config;
        let store = Store::open(&config.path, limits.dedupe)?;
        let counters = Arc::<Counters>::default();
        let readers = (0..config.readers.max(1)).map(|_| ReaderActor::start(&store)).collect();
        let solo = Self {
            writer: WriterActor::start(&store, clock),
            readers: Readers::new(readers, limits.reads_waiting_max, Arc::clone(&counters)),
            gathering: Gathering::new(limits),
            watches: Watches::default(),
            memory: MemoryLogs::new(limits),
            trimming: Trimming::new(limits, Arc::clone(&config.keep), clock.clone()),
            users: Users::new(limits, clock.clone()),
            inboxes: Inboxes::new(config.inboxes),
            forgetting: Forgetting::default(),
            audit: Audit::new(limits.audit, clock.clone()),
            drains: VecDeque::new(),
            counters: Arc::clone(&counters),
            is_closed: false,
            store: Arc::clone(&store),
        };
        let arbiter = Arbiter::new();
        let (sender, receiver) = mpsc::channel();
        arbiter.spawn_fn(move || {
            let ctx = Context::new();
            // The receiver waits below.
            let _ = sender.send(ctx.address());
            actix::spawn(run(solo, ctx));
        });
        // Only a system that is stopping at this moment has no arbiter for it.
        let solo = receiver.recv().map_err(|_| StoreError::Closed)?;
        let bridge = Bridge {
            append: solo.clone().recipient(),
            append_all: solo.clone().recipient(),
            record: solo.clone().recipient(),
            watch: solo.clone().recipient(),
            unwatch: solo.clone().recipient(),
            read: solo.clone().recipient(),
            picture: solo.clone().recipient(),
            select: solo.clone().recipient(),
            inboxes: inboxes_port(&solo),
            users: UsersPort {
                remember: solo.clone().recipient(),
                refuse_tokens: solo.clone().recipient(),
                forget: solo.clone().recipient(),
                one: solo.clone().recipient(),
                many: solo.clone().recipient(),
            },
        };
        Ok(Started { bridge, store, counters, stopper: Stopper { solo, arbiter } })
    }
}

fn inboxes_port(solo: &Addr<Solo>) -> InboxesPort {
    InboxesPort {
        change: solo.clone().recipient(),
        welcome: solo.clone().recipient(),
        list: solo.clone().recipient(),
        preferences: solo.clone().recipient(),
        followers: solo.clone().recipient(),
        step: solo.clone().recipient(),
        due: solo.clone().recipient(),
        watch: solo.clone().recipient(),
    }
}

/// Runs the actor, through its panics: mailbox and struct stay, and what waits in the struct is whole between letters.
async fn run(solo: Solo, ctx: Context<Solo>) {
    let mut running = Box::pin(ctx.into_future(solo));
    poll_fn(move |cx| {
        loop {
            match catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(cx))) {
                Ok(poll) => return poll,
                Err(_) => error!("the bridge panicked over a letter and goes on with the next"),
            }
            if !running.restart() {
                return Poll::Ready(());
            }
        }
    })
    .await;
}

impl Stopper {
    /// Waits until everything appended so far is committed and answered. A disk that hangs makes it wait forever, so
    /// give it a deadline.
    pub async fn drain(&self) {
        // Without a bridge nothing waits.
        let _ = self.solo.send(Drain).await;
    }

    /// Drains, refuses everything from then on, empties the write-ahead log into the database, and lets go of its lock.
    pub async fn stop(self) {
        self.drain().await;
        let _ = self.solo.send(Close).await;
        self.arbiter.stop();
    }
}
