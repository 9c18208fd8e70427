//! A room: one log's tail, who is there, and everything that is said in it.
//!
//! ```text
//! Session ─ Publish ─▶ Room ─ Append ─▶ bridge            (the session gets the answer from the bridge)
//!                      Room ◀─ Arrived ─ bridge ─▶ tail ─▶ one frame ─▶ audience
//! Session ─ Join ────▶ Room ─ page of tail or log ─▶ hub: `joined`, and from then on every frame
//! ```
//!
//! Always true: what a session hears of a room comes from the room through its hub's mailbox, in one order: `joined`,
//! then every entry after its cursor once. A room never delivers a hole. It holds back its mailbox until it knows its log.
//!
//! Each conversation is a file: [`join`], [`publish`], [`presence`], [`signals`], [`history`], the demo's [`robot`];
//! [`views`] says who sees what of an entry. Here is its life.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix::prelude::*;
use rustc_hash::FxHashMap;

use super::directory::{Directory, RetireAnswer, RoomDied, RoomIdle};
use super::limits::Limits;
use super::robot::Host;
use super::session::{RoomGone, SessionAddr};
use crate::bridge::{Arrived, Bridge, Read, Unwatch, Watch};
use crate::clock::Clock;
use crate::config::{Config, RoomSettings};
use crate::delivery::{Audience, Farewell, Frame, Receive};
use crate::domain::cursor::Cursor;
use crate::domain::ids::{RoomKey, RoomName, SessionId, UserId};
use crate::domain::redaction::{Redaction, View};
use crate::domain::roster::Roster;
use crate::domain::signals::pace::Pace;
use crate::domain::tail::{Bounds, Order, Tail};
use crate::domain::visibility::Reader;

use inbox::Inbox;
use join::Participant;
use opening::open_log;
use picture::Shown;
use robot::Resident;
use signals::Gathering;

pub mod history;
mod inbox;
pub mod join;
pub mod look;
mod opening;
mod picture;
pub mod presence;
pub mod publish;
pub mod robot;
pub mod signals;
pub mod views;

/// What rooms and the Directory look at. Shared, never changed.
pub struct RoomContext {
    /// The settings.
    pub config: Config,
    /// Where "now" comes from.
    pub clock: Clock,
    /// The way to the log.
    pub bridge: Bridge,
    /// How fast is too fast.
    pub limits: Arc<Limits>,
    /// The demo's robot, where there is one.
    pub robot: Option<Host>,
}

impl RoomContext {
    /// How long a session's secret holds after such an end; `None` when it leaves at once.
    #[must_use]
    pub fn grace(&self, farewell: Farewell) -> Option<Duration> {
        match farewell {
            Farewell::AtOnce => None,
            Farewell::Reload => Some(self.config.session.grace_reload),
            Farewell::Lost | Farewell::TakenUp => Some(self.config.session.grace),
        }
    }

    /// How long a member stays after such an end: a little longer than the secret, so that a return in the last moment
    /// is not overtaken by the leave.
    fn member_grace(&self, farewell: Farewell) -> Option<Duration> {
        self.grace(farewell).map(|grace| grace + (grace / 4).min(Duration::from_secs(1)))
    }
}

/// A read for the tail is never cut by bytes: an entry is bounded by the size of a message.
const PRELOAD_BYTES: usize = 32 << 20;
/// How long a room waits before it asks a log again that could not be read.
const RETRY: Duration = Duration::from_secs(1);
/// How long a retired room still answers those who were told its address before.
const RETIRED_LISTENS: Duration = Duration::from_secs(5);

