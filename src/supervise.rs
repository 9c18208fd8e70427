//! Restarting an actor that panicked.
//!
//! `actix::Supervisor` restarts an actor that stopped, not one that panicked. This one does the opposite: a panic in a
//! handler costs the letter that caused it, the struct and the mailbox live on; a plain stop is an end.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use actix::dev::ContextFut;
use actix::prelude::*;

use crate::clock::Clock;

/// So many panics within [`BUDGET_TIME`] are bad luck; more are a loop, which is ended.
const BUDGET: u32 = 5;
const BUDGET_TIME: Duration = Duration::from_mins(1);

/// The exit code for a defect of ours (`EX_SOFTWARE` of `sysexits.h`).
const INTERNAL_ERROR: i32 = 70;

/// Starts `actor` on the calling thread, restarted when it panics. `started` runs again after each restart, so that is
/// where timers belong.
pub fn start_restarting<A>(name: &'static str, clock: &Clock, make: impl FnOnce(&mut Context<A>) -> A) -> Addr<A>
where
    A: Supervised + Actor<Context = Context<A>>,
{
    let mut context = Context::new();
    let actor = make(&mut context);
    let addr = context.address();
    let mut future: Pin<Box<ContextFut<A, Context<A>>>> = Box::pin(context.into_future(actor));
    let clock = clock.clone();
    let mut budget = Budget { spent: 0, since: clock.now() };
    actix_rt::spawn(poll_fn(move |task| {
        loop {
            match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(task))) {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(())) => return Poll::Ready(()),
                Err(_) if budget.spend(clock.now()) && future.restart() => {
                    log::error!("{name} panicked and was restarted");
                }
                Err(_) => {
                    // What was acknowledged is in the log; whoever started us starts us again.
                    log::error!("{name} panicked too often; the node can't go on without it");
                    std::process::exit(INTERNAL_ERROR);
                }
            }
        }
    }));
    addr
}

struct Budget {
    spent: u32,
    since: Instant,
}

impl Budget {
    fn spend(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) > BUDGET_TIME {
            *self = Self { spent: 0, since: now };
        }
        self.spent += 1;
        self.spent <= BUDGET
    }
}
