//! Short words for what tests say all the time: values, spans, moments.

use std::time::Duration;

use nanokv::{model::time::UnixMillis, proto as pb};
use prost_types::Timestamp;

/// When the held clock starts: 2026-01-01T00:00:00Z.
pub(crate) const START: UnixMillis = UnixMillis::new(1_767_225_600_000);

/// `10.seconds()`.
pub(crate) trait Span {
    fn years(self) -> Duration;
    fn days(self) -> Duration;
    fn seconds(self) -> Duration;
    fn millis(self) -> Duration;
    fn nanos(self) -> Duration;
}

impl Span for u64 {
    /// Of 365 days.
    fn years(self) -> Duration {
        (self * 365).days()
    }

    fn days(self) -> Duration {
        (self * 86_400).seconds()
    }

    fn seconds(self) -> Duration {
        Duration::from_secs(self)
    }

    fn millis(self) -> Duration {
        Duration::from_millis(self)
    }

    fn nanos(self) -> Duration {
        Duration::from_nanos(self)
    }
}

/// The moment so long after the held clock's start.
pub(crate) fn start_plus(span: Duration) -> Timestamp {
    let start = Duration::from_millis(START.get());
    timestamp(start + span)
}

/// The moment so long before the held clock's start.
pub(crate) fn start_minus(span: Duration) -> Timestamp {
    let start = Duration::from_millis(START.get());
    timestamp(start.checked_sub(span).expect("after 1970"))
}

fn timestamp(since_epoch: Duration) -> Timestamp {
    Timestamp {
        seconds: i64::try_from(since_epoch.as_secs()).unwrap(),
        nanos: i32::try_from(since_epoch.subsec_nanos()).unwrap(),
    }
}

/// A text value.
pub(crate) fn text(text: impl Into<String>) -> pb::Value {
    pb::Value {
        kind: Some(pb::value::Kind::Text(text.into())),
    }
}

/// A value of bytes.
pub(crate) fn data(data: impl Into<Vec<u8>>) -> pb::Value {
    pb::Value {
        kind: Some(pb::value::Kind::Data(data.into().into())),
    }
}

/// A number.
pub(crate) fn number(number: i64) -> pb::Value {
    pb::Value {
        kind: Some(pb::value::Kind::Number(number)),
    }
}

/// What stands for a value: `"1"` for a text, `1` for a number.
pub(crate) trait IntoValue {
    fn into_value(self) -> pb::Value;
}

impl IntoValue for pb::Value {
    fn into_value(self) -> pb::Value {
        self
    }
}

impl IntoValue for &str {
    fn into_value(self) -> pb::Value {
        text(self)
    }
}

impl IntoValue for i64 {
    fn into_value(self) -> pb::Value {
        number(self)
    }
}

/// The keys of entries, in their order.
pub(crate) fn keys(entries: &[pb::Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.key.as_str()).collect()
}
