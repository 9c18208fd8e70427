//! A session and its user's own room: how it stands at `connect`, when it goes in, and what is done to the inbox.
//!
//! Nothing of `@me` needs a room until something happens there. At `connect` the stored fold is read, after the Directory
//! has the session: so whatever comes later stirs it. Then the session goes in by the cursor that it was told, unasked and
//! without a `joined`, and misses nothing between the two.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;

use super::{Asker, Open, Outcome, Session, Slot, SlotState};
use crate::actors::notifier::Order;
use crate::bridge::Unavailable;
use crate::bridge::inbox::{ChangeInbox, InboxChange, InboxesPort, List, ListInbox, Listed, ReadPreferences, Welcomed};
use crate::domain::audit::{Act, Facts};
use crate::domain::cursor::Cursor;
use crate::domain::entry::Timestamp;
use crate::domain::grants::Right;
use crate::domain::ids::{Epoch, RoomKey, RoomName};
use crate::domain::limits::Kind as Paid;
use crate::domain::notification::{Addressees, Notify};
use crate::domain::tail::Since;
use crate::protocol::command::inbox::{InboxQuery, MarkCommand};
use crate::protocol::command::{CommandId, Join, Receive};
use crate::protocol::{Refusal, push};

/// The user's own room is open: whoever has everything up to a cursor goes in from there.
#[derive(Message)]
#[rtype(result = "()")]
pub struct InboxOpen;

/// Where a session is in its user's own room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Me {
    /// It has everything up to here, and goes in once the room is open.
    At(Cursor),
    /// It has pages to catch up first, and asks for them by `join`.
    Behind,
    /// It is in, or on its way.
    In,
}

/// How long to wait after the room could not be entered.
const RETRY: Duration = Duration::from_secs(1);
/// A timer is set no further ahead: wall clocks are set, and timers don't know.
const LOOK_AGAIN: Duration = Duration::from_hours(1);

impl Session {
    /// Goes into the user's own room, if that is worth it: something is there, or will be.
    pub(super) fn enter_when_worth_it(&mut self, welcomed: &Welcomed, ctx: &mut Context<Self>) {
        if self.is_stirred || welcomed.unacknowledged > 0 {
            self.enter_own_room(ctx);
        } else if let Some(due) = welcomed.due {
            self.enter_when_due(due, ctx);
        }
    }

    fn enter_when_due(&mut self, due: Timestamp, ctx: &mut Context<Self>) {
        let wait_ms = due.0.saturating_sub(self.node().clock.wall().0);
        match u64::try_from(wait_ms) {
            Err(_) | Ok(0) => self.enter_own_room(ctx),
            Ok(wait_ms) => {
                let wait = Duration::from_millis(wait_ms).min(LOOK_AGAIN);
                ctx.run_later(wait, move |session, ctx| session.enter_when_due(due, ctx));
            }
        }
    }

    fn enter_own_room(&mut self, ctx: &mut Context<Self>) {
        let now = self.node().clock.now();
        let Some(open) = self.open() else { return };
        let Me::At(cursor) = open.me else { return };
        open.me = Me::In;
        let ticket = open.wait_unasked(cursor, now);
        let state = SlotState::joining(ticket, false);
        open.rooms.insert(RoomName::me(), Slot { state, located: None });
        self.watch_deadlines();
        let receive = Receive { entries: true, presence: false, signals: false };
        let join = Join { room: RoomName::me(), since: Some(cursor), presence: None, receive: Some(receive) };
        self.locate(&RoomName::me(), ctx, move |session, located, ctx| match located {
            Ok(located) => session.ask_to_join(ticket, None, join, true, located, ctx),
            Err(refusal) => session.finish(ticket, &refusal, ctx),
        });
    }

    /// The user's own room was entered, a page of it was given, or it could not be: `None`.
    pub(super) fn own_room_entered(&mut self, is_in: Option<bool>, since: Option<Cursor>, ctx: &mut Context<Self>) {
        let Some(open) = self.open() else { return };
        open.me = match (is_in, since) {
            (Some(true), _) => Me::In,
            (None, Some(cursor)) => {
                ctx.run_later(RETRY, Self::enter_own_room);
                Me::At(cursor)
            }
            _ => Me::Behind,
        };
    }

