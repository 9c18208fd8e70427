//! From a stranger to a session: `connect`, `refresh`, and the end of a token.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::few::Few;
use super::inbox::{Me, me_of};
use super::quota::Quota;
use super::{Expiry, IN_FLIGHT_MAX, Open, Phase, Session};
use crate::actors::directory::{OpenSession, Opened, TakeUp};
use crate::actors::limits::{TooManySessions, too_fast};
use crate::actors::room::join::{Leave, Participant};
use crate::actors::room::views::NewReader;
use crate::auth::{Admitted, Identity, LEEWAY_MS, Refused};
use crate::bridge::inbox::{Welcome, Welcomed};
use crate::bridge::users::Remember;
use crate::delivery::{Farewell, Frame};
use crate::domain::cursor::Cursor;
use crate::domain::grants::Right;
use crate::domain::ids::SessionId;
use crate::domain::limits::Kind;
use crate::protocol::codes::{CloseCode, ErrorCode};
use crate::protocol::command::{CommandId, Connect, Hidden};
use crate::protocol::{Refusal, push};
use crate::telemetry::seldom::Seldom;

/// How long ahead a client hears that its token ends.
const EXPIRING_AHEAD: Duration = Duration::from_mins(1);
/// How long to stay away when there are too many sessions.
const FULL_PAUSE: Duration = Duration::from_secs(10);
/// What a token's end is stretched by, because clocks differ.
const LEEWAY: Duration = Duration::from_millis(LEEWAY_MS.unsigned_abs());

/// Somebody whose `connect` is good, on the way to a session.
struct Arriving {
    id: Option<CommandId>,
    admitted: Admitted,
    quota: Quota,
    /// Whether there is room for a session more.
    fits: Result<(), TooManySessions>,
    stored: Stored,
}

/// What there may be of a user's own log.
enum Stored {
    /// Nothing, for this user is new.
    Nothing,
    /// Something, of which the client had what is up to the cursor.
    From(Option<Cursor>),
}

impl Session {
    pub(super) fn connect(&mut self, id: Option<CommandId>, connect: Connect, ctx: &mut Context<Self>) {
        let token = connect.token.as_ref().map(Hidden::expose);
        let (name_is_ours, name) = (self.client.name_is_ours, connect.guest_name.as_deref());
        let admitted = match self.node().gate.admit_by_name(name_is_ours, token, name) {
            Ok(admitted) => admitted,
            Err(refused) => {
                static REFUSED: Seldom = Seldom::new();
                if let Some(untold) = REFUSED.is_told(self.node().clock.now()) {
                    log::info!("a connect from {} was refused: {}{untold}", self.client.address, refused.reason());
                }
                self.audit_turned_away(&refused);
                let code = match refused {
                    Refused::GuestName => CloseCode::BadProtocol,
                    // The token may be good: the client comes back with it.
                    Refused::KeysAwaited => CloseCode::Full,
                    _ => CloseCode::Unauthorized,
                };
                self.refuse(id.as_ref(), &(&refused).into());
                return self.close(code);
            }
        };
        let Some(address) = self.arrival.connected() else { return };
        let user = self.node().limits.user(&admitted.identity.tenant, &admitted.identity.user.id);
        if let Err(refused) = user.meters.take(Kind::Connect, 1) {
            self.audit_denied(&admitted.identity, "connect", ErrorCode::RateLimited);
            self.refuse(id.as_ref(), &too_fast(Kind::Connect, &refused, "user's", refused.wait));
            let pause = self.node().config.limits.pause.max(refused.wait);
            return self.close_for(CloseCode::RateLimited, pause);
        }
        let (standing, fits) = self.node().limits.stand(user, address);
        let quota = Quota::new(self.node().limits.session(), standing);
        self.phase = Phase::Connecting;
        // A guest who brought no token was drawn a moment ago, so there is nothing to read of them.
        let is_new = connect.token.is_none() && connect.since.is_none();
        let stored = if is_new { Stored::Nothing } else { Stored::From(connect.since) };
        let arriving = Arriving { id, admitted, quota, fits, stored };
        let Some(secret) = &connect.secret else { return self.open_anew(arriving, ctx) };
        let (reply, taken_up) = oneshot::channel();
        let user = arriving.admitted.identity.key();
        let letter = TakeUp { secret: secret.expose().to_owned(), user, addr: Arc::clone(&self.addr), reply };
        if self.node().directory.try_send(letter).is_err() {
            return self.refuse_for_now(arriving.id.as_ref(), "this node has too much to do");
        }
        ctx.spawn(taken_up.into_actor(self).map(move |taken_up, session, ctx| match taken_up {
            Ok(Some(registration)) => session.opened(arriving, registration.claim(), ctx),
            Ok(None) => session.open_anew(arriving, ctx),
            Err(_) => session.close(CloseCode::Full),
        }));
    }

