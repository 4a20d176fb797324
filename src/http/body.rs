//! Bodies of requests and of answers.

use std::fmt::{self, Write};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body::Body as _;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tonic::body::Body;

use crate::{
    calls::failure::Failure,
    gate::{
        load::wide,
        refusal::Refusal,
        request::{Come, CutOff, RequestBody},
    },
    http::media::JSON,
};

/// A request as it comes through the gate.
pub type Request = http::Request<RequestBody<Incoming>>;

/// More than most answers have, so that their headers are not moved.
const HEADERS: usize = 12;

/// Longer than the values of headers that are made for an answer.
const HEADER_BYTES: usize = 32;

const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// The whole body of a request.
///
/// # Errors
/// `MESSAGE_TOO_LARGE`, or why it was cut off.
pub async fn read(body: RequestBody<Incoming>, message_bytes_max: usize) -> Result<Bytes, Failure> {
    let too_large = || Refusal::MessageTooLarge {
        message_bytes_max: wide(message_bytes_max),
    };
    let mut body = body;
    if body.size_hint().lower() > wide(message_bytes_max) {
        return Err(too_large().into());
    }
    let mut come = Come::Nothing;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| match error.downcast_ref() {
            Some(CutOff(refusal)) => Failure::from(refusal),
            None => Refusal::MessageMalformed.into(),
        })?;
        let Ok(bytes) = frame.into_data() else {
            continue;
        };
        if come.size() + bytes.len() > message_bytes_max {
            return Err(too_large().into());
        }
        come = come.and(bytes);
    }
    Ok(come.bytes().unwrap_or_default())
}

/// An answer with this body. It is of this type and no other, whatever it looks
/// like, and is good for now alone.
#[must_use]
pub fn of(content_type: HeaderValue, bytes: Bytes) -> Response<Body> {
    full(whole(content_type, bytes))
}

/// The same answer as a connection sends it.
#[must_use]
pub fn full(answer: Response<Bytes>) -> Response<Body> {
    answer.map(|bytes| Body::new(Full::new(bytes)))
}

/// As [`of`], before it is sent.
#[must_use]
pub fn whole(content_type: HeaderValue, bytes: Bytes) -> Response<Bytes> {
    let length = bytes.len();
    let mut response = Response::new(bytes);
    let headers = response.headers_mut();
    *headers = HeaderMap::with_capacity(HEADERS);
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CONTENT_LENGTH, length.into());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
    headers.insert(header::CACHE_CONTROL, NO_CACHE);
    response
}

/// An answer as HTTP/1.1 has it, behind what is in `into`.
pub fn write(answer: &Response<Bytes>, date: &[u8], into: &mut BytesMut) {
    let status = answer.status();
    into.extend_from_slice(b"HTTP/1.1 ");
    into.extend_from_slice(status.as_str().as_bytes());
    into.extend_from_slice(b" ");
    into.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    for (name, value) in answer.headers() {
        into.extend_from_slice(b"\r\n");
        into.extend_from_slice(name.as_str().as_bytes());
        into.extend_from_slice(b": ");
        into.extend_from_slice(value.as_bytes());
    }
    into.extend_from_slice(b"\r\ndate: ");
    into.extend_from_slice(date);
    into.extend_from_slice(b"\r\n\r\n");
    into.extend_from_slice(answer.body());
}

/// A header's value, written where it stays; `None`: it cannot be one.
#[must_use]
pub fn header_value(written: fmt::Arguments<'_>) -> Option<HeaderValue> {
    let mut bytes = BytesMut::with_capacity(HEADER_BYTES);
    bytes.write_fmt(written).ok()?;
    HeaderValue::from_maybe_shared(bytes.freeze()).ok()
}

/// An answer in JSON.
#[must_use]
pub fn json(text: String) -> Response<Body> {
    of(HeaderValue::from_static(JSON), Bytes::from(text))
}

/// An answer in words.
#[must_use]
pub fn words(status: StatusCode, text: &'static str) -> Response<Body> {
    let plain = HeaderValue::from_static(crate::http::media::TEXT_UTF8);
    let mut response = of(plain, Bytes::from_static(text.as_bytes()));
    *response.status_mut() = status;
    response
}

/// An answer without a body.
#[must_use]
pub fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// The answer to who has the entry already: it is good for now alone, as that is.
#[must_use]
pub fn not_modified() -> Response<Body> {
    let mut response = empty(StatusCode::NOT_MODIFIED);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, NO_CACHE);
    response
}

/// The same without its body, as HEAD asks for it: the headers stay.
#[must_use]
pub fn head(response: Response<Body>) -> Response<Body> {
    response.map(|_| Body::empty())
}
