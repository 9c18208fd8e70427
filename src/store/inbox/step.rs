//! A step of notifying: new orders first, then the next inboxes of those that wait.

use log::error;

use super::change::Whose;
use super::{Grown, Step, Stepped, orders};
use crate::domain::entry::Timestamp;
use crate::domain::ids::{RoomKey, RoomName, UserKey};
use crate::domain::inbox_log::NotifyProgress;
use crate::store::error::ReadError;
use crate::store::forgetting;
use crate::store::writer::{RowWriter, Writer};

impl Writer {
    /// Takes a step in one transaction, which is on the disk when this returns.
    ///
    /// # Errors
    /// [`ReadError`] when the file can't be written now; then nothing of the step was.
    pub fn step(&mut self, step: &Step) -> Result<Stepped, ReadError> {
        let oldest_key = Timestamp(step.now.0 - self.store.dedupe_ms);
        self.in_one_transaction(|row| {
            row.now = step.now;
            orders::purge(row.connection, oldest_key)?;
            forgetting::purge_users(row.connection)?;
            let mut placed = Vec::with_capacity(step.orders.len());
            for order in &step.orders {
                let outcome = orders::place(row.connection, order, oldest_key)?;
                if let (Some(draft), Ok(written)) = (&order.audit, &outcome)
                    && !written.duplicate
                {
                    row.record(&order.tenant, draft.clone().of_order(order, written.recipients));
                }
                placed.push(outcome);
            }
            for later in &step.later {
                orders::look_later(row.connection, *later)?;
            }
            let grown = row.deliver(step)?;
            let (has_more, due) = (orders::has_more(row.connection)?, orders::due(row.connection)?);
            Ok(Stepped { progress: NotifyProgress { placed, has_more, due }, grown })
        })
    }
}

impl RowWriter<'_> {
    /// Brings waiting orders to the next inboxes, the oldest order first.
    fn deliver(&mut self, step: &Step) -> Result<Vec<Grown>, ReadError> {
        let mut grown = Vec::new();
        let (mut written, mut read) = (0, 0);
        while written < step.inboxes_max && read < step.rows_max {
            let waiting = match orders::next(self.connection) {
                Ok(Some(waiting)) => waiting,
                Ok(None) => break,
                Err(ReadError::Damaged { .. }) => {
                    error!("an order to notify is damaged; who has it not by now won't get it");
                    orders::give_up_first(self.connection)?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let (chunk, users) = orders::take_chunk(self.connection, waiting.number)?;
            if users.is_empty() {
                // A chunk whose names can't be read must not be met for ever.
                written += 1;
            }
            for (at, user) in users.iter().enumerate() {
                if written >= step.inboxes_max || read >= step.rows_max {
                    orders::put_back(self.connection, waiting.number, chunk, &users[at..])?;
                    break;
                }
                written += 1;
                let user = UserKey::new(waiting.tenant.clone(), user.clone());
                if forgetting::is_passed_over(self.connection, &user, waiting.number)? {
                    continue;
                }
                let log = RoomKey::new(user.tenant, RoomName::personal(&user.user));
                let whose = Whose { log: &log, from: &waiting.from, now: step.now, keep: &step.keep };
                match self.arrive(whose, &waiting.arrival) {
                    Ok(Ok(applied)) => {
                        read += applied.read;
                        if !applied.grown.entries.is_empty() {
                            grown.push(applied.grown);
                        }
                    }
                    // An arrival is never refused; an inbox that can't be read holds up nobody else's.
                    Ok(Err(_)) => {}
                    Err(ReadError::Damaged { offset }) => {
                        error!("the inbox {log} is damaged at offset {offset} and did not get {}", waiting.arrival.id);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(grown)
    }
}
