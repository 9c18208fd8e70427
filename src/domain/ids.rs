//! Names that were checked once and are trusted from then on.
//!
//! A [`RoomName`] cannot be built from a bad string, so nobody below the parser looks again. All of them are cheap to
//! clone (one shared string), because rosters, letters and logs carry them around.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Serialize, Serializer};
use uuid::Uuid;

/// What is wrong with a name, as a sentence that names the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {rule}")]
pub struct BadName {
    what: &'static str,
    rule: &'static str,
}

/// Declares a checked, cheaply cloned string.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` and keeps it.
            ///
            /// # Errors
            /// [`BadName`] with the rule that `text` breaks.
            pub fn parse(text: &str) -> Result<Self, BadName> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(text.into())) } else { Err(BadName { what: $what, rule: $rule }) }
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

name!(
    /// A customer's closed world. It comes from the token, never from a message.
    Tenant,
    "tenant",
    "1 to 64 of A-Z a-z 0-9 _ -",
    |text| (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
);

name!(
    /// A named place in a tenant, such as `dashboard:sales`.
    RoomName,
    "room",
    "1 to 200 of A-Z a-z 0-9 _ . : -, first a letter or digit",
    |text| {
        (1..=200).contains(&text.len())
            && text.as_bytes()[0].is_ascii_alphanumeric()
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:-".contains(&b))
    }
);

name!(
    /// Who the token says is behind a session (its `sub`).
    UserId,
    "user",
    "1 to 200 characters without control characters",
    |text| !text.is_empty() && text.chars().count() <= 200 && !text.chars().any(char::is_control)
);

name!(
    /// A session's public name, seen by others; it proves nothing.
    SessionId,
    "session",
    "1 to 64 of A-Z a-z 0-9 _ -",
    |text| (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
);

/// What a personal room's name in the log begins with; no name that [`RoomName::parse`] takes does.
const PERSONAL: &str = "@:";

impl RoomName {
    /// How every client writes its own personal room: `@me`. It is no log's name.
    #[must_use]
    pub fn me() -> Self {
        Self("@me".into())
    }

    /// The personal room of `user`, as the log knows it. No text of a client becomes this name.
    #[must_use]
    pub fn personal(user: &UserId) -> Self {
        Self(format!("{PERSONAL}{user}").into())
    }

    /// Whose personal room it is, if it is one.
    #[must_use]
    pub fn owner(&self) -> Option<UserId> {
        UserId::parse(self.0.strip_prefix(PERSONAL)?).ok()
    }

    /// Whether it is a user's own, by either name.
    #[must_use]
    pub fn is_personal(&self) -> bool {
        self.0.starts_with('@')
    }

    /// The name as it goes to clients: of a personal room `@me`, for nobody else hears of it.
    #[must_use]
    pub fn on_the_wire(&self) -> Self {
        if self.is_personal() { Self::me() } else { self.clone() }
    }

    /// The name of a log as a store kept it.
    ///
    /// # Errors
    /// [`BadName`] for what no log is called.
    pub fn from_stored(text: &str) -> Result<Self, BadName> {
        match text.strip_prefix(PERSONAL) {
            Some(owner) => UserId::parse(owner).map(|owner| Self::personal(&owner)),
            None => Self::parse(text),
        }
    }
}

/// The tenant of tokens that name none, and of guests.
pub const DEFAULT_TENANT: &str = "default";

impl Default for Tenant {
    fn default() -> Self {
        static SHARED: OnceLock<Arc<str>> = OnceLock::new();
        Self(Arc::clone(SHARED.get_or_init(|| DEFAULT_TENANT.into())))
    }
}

impl SessionId {
    /// A fresh public name from 64 random bits.
    #[must_use]
    pub fn random() -> Self {
        Self(format!("s-{:016x}", Uuid::new_v4().as_u64_pair().0).into())
    }
}

/// Which log, over all tenants.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomKey {
    /// The world that the room is in.
    pub tenant: Tenant,
    /// The room's name in it.
    pub room: RoomName,
}

impl RoomKey {
    /// The key of `room` in `tenant`.
    #[must_use]
    pub fn new(tenant: Tenant, room: RoomName) -> Self {
        Self { tenant, room }
    }
}

impl fmt::Display for RoomKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.tenant, self.room)
    }
}

impl fmt::Debug for RoomKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Which user, over all tenants.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserKey {
    /// The world that the user is in.
    pub tenant: Tenant,
    /// Who in it.
    pub user: UserId,
}

impl UserKey {
    /// The key of `user` in `tenant`.
    #[must_use]
    pub fn new(tenant: Tenant, user: UserId) -> Self {
        Self { tenant, user }
    }
}

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.tenant, self.user)
    }
}

/// An entry's id: a `UUIDv7`, new for every attempt to append.
///
/// The same id at the same offset means the same append, which catches a log that lost its end and grew another one
/// under the same epoch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct EntryId(pub Uuid);

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.hyphenated(), f)
    }
}

impl Serialize for EntryId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One life of a log: 128 random bits, born with it. Offsets of two epochs don't compare.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Epoch(pub Uuid);

