//! Whatever happens in whatever order: the counts that travel are those that a recount finds.

use proptest::prelude::*;

use super::super::Item;
use super::model::{Line, Model, State};
use super::replica::Replica;
use super::rows::Rows;
use super::*;

/// Something that happens; offsets count back from the newest entry, times from now, in minutes.
#[derive(Clone, Debug)]
enum Step {
    Arrive {
        number: u128,
        age: i64,
        expires: Option<i64>,
        critical: bool,
        dedupe: Option<u8>,
        level: usize,
        comes: Comes,
    },
    These {
        numbers: Vec<u128>,
        status: As,
    },
    All {
        back: u64,
        shelf: Option<usize>,
        level: Option<usize>,
        status: As,
    },
    Seen {
        back: u64,
    },
    Undo {
        back: u64,
    },
    Ack {
        number: u128,
    },
    Wait {
        minutes: i64,
    },
}

#[derive(Clone, Copy, Debug)]
enum Comes {
    Loud,
    Quiet,
    Muted,
    Piled { minutes: i64 },
}

#[derive(Clone, Copy, Debug)]
enum As {
    Read,
    Unread,
    Archived,
    Unarchived,
    Snoozed { minutes: i64 },
}

/// So few ids, and so small an inbox, that everything meets everything.
const NUMBERS: u128 = 40;
const NEWEST: usize = 7;
const AGE_MINUTES: u64 = 300;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let number = || 0..NUMBERS;
    let status = || {
        prop_oneof![
            Just(As::Read),
            Just(As::Unread),
            Just(As::Archived),
            Just(As::Unarchived),
            (-1..60_i64).prop_map(|minutes| As::Snoozed { minutes }),
        ]
    };
    let comes = prop_oneof![
        4 => Just(Comes::Loud),
        1 => Just(Comes::Quiet),
        1 => Just(Comes::Muted),
        1 => (-5..60_i64).prop_map(|minutes| Comes::Piled { minutes }),
    ];
    let arrive = (
        number(),
        prop_oneof![4 => Just(0), 1 => 0..400_i64],
        prop::option::weighted(0.3, -1..90_i64),
        prop::bool::weighted(0.2),
        prop::option::weighted(0.4, 0..3_u8),
        0..4_usize,
        comes,
    );
    let arrive = arrive.prop_map(|(number, age, expires, critical, dedupe, level, comes)| Step::Arrive {
        number,
        age,
        expires,
        critical,
        dedupe,
        level,
        comes,
    });
    let all = (0..12_u64, prop::option::of(0..4_usize), prop::option::weighted(0.3, 0..4_usize), status());
    let step = prop_oneof![
        6 => arrive,
        3 => (prop::collection::vec(number(), 1..5), status()).prop_map(|(numbers, status)| Step::These { numbers, status }),
        3 => all.prop_map(|(back, shelf, level, status)| Step::All { back, shelf, level, status }),
        2 => (0..6_u64).prop_map(|back| Step::Seen { back }),
        3 => (0..10_u64).prop_map(|back| Step::Undo { back }),
        2 => number().prop_map(|number| Step::Ack { number }),
        3 => prop_oneof![4 => 0..30_i64, 1 => 0..400_i64].prop_map(|minutes| Step::Wait { minutes }),
    ];
    prop::collection::vec(step, 1..80)
}

impl Step {
    fn change(&self, now: Timestamp, head: u64) -> Change {
        let ahead = |minutes: i64| Timestamp(now.0 + minutes * MINUTE);
        let status = |status: As| match status {
            As::Read => Status::Read,
            As::Unread => Status::Unread,
            As::Archived => Status::Archived,
            As::Unarchived => Status::Unarchived,
            As::Snoozed { minutes } => Status::Snoozed { until: ahead(minutes) },
        };
        match *self {
            Self::Arrive { number, age, expires, critical, dedupe, level, comes } => {
                let notification = Notification {
                    level: Level::ALL[level],
                    critical,
                    dedupe: dedupe.map(|value| value.to_string().into()),
                    expires: expires.map(ahead),
                    ..plain()
                };
                let verdict = match comes {
                    Comes::Loud => LOUD,
                    Comes::Quiet => Verdict { quiet: true, ..LOUD },
                    Comes::Muted => MUTED,
                    Comes::Piled { minutes } => Verdict { quiet: true, piles_until: Some(ahead(minutes)), ..LOUD },
                };
                Change::Arrive { arrival: Arc::new(Arrival::new(id(number), ahead(-age), notification)), verdict }
            }
            Self::These { ref numbers, status: becomes } => {
                Change::Mark(Mark::As { which: these(numbers), status: status(becomes) })
            }
            Self::All { back, shelf: place, level, status: becomes } => {
                let shelves = [Shelf::Current, Shelf::Unread, Shelf::Archived, Shelf::Snoozed];
                let chosen = place.map(|place| shelves[place]).unwrap_or_default();
                let filter = Filter { shelf: chosen, level: level.map(|level| Level::ALL[level]), ..Filter::default() };
                Change::Mark(Mark::As { which: upto(head.saturating_sub(back), filter), status: status(becomes) })
            }
            // Beyond the newest too.
            Self::Seen { back } => Change::Mark(Mark::Seen { upto: (head + 2).saturating_sub(back) }),
            Self::Undo { back } => Change::Mark(Mark::Undo { offset: head.saturating_sub(back) }),
            Self::Ack { number } => Change::Mark(Mark::Ack { id: id(number) }),
            Self::Wait { .. } => Change::Settle,
        }
    }
}

