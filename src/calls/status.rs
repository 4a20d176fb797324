//! The error table: how gRPC says each thing that can go wrong.

use tonic::{Code, Status, body::Body};

use crate::{
    calls::failure::Failure,
    gate::{
        access::caller::Denied,
        load::wide,
        refusal::{Credentials, Refusal},
    },
    model::{
        error::{Error, Invalid, Rule},
        key::Key,
        version::Version,
    },
    proto::codec::MESSAGE_MALFORMED,
};

/// The failure of a call or an operation on `key` that was refused with
/// `error`.
#[must_use]
pub fn of_key(error: &Error, key: Key<'_>) -> Failure {
    let failure = Failure::from(error);
    if concerns_key(error) {
        failure.with_echo("key", key.as_str())
    } else {
        failure
    }
}

/// The failure of a transaction whose check on `key`, the one at `index`, does
/// not hold for the reason that `error` says.
#[must_use]
pub fn of_check(error: &Error, index: usize, key: Key<'_>) -> Failure {
    let current = match error {
        Error::KeyPresent { current } => current.get(),
        Error::KeyAbsent => 0,
        Error::VersionMismatch { current } => current.map_or(0, Version::get),
        other => return of_key(other, key),
    };
    Failure::new(
        Code::Aborted,
        "CHECK_FAILED",
        format!("check {index} does not hold, the version is {current}, and 0 means absent"),
    )
    .with("check_index", &index)
    .with("current_version", &current)
    .with_echo("key", key.as_str())
}

/// The whole answer to a call that was refused before it was carried out.
#[must_use]
pub fn refuse(refusal: &Refusal) -> http::Response<Body> {
    Status::from(Failure::from(refusal)).into_http()
}

/// Health was asked for a name that it does not know.
#[must_use]
pub fn service_unknown(name: &str) -> Failure {
    Failure::new(Code::NotFound, "SERVICE_UNKNOWN", "no service of this name")
        .with_echo("service", name)
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        match error {
            Error::Invalid(invalid) => of_field(invalid),
            Error::KeyPresent { current } => Self::new(
                Code::AlreadyExists,
                "KEY_EXISTS",
                format!("the key is present at version {}", current.get()),
            )
            .with("current_version", &current.get()),
            Error::KeyAbsent => Self::new(Code::NotFound, "KEY_NOT_FOUND", "the key is absent"),
            Error::VersionMismatch { current } => {
                let current = current.map_or(0, Version::get);
                Self::new(
                    Code::Aborted,
                    "VERSION_MISMATCH",
                    format!("the version is {current}, and 0 means absent"),
                )
                .with("current_version", &current)
            }
            Error::WrongKind { kind } => Self::new(
                Code::FailedPrecondition,
                "WRONG_KIND",
                format!("the value is of kind {}, not number", kind.name()),
            )
            .with("kind", &kind.name()),
            Error::CounterOutOfBounds { number, min, max } => Self::new(
                Code::FailedPrecondition,
                "COUNTER_OUT_OF_BOUNDS",
                format!("the result from {number} on would not lie from {min} to {max}"),
            )
            .with("number", number)
            .with("min", min)
            .with("max", max),
            Error::CounterOverflow { number } => Self::new(
                Code::FailedPrecondition,
                "COUNTER_OVERFLOW",
                format!("the result from {number} on would not fit into 64 bits"),
            )
            .with("number", number),
            Error::MemoryFull { memory_max } => Self::new(
                Code::ResourceExhausted,
                "MEMORY_FULL",
                format!("the store holds all it may, memory_max is {memory_max}"),
            )
            .with_limit("memory_max", *memory_max),
            Error::JournalFull { limit, value } => {
                past(Code::ResourceExhausted, "JOURNAL_FULL", limit, *value)
            }
            Error::DiskFull {
                disk_free_bytes_min,
            } => disk_full(*disk_free_bytes_min),
            Error::JournalFailed => journal_failed(),
            Error::ReplyTooLarge { reply_bytes_max } => Self::new(
                Code::ResourceExhausted,
                "REPLY_TOO_LARGE",
                format!("the reply would pass reply_bytes_max, which is {reply_bytes_max}"),
            )
            .with_limit("reply_bytes_max", wide(*reply_bytes_max)),
            Error::RequestIdReused => Self::new(
                Code::AlreadyExists,
                "REQUEST_ID_REUSED",
                "this request_id was given to another request",
            ),
            Error::VersionCompacted { oldest } => Self::new(
                Code::OutOfRange,
                "VERSION_COMPACTED",
                format!("changes are kept from after version {} on", oldest.get()),
            )
            .with("oldest_version", &oldest.get()),
            Error::VersionAhead { current } => Self::new(
                Code::OutOfRange,
                "VERSION_AHEAD",
                format!("the last version of this store is {}", current.get()),
            )
            .with("current_version", &current.get()),
            Error::WatchTooSlow { resume, oldest } => Self::new(
                Code::ResourceExhausted,
                "WATCH_TOO_SLOW",
                format!(
                    "changes were not read while they were kept, which is from after version {} on",
                    oldest.get()
                ),
            )
            .with("resume_version", &resume.map_or(0, Version::get))
            .with("oldest_version", &oldest.get()),
            Error::BackupTooSlow {
                backup_held_bytes_max,
            } => backup_too_slow(wide(*backup_held_bytes_max)),
            Error::Unsupported { capability } => Self::new(
                Code::Unimplemented,
                "UNSUPPORTED",
                format!("this server does not do {capability}"),
            )
            .with("capability", capability),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::from(&refusal)
    }
}

