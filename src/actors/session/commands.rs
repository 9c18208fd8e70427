//! What a connected session does with its client's commands.
//!
//! Rights are looked at here, before anything else; the room does the rest. What follows a `join` for the same room
//! waits for its answer, so that commands act in the order sent.

use std::rc::Rc;
use std::sync::Arc;

use actix::fut::wrap_future;
use actix::prelude::*;
use tokio::sync::oneshot;

use super::{Answered, Asker, DEADLINE, JoinDone, Moved, Open, Outcome, Phase, Session, Slot, SlotState, Waiting};
use crate::actors::directory::{Locate, Located, NodeFull};
use crate::actors::room::history::History as RoomHistory;
use crate::actors::room::join::{Join as RoomJoin, Leave};
use crate::actors::room::presence::SetPresence;
use crate::actors::room::publish::Publish as RoomPublish;
use crate::actors::room::signals::TickBegins;
use crate::delivery::{Frame, Receive};
use crate::domain::entry::Kind;
use crate::domain::grants::Right;
use crate::domain::ids::{RoomKey, RoomName};
use crate::domain::limits::Kind as Paid;
use crate::domain::presence::Change;
use crate::domain::visibility::{seal, seen_error};
use crate::protocol::command::{
    Command, CommandId, History, Incoming as Understood, Join, Publish, Set, Signal, Track,
};
use crate::protocol::{Refusal, push};

/// An entry that a command wants to be written.
struct Written {
    kind: Kind,
    body: Arc<str>,
    key: Option<Arc<str>>,
    if_offset: Option<u64>,
}

impl Session {
    /// Does one command, or queues it behind what has to end before it in its room.
    pub(super) fn perform(&mut self, understood: Understood, ctx: &mut Context<Self>) {
        let Some(understood) = self.queue_in_order(understood) else { return };
        let Understood { id, command } = understood;
        match command {
            Command::Join(join) => self.join(id, join, ctx),
            Command::Leave { room } => self.leave(id.as_ref(), &room),
            Command::Publish(publish) => self.publish(id, publish, ctx),
            Command::Set(set) => self.set(id, set, ctx),
            Command::Track(track) => self.track(id, track, ctx),
            Command::Signal(signal) => self.signal(id.as_ref(), signal),
            Command::Presence { room, change } => self.set_presence(id.as_ref(), room.as_ref(), &change),
            Command::History(history) => self.history(id, history, ctx),
            Command::Notify(notify) => self.notify(id, *notify, ctx),
            Command::Inbox(query) => self.inbox(id, query, ctx),
            Command::Mark(mark) => self.mark(id, mark),
            Command::Preferences { set } => self.preferences(id, set, ctx),
            Command::Follow { room, follows } => self.follow(id, room, follows),
            Command::RefreshState { room } => self.refresh_state(id.as_ref(), &room),
            Command::Refresh { token } => self.refresh(id.as_ref(), &token),
            Command::Ping => match &id {
                Some(id) => self.reply(&push::pong(id)),
                None => self.outbox.gauge.answered(),
            },
            Command::Pong | Command::Connect(_) => self.outbox.gauge.answered(),
        }
    }

    fn join(&mut self, id: Option<CommandId>, join: Join, ctx: &mut Context<Self>) {
        let rooms_max = self.node().config.limits.rooms_per_session;
        let now = self.node().clock.now();
        if !self.pays(id.as_ref(), Paid::Join, 1) {
            return;
        }
        let Some(open) = self.open() else { return };
        if !open.may(&join.room, Right::Join) {
            self.audit_forbidden("join", &join.room);
            return self.refuse(id.as_ref(), &Refusal::forbidden("this user may not join this room"));
        }
        let before = open.rooms.remove(&join.room);
        if before.is_none() && !join.room.is_personal() && open.rooms_asked_for() >= rooms_max {
            return self
                .refuse(id.as_ref(), &Refusal::over_limit(format!("a session is in at most {rooms_max} rooms")));
        }
        let ticket = open.wait(id.clone(), Some(join.room.clone()), now);
        if join.room.is_personal() {
            open.goes_in_by_itself(ticket);
        }
        let located = before.and_then(|slot| slot.located);
        let state = SlotState::joining(ticket, located.is_some());
        open.rooms.insert(join.room.clone(), Slot { state, located: located.clone() });
        self.watch_deadlines();
        match located {
            Some(located) => self.ask_to_join(ticket, id, join, false, located, ctx),
            None => self.locate_near(&join.room.clone(), ctx, move |session, located, ctx| match located {
                Ok(located) => session.ask_to_join(ticket, id, join, false, located, ctx),
                Err(refusal) => session.finish(ticket, &refusal, ctx),
            }),
        }
    }

