//! Tokens as somebody with the server's secret, or without it, would make them.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

/// `auth.secret` of every node in the tests.
pub(crate) const SECRET: &str = "a-secret-for-tests-that-is-long-enough-7f3a9c";

/// An HS256 token with just these claims, signed with `secret`.
pub(crate) fn mint(secret: &str, claims: &Value) -> String {
    jsonwebtoken::encode(&Header::default(), claims, &EncodingKey::from_secret(secret.as_bytes()))
        .expect("claims encode")
}

/// A good token for `user` that holds for an hour.
pub(crate) fn token_of(user: &str) -> String {
    mint(SECRET, &json!({"sub": user, "exp": seconds_from_now(3600)}))
}

/// A good token for `user` with the claim `rooms`.
pub(crate) fn token_with_rooms(user: &str, rooms: &Value) -> String {
    mint(SECRET, &json!({"sub": user, "exp": seconds_from_now(3600), "rooms": rooms}))
}

/// A good token for `user` with these roles.
pub(crate) fn token_with_roles(user: &str, roles: &[&str]) -> String {
    mint(SECRET, &json!({"sub": user, "exp": seconds_from_now(3600), "roles": roles}))
}

/// Seconds since 1970, `offset` from now.
pub(crate) fn seconds_from_now(offset: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    i64::try_from(now).expect("it is before the year 292 billion") + offset
}
