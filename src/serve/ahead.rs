//! A connection of HTTP/1.1 as long as it brings nothing but plain reads that can be
//! answered at once: they are, from the bytes in which they came.
//!
//! From the first byte on that is anything else the connection is hyper's, for
//! good, and this is not there any more. So there is no state of theirs that the
//! two could hold to be different.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use crate::{http::plain::Plain, serve::turns::Wait};

/// How much is read at once.
const READ_BYTES: usize = 8 << 10;

/// How often that is done before others have their turn.
const READS_A_TURN: usize = 4;

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
    /// When the last answer was given, or the last that had to wait was taken.
    answered: Option<Instant>,
    idle_max: Duration,
    /// Until it has been idle for so long, or before that.
    idle: Wait,
}

/// What a connection of plain reads comes to.
#[derive(Debug)]
pub enum Left {
    /// Something else has come: these bytes, and what follows.
    Else(Bytes),
    /// It has ended, or nothing was asked for too long.
    Nothing,
}

impl<'a, T: AsyncRead + AsyncWrite + Unpin> Ahead<'a, T> {
    /// Nothing has come on `stream` yet; `plain` answers what does, and between two
    /// requests so long may pass.
    #[must_use]
    pub fn new(stream: &'a mut T, plain: Plain, idle_max: Duration) -> Self {
        Self {
            stream,
            plain,
            unsent: BytesMut::new(),
            is_flushed: true,
            rest: None,
            answered: None,
            idle_max,
            idle: Wait::until(Instant::now() + idle_max),
        }
    }

    /// Whether anything was answered.
    #[must_use]
    pub const fn has_answered(&self) -> bool {
        self.answered.is_some()
    }

    /// Answers what comes, until something else does. All answers have left then.
    ///
    /// # Errors
    /// What the system says.
    pub fn poll_left(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Left>> {
        for _ in 0..READS_A_TURN {
            ready!(self.poll_sent(context))?;
            if let Some(rest) = self.rest.take() {
                let is_end = rest.is_empty();
                let left = if is_end {
                    Left::Nothing
                } else {
                    Left::Else(rest)
                };
                return Poll::Ready(Ok(left));
            }
            let answered = DESK.with_borrow_mut(|desk| self.poll_answer(desk, context))?;
            if answered.is_pending() {
                return self.poll_idle(context).map(|()| Ok(Left::Nothing));
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Lets all answers leave.
    ///
    /// # Errors
    /// What the system says.
    pub fn poll_sent(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unsent.is_empty() && self.is_flushed {
            return Poll::Ready(Ok(()));
        }
        while !self.unsent.is_empty() {
            let count = ready!(Pin::new(&mut *self.stream).poll_write(context, &self.unsent))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unsent.advance(count);
            self.answered = Some(Instant::now());
        }
        self.unsent = BytesMut::new();
        ready!(Pin::new(&mut *self.stream).poll_flush(context))?;
        self.is_flushed = true;
        Poll::Ready(Ok(()))
    }

    /// Answers what comes next.
    fn poll_answer(&mut self, desk: &mut Desk, context: &mut Context<'_>) -> io::Result<Poll<()>> {
        let Desk { come, answers } = desk;
        let mut come = ReadBuf::new(&mut **come);
        if Pin::new(&mut *self.stream)
            .poll_read(context, &mut come)?
            .is_pending()
        {
            return Ok(Poll::Pending);
        }
        let come = come.filled();
        answers.clear();
        let answered = self.plain.answer(come, answers);
        if answered == 0 || answered < come.len() {
            let rest = come.get(answered..).unwrap_or_default();
            self.rest = Some(Bytes::copy_from_slice(rest));
        }
        if answered == 0 {
            return Ok(Poll::Ready(()));
        }
        self.answered = Some(Instant::now());
        self.is_flushed = false;
        let taken = match Pin::new(&mut *self.stream).poll_write(context, answers)? {
            Poll::Ready(count) => count,
            Poll::Pending => 0,
        };
        // Mostly nothing.
        let unsent = answers.get(taken..).unwrap_or_default();
        self.unsent.extend_from_slice(unsent);
        Ok(Poll::Ready(()))
    }

    /// Ready when nothing has been asked for too long.
    fn poll_idle(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(Pin::new(&mut self.idle).poll(context));
            let until = self.answered.map(|answered| answered + self.idle_max);
            match until {
                Some(until) if until > self.idle.deadline() => self.idle.reset(until),
                _ => return Poll::Ready(()),
            }
        }
    }
}

/// A stream behind what was read of it before.
#[derive(Debug)]
pub struct Behind<T> {
    before: Bytes,
    stream: T,
}

impl<T> Behind<T> {
    /// `before` is read, and then `stream`.
    #[must_use]
    pub const fn new(before: Bytes, stream: T) -> Self {
        Self { before, stream }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Behind<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { before, stream } = self.get_mut();
        if before.is_empty() {
            return Pin::new(stream).poll_read(context, buffer);
        }
        let count = before.len().min(buffer.remaining());
        buffer.put_slice(&before.split_to(count));
        if before.is_empty() {
            // Its memory, which a connection would keep.
            *before = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}
