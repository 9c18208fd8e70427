//! Outboxes over real sockets, with time handed in.

use std::future::poll_fn;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::*;
use crate::domain::entry::Timestamp;

const SECOND: Duration = Duration::from_secs(1);

/// An outbox, its client's end of the socket, and the time at which it was made.
struct Pair {
    outbox: Outbox,
    client: TcpStream,
    born: Instant,
}

impl Pair {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        // As the server's listener has it: slowness shows early.
        SockRef::from(&listener).set_send_buffer_size(64 << 10).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        SockRef::from(&client).set_recv_buffer_size(32 << 10).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        stream.writable().await.unwrap();
        let born = Clock::manual(Timestamp(0)).now();
        Self { outbox: Outbox::new(stream, Arc::default(), born), client, born }
    }

    /// Fills socket and queue while nobody reads.
    fn stuff(&self, frames: usize) {
        for _ in 0..frames {
            self.outbox.push(&Frame::text(&"x".repeat(10_000)), self.born);
            self.outbox.flush(self.born).unwrap();
        }
    }

    fn queued(&self) -> usize {
        queued(&self.outbox)
    }
}

fn queued(outbox: &Outbox) -> usize {
    outbox.queue.borrow().as_ref().map_or(0, |queue| queue.bytes)
}

/// Waits until the socket takes bytes again.
async fn writable(outbox: &Outbox) {
    poll_fn(|task| outbox.stream.borrow().as_ref().unwrap().poll_write_ready(task)).await.unwrap();
}

fn wire(frame: &Frame) -> Vec<u8> {
    frame.pieces().flatten().copied().collect()
}

#[tokio::test]
async fn a_frame_goes_through_when_nothing_waits_and_waits_its_turn_when_something_does() {
    let mut pair = Pair::new().await;
    let (first, second) = (Frame::text("first"), Frame::text("second"));
    assert!(!pair.outbox.push_through(&first, pair.born).unwrap(), "it is on its way");
    assert!(pair.outbox.queue.borrow().is_none(), "and was never queued");
    assert!(pair.outbox.push(&second, pair.born));
    assert!(!pair.outbox.push_through(&first, pair.born).unwrap(), "the flusher knows already");
    assert_eq!(pair.queued(), second.len() + first.len());
    pair.outbox.flush(pair.born).unwrap();
    let mut read = vec![0; 2 * first.len() + second.len()];
    pair.client.read_exact(&mut read).await.unwrap();
    assert_eq!(read, [wire(&first), wire(&second), wire(&first)].concat());
}

#[tokio::test]
async fn a_held_frame_goes_with_the_next_one_or_alone_when_its_time_has_come() {
    let mut pair = Pair::new().await;
    let (first, second) = (Frame::text("first"), Frame::text("second"));
    assert!(pair.outbox.hold(&first, pair.born), "somebody has to see to it");
    assert!(pair.outbox.push(&second, pair.born), "now the flusher has to");
    assert!(!pair.outbox.hold(&first, pair.born), "which takes this along");
    pair.outbox.flush_held(pair.born).unwrap();
    assert_eq!(pair.queued(), 2 * first.len() + second.len(), "it is left to the flusher");
    pair.outbox.flush(pair.born).unwrap();
    assert_eq!(pair.queued(), 0);
    assert!(pair.outbox.hold(&second, pair.born));
    pair.outbox.flush_held(pair.born).unwrap();
    assert_eq!(pair.queued(), 0);
    let expected = [wire(&first), wire(&second), wire(&first), wire(&second)].concat();
    let mut read = vec![0; expected.len()];
    pair.client.read_exact(&mut read).await.unwrap();
    assert_eq!(read, expected);
    pair.outbox.close(&[], Farewell::AtOnce, pair.born, false);
    assert!(!pair.outbox.hold(&first, pair.born));
    assert_eq!(pair.queued(), 0, "after a close nothing more is taken");
}

