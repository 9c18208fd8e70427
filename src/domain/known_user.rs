//! What is remembered of a user who may be away: what the newest token said, and when they were seen.
//!
//! News come in any order, from several connections and tabs. Merging them is a maximum by time, so that the order in
//! which they are learned, and how often, changes nothing but among tokens that don't say when they were made.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde_json::{Map, Value};
use xxhash_rust::xxh3::Xxh3Default;

use super::entry::Timestamp;
use super::grants::{Grants, Right, Rights};
use super::ids::UserId;
use super::pattern::RoomPattern;
use super::user::User;

/// What a token says of its user.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Profile {
    /// What to call them.
    pub name: Arc<str>,
    /// An http(s) URL of a picture.
    pub avatar: Option<Arc<str>>,
    /// What they are.
    pub roles: Vec<String>,
    /// What they may do, as the token named it. [`Grants::Open`] comes back from the store without the settings of rooms,
    /// so whoever judges by it asks [`Grants::open_to`] first.
    pub grants: Grants,
    /// Whether they came without an account.
    pub is_guest: bool,
}

/// A token that was brought.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// What it says.
    pub profile: Arc<Profile>,
    /// When it was made; when it was brought, if it doesn't say.
    pub token_at: Timestamp,
    /// Whether it says so itself.
    pub is_dated: bool,
}

/// Something new of a user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct News {
    /// A token that was brought, if it is about that.
    pub said: Option<Said>,
    /// When the user was here.
    pub seen: Timestamp,
}

/// What is remembered of a user; `P` is how what a token says is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known<P = Arc<Profile>> {
    /// What the newest token says.
    pub profile: P,
    /// When that one was made.
    pub token_at: Timestamp,
    /// When the user was here for the last time, as far as it was written down.
    pub last_seen: Timestamp,
}

/// How what a token says is kept.
pub trait Kept {
    /// Keeps it.
    fn keep(profile: &Arc<Profile>) -> Self;

    /// Whether it says this.
    fn is(&self, profile: &Profile) -> bool;
}

/// A hash of what a token says: enough to see whether another one says the same, and a tenth of the memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digest(u64);

/// A user and what is remembered of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownUser {
    /// Who.
    pub user: UserId,
    /// What is remembered.
    pub known: Known,
}

/// What learning changed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Learned {
    /// Nothing at all.
    Nothing,
    /// They were here later than was known.
    Seen,
    /// What their newest token says.
    Profile,
}

impl Kept for Arc<Profile> {
    fn keep(profile: &Self) -> Self {
        Self::clone(profile)
    }

    fn is(&self, profile: &Profile) -> bool {
        **self == *profile
    }
}

impl Kept for Digest {
    fn keep(profile: &Arc<Profile>) -> Self {
        Self::of(profile)
    }

    fn is(&self, profile: &Profile) -> bool {
        *self == Self::of(profile)
    }
}

impl Digest {
    fn of(profile: &Profile) -> Self {
        let mut hasher = Xxh3Default::new();
        profile.hash(&mut hasher);
        Self(hasher.finish())
    }
}

impl Profile {
    /// What is to be remembered of who comes as `user`.
    #[must_use]
    pub fn of(user: &User, roles: &[String], grants: &Grants, is_guest: bool) -> Arc<Self> {
        let grants = match grants {
            // In one order, so that the same rights compare as the same.
            Grants::Named(named) => {
                let mut named = named.clone();
                named.sort_by_cached_key(|(pattern, _)| pattern.to_string());
                Grants::Named(named)
            }
            Grants::Open(_) => Grants::open(),
        };
        let (name, avatar) = (Arc::clone(&user.name), user.avatar.clone());
        Arc::new(Self { name, avatar, roles: roles.to_vec(), grants, is_guest })
    }
}

