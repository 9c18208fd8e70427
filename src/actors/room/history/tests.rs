//! Pages put together are the log, from wherever they are read.

use proptest::prelude::*;
use tempfile::TempDir;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::*;
use crate::bridge::solo::{Config, Solo};
use crate::bridge::{Append, Bridge, Read};
use crate::clock::Clock;
use crate::domain::cursor::Cursor;
use crate::domain::entry::{Draft, Timestamp};
use crate::domain::ids::{EntryId, RoomName, Tenant};
use crate::domain::log::Keep;
use crate::domain::tail::{Order, Since, Tail};

/// What one log holds: offset and kind.
type Written = Vec<(u64, Kind)>;

/// A log of its own in a place, and everything that was written to it.
struct Log {
    bridge: Bridge,
    key: RoomKey,
    place: LogPlace,
    written: Written,
}

impl Log {
    async fn with(bridge: &Bridge, place: LogPlace, lengths: &[(u8, usize)]) -> Self {
        let key = RoomKey::new(
            Tenant::default(),
            RoomName::parse(if place == LogPlace::Memory { "memory" } else { "disk" }).unwrap(),
        );
        let mut log = Self { bridge: bridge.clone(), key, place, written: Vec::new() };
        for (kind, length) in lengths {
            let kind = [Kind::Event, Kind::State, Kind::Activity][usize::from(*kind) % 3];
            log.append(kind, *length).await;
        }
        log
    }