impl From<&Denied> for Failure {
    fn from(denied: &Denied) -> Self {
        let (identity, right) = (&denied.identity, denied.right.name());
        Self::new(
            Code::PermissionDenied,
            "PERMISSION_DENIED",
            format!("identity {identity:?} has no right to {right} here"),
        )
        .with("identity", identity)
        .with("right", &right)
    }
}

impl From<&Refusal> for Failure {
    #[expect(clippy::too_many_lines, reason = "one table, a row a refusal")]
    fn from(refusal: &Refusal) -> Self {
        match *refusal {
            Refusal::Opening {
                bytes_done,
                bytes_total,
            } => Self::new(
                Code::Unavailable,
                "OPENING",
                format!("the store is not open yet, {bytes_done} of {bytes_total} bytes are read"),
            )
            .with("bytes_done", &bytes_done)
            .with("bytes_total", &bytes_total)
            .with_retry(500),
            Refusal::Draining => {
                Self::new(Code::Unavailable, "DRAINING", "the server is stopping").with_retry(1000)
            }
            Refusal::ConnectionsFull { connections_max } => busy(
                "TOO_MANY_CONNECTIONS",
                "connections_max",
                connections_max,
                1000,
            ),
            Refusal::Credentials(credentials) => unknown(credentials),
            Refusal::FailedLogins {
                failed_logins_per_minute_max,
                retry_ms,
            } => past(
                Code::ResourceExhausted,
                "TOO_MANY_FAILED_LOGINS",
                "failed_logins_per_minute_max",
                failed_logins_per_minute_max,
            )
            .with_retry(retry_ms),
            Refusal::RateLimited {
                limit,
                per_second_max,
                retry_ms,
            } => rate_limited(limit, per_second_max, retry_ms),
            Refusal::MethodNotGranted => Self::new(
                Code::PermissionDenied,
                "METHOD_NOT_GRANTED",
                "no right covers this method",
            ),
            Refusal::HealthOnly => Self::new(
                Code::Unimplemented,
                "HEALTH_ONLY",
                "this port answers for health alone",
            ),
            Refusal::CallsInFlight {
                calls_in_flight_max,
            } => busy(
                "TOO_MANY_CALLS",
                "calls_in_flight_max",
                calls_in_flight_max,
                100,
            ),
            Refusal::BytesInFlight {
                bytes_in_flight_max,
            } => busy(
                "TOO_MANY_BYTES",
                "bytes_in_flight_max",
                bytes_in_flight_max,
                100,
            ),
            Refusal::HealthWatches { health_watches_max } => past(
                Code::ResourceExhausted,
                "TOO_MANY_HEALTH_WATCHES",
                "health_watches_max",
                health_watches_max,
            ),
            Refusal::Pipelines { pipelines_max } => past(
                Code::ResourceExhausted,
                "TOO_MANY_PIPELINES",
                "pipelines_max",
                pipelines_max,
            ),
            Refusal::Backups { backups_max } => past(
                Code::ResourceExhausted,
                "TOO_MANY_BACKUPS",
                "backups_max",
                backups_max,
            ),
            Refusal::Watchers { watchers_max } => past(
                Code::ResourceExhausted,
                "TOO_MANY_WATCHERS",
                "watchers_max",
                watchers_max,
            ),
            Refusal::WatchRanges {
                watch_ranges_bytes_max,
            } => past(
                Code::ResourceExhausted,
                "TOO_MANY_WATCHERS",
                "watch_ranges_bytes_max",
                watch_ranges_bytes_max,
            ),
            Refusal::RequestRead {
                request_read_ms_max,
            } => past(
                Code::DeadlineExceeded,
                "REQUEST_TOO_SLOW",
                "request_read_ms_max",
                request_read_ms_max,
            ),
            Refusal::Deadline => Self::new(
                Code::DeadlineExceeded,
                "DEADLINE_EXCEEDED",
                "the caller's deadline has passed",
            ),
            Refusal::TimeoutMalformed => malformed(
                "TIMEOUT_MALFORMED",
                "grpc-timeout",
                "1 to 8 digits and one of H, M, S, m, u, n",
            ),
            Refusal::MessageTooLarge { message_bytes_max } => past(
                Code::ResourceExhausted,
                "MESSAGE_TOO_LARGE",
                "message_bytes_max",
                message_bytes_max,
            ),
            Refusal::MessageMalformed => malformed(
                MESSAGE_MALFORMED,
                "",
                "the request is not one whole gRPC message",
            ),
            Refusal::EncodingUnknown => Self::new(
                Code::Unimplemented,
                "ENCODING_UNKNOWN",
                "messages are taken as they are, not compressed",
            ),
            Refusal::Panicked => Self::new(
                Code::Internal,
                "INTERNAL",
                "a fault of the server; its log tells more",
            ),
            Refusal::MethodUnknown => {
                Self::new(Code::Unimplemented, "METHOD_UNKNOWN", "no such method")
            }
        }
    }
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Self {
        of_field(&invalid)
    }
}

