//! Logs that live in memory, for rooms whose past may go: `memory` keeps the newest entries, `none` only counts.
//!
//! A log begins with its first watch or append, with an epoch of its own, and ends with its last watch. One that was
//! appended to without a watch waits for one, and is the first to go when there are too many of its kind.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::bridge::{AppendError, Appended, DedupeKey, Ends, LogPlace, Page, Picture, Select, Selection};
use crate::domain::cursor::Cursor;
use crate::domain::entry::{Draft, Entry, Kind, Timestamp};
use crate::domain::ids::{EntryId, Epoch, RoomKey};
use crate::domain::log::{ACTIVITIES_SHOWN, Keep};
use crate::domain::state::{Change, State};
use crate::domain::tail::Bounds;
use crate::store::{Placed, content_hash};

use super::start::{KeepBy, Limits};

/// All of them, and what they hold together.
pub(super) struct MemoryLogs {
    limits: Limits,
    logs: HashMap<RoomKey, MemoryLog>,
    /// Logs that nobody watched when they began, oldest first; some of them may be watched or gone by now.
    unwatched: VecDeque<RoomKey>,
    bytes: usize,
}

/// Where an append ended up, what its watchers hear of, and the floor if it was raised. Nothing is heard of a duplicate.
pub(super) type Taken = (Placed, Option<Arc<Entry>>, Option<Cursor>);

/// One log in memory.
struct MemoryLog {
    head: Cursor,
    floor: Cursor,
    entries: VecDeque<Arc<Entry>>,
    keys: HashMap<DedupeKey, Record>,
    /// Keys by age, oldest first; as many as `keys`.
    keys_by_age: VecDeque<DedupeKey>,
    state: State,
    bytes: usize,
    is_watched: bool,
}

/// What is to be appended.
pub(super) struct Offered {
    pub(super) draft: Draft,
    pub(super) key: Option<DedupeKey>,
    pub(super) if_offset: Option<u64>,
}

/// What is remembered under a key.
struct Record {
    offset: u64,
    entry: EntryId,
    hash: [u8; 16],
    at: Timestamp,
}

