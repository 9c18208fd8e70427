//! A hub with real sockets on its thread.

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::domain::ids::UserId;
use crate::domain::redaction::{Redaction, Rule};
use crate::domain::visibility::Reader;

const ROOM: u64 = 7;

/// A letter that the hub does not survive.
#[derive(Message)]
#[rtype(result = "()")]
struct Panic;

impl Handler<Panic> for Hub {
    type Result = ();

    fn handle(&mut self, _: Panic, _: &mut Self::Context) {
        panic!("as the test wants it");
    }
}

/// A listener of the room, by its client's end of the socket.
async fn listener(clock: &Clock, hub: &HubHandle, receive: Receive) -> (TcpStream, OutboxId) {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
    let (stream, _) = server.accept().await.unwrap();
    stream.writable().await.unwrap();
    let outbox = Outbox::new(stream, Arc::default(), clock.now());
    outbox.connected();
    let id = Worker::current(clock).register(Rc::new(outbox));
    post(
        hub,
        Attach { room: ROOM, outbox: id, receive, view: View::WHOLE, first: Some(Frame::text("joined")), then: None },
        8,
    );
    (client, id)
}

/// The view of who has no role, in a room with as many rules as `rules`.
fn view(rules: usize) -> View {
    let rule = || Rule { path: "/a".parse().unwrap(), unless_role: "boss".into() };
    let rules = Redaction::new((0..rules).map(|_| rule()).collect());
    rules.view(&Reader::user(&UserId::parse("ada").unwrap(), &[]))
}

fn post<M>(hub: &HubHandle, letter: M, bytes: usize)
where
    M: Message<Result = ()> + Send + 'static,
    Hub: Handler<M>,
{
    hub.pending.fetch_add(bytes, Ordering::Relaxed);
    hub.addr.do_send(letter);
}

fn push(hub: &HubHandle, text: &str, kind: Receive) {
    let frame = Frame::text(text);
    post(hub, Push { room: ROOM, frame: frame.clone(), kind }, frame.len());
}

/// The next message; a close as its code.
async fn next(client: &mut TcpStream) -> String {
    let mut header = [0; 2];
    client.read_exact(&mut header).await.unwrap();
    let mut payload = vec![0; usize::from(header[1])];
    client.read_exact(&mut payload).await.unwrap();
    if header[0] == 0x88 {
        return u16::from_be_bytes([payload[0], payload[1]]).to_string();
    }
    String::from_utf8(payload).unwrap()
}

#[actix::test]
async fn each_hears_what_it_wants_in_the_order_pushed() {
    let clock = Clock::system();
    let hub = Hub::start_here(0, &clock, Duration::from_hours(1));
    let (mut all, _) = listener(&clock, &hub, Receive::ALL).await;
    let (mut entries, _) = listener(&clock, &hub, Receive::ENTRIES).await;
    push(&hub, "one", Receive::ENTRIES);
    push(&hub, "who", Receive::PRESENCE);
    push(&hub, "two", Receive::ENTRIES);
    for expected in ["joined", "one", "who", "two"] {
        assert_eq!(next(&mut all).await, expected);
    }
    for expected in ["joined", "one", "two"] {
        assert_eq!(next(&mut entries).await, expected);
    }
    assert_eq!(hub.pending.load(Ordering::Relaxed), 0, "all is worked off");
}

#[actix::test]
async fn who_signalled_gets_the_others_and_who_was_alone_nothing() {
    let clock = Clock::system();
    let hub = Hub::start_here(0, &clock, Duration::from_hours(1));
    let (mut reader, _) = listener(&clock, &hub, Receive::ALL).await;
    let (mut one, one_id) = listener(&clock, &hub, Receive::ALL).await;
    let frame = Frame::text("a,b");
    let instead = FxHashMap::from_iter([(one_id, Some(frame.without(0..2)))]);
    post(&hub, PushSignals { room: ROOM, frame: frame.clone(), instead }, frame.len());
    let alone = FxHashMap::from_iter([(one_id, None)]);
    post(&hub, PushSignals { room: ROOM, frame: Frame::text("a"), instead: alone }, 3);
    push(&hub, "end", Receive::ENTRIES);
    for expected in ["joined", "a,b", "a", "end"] {
        assert_eq!(next(&mut reader).await, expected);
    }
    for expected in ["joined", "b", "end"] {
        assert_eq!(next(&mut one).await, expected);
    }
}

