//! Copresence, an actor-based collaborative presence server.
//!
//! # The layers
//!
//! Arrows point down: `main → app → web → actors → (bridge, store, auth, delivery) → protocol → domain`. When a lower layer has
//! to tell an upper one, it was handed a `Recipient`. `clock`, `config` and `telemetry` are leaves that anyone above
//! `domain` may use. `tests/tidy.rs` reads our sources and fails on an arrow that points up.

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
pub mod telemetry;
pub mod web;