impl MemoryLogs {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, logs: HashMap::new(), unwatched: VecDeque::new(), bytes: 0 }
    }

    /// Numbers `draft`, and keeps what `place` and `keep` let it.
    pub(super) fn append(
        &mut self,
        key: &RoomKey,
        place: LogPlace,
        keep: Keep,
        offered: Offered,
        is_watched: bool,
    ) -> Result<Taken, AppendError> {
        let Offered { draft, key: name, if_offset } = offered;
        if !is_watched && !self.logs.contains_key(key) {
            self.unwatched.push_back(key.clone());
            self.drop_unwatched();
        }
        let log = self.logs.entry(key.clone()).or_insert_with(MemoryLog::new);
        let epoch = log.head.epoch;
        // Only what bears a name is hashed.
        let name = name.map(|name| (name, content_hash(&draft)));
        if let Some((name, hash)) = &name
            && let Some(first) = log.remembered(name, draft.at, self.limits.dedupe)
        {
            let appended = Appended { offset: first.offset, entry: first.entry, duplicate: true };
            let same = first.hash == *hash;
            return if same { Ok((Placed { epoch, appended }, None, None)) } else { Err(AppendError::Conflict) };
        }
        let change = (draft.kind == Kind::State).then(|| Change::from_body(&draft.body)).flatten();
        if let Some(change) = &change {
            log.state.decide(change, if_offset)?;
        }
        let (before, floor) = (log.bytes, log.floor);
        let entry = Arc::new(draft.at_offset(log.head.offset + 1));
        log.take(&entry, place, name);
        if let Some(change) = &change {
            log.bytes -= log.state.size().bytes;
            log.state.apply(entry.offset, change);
            log.bytes += log.state.size().bytes;
        }
        // What is over the bound of all is paid for by who goes on writing.
        let others = self.bytes - before;
        let bytes_max = self.limits.memory_log_bytes_max.min(self.limits.memory_bytes_max.saturating_sub(others));
        let bytes_max = bytes_max.min(usize::try_from(keep.bytes_max).unwrap_or(usize::MAX));
        let entries_max = self.limits.memory_log_entries_max;
        log.trim(entries_max.min(usize::try_from(keep.entries_max).unwrap_or(usize::MAX)), bytes_max);
        log.trim_old(keep.oldest(entry.at));
        log.state.forget_removed(log.floor.offset);
        self.bytes = others + log.bytes;
        let appended = Appended { offset: entry.offset, entry: entry.id, duplicate: false };
        // A room of `none` keeps nothing, and its floor is its head at any time: that is no news.
        let raised = (place == LogPlace::Memory && log.floor != floor).then_some(log.floor);
        Ok((Placed { epoch, appended }, Some(entry), raised))
    }

    /// Lets go of what is too old; the logs whose floor was raised by it.
    pub(super) fn forget_old(&mut self, now: Timestamp, keep: &KeepBy) -> Vec<(RoomKey, Cursor)> {
        let mut raised = Vec::new();
        for (key, log) in &mut self.logs {
            let (bytes, floor) = (log.bytes, log.floor);
            log.trim_old(keep(&key.room).oldest(now));
            self.bytes -= bytes - log.bytes;
            if log.floor != floor {
                raised.push((key.clone(), log.floor));
            }
        }
        raised
    }

    /// Somebody watches from now on.
    pub(super) fn watch(&mut self, key: &RoomKey) -> Ends {
        let log = self.logs.entry(key.clone()).or_insert_with(MemoryLog::new);
        log.is_watched = true;
        log.ends()
    }

    /// Nobody watches any more.
    pub(super) fn forget(&mut self, key: &RoomKey) {
        if let Some(log) = self.logs.remove(key) {
            self.bytes -= log.bytes;
        }
    }

    /// As a page of the store. A log that has not begun is in a life that nobody will meet again.
    pub(super) fn page(&self, key: &RoomKey, from: u64, entries_max: usize, bytes_max: usize) -> Page {
        let Some(log) = self.logs.get(key) else {
            let Selection { ends, entries, .. } = nothing();
            return Page { ends, entries };
        };
        let skipped = usize::try_from(from.saturating_sub(log.floor.offset + 1)).unwrap_or(usize::MAX);
        let mut bytes = 0;
        let fitting = log.entries.iter().skip(skipped).take(entries_max).enumerate().take_while(|(index, entry)| {
            bytes += entry.weight();
            *index == 0 || bytes <= bytes_max
        });
        Page { ends: log.ends(), entries: fitting.map(|(_, entry)| Arc::clone(entry)).collect() }
    }

    /// As a picture of the store.
    pub(super) fn picture(&self, key: &RoomKey) -> Picture {
        let bounds = Bounds { entries_max: ACTIVITIES_SHOWN, ..Bounds::PAGE };
        let kinds = vec![Kind::Activity];
        let (log, place) = (key.clone(), LogPlace::Memory);
        let activity = self.select(&Select { log, place, kinds, after: 0, below: u64::MAX, is_newest: true, bounds });
        let state = self.logs.get(key).map(|log| log.state.clone()).unwrap_or_default();
        Picture { ends: activity.ends, state, activity: activity.entries }
    }

    /// As a selection of the store.
    pub(super) fn select(&self, select: &Select) -> Selection {
        let Some(log) = self.logs.get(&select.log) else { return nothing() };
        let is_wanted = |entry: &&Arc<Entry>| {
            entry.offset > select.after && entry.offset < select.below && select.kinds.contains(&entry.kind)
        };
        let wanted = log.entries.iter().filter(is_wanted);
        if select.is_newest {
            let (mut entries, more) = fill(wanted.rev(), select.bounds);
            entries.reverse();
            return Selection { ends: log.ends(), entries, more };
        }
        let (entries, more) = fill(wanted, select.bounds);
        Selection { ends: log.ends(), entries, more }
    }

    /// What all logs hold.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn drop_unwatched(&mut self) {
        while self.unwatched.len() > self.limits.memory_unwatched_max {
            let Some(oldest) = self.unwatched.pop_front() else { return };
            if self.logs.get(&oldest).is_some_and(|log| !log.is_watched) {
                self.forget(&oldest);
            }
        }
    }
}

