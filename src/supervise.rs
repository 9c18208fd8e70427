//! Restarting an actor that panicked.
//!
//! `actix::Supervisor` restarts an actor that stopped, not one that panicked. This one does the opposite: a panic in a
//! handler costs the letter that caused it, the struct and the mailbox live on; a plain stop is an end.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use actix::dev::{ContextFut, channel};
use actix::prelude::*;

use crate::clock::Clock;

/// So many panics within [`BUDGET_TIME`] are bad luck; more are a loop, which is ended.
const BUDGET: u32 = 5;
const BUDGET_TIME: Duration = Duration::from_mins(1);

/// Letters that a mailbox takes by `try_send` until its actor says otherwise. A room's first joiners come before it has begun,
/// and all sessions of a thread share one address, so it is as many as a room takes later.
const MAILBOX: usize = 4_096;

/// The exit code for a defect of ours (`EX_SOFTWARE` of `sysexits.h`).
const INTERNAL_ERROR: i32 = 70;

/// What to do when an actor panics over and over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hopeless {
    /// The node can't go on without it: the process ends. What was acknowledged is in the log, and whoever started us
    /// starts us again.
    EndProcess,
    /// It ends alone; its drop tells whom it concerns.
    EndActor,
}

/// Starts an actor on the calling thread, restarted when it panics; over and over, the process ends. `started` runs again
/// after each restart, so that is where timers belong.
pub fn start_restarting<A>(name: &'static str, clock: &Clock, make: impl FnOnce(&mut Context<A>) -> A) -> Addr<A>
where
    A: Supervised + Actor<Context = Context<A>>,
{
    let mut context = Context::new();
    let actor = make(&mut context);
    let addr = context.address();
    actix_rt::spawn(run(name.to_owned(), clock.clone(), Hopeless::EndProcess, context, actor));
    addr
}

/// Starts an actor on the thread of `arbiter`, restarted when it panics; over and over, it ends.
pub fn start_restarting_in<A>(
    arbiter: &ArbiterHandle,
    name: String,
    clock: &Clock,
    make: impl FnOnce(&mut Context<A>) -> A + Send + 'static,
) -> Addr<A>
where
    A: Supervised + Actor<Context = Context<A>>,
{
    start_in(arbiter, name, clock, Hopeless::EndActor, make)
}

/// As [`start_restarting_in`], for an actor without which the node can't go on.
pub fn start_vital_in<A>(
    arbiter: &ArbiterHandle,
    name: &'static str,
    clock: &Clock,
    make: impl FnOnce(&mut Context<A>) -> A + Send + 'static,
) -> Addr<A>
where
    A: Supervised + Actor<Context = Context<A>>,
{
    start_in(arbiter, name.to_owned(), clock, Hopeless::EndProcess, make)
}

fn start_in<A>(
    arbiter: &ArbiterHandle,
    name: String,
    clock: &Clock,
    hopeless: Hopeless,
    make: impl FnOnce(&mut Context<A>) -> A + Send + 'static,
) -> Addr<A>
where
    A: Supervised + Actor<Context = Context<A>>,
{
    let (sender, receiver) = channel::channel(MAILBOX);
    let clock = clock.clone();
    arbiter.spawn_fn(move || {
        let mut context = Context::with_receiver(receiver);
        let actor = make(&mut context);
        actix_rt::spawn(run(name, clock, hopeless, context, actor));
    });
    Addr::new(sender)
}

fn run<A>(name: String, clock: Clock, hopeless: Hopeless, context: Context<A>, actor: A) -> impl Future<Output = ()>
where
    A: Supervised + Actor<Context = Context<A>>,
{
    let mut future: Pin<Box<ContextFut<A, Context<A>>>> = Box::pin(context.into_future(actor));
    let mut budget = Budget { spent: 0, since: clock.now() };
    poll_fn(move |task| {
        loop {
            match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(task))) {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(())) => return Poll::Ready(()),
                Err(_) if budget.spend(clock.now()) => {
                    log::error!("{name} panicked over a letter and goes on with the next");
                    // `restarting` is our own code as well.
                    let is_back = catch_unwind(AssertUnwindSafe(|| future.restart()));
                    if !is_back.unwrap_or(false) {
                        return Poll::Ready(());
                    }
                }
                Err(_) if hopeless == Hopeless::EndActor => {
                    log::error!("{name} panicked too often and ends");
                    return Poll::Ready(());
                }
                Err(_) => {
                    log::error!("{name} panicked too often; the node can't go on without it");
                    std::process::exit(INTERNAL_ERROR);
                }
            }
        }
    })
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
