//! What the benches of parts work on.

use std::sync::Arc;

use copresence::domain::entry::{Draft, Entry, Kind, Timestamp};
use copresence::domain::ids::{EntryId, RoomName, SessionId, UserId};
use copresence::domain::presence::{Change, Device};
use copresence::domain::roster::Roster;
use copresence::domain::user::User;
use copresence::protocol::push;
use uuid::Uuid;

/// A room.
pub(crate) fn room() -> RoomName {
    RoomName::parse("dashboard:sales").expect("it is a room's name")
}

/// One of many sessions.
pub(crate) fn session(n: usize) -> SessionId {
    SessionId::parse(&format!("s-{n:016x}")).expect("it is a session's name")
}

/// One of many users.
pub(crate) fn user(n: usize) -> Arc<User> {
    let id = UserId::parse(&format!("user-{n}")).expect("it is a user's id");
    Arc::new(User::new(id, "Ada Lovelace".into(), None))
}

/// An entry of about 200 bytes.
pub(crate) fn entry(offset: u64) -> Arc<Entry> {
    let data = format!(r#"{{"revenue":12345.67,"note":"{}"}}"#, "x".repeat(160));
    let draft = Draft {
        id: EntryId(Uuid::from_u128(u128::from(offset))),
        at: Timestamp(1_763_708_652_123),
        kind: Kind::Event,
        from: push::from_member(&user(1).id, &session(1)),
        body: push::publish_body("metrics-updated", &data),
    };
    Arc::new(draft.at_offset(offset))
}

/// A message of about `bytes` with one space after each comma, as some clients write them.
pub(crate) fn publish(bytes: usize) -> String {
    let items = vec!["{\"x\":1.25, \"label\":\"north-west\"}"; bytes / 34].join(", ");
    format!(
        r#"{{"type":"publish","id":7,"room":"dashboard:sales","event":"metrics-updated","key":"k-1","data":[{items}]}}"#
    )
}

/// A roster of so many, as its last tick showed it.
pub(crate) fn roster_of(members: usize) -> Roster {
    let mut roster = Roster::new(usize::MAX);
    for n in 0..members {
        roster.attach(&session(n), 1, &user(n), Device::Desktop, &Change::default(), Timestamp(0));
    }
    roster.tick();
    roster
}