impl MemoryLog {
    fn new() -> Self {
        let start = Cursor::start(Epoch::random());
        Self {
            head: start,
            floor: start,
            entries: VecDeque::new(),
            keys: HashMap::new(),
            keys_by_age: VecDeque::new(),
            state: State::default(),
            bytes: 0,
            is_watched: false,
        }
    }

    fn ends(&self) -> Ends {
        Ends { head: self.head, floor: self.floor }
    }

    fn remembered(&self, name: &DedupeKey, now: Timestamp, dedupe: Duration) -> Option<&Record> {
        let is_fresh = |record: &&Record| i128::from(now.0 - record.at.0) < dedupe.as_millis().cast_signed();
        self.keys.get(name).filter(is_fresh)
    }

    fn take(&mut self, entry: &Arc<Entry>, place: LogPlace, name: Option<(DedupeKey, [u8; 16])>) {
        self.head = entry.cursor(self.head.epoch);
        if place == LogPlace::Memory {
            self.bytes += entry.weight();
            self.entries.push_back(Arc::clone(entry));
        } else {
            self.floor = self.head;
        }
        if let Some((name, hash)) = name {
            let record = Record { offset: entry.offset, entry: entry.id, hash, at: entry.at };
            // A key that was too old to count keeps its place in the row: it only goes a little earlier.
            if self.keys.insert(name.clone(), record).is_none() {
                self.bytes += weight(&name);
                self.keys_by_age.push_back(name);
            }
        }
    }

    /// Keeps at most so many entries, so many keys, and so many bytes of both; the oldest go first.
    fn trim(&mut self, count_max: usize, bytes_max: usize) {
        while self.keys_by_age.len() > count_max || (self.bytes > bytes_max && self.entries.is_empty()) {
            let Some(oldest) = self.keys_by_age.pop_front() else { break };
            self.bytes -= weight(&oldest);
            self.keys.remove(&oldest);
        }
        while (self.entries.len() > count_max || self.bytes > bytes_max) && self.pop() {}
    }

    /// Lets go of entries from before `oldest`.
    fn trim_old(&mut self, oldest: Timestamp) {
        while self.entries.front().is_some_and(|entry| entry.at < oldest) && self.pop() {}
    }

    /// Lets go of the oldest entry; false when there is none.
    fn pop(&mut self) -> bool {
        let Some(oldest) = self.entries.pop_front() else { return false };
        self.bytes -= oldest.weight();
        self.floor = oldest.cursor(self.head.epoch);
        // The key of an entry that is gone goes with it.
        while let Some(name) = self.keys_by_age.front()
            && self.keys.get(name).is_none_or(|record| record.offset <= oldest.offset)
        {
            self.bytes -= weight(name);
            self.keys.remove(name);
            self.keys_by_age.pop_front();
        }
        true
    }
}

/// What a log that has not begun holds.
fn nothing() -> Selection {
    let start = Cursor::start(Epoch::random());
    Selection { ends: Ends { head: start, floor: start }, entries: Vec::new(), more: false }
}

/// The first of `entries`, as many as `bounds` allow, and whether there are more.
fn fill<'a>(entries: impl Iterator<Item = &'a Arc<Entry>>, bounds: Bounds) -> (Vec<Arc<Entry>>, bool) {
    let (mut taken, mut bytes) = (Vec::new(), 0);
    for entry in entries {
        bytes += entry.weight();
        if taken.len() == bounds.entries_max || (bytes > bounds.bytes_max && !taken.is_empty()) {
            return (taken, true);
        }
        taken.push(Arc::clone(entry));
    }
    (taken, false)
}

/// What a remembered key counts as; it stands twice.
fn weight(name: &DedupeKey) -> usize {
    name.publisher.len() + name.key.len() + 192
}
