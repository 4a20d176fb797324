//! `ETag` and what may be asked of one: If-Match and If-None-Match. A tag is
//! the version of an entry, in quotes.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{
    calls::failure::Failure,
    http::body::header_value,
    model::error::{Invalid, Rule},
    proto::{Condition, condition::Kind},
};

/// What a read with conditions comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// The entry is told.
    Told,
    /// The client has it.
    NotModified,
    /// It is not what the client wanted.
    Failed,
}

/// The tag of an entry of this version.
///
/// # Errors
/// None: a number is always a header.
pub fn tag(version: i64) -> Result<HeaderValue, Failure> {
    header_value(format_args!("\"{version}\"")).ok_or_else(|| malformed(&header::ETAG).into())
}

/// What must hold for a change to be made, if the headers say it.
///
/// # Errors
/// An [`Invalid`] for a header that is neither `*` nor one tag of this store,
/// where it may be.
pub fn of_change(headers: &HeaderMap) -> Result<Option<Condition>, Invalid> {
    let matches = only(headers, &header::IF_MATCH)?;
    let none_match = only(headers, &header::IF_NONE_MATCH)?;
    let kind = match (matches, none_match) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            let rule = "it does not go together with If-Match";
            return Err(Invalid::new("If-None-Match", Rule::Conflict, rule));
        }
        (Some("*"), None) => Kind::Present(true),
        (Some(tag), None) => {
            let version = version(tag).ok_or_else(|| malformed(&header::IF_MATCH))?;
            Kind::Version(version)
        }
        (None, Some("*")) => Kind::Absent(true),
        (None, Some(_)) => {
            let rule = "with a change it is *, which means: if the key is absent";
            return Err(Invalid::new("If-None-Match", Rule::Malformed, rule));
        }
    };
    Ok(Some(Condition { kind: Some(kind) }))
}

/// What a read of the entry of `version` comes to. Tags that are not of this
/// store match nothing.
#[must_use]
pub fn of_read(headers: &HeaderMap, version: i64) -> Read {
    let has = |name: &HeaderName| {
        let tags = headers.get_all(name).iter();
        tags.filter_map(|tags| tags.to_str().ok())
            .flat_map(|tags| tags.split(','))
            .map(str::trim)
            .any(|tag| {
                let strong = tag
                    .strip_prefix("W/")
                    .filter(|_| name == header::IF_NONE_MATCH);
                tag == "*" || self::version(strong.unwrap_or(tag)) == Some(version)
            })
    };
    if headers.contains_key(header::IF_MATCH) && !has(&header::IF_MATCH) {
        Read::Failed
    } else if has(&header::IF_NONE_MATCH) {
        Read::NotModified
    } else {
        Read::Told
    }
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Invalid> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    match (value.to_str(), values.next()) {
        (Ok(value), None) => Ok(Some(value.trim())),
        _ => Err(malformed(name)),
    }
}

fn version(tag: &str) -> Option<i64> {
    tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

fn malformed(name: &HeaderName) -> Invalid {
    let rule = "it is * or the ETag of one entry: its version, in quotes";
    Invalid::new(name.as_str().to_owned(), Rule::Malformed, rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(given: &[(HeaderName, &str)]) -> HeaderMap {
        let given = given.iter();
        given
            .map(|(name, value)| (name.clone(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn a_change_takes_one_tag_or_a_star() {
        let of = |name, value| of_change(&headers(&[(name, value)]));
        let kind = |kind| Ok(Some(Condition { kind: Some(kind) }));
        assert_eq!(of_change(&HeaderMap::new()), Ok(None));
        assert_eq!(of(header::IF_MATCH, "\"7\""), kind(Kind::Version(7)));
        assert_eq!(of(header::IF_MATCH, "*"), kind(Kind::Present(true)));
        assert_eq!(of(header::IF_NONE_MATCH, "*"), kind(Kind::Absent(true)));
        for (name, value) in [
            (header::IF_MATCH, "7"),
            (header::IF_MATCH, "W/\"7\""),
            (header::IF_MATCH, "\"7\", \"8\""),
            (header::IF_MATCH, "\"\""),
            (header::IF_MATCH, "é"),
            (header::IF_NONE_MATCH, "\"7\""),
        ] {
            assert!(of(name, value).is_err(), "{value}");
        }
        let both = [(header::IF_MATCH, "*"), (header::IF_NONE_MATCH, "*")];
        assert_eq!(of_change(&headers(&both)).unwrap_err().rule, Rule::Conflict);
    }

    #[test]
    fn a_read_compares_with_each_tag() {
        for (name, value, expected) in [
            (header::IF_NONE_MATCH, "\"7\"", Read::NotModified),
            (header::IF_NONE_MATCH, "\"6\", W/\"7\"", Read::NotModified),
            (header::IF_NONE_MATCH, "*", Read::NotModified),
            (header::IF_NONE_MATCH, "\"x\"", Read::Told),
            (header::IF_MATCH, "\"7\"", Read::Told),
            (header::IF_MATCH, "*", Read::Told),
            (header::IF_MATCH, "W/\"7\"", Read::Failed),
            (header::IF_MATCH, "\"8\"", Read::Failed),
        ] {
            assert_eq!(of_read(&headers(&[(name, value)]), 7), expected, "{value}");
        }
    }
}
