//! Fan-out on values and real sockets: one push of a room to a hub with 100 and 1,000 outboxes, until all is written.
//!
//! The sockets' other ends are drained by a thread of their own, so a round is what a worker thread pays for one entry:
//! the letter, the queueing, and one write per socket. `load` has the whole server.

use std::hint::black_box;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use actix::prelude::*;
use copresence::clock::Clock;
use copresence::delivery::hub::{Attach, Push};
use copresence::delivery::{Frame, Hub, HubHandle, Outbox, Receive, Worker};
use copresence::domain::redaction::View;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// What an event of 200 bytes is on the wire.
const PAYLOAD: usize = 415;
const ROOM: u64 = 1;

/// Makes `count` connections of this thread and lets them hear the room.
async fn listen(clock: &Clock, hub: &HubHandle, count: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let mut ends: Vec<TcpStream> = Vec::with_capacity(count);
    for _ in 0..count {
        ends.push(TcpStream::connect(address).expect("we listen"));
        let (socket, _) = listener.accept().expect("somebody connected");
        socket.set_nonblocking(true).expect("a socket");
        let stream = tokio::net::TcpStream::from_std(socket).expect("a runtime");
        stream.writable().await.expect("a socket");
        let outbox = Rc::new(Outbox::new(stream, std::sync::Arc::default(), clock.now()));
        outbox.connected();
        let outbox = Worker::current(clock).register(outbox);
        let first = Frame::text("{}");
        hub.pending.fetch_add(first.len(), std::sync::atomic::Ordering::Relaxed);
        let attach =
            Attach { room: ROOM, outbox, receive: Receive::ALL, view: View::WHOLE, first: Some(first), then: None };
        hub.addr.send(attach).await.expect("the hub lives");
    }
    std::thread::spawn(move || drain(ends));
}

/// Reads everything that comes, so that no outbox ever waits.
fn drain(mut ends: Vec<TcpStream>) {
    let mut buffer = vec![0; 64 << 10];
    for end in &ends {
        end.set_nonblocking(true).expect("a socket");
    }
    loop {
        let mut got = 0;
        for end in &mut ends {
            got += end.read(&mut buffer).unwrap_or(0);
        }
        if black_box(got) == 0 {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

fn fanout(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fan-out");
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3)).sample_size(30);
    for (number, listeners) in [(0, 100), (1, 1_000)] {
        let system = System::new();
        let clock = Clock::system();
        let hub = system.block_on(async { Hub::start_here(number, &clock, Duration::from_hours(1)) });
        system.block_on(listen(&clock, &hub, listeners));
        group.throughput(Throughput::Elements(listeners as u64));
        // One entry, and a burst of sixteen that leaves each socket in one write.
        for burst in [1, 16] {
            let id = BenchmarkId::new(format!("{burst} to"), listeners);
            let frame = Frame::text(&"x".repeat(PAYLOAD));
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    system.block_on(async {
                        for _ in 0..burst {
                            hub.pending.fetch_add(frame.len(), std::sync::atomic::Ordering::Relaxed);
                            hub.addr.do_send(Push { room: ROOM, frame: frame.clone(), kind: Receive::ENTRIES });
                        }
                        // Behind the pushes in the same mailbox; the flusher runs before this round ends.
                        let last = Push { room: 0, frame: Frame::text("{}"), kind: Receive::ENTRIES };
                        hub.pending.fetch_add(last.frame.len(), std::sync::atomic::Ordering::Relaxed);
                        hub.addr.send(last).await.expect("the hub lives");
                        Worker::current(&clock).flush();
                    });
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, fanout);
criterion_main!(benches);