impl Epoch {
    /// A new life.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.simple(), f)
    }
}

impl Serialize for Epoch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_name_has_no_way_out_of_its_tenant() {
        for bad in ["", "@me", "../etc", "a/b", "a\0b", "räume", "😀", " a", "a b", ":a", "-a", "{a}", "a*"] {
            assert!(RoomName::parse(bad).is_err(), "{bad:?} was taken");
        }
        assert!(RoomName::parse(&"x".repeat(200)).is_ok());
        assert!(RoomName::parse(&"x".repeat(201)).is_err());
        for good in ["a", "dashboard:sales", "0.1-b_c"] {
            assert_eq!(RoomName::parse(good).unwrap().as_str(), good);
        }
    }

    /// Five thousand names that mean something to a shell, a path, a key of Redis, an SQL text, a URL or an eye.
    fn hostile() -> Vec<String> {
        let pieces = [
            "..", "/", "\\", "{", "}", "*", "?", "[", "]", "'", "\"", ";", "`", "$", "&", "|", "<", ">", "!", "#", "%",
            "^", "(", ")", "=", "+", ",", "~", "@", " ", "\t", "\r", "\n", "\0", "\u{1b}", "\u{7f}", "\u{85}",
            "\u{a0}", "\u{ad}", "\u{200b}", "\u{200d}", "\u{202e}", "\u{2028}", "\u{feff}", "\u{fffd}", "é", "ß", "а",
            "ａ", "İ", "🦊", "e\u{301}", "%2f", "%00", "\\u0000", "--", "/*", "${x}", "{{x}}", "../", "..\\",
            "file://", "{t:r}", "KEYS[1]", "&lt;",
        ];
        let places = ["", "a", "dashboard:sales", "x.y-z_1", "0"];
        let mut names = Vec::new();
        for piece in pieces {
            for (before, after) in places.iter().flat_map(|before| places.map(|after| (before, after))) {
                names.extend([format!("{before}{piece}{after}"), format!("{before}{piece}{piece}{after}")]);
                names.push(format!("{before}{}{after}", piece.repeat(40)));
            }
        }
        names.extend((201..=400).map(|length| "a".repeat(length)));
        names.extend((0x80..=0x2ff).filter_map(char::from_u32).map(String::from));
        names.retain(|name| {
            !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte)) || name.len() > 200
        });
        names
    }

    #[test]
    fn five_thousand_hostile_names_are_no_names() {
        let names = hostile();
        assert!(names.len() > 5_000, "{}", names.len());
        for name in &names {
            assert!(RoomName::parse(name).is_err(), "a room {name:?} was taken");
            assert!(Tenant::parse(name).is_err(), "a tenant {name:?} was taken");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_name_is_taken_exactly_when_its_rule_says_so(text in ".{0,12}|[A-Za-z0-9_.:-]{0,210}") {
            let is_first = |byte: u8| byte.is_ascii_alphanumeric();
            let of_room = |byte: u8| is_first(byte) || b"_.:-".contains(&byte);
            let is_room = (1..=200).contains(&text.len()) && is_first(text.as_bytes()[0]) && text.bytes().all(of_room);
            proptest::prop_assert_eq!(RoomName::parse(&text).is_ok(), is_room);
            let of_tenant = |byte: u8| is_first(byte) || b"_-".contains(&byte);
            let is_tenant = (1..=64).contains(&text.len()) && text.bytes().all(of_tenant);
            proptest::prop_assert_eq!(Tenant::parse(&text).is_ok(), is_tenant);
        }

        #[test]
        fn distinct_rooms_of_tenants_have_distinct_keys(
            one in ("[ab_-]{1,4}", "[ab][ab:._-]{0,5}"), other in ("[ab_-]{1,4}", "[ab][ab:._-]{0,5}"),
        ) {
            let key = |(tenant, room): &(String, String)| {
                RoomKey::new(Tenant::parse(tenant).unwrap(), RoomName::parse(room).unwrap()).to_string()
            };
            proptest::prop_assert_eq!(key(&one) == key(&other), one == other);
        }
    }

    #[test]
    fn a_personal_room_is_named_by_its_owner_and_by_no_client() {
        for id in ["ada", "me", "@:ada", "räume 😀"] {
            let owner = UserId::parse(id).unwrap();
            let name = RoomName::personal(&owner);
            assert!(RoomName::parse(name.as_str()).is_err());
            assert_eq!(RoomName::from_stored(name.as_str()), Ok(name.clone()));
            assert_eq!((name.owner(), name.on_the_wire()), (Some(owner), RoomName::me()));
            assert_ne!(name, RoomName::me());
        }
        let room = RoomName::parse("me").unwrap();
        assert!(!room.is_personal() && room.owner().is_none() && room.on_the_wire() == room);
    }

    #[test]
    fn two_rooms_never_share_a_key() {
        let key =
            |tenant, room| RoomKey::new(Tenant::parse(tenant).unwrap(), RoomName::parse(room).unwrap()).to_string();
        assert!(Tenant::parse("a:b").is_err(), "a tenant has no colon, so the first colon ends it");
        assert_ne!(key("a", "b:c"), key("a", "b.c"));
    }
}
