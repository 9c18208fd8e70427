//! Preferences on values.

mod judging;
mod quiet_hours;
mod setting;

use serde_json::Value;

use super::{BadPreferences, Preferences};
use crate::domain::entry::Timestamp;

/// The default preferences with `set` merged in.
fn preferences(set: &str) -> Preferences {
    merged(&Preferences::default(), set).unwrap()
}

fn merged(before: &Preferences, set: &str) -> Result<Preferences, BadPreferences> {
    let Value::Object(set) = serde_json::from_str(set).unwrap() else { panic!("{set} is no object") };
    before.merge(&set)
}

/// A time as RFC 3339, with any offset.
fn at(text: &str) -> Timestamp {
    Timestamp(chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis())
}
