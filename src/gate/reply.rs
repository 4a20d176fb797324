//! A reply on its way out: counted until it has left, ended in time, and never
//! with an error that is not ours.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::gate::{call::Gate, foreign, load::Share, refusal::Refusal, request::Cut};

/// A reply as it leaves. One that is a stream ends when the caller's deadline
/// passes; an error at its end that is not ours is told as one of ours.
#[derive(Debug)]
pub struct ReplyBody<B> {
    inner: B,
    share: Share,
    ending: Option<Ending>,
    is_lasting: bool,
    ended: bool,
}

/// How a reply may end other than by itself.
#[derive(Debug)]
pub struct Ending {
    /// When the caller stops waiting.
    pub deadline: Deadline,
    /// Whether the request was cut off while it was read; `None`: it was there.
    pub cut: Option<Cut>,
    /// Whether the request names an encoding.
    pub compressed: bool,
    /// Knows the limits, and the answer that says why.
    pub gate: Gate,
}

/// When a caller stops waiting, if it says so.
#[derive(Debug)]
pub struct Deadline {
    at: Option<Instant>,
    // Only what does not come at once needs a timer.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// After `wait` from now; `None`: never.
    #[must_use]
    pub fn new(wait: Option<Duration>) -> Self {
        Self {
            at: wait.map(|wait| Instant::now() + wait),
            timer: None,
        }
    }

    /// When that is.
    pub(super) const fn at(&self) -> Option<Instant> {
        self.at
    }

    /// Whether it has passed; else `context` is woken when it does.
    pub fn has_passed(&mut self, context: &mut Context<'_>) -> bool {
        let Some(at) = self.at else {
            return false;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        timer.as_mut().poll(context).is_ready()
    }
}

impl Ending {
    /// Why an answer with these headers or trailers is not ours.
    #[must_use]
    pub fn refusal(&self, headers: &HeaderMap) -> Option<Refusal> {
        foreign::refusal(headers, self.compressed, self.gate.config())
            .map(|refusal| self.cut.as_ref().and_then(Cut::refusal).unwrap_or(refusal))
    }

    fn trailers(&self, refusal: &Refusal) -> HeaderMap {
        let mut trailers = std::mem::take(self.gate.refusal(refusal).headers_mut());
        trailers.remove(header::CONTENT_TYPE);
        trailers
    }
}

impl<B> ReplyBody<B> {
    /// Counts `inner` on `share`; `None`: it is a refusal, and ends by itself.
    pub const fn new(inner: B, share: Share, ending: Option<Ending>) -> Self {
        Self {
            inner,
            share,
            ending,
            is_lasting: false,
            ended: false,
        }
    }

    /// The same for a stream that may go on for ever: none of its bytes is
    /// counted after it has left, and it ends in time however much it has to
    /// send.
    pub const fn lasting(inner: B, share: Share, ending: Ending) -> Self {
        let mut body = Self::new(inner, share, Some(ending));
        body.is_lasting = true;
        body
    }

    fn late(&mut self, context: &mut Context<'_>) -> Option<HeaderMap> {
        let ending = self.ending.as_mut()?;
        let passed = ending.deadline.has_passed(context);
        passed.then(|| ending.trailers(&Refusal::Deadline))
    }

    fn leave(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        let mut frame = frame.map_data(|data| {
            if self.is_lasting {
                self.share.follow(data)
            } else {
                self.share.send(data)
            }
        });
        if let (Some(trailers), Some(ending)) = (frame.trailers_mut(), &self.ending)
            && let Some(refusal) = ending.refusal(trailers)
        {
            *trailers = ending.trailers(&refusal);
        }
        frame
    }
}

impl<B> Body for ReplyBody<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let body = self.get_mut();
        if body.ended {
            return Poll::Ready(None);
        }
        // A stream is not waited for: it may never pause.
        let mut late = if body.is_lasting {
            body.late(context)
        } else {
            None
        };
        if late.is_none() {
            if let Poll::Ready(frame) = Pin::new(&mut body.inner).poll_frame(context) {
                return Poll::Ready(frame.map(|frame| frame.map(|frame| body.leave(frame))));
            }
            if !body.is_lasting {
                late = body.late(context);
            }
        }
        match late {
            Some(trailers) => {
                body.ended = true;
                Poll::Ready(Some(Ok(Frame::trailers(trailers))))
            }
            None => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
