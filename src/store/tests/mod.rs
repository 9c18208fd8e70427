//! What the store promises, tried on files.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;

use crate::domain::entry::{Draft, Kind, Timestamp};
use crate::domain::ids::{EntryId, RoomKey, RoomName, Tenant};
use crate::domain::log::DedupeKey;

use super::{Outcome, Placed, Store, Write};

mod actors;
mod audit;
mod forgetting;
mod inbox;
mod opening;
mod reading;
mod state;
mod trimming;
mod users;
mod writing;

const DEDUPE: Duration = Duration::from_hours(24);
const DEDUPE_MS: i64 = 24 * 3600 * 1000;
const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// A folder with a store in it, whose files a test may damage.
pub(super) struct Folder(TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn database(&self) -> PathBuf {
        self.0.path().join("copresence.db")
    }

    fn boot(&self) -> PathBuf {
        self.0.path().join("copresence.db.boot")
    }

    pub(super) fn open(&self) -> Arc<Store> {
        Store::open(&self.database(), DEDUPE).unwrap()
    }

    /// A second connection to the same file, for what only a test does.
    pub(super) fn sqlite(&self) -> Connection {
        Connection::open(self.database()).unwrap()
    }
}

fn room(name: &str) -> RoomKey {
    RoomKey::new(Tenant::default(), RoomName::parse(name).unwrap())
}

fn write(log: &str, text: &str) -> Write {
    let draft = Draft {
        id: EntryId(Uuid::now_v7()),
        at: NOW,
        kind: Kind::Event,
        from: r#"{"user":"ada","session":"s-7"}"#.into(),
        body: format!(r#""event":"e","data":"{text}""#).into(),
    };
    Write { log: room(log), draft, key: None, if_offset: None, audit: None }
}

fn keyed(log: &str, text: &str, publisher: &str, key: &str) -> Write {
    Write { key: Some(DedupeKey { publisher: publisher.into(), key: key.into() }), ..write(log, text) }
}

fn placed(outcome: &Outcome) -> Placed {
    *outcome.as_ref().unwrap()
}

fn offsets(outcomes: &[Outcome]) -> Vec<Option<u64>> {
    outcomes.iter().map(|outcome| outcome.as_ref().ok().map(|placed| placed.appended.offset)).collect()
}