    async fn append(&mut self, kind: Kind, length: usize) {
        let text = "x".repeat(length);
        let body = match kind {
            Kind::Event => format!(r#""event":"e","data":"{text}""#),
            Kind::State => format!(r#""set":{{"k":"{text}"}},"removed":[]"#),
            Kind::Activity => format!(r#""action":"{text}""#),
            other => panic!("no room like this one has a {other:?}"),
        };
        let id = EntryId(Uuid::now_v7());
        let draft = Draft { id, at: Timestamp(1), kind, from: "null".into(), body: body.into() };
        let (done, appended) = oneshot::channel();
        let done = Box::new(move |outcome| drop(done.send(outcome)));
        let (log, place) = (self.key.clone(), self.place);
        self.bridge.append.do_send(Append { log, place, draft, key: None, if_offset: None, audit: None, done });
        self.written.push((appended.await.unwrap().unwrap().offset, kind));
    }

    async fn page(&self, part: HistoryPart, bounds: Bounds, kinds: Option<Vec<Kind>>) -> (Written, bool) {
        let log = (self.key.clone(), self.place);
        let select = Select { bounds, ..question(log, part, u64::MAX, bounds.entries_max, kinds) };
        let Selection { entries, more, .. } = self.bridge.select.send(select).await.unwrap().unwrap();
        (entries.iter().map(|entry| (entry.offset, entry.kind)).collect(), more)
    }

    /// All pages from the oldest entry on.
    async fn forward(&self, bounds: Bounds, kinds: Option<&Vec<Kind>>) -> Written {
        let mut all = Written::new();
        loop {
            let after = all.last().map_or(0, |(offset, _)| *offset);
            let (page, more) = self.page(HistoryPart::After(after), bounds, kinds.cloned()).await;
            assert!(!more || !page.is_empty(), "a page with more gets its reader on");
            all.extend(page);
            if !more {
                return all;
            }
        }
    }

    /// All pages from the newest entry back.
    async fn backward(&self, bounds: Bounds, kinds: Option<&Vec<Kind>>) -> Written {
        let (mut all, mut more) = self.page(HistoryPart::Newest, bounds, kinds.cloned()).await;
        while more {
            let (mut page, still) = self.page(HistoryPart::Before(all[0].0), bounds, kinds.cloned()).await;
            assert!(!page.is_empty(), "a page with more gets its reader on");
            page.append(&mut all);
            (all, more) = (page, still);
        }
        all
    }

    /// All pages of a catch-up from `from`, by the way that a room goes whose tail keeps that much; `None` is too old.
    async fn caught_up(&self, from: u64, tail: Bounds, page: Bounds) -> Option<Written> {
        let read = |from, bounds: Bounds| {
            let (log, place, Bounds { entries_max, bytes_max }) = (self.key.clone(), self.place, bounds);
            self.bridge.read.send(Read { log, place, from, entries_max, bytes_max })
        };
        let everything = read(1, Bounds { entries_max: 10_000, bytes_max: 1 << 30 }).await.unwrap().unwrap();
        let (head, floor) = (everything.ends.head, everything.ends.floor);
        let mut memory = Tail::new(floor, floor, tail);
        for entry in &everything.entries {
            assert_eq!(memory.push(entry.clone()), Order::Next);
        }
        let proof = everything.entries.iter().find(|entry| entry.offset == from).map(|entry| entry.cursor(head.epoch));
        let mut cursor =
            if from == 0 { Cursor::start(head.epoch) } else { proof.or((floor.offset == from).then_some(floor))? };
        let mut all = Written::new();
        loop {
            let mut since = memory.after(&cursor, page);
            while let Since::Older(reading) = since {
                let read = read(reading.from, page.with_proof()).await.unwrap().unwrap();
                let ends = (&read.ends.head, &read.ends.floor);
                since = memory.join_page(&cursor, reading, ends, &read.entries, page);
            }
            match since {
                Since::Recovered { entries, cursor: end, more } => {
                    assert!(!more || !entries.is_empty(), "a page with more gets its reader on");
                    all.extend(entries.iter().map(|entry| (entry.offset, entry.kind)));
                    cursor = end;
                    if !more {
                        return Some(all);
                    }
                }
                Since::Reset(_) => return None,
                Since::Older(_) => unreachable!("the loop above"),
            }
        }
    }
}

fn bounds() -> impl Strategy<Value = Bounds> {
    let bytes_max = prop_oneof![1..2_000_usize, Just(1 << 20)];
    (1..12_usize, bytes_max).prop_map(|(entries_max, bytes_max)| Bounds { entries_max, bytes_max })
}

fn kinds() -> impl Strategy<Value = Option<Vec<Kind>>> {
    let some = prop::sample::subsequence(vec![Kind::Event, Kind::State, Kind::Activity], 1..=3);
    prop::option::of(some)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// On disk and in memory.
    #[test]
    fn pages_in_either_direction_and_of_a_catch_up_are_the_log_once_and_in_order(
        lengths in prop::collection::vec((any::<u8>(), 0..600_usize), 0..40),
        keep_entries in 5..60_u64,
        page in bounds(),
        tail in (0..10_usize, 0..3_000_usize),
        from in 0..40_u64,
        kinds in kinds(),
    ) {
        System::new().block_on(async {
            let folder = TempDir::new().unwrap();
            // A log on disk trims itself when it comes to it, so that one keeps all; its floor is tried with the store.
            let keep = move |room: &RoomName| match room.as_str() {
                "memory" => Keep { entries_max: keep_entries, ..Keep::MEMORY },
                _ => Keep::DISK,
            };
            let config = Config { keep: std::sync::Arc::new(keep), ..Config::new(folder.path().join("a.db")) };
            let started = Solo::start(&config, &Clock::manual(Timestamp(1))).unwrap();
            let tail = Bounds { entries_max: tail.0, bytes_max: tail.1 };
            for place in [LogPlace::Disk, LogPlace::Memory] {
                let log = Log::with(&started.bridge, place, &lengths).await;
                let floor = if place == LogPlace::Memory { (lengths.len() as u64).saturating_sub(keep_entries) } else { 0 };
                let whole: Written = log.written.iter().copied().filter(|(offset, _)| *offset > floor).collect();
                let wanted: Written = match &kinds {
                    Some(kinds) => whole.iter().copied().filter(|(_, kind)| kinds.contains(kind)).collect(),
                    None => whole.clone(),
                };
                prop_assert_eq!(&log.forward(page, kinds.as_ref()).await, &wanted, "{:?}", place);
                prop_assert_eq!(&log.backward(page, kinds.as_ref()).await, &wanted, "{:?}", place);
                let from = from.min(log.written.len() as u64);
                let expected = (from >= floor).then(|| whole.iter().copied().filter(|(offset, _)| *offset > from).collect());
                prop_assert_eq!(log.caught_up(from, tail, page).await, expected, "{:?} from {}", place, from);
            }
            started.stopper.stop().await;
            Ok(())
        })?;
    }
}
