//! What waits for one socket, bounded in bytes and in time.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::net::TcpStream;

use self::queue::{Closing, Queue};
use super::bell::Bell;
use super::frame::Frame;
use super::gauge::Gauge;
use super::worker::OutboxId;
use crate::clock::Clock;
use crate::protocol::codes::CloseCode;

/// Bounds of one outbox and the deadlines of its connection.
#[derive(Clone, Copy, Debug)]
pub struct OutboxLimits {
    /// Queued bytes that end the connection at once. Frames are shared, so this is far less memory.
    pub queued_bytes_max: usize,
    /// Queued bytes that end it when they still wait [`slow_after`](Self::slow_after) after a refusal.
    pub slow_bytes: usize,
    /// See [`slow_bytes`](Self::slow_bytes).
    pub slow_after: Duration,
    /// A reader that accepts no byte for so long is too slow, however little waits.
    pub stalled_after: Duration,
    /// A reader this far behind gets no signals: they would be stale.
    pub signals_while_below: usize,
    /// A ping goes out after so long without a frame in one direction or the other.
    pub heartbeat: Duration,
    /// What a silent client gets beyond [`heartbeat`](Self::heartbeat) before it counts as gone.
    pub heartbeat_slack: Duration,
    /// How long the first message may take.
    pub connect_timeout: Duration,
    /// After a close of ours, so long is read and discarded, so that a reset does not eat the code.
    pub linger: Duration,
}

impl Default for OutboxLimits {
    fn default() -> Self {
        Self {
            queued_bytes_max: 8 << 20,
            slow_bytes: 1 << 20,
            slow_after: Duration::from_secs(1),
            stalled_after: Duration::from_secs(8),
            signals_while_below: 64 << 10,
            heartbeat: Duration::from_secs(10),
            heartbeat_slack: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(10),
            linger: Duration::from_secs(2),
        }
    }
}

/// How a connection ended, as far as its member is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Farewell {
    /// The client said goodbye, or the server ended it for good: the member leaves at once.
    AtOnce,
    /// A reload, a navigation, a closed tab: browsers send the same for all three. A short grace time.
    Reload,
    /// Anything else: the whole grace time.
    Lost,
    /// A newer connection took the session up: nobody shall notice.
    TakenUp,
}

impl Farewell {
    /// What a close of ours means for the member.
    #[must_use]
    pub fn of(code: CloseCode) -> Self {
        match code {
            CloseCode::Goodbye | CloseCode::BadProtocol | CloseCode::Ended | CloseCode::TooLarge => Self::AtOnce,
            CloseCode::TakenOver => Self::TakenUp,
            _ => Self::Lost,
        }
    }

    /// What the client's close means for the member (protocol, section 6); `None` is a close without a code.
    #[must_use]
    pub fn of_client(code: Option<u16>) -> Self {
        match code {
            None | Some(1000 | 4400 | 4403 | 4413) => Self::AtOnce,
            Some(1001 | 4000) => Self::Reload,
            Some(_) => Self::Lost,
        }
    }
}

/// What the sweep found out about a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Nothing to do.
    Fine,
    /// Say something, so that the other side does.
    Ping,
    /// The first message did not come in time.
    NoConnect,
    /// Nothing was heard for too long.
    Silent,
    /// The reader can't keep up.
    TooSlow,
    /// The close was queued long enough.
    Reset,
}

/// The queue of one connection. Lives on the connection's thread and is shared there by its hub, session and task.
pub struct Outbox {
    /// `None` once the connection has ended, so that a listener's seat doesn't keep the socket open.
    stream: RefCell<Option<TcpStream>>,
    limits: Arc<OutboxLimits>,
    /// `None` while nothing waits and nothing has for a while, which is how it is for most connections.
    queue: RefCell<Option<Box<Queue>>>,
    born: Instant,
    /// Under which its thread knows it.
    id: Cell<OutboxId>,
    /// When bytes last came from the client.
    heard_at: Cell<Instant>,
    /// When a frame was last queued for it.
    sent_at: Cell<Instant>,
    /// Whether it was asked for a sign of life since it was last heard.
    is_asked: Cell<bool>,
    /// Whether a ping of ours waits for its answer.
    owes_answer: Cell<bool>,
    /// Whether the first message has come.
    is_connected: Cell<bool>,
    /// Whether the flusher has it on its list.
    is_dirty: Cell<bool>,
    /// Wakes the connection's task: the socket refused bytes, or a close was queued.
    changed: Bell,
    /// What of the client's messages is not answered yet.
    pub gauge: Gauge,
}

