//! What a session shows of itself in a room.

use std::sync::Arc;

use serde::Serialize;

use super::entry::Timestamp;

/// How present somebody is; the lesser one is the more present.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Here and at it.
    #[default]
    Online,
    /// Here, and not to be disturbed.
    Busy,
    /// Not looking.
    Away,
}

impl Status {
    /// The status's name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Busy => "busy",
            Self::Away => "away",
        }
    }

    /// The status that a message calls `name`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Online, Self::Busy, Self::Away].into_iter().find(|status| status.as_str() == name)
    }
}

/// What kind of machine a session runs on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// A browser on a machine with a keyboard.
    Desktop,
    /// A phone.
    Mobile,
    /// A tablet.
    Tablet,
    /// No browser that we know: a backend, a script.
    #[default]
    Other,
}

impl Device {
    /// The device's name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Mobile => "mobile",
            Self::Tablet => "tablet",
            Self::Other => "other",
        }
    }

    /// Guesses from the header `User-Agent`. Good for an icon, and for nothing that matters.
    #[must_use]
    pub fn from_user_agent(user_agent: &str) -> Self {
        let says = |word| user_agent.contains(word);
        // Android tablets leave out "Mobile"; every browser calls itself Mozilla.
        if says("iPad") || says("Tablet") || (says("Android") && !says("Mobile")) {
            Self::Tablet
        } else if says("Mobi") || says("iPhone") {
            Self::Mobile
        } else if says("Mozilla/") {
            Self::Desktop
        } else {
            Self::Other
        }
    }
}

/// A session's presence in one room.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Presence {
    /// How present it is.
    pub status: Status,
    /// Since when it is away; `None` exactly when it isn't.
    pub idle_since: Option<Timestamp>,
    /// What it says of itself: compact JSON of at most [`STATE_MAX`] bytes.
    pub state: Option<Arc<str>>,
}

/// The bound on a presence's `state`, in bytes of compact JSON.
pub const STATE_MAX: usize = 1_024;

/// What a command says about a presence; what it doesn't say stays.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Change {
    /// The new status.
    pub status: Option<Status>,
    /// What becomes of the state.
    pub state: StateChange,
}

/// What becomes of a presence's `state`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum StateChange {
    /// It stays; the command had no `state`.
    #[default]
    Keep,
    /// There is none any more; it was null.
    Clear,
    /// It is this compact JSON now.
    Set(Arc<str>),
}

impl Presence {
    /// Applies `change` and says whether anything is different now. Away twice in a row is away since the first time.
    pub fn apply(&mut self, change: &Change, now: Timestamp) -> bool {
        let mut is_changed = false;
        if let Some(status) = change.status.filter(|status| *status != self.status) {
            self.status = status;
            self.idle_since = (status == Status::Away).then_some(now);
            is_changed = true;
        }
        let state = match &change.state {
            StateChange::Keep => return is_changed,
            StateChange::Clear => None,
            StateChange::Set(state) => Some(state),
        };
        if self.state.as_ref() != state {
            self.state = state.cloned();
            is_changed = true;
        }
        is_changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn away_twice_is_away_since_the_first_time() {
        let mut presence = Presence::default();
        let away = Change { status: Some(Status::Away), ..Change::default() };
        assert!(presence.apply(&away, Timestamp(5)));
        assert!(!presence.apply(&away, Timestamp(9)));
        assert_eq!(presence.idle_since, Some(Timestamp(5)));
        assert!(presence.apply(&Change { status: Some(Status::Busy), ..Change::default() }, Timestamp(9)));
        assert_eq!(presence.idle_since, None);
    }

    #[test]
    fn a_state_stays_until_it_is_set_or_cleared() {
        let mut presence = Presence::default();
        let set = Change { status: None, state: StateChange::Set("{}".into()) };
        assert!(presence.apply(&set, Timestamp(0)));
        assert!(!presence.apply(&set, Timestamp(1)), "the same again changes nothing");
        assert!(!presence.apply(&Change::default(), Timestamp(2)));
        assert_eq!(presence.state.as_deref(), Some("{}"));
        assert!(presence.apply(&Change { status: None, state: StateChange::Clear }, Timestamp(3)));
        assert_eq!(presence, Presence::default());
    }

    #[test]
    fn a_device_is_told_from_the_user_agent() {
        for (user_agent, device) in [
            ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36", Device::Desktop),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148", Device::Mobile),
            ("Mozilla/5.0 (Linux; Android 14) Chrome/130.0.0.0 Mobile Safari/537.36", Device::Mobile),
            ("Mozilla/5.0 (Linux; Android 14; SM-X910) Chrome/130.0.0.0 Safari/537.36", Device::Tablet),
            ("Mozilla/5.0 (iPad; CPU OS 16_0 like Mac OS X)", Device::Tablet),
            ("curl/8.5", Device::Other),
            ("", Device::Other),
        ] {
            assert_eq!(Device::from_user_agent(user_agent), device, "{user_agent}");
        }
    }
}