    pub(super) fn ask_to_join(
        &mut self,
        ticket: u64,
        id: Option<CommandId>,
        join: Join,
        is_quiet: bool,
        located: Located,
        ctx: &mut Context<Self>,
    ) {
        let addr = Arc::clone(&self.addr);
        let Some(open) = self.open() else { return };
        let receive = join.receive.map(|receive| Receive::of(receive.entries, receive.presence, receive.signals));
        let letter = RoomJoin {
            room: join.room,
            who: Arc::clone(&open.who),
            asker: Asker::new(&addr, ticket),
            id,
            reader: open.reader.clone(),
            since: join.since,
            is_quiet,
            presence: join.presence,
            receive,
        };
        self.post_join(letter, located, ctx);
    }

    /// Posts a join; a room that is gone by now is looked up again.
    fn post_join(&mut self, mut letter: RoomJoin, located: Located, ctx: &mut Context<Self>) {
        let ticket = letter.asker.ticket();
        let Some(open) = self.open() else { return };
        // The token may be a newer one than when the letter was written.
        letter.reader = open.reader.clone();
        let Some(slot) = open.rooms.get_mut(&letter.room).filter(|slot| slot.is_joining(ticket)) else { return };
        slot.located = Some(located.clone());
        match located.addr.try_send(letter) {
            Ok(()) => {}
            Err(SendError::Full(_)) => self.finish(ticket, &busy(), ctx),
            Err(SendError::Closed(letter)) => self.join_elsewhere(letter, ctx),
        }
    }

    /// The room retired between the look-up and the letter: the Directory opens it anew. Ends with the join's deadline.
    fn join_elsewhere(&mut self, letter: RoomJoin, ctx: &mut Context<Self>) {
        let room = letter.room.clone();
        self.locate(&room, ctx, move |session, located, ctx| match located {
            Ok(located) => {
                if let Some(open) = session.open() {
                    let key = RoomKey::new(open.identity.tenant.clone(), letter.room.clone());
                    session.context.places.note(key, &located);
                }
                session.post_join(letter, located, ctx);
            }
            Err(refusal) => session.finish(letter.asker.ticket(), &refusal, ctx),
        });
    }

    fn leave(&mut self, id: Option<&CommandId>, room: &RoomName) {
        let (hub, outbox) = (self.context.hub.clone(), self.outbox.id());
        let Some(open) = self.open() else { return };
        let located = open.rooms.remove(room).and_then(|slot| slot.located);
        let Some(located) = located else { return self.ok(id) };
        let (session, generation) = (open.who.session.clone(), open.who.generation);
        let last = id.map(|id| Frame::text(&push::ok(id)));
        located.addr.do_send(Leave { session, generation, last, hub, outbox });
        self.outbox.gauge.answered();
    }

    fn publish(&mut self, id: Option<CommandId>, publish: Publish, ctx: &mut Context<Self>) {
        let body = seal(publish.visible_to.as_ref(), push::publish_body(&publish.event, &publish.data));
        let written = Written { kind: Kind::Event, body, key: publish.key, if_offset: None };
        self.write(id, (&publish.room, Right::Publish, "publish"), written, ctx);
    }

    fn set(&mut self, id: Option<CommandId>, set: Set, ctx: &mut Context<Self>) {
        let written = Written { kind: Kind::State, body: set.change.to_body(), key: set.key, if_offset: set.if_offset };
        self.write(id, (&set.room, Right::Set, "change the state"), written, ctx);
    }

    fn track(&mut self, id: Option<CommandId>, track: Track, ctx: &mut Context<Self>) {
        let body = push::track_body(&track.action, track.target.as_deref(), track.metadata.as_deref());
        let body = seal(track.visible_to.as_ref(), body);
        let written = Written { kind: Kind::Activity, body, key: track.key, if_offset: None };
        self.write(id, (&track.room, Right::Track, "track"), written, ctx);
    }

