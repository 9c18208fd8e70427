use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::entry::{Kind, Timestamp};
use crate::domain::ids::{EntryId, Epoch};

/// A log and the tail of the room that watches it.
struct Log {
    epoch: Epoch,
    entries: Vec<Arc<Entry>>,
    floor: usize,
    tail: Tail,
}

impl Log {
    fn with(count: u64, bounds: Bounds) -> Self {
        let epoch = Epoch(Uuid::from_u128(7));
        let start = Cursor::start(epoch);
        let mut log = Self { epoch, entries: Vec::new(), floor: 0, tail: Tail::new(start, start, bounds) };
        (0..count).for_each(|_| log.append_and_arrive(10));
        log
    }

    fn append(&mut self, size: usize) -> Arc<Entry> {
        let offset = self.entries.len() as u64 + 1;
        let entry = Arc::new(entry(offset, size));
        self.entries.push(Arc::clone(&entry));
        entry
    }

    fn append_and_arrive(&mut self, size: usize) {
        let entry = self.append(size);
        assert_eq!(self.tail.push(entry), Order::Next);
    }

    fn cursor(&self, offset: usize) -> Cursor {
        offset.checked_sub(1).map_or(Cursor::start(self.epoch), |slot| self.entries[slot].cursor(self.epoch))
    }

    fn trim(&mut self, floor: usize) {
        self.floor = floor;
        self.tail.raise_floor(self.cursor(floor));
    }

    /// What the bridge would answer: a page by the doubled bounds, one entry at least.
    fn read(&self, from: u64, page: Bounds) -> Vec<Arc<Entry>> {
        let bounds = page.with_proof();
        let from = self.floor.max(usize::try_from(from).unwrap() - 1).min(self.entries.len());
        let mut bytes = 0;
        let fits = |(taken, entry): &(usize, &Arc<Entry>)| {
            bytes += entry.weight();
            *taken == 0 || (*taken < bounds.entries_max && bytes <= bounds.bytes_max)
        };
        self.entries[from..].iter().enumerate().take_while(fits).map(|(_, entry)| Arc::clone(entry)).collect()
    }

    /// Asks the tail, and the log where the tail says so; `meanwhile` happens between the read and the join.
    fn after(&mut self, cursor: &Cursor, page: Bounds, mut meanwhile: impl FnMut(&mut Self)) -> Since {
        let mut since = self.tail.after(cursor, page);
        for _ in 0..3 {
            let Since::Older(reading) = since else {
                return since;
            };
            let read = self.read(reading.from, page);
            let ends = (self.cursor(self.entries.len()), self.cursor(self.floor));
            meanwhile(self);
            since = self.tail.join_page(cursor, reading, (&ends.0, &ends.1), &read, page);
        }
        panic!("the log was read three times over for one page");
    }
}

fn entry(offset: u64, size: usize) -> Entry {
    let id = EntryId(Uuid::from_u128(u128::from(offset) << 64 | 1));
    let body = "x".repeat(size).into();
    Entry { offset, id, at: Timestamp(0), kind: Kind::Event, from: "null".into(), body }
}

fn forged(mut cursor: Cursor) -> Cursor {
    cursor.entry = Some(EntryId(Uuid::from_u128(666)));
    cursor
}

fn offsets(since: &Since) -> Vec<u64> {
    let Since::Recovered { entries, .. } = since else {
        panic!("not recovered: {since:?}");
    };
    entries.iter().map(|entry| entry.offset).collect()
}

const ROOMY: Bounds = Bounds { entries_max: 1_000, bytes_max: 1 << 20 };
const THREE: Bounds = Bounds { entries_max: 3, bytes_max: 1 << 20 };

#[test]
fn an_entry_arrives_in_order_twice_or_too_early() {
    let mut log = Log::with(3, ROOMY);
    assert_eq!(log.tail.push(Arc::new(entry(3, 10))), Order::Old);
    assert_eq!(log.tail.push(Arc::new(entry(6, 10))), Order::Hole { expected: 4 });
    assert_eq!(log.tail.head(), log.cursor(3), "a hole takes nothing");
    assert_eq!(log.tail.push(Arc::new(entry(4, 10))), Order::Next);
}

