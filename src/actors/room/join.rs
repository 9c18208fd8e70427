//! Coming in: a page of what was missed, or the picture, and from then on every frame.
//!
//! What the tail still has is answered in one handler. What is older is read from the log while the room goes on; then,
//! in one handler again, page and tail are put together. More than a page: the reader is not attached and asks again, so
//! a slow one catches up at its own pace and the room keeps nothing for it.

use std::sync::{Arc, OnceLock};

use actix::prelude::*;

use super::{Room, Seat};
use crate::actors::session::{Asker, Moved};
use crate::bridge::Read;
use crate::delivery::{Frame, HubHandle, OutboxId, Receive};
use crate::domain::cursor::{Cursor, ResetReason};
use crate::domain::entry::Entry;
use crate::domain::ids::{RoomName, SessionId};
use crate::domain::presence::{Change, Device};
use crate::domain::tail::{Bounds, Reading, Since};
use crate::domain::user::User;
use crate::domain::visibility::Reader;
use crate::protocol::command::{CommandId, JoinPresence};
use crate::protocol::{Refusal, push};

/// A connection as its rooms know it: made once, and shared by its letters and its seats.
pub struct Participant {
    /// The session.
    pub session: SessionId,
    /// Which of the session's connections it is.
    pub generation: u64,
    /// Where its frames go.
    pub hub: HubHandle,
    /// See `hub`.
    pub outbox: OutboxId,
    /// Who is behind it.
    pub user: Arc<User>,
    /// What it runs on.
    pub device: Device,
    /// See [`from`](Self::from); made when it is first asked for, because most only listen.
    pub from: OnceLock<Arc<str>>,
    /// See [`publisher`](Self::publisher).
    pub publisher: OnceLock<Arc<str>>,
}

impl Participant {
    /// Its name as the author of entries, as JSON.
    #[must_use]
    pub fn from(&self) -> Arc<str> {
        Arc::clone(self.from.get_or_init(|| push::from_member(&self.user.id, &self.session)))
    }

    /// Under whose name its keys count.
    #[must_use]
    pub fn publisher(&self) -> Arc<str> {
        Arc::clone(self.publisher.get_or_init(|| format!("user:{}", self.user.id).into()))
    }
}

/// A session wants to be in the room.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Join {
    /// Which room, in case it has moved.
    pub room: RoomName,
    /// Who.
    pub who: Arc<Participant>,
    /// Who hears how it ended.
    pub asker: Asker,
    /// The command's id, for `joined`.
    pub id: Option<CommandId>,
    /// Who is behind it as a reader.
    pub reader: Reader,
    /// Where it goes on from.
    pub since: Option<Cursor>,
    /// Whether the client asked for nothing: a personal room takes the session in with the entries alone, no `joined`.
    pub is_quiet: bool,
    /// Whether it is a member, and what it shows of itself; without it, as it was, and a new one is a member.
    pub presence: Option<JoinPresence>,
    /// What it wants to hear; what it does not say stays.
    pub receive: Option<Receive>,
}

impl Handler<Join> for Room {
    type Result = ();

    fn handle(&mut self, join: Join, ctx: &mut Self::Context) {
        if self.is_retired {
            return Arc::clone(join.asker.session()).do_send(Moved(Box::new(join)));
        }
        let Some(tail) = &self.tail else {
            return join.asker.refuse(Refusal::unavailable("the room's log is not open"));
        };
        if self.seats.get(&join.who.session).is_some_and(|seat| seat.who.generation > join.who.generation) {
            return;
        }
        match join.since {
            None => self.show_picture(&join, None, ctx),
            Some(cursor) => {
                let since = tail.after(&cursor, Bounds::PAGE);
                self.answer(join, cursor, since, ctx);
            }
        }
    }
}

