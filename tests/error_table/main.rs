//! Every row of docs/errors.md, provoked over a real socket.

#[cfg(test)]
mod backups;
#[cfg(test)]
mod held;
#[cfg(test)]
mod identified;
#[cfg(test)]
mod kept;
#[cfg(test)]
mod provoke;
#[cfg(test)]
mod seen;
#[cfg(test)]
mod server;
#[cfg(test)]
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the contract's tests use the rest")]
mod support;
#[cfg(test)]
mod transact;
#[cfg(test)]
mod watches;

#[cfg(test)]
mod table {
    use std::{collections::BTreeSet, future::Future, pin::Pin};

    use tonic::Code;

    use crate::{backups, held, identified, kept, provoke, seen::Seen, transact, watches};

    /// Stands for a value that differs from run to run.
    const ANY: &str = "*";

    type Provoke = fn() -> Pin<Box<dyn Future<Output = Seen>>>;

    struct Row {
        reason: &'static str,
        code: Code,
        metadata: &'static [(&'static str, &'static str)],
        provoke: Provoke,
    }

    macro_rules! row {
        ($reason:literal, $code:ident, [$($name:literal = $value:expr),* $(,)?], $provoke:path) => {
            Row {
                reason: $reason,
                code: Code::$code,
                metadata: &[$(($name, $value)),*],
                provoke: || Box::pin($provoke()),
            }
        };
    }

