//! Settings by pattern of rooms.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::domain::grants::{Right, Rights};
use crate::domain::ids::RoomName;
use crate::domain::log::Keep;
use crate::domain::log_place::LogPlace;
use crate::domain::pattern::RoomPattern;
use crate::domain::redaction::{Pointer, RULES_MAX, Redaction, Rule};
use crate::domain::robot;

use super::{Config, values};

/// One `[[rooms]]`.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomRule {
    /// The rooms that it is for; unique.
    #[serde(rename = "match", deserialize_with = "values::pattern")]
    pub pattern: RoomPattern,
    /// Where their logs live.
    #[serde(default)]
    pub log: LogPlace,
    /// Entries that a log keeps; by `log` when it is not set, see [`Keep::DISK`] and [`Keep::MEMORY`].
    #[serde(default)]
    pub keep_entries: Option<u64>,
    /// Bytes that it keeps.
    #[serde(default)]
    pub keep_bytes: Option<u64>,
    /// How old what it keeps may be.
    #[serde(rename = "keep_s", default, deserialize_with = "values::some_seconds")]
    pub keep_age: Option<Duration>,
    /// Whether there are members, or only readers.
    #[serde(default = "values::yes")]
    pub presence: bool,
    /// Over so many members their number is told in place of their names; `presence.large` when it is not set.
    #[serde(default)]
    pub large: Option<usize>,
    /// What guests may do, and tokens that name no rooms.
    #[serde(default = "values::all_but_notify", deserialize_with = "values::rights")]
    pub open_to: Rights,
    /// Entries a second of everybody in one room; `limits.room_publishes_per_s` when it is not set.
    #[serde(default)]
    pub publishes_per_s: Option<u32>,
    /// Signals a second of everybody in one room; `limits.room_signals_per_s` when it is not set.
    #[serde(default)]
    pub signals_per_s: Option<u32>,
    /// Fields that are shown to some roles alone.
    #[serde(default, deserialize_with = "redaction")]
    pub redact: Redaction,
    /// How long a room without anybody in it stays open.
    #[serde(rename = "retire_after_s", default = "values::retire_after", deserialize_with = "values::seconds")]
    pub retire_after: Duration,
}

/// One `[[rooms.redact]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RedactRule {
    #[serde(deserialize_with = "values::parsed")]
    path: Pointer,
    #[serde(deserialize_with = "values::role")]
    unless_role: String,
}

fn redaction<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Redaction, D::Error> {
    let rules = Vec::<RedactRule>::deserialize(deserializer)?;
    let rules = rules.into_iter().map(|RedactRule { path, unless_role }| Rule { path, unless_role });
    Ok(Redaction::new(rules.collect()))
}

/// What is set for one room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoomSettings {
    /// Where its log lives.
    pub log: LogPlace,
    /// How much of itself the log keeps; of no account where there is none.
    pub keep: Keep,
    /// Whether it has members. Without, everybody watches only, and presence is taken and not told.
    pub presence: bool,
    /// Over so many members their number is told in place of their names.
    pub large: usize,
    /// How fast everybody in it may be together.
    pub rates: RoomRates,
    /// How long it stays open without anybody in it.
    pub retire_after: Duration,
}

/// How fast everybody in one room may be together.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RoomRates {
    /// Entries a second, of all kinds.
    pub publishes_per_s: u32,
    /// Signals a second.
    pub signals_per_s: u32,
}

impl RoomRule {
    /// What a log keeps when this does not say.
    fn keep_default(&self) -> Keep {
        if self.log == LogPlace::Disk { Keep::DISK } else { Keep::MEMORY }
    }

    fn keep(&self) -> Keep {
        let Keep { entries_max, bytes_max, age_max } = self.keep_default();
        Keep {
            entries_max: self.keep_entries.unwrap_or(entries_max),
            bytes_max: self.keep_bytes.unwrap_or(bytes_max),
            age_max: self.keep_age.unwrap_or(age_max),
        }
    }

