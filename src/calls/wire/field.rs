//! The fields that several requests have, checked.

use crate::{
    calls::wire::time,
    model::{
        error::{Invalid, Rule},
        expiry::Expiry,
        mutation::{Condition, TouchMode},
        value::ValueRef,
        version::Version,
    },
    proto::{self, condition, increment_request, set_request, touch_request, value},
};

/// An expiry as the three requests that have one say it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Given<'a> {
    Ttl(&'a prost_types::Duration),
    ExpireTime(&'a prost_types::Timestamp),
    NeverExpire(bool),
    KeepExpiry(bool),
}

impl<'a> From<&'a set_request::Expiry> for Given<'a> {
    fn from(expiry: &'a set_request::Expiry) -> Self {
        match expiry {
            set_request::Expiry::Ttl(ttl) => Self::Ttl(ttl),
            set_request::Expiry::ExpireTime(time) => Self::ExpireTime(time),
            set_request::Expiry::NeverExpire(set) => Self::NeverExpire(*set),
            set_request::Expiry::KeepExpiry(set) => Self::KeepExpiry(*set),
        }
    }
}

impl<'a> From<&'a increment_request::Expiry> for Given<'a> {
    fn from(expiry: &'a increment_request::Expiry) -> Self {
        match expiry {
            increment_request::Expiry::Ttl(ttl) => Self::Ttl(ttl),
            increment_request::Expiry::ExpireTime(time) => Self::ExpireTime(time),
            increment_request::Expiry::NeverExpire(set) => Self::NeverExpire(*set),
            increment_request::Expiry::KeepExpiry(set) => Self::KeepExpiry(*set),
        }
    }
}

impl<'a> From<&'a touch_request::Expiry> for Given<'a> {
    fn from(expiry: &'a touch_request::Expiry) -> Self {
        match expiry {
            touch_request::Expiry::Ttl(ttl) => Self::Ttl(ttl),
            touch_request::Expiry::ExpireTime(time) => Self::ExpireTime(time),
            touch_request::Expiry::NeverExpire(set) => Self::NeverExpire(*set),
        }
    }
}

/// When an entry shall expire, if the request says it.
pub(super) fn expiry(given: Option<Given<'_>>) -> Result<Expiry, Invalid> {
    match given {
        None => Ok(Expiry::Default),
        Some(Given::Ttl(ttl)) => time::ttl(ttl).map(Expiry::After),
        Some(Given::ExpireTime(at)) => time::expire_time(at).map(Expiry::At),
        Some(Given::NeverExpire(set)) => must_be_true("never_expire", set).map(|()| Expiry::Never),
        Some(Given::KeepExpiry(set)) => must_be_true("keep_expiry", set).map(|()| Expiry::Keep),
    }
}

/// What must hold, if the request says it.
pub(super) fn condition(given: Option<&proto::Condition>) -> Result<Option<Condition>, Invalid> {
    let Some(given) = given else {
        return Ok(None);
    };
    let condition = match given.kind {
        None => return Err(missing("condition.kind", "a Condition is one of the kinds")),
        Some(condition::Kind::Absent(set)) => {
            must_be_true("condition.absent", set)?;
            Condition::Absent
        }
        Some(condition::Kind::Present(set)) => {
            must_be_true("condition.present", set)?;
            Condition::Present
        }
        Some(condition::Kind::Version(number)) => {
            Condition::Version(Version::new(number).ok_or_else(|| {
                Invalid::new(
                    "condition.version",
                    Rule::OutOfRange,
                    format!("{number} given, and a version is above 0"),
                )
            })?)
        }
    };
    Ok(Some(condition))
}

/// What shall be stored.
pub(super) fn stored(
    given: Option<&proto::Value>,
    value_bytes_max: usize,
) -> Result<ValueRef<'_>, Invalid> {
    let Some(given) = given else {
        return Err(missing("value", "a value is required"));
    };
    let (field, value) = match &given.kind {
        None => return Err(missing("value.kind", "a Value is one of the kinds")),
        Some(value::Kind::Data(data)) => ("value.data", ValueRef::Data(data)),
        Some(value::Kind::Text(text)) => ("value.text", ValueRef::Text(text)),
        Some(value::Kind::Number(number)) => ("value.number", ValueRef::Number(*number)),
    };
    if value.len() > value_bytes_max {
        return Err(Invalid::too_large(
            field,
            value.len(),
            "value_bytes_max",
            value_bytes_max,
        ));
    }
    Ok(value)
}

/// In which direction a deadline may move.
pub(super) fn mode(number: i32) -> Result<TouchMode, Invalid> {
    match proto::TouchMode::try_from(number) {
        Ok(proto::TouchMode::Unspecified) => Ok(TouchMode::Any),
        Ok(proto::TouchMode::OnlyExtend) => Ok(TouchMode::OnlyExtend),
        Ok(proto::TouchMode::OnlyShorten) => Ok(TouchMode::OnlyShorten),
        Err(_) => Err(Invalid::new(
            "mode",
            Rule::OutOfRange,
            format!("no TouchMode has the number {number}"),
        )),
    }
}

