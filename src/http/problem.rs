//! Errors as HTTP tells them: problem documents of RFC 9457, with the reason
//! words and parts that every wire has.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value as Json, json};
use tonic::{Code, body::Body};

use crate::{
    calls::failure::Failure,
    gate::{refusal::Refusal, tally::Reason},
    http::{body, hosts::Misnamed},
    model::error::{Invalid, Rule},
};

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// The whole answer to a request that is refused before it is carried out.
#[must_use]
pub fn refuse(refusal: &Refusal) -> Response<Body> {
    respond(&Failure::from(refusal))
}

/// The whole answer to a request that failed so.
#[must_use]
pub fn respond(failure: &Failure) -> Response<Body> {
    body::full(respond_as(status(failure), failure))
}

/// The answer to a read whose key is absent: no condition has failed, so it is
/// the resource that is not there.
#[must_use]
pub fn miss(key: &str) -> Response<Bytes> {
    let failure = Failure::new(Code::NotFound, "KEY_NOT_FOUND", "the key is absent");
    respond_as(StatusCode::NOT_FOUND, &failure.with_echo("key", key))
}

fn respond_as(status: StatusCode, failure: &Failure) -> Response<Bytes> {
    let document = document(failure, status).to_string();
    let mut response = body::whole(PROBLEM_JSON, Bytes::from(document));
    *response.status_mut() = status;
    if let Some(reason) = Reason::of(failure.code(), failure.reason()) {
        response.extensions_mut().insert(reason);
    }
    let headers = response.headers_mut();
    if let Some(millis) = failure.retry_ms() {
        headers.insert(header::RETRY_AFTER, millis.div_ceil(1000).into());
    }
    if status == StatusCode::UNAUTHORIZED {
        let scheme = HeaderValue::from_static("Bearer");
        headers.insert(header::WWW_AUTHENTICATE, scheme);
    }
    response
}

/// A failure as an event of a stream tells it, where there is no status.
#[must_use]
pub fn text(failure: &Failure) -> String {
    document(failure, status(failure)).to_string()
}

/// Nothing is under this path.
#[must_use]
pub fn path_unknown() -> Failure {
    Failure::new(
        Code::NotFound,
        "PATH_UNKNOWN",
        "nothing is under this path; /openapi.json tells what is",
    )
}

/// The path has other methods.
#[must_use]
pub fn method_not_allowed(allow: &'static str) -> Response<Body> {
    let failure = Failure::new(
        Code::Unimplemented,
        "METHOD_NOT_ALLOWED",
        format!("this path takes {allow}"),
    );
    let mut response = respond(&failure);
    let headers = response.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}

/// The body of a request is of a type that is not taken.
#[must_use]
pub fn unsupported_media(taken: &'static str) -> Failure {
    let text = format!("the body may be {taken}");
    Failure::new(Code::InvalidArgument, "MEDIA_TYPE_UNSUPPORTED", text)
}

/// The answer cannot be given in a form that the client accepts.
#[must_use]
pub fn not_acceptable(offered: &str) -> Failure {
    let text = format!("the answer can be {offered}");
    Failure::new(Code::InvalidArgument, "NOT_ACCEPTABLE", text)
}

/// A page of another origin asks for a change.
#[must_use]
pub fn origin_refused() -> Failure {
    Failure::new(
        Code::PermissionDenied,
        "ORIGIN_REFUSED",
        "pages of another origin may not change the store",
    )
}

/// It is asked by a name that is not of this server, or by none or two.
#[must_use]
pub fn misnamed(misnamed: Misnamed) -> Failure {
    match misnamed {
        Misnamed::Foreign => Failure::new(
            Code::PermissionDenied,
            "HOST_REFUSED",
            "the name in Host is not among http_hosts, nor localhost or an address",
        ),
        Misnamed::NotOne => {
            Invalid::new("Host", Rule::Malformed, "an HTTP/1.1 request has one").into()
        }
    }
}

