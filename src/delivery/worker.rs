//! What one worker thread knows of its own connections: the registry of outboxes and the flusher.
//!
//! A letter must be `Send` even between actors of one thread and an `Rc` is not, so letters carry an [`OutboxId`] and
//! the hub looks it up here.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use slab::Slab;
use tokio::sync::Notify;

use super::frame::Frame;
use super::outbox::{Farewell, Outbox, Verdict};
use crate::clock::Clock;
use crate::protocol::codes::CloseCode;
use crate::protocol::push;
use crate::telemetry::metrics::COUNTS;

/// An outbox's place in its thread's registry. An old one hits nothing: the place may be taken, the birth is not. Nor does
/// the default, because births begin with one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct OutboxId {
    place: u32,
    birth: u32,
}

/// The registry of one thread.
pub struct Worker {
    clock: Clock,
    born: Instant,
    outboxes: RefCell<Slab<Registered>>,
    births: Cell<u32>,
    dirty: RefCell<VecDeque<Rc<Outbox>>>,
    /// Wakes the flusher, which then runs behind whatever the thread already has to do.
    due: Notify,
    /// Outboxes with a frame that waits for the next one.
    holding: RefCell<Vec<Rc<Outbox>>>,
}

/// How long a frame waits for the next one at most.
const HOLD: Duration = Duration::from_millis(2);

/// An outbox in the registry. Small, because all of them are gone through every tick.
struct Registered {
    birth: u32,
    /// When to look after it next, in [`Moment`]s; always 0 while something waits in it.
    look_at: Cell<Moment>,
    outbox: Rc<Outbox>,
}

/// Units of 16 ms since the worker began. After two years the last one comes, and all outboxes are looked after
/// at every tick.
type Moment = u32;

/// So many sockets are written in one go; each takes a few microseconds.
pub(super) const SLICE: usize = 512;

thread_local! {
    static CURRENT: OnceCell<Rc<Worker>> = const { OnceCell::new() };
}

impl Worker {
    /// This thread's registry; the first call makes it and starts its flusher.
    #[must_use]
    pub fn current(clock: &Clock) -> Rc<Self> {
        CURRENT.with(|current| {
            let worker = current.get_or_init(|| {
                let worker = Rc::new(Self {
                    clock: clock.clone(),
                    born: clock.now(),
                    outboxes: RefCell::default(),
                    births: Cell::new(0),
                    dirty: RefCell::default(),
                    due: Notify::new(),
                    holding: RefCell::default(),
                });
                actix_rt::spawn(Self::flush_when_due(Rc::clone(&worker)));
                worker
            });
            Rc::clone(worker)
        })
    }

    /// Takes an outbox in.
    #[must_use]
    pub fn register(&self, outbox: Rc<Outbox>) -> OutboxId {
        let birth = self.births.get().wrapping_add(1);
        self.births.set(birth);
        let mut outboxes = self.outboxes.borrow_mut();
        let place = outboxes.vacant_entry();
        let id = OutboxId { place: u32::try_from(place.key()).unwrap_or(u32::MAX), birth };
        outbox.registered(id);
        place.insert(Registered { birth, look_at: Cell::new(0), outbox });
        id
    }

    /// Lets an outbox go; its id hits nothing from now on.
    pub fn forget(&self, id: OutboxId) {
        let mut outboxes = self.outboxes.borrow_mut();
        if outboxes.get(id.place as usize).is_some_and(|registered| registered.birth == id.birth) {
            outboxes.remove(id.place as usize);
        }
    }

    /// The outbox with this id, while its connection stands.
    #[must_use]
    pub fn outbox(&self, id: OutboxId) -> Option<Rc<Outbox>> {
        let outboxes = self.outboxes.borrow();
        let registered = outboxes.get(id.place as usize).filter(|registered| registered.birth == id.birth)?;
        Some(Rc::clone(&registered.outbox))
    }