#[test]
fn a_reader_who_has_everything_gets_nothing_more() {
    for count in [0, 1, 5] {
        let log = Log::with(count, THREE);
        let head = log.tail.head();
        let all = Since::Recovered { entries: Vec::new(), cursor: head, more: false };
        assert_eq!(log.tail.after(&head, Bounds::PAGE), all);
    }
}

#[test]
fn a_cursor_that_is_none_of_ours_is_told_why() {
    let mut log = Log::with(9, THREE);
    log.trim(4);
    let page = Bounds::PAGE;
    let elsewhere = Cursor { epoch: Epoch(Uuid::from_u128(8)), ..log.cursor(9) };
    assert_eq!(log.tail.after(&elsewhere, page), Since::Reset(ResetReason::EpochChanged));
    let future = Cursor { offset: u64::MAX, ..log.cursor(9) };
    assert_eq!(log.tail.after(&future, page), Since::Reset(ResetReason::Ahead));
    assert_eq!(log.tail.after(&log.cursor(0), page), Since::Reset(ResetReason::TooOld));
    assert_eq!(log.tail.after(&log.cursor(3), page), Since::Reset(ResetReason::TooOld));
    for offset in 4..=9 {
        let forged = forged(log.cursor(offset));
        assert_eq!(log.after(&forged, page, |_| ()), Since::Reset(ResetReason::Forked), "at {offset}");
    }
}

#[test]
fn a_cursor_at_the_last_trimmed_entry_recovers() {
    let mut log = Log::with(9, THREE);
    log.trim(4);
    assert_eq!(offsets(&log.after(&log.cursor(4), Bounds::PAGE, |_| ())), [5, 6, 7, 8, 9]);
    log.trim(8);
    assert_eq!(offsets(&log.tail.after(&log.cursor(8), Bounds::PAGE)), [9], "the floor may rise into memory");
    assert_eq!(log.tail.after(&log.cursor(7), Bounds::PAGE), Since::Reset(ResetReason::TooOld));
}

#[test]
fn a_page_read_earlier_meets_what_arrived_since() {
    let mut log = Log::with(9, THREE);
    let since = log.after(&log.cursor(2), Bounds::PAGE, |log| log.append_and_arrive(10));
    assert_eq!(offsets(&since), [3, 4, 5, 6, 7, 8, 9, 10]);
    let since = log.after(&log.cursor(2), Bounds::PAGE, |log| (0..5).for_each(|_| log.append_and_arrive(10)));
    assert!(matches!(since, Since::Recovered { more: true, .. }), "memory moved past the page");
    assert_eq!(offsets(&since), [3, 4, 5, 6, 7, 8, 9, 10]);
}

#[test]
fn a_page_tells_nothing_that_has_not_arrived_yet() {
    let mut log = Log::with(9, THREE);
    log.append(10);
    let since = log.after(&log.cursor(2), Bounds::PAGE, |_| ());
    assert_eq!(offsets(&since), [3, 4, 5, 6, 7, 8, 9], "10 is on its way and will be pushed");
    assert!(matches!(since, Since::Recovered { more: false, .. }));
}

#[test]
fn a_floor_that_rose_over_the_cursor_before_the_read_is_too_old_or_proves_it() {
    let mut log = Log::with(9, THREE);
    let cursor = log.cursor(2);
    let Since::Older(reading) = log.tail.after(&cursor, Bounds::PAGE) else { panic!("memory has only three") };
    for (floor, expected) in [(2, None), (3, Some(ResetReason::TooOld))] {
        log.floor = floor;
        let ends = (log.cursor(9), log.cursor(floor));
        let read = log.read(reading.from, Bounds::PAGE);
        let since = log.tail.join_page(&cursor, reading, (&ends.0, &ends.1), &read, Bounds::PAGE);
        match expected {
            None => assert_eq!(offsets(&since), [3, 4, 5, 6, 7, 8, 9]),
            Some(reason) => assert_eq!(since, Since::Reset(reason)),
        }
    }
}

