//! Tokens to try things out with: `copresence token`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::auth::{self, Gate, Refused};
use crate::cli::Token;
use crate::clock::Clock;
use crate::config::{AuthSettings, Config};

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// Nothing to sign by.
    #[error("auth.secret is not set: name the server's config file by --config, or set COPRESENCE_AUTH__SECRET")]
    NoSecret,
    /// The server would refuse the token for what was asked to be in it.
    #[error("no server would take this token: {0}")]
    Refused(#[from] Refused),
}

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    roles: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    rooms: Option<BTreeMap<String, Vec<&'static str>>>,
}

/// A token that says what `wanted` does, from the clock's now on.
///
/// # Errors
/// [`MintError`]; no secret is in it.
///
/// # Panics
/// Never: texts and numbers are JSON.
pub fn token(wanted: &Token, config: &Config, clock: &Clock) -> Result<String, MintError> {
    let secret = config.auth.secret.as_ref().ok_or(MintError::NoSecret)?;
    let iat = clock.wall().0 / 1_000;
    let mut rooms = BTreeMap::<String, Vec<_>>::new();
    for (pattern, rights) in &wanted.rooms {
        rooms.entry(pattern.to_string()).or_default().extend(rights.iter().map(|right| right.as_str()));
    }
    let claims = Claims {
        sub: &wanted.sub,
        iat,
        exp: iat.saturating_add_unsigned(wanted.ttl.as_secs()),
        name: wanted.name.as_deref(),
        tenant: wanted.tenant.as_deref(),
        roles: &wanted.roles,
        rooms: (!rooms.is_empty()).then_some(rooms),
    };
    let token = auth::mint(secret, &serde_json::to_string(&claims).expect("texts and numbers are JSON"));
    // Whoever tries things out hears here what a server would say.
    let settings = AuthSettings { secret: Some(secret.clone()), ..AuthSettings::default() };
    let gate = Gate::new(&settings, &[0; 32], false, clock.clone()).expect("a secret needs no reading");
    gate.admit(Some(&token), None)?;
    Ok(token)
}
