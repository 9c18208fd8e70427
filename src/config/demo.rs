//! Section `demo`: what the page may show of itself.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::domain::ids::RoomName;
use crate::domain::log::Keep;
use crate::domain::robot;

use super::Config;

/// Section `demo`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DemoSettings {
    /// Whether there is a robot colleague, and buttons that break things.
    pub enabled: DemoSwitch,
}

/// Whether a node is a demo.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DemoSwitch {
    /// While guests are let in and nobody's token is taken: as a node is before anybody has set it up.
    #[default]
    Auto,
    /// Yes.
    On,
    /// No.
    Off,
}

impl<'de> Deserialize<'de> for DemoSwitch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Switch(bool),
            Word(Auto),
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Auto {
            Auto,
        }
        Ok(match Written::deserialize(deserializer)? {
            Written::Switch(true) => Self::On,
            Written::Switch(false) => Self::Off,
            Written::Word(Auto::Auto) => Self::Auto,
        })
    }
}

/// What a log keeps that a robot writes to four times a second: the last forty minutes of a busy one, so that who returns
/// after minutes gets all of it, and no more than a few megabytes on the disk. It is on the disk, because what a demo shows is
/// that nothing is lost over a restart either.
const KEEP: Keep = Keep { entries_max: 10_000, age_max: Duration::from_hours(24), ..Keep::DISK };

impl Config {
    /// Whether this node is a demo.
    #[must_use]
    pub fn has_demo(&self) -> bool {
        match self.demo.enabled {
            DemoSwitch::Auto => self.allows_guests() && !self.takes_users(),
            DemoSwitch::On => true,
            DemoSwitch::Off => false,
        }
    }

    /// What a demo keeps of its own room, where no rule is for it.
    pub(super) fn demo_keep(&self, room: &RoomName) -> Option<Keep> {
        (room.as_str() == robot::ROOM && self.rule(room).is_none() && self.has_demo()).then_some(KEEP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_demo(settings: &str) -> bool {
        Config::from_toml(settings).unwrap().has_demo()
    }

    #[test]
    fn a_node_is_a_demo_until_somebody_sets_it_up() {
        for (settings, is_demo) in [
            ("", true),
            ("[auth]\nguests = 'off'", false),
            ("[server]\nbind = '0.0.0.0:0'", false),
            ("[server]\nbind = '0.0.0.0:0'\n[auth]\nguests = 'anyone-who-reaches-this-server'", true),
            ("[auth]\nsecret = 's3cret'", false),
            ("[[auth.keys]]\nalgorithm = 'HS256'\nsecret = 's3cret'", false),
            ("[[auth.api_keys]]\nname = 'a'\nkey = 's3cret'", true),
        ] {
            assert_eq!(has_demo(settings), is_demo, "{settings}");
            assert_eq!(has_demo(&format!("{settings}\n[demo]\nenabled = 'auto'")), is_demo, "{settings}");
            assert!(has_demo(&format!("{settings}\n[demo]\nenabled = true")), "{settings}");
            assert!(!has_demo(&format!("{settings}\n[demo]\nenabled = false")), "{settings}");
        }
    }

    #[test]
    fn a_demo_keeps_less_of_its_own_room_and_of_no_other() {
        let keep = |settings: &str, room: &str| {
            let config = Config::from_toml(settings).unwrap();
            (config.room(&RoomName::parse(room).unwrap()).keep, config.shortest_keep())
        };
        assert_eq!(keep("", robot::ROOM), (KEEP, KEEP.age_max));
        assert_eq!(keep("", "dashboard:other"), (Keep::DISK, KEEP.age_max));
        assert_eq!(keep("[demo]\nenabled = false", robot::ROOM), (Keep::DISK, Keep::DISK.age_max));
        let ruled = keep("[[rooms]]\nmatch = 'dashboard:*'\nkeep_entries = 7", robot::ROOM).0;
        assert_eq!(ruled, Keep { entries_max: 7, ..Keep::DISK });
    }

    #[test]
    fn whoever_takes_tokens_and_wants_the_robot_is_asked_whether_it_is_meant() {
        let warnings = |settings: &str| Config::from_toml(settings).unwrap().warnings().join("\n");
        let secret = format!("[auth]\nsecret = '{}'", "x".repeat(32));
        assert!(warnings(&format!("{secret}\n[demo]\nenabled = true")).contains("demo.enabled"));
        assert!(!warnings(&secret).contains("demo") && !warnings("[demo]\nenabled = true").contains("demo"));
    }
}
