//! A reply on its way out: counted until it has left, ended in time, and never
//! with an error that is not ours.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Response, header};
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::gate::{config::Config, foreign, load::Share, refusal::Refusal, request::Cut};

/// A reply as it leaves. One that is a stream ends when the caller's deadline
/// passes; an error at its end that is not ours is told as one of ours.
#[derive(Debug)]
pub struct ReplyBody<B> {
    inner: B,
    share: Share,
    ending: Option<Ending>,
    // Only a reply that does not come at once needs a timer.
    timer: Option<Pin<Box<Sleep>>>,
    is_lasting: bool,
    ended: bool,
}

/// How a reply may end other than by itself.
#[derive(Clone, Debug)]
pub struct Ending {
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
    /// Whether the request was cut off while it was read.
    pub cut: Cut,
    /// Whether the request names an encoding.
    pub compressed: bool,
    /// The limits, to be told.
    pub config: Config,
    /// Gives the answer that says why.
    pub refuse: fn(&Refusal) -> Response<tonic::body::Body>,
}

impl Ending {
    /// Why an answer with these headers or trailers is not ours.
    #[must_use]
    pub fn refusal(&self, headers: &HeaderMap) -> Option<Refusal> {
        foreign::refusal(headers, self.compressed, &self.config)
            .map(|refusal| self.cut.refusal().unwrap_or(refusal))
    }

    fn trailers(&self, refusal: &Refusal) -> HeaderMap {
        let mut trailers = std::mem::take((self.refuse)(refusal).headers_mut());
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
            timer: None,
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
        let ending = self.ending.as_ref()?;
        let at = ending.deadline?;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        let passed = timer.as_mut().poll(context).is_ready();
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
