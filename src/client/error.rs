//! Why a call failed, as the server told it, or as it was seen from here.

use std::{collections::BTreeMap, error, fmt, iter::successors, time::Duration};

use tonic::{Code, ConnectError, Status, TimeoutExpired};
use tonic_types::StatusExt;

use crate::{client::reason::Reason, proto as pb};

/// Who gives the reason words their meaning.
const DOMAIN: &str = "nanokv";

/// The trailer that says when to try again, in milliseconds; anything else in
/// it says never to.
const RETRY_PUSHBACK_MS: &str = "grpc-retry-pushback-ms";

/// Why a call, or one operation of several, failed.
#[derive(Clone, Debug)]
pub struct Error(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    code: Code,
    reason: Option<Reason>,
    message: String,
    metadata: BTreeMap<String, String>,
    violations: Vec<Violation>,
    pushback: Pushback,
    reached: bool,
}

/// A field of the request that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its path, such as `operations[2].set.key`.
    pub field: String,
    /// What is wrong with it.
    pub description: String,
}

/// When the server wants to be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushback {
    /// It did not say.
    Unsaid,
    /// After so long.
    After(Duration),
    /// Not at all.
    Never,
}

impl Error {
    /// The gRPC status code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// What went wrong, in a word. None: no nanokv server said so; the
    /// connection was lost, for example, or something in between answered.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        self.0.reason.as_ref()
    }

    /// The same for people. Its wording may change.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// A changing part of the message by its name, such as `limit`.
    #[must_use]
    pub fn metadata(&self, name: &str) -> Option<&str> {
        self.0.metadata.get(name).map(String::as_str)
    }

    /// Every changing part of the message, by its name.
    pub fn all_metadata(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.0.metadata.iter();
        all.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The fields that break a rule, when the code is `InvalidArgument`.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    /// The version of the entry that is in the way of a condition or a check; 0
    /// when the key is absent.
    #[must_use]
    pub fn current_version(&self) -> Option<i64> {
        self.metadata("current_version")?.parse().ok()
    }

    /// Where a watch can begin at the earliest, when its start is gone.
    #[must_use]
    pub fn oldest_version(&self) -> Option<i64> {
        self.metadata("oldest_version")?.parse().ok()
    }

    /// Which check of a transaction does not hold, counted from 0.
    #[must_use]
    pub fn check_index(&self) -> Option<usize> {
        self.metadata("check_index")?.parse().ok()
    }

    /// Which operation of a transaction failed, counted from 0.
    #[must_use]
    pub fn operation_index(&self) -> Option<usize> {
        self.metadata("operation_index")?.parse().ok()
    }

    /// When the server wants to be asked again, if it said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self.0.pushback {
            Pushback::After(delay) => Some(delay),
            Pushback::Unsaid | Pushback::Never => None,
        }
    }

    /// Whether a condition of the caller was not met: somebody was first, the
    /// key is not as expected, or the counter is at its bound.
    #[must_use]
    pub fn is_refused_condition(&self) -> bool {
        matches!(
            self.reason(),
            Some(
                Reason::KeyExists
                    | Reason::KeyNotFound
                    | Reason::VersionMismatch
                    | Reason::CheckFailed
                    | Reason::CounterOutOfBounds
            )
        )
    }

    /// Whether the server could not be reached, or could not answer now.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        self.code() == Code::Unavailable
    }

    /// Whether a change may have been made all the same: the answer was lost, or
    /// did not come in time, or the disk failed under it. False when certainly
    /// nothing has changed.
    #[must_use]
    pub fn may_have_changed(&self) -> bool {
        match self.reason() {
            Some(Reason::Internal | Reason::DeadlineExceeded | Reason::JournalFailed) => true,
            Some(_) => false,
            None => self.0.reached,
        }
    }

    pub(crate) fn pushback(&self) -> Pushback {
        self.0.pushback
    }

    /// The deadline has passed here, without an answer.
    pub(crate) fn deadline() -> Self {
        Self::local(Code::DeadlineExceeded, "no answer before the deadline")
            .with_reason(Reason::DeadlineExceeded)
    }

    /// The answer does not say what the contract demands.
    pub(crate) fn answer(what: &str) -> Self {
        Self::local(
            Code::Internal,
            format!("the server's answer cannot be understood: {what}"),
        )
    }

    /// The connection is lost, or was not made when `reached` is false.
    pub(crate) fn unavailable(message: impl Into<String>, reached: bool) -> Self {
        let mut error = Self::local(Code::Unavailable, message);
        error.0.reached = reached;
        error
    }

    /// What the caller gave is wrong, and was not sent.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        let mut error = Self::local(Code::InvalidArgument, message);
        error.0.reached = false;
        error
    }

    fn local(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            code,
            reason: None,
            message: message.into(),
            metadata: BTreeMap::new(),
            violations: Vec::new(),
            pushback: Pushback::Unsaid,
            reached: true,
        }))
    }

    fn with_reason(mut self, reason: Reason) -> Self {
        self.0.reason = Some(reason);
        self
    }

    /// What tonic says without having heard it from a server.
    fn of_transport(status: &Status, source: &(dyn error::Error + 'static)) -> Self {
        let causes = || successors(Some(source), |cause| cause.source());
        if causes().any(<dyn error::Error>::is::<TimeoutExpired>) {
            return Self::deadline();
        }
        let reached = !causes().any(<dyn error::Error>::is::<ConnectError>);
        let first = causes().last().map(ToString::to_string);
        let first = first.unwrap_or_else(|| status.message().to_owned());
        let what = if reached {
            "the connection was lost"
        } else {
            "the server cannot be reached"
        };
        Self::unavailable(format!("{what}: {first}"), reached)
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        if let Some(source) = error::Error::source(&status) {
            return Self::of_transport(&status, source);
        }
        let details = status.get_error_details();
        let info = details.error_info().filter(|info| info.domain == DOMAIN);
        let said = status.metadata().get(RETRY_PUSHBACK_MS);
        let pushback = match said.map(|said| said.to_str().unwrap_or_default().parse()) {
            Some(Ok(millis)) => Pushback::After(Duration::from_millis(millis)),
            Some(Err(_)) => Pushback::Never,
            None => details
                .retry_info()
                .and_then(|info| info.retry_delay)
                .map_or(Pushback::Unsaid, Pushback::After),
        };
        let violations = details.bad_request().map(|request| {
            let told = request.field_violations.iter();
            told.map(|violation| Violation {
                field: violation.field.clone(),
                description: violation.description.clone(),
            })
            .collect()
        });
        Self(Box::new(Parts {
            code: status.code(),
            reason: info.map(|info| Reason::from(info.reason.clone())),
            message: status.message().to_owned(),
            metadata: info
                .map(|info| info.metadata.clone().into_iter().collect())
                .unwrap_or_default(),
            violations: violations.unwrap_or_default(),
            pushback,
            reached: true,
        }))
    }
}

impl From<pb::Failure> for Error {
    fn from(failure: pb::Failure) -> Self {
        let field = failure.metadata.get("field").cloned();
        let description = failure.metadata.get("description").cloned();
        let violation = field.map(|field| Violation {
            field,
            description: description.unwrap_or_default(),
        });
        Self(Box::new(Parts {
            code: Code::from_i32(failure.code),
            reason: Some(Reason::from(failure.reason)),
            message: failure.message,
            metadata: failure.metadata.into_iter().collect(),
            violations: violation.into_iter().collect(),
            pushback: Pushback::Unsaid,
            reached: true,
        }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.message.is_empty() {
            write!(formatter, "{}", self.0.code)
        } else {
            formatter.write_str(&self.0.message)
        }
    }
}

impl error::Error for Error {}

#[cfg(test)]
mod tests;
