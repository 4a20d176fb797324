//! Which right each thing needs that a call asks for. Decided before anything
//! is looked up, so that a refusal says nothing of what is stored.

use crate::{
    calls::failure::Failure,
    gate::access::{caller::Caller, identity::Right},
    model::{
        key::Key,
        mutation::{Change, Mutation},
        operation::Operation,
        range::Range,
    },
};

/// Whether `caller` may be told of the entry under `key`.
///
/// # Errors
/// `PERMISSION_DENIED`; so with all of these.
pub fn read(caller: &Caller, key: Key<'_>) -> Result<(), Failure> {
    of_key(caller, Right::Read, key)
}

/// Whether `caller` may make a change. What is answered with a value that was
/// there needs the right to read as well.
///
/// # Errors
/// See [`read`].
pub fn mutation(caller: &Caller, mutation: &Mutation<'_>) -> Result<(), Failure> {
    of_key(caller, Right::Write, mutation.key)?;
    if tells(&mutation.change) {
        read(caller, mutation.key)?;
    }
    Ok(())
}

/// Whether `caller` may do one operation.
///
/// # Errors
/// See [`read`].
pub fn operation(caller: &Caller, operation: &Operation<'_>) -> Result<(), Failure> {
    match operation {
        Operation::Read(it) => read(caller, it.key),
        Operation::Mutate(it) => mutation(caller, it),
    }
}

/// Whether `caller` has `right` on all that `range` can hold.
///
/// # Errors
/// See [`read`].
pub fn range(caller: &Caller, right: Right, range: &Range) -> Result<(), Failure> {
    let denied = caller.may_all(right, range);
    denied.map_err(|denied| Failure::from(&denied).with_range(range))
}

fn of_key(caller: &Caller, right: Right, key: Key<'_>) -> Result<(), Failure> {
    let denied = caller.may(right, key.as_str());
    denied.map_err(|denied| Failure::from(&denied).with_echo("key", key.as_str()))
}

/// Whether the answer to a change tells of a value.
const fn tells(change: &Change<'_>) -> bool {
    match change {
        Change::Set {
            return_previous, ..
        }
        | Change::Delete { return_previous } => *return_previous,
        Change::Increment(_) => true,
        Change::Touch { omit_value, .. } => !*omit_value,
    }
}