    pub(super) fn notify(&mut self, id: Option<CommandId>, notify: Notify, ctx: &mut Context<Self>) {
        if !self.pays(id.as_ref(), Paid::Notify, 1) {
            return;
        }
        let now = self.node().clock.now();
        let (notifier, address) = (self.node().notifier.clone(), self.client.address);
        let addr = Arc::clone(&self.addr);
        let Some(open) = self.open() else { return };
        if !open.may_notify(&notify) {
            self.audit_not_allowed(Facts::new().name("wanted", "notify"));
            let refusal = Refusal::forbidden("this user has no right to notify these");
            return self.refuse(id.as_ref(), &refusal);
        }
        let ticket = open.wait(id, None, now);
        let asker = Asker::new(&addr, ticket);
        let order = Order {
            tenant: open.identity.tenant.clone(),
            from: open.who.from(),
            publisher: open.who.publisher(),
            audit: open.draft(address, Act::Notify, Facts::new()),
            notify,
            done: Box::new(move |placed| asker.answer(Outcome::Notified(placed))),
        };
        self.watch_deadlines();
        if notifier.try_send(order).is_err() {
            self.finish(ticket, &busy(), ctx);
        }
    }

    pub(super) fn inbox(&mut self, id: Option<CommandId>, query: InboxQuery, ctx: &mut Context<Self>) {
        let InboxQuery { before, limit, filter } = query;
        let list = |log| ListInbox { log, list: List::Page { before, limit, filter } };
        self.read_own(
            id,
            ctx,
            |inboxes, log| inboxes.list.send(list(log)),
            |id, listed: Listed| {
                let (counts, offset) = (listed.counts, listed.offset);
                let page =
                    push::inbox::InboxPage { notifications: &listed.notifications, counts, offset, more: listed.more };
                push::inbox::inbox(id, &page)
            },
        );
    }

    pub(super) fn preferences(&mut self, id: Option<CommandId>, set: Option<Arc<str>>, ctx: &mut Context<Self>) {
        match set {
            Some(set) => self.change_inbox(id, InboxChange::Prefer(set), None),
            None => self.read_own(
                id,
                ctx,
                |inboxes, log| inboxes.preferences.send(ReadPreferences { log }),
                |id, preferences: Arc<str>| push::inbox::preferences(id, &preferences),
            ),
        }
    }

    pub(super) fn mark(&mut self, id: Option<CommandId>, MarkCommand { mark, epoch }: MarkCommand) {
        self.change_inbox(id, InboxChange::Mark(mark), epoch);
    }

    pub(super) fn follow(&mut self, id: Option<CommandId>, room: RoomName, follows: bool) {
        if !self.pays(id.as_ref(), Paid::Mark, 1) {
            return;
        }
        if follows && self.open().is_some_and(|open| !open.may(&room, Right::Join)) {
            self.audit_forbidden("follow", &room);
            return self.refuse(id.as_ref(), &Refusal::forbidden("this user may not join this room"));
        }
        self.change_paid(id, InboxChange::Follow { room, follows }, None);
    }

    fn change_inbox(&mut self, id: Option<CommandId>, change: InboxChange, epoch: Option<Epoch>) {
        if self.pays(id.as_ref(), Paid::Mark, 1) {
            self.change_paid(id, change, epoch);
        }
    }

    fn change_paid(&mut self, id: Option<CommandId>, change: InboxChange, epoch: Option<Epoch>) {
        let (now, at) = (self.node().clock.now(), self.node().clock.wall());
        let (address, addr) = (self.client.address, Arc::clone(&self.addr));
        let Some(open) = self.open() else { return };
        let ticket = open.wait(id, None, now);
        let asker = Asker::new(&addr, ticket);
        let audit = open.draft_of_change(address, &change);
        let change = ChangeInbox {
            log: open.own_log(),
            from: open.who.from(),
            at,
            change,
            epoch,
            audit,
            done: Box::new(move |changed| asker.answer(Outcome::Inbox(changed))),
        };
        // Bounded by what a session may have in flight, and by the bridge's own count.
        open.node.bridge.inboxes.change.do_send(change);
        self.watch_deadlines();
    }

