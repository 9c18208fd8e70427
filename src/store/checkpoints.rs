//! Checkpoints beside the work: the write-ahead log goes into the database on a thread of its own, so that no batch waits
//! while tens of megabytes are copied.
//!
//! What is written meanwhile stays in the log, and while anything stays it can't begin at its start again. So when little
//! is left, the writer copies that itself, between two batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use log::warn;
use rusqlite::Connection;

use super::Store;
use super::schema::Role;

/// From so many pages on, 64 MiB, the log is copied. Pages that many batches touch are copied once.
const PAGES: u64 = 16_000;

/// With at most so many pages left to copy, the writer does the rest in a few milliseconds.
const PAGES_LEFT: i64 = 1_000;

/// The thread that copies.
pub(super) struct Checkpoints {
    /// Dropped, it ends the thread.
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    is_nearly_done: Arc<AtomicBool>,
    /// Pages written since the last copy, as far as they can be guessed.
    pages: u64,
}

impl Checkpoints {
    /// Starts the thread. Without one the writer copies by itself, later and all at once.
    pub(super) fn start(store: &Arc<Store>) -> Self {
        // One wake that waits is as good as many.
        let (wake, wakes) = sync_channel(1);
        let is_nearly_done = Arc::<AtomicBool>::default();
        let (store, done) = (Arc::clone(store), Arc::clone(&is_nearly_done));
        let started = thread::Builder::new().name("store-checkpoint".into()).spawn(move || run(&store, &wakes, &done));
        if let Err(error) = &started {
            warn!("no thread for checkpoints, so some batches will wait for one: {error}");
        }
        Self { wake: Some(wake), thread: started.ok(), is_nearly_done, pages: 0 }
    }

    /// A batch of so many rows with so many bytes was written. True when the writer has the rest of a copy to do.
    pub(super) fn wrote(&mut self, rows: usize, bytes: usize) -> bool {
        // Over many rooms about a page a row is touched: places in the indexes, and now and then a new page of a table.
        self.pages += (rows + bytes / 4_096) as u64 + 3;
        if self.is_nearly_done.swap(false, Ordering::AcqRel) {
            self.pages = 0;
            return true;
        }
        if self.pages >= PAGES {
            // Asked again a quarter later, if that copy leaves too much behind.
            self.pages -= PAGES / 4;
            if let Some(wake) = &self.wake {
                let _ = wake.try_send(());
            }
        }
        false
    }
}

impl Drop for Checkpoints {
    /// Its connection is closed before the writer's, which then leaves one file behind.
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            // A panic in it was logged.
            let _ = thread.join();
        }
    }
}

fn run(store: &Store, wakes: &Receiver<()>, is_nearly_done: &AtomicBool) {
    let mut connection = None;
    while wakes.recv().is_ok() {
        let opened = match &connection {
            Some(connection) => Ok(connection),
            None => store.connect(Role::Reader).map(|opened| &*connection.insert(opened)),
        };
        // The second time copies what was written during the first.
        let copied = opened
            .map_err(|error| error.to_string())
            .and_then(|connection| copy(connection).and_then(|_| copy(connection)).map_err(|error| error.to_string()));
        match copied {
            Ok(left) => is_nearly_done.store(left <= PAGES_LEFT, Ordering::Release),
            // The writer has a bound of its own, at which it copies everything.
            Err(error) => warn!("{} could not be copied from its write-ahead log: {error}", store.path().display()),
        }
    }
}

/// Copies what it can without making anybody wait; says how many pages are left.
pub(super) fn copy(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("pragma wal_checkpoint(passive)", [], |row| {
        let (pages, copied): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok(pages - copied)
    })
}