impl News {
    /// A token was brought `now`, which says that it was made at `issued`. One that claims to be of the future counts as
    /// made now: else a clock that is wrong would shut out all tokens after it.
    #[must_use]
    pub fn token(profile: Arc<Profile>, issued: Option<Timestamp>, now: Timestamp) -> Self {
        let token_at = issued.map_or(now, |issued| issued.min(now));
        Self { said: Some(Said { profile, token_at, is_dated: issued.is_some() }), seen: now }
    }

    /// The user was here at this time.
    #[must_use]
    pub fn seen(at: Timestamp) -> Self {
        Self { said: None, seen: at }
    }

    /// These and later news as one.
    #[must_use]
    pub fn and(self, later: Self) -> Self {
        let said = match (self.said, later.said) {
            (Some(first), Some(second)) if second.replaces(&first.profile, first.token_at) => Some(second),
            (first, second) => first.or(second),
        };
        Self { said, seen: self.seen.max(later.seen) }
    }

    /// What is known from these alone; nothing, when they bring no token.
    #[must_use]
    pub fn known<P: Kept>(&self) -> Option<Known<P>> {
        let Said { profile, token_at, .. } = self.said.as_ref()?;
        Some(Known { profile: P::keep(profile), token_at: *token_at, last_seen: self.seen })
    }
}

impl Said {
    /// Whether it counts in place of what was said before. Of two that were made in the same second the later one does;
    /// one without a time is not taken for a new one when it says what is known.
    fn replaces(&self, said: &impl Kept, token_at: Timestamp) -> bool {
        self.token_at >= token_at && (self.is_dated || !said.is(&self.profile))
    }
}

impl<P: Kept> Known<P> {
    /// Takes news in; learned twice, the second time changes nothing.
    pub fn learn(&mut self, news: &News) -> Learned {
        let mut learned = Learned::Nothing;
        if news.seen > self.last_seen {
            self.last_seen = news.seen;
            learned = Learned::Seen;
        }
        if let Some(said) = news.said.as_ref().filter(|said| said.replaces(&self.profile, self.token_at))
            && (said.token_at != self.token_at || !self.profile.is(&said.profile))
        {
            (self.profile, self.token_at) = (P::keep(&said.profile), said.token_at);
            learned = Learned::Profile;
        }
        learned
    }
}

/// Grants as the claim `rooms` has them, `{"dashboard:*":["join"]}`; `None` for those of who has none of their own.
#[must_use]
pub fn claim_of(grants: &Grants) -> Option<String> {
    let Grants::Named(by_pattern) = grants else { return None };
    let names =
        |rights: &Rights| Right::ALL.into_iter().filter(|right| rights.has(*right)).map(Right::as_str).collect();
    let claim: Map<String, Value> =
        by_pattern.iter().map(|(pattern, rights)| (pattern.to_string(), names(rights))).collect();
    Some(Value::Object(claim).to_string())
}

