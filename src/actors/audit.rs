//! The way into the audit log: what is worth a record, and under which name.
//!
//! ```text
//! Session, HTTP API ── connected, denied, turned_away, noted, recorded ──▶ Audit ── Record ──▶ bridge
//! ```
//!
//! A record holds names and numbers: never a token, a key, a secret, or the data of a message. With the audit log switched
//! off all of this does nothing.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use actix::prelude::*;
use tokio::sync::oneshot;

use super::limits::Network;
use crate::bridge::Record;
use crate::clock::Clock;
use crate::domain::audit::{Act, Chain, Denial, Draft, Facts, Note, OK, Tally};
use crate::domain::entry::{Draft as Entry, Timestamp};
use crate::domain::ids::{RoomName, SessionId, Tenant, UserId};
use crate::protocol::codes::ErrorCode;

/// The audit log of a node, as those see it who do something worth a record.
pub struct Audit {
    /// `None` while it is switched off.
    port: Option<Recipient<Record>>,
    clock: Clock,
    /// Held for a count, never over a call.
    tally: Mutex<Tally>,
}

/// Something that was done.
pub struct Deed<'a> {
    /// In which world.
    pub tenant: &'a Tenant,
    /// By whom: [`user`] or [`backend`].
    pub who: Arc<str>,
    /// From where.
    pub address: IpAddr,
    /// What.
    pub act: Act,
    /// To what: names and numbers alone.
    pub what: Facts,
}

/// A user, as records name one.
#[must_use]
pub fn user(user: &UserId) -> Arc<str> {
    format!("user:{user}").into()
}

/// A backend, as records name one: by its key's name.
#[must_use]
pub fn backend(key: &str) -> Arc<str> {
    format!("api:{key}").into()
}

impl Audit {
    /// Records through `port`, or nothing when it is not enabled.
    #[must_use]
    pub fn new(is_enabled: bool, port: Recipient<Record>, clock: &Clock) -> Self {
        Self { port: is_enabled.then_some(port), clock: clock.clone(), tally: Mutex::default() }
    }

    /// A user connected. It is written with the next batch: nobody waits for it.
    pub fn connected(
        &self,
        (tenant, id): (&Tenant, &UserId),
        address: IpAddr,
        (session, is_resumed): (&SessionId, bool),
        is_guest: bool,
    ) {
        if self.port.is_none() {
            return;
        }
        let what = Facts::new().name("session", session.as_str()).flag("resumed", is_resumed);
        let what = if is_guest { what.flag("guest", true) } else { what };
        self.noted(Deed { tenant, who: user(id), address, act: Act::Connect, what });
    }

    /// Somebody with a valid token or key was refused. Of one user ten a minute are told by themselves, the rest is counted.
    pub fn denied(&self, tenant: &Tenant, who: Arc<str>, address: IpAddr, what: Facts, code: ErrorCode) {
        let from = address.to_canonical().to_string().into();
        self.tally(|| Denial { chain: Chain::of(tenant), who, from, what, outcome: code.as_str() });
    }

    /// Somebody without a valid token or key was refused: one record for each address and minute, with their number.
    pub fn turned_away(&self, address: IpAddr, why: &str) {
        let (from, what) = (Network::of(address).to_string().into(), Facts::new().name("first", why));
        let outcome = ErrorCode::Unauthorized.as_str();
        self.tally(|| Denial { chain: Chain::server(), who: "".into(), from, what, outcome });
    }

    /// Something was done. It is written with the next batch: a node that is killed within a tenth of a second forgets it.
    pub fn noted(&self, deed: Deed<'_>) {
        let at = self.clock.wall();
        self.send(deed.into_note(at));
    }

    /// Something was done, and is about to be acknowledged: true once its record is on the disk, or when none is wanted. On
    /// false the act is done and not recorded yet, so nobody may hear that all is well.
    pub async fn recorded(&self, deed: Deed<'_>) -> bool {
        let Some(port) = &self.port else { return true };
        let (reply, kept) = oneshot::channel();
        let done = Box::new(move |is_kept| {
            // Who asked may have gone meanwhile, and then nobody wants the answer.
            let _ = reply.send(is_kept);
        });
        port.do_send(Record { note: deed.into_note(self.clock.wall()), done: Some(done) });
        kept.await.unwrap_or(false)
    }

    /// The record that travels with an entry of a backend's, to be written in its transaction.
    #[must_use]
    pub fn of_entry(&self, key: &str, address: IpAddr, entry: &Entry, room: &RoomName) -> Option<Draft> {
        self.port.as_ref()?;
        let from = address.to_canonical().to_string().into();
        Some(Draft::of_entry(backend(key), from, entry.at, entry.kind, room, entry.id))
    }

    /// The record that travels with an act, to be written in its transaction; whoever writes adds what is known there.
    #[must_use]
    pub fn draft(&self, deed: Deed<'_>) -> Option<Draft> {
        self.port.as_ref()?;
        Some(deed.into_note(self.clock.wall()).draft)
    }

    /// Records the counts of refusals whose minute is over; with `all`, those that go on too. To be called now and then,
    /// and at the end.
    pub fn sweep(&self, all: bool) {
        let notes =
            self.tally.lock().unwrap_or_else(PoisonError::into_inner).take(self.clock.now(), self.clock.wall(), all);
        for note in notes {
            self.send(note);
        }
    }

    fn tally(&self, denial: impl FnOnce() -> Denial) {
        if self.port.is_none() {
            return;
        }
        let (denial, now, at) = (denial(), self.clock.now(), self.clock.wall());
        let note = self.tally.lock().unwrap_or_else(PoisonError::into_inner).note(denial, now, at);
        if let Some(note) = note {
            self.send(note);
        }
    }

    fn send(&self, note: Note) {
        if let Some(port) = &self.port {
            port.do_send(Record { note, done: None });
        }
    }
}

impl Deed<'_> {
    fn into_note(self, at: Timestamp) -> Note {
        let Self { tenant, who, address, act, what } = self;
        let from = address.to_canonical().to_string().into();
        Note { chain: Chain::of(tenant), draft: Draft { at, act, who, what, from, outcome: OK } }
    }
}
