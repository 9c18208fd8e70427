//! Who comes without an account, where that is allowed.
//!
//! A guest's token is a JWT like a user's, and can't be taken for one: its header says `"kid":"guest"`, which leads to a
//! key that signs nothing else, and its audience says so once more. It is brought on every connect and comes back
//! renewed, so a guest stays the same user as long as they return within 30 days.

use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

use crate::domain::entry::Timestamp;
use crate::domain::grants::Grants;
use crate::domain::ids::{Tenant, UserId};
use crate::domain::user::User;

use super::claims::{Claims, shown_name};
use super::jwt::SharedKey;
use super::{Admitted, Identity, Refused};

/// Leads a token to the guests' key.
pub(super) const KID: &str = "guest";

/// Who guests' tokens are for.
pub(super) const AUDIENCE: &str = "copresence:guest";

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT","kid":"guest"}"#;
const DAYS: i64 = 30;
const ID_START: &str = "guest-";

/// What a guest's token says.
#[derive(Serialize)]
struct GuestClaims<'a> {
    aud: &'a str,
    sub: &'a str,
    name: &'a str,
    iat: i64,
    exp: i64,
}

/// A guest, new or returned.
pub(super) struct Guest {
    id: UserId,
    name: String,
    /// When the token was made that they brought; `None` of a new one.
    issued: Option<Timestamp>,
}

impl Guest {
    /// A new one, with a drawn id and a name of its first digits.
    pub(super) fn drawn() -> Self {
        let digits = format!("{:016x}", Uuid::new_v4().as_u64_pair().0);
        let id = UserId::parse(&format!("{ID_START}{digits}")).expect("22 plain letters are a user's id");
        Self { name: format!("Guest {}", digits[..4].to_ascii_uppercase()), id, issued: None }
    }

    /// The one that `claims`, signed by the guests' key, are about.
    pub(super) fn returned(claims: &Claims, now: Timestamp) -> Result<Self, Refused> {
        claims.good_at(now)?;
        let id = claims.user()?;
        let name = claims.name()?.filter(|_| claims.audience_is_guests() && is_guest_id(&id));
        // We signed it, so this is a token of another version at worst.
        let name = name.ok_or(Refused::Malformed("it is no guest's token of this version"))?;
        Ok(Self { id, name, issued: claims.issued()? })
    }

    /// Lets the guest in, renamed if `name` says something, with a token from `now` on.
    pub(super) fn admit(mut self, name: Option<&str>, key: &SharedKey, now: Timestamp) -> Result<Admitted, Refused> {
        if let Some(name) = shown_name(name.unwrap_or_default()).map_err(|_| Refused::GuestName)? {
            self.name = name;
        }
        let iat = now.0 / 1_000;
        let exp = iat + DAYS * 86_400;
        let claims = GuestClaims { aud: AUDIENCE, sub: self.id.as_str(), name: &self.name, iat, exp };
        let claims = serde_json::to_string(&claims).expect("texts and numbers are JSON");
        let identity = Identity {
            tenant: Tenant::default(),
            user: Arc::new(User::new(self.id, self.name.into(), None)),
            roles: Vec::new(),
            grants: Grants::open(),
            expires: None,
            issued: Some(self.issued.unwrap_or(now)),
            is_guest: true,
        };
        Ok(Admitted { identity, guest_token: Some(key.sign(HEADER, &claims)) })
    }
}

/// `guest-` and 16 hexadecimal digits.
fn is_guest_id(id: &UserId) -> bool {
    let digits = id.as_str().strip_prefix(ID_START).unwrap_or_default();
    digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}