    /// Hands an entry to its room. Each kind has a limit of its own on how fast; in the room they share one.
    fn write(
        &mut self,
        id: Option<CommandId>,
        (room, right, verb): (&RoomName, Right, &str),
        written: Written,
        ctx: &mut Context<Self>,
    ) {
        if !self.pays(id.as_ref(), Paid::of_entry(written.kind), 1) {
            return;
        }
        let located = match self.room_for(room, right, verb) {
            Ok(located) => located,
            Err(refusal) => return self.refuse(id.as_ref(), &refusal),
        };
        let (now, addr) = (self.node().clock.now(), Arc::clone(&self.addr));
        let Some(open) = self.open() else { return };
        if let Err(refusal) = open.pay_in_room(&located.meters, Paid::Publish) {
            return self.refuse(id.as_ref(), &refusal);
        }
        let ticket = open.wait(id, None, now);
        if let Some(waiting) = open.waiting.get_mut(&ticket) {
            waiting.writing = Some(room.clone());
        }
        let letter = RoomPublish {
            session: open.who.session.clone(),
            generation: open.who.generation,
            asker: Asker::new(&addr, ticket),
            kind: written.kind,
            body: written.body,
            key: written.key,
            if_offset: written.if_offset,
        };
        self.watch_deadlines();
        if located.addr.try_send(letter).is_err() {
            self.finish(ticket, &busy(), ctx);
        }
    }

    fn signal(&mut self, id: Option<&CommandId>, signal: Signal) {
        if !self.pays(id, Paid::Signal, 1) {
            return;
        }
        let now = self.node().clock.now();
        let refused = match self.room_for(&signal.room, Right::Signal, "signal") {
            Err(refusal) => Some(refusal),
            Ok(room) => {
                let Some(open) = self.open() else { return };
                let paid = open.pay_in_room(&room.meters, Paid::Signal);
                let who = (&open.who.session, &open.who.user.id);
                if paid.is_ok() && room.signals.take(who, signal.event, signal.data, now) {
                    // One of it at most, so it needs no bound.
                    room.addr.do_send(TickBegins);
                }
                paid.err()
            }
        };
        match (id, refused) {
            (Some(_), Some(refusal)) => self.refuse(id, &refusal),
            // Refused signals without an id vanish, as any signal may.
            (None, Some(_)) => self.outbox.gauge.answered(),
            (_, None) => self.ok(id),
        }
    }

    fn set_presence(&mut self, id: Option<&CommandId>, room: Option<&RoomName>, change: &Change) {
        let reached = if room.is_some() { 1 } else { self.open().map_or(0, |open| open.rooms_asked_for()) };
        if !self.pays(id, Paid::Presence, u32::try_from(reached).unwrap_or(u32::MAX)) {
            return;
        }
        let Some(open) = self.open() else { return };
        let letter = || SetPresence {
            session: open.who.session.clone(),
            generation: open.who.generation,
            change: change.clone(),
        };
        let rooms: Vec<_> = match room {
            None => {
                let asked_for = open.rooms.iter().filter(|(room, _)| !room.is_personal());
                asked_for.filter_map(|(_, slot)| slot.located.as_ref()).collect()
            }
            Some(room) => open.rooms.get(room).and_then(|slot| slot.located.as_ref()).into_iter().collect(),
        };
        if room.is_some() && rooms.is_empty() {
            return self.refuse(id, &Refusal::not_joined());
        }
        let is_refused = rooms.iter().any(|located| located.addr.try_send(letter()).is_err());
        if is_refused { self.refuse(id, &busy()) } else { self.ok(id) }
    }

    fn history(&mut self, id: Option<CommandId>, history: History, ctx: &mut Context<Self>) {
        if !self.pays(id.as_ref(), Paid::History, 1) {
            return;
        }
        let now = self.node().clock.now();
        let Some(open) = self.open() else { return };
        if !open.may(&history.room, Right::History) {
            self.audit_forbidden("history", &history.room);
            return self.refuse(id.as_ref(), &Refusal::forbidden("this user may not read this room's history"));
        }
        // Without an id nobody would hear the answer.
        let Some(id) = id else { return self.outbox.gauge.answered() };
        let ticket = open.wait(Some(id.clone()), None, now);
        let reader = open.reader.clone();
        self.watch_deadlines();
        let room = history.room.clone();
        self.locate(&room, ctx, move |session, located, ctx| {
            let letter = RoomHistory {
                asker: Asker::new(&session.addr, ticket),
                id,
                reader,
                part: history.part,
                limit: history.limit,
                kinds: history.kinds,
            };
            let sent = located.and_then(|located| located.addr.try_send(letter).map_err(|_| busy()));
            if let Err(refusal) = sent {
                session.finish(ticket, &refusal, ctx);
            }
        });
    }

