//! One change of one inbox, inside the transaction that numbers its entries.

use std::sync::Arc;

use log::error;
use rusqlite::{Connection, TransactionBehavior};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::rows::{self, Remembered};
use super::{Grown, InboxWrite};
use crate::domain::entry::{Draft, Timestamp};
use crate::domain::ids::{EntryId, RoomKey};
use crate::domain::inbox::{Arrival, Arrived, By, Change, Decided, Inbox, Keep, Mark, Refused, Which};
use crate::domain::inbox_log::{InboxChange, InboxChanged, InboxError};
use crate::domain::preferences::{BadPreferences, Preferences};
use crate::store::audit::{Appender, Chained};
use crate::store::error::ReadError;
use crate::store::heads::Head;
use crate::store::writer::{RETRY_AFTER, RowWriter, Writer};

/// The author of what nobody did but time.
const NOBODY: &str = "null";

/// What a change came to.
pub(super) struct Applied {
    pub(super) changed: InboxChanged,
    pub(super) grown: Grown,
    /// Whether what was wanted changed anything; what time did besides is not meant.
    is_done: bool,
    /// The preferences that became others.
    keys: Vec<&'static str>,
    /// How many rows were read over for it.
    pub(super) read: usize,
}

/// How a change ended; an outer error is the file's and ends the whole transaction.
pub(super) type Outcome = Result<Applied, InboxError>;

/// Whose inbox, by whom, and when.
#[derive(Clone, Copy)]
pub(super) struct Whose<'a> {
    pub(super) log: &'a RoomKey,
    pub(super) from: &'a Arc<str>,
    pub(super) now: Timestamp,
    pub(super) keep: &'a Keep,
}

impl Writer {
    /// Changes inboxes in one transaction and answers each in order, once the transaction is on the disk. What one is
    /// refused changes nothing of its inbox; when the file fails, all are answered `unavailable`. When they read over more
    /// than `rows_max` rows, the last ones are not answered and nothing of them was done; the first one always is.
    pub fn change_inboxes(
        &mut self,
        changes: &[InboxWrite],
        keep: &Keep,
        rows_max: usize,
    ) -> (Vec<Result<InboxChanged, InboxError>>, Vec<Grown>) {
        let mut grown = Vec::new();
        let attempt = self.in_one_transaction(|row| {
            let mut outcomes = Vec::with_capacity(changes.len());
            let mut read = 0;
            for change in changes {
                if read >= rows_max {
                    break;
                }
                let InboxWrite { log, from, at, .. } = change;
                row.now = *at;
                let outcome = match row.change_inbox(Whose { log, from, now: *at, keep }, change) {
                    Ok(outcome) => outcome,
                    // It is read before anything of it is written, so nothing of this change was.
                    Err(ReadError::Damaged { offset }) => {
                        error!("the inbox {log} is damaged at offset {offset} and can't be changed");
                        Err(unavailable())
                    }
                    Err(error) => return Err(error),
                };
                if let (Some(draft), Ok(applied)) = (&change.audit, &outcome)
                    && applied.is_done
                {
                    row.record(&log.tenant, draft.clone().of_change(&change.change, &applied.keys));
                }
                outcomes.push(outcome.map(|applied| {
                    read += applied.read;
                    if !applied.grown.entries.is_empty() {
                        grown.push(applied.grown);
                    }
                    applied.changed
                }));
            }
            Ok(outcomes)
        });
        match attempt {
            Ok(outcomes) => (outcomes, grown),
            Err(_) => (vec![Err(unavailable()); changes.len()], Vec::new()),
        }
    }

