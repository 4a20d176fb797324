//! A connection's bytes on their way out, gathered and written together.
//!
//! HTTP/2 flushes after each few frames. Here that costs nothing: what is
//! written is kept until [`Gathered::poll_send`], once a turn of the
//! connection, so that the replies of a turn are one system call.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::codegen::StdError;

/// So many bytes are gathered at most: then they are written before more are
/// taken.
const GATHERED_BYTES_MAX: usize = 64 << 10;

/// A stream whose writes are gathered. A clone is the same stream.
#[derive(Debug)]
pub struct Gathered<T>(Arc<Mutex<Inner<T>>>);

#[derive(Debug)]
struct Inner<T> {
    stream: T,
    // Only while there is something in it: idle connections hold none.
    bytes: BytesMut,
    // How much room they took the last time, but not much more than was filled.
    room_before: usize,
    // TLS keeps what the system did not take.
    unflushed: bool,
}

impl<T> Clone for Gathered<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: AsyncWrite + Unpin> Gathered<T> {
    /// Gathers what is written to `stream`.
    #[must_use]
    pub fn new(stream: T) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            stream,
            bytes: BytesMut::new(),
            room_before: 0,
            unflushed: false,
        })))
    }

    /// Writes what was gathered.
    ///
    /// # Errors
    /// What the system says; nothing can be written after it.
    pub fn poll_send(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.lock().poll_send(context)
    }

    /// The same at the end of a turn of the connection, which goes on unless
    /// nothing can be written to it.
    ///
    /// # Errors
    /// See [`Self::poll_send`].
    pub fn end_turn(&self, context: &mut Context<'_>) -> Poll<Result<(), StdError>> {
        match self.poll_send(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
        }
    }
}

impl<T: AsyncWrite + Unpin> Inner<T> {
    /// What is gathered, with room for `count` bytes more. As it begins it gets as
    /// much room as it took the last time: to grow step by step would copy most
    /// of it once more.
    fn begun(&mut self, count: usize) -> &mut BytesMut {
        if self.bytes.capacity() == 0 {
            self.bytes.reserve(count.max(self.room_before));
            self.room_before = 0;
        }
        &mut self.bytes
    }

    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let room = self.bytes.capacity().min(2 * self.bytes.len());
        self.room_before = self.room_before.max(room);
        while !self.bytes.is_empty() {
            let count = ready!(Pin::new(&mut self.stream).poll_write(context, &self.bytes))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.bytes.advance(count);
            self.unflushed = true;
        }
        self.bytes = BytesMut::new();
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(context))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.bytes.len() < GATHERED_BYTES_MAX {
            return Poll::Ready(Ok(()));
        }
        self.poll_send(context)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Gathered<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.lock().stream).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Gathered<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(buffer)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut inner = self.0.lock();
        ready!(inner.poll_room(context))?;
        let mut room = GATHERED_BYTES_MAX - inner.bytes.len();
        let given: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        let count = given.min(room);
        let bytes = inner.begun(count);
        bytes.reserve(count);
        // What is over stays with who counts it until it has left.
        for buffer in buffers {
            let part = buffer.get(..room).unwrap_or(buffer);
            bytes.extend_from_slice(part);
            room -= part.len();
        }
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.0.lock();
        ready!(inner.poll_send(context))?;
        Pin::new(&mut inner.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn what_is_written_leaves_when_it_is_sent() {
        let (near, mut far) = duplex(1024);
        let mut gathered = Gathered::new(near);
        gathered.write_all(b"one ").await.unwrap();
        gathered.write_all(b"two").await.unwrap();
        gathered.flush().await.unwrap();
        let mut context = Context::from_waker(Waker::noop());
        let mut read = [0; 16];
        {
            let mut reading = std::pin::pin!(far.read(&mut read));
            assert!(reading.as_mut().poll(&mut context).is_pending());
        }
        assert!(gathered.poll_send(&mut context).is_ready());
        let count = far.read(&mut read).await.unwrap();
        assert_eq!(&read[..count], b"one two");
    }

    #[tokio::test]
    async fn a_turn_begins_with_the_room_that_the_last_one_took_and_idle_there_is_none() {
        let (near, _far) = duplex(64 << 10);
        let mut gathered = Gathered::new(near);
        let mut context = Context::from_waker(Waker::noop());
        let room = |gathered: &Gathered<_>| gathered.0.lock().bytes.capacity();
        for (written, room_before) in [(5000, 1..100), (1, 5000..10_001), (1, 1..100)] {
            assert_eq!(room(&gathered), 0);
            gathered.write_all(b"a").await.unwrap();
            assert!(room_before.contains(&room(&gathered)), "{room_before:?}");
            gathered.write_all(&vec![7; written - 1]).await.unwrap();
            assert!(gathered.poll_send(&mut context).is_ready());
        }
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_makes_the_writer_wait() {
        let (near, mut far) = duplex(1024);
        let mut gathered = Gathered::new(near);
        let mut context = Context::from_waker(Waker::noop());
        let mut written = 0;
        let chunk = vec![7; 48 << 10];
        while let Poll::Ready(count) = Pin::new(&mut gathered).poll_write(&mut context, &chunk) {
            written += count.unwrap();
            // What the peer was sent, and what is gathered.
            assert!(written <= GATHERED_BYTES_MAX + 1024);
        }
        assert!(written >= GATHERED_BYTES_MAX);
        let shutdown = tokio::spawn(async move { gathered.shutdown().await });
        let mut read = Vec::new();
        far.read_to_end(&mut read).await.unwrap();
        shutdown.await.unwrap().unwrap();
        assert_eq!(read.len(), written, "and nothing is lost at the end");
    }
}
