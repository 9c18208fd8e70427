//! The one who fills the outboxes of a worker thread.

use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix::prelude::*;
use rustc_hash::FxHashMap;

use super::frame::Frame;
use super::outbox::Outbox;
use super::worker::{OutboxId, Worker};
use crate::clock::Clock;
use crate::domain::redaction::View;
use crate::protocol::codes::CloseCode;
use crate::protocol::push;
use crate::supervise;
use crate::telemetry::metrics::COUNTS;

mod batch;
mod views;

use batch::Batch;

pub use views::{KeptFrom, PushViews, Regard};

/// What a listener wants to hear of a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Receive(u8);

impl Receive {
    /// Entries of the log.
    pub const ENTRIES: Self = Self(1);
    /// Who comes, goes and changes.
    pub const PRESENCE: Self = Self(1 << 1);
    /// Signals.
    pub const SIGNALS: Self = Self(1 << 2);
    /// All three.
    pub const ALL: Self = Self(0b111);

    /// Exactly what is said.
    #[must_use]
    pub fn of(entries: bool, presence: bool, signals: bool) -> Self {
        Self(u8::from(entries) | u8::from(presence) << 1 | u8::from(signals) << 2)
    }

    /// Whether all of `other` is in it.
    #[must_use]
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Put an outbox among the listeners of a room, behind `first` if there is one. Once more replaces what it receives.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Attach {
    /// The room's number, never used twice.
    pub room: u64,
    /// Whose outbox.
    pub outbox: OutboxId,
    /// What it wants to hear.
    pub receive: Receive,
    /// Which view of the room is its own.
    pub view: View,
    /// What comes ahead of everything else from this room.
    pub first: Option<Frame>,
    /// Called behind that, on the thread of the connection; it must only post a letter. A letter from the room's thread would
    /// have to wake this one once more.
    pub then: Option<Then>,
}

/// See [`Attach::then`].
pub type Then = Box<dyn FnOnce() + Send>;

/// Take an outbox off the listeners of a room.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Detach {
    /// The room's number.
    pub room: u64,
    /// Whose outbox.
    pub outbox: OutboxId,
    /// What comes behind everything else from this room.
    pub last: Option<Frame>,
}

/// Give a frame to all listeners of a room that want it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Push {
    /// The room's number.
    pub room: u64,
    /// What to give.
    pub frame: Frame,
    /// What kind of thing it is.
    pub kind: Receive,
}

/// Give the signals of one tick to the listeners: one frame for all, another for each who signalled.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PushSignals {
    /// The room's number.
    pub room: u64,
    /// All signals of the tick.
    pub frame: Frame,
    /// Who signalled, and what the others signalled; `None` when nobody else did.
    pub instead: FxHashMap<OutboxId, Option<Frame>>,
}

/// Forget a room and its listeners; their connections go on.
#[derive(Message)]
#[rtype(result = "()")]
pub struct DropRoom {
    /// The room's number.
    pub room: u64,
}

/// End every connection of this thread: the node goes down.
#[derive(Message)]
#[rtype(result = "()")]
pub struct EndAll {
    /// Why.
    pub code: CloseCode,
    /// Over how long they are ended, one after the other. What is said meanwhile is still taken.
    pub over: Duration,
    /// Over how long the clients shall spread their returns, once the last is ended.
    pub returns: Duration,
}

/// A hub's place. Cloning shares it: an address of its own for each seat would be two allocations more.
#[derive(Clone)]
pub struct HubHandle(Arc<HubPlace>);

/// The address of a hub, and how much it has not worked off yet.
pub struct HubPlace {
    /// Which hub, for telling them apart.
    pub number: u32,
    /// Its mailbox. Letters that must arrive go by `do_send`: they are bounded by `pending`.
    pub addr: Addr<Hub>,
    /// Bytes of frames posted and not yet handed to outboxes.
    pub pending: Arc<AtomicUsize>,
}

impl Deref for HubHandle {
    type Target = HubPlace;

