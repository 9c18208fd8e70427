//! What is stored of inboxes, for those who only look.

use std::sync::Arc;

use rusqlite::Connection;

use super::rows::{self, Remembered};
use super::{ReadDue, ReadFollowers, ReadList, ReadWelcome, orders};
use crate::domain::entry::Entry;
use crate::domain::ids::{RoomKey, UserId};
use crate::domain::inbox::{Inbox, body};
use crate::domain::inbox_log::{DueOrders, List, Listed, Welcomed};
use crate::domain::preferences::Preferences;
use crate::domain::tail::{Bounds, Since, Tail};
use crate::store::error::ReadError;
use crate::store::reader::{Reader, ends, page};
use crate::store::row::{self, as_stored};

/// Critical ones that are shown again at once: more are no help to anybody.
const AGAIN_MAX: usize = 100;
/// Followers of one room.
const FOLLOWERS_MAX: usize = 100_000;

impl Reader {
    /// How an inbox stands and what followed a cursor, of one moment.
    ///
    /// # Errors
    /// [`ReadError`] when the disk is away or the inbox damaged.
    pub fn welcome(&mut self, asked: &ReadWelcome) -> Result<Welcomed, ReadError> {
        let Self { store, connection } = self;
        let transaction = connection.transaction()?;
        let (ends, log) = ends(&transaction, &asked.log, *store)?;
        let inbox = match &log {
            Some(log) => rows::load(&transaction, log.id, log.epoch, Remembered::Nothing)?,
            None => Inbox::new(ends.head.epoch),
        };
        // Nothing of it is in memory here, so all that a cursor proves or refutes it by is read.
        let tail = Tail::new(ends.head, ends.floor, Bounds { entries_max: 0, bytes_max: 0 });
        let since = match asked.since.map(|cursor| (cursor, tail.after(&cursor, Bounds::PAGE))) {
            Some((cursor, Since::Older(reading))) => {
                let bounds = Bounds::PAGE.with_proof();
                let read: Vec<Arc<Entry>> = match &log {
                    Some(log) => page(&transaction, ends, log, reading.from, bounds)?.entries,
                    None => Vec::new(),
                };
                Some(tail.join_page(&cursor, reading, (&ends.head, &ends.floor), &read, Bounds::PAGE))
            }
            since => since.map(|(_, since)| since),
        };
        Ok(Welcomed {
            ends,
            counts: inbox.counts(),
            due: inbox.due_next(&asked.keep),
            unacknowledged: inbox.unacknowledged().count(),
            since,
        })
    }

    /// A part of an inbox.
    ///
    /// # Errors
    /// As [`Self::welcome`].
    pub fn list(&mut self, asked: &ReadList) -> Result<Listed, ReadError> {
        let Self { store, connection } = self;
        let transaction = connection.transaction()?;
        let (ends, log) = ends(&transaction, &asked.log, *store)?;
        let Some(log) = log else {
            return Ok(Listed { offset: ends.head.offset, ..Listed::default() });
        };
        let inbox = rows::load(&transaction, log.id, log.epoch, Remembered::Nothing)?;
        let text = |id| rows::text(&transaction, log.id, id);
        let mut notifications: Vec<Arc<str>> = Vec::new();
        let mut more = false;
        match &asked.list {
            List::Page { before, limit, filter } => {
                let page = inbox.list(filter, *before, *limit);
                for item in page.items {
                    notifications.push(body::listed(&text(item.id)?, item).into());
                }
                more = page.more;
            }
            List::Unacknowledged => {
                for item in inbox.unacknowledged().take(AGAIN_MAX).filter_map(|id| inbox.item(id)) {
                    notifications.push(body::notification(&text(item.id)?, item).into());
                }
            }
        }
        let (counts, due) = (inbox.counts(), inbox.due_next(&asked.keep));
        Ok(Listed { notifications, more, counts, offset: ends.head.offset, due })
    }

    /// A user's preferences, as a JSON object.
    ///
    /// # Errors
    /// As [`Self::welcome`].
    pub fn preferences(&mut self, log: &RoomKey) -> Result<Arc<str>, ReadError> {
        let log = row::log(&self.connection, log, self.store)?;
        let stored = log.map(|log| rows::preferences(&self.connection, log.id)).transpose()?;
        Ok(stored.unwrap_or_else(Preferences::default).to_json().into())
    }

    /// Who follows a room.
    ///
    /// # Errors
    /// What `SQLite` says when the disk is away.
    pub fn followers(&self, asked: &ReadFollowers) -> Result<Vec<UserId>, ReadError> {
        Ok(followers(&self.connection, &asked.room)?)
    }

    /// Which orders escalate by now.
    ///
    /// # Errors
    /// What `SQLite` says when the disk is away.
    pub fn due(&self, asked: ReadDue) -> Result<DueOrders, ReadError> {
        orders::read_due(&self.connection, asked.now, asked.limit)
    }
}

fn followers(connection: &Connection, room: &RoomKey) -> rusqlite::Result<Vec<UserId>> {
    let mut statement =
        connection.prepare_cached("select user from followers where tenant = ?1 and room = ?2 limit ?3")?;
    let limit = as_stored(FOLLOWERS_MAX as u64);
    let rows = statement.query_map((room.tenant.as_str(), room.room.as_str(), limit), |row| row.get::<_, String>(0))?;
    // A name that can't be read is nobody's.
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?.iter().filter_map(|user| UserId::parse(user).ok()).collect())
}