/// One `writev` takes at most so many slices (the kernel's limit is 1,024; beyond 64 nothing is gained).
const SLICES_MAX: usize = 64;
/// A queue that a burst has blown up gives its memory back at once, and any queue when nothing came for so long.
const QUEUE_KEEPS: usize = 64;
const QUIET: Duration = Duration::from_secs(1);

impl Outbox {
    /// An outbox that writes to `stream`.
    #[must_use]
    pub fn new(stream: TcpStream, limits: Arc<OutboxLimits>, now: Instant) -> Self {
        Self {
            stream: RefCell::new(Some(stream)),
            limits,
            queue: RefCell::default(),
            born: now,
            id: Cell::default(),
            heard_at: Cell::new(now),
            sent_at: Cell::new(now),
            is_asked: Cell::new(false),
            owes_answer: Cell::new(false),
            is_connected: Cell::new(false),
            is_dirty: Cell::new(false),
            changed: Bell::default(),
            gauge: Gauge::default(),
        }
    }

    /// Its place in the registry of its thread; before it has one, an id that hits nothing.
    #[must_use]
    pub fn id(&self) -> OutboxId {
        self.id.get()
    }

    pub(super) fn registered(&self, id: OutboxId) {
        self.id.set(id);
    }

    /// Queues a frame; after a close nothing more is taken. Answers whether the flusher must be told of this outbox.
    pub(super) fn push(&self, frame: &Frame, now: Instant) -> bool {
        let is_due = self.hold(frame, now);
        if is_due {
            self.is_dirty.set(true);
        }
        is_due
    }

    /// Queues a frame that is written along with the next one, or when somebody calls [`flush_held`](Self::flush_held). Answers
    /// whether somebody has to, or else it will be written soon anyway.
    pub(super) fn hold(&self, frame: &Frame, now: Instant) -> bool {
        let mut queue = self.queue.borrow_mut();
        let queue = queue.get_or_insert_default();
        if queue.closing.is_some() {
            return false;
        }
        queue.put(frame);
        self.sent_at.set(now);
        // A socket that refused bytes is written again by its task when it is writable, not by the flusher.
        queue.refused_since.is_none() && !self.is_dirty.get()
    }

    /// Writes what is held, unless somebody else is about to.
    ///
    /// # Errors
    /// The socket's, when it is broken.
    pub(super) fn flush_held(&self, now: Instant) -> io::Result<()> {
        let is_refused = self.queue.borrow().as_ref().is_some_and(|queue| queue.refused_since.is_some());
        let is_seen_to = self.is_dirty.get() || is_refused;
        if is_seen_to { Ok(()) } else { self.flush(now) }
    }

    /// Writes a frame at once where nothing waits ahead of it, else queues it: no queue is touched, and no count of the bytes'
    /// owners, which all threads share. Answers whether the flusher must be told of this outbox.
    ///
    /// # Errors
    /// The socket's, when it is broken.
    pub(super) fn push_through(&self, frame: &Frame, now: Instant) -> io::Result<bool> {
        let stream = self.stream.borrow();
        let (Some(bytes), Some(stream)) = (frame.whole(), stream.as_ref()) else { return Ok(self.push(frame, now)) };
        let mut queue = self.queue.borrow_mut();
        if queue.as_ref().is_some_and(|queue| queue.closing.is_some() || !queue.pieces.is_empty()) {
            drop(queue);
            return Ok(self.push(frame, now));
        }
        let written = match stream.try_write(bytes) {
            Ok(written) => written,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => 0,
            Err(broken) => return Err(broken),
        };
        self.sent_at.set(now);
        if written == bytes.len() {
            return Ok(false);
        }
        // The flusher asks the socket again, and notes a refusal.
        let queue = queue.get_or_insert_default();
        queue.put(frame);
        queue.take(written, now);
        Ok(!self.is_dirty.replace(true))
    }