    fn deref(&self) -> &HubPlace {
        &self.0
    }
}

/// A hub that has more than this not worked off is behind; its readers are not to blame.
const PENDING_BYTES_MAX: usize = 64 << 20;

impl HubPlace {
    /// Whether it is so far behind that no more should be taken in.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.pending.load(Ordering::Relaxed) > PENDING_BYTES_MAX
    }
}

/// Fills the outboxes of its thread; one per worker.
pub struct Hub {
    worker: Rc<Worker>,
    clock: Clock,
    rooms: FxHashMap<u64, Listeners>,
    pending: Arc<AtomicUsize>,
    batch: Batch,
    /// Bytes handed out since the last flush.
    unflushed: usize,
    tick: Duration,
    ping: Frame,
}

/// Those who listen to one room on this thread.
#[derive(Default)]
struct Listeners {
    seats: Vec<Seat>,
    by_outbox: FxHashMap<OutboxId, usize>,
}

struct Seat {
    id: OutboxId,
    outbox: Rc<Outbox>,
    receive: Receive,
    view: View,
}

/// Connections that are ended one after the other.
struct Ending {
    letter: EndAll,
    outboxes: Vec<Rc<Outbox>>,
    began: Instant,
    /// The first that still stands.
    next: u32,
}

/// How often those whose turn has come are ended.
const ENDING_STEP: Duration = Duration::from_millis(10);

/// Everybody else of the thread has a turn between two slices of pings.
const BETWEEN_SLICES: Duration = Duration::from_millis(2);

/// A hub lets its writers write after so much, lest a long mailbox become a long silence.
const FLUSH_BYTES: usize = 256 << 10;

impl Hub {
    /// Starts the hub of the calling thread. `tick` is how often its connections are looked after.
    #[must_use]
    pub fn start_here(number: u32, clock: &Clock, tick: Duration) -> HubHandle {
        let pending = Arc::new(AtomicUsize::new(0));
        let hub = Self {
            worker: Worker::current(clock),
            clock: clock.clone(),
            rooms: FxHashMap::default(),
            pending: Arc::clone(&pending),
            batch: Batch::default(),
            unflushed: 0,
            tick,
            ping: Frame::text(push::ping()),
        };
        let addr = supervise::start_restarting("a hub", clock, |_| hub);
        HubHandle(Arc::new(HubPlace { number, addr, pending }))
    }

    /// Looks after the connections of the thread; what would be written in one go too long is written in slices.
    fn look_after_connections(&self, ctx: &mut Context<Self>) {
        if self.worker.look_after(&self.ping, self.clock.now()) {
            ctx.run_later(BETWEEN_SLICES, |hub, ctx| hub.look_after_connections(ctx));
        }
    }

    /// Ends the connections whose turn has come, and looks again in a moment.
    fn end_due(&self, mut ending: Ending, ctx: &mut Context<Self>) {
        let EndAll { code, over, returns } = ending.letter;
        let elapsed = self.clock.now().saturating_duration_since(ending.began);
        let slots = u32::try_from(ending.outboxes.len()).unwrap_or(u32::MAX);
        for (slot, outbox) in (0..slots).zip(&ending.outboxes).skip(ending.next as usize) {
            let due = over * slot / slots;
            if due > elapsed {
                ctx.run_later(ENDING_STEP, move |hub, ctx| hub.end_due(ending, ctx));
                return;
            }
            self.worker.end_after(outbox, code, Some(over.saturating_sub(due) + returns * slot / slots));
            ending.next = slot + 1;
        }
    }

    /// Bytes that were posted and not handed out yet.
    fn waiting(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    /// Counts what was handed out and lets the sockets have it when it is much.
    fn handed_out(&mut self, bytes: usize) {
        // Saturating, because a restart forgets what was pending and its letters may still come.
        let less = |pending: usize| Some(pending.saturating_sub(bytes));
        let _ = self.pending.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        self.unflushed += bytes;
        if self.unflushed >= FLUSH_BYTES {
            self.unflushed = 0;
            self.worker.flush();
        }
    }
}

impl Actor for Hub {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(self.tick, |hub, ctx| hub.look_after_connections(ctx));
    }
}

