//! What an operator may want to count.

use std::sync::atomic::{AtomicU64, Ordering};

/// Rising counts, written by the bridge and read from any thread.
#[derive(Debug, Default)]
pub struct Counters {
    pub(super) entries: AtomicU64,
    pub(super) batches: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) reads: AtomicU64,
    pub(super) reads_refused: AtomicU64,
    pub(super) audit_records: AtomicU64,
    pub(super) audit_lost: AtomicU64,
}

/// The counts of one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counts {
    /// Entries written and announced.
    pub entries: u64,
    /// Batches handed to the writer; entries by batches is how well commits are shared.
    pub batches: u64,
    /// Appends that ended with an error.
    pub refused: u64,
    /// Reads handed to a reader.
    pub reads: u64,
    /// Reads refused because too many waited.
    pub reads_refused: u64,
    /// Records written to the audit log.
    pub audit_records: u64,
    /// Records that it could not keep.
    pub audit_lost: u64,
}

impl Counters {
    /// Reads all of them.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts {
            entries: read(&self.entries),
            batches: read(&self.batches),
            refused: read(&self.refused),
            reads: read(&self.reads),
            reads_refused: read(&self.reads_refused),
            audit_records: read(&self.audit_records),
            audit_lost: read(&self.audit_lost),
        }
    }

    pub(super) fn add(count: &AtomicU64, more: u64) {
        count.fetch_add(more, Ordering::Relaxed);
    }
}
