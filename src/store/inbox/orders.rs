//! Orders to notify: written first, with everybody whom they reach, and forgotten when nobody can ask for them again.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

use crate::domain::entry::Timestamp;
use crate::domain::ids::{Tenant, UserId, UserKey};
use crate::domain::inbox::Arrival;
use crate::domain::inbox_log::{DueOrder, DueOrders, Later, NewOrder, NotPlaced, Placed};
use crate::domain::notification::{NotificationId, Notify};
use crate::protocol::command::inbox::notify;
use crate::protocol::push::order;
use crate::store::error::ReadError;
use crate::store::forgetting;
use crate::store::row::as_stored;

/// Users of one chunk: as many inboxes as one transaction writes.
pub(super) const CHUNK: usize = 256;

/// Orders that are too old are forgotten in so many at a time.
const PURGED_MAX: usize = 64;

/// An order that has a chunk left.
pub(super) struct Waiting {
    pub(super) number: i64,
    pub(super) tenant: Tenant,
    pub(super) from: Arc<str>,
    pub(super) arrival: Arc<Arrival>,
}

/// Writes an order, if its key is new.
pub(super) fn place(
    connection: &Connection,
    new: &NewOrder,
    oldest_key: Timestamp,
) -> Result<Result<Placed, NotPlaced>, ReadError> {
    let text = order::order(&new.notify);
    let hash = xxh3_128(text.as_bytes()).to_be_bytes();
    if let Some(key) = &new.notify.key
        && let Some((id, recipients, before)) = remembered(connection, new, key, oldest_key)?
    {
        let placed = Placed { id, recipients, duplicate: true };
        return Ok(if before == hash { Ok(placed) } else { Err(NotPlaced::Conflict) });
    }
    let mut recipients: Vec<_> = new.recipients.iter().collect();
    if let Some(escalated) = new.escalates {
        if !stop_waiting(connection, escalated)? {
            return Ok(Err(NotPlaced::Settled));
        }
        pass_over(connection, &new.tenant, escalated, &mut recipients)?;
    }
    let wait = new.notify.escalation.as_ref().map(|escalation| escalation.after.as_millis());
    let escalate_at = wait.map(|wait| new.at.0.saturating_add(i64::try_from(wait).unwrap_or(i64::MAX)));
    // What is past its use by then is nothing to escalate.
    let expires = new.notify.notification.expires;
    let escalate_at = escalate_at.filter(|at| expires.is_none_or(|expires| expires.0 > *at));
    let number = connection
        .prepare_cached(
            "insert into orders (id, tenant, at, \"from\", publisher, key, hash, recipients, escalate_at, notify)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .insert((
            new.id.0.as_bytes(),
            new.tenant.as_str(),
            new.at.0,
            &*new.from,
            &*new.publisher,
            new.notify.key.as_deref(),
            hash,
            as_stored(recipients.len() as u64),
            escalate_at,
            text,
        ))?;
    for (chunk, users) in (0_i64..).zip(recipients.chunks(CHUNK)) {
        insert_chunk(connection, number, chunk, users.iter().copied())?;
    }
    Ok(Ok(Placed { id: new.id, recipients: recipients.len(), duplicate: false }))
}

/// Leaves out who was forgotten after the order that escalates.
fn pass_over(
    connection: &Connection,
    tenant: &Tenant,
    escalated: NotificationId,
    recipients: &mut Vec<&UserId>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("select number from orders where id = ?1")?;
    let number: i64 = statement.query_row([escalated.0.as_bytes()], |row| row.get(0))?;
    let mut kept = Vec::with_capacity(recipients.len());
    for user in recipients.drain(..) {
        if !forgetting::is_passed_over(connection, &UserKey::new(tenant.clone(), user.clone()), number)? {
            kept.push(user);
        }
    }
    *recipients = kept;
    Ok(())
}

/// The order written under a key, if that was not too long ago; one that is too old makes room for a new one.
fn remembered(
    connection: &Connection,
    new: &NewOrder,
    key: &str,
    oldest: Timestamp,
) -> rusqlite::Result<Option<(NotificationId, usize, [u8; 16])>> {
    let found = connection
        .prepare_cached(
            "select id, recipients, hash, at, number from orders where tenant = ?1 and publisher = ?2 and key = ?3",
        )?
        .query_row((new.tenant.as_str(), &*new.publisher, key), |row| {
            let recipients = usize::try_from(row.get::<_, i64>(1)?).unwrap_or(usize::MAX);
            let order = (NotificationId(Uuid::from_bytes(row.get(0)?)), recipients, row.get(2)?);
            Ok((order, row.get::<_, i64>(3)?, row.get::<_, i64>(4)?))
        })
        .optional()?;
    let Some((order, at, number)) = found else { return Ok(None) };
    if at > oldest.0 {
        return Ok(Some(order));
    }
    // It may still be on its way to somebody, so only its key goes.
    connection.prepare_cached("update orders set key = null where number = ?1")?.execute([number])?;
    Ok(None)
}

