//! The server as its users meet it: the real binary, real sockets, and what the protocol promises about both.
//!
//! One file a subject; `support` has the server process and the clients. `tidy` reads our own sources.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is how a broken promise is told")]
#![allow(clippy::disallowed_methods, reason = "the tests live in real time, outside the server and its clock")]

mod api;
mod api_hostile;
mod api_limits;
mod api_state;
mod audit;
mod audit_inbox;
mod bad_input;
mod command_line;
mod config;
mod connect;
mod crash;
mod crowd;
mod drain;
mod floods;
mod forgetting;
mod frames;
mod growth;
mod history;
mod http_abuse;
mod inbox;
mod inbox_critical;
mod inbox_marks;
mod inbox_orders;
mod inbox_return;
mod inbox_time;
mod keys;
mod limits;
mod ops;
mod presence;
mod recovery;
mod retention;
mod rights;
mod robot;
mod room_settings;
mod rooms;
mod secrets;
mod sessions;
mod signals;
mod state;
mod support;
mod tidy;
mod tokens;
mod users;
mod view_agreement;
mod views;
mod visible_to;
