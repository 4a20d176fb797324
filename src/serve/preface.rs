//! What a connection speaks, told by its first bytes.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use crate::serve::line::Line;

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What the first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// HTTP/2, which is what this port is for.
    Http2,
    /// Something that begins like a method of HTTP/1.
    Http1,
    /// Nothing that is known here.
    Unknown,
}

/// A connection whose first bytes have been looked at, and are read again.
#[derive(Debug)]
pub struct Looked<T> {
    stream: Line<T>,
    first: [u8; PREFACE.len()],
    filled: usize,
    read: usize,
}

impl<T> Looked<T> {
    /// The connection itself.
    #[must_use]
    pub const fn line(&self) -> &Line<T> {
        &self.stream
    }
}

/// Reads up to 24 bytes, and no more than it takes to tell.
///
/// # Errors
/// What the system says, and `UnexpectedEof` where the peer has gone.
pub async fn look<T: AsyncRead + AsyncWrite + Unpin>(
    stream: Line<T>,
) -> io::Result<(Speaks, Looked<T>)> {
    let mut looked = Looked {
        stream,
        first: [0; PREFACE.len()],
        filled: 0,
        read: 0,
    };
    loop {
        let (seen, rest) = looked.first.split_at_mut(looked.filled);
        if let Some(speaks) = told_by(seen) {
            return Ok((speaks, looked));
        }
        let count = looked.stream.read(rest).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        looked.filled += count;
    }
}

/// What the first bytes say; `None`: it takes more of them. The first that
/// differs from HTTP/2's decides, so that it does not matter how many came with
/// it.
#[must_use]
pub fn told_by(seen: &[u8]) -> Option<Speaks> {
    let differs = seen
        .iter()
        .zip(PREFACE)
        .position(|(one, other)| one != other);
    let Some(seen) = differs.and_then(|at| seen.get(..=at)) else {
        return (seen.len() >= PREFACE.len()).then_some(Speaks::Http2);
    };
    let method = seen.split(|byte| *byte == b' ').next().unwrap_or_default();
    let http1 = !method.is_empty() && method.iter().all(u8::is_ascii_uppercase);
    Some(if http1 {
        Speaks::Http1
    } else {
        Speaks::Unknown
    })
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Looked<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let looked = self.get_mut();
        if looked.read < looked.filled {
            let again = looked
                .first
                .get(looked.read..looked.filled)
                .unwrap_or_default();
            let count = again.len().min(buffer.remaining());
            buffer.put_slice(again.get(..count).unwrap_or_default());
            looked.read += count;
            // What they begin has mostly come with them; an error comes again.
            let _ = Pin::new(&mut looked.stream).poll_read(context, buffer);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut looked.stream).poll_read(context, buffer)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Looked<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preface_is_told_by_its_last_byte_and_others_by_the_first_that_differs() {
        for length in 0..PREFACE.len() {
            assert_eq!(told_by(&PREFACE[..length]), None);
        }
        assert_eq!(told_by(PREFACE), Some(Speaks::Http2));
        assert_eq!(told_by(b"G"), Some(Speaks::Http1));
        assert_eq!(told_by(b"PRI * HTTP/1.1\r\n"), Some(Speaks::Http1));
        assert_eq!(told_by(b"PUT /set"), Some(Speaks::Http1));
        assert_eq!(told_by(b"\x16\x03\x01"), Some(Speaks::Unknown));
        assert_eq!(told_by(b" GET"), Some(Speaks::Unknown));
        assert_eq!(told_by(b"get /"), Some(Speaks::Unknown));
        assert_eq!(told_by(b"Go /"), told_by(b"G"));
    }
}
