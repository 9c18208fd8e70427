//! Who is behind a connection: from a token to an [`Identity`].
//!
//! ```text
//! connect { token, guest } ──▶ Gate::admit ──▶ Identity (and a guest's token)   or Refused
//! ```
//!
//! `jwt` reads and checks what is signed, `keys` knows by which keys, `jwks` gets those that an issuer publishes, `claims`
//! reads what a token says, `guest` makes guests and their tokens, `taken_back` knows which tokens hold no longer. Always true: the algorithm belongs to the key and not
//! to the token, no claim is looked at before the signature holds, no address is ever taken from a token, nothing here
//! asks the system for the time, and no token or secret is in an error. What an identity may do in which room is asked
//! of its [`Grants`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::{AuthSettings, Guests, Secret};
use crate::domain::entry::Timestamp;
use crate::domain::grants::{Grants, Rights};
use crate::domain::ids::{Tenant, UserKey};
use crate::domain::known_user::{News, Profile};
use crate::domain::pattern::RoomPattern;
use crate::domain::user::User;
use crate::domain::visibility::Reader;
use crate::protocol::Refusal;

mod api_key;
mod claims;
mod guest;
mod jwks;
mod jwt;
mod keys;
mod taken_back;
#[cfg(test)]
mod tests;

pub use api_key::{ApiKey, ApiKeys};
use claims::Claims;
use guest::Guest;
use jwt::{SharedKey, Token};
pub use keys::BadKey;
use keys::Keys;
use taken_back::TakenBack;

/// How far the clocks of us and of who made a token may be apart: a token holds so much longer, and so much earlier.
pub const LEEWAY_MS: i64 = 5_000;

/// After so long keys that are being fetched should be here.
const KEYS_PAUSE: Duration = Duration::from_secs(1);

/// Who somebody is and what they may do, as far as a token can say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The world that they are in.
    pub tenant: Tenant,
    /// Who they are to others.
    pub user: Arc<User>,
    /// What they are, for notifications by role and for what not everybody may see.
    pub roles: Vec<String>,
    /// What they may do in which room.
    pub grants: Grants,
    /// When the token ends (to which [`LEEWAY_MS`] is added); `None` for guests, whose connection nothing ends.
    pub expires: Option<Timestamp>,
    /// When the token was made, if it says so.
    pub issued: Option<Timestamp>,
    /// Whether they came without an account.
    pub is_guest: bool,
}

impl Identity {
    /// Which user this is, over all tenants.
    #[must_use]
    pub fn key(&self) -> UserKey {
        UserKey::new(self.tenant.clone(), self.user.id.clone())
    }

    /// Who they are as a reader.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::user(&self.user.id, &self.roles)
    }

    /// What is to be remembered of a token that was brought `now`.
    #[must_use]
    pub fn news(&self, now: Timestamp) -> News {
        News::token(Profile::of(&self.user, &self.roles, &self.grants, self.is_guest), self.issued, now)
    }
}

/// Somebody who may come in.
#[derive(Clone, PartialEq, Eq)]
pub struct Admitted {
    /// Who they are.
    pub identity: Identity,
    /// For a guest, the token that makes them the same guest the next time, good for 30 days from now.
    pub guest_token: Option<String>,
}

