//! From a stranger to a session: `connect`, `refresh`, and the end of a token.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::few::Few;
use super::inbox::{Me, me_of};
use super::quota::Quota;
use super::{Expiry, IN_FLIGHT_MAX, Open, Phase, Session};
use crate::actors::directory::{OpenSession, Opened};
use crate::actors::limits::too_fast;
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
        if let Err(refused) = user.take(Kind::Connect, 1) {
            self.audit_denied(&admitted.identity, "connect", ErrorCode::RateLimited);
            self.refuse(id.as_ref(), &too_fast(Kind::Connect, &refused, "user's", refused.wait));
            let pause = self.node().config.limits.pause.max(refused.wait);
            return self.close_for(CloseCode::RateLimited, pause);
        }
        let network = address.network;
        let quota = Quota::new(self.node().limits.session(), user, address);
        self.phase = Phase::Connecting;
        // A guest who brought no token was drawn a moment ago, so there is nothing to read of them.
        let is_new = connect.token.is_none() && connect.since.is_none();
        let stored = if is_new { Stored::Nothing } else { Stored::From(connect.since) };
        let (reply, opened) = oneshot::channel();
        let open = OpenSession {
            secret: connect.secret.as_ref().map(|secret| secret.expose().to_owned()),
            user: admitted.identity.key(),
            network,
            addr: Arc::clone(&self.addr),
            reply,
        };
        if self.node().directory.try_send(open).is_err() {
            self.refuse(
                id.as_ref(),
                &Refusal::unavailable("this node has too much to do").after(Duration::from_secs(1)),
            );
            return self.close(CloseCode::Full);
        }
        ctx.spawn(opened.into_actor(self).map(move |opened, session, ctx| match opened {
            Ok(Ok(registration)) => session.opened(id, admitted, registration.claim(), quota, stored, ctx),
            Ok(Err(full)) => {
                let refusal = full.into_refusal();
                session.audit_denied(&admitted.identity, "connect", refusal.code);
                session.refuse(id.as_ref(), &refusal);
                session.close_for(CloseCode::Full, FULL_PAUSE);
            }
            Err(_) => session.close(CloseCode::Full),
        }));
    }

    /// The session is registered: whatever happens in its user's own room from now on stirs it, and what is there by now is
    /// read.
    fn opened(
        &mut self,
        id: Option<CommandId>,
        admitted: Admitted,
        opened: Opened,
        quota: Quota,
        stored: Stored,
        ctx: &mut Context<Self>,
    ) {
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
            has_own_room: opened.is_inbox_open,
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
                let refusal = Refusal::unavailable("the inbox can't be read now").after(Duration::from_secs(1));
                session.refuse(id.as_ref(), &refusal);
                return session.close(CloseCode::Full);
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
        let is_inbox_open = open.has_own_room;
        self.phase = Phase::Open(Box::new(open));
        self.outbox.connected();
        self.outbox.gauge.open(IN_FLIGHT_MAX);
        self.reply(&text);
        self.watch_expiry();
        self.enter_when_worth_it(welcomed, is_inbox_open, ctx);
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
