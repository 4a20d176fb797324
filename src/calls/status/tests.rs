//! Every row of the error table, and that docs/errors.md tells the same.

use std::collections::{BTreeMap, BTreeSet};

use http::HeaderMap;
use prost::Message as _;
use tonic_types::StatusExt;

use super::*;
use crate::{
    calls::failure::{DOMAIN, ECHO_BYTES_MAX, RETRY_PUSHBACK_MS},
    gate::access::identity::Right,
    model::{range::Range, value::Kind, version::Version},
    proto::GetRequest,
};

const TRAILERS_BYTES_MAX: usize = 8 * 1024;

/// One of each error, with the longest words it can have.
fn every_error() -> Vec<Error> {
    let version = Version::new(i64::MAX).unwrap();
    let mut ttl = Invalid::new("operations.ttl", Rule::OutOfRange, "too far");
    ttl.limit = Some(("ttl_max", u64::MAX));
    let fields = [
        Invalid::new("operations.value", Rule::Missing, "a value is required"),
        Invalid::too_large("operations.value", 9, "value_bytes_max", 8),
        Invalid::new("operations.mode", Rule::OutOfRange, "no such mode"),
        ttl,
        Invalid::new("operations.key", Rule::Malformed, "no control characters"),
        Invalid::new("operations.min", Rule::Conflict, "min is not above max"),
    ];
    let mut errors: Vec<Error> = fields.into_iter().map(Error::from).collect();
    errors.extend([
        Error::KeyPresent { current: version },
        Error::KeyAbsent,
        Error::VersionMismatch {
            current: Some(version),
        },
        Error::VersionMismatch { current: None },
        Error::WrongKind { kind: Kind::Data },
        Error::CounterOutOfBounds {
            number: i64::MIN,
            min: i64::MIN,
            max: i64::MIN,
        },
        Error::CounterOverflow { number: i64::MIN },
        Error::MemoryFull {
            memory_max: u64::MAX,
        },
        Error::JournalFull {
            limit: "journal_queue_changes_max",
            value: u64::MAX,
        },
        Error::DiskFull {
            disk_free_bytes_min: u64::MAX,
        },
        Error::JournalFailed,
        Error::ReplyTooLarge {
            reply_bytes_max: usize::MAX,
        },
        Error::RequestIdReused,
        Error::VersionCompacted { oldest: version },
        Error::VersionAhead { current: version },
        Error::WatchTooSlow {
            resume: Some(version),
            oldest: version,
        },
        Error::BackupTooSlow {
            backup_held_bytes_max: usize::MAX,
        },
        Error::Unsupported {
            capability: "request_id",
        },
    ]);
    errors
}

/// One of each refusal.
fn every_refusal() -> Vec<Refusal> {
    vec![
        Refusal::Opening {
            bytes_done: 1,
            bytes_total: 2,
        },
        Refusal::Draining,
        Refusal::ConnectionsFull { connections_max: 1 },
        Refusal::HealthOnly,
        Refusal::Credentials(Credentials::Missing),
        Refusal::Credentials(Credentials::Invalid),
        Refusal::Credentials(Credentials::Expired),
        Refusal::FailedLogins {
            failed_logins_per_minute_max: 1,
            retry_ms: 1,
        },
        Refusal::RateLimited {
            limit: "calls_per_second_max",
            per_second_max: u64::MAX,
            retry_ms: u32::MAX,
        },
        Refusal::MethodNotGranted,
        Refusal::CallsInFlight {
            calls_in_flight_max: 1,
        },
        Refusal::BytesInFlight {
            bytes_in_flight_max: 1,
        },
        Refusal::HealthWatches {
            health_watches_max: 1,
        },
        Refusal::Pipelines { pipelines_max: 1 },
        Refusal::Backups { backups_max: 1 },
        Refusal::Watchers { watchers_max: 1 },
        Refusal::WatchRanges {
            watch_ranges_bytes_max: 1,
        },
        Refusal::RequestRead {
            request_read_ms_max: 1,
        },
        Refusal::Deadline,
        Refusal::TimeoutMalformed,
        Refusal::MessageTooLarge {
            message_bytes_max: 1,
        },
        Refusal::MessageMalformed,
        Refusal::EncodingUnknown,
        Refusal::MethodUnknown,
        Refusal::Panicked,
    ]
}

