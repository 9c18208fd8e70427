use proptest::prelude::*;

use crate::domain::cursor::{Cursor, ResetReason};
use crate::domain::log::Keep;
use crate::domain::tail::{Bounds, Since, Tail};
use crate::store::{Reader, Standing, Sweep, Trim, Trimmed, Writer};

use super::*;

const ALL: Keep = Keep { entries_max: u64::MAX, bytes_max: u64::MAX, age_max: Duration::from_hours(1_000_000) };

fn trim(keep: Keep, rows_max: usize) -> Trim {
    Trim { keep, now: NOW, rows_max }
}

/// Trims slice by slice to the end; the last floor, and how many slices there were.
fn trim_all(writer: &mut Writer, log: &str, trim: &Trim) -> (Option<Cursor>, usize) {
    let (mut floor, mut slices) = (None, 1);
    loop {
        let Trimmed { floor: raised, rows, has_more } = writer.trim(&room(log), trim).unwrap();
        assert!(rows <= trim.rows_max + 1, "{rows} rows in a slice of {}", trim.rows_max);
        floor = raised.or(floor);
        if !has_more {
            return (floor, slices);
        }
        slices += 1;
        assert!(slices < 10_000, "it never ends");
    }
}

fn filled(folder: &Folder, count: usize) -> (Arc<Store>, Writer) {
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    let batch: Vec<Write> = (1..=count).map(|n| write("a", &format!("entry {n:06}"))).collect();
    writer.commit(&batch, NOW);
    (store, writer)
}

#[test]
fn a_log_is_trimmed_in_slices_and_written_to_in_between() {
    let folder = Folder::new();
    let (store, mut writer) = filled(&folder, 1_000);
    let keep = Keep { entries_max: 100, ..ALL };
    let (mut floor, mut head, mut slices) = (0, 1_000, 0);
    loop {
        let trimmed = writer.trim(&room("a"), &trim(keep, 50)).unwrap();
        let raised = trimmed.floor.map_or(floor, |floor| floor.offset);
        assert!(raised - floor <= 50, "a slice of {} rows", raised - floor);
        floor = raised;
        slices += 1;
        head += 1;
        assert_eq!(offsets(&writer.commit(&[write("a", "x")], NOW)), [Some(head)]);
        let page = store.reader().unwrap().page(&room("a"), 0, 10, 1 << 20).unwrap();
        assert_eq!((page.ends.floor.offset, page.entries[0].offset), (floor, floor + 1));
        if !trimmed.has_more {
            break;
        }
    }
    assert!(slices >= 18, "{slices} slices");
    trim_all(&mut writer, "a", &trim(keep, 50));
    let ends = store.reader().unwrap().ends(&room("a")).unwrap();
    assert_eq!(ends.head.offset - ends.floor.offset, 100);
    let (kept, rows): (i64, i64) =
        (100, folder.sqlite().query_row("select count(*) from entries", [], |r| r.get(0)).unwrap());
    assert_eq!(rows, kept);
}

#[test]
fn a_log_of_which_nothing_is_left_goes_on_where_it_was() {
    let folder = Folder::new();
    let (store, mut writer) = filled(&folder, 10);
    let later = Trim { now: Timestamp(NOW.0 + 1_001), ..trim(Keep { age_max: Duration::from_secs(1), ..ALL }, 100) };
    let head = store.reader().unwrap().ends(&room("a")).unwrap().head;
    assert_eq!(trim_all(&mut writer, "a", &Trim { now: Timestamp(NOW.0 + 1_000), ..later }).0, None, "not yet");
    assert_eq!(trim_all(&mut writer, "a", &later).0, Some(head));
    drop(writer);
    drop(store);
    let store = folder.open();
    assert_eq!(store.reader().unwrap().ends(&room("a")).unwrap(), crate::domain::log::Ends { head, floor: head });
    assert_eq!(offsets(&store.writer().unwrap().commit(&[write("a", "x")], NOW)), [Some(11)]);
}

#[test]
fn bytes_are_counted_on_from_where_they_were_after_a_restart() {
    let folder = Folder::new();
    let weight = write("a", "entry 000001").draft.at_offset(1).weight() as u64;
    {
        let (_store, mut writer) = filled(&folder, 5_000);
        trim_all(&mut writer, "a", &trim(ALL, 100));
    }
    let written: i64 =
        folder.sqlite().query_row("select counted_offset from logs where room = 'a'", [], |row| row.get(0)).unwrap();
    assert!(written >= 4_096, "only {written} were written down");
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    let keep = Keep { bytes_max: weight * 4_990 + 1, ..ALL };
    let (floor, slices) = trim_all(&mut writer, "a", &trim(keep, 100));
    assert_eq!(floor.unwrap().offset, 10);
    assert!(slices < 15, "{slices} slices: it counted from the beginning");
}

#[test]
fn what_is_missing_is_not_trimmed_over() {
    let folder = Folder::new();
    let (_store, mut writer) = filled(&folder, 10);
    folder.sqlite().execute("delete from entries where offset = 4", []).unwrap();
    let broken = writer.trim(&room("a"), &trim(Keep { entries_max: 2, ..ALL }, 100));
    assert!(matches!(broken, Err(crate::store::ReadError::Damaged { offset: 4 })), "{broken:?}");
    assert_eq!(writer.trim(&room("b"), &trim(ALL, 100)).unwrap().floor, None, "a log that is not there has nothing");
}

