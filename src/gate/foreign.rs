//! Answers that are not ours. Every error of nanokv carries its details, so
//! one that does not was made by tonic; its code alone tells which.

use http::{HeaderMap, HeaderName};
use tonic::Code;

use crate::gate::{config::Config, load::wide, refusal::Refusal};

const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// What tonic meant, if the headers or trailers of an answer say an error of its
/// own making. `compressed` is whether the request names an encoding.
#[must_use]
pub fn refusal(headers: &HeaderMap, compressed: bool, config: &Config) -> Option<Refusal> {
    let code = code(headers)?;
    match code {
        // Tonic makes none of these: reflection says it, without details.
        Code::Ok | Code::NotFound => None,
        _ if headers.contains_key(&DETAILS) => None,
        Code::OutOfRange => Some(Refusal::MessageTooLarge {
            message_bytes_max: wide(config.message_bytes_max),
        }),
        Code::Unimplemented if compressed => Some(Refusal::EncodingUnknown),
        Code::Unimplemented => Some(Refusal::MethodUnknown),
        Code::Cancelled | Code::DeadlineExceeded => Some(Refusal::Deadline),
        Code::Internal
        | Code::InvalidArgument
        | Code::Unknown
        | Code::DataLoss
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::Unavailable
        | Code::Unauthenticated => Some(Refusal::MessageMalformed),
    }
}

/// The code of an answer that is an error from its first frame on.
#[must_use]
pub fn code(headers: &HeaderMap) -> Option<Code> {
    headers
        .get(&STATUS)
        .map(|value| Code::from_bytes(value.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: &str, details: bool) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(STATUS, code.parse().unwrap());
        if details {
            headers.insert(DETAILS, "x".parse().unwrap());
        }
        headers
    }

    fn meant(code: &str, details: bool, compressed: bool) -> Option<Refusal> {
        refusal(&answer(code, details), compressed, &Config::default())
    }

    #[test]
    fn an_error_with_details_is_ours_and_stays() {
        assert_eq!(meant("11", true, false), None);
        assert_eq!(meant("0", false, false), None);
        assert_eq!(meant("5", false, false), None, "what reflection looks for");
        assert_eq!(refusal(&HeaderMap::new(), false, &Config::default()), None);
    }

    #[test]
    fn an_error_without_details_is_told_by_its_code() {
        let message_bytes_max = 4 << 20;
        assert_eq!(
            meant("11", false, false),
            Some(Refusal::MessageTooLarge { message_bytes_max })
        );
        assert_eq!(meant("12", false, false), Some(Refusal::MethodUnknown));
        assert_eq!(meant("12", false, true), Some(Refusal::EncodingUnknown));
        assert_eq!(meant("13", false, false), Some(Refusal::MessageMalformed));
        assert_eq!(meant("1", false, false), Some(Refusal::Deadline));
    }
}