/// What the lists above must have one of each of: it does not compile when a
/// variant is added, and whoever adds it here adds it there.
fn name_of_error(error: &Error) -> &'static str {
    match error {
        Error::Invalid(invalid) => match invalid.rule {
            Rule::Missing => "Missing",
            Rule::TooLarge => "TooLarge",
            Rule::OutOfRange => "OutOfRange",
            Rule::Malformed => "Malformed",
            Rule::Conflict => "Conflict",
        },
        Error::KeyPresent { .. } => "KeyPresent",
        Error::KeyAbsent => "KeyAbsent",
        Error::VersionMismatch { .. } => "VersionMismatch",
        Error::WrongKind { .. } => "WrongKind",
        Error::CounterOutOfBounds { .. } => "CounterOutOfBounds",
        Error::CounterOverflow { .. } => "CounterOverflow",
        Error::MemoryFull { .. } => "MemoryFull",
        Error::JournalFull { .. } => "JournalFull",
        Error::DiskFull { .. } => "DiskFull",
        Error::JournalFailed => "JournalFailed",
        Error::ReplyTooLarge { .. } => "ReplyTooLarge",
        Error::RequestIdReused => "RequestIdReused",
        Error::VersionCompacted { .. } => "VersionCompacted",
        Error::VersionAhead { .. } => "VersionAhead",
        Error::WatchTooSlow { .. } => "WatchTooSlow",
        Error::BackupTooSlow { .. } => "BackupTooSlow",
        Error::Unsupported { .. } => "Unsupported",
    }
}
const ERRORS: usize = 22;

fn name_of_refusal(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Opening { .. } => "Opening",
        Refusal::Draining => "Draining",
        Refusal::ConnectionsFull { .. } => "ConnectionsFull",
        Refusal::HealthOnly => "HealthOnly",
        Refusal::Credentials(Credentials::Missing) => "CredentialsMissing",
        Refusal::Credentials(Credentials::Invalid) => "CredentialsInvalid",
        Refusal::Credentials(Credentials::Expired) => "CredentialsExpired",
        Refusal::FailedLogins { .. } => "FailedLogins",
        Refusal::RateLimited { .. } => "RateLimited",
        Refusal::MethodNotGranted => "MethodNotGranted",
        Refusal::CallsInFlight { .. } => "CallsInFlight",
        Refusal::BytesInFlight { .. } => "BytesInFlight",
        Refusal::HealthWatches { .. } => "HealthWatches",
        Refusal::Pipelines { .. } => "Pipelines",
        Refusal::Backups { .. } => "Backups",
        Refusal::Watchers { .. } => "Watchers",
        Refusal::WatchRanges { .. } => "WatchRanges",
        Refusal::RequestRead { .. } => "RequestRead",
        Refusal::Deadline => "Deadline",
        Refusal::TimeoutMalformed => "TimeoutMalformed",
        Refusal::MessageTooLarge { .. } => "MessageTooLarge",
        Refusal::MessageMalformed => "MessageMalformed",
        Refusal::EncodingUnknown => "EncodingUnknown",
        Refusal::MethodUnknown => "MethodUnknown",
        Refusal::Panicked => "Panicked",
    }
}
const REFUSALS: usize = 25;

fn denied(identity: &str) -> Failure {
    Failure::from(&Denied {
        identity: identity.to_owned(),
        right: Right::Write,
    })
}

