//! Preferences as JSON: how they are told, stored and changed.
//!
//! A change is a *merge*: it names what becomes another, `null` removes a key (which is the default again), and objects
//! merge in turn, so `{"topics":{"kpi":"mute","old":null}}` leaves all other topics alone. For `durations` null is a value
//! of its own: toasts that stay.

use serde_json::{Map, Value, json};

use super::{BadQuietHours, FOLLOWS_MAX, Preferences, QuietHours, ROOMS_MAX, TOPICS_MAX, Volume};
use crate::domain::ids::RoomName;
use crate::domain::notification::Level;
use crate::domain::pattern::RoomPattern;

/// Characters of a topic.
const TOPIC_CHARACTERS_MAX: usize = 100;

/// What is wrong with a change of preferences, as a sentence that names the key.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadPreferences {
    /// No such key.
    #[error(
        "there is no preference `{0}`: they are `toasts`, `durations`, `levels`, `topics`, `rooms`, `quiet_hours` and \
         `digest`"
    )]
    Unknown(String),
    /// A key that exists, with a value that it can't have.
    #[error("`{key}` must be {rule}")]
    Value {
        /// The key, as `topics.kpi`.
        key: String,
        /// What its value can be.
        rule: &'static str,
    },
    /// Too many keys of one kind.
    #[error("`{key}` can have {most} keys")]
    TooMany {
        /// The key.
        key: &'static str,
        /// How many.
        most: usize,
    },
    /// See [`BadQuietHours`].
    #[error(transparent)]
    QuietHours(#[from] BadQuietHours),
    /// Rooms are followed by a command that asks for the right to join.
    #[error("`follows` is changed by `follow` and `unfollow`")]
    Follows,
}

impl Preferences {
    /// These preferences with `set` merged in. `follows` is not `set`'s to change.
    ///
    /// # Errors
    /// [`BadPreferences`] with the first key that is wrong; nothing of `set` is taken then.
    pub fn merge(&self, set: &Map<String, Value>) -> Result<Self, BadPreferences> {
        let mut merged = self.clone();
        for (key, value) in set {
            merged.set(key, value)?;
        }
        Ok(merged)
    }

    /// The whole of them, defaults too: `{"toasts":true,"durations":1,"levels":{…},…,"follows":[…]}`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let levels: Map<_, _> = Level::ALL
            .into_iter()
            .zip(self.muted_levels)
            .map(|(level, is_muted)| (level.as_str().to_owned(), Value::Bool(!is_muted)))
            .collect();
        let topics: Map<_, _> =
            self.topics.iter().map(|(topic, volume)| (topic.to_string(), json!(volume.as_str()))).collect();
        let rooms: Map<_, _> =
            self.rooms.iter().map(|(pattern, (_, volume))| (pattern.to_string(), json!(volume.as_str()))).collect();
        let quiet_hours = self.quiet_hours.map(
            |hours| json!({ "from": hours.from().to_string(), "to": hours.to().to_string(), "zone": hours.zone() }),
        );
        json!({
            "toasts": self.toasts,
            "durations": number(self.durations),
            "levels": levels,
            "topics": topics,
            "rooms": rooms,
            "quiet_hours": quiet_hours,
            "digest": self.digest,
            "follows": self.follows,
        })
        .to_string()
    }

    /// What [`to_json`](Self::to_json) gave, as a store kept it.
    ///
    /// # Errors
    /// [`BadPreferences`] for what no version of this server has written.
    pub fn from_json(text: &str) -> Result<Self, BadPreferences> {
        let whole = || BadPreferences::Value { key: "preferences".into(), rule: "an object" };
        let mut set: Map<String, Value> = serde_json::from_str(text).map_err(|_| whole())?;
        let follows = set.remove("follows");
        let mut preferences = Self::default().merge(&set)?;
        if let Some(follows) = follows {
            preferences.follows = rooms(&follows)?;
        }
        Ok(preferences)
    }

    fn set(&mut self, key: &str, value: &Value) -> Result<(), BadPreferences> {
        match key {
            "toasts" => self.toasts = truth(key, value, true)?,
            "durations" => self.durations = factor(key, value)?,
            "levels" => self.set_levels(value)?,
            "topics" => self.set_topics(value)?,
            "rooms" => self.set_rooms(value)?,
            "quiet_hours" => self.set_quiet_hours(value)?,
            "digest" => self.digest = truth(key, value, false)?,
            "follows" => return Err(BadPreferences::Follows),
            _ => return Err(BadPreferences::Unknown(shortened(key))),
        }
        Ok(())
    }

    fn set_levels(&mut self, value: &Value) -> Result<(), BadPreferences> {
        let Some(set) = object("levels", value)? else {
            self.muted_levels = Self::default().muted_levels;
            return Ok(());
        };
        for (name, value) in set {
            let key = path("levels", name);
            let Some(level) = Level::parse(name) else {
                return Err(BadPreferences::Value { key, rule: "one of info, success, warning and error" });
            };
            self.muted_levels[level as usize - 1] = !truth(&key, value, true)?;
        }
        Ok(())
    }

    fn set_topics(&mut self, value: &Value) -> Result<(), BadPreferences> {
        let Some(set) = object("topics", value)? else {
            self.topics.clear();
            return Ok(());
        };
        for (topic, value) in set {
            let key = path("topics", topic);
            if topic.is_empty() || topic.chars().count() > TOPIC_CHARACTERS_MAX {
                return Err(BadPreferences::Value { key, rule: "a topic of 1 to 100 characters" });
            }
            match volume(&key, value)? {
                Some(volume) => drop(self.topics.insert(topic.as_str().into(), volume)),
                None => drop(self.topics.remove(topic.as_str())),
            }
        }
        at_most("topics", self.topics.len(), TOPICS_MAX)
    }

    fn set_rooms(&mut self, value: &Value) -> Result<(), BadPreferences> {
        let Some(set) = object("rooms", value)? else {
            self.rooms.clear();
            return Ok(());
        };
        for (name, value) in set {
            let key = path("rooms", name);
            let Ok(pattern) = RoomPattern::parse(name) else {
                return Err(BadPreferences::Value { key, rule: "a room's name, or the start of one and a `*`" });
            };
            match volume(&key, value)? {
                Some(volume) => drop(self.rooms.insert(name.as_str().into(), (pattern, volume))),
                None => drop(self.rooms.remove(name.as_str())),
            }
        }
        at_most("rooms", self.rooms.len(), ROOMS_MAX)
    }

    fn set_quiet_hours(&mut self, value: &Value) -> Result<(), BadPreferences> {
        let Some(set) = object("quiet_hours", value)? else {
            self.quiet_hours = None;
            return Ok(());
        };
        if let Some(unknown) = set.keys().find(|key| !["from", "to", "zone"].contains(&key.as_str())) {
            let key = path("quiet_hours", unknown);
            return Err(BadPreferences::Value { key, rule: "one of from, to and zone" });
        }
        // A part that is not named stays; one that never was, and one that is no text, is as wrong as an empty one.
        let part = |key: &str, before: Option<String>| match set.get(key) {
            Some(value) => value.as_str().unwrap_or_default().to_owned(),
            None => before.unwrap_or_default(),
        };
        let hours = self.quiet_hours;
        let from = part("from", hours.map(|hours| hours.from().to_string()));
        let to = part("to", hours.map(|hours| hours.to().to_string()));
        let zone = part("zone", hours.map(|hours| hours.zone().to_owned()));
        self.quiet_hours = Some(QuietHours::parse(&from, &to, &zone)?);
        Ok(())
    }
}