impl From<&Invalid> for Failure {
    fn from(invalid: &Invalid) -> Self {
        of_field(invalid)
    }
}

fn of_field(invalid: &Invalid) -> Failure {
    let reason = match invalid.rule {
        Rule::Missing => "FIELD_MISSING",
        Rule::TooLarge => "FIELD_TOO_LARGE",
        Rule::OutOfRange => "FIELD_OUT_OF_RANGE",
        Rule::Malformed => "FIELD_MALFORMED",
        Rule::Conflict => "FIELD_CONFLICT",
    };
    let failure = malformed(reason, &invalid.field, &invalid.description);
    match invalid.limit {
        Some((name, value)) => failure.with_limit(name, value),
        None => failure,
    }
}

fn malformed(reason: &'static str, field: &str, description: &str) -> Failure {
    let text = if field.is_empty() {
        description.to_owned()
    } else {
        format!("{field}: {description}")
    };
    Failure::new(Code::InvalidArgument, reason, text).with_violation(field, description)
}

fn unknown(credentials: Credentials) -> Failure {
    let (reason, text) = match credentials {
        Credentials::Missing => (
            "CREDENTIALS_MISSING",
            "a call says who makes it: authorization: Bearer TOKEN, or a certificate",
        ),
        Credentials::Invalid => (
            "CREDENTIALS_INVALID",
            "nobody is known by these credentials",
        ),
        Credentials::Expired => ("CREDENTIALS_EXPIRED", "these credentials have expired"),
    };
    Failure::new(Code::Unauthenticated, reason, text)
}

fn busy(reason: &'static str, limit: &'static str, value: u64, retry_ms: u32) -> Failure {
    past(Code::Unavailable, reason, limit, value).with_retry(retry_ms)
}

fn past(code: Code, reason: &'static str, limit: &'static str, value: u64) -> Failure {
    Failure::new(code, reason, format!("past {limit}, which is {value}")).with_limit(limit, value)
}

fn backup_too_slow(value: u64) -> Failure {
    let limit = "backup_held_bytes_max";
    past(Code::ResourceExhausted, "BACKUP_TOO_SLOW", limit, value)
}

fn disk_full(disk_free_bytes_min: u64) -> Failure {
    let text = format!("the disk is nearly full, disk_free_bytes_min is {disk_free_bytes_min}");
    Failure::new(Code::ResourceExhausted, "DISK_FULL", text)
        .with_limit("disk_free_bytes_min", disk_free_bytes_min)
}

/// The time to come back stands in the metadata too, for lists of a Pipeline,
/// which have no trailers.
fn rate_limited(limit: &'static str, per_second_max: u64, retry_ms: u32) -> Failure {
    let text = format!("past {limit}, which is {per_second_max}; try again in {retry_ms} ms");
    Failure::new(Code::ResourceExhausted, "RATE_LIMITED", text)
        .with_limit(limit, per_second_max)
        .with("retry_ms", &retry_ms)
        .with_retry(retry_ms)
}

/// Without a time to come back, which would say that nothing has changed.
fn journal_failed() -> Failure {
    let text = "a write to the disk has failed, and the server must be started anew";
    Failure::new(Code::Unavailable, "JOURNAL_FAILED", text)
}

/// Whether it was the entry under the key that stood in the way.
const fn concerns_key(error: &Error) -> bool {
    match error {
        Error::KeyPresent { .. }
        | Error::KeyAbsent
        | Error::VersionMismatch { .. }
        | Error::WrongKind { .. }
        | Error::CounterOutOfBounds { .. }
        | Error::CounterOverflow { .. } => true,
        Error::Invalid(_)
        | Error::MemoryFull { .. }
        | Error::JournalFull { .. }
        | Error::DiskFull { .. }
        | Error::JournalFailed
        | Error::ReplyTooLarge { .. }
        | Error::RequestIdReused
        | Error::VersionCompacted { .. }
        | Error::VersionAhead { .. }
        | Error::WatchTooSlow { .. }
        | Error::BackupTooSlow { .. }
        | Error::Unsupported { .. } => false,
    }
}

#[cfg(test)]
mod tests;
