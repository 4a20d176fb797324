//! One of the five calls on a single key, among others: what batches,
//! transactions and pipelines are made of.

use crate::{
    client::{
        call::{Call, Listed, Rpc},
        entry::Entry,
        error::Error,
        single::{Counted, Deleted, Stored, Touched},
        value::Value,
    },
    proto as pb,
};

/// One operation of several.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation(pb::Operation);

/// What one operation of several answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The answer to [`get`].
    Get(Option<Entry>),
    /// The answer to [`set`].
    Set(Stored),
    /// The answer to [`delete`].
    Delete(Deleted),
    /// The answer to [`increment`].
    Increment(Counted),
    /// The answer to [`touch`].
    Touch(Touched),
}

/// Reads an entry.
pub fn get(key: impl Into<String>) -> Call<pb::GetRequest, Listed> {
    Call::listed(pb::GetRequest {
        key: key.into(),
        ..pb::GetRequest::default()
    })
}

/// Stores a value.
pub fn set(key: impl Into<String>, value: impl Into<Value>) -> Call<pb::SetRequest, Listed> {
    Call::listed(pb::SetRequest {
        key: key.into(),
        value: Some(value.into().into()),
        ..pb::SetRequest::default()
    })
}

/// Removes a key.
pub fn delete(key: impl Into<String>) -> Call<pb::DeleteRequest, Listed> {
    Call::listed(pb::DeleteRequest {
        key: key.into(),
        ..pb::DeleteRequest::default()
    })
}

/// Adds 1 to a number, or what [`Call::by`] says.
pub fn increment(key: impl Into<String>) -> Call<pb::IncrementRequest, Listed> {
    Call::listed(pb::IncrementRequest {
        key: key.into(),
        ..pb::IncrementRequest::default()
    })
}

/// Moves a deadline.
pub fn touch(key: impl Into<String>) -> Call<pb::TouchRequest, Listed> {
    Call::listed(pb::TouchRequest {
        key: key.into(),
        ..pb::TouchRequest::default()
    })
}

macro_rules! operations {
    ($($kind:ident: $message:ident),*) => {$(
        impl From<Call<pb::$message, Listed>> for Operation {
            fn from(call: Call<pb::$message, Listed>) -> Self {
                let kind = Some(pb::operation::Kind::$kind(call.message));
                Self(pb::Operation { kind })
            }
        }
    )*};
}
operations!(
    Get: GetRequest,
    Set: SetRequest,
    Delete: DeleteRequest,
    Increment: IncrementRequest,
    Touch: TouchRequest
);

impl From<Operation> for pb::Operation {
    fn from(operation: Operation) -> Self {
        operation.0
    }
}

/// Shows the request id that an operation may carry.
pub(crate) fn request_id(operation: &mut pb::Operation, look: &mut dyn FnMut(&mut String)) {
    use pb::operation::Kind;
    match &mut operation.kind {
        Some(Kind::Set(set)) => set.each_request_id(look),
        Some(Kind::Delete(delete)) => delete.each_request_id(look),
        Some(Kind::Increment(increment)) => increment.each_request_id(look),
        Some(Kind::Touch(touch)) => touch.each_request_id(look),
        Some(Kind::Get(_)) | None => {}
    }
}

/// What each operation answered, or why it failed.
pub(crate) fn outcomes(
    results: Vec<pb::OperationResult>,
) -> Result<Vec<Result<Outcome, Error>>, Error> {
    results.into_iter().map(outcome).collect()
}

fn outcome(result: pb::OperationResult) -> Result<Result<Outcome, Error>, Error> {
    use pb::operation_result::Kind;
    let Some(kind) = result.kind else {
        return Err(Error::answer("a result of a kind unknown here"));
    };
    Ok(Ok(match kind {
        Kind::Get(get) => Outcome::Get(pb::GetRequest::answer(get)?),
        Kind::Set(set) => Outcome::Set(pb::SetRequest::answer(set)?),
        Kind::Delete(delete) => Outcome::Delete(pb::DeleteRequest::answer(delete)?),
        Kind::Increment(increment) => Outcome::Increment(pb::IncrementRequest::answer(increment)?),
        Kind::Touch(touch) => Outcome::Touch(pb::TouchRequest::answer(touch)?),
        Kind::Failure(failure) => return Ok(Err(Error::from(failure))),
    }))
}