    /// How many connections stand on this thread.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.outboxes.borrow().len()
    }

    /// All outboxes of this thread, to be looked after one by one.
    #[must_use]
    pub fn all(&self) -> Vec<(OutboxId, Rc<Outbox>)> {
        let outboxes = self.outboxes.borrow();
        outboxes.iter().map(|(_, Registered { outbox, .. })| (outbox.id(), Rc::clone(outbox))).collect()
    }

    /// Looks after the outboxes for which it is time: pings, deadlines, slow readers. Answers whether it stopped because
    /// enough was written in one go, and is to be asked again soon.
    pub(super) fn look_after(&self, ping: &Frame, now: Instant) -> bool {
        let mut pings_left = SLICE;
        let moment = self.moment(now);
        for (_, Registered { look_at, outbox, .. }) in &*self.outboxes.borrow() {
            if look_at.get() > moment {
                continue;
            }
            match outbox.verdict(now) {
                Verdict::Fine => {}
                Verdict::Ping if pings_left == 0 => return true,
                Verdict::Ping => {
                    pings_left -= 1;
                    self.ask(outbox, ping, now);
                }
                Verdict::NoConnect => self.end(outbox, CloseCode::ConnectTimeout),
                Verdict::Silent => self.end(outbox, CloseCode::HeartbeatMissed),
                Verdict::TooSlow => self.end(outbox, CloseCode::TooSlow),
                Verdict::Reset => outbox.cut(),
            }
            look_at.set(outbox.fine_until().map_or(0, |until| self.moment(until)));
        }
        false
    }

    fn moment(&self, at: Instant) -> Moment {
        let since = at.saturating_duration_since(self.born);
        Moment::try_from(since.as_millis() / 16).unwrap_or(Moment::MAX)
    }

    /// Something waits in this outbox, so it is looked after at the next tick.
    fn attend(&self, outbox: &Outbox) {
        if let Some(registered) = self.outboxes.borrow().get(outbox.id().place as usize) {
            // If its place is another's by now, that one is looked after for nothing.
            registered.look_at.set(0);
        }
    }

    /// Queues a frame for one connection; it is written when the thread has worked off what it already has to do.
    pub fn push(&self, outbox: &Rc<Outbox>, frame: &Frame, now: Instant) {
        self.mark_if(outbox.push(frame, now), outbox);
    }

    /// Queues a frame for one connection that is about to be sent another, as who joins in one breath with connecting is: both
    /// go in one write, or this one alone after a moment.
    pub fn hold(self: &Rc<Self>, outbox: &Rc<Outbox>, frame: &Frame, now: Instant) {
        if !outbox.hold(frame, now) {
            return;
        }
        self.attend(outbox);
        let mut holding = self.holding.borrow_mut();
        if holding.is_empty() {
            actix_rt::spawn(Self::flush_held_soon(Rc::clone(self)));
        }
        holding.push(Rc::clone(outbox));
    }

    async fn flush_held_soon(worker: Rc<Self>) {
        tokio::time::sleep(HOLD).await;
        let now = worker.clock.now();
        for outbox in worker.holding.take() {
            if outbox.flush_held(now).is_err() {
                worker.lost(&outbox, now);
            }
        }
    }

    /// Gives a frame to one connection without a detour, if nothing waits there; else as [`push`](Self::push).
    pub fn push_through(&self, outbox: &Rc<Outbox>, frame: &Frame, now: Instant) {
        match outbox.push_through(frame, now) {
            Ok(is_due) => self.mark_if(is_due, outbox),
            Err(_) => self.lost(outbox, now),
        }
    }

    /// Asks for a sign of life.
    fn ask(&self, outbox: &Rc<Outbox>, ping: &Frame, now: Instant) {
        outbox.asked();
        // No queue is made for it, which most connections that are asked don't have.
        self.push_through(outbox, ping, now);
    }

    /// Ends a connection: says `closing`, then closes with `code`, behind what is queued.
    pub fn end(&self, outbox: &Rc<Outbox>, code: CloseCode) {
        self.end_after(outbox, code, None);
    }

    /// As [`end`](Self::end), and asks the client to wait for `after` before it comes back.
    pub fn end_after(&self, outbox: &Rc<Outbox>, code: CloseCode, after: Option<Duration>) {
        let closing = Frame::text(&push::closing(code, after));
        let last = [closing, Frame::close(Some(code.number()), code.reason())];
        // What waits for a reader that can't keep up is thrown away: it will ask for it by cursor.
        let drop_queue = code == CloseCode::TooSlow;
        if let Some(is_due) = outbox.close(&last, Farewell::of(code), self.clock.now(), drop_queue) {
            // Counted also where the socket takes nothing at the moment, which is how slow readers end.
            COUNTS.closed(code.number());
            self.mark_if(is_due, outbox);
        }
    }

    /// Answers the client's own close.
    pub fn echo_close(&self, outbox: &Rc<Outbox>, code: Option<u16>, farewell: Farewell) {
        if let Some(is_due) = outbox.close(&[Frame::close(code, "")], farewell, self.clock.now(), false) {
            COUNTS.closed_by_client();
            self.mark_if(is_due, outbox);
        }
    }

    /// Writes every dirty outbox once.
    pub fn flush(&self) {
        while self.flush_some() {}
    }

    /// Writes some dirty outboxes once; answers whether there are more.
    fn flush_some(&self) -> bool {
        let now = self.clock.now();
        for _ in 0..SLICE {
            let Some(outbox) = self.dirty.borrow_mut().pop_front() else { return false };
            if outbox.flush(now).is_err() {
                self.lost(&outbox, now);
            }
        }
        !self.dirty.borrow().is_empty()
    }

    /// The socket is broken: the connection's task reads the same error from it and ends the session.
    fn lost(&self, outbox: &Outbox, now: Instant) {
        outbox.close(&[], Farewell::Lost, now, true);
        self.attend(outbox);
    }

    fn mark_if(&self, is_due: bool, outbox: &Rc<Outbox>) {
        if is_due {
            self.mark_dirty(outbox);
        }
    }

    fn mark_dirty(&self, outbox: &Rc<Outbox>) {
        let mut dirty = self.dirty.borrow_mut();
        if dirty.is_empty() {
            self.due.notify_one();
        }
        dirty.push_back(Rc::clone(outbox));
        self.attend(outbox);
    }

    async fn flush_when_due(worker: Rc<Self>) {
        loop {
            worker.due.notified().await;
            while worker.flush_some() {
                // A huge room's sockets keep nobody else of this thread waiting.
                tokio::task::yield_now().await;
            }
        }
    }
}
