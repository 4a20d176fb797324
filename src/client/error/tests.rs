//! What errors say, of what was told.

use std::collections::HashMap;

use tonic_types::{ErrorDetails, FieldViolation};

use super::*;

fn told(code: Code, reason: &str, metadata: &[(&str, &str)]) -> Status {
    let metadata: HashMap<_, _> = metadata
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let details = ErrorDetails::with_error_info(reason, DOMAIN, metadata);
    Status::with_error_details(code, format!("{reason}: so it is"), details)
}

#[test]
fn a_refused_condition_tells_the_version_that_is_in_the_way() {
    let status = told(
        Code::Aborted,
        "VERSION_MISMATCH",
        &[("current_version", "7")],
    );
    let error = Error::from(status);
    assert_eq!(error.code(), Code::Aborted);
    assert_eq!(error.reason(), Some(&Reason::VersionMismatch));
    assert_eq!(error.current_version(), Some(7));
    assert!(error.is_refused_condition());
    assert!(!error.may_have_changed());
    assert_eq!(error.to_string(), "VERSION_MISMATCH: so it is");
}

#[test]
fn the_fields_that_break_a_rule_are_told() {
    let mut details = ErrorDetails::with_error_info("FIELD_MISSING", DOMAIN, HashMap::new());
    details.set_bad_request(vec![FieldViolation::new("key", "is empty")]);
    let status = Status::with_error_details(Code::InvalidArgument, "", details);
    let error = Error::from(status);
    let violation = Violation {
        field: "key".to_owned(),
        description: "is empty".to_owned(),
    };
    assert_eq!(error.violations(), [violation]);
}

#[test]
fn the_reason_of_another_domain_is_none_of_ours() {
    let details = ErrorDetails::with_error_info("KEY_EXISTS", "proxy", HashMap::new());
    let status = Status::with_error_details(Code::AlreadyExists, "", details);
    assert_eq!(Error::from(status).reason(), None);
}

#[test]
fn the_trailer_counts_more_than_the_details() {
    let mut details = ErrorDetails::with_error_info("DRAINING", DOMAIN, HashMap::new());
    details.set_retry_info(Some(Duration::from_secs(9)));
    let mut status = Status::with_error_details(Code::Unavailable, "", details);
    let pushback = |status: &Status| Error::from(status.clone()).pushback();
    assert_eq!(pushback(&status), Pushback::After(Duration::from_secs(9)));
    for (said, understood) in [
        ("250", Pushback::After(Duration::from_millis(250))),
        ("-1", Pushback::Never),
        ("soon", Pushback::Never),
    ] {
        let metadata = status.metadata_mut();
        metadata.insert(RETRY_PUSHBACK_MS, said.parse().unwrap());
        assert_eq!(pushback(&status), understood, "{said}");
    }
}

#[test]
fn what_was_lost_on_the_way_may_have_changed_something() {
    let lost = Status::from_error(Box::new(std::io::Error::other("broken pipe")));
    let error = Error::from(lost);
    assert!(error.is_unavailable(), "{error:?}");
    assert_eq!(error.reason(), None);
    assert!(error.may_have_changed());
    assert_eq!(error.message(), "the connection was lost: broken pipe");
}

#[test]
fn a_server_that_was_never_reached_has_changed_nothing() {
    let refused = std::io::Error::other("connection refused");
    let status = Status::from_error(Box::new(ConnectError(Box::new(refused))));
    let error = Error::from(status);
    assert!(error.is_unavailable());
    assert!(!error.may_have_changed());
    assert_eq!(
        error.message(),
        "the server cannot be reached: connection refused"
    );
}

#[test]
fn a_refusal_by_the_server_has_changed_nothing_and_its_fault_may_have() {
    let draining = Error::from(told(Code::Unavailable, "DRAINING", &[]));
    assert!(draining.is_unavailable() && !draining.may_have_changed());
    let fault = Error::from(told(Code::Internal, "INTERNAL", &[]));
    assert!(fault.may_have_changed());
    assert!(Error::deadline().may_have_changed());
}

#[test]
fn an_operation_fails_with_the_same_words_as_a_call() {
    let failure = pb::Failure {
        code: 3,
        reason: "FIELD_MISSING".to_owned(),
        message: "FIELD_MISSING: set.key: is empty".to_owned(),
        metadata: HashMap::from([
            ("field".to_owned(), "set.key".to_owned()),
            ("description".to_owned(), "is empty".to_owned()),
        ]),
    };
    let error = Error::from(failure);
    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(error.reason(), Some(&Reason::FieldMissing));
    assert_eq!(error.violations()[0].field, "set.key");
}
