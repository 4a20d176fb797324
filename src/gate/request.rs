//! A request on its way in: counted as it arrives, and given so long.

use std::{
    fmt, mem,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};
use tonic::codegen::StdError as BoxError;

use crate::gate::{
    access::caller::Caller,
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
            Self::Message { share, .. } => {
                share.charge(bytes.len());
                share.receive(bytes.len())
            }
            Self::Stream { share, framing } => {
                share.charge(bytes.len());
                share.hold(framing.partial().saturating_add(bytes.len()))?;
                framing.take(bytes);
                // What is whole is counted by whoever takes it on.
                share.hold(framing.partial())
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

/// A request as it arrives. Most are there, whole, when their call begins: then
/// there is nothing to wait for, and nothing that can cut them off.
#[derive(Debug)]
pub struct RequestBody<B> {
    inner: B,
    arrival: Arrival,
    caller: Caller,
    /// Whether it says how its messages are encoded.
    names_encoding: bool,
    first: First,
    cut: Option<Cut>,
    // Only a request that does not come at once needs a timer.
    timer: Option<Pin<Box<Sleep>>>,
}

/// What was there when the call began, and has not been read.
#[derive(Debug)]
enum First {
    Nothing,
    Whole(Bytes),
    Refused(Refusal),
    Polled(Option<Result<Bytes, BoxError>>),
}

/// The data frames that have come.
#[derive(Debug)]
pub enum Come {
    /// None yet.
    Nothing,
    /// As it came.
    One(Bytes),
    /// Copied together.
    Several(BytesMut),
}

impl Come {
    /// With one more; only what comes in several is copied.
    #[must_use]
    pub fn and(self, more: Bytes) -> Self {
        let mut several = match self {
            Self::Nothing => return Self::One(more),
            Self::One(before) if before.is_empty() => return Self::One(more),
            Self::One(before) if more.is_empty() => return Self::One(before),
            Self::One(before) => BytesMut::from(before),
            Self::Several(several) => several,
        };
        several.extend_from_slice(&more);
        Self::Several(several)
    }

    /// How many bytes that is.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::One(bytes) => bytes.len(),
            Self::Several(bytes) => bytes.len(),
        }
    }

    /// What has come, in one piece; `None`: no frame has.
    #[must_use]
    pub fn bytes(self) -> Option<Bytes> {
        match self {
            Self::Nothing => None,
            Self::One(bytes) => Some(bytes),
            Self::Several(bytes) => Some(bytes.freeze()),
        }
    }
}

impl First {
    fn data(bytes: Bytes) -> Self {
        Self::Polled(Some(Ok(bytes)))
    }
}

