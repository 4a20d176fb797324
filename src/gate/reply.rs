//! A reply on its way out: counted until it has left, ended in time, and never
//! with an error that is not ours.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::gate::{
    call::Gate,
    foreign,
    load::{Share, leaving},
    outgoing::Outgoing,
    rate::pace::Pace,
    refusal::Refusal,
    request::Cut,
    room::Place,
    tally::Metered,
};

/// A reply as it leaves. One that is a stream ends when the caller's deadline
/// passes; an error at its end that is not ours is told as one of ours.
#[derive(Debug)]
pub struct ReplyBody<B> {
    inner: B,
    share: Share,
    // Few have one or the other, and all are moved.
    ending: Option<Box<Ending>>,
    lasting: Option<Box<Lasting>>,
    ended: bool,
}

/// What a stream that may go on for ever is held to.
#[derive(Debug)]
struct Lasting {
    /// Where its bytes count; `None`: on the share.
    place: Option<Place>,
    pace: Option<Pace>,
    begun: bool,
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
    /// The call, until it has been counted.
    pub counted: Option<Metered>,
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

    /// An answer with these headers begins; where they say how it ends, it is
    /// counted.
    pub fn begin(&mut self, headers: &HeaderMap) {
        if self.counted.is_some() && foreign::code(headers).is_some() {
            self.end(headers);
        }
    }

    /// Counts the call, which ends with these headers or trailers.
    fn end(&mut self, headers: &HeaderMap) {
        if let (Some(call), Some(tally)) = (self.counted.take(), self.gate.tally()) {
            tally.end(call, headers);
        }
    }

    fn trailers(&self, refusal: &Refusal) -> HeaderMap {
        let mut trailers = std::mem::take(self.gate.refusal(refusal).headers_mut());
        // They are of the body that the refusal would have had.
        trailers.remove(header::CONTENT_TYPE);
        trailers.remove(header::CONTENT_LENGTH);
        trailers
    }
}

impl Drop for Ending {
    /// Whoever called is gone before the end.
    fn drop(&mut self) {
        if let (Some(call), Some(tally)) = (self.counted.take(), self.gate.tally()) {
            tally.abandon(call);
        }
    }
}

impl<B> ReplyBody<B> {
    /// Counts `inner` on `share`; `None`: it ends by itself, as it is.
    pub fn new(inner: B, share: Share, ending: Option<Ending>) -> Self {
        Self {
            inner,
            share,
            ending: ending.map(Box::new),
            lasting: None,
            ended: false,
        }
    }

    /// The same for a stream that may go on for ever: its bytes are counted
    /// until they have left, and no longer, at `place` if it has one; it ends
    /// in time however much it has to send, and goes no faster than `held_up`.
    pub fn lasting(
        inner: B,
        share: Share,
        ending: Ending,
        place: Option<Place>,
        held_up: Option<Pace>,
    ) -> Self {
        let mut body = Self::new(inner, share, Some(ending));
        body.lasting = Some(Box::new(Lasting {
            place,
            pace: held_up,
            begun: false,
        }));
        body
    }

    /// The end of a reply whose caller stops waiting, if it does.
    fn late<E>(&mut self, context: &mut Context<'_>) -> Option<Result<Frame<Bytes>, E>> {
        let ending = self.ending.as_mut()?;
        if !ending.deadline.has_passed(context) {
            return None;
        }
        self.ended = true;
        let trailers = ending.trailers(&Refusal::Deadline);
        ending.end(&trailers);
        let lasting = self.lasting.as_ref();
        let last = lasting.and_then(|_| ending.gate.last(&Refusal::Deadline));
        Some(Ok(
            last.map_or_else(|| Frame::trailers(trailers), Frame::data)
        ))
    }

    fn leave(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        let mut frame = frame.map_data(|data| {
            self.share.charge(data.len());
            match &self.lasting {
                Some(lasting) => lasting.leave(data, &self.share),
                None => self.share.send(data),
            }
        });
        if let (Some(trailers), Some(ending)) = (frame.trailers_mut(), &mut self.ending) {
            if let Some(refusal) = ending.refusal(trailers) {
                *trailers = ending.trailers(&refusal);
            }
            ending.end(trailers);
        }
        frame
    }
}

impl Lasting {
    /// Lets the stream become a task first, where what it hands over is
    /// guarded: see [`crate::gate::outgoing`].
    fn poll_begun(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.begun, true) || Outgoing::current().is_some() {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_free(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(place) = &mut self.place {
            ready!(place.poll_free(context));
        }
        let paid = self.pace.as_mut().map(|pace| pace.poll_paid(context));
        if paid.is_some_and(|paid| paid.is_pending()) {
            // Others are not to wait for what this one owes.
            self.pass_on();
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    fn pass_on(&mut self) {
        if let Some(place) = &mut self.place {
            place.pass_on();
        }
    }

    fn leave(&self, frame: Bytes, share: &Share) -> Bytes {
        let waits = Outgoing::current().map(|outgoing| outgoing.hand_over());
        let bytes = frame.len();
        if let Some(place) = &self.place {
            leaving(frame, (place.hold(bytes), waits))
        } else {
            leaving(frame, (share.apart(bytes), waits))
        }
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
        if body.lasting.is_some()
            && let Some(last) = body.late(context)
        {
            return Poll::Ready(Some(last));
        }
        if let Some(lasting) = &mut body.lasting {
            ready!(lasting.poll_begun(context));
            ready!(lasting.poll_free(context));
        }
        let polled = Pin::new(&mut body.inner).poll_frame(context);
        let polled = polled.map(|frame| frame.map(|frame| frame.map(|frame| body.leave(frame))));
        if let Some(lasting) = &mut body.lasting {
            lasting.pass_on();
            return polled;
        }
        match polled {
            Poll::Pending => match body.late(context) {
                Some(last) => Poll::Ready(Some(last)),
                None => Poll::Pending,
            },
            frame @ Poll::Ready(_) => frame,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