impl Supervised for Hub {
    /// What was half pushed when it panicked is nobody's guess: the connections of this thread end and come back by
    /// cursor, and nobody listens until they do.
    fn restarting(&mut self, _: &mut Self::Context) {
        self.rooms.clear();
        self.batch = Batch::default();
        self.pending.store(0, Ordering::Relaxed);
        for (_, outbox) in self.worker.all() {
            self.worker.end(&outbox, CloseCode::Restarting);
        }
    }
}

impl Handler<Attach> for Hub {
    type Result = ();

    fn handle(&mut self, attach: Attach, _: &mut Self::Context) {
        self.close_batch();
        let bytes = attach.first.as_ref().map_or(0, Frame::len);
        // The connection may have ended meanwhile; its session tells the room.
        if let Some(outbox) = self.worker.outbox(attach.outbox) {
            if let Some(first) = &attach.first {
                self.worker.push(&outbox, first, self.clock.now());
            }
            let listeners = self.rooms.entry(attach.room).or_default();
            listeners.put(Seat { id: attach.outbox, outbox, receive: attach.receive, view: attach.view });
        }
        if let Some(then) = attach.then {
            then();
        }
        self.handed_out(bytes);
    }
}

impl Handler<Detach> for Hub {
    type Result = ();

    fn handle(&mut self, detach: Detach, _: &mut Self::Context) {
        self.close_batch();
        if let Some(listeners) = self.rooms.get_mut(&detach.room) {
            listeners.remove(detach.outbox);
            if listeners.seats.is_empty() {
                self.rooms.remove(&detach.room);
            }
        }
        if let Some(last) = detach.last {
            if let Some(outbox) = self.worker.outbox(detach.outbox) {
                self.worker.push(&outbox, &last, self.clock.now());
            }
            self.handed_out(last.len());
        }
    }
}

impl Handler<PushSignals> for Hub {
    type Result = ();

    fn handle(&mut self, push: PushSignals, _: &mut Self::Context) {
        self.close_batch();
        if let Some(listeners) = self.rooms.get(&push.room) {
            let now = self.clock.now();
            let mut given = 0;
            for seat in &listeners.seats {
                if !seat.receive.has(Receive::SIGNALS) || !seat.outbox.takes_signals() {
                    continue;
                }
                let frame = match push.instead.get(&seat.id) {
                    None => &push.frame,
                    Some(Some(others)) => others,
                    Some(None) => continue,
                };
                self.worker.push(&seat.outbox, frame, now);
                given += 1;
            }
            COUNTS.delivered(given);
        }
        self.handed_out(push.frame.len());
    }
}

impl Handler<DropRoom> for Hub {
    type Result = ();

    fn handle(&mut self, dropped: DropRoom, _: &mut Self::Context) {
        self.close_batch();
        self.rooms.remove(&dropped.room);
    }
}

impl Handler<EndAll> for Hub {
    type Result = ();

    fn handle(&mut self, letter: EndAll, ctx: &mut Self::Context) {
        self.close_batch();
        let outboxes = self.worker.all().into_iter().map(|(_, outbox)| outbox).collect();
        self.end_due(Ending { letter, outboxes, began: self.clock.now(), next: 0 }, ctx);
    }
}

impl Listeners {
    fn put(&mut self, seat: Seat) {
        if let Some(&place) = self.by_outbox.get(&seat.id) {
            self.seats[place] = seat;
        } else {
            self.by_outbox.insert(seat.id, self.seats.len());
            self.seats.push(seat);
        }
    }

    fn remove(&mut self, id: OutboxId) {
        let Some(place) = self.by_outbox.remove(&id) else { return };
        self.seats.swap_remove(place);
        if let Some(moved) = self.seats.get(place) {
            self.by_outbox.insert(moved.id, place);
        }
    }
}

#[cfg(test)]
mod tests;
