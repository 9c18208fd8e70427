//! Patterns of room names, as tokens and settings use them.

use std::fmt;
use std::sync::Arc;

use super::ids::RoomName;

/// A room's name, or the start of one and a `*` at its end.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct RoomPattern {
    start: Arc<str>,
    is_open: bool,
}

/// The sentence for a pattern that is none.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a room pattern is a room's name, or the start of one and a `*` at its end")]
pub struct BadPattern;

impl RoomPattern {
    /// Reads a pattern such as `dashboard:*`, `*` or `approval-queue`.
    ///
    /// # Errors
    /// [`BadPattern`] when a `*` stands elsewhere than at the end, or the rest could not begin a room's name.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        let (start, is_open) = text.strip_suffix('*').map_or((text, false), |start| (start, true));
        let is_every_room = is_open && start.is_empty();
        if !is_every_room && RoomName::parse(start).is_err() {
            return Err(BadPattern);
        }
        Ok(Self { start: start.into(), is_open })
    }

    /// Whether `room` fits.
    #[must_use]
    pub fn fits(&self, room: &RoomName) -> bool {
        if self.is_open { room.as_str().starts_with(&*self.start) } else { room.as_str() == &*self.start }
    }

    /// Whether it is `*`, which every room fits.
    #[must_use]
    pub fn is_everywhere(&self) -> bool {
        self.is_open && self.start.is_empty()
    }

    /// How much of a name the pattern fixes; of room settings the longest that fits wins, a whole name over a start.
    #[must_use]
    pub fn precision(&self) -> (usize, bool) {
        (self.start.len(), !self.is_open)
    }
}

impl fmt::Display for RoomPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.start, if self.is_open { "*" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str) -> RoomName {
        RoomName::parse(name).unwrap()
    }

    #[test]
    fn a_star_stands_at_the_end_alone() {
        for bad in ["", "**", "a*b", "*a", "a**", "@me", "ä*"] {
            assert_eq!(RoomPattern::parse(bad), Err(BadPattern), "{bad:?} was taken");
        }
    }

    #[test]
    fn a_start_fits_what_begins_with_it_and_a_name_only_itself() {
        let start = RoomPattern::parse("dashboard:*").unwrap();
        assert!(start.fits(&room("dashboard:sales")) && start.fits(&room("dashboard:")));
        assert!(!start.fits(&room("dashboard")) && !start.fits(&room("my-dashboard:sales")));
        let name = RoomPattern::parse("lobby").unwrap();
        assert!(name.fits(&room("lobby")) && !name.fits(&room("lobby2")));
        assert!(RoomPattern::parse("*").unwrap().fits(&room("anything")));
    }
}