/// Every status that this server makes, about the longest key.
fn every_status() -> Vec<Status> {
    let long = "\u{10ffff}".repeat(256);
    let key = Key::new(&long, 1024).unwrap();
    let version = Version::new(i64::MAX).unwrap();
    let malformed = GetRequest::decode(&[0x0a, 1, 0xff][..]).unwrap_err();
    every_error()
        .iter()
        .map(|error| of_key(error, key).into())
        .chain(
            every_refusal()
                .iter()
                .map(|refusal| Failure::from(refusal).into()),
        )
        .chain([
            service_unknown(&long).into(),
            denied(&"i".repeat(128)).with_echo("key", &long).into(),
            denied(&"i".repeat(128))
                .with_range(&Range::new(long.clone(), long.clone(), String::new(), 1024).unwrap())
                .into(),
            of_check(&Error::KeyPresent { current: version }, usize::MAX, key).into(),
            of_check(&Error::KeyAbsent, 0, key).into(),
            crate::proto::codec::malformed(&malformed.to_string()),
        ])
        .collect()
}

fn header_bytes(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 32)
        .sum()
}

#[test]
fn every_variant_is_walked() {
    let errors: BTreeSet<_> = every_error().iter().map(name_of_error).collect();
    assert_eq!(errors.len(), ERRORS);
    let refusals: BTreeSet<_> = every_refusal().iter().map(name_of_refusal).collect();
    assert_eq!(refusals.len(), REFUSALS);
}

#[test]
fn every_status_says_its_reason_in_its_message_and_in_its_details() {
    for status in every_status() {
        let details = status.get_error_details();
        let info = details.error_info().expect("ErrorInfo");
        assert_eq!(info.domain, DOMAIN);
        assert!(
            status.message().starts_with(&format!("{}: ", info.reason)),
            "{}",
            status.message()
        );
        assert!(info.reason.len() <= 63, "{}", info.reason);
        assert!(
            info.reason
                .bytes()
                .all(|byte| byte == b'_' || byte.is_ascii_uppercase()),
            "{}",
            info.reason
        );
    }
}

#[test]
fn details_follow_the_code() {
    for status in every_status() {
        let details = status.get_error_details();
        let (code, message) = (status.code(), status.message());
        assert_eq!(
            details.bad_request().is_some(),
            code == Code::InvalidArgument,
            "{message}"
        );
        let passes =
            message.starts_with("TOO_MANY_FAILED_LOGINS") || message.starts_with("RATE_LIMITED");
        // It would say that nothing has changed, which is not certain there.
        let unavailable = code == Code::Unavailable && !message.starts_with("JOURNAL_FAILED");
        let later = unavailable || passes;
        assert_eq!(details.retry_info().is_some(), later, "{message}");
        assert_eq!(
            status.metadata().contains_key(RETRY_PUSHBACK_MS),
            later,
            "{message}"
        );
    }
}

#[test]
fn every_number_and_name_of_a_message_is_in_the_metadata() {
    for status in every_status() {
        let details = status.get_error_details();
        let metadata = &details.error_info().unwrap().metadata;
        // What a description says is there as a whole.
        let rest = metadata
            .get("description")
            .map_or(status.message().to_owned(), |description| {
                status.message().replace(description, "")
            });
        let known = |number: &str| {
            ["0", "64"].contains(&number) || metadata.values().any(|value| value == number)
        };
        for number in rest
            .split(|letter: char| !(letter.is_ascii_digit() || letter == '-'))
            .filter(|part| part.bytes().any(|byte| byte.is_ascii_digit()))
        {
            assert!(known(number), "{number} of {}", status.message());
        }
    }
}

#[test]
fn trailers_stay_small_about_the_longest_key() {
    for status in every_status() {
        let mut headers = HeaderMap::new();
        status.add_header(&mut headers).unwrap();
        let bytes = header_bytes(&headers);
        assert!(
            bytes < TRAILERS_BYTES_MAX,
            "{bytes} of {}",
            status.message()
        );
    }
}

