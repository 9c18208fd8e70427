//! From one value to many sockets: the hot path, and only here.
//!
//! ```text
//! Room ── Push (one letter per worker) ──▶ Hub ──▶ outboxes of its thread ──▶ one writev per dirty socket
//! ```
//!
//! A room encodes a value once into a [`Frame`] and sends it to the [`Hub`] of each worker that has listeners. The hub
//! puts the shared bytes into the [`Outbox`]es of its own thread; the flusher writes every dirty socket once when the
//! hub's mailbox is drained. No lock and no allocation per receiver.
//!
//! Always true: what reaches one outbox from one room arrives in the order in which the room pushed it; an outbox is
//! bounded in bytes and in time, and over the bound its connection ends with 4431 and recovers by cursor.
//!
//! `delivery` knows frames and sockets, not what they mean.

pub mod audience;
pub mod bell;
pub mod frame;
mod gauge;
pub mod hub;
pub mod outbox;
pub mod worker;

pub use audience::Audience;
pub use frame::Frame;
pub use gauge::Gauge;
pub use hub::{Hub, HubHandle, Receive};
pub use outbox::{Farewell, Outbox};
pub use worker::{OutboxId, Worker};