#[test]
fn another_history_behind_the_page_is_a_fork() {
    let log = Log::with(9, THREE);
    let cursor = log.cursor(2);
    let Since::Older(reading) = log.tail.after(&cursor, Bounds::PAGE) else { panic!("memory has only three") };
    let mut read = log.read(reading.from, Bounds::PAGE);
    let other = Entry { id: EntryId(Uuid::from_u128(666)), ..entry(9, 10) };
    *read.last_mut().unwrap() = Arc::new(other);
    let ends = (log.cursor(9), log.cursor(0));
    let since = log.tail.join_page(&cursor, reading, (&ends.0, &ends.1), &read, Bounds::PAGE);
    assert_eq!(since, Since::Reset(ResetReason::Forked));
}

#[test]
fn a_page_proves_the_cursor_before_anything_of_it_is_told() {
    let log = Log::with(20, Bounds { entries_max: 5, bytes_max: usize::MAX });
    let ours = log.cursor(4);
    let Since::Older(reading) = log.tail.after(&ours, Bounds::PAGE) else { panic!("memory begins behind it") };
    assert_eq!(reading, Reading { from: 4, is_proven: false });
    let read = log.read(4, Bounds::PAGE);
    let (head, floor) = (log.cursor(20), log.cursor(0));
    let join = |cursor: &Cursor, head: &Cursor, floor: &Cursor, read: &[Arc<Entry>]| {
        log.tail.join_page(cursor, reading, (head, floor), read, Bounds::PAGE)
    };
    assert_eq!(offsets(&join(&ours, &head, &floor, &read)), (5..=20).collect::<Vec<_>>());
    assert_eq!(join(&forged(ours), &head, &floor, &read), Since::Reset(ResetReason::Forked));
    // The cursor's own entry was trimmed before the read, and the floor is of another history, or beyond it.
    assert_eq!(join(&ours, &head, &forged(ours), &read[1..]), Since::Reset(ResetReason::Forked));
    assert_eq!(join(&ours, &head, &log.cursor(6), &read[3..]), Since::Reset(ResetReason::TooOld));
    // The log was set back behind the cursor.
    assert_eq!(join(&ours, &log.cursor(2), &floor, &[]), Since::Reset(ResetReason::Ahead));
    // The log begins another life between the question and the read.
    let anew = Cursor::start(Epoch(Uuid::from_u128(8)));
    assert_eq!(join(&ours, &anew, &anew, &[]), Since::Reset(ResetReason::EpochChanged));
    // A page with a hole behind the proven cursor.
    let hole: Vec<_> = read.iter().filter(|entry| entry.offset != 5).cloned().collect();
    assert_eq!(join(&ours, &head, &floor, &hole), Since::Reset(ResetReason::TooOld));
}

#[test]
fn a_log_that_keeps_what_follows_and_brings_nothing_is_asked_once_more_and_no_more() {
    let log = Log::with(20, Bounds { entries_max: 5, bytes_max: usize::MAX });
    let (cursor, head, floor) = (log.cursor(4), log.cursor(20), log.cursor(0));
    let join = |reading, read: &[Arc<Entry>]| log.tail.join_page(&cursor, reading, (&head, &floor), read, Bounds::PAGE);
    let own = log.read(4, Bounds::PAGE)[..1].to_vec();
    let again = join(Reading { from: 4, is_proven: false }, &own);
    let past_the_proof = Reading { from: 5, is_proven: true };
    assert_eq!(again, Since::Older(past_the_proof));
    assert_eq!(join(past_the_proof, &[]), Since::Reset(ResetReason::TooOld));
}