#[actix::test]
async fn each_gets_the_frame_of_its_view_and_who_is_not_admitted_the_other() {
    let clock = Clock::system();
    let hub = Hub::start_here(0, &clock, Duration::from_hours(1));
    let (mut whole, whole_id) = listener(&clock, &hub, Receive::ALL).await;
    let (mut less, less_id) = listener(&clock, &hub, Receive::ALL).await;
    let (mut deaf, _) = listener(&clock, &hub, Receive::SIGNALS).await;
    hub.addr.do_send(Regard { room: ROOM, outbox: less_id, view: view(1) });
    let push = |frames: &[(View, &str)], kept: Option<&[OutboxId]>| {
        let frames = frames.iter().map(|(view, text)| (*view, Frame::text(text))).collect();
        let kept = kept.map(|ids| KeptFrom { admitted: ids.iter().copied().collect(), instead: Frame::text("hidden") });
        let push = PushViews { room: ROOM, frames, kept, kind: Receive::ENTRIES };
        let bytes = push.bytes();
        post(&hub, push, bytes);
    };
    push(&[(View::WHOLE, "all"), (view(1), "some")], None);
    push(&[(View::WHOLE, "all"), (view(1), "some")], Some(&[less_id]));
    push(&[(View::WHOLE, "all"), (view(1), "some")], Some(&[whole_id]));
    push(&[(View::WHOLE, "end"), (view(2), "of nobody")], None);
    for expected in ["joined", "all", "hidden", "all", "end"] {
        assert_eq!(next(&mut whole).await, expected);
    }
    for expected in ["joined", "some", "some", "hidden"] {
        assert_eq!(next(&mut less).await, expected);
    }
    assert!(next(&mut less).await.contains("closing"), "whose frame is missing comes back by cursor");
    assert_eq!(hub.pending.load(Ordering::Relaxed), 0, "all is worked off");
    post(&hub, PushSignals { room: ROOM, frame: Frame::text("s"), instead: FxHashMap::default() }, 3);
    for expected in ["joined", "s"] {
        assert_eq!(next(&mut deaf).await, expected);
    }
}

#[actix::test]
async fn who_is_detached_hears_its_last_frame_and_nothing_more() {
    let clock = Clock::system();
    let hub = Hub::start_here(0, &clock, Duration::from_hours(1));
    let (mut client, id) = listener(&clock, &hub, Receive::ALL).await;
    post(&hub, Detach { room: ROOM, outbox: id, last: Some(Frame::text("left")) }, 6);
    push(&hub, "late", Receive::ENTRIES);
    let first = Some(Frame::text("again"));
    post(&hub, Attach { room: ROOM, outbox: id, receive: Receive::ALL, view: View::WHOLE, first, then: None }, 7);
    for expected in ["joined", "left", "again"] {
        assert_eq!(next(&mut client).await, expected);
    }
}

#[actix::test]
async fn a_hub_that_panicked_ends_its_connections_and_serves_new_ones() {
    let clock = Clock::system();
    let hub = Hub::start_here(0, &clock, Duration::from_hours(1));
    let (mut before, _) = listener(&clock, &hub, Receive::ALL).await;
    assert_eq!(next(&mut before).await, "joined");
    hub.addr.do_send(Panic);
    assert!(next(&mut before).await.contains("closing"));
    assert_eq!(next(&mut before).await, "1012");
    let (mut after, _) = listener(&clock, &hub, Receive::ALL).await;
    push(&hub, "goes on", Receive::ENTRIES);
    assert_eq!(next(&mut after).await, "joined");
    assert_eq!(next(&mut after).await, "goes on");
}

#[actix::test]
async fn what_waits_is_joined_and_comes_in_the_order_pushed() {
    let clock = Clock::system();
    let hub = Hub::start_here(0, &clock, Duration::from_hours(1));
    let (mut all, _) = listener(&clock, &hub, Receive::ALL).await;
    let (mut signals, id) = listener(&clock, &hub, Receive::SIGNALS).await;
    let long = "x".repeat(100);
    let mut expected = vec!["joined".to_owned()];
    for n in 0..1_000 {
        // Of another kind now and then, and once for somebody else's room.
        let kind = if n % 7 == 0 { Receive::PRESENCE } else { Receive::ENTRIES };
        expected.push(format!("{n}{long}"));
        push(&hub, expected.last().unwrap(), kind);
        if n == 500 {
            post(&hub, Push { room: ROOM + 1, frame: Frame::text("elsewhere"), kind }, 11);
        }
    }
    hub.addr.do_send(Detach { room: ROOM, outbox: id, last: None });
    for text in &expected {
        assert_eq!(next(&mut all).await, *text);
    }
    push(&hub, "alone", Receive::ENTRIES);
    assert_eq!(next(&mut all).await, "alone");
    assert_eq!(hub.pending.load(Ordering::Relaxed), 0, "all is worked off");
    assert_eq!(next(&mut signals).await, "joined");
}

#[actix::test]
async fn a_frame_that_waits_for_one_that_never_comes_is_handed_out_all_the_same() {
    let clock = Clock::system();
    let hub = Hub::start_here(0, &clock, Duration::from_hours(1));
    let (mut client, _) = listener(&clock, &hub, Receive::ALL).await;
    assert_eq!(next(&mut client).await, "joined");
    hub.pending.fetch_add(1_000, Ordering::Relaxed);
    push(&hub, "one", Receive::ENTRIES);
    assert_eq!(next(&mut client).await, "one");
}
