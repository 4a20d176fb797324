//! The read that is asked most: one entry, its value as it is, in the turn in
//! which the request comes. Everything else, each error included, goes the way
//! of all others.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Method, Response, header};
use tonic::body::Body;

use crate::{
    calls::{permit, store::Store},
    engine::Engine,
    http::{
        as_it_is::{AsItIs, as_it_is},
        body::{self, Request},
        problem,
    },
    model::{
        entry::{EntryRef, ValueBytes},
        key::Key,
        operation::Read,
        value::Kind,
    },
};

/// What says that a request wants more than a value.
const BEYOND: [header::HeaderName; 2] = [header::IF_MATCH, header::IF_NONE_MATCH];

/// What a look at a key found.
#[derive(Debug)]
pub enum Looked {
    /// The value that is there.
    Value(AsItIs),
    /// Nothing.
    Absent,
}

/// The answer to a request for the value under a key, if it is that, and it is
/// answered at once.
pub fn get<E: Engine>(store: &Store<E>, request: &Request) -> Option<Response<Body>> {
    let (uri, headers) = (request.uri(), request.headers());
    if request.method() != Method::GET || uri.query().is_some() {
        return None;
    }
    let key = uri.path().strip_prefix("/v1/entries/")?;
    let is_plain = !key.contains('%')
        && headers.get(header::ACCEPT).is_none_or(|it| it == "*/*")
        && !BEYOND.iter().any(|name| headers.contains_key(name));
    let key = Key::new(key, store.limits().key_bytes_max).ok();
    let key = key.filter(|_| is_plain)?;
    permit::read(request.body().caller(), key).ok()?;
    match look(store, key, usize::MAX)? {
        Looked::Value(value) => as_it_is(value).ok(),
        Looked::Absent => Some(body::full(problem::miss(key.as_str()))),
    }
}

/// What is under a key, if that can be told at once and is no value of more bytes
/// than that.
#[must_use]
pub fn look<E: Engine>(store: &Store<E>, key: Key<'_>, value_bytes_max: usize) -> Option<Looked> {
    let engine = store.engine().ok()?;
    let read = Read {
        key,
        omit_value: false,
    };
    let mut now = Context::from_waker(Waker::noop());
    match pin!(engine.view(read, |entry| seen(entry, value_bytes_max))).poll(&mut now) {
        Poll::Ready(Ok(looked)) => looked,
        Poll::Ready(Err(_)) | Poll::Pending => None,
    }
}

/// Under the lock of its shard: the value is copied, and no more.
fn seen(entry: Option<EntryRef<'_>>, value_bytes_max: usize) -> Option<Looked> {
    let Some(entry) = entry else {
        return Some(Looked::Absent);
    };
    let (kind, bytes) = match entry.value? {
        ValueBytes::Text(bytes) | ValueBytes::Data(bytes) if bytes.len() > value_bytes_max => {
            return None;
        }
        ValueBytes::Text(bytes) => (Kind::Text, Bytes::copy_from_slice(bytes)),
        ValueBytes::Data(bytes) => (Kind::Data, Bytes::copy_from_slice(bytes)),
        ValueBytes::Number(number) => (Kind::Number, Bytes::from(number.to_string())),
    };
    Some(Looked::Value(AsItIs {
        is_text: kind != Kind::Data,
        kind,
        bytes,
        version: entry.version.get(),
        deadline: entry.deadline,
    }))
}