#[test]
fn entries_over_the_page_come_one_by_one() {
    let page = Bounds { entries_max: 10, bytes_max: 500 };
    let mut log = Log::with(0, THREE);
    (0..8).for_each(|_| log.append_and_arrive(2_000));
    let mut cursor = log.cursor(0);
    for expected in 1..=8 {
        let since = log.after(&cursor, page, |_| ());
        assert_eq!(offsets(&since), [expected], "the proof alone fills a read, and the reader gets on all the same");
        let Since::Recovered { cursor: end, .. } = since else { unreachable!() };
        cursor = end;
    }
}

#[test]
fn a_log_that_keeps_nothing_recovers_nothing() {
    let mut log = Log::with(5, Bounds { entries_max: 0, bytes_max: 0 });
    log.trim(5);
    assert_eq!(log.tail.after(&log.cursor(4), Bounds::PAGE), Since::Reset(ResetReason::TooOld));
    log.append_and_arrive(10);
    log.floor = 6;
    let since = log.after(&log.cursor(5), Bounds::PAGE, |_| ());
    assert_eq!(since, Since::Reset(ResetReason::TooOld), "the floor that the read brought says so");
}

#[derive(Clone, Debug)]
enum Step {
    Append(usize),
    Trim(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![4 => (0..700_usize).prop_map(Step::Append), 1 => (0..60_usize).prop_map(Step::Trim)];
    prop::collection::vec(step, 0..80)
}

fn take(log: &mut Log, step: &Step) {
    match *step {
        Step::Append(size) => log.append_and_arrive(size),
        Step::Trim(to) => log.trim(to.min(log.entries.len()).max(log.floor)),
    }
}

proptest! {
    /// Whatever was pushed and trimmed: the pages after a cursor, put together, are the log after it, or the answer is
    /// the reason why not.
    #[test]
    fn pages_add_up_to_the_log(
        before in steps(),
        meanwhile in steps(),
        tail in (0..12_usize, 0..4_000_usize),
        page in (1..8_usize, 1..3_000_usize),
        at in 0..80_usize,
        is_forged in any::<bool>(),
    ) {
        let mut log = Log::with(0, Bounds { entries_max: tail.0, bytes_max: tail.1 });
        for step in &before {
            take(&mut log, step);
        }
        let page = Bounds { entries_max: page.0, bytes_max: page.1 };
        let at = at.min(log.entries.len());
        let mut cursor = if is_forged && at > 0 { forged(log.cursor(at)) } else { log.cursor(at) };
        let mut meanwhile = meanwhile.iter();
        let mut got = Vec::new();
        loop {
            let floor = log.floor;
            let since = log.after(&cursor, page, |log| {
                meanwhile.by_ref().take(3).for_each(|step| take(log, step));
            });
            match since {
                Since::Recovered { entries, cursor: end, more } => {
                    prop_assert!(!is_forged || at == 0, "a forged cursor was recovered");
                    prop_assert!(entries.len() <= page.entries_max);
                    let weight: usize = entries.iter().map(|entry| entry.weight()).sum();
                    prop_assert!(weight <= page.bytes_max || entries.len() == 1);
                    prop_assert!(!more || !entries.is_empty(), "a page with more gets its reader on");
                    prop_assert_eq!(end.offset, cursor.offset + entries.len() as u64);
                    got.extend(entries);
                    cursor = end;
                    if !more {
                        break;
                    }
                }
                Since::Reset(ResetReason::Forked) => {
                    prop_assert!(is_forged && at > 0);
                    return Ok(());
                }
                Since::Reset(reason) => {
                    prop_assert_eq!(reason, ResetReason::TooOld);
                    let at = usize::try_from(cursor.offset).unwrap();
                    prop_assert!(at < log.floor.max(floor), "refused though it is kept");
                    return Ok(());
                }
                Since::Older(_) => unreachable!(),
            }
        }
        prop_assert_eq!(&got[..], &log.entries[at..], "exactly what followed, in order");
    }
}
