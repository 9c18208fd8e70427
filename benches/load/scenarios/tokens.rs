//! Users' tokens, signed as a backend would.

use copresence::auth;
use copresence::clock::Clock;
use copresence::config::Secret;

use crate::server::SECRET;

/// Makes the users' tokens; each may join and publish everywhere, and notify everybody.
pub(super) struct Tokens {
    secret: Secret,
    /// Seconds since 1970.
    expires: i64,
}

impl Tokens {
    pub(super) fn new(clock: &Clock) -> Self {
        let secret = Secret::new(SECRET).expect("it is not empty");
        Self { secret, expires: clock.wall().0 / 1_000 + 86_400 }
    }

    pub(super) fn of(&self, user: usize) -> String {
        let claims =
            format!(r#"{{"sub":"user-{user:06}","exp":{},"rooms":{{"*":["join","publish","notify"]}}}}"#, self.expires);
        auth::mint(&self.secret, &claims)
    }
}
