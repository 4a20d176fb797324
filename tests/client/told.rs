//! What the scripted server is told to say.

use std::{collections::HashMap, time::Duration};

use nanokv::proto as pb;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// An error as nanokv makes them.
pub(crate) fn refusal(code: Code, reason: &str, metadata: &[(&str, &str)]) -> Status {
    let metadata: HashMap<_, _> = metadata
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let details = ErrorDetails::with_error_info(reason, "nanokv", metadata);
    Status::with_error_details(code, format!("{reason}: so it was told"), details)
}

pub(crate) fn unavailable() -> Status {
    refusal(Code::Unavailable, "TOO_MANY_CALLS", &[])
}

/// Unavailable, with when to come back.
pub(crate) fn unavailable_for(delay: Duration) -> Status {
    let mut status = unavailable();
    let millis = delay.as_millis().to_string();
    let name = "grpc-retry-pushback-ms";
    status.metadata_mut().insert(name, millis.parse().unwrap());
    status
}

pub(crate) fn entry(key: &str, version: i64) -> pb::Entry {
    pb::Entry {
        key: key.to_owned(),
        version,
        ..pb::Entry::default()
    }
}

/// A reply of a watch: stored versions, and where to resume.
pub(crate) fn events(versions: &[i64], resume_version: i64) -> pb::WatchResponse {
    let put = |version: &i64| pb::Event {
        r#type: pb::EventType::Put.into(),
        entry: Some(entry("key", *version)),
        previous: None,
    };
    pb::WatchResponse {
        events: versions.iter().map(put).collect(),
        resume_version,
        ..pb::WatchResponse::default()
    }
}

pub(crate) fn snapshot(keys: &[&str]) -> pb::WatchResponse {
    pb::WatchResponse {
        snapshot_entries: keys.iter().map(|key| entry(key, 1)).collect(),
        ..pb::WatchResponse::default()
    }
}

pub(crate) fn complete(version: i64) -> pb::WatchResponse {
    pb::WatchResponse {
        snapshot_complete: true,
        resume_version: version,
        ..pb::WatchResponse::default()
    }
}
