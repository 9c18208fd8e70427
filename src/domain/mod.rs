//! The rules. `domain` knows no clock, no socket and no actor: it is handed `now` and values, and returns what should
//! happen. Everything hard is tested here, on values.

pub mod audit;
pub mod cursor;
pub mod entry;
pub mod grants;
pub mod ids;
pub mod inbox;
pub mod inbox_log;
pub mod known_user;
pub mod limits;
pub mod log;
pub mod log_place;
pub mod notification;
pub mod pattern;
pub mod preferences;
pub mod presence;
pub mod redaction;
pub mod robot;
pub mod roster;
pub mod signals;
pub mod state;
pub mod tail;
pub mod user;
pub mod visibility;