    /// Reads something of the user's own log and answers with it. Without an id nobody would hear the answer.
    fn read_own<T: 'static, R>(
        &mut self,
        id: Option<CommandId>,
        ctx: &mut Context<Self>,
        ask: impl FnOnce(&InboxesPort, RoomKey) -> R,
        text: impl FnOnce(&CommandId, T) -> String + 'static,
    ) where
        R: Future<Output = Result<Result<T, Unavailable>, MailboxError>> + 'static,
    {
        if !self.pays(id.as_ref(), Paid::Inbox, 1) {
            return;
        }
        let now = self.node().clock.now();
        let Some(id) = id else { return self.outbox.gauge.answered() };
        let Some(open) = self.open() else { return };
        let log = open.own_log();
        let ticket = open.wait(Some(id.clone()), None, now);
        self.watch_deadlines();
        let asker = Asker::new(&self.addr, ticket);
        let reading = ask(&self.node().bridge.inboxes, log).into_actor(self);
        ctx.spawn(reading.map(move |read, _, _| {
            asker.answer(match read {
                Ok(Ok(read)) => Outcome::Text(text(&id, read)),
                _ => Outcome::Refused(Refusal::unavailable("the inbox can't be read now").after(RETRY)),
            });
        }));
    }
}

/// How a client is told where it is in its user's own room.
pub(super) fn me_of(welcomed: &Welcomed) -> (push::Me<'_>, Me) {
    let head = welcomed.ends.head;
    let (cursor, recovery, more) = match &welcomed.since {
        None | Some(Since::Older(_)) => (head, push::Recovery::Fresh, false),
        Some(Since::Recovered { entries, cursor, more }) => (*cursor, push::Recovery::Recovered(entries), *more),
        Some(Since::Reset(reason)) => (head, push::Recovery::Reset(*reason), false),
    };
    let me = if more { Me::Behind } else { Me::At(cursor) };
    (push::Me { counts: (welcomed.counts, head.offset), cursor, recovery, more }, me)
}

fn busy() -> Refusal {
    Refusal::unavailable("too many notifications wait to be written").after(RETRY)
}

impl Open {
    /// The user's own log.
    pub(super) fn own_log(&self) -> RoomKey {
        let identity = &self.identity;
        RoomKey::new(identity.tenant.clone(), RoomName::personal(&identity.user.id))
    }

    /// Whether this user may do this in this room; in the own one everything that can be named there.
    pub(super) fn may(&self, room: &RoomName, right: Right) -> bool {
        room.is_personal() || self.identity.grants.allow(room, right)
    }

    /// A room's people take a right in that room, all others one in every room. Oneself takes none: everybody may change
    /// the own inbox anyway. But not with what is critical, which is kept until it is acknowledged, however many there are.
    fn may_notify(&self, notify: &Notify) -> bool {
        let (grants, own) = (&self.identity.grants, &self.identity.user.id);
        let is_for_oneself = matches!(&notify.to, Addressees::Users(users) if users.iter().all(|user| user == own));
        if is_for_oneself && !notify.notification.critical && notify.escalation.is_none() {
            return true;
        }
        let may = |to: &Addressees| match to {
            Addressees::Room(room) => grants.allow(room, Right::Notify),
            Addressees::Users(_) | Addressees::Role(_) | Addressees::Everyone => grants.allow_everywhere(Right::Notify),
        };
        may(&notify.to) && notify.escalation.as_ref().is_none_or(|escalation| may(&escalation.to))
    }

    /// Rooms that the client asked for.
    pub(super) fn rooms_asked_for(&self) -> usize {
        self.rooms.keys().filter(|room| !room.is_personal()).count()
    }

    /// The client joins `@me` before anything happened there: nobody else takes the session in meanwhile.
    pub(super) fn goes_in_by_itself(&mut self, ticket: u64) {
        let before = std::mem::replace(&mut self.me, Me::In);
        if let (Me::At(cursor), Some(waiting)) = (before, self.waiting.get_mut(&ticket)) {
            waiting.else_from = Some(cursor);
        }
    }

    /// Notes a join of `@me` that no command asked for.
    fn wait_unasked(&mut self, cursor: Cursor, now: Instant) -> u64 {
        let ticket = self.wait(None, Some(RoomName::me()), now);
        if let Some(waiting) = self.waiting.get_mut(&ticket) {
            (waiting.is_unasked, waiting.else_from) = (true, Some(cursor));
        }
        ticket
    }
}

impl Handler<InboxOpen> for Session {
    type Result = ();

    fn handle(&mut self, _: InboxOpen, ctx: &mut Self::Context) {
        // It may not be connected yet; then it goes in as soon as it is.
        self.is_stirred = true;
        self.enter_own_room(ctx);
    }
}