    /// No room has a source yet, so there is nothing to read once it is clear that the session may ask.
    fn refresh_state(&mut self, id: Option<&CommandId>, room: &RoomName) {
        match self.room_for(room, Right::Join, "refresh the state") {
            Ok(_) => self.ok(id),
            Err(refusal) => self.refuse(id, &refusal),
        }
    }

    /// Where a command for a room goes; the right is looked at before whether the session is in it.
    fn room_for(&mut self, room: &RoomName, right: Right, verb: &str) -> Result<Located, Refusal> {
        let Some(open) = self.open() else { return Err(Refusal::not_joined()) };
        if !open.identity.grants.allow(room, right) {
            self.audit_forbidden(verb, room);
            return Err(Refusal::forbidden(format!("this user may not {verb} in this room")));
        }
        open.rooms.get(room).and_then(|slot| slot.located.clone()).ok_or_else(Refusal::not_joined)
    }

    /// As [`locate`](Self::locate), for a join, which comes back from a room that is gone: where the thread knows the room's
    /// place, the Directory is not asked.
    pub(super) fn locate_near(
        &mut self,
        room: &RoomName,
        ctx: &mut Context<Self>,
        then: impl FnOnce(&mut Self, Result<Located, Refusal>, &mut Context<Self>) + 'static,
    ) {
        let Some(open) = self.open().filter(|_| !room.is_personal()) else { return self.locate(room, ctx, then) };
        let key = RoomKey::new(open.identity.tenant.clone(), room.clone());
        if let Some(located) = self.context.places.get(&key) {
            return then(self, Ok(located), ctx);
        }
        let (reply, located) = oneshot::channel();
        if self.context.places.wait(&key, reply) {
            let (reply, answer) = oneshot::channel();
            let context = Rc::clone(&self.context);
            // With a Directory that takes no more the letter is dropped and its reply with it, and all of them hear that.
            let _ = context.node.directory.try_send(Locate { key: key.clone(), reply });
            // Not on this session, which may end before the others have heard.
            actix_rt::spawn(async move { context.places.told(key, answer.await) });
        }
        Self::once_located(located, ctx, then);
    }

    /// Asks the Directory for a room; `then` hears the refusal when it can't say, or has no room for one more.
    pub(super) fn locate(
        &mut self,
        room: &RoomName,
        ctx: &mut Context<Self>,
        then: impl FnOnce(&mut Self, Result<Located, Refusal>, &mut Context<Self>) + 'static,
    ) {
        let Some(open) = self.open() else { return };
        let key =
            if room.is_personal() { open.own_log() } else { RoomKey::new(open.identity.tenant.clone(), room.clone()) };
        let (reply, located) = oneshot::channel();
        if self.node().directory.try_send(Locate { key, reply }).is_err() {
            return then(self, Err(busy()), ctx);
        }
        Self::once_located(located, ctx, then);
    }

    fn once_located(
        located: oneshot::Receiver<Result<Located, NodeFull>>,
        ctx: &mut Context<Self>,
        then: impl FnOnce(&mut Self, Result<Located, Refusal>, &mut Context<Self>) + 'static,
    ) {
        ctx.spawn(wrap_future::<_, Self>(located).map(|located, session, ctx| {
            let located = located.map_err(|_| busy()).and_then(|located| located.map_err(NodeFull::into_refusal));
            then(session, located, ctx);
        }));
    }

    /// Ends a command that waits with a refusal; a late answer of somebody else finds nothing any more.
    pub(super) fn finish(&mut self, ticket: u64, refusal: &Refusal, ctx: &mut Context<Self>) {
        let Some(waiting) = self.open().and_then(|open| open.waiting.remove(&ticket)) else { return };
        if !waiting.is_unasked {
            self.refuse(waiting.id.as_ref(), refusal);
        }
        if let Some(room) = waiting.joining {
            self.join_ended(&room, ticket, None, ctx);
            if room.is_personal() {
                self.own_room_entered(None, waiting.else_from, ctx);
            }
        }
        if let Some(room) = waiting.writing {
            self.write_ended(&room, ctx);
        }
    }