impl fmt::Debug for Admitted {
    /// Without the token, which must not get into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admitted").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// Why somebody may not come in. `Display` is the sentence for the client; it never quotes a token.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// No token, where guests are not let in.
    #[error("a token is needed: guests are not let in here")]
    NoToken,
    /// A guest's token, where guests are not let in.
    #[error("this is a guest's token, and guests are not let in here")]
    NoGuests,
    /// A guest by another name of ours than guests of this machine come by.
    #[error(
        "guests come in here by a name of this machine alone, such as localhost; to let them in by this one, list its \
         origin in server.origins"
    )]
    ForeignName,
    /// A user's token, and no secret to check it by.
    #[error("this server takes no users' tokens: it has no key to check them by")]
    NoKey,
    /// Not the form of a token.
    #[error("the token is no JWT: {0}")]
    Malformed(&'static str),
    /// Signed by, or asking for, an algorithm that no key here has.
    #[error("the token's algorithm is none that is taken here")]
    Algorithm,
    /// Named after a key that we don't have.
    #[error("the token is by a key that is not known here")]
    UnknownKey,
    /// By a key that may be among those which are being fetched: the same token may do in a moment.
    #[error("the keys to check the token by are being fetched; bring it again in a moment")]
    KeysAwaited,
    /// A header that could change how the token is read.
    #[error("the token's header has `{0}`, which is not taken here")]
    Header(&'static str),
    /// The signature is not by our key.
    #[error("the token's signature does not hold")]
    Signature,
    /// The token was good once.
    #[error("the token has expired")]
    Expired,
    /// The token will be good later.
    #[error("the token is not valid yet")]
    NotYet,
    /// The token is older than what the user's tokens must be.
    #[error("the token was taken back; a new one is needed")]
    TakenBack,
    /// A claim that is missing or wrong.
    #[error("the token's claim `{claim}` {rule}")]
    Claim {
        /// Which one.
        claim: &'static str,
        /// What it must be.
        rule: String,
    },
    /// A guest's name that can't be shown. No other token would mend it: a `bad_message`.
    #[error("`guest.name` must be at most 100 characters without control characters")]
    GuestName,
}

impl Refused {
    /// The reason in few words for the log.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoToken => "no token",
            Self::NoGuests => "guests are not allowed",
            Self::ForeignName => "a guest by a name that is not this machine's",
            Self::NoKey => "no key is set",
            Self::Malformed(_) => "malformed token",
            Self::Algorithm => "wrong algorithm",
            Self::UnknownKey => "unknown key",
            Self::KeysAwaited => "keys are being fetched",
            Self::Header(_) => "header not allowed",
            Self::Signature => "wrong signature",
            Self::Expired => "expired token",
            Self::NotYet => "token not valid yet",
            Self::TakenBack => "token taken back",
            Self::Claim { .. } => "wrong claim",
            Self::GuestName => "wrong guest name",
        }
    }
}

impl From<&Refused> for Refusal {
    /// What somebody who may not come in hears.
    fn from(refused: &Refused) -> Self {
        let message = refused.to_string();
        match refused {
            Refused::GuestName => Self::bad_message(message),
            // The token may be good, so it is no reason to ask for another one.
            Refused::KeysAwaited => Self::unavailable(message).after(KEYS_PAUSE),
            _ => Self::unauthorized(message),
        }
    }
}

