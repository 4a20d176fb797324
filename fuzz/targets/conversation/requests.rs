//! Requests over plain HTTP, as text of HTTP/1.1 or as frames.

use arbitrary::Arbitrary;

use crate::{
    bytes::{self, frame},
    calls::KEYS,
};

/// A request over plain HTTP/1.1; over HTTP/2, its method and path.
#[derive(Arbitrary, Debug)]
pub struct Request {
    method: Method,
    target: Target,
    headers: Vec<(u8, Vec<u8>)>,
    body: Body,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Method {
    Get,
    Put,
    Post,
    Delete,
    Head,
    Options,
    Brew,
}

#[derive(Arbitrary, Debug)]
enum Target {
    Entry { key: u8, rest: u8 },
    Fixed(u8),
    Any(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
enum Body {
    None,
    Whole(Vec<u8>),
    Chunked(Vec<Vec<u8>>),
    Lying { length: u16, bytes: Vec<u8> },
}

const RESTS: [&str; 6] = [
    "",
    ":increment",
    ":touch",
    "?ttl=1s",
    "?kind=number",
    "/%00?x",
];
const TARGETS: [&str; 12] = [
    "/healthz",
    "/readyz",
    "/v1/entries",
    "/v1/entries?prefix=a&page_size=1",
    "/v1/watch",
    "/v1/watch?prefix=a&snapshot=true",
    "/v1/batch",
    "/v1/transact",
    "/v1/describe",
    "/set/a/b",
    "/get/large",
    "/console",
];
const NAMES: [&str; 12] = [
    "accept",
    "if-match",
    "if-none-match",
    "content-type",
    "expect",
    "idempotency-key",
    "last-event-id",
    "origin",
    "te",
    "transfer-encoding",
    "traceparent",
    "x",
];

impl Request {
    fn method(&self) -> &'static str {
        match self.method {
            Method::Get => "GET",
            Method::Put => "PUT",
            Method::Post => "POST",
            Method::Delete => "DELETE",
            Method::Head => "HEAD",
            Method::Options => "OPTIONS",
            Method::Brew => "BREW",
        }
    }

    fn target(&self) -> Vec<u8> {
        match &self.target {
            Target::Entry { key, rest } => {
                let key = KEYS[usize::from(*key) % KEYS.len()];
                let rest = RESTS[usize::from(*rest) % RESTS.len()];
                format!("/v1/entries/{key}{rest}").into_bytes()
            }
            Target::Fixed(at) => TARGETS[usize::from(*at) % TARGETS.len()].into(),
            Target::Any(bytes) => [b"/", bytes.as_slice()].concat(),
        }
    }

    pub fn text(&self) -> Vec<u8> {
        let mut text = format!("{} ", self.method()).into_bytes();
        text.extend(self.target());
        text.extend(b" HTTP/1.1\r\nhost: localhost\r\n");
        for (name, value) in others(&self.headers) {
            text.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        match &self.body {
            Body::None => text.extend(b"\r\n"),
            Body::Whole(bytes) => sized(&mut text, bytes.len(), bytes),
            Body::Lying { length, bytes } => sized(&mut text, usize::from(*length), bytes),
            Body::Chunked(chunks) => {
                text.extend(b"transfer-encoding: chunked\r\n\r\n");
                for chunk in chunks {
                    text.extend(format!("{:x}\r\n", chunk.len()).bytes());
                    text.extend([chunk.as_slice(), b"\r\n"].concat());
                }
                text.extend(b"0\r\n\r\n");
            }
        }
        text
    }

    pub fn frames(&self, stream: u32) -> Vec<u8> {
        let target = self.target();
        let mut fields: Vec<(&str, &[u8])> = vec![
            (":method", self.method().as_bytes()),
            (":scheme", b"http"),
            (":path", &target),
            (":authority", b"localhost"),
        ];
        fields.extend(others(&self.headers));
        let block = bytes::block(fields);
        let body = match &self.body {
            Body::None => None,
            Body::Whole(bytes) | Body::Lying { bytes, .. } => Some(bytes.clone()),
            Body::Chunked(chunks) => Some(chunks.concat()),
        };
        let end = if body.is_none() { bytes::END_STREAM } else { 0 };
        let mut said = frame(bytes::HEADERS, bytes::END_HEADERS | end, stream, &block);
        if let Some(body) = body {
            said.extend(frame(bytes::DATA, bytes::END_STREAM, stream, &body));
        }
        said
    }
}

fn sized(text: &mut Vec<u8>, length: usize, bytes: &[u8]) {
    text.extend(format!("content-length: {length}\r\n\r\n").bytes());
    text.extend(bytes);
}

/// Headers that mean something here.
pub fn others(given: &[(u8, Vec<u8>)]) -> impl Iterator<Item = (&'static str, &[u8])> {
    given
        .iter()
        .map(|(name, value)| (NAMES[usize::from(*name) % NAMES.len()], value.as_slice()))
}
