//! One span a call, at debug: its method, its peer, the identity of its caller,
//! the trace that they say it belongs to, the code it ended with and the
//! microseconds until then.
//! Never a key, never a value.

use std::net::SocketAddr;

use http::{Request, Response, StatusCode};
use tokio::time::Instant;
use tonic::Code;
use tracing::{Span, field::Empty};

use crate::{
    gate::{access::caller::Caller, foreign},
    telemetry::parent::Parent,
};

/// The span of one call. Where nobody listens it is nothing at all.
#[derive(Debug)]
pub struct Trace(Option<Box<(Span, Instant)>>);

/// Whether somebody listens to what calls come to.
#[must_use]
pub fn is_told() -> bool {
    tracing::enabled!(tracing::Level::DEBUG)
}

impl Trace {
    /// Begins the span of `request`, whose path is called what `name` says.
    #[must_use]
    pub fn begin<B>(request: &Request<B>, name: fn(&str) -> &str, peer: SocketAddr) -> Self {
        if !is_told() {
            return Self(None);
        }
        let method = name(request.uri().path());
        let span = tracing::debug_span!(
            "call",
            method,
            %peer,
            identity = Empty,
            trace_id = Empty,
            parent_id = Empty,
            code = Empty,
            us = Empty,
            otel.name = Empty,
            otel.kind = Empty
        );
        let parent = Parent::of(request.headers());
        #[cfg(feature = "otlp")]
        crate::telemetry::otlp::describe(&span, method, parent);
        if let Some(parent) = parent {
            span.record("trace_id", parent.trace_id);
            span.record("parent_id", parent.span_id);
        }
        Self(Some(Box::new((span, Instant::now()))))
    }

    /// Says whose it is.
    pub fn identify(&self, caller: &Caller) {
        if let (Some(told), Some(identity)) = (&self.0, caller.identity()) {
            told.0.record("identity", identity.name());
        }
    }

    /// The span, to be entered while the call is worked on.
    #[must_use]
    pub fn span(&self) -> Span {
        self.0
            .as_ref()
            .map_or_else(Span::none, |told| told.0.clone())
    }

    /// Ends it with what was answered. A stream is answered when it begins.
    pub fn end<B>(&self, response: &Response<B>) {
        let Some(told) = &self.0 else {
            return;
        };
        let (span, began) = &**told;
        let code = foreign::code(response.headers()).unwrap_or(Code::Ok);
        if response.status() == StatusCode::OK {
            span.record("code", tracing::field::debug(code));
        } else {
            span.record("code", response.status().as_u16());
        }
        span.record(
            "us",
            u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
        );
        span.in_scope(|| tracing::debug!("answered"));
    }
}