    /// Whether a signal would still be fresh when it gets there.
    pub(super) fn takes_signals(&self) -> bool {
        let is_fresh = |queue: &Queue| queue.refused_since.is_none() || queue.bytes < self.limits.signals_while_below;
        self.queue.borrow().as_deref().is_none_or(is_fresh)
    }

    /// Queues the last frame; nothing more is taken. A second close changes nothing, and is answered `None`; the first
    /// is answered whether the flusher must be told of this outbox.
    ///
    /// A reader that is too slow has its queue thrown away but for the frame that is half written, so that the close
    /// has a chance to arrive.
    pub(super) fn close(&self, last: &[Frame], farewell: Farewell, now: Instant, drop_queue: bool) -> Option<bool> {
        let mut queue = self.queue.borrow_mut();
        let queue = queue.get_or_insert_default();
        if queue.closing.is_some() {
            return None;
        }
        if drop_queue {
            queue.drop_whole_frames();
        }
        for frame in last {
            queue.put(frame);
        }
        queue.closing = Some(Closing { farewell, since: now });
        self.changed.ring();
        Some(queue.refused_since.is_none() && !self.is_dirty.replace(true))
    }

    /// Writes as much as the socket takes.
    ///
    /// # Errors
    /// The socket's, when it is broken.
    pub fn flush(&self, now: Instant) -> io::Result<()> {
        self.is_dirty.set(false);
        let stream = self.stream.borrow();
        let Some(stream) = stream.as_ref() else { return Ok(()) };
        let mut queue = self.queue.borrow_mut();
        let Some(queue) = queue.as_deref_mut() else { return Ok(()) };
        while !queue.pieces.is_empty() {
            let written = {
                let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                let mut count = 0;
                for (slot, piece) in slices.iter_mut().zip(&queue.pieces) {
                    *slot = IoSlice::new(if count == 0 { &piece.bytes[queue.written..] } else { &piece.bytes });
                    count += 1;
                }
                match &slices[..count] {
                    // `send` spares the kernel the way through its files, about a tenth of what a message costs.
                    [one] => stream.try_write(one),
                    several => stream.try_write_vectored(several),
                }
            };
            match written {
                Ok(written) => queue.take(written, now),
                Err(refused) if refused.kind() == io::ErrorKind::WouldBlock => {
                    if queue.refused_since.is_none() {
                        queue.refused_since = Some(now);
                        queue.accepted_at = Some(now);
                        self.changed.ring();
                    }
                    return Ok(());
                }
                Err(broken) if broken.kind() == io::ErrorKind::Interrupted => {}
                Err(broken) => return Err(broken),
            }
        }
        queue.refused_since = None;
        queue.accepted_at = None;
        if queue.pieces.capacity() > QUEUE_KEEPS {
            queue.pieces.shrink_to(0);
        }
        Ok(())
    }

    /// Writes on whenever the socket is writable again, until a close of ours is written whole.
    ///
    /// # Errors
    /// The socket's, when it is broken.
    pub fn poll_write_on(&self, clock: &Clock, task: &mut Context<'_>) -> Poll<io::Result<Farewell>> {
        loop {
            let state = |queue: &Queue| (queue.refused_since.is_some(), queue.closing, queue.pieces.is_empty());
            let (is_refused, closing, is_empty) = self.queue.borrow().as_deref().map_or((false, None, true), state);
            if let Some(closing) = closing.filter(|_| is_empty) {
                return Poll::Ready(Ok(closing.farewell));
            }
            if is_refused {
                let stream = self.stream.borrow();
                let Some(stream) = stream.as_ref() else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
                ready!(stream.poll_write_ready(task))?;
                self.flush(clock.now())?;
            } else if closing.is_some() {
                self.flush(clock.now())?;
            } else {
                ready!(self.changed.poll_rung(task));
            }
        }
    }