    /// What of this contradicts the rest: the key to blame, and what would be right.
    fn contradiction(&self, message_bytes: u64) -> Option<(&'static str, String)> {
        let sets = [
            ("keep_entries", self.keep_entries.is_some()),
            ("keep_bytes", self.keep_bytes.is_some()),
            ("keep_s", self.keep_age.is_some()),
        ];
        if let Some((key, _)) = sets.into_iter().find(|(_, is_set)| self.log == LogPlace::None && *is_set) {
            return Some((key, "must be left out while log is \"none\", which keeps nothing".into()));
        }
        if self.log == LogPlace::Memory {
            let Keep { entries_max, bytes_max, .. } = Keep::MEMORY;
            if self.keep_entries.is_some_and(|entries| entries > entries_max) {
                return Some(("keep_entries", format!("must be at most {entries_max} while log is \"memory\"")));
            }
            if self.keep_bytes.is_some_and(|bytes| bytes > bytes_max) {
                return Some(("keep_bytes", format!("must be at most {bytes_max} while log is \"memory\"")));
            }
        }
        // The entry itself is a little more than the message that brought it, and one that is gone at once helps nobody.
        if self.keep_bytes.is_some_and(|bytes| bytes < 2 * message_bytes) {
            return Some((
                "keep_bytes",
                "must be at least twice limits.message_bytes, or an entry might not fit".into(),
            ));
        }
        if self.large.is_some() && !self.presence {
            return Some(("large", "must be left out while presence is false".into()));
        }
        if self.redact.rules().len() > RULES_MAX {
            return Some(("redact", format!("must be at most {RULES_MAX} tables")));
        }
        let inside = [Right::Publish, Right::Signal, Right::Track, Right::Set];
        if !self.open_to.has(Right::Join) && inside.into_iter().any(|right| self.open_to.has(right)) {
            return Some(("open_to", "must have \"join\" when it has what is done inside the room".into()));
        }
        None
    }
}

impl Config {
    /// The settings of `room`: the `[[rooms]]` whose pattern fits and is the longest, whole; what it leaves out is at
    /// its default and not taken from a shorter pattern.
    #[must_use]
    pub fn room(&self, room: &RoomName) -> RoomSettings {
        let of_all = RoomRates {
            publishes_per_s: self.limits.room_publishes_per_s,
            signals_per_s: self.limits.room_signals_per_s,
        };
        if room.is_personal() {
            // No pattern names it. What its log trims lives on in the inbox, which has bounds of its own.
            let age_max = self.inbox.keep().age;
            return RoomSettings {
                log: LogPlace::Disk,
                keep: Keep { age_max, ..Keep::PERSONAL },
                presence: false,
                large: self.presence.large,
                rates: of_all,
                retire_after: values::retire_after(),
            };
        }
        let Some(rule) = self.rule(room) else {
            return RoomSettings {
                log: LogPlace::default(),
                keep: self.demo_keep(room).unwrap_or(Keep::DISK),
                presence: true,
                large: self.presence.large,
                rates: of_all,
                retire_after: values::retire_after(),
            };
        };
        RoomSettings {
            log: rule.log,
            keep: rule.keep(),
            presence: rule.presence,
            large: rule.large.unwrap_or(self.presence.large),
            rates: RoomRates {
                publishes_per_s: rule.publishes_per_s.unwrap_or(of_all.publishes_per_s),
                signals_per_s: rule.signals_per_s.unwrap_or(of_all.signals_per_s),
            },
            retire_after: rule.retire_after,
        }
    }

    /// Which fields not everybody sees in `room`.
    #[must_use]
    pub fn redaction(&self, room: &RoomName) -> Redaction {
        self.rule(room).map(|rule| rule.redact.clone()).unwrap_or_default()
    }

    /// The `[[rooms]]` that is for `room`; none is for a personal room.
    pub(super) fn rule(&self, room: &RoomName) -> Option<&RoomRule> {
        if room.is_personal() {
            return None;
        }
        let fitting = self.rooms.iter().filter(|rule| rule.pattern.fits(room));
        fitting.max_by_key(|rule| rule.pattern.precision())
    }