/// The grants that [`claim_of`] wrote down; `None` for what it can't have written.
#[must_use]
pub fn grants_of(claim: Option<&str>) -> Option<Grants> {
    let Some(claim) = claim else { return Some(Grants::open()) };
    let by_pattern: Map<String, Value> = serde_json::from_str(claim).ok()?;
    let grant = |(pattern, rights): (&String, &Value)| {
        let rights = rights.as_array()?.iter().map(|right| Right::parse(right.as_str()?));
        Some((RoomPattern::parse(pattern).ok()?, rights.collect::<Option<Rights>>()?))
    };
    by_pattern.iter().map(grant).collect::<Option<_>>().map(Grants::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(role: &str) -> Arc<Profile> {
        let (name, roles) = ("Ada".into(), vec![role.to_owned()]);
        Arc::new(Profile { name, avatar: None, roles, grants: Grants::open(), is_guest: false })
    }

    fn token(role: &str, issued: Option<i64>, now: i64) -> News {
        News::token(profile(role), issued.map(Timestamp), Timestamp(now))
    }

    #[test]
    fn the_newest_token_wins_in_whatever_order_and_however_often_they_are_learned() {
        let news = [
            token("old", Some(10), 100),
            token("new", Some(20), 101),
            News::seen(Timestamp(500)),
            token("old", Some(10), 400),
        ];
        for first in 0..news.len() {
            let mut order: Vec<_> = news.iter().cycle().skip(first).take(2 * news.len()).collect();
            for _ in 0..2 {
                order.reverse();
                let mut known: Known = token("older", Some(1), 1).known().unwrap();
                for news in &order {
                    known.learn(news);
                }
                let expected = Known { profile: profile("new"), token_at: Timestamp(20), last_seen: Timestamp(500) };
                assert_eq!(known, expected);
                let all = order.iter().copied().cloned().reduce(News::and).unwrap();
                assert_eq!(all.known::<Arc<Profile>>().unwrap(), expected, "gathered while they wait");
            }
        }
    }

    #[test]
    fn a_digest_tells_as_much_as_the_whole() {
        let mut whole: Known = token("editor", Some(20), 100).known().unwrap();
        let mut digest: Known<Digest> = token("editor", Some(20), 100).known().unwrap();
        let news =
            [("editor", 20, 100), ("viewer", 19, 90), ("editor", 20, 130), ("viewer", 20, 131), ("viewer", 21, 131)];
        for (role, issued, now) in news {
            let news = token(role, Some(issued), now);
            assert_eq!(digest.learn(&news), whole.learn(&news), "{role} {issued} {now}");
            assert_eq!((digest.token_at, digest.last_seen), (whole.token_at, whole.last_seen));
        }
    }

    #[test]
    fn what_is_known_already_changes_nothing() {
        let mut known: Known = token("editor", Some(20), 100).known().unwrap();
        assert_eq!(known.learn(&token("editor", Some(20), 100)), Learned::Nothing);
        assert_eq!(known.learn(&token("viewer", Some(19), 90)), Learned::Nothing);
        assert_eq!(known.learn(&token("editor", Some(20), 130)), Learned::Seen);
        assert_eq!(known.learn(&token("viewer", Some(20), 131)), Learned::Profile, "made in the same second");
    }

    #[test]
    fn a_token_without_a_time_counts_from_when_it_was_brought_and_is_not_new_again_and_again() {
        let mut known: Known = token("editor", None, 100).known().unwrap();
        assert_eq!(known.learn(&token("editor", None, 200)), Learned::Seen);
        assert_eq!(known.token_at, Timestamp(100));
        assert_eq!(known.learn(&token("viewer", Some(150), 210)), Learned::Profile);
        assert_eq!(known.learn(&token("editor", Some(99), 220)), Learned::Seen, "older than both");
    }

    #[test]
    fn a_token_of_the_future_does_not_shut_out_the_tokens_after_it() {
        let mut known: Known = token("editor", Some(1_000_000), 100).known().unwrap();
        assert_eq!(known.token_at, Timestamp(100));
        assert_eq!(known.learn(&token("viewer", Some(101), 101)), Learned::Profile);
    }

    #[test]
    fn grants_come_back_as_the_claim_named_them() {
        let pattern = |text| RoomPattern::parse(text).unwrap();
        let named = Grants::new(vec![
            (pattern("*"), Rights::default()),
            (pattern("dashboard:*"), Rights::from_iter([Right::Join, Right::Notify])),
        ]);
        assert_eq!(claim_of(&named).unwrap(), r#"{"*":[],"dashboard:*":["join","notify"]}"#);
        for grants in [named, Grants::default(), Grants::open()] {
            assert_eq!(grants_of(claim_of(&grants).as_deref()), Some(grants));
        }
        for damaged in ["", "null", "[]", r#"{"a":null}"#, r#"{"a":["fly"]}"#, r#"{"a b":[]}"#] {
            assert_eq!(grants_of(Some(damaged)), None, "{damaged}");
        }
    }
}
