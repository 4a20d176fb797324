//! One span a call, at debug: its method, its peer, the code it ended with and
//! the microseconds until then. Never a key, never a value.

use std::net::SocketAddr;

use http::{Request, Response};
use tokio::time::Instant;
use tonic::Code;
use tracing::{Span, field::Empty};

use crate::gate::foreign;

/// The span of one call. Where nobody listens it is nothing at all.
#[derive(Debug)]
pub struct Trace(Option<(Span, Instant)>);

impl Trace {
    /// Begins the span of `request`.
    #[must_use]
    pub fn begin<B>(request: &Request<B>, peer: SocketAddr) -> Self {
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return Self(None);
        }
        let method = request.uri().path();
        let span = tracing::debug_span!("call", method, %peer, code = Empty, us = Empty);
        Self(Some((span, Instant::now())))
    }

    /// The span, to be entered while the call is worked on.
    #[must_use]
    pub fn span(&self) -> Span {
        self.0
            .as_ref()
            .map_or_else(Span::none, |(span, _)| span.clone())
    }

    /// Ends it with what was answered. A stream is answered when it begins.
    pub fn end<B>(&self, response: &Response<B>) {
        let Some((span, began)) = &self.0 else {
            return;
        };
        let code = foreign::code(response.headers()).unwrap_or(Code::Ok);
        span.record("code", tracing::field::debug(code));
        span.record(
            "us",
            u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
        );
        span.in_scope(|| tracing::debug!("answered"));
    }
}