/// A value that is an object; `None` for `null`, which removes it.
fn object<'a>(key: &'static str, value: &'a Value) -> Result<Option<&'a Map<String, Value>>, BadPreferences> {
    match value {
        Value::Null => Ok(None),
        Value::Object(set) => Ok(Some(set)),
        _ => Err(BadPreferences::Value { key: key.into(), rule: "an object, or null" }),
    }
}

fn truth(key: &str, value: &Value, default: bool) -> Result<bool, BadPreferences> {
    match value {
        Value::Null => Ok(default),
        Value::Bool(truth) => Ok(*truth),
        _ => Err(BadPreferences::Value { key: key.into(), rule: "true, false or null" }),
    }
}

fn factor(key: &str, value: &Value) -> Result<f64, BadPreferences> {
    if value.is_null() {
        return Ok(f64::INFINITY);
    }
    let wrong = || BadPreferences::Value { key: key.into(), rule: "a factor from 0.1 to 10, or null" };
    value.as_f64().filter(|factor| (0.1..=10.0).contains(factor)).ok_or_else(wrong)
}

fn volume(key: &str, value: &Value) -> Result<Option<Volume>, BadPreferences> {
    if value.is_null() {
        return Ok(None);
    }
    let volume = value.as_str().and_then(Volume::parse);
    let wrong = || BadPreferences::Value { key: key.into(), rule: "\"all\", \"critical\", \"mute\" or null" };
    volume.map(Some).ok_or_else(wrong)
}

fn rooms(value: &Value) -> Result<Vec<RoomName>, BadPreferences> {
    let wrong = || BadPreferences::Value { key: "follows".into(), rule: "a list of rooms' names" };
    let names = value.as_array().filter(|names| names.len() <= FOLLOWS_MAX).ok_or_else(wrong)?;
    names.iter().map(|name| name.as_str().and_then(|name| RoomName::parse(name).ok()).ok_or_else(wrong)).collect()
}

fn at_most(key: &'static str, keys: usize, most: usize) -> Result<(), BadPreferences> {
    if keys <= most { Ok(()) } else { Err(BadPreferences::TooMany { key, most }) }
}

/// A whole factor without a fraction, as people write it.
fn number(factor: f64) -> Value {
    if factor.is_infinite() {
        return Value::Null;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a factor is at most 10")]
    if factor.fract() == 0.0 { json!(factor as i64) } else { json!(factor) }
}

fn path(key: &str, name: &str) -> String {
    format!("{key}.{}", shortened(name))
}

/// A client's own word in a message to it: enough to find it, whatever its length.
fn shortened(name: &str) -> String {
    name.chars().take(TOPIC_CHARACTERS_MAX).collect()
}
