//! Section `audit`: who did what.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// Section `audit`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditSettings {
    /// Whether the audit log is written.
    pub enabled: bool,
    /// How long records are kept; `None`, written as 0 days, is for ever.
    #[serde(rename = "keep_days", deserialize_with = "days")]
    pub keep: Option<Duration>,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self { enabled: true, keep: Some(of_days(365)) }
    }
}

fn days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let days = u32::deserialize(deserializer)?;
    Ok((days > 0).then(|| of_days(days)))
}

fn of_days(days: u32) -> Duration {
    Duration::from_hours(24) * days
}
