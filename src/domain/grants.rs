//! Who may do what in which room.

use std::sync::Arc;

use super::ids::RoomName;
use super::pattern::RoomPattern;

/// One thing that one may do in a room.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Right {
    /// Be in the room and hear it.
    Join = 1,
    /// Write events.
    Publish = 1 << 1,
    /// Send signals.
    Signal = 1 << 2,
    /// Write activities.
    Track = 1 << 3,
    /// Change the room's state.
    Set = 1 << 4,
    /// Send notifications.
    Notify = 1 << 5,
    /// Read what was before.
    History = 1 << 6,
}

impl Right {
    /// All of them, in the order in which messages list them.
    pub const ALL: [Self; 7] =
        [Self::Join, Self::Publish, Self::Signal, Self::Track, Self::Set, Self::Notify, Self::History];

    /// The right's name in a token.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Publish => "publish",
            Self::Signal => "signal",
            Self::Track => "track",
            Self::Set => "set",
            Self::Notify => "notify",
            Self::History => "history",
        }
    }

    /// The right that a token calls `name`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.as_str() == name)
    }
}

/// A set of [`Right`]s.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Rights(u8);

impl Rights {
    /// Every right but to notify: what guests and tokens without `rooms` get.
    pub const ALL_BUT_NOTIFY: Self = Self(0b0101_1111);

    /// This set and `right`.
    #[must_use]
    pub fn with(self, right: Right) -> Self {
        Self(self.0 | right as u8)
    }

    /// Whether `right` is in the set.
    #[must_use]
    pub fn has(self, right: Right) -> bool {
        self.0 & right as u8 != 0
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        rights.into_iter().fold(Self::default(), Self::with)
    }
}

/// What one identity may do: rights by pattern of rooms.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Grants {
    /// As a token names them: the rights of all patterns that fit add up.
    Named(Vec<(RoomPattern, Rights)>),
    /// Of who comes with no rights of their own, a guest or a token without `rooms`: what rooms are open to by their
    /// settings. The longest pattern that fits counts, and a room without one is open to all but notifying.
    Open(Arc<[(RoomPattern, Rights)]>),
}

impl Default for Grants {
    /// Nothing at all.
    fn default() -> Self {
        Self::Named(Vec::new())
    }
}

impl Grants {
    /// The grants of a token's claim `rooms`. An empty list allows nothing.
    #[must_use]
    pub fn new(by_pattern: Vec<(RoomPattern, Rights)>) -> Self {
        Self::Named(by_pattern)
    }

    /// The grants of who has none of their own, before rooms had a say; see [`Self::open_to`].
    #[must_use]
    pub fn open() -> Self {
        Self::Open(Arc::default())
    }

    /// `rights` in every room.
    ///
    /// # Panics
    /// Never: `*` is a pattern.
    #[must_use]
    pub fn everywhere(rights: Rights) -> Self {
        Self::Named(vec![(RoomPattern::parse("*").expect("`*` is a pattern"), rights)])
    }

    /// Lets the settings of rooms decide over who has no rights of their own; grants with a name stay as they are.
    #[must_use]
    pub fn open_to(self, rooms: &Arc<[(RoomPattern, Rights)]>) -> Self {
        match self {
            Self::Open(_) => Self::Open(Arc::clone(rooms)),
            named @ Self::Named(_) => named,
        }
    }

    /// Whether `right` is granted in every room, by a pattern that says so.
    #[must_use]
    pub fn allow_everywhere(&self, right: Right) -> bool {
        let is_everywhere = |pattern: &RoomPattern, rights: Rights| pattern.is_everywhere() && rights.has(right);
        match self {
            Self::Named(grants) => grants.iter().any(|(pattern, rights)| is_everywhere(pattern, *rights)),
            Self::Open(rooms) => rooms.iter().any(|(pattern, rights)| is_everywhere(pattern, *rights)),
        }
    }

    /// Whether `right` is granted in `room`.
    #[must_use]
    pub fn allow(&self, room: &RoomName, right: Right) -> bool {
        match self {
            Self::Named(grants) => grants.iter().any(|(pattern, rights)| rights.has(right) && pattern.fits(room)),
            Self::Open(rooms) => {
                let fitting = rooms.iter().filter(|(pattern, _)| pattern.fits(room));
                let nearest = fitting.max_by_key(|(pattern, _)| pattern.precision());
                nearest.map_or(Rights::ALL_BUT_NOTIFY, |(_, rights)| *rights).has(right)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rights_of_all_patterns_that_fit_add_up() {
        let pattern = |text| RoomPattern::parse(text).unwrap();
        let grants = Grants::new(vec![
            (pattern("dashboard:*"), Rights::from_iter([Right::Join])),
            (pattern("dashboard:sales"), Rights::from_iter([Right::Publish])),
        ]);
        let sales = RoomName::parse("dashboard:sales").unwrap();
        let costs = RoomName::parse("dashboard:costs").unwrap();
        assert!(grants.allow(&sales, Right::Join) && grants.allow(&sales, Right::Publish));
        assert!(grants.allow(&costs, Right::Join) && !grants.allow(&costs, Right::Publish));
        assert!(!grants.allow(&RoomName::parse("lobby").unwrap(), Right::Join));
    }

    #[test]
    fn no_pattern_means_no_right_and_all_but_notify_is_just_that() {
        let room = RoomName::parse("lobby").unwrap();
        for right in Right::ALL {
            assert!(!Grants::default().allow(&room, right));
            assert_eq!(Grants::everywhere(Rights::ALL_BUT_NOTIFY).allow(&room, right), right != Right::Notify);
            assert_eq!(Right::parse(right.as_str()), Some(right));
        }
    }

    #[test]
    fn who_has_no_rights_of_their_own_has_what_the_nearest_pattern_is_open_to() {
        let pattern = |text| RoomPattern::parse(text).unwrap();
        let rooms: Arc<[_]> = Arc::new([
            (pattern("board:*"), Rights::from_iter([Right::Join])),
            (pattern("board:open"), Rights::from_iter([Right::Join, Right::Notify])),
            (pattern("closed"), Rights::default()),
        ]);
        let guest = Grants::open().open_to(&rooms);
        let may = |name, right| guest.allow(&RoomName::parse(name).unwrap(), right);
        assert!(may("board:1", Right::Join) && !may("board:1", Right::Publish));
        assert!(may("board:open", Right::Notify) && !may("board:open", Right::Publish));
        assert!(!may("closed", Right::Join));
        assert!(may("lobby", Right::Publish) && !may("lobby", Right::Notify));
        let named = Grants::everywhere(Rights::from_iter([Right::Publish]));
        assert_eq!(named.clone().open_to(&rooms), named, "a token's own rights are not touched");
    }
}
