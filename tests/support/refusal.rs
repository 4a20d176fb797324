//! What a caller learns when a call fails.

use std::collections::BTreeMap;

use nanokv::proto as pb;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// A failed call, with its details taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) metadata: BTreeMap<String, String>,
    /// The fields that `BadRequest` names; of a `Failure`, the `field` of its
    /// metadata.
    pub(crate) fields: Vec<String>,
    /// How many bytes the details have in the trailers, before base64.
    pub(crate) details_bytes: usize,
}

impl Refusal {
    /// What every error has: `ErrorInfo` of our domain, and a message that
    /// begins with its reason.
    fn checked(self) -> Self {
        let upper_snake = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        assert!(
            !self.reason.is_empty() && self.reason.len() <= 63,
            "{self:?}"
        );
        assert!(self.reason.chars().all(upper_snake), "{self:?}");
        assert!(self.message.starts_with(&self.reason), "{self:?}");
        if self.code == Code::InvalidArgument {
            assert!(!self.fields.is_empty(), "no field named: {self:?}");
        }
        self
    }

    /// The metadata under a name, which must be there.
    pub(crate) fn detail(&self, name: &str) -> &str {
        let value = self.metadata.get(name);
        value.unwrap_or_else(|| panic!("no {name} in the metadata of {self:?}"))
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        let info = status.get_details_error_info();
        let info = info.unwrap_or_else(|| panic!("without ErrorInfo: {status:?}"));
        assert_eq!(info.domain, "nanokv", "{status:?}");
        let violations = status.get_details_bad_request();
        let violations = violations.map_or(vec![], |request| request.field_violations);
        Self {
            code: status.code(),
            reason: info.reason,
            message: status.message().to_owned(),
            metadata: info.metadata.into_iter().collect(),
            fields: violations.into_iter().map(|it| it.field).collect(),
            details_bytes: status.details().len(),
        }
        .checked()
    }
}

impl From<pb::Failure> for Refusal {
    fn from(failure: pb::Failure) -> Self {
        Self {
            code: Code::from(failure.code),
            reason: failure.reason,
            message: failure.message,
            fields: failure.metadata.get("field").cloned().into_iter().collect(),
            metadata: failure.metadata.into_iter().collect(),
            details_bytes: 0,
        }
        .checked()
    }
}