/// A session's badge: it knows numbers and the offset that they are true at.
#[derive(Clone, Copy, Default)]
struct Badge {
    offset: u64,
    counts: Counts,
}

impl Badge {
    fn hear(&mut self, offset: u64, counts: Counts) {
        if offset > self.offset {
            *self = Self { offset, counts };
        }
    }
}

fn told(entry: &Value) -> Counts {
    let number = |key: &str| u32::try_from(entry[key].as_u64().unwrap()).unwrap();
    counts(number("unread"), number("unseen"))
}

type Seen = (u64, bool, bool, Option<Timestamp>, bool);

fn of_line(line: &Line) -> Seen {
    let State { is_read, is_archived, snooze } = line.state;
    (line.surfaced, is_read, is_archived, snooze, line.is_acked)
}

fn of_item(item: &Item) -> Seen {
    (item.surfaced, item.read.is_some(), item.archived.is_some(), item.snoozed_until, item.acked.is_some())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn counts_are_what_a_recount_finds(steps in steps(), shuffle in prop::collection::vec(any::<u64>(), 16)) {
        let mut log = Log::keeping(NEWEST);
        log.keep.age = Duration::from_mins(AGE_MINUTES);
        let mut model = Model::new(log.keep);
        let mut rows = Rows::new(&log.inbox);
        for step in steps {
            if let Step::Wait { minutes } = step {
                log.now.0 += minutes * MINUTE;
            }
            let change = step.change(log.now, log.head());

            // A store that loads what the change asks for, and writes what was decided, has the same inbox.
            let mut loaded = rows.load_for(&change);
            let from_rows = loaded.decide(change.clone(), log.now, log.head(), &log.keep);
            let before = log.inbox.clone();
            let decided = log.decide(change.clone());
            prop_assert_eq!(&from_rows, &decided);
            prop_assert_eq!(decided.is_err(), model.step(&change, log.now).is_err());
            if let Ok(decided) = &decided {
                rows.write(decided, &log.inbox);
            } else {
                prop_assert_eq!(&log.inbox, &before);
            }
            prop_assert_eq!(&rows.load(), &log.inbox);

            // The slow model wrote as many entries, with the same counts, and sees the same inbox.
            let counts: Vec<_> = log.entries.iter().map(told).collect();
            prop_assert_eq!(&counts, &model.counts);
            prop_assert_eq!(log.inbox.counts(), model.recount());
            let mut seen: Vec<_> = model.lines.iter().filter(|line| line.is_here).map(of_line).collect();
            seen.sort_unstable();
            prop_assert_eq!(log.inbox.items().map(of_item).collect::<Vec<_>>(), seen);

            // The same change once more is none, and nothing that is due was left over.
            let head = log.head();
            let settled = log.inbox.clone();
            let again = log.decide(change);
            prop_assert!(again.is_err() || again.is_ok_and(|again| again.entries.is_empty() && again.changed.is_empty()));
            if decided.is_ok() {
                prop_assert!(log.decide(Change::Settle).is_ok_and(|again| again.entries.is_empty()));
                prop_assert!(log.inbox.due_next(&log.keep).is_none_or(|due| due > log.now));
            }
            prop_assert_eq!(log.head(), head);
            prop_assert_eq!(&log.inbox, &settled);
        }

        // A client that has the entries and nothing else finds the same, entry by entry.
        let mut replica = Replica::default();
        for entry in &log.entries {
            replica.hear(entry);
            prop_assert_eq!(replica.recount(), told(entry));
        }

        // Sessions hear of the entries in orders of their own, some twice, some after an answer that was newer.
        let entries: Vec<_> = log.entries.iter().map(told).zip(1_u64..).collect();
        for seed in shuffle {
            let mut heard = entries.clone();
            heard.extend_from_slice(&entries[entries.len() / 2..]);
            heard.sort_by_key(|(_, offset)| (offset.wrapping_mul(seed | 1)).rotate_left(17) ^ seed);
            let mut badge = Badge::default();
            for (counts, offset) in heard {
                badge.hear(offset, counts);
            }
            prop_assert_eq!((badge.offset, badge.counts), (log.head(), log.inbox.counts()));
        }
    }
}
