//! Requests to what the model knows: checked, and borrowed from the message.

use crate::{
    calls::wire::field::{condition, expiry, missing, mode, stored},
    model::{
        error::{Error, Invalid, Rule},
        key::Key,
        limits::Limits,
        mutation::{Change, Increment, Mutation},
        operation::{Operation, Read},
        range::Range,
        transaction::Check,
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
/// [`Error::Invalid`] for the first field that breaks a rule.
pub fn set<'a>(request: &'a proto::SetRequest, limits: &Limits) -> Result<Mutation<'a>, Error> {
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
pub fn batch(operations: &[proto::Operation], limits: &Limits) -> Result<(), Error> {
    let given = operations.len();
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

/// How many checks and operations a transaction has, which must not be none or
/// too many.
///
/// # Errors
/// [`Error::Invalid`] for `operations`.
pub fn transact(request: &proto::TransactRequest, limits: &Limits) -> Result<(), Error> {
    let given = request
        .checks
        .len()
        .saturating_add(request.operations.len());
    if given == 0 {
        return Err(missing("operations", "a check or an operation is required").into());
    }
    if given > limits.batch_operations_max {
        let mut invalid = Invalid::too_large(
            "operations",
            given,
            "batch_operations_max",
            limits.batch_operations_max,
        );
        invalid.description = format!("with the checks {}", invalid.description).into();
        return Err(invalid.into());
    }
    Ok(())
}

/// What a Check asks for.
///
/// # Errors
/// [`Error::Invalid`] for `key` or `condition`.
pub fn check<'a>(request: &'a proto::Check, limits: &Limits) -> Result<Check<'a>, Error> {
    let key = Key::new(&request.key, limits.key_bytes_max)?;
    let condition = condition(request.condition.as_ref())?
        .ok_or_else(|| missing("condition", "a Check has a condition"))?;
    Ok(Check { key, condition })
}

/// What one operation of a transaction asks for, which has a `request_id` of
/// its own.
///
/// # Errors
/// As [`operation()`], and [`Error::Invalid`] for a `request_id`.
pub fn own_operation<'a>(
    request: &'a proto::Operation,
    limits: &Limits,
) -> Result<Operation<'a>, Error> {
    let Some((kind, _)) = request
        .kind
        .as_ref()
        .map(|kind| (kind, request_id(kind)))
        .filter(|(_, id)| !id.is_empty())
    else {
        return operation(request, limits);
    };
    let rule = "a transaction has one request_id, its own";
    let invalid = Invalid::new("request_id", Rule::Conflict, rule);
    Err(invalid.within(kind_name(kind)).into())
}

/// What a List asks for, but for its token: see
/// [`crate::calls::wire::page_token`].
///
/// # Errors
/// [`Error::Invalid`] for `range` or `page_size`.
pub fn list(request: proto::ListRequest, limits: &Limits) -> Result<List, Error> {
    let range = range(request.range, limits)?;
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

/// Which keys a `DeleteRange` asks for.
///
/// # Errors
/// [`Error::Invalid`] for `range`, or for `all` when it does not go with the
/// range.
pub fn delete_range(request: &proto::DeleteRangeRequest, limits: &Limits) -> Result<Range, Error> {
    let range = range(request.range.clone(), limits)?;
    match (request.all, range.is_all()) {
        (true, true) | (false, false) => Ok(range),
        (false, true) => Err(missing("range", "a range is not empty, or `all` says so").into()),
        (true, false) => {
            let rule = "either every key or those of a range";
            Err(Invalid::new("all", Rule::Conflict, rule).into())
        }
    }
}

fn range(given: Option<proto::Range>, limits: &Limits) -> Result<Range, Invalid> {
    let range = given.unwrap_or_default();
    Range::new(range.prefix, range.start, range.end, limits.key_bytes_max)
        .map_err(|invalid| invalid.within("range"))
}

/// The `request_id` of an operation; empty when it has none.
#[must_use]
pub fn request_id(kind: &operation::Kind) -> &str {
    match kind {
        operation::Kind::Get(_) => "",
        operation::Kind::Set(it) => &it.request_id,
        operation::Kind::Delete(it) => &it.request_id,
        operation::Kind::Increment(it) => &it.request_id,
        operation::Kind::Touch(it) => &it.request_id,
    }
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
mod tests;
