//! The other direction of the socket: what its client sends.

use std::cell::RefCell;
use std::io;
use std::task::{Context, Poll, ready};

use tokio::io::Interest;

use super::Outbox;

/// Reads go through one buffer per thread: idle connections keep none.
const READ_BYTES: usize = 64 << 10;

thread_local! {
    static READ_BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

impl Outbox {
    /// Reads from the socket, which is here, and hands on what came; answers how much that was. 0 is the end.
    ///
    /// # Errors
    /// The socket's, when it is broken or let go.
    pub fn poll_read(&self, task: &mut Context<'_>, mut take: impl FnMut(&[u8])) -> Poll<io::Result<usize>> {
        let stream = self.stream.borrow();
        let Some(stream) = stream.as_ref() else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        loop {
            ready!(stream.poll_read_ready(task))?;
            let read: io::Result<usize> = READ_BUFFER.with_borrow_mut(|buffer| {
                let read = stream.try_read(buffer)?;
                take(&buffer[..read]);
                if read < buffer.len() {
                    // That was all there is, and more is an edge of its own: asking again would be a system call for nothing.
                    let _ = stream.try_io(Interest::READABLE, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
                }
                Ok(read)
            });
            match read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read),
            }
        }
    }
}