pub(super) fn must_be_true(field: &'static str, set: bool) -> Result<(), Invalid> {
    if set {
        Ok(())
    } else {
        Err(Invalid::new(
            field,
            Rule::Malformed,
            "it is true or left out",
        ))
    }
}

/// A field that is required.
pub(super) fn missing(field: &'static str, rule: &'static str) -> Invalid {
    Invalid::new(field, Rule::Missing, rule)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use prost_types::{Duration, Timestamp};

    use super::*;
    use crate::model::time::UnixMillis;

    fn value(kind: value::Kind) -> proto::Value {
        proto::Value { kind: Some(kind) }
    }

    fn broken<T: std::fmt::Debug>(result: Result<T, Invalid>) -> (String, Rule) {
        let invalid = result.unwrap_err();
        (invalid.field.into_owned(), invalid.rule)
    }

    #[test]
    fn a_value_is_borrowed_as_it_is() {
        for (kind, expected) in [
            (
                value::Kind::Data(Bytes::from_static(b"\xff")),
                ValueRef::Data(b"\xff"),
            ),
            (value::Kind::Text("é".into()), ValueRef::Text("é")),
            (value::Kind::Number(i64::MIN), ValueRef::Number(i64::MIN)),
            (value::Kind::Data(Bytes::new()), ValueRef::Data(b"")),
            (value::Kind::Text(String::new()), ValueRef::Text("")),
        ] {
            assert_eq!(stored(Some(&value(kind)), 8), Ok(expected));
        }
    }

    #[test]
    fn a_missing_value_and_a_value_of_no_kind_are_refused() {
        assert_eq!(broken(stored(None, 8)), ("value".into(), Rule::Missing));
        let of_no_kind = proto::Value { kind: None };
        assert_eq!(
            broken(stored(Some(&of_no_kind), 8)),
            ("value.kind".into(), Rule::Missing)
        );
    }

    #[test]
    fn a_value_past_value_bytes_max_is_refused_with_the_limit() {
        let fits = value(value::Kind::Text("12345678".into()));
        assert!(stored(Some(&fits), 8).is_ok());
        for (kind, field) in [
            (value::Kind::Text("123456789".into()), "value.text"),
            (
                value::Kind::Data(Bytes::from_static(b"123456789")),
                "value.data",
            ),
        ] {
            let value = value(kind);
            let invalid = stored(Some(&value), 8).unwrap_err();
            assert_eq!(invalid.field, field);
            assert_eq!(invalid.rule, Rule::TooLarge);
            assert_eq!(invalid.limit, Some(("value_bytes_max", 8)));
        }
    }

    #[test]
    fn each_expiry_is_taken() {
        let ttl = Duration {
            seconds: 1,
            nanos: 1,
        };
        let at = Timestamp {
            seconds: 2,
            nanos: 0,
        };
        for (given, expected) in [
            (None, Expiry::Default),
            (Some(Given::Ttl(&ttl)), Expiry::After(1001)),
            (
                Some(Given::ExpireTime(&at)),
                Expiry::At(UnixMillis::new(2000)),
            ),
            (Some(Given::NeverExpire(true)), Expiry::Never),
            (Some(Given::KeepExpiry(true)), Expiry::Keep),
        ] {
            assert_eq!(expiry(given), Ok(expected));
        }
    }

    #[test]
    fn false_in_a_bool_of_an_expiry_is_refused() {
        assert_eq!(
            broken(expiry(Some(Given::NeverExpire(false)))),
            ("never_expire".into(), Rule::Malformed)
        );
        assert_eq!(
            broken(expiry(Some(Given::KeepExpiry(false)))),
            ("keep_expiry".into(), Rule::Malformed)
        );
    }

    #[test]
    fn a_condition_is_taken_or_names_what_is_wrong() {
        let check = |kind| condition(Some(&proto::Condition { kind }));
        assert_eq!(condition(None), Ok(None));
        for (kind, expected) in [
            (condition::Kind::Absent(true), Condition::Absent),
            (condition::Kind::Present(true), Condition::Present),
            (
                condition::Kind::Version(7),
                Condition::Version(Version::new(7).unwrap()),
            ),
        ] {
            assert_eq!(check(Some(kind)), Ok(Some(expected)));
        }
        for (kind, field, rule) in [
            (None, "condition.kind", Rule::Missing),
            (
                Some(condition::Kind::Absent(false)),
                "condition.absent",
                Rule::Malformed,
            ),
            (
                Some(condition::Kind::Present(false)),
                "condition.present",
                Rule::Malformed,
            ),
            (
                Some(condition::Kind::Version(0)),
                "condition.version",
                Rule::OutOfRange,
            ),
            (
                Some(condition::Kind::Version(-1)),
                "condition.version",
                Rule::OutOfRange,
            ),
        ] {
            assert_eq!(broken(check(kind)), (field.into(), rule));
        }
    }

    #[test]
    fn an_unknown_mode_is_refused() {
        assert_eq!(mode(0), Ok(TouchMode::Any));
        assert_eq!(mode(1), Ok(TouchMode::OnlyExtend));
        assert_eq!(mode(2), Ok(TouchMode::OnlyShorten));
        for number in [3, -1, i32::MAX, i32::MIN] {
            assert_eq!(broken(mode(number)), ("mode".into(), Rule::OutOfRange));
        }
    }
}
