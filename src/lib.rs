//! Copresence, an actor-based collaborative presence server: who is here, what each is doing, and every change as it
//! happens, without losing or repeating one thing.
//!
//! # The layers
//!
//! Arrows point down: `main → app → web → actors → (bridge, store, auth, delivery) → protocol → domain`. When a lower
//! layer has to tell an upper one, it was handed a `Recipient` or a closure that posts a letter. `cli`, `clock`, `config`,
//! `supervise` and `telemetry` are leaves that anyone above `domain` may use. `tests/tidy.rs` reads our sources and fails on an
//! arrow that points up.
//!
//! # A publish
//!
//! 1. `web/websocket` reads a frame, `web/inbound` makes a message of it, and the session's gauge says whether it may
//!    have one more under way.
//! 2. `actors/session` parses it (`protocol/command`), looks at the right (`domain/grants`) and at its quota, and posts
//!    it to the room.
//! 3. `actors/room/publish` makes a draft of it (`domain/entry`) and hands it to the bridge.
//! 4. `bridge/solo` gathers it with the appends of all rooms; `store/writer` looks for the key, numbers, writes, and
//!    syncs: one transaction.
//! 5. `bridge/solo` announces the entry to the room (`Arrived`) and then answers the session, which says `published`.
//! 6. `actors/room` asks the tail whether it is the next one (`domain/tail`), encodes it once (`protocol/push`,
//!    `delivery/frame`), and posts it to each hub that has listeners (`delivery/audience`).
//! 7. `delivery/hub` puts it into the outboxes of its thread; the flusher (`delivery/worker`) writes each dirty socket
//!    once (`delivery/outbox`).
//!
//! # A return
//!
//! 1. The socket is gone: `web/websocket` tells the session, whose end tells its rooms (`Gone`) and the Directory. The
//!    rooms keep the member for the grace time (`domain/roster`), the Directory the secret.
//! 2. `connect { secret }`: `actors/directory` raises the session's generation and tells the rooms (`Recalled`), which
//!    start the grace time anew. Others have seen nothing.
//! 3. `join { since }`: `actors/room/join` asks the tail; what is older is read from the log while the room goes on.
//!    Then, in one handler, what was missed goes out as `joined` and the outbox into the audience: nothing slips between.
//!
//! # A record of the audit log
//!
//! 1. `actors/session` or `web/api` tells `actors/audit` who did what. What a backend writes carries its record along with
//!    the entry, an order to notify or a change of an inbox likewise; refusals are counted there (`domain/audit`), so that
//!    a flood of them stays small.
//! 2. `bridge/solo/audit` has the other records wait a moment for the next batch; `store/audit` chains all of them in the
//!    transaction that writes what they tell of.
//! 3. The head of each chain that grew goes to the operator's log once a minute, where who writes the file can't reach it.
//!    `app/audit` verifies and exports, beside the node.
//!
//! # A notification
//!
//! 1. `actors/session/inbox` or `web/api/inbox` reads an order (`protocol/command/inbox`), looks at the right, and posts it to
//!    `actors/notifier`, whose `addressing` finds whom it reaches: rooms, followers (`bridge/inbox`), users (`bridge/users`).
//! 2. `store/inbox/step` is one transaction: the order with its names in chunks (`orders`), then the oldest chunk that is
//!    left. Now the order is answered, and steps follow until no chunk is left, after a crash too.
//! 3. For each name `store/inbox/rows` loads the fold, `domain/preferences` judges, `domain/inbox` decides what arrives, and
//!    `store/inbox/change` writes entry, rows and counts in that transaction.
//! 4. `bridge/solo/inboxes` announces the entries. Where no room watches, `actors/directory/inboxes` calls the user's sessions,
//!    and `actors/session/inbox` goes into the room by the cursor that `connected` told.
//! 5. `actors/room/inbox` has written what falls due, and shows critical ones again until an `ack`; `actors/notifier` sends on
//!    those that nobody acknowledged in time.
//!
//! # A restart
//!
//! 1. `store/place` takes the lock, `store/boot` tells a file that was put back from the one that ran here last, and the
//!    epochs of all logs stand (or begin anew).
//! 2. Rooms open with the first join: watch first, read the newest entries then.
//! 3. Clients come back with their cursors. Their secrets are gone, so sessions are new; entries go on without a hole.
//! 4. Orders that have not reached everybody go on where they stopped.

pub mod actors;
pub mod app;
pub mod auth;
pub mod bridge;
pub mod cli;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod domain;
pub mod protocol;
pub mod store;
pub mod supervise;
pub mod telemetry;
pub mod web;
