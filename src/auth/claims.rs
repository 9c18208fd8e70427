//! What a token says, each claim typed. Read only after the signature held.
//!
//! | claim | |
//! |---|---|
//! | `sub` | who it is, 1 to 200 characters |
//! | `exp` | when it ends, in seconds since 1970 |
//! | `nbf`, `iat` | since when it is good; when it was made, by which the newest of a user's tokens is known, and those that were taken back |
//! | `iss`, `aud` | who made it and for whom; looked at where the key's settings name them |
//! | `tenant` | the world that they are in; if there is none, that of the key, and else `default` |
//! | `name` | what to call them, at most 100 characters; `sub` if there is none |
//! | `avatar` | a picture; anything but an http(s) URL of at most 2,000 bytes is dropped, as nobody should be shut out for a picture |
//! | `roles` | a list of texts |
//! | `rooms` | rights by pattern of rooms; if there is none, what each room is open to, and `{}` is nothing at all |
//!
//! Others are passed over. A claim of the wrong type is never taken as missing: `"rooms": null` must not mean "all".

use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::domain::entry::Timestamp;
use crate::domain::grants::{Grants, Right, Rights};
use crate::domain::ids::{Tenant, UserId};
use crate::domain::pattern::RoomPattern;
use crate::domain::user::User;

use super::jwt::Members;
use super::keys::Terms;
use super::{Identity, LEEWAY_MS, Refused, guest};

/// What to call somebody, in characters.
pub(super) const NAME_CHARS_MAX: usize = 100;

const AVATAR_BYTES_MAX: usize = 2_000;
const ROLES_MAX: usize = 100;
const ROLE_CHARS_MAX: usize = 100;

/// The end of the year 9999. What is later was meant in milliseconds.
const SECONDS_MAX: f64 = 253_402_300_799.0;

/// Claims whose signature held.
pub(super) struct Claims<'a>(Members<'a>);

impl<'a> Claims<'a> {
    /// Reads the payload of a token.
    pub(super) fn read(payload: &'a str) -> Result<Self, Refused> {
        let members = Members::read(payload);
        members.map(Self).ok_or(Refused::Malformed("its claims must be a JSON object without a name twice"))
    }

    /// Who the user is, if the token is good at `now` and says what its key's `terms` ask for.
    pub(super) fn identity(&self, now: Timestamp, terms: &Terms) -> Result<Identity, Refused> {
        if self.audience_is_guests() {
            return Err(wrong("aud", "is kept for guests"));
        }
        self.keep(terms)?;
        let expires = self.good_at(now)?;
        let id = self.user()?;
        let name = self.name()?.unwrap_or_else(|| id.as_str().chars().take(NAME_CHARS_MAX).collect());
        Ok(Identity {
            tenant: self.tenant(terms.tenant.as_ref())?,
            user: Arc::new(User::new(id, name.into(), self.avatar()?.map(Arc::from))),
            roles: self.roles()?,
            grants: self.grants()?,
            expires: Some(expires),
            issued: self.issued()?,
            is_guest: false,
        })
    }

    /// Checks the token's times and returns when it ends.
    pub(super) fn good_at(&self, now: Timestamp) -> Result<Timestamp, Refused> {
        let expires = self.time("exp")?.ok_or_else(|| wrong("exp", "is missing"))?;
        let starts = self.time("nbf")?;
        self.issued()?;
        if now.0 >= expires.0 + LEEWAY_MS {
            return Err(Refused::Expired);
        }
        if starts.is_some_and(|starts| starts.0 > now.0 + LEEWAY_MS) {
            return Err(Refused::NotYet);
        }
        Ok(expires)
    }

    /// `iat`: when the token was made.
    pub(super) fn issued(&self) -> Result<Option<Timestamp>, Refused> {
        self.time("iat")
    }

    /// `sub`.
    pub(super) fn user(&self) -> Result<UserId, Refused> {
        let rule = "must be a text of 1 to 200 characters without control characters";
        let text = self.read_as::<String>("sub", rule)?.ok_or_else(|| wrong("sub", "is missing"))?;
        UserId::parse(&text).map_err(|_| wrong("sub", rule))
    }

    /// `name`, if it says anything.
    pub(super) fn name(&self) -> Result<Option<String>, Refused> {
        let rule = "must be a text of at most 100 characters without control characters";
        let Some(text) = self.read_as::<Option<String>>("name", rule)?.flatten() else { return Ok(None) };
        shown_name(&text).map_err(|TooBad| wrong("name", rule))
    }

    /// Whether the token was made for guests; see [`guest`].
    pub(super) fn audience_is_guests(&self) -> bool {
        self.0
            .find("aud")
            .is_some_and(|aud| serde_json::from_str::<String>(aud).is_ok_and(|aud| aud == guest::AUDIENCE))
    }