    /// Opens a session under names that are drawn here. The Directory is told and not waited for: its mailbox has the letter
    /// before anything that could ask for this session.
    fn open_anew(&mut self, arriving: Arriving, ctx: &mut Context<Self>) {
        if let Err(too_many) = arriving.fits {
            let refusal = too_many.into_refusal();
            self.audit_denied(&arriving.admitted.identity, "connect", refusal.code);
            self.refuse(arriving.id.as_ref(), &refusal);
            return self.close_for(CloseCode::Full, FULL_PAUSE);
        }
        let opened = Opened::drawn();
        let letter = OpenSession {
            session: opened.session.clone(),
            secret: opened.secret.clone(),
            user: arriving.admitted.identity.key(),
            addr: Arc::clone(&self.addr),
        };
        if self.node().directory.try_send(letter).is_err() {
            return self.refuse_for_now(arriving.id.as_ref(), "this node has too much to do");
        }
        self.opened(arriving, opened, ctx);
    }

    fn refuse_for_now(&mut self, id: Option<&CommandId>, why: &'static str) {
        self.refuse(id, &Refusal::unavailable(why).after(Duration::from_secs(1)));
        self.close(CloseCode::Full);
    }

    /// The Directory has the session, or will before it hears of anything else: whatever happens in its user's own room from
    /// now on stirs it, and what is there by now is read.
    fn opened(&mut self, arriving: Arriving, opened: Opened, ctx: &mut Context<Self>) {
        let Arriving { id, admitted, quota, stored, .. } = arriving;
        let node = Arc::clone(self.node());
        let Admitted { identity, guest_token } = admitted;
        let reader = identity.reader();
        let who = self.participant(&identity, opened.session, opened.generation);
        let open = Open {
            node,
            me: Me::Behind,
            identity,
            secret: opened.secret,
            is_resumed: opened.resumed,
            who,
            rooms: Few::default(),
            waiting: Few::default(),
            behind_writes: None,
            last_ticket: 0,
            alarm: None,
            expiry: None,
            quota,
            reader,
            farewell: Farewell::Lost,
        };
        let Stored::From(since) = stored else {
            let welcomed = Welcomed::of_nobody(self.node().first_epoch);
            return self.welcomed(id.as_ref(), open, guest_token.as_deref(), &welcomed, ctx);
        };
        let welcome = self.node().bridge.inboxes.welcome.send(Welcome { log: open.own_log(), since });
        // `open` goes along: if the connection ends meanwhile, its drop tells the Directory.
        ctx.spawn(welcome.into_actor(self).map(move |welcomed, session, ctx| {
            let Ok(Ok(welcomed)) = welcomed else {
                return session.refuse_for_now(id.as_ref(), "the inbox can't be read now");
            };
            session.welcomed(id.as_ref(), open, guest_token.as_deref(), &welcomed, ctx);
        }));
    }

    fn welcomed(
        &mut self,
        id: Option<&CommandId>,
        mut open: Open,
        guest_token: Option<&str>,
        welcomed: &Welcomed,
        ctx: &mut Context<Self>,
    ) {
        if matches!(self.phase, Phase::Closing) {
            // The connection was ended meanwhile; dropping `open` tells the Directory.
            return;
        }
        // Whoever took the token back ended the sessions that the Directory knew, and may not have met this one.
        if let Err(refused) = open.node.gate.look_at_age(&open.identity) {
            open.farewell = Farewell::AtOnce;
            self.audit_denied(&open.identity, "connect", ErrorCode::Unauthorized);
            self.refuse(id, &(&refused).into());
            return self.close(CloseCode::Unauthorized);
        }
        let (me, place) = me_of(welcomed);
        open.me = place;
        let text = connected(id, &open, guest_token, me);
        open.remember();
        let (tenant, user) = (&open.identity.tenant, &open.identity.user.id);
        let session = (&open.who.session, open.is_resumed);
        open.node.audit.connected((tenant, user), self.client.address, session, open.identity.is_guest);
        self.phase = Phase::Open(Box::new(open));
        self.outbox.connected();
        self.outbox.gauge.open(IN_FLIGHT_MAX);
        if self.outbox.gauge.is_awaited() {
            // Most likely a join, whose answer goes in the same write.
            let now = self.node().clock.now();
            self.context.worker.hold(&self.outbox, &Frame::text(&text), now);
            self.outbox.gauge.answered();
        } else {
            self.reply(&text);
        }
        self.watch_expiry();
        self.enter_when_worth_it(welcomed, ctx);
    }

    /// Takes a new token of the same user; rooms that it no longer allows are left.
    pub(super) fn refresh(&mut self, id: Option<&CommandId>, token: &Hidden) {
        // A token is dear to check, so it counts as what else brings one.
        if !self.pays(id, Kind::Connect, 1) {
            return;
        }
        let admitted = match self.node().gate.admit_by_name(self.client.name_is_ours, Some(token.expose()), None) {
            Ok(admitted) => admitted,
            Err(refused) => {
                self.audit_refresh();
                return self.refuse(id, &(&refused).into());
            }
        };
        let identity = admitted.identity;
        let Some(open) = self.open() else { return };
        let is_same = identity.user.id == open.identity.user.id && identity.tenant == open.identity.tenant;
        if !is_same {
            self.audit_refresh();
            return self.refuse(id, &Refusal::unauthorized("this token is another user's"));
        }
        open.identity = identity;
        open.remember();
        self.rename();
        self.leave_forbidden_rooms();
        self.tell_rooms_who_reads();
        self.watch_expiry();
        if let Some(id) = id {
            let expires = self.open().and_then(|open| open.identity.expires);
            self.say(&push::refreshed(id, expires));
        }
        self.outbox.gauge.answered();
    }

