//! The audit log: who did what, when, from where, and how it ended. One chain for each tenant.
//!
//! ```text
//! start(tenant) ──▶ hash 1 = H(start, record 1) ──▶ hash 2 = H(hash 1, record 2) ──▶ … ──▶ head
//! ```
//!
//! Each record's hash covers the one before, so the head vouches for the whole past: whoever edits, drops or swaps a record
//! breaks the chain there, and [`verify`] says where. H is SHA-256 and not xxh3, by which entries are checked: xxh3 finds
//! a disk that errs, but anybody can make two texts that share one, and here somebody may want to.
//!
//! What a chain can't do alone: whoever may write the file can write it anew, from the edited record to the head. So heads
//! have to leave the file; the bridge logs them. What is never in a record: a token, a key, the data of a message.

use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};

use super::entry::{Kind, Timestamp};
use super::ids::{EntryId, RoomName, Tenant};

mod inbox;
mod tally;
#[cfg(test)]
mod tests;
mod verify;

pub use tally::{Denial, Tally};
pub use verify::{Broken, Ends, Known, Verified, Verifier, verify};

/// Longer texts in a record are cut to so many characters: no name that we let in is longer.
const TEXT_CHARS_MAX: usize = 250;

/// The chain that a record is in: a tenant's, or the server's own for whom no tenant is known of.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Chain(Arc<str>);

impl Chain {
    /// A tenant's.
    #[must_use]
    pub fn of(tenant: &Tenant) -> Self {
        Self(tenant.as_str().into())
    }

    /// The server's own: who comes without a valid token has no tenant that could be believed. No tenant has its name.
    #[must_use]
    pub fn server() -> Self {
        Self("@server".into())
    }

    /// The chain called `name`: a tenant, or `@server`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let is_one = name == "@server" || Tenant::parse(name).is_ok();
        is_one.then(|| Self(name.into()))
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What was done. The word is what is stored, so it never changes its meaning.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Act {
    /// Somebody connected.
    Connect,
    /// Somebody was refused; or several times so, and how many says `count`.
    Denied,
    /// A backend published an event.
    Publish,
    /// A backend changed a room's state.
    Set,
    /// A backend told an activity.
    Track,
    /// A backend ended sessions.
    End,
    /// Somebody ordered a notification.
    Notify,
    /// Somebody's notifications were marked.
    Mark,
    /// Somebody's preferences were changed.
    Preferences,
    /// What somebody may do was changed.
    Permissions,
    /// Something was removed, such as a user.
    Remove,
    /// Records that could not be kept; how many says `count`.
    Lost,
    /// The oldest records were removed because they were kept long enough.
    Trimmed,
}

impl Act {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Denied => "denied",
            Self::Publish => "publish",
            Self::Set => "set",
            Self::Track => "track",
            Self::End => "end",
            Self::Notify => "notify",
            Self::Mark => "mark",
            Self::Preferences => "preferences",
            Self::Permissions => "permissions",
            Self::Remove => "remove",
            Self::Lost => "lost",
            Self::Trimmed => "trimmed",
        }
    }

    /// What writing an entry of this kind is.
    #[must_use]
    pub fn of_entry(kind: Kind) -> Self {
        match kind {
            // A hidden one is never written; it would be what it hides.
            Kind::Event | Kind::Hidden => Self::Publish,
            Kind::State => Self::Set,
            Kind::Activity => Self::Track,
            Kind::Notification => Self::Notify,
            Kind::Marked => Self::Mark,
            Kind::Preferred => Self::Preferences,
        }
    }
}

/// What an act was about: names and numbers, as fields of a JSON object. There is no way to put data of a message in but
/// by mistaking it for a name, and then it is cut.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Facts(String);

impl Facts {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// And a name.
    #[must_use]
    pub fn name(self, field: &'static str, value: &str) -> Self {
        let value = serde_json::Value::from(cut(value));
        self.field(field, &value)
    }

    /// And a number.
    #[must_use]
    pub fn number(self, field: &'static str, value: u64) -> Self {
        self.field(field, &value)
    }

    /// And a yes or no.
    #[must_use]
    pub fn flag(self, field: &'static str, value: bool) -> Self {
        self.field(field, &value)
    }

    fn field(mut self, field: &'static str, value: &dyn fmt::Display) -> Self {
        let comma = if self.0.is_empty() { "" } else { "," };
        let _ = write!(self.0, "{comma}\"{field}\":{value}");
        self
    }

    fn to_json(&self) -> String {
        format!("{{{}}}", self.0)
    }
}