/// One open room. Its struct outlives a panic; see its `restarting`.
pub struct Room {
    key: RoomKey,
    /// What it is called on the wire.
    name: RoomName,
    number: u64,
    context: Arc<RoomContext>,
    settings: RoomSettings,
    /// Fields that not everybody here sees.
    redaction: Redaction,
    directory: Addr<Directory>,
    /// `None` until the log's ends are known; the mailbox waits until then.
    tail: Option<Tail>,
    watch: Option<u64>,
    /// The newest entry that was handed to the audience, once the room was open: where a restart goes on.
    delivered: Option<Cursor>,
    /// State and activity as of the tail's head.
    shown: Shown,
    roster: Roster,
    /// How many members there are, for those who list rooms.
    member_count: Arc<AtomicUsize>,
    /// When changes of the roster were last told.
    last_tick: Option<Instant>,
    /// The members of the last tick as JSON, so that a join encodes one member and not all.
    member_texts: FxHashMap<UserId, Arc<str>>,
    /// What its sessions signal, gathered by themselves.
    signals: Arc<Gathering>,
    pace: Pace,
    audience: Audience,
    seats: FxHashMap<SessionId, Box<Seat>>,
    /// Sessions whose join waits for a page of the log, by generation, and who they are by their newest token.
    joining: FxHashMap<(SessionId, u64), Reader>,
    /// Appends that the bridge has not answered yet.
    in_flight: Arc<AtomicUsize>,
    timers: Timers,
    is_retired: bool,
    /// What a personal room does besides.
    inbox: Option<Inbox>,
    /// The demo's robot, in the one room that has it.
    resident: Option<Resident>,
}

/// A session in the room.
struct Seat {
    who: Arc<Participant>,
    addr: SessionAddr,
    receive: Receive,
    /// Who it is as a reader, by its newest token.
    reader: Reader,
    /// What of the room that lets it see.
    view: View,
}

/// What is under way. A timer that is not needed is not set, so an idle room costs nothing.
#[derive(Default)]
struct Timers {
    /// Gathered presence goes out.
    presence: Option<SpawnHandle>,
    /// The next grace time ends.
    expiry: Option<SpawnHandle>,
    /// The room offers to retire.
    idle: Option<SpawnHandle>,
}

/// A session is gone from this room without having left: its connection ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Gone {
    /// Which session.
    pub session: SessionId,
    /// By which connection; news of an older one is ignored.
    pub generation: u64,
    /// How it ended, which decides on the grace time.
    pub farewell: Farewell,
}

/// A session was taken up by a newer connection, which has its grace time to join this room again.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Recalled {
    /// Which session.
    pub session: SessionId,
    /// The newer generation.
    pub generation: u64,
}

/// The Directory asks whether the room is still idle; if so, it goes.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Retire;

/// The room's log began another life, and the Directory knows the room no longer: it goes, whoever is in it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Abandon;

impl Room {
    /// A room that will open its log as it starts.
    #[must_use]
    pub fn new(
        key: RoomKey,
        number: u64,
        context: Arc<RoomContext>,
        directory: Addr<Directory>,
        (member_count, signals): (Arc<AtomicUsize>, Arc<Gathering>),
        ctx: &mut Context<Self>,
    ) -> Self {
        ctx.set_mailbox_capacity(4_096);
        let settings = context.config.room(&key.room);
        let redaction = context.config.redaction(&key.room);
        let inbox = key.room.is_personal().then(Inbox::default);
        let name = key.room.on_the_wire();
        let pace = Pace::new(context.config.signals.tick);
        let mut room = Self {
            key,
            name,
            number,
            context,
            settings,
            redaction,
            directory,
            tail: None,
            watch: None,
            delivered: None,
            shown: Shown::default(),
            roster: Roster::new(settings.large),
            member_count,
            last_tick: None,
            member_texts: FxHashMap::default(),
            signals,
            pace,
            audience: Audience::new(number),
            seats: FxHashMap::default(),
            joining: FxHashMap::default(),
            in_flight: Arc::new(AtomicUsize::new(0)),
            timers: Timers::default(),
            is_retired: false,
            inbox,
            resident: None,
        };
        room.resident = Resident::of(&room);
        room
    }

    /// Opens the log, however often it takes; joins wait, and are answered `unavailable` by their own deadline.
    fn open_log(&mut self, ctx: &mut Context<Self>) {
        let watch = Watch { log: self.key.clone(), place: self.settings.log, watcher: ctx.address().recipient() };
        let read = self.read(0, 0);
        let opening = open_log(self.context.bridge.clone(), watch, read, self.delivered).into_actor(self);
        ctx.wait(opening.map(|opened, room, ctx| {
            let Ok((watch, tail, shown)) = opened else {
                log::warn!("room {} can't open its log yet", room.key);
                return room.try_again(ctx, Self::open_log);
            };
            // The new watch stands before the old one goes, so that a log in memory is never without one.
            if let Some(old) = room.watch.replace(watch) {
                room.context.bridge.unwatch.do_send(Unwatch { log: room.key.clone(), watch: old });
            }
            room.shown = shown;
            room.opened(tail, ctx);
        }));
    }

