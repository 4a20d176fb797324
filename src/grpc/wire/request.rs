//! Requests to what the model knows: checked, and borrowed from the message.

use crate::{
    grpc::wire::field::{condition, expiry, missing, mode, no_request_id, stored},
    model::{
        error::{Error, Invalid, Rule},
        key::Key,
        limits::Limits,
        mutation::{Change, Increment, Mutation},
        operation::{Operation, Read},
        range::Range,
    },
    proto::{self, operation},
};

/// A listing that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Which keys.
    pub range: Range,
    /// How many entries at most; above 0.
    pub entries_max: usize,
    /// Where to go on; empty: at the beginning.
    pub page_token: String,
    /// Whether values are left out.
    pub omit_value: bool,
}

/// What a Get asks for.
///
/// # Errors
/// [`Error::Invalid`] for `key`.
pub fn get<'a>(request: &'a proto::GetRequest, limits: &Limits) -> Result<Read<'a>, Error> {
    Ok(Read {
        key: Key::new(&request.key, limits.key_bytes_max)?,
        omit_value: request.omit_value,
    })
}

/// What a Set asks for.
///
/// # Errors
/// [`Error::Unsupported`] for a `request_id`, else [`Error::Invalid`] for the
/// first field that breaks a rule.
pub fn set<'a>(request: &'a proto::SetRequest, limits: &Limits) -> Result<Mutation<'a>, Error> {
    no_request_id(&request.request_id)?;
    Ok(Mutation {
        key: Key::new(&request.key, limits.key_bytes_max)?,
        change: Change::Set {
            value: stored(request.value.as_ref(), limits.value_bytes_max)?,
            expiry: expiry(request.expiry.as_ref().map(Into::into))?,
            return_previous: request.return_previous,
        },
        condition: condition(request.condition.as_ref())?,
    })
}

/// What a Delete asks for.
///
/// # Errors
/// As [`set`].
pub fn delete<'a>(
    request: &'a proto::DeleteRequest,
    limits: &Limits,
) -> Result<Mutation<'a>, Error> {
    no_request_id(&request.request_id)?;
    Ok(Mutation {
        key: Key::new(&request.key, limits.key_bytes_max)?,
        change: Change::Delete {
            return_previous: request.return_previous,
        },
        condition: condition(request.condition.as_ref())?,
    })
}

/// What an Increment asks for.
///
/// # Errors
/// As [`set`].
pub fn increment<'a>(
    request: &'a proto::IncrementRequest,
    limits: &Limits,
) -> Result<Mutation<'a>, Error> {
    no_request_id(&request.request_id)?;
    Ok(Mutation {
        key: Key::new(&request.key, limits.key_bytes_max)?,
        change: Change::Increment(Increment {
            delta: request.delta.unwrap_or(1),
            initial: request.initial,
            min: request.min.unwrap_or(i64::MIN),
            max: request.max.unwrap_or(i64::MAX),
            expiry: expiry(request.expiry.as_ref().map(Into::into))?,
        }),
        condition: condition(request.condition.as_ref())?,
    })
}

/// What a Touch asks for.
///
/// # Errors
/// As [`set`].
pub fn touch<'a>(request: &'a proto::TouchRequest, limits: &Limits) -> Result<Mutation<'a>, Error> {
    no_request_id(&request.request_id)?;
    Ok(Mutation {
        key: Key::new(&request.key, limits.key_bytes_max)?,
        change: Change::Touch {
            expiry: expiry(request.expiry.as_ref().map(Into::into))?,
            mode: mode(request.mode)?,
            omit_value: request.omit_value,
        },
        condition: condition(request.condition.as_ref())?,
    })
}

/// What one operation of a list asks for. The path of a field that breaks a
/// rule begins with the operation's kind, as in `set.key`.
///
/// # Errors
/// Those of its call, and [`Error::Invalid`] for an operation of no kind.
pub fn operation<'a>(
    request: &'a proto::Operation,
    limits: &Limits,
) -> Result<Operation<'a>, Error> {
    let Some(kind) = &request.kind else {
        return Err(missing("kind", "an Operation is one of the kinds").into());
    };
    let decoded = match kind {
        operation::Kind::Get(request) => get(request, limits).map(Operation::Read),
        operation::Kind::Set(request) => set(request, limits).map(Operation::Mutate),
        operation::Kind::Delete(request) => delete(request, limits).map(Operation::Mutate),
        operation::Kind::Increment(request) => increment(request, limits).map(Operation::Mutate),
        operation::Kind::Touch(request) => touch(request, limits).map(Operation::Mutate),
    };
    decoded.map_err(|error| within(error, kind_name(kind)))
}

