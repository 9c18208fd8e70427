//! Tokens that a backend took back before their end: all of a user's that are older than some time.
//!
//! Kept in memory, beside the list on the disk from which it is filled at the start: every token is held against it.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use crate::domain::entry::Timestamp;
use crate::domain::ids::UserKey;

use super::Identity;

/// Since when the tokens of some users are good. The lock is held for a look-up or an insert, never over a call.
#[derive(Default)]
pub(super) struct TakenBack(RwLock<HashMap<UserKey, Timestamp>>);

impl TakenBack {
    /// Takes back what is older than `before`; it never goes back itself.
    pub(super) fn add(&self, user: UserKey, before: Timestamp) {
        let mut users = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let at = users.entry(user).or_insert(before);
        *at = before.max(*at);
    }

    /// Whether this token was taken back. One that doesn't say when it was made could be any age.
    pub(super) fn has(&self, identity: &Identity) -> bool {
        let users = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let before = if users.is_empty() { None } else { users.get(&identity.key()) };
        before.is_some_and(|before| identity.issued.is_none_or(|issued| issued < *before))
    }
}