impl<B> RequestBody<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    /// Holds `inner`, which is from `caller`, to `arrival`.
    #[must_use]
    pub fn new(inner: B, arrival: Arrival, caller: Caller, names_encoding: bool) -> Self {
        let mut body = Self {
            inner,
            arrival,
            caller,
            names_encoding,
            first: First::Nothing,
            cut: None,
            timer: None,
        };
        if !matches!(body.arrival, Arrival::Stream { .. }) {
            body.first = body.look();
        }
        if !matches!(body.first, First::Whole(_)) {
            body.cut = Some(Cut::default());
        }
        body
    }

    /// Who it is from.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The whole of it, if it was there when the call began and has not been
    /// read, and its messages are not encoded.
    #[must_use]
    pub const fn whole(&self) -> Option<&Bytes> {
        match &self.first {
            First::Whole(bytes) if !self.names_encoding => Some(bytes),
            First::Whole(_) | First::Nothing | First::Refused(_) | First::Polled(_) => None,
        }
    }

    /// Where the reason is found when it is cut off; `None`: it cannot be.
    #[must_use]
    pub fn cut(&self) -> Option<Cut> {
        self.cut.clone()
    }

    /// Takes what is there. Whoever reads it polls again, and is woken then.
    ///
    /// Many clients say that a request is over in a frame of its own, which
    /// comes with the others.
    fn look(&mut self) -> First {
        let mut context = Context::from_waker(Waker::noop());
        let mut come = Come::Nothing;
        while !self.inner.is_end_stream() {
            let frame = match Pin::new(&mut self.inner).poll_frame(&mut context) {
                Poll::Pending => return come.bytes().map_or(First::Nothing, First::data),
                Poll::Ready(None) => break,
                Poll::Ready(Some(Err(error))) => return First::Polled(Some(Err(error.into()))),
                Poll::Ready(Some(Ok(frame))) => frame,
            };
            // Trailers of a request say nothing, but that it is over.
            let Ok(more) = frame.into_data() else { break };
            come = come.and(more);
        }
        match come.bytes() {
            Some(bytes) => match self.arrival.receive(&bytes) {
                Ok(()) => First::Whole(bytes),
                // Paid for and held once: it is not tried again when it is read.
                Err(refusal) => First::Refused(refusal),
            },
            None => First::Polled(None),
        }
    }

    fn off(&mut self, refusal: Refusal) -> BoxError {
        let cut = self.cut.get_or_insert_default();
        cut.off(refusal).into()
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
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let body = self.get_mut();
        let polled = match mem::replace(&mut body.first, First::Nothing) {
            First::Whole(bytes) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
            First::Refused(refusal) => return Poll::Ready(Some(Err(body.off(refusal)))),
            First::Polled(data) => Poll::Ready(data.map(|data| data.map(Frame::data))),
            First::Nothing => Pin::new(&mut body.inner)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(Into::into))),
        };
        let Poll::Ready(frame) = polled else {
            return match body.too_slow(context) {
                Some(refusal) => Poll::Ready(Some(Err(body.off(refusal)))),
                None => Poll::Pending,
            };
        };
        let Some(frame) = frame.transpose()? else {
            return Poll::Ready(None);
        };
        let bytes = frame.data_ref().map(Bytes::as_ref).unwrap_or_default();
        Poll::Ready(Some(match body.arrival.receive(bytes) {
            Ok(()) => Ok(frame),
            Err(refusal) => Err(body.off(refusal)),
        }))
    }

    fn is_end_stream(&self) -> bool {
        match self.first {
            First::Nothing => self.inner.is_end_stream(),
            First::Whole(_) | First::Refused(_) | First::Polled(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.first {
            First::Nothing => self.inner.size_hint(),
            First::Whole(bytes) => SizeHint::with_exact(wide(bytes.len())),
            First::Refused(_) | First::Polled(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::HeaderMap;
    use http_body_util::StreamBody;
    use tokio_stream::{Stream, StreamExt, iter, pending};

    use super::*;
    use crate::gate::{config::Config, load::Load};

    type Request<S> = RequestBody<StreamBody<S>>;

    fn data(text: &'static str) -> Frame<Bytes> {
        Frame::data(text.into())
    }

    fn come<const N: usize>(frames: [Frame<Bytes>; N]) -> impl Frames {
        iter(frames.map(Ok))
    }

    trait Frames: Stream<Item = Result<Frame<Bytes>, Infallible>> + Unpin {}

    impl<S: Stream<Item = Result<Frame<Bytes>, Infallible>> + Unpin> Frames for S {}

    fn request<S: Frames>(frames: S) -> Request<S> {
        request_to(&Load::new(&Config::default()), frames)
    }

    fn request_to<S: Frames>(load: &Load, frames: S) -> Request<S> {
        let share = load.uncounted();
        let read_ms_max = 1000;
        let arrival = Arrival::Message { share, read_ms_max };
        RequestBody::new(StreamBody::new(frames), arrival, Caller::anyone(), false)
    }

    fn whole(request: &Request<impl Frames>) -> Option<&[u8]> {
        // What is whole cannot be cut off.
        assert_eq!(request.whole().is_some(), request.cut().is_none());
        request.whole().map(Bytes::as_ref)
    }

    #[test]
    fn what_is_there_to_its_end_is_whole_in_however_many_frames() {
        let abc = Some(b"abc".as_slice());
        assert_eq!(whole(&request(come([data("abc")]))), abc);
        assert_eq!(whole(&request(come([data("abc"), data("")]))), abc);
        let three = [data("a"), data("b"), data("c")];
        assert_eq!(whole(&request(come(three))), abc);
        let trailers = Frame::trailers(HeaderMap::new());
        assert_eq!(whole(&request(come([data("abc"), trailers]))), abc);
        assert_eq!(whole(&request(come([]))), None);
    }

    #[test]
    fn what_is_refused_as_it_comes_is_counted_once() {
        let load = Load::new(&Config {
            bytes_in_flight_max: 2,
            ..Config::default()
        });
        let mut request = request_to(&load, come([data("abc")]));
        assert_eq!((whole(&request), load.bytes()), (None, 3));
        let mut context = Context::from_waker(Waker::noop());
        let polled = Pin::new(&mut request).poll_frame(&mut context);
        assert!(matches!(polled, Poll::Ready(Some(Err(_)))), "{polled:?}");
        assert_eq!(load.bytes(), 3);
        drop(request);
        assert_eq!(load.bytes(), 0);
    }

    #[test]
    fn what_is_there_and_goes_on_is_read_from_its_beginning() {
        let frames = come([data("a"), data("b")]).chain(pending());
        let mut request = request(frames);
        assert_eq!(whole(&request), None);
        let mut context = Context::from_waker(Waker::noop());
        let polled = Pin::new(&mut request).poll_frame(&mut context);
        let Poll::Ready(Some(Ok(frame))) = polled else {
            panic!("{polled:?}");
        };
        assert_eq!(frame.into_data().unwrap(), "ab");
    }
}
