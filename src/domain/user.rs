//! Who is behind a session.

use std::sync::Arc;

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use super::ids::UserId;

/// A user as others see them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct User {
    /// Who they are; the token's `sub`.
    pub id: UserId,
    /// What to call them, at most 100 characters.
    pub name: Arc<str>,
    /// An http(s) URL of a picture.
    pub avatar: Option<Arc<str>>,
    /// Always the same for the same id; see [`color`].
    pub color: &'static str,
}

impl User {
    /// A user with the colour that belongs to `id`.
    #[must_use]
    pub fn new(id: UserId, name: Arc<str>, avatar: Option<Arc<str>>) -> Self {
        let color = color(&id);
        Self { id, name, avatar, color }
    }
}

/// Ten colours that bear white text with a contrast of at least 4.5 : 1 (WCAG 2.2, 1.4.3).
const COLORS: [&str; 10] =
    ["#b3261e", "#9a4a00", "#7a5900", "#4f6600", "#1b6d2f", "#006a67", "#00639b", "#3f51b5", "#7b3fa0", "#a8326e"];

/// The colour of a user, by a hash of the id, so that every node and client draws the same one.
#[must_use]
pub fn color(id: &UserId) -> &'static str {
    let slot = xxh3_64(id.as_str().as_bytes()) % COLORS.len() as u64;
    COLORS[usize::try_from(slot).unwrap_or(0)]
}