    /// The log is open. After a restart the audience gets what it has not, and a list in place of differences.
    fn opened(&mut self, tail: Tail, ctx: &mut Context<Self>) {
        if let Some(delivered) = self.delivered {
            let missed: Vec<_> = tail.entries().filter(|entry| entry.offset > delivered.offset).collect();
            let is_whole = delivered.offset + missed.len() as u64 == tail.head().offset;
            if delivered.epoch != tail.head().epoch || !is_whole {
                // Nobody can be given what no log has; they come back and take the picture as new.
                return ctx.stop();
            }
            for entry in missed {
                self.deliver(entry);
            }
            self.tell_all_members();
            self.presence_changed(ctx);
        }
        self.delivered = Some(tail.head());
        self.tail = Some(tail);
        // After a restart: what it missed to tell her is in the picture.
        self.tell_robot(ctx);
        self.look_into_inbox(ctx);
        self.retire_when_idle(ctx);
    }

    /// Takes new entries, in order; asks the log for what is missing first.
    fn take_in(&mut self, arrived: Arrived, ctx: &mut Context<Self>) {
        let Some(epoch) = self.tail.as_ref().map(|tail| tail.head().epoch) else { return };
        if arrived.epoch != epoch {
            // Another life of the log: everybody has to take the picture as new, which a return brings about.
            log::error!("room {} has a log of another epoch and is opened anew", self.key);
            ctx.stop();
            return;
        }
        for entry in arrived.entries {
            let Some(tail) = &mut self.tail else { return };
            match tail.push(Arc::clone(&entry)) {
                Order::Next => {
                    self.shown.take(&entry);
                    self.deliver(&entry);
                    self.show_robot(&entry);
                    self.delivered = Some(entry.cursor(epoch));
                }
                Order::Old => {}
                Order::Hole { .. } => return self.fill_hole(ctx),
            }
        }
        if let Some((floor, tail)) = arrived.floor.zip(self.tail.as_mut()) {
            tail.raise_floor(floor);
        }
        self.look_into_inbox(ctx);
    }

    /// Reads on from the head, with the mailbox held back meanwhile.
    fn fill_hole(&mut self, ctx: &mut Context<Self>) {
        let Some(from) = self.tail.as_ref().map(|tail| tail.head().offset + 1) else { return };
        log::warn!("room {} misses entries from {from} on and reads them from the log", self.key);
        let reading = self.context.bridge.read.send(self.read(from, Bounds::PAGE.entries_max)).into_actor(self);
        ctx.wait(reading.map(move |page, room, ctx| match page {
            Ok(Ok(page)) if page.ends.floor.offset >= from => {
                // What is missing is not kept any more: everybody has to take the picture as new.
                log::error!("room {} misses entries that its log no longer keeps, and is opened anew", room.key);
                ctx.stop();
            }
            Ok(Ok(page)) => {
                let floor = Some(page.ends.floor);
                room.take_in(Arrived { epoch: page.ends.head.epoch, entries: page.entries, floor }, ctx);
            }
            _ => room.try_again(ctx, Self::fill_hole),
        }));
    }

    fn try_again(&mut self, ctx: &mut Context<Self>, step: fn(&mut Self, &mut Context<Self>)) {
        ctx.wait(actix::clock::sleep(RETRY).into_actor(self).map(move |(), room, ctx| step(room, ctx)));
    }

    fn read(&self, from: u64, entries_max: usize) -> Read {
        Read { log: self.key.clone(), place: self.settings.log, from, entries_max, bytes_max: PRELOAD_BYTES }
    }

    fn is_idle(&self) -> bool {
        self.seats.is_empty()
            && self.joining.is_empty()
            && self.roster.is_empty()
            && self.in_flight.load(Ordering::Acquire) == 0
    }

    /// Offers to retire after a while without anybody.
    fn retire_when_idle(&mut self, ctx: &mut Context<Self>) {
        if self.seats.is_empty() && self.timers.idle.is_none() && !self.is_retired {
            let idle = RoomIdle { key: self.key.clone(), number: self.number };
            self.timers.idle = Some(ctx.run_later(self.settings.retire_after, |room, ctx| {
                room.timers.idle = None;
                if room.is_idle() {
                    room.directory.do_send(idle);
                } else {
                    room.retire_when_idle(ctx);
                }
            }));
        }
    }

