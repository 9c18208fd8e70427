//! A socket that does not wait for ever.
//!
//! actix-http has a deadline for the head of the first request and for the pause between two, and none for the head of
//! a later one: the first byte of it clears the one timer and sets no other, so that a connection that sends a byte now
//! and then would stand as long as it likes. For a body it has none at all, and one that nobody reads is drained for as
//! long as it comes. Here every head and every body has its deadline, and a connection on which nothing at all happens
//! has one too. What takes the socket over after an upgrade has deadlines of its own.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep_until};

use crate::clock::Clock;

/// Whoever reads a body answers when it is late. So much later the socket ends, which is for bodies that nobody reads.
const BODY_UNREAD: Duration = Duration::from_secs(2);

/// How long a connection is waited for.
#[derive(Clone)]
pub struct Patience {
    /// From the first byte of a request to the end of its head.
    pub head: Duration,
    /// From there to the end of its body.
    pub body: Duration,
    /// Without a byte in either direction.
    pub idle: Duration,
    /// Where "now" comes from.
    pub clock: Clock,
}

/// A socket whose reads fail when the client takes longer than that.
pub struct Impatient {
    io: TcpStream,
    patience: Patience,
    head: Head,
    /// When the present head, or the present silence, began.
    since: Instant,
    /// When the present body began.
    body_since: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

/// How far the head of a request has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Head {
    /// Nothing of it is there.
    #[default]
    Before,
    /// Empty lines, which may stand ahead of it.
    Leading,
    /// Some of it; whether its line is empty so far.
    Within { line_is_empty: bool },
    /// All of it. What follows is its body, until something is answered.
    Behind,
}

impl Head {
    fn after(self, bytes: &[u8]) -> Self {
        bytes.iter().fold(self, |head, byte| match (head, byte) {
            (Self::Before | Self::Leading, b'\r' | b'\n') => Self::Leading,
            (Self::Behind, _) | (Self::Within { line_is_empty: true }, b'\n') => Self::Behind,
            (Self::Within { .. }, b'\n') | (Self::Within { line_is_empty: true }, b'\r') => {
                Self::Within { line_is_empty: true }
            }
            _ => Self::Within { line_is_empty: false },
        })
    }

    fn answered(self, bytes: &[u8]) -> Self {
        // "Go on" is no answer yet: the body comes behind it.
        if bytes.starts_with(b"HTTP/1.1 100 ") { self } else { Self::Before }
    }

    fn is_awaited(self) -> bool {
        matches!(self, Self::Leading | Self::Within { .. })
    }
}

impl Impatient {
    /// Waits for `io` no longer than `patience` says.
    #[must_use]
    pub fn new(io: TcpStream, patience: Patience) -> Self {
        let since = patience.clock.now();
        Self { io, patience, head: Head::Before, since, body_since: since, timer: None }
    }

    /// The socket, without a deadline.
    #[must_use]
    pub fn into_inner(self) -> TcpStream {
        self.io
    }

    fn read(&mut self, bytes: &[u8]) {
        let before = self.head;
        self.head = before.after(bytes);
        let now = self.patience.clock.now();
        // Within a head the time runs on, whatever comes.
        if before == Head::Before || !self.head.is_awaited() {
            self.since = now;
        }
        if before != Head::Behind {
            self.body_since = now;
        }
    }

    fn wrote(&mut self, bytes: &[u8], result: &Poll<io::Result<usize>>) {
        if matches!(result, Poll::Ready(Ok(1..))) {
            self.head = self.head.answered(bytes);
            self.since = self.patience.clock.now();
        }
    }

    /// Whether a body still comes after its time.
    fn is_dripping(&self) -> bool {
        let is_body = self.head == Head::Behind;
        is_body && self.patience.clock.now() >= self.body_since + self.patience.body + BODY_UNREAD
    }

    /// Whether the client took too long; else wakes the task when it has.
    fn is_over(&mut self, task: &mut Context<'_>) -> bool {
        let within = if self.head.is_awaited() { self.patience.head } else { self.patience.idle };
        let deadline = self.since + within;
        loop {
            if self.patience.clock.now() >= deadline {
                return true;
            }
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline.into())));
            // A timer that is too early looks again; so it is seldom set anew.
            if timer.deadline() > deadline.into() {
                timer.as_mut().reset(deadline.into());
            }
            if timer.as_mut().poll(task).is_pending() {
                return false;
            }
            timer.as_mut().reset(deadline.into());
        }
    }
}

impl AsyncRead for Impatient {
    fn poll_read(mut self: Pin<&mut Self>, task: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let filled = buffer.filled().len();
        let result = Pin::new(&mut self.io).poll_read(task, buffer);
        if let Some(bytes) = buffer.filled().get(filled..).filter(|bytes| !bytes.is_empty()) {
            self.read(bytes);
            if self.is_dripping() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        // Bytes that came are no excuse within a head: a byte now and then is how a slow one holds a connection.
        let is_due = result.is_pending() || self.head.is_awaited();
        if is_due && self.is_over(task) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        result
    }
}

impl AsyncWrite for Impatient {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write(task, bytes);
        self.wrote(bytes, &result);
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(task)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write_vectored(task, slices);
        self.wrote(slices.first().map_or(&[], |slice| slice), &result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_with_an_empty_line_however_it_is_cut() {
        let text = b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nbody";
        let end = text.len() - 4;
        for cut in 1..text.len() {
            let (first, rest) = text.split_at(cut);
            let half = Head::default().after(first);
            assert_eq!(half == Head::Behind, cut >= end, "{cut}");
            assert_eq!(half.after(rest), Head::Behind);
        }
        assert_eq!(Head::default().after(b"GET / HTTP/1.1\nHost: a\n\n"), Head::Behind, "bare line ends are taken too");
        for unfinished in
            ["\r\n", "\r\n\r\n", "\n\n\nG", "G", "GET / HTTP/1.1\r\nX: \r\n", "GET / HTTP/1.1\r\nX: \r\n\r"]
        {
            assert!(Head::default().after(unfinished.as_bytes()).is_awaited(), "{unfinished:?}");
        }
    }

    #[test]
    fn a_body_that_waits_to_be_asked_for_is_no_head() {
        let body = Head::default().after(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n");
        assert_eq!(body.answered(b"HTTP/1.1 100 Continue\r\n\r\n").after(b"{"), Head::Behind);
        assert!(body.answered(b"HTTP/1.1 200 OK\r\n").after(b"{").is_awaited());
    }
}
