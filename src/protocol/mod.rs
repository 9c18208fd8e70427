//! What travels: messages to values and values to messages.
//!
//! ```text
//! text ── scan ──▶ compact text ── command::parse ──▶ Command          what a client wants
//! values, pre-encoded fragments ── push ──▶ text of one message        what a client hears
//! ```
//!
//! Pure functions over text; no socket, no actor, no clock. What comes in is hostile: nothing here panics, recurses by
//! what was sent, or takes longer than the message is long. A client's own JSON (`data`, `state`) is carried through
//! digit by digit and never becomes a number of ours.

pub mod codes;
pub mod command;
pub mod push;
pub mod refusal;
pub mod scan;

pub use refusal::Refusal;
