//! Where logs live.

use serde::Deserialize;

/// Where a room's log lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogPlace {
    /// In the store: committed and synced before it is acknowledged.
    #[default]
    Disk,
    /// In memory, bounded: recovery while the room is open, a new epoch afterwards.
    Memory,
    /// Nowhere: offsets count on while the room is open, nothing is recovered.
    None,
}
