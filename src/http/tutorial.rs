//! The three routes of the tutorial that nanokv grew from, with its answers:
//! a text under a key for ten minutes, and words.

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use prost_types::Duration;

use crate::{
    calls::store::Store,
    engine::Engine,
    http::{
        as_it_is::Answer,
        body::{self, Request},
        entry::ttl,
        media::TEXT_UTF8,
        query::Query,
    },
    proto::{self, set_request::Expiry, value::Kind},
};

/// Seconds that an entry lives unless the query says otherwise.
const TTL_SECONDS: i64 = 600;

/// POST `/set/{key}/{value}`.
///
/// # Errors
/// A key or value that breaks a rule, or what the engine refuses.
pub async fn set<E: Engine>(
    store: &Store<E>,
    request: &Request,
    key: String,
    text: String,
) -> Answer {
    let mut query = Query::read(request.uri().query())?;
    let ttl = match query.take("ttl") {
        Some(text) => ttl(&text)?,
        None => Duration {
            seconds: TTL_SECONDS,
            nanos: 0,
        },
    };
    query.end()?;
    let given = proto::SetRequest {
        key,
        value: Some(proto::Value {
            kind: Some(Kind::Text(text)),
        }),
        expiry: Some(Expiry::Ttl(ttl)),
        ..Default::default()
    };
    store.set(&given).await?;
    Ok(body::words(StatusCode::CREATED, "OK"))
}

/// GET `/get/{key}`.
///
/// # Errors
/// See [`set`].
pub async fn get<E: Engine>(store: &Store<E>, key: String) -> Answer {
    let given = proto::GetRequest {
        key,
        omit_value: false,
    };
    let found = store.get(&given).await?.entry;
    let value = found.and_then(|entry| entry.value?.kind);
    let bytes = match value {
        None => return Ok(body::words(StatusCode::NOT_FOUND, "Not Found")),
        Some(Kind::Text(text)) => Bytes::from(text),
        Some(Kind::Number(number)) => Bytes::from(number.to_string()),
        Some(Kind::Data(bytes)) => bytes,
    };
    Ok(body::of(HeaderValue::from_static(TEXT_UTF8), bytes))
}

/// DELETE `/delete/{key}`.
///
/// # Errors
/// See [`set`].
pub async fn delete<E: Engine>(store: &Store<E>, key: String) -> Answer {
    let given = proto::DeleteRequest {
        key,
        ..Default::default()
    };
    store.delete(&given).await?;
    Ok(body::words(StatusCode::OK, "OK"))
}