    /// Runs `work` in a transaction that is on the disk when this returns, with what it has recorded
    /// ([`RowWriter::record`]). After any failure nothing of it was written, and it is told to the operator.
    pub(in crate::store) fn in_one_transaction<T>(
        &mut self,
        work: impl FnOnce(&mut RowWriter<'_>) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        let Self { store, connection, heads, chains, chained, .. } = self;
        let attempt = || {
            if !connection.is_autocommit() {
                // A rollback that failed left the last transaction open.
                connection.execute_batch("rollback")?;
            }
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let (epoch, dedupe_ms, now) = (store.facts.epoch, store.dedupe_ms, Timestamp(0));
            let mut row =
                RowWriter { connection: &transaction, heads, store: epoch, now, dedupe_ms, records: Vec::new() };
            let done = work(&mut row)?;
            let records = row.records;
            let mut audit = Appender::new(&transaction, chains);
            records.iter().try_for_each(|note| audit.append(&note.chain, &note.draft))?;
            let grown = audit.finish()?;
            transaction.commit()?;
            chained.records += records.len() as u64;
            chained.heads.extend(grown);
            Ok(done)
        };
        let attempt = attempt();
        match &attempt {
            Ok(_) => store.writing.worked(&store.database),
            Err(error) => {
                // What was counted in memory was never written.
                heads.clear();
                chains.clear();
                store.writing.failed(&format!("{} takes no changes of inboxes", store.database.display()), error);
            }
        }
        attempt
    }
}

impl Writer {
    /// What was recorded since the last time that somebody asked.
    pub(in crate::store) fn take_chained(&mut self) -> Chained {
        std::mem::take(&mut self.chained)
    }
}

pub(super) fn unavailable() -> InboxError {
    InboxError::Unavailable { retry_after: RETRY_AFTER }
}

impl RowWriter<'_> {
    fn change_inbox(&mut self, whose: Whose<'_>, write: &InboxWrite) -> Result<Outcome, ReadError> {
        let known = self.head(whose.log)?;
        let epoch = self.epoch(whose.log, known)?;
        if write.epoch.is_some_and(|expected| expected != epoch) {
            return Ok(Err(InboxError::AnotherEpoch));
        }
        let log = known.map(|head| head.log);
        match &write.change {
            InboxChange::Mark(mark) => self.apply(whose, known, remembered_for(mark), Change::Mark(mark.clone()), None),
            InboxChange::Settle => self.apply(whose, known, Remembered::Nothing, Change::Settle, None),
            InboxChange::Prefer(set) => {
                let before = preferences(self.connection, log)?;
                // It was an object when it was read from the message.
                let set: Map<String, Value> = serde_json::from_str(set).unwrap_or_default();
                match before.merge(&set) {
                    Ok(after) => self.prefer(whose, known, before, after),
                    Err(BadPreferences::TooMany { .. }) => Ok(Err(InboxError::OverLimit(
                        "a user has settings for at most 200 topics and 200 patterns of rooms",
                    ))),
                    Err(bad) => Ok(Err(InboxError::Bad(format!("set: {bad}")))),
                }
            }
            InboxChange::Follow { room, follows } => {
                let before = preferences(self.connection, log)?;
                let mut after = before.clone();
                if !follows {
                    after.unfollow(room);
                } else if after.follow(room).is_err() {
                    return Ok(Err(InboxError::OverLimit("a user follows at most 1,000 rooms")));
                }
                let outcome = self.prefer(whose, known, before, after)?;
                if outcome.is_ok() {
                    write_follower(self.connection, whose.log, room.as_str(), *follows)?;
                }
                Ok(outcome)
            }
        }
    }

    /// A notification reaches an inbox.
    pub(super) fn arrive(&mut self, whose: Whose<'_>, arrival: &Arc<Arrival>) -> Result<Outcome, ReadError> {
        let known = self.head(whose.log)?;
        let preferences = preferences(self.connection, known.map(|head| head.log))?;
        let facts = &arrival.notification;
        let (topic, room) = (facts.topic.as_deref(), facts.room.as_ref());
        let verdict = preferences.judge(facts.level, topic, room, facts.critical, arrival.at);
        let change = Change::Arrive { arrival: Arc::clone(arrival), verdict };
        self.apply(whose, known, Remembered::One(arrival.id), change, None)
    }

    fn prefer(
        &mut self,
        whose: Whose<'_>,
        known: Option<Head>,
        before: Preferences,
        after: Preferences,
    ) -> Result<Outcome, ReadError> {
        let json: Arc<str> = after.to_json().into();
        let (is_same, keys) = (before == after, before.keys_other_than(&after));
        let change = Change::Prefer { before: Box::new(before), after: Box::new(after) };
        let stored = (!is_same).then_some(&*json);
        let outcome = self.apply(whose, known, Remembered::Nothing, change, stored)?;
        Ok(outcome.map(|mut applied| {
            (applied.changed.preferences, applied.keys) = (Some(json), keys);
            applied
        }))
    }

