//! What comes on a connection, with plain reads answered ahead of hyper.
//!
//! hyper reads a connection through this, and writes to it by itself. As long as nothing but plain reads
//! has come, each is answered here, and hyper sees none of them; from the first
//! byte on that is anything else, hyper sees all and this nothing. So there is
//! no state of theirs that the two could hold to be different.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{
    http::plain::Plain,
    serve::{gathered::Gathered, idle::Asked},
};

/// What comes on a connection, as hyper is given it.
#[derive(Debug)]
pub struct Ahead<T> {
    stream: Gathered<T>,
    /// `None`: hyper sees all.
    plain: Option<Plain>,
    asked: Asked,
}

impl<T> Ahead<T> {
    /// Answers what is plain of what comes on `stream`, if there is anybody to
    /// do it, and notes it in `asked`.
    #[must_use]
    pub const fn new(stream: Gathered<T>, plain: Option<Plain>, asked: Asked) -> Self {
        Self {
            stream,
            plain,
            asked,
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Ahead<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self {
            stream,
            plain,
            asked,
        } = self.get_mut();
        let before = buffer.filled().len();
        loop {
            ready!(Pin::new(&mut *stream).poll_read(context, buffer))?;
            let come = buffer.filled().get(before..).unwrap_or_default();
            let Some(reads) = plain else {
                return Poll::Ready(Ok(()));
            };
            let answered = stream.add(|answers| reads.answer(come, answers));
            let answered = answered.unwrap_or_default();
            if answered > 0 {
                asked.note();
            }
            let left = come.len() - answered;
            if left > 0 || answered == 0 {
                *plain = None;
                let filled = buffer.filled_mut();
                filled.copy_within(before + answered.., before);
                buffer.set_filled(before + left);
                return Poll::Ready(Ok(()));
            }
            buffer.set_filled(before);
        }
    }
}