/// The oldest order that has a chunk left.
pub(super) fn next(connection: &Connection) -> Result<Option<Waiting>, ReadError> {
    let waiting: Option<i64> = connection
        .prepare_cached("select number from order_chunks order by number limit 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let Some(number) = waiting else { return Ok(None) };
    let found = connection
        .prepare_cached("select id, tenant, at, \"from\", notify from orders where number = ?1")?
        .query_row([number], |row| {
            let id = NotificationId(Uuid::from_bytes(row.get(0)?));
            let texts: (String, String, String) = (row.get(1)?, row.get(3)?, row.get(4)?);
            Ok((id, Timestamp(row.get(2)?), texts))
        })
        .optional()?;
    // Chunks of no order would be met for ever, so they are damage as well.
    let Some((id, at, (tenant, from, text))) = found else { return Err(ReadError::Damaged { offset: 0 }) };
    let Some((tenant, notify)) = Tenant::parse(&tenant).ok().zip(notify(&text).ok()) else {
        return Err(ReadError::Damaged { offset: 0 });
    };
    let arrival = Arc::new(Arrival::new(id, at, notify.notification));
    Ok(Some(Waiting { number, tenant, from: from.into(), arrival }))
}

/// Takes the next chunk of an order: its number, and whom it reaches. Names that can't be read are passed over.
pub(super) fn take_chunk(connection: &Connection, number: i64) -> rusqlite::Result<(i64, Vec<UserId>)> {
    let taken: Option<(i64, String)> = connection
        .prepare_cached(
            "delete from order_chunks where number = ?1
                 and chunk = (select min(chunk) from order_chunks where number = ?1) returning chunk, users",
        )?
        .query_row([number], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (chunk, users) = taken.unwrap_or_default();
    Ok((chunk, users.lines().filter_map(|user| UserId::parse(user).ok()).collect()))
}

/// Puts back what is left of a chunk that was taken.
pub(super) fn put_back(connection: &Connection, number: i64, chunk: i64, left: &[UserId]) -> rusqlite::Result<()> {
    if !left.is_empty() {
        insert_chunk(connection, number, chunk, left.iter())?;
    }
    Ok(())
}

fn insert_chunk<'a>(
    connection: &Connection,
    number: i64,
    chunk: i64,
    users: impl Iterator<Item = &'a UserId>,
) -> rusqlite::Result<()> {
    let users: Vec<_> = users.map(UserId::as_str).collect();
    connection.prepare_cached("insert into order_chunks (number, chunk, users) values (?1, ?2, ?3)")?.execute((
        number,
        chunk,
        users.join("\n"),
    ))?;
    Ok(())
}

/// An order that can't be read is given up: what is left of it reaches nobody.
pub(super) fn give_up_first(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute(
        "delete from order_chunks where number = (select number from order_chunks order by number limit 1)",
        [],
    )?;
    Ok(())
}

/// Whether some order has a chunk left.
pub(super) fn has_more(connection: &Connection) -> rusqlite::Result<bool> {
    connection.prepare_cached("select exists (select 1 from order_chunks)")?.query_row([], |row| row.get(0))
}

/// Nobody waits for an acknowledgement of this one any more; whether somebody did.
pub(super) fn stop_waiting(connection: &Connection, id: NotificationId) -> rusqlite::Result<bool> {
    let mut statement =
        connection.prepare_cached("update orders set escalate_at = null where id = ?1 and escalate_at is not null")?;
    Ok(statement.execute([id.0.as_bytes()])? > 0)
}

/// Another one took its place in one of its inboxes; in the last of them, nobody is left to acknowledge it.
pub(super) fn replaced_in_one(connection: &Connection, id: NotificationId) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "update orders set replaced = replaced + 1,
                 escalate_at = case when replaced + 1 < recipients then escalate_at end
             where id = ?1 and escalate_at is not null",
        )?
        .execute([id.0.as_bytes()])?;
    Ok(())
}

/// When the next order escalates.
pub(super) fn due(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let mut statement =
        connection.prepare_cached("select min(escalate_at) from orders where escalate_at is not null")?;
    Ok(statement.query_row([], |row| row.get::<_, Option<i64>>(0))?.map(Timestamp))
}

/// Forgets orders that reached everybody, wait for nobody, and whose keys are too old.
pub(super) fn purge(connection: &Connection, oldest: Timestamp) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "delete from orders where number in (select number from orders
                 where at <= ?1 and escalate_at is null
                     and not exists (select 1 from order_chunks where order_chunks.number = orders.number) limit ?2)",
        )?
        .execute((oldest.0, as_stored(PURGED_MAX as u64)))?;
    Ok(())
}

/// Puts off an order that is due, or gives its escalation up, so that those behind it get their turn.
pub(super) fn look_later(connection: &Connection, Later { id, at }: Later) -> rusqlite::Result<()> {
    connection
        .prepare_cached("update orders set escalate_at = ?2 where id = ?1 and escalate_at is not null")?
        .execute((id.0.as_bytes(), at.map(|at| at.0)))?;
    Ok(())
}

/// The orders that nobody acknowledged in time, the oldest first.
pub(super) fn read_due(connection: &Connection, now: Timestamp, limit: usize) -> Result<DueOrders, ReadError> {
    let mut statement = connection.prepare_cached(
        "select id, tenant, \"from\", notify from orders where escalate_at <= ?1 order by escalate_at limit ?2",
    )?;
    let mut rows = statement.query((now.0, as_stored(limit as u64)))?;
    let mut due = DueOrders::default();
    while let Some(row) = rows.next()? {
        let (tenant, from, text): (String, String, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
        let id = NotificationId(Uuid::from_bytes(row.get(0)?));
        let order: Option<(Tenant, Notify)> = Tenant::parse(&tenant).ok().zip(notify(&text).ok());
        let escalates =
            order.and_then(|(tenant, notify)| Some((tenant, notify.escalation.as_ref()?.to.clone(), notify)));
        match escalates {
            Some((tenant, to, notify)) => {
                due.orders.push(DueOrder { id, tenant, from: from.into(), notify: Arc::new(notify), to });
            }
            None => due.damaged.push(id),
        }
    }
    Ok(due)
}
