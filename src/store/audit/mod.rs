//! The audit log in the file: records are chained by the one writer, in the transaction of what they tell of.
//!
//! A batch writes each record once and the head of each chain once. The index by number is not unique on purpose: in a
//! file that somebody tampered with, numbers may come again, and that is for `verify` to find, not a reason to take no
//! entries any more.

use std::collections::{BTreeSet, HashMap};
use std::mem;

use actix::prelude::*;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::domain::audit::{Act, Chain, Draft, Ends, Hash, Head, OK};
use crate::domain::entry::Timestamp;

use super::row::as_stored;
use super::writer::Writer;

mod file;

pub use file::AuditFile;

/// The heads of so many chains are known without asking the file.
const CHAINS_KEPT: usize = 10_000;

/// Remove the oldest records of all chains, in a slice. Sent by `do_send`.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct TrimAudit {
    /// Those before this time.
    pub before: Timestamp,
    /// At most so many of each chain.
    pub rows_max: usize,
    /// Hears how far it came.
    pub reply: Recipient<AuditTrimmed>,
}

/// How far a slice of trimming the audit log came.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct AuditTrimmed {
    /// The heads that changed: what was removed is told in the chain.
    pub heads: Vec<(Chain, Head)>,
    /// Whether there is more to remove.
    pub has_more: bool,
}

/// Records that were written along with something else than entries.
#[derive(Debug, Default)]
pub struct Chained {
    /// How many.
    pub records: u64,
    /// The chains that grew.
    pub heads: Vec<(Chain, Head)>,
}

/// Where chains stand, by name.
#[derive(Debug, Default)]
pub(super) struct Chains(HashMap<Chain, (i64, Head)>);

impl Chains {
    /// After a failure nothing is taken for known.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Appends records inside a transaction.
pub(super) struct Appender<'a> {
    connection: &'a Connection,
    chains: &'a mut Chains,
    changed: BTreeSet<Chain>,
}

impl<'a> Appender<'a> {
    pub(super) fn new(connection: &'a Connection, chains: &'a mut Chains) -> Self {
        Self { connection, chains, changed: BTreeSet::new() }
    }

    /// Writes the next record of `chain`.
    pub(super) fn append(&mut self, chain: &Chain, draft: &Draft) -> rusqlite::Result<()> {
        let (id, head) = self.head(chain)?;
        let (record, next) = head.append(draft);
        let mut statement = self.connection.prepare_cached(
            r#"insert into audit (chain, number, at, act, who, what, "from", outcome, hash)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"#,
        )?;
        statement.execute((
            id,
            as_stored(record.number),
            record.at.0,
            record.act,
            record.who,
            record.what,
            record.from,
            record.outcome,
            next.hash.0,
        ))?;
        self.chains.0.insert(chain.clone(), (id, next));
        if !self.changed.contains(chain) {
            self.changed.insert(chain.clone());
        }
        Ok(())
    }

    /// Writes the new heads; which they are.
    pub(super) fn finish(self) -> rusqlite::Result<Vec<(Chain, Head)>> {
        let mut heads = Vec::with_capacity(self.changed.len());
        for chain in self.changed {
            let Some((id, head)) = self.chains.0.get(&chain).copied() else { continue };
            let mut statement =
                self.connection.prepare_cached("update audit_chains set number = ?2, hash = ?3 where id = ?1")?;
            statement.execute((id, as_stored(head.number), head.hash.0))?;
            heads.push((chain, head));
        }
        if self.chains.0.len() > CHAINS_KEPT {
            self.chains.clear();
        }
        Ok(heads)
    }

    /// Where a chain stands; its first record begins it.
    fn head(&self, chain: &Chain) -> rusqlite::Result<(i64, Head)> {
        if let Some(known) = self.chains.0.get(chain) {
            return Ok(*known);
        }
        if let Some((id, ends)) = ends(self.connection, chain)? {
            return Ok((id, ends.head));
        }
        let start = Head::start(chain);
        let mut statement = self.connection.prepare_cached(
            "insert into audit_chains (tenant, number, hash, floor, floor_hash) values (?1, 0, ?2, 0, ?2)",
        )?;
        let id = statement.insert((chain.as_str(), start.hash.0))?;
        Ok((id, start))
    }
}