    /// What rooms are open to for guests and for tokens that name no rooms, by pattern.
    #[must_use]
    pub fn open_to(&self) -> Arc<[(RoomPattern, Rights)]> {
        self.rooms.iter().map(|rule| (rule.pattern.clone(), rule.open_to)).collect()
    }

    /// The shortest time for which any log keeps its entries.
    #[must_use]
    pub fn shortest_keep(&self) -> Duration {
        let kept = self.rooms.iter().filter(|rule| rule.log != LogPlace::None).map(|rule| rule.keep().age_max);
        let of_demo = RoomName::parse(robot::ROOM).ok().and_then(|room| self.demo_keep(&room));
        kept.chain(of_demo.map(|keep| keep.age_max)).fold(Keep::DISK.age_max, Duration::min)
    }

    /// As [`Self::contradiction`], of the rules for rooms.
    pub(super) fn room_contradiction(&self) -> Option<(String, String)> {
        let mut patterns = HashSet::new();
        for (index, rule) in self.rooms.iter().enumerate() {
            if !patterns.insert(&rule.pattern) {
                return Some((format!("rooms[{index}].match"), "must be another pattern than the others".into()));
            }
            if let Some((key, remedy)) = rule.contradiction(self.limits.message_bytes as u64) {
                return Some((format!("rooms[{index}].{key}"), remedy));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(redact: &str) -> Result<Config, String> {
        let file = format!("[[rooms]]\nmatch = 'desk:*'\n[[rooms]]\nmatch = 'desk:1'\nredact = [{redact}]");
        Config::from_toml(&file).map_err(|error| error.to_string())
    }

    fn room(name: &str) -> RoomName {
        RoomName::parse(name).unwrap()
    }

    #[test]
    fn fields_are_kept_back_in_the_rooms_of_their_rule() {
        let config = config("{path = '/a~1b/0', unless_role = 'support'}, {path = '/c', unless_role = 'x'}").unwrap();
        let redaction = config.redaction(&room("desk:1"));
        let rules: Vec<_> =
            redaction.rules().iter().map(|rule| (rule.path.to_string(), rule.unless_role.as_str())).collect();
        assert_eq!(rules, [("/a~1b/0".to_owned(), "support"), ("/c".to_owned(), "x")]);
        assert!(config.redaction(&room("desk:2")).is_empty() && config.redaction(&room("lobby")).is_empty());
    }

    #[test]
    fn a_rule_that_can_not_be_meant_is_refused_with_its_place() {
        let many = vec!["{path = '/a', unless_role = 'x'}"; RULES_MAX + 1].join(",");
        for (redact, place, remedy) in [
            (
                "{path = 'customer', unless_role = 'x'}",
                "redact[0].path = \"customer\"",
                "must be a JSON pointer such as",
            ),
            ("{path = '', unless_role = 'x'}", "redact[0].path = \"\"", "must be a JSON pointer"),
            ("{path = '/a~', unless_role = 'x'}", "redact[0].path = \"/a~\"", "must be a JSON pointer"),
            ("{path = '/a', unless_role = ''}", "redact[0].unless_role = \"\"", "must be a role of 1 to 100"),
            ("{path = '/a', unless_role = ['x']}", "redact[0].unless_role = [\"x\"]", "must be a role of 1 to 100"),
            ("{path = '/a', role = 'x'}", "unknown key rooms[1].redact[0].role", "there are"),
            ("{path = '/a'}", "redact[0]", "missing field `unless_role`"),
            ("'/a'", "redact = [\"/a\"]", "must be tables [[rooms.redact]]"),
            (&many, "redact = ", "must be at most 32 tables"),
        ] {
            let error = config(redact).unwrap_err();
            assert!(error.contains(place) && error.contains(remedy) && error.contains("rooms[1]."), "{error}");
        }
    }
}