    /// Decides a change on the fold and writes what comes of it.
    fn apply(
        &mut self,
        whose: Whose<'_>,
        known: Option<Head>,
        remembered: Remembered,
        change: Change,
        preferences: Option<&str>,
    ) -> Result<Outcome, ReadError> {
        let epoch = self.epoch(whose.log, known)?;
        let offset = known.map_or(0, |head| head.offset);
        let mut inbox = match known {
            Some(head) => rows::load(self.connection, head.log, epoch, remembered)?,
            None => Inbox::new(epoch),
        };
        let read = inbox.items().count();
        let decided = match inbox.decide(change, whose.now, offset, whose.keep) {
            Ok(decided) => decided,
            Err(refused) => return Ok(Err(error_of(refused))),
        };
        let changed = InboxChanged { counts: decided.counts, offset: decided.offset, preferences: None };
        let entries = if decided.entries.is_empty() {
            Vec::new()
        } else {
            let head = match known {
                Some(head) => head,
                None => self.begin(whose.log)?,
            };
            self.write_decided(whose, head, &inbox, &decided, preferences)?
        };
        let grown = Grown { log: whose.log.clone(), epoch, entries };
        let is_done = decided.entries.iter().any(|written| written.by == By::Sender);
        Ok(Ok(Applied { changed, grown, is_done, keys: Vec::new(), read }))
    }

    fn write_decided(
        &mut self,
        whose: Whose<'_>,
        mut head: Head,
        inbox: &Inbox,
        decided: &Decided,
        preferences: Option<&str>,
    ) -> Result<Vec<Arc<crate::domain::entry::Entry>>, ReadError> {
        let (connection, log) = (self.connection, head.log);
        let mut entries = Vec::with_capacity(decided.entries.len());
        for written in &decided.entries {
            let from = if written.by == By::Time { NOBODY.into() } else { Arc::clone(whose.from) };
            let id = EntryId(Uuid::now_v7());
            let draft = Draft { id, at: whose.now, kind: written.kind, from, body: Arc::clone(&written.body) };
            head.offset += 1;
            self.insert(head, &draft)?;
            entries.push(Arc::new(draft.at_offset(head.offset)));
        }
        for (id, _) in &decided.removed {
            rows::remove(connection, log, *id)?;
        }
        if !decided.removed.is_empty() {
            rows::forget_oldest(connection, log)?;
        }
        for item in &decided.changed {
            match decided.texts.iter().find(|(id, _)| *id == item.id) {
                Some((_, text)) => rows::insert(connection, log, item, text)?,
                None => rows::update(connection, log, item)?,
            }
        }
        if let Some(undo) = &decided.undo {
            rows::remember(connection, log, undo)?;
        }
        rows::put(connection, log, inbox, preferences)?;
        // Whoever acknowledged ends it for all. What was replaced can't be acknowledged here any more, but elsewhere.
        let replaced = match decided.arrived {
            Some(Arrived::New { replaces, .. }) => replaces,
            _ => None,
        };
        if let Some(id) = decided.acked {
            super::orders::stop_waiting(connection, id)?;
        }
        if let Some(id) = replaced {
            super::orders::replaced_in_one(connection, id)?;
        }
        self.heads.put(whose.log.clone(), head);
        Ok(entries)
    }
}

/// What of the remembered a mark asks for.
fn remembered_for(mark: &Mark) -> Remembered {
    match mark {
        Mark::Seen { .. } | Mark::As { which: Which::All { .. }, .. } => Remembered::Nothing,
        Mark::As { which: Which::These(_), .. } | Mark::Undo { .. } => Remembered::All,
        Mark::Ack { id } => Remembered::One(*id),
    }
}

fn preferences(connection: &Connection, log: Option<i64>) -> Result<Preferences, ReadError> {
    log.map_or_else(|| Ok(Preferences::default()), |log| rows::preferences(connection, log))
}

fn write_follower(connection: &Connection, log: &RoomKey, room: &str, follows: bool) -> rusqlite::Result<()> {
    let Some(user) = log.room.owner() else { return Ok(()) };
    let sql = if follows {
        "insert or ignore into followers (tenant, room, user) values (?1, ?2, ?3)"
    } else {
        "delete from followers where tenant = ?1 and room = ?2 and user = ?3"
    };
    connection.prepare_cached(sql)?.execute((log.tenant.as_str(), room, user.as_str()))?;
    Ok(())
}

fn error_of(refused: Refused) -> InboxError {
    match refused {
        Refused::UnknownNotification(_) => InboxError::NotFound("there is no such notification in this inbox"),
        Refused::NothingToUndo(_) => {
            InboxError::NotFound("undo: there is no mark at this offset that can be taken back")
        }
        Refused::UntilPassed => InboxError::Bad("until: it has passed already".into()),
    }
}
