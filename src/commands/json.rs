//! Answers in JSON, as the contract's messages are written in it: the same that
//! grpcurl shows. 64-bit numbers are strings, bytes are base64, what is absent
//! is left out.

use std::time::SystemTime;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value as Json, json};

use crate::{
    client::{
        entry::Entry,
        error::Error,
        operation::Outcome,
        ranges::Removed,
        several::Transacted,
        single::{Counted, Deleted, Stored, Touched},
        value::Value,
        watch::{Event, EventKind, Update},
    },
    commands::words::time,
};

/// The answer to Get.
#[must_use]
pub fn read(found: Option<&Entry>) -> Json {
    object([("entry", found.map(entry))])
}

/// The answer to Set.
#[must_use]
pub fn stored(stored: &Stored) -> Json {
    object([
        ("version", Some(number(stored.version))),
        ("expireTime", expiry(stored.expire_time)),
        ("previous", stored.previous.as_ref().map(entry)),
    ])
}

/// The answer to Delete.
#[must_use]
pub fn deleted(deleted: &Deleted) -> Json {
    object([
        ("deleted", Some(json!(deleted.deleted))),
        ("version", taken(deleted.version)),
        ("previous", deleted.previous.as_ref().map(entry)),
    ])
}

/// The answer to Increment.
#[must_use]
pub fn counted(counted: &Counted) -> Json {
    object([
        ("number", Some(number(counted.number))),
        ("version", Some(number(counted.version))),
        ("expireTime", expiry(counted.expire_time)),
    ])
}

/// The answer to Touch.
#[must_use]
pub fn touched(touched: &Touched) -> Json {
    object([
        ("entry", touched.entry.as_ref().map(entry)),
        ("applied", Some(json!(touched.applied))),
    ])
}

/// The answer to Transact.
#[must_use]
pub fn transacted(transacted: &Transacted) -> Json {
    let results: Vec<_> = transacted.outcomes.iter().map(outcome).collect();
    let results = Some(Json::from(results)).filter(|_| !transacted.outcomes.is_empty());
    object([("results", results), ("version", taken(transacted.version))])
}

/// The answer to `DeleteRange`.
#[must_use]
pub fn removed(removed: &Removed) -> Json {
    object([
        ("deletedCount", Some(number(removed.deleted))),
        ("version", taken(removed.version)),
        ("more", Some(json!(removed.more))),
    ])
}

/// An entry.
#[must_use]
pub fn entry(entry: &Entry) -> Json {
    object([
        ("key", Some(json!(entry.key))),
        ("value", entry.value.as_ref().map(value)),
        ("version", Some(number(entry.version))),
        ("expireTime", expiry(entry.expire_time)),
    ])
}

/// A part of what a watch tells, as a `WatchResponse` of its own.
#[must_use]
pub fn update(update: &Update) -> Json {
    match update {
        Update::SnapshotBegins => json!({ "snapshotBegins": true }),
        Update::Snapshot(shown) => json!({ "snapshotEntries": [entry(shown)] }),
        Update::SnapshotComplete { version } => json!({
            "resumeVersion": number(*version),
            "snapshotComplete": true,
        }),
        Update::Event(told) => json!({ "events": [event(told)] }),
    }
}

/// An error: its code, reason, message and metadata.
#[must_use]
pub fn error(error: &Error) -> Json {
    let metadata: Map<_, _> = error
        .all_metadata()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    let metadata = Some(Json::from(metadata.clone())).filter(|_| !metadata.is_empty());
    object([
        ("code", Some(json!(i32::from(error.code())))),
        (
            "reason",
            error.reason().map(|reason| json!(reason.as_str())),
        ),
        ("message", Some(json!(error.message()))),
        ("metadata", metadata),
    ])
}

fn outcome(outcome: &Outcome) -> Json {
    match outcome {
        Outcome::Get(found) => json!({ "get": read(found.as_ref()) }),
        Outcome::Set(set) => json!({ "set": stored(set) }),
        Outcome::Delete(delete) => json!({ "delete": deleted(delete) }),
        Outcome::Increment(increment) => json!({ "increment": counted(increment) }),
        Outcome::Touch(touch) => json!({ "touch": touched(touch) }),
    }
}

fn event(event: &Event) -> Json {
    let kind = match event.kind {
        EventKind::Put => "EVENT_TYPE_PUT",
        EventKind::Delete => "EVENT_TYPE_DELETE",
        EventKind::Expire => "EVENT_TYPE_EXPIRE",
        EventKind::Evict => "EVENT_TYPE_EVICT",
    };
    object([
        ("type", Some(json!(kind))),
        ("entry", Some(entry(&event.entry))),
        ("previous", event.previous.as_ref().map(entry)),
    ])
}

fn value(value: &Value) -> Json {
    match value {
        Value::Data(data) => json!({ "data": STANDARD.encode(data) }),
        Value::Text(text) => json!({ "text": text }),
        Value::Number(whole) => json!({ "number": number(*whole) }),
    }
}

fn number(number: i64) -> Json {
    json!(number.to_string())
}

/// A version, unless none was taken.
fn taken(version: i64) -> Option<Json> {
    Some(number(version)).filter(|_| version != 0)
}

fn expiry(expire_time: Option<SystemTime>) -> Option<Json> {
    expire_time.map(|at| json!(time(at)))
}

fn object<const N: usize>(fields: [(&str, Option<Json>); N]) -> Json {
    let fields = fields.into_iter();
    let given = fields.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Json::Object(given.collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_entry_is_written_as_the_contract_says_it() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_225_600_040);
        let written = entry(&Entry {
            key: "a".to_owned(),
            value: Some(Value::from(vec![0, 255])),
            version: i64::MAX,
            expire_time: Some(at),
        });
        let expected = json!({
            "key": "a",
            "value": { "data": "AP8=" },
            "version": "9223372036854775807",
            "expireTime": "2026-01-01T00:00:00.040Z",
        });
        assert_eq!(written, expected);
    }

    #[test]
    fn a_miss_is_an_empty_answer() {
        assert_eq!(read(None).to_string(), "{}");
    }
}