/// By the reason where HTTP has a word of its own for it, else by the code.
fn status(failure: &Failure) -> StatusCode {
    match failure.reason() {
        "KEY_EXISTS" | "KEY_NOT_FOUND" | "VERSION_MISMATCH" | "CHECK_FAILED" => {
            StatusCode::PRECONDITION_FAILED
        }
        "REQUEST_ID_REUSED" | "REPLY_TOO_LARGE" => StatusCode::UNPROCESSABLE_ENTITY,
        "MEMORY_FULL" | "DISK_FULL" => StatusCode::INSUFFICIENT_STORAGE,
        "MESSAGE_TOO_LARGE" => StatusCode::PAYLOAD_TOO_LARGE,
        "FIELD_TOO_LARGE" if failure.field().is_some_and(is_value) => StatusCode::PAYLOAD_TOO_LARGE,
        "HOST_REFUSED" => StatusCode::MISDIRECTED_REQUEST,
        "REQUEST_TOO_SLOW" => StatusCode::REQUEST_TIMEOUT,
        "VERSION_COMPACTED" => StatusCode::GONE,
        "METHOD_NOT_ALLOWED" => StatusCode::METHOD_NOT_ALLOWED,
        "MEDIA_TYPE_UNSUPPORTED" => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "NOT_ACCEPTABLE" => StatusCode::NOT_ACCEPTABLE,
        _ => by_code(failure.code()),
    }
}

/// Whether a field is a value, or its text or data, also in an operation.
fn is_value(field: &str) -> bool {
    field.split('.').any(|name| name == "value")
}

const fn by_code(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted | Code::FailedPrecondition => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded | Code::Cancelled => StatusCode::GATEWAY_TIMEOUT,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn document(failure: &Failure, status: StatusCode) -> Json {
    let metadata: Map<_, _> = failure
        .parts()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": failure.message(),
        "code": i32::from(failure.code()),
        "reason": failure.reason(),
        "metadata": metadata,
    })
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::model::{
        error::{Error, Invalid},
        version::Version,
    };

    async fn told(failure: &Failure) -> (u16, Json) {
        let response = respond(failure);
        let status = response.status().as_u16();
        let headers = response.headers();
        assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn a_condition_that_is_not_met_is_412_with_the_current_version() {
        let failure = Failure::from(Error::VersionMismatch {
            current: Version::new(7),
        });
        let (status, document) = told(&failure).await;
        assert_eq!(status, 412);
        let expected = json!({
            "type": "about:blank",
            "title": "Precondition Failed",
            "status": 412,
            "detail": failure.message(),
            "code": 10,
            "reason": "VERSION_MISMATCH",
            "metadata": { "current_version": "7" },
        });
        assert_eq!(document, expected);
    }

    #[tokio::test]
    async fn each_kind_of_failure_has_the_status_that_clients_know() {
        let value = Invalid::too_large("value.text", 9, "value_bytes_max", 8);
        let opening = Refusal::Opening {
            bytes_done: 0,
            bytes_total: 0,
        };
        let disk_full = Error::DiskFull {
            disk_free_bytes_min: 1,
        };
        let journal_full = Error::JournalFull {
            limit: "journal_segment_bytes",
            value: 1,
        };
        for (failure, expected) in [
            (Failure::from(Error::KeyAbsent), 412),
            (Failure::from(Error::RequestIdReused), 422),
            (Failure::from(Error::MemoryFull { memory_max: 1 }), 507),
            (Failure::from(disk_full), 507),
            (Failure::from(journal_full), 429),
            (Failure::from(Error::JournalFailed), 503),
            (Failure::from(Error::CounterOverflow { number: 1 }), 409),
            (Failure::from(value), 413),
            (Failure::from(Refusal::Watchers { watchers_max: 1 }), 429),
            (Failure::from(opening), 503),
            (path_unknown(), 404),
            (unsupported_media("text"), 415),
            (not_acceptable("text"), 406),
            (origin_refused(), 403),
            (misnamed(Misnamed::Foreign), 421),
            (misnamed(Misnamed::NotOne), 400),
        ] {
            assert_eq!(told(&failure).await.0, expected, "{}", failure.reason());
        }
    }

    #[test]
    fn who_is_to_come_back_is_told_when() {
        assert_eq!(miss("k").status(), 404);
        let response = refuse(&Refusal::CallsInFlight {
            calls_in_flight_max: 1,
        });
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        // Only a restart helps: to come back later does not.
        let response = respond(&Failure::from(Error::JournalFailed));
        assert_eq!(response.headers().get(header::RETRY_AFTER), None);
    }
}
