//! Several appends that are one transaction.

use std::sync::{Arc, Mutex, PoisonError};

use actix::prelude::*;

use super::{Append, AppendAll, AppendError, Appended, Done, LogPlace, Solo};
use crate::bridge::{AllDone, OneOfAll};
use crate::store::{self, Write};

type Outcome = Result<Appended, AppendError>;

/// The outcomes so far; whoever brings the last one tells.
struct Outcomes {
    missing: usize,
    by_slot: Vec<Outcome>,
    done: Option<AllDone>,
}

impl Outcomes {
    fn put(shared: &Mutex<Self>, slot: usize, outcome: Outcome) {
        let whole = {
            let mut outcomes = shared.lock().unwrap_or_else(PoisonError::into_inner);
            outcomes.by_slot[slot] = outcome;
            outcomes.missing -= 1;
            if outcomes.missing > 0 {
                return;
            }
            outcomes.done.take().map(|done| (done, std::mem::take(&mut outcomes.by_slot)))
        };
        // Others wrote what is called here, so the lock is given up first.
        if let Some((done, by_slot)) = whole {
            done(by_slot);
        }
    }
}

impl Handler<AppendAll> for Solo {
    type Result = ();

    fn handle(&mut self, AppendAll { entries, done }: AppendAll, ctx: &mut Context<Self>) {
        let unavailable = Err(AppendError::Unavailable { retry_after: store::RETRY_AFTER });
        if entries.is_empty() || self.is_closed {
            return done(vec![unavailable; entries.len()]);
        }
        let outcomes =
            Outcomes { missing: entries.len(), by_slot: vec![unavailable.clone(); entries.len()], done: Some(done) };
        let shared = Arc::new(Mutex::new(outcomes));
        let mut on_disk = Vec::with_capacity(entries.len());
        for (slot, OneOfAll { log, place, draft, key, audit }) in entries.into_iter().enumerate() {
            let shared = Arc::clone(&shared);
            let done: Done = Box::new(move |outcome| Outcomes::put(&shared, slot, outcome));
            if place == LogPlace::Disk {
                on_disk.push((Write { log, draft, key, if_offset: None, audit }, done));
            } else {
                self.append_to_memory(Append { log, place, draft, key, if_offset: None, audit, done }, ctx);
            }
        }
        match self.gathering.offer_all(on_disk) {
            Ok(()) => self.commit_next(ctx),
            Err(refused) => refused.into_iter().for_each(|done| self.tell(done, unavailable.clone())),
        }
    }
}
