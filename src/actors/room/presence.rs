//! Who is in the room: gathered for a tick, told as a difference.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix::prelude::*;
use rustc_hash::FxHashMap;

use super::Room;
use crate::delivery::{Frame, Receive};
use crate::domain::ids::{SessionId, UserId};
use crate::domain::presence::Change;
use crate::domain::roster::{Diff, Member};
use crate::protocol::push;

/// A session changes what it shows of itself.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SetPresence {
    /// Who.
    pub session: SessionId,
    /// By which connection.
    pub generation: u64,
    /// What is different.
    pub change: Change,
}

impl Handler<SetPresence> for Room {
    type Result = ();

    fn handle(&mut self, set: SetPresence, ctx: &mut Self::Context) {
        self.roster.change(&set.session, set.generation, &set.change, self.context.clock.wall());
        self.presence_changed(ctx);
    }
}

/// The JSON of members is kept in rooms of so many: a join to a smaller one encodes the others as fast as it looks them up,
/// and most rooms are small and quiet.
const TEXTS_FROM: usize = 32;

impl Room {
    /// Something may be different: the next tick finds out, and the next grace time gets its timer.
    pub(super) fn presence_changed(&mut self, ctx: &mut Context<Self>) {
        self.mind_robot(ctx);
        self.member_count.store(self.roster.count(), Ordering::Relaxed);
        if self.timers.presence.is_none() {
            let tick = self.context.config.presence.tick;
            self.timers.presence = Some(ctx.run_later(tick, |room, _| room.send_presence()));
        }
        if let Some(handle) = self.timers.expiry.take() {
            ctx.cancel_future(handle);
        }
        let Some(until) = self.roster.next_expiry() else { return };
        let wait = until.saturating_duration_since(self.context.clock.now());
        self.timers.expiry = Some(ctx.run_later(wait, |room, ctx| {
            room.timers.expiry = None;
            let now = room.context.clock.now();
            for session in room.roster.expire(now) {
                room.signals.forget(&session);
            }
            room.presence_changed(ctx);
            room.retire_when_idle(ctx);
        }));
    }

    /// Somebody joined a room where nothing else is about to be told: it is told at once, so that a quiet room has no
    /// delay and the next one to join finds this one in the list. Leaves always wait for the tick, because who is back
    /// by then never left.
    pub(super) fn joined_in_quiet(&mut self) {
        let now = self.context.clock.now();
        let is_quiet = self.last_tick.is_none_or(|at| now >= at + self.context.config.presence.tick);
        if is_quiet && self.timers.presence.is_none() {
            self.send_presence();
        }
    }

    /// Gives everybody the list anew, in place of differences that may have been lost.
    pub(super) fn tell_all_members(&mut self) {
        self.roster.tick();
        self.last_tick = Some(self.context.clock.now());
        let room = &self.key.room;
        let text = if self.roster.is_large() {
            push::presence_count(room, self.roster.count())
        } else {
            let members: Vec<_> = self.roster.shown().cloned().collect();
            push::presence_all(
                room,
                encode(&mut self.member_texts, &members, members.len() >= TEXTS_FROM),
                members.len(),
            )
        };
        self.audience.push(&Frame::text(&text), Receive::PRESENCE);
    }

    /// Tells everybody once what changed since the last tick.
    fn send_presence(&mut self) {
        self.timers.presence = None;
        self.last_tick = Some(self.context.clock.now());
        let Some(diff) = self.roster.tick() else { return };
        let room = &self.key.room;
        let is_kept = self.roster.count() >= TEXTS_FROM;
        let text = match &diff {
            Diff::Members { joined, updated, left, count } => {
                for user in left {
                    self.member_texts.remove(user);
                }
                let joined = encode(&mut self.member_texts, joined, is_kept);
                let updated = encode(&mut self.member_texts, updated, is_kept);
                push::presence_diff(room, joined, updated, left, *count)
            }
            Diff::Large { count } => {
                self.member_texts.clear();
                push::presence_count(room, *count)
            }
            Diff::SmallAgain { members, count } => {
                let members = encode(&mut self.member_texts, members, is_kept);
                push::presence_all(room, members, *count)
            }
        };
        self.audience.push(&Frame::text(&text), Receive::PRESENCE);
    }
}

/// The JSON of these members, kept for the joins to come, or out of date.
fn encode(texts: &mut FxHashMap<UserId, Arc<str>>, members: &[Arc<Member>], is_kept: bool) -> Vec<Arc<str>> {
    let keep = |member: &Arc<Member>| {
        let text: Arc<str> = push::member(member).into();
        if is_kept {
            texts.insert(member.user.id.clone(), Arc::clone(&text));
        } else {
            texts.remove(&member.user.id);
        }
        text
    };
    members.iter().map(keep).collect()
}
