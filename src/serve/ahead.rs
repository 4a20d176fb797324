//! A connection of HTTP/1.1 as long as it brings nothing but plain reads: they are
//! answered from the bytes in which they came.
//!
//! From the first byte on that is anything else the connection is hyper's, for
//! good, and this is not there any more. So there is no state of theirs that the
//! two could hold to be different.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use crate::http::plain::Plain;

/// How much is read at once.
const READ_BYTES: usize = 8 << 10;

thread_local! {
    /// Where the connections of this thread read and write in their turns, so that
    /// none needs room of its own.
    static DESK: RefCell<Desk> = RefCell::new(Desk {
        come: Box::new([0; READ_BYTES]),
        answers: BytesMut::new(),
    });
}

struct Desk {
    come: Box<[u8; READ_BYTES]>,
    answers: BytesMut,
}

/// A connection that has brought nothing but plain reads.
#[derive(Debug)]
pub struct Ahead<'a, T> {
    stream: &'a mut T,
    plain: Plain,
    /// Answers that have yet to be taken.
    unsent: BytesMut,
    /// TLS keeps what the system did not take.
    is_flushed: bool,
    /// What has come that is anything else.
    rest: Option<Bytes>,
    /// When something was answered last.
    answered: Option<Instant>,
}

impl<'a, T: AsyncRead + AsyncWrite + Unpin> Ahead<'a, T> {
    /// Nothing has come on `stream` yet; `plain` answers what does.
    #[must_use]
    pub fn new(stream: &'a mut T, plain: Plain) -> Self {
        Self {
            stream,
            plain,
            unsent: BytesMut::new(),
            is_flushed: true,
            rest: None,
            answered: None,
        }
    }

    /// When something was answered last; `None`: never.
    #[must_use]
    pub const fn answered(&self) -> Option<Instant> {
        self.answered
    }

    /// Answers what comes, until something else does: that, or nothing at the
    /// end of the stream. All answers have left then.
    ///
    /// # Errors
    /// What the system says.
    pub fn poll_else(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        loop {
            ready!(self.poll_sent(context))?;
            if let Some(rest) = self.rest.take() {
                return Poll::Ready(Ok(rest));
            }
            ready!(DESK.with_borrow_mut(|desk| self.poll_answer(desk, context)))?;
        }
    }

    /// Lets all answers leave.
    ///
    /// # Errors
    /// What the system says.
    pub fn poll_sent(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            let count = ready!(Pin::new(&mut *self.stream).poll_write(context, &self.unsent))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unsent.advance(count);
        }
        self.unsent = BytesMut::new();
        if !self.is_flushed {
            ready!(Pin::new(&mut *self.stream).poll_flush(context))?;
            self.is_flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Answers what comes next.
    fn poll_answer(&mut self, desk: &mut Desk, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Desk { come, answers } = desk;
        let mut come = ReadBuf::new(&mut **come);
        ready!(Pin::new(&mut *self.stream).poll_read(context, &mut come))?;
        let come = come.filled();
        answers.clear();
        let answered = self.plain.answer(come, answers);
        if answered > 0 {
            self.answered = Some(Instant::now());
            self.is_flushed = false;
        }
        if answered == 0 || answered < come.len() {
            let rest = come.get(answered..).unwrap_or_default();
            self.rest = Some(Bytes::copy_from_slice(rest));
        }
        let taken = if answers.is_empty() {
            0
        } else {
            match Pin::new(&mut *self.stream).poll_write(context, answers)? {
                Poll::Ready(count) => count,
                Poll::Pending => 0,
            }
        };
        // Mostly nothing.
        let unsent = answers.get(taken..).unwrap_or_default();
        self.unsent.extend_from_slice(unsent);
        Poll::Ready(Ok(()))
    }
}
