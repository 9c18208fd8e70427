//! Section `limits`: what one client, one address, one room and the node may use up.

use std::time::Duration;

use serde::Deserialize;

use super::{RoomRates, values};
use crate::domain::limits::{BLOCK, Kind, Rate, Rates};

/// Section `limits`. Rates are those of one session; a user's and an address's are so many times as much.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitSettings {
    /// Whether rate limits are kept; false for load tests alone. Caps are kept all the same.
    pub enabled: bool,
    /// Publishes a second and session, in the long run.
    pub publishes_per_s: u32,
    /// Publishes of a session at once, after a pause; when no layer sets it, 200 or `publishes_per_s` where that is more.
    pub publish_burst: u32,
    /// Changes of state a second and session.
    pub sets_per_s: u32,
    /// Activities a second and session.
    pub tracks_per_s: u32,
    /// Signals a second and session.
    pub signals_per_s: u32,
    /// Changes of presence a second and session, one for each room that hears of it.
    pub presences_per_s: u32,
    /// Joins a second and session.
    pub joins_per_s: u32,
    /// Readings of history a second and session.
    pub histories_per_s: u32,
    /// Orders to notify a second and session.
    pub notifies_per_s: u32,
    /// Changes of the own inbox, preferences and follows a second and session.
    pub marks_per_s: u32,
    /// Readings of the own inbox and preferences a second and session.
    pub inboxes_per_s: u32,
    /// Bytes a second and session.
    pub bytes_per_s: u32,
    /// So many seconds' worth of any rate but publishes' may come at once.
    pub burst_s: u32,
    /// A user may do so many times what a session may.
    pub user_times: u32,
    /// An address may do so many times what a session may.
    pub address_times: u32,
    /// Connects and new tokens a second and user.
    pub user_connects_per_s: u32,
    /// Connections a second and address.
    pub address_connects_per_s: u32,
    /// Connections a second of everybody.
    pub connects_per_s: u32,
    /// Publishes a second of everybody in a room, changes of state and activities among them.
    pub room_publishes_per_s: u32,
    /// Signals a second of everybody in a room.
    pub room_signals_per_s: u32,
    /// Refusals within ten seconds after which a client that keeps on is ended.
    pub refusals_max: u32,
    /// How long it is asked to stay away.
    #[serde(rename = "pause_s", deserialize_with = "values::seconds")]
    pub pause: Duration,
    /// Bytes of one message from a client.
    pub message_bytes: usize,
    /// Rooms that one session may be in.
    pub rooms_per_session: usize,
    /// Connected sessions of one user.
    pub sessions_per_user: usize,
    /// Connected sessions of one address.
    pub sessions_per_address: usize,
    /// Connections of one address that have not said `connect` yet.
    pub unconnected_per_address: usize,
    /// Open rooms.
    pub rooms_per_node: usize,
    /// How long a `key` of a publish is remembered.
    #[serde(rename = "dedupe_s", deserialize_with = "values::seconds")]
    pub dedupe: Duration,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            publishes_per_s: 20,
            publish_burst: 200,
            sets_per_s: 20,
            tracks_per_s: 10,
            signals_per_s: 100,
            presences_per_s: 20,
            joins_per_s: 50,
            histories_per_s: 10,
            notifies_per_s: 5,
            marks_per_s: 20,
            inboxes_per_s: 10,
            bytes_per_s: 1_048_576,
            burst_s: 10,
            user_times: 5,
            address_times: 100,
            user_connects_per_s: 10,
            address_connects_per_s: 50,
            connects_per_s: 1_000,
            room_publishes_per_s: 1_000,
            room_signals_per_s: 10_000,
            refusals_max: 50,
            pause: Duration::from_secs(5),
            message_bytes: 65_536,
            rooms_per_session: 100,
            sessions_per_user: 100,
            sessions_per_address: 10_000,
            unconnected_per_address: 500,
            rooms_per_node: 100_000,
            dedupe: Duration::from_hours(24),
        }
    }
}

impl LimitSettings {
    /// A cap on what one user or one address may have. Load comes from one machine and often as one user, so these hold
    /// only while limits do; the node's own caps always hold.
    #[must_use]
    pub fn cap(&self, max: usize) -> usize {
        if self.enabled { max } else { usize::MAX }
    }

    /// What a session may do.
    #[must_use]
    pub fn session(&self) -> Rates {
        let publishes = Rate { per_s: self.publishes_per_s, burst: self.publish_burst };
        Rates::default()
            .with(Kind::Publish, publishes)
            .with(Kind::Set, self.rate(self.sets_per_s))
            .with(Kind::Track, self.rate(self.tracks_per_s))
            .with(Kind::Signal, self.rate(self.signals_per_s))
            .with(Kind::Presence, self.rate(self.presences_per_s))
            .with(Kind::Join, self.rate(self.joins_per_s))
            .with(Kind::History, self.rate(self.histories_per_s))
            .with(Kind::Notify, self.rate(self.notifies_per_s))
            .with(Kind::Mark, self.rate(self.marks_per_s))
            .with(Kind::Inbox, self.rate(self.inboxes_per_s))
            .with(Kind::Blocks, self.rate(self.bytes_per_s / BLOCK))
    }

    /// What all sessions of a user may do together.
    #[must_use]
    pub fn user(&self) -> Rates {
        self.session().times(self.user_times).with(Kind::Connect, self.rate(self.user_connects_per_s))
    }

    /// What all sessions of an address may do together.
    #[must_use]
    pub fn address(&self) -> Rates {
        self.session().times(self.address_times).with(Kind::Connect, self.rate(self.address_connects_per_s))
    }

    /// What everybody in a room may do together, by the room's own settings.
    #[must_use]
    pub fn room(&self, RoomRates { publishes_per_s, signals_per_s }: RoomRates) -> Rates {
        Rates::default().with(Kind::Publish, self.rate(publishes_per_s)).with(Kind::Signal, self.rate(signals_per_s))
    }

    /// What everybody may do together.
    #[must_use]
    pub fn node(&self) -> Rates {
        Rates::default().with(Kind::Connect, self.rate(self.connects_per_s))
    }

    fn rate(&self, per_s: u32) -> Rate {
        Rate { per_s, burst: per_s.saturating_mul(self.burst_s) }
    }
}
