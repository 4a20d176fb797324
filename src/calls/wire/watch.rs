//! What a Watch asks for, and what it tells.

use crate::{
    calls::wire::{
        field::{missing, must_be_true},
        response,
    },
    engine::{WatchItem, WatchQuery, WatchStart},
    model::{
        error::{Error, Invalid, Rule},
        event::{Event, EventKind, EventKinds},
        limits::Limits,
        range::Range,
        version::Version,
    },
    proto::{self, EventType, watch_request},
};

/// A reply ends when it has so many bytes, though it may have more: a watch that
/// is not read holds one of them. A frame of HTTP/2 has as many.
const REPLY_BYTES: usize = 16 << 10;

/// What a Watch asks for.
///
/// # Errors
/// [`Error::Invalid`] for the first field that breaks a rule.
pub fn query(request: proto::WatchRequest, limits: &Limits) -> Result<WatchQuery, Error> {
    Ok(WatchQuery {
        ranges: ranges(request.ranges, limits)?,
        start: start(request.start)?,
        kinds: kinds(&request.event_types)?,
        with_previous: request.with_previous,
        omit_value: request.omit_value,
        reply_bytes_max: limits.reply_bytes_max.min(REPLY_BYTES),
    })
}

/// What a watch tells, as a reply.
#[must_use]
pub fn reply(item: WatchItem) -> proto::WatchResponse {
    let entries = item.snapshot_entries.into_iter();
    proto::WatchResponse {
        events: item.events.into_iter().map(event).collect(),
        snapshot_entries: entries.map(response::entry).collect(),
        resume_version: item.resume.map_or(0, Version::get),
        snapshot_complete: item.snapshot_complete,
    }
}

fn ranges(given: Vec<proto::Range>, limits: &Limits) -> Result<Vec<Range>, Invalid> {
    if given.is_empty() {
        return Err(missing(
            "ranges",
            "at least one; an empty Range is every key",
        ));
    }
    if given.len() > limits.watch_ranges_max {
        return Err(Invalid::too_large(
            "ranges",
            given.len(),
            "watch_ranges_max",
            limits.watch_ranges_max,
        ));
    }
    let ranges = given.into_iter().enumerate().map(|(number, range)| {
        Range::new(range.prefix, range.start, range.end, limits.key_bytes_max)
            .map_err(|invalid| invalid.within(format_args!("ranges[{number}]")))
    });
    ranges.collect()
}

fn start(given: Option<watch_request::Start>) -> Result<WatchStart, Invalid> {
    match given {
        None => Ok(WatchStart::Now),
        Some(watch_request::Start::AfterVersion(version)) if version < 0 => Err(Invalid::new(
            "after_version",
            Rule::OutOfRange,
            format!("{version} given, and it is at least 0"),
        )),
        Some(watch_request::Start::AfterVersion(version)) => {
            Ok(WatchStart::After(Version::new(version)))
        }
        Some(watch_request::Start::Snapshot(set)) => {
            must_be_true("snapshot", set).map(|()| WatchStart::Snapshot)
        }
    }
}

fn kinds(given: &[i32]) -> Result<EventKinds, Invalid> {
    let mut kinds = EventKinds::NONE;
    for (number, given) in given.iter().enumerate() {
        let kind = match EventType::try_from(*given) {
            Ok(EventType::Put) => EventKind::Put,
            Ok(EventType::Delete) => EventKind::Delete,
            Ok(EventType::Expire) => EventKind::Expire,
            Ok(EventType::Evict) => EventKind::Evict,
            Ok(EventType::Unspecified) | Err(_) => {
                return Err(Invalid::new(
                    format!("event_types[{number}]"),
                    Rule::OutOfRange,
                    format!("{given} given, and 1 to 4 are types of events"),
                ));
            }
        };
        kinds = kinds.with(kind);
    }
    Ok(if kinds.is_empty() {
        EventKinds::ALL
    } else {
        kinds
    })
}

fn event(event: Event) -> proto::Event {
    let kind = match event.kind {
        EventKind::Put => EventType::Put,
        EventKind::Delete => EventType::Delete,
        EventKind::Expire => EventType::Expire,
        EventKind::Evict => EventType::Evict,
    };
    proto::Event {
        r#type: kind.into(),
        entry: Some(response::entry(event.entry)),
        previous: event.previous.map(response::entry),
    }
}
