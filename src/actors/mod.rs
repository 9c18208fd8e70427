//! The cast: who owns what, who may send to whom, and what is lost when one dies.
//!
//! | actor | one per | owns | dies with |
//! |---|---|---|---|
//! | [`Directory`](directory::Directory) | node | which room and session lives where; what a return by secret needs | nothing: it is restarted with its struct |
//! | [`Room`](room::Room) | open room | tail, roster, signals, audience, and watch over its sessions | the letter that it panicked over; it goes on where its audience is. If it can't, its place: its sessions end with 1012 and come back by cursor |
//! | [`Notifier`](notifier::Notifier) | node | orders that wait for whom they reach | the step that it panicked over; what was answered goes on |
//! | [`Session`](session::Session) | connection | identity, joined rooms, own rate limit | its connection, which comes back by secret and cursor |
//! | [`Robot`](robot::Robot) | node of a demo | what the robot colleague does next | nothing: it is restarted with its struct, and leaves the room when that does not help |
//! | [`Hub`] | worker thread | the listeners of its thread by room | the connections of its thread, which come back by cursor |
//! | [`Solo`](crate::bridge::solo) | node | the way to the log | see `bridge` |
//!
//! ```text
//! Session ──Locate, Open──▶ Directory ──starts, Retire──▶ Room ──Append, Watch, Read──▶ Bridge
//!    │  ▲                                                 │ │  ◀──Arrived─────────────────┘
//!    │  └────────────────Answered, Joined ────────────────┘ └─Attach, Push──▶ Hub ──▶ outboxes
//!    └──Join, Publish, Signal, Gone──────────────────────▶
//! ```
//!
//! Nothing that is in the log is ever lost with an actor. Letters that must arrive go by `do_send`, which ignores the
//! bound of a mailbox: they are bounded by what a session may have in flight ([`Gauge`](crate::delivery::Gauge)), by the bytes that a
//! hub has not worked off ([`HubHandle`]), or by the bridge's own count. Requests carry a reply channel of their own,
//! because a reply future that is dropped is silently not handled.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::prelude::*;

use crate::auth::Gate;
use crate::bridge::Bridge;
use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::outbox::OutboxLimits;
use crate::delivery::{Hub, HubHandle, Worker};
use crate::domain::ids::Epoch;

pub mod audit;
pub mod directory;
pub mod limits;
pub mod notifier;
pub mod places;
pub mod robot;
pub mod room;
pub mod session;

/// What every actor of a node may look at. Shared, and never changed after the start.
pub struct Node {
    /// The settings.
    pub config: Config,
    /// Where "now" comes from.
    pub clock: Clock,
    /// Who may come in.
    pub gate: Gate,
    /// The way to the log.
    pub bridge: Bridge,
    /// The way into the audit log.
    pub audit: audit::Audit,
    /// Who lives where.
    pub directory: Addr<directory::Directory>,
    /// Bounds and deadlines of every connection.
    pub outbox_limits: Arc<OutboxLimits>,
    /// Who takes orders to notify.
    pub notifier: Addr<notifier::Notifier>,
    /// The life of every log that never had an entry.
    pub first_epoch: Epoch,
    /// How fast is too fast.
    pub limits: Arc<limits::Limits>,
    /// How many connections there are and may be.
    pub admission: Arc<Admission>,
    /// The hubs of all worker threads, for the drain.
    pub hubs: Hubs,
}

/// The hubs that have been started. The lock is held for a push or a copy, never over a call.
#[derive(Default)]
pub struct Hubs {
    started: Mutex<Vec<HubHandle>>,
    numbers: AtomicU32,
}

impl Hubs {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<HubHandle> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What belongs to one worker thread.
pub struct WorkerContext {
    /// The node.
    pub node: Arc<Node>,
    /// The thread's outboxes.
    pub worker: Rc<Worker>,
    /// The thread's hub.
    pub hub: HubHandle,
    /// When the thread's sessions look at their deadlines.
    pub alarms: Rc<session::Alarms>,
    /// Where rooms are that the thread's sessions have joined.
    pub places: places::Places,
}

thread_local! {
    static CURRENT: OnceCell<Rc<WorkerContext>> = const { OnceCell::new() };
}

impl WorkerContext {
    /// The calling thread's; the first call starts its hub.
    #[must_use]
    pub fn current(node: &Arc<Node>) -> Rc<Self> {
        CURRENT.with(|current| {
            let context = current.get_or_init(|| {
                let number = node.hubs.numbers.fetch_add(1, Ordering::Relaxed);
                // Deadlines are kept to a quarter of the heartbeat, and to a second at the most.
                let tick = (node.outbox_limits.heartbeat / 4).clamp(Duration::from_millis(20), Duration::from_secs(1));
                let hub = Hub::start_here(number, &node.clock, tick);
                node.hubs.started.lock().unwrap_or_else(PoisonError::into_inner).push(hub.clone());
                let alarms = session::Alarms::new(&node.clock);
                Rc::new(Self {
                    node: Arc::clone(node),
                    worker: Worker::current(&node.clock),
                    hub,
                    alarms,
                    places: places::Places::default(),
                })
            });
            Rc::clone(context)
        })
    }
}

/// The count of connections, and its bound.
pub struct Admission {
    standing: AtomicUsize,
    max: AtomicUsize,
}

/// One connection that was let in; dropping it lets another one in.
pub struct Admitted(Arc<Admission>);

impl Admission {
    /// Nobody yet, and never more than `max`.
    #[must_use]
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { standing: AtomicUsize::new(0), max: AtomicUsize::new(max) })
    }

    /// Lets one more in, while there is room.
    #[must_use]
    pub fn admit(self: &Arc<Self>) -> Option<Admitted> {
        let max = self.max.load(Ordering::Relaxed);
        let below_max = |standing| (standing < max).then_some(standing + 1);
        self.standing.fetch_update(Ordering::Relaxed, Ordering::Relaxed, below_max).ok()?;
        Some(Admitted(Arc::clone(self)))
    }

    /// Lets nobody in any more; who stands, stands.
    pub fn close(&self) {
        self.max.store(0, Ordering::Relaxed);
    }

    /// How many stand now.
    #[must_use]
    pub fn standing(&self) -> usize {
        self.standing.load(Ordering::Relaxed)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.standing.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
pub(crate) mod tests;
