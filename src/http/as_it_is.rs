//! A value as it is, and what the headers of its answer say of its entry.

use std::{
    fmt::{self, Write},
    time::{Duration, UNIX_EPOCH},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Response, header};
use humantime::Rfc3339Timestamp;
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

/// More than the head of an answer has.
const HEAD_BYTES: usize = 384;

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
    let content_type = HeaderValue::from_static(value.content_type());
    let mut answer = varying(body::of(content_type, value.bytes));
    let headers = answer.headers_mut();
    headers.insert(KIND, HeaderValue::from_static(value.kind.name()));
    let time = value.deadline.and_then(expire_time);
    if let Some(time) = time.and_then(|time| header_value(format_args!("{time}"))) {
        headers.insert(EXPIRE_TIME, time);
    }
    tagged(answer, value.version)
}

/// The same answer as HTTP/1.1 has it, behind what is in `into`.
///
/// # Errors
/// None: `into` grows.
pub fn write_as_it_is(value: &AsItIs, date: &[u8], into: &mut BytesMut) -> fmt::Result {
    let mut digits = itoa::Buffer::new();
    into.reserve(HEAD_BYTES + value.bytes.len());
    into.extend_from_slice(
        b"HTTP/1.1 200 OK\r\nx-content-type-options: nosniff\r\ncache-control: no-cache\r\nvary: accept\r\ncontent-type: ",
    );
    into.extend_from_slice(value.content_type().as_bytes());
    into.extend_from_slice(b"\r\ncontent-length: ");
    into.extend_from_slice(digits.format(value.bytes.len()).as_bytes());
    into.extend_from_slice(b"\r\nnanokv-kind: ");
    into.extend_from_slice(value.kind.name().as_bytes());
    if let Some(time) = value.deadline.and_then(expire_time) {
        write!(into, "\r\nnanokv-expire-time: {time}")?;
    }
    into.extend_from_slice(b"\r\netag: \"");
    into.extend_from_slice(digits.format(value.version).as_bytes());
    into.extend_from_slice(b"\"\r\ndate: ");
    into.extend_from_slice(date);
    into.extend_from_slice(b"\r\n\r\n");
    into.extend_from_slice(&value.bytes);
    Ok(())
}

impl AsItIs {
    const fn content_type(&self) -> &'static str {
        if self.is_text {
            media::TEXT_UTF8
        } else {
            BYTES
        }
    }
}

/// A deadline as protobuf's JSON has a time: with milliseconds, if there are any.
fn expire_time(deadline: UnixMillis) -> Option<Rfc3339Timestamp> {
    let millis = deadline.get();
    let time = UNIX_EPOCH.checked_add(Duration::from_millis(millis))?;
    Some(if millis.is_multiple_of(1000) {
        humantime::format_rfc3339_seconds(time)
    } else {
        humantime::format_rfc3339_millis(time)
    })
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