/// A text as it may stand in a record.
fn cut(text: &str) -> &str {
    text.char_indices().nth(TEXT_CHARS_MAX).map_or(text, |(at, _)| &text[..at])
}

/// How an act ended that was done.
pub const OK: &str = "ok";

/// A record before it has its place in the chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draft {
    /// When it was done.
    pub at: Timestamp,
    /// What was done.
    pub act: Act,
    /// Who did it: `user:ada`, `api:billing`; empty for somebody who is not known.
    pub who: Arc<str>,
    /// What it was about.
    pub what: Facts,
    /// From where: the client's address; empty for the server itself.
    pub from: Arc<str>,
    /// [`OK`], or the protocol's code of the refusal.
    pub outcome: &'static str,
}

impl Draft {
    /// A backend writes an entry. Its offset is added where it is known.
    #[must_use]
    pub fn of_entry(who: Arc<str>, from: Arc<str>, at: Timestamp, kind: Kind, room: &RoomName, id: EntryId) -> Self {
        let what = Facts::new().name("room", room.as_str()).name("entry", &id.to_string());
        Self { at, act: Act::of_entry(kind), who, what, from, outcome: OK }
    }

    /// The entry has this offset.
    #[must_use]
    pub fn at_offset(mut self, offset: u64) -> Self {
        self.what = self.what.number("offset", offset);
        self
    }

    /// Bytes that it counts as while it waits.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.who.len() + self.what.0.len() + self.from.len() + 160
    }

    fn numbered(&self, number: u64) -> Record {
        Record {
            number,
            at: self.at,
            act: self.act.as_str().to_owned(),
            who: cut(&self.who).to_owned(),
            what: self.what.to_json(),
            from: cut(&self.from).to_owned(),
            outcome: self.outcome.to_owned(),
        }
    }
}

/// A record that belongs to no entry, and so travels by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// In which chain.
    pub chain: Chain,
    /// What it says.
    pub draft: Draft,
}

/// A record in its chain, as it is stored: texts, so that one of a later version is verified as well.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Its number in the chain: 1, 2, 3 … without a hole.
    pub number: u64,
    /// See [`Draft::at`].
    pub at: Timestamp,
    /// See [`Act::as_str`].
    pub act: String,
    /// See [`Draft::who`].
    pub who: String,
    /// A JSON object of names and numbers.
    pub what: String,
    /// See [`Draft::from`].
    pub from: String,
    /// See [`Draft::outcome`].
    pub outcome: String,
}

impl Record {
    /// What the hash is made of: number and time as 8 bytes each, little-endian; then act, who, what, from and outcome, each
    /// behind its length in bytes as 8 bytes. So no two records are the same sequence of bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let texts = [&self.act, &self.who, &self.what, &self.from, &self.outcome];
        let mut bytes = Vec::with_capacity(56 + texts.iter().map(|text| text.len()).sum::<usize>());
        bytes.extend(self.number.to_le_bytes());
        bytes.extend(self.at.0.to_le_bytes());
        for text in texts {
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
        bytes
    }

    /// SHA-256 over the hash before and [`Self::bytes`].
    #[must_use]
    pub fn hash(&self, previous: &Hash) -> Hash {
        sha256(&[&previous.0, &self.bytes()])
    }
}

/// What vouches for a record and everything before it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Reads 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A place in a chain: that of its newest record, of the last one removed, or its start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// The record's number; 0 at the start.
    pub number: u64,
    /// Its hash.
    pub hash: Hash,
}

impl Head {
    /// Where a chain begins. The name is in it, so that one tenant's chain is never taken for another's.
    #[must_use]
    pub fn start(chain: &Chain) -> Self {
        Self { number: 0, hash: sha256(&[b"copresence audit 1\n", chain.as_str().as_bytes()]) }
    }

    /// The record that `draft` becomes behind this place, and the place that it has.
    #[must_use]
    pub fn append(&self, draft: &Draft) -> (Record, Self) {
        let record = draft.numbered(self.number + 1);
        let hash = record.hash(&self.hash);
        let head = Self { number: record.number, hash };
        (record, head)
    }

    /// What a record of trimming says when this is the new floor: so a floor that was raised by somebody else is found.
    #[must_use]
    pub fn as_floor(&self) -> Facts {
        Facts::new().number("floor", self.number).name("hash", &self.hash.to_string())
    }
}

impl fmt::Display for Head {
    /// `NUMBER:HASH`, as the log shows heads and as they are given to be verified.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.number, self.hash)
    }
}

fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    Hash(context.finish().as_ref().try_into().expect("SHA-256 has 32 bytes"))
}