/// How many operations a list has, which must not be too many.
///
/// # Errors
/// [`Error::Invalid`] for `operations`.
pub fn batch(request: &proto::BatchRequest, limits: &Limits) -> Result<(), Error> {
    let given = request.operations.len();
    if given > limits.batch_operations_max {
        return Err(Invalid::too_large(
            "operations",
            given,
            "batch_operations_max",
            limits.batch_operations_max,
        )
        .into());
    }
    Ok(())
}

/// What a List asks for, but for its token: see
/// [`crate::grpc::wire::page_token`].
///
/// # Errors
/// [`Error::Invalid`] for `range` or `page_size`.
pub fn list(request: proto::ListRequest, limits: &Limits) -> Result<List, Error> {
    let range = request.range.unwrap_or_default();
    let range = Range::new(range.prefix, range.start, range.end, limits.key_bytes_max)
        .map_err(|invalid| invalid.within("range"))?;
    let entries_max = match usize::try_from(request.page_size) {
        Ok(0) => limits.page_entries_max,
        Ok(size) => size.min(limits.page_entries_max),
        Err(_) => {
            return Err(Invalid::new(
                "page_size",
                Rule::OutOfRange,
                format!("{} given, and it is at least 0", request.page_size),
            )
            .into());
        }
    };
    Ok(List {
        range,
        entries_max,
        page_token: request.page_token,
        omit_value: request.omit_value,
    })
}

/// The name that a kind of operation has in the contract.
#[must_use]
pub const fn kind_name(kind: &operation::Kind) -> &'static str {
    match kind {
        operation::Kind::Get(_) => "get",
        operation::Kind::Set(_) => "set",
        operation::Kind::Delete(_) => "delete",
        operation::Kind::Increment(_) => "increment",
        operation::Kind::Touch(_) => "touch",
    }
}