    /// Takes a session's seat away, if it is this connection's or an older one's. The only door out of the audience.
    fn unseat(&mut self, session: &SessionId, generation: u64, last: Option<Frame>) -> bool {
        self.joining.remove(&(session.clone(), generation));
        if self.seats.get(session).is_none_or(|seat| seat.who.generation > generation) {
            return false;
        }
        if let Some(seat) = self.seats.remove(session) {
            self.audience.detach(&seat.who.hub, seat.who.outbox, last, true);
        }
        true
    }
}

impl Actor for Room {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.open_log(ctx);
    }
}

impl Supervised for Room {
    /// After a panic nothing half done is trusted: the log tells what there is, `delivered` what the audience has of it,
    /// and the roster is made anew from its sessions. The mailbox waits meanwhile.
    fn restarting(&mut self, _: &mut Self::Context) {
        self.tail = None;
        self.timers = Timers::default();
        self.inbox = self.inbox.take().map(Inbox::restarted);
        self.signals.clear();
        self.member_texts.clear();
        // Their reads went with the context, which told who waited for them.
        self.joining.clear();
        self.roster = std::mem::take(&mut self.roster).rebuilt();
    }
}

impl Handler<Arrived> for Room {
    type Result = ();

    fn handle(&mut self, arrived: Arrived, ctx: &mut Self::Context) {
        self.take_in(arrived, ctx);
    }
}

impl Handler<Gone> for Room {
    type Result = ();

    fn handle(&mut self, gone: Gone, ctx: &mut Self::Context) {
        self.unseat(&gone.session, gone.generation, None);
        match self.context.member_grace(gone.farewell) {
            None => {
                self.roster.leave(&gone.session, gone.generation);
                self.signals.forget(&gone.session);
            }
            Some(grace) => {
                let until = self.context.clock.now() + grace;
                self.roster.lost(&gone.session, gone.generation, until);
            }
        }
        self.presence_changed(ctx);
        self.retire_when_idle(ctx);
    }
}

impl Handler<Recalled> for Room {
    type Result = ();

    fn handle(&mut self, recalled: Recalled, ctx: &mut Self::Context) {
        if let Some(grace) = self.context.member_grace(Farewell::Lost) {
            let until = self.context.clock.now() + grace;
            self.roster.recalled(&recalled.session, recalled.generation, until);
            self.presence_changed(ctx);
        }
    }
}

impl Handler<Retire> for Room {
    type Result = ();

    fn handle(&mut self, _: Retire, ctx: &mut Self::Context) {
        let agreed = self.is_idle() && !self.is_retired;
        if agreed {
            self.retire(ctx);
        } else {
            self.retire_when_idle(ctx);
        }
        self.directory.do_send(RetireAnswer { key: self.key.clone(), number: self.number, agreed });
    }
}

impl Handler<Abandon> for Room {
    type Result = ();

    fn handle(&mut self, _: Abandon, ctx: &mut Self::Context) {
        if !self.is_retired {
            // What arrives, is due or would be shown again belongs to nobody here any more.
            (self.tail, self.inbox) = (None, None);
            self.retire(ctx);
        }
    }
}

impl Room {
    fn retire(&mut self, ctx: &mut Context<Self>) {
        self.is_retired = true;
        self.end_watch();
        // Whoever looked the room up a moment ago is sent on to its successor.
        ctx.run_later(RETIRED_LISTENS, |_, ctx| ctx.stop());
    }

    fn end_watch(&mut self) {
        if let Some(watch) = self.watch.take() {
            self.context.bridge.unwatch.do_send(Unwatch { log: self.key.clone(), watch });
        }
    }
}

impl Drop for Room {
    /// However a room ends, its log is let go; if it did not retire, its sessions and the Directory hear of it.
    fn drop(&mut self) {
        self.end_watch();
        self.leave_robot();
        if self.is_retired {
            return;
        }
        for seat in self.seats.values() {
            seat.addr.do_send(RoomGone { number: self.number });
        }
        self.directory.do_send(RoomDied { key: self.key.clone(), number: self.number });
    }
}