#[test]
fn a_sweep_meets_every_log_once_and_says_how_it_stands() {
    let folder = Folder::new();
    let (store, mut writer) = filled(&folder, 10);
    writer.commit(&[write("b", "1"), write("c", "1"), write("c", "2")], NOW);
    trim_all(&mut writer, "a", &trim(Keep { entries_max: 4, ..ALL }, 100));
    trim_all(&mut writer, "b", &Trim { now: Timestamp(i64::MAX), ..trim(Keep { age_max: DEDUPE, ..ALL }, 100) });
    let mut reader = store.reader().unwrap();
    let mut met: Vec<Standing> = Vec::new();
    loop {
        let after = met.last().map_or(0, |last| last.number);
        let step = reader.sweep(Sweep { after, logs_max: 2 }).unwrap();
        if step.is_empty() {
            break;
        }
        met.extend(step);
    }
    let met: Vec<_> = met.into_iter().map(|log| (log.log.unwrap(), log.entries, log.oldest)).collect();
    assert_eq!(met, [(room("a"), 4, Some(NOW)), (room("b"), 0, None), (room("c"), 2, Some(NOW))]);
}

/// What a reader at `cursor` is told, by the way that a room goes which has nothing in memory.
fn answer(reader: &mut Reader, cursor: &Cursor) -> Result<Vec<u64>, ResetReason> {
    let ends = reader.ends(&room("a")).unwrap();
    let tail = Tail::new(ends.head, ends.floor, Bounds { entries_max: 0, bytes_max: 0 });
    let page = Bounds { entries_max: 1_000, bytes_max: 1 << 20 };
    let mut since = tail.after(cursor, page);
    for _ in 0..3 {
        match since {
            Since::Recovered { entries, more: false, .. } => {
                return Ok(entries.iter().map(|entry| entry.offset).collect());
            }
            Since::Recovered { .. } => unreachable!("a page holds all of it"),
            Since::Reset(reason) => return Err(reason),
            Since::Older(reading) => {
                let read = reader.page(&room("a"), reading.from, 1_001, 2 << 20).unwrap();
                since = tail.join_page(cursor, reading, (&read.ends.head, &read.ends.floor), &read.entries, page);
            }
        }
    }
    unreachable!("a reader asks at most twice")
}

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<u8>),
    Trim { entries: u64, bytes: u64, age_s: u64, rows: usize, is_whole: bool },
    Wait(i64),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 1..20).prop_map(Step::Append),
        4 => (0..40_u64, 0..8_000_u64, 0..30_u64, 1..30_usize, any::<bool>())
            .prop_map(|(entries, bytes, age_s, rows, is_whole)| Step::Trim { entries, bytes, age_s, rows, is_whole }),
        2 => (0..10_i64).prop_map(Step::Wait),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_cursor_hears_exactly_what_follows_it_or_that_it_is_too_old(steps in prop::collection::vec(step(), 1..25)) {
        let folder = Folder::new();
        let mut store = folder.open();
        let mut writer = store.writer().unwrap();
        let mut now = NOW;
        // All that was ever written: cursor, weight, time.
        let mut written: Vec<(Cursor, u64, Timestamp)> = Vec::new();
        let mut floor = 0_usize;
        for step in steps {
            match step {
                Step::Append(lengths) => {
                    let texts = lengths.iter().map(|length| "x".repeat(usize::from(*length)));
                    let batch: Vec<Write> = texts
                        .map(|text| { let mut one = write("a", &text); one.draft.at = now; one })
                        .collect();
                    for (write, outcome) in batch.iter().zip(writer.commit(&batch, now)) {
                        let entry = write.draft.clone().at_offset(placed(&outcome).appended.offset);
                        prop_assert_eq!(entry.offset, written.len() as u64 + 1);
                        written.push((entry.cursor(placed(&outcome).epoch), entry.weight() as u64, now));
                    }
                }
                Step::Trim { entries, bytes, age_s, rows, is_whole } => {
                    let keep = Keep { entries_max: entries, bytes_max: bytes, age_max: Duration::from_secs(age_s) };
                    let trim = Trim { keep, now, rows_max: rows };
                    let must_go = |floor: usize| {
                        let kept = &written[floor..];
                        let is_heavy = kept.iter().map(|(_, weight, _)| weight).sum::<u64>() > bytes;
                        !kept.is_empty() && (kept.len() as u64 > entries || is_heavy || kept[0].2 < keep.oldest(now))
                    };
                    if is_whole {
                        trim_all(&mut writer, "a", &trim);
                        while must_go(floor) {
                            floor += 1;
                        }
                    } else if let Some(raised) = writer.trim(&room("a"), &trim).unwrap().floor {
                        let raised = usize::try_from(raised.offset).unwrap();
                        prop_assert!((floor..raised).all(must_go), "from {} to {} is too far", floor, raised);
                        floor = raised;
                    }
                }
                Step::Wait(seconds) => now = Timestamp(now.0 + seconds * 1_000),
                Step::Reopen => {
                    drop(writer);
                    drop(store);
                    store = folder.open();
                    writer = store.writer().unwrap();
                }
            }
            let (mut reader, start) = (store.reader().unwrap(), Cursor::start(store.epoch()));
            for (offset, cursor) in std::iter::once(&start).chain(written.iter().map(|(cursor, ..)| cursor)).enumerate() {
                let expected = if offset < floor {
                    Err(ResetReason::TooOld)
                } else {
                    Ok((offset as u64 + 1..=written.len() as u64).collect())
                };
                prop_assert_eq!(answer(&mut reader, cursor), expected, "at {} over the floor {}", offset, floor);
            }
        }
    }
}