/// The error of something inside a message: `key` within `set` is `set.key`.
#[must_use]
pub fn within(error: Error, parent: &str) -> Error {
    match error {
        Error::Invalid(invalid) => Error::Invalid(invalid.within(parent)),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{expiry::Expiry, mutation::TouchMode, value::ValueRef},
        proto::value,
    };

    fn limits() -> Limits {
        Limits {
            key_bytes_max: 4,
            batch_operations_max: 2,
            page_entries_max: 10,
            ..Limits::default()
        }
    }

    fn set_request(key: &str) -> proto::SetRequest {
        proto::SetRequest {
            key: key.into(),
            value: Some(proto::Value {
                kind: Some(value::Kind::Number(1)),
            }),
            ..Default::default()
        }
    }

    fn field<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
        match result.unwrap_err() {
            Error::Invalid(invalid) => invalid.field.into_owned(),
            other => panic!("{other:?}"),
        }
    }

    fn page(page_size: i32) -> Result<List, Error> {
        let request = proto::ListRequest {
            page_size,
            ..Default::default()
        };
        list(request, &limits())
    }

    #[test]
    fn a_set_is_taken_as_it_is() {
        let request = set_request("key");
        let mutation = set(&request, &limits()).unwrap();
        assert_eq!(mutation.key.as_str(), "key");
        assert_eq!(mutation.condition, None);
        assert_eq!(
            mutation.change,
            Change::Set {
                value: ValueRef::Number(1),
                expiry: Expiry::Default,
                return_previous: false
            }
        );
    }

    #[test]
    fn an_increment_without_numbers_adds_1_without_bounds() {
        let request = proto::IncrementRequest {
            key: "key".into(),
            ..Default::default()
        };
        assert_eq!(
            increment(&request, &limits()).unwrap().change,
            Change::Increment(Increment {
                delta: 1,
                initial: 0,
                min: i64::MIN,
                max: i64::MAX,
                expiry: Expiry::Default
            })
        );
    }

    #[test]
    fn an_increment_by_0_adds_nothing() {
        let request = proto::IncrementRequest {
            key: "key".into(),
            delta: Some(0),
            ..Default::default()
        };
        let change = increment(&request, &limits()).unwrap().change;
        assert!(matches!(change, Change::Increment(given) if given.delta == 0));
    }

    #[test]
    fn a_touch_carries_its_mode() {
        let request = proto::TouchRequest {
            key: "key".into(),
            mode: proto::TouchMode::OnlyExtend.into(),
            omit_value: true,
            ..Default::default()
        };
        assert_eq!(
            touch(&request, &limits()).unwrap().change,
            Change::Touch {
                expiry: Expiry::Default,
                mode: TouchMode::OnlyExtend,
                omit_value: true
            }
        );
    }

    #[test]
    fn every_request_holds_its_key_to_the_rules() {
        for key in ["", "12345", "a\n"] {
            let key = key.to_owned();
            let get_request = proto::GetRequest {
                key: key.clone(),
                ..Default::default()
            };
            let delete_request = proto::DeleteRequest {
                key: key.clone(),
                ..Default::default()
            };
            let increment_request = proto::IncrementRequest {
                key: key.clone(),
                ..Default::default()
            };
            let touch_request = proto::TouchRequest {
                key: key.clone(),
                ..Default::default()
            };
            assert_eq!(field(get(&get_request, &limits())), "key");
            assert_eq!(field(set(&set_request(&key), &limits())), "key");
            assert_eq!(field(delete(&delete_request, &limits())), "key");
            assert_eq!(field(increment(&increment_request, &limits())), "key");
            assert_eq!(field(touch(&touch_request, &limits())), "key");
        }
    }

    #[test]
    fn a_request_id_is_refused_and_never_ignored() {
        let request_id = String::from("id");
        let refused = Error::Unsupported {
            capability: "request_id",
        };
        let set_request = proto::SetRequest {
            request_id: request_id.clone(),
            ..set_request("key")
        };
        let delete_request = proto::DeleteRequest {
            key: "key".into(),
            request_id: request_id.clone(),
            ..Default::default()
        };
        let increment_request = proto::IncrementRequest {
            key: "key".into(),
            request_id: request_id.clone(),
            ..Default::default()
        };
        let touch_request = proto::TouchRequest {
            key: "key".into(),
            request_id,
            ..Default::default()
        };
        let limits = limits();
        assert_eq!(set(&set_request, &limits).unwrap_err(), refused);
        assert_eq!(delete(&delete_request, &limits).unwrap_err(), refused);
        assert_eq!(increment(&increment_request, &limits).unwrap_err(), refused);
        assert_eq!(touch(&touch_request, &limits).unwrap_err(), refused);
    }

    #[test]
    fn the_path_within_an_operation_begins_with_its_kind() {
        let of = |kind| proto::Operation { kind };
        let bad_set = of(Some(operation::Kind::Set(set_request(""))));
        assert_eq!(field(operation(&bad_set, &limits())), "set.key");
        let no_value = proto::SetRequest {
            value: None,
            ..set_request("key")
        };
        let no_value = of(Some(operation::Kind::Set(no_value)));
        assert_eq!(field(operation(&no_value, &limits())), "set.value");
        let bad_get = of(Some(operation::Kind::Get(proto::GetRequest::default())));
        assert_eq!(field(operation(&bad_get, &limits())), "get.key");
        assert_eq!(field(operation(&of(None), &limits())), "kind");
    }

    #[test]
    fn a_list_of_operations_may_be_empty_and_not_too_long() {
        let of = |count| proto::BatchRequest {
            operations: vec![proto::Operation::default(); count],
        };
        assert!(batch(&of(0), &limits()).is_ok());
        assert!(batch(&of(2), &limits()).is_ok());
        assert_eq!(field(batch(&of(3), &limits())), "operations");
    }

    #[test]
    fn a_page_size_of_0_is_the_default_and_a_large_one_the_most() {
        assert_eq!(page(0).unwrap().entries_max, 10);
        assert_eq!(page(1).unwrap().entries_max, 1);
        assert_eq!(page(10).unwrap().entries_max, 10);
        assert_eq!(page(11).unwrap().entries_max, 10);
        assert_eq!(page(i32::MAX).unwrap().entries_max, 10);
        assert_eq!(field(page(-1)), "page_size");
        assert_eq!(field(page(i32::MIN)), "page_size");
    }

    #[test]
    fn a_range_names_the_field_that_is_wrong() {
        let of = |prefix: &str, start: &str, end: &str| {
            let range = Some(proto::Range {
                prefix: prefix.into(),
                start: start.into(),
                end: end.into(),
            });
            let request = proto::ListRequest {
                range,
                ..Default::default()
            };
            list(request, &limits())
        };
        assert_eq!(of("a", "ab", "b").unwrap().range.end(), "b");
        assert_eq!(field(of("12345", "", "")), "range.prefix");
        assert_eq!(field(of("", "123456", "")), "range.start");
        assert_eq!(field(of("", "b", "b")), "range.start");
    }
}
