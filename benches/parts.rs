//! The parts on values, without a socket: `cargo bench --bench parts`. About half a minute.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use uuid::Uuid;

use copresence::domain::cursor::Cursor;
use copresence::domain::entry::Timestamp;
use copresence::domain::ids::Epoch;
use copresence::domain::inbox::{Arrival, Change as InboxChange, Inbox, Keep};
use copresence::domain::notification::{Level, Notification, NotificationId};
use copresence::domain::preferences::Verdict;
use copresence::domain::presence::{Change, Device, Status};
use copresence::domain::signals::Signals;
use copresence::domain::tail::{Bounds, Tail};
use copresence::protocol::push::{self, SignalBatch};
use copresence::protocol::{command, scan};

use samples::{entry, publish, room, roster_of, session, user};

mod samples;

fn codec(c: &mut Criterion) {
    let mut group = c.benchmark_group("codec");
    let text = publish(200);
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("parse a publish of 300 bytes", |b| b.iter(|| command::parse(black_box(&text))));
    let (room, entry) = (room(), entry(58));
    group.throughput(Throughput::Elements(1));
    group.bench_function("encode an entry of 200 bytes", |b| b.iter(|| push::entry(&room, black_box(&entry))));
    group.finish();
}

fn scanning(c: &mut Criterion) {
    let mut group = c.benchmark_group("scan");
    for (name, bytes) in [("1 KiB", 1_024), ("64 KiB", 65_536)] {
        let text = publish(bytes);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |b| b.iter(|| scan::compact(black_box(&text)).map(|compact| compact.len())));
        let text = text.replace(' ', "");
        group.throughput(Throughput::Bytes(text.len() as u64));
        let name = format!("{name}, compact already");
        group.bench_function(name, |b| b.iter(|| scan::compact(black_box(&text)).map(|compact| compact.len())));
    }
    group.finish();
}

fn roster(c: &mut Criterion) {
    let mut group = c.benchmark_group("roster");
    for members in [1_000, 10_000] {
        let mut roster = roster_of(members);
        let one = session(members / 2);
        let changes = [Status::Busy, Status::Online].map(|to| Change { status: Some(to), ..Change::default() });
        let mut turn = 0;
        group.bench_function(format!("tick with 1 change among {members}"), |b| {
            b.iter(|| {
                turn ^= 1;
                roster.change(&one, 1, &changes[turn], Timestamp(0));
                roster.tick()
            });
        });
        let (extra, name) = (user(members), session(members));
        group.bench_function(format!("attach and leave among {members}"), |b| {
            b.iter(|| {
                roster.attach(&name, 1, &extra, Device::Desktop, &Change::default(), Timestamp(0));
                roster.leave(&name, 1)
            });
        });
    }
    group.finish();
}

fn tail(c: &mut Criterion) {
    let mut group = c.benchmark_group("tail");
    let start = Cursor::start(Epoch(Uuid::from_u128(7)));
    let bounds = Bounds { entries_max: 1_000, bytes_max: 1 << 20 };
    let entries: Vec<_> = (1..=2_000).map(entry).collect();
    group.throughput(Throughput::Elements(entries.len() as u64));
    group.bench_function("push 2,000 into a tail of 1,000", |b| {
        b.iter_batched(
            || (Tail::new(start, start, bounds), entries.clone()),
            |(mut tail, entries)| {
                for entry in entries {
                    tail.push(entry);
                }
                tail
            },
            BatchSize::LargeInput,
        );
    });
    let mut tail = Tail::new(start, start, bounds);
    for entry in &entries {
        tail.push(Arc::clone(entry));
    }
    group.throughput(Throughput::Elements(1));
    for missed in [10, 500] {
        let cursor = entries[entries.len() - 1 - missed].cursor(start.epoch);
        group.bench_function(format!("after, {missed} missed"), |b| b.iter(|| tail.after(&cursor, Bounds::PAGE)));
    }
    group.finish();
}

fn signals(c: &mut Criterion) {
    let mut group = c.benchmark_group("signals");
    let moving: Vec<_> = (0..50).map(|n| (session(n), user(n).id.clone())).collect();
    let (event, data): (Arc<str>, Arc<str>) = ("cursor".into(), r#"{"x":123,"y":456}"#.into());
    let mut signals = Signals::default();
    // Four a session and tick, of which the newest goes out.
    let mut gather = || {
        for (session, user) in moving.iter().cycle().take(200) {
            signals.add(session, user, Arc::clone(&event), Arc::clone(&data));
        }
        signals.take().expect("fifty sessions signalled")
    };
    let room = room();
    let gathered = gather();
    group.bench_function("gather 200 of 50 sessions", |b| b.iter(&mut gather));
    group.bench_function("encode for all", |b| b.iter(|| SignalBatch::new(&room, &gathered)));
    let batch = SignalBatch::new(&room, &gathered);
    group.bench_function("find each one's own", |b| b.iter(|| batch.each_own().count()));
    group.finish();
}

fn arrival(n: usize) -> InboxChange {
    let notification = Notification {
        level: Level::Warning,
        title: "Revenue is down".into(),
        message: Some("12 % below what was planned for this week".into()),
        topic: Some("kpi".into()),
        room: None,
        duration_ms: Some(8_000),
        critical: false,
        actions: "[]".into(),
        metadata: None,
        dedupe: None,
        expires: None,
    };
    let arrival = Arrival::new(NotificationId(Uuid::from_u128(n as u128 + 1)), Timestamp(1_000), notification);
    InboxChange::Arrive { arrival: Arc::new(arrival), verdict: Verdict::default() }
}

fn inbox(c: &mut Criterion) {
    let mut group = c.benchmark_group("inbox");
    let keep = Keep::default();
    for items in [10, 1_000] {
        let mut inbox = Inbox::new(Epoch(Uuid::from_u128(7)));
        for n in 0..items {
            let decided = inbox.decide(arrival(n), Timestamp(2_000), n as u64, &keep);
            assert_eq!(decided.map(|decided| decided.entries.len()), Ok(1), "each is an entry");
        }
        let next = arrival(items);
        group.bench_function(format!("an arrival into one of {items}"), |b| {
            b.iter_batched(
                || (inbox.clone(), next.clone()),
                |(mut inbox, next)| {
                    let decided = inbox.decide(next, Timestamp(2_000), items as u64, &keep);
                    (inbox, decided)
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group! {
    name = parts;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = codec, scanning, roster, tail, signals, inbox
}
criterion_main!(parts);