impl Room {
    pub(super) fn answer(&mut self, join: Join, cursor: Cursor, since: Since, ctx: &mut Context<Self>) {
        match since {
            Since::Recovered { entries, cursor, more: true } if join.is_quiet => {
                self.go_on_quietly(join, &entries, cursor, ctx);
            }
            Since::Recovered { entries, cursor, more: false } => self.let_in(&join, &entries, cursor, ctx),
            Since::Recovered { entries, cursor, more: true } => self.give_page(&join, &entries, cursor),
            Since::Reset(reason) => self.show_picture(&join, Some(reason), ctx),
            Since::Older(reading) => self.read_older(join, cursor, reading, ctx),
        }
    }

    /// Reads what is older than the tail; the room goes on meanwhile.
    fn read_older(&mut self, mut join: Join, cursor: Cursor, reading: Reading, ctx: &mut Context<Self>) {
        let Bounds { entries_max, bytes_max } = Bounds::PAGE.with_proof();
        let read = Read { log: self.key.clone(), place: self.settings.log, from: reading.from, entries_max, bytes_max };
        let seat = (join.who.session.clone(), join.who.generation);
        self.joining.insert(seat.clone(), join.reader.clone());
        let reading_page = self.context.bridge.read.send(read).into_actor(self);
        ctx.spawn(reading_page.map(move |page, room, ctx| {
            // Who went meanwhile is not let in: its `Gone` was already handled.
            let Some(reader) = room.joining.remove(&seat) else { return };
            join.reader = reader;
            let (Ok(Ok(page)), Some(tail)) = (page, &room.tail) else {
                join.asker.refuse(Refusal::unavailable("the log can't be read now"));
                return room.retire_when_idle(ctx);
            };
            let ends = (&page.ends.head, &page.ends.floor);
            let since = tail.join_page(&cursor, reading, ends, &page.entries, Bounds::PAGE);
            room.answer(join, cursor, since, ctx);
        }));
    }

    /// Lets a session in with exactly what it missed.
    fn let_in(&mut self, join: &Join, entries: &[Arc<Entry>], cursor: Cursor, ctx: &mut Context<Self>) {
        let entries = self.see(entries, &join.reader);
        if join.is_quiet {
            self.push_to(join, &entries);
        }
        self.attach(join, cursor, push::Recovery::Recovered(&entries), ctx);
    }

    /// Lets a session in with the starting picture.
    fn show_picture(&mut self, join: &Join, reason: Option<ResetReason>, ctx: &mut Context<Self>) {
        let Some(cursor) = self.tail.as_ref().map(crate::domain::tail::Tail::head) else { return };
        self.attach(join, cursor, reason.map_or(push::Recovery::Fresh, push::Recovery::Reset), ctx);
    }

    /// A page that is not the last: nothing of the room is pushed until the reader has them all.
    fn give_page(&mut self, join: &Join, entries: &[Arc<Entry>], cursor: Cursor) {
        let entries = self.see(entries, &join.reader);
        let page = Frame::text(&push::joined_page(join.id.as_ref(), &self.name, &cursor, &entries));
        let was_listening = self.seats.remove(&join.who.session).is_some();
        self.audience.detach(&join.who.hub, join.who.outbox, Some(page), was_listening);
        join.asker.got_page();
    }

