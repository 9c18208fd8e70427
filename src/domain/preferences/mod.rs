//! What a user wants to hear of, and when: decides whether a notification makes a toast.
//!
//! ```text
//! order's level, topic, room, time ─▶ judge ─▶ loud | quiet | quiet and already read   (critical ones: always loud)
//! ```
//!
//! A notification reaches the inbox in any case: preferences make it quiet, they never make it vanish.

mod json;
mod quiet_hours;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::entry::Timestamp;
use super::ids::RoomName;
use super::notification::Level;
use super::pattern::RoomPattern;

pub use self::json::BadPreferences;
pub use self::quiet_hours::{BadQuietHours, QuietHours};

/// So many topics can have a setting.
pub const TOPICS_MAX: usize = 200;

/// So many room patterns can have a setting.
pub const ROOMS_MAX: usize = 200;

/// So many rooms can be followed.
pub const FOLLOWS_MAX: usize = 1_000;

/// A user's preferences. The defaults let everything through.
#[derive(Clone, PartialEq, Debug)]
pub struct Preferences {
    /// Whether there are toasts at all, but for critical ones. Default: yes.
    pub toasts: bool,
    /// How much longer toasts stay than their senders said: a factor of 0.1 to 10, for clients to apply, or
    /// infinite for toasts that stay. Default: 1.
    pub durations: f64,
    /// Levels that are muted, by the number of [`Level::ALL`]'s order. Default: none.
    pub muted_levels: [bool; 4],
    /// What is heard of a topic. Default: all.
    pub topics: BTreeMap<Arc<str>, Volume>,
    /// What is heard of the rooms that fit a pattern; of several the most precise one says. Default: all.
    pub rooms: BTreeMap<Arc<str>, (RoomPattern, Volume)>,
    /// When everything but critical ones is quiet. Default: never.
    pub quiet_hours: Option<QuietHours>,
    /// Whether a notification tells, when quiet hours end, what came in them. Default: no.
    pub digest: bool,
    /// Rooms whose notifications reach the user while away, in the order in which they were followed.
    pub follows: Vec<RoomName>,
}

/// What is heard of something, from loud to silent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Volume {
    /// Everything.
    #[default]
    All,
    /// Critical ones; the others come quiet and unread.
    Critical,
    /// Critical ones; the others come quiet and already read.
    Mute,
}

impl Volume {
    const ALL: [Self; 3] = [Self::All, Self::Critical, Self::Mute];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Critical => "critical",
            Self::Mute => "mute",
        }
    }

    /// The volume that is called `name`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|volume| volume.as_str() == name)
    }
}

/// How a notification comes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Verdict {
    /// Without a toast.
    pub quiet: bool,
    /// Already read, so that it lights no badge.
    pub read: bool,
    /// It is quiet for nothing but quiet hours, and a digest shall tell of it when they end: then.
    pub piles_until: Option<Timestamp>,
}

/// The list of followed rooms is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a user can follow {FOLLOWS_MAX} rooms")]
pub struct TooManyFollows;

impl Default for Preferences {
    fn default() -> Self {
        Self {
            toasts: true,
            durations: 1.0,
            muted_levels: [false; 4],
            topics: BTreeMap::new(),
            rooms: BTreeMap::new(),
            quiet_hours: None,
            digest: false,
            follows: Vec::new(),
        }
    }
}

impl Preferences {
    /// How a notification comes that was ordered at `at`: the most silent of level, topic and room counts.
    #[must_use]
    pub fn judge(
        &self,
        level: Level,
        topic: Option<&str>,
        room: Option<&RoomName>,
        critical: bool,
        at: Timestamp,
    ) -> Verdict {
        if critical {
            return Verdict::default();
        }
        let of_level = if self.muted_levels[level as usize - 1] { Volume::Mute } else { Volume::All };
        let of_topic = topic.and_then(|topic| self.topics.get(topic).copied()).unwrap_or_default();
        let of_room = room.map(|room| self.volume_of(room)).unwrap_or_default();
        let volume = of_level.max(of_topic).max(of_room);
        if volume > Volume::All || !self.toasts {
            return Verdict { quiet: true, read: volume == Volume::Mute, piles_until: None };
        }
        let quiet_until = self.quiet_until(at);
        Verdict { quiet: quiet_until.is_some(), read: false, piles_until: quiet_until.filter(|_| self.digest) }
    }

    /// The names of those that `after` has otherwise, as [`Self::to_json`] calls them.
    #[must_use]
    pub fn keys_other_than(&self, after: &Self) -> Vec<&'static str> {
        let keys = [
            ("toasts", self.toasts != after.toasts),
            ("durations", self.durations.to_bits() != after.durations.to_bits()),
            ("levels", self.muted_levels != after.muted_levels),
            ("topics", self.topics != after.topics),
            ("rooms", self.rooms != after.rooms),
            ("quiet_hours", self.quiet_hours != after.quiet_hours),
            ("digest", self.digest != after.digest),
            ("follows", self.follows != after.follows),
        ];
        keys.into_iter().filter_map(|(key, is_other)| is_other.then_some(key)).collect()
    }

    /// When the quiet hours end that `at` lies in; `None` outside of them.
    #[must_use]
    pub fn quiet_until(&self, at: Timestamp) -> Option<Timestamp> {
        self.quiet_hours.as_ref()?.until(at)
    }

    /// Follows a room; whether that is new.
    ///
    /// # Errors
    /// [`TooManyFollows`] when the list is full.
    pub fn follow(&mut self, room: &RoomName) -> Result<bool, TooManyFollows> {
        if self.follows.contains(room) {
            return Ok(false);
        }
        if self.follows.len() >= FOLLOWS_MAX {
            return Err(TooManyFollows);
        }
        self.follows.push(room.clone());
        Ok(true)
    }

    /// Follows a room no more; whether it was followed.
    pub fn unfollow(&mut self, room: &RoomName) -> bool {
        let before = self.follows.len();
        self.follows.retain(|followed| followed != room);
        self.follows.len() < before
    }

    fn volume_of(&self, room: &RoomName) -> Volume {
        let fitting = self.rooms.values().filter(|(pattern, _)| pattern.fits(room));
        fitting.max_by_key(|(pattern, _)| pattern.precision()).map(|(_, volume)| *volume).unwrap_or_default()
    }
}
