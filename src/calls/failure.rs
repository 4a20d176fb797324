//! Why a call or one operation of it failed: the one form from which both the
//! status of a call and the failure inside a result are made.

use std::{borrow::Cow, collections::HashMap, time::Duration};

use tonic::{Code, Status, metadata::MetadataValue};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::{model::range::Range, proto};

/// Who gives the reason words their meaning: `ErrorInfo.domain`.
pub const DOMAIN: &str = "nanokv";

/// The trailer that tells a client's retry policy when to come back, in
/// milliseconds.
pub const RETRY_PUSHBACK_MS: &str = "grpc-retry-pushback-ms";

/// How many bytes of a key, or of another name that the caller gave, an error
/// repeats.
pub const ECHO_BYTES_MAX: usize = 128;

/// A failure, not yet in the form of a wire.
#[derive(Clone, Debug, PartialEq, Eq)]
// In a box, since what may fail is moved whether it does or not.
pub struct Failure(Box<Parts>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    code: Code,
    reason: &'static str,
    text: Cow<'static, str>,
    metadata: Vec<(&'static str, String)>,
    violation: Option<Violation>,
    retry_ms: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Violation {
    field: String,
    description: String,
}

impl Failure {
    /// A failure without changing parts. `reason` is `UPPER_SNAKE`, at most 63
    /// characters; `text` is the rest of the message.
    #[must_use]
    pub fn new(code: Code, reason: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Parts {
            code,
            reason,
            text: text.into(),
            metadata: Vec::new(),
            violation: None,
            retry_ms: None,
        }))
    }

    /// With a changing part of the message, for programs.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &impl ToString) -> Self {
        self.0.metadata.push((name, value.to_string()));
        self
    }

    /// With the limit that was passed: its name under `limit`, and its value
    /// under its name.
    #[must_use]
    pub fn with_limit(self, name: &'static str, value: u64) -> Self {
        self.with("limit", &name).with(name, &value)
    }

    /// With the field that breaks a rule.
    #[must_use]
    pub fn with_violation(mut self, field: &str, description: &str) -> Self {
        self.0.violation = Some(Violation {
            field: field.to_owned(),
            description: description.to_owned(),
        });
        self.with("field", &field).with("description", &description)
    }

    /// With the milliseconds after which trying again may help.
    #[must_use]
    pub fn with_retry(mut self, millis: u32) -> Self {
        self.0.retry_ms = Some(millis);
        self
    }

    /// With a name that the caller gave and that it is about, such as a key, cut
    /// to [`ECHO_BYTES_MAX`] bytes.
    #[must_use]
    pub fn with_echo(mut self, name: &'static str, given: &str) -> Self {
        let shown = cut(given, ECHO_BYTES_MAX);
        self.0.text = format!("{} ({name} \"{shown}\")", self.0.text).into();
        self.with(name, &shown)
    }

    /// With the range that it is about.
    #[must_use]
    pub fn with_range(self, range: &Range) -> Self {
        let parts = [
            ("prefix", range.prefix()),
            ("start", range.start()),
            ("end", range.end()),
        ];
        let parts = parts.into_iter().filter(|(_, text)| !text.is_empty());
        let shown: Vec<_> = parts
            .map(|(name, text)| format!("{name} \"{}\"", cut(text, ECHO_BYTES_MAX / 4)))
            .collect();
        let shown = if shown.is_empty() {
            "every key".to_owned()
        } else {
            shown.join(", ")
        };
        let mut failure = self.with("range", &shown);
        failure.0.text = format!("{} ({shown})", failure.0.text).into();
        failure
    }

    /// With the place of the operation that it is about, counted from 0, where
    /// several fail as one.
    #[must_use]
    pub fn with_operation(mut self, index: usize) -> Self {
        self.0.text = format!("{} (operation {index})", self.0.text).into();
        self.with("operation_index", &index)
    }

    /// The status code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.0.code
    }

    /// The reason word.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        self.0.reason
    }

    /// The message: the reason word, then what happened in words.
    #[must_use]
    pub fn message(&self) -> String {
        format!("{}: {}", self.0.reason, self.0.text)
    }

    /// The changing parts of the message, for programs: names and values.
    pub fn parts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let parts = self.0.metadata.iter();
        parts.map(|(name, value)| (*name, value.as_str()))
    }

    /// After how many milliseconds trying again may help.
    #[must_use]
    pub fn retry_ms(&self) -> Option<u32> {
        self.0.retry_ms
    }

    /// The path of the field that breaks a rule, if one does.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        let violation = self.0.violation.as_ref();
        violation.map(|violation| violation.field.as_str())
    }

    fn metadata(&self) -> HashMap<String, String> {
        self.0
            .metadata
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect()
    }
}

impl From<Failure> for Status {
    /// The status of a call that failed so, with all its details.
    fn from(failure: Failure) -> Self {
        let mut details =
            ErrorDetails::with_error_info(failure.reason(), DOMAIN, failure.metadata());
        if let Some(Violation { field, description }) = &failure.0.violation {
            let mut violation = FieldViolation::new(field, description);
            failure.reason().clone_into(&mut violation.reason);
            details.set_bad_request(vec![violation]);
        }
        if let Some(millis) = failure.0.retry_ms {
            details.set_retry_info(Some(Duration::from_millis(u64::from(millis))));
        }
        let mut status = Self::with_error_details(failure.code(), failure.message(), details);
        if let Some(millis) = failure.0.retry_ms {
            status
                .metadata_mut()
                .insert(RETRY_PUSHBACK_MS, MetadataValue::from(millis));
        }
        status
    }
}

impl From<Failure> for proto::Failure {
    /// The failure of one operation among several.
    fn from(failure: Failure) -> Self {
        Self {
            code: i32::from(failure.code()),
            reason: failure.reason().to_owned(),
            message: failure.message(),
            metadata: failure.metadata(),
        }
    }
}

/// The first bytes of `text`, at most `bytes_max`, without half a character.
pub(super) fn cut(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_cut_between_characters() {
        assert_eq!(cut("abc", 2), "ab");
        assert_eq!(cut("abc", 9), "abc");
        assert_eq!(cut("aéé", 2), "a", "no half character");
    }

    #[test]
    fn a_retry_is_told_in_the_details_and_in_the_trailer() {
        let status = Status::from(Failure::new(Code::Unavailable, "AWAY", "gone").with_retry(250));
        let details = status.get_error_details();
        assert_eq!(
            details.retry_info().unwrap().retry_delay,
            Some(Duration::from_millis(250))
        );
        assert_eq!(status.metadata().get(RETRY_PUSHBACK_MS).unwrap(), "250");
    }

    #[test]
    fn the_failure_of_an_operation_says_what_the_status_says() {
        let failure = Failure::new(Code::NotFound, "KEY_NOT_FOUND", "absent").with_echo("key", "a");
        let status = Status::from(failure.clone());
        let flat = proto::Failure::from(failure);
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!(flat.code, i32::from(status.code()));
        assert_eq!(flat.message, status.message());
        assert_eq!(flat.reason, info.reason);
        assert_eq!(flat.metadata, info.metadata);
    }
}