#[test]
fn an_operation_of_a_transaction_is_told_with_its_place() {
    let long = "\u{10ffff}".repeat(256);
    for error in every_error() {
        let failure = of_key(&error, Key::new(&long, 1024).unwrap());
        let status = Status::from(failure.clone().with_operation(usize::MAX));
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!(
            (status.code(), &*info.reason),
            (failure.code(), failure.reason())
        );
        let place = usize::MAX.to_string();
        assert_eq!(info.metadata["operation_index"], place);
        assert!(status.message().ends_with(&format!("(operation {place})")));
        let mut headers = HeaderMap::new();
        status.add_header(&mut headers).unwrap();
        assert!(header_bytes(&headers) < TRAILERS_BYTES_MAX);
    }
}

#[test]
fn a_check_tells_the_version_that_is_there() {
    let version = Version::new(7).unwrap();
    for (error, current) in [
        (Error::KeyPresent { current: version }, "7"),
        (Error::KeyAbsent, "0"),
        (
            Error::VersionMismatch {
                current: Some(version),
            },
            "7",
        ),
        (Error::VersionMismatch { current: None }, "0"),
    ] {
        let status = Status::from(of_check(&error, 3, Key::new("k", 8).unwrap()));
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!(
            (status.code(), &*info.reason),
            (Code::Aborted, "CHECK_FAILED")
        );
        assert_eq!(info.metadata["check_index"], "3");
        assert_eq!(info.metadata["current_version"], current);
    }
}

#[test]
fn an_error_about_a_key_repeats_its_beginning() {
    let long = "é".repeat(512);
    let status = Status::from(of_key(&Error::KeyAbsent, Key::new(&long, 1024).unwrap()));
    let details = status.get_error_details();
    let shown = &details.error_info().unwrap().metadata["key"];
    assert_eq!(shown, &"é".repeat(ECHO_BYTES_MAX / 2));
    assert!(status.message().contains(shown.as_str()));
}

#[test]
fn a_refusal_is_a_whole_grpc_answer_in_its_headers() {
    let response = refuse(&Refusal::Opening {
        bytes_done: 0,
        bytes_total: 0,
    });
    assert_eq!(response.status(), http::StatusCode::OK);
    let headers = response.headers();
    assert_eq!(headers["content-type"], "application/grpc");
    assert_eq!(headers["grpc-status"], "14");
    assert_eq!(headers[RETRY_PUSHBACK_MS], "500");
    assert!(headers.contains_key("grpc-status-details-bin"));
}

/// The rows of the table in docs/errors.md: reason to code and metadata.
fn documented() -> BTreeMap<String, (String, BTreeSet<String>)> {
    include_str!("../../../docs/errors.md")
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let mut cells = line.trim_matches('|').split('|').map(str::trim);
            let reason = cells.next().unwrap().trim_matches('`').to_owned();
            let code = cells.next().unwrap().to_owned();
            let metadata = cells.nth(1).unwrap();
            // Every second part stands between backticks.
            let names = metadata.split('`').skip(1).step_by(2);
            (reason, (code, names.map(ToOwned::to_owned).collect()))
        })
        .collect()
}

#[test]
fn the_documentation_has_the_same_rows() {
    let mut made = BTreeMap::<String, (String, BTreeSet<String>)>::new();
    for status in every_status() {
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        let code = format!("{:?}", status.code());
        let row = made
            .entry(info.reason.clone())
            .or_insert((code.clone(), BTreeSet::new()));
        assert_eq!(row.0, code, "{}", info.reason);
        // The limit's value stands under the limit's own name.
        let limit = info.metadata.get("limit");
        let names = info.metadata.keys().filter(|name| Some(*name) != limit);
        row.1.extend(names.cloned());
    }
    let documented = documented()
        .into_iter()
        .map(|(reason, (code, names))| (reason, (pascal_case(&code), names)))
        .collect();
    assert_eq!(made, documented);
}

/// `NOT_FOUND` is `NotFound` in tonic.
fn pascal_case(code: &str) -> String {
    let mut pascal = String::new();
    for word in code.split('_') {
        pascal.push_str(&word[..1]);
        pascal.push_str(&word[1..].to_lowercase());
    }
    pascal
}
