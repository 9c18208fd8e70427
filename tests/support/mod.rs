//! What the tests are written with: a real server process, a well-behaved client, and a socket that misbehaves.
//!
//! Every wait has a deadline and ends with the event itself. [`PATIENCE`] is long because it is only ever used up by a
//! test that fails; two cores under load must not look like a bug.

use std::time::Duration;

pub(crate) mod api;
pub(crate) mod audit;
pub(crate) mod client;
pub(crate) mod http;
pub(crate) mod issuer;
pub(crate) mod node;
pub(crate) mod raw;
// The server's own tests draw their keys in the same way.
#[path = "../../src/auth/tests/signer.rs"]
pub(crate) mod signer;
pub(crate) mod token;

pub(crate) use client::{Client, Message};
pub(crate) use node::{Node, NodeConfig};
pub(crate) use token::{SECRET, mint, token_of};

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Awaits `what` with [`PATIENCE`]; names it when it does not come.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(PATIENCE, future).await;
    outcome.unwrap_or_else(|_| panic!("waited {PATIENCE:?} in vain for {what}"))
}