    const ROWS: &[Row] = &[
        row!(
            "FIELD_MISSING",
            InvalidArgument,
            ["field" = "key", "description" = ANY],
            provoke::field_missing
        ),
        row!(
            "FIELD_TOO_LARGE",
            InvalidArgument,
            [
                "field" = "key",
                "description" = "1025 given, key_bytes_max is 1024",
                "limit" = "key_bytes_max",
                "key_bytes_max" = "1024",
            ],
            provoke::field_too_large
        ),
        row!(
            "FIELD_OUT_OF_RANGE",
            InvalidArgument,
            ["field" = "mode", "description" = ANY],
            provoke::field_out_of_range
        ),
        row!(
            "FIELD_OUT_OF_RANGE",
            InvalidArgument,
            [
                "field" = "ttl",
                "description" = ANY,
                "limit" = "ttl_max",
                "ttl_max" = "3153600000000",
            ],
            provoke::ttl_out_of_range
        ),
        row!(
            "FIELD_MALFORMED",
            InvalidArgument,
            ["field" = "key", "description" = ANY],
            provoke::field_malformed
        ),
        row!(
            "FIELD_MALFORMED",
            InvalidArgument,
            ["field" = "page_token", "description" = ANY],
            provoke::page_token_malformed
        ),
        row!(
            "FIELD_CONFLICT",
            InvalidArgument,
            ["field" = "min", "description" = ANY],
            provoke::field_conflict
        ),
        row!(
            "MESSAGE_MALFORMED",
            InvalidArgument,
            ["field" = "key", "description" = ANY],
            provoke::message_malformed
        ),
        row!(
            "KEY_EXISTS",
            AlreadyExists,
            ["key" = "a", "current_version" = ANY],
            provoke::key_exists
        ),
        row!(
            "KEY_NOT_FOUND",
            NotFound,
            ["key" = "a"],
            provoke::key_not_found
        ),
        row!(
            "VERSION_MISMATCH",
            Aborted,
            ["key" = "a", "current_version" = ANY],
            provoke::version_mismatch
        ),
        row!(
            "VERSION_MISMATCH",
            Aborted,
            ["key" = "b", "current_version" = "0"],
            provoke::version_of_an_absent_key
        ),
        row!(
            "CHECK_FAILED",
            Aborted,
            ["key" = "b", "check_index" = "1", "current_version" = "0"],
            transact::check_failed
        ),
        row!(
            "KEY_EXISTS",
            AlreadyExists,
            [
                "key" = "a",
                "current_version" = ANY,
                "operation_index" = "1"
            ],
            transact::operation_refused
        ),
        row!(
            "FIELD_CONFLICT",
            InvalidArgument,
            [
                "field" = "operations[1].delete.key",
                "description" = "operation 0 changes this key too",
                "operation_index" = "1"
            ],
            transact::key_written_twice
        ),
        row!(
            "WRONG_KIND",
            FailedPrecondition,
            ["key" = "a", "kind" = "text"],
            provoke::wrong_kind
        ),
        row!(
            "COUNTER_OUT_OF_BOUNDS",
            FailedPrecondition,
            [
                "key" = "n",
                "number" = "0",
                "min" = "-9223372036854775808",
                "max" = "0",
            ],
            provoke::counter_out_of_bounds
        ),
        row!(
            "COUNTER_OVERFLOW",
            FailedPrecondition,
            ["key" = "n", "number" = "9223372036854775807",],
            provoke::counter_overflow
        ),
        row!(
            "MEMORY_FULL",
            ResourceExhausted,
            ["limit" = "memory_max", "memory_max" = ANY],
            provoke::memory_full
        ),
        row!(
            "JOURNAL_FULL",
            ResourceExhausted,
            [
                "limit" = "journal_segment_bytes",
                "journal_segment_bytes" = ANY,
            ],
            kept::journal_full
        ),
        row!(
            "DISK_FULL",
            ResourceExhausted,
            [
                "limit" = "disk_free_bytes_min",
                "disk_free_bytes_min" = "1125899906842624",
            ],
            kept::disk_full
        ),
        row!("JOURNAL_FAILED", Unavailable, [], kept::journal_failed),
        row!(
            "REPLY_TOO_LARGE",
            ResourceExhausted,
            ["limit" = "reply_bytes_max", "reply_bytes_max" = "3145728",],
            provoke::reply_too_large
        ),
        row!(
            "REQUEST_ID_REUSED",
            AlreadyExists,
            [],
            provoke::request_id_reused
        ),
        row!(
            "VERSION_COMPACTED",
            OutOfRange,
            ["oldest_version" = ANY],
            watches::version_compacted
        ),
        row!(
            "VERSION_AHEAD",
            OutOfRange,
            ["current_version" = ANY],
            watches::version_ahead
        ),
        row!(
            "WATCH_TOO_SLOW",
            ResourceExhausted,
            ["resume_version" = ANY, "oldest_version" = ANY],
            watches::watch_too_slow
        ),
        row!(
            "BACKUP_TOO_SLOW",
            ResourceExhausted,
            [
                "limit" = "backup_held_bytes_max",
                "backup_held_bytes_max" = "1000"
            ],
            backups::backup_too_slow
        ),
        row!(
            "TOO_MANY_BACKUPS",
            ResourceExhausted,
            ["limit" = "backups_max", "backups_max" = "0"],
            backups::too_many_backups
        ),
        row!("DRAINING", Unavailable, [], backups::draining),
        row!(
            "TOO_MANY_WATCHERS",
            ResourceExhausted,
            ["limit" = "watchers_max", "watchers_max" = "1"],
            watches::too_many_watchers
        ),
        row!(
            "TOO_MANY_WATCHERS",
            ResourceExhausted,
            [
                "limit" = "watch_ranges_bytes_max",
                "watch_ranges_bytes_max" = "100"
            ],
            watches::too_many_bytes_of_ranges
        ),
        row!(
            "DRAINING",
            Unavailable,
            ["resume_version" = ANY],
            watches::draining
        ),
        row!(
            "UNSUPPORTED",
            Unimplemented,
            ["capability" = "request_id"],
            provoke::request_id
        ),
        row!(
            "SERVICE_UNKNOWN",
            NotFound,
            ["service" = "who"],
            provoke::service_unknown
        ),
        row!(
            "OPENING",
            Unavailable,
            ["bytes_done" = "0", "bytes_total" = "0"],
            provoke::opening
        ),
        row!("DRAINING", Unavailable, [], provoke::draining),
        row!(
            "TOO_MANY_HEALTH_WATCHES",
            ResourceExhausted,
            ["limit" = "health_watches_max", "health_watches_max" = "1",],
            provoke::too_many_health_watches
        ),
        row!(
            "TOO_MANY_PIPELINES",
            ResourceExhausted,
            ["limit" = "pipelines_max", "pipelines_max" = "1"],
            held::too_many_pipelines
        ),
        row!("METHOD_UNKNOWN", Unimplemented, [], held::method_unknown),
        row!(
            "ENCODING_UNKNOWN",
            Unimplemented,
            [],
            held::encoding_unknown
        ),
        row!(
            "TIMEOUT_MALFORMED",
            InvalidArgument,
            ["field" = "grpc-timeout", "description" = ANY],
            held::timeout_malformed
        ),
        row!(
            "MESSAGE_TOO_LARGE",
            ResourceExhausted,
            [
                "limit" = "message_bytes_max",
                "message_bytes_max" = "4194304",
            ],
            held::message_too_large
        ),
        row!(
            "DEADLINE_EXCEEDED",
            DeadlineExceeded,
            [],
            held::deadline_exceeded
        ),
        row!(
            "REQUEST_TOO_SLOW",
            DeadlineExceeded,
            [
                "limit" = "request_read_ms_max",
                "request_read_ms_max" = "50",
            ],
            held::request_too_slow
        ),
        row!(
            "TOO_MANY_CALLS",
            Unavailable,
            ["limit" = "calls_in_flight_max", "calls_in_flight_max" = "1",],
            held::too_many_calls
        ),
        row!(
            "TOO_MANY_BYTES",
            Unavailable,
            [
                "limit" = "bytes_in_flight_max",
                "bytes_in_flight_max" = "1024",
            ],
            held::too_many_bytes
        ),
        row!(
            "TOO_MANY_CONNECTIONS",
            Unavailable,
            ["limit" = "connections_max", "connections_max" = "1",],
            held::too_many_connections
        ),
        row!(
            "CREDENTIALS_MISSING",
            Unauthenticated,
            [],
            identified::credentials_missing
        ),
        row!(
            "CREDENTIALS_INVALID",
            Unauthenticated,
            [],
            identified::credentials_invalid
        ),
        row!(
            "CREDENTIALS_EXPIRED",
            Unauthenticated,
            [],
            identified::credentials_expired
        ),
        row!(
            "TOO_MANY_FAILED_LOGINS",
            ResourceExhausted,
            [
                "limit" = "failed_logins_per_minute_max",
                "failed_logins_per_minute_max" = "1",
            ],
            identified::too_many_failed_logins
        ),
        row!(
            "RATE_LIMITED",
            ResourceExhausted,
            [
                "limit" = "calls_per_second_max",
                "calls_per_second_max" = "2",
                "retry_ms" = "500",
            ],
            identified::rate_limited
        ),
        row!(
            "RATE_LIMITED",
            ResourceExhausted,
            [
                "limit" = "bytes_per_second_max",
                "bytes_per_second_max" = "1000",
                "retry_ms" = "33",
            ],
            identified::rate_limited_by_bytes
        ),
        row!(
            "PERMISSION_DENIED",
            PermissionDenied,
            ["identity" = "reader", "right" = "write", "key" = "a"],
            identified::permission_denied
        ),
        row!(
            "PERMISSION_DENIED",
            PermissionDenied,
            [
                "identity" = "reader",
                "right" = "read",
                "range" = "every key"
            ],
            identified::permission_denied_on_a_range
        ),
        row!(
            "PERMISSION_DENIED",
            PermissionDenied,
            [
                "identity" = "reader",
                "right" = "write",
                "key" = "a",
                "operation_index" = "0"
            ],
            identified::permission_denied_in_a_transaction
        ),
        row!(
            "METHOD_NOT_GRANTED",
            PermissionDenied,
            [],
            identified::method_not_granted
        ),
        row!("HEALTH_ONLY", Unimplemented, [], held::health_only),
    ];