    fn leave_forbidden_rooms(&mut self) {
        let (hub, outbox) = (self.context.hub.clone(), self.outbox.id());
        let Some(open) = self.open() else { return };
        let Open { rooms, identity, who, .. } = open;
        rooms.retain(|room, slot| {
            let is_allowed = room.is_personal() || identity.grants.allow(room, Right::Join);
            if let (false, Some(located)) = (is_allowed, &slot.located) {
                let last = Some(Frame::text(&push::left(room, ErrorCode::Forbidden)));
                let (session, generation) = (who.session.clone(), who.generation);
                located.addr.do_send(Leave { session, generation, last, hub: hub.clone(), outbox });
            }
            is_allowed
        });
    }

    /// A token with other roles shows other things from now on, in the rooms too that the session is in.
    fn tell_rooms_who_reads(&mut self) {
        let Some(open) = self.open() else { return };
        let reader = open.identity.reader();
        if std::mem::replace(&mut open.reader, reader.clone()) == reader {
            return;
        }
        for located in open.rooms.values().filter_map(|slot| slot.located.as_ref()) {
            let (session, generation) = (open.who.session.clone(), open.who.generation);
            located.addr.do_send(NewReader { session, generation, reader: reader.clone() });
        }
    }

    /// Who this connection is to its rooms.
    fn participant(&self, identity: &Identity, session: SessionId, generation: u64) -> Arc<Participant> {
        Arc::new(Participant {
            session,
            generation,
            hub: self.context.hub.clone(),
            outbox: self.outbox.id(),
            user: Arc::clone(&identity.user),
            device: self.client.device,
            from: OnceLock::new(),
            publisher: OnceLock::new(),
        })
    }

    /// A newer token may tell of another name; joins from now on bring it along.
    fn rename(&mut self) {
        let Some(open) = self.open() else { return };
        let (identity, session, generation) = (open.identity.clone(), open.who.session.clone(), open.who.generation);
        let who = self.participant(&identity, session, generation);
        if let Some(open) = self.open() {
            open.who = who;
        }
    }

    /// Tells the client ahead of its token's end, and ends the connection there.
    fn watch_expiry(&mut self) {
        let (now, wall) = (self.node().clock.now(), self.node().clock.wall());
        let Some(open) = self.open() else { return };
        let expiry = |left: Duration| Expiry {
            warn_at: Some(now + left.saturating_sub(EXPIRING_AHEAD)),
            end_at: now + left + LEEWAY,
        };
        open.expiry = remaining(&open.identity, wall.0).map(expiry).map(Box::new);
        self.watch_deadlines();
    }

    /// Does what is due of [`watch_expiry`](Self::watch_expiry).
    pub(super) fn look_at_expiry(&mut self) {
        let (now, wall) = (self.node().clock.now(), self.node().clock.wall());
        let Some(open) = self.open() else { return };
        let Some(expiry) = &mut open.expiry else { return };
        if now >= expiry.end_at {
            return self.close(CloseCode::Unauthorized);
        }
        if expiry.warn_at.take_if(|at| now >= *at).is_some() {
            let left = remaining(&open.identity, wall.0).unwrap_or_default();
            self.say(&push::expiring(left.min(EXPIRING_AHEAD)));
        }
    }
}

impl Open {
    /// Has what the token says remembered, for when the user is away.
    fn remember(&self) {
        let news = self.identity.news(self.node.clock.wall());
        self.node.bridge.users.remember.do_send(Remember { user: self.identity.key(), news });
    }
}

/// The reply to a `connect` that opened a session.
fn connected(id: Option<&CommandId>, open: &Open, guest_token: Option<&str>, me: push::Me<'_>) -> String {
    let Open { node, identity, .. } = open;
    let limits = &node.config.limits;
    push::connected(&push::Connected {
        id,
        session: &open.who.session,
        secret: &open.secret.to_text(),
        user: &identity.user,
        tenant: &identity.tenant,
        node: &node.config.server.node,
        heartbeat: node.config.session.heartbeat,
        resumed: open.is_resumed,
        me,
        limits: push::Limits {
            message_bytes: limits.message_bytes,
            rooms: limits.rooms_per_session,
            publishes_per_s: limits.enabled.then_some(limits.publishes_per_s),
            dedupe_s: limits.dedupe.as_secs(),
        },
        expires: identity.expires,
        guest_token,
    })
}
/// How long the identity's token still holds; `None` when it has no end that matters.
fn remaining(identity: &Identity, wall_ms: i64) -> Option<Duration> {
    let left_ms = identity.expires?.0.saturating_sub(wall_ms).max(0);
    Some(Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)))
}
