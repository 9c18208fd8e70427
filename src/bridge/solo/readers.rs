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
        let Some((reader, slot)) = self.next() else { return Box::pin(async { Err(Unavailable) }) };
        let answer = reader.send(letter);
        Box::pin(async move {
            let _slot = slot;
            answer.await.unwrap_or(Err(Unavailable))
        })
    }

    /// The same, once `before` is done; it counts as waiting from now on.
    pub(super) fn ask_after<M, T>(
        &mut self,
        before: BoxFuture<'static, ()>,
        letter: M,
    ) -> BoxFuture<'static, Result<T, Unavailable>>
    where
        ReaderActor: Handler<M>,
        <ReaderActor as Actor>::Context: ToEnvelope<ReaderActor, M>,
        M: Message<Result = Result<T, Unavailable>> + Send + Unpin + 'static,
        T: Send + 'static,
    {
        let Some((reader, slot)) = self.next() else { return Box::pin(async { Err(Unavailable) }) };
        let reader = reader.clone();
        Box::pin(async move {
            let _slot = slot;
            before.await;
            reader.send(letter).await.unwrap_or(Err(Unavailable))
        })
    }

    /// Whose turn it is, and a place among those that wait, if there is one.
    fn next(&mut self) -> Option<(&Addr<ReaderActor>, Slot)> {
        let slot = Slot(Arc::clone(&self.waiting));
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.waiting_max {
            Counters::add(&self.counters.reads_refused, 1);
            return None;
        }
        Counters::add(&self.counters.reads, 1);
        self.next = (self.next + 1) % self.threads.len();
        Some((&self.threads[self.next], slot))
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
