//! The way to the threads that read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix::dev::ToEnvelope;
use actix::prelude::*;
use futures_util::future::BoxFuture;

use crate::bridge::Unavailable;
use crate::store::{self, ReaderActor};

use super::counters::Counters;

/// Readers in turn, and a bound on what waits for them.
pub(super) struct Readers {
    threads: Vec<Addr<ReaderActor>>,
    next: usize,
    waiting: Arc<AtomicUsize>,
    waiting_max: usize,
    counters: Arc<Counters>,
}

/// One read's place among those that wait; given up however the read ends.
struct Slot(Arc<AtomicUsize>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Readers {
    pub(super) fn new(threads: Vec<Addr<ReaderActor>>, waiting_max: usize, counters: Arc<Counters>) -> Self {
        Self { threads, next: 0, waiting: Arc::default(), waiting_max, counters }
    }

    /// Hands `letter` to the next reader.
    pub(super) fn ask<M, T>(&mut self, letter: M) -> BoxFuture<'static, Result<T, Unavailable>>
    where
        ReaderActor: Handler<M>,
        <ReaderActor as Actor>::Context: ToEnvelope<ReaderActor, M>,
        M: Message<Result = Result<T, Unavailable>> + Send + Unpin + 'static,
        T: Send + 'static,
    {
        let slot = Slot(Arc::clone(&self.waiting));
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.waiting_max {
            Counters::add(&self.counters.reads_refused, 1);
            drop(slot);
            return Box::pin(async { Err(Unavailable) });
        }
        Counters::add(&self.counters.reads, 1);
        self.next = (self.next + 1) % self.threads.len();
        let answer = self.threads[self.next].send(letter);
        Box::pin(async move {
            let _slot = slot;
            answer.await.unwrap_or(Err(Unavailable))
        })
    }

    /// Closes all connections, after what waits for them.
    pub(super) fn close(&self) -> BoxFuture<'static, ()> {
        let closing: Vec<_> = self.threads.iter().map(|reader| reader.send(store::Close)).collect();
        Box::pin(async move {
            for closed in closing {
                // A reader that is gone has no connection either.
                let _ = closed.await;
            }
        })
    }
}
