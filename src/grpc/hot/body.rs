//! The body of a reply: one message that is whole, or what the generated
//! service made.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use http_body::{Frame, SizeHint};
use tonic::{Status, body::Body as Generated};

use crate::gate::answer::AnswerBody;

const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/grpc");
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const OK: HeaderValue = HeaderValue::from_static("0");

/// What a reply consists of.
#[derive(Debug)]
pub struct Body(Rest);

/// What has not been sent.
#[derive(Debug)]
enum Rest {
    Message(Bytes),
    Trailers,
    Nothing,
    Generated(Generated),
}

impl Body {
    /// The answer that has one message, `framed`, and ends well.
    #[must_use]
    pub fn reply(framed: Bytes) -> Response<Self> {
        let mut response = Response::new(Self(Rest::Message(framed)));
        let mut headers = HeaderMap::with_capacity(1);
        headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
        *response.headers_mut() = headers;
        response
    }
}

impl Default for Body {
    /// Nothing: all is in the head.
    fn default() -> Self {
        Self(Rest::Nothing)
    }
}

impl From<Generated> for Body {
    fn from(body: Generated) -> Self {
        Self(Rest::Generated(body))
    }
}

impl AnswerBody for Body {
    fn is_well(&self) -> bool {
        matches!(self.0, Rest::Message(_))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let rest = &mut self.get_mut().0;
        let (frame, left) = match rest {
            Rest::Generated(body) => return Pin::new(body).poll_frame(context),
            Rest::Message(message) => (Frame::data(std::mem::take(message)), Rest::Trailers),
            Rest::Trailers => {
                let mut trailers = HeaderMap::with_capacity(1);
                trailers.insert(STATUS, OK);
                (Frame::trailers(trailers), Rest::Nothing)
            }
            Rest::Nothing => return Poll::Ready(None),
        };
        *rest = left;
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Rest::Message(_) | Rest::Trailers => false,
            Rest::Nothing => true,
            Rest::Generated(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Rest::Generated(body) => body.size_hint(),
            Rest::Message(_) | Rest::Trailers | Rest::Nothing => SizeHint::default(),
        }
    }
}