    /// Checks who made the token and for whom.
    fn keep(&self, terms: &Terms) -> Result<(), Refused> {
        if let Some(issuer) = &terms.issuer {
            let rule = "must be the issuer that is set for its key";
            let text = self.read_as::<String>("iss", rule)?;
            text.filter(|text| text == issuer).ok_or_else(|| wrong("iss", rule))?;
        }
        if let Some(audience) = &terms.audience {
            let rule = "must name the audience that is set for its key";
            let json = self.0.find("aud").ok_or_else(|| wrong("aud", rule))?;
            // One text, or a list of them (RFC 7519, 4.1.3).
            let one = serde_json::from_str::<String>(json).map(|one| vec![one]);
            let all = one.or_else(|_| serde_json::from_str::<Vec<String>>(json)).map_err(|_| wrong("aud", rule))?;
            all.iter().find(|one| *one == audience).ok_or_else(|| wrong("aud", rule))?;
        }
        Ok(())
    }

    /// The world of the token. A key that has one of its own opens no other.
    fn tenant(&self, of_key: Option<&Tenant>) -> Result<Tenant, Refused> {
        let rule = "must be 1 to 64 of A-Z a-z 0-9 _ -";
        let Some(text) = self.read_as::<String>("tenant", rule)? else {
            return Ok(of_key.cloned().unwrap_or_default());
        };
        let tenant = Tenant::parse(&text).map_err(|_| wrong("tenant", rule))?;
        if of_key.is_some_and(|of_key| *of_key != tenant) {
            return Err(wrong("tenant", "must be the tenant that is set for its key"));
        }
        Ok(tenant)
    }

    fn avatar(&self) -> Result<Option<String>, Refused> {
        let text = self.read_as::<Option<String>>("avatar", "must be a text")?.flatten();
        Ok(text.filter(|url| url.len() <= AVATAR_BYTES_MAX && is_web_url(url)))
    }

    fn roles(&self) -> Result<Vec<String>, Refused> {
        let rule = "must be a list of at most 100 texts of 1 to 100 characters without control characters";
        let roles = self.read_as::<Vec<String>>("roles", rule)?.unwrap_or_default();
        let is_role =
            |role: &String| (1..=ROLE_CHARS_MAX).contains(&role.chars().count()) && !role.chars().any(char::is_control);
        if roles.len() <= ROLES_MAX && roles.iter().all(is_role) { Ok(roles) } else { Err(wrong("roles", rule)) }
    }

    fn grants(&self) -> Result<Grants, Refused> {
        let Some(json) = self.0.find("rooms") else { return Ok(Grants::open()) };
        let rule = "must be an object from patterns of rooms, none of them twice, to lists of rights";
        let rooms = Members::read(json).ok_or_else(|| wrong("rooms", rule))?;
        let grant = |(pattern, rights): (&str, &str)| {
            let parsed = RoomPattern::parse(pattern)
                .map_err(|bad| wrong("rooms", &format!("names {}: {bad}", quoted(pattern))))?;
            let names: Vec<String> = serde_json::from_str(rights).map_err(|_| wrong("rooms", rule))?;
            let unknown = |name: &String| {
                let all = Right::ALL.map(Right::as_str).join(", ");
                wrong("rooms", &format!("names {}: the rights are {all}", quoted(name)))
            };
            let rights = names.iter().map(|name| Right::parse(name).ok_or_else(|| unknown(name)));
            Ok((parsed, rights.collect::<Result<Rights, _>>()?))
        };
        rooms.iter().map(grant).collect::<Result<_, _>>().map(Grants::new)
    }

    /// A time in seconds since 1970: a number, fractions allowed.
    fn time(&self, claim: &'static str) -> Result<Option<Timestamp>, Refused> {
        let rule = "must be a number of seconds since 1970, before the year 10000";
        let Some(seconds) = self.read_as::<f64>(claim, rule)? else { return Ok(None) };
        if !(0.0..=SECONDS_MAX).contains(&seconds) {
            return Err(wrong(claim, rule));
        }
        #[expect(clippy::cast_possible_truncation, reason = "bounded just above")]
        Ok(Some(Timestamp((seconds * 1_000.0) as i64)))
    }

    /// The claim as a `T`; `None` only when it is not there.
    fn read_as<T: DeserializeOwned>(&self, claim: &'static str, rule: &str) -> Result<Option<T>, Refused> {
        self.0.find(claim).map(serde_json::from_str).transpose().map_err(|_| wrong(claim, rule))
    }
}

/// A name that can't be shown.
pub(super) struct TooBad;

/// What somebody is called, without spaces around it; `None` when nothing is left.
pub(super) fn shown_name(text: &str) -> Result<Option<String>, TooBad> {
    let name = text.trim();
    if name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        return Err(TooBad);
    }
    Ok((!name.is_empty()).then(|| name.to_owned()))
}

/// Whether a page may load `url` as a picture: http(s), a host, and nothing that could end an attribute.
fn is_web_url(url: &str) -> bool {
    let rest =
        url.split_once("://").filter(|(scheme, _)| ["http", "https"].iter().any(|s| scheme.eq_ignore_ascii_case(s)));
    let has_host = rest.is_some_and(|(_, rest)| rest.starts_with(|c: char| c.is_alphanumeric() || c == '['));
    has_host && !url.contains(|c: char| c.is_control() || c.is_whitespace() || "\"'<>`\\".contains(c))
}

fn wrong(claim: &'static str, rule: &str) -> Refused {
    Refused::Claim { claim, rule: rule.to_owned() }
}

/// What the token said, short and in one line.
fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(40).collect::<String>())
}