/// The number and the ends of a chain; `None` for one without records.
fn ends(connection: &Connection, chain: &Chain) -> rusqlite::Result<Option<(i64, Ends)>> {
    let mut statement =
        connection.prepare_cached("select id, floor, floor_hash, number, hash from audit_chains where tenant = ?1")?;
    let row = statement.query_row([chain.as_str()], |row| {
        let floor = Head { number: row.get::<_, i64>(1)?.cast_unsigned(), hash: Hash(row.get(2)?) };
        let head = Head { number: row.get::<_, i64>(3)?.cast_unsigned(), hash: Hash(row.get(4)?) };
        Ok((row.get(0)?, Ends { floor, head }))
    });
    row.optional()
}

/// All chains, by name.
fn all(connection: &Connection) -> rusqlite::Result<Vec<Chain>> {
    let mut statement = connection.prepare_cached("select tenant from audit_chains order by tenant")?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?;
    // A name that we never gave was put there by somebody else, and there is nothing that it could be verified as.
    names.filter_map(|name| name.map(|name| Chain::parse(&name)).transpose()).collect()
}

impl Writer {
    /// Removes records that are older than `before`, the oldest first and at most `rows_max` of each chain. The floor keeps
    /// the hash of the last one that went, and a record in the same transaction tells of it, so that the chain goes on
    /// being verifiable. Answers the heads that changed, and whether there is more to remove.
    ///
    /// # Errors
    /// What `SQLite` says; what was removed from other chains until then stays removed.
    pub fn trim_audit(
        &mut self,
        before: Timestamp,
        rows_max: usize,
        now: Timestamp,
    ) -> rusqlite::Result<(Vec<(Chain, Head)>, bool)> {
        let (mut heads, mut has_more) = (Vec::new(), false);
        for chain in all(&self.connection)? {
            // A failure leaves nothing that is not so known: heads are taken over after the commit.
            let mut chains = mem::take(&mut self.chains);
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let Some((floor, count)) = remove(&transaction, &chain, before, rows_max)? else {
                self.chains = chains;
                continue;
            };
            let mut appender = Appender::new(&transaction, &mut chains);
            let nobody = || "".into();
            let what = floor.as_floor();
            appender.append(
                &chain,
                &Draft { at: now, act: Act::Trimmed, who: nobody(), what, from: nobody(), outcome: OK },
            )?;
            heads.extend(appender.finish()?);
            transaction.commit()?;
            self.chains = chains;
            has_more |= count == rows_max;
        }
        Ok((heads, has_more))
    }
}

/// Removes the old records of one chain; the new floor, and how many went.
fn remove(
    connection: &Connection,
    chain: &Chain,
    before: Timestamp,
    rows_max: usize,
) -> rusqlite::Result<Option<(Head, usize)>> {
    let Some((id, ends)) = ends(connection, chain)? else { return Ok(None) };
    let mut floor = ends.floor;
    let mut statement = connection.prepare_cached(
        "select number, at, hash from audit where chain = ?1 and number > ?2 order by number limit ?3",
    )?;
    let mut rows = statement.query((id, as_stored(floor.number), as_stored(rows_max as u64)))?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let number = row.get::<_, i64>(0)?.cast_unsigned();
        // Never past a hole: what is wrong there stays for whoever verifies.
        if number != floor.number + 1 || Timestamp(row.get(1)?) >= before {
            break;
        }
        floor = Head { number, hash: Hash(row.get(2)?) };
        count += 1;
    }
    drop(rows);
    if count == 0 {
        return Ok(None);
    }
    connection
        .prepare_cached("delete from audit where chain = ?1 and number <= ?2")?
        .execute((id, as_stored(floor.number)))?;
    connection.prepare_cached("update audit_chains set floor = ?2, floor_hash = ?3 where id = ?1")?.execute((
        id,
        as_stored(floor.number),
        floor.hash.0,
    ))?;
    Ok(Some((floor, count)))
}
