//! What is told about the server itself.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use tonic::body::Body;

use crate::{
    calls::{failure::Failure, store::Store},
    engine::Engine,
    gate::state::{Phase, State},
    http::{
        body::{self, Request},
        json,
        media::JSON,
        query::Query,
    },
};

/// What is under each path, and in which form: `OpenAPI` 3.1, written by hand.
pub const OPENAPI: &str = include_str!("openapi.json");

/// The process is alive, whatever its store does.
#[must_use]
pub fn alive() -> Response<Body> {
    body::words(StatusCode::OK, "ok\n")
}

/// Whether the store answers calls.
#[must_use]
pub fn ready(state: &State) -> Response<Body> {
    match state.get() {
        Phase::Ready => body::words(StatusCode::OK, "ok\n"),
        Phase::Opening => body::words(StatusCode::SERVICE_UNAVAILABLE, "opening\n"),
        Phase::Failed => body::words(StatusCode::SERVICE_UNAVAILABLE, "failed\n"),
        Phase::Draining | Phase::Stopping => {
            body::words(StatusCode::SERVICE_UNAVAILABLE, "draining\n")
        }
    }
}

/// The document of all paths.
#[must_use]
pub fn openapi() -> Response<Body> {
    let text = Bytes::from_static(OPENAPI.as_bytes());
    body::of(HeaderValue::from_static(JSON), text)
}

/// What the server is, what it can do, and its limits.
///
/// # Errors
/// `OPENING`, or a query.
pub fn describe<E: Engine>(store: &Store<E>, request: &Request) -> Result<Response<Body>, Failure> {
    Query::read(request.uri().query())?.end()?;
    Ok(body::json(json::write(&store.describe()?)?))
}