    /// What passes by waiting, beside all that is UNAVAILABLE.
    const PASSES: &[&str] = &["RATE_LIMITED", "TOO_MANY_FAILED_LOGINS"];

    /// The rows that are not provoked here, and why.
    const ELSEWHERE: &[(&str, &str)] = &[(
        "INTERNAL",
        "a fault of the server itself, and no call is known to meet one",
    )];

    #[tokio::test]
    async fn every_row_is_answered_as_documented() {
        for row in ROWS {
            let seen = (row.provoke)().await;
            assert_eq!(seen.reason, row.reason, "{seen:?}");
            assert_eq!(seen.code, row.code, "{seen:?}");
            assert!(
                seen.message.starts_with(&format!("{}: ", row.reason)),
                "{seen:?}"
            );
            let names: BTreeSet<_> = seen.metadata.keys().map(String::as_str).collect();
            let expected: BTreeSet<_> = row.metadata.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, expected, "{seen:?}");
            for (name, value) in row.metadata {
                let given = &seen.metadata[*name];
                assert!(
                    given == value || *value == ANY && !given.is_empty(),
                    "{seen:?}"
                );
            }
            // The single calls say which field it is; a Failure has no place
            // for it but the metadata.
            let field = seen.metadata.get("field").into_iter().cloned();
            assert_eq!(seen.fields, field.collect::<Vec<_>>(), "{seen:?}");
            // It would say that nothing has changed, which is not certain there.
            let unavailable = row.code == Code::Unavailable && row.reason != "JOURNAL_FAILED";
            let later = unavailable || PASSES.contains(&row.reason);
            assert_eq!(seen.retry_info, later, "{seen:?}");
            assert_eq!(seen.pushback_ms.is_some(), later, "{seen:?}");
        }
    }

    #[test]
    fn every_documented_row_is_provoked_or_says_why_not() {
        let documented: BTreeSet<&str> = include_str!("../../docs/errors.md")
            .lines()
            .filter_map(|line| line.strip_prefix("| `"))
            .filter_map(|line| line.split('`').next())
            .collect();
        let provoked: BTreeSet<&str> = ROWS.iter().map(|row| row.reason).collect();
        let elsewhere: BTreeSet<&str> = ELSEWHERE.iter().map(|(reason, _)| *reason).collect();
        assert!(provoked.is_disjoint(&elsewhere));
        assert_eq!(documented, provoked.union(&elsewhere).copied().collect());
    }
}