    /// Goes on with what waited for a join. `is_in` is `None` when the join failed and the session is as it was.
    fn join_ended(&mut self, room: &RoomName, ticket: u64, is_in: Option<bool>, ctx: &mut Context<Self>) {
        let Some(open) = self.open() else { return };
        let Some(slot) = open.rooms.get_mut(room).filter(|slot| slot.is_joining(ticket)) else { return };
        let SlotState::Joining(joining) = std::mem::replace(&mut slot.state, SlotState::In) else { return };
        if !is_in.unwrap_or(joining.was_in) {
            open.rooms.remove(room);
        }
        for understood in joining.queue {
            if matches!(self.phase, Phase::Open(_)) {
                self.perform(understood, ctx);
            }
        }
    }
}

fn busy() -> Refusal {
    Refusal::unavailable("the room has too much to do").after(std::time::Duration::from_secs(1))
}

impl Open {
    /// Notes a command that waits for somebody else, and gives it a ticket.
    pub(super) fn wait(&mut self, id: Option<CommandId>, joining: Option<RoomName>, now: std::time::Instant) -> u64 {
        self.last_ticket += 1;
        let deadline = now + DEADLINE;
        let waiting = Waiting { id, deadline, joining, writing: None, is_unasked: false, else_from: None };
        self.waiting.insert(self.last_ticket, waiting);
        self.last_ticket
    }
}

impl Handler<Moved> for Session {
    type Result = ();

    fn handle(&mut self, Moved(letter): Moved, ctx: &mut Self::Context) {
        self.join_elsewhere(*letter, ctx);
    }
}

impl Handler<JoinDone> for Session {
    type Result = ();

    fn handle(&mut self, done: JoinDone, ctx: &mut Self::Context) {
        let Some(waiting) = self.open().and_then(|open| open.waiting.remove(&done.ticket)) else { return };
        if !waiting.is_unasked {
            self.outbox.gauge.answered();
        }
        if let Some(room) = waiting.joining {
            self.join_ended(&room, done.ticket, Some(done.is_in), ctx);
            if room.is_personal() {
                self.own_room_entered(Some(done.is_in), None, ctx);
            }
        }
    }
}

impl Handler<Answered> for Session {
    type Result = ();

    fn handle(&mut self, Answered { ticket, outcome }: Answered, ctx: &mut Self::Context) {
        let mut written = None;
        let text = match outcome {
            Outcome::Refused(refusal) | Outcome::Notified(Err(refusal)) => return self.finish(ticket, &refusal, ctx),
            Outcome::Appended(Err(error), redaction) => {
                let Some(open) = self.open() else { return };
                let error = seen_error(error, &open.reader, &redaction);
                return self.finish(ticket, &error.into(), ctx);
            }
            Outcome::Appended(Ok(appended), _) => {
                let Some(waiting) = self.open().and_then(|open| open.waiting.remove(&ticket)) else { return };
                written = waiting.writing;
                waiting.id.map(|id| push::published(&id, appended.offset, appended.entry, appended.duplicate))
            }
            Outcome::Notified(Ok(placed)) => {
                let Some(waiting) = self.open().and_then(|open| open.waiting.remove(&ticket)) else { return };
                waiting.id.map(|id| push::inbox::notified(&id, placed.id, placed.recipients, placed.duplicate))
            }
            Outcome::Inbox(Err(error)) => return self.finish(ticket, &error.into(), ctx),
            Outcome::Inbox(Ok(changed)) => {
                let Some(waiting) = self.open().and_then(|open| open.waiting.remove(&ticket)) else { return };
                waiting.id.map(|id| match &changed.preferences {
                    Some(preferences) => push::inbox::preferences(&id, preferences),
                    None => push::inbox::marked(&id, changed.counts, changed.offset),
                })
            }
            Outcome::Text(text) => {
                let Some(waiting) = self.open().and_then(|open| open.waiting.remove(&ticket)) else { return };
                waiting.id.map(|_| text)
            }
        };
        match text {
            Some(text) => self.reply(&text),
            None => self.outbox.gauge.answered(),
        }
        if let Some(room) = written {
            self.write_ended(&room, ctx);
        }
    }
}
