//! A value as it is, and what the headers of its answer say of its entry.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, header};
use tonic::body::Body;

use crate::{
    calls::failure::Failure,
    http::{
        body::{self, header_value},
        condition,
        media::{self, BYTES},
    },
    model::{time::UnixMillis, value::Kind},
};

/// The kind of the value that an answer holds.
const KIND: HeaderName = HeaderName::from_static("nanokv-kind");
/// When its entry expires.
const EXPIRE_TIME: HeaderName = HeaderName::from_static("nanokv-expire-time");

/// An answer, or why there is another.
pub type Answer = Result<Response<Body>, Failure>;

/// A value that is told as it is.
#[derive(Debug)]
pub struct AsItIs {
    /// What it is.
    pub kind: Kind,
    /// Whether it is told as text.
    pub is_text: bool,
    /// The text, the digits or the data.
    pub bytes: Bytes,
    /// That of its entry.
    pub version: i64,
    /// When its entry expires, if it does.
    pub deadline: Option<UnixMillis>,
}

/// The answer that tells a value as it is.
///
/// # Errors
/// None; see [`condition::tag`].
pub fn as_it_is(value: AsItIs) -> Answer {
    let content_type = if value.is_text {
        media::TEXT_UTF8
    } else {
        BYTES
    };
    let content_type = HeaderValue::from_static(content_type);
    let mut answer = varying(body::of(content_type, value.bytes));
    let headers = answer.headers_mut();
    headers.insert(KIND, HeaderValue::from_static(value.kind.name()));
    if let Some(time) = value.deadline.and_then(expire_time) {
        headers.insert(EXPIRE_TIME, time);
    }
    tagged(answer, value.version)
}

/// A deadline as protobuf's JSON has a time: with milliseconds, if there are any.
fn expire_time(deadline: UnixMillis) -> Option<HeaderValue> {
    let millis = deadline.get();
    let time = UNIX_EPOCH.checked_add(Duration::from_millis(millis))?;
    if millis.is_multiple_of(1000) {
        header_value(format_args!("{}", humantime::format_rfc3339_seconds(time)))
    } else {
        header_value(format_args!("{}", humantime::format_rfc3339_millis(time)))
    }
}

/// The answer, which could have been in another form.
#[must_use]
pub fn varying(mut answer: Response<Body>) -> Response<Body> {
    let accept = HeaderValue::from_static("accept");
    answer.headers_mut().insert(header::VARY, accept);
    answer
}

/// The answer with the version of its entry.
///
/// # Errors
/// None; see [`condition::tag`].
pub fn tagged(mut answer: Response<Body>, version: i64) -> Answer {
    let headers = answer.headers_mut();
    headers.insert(header::ETAG, condition::tag(version)?);
    Ok(answer)
}