/// A token of `claims` (a JSON object), signed by `secret` in HS256 as `auth.secret` signs.
#[must_use]
pub fn mint(secret: &Secret, claims: &str) -> String {
    SharedKey::hs256(secret.as_bytes()).sign(r#"{"alg":"HS256","typ":"JWT"}"#, claims)
}

/// Decides who may come in. Shared by all connections of a node.
pub struct Gate {
    /// Of users' tokens.
    keys: Keys,
    /// Of guests' tokens alone.
    guest_key: SharedKey,
    guests_allowed: bool,
    /// Whether guests are let in because only this machine can reach us.
    guests_are_local: bool,
    /// What rooms are open to for who has no rights of their own.
    open_to: Arc<[(RoomPattern, Rights)]>,
    /// Whose tokens must be how new.
    taken_back: TakenBack,
    clock: Clock,
}

impl Gate {
    /// A gate by `settings`. `guest_key` signs guests' tokens and is kept with the log, so that guests stay who they
    /// are when this server starts again. Key sets of issuers begin to be fetched, each by a thread of its own that
    /// ends with the gate.
    ///
    /// # Errors
    /// [`BadKey`] when a public key can't be read.
    pub fn new(
        settings: &AuthSettings,
        guest_key: &[u8; 32],
        guests_allowed: bool,
        clock: Clock,
    ) -> Result<Self, BadKey> {
        let keys = Keys::new(settings)?;
        keys.start_fetching(&clock);
        Ok(Self {
            keys,
            guest_key: SharedKey::hs256(guest_key),
            guests_allowed,
            guests_are_local: settings.guests == Guests::Loopback,
            open_to: Arc::default(),
            taken_back: TakenBack::default(),
            clock,
        })
    }

    /// Reads the keys that `settings` name, without fetching any; for looking at settings.
    ///
    /// # Errors
    /// [`BadKey`] when a public key can't be read.
    pub fn check(settings: &AuthSettings) -> Result<(), BadKey> {
        Keys::new(settings).map(drop)
    }

    /// Waits until every key set was fetched or has failed once, at most `patience`; for the start, on a thread that
    /// may block.
    pub fn wait_for_keys(&self, patience: Duration) {
        self.keys.wait(patience);
    }

    /// Lets rooms be open to guests and to tokens that name no rooms as their settings say, in place of all but
    /// notifying.
    #[must_use]
    pub fn open_to(mut self, rooms: Arc<[(RoomPattern, Rights)]>) -> Self {
        self.open_to = rooms;
        self
    }

    /// Lets in who brings a good `token`, or nothing where guests are allowed. `guest_name` names a guest, new or
    /// returned; for a user it is passed over. Never waits: of a key set it takes what is here.
    ///
    /// # Errors
    /// [`Refused`], also for an empty token.
    pub fn admit(&self, token: Option<&str>, guest_name: Option<&str>) -> Result<Admitted, Refused> {
        let mut admitted = self.admit_by_token(token, guest_name)?;
        self.look_at_age(&admitted.identity)?;
        admitted.identity.grants = admitted.identity.grants.open_to(&self.open_to);
        Ok(admitted)
    }

    /// Refuses tokens of `user` from now on that are older than `before`, or don't say when they were made. An earlier time
    /// than one that was said before changes nothing. What is to outlive this process is the caller's to write down.
    pub fn refuse_tokens(&self, user: UserKey, before: Timestamp) {
        self.taken_back.add(user, before);
    }

    /// Refuses an identity whose token was taken back since it was let in.
    ///
    /// # Errors
    /// [`Refused::TakenBack`].
    pub fn look_at_age(&self, identity: &Identity) -> Result<(), Refused> {
        if self.taken_back.has(identity) { Err(Refused::TakenBack) } else { Ok(()) }
    }

    /// As [`Self::admit`], for a request that asked for this server by a name; `name_is_ours` says whether that is one of
    /// this machine or of its settings. Anybody can let a name of theirs point to 127.0.0.1 once a page of it is open
    /// (DNS rebinding). To the browser that page is of our origin, but nobody at this machine has let it in.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn admit_by_name(
        &self,
        name_is_ours: bool,
        token: Option<&str>,
        guest_name: Option<&str>,
    ) -> Result<Admitted, Refused> {
        let admitted = self.admit(token, guest_name)?;
        let is_foreign = self.guests_are_local && admitted.identity.is_guest && !name_is_ours;
        if is_foreign { Err(Refused::ForeignName) } else { Ok(admitted) }
    }

    fn admit_by_token(&self, token: Option<&str>, guest_name: Option<&str>) -> Result<Admitted, Refused> {
        let now = self.clock.wall();
        let Some(token) = token else {
            if !self.guests_allowed {
                return Err(Refused::NoToken);
            }
            return Guest::drawn().admit(guest_name, &self.guest_key, now);
        };
        let token = Token::read(token)?;
        // The key is ours to choose: the header says no more than which of two doors it is.
        if token.kid() == Some(guest::KID) {
            if !self.guests_allowed {
                return Err(Refused::NoGuests);
            }
            let payload = token.payload(&self.guest_key)?;
            let guest = Guest::returned(&Claims::read(&payload)?, now)?;
            return guest.admit(guest_name, &self.guest_key, now);
        }
        let identity = self.keys.identity(&token, now, self.clock.now())?;
        Ok(Admitted { identity, guest_token: None })
    }
}
