//! Bodies on their way through the gate: what arrives is counted and timed,
//! what leaves is counted.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Response, header};
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::gate::{
    config::Config,
    foreign,
    framing::Framing,
    load::{Share, wide},
    refusal::Refusal,
};

/// Bytes of the request of a health call: it has room for the name of a
/// service.
pub const HEALTH_REQUEST_BYTES_MAX: usize = 4096;

/// Where the reason is left when a request is cut off while it is read: the
/// error goes through code that does not know it.
#[derive(Clone, Debug, Default)]
pub struct Cut(Arc<OnceLock<Refusal>>);

impl Cut {
    /// The reason, if it was cut off.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        self.0.get().copied()
    }

    fn off(&self, refusal: Refusal) -> CutOff {
        let _ = self.0.set(refusal);
        CutOff(refusal)
    }
}

/// A request was cut off while it was read.
#[derive(Clone, Copy, Debug)]
pub struct CutOff(pub Refusal);

impl fmt::Display for CutOff {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the request was cut off: {:?}", self.0)
    }
}

impl std::error::Error for CutOff {}

/// How a request may arrive.
#[derive(Debug)]
pub enum Arrival {
    /// One message, in so much time; counted until it is decoded.
    Message {
        /// What its bytes are counted on.
        share: Share,
        /// How many milliseconds it may take.
        read_ms_max: u64,
    },
    /// As many messages as the client likes, for as long as it likes: what has
    /// not arrived whole is counted.
    Stream {
        /// What its bytes are counted on.
        share: Share,
        /// Where in a message it is.
        framing: Framing,
    },
    /// One small message, in so much time, however full the server is.
    Health {
        /// How many bytes it may have.
        bytes_left: usize,
        /// How many milliseconds it may take.
        read_ms_max: u64,
    },
}

impl Arrival {
    fn receive(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        match self {
            Self::Message { share, .. } => share.receive(bytes.len()),
            Self::Stream { share, framing } => {
                share.hold(framing.partial().saturating_add(bytes.len()))?;
                framing.take(bytes);
                Ok(())
            }
            Self::Health { bytes_left, .. } => match bytes_left.checked_sub(bytes.len()) {
                Some(left) => {
                    *bytes_left = left;
                    Ok(())
                }
                None => Err(Refusal::MessageTooLarge {
                    message_bytes_max: wide(HEALTH_REQUEST_BYTES_MAX),
                }),
            },
        }
    }

    const fn read_ms_max(&self) -> Option<u64> {
        match self {
            Self::Message { read_ms_max, .. } | Self::Health { read_ms_max, .. } => {
                Some(*read_ms_max)
            }
            Self::Stream { .. } => None,
        }
    }
}

/// A request as it arrives.
#[derive(Debug)]
pub struct RequestBody<B> {
    inner: B,
    arrival: Arrival,
    cut: Cut,
    // Only a request that does not come at once needs a timer.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<B> RequestBody<B> {
    /// Holds `inner` to `arrival`; why it is cut off is left in `cut`.
    pub const fn new(inner: B, arrival: Arrival, cut: Cut) -> Self {
        Self {
            inner,
            arrival,
            cut,
            timer: None,
        }
    }

    fn too_slow(&mut self, context: &mut Context<'_>) -> Option<Refusal> {
        let read_ms_max = self.arrival.read_ms_max()?;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep(Duration::from_millis(read_ms_max))));
        timer
            .as_mut()
            .poll(context)
            .is_ready()
            .then_some(Refusal::RequestRead {
                request_read_ms_max: read_ms_max,
            })
    }
}

impl<B> Body for RequestBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let body = self.get_mut();
        let Poll::Ready(frame) = Pin::new(&mut body.inner).poll_frame(context) else {
            return match body.too_slow(context) {
                Some(refusal) => Poll::Ready(Some(Err(body.cut.off(refusal).into()))),
                None => Poll::Pending,
            };
        };
        let Some(frame) = frame.transpose().map_err(Into::into)? else {
            return Poll::Ready(None);
        };
        let bytes = frame.data_ref().map(Bytes::as_ref).unwrap_or_default();
        Poll::Ready(Some(match body.arrival.receive(bytes) {
            Ok(()) => Ok(frame),
            Err(refusal) => Err(body.cut.off(refusal).into()),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A reply as it leaves. One that is a stream ends when the caller's deadline
/// passes; an error at its end that is not ours is told as one of ours.
#[derive(Debug)]
pub struct ReplyBody<B> {
    inner: B,
    first: Option<Frame<Bytes>>,
    share: Share,
    ending: Option<Ending>,
    // Only a reply that does not come at once needs a timer.
    timer: Option<Pin<Box<Sleep>>>,
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
            first: None,
            share,
            ending,
            timer: None,
            ended: false,
        }
    }

    /// Takes what is ready already, so that it is counted. Without this a reply
    /// whose client has no room for it is held in a form that nobody counts.
    #[must_use]
    pub async fn begun(mut self) -> Self
    where
        B: Body<Data = Bytes> + Unpin,
    {
        if self.inner.is_end_stream() {
            return self;
        }
        let ready = poll_fn(|context| Poll::Ready(Pin::new(&mut self).poll_frame(context))).await;
        match ready {
            Poll::Ready(Some(Ok(frame))) => self.first = Some(frame),
            // An error ends the stream; tonic's bodies give none.
            Poll::Ready(Some(Err(_)) | None) => self.ended = true,
            Poll::Pending => {}
        }
        self
    }

    fn late(&mut self, context: &mut Context<'_>) -> Option<HeaderMap> {
        let ending = self.ending.as_ref()?;
        let at = ending.deadline?;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        let passed = timer.as_mut().poll(context).is_ready();
        passed.then(|| ending.trailers(&Refusal::Deadline))
    }

    fn leave(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        let mut frame = frame.map_data(|data| self.share.send(data));
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
        if let Some(frame) = body.first.take() {
            return Poll::Ready(Some(Ok(frame)));
        }
        if body.ended {
            return Poll::Ready(None);
        }
        let Poll::Ready(frame) = Pin::new(&mut body.inner).poll_frame(context) else {
            return match body.late(context) {
                Some(trailers) => {
                    body.ended = true;
                    Poll::Ready(Some(Ok(Frame::trailers(trailers))))
                }
                None => Poll::Pending,
            };
        };
        Poll::Ready(frame.map(|frame| frame.map(|frame| body.leave(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && (self.ended || self.inner.is_end_stream())
    }
}