#[tokio::test]
async fn what_a_full_socket_did_not_take_of_a_frame_follows() {
    let mut pair = Pair::new().await;
    let frame = Frame::text(&"0123456789".repeat(1_000));
    let mut pushed = 0;
    while pair.queued() == 0 {
        pushed += 1;
        let is_due = pair.outbox.push_through(&frame, pair.born).unwrap();
        assert_eq!(is_due, pair.queued() > 0, "the flusher finds out that the socket is full");
    }
    assert!(!pair.outbox.push_through(&frame, pair.born).unwrap());
    pushed += 1;
    let expected = wire(&frame).repeat(pushed);
    let mut read = vec![0; expected.len()];
    let mut at = 0;
    while at < read.len() {
        tokio::select! {
            got = pair.client.read(&mut read[at..]) => at += got.unwrap(),
            () = writable(&pair.outbox), if pair.queued() > 0 => pair.outbox.flush(pair.born).unwrap(),
        }
    }
    assert_eq!(read, expected);
    assert_eq!(pair.queued(), 0);
}

#[tokio::test]
async fn many_frames_leave_in_order_with_one_flush() {
    let mut pair = Pair::new().await;
    let mut expected = Vec::new();
    for number in 0..200 {
        // Every third one in pieces, as signals without one's own are.
        let whole = Frame::text(&format!("<{number}>"));
        let frame = if number % 3 == 0 { whole.without(1..2) } else { whole };
        expected.extend(wire(&frame));
        assert_eq!(pair.outbox.push(&frame, pair.born), number == 0, "the flusher is told once");
    }
    pair.outbox.flush(pair.born).unwrap();
    assert_eq!(pair.queued(), 0);
    let mut got = vec![0; expected.len()];
    pair.client.read_exact(&mut got).await.unwrap();
    assert_eq!(got, expected);
}

#[tokio::test]
async fn a_reader_that_stops_is_too_slow_by_bytes_after_a_second_and_by_time_after_eight() {
    let pair = Pair::new().await;
    pair.outbox.connected();
    pair.stuff(100);
    assert!(pair.queued() > 0, "the kernel took {} bytes", 100 * 10_004);
    assert_eq!(pair.outbox.verdict(pair.born + SECOND), Verdict::Fine, "a burst is no slow reader");
    assert_eq!(pair.outbox.verdict(pair.born + 8 * SECOND), Verdict::TooSlow);

    pair.stuff(200);
    assert!(pair.queued() > 1 << 20);
    assert_eq!(pair.outbox.verdict(pair.born + SECOND / 2), Verdict::Fine);
    assert_eq!(pair.outbox.verdict(pair.born + SECOND), Verdict::TooSlow);
    pair.stuff(800);
    assert_eq!(pair.outbox.verdict(pair.born), Verdict::TooSlow, "over 8 MiB at any time");
}

#[tokio::test]
async fn a_reader_far_behind_gets_no_signals_and_one_that_reads_does() {
    let mut pair = Pair::new().await;
    assert!(pair.outbox.takes_signals());
    pair.stuff(200);
    assert!(!pair.outbox.takes_signals());
    let (mut reader, _writer) = pair.client.split();
    let reading = async { while reader.read(&mut [0; 8 << 10]).await.unwrap() > 0 {} };
    let writing = async {
        while queued(&pair.outbox) > 0 {
            writable(&pair.outbox).await;
            pair.outbox.flush(pair.born).unwrap();
        }
    };
    tokio::select! {
        () = reading => unreachable!("nobody closed the connection"),
        () = writing => assert!(pair.outbox.takes_signals()),
    }
}

#[tokio::test]
async fn a_slow_reader_still_gets_whole_frames_and_the_code() {
    let mut pair = Pair::new().await;
    for _ in 0..300 {
        let frame = Frame::text(&"x".repeat(10_001)).without(4_000..4_001);
        pair.outbox.push(&frame, pair.born);
        pair.outbox.flush(pair.born).unwrap();
    }
    let close = Frame::close(Some(4431), "too slow");
    pair.outbox.close(std::slice::from_ref(&close), Farewell::Lost, pair.born, true);
    assert!(pair.queued() < 20_000, "what waited is thrown away");
    assert!(!pair.outbox.push(&Frame::text("late"), pair.born), "nothing more is taken");

    let clock = Clock::manual(Timestamp(0));
    let mut got = Vec::new();
    let writing = async {
        assert_eq!(poll_fn(|task| pair.outbox.poll_write_on(&clock, task)).await.unwrap(), Farewell::Lost);
        SockRef::from(pair.outbox.stream.borrow().as_ref().unwrap()).shutdown(Shutdown::Write).unwrap();
    };
    let ((), read) = tokio::join!(writing, pair.client.read_to_end(&mut got));
    read.unwrap();
    let whole = Frame::text(&"x".repeat(10_000));
    let frames = got.len() / whole.len();
    assert!(frames > 1);
    let expected = [wire(&whole).repeat(frames), wire(&close)].concat();
    assert!(got == expected, "{} bytes are no {frames} frames and a close", got.len());
    assert_eq!(pair.outbox.verdict(pair.born + 2 * SECOND), Verdict::Reset);
}