    /// Notes that a ping is on its way.
    pub(super) fn asked(&self) {
        self.is_asked.set(true);
        self.owes_answer.set(true);
    }

    /// The client answers. Whether there was a ping to answer: once for each.
    pub fn is_answered(&self) -> bool {
        self.owes_answer.take()
    }

    /// Notes that bytes came from the client.
    pub fn heard(&self, now: Instant) {
        self.heard_at.set(now);
        self.is_asked.set(false);
    }

    /// Notes that the client is connected, so that the time for its first message no longer runs.
    pub fn connected(&self) {
        self.is_connected.set(true);
    }

    /// How the connection ends, once a close was queued.
    #[must_use]
    pub fn farewell(&self) -> Option<Farewell> {
        Some(self.queue.borrow().as_ref()?.closing?.farewell)
    }

    /// Lets the socket go: the connection has ended.
    pub fn release(&self) {
        self.stream.take();
        if let Some(queue) = self.queue.borrow_mut().as_mut() {
            queue.pieces = VecDeque::new();
        }
    }

    /// Cuts the connection with a reset: its close was not read in time.
    pub(super) fn cut(&self) {
        if let Some(stream) = self.stream.borrow().as_ref() {
            let socket = SockRef::from(stream);
            // Errors mean that the connection is already gone, which is what is wanted.
            let _ = socket.set_linger(Some(Duration::ZERO));
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// Until when nothing can be due that its thread does not hear of, as it does of all that is queued here; `None` while
    /// something is.
    pub(super) fn fine_until(&self) -> Option<Instant> {
        if self.queue.borrow().is_some() {
            return None;
        }
        let OutboxLimits { heartbeat, heartbeat_slack, connect_timeout, .. } = *self.limits;
        if !self.is_connected.get() {
            // It may be connected any time, and then its heartbeat counts.
            return Some(self.born + connect_timeout.min(heartbeat));
        }
        let heard_of = if self.is_asked.get() { heartbeat + heartbeat_slack } else { heartbeat };
        Some((self.sent_at.get() + heartbeat).min(self.heard_at.get() + heard_of))
    }

    /// What the connection is due at `now`.
    #[must_use]
    pub fn verdict(&self, now: Instant) -> Verdict {
        self.rest(now);
        if let Some(queue) = self.queue.borrow().as_deref() {
            if let Some(closing) = queue.closing {
                return if now >= closing.since + self.limits.linger { Verdict::Reset } else { Verdict::Fine };
            }
            if queue.is_too_slow(&self.limits, now) {
                return Verdict::TooSlow;
            }
        }
        if !self.is_connected.get() {
            return if now >= self.born + self.limits.connect_timeout { Verdict::NoConnect } else { Verdict::Fine };
        }
        let silent_for = now.saturating_duration_since(self.heard_at.get());
        if silent_for >= self.limits.heartbeat + self.limits.heartbeat_slack {
            return Verdict::Silent;
        }
        // A reader in a busy room is sent much, so that quiet alone would never make it answer: it is asked once.
        let is_quiet = now.saturating_duration_since(self.sent_at.get()) >= self.limits.heartbeat;
        let is_unheard = silent_for >= self.limits.heartbeat && !self.is_asked.get();
        if is_quiet || is_unheard { Verdict::Ping } else { Verdict::Fine }
    }

    /// Gives the queue's memory back when nothing came for a while: most connections are quiet most of the time.
    fn rest(&self, now: Instant) {
        let is_empty = |queue: &mut Box<Queue>| queue.pieces.is_empty() && queue.closing.is_none();
        if now.saturating_duration_since(self.sent_at.get()) >= QUIET {
            self.queue.borrow_mut().take_if(is_empty);
        }
    }
}

mod queue;
mod reading;
#[cfg(test)]
mod tests;
