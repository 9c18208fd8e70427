//! A slow walk over all logs, for what time does to those that nobody writes to.

use actix::prelude::*;
use rusqlite::Connection;

use crate::domain::entry::Timestamp;
use crate::domain::ids::{RoomKey, RoomName, Tenant};
use crate::domain::log::Unavailable;

use super::forgetting::IS_BARE;
use super::row::as_stored;

/// Look at the next logs of the walk.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "Result<Vec<Standing>, Unavailable>")]
pub struct Sweep {
    /// The number of the last log that was looked at; 0 is the beginning.
    pub after: i64,
    /// At most so many logs.
    pub logs_max: usize,
}

/// How a log stands that has entries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Its number, for the next [`Sweep`].
    pub number: i64,
    /// Which it is; `None` for a row whose names can't be read.
    pub log: Option<RoomKey>,
    /// How many entries it keeps.
    pub entries: u64,
    /// When the oldest of them was written; `None` when it keeps none.
    pub oldest: Option<Timestamp>,
    /// Whether nothing of it is left to keep: no entries, no state, no keys, no inbox.
    pub is_bare: bool,
}

/// The next logs by number.
pub(super) fn sweep(connection: &Connection, sweep: Sweep) -> rusqlite::Result<Vec<Standing>> {
    // Each of the inner ones is a single step in an index.
    let mut statement = connection.prepare_cached(&format!(
        "select id, tenant, room, floor_offset,
                (select max(offset) from entries where log = logs.id),
                (select at from entries where log = logs.id order by offset limit 1),
                {IS_BARE}
             from logs where id > ?1 order by id limit ?2"
    ))?;
    let rows = statement.query_map((sweep.after, as_stored(sweep.logs_max as u64)), |row| {
        let name = |column| row.get_ref(column).ok().and_then(|text| text.as_str().ok().map(str::to_owned));
        let tenant = name(1).and_then(|tenant| Tenant::parse(&tenant).ok());
        let room = name(2).and_then(|room| RoomName::from_stored(&room).ok());
        let floor: i64 = row.get(3)?;
        let head: Option<i64> = row.get(4)?;
        Ok(Standing {
            number: row.get(0)?,
            log: tenant.zip(room).map(|(tenant, room)| RoomKey::new(tenant, room)),
            entries: head.unwrap_or(floor).saturating_sub(floor).cast_unsigned(),
            oldest: row.get::<_, Option<i64>>(5)?.map(Timestamp),
            is_bare: row.get(6)?,
        })
    })?;
    rows.collect()
}