    fn attach(&mut self, join: &Join, cursor: Cursor, recovery: push::Recovery<'_>, ctx: &mut Context<Self>) {
        let wall = self.context.clock.wall();
        let before = self.seats.remove(&join.who.session);
        let member = self.membership(join, before.is_some());
        match &member {
            Some(change) => {
                self.roster.attach(
                    &join.who.session,
                    join.who.generation,
                    &join.who.user,
                    join.who.device,
                    change,
                    wall,
                );
                // Before it is told who is here, so that she is among them.
                self.mind_robot(ctx);
                self.joined_in_quiet();
            }
            None => {
                self.roster.leave(&join.who.session, join.who.generation);
            }
        }
        let receive = join.receive.or(before.as_ref().map(|seat| seat.receive)).unwrap_or(Receive::ALL);
        let is_same_outbox = before
            .as_ref()
            .is_some_and(|seat| seat.who.outbox == join.who.outbox && seat.who.hub.number == join.who.hub.number);
        if let Some(seat) = before.filter(|_| !is_same_outbox) {
            self.audience.detach(&seat.who.hub, seat.who.outbox, None, true);
        }
        // Who came quietly has had the entries, and hears of nothing but a picture that is to be taken as new.
        let is_told = !join.is_quiet || matches!(recovery, push::Recovery::Reset(_));
        let joined = is_told.then(|| Frame::text(&self.joined(join, cursor, recovery, member.is_some(), receive)));
        let view = self.redaction.view(&join.reader);
        let then = Some(join.asker.joined_then());
        self.audience.attach(&join.who.hub, join.who.outbox, (receive, view), (joined, then), !is_same_outbox);
        let seat = Seat {
            who: Arc::clone(&join.who),
            addr: Arc::clone(join.asker.session()),
            receive,
            reader: join.reader.clone(),
            view,
        };
        self.seats.insert(join.who.session.clone(), Box::new(seat));
        self.greet(&join.who.session);
        self.presence_changed(ctx);
    }

    /// What the session shows of itself as a member; `None` when it only watches, as everybody does in a
    /// room without presence.
    fn membership(&self, join: &Join, is_seated: bool) -> Option<Change> {
        match &join.presence {
            _ if !self.settings.presence => None,
            Some(JoinPresence::Member(change)) => Some(change.clone()),
            Some(JoinPresence::WatchOnly) => None,
            None => (!is_seated || self.roster.presence(&join.who.session).is_some()).then(Change::default),
        }
    }

    /// The reply, with the members of the last tick and the joiner.
    fn joined(
        &mut self,
        join: &Join,
        cursor: Cursor,
        recovery: push::Recovery<'_>,
        is_member: bool,
        receive: Receive,
    ) -> String {
        let joiner = is_member.then_some(&join.who.user.id);
        let count = self.roster.count_with(joiner);
        let is_large = self.roster.is_large();
        let mut members: Vec<Arc<str>> = Vec::new();
        if !is_large && receive.has(Receive::PRESENCE) {
            for member in self.roster.shown_with(joiner) {
                let is_joiner = joiner == Some(&member.user.id);
                let kept = self.member_texts.get(&member.user.id).filter(|_| !is_joiner);
                members.push(kept.map_or_else(|| push::member(&member).into(), Arc::clone));
            }
        }
        let (state, activity) = if let push::Recovery::Recovered(_) = recovery {
            ("{}".into(), Vec::new())
        } else {
            let activity = self.shown.activity(self.tail.as_ref().map_or(0, |tail| tail.floor().offset));
            (self.state_for(&join.reader), self.see(&activity, &join.reader))
        };
        let picture = push::Picture { state: &state, activity: &activity, members, count, is_large };
        push::joined(join.id.as_ref(), &self.name, &cursor, recovery, picture)
    }
}

/// A session leaves.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Leave {
    /// Who.
    pub session: SessionId,
    /// By which connection.
    pub generation: u64,
    /// What it hears last of this room.
    pub last: Option<Frame>,
    /// Where that goes.
    pub hub: HubHandle,
    /// See `hub`.
    pub outbox: OutboxId,
}

impl Handler<Leave> for Room {
    type Result = ();

    fn handle(&mut self, leave: Leave, ctx: &mut Self::Context) {
        self.roster.leave(&leave.session, leave.generation);
        self.signals.forget(&leave.session);
        if self.seats.contains_key(&leave.session) {
            self.unseat(&leave.session, leave.generation, leave.last);
        } else {
            self.audience.detach(&leave.hub, leave.outbox, leave.last, false);
        }
        self.presence_changed(ctx);
        self.retire_when_idle(ctx);
    }
}