#[tokio::test]
async fn a_quiet_client_is_asked_and_a_silent_one_is_gone() {
    let pair = Pair::new().await;
    let at = |seconds: u64| pair.born + Duration::from_secs(seconds);
    assert_eq!(pair.outbox.verdict(at(9)), Verdict::Fine);
    assert_eq!(pair.outbox.verdict(at(10)), Verdict::NoConnect);
    pair.outbox.connected();
    assert_eq!(pair.outbox.verdict(at(9)), Verdict::Fine);
    assert_eq!(pair.outbox.verdict(at(10)), Verdict::Ping);
    pair.outbox.asked();
    pair.outbox.push(&Frame::text("ping"), at(10));
    assert_eq!(pair.outbox.verdict(at(14)), Verdict::Fine, "asked once");
    assert_eq!(pair.outbox.verdict(at(15)), Verdict::Silent);
    pair.outbox.heard(at(11));
    assert_eq!(pair.outbox.verdict(at(15)), Verdict::Fine);
    // Much is sent, so the room would never be quiet; the client is asked all the same.
    pair.outbox.push(&Frame::text("entry"), at(20));
    assert_eq!(pair.outbox.verdict(at(21)), Verdict::Ping);
}

#[tokio::test]
async fn a_ping_is_answered_once() {
    let pair = Pair::new().await;
    assert!(!pair.outbox.is_answered(), "nobody asked");
    pair.outbox.asked();
    // What is heard besides is no answer yet.
    pair.outbox.heard(pair.born);
    assert!(pair.outbox.is_answered());
    assert!(!pair.outbox.is_answered(), "one ping, one answer: the next is a message like any other");
}

proptest::proptest! {
    /// Whatever happened before: as long as nothing more does, an outbox that is fine stays so until then.
    #[test]
    fn nothing_is_due_before_it_says(steps in proptest::collection::vec((0_u8..4, 0_u64..12_000), 0..12), later in 0_u64..20_000) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let pair = Pair::new().await;
            let mut now = pair.born;
            for (step, ms) in steps {
                now += Duration::from_millis(ms);
                match step {
                    0 => pair.outbox.connected(),
                    1 => pair.outbox.heard(now),
                    2 => pair.outbox.asked(),
                    _ => assert!(!pair.outbox.push_through(&Frame::text("ping"), now).unwrap()),
                }
            }
            let until = pair.outbox.fine_until().expect("nothing is queued");
            let at = now + Duration::from_millis(later);
            assert!(at >= until || pair.outbox.verdict(at) == Verdict::Fine, "{:?}", pair.outbox.verdict(at));
        });
    }
}

#[tokio::test]
async fn while_something_is_queued_it_is_never_left_alone() {
    let pair = Pair::new().await;
    pair.outbox.connected();
    assert!(pair.outbox.fine_until().is_some());
    pair.outbox.push(&Frame::text("entry"), pair.born);
    pair.outbox.flush(pair.born).unwrap();
    assert_eq!(pair.outbox.fine_until(), None, "the queue is to be given back");
    assert_eq!(pair.outbox.verdict(pair.born + SECOND), Verdict::Fine);
    assert_eq!(pair.outbox.fine_until(), Some(pair.born + 10 * SECOND));
    pair.outbox.close(&[], Farewell::Lost, pair.born + SECOND, true);
    assert_eq!(pair.outbox.verdict(pair.born + 2 * SECOND), Verdict::Fine);
    assert_eq!(pair.outbox.fine_until(), None, "a close is to be cut in time");
}
