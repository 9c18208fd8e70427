//! What the parts cost in instructions, which a busy machine does not change: run by `tests/instructions` under callgrind.
//!
//! `instructions` lists the parts; `instructions NAME` does the work of one, and prints how many items that was. Only what
//! happens inside [`measured`] is counted.

use std::hint::black_box;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::System;
use copresence::clock::Clock;
use copresence::delivery::hub::{Attach, Push};
use copresence::delivery::{Frame, Hub, HubHandle, Outbox, Receive, Worker};
use copresence::domain::cursor::Cursor;
use copresence::domain::entry::Timestamp;
use copresence::domain::ids::Epoch;
use copresence::domain::presence::{Change, Device, Status};
use copresence::domain::redaction::View;
use copresence::domain::signals::Signals;
use copresence::domain::tail::{Bounds, Tail};
use copresence::protocol::command;
use copresence::protocol::push::{self, SignalBatch};
use uuid::Uuid;

use samples::{entry, publish, room, roster_of, session, user};

mod samples;

/// Each part does this many rounds, so that the first one, which fills caches and tables, weighs little.
const ROUNDS: u32 = 200;

/// The name of a part, and what runs it and answers how many items that was.
type Part = (&'static str, fn() -> u32);

const PARTS: [Part; 10] = [
    ("codec-parse-publish", parse_publish),
    ("codec-encode-entry", encode_entry),
    ("roster-change-and-tick", roster_change),
    ("roster-attach-and-leave", roster_attach),
    ("tail-push", tail_push),
    ("tail-after-10", tail_after),
    ("gather-signals", gather_signals),
    ("gather-leave-out-own", leave_out_own),
    ("fanout-alone", fanout_alone),
    ("fanout-burst-of-16", fanout_burst),
];

fn main() -> ExitCode {
    let mut stdout = std::io::stdout();
    // `cargo test --all-targets` and `cargo bench` run every bench with options of their own: then it lists its parts.
    let asked = std::env::args().nth(1).filter(|name| !name.starts_with("--"));
    let Some(asked) = asked else {
        let said = PARTS.iter().try_for_each(|(name, _)| writeln!(stdout, "{name}"));
        return if said.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    };
    match PARTS.iter().find(|(name, _)| *name == asked) {
        Some((_, run)) if writeln!(stdout, "{}", run()).is_ok() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Callgrind counts from where this is entered until it is left, by its name.
#[inline(never)]
fn measured<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}

fn parse_publish() -> u32 {
    let text = publish(200);
    measured(|| {
        for _ in 0..ROUNDS {
            black_box(command::parse(black_box(&text))).is_ok().then_some(()).expect("it is a publish");
        }
    });
    ROUNDS
}

fn encode_entry() -> u32 {
    let (room, entry) = (room(), entry(58));
    measured(|| {
        for _ in 0..ROUNDS {
            black_box(Frame::text(&push::entry(&room, black_box(&entry))));
        }
    });
    ROUNDS
}

fn roster_change() -> u32 {
    let mut roster = roster_of(1_000);
    let one = session(500);
    let changes = [Status::Busy, Status::Online].map(|to| Change { status: Some(to), ..Change::default() });
    measured(|| {
        for change in changes.iter().cycle().take(ROUNDS as usize) {
            roster.change(&one, 1, change, Timestamp(0));
            black_box(roster.tick()).expect("something changed");
        }
    });
    ROUNDS
}

fn roster_attach() -> u32 {
    let mut roster = roster_of(1_000);
    let (extra, name) = (user(1_000), session(1_000));
    measured(|| {
        for _ in 0..ROUNDS {
            roster.attach(&name, 1, &extra, Device::Desktop, &Change::default(), Timestamp(0));
            black_box(roster.leave(&name, 1));
        }
    });
    ROUNDS
}

fn tail_of(entries: u64) -> (Tail, Vec<Arc<copresence::domain::entry::Entry>>, Epoch) {
    let epoch = Epoch(Uuid::from_u128(7));
    let start = Cursor::start(epoch);
    let bounds = Bounds { entries_max: 1_000, bytes_max: 1 << 20 };
    (Tail::new(start, start, bounds), (1..=entries).map(entry).collect(), epoch)
}

fn tail_push() -> u32 {
    let (mut tail, entries, _) = tail_of(2_000);
    measured(|| {
        for entry in &entries {
            black_box(tail.push(Arc::clone(entry)));
        }
    });
    2_000
}

fn tail_after() -> u32 {
    let (mut tail, entries, epoch) = tail_of(1_000);
    for entry in &entries {
        tail.push(Arc::clone(entry));
    }
    let cursor = entries[entries.len() - 11].cursor(epoch);
    measured(|| {
        for _ in 0..ROUNDS {
            black_box(tail.after(black_box(&cursor), Bounds::PAGE));
        }
    });
    ROUNDS
}

/// Fifty sessions that signal once each, in each of so many ticks.
fn signal(signals: &mut Signals, ticks: u32, mut tick: impl FnMut(&mut Signals)) {
    let moving: Vec<_> = (0..50).map(|n| (session(n), user(n).id.clone())).collect();
    let (event, data): (Arc<str>, Arc<str>) = ("cursor".into(), r#"{"x":123,"y":456}"#.into());
    for _ in 0..ticks {
        for (session, user) in &moving {
            signals.add(session, user, Arc::clone(&event), Arc::clone(&data));
        }
        tick(signals);
    }
}

fn gather_signals() -> u32 {
    let (room, mut signals) = (room(), Signals::default());
    measured(|| {
        signal(&mut signals, ROUNDS, |signals| {
            let gathered = signals.take().expect("fifty sessions signalled");
            black_box(Frame::text(SignalBatch::new(&room, &gathered).all()));
        });
    });
    ROUNDS * 50
}

fn leave_out_own() -> u32 {
    let (room, mut signals) = (room(), Signals::default());
    let mut gathered = None;
    signal(&mut signals, 1, |signals| gathered = signals.take());
    let gathered = gathered.expect("fifty sessions signalled");
    let batch = SignalBatch::new(&room, &gathered);
    let frame = Frame::text(batch.all());
    measured(|| {
        for _ in 0..ROUNDS {
            for (_, own) in batch.each_own() {
                black_box(own.map(|own| frame.without(own)));
            }
        }
    });
    ROUNDS * 50
}

const ROOM: u64 = 1;
const LISTENERS: u32 = 200;
/// So many frames fit into a socket that nobody reads.
const PUSHES: u32 = 48;

/// Gives a hub a room of many on real sockets; the other ends.
async fn listen(clock: &Clock, hub: &HubHandle) -> Vec<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let mut ends = Vec::new();
    for _ in 0..LISTENERS {
        ends.push(TcpStream::connect(address).expect("we listen"));
        let (socket, _) = listener.accept().expect("somebody connected");
        socket.set_nonblocking(true).expect("a socket");
        let stream = tokio::net::TcpStream::from_std(socket).expect("a runtime");
        stream.writable().await.expect("a socket");
        let outbox = Rc::new(Outbox::new(stream, Arc::default(), clock.now()));
        outbox.connected();
        let outbox = Worker::current(clock).register(outbox);
        let attach = Attach { room: ROOM, outbox, receive: Receive::ALL, view: View::WHOLE, first: None, then: None };
        hub.addr.send(attach).await.expect("the hub lives");
    }
    ends
}

/// What a hub does for each receiver, system calls left out: one allocation more there would be a third of it.
fn fanout(burst: u32) -> u32 {
    let system = System::new();
    let clock = Clock::system();
    let hub = system.block_on(async { Hub::start_here(0, &clock, Duration::from_hours(1)) });
    let ends = system.block_on(listen(&clock, &hub));
    let frame = Frame::text(&"x".repeat(415));
    let push = |room, frame: Frame| {
        hub.pending.fetch_add(frame.len(), Ordering::Relaxed);
        Push { room, frame, kind: Receive::ENTRIES }
    };
    let round = || {
        system.block_on(async {
            for _ in 1..burst {
                hub.addr.do_send(push(ROOM, frame.clone()));
            }
            hub.addr.send(push(ROOM, frame.clone())).await.expect("the hub lives");
            Worker::current(&clock).flush();
        });
    };
    // The first one makes what the others find.
    round();
    let rounds = PUSHES / burst;
    measured(|| (1..rounds).for_each(|_| round()));
    drop(ends);
    (rounds - 1) * burst * LISTENERS
}

fn fanout_alone() -> u32 {
    fanout(1)
}

fn fanout_burst() -> u32 {
    fanout(16)
}
