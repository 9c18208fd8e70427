//! Wakes the one task that waits, on the same thread.

use std::cell::Cell;
use std::task::{Context, Poll, Waker};

/// What one task of this thread waits for. Rung while nobody waits, it is heard by the next wait.
///
/// Every connection has two of them, so it is small: the waiting future keeps nothing of its own, where one of
/// `tokio::sync::Notify` has a place in a list of waiters.
#[derive(Default)]
pub struct Bell {
    has_rung: Cell<bool>,
    waits: Cell<Option<Waker>>,
}

impl Bell {
    /// Wakes who waits, or else who waits next.
    pub fn ring(&self) {
        self.has_rung.set(true);
        if let Some(waker) = self.waits.take() {
            waker.wake();
        }
    }

    /// Ready when it has rung since the last time; else the task is woken by the next ring. A second task that waits takes
    /// the place of the first.
    pub fn poll_rung(&self, task: &Context<'_>) -> Poll<()> {
        if self.has_rung.take() {
            return Poll::Ready(());
        }
        self.waits.set(Some(task.waker().clone()));
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::rc::Rc;

    use super::*;

    fn is_rung(bell: &Bell) -> bool {
        bell.poll_rung(&Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn a_bell_that_rang_before_is_heard_once() {
        let bell = Bell::default();
        assert!(!is_rung(&bell));
        bell.ring();
        bell.ring();
        assert!(is_rung(&bell));
        assert!(!is_rung(&bell));
    }

    #[actix_web::test]
    async fn who_waits_is_woken() {
        let bell = Rc::new(Bell::default());
        let waiting = actix_rt::spawn({
            let bell = Rc::clone(&bell);
            async move { poll_fn(|task| bell.poll_rung(task)).await }
        });
        tokio::task::yield_now().await;
        bell.ring();
        waiting.await.unwrap();
        assert!(!is_rung(&bell));
    }
}
