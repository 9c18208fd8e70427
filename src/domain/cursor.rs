//! Where a reader is in a log.

use serde::Serialize;

use super::ids::{EntryId, Epoch};

/// A position in a log, with the proof that both sides mean the same history.
///
/// Epoch and offset alone are not enough: a log that was cut and grew again has the same epoch and other entries under
/// the old offsets. `entry` is the id of the entry at `offset`; at offset 0 there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Cursor {
    /// The life of the log that `offset` counts in.
    pub epoch: Epoch,
    /// The newest entry that the reader has; 0 before the first.
    pub offset: u64,
    /// The id of the entry at `offset`; `None` exactly when `offset` is 0.
    pub entry: Option<EntryId>,
}

impl Cursor {
    /// The position before the first entry of a log's life.
    #[must_use]
    pub fn start(epoch: Epoch) -> Self {
        Self { epoch, offset: 0, entry: None }
    }
}

/// Why a reader's cursor can't be continued, so that it has to take the picture as new.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetReason {
    /// The log lives another life than the cursor's.
    EpochChanged,
    /// Another entry stands at the cursor's offset.
    Forked,
    /// What follows the cursor is no longer kept.
    TooOld,
    /// The cursor is beyond the newest entry.
    Ahead,
}
