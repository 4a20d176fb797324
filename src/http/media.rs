//! The forms of a value: as it is, or inside JSON.

use http::{HeaderMap, header};

use crate::{
    calls::failure::Failure,
    http::problem,
    model::{
        error::{Invalid, Rule},
        value::Kind,
    },
};

/// JSON.
pub const JSON: &str = "application/json";
/// Text.
pub const TEXT: &str = "text/plain";
/// Text, as it is sent.
pub const TEXT_UTF8: &str = "text/plain; charset=utf-8";
/// Any bytes.
pub const BYTES: &str = "application/octet-stream";
/// What curl says of `--data` when nobody tells it otherwise.
const FORM: &str = "application/x-www-form-urlencoded";

/// What a request says that its body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A message in JSON.
    Json,
    /// A value, as it is.
    Raw(Kind),
}

/// That the body of a request is all of something, and as it is.
///
/// # Errors
/// `MEDIA_TYPE_UNSUPPORTED` for one that is encoded, an [`Invalid`] for a part.
fn is_whole(headers: &HeaderMap) -> Result<(), Failure> {
    if headers.contains_key(header::CONTENT_RANGE) {
        let rule = "a body is the whole of it";
        return Err(Invalid::new("Content-Range", Rule::Malformed, rule).into());
    }
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    if !encodings.all(|it| it.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(problem::unsupported_media(
            "as it is, without Content-Encoding",
        ));
    }
    Ok(())
}

/// What the body of a request is that stores a value. `kind` is what its query
/// says, which counts before its content type.
///
/// # Errors
/// `MEDIA_TYPE_UNSUPPORTED`, or a `kind` that there is not.
pub fn form(headers: &HeaderMap, kind: Option<&str>) -> Result<Form, Failure> {
    is_whole(headers)?;
    match kind {
        None => {}
        Some("text") => return Ok(Form::Raw(Kind::Text)),
        Some("number") => return Ok(Form::Raw(Kind::Number)),
        Some("data") => return Ok(Form::Raw(Kind::Data)),
        Some(_) => {
            let rule = "it is text, number or data";
            return Err(Invalid::new("kind", Rule::OutOfRange, rule).into());
        }
    }
    let Some(given) = headers.get(header::CONTENT_TYPE) else {
        return Ok(Form::Raw(Kind::Data));
    };
    let given = given.to_str().unwrap_or_default().to_ascii_lowercase();
    let mut parts = given.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let charset = parts.find_map(|part| part.strip_prefix("charset="));
    let is_utf8 = charset
        .is_none_or(|charset| ["utf-8", "utf8", "us-ascii"].contains(&charset.trim_matches('"')));
    match essence {
        JSON if is_utf8 => Ok(Form::Json),
        TEXT | FORM if is_utf8 => Ok(Form::Raw(Kind::Text)),
        BYTES => Ok(Form::Raw(Kind::Data)),
        _ => Err(problem::unsupported_media(
            "text/plain and application/json in UTF-8, and application/octet-stream",
        )),
    }
}

/// That the body of a request, if it has one, is JSON.
///
/// # Errors
/// `MEDIA_TYPE_UNSUPPORTED`.
pub fn is_json(headers: &HeaderMap) -> Result<(), Failure> {
    match form(headers, None)? {
        Form::Json => Ok(()),
        // curl's own word for what it was not told of.
        Form::Raw(_) if says(headers, FORM) || !headers.contains_key(header::CONTENT_TYPE) => {
            Ok(())
        }
        Form::Raw(_) => Err(problem::unsupported_media("application/json")),
    }
}

fn says(headers: &HeaderMap, essence: &str) -> bool {
    let given = headers.get(header::CONTENT_TYPE);
    given
        .and_then(|given| given.to_str().ok())
        .and_then(|given| given.split(';').next())
        .is_some_and(|given| given.trim().eq_ignore_ascii_case(essence))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(content_type: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        headers
    }

    #[test]
    fn the_content_type_says_the_kind_and_the_query_says_it_louder() {
        for (given, expected) in [
            ("text/plain", Form::Raw(Kind::Text)),
            ("Text/Plain; Charset=\"UTF-8\"", Form::Raw(Kind::Text)),
            (FORM, Form::Raw(Kind::Text)),
            (BYTES, Form::Raw(Kind::Data)),
            (JSON, Form::Json),
        ] {
            assert_eq!(form(&headers(given), None), Ok(expected), "{given}");
            let louder = form(&headers(given), Some("number"));
            assert_eq!(louder, Ok(Form::Raw(Kind::Number)));
        }
        assert_eq!(form(&HeaderMap::new(), None), Ok(Form::Raw(Kind::Data)));
        assert!(form(&HeaderMap::new(), Some("blob")).is_err());
    }

    #[test]
    fn a_type_that_would_be_lost_is_refused() {
        for given in [
            "text/html",
            "image/png",
            "text/plain; charset=latin1",
            "é",
            "",
        ] {
            let refused = form(&headers(given), None).unwrap_err();
            assert_eq!(refused.reason(), "MEDIA_TYPE_UNSUPPORTED", "{given}");
        }
        assert!(is_json(&headers(BYTES)).is_err());
        assert!(is_json(&headers(TEXT)).is_err());
        assert!(is_json(&headers(FORM)).is_ok());
        assert!(is_json(&HeaderMap::new()).is_ok());
    }
}
