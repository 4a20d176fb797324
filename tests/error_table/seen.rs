//! What a client sees of an error.

use std::collections::BTreeMap;

use nanokv::proto;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// An error, taken apart.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) code: Code,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) fields: Vec<String>,
    pub(crate) retry_info: bool,
    pub(crate) pushback_ms: Option<u64>,
}

impl From<Status> for Seen {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let info = details
            .error_info()
            .unwrap_or_else(|| panic!("without ErrorInfo: {status:?}"));
        assert_eq!(info.domain, "nanokv", "{status:?}");
        let violations = details
            .bad_request()
            .map_or(&[][..], |request| &request.field_violations);
        let pushback = status.metadata().get("grpc-retry-pushback-ms");
        Self {
            code: status.code(),
            reason: info.reason.clone(),
            message: status.message().to_owned(),
            metadata: info.metadata.clone().into_iter().collect(),
            fields: violations.iter().map(|it| it.field.clone()).collect(),
            retry_info: details
                .retry_info()
                .is_some_and(|retry| retry.retry_delay.is_some()),
            pushback_ms: pushback.map(|value| value.to_str().unwrap().parse().unwrap()),
        }
    }
}

impl From<proto::Failure> for Seen {
    fn from(failure: proto::Failure) -> Self {
        Self {
            code: Code::from(failure.code),
            reason: failure.reason,
            message: failure.message,
            fields: failure.metadata.get("field").cloned().into_iter().collect(),
            metadata: failure.metadata.into_iter().collect(),
            retry_info: false,
            pushback_ms: None,
        }
    }
}
